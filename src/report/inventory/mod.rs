//! An inventory: every session of the configuration directories that are looked at, with the process that holds it and
//! the incident that looks after it. Verbs ask it for rows and have those they show made into reports.

use super::resume::start_directory;
use super::session::{Retention, Session, Subagents, TranscriptLoss};
use crate::claude::glance::{glance, kind_of, text_after};
use crate::claude::home::{ClaudeHome, all_homes, can_be_below, encode_project_path, store_with};
use crate::claude::process::{Process, below};
use crate::claude::record::Body;
use crate::claude::retention::{RetentionLimit, is_exempt};
use crate::claude::settings::managed_dir;
use crate::claude::transcript::{Backwards, Transcript};
use crate::clock::{Clock, from_epoch_millis, parse_rfc3339};
use crate::config::{Config, in_force};
use crate::error::{Code, Error, Result};
use crate::fs::read_small;
use crate::keep::{KeptAs, KeptEntry, KeptSession, Loss, OpenedSession, kept_of, kept_register, loss_of};
use crate::quota::seen_windows;
use crate::recovery::heartbeat::{WaitSwitches, is_offline, obstacle};
use crate::recovery::incident::{Attempt, Incident, Obstacle, Phase, Report};
use crate::recovery::ledger::Ledger;
use crate::recovery::paused::Paused;
use crate::recovery::plan::{Action, RecoveryPlan, resume_command};
use crate::recovery::policy::{Terminal, user_needed};
use crate::recovery::reason::{PlanReason, Reason};
use crate::recovery::siblings::repeated_by;
use crate::session::ending::Liveness;
use crate::session::files::{Beside, project_directories};
use crate::session::moves::Moves;
use crate::session::origin::start_of;
use crate::session::owners::{OwnerProcess, Owners, SessionOwners};
use crate::session::scan::{self, Found, Scanned, found_at};
use crate::session::state::{Died, OpenAtCrash, Signs, State, Verdict, settle, with_owners, without_owner};
use crate::session::summary::{Depth, Summary, started_at, summarize};
use crate::session::{Evidence, Source, Stop, StopKind};
use crate::store::StateDir;
use crate::store::lock::Lock;
use crate::threads::{PORTION, side_by_side};
use crate::trust::enabled::{all_enabled, enclosing};
use crate::world::World;
use chrono::{DateTime, Duration, Utc};
use compact_str::CompactString;
use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Processes that are named of a client that is gone.
const MOST_LEFT: usize = 5;
/// Stops that no hook of ours saw are somebody's business for this long.
const RECENT: Duration = Duration::days(14);
/// Between two looks at the processor time of a client that may hang.
const SAMPLE: std::time::Duration = std::time::Duration::from_millis(100);
/// A time that is further ahead of the clock than this was written by a clock that was wrong, or ours is.
const SKEW: Duration = Duration::minutes(1);
/// Bytes from the end of a transcript in which a time that is not ahead of the clock is looked for.
const BELIEVED_TAIL: u64 = 1024 * 1024;
/// Messages of a turn that are looked through for open calls.
const MOST_MESSAGES: usize = 400;
/// Largest `.claude.json` that is read, in bytes.
const LARGEST_CLIENT_FILE: u64 = 16 * 1024 * 1024;
/// What a tool's program may be older than the record of its call.
const CALL_SLACK: Duration = Duration::seconds(2);

/// What is needed to make an inventory; it outlives it.
pub struct Ground<'a> {
    /// What is taken from outside.
    pub outside: World<'a>,
    /// Where our own files are.
    pub state: StateDir,
    /// The configuration in force.
    pub config: Config,
    /// Claude Code's default configuration directory.
    default_home: Option<PathBuf>,
    /// What is wrong with the configuration.
    pub problem: Option<Error>,
}

impl<'a> Ground<'a> {
    /// Reads the configuration.
    ///
    /// # Errors
    /// [`crate::error::Code::StateDirUnknown`].
    pub fn read(outside: World<'a>, project: Option<&Path>) -> Result<Self> {
        let in_force = in_force(outside.env, project);
        Ok(Self {
            outside,
            state: StateDir::new(outside.env.state_dir()?),
            config: in_force.config,
            default_home: outside.env.home().map(|home| home.join(".claude")),
            problem: in_force.problem,
        })
    }

    /// The incidents on disk.
    #[must_use]
    pub fn ledger(&self) -> Ledger<'_> {
        Ledger {
            state: &self.state,
            clock: self.outside.clock,
            config: &self.config,
            default_home: self.default_home.as_deref(),
        }
    }
}

/// One session that was found.
pub struct Row {
    pub found: Found,
    /// What its transcript tells.
    pub summary: Box<Summary>,
}

/// What a report takes from a session's files besides the end of its transcript.
struct Files {
    started_at: Option<DateTime<Utc>>,
    modified: Option<DateTime<Utc>>,
    subagents: Subagents,
}

impl Files {
    fn of(row: &Row) -> Self {
        let transcript = Transcript::open(&row.found.path).ok();
        let beginning = transcript.as_ref().filter(|_| row.summary.started_at.is_none());
        Self {
            started_at: beginning.and_then(started_at),
            modified: transcript.as_ref().and_then(Transcript::modified).map(DateTime::from),
            subagents: Subagents::of(&row.found),
        }
    }
}

/// Everything that was found.
pub struct Inventory<'a> {
    ground: &'a Ground<'a>,
    ledger: Ledger<'a>,
    /// When everything was looked at.
    taken_at: DateTime<Utc>,
    pub homes: Vec<ClaudeHome>,
    /// Live clients and what dead ones left.
    pub owners: Owners,
    /// Stops that are looked after, by session.
    pub incidents: BTreeMap<String, Incident>,
    pub rows: Vec<Row>,
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
    /// Working directories of sessions by the directory of their transcripts; made when first asked for.
    neighbours: OnceCell<HashMap<PathBuf, BTreeSet<String>>>,
    booted_at: OnceCell<Option<DateTime<Utc>>>,
    /// Directories that clients remember, by configuration directory; read when first asked for.
    known_projects: Vec<OnceCell<Vec<String>>>,
    /// Where transcripts were relocated to; read when first asked for.
    moves: OnceCell<Moves>,
    /// A conflict copy that was asked for by its path.
    copy: OnceCell<Box<Row>>,
    /// A kept session without a transcript that was asked for, and its row.
    opened: OnceCell<Box<(OpenedSession, Row)>>,
    /// Only sessions of this directory are here.
    project: Option<PathBuf>,
    /// Enabled projects by working directory: many sessions share one.
    enclosing: RefCell<BTreeMap<String, Option<PathBuf>>>,
}

