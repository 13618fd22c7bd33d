//! Limits how much of a text is shown: the beginning and the end of a long text, with a count of the
//! characters between them, and no control characters.

use crate::text::{head, invisible, on_one_line, shortened};
use std::fmt::Write as _;

/// Number of bytes shown of one line.
const LINE: usize = 2_000;

/// Limits for a text that is shown.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Bytes and lines of the beginning.
    pub head: (usize, usize),
    /// Bytes and lines of the end.
    pub tail: (usize, usize),
}

/// Limits for input and output of tools.
pub const OUTPUT: Bounds = Bounds { head: (24 * 1024, 240), tail: (8 * 1024, 60) };
/// Limits for text by the user, a model or the client.
pub const WRITTEN: Bounds = Bounds { head: (192 * 1024, 4_000), tail: (16 * 1024, 200) };

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShortenedText {
    /// Beginning of the text, or all of it.
    pub head: String,
    /// Amount omitted after the beginning.
    pub left: Option<OmittedAmount>,
    /// End of the text, if something is omitted.
    pub tail: String,
    /// Number of bytes omitted from lines that are too long. A note replaces them.
    pub of_lines: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OmittedAmount {
    pub lines: usize,
    pub bytes: usize,
}

impl ShortenedText {
    /// Shortens a text to these limits.
    #[must_use]
    pub fn of(text: &str, bounds: Bounds) -> Self {
        let text = text.trim_end_matches(['\n', '\r', '\0']);
        let mut shown = Self::default();
        let mut at = 0;
        let mut budget = bounds.head;
        for line in text.split_inclusive('\n') {
            let Some(rest) = spend(budget, line) else { break };
            budget = rest;
            shown.of_lines += push(line, &mut shown.head);
            at += line.len();
        }
        let rest = &text[at..];
        if rest.is_empty() {
            return shown;
        }
        let mut from = rest.len();
        let mut budget = bounds.tail;
        for line in rest.split_inclusive('\n').rev() {
            let Some(rest) = spend(budget, line) else { break };
            budget = rest;
            from -= line.len();
        }
        for line in rest[from..].split_inclusive('\n') {
            shown.of_lines += push(line, &mut shown.tail);
        }
        let middle = &rest[..from];
        if middle.is_empty() {
            let tail = std::mem::take(&mut shown.tail);
            shown.head.push_str(&tail);
        } else {
            let lines = memchr::memchr_iter(b'\n', middle.as_bytes()).count();
            shown.left = Some(OmittedAmount { lines: lines.max(1), bytes: middle.len() });
        }
        shown
    }

    /// Returns the number of bytes that are not shown.
    #[must_use]
    pub fn left_bytes(&self) -> usize {
        self.of_lines + self.left.map_or(0, |left| left.bytes)
    }
}

/// Deducts a line from the remaining bytes and lines; `None` if it exceeds them.
fn spend((bytes, lines): (usize, usize), line: &str) -> Option<(usize, usize)> {
    Some((bytes.checked_sub(line.len().min(LINE))?, lines.checked_sub(1)?))
}

/// Appends a line. Returns the number of its bytes that are omitted.
fn push(line: &str, to: &mut String) -> usize {
    let (inner, end) = line.strip_suffix('\n').map_or((line, ""), |inner| (inner, "\n"));
    let inner = inner.strip_suffix('\r').unwrap_or(inner);
    let head = crate::text::head(inner, LINE);
    visible(head, to);
    let left = inner.len() - head.len();
    if left > 0 {
        let _ = write!(to, " ⟨… {} more bytes of this line⟩", grouped(left as u64));
    }
    to.push_str(end);
    left
}

/// Appends text without active characters: terminal colors are dropped, and every other control,
/// direction-changing or invisible character is shown as its code, such as `⟨U+202E⟩`.
pub fn visible(text: &str, to: &mut String) {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t')) {
        to.push_str(text);
        return;
    }
    let mut rest = text;
    while let Some(char) = rest.chars().next() {
        if let Some(length) = color(rest) {
            rest = &rest[length..];
            continue;
        }
        rest = &rest[char.len_utf8()..];
        match char {
            '\r' if rest.starts_with('\n') => {}
            '\r' => to.push('\n'),
            '\n' | '\t' => to.push(char),
            _ if char.is_control() || invisible(char) => {
                let _ = write!(to, "⟨U+{:04X}⟩", u32::from(char));
            }
            _ => to.push(char),
        }
    }
}

