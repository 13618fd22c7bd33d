//! Parses only those parts of a transcript line that a verdict needs: a glance.
//!
//! Most lines do not affect a verdict, and most of the text in the other lines is needed by no caller. The
//! first bytes of a line, in the key order that clients write, determine its kind, and long texts are not
//! decoded. A line with another key order is parsed in full, with the same result.

use super::outline::{Outline, decoded, once};
use super::record::{
    Assistant, Body, FailureKeys, MetadataRecord, Record, RecordHead, System, ToolCall, ToolResult, User,
    failure, is_background, parse_line, trim,
};
use super::wording::is_compact_summary;
use crate::clock::parse_rfc3339;
use compact_str::CompactString;
use memchr::memmem;
use serde_json::Value;
use std::borrow::Cow;
use std::sync::LazyLock;

static GLUED: LazyLock<memmem::Finder> = LazyLock::new(|| memmem::Finder::new(b"}{\""));
/// Number of bytes at the end of a line that contain the keys shared by all messages.
const SHARED_KEYS: usize = 700;

/// Kind of a line, as determined by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GlanceKind {
    /// Request logs, attachments and subagent records, which never affect a verdict.
    Nothing,
    /// A session metadata record that does not affect a verdict by itself.
    Mark(MetadataMark),
    /// A title, a name, the newest prompt, or a permission mode.
    Meta,
    /// A system record that does not affect a verdict, such as the duration of a turn.
    Note,
    /// A user record: a prompt, or a tool result that its first bytes do not identify as one.
    User,
    /// A user record that starts with a tool result.
    Result,
    Answer,
    /// A message whose first bytes do not identify the sender, or a system record that affects a verdict.
    Message,
    /// The first bytes are inconclusive, or (with [`kind_of`]) the line contains several concatenated
    /// records.
    Unknown,
}

impl GlanceKind {
    /// Returns whether it may be part of the conversation: a prompt, a result, an answer, or a system record
    /// that affects a verdict.
    #[must_use]
    pub const fn may_be_said(self) -> bool {
        matches!(self, Self::User | Self::Result | Self::Answer | Self::Message | Self::Unknown)
    }
}

/// Metadata that is counted but not parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetadataMark {
    /// Written when a process exits gracefully.
    CostState,
    Other,
}

#[must_use]
pub fn kind_of(line: &[u8]) -> GlanceKind {
    let kind = kind_of_first(line);
    if kind != GlanceKind::Unknown && is_glued(line) { GlanceKind::Unknown } else { kind }
}

/// Returns whether a line may contain further records after the first one. A quote inside a string would be
/// escaped, so a match means two records, or a string that ends this way.
#[must_use]
pub fn is_glued(line: &[u8]) -> bool {
    GLUED.find(line).is_some()
}