impl<'a> Inventory<'a> {
    /// Looks at everything, or at what belongs to one project.
    #[must_use]
    pub fn take(ground: &'a Ground<'a>, project: Option<&Path>) -> Self {
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
    pub fn open(ground: &'a Ground<'a>) -> Self {
        let further: Vec<PathBuf> = ground.config.config_dirs.iter().map(PathBuf::from).collect();
        let homes = all_homes(ground.outside.env, &further);
        let ledger = ground.ledger();
        let (incidents, unreadable) = ledger.read_all();
        let mut problems: Vec<Error> = ground.problem.iter().cloned().chain(unreadable).collect();
        let owners = Owners::read(&homes, ground.outside.processes, &mut problems);
        Self {
            owners,
            incidents: incidents.into_iter().map(|incident| (incident.session.clone(), incident)).collect(),
            taken_at: ground.outside.clock.now(),
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
        let processes = self.ground.outside.processes;
        let table = self.table.get_or_init(|| processes.table());
        self.owners.add_unregistered(&self.homes, &found, table, processes);
        let owners = &self.owners;
        let own = self.ground.outside.env.text("CLAUDE_CODE_SESSION_ID");
        let summaries = scan::read(&found, |one| liveness(owners, own, one), depth);
        self.rows.reserve(found.len());
        for (found, summary) in found.into_iter().zip(summaries) {
            match summary {
                Ok(mut summary) => {
                    if let Some(owner) = self.owners.of(&found).first() {
                        settle(&mut summary, owner);
                    }
                    self.rows.push(Row { found, summary });
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
        self.ground.outside.clock
    }

    /// When a session was active last, as far as that can be believed: where a record is from the future, the time its file was
    /// written counts. What is shown is what is recorded.
    #[must_use]
    pub fn active_at(&self, row: &Row) -> Option<DateTime<Utc>> {
        self.believed(row.summary.last_activity, &row.found.path)
    }

    /// The order of "the latest": a session whose newest message is ahead of the clock comes behind all others.
    #[must_use]
    pub fn recency(&self, row: &Row) -> (bool, Option<DateTime<Utc>>) {
        let told = row.summary.last_activity.is_none_or(|at| at <= self.taken_at + SKEW);
        (told, self.active_at(row))
    }

    fn believed(&self, at: Option<DateTime<Utc>>, path: &Path) -> Option<DateTime<Utc>> {
        let now = self.taken_at;
        let at = at?;
        if at <= now + SKEW {
            return Some(at);
        }
        let modified = || std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
        let earlier = newest_before(path, now + SKEW);
        Some(earlier.or_else(|| modified().map(DateTime::from)).map_or(now, |at| at.min(now)))
    }

    /// Working directories of the sessions whose transcripts stand beside this one.
    #[must_use]
    pub fn neighbours(&self, row: &Row) -> &BTreeSet<String> {
        static NONE: BTreeSet<String> = BTreeSet::new();
        let known = self.neighbours.get_or_init(|| {
            let mut known: HashMap<PathBuf, BTreeSet<String>> = HashMap::new();
            for row in &self.rows {
                if let (Some(dir), Some(cwd)) = (row.found.path.parent(), row.summary.cwd.as_deref()) {
                    let dirs = match known.get_mut(dir) {
                        Some(dirs) => dirs,
                        None => known.entry(dir.to_path_buf()).or_default(),
                    };
                    if !dirs.contains(cwd) {
                        dirs.insert(cwd.to_owned());
                    }
                }
            }
            known
        });
        row.found.path.parent().and_then(|dir| known.get(dir)).unwrap_or(&NONE)
    }

    fn table(&self) -> &[Process] {
        self.table.get_or_init(|| self.ground.outside.processes.table())
    }

    /// Whether a session is in the configuration directory that a client started here would use.
    #[must_use]
    pub fn is_in_force(&self, row: &Row) -> bool {
        let in_force = self.ground.outside.env.claude_config_dir();
        in_force.is_some_and(|dir| self.homes[row.found.home].dir() == dir)
    }

    /// The directory that was asked about, where only its sessions are here.
    #[must_use]
    pub fn project(&self) -> Option<&Path> {
        self.project.as_deref()
    }

    /// Whether a session belongs to a project: its newest message was written there or below, it was started there, or it was
    /// relocated to it. The name of its directory alone does not tell, for different paths have the same encoded name.
    #[must_use]
    pub fn belongs(&self, row: &Row, project: &Path) -> bool {
        let within = |dir: &str| Path::new(dir).starts_with(project);
        let moved = self.moved_to(&row.found);
        if let Some(dir) = moved.filter(|dir| Path::new(dir).is_dir()) {
            return within(dir);
        }
        if row.summary.cwd.as_deref().is_some_and(within) {
            return true;
        }
        let of_incident = self.incidents.get(row.found.id()).and_then(|one| one.project.as_deref());
        if of_incident == Some(project) {
            return true;
        }
        Self::is_of(row, project)
    }

    /// Whether a client started in the working directory opens this session by its id.
    #[must_use]
    pub fn is_here(&self, row: &Row) -> bool {
        let here = self.ground.outside.env.cwd();
        match self.moved_to(&row.found) {
            Some(dir) => Path::new(dir) == here,
            None => Self::is_of(row, here),
        }
    }

    /// Whether the directory in which a session is resumed is there.
    #[must_use]
    pub fn is_there(&self, row: &Row) -> bool {
        start_directory(self.ground.outside, self, row).0.is_some_and(|dir| Path::new(&dir).is_dir())
    }

    /// The directory in which this command runs.
    #[must_use]
    pub fn working_directory(&self) -> &Path {
        self.ground.outside.env.cwd()
    }

    /// Where our own files are.
    #[must_use]
    pub fn state_directory(&self) -> &StateDir {
        &self.ground.state
    }

    /// A conflict copy as a row; one copy is read in the life of an inventory.
    ///
    /// # Errors
    /// Those of opening it; [`Code::SessionNotFound`] where it is not in a configuration directory.
    pub fn read_copy(&self, path: &Path) -> Result<&Row> {
        if let Some(row) = self.copy.get() {
            return Ok(row);
        }
        let home = store_with(path, &self.homes);
        let found = home.and_then(|home| found_at(path, home)).ok_or_else(|| {
            Error::new(Code::SessionNotFound, "is not in a configuration directory that is looked at")
                .at(path)
        })?;
        let summary = thorough(path, Liveness::Gone)?;
        Ok(self.copy.get_or_init(|| Box::new(Row { found, summary: Box::new(summary) })))
    }

    /// Whether no configuration directory has a transcript of a session, also beyond the project that was asked about.
    #[must_use]
    pub fn is_gone(&self, session: &str) -> bool {
        let known = self.rows.iter().any(|row| row.found.id() == session);
        !known && !self.present().contains(session)
    }

    /// A session whose transcript is gone, as a row that is read from what is kept of it. One is read in the life of an inventory.
    ///
    /// # Errors
    /// Those of [`OpenedSession::open`] and of opening the transcript.
    pub fn read_kept(&self, kept: KeptSession) -> Result<&Row> {
        if let Some(opened) = self.opened.get() {
            return Ok(&opened.1);
        }
        let own = |home: &ClaudeHome| home.dir() == kept.config_dir;
        let home = self.homes.iter().position(own).unwrap_or_default();
        let opened = OpenedSession::open(&self.ground.state, kept)?;
        let named =
            || Error::new(Code::SessionNotFound, "not the name of a transcript").at(&opened.transcript);
        let found = opened.found(home).ok_or_else(named)?;
        let summary = Box::new(thorough(&found.path, Liveness::Gone)?);
        Ok(&self.opened.get_or_init(|| Box::new((opened, Row { found, summary }))).1)
    }

    /// The same, of a session by its id.
    ///
    /// # Errors
    /// [`Code::SessionNotFound`] for one that is not kept, and those of [`read_kept`](Self::read_kept).
    pub fn read_kept_of(&self, session: &str) -> Result<&Row> {
        let gone = || Error::new(Code::SessionNotFound, format!("session {session} is no longer kept"));
        self.read_kept(kept_of(&self.ground.state, session)?.ok_or_else(gone)?)
    }

    /// Removes what [`read_kept`](Self::read_kept) unpacked, so that the next kept session can be read.
    pub fn close_kept(&mut self) {
        self.opened = OnceCell::new();
    }

    /// Kept sessions of this inventory's project whose transcript is gone.
    #[must_use]
    pub fn gone_kept(&self) -> Vec<KeptEntry> {
        let present = self.present();
        let within = |entry: &KeptEntry| {
            let cwd = entry.cwd.as_deref().map(Path::new);
            self.project().is_none_or(|project| cwd.is_some_and(|cwd| cwd.starts_with(project)))
        };
        let mut kept = kept_register(&self.ground.state, &mut Vec::new());
        kept.retain(|entry| entry.is_gone() && within(entry) && !present.contains(&entry.session));
        kept
    }

    /// Ids of all transcripts in all configuration directories.
    fn present(&self) -> BTreeSet<String> {
        let found = scan::find(&project_directories(&self.homes, &mut Vec::new())).found;
        found.iter().map(|one| one.id().to_owned()).collect()
    }

    /// The kept session that a row is read from; `None` for one whose transcript is there.
    #[must_use]
    pub fn opened(&self, found: &Found) -> Option<&OpenedSession> {
        let (opened, row) = &**self.opened.get()?;
        (row.found.path == found.path).then_some(opened)
    }

    /// The configuration directory that holds the files of a row.
    #[must_use]
    pub fn files_of(&self, row: &Row) -> &ClaudeHome {
        self.opened(&row.found).map_or(&self.homes[row.found.home], |opened| &opened.home)
    }

    /// The other transcripts of the same session, in other projects or configuration directories.
    #[must_use]
    pub fn copies(&self, row: &Row) -> Vec<PathBuf> {
        let same = |other: &&Row| other.found.id() == row.found.id() && !other.found.is_at(&row.found.path);
        self.rows.iter().filter(same).map(|other| other.found.path.clone()).collect()
    }

    /// Whether a session was started in a directory, as far as its files tell: only a recorded directory with the same encoded
    /// name rules that out. Where the directory of its transcripts has several names, all of them count.
    fn is_of(row: &Row, dir: &Path) -> bool {
        let encoded = encode_project_path(&dir.to_string_lossy());
        let named = row.found.directories().any(|dir| dir.file_name() == Some(OsStr::new(&encoded)));
        let twin = |start: &str| !Path::new(start).starts_with(dir) && encode_project_path(start) == encoded;
        named && !start_of(&row.found, row.summary.cwd.as_deref()).is_some_and(|start| twin(&start))
    }

    /// Directories in which clients of a session's configuration directory were used, as the client itself remembers them.
    #[must_use]
    pub fn known_projects(&self, row: &Row) -> &[String] {
        self.projects_of(row.found.home)
    }

    fn projects_of(&self, index: usize) -> &[String] {
        let home = &self.homes[index];
        self.known_projects[index].get_or_init(|| {
            let default = self.default_home().filter(|default| *default == home.dir());
            let beside = default.and_then(Path::parent).map(|dir| dir.join(".claude.json"));
            beside
                .into_iter()
                .chain([home.dir().join(".claude.json")])
                .flat_map(|path| projects_in(&path))
                .collect()
        })
    }

    /// Where the transcript of a session was relocated to.
    #[must_use]
    pub fn moved_to(&self, found: &Found) -> Option<&str> {
        let moves = self.moves.get_or_init(|| Moves::read(&self.ground.state));
        moves.of(found)
    }

    /// Whether a session lives, as far as it decides how its end is read.
    #[must_use]
    pub fn liveness(&self, row: &Row) -> Liveness<'_> {
        liveness(&self.owners, self.ground.outside.env.text("CLAUDE_CODE_SESSION_ID"), &row.found)
    }

    /// Every process that has a session open, or may have.
    #[must_use]
    pub fn owners_of(&self, found: &Found) -> &SessionOwners {
        self.owners.of(found)
    }

    /// The live client of a session; of several, the one that works.
    #[must_use]
    pub fn owner(&self, found: &Found) -> Option<&OwnerProcess> {
        self.owners.of(found).first()
    }

    /// A session as a report, with all that costs more than its transcript's end.
    #[must_use]
    pub fn report(&self, row: &Row) -> Session {
        self.report_with(row, Files::of(row))
    }

    /// The same of several sessions, whose files are looked at side by side.
    pub fn reports<'r>(&'r self, rows: &'r [&'r Row]) -> impl Iterator<Item = Session> + 'r {
        let files = side_by_side(rows, PORTION, || |row: &&Row| Files::of(row));
        rows.iter().zip(files).map(|(row, files)| self.report_with(row, files))
    }

    fn report_with(&self, row: &Row, files: Files) -> Session {
        let home = &self.homes[row.found.home];
        let owner = self.owner(&row.found);
        let verdict = self.verdict(row);
        let mut session = Session::of(row, home, self.owners_of(&row.found), verdict);
        let opened = self.opened(&row.found);
        if let Some(opened) = opened {
            session.transcript.clone_from(&opened.kept.transcript);
        }
        session.started_at = session.started_at.or(files.started_at);
        session.subagents = files.subagents;
        let most = self.ground.config.context.max_session_megabytes * 1_000_000.0;
        session.oversized = crate::text::as_fraction(session.bytes) > most;
        session.weigh(&self.ground.config.context, &self.windows);
        session.open_at_crash = self.open_at_crash(row);
        if let Some(owner) = owner {
            let table = self.table();
            session.add_processes(owner, table, self.ground.outside.processes);
        } else {
            // Opening it again writes to it, so the time of an open session says nothing yet.
            session.retention = self.retention(row, files.modified);
            session.deleted_after = session.retention.as_ref().map(|retention| retention.deleted_after);
        }
        self.add_next(&mut session, self.owners_of(&row.found));
        let (start, _) = start_directory(self.ground.outside, self, row);
        if let Some(dir) = start.as_deref().map(Path::new).filter(|dir| !dir.is_dir())
            && session.live.is_none()
            && matches!(session.next.action, Action::Run | Action::Resume | Action::Notify)
        {
            let relocate = ["cc-session-recover", "relocate", &session.id].map(str::to_owned).to_vec();
            session.next = RecoveryPlan::new(Action::Resume, None, Reason::DirectoryGone(Some(dir)))
                .with_command(relocate);
        }
        let broken_off = matches!(session.stop.kind, StopKind::Closed | StopKind::Crashed);
        if session.live.is_none() && broken_off && session.next.action != Action::None {
            let left = self.left_running(&session.id);
            if !left.is_empty() {
                let names = left.join(", ");
                session.next.why = format!("{}; still running from it: {names}", session.next.why);
                let fact = format!("processes that it started still run: {names}");
                session.evidence.push(Evidence::new(Source::Process, fact));
            }
        }
        session.add_commands(home, self.default_home(), self.is_in_force(row), start);
        if !self.owners_of(&row.found).elsewhere.is_empty() {
            // Somebody else may have it open.
            session.commands.resume = None;
            session.next.argv = None;
        }
        if session.stop.kind == StopKind::Empty && session.live.is_none() {
            // The client refuses a session without a conversation.
            session.next.argv = None;
        }
        if let Some(plan) = self.continued_elsewhere(row).filter(|_| session.live.is_none()) {
            if plan.reason == PlanReason::PromptRepeated {
                // So will the supervisor, at the planned time.
                let known = self.incidents.get(&session.id).filter(|one| one.transcript == row.found.path);
                session.incident =
                    known.map(|one| Incident { phase: Phase::Superseded, plan: plan.clone(), ..shown(one) });
            }
            session.commands.resume = None;
            session.next = plan;
        }
        if opened.is_some() {
            session.mark_deleted();
        }
        session.put_into_group();
        session
    }

    /// What is left to do for a session whose work continued in another one: nothing.
    #[must_use]
    pub fn continued_elsewhere(&self, row: &Row) -> Option<RecoveryPlan> {
        if let Some(session) = &row.summary.continued_in {
            return Some(RecoveryPlan::nothing(Reason::ContinuedElsewhere { session }));
        }
        let unfinished = row.summary.stop.is_unfinished();
        let later = unfinished.then(|| repeated_by(&row.found.path, &row.summary)).flatten()?;
        Some(RecoveryPlan::nothing(Reason::PromptRepeated { session: &later }))
    }

    /// Programs that a client started for this session and that outlived it, by the session's id in their environment.
    fn left_running(&self, session: &str) -> Vec<String> {
        const NAME: &str = "CLAUDE_CODE_SESSION_ID";
        let processes = self.ground.outside.processes;
        let keep = |name: &str| (name == NAME).then_some(true);
        let of_session = |pid: u32| {
            let known = processes.variables(pid, &keep);
            known.is_some_and(|known| known.get(NAME).is_some_and(|id| id.as_deref() == Some(session)))
        };
        self.table()
            .iter()
            .filter(|process| of_session(process.pid) && !is_ours(&processes.command_line(process.pid)))
            .take(MOST_LEFT)
            .map(|process| format!("{} (process {})", process.name, process.pid))
            .collect()
    }

    fn default_home(&self) -> Option<&Path> {
        self.ground.default_home.as_deref()
    }

    /// When Claude Code deletes the transcript of a session, and what decides that; `None` when it never does.
    fn retention(&self, row: &Row, modified: Option<DateTime<Utc>>) -> Option<Retention> {
        if is_exempt(row.summary.entrypoint.as_deref()) {
            return None;
        }
        let limit = self.retention_limit(row.found.home)?;
        let deleted_after = modified?.checked_add_signed(Duration::days(i64::from(limit.days)))?;
        Some(Retention {
            days: limit.days,
            decided_by: limit.file.clone(),
            deleted_after,
            overdue: deleted_after <= self.taken_at,
        })
    }

    /// What the transcript of a session lost, and whether what was kept has it.
    #[must_use]
    pub fn loss(&self, found: &Found) -> Option<TranscriptLoss> {
        if self.opened(found).is_some() {
            return Some(TranscriptLoss { lost: Loss::Gone, restorable: true });
        }
        let kept = kept_of(&self.ground.state, found.id()).ok().flatten();
        let lost = loss_of(&found.path, kept.as_ref())?;
        // A link to a file that became shorter has become shorter with it.
        let restorable = kept.is_some_and(|kept| {
            let newest = kept.transcripts().last().map(|file| file.kept_as);
            kept.transcript == found.path && (lost != Loss::Shorter || newest == Some(KeptAs::Frames))
        });
        Some(TranscriptLoss { lost, restorable })
    }

    /// Sessions that the next sweep deletes, and how many of them are not kept.
    #[must_use]
    pub fn overdue(&self) -> (usize, usize) {
        let overdue = self.rows.iter().filter(|row| {
            let modified = std::fs::symlink_metadata(&row.found.path).and_then(|meta| meta.modified());
            let modified = modified.ok().map(DateTime::<Utc>::from);
            self.retention(row, modified).is_some_and(|retention| retention.overdue)
        });
        let unkept = |row: &&Row| !self.ground.state.kept_description(row.found.id()).exists();
        overdue.fold((0, 0), |(all, lost), row| (all + 1, lost + usize::from(unkept(&row))))
    }

    /// The retention limit of a configuration directory, over every directory in which a client is known to have been started.
    #[must_use]
    pub fn retention_limit(&self, home: usize) -> Option<&RetentionLimit> {
        let limit = self.retention[home].get_or_init(|| {
            let rows = self.rows.iter().filter(|row| row.found.home == home);
            let directories = rows.filter_map(|row| row.summary.cwd.as_deref()).map(PathBuf::from);
            let enabled = all_enabled(&self.ground.state).into_iter().filter_map(|enabled| enabled.project);
            let known = self.projects_of(home).iter().map(PathBuf::from);
            let directories = directories.chain(enabled).chain(known).collect();
            RetentionLimit::of(&self.homes[home], &directories, &managed_dir())
        });
        limit.as_ref()
    }

    /// The session of an incident as a report.
    #[must_use]
    pub fn report_of(&self, incident: &Incident) -> Session {
        let row = self.rows.iter().find(|row| row.found.is_at(&incident.transcript));
        row.map_or_else(|| self.report_lost(incident), |row| self.report(row))
    }

    /// The incidents on disk, as the configuration in force plans them.
    #[must_use]
    pub const fn ledger(&self) -> Ledger<'_> {
        self.ledger
    }

