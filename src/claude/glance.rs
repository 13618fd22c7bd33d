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
use compact_str::CompactString;
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
    /// An answer.
    Answer,
    /// A message of which the first bytes do not tell whose it is, or a note of the client's that decides something.
    Message,
    /// The first bytes do not tell, or several records are glued together.
    Unknown,
}

impl Kind {
    /// Whether it may be a record of the conversation: a prompt, a result, an answer or a note that decides something.
    #[must_use]
    pub const fn may_be_said(self) -> bool {
        matches!(self, Self::User | Self::Answer | Self::Message | Self::Unknown)
    }
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
            b"assistant" => Kind::Answer,
            b"system" => Kind::Message,
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
        None if rest.starts_with(b"\"type\":\"assistant\"") || is_answer(rest) => Kind::Answer,
        None if rest.starts_with(b"\"message\":") => Kind::Message,
        None => Kind::Unknown,
    }
}

/// Whether the keys of a message stand there, as those of an answer begin.
fn is_answer(rest: &[u8]) -> bool {
    rest.strip_prefix(b"\"message\":{\"id\":\"msg_").is_some_and(|rest| {
        let end = memchr::memchr(b'"', &rest[..rest.len().min(64)]);
        end.is_some_and(|end| rest[end..].starts_with(b"\",\"type\":\"message\",\"role\":\"assistant\""))
    })
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
    type Wrap = fn(&str) -> Meta;
    const KEYS: [(&[u8], Wrap); 5] = [
        (b"last-prompt\",\"lastPrompt\":\"", |text| Meta::LastPrompt(text.to_owned())),
        (b"permission-mode\",\"permissionMode\":\"", |text| Meta::PermissionMode(text.into())),
        (b"custom-title\",\"customTitle\":\"", |text| Meta::CustomTitle(text.to_owned())),
        (b"agent-name\",\"agentName\":\"", |text| Meta::AgentName(text.to_owned())),
        (b"ai-title\",\"aiTitle\":\"", |text| Meta::AiTitle(text.to_owned())),
    ];
    let rest = line.strip_prefix(b"{\"type\":\"")?;
    let (text, wrap) = KEYS.iter().find_map(|(key, wrap)| Some((rest.strip_prefix(*key)?, wrap)))?;
    let text = &text[..memchr::memchr2(b'"', b'\\', text).filter(|end| text[*end] == b'"')?];
    line.ends_with(b"}").then_some(())?;
    Some(wrap(simdutf8::basic::from_utf8(text).ok()?))
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
    match parsed.map(|parsed| record(offset, parsed)) {
        Some(Ok(record)) => vec![record],
        // Glued records, halves of characters and shapes of another kind: the long way.
        Some(Err(Unread)) | None => parse_line(offset, line),
    }
}

/// A line as far as it is read at once: what most lines do not need is left as it stands.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "the client's own keys")]
struct Line<'a> {
    #[serde(rename = "type", default, borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    subtype: Cow<'a, str>,
    uuid: Option<String>,
    #[serde(default)]
    is_sidechain: bool,
    #[serde(borrow, default)]
    timestamp: Cow<'a, str>,
    cwd: Option<String>,
    version: Option<CompactString>,
    git_branch: Option<CompactString>,
    entrypoint: Option<CompactString>,
    session_kind: Option<CompactString>,
    #[serde(borrow)]
    message: Option<Message<'a>>,
    #[serde(borrow)]
    content: Raw<'a>,
    #[serde(default)]
    is_meta: bool,
    #[serde(borrow)]
    origin: Raw<'a>,
    prompt_source: Option<CompactString>,
    permission_mode: Option<CompactString>,
    #[serde(default)]
    is_compact_summary: bool,
    #[serde(default)]
    is_api_error_message: bool,
    #[serde(borrow)]
    error: Raw<'a>,
    #[serde(borrow)]
    error_details: Raw<'a>,
    #[serde(borrow)]
    api_error: Raw<'a>,
    #[serde(borrow)]
    api_error_status: Raw<'a>,
    #[serde(borrow)]
    api_error_type: Raw<'a>,
    #[serde(borrow)]
    quota_limits: Raw<'a>,
    last_prompt: Option<String>,
    custom_title: Option<String>,
    agent_name: Option<String>,
    ai_title: Option<String>,
    #[serde(borrow)]
    summary: Raw<'a>,
    #[serde(borrow)]
    compact_metadata: Raw<'a>,
}

/// A value as it stands in the line.
type Raw<'a> = Option<&'a RawValue>;

