//! Deletes one file under the leases that protect it.

use super::find::{record_files, record_size};
use super::{PruneKind, PrunedCopy};
use crate::error::{Code, Error, IoContext, Result};
use crate::keep::{kept_of, remove_kept};
use crate::store::StateDir;
use crate::store::lock::Lock;
use crate::store::replace::sync_dir;
use std::path::{Path, PathBuf};

/// Suffix of the file that contains the SHA-256 of a snapshot.
const NOTED: &str = ".sha256";

/// Deletes one candidate. An export is first renamed to an unfinished name, so that a partly deleted export
/// is never mistaken for a complete one.
pub(super) fn delete(state: &StateDir, one: &PrunedCopy) -> Result<()> {
    let dir = one.path.parent().unwrap_or(Path::new("/"));
    let places = [
        state.exports(),
        state.all_snapshots(),
        state.pages(),
        state.all_runs(),
        state.sessions(),
        state.all_kept(),
    ];
    if !places.iter().any(|place| one.path.starts_with(place)) {
        return Err(Error::new(Code::PathRefused, "was not made by cc-session-recover").at(&one.path));
    }
    // A run takes its snapshot under this lease, and a restore reads one under it. A run whose supervisor
    // ended no longer owns the lease, but its files are retained because it has no result.
    let run = (state.run_lease(&one.session), "an unattended run or a restore of its session is in progress");
    let leases = match one.kind {
        PruneKind::Snapshot | PruneKind::Output | PruneKind::Kept => vec![run],
        PruneKind::Leftover if one.path.starts_with(state.all_snapshots()) => vec![run],
        PruneKind::Export | PruneKind::Page | PruneKind::Leftover => Vec::new(),
        // A lease file that does not exist has no owner. The hooks own the last lease at the end of a turn.
        PruneKind::Record => vec![
            run,
            (state.waiter_lease(&one.session), "a hook waits for its session"),
            (state.watch_lease(&one.session), "a hook of its session is running"),
        ]
        .into_iter()
        .filter(|(lease, _)| lease.exists())
        .collect(),
    };
    let mut held = Vec::new();
    for (lease, why) in leases {
        let Some(lease) = Lock::try_take(&lease)? else {
            return Err(Error::new(Code::StateLocked, why)
                .at(&one.path)
                .hint("run it again when that has ended"));
        };
        held.push(lease);
    }
    if one.kind == PruneKind::Record {
        return delete_record(state, one);
    }
    if one.kind == PruneKind::Kept {
        let gone = kept_of(state, &one.session)?.is_some_and(|kept| kept.is_gone());
        return if gone {
            remove_kept(state, &one.session)
        } else {
            Err(Error::new(Code::ChangedMeanwhile, "its session was restored").at(&one.path))
        };
    }
    let meta = std::fs::symlink_metadata(&one.path).doing("delete", &one.path)?;
    if meta.is_dir() {
        let gone = nameless(&one.path);
        if gone != one.path {
            std::fs::rename(&one.path, &gone).doing("delete", &one.path)?;
        }
        // Does not follow symbolic links.
        std::fs::remove_dir_all(&gone).doing("delete", &gone)?;
    } else {
        std::fs::remove_file(&one.path).doing("delete", &one.path)?;
        if one.kind == PruneKind::Snapshot {
            let mut noted = one.path.clone().into_os_string();
            noted.push(NOTED);
            crate::store::replace::remove(Path::new(&noted))?;
        }
        if matches!(one.kind, PruneKind::Snapshot | PruneKind::Output) {
            // Removes the directory only if it is empty.
            let _ = std::fs::remove_dir(dir);
        }
    }
    if dir.is_dir() {
        sync_dir(dir).doing("delete", dir)?;
    }
    Ok(())
}

/// Deletes the files of a record, and its directory if that is empty afterwards.
fn delete_record(state: &StateDir, one: &PrunedCopy) -> Result<()> {
    if record_size(state, &one.session).is_some_and(|(_, at)| at != one.made_at) {
        return Err(Error::new(Code::ChangedMeanwhile, "the record of its session changed since the check")
            .at(&one.path)
            .hint("run it again"));
    }
    for path in record_files(state, &one.session) {
        if std::fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file()) {
            crate::store::replace::remove(&path)?;
        }
    }
    let _ = std::fs::remove_dir(&one.path);
    Ok(())
}

/// Returns the name of an export during its deletion: that of an unfinished export.
fn nameless(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.starts_with('.') {
        return path.to_path_buf();
    }
    path.with_file_name(format!(".{name}.{}{}", std::process::id(), crate::rescue::export::UNFINISHED))
}
