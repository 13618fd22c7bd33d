//! Runs a hook process, which is synchronous, prints nothing by accident and never fails.

use crate::claude::process::{Processes, SystemProcesses};
use crate::clock::SystemClock;
use crate::env::Environment;
use crate::error::{Code, Error};
use crate::fs::read_standard_input;
use crate::hook::{HookCaller, HookReply, LARGEST_PAYLOAD, Task, answer_module, run, waiting_event};
use crate::project::runtime::LauncherOwner;
use crate::report::cancel::{CancelOptions, cancel};
use crate::report::pause::{PauseOptions, pause};
use crate::report::status::{StatusOptions, status};
use crate::world::World;
use serde::Serialize;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Time limit for the caller to close standard input. After it, the caller gets no answer.
const PATIENCE: Duration = Duration::from_millis(500);
/// Time limit if the caller has written nothing yet and the client still runs. An overloaded or suspended client
/// starts its hooks seconds before it writes to them (2.1.332).
const PATIENCE_WITH_CLIENT: Duration = Duration::from_mins(2);

/// The launcher that started this process, which is that of the hooks or of the status line.
#[derive(Debug, Clone)]
pub struct LauncherFile {
    /// Its real path. The command line of a waiting process contains it, and other commands recognize the
    /// process by it.
    pub path: PathBuf,
    pub owner: LauncherOwner,
}

impl LauncherFile {
    /// Returns the project whose `.claude/cc-session-recover` contains the launcher; `None` for the other
    /// owners.
    #[must_use]
    pub fn project(&self) -> Option<&Path> {
        self.path.ancestors().nth(3).filter(|_| self.owner == LauncherOwner::Project)
    }
}

/// Handles the hook event on standard input. If the session then waits, `wait_instead` replaces this process with
/// the native program for the event and does not return. If `wait_instead` returns, this function blocks for as long
/// as the session waits.
pub fn handle(
    env: &Environment,
    launcher: &LauncherFile,
    task: Task,
    wait_instead: impl FnOnce(&str),
) -> HookReply {
    keep_silent();
    let Some(input) = event(env) else { return HookReply::silent() };
    let reply = answer(env, launcher, task, &input);
    if !reply.waits {
        return reply;
    }
    if let Some(event) = waiting_event(&input) {
        wait_instead(&event);
    }
    answer(env, launcher, Task::KeepWaiting, &input)
}

/// Runs the waiting part of [`handle`] in the program that replaced the process of the hook.
#[must_use]
pub fn keep_waiting(env: &Environment, launcher: &LauncherFile, event: &[u8]) -> HookReply {
    keep_silent();
    answer(env, launcher, Task::KeepWaiting, event)
}

/// A request of the plugin's module, parsed from the line of the launcher. The module runs inside Claude Code.
#[derive(Debug, Clone, PartialEq, Eq)]
enum ModuleLine {
    /// The question on standard input: the plan or the claim of a session.
    Question,
    /// The status of all sessions.
    Sessions,
    Cancel(String),
    Pause(String),
    Unpause(String),
}

impl ModuleLine {
    fn parse(line: &str) -> Option<Self> {
        let (verb, session) =
            line.split_once(' ').map_or((line, None), |(verb, session)| (verb, Some(session)));
        match (verb, session.map(str::to_owned)) {
            ("module", None) => Some(Self::Question),
            ("module-sessions", None) => Some(Self::Sessions),
            ("module-cancel", Some(session)) => Some(Self::Cancel(session)),
            ("module-pause", Some(session)) => Some(Self::Pause(session)),
            ("module-unpause", Some(session)) => Some(Self::Unpause(session)),
            _ => None,
        }
    }
}

/// Returns whether a line of the launcher is a request of the plugin's module.
#[must_use]
pub fn is_module_line(line: &str) -> bool {
    ModuleLine::parse(line).is_some()
}

