//! Walks the members of one JSON line in order, and reads or skips each value.
//!
//! The walk accepts only what clients write: compact JSON without whitespace, whose keys contain no escapes.
//! It is as strict as a JSON parser, so a line that it walks to the end is valid JSON; for anything else it
//! returns `None`, and the caller uses the full parser. It also rejects a repeated key, unless the first
//! value is `null`.

use std::borrow::Cow;

/// Maximum nesting depth; deeper values are left to the full parser.
const DEPTH: u8 = 60;

/// A position in a line.
pub struct Outline<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Outline<'a> {
    /// Starts at the beginning of a line; `None` if it is not UTF-8 or contains control characters.
    #[must_use]
    pub fn of(line: &'a [u8]) -> Option<Self> {
        let least = line.iter().fold(u8::MAX, |least, byte| least.min(*byte));
        let text = simdutf8::basic::from_utf8(line).ok()?;
        (least >= b' ').then_some(Self { text, at: 0 })
    }

    /// Returns whether nothing follows the value just read.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.at == self.text.len()
    }

    /// Walks an object; calls `member` with each key, and `member` must consume the value.
    pub fn object(&mut self, mut member: impl FnMut(&'a str, &mut Self) -> Option<()>) -> Option<()> {
        self.eat(b'{')?;
        if self.peek()? == b'}' {
            return self.eat(b'}');
        }
        loop {
            let (key, escaped) = self.string()?;
            if escaped {
                return None;
            }
            self.eat(b':')?;
            member(key, self)?;
            match self.step()? {
                b',' => {}
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    /// Walks an array; `element` must consume each value.
    pub fn array(&mut self, mut element: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.eat(b'[')?;
        if self.peek()? == b']' {
            return self.eat(b']');
        }
        loop {
            element(self)?;
            match self.step()? {
                b',' => {}
                b']' => return Some(()),
                _ => return None,
            }
        }
    }

    /// Skips a value and returns its raw text.
    fn value(&mut self) -> Option<&'a str> {
        let from = self.at;
        self.pass()?;
        self.text.get(from..self.at)
    }

    /// Reads a string and decodes its escapes. `null` leaves the slot empty; a second value is rejected.
    pub fn text(&mut self, slot: &mut Option<Cow<'a, str>>) -> Option<()> {
        if self.peek()? != b'"' {
            return self.null(slot);
        }
        let from = self.at;
        let (inner, escaped) = self.string()?;
        let text = if escaped { decoded(self.text.get(from..self.at)?).ok()? } else { inner.into() };
        once(slot, text)
    }

    /// Reads a raw value, with the same rules for `null` and repeated keys.
    pub fn raw(&mut self, slot: &mut Option<&'a str>) -> Option<()> {
        match self.value()? {
            "null" => none(slot.as_ref()),
            raw => once(slot, raw),
        }
    }

    /// Reads an unsigned number, with the same rules for `null` and repeated keys.
    pub fn count(&mut self, slot: &mut Option<u64>) -> Option<()> {
        match self.value()? {
            "null" => none(slot.as_ref()),
            raw => once(slot, raw.parse().ok()?),
        }
    }

    pub fn flag(&mut self, slot: &mut Option<bool>) -> Option<()> {
        once(slot, self.value()?.parse().ok()?)
    }

    pub fn pass(&mut self) -> Option<()> {
        self.pass_within(DEPTH)
    }

    /// Skips `null` if the slot is empty.
    pub fn null<T>(&mut self, slot: &mut Option<T>) -> Option<()> {
        self.literal("null")?;
        none(slot.as_ref())
    }

    /// Returns the first byte of the next value.
    #[must_use]
    pub fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Reads a raw string without its quotes, and reports whether it contains escapes.
    fn string(&mut self) -> Option<(&'a str, bool)> {
        self.eat(b'"')?;
        let bytes = self.text.as_bytes();
        let from = self.at;
        let mut at = from;
        let mut escaped = false;
        loop {
            at += quote_or_backslash_in(&bytes[at..])?;
            if bytes[at] == b'"' {
                self.at = at + 1;
                return Some((self.text.get(from..at)?, escaped));
            }
            escaped = true;
            at += match bytes.get(at + 1)? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
                b'u' if bytes.get(at + 2..at + 6)?.iter().all(u8::is_ascii_hexdigit) => 6,
                _ => return None,
            };
        }
    }

    fn pass_within(&mut self, depth: u8) -> Option<()> {
        match self.peek()? {
            b'"' => self.string().map(drop),
            b'{' => {
                let depth = depth.checked_sub(1)?;
                self.object(|_, rest| rest.pass_within(depth))
            }
            b'[' => {
                let depth = depth.checked_sub(1)?;
                self.array(|rest| rest.pass_within(depth))
            }
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            _ => self.number(),
        }
    }

    fn literal(&mut self, word: &str) -> Option<()> {
        self.text.as_bytes()[self.at..].starts_with(word.as_bytes()).then(|| self.at += word.len())
    }

    fn number(&mut self) -> Option<()> {
        if self.peek()? == b'-' {
            self.at += 1;
        }
        if self.peek()? == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        let rest = &self.text.as_bytes()[self.at..];
        let count = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        self.at += count;
        (count > 0).then_some(())
    }

    fn step(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.step()? == byte).then_some(())
    }
}

