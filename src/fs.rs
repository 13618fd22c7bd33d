//! File primitives: the layer through which all other modules read files.

use crate::error::{Code, Error, IoContext, Result};
use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Permissions of every private file.
pub const PRIVATE: u32 = 0o600;

/// Size of a cache line, in bytes. The kernel copies a file up to 1.4 times as fast
/// to a cache-line-aligned address.
pub const CACHE_LINE: usize = 64;

/// Returns the number of bytes before the first cache-line boundary in the slice.
#[must_use]
pub fn before_cache_line(bytes: &[u8]) -> usize {
    bytes.as_ptr().align_offset(CACHE_LINE).min(CACHE_LINE)
}

/// Returns the error for a path that should be a directory.
#[must_use]
pub fn not_a_directory(path: &Path) -> Error {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    let is_missing =
        std::fs::metadata(path).is_err_and(|error| matches!(error.kind(), NotFound | NotADirectory));
    let what = if is_missing { "does not exist" } else { "is not a directory" };
    Error::new(Code::ProjectNotFound, what).at(path)
}

/// Opens a regular file for reading. Does not block on a pipe and does not follow a symbolic link
/// in the last component.
///
/// # Errors
///
/// Returns [`Code::PathRefused`] if the path is not a regular file, [`Code::Io`] otherwise.
pub fn open_regular(path: &Path) -> Result<File> {
    open_regular_with_metadata(path).map(|(file, _)| file)
}

/// Opens a regular file as [`open_regular`] does, and returns its metadata.
///
/// # Errors
///
/// Returns the errors of [`open_regular`].
pub fn open_regular_with_metadata(path: &Path) -> Result<(File, Metadata)> {
    let file = open_without_blocking(path)?;
    let meta = file.metadata().doing("read", path)?;
    if meta.is_file() {
        Ok((file, meta))
    } else {
        Err(Error::new(Code::PathRefused, "not a regular file").at(path))
    }
}

/// Open directory, relative to which files are opened by name.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    #[cfg(unix)]
    handle: Option<std::os::fd::OwnedFd>,
}

impl Directory {
    /// Opens the directory. If that fails, files are opened by their full path, and that
    /// call reports the reason.
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

    /// Returns whether the path is a direct child of this directory.
    #[must_use]
    pub fn holds(&self, path: &Path) -> bool {
        self.name_of(path).is_some()
    }

    /// Returns the file name if the path is a direct child of this directory. A scan calls this for every
    /// session, so it compares bytes instead of parsing paths.
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

    /// Opens a file that the directory listing reported as regular, and returns its length at half the
    /// cost of reading the metadata. `None` if it is not a regular file after all; [`Self::open_regular`]
    /// then reports the reason.
    #[must_use]
    pub fn open_listed(&self, path: &Path) -> Option<(File, u64)> {
        #[cfg(unix)]
        {
            let file = self.open_untouched(path)?;
            let length = rustix::fs::seek(&file, rustix::fs::SeekFrom::End(0)).ok()?;
            Some((file, length))
        }
        #[cfg(not(unix))]
        {
            let _ = path;
            None
        }
    }

    /// Opens a regular file of this directory, as [`open_regular`] does.
    ///
    /// # Errors
    /// As [`open_regular`].
    pub fn open_regular(&self, path: &Path) -> Result<(File, Metadata)> {
        #[cfg(unix)]
        if let Some(file) = self.open_untouched(path)
            && let Ok(meta) = file.metadata()
            && meta.is_file()
        {
            return Ok((file, meta));
        }
        open_regular_with_metadata(path)
    }

    #[cfg(unix)]
    fn open_untouched(&self, path: &Path) -> Option<File> {
        let (handle, name) = (self.handle.as_ref()?, self.name_of(path)?);
        rustix::fs::openat(handle, name, UNTOUCHED, rustix::fs::Mode::empty()).ok().map(File::from)
    }
}

/// Calls `each` for every entry of a directory, in no particular order, with its name and whether the listing
/// reports it as a regular file.
///
/// # Errors
///
/// Returns the I/O error of opening or reading the directory; `each` has already received the names before
/// it.
pub fn names_in(dir: &Path, mut each: impl FnMut(&std::ffi::OsStr, bool)) -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::ffi::OsStrExt;
        let flags = rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC;
        let dir = rustix::fs::open(dir, flags, rustix::fs::Mode::empty())?;
        // Avoids an allocation per name; there may be thousands.
        let mut buffer = Vec::with_capacity(NAMES);
        let mut entries = rustix::fs::RawDir::new(dir, buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if !matches!(name, b"." | b"..") {
                let regular = entry.file_type() == rustix::fs::FileType::RegularFile;
                each(std::ffi::OsStr::from_bytes(name), regular);
            }
        }
    }
    #[cfg(not(target_os = "linux"))]
    for entry in std::fs::read_dir(dir)? {
        each(&entry?.file_name(), false);
    }
    Ok(())
}

/// Size of the buffer for directory entries, in bytes.
#[cfg(target_os = "linux")]
const NAMES: usize = 32 * 1024;

