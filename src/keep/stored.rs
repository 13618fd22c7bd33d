//! The description of one kept session, stored beside its files.

use crate::error::{Error, Result};
use crate::fs::lossy;
use crate::rescue::belongings::Part;
use crate::session::stop::time;
use crate::store::StateDir;
use crate::store::stored::{Stored, peek};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// How the bytes of a file are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeptAs {
    /// A hard link: the same bytes as the client's file, which it appends to.
    Link,
    /// A copy, where the file systems differ or links are not possible. It is replaced when the source has grown.
    Copy,
}

/// One file of a kept session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptFile {
    /// Its path in an export of the session, with `/` between names.
    pub path: String,
    /// 1 for the first file under this name; one more for every file that took its place.
    pub generation: u32,
    pub kept_as: KeptAs,
    /// Device and inode of the client's file when it was kept; `None` on systems without them.
    pub source: Option<(u64, u64)>,
    /// Length of the client's file when a hook last saw it, in bytes.
    pub bytes: u64,
    #[serde(serialize_with = "time")]
    pub kept_at: DateTime<Utc>,
}

impl KeptFile {
    /// The kept file on disk.
    #[must_use]
    pub fn place(&self, state: &StateDir, session: &str) -> PathBuf {
        let mut place = state.kept(session).join(self.generation.to_string());
        place.extend(self.path.split('/'));
        place
    }

    /// What the file is to its session; `None` for a path that no client writes.
    #[must_use]
    pub fn part(&self, session: &str) -> Option<Part> {
        Part::of(&self.path, session)
    }
}

/// What is kept of one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptSession {
    pub version: u32,
    pub session: String,
    /// The client's transcript, which may be gone.
    #[serde(serialize_with = "lossy")]
    pub transcript: PathBuf,
    #[serde(serialize_with = "lossy")]
    pub config_dir: PathBuf,
    /// Working directory that the hook last reported.
    pub cwd: Option<String>,
    #[serde(serialize_with = "time")]
    pub updated_at: DateTime<Utc>,
    pub files: Vec<KeptFile>,
}

impl Stored for KeptSession {
    const VERSION: u32 = 1;
}

impl KeptSession {
    /// The newest generation of a path.
    #[must_use]
    pub fn newest(&self, path: &str) -> Option<&KeptFile> {
        self.files.iter().filter(|file| file.path == path).max_by_key(|file| file.generation)
    }

    /// The generations of the transcript, the oldest first.
    #[must_use]
    pub fn transcripts(&self) -> Vec<&KeptFile> {
        let mut found: Vec<_> =
            self.files.iter().filter(|file| file.part(&self.session) == Some(Part::Transcript)).collect();
        found.sort_by_key(|file| file.generation);
        found
    }

    /// Whether the client's transcript is gone.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(std::fs::symlink_metadata(&self.transcript), Err(error) if error.kind() == std::io::ErrorKind::NotFound)
    }
}

/// What is kept of a session.
///
/// # Errors
/// [`crate::error::Code::Io`] when the description is damaged, [`crate::error::Code::StateNewer`].
pub fn kept_of(state: &StateDir, session: &str) -> Result<Option<KeptSession>> {
    peek(&state.kept_description(session))
}

/// All kept sessions, in the order of their ids. Descriptions that cannot be read are problems beside the result.
pub fn all_kept(state: &StateDir, problems: &mut Vec<Error>) -> Vec<KeptSession> {
    let mut ids: Vec<String> = crate::session::files::entries(&state.all_kept(), problems)
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| crate::claude::home::is_session_id(name))
        .collect();
    ids.sort_unstable();
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        match kept_of(state, &id) {
            Ok(kept) => found.extend(kept),
            Err(error) => problems.push(error),
        }
    }
    found
}

/// A relative path that stays below the directory it is joined to.
#[must_use]
pub fn is_contained(path: &Path) -> bool {
    path.components().all(|part| matches!(part, std::path::Component::Normal(_)))
}
