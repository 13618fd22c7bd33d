//! Supervising: looking after closed sessions until nothing is owed to any of them.
//!
//! One supervisor a user works at a time (a kernel lock, so that it is free the moment it dies). A look reads the incidents
//! and the transcripts of projects whose sessions may go on without a person, plans by the policy, and resumes what is
//! due, one session of an account at a time. Nothing is kept in memory that a later supervisor would need.

use super::changes::Changes;
use super::due::DueByBoot;
use super::early::EarlySearch;
use super::heartbeat::{Seen, adopt, seen};
use super::incident::{Child, Incident, Phase, Report};
use super::ledger::{Event, Ledger};
use super::paused::Paused;
use super::plan::{Action, RecoveryPlan};
use super::policy::Terminal;
use super::readiness::{NotYet, Reading, account_fit, started_with};
use super::reason::{PlanReason, Reason};
use super::resume::{ResumeOutcome, Resumer, account_key};
use crate::claude::home::stores;
use crate::claude::process::Processes;
use crate::claude::transcript::Transcript;
use crate::clock::Clock;
use crate::config::{Config, Retention, in_force};
use crate::env::Environment;
use crate::error::{Error, Result};
use crate::notify::{Kind, Notice, send};
use crate::problem::Problem;
use crate::session::ending::Liveness;
use crate::session::files::ProjectDirectory;
use crate::session::owners::Owners;
use crate::session::scan::{self, Scanned};
use crate::session::stop::{time, time_or_null};
use crate::session::summary::{Depth, summarize};
use crate::session::{Source, StopKind};
use crate::store::lock::Lock;
use crate::store::stored::{Stored, peek, save};
use crate::store::{StateDir, journal};
use crate::trust::account::{AccountDifference, AccountFit, Provenance, told};
use crate::trust::enabled::{all_unattended, unattended};
use crate::world::World;
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// Longest time between two looks.
const LONGEST: std::time::Duration = std::time::Duration::from_secs(30);
/// While notices are on their way.
const TELLING: std::time::Duration = std::time::Duration::from_millis(500);
const SHORTEST: std::time::Duration = std::time::Duration::from_millis(5);
/// A supervisor that a hook started gives its lease up within this time.
const HANDED_OVER: std::time::Duration = std::time::Duration::from_secs(3);
/// A supervisor that a client of the session started shows within this time.
const CLAIMED: Duration = Duration::seconds(5);
/// A night, for `nightlyCap`.
const TEND_KEPT: Duration = Duration::days(1);
/// Bytes that are compressed at once.
const TEND_BYTES: u64 = 512 * 1024 * 1024;
const NIGHT: Duration = Duration::hours(12);
/// What changed longer ago is no news.
const NEWS: Duration = Duration::minutes(15);
/// Stops older than this that nobody saw are left alone.
const RECENT: Duration = Duration::days(2);

/// One session that is looked after.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Charge {
    pub id: String,
    #[serde(serialize_with = "crate::fs::lossy_or_null")]
    pub project: Option<PathBuf>,
    pub stop: StopKind,
    /// Where its incident stands.
    pub phase: &'static str,
    pub next: RecoveryPlan,
    /// A person paused it.
    pub paused: bool,
    /// A run of it is under way.
    pub running: bool,
    /// What the last look came to, when nothing was started.
    pub waits: Option<String>,
    /// Runs that were made for it.
    pub runs: usize,
    /// How the last of them ended.
    pub last: Option<String>,
}

/// What a look came to.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Looked {
    pub schema: &'static str,
    #[serde(serialize_with = "time")]
    pub generated_at: DateTime<Utc>,
    /// Process of the supervisor that works.
    pub supervisor: u32,
    /// It is this process.
    pub own: bool,
    /// What is looked after.
    pub sessions: Vec<Charge>,
    /// When it looks again.
    #[serde(serialize_with = "time_or_null")]
    pub looks_again_at: Option<DateTime<Utc>>,
    pub looks_again_in: u64,
    /// Something is still going to happen without a person.
    pub owed: bool,
    /// Of that, something is to be done at once, and nothing is known that speaks against it.
    pub due: bool,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Supervising {
    pub version: u32,
    pub pid: u32,
    #[serde(serialize_with = "time")]
    pub since: DateTime<Utc>,
    /// A hook started it: it gives the lease to one that the user starts.
    #[serde(default)]
    pub by_hook: bool,
}

