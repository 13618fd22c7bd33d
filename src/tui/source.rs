//! Where the dashboard gets its reports: the same values that the verbs print.

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
    /// Those of the project in the working directory.
    Project,
    #[default]
    All,
}

/// What tells whether files changed between two checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileFingerprint {
    pub hash: u64,
    /// The latest time of a write that is not in the future.
    pub newest: Option<SystemTime>,
}

/// Every method is called on a thread that may block; none has effects.
pub trait DashboardSource: Send + Sync {
    /// Reads all sessions; the last page is complete. `quick`: a page of the newest ones comes first.
    ///
    /// # Errors
    /// Those of the verbs `status` and `list`.
    fn sessions(&self, scope: DashboardScope, quick: bool, page: &mut dyn FnMut(SessionPage)) -> Result<()>;

    /// Sessions whose transcript is gone and of which something is left. Asked after [`Self::sessions`], whose rows must not wait.
    ///
    /// # Errors
    /// Those of the verb `list`.
    fn gone(&self, scope: DashboardScope) -> Result<Vec<GoneSession>>;

    /// Everything about a deleted session that is kept, read from its kept files.
    ///
    /// # Errors
    /// [`crate::error::Code::SessionNotFound`] for one that is no longer kept, and those of opening the kept files.
    fn kept(&self, session: &str, wanted: &dyn Fn() -> bool) -> Result<SessionDetails>;

    /// # Errors
    /// Those of the verb.
    fn show(&self, transcript: &Path) -> Result<Session>;

    /// # Errors
    /// Those of the verb.
    fn search(&self, text: &str, scope: DashboardScope) -> Result<SearchReport>;

    /// Last words, plan, task list and changed files.
    ///
    /// # Errors
    /// Those of opening the transcript.
    fn work(&self, transcript: &Path) -> Result<WorkDetails>;

    /// The newest entries of the conversation, oldest first. Ends early with what it has once `wanted` is false.
    ///
    /// # Errors
    /// Those of reading the transcript.
    fn conversation(&self, transcript: &Path, wanted: &dyn Fn() -> bool) -> Result<Vec<ConversationEntry>>;

    /// The state of these files and of everything the recovery stores. Must be cheap: it is asked every two seconds.
    fn fingerprint(&self, watched: &[PathBuf]) -> FileFingerprint;
}
