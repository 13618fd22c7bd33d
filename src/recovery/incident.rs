//! An incident: one stop of one session and everything that was decided and done about it.
//!
//! It is a plain value. Reading and writing it is the [`super::ledger`]'s work, deciding the [`super::policy`]'s.

use super::due::Timing;
use super::early::EarlyReset;
use super::plan::{Action, RecoveryPlan};
use super::reason::{PlanReason, Reason};
use crate::config::Transport;
use crate::session::stop::{time, time_or_null};
use crate::session::summary::Summary;
use crate::session::{Evidence, Source, Stop, StopKind};
use crate::store::stored::Stored;
use crate::trust::account::AccountDifference;
use crate::trust::fingerprint::Fingerprint;
use crate::trust::started::StartedWith;
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::path::PathBuf;

/// Facts kept per incident; the journal has them all.
const EVIDENCE: usize = 40;
/// Reports of one stop come within so many seconds.
const REPEATED: i64 = 10;
/// Longest time between two reports of the plugin's module that waits for a stop.
pub const MODULE_STEP: Duration = Duration::seconds(60);
/// After this time without a report the module counts as unloaded.
const MODULE_LOST: Duration = Duration::seconds(150);

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// Where an incident stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "IncidentPhase"))]
pub enum Phase {
    /// Recorded, not planned yet.
    Open,
    /// Somebody waits for the planned time.
    Waiting,
    /// The session was just told to go on; whether it does is not seen yet.
    Attempting,
    /// The session went on: after a wake, or by the client itself.
    Recovered,
    /// A person went on in the session.
    MovedOn,
    /// A later session was given the same prompt: this one is left as it is.
    Superseded,
    /// Nothing happens without a person.
    Held,
    /// The attempts are used up.
    GivenUp,
    /// A person cancelled it.
    Cancelled,
}

impl Phase {
    pub const ALL: [Self; 9] = [
        Self::Open,
        Self::Waiting,
        Self::Attempting,
        Self::Recovered,
        Self::MovedOn,
        Self::Superseded,
        Self::Held,
        Self::GivenUp,
        Self::Cancelled,
    ];

    /// Nothing is owed any more.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Recovered | Self::MovedOn | Self::Superseded)
    }

    /// Something is still going to happen by itself.
    #[must_use]
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Open | Self::Waiting | Self::Attempting)
    }

    /// The name programs see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Waiting => "waiting",
            Self::Attempting => "attempting",
            Self::Recovered => "recovered",
            Self::MovedOn => "moved-on",
            Self::Superseded => "superseded",
            Self::Held => "held",
            Self::GivenUp => "given-up",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Why the waiting hook does not continue an open session at its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "HeldBackReason"))]
pub enum Obstacle {
    /// The client shows a menu or another dialog, which holds every wake until it is closed.
    Dialog,
    /// Several clients have the session open: continuing in one of them forks the conversation.
    Shared,
    /// The user paused it.
    Paused,
    /// Automatic recovery was switched off during the wait.
    SwitchedOff,
    /// The client is stopped by a signal (Ctrl-Z).
    Suspended,
    /// The client lives, and its transcript is not there, or not yet.
    NoTranscript,
    /// The connection was lost, and the machine has no route to the API: a try would fail.
    NoRoute,
}

impl Obstacle {
    /// What it is and what the user does about it. `place` is where the session is open.
    #[must_use]
    pub fn words(self, place: Option<&str>) -> String {
        let place = place.unwrap_or("its window");
        match self {
            Self::Dialog => format!(
                "a menu is open in {place} and blocks the continuation: press Esc there, or answer it"
            ),
            Self::Shared => format!(
                "it is open in {place}, and continuing one of them would fork the conversation: close all but one; that one \
                 continues, or type `continue` in it"
            ),
            Self::Paused => "paused: `cc-session-recover pause --end` lets it continue; a countdown of Claude Code itself is stopped with Esc".into(),
            Self::SwitchedOff => format!(
                "automatic recovery is switched off in the configuration: type `continue` in {place}"
            ),
            Self::Suspended => format!("its client is suspended in {place}: `fg` there continues it"),
            Self::NoRoute => "the machine is offline: it continues once there is a network again".into(),
            Self::NoTranscript => format!("its transcript is not there: type `continue` in {place}"),
        }
    }

