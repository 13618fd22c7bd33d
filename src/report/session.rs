//! Reports one session, as the same object in every command (`cc-session-recover/session@1`).

use super::inventory::InventoryRow;
use super::remains::Remains;
use super::words::SessionStatus;
use crate::claude::glance::glance;
use crate::claude::home::ClaudeHome;
use crate::claude::process::{Process, Processes, below};
use crate::claude::record::Body;
use crate::claude::transcript::{Backwards, Transcript};
use crate::config::ContextConfig;
use crate::error::{Code, Error, Result};
use crate::fs::{lossy, lossy_or_null};
use crate::keep::LossKind;
use crate::note::gather::gather_conversation;
use crate::note::text::line;
use crate::note::workflow::{self, WorkflowAgentEnd, WorkflowRun};
use crate::recovery::incident::Incident;
use crate::recovery::plan::{Action, DailyContinues, RecoveryPlan};
use crate::recovery::reason::{PlanReason, Reason};
use crate::session::ending::Liveness;
use crate::session::files::companion_of;
use crate::session::owners::{ClientMode, HeldBy, OwnerProcess, SessionOwners};
use crate::session::scan::{Found, found_at};
use crate::session::state::{Activity, OpenAtCrash, State, Verdict, without_owner};
use crate::session::stop::{time, time_or_null};
use crate::session::summary::Summary;
use crate::session::{Evidence, Stop, StopKind};
use crate::text::one_line;
use crate::watch::weight::ContextSize;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Maximum length of a displayed run id, in characters.
const LONGEST_LABEL: usize = 80;
/// Maximum length of a displayed call, in characters; the same as in the note.
const LONGEST_CALL: usize = 1000;

/// Schema name and version of this object.
pub const SCHEMA: &str = "cc-session-recover/session@1";
/// Maximum length of a displayed name, title or prompt, in characters.
const SHOWN: usize = 200;
/// Maximum number of listed processes below a client.
const MOST_CHILDREN: usize = 50;
/// Project to which a session belongs.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "SessionProject"))]
pub struct Project {
    /// The project with hooks that contains the session, if any.
    #[serde(serialize_with = "lossy_or_null")]
    pub dir: Option<PathBuf>,
    /// Working directory of its newest message.
    pub cwd: Option<String>,
}

/// A process below the client: a running tool, a hook, or a server.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ChildProcess {
    /// Process id of the child.
    pub pid: u32,
    /// Name of its program.
    pub command: String,
    /// Start time of the process.
    #[serde(serialize_with = "time_or_null")]
    pub started_at: Option<DateTime<Utc>>,
}

/// The process that has the session open, identified by process id and start time.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "LiveProcess"))]
pub struct Live {
    /// Process id of the client.
    pub pid: u32,
    /// Terminal, such as `pts/3` or `ttys004`; `null` without a terminal.
    pub tty: Option<String>,
    /// Where the user finds the session: `pts/3`, `background job 0a1b2c3d`, `process 4711`.
    pub place: String,
    /// Other clients that have the same session open. The conversation forks as soon as two of them continue.
    pub others: Vec<OtherLive>,
    /// `interactive`: a terminal. `print`: `-p` or an SDK. `background`: a worker of Claude Code's daemon.
    pub kind: ClientMode,
    /// How the process was identified: by Claude Code's registry with the start time, or by the process table
    /// alone (for clients without a registry).
    pub proof: HeldBy,
    /// Start time of the process.
    #[serde(serialize_with = "time_or_null")]
    pub started_at: Option<DateTime<Utc>>,
    /// Status reported by the client: `busy`, `idle`, `waiting`; `null` if the client reports none.
    pub status: Option<String>,
    /// If `waiting`: what the client waits for, in its own words, such as `permission prompt`.
    pub waiting_for: Option<String>,
    /// Job id of a background session, for `claude attach` and `claude stop`.
    pub job: Option<String>,
    /// CPU usage in percent of one processor, measured only where it decides between working and hung.
    pub cpu_percent: Option<f64>,
    /// Processes that the client started and that are still running.
    pub children: Vec<ChildProcess>,
}

