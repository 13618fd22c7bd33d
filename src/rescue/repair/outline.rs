//! Extracts the outline of a record on a line that is too long for memory: the fields that link the record
//! and that pair its calls with results. The rest is streamed and skipped.

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::io::Read;

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Outline {
    #[serde(rename = "type")]
    kind: String,
    uuid: Option<String>,
    parent_uuid: Option<String>,
    #[serde(default)]
    is_sidechain: bool,
    #[serde(default)]
    is_meta: bool,
    timestamp: Option<String>,
    entrypoint: Option<String>,
    subtype: Option<String>,
    session_id: Option<String>,
    message: Option<MessageOutline>,
}

#[derive(Deserialize, Serialize)]
struct MessageOutline {
    id: Option<String>,
    role: Option<String>,
    #[serde(default, deserialize_with = "blocks")]
    content: Vec<BlockOutline>,
}

#[derive(Deserialize, Serialize)]
struct BlockOutline {
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_use_id: Option<String>,
    /// A call without arguments would count as damaged, so an empty object replaces the arguments,
    /// which are not examined.
    #[serde(skip_deserializing, default)]
    input: EmptyObject,
}

#[derive(Default, Serialize)]
struct EmptyObject {}

/// Reads the blocks of a content; a plain text has none.
fn blocks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<BlockOutline>, D::Error> {
    struct Blocks;

    impl<'de> Visitor<'de> for Blocks {
        type Value = Vec<BlockOutline>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text or blocks")
        }

        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
            Ok(Vec::new())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Self::Value, A::Error> {
            let mut blocks = Vec::new();
            while let Some(block) = all.next_element::<BlockOutline>()? {
                // Without its signature, thinking would look damaged.
                if block.kind != "thinking" {
                    blocks.push(block);
                }
            }
            Ok(blocks)
        }
    }

    deserializer.deserialize_any(Blocks)
}

/// Number of bytes that are kept of each text.
const KEPT_TEXT: usize = 4096;
/// Memory limit for making an outline, in bytes. No client writes a line with enough small parts to exceed
/// it.
const LARGEST_OUTLINE: usize = 16 * 1024 * 1024;
const BLOCK: usize = 256 * 1024;

/// Returns the outline of the record on a line, as a record; `None` if the line is not a single record.
///
/// # Errors
///
/// Returns the error of the underlying reader.
pub fn outline_of(line: &mut impl Read) -> std::io::Result<Option<String>> {
    let Some(short) = shortened(line)? else { return Ok(None) };
    let short = String::from_utf8_lossy(&short);
    let outline = serde_json::from_str::<Outline>(&short).ok();
    Ok(outline.and_then(|outline| serde_json::to_string(&outline).ok()))
}

/// Cuts the long texts of a line; `None` if the line is still too large.
fn shortened(line: &mut impl Read) -> std::io::Result<Option<Vec<u8>>> {
    let mut out = Vec::new();
    let mut block = vec![0; BLOCK];
    let mut text = Text::Outside;
    // Bytes of the text kept so far, and the bytes of an escape sequence still to come.
    let (mut kept, mut escape, mut keeps_escape) = (0_usize, 0_usize, false);
    loop {
        let count = line.read(&mut block)?;
        if count == 0 {
            return Ok(Some(out));
        }
        let mut rest = &block[..count];
        while let Some(byte) = rest.first().copied() {
            if out.len() > LARGEST_OUTLINE {
                return Ok(None);
            }
            match text {
                Text::Outside => {
                    let end = memchr::memchr(b'"', rest).map_or(rest.len(), |at| at + 1);
                    out.extend_from_slice(&rest[..end]);
                    if rest[end - 1] == b'"' {
                        (text, kept) = (Text::Inside, 0);
                    }
                    rest = &rest[end..];
                }
                Text::Inside if escape > 0 => {
                    // The letter after the backslash determines the length of the escape sequence.
                    if escape == 5 && byte != b'u' {
                        escape = 1;
                    }
                    // An escape sequence is kept whole or not at all.
                    if keeps_escape {
                        out.push(byte);
                    }
                    kept += 1;
                    escape -= 1;
                    rest = &rest[1..];
                }
                Text::Inside => {
                    let end = memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
                    let room = KEPT_TEXT.saturating_sub(kept).min(end);
                    out.extend_from_slice(&rest[..room]);
                    kept += end;
                    match rest.get(end) {
                        Some(b'"') => {
                            out.push(b'"');
                            text = Text::Outside;
                            rest = &rest[end + 1..];
                        }
                        Some(_) => {
                            kept += 1;
                            keeps_escape = kept <= KEPT_TEXT;
                            if keeps_escape {
                                out.push(b'\\');
                            }
                            escape = 5;
                            rest = &rest[end + 1..];
                        }
                        None => rest = &rest[end..],
                    }
                }
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Text {
    Outside,
    Inside,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_outline_keeps_its_links_and_drops_large_values() {
        let text = r#"{"parentUuid":"p","type":"user","uuid":"u","sessionId":"s","message":{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"LARGE"}]}]},"toolUseResult":{"stdout":"LARGE"}}"#;
        let outline = outline_of(&mut text.as_bytes()).unwrap().unwrap();
        assert!(!outline.contains("LARGE"));
        for kept in [r#""parentUuid":"p""#, r#""uuid":"u""#, r#""tool_use_id":"t""#, r#""sessionId":"s""#] {
            assert!(outline.contains(kept), "{kept} is not in {outline}");
        }
        assert!(
            outline_of(&mut r#"{"type":"user","message":{"content":"a"}}"#.as_bytes()).unwrap().is_some()
        );
        for torn in [r#"{"type":"user","message""#, r#"{"type":"user"}{"type":"user"}"#, "[]"] {
            assert_eq!(outline_of(&mut torn.as_bytes()).unwrap(), None, "{torn}");
        }
    }

    #[test]
    fn long_texts_are_cut_and_the_record_stays_valid() {
        for unit in ["x", "\u{e9}", r"\u00e9", r"\ud83d\ude00", r"\\", r#"\""#, r"\n"] {
            for shift in 0..7 {
                let long = format!("{}{}", "y".repeat(shift), unit.repeat(KEPT_TEXT));
                let text = format!(r#"{{"a":"{long}","type":"user","uuid":"u","b":["{long}"]}}"#);
                let short = shortened(&mut text.as_bytes()).unwrap().unwrap();
                assert!(short.len() < 2 * KEPT_TEXT + 200, "{unit}");
                let outline = outline_of(&mut text.as_bytes()).unwrap();
                assert!(outline.is_some_and(|outline| outline.contains(r#""uuid":"u""#)), "{unit} {shift}");
            }
        }
    }
}