#[derive(Deserialize)]
struct Message<'a> {
    model: Option<CompactString>,
    #[serde(borrow, default)]
    content: Content<'a>,
    stop_reason: Option<CompactString>,
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
    #[serde(default, borrow)]
    id: Cow<'a, str>,
    name: Option<CompactString>,
    #[serde(default, borrow)]
    tool_use_id: Cow<'a, str>,
    #[serde(borrow)]
    is_error: Raw<'a>,
    #[serde(borrow)]
    text: Raw<'a>,
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

    /// Its text, that of its blocks joined by line ends.
    fn text(&mut self) -> Result<String, Unread> {
        match self {
            Self::None => Ok(String::new()),
            Self::Text(text) => Ok(std::mem::take(text).into_owned()),
            Self::Blocks(blocks) => {
                let mut joined = String::new();
                let mut first = true;
                for block in blocks.iter().filter(|block| block.kind == "text") {
                    let Some(text) = text(block.text)? else { continue };
                    if !std::mem::take(&mut first) {
                        joined.push('\n');
                    }
                    joined.push_str(&text);
                }
                Ok(joined)
            }
        }
    }
}

/// A value holds what a strict reader does not read, such as half a character: the whole line goes the long way.
struct Unread;

impl From<serde_json::Error> for Unread {
    fn from(_: serde_json::Error) -> Self {
        Self
    }
}

