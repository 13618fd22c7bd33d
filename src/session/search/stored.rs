//! Searches tool results that the client stored in separate files, which are plain text next to the
//! transcript.

use super::pattern::Pattern;
use super::snippet::{Span, snippet};
use crate::error::{IoContext, Result};
use crate::fs::open_regular_with_metadata;
use chrono::{DateTime, Utc};
use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Number of bytes searched at once.
const PIECE: usize = 4 * 1024 * 1024;
/// Number of bytes searched again with the next piece, to find a match across both.
const OVERLAP: usize = 64 * 1024;
/// Number of bytes at the beginning that show whether a file is text.
const SAMPLE: usize = 8 * 1024;

/// The first match in a stored result. Like a result in the transcript, one stored result is one hit.
#[derive(Debug)]
pub struct StoredResult {
    pub path: PathBuf,
    /// File name, by which the conversation refers to it.
    pub name: String,
    /// Line of the match in the file, starting at 1.
    pub line: u64,
    pub snippet: String,
    pub span: Span,
    pub modified: Option<DateTime<Utc>>,
    /// The reference to the file in the conversation, once it has been read.
    pub named: Option<NamedAt>,
    /// Whether the preview in the conversation also contains the match.
    pub previewed: bool,
}

/// A reference to a stored result in the conversation.
#[derive(Debug, Default)]
pub struct NamedAt {
    pub at: Option<DateTime<Utc>>,
    pub cwd: Option<String>,
    pub turn: usize,
    pub subagent: bool,
}

impl StoredResult {
    /// Returns the length of the file and the first match in it; a file that is not text has no match.
    ///
    /// # Errors
    ///
    /// Returns [`crate::error::Code::PathRefused`] for anything but a
    /// regular file, [`crate::error::Code::Io`] otherwise.
    pub fn search(path: &Path, pattern: &Pattern) -> Result<(u64, Option<Self>)> {
        let (file, meta) = open_regular_with_metadata(path)?;
        let found = first_match(file, pattern, PIECE, OVERLAP).doing("read", path)?;
        let found = found.map(|(line, snippet, span)| Self {
            path: path.to_path_buf(),
            name: path.file_name().and_then(OsStr::to_str).unwrap_or_default().to_owned(),
            line,
            snippet,
            span,
            modified: meta.modified().ok().map(DateTime::from),
            named: None,
            previewed: false,
        });
        Ok((meta.len(), found))
    }
}

fn first_match(
    mut source: impl Read,
    pattern: &Pattern,
    piece: usize,
    overlap: usize,
) -> io::Result<Option<(u64, String, Span)>> {
    let lines = |bytes: &[u8]| memchr::memchr_iter(b'\n', bytes).count() as u64;
    let mut bytes = Vec::new();
    // Number of lines before `bytes`.
    let mut passed = 0;
    loop {
        let before = bytes.len();
        (&mut source).take((piece - before) as u64).read_to_end(&mut bytes)?;
        if bytes.len() == before || memchr::memchr(0, &bytes[..bytes.len().min(SAMPLE)]).is_some() {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&bytes);
        if let Some(found) = pattern.find(&text) {
            let line = passed + lines(&text.as_bytes()[..found.start]) + 1;
            let (words, span) = snippet(&text, &found);
            return Ok(Some((line, words, span)));
        }
        // A piece starts at the beginning of a line if possible, so that `^` matches correctly.
        let from = bytes.len().saturating_sub(overlap);
        let from = memchr::memchr(b'\n', &bytes[from..]).map_or(from, |at| from + at + 1);
        passed += lines(&bytes[..from]);
        bytes.drain(..from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(text: &str, regex: &str, piece: usize, overlap: usize) -> Option<u64> {
        let pattern = Pattern::new(regex, true, false).unwrap();
        first_match(text.as_bytes(), &pattern, piece, overlap).unwrap().map(|(line, ..)| line)
    }

    #[test]
    fn the_line_of_the_first_match_is_correct_for_any_block_size() {
        let text = (1..=400).map(|number| number.to_string()).collect::<Vec<_>>().join("\n");
        for piece in [16, 40, 100, 4096] {
            for (regex, line) in [("^1$", 1), ("^250$", 250), ("^400$", 400), ("40", 40)] {
                assert_eq!(lines_of(&text, regex, piece, 8), Some(line), "{regex} {piece}");
            }
            assert_eq!(lines_of(&text, "^401$", piece, 8), None);
        }
        assert_eq!(lines_of(&text, "99\n100\n", 4096, 8), Some(99));
        assert_eq!(lines_of("x\0needle", "needle", 4096, 8), None, "not text");
    }
}