/// Another client that has the session open.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "OtherLiveProcess"))]
pub struct OtherLive {
    /// Process id, verified by its start time.
    pub pid: u32,
    /// Where the user finds the client: `pts/3`, `background job 0a1b2c3d`, `process 4711`.
    pub place: String,
}

/// A workflow run of a session. Its agents are identified by their labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SessionWorkflow {
    /// Id of the run.
    pub id: String,
    /// Agents whose results are reused when the run is resumed.
    pub finished: Vec<String>,
    /// Agents that a usage limit refused or cut off.
    pub refused: Vec<String>,
    /// Agents that started and have no result yet, because they were cut off or are still running.
    pub cut: Vec<String>,
    /// Agents that failed for a reason other than a usage limit.
    pub failed: Vec<String>,
    /// Tool call that continues the run; `null` if the run is finished or its script is gone.
    pub resume_call: Option<String>,
}

impl SessionWorkflow {
    /// Reads the workflow runs beside a transcript.
    #[must_use]
    pub fn of(transcript: &Transcript<'_>, path: &Path) -> Vec<Self> {
        let runs = workflow::runs(&companion_of(path));
        // The arguments of a run are in the call that started it.
        let unfinished = runs.iter().any(|run| !run.is_finished());
        let called = if unfinished { gather_conversation(transcript).workflows } else { Vec::new() };
        let one = |run: WorkflowRun| {
            let ended = |end| run.ended(end).map(str::to_owned).collect();
            let known = called.iter().find(|(other, _)| other.id == run.id);
            let args = known.and_then(|(_, args)| args.as_ref());
            Self {
                id: line(&run.id, LONGEST_LABEL),
                finished: ended(WorkflowAgentEnd::Finished),
                refused: ended(WorkflowAgentEnd::Refused),
                cut: ended(WorkflowAgentEnd::Cut),
                failed: ended(WorkflowAgentEnd::Failed),
                resume_call: run
                    .resume_call(args)
                    .filter(|_| !run.is_finished())
                    .map(|call| line(&call, LONGEST_CALL)),
            }
        };
        runs.into_iter().map(one).collect()
    }
}

/// Transcripts of a session's subagents.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Subagents {
    /// Number of subagent transcripts.
    pub count: usize,
    /// Total size of these transcripts, in bytes.
    pub bytes: u64,
    /// Time of the newest record in any of these transcripts.
    #[serde(serialize_with = "time_or_null")]
    pub last_activity_at: Option<DateTime<Utc>>,
}

/// A copy of a transcript made by a directory synchronization tool, such as `<id> 2.jsonl`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ConflictCopy {
    /// Path of the copy.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// Size of the copy, in bytes.
    pub bytes: u64,
    /// Time of its newest message.
    #[serde(serialize_with = "time_or_null")]
    pub newest_at: Option<DateTime<Utc>>,
}

impl ConflictCopy {
    /// Reads the size and the newest message of the copy at this path.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        let bytes = std::fs::symlink_metadata(&path).map_or(0, |meta| meta.len());
        let newest_at = newest_message(&path);
        Self { path, bytes, newest_at }
    }
}

fn lossy_each<S: serde::Serializer>(paths: &[PathBuf], to: S) -> std::result::Result<S::Ok, S::Error> {
    to.collect_seq(paths.iter().map(|path| path.to_string_lossy()))
}

/// Group of a session, the same on every screen. `needs-you`: nothing continues until the user acts.
/// `waiting`: it continues by itself later, or once it is no longer paused. `hung`: a process has it open and
/// shows no sign of work. `running`: a process has it open and nothing is pending, or a continuation is in
/// progress. `settled`: no process has it open and nothing is pending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum SessionGroup {
    /// Nothing continues until the user acts.
    NeedsYou,
    /// The session continues by itself at a later time, or once it is no longer paused.
    Waiting,
    /// A process has it open and shows no sign of work.
    Hung,
    /// A process has it open and nothing is pending, or a continuation is in progress.
    Running,
    /// No process has it open and nothing is pending.
    Settled,
}

