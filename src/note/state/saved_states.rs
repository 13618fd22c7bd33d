//! Reads and writes the saved states of a project. No other module writes them.
//!
//! Every change happens under one lock, in an order that is safe if the process is killed at any point: first
//! the state that is replaced is archived, then the index names the new state, then the file is replaced,
//! then obsolete files are removed. The index may therefore name a state that was never written and list the
//! previous one as retired. [`settle`] corrects both.

use super::directory::{LARGEST, StatesDirectory, sweep};
use super::index::{SaveMoment, SavedStateEntry, SavedStateIndex};
use crate::error::{Code, Error, Result};
use crate::fs::{PRIVATE, read_small};
use crate::store::StateDir;
use crate::store::lock::Lock;
use crate::store::replace::{remove, replace};
use crate::store::stored::sha256_hex;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a user's command waits for another process that saves a state of the same project.
const LOCK_WAIT: Duration = Duration::from_secs(5);
/// How long to wait for the lock in order to record why a state could not be saved.
const SHORT_WAIT: Duration = Duration::from_millis(250);
const IGNORE: &str = ".gitignore";
const IGNORE_ALL: &str = "*\n";

#[derive(Clone, Copy)]
pub struct SavedStateStore<'a> {
    /// Directory of the index and the lock.
    pub state: &'a StateDir,
    pub project: &'a Path,
    /// Number of states retained besides the last one.
    pub archives: usize,
    /// Whether to write a `.gitignore` into the directory, because `init` has not excluded it from git: the
    /// project is not set up, or was not in a repository at that time.
    pub ignored: bool,
}

/// A state that is about to be saved.
pub struct StateToSave<'a> {
    /// Entry for the index; the store fills in its name and hashes.
    pub entry: SavedStateEntry,
    /// The text, without the header about the time of saving.
    pub text: &'a str,
    /// How long to wait for other processes that save states of the project.
    pub patience: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SaveOutcome {
    /// The new state is now the last state. `kept` is the copy of a previous last state that was edited by
    /// hand.
    Saved { name: String, kept: Option<PathBuf> },
    /// The session's newest state has the same content.
    Same,
    /// Another process has saved a newer state of the session in the meantime.
    Older,
}

/// Lists the saved state files of a session in the project of one index, if they are unchanged
/// since they were saved.
#[must_use]
pub fn states_of(book: &SavedStateIndex, session: &str) -> Vec<PathBuf> {
    let Ok(Some(place)) = StatesDirectory::find(&book.project) else { return Vec::new() };
    let entries = book.states.iter().filter(|entry| entry.session == session);
    let places = |entry: &SavedStateEntry| {
        [place.last(), place.archived(&entry.name)].map(|path| (path, entry.sha256.clone()))
    };
    let mut files: Vec<PathBuf> = entries
        .flat_map(places)
        .filter(|(path, sha256)| {
            StatesDirectory::read(path).is_some_and(|text| sha256_hex(text.as_bytes()) == *sha256)
        })
        .map(|(path, _)| path)
        .collect();
    files.sort();
    files.dedup();
    files
}

/// Removes the states of a session from a project and from its index.
///
/// # Errors
///
/// Returns [`Code::StateLocked`], [`Code::StateNewer`], or [`Code::Io`] if a file cannot be read or written.
pub fn forget_states(state: &StateDir, project: &Path, session: &str) -> Result<()> {
    let _held = Lock::wait(&SavedStateIndex::lock(state, project), LOCK_WAIT)?;
    let mut book = SavedStateIndex::load(state, project)?;
    for file in states_of(&book, session) {
        remove(&file)?;
    }
    book.states.retain(|entry| entry.session != session);
    book.save(state)
}

