//! Manages flags. A flag is an empty file next to a launcher, named after a session, which signals that there
//! is a message for the session's user.
//!
//! The client waits for the hook before a prompt, so the hook's shell line checks only for this file and
//! starts Node.js only if it exists. The message itself is in the state directory, because the launcher may
//! be in a project, and no content of a project is shown as a message of this tool. The process that lowers
//! the flag reports the message, so it is reported once.

use crate::claude::home::is_session_id;
use crate::fs::{canonical, own_uid, owner};
use chrono::{DateTime, Utc};
use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

/// Path of the flags, relative to `.claude` or the user's own Claude Code directory.
pub const FLAGS: &str = "cc-session-recover/unsaved";
/// Last component of [`FLAGS`]; the rest is the launcher's directory.
pub const NAME: &str = "unsaved";

#[derive(Debug, Clone)]
pub struct Flags {
    launcher: PathBuf,
    dir: PathBuf,
}

impl Flags {
    /// Returns the flags next to the launcher with this path.
    #[must_use]
    pub fn of_launcher(launcher: &Path) -> Self {
        Self { launcher: launcher.to_path_buf(), dir: launcher.with_file_name(NAME) }
    }

    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns whether the directory exists. A symbolic link does not count.
    #[must_use]
    pub fn exist(&self) -> bool {
        std::fs::symlink_metadata(&self.dir).is_ok_and(|meta| meta.is_dir())
    }

    /// Raises the flag of a session; it may already be raised. The launcher must exist, in a directory of
    /// this user that is inside `within`, if given. Never writes through a link.
    ///
    /// # Errors
    ///
    /// Returns the reason why the flag was not raised.
    pub fn raise(&self, session: &str, within: Option<&Path>) -> Result<()> {
        let refused = |why| Error::new(ErrorKind::PermissionDenied, why);
        if !is_session_id(session) {
            return Err(Error::new(ErrorKind::InvalidInput, "no session id"));
        }
        let beside = self.launcher.parent().ok_or(ErrorKind::NotFound)?;
        let real = canonical(beside)?;
        if within.is_some_and(|within| !real.starts_with(within)) {
            return Err(refused("the launcher is not in the project"));
        }
        if !std::fs::symlink_metadata(&self.launcher)?.is_file() {
            return Err(refused("the launcher is not a file"));
        }
        let meta = std::fs::symlink_metadata(beside)?;
        if !meta.is_dir() || own_uid().is_some_and(|uid| owner(&meta).is_some_and(|owner| owner != uid)) {
            return Err(refused("the launcher's directory is not this user's own"));
        }
        FlagDirectory::make(&real.join(NAME))?.create(session)
    }

    /// Lowers the flag of a session; returns `true` to the one caller that removed it.
    #[must_use]
    pub fn lower(&self, session: &str) -> bool {
        is_session_id(session)
            && FlagDirectory::existing(&self.dir).is_ok_and(|dir| dir.remove(session).is_ok())
    }

    /// Lowers flags that were raised before `since`, for sessions that ended without notice.
    pub fn sweep(&self, since: DateTime<Utc>) {
        self.remove(|path| {
            let meta = std::fs::symlink_metadata(path).and_then(|meta| meta.modified());
            meta.is_ok_and(|at| DateTime::<Utc>::from(at) < since)
        });
    }

    /// Lowers all flags and removes the directory, unless it contains anything else.
    pub fn clear(&self) {
        self.remove(|_| true);
        if self.exist() {
            let _ = std::fs::remove_dir(&self.dir);
        }
    }

    fn remove(&self, which: impl Fn(&Path) -> bool) {
        let Ok(opened) = FlagDirectory::existing(&self.dir) else { return };
        for entry in std::fs::read_dir(&self.dir).into_iter().flatten().filter_map(std::result::Result::ok) {
            let name = entry.file_name();
            if let Some(session) = name.to_str().filter(|name| is_session_id(name) && which(&entry.path())) {
                let _ = opened.remove(session);
            }
        }
    }
}

/// Returns whether a file is a flag, by its path from `.claude` or from a directory above it. A flag has no
/// content and starts nothing, so it does not count among the files that decide what runs.
#[must_use]
pub fn is_flag(path: &Path, meta: &std::fs::Metadata) -> bool {
    let named = path.file_name().and_then(std::ffi::OsStr::to_str).is_some_and(is_session_id);
    let placed = path.parent().is_some_and(|dir| dir.ends_with(Path::new(".claude").join(FLAGS)));
    named && placed && meta.is_file() && meta.len() == 0
}

/// The open flag directory: all operations apply to this directory, even if its path is
/// replaced in the meantime.
struct FlagDirectory(#[cfg(unix)] std::os::fd::OwnedFd, #[cfg(not(unix))] PathBuf);

#[cfg(unix)]
impl FlagDirectory {
    fn existing(dir: &Path) -> Result<Self> {
        use rustix::fs::{Mode, OFlags, open};
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Self(open(dir, flags, Mode::empty())?))
    }

    fn make(dir: &Path) -> Result<Self> {
        match rustix::fs::mkdir(dir, rustix::fs::Mode::RWXU) {
            Err(rustix::io::Errno::EXIST) | Ok(()) => Self::existing(dir),
            Err(error) => Err(error.into()),
        }
    }

    fn create(&self, name: &str) -> Result<()> {
        use rustix::fs::{Mode, OFlags, openat};
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat(&self.0, name, flags, Mode::RUSR | Mode::WUSR) {
            Ok(_) | Err(rustix::io::Errno::EXIST) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn remove(&self, name: &str) -> Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, rustix::fs::AtFlags::empty())?)
    }
}