/// The text that a value is.
fn text(raw: Raw<'_>) -> Result<Option<Cow<'_, str>>, Unread> {
    let Some(raw) = raw.map(RawValue::get).filter(|raw| raw.starts_with('"')) else { return Ok(None) };
    let inner = &raw[1..raw.len() - 1];
    Ok(Some(if inner.contains('\\') { Cow::Owned(serde_json::from_str(raw)?) } else { Cow::Borrowed(inner) }))
}

fn value(raw: Raw<'_>) -> Result<Option<Value>, Unread> {
    Ok(raw.map(|raw| serde_json::from_str(raw.get())).transpose()?)
}

fn record(offset: u64, mut line: Line<'_>) -> Result<Record, Unread> {
    let body = body(&mut line)?;
    Ok(Record {
        offset,
        head: Head {
            uuid: line.uuid,
            sidechain: line.is_sidechain,
            at: parse_rfc3339(&line.timestamp),
            cwd: line.cwd,
            version: line.version,
            branch: line.git_branch,
            background: is_background(line.session_kind.as_deref()),
            entrypoint: line.entrypoint,
            ..Head::default()
        },
        body,
    })
}

fn body(line: &mut Line<'_>) -> Result<Body, Unread> {
    let meta = |value: &mut Option<String>, wrap: fn(String) -> Meta| {
        value.take().map_or(Body::Other, |text| Body::Meta(wrap(text)))
    };
    Ok(match line.kind.as_ref() {
        "user" => Body::User(user(line)?),
        "assistant" => Body::Assistant(assistant(line)?),
        "system" => Body::System(System {
            subtype: CompactString::from(line.subtype.as_ref()),
            content: text(line.content)?.map(Cow::into_owned).unwrap_or_default(),
            post_tokens: value(line.compact_metadata)?
                .and_then(|metadata| metadata.get("postTokens").and_then(Value::as_u64)),
        }),
        "last-prompt" => meta(&mut line.last_prompt, Meta::LastPrompt),
        "custom-title" => meta(&mut line.custom_title, Meta::CustomTitle),
        "agent-name" => meta(&mut line.agent_name, Meta::AgentName),
        "ai-title" => meta(&mut line.ai_title, Meta::AiTitle),
        "summary" => {
            text(line.summary)?.map_or(Body::Other, |text| Body::Meta(Meta::Summary(text.into_owned())))
        }
        "permission-mode" => {
            line.permission_mode.take().map_or(Body::Other, |mode| Body::Meta(Meta::PermissionMode(mode)))
        }
        "cost-state" => Body::Meta(Meta::CostState),
        _ => Body::Other,
    })
}

fn user(line: &mut Line<'_>) -> Result<User, Unread> {
    let mut content = line.message.take().map(|message| message.content).unwrap_or_default();
    let mut user = User {
        text: content.text()?,
        meta: line.is_meta,
        origin: value(line.origin)?
            .and_then(|origin| origin.get("kind").and_then(Value::as_str).map(CompactString::from)),
        prompt_source: line.prompt_source.take(),
        permission_mode: line.permission_mode.take(),
        ..User::default()
    };
    // The flag is younger than the text.
    user.compact_summary = line.is_compact_summary || is_compact_summary(&user.text);
    for block in content.blocks().iter().filter(|block| block.kind == "tool_result") {
        user.results.push(ToolResult {
            id: block.tool_use_id.to_string(),
            text: String::new(),
            error: block.is_error.is_some_and(|error| error.get() == "true"),
        });
    }
    Ok(user)
}

fn assistant(line: &mut Line<'_>) -> Result<Assistant, Unread> {
    let Some(message) = &mut line.message else { return Ok(Assistant::default()) };
    let failure = if line.is_api_error_message {
        Some(failure(FailureKeys {
            error: text(line.error)?.as_deref(),
            error_details: text(line.error_details)?.as_deref(),
            api_error: text(line.api_error)?.as_deref(),
            api_error_status: line.api_error_status.and_then(|status| status.get().parse().ok()),
            api_error_type: text(line.api_error_type)?.as_deref(),
            quota_limits: value(line.quota_limits)?.as_ref(),
        }))
    } else {
        None
    };
    let usage = message.usage.as_ref();
    let tokens = |pick: fn(&Usage) -> Option<u64>| usage.and_then(pick).unwrap_or(0);
    let context_tokens = tokens(|usage| usage.input_tokens)
        .saturating_add(tokens(|usage| usage.cache_creation_input_tokens))
        .saturating_add(tokens(|usage| usage.cache_read_input_tokens));
    Ok(Assistant {
        model: message.model.take(),
        text: if line.is_api_error_message { message.content.text()? } else { String::new() },
        calls: message
            .content
            .blocks()
            .iter()
            .filter(|block| block.kind == "tool_use")
            .map(|block| ToolCall {
                id: block.id.to_string(),
                name: block.name.clone().unwrap_or_default(),
                input: Value::Null,
            })
            .collect(),
        stop_reason: message.stop_reason.take(),
        context_tokens,
        failure,
    })
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
                Kind::Answer => matches!(record.body, Body::Assistant(_)),
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
                    entrypoint_of(line).map(String::from_utf8_lossy).as_deref(),
                    record.head.entrypoint.as_deref()
                );
            }
        }
    }

    #[test]
    fn what_is_not_as_clients_write_it_is_read_as_the_whole_record_is() {
        let half = r"\ud83d";
        for line in [
            format!(r#"{{"type":"assistant","isApiErrorMessage":true,"error":"invalid_request","errorDetails":"prompt is too long {half}","message":{{"model":"<synthetic>","content":[]}}}}"#),
            format!(r#"{{"type":"user","origin":{{"kind":"auto-continuation","x":"{half}"}},"isMeta":true,"message":{{"content":"a"}}}}"#),
            format!(r#"{{"type":"user","message":{{"content":[{{"type":"text","text":"a {half}"}},{{"type":"text","text":"b"}}]}}}}"#),
            format!(r#"{{"type":"system","subtype":"informational","content":"a {half}"}}"#),
            r#"{"type":"assistant","isApiErrorMessage":true,"quotaLimits":{"status":"x","status":"rejected","rateLimitType":"five_hour","resetsAt":1790000000},"message":{"content":[]}}"#.into(),
            r#"{"type":"assistant","isApiErrorMessage":true,"quotaLimits":["rejected","five_hour",1790000000],"message":{"content":[]}}"#.into(),
            r#"{"type":"assistant","isApiErrorMessage":true,"quotaLimits":{"resetsAt":-0},"apiErrorStatus":429.5,"error":7,"message":{"content":[]}}"#.into(),
            r#"{"type":"user","origin":{"kind":"auto-continuation"},"promptSource":"system","permissionMode":"plan","isMeta":true}"#.into(),
            r#"{"type":"user","message":{"content":[{"type":"text","text":7},{"type":"text","text":"b"},{"type":"text","text":""}]}}"#.into(),
            r#"{"type":"user","timestamp":7,"version":7,"message":{"content":"a"}}"#.into(),
            r#"{"type":"assistant","message":{"content":[{"type":"tool_use","id":null,"name":"Bash"}]}}"#.into(),
        ] {
            let whole: Vec<_> = parse_line(0, line.as_bytes()).into_iter().map(outline).collect();
            let glanced: Vec<_> = glance(0, line.as_bytes()).into_iter().map(outline).collect();
            assert_eq!(glanced, whole, "{line}");
            assert_eq!(whole.len(), 1, "{line}");
        }
        let prompt = br#"{"parentUuid":null,"isSidechain":false,"message":{"id":"msg_1","role":"user","content":"hi"},"type":"user"}"#;
        assert_eq!(kind_of(prompt), Kind::Message);
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
