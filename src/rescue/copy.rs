//! Copies a file as it is at one length: writes the bytes, reads them back, compares them and syncs them to
//! disk.
//!
//! A client may write to the file during the whole copy. The file is copied up to the length it has when it
//! is opened. If the file was written to since then, or just before, it is compared with its copy byte for
//! byte afterwards. A file that only grew passes. A file that was truncated, rewritten or replaced is copied
//! again, and after the last attempt the copy fails. Every byte was the same in both passes, so the copy
//! equals the beginning of the file at some moment in between.
//!
//! Three threads share the work: the first reads and writes, the second reads the copy back and compares it,
//! and the third hashes what was read back.

use crate::abort::AbortFlag;
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::{identity, open_regular_with_metadata, private_file};
use crate::store::stored::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{File, Metadata};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;
use xxhash_rust::xxh3::Xxh3;

/// Number of attempts while the file changes during the copy.
const TRIES: usize = 5;
/// Delay before the second attempt; it doubles each time.
const PAUSE: Duration = Duration::from_millis(20);
/// Number of bytes per read. The value is small in tests, so that a concurrent write occurs between two
/// blocks.
const BLOCK: usize = if cfg!(test) { 4 * 1024 } else { 512 * 1024 };
/// Number of blocks in flight between two threads.
const BLOCKS: usize = 4;
/// Files up to this size, in bytes, are copied in a single thread.
const SMALL: u64 = 2 * BLOCK as u64;
/// Wait before checking again whether a client has finished its current line.
const SETTLE: Duration = Duration::from_millis(10);
/// Maximum number of checks for an unfinished line.
const LOOKS: usize = 10;
/// Idle time after which the timestamps of a file reliably show the next write.
const RACY: Duration = Duration::from_secs(3);
/// Number of bytes written before a background sync starts.
const FLUSH: u64 = 32 * 1024 * 1024;

/// Algorithm that identifies the files of an export: SHA-256, or 128-bit XXH3, which is faster but
/// detects only accidental changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "ExportHash"))]
pub enum Hash {
    /// SHA-256: can be checked with `sha256sum`, and collisions cannot be forged.
    #[default]
    Sha256,
    /// 128-bit XXH3: several times faster, but detects only accidental changes.
    Xxh3,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    pub bytes: u64,
    pub lines: u64,
    /// Hash of the bytes read back from the copy, in hex.
    pub digest: String,
    /// Whether the copy is not empty and does not end with a line break.
    pub torn: bool,
    /// Whether the file had grown by the time it was compared with the copy.
    pub grew: bool,
    /// Modification time of the original when the copy started.
    pub modified: Option<std::time::SystemTime>,
}

/// Progress of an export or import, in bytes.
#[derive(Debug, Default)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "RescueProgress"))]
pub struct Progress {
    /// Set when the caller no longer wants the result.
    #[cfg_attr(test, ts(skip))]
    pub abort: AbortFlag,
    #[cfg_attr(test, ts(type = "number"))]
    pub done: AtomicU64,
    /// Total number of bytes known so far.
    #[cfg_attr(test, ts(type = "number"))]
    pub total: AtomicU64,
}

