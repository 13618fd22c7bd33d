//! Finds content in a message that a client or the API rejects, and repairs it without changing the rest.
//!
//! Measured with 2.1.329: Thinking without a signature is sent and rejected, and then the whole conversation
//! is sent without any thinking (2.1.200 gives up). An image of more than 5 MB is never sent, and every turn
//! fails. A result that does not fit makes the client compact the conversation, which loses every turn. An
//! input that is not an object is sent and rejected.

use super::pieces::{fields, items, string};
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// Largest text of a tool result, in bytes. The client limits results of its own tools to far less; a larger
/// one does not fit into a request with a conversation.
pub const LARGEST_RESULT: usize = 1024 * 1024;
/// Number of bytes that are kept of a larger result.
pub const KEPT_RESULT: usize = 64 * 1024;
/// Largest image in characters of base64: the limit of the client and of the API.
pub const LARGEST_IMAGE: usize = 5 * 1024 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Thinking without a plausible signature.
    Thinking,
    /// Input of a tool call that is not an object.
    Input,
    /// A result of this many bytes.
    Result(usize),
    /// An image of this many characters.
    Image(usize),
}

/// What to change in a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Treatment<'a> {
    /// Whether to remove or cut content that the API rejects.
    pub faults: bool,
    /// Whether to convert results to text, because the calls already have a result.
    pub as_text: bool,
    /// Whether to replace images with a sentence.
    pub without_images: bool,
    /// Old and new ids of calls.
    pub renames: &'a [(String, String)],
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tools {
    /// Ids of the message's tool calls.
    pub calls: Vec<String>,
    /// Ids of the calls to which the message's results belong.
    pub results: Vec<String>,
    /// Number of images within the size limit, and their total size.
    pub images: (u64, u64),
}

/// Returns the faults, calls and results in the content of a message.
#[must_use]
pub fn examine(content: &RawValue) -> (Vec<Fault>, Tools) {
    let mut faults = Vec::new();
    let mut tools = Tools::default();
    for block in items(content).unwrap_or_default() {
        let Some(block) = RepairBlock::of(block) else { continue };
        match block.kind.as_str() {
            "tool_use" => tools.calls.extend(block.id.and_then(string)),
            "tool_result" => tools.results.extend(block.tool_use_id.and_then(string)),
            _ => {}
        }
        block.faults(&mut faults);
        block.count_images(&mut tools.images);
    }
    (faults, tools)
}

/// Returns the changed content; `None` if nothing changes.
#[must_use]
pub fn treated(content: &RawValue, treatment: Treatment<'_>) -> Option<String> {
    let mut changed = false;
    let mut kept = Vec::new();
    for raw in items(content)? {
        let Some(block) = RepairBlock::of(raw) else {
            kept.push(raw.get().to_owned());
            continue;
        };
        match block.treated(raw, treatment) {
            BlockTreatment::Same => kept.push(raw.get().to_owned()),
            BlockTreatment::Gone => changed = true,
            BlockTreatment::As(text) => {
                changed = true;
                kept.push(text);
            }
        }
    }
    changed.then(|| format!("[{}]", kept.join(",")))
}

enum BlockTreatment {
    Same,
    Gone,
    As(String),
}

struct RepairBlock<'a> {
    kind: String,
    id: Option<&'a RawValue>,
    tool_use_id: Option<&'a RawValue>,
    input: Option<&'a RawValue>,
    thinking: Option<&'a RawValue>,
    signature: Option<&'a RawValue>,
    content: Option<&'a RawValue>,
    source: Option<&'a RawValue>,
    text: Option<&'a RawValue>,
}

impl<'a> RepairBlock<'a> {
    fn of(raw: &'a RawValue) -> Option<Self> {
        let keys =
            ["type", "id", "tool_use_id", "input", "thinking", "signature", "content", "source", "text"];
        let [kind, id, tool_use_id, input, thinking, signature, content, source, text] =
            fields(raw.get(), keys)?;
        Some(Self {
            kind: string(kind?)?,
            id,
            tool_use_id,
            input,
            thinking,
            signature,
            content,
            source,
            text,
        })
    }

