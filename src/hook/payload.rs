//! Parses the JSON object that a hook receives on standard input, and validates it before any use.
//!
//! A session id must be a UUID, and the transcript must be the file of that name under Claude Code's own
//! directory. A payload without these is refused as a whole; its other fields may have any type.

use super::rest::Turn;
use crate::claude::home::{ClaudeHome, is_session_id};
use crate::claude::wording::{ClientText, client_text};
use crate::session::failure::stop_of_payload;
use crate::session::search::said::with_valid_characters;
use crate::session::{Stop, StopKind};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::{Component, Path, PathBuf};

/// Size limit of a payload, in bytes.
pub const LARGEST: usize = 1024 * 1024;

/// Events that this tool installs hooks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HookEvent {
    /// A session starts, is resumed, cleared or compacted.
    SessionStart,
    Stop,
    SubagentStop,
    /// An API error ended a turn.
    StopFailure,
    PreCompact,
    /// The client shows a notification.
    Notification,
    /// A session ends, or the client switches to another one.
    SessionEnd,
    /// The client is about to process a prompt.
    UserPromptSubmit,
}

impl HookEvent {
    /// Name of the event in Claude Code.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SessionStart => "SessionStart",
            Self::Stop => "Stop",
            Self::SubagentStop => "SubagentStop",
            Self::StopFailure => "StopFailure",
            Self::PreCompact => "PreCompact",
            Self::Notification => "Notification",
            Self::SessionEnd => "SessionEnd",
            Self::UserPromptSubmit => "UserPromptSubmit",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Not a JSON object with a known event.
    NotAnEvent,
    SessionId,
    /// Not the session's own file under Claude Code's directory.
    Transcript,
}

impl Refusal {
    #[must_use]
    pub const fn why(self) -> &'static str {
        match self {
            Self::NotAnEvent => "not an event",
            Self::SessionId => "the session id is not a UUID",
            Self::Transcript => "the transcript path is not the session's own",
        }
    }
}

/// The event, the session and the transcript must have their types. Every other field only describes the event: one
/// with another type counts as absent, because refusing the payload would lose the stop.
#[derive(Deserialize)]
struct Raw {
    hook_event_name: HookEvent,
    session_id: String,
    transcript_path: Option<PathBuf>,
    cwd: Option<Value>,
    agent_id: Option<Value>,
    error: Option<Value>,
    error_details: Option<Value>,
    last_assistant_message: Option<Value>,
    reason: Option<Value>,
    source: Option<Value>,
    notification_type: Option<Value>,
    prompt: Option<Value>,
    prompt_id: Option<Value>,
}

/// Returns a text; `None` for a value of any other type.
fn text(value: Option<Value>) -> Option<String> {
    if let Some(Value::String(text)) = value { Some(text) } else { None }
}

/// Parses a payload. The client truncates texts in the middle of a surrogate pair, and writes the half as an
/// escape that the JSON parser rejects.
fn raw(input: &[u8]) -> Option<Raw> {
    serde_json::from_slice(input).ok().or_else(|| serde_json::from_slice(&with_valid_characters(input)?).ok())
}

#[derive(Debug, Clone)]
pub struct Payload {
    pub event: HookEvent,
    pub session: String,
    /// Path of the session's transcript; the file is not opened.
    pub transcript: PathBuf,
    pub cwd: Option<String>,
    /// Whether a subagent caused the event.
    pub subagent: bool,
    /// For `StopFailure`: the client's name for the error.
    pub error: Option<String>,
    /// For `StopFailure`: the error text of the API.
    pub error_details: Option<String>,
    /// Text of the last assistant message; in a `StopFailure`, the text of the error.
    pub last_message: Option<String>,
    /// For `SessionEnd`: `clear`, `resume`, `prompt_input_exit`, `other`.
    pub reason: Option<String>,
    /// For `SessionStart`: `startup`, `resume`, `clear`, `compact`, `fork`.
    pub source: Option<String>,
    pub notification: Option<String>,
    /// For `UserPromptSubmit`: whether the user typed the prompt.
    pub typed: bool,
    /// For `UserPromptSubmit`: whether the client continues by itself after a limit. Only the text of the
    /// prompt shows it.
    pub continues_by_client: bool,
    /// Id of the prompt that the turn answers, as in the transcript; older clients do not send it.
    pub prompt_id: Option<String>,
}

/// Content of a hook payload, read without accessing any file.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PayloadReading {
    #[cfg_attr(test, ts(as = "String"))]
    pub event: HookEvent,
    #[cfg_attr(test, ts(as = "Option<String>"))]
    pub session: String,
    /// For `StopFailure`: the kind of stop; `null` if a subagent stopped instead of the session.
    pub kind: Option<StopKind>,
    pub subagent: bool,
}

