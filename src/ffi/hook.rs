//! The export behind `bin/hook.js`.

use crate::entry::handover::{NativeProgram, ProgramFile};
use crate::entry::hook::{self, LauncherFile};
use crate::env::Environment;
use crate::hook::Task;
use crate::project::runtime::LauncherOwner;
use napi_derive::napi;
use std::path::PathBuf;

/// Output and exit code of a hook process, and what it starts before it exits.
#[napi(object, js_name = "HookOutcome")]
pub struct HookOutcome {
    /// 0, or 2 to wake the session.
    pub exit_code: i32,
    /// Text for standard output.
    pub stdout: Option<String>,
    /// Text for standard error.
    pub stderr: Option<String>,
    /// Whether to start a supervisor in a separate process.
    pub supervise: bool,
    /// Native program to start if `supervise` is set; `null` if it does not start here, in which case Node
    /// calls `supervise`.
    pub supervisor: Option<String>,
}

/// The native program that a launcher was written for.
#[napi(object, js_name = "NativeProgramFile")]
#[derive(Debug)]
pub struct NativeProgramFile {
    pub path: String,
    /// SHA-256 of the program's contents, in hex. A program with other contents is not started.
    pub sha256: String,
}

/// Handles the hook event on standard input. `launcher` is the real path of the launcher that was started,
/// and `scope` is its scope: `project`, `user` or `plugin`. `wait` is true in the hook that waits for the
/// planned time of a reopened session. If the session waits, the native program `program` replaces this
/// process; without it, the call blocks for as long as the session waits.
#[napi(catch_unwind)]
#[must_use]
#[allow(
    clippy::needless_pass_by_value,
    reason = "napi passes strings by value; whether clippy reports it depends on the macro"
)]
pub fn hook(launcher: String, scope: String, wait: bool, program: Option<NativeProgramFile>) -> HookOutcome {
    let Some(owner) = LauncherOwner::named(&scope) else {
        return HookOutcome { exit_code: 0, stdout: None, stderr: None, supervise: false, supervisor: None };
    };
    let launcher = LauncherFile { path: PathBuf::from(launcher), owner };
    let task = if wait { Task::Wait } else { Task::Handle };
    let program = program.map(|file| ProgramFile { path: file.path.into(), sha256: file.sha256 });
    let env = Environment::of_process();
    let starting = || program.as_ref().and_then(NativeProgram::starting);
    let reply = hook::handle(&env, &launcher, task, |event| {
        if let Some(program) = starting() {
            program.wait_instead(&env, &launcher, event);
        }
    });
    let supervisor = if reply.supervise { starting() } else { None };
    HookOutcome {
        exit_code: reply.exit_code,
        stdout: reply.stdout,
        stderr: reply.stderr,
        supervise: reply.supervise,
        supervisor: supervisor.and_then(|program| program.path().to_str().map(str::to_owned)),
    }
}

/// Answers a request of the plugin's module, which runs inside Claude Code, as JSON. `line` names the request: `module`
/// for the question on standard input, `module-sessions`, or `module-cancel`, `module-pause` and `module-unpause` with
/// the id of a session. The answer is an empty object if the module must not act, and an object with `error` if the
/// request failed.
#[napi(catch_unwind)]
#[must_use]
#[allow(
    clippy::needless_pass_by_value,
    reason = "napi passes strings by value; whether clippy reports it depends on the macro"
)]
pub fn answer_plugin_module(line: String) -> String {
    hook::answer_module_line(&Environment::of_process(), &line)
}
