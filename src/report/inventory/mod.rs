//! Takes an inventory of every session in the configuration directories in use, with the process that has it
//! open and its incident. Commands select rows from it and request descriptions of those that they show.

mod activity;
mod deletion;
mod describe;
mod kept;
mod liveness;
mod next;
mod places;

use crate::claude::home::{ClaudeHome, all_homes, can_be_below, store_with};
use crate::claude::process::Process;
use crate::claude::retention::RetentionLimit;
use crate::claude::transcript::Transcript;
use crate::clock::Clock;
use crate::config::{Config, in_force};
use crate::error::{Code, Error, Result};
use crate::keep::OpenedSession;
use crate::quota::seen_windows;
use crate::recovery::incident::Incident;
use crate::recovery::ledger::Ledger;
use crate::recovery::paused::Paused;
use crate::session::ending::Liveness;
use crate::session::files::{TranscriptSiblings, project_directories};
use crate::session::moves::Moves;
use crate::session::owners::Owners;
use crate::session::scan::{self, Found, Scanned, found_at};
use crate::session::state::{Verdict, settle};
use crate::session::summary::{Depth, Summary, summarize};
use crate::store::StateDir;
use crate::world::World;
use chrono::{DateTime, Duration, Utc};
use liveness::liveness;
use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Period during which stops that no hook observed are still reported.
const RECENT: Duration = Duration::days(14);
/// Tolerance for clock differences. A timestamp further in the future means that one of the two clocks is
/// wrong.
const CLOCK_SKEW: Duration = Duration::minutes(1);

/// Input of an inventory.
pub struct ReportContext<'a> {
    pub world: World<'a>,
    /// Directory of this tool's own files.
    pub state: StateDir,
    pub config: Config,
    default_home: Option<PathBuf>,
    /// Error in the configuration, if any.
    pub problem: Option<Error>,
}

impl<'a> ReportContext<'a> {
    /// Reads the configuration.
    ///
    /// # Errors
    ///
    /// Returns [`crate::error::Code::StateDirUnknown`].
    pub fn read(world: World<'a>, project: Option<&Path>) -> Result<Self> {
        let in_force = in_force(world.env, project);
        Ok(Self {
            world,
            state: StateDir::new(world.env.state_dir()?),
            config: in_force.config,
            default_home: world.env.home().map(|home| home.join(".claude")),
            problem: in_force.problem,
        })
    }

    /// Returns the ledger of incidents on disk.
    #[must_use]
    pub fn ledger(&self) -> Ledger<'_> {
        Ledger {
            state: &self.state,
            clock: self.world.clock,
            config: &self.config,
            default_home: self.default_home.as_deref(),
        }
    }
}

pub struct InventoryRow {
    pub found: Found,
    /// Summary of the transcript.
    pub summary: Box<Summary>,
}

pub struct Inventory<'a> {
    ground: &'a ReportContext<'a>,
    ledger: Ledger<'a>,
    /// Time of the inventory.
    taken_at: DateTime<Utc>,
    pub homes: Vec<ClaudeHome>,
    /// Live clients, and leftover records of dead ones.
    pub owners: Owners,
    /// Incidents, keyed by session id.
    pub incidents: BTreeMap<String, Incident>,
    pub rows: Vec<InventoryRow>,
    /// Unreadable transcripts with their errors, which are also in `problems`.
    pub unread: Vec<(Found, Error)>,
    /// Errors of unreadable transcript directories, which are also in `problems`.
    pub unlisted: Vec<Error>,
    /// Other files in the transcript directories.
    pub beside: Vec<Arc<TranscriptSiblings>>,
    /// Incidents whose transcript can no longer be read.
    pub lost: Vec<Incident>,
    pub problems: Vec<Error>,
    paused: Paused,
    /// Context window sizes reported by clients, by model.
    windows: BTreeMap<String, u64>,
    table: OnceCell<Vec<Process>>,
    retention: Vec<OnceCell<Option<RetentionLimit>>>,
    verdicts: RefCell<HashMap<PathBuf, Verdict>>,
    /// Processes by the session named in their environment; read on first use.
    started_for: OnceCell<HashMap<String, Vec<usize>>>,
    /// Working directories of sessions by their transcript directory; built on first use.
    neighbors: OnceCell<HashMap<PathBuf, BTreeSet<String>>>,
    booted_at: OnceCell<Option<DateTime<Utc>>>,
    /// Projects remembered by clients, per configuration directory; read on first use.
    known_projects: Vec<OnceCell<Vec<String>>>,
    /// Destinations of relocated transcripts; read on first use.
    moves: OnceCell<Moves>,
    /// A conflict copy that was requested by path.
    copy: OnceCell<Box<InventoryRow>>,
    /// The requested kept session, which has no transcript, and its row.
    opened: OnceCell<Box<(OpenedSession, InventoryRow)>>,
    /// Restricts the inventory to sessions of this directory.
    project: Option<PathBuf>,
    /// Projects with hooks by working directory, cached because many sessions share one.
    enclosing: RefCell<BTreeMap<String, Option<PathBuf>>>,
}

