//! Determines when sessions were last active, corrected for timestamps in the future.

use super::{CLOCK_SKEW, Inventory, InventoryRow, RECENT};
use crate::claude::glance::{glance, kind_of};
use crate::claude::transcript::{Backwards, Transcript};
use crate::session::StopKind;
use chrono::{DateTime, Utc};
use std::path::Path;

/// Number of bytes at the end of a transcript that are searched for a timestamp not ahead of the clock.
const BELIEVED_TAIL: u64 = 1024 * 1024;

/// Returns the time of the newest record written no later than `limit`.
fn newest_before(path: &Path, limit: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let transcript = Transcript::open(path).ok()?;
    let mut lines = Backwards::default();
    lines.begin(transcript.bytes());
    while let Some((offset, line)) = lines.next(transcript.file()) {
        if transcript.bytes() - offset > BELIEVED_TAIL {
            return None;
        }
        if !kind_of(line).may_be_said() {
            continue;
        }
        let at = glance(offset, line).rev().find_map(|record| record.head.at);
        if at.is_some_and(|at| at <= limit) {
            return at;
        }
    }
    None
}

impl Inventory<'_> {
    /// Returns when a session was last active. If a record's time is in the future, the modification time of
    /// its file is used. Reports still show the recorded time.
    #[must_use]
    pub fn active_at(&self, row: &InventoryRow) -> Option<DateTime<Utc>> {
        self.believed(row.summary.last_activity, &row.found.path)
    }

    /// Returns the sort key for "the latest". A session whose newest message is ahead of the clock sorts
    /// after all others.
    #[must_use]
    pub fn recency(&self, row: &InventoryRow) -> (bool, Option<DateTime<Utc>>) {
        let told = row.summary.last_activity.is_none_or(|at| at <= self.taken_at + CLOCK_SKEW);
        (told, self.active_at(row))
    }

    pub(super) fn believed(&self, at: Option<DateTime<Utc>>, path: &Path) -> Option<DateTime<Utc>> {
        let now = self.taken_at;
        let at = at?;
        if at <= now + CLOCK_SKEW {
            return Some(at);
        }
        let modified = || std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
        let earlier = newest_before(path, now + CLOCK_SKEW);
        Some(earlier.or_else(|| modified().map(DateTime::from)).map_or(now, |at| at.min(now)))
    }

    /// Returns whether `status` shows a session: it has unfinished work, or a process has it
    /// open. Reads no file.
    #[must_use]
    pub fn matters(&self, row: &InventoryRow) -> bool {
        let id = row.found.id();
        let looked_after = self.incident_of(id, &row.found.path).is_some();
        let recent = self.active_at(row).is_some_and(|at| self.taken_at - at < RECENT);
        self.owner(&row.found).is_some()
            || looked_after
            || recent
                && (row.summary.stop.is_unfinished()
                    || row.summary.stop.kind == StopKind::Waiting
                    || self.owners_of(&row.found).has_records())
    }
}
