//! Stores hook events that could not be added to their incident at once, one file per event.
//!
//! Fifty simultaneous hooks that share one locked file take hundreds of milliseconds. With a separate file,
//! each hook takes one millisecond. The next process that owns the session's lock adds the events and removes
//! the files.

use super::StateDir;
use super::stored::{Stored, load, peek, save};
use crate::claude::home::is_session_id;
use crate::error::Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// One event as received from the hook.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SpooledEvent {
    pub version: u32,
    pub session: String,
    /// Time of arrival, in epoch milliseconds.
    pub at: i64,
    pub payload: Value,
}

impl Stored for SpooledEvent {
    const VERSION: u32 = 1;
}

/// Writes an event for the next owner of the session's lock. The event is durable when this returns.
///
/// # Errors
///
/// Returns [`crate::error::Code::Io`].
pub fn put(state: &StateDir, event: &SpooledEvent) -> Result<PathBuf> {
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let path =
        state.spool().join(format!("{}.{:013}-{}-{count}.json", event.session, event.at, std::process::id()));
    save(&path, event)?;
    Ok(path)
}

/// Reads the events of one session, oldest first. Quarantines damaged events. The caller must own the
/// session's lock.
#[must_use]
pub fn pending(state: &StateDir, session: &str) -> Vec<(PathBuf, SpooledEvent)> {
    events(state, session, |path| load::<SpooledEvent>(state, path).ok()?.found())
}

/// Reads the events of one session without changing anything; skips damaged ones.
#[must_use]
pub fn peek_pending(state: &StateDir, session: &str) -> Vec<SpooledEvent> {
    let events = events(state, session, |path| peek::<SpooledEvent>(path).ok()?);
    events.into_iter().map(|(_, event)| event).collect()
}

/// Lists the files of one session's events without reading them, so damaged ones too.
pub fn files(state: &StateDir, session: &str) -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(state.spool())
        .into_iter()
        .flatten()
        .filter_map(std::result::Result::ok)
        .filter(move |entry| {
            entry.file_name().to_str().is_some_and(|name| name.starts_with(session))
                && entry.path().extension().is_some_and(|ending| ending == "json")
        })
        .map(|entry| entry.path())
}

fn events(
    state: &StateDir,
    session: &str,
    read: impl Fn(&Path) -> Option<SpooledEvent>,
) -> Vec<(PathBuf, SpooledEvent)> {
    let mut found: Vec<(PathBuf, SpooledEvent)> = files(state, session)
        .filter_map(|path| {
            let event = read(&path)?;
            (event.session == session).then_some((path, event))
        })
        .collect();
    found.sort_by(|(left, a), (right, b)| a.at.cmp(&b.at).then_with(|| left.cmp(right)));
    found
}

/// Lists the sessions that have events in the spool.
#[must_use]
pub fn sessions(state: &StateDir) -> Vec<String> {
    let mut sessions: Vec<String> = std::fs::read_dir(state.spool())
        .into_iter()
        .flatten()
        .filter_map(std::result::Result::ok)
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            name.get(..36).filter(|id| is_session_id(id)).map(str::to_owned)
        })
        .collect();
    sessions.sort();
    sessions.dedup();
    sessions
}
