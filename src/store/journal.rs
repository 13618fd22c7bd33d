//! Writes the journal, one JSON line for each decision or action, for the user and for later checks.
//!
//! No decision depends on the journal, so a line that cannot be written is dropped.
//!
//! The lines form a chain. Each ends with `prev`, the SHA-256 of the bytes of the line before it, so that a
//! line that is changed, removed or inserted later does not match the line after it. Lines of earlier
//! versions have no `prev`, and are covered by the first line that has one. After that, a line without `prev`
//! is a break as well: its writer did not acquire the lock in time, because no hook waits long for it, or the
//! line was inserted. Nothing covers the last line, and anyone with write access can create a whole new
//! chain. So the chain detects accidents and edits, but does not protect against the owner of the file.

use super::StateDir;
use super::layout::ensure_dir;
use super::lock::Lock;
use super::replace::replace;
use super::stored::sha256_hex;
use crate::clock::{Clock, rfc3339};
use crate::error::{Error, Result};
use crate::fs::{PRIVATE, open_regular, private_file, read_small};
use memchr::memmem;
use serde::Serialize;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Size at which the journal is rotated, in bytes; one older file is retained.
const LARGEST: u64 = 4 * 1024 * 1024;
/// How long a writer waits for other writers. The time is short, because a hook must not be delayed.
const LOCK_WAIT: Duration = Duration::from_millis(250);
/// How long a command that removes lines waits for the lock.
const FORGET_WAIT: Duration = Duration::from_secs(5);
/// Number of bytes read at once to find the previous line.
const TAIL: u64 = 2 * 1024;
/// Key of the hash of the previous line.
const PREV: &str = "prev";

/// Appends `{at, event, pid, ...fields, prev}` as one line.
pub fn append(state: &StateDir, clock: &dyn Clock, event: &str, fields: Value) {
    let mut line = Map::new();
    line.insert("at".into(), Value::String(rfc3339(clock.now())));
    line.insert("event".into(), Value::String(event.into()));
    line.insert("pid".into(), Value::from(std::process::id()));
    if let Value::Object(fields) = fields {
        line.extend(fields);
    }
    line.shift_remove(PREV);
    let _ = write(state, line);
}

/// Reads the entries of these events, oldest first, including the older file. Skips invalid lines and
/// unreadable files, because nothing depends on the journal.
#[must_use]
pub fn entries(state: &StateDir, events: &[&str]) -> Vec<Value> {
    let marks: Vec<String> = events.iter().map(|event| format!("\"event\":\"{event}\"")).collect();
    let mut entries = Vec::new();
    for path in [state.older_journal(), state.journal()] {
        let Ok(Some(bytes)) = read(&path) else { continue };
        let lines = lines(&bytes).filter_map(|line| std::str::from_utf8(line).ok());
        let wanted = lines.filter(|line| marks.iter().any(|mark| line.contains(mark.as_str())));
        let parsed = wanted.filter_map(|line| serde_json::from_str::<Value>(line).ok());
        // A string inside a line may look like a mark.
        entries.extend(parsed.filter(|entry| {
            entry.get("event").and_then(Value::as_str).is_some_and(|event| events.contains(&event))
        }));
    }
    entries
}

/// Reads all entries, oldest first.
///
/// # Errors
///
/// Returns [`crate::error::Code::Io`] or [`crate::error::Code::PathRefused`] if a file exists but cannot be read.
pub fn all(state: &StateDir) -> Result<Vec<Value>> {
    let mut entries = Vec::new();
    for path in [state.older_journal(), state.journal()] {
        let bytes = read(&path)?.unwrap_or_default();
        entries.extend(lines(&bytes).filter_map(|line| serde_json::from_slice::<Value>(line).ok()));
    }
    Ok(entries)
}

/// A journal line that does not match the line before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "LogBreak"))]
pub struct Break {
    /// Path of the file.
    #[serde(serialize_with = "crate::fs::lossy")]
    pub path: PathBuf,
    /// Line number in the file, starting at 1.
    pub line: usize,
    /// Description of the break, in one sentence.
    pub why: String,
}

