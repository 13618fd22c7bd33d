//! The command line of the native program. Launchers, services and the addon start it; people use `cc-session-recover`.
//!
//! ```text
//! check VERSION                                  exit code 0 where the program is of this version
//! wait SCOPE LAUNCHER                            the waiting half of a hook, for the event in CC_RECOVER_WAITING_EVENT
//! supervise                                      supervise until no session has pending work
//! serve                                          supervise until the process is ended, for a service of the user
//! ```

use super::handover::{VERSION, WAITING_EVENT};
use super::hook::{HookLauncher, LauncherScope, keep_waiting};
use super::supervisor;
use crate::env::Environment;
use crate::hook::HookReply;
use crate::project::runtime::{SERVE, SUPERVISE};
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Exit code for an unknown command line.
const USAGE: u8 = 2;

/// Runs the command line, which is given without the program's own name.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    let texts: Vec<Option<&str>> = words.iter().map(|word| word.to_str()).collect();
    match texts.as_slice() {
        [Some("check"), version] => ExitCode::from(u8::from(*version != Some(VERSION))),
        [Some("wait"), Some(scope), _] => {
            let Some(scope) = LauncherScope::named(scope) else { return ExitCode::from(USAGE) };
            let launcher = HookLauncher { path: PathBuf::from(&words[2]), scope };
            let env = Environment::of_process();
            let Some(event) = env.text(WAITING_EVENT) else { return ExitCode::from(USAGE) };
            end_hook(keep_waiting(&env, &launcher, event.as_bytes()))
        }
        [Some(SUPERVISE)] => {
            supervisor::until_nothing_is_owed();
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

/// Prints the output of a hook, ignoring errors because the client may be gone, and returns its exit code.
fn end_hook(reply: HookReply) -> ExitCode {
    let _ = std::io::stdout().write_all(reply.stdout.unwrap_or_default().as_bytes());
    let _ = std::io::stdout().flush();
    let _ = std::io::stderr().write_all(reply.stderr.unwrap_or_default().as_bytes());
    ExitCode::from(u8::try_from(reply.exit_code).unwrap_or(1))
}
