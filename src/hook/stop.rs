//! Handles the events around a stop: the stop itself, a turn after it, the end of the session, and the
//! client's own notifications.

use super::{Hook, HookReply, Registration, Task};
use crate::claude::home::ClaudeHome;
use crate::claude::registry::{client_pid, live_holder, read_record};
use crate::claude::role::is_one_shot;
use crate::claude::transcript::Transcript;
use crate::config::{Config, in_force};
use crate::error::{Code, Result};
use crate::note::state::SaveMoment;
use crate::notify::{Notice, NoticeKind, send};
use crate::recovery::heartbeat::{Heartbeat, WaitEnd, may_continue_by_itself, notified_at};
use crate::recovery::incident::{AttemptAction, AttemptOutcome, Incident, Obstacle, Phase, StopReport};
use crate::recovery::ledger::{IncidentEvent, Ledger};
use crate::recovery::note::NoteWriter;
use crate::recovery::plan::{Action, RecoveryPlan};
use crate::recovery::policy::{Terminal, user_needed};
use crate::recovery::reason::Reason;
use crate::session::ending::Liveness;
use crate::session::owners::Owners;
use crate::session::summary::{Summary, summarize};
use crate::session::{Source, Stop, StopKind};
use crate::store::journal;
use crate::store::lock::Lock;
use crate::store::stored::peek;
use crate::text::one_line;
use crate::trust::enabled::unattended;
use crate::trust::fingerprint::Fingerprint;
use crate::trust::started::{StartedWith, is_effort};
use crate::world::World;
use chrono::{DateTime, Utc};
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

/// Longest wait for a finished turn to appear in the transcript after `Stop` reports it.
const TURN_WAIT: Duration = Duration::from_secs(3);
const TURN_STEP: Duration = Duration::from_millis(50);

/// First pause before retrying to write a stop; each later pause is twice as long.
const UNWRITABLE_PAUSE: Duration = Duration::from_millis(250);
/// Longest pause between two attempts to write a stop.
const LONGEST_UNWRITABLE_PAUSE: Duration = Duration::from_mins(1);
/// Time between two checks of a reopened session that another client still waits for.
const REOPENED_STEP: Duration = Duration::from_secs(2);

/// How long after our wake, or after the reset if that is later, the client's own continuation still counts as an
/// answer to the same stop. After an early reset, our wake precedes the client's by hours.
const SAME_STOP: chrono::Duration = chrono::Duration::minutes(15);

/// Text shown to the user when Claude Code's own continuation is refused.
const CONTINUED_ALREADY: &str = "cc-session-recover has already continued this session after the limit, so Claude Code's \
    own continuation is not needed.";

/// Returns whether this tool has just woken the session from the newest stop of the incident.
pub(super) fn is_continued_by_us(incident: &Incident, now: DateTime<Utc>) -> bool {
    let woken = incident.attempts.last().filter(|attempt| attempt.action == AttemptAction::Wake);
    let over = matches!(incident.phase, Phase::Attempting | Phase::Recovered);
    let since =
        woken.map(|attempt| incident.stop.resets_at.map_or(attempt.at, |reset| reset.max(attempt.at)));
    over && since.is_some_and(|since| now - since < SAME_STOP)
}