/// Returns the kind of a line's first record, usually its only one.
#[must_use]
pub fn kind_of_first(line: &[u8]) -> GlanceKind {
    if let Some(rest) = line.strip_prefix(b"{\"type\":\"") {
        let name = &rest[..memchr::memchr(b'"', rest).unwrap_or(0)];
        return match name {
            b"last-prompt" | b"custom-title" | b"agent-name" | b"ai-title" | b"permission-mode"
            | b"summary" | b"continued-in" => GlanceKind::Meta,
            b"cost-state" => GlanceKind::Mark(MetadataMark::CostState),
            b"user" => GlanceKind::User,
            b"assistant" => GlanceKind::Answer,
            b"system" => GlanceKind::Message,
            b"" => GlanceKind::Unknown,
            _ if name.starts_with(b"api-request") || name == b"attachment" => GlanceKind::Nothing,
            _ => GlanceKind::Mark(MetadataMark::Other),
        };
    }
    let Some(rest) = line.strip_prefix(b"{\"parentUuid\":") else { return GlanceKind::Unknown };
    let rest = match rest.strip_prefix(b"null") {
        Some(rest) => rest,
        None => match rest.strip_prefix(b"\"").and_then(|rest| rest.get(36..)?.strip_prefix(b"\"")) {
            Some(rest) => rest,
            None => return GlanceKind::Unknown,
        },
    };
    if rest.starts_with(b",\"isSidechain\":true,") {
        return GlanceKind::Nothing;
    }
    let Some(rest) = rest.strip_prefix(b",\"isSidechain\":false,") else { return GlanceKind::Unknown };
    if rest.starts_with(b"\"attachment\":") {
        return GlanceKind::Nothing;
    }
    if let Some(rest) = rest.strip_prefix(b"\"type\":\"user\"") {
        return user_kind(rest);
    }
    if let Some(rest) = rest.strip_prefix(b"\"promptId\":\"")
        && let Some(end) = memchr::memchr(b'"', &rest[..rest.len().min(64)])
        && let Some(rest) = rest[end..].strip_prefix(b"\",\"type\":\"user\"")
    {
        return user_kind(rest);
    }
    match rest.strip_prefix(b"\"type\":\"system\",\"subtype\":\"") {
        Some(subtype) if !(subtype.starts_with(b"informational") || subtype.starts_with(b"compact_")) => {
            GlanceKind::Note
        }
        Some(_) => GlanceKind::Message,
        None if rest.starts_with(b"\"type\":\"assistant\"") || is_answer(rest) => GlanceKind::Answer,
        None if rest.starts_with(b"\"message\":") => GlanceKind::Message,
        None => GlanceKind::Unknown,
    }
}

fn user_kind(rest: &[u8]) -> GlanceKind {
    let block = rest.strip_prefix(b",\"message\":{\"role\":\"user\",\"content\":[{");
    let is_result = |block: &[u8]| {
        block.starts_with(b"\"tool_use_id\":\"") || block.starts_with(b"\"type\":\"tool_result\",")
    };
    if block.is_some_and(is_result) { GlanceKind::Result } else { GlanceKind::User }
}

/// Returns whether these are the first keys of a model's answer.
fn is_answer(rest: &[u8]) -> bool {
    rest.strip_prefix(b"\"message\":{\"id\":\"msg_").is_some_and(|rest| {
        let end = memchr::memchr(b'"', &rest[..rest.len().min(64)]);
        end.is_some_and(|end| rest[end..].starts_with(b"\",\"type\":\"message\",\"role\":\"assistant\""))
    })
}

/// Returns the `entrypoint` of a message without parsing the message.
#[must_use]
pub fn entrypoint_of(line: &[u8]) -> Option<&[u8]> {
    text_after(&line[line.len().saturating_sub(SHARED_KEYS)..], b"\"entrypoint\":\"")
}

/// Returns the `timestamp` of a system record without parsing the record.
#[must_use]
pub fn timestamp_of(line: &[u8]) -> Option<chrono::DateTime<chrono::Utc>> {
    let end = &line[line.len().saturating_sub(SHARED_KEYS)..];
    text_after(end, b"\"timestamp\":\"").and_then(|text| parse_rfc3339(std::str::from_utf8(text).ok()?))
}

/// Returns the string value after a key; only valid for values without escapes.
#[must_use]
pub fn text_after<'a>(bytes: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let rest = &bytes[memmem::find(bytes, key)? + key.len()..];
    Some(&rest[..memchr::memchr(b'"', rest)?])
}

/// Returns the metadata of a line whose keys are in the client's order and whose value has no escapes.
#[must_use]
pub fn plain_meta(line: &[u8]) -> Option<MetadataRecord> {
    type Wrap = fn(&str) -> MetadataRecord;
    const KEYS: [(&[u8], Wrap); 5] = [
        (b"last-prompt\",\"lastPrompt\":\"", |text| MetadataRecord::LastPrompt(text.to_owned())),
        (b"permission-mode\",\"permissionMode\":\"", |text| MetadataRecord::PermissionMode(text.into())),
        (b"custom-title\",\"customTitle\":\"", |text| MetadataRecord::CustomTitle(text.to_owned())),
        (b"agent-name\",\"agentName\":\"", |text| MetadataRecord::AgentName(text.to_owned())),
        (b"ai-title\",\"aiTitle\":\"", |text| MetadataRecord::AiTitle(text.to_owned())),
    ];
    let rest = line.strip_prefix(b"{\"type\":\"")?;
    let (text, wrap) = KEYS.iter().find_map(|(key, wrap)| Some((rest.strip_prefix(*key)?, wrap)))?;
    let text = &text[..memchr::memchr2(b'"', b'\\', text).filter(|end| text[*end] == b'"')?];
    line.ends_with(b"}").then_some(())?;
    Some(wrap(simdutf8::basic::from_utf8(text).ok()?))
}

