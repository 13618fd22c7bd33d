//! The description of a kept session, stored beside its files.

use super::dictionary::{Dictionary, DictionaryName};
use super::frames::{FrameReader, frames_in};
use super::restoring::destination;
use crate::claude::home::ClaudeHome;
use crate::claude::transcript::Transcript;
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::{identity, lossy, open_regular};
use crate::session::belongings::SessionFileKind;
use crate::session::ending::Liveness;
use crate::session::stop::time;
use crate::session::summary::summarize;
use crate::store::StateDir;
use crate::store::replace::TEMPORARY;
use crate::store::stored::{Stored, peek};
use crate::trust::registration::Registration;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::fs::Metadata;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Extension of files that contain frames.
pub(super) const FRAMES: &str = ".zst";

/// Storage form of a kept file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeptAs {
    /// A hard link to the file to which the client still appends.
    Link,
    /// Compressed frames: for files that cannot be linked, that Claude Code deleted, or that have been idle
    /// for long.
    Frames,
}

/// One compressed piece of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptFrame {
    /// Position of the frame's first byte in the original file.
    pub offset: u64,
    /// Uncompressed length, in bytes.
    pub length: u64,
    /// Compressed length, in bytes.
    pub stored: u64,
    /// SHA-256 of the uncompressed bytes, in hex.
    pub sha256: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptFile {
    /// Path in an export of the session, with `/` between names.
    pub path: String,
    /// 1 for the first file at this path, incremented for every file that replaced it.
    pub generation: u32,
    pub kept_as: KeptAs,
    /// Device and inode of the client's file when it was kept; `None` on systems without them.
    pub source: Option<(u64, u64)>,
    /// Length of the client's file when a hook last read it, in bytes.
    pub bytes: u64,
    #[serde(serialize_with = "time")]
    pub kept_at: DateTime<Utc>,
    /// Frames in file order; empty for a link.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frames: Vec<KeptFrame>,
    /// Dictionary with which the frames were compressed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dictionary: Option<DictionaryName>,
    /// Number of times the frames were repacked. Each repack writes a new file, so that the description
    /// always names existing frames.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub repacked: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl KeptFile {
    /// Returns the path of the kept file on disk.
    #[must_use]
    pub fn place(&self, state: &StateDir, session: &str) -> PathBuf {
        let place = self.link_place(state, session);
        match self.kept_as {
            KeptAs::Link => place,
            KeptAs::Frames => with_frames(&place, self.repacked),
        }
    }

    /// Returns the path of the file while it is stored as a link.
    pub(super) fn link_place(&self, state: &StateDir, session: &str) -> PathBuf {
        let mut place = state.kept(session).join(self.generation.to_string());
        place.extend(self.path.split('/'));
        place
    }

    /// Returns the number of bytes of the client's file that the frames cover.
    #[must_use]
    pub fn covered(&self) -> u64 {
        self.frames.iter().map(|frame| frame.length).sum()
    }

    /// Opens the kept bytes for reading.
    ///
    /// # Errors
    ///
    /// Returns [`Code::Io`], and [`Code::VerificationFailed`] without the dictionary.
    pub fn open(&self, state: &StateDir, session: &str) -> Result<Box<dyn Read>> {
        let place = self.place(state, session);
        let file = open_regular(&place)?;
        let Some(wanted) = self.dictionary.as_ref().filter(|_| self.kept_as == KeptAs::Frames) else {
            return Ok(Box::new(file));
        };
        let dictionary = Dictionary::named(state, wanted)?;
        Ok(Box::new(FrameReader::new(file, &self.frames, &dictionary).doing("read", &place)?))
    }

    /// Returns the disk space, in bytes, that only this file occupies: 0 while the client has a link to the
    /// same file.
    #[must_use]
    pub fn own_bytes(&self, state: &StateDir, kept: &KeptSession) -> u64 {
        match self.kept_as {
            KeptAs::Frames => self.frames.iter().map(|frame| frame.stored).sum(),
            KeptAs::Link if self.is_with_client(state, kept) => 0,
            KeptAs::Link => {
                std::fs::symlink_metadata(self.place(state, &kept.session)).map_or(0, |meta| meta.len())
            }
        }
    }

    /// Returns whether a file is the one that was kept, by its metadata. A file system may get another device
    /// number at each mount; a kept link then still leads to the same file.
    #[must_use]
    pub fn is_source(&self, state: &StateDir, session: &str, meta: &Metadata) -> bool {
        let linked = || std::fs::symlink_metadata(self.place(state, session)).ok();
        identity(meta) == self.source
            || self.kept_as == KeptAs::Link
                && identity(meta).is_some()
                && linked().as_ref().and_then(identity) == identity(meta)
    }

    /// Returns whether the client still has this same file.
    #[must_use]
    pub fn is_with_client(&self, state: &StateDir, kept: &KeptSession) -> bool {
        let home = ClaudeHome::new(&kept.config_dir);
        let path = match self.part(&kept.session) {
            Some(SessionFileKind::Transcript) => Some(kept.transcript.clone()),
            _ => destination(kept, &home, self),
        };
        let meta = path.and_then(|path| std::fs::symlink_metadata(path).ok());
        meta.is_some_and(|meta| self.is_source(state, &kept.session, &meta))
    }

    /// Returns the role of the file in its session; `None` for a path that the client never writes.
    #[must_use]
    pub fn part(&self, session: &str) -> Option<SessionFileKind> {
        SessionFileKind::of(&self.path, session)
    }
}

