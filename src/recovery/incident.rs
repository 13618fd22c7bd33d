//! Stores an incident: one stop of one session, with every decision and action about it.
//!
//! An incident is a plain value. The [`super::ledger`] reads and writes it, and the [`super::policy`]
//! decides.

use super::due::Timing;
use super::early::EarlyReset;
use super::native::MOST_CONTINUATIONS;
use super::plan::{Action, RecoveryPlan};
use super::reason::{PlanReason, Reason};
use crate::claude::process::Processes;
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

/// Number of facts stored per incident. The journal contains all facts.
const EVIDENCE: usize = 40;
/// Seconds within which repeated reports belong to the same stop.
const REPEATED: i64 = 10;
/// Longest time between two reports of a plugin module that waits for a stop.
pub const MODULE_STEP: Duration = Duration::seconds(60);
/// Time without a report after which the module counts as unloaded.
const MODULE_LOST: Duration = Duration::seconds(150);

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// Whether a time was at most this long ago. A time much later than `now` was recorded before the clock was set
/// back, and would otherwise count until the clock reaches it again.
fn is_within(at: DateTime<Utc>, length: Duration, now: DateTime<Utc>) -> bool {
    (now - at).abs() < length
}

/// Status of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "IncidentPhase"))]
pub enum Phase {
    /// Recorded, but not planned yet.
    Open,
    /// A process waits for the planned time.
    Waiting,
    /// The session was just continued, and the result is not known yet.
    Attempting,
    /// The session continued, after a wake or by the client itself.
    Recovered,
    /// The user continued the session.
    MovedOn,
    /// A later session was given the same prompt, so this one is not continued.
    Superseded,
    /// Nothing happens until the user acts.
    Held,
    /// All attempts have been used.
    GivenUp,
    /// The user cancelled the recovery.
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

    /// Returns whether no pending work remains.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Recovered | Self::MovedOn | Self::Superseded)
    }

    /// Returns whether a new plan may replace the present one. A plan made after an attempt would continue the session a
    /// second time, and one made after an end would undo what the user or another process decided.
    #[must_use]
    pub const fn may_be_planned(self) -> bool {
        match self {
            Self::Open | Self::Waiting | Self::Held => true,
            Self::Attempting
            | Self::Recovered
            | Self::MovedOn
            | Self::Superseded
            | Self::GivenUp
            | Self::Cancelled => false,
        }
    }

    /// Returns whether recovery will still act without the user.
    #[must_use]
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Open | Self::Waiting | Self::Attempting)
    }

    /// Stable name for programs.
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

/// Obstacle that keeps the waiting hook from continuing an open session at the planned time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "HeldBackReason"))]
pub enum Obstacle {
    /// The client shows a menu or another dialog, which blocks every wake until it is closed.
    Dialog,
    /// Several clients have the session open, and continuing one of them would fork the conversation.
    Shared,
    /// The user paused the session.
    Paused,
    /// Automatic recovery was switched off during the wait.
    SwitchedOff,
    /// The client is stopped by a signal (Ctrl-Z).
    Suspended,
    /// The client is alive, but its transcript does not exist (yet).
    NoTranscript,
    /// The connection was lost and the machine has no route to the API, so an attempt would fail.
    NoRoute,
    /// The client has continued as often as it does in a row, and `heartbeat.beyondClientCap` is false.
    ClientCap,
}

impl Obstacle {
    /// Describes the obstacle and what the user can do about it. `place` is where the session is open.
    #[must_use]
    pub fn words(self, place: Option<&str>) -> String {
        let place = place.unwrap_or("its window");
        match self {
            Self::Dialog => format!(
                "a menu is open in {place} and blocks the continuation: press Esc there, or answer it"
            ),
            Self::Shared => format!(
                "it is open in {place}, and continuing in one window would fork the conversation: close all but one; that one \
                 continues, or type `continue` in it"
            ),
            Self::Paused => "paused: `cc-session-recover pause --end` ends the pause; Esc stops Claude Code's own countdown".into(),
            Self::SwitchedOff => format!(
                "automatic recovery is switched off in the configuration: type `continue` in {place}"
            ),
            Self::Suspended => format!("its client is suspended in {place}: `fg` there continues it"),
            Self::NoRoute => "the machine is offline: it continues once there is a network again".into(),
            Self::NoTranscript => format!("its transcript is missing: type `continue` in {place}"),
            Self::ClientCap => format!(
                "Claude Code continued it {MOST_CONTINUATIONS} times in a row, and heartbeat.beyondClientCap is false: type `continue` in \
                 {place} after the reset"
            ),
        }
    }

