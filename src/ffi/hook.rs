//! The export behind `bin/hook.js`: synchronous, silent, and never failing.

use crate::claude::process::{Processes, SystemProcesses};
use crate::clock::SystemClock;
use crate::env::Environment;
use crate::fs::read_standard_input;
use crate::hook::{HookCaller, LARGEST_PAYLOAD, Task, answer_module, run};
use crate::world::World;
use napi_derive::napi;
use std::path::PathBuf;
use std::time::Duration;

/// A caller that keeps standard input open longer than this gets no answer.
const PATIENCE: Duration = Duration::from_millis(500);
/// The same where nothing was written yet and the client lives: one that has far too much to do, or is suspended, starts its hooks
/// seconds before it writes to them (2.1.332).
const PATIENCE_WITH_CLIENT: Duration = Duration::from_mins(2);

/// The event on standard input, if there is one.
fn event(env: &Environment) -> Option<Vec<u8>> {
    let client_lives = || env.claude_pid().and_then(|pid| SystemProcesses.start_token(pid)).is_some();
    let longer = || if client_lives() { PATIENCE_WITH_CLIENT } else { Duration::ZERO };
    let (input, complete) = read_standard_input(LARGEST_PAYLOAD + 1, PATIENCE, longer);
    ((complete || !input.is_empty()) && input.len() <= LARGEST_PAYLOAD).then_some(input)
}

/// What a hook process does when its work is over.
#[napi(object, js_name = "HookOutcome")]
pub struct HookOutcome {
    /// 0, or 2 to wake the session.
    pub exit_code: i32,
    /// Text for standard output.
    pub stdout: Option<String>,
    /// Text for standard error.
    pub stderr: Option<String>,
    /// Start a process of its own that calls `supervise`.
    pub supervise: bool,
}

/// Handles the hook event on standard input. `project` is the directory whose launcher was started, `null` for the
/// user's own hooks and for those of the plugin, for which `plugin` is true. `wait` is true in the hook that waits for the planned
/// time of a reopened session. May block for as long as a session waits.
#[napi(catch_unwind)]
#[must_use]
pub fn hook(project: Option<String>, plugin: Option<bool>, wait: Option<bool>) -> HookOutcome {
    // A panic would print; a hook prints nothing.
    std::panic::set_hook(Box::new(|_| {}));
    let env = Environment::of_process();
    let Some(input) = event(&env) else {
        return HookOutcome { exit_code: 0, stdout: None, stderr: None, supervise: false };
    };
    let world = World { env: &env, clock: &SystemClock, processes: &SystemProcesses };
    let project = project.map(PathBuf::from);
    let caller = match &project {
        Some(project) => HookCaller::Project(project),
        None if plugin == Some(true) => HookCaller::Plugin,
        None => HookCaller::User,
    };
    let task = if wait == Some(true) { Task::Wait } else { Task::Handle };
    let outcome = run(world, caller, task, &input);
    HookOutcome {
        exit_code: outcome.exit_code,
        stdout: outcome.stdout,
        stderr: outcome.stderr,
        supervise: outcome.supervise,
    }
}

/// Answers the question on standard input of the plugin's module, which runs inside Claude Code. Returns JSON, or `null` where the
/// module has no say.
#[napi(catch_unwind)]
#[must_use]
pub fn answer_plugin_module() -> Option<String> {
    std::panic::set_hook(Box::new(|_| {}));
    let env = Environment::of_process();
    let input = event(&env)?;
    let world = World { env: &env, clock: &SystemClock, processes: &SystemProcesses };
    answer_module(world, HookCaller::Plugin, &input)
}