/// Result of checking the chain of the journal, in which each line contains the SHA-256 of
/// the line before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "LogChain"))]
pub struct JournalChain {
    /// Whether the chain has no break, so that no line within it was changed, removed or inserted.
    pub sound: bool,
    /// Number of lines in the journal.
    pub lines: usize,
    /// Number of lines with a `prev`.
    pub chained: usize,
    /// Number of lines without a `prev`. At the beginning they are from earlier versions;
    /// later ones are breaks.
    pub unchained: usize,
    /// Lines at which the chain of hashes is broken.
    pub breaks: Vec<Break>,
    /// Hash of the last line. A copy stored elsewhere can show whether the journal was truncated since.
    pub head: Option<String>,
}

/// Verifies every line against the one before it.
///
/// # Errors
///
/// Returns the errors of [`all`].
pub fn verify(state: &StateDir) -> Result<JournalChain> {
    let mut chain =
        JournalChain { sound: true, lines: 0, chained: 0, unchained: 0, breaks: Vec::new(), head: None };
    // Hashes that a line may name: that of the previous line, and those of earlier lines back to the last
    // chained one. So a line without a hash is reported once, and not again for the line after it.
    let mut possible: Vec<String> = Vec::new();
    let mut first = true;
    for path in [state.older_journal(), state.journal()] {
        let bytes = read(&path)?.unwrap_or_default();
        for (index, line) in lines(&bytes).enumerate() {
            chain.lines += 1;
            let mut broken = |why: &str| {
                chain.breaks.push(Break { path: path.clone(), line: index + 1, why: why.to_owned() });
            };
            let entry = serde_json::from_slice::<Map<String, Value>>(line).ok();
            let prev = entry.as_ref().and_then(|entry| entry.get(PREV));
            match (&entry, prev) {
                (None, _) => broken("is not a valid journal line"),
                (Some(_), None) => {
                    chain.unchained += 1;
                    if chain.chained > 0 {
                        broken(
                            "does not name the line before it: it was inserted, or written while another process held the lock",
                        );
                    }
                }
                (Some(_), Some(prev)) => {
                    chain.chained += 1;
                    // The line before the first one may have been rotated away.
                    let fits = match prev.as_str() {
                        _ if first => true,
                        Some(hash) => possible.iter().any(|one| one == hash),
                        None => false,
                    };
                    if !fits {
                        broken("does not match the line before it: a line was changed, removed or inserted");
                    }
                    possible.clear();
                }
            }
            possible.push(sha256_hex(line));
            first = false;
        }
    }
    chain.sound = chain.breaks.is_empty();
    chain.head = possible.pop();
    Ok(chain)
}

/// Removes every line that contains a session's id. Recomputes the hashes of the lines after a removed one; a
/// line that did not match before does not match afterwards either.
///
/// # Errors
///
/// Returns [`crate::error::Code::StateLocked`], [`crate::error::Code::Io`].
pub fn forget(state: &StateDir, session: &str) -> Result<()> {
    let _lock = Lock::wait(&state.journal_lock(), FORGET_WAIT)?;
    // Maps the old hash of a line to the hash of the line that now takes its place.
    let mut now: HashMap<String, Option<String>> = HashMap::new();
    let mut last: Option<String> = None;
    for path in [state.older_journal(), state.journal()] {
        let Some(bytes) = read(&path)? else { continue };
        let mut text = Vec::with_capacity(bytes.len());
        for line in lines(&bytes) {
            let before = sha256_hex(line);
            if memmem::find(line, session.as_bytes()).is_none() {
                let line = follow(line, &now);
                last = Some(sha256_hex(&line));
                text.extend_from_slice(&line);
                text.push(b'\n');
            }
            now.insert(before, last.clone());
        }
        if text != bytes {
            replace(&path, &text, PRIVATE)?;
        }
    }
    Ok(())
}

