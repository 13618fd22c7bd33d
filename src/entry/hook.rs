//! A hook process: synchronous, silent, and never failing.

use super::handover::{NativeProgram, ProgramFile};
use crate::claude::process::{Processes, SystemProcesses};
use crate::clock::SystemClock;
use crate::env::Environment;
use crate::fs::read_standard_input;
use crate::hook::{HookCaller, HookReply, LARGEST_PAYLOAD, Task, answer_module, run, waiting_event};
use crate::world::World;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A caller that keeps standard input open longer than this gets no answer.
const PATIENCE: Duration = Duration::from_millis(500);
/// The same where nothing was written yet and the client lives: one that has far too much to do, or is suspended, starts its hooks
/// seconds before it writes to them (2.1.332).
const PATIENCE_WITH_CLIENT: Duration = Duration::from_mins(2);

/// The launcher that started this process.
#[derive(Debug, Clone)]
pub struct HookLauncher {
    /// Its real path. The command line of a waiting process contains it, and other commands recognise the
    /// process by it.
    pub path: PathBuf,
    pub scope: LauncherScope,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LauncherScope {
    Project,
    User,
    Plugin,
}

impl LauncherScope {
    /// Returns the name of the scope in command lines and in the launchers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::User => "user",
            Self::Plugin => "plugin",
        }
    }

    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Project, Self::User, Self::Plugin].into_iter().find(|scope| scope.name() == name)
    }
}

impl HookLauncher {
    /// Returns the project whose `.claude/cc-session-recover` contains the launcher; `None` for the other
    /// scopes.
    #[must_use]
    pub fn project(&self) -> Option<&Path> {
        self.path.ancestors().nth(3).filter(|_| self.scope == LauncherScope::Project)
    }
}

/// Handles the hook event on standard input. If the session then waits, `program` replaces this process and
/// the call does not return. Without a program, or if it does not start, the call blocks for as long as the
/// session waits.
#[must_use]
pub fn handle(launcher: &HookLauncher, task: Task, program: Option<&ProgramFile>) -> HookReply {
    keep_silent();
    let env = Environment::of_process();
    let Some(input) = event(&env) else { return HookReply::silent() };
    let reply = answer(&env, launcher, task, &input);
    if !reply.waits {
        return reply;
    }
    if let (Some(program), Some(event)) = (program.and_then(NativeProgram::starting), waiting_event(&input)) {
        program.wait_instead(launcher, &event);
    }
    answer(&env, launcher, Task::KeepWaiting, &input)
}

/// Runs the waiting part of [`handle`] in the program that replaced the Node process.
#[must_use]
pub fn keep_waiting(env: &Environment, launcher: &HookLauncher, event: &[u8]) -> HookReply {
    keep_silent();
    answer(env, launcher, Task::KeepWaiting, event)
}

/// Reads a question of the plugin's module, which runs inside Claude Code, from standard input. Returns the
/// answer as JSON, or `None` if the module must not act.
#[must_use]
pub fn answer_plugin_module() -> Option<String> {
    keep_silent();
    let env = Environment::of_process();
    let input = event(&env)?;
    answer_module(world(&env), HookCaller::Plugin, &input)
}

fn answer(env: &Environment, launcher: &HookLauncher, task: Task, input: &[u8]) -> HookReply {
    let caller = match (launcher.scope, launcher.project()) {
        (LauncherScope::Project, Some(project)) => HookCaller::Project(project),
        // A launcher this close to the root belongs to no project.
        (LauncherScope::Project, None) => return HookReply::silent(),
        (LauncherScope::User, _) => HookCaller::User,
        (LauncherScope::Plugin, _) => HookCaller::Plugin,
    };
    run(world(env), caller, task, input)
}

const fn world(env: &Environment) -> World<'_> {
    World { env, clock: &SystemClock, processes: &SystemProcesses }
}

/// Silences panic messages, because a hook must not print anything by accident.
fn keep_silent() {
    std::panic::set_hook(Box::new(|_| {}));
}

/// The event on standard input, if there is one.
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
        let project = |path: &str, scope| {
            let launcher = HookLauncher { path: PathBuf::from(path), scope };
            launcher.project().map(Path::to_path_buf)
        };
        let path = "/p/x/.claude/cc-session-recover/hook.js";
        assert_eq!(project(path, LauncherScope::Project), Some(PathBuf::from("/p/x")));
        assert_eq!(project(path, LauncherScope::User), None);
        assert_eq!(project(path, LauncherScope::Plugin), None);
        assert_eq!(project("/a/hook.js", LauncherScope::Project), None);
    }
}