    /// A session whose transcript is gone, as far as its incident tells.
    #[must_use]
    pub fn report_lost(&self, incident: &Incident) -> Session {
        let owners = self.owners.of_session(&incident.session);
        let mut session = Session::of_incident(incident, &owners);
        self.add_next(&mut session, &owners);
        session.put_into_group();
        session
    }

    /// Whether something is owed to a session, or somebody works in it: what a status shows. Costs nothing but memory.
    #[must_use]
    pub fn matters(&self, row: &Row) -> bool {
        let id = row.found.id();
        let looked_after = self.incident_of(id, &row.found.path).is_some();
        let recent = self.active_at(row).is_some_and(|at| self.taken_at - at < RECENT);
        self.owner(&row.found).is_some()
            || looked_after
            || recent
                && (row.summary.stop.is_unfinished()
                    || row.summary.stop.kind == StopKind::Waiting
                    || self.owners_of(&row.found).has_records())
    }

    /// Whether it lives and works. Looked at once: a second look could tell something else.
    #[must_use]
    pub fn verdict(&self, row: &Row) -> Verdict {
        if let Some(known) = self.verdicts.borrow().get(&row.found.path) {
            return known.clone();
        }
        let verdict = self.judge(row);
        self.verdicts.borrow_mut().insert(row.found.path.clone(), verdict.clone());
        verdict
    }

