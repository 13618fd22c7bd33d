//! Plans the next step of a session from the current situation rather than from the plan made at the stop.

use super::{Inventory, InventoryRow, RECENT};
use crate::config::in_force;
use crate::project::plugin::lets_module_wait;
use crate::recovery::heartbeat::{WaitSwitches, is_offline, obstacle};
use crate::recovery::incident::{Attempt, Incident, Obstacle, Phase, StopReport};
use crate::recovery::plan::{Action, DailyContinues, RecoveryPlan, blocked_run, resume_command};
use crate::recovery::policy::{Terminal, user_needed};
use crate::recovery::reason::{PlanReason, Reason};
use crate::recovery::siblings::repeated_by;
use crate::report::session::Session;
use crate::session::owners::SessionOwners;
use crate::session::state::State;
use crate::session::{Stop, StopKind};
use crate::store::lock::Lock;
use chrono::{DateTime, Duration, Utc};
use std::path::Path;

/// Returns whether the user cancelled a stop that is earlier than the session's current one.
fn is_dismissed_earlier(incident: &Incident, stop: &Stop) -> bool {
    incident.phase == Phase::Cancelled
        && stop.record != incident.stop.record
        && stop.at.zip(incident.stop.at).is_some_and(|(now, then)| now > then)
}

/// Returns an incident without internal fields that decide what is started.
pub(super) fn shown(incident: &Incident) -> Incident {
    Incident {
        fingerprint: None,
        started_with: None,
        other_account: Vec::new(),
        claimed_by: None,
        claude_program: None,
        timing: None,
        opened: None,
        attempts: incident.attempts.iter().cloned().map(without_takeover).collect(),
        ..incident.clone()
    }
}

/// Plans the next step of an open session for which this tool no longer waits, because its hook was killed or
/// the plugin was removed. `continues` is the reset and the time after it within which Claude Code itself
/// continues the session, if it does.
fn without_waiter(
    place: &str,
    due: Option<DateTime<Utc>>,
    continues: Option<(DateTime<Utc>, Duration)>,
    now: DateTime<Utc>,
) -> RecoveryPlan {
    match continues.filter(|(reset, window)| now < *reset + *window) {
        Some((reset, _)) => RecoveryPlan::new(
            Action::Client,
            Some(reset),
            Reason::WaiterGone { place, client_continues: true },
        ),
        None => RecoveryPlan::new(Action::Notify, due, Reason::WaiterGone { place, client_continues: false }),
    }
}

/// Returns an attempt without its internal fields.
fn without_takeover(mut attempt: Attempt) -> Attempt {
    if let Some(run) = &mut attempt.run {
        run.taken_over = None;
    }
    attempt
}

