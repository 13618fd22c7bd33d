//! Restores a kept session to where Claude Code can resume it.

use super::loss::is_headless;
use super::stored::{KeptAs, KeptFile, KeptSession};
use crate::claude::home::ClaudeHome;
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::private_file;
use crate::session::belongings::SessionFileKind;
use crate::store::StateDir;
use crate::store::layout::ensure_dir;
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
/// file exists there. Returns the number of copies.
///
/// # Errors
///
/// Returns [`Code::Io`] if one cannot be written; the earlier ones are in place.
pub fn restore_companions(state: &StateDir, kept: &KeptSession) -> Result<usize> {
    let home = ClaudeHome::new(&kept.config_dir);
    let mut copied = 0;
    for file in &kept.files {
        let newest = kept.newest(&file.path) == Some(file);
        let Some(to) = destination(kept, &home, file).filter(|_| newest) else { continue };
        if std::fs::symlink_metadata(&to).is_ok() {
            continue;
        }
        copy_new(state, &kept.session, file, &to)?;
        copied += 1;
    }
    Ok(copied)
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

/// Copies one file. The copy gets the current time as its file time, so the next sweep does not delete it.
fn copy_new(state: &StateDir, session: &str, file: &KeptFile, to: &Path) -> Result<()> {
    if let Some(dir) = to.parent() {
        ensure_dir(dir)?;
        ensure_room(dir, file.bytes)?;
    }
    let from = file.place(state, session);
    let mut source = file.open(state, session)?;
    let mut options = private_file();
    options.write(true).create_new(true);
    let mut target = options.open(to).doing("create", to)?;
    let copied = std::io::copy(&mut source, &mut target).and_then(|bytes| {
        target.sync_all()?;
        Ok(bytes)
    });
    let expected = match file.kept_as {
        KeptAs::Link => std::fs::metadata(&from).doing("read", &from)?.len(),
        KeptAs::Frames => file.covered(),
    };
    match copied {
        Ok(bytes) if bytes == expected => Ok(()),
        Ok(_) => Err(Error::new(Code::VerificationFailed, "was not copied completely").at(to)),
        Err(error) => {
            let _ = std::fs::remove_file(to);
            Err(Error::io("write", to, &error))
        }
    }
}
