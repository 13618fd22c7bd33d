//! Reads the lines of a file from the first to the last, with their numbers. Retains one line at a time, and
//! no line that is longer than a limit.

use crate::fs::read_once as read;
use std::io::{self, Read};

/// Number of bytes read at once.
pub const BLOCK: usize = 256 * 1024;
/// Initial buffer size, which is enough for most lines.
const ENOUGH: usize = 8 * BLOCK;

/// A line, or a notice that an oversized line was skipped.
#[derive(Debug, PartialEq, Eq)]
pub enum SearchLine<'a> {
    /// A line without its newline. The last one may lack a newline.
    Whole {
        number: u64,
        bytes: &'a [u8],
        /// Preceding bytes that are still in the buffer.
        before: &'a [u8],
    },
    TooLong {
        number: u64,
    },
}

/// Reads lines. The buffer grows with the longest line up to the limit, and can be reused.
#[derive(Debug)]
pub struct Lines<'b, R> {
    source: R,
    buffer: &'b mut Vec<u8>,
    limit: usize,
    /// Number of bytes of the buffer in use: no more than the line needs, so that they stay
    /// in the processor's cache.
    room: usize,
    /// Start of the next line, and end of the bytes read.
    start: usize,
    end: usize,
    /// Number of bytes of the file before those in the buffer.
    passed: u64,
    number: u64,
    ended: bool,
}

impl<'b, R: Read> Lines<'b, R> {
    /// Reads lines of at most `limit` bytes from `source`.
    pub fn new(source: R, buffer: &'b mut Vec<u8>, limit: usize) -> Self {
        if buffer.len() < BLOCK {
            // Unused parts of a zeroed allocation are never touched.
            *buffer = vec![0; ENOUGH.min(limit.saturating_add(BLOCK))];
        }
        Self { source, buffer, limit, room: BLOCK, start: 0, end: 0, passed: 0, number: 0, ended: false }
    }

    /// Returns the number of bytes of all lines returned so far, including their newlines.
    #[must_use]
    pub fn given(&self) -> u64 {
        self.passed + self.start as u64
    }

    /// Reads the next line.
    ///
    /// # Errors
    ///
    /// Returns the error of the reader; no further lines follow.
    pub fn next_line(&mut self) -> io::Result<Option<SearchLine<'_>>> {
        let mut seen = self.start;
        let mut too_long = false;
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer[seen..self.end]) {
                let (from, to) = (self.start, seen + at);
                self.start = to + 1;
                return Ok(Some(self.line(from, to, too_long)));
            }
            seen = self.end;
            if self.ended {
                let from = std::mem::replace(&mut self.start, self.end);
                let rest = too_long || from < self.end;
                return Ok(rest.then(|| self.line(from, self.end, too_long)));
            }
            if too_long || self.end - self.start > self.limit {
                too_long = true;
                self.passed += self.end as u64;
                (self.start, self.end, self.room, seen) = (0, 0, BLOCK, 0);
            } else if self.end == self.room {
                if self.start == 0 {
                    self.room = (self.room * 2).min(self.limit.saturating_add(BLOCK));
                    self.buffer.resize(self.room.max(self.buffer.len()), 0);
                } else {
                    self.buffer.copy_within(self.start..self.end, 0);
                    seen -= self.start;
                    self.passed += self.start as u64;
                    (self.start, self.end) = (0, self.end - self.start);
                    self.room = (self.end + BLOCK / 2).next_power_of_two().clamp(BLOCK, self.room);
                }
            }
            let count = read(&mut self.source, &mut self.buffer[self.end..self.room])?;
            self.ended = count == 0;
            self.end += count;
        }
    }

    fn line(&mut self, from: usize, to: usize, too_long: bool) -> SearchLine<'_> {
        self.number += 1;
        if too_long || to - from > self.limit {
            return SearchLine::TooLong { number: self.number };
        }
        SearchLine::Whole { number: self.number, bytes: &self.buffer[from..to], before: &self.buffer[..from] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A reader that returns at most this many bytes at once.
    struct Slowly<'a>(&'a [u8], usize);

    impl Read for Slowly<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn lines(bytes: &[u8], at_once: usize, limit: usize) -> Vec<Option<Vec<u8>>> {
        let mut buffer = Vec::new();
        let mut lines = Lines::new(Slowly(bytes, at_once), &mut buffer, limit);
        let mut all = Vec::new();
        while let Some(line) = lines.next_line().unwrap() {
            let (number, kept) = match line {
                SearchLine::Whole { number, bytes, .. } => (number, Some(bytes.to_vec())),
                SearchLine::TooLong { number } => (number, None),
            };
            all.push(kept);
            assert_eq!(number, all.len() as u64);
            let given =
                bytes.split_inclusive(|byte| *byte == b'\n').take(all.len()).map(<[u8]>::len).sum::<usize>();
            assert_eq!(lines.given(), given as u64);
        }
        all
    }

    #[test]
    fn an_overlong_line_is_counted_but_not_stored() {
        let limit = BLOCK * 3;
        let file = [&b"one\n"[..], &vec![b'x'; BLOCK * 9], b"\nthree\n", &vec![b'y'; limit + 1]].concat();
        let kept = lines(&file, usize::MAX, limit);
        assert_eq!(kept, [Some(b"one".to_vec()), None, Some(b"three".to_vec()), None]);
        let mut buffer = Vec::new();
        let mut reader = Lines::new(&file[..], &mut buffer, limit);
        while reader.next_line().unwrap().is_some() {}
        assert!(buffer.len() <= limit + BLOCK, "{}", buffer.len());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_lines_match_those_of_the_file(
            parts in proptest::collection::vec(prop_oneof![Just(b"\n".to_vec()), Just(b"ab".to_vec()), Just(vec![b'z'; BLOCK - 1]), Just(vec![b'z'; BLOCK * 2])], 0..12),
            at_once in prop_oneof![Just(4099_usize), Just(BLOCK)],
        ) {
            let file = parts.concat();
            let expected: Vec<_> = file.split_inclusive(|byte| *byte == b'\n').map(|line| Some(line.strip_suffix(b"\n").unwrap_or(line).to_vec())).collect();
            prop_assert_eq!(lines(&file, at_once, usize::MAX / 4), expected);
        }
    }
}