    fn judge(&self, row: &Row) -> Verdict {
        let stop = &row.summary.stop;
        let own = self.ground.outside.env.text("CLAUDE_CODE_SESSION_ID") == Some(row.found.id())
            && !row.found.is_conflict_copy();
        let Some(owner) = self.owner(&row.found) else {
            let mut verdict = without_owner(stop);
            if own {
                verdict.state = State::Current;
                let fact = "this command runs within it (CLAUDE_CODE_SESSION_ID)";
                verdict.evidence = vec![Evidence::new(Source::Process, fact)];
                return verdict;
            }
            let elsewhere = !self.owners_of(&row.found).elsewhere.is_empty();
            if elsewhere {
                let fact = "a client in another process-id space (a container) may hold it; it cannot be checked from here";
                verdict.evidence.push(Evidence::new(Source::Registry, fact));
            }
            return verdict;
        };
        let signs = self.signs(row, owner);
        with_owners(
            owner,
            self.owners_of(&row.found),
            stop,
            own,
            Some(&signs),
            self.ground.config.hung_after(),
        )
    }

    /// What can be seen of a live client; the costly parts only when it may hang.
    fn signs(&self, row: &Row, owner: &OwnerProcess) -> Signs {
        use crate::claude::process::Reception;
        let now = self.clock().now();
        let own = self.table().iter().find(|process| process.pid == owner.pid);
        let mut signs = Signs {
            quiet: None,
            stopped: own.is_some_and(|process| process.stopped),
            tools: Vec::new(),
            open_call: None,
            reception: Reception::Unknown,
            requests: 0,
            since_request: None,
            cpu_percent: None,
        };
        if crate::session::state::activity(owner, row.summary.stop.kind)
            != crate::session::state::Activity::Busy
        {
            return signs;
        }
        let message = row.summary.stop.at;
        let subagent = Subagents::newest_message(&row.found);
        let times = [message, subagent, owner.status_since].into_iter().flatten();
        let newest = times.filter(|at| *at <= now + SKEW).max();
        signs.quiet = newest.and_then(|at| (now - at.min(now)).to_std().ok());
        if signs.quiet.is_none_or(|quiet| quiet < self.ground.config.hung_after()) {
            return signs;
        }
        let call = open_call(&row.found.path);
        let since = call.as_ref().map(|(at, _)| *at).or(message).map(|at| at - CALL_SLACK);
        signs.open_call = call.map(|(_, name)| name.into());
        signs.tools = below(self.table(), owner.pid)
            .into_iter()
            .filter(|child| match (child.started_at, since) {
                (Some(started), Some(since)) => started >= since,
                _ => true,
            })
            .filter(|child| !is_ours(&self.ground.outside.processes.command_line(child.pid)))
            .map(|child| child.name.clone())
            .collect();
        let (requests, newest) = requests_since(&row.found.path);
        signs.requests = requests;
        signs.since_request = newest.and_then(|at| (now - at).to_std().ok());
        if !signs.stopped && signs.tools.is_empty() {
            signs.reception = self.ground.outside.processes.reception(owner.pid);
            signs.cpu_percent = self.cpu_percent(owner.pid);
        }
        signs
    }