/// Reads the name and the title from a kept transcript that is not packed.
pub(super) fn names_in(
    state: &StateDir,
    session: &str,
    file: &KeptFile,
) -> Option<(Option<String>, Option<String>)> {
    let place = file.place(state, session);
    let transcript = Transcript::open(&place).ok()?;
    let summary = summarize(&transcript, Liveness::Gone);
    Some((summary.name, summary.title))
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptSession {
    pub version: u32,
    pub session: String,
    /// The client's transcript, which may no longer exist.
    #[serde(serialize_with = "lossy")]
    pub transcript: PathBuf,
    #[serde(serialize_with = "lossy")]
    pub config_dir: PathBuf,
    /// Working directory that a hook last reported.
    pub cwd: Option<String>,
    /// Name and title, stored when the transcript is packed. Before that, they are read from the kept file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(serialize_with = "time")]
    pub updated_at: DateTime<Utc>,
    pub files: Vec<KeptFile>,
}

impl Stored for KeptSession {
    const VERSION: u32 = 1;
}

impl KeptSession {
    /// Creates a description without files.
    #[must_use]
    pub fn new(session: &str, transcript: &Path, config_dir: &Path, at: DateTime<Utc>) -> Self {
        Self {
            version: Self::VERSION,
            session: session.to_owned(),
            transcript: transcript.to_path_buf(),
            config_dir: config_dir.to_path_buf(),
            cwd: None,
            name: None,
            title: None,
            updated_at: at,
            files: Vec::new(),
        }
    }

    /// Returns the disk space, in bytes, that only the kept files occupy.
    #[must_use]
    pub fn own_bytes(&self, state: &StateDir) -> u64 {
        self.files.iter().map(|file| file.own_bytes(state, self)).sum()
    }

    /// Returns the newest generation of a path.
    #[must_use]
    pub fn newest(&self, path: &str) -> Option<&KeptFile> {
        self.files.iter().filter(|file| file.path == path).max_by_key(|file| file.generation)
    }

    /// Returns the name and the title of the session, from the description or the kept transcript.
    #[must_use]
    pub fn names(&self, state: &StateDir) -> (Option<String>, Option<String>) {
        if self.name.is_some() || self.title.is_some() {
            return (self.name.clone(), self.title.clone());
        }
        let newest = self.transcripts().pop().filter(|file| file.kept_as == KeptAs::Link);
        newest.and_then(|file| names_in(state, &self.session, file)).unwrap_or_default()
    }

    /// Returns the generations of the transcript, oldest first.
    #[must_use]
    pub fn transcripts(&self) -> Vec<&KeptFile> {
        let mut found: Vec<_> = self
            .files
            .iter()
            .filter(|file| file.part(&self.session) == Some(SessionFileKind::Transcript))
            .collect();
        found.sort_by_key(|file| file.generation);
        found
    }

    /// Returns whether the client's transcript no longer exists.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(std::fs::symlink_metadata(&self.transcript), Err(error) if error.kind() == std::io::ErrorKind::NotFound)
    }
}