    /// Stable code for programs.
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
            Self::ClientCap => PlanReason::ClientCapReached,
        }
    }

    /// Returns whether the user has to act before anything happens.
    #[must_use]
    pub const fn needs_user(self) -> bool {
        match self {
            Self::Dialog
            | Self::Shared
            | Self::SwitchedOff
            | Self::Suspended
            | Self::NoTranscript
            | Self::ClientCap => true,
            Self::Paused | Self::NoRoute => false,
        }
    }
}

/// Obstacle that keeps the waiting hook from continuing an open session, with its explanation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct HeldBack {
    /// `dialog`: a menu is open in its window. `shared`: several windows have it open. `paused`: the user
    /// paused it. `switched-off`: automatic recovery was switched off. `suspended`: Ctrl-Z. `no-transcript`:
    /// its transcript is missing. `no-route`: the machine is offline. `client-cap`: Claude Code continued it three
    /// times in a row, and `heartbeat.beyondClientCap` is false.
    pub reason: Obstacle,
    /// The reason in words, and what the user can do.
    pub why: String,
}

impl HeldBack {
    /// Returns the plan that applies while the obstacle lasts.
    #[must_use]
    pub fn plan(&self) -> RecoveryPlan {
        let action = if self.reason.needs_user() { Action::Notify } else { Action::None };
        RecoveryPlan { action, at: None, reason: self.reason.code(), why: self.why.clone(), argv: None }
    }
}

/// Outcome of an attempt to continue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum AttemptOutcome {
    Pending,
    /// The session continued to work.
    Continued,
    /// The session stopped again without doing any work.
    StoppedAgain,
    /// The attempt had no effect.
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
    /// Stored by a newer version, and preserved unchanged.
    #[serde(untagged)]
    Unknown(String),
}

/// One attempt to continue a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Attempt {
    /// Time of the attempt.
    #[serde(serialize_with = "time")]
    pub at: DateTime<Utc>,
    /// What was done: `wake` or `resume`.
    #[cfg_attr(test, ts(as = "String"))]
    pub action: AttemptAction,
    /// Kind of the stop that the attempt responded to.
    pub answered: StopKind,
    /// Outcome of the attempt.
    pub outcome: AttemptOutcome,
    /// Run that resumed the closed session; absent for a wake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub run: Option<Box<Run>>,
}

/// A process, identified by its id and by a start token that distinguishes it from a later process
/// with the same id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct StartedProcess {
    /// Id of the process.
    pub pid: u32,
    /// Start token; `null` if the process ended before it could be read.
    pub start: Option<String>,
}

/// Records that the user's client opened a closed session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenedByUser {
    /// Time at which its `SessionStart` hook ran.
    #[serde(serialize_with = "time")]
    pub at: DateTime<Utc>,
    /// The client process; `None` if the hook could not determine it.
    pub client: Option<StartedProcess>,
}

/// A run that resumes a closed session without a terminal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Run {
    /// Identifies the run in its environment and in its file names.
    pub nonce: String,
    /// How the process was started.
    pub transport: Transport,
    /// Process that started the run: the supervisor, or the caller of `resumeNow`.
    pub supervisor: StartedProcess,
    /// Process that was started; `null` until then.
    pub child: Option<StartedProcess>,
    /// Length of the transcript before the run, in bytes.
    pub bytes_before: u64,
    /// SHA-256 of those bytes, in hex.
    pub sha256_before: String,
    /// Snapshot of the transcript from before the run.
    pub snapshot: PathBuf,
    /// Output of the process, until `prune` removes it.
    pub log: PathBuf,
    /// HEAD of the working directory before the run.
    pub commit_before: Option<String>,
    /// Time limit of the run, in seconds.
    #[serde(default)]
    pub deadline_seconds: Option<u64>,
    /// Set when the user opens the session during this run, which must then end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(skip))]
    pub taken_over: Option<OpenedByUser>,
    /// Result of the run; `null` while it is in progress.
    pub result: Option<RunResult>,
}

