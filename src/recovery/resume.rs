//! Resumes a closed session: one attempt, from its preconditions to its verification.
//!
//! At most one Claude may work in a session at any time. So an attempt locks the session's run lease (a
//! kernel lock, which is released when its process dies) and its account's lease, reads all facts again under
//! these locks, and records each action before it starts it. If a supervisor dies, the next one reads this
//! record, identifies the process by its id and start time, and starts nothing while that process runs.

use super::heartbeat::{TranscriptChange, adopt};
use super::incident::{
    Attempt, AttemptAction, AttemptOutcome, HollowRun, Incident, Phase, Run, RunResult, StartedProcess,
};
use super::launch::{Launch, LaunchInputs, launch};
use super::ledger::Ledger;
use super::paused::Paused;
use super::plan::Action;
use super::policy::{Terminal, user_needed};
use super::readiness::{
    ContinuedWithoutUs, DelayReason, HoldReason, Orphan, ReadinessFacts, ReadinessReader, ReadinessVerdict,
    judge, orphan, quiet,
};
use super::reason::Reason;
use super::verify::verify;
use crate::abort::AbortFlag;
use crate::claude::home::ClaudeHome;
use crate::claude::retention::RetentionLimit;
use crate::claude::settings::managed_dir;
use crate::claude::transcript::Transcript;
use crate::clock::rfc3339;
use crate::config::{Transport, in_force};
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::private_file;
use crate::git;
use crate::keep::{KeptMany, keep_sessions};
use crate::recovery::note::NoteWriter;
use crate::redact::{clean_line, redact};
use crate::session::ending::Liveness;
use crate::session::owners::{ClientWord, Owners};
use crate::session::summary::summarize;
use crate::session::{Source, StopKind};
use crate::store::journal;
use crate::store::layout::ensure_dir;
use crate::store::lock::Lock;
use crate::store::snapshot::{self, Snapshot};
use crate::store::stored::sha256_hex;
use crate::trust::account::AccountFit;
use crate::trust::enabled::unattended;
use crate::trust::fingerprint::Fingerprint;
use chrono::{DateTime, Utc};
use serde_json::json;
use std::collections::BTreeSet;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Time between two checks of a running process.
const CHECK_INTERVAL: Duration = Duration::from_millis(200);
/// Time between two checks of a session that was started elsewhere.
const ATTACHED_CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// Maximum time until a client that was started elsewhere appears in the registry.
const REGISTRATION_LIMIT: Duration = Duration::from_mins(1);
/// Like [`CHECK_INTERVAL`], but while the log grows by more than [`BURST`] bytes between two checks.
const SHORT_CHECK_INTERVAL: Duration = Duration::from_millis(10);
const BURST: u64 = 64 * 1024;
/// Time between asking a process to exit and killing it.
const GRACE: Duration = Duration::from_secs(10);
/// Like `GRACE`, but while the user waits in a window. The client limits its own `SessionEnd` hooks to 1.5 s.
pub const TAKEOVER_GRACE: Duration = Duration::from_secs(4);
/// Size above which the log is truncated, in bytes.
const LARGEST_LOG: u64 = 4 * 1024 * 1024;
/// Number of bytes at the end of a log that are searched for the client's last message.
const LOG_TAIL: u64 = 4096;
/// Longest quoted part of a prompt, in characters.
const MOST_TASK_CHARS: usize = 2000;

/// Outcome of one attempt to resume a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResumeOutcome {
    NotYet(DelayReason),
    /// Nothing was done, because an earlier run of the session is still active and uses the account.
    UnderWay,
    /// No run was started, and the incident was updated with the reason.
    Left(InsteadOfRun),
    Ran,
}

/// Result of an attempt that started no run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InsteadOfRun {
    Held(HoldReason),
    Over(ContinuedWithoutUs),
    StoppedAgain,
}

impl fmt::Display for InsteadOfRun {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held(hold) => hold.fmt(to),
            Self::Over(over) => over.fmt(to),
            Self::StoppedAgain => to.write_str("it stopped again"),
        }
    }
}

/// Why a run is terminated before it finishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EndRequest {
    TakenOver,
    Cancelled,
    /// The run exceeded its time limit.
    Deadline,
}

impl EndRequest {
    /// Returns the request in the incident to terminate the run with this nonce.
    fn of(incident: &Incident, nonce: &str) -> Option<Self> {
        let mut runs = incident.attempts.iter().filter_map(|attempt| attempt.run.as_deref());
        let run = runs.find(|run| run.nonce == nonce);
        if run.is_some_and(|run| run.taken_over.is_some()) {
            Some(Self::TakenOver)
        } else if incident.phase == Phase::Cancelled || run.is_none() {
            Some(Self::Cancelled)
        } else {
            None
        }
    }

    /// Time between asking a process to exit and killing it.
    const fn grace(self) -> Duration {
        match self {
            Self::TakenOver => TAKEOVER_GRACE,
            Self::Cancelled | Self::Deadline => GRACE,
        }
    }

    fn sentence(self, deadline: u64) -> String {
        match self {
            Self::TakenOver => "ended because you opened the session".to_owned(),
            Self::Cancelled => "ended because you cancelled it".to_owned(),
            Self::Deadline => format!("stopped after {}", length(deadline)),
        }
    }
}

/// Outcome of starting a process.
enum ProcessStart {
    Child(std::process::Child),
    /// Nothing was started, and the intent is withdrawn.
    Refused(DelayReason),
}

/// How the process ended, or why it could not be started.
type ProcessEnd = std::result::Result<String, Error>;

#[derive(Clone, Copy)]
pub struct Resumer<'a> {
    /// Reader of all facts about a session.
    pub reading: ReadinessReader<'a>,
    pub own_pid: u32,
    /// Whether the user requested the run now, in which case the planned time does not matter.
    pub now: bool,
    /// Set when nothing more may be started, and a client that was started must be left to the next supervisor.
    pub abort: &'a AbortFlag,
}

