//! File primitives: the small layer through which everything else reads files.

use crate::error::{Code, Error, IoContext, Result};
use std::fs::{File, Metadata, OpenOptions};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Opens a regular file for reading. Never blocks on a pipe, never follows a symbolic link in the last component.
///
/// # Errors
/// [`Code::PathRefused`] when it is anything but a regular file, [`Code::Io`] otherwise.
pub fn open_regular(path: &Path) -> Result<File> {
    open_regular_with_metadata(path).map(|(file, _)| file)
}

/// Opens a regular file as [`open_regular`] does, and tells what is known about it.
///
/// # Errors
/// As [`open_regular`].
pub fn open_regular_with_metadata(path: &Path) -> Result<(File, Metadata)> {
    let file = open_without_blocking(path)?;
    let meta = file.metadata().doing("read", path)?;
    if meta.is_file() {
        Ok((file, meta))
    } else {
        Err(Error::new(Code::PathRefused, "not a regular file").at(path))
    }
}

/// An open directory, from which files are opened by name.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    #[cfg(unix)]
    handle: Option<std::os::fd::OwnedFd>,
}

impl Directory {
    /// Opens it; where that fails, files are opened by their whole path, which then tells why.
    #[must_use]
    pub fn open(path: &Path) -> Self {
        Self {
            path: path.to_path_buf(),
            #[cfg(unix)]
            handle: rustix::fs::open(
                path,
                rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC,
                rustix::fs::Mode::empty(),
            )
            .ok(),
        }
    }

    /// Whether a path is that of a file in it.
    #[must_use]
    pub fn holds(&self, path: &Path) -> bool {
        self.name_of(path).is_some()
    }

    /// The name in it that a path ends in. A scan asks this of every session, so the bytes are compared.
    #[cfg(unix)]
    fn name_of<'p>(&self, path: &'p Path) -> Option<&'p std::ffi::OsStr> {
        use std::os::unix::ffi::OsStrExt;
        let rest = path.as_os_str().as_bytes().strip_prefix(self.path.as_os_str().as_bytes())?;
        let name = rest.strip_prefix(b"/")?;
        let plain = !matches!(name, b"" | b"." | b"..") && !name.contains(&b'/');
        plain.then(|| std::ffi::OsStr::from_bytes(name))
    }

    #[cfg(not(unix))]
    fn name_of<'p>(&self, path: &'p Path) -> Option<&'p std::ffi::OsStr> {
        path.file_name().filter(|_| path.parent() == Some(&self.path))
    }

    /// Opens a regular file of this directory, as [`open_regular`] does.
    ///
    /// # Errors
    /// As [`open_regular`].
    pub fn open_regular(&self, path: &Path) -> Result<(File, Metadata)> {
        #[cfg(unix)]
        if let (Some(handle), Some(name)) = (&self.handle, self.name_of(path)) {
            let opened = rustix::fs::openat(handle, name, UNBLOCKED, rustix::fs::Mode::empty());
            if let Ok(file) = opened.map(File::from)
                && let Ok(meta) = file.metadata()
                && meta.is_file()
            {
                return Ok((file, meta));
            }
        }
        open_regular_with_metadata(path)
    }
}

/// For reading, without waiting for a pipe's other end, and without following a symbolic link.
#[cfg(unix)]
const UNBLOCKED: rustix::fs::OFlags =
    rustix::fs::OFlags::NONBLOCK.union(rustix::fs::OFlags::NOFOLLOW).union(rustix::fs::OFlags::CLOEXEC);

#[cfg(unix)]
fn open_without_blocking(path: &Path) -> Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let opened = OpenOptions::new().read(true).custom_flags(UNBLOCKED.bits().cast_signed()).open(path);
    match opened {
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            Err(Error::new(Code::PathRefused, "is a symbolic link").at(path))
        }
        other => other.doing("open", path),
    }
}

#[cfg(not(unix))]
fn open_without_blocking(path: &Path) -> Result<File> {
    OpenOptions::new().read(true).open(path).doing("open", path)
}

/// Reads a small regular file whole, or `None` when it is not there.
///
/// # Errors
/// [`Code::PathRefused`] when it is larger than `limit` bytes or no regular file, [`Code::Io`] otherwise.
pub fn read_small(path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
    let (file, meta) = match open_regular_with_metadata(path) {
        Ok(found) => found,
        Err(_) if is_missing(path) => return Ok(None),
        Err(error) => return Err(error),
    };
    // Room for all of it and one byte: then two reads are enough, where growing from nothing takes many.
    let expected = usize::try_from(meta.len().min(limit)).unwrap_or(0);
    let mut bytes = Vec::with_capacity(expected + 1);
    file.take(limit + 1).read_to_end(&mut bytes).doing("read", path)?;
    if bytes.len() as u64 > limit {
        return Err(Error::new(Code::PathRefused, format!("larger than {limit} bytes")).at(path));
    }
    Ok(Some(bytes))
}

