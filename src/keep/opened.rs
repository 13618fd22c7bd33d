//! Opens a kept session for reading: arranges its files as Claude Code would, without restoring the session.
//!
//! Every command reads a transcript and the files beside it. Instead of teaching each command about frames
//! and generations, this links the kept files, or unpacks their frames, into a directory that exists for the
//! duration of the command.

use super::restoring::{destination, open_whole, whole_transcript};
use super::stored::{KeptAs, KeptFile, KeptSession};
use crate::claude::home::ClaudeHome;
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::private_file;
use crate::program::process_exists;
use crate::session::files::entries;
use crate::session::scan::Found;
use crate::store::StateDir;
use crate::store::layout::ensure_dir;
use crate::store::snapshot::ensure_room;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Prefix of directories with unpacked files, followed by the process id and a counter.
const OPENED: &str = ".open-";

/// Directory below the kept sessions that is removed on drop. It is created on the first write.
#[derive(Debug)]
pub struct UnpackDirectory {
    path: PathBuf,
}

impl UnpackDirectory {
    /// Chooses an unused path and removes the directories of processes that have exited.
    #[must_use]
    pub fn new(state: &StateDir) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        for entry in entries(&state.all_kept(), &mut Vec::new()) {
            let name = entry.file_name();
            let process =
                name.to_str().and_then(|name| name.strip_prefix(OPENED)?.split('-').next()?.parse().ok());
            if process.is_some_and(|process| process != std::process::id() && !process_exists(process)) {
                // Does not follow symbolic links.
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self { path: state.all_kept().join(format!("{OPENED}{}-{number}", std::process::id())) }
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for UnpackDirectory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// A kept session whose files are arranged so that they can be read like those of any other session.
#[derive(Debug)]
pub struct OpenedSession {
    pub kept: KeptSession,
    /// Temporary configuration directory that contains only this session.
    pub home: ClaudeHome,
    pub transcript: PathBuf,
    _dir: UnpackDirectory,
}

impl OpenedSession {
    /// Links or unpacks the whole conversation and the newest kept version of every other file.
    ///
    /// # Errors
    ///
    /// Returns [`Code::Io`], [`Code::VerificationFailed`] if frames are damaged; [`Code::SessionNotFound`] if
    /// no transcript is kept.
    pub fn open(state: &StateDir, kept: KeptSession) -> Result<Self> {
        let dir = UnpackDirectory::new(state);
        let home = ClaudeHome::new(dir.path());
        let missing = || {
            Error::new(Code::SessionNotFound, "no kept transcript of this session exists")
                .at(state.kept(&kept.session))
        };
        let project = kept.transcript.parent().and_then(Path::file_name).ok_or_else(missing)?;
        let transcript = home.projects().join(project).join(format!("{}.jsonl", kept.session));
        let parts = whole_transcript(state, &kept);
        if parts.is_empty() {
            return Err(missing());
        }
        ensure_dir(&state.all_kept())?;
        let framed = kept.files.iter().filter(|file| file.kept_as == KeptAs::Frames);
        let bytes: u64 = framed.map(KeptFile::covered).sum();
        // Links can be made on a full disk, too.
        if bytes > 0 {
            ensure_room(&state.all_kept(), bytes)?;
        }
        place(state, &kept.session, &parts, &transcript)?;
        let moved = KeptSession {
            transcript: transcript.clone(),
            config_dir: home.dir().to_path_buf(),
            ..kept.clone()
        };
        for file in &moved.files {
            let newest = moved.newest(&file.path) == Some(file);
            if let Some(to) = destination(&moved, &home, file).filter(|_| newest) {
                place(state, &moved.session, &[file], &to)?;
            }
        }
        Ok(Self { kept, home, transcript, _dir: dir })
    }

    /// Returns the transcript in the form that a scan returns.
    #[must_use]
    pub fn found(&self, home: usize) -> Option<Found> {
        let companion = self.transcript.with_extension("").is_dir();
        Found::named(&self.transcript, home).map(|found| Found { companion, ..found })
    }

    /// Returns the path that Claude Code used for a file of this session.
    #[must_use]
    pub fn original(&self, path: &Path) -> PathBuf {
        if path == self.transcript {
            return self.kept.transcript.clone();
        }
        let below = path.strip_prefix(self.home.dir());
        below.map_or_else(|_| path.to_path_buf(), |below| self.kept.config_dir.join(below))
    }
}

/// Concatenates kept files into one file, or hard-links a single file where possible.
fn place(state: &StateDir, session: &str, parts: &[&KeptFile], to: &Path) -> Result<()> {
    if let Some(dir) = to.parent() {
        ensure_dir(dir)?;
    }
    if let [part] = parts
        && part.kept_as == KeptAs::Link
        && std::fs::hard_link(part.place(state, session), to).is_ok()
    {
        return Ok(());
    }
    let mut options = private_file();
    options.write(true).create_new(true);
    let mut target = options.open(to).doing("create", to)?;
    let mut source: Box<dyn Read> = open_whole(state, session, parts)?;
    std::io::copy(&mut source, &mut target).doing("write", to).map(drop)
}
