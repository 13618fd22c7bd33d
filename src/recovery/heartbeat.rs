//! Implements the heartbeat, the waiting half of a `StopFailure` hook in an open client.
//!
//! The heartbeat sleeps in steps of at most 30 s. After each step it checks that the client is still alive
//! and has this session open, that the transcript contains nothing newer than the stop, and that the wait was
//! not cancelled. When the planned time has come by the wall clock and by the boot clock, it records the
//! attempt and wakes the session once. In every other case it ends silently. The client's own continuation
//! comes first, and the heartbeat then finds it in the transcript.

use super::due::DueByBoot;
use super::early::{EarlyReset, EarlySearch};
use super::incident::{Attempt, AttemptAction, AttemptOutcome, HeldBack, Incident, Obstacle, Phase};
use super::ledger::Ledger;
use super::paused::Paused;
use super::plan::{Action, RecoveryPlan};
use super::policy::{Terminal, hours};
use super::reason::Reason;
use super::turns::{WakeTurn, account_of, turn_of};
use crate::claude::home::ClaudeHome;
use crate::claude::process::Processes;
use crate::claude::registry::{Proof, read_record};
use crate::claude::route::{DefaultRoute, needs_default_route};
use crate::claude::settings::{Settings, managed_dir};
use crate::claude::transcript::Transcript;
use crate::claude::version::ClientVersion;
use crate::claude::wording::STATUS_REPORT;
use crate::clock::{Clock, rfc3339};
use crate::config::{Config, in_force};
use crate::env::Environment;
use crate::error::Code;
use crate::session::ending::Liveness;
use crate::session::owners::{ClientWord, Owners, SessionOwners};
use crate::session::summary::{Summary, summarize};
use crate::session::{Source, StopKind};
use crate::store::journal;
use crate::store::lock::Lock;
use chrono::{DateTime, Utc};
use serde_json::json;
use std::time::Duration;

/// Longest time between two checks.
const LONGEST_STEP: f64 = 30.0;
/// First pause after a stop. It is short, because the client opens its limit menu moments later. Each later
/// pause is as long as all earlier pauses together.
const MENU_STEP: Duration = Duration::from_secs(1);
/// Longest wait for the error record, which arrives 0.2 s after the hook starts on an idle machine.
const RECORD_WAIT: Duration = Duration::from_secs(5);
/// Like [`RECORD_WAIT`], for a stop without any conversation and without a client that could still write one.
const NOTHING_WAIT: Duration = Duration::from_millis(500);
const RECORD_STEP: Duration = Duration::from_millis(40);
/// Pause before retrying to read or write an incident, or to acquire the lease, after a failure that may be temporary.
const UNWRITABLE_STEP: Duration = Duration::from_secs(5);
/// Longest wait for the lease.
const LEASE_WAIT: Duration = Duration::from_millis(250);
/// Time between two checks of an incident whose hook is still reading, or whose error
/// record is still missing.
const ESTABLISHING: Duration = Duration::from_secs(1);
/// Maximum age of the error record of this stop at the start of the hook. An older record belongs to an
/// earlier stop.
const RECORD_AGE: chrono::Duration = chrono::Duration::seconds(60);
/// How long after the stop the hook polls for a missing error record, once per second.
const RECORD_LATE: chrono::Duration = chrono::Duration::minutes(10);
/// Variables that route requests through a proxy.
const PROXIES: [&str; 6] =
    ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
/// If a clock advanced this much more than the time slept, the machine or this process was suspended.
const GAP: Duration = Duration::from_secs(10);

/// Dependencies of a waiting hook.
#[derive(Clone, Copy)]
pub struct Heartbeat<'a> {
    pub ledger: Ledger<'a>,
    /// Source of the configuration in force, which may change during the wait.
    pub env: &'a Environment,
    pub processes: &'a dyn Processes,
    /// Configuration directories of Claude Code, starting with the hook's own.
    pub homes: &'a [ClaudeHome],
    /// Called without any lock when an obstacle appears or disappears.
    pub on_hold: &'a (dyn Fn(&Incident) + 'a),
}

/// State of the client at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientPresence {
    /// The session is open, and the client accepts a wake.
    Ready,
    /// The session is open, and the client is working or waiting for a permission or an answer.
    Busy,
    /// The client is alive but has another session open now.
    Elsewhere,
    Gone,
}

/// What is new in the transcript at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TranscriptChange {
    /// The stop is still the last entry.
    Same,
    /// A newer failure is the last entry.
    StoppedAgain,
    /// The client continued by itself.
    ContinuedByClient,
    /// The user cancelled the client's own continuation.
    Escaped,
    /// Some other entry is newer than the stop.
    MovedOn,
    Lost,
}

/// Next move of a waiting hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitMove {
    Sleep(Duration),
    /// Replace the stop with the newer failure.
    Adopt,
    /// Record the obstacle, or that none remains.
    HoldBack(Option<Obstacle>),
    /// Time jumped because the machine or this process was suspended, so the client's own continuation gets
    /// its full head start again, until this time.
    Postpone(DateTime<Utc>),
    /// The planned time passed longer ago than `lateWakeHours`, so the user is asked first.
    AskFirst,
    /// The user cancelled the client's own continuation, and ours continues without waiting for it.
    ActAlone,
    /// Plan again, because usage is available before the reset.
    PlanEarly(EarlyReset),
    Wake,
    NotifyReset,
    /// End silently, and set this phase; `None` leaves the phase unchanged.
    End(Option<Phase>, &'static str),
    /// End silently and leave the session to the user: the client is closed or has
    /// switched to another session.
    Leave(&'static str),
}

#[derive(Debug, Clone, Copy)]
pub struct WaitFacts<'a> {
    /// The incident on disk, if there is one.
    pub incident: Option<&'a Incident>,
    pub client: ClientPresence,
    /// Obstacle that prevents the session from continuing.
    pub obstacle: Option<Obstacle>,
    pub seen: TranscriptChange,
    /// Evidence, not acted on yet, that usage is available again before the reset.
    pub early: Option<&'a EarlyReset>,
    /// Whether Esc in the client means "do not continue".
    pub escape_cancels: bool,
    /// Whether the machine or this process was suspended since the last check.
    pub gap: bool,
    /// Head start of the client's own continuation after a gap; `None` if the client does
    /// not continue by itself.
    pub head_start: Option<Duration>,
    pub now: DateTime<Utc>,
    /// Boot-clock time that must still pass, whatever the wall clock shows.
    pub boot_left: Duration,
    pub step: Duration,
    /// Longest time after the planned time within which the session is continued without asking.
    pub late_wake: chrono::Duration,
}

/// Decides the next move. This is a pure function, so that every case can be tested.
#[must_use]
pub fn next_move(facts: &WaitFacts<'_>) -> WaitMove {
    let Some(incident) = facts.incident else { return WaitMove::End(None, "the incident is gone") };
    let notified_at = notified_at(incident);
    if !incident.phase.is_active() && notified_at.is_none() {
        return WaitMove::End(None, "no wait is planned for this incident");
    }
    match facts.client {
        ClientPresence::Gone => return WaitMove::Leave("the client has ended"),
        ClientPresence::Elsewhere => return WaitMove::Leave("the client switched to another session"),
        ClientPresence::Ready | ClientPresence::Busy => {}
    }
    match facts.seen {
        TranscriptChange::StoppedAgain => return WaitMove::Adopt,
        TranscriptChange::ContinuedByClient => {
            return WaitMove::End(Some(Phase::Recovered), "Claude Code continued the session");
        }
        TranscriptChange::MovedOn => {
            return WaitMove::End(Some(Phase::MovedOn), "the session continued without this tool");
        }
        TranscriptChange::Escaped if facts.escape_cancels && notified_at.is_none() => {
            return WaitMove::End(Some(Phase::Cancelled), "the user cancelled the continuation with Esc");
        }
        TranscriptChange::Same | TranscriptChange::Escaped | TranscriptChange::Lost => {}
    }
    if let Some(early) = facts.early {
        return WaitMove::PlanEarly(early.clone());
    }
    if let Some(at) = notified_at {
        let left = (at - facts.now).to_std().unwrap_or(Duration::ZERO).max(facts.boot_left);
        return if left.is_zero() { WaitMove::NotifyReset } else { WaitMove::Sleep(left.min(facts.step)) };
    }
    if facts.seen == TranscriptChange::Escaped && !incident.native_cancelled {
        return WaitMove::ActAlone;
    }
    if incident.phase == Phase::Open {
        // The hook that reported the stop is still reading it.
        return WaitMove::Sleep(facts.step.min(ESTABLISHING));
    }
    let (Action::Wake, Some(due)) = (incident.plan.action, incident.plan.at) else {
        return WaitMove::End(None, "the plan does not wake the session");
    };
    let wall_left = (due - facts.now).to_std().unwrap_or(Duration::ZERO);
    let left = wall_left.max(facts.boot_left);
    // A missing transcript is an obstacle only once the planned time has come.
    let lost = facts.seen == TranscriptChange::Lost && left.is_zero();
    let obstacle = facts.obstacle.or_else(|| lost.then_some(Obstacle::NoTranscript));
    if obstacle != incident.held_back.as_ref().map(|held| held.reason) {
        return WaitMove::HoldBack(obstacle);
    }
    if left.is_zero() && obstacle.is_none() && facts.now - due > facts.late_wake {
        return WaitMove::AskFirst;
    }
    if let (true, Some(head_start)) = (facts.gap, facts.head_start)
        && let Ok(head_start) = chrono::Duration::from_std(head_start)
        && due < facts.now + head_start
    {
        return WaitMove::Postpone(facts.now + head_start);
    }
    if !left.is_zero() {
        let early = facts.now - incident.created_at < RECORD_LATE;
        let step = if early && (facts.seen == TranscriptChange::Lost || incident.stop.record.is_none()) {
            facts.step.min(ESTABLISHING)
        } else {
            facts.step
        };
        return WaitMove::Sleep(left.min(step));
    }
    match (obstacle, facts.client) {
        (None, ClientPresence::Ready) => WaitMove::Wake,
        (Some(_) | None, _) => WaitMove::Sleep(facts.step),
    }
}