/// Like [`visible`], but returns a new string.
#[must_use]
pub fn made_visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    visible(text, &mut shown);
    shown
}

/// Makes text visible on one line of at most `limit` characters.
#[must_use]
pub fn line_of(text: &str, limit: usize) -> String {
    let shown = made_visible(head(text, 4 * limit + 64));
    shortened(&on_one_line(&shown), limit).into_owned()
}

/// Returns the length of a terminal sequence that only sets colors.
fn color(text: &str) -> Option<usize> {
    let inner = text.strip_prefix("\u{1b}[")?;
    let length = inner.bytes().take_while(|byte| matches!(byte, b'0'..=b'9' | b';' | b':')).count();
    (inner.as_bytes().get(length) == Some(&b'm')).then_some(length + 3)
}

/// Formats a number with thousands separators.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Formats a size in decimal units.
#[must_use]
pub fn size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "one digit behind the point is shown")]
    let scaled = |unit: u64| bytes as f64 / unit as f64;
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{:.1} KB", scaled(1_000)),
        1_000_000..1_000_000_000 => format!("{:.1} MB", scaled(1_000_000)),
        _ => format!("{:.1} GB", scaled(1_000_000_000)),
    }
}

/// Formats a number with its noun.
#[must_use]
pub fn count(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn control_and_direction_characters_are_shown_by_code_point() {
        let hostile = "\u{1b}[1;31mred\u{1b}[0m \u{1b}]0;t\u{7} a\u{202e}b\u{200b}\0c\r\nd\re";
        assert_eq!(made_visible(hostile), "red ⟨U+001B⟩]0;t⟨U+0007⟩ a⟨U+202E⟩b⟨U+200B⟩⟨U+0000⟩c\nd\ne");
        assert_eq!(made_visible("👩\u{200d}💻 漢字 עברית"), "👩\u{200d}💻 漢字 עברית");
    }

    #[test]
    fn a_long_text_shows_its_head_and_tail_and_counts_the_rest() {
        let text = (0..10_000).map(|line| format!("line {line}")).collect::<Vec<_>>().join("\n");
        let shown = ShortenedText::of(&text, OUTPUT);
        assert!(shown.head.starts_with("line 0\n") && shown.head.ends_with("line 239\n"));
        assert!(shown.tail.starts_with("line 9940\n") && shown.tail.ends_with("line 9999"));
        assert_eq!(shown.left.map(|left| left.lines), Some(9_700));
    }

    #[test]
    fn a_line_of_one_megabyte_is_cut() {
        let shown = ShortenedText::of(&"x".repeat(1_000_000), OUTPUT);
        assert_eq!((shown.left, shown.of_lines), (None, 998_000));
        assert!(shown.head.ends_with(" ⟨… 998,000 more bytes of this line⟩"));
    }

    #[test]
    fn numbers_durations_and_sizes_are_formatted_for_reading() {
        assert_eq!((grouped(0).as_str(), grouped(1_234_567).as_str()), ("0", "1,234,567"));
        assert_eq!(size(52_428_800), "52.4 MB");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn every_byte_of_a_shortened_text_is_shown_or_counted(lines in proptest::collection::vec(prop_oneof![8 => Just("abc".to_owned()), 1 => Just(String::new()), 1 => Just("x".repeat(2_500))], 0..500)) {
            let text = lines.join("\n");
            let trimmed = text.trim_end_matches('\n');
            let shown = ShortenedText::of(&text, OUTPUT);
            let marks: usize = [&shown.head, &shown.tail].iter().map(|part| part.lines().filter_map(|line| Some(line.len() - line.find(" ⟨…")?)).sum::<usize>()).sum();
            prop_assert_eq!(shown.head.len() + shown.tail.len() - marks + shown.left_bytes(), trimmed.len());
        }

        #[test]
        fn a_shortened_text_contains_no_control_characters(text in "(?s).{0,300}") {
            let shown = ShortenedText::of(&text, OUTPUT);
            prop_assert!(!shown.head.chars().any(|char| (char.is_control() && char != '\n' && char != '\t') || invisible(char)));
        }
    }
}