/// Parses one line as [`super::record::parse_line`] does, but omits the parts that no verdict needs: tool
/// results, call arguments, the text of answers other than errors, and the ids of other records.
#[must_use]
pub fn glance(offset: u64, line: &[u8]) -> impl DoubleEndedIterator<Item = Record> + use<> {
    let line = trim(line);
    let mut parsed = GlanceLine::default();
    let (one, several) = match parsed.read(line).and_then(|()| record(offset, &mut parsed)) {
        Some(record) => (Some(record), Vec::new()),
        // Concatenated records, unpaired surrogates and unexpected shapes need the full parser.
        None => (None, parse_line(offset, line)),
    };
    one.into_iter().chain(several)
}

/// A partly parsed line, in which rarely needed values remain raw JSON.
#[derive(Default)]
struct GlanceLine<'a> {
    kind: Text<'a>,
    subtype: Text<'a>,
    uuid: Text<'a>,
    is_sidechain: Option<bool>,
    timestamp: Text<'a>,
    cwd: Text<'a>,
    version: Text<'a>,
    git_branch: Text<'a>,
    entrypoint: Text<'a>,
    session_kind: Text<'a>,
    message: Option<GlanceMessage<'a>>,
    content: Raw<'a>,
    is_meta: Option<bool>,
    origin: Raw<'a>,
    prompt_source: Text<'a>,
    turn_origin: Raw<'a>,
    plugin_prompt: Raw<'a>,
    permission_mode: Text<'a>,
    usage_limit_note: Raw<'a>,
    is_compact_summary: Option<bool>,
    is_api_error_message: Option<bool>,
    error: Raw<'a>,
    error_details: Raw<'a>,
    api_error: Raw<'a>,
    api_error_status: Raw<'a>,
    api_error_type: Raw<'a>,
    quota_limits: Raw<'a>,
    last_prompt: Text<'a>,
    custom_title: Text<'a>,
    agent_name: Text<'a>,
    ai_title: Text<'a>,
    summary: Raw<'a>,
    leaf_uuid: Raw<'a>,
    compact_metadata: Raw<'a>,
}

type Text<'a> = Option<Cow<'a, str>>;
/// The raw JSON text of a value.
type Raw<'a> = Option<&'a str>;

#[derive(Default)]
struct GlanceMessage<'a> {
    model: Text<'a>,
    content: Option<GlanceContent<'a>>,
    stop_reason: Text<'a>,
    usage: Option<GlanceUsage>,
}

#[derive(Default)]
struct GlanceUsage {
    input: Option<u64>,
    cache_creation: Option<u64>,
    cache_read: Option<u64>,
}

/// Message content: text, or blocks of which only some fields are parsed.
#[derive(Default)]
enum GlanceContent<'a> {
    #[default]
    None,
    Text(Cow<'a, str>),
    Blocks(Vec<GlanceBlock<'a>>),
}

#[derive(Default)]
struct GlanceBlock<'a> {
    kind: Text<'a>,
    id: Text<'a>,
    name: Text<'a>,
    tool_use_id: Text<'a>,
    is_error: Raw<'a>,
    text: Raw<'a>,
}