impl Resumer<'_> {
    fn ledger(&self) -> &Ledger<'_> {
        &self.reading.ledger
    }

    fn clock_now(&self) -> DateTime<Utc> {
        self.ledger().clock.now()
    }

    fn transport(&self) -> Transport {
        self.ledger().config.unattended.transport
    }

    /// Resumes the session of an incident, if that is allowed now. Blocks for as long as the run lasts.
    ///
    /// # Errors
    /// Those of the ledger and of the snapshot; nothing was started then.
    pub fn resume(&self, session: &str) -> Result<ResumeOutcome> {
        let Some(_lease) = Lock::try_take(&self.ledger().state.run_lease(session))? else {
            return Ok(ResumeOutcome::NotYet(DelayReason::LeaseHeld));
        };
        let Some(incident) = self.ledger().read(session)? else {
            return Ok(ResumeOutcome::NotYet(DelayReason::NoIncident));
        };
        if let Some(ended) = self.settle_orphan(&incident)? {
            return Ok(ended);
        }
        let due = self.now || incident.plan.at.is_some_and(|at| at <= self.clock_now());
        if incident.plan.action != Action::Run && !self.now || incident.phase == Phase::Attempting || !due {
            return Ok(ResumeOutcome::NotYet(DelayReason::NotDue));
        }
        let key = account_key(&incident);
        let Some(_account) = Lock::try_take(&self.ledger().state.account_lease(&key))? else {
            return Ok(ResumeOutcome::NotYet(DelayReason::AccountBusy));
        };
        let mut facts = ReadinessFacts::read(&self.reading, &incident);
        if self.now {
            facts.asked_for_now();
        }
        match judge(&facts, self.transport(), quiet(self.ledger().config), self.clock_now()) {
            ReadinessVerdict::Ready => self.run(&incident, &facts),
            ReadinessVerdict::NotYet(why) => Ok(ResumeOutcome::NotYet(why)),
            ReadinessVerdict::Hold(hold) => {
                self.record_not_started(&incident, &facts, InsteadOfRun::Held(hold))
            }
            ReadinessVerdict::Over(over) => {
                self.record_not_started(&incident, &facts, InsteadOfRun::Over(over))
            }
            ReadinessVerdict::StoppedAgain => {
                self.record_not_started(&incident, &facts, InsteadOfRun::StoppedAgain)
            }
        }
    }

    /// Records that nothing is started, and the reason.
    fn record_not_started(
        &self,
        incident: &Incident,
        facts: &ReadinessFacts,
        left: InsteadOfRun,
    ) -> Result<ResumeOutcome> {
        let changed = self.ledger().change(&incident.session, |slot| {
            let Some(incident) = slot.as_mut().filter(|one| one.is_as_read(incident)) else { return };
            match &left {
                InsteadOfRun::Held(hold) => {
                    let sentence = hold.to_string();
                    self.ledger().hold(incident, Source::Process, hold.reason(&sentence));
                    if let HoldReason::OtherAccount { differences } = hold {
                        incident.other_account.clone_from(differences);
                    }
                }
                InsteadOfRun::Over(over) => {
                    incident.settle(over.phase(), Source::Transcript, over.to_string());
                    incident.plan.explain(over.reason());
                }
                InsteadOfRun::StoppedAgain => {
                    if let Some(summary) = &facts.summary {
                        adopt(incident, summary, self.clock_now());
                        incident.generation += 1;
                        self.ledger().plan(incident, Terminal::Closed);
                    }
                }
            }
        })?;
        if let Some(incident) = changed {
            self.write_note(&incident);
        }
        Ok(ResumeOutcome::Left(left))
    }

    /// Returns whether to pass the configuration directory to the client explicitly. The default directory is
    /// passed only if it was set explicitly before. In that case `.claude.json` is inside the directory
    /// instead of beside it (measured with 2.1.329).
    fn is_named(&self, dir: &Path) -> bool {
        if Some(dir) != self.ledger().default_home {
            return true;
        }
        let file = |dir: Option<&Path>| dir.is_some_and(|dir| dir.join(".claude.json").is_file());
        let env = self.reading.env;
        env.absolute("CLAUDE_CONFIG_DIR").is_some() && env.claude_config_dir().as_deref() == Some(dir)
            || file(Some(dir)) && !file(dir.parent())
    }

    /// Builds the launch for an incident from the facts.
    ///
    /// # Errors
    /// [`Code::ClientNotFound`], [`Code::ProjectNotFound`].
    pub fn plan(&self, incident: &Incident, facts: &ReadinessFacts, nonce: &str) -> Result<Launch> {
        let program = facts.program.as_ref().map_err(|why| Error::new(Code::ClientNotFound, why.clone()))?;
        let (cwd, by_id) = facts.directory.as_ref().ok_or_else(|| {
            Error::new(
                Code::ProjectNotFound,
                Reason::DirectoryGone(facts.gone.as_deref()).code_and_sentence().1,
            )
        })?;
        let config = self.ledger().config;
        // After a run that did nothing, the prompt repeats the task.
        let hollow = incident.attempts.last().is_some_and(|attempt| {
            attempt
                .run
                .as_ref()
                .and_then(|run| run.result.as_ref())
                .is_some_and(|result| result.hollow.is_some())
        });
        let task = facts
            .summary
            .as_ref()
            .filter(|_| hollow)
            .and_then(|summary| task_of(incident, summary.last_prompt.as_deref()))
            .map(|text| {
                crate::text::shortened(&redact(&crate::text::sanitized(&text)), MOST_TASK_CHARS).into_owned()
            });
        Ok(launch(
            incident,
            &LaunchInputs {
                program: &program.words,
                version: program.version,
                cwd,
                by_id: *by_id,
                config_dir: incident.config_dir.as_deref().filter(|dir| self.is_named(dir)),
                transport: self.transport(),
                ceiling: &config.unattended.permission_ceiling,
                deadline_seconds: whole_seconds(config.supervisor.max_run_minutes * 60.0),
                task: task.as_deref(),
                started_with: facts.started_with.as_ref(),
                remove: match &facts.account {
                    AccountFit::Fits { remove } => remove,
                    AccountFit::Differs(_) => &[],
                },
            },
            nonce,
        ))
    }

    /// Starts a new session with a text as its first prompt. `incident` belongs to the new session, and
    /// `facts` to the session whose work it continues.
    ///
    /// # Errors
    /// Those of [`Self::resume`].
    pub fn begin(&self, incident: &Incident, facts: &ReadinessFacts, text: &str) -> Result<ResumeOutcome> {
        let Some(_lease) = Lock::try_take(&self.ledger().state.run_lease(&incident.session))? else {
            return Ok(ResumeOutcome::NotYet(DelayReason::LeaseHeld));
        };
        let Some(_account) = Lock::try_take(&self.ledger().state.account_lease(&account_key(incident)))?
        else {
            return Ok(ResumeOutcome::NotYet(DelayReason::AccountBusy));
        };
        let nonce = self.nonce(incident);
        let mut plan = self.plan(incident, facts, &nonce)?;
        for word in &mut plan.argv {
            if word.starts_with("--resume=") {
                *word = format!("--session-id={}", incident.session);
            }
        }
        if let Some(prompt) = plan.argv.last_mut() {
            text.clone_into(prompt);
        }
        let nothing = Snapshot { path: PathBuf::new(), bytes: 0, sha256: sha256_hex(b"") };
        self.make(incident, &plan, nonce, nothing)
    }

    fn run(&self, incident: &Incident, facts: &ReadinessFacts) -> Result<ResumeOutcome> {
        let nonce = self.nonce(incident);
        let plan = self.plan(incident, facts, &nonce)?;
        self.keep_before_sweep(incident, &plan.cwd);
        let kept = snapshot::take(self.ledger().state, &incident.session, &incident.transcript, &nonce)?;
        self.make(incident, &plan, nonce, kept)
    }

    /// Retains every session that the run itself may delete. A `claude -p` that runs for six seconds deletes
    /// the expired transcripts of all projects in its configuration directory. The limit in force in its
    /// working directory applies to all of them.
    fn keep_before_sweep(&self, incident: &Incident, cwd: &Path) {
        let ledger = self.ledger();
        let Some(dir) = incident.config_dir.as_deref().or(ledger.default_home) else { return };
        let home = ClaudeHome::new(dir);
        let limit = RetentionLimit::of(&home, &BTreeSet::from([cwd.to_path_buf()]), &managed_dir());
        let Some(limit) = limit.filter(|_| ledger.config.retention.keep) else { return };
        // A long run may delete transcripts a second time, so files that expire within a day are included.
        let written_before = self.clock_now() - chrono::Duration::days(i64::from(limit.days) - 1);
        let KeptMany { kept, failures, .. } =
            keep_sessions(ledger.state, ledger.clock, &home, None, Some(written_before), None);
        if kept > 0 || !failures.is_empty() {
            let failures: Vec<String> = failures.iter().map(ToString::to_string).collect();
            self.note_event("kept-before-run", incident, json!({"sessions": kept, "failures": failures}));
        }
    }

    /// Generates an identifier for a run that is unique on this machine.
    fn nonce(&self, incident: &Incident) -> String {
        let (time, made) = (self.clock_now().format("%Y%m%dT%H%M%S%3fZ"), incident.attempts.len());
        format!("{time}-{}-{}-{made}", self.own_pid, incident.generation)
    }

    fn make(
        &self,
        incident: &Incident,
        plan: &Launch,
        nonce: String,
        kept: Snapshot,
    ) -> Result<ResumeOutcome> {
        let state = self.ledger().state;
        let log = state.runs(&incident.session).join(format!("{nonce}.log"));
        let mut run = Run {
            nonce,
            transport: plan.transport,
            supervisor: self.process(self.own_pid),
            child: None,
            bytes_before: kept.bytes,
            sha256_before: kept.sha256,
            snapshot: kept.path,
            log,
            commit_before: commit(self.reading.env, &plan.cwd),
            deadline_seconds: Some(plan.deadline_seconds),
            taken_over: None,
            result: None,
        };
        // The intent is on disk before anything is started.
        let mut refused = Some(DelayReason::Changed);
        let generation = incident.generation;
        let opened = incident.opened.clone();
        self.ledger().change(&incident.session, |slot| {
            let Some(incident) = slot.as_mut().filter(|incident| {
                incident.generation == generation
                    && incident.opened == opened
                    && incident.phase != Phase::Cancelled
                    && (incident.plan.action == Action::Run || self.now)
            }) else {
                return;
            };
            // The clock is read after the snapshot, which may take long, because the age of a process that cannot
            // be found counts from this time.
            let begun = self.clock_now();
            incident.attempts.push(Attempt {
                at: begun,
                action: AttemptAction::Resume,
                answered: incident.stop.kind,
                outcome: AttemptOutcome::Pending,
                run: Some(Box::new(run.clone())),
            });
            incident.cycles.push(begun);
            incident.phase = Phase::Attempting;
            incident.saw(Source::Clock, format!("resumed at {}", rfc3339(begun)));
            refused = None;
        })?;
        if let Some(why) = refused {
            return Ok(ResumeOutcome::NotYet(why));
        }
        self.note_event(
            "run-begun",
            incident,
            json!({"argv": redacted(&plan.argv), "cwd": plan.cwd, "nonce": run.nonce, "pid": self.own_pid}),
        );
        let ending = match self.start(incident, plan, &mut run) {
            Ok(ProcessStart::Refused(why)) => {
                self.withdraw(incident, &run, &why)?;
                return Ok(ResumeOutcome::NotYet(why));
            }
            Ok(ProcessStart::Child(child)) => match self.wait(incident, plan, &run, child) {
                Some(ended) => Ok(ended),
                None => return Ok(ResumeOutcome::UnderWay),
            },
            Err(error) => Err(error),
        };
        self.finish(incident, &run, ending)?;
        Ok(ResumeOutcome::Ran)
    }

    /// Starts the process, unless the user opened the session or stopped the recovery since the intent was
    /// written. Check and start happen under the session's lock: a `SessionStart` hook, `cancel` and `pause`
    /// either come first and prevent the process, or come later and find it recorded.
    fn start(&self, incident: &Incident, plan: &Launch, run: &mut Run) -> Result<ProcessStart> {
        let log = open_log(&run.log)?;
        let copy = log.try_clone().doing("write", &run.log)?;
        let mut command = Command::new(&plan.argv[0]);
        command.args(&plan.argv[1..]).current_dir(&plan.cwd).env_clear();
        command.envs(self.reading.env.all().filter(|(name, _)| {
            !name.to_str().is_some_and(|name| plan.unset.iter().any(|other| other == name))
        }));
        command.envs(&plan.env);
        command.stdin(Stdio::null()).stdout(log).stderr(copy);
        // A Ctrl-C for the supervisor must not reach the run.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut outcome: Option<Result<ProcessStart>> = None;
        let changed = self.ledger().change(&incident.session, |slot| {
            if let Some(why) = self.refused(slot.as_ref(), &run.nonce) {
                outcome = Some(Ok(ProcessStart::Refused(why)));
                return;
            }
            let spawned =
                command.spawn().map_err(|error| Error::io("start", Path::new(&plan.argv[0]), &error));
            outcome = Some(spawned.map(|child| {
                run.child = Some(self.process(child.id()));
                if let Some(known) = slot.as_mut().and_then(|incident| incident.run_mut(&run.nonce)) {
                    known.child.clone_from(&run.child);
                }
                ProcessStart::Child(child)
            }));
        });
        if let (Err(error), Some(Ok(ProcessStart::Child(child)))) = (&changed, &outcome) {
            // The process is running; only its record in the ledger is missing.
            self.note_event(
                "run-unrecorded",
                incident,
                json!({"message": error.to_string(), "pid": child.id()}),
            );
        } else {
            changed?;
        }
        let outcome = outcome.unwrap_or(Ok(ProcessStart::Refused(DelayReason::Changed)))?;
        if let ProcessStart::Child(child) = &outcome {
            self.note_event("run-started", incident, json!({"nonce": run.nonce, "pid": child.id()}));
        }
        Ok(outcome)
    }

    /// Returns why the run with this nonce must not be started, from the current state on disk.
    fn refused(&self, incident: Option<&Incident>, nonce: &str) -> Option<DelayReason> {
        let state = self.ledger().state;
        if self.abort.is_set() {
            return Some(DelayReason::Aborted);
        }
        let Some(incident) = incident else { return Some(DelayReason::NoIncident) };
        match EndRequest::of(incident, nonce) {
            Some(EndRequest::TakenOver) => {
                let client = incident.opened.as_ref().and_then(|opened| opened.client.as_ref());
                return Some(client.map_or(DelayReason::Changed, |client| DelayReason::Open {
                    pid: client.pid,
                    tty: None,
                }));
            }
            Some(EndRequest::Cancelled | EndRequest::Deadline) => return Some(DelayReason::Changed),
            None => {}
        }
        if Paused::read(state).holds(&incident.session) {
            return Some(DelayReason::Paused);
        }
        if self.now {
            return None;
        }
        let project = incident.project.as_deref();
        if !in_force(self.reading.env, project).config.heartbeat.enabled {
            return Some(DelayReason::SwitchedOff);
        }
        (!project.is_some_and(|project| unattended(state, project))).then_some(DelayReason::Changed)
    }

    /// Removes an intent whose process was never started; it does not count as an attempt.
    fn withdraw(&self, incident: &Incident, run: &Run, why: &DelayReason) -> Result<()> {
        self.ledger().change(&incident.session, |slot| {
            let Some(incident) = slot else { return };
            let made = |attempt: &Attempt| attempt.run.as_ref().is_some_and(|other| other.nonce == run.nonce);
            if let Some(at) = incident.attempts.iter().position(made) {
                let attempt = incident.attempts.remove(at);
                incident.cycles.retain(|cycle| *cycle != attempt.at);
            }
            if incident.phase == Phase::Attempting {
                incident.phase = Phase::Waiting;
            }
            incident.saw(Source::Store, format!("the run was not started: {why}"));
        })?;
        self.note_event("run-withdrawn", incident, json!({"nonce": run.nonce, "why": why.to_string()}));
        Ok(())
    }

    /// Waits until the process has ended, and terminates it on request or at its deadline. Returns `None` if the wait was
    /// aborted, in which case the process continues and the next supervisor verifies the run.
    fn wait(
        &self,
        incident: &Incident,
        plan: &Launch,
        run: &Run,
        mut child: std::process::Child,
    ) -> Option<String> {
        let deadline = Duration::from_secs(plan.deadline_seconds);
        let clock = self.ledger().clock;
        let started = clock.since_boot();
        let mut terminated: Option<(EndRequest, Duration)> = None;
        let mut checked_at = started;
        let mut logged = 0;
        loop {
            // An error means that the process has ended, too: if this process inherited an ignored SIGCHLD, the
            // kernel reaps its children. The run did start, so the transcript shows what it did.
            let ended = child.try_wait().map_or(Some(None), |status| status.map(Some));
            if let Some(status) = ended {
                bound_log(&run.log);
                let failed = status.is_some_and(|status| !status.success());
                if plan.transport != Transport::Print && !failed && terminated.is_none() {
                    return self.attached(incident, started, deadline);
                }
                let why =
                    terminated.map(|(request, _)| format!("{}: ", request.sentence(plan.deadline_seconds)));
                let words = status.map_or_else(|| "ended without a known status".to_owned(), words_of);
                return Some(why.unwrap_or_default() + &words);
            }
            if self.abort.is_set() {
                leave_running(child);
                return None;
            }
            let now = clock.since_boot();
            match terminated {
                None => {
                    let mut request =
                        (now.saturating_sub(started) > deadline).then_some(EndRequest::Deadline);
                    if request.is_none() && now.saturating_sub(checked_at) >= CHECK_INTERVAL {
                        checked_at = now;
                        // An unreadable incident contains no request.
                        let known = self.ledger().read(&incident.session).ok().flatten();
                        request = known.and_then(|known| EndRequest::of(&known, &run.nonce));
                    }
                    if let Some(request) = request {
                        signal_group(child.id(), false);
                        terminated = Some((request, now));
                    }
                }
                Some((request, at)) if now.saturating_sub(at) > request.grace() => {
                    signal_group(child.id(), true);
                    // These systems have no process groups to signal.
                    #[cfg(not(unix))]
                    let _ = child.kill();
                }
                Some(_) => {}
            }
            // A process that writes fast is checked often, so that the log stays small.
            let size = bound_log(&run.log);
            clock.sleep(if size > logged + BURST { SHORT_CHECK_INTERVAL } else { CHECK_INTERVAL });
            logged = size;
        }
    }

    /// Waits until a session that was started elsewhere, in the background or in a window, has ended its
    /// turn. The session stays open there for the user to continue.
    fn attached(&self, incident: &Incident, started: Duration, deadline: Duration) -> Option<String> {
        let clock = self.ledger().clock;
        let mut seen = false;
        while !self.abort.is_set() {
            let elapsed = clock.since_boot().saturating_sub(started);
            if elapsed > deadline {
                return Some(format!("still running after {} min", deadline.as_secs() / 60));
            }
            let facts = ReadinessFacts::read(&self.reading, incident);
            match facts.owners.first() {
                Some(owner) if owner.word() == ClientWord::Busy => seen = true,
                Some(owner) if seen || facts.seen != TranscriptChange::Same => {
                    return Some(format!("its turn ended, and process {} keeps it open", owner.pid));
                }
                // A new client does not appear in the registry at once.
                None if seen || elapsed > REGISTRATION_LIMIT => {
                    return Some("its client has ended".to_owned());
                }
                _ => {}
            }
            clock.sleep(ATTACHED_CHECK_INTERVAL);
        }
        None
    }

    /// Verifies and records the result of a run, and plans the next step.
    fn finish(&self, incident: &Incident, run: &Run, ending: ProcessEnd) -> Result<()> {
        let (ended, failed) = match ending {
            Ok(ended) => (ended, None),
            Err(error) => (error.to_string(), Some(error)),
        };
        let mut result = verify(&incident.transcript, run, &ended).unwrap_or_else(|error| {
            let mut result = RunResult { ended: ended.clone(), ..RunResult::default() };
            result.set_hollow(&HollowRun::Unverified { error: error.to_string() });
            result
        });
        result.ended_at = Some(self.clock_now());
        if let Some(error) = failed {
            result.set_hollow(&HollowRun::NotStarted { error: error.to_string() });
        } else if let Some(hollow) = &mut result.hollow
            && let Some(line) = last_log_line(&run.log)
        {
            // A client that fails to start a turn often prints the reason.
            hollow.push_str("; the client said: ");
            hollow.push_str(&line);
        }
        if let Some(cwd) = incident.cwd.as_deref() {
            result.commits =
                git::commits_since(self.reading.env, Path::new(cwd), run.commit_before.as_deref());
        }
        let summary = Transcript::open(&incident.transcript)
            .ok()
            .map(|transcript| summarize(&transcript, Liveness::Gone));
        let now = self.clock_now();
        let changed = self.ledger().change(&incident.session, |slot| {
            let Some(incident) = slot else { return };
            let Some(at) = incident
                .attempts
                .iter()
                .position(|attempt| attempt.run.as_ref().is_some_and(|other| other.nonce == run.nonce))
            else {
                return;
            };
            if let Some(known) = &mut incident.attempts[at].run {
                if known.taken_over.is_some() {
                    // The user's takeover ended the run, so an empty result proves nothing about it.
                    (result.hollow, result.hollow_reason) = (None, None);
                }
                known.result = Some(result.clone());
            }
            conclude(self.ledger(), incident, at, &result, summary.as_ref(), now);
        })?;
        self.note_event("run-ended", incident, json!({"nonce": run.nonce, "result": result}));
        if let Some(incident) = changed {
            self.write_note(&incident);
        }
        Ok(())
    }

    /// Handles a run whose supervisor was lost: leaves it running, or finishes it here.
    pub(super) fn settle_orphan(&self, incident: &Incident) -> Result<Option<ResumeOutcome>> {
        let Some((at, run)) = incident.open_run() else { return Ok(None) };
        let facts = ReadinessFacts::read(&self.reading, incident);
        Ok(match orphan(run, &facts, self.reading.processes, self.clock_now() - at) {
            Orphan::Runs => {
                self.bound_orphan(incident, run);
                Some(ResumeOutcome::UnderWay)
            }
            Orphan::Over => {
                self.finish(
                    incident,
                    run,
                    Ok("ended with unknown exit status: its supervisor was gone".into()),
                )?;
                Some(ResumeOutcome::Ran)
            }
            // The process may have started and ended unnoticed, in which case the transcript has grown.
            Orphan::NeverStarted if has_grown(&incident.transcript, run) => {
                self.finish(
                    incident,
                    run,
                    Ok("ended with unknown exit status: its supervisor was gone".into()),
                )?;
                Some(ResumeOutcome::Ran)
            }
            Orphan::NeverStarted => {
                self.forget(incident, run)?;
                Some(ResumeOutcome::Ran)
            }
        })
    }

    /// Applies the usual time and log limits to a run whose supervisor is gone.
    fn bound_orphan(&self, incident: &Incident, run: &Run) {
        bound_log(&run.log);
        let (Some(child), Some(deadline)) = (&run.child, run.deadline_seconds) else { return };
        if run.transport != Transport::Print || self.process(child.pid) != *child || child.start.is_none() {
            return;
        }
        // The age comes from the machine's own clock, because the wall clock may have jumped
        // since the run began.
        let table = self.reading.processes.table();
        let started = table.iter().find(|process| process.pid == child.pid).and_then(|one| one.started_at);
        let age = started.and_then(|at| (self.clock_now() - at).to_std().ok()).unwrap_or_default();
        let deadline = Duration::from_secs(deadline);
        let request = EndRequest::of(incident, &run.nonce);
        if age > deadline || request.is_some() {
            let kill = age > deadline + GRACE;
            signal_group(child.pid, kill);
            self.note_event(
                "run-stopped",
                incident,
                json!({"nonce": run.nonce, "pid": child.pid, "after": age.as_secs(), "kill": kill}),
            );
        }
    }

    /// Closes a run that was recorded but never started. The attempt counts, but not as a
    /// run that did nothing.
    fn forget(&self, incident: &Incident, run: &Run) -> Result<()> {
        let result = RunResult {
            ended_at: Some(self.clock_now()),
            ended: "never started: its supervisor was gone".into(),
            ..RunResult::default()
        };
        self.ledger().change(&incident.session, |slot| {
            let Some(incident) = slot else { return };
            let made = incident.attempts.iter_mut().find_map(|attempt| {
                let known = attempt.run.as_deref_mut().filter(|known| known.nonce == run.nonce)?;
                known.result = Some(result.clone());
                attempt.outcome = AttemptOutcome::NoEffect;
                Some(())
            });
            if made.is_some() && incident.phase.is_active() {
                incident.saw(Source::Store, "a run was recorded but never started");
                self.ledger().plan(incident, Terminal::Closed);
            }
        })?;
        self.note_event("run-ended", incident, json!({"nonce": run.nonce, "result": result}));
        Ok(())
    }

    fn process(&self, pid: u32) -> StartedProcess {
        StartedProcess { pid, start: self.reading.processes.start_token(pid) }
    }

    fn note_event(&self, event: &str, incident: &Incident, mut fields: serde_json::Value) {
        fields["session"] = json!(incident.session);
        journal::append(self.ledger().state, self.ledger().clock, event, fields);
    }

    /// Updates HANDOFF.md. A failure is recorded in the journal.
    pub fn write_note(&self, incident: &Incident) {
        let Some(project) = &incident.project else { return };
        let writer = NoteWriter {
            state: self.ledger().state,
            env: self.reading.env,
            project,
            blocks: self.ledger().config.note.blocks,
            open_in: Owners::places_of(
                incident.config_dir.as_deref(),
                self.reading.processes,
                &incident.session,
                None,
            ),
            plan: None,
        };
        writer.update(incident, self.ledger().clock);
    }
}