    fn faults(&self, faults: &mut Vec<Fault>) {
        match self.kind.as_str() {
            "thinking" if !self.is_signed() => faults.push(Fault::Thinking),
            "tool_use" if !self.input.is_some_and(|input| input.get().starts_with('{')) => {
                faults.push(Fault::Input);
            }
            "image" => faults.extend(self.image()),
            "tool_result" => {
                let Some(content) = self.content else { return };
                if content.get().starts_with('"') {
                    faults.extend(too_large(content).map(Fault::Result));
                    return;
                }
                for part in items(content).unwrap_or_default() {
                    let Some(part) = RepairBlock::of(part) else { continue };
                    faults.extend(part.image());
                    faults.extend(part.text.and_then(too_large).map(Fault::Result));
                }
            }
            _ => {}
        }
    }

    /// Returns whether thinking has a plausible signature, which must be base64. The thinking may be empty.
    fn is_signed(&self) -> bool {
        let base64 =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_');
        let signature = self.signature.and_then(string).unwrap_or_default();
        let thinking = self.thinking.is_some_and(|thinking| thinking.get().starts_with('"'));
        thinking && !signature.is_empty() && signature.bytes().all(base64)
    }

    fn image(&self) -> Option<Fault> {
        let length = self.image_size()?;
        (length > LARGEST_IMAGE).then_some(Fault::Image(length))
    }

    fn image_size(&self) -> Option<usize> {
        let [data] = fields(self.source.filter(|_| self.kind == "image")?.get(), ["data"])?;
        Some(data?.get().len().saturating_sub(2))
    }

    fn count_images(&self, (count, size): &mut (u64, u64)) {
        let mut add = |block: &RepairBlock<'_>| {
            if let Some(length) = block.image_size().filter(|length| *length <= LARGEST_IMAGE) {
                *count += 1;
                *size += length as u64;
            }
        };
        add(self);
        if let Some(content) = self.content.filter(|_| self.kind == "tool_result") {
            for part in items(content).unwrap_or_default() {
                if let Some(part) = RepairBlock::of(part) {
                    add(&part);
                }
            }
        }
    }

    fn treated(&self, raw: &RawValue, treatment: Treatment<'_>) -> BlockTreatment {
        let mut text = None;
        let renamed = |id: Option<&RawValue>| {
            let id = id.and_then(string)?;
            treatment
                .renames
                .iter()
                .find(|(from, _)| *from == id)
                .map(|(_, to)| Value::from(to.as_str()).to_string())
        };
        for (key, to) in [("id", renamed(self.id)), ("tool_use_id", renamed(self.tool_use_id))] {
            if let Some(to) = to {
                text = replaced(text.as_deref().unwrap_or(raw.get()), key, &to).or(text);
            }
        }
        if treatment.without_images {
            text = without_images(text.as_deref().unwrap_or(raw.get())).or(text);
        }
        match text.and_then(|text| RawValue::from_string(text).ok()) {
            None => self.without_faults(raw, treatment),
            Some(now) => match RepairBlock::of(&now).map(|block| block.without_faults(&now, treatment)) {
                Some(BlockTreatment::As(text)) => BlockTreatment::As(text),
                Some(BlockTreatment::Gone) => BlockTreatment::Gone,
                Some(BlockTreatment::Same) | None => BlockTreatment::As(now.get().to_owned()),
            },
        }
    }

    fn without_faults(&self, raw: &RawValue, treatment: Treatment<'_>) -> BlockTreatment {
        let mut found = Vec::new();
        self.faults(&mut found);
        if self.kind == "tool_result" && treatment.as_text {
            return BlockTreatment::As(self.as_text());
        }
        if found.is_empty() || !treatment.faults {
            return BlockTreatment::Same;
        }
        match self.kind.as_str() {
            "thinking" => BlockTreatment::Gone,
            "image" => BlockTreatment::As(image_note(&found)),
            "tool_use" => {
                let was = self
                    .input
                    .map_or(Value::Null, |input| serde_json::from_str(input.get()).unwrap_or(Value::Null));
                replaced(raw.get(), "input", &json!({"input": was}).to_string())
                    .map_or(BlockTreatment::Same, BlockTreatment::As)
            }
            _ => self.content.map_or(BlockTreatment::Same, |content| {
                replaced(raw.get(), "content", &smaller(content))
                    .map_or(BlockTreatment::Same, BlockTreatment::As)
            }),
        }
    }

    fn as_text(&self) -> String {
        let said = match self.content {
            Some(content) if content.get().starts_with('"') => string(content).unwrap_or_default(),
            Some(content) => items(content)
                .unwrap_or_default()
                .into_iter()
                .filter_map(|part| string(fields(part.get(), ["text"])?[0]?))
                .collect::<Vec<_>>()
                .join("\n"),
            None => String::new(),
        };
        let call = self.tool_use_id.and_then(string).unwrap_or_default();
        json!({"type": "text", "text": format!("[A second result of tool call {call}, which came later:]\n{said}")}).to_string()
    }
}

