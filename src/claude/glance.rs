//! A glance: a line of a transcript read only as far as a verdict needs.
//!
//! Most lines decide nothing, and most of a line that decides something is text nobody asked for. So the kind of a line
//! is told by its first bytes where they are as the client writes them, and what is read is read without decoding long
//! texts. Other key orders take the long way and give the same answer.

use super::record::{
    Assistant, Body, FailureKeys, Head, Meta, Record, System, ToolCall, ToolResult, User, failure,
    is_background, is_compact_summary, parse_line, trim,
};
use crate::clock::parse_rfc3339;
use memchr::memmem::{self, Finder};
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

static GLUED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"}{\""));
/// Bytes at the end of a line in which the keys shared by all messages stand.
const SHARED_KEYS: usize = 700;

/// What the first bytes of a line tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Request logs, attachments, subagents' records: they decide nothing.
    Nothing,
    /// A record of a session's metadata that decides nothing by itself.
    Mark(Mark),
    /// A title, a name, the newest prompt, a permission mode.
    Meta,
    /// A note of the client's that decides nothing, such as the length of a turn.
    Note,
    /// A user record: a prompt or the result of a tool.
    User,
    /// Another message.
    Message,
    /// The first bytes do not tell, or several records are glued together.
    Unknown,
}

/// Metadata that is only counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Written when a process ends gracefully.
    CostState,
    /// Any other.
    Other,
}

/// Tells the kind of a line.
#[must_use]
pub fn kind_of(line: &[u8]) -> Kind {
    let kind = kind_of_first(line);
    // Within a text the quote would be escaped, so this is two records, or a text that ends so.
    if kind != Kind::Unknown && GLUED.find(line).is_some() { Kind::Unknown } else { kind }
}

fn kind_of_first(line: &[u8]) -> Kind {
    if let Some(rest) = line.strip_prefix(b"{\"type\":\"") {
        let name = &rest[..memchr::memchr(b'"', rest).unwrap_or(0)];
        return match name {
            b"last-prompt" | b"custom-title" | b"agent-name" | b"ai-title" | b"permission-mode"
            | b"summary" => Kind::Meta,
            b"cost-state" => Kind::Mark(Mark::CostState),
            b"user" => Kind::User,
            b"assistant" | b"system" => Kind::Message,
            b"" => Kind::Unknown,
            _ if name.starts_with(b"api-request") || name == b"attachment" => Kind::Nothing,
            _ => Kind::Mark(Mark::Other),
        };
    }
    let Some(rest) = line.strip_prefix(b"{\"parentUuid\":") else { return Kind::Unknown };
    let rest = match rest.strip_prefix(b"null") {
        Some(rest) => rest,
        None => match rest.strip_prefix(b"\"").and_then(|rest| rest.get(36..)?.strip_prefix(b"\"")) {
            Some(rest) => rest,
            None => return Kind::Unknown,
        },
    };
    if rest.starts_with(b",\"isSidechain\":true,") {
        return Kind::Nothing;
    }
    let Some(rest) = rest.strip_prefix(b",\"isSidechain\":false,") else { return Kind::Unknown };
    if rest.starts_with(b"\"attachment\":") {
        return Kind::Nothing;
    }
    if rest.starts_with(b"\"type\":\"user\"") {
        return Kind::User;
    }
    if let Some(rest) = rest.strip_prefix(b"\"promptId\":\"")
        && let Some(end) = memchr::memchr(b'"', &rest[..rest.len().min(64)])
        && rest[end..].starts_with(b"\",\"type\":\"user\"")
    {
        return Kind::User;
    }
    match rest.strip_prefix(b"\"type\":\"system\",\"subtype\":\"") {
        Some(subtype) if !(subtype.starts_with(b"informational") || subtype.starts_with(b"compact_")) => {
            Kind::Note
        }
        Some(_) => Kind::Message,
        None if rest.starts_with(b"\"message\":") || rest.starts_with(b"\"type\":\"assistant\"") => {
            Kind::Message
        }
        None => Kind::Unknown,
    }
}

/// The `entrypoint` of a message, without reading the message.
#[must_use]
pub fn entrypoint_of(line: &[u8]) -> Option<&[u8]> {
    text_after(&line[line.len().saturating_sub(SHARED_KEYS)..], b"\"entrypoint\":\"")
}

/// The `timestamp` of a client's note, without reading the note.
#[must_use]
pub fn timestamp_of(line: &[u8]) -> Option<chrono::DateTime<chrono::Utc>> {
    let end = &line[line.len().saturating_sub(SHARED_KEYS)..];
    text_after(end, b"\"timestamp\":\"").and_then(|text| parse_rfc3339(std::str::from_utf8(text).ok()?))
}

