//! Updates incidents to match the transcript, the consent, the account and the limits of the account.

use super::Supervisor;
use crate::claude::transcript::Transcript;
use crate::config::in_force;
use crate::recovery::heartbeat::{TranscriptChange, adopt, seen};
use crate::recovery::incident::{Incident, Phase};
use crate::recovery::plan::Action;
use crate::recovery::policy::Terminal;
use crate::recovery::reason::{PlanReason, Reason};
use crate::recovery::resume::account_key;
use crate::session::Source;
use crate::session::ending::Liveness;
use crate::session::summary::summarize;
use crate::store::lock::Lock;
use crate::trust::account::describe_differences;
use crate::trust::enabled::unattended;
use chrono::{DateTime, Duration, Utc};
use std::collections::BTreeMap;

/// Time within which a supervisor started by the session's own client claims the session.
const CLAIMED: Duration = Duration::seconds(5);

/// Applies the newest known reset of a limit to all sessions of its account, because a limit
/// belongs to the account.
pub(super) fn align_resets(incidents: &mut [Incident]) {
    type Limit = (String, &'static str);
    let mut ends: BTreeMap<Limit, (DateTime<Utc>, DateTime<Utc>)> = BTreeMap::new();
    for one in incidents.iter() {
        if let (true, Some(at), Some(reset)) =
            (one.stop.kind.is_usage_limit(), one.stop.at, one.stop.resets_at)
        {
            let newest = ends.entry((account_key(one), one.stop.kind.as_str())).or_insert((at, reset));
            if at > newest.0 {
                *newest = (at, reset);
            }
        }
    }
    for one in incidents.iter_mut() {
        let key = (account_key(one), one.stop.kind.as_str());
        if let (Some((_, reset)), Some(at), Some(own)) = (ends.get(&key), one.plan.at, one.stop.resets_at)
            && one.plan.action == Action::Run
            && *reset > own
        {
            one.plan.at = Some(at + (*reset - own));
        }
    }
}

impl Supervisor {
    /// Updates one incident to the current facts.
    pub(super) fn refresh_plan(&self, incident: &Incident) -> Option<Incident> {
        let config = in_force(&self.ground.env, incident.project.as_deref()).config;
        let default_home = self.default_home();
        let ledger = self.ledger(&config, default_home.as_deref());
        // The waiting hook of an open client handles the session.
        if Lock::is_held(&self.state.waiter_lease(&incident.session))
            || Lock::is_held(&self.state.run_lease(&incident.session))
            || incident.phase == Phase::Cancelled
        {
            return None;
        }
        if incident.client_is_alive(self.ground.processes.as_ref()) {
            return None;
        }
        let summary = Transcript::open(&incident.transcript)
            .ok()
            .map(|transcript| summarize(&transcript, Liveness::Gone));
        if incident.open_run().is_some() {
            return None;
        }
        let now = seen(incident, summary.as_ref());
        let agreed = incident.project.as_deref().is_some_and(|project| unattended(&self.state, project));
        // The session's own client may have started a supervisor with its account, which claims
        // the session within moments.
        let settled = self.ground.clock.now() - incident.updated_at > CLAIMED;
        let differences =
            if agreed && settled { self.fits(incident).unwrap_or_default() } else { Vec::new() };
        let waits_for_account = !incident.other_account.is_empty();
        // Held for lack of consent or of an account that is available now.
        let replan = matches!(incident.phase, Phase::Open | Phase::Waiting)
            || agreed
                && incident.phase == Phase::Held
                && (incident.plan.reason == PlanReason::ClientClosed
                    || waits_for_account && settled && differences.is_empty());
        if matches!(now, TranscriptChange::Same | TranscriptChange::Escaped | TranscriptChange::Lost)
            && !replan
        {
            return None;
        }
        let changed = ledger.change(&incident.session, |slot| {
            let Some(incident) = slot.as_mut().filter(|one| one.is_as_read(incident)) else { return };
            match now {
                TranscriptChange::ContinuedByClient => {
                    incident.settle(Phase::Recovered, Source::Transcript, "Claude Code continued by itself");
                }
                TranscriptChange::MovedOn => {
                    incident.settle(
                        Phase::MovedOn,
                        Source::Transcript,
                        "the session continued without this tool",
                    );
                }
                TranscriptChange::StoppedAgain => {
                    if let Some(summary) = &summary {
                        adopt(incident, summary, self.ground.clock.now());
                        incident.generation += 1;
                        ledger.plan(incident, Terminal::Closed);
                    }
                }
                TranscriptChange::Same | TranscriptChange::Escaped | TranscriptChange::Lost => {
                    if let Some(summary) = summary.as_ref().filter(|_| incident.stop.record.is_none()) {
                        incident.describe(summary);
                    }
                    ledger.plan(incident, Terminal::Closed);
                    if incident.plan.action == Action::Run && !differences.is_empty() {
                        ledger.hold(
                            incident,
                            Source::Process,
                            Reason::OtherAccount(&describe_differences(&differences)),
                        );
                        incident.other_account.clone_from(&differences);
                    }
                }
            }
        });
        changed.ok().flatten()
    }

    /// Plans a closed session again if usage is available before its reset.
    pub(super) fn plan_early(&mut self, incident: &Incident) -> Option<Incident> {
        let waits = incident.phase == Phase::Waiting && incident.plan.action == Action::Run
            || incident.phase == Phase::Held && incident.plan.notified_at().is_some();
        if !waits
            || Lock::is_held(&self.state.waiter_lease(&incident.session))
            || Lock::is_held(&self.state.run_lease(&incident.session))
        {
            return None;
        }
        let found = self.early.find(&self.state, incident, self.ground.clock.now())?;
        let config = in_force(&self.ground.env, incident.project.as_deref()).config;
        let default_home = self.default_home();
        let ledger = self.ledger(&config, default_home.as_deref());
        let changed = ledger.change(&incident.session, |slot| {
            let Some(one) = slot.as_mut().filter(|one| one.is_as_read(incident)) else { return };
            one.saw(Source::Transcript, found.fact());
            one.early = Some(found);
            ledger.plan(one, Terminal::Closed);
        });
        changed.ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{SupervisorContext, WatchOptions};
    use super::*;
    use crate::claude::process::SystemProcesses;
    use crate::clock::Clock;
    use crate::env::Environment;
    use crate::recovery::early::tests::{OTHER, OWN, answer, at, incident, prompt, register};
    use crate::recovery::plan::RecoveryPlan;
    use crate::session::StopKind;
    use crate::store::StateDir;
    use crate::store::stored::{peek, save};
    use crate::trust::account::Provenance;

    struct Still;

    impl Clock for Still {
        fn now(&self) -> DateTime<Utc> {
            at("02:20:00")
        }
        fn since_boot(&self) -> std::time::Duration {
            std::time::Duration::from_secs(5000)
        }
        fn boot_id(&self) -> Option<String> {
            None
        }
        fn sleep(&self, _duration: std::time::Duration) {}
    }

    #[test]
    fn an_early_reset_plans_only_the_incident_that_was_read() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("claude");
        let state = StateDir::new(dir.path().join("state"));
        std::fs::create_dir_all(home.join("projects/-w")).unwrap();
        let turn = [prompt("02:10:00"), answer("02:10:05", "claude-sonnet-5-5", "")].join("\n") + "\n";
        std::fs::write(home.join("projects/-w").join(format!("{OTHER}.jsonl")), turn).unwrap();
        register(&state, &home, "me", "01:00:00");
        let ground = SupervisorContext {
            provenance: Provenance::User,
            env: Environment::from_pairs(
                [("HOME", dir.path().as_os_str()), ("CC_RECOVER_STATE_DIR", state.root().as_os_str())],
                dir.path(),
            ),
            clock: Box::new(Still),
            processes: Box::new(SystemProcesses),
            pid: std::process::id(),
            tend_kept: |_, _, _, _| Vec::new(),
            abort: crate::abort::AbortFlag::new(),
        };
        let mut supervisor = Supervisor::new(ground, WatchOptions::default()).unwrap();
        let mut read = incident(&home, StopKind::UsageLimit5h);
        read.phase = Phase::Waiting;
        read.plan = RecoveryPlan { action: Action::Run, ..RecoveryPlan::nothing(Reason::SessionContinued) };
        // The user or another process may have changed the incident since it was read.
        let phases = Phase::ALL.into_iter().map(|phase| (phase, 0));
        for (phase, newer) in phases.chain([(Phase::Waiting, 1)]) {
            let meanwhile = Incident { phase, generation: read.generation + newer, ..read.clone() };
            save(&state.incident(OWN), &meanwhile).unwrap();
            supervisor.early = crate::recovery::early::EarlySearch::default();
            supervisor.plan_early(&read);
            let now = peek::<Incident>(&state.incident(OWN)).unwrap().unwrap();
            if phase == Phase::Waiting && newer == 0 {
                assert!(now.early.is_some(), "{phase:?}");
            } else {
                assert_eq!((now.phase, now.early.is_some()), (phase, false), "{phase:?} {newer}");
            }
        }
    }
}