    /// The code that programs see.
    #[must_use]
    pub const fn code(self) -> PlanReason {
        match self {
            Self::Dialog => PlanReason::DialogOpen,
            Self::Shared => PlanReason::OpenTwice,
            Self::Paused => PlanReason::Paused,
            Self::SwitchedOff => PlanReason::RecoveryDisabled,
            Self::Suspended => PlanReason::ClientSuspended,
            Self::NoTranscript => PlanReason::TranscriptMissing,
            Self::NoRoute => PlanReason::NoRoute,
        }
    }

    /// The user has to act before anything happens.
    #[must_use]
    pub const fn needs_user(self) -> bool {
        match self {
            Self::Dialog | Self::Shared | Self::SwitchedOff | Self::Suspended | Self::NoTranscript => true,
            Self::Paused | Self::NoRoute => false,
        }
    }
}

/// What keeps the waiting hook from continuing an open session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct HeldBack {
    /// `dialog`: a menu is open in its window. `shared`: several windows have it open. `suspended`: Ctrl-Z.
    pub reason: Obstacle,
    /// The same in words, and what to do.
    pub why: String,
}

impl HeldBack {
    /// What happens next as long as it is there.
    #[must_use]
    pub fn plan(&self) -> RecoveryPlan {
        let action = if self.reason.needs_user() { Action::Notify } else { Action::None };
        RecoveryPlan { action, at: None, reason: self.reason.code(), why: self.why.clone(), argv: None }
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum AttemptOutcome {
    Pending,
    /// The session worked on.
    Continued,
    /// It stopped again without having worked.
    StoppedAgain,
    /// Nothing came of it.
    NoEffect,
}

impl AttemptOutcome {
    pub const ALL: [Self; 4] = [Self::Pending, Self::Continued, Self::StoppedAgain, Self::NoEffect];
}

/// How an attempt continued the session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttemptAction {
    /// The waiting hook woke the open session.
    Wake,
    /// A run resumed the closed session.
    Resume,
    /// Stored by a newer version, and preserved as it is.
    #[serde(untagged)]
    Unknown(String),
}

/// One attempt to continue a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Attempt {
    /// When it was made.
    #[serde(serialize_with = "time")]
    pub at: DateTime<Utc>,
    /// What was done: `wake` or `resume`.
    #[cfg_attr(test, ts(as = "String"))]
    pub action: AttemptAction,
    /// The kind of stop it answered.
    pub answered: StopKind,
    /// What came of it.
    pub outcome: AttemptOutcome,
    /// The run that resumed the closed session; missing for a wake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub run: Option<Box<Run>>,
}

/// A process, told from a later one with the same id by its start token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct StartedProcess {
    /// Id of the process.
    pub pid: u32,
    /// Start token; `null` when it had ended before it could be read.
    pub start: Option<String>,
}

/// The user's client opened a closed session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenedByUser {
    /// When its `SessionStart` hook ran.
    #[serde(serialize_with = "time")]
    pub at: DateTime<Utc>,
    /// The client; `None` where the hook could not tell.
    pub client: Option<StartedProcess>,
}

/// A run that resumes a closed session without a terminal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Run {
    /// Names the run, in its environment and in the names of its files.
    pub nonce: String,
    /// How it was started.
    pub transport: Transport,
    /// The supervisor that made it.
    pub supervisor: StartedProcess,
    /// What was started; `null` before that.
    pub child: Option<StartedProcess>,
    /// Length of the transcript before, in bytes.
    pub bytes_before: u64,
    /// SHA-256 of these bytes, in hex.
    pub sha256_before: String,
    /// Copy of the transcript from before.
    pub snapshot: PathBuf,
    /// Output of the process, as long as `prune` has not taken it away.
    pub log: PathBuf,
    /// HEAD of the working directory before.
    pub commit_before: Option<String>,
    /// Longest run in seconds.
    #[serde(default)]
    pub deadline_seconds: Option<u64>,
    /// The user opened the session while this run worked in it: the run must end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(skip))]
    pub taken_over: Option<OpenedByUser>,
    /// What came of it; `null` while it runs.
    pub result: Option<RunResult>,
}