/// The string value after a key; only for values that hold no escapes.
#[must_use]
pub fn text_after<'a>(bytes: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let rest = &bytes[memmem::find(bytes, key)? + key.len()..];
    Some(&rest[..memchr::memchr(b'"', rest)?])
}

/// The metadata of a line that is as the client writes it and holds no escapes.
#[must_use]
pub fn plain_meta(line: &[u8]) -> Option<Meta> {
    type Wrap = fn(String) -> Meta;
    const KEYS: [(&[u8], Wrap); 5] = [
        (b"last-prompt\",\"lastPrompt\":\"", Meta::LastPrompt),
        (b"permission-mode\",\"permissionMode\":\"", Meta::PermissionMode),
        (b"custom-title\",\"customTitle\":\"", Meta::CustomTitle),
        (b"agent-name\",\"agentName\":\"", Meta::AgentName),
        (b"ai-title\",\"aiTitle\":\"", Meta::AiTitle),
    ];
    let rest = line.strip_prefix(b"{\"type\":\"")?;
    let (text, wrap) = KEYS.iter().find_map(|(key, wrap)| Some((rest.strip_prefix(*key)?, wrap)))?;
    let text = &text[..memchr::memchr2(b'"', b'\\', text).filter(|end| text[*end] == b'"')?];
    line.ends_with(b"}").then_some(())?;
    Some(wrap(simdutf8::basic::from_utf8(text).ok()?.to_owned()))
}

/// Reads one line as [`super::record::parse_line`] does, without what a verdict does not need: no results of tools, no
/// arguments of calls, no text of answers that are no errors, no ids of other records.
#[must_use]
pub fn glance(offset: u64, line: &[u8]) -> Vec<Record> {
    let line = trim(line);
    if line.is_empty() {
        return Vec::new();
    }
    // Checked once, not text by text.
    let parsed =
        simdutf8::basic::from_utf8(line).ok().and_then(|text| serde_json::from_str::<Line<'_>>(text).ok());
    if let Some(parsed) = parsed {
        if !parsed.needs_text() {
            return vec![record(offset, parsed, None)];
        }
        if let Ok(words) = serde_json::from_slice::<Words>(line) {
            return vec![record(offset, parsed, Some(words))];
        }
    }
    // Glued records, halves of characters and shapes of another kind: the long way.
    parse_line(offset, line)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "the client's own keys")]
struct Line<'a> {
    #[serde(rename = "type", default, borrow)]
    kind: Cow<'a, str>,
    subtype: Option<Value>,
    uuid: Option<String>,
    #[serde(default)]
    is_sidechain: bool,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    cwd: Option<String>,
    #[serde(borrow)]
    version: Option<&'a RawValue>,
    git_branch: Option<String>,
    entrypoint: Option<String>,
    session_kind: Option<Value>,
    #[serde(borrow)]
    message: Option<Message<'a>>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(default)]
    is_meta: bool,
    origin: Option<Value>,
    prompt_source: Option<String>,
    permission_mode: Option<String>,
    #[serde(default)]
    is_compact_summary: bool,
    #[serde(default)]
    is_api_error_message: bool,
    error: Option<Value>,
    error_details: Option<Value>,
    api_error: Option<Value>,
    api_error_status: Option<Value>,
    api_error_type: Option<Value>,
    quota_limits: Option<Value>,
    last_prompt: Option<String>,
    custom_title: Option<String>,
    agent_name: Option<String>,
    ai_title: Option<String>,
    #[serde(borrow)]
    summary: Option<&'a RawValue>,
    compact_metadata: Option<Value>,
}

impl Line<'_> {
    /// A prompt or an error whose words stand in blocks.
    fn needs_text(&self) -> bool {
        (self.kind == "user" || self.is_api_error_message)
            && self.message.as_ref().is_some_and(|message| message.content.has_text_blocks())
    }
}

/// The words of a message whose content are blocks.
#[derive(Deserialize)]
struct Words {
    message: WordsOfMessage,
}

#[derive(Deserialize)]
struct WordsOfMessage {
    content: Vec<WordsOfBlock>,
}

#[derive(Deserialize)]
struct WordsOfBlock {
    #[serde(rename = "type", default)]
    kind: String,
    text: Option<String>,
}

impl Words {
    fn joined(self) -> String {
        let blocks = self.message.content.into_iter().filter(|block| block.kind == "text");
        blocks.filter_map(|block| block.text).collect::<Vec<_>>().join("\n")
    }
}

#[derive(Deserialize)]
struct Message<'a> {
    model: Option<String>,
    #[serde(borrow, default)]
    content: Content<'a>,
    stop_reason: Option<String>,
    usage: Option<Usage>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