impl Stored for Supervising {
    const VERSION: u32 = 1;
}

/// A supervisor that the user started, and that waits for the lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    version: u32,
    process: Child,
}

impl Stored for Wanted {
    const VERSION: u32 = 1;
}

/// What a supervisor takes from outside; shared with the threads of its runs.
pub struct Ground {
    pub env: Environment,
    pub clock: Box<dyn Clock>,
    /// Processes of this machine.
    pub processes: Box<dyn Processes>,
    pub pid: u32,
    /// Whose variables they are.
    pub provenance: Provenance,
    /// Looks after what is kept of deleted sessions, about so many bytes at a time; what failed.
    pub tend_kept: fn(&StateDir, &dyn Clock, &Retention, u64) -> Vec<Error>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Scope {
    /// Only sessions of these projects; all when empty.
    pub projects: Vec<PathBuf>,
}

impl Scope {
    fn holds(&self, incident: &Incident) -> bool {
        self.projects.is_empty()
            || incident.project.as_ref().is_some_and(|project| self.projects.contains(project))
    }
}

/// A file as it was: when it was written to last, and its length.
type State = (SystemTime, u64);

pub struct Supervisor {
    ground: Arc<Ground>,
    state: StateDir,
    scope: Scope,
    lease: Option<Lock>,
    running: Arc<Mutex<BTreeSet<String>>>,
    waits: Arc<Mutex<BTreeMap<String, String>>>,
    due: BTreeMap<String, DueByBoot>,
    /// Transcripts that were read and owe nothing, as they were then.
    settled: BTreeMap<PathBuf, State>,
    /// What a person was told by this supervisor.
    told: BTreeSet<(String, u64, &'static str)>,
    /// Notices on their way.
    telling: Vec<std::thread::JoinHandle<()>>,
    early: EarlySearch,
    /// At the last pass something was still to be done for a session that this process looks after.
    serves_any: bool,
    /// When kept sessions were last looked through.
    tended_at: Option<DateTime<Utc>>,
    tending: Option<std::thread::JoinHandle<()>>,
}

impl Supervisor {
    /// Becomes the supervisor, or a watcher of the one there is.
    ///
    /// # Errors
    /// [`Code::StateDirUnknown`], [`Code::Io`].
    pub fn new(ground: Ground, scope: Scope) -> Result<Self> {
        let state = StateDir::new(ground.env.state_dir()?);
        let mut supervisor = Self {
            ground: Arc::new(ground),
            state,
            scope,
            lease: None,
            running: Arc::default(),
            waits: Arc::default(),
            due: BTreeMap::new(),
            settled: BTreeMap::new(),
            told: BTreeSet::new(),
            tended_at: None,
            tending: None,
            telling: Vec::new(),
            early: EarlySearch::default(),
            serves_any: false,
        };
        supervisor.lead()?;
        Ok(supervisor)
    }

    /// As after its death: another may lead.
    #[cfg(all(test, unix))]
    pub(super) fn give_up_lease(&mut self) {
        self.lease = None;
    }

    /// Takes the lease when nobody holds it, or when its holder gives it up for one that the user started.
    fn lead(&mut self) -> Result<bool> {
        let by_user = self.ground.provenance == Provenance::User;
        if !by_user && self.wanted().is_some() {
            // Runs that are under way keep their own leases.
            self.lease = None;
            return Ok(false);
        }
        if self.lease.is_none() {
            self.lease = Lock::try_take(&self.state.supervisor_lease())?;
            if self.lease.is_none() && by_user && self.leader().is_some_and(|leader| leader.by_hook) {
                self.lease = self.ask_for_lease()?;
            }
            if self.lease.is_some() {
                let known = Supervising {
                    version: Supervising::VERSION,
                    pid: self.ground.pid,
                    since: self.ground.clock.now(),
                    by_hook: !by_user,
                };
                save(&self.state.supervisor(), &known)?;
            }
        }
        Ok(self.lease.is_some())
    }