/// Returns the length of a text if it is too large.
fn too_large(text: &RawValue) -> Option<usize> {
    let length = text.get().len().saturating_sub(2);
    (length > LARGEST_RESULT).then_some(length)
}

fn image_note(found: &[Fault]) -> String {
    let bytes = found.iter().find_map(|fault| match fault {
        Fault::Image(bytes) => Some(*bytes),
        _ => None,
    });
    let text = format!(
        "[This image was removed: its {} bytes exceed the size limit of a request.]",
        bytes.unwrap_or(0)
    );
    json!({"type": "text", "text": text}).to_string()
}

/// Replaces the images in a block; `None` if it has none.
fn without_images(text: &str) -> Option<String> {
    let [kind, content] = fields(text, ["type", "content"])?;
    let note = || {
        json!({"type": "text", "text": "[This image was removed: the images of this conversation together exceeded the size limit of a request.]"}).to_string()
    };
    match string(kind?)?.as_str() {
        "image" => Some(note()),
        "tool_result" => {
            let mut any = false;
            let parts = items(content?)?.into_iter().map(|part| {
                let image = RepairBlock::of(part).is_some_and(|part| part.kind == "image");
                any |= image;
                if image { note() } else { part.get().to_owned() }
            });
            let parts = parts.collect::<Vec<_>>().join(",");
            any.then(|| replaced(text, "content", &format!("[{parts}]"))).flatten()
        }
        _ => None,
    }
}

/// Shortens the parts of a result that are too large.
fn smaller(content: &RawValue) -> String {
    if content.get().starts_with('"') {
        return cut(content);
    }
    let parts = items(content).unwrap_or_default().into_iter().map(|raw| {
        let Some(part) = RepairBlock::of(raw) else { return raw.get().to_owned() };
        if let Some(fault) = part.image() {
            return image_note(&[fault]);
        }
        let text = part.text.filter(|text| too_large(text).is_some());
        text.and_then(|text| replaced(raw.get(), "text", &cut(text))).unwrap_or_else(|| raw.get().to_owned())
    });
    format!("[{}]", parts.collect::<Vec<_>>().join(","))
}

/// Returns the beginning of a JSON string and a note about what was cut off.
fn cut(text: &RawValue) -> String {
    let written = &text.get()[1..text.get().len() - 1];
    let bytes = written.as_bytes();
    let mut end = 0;
    while end < KEPT_RESULT.min(bytes.len()) {
        // Do not split an escape sequence or a surrogate pair.
        end += match (bytes[end], bytes.get(end + 1)) {
            (b'\\', Some(b'u'))
                if is_high_half(&bytes[end + 2..]) && bytes[end + 6..].starts_with(b"\\u") =>
            {
                12
            }
            (b'\\', Some(b'u')) => 6,
            (b'\\', _) => 2,
            _ => 1,
        };
    }
    let mut end = end.min(bytes.len());
    while !written.is_char_boundary(end) {
        end += 1;
    }
    let left = written.len() - end;
    format!(
        "\"{}\\n[{left} more bytes were removed here: the text exceeds the size limit of a request.]\"",
        &written[..end]
    )
}

/// Returns whether the digits are a high surrogate.
fn is_high_half(digits: &[u8]) -> bool {
    matches!(digits, [b'd' | b'D', b'8' | b'9' | b'a' | b'b' | b'A' | b'B', _, _, ..])
}

/// Replaces the value of a key, the last one if the key occurs twice. `None` if there is no such key.
#[must_use]
pub fn replaced(object: &str, key: &str, value: &str) -> Option<String> {
    let [found] = fields(object, [key])?;
    let found = found?.get();
    // Both slices are in the same text, so the distance of their pointers is the offset.
    let at = found.as_ptr() as usize - object.as_ptr() as usize;
    Some(format!("{}{value}{}", &object[..at], &object[at + found.len()..]))
}