    fn cpu_percent(&self, pid: u32) -> Option<f64> {
        let used = || {
            let table = self.ground.outside.processes.table();
            table.into_iter().find(|process| process.pid == pid).map(|process| process.cpu)
        };
        let began = self.clock().since_boot();
        let before = used()?;
        self.clock().sleep(SAMPLE);
        let used = used()?.saturating_sub(before);
        let elapsed = self.clock().since_boot().saturating_sub(began);
        (!elapsed.is_zero()).then(|| 100.0 * used.as_secs_f64() / elapsed.as_secs_f64())
    }

    /// Whether the session was open when its client or the machine died, and was not opened since.
    #[must_use]
    pub fn open_at_crash(&self, row: &Row) -> Option<OpenAtCrash> {
        let own = self.ground.outside.env.text("CLAUDE_CODE_SESSION_ID") == Some(row.found.id());
        if own
            || row.summary.continued_in.is_some()
            || self.owner(&row.found).is_some()
            || !self.owners_of(&row.found).elsewhere.is_empty()
        {
            return None;
        }
        let booted = *self.booted_at.get_or_init(|| self.ground.outside.processes.booted_at());
        let summary = &row.summary;
        let mut evidence = Vec::new();
        let newest = self.owners_of(&row.found).left.iter().max_by_key(|record| record.started_at);
        let started = newest.and_then(|record| record.started_at).and_then(from_epoch_millis);
        if let Some(record) = newest {
            // A graceful end takes the record away; one that is older than that end belongs to an earlier client.
            let reopened = || {
                let modified = std::fs::metadata(&row.found.path).ok()?.modified().ok()?;
                Some(started? > DateTime::<Utc>::from(modified))
            };
            if summary.graceful && reopened() != Some(true) {
                return None;
            }
            evidence.push(Evidence::new(
                Source::Registry,
                format!("the record of process {} is left, and the process is gone", record.pid),
            ));
        } else if summary.stop.kind == StopKind::Crashed {
            let recent = self.active_at(row).is_some_and(|at| self.taken_at - at < RECENT);
            if !recent {
                return None;
            }
            evidence.push(Evidence::new(
                Source::Transcript,
                "it ends in mid-turn without the mark of a graceful end",
            ));
        } else {
            return None;
        }
        let heard = [self.active_at(row), started].into_iter().flatten().max();
        if heard.is_none_or(|heard| self.taken_at - heard > RECENT) {
            return None;
        }
        let died = match (booted, heard) {
            (Some(booted), Some(heard)) if heard < booted => {
                evidence.push(Evidence::new(Source::Clock, "the machine was started since"));
                Died::Machine
            }
            _ => Died::Client,
        };
        Some(OpenAtCrash { died, at: heard, evidence })
    }