/// What a run did, read from the transcript and from git.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RunResult {
    /// Time by which the process had ended.
    #[serde(serialize_with = "time_or_null")]
    pub ended_at: Option<DateTime<Utc>>,
    /// How the process ended, in words. This alone does not show whether the run did any work.
    pub ended: String,
    /// Number of real model answers that were added.
    pub answers: usize,
    /// Number of tool calls that were made.
    pub calls: usize,
    /// Number of tool calls that were denied.
    pub denied: usize,
    /// Denied calls with tool and request, at most 5.
    #[serde(default)]
    pub denied_calls: Vec<String>,
    /// Whether no call succeeded after the last denied one.
    #[serde(default)]
    pub denied_last: bool,
    /// Files that were edited or written, at most 20.
    pub files: Vec<String>,
    /// Commits that were made, newest first, at most 20: short id and subject.
    pub commits: Vec<String>,
    /// Tokens read and written by the model.
    pub tokens: u64,
    /// The model's last message, truncated and with secrets removed.
    pub last_words: Option<String>,
    /// Why the run counts as having done nothing; `null` if it did some work.
    pub hollow: Option<String>,
    /// The reason as a stable code; also `null` if only the sentence was stored.
    #[serde(default)]
    pub hollow_reason: Option<HollowReason>,
    /// Damage to the transcript after the run: shortened, rewritten, or forked; `null` if there is none.
    pub damage: Option<String>,
    /// The damage as a stable code; also `null` if only the sentence was stored.
    #[serde(default)]
    pub damage_reason: Option<DamageReason>,
}

impl RunResult {
    pub fn set_hollow(&mut self, hollow: &HollowRun) {
        self.hollow_reason = Some(hollow.reason());
        self.hollow = Some(hollow.to_string());
    }

    /// Records damage to the transcript; the first damage found is kept.
    pub fn set_damage(&mut self, damage: DamageReason) {
        if self.damage_reason.is_none() {
            self.damage_reason = Some(damage);
            self.damage = Some(damage.to_string());
        }
    }
}

/// Why a run counts as having done nothing: a stable code that programs may compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum HollowReason {
    /// The client answered in place of the model.
    ClientAnswered,
    NothingAdded,
    /// Records were added, but none is an answer from a model.
    NoAnswer,
    AllCallsDenied,
    NotStarted,
    /// The transcript could not be read after the run.
    Unverified,
}

/// A [`HollowReason`] with the data of its sentence. Only [`std::fmt::Display`] produces the sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HollowRun {
    ClientAnswered,
    NothingAdded,
    NoAnswer,
    AllCallsDenied { calls: usize },
    NotStarted { error: String },
    Unverified { error: String },
}

impl HollowRun {
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

impl std::fmt::Display for HollowRun {
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

/// Damage to a transcript after a run: a stable code that programs may compare. Only
/// [`std::fmt::Display`] produces its sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum DamageReason {
    /// The transcript is shorter than before the run.
    Shortened,
    Rewritten,
    /// The conversation has two branches: another client wrote into it.
    Forked,
}

impl std::fmt::Display for DamageReason {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str(match self {
            Self::Shortened => "the transcript is shorter than before the run",
            Self::Rewritten => "the part from before the run has been changed",
            Self::Forked => "the conversation was forked: another client wrote into it during the run",
        })
    }
}

/// A stop and its recovery, as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Incident {
    /// Version of the storage format.
    pub version: u32,
    /// Id of the session, a UUID.
    pub session: String,
    /// Increases with every new stop of the session.
    pub generation: u64,
    /// Directory of the project.
    pub project: Option<PathBuf>,
    /// Configuration directory of the session's client.
    pub config_dir: Option<PathBuf>,
    /// Path of the transcript.
    pub transcript: PathBuf,
    /// Stop that opened the incident.
    pub stop: Stop,
    /// Permission mode at the stop.
    pub permission_mode: Option<String>,
    /// Model at the stop.
    pub model: Option<String>,
    /// Continuations by the client since the last prompt that the user typed.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[cfg_attr(test, ts(skip))]
    pub continuations: u32,
    /// Whether the user cancelled the client's own continuation of this stop with Esc, while ours continues.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(test, ts(skip))]
    pub native_cancelled: bool,
    /// Number of tokens that the model read for the session's newest answer.
    #[serde(default)]
    pub context_tokens: Option<u64>,
    /// Fingerprint at the stop of everything that determines what runs in the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(skip))]
    pub fingerprint: Option<Fingerprint>,
    /// How the session's client was started: provider, account, and options.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(skip))]
    pub started_with: Option<Box<StartedWith>>,
    /// Why the leading supervisor would not reach the session's account, in which case another supervisor may
    /// claim the session.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(skip))]
    pub other_account: Vec<AccountDifference>,
    /// The supervisor with the session's account, if the leading one does not have it.
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
    /// Start token of that process, which distinguishes it from a later process with the same id.
    pub claude_start: Option<String>,
    /// The user's client that last opened the session after it was stopped and closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(skip))]
    pub opened: Option<OpenedByUser>,
    /// Program that the client process ran, if unattended resumes are allowed for its sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(skip))]
    pub claude_program: Option<PathBuf>,
    /// Time at which the incident was first recorded.
    #[serde(serialize_with = "time")]
    pub created_at: DateTime<Utc>,
    /// Time of the last change.
    #[serde(serialize_with = "time")]
    pub updated_at: DateTime<Utc>,
    /// Time of the first stop in the current series of stops.
    #[serde(serialize_with = "time_or_null")]
    pub first_stop_at: Option<DateTime<Utc>>,
    /// Current phase of the incident.
    pub phase: Phase,
    /// Attempts since the session last did any work.
    pub attempts: Vec<Attempt>,
    /// Times of all wakes in the last 24 hours.
    #[serde(default)]
    pub cycles: Vec<DateTime<Utc>>,
    /// The recorded plan; `next` of the session reflects the current situation.
    pub plan: RecoveryPlan,
    /// Obstacle that kept the waiting hook from continuing the session at its last check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub held_back: Option<HeldBack>,
    /// Time at which the client opened its limit menu for this stop, which it does if it does not continue by
    /// itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(skip))]
    pub limit_menu_at: Option<DateTime<Utc>>,
    /// Time at which the plugin's module in the client last reported that it waits for the planned time in
    /// place of a hook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(skip))]
    pub module_seen_at: Option<DateTime<Utc>>,
    /// Id that the module gave the claim that was granted last; `None` if something else was granted since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(skip))]
    pub module_claim: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(skip))]
    pub early: Option<EarlyReset>,
    /// Readings of both clocks when the time was planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(skip))]
    pub timing: Option<Timing>,
    /// Facts on which the incident is based.
    pub evidence: Vec<Evidence>,
}