impl Progress {
    /// Starts an operation of `total` bytes.
    pub fn begin(&self, total: u64) {
        self.done.store(0, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
    }

    pub fn add(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Copies `from` into a new file `to` of mode 0600. Removes that file on an error.
///
/// # Errors
///
/// Returns [`Code::VerificationFailed`] if the file is truncated, rewritten or replaced on every attempt, or
/// if the copy does not contain what was written; [`Code::PathRefused`] if `from` is not a regular file; or
/// [`Code::Io`] if a file cannot be read or written.
pub fn copy(from: &Path, to: &Path, hash: Hash, progress: &Progress) -> Result<Copied> {
    let mut pause = PAUSE;
    for attempt in 0..TRIES {
        if attempt > 0 {
            std::thread::sleep(pause);
            pause *= 2;
        }
        // Fails if `to` exists, so that the removal below cannot remove another program's file.
        let file = create(to)?;
        let copied = once(from, to, &file, hash, progress);
        if !matches!(copied, Ok(Some(_))) {
            // A partial or outdated copy is useless.
            let _ = std::fs::remove_file(to);
        }
        if let Some(copied) = copied? {
            return Ok(copied);
        }
    }
    Err(Error::new(
        Code::VerificationFailed,
        "was truncated, rewritten or replaced while it was being copied",
    )
    .at(from)
    .hint("another program is changing it; stop that program, or try again after it has finished"))
}

/// Returns the hash and the length of a file.
///
/// # Errors
///
/// Returns [`Code::PathRefused`] if it is not a regular file, or [`Code::Io`] if a file cannot be read or
/// written.
pub fn digest(path: &Path, hash: Hash, progress: &Progress) -> Result<(String, u64)> {
    let (file, meta) = open_regular_with_metadata(path)?;
    let mut told = CopyDigest::new(hash);
    let length = side_by_side(meta.len(), &mut told, |belt| {
        let mut at = 0;
        loop {
            let mut block = belt.block();
            progress.abort.check()?;
            let count = read_some_at(&file, &mut block, at).doing("read", path)?;
            if count == 0 {
                return Ok(at);
            }
            at += count as u64;
            progress.add(count as u64);
            belt.send(block, count);
        }
    });
    Ok((told.digest(), length?))
}

/// Attempts the copy once; `None` if the file changed other than by growing.
fn once(from: &Path, to: &Path, copy: &File, hash: Hash, progress: &Progress) -> Result<Option<Copied>> {
    let (source, before) = open_regular_with_metadata(from)?;
    // The current time according to the file system.
    let now = copy.metadata().and_then(|meta| meta.modified()).doing("create", to)?;
    let age = before.modified().ok().and_then(|at| now.duration_since(at).ok());
    let idle = age.is_some_and(|age| age > RACY);
    let bytes = settled_length(&source, before.len(), idle).doing("read", from)?;
    let (reread, _) = open_regular_with_metadata(to)?;
    let mut told = CopyDigest::new(hash);
    let (whole, held) = side_by_side(bytes, &mut told, |hashed| {
        let mut checked = ReadBackVerifier { copy: &reread, at: 0, held: Ok(true), hashed };
        let whole = write(&source, copy, from, to, bytes, &mut checked, progress);
        (whole, checked.held.map(|held| held && checked.at == bytes))
    });
    if !whole? {
        return Ok(None);
    }
    if !held.doing("read the copy", to)? {
        let message = "the copy differs from what was written to it";
        return Err(Error::new(Code::VerificationFailed, message)
            .at(to)
            .hint("check the disk; the original is unchanged"));
    }
    // If the timestamps did not change, the file was not written to. A file that was written to just before
    // it was opened may have been written to again within the same clock tick, so it is compared anyway.
    let same = |meta: &Metadata| identity(&before) == identity(meta) && meta.len() >= bytes;
    let Ok((_, after)) = open_regular_with_metadata(from) else { return Ok(None) };
    if !same(&after) {
        return Ok(None);
    }
    let mut grew = after.len() > bytes;
    if !idle || times(&before) != times(&after) || after.len() != before.len() {
        if !equal(&source, &reread, bytes).doing("read", from)? {
            return Ok(None);
        }
        // Check the file that has the name now: a replaced file remains accessible through its open handle.
        let Ok((_, after)) = open_regular_with_metadata(from) else { return Ok(None) };
        let handle = source.metadata().doing("read", from)?;
        if !same(&after) || handle.len() < bytes {
            return Ok(None);
        }
        grew = after.len() > bytes;
    }
    Ok(Some(Copied {
        bytes,
        lines: told.lines,
        torn: told.last != b'\n',
        digest: told.digest(),
        grew,
        modified: before.modified().ok(),
    }))
}

fn create(to: &Path) -> Result<File> {
    let mut options = private_file();
    options.write(true).create_new(true);
    options.open(to).doing("create", to)
}

/// Returns the timestamps that change when a file is written to.
fn times(meta: &Metadata) -> (Option<std::time::SystemTime>, i64, i64) {
    #[cfg(unix)]
    let changed = {
        use std::os::unix::fs::MetadataExt;
        (meta.ctime(), meta.ctime_nsec())
    };
    #[cfg(not(unix))]
    let changed = (0, 0);
    (meta.modified().ok(), changed.0, changed.1)
}

/// Returns the length to copy. If a client is writing a line, waits for its end.
fn settled_length(source: &File, mut length: u64, idle: bool) -> std::io::Result<u64> {
    for _ in 0..LOOKS {
        let mut last = [b'\n'];
        let ended = length == 0 || (read_some_at(source, &mut last, length - 1)? == 1 && last[0] == b'\n');
        // Without a writer, the line remains unfinished.
        if ended || idle {
            break;
        }
        std::thread::sleep(SETTLE);
        length = source.metadata()?.len();
    }
    Ok(length)
}

/// Writes the first `bytes` of the source and syncs them to disk. Returns `false` if the source is shorter.
fn write(
    source: &File,
    copy: &File,
    from: &Path,
    to: &Path,
    bytes: u64,
    checked: &mut ReadBackVerifier<'_, '_>,
    progress: &Progress,
) -> Result<bool> {
    let written = std::thread::scope(|scope| {
        // Start syncing early to shorten the final sync. The kernel reports a write error only once, so the
        // result of each early sync is kept.
        let (flush, due) = sync_channel::<()>(1);
        let flusher = (bytes > 2 * FLUSH)
            .then(|| scope.spawn(move || due.into_iter().try_for_each(|()| copy.sync_data())));
        let mut unflushed = 0;
        let whole = side_by_side(bytes, checked, |belt| {
            let mut at = 0;
            while at < bytes {
                progress.abort.check()?;
                let mut block = belt.block();
                let wanted = wanted(bytes - at);
                if !read_full_at(source, &mut block[..wanted], at).doing("read", from)? {
                    return Ok(false);
                }
                write_all_at(copy, &block[..wanted], at).doing("write the copy", to)?;
                at += wanted as u64;
                unflushed += wanted as u64;
                if unflushed >= FLUSH {
                    unflushed = 0;
                    let _ = flush.try_send(());
                }
                progress.add(wanted as u64);
                belt.send(block, wanted);
            }
            Ok(true)
        });
        drop(flush);
        if let Some(flusher) = flusher {
            let result = flusher.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            result.doing("write the copy", to)?;
        }
        whole
    });
    if written? {
        copy.sync_all().doing("write the copy", to)?;
        return Ok(true);
    }
    Ok(false)
}

/// Returns whether the first `bytes` of both files are equal.
fn equal(one: &File, other: &File, bytes: u64) -> std::io::Result<bool> {
    let size = usize::try_from(bytes).unwrap_or(BLOCK).clamp(1, BLOCK);
    let (mut left, mut right) = (vec![0; size], vec![0; size]);
    let mut at = 0;
    while at < bytes {
        let wanted = wanted(bytes - at);
        let whole =
            read_full_at(one, &mut left[..wanted], at)? && read_full_at(other, &mut right[..wanted], at)?;
        if !whole || left[..wanted] != right[..wanted] {
            return Ok(false);
        }
        at += wanted as u64;
    }
    Ok(true)
}

/// Consumer that receives every block in order.
trait BlockSink: Send {
    fn see(&mut self, block: &[u8]);
}

/// Hash, number of line breaks and last byte of all blocks.
struct CopyDigest {
    hasher: Hasher,
    lines: u64,
    last: u8,
}

enum Hasher {
    Sha256(Sha256),
    Xxh3(Box<Xxh3>),
}

impl CopyDigest {
    fn new(hash: Hash) -> Self {
        let hasher = match hash {
            Hash::Sha256 => Hasher::Sha256(Sha256::new()),
            Hash::Xxh3 => Hasher::Xxh3(Box::new(Xxh3::new())),
        };
        Self { hasher, lines: 0, last: b'\n' }
    }

    fn digest(self) -> String {
        match self.hasher {
            Hasher::Sha256(hasher) => hex(&hasher.finalize()),
            // Same format as `xxhsum -H2`.
            Hasher::Xxh3(hasher) => format!("{:032x}", hasher.digest128()),
        }
    }
}

impl BlockSink for CopyDigest {
    fn see(&mut self, block: &[u8]) {
        match &mut self.hasher {
            Hasher::Sha256(hasher) => hasher.update(block),
            Hasher::Xxh3(hasher) => hasher.update(block),
        }
        self.lines += memchr::memchr_iter(b'\n', block).count() as u64;
        self.last = block.last().copied().unwrap_or(self.last);
    }
}

/// Reads each block back from the copy through a separate handle, compares it, and passes it on to be hashed.
struct ReadBackVerifier<'b, 'e> {
    copy: &'b File,
    at: u64,
    /// Whether every block so far matches what was written.
    held: std::io::Result<bool>,
    hashed: &'b mut BlockChannel<'e, CopyDigest>,
}

impl BlockSink for ReadBackVerifier<'_, '_> {
    fn see(&mut self, block: &[u8]) {
        if !matches!(self.held, Ok(true)) {
            return;
        }
        let mut again = self.hashed.block();
        let part = &mut again[..block.len()];
        self.held = read_full_at(self.copy, part, self.at).map(|whole| whole && part == block);
        self.hashed.send(again, block.len());
        self.at += block.len() as u64;
    }
}

/// Passes blocks to a consumer: in another thread, or directly for a small file.
enum BlockChannel<'e, E> {
    Here { eater: &'e mut E, spare: Vec<u8> },
    Beyond { full: SyncSender<(Vec<u8>, usize)>, empty: Receiver<Vec<u8>> },
}

impl<E: BlockSink> BlockChannel<'_, E> {
    /// Returns a block to fill, after waiting until the consumer has returned one.
    fn block(&mut self) -> Vec<u8> {
        match self {
            Self::Here { spare, .. } => std::mem::take(spare),
            Self::Beyond { empty, .. } => empty.recv().unwrap_or_else(|_| vec![0; BLOCK]),
        }
    }

    /// Passes on the first `length` bytes of a block.
    fn send(&mut self, block: Vec<u8>, length: usize) {
        match self {
            Self::Here { eater, spare } => {
                eater.see(&block[..length]);
                *spare = block;
            }
            // Sending fails only if the consumer panicked; the scope propagates that panic.
            Self::Beyond { full, .. } => drop(full.send((block, length))),
        }
    }
}

/// Runs `produce` in this thread and the consumer in another one.
fn side_by_side<E: BlockSink, T>(
    bytes: u64,
    eater: &mut E,
    produce: impl FnOnce(&mut BlockChannel<'_, E>) -> T,
) -> T {
    if bytes <= SMALL {
        let size = usize::try_from(bytes).unwrap_or(BLOCK).clamp(1, BLOCK);
        return produce(&mut BlockChannel::Here { eater, spare: vec![0; size] });
    }
    std::thread::scope(|scope| {
        let (full, arrivals) = sync_channel::<(Vec<u8>, usize)>(BLOCKS);
        let (returns, empty) = sync_channel(BLOCKS);
        for _ in 0..BLOCKS {
            let _ = returns.send(vec![0; BLOCK]);
        }
        scope.spawn(move || {
            for (block, length) in arrivals {
                eater.see(&block[..length]);
                let _ = returns.try_send(block);
            }
        });
        produce(&mut BlockChannel::Beyond { full, empty })
    })
}

/// Returns the size of the next block when `left` bytes remain.
fn wanted(left: u64) -> usize {
    usize::try_from(left).unwrap_or(BLOCK).min(BLOCK)
}

/// Fills the buffer. Returns `false` if the file is too short.
fn read_full_at(file: &File, buffer: &mut [u8], at: u64) -> std::io::Result<bool> {
    // In tests, a concurrent writer gets its turn between two blocks even of a small file.
    #[cfg(test)]
    tests::let_writer_act();
    let mut filled = 0;
    while filled < buffer.len() {
        let count = read_some_at(file, &mut buffer[filled..], at + filled as u64)?;
        if count == 0 {
            return Ok(false);
        }
        filled += count;
    }
    Ok(true)
}

fn read_some_at(file: &File, buffer: &mut [u8], at: u64) -> std::io::Result<usize> {
    loop {
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_at(file, buffer, at);
        #[cfg(windows)]
        let read = std::os::windows::fs::FileExt::seek_read(file, buffer, at);
        match read {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

#[cfg(unix)]
fn write_all_at(file: &File, bytes: &[u8], at: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

#[cfg(windows)]
fn write_all_at(file: &File, bytes: &[u8], at: u64) -> std::io::Result<()> {
    let mut written = 0;
    while written < bytes.len() {
        written += std::os::windows::fs::FileExt::seek_write(file, &bytes[written..], at + written as u64)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;
    use std::io::{Read, Write};
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    /// Progress of a copy and of the concurrent writer, so that they overlap even on one processor.
    #[derive(Default)]
    struct RaceProgress {
        blocks: AtomicU64,
        writes: AtomicU64,
        /// Set when the writer has made its last change.
        written: AtomicBool,
        /// Whether they take turns during the first blocks instead of running freely.
        alternate: bool,
    }

    impl RaceProgress {
        /// Number of changes that are due before the next block is read.
        fn due(&self) -> u64 {
            1 + self.blocks.load(Ordering::SeqCst) / 2
        }

        /// Number of changes that the writer may make so far; of an idle file none before the first block.
        fn allowed(&self, still: bool) -> u64 {
            match self.blocks.load(Ordering::SeqCst) {
                0 if still => 0,
                _ if self.alternates() => self.due(),
                _ => u64::MAX,
            }
        }

        fn alternates(&self) -> bool {
            self.alternate && self.blocks.load(Ordering::SeqCst) < 12
        }
    }

    thread_local! {
        static RACE: std::cell::RefCell<Option<Arc<RaceProgress>>> = const { std::cell::RefCell::new(None) };
    }

    /// Lets the writer that races with this copy change the file before the next block is read.
    pub fn let_writer_act() {
        let Some(race) = RACE.with_borrow(Option::clone) else { return };
        race.blocks.fetch_add(1, Ordering::SeqCst);
        if !race.alternates() {
            std::thread::sleep(Duration::from_micros(50));
        }
        while race.alternates()
            && race.writes.load(Ordering::SeqCst) < race.due()
            && !race.written.load(Ordering::SeqCst)
        {
            std::thread::yield_now();
        }
    }

    fn quiet() -> Progress {
        Progress::default()
    }

    #[test]
    fn a_copy_of_any_size_has_the_same_bytes_and_correct_counts() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        for bytes in [0, 1, 7, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 2 * BLOCK + 1, 9 * BLOCK + 123] {
            let text: Vec<u8> = (0..bytes).map(|at| b"abcdefghijklm\nopqrstuvwxyz"[at % 26]).collect();
            std::fs::write(&from, &text).unwrap();
            for hash in [Hash::Sha256, Hash::Xxh3] {
                let progress = quiet();
                let copied = copy(&from, &to, hash, &progress).unwrap();
                assert_eq!(std::fs::read(&to).unwrap(), text);
                assert_eq!(copied.bytes, bytes as u64);
                assert_eq!(copied.lines, text.split(|byte| *byte == b'\n').count() as u64 - 1);
                assert_eq!(copied.torn, text.last().is_some_and(|byte| *byte != b'\n'));
                assert_eq!(progress.done.load(Ordering::Relaxed), bytes as u64);
                assert_eq!(digest(&to, hash, &quiet()).unwrap(), (copied.digest.clone(), bytes as u64));
                if hash == Hash::Sha256 {
                    assert_eq!(copied.digest, crate::store::stored::sha256_hex(&text));
                }
                std::fs::remove_file(&to).unwrap();
            }
        }
    }

    #[test]
    fn copy_overwrites_nothing_and_follows_no_link() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        std::fs::write(&from, "x").unwrap();
        std::fs::write(&to, "kept").unwrap();
        assert_eq!(copy(&from, &to, Hash::Xxh3, &quiet()).unwrap_err().code, Code::Io);
        assert_eq!(std::fs::read(&to).unwrap(), b"kept");
        #[cfg(unix)]
        {
            let link = dir.path().join("link");
            std::os::unix::fs::symlink(&from, &link).unwrap();
            assert_eq!(
                copy(&link, &dir.path().join("new"), Hash::Xxh3, &quiet()).unwrap_err().code,
                Code::PathRefused
            );
        }
    }

    /// Writer for the race tests; every line it writes is unique.
    struct Writer<'p> {
        path: &'p Path,
        counter: usize,
        /// Full text of every generation of the file. A correct copy is a prefix of one of them.
        lives: Vec<Vec<u8>>,
    }

    impl Writer<'_> {
        fn line(&mut self) -> Vec<u8> {
            self.counter += 1;
            let word = format!("{:016x}", self.counter.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            format!("{{\"n\":{},\"w\":\"{}\"}}\n", self.counter, word.repeat(self.counter % 32)).into_bytes()
        }

        fn text(&mut self, lines: usize) -> Vec<u8> {
            let lines: Vec<Vec<u8>> = (0..lines).map(|_| self.line()).collect();
            lines.concat()
        }

        fn append(&mut self) {
            let line = self.line();
            let mut file = OpenOptions::new().append(true).open(self.path).unwrap();
            self.lives.last_mut().unwrap().extend_from_slice(&line);
            file.write_all(&line).unwrap();
        }

        /// Cuts the file in half and starts a new generation with the rest.
        fn truncate(&mut self) {
            let life = self.lives.last().unwrap();
            let left = life[..life.len() / 2].to_vec();
            let file = OpenOptions::new().write(true).open(self.path).unwrap();
            file.set_len(left.len() as u64).unwrap();
            self.lives.push(left);
        }

        fn rewrite(&mut self, lines: usize) {
            let text = self.text(lines);
            // Recorded before the file exists, because a copy may be faster than this writer. The file is
            // written in pieces, so every intermediate state is a prefix of this text.
            self.lives.push(text.clone());
            let mut file = File::create(self.path).unwrap();
            for piece in text.chunks(8 * 1024) {
                file.write_all(piece).unwrap();
            }
        }

        fn replace(&mut self, lines: usize) {
            let text = self.text(lines);
            let beside = self.path.with_extension("new");
            std::fs::write(&beside, &text).unwrap();
            self.lives.push(text);
            std::fs::rename(&beside, self.path).unwrap();
        }
    }

    /// Copies files whose writer appends, truncates, rewrites and replaces them. Returns how many copies were
    /// correct, were reported as failed, and were silently wrong.
    fn race(rounds: usize, mut copy: impl FnMut(&Path, &Path) -> bool) -> (usize, usize, usize) {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        let (mut right, mut told, mut wrong) = (0, 0, 0);
        let stop = AtomicBool::new(false);
        for round in 0..rounds {
            stop.store(false, Ordering::SeqCst);
            std::fs::write(&from, b"").unwrap();
            let mut writer = Writer { path: &from, counter: round * 1_000_003, lives: vec![Vec::new()] };
            writer.rewrite(60 + round % 400);
            // Every other file has been idle for a long time when its copy starts.
            let still = round % 2 == 1;
            if still {
                let long_ago = std::time::SystemTime::now() - Duration::from_mins(1);
                OpenOptions::new().write(true).open(&from).unwrap().set_modified(long_ago).unwrap();
            }
            let race = Arc::new(RaceProgress { alternate: round % 4 < 2, ..RaceProgress::default() });
            RACE.set(Some(Arc::clone(&race)));
            let succeeded = std::thread::scope(|scope| {
                let writer = scope.spawn(|| {
                    let mut count = round;
                    while !stop.load(Ordering::SeqCst) && writer.lives.len() < 60 {
                        if race.writes.load(Ordering::SeqCst) >= race.allowed(still) {
                            std::thread::yield_now();
                            continue;
                        }
                        match (count * 7 + round) % 11 {
                            0 => writer.truncate(),
                            1..=6 => writer.rewrite(60 + count % 300),
                            7 => writer.replace(60 + count % 300),
                            _ => writer.append(),
                        }
                        count += 1;
                        race.writes.fetch_add(1, Ordering::SeqCst);
                        for _ in 0..(round % 7) * 200 {
                            std::hint::spin_loop();
                        }
                    }
                    race.written.store(true, Ordering::SeqCst);
                });
                while !still && race.writes.load(Ordering::SeqCst) == 0 {
                    std::thread::yield_now();
                }
                let succeeded = copy(&from, &to);
                stop.store(true, Ordering::SeqCst);
                writer.join().unwrap();
                succeeded
            });
            RACE.set(None);
            if !succeeded {
                assert!(!to.exists(), "a copy that failed leaves nothing");
                told += 1;
                continue;
            }
            let mut copied = Vec::new();
            File::open(&to).unwrap().read_to_end(&mut copied).unwrap();
            if writer.lives.iter().any(|life| life.starts_with(&copied)) {
                right += 1;
            } else {
                wrong += 1;
            }
            std::fs::remove_file(&to).unwrap();
        }
        (right, told, wrong)
    }

    /// Copies like a program that never checks for changes.
    fn plain(from: &Path, to: &Path) -> std::io::Result<()> {
        let (mut from, mut to) = (File::open(from)?, File::create(to)?);
        let mut block = vec![0; BLOCK];
        loop {
            let_writer_act();
            match from.read(&mut block)? {
                0 => return Ok(()),
                count => to.write_all(&block[..count])?,
            }
        }
    }

    /// `RACES=10000 cargo test --lib -- --nocapture races` runs the documented number of rounds.
    #[test]
    #[expect(clippy::print_stdout, reason = "the figures, with --nocapture")]
    fn no_copy_of_a_changing_file_is_silently_wrong() {
        let rounds = std::env::var("RACES").ok().and_then(|text| text.parse().ok()).unwrap_or(80);
        let naive = race(rounds, |from, to| plain(from, to).is_ok());
        let ours = race(rounds, |from, to| copy(from, to, Hash::Xxh3, &quiet()).is_ok());
        println!("right, told, wrong in silence: {ours:?}; of plain copies: {naive:?}");
        assert!(naive.2 > 0, "the control was never wrong: {naive:?}");
        assert_eq!(ours.2, 0, "{ours:?}");
        assert!(ours.0 > 0 && ours.0 + ours.1 == rounds, "{ours:?}");
    }
}