/// Returns a line with `prev` updated to the line that now precedes it.
fn follow<'l>(line: &'l [u8], now: &HashMap<String, Option<String>>) -> Cow<'l, [u8]> {
    let entry = serde_json::from_slice::<Map<String, Value>>(line).ok();
    let moved = entry.and_then(|mut entry| {
        let named = entry.get(PREV)?.as_str()?;
        let hash = now.get(named)?;
        if hash.as_deref() == Some(named) {
            return None;
        }
        entry.insert(PREV.into(), hash.clone().map_or(Value::Null, Value::String));
        Some(Value::Object(entry).to_string().into_bytes())
    });
    moved.map_or(Cow::Borrowed(line), Cow::Owned)
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    // The journal is rotated once it exceeds the limit, so it is at most one line longer.
    read_small(path, 2 * LARGEST)
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

fn write(state: &StateDir, mut line: Map<String, Value>) -> std::io::Result<()> {
    let path = state.journal();
    let locked = Lock::wait(&state.journal_lock(), LOCK_WAIT).ok();
    let mut options = private_file();
    options.read(true).append(true).create(true);
    let mut file = match options.open(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            ensure_dir(state.root()).map_err(|_| error)?;
            options.open(&path)?
        }
        other => other?,
    };
    let mut last = None;
    if locked.is_some() {
        let older = || open_regular(&state.older_journal()).ok();
        last = last_line(&mut file).or_else(|| last_line(&mut older()?));
        let prev = last.as_ref().map_or(Value::Null, |(line, _)| Value::String(sha256_hex(line)));
        line.insert(PREV.into(), prev);
    }
    let mut text = Value::Object(line).to_string();
    text.push('\n');
    if file.metadata()?.len() > LARGEST {
        std::fs::rename(&path, state.older_journal())?;
        file = options.open(&path)?;
    } else if last.is_some_and(|(_, whole)| !whole) {
        // Keep a line that a crash truncated separate from the new one.
        text.insert(0, '\n');
    }
    // One write call, so that lines of several processes do not interleave.
    file.write_all(text.as_bytes())
}

/// Returns the last line of a file, and whether a newline terminates it.
fn last_line(file: &mut File) -> Option<(Vec<u8>, bool)> {
    let length = file.metadata().ok()?.len();
    let mut size = TAIL;
    loop {
        let start = length.saturating_sub(size);
        let bytes = read_from(file, start, length - start).ok()?;
        let whole = bytes.ends_with(b"\n");
        let body = bytes.trim_ascii_end();
        if let Some(end) = memchr::memrchr(b'\n', body) {
            return Some((body[end + 1..].to_vec(), whole));
        }
        if start == 0 {
            return (!body.is_empty()).then(|| (body.to_vec(), whole));
        }
        size *= 8;
    }
}