/// Clients that were left running when their supervisor in this process was closed. A client that has ended stays a zombie
/// until its parent process reads its exit status.
static LEFT_RUNNING: Mutex<Vec<std::process::Child>> = Mutex::new(Vec::new());

fn leave_running(child: std::process::Child) {
    let mut left = LEFT_RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    left.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
    left.push(child);
}

/// Returns the user's last request. After one of our runs the newest prompt in the transcript is ours, and the
/// user's is in a snapshot; the oldest snapshot is read first.
fn task_of(incident: &Incident, newest: Option<&str>) -> Option<String> {
    let person = |text: &str| crate::claude::wording::client_text(text).is_none();
    newest.filter(|text| person(text)).map(str::to_owned).or_else(|| {
        incident.attempts.iter().filter_map(|attempt| attempt.run.as_ref()).find_map(|run| {
            let before = Transcript::open(&run.snapshot).ok()?;
            summarize(&before, Liveness::Gone).last_prompt.filter(|text| person(text))
        })
    })
}

/// Returns why a run does not count as recovered; `None` if it does. The model's own report is not enough if
/// tool calls were denied in this run or in an earlier one.
fn unproven(incident: &Incident, at: usize, result: &RunResult) -> Option<String> {
    let earlier = incident.attempts[..at].iter().filter_map(|attempt| attempt.run.as_ref()?.result.as_ref());
    let denied_before = result.calls == 0 && earlier.into_iter().any(|before| before.denied > 0);
    if denied_before {
        let why =
            "its tool calls were denied, and after that it only reported that it is done: check the work";
        return Some(why.to_owned());
    }
    result.denied_last.then(|| {
        let (denied, calls, named) = (result.denied, result.calls, result.denied_calls.join(", "));
        format!("{denied} of {calls} tool calls were denied ({named}), and nothing was done after that: check the work")
    })
}