impl Hook<'_> {
    /// Handles `StopFailure`: records the stop first, then reads, plans, writes the note, and waits.
    pub(super) fn stop_failure(&self) -> HookReply {
        let Some(stop) = self.payload.stop(self.world.clock.now()) else { return HookReply::silent() };
        // The process that started the run judges a failure of our own run that waiting cannot fix. The
        // incident retains the stop that the run answered.
        if self.in_run() && user_needed(stop.kind).is_some() {
            self.keep_files();
            return HookReply::silent();
        }
        let config = self.config();
        let default_home = self.default_home();
        let ledger = self.ledger(config, default_home.as_deref());
        let entered = self.enter_while_client_lives(&ledger, self.report(stop));
        self.record_project(&ledger);
        self.keep_files();
        // Inside a run of this tool, the supervisor watches, so a hook only records.
        if self.in_run() {
            return HookReply::silent();
        }
        let incident = match entered {
            Ok(Some(incident)) => incident,
            Ok(None) => return HookReply::silent(),
            Err(error) => return self.failed(&error),
        };
        let homes = self.homes(config);
        let on_hold = |incident: &Incident| self.report_hold(incident, config);
        let heartbeat = self.heartbeat(ledger, &homes, &on_hold);
        let alive = || heartbeat.is_alive(&incident);
        let established = match self.again_while(alive, || heartbeat.establish(&incident)) {
            Ok(Some(incident)) => incident,
            Ok(None) => return HookReply::silent(),
            Err(error) => return self.failed(&error),
        };
        self.write_note(&established, config);
        self.save_state(SaveMoment::Stopped);
        if established.plan.action == Action::Wake {
            if self.leave_to_module(&heartbeat.ledger) {
                return HookReply::silent();
            }
            return HookReply::waiting();
        }
        if established.plan.notified_at().is_some() {
            self.notify(NoticeKind::Held, &established, config);
        }
        if notified_at(&established).is_some() {
            return HookReply::waiting();
        }
        HookReply::silent()
    }

    /// Runs the waiting part of [`Self::stop_failure`], which needs nothing that the first part has read.
    pub(super) fn keep_waiting(&self) -> HookReply {
        let config = self.config();
        let default_home = self.default_home();
        let homes = self.homes(config);
        let on_hold = |incident: &Incident| self.report_hold(incident, config);
        let ledger = self.ledger(config, default_home.as_deref());
        self.wait_for_plan(&self.heartbeat(ledger, &homes, &on_hold))
    }

    /// Records the stop. If it cannot be written, as on a full disk, retries while the client lives, because
    /// nothing else records the stop of an open session.
    fn enter_while_client_lives(&self, ledger: &Ledger<'_>, report: StopReport) -> Result<Option<Incident>> {
        let (pid, start) = (report.claude_pid, report.claude_start.clone());
        let processes = self.world.processes;
        let alive = || start.is_some() && pid.is_some_and(|pid| processes.start_token(pid) == start);
        let event = IncidentEvent::Stopped(Box::new(report));
        let session = &self.payload.session;
        let mut spooled = false;
        self.again_while(alive, || {
            let entered =
                if spooled { ledger.change(session, |_| {}) } else { ledger.enter(session, event.clone()) };
            // The event is in the spool then, and any change adds it to the incident.
            spooled |= entered.as_ref().is_err_and(|error| error.code == Code::StateLocked);
            entered
        })
    }

    /// Retries with growing pauses while `alive` returns true, after an I/O failure or if another process holds
    /// the lock. That process may be suspended, or may be reading a long transcript.
    fn again_while<T>(&self, alive: impl Fn() -> bool, mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
        let mut pause = UNWRITABLE_PAUSE;
        loop {
            match attempt() {
                Err(error) if error.may_pass() && !self.in_run() && alive() => {
                    if pause == UNWRITABLE_PAUSE {
                        self.failed(&error);
                    }
                    self.world.clock.sleep(pause);
                    pause = (pause * 2).min(LONGEST_UNWRITABLE_PAUSE);
                }
                other => return other,
            }
        }
    }

    /// Waits for the planned time, updates the note, and wakes the session if the checks allow it.
    fn wait_for_plan(&self, heartbeat: &Heartbeat<'_>) -> HookReply {
        let ended = heartbeat.wait(&self.payload.session);
        if let Ok(Some(incident)) = heartbeat.ledger.read(&self.payload.session) {
            self.write_note(&incident, heartbeat.ledger.config);
        }
        match ended {
            WaitEnd::Wake(text) => {
                self.expect_second_continuation(heartbeat);
                HookReply { exit_code: 2, stderr: Some(text), ..HookReply::silent() }
            }
            WaitEnd::HasReset => {
                if let Ok(Some(incident)) = heartbeat.ledger.read(&self.payload.session) {
                    self.notify(NoticeKind::LimitReset, &incident, heartbeat.ledger.config);
                }
                HookReply::silent()
            }
            WaitEnd::Silent(_) => HookReply::silent(),
        }
    }

    /// Creates the flag that makes the `UserPromptSubmit` hook check for Claude Code's own continuation,
    /// which arrives 36 to 290 s after the reset, even if the session was continued before (measured with
    /// 2.1.329 and 2.1.332).
    fn expect_second_continuation(&self, heartbeat: &Heartbeat<'_>) {
        let incident = heartbeat.ledger.read(&self.payload.session).ok().flatten();
        if incident.as_ref().is_some_and(may_continue_by_itself)
            && let Some(flags) = self.flags()
            && let Err(error) = flags.raise(&self.payload.session, self.within)
        {
            let fields = json!({"session": self.payload.session, "message": error.to_string()});
            journal::append(self.state, self.world.clock, "flag-failed", fields);
        }
    }

    /// Handles `UserPromptSubmit`: refuses Claude Code's own continuation of a stop that this tool has
    /// already continued. `None` for every other prompt.
    pub(super) fn second_continuation(&self) -> Option<HookReply> {
        if !self.payload.continues_by_client || self.in_run() {
            return None;
        }
        let incident: Incident = peek(&self.state.incident(&self.payload.session)).ok()??;
        let now = self.world.clock.now();
        let ours = is_continued_by_us(&incident, now) && self.flags()?.lower(&self.payload.session);
        ours.then(|| {
            let fields = json!({"session": self.payload.session});
            journal::append(self.state, self.world.clock, "second-continuation-refused", fields);
            // Use JSON, because the client prints the whole command line of a hook that exits with code 2.
            let refusal = json!({"decision": "block", "reason": CONTINUED_ALREADY});
            HookReply { stdout: Some(refusal.to_string()), ..HookReply::silent() }
        })
    }

    /// Handles `SessionStart` of a session that is reopened while its stop is waiting: from now on this
    /// client waits for the planned time. If another client still waits, this one takes over as soon as the
    /// other closes.
    pub(super) fn session_reopened(&self, task: Task) -> HookReply {
        if self.in_run() || self.payload.source.as_deref() != Some("resume") {
            return HookReply::silent();
        }
        let session = &self.payload.session;
        if !self.state.incident(session).exists() {
            return HookReply::silent();
        }
        let config = self.config();
        let default_home = self.default_home();
        let ledger = self.ledger(config, default_home.as_deref());
        let homes = self.homes(config);
        let on_hold = |incident: &Incident| self.report_hold(incident, config);
        let heartbeat = self.heartbeat(ledger, &homes, &on_hold);
        let processes = self.world.processes;
        let Some(pid) = client_pid(self.world.env.claude_pid(), self.home, session, processes) else {
            return HookReply::silent();
        };
        let Some(start) = processes.start_token(pid) else { return HookReply::silent() };
        // A one-shot client waits for its hooks, and the user's own prompt continues the session.
        if is_one_shot(&processes.command_line(pid)) {
            return HookReply::silent();
        }
        loop {
            let Ok(Some(incident)) = ledger.read(session) else { return HookReply::silent() };
            let here = || match read_record(self.home, pid) {
                Some(record) => record.session_id == *session,
                None => true,
            };
            let waits = incident.phase.is_active() || incident.phase == Phase::Held;
            if !waits || processes.start_token(pid).as_ref() != Some(&start) || !here() {
                return HookReply::silent();
            }
            if task == Task::Wait {
                return HookReply::waiting();
            }
            let busy = matches!(incident.phase, Phase::Open | Phase::Attempting)
                || (incident.module_waits(self.world.clock.now()) && self.lets_module_wait())
                || Lock::is_held(&self.state.waiter_lease(session))
                || Lock::is_held(&self.state.run_lease(session));
            if !busy {
                break;
            }
            self.world.clock.sleep(REOPENED_STEP);
        }
        let now = self.world.clock.now();
        let place = processes.terminal(pid).unwrap_or_else(|| format!("process {pid}"));
        let taken = ledger.change(session, |slot| {
            let Some(incident) =
                slot.as_mut().filter(|one| matches!(one.phase, Phase::Waiting | Phase::Held))
            else {
                return;
            };
            incident.claude_pid = Some(pid);
            incident.claude_start = Some(start.clone());
            incident.held_back = None;
            incident.saw(Source::Hook, format!("opened again in {place}"));
            ledger.plan(incident, Terminal::Open);
            // The user reopened the session after its planned time, so they are present to continue it.
            if incident.plan.action == Action::Wake && incident.plan.at.is_none_or(|at| at <= now) {
                incident.phase = Phase::Held;
                incident.plan = RecoveryPlan::new(Action::Notify, None, Reason::OpenedAgainLate(&place));
            }
        });
        match taken {
            Ok(Some(incident)) => {
                self.write_note(&incident, config);
                if incident.plan.action == Action::Wake && incident.phase == Phase::Waiting {
                    return self.wait_for_plan(&heartbeat);
                }
            }
            Ok(None) => {}
            Err(error) => return self.failed(&error),
        }
        HookReply::silent()
    }

    /// Updates the note when an obstacle starts or stops blocking a waiting session, and notifies the user if
    /// only they can remove it.
    pub(super) fn report_hold(&self, incident: &Incident, config: &Config) {
        let held = incident.held_back.as_ref().map(|held| held.reason);
        let config_now = in_force(self.world.env, incident.project.as_deref()).config;
        // The policy decides whether the client then continues by itself.
        let switched_off = (held == Some(Obstacle::SwitchedOff)).then(|| {
            let default_home = self.default_home();
            self.ledger(&config_now, default_home.as_deref()).decision(incident, Terminal::Open).plan
        });
        self.write_note_with(incident, config, switched_off);
        let kind = match held {
            Some(Obstacle::Dialog) => NoticeKind::DialogOpen,
            Some(Obstacle::Shared) => NoticeKind::OpenTwice,
            Some(Obstacle::ClientCap) => NoticeKind::Held,
            _ => return,
        };
        self.notify(kind, incident, config);
    }

    fn notify(&self, kind: NoticeKind, incident: &Incident, config: &Config) {
        let title =
            self.read_transcript(Liveness::Live(None)).and_then(|summary| summary.name.or(summary.title));
        let notice = Notice::new(
            kind,
            &incident.session,
            incident.generation,
            title.as_deref(),
            incident.project.as_deref(),
        );
        send(self.world, &config.notify, self.state, &[notice]);
    }

    /// Handles `Stop`: a turn ended. If it is newer than the stop, the session has continued.
    pub(super) fn turn_ended(&self) -> HookReply {
        // The process that waits for our own run, or its successor, judges the run. A turn that ended proves
        // nothing yet.
        if self.in_run() || !self.state.incident(&self.payload.session).exists() {
            return HookReply::silent();
        }
        let config = self.config();
        let default_home = self.default_home();
        let ledger = self.ledger(config, default_home.as_deref());
        let incident = match ledger.read(&self.payload.session) {
            Ok(Some(incident)) if !incident.phase.is_over() => incident,
            Ok(_) => return HookReply::silent(),
            Err(error) => return self.failed(&error),
        };
        let Some(summary) = self.finished_turn(&incident) else { return HookReply::silent() };
        let woken = incident.attempts.iter().any(|attempt| attempt.outcome == AttemptOutcome::Pending);
        let (phase, how) = if woken {
            (Phase::Recovered, "after the wake")
        } else if summary.continued_by_client {
            (Phase::Recovered, "continued by Claude Code itself")
        } else {
            (Phase::MovedOn, "the user continued it")
        };
        let fact = format!("a turn after the stop finished normally: {how}");
        match ledger.enter(&self.payload.session, IncidentEvent::WentOn { phase, fact }) {
            Ok(Some(incident)) => self.write_note(&incident, config),
            Ok(None) => {}
            Err(error) => return self.failed(&error),
        }
        HookReply::silent()
    }

    /// Handles `Stop` of a turn in which Claude Code made the model wrap up near a limit, so the work is
    /// unfinished. This hook cannot wait: a `Stop` hook that wakes would have to start at the end of every
    /// turn with a timeout of days. So the note tells the user what to type. When the session is closed or
    /// reopened, its stop is handled like any other.
    pub(super) fn note_wrap_up(&self) {
        if self.in_run() {
            return;
        }
        let wrapped = self.read_transcript(Liveness::Live(None)).filter(|summary| summary.stop.wrapped_up);
        let Some(summary) = wrapped else { return };
        let config = self.config();
        let default_home = self.default_home();
        let ledger = self.ledger(config, default_home.as_deref());
        let known = ledger.read(&self.payload.session).ok().flatten();
        if known.is_some_and(|incident| incident.stop.record == summary.stop.record) {
            return;
        }
        let report = self.report(summary.stop.clone());
        let place = report
            .claude_pid
            .and_then(|pid| self.world.processes.terminal(pid))
            .unwrap_or_else(|| "its window".to_owned());
        let entered =
            ledger.enter(&self.payload.session, IncidentEvent::Stopped(Box::new(report))).and_then(|_| {
                ledger.change(&self.payload.session, |slot| {
                    let Some(incident) = slot.as_mut() else { return };
                    incident.complete(&summary);
                    ledger.plan(incident, Terminal::Open);
                    if incident.plan.action == Action::Wake {
                        let (kind, at) = (incident.stop.kind, incident.plan.at);
                        incident.plan = RecoveryPlan::new(
                            Action::Notify,
                            at,
                            Reason::WrappedUp { kind, at, place: &place },
                        );
                    }
                })
            });
        self.record_project(&ledger);
        match entered {
            Ok(Some(incident)) => self.write_note(&incident, config),
            Ok(None) => {}
            Err(error) => {
                self.failed(&error);
            }
        }
    }

    /// Waits for a finished turn newer than the stop at the end of the transcript.
    fn finished_turn(&self, incident: &Incident) -> Option<Summary> {
        let started = self.world.clock.since_boot();
        loop {
            let summary = self.read_transcript(Liveness::Live(None))?;
            let newer = Some(summary).filter(|summary| {
                summary.stop.kind == StopKind::Finished
                    && summary.stop.record != incident.stop.record
                    && summary.stop.at >= incident.stop.at
            });
            if newer.is_some() || self.world.clock.since_boot().saturating_sub(started) > TURN_WAIT {
                return newer;
            }
            self.world.clock.sleep(TURN_STEP);
        }
    }

    /// Handles `SessionEnd`: catches stops whose own hook was killed with the client, and ends every wait.
    pub(super) fn session_ended(&self) -> HookReply {
        let config = self.config();
        let default_home = self.default_home();
        let ledger = self.ledger(config, default_home.as_deref());
        let reason = self.payload.reason.as_deref().unwrap_or("unknown");
        let known = match ledger.read(&self.payload.session) {
            Ok(known) => known,
            Err(error) if error.code == Code::StateNewer => return self.failed(&error),
            // The next change quarantines a damaged record, and the stop is recorded again from the
            // transcript.
            Err(_) => None,
        };
        // A client that exits or switches away in the middle of a turn leaves unfinished work too. Its end
        // may not be in the transcript yet.
        let cut_off = |kind| matches!(kind, StopKind::Closed | StopKind::Crashed);
        let ended = !matches!(reason, "clear" | "resume") && !self.in_run();
        let summary = self.read_transcript(Liveness::Gone).map(|mut summary| {
            if summary.stop.kind == StopKind::Crashed {
                summary.stop.kind = StopKind::Closed;
            }
            summary
        });
        let summary =
            summary.filter(|summary| summary.stop.kind.is_failure() || ended && cut_off(summary.stop.kind));
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
                if let Err(error) =
                    ledger.enter(&self.payload.session, IncidentEvent::Stopped(Box::new(report)))
                {
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
            return HookReply::silent();
        }
        self.record_project(&ledger);
        if !self.in_run() {
            let fields = json!({"session": self.payload.session, "reason": one_line(reason, 60)});
            journal::append(self.state, self.world.clock, "client-left", fields);
        }
        let fact = match reason {
            "clear" | "resume" => format!("the client switched to another session ({reason})"),
            _ => format!("the client ended ({reason})"),
        };
        match ledger.enter(&self.payload.session, IncidentEvent::Left { fact }) {
            Ok(Some(incident)) => {
                self.write_note(&incident, config);
                let pending = incident.plan.action == Action::Run && incident.phase == Phase::Waiting;
                // A running supervisor may have another provider or account; one that this hook
                // starts inherits the client's.
                let own = incident.started_with.as_deref();
                let alone = own.is_some_and(|started| started.account.from_environment().next().is_some());
                let supervise =
                    pending && !self.in_run() && (alone || !Lock::is_held(&self.state.supervisor_lease()));
                return HookReply { supervise, ..HookReply::silent() };
            }
            Ok(None) => {}
            Err(error) => return self.failed(&error),
        }
        HookReply::silent()
    }

    /// Records a `Notification` about the client's own continuation.
    pub(super) fn notified(&self) -> HookReply {
        let Some(kind) =
            self.payload.notification.as_deref().filter(|kind| kind.starts_with("quota_auto_resume_"))
        else {
            return HookReply::silent();
        };
        if !self.state.incident(&self.payload.session).exists() {
            return HookReply::silent();
        }
        let config = self.config();
        let kind = one_line(kind, 60);
        let fields = json!({"session": self.payload.session, "notice": kind});
        journal::append(self.state, self.world.clock, "client-notice", fields);
        let fact = format!("Claude Code reports {kind}");
        match self
            .ledger(config, None)
            .enter(&self.payload.session, IncidentEvent::Seen { source: Source::Hook, fact })
        {
            Ok(_) => HookReply::silent(),
            Err(error) => self.failed(&error),
        }
    }

    /// Records what determines the programs and settings that run in the project, if the user
    /// allowed unattended resumes for it.
    fn record_project(&self, ledger: &Ledger<'_>) {
        let agreed = |project: &PathBuf| match self.enabled.project {
            Some(_) => self.enabled.unattended.is_some(),
            None => unattended(self.state, project),
        };
        let Some(project) = self.project_dir().filter(agreed) else { return };
        let World { env, processes, .. } = self.world;
        let client = || client_pid(env.claude_pid(), self.home, &self.payload.session, processes);
        let started = self.started_at_stop(client());
        let recorded = ledger.change(&self.payload.session, |slot| {
            let Some(incident) = slot.as_mut() else { return };
            if incident.fingerprint.is_none() {
                let of_session =
                    Fingerprint::of_session(&project, &incident.transcript, incident.cwd.as_deref());
                incident.fingerprint = Some(of_session);
            }
            if let Some(mut started) = started {
                let known = incident.started_with.take();
                started.effort = started.effort.or_else(|| known.and_then(|known| known.effort));
                incident.started_with = Some(started);
            }
            // A supervisor that recorded the incident before this hook does not know the client's process.
            if incident.claude_program.is_none() {
                let pid = incident.claude_pid.or_else(client);
                incident.claude_program = pid.and_then(|pid| processes.program(pid));
            }
        });
        if let Err(error) = recorded {
            self.failed(&error);
        }
    }

    /// Returns how the client was started, if that can still be determined: its process may have ended.
    fn started_at_stop(&self, pid: Option<u32>) -> Option<Box<StartedWith>> {
        let registered =
            || peek::<Registration>(&self.state.session(&self.payload.session)).ok()??.started_with;
        let now = self.started_with(pid)?;
        let mut started = if now.account.complete { now } else { registered().unwrap_or(now) };
        // The client sets the level for the events of a turn; it may have changed since the start.
        let told = self.world.env.text("CLAUDE_EFFORT").filter(|level| is_effort(level));
        if let Some(level) = told.filter(|_| !self.in_run()) {
            started.effort = Some(level.to_owned());
        }
        Some(Box::new(started))
    }

    pub(super) fn heartbeat<'h>(
        &'h self,
        ledger: Ledger<'h>,
        homes: &'h [ClaudeHome],
        on_hold: &'h (dyn Fn(&Incident) + 'h),
    ) -> Heartbeat<'h> {
        let World { env, processes, .. } = self.world;
        Heartbeat { ledger, env, processes, homes, on_hold }
    }

    fn read_transcript(&self, liveness: Liveness<'_>) -> Option<Summary> {
        Transcript::open(&self.payload.transcript).ok().map(|transcript| summarize(&transcript, liveness))
    }

    /// Collects what the hook itself knows about a stop. The client's process id comes from its variable, or
    /// from the registry for clients before 2.1.220.
    fn report(&self, stop: Stop) -> StopReport {
        let processes = self.world.processes;
        let pid = self.world.env.claude_pid();
        let record = match pid {
            Some(pid) => read_record(self.home, pid),
            None => live_holder(self.home, &self.payload.session, processes),
        };
        let pid = pid.or(record.as_ref().map(|record| record.pid));
        StopReport {
            session: self.payload.session.clone(),
            project: self.project_dir(),
            config_dir: Some(self.home.dir().to_path_buf()),
            transcript: self.payload.transcript.clone(),
            stop,
            cwd: self.payload.cwd.clone(),
            entrypoint: self
                .world
                .env
                .text("CLAUDE_CODE_ENTRYPOINT")
                .map(str::to_owned)
                .or_else(|| record.and_then(|record| record.entrypoint)),
            claude_start: pid.and_then(|pid| processes.start_token(pid)),
            claude_pid: pid,
        }
    }

    /// Updates HANDOFF.md. A failure is recorded in the journal and does not stop the recovery.
    pub(super) fn write_note(&self, incident: &Incident, config: &Config) {
        self.write_note_with(incident, config, None);
    }

    /// Like [`Self::write_note`], but with a plan other than the recorded one.
    fn write_note_with(&self, incident: &Incident, config: &Config, plan: Option<RecoveryPlan>) {
        let Some(project) = self.project_dir() else { return };
        let World { env, processes, .. } = self.world;
        // At the end of a session its client is still running, so it does not count as an owner.
        let ending =
            if self.payload.event == super::HookEvent::SessionEnd { incident.claude_pid } else { None };
        let ending = env.claude_pid().filter(|_| ending.is_some()).or(ending);
        let writer = NoteWriter {
            state: self.state,
            env,
            project: &project,
            blocks: config.note.blocks,
            open_in: Owners::places_of(Some(self.home.dir()), processes, &incident.session, ending),
            plan,
        };
        if let Err(error) = writer.write(incident) {
            self.failed(&error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::parse_rfc3339;
    use crate::recovery::incident::Attempt;

    #[test]
    fn a_session_counts_as_continued_by_us_for_fifteen_minutes_after_our_wake_and_the_reset() {
        let at = |text: &str| parse_rfc3339(text).unwrap();
        let woken_at = at("2026-11-21T04:02:30Z");
        let incident = |phase, action: AttemptAction| {
            let report = StopReport {
                session: "00000001-0000-4000-8000-000000000001".into(),
                project: None,
                config_dir: None,
                transcript: PathBuf::from("/t.jsonl"),
                stop: Stop::of(StopKind::UsageLimit5h),
                cwd: None,
                entrypoint: Some("cli".into()),
                claude_pid: None,
                claude_start: None,
            };
            let mut incident = Incident::open(report, woken_at);
            incident.phase = phase;
            incident.attempts.push(Attempt {
                at: woken_at,
                action,
                answered: StopKind::UsageLimit5h,
                outcome: AttemptOutcome::Continued,
                run: None,
            });
            incident
        };
        let soon = at("2026-11-21T04:17:29Z");
        let cases = [
            (Phase::Attempting, AttemptAction::Wake, soon, true),
            (Phase::Recovered, AttemptAction::Wake, soon, true),
            (Phase::Recovered, AttemptAction::Wake, at("2026-11-21T04:17:30Z"), false),
            (Phase::Recovered, AttemptAction::Resume, soon, false),
            (Phase::Waiting, AttemptAction::Wake, soon, false),
            (Phase::Open, AttemptAction::Wake, soon, false),
            (Phase::MovedOn, AttemptAction::Wake, soon, false),
        ];
        for (phase, action, now, expected) in cases {
            assert_eq!(
                is_continued_by_us(&incident(phase, action.clone()), now),
                expected,
                "{phase:?} {action:?} {now}"
            );
        }
        let mut early = incident(Phase::Recovered, AttemptAction::Wake);
        early.stop.resets_at = Some(at("2026-11-21T07:00:00Z"));
        let after_reset = at("2026-11-21T07:14:59Z");
        assert!(
            is_continued_by_us(&early, after_reset),
            "woken early, before the reset that the client waits for"
        );
        assert!(!is_continued_by_us(&early, at("2026-11-21T07:15:00Z")));
        early.stop.resets_at = Some(at("2026-11-21T04:00:00Z"));
        assert!(is_continued_by_us(&early, soon) && !is_continued_by_us(&early, after_reset));
        let mut untried = incident(Phase::Recovered, AttemptAction::Wake);
        untried.attempts.clear();
        assert!(!is_continued_by_us(&untried, soon));
    }
}