impl SavedStateStore<'_> {
    /// Saves a state as the last one.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`StatesDirectory::make`] and [`SavedStateIndex::load`]; [`Code::StateLocked`],
    /// or [`Code::Io`] if a file cannot be read or written.
    pub fn put(&self, saving: StateToSave<'_>) -> Result<SaveOutcome> {
        let place = StatesDirectory::make(self.project)?;
        let _held = Lock::wait(&SavedStateIndex::lock(self.state, self.project), saving.patience)?;
        let mut book = self.load(&place)?;
        let mut entry = saving.entry;
        entry.content = sha256_hex(saving.text.as_bytes());
        let now = book.states.iter_mut().filter(|known| known.session == entry.session && !known.retired);
        if let Some(newest) = now.max_by_key(|known| known.saved_at) {
            if newest.as_of > entry.as_of {
                return Ok(SaveOutcome::Older);
            }
            if newest.content == entry.content {
                // The file contains the time of its first save; the index records the latest lasting event at
                // which the content was the same.
                let passing = entry.moment.is_passing();
                let (moment, saved_at) =
                    if passing { (newest.moment, newest.saved_at) } else { (entry.moment, entry.saved_at) };
                let held = SavedStateEntry {
                    moment,
                    saved_at,
                    cleared: entry.cleared,
                    bytes: entry.bytes,
                    ..newest.clone()
                };
                if *newest != held {
                    *newest = held;
                    book.save(self.state)?;
                }
                return Ok(SaveOutcome::Same);
            }
        }
        entry.name = free_name(&book, &entry);
        let text = file_text(&entry, saving.text);
        entry.sha256 = sha256_hex(text.as_bytes());
        let name = entry.name.clone();

        let kept = self.put_aside(&place, &book, &entry.session)?;
        book.supersede(&entry.session, entry.as_of);
        book.problem = None;
        book.states.push(entry);
        book.rotate(&name, self.archives);
        archive_last(&place, &book)?;
        book.save(self.state)?;
        if self.ignored && !place.dir().join(IGNORE).exists() {
            replace(&place.dir().join(IGNORE), IGNORE_ALL.as_bytes(), PRIVATE)?;
        }
        replace(&place.last(), text.as_bytes(), PRIVATE)?;
        discard(&place, &book);
        Ok(SaveOutcome::Saved { name, kept })
    }

    /// Restores an archived state as the last state, and archives the current last state.
    ///
    /// # Errors
    ///
    /// Returns [`Code::StateNotFound`] for an unknown name, [`Code::VerificationFailed`] for a state that was
    /// edited, [`Code::NothingToDo`] if it already is the last one; otherwise those of
    /// [`SavedStateStore::put`].
    pub fn restore(&self, name: &str) -> Result<Option<PathBuf>> {
        let place = StatesDirectory::make(self.project)?;
        let _held = Lock::wait(&SavedStateIndex::lock(self.state, self.project), LOCK_WAIT)?;
        let mut book = self.load(&place)?;
        let text = self.restorable(&place, &book, name)?;
        let session = book.states.iter().find(|entry| entry.name == name).map(|entry| entry.session.clone());
        let kept = self.put_aside(&place, &book, &session.unwrap_or_default())?;
        book.rotate(name, self.archives);
        archive_last(&place, &book)?;
        book.save(self.state)?;
        replace(&place.last(), text.as_bytes(), PRIVATE)?;
        let _ = remove(&place.archived(name));
        discard(&place, &book);
        Ok(kept)
    }

    /// Returns the text of a state that [`SavedStateStore::restore`] would accept. Writes nothing.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`SavedStateStore::restore`].
    pub fn restorable(&self, place: &StatesDirectory, book: &SavedStateIndex, name: &str) -> Result<String> {
        let entry =
            book.states.iter().find(|entry| entry.name == name && !entry.retired).ok_or_else(|| {
                Error::new(Code::StateNotFound, format!("no saved state is named {name:?}"))
                    .at(place.dir())
                    .hint("`cc-session-recover state list` shows all")
            })?;
        if hash_of(&place.last()).as_ref() == Some(&entry.sha256) {
            return Err(Error::new(Code::NothingToDo, "is already the last state").at(place.last()));
        }
        let path = place.archived(name);
        let text = StatesDirectory::read(&path).filter(|text| sha256_hex(text.as_bytes()) == entry.sha256);
        text.ok_or_else(|| {
            Error::new(Code::VerificationFailed, "was edited or removed since it was saved")
                .at(path)
                .hint("`cc-session-recover state show` prints what is there")
        })
    }

    /// Returns the index without states whose files no longer exist. Writes nothing.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`StatesDirectory::find`] and [`SavedStateIndex::peek`].
    pub fn read(&self) -> Result<(Option<StatesDirectory>, SavedStateIndex)> {
        let mut book = SavedStateIndex::peek(self.state, self.project)?;
        let place = StatesDirectory::find(self.project)?;
        match &place {
            Some(place) => settle(place, &mut book),
            None => book.states.clear(),
        }
        Ok((place, book))
    }

    /// Returns a state's path and text, if it is unchanged since it was saved.
    #[must_use]
    pub fn sound(place: &StatesDirectory, entry: &SavedStateEntry) -> Option<(PathBuf, String)> {
        [place.last(), place.archived(&entry.name)].into_iter().find_map(|path| {
            let text =
                StatesDirectory::read(&path).filter(|text| sha256_hex(text.as_bytes()) == entry.sha256)?;
            Some((path, text))
        })
    }

    /// Records why a state could not be saved; returns whether that differs from the last failure.
    #[must_use]
    pub fn failed(&self, error: &Error) -> bool {
        let Ok(_held) = Lock::wait(&SavedStateIndex::lock(self.state, self.project), SHORT_WAIT) else {
            return true;
        };
        let Ok(mut book) = SavedStateIndex::load(self.state, self.project) else { return true };
        let problem = Some(error.to_string());
        let news = book.problem != problem;
        book.problem = problem;
        news && book.save(self.state).is_ok()
    }

    /// Lists this tool's files in the project that are unchanged since they were
    /// saved, which `uninstall` removes.
    #[must_use]
    pub fn removable(&self) -> Vec<PathBuf> {
        let Ok((Some(place), book)) = self.read() else { return Vec::new() };
        let mut files: Vec<PathBuf> =
            book.states.iter().filter_map(|entry| Some(Self::sound(&place, entry)?.0)).collect();
        let ignore = place.dir().join(IGNORE);
        if StatesDirectory::read(&ignore).as_deref() == Some(IGNORE_ALL) {
            files.push(ignore);
        }
        files.sort();
        files.dedup();
        files
    }

    fn load(&self, place: &StatesDirectory) -> Result<SavedStateIndex> {
        place.sweep();
        let mut book = SavedStateIndex::load(self.state, self.project)?;
        let path = SavedStateIndex::path(self.state, self.project);
        if let (Some(dir), Some(name)) = (path.parent(), path.file_name().and_then(std::ffi::OsStr::to_str)) {
            sweep(dir, &format!(".{name}."));
        }
        settle(place, &mut book);
        Ok(book)
    }

    /// Saves a copy of a last state that was edited or that this tool did not write.
    fn put_aside(
        &self,
        place: &StatesDirectory,
        book: &SavedStateIndex,
        session: &str,
    ) -> Result<Option<PathBuf>> {
        let last = place.last();
        let Some(bytes) = read_small(&last, LARGEST)? else { return Ok(None) };
        let hash = sha256_hex(&bytes);
        if book.states.iter().any(|entry| entry.sha256 == hash) {
            return Ok(None);
        }
        let kept = self.state.edited_states(session).join(format!("{}.md", &hash[..16]));
        replace(&kept, &bytes, PRIVATE)?;
        Ok(Some(kept))
    }
}