    /// Its incident, and what happens next.
    fn add_next(&self, session: &mut Session, owners: &SessionOwners) {
        if session.conflict_copy_of.is_some() {
            // No client opens it.
            return self.add_project(session);
        }
        let live = session.live.is_some();
        let place = owners.places();
        let incident = self.incident_of(&session.id, &session.transcript);
        if let Some(incident) = incident.filter(|incident| !is_dismissed_earlier(incident, &session.stop)) {
            let mut known = incident.clone();
            if known.stop.record.is_none() && session.stop.kind.is_failure() {
                // The hook was ended before it could read what the transcript tells.
                known.stop = session.stop.clone();
            }
            session.next = self.next_of(&known, owners);
            session.paused = self.paused.holds(&incident.session);
            session.project.dir.clone_from(&incident.project);
            session.incident = Some(shown(incident));
        } else if session.state == State::Hung {
            session.next = RecoveryPlan::new(Action::Notify, None, Reason::Hung);
        } else {
            let active = self.believed(session.last_activity_at, &session.transcript);
            let age = active.map(|at| self.taken_at - at);
            let recent = age.is_some_and(|age| age < RECENT);
            if session.state == State::Current {
                return self.add_project(session);
            }
            if session.stop.kind == StopKind::Waiting && !live && recent {
                let elsewhere = session.config_dir.as_deref().filter(|dir| Some(*dir) != self.default_home());
                session.next = RecoveryPlan::new(Action::Resume, None, Reason::QuestionOpen)
                    .with_command(resume_command(&session.id, elsewhere));
            } else if session.stop.is_unfinished() && (live || recent) {
                session.next = self.next_without_incident(session, place.as_deref());
            }
        }
        self.add_project(session);
    }

