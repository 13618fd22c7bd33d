//! Runs the wrapped command, the status line that was configured before ours. It runs as Claude Code would
//! run it: with the same standard input, environment and working directory, and in the same process group, so
//! that the client terminates both together.

use crate::env::{Environment, PASSED_PINS, RECORDED_PATH};
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// Output limit in bytes, above which the command is killed: a million characters, more
/// than the client shows.
const LARGEST: usize = 4_000_000;
/// Interval between checks whether the command has exited while it prints nothing.
const LOOK: Duration = Duration::from_millis(5);
/// Maximum silence after the command's exit before reading ends. A background process of the command may keep
/// the pipe open.
const LINGER: Duration = Duration::from_millis(100);
/// Exit code of a shell that cannot run a command.
const CANNOT_RUN: i32 = 127;

#[derive(Debug)]
pub struct Wrapped {
    running: Option<(Child, Receiver<Vec<u8>>)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedCommandEnd {
    pub stdout: Vec<u8>,
    /// Exit code; 128 plus the signal number if a signal ended it.
    pub exit_code: i32,
}

impl Wrapped {
    /// Starts the command. Its standard error is that of this process.
    #[must_use]
    pub fn start(command: &str, input: &Arc<[u8]>, env: &Environment) -> Self {
        let mut shell = shell(command, env);
        shell.env_remove(RECORDED_PATH).env_remove(PASSED_PINS);
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(standard_error());
        let Ok(mut child) = shell.spawn() else { return Self { running: None } };
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let input = Arc::clone(input);
        std::thread::spawn(move || {
            // A command that does not read all of its input is not an error.
            let _ = stdin.map(|mut stdin| stdin.write_all(&input));
        });
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            let Some(mut stdout) = stdout else { return };
            let mut block = vec![0; 64 * 1024];
            while let Ok(count @ 1..) = stdout.read(&mut block) {
                if sender.send(block[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { running: Some((child, receiver)) }
    }

    /// Waits until the command exits, without a deadline, because the client kills a status line that it no
    /// longer needs.
    #[must_use]
    pub fn end(self) -> WrappedCommandEnd {
        let Some((mut child, output)) = self.running else {
            return WrappedCommandEnd { stdout: Vec::new(), exit_code: CANNOT_RUN };
        };
        let mut stdout = Vec::new();
        let mut status = None;
        loop {
            match output.recv_timeout(if status.is_some() { LINGER } else { LOOK }) {
                Ok(block) => stdout.extend_from_slice(&block),
                Err(RecvTimeoutError::Timeout) if status.is_none() => {
                    status = child.try_wait().ok().flatten();
                }
                Err(_) => break,
            }
            if stdout.len() > LARGEST {
                let _ = child.kill();
                break;
            }
        }
        let status = status.or_else(|| child.wait().ok());
        WrappedCommandEnd { stdout, exit_code: status.map_or(CANNOT_RUN, code_of) }
    }
}

/// Passes a duplicate of our standard error, because Node.js closes its own each time it starts a program.
#[cfg(unix)]
fn standard_error() -> Stdio {
    use std::os::fd::AsFd;
    std::io::stderr().as_fd().try_clone_to_owned().map_or_else(|_| Stdio::null(), Stdio::from)
}

#[cfg(not(unix))]
fn standard_error() -> Stdio {
    Stdio::inherit()
}

#[cfg(unix)]
fn shell(command: &str, _env: &Environment) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(command);
    shell
}

/// Uses Git's bash if the client runs this process through it, and otherwise the command interpreter.
#[cfg(windows)]
fn shell(command: &str, env: &Environment) -> Command {
    use std::os::windows::process::CommandExt;
    let bash = env
        .search_path()
        .into_iter()
        .map(|dir| dir.join("bash.exe"))
        .find(|file| env.var("MSYSTEM").is_some() && file.is_file());
    if let Some(bash) = bash {
        let mut shell = Command::new(bash);
        shell.arg("-c").arg(command);
        return shell;
    }
    let mut shell = Command::new("cmd.exe");
    shell.raw_arg(format!("/d /s /c \"{command}\""));
    shell
}

#[cfg(unix)]
fn code_of(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(CANNOT_RUN)
}

#[cfg(not(unix))]
fn code_of(status: ExitStatus) -> i32 {
    status.code().unwrap_or(CANNOT_RUN)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn run(command: &str, input: &[u8]) -> WrappedCommandEnd {
        Wrapped::start(command, &Arc::from(input), &Environment::default()).end()
    }

    #[test]
    fn a_wrapped_command_passes_its_bytes_and_exit_code_through() {
        let every: Vec<u8> = (0..=255).cycle().take(300_000).collect();
        assert_eq!(run("cat", &every), WrappedCommandEnd { stdout: every, exit_code: 0 });
        assert_eq!(
            run("printf half; exit 3", b""),
            WrappedCommandEnd { stdout: b"half".to_vec(), exit_code: 3 }
        );
        assert_eq!(run("printf x; kill -9 $$", b"").exit_code, 137);
        assert_eq!(run("/nowhere/at-all 2>/dev/null", b"").exit_code, 127);
    }

    #[test]
    fn a_wrapped_command_that_ignores_a_large_input_does_not_block() {
        let ended = run("exec 0<&-; printf ok", &vec![b'x'; 4 << 20]);
        assert_eq!(ended, WrappedCommandEnd { stdout: b"ok".to_vec(), exit_code: 0 });
    }

    #[test]
    fn a_wrapped_command_that_never_stops_printing_is_ended() {
        let ended = run("exec yes", b"");
        assert!(ended.stdout.len() > LARGEST && ended.stdout.len() < 2 * LARGEST);
        assert_ne!(ended.exit_code, 0);
    }

    #[test]
    fn background_processes_of_a_wrapped_command_are_not_waited_for() {
        let began = std::time::Instant::now();
        let ended = run("sleep 20 & printf now", b"");
        assert_eq!(ended.stdout, b"now");
        assert!(began.elapsed() < Duration::from_secs(15));
    }
}
