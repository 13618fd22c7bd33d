//! Reads a transcript, one session's `.jsonl` file, backwards from its end.
//!
//! What determines a session's state is near the end, but not within a fixed number of bytes: one line may be
//! megabytes long. So the reader reads blocks backwards until the caller has seen enough. The first block is
//! 16 to 20 KB; each further one is as large as everything read so far, up to 32 KB, or an eighth of it once
//! that is larger, up to 1 MB. Bytes after the last newline are a record that is torn or still being written;
//! they are reported, never parsed. A line longer than [`LONGEST_LINE`] is skipped without retaining it in
//! memory, and the search stops at one longer than [`FARTHEST_LINE_END`].

use super::record::{Record, parse_line};
use crate::error::{IoContext, Result};
use crate::fs::{CACHE_LINE, Directory, before_cache_line, open_regular_with_metadata};
use std::fs::File;
use std::path::Path;

const FIRST_BLOCK: u64 = 16 * 1024;
/// Blocks double up to this size. Small blocks cost system calls, and most of a large block is not needed.
const DOUBLED: u64 = 32 * 1024;
/// Beyond [`DOUBLED`], a block is this fraction of the bytes read so far.
const PART: u64 = 8;
const LARGEST_BLOCK: u64 = 1024 * 1024;
/// Reads start at a page boundary, because whole pages are copied at once.
const PAGE: u64 = 4096;
/// Size of the buffer between files; a larger one is released. The buffer is filled from its end, so pages
/// that no file needs are never allocated.
const BUFFER: usize = 2 * 1024 * 1024;
/// Lines longer than this many bytes are skipped.
pub const LONGEST_LINE: usize = 8 * 1024 * 1024;
/// The search for the start of a line stops after this many bytes without a newline, and earlier lines are
/// not read: no client can send such a line, and a hook has only seconds.
const FARTHEST_LINE_END: u64 = 1280 * 1024 * 1024;

/// An open transcript, pinned at the length it had when opened.
#[derive(Debug)]
pub struct Transcript<'p> {
    file: File,
    path: &'p Path,
    bytes: u64,
    modified: Option<std::time::SystemTime>,
}

impl<'p> Transcript<'p> {
    /// Opens a transcript: a regular file, not a symbolic link.
    ///
    /// # Errors
    ///
    /// Returns [`crate::error::Code::PathRefused`] for anything but a
    /// regular file, [`crate::error::Code::Io`] otherwise.
    pub fn open(path: &'p Path) -> Result<Self> {
        let (file, meta) = open_regular_with_metadata(path)?;
        Ok(Self::of(file, &meta, path))
    }

    /// Opens a transcript relative to an open directory, which avoids a path lookup. If it was `listed` as a
    /// regular file, only its length is queried.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Self::open`].
    pub fn open_in(dir: &Directory, path: &'p Path, listed: bool) -> Result<Self> {
        if listed && let Some((file, bytes)) = dir.open_listed(path) {
            return Ok(Self { file, path, bytes, modified: None });
        }
        let (file, meta) = dir.open_regular(path)?;
        Ok(Self::of(file, &meta, path))
    }

    fn of(file: File, meta: &std::fs::Metadata, path: &'p Path) -> Self {
        Self { file, path, bytes: meta.len(), modified: meta.modified().ok() }
    }

    /// Returns the length in bytes when the transcript was opened.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        self.path
    }

    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Reads bytes from the beginning, as many as fit into the buffer.
    pub fn beginning<'b>(&self, buffer: &'b mut [u8]) -> &'b [u8] {
        let length = usize::try_from(self.bytes).unwrap_or(usize::MAX).min(buffer.len());
        let part = &mut buffer[..length];
        if read_exact_at(&self.file, part, 0).is_err() {
            return &[];
        }
        part
    }

    /// Returns when the file was last written to, if that was queried. The time is a hint and proves nothing.
    #[must_use]
    pub fn modified(&self) -> Option<std::time::SystemTime> {
        self.modified
    }

    /// Iterates over records from the newest to the oldest.
    #[must_use]
    pub fn newest_first(&self) -> NewestFirst<'_> {
        let mut lines = Backwards::default();
        lines.begin(self.bytes);
        NewestFirst { file: &self.file, lines, ready: Vec::new() }
    }

    /// Returns the newest records in the last `budget` bytes of the file, oldest first. Omits a partial
    /// record at the cut.
    #[must_use]
    pub fn tail(&self, budget: u64) -> Vec<Record> {
        let floor = self.bytes.saturating_sub(budget);
        let mut records: Vec<Record> =
            self.newest_first().take_while(|record| record.offset >= floor).collect();
        records.reverse();
        records
    }

    /// Returns the oldest records in the first `budget` bytes of the file, oldest first.
    #[must_use]
    pub fn head(&self, budget: u64) -> Vec<Record> {
        let length = usize::try_from(self.bytes.min(budget)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; length];
        if read_exact_at(&self.file, &mut bytes, 0).is_err() {
            return Vec::new();
        }
        let mut offset = 0;
        let mut records = Vec::new();
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            if line.ends_with(b"\n") {
                records.extend(parse_line(offset, line));
            }
            offset += line.len() as u64;
        }
        records
    }

    /// Returns true if bytes follow the last newline.
    ///
    /// # Errors
    ///
    /// Returns [`crate::error::Code::Io`] when the last byte cannot be read.
    pub fn torn(&self) -> Result<bool> {
        if self.bytes == 0 {
            return Ok(false);
        }
        let mut last = [0];
        read_exact_at(&self.file, &mut last, self.bytes - 1).doing("read", self.path)?;
        Ok(last[0] != b'\n')
    }
}