impl Inventory<'_> {
    /// Returns an empty plan for a session whose work continued in another session.
    #[must_use]
    pub fn continued_elsewhere(&self, row: &InventoryRow) -> Option<RecoveryPlan> {
        if let Some(session) = &row.summary.continued_in {
            return Some(RecoveryPlan::nothing(Reason::ContinuedElsewhere { session }));
        }
        let unfinished = row.summary.stop.is_unfinished();
        let later = unfinished.then(|| repeated_by(&row.found.path, &row.summary)).flatten()?;
        Some(RecoveryPlan::nothing(Reason::PromptRepeated { session: &later }))
    }

    /// Adds the incident of a session and its next step.
    pub(super) fn add_next(&self, session: &mut Session, owners: &SessionOwners) {
        if session.conflict_copy_of.is_some() {
            // No client opens a conflict copy.
            return self.add_project(session);
        }
        let live = session.live.is_some();
        let place = owners.places();
        let incident = self.incident_of(&session.id, &session.transcript);
        if let Some(incident) = incident.filter(|incident| !is_dismissed_earlier(incident, &session.stop)) {
            let mut known = incident.clone();
            if known.stop.record.is_none() && session.stop.kind.is_failure() {
                // The hook was killed before it could read the transcript.
                known.stop = session.stop.clone();
            }
            session.next = self.next_of(&known, owners);
            session.client_continues_at =
                live.then(|| self.ledger.client_continues_at(&known, &session.next, self.taken_at)).flatten();
            session.daily_continues = self.daily_continues(&known, &session.next);
            session.paused = self.paused.holds(&incident.session);
            session.project.dir.clone_from(&incident.project);
            session.incident = Some(shown(incident));
        } else if session.state == State::Hung {
            session.next = RecoveryPlan::new(Action::Notify, None, Reason::Hung);
        } else {
            let active = self.believed(session.last_activity_at, &session.transcript);
            let age = active.map(|at| self.taken_at - at);
            let recent = age.is_some_and(|age| age < RECENT);
            if session.state == State::Current {
                return self.add_project(session);
            }
            if session.stop.kind == StopKind::Waiting && !live && recent {
                let elsewhere = session.config_dir.as_deref().filter(|dir| Some(*dir) != self.default_home());
                session.next = RecoveryPlan::new(Action::Resume, None, Reason::QuestionOpen)
                    .with_command(resume_command(&session.id, elsewhere));
            } else if session.stop.is_unfinished() && (live || recent) {
                session.next = self.next_without_incident(session, place.as_deref());
            }
        }
        self.add_project(session);
    }

    fn add_project(&self, session: &mut Session) {
        if session.project.dir.is_none() {
            session.project.dir = session.project.cwd.as_deref().and_then(|cwd| self.enclosing(cwd));
        }
    }

    /// Returns the incident of this transcript. A copy of the session elsewhere has none.
    pub(super) fn incident_of(&self, id: &str, transcript: &Path) -> Option<&Incident> {
        let incident = self.incidents.get(id).filter(|incident| !incident.phase.is_over())?;
        if incident.transcript == transcript {
            return Some(incident);
        }
        // The hook may have named it through a symbolic link.
        let named = self.rows.iter().find(|row| row.found.is_at(&incident.transcript));
        named.is_none_or(|row| row.found.path == transcript).then_some(incident)
    }

    /// Plans the next step from the current situation, not from the plan made at the stop.
    fn next_of(&self, incident: &Incident, owners: &SessionOwners) -> RecoveryPlan {
        match owners.places() {
            Some(place) if !owners.live.is_empty() => self.next_of_open(incident, owners, &place),
            _ => self.next_of_closed(incident),
        }
    }

    fn daily_continues(&self, incident: &Incident, next: &RecoveryPlan) -> Option<DailyContinues> {
        if next.action != Action::Wake {
            return None;
        }
        let config = in_force(self.ground.world.env, incident.project.as_deref()).config;
        self.ledger.budget_beyond_client_cap(incident, &config)
    }

    fn next_of_closed(&self, incident: &Incident) -> RecoveryPlan {
        if incident.plan.notified_at().is_some_and(|at| at <= self.taken_at) && incident.phase == Phase::Held
        {
            return self.ledger.decision(incident, Terminal::Closed).plan;
        }
        if !incident.phase.is_active() {
            return incident.plan.clone();
        }
        let plan = self.ledger.decision(incident, Terminal::Closed).plan;
        if plan.action != Action::Run {
            return plan;
        }
        let elsewhere = incident.config_dir.as_deref().filter(|dir| Some(*dir) != self.default_home());
        let command = || resume_command(&incident.session, elsewhere);
        let config = in_force(self.ground.world.env, incident.project.as_deref()).config;
        let paused = self.paused.holds(&incident.session);
        if let Some(blocked) = blocked_run(&plan, paused, config.heartbeat.enabled, command) {
            return blocked;
        }
        // The supervisor owns its lease while it is alive.
        if incident.plan.action == Action::Run
            && incident.phase == Phase::Waiting
            && !Lock::is_held(&self.ground.state.supervisor_lease())
        {
            return RecoveryPlan::new(Action::Resume, incident.plan.at, Reason::NoSupervisor)
                .with_command(command());
        }
        plan
    }

    /// Plans the next step of an open session. The plan has no command: opening the session a second time
    /// would fork its conversation, so the report names the window to use.
    fn next_of_open(&self, incident: &Incident, owners: &SessionOwners, place: &str) -> RecoveryPlan {
        match incident.phase {
            Phase::Cancelled | Phase::Recovered | Phase::MovedOn | Phase::Superseded => {
                RecoveryPlan { argv: None, ..incident.plan.clone() }
            }
            Phase::Attempting => RecoveryPlan::nothing(Reason::AwaitingTurn),
            Phase::GivenUp => incident.plan.clone().in_window(incident.phase, place),
            Phase::Open => incident.plan.clone(),
            Phase::Waiting | Phase::Held => {
                // The waiter owns its lease while it is alive.
                let home = incident.config_dir.as_deref().or_else(|| self.default_home());
                let module = incident.module_waits(self.taken_at)
                    && lets_module_wait(&self.ground.state, home, incident.cwd.as_deref().map(Path::new));
                let waited_for = module || Lock::is_held(&self.ground.state.waiter_lease(&incident.session));
                let plan = self.ledger.decision(incident, Terminal::Open).plan;
                if incident.stop.wrapped_up && plan.action == Action::Wake && !waited_for {
                    let (kind, at) = (incident.stop.kind, plan.at);
                    return RecoveryPlan::new(Action::Notify, at, Reason::WrappedUp { kind, at, place });
                }
                if plan.action != Action::Wake {
                    // The user has to act first, wherever the session is open.
                    return plan.in_window(incident.phase, place);
                }
                if incident.plan.action == Action::Wake && incident.phase == Phase::Waiting && waited_for {
                    return self.next_of_waiting(incident, owners, place);
                }
                let due = plan.at.filter(|at| *at > self.taken_at);
                if incident.plan.action == Action::Wake {
                    let continues = incident.stop.resets_at.zip(self.ledger.client_window(incident));
                    return without_waiter(place, due, continues, self.taken_at);
                }
                RecoveryPlan::new(Action::Notify, due, Reason::OpenedAgain(place))
            }
        }
    }

    /// Plans the next step of a session for which a hook waits. Checks the obstacles now, in the same way as
    /// at the planned time.
    fn next_of_waiting(&self, incident: &Incident, owners: &SessionOwners, place: &str) -> RecoveryPlan {
        let stopped = incident
            .claude_pid
            .is_some_and(|pid| self.table().iter().any(|process| process.pid == pid && process.stopped));
        let config = in_force(self.ground.world.env, incident.project.as_deref()).config;
        let switches = WaitSwitches {
            paused: self.paused.holds(&incident.session),
            switched_off: !config.heartbeat.enabled,
            offline: is_offline(incident, self.ground.world.env, self.ground.world.processes),
            client_cap: self.ledger.leaves_to_user_at_client_cap(incident, &config),
        };
        let seen = incident.held_back.as_ref().map(|held| held.reason);
        let lost = seen.filter(|reason| *reason == Obstacle::NoTranscript);
        match obstacle(owners, incident.claude_pid, stopped, &switches).or(lost) {
            None => RecoveryPlan { argv: None, ..incident.plan.clone() },
            Some(what) => {
                let action = if what.needs_user() { Action::Notify } else { Action::None };
                RecoveryPlan::new(action, None, Reason::HeldBack(what, Some(place)))
            }
        }
    }

    fn next_without_incident(&self, session: &Session, place: Option<&str>) -> RecoveryPlan {
        let report = StopReport {
            session: session.id.clone(),
            project: None,
            config_dir: session.config_dir.clone(),
            transcript: session.transcript.clone(),
            stop: Stop { at: self.believed(session.stop.at, &session.transcript), ..session.stop.clone() },
            cwd: session.project.cwd.clone(),
            entrypoint: None,
            claude_pid: None,
            claude_start: None,
        };
        let supposed = Incident::open(report, self.taken_at);
        let plan = self.ledger.decision(&supposed, Terminal::Closed).plan;
        let Some(place) = place else { return plan };
        if session.stop.wrapped_up && plan.reason != PlanReason::ResetFarAway {
            let (kind, at) = (session.stop.kind, self.ledger.decision(&supposed, Terminal::Open).plan.at);
            return RecoveryPlan::new(Action::Notify, at, Reason::WrappedUp { kind, at, place });
        }
        if user_needed(session.stop.kind).is_none() {
            return RecoveryPlan::new(Action::Notify, plan.at, Reason::StopNotReported(place));
        }
        RecoveryPlan { action: Action::Notify, argv: None, ..plan }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::parse_rfc3339;

    #[test]
    fn a_session_without_a_waiter_is_left_to_the_client_only_while_the_client_may_still_continue_it() {
        let at = |text: &str| parse_rfc3339(text).unwrap();
        let reset = at("2026-11-21T04:00:00Z");
        let window = Some((reset, Duration::seconds(120)));
        let due = Some(at("2026-11-21T04:02:30Z"));
        let cases = [
            ("before the reset", window, "2026-11-21T03:00:00Z", (Action::Client, Some(reset))),
            ("within the window", window, "2026-11-21T04:01:59Z", (Action::Client, Some(reset))),
            ("at its end", window, "2026-11-21T04:02:00Z", (Action::Notify, due)),
            ("client will not", None, "2026-11-21T03:00:00Z", (Action::Notify, due)),
        ];
        for (what, continues, now, expected) in cases {
            let plan = without_waiter("pts/3", due, continues, at(now));
            assert_eq!((plan.action, plan.at), expected, "{what}");
            assert_eq!(plan.reason, PlanReason::WaiterGone, "{what}");
            assert!(plan.why.contains("type `continue` in pts/3"), "{what}: {}", plan.why);
        }
    }
}