impl Stored for Incident {
    /// Version 2: limits of a model family have separate kinds, and a stop may come from a turn that was
    /// wrapped up.
    const VERSION: u32 = 2;
}

/// Known facts about a stop when it is first reported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StopReport {
    pub session: String,
    pub project: Option<PathBuf>,
    pub config_dir: Option<PathBuf>,
    /// Path of the transcript, checked to be the session's own.
    pub transcript: PathBuf,
    pub stop: Stop,
    pub cwd: Option<String>,
    pub entrypoint: Option<String>,
    pub claude_pid: Option<u32>,
    pub claude_start: Option<String>,
}

impl Incident {
    /// Returns whether the stop is still the one that was read without the lock, and still in the same phase.
    /// A decision about `read` applies only to that state, because the user may have cancelled the recovery
    /// in the meantime.
    #[must_use]
    pub fn is_as_read(&self, read: &Self) -> bool {
        self.generation == read.generation && self.phase == read.phase
    }

    /// Returns whether the process that reported the stop still runs.
    #[must_use]
    pub fn client_is_alive(&self, processes: &dyn Processes) -> bool {
        let token = self.claude_pid.and_then(|pid| processes.start_token(pid));
        token.is_some() && token == self.claude_start
    }

    /// Creates an incident from a report.
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
            module_claim: None,
            early: None,
            timing: None,
            evidence: Vec::new(),
        }
    }

    /// Records another stop of the session. The attempts carry over, unless the session did some work in
    /// between, or the user tried again after we gave up.
    #[must_use]
    pub fn again(mut self, report: StopReport, now: DateTime<Utc>) -> Self {
        let pending = self.attempts.iter().any(|attempt| attempt.outcome == AttemptOutcome::Pending);
        // Two hooks of one stop (a project's and the user's own) report it within a moment.
        let by_person = !self.phase.is_active()
            && !pending
            && (now - self.updated_at).abs() > Duration::seconds(REPEATED);
        let fresh = self.phase.is_over() || by_person;
        for attempt in &mut self.attempts {
            if attempt.outcome == AttemptOutcome::Pending {
                attempt.outcome = AttemptOutcome::StoppedAgain;
            }
        }
        let mut next = Self::open(report, now);
        next.generation = self.generation + 1;
        next.cycles = self.cycles.into_iter().filter(|at| is_within(*at, Duration::hours(24), now)).collect();
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
            // A stop within a run of this tool: changes that the run may have made have not been approved
            // since.
            next.fingerprint = self.fingerprint;
            next.created_at = self.created_at;
            next.first_stop_at = self.first_stop_at;
            next.attempts = self.attempts;
            next.evidence = self.evidence;
        }
        next
    }

    /// Returns the number of continuations in this length of time before `now`.
    #[must_use]
    pub fn cycles_within(&self, length: Duration, now: DateTime<Utc>) -> usize {
        self.cycles.iter().filter(|at| is_within(**at, length, now)).count()
    }

    /// Records that the client closed the session or switched to another one.
    pub fn left(&mut self, source: Source, fact: impl Into<Cow<'static, str>>) {
        self.saw(source, fact);
        self.held_back = None;
        self.module_seen_at = None;
    }

    /// Withdraws the newest wake, because its prompt was not submitted: it does not count as a continuation. An
    /// attempt that the client refused stays in the list. Returns the number of refusals in a row.
    pub fn withdraw_wake(&mut self, refused: bool) -> usize {
        let is_wake = |attempt: &Attempt| attempt.action == AttemptAction::Wake;
        if let Some(mut attempt) = self.attempts.pop_if(|attempt| is_wake(attempt)) {
            self.cycles.retain(|cycle| *cycle != attempt.at);
            if refused {
                attempt.outcome = AttemptOutcome::NoEffect;
                self.attempts.push(attempt);
            }
        }
        self.module_claim = None;
        let none = |attempt: &&Attempt| is_wake(attempt) && attempt.outcome == AttemptOutcome::NoEffect;
        self.attempts.iter().rev().take_while(none).count()
    }

    /// Returns whether the plugin's module waits for the planned time. A waiting module reports at least
    /// every [`MODULE_STEP`].
    #[must_use]
    pub fn module_waits(&self, now: DateTime<Utc>) -> bool {
        self.module_seen_at.is_some_and(|at| now - at < MODULE_LOST)
    }

    /// Returns the newest attempt if it is a run whose end has not been recorded. A hook inside it may
    /// already have reported a stop.
    #[must_use]
    pub fn open_run(&self) -> Option<(DateTime<Utc>, &Run)> {
        let attempt = self.attempts.last()?;
        let run = attempt.run.as_deref().filter(|run| run.result.is_none())?;
        Some((attempt.at, run))
    }

    /// Finds the run with this nonce.
    pub fn run_mut(&mut self, nonce: &str) -> Option<&mut Run> {
        let mut runs = self.attempts.iter_mut().filter_map(|attempt| attempt.run.as_deref_mut());
        runs.find(|run| run.nonce == nonce)
    }

    /// Copies everything that the transcript contains about the stop.
    pub fn complete(&mut self, summary: &Summary) {
        let reported = std::mem::replace(&mut self.stop, summary.stop.clone());
        let mut evidence = reported.evidence;
        evidence.retain(|known| !self.stop.evidence.contains(known));
        self.stop.evidence.insert_many(0, evidence);
        self.describe(summary);
    }

    /// Copies everything that the transcript contains about the session.
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

    /// Adds a fact, and drops the oldest facts if there are too many.
    pub fn saw(&mut self, source: Source, fact: impl Into<Cow<'static, str>>) {
        let evidence = Evidence::new(source, fact);
        if self.evidence.last() != Some(&evidence) {
            self.evidence.push(evidence);
        }
        let surplus = self.evidence.len().saturating_sub(EVIDENCE);
        self.evidence.drain(..surplus);
    }

    /// Ends the incident because the session continued or was cancelled.
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
    fn a_wake_that_stops_again_counts_and_a_session_that_worked_starts_over() {
        let minute = Duration::minutes(1);
        let (waking, now) = tried(Phase::Attempting, AttemptOutcome::Pending);
        let again = waking.again(report(), now + minute);
        assert_eq!((again.generation, again.attempts[0].outcome), (2, AttemptOutcome::StoppedAgain));
        let (worked, now) = tried(Phase::Recovered, AttemptOutcome::Continued);
        let again = worked.again(report(), now + minute);
        assert_eq!((again.attempts.len(), again.cycles.len()), (0, 1), "the day's wakes still count");
    }

    #[test]
    fn wakes_and_stops_recorded_before_the_clock_was_set_back_do_not_count_for_weeks() {
        let (ahead, now) = tried(Phase::GivenUp, AttemptOutcome::StoppedAgain);
        let day = Duration::hours(24);
        let month = Duration::days(30);
        for (at, counted) in [
            (now, 1),
            (now + Duration::hours(23), 1),
            (now + day, 0),
            (now - Duration::minutes(1), 1),
            (now - month, 0),
        ] {
            assert_eq!(ahead.cycles_within(day, at), counted, "{at}");
        }
        let again = ahead.again(report(), now - month);
        assert_eq!(
            (again.cycles.len(), again.attempts.len()),
            (0, 0),
            "the user tried again after we gave up"
        );
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
    fn after_giving_up_a_later_stop_starts_over_but_a_repeated_report_does_not() {
        let (given_up, now) = tried(Phase::GivenUp, AttemptOutcome::StoppedAgain);
        assert_eq!(given_up.clone().again(report(), now + Duration::seconds(1)).attempts.len(), 1);
        assert_eq!(given_up.again(report(), now + Duration::minutes(1)).attempts.len(), 0);
    }
}
