//! Runs a program of the operating system: found outside the current project, started without a shell, and
//! killed at its deadline.

use crate::env::Environment;
use crate::fs::canonical;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Interval between two checks whether the program has exited.
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// Maximum amount of standard error that is retained, in bytes.
const LARGEST_COMPLAINT: u64 = 4 * 1024;
/// Maximum amount of standard output that is retained, in bytes.
const LARGEST_OUTPUT: u64 = 256 * 1024;
/// Maximum wait for the output after the program has exited. A background process of the program may keep the
/// pipe open.
const LINGER: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramEnd {
    /// Exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// First part of its standard error, on one line.
    pub complaint: String,
}

/// Returns the directory whose programs are never run: the project, because the contents of a repository must
/// not decide what runs. The home directory and the directories above it are never excluded, because the user
/// installed what is there.
#[must_use]
pub fn excluded_directory(env: &Environment, project: Option<&Path>) -> Option<PathBuf> {
    let project = canonical(project?).ok()?;
    let home = env.home().and_then(|home| canonical(&home).ok());
    (!home.is_some_and(|home| home.starts_with(&project))).then_some(project)
}

/// Finds the first program of this name on `PATH` whose real path is outside `project`.
#[must_use]
pub fn find(env: &Environment, name: &str, project: Option<&Path>) -> Option<PathBuf> {
    let inside = excluded_directory(env, project);
    let outside = |path: &Path| {
        canonical(path).is_ok_and(|real| inside.as_ref().is_none_or(|dir| !real.starts_with(dir)))
    };
    let dirs = env.search_path().into_iter().filter(|dir| outside(dir));
    let path = std::env::join_paths(dirs).ok()?;
    which::which_in_all(name, Some(path), "/").ok()?.find(|program| program.is_absolute() && outside(program))
}

/// Returns the Node.js that runs this process, or the first of `recorded` that exists, or the first one on
/// `PATH`, but never one inside `project`.
#[must_use]
pub fn node(env: &Environment, recorded: &[PathBuf], project: Option<&Path>) -> Option<PathBuf> {
    let is_node = |program: &&Path| {
        program
            .file_stem()
            .is_some_and(|stem| stem.to_string_lossy().to_ascii_lowercase().starts_with("node"))
    };
    let running = env.program().filter(is_node).map(Path::to_path_buf);
    running
        .or_else(|| recorded.iter().find_map(|path| usable(env, path, project)))
        .or_else(|| find(env, "node", project))
}

/// Returns an absolute path if it is a program outside `project`.
fn usable(env: &Environment, path: &Path, project: Option<&Path>) -> Option<PathBuf> {
    let inside = excluded_directory(env, project);
    let real = canonical(path).ok().filter(|_| path.is_absolute())?;
    which::which_in(&real, None::<&str>, "/").ok()?;
    inside.is_none_or(|dir| !real.starts_with(dir)).then(|| path.to_path_buf())
}

/// Runs a command without input, discards its standard output, and kills it after `limit`.
///
/// # Errors
///
/// Returns an error if the program could not be started, or if it was killed because it did not exit in time.
pub fn run(command: &mut Command, limit: Duration) -> Result<ProgramEnd, String> {
    run_with_input(command, Vec::new(), limit)
}

/// Runs a command as [`run`] does, with `input` on its standard input.
///
/// # Errors
///
/// Returns the errors of [`run`].
pub fn run_with_input(command: &mut Command, input: Vec<u8>, limit: Duration) -> Result<ProgramEnd, String> {
    run_piped(command.stdout(Stdio::null()), input, limit).map(|(end, _)| end)
}

/// Runs a command as [`run`] does, and also returns the first part of its standard output.
///
/// # Errors
///
/// Returns the errors of [`run`].
pub fn run_for_output(command: &mut Command, limit: Duration) -> Result<(ProgramEnd, Vec<u8>), String> {
    run_piped(command.stdout(Stdio::piped()), Vec::new(), limit)
}

fn run_piped(
    command: &mut Command,
    input: Vec<u8>,
    limit: Duration,
) -> Result<(ProgramEnd, Vec<u8>), String> {
    command.stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() });
    command.stderr(Stdio::piped());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(windows)]
    {
        /// `CREATE_NO_WINDOW`: suppresses the console window.
        const NO_WINDOW: u32 = 0x0800_0000;
        std::os::windows::process::CommandExt::creation_flags(command, NO_WINDOW);
    }
    let started = Instant::now();
    let mut child = command.spawn().map_err(|error| format!("could not be started: {error}"))?;
    if let Some(mut to) = child.stdin.take() {
        // Written in a separate thread: a program that does not read its input must not delay the deadline.
        std::thread::spawn(move || to.write_all(&input));
    }
    let complaint = read_beginning(child.stderr.take(), LARGEST_COMPLAINT);
    let output = read_beginning(child.stdout.take(), LARGEST_OUTPUT);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => {
                let bytes = complaint.recv_timeout(LINGER).unwrap_or_default();
                let complaint = crate::text::one_line(&String::from_utf8_lossy(&bytes), 400);
                let output = output.recv_timeout(LINGER).unwrap_or_default();
                return Ok((ProgramEnd { code: status.code(), complaint }, output));
            }
            Ok(None) if started.elapsed() < limit => std::thread::sleep(POLL_INTERVAL),
            Ok(None) => {
                end(&mut child);
                return Err(format!("did not end within {} s", limit.as_secs_f64()));
            }
            Err(error) => {
                end(&mut child);
                return Err(format!("was lost: {error}"));
            }
        }
    }
}

