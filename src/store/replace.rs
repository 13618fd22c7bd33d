//! Replaces a whole file atomically. After a crash or power failure, either the old or the new file exists.
//!
//! Rename without fsync left empty files after a simulated power failure on ext4 and XFS; with fsync of the
//! file before and of the directory after it, none was lost.

use super::layout::ensure_dir;
use crate::error::{IoContext, Result};
use crate::fs::file_of_mode;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Suffix of temporary files, which a crash may leave behind.
pub const TEMPORARY: &str = ".cc-recover-tmp";

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// Replaces `path` with a file that has these bytes and this mode. A symbolic link at `path` is itself
/// replaced; its target is not touched.
///
/// # Errors
///
/// Returns [`crate::error::Code::Io`]; the old file is then unchanged and no temporary file remains.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    put(path, bytes, mode, true)
}

/// Replaces a file as [`replace`] does, but without fsync: readers see the old file or the new one, but after
/// a power failure it may be empty.
///
/// # Errors
///
/// Returns the errors of [`replace`].
pub fn replace_unsynced(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    put(path, bytes, mode, false)
}

fn put(path: &Path, bytes: &[u8], mode: u32, durable: bool) -> Result<()> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    let temporary = temporary_beside(path, dir);
    let written = write_new(&temporary, bytes, mode, durable)
        .or_else(|error| match error.kind() {
            // The directory nearly always exists, so it is only created if the write fails.
            std::io::ErrorKind::NotFound => {
                ensure_dir(dir).map_err(|_| error)?;
                write_new(&temporary, bytes, mode, durable)
            }
            _ => Err(error),
        })
        .and_then(|()| rename(&temporary, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written.doing("write", path)?;
    if durable { sync_dir(dir).doing("write", path) } else { Ok(()) }
}

/// Removes temporary files that a killed process left while replacing this file. The caller must own the lock
/// that guards the file.
pub fn sweep(path: &Path) {
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else { return };
    let start = format!(".{}.", name.to_string_lossy());
    for entry in std::fs::read_dir(dir).into_iter().flatten().filter_map(std::result::Result::ok) {
        let name = entry.file_name();
        let rest = name.to_str().and_then(|name| name.strip_prefix(&start)?.strip_suffix(TEMPORARY));
        let numbers = rest.and_then(|rest| rest.split_once('-'));
        if numbers.is_some_and(|(pid, count)| pid.parse::<u32>().is_ok() && count.parse::<u64>().is_ok()) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn temporary_beside(path: &Path, dir: &Path) -> PathBuf {
    dir.join(temporary_name(path.file_name().unwrap_or_default()))
}

/// Returns a unique name for the temporary file that will become `name`.
#[must_use]
pub fn temporary_name(name: &OsStr) -> String {
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!(".{}.{}-{count}{TEMPORARY}", name.to_string_lossy(), std::process::id())
}

fn write_new(path: &Path, bytes: &[u8], mode: u32, durable: bool) -> std::io::Result<()> {
    let mut options = file_of_mode(mode);
    options.write(true).create_new(true);
    let mut file = match options.open(path) {
        // Left by an earlier process with the same id.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            std::fs::remove_file(path)?;
            options.open(path)?
        }
        other => other?,
    };
    #[cfg(unix)]
    if mode != crate::fs::PRIVATE {
        // The umask may have cleared bits that the replaced file had.
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))?;
    }
    #[cfg(not(unix))]
    let _ = mode;
    file.write_all(bytes)?;
    if durable { file.sync_all() } else { Ok(()) }
}

/// Renames a file or directory, but never replaces a file.
///
/// # Errors
///
/// [`std::io::ErrorKind::AlreadyExists`] if `to` exists, or the error of the rename.
pub fn rename_new(from: &Path, to: &Path) -> std::io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            // Not every file system supports `NOREPLACE`.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
            other => return other.map_err(Into::into),
        }
    }
    rename_new_in_steps(from, to)
}