/// Determines the group of a session. `open` is true if a process has the session open.
#[must_use]
pub fn group(
    state: State,
    activity: Option<Activity>,
    open: bool,
    action: Action,
    reason: PlanReason,
) -> SessionGroup {
    // The user asked for no further reports about it.
    let dismissed = matches!(reason, PlanReason::Cancelled | PlanReason::CancelledWithEsc);
    if state == State::Hung && !dismissed {
        return SessionGroup::Hung;
    }
    match action {
        Action::Resume | Action::Notify => return SessionGroup::NeedsYou,
        Action::Wake | Action::Client | Action::Run => return SessionGroup::Waiting,
        Action::None => {}
    }
    if activity == Some(Activity::Waiting) && !dismissed {
        return SessionGroup::NeedsYou;
    }
    match reason {
        PlanReason::Paused | PlanReason::NotPlanned => SessionGroup::Waiting,
        PlanReason::AwaitingTurn => SessionGroup::Running,
        _ if open || state == State::Current => SessionGroup::Running,
        _ => SessionGroup::Settled,
    }
}

/// Commands for the user. `resume` runs in `cwd` with `env`; the others run in any directory.
#[derive(Debug, Clone, Default, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Commands {
    /// Working directory for the `resume` command.
    pub cwd: Option<String>,
    /// Environment variables to set for `resume`, such as `CLAUDE_CONFIG_DIR`.
    pub env: BTreeMap<String, String>,
    /// Resumes the session, or attaches to it if it runs in the background; `null` while
    /// it is live elsewhere.
    pub resume: Option<Vec<String>>,
    /// Saves a verified copy of the session.
    pub export: Option<Vec<String>>,
    /// Saves the session and ends its process; `null` if there is no process, or if it is the caller's own.
    pub kill: Option<Vec<String>>,
}

/// Part of a transcript that was lost since a hook first read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TranscriptLoss {
    /// `gone`: the file is missing. `shorter`: its end is missing. `headless`: its beginning is missing,
    /// because the file was deleted while the session was open.
    pub lost: LossKind,
    /// Whether `restore` can bring back the missing part.
    pub restorable: bool,
}

impl TranscriptLoss {
    /// Returns the loss as a sentence without a full stop.
    #[must_use]
    pub const fn fact(self) -> &'static str {
        match self.lost {
            LossKind::Gone => "Claude Code deleted its transcript",
            LossKind::Shorter => "its transcript is shorter than before",
            LossKind::Headless => {
                "the beginning of its transcript is gone: Claude Code deleted the file while the session was open"
            }
        }
    }
}

/// Claude Code's retention as it applies to one transcript.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "Retention"))]
pub struct TranscriptRetention {
    /// Number of days after the last write.
    pub days: u32,
    /// Settings file that sets the limit: the one with the smallest value among all directories in which a
    /// client was started; `null` for the default.
    #[serde(serialize_with = "crate::fs::lossy_or_null")]
    pub decided_by: Option<PathBuf>,
    /// Time when the limit passes, RFC 3339.
    #[serde(serialize_with = "time")]
    pub deleted_after: DateTime<Utc>,
    /// Whether the limit has passed, so that the next `claude -p` that runs for six seconds deletes the
    /// transcript.
    pub overdue: bool,
}

