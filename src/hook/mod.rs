//! Handles the events of a session that Claude Code reports to its hooks.
//!
//! Whatever the input, a hook exits with code 0 and prints nothing, with three exceptions: the handover at
//! the start of a session, a wake, and the warning before a prompt that the session is not being saved. A
//! stop is written to disk before anything else is read, because the hooks of a one-shot `-p` run have only a
//! fraction of a second.

mod context;
mod keeping;
mod module;
mod payload;
mod persistence;
mod rest;
mod start;
mod state;
mod stop;

pub use module::answer_module;
pub use payload::{HookEvent, LARGEST as LARGEST_PAYLOAD, Payload, PayloadReading, Refusal};
pub use start::Registration;

use crate::claude::home::{ClaudeHome, all_homes};
use crate::claude::registry::client_pid;
use crate::claude::role::is_one_shot;
use crate::config::{Config, Transport, in_force};
use crate::note::state::SaveMoment;
use crate::project::hooks::MARKER;
use crate::project::plugin;
use crate::recovery::incident::Incident;
use crate::recovery::ledger::Ledger;
use crate::store::stored::peek;
use crate::store::{StateDir, journal};
use crate::trust::enabled::{Enabled, find};
use crate::world::World;
use serde_json::json;
use std::cell::OnceCell;
use std::path::{Path, PathBuf};

/// Exit code and output of the hook process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HookReply {
    /// 0, or 2 to wake the session.
    pub exit_code: i32,
    /// Text for the model at the start of a session, or for the user before a prompt.
    pub stdout: Option<String>,
    /// Prompt text that wakes the session.
    pub stderr: Option<String>,
    /// Whether to start a supervisor: a closed session is to be resumed and no supervisor runs.
    pub supervise: bool,
    /// Whether the session waits. If so, only the wait remains: run [`Task::KeepWaiting`]
    /// with the same event.
    pub waits: bool,
}

impl HookReply {
    /// Exits with 0 and prints nothing.
    #[must_use]
    pub fn silent() -> Self {
        Self::default()
    }

    /// Returns the reply for a session that starts to wait.
    const fn waiting() -> Self {
        Self { exit_code: 0, stdout: None, stderr: None, supervise: false, waits: true }
    }
}

/// The installation whose launcher started this hook.
#[derive(Debug, Clone, Copy)]
pub enum HookCaller<'a> {
    /// The project in this directory.
    Project(&'a Path),
    User,
    Plugin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    Handle,
    /// `SessionStart` of a reopened session: wait for the planned time of its stop, as the hook of the stop would.
    Wait,
    /// Waiting part of `Handle` and `Wait`, for an event whose reply set [`HookReply::waits`]. Blocks for as
    /// long as the session waits.
    KeepWaiting,
}

/// Returns the fields of an event that [`Task::KeepWaiting`] needs, as JSON; `None` for an invalid event. The
/// other fields may contain a megabyte of the conversation.
#[must_use]
pub fn waiting_event(input: &[u8]) -> Option<String> {
    let payload = Payload::parse(input).ok()?;
    let event = json!({
        "hook_event_name": payload.event,
        "session_id": payload.session,
        "transcript_path": payload.transcript.to_str()?,
        "cwd": payload.cwd,
        "source": payload.source,
    });
    Some(event.to_string())
}

#[must_use]
pub fn run(world: World<'_>, caller: HookCaller<'_>, task: Task, input: &[u8]) -> HookReply {
    let Ok(state) = world.env.state_dir().map(StateDir::new) else { return HookReply::silent() };
    let Some(home) = world.env.claude_config_dir().map(ClaudeHome::new) else { return HookReply::silent() };
    let payload = Payload::check(input, &home);
    let enabled = match caller {
        HookCaller::Project(project) => find(&state, world.env, Some(project)),
        HookCaller::User => find(&state, world.env, None),
        HookCaller::Plugin => {
            let event = payload.as_ref().ok().map(|payload| {
                // `Stop` raises the flag and `UserPromptSubmit` lowers it, so both belong to the same owner.
                let event = if payload.event == HookEvent::UserPromptSubmit {
                    HookEvent::Stop
                } else {
                    payload.event
                };
                (event.name(), payload.session.as_str())
            });
            plugin::in_charge(&state, world.env, world.processes, event)
        }
    };
    let Some(enabled) = enabled else { return HookReply::silent() };
    let payload = match payload {
        Ok(payload) => payload,
        Err(refusal) => {
            journal::append(&state, world.clock, "payload-refused", json!({"why": refusal.why()}));
            return HookReply::silent();
        }
    };
    let launcher = match caller {
        HookCaller::Project(project) => Some(project.join(".claude").join(MARKER)),
        HookCaller::User => Some(home.dir().join(MARKER)),
        HookCaller::Plugin => plugin::launcher(world.env),
    };
    let hook = Hook {
        launcher,
        within: if let HookCaller::Project(project) = caller { Some(project) } else { None },
        world,
        state: &state,
        home: &home,
        enabled: &enabled,
        payload: &payload,
        config: OnceCell::new(),
        in_run: OnceCell::new(),
    };
    match payload.event {
        HookEvent::StopFailure if task == Task::KeepWaiting => hook.keep_waiting(),
        HookEvent::SessionStart if task != Task::Handle => hook.session_reopened(task),
        _ if task != Task::Handle => HookReply::silent(),
        HookEvent::StopFailure => hook.stop_failure(),
        HookEvent::Stop => {
            let outcome = hook.saving(SaveMoment::TurnEnded, Hook::turn_ended);
            hook.note_wrap_up();
            hook.keep_files();
            hook.watch_context();
            // Last, because it may wait for the transcript.
            hook.watch_saving();
            outcome
        }
        HookEvent::SessionEnd => {
            hook.forget_warning();
            let outcome = hook.saving(SaveMoment::SessionEnded, Hook::session_ended);
            hook.keep_files();
            outcome
        }
        HookEvent::UserPromptSubmit => hook.second_continuation().unwrap_or_else(|| hook.warn()),
        HookEvent::SessionStart => {
            let outcome = hook.session_started();
            hook.keep_files();
            outcome
        }
        HookEvent::Notification => hook.notified(),
        HookEvent::SubagentStop => {
            let outcome = hook.saving(SaveMoment::SubagentEnded, |_| HookReply::silent());
            hook.keep_files();
            outcome
        }
        HookEvent::PreCompact => {
            // Saved first: the compacted session receives it, and copying a long transcript takes time.
            hook.save_state(SaveMoment::Compacting);
            hook.before_compaction();
            HookReply::silent()
        }
    }
}

