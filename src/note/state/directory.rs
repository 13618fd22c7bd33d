//! The place of a project's states: `.claude/session-state`, which lies in the project or is refused.

use crate::error::{Code, Error, IoContext, Result};
use crate::fs::{canonical, directory_of_mode, own_uid, owner, private_directory, read_small};
use crate::store::replace;
use std::path::{Path, PathBuf};

/// Where states lie in a project.
pub const DIRECTORY: &str = ".claude/session-state";
pub const LAST: &str = ".last-state.md";
const ARCHIVE: &str = "archive";
/// A state is a tenth of this, so what is larger is not ours; in bytes.
pub(super) const LARGEST: u64 = 256 * 1024;
/// Entries of a directory that are looked at for what the killed have left.
const MOST_LEFT: usize = 1000;

/// A directory for states whose every part is the user's own and lies in the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatesDirectory {
    dir: PathBuf,
}

impl StatesDirectory {
    /// The place, if it is there.
    ///
    /// # Errors
    /// [`Code::ProjectNotFound`]; [`Code::PathRefused`] when a link leads out of the project, or something else is in the way.
    pub fn find(project: &Path) -> Result<Option<Self>> {
        Self::walk(project, false)
    }

    /// The place, which is made where it is missing.
    ///
    /// # Errors
    /// As [`StatesDirectory::find`]; [`Code::Io`] when it cannot be made.
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
        // The archive is looked at too: it is a place to write to.
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

    /// A state in the archive.
    #[must_use]
    pub fn archived(&self, name: &str) -> PathBuf {
        self.archive().join(format!("{name}.md"))
    }

    /// Text of a file here; `None` for what is missing, too large, no text or no regular file.
    #[must_use]
    pub fn read(path: &Path) -> Option<String> {
        String::from_utf8(read_small(path, LARGEST).ok()??).ok()
    }

    /// Takes away what processes left here that were killed while they wrote. Call it under the lock.
    pub(super) fn sweep(&self) {
        for dir in [self.dir.clone(), self.archive()] {
            sweep(&dir, ".");
        }
    }
}

/// Removes temporary files of a directory whose names begin so.
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

/// The directory at this path, without links; `None` when nothing is there.
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
        return refused("is no directory");
    }
    if owner(&meta) != own_uid() {
        return refused("belongs to another user");
    }
    Ok(Some(real))
}

fn make_directory(path: &Path, private: bool) -> Result<()> {
    let builder = if private { private_directory() } else { directory_of_mode(0o755) };
    match builder.create(path) {
        // Somebody else was faster; it is looked at when it is used.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        other => other.doing("create the directory", path),
    }
}