/// A session as every command reports it, schema `cc-session-recover/session@1`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Session {
    /// Schema name and version of this object.
    #[cfg_attr(test, ts(type = "'cc-session-recover/session@1'"))]
    pub schema: &'static str,
    /// Id of the session, a UUID.
    pub id: String,
    /// Name given by the user.
    pub name: Option<String>,
    /// Title given by Claude Code.
    pub title: Option<String>,
    /// Project to which the session belongs: `dir` is the project directory, `cwd` the latest working
    /// directory.
    pub project: Project,
    /// Configuration directory of the Claude Code installation to which the session belongs.
    #[serde(serialize_with = "lossy_or_null")]
    pub config_dir: Option<PathBuf>,
    /// Path of the session's transcript.
    #[serde(serialize_with = "lossy")]
    pub transcript: PathBuf,
    /// Size of the transcript in bytes, without the transcripts of its subagents.
    pub bytes: u64,
    /// Whether the transcript is larger than `context.maxSessionMegabytes` of the configuration.
    pub oversized: bool,
    /// Count, size and latest activity of the subagent transcripts.
    pub subagents: Subagents,
    /// Workflow runs of the session. Only `show` and `resume` collect this.
    pub workflows: Vec<SessionWorkflow>,
    /// Id of the session of which this file is a conflict copy; `null` for an ordinary session.
    pub conflict_copy_of: Option<String>,
    /// Conflict copies of the transcript, made by directory synchronization tools. Only `show` and `resume`
    /// collect this.
    pub conflict_copies: Vec<ConflictCopy>,
    /// Other transcripts of the same session, such as the original of a relocated one. Only `show` and
    /// `resume` collect this.
    #[serde(serialize_with = "lossy_each")]
    pub copies: Vec<PathBuf>,
    /// What is left of a session without a conversation. Only `show` and `resume` collect this.
    pub remains: Option<Remains>,
    /// Whether the session is live, and whether its work is done.
    pub state: State,
    /// What a live session is doing.
    pub activity: Option<Activity>,
    /// Group of the session, the same on every screen.
    pub group: SessionGroup,
    /// Displayed status, the same on every screen.
    pub status: SessionStatus,
    /// Evidence for `state` and `activity`; the evidence for `stop.kind` is in `stop.evidence`.
    pub evidence: Vec<Evidence>,
    /// How the latest turn stopped.
    pub stop: Stop,
    /// Process that has the session open; `null` if there is none.
    pub live: Option<Live>,
    /// Present if the session was open when its client or the machine crashed.
    pub open_at_crash: Option<OpenAtCrash>,
    /// Time of the first record.
    #[serde(serialize_with = "time_or_null")]
    pub started_at: Option<DateTime<Utc>>,
    /// Time of the newest record.
    #[serde(serialize_with = "time_or_null")]
    pub last_activity_at: Option<DateTime<Utc>>,
    /// Time when Claude Code's own cleanup (`cleanupPeriodDays`) deletes the transcript unless something is
    /// added to it; `null` while the session is live.
    #[serde(serialize_with = "time_or_null")]
    pub deleted_after: Option<DateTime<Utc>>,
    /// Retention that determines `deletedAfter`; `null` while the session is open, and if no cleanup of
    /// Claude Code deletes it.
    pub retention: Option<TranscriptRetention>,
    /// What the transcript has lost. Only `show` and `status` determine this; it is `null` otherwise.
    pub loss: Option<TranscriptLoss>,
    /// Newest prompt of the user.
    pub last_prompt: Option<String>,
    /// Number of prompts in the conversation. Only `show` counts them.
    pub turns: Option<u64>,
    /// Size of the context, and how full it is.
    pub context: Option<ContextSize>,
    /// Model of the latest turn.
    pub model: Option<String>,
    /// Permission mode of the latest turn.
    pub permission_mode: Option<String>,
    /// Git branch of the working directory at the newest record.
    pub git_branch: Option<String>,
    /// Version of Claude Code that wrote the newest record.
    pub client_version: Option<String>,
    /// Whether the user paused the session, or all sessions.
    pub paused: bool,
    /// Incident recorded for the session, if any.
    pub incident: Option<Incident>,
    /// Next recovery step, with its reason.
    pub next: RecoveryPlan,
    /// Time when Claude Code is expected to continue the session by itself; `null` if it is not. The step in
    /// `next` follows only if Claude Code does not continue it.
    #[serde(serialize_with = "time_or_null")]
    pub client_continues_at: Option<DateTime<Utc>>,
    /// Budget of an open session that this tool continues after Claude Code has reached its own maximum of
    /// continuations in a row; `null` for every other session.
    pub daily_continues: Option<DailyContinues>,
    /// Commands that the user can run.
    pub commands: Commands,
}

