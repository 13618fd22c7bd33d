//! Supervises closed sessions until none of them has pending work.
//!
//! Only one supervisor per user is active at a time. A kernel lock, which is released when the process ends,
//! ensures this. A pass reads the incidents, and the transcripts of projects for which the user allowed
//! unattended resumes, plans with the policy, and resumes the sessions that are due, one session per account at a time.
//! Everything that a later supervisor needs is on disk.

mod discover;
mod lease;
mod notes;
mod notices;
mod pass_report;
mod replan;
mod retention;
mod start;

use super::changes::Changes;
use super::due::DueByBoot;
use super::early::EarlySearch;
use super::incident::Incident;
use super::ledger::Ledger;
use crate::abort::AbortFlag;
use crate::claude::process::Processes;
use crate::clock::Clock;
use crate::config::{Config, RetentionConfig, in_force};
use crate::env::Environment;
use crate::error::{Error, Result, without_panic};
use crate::notify::Notice;
use crate::store::StateDir;
use crate::store::lock::Lock;
use crate::trust::account::Provenance;
use crate::world::World;
use chrono::{DateTime, Duration, Utc};
pub use lease::Supervising;
use notes::NotedStep;
use pass_report::has_pending_work;
pub use pass_report::{WatchReport, WatchedSession};
use replan::align_resets;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

/// Longest time between two passes.
const LONGEST: std::time::Duration = std::time::Duration::from_secs(30);
const SHORTEST: std::time::Duration = std::time::Duration::from_millis(5);
const NIGHT: Duration = Duration::hours(12);
/// Age above which a stop that no hook reported is ignored.
const RECENT: Duration = Duration::days(2);

/// Context of a supervisor, shared with the threads of its runs.
pub struct SupervisorContext {
    pub env: Environment,
    pub clock: Box<dyn Clock>,
    pub processes: Box<dyn Processes>,
    pub pid: u32,
    /// Origin of the environment variables.
    pub provenance: Provenance,
    /// Function that compresses and removes retained copies of deleted sessions, about this many bytes at a
    /// time, and returns the errors.
    pub tend_kept: fn(World<'_>, &StateDir, &RetentionConfig, u64) -> Vec<Error>,
    /// Set when the supervisor must stop. Its threads then end soon, and leave the clients that they started to the next
    /// supervisor.
    pub abort: AbortFlag,
}

/// Which closed sessions `watch` supervises.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct WatchOptions {
    /// Only sessions of these projects (canonical paths); all if absent or empty.
    pub projects: Vec<PathBuf>,
}

impl WatchOptions {
    fn holds(&self, incident: &Incident) -> bool {
        self.projects.is_empty()
            || incident.project.as_ref().is_some_and(|project| self.projects.contains(project))
    }
}

/// State of a file: time of the last write, and length.
type FileState = (SystemTime, u64);

pub struct Supervisor {
    ground: Arc<SupervisorContext>,
    state: StateDir,
    scope: WatchOptions,
    lease: Option<Lock>,
    /// Whether the file that describes the leading supervisor names this one.
    recorded: bool,
    running: Arc<Mutex<BTreeSet<String>>>,
    waits: Arc<Mutex<BTreeMap<String, String>>>,
    /// Threads that resume sessions.
    runs: Vec<std::thread::JoinHandle<()>>,
    due: BTreeMap<String, DueByBoot>,
    /// Transcripts that were read and have no pending work, with their state at that time.
    settled: BTreeMap<PathBuf, FileState>,
    /// Notices that this supervisor has already sent.
    told: BTreeSet<(String, u64, &'static str)>,
    /// The step of each session whose note this supervisor has written.
    noted: BTreeMap<String, NotedStep>,
    /// Threads that are still delivering notices.
    telling: Vec<std::thread::JoinHandle<()>>,
    early: EarlySearch,
    /// Whether the last pass left pending work in a session that this process handles.
    serves_any: bool,
    /// Time of the last pass over the retained sessions.
    tended_at: Option<DateTime<Utc>>,
    tending: Option<std::thread::JoinHandle<()>>,
}

/// What a pass found out about one incident.
struct SeenIncident {
    incident: Incident,
    notice: Option<Notice>,
    /// Whether HANDOFF.md is out of date.
    needs_note: bool,
}

impl Supervisor {
    /// Becomes the leading supervisor, or observes the existing one.
    ///
    /// # Errors
    /// [`Code::StateDirUnknown`], [`Code::Io`].
    pub fn new(ground: SupervisorContext, scope: WatchOptions) -> Result<Self> {
        let state = StateDir::new(ground.env.state_dir()?);
        let mut supervisor = Self {
            ground: Arc::new(ground),
            state,
            scope,
            lease: None,
            recorded: false,
            running: Arc::default(),
            waits: Arc::default(),
            runs: Vec::new(),
            due: BTreeMap::new(),
            settled: BTreeMap::new(),
            told: BTreeSet::new(),
            noted: BTreeMap::new(),
            tended_at: None,
            tending: None,
            telling: Vec::new(),
            early: EarlySearch::default(),
            serves_any: false,
        };
        supervisor.lead()?;
        Ok(supervisor)
    }

    /// Releases the lease as if this process had died, so that another supervisor can lead.
    #[cfg(all(test, unix))]
    pub(super) fn give_up_lease(&mut self) {
        self.lease = None;
    }