impl<'a> Inventory<'a> {
    /// Takes an inventory of all sessions, or of those of one project.
    ///
    /// # Errors
    ///
    /// Returns [`Code::Aborted`] if the caller aborts it.
    pub fn take(ground: &'a ReportContext<'a>, project: Option<&Path>) -> Result<Self> {
        let mut inventory = Self::open(ground);
        inventory.project = project.map(Path::to_path_buf);
        let found = inventory.find(project);
        inventory.read(found, Depth::Row)?;
        if let Some(project) = project {
            let rows = std::mem::take(&mut inventory.rows);
            inventory.rows = rows.into_iter().filter(|row| inventory.belongs(row, project)).collect();
        }
        Ok(inventory)
    }

    /// Reads everything except the transcripts.
    #[must_use]
    pub fn open(ground: &'a ReportContext<'a>) -> Self {
        let further: Vec<PathBuf> = ground.config.config_dirs.iter().map(PathBuf::from).collect();
        let homes = all_homes(ground.world.env, &further);
        let ledger = ground.ledger();
        let (incidents, unreadable) = ledger.read_all();
        let mut problems: Vec<Error> = ground.problem.iter().cloned().chain(unreadable).collect();
        let owners = Owners::read(&homes, ground.world.processes, &mut problems);
        Self {
            owners,
            incidents: incidents.into_iter().map(|incident| (incident.session.clone(), incident)).collect(),
            taken_at: ground.world.clock.now(),
            rows: Vec::new(),
            unread: Vec::new(),
            unlisted: Vec::new(),
            beside: Vec::new(),
            project: None,
            lost: Vec::new(),
            problems,
            paused: Paused::read(&ground.state),
            windows: seen_windows(&ground.state),
            table: OnceCell::new(),
            retention: homes.iter().map(|_| OnceCell::new()).collect(),
            known_projects: homes.iter().map(|_| OnceCell::new()).collect(),
            verdicts: RefCell::default(),
            neighbors: OnceCell::new(),
            started_for: OnceCell::new(),
            booted_at: OnceCell::new(),
            moves: OnceCell::new(),
            copy: OnceCell::new(),
            opened: OnceCell::new(),
            enclosing: RefCell::default(),
            homes,
            ledger,
            ground,
        }
    }

    /// Lists transcripts by name: all, or those of a project and the directories below it.
    pub fn find(&mut self, project: Option<&Path>) -> Vec<Found> {
        let mut dirs = project_directories(&self.homes, &mut self.problems);
        if let Some(project) = project {
            let can_hold = |path: &Path| {
                path.file_name().and_then(OsStr::to_str).is_some_and(|name| can_be_below(name, project))
            };
            dirs.retain(|dir| dir.paths().any(can_hold));
        }
        let Scanned { mut found, beside, problems } = scan::find(&dirs);
        self.beside = beside;
        self.unlisted.clone_from(&problems);
        self.problems.extend(problems);
        // A session that was resumed elsewhere, or whose project has moved, is found through its incident.
        for incident in
            self.incidents.values().filter(|one| project.is_none() || one.project.as_deref() == project)
        {
            let known = found.iter().any(|one| one.is_at(&incident.transcript));
            if !known && let Some(home) = store_with(&incident.transcript, &self.homes) {
                found.extend(found_at(&incident.transcript, home));
            }
        }
        found
    }