#[cfg(not(unix))]
impl FlagDirectory {
    fn existing(dir: &Path) -> Result<Self> {
        let meta = std::fs::symlink_metadata(dir)?;
        if meta.is_dir() { Ok(Self(dir.to_path_buf())) } else { Err(ErrorKind::NotADirectory.into()) }
    }

    fn make(dir: &Path) -> Result<Self> {
        match std::fs::create_dir(dir) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
            _ => Self::existing(dir),
        }
    }

    fn create(&self, name: &str) -> Result<()> {
        match std::fs::OpenOptions::new().write(true).create_new(true).open(self.0.join(name)) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }

    fn remove(&self, name: &str) -> Result<()> {
        std::fs::remove_file(self.0.join(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    const ID: &str = "00000001-0000-4000-8000-000000000001";
    const OTHER: &str = "00000002-0000-4000-8000-000000000001";

    struct Scene {
        dir: tempfile::TempDir,
        flags: Flags,
    }

    fn scene() -> Scene {
        let dir = tempfile::tempdir().unwrap();
        let launcher = dir.path().join(".claude/cc-session-recover/hook.js");
        std::fs::create_dir_all(launcher.parent().unwrap()).unwrap();
        std::fs::write(&launcher, "").unwrap();
        Scene { flags: Flags::of_launcher(&launcher), dir }
    }

    #[test]
    fn only_one_of_many_concurrent_calls_lowers_a_flag() {
        let Scene { dir: _dir, flags } = scene();
        assert!(!flags.lower(ID), "none is up");
        for _ in 0..50 {
            flags.raise(ID, None).unwrap();
            flags.raise(ID, None).unwrap();
            let taken: usize = std::thread::scope(|scope| {
                let tries: Vec<_> = (0..8).map(|_| scope.spawn(|| flags.lower(ID))).collect();
                tries.into_iter().map(|one| usize::from(one.join().unwrap())).sum()
            });
            assert_eq!(taken, 1);
        }
    }

    #[test]
    fn only_a_session_id_becomes_part_of_a_path() {
        let Scene { dir, flags } = scene();
        std::fs::write(dir.path().join(".claude/cc-session-recover/kept"), "").unwrap();
        for bad in ["", ".", "../kept", "/etc/passwd", "kept"] {
            assert!(flags.raise(bad, None).is_err(), "{bad}");
            assert!(!flags.lower(bad), "{bad}");
        }
        assert!(!flags.exist());
    }

    #[test]
    fn no_flag_is_set_without_a_launcher_or_outside_the_project() {
        let Scene { dir, flags } = scene();
        let real = canonical(dir.path()).unwrap();
        flags.raise(ID, Some(&real)).unwrap();
        assert!(flags.raise(OTHER, Some(&real.join("elsewhere"))).is_err());
        std::fs::remove_file(&flags.launcher).unwrap();
        assert!(flags.raise(OTHER, None).is_err());
        std::fs::remove_dir_all(flags.launcher.parent().unwrap()).unwrap();
        assert!(flags.raise(OTHER, None).is_err() && !flags.exist());
    }

    #[test]
    #[cfg(unix)]
    fn links_are_not_followed_and_flags_are_private() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let Scene { dir, flags } = scene();
        let elsewhere = dir.path().join("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        std::fs::write(elsewhere.join(ID), "kept").unwrap();
        symlink(&elsewhere, flags.dir()).unwrap();
        assert!(flags.raise(OTHER, None).is_err() && !flags.lower(ID));
        flags.sweep(Utc::now() + TimeDelta::days(1));
        flags.clear();
        assert_eq!(std::fs::read(elsewhere.join(ID)).unwrap(), b"kept");
        assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 1);
        std::fs::remove_file(flags.dir()).unwrap();
        flags.raise(ID, None).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(flags.dir()), mode(&flags.dir().join(ID))), (0o700, 0o600));
        // A link in place of the flag is removed, not its target.
        std::fs::remove_file(flags.dir().join(ID)).unwrap();
        symlink(elsewhere.join(ID), flags.dir().join(ID)).unwrap();
        flags.raise(ID, None).unwrap();
        assert!(flags.lower(ID));
        assert_eq!(std::fs::read(elsewhere.join(ID)).unwrap(), b"kept");
    }

    #[test]
    fn old_flags_are_swept_and_all_are_removed_at_the_end_with_nothing_else() {
        let Scene { dir: _dir, flags } = scene();
        flags.raise(ID, None).unwrap();
        let now = Utc::now();
        flags.sweep(now - TimeDelta::hours(1));
        assert!(flags.dir().join(ID).exists(), "it is new");
        flags.sweep(now + TimeDelta::hours(1));
        assert!(!flags.dir().join(ID).exists());
        flags.raise(ID, None).unwrap();
        std::fs::write(flags.dir().join("mine"), "x").unwrap();
        flags.clear();
        assert!(!flags.dir().join(ID).exists() && flags.dir().join("mine").exists());
        std::fs::remove_file(flags.dir().join("mine")).unwrap();
        flags.clear();
        assert!(!flags.exist());
    }
}
