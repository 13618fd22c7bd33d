//! Handover from a Node process to the native program, which needs a tenth of the memory while it waits.

use super::hook::HookLauncher;
use crate::program;
use crate::project::runtime::{SERVE, program_beside};
use crate::service::start::SERVICE;
use crate::store::stored::sha256_hex;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Version that both sides of a handover must share.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Environment variable that passes the event of a waiting session to the program. Unlike a command line, it
/// is private to the user, and it leaves the standard streams untouched.
pub const WAITING_EVENT: &str = "CC_RECOVER_WAITING_EVENT";
/// Time limit for the program's version check.
const STARTS_WITHIN: Duration = Duration::from_secs(5);

/// The native program that a launcher was written for.
#[derive(Debug, Clone)]
pub struct ProgramFile {
    pub path: PathBuf,
    /// SHA-256 of its contents, in hex.
    pub sha256: String,
}

/// A native program that is known to start on this machine.
#[derive(Debug)]
pub struct NativeProgram {
    path: PathBuf,
}

impl NativeProgram {
    /// Returns the program; `None` if the file is missing, has other contents, or cannot be started (a file
    /// system mounted without execution, another C library). It is checked before the handover, because a
    /// program that fails after the exec would leave no process to wait.
    #[must_use]
    pub fn starting(file: &ProgramFile) -> Option<Self> {
        let ProgramFile { path, sha256 } = file;
        if !path.is_absolute() || sha256_hex(&std::fs::read(path).ok()?) != *sha256 {
            return None;
        }
        Self::checked(path)
    }

    /// Returns the program beside the addon of the running package, if it starts.
    #[must_use]
    pub fn beside(addon: &Path) -> Option<Self> {
        program_beside(addon).and_then(|path| Self::checked(&path))
    }

    fn checked(path: &Path) -> Option<Self> {
        let ended = program::run(Command::new(path).args(["check", VERSION]), STARTS_WITHIN).ok()?;
        (ended.code == Some(0)).then(|| Self { path: path.to_path_buf() })
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces this process with the program, which supervises until it is terminated. Returns in the same
    /// cases as [`Self::wait_instead`].
    pub fn serve_instead(&self) {
        replace_process(Command::new(&self.path).arg(SERVE).env_remove(SERVICE));
    }

    /// Replaces this process with the program, which waits for the session of the event with the same process
    /// id, the same standard streams, and an empty signal mask. Returns only if that fails, and always on
    /// systems that cannot replace a process.
    pub fn wait_instead(&self, launcher: &HookLauncher, event: &str) {
        let mut command = Command::new(&self.path);
        command.arg("wait").arg(launcher.scope.name()).arg(&launcher.path).env(WAITING_EVENT, event);
        replace_process(&mut command);
    }
}

#[cfg(unix)]
fn replace_process(command: &mut Command) {
    use rustix::io::{FdFlags, fcntl_setfd};
    // Node marks its standard streams close-on-exec; if they stayed closed, Rust would open /dev/null in
    // their place.
    let mark = |flags| {
        let _ = fcntl_setfd(std::io::stdin(), flags);
        let _ = fcntl_setfd(std::io::stdout(), flags);
        let _ = fcntl_setfd(std::io::stderr(), flags);
    };
    mark(FdFlags::empty());
    let _ = std::os::unix::process::CommandExt::exec(command);
    mark(FdFlags::CLOEXEC);
}

#[cfg(not(unix))]
fn replace_process(_command: &mut Command) {}