impl Payload {
    #[must_use]
    pub fn reading(self, now: DateTime<Utc>) -> PayloadReading {
        let kind = self.stop(now).map(|stop| stop.kind);
        PayloadReading { event: self.event, session: self.session, kind, subagent: self.subagent }
    }

    /// Parses a payload and checks that the transcript is the session's own.
    ///
    /// # Errors
    /// The [`Refusal`] for anything that is not exactly a payload of one of our events.
    pub fn check(input: &[u8], home: &ClaudeHome) -> Result<Self, Refusal> {
        let payload = Self::parse(input)?;
        if own_transcript(&payload.transcript, &payload.session, home) {
            Ok(payload)
        } else {
            Err(Refusal::Transcript)
        }
    }

    /// Like [`Payload::check`], but does not check the path of the transcript.
    ///
    /// # Errors
    /// The [`Refusal`] for anything that is not a payload of one of our events.
    pub fn parse(input: &[u8]) -> Result<Self, Refusal> {
        let raw = raw(input).ok_or(Refusal::NotAnEvent)?;
        if !is_session_id(&raw.session_id) {
            return Err(Refusal::SessionId);
        }
        let prompt = raw.prompt.as_ref().and_then(Value::as_str);
        Ok(Self {
            event: raw.hook_event_name,
            session: raw.session_id,
            transcript: raw.transcript_path.ok_or(Refusal::Transcript)?,
            cwd: text(raw.cwd),
            subagent: raw.agent_id.is_some_and(|id| !id.is_null() && id != ""),
            error: text(raw.error),
            error_details: text(raw.error_details),
            last_message: text(raw.last_assistant_message),
            reason: text(raw.reason),
            source: text(raw.source),
            notification: text(raw.notification_type),
            prompt_id: text(raw.prompt_id),
            typed: prompt.is_some_and(|prompt| client_text(prompt).is_none_or(ClientText::is_typed)),
            continues_by_client: prompt.and_then(client_text) == Some(ClientText::AutoContinuation),
        })
    }

    /// Returns the turn that ended, for a `Stop` event.
    pub(super) fn turn(&self) -> Turn<'_> {
        Turn { prompt: self.prompt_id.as_deref(), said: self.last_message.as_deref() }
    }

    /// Returns the stop that a `StopFailure` reports. `None` for other events, and for a subagent's failure,
    /// after which the session continues.
    #[must_use]
    pub fn stop(&self, now: DateTime<Utc>) -> Option<Stop> {
        if self.event != HookEvent::StopFailure || self.subagent {
            return None;
        }
        let error = self.error.as_deref().unwrap_or("unknown");
        Some(stop_of_payload(
            error,
            self.last_message.as_deref().unwrap_or_default(),
            self.error_details.as_deref(),
            now,
        ))
    }
}