/// Time at which to notify the user that the limit of a terminal session has reset, if nothing continues that
/// session. Other clients have no window to type into, and wait for their hooks when they exit.
#[must_use]
pub fn notified_at(incident: &Incident) -> Option<DateTime<Utc>> {
    incident
        .plan
        .notified_at()
        .filter(|_| incident.phase == Phase::Held && incident.entrypoint.as_deref() == Some("cli"))
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitEnd {
    /// Wake the session with this prompt.
    Wake(String),
    HasReset,
    Silent(&'static str),
}

/// Answer to a module that runs its own timer and asks what to do.
#[derive(Debug, Clone, PartialEq)]
pub enum CheckedStop {
    /// Nothing to do yet: the planned time has not come, or an obstacle blocks the session.
    Waits(Box<Incident>),
    /// Another process waits for the session, such as the hook of a reopened window.
    WaitedForElsewhere,
    /// The wake is granted and recorded, so the caller must submit this text once.
    Granted(String),
    /// There is nothing left to wait for.
    Over(&'static str),
}

/// A question of the module, which has no separate process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CheckRequest {
    /// Whether the module claims the wake because the planned time has come.
    pub claims: bool,
    /// Whether the user chose to continue now, whatever the planned time is. An obstacle still prevents it.
    pub now: bool,
    /// Id of the claim; see [`Incident::module_claim`].
    pub claim: Option<String>,
    /// Whether the machine or the client was suspended since the last question.
    pub gap: bool,
}

/// Maximum number of changes that one check makes to an incident, each followed by another decision.
const MOST_CHANGES: usize = 6;

/// Reads the transcript only when its size has changed.
struct CachedTranscript {
    bytes: Option<u64>,
    summary: Option<Summary>,
}

impl CachedTranscript {
    fn read(&mut self, path: &std::path::Path) -> Option<&Summary> {
        let transcript = Transcript::open(path).ok()?;
        if self.bytes != Some(transcript.bytes()) || self.summary.is_none() {
            self.bytes = Some(transcript.bytes());
            self.summary = Some(summarize(&transcript, Liveness::Live(None)));
        }
        self.summary.as_ref()
    }
}

impl Heartbeat<'_> {
    fn clock(&self) -> &dyn Clock {
        self.ledger.clock
    }

    /// Waits until the error record of a stop that a hook just reported is in the transcript, and completes
    /// the incident with it and with a plan. If it does not arrive within five seconds, the payload is used,
    /// and [`Heartbeat::wait`] adopts the record whenever it arrives.
    ///
    /// # Errors
    /// Those of the ledger.
    pub fn establish(&self, incident: &Incident) -> crate::error::Result<Option<Incident>> {
        let started = self.clock().since_boot();
        let reported = incident.stop.at.unwrap_or_else(|| self.clock().now());
        let mut reader = CachedTranscript { bytes: None, summary: None };
        let found = loop {
            let summary = reader.read(&incident.transcript).cloned();
            let fresh = summary.filter(|summary| {
                let at = summary.stop.at.unwrap_or(DateTime::UNIX_EPOCH);
                summary.stop.kind.is_failure() && summary.stop.record.is_some() && reported - at < RECORD_AGE
            });
            let nothing = reader.summary.as_ref().is_none_or(|summary| summary.stop.kind == StopKind::Empty);
            // On an overloaded machine a live client may write seconds later.
            let never = nothing && !self.is_alive(incident);
            let patience = if never { NOTHING_WAIT } else { RECORD_WAIT };
            if fresh.is_some() || self.clock().since_boot().saturating_sub(started) > patience {
                break fresh;
            }
            self.clock().sleep(RECORD_STEP);
        };
        let generation = incident.generation;
        let terminal = self.terminal(incident);
        self.ledger.change(&incident.session, |incident| {
            // During the wait for the record the user may have cancelled it, or another process continued the session.
            let Some(incident) = incident
                .as_mut()
                .filter(|incident| incident.generation == generation && incident.phase.may_be_planned())
            else {
                return;
            };
            if let Some(summary) = &found {
                incident.complete(summary);
            } else {
                incident.saw(Source::Transcript, "the error record did not appear in the transcript");
                if let Some(summary) = &reader.summary {
                    incident.describe(summary);
                }
            }
            self.ledger.plan(incident, terminal);
        })
    }

    /// Waits for the planned time of a session's incident. Returns at once when another process already waits for it.
    #[must_use]
    pub fn wait(&self, session: &str) -> WaitEnd {
        let lives =
            || self.ledger.read(session).ok().flatten().is_some_and(|incident| self.is_alive(&incident));
        let mut lease = loop {
            // A status report acquires the lease for an instant to check whether a process waits.
            match Lock::wait(&self.ledger.state.waiter_lease(session), LEASE_WAIT) {
                Ok(lease) => break Some(lease),
                Err(error) if error.code == Code::StateLocked => {
                    return WaitEnd::Silent("another process waits for this session");
                }
                Err(_) if lives() => self.clock().sleep(UNWRITABLE_STEP),
                Err(_) => return WaitEnd::Silent("the lease could not be acquired"),
            }
        };
        let ended = self.wait_with(session, &mut lease);
        if let WaitEnd::Silent(why) = &ended {
            journal::append(
                self.ledger.state,
                self.clock(),
                "waiter-ended",
                json!({"session": session, "why": why}),
            );
        }
        ended
    }

    /// Makes the decision that a waiting hook would make now, under the same lease, and returns instead of
    /// sleeping. A wake is granted only to a request that claims it.
    ///
    /// # Errors
    /// Those of the ledger.
    pub fn check(&self, session: &str, request: CheckRequest) -> crate::error::Result<CheckedStop> {
        let mut lease = match Lock::wait(&self.ledger.state.waiter_lease(session), LEASE_WAIT) {
            Ok(lease) => Some(lease),
            Err(error) if error.code == Code::StateLocked => return Ok(CheckedStop::WaitedForElsewhere),
            Err(error) => return Err(error),
        };
        let mut watch = WaiterMemory::new(self.clock());
        watch.gap = request.gap;
        let claims = request.claims;
        watch.request = request;
        for _ in 0..MOST_CHANGES {
            let incident = self.ledger.read(session)?;
            // Already granted: the end of the turn records whether it took effect, not another claim.
            if incident.as_ref().is_some_and(|incident| incident.phase == Phase::Attempting) {
                break;
            }
            match self.assess(incident.as_ref(), &mut watch, claims) {
                WaitMove::Sleep(_) => break,
                WaitMove::Wake if !claims => break,
                _ => {
                    if let Some(ended) = self.act(session, &mut watch, &mut lease)? {
                        return Ok(match ended {
                            WaitEnd::Wake(text) => CheckedStop::Granted(text),
                            WaitEnd::HasReset => CheckedStop::Over("the limit has reset"),
                            WaitEnd::Silent(why) => CheckedStop::Over(why),
                        });
                    }
                    // Another session of the account goes first.
                    if watch.pause.is_some() {
                        break;
                    }
                }
            }
        }
        Ok(match self.ledger.read(session)? {
            Some(incident) => CheckedStop::Waits(Box::new(incident)),
            None => CheckedStop::Over("the incident is gone"),
        })
    }

    fn wait_with(&self, session: &str, lease: &mut Option<Lock>) -> WaitEnd {
        let mut watch = WaiterMemory::new(self.clock());
        let mut known: Option<Incident> = None;
        loop {
            let incident = match self.ledger.read(session) {
                Ok(incident) => incident,
                Err(error)
                    if error.may_pass() && known.as_ref().is_some_and(|known| self.is_alive(known)) =>
                {
                    // A damaged file goes to quarantine, and only this process knows what was in it.
                    let restored = self.ledger.change(session, |slot| {
                        if slot.is_none() {
                            slot.clone_from(&known);
                        }
                    });
                    if restored.is_err() {
                        watch.sleep(UNWRITABLE_STEP, self.clock());
                    }
                    continue;
                }
                Err(_) => return WaitEnd::Silent("the incident cannot be read"),
            };
            let move_ = self.assess(incident.as_ref(), &mut watch, false);
            match move_ {
                WaitMove::Sleep(time) => watch.sleep(time, self.clock()),
                // Every change to the incident is decided again under its lock. Otherwise a stop reported in
                // between would be lost, because its hook finds that we own the lease and relies on us.
                _ => match self.act(session, &mut watch, lease) {
                    Ok(Some(ended)) => return ended,
                    Ok(None) => {
                        if let Some(time) = watch.pause.take() {
                            watch.sleep(time, self.clock());
                        }
                    }
                    // A full disk may have space again, or the lock be free, before the client is closed.
                    Err(error)
                        if error.may_pass()
                            && incident.as_ref().is_some_and(|incident| self.is_alive(incident)) =>
                    {
                        watch.sleep(UNWRITABLE_STEP, self.clock());
                    }
                    Err(_) => return WaitEnd::Silent("the incident cannot be written"),
                },
            }
            known = incident;
        }
    }

    /// Reads the facts and decides the next move, without changing anything. If `thorough` is set, it also
    /// finds clients that are just being started for the session, which the caller must know before it acts.
    fn assess(&self, incident: Option<&Incident>, watch: &mut WaiterMemory, thorough: bool) -> WaitMove {
        let now = self.clock().now();
        let Some(incident) = incident else { return next_move(&WaitFacts::of_nothing(now)) };
        let due_now = (watch.request.now && incident.plan.action == Action::Wake).then(|| {
            let plan = RecoveryPlan { at: Some(now), ..incident.plan.clone() };
            Incident { plan, timing: None, ..incident.clone() }
        });
        let incident = due_now.as_ref().unwrap_or(incident);
        let config = in_force(self.env, incident.project.as_deref()).config;
        let owners = self.owners(incident, thorough);
        let obstacle = self.obstacle(incident, &owners, &config);
        watch.suspended(obstacle == Some(Obstacle::Suspended));
        let waits = incident.phase == Phase::Waiting || notified_at(incident).is_some();
        let early = waits.then(|| watch.early.find(self.ledger.state, incident, now)).flatten();
        next_move(&WaitFacts {
            incident: Some(incident),
            client: self.client(incident, &owners),
            obstacle,
            seen: seen(incident, watch.reader.read(&incident.transcript)),
            early: early.as_ref(),
            escape_cancels: config.heartbeat.escape_cancels,
            gap: watch.gap,
            head_start: self
                .native(incident)
                .map(|window| window.max(Duration::from_secs_f64(config.heartbeat.grace_seconds.max(0.0)))),
            now,
            boot_left: watch.due_by_boot.left(
                incident.plan.at,
                incident.generation,
                incident.timing.as_ref(),
                self.clock(),
            ),
            step: watch.step(config.heartbeat.step_seconds, self.clock()),
            late_wake: hours(config.late_wake_hours()),
        })
    }

    /// Checks again and acts, under the lock. Returns `None` to continue waiting.
    ///
    /// Also releases the lease under the lock at the end, once the change is saved. A hook that reports a new stop
    /// after that finds the lease free, and a stop reported before that is handled here. If the change cannot be
    /// saved, the lease is kept, so that no second process begins to wait.
    fn act(
        &self,
        session: &str,
        watch: &mut WaiterMemory,
        lease: &mut Option<Lock>,
    ) -> crate::error::Result<Option<WaitEnd>> {
        let mut ended = None;
        let mut told = None;
        let mut account = None;
        let mut saved = false;
        let changed = self.ledger.change_then(
            session,
            |slot| {
                let move_ = self.assess(slot.as_ref(), watch, true);
                match (move_, slot) {
                    (WaitMove::Sleep(_), _) => {}
                    (WaitMove::Adopt, Some(incident)) => {
                        if let Some(summary) = &watch.reader.summary {
                            adopt(incident, summary, self.clock().now());
                            self.ledger.plan(incident, Terminal::Open);
                            told = Some(incident.clone());
                        }
                        watch.stopped(self.clock());
                    }
                    (WaitMove::HoldBack(obstacle), Some(incident)) => {
                        self.hold_back(incident, obstacle);
                        told = Some(incident.clone());
                    }
                    (WaitMove::Postpone(until), Some(incident)) => {
                        watch.gap = false;
                        incident.plan.at = Some(until);
                        incident.saw(
                            Source::Clock,
                            "the machine was suspended: Claude Code may continue the session first again",
                        );
                    }
                    (WaitMove::AskFirst, Some(incident)) => {
                        let late = incident.plan.at.map_or(0, |due| (self.clock().now() - due).num_hours());
                        self.ledger.hold(incident, Source::Clock, Reason::Overdue { hours: late });
                        told = Some(incident.clone());
                    }
                    (WaitMove::Wake, Some(_)) if !watch.request.claims => {}
                    (WaitMove::ActAlone, Some(incident)) => {
                        incident.native_cancelled = true;
                        incident.saw(Source::Transcript, "the user cancelled Claude Code's own continuation");
                        self.ledger.plan(incident, Terminal::Open);
                    }
                    (WaitMove::Wake, Some(incident)) => {
                        match self.wake_in_turn(incident, &watch.request, &mut account) {
                            Ok(text) => ended = Some(WaitEnd::Wake(text)),
                            Err(turn) => watch.pause = self.put_off(incident, turn, watch.request.now),
                        }
                    }
                    (WaitMove::PlanEarly(early), Some(incident)) => {
                        incident.saw(Source::Transcript, early.fact());
                        incident.early = Some(early);
                        self.ledger.plan(incident, Terminal::Open);
                        told = Some(incident.clone());
                    }
                    (WaitMove::NotifyReset, Some(incident)) => {
                        self.ledger.plan(incident, Terminal::Open);
                        incident.saw(Source::Clock, "the limit has reset; the user is notified");
                        ended = Some(WaitEnd::HasReset);
                    }
                    (WaitMove::End(Some(phase), why), Some(incident)) => {
                        incident.settle(phase, Source::Transcript, why);
                        ended = Some(WaitEnd::Silent(why));
                    }
                    (WaitMove::Leave(why), Some(incident)) => {
                        incident.left(Source::Process, why);
                        self.ledger.plan(incident, Terminal::Closed);
                        ended = Some(WaitEnd::Silent(why));
                    }
                    (WaitMove::End(_, why) | WaitMove::Leave(why), _) => ended = Some(WaitEnd::Silent(why)),
                    (
                        WaitMove::Adopt
                        | WaitMove::Wake
                        | WaitMove::NotifyReset
                        | WaitMove::PlanEarly(_)
                        | WaitMove::HoldBack(_)
                        | WaitMove::Postpone(_)
                        | WaitMove::AskFirst
                        | WaitMove::ActAlone,
                        None,
                    ) => {
                        ended = Some(WaitEnd::Silent("the incident is gone"));
                    }
                }
                ended.is_some()
            },
            |ended| {
                saved = true;
                if ended {
                    *lease = None;
                }
            },
        );
        // What was saved has been decided, even if a spooled event could not be removed afterwards.
        if !saved {
            changed?;
        }
        drop(account);
        if let Some(incident) = told {
            (self.on_hold)(&incident);
        }
        Ok(ended)
    }

    /// Records the obstacle that now prevents the session from continuing, or that none remains.
    fn hold_back(&self, incident: &mut Incident, obstacle: Option<Obstacle>) {
        let places = self.owners(incident, true).places();
        incident.held_back = obstacle.map(|reason| HeldBack { reason, why: reason.words(places.as_deref()) });
        let fact = incident.held_back.as_ref().map(|held| held.why.clone());
        incident.saw(Source::Process, fact.unwrap_or_else(|| "no obstacle remains".into()));
    }

    /// Wakes the session unless another session of its account goes first. The account's lock is kept until
    /// the caller has saved the incident with the attempt. Otherwise the next session would not find the
    /// attempt, and both would continue at once.
    fn wake_in_turn(
        &self,
        incident: &mut Incident,
        request: &CheckRequest,
        lock: &mut Option<Lock>,
    ) -> Result<String, WakeTurn> {
        let state = self.ledger.state;
        let busy = WakeTurn::Wait(chrono::Duration::milliseconds(500));
        let path = state.account_lease(&format!("{}.wake", account_of(state, incident)));
        match Lock::try_take(&path) {
            Ok(Some(taken)) => *lock = Some(taken),
            Ok(None) => return Err(busy),
            // An error with the lock does not prevent the wake.
            Err(_) => {}
        }
        let (incidents, _) = self.ledger.read_all();
        match turn_of(state, incident, &incidents, self.clock().now()) {
            WakeTurn::Now => Ok(self.wake(incident, request)),
            other => Err(other),
        }
    }

    /// Changes the plan of a session if another session of its account goes first. Returns the time until the next
    /// check, if that is not at once. `chosen` is set if the user chose to continue now.
    fn put_off(&self, incident: &mut Incident, turn: WakeTurn, chosen: bool) -> Option<Duration> {
        match turn {
            WakeTurn::Now => None,
            WakeTurn::Later(_) if chosen => Some(Duration::ZERO),
            WakeTurn::Later(later) => {
                incident.plan.at = incident.plan.at.map(|at| at + later);
                incident.saw(Source::Store, "another session of the account met the limit again");
                None
            }
            WakeTurn::Wait(wait) => {
                if chosen {
                    incident.plan.at = Some(self.clock().now());
                    incident.timing = None;
                    incident.saw(Source::Hook, "the user chose to continue now");
                }
                wait.to_std().ok()
            }
        }
    }

    /// Records the attempt before it is made.
    fn wake(&self, incident: &mut Incident, request: &CheckRequest) -> String {
        let now = self.clock().now();
        incident.module_claim.clone_from(&request.claim);
        if request.now {
            incident.saw(Source::Hook, "the user chose to continue now");
        }
        let text = wake_text(incident, now);
        incident.attempts.push(Attempt {
            at: now,
            action: AttemptAction::Wake,
            answered: incident.stop.kind,
            outcome: AttemptOutcome::Pending,
            run: None,
        });
        incident.cycles.push(now);
        incident.phase = Phase::Attempting;
        incident.saw(Source::Clock, format!("woken at {}", rfc3339(now)));
        text
    }

    /// Returns whether the incident's client still has the session open.
    #[must_use]
    pub fn terminal(&self, incident: &Incident) -> Terminal {
        match self.client(incident, &self.owners(incident, false)) {
            ClientPresence::Ready | ClientPresence::Busy => Terminal::Open,
            ClientPresence::Elsewhere | ClientPresence::Gone => Terminal::Closed,
        }
    }

    /// Returns how long after the reset Claude Code may still continue the session by itself; `None` if it
    /// does not.
    fn native(&self, incident: &Incident) -> Option<Duration> {
        self.ledger.native(incident).window().and_then(|window| window.to_std().ok())
    }

    /// Returns whether the process that reported the stop still runs.
    #[must_use]
    pub fn is_alive(&self, incident: &Incident) -> bool {
        incident.client_is_alive(self.processes)
    }

    fn owners(&self, incident: &Incident, thorough: bool) -> SessionOwners {
        if thorough {
            return Owners::look_up(self.homes, self.processes, &incident.session, &incident.transcript);
        }
        Owners::read(self.homes, self.processes, &mut Vec::new()).of_session(&incident.session)
    }

    /// Identifies the client by process id and start time, and its open session by its registry record. A
    /// client without a record, which is older than 2.1.120 or just starting, has the session of its hook
    /// open.
    fn client(&self, incident: &Incident, owners: &SessionOwners) -> ClientPresence {
        let Some(pid) = incident.claude_pid.filter(|_| self.is_alive(incident)) else {
            return ClientPresence::Gone;
        };
        if let Some(own) = owners.process(pid) {
            return match own.word() {
                ClientWord::Busy | ClientWord::Waiting => ClientPresence::Busy,
                ClientWord::Idle | ClientWord::Silent | ClientWord::Dialog => ClientPresence::Ready,
            };
        }
        let record = self.homes.iter().find_map(|home| read_record(home, pid));
        match record.filter(|record| record.proof(self.processes) == Proof::Live) {
            Some(record) if record.session_id != incident.session => ClientPresence::Elsewhere,
            _ => ClientPresence::Ready,
        }
    }

    /// Returns the most urgent obstacle that prevents the session from continuing.
    fn obstacle(&self, incident: &Incident, owners: &SessionOwners, config: &Config) -> Option<Obstacle> {
        let pid = incident.claude_pid?;
        obstacle(
            owners,
            Some(pid),
            self.processes.is_stopped(pid),
            &WaitSwitches {
                paused: Paused::read(self.ledger.state).holds(&incident.session),
                switched_off: !config.heartbeat.enabled,
                offline: is_offline(incident, self.env, self.processes),
                client_cap: self.ledger.leaves_to_user_at_client_cap(incident, config),
            },
        )
    }
}

/// Settings and conditions that block a waiting session.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches")]
pub struct WaitSwitches {
    /// Set by `pause` or `pause --all`.
    pub paused: bool,
    /// `heartbeat.enabled` or the project's `enabled` is false.
    pub switched_off: bool,
    /// Whether the stop was a lost connection and the machine has no route to the API; see [`is_offline`].
    pub offline: bool,
    /// See [`Ledger::leaves_to_user_at_client_cap`].
    pub client_cap: bool,
}

/// Returns the most urgent obstacle that prevents an open session from continuing. `client` is the process
/// that waits for it; `None` accepts any owner process.
#[must_use]
pub fn obstacle(
    owners: &SessionOwners,
    client: Option<u32>,
    stopped: bool,
    switches: &WaitSwitches,
) -> Option<Obstacle> {
    let shared = client.map_or_else(|| owners.is_shared(), |pid| owners.others_than(pid));
    if switches.switched_off {
        return Some(Obstacle::SwitchedOff);
    }
    if switches.paused {
        return Some(Obstacle::Paused);
    }
    // Before the dialog, because the client opens its limit menu at its cap, and closing that menu must not
    // seem to be enough.
    if switches.client_cap {
        return Some(Obstacle::ClientCap);
    }
    if owners.live.iter().any(|owner| owner.word() == ClientWord::Dialog) {
        return Some(Obstacle::Dialog);
    }
    if shared {
        return Some(Obstacle::Shared);
    }
    if stopped {
        return Some(Obstacle::Suspended);
    }
    switches.offline.then_some(Obstacle::NoRoute)
}

/// Returns whether Claude Code may continue the session itself while its terminal stays open, either by
/// default or because the user chose to wait in its limit menu, which leaves no trace. [`super::native`]
/// decides whether to expect this.
#[must_use]
pub fn may_continue_by_itself(incident: &Incident) -> bool {
    let version = incident.client_version.as_deref().and_then(ClientVersion::parse);
    incident.entrypoint.as_deref() == Some("cli")
        && incident.stop.kind.is_usage_limit()
        && incident.stop.resets_at.is_some()
        && version.is_none_or(ClientVersion::continues_by_itself)
}

/// Returns whether an attempt after a lost connection must fail, because the machine has no route to the API.
/// `env` contains the variables of the client, or of the process that would start one.
#[must_use]
pub fn is_offline(incident: &Incident, env: &Environment, processes: &dyn Processes) -> bool {
    if incident.stop.kind != StopKind::Network || processes.default_route() != DefaultRoute::Absent {
        return false;
    }
    let home = incident.config_dir.as_deref().map(ClaudeHome::new);
    let settings = home.map(|home| Settings::read(&home, incident.project.as_deref(), &managed_dir()));
    let variable = |name: &str| {
        let of_settings = settings
            .iter()
            .flat_map(|settings| &settings.files)
            .find_map(|file| file.value.as_ref().ok()?.get("env")?.get(name)?.as_str().map(str::to_owned));
        of_settings.or_else(|| env.text(name).map(str::to_owned)).filter(|value| !value.is_empty())
    };
    let proxied = PROXIES.iter().any(|name| variable(name).is_some());
    needs_default_route(variable("ANTHROPIC_BASE_URL").as_deref(), proxied)
}

/// State that one waiting hook keeps between checks.
struct WaiterMemory {
    reader: CachedTranscript,
    due_by_boot: DueByBoot,
    /// Whether a suspension was detected and not handled yet.
    gap: bool,
    was_suspended: bool,
    /// What is asked; a waiting hook always claims the wake.
    request: CheckRequest,
    /// Boot clock at the newest stop.
    stopped_at: Duration,
    early: EarlySearch,
    /// Pause before the next check, while another session of the account goes first.
    pause: Option<Duration>,
}

impl WaiterMemory {
    fn new(clock: &dyn Clock) -> Self {
        Self {
            reader: CachedTranscript { bytes: None, summary: None },
            due_by_boot: DueByBoot::default(),
            gap: false,
            was_suspended: false,
            request: CheckRequest { claims: true, ..CheckRequest::default() },
            stopped_at: clock.since_boot(),
            early: EarlySearch::default(),
            pause: None,
        }
    }

    fn stopped(&mut self, clock: &dyn Clock) {
        self.stopped_at = clock.since_boot();
    }

    /// Returns whether a signal has suspended the client. Such a client notices the reset only when it runs
    /// again, so resuming it counts as a gap.
    fn suspended(&mut self, suspended: bool) {
        self.gap |= self.was_suspended && !suspended;
        self.was_suspended = suspended;
    }

    fn step(&self, configured: f64, clock: &dyn Clock) -> Duration {
        let step = Duration::from_secs_f64(configured.clamp(0.05, LONGEST_STEP));
        step.min(clock.since_boot().saturating_sub(self.stopped_at).max(MENU_STEP))
    }

    fn sleep(&mut self, time: Duration, clock: &dyn Clock) {
        let (wall, boot) = (clock.now(), clock.since_boot());
        clock.sleep(time);
        let by_wall = (clock.now() - wall).to_std().unwrap_or(Duration::ZERO);
        let by_boot = clock.since_boot().saturating_sub(boot);
        // Replaces an earlier gap, which was handled before this sleep.
        self.gap = by_wall.max(by_boot) > time + GAP;
    }
}

impl WaitFacts<'_> {
    /// Returns the facts for a missing incident.
    const fn of_nothing(now: DateTime<Utc>) -> Self {
        Self {
            incident: None,
            client: ClientPresence::Gone,
            obstacle: None,
            seen: TranscriptChange::Lost,
            early: None,
            escape_cancels: false,
            gap: false,
            head_start: None,
            now,
            boot_left: Duration::ZERO,
            step: MENU_STEP,
            late_wake: chrono::Duration::MAX,
        }
    }
}