impl<'a> GlanceLine<'a> {
    fn read(&mut self, bytes: &'a [u8]) -> Option<()> {
        let mut outline = Outline::of(bytes)?;
        outline.object(|key, rest| match key {
            "type" if rest.peek()? != b'"' => None,
            "type" => rest.text(&mut self.kind),
            "subtype" => rest.text(&mut self.subtype),
            "uuid" => rest.text(&mut self.uuid),
            "isSidechain" => rest.flag(&mut self.is_sidechain),
            "timestamp" => rest.text(&mut self.timestamp),
            "cwd" => rest.text(&mut self.cwd),
            "version" => rest.text(&mut self.version),
            "gitBranch" => rest.text(&mut self.git_branch),
            "entrypoint" => rest.text(&mut self.entrypoint),
            "sessionKind" => rest.text(&mut self.session_kind),
            "message" => once(&mut self.message, message(rest)?),
            "content" => rest.raw(&mut self.content),
            "isMeta" => rest.flag(&mut self.is_meta),
            "origin" => rest.raw(&mut self.origin),
            "promptSource" => rest.text(&mut self.prompt_source),
            "turnOrigin" => rest.raw(&mut self.turn_origin),
            "pluginPrompt" => rest.raw(&mut self.plugin_prompt),
            "permissionMode" => rest.text(&mut self.permission_mode),
            "usageLimitNote" => rest.raw(&mut self.usage_limit_note),
            "isCompactSummary" => rest.flag(&mut self.is_compact_summary),
            "isApiErrorMessage" => rest.flag(&mut self.is_api_error_message),
            "error" => rest.raw(&mut self.error),
            "errorDetails" => rest.raw(&mut self.error_details),
            "apiError" => rest.raw(&mut self.api_error),
            "apiErrorStatus" => rest.raw(&mut self.api_error_status),
            "apiErrorType" => rest.raw(&mut self.api_error_type),
            "quotaLimits" => rest.raw(&mut self.quota_limits),
            "lastPrompt" => rest.text(&mut self.last_prompt),
            "customTitle" => rest.text(&mut self.custom_title),
            "agentName" => rest.text(&mut self.agent_name),
            "aiTitle" => rest.text(&mut self.ai_title),
            "summary" => rest.raw(&mut self.summary),
            "leafUuid" => rest.raw(&mut self.leaf_uuid),
            "compactMetadata" => rest.raw(&mut self.compact_metadata),
            _ => rest.pass(),
        })?;
        outline.is_over().then_some(())
    }
}

fn message<'a>(rest: &mut Outline<'a>) -> Option<GlanceMessage<'a>> {
    let mut message = GlanceMessage::default();
    rest.object(|key, rest| match key {
        "model" => rest.text(&mut message.model),
        "content" => once(&mut message.content, content(rest)?),
        "stop_reason" => rest.text(&mut message.stop_reason),
        "usage" if rest.peek()? == b'{' => once(&mut message.usage, usage(rest)?),
        "usage" => rest.null(&mut message.usage),
        _ => rest.pass(),
    })?;
    Some(message)
}

fn usage(rest: &mut Outline<'_>) -> Option<GlanceUsage> {
    let mut usage = GlanceUsage::default();
    rest.object(|key, rest| match key {
        "input_tokens" => rest.count(&mut usage.input),
        "cache_creation_input_tokens" => rest.count(&mut usage.cache_creation),
        "cache_read_input_tokens" => rest.count(&mut usage.cache_read),
        _ => rest.pass(),
    })?;
    Some(usage)
}

fn content<'a>(rest: &mut Outline<'a>) -> Option<GlanceContent<'a>> {
    match rest.peek()? {
        b'"' => {
            let mut text = None;
            rest.text(&mut text)?;
            text.map(GlanceContent::Text)
        }
        b'[' => {
            let mut blocks = Vec::new();
            rest.array(|rest| {
                blocks.push(block(rest)?);
                Some(())
            })?;
            Some(GlanceContent::Blocks(blocks))
        }
        _ => rest.pass().map(|()| GlanceContent::None),
    }
}

fn block<'a>(rest: &mut Outline<'a>) -> Option<GlanceBlock<'a>> {
    let mut block = GlanceBlock::default();
    rest.object(|key, rest| match key {
        "type" => rest.text(&mut block.kind),
        "id" => rest.text(&mut block.id),
        "name" => rest.text(&mut block.name),
        "tool_use_id" => rest.text(&mut block.tool_use_id),
        "is_error" => rest.raw(&mut block.is_error),
        "text" => rest.raw(&mut block.text),
        _ => rest.pass(),
    })?;
    Some(block)
}

