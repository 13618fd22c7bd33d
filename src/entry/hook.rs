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

/// The launcher that was started.
#[derive(Debug, Clone)]
pub struct HookLauncher {
    /// Its real path. A waiting process has it in its command line, by which other commands recognise it.
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
    /// The word for it in a command line and in the launchers.
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
    /// The project that has the launcher in `.claude/cc-session-recover`; `None` for the other scopes.
    #[must_use]
    pub fn project(&self) -> Option<&Path> {
        self.path.ancestors().nth(3).filter(|_| self.scope == LauncherScope::Project)
    }
}

/// Handles the hook event on standard input. Where the session then waits, `program` takes this process over, so that the call does not
/// return; without it, or where it does not start, the call blocks for as long as the session waits.
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

/// The waiting half of [`handle`], in the process of the program that took over.
#[must_use]
pub fn keep_waiting(env: &Environment, launcher: &HookLauncher, event: &[u8]) -> HookReply {
    keep_silent();
    answer(env, launcher, Task::KeepWaiting, event)
}

/// Answers the question on standard input of the plugin's module, which runs inside Claude Code. Returns JSON, or `None` where the
/// module has no say.
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
        // A launcher so close to the root is in no project.
        (LauncherScope::Project, None) => return HookReply::silent(),
        (LauncherScope::User, _) => HookCaller::User,
        (LauncherScope::Plugin, _) => HookCaller::Plugin,
    };
    run(world(env), caller, task, input)
}

const fn world(env: &Environment) -> World<'_> {
    World { env, clock: &SystemClock, processes: &SystemProcesses }
}

/// A panic would print, and a hook prints nothing.
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
