//! Decodes a text for the patterns. Escapes of URLs and JSON are decoded, however deeply they are nested, and
//! invisible characters are skipped. Every position in the view maps back to its position in the text.

use memchr::memchr3;
use std::borrow::Cow;

/// Decoded text with a map back to the original.
pub struct View<'a> {
    text: Cow<'a, str>,
    /// Pairs of a position in the view and the original position from which the
    /// text continues there; ascending.
    moves: Vec<(usize, usize)>,
}

/// Maximum run of backslashes that is read as an escape: five levels of nested JSON.
const DEEPEST: usize = 31;

impl<'a> View<'a> {
    #[must_use]
    pub fn of(text: &'a str) -> Self {
        let bytes = text.as_bytes();
        let mut view = String::new();
        let mut moves = Vec::new();
        let mut done = 0;
        let mut at = 0;
        while let Some(found) = memchr3(b'\\', b'%', 0xE2, &bytes[at..]).map(|found| at + found) {
            let Some((means, length)) = escape(&bytes[found..]) else {
                // Skips a run of backslashes at once, which keeps this linear.
                let run = bytes[found..].iter().take_while(|byte| **byte == b'\\').count();
                at = found + run.max(1);
                continue;
            };
            view.push_str(&text[done..found]);
            view.extend(means);
            done = found + length;
            at = done;
            moves.push((view.len(), done));
        }
        if moves.is_empty() {
            return Self { text: Cow::Borrowed(text), moves };
        }
        view.push_str(&text[done..]);
        Self { text: Cow::Owned(view), moves }
    }

    /// Returns the decoded text that the patterns read.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Maps a position in the view to the original text.
    #[must_use]
    pub fn original(&self, at: usize) -> usize {
        match self.moves.partition_point(|(view, _)| *view <= at).checked_sub(1) {
            Some(index) => self.moves[index].1 + (at - self.moves[index].0),
            None => at,
        }
    }
}

/// Returns the character that an escape at the start of these bytes stands for (`None` for an invisible
/// character), and its length.
fn escape(bytes: &[u8]) -> Option<(Option<char>, usize)> {
    match bytes {
        [b'%', rest @ ..] => {
            // %2541 is %41, escaped once more.
            let again = rest.chunks_exact(2).take(4).take_while(|pair| *pair == b"25").count() * 2;
            let value = hex(rest.get(again..again + 2)?)?;
            (matches!(value, b' '..=b'~' | b'\n' | b'\r' | b'\t'))
                .then_some((Some(char::from(value)), again + 3))
        }
        [b'\\', ..] => {
            let run = bytes.iter().take(DEEPEST + 1).take_while(|byte| **byte == b'\\').count();
            let means = match bytes.get(run)? {
                quote @ (b'"' | b'\'' | b'`' | b'/' | b'\n') => char::from(*quote),
                b'n' => '\n',
                b'r' => '\r',
                b't' => '\t',
                b'u' => {
                    let value = bytes.get(run + 1..run + 5).filter(|digits| digits.starts_with(b"00"))?;
                    let value = hex(&value[2..])?;
                    return (b' '..=b'~').contains(&value).then_some((Some(char::from(value)), run + 5));
                }
                _ => return None,
            };
            Some((Some(means), run + 1))
        }
        // Zero-width and direction-changing characters.
        [0xE2, 0x80, 0x8B..=0x8F | 0xAA..=0xAE, ..] | [0xE2, 0x81, 0xA0..=0xAF, ..] => Some((None, 3)),
        _ => None,
    }
}

fn hex(digits: &[u8]) -> Option<u8> {
    digits.iter().try_fold(0, |value: u8, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(value << 4 | u8::try_from(digit).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_are_decoded_even_if_escaped_several_times() {
        for (text, means) in [
            ("a%3Db", "a=b"),
            ("a%253db", "a=b"),
            (r#"{\"a\":\"b\\\"c\"}"#, r#"{"a":"b"c"}"#),
            (r"one\ntwo\\nthree", "one\ntwo\nthree"),
            (r"a\u003db\u0026", "a=b&"),
            ("a\u{200b}b\u{2066}c\u{202e}d", "abcd"),
            (r"C:\dir 100% %zz", r"C:\dir 100% %zz"),
        ] {
            assert_eq!(View::of(text).text(), means);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn every_position_in_the_view_maps_to_a_position_in_the_text(text in r#"(?:[a-z\\"n%25u0041]|\PC){0,60}"#) {
            let view = View::of(&text);
            let mut last = 0;
            for (at, _) in view.text().char_indices() {
                let original = view.original(at);
                prop_assert!(text.is_char_boundary(original) && original >= last);
                last = original;
            }
            prop_assert_eq!(view.original(view.text().len()), text.len());
        }
    }
}
