//! A record: one line of a transcript, reduced to what recovery needs.
//!
//! Record types multiply with every client release; an unknown one becomes [`Body::Other`] and is skipped by every
//! reader. Facts: recorded with clients 2.1.79 to 2.1.329.
//!
//! Short words are kept in place, without memory of their own: a scan reads tens of thousands of records.

use super::wording::{self, Author, ClientText, Marks};
use crate::clock::{from_epoch_seconds, parse_rfc3339};
use chrono::{DateTime, Utc};
use compact_str::CompactString;
use serde::Deserialize;
use serde_json::Value;

/// One record of a transcript.
#[derive(Debug, Clone)]
pub struct Record {
    /// Byte offset of its line in the file.
    pub offset: u64,
    /// Keys that all messages share.
    pub head: Head,
    /// What the record says.
    pub body: Body,
}

/// Keys shared by user, assistant, system and attachment records.
#[derive(Debug, Clone, Default)]
pub struct Head {
    /// Id of the record.
    pub uuid: Option<String>,
    /// Id of the record it follows in the conversation.
    pub parent: Option<String>,
    /// True for a subagent's record.
    pub sidechain: bool,
    /// When it was written.
    pub at: Option<DateTime<Utc>>,
    /// Session it belongs to.
    pub session: Option<String>,
    /// Working directory at that time.
    pub cwd: Option<String>,
    /// Version of the client.
    pub version: Option<CompactString>,
    /// Git branch, `HEAD` when detached.
    pub branch: Option<CompactString>,
    /// `cli` (terminal, background) or `sdk-cli` (`-p`).
    pub entrypoint: Option<CompactString>,
    /// Of a background session, which nobody types into.
    pub background: bool,
}

/// What a record says.
#[derive(Debug, Clone)]
pub enum Body {
    /// A human prompt, tool results, or a text the client made.
    User(User),
    /// Model output or an API error, one record per content block.
    Assistant(Assistant),
    /// A note of the client's in the conversation.
    System(System),
    /// Metadata of the session; the last one of its kind wins.
    Meta(Meta),
    Other,
}

#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "the client's own keys")]
pub struct User {
    /// All text blocks, joined by line ends.
    pub text: String,
    /// Results of tool calls in it.
    pub results: Vec<ToolResult>,
    /// The structured result of the tool, as the client keeps it.
    pub tool_use_result: Option<Value>,
    /// Made by the client, not by a person.
    pub meta: bool,
    /// `human`, `auto-continuation`, `task-notification`, ...; absent in older clients.
    pub origin: Option<CompactString>,
    /// `typed`, `sdk`, `system`, ...
    pub prompt_source: Option<CompactString>,
    /// `human`, `sdk`, `auto_continuation`, `task_notification`, ...; absent in older clients.
    pub turn_origin: Option<CompactString>,
    /// A plugin submitted it.
    pub plugin_prompt: bool,
    /// Id of the prompt whose turn it is part of, which hooks tell too; absent in older clients. A glance leaves it out.
    pub prompt_id: Option<String>,
    /// Permission mode when the prompt was sent.
    pub permission_mode: Option<CompactString>,
    /// `permissionDecision` says that the call whose result it holds was refused; absent in older clients. A glance leaves it out.
    pub rejected: bool,
    /// Summary of an earlier part of the conversation.
    pub compact_summary: bool,
    /// `near_limit`, `wrap_up`, `release`: what the client tells the model about a limit that is near (2.1.246 and newer).
    pub usage_limit_note: Option<CompactString>,
}

impl User {
    #[must_use]
    pub fn author(&self) -> Author {
        let marks = Marks {
            meta: self.meta,
            compact_summary: self.compact_summary,
            plugin_prompt: self.plugin_prompt,
            origin: self.origin.as_deref(),
            prompt_source: self.prompt_source.as_deref(),
            turn_origin: self.turn_origin.as_deref(),
        };
        wording::author(marks, &self.text)
    }

    /// Whether it is a prompt of the user.
    #[must_use]
    pub fn is_prompt(&self) -> bool {
        self.results.is_empty() && self.author() == Author::User
    }