/// Compares the current end of the transcript with the stop of the incident.
pub(super) fn seen(incident: &Incident, summary: Option<&Summary>) -> TranscriptChange {
    let Some(summary) = summary.filter(|summary| summary.stop.kind != StopKind::Empty) else {
        return TranscriptChange::Lost;
    };
    let same = match &incident.stop.record {
        Some(record) => summary.stop.record.as_ref() == Some(record),
        // The error record was never found, so an entry that is not newer than the report is older than the
        // stop.
        None => !summary.stop.kind.is_failure() && summary.stop.at <= incident.stop.at,
    };
    if same {
        return if summary.escaped { TranscriptChange::Escaped } else { TranscriptChange::Same };
    }
    if summary.stop.kind.is_failure() && summary.stop.kind != StopKind::Unknown {
        TranscriptChange::StoppedAgain
    } else if summary.continued_by_client {
        TranscriptChange::ContinuedByClient
    } else {
        TranscriptChange::MovedOn
    }
}

/// Adopts a newer failure, which that failure's own hook left to this hook.
pub(super) fn adopt(incident: &mut Incident, summary: &Summary, now: DateTime<Utc>) {
    for attempt in &mut incident.attempts {
        if attempt.outcome == AttemptOutcome::Pending {
            attempt.outcome = AttemptOutcome::StoppedAgain;
        }
    }
    // The late record of the stop that is already waited for.
    let late = incident.stop.record.is_none()
        && incident.stop.at.zip(summary.stop.at).is_none_or(|(known, at)| (at - known).abs() < RECORD_AGE);
    incident.stop = summary.stop.clone();
    incident.native_cancelled = false;
    incident.phase = Phase::Open;
    incident.describe(summary);
    let what = if late { "the error record came late" } else { "stopped again" };
    incident.saw(Source::Transcript, format!("{what}, noticed at {}", rfc3339(now)));
}

