//! Maintains the register of kept sessions, one file with the facts that lists, `doctor` and the limits need
//! about each session.
//!
//! The register is a cache of the descriptions. An entry is valid while its description file has the same
//! inode, length and time; otherwise it is rebuilt.

use super::stored::{KeptAs, KeptSession, kept_of};
use crate::claude::home::is_session_id;
use crate::error::Error;
use crate::fs::{identity, lossy};
use crate::session::files::entries;
use crate::session::stop::{time, time_or_null};
use crate::store::StateDir;
use crate::store::stored::{Stored, peek, save_unsynced};
use crate::threads::{PORTION, side_by_side};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Number of rebuilt entries after which the register is written again. Below it, re-reading the descriptions
/// each time is cheaper.
const STALE: usize = 32;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptEntry {
    pub session: String,
    /// Identity of the description file that this entry was built from; `None` if it could not be read.
    stamp: Option<Stamp>,
    /// The client's transcript, which may no longer exist.
    #[serde(serialize_with = "lossy")]
    pub transcript: PathBuf,
    pub cwd: Option<String>,
    pub name: Option<String>,
    pub title: Option<String>,
    #[serde(serialize_with = "time_or_null")]
    pub first_at: Option<DateTime<Utc>>,
    #[serde(serialize_with = "time")]
    pub updated_at: DateTime<Utc>,
    pub files: usize,
    /// Number of successive files that served as the transcript.
    pub generations: usize,
    /// Device and inode of the newest of them, and its length when a hook last read it.
    newest: Option<(Option<(u64, u64)>, u64)>,
    /// Disk space, in bytes, that only the kept files occupy once Claude Code has deleted its own.
    pub own_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    file: Option<(u64, u64)>,
    bytes: u64,
    modified: DateTime<Utc>,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let meta = std::fs::symlink_metadata(path).ok()?;
        Some(Self { file: identity(&meta), bytes: meta.len(), modified: meta.modified().ok()?.into() })
    }
}

impl KeptEntry {
    fn of(kept: &KeptSession, stamp: Option<Stamp>) -> Self {
        let transcripts = kept.transcripts();
        let bytes = kept.files.iter().map(|file| match file.kept_as {
            KeptAs::Link => file.bytes,
            KeptAs::Frames => file.frames.iter().map(|frame| frame.stored).sum(),
        });
        Self {
            session: kept.session.clone(),
            stamp,
            transcript: kept.transcript.clone(),
            cwd: kept.cwd.clone(),
            name: kept.name.clone(),
            title: kept.title.clone(),
            first_at: kept.files.iter().map(|file| file.kept_at).min(),
            updated_at: kept.updated_at,
            files: kept.files.len(),
            generations: transcripts.len(),
            newest: transcripts.last().map(|file| (file.source, file.bytes)),
            own_bytes: bytes.sum(),
        }
    }

    /// Returns the name and the title. For a session that is not packed, it reads them from the kept
    /// transcript.
    #[must_use]
    pub fn names(&self, state: &StateDir) -> (Option<String>, Option<String>) {
        if self.name.is_some() || self.title.is_some() {
            return (self.name.clone(), self.title.clone());
        }
        kept_of(state, &self.session).ok().flatten().map(|kept| kept.names(state)).unwrap_or_default()
    }

