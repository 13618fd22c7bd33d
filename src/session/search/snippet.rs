//! Extracts a snippet, the line around a match without characters that could control a terminal.

use crate::text::sanitized;
use serde::Serialize;
use std::ops::Range;

/// Number of characters shown on each side of a match.
const AROUND: usize = 160;
/// Maximum number of characters shown of the match itself.
const LONGEST_MATCH: usize = 400;

/// Position of the match in a snippet, in UTF-16 units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "SearchSpan"))]
pub struct Span {
    /// Offset of the match, in UTF-16 units.
    pub start: usize,
    /// Length of the match, in UTF-16 units.
    pub length: usize,
}

/// Returns one line around a match, and the position of the match in it. An ellipsis marks omitted text.
#[must_use]
pub fn snippet(text: &str, found: &Range<usize>) -> (String, Span) {
    let before = last(&text[..found.start], AROUND);
    let (matched, all) = first(&text[found.clone()], LONGEST_MATCH);
    let (after, whole) = if all { first(&text[found.end..], AROUND) } else { ("", false) };
    let cut = before.len() < found.start;
    let mut line = String::from(if cut { "…" } else { "" });
    let flat_before = flat(before);
    line.push_str(if cut { &flat_before } else { flat_before.trim_start() });
    let start = units(&line);
    let matched = flat(matched);
    line.push_str(joined(&line, &matched));
    let end = units(&line);
    let after = flat(after);
    let after = joined(&line, &after);
    line.push_str(if whole { after.trim_end() } else { after });
    if !whole {
        line.push('…');
    }
    (line, Span { start, length: end - start })
}

/// Avoids a second space after the first.
fn joined<'a>(line: &str, next: &'a str) -> &'a str {
    if line.is_empty() || line.ends_with(' ') { next.trim_start() } else { next }
}

/// Sanitizes a text and collapses every run of whitespace, including at the ends, to one space.
fn flat(text: &str) -> String {
    let clean = sanitized(text);
    let mut line = String::with_capacity(clean.len());
    for char in clean.chars() {
        if !char.is_whitespace() {
            line.push(char);
        } else if !line.ends_with(' ') {
            line.push(' ');
        }
    }
    line
}

fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// Returns the first `limit` characters, and whether that is the whole text.
fn first(text: &str, limit: usize) -> (&str, bool) {
    match text.char_indices().nth(limit) {
        Some((end, _)) => (&text[..end], false),
        None => (text, true),
    }
}

/// Returns the last `limit` characters.
fn last(text: &str, limit: usize) -> &str {
    let start = text.char_indices().rev().nth(limit.saturating_sub(1)).map_or(0, |(at, _)| at);
    &text[start..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str, needle: &str) -> (String, String) {
        let at = text.find(needle).unwrap();
        let (line, span) = snippet(text, &(at..at + needle.len()));
        let units: Vec<u16> = line.encode_utf16().collect();
        let matched = String::from_utf16(&units[span.start..span.start + span.length]).unwrap();
        (line, matched)
    }

    #[test]
    fn a_match_is_shown_in_one_line_with_its_position() {
        assert_eq!(shown("one\n\n\ttwo 😀 three\n", "three"), ("one two 😀 three".into(), "three".into()));
        assert_eq!(shown("a \u{1b}[31mred\u{1b}[0m b", "red"), ("a red b".into(), "red".into()));
        assert_eq!(
            shown("say \"x\" then\n\ttab here", "then\n\ttab"),
            ("say \"x\" then tab here".into(), "then tab".into())
        );
        assert_eq!(shown("\n  x", "\n  x"), ("x".into(), "x".into()));
        let long = format!("{}needle{}", "é".repeat(500), "日".repeat(500));
        let (line, matched) = shown(&long, "needle");
        assert_eq!(line, format!("…{}needle{}…", "é".repeat(160), "日".repeat(160)));
        assert_eq!(matched, "needle");
    }

    proptest! {
        #[test]
        fn the_match_position_is_always_inside_the_sanitized_line(text in "(?s).{0,400}", from in 0_usize..400, length in 0_usize..400) {
            let from = text.floor_char_boundary(from);
            let to = text.floor_char_boundary(from + length);
            let (line, span) = snippet(&text, &(from..to.max(from)));
            prop_assert!(span.start + span.length <= line.encode_utf16().count());
            prop_assert!(!line.chars().any(char::is_control));
        }
    }
}
