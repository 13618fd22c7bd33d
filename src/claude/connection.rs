//! Established TCP connections of this machine, and how long ago each last received data.
//!
//! Only these times distinguish a model that thinks slowly from one that never answers. In both cases
//! processor time, context switches, the registry and the transcript look the same, but a connection receives
//! the text and pings of an answer (measured with 2.1.329). The module queries the kernel over its diagnostic
//! socket (`sock_diag`), as `ss -ti` does, and sends nothing over a network.

use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use std::time::Duration;

/// Message type of a diagnostic request and its answers.
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// Flags `NLM_F_REQUEST` and `NLM_F_DUMP`: requests a list of all connections.
const REQUEST_ALL: u16 = 0x301;
const TCP: u8 = 6;
/// The extension that carries `tcp_info`, as a request bit and as an attribute type.
const INFO_BIT: u8 = 2;
const INFO: u16 = 2;
/// TCP state "established", as a bit.
const ESTABLISHED: u32 = 1 << 1;
const HEADER: usize = 16;
/// Length of `inet_diag_msg`, and the offset of the inode in it.
const MESSAGE: usize = 72;
const INODE: usize = 68;
/// Offset of `tcpi_last_data_recv` (milliseconds) in `tcp_info`.
const LAST_RECEIVED: usize = 52;
/// Size of the receive buffer in bytes, larger than any datagram that the kernel sends.
const BUFFER: usize = 64 * 1024;
/// Maximum number of reads. A machine with more connections yields no result.
const MOST_READS: usize = 4096;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    /// Inode of the socket, as in the links of `/proc/<pid>/fd`.
    pub inode: u32,
    /// Time since the connection last received data, or since it was opened.
    pub since_received: Duration,
}

/// Lists every established TCP connection of this machine; `None` if the kernel does not report them.
#[must_use]
pub fn established() -> Option<Vec<Connection>> {
    let mut all = Vec::new();
    // Address families `AF_INET` and `AF_INET6`.
    for family in [2, 10] {
        ask(family, &mut all)?;
    }
    Some(all)
}

fn ask(family: u8, found: &mut Vec<Connection>) -> Option<()> {
    let kind = SocketType::DGRAM;
    let flags = SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::NETLINK, kind, flags, Some(SOCK_DIAG)).ok()?;
    let mut request = vec![0_u8; HEADER + 56];
    let length = u32::try_from(request.len()).ok()?;
    request[0..4].copy_from_slice(&length.to_ne_bytes());
    request[4..6].copy_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    request[6..8].copy_from_slice(&REQUEST_ALL.to_ne_bytes());
    request[HEADER] = family;
    request[HEADER + 1] = TCP;
    request[HEADER + 2] = INFO_BIT;
    request[HEADER + 4..HEADER + 8].copy_from_slice(&ESTABLISHED.to_ne_bytes());
    let kernel = SocketAddrNetlink::new(0, 0);
    rustix::net::sendto(&socket, &request, SendFlags::empty(), &kernel).ok()?;
    let mut buffer = vec![0; BUFFER];
    for _ in 0..MOST_READS {
        let (read, _) = rustix::net::recv(&socket, &mut buffer, RecvFlags::empty()).ok()?;
        if read == 0 || take(&buffer[..read], found)? {
            return Some(());
        }
    }
    None
}

/// Extracts the connections from one answer. Returns true for the last answer, `None` for an error.
fn take(mut answer: &[u8], found: &mut Vec<Connection>) -> Option<bool> {
    while let Some(length) = number(answer, 0) {
        let length = (length as usize).clamp(HEADER, answer.len().max(HEADER));
        let message = answer.get(..length)?;
        match u16::from_ne_bytes(message.get(4..6)?.try_into().ok()?) {
            DONE => return Some(true),
            ERROR => return None,
            _ => found.extend(connection(&message[HEADER..])),
        }
        answer = answer.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Some(false)
}

fn connection(message: &[u8]) -> Option<Connection> {
    let inode = number(message, INODE)?;
    let mut attributes = message.get(MESSAGE..)?;
    while let Some(head) = attributes.get(..4) {
        let length = usize::from(u16::from_ne_bytes([head[0], head[1]]));
        let value = attributes.get(4..length)?;
        if u16::from_ne_bytes([head[2], head[3]]) == INFO {
            let milliseconds = number(value, LAST_RECEIVED)?;
            let since_received = Duration::from_millis(u64::from(milliseconds));
            return Some(Connection { inode, since_received });
        }
        attributes = attributes.get(length.next_multiple_of(4)..)?;
    }
    None
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claude::process::{Processes, Reception, SystemProcesses};
    use std::io::{Read, Write};
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_received_byte_resets_the_silence_of_a_connection() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut near = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut far, _) = listener.accept().unwrap();
        // Other tests of this process have connections too.
        let link = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&near));
        let inode = std::fs::metadata(link).unwrap().ino();
        let silence = || {
            let found = established().unwrap();
            found.iter().find(|one| u64::from(one.inode) == inode).unwrap().since_received
        };
        std::thread::sleep(Duration::from_millis(400));
        let silent = silence();
        assert!(silent >= Duration::from_millis(300), "{silent:?}");
        let Reception::Last(of_process) = SystemProcesses.reception(std::process::id()) else {
            panic!("the connection is not seen")
        };
        assert!(of_process <= silence(), "{of_process:?}");
        // On a machine under load the thread may pause between a byte and the question.
        let heard = |_| {
            far.write_all(b"x").unwrap();
            near.read_exact(&mut [0]).unwrap();
            silence()
        };
        assert!((0..20).map(heard).any(|heard| heard < silent));
    }

    #[test]
    fn damaged_netlink_answers_yield_no_connections() {
        for bytes in [&[][..], &[0; 15], &[0xff; 64], &[16, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]] {
            let mut found = Vec::new();
            let _ = take(bytes, &mut found);
            assert!(found.is_empty());
        }
    }
}