/// Updates the incident after a finished run.
fn conclude(
    ledger: &Ledger<'_>,
    incident: &mut Incident,
    at: usize,
    result: &RunResult,
    summary: Option<&crate::session::summary::Summary>,
    now: DateTime<Utc>,
) {
    let hold = |incident: &mut Incident, reason: Reason<'_>| {
        ledger.hold(incident, Source::Transcript, reason);
        incident.plan.at = None;
    };
    let finished = summary.is_some_and(|summary| summary.stop.kind == StopKind::Finished);
    let worked = result.answers > 0;
    if let Some(damage) = &result.damage {
        incident.attempts[at].outcome = AttemptOutcome::NoEffect;
        move_stop_to_end(incident, summary);
        let nonce = incident.attempts[at].run.as_ref().map_or_else(String::new, |run| run.nonce.clone());
        let session = incident.session.clone();
        hold(incident, Reason::TranscriptDamaged { damage, session: &session, nonce: &nonce });
        return;
    }
    if incident.phase == Phase::Cancelled {
        // The session remains cancelled, whatever the run did before it was terminated.
        incident.attempts[at].outcome =
            if worked { AttemptOutcome::Continued } else { AttemptOutcome::NoEffect };
        move_stop_to_end(incident, summary);
        return;
    }
    let taken_over = incident.attempts[at].run.as_ref().is_some_and(|run| run.taken_over.is_some());
    if taken_over && !(finished && worked && result.hollow.is_none()) {
        incident.attempts[at].outcome =
            if worked { AttemptOutcome::Continued } else { AttemptOutcome::NoEffect };
        move_stop_to_end(incident, summary);
        incident.settle(Phase::MovedOn, Source::Hook, "the user opened the session during an unattended run");
        incident.plan.explain(Reason::TakenOver);
        return;
    }
    // A hook inside the run may already have reported this stop.
    let begun = incident.attempts[at].at;
    let stopped = summary.filter(|summary| {
        let newer = summary.stop.at.is_some_and(|at| at >= begun);
        summary.stop.kind.is_failure() && summary.stop.record.is_some() && newer
    });
    // A failure of the run itself that waiting cannot fix is not a new stop of the session.
    // The earlier stop remains.
    let own = stopped.filter(|summary| result.answers == 0 && user_needed(summary.stop.kind).is_some());
    if let Some(summary) = own {
        incident.attempts[at].outcome = AttemptOutcome::NoEffect;
        move_stop_to_end(incident, Some(summary));
        let advice =
            user_needed(summary.stop.kind).map(|reason| reason.code_and_sentence().1).unwrap_or_default();
        hold(incident, Reason::RunFailed { kind: summary.stop.kind, advice: &advice });
        return;
    }
    if let Some(summary) = stopped {
        let known = incident.stop.record == summary.stop.record;
        if !known {
            adopt(incident, summary, now);
            incident.generation += 1;
        }
        incident.attempts[at].outcome =
            if worked { AttemptOutcome::Continued } else { AttemptOutcome::StoppedAgain };
        if worked {
            // The session did some work, so earlier attempts no longer count.
            incident.first_stop_at = summary.stop.at;
            incident.attempts.iter_mut().for_each(|attempt| {
                if attempt.outcome == AttemptOutcome::Pending {
                    attempt.outcome = AttemptOutcome::Continued;
                }
            });
        }
        // The run was allowed to make its own changes to the project.
        incident.fingerprint = incident
            .project
            .as_deref()
            .map(|project| Fingerprint::of_session(project, &incident.transcript, incident.cwd.as_deref()))
            .filter(|now| {
                incident.fingerprint.as_ref().is_some_and(|before| now.changes_since(before).is_empty())
            })
            .or_else(|| incident.fingerprint.take());
        ledger.plan(incident, Terminal::Closed);
        return;
    }
    if let Some(hollow) = &result.hollow {
        incident.attempts[at].outcome = AttemptOutcome::NoEffect;
        move_stop_to_end(incident, summary);
        let before = incident.attempts[..at]
            .iter()
            .filter_map(|attempt| attempt.run.as_ref()?.result.as_ref()?.hollow.as_ref())
            .count();
        if before > 0 {
            hold(incident, Reason::RunsDidNothing(hollow));
        } else {
            incident.saw(Source::Transcript, format!("the run did nothing: {hollow}"));
            ledger.plan(incident, Terminal::Closed);
            incident.plan.at = Some(now.max(incident.plan.at.unwrap_or(now)));
        }
        return;
    }
    if let Some(why) = unproven(incident, at, result) {
        incident.attempts[at].outcome = AttemptOutcome::NoEffect;
        move_stop_to_end(incident, summary);
        hold(incident, Reason::CallsDenied(&why));
        return;
    }
    incident.attempts[at].outcome = AttemptOutcome::Continued;
    if finished {
        incident.settle(Phase::Recovered, Source::Transcript, "a turn after the resume finished normally");
    } else {
        move_stop_to_end(incident, summary);
        hold(incident, Reason::RunEndedInTurn);
    }
}

