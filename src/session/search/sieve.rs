//! Reads a file in blocks, ignoring lines, and determines whether it can contain a match. This is the sieve.
//!
//! The last block of a long file is read first, because users most often search for recent text, and a match
//! in that block avoids reading everything before it twice. The block with a possible match stays in the
//! buffer, so that the line reader need not read it again.

use super::pattern::{Sieve, escapes_letters};
use crate::error::{IoContext, Result};
use crate::fs::{Directory, open_regular_with_metadata, read_once};
use chrono::{DateTime, Utc};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Size of a block in bytes, the fastest of the measured sizes from 32 KB to 8 MB. Larger blocks need fewer
/// calls, but from 2 MB on they exceed the cache of some processors.
pub(super) const SIEVED: usize = 512 * 1024;
/// Minimum size of a file whose last block is read first.
pub(super) const LONG: u64 = 4 * SIEVED as u64;
/// Page size: blocks start at a page boundary, because the kernel copies by pages.
const PAGE: u64 = 4096;
/// Number of bytes at the beginning of a file that show whether its writer escapes letters.
const SAMPLE: usize = 16 * 1024;

/// Buffers that are reused for one session after the other.
#[derive(Debug, Default)]
pub struct Buffer {
    /// End of the previous block, followed by the latest block.
    pub(super) bytes: Vec<u8>,
    /// Range of the latest block in `bytes`.
    pub(super) block: Range<usize>,
    /// Buffer of the line reader.
    pub(super) lines: Vec<u8>,
}

/// A file that the sieve has read.
pub(super) struct Candidate {
    pub file: File,
    pub path: PathBuf,
    pub bytes: u64,
    pub modified: Option<DateTime<Utc>>,
    pub sieved: Sieved,
}

impl Candidate {
    pub fn open(
        path: &Path,
        dir: Option<&Directory>,
        sieve: Option<&Sieve>,
        buffer: &mut Buffer,
    ) -> Result<Self> {
        let (mut file, meta) = match dir {
            Some(dir) => dir.open_regular(path)?,
            None => open_regular_with_metadata(path)?,
        };
        let sieved = match sieve {
            Some(sieve) => sieved(&mut file, meta.len(), sieve, buffer).doing("read", path)?,
            None => Sieved::Unknown,
        };
        let modified = meta.modified().ok().map(DateTime::from);
        Ok(Self { file, path: path.to_path_buf(), bytes: meta.len(), modified, sieved })
    }

    pub fn may_match(&self) -> bool {
        self.sieved != Sieved::Nothing
    }

    /// Returns the offset of the block in which a match is possible.
    pub fn place(&self) -> Option<u64> {
        if let Sieved::Seen { block, .. } = self.sieved { Some(block) } else { None }
    }
}

/// Reads a file from its beginning, except for one block that is already in memory.
pub(super) struct Reread<'a> {
    file: &'a File,
    /// Number of bytes before the block that are still to be read.
    before: u64,
    block: &'a [u8],
    /// Offset of the end of the block in the file.
    behind: u64,
}

impl<'a> Reread<'a> {
    /// Starts at the beginning; `seen` is the offset and the content of the block in memory.
    pub fn begin(mut file: &'a File, seen: Option<(u64, &'a [u8])>) -> io::Result<Self> {
        file.rewind()?;
        let (before, block) = seen.unwrap_or_default();
        Ok(Self { file, before, block, behind: before + block.len() as u64 })
    }
}

impl Read for Reread<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.before > 0 {
            let count = self.file.take(self.before).read(buffer)?;
            self.before -= count as u64;
            return Ok(count);
        }
        let count = self.block.read(buffer)?;
        if count > 0 && self.block.is_empty() {
            self.file.seek(SeekFrom::Start(self.behind))?;
        }
        if count > 0 { Ok(count) } else { self.file.read(buffer) }
    }
}

/// Result of the sieve for a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sieved {
    Nothing,
    /// The block at offset `block` may contain a match, and no line that ends within the
    /// first `passed` bytes does.
    Seen {
        block: u64,
        passed: u64,
    },
    /// Inconclusive: the writer escapes letters, or there is no sieve.
    Unknown,
}

/// Returns whether the first `bytes` bytes of a file contain what a match requires, ignoring lines. Bytes
/// appended in the meantime are not read, so no call is needed to find the end.
fn sieved(
    file: &mut (impl Read + Seek),
    bytes: u64,
    sieve: &Sieve,
    buffer: &mut Buffer,
) -> io::Result<Sieved> {
    if bytes < LONG {
        return sieved_from(0, &mut file.take(bytes), sieve, buffer);
    }
    // A match near the end, that is, in what was said last, avoids a second read of everything before it.
    let end = (bytes - SIEVED as u64).next_multiple_of(PAGE);
    file.seek(SeekFrom::Start(end))?;
    let last = sieved_from(end, &mut (&mut *file).take(bytes - end), sieve, buffer)?;
    file.rewind()?;
    if let Sieved::Seen { block, .. } = last {
        let mut sample = [0; SAMPLE];
        let count = read_once(file, &mut sample)?;
        let escapes = escapes_letters(&sample[..count]);
        return Ok(if escapes { Sieved::Unknown } else { Sieved::Seen { block, passed: 0 } });
    }
    sieved_from(0, &mut file.take(end + sieve.overlap() as u64), sieve, buffer)
}