    /// Whether it asks the model for a turn: a prompt of the user, or what the client sends to make the model continue. Commands,
    /// their output, notes about an interruption and summaries do not.
    #[must_use]
    pub fn begins_turn(&self) -> bool {
        use ClientText as T;
        if !self.results.is_empty() {
            return false;
        }
        match self.author() {
            Author::User => true,
            Author::Client(what) => match what {
                T::Interruption
                | T::CompactSummary
                | T::Command
                | T::CommandOutput
                | T::CommandCaveat
                | T::ShellInput
                | T::ShellOutput => false,
                T::Recovery | T::AutoContinuation | T::TaskNotification | T::PluginPrompt => true,
                T::Continuation
                | T::HookFeedback
                | T::PeerMessage
                | T::SkillBody
                | T::Reminder
                | T::Context
                | T::Other => self.origin.is_some() || self.prompt_source.is_some(),
            },
        }
    }
}

/// A tool result block.
#[derive(Debug, Clone)]
pub struct ToolResult {
    /// The call it answers.
    pub id: String,
    pub text: String,
    /// The tool failed or was refused.
    pub error: bool,
}

#[derive(Debug, Clone, Default)]
pub struct Assistant {
    /// Model name; `<synthetic>` for what the client wrote itself.
    pub model: Option<CompactString>,
    /// Text blocks, joined by line ends.
    pub text: String,
    /// Tool calls in it.
    pub calls: Vec<ToolCall>,
    pub stop_reason: Option<CompactString>,
    /// Tokens read by that request: input, cache creation and cache reads together.
    pub context_tokens: u64,
    /// Present when the record is an API error.
    pub failure: Option<Failure>,
}

impl Assistant {
    /// Written by the client itself, not by a model.
    #[must_use]
    pub fn synthetic(&self) -> bool {
        self.model.as_deref() == Some("<synthetic>")
    }
}

/// A tool call block.
#[derive(Debug, Clone)]
pub struct ToolCall {
    /// Id that its result names.
    pub id: String,
    pub name: CompactString,
    pub input: Value,
}

/// The error fields of an assistant record with `isApiErrorMessage`.
#[derive(Debug, Clone, Default)]
pub struct Failure {
    pub error: Option<CompactString>,
    /// `usage_limit_reached`, `connection_failed`, ... (from 2.1.300)
    pub api_error: Option<CompactString>,
    pub status: Option<u16>,
    pub api_type: Option<CompactString>,
    /// Text of the API behind it.
    pub details: Option<String>,
    /// The limit that was hit (from 2.1.240).
    pub quota: Option<Quota>,
}

/// `quotaLimits` of an API error record.
#[derive(Debug, Clone)]
pub struct Quota {
    /// `rejected` when it stopped the request.
    pub status: Option<CompactString>,
    /// `five_hour`, `seven_day`, `seven_day_opus`, `overage`, ...
    pub kind: Option<CompactString>,
    pub resets_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Default)]
pub struct System {
    /// `informational`, `turn_duration`, `api_error`, `compact_boundary`, ...
    pub subtype: CompactString,
    pub content: String,
    /// Tokens of the conversation after it was compacted; only with `compact_boundary`.
    pub post_tokens: Option<u64>,
}

#[derive(Debug, Clone)]
pub enum Meta {
    LastPrompt(String),
    /// Title a person gave.
    CustomTitle(String),
    /// Name a person gave.
    AgentName(String),
    /// Title the client made.
    AiTitle(String),
    /// Title that older clients wrote at the head of a file, and the id of the last message of the conversation it is of, which
    /// may be another session's.
    Summary(String, Option<String>),
    /// Permission mode from here on.
    PermissionMode(CompactString),
    /// Written when a process ends gracefully.
    CostState,
    /// The conversation continued in the session of this id.
    ContinuedIn(CompactString),
}

