//! Reports one pass of the supervisor, and the time of the next one.

use super::start::under_way;
use super::{LONGEST, SHORTEST, Supervisor};
use crate::config::Config;
use crate::error::Error;
use crate::problem::Problem;
use crate::recovery::incident::{Incident, Phase};
use crate::recovery::paused::Paused;
use crate::recovery::plan::{Action, RecoveryPlan};
use crate::session::StopKind;
use crate::session::stop::{time, time_or_null};
use crate::store::lock::Lock;
use chrono::{DateTime, Duration, Utc};
use serde::Serialize;
use std::path::PathBuf;
use std::sync::PoisonError;

/// Poll interval while notices are being delivered.
const TELLING: std::time::Duration = std::time::Duration::from_millis(500);

/// One session that the supervisor watches.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct WatchedSession {
    /// Id of the session, a UUID.
    pub id: String,
    /// Directory of its project.
    #[serde(serialize_with = "crate::fs::lossy_or_null")]
    pub project: Option<PathBuf>,
    /// Kind of the stop that interrupted it.
    pub stop: StopKind,
    /// Phase of its incident.
    #[cfg_attr(
        test,
        ts(
            type = "'open' | 'waiting' | 'attempting' | 'recovered' | 'moved-on' | 'superseded' | 'held' | 'given-up' | 'cancelled'"
        )
    )]
    pub phase: &'static str,
    /// What happens next, and why.
    pub next: RecoveryPlan,
    /// Whether the user paused it.
    pub paused: bool,
    /// Whether a run of the session is active.
    pub running: bool,
    /// Why the last pass started nothing although the session was due.
    pub waits: Option<String>,
    /// Number of runs made for the session.
    pub runs: usize,
    /// How the last run ended.
    pub last: Option<String>,
}

/// Result of a pass of the supervisor, schema `cc-session-recover/watch@1`.
#[derive(Debug, Clone, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of the printed form")]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct WatchReport {
    /// Schema name and version of this object.
    #[cfg_attr(test, ts(type = "'cc-session-recover/watch@1'"))]
    pub schema: &'static str,
    /// Time of the pass.
    #[serde(serialize_with = "time")]
    pub generated_at: DateTime<Utc>,
    /// Process id of the active supervisor.
    pub supervisor: u32,
    /// Whether this process is that supervisor. Otherwise it only shows what the supervisor does.
    pub own: bool,
    /// Sessions that the supervisor watches.
    pub sessions: Vec<WatchedSession>,
    /// Time of the next pass. The next field contains the wait until then, in milliseconds.
    #[serde(serialize_with = "time_or_null")]
    pub looks_again_at: Option<DateTime<Utc>>,
    /// Milliseconds until the next pass.
    pub looks_again_in: u64,
    /// Whether recovery still has pending work that does not need the user.
    pub pending: bool,
    /// Former name of `pending`, with the same value.
    pub owed: bool,
    /// Whether any of the pending work is due now, with no known obstacle.
    pub due: bool,
    /// Errors of records that could not be read.
    pub problems: Vec<Problem>,
}

/// Returns whether recovery will still act on the session without the user.
pub(super) fn has_pending_work(incident: &Incident) -> bool {
    under_way(incident) || incident.phase == Phase::Waiting && incident.plan.action == Action::Run
}

impl Supervisor {
    pub(super) fn watch_report(
        &self,
        incidents: &[Incident],
        problems: Vec<Error>,
        config: &Config,
        leads: bool,
    ) -> WatchReport {
        let now = self.ground.clock.now();
        let paused = Paused::read(&self.state);
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let sessions: Vec<WatchedSession> = incidents
            .iter()
            .map(|one| WatchedSession {
                id: one.session.clone(),
                project: one.project.clone(),
                stop: one.stop.kind,
                phase: one.phase.as_str(),
                next: one.plan.clone(),
                paused: paused.holds(&one.session),
                running: one.phase == Phase::Attempting && Lock::is_held(&self.state.run_lease(&one.session)),
                waits: waits.get(&one.session).cloned(),
                runs: one.attempts.iter().filter(|attempt| attempt.run.is_some()).count(),
                last: one
                    .attempts
                    .iter()
                    .rev()
                    .find_map(|attempt| Some(attempt.run.as_ref()?.result.as_ref()?.ended.clone())),
            })
            .collect();
        let pending =
            !running.is_empty() || !self.telling.is_empty() || incidents.iter().any(has_pending_work);
        let due = sessions.iter().any(|one| {
            let run = one.phase == Phase::Waiting.as_str()
                && one.next.action == Action::Run
                && one.next.at.is_some_and(|at| at <= now);
            !one.paused && one.waits.is_none() && (run || one.phase == Phase::Attempting.as_str())
        });
        let poll = std::time::Duration::try_from_secs_f64(config.supervisor.poll_seconds).unwrap_or(LONGEST);
        let next_due = incidents
            .iter()
            .filter(|one| one.plan.action == Action::Run && one.phase == Phase::Waiting)
            .filter_map(|one| (one.plan.at? - now).to_std().ok())
            .filter(|left| !left.is_zero())
            .min();
        let soon = if self.telling.is_empty() { poll } else { TELLING };
        let step = next_due.map_or(soon, |left| left.min(soon)).clamp(SHORTEST, LONGEST);
        WatchReport {
            schema: "cc-session-recover/watch@1",
            generated_at: now,
            supervisor: if leads { None } else { self.leader() }.map_or(self.ground.pid, |known| known.pid),
            own: leads,
            sessions,
            looks_again_at: Duration::from_std(step).ok().map(|step| now + step),
            looks_again_in: u64::try_from(step.as_millis()).unwrap_or(u64::MAX),
            pending,
            owed: pending,
            due,
            problems: problems.into_iter().map(Problem::from).collect(),
        }
    }
}
