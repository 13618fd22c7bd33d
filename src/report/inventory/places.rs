//! Resolves the project and the directories of a session.

use super::{Inventory, InventoryRow};
use crate::claude::home::encode_project_path;
use crate::fs::read_small;
use crate::report::resume::start_directory;
use crate::session::moves::Moves;
use crate::session::origin::start_of;
use crate::session::scan::Found;
use crate::store::StateDir;
use crate::trust::enabled::enclosing;
use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Size limit of `.claude.json`, in bytes.
const LARGEST_CLIENT_FILE: u64 = 16 * 1024 * 1024;

/// Returns the project directories listed in a client's own file.
fn projects_in(path: &Path) -> Vec<String> {
    let value: Option<serde_json::Value> = read_small(path, LARGEST_CLIENT_FILE)
        .ok()
        .flatten()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let projects = value.as_ref().and_then(|value| value.get("projects")?.as_object());
    projects.into_iter().flat_map(|projects| projects.keys().cloned()).collect()
}

impl Inventory<'_> {
    /// Returns the working directories of the sessions whose transcripts are in the same directory.
    #[must_use]
    pub fn neighbors(&self, row: &InventoryRow) -> &BTreeSet<String> {
        static NONE: BTreeSet<String> = BTreeSet::new();
        let known = self.neighbors.get_or_init(|| {
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

    /// Returns whether a session is in the configuration directory that a client started here would use.
    #[must_use]
    pub fn is_in_force(&self, row: &InventoryRow) -> bool {
        let in_force = self.ground.world.env.claude_config_dir();
        in_force.is_some_and(|dir| self.homes[row.found.home].dir() == dir)
    }

    /// Returns the directory to which this inventory is restricted.
    #[must_use]
    pub fn project(&self) -> Option<&Path> {
        self.project.as_deref()
    }

    /// Returns whether a session belongs to a project: its newest message was written in or below it, it was
    /// started there, or it was relocated to it. The name of its transcript directory is not sufficient,
    /// because different paths have the same encoded name.
    #[must_use]
    pub fn belongs(&self, row: &InventoryRow, project: &Path) -> bool {
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

    /// Returns whether a client started in the working directory can open this session by its id.
    #[must_use]
    pub fn is_here(&self, row: &InventoryRow) -> bool {
        let here = self.ground.world.env.cwd();
        match self.moved_to(&row.found) {
            Some(dir) => Path::new(dir) == here,
            None => Self::is_of(row, here),
        }
    }

    /// Returns whether the directory in which a session is resumed exists.
    #[must_use]
    pub fn is_there(&self, row: &InventoryRow) -> bool {
        start_directory(self.ground.world, self, row).0.is_some_and(|dir| Path::new(&dir).is_dir())
    }

    #[must_use]
    pub fn working_directory(&self) -> &Path {
        self.ground.world.env.cwd()
    }

    #[must_use]
    pub fn state_directory(&self) -> &StateDir {
        &self.ground.state
    }

    /// Returns whether a session was started in a directory, according to its files. Only a different
    /// recorded directory with the same encoded name excludes this. If its transcript directory has several
    /// names, all of them count.
    fn is_of(row: &InventoryRow, dir: &Path) -> bool {
        let encoded = encode_project_path(&dir.to_string_lossy());
        let named = row.found.directories().any(|dir| dir.file_name() == Some(OsStr::new(&encoded)));
        let twin = |start: &str| !Path::new(start).starts_with(dir) && encode_project_path(start) == encoded;
        named && !start_of(&row.found, row.summary.cwd.as_deref()).is_some_and(|start| twin(&start))
    }

    /// Returns the directories in which clients of a session's configuration directory were used, as
    /// the client remembers them.
    #[must_use]
    pub fn known_projects(&self, row: &InventoryRow) -> &[String] {
        self.projects_of(row.found.home)
    }

    pub(super) fn projects_of(&self, index: usize) -> &[String] {
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

    /// Returns the directory to which the transcript of a session was relocated.
    #[must_use]
    pub fn moved_to(&self, found: &Found) -> Option<&str> {
        let moves = self.moves.get_or_init(|| Moves::read(&self.ground.state));
        moves.of(found)
    }

    pub(super) fn enclosing(&self, cwd: &str) -> Option<PathBuf> {
        let mut known = self.enclosing.borrow_mut();
        if let Some(dir) = known.get(cwd) {
            return dir.clone();
        }
        let dir = enclosing(&self.ground.state, self.ground.world.env, Path::new(cwd));
        known.insert(cwd.to_owned(), dir.clone());
        dir
    }
}
