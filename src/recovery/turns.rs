//! Decides the order of several open sessions of one account that are due at the same time. One is woken
//! first. Once it works, the others follow, one second apart.

use super::incident::{AttemptOutcome, Incident, Phase};
use super::readiness::started_with;
use crate::claude::transcript::Transcript;
use crate::session::StopKind;
use crate::session::ending::Liveness;
use crate::session::summary::summarize;
use crate::store::StateDir;
use crate::trust::enabled::project_key;
use chrono::{DateTime, Duration, Utc};

const APART: Duration = Duration::seconds(1);
/// Longest time for which a woken session without a visible result delays the others.
const LONGEST: Duration = Duration::seconds(90);
/// Time between two checks of a woken session.
const STEP: Duration = Duration::seconds(1);
/// Difference above which a later reset belongs to another window.
const LATER: Duration = Duration::minutes(2);

/// Result of waking another session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WakeResult {
    /// No result is visible yet.
    Unseen,
    /// The session works: its transcript has a record newer than the wake that is not a failure.
    Worked,
    /// The session was refused again.
    Refused,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtherWake {
    pub at: DateTime<Utc>,
    pub result: WakeResult,
}

/// Whether to wake a session that is due now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WakeTurn {
    Now,
    /// Another session of the account goes first: check again after this time.
    Wait(Duration),
    /// Another session has met the same limit again, with a reset this much later.
    Later(Duration),
}

/// Decides whether a session may be woken now.
#[must_use]
pub fn turn(now: DateTime<Utc>, others: &[OtherWake]) -> WakeTurn {
    // A wake in the future was recorded by another clock.
    let recent = || others.iter().filter(|other| (Duration::zero()..LONGEST).contains(&(now - other.at)));
    let Some(newest) = recent().map(|other| other.at).max() else { return WakeTurn::Now };
    let any = |result| recent().any(|other| other.result == result);
    // Once one session works, the others only keep their distance in time.
    let wait = if any(WakeResult::Worked) && !any(WakeResult::Refused) {
        APART - (now - newest)
    } else {
        STEP.min(LONGEST - (now - newest))
    };
    if wait > Duration::zero() { WakeTurn::Wait(wait) } else { WakeTurn::Now }
}

/// Returns a key that distinguishes the sessions of one account from those of another: configuration
/// directory and account.
#[must_use]
pub fn account_of(state: &StateDir, incident: &Incident) -> String {
    let dir = project_key(&incident.config_dir.clone().unwrap_or_default());
    match started_with(state, incident) {
        Some(started) => format!("{dir}-{}", started.account.key()),
        None => dir,
    }
}

/// Returns how much later the account's limit resets according to the newest stop of another session at the
/// same limit.
fn reset_later(own: &Incident, other: &Incident, now: DateTime<Utc>) -> Option<Duration> {
    let newer = other.stop.kind == own.stop.kind && other.stop.at > own.stop.at;
    let (reset, later) = (own.stop.resets_at?, other.stop.resets_at?);
    (newer && own.stop.kind.is_usage_limit() && later > now && later - reset > LATER).then(|| later - reset)
}

/// Returns the last wake of a session and its result.
fn wake_of(incident: &Incident) -> Option<OtherWake> {
    let attempt = incident.attempts.last().filter(|attempt| attempt.run.is_none())?;
    let result = match attempt.outcome {
        AttemptOutcome::Continued => WakeResult::Worked,
        AttemptOutcome::NoEffect if incident.phase.is_over() => WakeResult::Worked,
        AttemptOutcome::StoppedAgain | AttemptOutcome::NoEffect => WakeResult::Refused,
        AttemptOutcome::Pending if incident.phase == Phase::Attempting => seen_since(incident, attempt.at),
        AttemptOutcome::Pending => WakeResult::Unseen,
    };
    Some(OtherWake { at: attempt.at, result })
}

fn seen_since(incident: &Incident, woken: DateTime<Utc>) -> WakeResult {
    let Ok(transcript) = Transcript::open(&incident.transcript) else { return WakeResult::Unseen };
    let stop = summarize(&transcript, Liveness::Live(None)).stop;
    match stop.kind {
        _ if stop.at.is_none_or(|at| at <= woken) => WakeResult::Unseen,
        // The wake itself, without an answer yet.
        StopKind::Running if !is_answered(&transcript, woken) => WakeResult::Unseen,
        kind if kind.is_failure() => WakeResult::Refused,
        _ => WakeResult::Worked,
    }
}

/// Returns whether a model answered after the wake.
fn is_answered(transcript: &Transcript<'_>, woken: DateTime<Utc>) -> bool {
    super::early::newest_answer(transcript).is_some_and(|at| at > woken)
}

/// Decides from the incidents of the account whether a session may be woken. The caller must own the
/// account's lock until the wake is recorded.
#[must_use]
pub fn turn_of(state: &StateDir, own: &Incident, incidents: &[Incident], now: DateTime<Utc>) -> WakeTurn {
    let account = account_of(state, own);
    let others: Vec<&Incident> = incidents
        .iter()
        .filter(|other| other.session != own.session && account_of(state, other) == account)
        .collect();
    if let Some(later) = others.iter().filter_map(|other| reset_later(own, other, now)).max() {
        return WakeTurn::Later(later);
    }
    let recent = |other: &&&Incident| other.attempts.last().is_some_and(|attempt| now - attempt.at < LONGEST);
    let wakes: Vec<OtherWake> = others.iter().filter(recent).filter_map(|other| wake_of(other)).collect();
    turn(now, &wakes)
}

#[cfg(test)]
mod tests {
    use super::WakeResult::{Refused, Unseen, Worked};
    use super::*;
    use crate::clock::parse_rfc3339;

    #[test]
    fn one_session_wakes_first_and_others_follow_seconds_apart_once_it_works() {
        let now = parse_rfc3339("2026-11-21T02:10:00Z").unwrap();
        let ago = |seconds, result| OtherWake { at: now - Duration::seconds(seconds), result };
        let wait = |seconds| WakeTurn::Wait(Duration::seconds(seconds));
        for (what, others, expected) in [
            ("nobody else", vec![], WakeTurn::Now),
            ("one in this second", vec![ago(0, Unseen)], wait(1)),
            ("one that shows nothing", vec![ago(89, Unseen)], wait(1)),
            ("one that shows nothing for too long", vec![ago(90, Unseen)], WakeTurn::Now),
            ("one that works, in this second", vec![ago(0, Worked)], wait(1)),
            ("one that works", vec![ago(1, Worked)], WakeTurn::Now),
            ("one that was refused", vec![ago(10, Refused)], wait(1)),
            ("one that was refused long ago", vec![ago(90, Refused)], WakeTurn::Now),
            ("one that worked long ago", vec![ago(90, Worked), ago(2, Unseen)], wait(1)),
            ("one works already", vec![ago(60, Worked), ago(2, Unseen)], WakeTurn::Now),
            (
                "one works, and another one was woken in this second",
                vec![ago(2, Worked), ago(0, Unseen)],
                wait(1),
            ),
            ("one worked and another one was refused", vec![ago(2, Worked), ago(3, Refused)], wait(1)),
            ("a clock that went back", vec![ago(-30, Unseen)], WakeTurn::Now),
        ] {
            assert_eq!(turn(now, &others), expected, "{what}");
        }
    }
}
