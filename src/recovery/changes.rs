//! Notifies a supervisor between two passes that a file that it must check at once has changed: a hook
//! recorded a stop, or the user paused or cancelled. On systems without notifications, only the regular
//! passes find the change.

use std::time::Duration;
pub use told::{Changes, Wake};

/// Files written within this time are handled together.
const SETTLE: Duration = Duration::from_millis(100);

/// Uses inotify in the waiting thread, because every file that we read ourselves would wake a separate
/// watching thread.
#[cfg(target_os = "linux")]
mod told {
    use super::SETTLE;
    use crate::store::StateDir;
    use crate::store::layout::ensure_dir;
    use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
    use rustix::fs::inotify::{CreateFlags, Reader, WatchFlags, add_watch, init};
    use rustix::io::Errno;
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    /// Source of change notifications to wait on.
    pub struct Changes {
        watch: Option<Watch>,
        wake: Option<Wake>,
    }

    struct Watch {
        file: OwnedFd,
        /// Watch of the state directory itself, in which only two files matter.
        root: i32,
    }

    /// Ends a wait from another thread.
    #[derive(Debug, Clone)]
    pub struct Wake(Arc<OwnedFd>);

    impl Wake {
        /// Ends the current wait, or the next one.
        pub fn wake(&self) {
            // A wake that is already pending is enough.
            let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
        }
    }

    impl Changes {
        /// Watches the state directory. A system without notifications is not an error.
        #[must_use]
        pub fn of(state: &StateDir) -> Self {
            let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).ok();
            Self { watch: watch(state), wake: wake.map(|file| Wake(Arc::new(file))) }
        }

        /// Returns whether the system delivers notifications.
        #[must_use]
        pub const fn are_told(&self) -> bool {
            self.watch.is_some()
        }

        /// Returns a handle that ends a wait from another thread; `None` if the system does not support this.
        #[must_use]
        pub fn waker(&self) -> Option<Wake> {
            self.wake.clone()
        }

        /// Waits for a change until the time limit. Returns whether there was one.
        #[must_use]
        pub fn wait(&self, longest: Duration) -> bool {
            let end = Instant::now() + longest;
            loop {
                let left = end.saturating_duration_since(Instant::now());
                let Ok(left) = Timespec::try_from(left) else { return false };
                let watched = self.watch.as_ref().map(|watch| &watch.file);
                let woken = self.wake.as_ref().map(|wake| wake.0.as_ref());
                let mut files: Vec<PollFd<'_>> =
                    watched.into_iter().chain(woken).map(|file| PollFd::new(file, PollFlags::IN)).collect();
                match poll(&mut files, Some(&left)) {
                    Ok(0) => return false,
                    Ok(_) if self.take() => {
                        std::thread::sleep(SETTLE.min(longest));
                        let _ = self.take();
                        return true;
                    }
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(_) => {
                        std::thread::sleep(end.saturating_duration_since(Instant::now()));
                        return false;
                    }
                }
            }
        }

        /// Reads the pending events, and returns whether any of them requires a pass.
        fn take(&self) -> bool {
            let mut counted = [0_u8; 8];
            let woken =
                self.wake.as_ref().is_some_and(|wake| rustix::io::read(&wake.0, &mut counted).is_ok());
            let Some(Watch { file, root }) = &self.watch else { return woken };
            let mut buffer = [const { MaybeUninit::uninit() }; 4096];
            let mut events = Reader::new(file, &mut buffer);
            let mut matters = woken;
            while let Ok(event) = events.next() {
                let name = event.file_name().map(std::ffi::CStr::to_bytes);
                // Names that begin with a dot are files still being written.
                matters |= match name {
                    Some(name) if event.wd() == *root => {
                        [&b"paused.json"[..], b"supervisor-wanted.json"].contains(&name)
                    }
                    Some(name) => !name.starts_with(b"."),
                    // An event of the directory itself, or a queue overflow.
                    None => true,
                };
            }
            matters
        }
    }

    fn watch(state: &StateDir) -> Option<Watch> {
        let file = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok()?;
        let of = WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::MOVED_FROM | WatchFlags::MOVED_TO;
        for dir in [state.incidents(), state.spool()] {
            ensure_dir(&dir).ok()?;
            add_watch(&file, &dir, of).ok()?;
        }
        let root = add_watch(&file, state.root(), of).ok()?;
        Some(Watch { file, root })
    }
}