/// Composes the text that wakes the model. It is a status report and does not imitate the user.
fn wake_text(incident: &Incident, now: DateTime<Utc>) -> String {
    let stop = &incident.stop;
    let happened = match (stop.at, stop.resets_at) {
        (Some(at), Some(reset)) => {
            format!("at {} ({}); the limit reset at {}", rfc3339(at), stop.kind.words(), rfc3339(reset))
        }
        (Some(at), None) => format!("at {} ({})", rfc3339(at), stop.kind.words()),
        _ => format!("({})", stop.kind.words()),
    };
    format!(
        "{STATUS_REPORT} {}: this session was stopped {happened}. Nobody typed this and \
         it grants no new authority. The task the user gave before the stop is unfinished: continue it from where it \
         stopped and do not repeat what is already done. A tool call that was under way at the stop may or may not have \
         taken effect; check before running it again. Notes of the stop, if any, are in HANDOFF.md; check them against \
         the working tree.",
        rfc3339(now)
    )
}

#[cfg(test)]
mod tests {
    use super::super::incident::StopReport;
    use super::super::reason::PlanReason;
    use super::*;
    use crate::clock::parse_rfc3339;
    use crate::config::Config;
    use crate::session::Stop;
    use crate::session::owners::{ClientMode, HeldBy, OwnerProcess};
    use crate::store::StateDir;
    use std::path::{Path, PathBuf};
    use std::sync::Mutex;

    const SESSION: &str = "c10fc6d8-f1b0-43a0-bbd4-32659a03b64a";

    fn at(text: &str) -> DateTime<Utc> {
        parse_rfc3339(text).unwrap()
    }