/// Moves the record of the stop to the new end of the transcript, so that records that our own run added are
/// not mistaken for the work of another client.
fn move_stop_to_end(incident: &mut Incident, summary: Option<&crate::session::summary::Summary>) {
    if let Some(record) = summary.and_then(|summary| summary.stop.record.clone()) {
        incident.stop.record = Some(record);
    }
}

/// Returns whether the transcript has grown since the run was recorded.
fn has_grown(transcript: &Path, run: &Run) -> bool {
    std::fs::metadata(transcript).is_ok_and(|meta| meta.len() > run.bytes_before)
}

/// Returns the key of the account that a session uses, as far as it can be detected. The key consists of the
/// configuration directory and the settings that select the provider.
#[must_use]
pub fn account_key(incident: &Incident) -> String {
    let dir = crate::trust::enabled::project_key(&incident.config_dir.clone().unwrap_or_default());
    match &incident.started_with {
        Some(started) => format!("{dir}-{}", started.account.key()),
        None => dir,
    }
}

/// Returns the arguments without the prompt, for the journal. The prompt may quote the user.
fn redacted(argv: &[String]) -> Vec<&str> {
    let prompt = argv.iter().position(|word| word == "--").unwrap_or(argv.len());
    argv[..prompt].iter().map(String::as_str).collect()
}

