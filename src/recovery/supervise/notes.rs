//! Keeps HANDOFF.md up to date for closed sessions.
//!
//! The hook that records a stop writes the note as well, but its client may end it in between: a one-shot client
//! does so when it exits. Afterwards no hook sees what a pass finds out.

use super::Supervisor;
use super::notices::NEWS;
use crate::config::in_force;
use crate::error::{Error, without_panic};
use crate::recovery::incident::{Incident, Phase};
use crate::recovery::note::NoteWriter;
use crate::recovery::paused::Paused;
use crate::recovery::plan::{blocked_run, resume_command};
use crate::recovery::reason::PlanReason;
use crate::session::owners::Owners;
use crate::store::stored::peek;
use crate::trust::enabled::is_set_up;
use chrono::{DateTime, Utc};

/// What a note says of an incident. The note is out of date once any of it differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotedStep {
    generation: u64,
    phase: Phase,
    reason: PlanReason,
    at: Option<DateTime<Utc>>,
}

impl NotedStep {
    fn of(incident: &Incident) -> Self {
        Self {
            generation: incident.generation,
            phase: incident.phase,
            reason: incident.plan.reason,
            at: incident.plan.at,
        }
    }
}

/// Returns whether the supervisor writes the note of an incident: a closed session's, after a recent change. An older
/// note may have been removed on purpose. The hook of an open client writes its own note, and so does a run.
fn is_noted_here(incident: &Incident, alive: bool, now: DateTime<Utc>) -> bool {
    if alive || now - incident.updated_at > NEWS {
        return false;
    }
    match incident.phase {
        Phase::Open | Phase::Attempting => false,
        Phase::Waiting
        | Phase::Recovered
        | Phase::MovedOn
        | Phase::Superseded
        | Phase::Held
        | Phase::GivenUp
        | Phase::Cancelled => true,
    }
}

impl Supervisor {
    /// Returns whether the note of a session must be written, at most once for each step. After `uninstall` no note
    /// may come back.
    pub(super) fn needs_note(&mut self, incident: &Incident) -> bool {
        let alive = incident.client_is_alive(self.ground.processes.as_ref());
        let default = self.default_home();
        let config_dir = incident.config_dir.as_deref().or(default.as_deref());
        if !is_noted_here(incident, alive, self.ground.clock.now())
            || !is_set_up(&self.state, config_dir, incident.project.as_deref())
        {
            return false;
        }
        let step = NotedStep::of(incident);
        self.noted.insert(incident.session.clone(), step) != Some(step)
    }

    /// Writes the notes of these sessions and returns the errors.
    pub(super) fn write_notes(&self, incidents: &[Incident]) -> Vec<Error> {
        let write = |incident: &Incident| {
            without_panic(|| {
                self.write_note(incident);
                Ok(())
            })
        };
        let failed = |incident: &Incident| {
            write(incident).err().map(|error| error.at(self.state.incident(&incident.session)))
        };
        incidents.iter().filter_map(failed).collect()
    }

    fn write_note(&self, incident: &Incident) {
        let Some(project) = incident.project.as_deref().filter(|dir| dir.is_dir()) else { return };
        // A run that was started meanwhile writes its own note.
        let now = peek::<Incident>(&self.state.incident(&incident.session)).ok().flatten();
        if now.map(|now| NotedStep::of(&now)) != Some(NotedStep::of(incident)) {
            return;
        }
        let config = in_force(&self.ground.env, Some(project)).config;
        let config_dir = incident.config_dir.as_deref();
        let elsewhere = config_dir.filter(|dir| Some(*dir) != self.default_home().as_deref());
        let paused = Paused::read(&self.state).holds(&incident.session);
        let blocked = blocked_run(&incident.plan, paused, config.heartbeat.enabled, || {
            resume_command(&incident.session, elsewhere)
        });
        let writer = NoteWriter {
            state: &self.state,
            env: &self.ground.env,
            project,
            blocks: config.note.blocks,
            open_in: Owners::places_of(config_dir, self.ground.processes.as_ref(), &incident.session, None),
            plan: blocked.filter(|_| incident.phase.is_active()),
        };
        writer.update(incident, self.ground.clock.as_ref());
    }
}

#[cfg(test)]
mod tests {
    use super::super::{SupervisorContext, WatchOptions};
    use super::*;
    use crate::claude::process::Processes;
    use crate::clock::{Clock, parse_rfc3339};
    use crate::env::Environment;
    use crate::note::handoff::FILE_NAME;
    use crate::recovery::incident::StopReport;
    use crate::recovery::plan::{Action, RecoveryPlan};
    use crate::recovery::reason::Reason;
    use crate::session::{Source, Stop, StopKind};
    use crate::store::StateDir;
    use crate::store::stored::save;
    use crate::trust::account::Provenance;
    use crate::trust::enabled::{Enabled, record_path};
    use chrono::Duration;
    use std::path::Path;