    fn leader(&self) -> Option<Supervising> {
        peek(&self.state.supervisor()).ok().flatten()
    }

    /// Another supervisor that the user started and that lives, when it waits for the lease.
    fn wanted(&self) -> Option<Child> {
        let wanted = peek::<Wanted>(&self.state.supervisor_wanted()).ok().flatten()?.process;
        let start = self.ground.processes.start_token(wanted.pid);
        (wanted.pid != self.ground.pid && start.is_some() && start == wanted.start).then_some(wanted)
    }

    /// Asks a supervisor that a hook started for the lease. It looks up when that is written, or at its next pass.
    fn ask_for_lease(&self) -> Result<Option<Lock>> {
        let wanted = Wanted { version: Wanted::VERSION, process: self.this_process() };
        save(&self.state.supervisor_wanted(), &wanted)?;
        Ok(Lock::wait(&self.state.supervisor_lease(), HANDED_OVER).ok())
    }

    fn this_process(&self) -> Child {
        let pid = self.ground.pid;
        Child { pid, start: self.ground.processes.start_token(pid) }
    }

    fn lives(&self, process: &Child) -> bool {
        process.start.is_some() && self.ground.processes.start_token(process.pid) == process.start
    }

    /// Whether a run that this process starts reaches the provider and the account of the session.
    fn fits(&self, incident: &Incident) -> Option<Vec<AccountDifference>> {
        let Ground { env, provenance, .. } = self.ground.as_ref();
        let started = started_with(&self.state, incident);
        match account_fit(&self.state, env, provenance, incident, started.as_ref()) {
            AccountFit::Fits { .. } => None,
            AccountFit::Differs(differences) => Some(differences),
        }
    }

    /// Whether this process looks after the session: the one that leads, unless another took it over because it has the
    /// session's account.
    fn serves(&self, incident: &Incident, leads: bool) -> bool {
        match &incident.claimed_by {
            Some(process) if self.lives(process) => process.pid == self.ground.pid,
            _ => leads,
        }
    }

    /// Takes a session over from the supervisor that leads: its own client's, or one that the leader does not reach the account
    /// of, where this one does.
    fn claim(&self, incident: &Incident) -> Option<Incident> {
        let own =
            matches!(&self.ground.provenance, Provenance::ClientOf(session) if *session == incident.session);
        let taken = incident.claimed_by.as_ref().is_some_and(|process| self.lives(process));
        if taken || !own && incident.other_account.is_empty() || self.fits(incident).is_some() {
            return None;
        }
        let config = in_force(&self.ground.env, incident.project.as_deref()).config;
        let default_home = self.default_home();
        let ledger = self.ledger(&config, default_home.as_deref());
        let changed = ledger.change(&incident.session, |slot| {
            let Some(one) = slot.as_mut().filter(|one| one.is_as_read(incident)) else { return };
            one.claimed_by = Some(self.this_process());
            if !one.other_account.is_empty() {
                one.saw(Source::Process, "another supervisor has the session's provider and account");
                ledger.plan(one, Terminal::Closed);
            }
        });
        changed.ok().flatten()
    }