fn is_missing(path: &Path) -> bool {
    matches!(std::fs::symlink_metadata(path), Err(error) if error.kind() == std::io::ErrorKind::NotFound
        || error.kind() == std::io::ErrorKind::NotADirectory)
}

/// One read that is not interrupted.
///
/// # Errors
/// What reading fails with.
pub fn read_once(source: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    loop {
        match source.read(buffer) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// A path as text for programs; bytes that are no text become replacement characters.
///
/// # Errors
/// Those of the serialiser.
pub fn lossy<S: serde::Serializer>(path: &Path, to: S) -> std::result::Result<S::Ok, S::Error> {
    to.serialize_str(&path.to_string_lossy())
}

/// As [`lossy`], `null` for none.
///
/// # Errors
/// Those of the serialiser.
pub fn lossy_or_null<S: serde::Serializer>(
    path: &Option<PathBuf>,
    to: S,
) -> std::result::Result<S::Ok, S::Error> {
    match path {
        Some(path) => lossy(path, to),
        None => to.serialize_none(),
    }
}

/// The real path, without symbolic links.
///
/// # Errors
/// The I/O error, when a part of it does not exist.
pub fn canonical(path: &Path) -> std::io::Result<PathBuf> {
    let real = path.canonicalize()?;
    // Windows gives `\\?\C:\...`, which no other program calls the same directory.
    let plain =
        real.to_str().and_then(|text| text.strip_prefix(r"\\?\")).filter(|text| !text.starts_with("UNC"));
    Ok(plain.map_or_else(|| real.clone(), PathBuf::from))
}

/// Numeric id of the user this process acts for; `None` where there is no such thing.
#[must_use]
pub fn own_uid() -> Option<u32> {
    #[cfg(unix)]
    {
        Some(rustix::process::geteuid().as_raw())
    }
    #[cfg(not(unix))]
    {
        None
    }
}

/// Owner of a file, where there is such a thing.
#[must_use]
pub fn owner(meta: &std::fs::Metadata) -> Option<u32> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        Some(meta.uid())
    }
    #[cfg(not(unix))]
    {
        let _ = meta;
        None
    }
}

/// Device and inode of a file or directory: tells whether a path still names the same thing.
#[must_use]
pub fn identity(meta: &std::fs::Metadata) -> Option<(u64, u64)> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        Some((meta.dev(), meta.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = meta;
        None
    }
}

/// Reads what a pipe or file offers until its end, `limit` bytes, or `wait` is over.
///
/// Used for the payload on standard input, which a broken caller may never close.
/// Returns the bytes and whether the end was seen.
#[cfg(unix)]
#[must_use]
pub fn read_standard_input(limit: usize, wait: std::time::Duration) -> (Vec<u8>, bool) {
    use rustix::event::{PollFd, PollFlags, poll};
    let started = std::time::Instant::now();
    let stdin = std::io::stdin();
    let mut bytes = Vec::new();
    let mut block = [0_u8; 16 * 1024];
    while bytes.len() < limit {
        let left = wait.saturating_sub(started.elapsed());
        let Ok(timeout) = rustix::event::Timespec::try_from(left) else { return (bytes, false) };
        let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
        match poll(&mut fds, Some(&timeout)) {
            Ok(0) => return (bytes, false),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return (bytes, false),
        }
        match rustix::io::read(&stdin, &mut block) {
            Ok(0) => return (bytes, true),
            Ok(count) => bytes.extend_from_slice(&block[..count]),
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
            Err(_) => return (bytes, false),
        }
    }
    (bytes, false)
}

/// As on Unix; the reading thread is left behind when the time is over.
#[cfg(not(unix))]
#[must_use]
pub fn read_standard_input(limit: usize, wait: std::time::Duration) -> (Vec<u8>, bool) {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let ended = std::io::stdin().take(limit as u64).read_to_end(&mut bytes).is_ok();
        let full = bytes.len() >= limit;
        let _ = sender.send((bytes, ended && !full));
    });
    receiver.recv_timeout(wait).unwrap_or_default()
}