    /// Returns whether the client's transcript no longer exists.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(std::fs::symlink_metadata(&self.transcript), Err(error) if error.kind() == std::io::ErrorKind::NotFound)
    }

    /// Returns the length of the conversation in bytes, if the transcript was always the same file.
    #[must_use]
    pub fn conversation(&self) -> Option<u64> {
        self.newest.filter(|_| self.generations == 1).map(|(_, bytes)| bytes)
    }

    /// Returns whether the current transcript may lack something that is kept, because it is a different file
    /// from the first kept one or shorter than before. Callers read it only in this case.
    #[must_use]
    pub fn may_have_lost(&self) -> bool {
        let Some((source, bytes)) = self.newest else { return false };
        let meta = std::fs::symlink_metadata(&self.transcript);
        meta.is_ok_and(|meta| self.generations > 1 || identity(&meta) != source || meta.len() < bytes)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KeptRegister {
    version: u32,
    sessions: Vec<KeptEntry>,
}

impl Stored for KeptRegister {
    const VERSION: u32 = 1;
}

/// Returns all kept sessions, sorted by id. Descriptions that cannot be read are added to `problems`.
pub fn kept_register(state: &StateDir, problems: &mut Vec<Error>) -> Vec<KeptEntry> {
    let path = state.kept_register();
    let mut known =
        peek::<KeptRegister>(&path).ok().flatten().map(|register| register.sessions).unwrap_or_default();
    known.sort_unstable_by(|one, other| one.session.cmp(&other.session));
    let mut ids: Vec<String> = entries(&state.all_kept(), problems)
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| is_session_id(name))
        .collect();
    ids.sort_unstable();
    let checked = side_by_side(&ids, PORTION, || {
        |id: &String| {
            // Taken before the read, so that a description written in the meantime has a different stamp the
            // next time.
            let stamp = Stamp::of(&state.kept_description(id));
            let at = known.binary_search_by(|entry| entry.session.as_str().cmp(id)).ok();
            let current = at.filter(|at| stamp.is_some() && known[*at].stamp == stamp);
            match current {
                Some(at) => Ok(Some((known[at].clone(), false))),
                None => Ok(kept_of(state, id)?.map(|kept| (KeptEntry::of(&kept, stamp), true))),
            }
        }
    });
    let mut fresh = 0;
    let mut sessions = Vec::with_capacity(ids.len());
    for entry in checked {
        match entry {
            Ok(Some((entry, made))) => {
                fresh += usize::from(made);
                sessions.push(entry);
            }
            Ok(None) => {}
            Err(error) => problems.push(error),
        }
    }
    if fresh >= STALE || known.len() >= sessions.len() + STALE {
        // Only a cache: if the write fails, the next reader rebuilds it.
        let register = KeptRegister { version: KeptRegister::VERSION, sessions };
        let _ = save_unsynced(&path, &register);
        return register.sessions;
    }
    sessions
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::claude::home::ClaudeHome;
    use crate::clock::SystemClock;
    use crate::keep::{KeepSource, keep};

    fn session(number: usize) -> String {
        format!("{number:08x}-0000-4000-8000-00000000000a")
    }

    #[test]
    fn the_register_matches_the_descriptions_even_after_changes_or_damage() {
        let dir = tempfile::tempdir().unwrap();
        let (home, state) =
            (ClaudeHome::new(dir.path().join("home")), StateDir::new(dir.path().join("state")));
        let transcript = |number| home.projects().join("-w").join(format!("{}.jsonl", session(number)));
        std::fs::create_dir_all(home.projects().join("-w")).unwrap();
        let kept = |number| {
            let (session, transcript) = (session(number), transcript(number));
            let source =
                KeepSource { session: &session, transcript: &transcript, home: &home, cwd: Some("/w") };
            keep(&state, &SystemClock, &source).unwrap();
        };
        let line = "{\"parentUuid\":null,\"type\":\"user\",\"uuid\":\"a\"}\n";
        for number in 0..STALE + 8 {
            std::fs::write(transcript(number), line).unwrap();
            kept(number);
        }
        let read = || {
            let mut problems = Vec::new();
            let found = kept_register(&state, &mut problems);
            assert!(problems.is_empty(), "{problems:?}");
            for entry in &found {
                let stamp = Stamp::of(&state.kept_description(&entry.session));
                let kept = kept_of(&state, &entry.session).unwrap().unwrap();
                assert_eq!(*entry, KeptEntry::of(&kept, stamp));
            }
            found
        };
        assert_eq!(read().len(), STALE + 8);
        let written = std::fs::read(state.kept_register()).unwrap();
        // One session changes, one is removed, one is added: the file is not rewritten, and
        // the results are current.
        std::fs::write(transcript(1), line.repeat(2)).unwrap();
        kept(1);
        std::fs::remove_dir_all(state.kept(&session(2))).unwrap();
        std::fs::write(transcript(99), line).unwrap();
        kept(99);
        let found = read();
        assert_eq!((found.len(), found[1].conversation()), (STALE + 8, Some(2 * line.len() as u64)));
        assert_eq!(std::fs::read(state.kept_register()).unwrap(), written);
        std::fs::write(state.kept_register(), "{ torn").unwrap();
        assert_eq!(read(), found);
        assert!(std::fs::read(state.kept_register()).unwrap().len() > 1000, "made anew");
        assert!(found.iter().all(|entry| !entry.is_gone() && !entry.may_have_lost()));
        std::fs::write(transcript(3), "").unwrap();
        std::fs::remove_file(transcript(4)).unwrap();
        let lost: Vec<bool> = read()[2..4].iter().map(KeptEntry::may_have_lost).collect();
        assert_eq!((lost, read()[3].is_gone()), (vec![true, false], true));
    }
}
