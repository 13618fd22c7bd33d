//! Sanitizes external text for display and storage: removes control, escape and direction-changing characters
//! and limits the length.

use std::borrow::Cow;
use std::iter::Peekable;
use std::str::Chars;

/// Maximum length of raw text that is examined, in bytes. A multi-megabyte prompt is cut here,
/// before any costly work.
pub const LONGEST_RAW: usize = 64 * 1024;

/// Removes terminal escapes, control characters and direction-changing characters; retains line endings and
/// tabs.
#[must_use]
pub fn sanitized(text: &str) -> String {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t')) {
        return text.to_owned();
    }
    let mut clean = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\u{1b}' => skip_escape(&mut chars),
            '\u{9b}' => skip_control_sequence(&mut chars),
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => skip_string(&mut chars),
            '\r' => {
                if chars.peek() != Some(&'\n') {
                    clean.push('\n');
                }
            }
            '\n' | '\t' => clean.push(char),
            _ if char.is_control() || invisible(char) => {}
            _ => clean.push(char),
        }
    }
    clean
}

/// Returns whether a character is invisible or changes how others are displayed.
#[must_use]
pub fn invisible(char: char) -> bool {
    matches!(char,
        '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Skips what follows ESC: a control sequence, a string such as a window title, or a short escape.
fn skip_escape(chars: &mut Peekable<Chars<'_>>) {
    match chars.peek() {
        Some('[') => {
            chars.next();
            skip_control_sequence(chars);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            chars.next();
            skip_string(chars);
        }
        Some(next) if next.is_ascii() && !next.is_ascii_control() => {
            // Intermediate bytes, then one final byte.
            while chars.next_if(|next| matches!(next, ' '..='/')).is_some() {}
            chars.next_if(|next| matches!(next, '0'..='~'));
        }
        _ => {}
    }
}

fn skip_control_sequence(chars: &mut Peekable<Chars<'_>>) {
    while chars.next_if(|next| matches!(next, ' '..='?')).is_some() {}
    chars.next_if(|next| matches!(next, '@'..='~'));
}

/// Skips up to BEL or the string terminator, but never past the end of the line, so that an unterminated
/// string cannot hide the rest.
fn skip_string(chars: &mut Peekable<Chars<'_>>) {
    while let Some(next) = chars.next_if(|next| *next != '\n') {
        match next {
            '\u{7}' | '\u{9c}' => return,
            '\u{1b}' => {
                chars.next_if_eq(&'\\');
                return;
            }
            _ => {}
        }
    }
}

/// Sanitizes a text and puts it on one line, with every run of whitespace as one space and
/// at most `limit` characters.
#[must_use]
pub fn one_line(raw: &str, limit: usize) -> String {
    let simple = raw.len() <= limit
        && raw.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && !raw.contains("  ")
        && raw.trim().len() == raw.len();
    if simple {
        return raw.to_owned();
    }
    let clean = sanitized(head(raw, LONGEST_RAW));
    shortened(&on_one_line(&clean), limit).into_owned()
}

/// Returns the text with its first letter as a capital.
#[must_use]
pub fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Replaces every run of whitespace and line endings with one space.
#[must_use]
pub fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Shortens a text to at most `limit` characters, ending in an ellipsis if something was cut.
#[must_use]
pub fn shortened(text: &str, limit: usize) -> Cow<'_, str> {
    let Some((end, _)) = text.char_indices().nth(limit) else { return Cow::Borrowed(text) };
    let end = text[..end].char_indices().next_back().map_or(0, |(at, _)| at);
    Cow::Owned(format!("{}…", text[..end].trim_end()))
}

/// Returns at most the first `limit` bytes, without splitting a character.
#[must_use]
pub fn head(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

#[must_use]
pub fn length(text: &str) -> usize {
    text.chars().count()
}
/// Converts a size to a floating-point number.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "sizes far below 2^53")]
pub fn as_fraction(size: u64) -> f64 {
    size as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sanitizing_removes_terminal_escapes_titles_and_direction_marks() {
        let hostile = "a\u{1b}[31mred\u{1b}[0m \u{1b}]0;title\u{7}b\u{9b}2Jc\u{202e}d\u{200b}\0e\u{1b}(Bf\u{1b}Pq\u{1b}\\g";
        assert_eq!(sanitized(hostile), "ared bcdefg");
        assert_eq!(sanitized("one\r\ntwo\rthree\tx"), "one\ntwo\nthree\tx");
        assert_eq!(sanitized("\u{1b}]0;never ended\nnext"), "\nnext");
    }

    #[test]
    fn sanitizing_preserves_scripts_and_joined_emoji() {
        for text in ["grüße 漢字 עברית", "👩\u{200d}💻 e\u{301}", "می\u{200c}خواهم"] {
            assert_eq!(sanitized(text), text);
        }
    }

    #[test]
    fn one_line_is_bounded_and_marks_a_cut() {
        assert_eq!(one_line("  a\n b\tc  ", 80), "a b c");
        assert_eq!(one_line("abcdef", 4), "abc…");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn one_line_contains_no_invisible_character(text in "(?s).{0,200}", limit in 1_usize..80) {
            let clean = one_line(&text, limit);
            prop_assert!(length(&clean) <= limit);
            prop_assert!(!clean.chars().any(|char| char.is_control() || invisible(char)));
        }
    }
}
