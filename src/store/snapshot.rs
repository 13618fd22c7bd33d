//! Makes snapshots. A snapshot is a verified copy of a transcript, made before a change to it.
//!
//! A snapshot has a fixed length. A file that only grows in the meantime is copied up to that length. The
//! copy counts only once it is durable and has been read back and compared. Its hash is stored next to it in
//! the format of `sha256sum`, so that later changes to the copy are detected.

use crate::error::{Code, Error, IoContext, Result};
use crate::fs::{PRIVATE, identity, open_regular_with_metadata, private_file, read_small};
use crate::store::StateDir;
use crate::store::layout::ensure_dir;
use crate::store::replace::{remove, replace, sync_dir};
use crate::store::stored::hex;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Number of attempts if the file changes during the copy.
const TRIES: usize = 3;
/// Number of bytes copied at once.
const BLOCK: usize = 256 * 1024;
/// Number of bytes that must remain free on the file system, for the incident and the journal.
const SPARE: u64 = 1024 * 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    pub path: PathBuf,
    pub bytes: u64,
    /// SHA-256 of the copy, in hex.
    pub sha256: String,
}

/// Copies a transcript to `<state>/snapshots/<session>/<name>.jsonl`.
///
/// # Errors
///
/// Returns [`Code::VerificationFailed`] if it changes while it is copied, [`Code::PathRefused`] for an
/// invalid name, [`Code::Io`] if it cannot be read or written, or the file system has too little space. No
/// partial copy remains.
pub fn take(state: &StateDir, session: &str, transcript: &Path, name: &str) -> Result<Snapshot> {
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Err(Error::new(Code::PathRefused, format!("{name:?} is not a valid snapshot name")));
    }
    let dir = state.snapshots(session);
    ensure_dir(&dir)?;
    let path = dir.join(format!("{name}.jsonl"));
    for _ in 0..TRIES {
        let taken = copy(transcript, &path)?;
        if let Some(taken) = taken {
            return Ok(taken);
        }
    }
    Err(Error::new(Code::VerificationFailed, "it changed while it was copied")
        .at(transcript)
        .hint("another program rewrites it; try again when that has finished"))
}

/// Removes the oldest copies of a session whose names end with `-<why>`, except the newest `most`. Names
/// start with the time.
///
/// # Errors
///
/// Returns [`Code::Io`] if the directory cannot be read or a copy cannot be removed.
pub fn bound(state: &StateDir, session: &str, why: &str, most: usize) -> Result<()> {
    let dir = state.snapshots(session);
    let ending = format!("-{why}.jsonl");
    let entries = std::fs::read_dir(&dir).doing("read", &dir)?.filter_map(std::result::Result::ok);
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| name.ends_with(&ending));
    names.sort();
    for name in names.iter().rev().skip(most) {
        let copy = dir.join(name);
        // The copy goes first, because a copy without its hash would be trusted.
        remove(&copy)?;
        remove(&note_of(&copy))?;
    }
    Ok(())
}

/// Returns the SHA-256 of the first `bytes` bytes of a file, in hex.
///
/// # Errors
///
/// Returns [`Code::VerificationFailed`] if the file is shorter than `bytes`, or [`Code::Io`] if it cannot be
/// read.
pub fn prefix_sha256(transcript: &Path, bytes: u64) -> Result<String> {
    let (file, meta) = open_regular_with_metadata(transcript)?;
    if meta.len() < bytes {
        return Err(Error::new(Code::VerificationFailed, "is shorter than expected").at(transcript));
    }
    hash(file.take(bytes)).doing("read", transcript)
}

/// Returns the hash recorded when a copy was made; `None` if there is no record.
#[must_use]
pub fn noted_sha256(copy: &Path) -> Option<String> {
    let text = read_small(&note_of(copy), 1024).ok()??;
    let hash = std::str::from_utf8(&text).ok()?.split_whitespace().next()?;
    (hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| hash.to_owned())
}

/// Makes one attempt; `None` if the file changed in the meantime.
fn copy(from: &Path, to: &Path) -> Result<Option<Snapshot>> {
    let temporary = to.with_extension(format!("{}.part", std::process::id()));
    let copied = copy_to(&temporary, from, to);
    if !matches!(copied, Ok(Some(_))) {
        // A partial or mismatched copy is useless.
        let _ = std::fs::remove_file(&temporary);
    }
    copied
}

fn copy_to(temporary: &Path, from: &Path, to: &Path) -> Result<Option<Snapshot>> {
    let (file, meta) = open_regular_with_metadata(from)?;
    let bytes = meta.len();
    let dir = to.parent().unwrap_or(Path::new("/"));
    ensure_room(dir, bytes)?;
    let sha256 = write(file.take(bytes), temporary).doing("copy", temporary)?;
    let read_again = File::open(temporary).and_then(hash).doing("read", temporary)?;
    let (still, after) = open_regular_with_metadata(from)?;
    let same_file = identity(&meta) == identity(&after) && after.len() >= bytes;
    let source_again = hash(still.take(bytes)).doing("read", from)?;
    if read_again != sha256 || !same_file || source_again != sha256 {
        return Ok(None);
    }
    // The hash is written before the copy gets its name, because a copy without a hash would be trusted.
    let note = note_of(to);
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    replace(&note, format!("{sha256}  {name}\n").as_bytes(), PRIVATE)?;
    if let Err(error) = std::fs::rename(temporary, to) {
        let _ = std::fs::remove_file(&note);
        return Err(Error::io("write", to, &error));
    }
    sync_dir(dir).doing("write", dir)?;
    Ok(Some(Snapshot { path: to.to_path_buf(), bytes, sha256 }))
}

fn note_of(copy: &Path) -> PathBuf {
    copy.with_extension("jsonl.sha256")
}

