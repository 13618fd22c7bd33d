//! Splits a line into pieces: the records that can be read from it, and the text between them.
//!
//! An intact line is a single record. After a crash, a full disk or a power failure it may be a torn record,
//! several records on one line, a torn record before a whole one, or a record among NUL bytes. The client
//! (2.1.200 to 2.1.329) skips every line that is not a single JSON value, whatever could be read from it.
//!
//! Values are handled as raw text and never serialized again, so that unrepaired parts keep their bytes.

use serde::Deserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Prefixes that mark the start of a record after a torn one. The client writes one of these keys first.
const BEGINNINGS: [&str; 2] = ["{\"parentUuid\":", "{\"type\":\""];
/// Maximum number of candidates for a record tried per line, because a hostile line may contain any number.
const TRIES: usize = 256;
/// Kinds of records with neither an id nor a session id.
const BARE: [&str; 2] = ["summary", "file-history-snapshot"];
const REPLACEMENT: char = '\u{fffd}';

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinePiece<'a> {
    /// A whole record, as JSON.
    Record(Cow<'a, str>),
    /// Text that is not a record, without NUL bytes, so that it can be kept on its own line.
    Torn(Cow<'a, str>),
}

/// A line, split into pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pieces<'a> {
    pub list: Vec<LinePiece<'a>>,
    /// Whether the line is a single record that the client can read.
    pub whole: bool,
    /// Number of NUL bytes in the line.
    pub nul: usize,
    /// Whether some bytes are not valid UTF-8. The client reads a replacement character for them.
    pub invalid_text: bool,
}

impl<'a> Pieces<'a> {
    /// Splits a line (without its line break) into pieces.
    #[must_use]
    pub fn of(line: &'a [u8]) -> Self {
        let nul = memchr::memchr_iter(0, line).count();
        let text = String::from_utf8_lossy(line);
        let invalid_text = matches!(text, Cow::Owned(_));
        if nul == 0 && is_object(text.trim_start_matches('\u{feff}')) {
            let text = match text {
                Cow::Borrowed(text) => Cow::Borrowed(text.trim_start_matches('\u{feff}').trim()),
                Cow::Owned(text) => Cow::Owned(text.trim_start_matches('\u{feff}').trim().to_owned()),
            };
            return Self { list: vec![LinePiece::Record(text)], whole: true, nul, invalid_text };
        }
        let pieces = match text {
            Cow::Borrowed(text) => taken_apart(text),
            Cow::Owned(text) => taken_apart(&text).into_iter().map(LinePiece::owned).collect(),
        };
        Self { list: pieces, whole: false, nul, invalid_text }
    }

    pub fn records(&self) -> impl Iterator<Item = &str> {
        self.list.iter().filter_map(|piece| match piece {
            LinePiece::Record(text) => Some(text.as_ref()),
            LinePiece::Torn(_) => None,
        })
    }
}

impl LinePiece<'_> {
    fn owned(self) -> LinePiece<'static> {
        match self {
            Self::Record(text) => LinePiece::Record(Cow::Owned(text.into_owned())),
            Self::Torn(text) => LinePiece::Torn(Cow::Owned(text.into_owned())),
        }
    }
}

fn taken_apart(text: &str) -> Vec<LinePiece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = trimmed(text);
    let mut tries = TRIES;
    while !rest.is_empty() {
        if let Some((record, length)) = record_at(rest) {
            pieces.push(LinePiece::Record(record));
            rest = trimmed(&rest[length..]);
            continue;
        }
        let next = next_record(rest, &mut tries);
        let torn = trimmed(&rest[..next]);
        pieces.extend(torn_piece(torn));
        rest = trimmed(&rest[next..]);
    }
    pieces
}

/// Returns a torn piece. A record damaged only by NUL bytes becomes a record again, with replacement
/// characters in their place.
fn torn_piece(torn: &str) -> Option<LinePiece<'_>> {
    if torn.is_empty() {
        return None;
    }
    if torn.contains('\0') {
        let mut patched = String::with_capacity(torn.len());
        for part in torn.split('\0').filter(|part| !part.is_empty()) {
            if !patched.is_empty() {
                patched.push(REPLACEMENT);
            }
            patched.push_str(part);
        }
        return Some(if is_record(&patched) {
            LinePiece::Record(patched.into())
        } else {
            LinePiece::Torn(patched.into())
        });
    }
    Some(LinePiece::Torn(torn.into()))
}

/// Returns the record at the start of a text, and its length.
fn record_at(text: &str) -> Option<(Cow<'_, str>, usize)> {
    if !text.starts_with('{') {
        return None;
    }
    let raw = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>().next()?.ok()?.get();
    is_record(raw).then_some((Cow::Borrowed(raw), raw.len()))
}

/// Returns the start of the next record, or the end of the text if there is none.
fn next_record(text: &str, tries: &mut usize) -> usize {
    let mut from = 1;
    while let Some(at) = BEGINNINGS
        .iter()
        .filter_map(|beginning| {
            memchr::memmem::find(&text.as_bytes()[from.min(text.len())..], beginning.as_bytes())
        })
        .min()
        .map(|found| from + found)
    {
        if *tries == 0 {
            break;
        }
        *tries -= 1;
        if record_at(&text[at..]).is_some() {
            return at;
        }
        from = at + 1;
    }
    text.len()
}