/// Loads the description of a kept session. If it is lost or damaged, rebuilds it from the files.
///
/// # Errors
///
/// Returns [`Code::StateNewer`].
pub fn kept_of(state: &StateDir, session: &str) -> Result<Option<KeptSession>> {
    match peek(&state.kept_description(session)) {
        Ok(Some(kept)) => Ok(Some(kept)),
        Err(error) if error.code == Code::StateNewer => Err(error),
        Ok(None) | Err(_) if !state.kept(session).is_dir() => Ok(None),
        Ok(None) | Err(_) => {
            let Ok(Some(registered)) = peek::<Registration>(&state.session(session)) else { return Ok(None) };
            let mut kept =
                KeptSession::new(session, &registered.transcript, &registered.config_dir, registered.at);
            kept.cwd = registered.cwd;
            kept.files = files_found(state, session, registered.at);
            Ok((!kept.files.is_empty()).then_some(kept))
        }
    }
}

/// Returns the kept files of a session that are on disk, whether a lost description named them or a crashed
/// process did not describe them.
pub(super) fn files_found(state: &StateDir, session: &str, now: DateTime<Utc>) -> Vec<KeptFile> {
    let mut found = Vec::new();
    let entries = std::fs::read_dir(state.kept(session));
    for entry in entries.into_iter().flatten().filter_map(std::result::Result::ok) {
        let name = entry.file_name();
        let Some(generation) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        found_below(state, &entry.path(), "", generation, now, &mut found);
    }
    found.retain(|file| file.part(session).is_some());
    // Frames count only if their link is gone, because frames next to a link may be incomplete. Of two frame
    // files, the first is complete.
    let links: Vec<(String, u32)> = found
        .iter()
        .filter(|file| file.kept_as == KeptAs::Link)
        .map(|file| (file.path.clone(), file.generation))
        .collect();
    found.retain(|file| {
        file.kept_as == KeptAs::Link || !links.contains(&(file.path.clone(), file.generation))
    });
    found.sort_by(|one, other| {
        (&one.path, one.generation, one.repacked).cmp(&(&other.path, other.generation, other.repacked))
    });
    found.dedup_by(|later, first| (&later.path, later.generation) == (&first.path, first.generation));
    found
}

fn found_below(
    state: &StateDir,
    dir: &Path,
    path: &str,
    generation: u32,
    now: DateTime<Utc>,
    found: &mut Vec<KeptFile>,
) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().filter_map(std::result::Result::ok) {
        let (place, name) = (entry.path(), entry.file_name());
        let Some(name) = name.to_str().filter(|name| !name.ends_with(TEMPORARY)) else { continue };
        let path = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
        let Ok(meta) = std::fs::symlink_metadata(&place) else { continue };
        if meta.is_dir() {
            found_below(state, &place, &path, generation, now, found);
            continue;
        }
        if !meta.is_file() {
            continue;
        }
        let mut file = KeptFile {
            path: path.clone(),
            generation,
            kept_as: KeptAs::Link,
            source: identity(&meta),
            bytes: meta.len(),
            kept_at: now,
            frames: Vec::new(),
            dictionary: None,
            repacked: 0,
        };
        if let Some(plain) = path.strip_suffix(FRAMES)
            && let Ok(stored) = std::fs::read(&place)
            && let Some((dictionary, frames)) = framed(state, &stored)
        {
            let numbered =
                plain.rsplit_once('.').and_then(|(plain, number)| Some((plain, number.parse().ok()?)));
            let (plain, repacked) = numbered.unwrap_or((plain, 0));
            plain.clone_into(&mut file.path);
            file.repacked = repacked;
            file.kept_as = KeptAs::Frames;
            file.source = None;
            file.dictionary = Some(dictionary);
            file.frames = frames;
            file.bytes = file.covered();
        }
        found.push(file);
    }
}

/// Returns the frames of a file and the dictionary that they were compressed with.
fn framed(state: &StateDir, stored: &[u8]) -> Option<(DictionaryName, Vec<KeptFrame>)> {
    let all = Dictionary::all(state).ok()?.into_iter();
    let read = all.map(|dictionary| (frames_in(stored, &dictionary), dictionary.name));
    read.filter(|(frames, _)| !frames.is_empty())
        .max_by_key(|(frames, _)| frames.len())
        .map(|(frames, name)| (name, frames))
}

fn with_frames(place: &Path, repacked: u32) -> PathBuf {
    let mut name = place.file_name().unwrap_or_default().to_owned();
    if repacked > 0 {
        name.push(format!(".{repacked}"));
    }
    name.push(FRAMES);
    place.with_file_name(name)
}

/// Loads all kept sessions, sorted by id. Descriptions that cannot be read are added to `problems`.
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

/// Returns whether a relative path stays below the directory that it is joined to.
#[must_use]
pub fn is_contained(path: &Path) -> bool {
    path.components().all(|part| matches!(part, std::path::Component::Normal(_)))
}