/// What a run did, read from the transcript and from git.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RunResult {
    /// When the process had ended.
    #[serde(serialize_with = "time_or_null")]
    pub ended_at: Option<DateTime<Utc>>,
    /// How the process ended, in words. Proves nothing by itself.
    pub ended: String,
    /// Real answers of a model that were added.
    pub answers: usize,
    /// Tool calls that were made.
    pub calls: usize,
    /// Tool calls that were denied.
    pub denied: usize,
    /// The denied calls by tool, and what they asked for, at most 5.
    #[serde(default)]
    pub denied_calls: Vec<String>,
    /// No call succeeded after the last one that was denied.
    #[serde(default)]
    pub denied_last: bool,
    /// Files that were edited or written, at most 20.
    pub files: Vec<String>,
    /// Commits that were made, newest first, at most 20: short id and subject.
    pub commits: Vec<String>,
    /// Tokens read and written by the model.
    pub tokens: u64,
    /// The model's last words, cleared of secrets and cut.
    pub last_words: Option<String>,
    /// Why it counts as having done nothing, when it does.
    pub hollow: Option<String>,
    /// The same as a stable code; null also where only the sentence was stored.
    #[serde(default)]
    pub hollow_reason: Option<HollowReason>,
    /// What is wrong with the transcript afterwards: shortened, rewritten, or forked.
    pub damage: Option<String>,
    /// The same as a stable code; null also where only the sentence was stored.
    #[serde(default)]
    pub damage_reason: Option<DamageReason>,
}

impl RunResult {
    /// Records that the run did nothing.
    pub fn set_hollow(&mut self, hollow: &Hollow) {
        self.hollow_reason = Some(hollow.reason());
        self.hollow = Some(hollow.to_string());
    }

    /// Records that the transcript was damaged; the first damage found is kept.
    pub fn set_damage(&mut self, damage: DamageReason) {
        if self.damage_reason.is_none() {
            self.damage_reason = Some(damage);
            self.damage = Some(damage.to_string());
        }
    }
}

/// Why a run counts as having done nothing: a stable code, which programs may compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum HollowReason {
    /// The client answered in the model's place.
    ClientAnswered,
    /// The transcript did not grow.
    NothingAdded,
    /// Records were added, and none is a model's answer.
    NoAnswer,
    /// Every tool call was denied.
    AllCallsDenied,
    /// The process could not be started.
    NotStarted,
    /// The transcript could not be read afterwards.
    Unverified,
}

/// A [`HollowReason`] with the data of its sentence. [`std::fmt::Display`] is the only place where the sentence is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hollow {
    ClientAnswered,
    NothingAdded,
    NoAnswer,
    AllCallsDenied { calls: usize },
    NotStarted { error: String },
    Unverified { error: String },
}

impl Hollow {
    #[must_use]
    pub const fn reason(&self) -> HollowReason {
        match self {
            Self::ClientAnswered => HollowReason::ClientAnswered,
            Self::NothingAdded => HollowReason::NothingAdded,
            Self::NoAnswer => HollowReason::NoAnswer,
            Self::AllCallsDenied { .. } => HollowReason::AllCallsDenied,
            Self::NotStarted { .. } => HollowReason::NotStarted,
            Self::Unverified { .. } => HollowReason::Unverified,
        }
    }
}

impl std::fmt::Display for Hollow {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ClientAnswered => {
                to.write_str("the client answered in the model's place: No response requested.")
            }
            Self::NothingAdded => to.write_str("nothing was added to the conversation"),
            Self::NoAnswer => to.write_str("no model answered"),
            Self::AllCallsDenied { calls } => write!(to, "every tool call was denied ({calls})"),
            Self::NotStarted { error } | Self::Unverified { error } => to.write_str(error),
        }
    }
}

/// What is wrong with a transcript after a run: a stable code, which programs may compare. [`std::fmt::Display`] is the only
/// place where its sentence is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum DamageReason {
    /// It is shorter than before the run.
    Shortened,
    /// Bytes from before the run were changed.
    Rewritten,
    /// The conversation has two branches: another client wrote into it.
    Forked,
}

impl std::fmt::Display for DamageReason {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str(match self {
            Self::Shortened => "the transcript is shorter than before the run",
            Self::Rewritten => "what was written before the run has been changed",
            Self::Forked => "the conversation was forked: another client wrote into it during the run",
        })
    }
}

