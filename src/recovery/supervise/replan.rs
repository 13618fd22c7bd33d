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
        let alive = incident.claude_pid.is_some_and(|pid| {
            let token = self.ground.processes.start_token(pid);
            token.is_some() && token == incident.claude_start
        });
        if alive {
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
            let Some(one) = slot.as_mut().filter(|one| one.generation == incident.generation) else { return };
            one.saw(Source::Transcript, found.fact());
            one.early = Some(found);
            ledger.plan(one, Terminal::Closed);
        });
        changed.ok().flatten()
    }
}