/// Iterator over the records of a transcript, newest first.
#[derive(Debug)]
pub struct NewestFirst<'a> {
    file: &'a File,
    lines: Backwards,
    ready: Vec<Record>,
}

impl Iterator for NewestFirst<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        loop {
            if let Some(record) = self.ready.pop() {
                return Some(record);
            }
            let (offset, line) = self.lines.next(self.file)?;
            self.ready = parse_line(offset, line);
        }
    }
}

/// Reads the complete lines of a file from the last to the first. One reader serves many files in succession,
/// so that its buffer is allocated once.
///
/// The buffer is filled from its end towards its beginning, like the file, so that a line rarely
/// has to be moved.
#[derive(Debug, Default)]
pub struct Backwards {
    buffer: Vec<u8>,
    /// `from..end` of the buffer contains bytes that were read but not yet returned.
    from: usize,
    end: usize,
    length: u64,
    /// File offset of `from`.
    start: u64,
    /// Number of bytes before `end` that are known to contain no newline.
    carried: usize,
    /// Whether the last newline of the file has been passed.
    seen_end: bool,
    /// Whether bytes of the current line were dropped because it is too long.
    too_long: bool,
    /// Number of bytes of the current line that were dropped, and the maximum.
    dropped: u64,
    farthest: u64,
    failed: bool,
}

impl Backwards {
    /// Starts a file of this many bytes.
    pub fn begin(&mut self, bytes: u64) {
        self.farthest = FARTHEST_LINE_END;
        if self.buffer.len() != BUFFER {
            self.buffer = vec![0; BUFFER];
        }
        // Aligns pages of the file with cache lines.
        let base = before_cache_line(&self.buffer);
        let beyond = usize::try_from(bytes % CACHE_LINE as u64).unwrap_or(0);
        self.from = BUFFER - 2 * CACHE_LINE + base + beyond;
        self.end = self.from;
        self.length = bytes;
        self.start = bytes;
        self.carried = 0;
        self.seen_end = false;
        self.too_long = false;
        self.dropped = 0;
        self.failed = false;
    }

    /// Returns the next line towards the beginning, without its newline, and its offset. Skips bytes after
    /// the last newline of the file: a record that is torn or still being written.
    pub fn next(&mut self, file: &File) -> Option<(u64, &[u8])> {
        loop {
            let searched = self.from..self.end - self.carried;
            if let Some(at) = memchr::memrchr(b'\n', &self.buffer[searched]) {
                let line = self.from + at + 1..self.end;
                self.end = self.from + at;
                self.carried = 0;
                let whole = self.seen_end && !self.too_long && line.len() <= LONGEST_LINE;
                self.seen_end = true;
                self.too_long = false;
                self.dropped = 0;
                if whole && !line.is_empty() {
                    return Some((self.start + (line.start - self.from) as u64, &self.buffer[line]));
                }
                continue;
            }
            self.carried = self.end - self.from;
            if self.start == 0 || self.failed {
                let line = self.from..self.end;
                let whole = self.seen_end
                    && !self.too_long
                    && !self.failed
                    && (1..=LONGEST_LINE).contains(&line.len());
                self.end = self.from;
                self.carried = 0;
                self.too_long = false;
                return whole.then(|| (0, &self.buffer[line]));
            }
            self.read_block(file);
        }
    }