/// Returns whether the path is `<config dir>/projects/<one directory>/<session>.jsonl`, without `..`
/// components.
fn own_transcript(path: &Path, session: &str, home: &ClaudeHome) -> bool {
    let Ok(rest) = path.strip_prefix(home.projects()) else { return false };
    let plain = path
        .components()
        .all(|part| matches!(part, Component::RootDir | Component::Normal(_) | Component::Prefix(_)));
    let named = path.file_name().and_then(std::ffi::OsStr::to_str) == Some(&format!("{session}.jsonl"));
    plain && named && rest.components().count() == 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::StopKind;

    fn fixture(name: &str) -> Vec<u8> {
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hook-payloads").join(name))
            .unwrap()
    }

    #[test]
    fn every_recorded_stop_failure_is_classified_as_its_name_says() {
        use StopKind as K;
        let truth = [
            ("api-429", Some(K::RateLimit)),
            ("auth-401-key", Some(K::Auth)),
            ("auth-401-subscriber", Some(K::Auth)),
            ("bg-429", Some(K::RateLimit)),
            ("billing-400", Some(K::Billing)),
            ("dropped-connection", Some(K::Network)),
            ("dropped-midstream", Some(K::Network)),
            ("invalid-400", Some(K::RequestError)),
            ("malformed-stream", Some(K::ServerError)),
            ("max-output-tokens", Some(K::OutputLimit)),
            ("model-404", Some(K::RequestError)),
            ("oauth-403", Some(K::Auth)),
            ("overloaded-529", Some(K::Overloaded)),
            ("prompt-too-long", Some(K::ContextFull)),
            ("refusal", Some(K::RequestError)),
            ("server-500", Some(K::ServerError)),
            ("subagent-429", None),
            ("usage-limit-5h", Some(K::UsageLimit5h)),
            ("usage-limit-weekly", Some(K::UsageLimitWeekly)),
        ];
        let now = crate::clock::parse_rfc3339("2026-11-21T02:00:00Z").unwrap();
        for (name, kind) in truth {
            let payload = Payload::parse(&fixture(&format!("stopfailure-{name}.json"))).unwrap();
            assert_eq!(payload.stop(now).map(|stop| stop.kind), kind, "{name}");
        }
        let recorded =
            std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hook-payloads"))
                .unwrap()
                .filter(|entry| {
                    entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("stopfailure-")
                })
                .count();
        assert_eq!(recorded, truth.len(), "a fixture is missing from the table");
    }

    #[test]
    fn a_stop_is_read_whatever_its_descriptive_fields_contain() {
        let now = crate::clock::parse_rfc3339("2026-11-21T02:00:00Z").unwrap();
        let known = String::from_utf8(fixture("stopfailure-usage-limit-5h.json")).unwrap();
        let known: Value = serde_json::from_str(&known).unwrap();
        let fields = [
            "cwd",
            "error",
            "error_details",
            "last_assistant_message",
            "reason",
            "source",
            "notification_type",
        ];
        for field in fields {
            for value in ["5", "[]", "{}", "true", "null", r#""cut in half \ud83d""#] {
                let mut whole = known.clone();
                whole[field] = Value::String("@".into());
                let text = whole.to_string().replacen(r#""@""#, value, 1);
                let payload = Payload::parse(text.as_bytes()).unwrap();
                assert!(payload.stop(now).is_some(), "{field} {value}");
            }
        }
        for (id, subagent) in [("null", false), (r#""""#, false), (r#""a1""#, true), ("1", true)] {
            let mut whole = known.clone();
            whole["agent_id"] = serde_json::from_str(id).unwrap();
            assert_eq!(Payload::parse(whole.to_string().as_bytes()).unwrap().subagent, subagent, "{id}");
        }
        for field in ["session_id", "transcript_path", "hook_event_name"] {
            let mut whole = known.clone();
            whole[field] = Value::from(5);
            assert!(Payload::parse(whole.to_string().as_bytes()).is_err(), "{field}");
        }
    }

    #[test]
    fn other_events_are_not_stops_and_events_without_our_hook_are_refused() {
        let now = crate::clock::parse_rfc3339("2026-11-21T02:00:00Z").unwrap();
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hook-payloads");
        let ours = [
            "sessionstart",
            "sessionend",
            "stop-",
            "subagentstop",
            "precompact",
            "notification",
            "userpromptsubmit",
        ];
        for entry in std::fs::read_dir(dir).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.starts_with("stopfailure") {
                continue;
            }
            let payload = Payload::parse(&fixture(&name));
            if ours.iter().any(|start| name.starts_with(start)) {
                assert!(payload.unwrap().stop(now).is_none(), "{name}");
            } else {
                assert_eq!(payload.unwrap_err(), Refusal::NotAnEvent, "{name}");
            }
        }
    }

    #[test]
    fn a_typed_prompt_is_distinguished_from_an_automatic_one() {
        for (name, typed) in [("", true), ("-native-continue", false), ("-asyncrewake", false)] {
            let payload = Payload::parse(&fixture(&format!("userpromptsubmit{name}.json"))).unwrap();
            assert_eq!((payload.event, payload.typed), (HookEvent::UserPromptSubmit, typed), "{name}");
        }
    }

    #[test]
    fn only_the_file_of_the_session_itself_is_a_transcript() {
        let home = ClaudeHome::new("/home/dev/.claude");
        let id = "00000001-0000-4000-8000-000000000001";
        let own = |path: &str| own_transcript(Path::new(path), id, &home);
        assert!(own(&format!("/home/dev/.claude/projects/-p/{id}.jsonl")));
        for foreign in [
            format!("/home/dev/.claude/projects/{id}.jsonl"),
            format!("/home/dev/.claude/projects/-p/../../x/{id}.jsonl"),
            format!("/home/dev/.claude/projects/-p/x/{id}.jsonl"),
            format!("/home/dev/other/projects/-p/{id}.jsonl"),
            format!("projects/-p/{id}.jsonl"),
            "/home/dev/.claude/projects/-p/other.jsonl".into(),
            "/etc/passwd".into(),
        ] {
            assert!(!own(&foreign), "{foreign}");
        }
    }
}