/// A stop that is being looked after, as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Incident {
    /// Version of the form it is stored in.
    pub version: u32,
    /// Id of the session, a UUID.
    pub session: String,
    /// Grows with every new stop of the session.
    pub generation: u64,
    /// Directory of the project.
    pub project: Option<PathBuf>,
    /// Configuration directory of its Claude Code.
    pub config_dir: Option<PathBuf>,
    /// Path of the transcript.
    pub transcript: PathBuf,
    /// Stop that opened the incident.
    pub stop: Stop,
    /// Permission mode at the stop.
    pub permission_mode: Option<String>,
    /// Model at the stop.
    pub model: Option<String>,
    /// Continuations of the client itself since the last prompt that the user typed.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[cfg_attr(test, ts(skip))]
    pub continuations: u32,
    /// The user cancelled the client's own continuation of this stop with Esc, and ours goes on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(test, ts(skip))]
    pub native_cancelled: bool,
    /// Tokens the session's newest answer had to read.
    #[serde(default)]
    pub context_tokens: Option<u64>,
    /// What decided what ran in the project, at the stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(skip))]
    pub fingerprint: Option<Fingerprint>,
    /// How the session's client was started: provider, account, and options.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(skip))]
    pub started_with: Option<Box<StartedWith>>,
    /// Why the supervisor that leads would not reach the session's account; another one may take it over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(skip))]
    pub other_account: Vec<AccountDifference>,
    /// The supervisor that has the session's account where the one that leads has not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(skip))]
    pub claimed_by: Option<StartedProcess>,
    /// Working directory at the stop.
    pub cwd: Option<String>,
    /// Version of Claude Code at the stop.
    pub client_version: Option<String>,
    /// `cli` (terminal, background) or `sdk-cli` (`-p`).
    pub entrypoint: Option<String>,
    /// Process id of the client at the time of the stop.
    pub claude_pid: Option<u32>,
    /// Start token of that process, which tells it from a later one with the same id.
    pub claude_start: Option<String>,
    /// The user's client that opened the session last, while it was stopped and closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(skip))]
    pub opened: Option<OpenedByUser>,
    /// Program that this process ran, where its sessions may go on without a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(skip))]
    pub claude_program: Option<PathBuf>,
    /// When it was noted first.
    #[serde(serialize_with = "time")]
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    #[serde(serialize_with = "time")]
    pub updated_at: DateTime<Utc>,
    /// When the first of the present run of stops happened.
    #[serde(serialize_with = "time_or_null")]
    pub first_stop_at: Option<DateTime<Utc>>,
    /// How far it is.
    pub phase: Phase,
    /// Attempts since the session last worked.
    pub attempts: Vec<Attempt>,
    /// Times of all wakes of the last 24 hours.
    #[serde(default)]
    pub cycles: Vec<DateTime<Utc>>,
    /// What was planned; `next` of the session says what is true now.
    pub plan: RecoveryPlan,
    /// What kept the waiting hook from continuing the session when it last checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub held_back: Option<HeldBack>,
    /// The client opened its limit menu for this stop, as it does when it does not continue by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(skip))]
    pub limit_menu_at: Option<DateTime<Utc>>,
    /// When the plugin's module inside the client last reported that it waits for the planned time in place of a hook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(skip))]
    pub module_seen_at: Option<DateTime<Utc>>,
    /// Evidence that usage was available again before the reset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(skip))]
    pub early: Option<EarlyReset>,
    /// What the clocks showed when its time was planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(skip))]
    pub timing: Option<Timing>,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
}

impl Stored for Incident {
    /// 2: limits of a model family have kinds of their own, and a stop may be one of a turn that was wrapped up.
    const VERSION: u32 = 2;
}

/// What is known about a stop when it is first heard of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StopReport {
    pub session: String,
    /// Project of the hook.
    pub project: Option<PathBuf>,
    /// Claude Code's configuration directory.
    pub config_dir: Option<PathBuf>,
    /// Transcript, checked to be the session's own.
    pub transcript: PathBuf,
    pub stop: Stop,
    pub cwd: Option<String>,
    pub entrypoint: Option<String>,
    /// Process of the client.
    pub claude_pid: Option<u32>,
    pub claude_start: Option<String>,
}

impl Incident {
    /// Whether this is the stop that was read without the lock, and nobody has moved it on since: a decision that was made about
    /// `read` applies to nothing else. The user may have cancelled it in between.
    #[must_use]
    pub fn is_as_read(&self, read: &Self) -> bool {
        self.generation == read.generation && self.phase == read.phase
    }