struct Hook<'a> {
    /// Path of the launcher that was started; `None` for a plugin whose path is not in the environment.
    launcher: Option<PathBuf>,
    /// The project that must contain the launcher's directory; set only for a project's own hooks.
    within: Option<&'a Path>,
    world: World<'a>,
    state: &'a StateDir,
    home: &'a ClaudeHome,
    enabled: &'a Enabled,
    payload: &'a Payload,
    /// The configuration, loaded on first use.
    config: OnceCell<Config>,
    /// Determined on first use, because the event itself may change the incident that it depends on.
    in_run: OnceCell<bool>,
}

/// Whether a run of our own works in a session. The variable that identifies the run is in the environment of its
/// client for good, but a client that a run opened in the background or in a window stays open for the user. Once
/// such a run has ended, no supervisor watches the client any more.
fn is_in_run(world: World<'_>, state: &StateDir, home: &ClaudeHome, session: &str) -> bool {
    let Some(nonce) = world.env.attempt() else { return world.env.in_attempt() };
    let Ok(mut incident) = peek::<Incident>(&state.incident(session)) else { return true };
    if let Some(run) = incident.as_mut().and_then(|incident| incident.run_mut(nonce)) {
        return run.result.is_none() || run.transport == Transport::Print;
    }
    // A run is recorded before its client is started. So a later stop has started a new series of attempts, or
    // the user has switched to another session in the client.
    let client = client_pid(world.env.claude_pid(), home, session, world.processes);
    client.is_none_or(|pid| is_one_shot(&world.processes.command_line(pid)))
}

impl Hook<'_> {
    /// Returns the project directory, or for the user's hooks the directory the session was started in.
    fn project_dir(&self) -> Option<PathBuf> {
        self.enabled.project.clone().or_else(|| self.world.env.var("CLAUDE_PROJECT_DIR").map(PathBuf::from))
    }

    /// Runs `work`, then saves the session's state.
    fn saving(&self, moment: SaveMoment, work: impl FnOnce(&Self) -> HookReply) -> HookReply {
        let outcome = work(self);
        self.save_state(moment);
        outcome
    }

    /// Whether a run of our own works in the session, so that its hooks only record.
    fn in_run(&self) -> bool {
        *self.in_run.get_or_init(|| is_in_run(self.world, self.state, self.home, &self.payload.session))
    }

    fn config(&self) -> &Config {
        self.config.get_or_init(|| in_force(self.world.env, self.project_dir().as_deref()).config)
    }

    /// Returns the configuration directories of Claude Code, starting with the hook's own.
    fn homes(&self, config: &Config) -> Vec<ClaudeHome> {
        let further: Vec<PathBuf> = config.config_dirs.iter().map(PathBuf::from).collect();
        let others = all_homes(self.world.env, &further);
        let own = ClaudeHome::new(self.home.dir());
        std::iter::once(own).chain(others.into_iter().filter(|home| home.dir() != self.home.dir())).collect()
    }

    fn ledger<'l>(&'l self, config: &'l Config, default_home: Option<&'l Path>) -> Ledger<'l> {
        Ledger { state: self.state, clock: self.world.clock, config, default_home }
    }

    /// Returns `~/.claude`, the directory that Claude Code uses if no variable is set.
    fn default_home(&self) -> Option<PathBuf> {
        self.world.env.home().map(|home| home.join(".claude"))
    }

    fn failed(&self, error: &crate::error::Error) -> HookReply {
        let fields = json!({"session": self.payload.session, "code": error.code.as_str(), "message": error.to_string()});
        journal::append(self.state, self.world.clock, "hook-failed", fields);
        HookReply::silent()
    }
}