fn shown(text: Option<&String>) -> Option<String> {
    text.map(|text| one_line(text, SHOWN)).filter(|text| !text.is_empty())
}

impl Session {
    /// Describes a session from its transcript and the processes that have it open.
    #[must_use]
    pub fn of(row: &InventoryRow, home: &ClaudeHome, owners: &SessionOwners, verdict: Verdict) -> Self {
        let owner = owners.first();
        let cpu_percent = verdict.cpu_percent;
        let mut session = Self::of_summary(&row.found, &row.summary, verdict);
        session.config_dir = Some(home.dir().to_path_buf());
        let named = owner.and_then(|owner| shown(owner.name.as_ref()));
        session.name = session.name.or(named);
        if session.client_version.is_none() {
            session.client_version = owner.and_then(|owner| owner.version.clone());
        }
        session.live = owner.map(|owner| live_of(owner, owners));
        if let Some(live) = &mut session.live {
            live.cpu_percent = cpu_percent.map(|percent| (percent * 10.0).round() / 10.0);
        }
        session
    }

    fn of_summary(found: &Found, summary: &Summary, verdict: Verdict) -> Self {
        Self {
            schema: SCHEMA,
            id: found.id().to_owned(),
            name: shown(summary.name.as_ref()),
            title: shown(summary.title.as_ref()),
            project: Project { dir: None, cwd: summary.cwd.as_deref().map(str::to_owned) },
            config_dir: None,
            transcript: found.path.clone(),
            bytes: summary.bytes,
            oversized: false,
            subagents: Subagents::default(),
            workflows: Vec::new(),
            conflict_copy_of: found.is_conflict_copy().then(|| found.id().to_owned()),
            conflict_copies: Vec::new(),
            copies: Vec::new(),
            remains: None,
            state: verdict.state,
            activity: verdict.activity,
            group: SessionGroup::Settled,
            status: SessionStatus::of(verdict.state, SessionGroup::Settled, verdict.activity),
            evidence: verdict.evidence,
            stop: summary.stop.clone(),
            live: None,
            open_at_crash: None,
            started_at: summary.started_at,
            last_activity_at: summary.last_activity,
            deleted_after: None,
            retention: None,
            loss: None,
            last_prompt: shown(summary.last_prompt.as_ref()),
            turns: None,
            context: summary.context_tokens.map(|tokens| ContextSize {
                tokens,
                window: None,
                percent: None,
                advice: None,
                next: None,
            }),
            model: summary.model.as_deref().map(str::to_owned),
            permission_mode: summary.permission_mode.as_deref().map(str::to_owned),
            git_branch: summary.branch.as_deref().map(str::to_owned),
            client_version: summary.version.map(|version| version.to_string()),
            paused: false,
            incident: None,
            next: RecoveryPlan::nothing(Reason::NothingPending),
            client_continues_at: None,
            daily_continues: None,
            commands: Commands::default(),
        }
    }