fn commit(env: &crate::env::Environment, cwd: &Path) -> Option<String> {
    match git::read(env, cwd) {
        git::GitReading::Known(state) => state.commit,
        _ => None,
    }
}

fn open_log(path: &PathBuf) -> Result<File> {
    if let Some(dir) = path.parent() {
        ensure_dir(dir)?;
    }
    let mut options = private_file();
    options.append(true).create(true);
    options.open(path).doing("write", path)
}

/// Returns the last line of a log that is not one of the client's messages (which are JSON), truncated
/// and with secrets removed.
fn last_log_line(log: &Path) -> Option<String> {
    let mut file = File::open(log).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL))).ok()?;
    let mut bytes = Vec::new();
    file.take(LOG_TAIL).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    // If the read starts in the middle of a line, the rest of that line is useless.
    let text = if length > LOG_TAIL { text.split_once('\n')?.1 } else { &text };
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('{'))?;
    Some(clean_line(line, 200))
}

/// Truncates a log that has grown too large, and returns its size. The log is opened for appending, so its
/// writer continues at the new end.
fn bound_log(path: &Path) -> u64 {
    let size = std::fs::metadata(path).map_or(0, |meta| meta.len());
    if size > LARGEST_LOG
        && let Ok(file) = OpenOptions::new().write(true).open(path)
    {
        // A log that cannot be truncated keeps growing, but the run is more important.
        let _ = file.set_len(0);
    }
    size
}