/// Copies the last state into the archive if it is still needed.
fn archive_last(place: &StatesDirectory, book: &SavedStateIndex) -> Result<()> {
    let Some(text) = StatesDirectory::read(&place.last()) else { return Ok(()) };
    let hash = sha256_hex(text.as_bytes());
    let needed = book.states.iter().find(|entry| !entry.retired && entry.sha256 == hash);
    match needed.map(|entry| place.archived(&entry.name)).filter(|path| !path.exists()) {
        Some(path) => replace(&path, text.as_bytes(), PRIVATE),
        None => Ok(()),
    }
}

/// Makes the index match the files: drops a state that was never written, and reinstates the one before it.
fn settle(place: &StatesDirectory, book: &mut SavedStateIndex) {
    let last = hash_of(&place.last());
    let states = std::mem::take(&mut book.states);
    // An edited state stays in the index so that it can be reported; a retired one stays only until
    // its file is removed.
    let there = |entry: &SavedStateEntry| {
        let path = place.archived(&entry.name);
        last.as_ref() == Some(&entry.sha256)
            || if entry.retired { hash_of(&path).as_ref() == Some(&entry.sha256) } else { path.exists() }
    };
    book.states = states.into_iter().filter(there).collect();
    for index in (0..book.states.len()).rev() {
        let entry = &book.states[index];
        let newer = book.states.iter().any(|other| {
            other.session == entry.session && !other.retired && other.saved_at >= entry.saved_at
        });
        if entry.retired && !newer {
            book.states[index].retired = false;
        }
    }
}

