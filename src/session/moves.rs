//! Stores the directory in which a session is resumed after `relocate` or `import` assigned another one.
//!
//! The records of a copy name the directory of the original, and the encoded name of a directory does not
//! reveal its path. So the new directory is stored by the path of the transcript.

use super::scan::Found;
use crate::error::Result;
use crate::store::StateDir;
use crate::store::layout::ensure_dir;
use crate::store::lock::Lock;
use crate::store::stored::{Stored, load, peek, save};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

/// How long to wait for another process that owns the lock.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moves {
    version: u32,
    directories: BTreeMap<String, String>,
}

impl Stored for Moves {
    const VERSION: u32 = 1;
}

impl Moves {
    /// Reads the file. An unreadable file counts as empty.
    #[must_use]
    pub fn read(state: &StateDir) -> Self {
        peek(&state.moves()).ok().flatten().unwrap_or_default()
    }

    /// Returns the directory in which a session is resumed.
    #[must_use]
    pub fn of(&self, found: &Found) -> Option<&str> {
        if self.directories.is_empty() {
            return None;
        }
        let name = found.path.file_name()?;
        found.directories().find_map(|dir| self.directories.get(dir.join(name).to_str()?).map(String::as_str))
    }

    /// Removes the entries of a session.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Moves::remember`].
    pub fn forget(state: &StateDir, session: &str) -> Result<()> {
        let _lock = Lock::wait(&state.moves_lock(), PATIENCE)?;
        let Some(mut moves) = load::<Self>(state, &state.moves())?.found() else { return Ok(()) };
        moves.directories.retain(|path, _| Path::new(path).file_stem() != Some(OsStr::new(session)));
        save(&state.moves(), &moves)
    }

    /// Records that a transcript belongs to a directory, and drops entries of transcripts
    /// that no longer exist.
    ///
    /// # Errors
    ///
    /// Returns [`crate::error::Code::Io`], [`crate::error::Code::StateNewer`].
    pub fn remember(state: &StateDir, transcript: &Path, directory: &Path) -> Result<()> {
        ensure_dir(state.root())?;
        ensure_dir(&state.leases())?;
        let _lock = Lock::wait(&state.moves_lock(), PATIENCE)?;
        let mut moves = load::<Self>(state, &state.moves())?.found().unwrap_or_default();
        moves.version = Self::VERSION;
        moves.directories.retain(|path, _| Path::new(path).exists());
        let (Some(transcript), Some(directory)) = (transcript.to_str(), directory.to_str()) else {
            return Ok(());
        };
        moves.directories.insert(transcript.to_owned(), directory.to_owned());
        save(&state.moves(), &moves)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_of_a_transcript_is_recorded_until_the_transcript_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::new(dir.path().join("state"));
        let [one, other] =
            ["3f2a9c1d-0000-4000-8000-000000000001.jsonl", "3f2a9c1d-0000-4000-8000-000000000002.jsonl"]
                .map(|name| dir.path().join(name));
        let of = |path: &Path| Moves::read(&state).of(&Found::named(path, 0).unwrap()).map(str::to_owned);
        assert_eq!(of(&one), None);
        for path in [&one, &other] {
            std::fs::write(path, "").unwrap();
            Moves::remember(&state, path, Path::new("/w/old")).unwrap();
        }
        Moves::remember(&state, &one, Path::new("/w/new")).unwrap();
        assert_eq!([of(&one), of(&other)], [Some("/w/new".to_owned()), Some("/w/old".to_owned())]);
        std::fs::remove_file(&other).unwrap();
        Moves::remember(&state, &one, Path::new("/w/new")).unwrap();
        assert_eq!([of(&one), of(&other)], [Some("/w/new".to_owned()), None]);
    }
}
