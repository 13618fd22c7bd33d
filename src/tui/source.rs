//! Provides the dashboard's reports, the same values that the commands print.

use crate::error::Result;
use crate::report::gone::GoneSession;
use crate::report::pages::SessionPage;
use crate::report::search::SearchReport;
use crate::report::session::Session;
use crate::tui::details::{ConversationEntry, SessionDetails, WorkDetails};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Which sessions a dashboard shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum DashboardScope {
    /// Only sessions of the project in the working directory.
    Project,
    #[default]
    All,
}

/// Fingerprint of files, to detect changes between two checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileFingerprint {
    pub hash: u64,
    /// Latest modification time that is not in the future.
    pub newest: Option<SystemTime>,
}

/// Data source of the dashboard. Methods may block and have no effects.
pub trait DashboardSource: Send + Sync {
    /// Reads all sessions; the last page is complete. With `quick`, delivers a page of the newest sessions
    /// first.
    ///
    /// # Errors
    ///
    /// Returns the errors of the commands `status` and `list`.
    fn sessions(&self, scope: DashboardScope, quick: bool, page: &mut dyn FnMut(SessionPage)) -> Result<()>;

    /// Returns sessions whose transcript is gone and of which something remains. Called after
    /// [`Self::sessions`], whose rows must not wait for it.
    ///
    /// # Errors
    ///
    /// Returns the errors of the command `list`.
    fn gone(&self, scope: DashboardScope) -> Result<Vec<GoneSession>>;

    /// Returns all details of a deleted session, from its kept files.
    ///
    /// # Errors
    ///
    /// Returns [`crate::error::Code::SessionNotFound`] if it is no longer kept, and the errors of opening the kept
    /// files.
    fn kept(&self, session: &str, wanted: &dyn Fn() -> bool) -> Result<SessionDetails>;

    /// Searches all transcripts of the scope.
    ///
    /// # Errors
    ///
    /// Returns the errors of the command `search`.
    fn show(&self, transcript: &Path) -> Result<Session>;

    /// Returns the full report of one session.
    ///
    /// # Errors
    ///
    /// Returns the errors of the command `show`.
    fn search(&self, text: &str, scope: DashboardScope) -> Result<SearchReport>;

    /// Returns the last words, the plan, the task list and the changed files.
    ///
    /// # Errors
    ///
    /// Returns the errors of opening the transcript.
    fn work(&self, transcript: &Path) -> Result<WorkDetails>;

    /// Returns the newest entries of the conversation, oldest first. Stops early and returns what it has
    /// once `wanted` is false.
    ///
    /// # Errors
    ///
    /// Returns the errors of reading the transcript.
    fn conversation(&self, transcript: &Path, wanted: &dyn Fn() -> bool) -> Result<Vec<ConversationEntry>>;

    /// Returns the state of these files and of all recovery state. Must be cheap, because it is
    /// called every two seconds.
    fn fingerprint(&self, watched: &[PathBuf]) -> FileFingerprint;
}