    /// Looks once: plans, and starts what is due, each account's in a thread of its own.
    ///
    /// # Errors
    /// [`Code::Io`].
    pub fn look(&mut self) -> Result<Looked> {
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
        // Continuations of the last night, of any session.
        let now = self.ground.clock.now();
        let cycles = incidents.iter().flat_map(|one| &one.cycles);
        let used = cycles.filter(|at| now - **at < NIGHT).count();
        let spent = config.nightly_cap.is_some_and(|cap| used >= cap as usize);
        let mut looked_after = Vec::new();
        let mut notices = Vec::new();
        for incident in incidents {
            if !self.scope.holds(&incident) {
                continue;
            }
            let over = incident.phase.is_over();
            let incident = if leads || over { incident } else { self.claim(&incident).unwrap_or(incident) };
            let serves = self.serves(&incident, leads);
            let incident = if serves && !over { self.keep(&incident).unwrap_or(incident) } else { incident };
            let incident =
                if serves && !over { self.plan_early(&incident).unwrap_or(incident) } else { incident };
            if serves {
                notices.extend(self.notice(&incident));
            }
            if !incident.phase.is_over() {
                looked_after.push(incident);
            }
        }
        self.tell_person(notices, &config);
        gate(&mut looked_after);
        let off = in_force.problem.is_some();
        let served: Vec<Incident> =
            looked_after.iter().filter(|one| self.serves(one, leads)).cloned().collect();
        if !off {
            self.start_due(&served, spent);
        }
        if leads && !off {
            self.tend_kept(&config);
        }
        self.serves_any = served.iter().any(is_owed);
        Ok(self.tell(&looked_after, problems, &config, leads))
    }

    /// Once a day: what Claude Code deleted is compressed, and goes by age and size. In a thread of its own, so that nothing that is due
    /// waits for it.
    fn tend_kept(&mut self, config: &Config) {
        let now = self.ground.clock.now();
        let due = self.tended_at.is_none_or(|at| now - at >= TEND_KEPT || now < at);
        if !due || self.tending.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return;
        }
        self.tended_at = Some(now);
        let (ground, state, retention) =
            (Arc::clone(&self.ground), self.state.clone(), config.retention.clone());
        self.tending = std::thread::Builder::new()
            .name("kept".into())
            .spawn(move || {
                for error in (ground.tend_kept)(&state, ground.clock.as_ref(), &retention, TEND_BYTES) {
                    let fields = json!({"code": error.code.as_str(), "message": error.to_string()});
                    journal::append(&state, ground.clock.as_ref(), "keeping-failed", fields);
                }
            })
            .ok();
    }

    /// Stops that no hook reported: killed hooks, one-shot runs, a loss of power.
    fn discover(&mut self, config: &Config) -> Vec<Error> {
        let mut problems = Vec::new();
        let now = self.ground.clock.now();
        let further: Vec<PathBuf> = config.config_dirs.iter().map(PathBuf::from).collect();
        let homes = crate::claude::home::all_homes(&self.ground.env, &further);
        let default_home = self.default_home();
        let before = std::mem::take(&mut self.settled);
        let mut settled = BTreeMap::new();
        let ledger = self.ledger(config, default_home.as_deref());
        let mut owners: Option<Owners> = None;
        for enabled in all_unattended(&self.state) {
            let (Some(project), Some(since)) = (&enabled.project, enabled.unattended) else { continue };
            let stores = stores(&homes).into_iter().enumerate().filter(|(home, store)| home == store);
            let dirs: Vec<_> =
                stores.map(|(home, _)| ProjectDirectory::at(&homes[home].project(project), home)).collect();
            let Scanned { found, problems: unlisted, .. } = scan::find(&dirs);
            problems.extend(unlisted);
            let mut fresh = Vec::new();
            let mut newer_than = Vec::new();
            for one in found {
                let Some(state) = state_of(&one.path) else { continue };
                // What was not written to lately was looked at before, or is no business of ours.
                let written = DateTime::<Utc>::from(state.0);
                if now - written >= RECENT || written <= since {
                    continue;
                }
                if before.get(&one.path) == Some(&state) {
                    settled.insert(one.path, state);
                } else if let Some(limit) = unseen_since(&ledger, one.id(), written, since) {
                    newer_than.push((limit, state));
                    fresh.push(one);
                }
            }
            if fresh.is_empty() {
                continue;
            }
            let owners = owners
                .get_or_insert_with(|| Owners::read(&homes, self.ground.processes.as_ref(), &mut problems));
            let summaries = scan::read(&fresh, |_| Liveness::Gone, Depth::Whole);
            for ((found, summary), (limit, state)) in fresh.iter().zip(summaries).zip(newer_than) {
                let Ok(summary) = summary else { continue };
                let stop_at = summary.stop.at.unwrap_or(DateTime::UNIX_EPOCH);
                if !summary.stop.is_unfinished() || stop_at < limit {
                    settled.insert(found.path.clone(), state);
                    continue;
                }
                if owners.of(found).may_be_open() {
                    continue;
                }
                let report = Report {
                    session: found.id().to_owned(),
                    project: Some(project.clone()),
                    config_dir: Some(homes[found.home].dir().to_path_buf()),
                    transcript: found.path.clone(),
                    stop: summary.stop.clone(),
                    cwd: summary.cwd.as_deref().map(str::to_owned),
                    entrypoint: summary.entrypoint.as_deref().map(str::to_owned),
                    claude_pid: None,
                    claude_start: None,
                };
                let entered = ledger.enter(found.id(), Event::Stopped(Box::new(report))).and_then(|_| {
                    ledger.change(found.id(), |slot| {
                        // The user may have cancelled it meanwhile.
                        if let Some(incident) = slot.as_mut().filter(|one| one.phase != Phase::Cancelled) {
                            incident.complete(&summary);
                            incident.saw(Source::Transcript, "found without a hook");
                            ledger.plan(incident, Terminal::Closed);
                        }
                    })
                });
                problems.extend(entered.err());
            }
        }
        self.settled = settled;
        problems
    }