/// Reads an output in a separate thread and sends its first part at the end. The rest is drained, so that the
/// program never blocks.
fn read_beginning(output: Option<impl Read + Send + 'static>, largest: u64) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let Some(mut output) = output else { return };
        let mut bytes = Vec::new();
        let _ = output.by_ref().take(largest).read_to_end(&mut bytes);
        let _ = std::io::copy(&mut output, &mut std::io::sink());
        let _ = sender.send(bytes);
    });
    receiver
}

/// Kills the program; on Unix also its process group, which contains its children.
fn end(child: &mut Child) {
    #[cfg(unix)]
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// Returns whether a process with this id exists, whichever user owns it.
#[cfg(unix)]
#[must_use]
pub fn process_exists(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| !matches!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH)))
}

/// Always returns true, because this system has no cheap check. Files that may be in
/// use are therefore retained.
#[cfg(not(unix))]
#[must_use]
pub fn process_exists(_pid: u32) -> bool {
    true
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn script(path: &Path) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn a_program_in_the_project_is_skipped_even_behind_a_link() {
        let root = tempfile::tempdir().unwrap();
        let project = root.path().join("project");
        script(&project.join("bin/tool"));
        script(&root.path().join("good/tool"));
        std::fs::create_dir(root.path().join("linked")).unwrap();
        std::os::unix::fs::symlink(project.join("bin/tool"), root.path().join("linked/tool")).unwrap();
        let dirs = [project.join("bin"), root.path().join("linked"), root.path().join("good")];
        let env = Environment::from_pairs([("PATH", std::env::join_paths(&dirs).unwrap())], "/");
        assert_eq!(find(&env, "tool", Some(&project)), Some(root.path().join("good/tool")));
        assert_eq!(find(&env, "tool", None), Some(project.join("bin/tool")));
        let relative = Environment::from_pairs([("PATH", "bin:.")], &project);
        assert_eq!(find(&relative, "tool", None), None);
    }

    #[test]
    fn a_recorded_node_is_used_if_none_runs_unless_it_is_gone_or_in_the_project() {
        let root = tempfile::tempdir().unwrap();
        let (project, recorded) = (root.path().join("project"), root.path().join("recorded/node"));
        script(&project.join("node"));
        script(&recorded);
        script(&root.path().join("path/node"));
        let env = Environment::from_pairs([("PATH", root.path().join("path"))], "/");
        let gone = root.path().join("gone/node");
        let inside = project.join("node");
        let of = |nodes: &[&PathBuf]| {
            node(&env, &nodes.iter().map(|&path| path.clone()).collect::<Vec<_>>(), Some(&project))
        };
        assert_eq!(of(&[&gone, &recorded]), Some(recorded.clone()));
        assert_eq!(of(&[&inside]), Some(root.path().join("path/node")));
        assert_eq!(of(&[]), Some(root.path().join("path/node")));
    }

    #[test]
    fn run_returns_the_exit_code_and_the_sanitized_standard_error() {
        let ended = run(
            Command::new("/bin/sh").args(["-c", "echo 'no\u{1b}[31m bus' >&2; exit 3"]),
            Duration::from_secs(20),
        );
        assert_eq!(
            ended,
            Ok(ProgramEnd { code: Some(3), complaint: "no bus".into() }).map_err(|_: String| String::new())
        );
        let loud = run(
            Command::new("/bin/sh").args(["-c", "head -c 3000000 /dev/zero >&2"]),
            Duration::from_secs(20),
        );
        assert_eq!(loud.unwrap().code, Some(0));
        assert!(
            run(&mut Command::new("/nowhere/tool"), Duration::from_secs(1)).unwrap_err().contains("started")
        );
    }

    #[test]
    fn the_beginning_of_standard_output_is_returned_and_the_rest_is_drained() {
        let script = "printf 'one\\ntwo'; echo why >&2; exit 4";
        let (ended, output) =
            run_for_output(Command::new("/bin/sh").args(["-c", script]), Duration::from_secs(20)).unwrap();
        assert_eq!(
            (ended.code, ended.complaint.as_str(), output.as_slice()),
            (Some(4), "why", &b"one\ntwo"[..])
        );
        let script = "head -c 3000000 /dev/zero";
        let (ended, output) =
            run_for_output(Command::new("/bin/sh").args(["-c", script]), Duration::from_secs(20)).unwrap();
        assert_eq!((ended.code, output.len() as u64), (Some(0), LARGEST_OUTPUT));
    }

    #[test]
    fn a_hanging_program_is_ended_with_its_children() {
        let dir = tempfile::tempdir().unwrap();
        let pid = dir.path().join("pid");
        let line = format!("/bin/sleep 60 & echo $! > '{}'; wait", pid.display());
        let hung = run(Command::new("/bin/sh").args(["-c", &line]), Duration::from_secs(2));
        assert!(hung.unwrap_err().contains("did not end"));
        let stat = format!("/proc/{}/stat", std::fs::read_to_string(&pid).unwrap().trim());
        let gone = || std::fs::read_to_string(&stat).map_or(true, |text| text.contains(") Z "));
        let started = Instant::now();
        while !gone() && started.elapsed() < Duration::from_secs(50) {
            std::thread::sleep(POLL_INTERVAL);
        }
        assert!(gone());
    }
}
