//! Stores incidents on disk, one file per session, which is changed only under the session's lock.
//!
//! A hook that cannot acquire the lock at once first writes its event to the spool, so that the event
//! survives whatever happens to the hook. The next process that owns the lock applies it.

mod event;
mod planning;

use super::incident::{Incident, Phase};
use crate::claude::home::is_session_id;
use crate::clock::{Clock, rfc3339};
use crate::config::Config;
use crate::error::{Code, Error, Result};
use crate::store::lock::Lock;
use crate::store::spool::{self, SpooledEvent};
use crate::store::stored::{Loaded, Stored, load, peek, save};
use crate::store::{StateDir, journal, replace};
use chrono::{DateTime, Utc};
pub use event::IncidentEvent;
use serde_json::json;
use std::path::Path;
use std::time::Duration;

/// Longest wait for a session's lock, which a process normally owns for milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Clone, Copy)]
pub struct Ledger<'a> {
    pub state: &'a StateDir,
    /// Source of the recorded times.
    pub clock: &'a dyn Clock,
    /// Configuration by which the policy plans.
    pub config: &'a Config,
    /// Default configuration directory of Claude Code.
    pub default_home: Option<&'a Path>,
}

impl Ledger<'_> {
    /// Reads the incident of a session from disk.
    ///
    /// # Errors
    /// [`Code::Io`] when it is damaged, [`Code::StateNewer`] when a newer program wrote it.
    pub fn read(&self, session: &str) -> Result<Option<Incident>> {
        peek(&self.state.incident(session))
    }

    /// Applies every spooled event to its incident, and returns the errors of incidents that could not be
    /// changed.
    #[must_use]
    pub fn fold_spool(&self) -> Vec<Error> {
        let sessions = spool::sessions(self.state).into_iter();
        sessions.filter_map(|session| self.change(&session, |_| {}).err()).collect()
    }

    /// Reads all incidents in the order of their sessions, and the errors of those that could not be read.
    /// The result includes spooled events. Changes nothing on disk.
    #[must_use]
    pub fn read_all(&self) -> (Vec<Incident>, Vec<Error>) {
        let mut problems = Vec::new();
        let spooled = spool::sessions(self.state);
        let mut names: Vec<String> = std::fs::read_dir(self.state.incidents())
            .into_iter()
            .flatten()
            .filter_map(std::result::Result::ok)
            .filter_map(|entry| {
                entry.file_name().into_string().ok()?.strip_suffix(".json").map(str::to_owned)
            })
            .filter(|name| is_session_id(name))
            .collect();
        names.extend(spooled.iter().cloned());
        names.sort();
        names.dedup();
        let mut incidents = Vec::new();
        for name in names {
            match self.read(&name) {
                Ok(mut incident) => {
                    if spooled.contains(&name) {
                        let events = spool::peek_pending(self.state, &name);
                        for entry in events {
                            self.fold_spooled(&mut incident, entry);
                        }
                    }
                    incidents.extend(incident);
                }
                Err(error) => problems.push(error),
            }
        }
        (incidents, problems)
    }

    /// Records an event. When this returns, the event is durable in the incident or in the spool.
    ///
    /// # Errors
    /// [`Code::Io`] when neither could be written; [`Code::StateLocked`] when it is only in the spool so far.
    pub fn enter(&self, session: &str, event: IncidentEvent) -> Result<Option<Incident>> {
        if let Some(lock) = Lock::try_take(&self.state.session_lock(session))? {
            return self.change_locked(&lock, session, |incident| self.fold(incident, event), |()| ());
        }
        let payload = serde_json::to_value(&event)
            .map_err(|error| Error::new(Code::Internal, format!("could not encode an event: {error}")))?;
        let at = self.clock.now().timestamp_millis();
        spool::put(
            self.state,
            &SpooledEvent { version: SpooledEvent::VERSION, session: session.to_owned(), at, payload },
        )?;
        self.change(session, |_| {})
    }

    /// Changes an incident under its lock and returns the result.
    ///
    /// # Errors
    /// [`Code::StateLocked`] when the lock is held for too long, [`Code::Io`] when the incident
    /// could not be written.
    pub fn change(
        &self,
        session: &str,
        with: impl FnOnce(&mut Option<Incident>),
    ) -> Result<Option<Incident>> {
        self.change_then(session, with, |()| ())
    }

    /// As [`Ledger::change`]. `after` gets what `with` returned once the change is saved, still under the lock;
    /// it is not called if the change could not be saved.
    ///
    /// # Errors
    /// As [`Ledger::change`].
    pub fn change_then<R>(
        &self,
        session: &str,
        with: impl FnOnce(&mut Option<Incident>) -> R,
        after: impl FnOnce(R),
    ) -> Result<Option<Incident>> {
        let lock = Lock::wait(&self.state.session_lock(session), PATIENCE)?;
        self.change_locked(&lock, session, with, after)
    }

    fn change_locked<R>(
        &self,
        _lock: &Lock,
        session: &str,
        with: impl FnOnce(&mut Option<Incident>) -> R,
        after: impl FnOnce(R),
    ) -> Result<Option<Incident>> {
        let path = self.state.incident(session);
        let before = match load::<Incident>(self.state, &path)? {
            Loaded::Found(incident) => Some(incident),
            Loaded::Missing => None,
            Loaded::Damaged(kept) => {
                journal::append(
                    self.state,
                    self.clock,
                    "quarantined",
                    json!({"session": session, "kept": kept}),
                );
                None
            }
        };
        let mut incident = before.clone();
        let spooled = spool::pending(self.state, session);
        for (_, entry) in &spooled {
            self.fold_spooled(&mut incident, entry.clone());
        }
        let returned = with(&mut incident);
        if incident != before
            && let Some(changed) = &mut incident
        {
            changed.updated_at = self.clock.now();
            save(&path, changed)?;
            self.note_change(before.as_ref(), changed);
        }
        after(returned);
        for (path, _) in &spooled {
            replace::remove(path)?;
        }
        Ok(incident)
    }

    /// Returns when Claude Code continues the session, if the plan leaves it the first turn.
    fn client_turn(&self, incident: &Incident) -> Option<DateTime<Utc>> {
        let open = matches!(incident.phase, Phase::Waiting | Phase::Held);
        open.then(|| self.client_continues_at(incident, &incident.plan, self.clock.now())).flatten()
    }

    fn note_change(&self, before: Option<&Incident>, after: &Incident) {
        let same = before.is_some_and(|before| {
            before.phase == after.phase && before.generation == after.generation && before.plan == after.plan
        });
        if !same {
            journal::append(
                self.state,
                self.clock,
                "incident",
                json!({
                    "session": after.session,
                    "generation": after.generation,
                    "from": before.map(|before| before.phase.as_str()),
                    "stoppedAgain": before.is_some_and(|before| before.generation != after.generation),
                    "phase": after.phase.as_str(),
                    "stop": after.stop.kind.as_str(),
                    "plan": after.plan,
                    "clientContinuesAt": self.client_turn(after).map(rfc3339),
                    "attempts": after.attempts.len(),
                    "fact": after.evidence.last().map(|evidence| evidence.fact.as_ref()),
                }),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::recovery::incident::{Phase, StopReport};
    use crate::session::message::ClientMessage;
    use crate::session::{Stop, StopKind};

    const SESSION: &str = "00000001-0000-4000-8000-000000000001";

    fn report(message: &str) -> StopReport {
        StopReport {
            session: SESSION.into(),
            project: None,
            config_dir: None,
            transcript: "/t.jsonl".into(),
            stop: Stop { message: ClientMessage::of(message), ..Stop::of(StopKind::Overloaded) },
            cwd: None,
            entrypoint: None,
            claude_pid: None,
            claude_start: None,
        }
    }

    #[test]
    fn an_event_that_meets_a_lock_is_spooled_and_applied_later() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::new(dir.path());
        let config = Config::default();
        let ledger = Ledger { state: &state, clock: &SystemClock, config: &config, default_home: None };
        let held = Lock::try_take(&state.session_lock(SESSION)).unwrap();
        let entered = ledger.enter(SESSION, IncidentEvent::Stopped(Box::new(report("first"))));
        assert_eq!(entered.unwrap_err().code, Code::StateLocked);
        assert_eq!(spool::sessions(&state), [SESSION]);
        drop(held);
        // Reading includes the spooled event but changes nothing.
        let (incidents, problems) = ledger.read_all();
        assert!(problems.is_empty());
        assert_eq!(incidents[0].stop.message, ClientMessage::of("first"));
        assert_eq!(spool::sessions(&state), [SESSION]);
        assert!(ledger.read(SESSION).unwrap().is_none());
        assert!(ledger.fold_spool().is_empty());
        assert_eq!(ledger.read(SESSION).unwrap().unwrap().stop.message, ClientMessage::of("first"));
        assert!(spool::sessions(&state).is_empty());
        // Nor does it quarantine a damaged file.
        std::fs::write(state.incident(SESSION), "{").unwrap();
        std::fs::write(state.spool().join(format!("{SESSION}.0000000000001-1-1.json")), "{").unwrap();
        let (incidents, problems) = ledger.read_all();
        assert_eq!((incidents.len(), problems.len()), (0, 1));
        assert!(!state.quarantine().exists());
    }

    #[test]
    fn a_client_that_exits_during_a_run_does_not_change_its_plan() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::new(dir.path());
        let config = Config::default();
        let ledger = Ledger { state: &state, clock: &SystemClock, config: &config, default_home: None };
        ledger.enter(SESSION, IncidentEvent::Stopped(Box::new(report("first")))).unwrap();
        let run = serde_json::json!({
            "nonce": "n", "transport": "print", "supervisor": {"pid": 1, "start": null}, "child": null,
            "bytesBefore": 0, "sha256Before": "", "snapshot": "/s", "log": "/l", "commitBefore": null, "result": null
        });
        let running = ledger.change(SESSION, |slot| {
            let incident = slot.as_mut().unwrap();
            incident.phase = Phase::Attempting;
            incident.attempts.push(crate::recovery::incident::Attempt {
                at: SystemClock.now(),
                action: crate::recovery::incident::AttemptAction::Resume,
                answered: StopKind::Overloaded,
                outcome: crate::recovery::incident::AttemptOutcome::Pending,
                run: Some(Box::new(serde_json::from_value(run).unwrap())),
            });
        });
        let running = running.unwrap().unwrap();
        let left =
            ledger.enter(SESSION, IncidentEvent::Left { fact: "the client ended".into() }).unwrap().unwrap();
        assert_eq!((left.phase, left.plan), (Phase::Attempting, running.plan));
        assert_eq!(left.evidence.last().unwrap().fact, "the client ended");
    }

    #[test]
    fn a_damaged_incident_is_quarantined_and_the_new_stop_is_recorded() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::new(dir.path());
        let config = Config::default();
        let ledger = Ledger { state: &state, clock: &SystemClock, config: &config, default_home: None };
        replace::replace(&state.incident(SESSION), b"{", crate::fs::PRIVATE).unwrap();
        let incident = ledger.enter(SESSION, IncidentEvent::Stopped(Box::new(report("x")))).unwrap().unwrap();
        assert_eq!(incident.generation, 1);
        assert_eq!(std::fs::read_dir(state.quarantine()).unwrap().count(), 1);
    }
}