/// Does what [`rename_new`] does, on systems where a rename always replaces the target.
fn rename_new_in_steps(from: &Path, to: &Path) -> std::io::Result<()> {
    if std::fs::symlink_metadata(to).is_ok() {
        return Err(std::io::ErrorKind::AlreadyExists.into());
    }
    // The rename of a directory replaces an empty directory at most.
    if std::fs::symlink_metadata(from)?.is_dir() {
        return std::fs::rename(from, to);
    }
    match std::fs::hard_link(from, to) {
        Ok(()) => {
            let _ = std::fs::remove_file(from);
            Ok(())
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(error),
        Err(_) => rename_over_own(from, to),
    }
}

/// Does what [`rename_new`] does for a file, on a file system without hard links. A check before the rename
/// would leave time for another process to create the file, so this creates it and then replaces its own file.
fn rename_over_own(from: &Path, to: &Path) -> std::io::Result<()> {
    file_of_mode(crate::fs::PRIVATE).write(true).create_new(true).open(to)?;
    let renamed = rename(from, to);
    if renamed.is_err() {
        let _ = std::fs::remove_file(to);
    }
    renamed
}

#[cfg(unix)]
fn rename(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::rename(from, to)
}

/// Windows refuses to replace a file that is open, such as during a virus scan, so this retries.
#[cfg(not(unix))]
fn rename(from: &Path, to: &Path) -> std::io::Result<()> {
    let mut last = std::fs::rename(from, to);
    for wait in [5, 10, 20, 40, 80, 160] {
        match &last {
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                std::thread::sleep(std::time::Duration::from_millis(wait));
                last = std::fs::rename(from, to);
            }
            _ => break,
        }
    }
    last
}

/// Makes a rename or removal in `dir` durable.
///
/// # Errors
/// The I/O error of opening or syncing the directory.
pub fn sync_dir(dir: &Path) -> std::io::Result<()> {
    if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
}

/// Removes a file durably; a missing file is not an error.
///
/// # Errors
///
/// Returns [`crate::error::Code::Io`] when it cannot be removed.
pub fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        other => other.doing("remove", path)?,
    }
    sync_dir(path.parent().unwrap_or(Path::new("/"))).doing("remove", path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::PRIVATE;

    #[test]
    fn replace_replaces_a_link_and_not_its_target() {
        let dir = tempfile::tempdir().unwrap();
        let victim = dir.path().join("victim");
        let link = dir.path().join("link");
        std::fs::write(&victim, "kept").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(&victim, &link).unwrap();
        replace(&link, b"new", PRIVATE).unwrap();
        assert_eq!(std::fs::read(&victim).unwrap(), b"kept");
        assert_eq!(std::fs::read(&link).unwrap(), b"new");
    }

    #[test]
    fn a_rename_to_an_existing_name_replaces_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        for (name, rename) in [
            ("rename_new", rename_new as fn(&Path, &Path) -> std::io::Result<()>),
            ("rename_new_in_steps", rename_new_in_steps),
            ("rename_over_own", rename_over_own),
        ] {
            std::fs::write(&from, "new").unwrap();
            std::fs::write(&to, "old").unwrap();
            let error = rename(&from, &to).unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists, "{name}");
            assert_eq!(std::fs::read(&to).unwrap(), b"old", "{name}");
            std::fs::remove_file(&to).unwrap();
            #[cfg(unix)]
            {
                std::os::unix::fs::symlink("nowhere", &to).unwrap();
                assert_eq!(rename(&from, &to).unwrap_err().kind(), error.kind(), "{name}");
                std::fs::remove_file(&to).unwrap();
            }
            rename(&from, &to).unwrap();
            assert_eq!((std::fs::read(&to).unwrap(), from.exists()), (b"new".to_vec(), false), "{name}");
            std::fs::remove_file(&to).unwrap();
            assert!(rename(&from, &to).is_err(), "{name}");
            assert!(!to.exists(), "{name} leaves nothing if there is no file to rename");
        }
    }

    #[test]
    fn a_failed_write_leaves_no_temporary_file() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("taken");
        std::fs::create_dir(&target).unwrap();
        assert!(replace(&target, b"x", PRIVATE).is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    #[cfg(unix)]
    fn files_and_missing_directories_are_created_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/file");
        replace(&path, b"x", PRIVATE).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            (mode(&path), mode(&dir.path().join("a/b")), mode(&dir.path().join("a"))),
            (0o600, 0o700, 0o700)
        );
    }
}