#[expect(clippy::struct_field_names, reason = "named as the client names them")]
struct Usage {
    input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
}

/// Content of a message: text, or blocks of which only the outline is read.
#[derive(Default)]
enum Content<'a> {
    #[default]
    None,
    Text(Cow<'a, str>),
    Blocks(Vec<Block<'a>>),
}

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(rename = "type", default, borrow)]
    kind: Cow<'a, str>,
    id: Option<String>,
    name: Option<String>,
    tool_use_id: Option<String>,
    is_error: Option<Value>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Outline;
        impl<'de> Visitor<'de> for Outline {
            type Value = Content<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("the content of a message")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Content::Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Content::Text(Cow::Owned(text.to_owned())))
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Content::None)
            }
            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Content::None)
            }
            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Content::None)
            }
            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Content::None)
            }
            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Content::None)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut blocks: A) -> Result<Self::Value, A::Error> {
                let mut outline = Vec::new();
                while let Some(block) = blocks.next_element::<Block<'de>>()? {
                    outline.push(block);
                }
                Ok(Content::Blocks(outline))
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Content::None)
            }
        }
        deserializer.deserialize_any(Outline)
    }
}

impl Content<'_> {
    fn blocks(&self) -> &[Block<'_>] {
        match self {
            Self::Blocks(blocks) => blocks,
            _ => &[],
        }
    }

    fn has_text_blocks(&self) -> bool {
        self.blocks().iter().any(|block| block.kind == "text")
    }

    /// Text that is no block.
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone().into_owned(),
            _ => String::new(),
        }
    }
}

fn string(raw: Option<&RawValue>) -> Option<String> {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok())
}

fn owned(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).map(str::to_owned)
}

fn record(offset: u64, line: Line<'_>, words: Option<Words>) -> Record {
    let mut body = body(&line);
    match (&mut body, words) {
        (Body::User(user), Some(words)) => {
            user.text = words.joined();
            user.compact_summary |= is_compact_summary(&user.text);
        }
        (Body::Assistant(assistant), Some(words)) => assistant.text = words.joined(),
        _ => {}
    }
    Record {
        offset,
        head: Head {
            uuid: line.uuid,
            sidechain: line.is_sidechain,
            at: string(line.timestamp).as_deref().and_then(parse_rfc3339),
            cwd: line.cwd,
            version: string(line.version),
            branch: line.git_branch,
            background: is_background(line.session_kind.as_ref()),
            entrypoint: line.entrypoint,
            ..Head::default()
        },
        body,
    }
}

fn body(line: &Line<'_>) -> Body {
    let meta = |value: &Option<String>, wrap: fn(String) -> Meta| {
        value.as_ref().map_or(Body::Other, |text| Body::Meta(wrap(text.clone())))
    };
    match line.kind.as_ref() {
        "user" => Body::User(user(line)),
        "assistant" => Body::Assistant(assistant(line)),
        "system" => Body::System(System {
            subtype: owned(line.subtype.as_ref()).unwrap_or_default(),
            content: string(line.content).unwrap_or_default(),
            post_tokens: line
                .compact_metadata
                .as_ref()
                .and_then(|metadata| metadata.get("postTokens"))
                .and_then(Value::as_u64),
        }),
        "last-prompt" => meta(&line.last_prompt, Meta::LastPrompt),
        "custom-title" => meta(&line.custom_title, Meta::CustomTitle),
        "agent-name" => meta(&line.agent_name, Meta::AgentName),
        "ai-title" => meta(&line.ai_title, Meta::AiTitle),
        "summary" => string(line.summary).map_or(Body::Other, |text| Body::Meta(Meta::Summary(text))),
        "permission-mode" => meta(&line.permission_mode, Meta::PermissionMode),
        "cost-state" => Body::Meta(Meta::CostState),
        _ => Body::Other,
    }
}

fn user(line: &Line<'_>) -> User {
    let Some(message) = &line.message else { return User { meta: line.is_meta, ..User::default() } };
    let mut user = User {
        text: message.content.text(),
        meta: line.is_meta,
        origin: line.origin.as_ref().and_then(|origin| owned(origin.get("kind"))),
        prompt_source: line.prompt_source.clone(),
        permission_mode: line.permission_mode.clone(),
        ..User::default()
    };
    // The flag is younger than the text.
    user.compact_summary = line.is_compact_summary || is_compact_summary(&user.text);
    for block in message.content.blocks().iter().filter(|block| block.kind == "tool_result") {
        user.results.push(ToolResult {
            id: block.tool_use_id.clone().unwrap_or_default(),
            text: String::new(),
            error: block.is_error.as_ref().and_then(Value::as_bool).unwrap_or(false),
        });
    }
    user
}