/// Removes retired states, except those that were edited.
fn discard(place: &StatesDirectory, book: &SavedStateIndex) {
    for entry in book.states.iter().filter(|entry| entry.retired) {
        let path = place.archived(&entry.name);
        if hash_of(&path).as_ref() == Some(&entry.sha256) {
            let _ = std::fs::remove_file(&path);
        }
    }
    // The archive may contain a copy of the current last state.
    let last = hash_of(&place.last());
    for entry in book.states.iter().filter(|entry| last.as_ref() == Some(&entry.sha256)) {
        let _ = std::fs::remove_file(place.archived(&entry.name));
    }
}

fn hash_of(path: &Path) -> Option<String> {
    Some(sha256_hex(&read_small(path, LARGEST).ok()??))
}

/// Builds a name from the time of saving and the beginning of the session id, plus a number if
/// that name is taken.
fn free_name(book: &SavedStateIndex, entry: &SavedStateEntry) -> String {
    let id: String = entry.session.chars().take(8).collect();
    let plain = format!("{}-{id}", entry.saved_at.format("%Y%m%dT%H%M%S%3fZ"));
    let taken = |name: &str| book.states.iter().any(|known| known.name == name);
    let mut name = plain.clone();
    let mut number = 1;
    while taken(&name) {
        number += 1;
        name = format!("{plain}-{number}");
    }
    name
}

/// Formats the file: a line with the name of the state, the time of saving, and the text.
fn file_text(entry: &SavedStateEntry, text: &str) -> String {
    let at = entry.saved_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let moment: SaveMoment = entry.moment;
    format!("<!-- cc-session-recover:state {} -->\n\nSaved {at}, {}.\n\n{text}", entry.name, moment.words())
}

#[cfg(test)]
mod tests {
    use super::super::index::tests::entry;
    use super::*;

    struct Ground {
        _dir: tempfile::TempDir,
        project: PathBuf,
        state: StateDir,
    }

    impl Ground {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let project = dir.path().join("project");
            std::fs::create_dir(&project).unwrap();
            let state = StateDir::new(dir.path().join("state"));
            Self { _dir: dir, project, state }
        }

