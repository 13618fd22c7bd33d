//! Stores the registration of a session at its start.

use super::started::StartedWith;
use crate::session::stop::time;
use crate::store::stored::Stored;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Facts about a session that a hook recorded when it started.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Registration {
    pub version: u32,
    pub session: String,
    pub transcript: PathBuf,
    pub config_dir: PathBuf,
    /// Project in which the session was started.
    pub project: Option<PathBuf>,
    pub cwd: Option<String>,
    /// `startup`, `resume`, `clear`, `compact`, `fork`.
    pub source: Option<String>,
    pub claude_pid: Option<u32>,
    pub claude_start: Option<String>,
    /// Provider, account and options with which the client was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_with: Option<StartedWith>,
    #[serde(serialize_with = "time")]
    pub at: DateTime<Utc>,
}

impl Stored for Registration {
    const VERSION: u32 = 1;
}
