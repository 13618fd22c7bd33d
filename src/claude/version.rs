//! A client version and its features, as measured version by version.

use std::fmt;

/// Version of a client: `major.minor.patch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientVersion(u32, u32, u32);

impl ClientVersion {
    /// Parses a version such as `2.1.329`, and ignores text after it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().splitn(3, '.');
        let major = parts.next()?.parse().ok()?;
        let minor = parts.next()?.parse().ok()?;
        let rest = parts.next()?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        Some(Self(major, minor, rest[..digits].parse().ok()?))
    }

    /// A waiting `StopFailure` hook that exits with code 2 starts a new turn, provided that its `timeout`
    /// fits a 31-bit timer in milliseconds (2,147,483 s). Clients before 2.1.268 terminate a hook with a
    /// longer timeout at once. Seen with
    /// 2.1.120, not with 2.1.79 (`__test__/client/hook-timeout.test.mjs`).
    #[must_use]
    pub fn can_be_woken(self) -> bool {
        self >= Self(2, 1, 120)
    }

    /// Every client of this version registers its process, with or without a terminal. Seen with
    /// 2.1.120, not with 2.1.79.
    #[must_use]
    pub fn registers(self) -> bool {
        self >= Self(2, 1, 120)
    }

    /// Supports `--permission-prompts`. Seen with 2.1.329, not with 2.1.250.
    #[must_use]
    pub fn takes_permission_prompts(self) -> bool {
        self >= Self(2, 1, 329)
    }

    /// Records the `stop_reason` of every finished answer in the transcript. Seen with 2.1.79 and all later
    /// versions, not with 2.1.45, which writes `null`.
    #[must_use]
    pub fn tells_stop_reasons(self) -> bool {
        self >= Self(2, 1, 79)
    }

    /// The terminal client continues by itself after a 5-hour limit. From 2.1.234,
    /// according to its changelog.
    #[must_use]
    pub fn continues_by_itself(self) -> bool {
        self >= Self(2, 1, 234)
    }

    /// Loads the modules of plugins by default. Seen with 2.1.286, not with 2.1.285.
    #[must_use]
    pub fn loads_modules(self) -> bool {
        self >= Self(2, 1, 286)
    }

    /// Writes records that inform the model about an approaching usage limit (`usageLimitNote`). The
    /// executable of 2.1.250 contains this field, that of 2.1.200 does not.
    #[must_use]
    pub fn writes_limit_notes(self) -> bool {
        self > Self(2, 1, 200)
    }
}

impl fmt::Display for ClientVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_from_which_version_on_a_hook_can_wake() {
        let can = |text| ClientVersion::parse(text).map(ClientVersion::can_be_woken);
        assert_eq!(can("2.1.79"), Some(false));
        assert_eq!(can("2.1.120"), Some(true));
        assert_eq!(can("2.2.0-beta.1"), Some(true));
        assert_eq!(can("garbage"), None);
    }
}
