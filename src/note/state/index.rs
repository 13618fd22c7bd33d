//! Stores a project's index: the hashes of the saved states that this tool wrote, and a summary of each.

use crate::error::Result;
use crate::session::StopKind;
use crate::session::stop::{time, time_or_null};
use crate::store::StateDir;
use crate::store::stored::{Loaded, Stored, load, peek, save};
use crate::trust::enabled::project_key;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Event at which a state was saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "SaveMoment"))]
pub enum SaveMoment {
    TurnEnded,
    SubagentEnded,
    /// The conversation was about to be compacted.
    Compacting,
    /// An API error ended the turn.
    Stopped,
    /// The session ended, or the client switched to another one.
    SessionEnded,
}

impl SaveMoment {
    /// Returns a phrase for the event that follows the word "saved".
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::TurnEnded => "when a turn ended",
            Self::SubagentEnded => "when a subagent ended",
            Self::Compacting => "before the conversation was compacted",
            Self::Stopped => "when it stopped",
            Self::SessionEnded => "when the session ended",
        }
    }

    /// Returns whether the next state of the same session replaces a state saved at this event.
    #[must_use]
    pub const fn is_passing(self) -> bool {
        matches!(self, Self::TurnEnded | Self::SubagentEnded)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SavedStateEntry {
    /// Time of saving and beginning of the session id. The archived file is `<name>.md`.
    pub name: String,
    pub session: String,
    #[serde(serialize_with = "time")]
    pub saved_at: DateTime<Utc>,
    pub moment: SaveMoment,
    /// Time of the newest record in the transcript when the state was saved.
    #[serde(serialize_with = "time_or_null")]
    pub as_of: Option<DateTime<Utc>>,
    /// Length of the transcript when the state was saved, in bytes.
    pub bytes: u64,
    /// SHA-256 of the file, in hex.
    pub sha256: String,
    /// SHA-256 of the part that does not depend on the time of saving.
    pub content: String,
    /// Status of the session when the state was saved.
    pub kind: StopKind,
    /// Whether the session had unfinished work.
    pub unfinished: bool,
    /// Number of unfinished tasks.
    pub tasks_open: usize,
    pub tasks_done: usize,
    /// Number of calls, subagents and background tasks without a result.
    pub in_flight: usize,
    pub failing: usize,
    pub files: usize,
    /// Whether the user cleared the conversation at that point.
    #[serde(default)]
    pub cleared: bool,
    /// Whether the state is obsolete and its file is about to be removed.
    #[serde(default)]
    pub retired: bool,
}

/// All states of one project that this tool wrote, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedStateIndex {
    pub version: u32,
    pub project: PathBuf,
    pub states: Vec<SavedStateEntry>,
    /// Why the last attempt to save a state failed. It is stored so that it is reported only once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl Stored for SavedStateIndex {
    const VERSION: u32 = 1;
}

impl SavedStateIndex {
    /// Returns the path of a project's index.
    #[must_use]
    pub fn path(state: &StateDir, project: &Path) -> PathBuf {
        state.root().join("states").join(format!("{}.json", project_key(project)))
    }

    /// Returns the path of the lock that guards a change to a project's states.
    #[must_use]
    pub fn lock(state: &StateDir, project: &Path) -> PathBuf {
        state.leases().join(format!("states-{}.lock", project_key(project)))
    }

    /// Reads the indexes of all projects, skipping unreadable ones.
    #[must_use]
    pub fn all(state: &StateDir) -> Vec<Self> {
        let entries = crate::session::files::entries(&state.root().join("states"), &mut Vec::new());
        let paths = entries.map(|entry| entry.path());
        let books = paths.filter(|path| path.extension().is_some_and(|ending| ending == "json"));
        books.filter_map(|path| peek(&path).ok().flatten()).collect()
    }

    fn empty(project: &Path) -> Self {
        Self { version: Self::VERSION, project: project.to_path_buf(), states: Vec::new(), problem: None }
    }

    /// Reads the index without changing anything; empty if it is missing or damaged, in which case no state
    /// counts as written by this tool.
    ///
    /// # Errors
    ///
    /// Returns [`crate::error::Code::StateNewer`] if the version is newer than this program supports.
    pub fn peek(state: &StateDir, project: &Path) -> Result<Self> {
        match peek::<Self>(&Self::path(state, project)) {
            Ok(book) => {
                Ok(book.filter(|book| book.project == project).unwrap_or_else(|| Self::empty(project)))
            }
            Err(error) if error.code == crate::error::Code::StateNewer => Err(error),
            Err(_) => Ok(Self::empty(project)),
        }
    }