/// Whether a record's `sessionKind` says that its session runs in the background.
pub(super) fn is_background(kind: Option<&str>) -> bool {
    kind == Some("bg")
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "the client's own keys")]
struct Line {
    #[serde(rename = "type", default)]
    kind: String,
    subtype: Option<Value>,
    uuid: Option<String>,
    parent_uuid: Option<String>,
    #[serde(default)]
    is_sidechain: bool,
    timestamp: Option<Value>,
    session_id: Option<String>,
    cwd: Option<String>,
    version: Option<Value>,
    git_branch: Option<CompactString>,
    entrypoint: Option<CompactString>,
    session_kind: Option<Value>,
    message: Option<Message>,
    content: Option<Value>,
    #[serde(default)]
    is_meta: bool,
    origin: Option<Value>,
    prompt_source: Option<CompactString>,
    turn_origin: Option<Value>,
    plugin_prompt: Option<Value>,
    permission_decision: Option<Value>,
    prompt_id: Option<Value>,
    permission_mode: Option<CompactString>,
    usage_limit_note: Option<Value>,
    #[serde(default)]
    is_compact_summary: bool,
    tool_use_result: Option<Value>,
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
    summary: Option<Value>,
    continued_in_session_id: Option<CompactString>,
    leaf_uuid: Option<Value>,
    compact_metadata: Option<Value>,
}

#[derive(Deserialize)]
struct Message {
    model: Option<CompactString>,
    content: Option<Value>,
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

/// Reads one line. A line that holds several glued records gives them all; what is not a record gives nothing.
#[must_use]
pub fn parse_line(offset: u64, line: &[u8]) -> Vec<Record> {
    let line = trim(line);
    if line.is_empty() {
        return Vec::new();
    }
    if let Ok(parsed) = serde_json::from_slice::<Line>(line) {
        return vec![record(offset, parsed)];
    }
    if let Some(mended) = with_whole_characters(line) {
        return parse_line(offset, &mended);
    }
    // Two objects on one line were seen after a crash between an object and its line end.
    serde_json::Deserializer::from_slice(line)
        .into_iter::<Line>()
        .map_while(Result::ok)
        .map(|parsed| record(offset, parsed))
        .collect()
}

/// The line with a replacement character in place of each half of one; `None` when it has none.
///
/// The client cuts texts in the middle of surrogate pairs and writes the half as `\ud83d`, which is no text to a strict
/// reader, and bytes can be damaged on a disk.
fn with_whole_characters(line: &[u8]) -> Option<Vec<u8>> {
    const REPLACEMENT: &str = "\\ufffd";
    let text = String::from_utf8_lossy(line);
    let mut mended = String::new();
    let mut from = 0;
    let mut at = 0;
    while let Some(found) = text[at..].find('\\') {
        let escape = at + found;
        let unit = |at: usize| -> Option<u16> {
            let digits = text.get(at..)?.strip_prefix("\\u")?.get(..4)?;
            u16::from_str_radix(digits, 16).ok()
        };
        at = match unit(escape) {
            Some(0xd800..=0xdbff) if matches!(unit(escape + 6), Some(0xdc00..=0xdfff)) => escape + 12,
            Some(0xd800..=0xdfff) => {
                mended.push_str(&text[from..escape]);
                mended.push_str(REPLACEMENT);
                from = escape + 6;
                from
            }
            Some(_) => escape + 6,
            // An escaped backslash is not the beginning of the next escape.
            None => escape + 1 + text[escape + 1..].chars().next().map_or(0, char::len_utf8),
        };
    }
    if mended.is_empty() && matches!(text, std::borrow::Cow::Borrowed(_)) {
        return None;
    }
    mended.push_str(&text[from..]);
    Some(mended.into_bytes())
}

/// The byte order mark in UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Blanks and NUL bytes (left by a power cut) around a line mean nothing, nor does a byte order mark, which an editor puts at the
/// beginning of a file and the client reads over.
#[must_use]
pub fn trim(line: &[u8]) -> &[u8] {
    let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
    let noise = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0;
    let start = line.iter().position(|byte| !noise(byte)).unwrap_or(line.len());
    let end = line.iter().rposition(|byte| !noise(byte)).map_or(start, |at| at + 1);
    &line[start..end]
}

fn record(offset: u64, mut line: Line) -> Record {
    let body = body(&mut line);
    Record {
        offset,
        head: Head {
            uuid: line.uuid,
            parent: line.parent_uuid,
            sidechain: line.is_sidechain,
            at: line.timestamp.as_ref().and_then(Value::as_str).and_then(parse_rfc3339),
            session: line.session_id,
            cwd: line.cwd,
            version: word(line.version.as_ref()),
            branch: line.git_branch,
            background: is_background(line.session_kind.as_ref().and_then(Value::as_str)),
            entrypoint: line.entrypoint,
        },
        body,
    }
}

fn body(line: &mut Line) -> Body {
    match line.kind.as_str() {
        "user" => {
            let tool_use_result = line.tool_use_result.take();
            Body::User(User { tool_use_result, ..user(line) })
        }
        "assistant" => Body::Assistant(assistant(line)),
        "system" => Body::System(System {
            subtype: word(line.subtype.as_ref()).unwrap_or_default(),
            content: owned(line.content.as_ref()).unwrap_or_default(),
            post_tokens: line
                .compact_metadata
                .as_ref()
                .and_then(|metadata| metadata.get("postTokens"))
                .and_then(Value::as_u64),
        }),
        "last-prompt" => meta(line.last_prompt.as_ref(), Meta::LastPrompt),
        "custom-title" => meta(line.custom_title.as_ref(), Meta::CustomTitle),
        "agent-name" => meta(line.agent_name.as_ref(), Meta::AgentName),
        "ai-title" => meta(line.ai_title.as_ref(), Meta::AiTitle),
        "summary" => owned(line.summary.as_ref())
            .map_or(Body::Other, |text| Body::Meta(Meta::Summary(text, owned(line.leaf_uuid.as_ref())))),
        "permission-mode" => {
            line.permission_mode.take().map_or(Body::Other, |mode| Body::Meta(Meta::PermissionMode(mode)))
        }
        "cost-state" => Body::Meta(Meta::CostState),
        "continued-in" => line
            .continued_in_session_id
            .take()
            .map_or(Body::Other, |session| Body::Meta(Meta::ContinuedIn(session))),
        _ => Body::Other,
    }
}

fn meta(value: Option<&String>, wrap: impl Fn(String) -> Meta) -> Body {
    value.map_or(Body::Other, |text| Body::Meta(wrap(text.clone())))
}

fn owned(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).map(str::to_owned)
}