    /// Describes a session from its incident alone, if the transcript can no longer be read.
    #[must_use]
    pub fn of_incident(incident: &Incident, owners: &SessionOwners) -> Self {
        let owner = owners.first();
        Self {
            schema: SCHEMA,
            id: incident.session.clone(),
            name: None,
            title: None,
            project: Project { dir: incident.project.clone(), cwd: incident.cwd.clone() },
            config_dir: incident.config_dir.clone(),
            transcript: incident.transcript.clone(),
            bytes: 0,
            oversized: false,
            subagents: Subagents::default(),
            workflows: Vec::new(),
            conflict_copy_of: None,
            conflict_copies: Vec::new(),
            copies: Vec::new(),
            remains: None,
            state: if owner.is_some() { State::Active } else { State::Orphaned },
            activity: None,
            group: SessionGroup::Settled,
            status: SessionStatus::Interrupted,
            evidence: Vec::new(),
            stop: incident.stop.clone(),
            live: owner.map(|owner| live_of(owner, owners)),
            open_at_crash: None,
            started_at: None,
            last_activity_at: incident.stop.at,
            deleted_after: None,
            retention: None,
            loss: None,
            last_prompt: None,
            turns: None,
            context: None,
            model: incident.model.clone(),
            permission_mode: incident.permission_mode.clone(),
            git_branch: None,
            client_version: incident.client_version.clone(),
            paused: false,
            incident: None,
            next: RecoveryPlan::nothing(Reason::NothingPending),
            client_continues_at: None,
            daily_continues: None,
            commands: Commands::default(),
        }
    }

    /// Adds the start time and the children of the process that has the session open.
    pub fn add_processes(&mut self, owner: &OwnerProcess, table: &[Process], processes: &dyn Processes) {
        let Some(live) = &mut self.live else { return };
        if let Some(own) = table.iter().find(|process| process.pid == owner.pid) {
            live.started_at = live.started_at.or(own.started_at);
        }
        live.children = below(table, owner.pid)
            .into_iter()
            .take(MOST_CHILDREN)
            .map(|child| ChildProcess {
                pid: child.pid,
                command: program_of(child, processes),
                started_at: child.started_at,
            })
            .collect();
    }

    /// Rates the size of the session's context. `seen` contains the context window sizes that clients
    /// reported, by model.
    pub fn weigh(&mut self, limits: &ContextConfig, seen: &BTreeMap<String, u64>) {
        let full = self.stop.kind == StopKind::ContextFull;
        let Some(context) = &mut self.context else { return };
        *context = ContextSize::weighed(context.tokens, self.model.as_deref(), full, limits, seen);
    }

    /// Adds the commands that the user may need.
    pub fn add_commands(
        &mut self,
        home: &ClaudeHome,
        default_home: Option<&Path>,
        in_force: bool,
        start: Option<String>,
    ) {
        let mut env = BTreeMap::new();
        if default_home != Some(home.dir()) {
            env.insert("CLAUDE_CONFIG_DIR".to_owned(), home.dir().to_string_lossy().into_owned());
        }
        let job = self.live.as_ref().and_then(|live| live.job.clone());
        let words = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        // Only an existing directory can be entered.
        let cwd = start.filter(|dir| Path::new(dir).is_dir());
        let opened = self.stop.kind != StopKind::Empty && self.conflict_copy_of.is_none();
        let resume = match (&self.live, &job) {
            (None, None) if cwd.is_none() || self.state == State::Current || !opened => None,
            (_, Some(job)) => words(&["claude", "attach", job]),
            (Some(_), None) => None,
            // The default directory is used only when the variable is not set.
            (None, None) if env.is_empty() && !in_force => {
                words(&["env", "-u", "CLAUDE_CONFIG_DIR", "claude", &format!("--resume={}", self.id)])
            }
            (None, None) => words(&["claude", &format!("--resume={}", self.id)]),
        };
        let name = match &self.conflict_copy_of {
            Some(_) => self.transcript.to_string_lossy().into_owned(),
            None => self.id.clone(),
        };
        let own = |verb| words(&["cc-session-recover", verb, &name]);
        let kill = self.live.as_ref().filter(|_| self.state != State::Current).and_then(|_| own("kill"));
        self.commands = Commands { cwd, env, resume, export: own("export"), kill };
    }

