//! Determines when Claude Code deletes the transcripts that were found.

use super::{Inventory, InventoryRow};
use crate::claude::retention::{RetentionLimit, is_exempt};
use crate::claude::settings::managed_dir;
use crate::report::session::TranscriptRetention;
use crate::trust::enabled::all_enabled;
use chrono::{DateTime, Duration, Utc};
use std::path::PathBuf;

impl Inventory<'_> {
    /// Returns when Claude Code deletes the transcript of a session, and which setting determines this;
    /// `None` if it never does.
    pub(super) fn retention(
        &self,
        row: &InventoryRow,
        modified: Option<DateTime<Utc>>,
    ) -> Option<TranscriptRetention> {
        if is_exempt(row.summary.entrypoint.as_deref()) {
            return None;
        }
        let limit = self.retention_limit(row.found.home)?;
        let deleted_after = modified?.checked_add_signed(Duration::days(i64::from(limit.days)))?;
        Some(TranscriptRetention {
            days: limit.days,
            decided_by: limit.file.clone(),
            deleted_after,
            overdue: deleted_after <= self.taken_at,
        })
    }

    /// Returns the number of sessions that the next sweep deletes, and how many of them are not kept.
    #[must_use]
    pub fn overdue(&self) -> (usize, usize) {
        let overdue = self.rows.iter().filter(|row| {
            let modified = std::fs::symlink_metadata(&row.found.path).and_then(|meta| meta.modified());
            let modified = modified.ok().map(DateTime::<Utc>::from);
            self.retention(row, modified).is_some_and(|retention| retention.overdue)
        });
        let unkept = |row: &&InventoryRow| !self.ground.state.kept_description(row.found.id()).exists();
        overdue.fold((0, 0), |(all, lost), row| (all + 1, lost + usize::from(unkept(&row))))
    }

    /// Returns the retention limit of a configuration directory, over every directory in which a client is
    /// known to have been started.
    #[must_use]
    pub fn retention_limit(&self, home: usize) -> Option<&RetentionLimit> {
        let limit = self.retention[home].get_or_init(|| {
            let rows = self.rows.iter().filter(|row| row.found.home == home);
            let directories = rows.filter_map(|row| row.summary.cwd.as_deref()).map(PathBuf::from);
            let enabled = all_enabled(&self.ground.state).into_iter().filter_map(|enabled| enabled.project);
            let known = self.projects_of(home).iter().map(PathBuf::from);
            let directories = directories.chain(enabled).chain(known).collect();
            RetentionLimit::of(&self.homes[home], &directories, &managed_dir())
        });
        limit.as_ref()
    }
}
