//! Accesses files below a directory without following a link.
//!
//! The repository controls what a project contains, and `.claude/commands` may be a link to a directory
//! outside it. So every directory on the way is opened by name from the one above it, and each operation runs
//! in the directory that was opened: a link that replaces it later has no effect.

use crate::error::{Code, Error, IoContext, Result};
use crate::fs::read_small;
use std::path::{Component, Path, PathBuf};

/// A directory below which files are read, replaced and removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    root: PathBuf,
}

impl Fence {
    /// `root` itself may be reached through links, because the user named it.
    #[must_use]
    pub fn around(root: &Path) -> Self {
        Self { root: root.to_path_buf() }
    }

    /// Returns whether a path is below the directory, judged by its components alone.
    #[must_use]
    pub fn holds(&self, path: &Path) -> bool {
        self.names(path).is_ok()
    }

    /// Refuses a path if a link or a file takes the place of one of its directories.
    ///
    /// # Errors
    /// [`Code::PathRefused`].
    pub fn check(&self, path: &Path) -> Result<()> {
        self.parent(path, None).map(|_| ())
    }

    /// Reads a small file; `None` if it does not exist.
    ///
    /// # Errors
    /// [`Code::PathRefused`] for a link on the way, and as [`read_small`].
    pub fn read(&self, path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
        self.check(path)?;
        read_small(path, limit)
    }

    /// Reads a small text file; `None` if it does not exist.
    ///
    /// # Errors
    /// As [`Fence::read`]; [`Code::PathRefused`] if it is not UTF-8.
    pub fn read_text(&self, path: &Path, limit: u64) -> Result<Option<String>> {
        let Some(bytes) = self.read(path, limit)? else { return Ok(None) };
        String::from_utf8(bytes).map(Some).map_err(|_| {
            Error::new(Code::PathRefused, "is not UTF-8 text").at(path).hint("move it away, or repair it")
        })
    }

    /// Replaces a file, creating missing directories above it with mode `dirs`. An existing file keeps its mode.
    ///
    /// # Errors
    /// [`Code::PathRefused`] for a link on the way, [`Code::Io`].
    pub fn replace(&self, path: &Path, bytes: &[u8], mode: u32, dirs: u32) -> Result<()> {
        let Some(parent) = self.parent(path, Some(dirs))? else {
            return Err(Error::new(Code::Io, "its directory cannot be created").at(path));
        };
        parent.replace(bytes, mode).doing("write", path)
    }

    /// Removes a file; a missing file is not an error.
    ///
    /// # Errors
    /// [`Code::PathRefused`] for a link on the way, [`Code::Io`].
    pub fn remove(&self, path: &Path) -> Result<()> {
        let Some(parent) = self.parent(path, None)? else { return Ok(()) };
        match parent.remove() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            other => other.doing("remove", path),
        }
    }

    pub fn remove_empty(&self, path: &Path) {
        if let Ok(Some(parent)) = self.parent(path, None) {
            let _ = parent.remove_empty();
        }
    }

    /// Names of the components between the root and a path.
    fn names<'p>(&self, path: &'p Path) -> Result<Vec<&'p std::ffi::OsStr>> {
        let outside =
            || Error::new(Code::PathRefused, "is outside the directory that must contain it").at(path);
        let below = path.strip_prefix(&self.root).map_err(|_| outside())?;
        let names = below.components().map(|part| match part {
            Component::Normal(name) => Ok(name),
            _ => Err(outside()),
        });
        let names = names.collect::<Result<Vec<_>>>()?;
        if names.is_empty() { Err(outside()) } else { Ok(names) }
    }

    /// Opens the directory of a path; `None` if it does not exist and `create` is unset.
    fn parent<'p>(&self, path: &'p Path, create: Option<u32>) -> Result<Option<Parent<'p>>> {
        let names = self.names(path)?;
        let Some((name, dirs)) = names.split_last() else { return Ok(None) };
        if create.is_some() {
            std::fs::create_dir_all(&self.root).doing("create the directory", &self.root)?;
        }
        let mut at = self.root.clone();
        let Some(mut dir) = imp::open_root(&at).doing("open", &at)? else { return Ok(None) };
        for next in dirs {
            at.push(next);
            match imp::enter(&dir, next, create) {
                Ok(Some(entered)) => dir = entered,
                Ok(None) => return Ok(None),
                Err(error) if imp::is_no_directory(&error) => {
                    return Err(Error::new(
                        Code::PathRefused,
                        "is a symbolic link or a file, not a directory",
                    )
                    .at(&at)
                    .hint("replace it with a directory, or remove it"));
                }
                Err(error) => return Err(Error::io("open", &at, &error)),
            }
        }
        Ok(Some(Parent { dir, name }))
    }
}

