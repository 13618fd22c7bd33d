//! A process, identified so that a reused process id cannot be mistaken for it: its id and its start time.

use std::fs;

/// Looks processes up. Tests pass a table of their own.
pub trait Processes: Send + Sync {
    /// The token that Claude Code's registry writes as `procStart`, for a process that runs now; `None` when there is
    /// no such process (or it is a zombie).
    fn start_token(&self, pid: u32) -> Option<String>;
    /// Name of the process-id space we are in, as far as the registry's `pidDomain` can be compared with it.
    fn domain(&self) -> Option<String>;
}

/// The machine's own processes.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemProcesses;

impl Processes for SystemProcesses {
    /// Linux: field 22 of `/proc/<pid>/stat`, ticks since boot. Elsewhere: start time in seconds since the epoch.
    #[cfg(target_os = "linux")]
    fn start_token(&self, pid: u32) -> Option<String> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field is the command name in parentheses and may hold anything.
        let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
        let state = fields.next()?;
        (state != "Z" && state != "X").then(|| fields.nth(18).map(str::to_owned)).flatten()
    }

    #[cfg(not(target_os = "linux"))]
    fn start_token(&self, pid: u32) -> Option<String> {
        let mut system = sysinfo::System::new().ok()?;
        let pid = sysinfo::Pid::from_u32(pid);
        system.refresh_processes(sysinfo::ProcessesToUpdate::Some(&[pid]), true);
        system.process(pid).map(|process| process.start_time().to_string())
    }

    fn domain(&self) -> Option<String> {
        // "pid:[4026531836]"; the registry writes "linux:<machine-id>:pid:[4026531836]".
        fs::read_link("/proc/self/ns/pid").ok().map(|link| link.to_string_lossy().into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_a_living_process_from_a_dead_one() {
        let own = SystemProcesses.start_token(std::process::id());
        assert!(own.is_some_and(|token| token.bytes().all(|byte| byte.is_ascii_digit())));
        assert_eq!(SystemProcesses.start_token(u32::MAX - 7), None);
    }
}