/// Like [`replaced`], but inserts a missing key at the start.
#[must_use]
pub fn with(object: &str, key: &str, value: &str) -> Option<String> {
    if let Some(replaced) = replaced(object, key, value) {
        return Some(replaced);
    }
    let at = object.find('{')? + 1;
    let comma = if object[at..].trim_start().starts_with('}') { "" } else { "," };
    Some(format!("{}\"{key}\":{value}{comma}{}", &object[..at], &object[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    fn repaired(text: &str) -> Option<String> {
        treated(&raw(text), Treatment { faults: true, ..Treatment::default() })
    }

    #[test]
    fn only_thinking_blocks_without_a_valid_signature_are_removed() {
        let signed = r#"{"type":"thinking","thinking":"","signature":"RXg="}"#;
        for bad in [
            r#"{"type":"thinking","thinking":"a","signature":""}"#,
            r#"{"type":"thinking","thinking":"a"}"#,
            r#"{"type":"thinking","thinking":"a","signature":null}"#,
            r#"{"type":"thinking","signature":"RXg="}"#,
            r#"{"type":"thinking","thinking":"a","signature":"no base64!"}"#,
        ] {
            let text = format!(r#"[{bad}, {signed} ,{{"type":"text","text":"\ud83d"}}]"#);
            assert_eq!(examine(&raw(&text)).0, [Fault::Thinking], "{bad}");
            assert_eq!(repaired(&text).unwrap(), format!(r#"[{signed},{{"type":"text","text":"\ud83d"}}]"#));
        }
        assert_eq!(repaired(&format!("[{signed}]")), None);
    }

    #[test]
    fn an_oversized_result_keeps_its_beginning() {
        for unit in ["x", "é", "\\u00e9", "\\ud83d\\ude00", "\\\\", "\\n"] {
            let long = unit.repeat(LARGEST_RESULT / unit.len() + 1);
            for content in [format!("\"{long}\""), format!(r#"[{{"type":"text","text":"{long}"}}]"#)] {
                let text = format!(r#"[{{"tool_use_id":"t","type":"tool_result","content":{content}}}]"#);
                assert!(matches!(examine(&raw(&text)).0[..], [Fault::Result(_)]), "{unit}");
                let small = repaired(&text).unwrap();
                assert!(small.len() < KEPT_RESULT + 300 && small.contains("more bytes were removed"));
                assert!(serde_json::from_str::<Value>(&small).is_ok(), "{unit}");
                assert!(examine(&raw(&small)).0.is_empty());
            }
        }
    }

    #[test]
    fn an_oversized_image_is_replaced_by_a_note() {
        let image = format!(
            r#"{{"type":"image","source":{{"type":"base64","data":"{}"}}}}"#,
            "A".repeat(LARGEST_IMAGE + 1)
        );
        for text in [
            format!("[{image}]"),
            format!(r#"[{{"type":"tool_result","tool_use_id":"t","content":[{image}]}}]"#),
        ] {
            assert!(matches!(examine(&raw(&text)).0[..], [Fault::Image(_)]));
            assert!(repaired(&text).unwrap().contains("This image was removed"));
        }
    }

    #[test]
    fn a_text_input_becomes_an_object_and_a_second_result_becomes_text() {
        let call = r#"[{"type":"tool_use","id":"t","name":"X","input":"ls"}]"#;
        assert_eq!(
            repaired(call).unwrap(),
            r#"[{"type":"tool_use","id":"t","name":"X","input":{"input":"ls"}}]"#
        );
        let result =
            raw(r#"[{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"a"}]}]"#);
        let text = treated(&result, Treatment { as_text: true, ..Treatment::default() }).unwrap();
        assert_eq!(
            text,
            r#"[{"type":"text","text":"[A second result of tool call t, which came later:]\na"}]"#
        );
    }

    #[test]
    fn a_json_key_is_replaced_or_added() {
        assert_eq!(with(r#"{"a":1,"b":2}"#, "b", "3").unwrap(), r#"{"a":1,"b":3}"#);
        assert_eq!(with(r#"{"a":1}"#, "b", "3").unwrap(), r#"{"b":3,"a":1}"#);
        assert_eq!(with("{}", "b", "3").unwrap(), r#"{"b":3}"#);
        assert_eq!(with(r#"{"a":1,"a":2}"#, "a", "3").unwrap(), r#"{"a":1,"a":3}"#);
    }
}
