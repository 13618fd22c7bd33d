//! An inventory: every session of the configuration directories that are looked at, with the process that holds it and
//! the incident that looks after it. Verbs ask it for rows and have those they show made into reports.

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
use crate::session::files::{Beside, project_directories};
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

/// Stops that no hook of ours saw are somebody's business for this long.
const RECENT: Duration = Duration::days(14);
/// A time that is further ahead of the clock than this was written by a clock that was wrong, or ours is.
const CLOCK_SKEW: Duration = Duration::minutes(1);

/// What is needed to make an inventory; it outlives it.
pub struct ReportContext<'a> {
    /// What is taken from outside.
    pub world: World<'a>,
    /// Where our own files are.
    pub state: StateDir,
    /// The configuration in force.
    pub config: Config,
    /// Claude Code's default configuration directory.
    default_home: Option<PathBuf>,
    /// What is wrong with the configuration.
    pub problem: Option<Error>,
}

impl<'a> ReportContext<'a> {
    /// Reads the configuration.
    ///
    /// # Errors
    /// [`crate::error::Code::StateDirUnknown`].
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

    /// The incidents on disk.
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

/// One session that was found.
pub struct InventoryRow {
    pub found: Found,
    /// What its transcript tells.
    pub summary: Box<Summary>,
}

/// Everything that was found.
pub struct Inventory<'a> {
    ground: &'a ReportContext<'a>,
    ledger: Ledger<'a>,
    /// When everything was looked at.
    taken_at: DateTime<Utc>,
    pub homes: Vec<ClaudeHome>,
    /// Live clients and what dead ones left.
    pub owners: Owners,
    /// Stops that are looked after, by session.
    pub incidents: BTreeMap<String, Incident>,
    pub rows: Vec<InventoryRow>,
    /// Transcripts that cannot be read, and why; `problems` has these errors too.
    pub unread: Vec<(Found, Error)>,
    /// Directories of transcripts that cannot be read, and why; `problems` has these errors too.
    pub unlisted: Vec<Error>,
    /// What stands beside the transcripts in their directories.
    pub beside: Vec<Arc<Beside>>,
    /// Sessions with an incident whose transcript cannot be read any more.
    pub lost: Vec<Incident>,
    /// What could not be read.
    pub problems: Vec<Error>,
    /// What the user paused.
    paused: Paused,
    /// Context windows that clients told, by model.
    windows: BTreeMap<String, u64>,
    table: OnceCell<Vec<Process>>,
    retention: Vec<OnceCell<Option<RetentionLimit>>>,
    verdicts: RefCell<HashMap<PathBuf, Verdict>>,
    /// Processes by the session that their environment names; read when first asked for.
    started_for: OnceCell<HashMap<String, Vec<usize>>>,
    /// Working directories of sessions by the directory of their transcripts; made when first asked for.
    neighbours: OnceCell<HashMap<PathBuf, BTreeSet<String>>>,
    booted_at: OnceCell<Option<DateTime<Utc>>>,
    /// Directories that clients remember, by configuration directory; read when first asked for.
    known_projects: Vec<OnceCell<Vec<String>>>,
    /// Where transcripts were relocated to; read when first asked for.
    moves: OnceCell<Moves>,
    /// A conflict copy that was asked for by its path.
    copy: OnceCell<Box<InventoryRow>>,
    /// A kept session without a transcript that was asked for, and its row.
    opened: OnceCell<Box<(OpenedSession, InventoryRow)>>,
    /// Only sessions of this directory are here.
    project: Option<PathBuf>,
    /// Enabled projects by working directory: many sessions share one.
    enclosing: RefCell<BTreeMap<String, Option<PathBuf>>>,
}

impl<'a> Inventory<'a> {
    /// Looks at everything, or at what belongs to one project.
    #[must_use]
    pub fn take(ground: &'a ReportContext<'a>, project: Option<&Path>) -> Self {
        let mut inventory = Self::open(ground);
        inventory.project = project.map(Path::to_path_buf);
        let found = inventory.find(project);
        inventory.read(found, Depth::Row);
        if let Some(project) = project {
            let rows = std::mem::take(&mut inventory.rows);
            inventory.rows = rows.into_iter().filter(|row| inventory.belongs(row, project)).collect();
        }
        inventory
    }

    /// Everything but the transcripts.
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
            neighbours: OnceCell::new(),
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

    /// Transcripts by name: all, or those of a project and of directories below it.
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
        // A session that was resumed elsewhere, or whose project has moved, is found by its incident.
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

    /// Reads what was found.
    pub fn read(&mut self, found: Vec<Found>, depth: Depth) {
        let processes = self.ground.world.processes;
        let table = self.table.get_or_init(|| processes.table());
        self.owners.add_unregistered(&self.homes, &found, table, processes);
        let owners = &self.owners;
        let own = self.ground.world.env.text("CLAUDE_CODE_SESSION_ID");
        let summaries = scan::read(&found, |one| liveness(owners, own, one), depth);
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
    }

    fn clock(&self) -> &dyn Clock {
        self.ground.world.clock
    }

    fn table(&self) -> &[Process] {
        self.table.get_or_init(|| self.ground.world.processes.table())
    }

    /// A conflict copy as a row; one copy is read in the life of an inventory.
    ///
    /// # Errors
    /// Those of opening it; [`Code::SessionNotFound`] where it is not in a configuration directory.
    pub fn read_copy(&self, path: &Path) -> Result<&InventoryRow> {
        if let Some(row) = self.copy.get() {
            return Ok(row);
        }
        let home = store_with(path, &self.homes);
        let found = home.and_then(|home| found_at(path, home)).ok_or_else(|| {
            Error::new(Code::SessionNotFound, "is not in a configuration directory that is looked at")
                .at(path)
        })?;
        let summary = thorough(path, Liveness::Gone)?;
        Ok(self.copy.get_or_init(|| Box::new(InventoryRow { found, summary: Box::new(summary) })))
    }

    /// The other transcripts of the same session, in other projects or configuration directories.
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

    /// What the user paused.
    #[must_use]
    pub const fn paused(&self) -> &Paused {
        &self.paused
    }

    fn default_home(&self) -> Option<&Path> {
        self.ground.default_home.as_deref()
    }

    /// The incidents on disk, as the configuration in force plans them.
    #[must_use]
    pub const fn ledger(&self) -> Ledger<'_> {
        self.ledger
    }
}

/// Reads one transcript as thoroughly as it can be.
///
/// # Errors
/// Those of opening the file.
pub fn thorough(path: &Path, liveness: Liveness<'_>) -> Result<Summary> {
    Transcript::open(path).map(|transcript| summarize(&transcript, liveness))
}
