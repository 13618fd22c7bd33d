//! The hooks around a stop: it happens, the session goes on, the session ends, the client tells what it does itself.

use super::{Hook, Outcome};
use crate::claude::registry::{client_pid, live_holder, read_record};
use crate::claude::transcript::Transcript;
use crate::error::Code;
use crate::note::state::Moment;
use crate::note::writer::NoteWriter;
use crate::project::enabled::unattended;
use crate::recovery::config::Config;
use crate::recovery::fingerprint::Fingerprint;
use crate::recovery::heartbeat::{Ended, Heartbeat};
use crate::recovery::incident::{Incident, Outcome as AttemptOutcome, Phase, Report};
use crate::recovery::ledger::{Event, Ledger};
use crate::recovery::policy::{Action, Terminal};
use crate::session::ending::Liveness;
use crate::session::summary::{Summary, summarize};
use crate::session::{Source, Stop, StopKind};
use crate::store::lock::Lock;
use crate::text::one_line;
use std::path::PathBuf;
use std::time::Duration;

/// How long a finished turn is looked for in the transcript after `Stop` says it ended.
const TURN_WAIT: Duration = Duration::from_secs(3);
const TURN_STEP: Duration = Duration::from_millis(50);

impl Hook<'_> {
    /// `StopFailure`: record first, then read, plan, note, and wait.
    pub(super) fn stop_failure(&self) -> Outcome {
        let Some(stop) = self.payload.stop(self.outside.clock.now()) else { return Outcome::silent() };
        let config = self.config();
        let default_home = self.default_home();
        let ledger = self.ledger(config, default_home.as_deref());
        let entered = ledger.enter(&self.payload.session, Event::Stopped(Box::new(self.report(stop))));
        self.record_project(&ledger);
        // Inside a run of our own the supervisor watches; a hook only records there.
        if self.outside.env.in_attempt() {
            return Outcome::silent();
        }
        let incident = match entered {
            Ok(Some(incident)) => incident,
            Ok(None) => return Outcome::silent(),
            Err(error) => return self.failed(&error),
        };
        let heartbeat = self.heartbeat(ledger);
        let established = match heartbeat.establish(&incident) {
            Ok(Some(incident)) => incident,
            Ok(None) => return Outcome::silent(),
            Err(error) => return self.failed(&error),
        };
        self.write_note(&established, config);
        self.save_state(Moment::Stopped);
        if established.plan.action != Action::Wake {
            return Outcome::silent();
        }
        let ended = heartbeat.wait(&self.payload.session);
        if let Ok(Some(incident)) = ledger.read(&self.payload.session) {
            self.write_note(&incident, config);
        }
        match ended {
            Ended::Wake(text) => Outcome { exit_code: 2, stderr: Some(text), ..Outcome::silent() },
            Ended::Silent(_) => Outcome::silent(),
        }
    }

    /// `Stop`: a turn ended. If it is one after the stop, the session went on.
    pub(super) fn turn_ended(&self) -> Outcome {
        // What a run of ours did is read by whoever waits for it, or comes after them: a turn that ended proves nothing yet.
        if self.outside.env.in_attempt() || !self.state.incident(&self.payload.session).exists() {
            return Outcome::silent();
        }
        let config = self.config();
        let default_home = self.default_home();
        let ledger = self.ledger(config, default_home.as_deref());
        let incident = match ledger.read(&self.payload.session) {
            Ok(Some(incident)) if !incident.phase.is_over() => incident,
            Ok(_) => return Outcome::silent(),
            Err(error) => return self.failed(&error),
        };
        let Some(summary) = self.finished_turn(&incident) else { return Outcome::silent() };
        let woken = incident.attempts.iter().any(|attempt| attempt.outcome == AttemptOutcome::Pending);
        let (phase, how) = if woken {
            (Phase::Recovered, "after the wake")
        } else if summary.continued_by_client {
            (Phase::Recovered, "continued by Claude Code itself")
        } else {
            (Phase::MovedOn, "a person went on")
        };
        let fact = format!("a turn after the stop ended well: {how}");
        match ledger.enter(&self.payload.session, Event::WentOn { phase, fact }) {
            Ok(Some(incident)) => self.write_note(&incident, config),
            Ok(None) => {}
            Err(error) => return self.failed(&error),
        }
        Outcome::silent()
    }

    /// The transcript's end, once it is a finished turn that is newer than the stop.
    fn finished_turn(&self, incident: &Incident) -> Option<Summary> {
        let started = self.outside.clock.since_boot();
        loop {
            let summary = self.read_transcript(Liveness::Live(None))?;
            let newer = Some(summary).filter(|summary| {
                summary.stop.kind == StopKind::Finished
                    && summary.stop.record != incident.stop.record
                    && summary.stop.at >= incident.stop.at
            });
            if newer.is_some() || self.outside.clock.since_boot().saturating_sub(started) > TURN_WAIT {
                return newer;
            }
            self.outside.clock.sleep(TURN_STEP);
        }
    }

    /// `SessionEnd`: the second net for stops whose own hook was ended with the client, and the end of every waiting.
    pub(super) fn session_ended(&self) -> Outcome {
        let config = self.config();
        let default_home = self.default_home();
        let ledger = self.ledger(config, default_home.as_deref());
        let reason = self.payload.reason.as_deref().unwrap_or("unknown");
        let known = match ledger.read(&self.payload.session) {
            Ok(known) => known,
            Err(error) if error.code == Code::StateNewer => return self.failed(&error),
            // Damaged: it goes to quarantine with the next change, and what the transcript says is recorded anew.
            Err(_) => None,
        };
        let summary = self.read_transcript(Liveness::Gone).filter(|summary| summary.stop.kind.is_failure());
        let missed = summary.filter(|summary| {
            known.as_ref().is_none_or(|incident| {
                incident.stop.record.is_none() && incident.phase.is_active()
                    || incident.stop.record.is_some() && incident.stop.record != summary.stop.record
            })
        });
        if let Some(summary) = &missed {
            let unread = known
                .as_ref()
                .is_some_and(|incident| incident.stop.record.is_none() && incident.phase.is_active());
            if !unread {
                let report = self.report(summary.stop.clone());
                if let Err(error) = ledger.enter(&self.payload.session, Event::Stopped(Box::new(report))) {
                    return self.failed(&error);
                }
            }
            let completed = ledger.change(&self.payload.session, |incident| {
                if let Some(incident) = incident {
                    incident.complete(summary);
                    ledger.plan(incident, Terminal::Closed);
                }
            });
            if let Err(error) = completed {
                return self.failed(&error);
            }
        } else if !known.is_some_and(|incident| incident.phase.is_active()) {
            return Outcome::silent();
        }
        self.record_project(&ledger);
        let fact = match reason {
            "clear" | "resume" => format!("the client turned to another session ({reason})"),
            _ => format!("the client ended ({reason})"),
        };
        match ledger.enter(&self.payload.session, Event::Left { fact }) {
            Ok(Some(incident)) => {
                self.write_note(&incident, config);
                let owed = incident.plan.action == Action::Run && incident.phase == Phase::Waiting;
                let supervise =
                    owed && !self.outside.env.in_attempt() && !Lock::is_held(&self.state.supervisor_lease());
                return Outcome { supervise, ..Outcome::silent() };
            }
            Ok(None) => {}
            Err(error) => return self.failed(&error),
        }
        Outcome::silent()
    }

    /// `Notification` about the client's own continuation: a fact for the record.
    pub(super) fn notified(&self) -> Outcome {
        let Some(kind) =
            self.payload.notification.as_deref().filter(|kind| kind.starts_with("quota_auto_resume_"))
        else {
            return Outcome::silent();
        };
        if !self.state.incident(&self.payload.session).exists() {
            return Outcome::silent();
        }
        let config = self.config();
        let fact = format!("Claude Code says {}", one_line(kind, 60));
        match self
            .ledger(config, None)
            .enter(&self.payload.session, Event::Seen { source: Source::Hook, fact })
        {
            Ok(_) => Outcome::silent(),
            Err(error) => self.failed(&error),
        }
    }

    /// Records what decides what runs in the project, where its sessions may go on without a person.
    fn record_project(&self, ledger: &Ledger<'_>) {
        let agreed = |project: &PathBuf| match self.enabled.project {
            Some(_) => self.enabled.unattended.is_some(),
            None => unattended(self.state, project),
        };
        let Some(project) = self.project_dir().filter(agreed) else { return };
        let super::Outside { env, processes, .. } = self.outside;
        let client = || client_pid(env.claude_pid(), self.home, &self.payload.session, processes);
        let recorded = ledger.change(&self.payload.session, |slot| {
            let Some(incident) = slot.as_mut() else { return };
            if incident.fingerprint.is_none() {
                let of_session =
                    Fingerprint::of_session(&project, &incident.transcript, incident.cwd.as_deref());
                incident.fingerprint = Some(of_session);
            }
            // A supervisor that was there before this hook knows no process.
            if incident.claude_program.is_none() {
                let pid = incident.claude_pid.or_else(client);
                incident.claude_program = pid.and_then(|pid| processes.program(pid));
            }
        });
        if let Err(error) = recorded {
            self.failed(&error);
        }
    }

    fn heartbeat<'h>(&'h self, ledger: Ledger<'h>) -> Heartbeat<'h> {
        Heartbeat { ledger, processes: self.outside.processes, home: self.home }
    }

    /// The session's transcript, if it is a file of ours to read.
    fn read_transcript(&self, liveness: Liveness<'_>) -> Option<Summary> {
        Transcript::open(&self.payload.transcript).ok().map(|transcript| summarize(&transcript, liveness))
    }

    /// What the hook itself knows about a stop. The client's process comes from its variable, for clients before 2.1.220
    /// from the registry.
    fn report(&self, stop: Stop) -> Report {
        let processes = self.outside.processes;
        let pid = self.outside.env.claude_pid();
        let record = match pid {
            Some(pid) => read_record(self.home, pid),
            None => live_holder(self.home, &self.payload.session, processes),
        };
        let pid = pid.or(record.as_ref().map(|record| record.pid));
        Report {
            session: self.payload.session.clone(),
            project: self.project_dir(),
            config_dir: Some(self.home.dir().to_path_buf()),
            transcript: self.payload.transcript.clone(),
            stop,
            cwd: self.payload.cwd.clone(),
            entrypoint: self
                .outside
                .env
                .text("CLAUDE_CODE_ENTRYPOINT")
                .map(str::to_owned)
                .or_else(|| record.and_then(|record| record.entrypoint)),
            claude_start: pid.and_then(|pid| processes.start_token(pid)),
            claude_pid: pid,
        }
    }

    /// Brings HANDOFF.md up to date. A note that cannot be written is journalled; the recovery goes on.
    fn write_note(&self, incident: &Incident, config: &Config) {
        let Some(project) = self.project_dir() else { return };
        let writer = NoteWriter {
            state: self.state,
            env: self.outside.env,
            project: &project,
            blocks: config.note.blocks,
        };
        if let Err(error) = writer.write(incident) {
            self.failed(&error);
        }
    }
}