    /// Returns whether Claude Code deleted the session's transcript, so that the report is based on the kept
    /// copy.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.loss.is_some_and(|loss| loss.lost == LossKind::Gone)
    }

    /// Marks a session as read from its kept copy. No client can open it before it is restored, and no sweep
    /// deletes it.
    pub fn mark_deleted(&mut self) {
        self.loss = Some(TranscriptLoss { lost: LossKind::Gone, restorable: true });
        (self.retention, self.deleted_after) = (None, None);
        self.commands.resume = None;
        if self.next.argv.is_some() {
            self.next.argv = Some(["cc-session-recover", "restore", &self.id].map(str::to_owned).to_vec());
        }
    }

    /// Sets the group. Must be the last step of a report, because the next step is an input.
    pub fn put_into_group(&mut self) {
        self.group =
            group(self.state, self.activity, self.live.is_some(), self.next.action, self.next.reason);
        self.status = SessionStatus::of(self.state, self.group, self.activity);
    }
}

/// Returns the program name that the user knows. The system's name for a script would be that of its shell.
fn program_of(process: &Process, processes: &dyn Processes) -> String {
    let line = processes.command_line(process.pid);
    let name = line.first().map(Path::new).and_then(Path::file_name).and_then(std::ffi::OsStr::to_str);
    one_line(name.unwrap_or(&process.name), 60)
}

fn live_of(owner: &OwnerProcess, owners: &SessionOwners) -> Live {
    let others = owners.live.iter().filter(|other| other.pid != owner.pid);
    Live {
        pid: owner.pid,
        tty: owner.tty.clone(),
        place: owner.place(),
        others: others.map(|other| OtherLive { pid: other.pid, place: other.place() }).collect(),
        kind: owner.kind,
        proof: owner.proof,
        started_at: owner.started_at,
        status: owner.status.clone(),
        waiting_for: owner.waiting_for.clone(),
        job: owner.job.clone(),
        cpu_percent: None,
        children: Vec::new(),
    }
}

impl Subagents {
    #[must_use]
    pub fn of(found: &Found) -> Self {
        let mut all = Self::default();
        for (_, meta) in files(found) {
            all.count += 1;
            all.bytes += meta.len();
            let modified = meta.modified().ok().map(DateTime::<Utc>::from);
            all.last_activity_at = all.last_activity_at.max(modified);
        }
        all
    }

    /// Returns the time of the newest message in any of the transcripts.
    #[must_use]
    pub fn newest_message(found: &Found) -> Option<DateTime<Utc>> {
        files(found).filter_map(|(path, _)| newest_message(&path)).max()
    }
}

fn files(found: &Found) -> impl Iterator<Item = (PathBuf, std::fs::Metadata)> {
    found.subagents().into_iter().filter_map(|path| {
        let meta = std::fs::symlink_metadata(&path).ok()?;
        meta.is_file().then_some((path, meta))
    })
}

fn newest_message(path: &Path) -> Option<DateTime<Utc>> {
    let transcript = Transcript::open(path).ok()?;
    let mut lines = Backwards::default();
    lines.begin(transcript.bytes());
    while let Some((_, line)) = lines.next(transcript.file()) {
        for record in glance(0, line).rev() {
            if matches!(record.body, Body::User(_) | Body::Assistant(_)) && record.head.at.is_some() {
                return record.head.at;
            }
        }
    }
    None
}

/// Transcript that `inspect` reads, and what the caller knows about its session.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct InspectOptions {
    pub transcript: PathBuf,
    /// Whether a process has the session open. If `null` or absent, the registry is consulted.
    #[cfg_attr(test, ts(optional = nullable))]
    pub alive: Option<bool>,
    /// The live client's own status word; used with `alive: true`.
    #[cfg_attr(test, ts(optional = nullable))]
    pub status: Option<String>,
}

/// Knowledge about the owner process of a session.
#[derive(Debug, Clone, Copy)]
pub enum ProcessLiveness<'a> {
    /// A process with this status has the session open; nothing else is known.
    Said(Option<&'a str>),
    Gone,
    Unknown,
}

