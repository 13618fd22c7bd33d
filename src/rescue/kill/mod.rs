//! Ends the client of a session and nothing else. A kill first reports what will be ended and what may be
//! lost, then exports the session, and checks the identity of the process again right before each signal.
//!
//! It opens a handle to the process before the export, so that no signal can reach a process that reuses the
//! id. Background sessions are ended with `claude stop`, because their daemon would restart a worker that
//! disappears.

pub mod ending;
pub mod guard;
pub mod target;

use super::copy::Progress;
use super::export::{ExportOptions, Exported, Selection, export};
use super::manifest::Manifest;
use super::session_log;
use super::signal::{ProcessControl, ProcessHandle};
use crate::claude::process::{Process, below};
use crate::claude::registry::read_record;
use crate::claude::role::{Role, role_of};
use crate::error::{Code, Error, Result};
use crate::fs::{lossy_or_null, own_uid};
use crate::recovery::launch::{ATTEMPT, OF_A_CHILD};
use crate::recovery::plan::Action;
use crate::report::find_project::project_named;
use crate::report::inventory::{Inventory, InventoryRow, ReportContext};
use crate::report::session::{Commands, Session};
use crate::session::StopKind;
use crate::session::state::{Activity, State};
use crate::session::stop::time_or_null;
use crate::store::journal;
use crate::text::one_line;
use crate::world::World;
use chrono::{DateTime, Utc};
use ending::{KillContext, KillForce, KillOutcome, PATIENCE, SentSignal, TOOL_PATIENCE};
use guard::{KillCaller, KillCandidate, refusal};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use target::{KillableClient, clients, matching_client};

const SCHEMA: &str = "cc-session-recover/kill@1";
/// Time limit for `claude stop`.
const STOP_LIMIT: Duration = Duration::from_secs(30);
/// Maximum number of tool processes reported.
const MOST_CHILDREN: usize = 50;

/// A process at one point in time, identified by its id and by a start time that distinguishes it from later
/// processes with the same id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "KillTarget"))]
pub struct Expected {
    /// Id of the process.
    pub pid: u32,
    /// Start time of the process, in the format of the operating system.
    pub start_token: String,
    /// Id of the session that it has open.
    pub session: String,
}

/// Options of `killSession`: the client to end, and how.
#[expect(clippy::struct_excessive_bools, reason = "they are flags of a command line")]
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct KillOptions {
    /// Terminal (`pts/3`), process id, or session: an id, an id prefix of at least 3 characters, a
    /// name or a title.
    pub target: String,
    /// Restricts the search to sessions of this project.
    pub project: Option<PathBuf>,
    /// Process that the user agreed to end. Any other process is refused.
    pub expected: Option<Expected>,
    /// Whether to export the session first. Defaults to `true`.
    pub export: bool,
    /// Export of an earlier attempt; reused if nothing was written since.
    pub exported: Option<PathBuf>,
    /// Directory for the export; defaults to the one in the state directory.
    pub to: Option<PathBuf>,
    /// Directory of the session log; defaults to the state directory.
    pub log: Option<PathBuf>,
    /// Whether to kill the process if it does not end within 10 s.
    pub force: bool,
    /// Kill at once, because it was asked before.
    pub asked: bool,
    /// Whether to end the processes of its tools, too.
    pub tree: bool,
    /// Whether to only report the plan and send no signal.
    pub dry_run: bool,
}