impl GlanceContent<'_> {
    fn blocks(&self) -> &[GlanceBlock<'_>] {
        match self {
            Self::Blocks(blocks) => blocks,
            _ => &[],
        }
    }

    /// Returns the text, or the text of all blocks joined by newlines.
    fn text(&mut self) -> Option<String> {
        match self {
            Self::None => Some(String::new()),
            Self::Text(text) => Some(std::mem::take(text).into_owned()),
            Self::Blocks(blocks) => {
                let mut joined = String::new();
                let mut first = true;
                for block in blocks.iter().filter(|block| is(&block.kind, "text")) {
                    let Some(text) = text(block.text).ok()? else { continue };
                    if !std::mem::take(&mut first) {
                        joined.push('\n');
                    }
                    joined.push_str(&text);
                }
                Some(joined)
            }
        }
    }
}

fn is(text: &Text<'_>, word: &str) -> bool {
    text.as_deref() == Some(word)
}

fn short(text: &mut Text<'_>) -> Option<CompactString> {
    text.take().map(CompactString::from)
}

fn owned(text: &mut Text<'_>) -> Option<String> {
    text.take().map(Cow::into_owned)
}

/// Decodes the value if it is a string.
fn text(raw: Raw<'_>) -> serde_json::Result<Text<'_>> {
    raw.filter(|raw| raw.starts_with('"')).map(decoded).transpose()
}

fn value(raw: Raw<'_>) -> serde_json::Result<Option<Value>> {
    raw.map(serde_json::from_str).transpose()
}

/// Returns `None` if a value contains something that a strict parser rejects, such as an unpaired surrogate.
fn record(offset: u64, line: &mut GlanceLine<'_>) -> Option<Record> {
    Some(Record {
        offset,
        body: body(line)?,
        head: RecordHead {
            uuid: owned(&mut line.uuid),
            sidechain: line.is_sidechain.unwrap_or_default(),
            at: line.timestamp.as_deref().and_then(parse_rfc3339),
            cwd: owned(&mut line.cwd),
            version: short(&mut line.version),
            branch: short(&mut line.git_branch),
            background: is_background(line.session_kind.as_deref()),
            entrypoint: short(&mut line.entrypoint),
            ..RecordHead::default()
        },
    })
}

fn body(line: &mut GlanceLine<'_>) -> Option<Body> {
    let meta = |value: &mut Text<'_>, wrap: fn(String) -> MetadataRecord| {
        owned(value).map_or(Body::Other, |text| Body::Meta(wrap(text)))
    };
    Some(match line.kind.as_deref().unwrap_or_default() {
        "user" => Body::User(user(line)?),
        "assistant" => Body::Assistant(assistant(line)?),
        "system" => Body::System(System {
            subtype: short(&mut line.subtype).unwrap_or_default(),
            content: text(line.content).ok()?.map(Cow::into_owned).unwrap_or_default(),
            post_tokens: value(line.compact_metadata)
                .ok()?
                .and_then(|metadata| metadata.get("postTokens").and_then(Value::as_u64)),
        }),
        "last-prompt" => meta(&mut line.last_prompt, MetadataRecord::LastPrompt),
        "custom-title" => meta(&mut line.custom_title, MetadataRecord::CustomTitle),
        "agent-name" => meta(&mut line.agent_name, MetadataRecord::AgentName),
        "ai-title" => meta(&mut line.ai_title, MetadataRecord::AiTitle),
        "summary" => {
            let leaf = text(line.leaf_uuid).ok()?.map(Cow::into_owned);
            text(line.summary)
                .ok()?
                .map_or(Body::Other, |text| Body::Meta(MetadataRecord::Summary(text.into_owned(), leaf)))
        }
        "permission-mode" => short(&mut line.permission_mode)
            .map_or(Body::Other, |mode| Body::Meta(MetadataRecord::PermissionMode(mode))),
        "cost-state" => Body::Meta(MetadataRecord::CostState),
        // This form is rare, so the full parser handles it.
        "continued-in" => return None,
        _ => Body::Other,
    })
}