/// Describes the transcript at any path.
///
/// # Errors
///
/// Returns [`Code::TranscriptUnreadable`] when the file name is not that of a session; the errors of opening
/// the file.
pub fn inspect(path: &Path, alive: ProcessLiveness<'_>) -> Result<Session> {
    let found = found_at(path, 0).or_else(|| Found::named(path, 0));
    let found = found
        .ok_or_else(|| Error::new(Code::TranscriptUnreadable, "file name is not valid UTF-8").at(path))?;
    let liveness = match alive {
        ProcessLiveness::Said(status) => Liveness::Live(status),
        ProcessLiveness::Gone => Liveness::Gone,
        ProcessLiveness::Unknown => Liveness::Unknown,
    };
    let summary = super::inventory::thorough(path, liveness)?;
    let mut verdict = without_owner(&summary.stop);
    if let ProcessLiveness::Said(status) = alive {
        verdict.state = State::Active;
        verdict.evidence.clear();
        verdict.activity = match status {
            Some("busy") => Some(Activity::Busy),
            Some("idle") => Some(Activity::Idle),
            Some("waiting") => Some(Activity::Waiting),
            _ => None,
        };
    }
    let mut session = Session::of_summary(&found, &summary, verdict);
    session.subagents = Subagents::of(&found);
    session.weigh(&ContextConfig::default(), &BTreeMap::new());
    session.put_into_group();
    Ok(session)
}

#[cfg(test)]
mod tests {
    use super::*;
    use SessionGroup::{Hung, NeedsYou, Running, Settled, Waiting};

    #[test]
    fn the_group_follows_from_state_activity_and_next_step() {
        let (none, asks, idle) = (None, Some(Activity::Waiting), Some(Activity::Idle));
        for (state, activity, open, action, reason, expected) in [
            (State::Active, idle, true, Action::Wake, PlanReason::AwaitingReset, Waiting),
            (State::Active, idle, true, Action::Client, PlanReason::ClientContinues, Waiting),
            (State::Orphaned, none, false, Action::Run, PlanReason::AwaitingReset, Waiting),
            (State::Orphaned, none, false, Action::None, PlanReason::NotPlanned, Waiting),
            (State::Orphaned, none, false, Action::None, PlanReason::Paused, Waiting),
            (State::Active, idle, true, Action::None, PlanReason::Paused, Waiting),
            (State::Orphaned, none, false, Action::Resume, PlanReason::ClientClosed, NeedsYou),
            (State::Active, idle, true, Action::Notify, PlanReason::DialogOpen, NeedsYou),
            (State::Active, asks, true, Action::None, PlanReason::NothingPending, NeedsYou),
            (State::Active, asks, true, Action::None, PlanReason::Cancelled, Running),
            (State::Active, idle, true, Action::None, PlanReason::CancelledWithEsc, Running),
            (State::Hung, none, true, Action::Notify, PlanReason::Hung, Hung),
            (State::Hung, none, true, Action::None, PlanReason::Cancelled, Running),
            (State::Active, idle, true, Action::None, PlanReason::AwaitingTurn, Running),
            (State::Orphaned, none, false, Action::None, PlanReason::AwaitingTurn, Running),
            (State::Active, none, true, Action::None, PlanReason::NothingPending, Running),
            (State::Current, none, false, Action::None, PlanReason::NothingPending, Running),
            (State::Completed, none, false, Action::None, PlanReason::NothingPending, Settled),
            (State::Orphaned, none, false, Action::None, PlanReason::Cancelled, Settled),
            (State::Orphaned, none, false, Action::None, PlanReason::CancelledWithEsc, Settled),
            (State::Orphaned, none, false, Action::None, PlanReason::PromptRepeated, Settled),
        ] {
            assert_eq!(
                group(state, activity, open, action, reason),
                expected,
                "{state:?} {action:?} {reason:?}"
            );
        }
    }
}
