//! Records which clients have loaded the plugin's module, as the module itself reports when its session
//! starts.
//!
//! Nothing outside a client shows which modules it has loaded. A record contains the process id and the start
//! time, so a record that an ended client left behind proves nothing about a later one.

use crate::clock::Clock;
use crate::error::Result;
use crate::session::stop::time;
use crate::store::StateDir;
use crate::store::stored::{Stored, peek, save_unsynced};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Maximum number of session directories that are searched.
const MOST_SESSIONS: usize = 20_000;

/// Record of a client that loaded the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LoadedModule {
    version: u32,
    pid: u32,
    /// Start token of the process.
    start: String,
    #[serde(serialize_with = "time")]
    at: DateTime<Utc>,
}

impl Stored for LoadedModule {
    const VERSION: u32 = 1;
}

/// Records that the client of a session has loaded the module. Does not rewrite a record that
/// already names this client.
///
/// # Errors
///
/// Returns [`crate::error::Code::Io`].
pub fn note_loaded(
    state: &StateDir,
    clock: &dyn Clock,
    session: &str,
    pid: u32,
    start: String,
) -> Result<()> {
    let path = state.loaded_module(session);
    let known = peek::<LoadedModule>(&path).ok().flatten();
    if known.is_some_and(|known| known.pid == pid && known.start == start) {
        return Ok(());
    }
    let version = LoadedModule::VERSION;
    save_unsynced(&path, &LoadedModule { version, pid, start, at: clock.now() })
}

/// Returns the process ids and start tokens of all clients that loaded the module. A client keeps the module
/// when it switches to another session.
#[must_use]
pub fn clients_with_module(state: &StateDir) -> BTreeSet<(u32, String)> {
    let sessions = std::fs::read_dir(state.sessions()).into_iter().flatten().flatten().take(MOST_SESSIONS);
    let names = sessions.filter_map(|entry| entry.file_name().into_string().ok());
    let records = names.filter_map(|name| peek::<LoadedModule>(&state.loaded_module(&name)).ok().flatten());
    records.map(|record| (record.pid, record.start)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    #[test]
    fn a_client_is_known_by_process_and_start_whatever_session_it_has_now() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::new(dir.path());
        assert!(clients_with_module(&state).is_empty());
        note_loaded(&state, &SystemClock, "one", 7, "100".into()).unwrap();
        note_loaded(&state, &SystemClock, "two", 8, "200".into()).unwrap();
        note_loaded(&state, &SystemClock, "two", 9, "300".into()).unwrap();
        let clients = clients_with_module(&state);
        assert_eq!(clients, BTreeSet::from([(7, "100".into()), (9, "300".into())]));
    }
}
