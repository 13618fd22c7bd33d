//! The command line of the native program. Launchers, services and the addon start it; users run `cc-session-recover`.
//!
//! ```text
//! check VERSION                                  exit with code 0 if the program has this version
//! hook OWNER LAUNCHER LINE                       a hook if no Node.js is found, or a request of the plugin's module
//! wait OWNER LAUNCHER                            the waiting part of a hook, for the event in CC_RECOVER_WAITING_EVENT
//! status-line OWNER LAUNCHER COMMAND             the status line around COMMAND if no Node.js is found
//! supervise                                      supervise until no session has pending work
//! serve                                          supervise until the process is terminated, for the user's service
//! ```
//!
//! `hook` and `status-line` read the values of their launcher from variables that the launcher's script sets.

use super::handover::{NativeProgram, VERSION, WAITING_EVENT, leave_terminal};
use super::hook::{LauncherFile, answer_module_line, handle, is_module_line, keep_waiting};
use super::{status_line, supervisor};
use crate::env::Environment;
use crate::fs::canonical;
use crate::hook::{HookReply, Task};
use crate::project::runtime::{LauncherOwner, SERVE, SUPERVISE};
use std::ffi::OsString;
use std::io::Write;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Exit code for an unknown command line.
const USAGE: u8 = 2;

/// Runs the command line, which is given without the program's own name. A panic, which is a bug, ends what
/// Claude Code starts without an error, as it ends with the addon; the service manager learns of it.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    let serves = words.first().is_some_and(|verb| verb == SERVE);
    catch_unwind(|| run_verb(words)).unwrap_or(if serves { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn run_verb(words: &[OsString]) -> ExitCode {
    let texts: Vec<Option<&str>> = words.iter().map(|word| word.to_str()).collect();
    match texts.as_slice() {
        [Some("check"), version] => ExitCode::from(u8::from(*version != Some(VERSION))),
        [Some("hook"), owner, _, Some(line)] => {
            let Some(launcher) = launcher(*owner, &words[2]) else { return ExitCode::from(USAGE) };
            let env = Environment::of_process();
            let pinned = env.passed_pins();
            hook(&env.of_hook(pinned), &launcher, line)
        }
        [Some("wait"), owner, _] => {
            let Some(launcher) = launcher(*owner, &words[2]) else { return ExitCode::from(USAGE) };
            let env = Environment::of_process();
            let Some(event) = env.text(WAITING_EVENT) else { return ExitCode::from(USAGE) };
            end_hook(keep_waiting(&env, &launcher, event.as_bytes()))
        }
        [Some("status-line"), owner, _, Some(command)] => {
            let Some(launcher) = launcher(*owner, &words[2]) else { return ExitCode::from(USAGE) };
            let pinned = Environment::of_process().passed_pins();
            let drawn = status_line::draw(&launcher, Some(*command).filter(|text| !text.is_empty()), pinned);
            let _ = std::io::stdout().write_all(&drawn.stdout);
            code(drawn.exit_code)
        }
        [Some(SUPERVISE)] => {
            leave_terminal();
            supervisor::until_no_work_is_pending();
            ExitCode::SUCCESS
        }
        [Some(SERVE)] => match supervisor::without_end() {
            Ok(never) => match never {},
            Err(error) => {
                let _ = writeln!(std::io::stderr(), "cc-session-recover: {error}");
                ExitCode::from(u8::try_from(error.code.exit_code()).unwrap_or(1))
            }
        },
        _ => ExitCode::from(USAGE),
    }
}

fn launcher(owner: Option<&str>, path: &OsString) -> Option<LauncherFile> {
    let path = canonical(Path::new(path)).unwrap_or_else(|_| PathBuf::from(path));
    Some(LauncherFile { path, owner: LauncherOwner::named(owner?)? })
}

fn hook(env: &Environment, launcher: &LauncherFile, line: &str) -> ExitCode {
    if is_module_line(line) {
        let answer = answer_module_line(env, line);
        return end_hook(HookReply { stdout: Some(answer), ..HookReply::silent() });
    }
    let task = if line == "wait" { Task::Wait } else { Task::Handle };
    let program = NativeProgram::running(env);
    // A new process needs less memory to wait than the one that handled the event.
    let reply = handle(env, launcher, task, |event| {
        if let Some(program) = &program {
            program.wait_instead(env, launcher, event);
        }
    });
    if let Some(program) = program.filter(|_| reply.supervise) {
        program.supervise_apart(env);
    }
    end_hook(reply)
}

/// Prints the output of a hook, ignoring errors because the client may be gone, and returns its exit code.
fn end_hook(reply: HookReply) -> ExitCode {
    let _ = std::io::stdout().write_all(reply.stdout.unwrap_or_default().as_bytes());
    let _ = std::io::stdout().flush();
    let _ = std::io::stderr().write_all(reply.stderr.unwrap_or_default().as_bytes());
    code(reply.exit_code)
}

fn code(exit_code: i32) -> ExitCode {
    ExitCode::from(u8::try_from(exit_code).unwrap_or(1))
}
