//! A scan: all transcripts below some configuration directories, found by name and read side by side.
//!
//! A file that cannot be read is a problem of its own and never of the list. What is read of each file is what
//! [`super::summary`] needs, so the time grows with the number of sessions and hardly with their sizes.

use super::ending::Liveness;
use super::summary::{Depth, Reader, Summary};
use crate::claude::home::{ClaudeHome, is_session_id, stores};
use crate::claude::transcript::Transcript;
use crate::error::{Error, Result};
use crate::fs::{Directory, names_in};
use crate::threads::{PORTION, side_by_side};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// A transcript that was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// The file; it is called after its session.
    pub path: PathBuf,
    /// Index of its configuration directory.
    pub home: usize,
    /// Its directory says that it is a regular file.
    pub regular: bool,
    /// A directory of the session's name stands beside it: subagents, long tool results.
    pub companion: bool,
}

impl Found {
    /// A transcript that nobody listed; `None` when its name is no text.
    #[must_use]
    pub fn named(path: &Path, home: usize) -> Option<Self> {
        path.file_stem()?.to_str()?;
        Some(Self { path: path.to_path_buf(), home, regular: false, companion: false })
    }

    /// Session id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.path.file_stem().and_then(OsStr::to_str).unwrap_or_default()
    }
}

/// Finds the transcripts of every project directory, or of those that `wanted` names.
pub fn find(
    homes: &[ClaudeHome],
    wanted: impl Fn(&ClaudeHome) -> Option<Vec<PathBuf>>,
    problems: &mut Vec<Error>,
) -> Vec<Found> {
    let mut all = Vec::new();
    let stores = stores(homes);
    for (index, home) in homes.iter().enumerate().filter(|(index, _)| stores[*index] == *index) {
        let mut dirs = wanted(home)
            .unwrap_or_else(|| entries(&home.projects(), problems).map(|entry| entry.path()).collect());
        dirs.sort();
        dirs.dedup();
        for (found, problem) in side_by_side(&dirs, 2, || |dir: &PathBuf| find_in(dir, index)) {
            all.extend(found);
            problems.extend(problem);
        }
    }
    all
}

fn find_in(dir: &Path, home: usize) -> (Vec<Found>, Option<Error>) {
    let mut found = Vec::new();
    let mut companions = Vec::new();
    let listed = names_in(dir, |name, regular| {
        let Some(name) = name.to_str() else { return };
        if let Some(id) = name.strip_suffix(".jsonl") {
            if is_session_id(id) {
                let mut path = PathBuf::with_capacity(dir.as_os_str().len() + 1 + name.len());
                path.extend([dir, Path::new(name)]);
                found.push(Found { path, home, regular, companion: false });
            }
        } else if is_session_id(name) {
            companions.push(name.to_owned());
        }
    });
    // As by their ids, which would be looked for in the paths a dozen times each.
    let beyond = dir.as_os_str().len();
    found.sort_unstable_by(|one, other| {
        let [one, other] = [one, other].map(|one| one.path.as_os_str().as_encoded_bytes().get(beyond..));
        one.cmp(&other)
    });
    companions.sort_unstable();
    for one in &mut found {
        let id = one.id();
        one.companion = companions.binary_search_by(|name: &String| name.as_str().cmp(id)).is_ok();
    }
    (found, listed.err().and_then(|error| problem(dir, &error)))
}

/// The transcript at this path, whatever its directory is called.
#[must_use]
pub fn found_at(path: &Path, home: usize) -> Option<Found> {
    let found = Found::named(path, home).filter(|one| is_session_id(one.id()))?;
    Some(Found { companion: path.with_extension("").is_dir(), ..found })
}

/// Entries of a directory; one that does not exist has none.
pub fn entries(dir: &Path, problems: &mut Vec<Error>) -> impl Iterator<Item = std::fs::DirEntry> + use<> {
    let entries = std::fs::read_dir(dir);
    problems.extend(entries.as_ref().err().and_then(|error| problem(dir, error)));
    entries.into_iter().flatten().filter_map(std::result::Result::ok)
}

/// A directory that is not there is none.
fn problem(dir: &Path, error: &std::io::Error) -> Option<Error> {
    use std::io::ErrorKind;
    let missing = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory);
    (!missing).then(|| Error::io("read the directory", dir, error))
}

/// Reads them all; the answers stand where the questions stood.
pub fn read<'a>(
    found: &[Found],
    liveness: impl Fn(&Found) -> Liveness<'a> + Sync,
    depth: Depth,
) -> Vec<Result<Box<Summary>>> {
    side_by_side(found, PORTION, || {
        let mut reader = Reader::default();
        let mut dir = None;
        let liveness = &liveness;
        move |one: &Found| {
            let dir = match dir.take().filter(|dir: &Directory| dir.holds(&one.path)) {
                Some(known) => dir.insert(known),
                None => dir.insert(Directory::open(one.path.parent().unwrap_or(&one.path))),
            };
            let transcript = Transcript::open_in(dir, &one.path, one.regular)?;
            Ok(Box::new(reader.summarize(&transcript, liveness(one), depth)))
        }
    })
}