/// Most strings are short: up to this length, a call of `memchr2` costs more than comparing eight
/// bytes at a time.
const SHORT_STRING: usize = 32;

fn quote_or_backslash_in(bytes: &[u8]) -> Option<usize> {
    let (near, far) = bytes.split_at(bytes.len().min(SHORT_STRING));
    let (words, rest) = near.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let marks = zero_bytes(word ^ repeated(b'"')) | zero_bytes(word ^ repeated(b'\\'));
        if marks != 0 {
            return Some(index * 8 + marks.trailing_zeros() as usize / 8);
        }
    }
    let in_rest = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'));
    in_rest.map(|at| words.len() * 8 + at).or_else(|| Some(near.len() + memchr::memchr2(b'"', b'\\', far)?))
}

const fn repeated(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// Sets the high bit of the first zero byte; all lower bits are clear.
const fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(repeated(1)) & !word & repeated(0x80)
}

/// Decodes a raw JSON string.
///
/// # Errors
///
/// Returns the JSON parser's error for invalid text, such as an unpaired surrogate.
pub fn decoded(raw: &str) -> serde_json::Result<Cow<'_, str>> {
    let inner = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
    match memchr::memchr(b'\\', inner.as_bytes()) {
        Some(_) => serde_json::from_str(raw).map(Cow::Owned),
        None => Ok(Cow::Borrowed(inner)),
    }
}

/// Accepts `null` only if no earlier member with the same key had a value.
fn none<T>(slot: Option<&T>) -> Option<()> {
    slot.is_none().then_some(())
}

/// Fills an empty slot; returns `None` if it already had a value.
pub fn once<T>(slot: &mut Option<T>, value: T) -> Option<()> {
    slot.replace(value).is_none().then_some(())
}

