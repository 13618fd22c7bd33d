//! Finds all transcripts below some configuration directories by name, and reads them in parallel.
//!
//! A file that cannot be read is reported as a problem and never fails the list. The scan reads from each
//! file only what [`super::summary`] needs, so the time grows with the number of sessions and hardly with
//! their sizes.

use super::ending::Liveness;
use super::files::{
    ProjectDirectory, TranscriptSiblings, companion_of, conflict_of, is_subagent, session_named,
    subagents_in, unlisted,
};
use super::summary::{Depth, Reader, Summary};
use crate::abort::AbortFlag;
use crate::claude::home::is_session_id;
use crate::claude::transcript::Transcript;
use crate::error::{Error, Result};
use crate::fs::{Directory, names_in};
use crate::threads::{PORTION, side_by_side};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(Debug, Clone)]
pub struct Found {
    /// The file, named after its session.
    pub path: PathBuf,
    /// Index of the configuration directory.
    pub home: usize,
    /// Whether the directory entry says that it is a regular file.
    pub regular: bool,
    /// Whether a directory named after the session exists next to it, with subagents and long tool results.
    pub companion: bool,
    /// Other files of the same directory that may belong to the session. Most directories have none.
    pub beside: Option<Arc<TranscriptSiblings>>,
}

impl Found {
    /// Creates an entry for a transcript that was not found by a scan; `None` if its name is not valid text.
    #[must_use]
    pub fn named(path: &Path, home: usize) -> Option<Self> {
        path.file_stem()?.to_str()?;
        Some(Self { path: path.to_path_buf(), home, regular: false, companion: false, beside: None })
    }

    /// Returns the session id. A conflict copy has the id of its original.
    #[must_use]
    pub fn id(&self) -> &str {
        session_named(self.path.file_stem().and_then(OsStr::to_str).unwrap_or_default())
    }

    /// Returns whether this is a conflict copy, which no client opens by its id.
    #[must_use]
    pub fn is_conflict_copy(&self) -> bool {
        self.path.file_stem().and_then(OsStr::to_str).and_then(conflict_of).is_some()
    }

    /// Iterates over all paths of the transcript's directory. A linked directory has several.
    pub fn directories(&self) -> impl Iterator<Item = &Path> {
        let aliases = self.beside.iter().flat_map(|beside| &beside.aliases);
        self.path.parent().into_iter().chain(aliases.map(|(_, path)| path.as_path()))
    }

    /// Iterates over the configuration directories whose clients can have the session open.
    pub fn homes(&self) -> impl Iterator<Item = usize> {
        let aliases = self.beside.iter().flat_map(|beside| &beside.aliases);
        std::iter::once(self.home).chain(aliases.map(|(home, _)| *home).filter(|home| *home != self.home))
    }

    /// Returns whether a path leads to this file.
    #[must_use]
    pub fn is_at(&self, path: &Path) -> bool {
        self.path == path
            || self.beside.as_ref().is_some_and(|beside| !beside.aliases.is_empty())
                && path.file_name() == self.path.file_name()
                && path.parent().is_some_and(|dir| self.directories().any(|own| own == dir))
    }

    /// Lists the transcripts of the session's subagents.
    #[must_use]
    pub fn subagents(&self) -> Vec<PathBuf> {
        let mut found = if self.companion {
            subagents_in(&companion_of(&self.path), &mut Vec::new())
        } else {
            Vec::new()
        };
        found.extend(self.agents_beside().iter().cloned());
        found
    }

    /// Returns the subagents next to the transcript, where clients of 2.0 write them.
    #[must_use]
    pub fn agents_beside(&self) -> &[PathBuf] {
        let beside = self.beside.as_ref().filter(|beside| !beside.agents.is_empty());
        beside.map_or(&[], |beside| beside.agents_of(self.id()))
    }

    #[must_use]
    pub fn conflict_copies(&self) -> Vec<PathBuf> {
        self.beside.as_ref().map_or_else(Vec::new, |beside| beside.conflicts_of(self.id()))
    }
}