    fn incident(kind: StopKind, due: &str) -> Incident {
        let report = StopReport {
            session: SESSION.into(),
            project: None,
            config_dir: None,
            transcript: PathBuf::from("/nowhere"),
            stop: Stop { record: Some("r".into()), ..Stop::of(kind) },
            cwd: None,
            entrypoint: None,
            claude_pid: Some(7),
            claude_start: Some("1".into()),
        };
        let mut incident = Incident::open(report, at("2026-11-21T02:00:00Z"));
        incident.phase = Phase::Waiting;
        incident.plan = RecoveryPlan::new(Action::Wake, Some(at(due)), Reason::NotPlanned);
        incident
    }

    fn facts_at<'a>(incident: &'a Incident, now: &str) -> WaitFacts<'a> {
        WaitFacts {
            incident: Some(incident),
            client: ClientPresence::Ready,
            obstacle: None,
            seen: TranscriptChange::Same,
            early: None,
            escape_cancels: false,
            gap: false,
            head_start: None,
            now: at(now),
            boot_left: Duration::ZERO,
            step: Duration::from_secs(30),
            late_wake: chrono::Duration::hours(8),
        }
    }

    #[test]
    fn sleeps_in_steps_until_the_planned_second_and_then_wakes() {
        let incident = incident(StopKind::UsageLimit5h, "2026-11-21T02:10:00Z");
        let next = |now| next_move(&facts_at(&incident, now));
        assert_eq!(next("2026-11-21T02:00:00Z"), WaitMove::Sleep(Duration::from_secs(30)));
        assert_eq!(next("2026-11-21T02:09:50Z"), WaitMove::Sleep(Duration::from_secs(10)));
        assert_eq!(next("2026-11-21T02:10:00Z"), WaitMove::Wake);
    }

    #[test]
    fn more_than_eight_hours_after_the_planned_time_the_user_is_asked_first() {
        let incident = incident(StopKind::UsageLimit5h, "2026-11-21T02:10:00Z");
        let dialog = Some(Obstacle::Dialog);
        let held = Incident {
            held_back: Some(HeldBack { reason: Obstacle::Dialog, why: String::new() }),
            ..incident.clone()
        };
        let head_start = Some(Duration::from_secs(150));
        let base = |now| facts_at(&incident, now);
        for (facts, expected) in [
            (base("2026-11-21T10:10:00Z"), WaitMove::Wake),
            (base("2026-11-21T10:10:01Z"), WaitMove::AskFirst),
            (WaitFacts { gap: true, head_start, ..base("2026-11-21T10:10:01Z") }, WaitMove::AskFirst),
            (
                WaitFacts { gap: true, head_start, ..base("2026-11-21T10:10:00Z") },
                WaitMove::Postpone(at("2026-11-21T10:12:30Z")),
            ),
            (
                WaitFacts { late_wake: chrono::Duration::hours(9), ..base("2026-11-21T10:10:01Z") },
                WaitMove::Wake,
            ),
            (
                WaitFacts { boot_left: Duration::from_secs(9), ..base("2026-11-21T10:10:01Z") },
                WaitMove::Sleep(Duration::from_secs(9)),
            ),
            (
                WaitFacts { obstacle: dialog, incident: Some(&held), ..base("2026-11-21T10:10:01Z") },
                WaitMove::Sleep(Duration::from_secs(30)),
            ),
        ] {
            assert_eq!(next_move(&facts), expected);
        }
    }

    #[test]
    fn a_wall_clock_that_jumps_ahead_causes_no_early_wake() {
        let incident = incident(StopKind::UsageLimit5h, "2026-11-21T02:10:00Z");
        let jumped =
            WaitFacts { boot_left: Duration::from_secs(500), ..facts_at(&incident, "2026-11-21T05:00:00Z") };
        assert_eq!(next_move(&jumped), WaitMove::Sleep(Duration::from_secs(30)));
    }

    #[test]
    fn an_obstacle_is_recorded_at_once_and_delays_the_wake() {
        let plain = incident(StopKind::UsageLimit5h, "2026-11-21T02:10:00Z");
        let step = Duration::from_secs(30);
        for reason in
            [Obstacle::Dialog, Obstacle::Shared, Obstacle::Paused, Obstacle::SwitchedOff, Obstacle::Suspended]
        {
            let obstacle = Some(reason);
            for now in ["2026-11-21T02:00:00Z", "2026-11-21T02:10:00Z"] {
                let seen = WaitFacts { obstacle, ..facts_at(&plain, now) };
                assert_eq!(next_move(&seen), WaitMove::HoldBack(obstacle), "{reason:?} at {now}");
            }
            let mut known = plain.clone();
            known.held_back = Some(HeldBack { reason, why: String::new() });
            let due = facts_at(&known, "2026-11-21T02:10:00Z");
            assert_eq!(next_move(&WaitFacts { obstacle, ..due }), WaitMove::Sleep(step), "{reason:?} stays");
            assert_eq!(next_move(&due), WaitMove::HoldBack(None), "{reason:?} is gone");
        }
    }

    #[test]
    fn a_missing_transcript_never_makes_a_live_client_count_as_closed() {
        let plain = incident(StopKind::UsageLimit5h, "2026-11-21T02:10:00Z");
        let lost =
            |incident, now| next_move(&WaitFacts { seen: TranscriptChange::Lost, ..facts_at(incident, now) });
        assert_eq!(lost(&plain, "2026-11-21T02:00:00Z"), WaitMove::Sleep(ESTABLISHING));
        let missing = Some(Obstacle::NoTranscript);
        assert_eq!(lost(&plain, "2026-11-21T02:10:00Z"), WaitMove::HoldBack(missing), "not woken without it");
        let mut known = plain.clone();
        known.held_back = Some(HeldBack { reason: Obstacle::NoTranscript, why: String::new() });
        assert_eq!(lost(&known, "2026-11-21T02:10:00Z"), WaitMove::Sleep(Duration::from_secs(30)));
        let gone = WaitFacts {
            client: ClientPresence::Gone,
            seen: TranscriptChange::Lost,
            ..facts_at(&plain, "2026-11-21T02:10:00Z")
        };
        assert!(matches!(next_move(&gone), WaitMove::Leave(_)));
    }

    #[test]
    fn after_a_time_gap_a_client_that_continues_by_itself_gets_its_full_head_start() {
        let plain = incident(StopKind::UsageLimit5h, "2026-11-21T02:10:00Z");
        let head_start = Some(Duration::from_secs(150));
        let cases = [
            ("2026-11-21T05:00:00Z", true, head_start, WaitMove::Postpone(at("2026-11-21T05:02:30Z"))),
            ("2026-11-21T02:08:00Z", true, head_start, WaitMove::Postpone(at("2026-11-21T02:10:30Z"))),
            ("2026-11-21T02:07:30Z", true, head_start, WaitMove::Sleep(Duration::from_secs(30))),
            ("2026-11-21T05:00:00Z", true, None, WaitMove::Wake),
            ("2026-11-21T05:00:00Z", false, head_start, WaitMove::Wake),
        ];
        for (now, gap, head_start, expected) in cases {
            assert_eq!(
                next_move(&WaitFacts { gap, head_start, ..facts_at(&plain, now) }),
                expected,
                "{now} {gap}"
            );
        }
    }

    #[test]
    fn a_distant_limit_of_a_terminal_session_is_waited_for_only_to_notify_the_user() {
        let mut held = incident(StopKind::UsageLimitWeekly, "2026-11-24T02:00:00Z");
        held.phase = Phase::Held;
        held.entrypoint = Some("cli".into());
        let reset = at("2026-11-24T02:00:00Z");
        held.plan = RecoveryPlan::new(
            Action::Notify,
            Some(reset),
            Reason::ResetFarAway { kind: StopKind::UsageLimitWeekly, reset },
        );
        let next = |incident: &Incident, now| {
            next_move(&WaitFacts { obstacle: Some(Obstacle::Dialog), ..facts_at(incident, now) })
        };
        assert_eq!(next(&held, "2026-11-24T01:59:50Z"), WaitMove::Sleep(Duration::from_secs(10)));
        assert_eq!(next(&held, "2026-11-24T02:00:00Z"), WaitMove::NotifyReset);
        let early =
            WaitFacts { boot_left: Duration::from_secs(500), ..facts_at(&held, "2026-11-24T02:00:00Z") };
        assert_eq!(next_move(&early), WaitMove::Sleep(Duration::from_secs(30)), "by both clocks");
        let gone = WaitFacts { client: ClientPresence::Gone, ..facts_at(&held, "2026-11-24T02:00:00Z") };
        assert!(matches!(next_move(&gone), WaitMove::Leave(_)));
        let other = Incident { entrypoint: Some("sdk-cli".into()), ..held.clone() };
        assert!(matches!(next(&other, "2026-11-24T02:00:00Z"), WaitMove::End(None, _)));
        let mut login = held;
        login.plan = RecoveryPlan::new(Action::Notify, None, Reason::LoginNeeded);
        assert!(matches!(next(&login, "2026-11-24T02:00:00Z"), WaitMove::End(None, _)));
    }

    #[test]
    fn after_esc_that_does_not_cancel_the_wait_the_client_window_is_skipped() {
        let plain = incident(StopKind::UsageLimit5h, "2026-11-21T02:10:00Z");
        let escaped = |incident, escape_cancels| {
            next_move(&WaitFacts {
                seen: TranscriptChange::Escaped,
                escape_cancels,
                ..facts_at(incident, "2026-11-21T02:00:00Z")
            })
        };
        assert_eq!(escaped(&plain, false), WaitMove::ActAlone);
        assert!(matches!(escaped(&plain, true), WaitMove::End(Some(Phase::Cancelled), _)));
        let known = Incident { native_cancelled: true, ..plain.clone() };
        assert_eq!(escaped(&known, false), WaitMove::Sleep(Duration::from_secs(30)));
    }

    #[test]
    fn only_a_lost_connection_on_a_machine_without_a_route_is_offline() {
        struct Routes(DefaultRoute);
        impl Processes for Routes {
            fn start_token(&self, _pid: u32) -> Option<String> {
                None
            }
            fn domain(&self) -> Option<String> {
                None
            }
            fn default_route(&self) -> DefaultRoute {
                self.0
            }
        }
        let plain = Environment::from_pairs([("HOME", "/nowhere")], "/");
        let loopback = Environment::from_pairs([("ANTHROPIC_BASE_URL", "http://127.0.0.1:4000")], "/");
        let proxied = Environment::from_pairs([("HTTPS_PROXY", "http://127.0.0.1:3128")], "/");
        for (kind, route, env, expected) in [
            (StopKind::Network, DefaultRoute::Absent, &plain, true),
            (StopKind::Network, DefaultRoute::Present, &plain, false),
            (StopKind::Network, DefaultRoute::Unknown, &plain, false),
            (StopKind::Overloaded, DefaultRoute::Absent, &plain, false),
            (StopKind::UsageLimit5h, DefaultRoute::Absent, &plain, false),
            (StopKind::Network, DefaultRoute::Absent, &loopback, false),
            (StopKind::Network, DefaultRoute::Absent, &proxied, false),
        ] {
            let stopped = incident(kind, "2026-11-21T02:10:00Z");
            assert_eq!(is_offline(&stopped, env, &Routes(route)), expected, "{kind:?} {route:?}");
        }
        // The variable may also come from a project's or the user's settings.
        let dir = tempfile::tempdir().unwrap();
        let home = ClaudeHome::new(dir.path());
        let stopped = Incident {
            config_dir: Some(dir.path().into()),
            ..incident(StopKind::Network, "2026-11-21T02:10:00Z")
        };
        assert!(is_offline(&stopped, &plain, &Routes(DefaultRoute::Absent)));
        std::fs::write(home.settings(), r#"{"env":{"ANTHROPIC_BASE_URL":"http://127.0.0.1:4000"}}"#).unwrap();
        assert!(!is_offline(&stopped, &plain, &Routes(DefaultRoute::Absent)));
        // While offline, no attempt is made and none is counted.
        let due = incident(StopKind::Network, "2026-11-21T02:10:00Z");
        let offline =
            WaitFacts { obstacle: Some(Obstacle::NoRoute), ..facts_at(&due, "2026-11-21T02:10:00Z") };
        assert_eq!(next_move(&offline), WaitMove::HoldBack(Some(Obstacle::NoRoute)));
    }

    #[test]
    fn the_obstacle_that_the_user_can_remove_is_reported_first() {
        let owner = |pid, status: &str, waiting_for: Option<&str>| OwnerProcess {
            session: SESSION.into(),
            home: 0,
            pid,
            kind: ClientMode::Interactive,
            proof: HeldBy::Registry,
            tty: None,
            status: Some(status.into()),
            status_since: None,
            waiting_for: waiting_for.map(str::to_owned),
            job: None,
            name: None,
            started_at: None,
            version: None,
        };
        let owners = |live: Vec<OwnerProcess>| SessionOwners { live, ..SessionOwners::default() };
        let none = WaitSwitches::default();
        let of = |owners: &SessionOwners, stopped, switches: &WaitSwitches| {
            obstacle(owners, Some(7), stopped, switches)
        };
        let one = owners(vec![owner(7, "idle", None)]);
        let two = owners(vec![owner(7, "idle", None), owner(8, "idle", None)]);
        let menu = owners(vec![owner(7, "waiting", Some("dialog open"))]);
        let question = owners(vec![owner(7, "waiting", Some("permission prompt"))]);
        let starting = SessionOwners { started: vec![9], ..one.clone() };
        assert_eq!(of(&one, false, &none), None);
        assert_eq!(of(&one, true, &none), Some(Obstacle::Suspended));
        assert_eq!(of(&two, false, &none), Some(Obstacle::Shared));
        assert_eq!(of(&starting, false, &none), Some(Obstacle::Shared));
        assert_eq!(of(&menu, false, &none), Some(Obstacle::Dialog));
        assert_eq!(of(&question, false, &none), None, "a question is no menu: the client is busy");
        let paused = WaitSwitches { paused: true, ..WaitSwitches::default() };
        assert_eq!(of(&menu, true, &paused), Some(Obstacle::Paused));
        let off = WaitSwitches { paused: true, switched_off: true, ..WaitSwitches::default() };
        assert_eq!(of(&two, true, &off), Some(Obstacle::SwitchedOff));
        let capped = WaitSwitches { client_cap: true, ..WaitSwitches::default() };
        assert_eq!(of(&menu, true, &capped), Some(Obstacle::ClientCap), "closing the menu is not enough");
        assert_eq!(of(&menu, true, &WaitSwitches { client_cap: true, ..paused }), Some(Obstacle::Paused));
    }

    #[test]
    fn a_due_wait_wakes_only_if_nothing_prevents_it() {
        let incident = incident(StopKind::UsageLimit5h, "2026-11-21T02:10:00Z");
        let due = facts_at(&incident, "2026-11-21T02:10:00Z");
        assert_eq!(next_move(&due), WaitMove::Wake, "the control: nothing speaks against it");
        let with = |client, seen| next_move(&WaitFacts { client, seen, ..due });
        assert!(matches!(with(ClientPresence::Gone, TranscriptChange::Same), WaitMove::Leave(_)));
        assert!(matches!(with(ClientPresence::Elsewhere, TranscriptChange::Same), WaitMove::Leave(_)));
        assert_eq!(
            with(ClientPresence::Busy, TranscriptChange::Same),
            WaitMove::Sleep(Duration::from_secs(30))
        );
        assert_eq!(with(ClientPresence::Ready, TranscriptChange::StoppedAgain), WaitMove::Adopt);
        assert!(matches!(
            with(ClientPresence::Ready, TranscriptChange::ContinuedByClient),
            WaitMove::End(Some(Phase::Recovered), _)
        ));
        assert!(matches!(
            with(ClientPresence::Ready, TranscriptChange::MovedOn),
            WaitMove::End(Some(Phase::MovedOn), _)
        ));
        let alone = Incident { native_cancelled: true, ..incident.clone() };
        let escaped = WaitFacts { incident: Some(&alone), seen: TranscriptChange::Escaped, ..due };
        assert_eq!(next_move(&escaped), WaitMove::Wake);
        let escape = WaitFacts { seen: TranscriptChange::Escaped, escape_cancels: true, ..due };
        assert!(matches!(next_move(&escape), WaitMove::End(Some(Phase::Cancelled), _)));
        assert!(matches!(next_move(&WaitFacts { incident: None, ..due }), WaitMove::End(None, _)));
        for phase in [Phase::Cancelled, Phase::Held, Phase::GivenUp, Phase::Recovered, Phase::MovedOn] {
            let mut over = incident.clone();
            over.phase = phase;
            assert!(
                matches!(next_move(&WaitFacts { incident: Some(&over), ..due }), WaitMove::End(None, _)),
                "{phase:?}"
            );
        }
    }

    /// A clock that advances only during sleeps, and performs an action at a given time.
    struct Virtual<'a> {
        now: Mutex<DateTime<Utc>>,
        start: DateTime<Utc>,
        sleeps: Mutex<Vec<Duration>>,
        at: Option<(DateTime<Utc>, &'a (dyn Fn() + Sync))>,
        done: Mutex<bool>,
        after: &'a (dyn Fn(usize) + Sync),
    }

    impl Clock for Virtual<'_> {
        fn now(&self) -> DateTime<Utc> {
            *self.now.lock().unwrap()
        }
        fn since_boot(&self) -> Duration {
            (self.now() - self.start).to_std().unwrap() + Duration::from_secs(1000)
        }
        fn sleep(&self, duration: Duration) {
            let sleeps = {
                let mut sleeps = self.sleeps.lock().unwrap();
                sleeps.push(duration);
                sleeps.len()
            };
            (self.after)(sleeps);
            let now = {
                let mut now = self.now.lock().unwrap();
                *now += chrono::Duration::from_std(duration).unwrap();
                *now
            };
            if let Some((at, act)) = self.at
                && now >= at
                && !std::mem::replace(&mut *self.done.lock().unwrap(), true)
            {
                act();
            }
        }
    }

    struct Alive;

    impl Processes for Alive {
        fn start_token(&self, _pid: u32) -> Option<String> {
            Some("1".into())
        }
        fn domain(&self) -> Option<String> {
            None
        }
    }

    /// A living client. While the session is locked, a file takes the place of the directory of incidents, so
    /// that a change that was begun cannot be saved.
    struct AliveOnAFullDisk(StateDir);

    impl Processes for AliveOnAFullDisk {
        fn start_token(&self, pid: u32) -> Option<String> {
            Alive.start_token(pid)
        }
        fn domain(&self) -> Option<String> {
            None
        }
        fn is_stopped(&self, _pid: u32) -> bool {
            let incidents = self.0.incident(SESSION).parent().unwrap().to_path_buf();
            if Lock::is_held(&self.0.session_lock(SESSION)) && incidents.is_dir() {
                std::fs::rename(&incidents, incidents.with_extension("kept")).unwrap();
                std::fs::write(&incidents, "").unwrap();
            }
            false
        }
    }

    type Act<'a> = &'a (dyn Fn(&StateDir) + Sync);

    struct Scene {
        dir: tempfile::TempDir,
        transcript: PathBuf,
        held: Mutex<Vec<Obstacle>>,
        /// Continuations by the client before the stop.
        continuations: u32,
    }

    impl Scene {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let transcript = dir.path().join(format!("{SESSION}.jsonl"));
            let fixture = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("fixtures/transcripts/quota-mid-turn-interactive.jsonl");
            std::fs::copy(fixture, &transcript).unwrap();
            Self { dir, transcript, held: Mutex::default(), continuations: 0 }
        }

        fn env(&self) -> Environment {
            Environment::from_pairs([("CC_RECOVER_CONFIG", self.dir.path().join("config.json"))], "/")
        }

        fn configure(&self, config: &str) {
            std::fs::write(self.dir.path().join("config.json"), config).unwrap();
        }

        fn count_continuations(&self, ledger: &Ledger<'_>) {
            let count = |slot: &mut Option<Incident>| {
                slot.as_mut().unwrap().continuations = self.continuations;
            };
            ledger.change(SESSION, count).unwrap();
        }

        fn play(&self, at_time: Option<(&str, Act<'_>)>) -> (WaitEnd, Option<Incident>, Vec<Duration>) {
            self.play_with(at_time, &|_| {})
        }

        /// Calls `after` after every sleep with the number of sleeps so far.
        fn play_with(
            &self,
            at_time: Option<(&str, Act<'_>)>,
            after: &(dyn Fn(usize) + Sync),
        ) -> (WaitEnd, Option<Incident>, Vec<Duration>) {
            let state = StateDir::new(self.dir.path().join("state"));
            let config = Config::default();
            let start = at("2026-11-21T02:39:13Z");
            let act = || {
                if let Some((_, act)) = at_time {
                    act(&state);
                }
            };
            let clock = Virtual {
                now: Mutex::new(start),
                start,
                sleeps: Mutex::new(Vec::new()),
                at: at_time.map(|(time, _)| (at(time), &act as &(dyn Fn() + Sync))),
                done: Mutex::new(false),
                after,
            };
            let homes = [ClaudeHome::new(self.dir.path())];
            let env = self.env();
            let ledger = Ledger { state: &state, clock: &clock, config: &config, default_home: None };
            let on_hold = |incident: &Incident| {
                self.held.lock().unwrap().extend(incident.held_back.as_ref().map(|held| held.reason));
            };
            let beat = Heartbeat { ledger, env: &env, processes: &Alive, homes: &homes, on_hold: &on_hold };
            let report = StopReport {
                transcript: self.transcript.clone(),
                stop: Stop { at: Some(start), ..Stop::of(StopKind::UsageLimit5h) },
                ..report()
            };
            let opened = ledger
                .enter(SESSION, super::super::ledger::IncidentEvent::Stopped(Box::new(report)))
                .unwrap()
                .unwrap();
            beat.establish(&opened).unwrap();
            self.count_continuations(&ledger);
            let ended = beat.wait(SESSION);
            let sleeps = clock.sleeps.lock().unwrap().clone();
            (ended, ledger.read(SESSION).unwrap(), sleeps)
        }

        /// Runs `act` on a stop that was reported and established.
        fn established<T>(&self, act: impl FnOnce(&Heartbeat<'_>, &Virtual<'_>) -> T) -> T {
            self.reported(&Alive, |beat, clock, opened| {
                beat.establish(opened).unwrap();
                act(beat, clock)
            })
        }

        /// Runs `act` on a stop that was reported and not established yet.
        fn reported<T>(
            &self,
            processes: &dyn Processes,
            act: impl FnOnce(&Heartbeat<'_>, &Virtual<'_>, &Incident) -> T,
        ) -> T {
            let config = Config::default();
            let state = StateDir::new(self.dir.path().join("state"));
            let start = at("2026-11-21T02:42:30.500Z");
            let clock = Virtual {
                now: Mutex::new(start),
                start,
                sleeps: Mutex::new(Vec::new()),
                at: None,
                done: Mutex::new(false),
                after: &|_| {},
            };
            let homes = [ClaudeHome::new(self.dir.path())];
            let env = self.env();
            let ledger = Ledger { state: &state, clock: &clock, config: &config, default_home: None };
            let beat = Heartbeat { ledger, env: &env, processes, homes: &homes, on_hold: &|_| {} };
            let report = StopReport {
                transcript: self.transcript.clone(),
                stop: Stop { at: Some(start), ..Stop::of(StopKind::UsageLimit5h) },
                ..report()
            };
            let stopped = super::super::ledger::IncidentEvent::Stopped(Box::new(report));
            let opened = ledger.enter(SESSION, stopped).unwrap().unwrap();
            act(&beat, &clock, &opened)
        }

        fn append(&self, line: &str) {
            use std::io::Write;
            let mut file = std::fs::OpenOptions::new().append(true).open(&self.transcript).unwrap();
            writeln!(file, "{line}").unwrap();
        }
    }

    fn report() -> StopReport {
        StopReport {
            session: SESSION.into(),
            project: None,
            config_dir: None,
            transcript: PathBuf::new(),
            stop: Stop::of(StopKind::UsageLimit5h),
            cwd: None,
            entrypoint: Some("cli".into()),
            claude_pid: Some(7),
            claude_start: Some("1".into()),
        }
    }

    #[test]
    fn a_complete_wait_wakes_once_within_a_second_of_the_plan_and_polls_every_30_seconds() {
        let (ended, incident, sleeps) = Scene::new().play(None);
        let incident = incident.unwrap();
        assert!(matches!(ended, WaitEnd::Wake(_)), "{ended:?}");
        assert_eq!((incident.phase, incident.attempts.len()), (Phase::Attempting, 1));
        let late = incident.attempts[0].at - incident.plan.at.unwrap();
        assert!(late >= chrono::Duration::zero() && late < chrono::Duration::seconds(1), "{late}");
        let steps = Duration::from_secs(30);
        let short = sleeps.iter().filter(|sleep| **sleep < steps).count();
        // Check more often right after the stop, when the limit menu opens.
        assert!(sleeps.iter().all(|sleep| *sleep <= steps) && short <= 8, "{short} short sleeps");
    }

    #[test]
    fn the_module_is_granted_one_wake_and_only_when_it_is_due_and_claims_it() {
        let scene = Scene::new();
        let plan = |incident: CheckedStop| match incident {
            CheckedStop::Waits(incident) => (incident.phase, incident.plan.at, incident.attempts.len()),
            other => panic!("{other:?}"),
        };
        let claim = || CheckRequest { claims: true, ..CheckRequest::default() };
        let due = scene.established(|beat, clock| {
            let early = plan(beat.check(SESSION, claim()).unwrap());
            assert_eq!((early.0, early.2), (Phase::Waiting, 0), "too early");
            *clock.now.lock().unwrap() = early.1.unwrap();
            assert_eq!(
                plan(beat.check(SESSION, CheckRequest::default()).unwrap()),
                early,
                "it did not claim"
            );
            let held = Lock::wait(&beat.ledger.state.waiter_lease(SESSION), LEASE_WAIT).unwrap();
            assert_eq!(beat.check(SESSION, claim()).unwrap(), CheckedStop::WaitedForElsewhere);
            drop(held);
            Paused::change(beat.ledger.state, None, true).unwrap();
            assert_eq!(plan(beat.check(SESSION, claim()).unwrap()).2, 0, "paused");
            Paused::change(beat.ledger.state, None, false).unwrap();
            let gap = CheckRequest { gap: true, ..claim() };
            let postponed = plan(beat.check(SESSION, gap).unwrap());
            assert_eq!((postponed.1 > early.1, postponed.2), (true, 0), "the client goes first again");
            *clock.now.lock().unwrap() = postponed.1.unwrap();
            assert!(matches!(beat.check(SESSION, claim()).unwrap(), CheckedStop::Granted(_)));
            assert!(!matches!(beat.check(SESSION, claim()).unwrap(), CheckedStop::Granted(_)), "once");
            postponed.1
        });
        assert!(due.is_some());
    }

    #[test]
    fn a_session_that_is_more_than_eight_hours_late_is_left_to_the_user() {
        for (minutes, granted) in [(8 * 60, true), (8 * 60 + 1, false)] {
            let scene = Scene::new();
            let incident = scene.established(|beat, clock| {
                let claim = || CheckRequest { claims: true, ..CheckRequest::default() };
                beat.check(SESSION, claim()).unwrap();
                let due = beat.ledger.read(SESSION).unwrap().unwrap().plan.at.unwrap();
                *clock.now.lock().unwrap() = due + chrono::Duration::minutes(minutes);
                let checked = beat.check(SESSION, claim()).unwrap();
                assert_eq!(matches!(checked, CheckedStop::Granted(_)), granted, "{checked:?}");
                assert!(
                    granted || !matches!(beat.check(SESSION, claim()).unwrap(), CheckedStop::Granted(_)),
                    "it stays with the user"
                );
                beat.ledger.read(SESSION).unwrap().unwrap()
            });
            if !granted {
                assert_eq!((incident.phase, incident.attempts.len()), (Phase::Held, 0));
                assert_eq!(incident.plan.reason, PlanReason::Overdue);
                assert_eq!(incident.plan.why, "overdue by 8 h, so you are asked first");
            }
        }
    }

    #[test]
    fn the_user_may_continue_before_the_planned_time_but_not_against_an_obstacle() {
        let scene = Scene::new();
        scene.established(|beat, _| {
            let now = |id: &str| CheckRequest {
                claims: true,
                now: true,
                claim: Some(id.to_owned()),
                ..CheckRequest::default()
            };
            let read = || beat.ledger.read(SESSION).unwrap().unwrap();
            // The first check adopts the error record, which contains the reset.
            beat.check(SESSION, CheckRequest::default()).unwrap();
            Paused::change(beat.ledger.state, None, true).unwrap();
            let planned = read().plan.at;
            assert!(!matches!(beat.check(SESSION, now("a")).unwrap(), CheckedStop::Granted(_)), "paused");
            assert_eq!((read().plan.at, read().attempts.len()), (planned, 0), "the plan is as before");
            Paused::change(beat.ledger.state, None, false).unwrap();
            let later = CheckRequest { claims: true, ..CheckRequest::default() };
            assert!(!matches!(beat.check(SESSION, later).unwrap(), CheckedStop::Granted(_)), "not due");
            assert!(matches!(beat.check(SESSION, now("b")).unwrap(), CheckedStop::Granted(_)));
            assert_eq!(read().module_claim.as_deref(), Some("b"));
            read()
        });
    }

    #[test]
    fn at_the_client_cap_a_claim_is_granted_only_if_the_setting_allows_more() {
        for (continuations, beyond, claims, granted, held) in [
            (0, true, true, true, None),
            (0, false, true, true, None),
            (2, false, true, true, None),
            (3, true, true, true, None),
            (3, false, true, false, Some(Obstacle::ClientCap)),
            (4, false, true, false, Some(Obstacle::ClientCap)),
            (3, true, false, false, None),
            (3, false, false, false, Some(Obstacle::ClientCap)),
        ] {
            let what = format!("{continuations} continuations, setting {beyond}, claim {claims}");
            let scene = Scene { continuations, ..Scene::new() };
            scene.configure(&format!(r#"{{"heartbeat":{{"beyondClientCap":{beyond}}}}}"#));
            let (checked, incident) = scene.established(|beat, clock| {
                // The first check adopts the error record, which contains the reset.
                beat.check(SESSION, CheckRequest::default()).unwrap();
                scene.count_continuations(&beat.ledger);
                let due = beat.ledger.read(SESSION).unwrap().unwrap().plan.at.unwrap();
                *clock.now.lock().unwrap() = due + chrono::Duration::minutes(10);
                let checked =
                    beat.check(SESSION, CheckRequest { claims, ..CheckRequest::default() }).unwrap();
                (checked, beat.ledger.read(SESSION).unwrap().unwrap())
            });
            assert_eq!(matches!(checked, CheckedStop::Granted(_)), granted, "{what}: {checked:?}");
            assert_eq!(incident.attempts.len(), usize::from(granted), "{what}");
            assert_eq!(incident.held_back.map(|held| held.reason), held, "{what}");
        }
    }

    #[test]
    fn the_waiting_hook_leaves_a_session_at_the_client_cap_until_the_setting_changes() {
        let scene = Scene { continuations: 3, ..Scene::new() };
        scene.configure(r#"{"heartbeat":{"beyondClientCap":false}}"#);
        let (ended, incident, sleeps) = scene.play_with(None, &|sleeps| {
            if sleeps == 400 {
                scene.configure("{}");
            }
        });
        assert!(matches!(ended, WaitEnd::Wake(_)), "{ended:?}");
        assert!(sleeps.len() >= 400, "it was woken after {} steps", sleeps.len());
        assert_eq!(*scene.held.lock().unwrap(), [Obstacle::ClientCap]);
        assert_eq!(incident.unwrap().attempts.len(), 1);
    }

    #[test]
    fn a_late_transcript_is_waited_for_while_the_client_lives() {
        let scene = Scene::new();
        let late = scene.dir.path().join("late");
        std::fs::rename(&scene.transcript, &late).unwrap();
        let appear = |_: &StateDir| std::fs::rename(&late, &scene.transcript).unwrap();
        let (ended, incident, _) = scene.play(Some(("2026-11-21T02:43:00Z", &appear)));
        let incident = incident.unwrap();
        assert!(matches!(ended, WaitEnd::Wake(_)), "{ended:?}");
        assert!(incident.stop.record.is_some() && incident.attempts.len() == 1, "{incident:?}");
        let closed = incident.evidence.iter().any(|seen| seen.fact.contains("ended"));
        assert!(!closed, "a live client is never called closed: {:?}", incident.evidence);
    }

    #[test]
    fn a_paused_session_is_held_at_once_and_continues_when_the_pause_ends() {
        let scene = Scene::new();
        let pause = |state: &StateDir| {
            Paused::change(state, None, true).unwrap();
        };
        let state = StateDir::new(scene.dir.path().join("state"));
        let (ended, incident, sleeps) = scene.play_with(Some(("2026-11-21T03:00:00Z", &pause)), &|sleeps| {
            if sleeps == 400 {
                assert!(Paused::change(&state, None, false).unwrap());
            }
        });
        assert!(matches!(ended, WaitEnd::Wake(_)), "{ended:?}");
        assert!(sleeps.len() >= 400, "it waited for the user: {}", sleeps.len());
        assert_eq!(*scene.held.lock().unwrap(), [Obstacle::Paused]);
        assert_eq!(incident.unwrap().held_back, None);
    }

    #[test]
    fn esc_at_the_client_countdown_cancels_the_wait_and_states_how_to_continue() {
        let scene = Scene::new();
        let notice = r#"{"type":"system","subtype":"informational","uuid":"s-esc","isSidechain":false,"timestamp":"2026-11-21T03:00:00.000Z","content":"Automatic continue cancelled"}"#;
        let (ended, incident, _) = scene.play(Some(("2026-11-21T03:00:00Z", &|_| scene.append(notice))));
        let incident = incident.unwrap();
        assert!(matches!(ended, WaitEnd::Silent(_)), "{ended:?}");
        assert_eq!(incident.phase, Phase::Cancelled);
        assert_eq!(incident.plan.reason, PlanReason::CancelledWithEsc);
    }

    #[test]
    fn the_users_last_choice_in_the_clients_limit_menu_decides() {
        let record = |id: &str, text: &str| {
            format!(
                r#"{{"type":"user","uuid":"{id}","isSidechain":false,"timestamp":"2026-11-21T03:00:00.000Z","message":{{"role":"user","content":"<local-command-stdout>{text}</local-command-stdout>"}}}}"#
            )
        };
        let cancelled = record("u-1", "Automatic continue cancelled. Your session will wait for you instead");
        let armed = record("u-2", "Claude Code will continue automatically at 10am.");
        for (records, phase) in [
            (vec![&cancelled], Phase::Cancelled),
            (vec![&armed], Phase::Attempting),
            (vec![&cancelled, &armed], Phase::Attempting),
            (vec![&armed, &cancelled], Phase::Cancelled),
        ] {
            let scene = Scene::new();
            let append = |_: &StateDir| records.iter().for_each(|record| scene.append(record));
            let (_, incident, _) = scene.play(Some(("2026-11-21T03:00:00Z", &append)));
            assert_eq!(incident.unwrap().phase, phase, "{records:?}");
        }
    }

    #[test]
    fn a_prompt_during_the_wait_leaves_the_session_alone() {
        let scene = Scene::new();
        let prompt = r#"{"type":"user","uuid":"u-new","isSidechain":false,"timestamp":"2026-11-21T03:00:00.000Z","message":{"content":"go on with something else"}}"#;
        let (ended, incident, _) = scene.play(Some(("2026-11-21T03:00:00Z", &|_| scene.append(prompt))));
        assert!(matches!(ended, WaitEnd::Silent(_)), "{ended:?}");
        assert_eq!(incident.unwrap().phase, Phase::MovedOn);
    }

    #[test]
    fn a_local_command_does_not_end_the_wait() {
        let scene = Scene::new();
        let command = r#"{"type":"user","uuid":"u-new","isSidechain":false,"timestamp":"2026-11-21T03:00:00.000Z","message":{"content":"<command-name>/context</command-name>"}}"#;
        let (ended, ..) = scene.play(Some(("2026-11-21T03:00:00Z", &|_| scene.append(command))));
        assert!(matches!(ended, WaitEnd::Wake(_)), "{ended:?}");
    }

    #[test]
    fn a_cancelled_incident_causes_no_wake() {
        let scene = Scene::new();
        let cancel = |state: &StateDir| {
            let config = Config::default();
            let clock = crate::clock::SystemClock;
            Ledger { state, clock: &clock, config: &config, default_home: None }
                .change(SESSION, |incident| incident.as_mut().unwrap().phase = Phase::Cancelled)
                .unwrap();
        };
        let (ended, incident, _) = scene.play(Some(("2026-11-21T03:00:00Z", &cancel)));
        assert!(matches!(ended, WaitEnd::Silent(_)), "{ended:?}");
        assert_eq!(incident.unwrap().attempts, []);
    }

    #[test]
    fn a_second_limit_during_the_wait_replaces_the_first() {
        let scene = Scene::new();
        let again = std::fs::read_to_string(&scene.transcript)
            .unwrap()
            .lines()
            .rfind(|line| line.contains("usage_limit_reached"))
            .unwrap()
            .replace("ce935a7b-11b8-4672-bf41-6026094f82d0", "another-record");
        let (ended, incident, _) = scene.play(Some(("2026-11-21T03:00:00Z", &|_| scene.append(&again))));
        let incident = incident.unwrap();
        assert!(matches!(ended, WaitEnd::Wake(_)), "{ended:?}");
        assert_eq!(incident.stop.record.as_deref(), Some("another-record"));
        assert_eq!(incident.attempts.len(), 1);
    }

    #[test]
    fn a_stop_that_was_attempted_or_ended_while_its_record_was_read_is_not_planned_again() {
        for phase in Phase::ALL {
            let planned = match phase {
                Phase::Open | Phase::Waiting | Phase::Held => true,
                Phase::Attempting
                | Phase::Recovered
                | Phase::MovedOn
                | Phase::Superseded
                | Phase::GivenUp
                | Phase::Cancelled => false,
            };
            Scene::new().reported(&Alive, |beat, _, opened| {
                beat.ledger.change(SESSION, |slot| slot.as_mut().unwrap().phase = phase).unwrap();
                let established = beat.establish(opened).unwrap().unwrap();
                let expected = if planned { Phase::Waiting } else { phase };
                assert_eq!(established.phase, expected, "{phase:?}");
            });
        }
    }

    #[test]
    fn a_wake_that_cannot_be_saved_is_not_granted_and_keeps_the_lease() {
        for full in [true, false] {
            let scene = Scene::new();
            let state = StateDir::new(scene.dir.path().join("state"));
            let full_disk = AliveOnAFullDisk(state.clone());
            scene.reported(&Alive, |beat, clock, opened| {
                beat.establish(opened).unwrap();
                let mut watch = WaiterMemory::new(clock);
                watch.request.claims = true;
                let mut lease = Lock::try_take(&state.waiter_lease(SESSION)).unwrap();
                // Adopts the record of the stop, which the establishing did not find.
                assert!(beat.act(SESSION, &mut watch, &mut lease).unwrap().is_none());
                let due = beat.ledger.read(SESSION).unwrap().unwrap().plan.at.unwrap();
                *clock.now.lock().unwrap() = due + chrono::Duration::minutes(5);
                let processes: &dyn Processes = if full { &full_disk } else { &Alive };
                let beat = Heartbeat { processes, ..*beat };
                let ended = beat.act(SESSION, &mut watch, &mut lease);
                if full {
                    assert_eq!(ended.unwrap_err().code, Code::Io);
                } else {
                    assert!(matches!(ended, Ok(Some(WaitEnd::Wake(_)))), "{ended:?}");
                }
                assert_eq!(lease.is_some(), full);
            });
        }
    }
}