/// Answers a request of the plugin's module as JSON. The answer is an empty object if the module must not act, and an
/// object with `error` if the request failed.
#[must_use]
pub fn answer_module_line(env: &Environment, line: &str) -> String {
    keep_silent();
    let world = world(env);
    let paused = |session, unpause| {
        json_of(pause(world, &PauseOptions { session: Some(session), unpause, ..PauseOptions::default() }))
    };
    match ModuleLine::parse(line) {
        Some(ModuleLine::Question) => {
            let answer = event(env).and_then(|input| answer_module(world, HookCaller::Plugin, &input));
            answer.unwrap_or_else(|| "{}".to_owned())
        }
        Some(ModuleLine::Sessions) => {
            json_of(status(world, &StatusOptions { all: true, ..StatusOptions::default() }))
        }
        Some(ModuleLine::Cancel(session)) => {
            json_of(cancel(world, &CancelOptions { session: Some(session), ..CancelOptions::default() }))
        }
        Some(ModuleLine::Pause(session)) => paused(session, false),
        Some(ModuleLine::Unpause(session)) => paused(session, true),
        None => "{}".to_owned(),
    }
}

fn json_of(answer: Result<impl Serialize, Error>) -> String {
    let text = answer.and_then(|answer| {
        serde_json::to_string(&answer).map_err(|error| Error::new(Code::Internal, error.to_string()))
    });
    text.unwrap_or_else(|error| {
        json!({"error": {"code": error.code.as_str(), "message": error.message}}).to_string()
    })
}

fn answer(env: &Environment, launcher: &LauncherFile, task: Task, input: &[u8]) -> HookReply {
    let caller = match (launcher.owner, launcher.project()) {
        (LauncherOwner::Project, Some(project)) => HookCaller::Project(project),
        // A launcher this close to the root belongs to no project.
        (LauncherOwner::Project, None) => return HookReply::silent(),
        (LauncherOwner::User, _) => HookCaller::User,
        (LauncherOwner::Plugin, _) => HookCaller::Plugin,
    };
    run(world(env), caller, task, input)
}

const fn world(env: &Environment) -> World<'_> {
    World { env, clock: &SystemClock, processes: &SystemProcesses, abort: &crate::abort::NEVER }
}

/// Silences panic messages, because a hook must not print anything by accident.
fn keep_silent() {
    std::panic::set_hook(Box::new(|_| {}));
}

/// Reads the event from standard input. Returns `None` if nothing arrives in time, or if the event exceeds
/// [`LARGEST_PAYLOAD`].
fn event(env: &Environment) -> Option<Vec<u8>> {
    let client_lives = || env.claude_pid().and_then(|pid| SystemProcesses.start_token(pid)).is_some();
    let longer = || if client_lives() { PATIENCE_WITH_CLIENT } else { Duration::ZERO };
    let (input, complete) = read_standard_input(LARGEST_PAYLOAD + 1, PATIENCE, longer);
    ((complete || !input.is_empty()) && input.len() <= LARGEST_PAYLOAD).then_some(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_launcher_in_a_project_names_it_and_one_elsewhere_names_none() {
        let project = |path: &str, owner| {
            let launcher = LauncherFile { path: PathBuf::from(path), owner };
            launcher.project().map(Path::to_path_buf)
        };
        let path = "/p/x/.claude/cc-session-recover/hook.js";
        assert_eq!(project(path, LauncherOwner::Project), Some(PathBuf::from("/p/x")));
        assert_eq!(project(path, LauncherOwner::User), None);
        assert_eq!(project(path, LauncherOwner::Plugin), None);
        assert_eq!(project("/a/hook.js", LauncherOwner::Project), None);
    }
    #[test]
    fn a_line_of_the_module_names_one_request() {
        let id = "00000000-0000-4000-8000-000000000001";
        let of = |line: &str| ModuleLine::parse(line);
        assert_eq!(of("module"), Some(ModuleLine::Question));
        assert_eq!(of("module-sessions"), Some(ModuleLine::Sessions));
        assert_eq!(of(&format!("module-cancel {id}")), Some(ModuleLine::Cancel(id.into())));
        assert_eq!(of(&format!("module-pause {id}")), Some(ModuleLine::Pause(id.into())));
        assert_eq!(of(&format!("module-unpause {id}")), Some(ModuleLine::Unpause(id.into())));
        for other in
            ["", "wait", "modul", "module x", "module-cancel", "module-sessions x", "module-pauses x"]
        {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