    fn add_project(&self, session: &mut Session) {
        if session.project.dir.is_none() {
            session.project.dir = session.project.cwd.as_deref().and_then(|cwd| self.enclosing(cwd));
        }
    }

    /// The stop of this transcript that is looked after; a copy of a session elsewhere has none.
    fn incident_of(&self, id: &str, transcript: &Path) -> Option<&Incident> {
        let incident = self.incidents.get(id).filter(|incident| !incident.phase.is_over())?;
        if incident.transcript == transcript {
            return Some(incident);
        }
        // The hook may have named it by a linked directory.
        let named = self.rows.iter().find(|row| row.found.is_at(&incident.transcript));
        named.is_none_or(|row| row.found.path == transcript).then_some(incident)
    }

    fn enclosing(&self, cwd: &str) -> Option<PathBuf> {
        let mut known = self.enclosing.borrow_mut();
        if let Some(dir) = known.get(cwd) {
            return dir.clone();
        }
        let dir = enclosing(&self.ground.state, self.ground.outside.env, Path::new(cwd));
        known.insert(cwd.to_owned(), dir.clone());
        dir
    }

    /// What happens next by what is true now, not by what was planned at the stop.
    fn next_of(&self, incident: &Incident, owners: &SessionOwners) -> RecoveryPlan {
        match owners.places() {
            Some(place) if !owners.live.is_empty() => self.next_of_open(incident, owners, &place),
            _ => self.next_of_closed(incident),
        }
    }

    fn next_of_closed(&self, incident: &Incident) -> RecoveryPlan {
        if incident.plan.notified_at().is_some_and(|at| at <= self.taken_at) && incident.phase == Phase::Held
        {
            return self.ledger.decision(incident, Terminal::Closed).plan;
        }
        if !incident.phase.is_active() {
            return incident.plan.clone();
        }
        let plan = self.ledger.decision(incident, Terminal::Closed).plan;
        if plan.action != Action::Run {
            return plan;
        }
        if self.paused.holds(&incident.session) {
            return RecoveryPlan::nothing(Reason::HeldBack(Obstacle::Paused, None));
        }
        let elsewhere = incident.config_dir.as_deref().filter(|dir| Some(*dir) != self.default_home());
        let command = || resume_command(&incident.session, elsewhere);
        let config = in_force(self.ground.outside.env, incident.project.as_deref()).config;
        if !config.heartbeat.enabled {
            return RecoveryPlan::new(Action::Resume, plan.at, Reason::RecoveryDisabled)
                .with_command(command());
        }
        // The supervisor holds its lease for as long as it lives.
        if incident.plan.action == Action::Run
            && incident.phase == Phase::Waiting
            && !Lock::is_held(&self.ground.state.supervisor_lease())
        {
            return RecoveryPlan::new(Action::Resume, incident.plan.at, Reason::NoSupervisor)
                .with_command(command());
        }
        plan
    }

    /// What happens next to a session that is open. No command is part of it: opening the session a second time would fork its
    /// conversation, so the user is told which window to go to.
    fn next_of_open(&self, incident: &Incident, owners: &SessionOwners, place: &str) -> RecoveryPlan {
        match incident.phase {
            Phase::Cancelled | Phase::Recovered | Phase::MovedOn | Phase::Superseded => {
                RecoveryPlan { argv: None, ..incident.plan.clone() }
            }
            Phase::Attempting => RecoveryPlan::nothing(Reason::AwaitingTurn),
            Phase::GivenUp => incident.plan.clone().in_window(incident.phase, place),
            Phase::Open => incident.plan.clone(),
            Phase::Waiting | Phase::Held => {
                // The waiter holds its lease for as long as it lives.
                let waited_for = incident.module_waits(self.taken_at)
                    || Lock::is_held(&self.ground.state.waiter_lease(&incident.session));
                let plan = self.ledger.decision(incident, Terminal::Open).plan;
                if incident.stop.wrapped_up && plan.action == Action::Wake && !waited_for {
                    let (kind, at) = (incident.stop.kind, plan.at);
                    return RecoveryPlan::new(Action::Notify, at, Reason::WrappedUp { kind, at, place });
                }
                if plan.action != Action::Wake {
                    // The user has to do something first, wherever the session is.
                    return plan.in_window(incident.phase, place);
                }
                if incident.plan.action == Action::Wake && incident.phase == Phase::Waiting && waited_for {
                    return self.next_of_waiting(incident, owners, place);
                }
                let reason = if incident.plan.action == Action::Wake {
                    Reason::WaiterGone(place)
                } else {
                    Reason::OpenedAgain(place)
                };
                RecoveryPlan::new(Action::Notify, plan.at.filter(|at| *at > self.taken_at), reason)
            }
        }
    }

    /// A hook waits for the session. What keeps it from continuing is checked now, as it is when the time has come.
    fn next_of_waiting(&self, incident: &Incident, owners: &SessionOwners, place: &str) -> RecoveryPlan {
        let stopped = incident
            .claude_pid
            .is_some_and(|pid| self.table().iter().any(|process| process.pid == pid && process.stopped));
        let config = in_force(self.ground.outside.env, incident.project.as_deref()).config;
        let switches = WaitSwitches {
            paused: self.paused.holds(&incident.session),
            switched_off: !config.heartbeat.enabled,
            offline: is_offline(incident, self.ground.outside.env, self.ground.outside.processes),
        };
        let seen = incident.held_back.as_ref().map(|held| held.reason);
        let lost = seen.filter(|reason| *reason == Obstacle::NoTranscript);
        match obstacle(owners, incident.claude_pid, stopped, &switches).or(lost) {
            None => RecoveryPlan { argv: None, ..incident.plan.clone() },
            Some(what) => {
                let action = if what.needs_user() { Action::Notify } else { Action::None };
                RecoveryPlan::new(action, None, Reason::HeldBack(what, Some(place)))
            }
        }
    }