/// Applies the sieve to everything after this offset.
fn sieved_from(place: u64, source: &mut impl Read, sieve: &Sieve, buffer: &mut Buffer) -> io::Result<Sieved> {
    let Buffer { bytes, block, .. } = buffer;
    // A match may cross a block boundary, so the end of each block is retained before the next one.
    let at = sieve.overlap();
    if bytes.len() < at + SIEVED {
        bytes.resize(at + SIEVED, 0);
    }
    let mut before = at..at;
    let mut passed = place;
    loop {
        let from = at - before.len();
        bytes.copy_within(before, from);
        let count = read_once(source, &mut bytes[at..at + SIEVED])?;
        if count == 0 {
            return Ok(Sieved::Nothing);
        }
        let to = at + count;
        *block = at..to;
        let filled = &bytes[from..to];
        // A file has one writer, and a writer that escapes letters does so from the beginning.
        if passed == 0 && escapes_letters(&filled[..filled.len().min(SAMPLE)]) {
            return Ok(Sieved::Unknown);
        }
        if sieve.passes(filled) {
            return Ok(Sieved::Seen { block: passed, passed });
        }
        passed += count as u64;
        before = to - at.min(filled.len())..to;
    }
}

#[cfg(test)]
mod tests {
    use super::super::pattern::Pattern;
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_match_across_any_two_blocks_is_found_however_the_file_is_read() {
        let needle = "needle".repeat(30);
        let pattern = Pattern::new(&needle, false, false).unwrap();
        let sieve = pattern.sieve().unwrap();
        // One buffer serves every file, as in a search.
        let mut buffer = Buffer::default();
        for bytes in [3 * SIEVED + 1000, 5 * SIEVED, 5 * SIEVED + 1000] {
            let last = (bytes - SIEVED).next_multiple_of(usize::try_from(PAGE).unwrap());
            for most in [SIEVED, SIEVED / 3 + 7] {
                for end in [SIEVED, 2 * SIEVED, 3 * SIEVED, last, SIEVED] {
                    for before in [1, 90, 179] {
                        let at = end - before;
                        let mut file = vec![b'x'; bytes];
                        file[at..at + needle.len()].copy_from_slice(needle.as_bytes());
                        let mut told = |file: &[u8]| {
                            let mut slowly = SlowFile(io::Cursor::new(file), most);
                            sieved(&mut slowly, bytes as u64, sieve, &mut buffer).unwrap()
                        };
                        assert!(matches!(told(&file), Sieved::Seen { .. }), "{bytes} {most} {end} {before}");
                        file[at + 100] = b'x';
                        assert!(told(&file) == Sieved::Nothing, "{bytes} {most} {end} {before}");
                    }
                }
            }
        }
    }

    /// A file that returns at most this many bytes at once.
    struct SlowFile<'a>(io::Cursor<&'a [u8]>, usize);

    impl Read for SlowFile<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let most = self.1.min(buffer.len());
            self.0.read(&mut buffer[..most])
        }
    }

    impl Seek for SlowFile<'_> {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }

    #[test]
    fn a_reread_file_is_complete_wherever_the_current_block_is() {
        let bytes: Vec<u8> = (0..1000_u16).flat_map(u16::to_be_bytes).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        for (from, to) in [(0, 0), (0, 1), (0, 700), (0, 2000), (700, 1400), (1400, 2000), (1999, 2000)] {
            for at_once in [1, 64, 699, 5000] {
                let seen = (to > 0).then(|| (from as u64, &bytes[from..to]));
                let mut again = Reread::begin(&file, seen).unwrap();
                let mut read = Vec::new();
                let mut buffer = vec![0; at_once];
                while let count @ 1.. = again.read(&mut buffer).unwrap() {
                    read.extend_from_slice(&buffer[..count]);
                }
                assert_eq!(read, bytes, "{from} {to} {at_once}");
            }
        }
        // Appended bytes are read as well, and a truncated file ends early.
        let again = |from: usize| Reread::begin(&file, Some((from as u64, &bytes[from..])));
        let (mut longer, mut shorter) = (Vec::new(), Vec::new());
        (&file).seek(SeekFrom::End(0)).unwrap();
        (&file).write_all(b"more").unwrap();
        again(1500).unwrap().read_to_end(&mut longer).unwrap();
        assert_eq!(longer, [&bytes[..], b"more"].concat());
        file.set_len(100).unwrap();
        again(1500).unwrap().read_to_end(&mut shorter).unwrap();
        assert_eq!(shorter, &bytes[..100]);
    }
}