/// An open directory, and the name of a file in it.
struct Parent<'p> {
    dir: imp::Dir,
    name: &'p std::ffi::OsStr,
}

impl Parent<'_> {
    fn replace(&self, bytes: &[u8], mode: u32) -> std::io::Result<()> {
        imp::replace(&self.dir, self.name, bytes, mode)
    }

    fn remove(&self) -> std::io::Result<()> {
        imp::remove(&self.dir, self.name)
    }

    fn remove_empty(&self) -> std::io::Result<()> {
        imp::remove_empty(&self.dir, self.name)
    }
}

#[cfg(unix)]
mod imp {
    use crate::store::replace::temporary_name;
    use rustix::fs::{AtFlags, Mode, OFlags, fchmod, fsync, mkdirat, openat, renameat, statat, unlinkat};
    use rustix::io::Errno;
    use std::ffi::OsStr;
    use std::fs::File;
    use std::io::{Error, ErrorKind, Result, Write};
    use std::os::fd::OwnedFd;
    use std::path::Path;

    pub(super) type Dir = OwnedFd;

    pub(super) fn open_root(root: &Path) -> Result<Option<Dir>> {
        match rustix::fs::open(root, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) {
            Ok(dir) => Ok(Some(dir)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn enter(dir: &Dir, name: &OsStr, create: Option<u32>) -> Result<Option<Dir>> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match (openat(dir, name, flags, Mode::empty()), create) {
            (Ok(entered), _) => Ok(Some(entered)),
            (Err(Errno::NOENT), None) => Ok(None),
            (Err(Errno::NOENT), Some(mode)) => {
                match mkdirat(dir, name, mode_of(mode)) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                }
                Ok(Some(openat(dir, name, flags, Mode::empty())?))
            }
            (Err(error), _) => Err(error.into()),
        }
    }

    /// Returns whether the error means that a component is not a directory. For a link, Linux reports ENOTDIR
    /// and macOS ELOOP.
    pub(super) fn is_no_directory(error: &Error) -> bool {
        [Errno::NOTDIR, Errno::LOOP].iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
    }

    pub(super) fn replace(dir: &Dir, name: &OsStr, bytes: &[u8], mode: u32) -> Result<()> {
        let mode = match statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(meta) if rustix::fs::FileType::from_raw_mode(meta.st_mode).is_file() => {
                Mode::from_raw_mode(meta.st_mode)
            }
            _ => mode_of(mode),
        };
        let temporary = temporary_name(name);
        let written =
            write_new(dir, &temporary, bytes, mode).and_then(|()| Ok(renameat(dir, &temporary, dir, name)?));
        if written.is_err() {
            let _ = unlinkat(dir, &temporary, AtFlags::empty());
        }
        written?;
        Ok(fsync(dir)?)
    }

    fn write_new(dir: &Dir, name: &str, bytes: &[u8], mode: Mode) -> Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = match openat(dir, name, flags, mode) {
            // Left by a dead process that had the same id.
            Err(Errno::EXIST) => {
                unlinkat(dir, name, AtFlags::empty())?;
                openat(dir, name, flags, mode)?
            }
            other => other?,
        };
        let mut file = File::from(file);
        // The umask may have cleared bits that the replaced file had.
        fchmod(&file, mode)?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    pub(super) fn remove(dir: &Dir, name: &OsStr) -> Result<()> {
        unlinkat(dir, name, AtFlags::empty())?;
        Ok(fsync(dir)?)
    }

    pub(super) fn remove_empty(dir: &Dir, name: &OsStr) -> Result<()> {
        match unlinkat(dir, name, AtFlags::REMOVEDIR) {
            Err(Errno::NOENT) => Err(ErrorKind::NotFound.into()),
            other => Ok(other?),
        }
    }

    #[allow(clippy::cast_possible_truncation, reason = "a mode has 16 bits on macOS")]
    fn mode_of(mode: u32) -> Mode {
        Mode::from_raw_mode(mode as rustix::fs::RawMode)
    }
}

/// On systems other than Unix, each directory is checked and then used by its path.
#[cfg(not(unix))]
mod imp {
    use std::ffi::OsStr;
    use std::io::{Error, ErrorKind, Result};
    use std::path::{Path, PathBuf};