#[derive(Debug, Default)]
struct Listing {
    found: Vec<Found>,
    beside: Option<Arc<TranscriptSiblings>>,
    problem: Option<Error>,
}

#[derive(Debug, Default)]
pub struct Scanned {
    /// Transcripts, sorted by directory and name.
    pub found: Vec<Found>,
    /// Other files of the same directories.
    pub beside: Vec<Arc<TranscriptSiblings>>,
    /// Errors of directories that cannot be read.
    pub problems: Vec<Error>,
}

/// Finds the transcripts in these directories.
#[must_use]
pub fn find(dirs: &[ProjectDirectory]) -> Scanned {
    let mut all = Scanned::default();
    for listing in side_by_side(dirs, 2, || list_directory) {
        all.found.extend(listing.found);
        all.beside.extend(listing.beside);
        all.problems.extend(listing.problem);
    }
    all
}

fn list_directory(dir: &ProjectDirectory) -> Listing {
    let mut found = Vec::new();
    let mut companions = Vec::new();
    let mut beside = TranscriptSiblings::default();
    beside.aliases.clone_from(&dir.aliases);
    let listed = names_in(&dir.path, |name, regular| {
        let Some(name) = name.to_str() else { return };
        let path = || {
            let mut path = PathBuf::with_capacity(dir.path.as_os_str().len() + 1 + name.len());
            path.extend([&dir.path, Path::new(name)]);
            path
        };
        match name.strip_suffix(".jsonl") {
            Some(id) if is_session_id(id) => {
                found.push(Found { path: path(), home: dir.home, regular, companion: false, beside: None });
            }
            Some(stem) if conflict_of(stem).is_some() => beside.conflicts.push(path()),
            Some(_) if is_subagent(name) => beside.agents.push(path()),
            None if is_session_id(name) => companions.push(name.to_owned()),
            _ => {}
        }
    });
    // Compares path suffixes, because comparing ids would parse each path about a dozen times.
    let beyond = dir.path.as_os_str().len();
    found.sort_unstable_by(|one, other| {
        let [one, other] = [one, other].map(|one| one.path.as_os_str().as_encoded_bytes().get(beyond..));
        one.cmp(&other)
    });
    companions.sort_unstable();
    let beside = (!beside.is_empty()).then(|| Arc::new(beside));
    for one in &mut found {
        let id = one.id();
        one.companion = companions.binary_search_by(|name: &String| name.as_str().cmp(id)).is_ok();
        one.beside.clone_from(&beside);
    }
    Listing { found, beside, problem: listed.err().and_then(|error| unlisted(&dir.path, &error)) }
}

/// Returns the transcript at this path, whatever the name of its directory. A conflict copy counts.
#[must_use]
pub fn found_at(path: &Path, home: usize) -> Option<Found> {
    let found = Found::named(path, home).filter(|one| is_session_id(one.id()))?;
    let beside = list_directory(&ProjectDirectory::at(path.parent()?, home)).beside;
    Some(Found { companion: companion_of(path).is_dir(), beside, ..found })
}

/// Summarizes all transcripts in parallel; the results are in the order of `found`.
///
/// # Errors
///
/// Returns [`crate::error::Code::Aborted`] if the flag is set before all of them are read.
pub fn read<'a>(
    abort: &AbortFlag,
    found: &[Found],
    liveness: impl Fn(&Found) -> Liveness<'a> + Sync,
    depth: Depth,
) -> Result<Vec<Result<Box<Summary>>>> {
    let summaries = side_by_side(found, PORTION, || {
        let mut reader = Reader::default();
        let mut dir = None;
        let liveness = &liveness;
        move |one: &Found| {
            abort.check()?;
            let dir = match dir.take().filter(|dir: &Directory| dir.holds(&one.path)) {
                Some(known) => dir.insert(known),
                None => dir.insert(Directory::open(one.path.parent().unwrap_or(&one.path))),
            };
            let transcript = Transcript::open_in(dir, &one.path, one.regular)?;
            Ok(Box::new(reader.summarize(&transcript, liveness(one), depth)))
        }
    });
    abort.check()?;
    Ok(summaries)
}