fn word(value: Option<&Value>) -> Option<CompactString> {
    value.and_then(Value::as_str).map(CompactString::from)
}

fn user(line: &Line) -> User {
    let content = line.message.as_ref().and_then(|message| message.content.as_ref());
    let mut user = User {
        text: text_of(content),
        meta: line.is_meta,
        origin: line.origin.as_ref().and_then(|origin| word(origin.get("kind"))),
        prompt_source: line.prompt_source.clone(),
        turn_origin: word(line.turn_origin.as_ref()),
        plugin_prompt: line.plugin_prompt.is_some(),
        rejected: line
            .permission_decision
            .as_ref()
            .is_some_and(|said| said.get("decision").and_then(Value::as_str) == Some("reject")),
        prompt_id: owned(line.prompt_id.as_ref()),
        permission_mode: line.permission_mode.clone(),
        usage_limit_note: word(line.usage_limit_note.as_ref()),
        ..User::default()
    };
    // The flag is younger than the text.
    user.compact_summary = line.is_compact_summary || wording::is_compact_summary(&user.text);
    for block in blocks(content, "tool_result") {
        user.results.push(ToolResult {
            id: owned(block.get("tool_use_id")).unwrap_or_default(),
            text: text_of(block.get("content")),
            error: block.get("is_error").and_then(Value::as_bool).unwrap_or(false),
        });
    }
    user
}