/// Changes, inserts or removes one byte, or truncates the bytes.
#[cfg(test)]
pub(super) fn damaged(mut bytes: Vec<u8>, at: usize, byte: u8, how: u8) -> Vec<u8> {
    match how {
        0 => bytes[at] = byte,
        1 => bytes.insert(at, byte),
        2 => drop(bytes.remove(at)),
        _ => bytes.truncate(at),
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_or_backslash_is_found_at_any_position() {
        for length in 0..80 {
            let fillers = [b'a', 0x21, 0x23, 0x5b, 0x5d, 0xa2, 0xdc, 0xff];
            for (filler, at) in
                fillers.into_iter().flat_map(|filler| (0..=length).map(move |at| (filler, at)))
            {
                let mut bytes = vec![filler; length];
                let expected = (at < length).then_some(at);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = if at % 2 == 0 { b'"' } else { b'\\' };
                }
                assert_eq!(quote_or_backslash_in(&bytes), expected, "{filler} {length} {at}");
            }
        }
    }

    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    fn walks(text: &[u8]) -> bool {
        Outline::of(text).is_some_and(|mut outline| outline.pass().is_some() && outline.is_over())
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,90}".prop_map(Value::from),
            "[\\x00-\\x7f]{0,90}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 60, 8, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                proptest::collection::vec(("[a-z]{0,70}", inner), 0..8)
                    .prop_map(|members| Value::from(members.into_iter().collect::<Map<_, _>>())),
            ]
        })
    }

    proptest! {
        #[test]
        fn all_compact_json_is_accepted(value in values()) {
            prop_assert!(walks(value.to_string().as_bytes()), "{value}");
        }

        #[test]
        fn accepted_text_is_valid_json(value in values(), at in any::<prop::sample::Index>(), byte in any::<u8>(), how in 0..4_u8) {
            let text = value.to_string().into_bytes();
            let at = at.index(text.len());
            let text = damaged(text, at, byte, how);
            if walks(&text) {
                let read = serde_json::from_slice::<serde::de::IgnoredAny>(&text);
                prop_assert!(read.is_ok(), "{}", String::from_utf8_lossy(&text));
            }
        }
    }

    #[test]
    fn text_that_only_resembles_json_is_rejected() {
        for odd in [
            "",
            "{",
            "}",
            "[",
            "\"",
            "\"a",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{,}",
            "[1,]",
            "[,1]",
            "[1 ]",
            " 1",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "+1",
            "tru",
            "nul",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"\\u12",
            "\"\\",
            "1 2",
            "{1:2}",
            "\"\u{1}\"",
            "[\n]",
            "NaN",
            "{\"a\":1 ,\"b\":2}",
        ] {
            assert!(!walks(odd.as_bytes()), "{odd:?}");
        }
        assert!(!walks(b"\"\xff\""));
        let deep = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(walks(deep(usize::from(DEPTH)).as_bytes()));
        assert!(!walks(deep(usize::from(DEPTH) + 1).as_bytes()));
        assert!(!walks(deep(1_000_000).as_bytes()));
    }

    #[test]
    fn values_are_read_at_the_current_position() {
        let line =
            json!({"a": "x\"y", "b": null, "c": 7, "d": true, "e": [1, {"f": "g"}], "h": "z".repeat(200)})
                .to_string();
        let (mut text, mut none, mut count, mut flag, mut raw, mut long) =
            (None, None, None, None, None, None);
        let mut outline = Outline::of(line.as_bytes()).unwrap();
        let walked = outline.object(|key, rest| match key {
            "a" => rest.text(&mut text),
            "b" => rest.text(&mut none),
            "c" => rest.count(&mut count),
            "d" => rest.flag(&mut flag),
            "e" => rest.raw(&mut raw),
            _ => rest.text(&mut long),
        });
        assert!(walked.is_some() && outline.is_over());
        assert_eq!(
            (text.as_deref(), none, count, flag, raw),
            (Some("x\"y"), None, Some(7), Some(true), Some("[1,{\"f\":\"g\"}]"))
        );
        assert_eq!(long.map(|text| text.len()), Some(200));
    }

    #[test]
    fn a_duplicate_key_is_not_read() {
        for twice in [r#"{"a":"x","a":"y"}"#, r#"{"a":"x","a":null}"#] {
            let (mut text, mut raw) = (None, None);
            let read = |walk: &mut dyn FnMut(&mut Outline<'static>) -> Option<()>| {
                Outline::of(twice.as_bytes()).unwrap().object(|_, rest| walk(rest)).is_some()
            };
            assert!(!read(&mut |rest| rest.text(&mut text)), "{twice}");
            assert!(!read(&mut |rest| rest.raw(&mut raw)), "{twice}");
        }
    }
}