impl Default for KillOptions {
    fn default() -> Self {
        Self {
            target: String::new(),
            project: None,
            expected: None,
            export: true,
            exported: None,
            to: None,
            log: None,
            force: false,
            asked: false,
            tree: false,
            dry_run: false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum KillWay {
    Signal,
    /// With `claude stop`, because it is a background session.
    Stop,
}

/// What happened to a child process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum ChildFate {
    Running,
    /// The process is not ended, because it belongs to Claude Code itself or to another user, has its own
    /// session, or is above this command.
    Kept,
    Ended,
    Killed,
    Left,
}

/// A process below a client. `kept`: the process is never ended, because it belongs to Claude Code itself or
/// to another user, has its own session, or is above this command.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct KillChild {
    /// Id of the process.
    pub pid: u32,
    /// Start time of the process, in the format of the operating system.
    pub start_token: String,
    /// Name of its program.
    pub command: String,
    /// Start time of the process.
    #[serde(serialize_with = "time_or_null")]
    pub started_at: Option<DateTime<Utc>>,
    /// What happened to the process.
    pub fate: ChildFate,
}

/// Result of `killSession`, schema `cc-session-recover/kill@1`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct KillReport {
    /// Schema name and version of this object.
    #[cfg_attr(test, ts(type = "'cc-session-recover/kill@1'"))]
    pub schema: &'static str,
    /// Time when this result was generated, RFC 3339.
    #[serde(serialize_with = "crate::session::stop::time")]
    pub generated_at: DateTime<Utc>,
    /// Whether this is a dry run, which sends no signal.
    pub dry_run: bool,
    /// Process to be ended.
    pub expected: Expected,
    /// Terminal of the process.
    pub tty: Option<String>,
    /// Start time of the process.
    #[serde(serialize_with = "time_or_null")]
    pub started_at: Option<DateTime<Utc>>,
    /// Whether the client is ended by a signal or, as a background session, by `claude stop`.
    pub way: KillWay,
    /// State of the session before the kill; `null` if none of its files is on disk.
    pub session: Option<Box<Session>>,
    /// What may be lost, one sentence per item.
    pub risks: Vec<String>,
    /// Processes that the client started and that are still running.
    pub children: Vec<KillChild>,
    /// What happened to the process.
    pub outcome: KillOutcome,
    /// Signals that were sent, in order.
    pub signals: Vec<SentSignal>,
    /// Exports made before the kill.
    pub exports: Vec<Exported>,
    /// Export of an earlier attempt that is still complete.
    #[serde(serialize_with = "lossy_or_null")]
    pub exported: Option<PathBuf>,
    /// Commands that reopen the session; `null` while it is live, and if none of its files is on disk.
    pub commands: Option<Commands>,
    /// Further facts about the session.
    pub notes: Vec<String>,
    /// Session log that records the operation; `null` if nothing was done or the log could not be written.
    #[serde(serialize_with = "lossy_or_null")]
    pub log: Option<PathBuf>,
}

/// Ends the client that matches the target, or with `dry_run` reports what would be ended.
///
/// # Errors
///
/// Returns the errors of [`matching_client`]; [`Code::KillRefused`] if the process may not be ended;
/// [`Code::ChangedMeanwhile`] if it is no longer the process that was shown; the errors of [`export`], in
/// which case no signal was sent; [`Code::ClientNotFound`] if there is no `claude` to stop a background
/// session with.
pub fn kill(
    world: World<'_>,
    hands: &dyn ProcessControl,
    options: &KillOptions,
    progress: &Progress,
) -> Result<KillReport> {
    if options.target.trim().is_empty() {
        return Err(Error::new(Code::Usage, "no target given")
            .hint("name a session, a terminal or a process that `cc-session-recover list` shows"));
    }
    let project = options.project.as_deref().map(|dir| project_named(world, dir)).transpose()?;
    let ground = ReportContext::read(world, project.as_deref())?;
    // A project narrows the search by name only. The export covers every transcript of the
    // session, wherever it is.
    let inventory = Inventory::take(&ground, None)?;
    let narrowed = project.as_deref().map(|project| Inventory::take(&ground, Some(project))).transpose()?;
    let table = world.processes.table();
    let clients = clients(&inventory, world.processes);
    let named = narrowed.as_ref().unwrap_or(&inventory);
    let client = matching_client(&options.target, named, &clients, &table, world.processes)?;
    let caller = KillCaller::of(world.env, &table, std::process::id(), own_uid());
    let rows: Vec<&InventoryRow> = inventory
        .rows
        .iter()
        .filter(|row| row.found.id() == client.session && row.found.home == client.home)
        .collect();
    let kill =
        Kill { world, hands, options, ground: &ground, inventory: &inventory, client: &client, caller, rows };
    kill.run(&table, progress)
}

