//! Checks whether the machine has a default route, without sending anything.

use std::net::IpAddr;

/// Flag of an active route.
const RTF_UP: u32 = 0x1;
/// Flag of a route that rejects what it matches.
const RTF_REJECT: u32 = 0x200;
/// Domain of the API host and its subdomains.
const API_DOMAIN: &str = "anthropic.com";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultRoute {
    Present,
    /// Neither IPv4 nor IPv6 has a default route.
    Absent,
    Unknown,
}

impl DefaultRoute {
    /// Determines the route from the contents of `/proc/net/route` and `/proc/net/ipv6_route`.
    #[must_use]
    pub fn of_tables(ipv4: Option<&str>, ipv6: Option<&str>) -> Self {
        let four = ipv4.is_some_and(|table| table.lines().skip(1).any(is_default_ipv4));
        let six = ipv6.is_some_and(|table| table.lines().any(is_default_ipv6));
        match ipv4 {
            _ if four || six => Self::Present,
            Some(_) => Self::Absent,
            None => Self::Unknown,
        }
    }

    /// Reads the routing tables of this machine.
    #[must_use]
    pub fn of_machine() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).ok();
        if cfg!(target_os = "linux") {
            Self::of_tables(read("/proc/net/route").as_deref(), read("/proc/net/ipv6_route").as_deref())
        } else {
            Self::Unknown
        }
    }
}

/// Parses `Iface Destination Gateway Flags RefCnt Use Metric Mask ...`, with addresses in hexadecimal. A VPN
/// may replace the default route by two halves, whose masks have one bit.
fn is_default_ipv4(line: &str) -> bool {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let [_, _, _, flags, _, _, _, mask, ..] = fields[..] else { return false };
    let wide = u32::from_str_radix(mask, 16).is_ok_and(|mask| mask.count_ones() <= 1);
    wide && u32::from_str_radix(flags, 16).is_ok_and(|flags| flags & (RTF_UP | RTF_REJECT) == RTF_UP)
}

/// Parses `Destination PrefixLength Source PrefixLength NextHop Metric RefCnt Use Flags Device`. A machine
/// without IPv6 has a rejecting default route on `lo`.
fn is_default_ipv6(line: &str) -> bool {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let [_, length, _, _, _, _, _, _, flags, device] = fields[..] else { return false };
    let wide = u32::from_str_radix(length, 16).is_ok_and(|length| length <= 1);
    let in_use = u32::from_str_radix(flags, 16).is_ok_and(|flags| flags & (RTF_UP | RTF_REJECT) == RTF_UP);
    wide && in_use && device != "lo"
}

/// Returns whether requests to the API need a default route. An address on this machine or in a private
/// network does not; behind a proxy, or for another host name, this is unknown.
#[must_use]
pub fn needs_default_route(base_url: Option<&str>, proxied: bool) -> bool {
    if proxied {
        return false;
    }
    let Some(url) = base_url else { return true };
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = match host.strip_prefix('[') {
        Some(inner) => inner.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => {
            !(ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified())
        }
        Ok(IpAddr::V6(ip)) => {
            !(ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_unspecified())
        }
        Err(_) => host == API_DOMAIN || host.strip_suffix(API_DOMAIN).is_some_and(|rest| rest.ends_with('.')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";
    const LAN: &str = "eth0\t0002000A\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n";
    const DEFAULT: &str = "eth0\t00000000\t0102000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n";
    const HALF: &str = "tun0\t00000080\t0108000A\t0003\t0\t0\t0\t00000080\t0\t0\t0\n";
    const DOWN: &str = "eth0\t00000000\t0102000A\t0002\t0\t0\t100\t00000000\t0\t0\t0\n";
    const REJECTED: &str = "*\t00000000\t00000000\t0201\t0\t0\t0\t00000000\t0\t0\t0\n";
    const NONE6: &str = "00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n";
    const LOCAL6: &str = "fe800000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\n";
    const DEFAULT6: &str = "00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000064 00000001 00000000 00000003     eth0\n";

    #[test]
    fn a_machine_is_offline_only_if_no_table_has_an_active_default_route() {
        let table = |lines: &[&str]| format!("{HEAD}{}", lines.concat());
        for (ipv4, ipv6, expected) in [
            (Some(table(&[DEFAULT, LAN])), Some(NONE6), DefaultRoute::Present),
            (Some(table(&[LAN, HALF])), None, DefaultRoute::Present),
            (Some(table(&[LAN])), Some(DEFAULT6), DefaultRoute::Present),
            (Some(table(&[LAN])), Some(NONE6), DefaultRoute::Absent),
            (Some(table(&[LAN])), Some(LOCAL6), DefaultRoute::Absent),
            (Some(table(&[LAN, DOWN])), None, DefaultRoute::Absent),
            (Some(table(&[REJECTED])), None, DefaultRoute::Absent),
            (Some(table(&[])), None, DefaultRoute::Absent),
            (None, None, DefaultRoute::Unknown),
            (None, Some(NONE6), DefaultRoute::Unknown),
        ] {
            assert_eq!(DefaultRoute::of_tables(ipv4.as_deref(), ipv6), expected, "{ipv4:?} {ipv6:?}");
        }
    }

    #[test]
    fn only_the_api_and_public_addresses_need_a_default_route() {
        for (base_url, needed) in [
            (None, true),
            (Some("https://api.anthropic.com"), true),
            (Some("https://API.anthropic.com./v1"), true),
            (Some("https://8.8.8.8:8443/x"), true),
            (Some("http://127.0.0.1:4000"), false),
            (Some("http://user@[::1]:4000/"), false),
            (Some("http://10.1.2.3"), false),
            (Some("http://localhost:4000"), false),
            (Some("https://gateway.example"), false),
            (Some("https://notanthropic.com"), false),
            (Some("nonsense"), false),
        ] {
            assert_eq!(needs_default_route(base_url, false), needed, "{base_url:?}");
            assert!(!needs_default_route(base_url, true), "{base_url:?} behind a proxy");
        }
    }
}