fn assistant(line: &Line<'_>) -> Assistant {
    let Some(message) = &line.message else { return Assistant::default() };
    let usage = message.usage.as_ref();
    let tokens = |pick: fn(&Usage) -> Option<u64>| usage.and_then(pick).unwrap_or(0);
    Assistant {
        model: message.model.clone(),
        text: if line.is_api_error_message { message.content.text() } else { String::new() },
        calls: message
            .content
            .blocks()
            .iter()
            .filter(|block| block.kind == "tool_use")
            .map(|block| ToolCall {
                id: block.id.clone().unwrap_or_default(),
                name: block.name.clone().unwrap_or_default(),
                input: Value::Null,
            })
            .collect(),
        stop_reason: message.stop_reason.clone(),
        context_tokens: tokens(|usage| usage.input_tokens)
            .saturating_add(tokens(|usage| usage.cache_creation_input_tokens))
            .saturating_add(tokens(|usage| usage.cache_read_input_tokens)),
        failure: line.is_api_error_message.then(|| {
            failure(FailureKeys {
                error: line.error.as_ref(),
                error_details: line.error_details.as_ref(),
                api_error: line.api_error.as_ref(),
                api_error_status: line.api_error_status.as_ref(),
                api_error_type: line.api_error_type.as_ref(),
                quota_limits: line.quota_limits.as_ref(),
            })
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixtures() -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        let mut dirs = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/transcripts")];
        while let Some(dir) = dirs.pop() {
            for entry in std::fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    dirs.push(path);
                } else if path.extension().is_some_and(|ending| ending == "jsonl") {
                    let bytes = std::fs::read(&path).unwrap();
                    lines.extend(bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec));
                }
            }
        }
        lines
    }

    /// A record without what a glance leaves out.
    fn outline(mut record: Record) -> String {
        record.head.parent = None;
        record.head.session = None;
        match &mut record.body {
            Body::User(user) => {
                user.tool_use_result = None;
                user.results.iter_mut().for_each(|result| result.text.clear());
            }
            Body::Assistant(assistant) => {
                assistant.calls.iter_mut().for_each(|call| call.input = Value::Null);
                if assistant.failure.is_none() {
                    assistant.text.clear();
                }
            }
            _ => {}
        }
        format!("{record:?}")
    }

    #[test]
    fn a_glance_agrees_with_the_whole_record_on_every_recorded_line() {
        let lines = fixtures();
        assert!(lines.len() > 1000);
        for line in &lines {
            let whole: Vec<_> = parse_line(0, line).into_iter().map(outline).collect();
            let glanced: Vec<_> = glance(0, line).into_iter().map(outline).collect();
            assert_eq!(glanced, whole, "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn what_the_first_bytes_say_is_what_the_record_is() {
        for line in &fixtures() {
            let Some(record) = parse_line(0, line).pop() else { continue };
            let agrees = match kind_of(line) {
                Kind::Nothing => matches!(record.body, Body::Other) || record.head.sidechain,
                Kind::Mark(Mark::CostState) => matches!(record.body, Body::Meta(Meta::CostState)),
                Kind::Mark(Mark::Other) => matches!(record.body, Body::Other),
                // A last-prompt record without a prompt was seen.
                Kind::Meta => matches!(record.body, Body::Meta(_) | Body::Other),
                Kind::Note => matches!(record.body, Body::System(_)),
                Kind::User => matches!(record.body, Body::User(_)),
                Kind::Message | Kind::Unknown => true,
            };
            if let (Some(plain), Body::Meta(meta)) = (plain_meta(line), &record.body) {
                assert_eq!(format!("{plain:?}"), format!("{meta:?}"));
            }
            assert!(agrees, "{}", String::from_utf8_lossy(line));
            if kind_of(line) == Kind::Note {
                assert_eq!(timestamp_of(line), record.head.at);
            }
            if matches!(record.body, Body::User(_) | Body::Assistant(_)) {
                assert_eq!(
                    entrypoint_of(line).map(|text| String::from_utf8_lossy(text).into_owned()),
                    record.head.entrypoint
                );
            }
        }
    }

    #[test]
    fn deep_nesting_and_foreign_shapes_do_no_harm() {
        let deep = format!("{{\"type\":\"user\",\"x\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(glance(0, deep.as_bytes()).len(), 1);
        for odd in [
            "{\"type\":\"user\",\"message\":{\"content\":7}}",
            "{\"type\":\"user\",\"message\":{\"content\":[1,null,\"x\"]}}",
        ] {
            assert_eq!(glance(0, odd.as_bytes()).len(), 1, "{odd}");
        }
    }
}