    /// A new incident from a report.
    #[must_use]
    pub fn open(report: StopReport, now: DateTime<Utc>) -> Self {
        Self {
            version: Self::VERSION,
            session: report.session,
            generation: 1,
            project: report.project,
            config_dir: report.config_dir,
            transcript: report.transcript,
            first_stop_at: report.stop.at.or(Some(now)),
            stop: report.stop,
            permission_mode: None,
            model: None,
            continuations: 0,
            native_cancelled: false,
            context_tokens: None,
            fingerprint: None,
            started_with: None,
            other_account: Vec::new(),
            claimed_by: None,
            cwd: report.cwd,
            client_version: None,
            entrypoint: report.entrypoint,
            claude_pid: report.claude_pid,
            claude_start: report.claude_start,
            opened: None,
            claude_program: None,
            created_at: now,
            updated_at: now,
            phase: Phase::Open,
            attempts: Vec::new(),
            cycles: Vec::new(),
            plan: RecoveryPlan::undecided(),
            held_back: None,
            limit_menu_at: None,
            module_seen_at: None,
            early: None,
            timing: None,
            evidence: Vec::new(),
        }
    }

    /// The same session stopped again: what earlier attempts cost is kept, unless it had worked in between, or a person
    /// tried again after we had stopped trying.
    #[must_use]
    pub fn again(mut self, report: StopReport, now: DateTime<Utc>) -> Self {
        let pending = self.attempts.iter().any(|attempt| attempt.outcome == AttemptOutcome::Pending);
        // Two hooks of one stop (a project's and the user's own) report it within a moment.
        let by_person =
            !self.phase.is_active() && !pending && now - self.updated_at > Duration::seconds(REPEATED);
        let fresh = self.phase.is_over() || by_person;
        for attempt in &mut self.attempts {
            if attempt.outcome == AttemptOutcome::Pending {
                attempt.outcome = AttemptOutcome::StoppedAgain;
            }
        }
        let mut next = Self::open(report, now);
        next.generation = self.generation + 1;
        next.cycles = self.cycles.into_iter().filter(|at| now - *at < Duration::hours(24)).collect();
        next.permission_mode = self.permission_mode;
        next.model = self.model;
        next.client_version = self.client_version;
        next.context_tokens = self.context_tokens;
        next.claude_program = self.claude_program;
        next.opened = self.opened;
        next.started_with = self.started_with;
        next.claimed_by = self.claimed_by;
        next.early = self.early;
        if !fresh {
            // A stop within a run of ours: what it may have changed itself was not approved by anybody since.
            next.fingerprint = self.fingerprint;
            next.created_at = self.created_at;
            next.first_stop_at = self.first_stop_at;
            next.attempts = self.attempts;
            next.evidence = self.evidence;
        }
        next
    }

    /// Whether the plugin's module waits for the planned time: it reports every [`MODULE_STEP`] at the latest.
    #[must_use]
    pub fn module_waits(&self, now: DateTime<Utc>) -> bool {
        self.module_seen_at.is_some_and(|at| now - at < MODULE_LOST)
    }

    /// The newest attempt, when it is a run whose end nobody has seen yet. A hook inside it may have told of a stop already.
    #[must_use]
    pub fn open_run(&self) -> Option<(DateTime<Utc>, &Run)> {
        let attempt = self.attempts.last()?;
        let run = attempt.run.as_deref().filter(|run| run.result.is_none())?;
        Some((attempt.at, run))
    }

    /// The run of this name.
    pub fn run_mut(&mut self, nonce: &str) -> Option<&mut Run> {
        let mut runs = self.attempts.iter_mut().filter_map(|attempt| attempt.run.as_deref_mut());
        runs.find(|run| run.nonce == nonce)
    }

    /// Takes over what the transcript tells about the stop.
    pub fn complete(&mut self, summary: &Summary) {
        let reported = std::mem::replace(&mut self.stop, summary.stop.clone());
        let mut evidence = reported.evidence;
        evidence.retain(|known| !self.stop.evidence.contains(known));
        self.stop.evidence.insert_many(0, evidence);
        self.describe(summary);
    }