fn assistant(line: &Line) -> Assistant {
    let Some(message) = &line.message else { return Assistant::default() };
    let usage = message.usage.as_ref();
    let tokens = |pick: fn(&Usage) -> Option<u64>| usage.and_then(pick).unwrap_or(0);
    Assistant {
        model: message.model.clone(),
        text: text_of(message.content.as_ref()),
        calls: blocks(message.content.as_ref(), "tool_use")
            .map(|block| ToolCall {
                id: owned(block.get("id")).unwrap_or_default(),
                name: word(block.get("name")).unwrap_or_default(),
                input: block.get("input").cloned().unwrap_or(Value::Null),
            })
            .collect(),
        stop_reason: message.stop_reason.clone(),
        context_tokens: tokens(|usage| usage.input_tokens)
            .saturating_add(tokens(|usage| usage.cache_creation_input_tokens))
            .saturating_add(tokens(|usage| usage.cache_read_input_tokens)),
        failure: line.is_api_error_message.then(|| {
            failure(FailureKeys {
                error: line.error.as_ref().and_then(Value::as_str),
                error_details: line.error_details.as_ref().and_then(Value::as_str),
                api_error: line.api_error.as_ref().and_then(Value::as_str),
                api_error_status: line
                    .api_error_status
                    .as_ref()
                    .and_then(Value::as_u64)
                    .and_then(|status| u16::try_from(status).ok()),
                api_error_type: line.api_error_type.as_ref().and_then(Value::as_str),
                quota_limits: line.quota_limits.as_ref(),
            })
        }),
    }
}

/// The error keys of a line, as they stand there.
#[derive(Clone, Copy)]
pub(super) struct FailureKeys<'a> {
    pub error: Option<&'a str>,
    pub error_details: Option<&'a str>,
    pub api_error: Option<&'a str>,
    pub api_error_status: Option<u16>,
    pub api_error_type: Option<&'a str>,
    pub quota_limits: Option<&'a Value>,
}

pub(super) fn failure(keys: FailureKeys<'_>) -> Failure {
    Failure {
        error: keys.error.map(CompactString::from),
        api_error: keys.api_error.map(CompactString::from),
        status: keys.api_error_status,
        api_type: keys.api_error_type.map(CompactString::from),
        details: keys.error_details.map(str::to_owned),
        quota: keys.quota_limits.map(|quota| Quota {
            status: word(quota.get("status")),
            kind: word(quota.get("rateLimitType")),
            resets_at: quota.get("resetsAt").and_then(Value::as_i64).and_then(from_epoch_seconds),
        }),
    }
}

fn blocks<'a>(content: Option<&'a Value>, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    content
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
        .filter(move |block| block.get("type").and_then(Value::as_str) == Some(kind))
}

/// Text of a message's or result's content: a string, or its text blocks.
fn text_of(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(text)) => text.clone(),
        other => blocks(other, "text")
            .filter_map(|block| block.get("text").and_then(Value::as_str))
            .collect::<Vec<_>>()
            .join("\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_glued_records_and_ignores_what_follows_them() {
        let line =
            br#"{"type":"user","message":{"content":"a"}}{"type":"user","message":{"content":"b"}}{"typ"#;
        let texts: Vec<_> = parse_line(7, line)
            .into_iter()
            .map(|record| match record.body {
                Body::User(user) => user.text,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(texts, ["a", "b"]);
    }

    #[test]
    fn half_a_character_costs_no_record() {
        for (written, read) in [
            (r"cut \ud83d", "cut \u{fffd}"),
            (r"\ude00 cut", "\u{fffd} cut"),
            (r"whole \ud83d\ude00", "whole 😀"),
            (r"\ud83d\ud83d\ude00", "\u{fffd}😀"),
            (r"no escape \\ud83d", r"no escape \ud83d"),
        ] {
            let line = format!(r#"{{"type":"user","message":{{"content":"{written}"}}}}"#);
            let records = parse_line(0, line.as_bytes());
            let [Record { body: Body::User(user), .. }] = records.as_slice() else {
                panic!("{written}: {records:?}")
            };
            assert_eq!(user.text, read);
        }
        let broken = b"{\"type\":\"user\",\"message\":{\"content\":\"a\xffb\"}}";
        assert_eq!(parse_line(0, broken).len(), 1, "invalid UTF-8");
    }

    #[test]
    fn damaged_lines_give_no_record() {
        for bad in [&b""[..], b"\0\0\0", b"{", b"[]", b"null", b"\xff\xfe", b"{\"type\":1}"] {
            assert!(parse_line(0, bad).is_empty(), "{bad:?}");
        }
    }
}
