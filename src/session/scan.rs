//! A scan: all transcripts below some configuration directories, found by name and read side by side.
//!
//! A file that cannot be read is a problem of its own and never of the list. What is read of each file is what
//! [`super::summary`] needs, so the time grows with the number of sessions and hardly with their sizes.

use super::ending::Liveness;
use super::summary::{Depth, Summary, summarize_with};
use crate::claude::home::{ClaudeHome, is_session_id, stores};
use crate::claude::transcript::{Backwards, Transcript};
use crate::error::{Error, Result};
use crate::fs::Directory;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// More threads than these gain nothing: the disk, or the memory, is the limit.
const MOST_THREADS: usize = 8;
/// Files a thread takes at a time.
const PORTION: usize = 16;

/// A transcript that was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// Session id.
    pub id: String,
    /// The file.
    pub path: PathBuf,
    /// Index of its configuration directory.
    pub home: usize,
    /// A directory of the session's name stands beside it: subagents, long tool results.
    pub companion: bool,
}

/// Finds the transcripts of every project directory, or of those that `wanted` names.
pub fn find(
    homes: &[ClaudeHome],
    wanted: impl Fn(&ClaudeHome) -> Option<Vec<PathBuf>>,
    problems: &mut Vec<Error>,
) -> Vec<Found> {
    let mut found = Vec::new();
    let stores = stores(homes);
    for (index, home) in homes.iter().enumerate().filter(|(index, _)| stores[*index] == *index) {
        let mut dirs = wanted(home).unwrap_or_else(|| {
            entries(&home.projects(), problems).into_iter().map(|entry| entry.path()).collect()
        });
        dirs.sort();
        dirs.dedup();
        for dir in dirs {
            find_in(&dir, index, &mut found, problems);
        }
    }
    found
}

fn find_in(dir: &Path, home: usize, found: &mut Vec<Found>, problems: &mut Vec<Error>) {
    let mut ids = Vec::new();
    let mut companions = BTreeSet::new();
    for entry in entries(dir, problems) {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if let Some(id) = name.strip_suffix(".jsonl") {
            if is_session_id(id) {
                ids.push(id.to_owned());
            }
        } else if is_session_id(name) {
            companions.insert(name.to_owned());
        }
    }
    ids.sort();
    found.extend(ids.into_iter().map(|id| Found {
        path: dir.join(format!("{id}.jsonl")),
        home,
        companion: companions.contains(&id),
        id,
    }));
}

/// The transcript at this path, whatever its directory is called.
#[must_use]
pub fn found_at(path: &Path, home: usize) -> Option<Found> {
    let id = path.file_stem().and_then(OsStr::to_str).filter(|id| is_session_id(id))?;
    Some(Found {
        id: id.to_owned(),
        path: path.to_path_buf(),
        home,
        companion: path.with_extension("").is_dir(),
    })
}

/// Entries of a directory; one that does not exist has none.
pub fn entries(dir: &Path, problems: &mut Vec<Error>) -> Vec<std::fs::DirEntry> {
    match std::fs::read_dir(dir) {
        Ok(entries) => entries.filter_map(std::result::Result::ok).collect(),
        Err(error)
            if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) =>
        {
            Vec::new()
        }
        Err(error) => {
            problems.push(Error::io("read the directory", dir, &error));
            Vec::new()
        }
    }
}

/// Reads them all; the answers stand where the questions stood.
pub fn read<'a>(
    found: &[Found],
    liveness: impl Fn(&Found) -> Liveness<'a> + Sync,
    depth: Depth,
) -> Vec<Result<Box<Summary>>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut lines = Backwards::default();
        let mut done = Vec::new();
        let mut dir = None;
        loop {
            let from = next.fetch_add(PORTION, Ordering::Relaxed);
            let Some(portion) = found.get(from..).filter(|rest| !rest.is_empty()) else { return done };
            for (offset, one) in portion.iter().take(PORTION).enumerate() {
                let parent = one.path.parent().unwrap_or(&one.path);
                let dir = match dir.take().filter(|dir: &Directory| dir.path() == parent) {
                    Some(known) => dir.insert(known),
                    None => dir.insert(Directory::open(parent)),
                };
                let summary = Transcript::open_in(dir, &one.path).map(|transcript| {
                    Box::new(summarize_with(&mut lines, &transcript, liveness(one), depth))
                });
                done.push((from + offset, summary));
            }
        }
    };
    if found.len() <= PORTION {
        return work().into_iter().map(|(_, summary)| summary).collect();
    }
    let threads =
        std::thread::available_parallelism().map_or(2, std::num::NonZero::get).clamp(2, MOST_THREADS);
    let mut all: Vec<Option<Result<Box<Summary>>>> = Vec::new();
    all.resize_with(found.len(), || None);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            for (index, summary) in thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)) {
                all[index] = Some(summary);
            }
        }
    });
    all.into_iter().flatten().collect()
}