struct Kill<'a> {
    world: World<'a>,
    hands: &'a dyn ProcessControl,
    options: &'a KillOptions,
    ground: &'a ReportContext<'a>,
    inventory: &'a Inventory<'a>,
    client: &'a KillableClient,
    caller: KillCaller,
    /// Transcripts of the session; several if there are copies.
    rows: Vec<&'a InventoryRow>,
}

impl Kill<'_> {
    fn run(&self, table: &[Process], progress: &Progress) -> Result<KillReport> {
        let mut report = self.plan(table)?;
        if self.options.dry_run {
            return Ok(report);
        }
        let processes = self.world.processes;
        let pid = self.client.pid;
        let held = self.hands.hold(pid, &self.client.token, processes).map_err(|why| {
            Error::new(Code::KillRefused, format!("cannot open a handle to process {pid}: {why}"))
        })?;
        let Some(held) = held else { return Ok(self.finish(report, KillOutcome::Gone)) };
        // Open the handles before any signal is sent, because a tool's process id may be reused later.
        let tools = if self.options.tree { self.hold_tools(&report.children) } else { Vec::new() };
        match self.save(progress) {
            Ok((exports, exported)) => (report.exports, report.exported) = (exports, exported),
            Err(error) if error.code == Code::Aborted => return Err(error),
            Err(error) => return Err(self.not_saved(error)),
        }
        // From here on an abort has no effect: the client may already have received a signal.
        self.world.abort.check()?;
        let stopped = table.iter().any(|process| process.pid == pid && process.stopped);
        let (outcome, sent) = self.end(held.as_ref(), stopped);
        report.signals = sent;
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                let fields = json!({"session": self.client.session, "pid": pid, "code": error.code.as_str(), "message": error.to_string()});
                journal::append(&self.ground.state, self.world.clock, "kill-failed", fields);
                return Err(error);
            }
        };
        if outcome != KillOutcome::StillAlive {
            self.end_tools(&mut report, &tools);
        }
        Ok(self.finish(report, outcome))
    }

    /// Plans the kill without side effects.
    fn plan(&self, table: &[Process]) -> Result<KillReport> {
        let client = self.client;
        if let Some(expected) = &self.options.expected
            && *expected != self.identity()
        {
            return Err(Error::new(
                Code::ChangedMeanwhile,
                format!(
                    "process {} with session {} is not the one that was shown",
                    client.pid, client.session
                ),
            )
            .hint("run the command again and check what it shows"));
        }
        if let Some(error) = refusal(&self.inspect(), &self.caller) {
            return Err(error);
        }
        let session = self.row().map(|row| self.inventory.report(row));
        if session.as_ref().is_some_and(|session| session.state == State::Current) {
            return Err(Error::new(Code::KillRefused, "it is the session you are in")
                .hint("end it with /exit, or from another terminal"));
        }
        let way = if client.background { KillWay::Stop } else { KillWay::Signal };
        if way == KillWay::Stop && client.job.is_none() {
            return Err(Error::new(
                Code::KillRefused,
                format!("process {} is a background session whose job id is unknown", client.pid),
            )
            .hint("end it with `claude agents`"));
        }
        if self.options.export && self.rows.is_empty() {
            self.may_be_lost()?;
        }
        let own = table.iter().find(|process| process.pid == client.pid);
        let children = self.children(table);
        Ok(KillReport {
            schema: SCHEMA,
            generated_at: self.world.clock.now(),
            dry_run: self.options.dry_run,
            expected: self.identity(),
            tty: own.and_then(|own| own.tty.clone()),
            started_at: own.and_then(|own| own.started_at),
            way,
            risks: risks(session.as_ref(), client, &children, self.options),
            notes: notes(session.as_ref(), client),
            session: session.map(Box::new),
            children,
            outcome: KillOutcome::Planned,
            signals: Vec::new(),
            exports: Vec::new(),
            exported: None,
            commands: None,
            log: None,
        })
    }

    fn identity(&self) -> Expected {
        let KillableClient { pid, token, session, .. } = self.client;
        Expected { pid: *pid, start_token: token.clone(), session: session.clone() }
    }

    /// Returns the most recently active transcript.
    fn row(&self) -> Option<&InventoryRow> {
        self.rows.iter().copied().max_by_key(|row| row.summary.last_activity)
    }

    /// Reads the current state of the client.
    fn inspect(&self) -> KillCandidate {
        let table = self.world.processes.table();
        let KillableClient { pid, token, session, background, .. } = self.client;
        let suspect =
            KillCandidate::inspect_process(*pid, token, Some(session), &table, self.world.processes);
        KillCandidate { background: *background, ..suspect }
    }

    /// Checks whether the client may be ended although no transcript was found, which is the case if the
    /// session is still empty.
    fn may_be_lost(&self) -> Result<()> {
        let named =
            |path: &Path| path.file_stem().and_then(std::ffi::OsStr::to_str) == Some(&self.client.session);
        let unread =
            self.inventory.problems.iter().find(|problem| problem.path.as_deref().is_some_and(named));
        if let Some(problem) = unread {
            return Err(Error {
                message: format!("its transcript cannot be read, so it cannot be saved: {}", problem.message),
                hint: Some("fix that, or add --no-export".to_owned()),
                ..problem.clone()
            });
        }
        if self.client.status.as_deref() == Some("idle") {
            return Ok(());
        }
        Err(Error::new(
            Code::KillRefused,
            format!("no file of {} is on disk, so it cannot be saved", self.client.session),
        )
        .hint("add --no-export to end it anyway; its conversation is then lost"))
    }

    fn children(&self, table: &[Process]) -> Vec<KillChild> {
        let processes = self.world.processes;
        let mut kept: Vec<u32> = Vec::new();
        let mut children = Vec::new();
        for process in below(table, self.client.pid) {
            let line = processes.command_line(process.pid);
            if line.iter().any(|word| word.contains("cc-session-recover/hook.js")) {
                // This process ends by itself together with its client.
                continue;
            }
            let own = role_of(process, processes) != Role::Other
                || processes.owner(process.pid) != self.caller.owner
                || self.caller.above.contains(&process.pid)
                || self.caller.pid == process.pid;
            if own || kept.contains(&process.parent) {
                kept.push(process.pid);
            }
            let name =
                line.first().map(Path::new).and_then(Path::file_name).and_then(std::ffi::OsStr::to_str);
            children.push(KillChild {
                pid: process.pid,
                start_token: process.start_token.clone(),
                command: one_line(name.unwrap_or(&process.name), 60),
                started_at: process.started_at,
                fate: if kept.contains(&process.pid) { ChildFate::Kept } else { ChildFate::Running },
            });
        }
        children.truncate(MOST_CHILDREN);
        children
    }

    /// Exports every transcript of the session. Reuses the export of an earlier attempt if
    /// nothing was written since.
    fn save(&self, progress: &Progress) -> Result<(Vec<Exported>, Option<PathBuf>)> {
        if !self.options.export || self.rows.is_empty() {
            return Ok((Vec::new(), None));
        }
        if let ([row], Some(earlier)) = (self.rows.as_slice(), &self.options.exported) {
            let length = std::fs::metadata(&row.found.path).map(|meta| meta.len()).ok();
            let holds = Manifest::read(earlier).is_ok_and(|manifest| {
                manifest.session.id == self.client.session
                    && Path::new(&manifest.session.transcript) == row.found.path
                    && manifest.transcript().map(|entry| entry.bytes) == length
            });
            if holds {
                return Ok((Vec::new(), Some(earlier.clone())));
            }
        }
        let mut exports = Vec::new();
        for row in &self.rows {
            let wanted = ExportOptions {
                selection: Selection {
                    session: Some(row.found.path.to_string_lossy().into_owned()),
                    ..Selection::default()
                },
                to: self.options.to.clone(),
                log: self.options.log.clone(),
                ..ExportOptions::default()
            };
            exports.extend(export(self.world, &wanted, progress)?.exports);
        }
        if exports.is_empty() {
            return Err(Error::new(
                Code::VerificationFailed,
                "nothing was exported, so the process was not ended",
            ));
        }
        Ok((exports, None))
    }

    fn not_saved(&self, error: Error) -> Error {
        let fields = json!({"session": self.client.session, "pid": self.client.pid, "code": error.code.as_str(), "message": error.to_string()});
        journal::append(&self.ground.state, self.world.clock, "kill-failed", fields);
        let more = error.hint.map_or_else(String::new, |hint| format!("{hint}; or "));
        Error {
            message: format!("it could not be saved, so it was not ended: {}", error.message),
            hint: Some(format!("{more}add --no-export to end it without an export")),
            ..error
        }
    }

    fn end(&self, held: &dyn ProcessHandle, stopped: bool) -> (Result<KillOutcome>, Vec<SentSignal>) {
        // With `/clear` and `/resume` a client switches to another session.
        if let Some(now) = self.session_now().filter(|now| *now != self.client.session) {
            let error = Error::new(
                Code::ChangedMeanwhile,
                format!(
                    "process {} has since switched to session {now}, which was not shown",
                    self.client.pid
                ),
            );
            return (Err(error.hint("run the command again and check what it shows")), Vec::new());
        }
        let mut note = |pid: u32, signal| {
            let fields = json!({"session": self.client.session, "pid": pid, "startToken": self.client.token, "signal": signal});
            journal::append(&self.ground.state, self.world.clock, "kill-signal", fields);
        };
        let mut ending =
            KillContext { clock: self.world.clock, caller: &self.caller, note: &mut note, sent: Vec::new() };
        if self.client.background {
            let outcome = self.stop(&ending, held);
            return (outcome, ending.sent);
        }
        let means = match (self.options.asked, self.options.force) {
            (true, _) => KillForce::Force,
            (false, true) => KillForce::AskThenForce,
            (false, false) => KillForce::Ask,
        };
        let outcome = ending.end(held, &|| self.inspect(), stopped, means, PATIENCE);
        (outcome, ending.sent)
    }

    /// Returns the session that the client's own record names; `None` if there is no record.
    fn session_now(&self) -> Option<String> {
        let records = self.inventory.homes.iter().filter_map(|home| read_record(home, self.client.pid));
        let mut own = records.filter(|record| record.proc_start.as_ref() == Some(&self.client.token));
        own.next().map(|record| record.session_id)
    }

    /// Has the daemon end the background session.
    fn stop(&self, ending: &KillContext<'_>, held: &dyn ProcessHandle) -> Result<KillOutcome> {
        let suspect = self.inspect();
        if held.is_gone() || suspect.is_gone() {
            return Ok(KillOutcome::Gone);
        }
        if let Some(error) = refusal(&suspect, &self.caller) {
            return Err(error);
        }
        let Some(job) = &self.client.job else { return Ok(KillOutcome::StillAlive) };
        let env = self.world.env;
        let cwd = self.row().and_then(|row| row.summary.cwd.as_deref()).map(Path::new);
        let program = crate::claude::program::locate(env, cwd)?;
        let home = self.inventory.homes[self.client.home].dir();
        let mut command = Command::new(program);
        command.args(["stop", job]).current_dir(home);
        for name in OF_A_CHILD.into_iter().chain([ATTEMPT]) {
            command.env_remove(name);
        }
        if env.home().is_some_and(|own| own.join(".claude") == home) {
            command.env_remove("CLAUDE_CONFIG_DIR");
        } else {
            command.env("CLAUDE_CONFIG_DIR", home);
        }
        let fields = json!({"session": self.client.session, "pid": self.client.pid, "job": job});
        journal::append(&self.ground.state, self.world.clock, "kill-stop", fields);
        let ended = crate::program::run(&mut command, STOP_LIMIT)
            .map_err(|why| Error::new(Code::Io, format!("`claude stop {job}` {why}")))?;
        if ending.wait(held, PATIENCE) {
            return Ok(KillOutcome::Ended);
        }
        if ended.code == Some(0) {
            return Ok(KillOutcome::StillAlive);
        }
        Err(Error::new(Code::Io, format!("`claude stop {job}` did not end it: {}", ended.complaint)))
    }

    fn hold_tools(&self, children: &[KillChild]) -> Vec<(u32, Box<dyn ProcessHandle + '_>)> {
        let wanted = children.iter().filter(|child| child.fate == ChildFate::Running);
        let processes = self.world.processes;
        wanted
            .filter_map(|child| {
                let held = self.hands.hold(child.pid, &child.start_token, processes).ok()??;
                // If the token matches now that the handle is open, the handle belongs
                // to the reported process.
                let same = processes.start_token(child.pid).as_ref() == Some(&child.start_token);
                same.then_some((child.pid, held))
            })
            .collect()
    }

    /// Ends the tool processes to which handles are open, and records what happened to each child.
    fn end_tools(&self, report: &mut KillReport, tools: &[(u32, Box<dyn ProcessHandle + '_>)]) {
        use super::signal::{Signal, SignalResult};
        let clock = self.world.clock;
        let mut send = |pid: u32, held: &dyn ProcessHandle, signal: Signal| {
            let fields = json!({"session": self.client.session, "pid": pid, "signal": signal, "tool": true});
            journal::append(&self.ground.state, clock, "kill-signal", fields);
            if held.signal(signal) == SignalResult::Delivered {
                report.signals.push(SentSignal { pid, signal, at: clock.now() });
            }
        };
        let living = || tools.iter().filter(|(_, held)| !held.is_gone());
        for (pid, held) in living() {
            send(*pid, held.as_ref(), Signal::Term);
        }
        self.wait_for_all(tools);
        let mut killed = Vec::new();
        if self.options.force || self.options.asked {
            for (pid, held) in living() {
                send(*pid, held.as_ref(), Signal::Kill);
                killed.push(*pid);
            }
            self.wait_for_all(tools);
        }
        for child in report.children.iter_mut().filter(|child| child.fate == ChildFate::Running) {
            let lives = self.world.processes.start_token(child.pid).as_ref() == Some(&child.start_token);
            child.fate = match (lives, killed.contains(&child.pid)) {
                (true, _) => ChildFate::Left,
                (false, true) => ChildFate::Killed,
                (false, false) => ChildFate::Ended,
            };
        }
    }

    fn wait_for_all(&self, tools: &[(u32, Box<dyn ProcessHandle + '_>)]) {
        let clock = self.world.clock;
        let began = clock.since_boot();
        while tools.iter().any(|(_, held)| !held.is_gone())
            && clock.since_boot().saturating_sub(began) < TOOL_PATIENCE
        {
            clock.sleep(Duration::from_millis(50));
        }
    }

    /// Records the outcome in the report, the journal and the session log.
    fn finish(&self, mut report: KillReport, outcome: KillOutcome) -> KillReport {
        report.outcome = outcome;
        if outcome != KillOutcome::StillAlive {
            report.commands = self.commands_now();
        }
        let left = report.children.iter().filter(|child| child.fate == ChildFate::Left).count();
        if left > 0 && outcome != KillOutcome::StillAlive {
            let tools = if left == 1 {
                "one tool process still runs".into()
            } else {
                format!("{left} tool processes still run")
            };
            report.notes.push(format!("{tools}; --tree ends them too"));
        }
        let fields = json!({
            "session": self.client.session,
            "pid": self.client.pid,
            "startToken": self.client.token,
            "outcome": outcome,
            "exports": report.exports.iter().map(|one| &one.path).collect::<Vec<_>>(),
            "left": left,
        });
        journal::append(&self.ground.state, self.world.clock, "kill", fields);
        let saved = match (report.exports.first(), &report.exported) {
            (Some(one), _) => format!(", saved in {}", one.path.display()),
            (None, Some(path)) => format!(", saved in {}", path.display()),
            (None, None) => ", not saved".to_owned(),
        };
        let how = match outcome {
            KillOutcome::Ended => "ended",
            KillOutcome::Killed => "ended by force",
            KillOutcome::Gone => "had already ended",
            KillOutcome::StillAlive => "STILL ALIVE",
            KillOutcome::Planned => "nothing was done",
        };
        let row = session_log::SessionLogRow {
            session: &self.client.session,
            bytes: report.session.as_ref().map(|session| session.bytes),
            action: "kill",
            result: &format!("process {} {how}{saved}", self.client.pid),
        };
        let dir = self.options.log.as_deref().unwrap_or(self.ground.state.root());
        report.log = session_log::add(dir, self.world.clock.now(), &[row]).ok();
        report
    }

    /// Returns the commands that reopen the session, from a fresh inventory.
    fn commands_now(&self) -> Option<Commands> {
        let path = &self.row()?.found.path;
        let inventory = Inventory::take(self.ground, None).ok()?;
        let row = inventory.rows.iter().find(|row| row.found.path == *path)?;
        Some(inventory.report(row).commands)
    }
}

/// Describes what may be lost, one sentence each.
fn risks(
    session: Option<&Session>,
    client: &KillableClient,
    children: &[KillChild],
    options: &KillOptions,
) -> Vec<String> {
    let mut risks = Vec::new();
    match session {
        None if client.status.as_deref() == Some("idle") => {
            risks.push("It has no conversation yet, so there is nothing to resume.".to_owned());
        }
        None => risks.push("None of its files is on disk: its conversation is lost.".to_owned()),
        Some(session) => {
            let busy = session.activity == Some(Activity::Busy) || session.stop.kind == StopKind::Running;
            if busy && session.state == State::Hung {
                risks.push("It is in the middle of a turn, and shows no sign of work.".to_owned());
            } else if busy {
                risks.push(
                    "It is in the middle of a turn: the current answer, and results that tools have not returned yet, are lost."
                        .to_owned(),
                );
            }
            if session.activity == Some(Activity::Waiting) {
                let what = session.live.as_ref().and_then(|live| live.waiting_for.as_deref());
                let what = what.map_or_else(String::new, |what| format!(" ({})", one_line(what, 60)));
                risks.push(format!("It is waiting for you{what}: the question has to be asked again."));
            }
        }
    }
    let running = children.iter().filter(|child| child.fate == ChildFate::Running).count();
    if running > 0 {
        let tools = if running == 1 { "One process runs".into() } else { format!("{running} processes run") };
        risks.push(if options.tree {
            format!("{tools} below it, and would be ended too.")
        } else {
            format!("{tools} below it, and may continue without it; --tree ends them too.")
        });
    }
    if !options.export && session.is_some() {
        risks.push("It will not be saved first.".to_owned());
    }
    risks
}

/// Returns notes about the session for the user.
fn notes(session: Option<&Session>, client: &KillableClient) -> Vec<String> {
    let mut notes = Vec::new();
    let Some(session) = session else { return notes };
    if matches!(session.next.action, Action::Wake | Action::Client) {
        notes.push("if left alone, it would continue by itself".to_owned());
    }
    if session.incident.as_ref().is_some_and(|incident| incident.phase.is_active()) {
        let id = &session.id[..8.min(session.id.len())];
        notes.push(format!(
            "recovery is pending: if unattended runs are allowed, the session may be resumed; `cc-session-recover cancel {id}` prevents that"
        ));
    }
    if let Some(live) = session.live.as_ref().filter(|live| live.pid != client.pid) {
        notes.push(format!("process {} has it open too", live.pid));
    }
    notes
}

#[cfg(test)]
mod tests;