    /// Brings one incident up to date with what is true now.
    fn keep(&self, incident: &Incident) -> Option<Incident> {
        let config = in_force(&self.ground.env, incident.project.as_deref()).config;
        let default_home = self.default_home();
        let ledger = self.ledger(&config, default_home.as_deref());
        // The waiting hook of an open client looks after it.
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
        // Its own client may have started a supervisor that has its account; that one shows within moments.
        let settled = self.ground.clock.now() - incident.updated_at > CLAIMED;
        let differences =
            if agreed && settled { self.fits(incident).unwrap_or_default() } else { Vec::new() };
        let waits_for_account = !incident.other_account.is_empty();
        // Held for want of an agreement, or of an account, that there is now.
        let replan = matches!(incident.phase, Phase::Open | Phase::Waiting)
            || agreed
                && incident.phase == Phase::Held
                && (incident.plan.reason == PlanReason::ClientClosed
                    || waits_for_account && settled && differences.is_empty());
        if matches!(now, Seen::Same | Seen::Escaped | Seen::Lost) && !replan {
            return None;
        }
        let changed = ledger.change(&incident.session, |slot| {
            let Some(incident) = slot.as_mut().filter(|one| one.is_as_read(incident)) else { return };
            match now {
                Seen::ContinuedByClient => {
                    incident.settle(Phase::Recovered, Source::Transcript, "Claude Code continued by itself");
                }
                Seen::MovedOn => {
                    incident.settle(
                        Phase::MovedOn,
                        Source::Transcript,
                        "the session continued without this tool",
                    );
                }
                Seen::StoppedAgain => {
                    if let Some(summary) = &summary {
                        adopt(incident, summary, self.ground.clock.now());
                        incident.generation += 1;
                        ledger.plan(incident, Terminal::Closed);
                    }
                }
                Seen::Same | Seen::Escaped | Seen::Lost => {
                    if let Some(summary) = summary.as_ref().filter(|_| incident.stop.record.is_none()) {
                        incident.describe(summary);
                    }
                    ledger.plan(incident, Terminal::Closed);
                    if incident.plan.action == Action::Run && !differences.is_empty() {
                        ledger.hold(incident, Source::Process, Reason::OtherAccount(&told(&differences)));
                        incident.other_account.clone_from(&differences);
                    }
                }
            }
        });
        changed.ok().flatten()
    }