    /// Reads the transcripts that were found.
    ///
    /// # Errors
    ///
    /// Returns [`Code::Aborted`] if the caller aborts it.
    pub fn read(&mut self, found: Vec<Found>, depth: Depth) -> Result<()> {
        let processes = self.ground.world.processes;
        let table = self.table.get_or_init(|| processes.table());
        self.owners.add_unregistered(&self.homes, &found, table, processes);
        let owners = &self.owners;
        let own = self.ground.world.env.text("CLAUDE_CODE_SESSION_ID");
        let summaries = scan::read(self.ground.world.abort, &found, |one| liveness(owners, own, one), depth)?;
        self.rows.reserve(found.len());
        for (found, summary) in found.into_iter().zip(summaries) {
            match summary {
                Ok(mut summary) => {
                    if let Some(owner) = self.owners.of(&found).first() {
                        settle(&mut summary, owner);
                    }
                    self.rows.push(InventoryRow { found, summary });
                }
                Err(error) => {
                    self.problems.push(error.clone());
                    self.unread.push((found.clone(), error));
                    let known = self.incidents.get(found.id()).filter(|incident| !incident.phase.is_over());
                    self.lost.extend(known.cloned());
                }
            }
        }
        Ok(())
    }

    fn clock(&self) -> &dyn Clock {
        self.ground.world.clock
    }

    fn table(&self) -> &[Process] {
        self.table.get_or_init(|| self.ground.world.processes.table())
    }

    /// Reads a conflict copy as a row. An inventory reads only one copy.
    ///
    /// # Errors
    ///
    /// Returns the errors of opening it; [`Code::SessionNotFound`] if it is not in a configuration directory.
    pub fn read_copy(&self, path: &Path) -> Result<&InventoryRow> {
        if let Some(row) = self.copy.get() {
            return Ok(row);
        }
        let home = store_with(path, &self.homes);
        let found = home.and_then(|home| found_at(path, home)).ok_or_else(|| {
            Error::new(Code::SessionNotFound, "is not in a known configuration directory").at(path)
        })?;
        let summary = thorough(path, Liveness::Gone)?;
        Ok(self.copy.get_or_init(|| Box::new(InventoryRow { found, summary: Box::new(summary) })))
    }

    /// Returns the other transcripts of the same session, in other projects or configuration directories.
    #[must_use]
    pub fn copies(&self, row: &InventoryRow) -> Vec<PathBuf> {
        let same =
            |other: &&InventoryRow| other.found.id() == row.found.id() && !other.found.is_at(&row.found.path);
        self.rows.iter().filter(same).map(|other| other.found.path.clone()).collect()
    }

    #[must_use]
    pub const fn taken_at(&self) -> DateTime<Utc> {
        self.taken_at
    }

    #[must_use]
    pub const fn paused(&self) -> &Paused {
        &self.paused
    }

    fn default_home(&self) -> Option<&Path> {
        self.ground.default_home.as_deref()
    }

    /// Returns the ledger of incidents on disk, planned with the configuration in force.
    #[must_use]
    pub const fn ledger(&self) -> Ledger<'_> {
        self.ledger
    }
}

/// Reads one transcript at full depth.
///
/// # Errors
///
/// Returns the errors of opening the file.
pub fn thorough(path: &Path, liveness: Liveness<'_>) -> Result<Summary> {
    Transcript::open(path).map(|transcript| summarize(&transcript, liveness))
}
