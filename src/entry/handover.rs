//! Handover from a Node process to the native program, which needs a tenth of the memory while it waits.

use super::hook::LauncherFile;
use crate::env::Environment;
use crate::program;
use crate::project::runtime::{SERVE, SUPERVISE, program_beside};
use crate::service::start::SERVICE;
use crate::store::stored::sha256_hex;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
#[cfg(unix)]
use std::time::Instant;

/// Version that both sides of a handover must share.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Environment variable that passes the event of a waiting session to the program. Unlike a command line, it
/// is private to the user, and it leaves the standard streams untouched.
pub const WAITING_EVENT: &str = "CC_RECOVER_WAITING_EVENT";
/// Time limit for the program's version check.
const STARTS_WITHIN: Duration = Duration::from_secs(5);
/// Longest wait for a supervisor to leave the terminal.
#[cfg(unix)]
const LEAVES_WITHIN: Duration = Duration::from_secs(1);

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
    /// system mounted without execution, another C library). The check precedes the handover, because a
    /// program that fails after the exec would leave no waiting process.
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

    /// Returns the running program.
    #[must_use]
    pub fn running(env: &Environment) -> Option<Self> {
        env.program().map(|path| Self { path: path.to_path_buf() })
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
    /// id, the same standard streams, and an empty signal mask. Its environment is `env`. Returns only if that
    /// fails, and always on systems that cannot replace a process.
    pub fn wait_instead(&self, env: &Environment, launcher: &LauncherFile, event: &str) {
        let mut command = self.command(env);
        command.arg("wait").arg(launcher.owner.name()).arg(&launcher.path).env(WAITING_EVENT, event);
        replace_process(&mut command);
    }

    /// Starts a supervisor that outlives this process and the terminal. It exits when no session has pending
    /// work. Does nothing if it cannot be started: the next hook starts one.
    pub fn supervise_apart(&self, env: &Environment) {
        let mut command = self.command(env);
        command.arg(SUPERVISE).current_dir("/");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Ok(child) = command.spawn() {
            wait_for_session(child.id());
        }
    }

    fn command(&self, env: &Environment) -> Command {
        let mut command = Command::new(&self.path);
        command.env_clear().envs(env.all());
        command
    }
}

/// Makes this process the leader of a new terminal session, so that a signal to the process group of the client or of
/// the terminal does not reach it. Does nothing if the process is a leader already.
#[cfg(unix)]
pub fn leave_terminal() {
    let _ = rustix::process::setsid();
}

#[cfg(not(unix))]
pub const fn leave_terminal() {}

/// Waits until the supervisor has left the terminal, because the client may terminate the process group of its hook as
/// soon as the hook exits.
#[cfg(unix)]
fn wait_for_session(supervisor: u32) {
    let Some(pid) = i32::try_from(supervisor).ok().and_then(rustix::process::Pid::from_raw) else { return };
    let until = Instant::now() + LEAVES_WITHIN;
    while rustix::process::getsid(Some(pid)).is_ok_and(|session| session != pid) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[cfg(not(unix))]
const fn wait_for_session(_supervisor: u32) {}

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