    /// Plans a closed session again where usage is available before its reset.
    fn plan_early(&mut self, incident: &Incident) -> Option<Incident> {
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

    /// What a person is told about a closed session that may go on without one, once for each step.
    fn notice(&mut self, incident: &Incident) -> Option<Notice> {
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

    /// Delivers in a thread of its own: a desktop that does not answer must not hold anything up.
    fn tell_person(&mut self, notices: Vec<Notice>, config: &Config) {
        self.telling.retain(|thread| !thread.is_finished());
        if notices.is_empty() {
            return;
        }
        let ground = Arc::clone(&self.ground);
        let state = self.state.clone();
        let config = config.notify.clone();
        self.telling.push(std::thread::spawn(move || {
            let Ground { env, clock, processes, .. } = ground.as_ref();
            let outside = World { env, clock: clock.as_ref(), processes: processes.as_ref() };
            send(outside, &config, &state, &notices);
        }));
    }

    /// Resumes what is due by the wall clock and by the boot clock.
    fn start_due(&mut self, incidents: &[Incident], spent: bool) {
        let now = self.ground.clock.now();
        let clock = self.ground.clock.as_ref();
        let paused = Paused::read(&self.state);
        self.due.retain(|session, _| incidents.iter().any(|one| one.session == *session));
        let mut ready: Vec<&Incident> = incidents
            .iter()
            .filter(|one| {
                let open_run = under_way(one);
                let due = one.plan.action == Action::Run
                    && one.phase == Phase::Waiting
                    && one.plan.at.is_some_and(|at| at <= now)
                    && self
                        .due
                        .entry(one.session.clone())
                        .or_default()
                        .left(one.plan.at, one.generation, one.timing.as_ref(), clock)
                        .is_zero();
                (due || open_run) && !paused.holds(&one.session)
            })
            .collect();
        if spent {
            // Runs that were made are still looked after.
            let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
            ready.retain(|one| {
                let open_run = under_way(one);
                if !open_run {
                    waits.insert(one.session.clone(), NotYet::NightlyCap.to_string());
                }
                open_run
            });
        }
        // One after the other for each account, the longest due first.
        ready.sort_by_key(|one| one.plan.at);
        let mut accounts: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for one in ready {
            accounts.entry(account_key(one)).or_default().push(one.session.clone());
        }
        for sessions in accounts.into_values() {
            let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            // One probe; the rest follows at the next looks, while what was probed did not stop again.
            if sessions.iter().any(|one| running.contains(one)) {
                continue;
            }
            running.extend(sessions.iter().cloned());
            drop(running);
            self.start(sessions);
        }
    }

    /// Resumes the first of an account's sessions that may be resumed now.
    fn start(&self, sessions: Vec<String>) {
        let ground = Arc::clone(&self.ground);
        let running = Arc::clone(&self.running);
        let waits = Arc::clone(&self.waits);
        let state = self.state.clone();
        let default_home = self.default_home();
        std::thread::spawn(move || {
            // One that has to wait, perhaps for hours, keeps no other from its turn.
            for session in &sessions {
                let (told, next) = match resumed(&ground, &state, default_home.as_deref(), session) {
                    Ok(ResumeOutcome::NotYet(why)) => (Some(why.to_string()), true),
                    Ok(ResumeOutcome::Left(left)) => (Some(left.to_string()), true),
                    Ok(ResumeOutcome::UnderWay) => (Some(NotYet::RunUnderWay.to_string()), false),
                    Ok(ResumeOutcome::Ran) => (None, false),
                    Err(error) => (Some(error.to_string()), true),
                };
                let mut waits = waits.lock().unwrap_or_else(PoisonError::into_inner);
                match told {
                    Some(why) => waits.insert(session.clone(), why),
                    None => waits.remove(session),
                };
                if !next {
                    break;
                }
            }
            let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
            running.retain(|one| !sessions.contains(one));
        });
    }

    /// Runs of this supervisor that are under way.
    #[must_use]
    pub fn busy(&self) -> bool {
        !self.running.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn tell(&self, incidents: &[Incident], problems: Vec<Error>, config: &Config, leads: bool) -> Looked {
        let now = self.ground.clock.now();
        let paused = Paused::read(&self.state);
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let sessions: Vec<Charge> = incidents
            .iter()
            .map(|one| Charge {
                id: one.session.clone(),
                project: one.project.clone(),
                stop: one.stop.kind,
                phase: one.phase.as_str(),
                next: one.plan.clone(),
                paused: paused.holds(&one.session),
                running: one.phase == Phase::Attempting && Lock::is_held(&self.state.run_lease(&one.session)),
                waits: waits.get(&one.session).cloned(),
                runs: one.attempts.iter().filter(|attempt| attempt.run.is_some()).count(),
                last: one
                    .attempts
                    .iter()
                    .rev()
                    .find_map(|attempt| Some(attempt.run.as_ref()?.result.as_ref()?.ended.clone())),
            })
            .collect();
        let owed = !running.is_empty() || !self.telling.is_empty() || incidents.iter().any(is_owed);
        let due = sessions.iter().any(|one| {
            let run = one.phase == Phase::Waiting.as_str()
                && one.next.action == Action::Run
                && one.next.at.is_some_and(|at| at <= now);
            !one.paused && one.waits.is_none() && (run || one.phase == Phase::Attempting.as_str())
        });
        let poll = std::time::Duration::try_from_secs_f64(config.supervisor.poll_seconds).unwrap_or(LONGEST);
        let next_due = incidents
            .iter()
            .filter(|one| one.plan.action == Action::Run && one.phase == Phase::Waiting)
            .filter_map(|one| (one.plan.at? - now).to_std().ok())
            .filter(|left| !left.is_zero())
            .min();
        let soon = if self.telling.is_empty() { poll } else { TELLING };
        let step = next_due.map_or(soon, |left| left.min(soon)).clamp(SHORTEST, LONGEST);
        Looked {
            schema: "cc-session-recover/watch@1",
            generated_at: now,
            supervisor: peek::<Supervising>(&self.state.supervisor())
                .ok()
                .flatten()
                .map_or(self.ground.pid, |known| known.pid),
            own: leads,
            sessions,
            looks_again_at: Duration::from_std(step).ok().map(|step| now + step),
            looks_again_in: u64::try_from(step.as_millis()).unwrap_or(u64::MAX),
            owed,
            due,
            problems: problems.into_iter().map(Problem::from).collect(),
        }
    }

    /// What tells that it should look again before it is time.
    #[must_use]
    pub fn changes(&self) -> Changes {
        Changes::of(&self.state)
    }

    /// Looks again and again until nothing is owed.
    ///
    /// # Errors
    /// Those of [`Self::look`].
    pub fn until_nothing_is_owed(&mut self) -> Result<()> {
        let changes = self.changes();
        loop {
            let looked = self.look()?;
            let done = if looked.own { !looked.owed } else { !self.serves_any };
            if done && !self.busy() {
                return Ok(());
            }
            let _ = changes.wait(std::time::Duration::from_millis(looked.looks_again_in));
        }
    }

    fn default_home(&self) -> Option<PathBuf> {
        self.ground.env.home().map(|home| home.join(".claude"))
    }

    fn ledger<'l>(&'l self, config: &'l Config, default_home: Option<&'l Path>) -> Ledger<'l> {
        Ledger { state: &self.state, clock: self.ground.clock.as_ref(), config, default_home }
    }
}

/// What the user is notified of. That a limit has reset concerns every session; the rest only those that may be resumed
/// unattended, and only while it is news.
fn notice_kind(incident: &Incident, agreed: bool, now: DateTime<Utc>) -> Option<Kind> {
    let reset = incident.plan.notified_at().filter(|_| incident.phase == Phase::Held);
    if reset.is_some_and(|reset| (Duration::zero()..RECENT).contains(&(now - reset))) {
        return Some(Kind::LimitReset);
    }
    if !agreed || now - incident.updated_at > NEWS {
        return None;
    }
    let ran = incident.attempts.iter().any(|attempt| attempt.run.is_some());
    match incident.phase {
        Phase::Waiting => (incident.plan.action == Action::Run).then_some(Kind::Stopped),
        Phase::Attempting => ran.then_some(Kind::Resumed),
        Phase::Recovered => ran.then_some(Kind::Recovered),
        Phase::MovedOn => (incident.plan.reason == PlanReason::TakenOver).then_some(Kind::TakenOver),
        Phase::Superseded => Some(Kind::Superseded),
        Phase::Held => Some(Kind::Held),
        Phase::GivenUp => Some(Kind::GivenUp),
        Phase::Open | Phase::Cancelled => None,
    }
}

/// Something is still going to be done for it without the user.
fn is_owed(incident: &Incident) -> bool {
    under_way(incident) || incident.phase == Phase::Waiting && incident.plan.action == Action::Run
}

/// A run of it is to be looked after.
fn under_way(incident: &Incident) -> bool {
    incident.phase == Phase::Attempting || !incident.phase.is_over() && incident.open_run().is_some()
}

fn state_of(path: &Path) -> Option<State> {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.modified().ok()?, meta.len()))
}