/// Open flags for reading: do not wait for the other end of a pipe, do not follow a symbolic link.
#[cfg(unix)]
const UNBLOCKED: rustix::fs::OFlags =
    rustix::fs::OFlags::NONBLOCK.union(rustix::fs::OFlags::NOFOLLOW).union(rustix::fs::OFlags::CLOEXEC);

/// Open flags for reading without updating the access time, which the system grants only for the user's own
/// files.
#[cfg(target_os = "linux")]
const UNTOUCHED: rustix::fs::OFlags = UNBLOCKED.union(rustix::fs::OFlags::NOATIME);
#[cfg(all(unix, not(target_os = "linux")))]
const UNTOUCHED: rustix::fs::OFlags = UNBLOCKED;

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

/// Options that create a file readable and writable by its owner only.
#[must_use]
pub fn private_file() -> OpenOptions {
    file_of_mode(PRIVATE)
}

/// Builder for a directory accessible to its owner only.
#[must_use]
pub fn private_directory() -> DirBuilder {
    directory_of_mode(0o700)
}

/// Returns options that create a file with this mode, less the umask.
#[cfg(unix)]
#[must_use]
pub fn file_of_mode(mode: u32) -> OpenOptions {
    let mut options = OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    options
}

/// Returns options that create a file. This system ignores the mode.
#[cfg(not(unix))]
#[must_use]
pub fn file_of_mode(_mode: u32) -> OpenOptions {
    OpenOptions::new()
}

/// Builder for a directory with this mode, less the umask.
#[cfg(unix)]
#[must_use]
pub fn directory_of_mode(mode: u32) -> DirBuilder {
    let mut builder = DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, mode);
    builder
}

/// Returns options that create a file. This system ignores the mode.
#[cfg(not(unix))]
#[must_use]
pub fn directory_of_mode(_mode: u32) -> DirBuilder {
    DirBuilder::new()
}