fn read_from(file: &mut File, start: u64, expected: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or(0) + 1);
    file.seek(SeekFrom::Start(start))?;
    file.take(2 * LARGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use serde_json::json;

    fn noted(state: &StateDir, count: usize) {
        for number in 0..count {
            append(state, &SystemClock, "tried", json!({"number": number, "prev": "not mine"}));
        }
    }

    fn text(state: &StateDir) -> String {
        std::fs::read_to_string(state.journal()).unwrap()
    }

    #[test]
    fn a_changed_removed_inserted_or_moved_line_breaks_the_chain() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::new(dir.path());
        noted(&state, 20);
        let chain = verify(&state).unwrap();
        assert_eq!((chain.sound, chain.lines, chain.chained, chain.unchained), (true, 20, 20, 0));
        let good = text(&state);
        let lines: Vec<&str> = good.lines().collect();
        for at in 0..19 {
            let mut changed: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
            changed[at] = changed[at].replace("tried", "cried");
            let mut out = lines.clone();
            out.remove(at);
            let mut twice = lines.clone();
            twice.insert(at, lines[at]);
            let mut swapped = lines.clone();
            swapped.swap(at, at + 1);
            for (what, bad) in [
                ("changed", changed.join("\n")),
                ("out", out.join("\n")),
                ("twice", twice.join("\n")),
                ("swapped", swapped.join("\n")),
            ] {
                std::fs::write(state.journal(), bad + "\n").unwrap();
                let sound = verify(&state).unwrap().sound;
                // Without its first lines, a journal looks as if it had been rotated.
                assert_eq!(sound, what == "out" && at == 0, "{what} {at}");
            }
        }
        std::fs::write(state.journal(), &good).unwrap();
        assert_eq!(verify(&state).unwrap(), chain);
    }

    #[test]
    fn lines_of_earlier_versions_are_read_and_covered_by_the_chain() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::new(dir.path());
        std::fs::write(state.journal(), "{\"event\":\"old\",\"n\":1}\n{\"event\":\"old\",\"n\":2}\n")
            .unwrap();
        noted(&state, 2);
        assert_eq!(entries(&state, &["old"]).len(), 2);
        assert_eq!(all(&state).unwrap().len(), 4);
        let chain = verify(&state).unwrap();
        assert_eq!((chain.sound, chain.chained, chain.unchained), (true, 2, 2));
        let changed = text(&state).replace("\"n\":2", "\"n\":3");
        std::fs::write(state.journal(), changed).unwrap();
        let chain = verify(&state).unwrap();
        assert_eq!((chain.sound, chain.breaks[0].line), (false, 3));
    }

    #[test]
    fn a_line_truncated_by_a_crash_is_isolated_and_reported() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::new(dir.path());
        noted(&state, 3);
        let good = text(&state);
        std::fs::write(state.journal(), &good[..good.len() - 30]).unwrap();
        noted(&state, 2);
        let chain = verify(&state).unwrap();
        assert_eq!((chain.sound, chain.lines, chain.breaks.len(), chain.breaks[0].line), (false, 5, 1, 3));
    }

    #[test]
    fn the_chain_continues_when_the_journal_is_rotated() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::new(dir.path());
        let long = "x".repeat(200_000);
        for _ in 0..50 {
            append(&state, &SystemClock, "long", json!({ "text": long }));
        }
        assert!(state.older_journal().exists());
        let chain = verify(&state).unwrap();
        assert!(chain.sound && chain.unchained == 0, "{:?}", chain.breaks);
    }

    #[test]
    fn forgetting_a_session_neither_breaks_the_chain_nor_repairs_a_broken_one() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::new(dir.path());
        for number in 0..9 {
            let session = if number % 3 == 0 { "gone" } else { "stays" };
            append(&state, &SystemClock, "tried", json!({"session": session, "number": number}));
            if number == 4 {
                std::fs::rename(state.journal(), state.older_journal()).unwrap();
            }
        }
        forget(&state, "gone").unwrap();
        let chain = verify(&state).unwrap();
        assert!(chain.sound && chain.chained == 6, "{chain:?}");
        let numbers = |entry: &Value| entry["number"].as_u64().unwrap();
        assert_eq!(all(&state).unwrap().iter().map(numbers).collect::<Vec<_>>(), [1, 2, 4, 5, 7, 8]);
        append(&state, &SystemClock, "tried", json!({}));
        assert!(verify(&state).unwrap().sound);
        let changed = text(&state).replace("\"number\":7", "\"number\":6");
        std::fs::write(state.journal(), changed).unwrap();
        assert!(!verify(&state).unwrap().sound);
        forget(&state, "\"number\":5").unwrap();
        assert!(!verify(&state).unwrap().sound, "a changed entry still shows");
    }

    #[test]
    fn concurrent_writers_form_one_chain() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::new(dir.path());
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| noted(&state, 25));
            }
        });
        let chain = verify(&state).unwrap();
        assert_eq!((chain.sound, chain.lines), (true, 200), "{:?}", chain.breaks);
    }
}