    /// Reads the index in order to change it; quarantines a damaged index. The caller must own
    /// [`SavedStateIndex::lock`].
    ///
    /// # Errors
    ///
    /// Returns the errors of [`load`].
    pub fn load(state: &StateDir, project: &Path) -> Result<Self> {
        match load::<Self>(state, &Self::path(state, project))? {
            Loaded::Found(book) if book.project == project => Ok(book),
            _ => Ok(Self::empty(project)),
        }
    }

    /// Writes the index durably.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`save`].
    pub fn save(&self, state: &StateDir) -> Result<()> {
        save(&Self::path(state, &self.project), self)
    }

    /// Returns the newest state of a session.
    #[must_use]
    pub fn newest_of(&self, session: &str) -> Option<&SavedStateEntry> {
        let of_session = self.states.iter().filter(|entry| entry.session == session && !entry.retired);
        of_session.max_by_key(|entry| entry.saved_at)
    }

    /// Returns the newest state of each session, newest first.
    #[must_use]
    pub fn newest_of_each(&self) -> Vec<&SavedStateEntry> {
        let mut newest: Vec<&SavedStateEntry> = Vec::new();
        let mut all: Vec<&SavedStateEntry> = self.states.iter().filter(|entry| !entry.retired).collect();
        all.sort_by_key(|entry| std::cmp::Reverse(entry.saved_at));
        for entry in all {
            if newest.iter().all(|known| known.session != entry.session) {
                newest.push(entry);
            }
        }
        newest
    }

    /// Retires the states that a new state of `session` makes obsolete: those of minor events, and those with
    /// the same `as_of` time.
    pub(super) fn supersede(&mut self, session: &str, as_of: Option<DateTime<Utc>>) {
        for entry in self.states.iter_mut().filter(|entry| entry.session == session) {
            entry.retired |= entry.moment.is_passing() || as_of.is_some() && entry.as_of == as_of;
        }
    }

    /// Retires states in excess of `archives` besides the last one: first those with a newer state of the
    /// same session, then the oldest.
    pub(super) fn rotate(&mut self, last: &str, archives: usize) {
        let beside_it = |entry: &&mut SavedStateEntry| !entry.retired && entry.name != last;
        let newest: Vec<String> = self.newest_of_each().iter().map(|entry| entry.name.clone()).collect();
        let mut beside: Vec<&mut SavedStateEntry> = self.states.iter_mut().filter(beside_it).collect();
        beside.sort_by_key(|entry| (newest.contains(&entry.name), entry.saved_at));
        let too_many = beside.len().saturating_sub(archives);
        for entry in beside.into_iter().take(too_many) {
            entry.retired = true;
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::clock::parse_rfc3339;

    pub fn entry(session: &str, second: usize, moment: SaveMoment) -> SavedStateEntry {
        let at = parse_rfc3339(&format!("2026-03-02T03:{:02}:{:02}Z", second / 60, second % 60)).unwrap();
        SavedStateEntry {
            name: format!("{second:04}-{session}"),
            session: session.to_owned(),
            saved_at: at,
            moment,
            as_of: Some(at),
            bytes: 1,
            sha256: String::new(),
            content: String::new(),
            kind: StopKind::Finished,
            unfinished: false,
            tasks_open: 0,
            tasks_done: 0,
            in_flight: 0,
            failing: 0,
            files: 0,
            cleared: false,
            retired: false,
        }
    }

    fn left(book: &SavedStateIndex) -> Vec<&str> {
        book.states.iter().filter(|entry| !entry.retired).map(|entry| entry.name.as_str()).collect()
    }

    #[test]
    fn a_turn_state_is_replaced_by_the_next_of_its_session_and_others_stay() {
        let mut book = SavedStateIndex::empty(Path::new("/p"));
        book.states = vec![
            entry("a", 1, SaveMoment::TurnEnded),
            entry("a", 2, SaveMoment::Compacting),
            entry("b", 3, SaveMoment::TurnEnded),
            entry("a", 4, SaveMoment::SessionEnded),
        ];
        let at = book.states[3].as_of;
        book.supersede("a", at);
        assert_eq!(left(&book), ["0002-a", "0003-b"]);
    }

    #[test]
    fn rotation_removes_older_states_of_a_session_before_the_only_one_of_another() {
        let mut book = SavedStateIndex::empty(Path::new("/p"));
        book.states = vec![entry("b", 1, SaveMoment::TurnEnded)];
        book.states.extend((2..8).map(|second| entry("a", second, SaveMoment::Compacting)));
        book.rotate("0007-a", 3);
        assert_eq!(left(&book), ["0001-b", "0005-a", "0006-a", "0007-a"]);
        book.rotate("0007-a", 0);
        assert_eq!(left(&book), ["0007-a"]);
    }
}