/// Reads a small regular file completely, or returns `None` if it does not exist.
///
/// # Errors
///
/// Returns [`Code::PathRefused`] if it is larger than `limit` bytes or not a regular file, [`Code::Io`]
/// otherwise.
pub fn read_small(path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
    let (file, meta) = match open_regular_with_metadata(path) {
        Ok(found) => found,
        Err(_) if is_missing(path) => return Ok(None),
        Err(error) => return Err(error),
    };
    // With capacity for the whole file plus one byte, two reads suffice; growing from empty takes many.
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

/// Reads once and retries when a signal interrupts the call.
///
/// # Errors
///
/// Returns the I/O error of the read.
pub fn read_once(source: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    loop {
        match source.read(buffer) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Serializes a path as text; bytes that are not valid Unicode become replacement characters.
///
/// # Errors
///
/// Returns the errors of the serializer.
pub fn lossy<S: serde::Serializer>(path: &Path, to: S) -> std::result::Result<S::Ok, S::Error> {
    to.serialize_str(&path.to_string_lossy())
}

/// Serializes as [`lossy`] does, or `null` for `None`.
///
/// # Errors
///
/// Returns the errors of the serializer.
pub fn lossy_or_null<S: serde::Serializer>(
    path: &Option<PathBuf>,
    to: S,
) -> std::result::Result<S::Ok, S::Error> {
    match path {
        Some(path) => lossy(path, to),
        None => to.serialize_none(),
    }
}

/// Resolves all symbolic links in a path.
///
/// # Errors
///
/// Returns an I/O error if a component does not exist.
pub fn canonical(path: &Path) -> std::io::Result<PathBuf> {
    let real = path.canonicalize()?;
    // Windows returns `\\?\C:\...`, a form that other programs do not use for the same directory.
    let plain =
        real.to_str().and_then(|text| text.strip_prefix(r"\\?\")).filter(|text| !text.starts_with("UNC"));
    Ok(plain.map_or_else(|| real.clone(), PathBuf::from))
}

/// Returns the effective user id of this process; `None` on systems without user ids.
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

/// Returns the user id of a file's owner; `None` on systems without user ids.
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

/// Returns device and inode of a file or directory, which identify it across renames.
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

/// Reads standard input. Returns the bytes and whether the end was reached within `wait`. If nothing has
/// arrived by then, `longer` returns the extra time to wait for the first bytes.
#[cfg(unix)]
#[must_use]
pub fn read_standard_input(
    limit: usize,
    wait: std::time::Duration,
    longer: impl Fn() -> std::time::Duration,
) -> (Vec<u8>, bool) {
    use rustix::event::{PollFd, PollFlags, poll};
    let mut until = std::time::Instant::now() + wait;
    let mut asked = false;
    let stdin = std::io::stdin();
    let mut bytes = Vec::new();
    let mut block = [0_u8; 16 * 1024];
    while bytes.len() < limit {
        let left = until.saturating_duration_since(std::time::Instant::now());
        let Ok(timeout) = rustix::event::Timespec::try_from(left) else { return (bytes, false) };
        let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
        match poll(&mut fds, Some(&timeout)) {
            Ok(0) if bytes.is_empty() && !asked => {
                asked = true;
                until = std::time::Instant::now() + longer();
                continue;
            }
            Ok(0) => return (bytes, false),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return (bytes, false),
        }
        match rustix::io::read(&stdin, &mut block) {
            Ok(0) => return (bytes, true),
            Ok(count) => {
                if bytes.is_empty() {
                    until = std::time::Instant::now() + wait;
                }
                bytes.extend_from_slice(&block[..count]);
            }
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
            Err(_) => return (bytes, false),
        }
    }
    (bytes, false)
}

/// Does the same as on Unix, but leaves the reading thread running when the time has passed.
#[cfg(not(unix))]
#[must_use]
pub fn read_standard_input(
    limit: usize,
    wait: std::time::Duration,
    longer: impl Fn() -> std::time::Duration,
) -> (Vec<u8>, bool) {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut block = [0_u8; 16 * 1024];
        loop {
            let count = std::io::stdin().read(&mut block).unwrap_or(0);
            if sender.send(block[..count].to_vec()).is_err() || count == 0 {
                return;
            }
        }
    });
    let mut bytes: Vec<u8> = Vec::new();
    let mut until = std::time::Instant::now() + wait;
    let mut asked = false;
    while bytes.len() < limit {
        let left = until.saturating_duration_since(std::time::Instant::now());
        match receiver.recv_timeout(left) {
            Ok(part) if part.is_empty() => return (bytes, true),
            Ok(part) => {
                if bytes.is_empty() {
                    until = std::time::Instant::now() + wait;
                }
                bytes.extend_from_slice(&part);
            }
            Err(_) if bytes.is_empty() && !asked => {
                asked = true;
                until = std::time::Instant::now() + longer();
            }
            Err(_) => return (bytes, false),
        }
    }
    (bytes, false)
}

/// Keeps the `most` most recently written files if there are more, sorted newest first. Leaves
/// a shorter list unchanged.
pub fn keep_newest(paths: &mut Vec<PathBuf>, most: usize) {
    if paths.len() > most {
        let written = |path: &PathBuf| std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
        paths.sort_by_cached_key(|path| std::cmp::Reverse(written(path)));
        paths.truncate(most);
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_missing_directory_is_reported_as_missing() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        File::create(&file).unwrap();
        for (path, what) in [
            (dir.path().join("none"), "does not exist"),
            (file.join("below"), "does not exist"),
            (file.clone(), "is not a directory"),
        ] {
            let error = not_a_directory(&path);
            assert_eq!(
                (error.code, error.message.as_str()),
                (Code::ProjectNotFound, what),
                "{}",
                path.display()
            );
        }
    }

    #[test]
    fn only_the_newest_of_too_many_files_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let mut paths = Vec::new();
        for (index, name) in ["a", "b", "c"].iter().enumerate() {
            let path = dir.path().join(name);
            let file = File::create(&path).unwrap();
            file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(index as u64)).unwrap();
            paths.push(path);
        }
        let mut two = paths.clone();
        keep_newest(&mut two, 2);
        assert_eq!(two, [paths[2].clone(), paths[1].clone()]);
        let mut three = paths.clone();
        keep_newest(&mut three, 3);
        assert_eq!(three, paths, "nothing is reordered when all fit");
    }

    #[test]
    fn open_listed_refuses_anything_that_is_not_a_regular_file() {
        let dir = tempfile::tempdir().unwrap();
        let [file, link, pipe, none] = ["file", "link", "pipe", "none"].map(|name| dir.path().join(name));
        std::fs::write(&file, "seven b").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let opened = Directory::open(dir.path());
        let length = |path| opened.open_listed(path).map(|(_, length)| length);
        assert_eq!(length(&file), Some(7));
        for other in [&link, &pipe, &none] {
            assert_eq!(length(other), None, "{}", other.display());
            assert!(opened.open_regular(other).is_err(), "{}", other.display());
        }
    }

    #[test]
    fn names_in_lists_every_entry_and_marks_only_regular_files() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), "").unwrap();
        std::fs::create_dir(dir.path().join("dir")).unwrap();
        std::os::unix::fs::symlink("file", dir.path().join("link")).unwrap();
        let mut names = Vec::new();
        names_in(dir.path(), |name, regular| names.push((name.to_owned(), regular))).unwrap();
        names.sort();
        let linux = cfg!(target_os = "linux");
        assert_eq!(names, [("dir".into(), false), ("file".into(), linux), ("link".into(), false)]);
        assert!(names_in(&dir.path().join("none"), |_, _| {}).is_err());
    }
}

#[cfg(test)]
#[cfg(unix)]
pub mod scripts {
    use std::io::Write as _;
    use std::path::Path;

    /// Writes an executable script. Another process writes it: a descriptor that is open for writing would be
    /// inherited by a child that another test starts, and then the script could not be executed.
    ///
    /// # Panics
    ///
    /// Panics if the script cannot be written.
    pub fn write_script(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut shell = std::process::Command::new("/bin/sh")
            .args(["-c", r#"cat > "$1" && chmod 755 "$1""#, "sh"])
            .arg(path)
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        shell.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        assert!(shell.wait().unwrap().success());
    }
}