    /// Takes over what the transcript tells about the session.
    pub fn describe(&mut self, summary: &Summary) {
        fn newest<T>(slot: &mut Option<T>, seen: Option<T>) {
            if seen.is_some() {
                *slot = seen;
            }
        }
        newest(&mut self.client_version, summary.version.map(|version| version.to_string()));
        newest(&mut self.model, summary.model.as_deref().map(str::to_owned));
        newest(&mut self.permission_mode, summary.permission_mode.as_deref().map(str::to_owned));
        newest(&mut self.context_tokens, summary.context_tokens);
        self.continuations = summary.continuations;
        newest(&mut self.cwd, summary.cwd.as_deref().map(str::to_owned));
        if self.entrypoint.is_none() {
            self.entrypoint = summary.entrypoint.as_deref().map(str::to_owned);
        }
    }

    /// Adds a fact; the oldest go when there are too many.
    pub fn saw(&mut self, source: Source, fact: impl Into<Cow<'static, str>>) {
        let evidence = Evidence::new(source, fact);
        if self.evidence.last() != Some(&evidence) {
            self.evidence.push(evidence);
        }
        let surplus = self.evidence.len().saturating_sub(EVIDENCE);
        self.evidence.drain(..surplus);
    }

    /// Ends the incident because the session went on.
    pub fn settle(&mut self, phase: Phase, source: Source, fact: impl Into<Cow<'static, str>>) {
        for attempt in &mut self.attempts {
            if attempt.outcome == AttemptOutcome::Pending {
                attempt.outcome = if phase == Phase::Recovered {
                    AttemptOutcome::Continued
                } else {
                    AttemptOutcome::NoEffect
                };
            }
        }
        self.phase = phase;
        self.held_back = None;
        self.saw(source, fact);
        self.plan = RecoveryPlan::nothing(match phase {
            Phase::Cancelled => Reason::CancelledWithEsc,
            _ => Reason::SessionContinued,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> StopReport {
        StopReport {
            session: "00000001-0000-4000-8000-000000000001".into(),
            project: None,
            config_dir: None,
            transcript: PathBuf::from("/t.jsonl"),
            stop: Stop::of(StopKind::Overloaded),
            cwd: None,
            entrypoint: None,
            claude_pid: None,
            claude_start: None,
        }
    }

    fn tried(phase: Phase, outcome: AttemptOutcome) -> (Incident, DateTime<Utc>) {
        let now = crate::clock::parse_rfc3339("2026-11-21T02:00:00Z").unwrap_or_default();
        let mut incident = Incident::open(report(), now);
        incident.phase = phase;
        incident.attempts = vec![Attempt {
            at: now,
            action: AttemptAction::Wake,
            answered: StopKind::Overloaded,
            outcome,
            run: None,
        }];
        incident.cycles = vec![now];
        (incident, now)
    }

    #[test]
    fn a_wake_that_stops_again_counts_and_a_session_that_worked_begins_anew() {
        let minute = Duration::minutes(1);
        let (waking, now) = tried(Phase::Attempting, AttemptOutcome::Pending);
        let again = waking.again(report(), now + minute);
        assert_eq!((again.generation, again.attempts[0].outcome), (2, AttemptOutcome::StoppedAgain));
        let (worked, now) = tried(Phase::Recovered, AttemptOutcome::Continued);
        let again = worked.again(report(), now + minute);
        assert_eq!((again.attempts.len(), again.cycles.len()), (0, 1), "the day's wakes still count");
    }

    #[test]
    fn an_action_of_a_newer_version_is_preserved() {
        for (text, action) in [
            ("wake", AttemptAction::Wake),
            ("resume", AttemptAction::Resume),
            ("attach", AttemptAction::Unknown("attach".into())),
        ] {
            let read: AttemptAction = serde_json::from_value(text.into()).unwrap();
            assert_eq!(read, action);
            assert_eq!(serde_json::to_value(read).unwrap(), text);
        }
    }

    #[test]
    fn after_giving_up_a_persons_new_try_begins_anew_but_a_second_report_of_the_same_stop_does_not() {
        let (given_up, now) = tried(Phase::GivenUp, AttemptOutcome::StoppedAgain);
        assert_eq!(given_up.clone().again(report(), now + Duration::seconds(1)).attempts.len(), 1);
        assert_eq!(given_up.again(report(), now + Duration::minutes(1)).attempts.len(), 0);
    }
}