#[cfg(not(target_os = "linux"))]
mod told {
    use super::SETTLE;
    use crate::store::StateDir;
    use crate::store::layout::ensure_dir;
    use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
    use std::path::{Path, PathBuf};
    use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
    use std::time::Duration;

    /// Source of change notifications to wait on.
    pub struct Changes {
        told: Receiver<()>,
        tell: SyncSender<()>,
        /// Sends notifications until it is dropped. Without it, only [`Wake`] ends a wait.
        watcher: Option<RecommendedWatcher>,
    }

    /// Ends a wait from another thread.
    #[derive(Debug, Clone)]
    pub struct Wake(SyncSender<()>);

    impl Wake {
        /// Ends the current wait, or the next one.
        pub fn wake(&self) {
            // A wake that is already pending is enough.
            let _ = self.0.try_send(());
        }
    }

    impl Changes {
        /// Watches the state directory. A system without notifications is not an error.
        #[must_use]
        pub fn of(state: &StateDir) -> Self {
            let (tell, told) = sync_channel(1);
            let watcher = watcher(state, tell.clone()).ok();
            Self { told, tell, watcher }
        }

        /// Returns whether the system delivers notifications.
        #[must_use]
        pub const fn are_told(&self) -> bool {
            self.watcher.is_some()
        }

        /// Returns a handle that ends a wait from another thread; `None` if the system does not support this.
        #[must_use]
        pub fn waker(&self) -> Option<Wake> {
            Some(Wake(self.tell.clone()))
        }

        /// Waits for a change until the time limit. Returns whether there was one.
        #[must_use]
        pub fn wait(&self, longest: Duration) -> bool {
            match self.told.recv_timeout(longest) {
                Ok(()) => {
                    std::thread::sleep(SETTLE.min(longest));
                    while self.told.try_recv().is_ok() {}
                    true
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => false,
            }
        }
    }

    fn watcher(state: &StateDir, tell: SyncSender<()>) -> notify::Result<RecommendedWatcher> {
        let dirs = [state.incidents(), state.spool()];
        let paused = state.paused();
        let own = [dirs.to_vec(), vec![paused.clone(), state.supervisor_wanted()]].concat();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // A watcher error may hide a change, so it counts as one.
            if event.map_or(true, |event| matters(&event, &own)) {
                let _ = tell.try_send(());
            }
        })?;
        for dir in dirs.iter().map(PathBuf::as_path).chain(paused.parent()) {
            ensure_dir(dir).map_err(|error| notify::Error::generic(&error.to_string()))?;
            watcher.watch(dir, RecursiveMode::NonRecursive)?;
        }
        Ok(watcher)
    }

    /// Returns whether a file was created, replaced or removed. Names that begin with a dot belong to files
    /// that are still being written.
    fn matters(event: &Event, own: &[PathBuf]) -> bool {
        let changes = matches!(
            event.kind,
            EventKind::Any | EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_)
        );
        let of_ours = |path: &Path| {
            let finished = path.file_name().is_some_and(|name| !name.as_encoded_bytes().starts_with(b"."));
            finished && own.iter().any(|own| path == own || path.parent() == Some(own))
        };
        changes && event.paths.iter().any(|path| of_ours(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::PRIVATE;
    use crate::store::StateDir;
    use crate::store::replace::replace;
    use std::time::Instant;

    #[test]
    fn files_written_by_hooks_end_a_wait_and_the_journal_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::new(dir.path());
        let changes = Changes::of(&state);
        if !changes.are_told() {
            return;
        }
        while changes.wait(Duration::from_millis(200)) {}
        std::fs::write(state.journal(), "a line\n").unwrap();
        assert!(!changes.wait(Duration::from_millis(200)), "a change of the journal wakes nothing");
        for path in [
            state.incident("00000001-0000-4000-8000-000000000001"),
            state.paused(),
            state.spool().join("1.json"),
        ] {
            replace(&path, b"{}", PRIVATE).unwrap();
            let began = Instant::now();
            assert!(changes.wait(Duration::from_secs(20)), "{}", path.display());
            assert!(began.elapsed() < Duration::from_secs(20));
            while changes.wait(Duration::from_millis(200)) {}
        }
    }

    #[test]
    fn a_waker_ends_a_wait_even_before_it_begins() {
        let dir = tempfile::tempdir().unwrap();
        let changes = Changes::of(&StateDir::new(dir.path()));
        while changes.wait(Duration::from_millis(200)) {}
        changes.waker().unwrap().wake();
        assert!(changes.wait(Duration::from_secs(20)));
    }
}
