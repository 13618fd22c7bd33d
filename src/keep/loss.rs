//! Detects that a transcript lost its beginning, or all of it.

use super::stored::KeptSession;
use crate::claude::glance::text_after;
use crate::fs::{identity, open_regular_with_metadata};
use memchr::memmem;
use serde::Serialize;
use std::io::Read;
use std::path::Path;

/// Number of bytes at the start of a transcript that are searched for its first record with a parent.
const HEAD: u64 = 256 * 1024;

/// Part of [`HEAD`] that is read first, in bytes.
const FIRST: u64 = 16 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "TranscriptLossKind"))]
pub enum LossKind {
    Gone,
    /// The same file is shorter than when a hook last read it.
    Shorter,
    /// The first message answers a record that is not in the file.
    Headless,
}

/// Compares a transcript with its kept copy and returns what it lost.
///
/// If one client's sweep deletes the transcript of a session that another client has open, the open client
/// writes its next turn into a new file of the same name, whose first record names a parent that does not
/// exist (measured with 2.1.250 and 2.1.332).
#[must_use]
pub fn loss_of(transcript: &Path, kept: Option<&KeptSession>) -> Option<LossKind> {
    let (file, meta) = match open_regular_with_metadata(transcript) {
        Ok(opened) => opened,
        Err(_) if !transcript.exists() => return Some(LossKind::Gone),
        Err(_) => return None,
    };
    // This comes first: once the kept file is compressed, a new transcript may get the inode of the old one.
    if is_headless(file)? {
        return Some(LossKind::Headless);
    }
    let newest = kept.and_then(|kept| kept.transcripts().last().copied())?;
    let same = newest.source.is_some() && newest.source == identity(&meta);
    (same && meta.len() < newest.bytes).then_some(LossKind::Shorter)
}

/// Returns whether the first message of a transcript answers a record that is not in it; `None` if
/// it cannot be read.
pub(super) fn is_headless(mut from: impl Read) -> Option<bool> {
    let mut head = Vec::new();
    // The first message is usually near the beginning.
    for limit in [FIRST, HEAD] {
        let more = limit + 1 - head.len() as u64;
        from.by_ref().take(more).read_to_end(&mut head).ok()?;
        let whole = head.len() as u64 <= limit;
        if let Some(line) = first_message(&head, whole) {
            // A `null` parent is not a string and does not match. A compact boundary starts a new chain, so
            // its parent is `null`.
            return Some(text_after(line, b"\"parentUuid\":\"").is_some());
        }
        if whole {
            break;
        }
    }
    Some(false)
}

/// Returns the first complete message of a transcript. `whole` is true if `head` is the entire file.
fn first_message(head: &[u8], whole: bool) -> Option<&[u8]> {
    head.split_inclusive(|byte| *byte == b'\n').find(|line| {
        let complete = line.ends_with(b"\n") || whole;
        complete && memmem::find(line, b"\"parentUuid\":").is_some() && is_message(line)
    })
}

fn is_message(line: &[u8]) -> bool {
    [&b"\"type\":\"user\""[..], b"\"type\":\"assistant\"", b"\"type\":\"attachment\"", b"\"type\":\"system\""]
        .iter()
        .any(|kind| memmem::find(line, kind).is_some())
}