    /// Runs one pass: plans every incident and starts the runs that are due, one thread per account.
    ///
    /// # Errors
    /// [`Code::Io`].
    pub fn run_pass(&mut self) -> Result<WatchReport> {
        let leads = self.lead()?;
        let mut problems = Vec::new();
        let in_force = in_force(&self.ground.env, None);
        problems.extend(in_force.problem.clone());
        let config = in_force.config;
        if leads {
            problems.extend(self.discover(&config));
        }
        let home = self.default_home();
        let ledger = self.ledger(&config, home.as_deref());
        if leads {
            problems.extend(ledger.fold_spool());
        }
        let (incidents, unreadable) = ledger.read_all();
        problems.extend(unreadable);
        // Continuations during the last night, of all sessions.
        let now = self.ground.clock.now();
        let used: usize = incidents.iter().map(|one| one.cycles_within(NIGHT, now)).sum();
        let spent = config.nightly_cap.is_some_and(|cap| used >= cap as usize);
        let mut looked_after = Vec::new();
        let mut notices = Vec::new();
        let mut changed = Vec::new();
        for incident in incidents {
            if !self.scope.holds(&incident) {
                continue;
            }
            // A bug that one session brings up must not leave all others without a supervisor.
            match without_panic(|| Ok(self.look_after(&incident, leads))) {
                Ok(seen) => {
                    notices.extend(seen.notice);
                    if seen.needs_note {
                        changed.push(seen.incident.clone());
                    }
                    if !seen.incident.phase.is_over() {
                        looked_after.push(seen.incident);
                    }
                }
                Err(error) => {
                    problems.push(error.at(self.state.incident(&incident.session)));
                    if !incident.phase.is_over() {
                        looked_after.push(incident);
                    }
                }
            }
        }
        self.send_notices(notices, &config);
        align_resets(&mut looked_after);
        let off = in_force.problem.is_some();
        let served: Vec<Incident> =
            looked_after.iter().filter(|one| self.serves(one, leads)).cloned().collect();
        if !off && !self.ground.abort.is_set() {
            self.start_due(&served, spent);
        }
        problems.extend(self.write_notes(&changed));
        if leads && !off {
            self.tend_kept(&config);
        }
        self.serves_any = served.iter().any(has_pending_work);
        Ok(self.watch_report(&looked_after, problems, &config, leads))
    }

    /// Updates one incident to the current facts, and finds what the user must learn of it.
    fn look_after(&mut self, incident: &Incident, leads: bool) -> SeenIncident {
        let over = incident.phase.is_over();
        let mut incident = incident.clone();
        if !leads && !over {
            incident = self.claim(&incident).unwrap_or(incident);
        }
        if !self.serves(&incident, leads) {
            return SeenIncident { incident, notice: None, needs_note: false };
        }
        if !over {
            incident = self.refresh_plan(&incident).unwrap_or(incident);
            incident = self.plan_early(&incident).unwrap_or(incident);
        }
        SeenIncident { notice: self.notice(&incident), needs_note: self.needs_note(&incident), incident }
    }

    /// Notifications that call for a pass before it is due.
    #[must_use]
    pub fn changes(&self) -> Changes {
        Changes::of(&self.state)
    }

    /// Runs passes until no work is pending.
    ///
    /// # Errors
    /// The errors of [`Self::run_pass`].
    pub fn until_no_work_is_pending(&mut self) -> Result<()> {
        let changes = self.changes();
        loop {
            let report = self.run_pass()?;
            let done = if report.own { !report.pending } else { !self.serves_any };
            if done && !self.busy() {
                return Ok(());
            }
            let _ = changes.wait(std::time::Duration::from_millis(report.looks_again_in));
        }
    }

    /// Runs passes until one fails.
    ///
    /// # Errors
    /// The errors of [`Self::run_pass`].
    pub fn without_end(&mut self) -> Result<Infallible> {
        let changes = self.changes();
        loop {
            let report = self.run_pass()?;
            let _ = changes.wait(std::time::Duration::from_millis(report.looks_again_in));
        }
    }

    /// Runs passes until another thread sets the abort flag and wakes `changes`. Calls `passed` with the result of
    /// each pass; a pass that failed or panicked is repeated.
    pub fn until_aborted(&mut self, changes: &Changes, passed: &dyn Fn(Result<WatchReport>)) {
        while !self.ground.abort.is_set() {
            let report = without_panic(|| self.run_pass());
            let longest = report
                .as_ref()
                .map_or(LONGEST, |report| std::time::Duration::from_millis(report.looks_again_in));
            passed(report);
            let _ = changes.wait(longest);
        }
    }

    /// Stops this supervisor: starts nothing more, ends its threads and releases the lease. The clients that it started
    /// continue, and the next supervisor verifies what they did.
    pub fn close(mut self) {
        self.ground.abort.set();
        // The lease is released last, so that the next supervisor finds the leases of the runs free.
        for thread in self.runs.drain(..).chain(self.telling.drain(..)).chain(self.tending.take()) {
            let _ = thread.join();
        }
        self.lease = None;
    }

    /// Returns the context, whose abort flag stops this supervisor.
    #[must_use]
    pub fn context(&self) -> Arc<SupervisorContext> {
        Arc::clone(&self.ground)
    }

    fn default_home(&self) -> Option<PathBuf> {
        self.ground.env.home().map(|home| home.join(".claude"))
    }

    fn ledger<'l>(&'l self, config: &'l Config, default_home: Option<&'l Path>) -> Ledger<'l> {
        Ledger { state: &self.state, clock: self.ground.clock.as_ref(), config, default_home }
    }
}
