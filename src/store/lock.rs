//! Provides kernel locks on dedicated files. The kernel releases a lock as soon as its owner process ends,
//! for whatever reason.

use super::layout::ensure_dir;
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::{identity, private_file};
use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

/// Interval between attempts while waiting.
const BETWEEN_TRIES: Duration = Duration::from_millis(4);

/// A lock that is released when the value is dropped.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Drop for Lock {
    /// Unlocks instead of only closing: a child process that another thread is starting has inherited the
    /// descriptor until it runs its program, and would keep the lock.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

impl Lock {
    /// Acquires the lock if it is free.
    ///
    /// # Errors
    ///
    /// Returns [`Code::Io`] when the lock file cannot be opened.
    pub fn try_take(path: &Path) -> Result<Option<Self>> {
        Self::try_with(path, File::try_lock)
    }

    /// Acquires the lock together with others that share it, unless someone owns it alone.
    ///
    /// # Errors
    ///
    /// Returns [`Code::Io`] when the lock file cannot be opened.
    pub fn try_share(path: &Path) -> Result<Option<Self>> {
        Self::try_with(path, File::try_lock_shared)
    }

    fn try_with(
        path: &Path,
        lock: impl Fn(&File) -> std::result::Result<(), TryLockError>,
    ) -> Result<Option<Self>> {
        loop {
            let file = open(path)?;
            match lock(&file) {
                Ok(()) if is_named(&file, path) => return Ok(Some(Self { file })),
                // The owner removed the file after it was opened here. Another process may own the lock of a
                // new file with this name.
                Ok(()) => drop(Self { file }),
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(Error::io("lock", path, &error)),
            }
        }
    }

    /// Removes the lock file while owning the lock.
    ///
    /// # Errors
    ///
    /// Returns [`Code::StateLocked`] if another process owns the lock, [`Code::Io`] if the file cannot be
    /// removed.
    pub fn remove(path: &Path) -> Result<()> {
        let Some(_held) = Self::try_take(path)? else {
            return Err(held_elsewhere(path));
        };
        super::replace::remove(path)
    }

    /// Returns whether another process owns the lock. Creates nothing. The check shares the lock for an instant,
    /// so that two checks at the same time do not report each other.
    #[must_use]
    pub fn is_held(path: &Path) -> bool {
        let Ok(file) = File::open(path) else { return false };
        match file.try_lock_shared() {
            Ok(()) => {
                drop(Self { file });
                false
            }
            Err(TryLockError::WouldBlock) => true,
            Err(TryLockError::Error(_)) => false,
        }
    }

    /// Acquires the lock, waiting for at most `limit`.
    ///
    /// # Errors
    ///
    /// Returns [`Code::StateLocked`] if another process owned it all that time, [`Code::Io`] if it cannot be
    /// opened.
    pub fn wait(path: &Path, limit: Duration) -> Result<Self> {
        let started = Instant::now();
        loop {
            if let Some(lock) = Self::try_take(path)? {
                return Ok(lock);
            }
            if started.elapsed() >= limit {
                return Err(held_elsewhere(path));
            }
            std::thread::sleep(BETWEEN_TRIES);
        }
    }
}

fn held_elsewhere(path: &Path) -> Error {
    Error::new(Code::StateLocked, "is locked by another process").at(path).hint("try again in a moment")
}

/// Returns whether the open file is still the one with this name.
fn is_named(file: &File, path: &Path) -> bool {
    let (Ok(opened), Ok(named)) = (file.metadata(), std::fs::metadata(path)) else { return false };
    identity(&opened) == identity(&named)
}

fn open(path: &Path) -> Result<File> {
    let mut options = private_file();
    options.read(true).write(true).create(true).truncate(false);
    match options.open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            ensure_dir(path.parent().unwrap_or(Path::new("/")))?;
            options.open(path).doing("open", path)
        }
        other => other.doing("open", path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(unix)]
    use std::cell::Cell;

    #[test]
    fn a_lock_is_removed_only_by_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.lock");
        let held = Lock::try_take(&path).unwrap().unwrap();
        assert_eq!(Lock::remove(&path).unwrap_err().code, Code::StateLocked);
        assert!(path.exists());
        drop(held);
        Lock::remove(&path).unwrap();
        assert!(!path.exists());
    }

    #[test]
    #[cfg(unix)]
    fn a_lock_file_that_was_removed_after_it_was_opened_is_not_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.lock");
        let tries = Cell::new(0);
        let taken = Lock::try_with(&path, |file| {
            tries.set(tries.get() + 1);
            if tries.get() == 1 {
                std::fs::remove_file(&path).unwrap();
            }
            file.try_lock()
        });
        assert!(taken.unwrap().is_some() && tries.get() == 2);
        let owner = Cell::new(None);
        let taken = Lock::try_with(&path, |file| {
            if owner.take().is_none() {
                std::fs::remove_file(&path).unwrap();
                owner.set(Lock::try_take(&path).unwrap());
            }
            file.try_lock()
        });
        assert!(taken.unwrap().is_some(), "the owner was dropped");
    }

    #[test]
    fn a_released_lock_is_free_although_a_child_process_has_inherited_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.lock");
        let file = open(&path).unwrap();
        file.try_lock().unwrap();
        let inherited = file.try_clone().unwrap();
        drop(file);
        assert!(Lock::is_held(&path), "the control: closing is not enough");
        drop(inherited);
        let held = Lock::try_take(&path).unwrap().unwrap();
        let inherited = held.file.try_clone().unwrap();
        drop(held);
        assert!(!Lock::is_held(&path) && Lock::try_take(&path).unwrap().is_some());
        drop(inherited);
    }

    #[test]
    fn only_one_caller_gets_the_lock_and_the_next_one_after_it_is_released() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("leases/x.lock");
        let held = Lock::try_take(&path).unwrap().unwrap();
        assert!(Lock::try_take(&path).unwrap().is_none() && Lock::is_held(&path));
        let waited = Lock::wait(&path, Duration::from_millis(20));
        assert_eq!(waited.unwrap_err().code, Code::StateLocked);
        drop(held);
        assert!(!Lock::is_held(&path) && !Lock::is_held(&dir.path().join("nothing")));
        let checked = File::open(&path).unwrap();
        checked.try_lock_shared().unwrap();
        assert!(!Lock::is_held(&path), "another process only checks it");
        checked.unlock().unwrap();
        assert!(Lock::try_take(&path).unwrap().is_some());
        let shared = [Lock::try_share(&path).unwrap().unwrap(), Lock::try_share(&path).unwrap().unwrap()];
        assert!(Lock::try_take(&path).unwrap().is_none(), "others share it");
        drop(shared);
        let alone = Lock::try_take(&path).unwrap();
        assert!(alone.is_some() && Lock::try_share(&path).unwrap().is_none());
    }
}