    const SESSION: &str = "00000001-0000-4000-8000-000000000001";

    fn at(text: &str) -> DateTime<Utc> {
        parse_rfc3339(text).unwrap()
    }

    struct Still;

    impl Clock for Still {
        fn now(&self) -> DateTime<Utc> {
            at("2026-11-21T02:10:00Z")
        }
        fn since_boot(&self) -> std::time::Duration {
            std::time::Duration::from_secs(5000)
        }
        fn boot_id(&self) -> Option<String> {
            None
        }
        fn sleep(&self, _duration: std::time::Duration) {}
    }

    struct NoClient;

    impl Processes for NoClient {
        fn start_token(&self, _pid: u32) -> Option<String> {
            None
        }
        fn domain(&self) -> Option<String> {
            None
        }
    }

    fn held(project: &Path) -> Incident {
        let transcript = project.join("t.jsonl");
        let fixture =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/transcripts/auth-interactive.jsonl");
        std::fs::copy(fixture, &transcript).unwrap();
        let report = StopReport {
            session: SESSION.into(),
            project: Some(project.into()),
            config_dir: None,
            transcript,
            stop: Stop::of(StopKind::Auth),
            cwd: None,
            entrypoint: None,
            claude_pid: Some(7),
            claude_start: Some("1".into()),
        };
        let plan = RecoveryPlan::new(Action::Notify, None, Reason::LoginNeeded);
        Incident { phase: Phase::Held, plan, ..Incident::open(report, Still.now()) }
    }

    fn set_up(record: &Path, project: &Path) {
        save(record, &Enabled::new(Some(project.into()), Still.now())).unwrap();
    }

    #[test]
    fn the_note_of_a_closed_session_is_written_after_a_recent_change() {
        let dir = tempfile::tempdir().unwrap();
        let incident = held(dir.path());
        let since = |minutes| incident.updated_at + Duration::minutes(minutes);
        for phase in Phase::ALL {
            let noted = match phase {
                Phase::Open | Phase::Attempting => false,
                Phase::Waiting
                | Phase::Recovered
                | Phase::MovedOn
                | Phase::Superseded
                | Phase::Held
                | Phase::GivenUp
                | Phase::Cancelled => true,
            };
            let incident = Incident { phase, ..incident.clone() };
            assert_eq!(is_noted_here(&incident, false, since(15)), noted, "{phase:?}");
            assert!(!is_noted_here(&incident, true, since(0)), "{phase:?}, open");
            assert!(!is_noted_here(&incident, false, since(16)), "{phase:?}, no news");
        }
    }

    #[test]
    fn a_pass_writes_the_note_that_a_killed_hook_left_out_once_and_removes_it_when_the_session_moves_on() {
        let dir = tempfile::tempdir().unwrap();
        let project = dir.path().join("project");
        std::fs::create_dir(&project).unwrap();
        let state = StateDir::new(dir.path().join("state"));
        save(&state.incident(SESSION), &held(&project)).unwrap();
        let record = record_path(&state, &project);
        set_up(&record, &project);
        let ground = SupervisorContext {
            provenance: Provenance::User,
            env: Environment::from_pairs(
                [("HOME", dir.path().as_os_str()), ("CC_RECOVER_STATE_DIR", state.root().as_os_str())],
                dir.path(),
            ),
            clock: Box::new(Still),
            processes: Box::new(NoClient),
            pid: 0,
            tend_kept: |_, _, _, _| Vec::new(),
            abort: crate::abort::AbortFlag::new(),
        };
        let mut supervisor = Supervisor::new(ground, WatchOptions::default()).unwrap();
        let note = project.join(FILE_NAME);
        let change = |with: &dyn Fn(&mut Incident)| {
            let mut incident = peek(&state.incident(SESSION)).unwrap().unwrap();
            with(&mut incident);
            save(&state.incident(SESSION), &incident).unwrap();
        };
        let noted = || std::fs::read_to_string(&note).is_ok_and(|text| text.contains(SESSION));
        supervisor.run_pass().unwrap();
        assert!(noted());
        // Whoever removes it meanwhile does so on purpose.
        std::fs::remove_file(&note).unwrap();
        supervisor.run_pass().unwrap();
        assert!(!noted());
        change(&|incident| incident.plan.explain(Reason::ClientClosed));
        supervisor.run_pass().unwrap();
        assert!(noted());
        change(&|incident| incident.settle(Phase::MovedOn, Source::Transcript, "continued"));
        supervisor.run_pass().unwrap();
        assert!(!noted());
        // After `uninstall` no note comes back, and otherwise it would.
        let again = |incident: &mut Incident| incident.phase = Phase::Held;
        std::fs::remove_file(&record).unwrap();
        change(&again);
        supervisor.run_pass().unwrap();
        assert!(!noted());
        set_up(&record, &project);
        supervisor.run_pass().unwrap();
        assert!(noted());
    }
}