fn trimmed(text: &str) -> &str {
    text.trim_matches(|char: char| char.is_whitespace() || char == '\0')
}

fn is_object(text: &str) -> bool {
    let text = text.trim();
    text.starts_with('{') && serde_json::from_str::<&RawValue>(text).is_ok()
}

/// Returns whether a text is a record and not part of one: a tool's input or a block can look similar.
fn is_record(text: &str) -> bool {
    let Some([kind, id, session]) = fields(text, ["type", "uuid", "sessionId"]) else { return false };
    let Some(kind) = kind.and_then(string) else { return false };
    id.and_then(string).is_some() || session.and_then(string).is_some() || BARE.contains(&kind.as_str())
}

/// Returns the raw values of the given keys; the last value of a repeated key, as the client reads it. `None`
/// if the text is not an object.
#[must_use]
pub fn fields<'a, const N: usize>(text: &'a str, keys: [&str; N]) -> Option<[Option<&'a RawValue>; N]> {
    struct Wanted<'k, const N: usize>([&'k str; N]);

    impl<'de, const N: usize> Visitor<'de> for Wanted<'_, N> {
        type Value = [Option<&'de RawValue>; N];

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
            let mut found = [None; N];
            // Compare keys as raw text: one with an unpaired surrogate is not a valid string and never one
            // of the wanted keys.
            while let Some(key) = map.next_key::<&RawValue>()? {
                let key = key.get().trim_matches('"');
                match self.0.iter().position(|wanted| *wanted == key) {
                    Some(place) => found[place] = Some(map.next_value()?),
                    None => {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
            }
            Ok(found)
        }
    }

    let mut deserializer = serde_json::Deserializer::from_str(text);
    let found = deserializer.deserialize_map(Wanted(keys)).ok()?;
    deserializer.end().ok()?;
    Some(found)
}

/// Returns the raw items of an array; `None` for any other value.
#[must_use]
pub fn items(raw: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(raw.get()).ok()
}

/// Returns a string; `None` for any other value, or for one with an unpaired surrogate.
#[must_use]
pub fn string(raw: &RawValue) -> Option<String> {
    raw.get().starts_with('"').then(|| serde_json::from_str(raw.get()).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = r#"{"type":"user","uuid":"a","message":{"content":[{"type":"text","text":"x"}]}}"#;
    const B: &str = r#"{"parentUuid":"a","type":"assistant","uuid":"b"}"#;

    fn told(line: &str) -> Vec<String> {
        let pieces = Pieces::of(line.as_bytes());
        let told = pieces.list.iter().map(|piece| match piece {
            LinePiece::Record(text) => format!("+{text}"),
            LinePiece::Torn(text) => format!("-{text}"),
        });
        told.collect()
    }

    #[test]
    fn a_line_with_one_record_is_whole() {
        assert!(Pieces::of(A.as_bytes()).whole);
        assert!(Pieces::of(format!("  {A}\r").as_bytes()).whole);
        assert!(Pieces::of(b"{}").whole, "what it is, others decide");
        assert!(!Pieces::of(b"").whole);
        let broken = Pieces::of(b"{\"a\":\"\xff\"}");
        assert!(broken.whole && broken.invalid_text);
    }

    #[test]
    fn glued_records_are_separated() {
        assert_eq!(told(&format!("{A}{B}")), [format!("+{A}"), format!("+{B}")]);
        assert_eq!(told(&format!("{A}\0\0 {B}\0")), [format!("+{A}"), format!("+{B}")]);
    }

    #[test]
    fn a_record_after_a_torn_one_is_found_and_a_content_block_is_not_a_record() {
        let torn = &A[..A.len() - 4];
        assert_eq!(told(&format!("{torn}{B}")), [format!("-{torn}"), format!("+{B}")]);
        let block = r#"{"type":"user","message":{"content":[{"type":"text","text":"x"}"#;
        assert_eq!(told(block), [format!("-{block}")]);
    }

    #[test]
    fn a_record_damaged_only_by_nul_bytes_is_recovered() {
        let damaged = A.replace("\"x\"", "\"x\0\0\0y\"");
        assert_eq!(told(&damaged), [format!("+{}", A.replace("\"x\"", "\"x\u{fffd}y\""))]);
        assert!(told("\0\0\0").is_empty());
    }

    #[test]
    fn the_last_of_duplicate_keys_counts() {
        let [a, b] = fields(r#"{"a":1,"b":{"a":3},"a":"2"}"#, ["a", "c"]).unwrap();
        assert_eq!((a.map(RawValue::get), b.is_none()), (Some("\"2\""), true));
        assert!(fields("[1]", ["a"]).is_none());
        assert!(fields(r#"{"\ud800":1}"#, ["a"]).is_some());
    }
}