    fn read_block(&mut self, file: &File) {
        if self.end - self.from > LONGEST_LINE {
            self.too_long = true;
        }
        if self.too_long || !self.seen_end {
            // The buffered bytes belong to a line that is skipped.
            self.dropped += (self.end - self.from) as u64;
            self.from = self.end;
            self.carried = 0;
            if self.dropped > self.farthest {
                self.failed = true;
                return;
            }
        }
        let block = match self.length - self.start {
            0 => FIRST_BLOCK,
            read => (read / PART).clamp(read.min(DOUBLED), LARGEST_BLOCK),
        };
        let offset = self.start.saturating_sub(block) / PAGE * PAGE;
        let length = usize::try_from(self.start - offset).unwrap_or(0);
        self.make_room(length);
        if read_exact_at(file, &mut self.buffer[self.from - length..self.from], offset).is_err() {
            // The file was truncated during the read: lines already returned remain valid,
            // and no more follow.
            self.failed = true;
            self.end = self.from;
            self.carried = 0;
            return;
        }
        self.start = offset;
        self.from -= length;
    }

    /// Makes room for this many bytes before the buffered ones.
    fn make_room(&mut self, length: usize) {
        if self.from >= length {
            return;
        }
        let held = self.end - self.from;
        if self.buffer.len() < length + held {
            let mut larger = vec![0; (length + held).next_power_of_two()];
            let at = larger.len() - held;
            larger[at..].copy_from_slice(&self.buffer[self.from..self.end]);
            self.buffer = larger;
        } else {
            let at = self.buffer.len() - held;
            self.buffer.copy_within(self.from..self.end, at);
        }
        self.end = self.buffer.len();
        self.from = self.end - held;
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> std::io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        let count = std::os::windows::fs::FileExt::seek_read(file, &mut bytes[done..], offset + done as u64)?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        done += count;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::record::{Body, MetadataRecord};
    use super::*;
    use proptest::prelude::*;

    fn prompts(bytes: &[u8]) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.jsonl");
        std::fs::write(&path, bytes).unwrap();
        Transcript::open(&path)
            .unwrap()
            .newest_first()
            .filter_map(|record| match record.body {
                Body::Meta(MetadataRecord::LastPrompt(text)) => Some(text),
                _ => None,
            })
            .collect()
    }

    fn line(text: &str) -> String {
        format!("{{\"type\":\"last-prompt\",\"lastPrompt\":{text:?}}}\n")
    }

    #[test]
    fn reads_lines_newest_first_across_blocks_of_any_size() {
        let long = "x".repeat(100_000);
        let file = format!("{}{}{}{}", line("one"), line(&long), line("three"), line("four"));
        assert_eq!(prompts(file.as_bytes()), ["four".to_owned(), "three".into(), long, "one".into()]);
    }

    #[test]
    fn omits_a_record_without_a_line_end() {
        let file = format!("{}{}", line("one"), line("two").trim_end());
        assert_eq!(prompts(file.as_bytes()), ["one"]);
    }

    #[test]
    fn skips_a_line_longer_than_the_limit_and_continues() {
        let file = format!("{}{}{}", line("one"), line(&"y".repeat(LONGEST_LINE)), line("three"));
        assert_eq!(prompts(file.as_bytes()), ["three", "one"]);
    }

    #[test]
    fn a_line_too_long_for_any_client_ends_the_search() {
        const FARTHEST: u64 = 4 * LONGEST_LINE as u64;
        let found_around = |hole: u64| {
            let mut file = tempfile::tempfile().unwrap();
            std::io::Write::write_all(&mut file, b"one\n").unwrap();
            file.set_len(4 + hole).unwrap();
            std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0)).unwrap();
            std::io::Write::write_all(&mut file, b"\nthree\n").unwrap();
            let mut lines = Backwards::default();
            lines.begin(file.metadata().unwrap().len());
            lines.farthest = FARTHEST;
            let mut found = Vec::new();
            while let Some((_, line)) = lines.next(&file) {
                found.push(String::from_utf8(line.to_vec()).unwrap());
            }
            found
        };
        assert_eq!(found_around(FARTHEST - 2 * LARGEST_BLOCK), ["three", "one"]);
        assert_eq!(found_around(FARTHEST + 2 * LARGEST_BLOCK), ["three"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn finds_exactly_the_lines_that_a_forward_reader_finds(lines in proptest::collection::vec("[a-z]{0,40}|[a-z]{20000,20010}", 0..12), cut in 0_usize..40) {
            let whole: String = lines.iter().map(|text| line(text)).collect();
            let cut = whole.len().saturating_sub(cut);
            let file = &whole.as_bytes()[..cut];
            let mut expected: Vec<String> = file
                .split_inclusive(|byte| *byte == b'\n')
                .filter(|line| line.ends_with(b"\n"))
                .filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok())
                .filter_map(|value| value["lastPrompt"].as_str().map(str::to_owned))
                .collect();
            expected.reverse();
            prop_assert_eq!(prompts(file), expected);
        }

        #[test]
        fn the_backward_reader_survives_arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..5000)) {
            prompts(&bytes);
        }
    }
}