fn user(line: &mut GlanceLine<'_>) -> Option<User> {
    let mut content = line.message.take().and_then(|message| message.content).unwrap_or_default();
    let mut user = User {
        text: content.text()?,
        meta: line.is_meta.unwrap_or_default(),
        origin: value(line.origin)
            .ok()?
            .and_then(|origin| origin.get("kind").and_then(Value::as_str).map(CompactString::from)),
        prompt_source: short(&mut line.prompt_source),
        turn_origin: text(line.turn_origin).ok()?.map(CompactString::from),
        plugin_prompt: line.plugin_prompt.is_some(),
        permission_mode: short(&mut line.permission_mode),
        usage_limit_note: value(line.usage_limit_note)
            .ok()?
            .and_then(|note| note.as_str().map(CompactString::from)),
        ..User::default()
    };
    // The flag is newer than the text. Older clients wrote only the text.
    user.compact_summary = line.is_compact_summary == Some(true) || is_compact_summary(&user.text);
    for block in content.blocks().iter().filter(|block| is(&block.kind, "tool_result")) {
        user.results.push(ToolResult {
            id: block.tool_use_id.as_deref().unwrap_or_default().to_owned(),
            text: String::new(),
            error: block.is_error == Some("true"),
        });
    }
    Some(user)
}

fn assistant(line: &mut GlanceLine<'_>) -> Option<Assistant> {
    let Some(mut message) = line.message.take() else { return Some(Assistant::default()) };
    let mut content = message.content.take().unwrap_or_default();
    let mut assistant = Assistant {
        model: short(&mut message.model),
        stop_reason: short(&mut message.stop_reason),
        context_tokens: message.usage.map_or(0, |usage| {
            [usage.input, usage.cache_creation, usage.cache_read]
                .into_iter()
                .flatten()
                .fold(0, u64::saturating_add)
        }),
        ..Assistant::default()
    };
    if line.is_api_error_message == Some(true) {
        assistant.text = content.text()?;
        assistant.failure = Some(failure(FailureKeys {
            error: text(line.error).ok()?.as_deref(),
            error_details: text(line.error_details).ok()?.as_deref(),
            api_error: text(line.api_error).ok()?.as_deref(),
            api_error_status: line.api_error_status.and_then(|status| status.parse().ok()),
            api_error_type: text(line.api_error_type).ok()?.as_deref(),
            quota_limits: value(line.quota_limits).ok()?.as_ref(),
        }));
    }
    for block in content.blocks().iter().filter(|block| is(&block.kind, "tool_use")) {
        assistant.calls.push(ToolCall {
            id: block.id.as_deref().unwrap_or_default().to_owned(),
            name: block.name.as_deref().unwrap_or_default().into(),
            input: Value::Null,
        });
    }
    Some(assistant)
}

