//! Provides kernel locks on dedicated files. The kernel releases a lock as soon as its owner process ends,
//! for whatever reason.

use super::layout::ensure_dir;
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::private_file;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

/// Interval between attempts while waiting.
const BETWEEN_TRIES: Duration = Duration::from_millis(4);

/// A lock that is released when the value is dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
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
        lock: impl FnOnce(&File) -> std::result::Result<(), TryLockError>,
    ) -> Result<Option<Self>> {
        let file = open(path)?;
        match lock(&file) {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(Error::io("lock", path, &error)),
        }
    }

    /// Returns whether another process owns the lock. Creates nothing. The check shares the lock for an instant,
    /// so that two checks at the same time do not report each other.
    #[must_use]
    pub fn is_held(path: &Path) -> bool {
        File::open(path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
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
                return Err(Error::new(Code::StateLocked, "is locked by another process")
                    .at(path)
                    .hint("try again in a moment"));
            }
            std::thread::sleep(BETWEEN_TRIES);
        }
    }
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
        drop(checked);
        assert!(Lock::try_take(&path).unwrap().is_some());
        let shared = [Lock::try_share(&path).unwrap().unwrap(), Lock::try_share(&path).unwrap().unwrap()];
        assert!(Lock::try_take(&path).unwrap().is_none(), "others share it");
        drop(shared);
        let alone = Lock::try_take(&path).unwrap();
        assert!(alone.is_some() && Lock::try_share(&path).unwrap().is_none());
    }
}
