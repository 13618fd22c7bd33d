//! Locates the directory of a project's states, `.claude/session-state`, which must be inside the project.

use crate::error::{Code, Error, IoContext, Result};
use crate::fs::{canonical, directory_of_mode, own_uid, owner, private_directory, read_small};
use crate::store::replace;
use std::path::{Path, PathBuf};

/// Directory of the saved states, relative to the project.
pub const DIRECTORY: &str = ".claude/session-state";
pub const LAST: &str = ".last-state.md";
const ARCHIVE: &str = "archive";
/// Maximum size of a state in bytes; a real one is at most a tenth of this.
pub(super) const LARGEST: u64 = 256 * 1024;
/// Maximum number of directory entries searched for leftover temporary files.
const MOST_LEFT: usize = 1000;

/// A directory for states. Every component of its path belongs to the user and is inside the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatesDirectory {
    dir: PathBuf,
}

impl StatesDirectory {
    /// Returns the directory if it exists.
    ///
    /// # Errors
    ///
    /// Returns [`Code::ProjectNotFound`]; [`Code::PathRefused`] if a link leads out of the project or the
    /// path is not a directory of the user.
    pub fn find(project: &Path) -> Result<Option<Self>> {
        Self::walk(project, false)
    }

    /// Returns the directory, and creates it if it is missing.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`StatesDirectory::find`]; [`Code::Io`] if it cannot be created.
    pub fn make(project: &Path) -> Result<Self> {
        match Self::walk(project, true)? {
            Some(place) => Ok(place),
            None => Err(Error::new(Code::Io, "could not be made").at(project.join(DIRECTORY))),
        }
    }

    fn walk(project: &Path, make: bool) -> Result<Option<Self>> {
        let missing =
            || Error::new(Code::ProjectNotFound, "the project directory does not exist").at(project);
        let project = canonical(project).map_err(|_| missing())?;
        let mut dir = project.clone();
        // The archive is checked too, because states are written to it.
        let [claude, states] = [".claude", "session-state"];
        for (name, private) in [(claude, false), (states, true), (ARCHIVE, true)] {
            dir.push(name);
            match real_directory(&dir, &project)? {
                Some(real) => dir = real,
                None if make => make_directory(&dir, private)?,
                None if name == ARCHIVE => {}
                None => return Ok(None),
            }
        }
        dir.pop();
        Ok(Some(Self { dir }))
    }

    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    #[must_use]
    pub fn last(&self) -> PathBuf {
        self.dir.join(LAST)
    }

    #[must_use]
    pub fn archive(&self) -> PathBuf {
        self.dir.join(ARCHIVE)
    }

    /// Returns the path of an archived state.
    #[must_use]
    pub fn archived(&self, name: &str) -> PathBuf {
        self.archive().join(format!("{name}.md"))
    }

    /// Reads a file of this directory; `None` if it is missing, too large, not UTF-8 or not a regular file.
    #[must_use]
    pub fn read(path: &Path) -> Option<String> {
        String::from_utf8(read_small(path, LARGEST).ok()??).ok()
    }

    /// Removes temporary files of processes that were killed while writing. The caller must own the lock.
    pub(super) fn sweep(&self) {
        for dir in [self.dir.clone(), self.archive()] {
            sweep(&dir, ".");
        }
    }
}

/// Removes temporary files whose names start with this text.
pub(super) fn sweep(dir: &Path, beginning: &str) {
    let entries = std::fs::read_dir(dir).into_iter().flatten().take(MOST_LEFT);
    for entry in entries.filter_map(std::result::Result::ok) {
        let name = entry.file_name();
        let left = name
            .to_str()
            .is_some_and(|name| name.starts_with(beginning) && name.ends_with(replace::TEMPORARY));
        if left {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Returns the directory at this path with links resolved; `None` if nothing exists there.
fn real_directory(path: &Path, project: &Path) -> Result<Option<PathBuf>> {
    let refused = |why: &str| {
        Err(Error::new(Code::PathRefused, why)
            .at(path)
            .hint("move it away; states are then saved to a new directory"))
    };
    let found = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other.doing("read", path)?,
    };
    let real = if found.is_symlink() {
        match canonical(path) {
            Ok(real) if real.starts_with(project) => real,
            _ => return refused("is a symbolic link that leads out of the project"),
        }
    } else {
        path.to_path_buf()
    };
    let meta = std::fs::symlink_metadata(&real).doing("read", path)?;
    if !meta.is_dir() {
        return refused("is not a directory");
    }
    if owner(&meta) != own_uid() {
        return refused("belongs to another user");
    }
    Ok(Some(real))
}

fn make_directory(path: &Path, private: bool) -> Result<()> {
    let builder = if private { private_directory() } else { directory_of_mode(0o755) };
    match builder.create(path) {
        // Another process created it first; its properties are checked on use.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        other => other.doing("create the directory", path),
    }
}
