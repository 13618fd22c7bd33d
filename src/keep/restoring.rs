//! Restores a kept session to where Claude Code can resume it.

use super::loss::is_headless;
use super::stored::{KeptAs, KeptFile, KeptSession};
use crate::claude::home::ClaudeHome;
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::private_file;
use crate::session::belongings::SessionFileKind;
use crate::store::StateDir;
use crate::store::layout::ensure_dir;
use crate::store::replace::{rename_new, sweep, sync_dir, temporary_name};
use crate::store::snapshot::ensure_room;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Returns the kept files that make up the whole conversation, in order.
///
/// A client that is open while its transcript is deleted continues in a new file, whose first record names a
/// parent in the old one. The concatenation of both files is what the client would have written into one
/// file, and the client resumes from it with every turn.
#[must_use]
pub fn whole_transcript<'k>(state: &StateDir, kept: &'k KeptSession) -> Vec<&'k KeptFile> {
    let mut parts = Vec::new();
    for file in kept.transcripts().into_iter().rev() {
        let bytes = file.open(state, &kept.session).ok();
        let continues = bytes.and_then(is_headless) == Some(true);
        parts.push(file);
        if !continues {
            break;
        }
    }
    parts.reverse();
    parts
}

/// Opens the concatenation of kept files.
///
/// # Errors
///
/// Returns the errors of [`KeptFile::open`].
pub fn open_whole(state: &StateDir, session: &str, parts: &[&KeptFile]) -> Result<Box<dyn Read>> {
    let mut source: Box<dyn Read> = Box::new(std::io::empty());
    for part in parts {
        source = Box::new(source.chain(part.open(state, session)?));
    }
    Ok(source)
}

/// Copies the newest kept version of every other file of the session to where the client expects it, unless a
/// file exists there. Returns the number of copies. The caller owns the run lease of the session.
///
/// # Errors
///
/// Returns [`Code::Io`] if one cannot be written; the earlier ones are in place.
pub fn restore_companions(state: &StateDir, kept: &KeptSession) -> Result<usize> {
    let mut copied = 0;
    for (file, to) in missing(kept) {
        copied += usize::from(copy_new(state, &kept.session, file, &to)?);
    }
    Ok(copied)
}

/// Returns the number of files that [`restore_companions`] would copy.
#[must_use]
pub fn missing_companions(kept: &KeptSession) -> usize {
    missing(kept).len()
}

fn missing(kept: &KeptSession) -> Vec<(&KeptFile, PathBuf)> {
    let home = ClaudeHome::new(&kept.config_dir);
    let newest = kept.files.iter().filter(|file| kept.newest(&file.path) == Some(*file));
    let placed = newest.filter_map(|file| Some((file, destination(kept, &home, file)?)));
    placed.filter(|(_, to)| std::fs::symlink_metadata(to).is_err()).collect()
}

pub(super) fn destination(kept: &KeptSession, home: &ClaudeHome, file: &KeptFile) -> Option<PathBuf> {
    let (_, below) = file.path.split_once('/')?;
    Some(match file.part(&kept.session)? {
        SessionFileKind::Transcript | SessionFileKind::Note => return None,
        SessionFileKind::Companion => kept.transcript.with_extension("").join(below),
        SessionFileKind::Tasks => home.dir().join("tasks").join(&kept.session).join(below),
        SessionFileKind::FileHistory => home.dir().join("file-history").join(&kept.session).join(below),
        SessionFileKind::Plan => home.dir().join("plans").join(below),
    })
}

/// Copies one file, unless a file exists there. The file appears under its name only when it is complete and
/// on disk. It gets the current time as its file time, so the next sweep does not delete it.
fn copy_new(state: &StateDir, session: &str, file: &KeptFile, to: &Path) -> Result<bool> {
    let dir = to.parent().unwrap_or(Path::new("/"));
    ensure_dir(dir)?;
    ensure_room(dir, file.bytes)?;
    sweep(to);
    let temporary = dir.join(temporary_name(to.file_name().unwrap_or_default()));
    let placed = write_copy(state, session, file, &temporary).and_then(|()| publish(&temporary, to));
    let _ = std::fs::remove_file(&temporary);
    let placed = placed?;
    sync_dir(dir).doing("write", dir)?;
    Ok(placed)
}

fn write_copy(state: &StateDir, session: &str, file: &KeptFile, to: &Path) -> Result<()> {
    let from = file.place(state, session);
    let mut source = file.open(state, session)?;
    let mut options = private_file();
    options.write(true).create_new(true);
    let mut target = options.open(to).doing("create", to)?;
    let bytes = std::io::copy(&mut source, &mut target).doing("write", to)?;
    target.sync_all().doing("write", to)?;
    let expected = match file.kept_as {
        KeptAs::Link => std::fs::metadata(&from).doing("read", &from)?.len(),
        KeptAs::Frames => file.covered(),
    };
    if bytes == expected {
        return Ok(());
    }
    Err(Error::new(Code::VerificationFailed, "was not copied completely").at(&from))
}

/// Gives a file its final name. Returns `false` if a file has that name.
fn publish(temporary: &Path, to: &Path) -> Result<bool> {
    match rename_new(temporary, to) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        other => other.doing("move into place", to).map(|()| true),
    }
}
