//! Records sent notices, so that none is sent twice, however often the same event is found.

use super::notice::{Notice, NoticeKind};
use crate::clock::Clock;
use crate::error::Result;
use crate::session::stop::time;
use crate::store::StateDir;
use crate::store::lock::Lock;
use crate::store::stored::{Stored, load, save};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Maximum number of recorded notices. The oldest are dropped first.
const MOST: usize = 500;
/// Maximum wait for another process that has the file locked.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Sent {
    version: u32,
    sent: Vec<Entry>,
}

impl Stored for Sent {
    const VERSION: u32 = 1;
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Entry {
    session: String,
    generation: u64,
    kind: NoticeKind,
    #[serde(serialize_with = "time")]
    at: DateTime<Utc>,
}

impl Entry {
    fn is_of(&self, notice: &Notice) -> bool {
        self.session == notice.session && self.generation == notice.generation && self.kind == notice.kind
    }
}

/// Returns the notices that have not been sent yet and records them as sent.
///
/// # Errors
///
/// Returns [`crate::error::Code::StateNewer`], [`crate::error::Code::StateLocked`] or [`crate::error::Code::Io`]. The
/// caller must not send anything then, or it would be sent again and again.
pub fn take<'a>(state: &StateDir, clock: &dyn Clock, notices: &'a [Notice]) -> Result<Vec<&'a Notice>> {
    let _lock = Lock::wait(&state.notices_lock(), PATIENCE)?;
    let path = state.notices();
    let mut sent = load::<Sent>(state, &path)?
        .found()
        .unwrap_or_else(|| Sent { version: Sent::VERSION, sent: Vec::new() });
    let mut fresh = Vec::new();
    for notice in notices {
        if sent.sent.iter().any(|entry| entry.is_of(notice)) {
            continue;
        }
        sent.sent.push(Entry {
            session: notice.session.clone(),
            generation: notice.generation,
            kind: notice.kind,
            at: clock.now(),
        });
        fresh.push(notice);
    }
    if !fresh.is_empty() {
        let surplus = sent.sent.len().saturating_sub(MOST);
        sent.sent.drain(..surplus);
        save(&path, &sent)?;
    }
    Ok(fresh)
}

/// Removes the records about a session.
///
/// # Errors
///
/// Returns the errors of [`take`].
pub fn forget(state: &StateDir, session: &str) -> Result<()> {
    let _lock = Lock::wait(&state.notices_lock(), PATIENCE)?;
    let path = state.notices();
    let Some(mut sent) = load::<Sent>(state, &path)?.found() else { return Ok(()) };
    sent.sent.retain(|entry| entry.session != session);
    save(&path, &sent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::error::Code;

    fn notice(session: &str, generation: u64, kind: NoticeKind) -> Notice {
        Notice::new(kind, session, generation, None, None)
    }

    fn taken(state: &StateDir, notices: &[Notice]) -> usize {
        take(state, &SystemClock, notices).unwrap().len()
    }

    #[test]
    fn a_notice_is_claimed_once_per_session_generation_and_kind() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::new(dir.path());
        let stopped = notice("a", 1, NoticeKind::Stopped);
        assert_eq!(taken(&state, &[stopped.clone(), stopped.clone()]), 1);
        assert_eq!(taken(&state, std::slice::from_ref(&stopped)), 0);
        let others = [
            notice("a", 2, NoticeKind::Stopped),
            notice("a", 1, NoticeKind::Held),
            notice("b", 1, NoticeKind::Stopped),
            stopped,
        ];
        assert_eq!(taken(&state, &others), 3);
    }

    #[test]
    fn only_one_of_many_concurrent_claims_succeeds() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::new(dir.path());
        let notices = [notice("a", 1, NoticeKind::Recovered)];
        let total: usize = std::thread::scope(|scope| {
            let askers: Vec<_> = (0..8).map(|_| scope.spawn(|| taken(&state, &notices))).collect();
            askers.into_iter().map(|asker| asker.join().unwrap()).sum()
        });
        assert_eq!(total, 1);
    }

    #[test]
    fn the_sent_file_is_bounded_and_drops_the_oldest_entries() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::new(dir.path());
        let many: Vec<_> = (0..620).map(|index| notice("a", index, NoticeKind::Stopped)).collect();
        assert_eq!(taken(&state, &many), 620);
        assert_eq!(taken(&state, &many[120..]), 0);
        assert_eq!(taken(&state, &many[..1]), 1);
    }

    #[test]
    fn a_newer_sent_file_is_left_alone_and_a_damaged_one_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::new(dir.path());
        let notices = [notice("a", 1, NoticeKind::Held)];
        std::fs::write(state.notices(), "{\"version\":9}").unwrap();
        assert_eq!(take(&state, &SystemClock, &notices).unwrap_err().code, Code::StateNewer);
        std::fs::write(state.notices(), "{").unwrap();
        assert_eq!(taken(&state, &notices), 1);
        assert_eq!(taken(&state, &notices), 0);
    }
}