/// Formats a duration in seconds or minutes.
fn length(seconds: u64) -> String {
    if seconds < 60 { format!("{seconds} s") } else { format!("{} min", seconds / 60) }
}

fn words_of(status: std::process::ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("ended by signal {signal}");
    }
    status.code().map_or_else(|| "ended".to_owned(), |code| format!("exited with {code}"))
}

/// Signals the process group of a run. Its process has not been waited for yet, or was just found by its id
/// and start time, so the id cannot belong to another process.
pub(super) fn signal_group(pid: u32, kill: bool) {
    #[cfg(unix)]
    {
        use rustix::process::{Pid, Signal, kill_process_group};
        let signal = if kill { Signal::KILL } else { Signal::TERM };
        if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
            // The process may have ended by itself a moment ago.
            let _ = kill_process_group(pid, signal);
        }
    }
    #[cfg(not(unix))]
    let _ = (pid, kill);
}

fn whole_seconds(seconds: f64) -> u64 {
    Duration::try_from_secs_f64(seconds.max(1.0)).unwrap_or(Duration::from_hours(24)).as_secs().max(1)
}

#[cfg(test)]
mod tests {
    use super::super::incident::{DamageReason, OpenedByUser, StopReport};
    use super::super::reason::PlanReason;
    use super::*;
    use crate::clock::{SystemClock, parse_rfc3339};
    use crate::config::Config;
    use crate::session::Stop;
    use crate::session::summary::Summary;
    use crate::store::StateDir;

    const SESSION: &str = "00000001-0000-4000-8000-000000000001";

    fn at(text: &str) -> DateTime<Utc> {
        parse_rfc3339(text).unwrap()
    }

    fn run(nonce: &str) -> Run {
        Run {
            nonce: nonce.into(),
            transport: Transport::Print,
            supervisor: StartedProcess { pid: 1, start: None },
            child: None,
            bytes_before: 0,
            sha256_before: String::new(),
            snapshot: PathBuf::new(),
            log: PathBuf::new(),
            commit_before: None,
            deadline_seconds: None,
            taken_over: None,
            result: None,
        }
    }

    fn attempt(nonce: &str, begun: &str) -> Attempt {
        Attempt {
            at: at(begun),
            action: AttemptAction::Resume,
            answered: StopKind::Overloaded,
            outcome: AttemptOutcome::Pending,
            run: Some(Box::new(run(nonce))),
        }
    }

    fn incident(attempts: Vec<Attempt>) -> Incident {
        let report = StopReport {
            session: SESSION.into(),
            project: None,
            config_dir: None,
            transcript: "/t.jsonl".into(),
            stop: Stop {
                record: Some("stop".into()),
                at: Some(at("2026-11-29T04:00:00Z")),
                ..Stop::of(StopKind::Overloaded)
            },
            cwd: None,
            entrypoint: None,
            claude_pid: None,
            claude_start: None,
        };
        let mut incident = Incident::open(report, at("2026-11-29T04:00:00Z"));
        incident.phase = Phase::Attempting;
        incident.plan.action = Action::Run;
        incident.attempts = attempts;
        incident
    }

    /// Summarizes the end of a transcript after the run.
    fn ends(kind: StopKind, record: Option<&str>, stopped: &str) -> Summary {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(format!("{SESSION}.jsonl"));
        std::fs::write(&path, "").unwrap();
        let summary = summarize(&Transcript::open(&path).unwrap(), Liveness::Gone);
        Summary {
            stop: Stop { record: record.map(str::to_owned), at: Some(at(stopped)), ..Stop::of(kind) },
            ..summary
        }
    }

    const AFTER: &str = "2026-11-29T05:00:10Z";

    fn worked() -> RunResult {
        RunResult { ended: "exited with 0".into(), answers: 1, ..RunResult::default() }
    }

    fn hollow() -> RunResult {
        let mut result = RunResult::default();
        result.set_hollow(&HollowRun::NoAnswer);
        result
    }

    fn damaged() -> RunResult {
        let mut result = worked();
        result.set_damage(DamageReason::Forked);
        result
    }

    fn concluded(mut incident: Incident, result: &RunResult, summary: Option<&Summary>) -> Incident {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::new(dir.path());
        let config = Config::default();
        let ledger = Ledger { state: &state, clock: &SystemClock, config: &config, default_home: None };
        let last = incident.attempts.len() - 1;
        incident.attempts[last].run.as_mut().unwrap().result = Some(result.clone());
        conclude(&ledger, &mut incident, last, result, summary, at("2026-11-29T05:01:00Z"));
        incident
    }

    fn one_run() -> Incident {
        incident(vec![attempt("n1", "2026-11-29T05:00:00Z")])
    }

    fn last_outcome(incident: &Incident) -> AttemptOutcome {
        incident.attempts.last().unwrap().outcome
    }

    #[test]
    fn a_run_that_finished_its_turn_recovers_the_session() {
        let summary = ends(StopKind::Finished, Some("end"), AFTER);
        let after = concluded(one_run(), &worked(), Some(&summary));
        assert_eq!((after.phase, last_outcome(&after)), (Phase::Recovered, AttemptOutcome::Continued));
    }

    #[test]
    fn a_run_that_ended_within_a_turn_is_left_to_the_user() {
        for kind in [StopKind::Crashed, StopKind::Closed, StopKind::Waiting] {
            let after = concluded(one_run(), &worked(), Some(&ends(kind, Some("end"), AFTER)));
            assert_eq!(
                (after.phase, last_outcome(&after)),
                (Phase::Held, AttemptOutcome::Continued),
                "{kind:?}"
            );
            assert_eq!((after.plan.action, after.plan.reason), (Action::Resume, PlanReason::RunEndedInTurn));
            assert_eq!(after.stop.record.as_deref(), Some("end"));
        }
        assert_eq!(concluded(one_run(), &worked(), None).phase, Phase::Held);
    }

    #[test]
    fn damage_holds_the_session_whatever_else_the_run_did() {
        let finished = ends(StopKind::Finished, Some("end"), AFTER);
        let stopped = ends(StopKind::Overloaded, Some("again"), AFTER);
        for summary in [&finished, &stopped] {
            let mut cancelled = one_run();
            cancelled.phase = Phase::Cancelled;
            for incident in [one_run(), cancelled, taken_over(one_run())] {
                let after = concluded(incident, &damaged(), Some(summary));
                assert_eq!((after.phase, last_outcome(&after)), (Phase::Held, AttemptOutcome::NoEffect));
                assert_eq!(after.plan.reason, PlanReason::TranscriptDamaged);
                assert!(after.plan.why.contains("--from n1"), "{}", after.plan.why);
            }
        }
    }

