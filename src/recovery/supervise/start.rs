//! Starts the runs that are due, one per account at a time.

use super::{Supervisor, SupervisorContext};
use crate::config::in_force;
use crate::error::{Result, without_panic};
use crate::recovery::incident::{Incident, Phase};
use crate::recovery::ledger::Ledger;
use crate::recovery::paused::Paused;
use crate::recovery::plan::Action;
use crate::recovery::readiness::{DelayReason, ReadinessReader, is_alive};
use crate::recovery::resume::{ResumeOutcome, Resumer, account_key};
use crate::store::StateDir;
use crate::store::stored::peek;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, PoisonError};

/// Returns whether the incident has a run that must be watched.
pub(super) fn under_way(incident: &Incident) -> bool {
    incident.phase == Phase::Attempting || !incident.phase.is_over() && incident.open_run().is_some()
}

/// Returns whether the client of an interrupted attempt may still be running.
fn may_still_run(ground: &SupervisorContext, state: &StateDir, session: &str) -> bool {
    let Some(incident) = peek::<Incident>(&state.incident(session)).ok().flatten() else { return false };
    incident.open_run().is_some_and(|(_, run)| {
        // Its start may not have been recorded.
        run.child.as_ref().is_none_or(|child| is_alive(child, ground.processes.as_ref()))
    })
}

fn resumed(
    ground: &SupervisorContext,
    state: &StateDir,
    default_home: Option<&Path>,
    session: &str,
) -> Result<ResumeOutcome> {
    let project = peek::<Incident>(&state.incident(session)).ok().flatten().and_then(|one| one.project);
    let config = in_force(&ground.env, project.as_deref()).config;
    let ledger = Ledger { state, clock: ground.clock.as_ref(), config: &config, default_home };
    let reading = ReadinessReader {
        ledger,
        env: &ground.env,
        processes: ground.processes.as_ref(),
        provenance: &ground.provenance,
    };
    Resumer { reading, own_pid: ground.pid, now: false, abort: &ground.abort }.resume(session)
}

impl Supervisor {
    /// Resumes what is due by the wall clock and by the boot clock.
    pub(super) fn start_due(&mut self, incidents: &[Incident], spent: bool) {
        let now = self.ground.clock.now();
        let clock = self.ground.clock.as_ref();
        let paused = Paused::read(&self.state);
        self.due.retain(|session, _| incidents.iter().any(|one| one.session == *session));
        let mut ready: Vec<&Incident> = incidents
            .iter()
            .filter(|one| {
                let open_run = under_way(one);
                let due = one.plan.action == Action::Run
                    && one.phase == Phase::Waiting
                    && one.plan.at.is_some_and(|at| at <= now)
                    && self
                        .due
                        .entry(one.session.clone())
                        .or_default()
                        .left(one.plan.at, one.generation, one.timing.as_ref(), clock)
                        .is_zero();
                (due || open_run) && !paused.holds(&one.session)
            })
            .collect();
        if spent {
            // Existing runs are still watched.
            let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
            ready.retain(|one| {
                let open_run = under_way(one);
                if !open_run {
                    waits.insert(one.session.clone(), DelayReason::NightlyCap.to_string());
                }
                open_run
            });
        }
        // One at a time for each account, the one with the earliest due time first.
        ready.sort_by_key(|one| one.plan.at);
        let mut accounts: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for one in ready {
            accounts.entry(account_key(one)).or_default().push(one.session.clone());
        }
        for sessions in accounts.into_values() {
            let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            // Resumes one session per account first. The others follow in later passes once that session
            // works.
            if sessions.iter().any(|one| running.contains(one)) {
                continue;
            }
            running.extend(sessions.iter().cloned());
            drop(running);
            self.start(sessions);
        }
    }

    /// Resumes the first of an account's sessions that may be resumed now.
    pub(super) fn start(&mut self, sessions: Vec<String>) {
        self.runs.retain(|thread| !thread.is_finished());
        let ground = Arc::clone(&self.ground);
        let running = Arc::clone(&self.running);
        let waits = Arc::clone(&self.waits);
        let state = self.state.clone();
        let default_home = self.default_home();
        self.runs.push(std::thread::spawn(move || {
            // A session that has to wait, perhaps for hours, must not block the others.
            for session in &sessions {
                if ground.abort.is_set() {
                    break;
                }
                // A bug that one session triggers must not block the other sessions of its account forever.
                let attempt = || resumed(&ground, &state, default_home.as_deref(), session);
                let (told, next) = match without_panic(attempt) {
                    Ok(ResumeOutcome::NotYet(why)) => (Some(why.to_string()), true),
                    Ok(ResumeOutcome::Left(left)) => (Some(left.to_string()), true),
                    Ok(ResumeOutcome::UnderWay) => (Some(DelayReason::RunUnderWay.to_string()), false),
                    Ok(ResumeOutcome::Ran) => (None, false),
                    // Its client may still run, and then the account is busy.
                    Err(error) => (Some(error.to_string()), !may_still_run(&ground, &state, session)),
                };
                let mut waits = waits.lock().unwrap_or_else(PoisonError::into_inner);
                match told {
                    Some(why) => waits.insert(session.clone(), why),
                    None => waits.remove(session),
                };
                if !next {
                    break;
                }
            }
            let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
            running.retain(|one| !sessions.contains(one));
        }));
    }

    /// Returns whether this supervisor has active runs.
    #[must_use]
    pub fn busy(&self) -> bool {
        !self.running.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}