        fn rack(&self, archives: usize) -> SavedStateStore<'_> {
            SavedStateStore { state: &self.state, project: &self.project, archives, ignored: false }
        }

        fn put(&self, session: &str, second: usize, moment: SaveMoment) -> String {
            let text = format!("{session} at {second}\n");
            match self
                .rack(10)
                .put(StateToSave { entry: entry(session, second, moment), text: &text, patience: LOCK_WAIT })
                .unwrap()
            {
                SaveOutcome::Saved { name, .. } => name,
                other => panic!("{other:?}"),
            }
        }

        /// Lists the session and the second of each state that exists and is unchanged.
        fn whole(&self) -> Vec<String> {
            let (place, book) = self.rack(10).read().unwrap();
            let kept = book.states.iter().filter(|entry| !entry.retired);
            let texts = kept.map(|entry| SavedStateStore::sound(place.as_ref().unwrap(), entry).unwrap().1);
            let mut words: Vec<String> =
                texts.map(|text| text.lines().last().unwrap_or_default().to_owned()).collect();
            words.sort();
            words
        }
    }

    const ENDED: SaveMoment = SaveMoment::TurnEnded;

    #[test]
    fn a_process_killed_before_it_wrote_the_file_loses_no_state() {
        for next in ["a", "b"] {
            let ground = Ground::new();
            ground.put("a", 1, ENDED);
            // The index as the killed process left it: it contains the new state, and the
            // previous one is retired.
            let mut book = SavedStateIndex::load(&ground.state, &ground.project).unwrap();
            let mut lost = entry("a", 2, ENDED);
            lost.sha256 = sha256_hex(b"never written");
            book.supersede("a", lost.as_of);
            book.states.push(lost);
            book.save(&ground.state).unwrap();
            assert_eq!(ground.whole(), ["a at 1"]);
            ground.put(next, 3, ENDED);
            let expected = if next == "a" { vec!["a at 3"] } else { vec!["a at 1", "b at 3"] };
            assert_eq!(ground.whole(), expected);
        }
    }

    #[test]
    fn leftovers_of_a_killed_process_are_removed_with_the_next_state() {
        let ground = Ground::new();
        ground.put("a", 1, ENDED);
        ground.put("b", 2, ENDED);
        let place = StatesDirectory::make(&ground.project).unwrap();
        let archived = std::fs::read_dir(place.archive()).unwrap().next().unwrap().unwrap().path();
        let text = std::fs::read(&archived).unwrap();
        std::fs::write(place.dir().join(".x.1-0.cc-recover-tmp"), "half").unwrap();
        ground.put("a", 3, ENDED);
        // Simulates a copy that was not removed.
        std::fs::write(&archived, text).unwrap();
        ground.put("b", 4, ENDED);
        assert_eq!(ground.whole(), ["a at 3", "b at 4"]);
        assert_eq!(std::fs::read_dir(place.dir()).unwrap().count(), 2);
    }

    #[test]
    fn an_older_state_does_not_replace_a_newer_one_and_an_equal_one_is_not_rewritten() {
        let ground = Ground::new();
        ground.put("a", 5, ENDED);
        let put = |second, text| {
            ground
                .rack(10)
                .put(StateToSave { entry: entry("a", second, ENDED), text, patience: LOCK_WAIT })
                .unwrap()
        };
        assert_eq!(put(4, "older\n"), SaveOutcome::Older);
        assert_eq!(put(6, "a at 5\n"), SaveOutcome::Same);
        assert_eq!(ground.whole(), ["a at 5"]);
    }

    #[test]
    fn a_damaged_index_makes_every_state_foreign_and_the_last_one_is_preserved() {
        let ground = Ground::new();
        ground.put("a", 1, ENDED);
        std::fs::write(SavedStateIndex::path(&ground.state, &ground.project), "{").unwrap();
        assert!(ground.whole().is_empty());
        let text = "b\n";
        let put = ground
            .rack(10)
            .put(StateToSave { entry: entry("b", 2, ENDED), text, patience: LOCK_WAIT })
            .unwrap();
        let SaveOutcome::Saved { kept: Some(kept), .. } = put else { panic!("{put:?}") };
        assert!(std::fs::read_to_string(kept).unwrap().ends_with("a at 1\n"));
        assert_eq!(ground.whole(), ["b"]);
    }

    #[test]
    fn without_archives_only_the_last_state_is_retained() {
        let ground = Ground::new();
        ground.put("a", 1, SaveMoment::Compacting);
        let rack = ground.rack(0);
        rack.put(StateToSave { entry: entry("b", 2, ENDED), text: "b\n", patience: LOCK_WAIT }).unwrap();
        assert_eq!(ground.whole(), ["b"]);
        let place = StatesDirectory::find(&ground.project).unwrap().unwrap();
        assert_eq!(std::fs::read_dir(place.archive()).unwrap().count(), 0);
    }

    #[test]
    fn restore_makes_a_state_current_and_archives_the_previous_one() {
        let ground = Ground::new();
        let first = ground.put("a", 1, ENDED);
        let second = ground.put("b", 2, ENDED);
        let rack = ground.rack(10);
        rack.restore(&first).unwrap();
        let place = StatesDirectory::find(&ground.project).unwrap().unwrap();
        assert!(StatesDirectory::read(&place.last()).unwrap().ends_with("a at 1\n"));
        assert_eq!(ground.whole(), ["a at 1", "b at 2"]);
        assert_eq!(rack.restore(&first).unwrap_err().code, Code::NothingToDo);
        assert_eq!(rack.restore("nothing").unwrap_err().code, Code::StateNotFound);
        std::fs::write(place.archived(&second), "edited").unwrap();
        assert_eq!(rack.restore(&second).unwrap_err().code, Code::VerificationFailed);
    }
}