    #[test]
    fn one_run_without_effect_is_retried_and_a_second_one_is_not() {
        let summary = ends(StopKind::Crashed, Some("end"), AFTER);
        let once = concluded(one_run(), &hollow(), Some(&summary));
        assert_eq!(last_outcome(&once), AttemptOutcome::NoEffect);
        assert_ne!(once.phase, Phase::Attempting);
        assert_ne!(once.plan.reason, PlanReason::RunsDidNothing);
        let mut attempts = vec![attempt("n1", "2026-11-29T04:50:00Z"), attempt("n2", "2026-11-29T05:00:00Z")];
        attempts[0].run.as_mut().unwrap().result = Some(hollow());
        let twice = concluded(incident(attempts.clone()), &hollow(), Some(&summary));
        assert_eq!((twice.phase, last_outcome(&twice)), (Phase::Held, AttemptOutcome::NoEffect));
        assert_eq!(twice.plan.reason, PlanReason::RunsDidNothing);
        // An earlier run that did some work does not count as one that did nothing.
        attempts[0].run.as_mut().unwrap().result = Some(worked());
        let after_work = concluded(incident(attempts), &hollow(), Some(&summary));
        assert_ne!(after_work.plan.reason, PlanReason::RunsDidNothing);
    }

    #[test]
    fn a_run_whose_last_calls_were_denied_does_not_recover_the_session() {
        let summary = ends(StopKind::Finished, Some("end"), AFTER);
        let denied = |calls, denied, denied_last| RunResult { calls, denied, denied_last, ..worked() };
        let cases = [
            (None, denied(2, 1, true), Phase::Held),
            // The run made further calls after the denied one.
            (None, denied(2, 1, false), Phase::Recovered),
            (Some(denied(1, 1, true)), worked(), Phase::Held),
            (Some(denied(1, 1, true)), denied(1, 0, false), Phase::Recovered),
            (Some(denied(1, 0, false)), worked(), Phase::Recovered),
        ];
        for (before, result, phase) in cases {
            let mut attempts = vec![attempt("n2", "2026-11-29T05:00:00Z")];
            if let Some(before) = before {
                let mut first = attempt("n1", "2026-11-29T04:50:00Z");
                first.run.as_mut().unwrap().result = Some(before);
                attempts.insert(0, first);
            }
            let after = concluded(incident(attempts), &result, Some(&summary));
            assert_eq!(after.phase, phase, "{result:?}");
            assert_eq!(after.plan.reason == PlanReason::CallsDenied, phase == Phase::Held);
        }
    }

    #[test]
    fn a_new_stop_starts_the_next_generation_and_only_work_resets_earlier_attempts() {
        let summary = ends(StopKind::Overloaded, Some("again"), AFTER);
        let mut no_answer = hollow();
        no_answer.hollow_reason = None;
        no_answer.hollow = None;
        for (result, outcome) in
            [(worked(), AttemptOutcome::Continued), (no_answer, AttemptOutcome::StoppedAgain)]
        {
            let after = concluded(one_run(), &result, Some(&summary));
            assert_eq!((after.generation, last_outcome(&after)), (2, outcome));
            assert_eq!(after.stop.record.as_deref(), Some("again"));
            assert_eq!(after.first_stop_at == summary.stop.at, result.answers > 0);
        }
        // A hook in the run has already recorded the same stop.
        let mut known = one_run();
        known.stop.record = Some("again".into());
        assert_eq!(concluded(known, &worked(), Some(&summary)).generation, 1);
        // The stop that the run answered is not a new one.
        let old = ends(StopKind::Overloaded, Some("stop"), "2026-11-29T04:00:00Z");
        assert_eq!(concluded(one_run(), &worked(), Some(&old)).phase, Phase::Held);
    }

    fn taken_over(mut incident: Incident) -> Incident {
        let opened = OpenedByUser { at: at("2026-11-29T05:00:05Z"), client: None };
        incident.opened = Some(opened.clone());
        incident.attempts.last_mut().unwrap().run.as_mut().unwrap().taken_over = Some(opened);
        incident
    }

    #[test]
    fn a_run_that_the_user_took_over_ends_the_incident_unless_its_turn_had_ended() {
        let cut = ends(StopKind::Crashed, Some("end"), AFTER);
        let stopped = ends(StopKind::Overloaded, Some("again"), AFTER);
        for (result, outcome) in [(worked(), AttemptOutcome::Continued), (hollow(), AttemptOutcome::NoEffect)]
        {
            for summary in [Some(&cut), Some(&stopped), None] {
                let after = concluded(taken_over(one_run()), &result, summary);
                assert_eq!((after.phase, last_outcome(&after)), (Phase::MovedOn, outcome));
                assert_eq!((after.plan.action, after.plan.reason), (Action::None, PlanReason::TakenOver));
            }
        }
        let finished = ends(StopKind::Finished, Some("end"), AFTER);
        assert_eq!(concluded(taken_over(one_run()), &worked(), Some(&finished)).phase, Phase::Recovered);
        assert_eq!(concluded(taken_over(one_run()), &hollow(), Some(&finished)).phase, Phase::MovedOn);
    }

    #[test]
    fn a_session_that_the_user_cancelled_stays_cancelled() {
        for kind in [StopKind::Crashed, StopKind::Overloaded, StopKind::Finished] {
            for (result, outcome) in
                [(worked(), AttemptOutcome::Continued), (hollow(), AttemptOutcome::NoEffect)]
            {
                let mut cancelled = one_run();
                cancelled.phase = Phase::Cancelled;
                cancelled.plan.action = Action::None;
                let after = concluded(cancelled, &result, Some(&ends(kind, Some("end"), AFTER)));
                assert_eq!((after.phase, last_outcome(&after)), (Phase::Cancelled, outcome), "{kind:?}");
                assert_eq!((after.plan.action, after.generation), (Action::None, 1));
            }
        }
    }

    #[test]
    fn only_the_user_can_request_the_end_of_a_run() {
        assert_eq!(EndRequest::of(&one_run(), "n1"), None);
        assert_eq!(EndRequest::of(&taken_over(one_run()), "n1"), Some(EndRequest::TakenOver));
        let mut cancelled = one_run();
        cancelled.phase = Phase::Cancelled;
        assert_eq!(EndRequest::of(&cancelled, "n1"), Some(EndRequest::Cancelled));
        assert_eq!(EndRequest::of(&taken_over(cancelled), "n1"), Some(EndRequest::TakenOver));
        assert_eq!(EndRequest::of(&one_run(), "n2"), Some(EndRequest::Cancelled), "it was withdrawn");
    }
}