/// Returns an error if a copy would fill the file system.
///
/// # Errors
///
/// Returns [`Code::Io`] with the space needed and the space available.
pub fn ensure_room(dir: &Path, bytes: u64) -> Result<()> {
    #[cfg(unix)]
    if let Ok(system) = rustix::fs::statvfs(dir) {
        let free = system.f_bavail.saturating_mul(system.f_frsize);
        if free < bytes.saturating_add(SPARE) {
            let megabytes = |bytes: u64| bytes.div_ceil(1_000_000);
            let message = format!(
                "not enough disk space for a copy: {} MB needed, {} MB free",
                megabytes(bytes.saturating_add(SPARE)),
                free / 1_000_000
            );
            return Err(Error::new(Code::Io, message).at(dir).hint("free some space and run it again"));
        }
    }
    #[cfg(not(unix))]
    let _ = (dir, bytes, SPARE);
    Ok(())
}

fn write(mut from: impl Read, to: &Path) -> std::io::Result<String> {
    let mut options = private_file();
    options.write(true).create(true).truncate(true);
    let mut file = options.open(to)?;
    let mut hasher = Sha256::new();
    let mut block = vec![0; BLOCK];
    loop {
        let count = crate::fs::read_once(&mut from, &mut block)?;
        if count == 0 {
            break;
        }
        hasher.update(&block[..count]);
        file.write_all(&block[..count])?;
    }
    file.sync_all()?;
    Ok(hex(&hasher.finalize()))
}

/// Returns the SHA-256 of everything readable, in hex.
fn hash(mut from: impl Read) -> std::io::Result<String> {
    let mut hasher = Sha256::new();
    let mut block = vec![0; BLOCK];
    loop {
        let count = crate::fs::read_once(&mut from, &mut block)?;
        if count == 0 {
            return Ok(hex(&hasher.finalize()));
        }
        hasher.update(&block[..count]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_has_the_bytes_and_the_length_it_states() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::new(dir.path().join("state"));
        let transcript = dir.path().join("t.jsonl");
        std::fs::write(&transcript, b"{\"a\":1}\n".repeat(100_000)).unwrap();
        let taken = take(&state, "s", &transcript, "20261121T020000000Z-1-1").unwrap();
        assert_eq!(std::fs::read(&taken.path).unwrap(), std::fs::read(&transcript).unwrap());
        assert_eq!(taken.sha256, prefix_sha256(&transcript, taken.bytes).unwrap());
        std::fs::write(&transcript, b"{\"a\":1}\n".repeat(100_001)).unwrap();
        assert_eq!(taken.sha256, prefix_sha256(&transcript, taken.bytes).unwrap(), "it only grew");
        std::fs::write(&transcript, b"{\"a\":2}\n".repeat(100_001)).unwrap();
        assert_ne!(taken.sha256, prefix_sha256(&transcript, taken.bytes).unwrap(), "it was rewritten");
        std::fs::write(&transcript, b"").unwrap();
        assert_eq!(prefix_sha256(&transcript, taken.bytes).unwrap_err().code, Code::VerificationFailed);
        assert!(take(&state, "s", &transcript, "../x").is_err());
        assert!(take(&state, "s", &dir.path().join("none"), "n").is_err());
        let mut left: Vec<_> =
            std::fs::read_dir(state.snapshots("s")).unwrap().map(|entry| entry.unwrap().path()).collect();
        left.sort();
        assert_eq!(left, [taken.path.clone(), note_of(&taken.path)]);
        assert_eq!(noted_sha256(&taken.path), Some(taken.sha256));
        assert_eq!(noted_sha256(&dir.path().join("none.jsonl")), None);
    }

    #[test]
    fn the_newest_snapshots_of_a_kind_stay_with_their_hashes_and_others_are_unchanged() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::new(dir.path().join("state"));
        let transcript = dir.path().join("t.jsonl");
        std::fs::write(&transcript, "{}\n").unwrap();
        for number in 0..6 {
            take(&state, "s", &transcript, &format!("2026112{number}T000000000Z-compact")).unwrap();
            bound(&state, "s", "compact", 3).unwrap();
        }
        take(&state, "s", &transcript, "20260101T000000000Z-1-1").unwrap();
        bound(&state, "s", "compact", 3).unwrap();
        let mut left: Vec<String> = std::fs::read_dir(state.snapshots("s"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| Path::new(name).extension().is_some_and(|ending| ending == "jsonl"))
            .collect();
        left.sort();
        let kept = ["3", "4", "5"].map(|number| format!("2026112{number}T000000000Z-compact.jsonl"));
        assert_eq!(left, [&["20260101T000000000Z-1-1.jsonl".to_owned()][..], &kept[..]].concat());
        for name in left {
            assert!(noted_sha256(&state.snapshots("s").join(name)).is_some());
        }
        assert_eq!(std::fs::read_dir(state.snapshots("s")).unwrap().count(), 8);
    }

    #[test]
    fn a_snapshot_that_would_fill_the_file_system_is_not_started() {
        let dir = tempfile::tempdir().unwrap();
        ensure_room(dir.path(), 1).unwrap();
        let error = ensure_room(dir.path(), u64::MAX / 2).unwrap_err();
        assert!(error.message.starts_with("not enough disk space"), "{error}");
    }

    #[test]
    #[cfg(unix)]
    fn a_snapshot_is_readable_only_by_its_owner() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::new(dir.path().join("state"));
        let transcript = dir.path().join("t.jsonl");
        std::fs::write(&transcript, "{}\n").unwrap();
        let taken = take(&state, "s", &transcript, "n").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&taken.path), mode(&note_of(&taken.path))), (0o600, 0o600));
        assert_eq!(mode(&state.snapshots("s")), 0o700);
    }
}