    fn next_without_incident(&self, session: &Session, place: Option<&str>) -> RecoveryPlan {
        let report = Report {
            session: session.id.clone(),
            project: None,
            config_dir: session.config_dir.clone(),
            transcript: session.transcript.clone(),
            stop: Stop { at: self.believed(session.stop.at, &session.transcript), ..session.stop.clone() },
            cwd: session.project.cwd.clone(),
            entrypoint: None,
            claude_pid: None,
            claude_start: None,
        };
        let supposed = Incident::open(report, self.taken_at);
        let plan = self.ledger.decision(&supposed, Terminal::Closed).plan;
        let Some(place) = place else { return plan };
        if session.stop.wrapped_up && plan.reason != PlanReason::ResetFarAway {
            let (kind, at) = (session.stop.kind, self.ledger.decision(&supposed, Terminal::Open).plan.at);
            return RecoveryPlan::new(Action::Notify, at, Reason::WrappedUp { kind, at, place });
        }
        if user_needed(session.stop.kind).is_none() {
            return RecoveryPlan::new(Action::Notify, plan.at, Reason::StopNotReported(place));
        }
        RecoveryPlan { action: Action::Notify, argv: None, ..plan }
    }
}

/// What the user cancelled was an earlier stop than the one the session has now.
fn is_dismissed_earlier(incident: &Incident, stop: &Stop) -> bool {
    incident.phase == Phase::Cancelled
        && stop.record != incident.stop.record
        && stop.at.zip(incident.stop.at).is_some_and(|(now, then)| now > then)
}

/// Whether a session lives, as far as it decides how its end is read.
fn liveness<'a>(owners: &'a Owners, own: Option<&str>, found: &Found) -> Liveness<'a> {
    let owners = owners.of(found);
    match owners.first() {
        Some(owner) => Liveness::Live(owner.status.as_deref()),
        // We run below it, whatever can be seen of it from here.
        None if own == Some(found.id()) => Liveness::Live(None),
        None if !owners.elsewhere.is_empty() => Liveness::Unknown,
        None => Liveness::Gone,
    }
}

/// The directories that a client's own file names as projects.
fn projects_in(path: &Path) -> Vec<String> {
    let value: Option<serde_json::Value> = read_small(path, LARGEST_CLIENT_FILE)
        .ok()
        .flatten()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let projects = value.as_ref().and_then(|value| value.get("projects")?.as_object());
    projects.into_iter().flat_map(|projects| projects.keys().cloned()).collect()
}

/// An incident without what decides what runs, which is remembered for us and not for readers.
fn shown(incident: &Incident) -> Incident {
    Incident {
        fingerprint: None,
        started_with: None,
        other_account: Vec::new(),
        claimed_by: None,
        claude_program: None,
        timing: None,
        opened: None,
        attempts: incident.attempts.iter().cloned().map(without_takeover).collect(),
        ..incident.clone()
    }
}

/// An attempt as readers see it.
fn without_takeover(mut attempt: Attempt) -> Attempt {
    if let Some(run) = &mut attempt.run {
        run.taken_over = None;
    }
    attempt
}

/// A hook of ours waits below the client for days; it is no tool.
fn is_ours(command_line: &[String]) -> bool {
    command_line
        .iter()
        .any(|word| word.contains("cc-session-recover/hook.js") || word.ends_with("addon.node"))
}

/// The oldest call of the present turn that has no result, and when it was made. Calls run side by side: a result of one
/// says nothing of the others.
fn open_call(path: &Path) -> Option<(DateTime<Utc>, CompactString)> {
    let transcript = Transcript::open(path).ok()?;
    let mut lines = Backwards::default();
    lines.begin(transcript.bytes());
    let mut answered = BTreeSet::new();
    let mut open = None;
    let mut left = MOST_MESSAGES;
    while let Some((offset, line)) = lines.next(transcript.file()) {
        if !kind_of(line).may_be_said() {
            continue;
        }
        left -= 1;
        for record in glance(offset, line).rev().filter(|record| !record.head.sidechain) {
            match &record.body {
                Body::User(user) if user.begins_turn() => return open,
                Body::User(user) => answered.extend(user.results.iter().map(|result| result.id.clone())),
                Body::Assistant(answer) => {
                    let calls = answer.calls.iter().rev().filter(|call| !answered.contains(&call.id));
                    for call in calls {
                        open = record.head.at.map(|at| (at, call.name.clone())).or(open);
                    }
                }
                _ => {}
            }
        }
        if left == 0 {
            return open;
        }
    }
    open
}

/// Time of the newest record that was not written after `limit`.
fn newest_before(path: &Path, limit: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let transcript = Transcript::open(path).ok()?;
    let mut lines = Backwards::default();
    lines.begin(transcript.bytes());
    while let Some((offset, line)) = lines.next(transcript.file()) {
        if transcript.bytes() - offset > BELIEVED_TAIL {
            return None;
        }
        if !kind_of(line).may_be_said() {
            continue;
        }
        let at = glance(offset, line).rev().find_map(|record| record.head.at);
        if at.is_some_and(|at| at <= limit) {
            return at;
        }
    }
    None
}

/// Requests logged since the newest message, and when the newest of them was.
fn requests_since(path: &Path) -> (usize, Option<DateTime<Utc>>) {
    let Ok(transcript) = Transcript::open(path) else { return (0, None) };
    let mut lines = Backwards::default();
    lines.begin(transcript.bytes());
    let mut count = 0;
    let mut newest = None;
    while let Some((_, line)) = lines.next(transcript.file()) {
        if line.starts_with(b"{\"type\":\"api-request\",") {
            count += 1;
            if newest.is_none() {
                let text = text_after(line, b"\"timestamp\":\"");
                newest = text.and_then(|text| parse_rfc3339(std::str::from_utf8(text).ok()?));
            }
        } else if kind_of(line).may_be_said() {
            break;
        }
    }
    (count, newest)
}

/// Reads one transcript as thoroughly as it can be.
///
/// # Errors
/// Those of opening the file.
pub fn thorough(path: &Path, liveness: Liveness<'_>) -> Result<Summary> {
    Transcript::open(path).map(|transcript| summarize(&transcript, liveness))
}
