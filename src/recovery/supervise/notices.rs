//! Notifies the user of events in closed sessions.

use super::{RECENT, Supervisor, SupervisorContext};
use crate::claude::transcript::Transcript;
use crate::config::Config;
use crate::notify::{Notice, NoticeKind, send};
use crate::recovery::incident::{Incident, Phase};
use crate::recovery::plan::Action;
use crate::recovery::reason::PlanReason;
use crate::session::ending::Liveness;
use crate::session::summary::summarize;
use crate::trust::enabled::unattended;
use crate::world::World;
use chrono::{DateTime, Duration, Utc};
use std::sync::Arc;

/// Changes older than this are not reported.
pub(super) const NEWS: Duration = Duration::minutes(15);

/// Decides of what to notify the user. A limit that has reset concerns every session. All other notices
/// concern only sessions that may be resumed unattended, and only while the event is recent.
pub(super) fn notice_kind(incident: &Incident, agreed: bool, now: DateTime<Utc>) -> Option<NoticeKind> {
    let reset = incident.plan.notified_at().filter(|_| incident.phase == Phase::Held);
    if reset.is_some_and(|reset| (Duration::zero()..RECENT).contains(&(now - reset))) {
        return Some(NoticeKind::LimitReset);
    }
    if !agreed || now - incident.updated_at > NEWS {
        return None;
    }
    let ran = incident.attempts.iter().any(|attempt| attempt.run.is_some());
    match incident.phase {
        Phase::Waiting => (incident.plan.action == Action::Run).then_some(NoticeKind::Stopped),
        Phase::Attempting => ran.then_some(NoticeKind::Resumed),
        Phase::Recovered => ran.then_some(NoticeKind::Recovered),
        Phase::MovedOn => (incident.plan.reason == PlanReason::TakenOver).then_some(NoticeKind::TakenOver),
        Phase::Superseded => Some(NoticeKind::Superseded),
        Phase::Held => Some(NoticeKind::Held),
        Phase::GivenUp => Some(NoticeKind::GivenUp),
        Phase::Open | Phase::Cancelled => None,
    }
}

impl Supervisor {
    /// Returns the notice for a session, at most once for each step.
    pub(super) fn notice(&mut self, incident: &Incident) -> Option<Notice> {
        let project = incident.project.as_deref()?;
        let kind = notice_kind(incident, unattended(&self.state, project), self.ground.clock.now())?;
        if !self.told.insert((incident.session.clone(), incident.generation, kind.as_str())) {
            return None;
        }
        let summary = Transcript::open(&incident.transcript)
            .ok()
            .map(|transcript| summarize(&transcript, Liveness::Unknown));
        let title = summary.and_then(|summary| summary.name.or(summary.title));
        Some(Notice::new(kind, &incident.session, incident.generation, title.as_deref(), Some(project)))
    }

    /// Delivers the notices in a separate thread, because an unresponsive desktop must not delay the
    /// supervisor.
    pub(super) fn send_notices(&mut self, notices: Vec<Notice>, config: &Config) {
        self.telling.retain(|thread| !thread.is_finished());
        if notices.is_empty() {
            return;
        }
        let ground = Arc::clone(&self.ground);
        let state = self.state.clone();
        let config = config.notify.clone();
        self.telling.push(std::thread::spawn(move || {
            let SupervisorContext { env, clock, processes, .. } = ground.as_ref();
            let world =
                World { env, clock: clock.as_ref(), processes: processes.as_ref(), abort: &ground.abort };
            send(world, &config, &state, &notices);
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::parse_rfc3339;
    use crate::recovery::incident::StopReport;
    use crate::recovery::plan::RecoveryPlan;
    use crate::recovery::reason::Reason;
    use crate::session::{Source, Stop, StopKind};
    use std::path::PathBuf;

    fn at(text: &str) -> DateTime<Utc> {
        parse_rfc3339(text).unwrap()
    }

    fn incident(kind: StopKind) -> Incident {
        let report = StopReport {
            session: "00000001-0000-4000-8000-000000000001".into(),
            project: None,
            config_dir: None,
            transcript: PathBuf::from("/nowhere"),
            stop: Stop::of(kind),
            cwd: None,
            entrypoint: None,
            claude_pid: None,
            claude_start: None,
        };
        Incident::open(report, at("2026-11-21T02:00:00Z"))
    }

    #[test]
    fn the_user_is_notified_of_each_step_and_of_a_distant_reset_even_without_consent() {
        let stopped = incident(StopKind::UsageLimitWeekly);
        let reset = at("2026-11-24T02:00:00Z");
        let far = Incident {
            phase: Phase::Held,
            plan: RecoveryPlan::new(
                Action::Notify,
                Some(reset),
                Reason::ResetFarAway { kind: StopKind::UsageLimitWeekly, reset },
            ),
            ..stopped.clone()
        };
        let budget = Incident {
            plan: RecoveryPlan::new(Action::Notify, Some(reset), Reason::CreditNeededUntil(reset)),
            ..far.clone()
        };
        let login =
            Incident { plan: RecoveryPlan::new(Action::Notify, None, Reason::LoginNeeded), ..far.clone() };
        let mut taken_over = incident(StopKind::Overloaded);
        taken_over.settle(Phase::MovedOn, Source::Hook, "opened");
        let moved_on = taken_over.clone();
        taken_over.plan.explain(Reason::TakenOver);
        let superseded = Incident { phase: Phase::Superseded, ..stopped.clone() };
        let of = |incident: &Incident, agreed, now| notice_kind(incident, agreed, at(now));
        let (soon, later) = ("2026-11-21T02:15:00Z", "2026-11-21T02:15:01Z");
        for (what, incident, agreed, now, expected) in [
            ("far, before the reset", &far, false, "2026-11-24T01:59:59Z", None),
            ("far, at the reset", &far, false, "2026-11-24T02:00:00Z", Some(NoticeKind::LimitReset)),
            ("far, long after it", &far, false, "2026-11-26T02:00:00Z", None),
            ("budget, at its date", &budget, false, "2026-11-24T02:00:00Z", Some(NoticeKind::LimitReset)),
            ("far, at the stop", &far, true, soon, Some(NoticeKind::Held)),
            ("far, at the stop, without consent", &far, false, soon, None),
            ("a login", &login, true, soon, Some(NoticeKind::Held)),
            ("a login, no news", &login, true, later, None),
            ("taken over", &taken_over, true, soon, Some(NoticeKind::TakenOver)),
            ("continued by the user", &moved_on, true, soon, None),
            ("superseded", &superseded, true, soon, Some(NoticeKind::Superseded)),
            ("superseded, without consent", &superseded, false, soon, None),
            ("just opened", &stopped, true, soon, None),
        ] {
            assert_eq!(of(incident, agreed, now), expected, "{what}");
        }
    }
}
