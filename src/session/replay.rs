//! Finds replays, which are records that a client wrote to a transcript a second time, with the same ids. The
//! first one counts.

use crate::claude::glance::kind_of_first;
use crate::claude::transcript::{Backwards, Transcript};
use memchr::memmem;
use std::collections::{HashMap, HashSet};

const KEY: &[u8] = b"\"uuid\":\"";
const LENGTH: usize = 36;

/// Returns the offsets of lines after `floor` that repeat a message of an earlier line, also after `floor`.
#[must_use]
pub fn replayed(transcript: &Transcript<'_>, floor: u64) -> HashSet<u64> {
    let mut found = HashSet::new();
    let mut newer: HashMap<[u8; 2 * LENGTH], u64> = HashMap::new();
    let mut lines = Backwards::default();
    lines.begin(transcript.bytes());
    while let Some((offset, line)) = lines.next(transcript.file()) {
        if offset < floor {
            break;
        }
        if !kind_of_first(line).may_be_said() {
            continue;
        }
        // Records also contain ids of other records. Two lines are the same message if both their first and
        // their last id match.
        let (Some(first), Some(last)) = (memmem::find(line, KEY), memmem::rfind(line, KEY)) else { continue };
        let id = |at: usize| line.get(at + KEY.len()..at + KEY.len() + LENGTH);
        let (Some(first), Some(last)) = (id(first), id(last)) else { continue };
        let mut ids = [0; 2 * LENGTH];
        ids[..LENGTH].copy_from_slice(first);
        ids[LENGTH..].copy_from_slice(last);
        if let Some(repeated) = newer.insert(ids, offset) {
            found.insert(repeated);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_of_two_lines_with_the_same_message_is_the_replay() {
        let line = |id: u32, text: &str| {
            format!(
                r#"{{"parentUuid":null,"isSidechain":false,"type":"user","message":{{"role":"user","content":"{text}"}},"uuid":"00000000-0000-4000-8000-{id:012}"}}"#
            )
        };
        let lines = [line(1, "a"), line(2, "b"), line(1, "a"), line(3, "a"), line(2, "b")];
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.jsonl");
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
        let transcript = Transcript::open(&path).unwrap();
        let length = lines[0].len() as u64 + 1;
        assert_eq!(replayed(&transcript, 0), HashSet::from([2 * length, 4 * length]));
        assert_eq!(replayed(&transcript, length), HashSet::from([4 * length]), "the first one is not seen");
    }
}