    pub(super) type Dir = PathBuf;

    #[expect(clippy::unnecessary_wraps, reason = "opening fails on other systems")]
    pub(super) fn open_root(root: &Path) -> Result<Option<Dir>> {
        Ok(root.is_dir().then(|| root.to_path_buf()))
    }

    pub(super) fn enter(dir: &Dir, name: &OsStr, create: Option<u32>) -> Result<Option<Dir>> {
        let path = dir.join(name);
        match (std::fs::symlink_metadata(&path), create) {
            (Ok(meta), _) if meta.is_dir() && !meta.is_symlink() => Ok(Some(path)),
            (Ok(_), _) => Err(ErrorKind::NotADirectory.into()),
            (Err(error), None) if error.kind() == ErrorKind::NotFound => Ok(None),
            (Err(error), Some(_)) if error.kind() == ErrorKind::NotFound => {
                std::fs::create_dir(&path)?;
                Ok(Some(path))
            }
            (Err(error), _) => Err(error),
        }
    }

    pub(super) fn is_no_directory(error: &Error) -> bool {
        error.kind() == ErrorKind::NotADirectory
    }

    pub(super) fn replace(dir: &Dir, name: &OsStr, bytes: &[u8], mode: u32) -> Result<()> {
        let replaced = crate::store::replace::replace(&dir.join(name), bytes, mode);
        replaced.map_err(|error| Error::other(error.message))
    }

    pub(super) fn remove(dir: &Dir, name: &OsStr) -> Result<()> {
        std::fs::remove_file(dir.join(name))
    }

    pub(super) fn remove_empty(dir: &Dir, name: &OsStr) -> Result<()> {
        std::fs::remove_dir(dir.join(name))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn nothing_is_read_written_or_removed_through_a_directory_link() {
        let dir = tempfile::tempdir().unwrap();
        let [root, victim] = ["root", "victim"].map(|name| dir.path().join(name));
        std::fs::create_dir_all(root.join("a")).unwrap();
        std::fs::create_dir_all(victim.join("deep")).unwrap();
        std::fs::write(victim.join("file"), "mine").unwrap();
        symlink(&victim, root.join("a/link")).unwrap();
        symlink("a", root.join("inner")).unwrap();
        std::fs::write(root.join("plain"), "").unwrap();
        let fence = Fence::around(&root);
        for path in ["a/link/file", "a/link/deep/new", "inner/file", "plain/file"].map(|path| root.join(path))
        {
            let refused = |result: Result<()>| {
                let error = result.unwrap_err();
                assert_eq!(
                    (error.code, error.code.exit_code()),
                    (Code::PathRefused, 4),
                    "{}",
                    path.display()
                );
            };
            refused(fence.check(&path));
            refused(fence.read(&path, 10).map(|_| ()));
            refused(fence.replace(&path, b"ours", 0o644, 0o755));
            refused(fence.remove(&path));
            fence.remove_empty(&path);
        }
        fence.remove_empty(&root.join("a/link/deep"));
        assert_eq!(std::fs::read(victim.join("file")).unwrap(), b"mine");
        assert_eq!(std::fs::read_dir(&victim).unwrap().count(), 2);
        for path in [victim.join("file"), root.join("../victim/file"), root.clone()] {
            assert_eq!(fence.remove(&path).unwrap_err().code, Code::PathRefused);
        }
        // Negative control: the path alone leads out of the root.
        crate::store::replace::replace(&root.join("a/link/file"), b"ours", 0o644).unwrap();
        assert_eq!(std::fs::read(victim.join("file")).unwrap(), b"ours");
    }

    #[test]
    fn missing_directories_are_created_and_an_existing_file_keeps_its_mode() {
        let dir = tempfile::tempdir().unwrap();
        let fence = Fence::around(&dir.path().join("new"));
        let path = dir.path().join("new/a/b/file");
        fence.remove(&path).unwrap();
        assert_eq!(fence.read(&path, 10).unwrap(), None);
        fence.replace(&path, b"one", 0o644, 0o755).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o644);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        fence.replace(&path, b"two", 0o644, 0o755).unwrap();
        assert_eq!((mode(&path), std::fs::read(&path).unwrap()), (0o640, b"two".to_vec()));
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        fence.remove_empty(path.parent().unwrap());
        assert!(path.exists());
        fence.remove(&path).unwrap();
        fence.remove_empty(path.parent().unwrap());
        assert!(!dir.path().join("new/a/b").exists() && dir.path().join("new/a").exists());
    }
}
