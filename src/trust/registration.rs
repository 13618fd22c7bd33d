//! What was registered about a session when it started.

use super::started::StartedWith;
use crate::session::stop::time;
use crate::store::stored::Stored;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What was registered about a session when it started.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Registration {
    pub version: u32,
    pub session: String,
    pub transcript: PathBuf,
    /// Claude Code's configuration directory.
    pub config_dir: PathBuf,
    /// Project it was started in.
    pub project: Option<PathBuf>,
    pub cwd: Option<String>,
    /// `startup`, `resume`, `clear`, `compact`, `fork`.
    pub source: Option<String>,
    /// Process of the client.
    pub claude_pid: Option<u32>,
    pub claude_start: Option<String>,
    /// How the client was started: provider, account, and options.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_with: Option<StartedWith>,
    #[serde(serialize_with = "time")]
    pub at: DateTime<Utc>,
}

impl Stored for Registration {
    const VERSION: u32 = 1;
}
