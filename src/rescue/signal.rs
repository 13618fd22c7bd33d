//! Sends signals to one process through a handle, so that they reach that process or none.
//!
//! On Linux the handle is a file descriptor (`pidfd`), which never refers to another process. On other
//! systems, and on kernels before 5.3, the start time is compared right before the signal.

use crate::claude::process::Processes;

/// A signal that `kill` sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "UPPERCASE")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "KillSignal"))]
pub enum Signal {
    Term,
    /// Continues a stopped process, so that it can handle the termination signal.
    Cont,
    Kill,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignalResult {
    Delivered,
    /// The process has ended.
    Gone,
    /// The system did not allow the signal.
    Refused(String),
}

/// Handle to a single process.
pub trait ProcessHandle {
    /// Sends a signal to this process and to nothing else.
    fn signal(&self, signal: Signal) -> SignalResult;
    fn is_gone(&self) -> bool;
}

/// Opens handles to processes. Tests simulate a machine.
pub trait ProcessControl: Send + Sync {
    /// Opens a handle to the process that has this id now; `Ok(None)` if there is none.
    ///
    /// # Errors
    ///
    /// Returns the reason why no handle can be opened.
    fn hold<'a>(
        &self,
        pid: u32,
        token: &str,
        processes: &'a dyn Processes,
    ) -> Result<Option<Box<dyn ProcessHandle + 'a>>, String>;
}

#[derive(Debug, Clone, Copy, Default)]
pub struct SystemProcessControl;

#[cfg(unix)]
mod system {
    use super::{ProcessControl, ProcessHandle, Processes, Signal, SignalResult, SystemProcessControl};
    use rustix::io::Errno;
    use rustix::process::Pid;

    impl Signal {
        const fn of_system(self) -> rustix::process::Signal {
            match self {
                Self::Term => rustix::process::Signal::TERM,
                Self::Cont => rustix::process::Signal::CONT,
                Self::Kill => rustix::process::Signal::KILL,
            }
        }
    }

    fn sent(result: rustix::io::Result<()>) -> SignalResult {
        match result {
            Ok(()) => SignalResult::Delivered,
            Err(Errno::SRCH) => SignalResult::Gone,
            Err(error) => SignalResult::Refused(error.to_string()),
        }
    }

    fn id(pid: u32) -> Result<Pid, String> {
        let id = i32::try_from(pid).ok().filter(|id| *id > 1).and_then(Pid::from_raw);
        id.ok_or_else(|| format!("process id {pid} cannot be signalled"))
    }

    impl ProcessControl for SystemProcessControl {
        fn hold<'a>(
            &self,
            pid: u32,
            token: &str,
            processes: &'a dyn Processes,
        ) -> Result<Option<Box<dyn ProcessHandle + 'a>>, String> {
            let id = id(pid)?;
            #[cfg(target_os = "linux")]
            match rustix::process::pidfd_open(id, rustix::process::PidfdFlags::empty()) {
                Ok(descriptor) => return Ok(Some(Box::new(ByDescriptor { descriptor }))),
                Err(Errno::SRCH) => return Ok(None),
                // The kernel, or a system call filter, does not support `pidfd_open`.
                Err(Errno::NOSYS | Errno::PERM | Errno::INVAL) => {}
                Err(error) => return Err(error.to_string()),
            }
            let held = ByStartTime { id, pid, token: token.to_owned(), processes };
            Ok((!held.is_gone()).then(|| Box::new(held) as Box<dyn ProcessHandle>))
        }
    }

    #[cfg(target_os = "linux")]
    struct ByDescriptor {
        descriptor: std::os::fd::OwnedFd,
    }

    #[cfg(target_os = "linux")]
    impl ProcessHandle for ByDescriptor {
        fn signal(&self, signal: Signal) -> SignalResult {
            // A zombie process accepts signals, but they have no effect.
            if self.is_gone() {
                return SignalResult::Gone;
            }
            sent(rustix::process::pidfd_send_signal(&self.descriptor, signal.of_system()))
        }

        fn is_gone(&self) -> bool {
            use rustix::event::{PollFd, PollFlags, Timespec, poll};
            // The descriptor becomes readable once the process has ended.
            let mut fds = [PollFd::new(&self.descriptor, PollFlags::IN)];
            let now = Timespec { tv_sec: 0, tv_nsec: 0 };
            poll(&mut fds, Some(&now)).is_ok_and(|ready| ready > 0)
        }
    }

    /// Fallback for systems without process descriptors.
    struct ByStartTime<'a> {
        id: Pid,
        pid: u32,
        token: String,
        processes: &'a dyn Processes,
    }

    impl ProcessHandle for ByStartTime<'_> {
        fn signal(&self, signal: Signal) -> SignalResult {
            if self.is_gone() {
                return SignalResult::Gone;
            }
            sent(rustix::process::kill_process(self.id, signal.of_system()))
        }

        fn is_gone(&self) -> bool {
            self.processes.start_token(self.pid).as_deref() != Some(&self.token)
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use crate::claude::process::SystemProcesses;
        use std::os::unix::process::ExitStatusExt;
        use std::process::{Child, Command};

        fn sleeper() -> Child {
            Command::new("sleep").arg("60").spawn().unwrap()
        }

        #[test]
        fn a_held_process_receives_its_signal_and_is_gone_afterwards() {
            let mut child = sleeper();
            let token = SystemProcesses.start_token(child.id()).unwrap();
            let held = SystemProcessControl.hold(child.id(), &token, &SystemProcesses).unwrap().unwrap();
            assert!(!held.is_gone());
            assert_eq!(held.signal(Signal::Term), SignalResult::Delivered);
            assert_eq!(child.wait().unwrap().signal(), Some(15));
            assert!(held.is_gone());
            assert_eq!(held.signal(Signal::Kill), SignalResult::Gone);
            assert!(SystemProcessControl.hold(child.id(), &token, &SystemProcesses).unwrap().is_none());
        }

        #[test]
        fn a_reused_process_id_is_not_signalled_by_start_time() {
            let mut child = sleeper();
            let pid = child.id();
            let by = |token: &str| ByStartTime {
                id: id(pid).unwrap(),
                pid,
                token: token.to_owned(),
                processes: &SystemProcesses,
            };
            assert_eq!(by("1").signal(Signal::Kill), SignalResult::Gone);
            assert!(child.try_wait().unwrap().is_none(), "it was not hit");
            let token = SystemProcesses.start_token(pid).unwrap();
            assert_eq!(by(&token).signal(Signal::Kill), SignalResult::Delivered);
            assert_eq!(child.wait().unwrap().signal(), Some(9));
        }

        #[test]
        fn process_groups_and_init_are_not_valid_targets() {
            for pid in [0, 1, u32::MAX, 0x8000_0000] {
                assert!(SystemProcessControl.hold(pid, "1", &SystemProcesses).is_err(), "{pid}");
            }
        }
    }
}

#[cfg(not(unix))]
mod system {
    use super::{ProcessControl, ProcessHandle, Processes, SystemProcessControl};

    impl ProcessControl for SystemProcessControl {
        fn hold<'a>(
            &self,
            _pid: u32,
            _token: &str,
            _processes: &'a dyn Processes,
        ) -> Result<Option<Box<dyn ProcessHandle + 'a>>, String> {
            Err("this system cannot ask a program to exit: close its window".to_owned())
        }
    }
}