/// Since when a stop of this session would be one that nobody knows of; `None` when its incident is open, or its transcript
/// was not written to since that ended. An incident that is damaged is put aside, and made anew from the transcript.
fn unseen_since(
    ledger: &Ledger<'_>,
    session: &str,
    written: DateTime<Utc>,
    since: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    match ledger.read(session).or_else(|_| ledger.change(session, |_| {})) {
        Ok(None) => Some(since),
        Ok(Some(known)) if known.phase.is_over() && written > known.updated_at => {
            Some(since.max(known.updated_at))
        }
        _ => None,
    }
}

fn resumed(
    ground: &Ground,
    state: &StateDir,
    default_home: Option<&Path>,
    session: &str,
) -> Result<ResumeOutcome> {
    let project = peek::<Incident>(&state.incident(session)).ok().flatten().and_then(|one| one.project);
    let config = in_force(&ground.env, project.as_deref()).config;
    let ledger = Ledger { state, clock: ground.clock.as_ref(), config: &config, default_home };
    let reading = Reading {
        ledger,
        env: &ground.env,
        processes: ground.processes.as_ref(),
        provenance: &ground.provenance,
    };
    Resumer { reading, own_pid: ground.pid, now: false }.resume(session)
}

/// A limit is one of the account: what the newest stop tells of its end holds for every session of it.
fn gate(incidents: &mut [Incident]) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::parse_rfc3339;
    use crate::session::Stop;

    fn at(text: &str) -> DateTime<Utc> {
        parse_rfc3339(text).unwrap()
    }

    fn incident(kind: StopKind) -> Incident {
        let report = Report {
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
    fn the_user_is_notified_of_each_step_and_of_a_far_reset_without_consent_as_well() {
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
            ("far, at the reset", &far, false, "2026-11-24T02:00:00Z", Some(Kind::LimitReset)),
            ("far, long after it", &far, false, "2026-11-26T02:00:00Z", None),
            ("budget, at its date", &budget, false, "2026-11-24T02:00:00Z", Some(Kind::LimitReset)),
            ("far, at the stop", &far, true, soon, Some(Kind::Held)),
            ("far, at the stop, without consent", &far, false, soon, None),
            ("a login", &login, true, soon, Some(Kind::Held)),
            ("a login, no news", &login, true, later, None),
            ("taken over", &taken_over, true, soon, Some(Kind::TakenOver)),
            ("continued by the user", &moved_on, true, soon, None),
            ("superseded", &superseded, true, soon, Some(Kind::Superseded)),
            ("superseded, without consent", &superseded, false, soon, None),
            ("just opened", &stopped, true, soon, None),
        ] {
            assert_eq!(of(incident, agreed, now), expected, "{what}");
        }
    }
}