/// Reads the lines of all recorded transcripts.
#[cfg(test)]
pub(crate) fn recorded_lines() -> Vec<Vec<u8>> {
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

#[cfg(test)]
mod tests {
    use super::super::outline::damaged;
    use super::*;

    /// Formats a record without the fields that a glance omits.
    fn outline(mut record: Record) -> String {
        record.head.parent = None;
        record.head.session = None;
        match &mut record.body {
            Body::User(user) => {
                user.tool_use_result = None;
                user.prompt_id = None;
                user.rejected = false;
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

    /// Asserts that a glance and the full parser agree on a line, and returns the number of records in it.
    fn agreed(line: &[u8]) -> usize {
        let whole: Vec<_> = parse_line(0, line).into_iter().map(outline).collect();
        let glanced: Vec<_> = glance(0, line).map(outline).collect();
        assert_eq!(glanced, whole, "{}", String::from_utf8_lossy(line));
        whole.len()
    }

    #[test]
    fn a_glance_agrees_with_the_full_parser_on_every_recorded_line() {
        let lines = recorded_lines();
        assert!(lines.len() > 1000);
        for line in &lines {
            agreed(line);
        }
    }

    #[test]
    fn the_kind_from_the_first_bytes_matches_the_record() {
        for line in &recorded_lines() {
            let Some(record) = parse_line(0, line).pop() else { continue };
            let agrees = match kind_of(line) {
                GlanceKind::Nothing => matches!(record.body, Body::Other) || record.head.sidechain,
                GlanceKind::Mark(MetadataMark::CostState) => {
                    matches!(record.body, Body::Meta(MetadataRecord::CostState))
                }
                GlanceKind::Mark(MetadataMark::Other) => matches!(record.body, Body::Other),
                // Some `last-prompt` records have no prompt.
                GlanceKind::Meta => matches!(record.body, Body::Meta(_) | Body::Other),
                GlanceKind::Note => matches!(record.body, Body::System(_)),
                GlanceKind::User => matches!(record.body, Body::User(_)),
                GlanceKind::Result => matches!(&record.body, Body::User(user) if !user.results.is_empty()),
                GlanceKind::Answer => matches!(record.body, Body::Assistant(_)),
                GlanceKind::Message | GlanceKind::Unknown => true,
            };
            if let (Some(plain), Body::Meta(meta)) = (plain_meta(line), &record.body) {
                assert_eq!(format!("{plain:?}"), format!("{meta:?}"));
            }
            assert!(agrees, "{}", String::from_utf8_lossy(line));
            if kind_of(line) == GlanceKind::Note {
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
    fn lines_in_an_unusual_form_are_read_like_the_full_parser() {
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
            r#"{"type":"assistant","message":null,"timestamp":null}"#.into(),
            r#"{"type":"user", "message": {"content": "a"}}"#.into(),
        ] {
            assert_eq!(agreed(line.as_bytes()), 1, "{line}");
        }
        let prompt = br#"{"parentUuid":null,"isSidechain":false,"message":{"id":"msg_1","role":"user","content":"hi"},"type":"user"}"#;
        assert_eq!(kind_of(prompt), GlanceKind::Message);
    }

    #[test]
    fn duplicate_keys_and_nulls_are_read_like_the_full_parser() {
        for line in [
            r#"{"type":"assistant","isApiErrorMessage":true,"error":"rate_limit","error":null,"message":{"content":[]}}"#,
            r#"{"type":"assistant","message":{"usage":{"input_tokens":5},"usage":null,"content":[]}}"#,
            r#"{"type":"user","type":"assistant","message":{"content":"a"}}"#,
            r#"{"type":"user","isSidechain":null,"message":{"content":"a"}}"#,
            r#"{"type":null,"message":{"content":"a"}}"#,
            r#"{"type":"user","timestamp":null,"cwd":null,"version":null,"message":{"content":null}}"#,
        ] {
            agreed(line.as_bytes());
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2000))]
        #[test]
        fn a_glance_agrees_with_the_full_parser_on_damaged_lines(
            which in proptest::prelude::any::<proptest::sample::Index>(),
            at in proptest::prelude::any::<proptest::sample::Index>(),
            byte in proptest::prelude::any::<u8>(),
            how in 0..4_u8,
        ) {
            static LINES: std::sync::LazyLock<Vec<Vec<u8>>> =
                std::sync::LazyLock::new(|| recorded_lines().into_iter().filter(|line| (1..20_000).contains(&line.len())).collect());
            let line = which.get(&LINES).clone();
            let at = at.index(line.len());
            agreed(&damaged(line, at, byte, how));
        }
    }

    #[test]
    fn deep_nesting_and_unexpected_types_are_harmless() {
        let deep = format!("{{\"type\":\"user\",\"x\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(glance(0, deep.as_bytes()).count(), 1);
        for odd in [
            "{\"type\":\"user\",\"message\":{\"content\":7}}",
            "{\"type\":\"user\",\"message\":{\"content\":[1,null,\"x\"]}}",
        ] {
            assert_eq!(glance(0, odd.as_bytes()).count(), 1, "{odd}");
        }
    }
}
