//! Defines an entry of a page, such as a prompt, an answer, a tool call with its result, or a stop.

use chrono::{DateTime, Utc};
use serde_json::Value;
use std::path::PathBuf;

#[derive(Debug)]
pub enum Entry {
    Prompt(PagePrompt),
    Answer {
        text: String,
        at: Option<DateTime<Utc>>,
    },
    Thinking(String),
    Call(PageToolCall),
    /// Result whose call was shown long before or is missing.
    Result(PageToolResult),
    /// Text that the client added to the conversation.
    Client {
        label: String,
        /// Text of the note; may be empty.
        text: String,
    },
    Event(PageEvent),
}

#[derive(Debug)]
pub struct PagePrompt {
    pub by: PromptAuthor,
    pub text: String,
    pub pictures: Vec<Picture>,
    pub at: Option<DateTime<Utc>>,
}

/// Who wrote a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromptAuthor {
    /// The user, or a program that the user started.
    Person,
    /// The user, during a turn.
    Meanwhile,
    /// The user queued it during a turn; it was never sent.
    Unsent,
    /// The client, which continued by itself after a limit.
    Client,
    /// This tool, which continued the session.
    Recovery,
    /// The model, for a subagent.
    Model,
}

impl PromptAuthor {
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Person => "Prompt",
            Self::Meanwhile => "Prompt, sent during the turn",
            Self::Unsent => "Prompt, queued and never sent",
            Self::Client => "Continued by the client",
            Self::Recovery => "Continued by cc-session-recover",
            Self::Model => "Task of the subagent",
        }
    }
}

#[derive(Debug)]
pub struct Picture {
    pub media: String,
    pub data: String,
}

impl Picture {
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.data.len() as u64 / 4 * 3
    }
}

#[derive(Debug)]
pub struct PageToolCall {
    /// Id to which the call's result and its subagent refer.
    pub id: String,
    pub name: String,
    pub input: Value,
    /// Result of the call; `None` if none was recorded in time.
    pub outcome: Option<PageToolResult>,
}

#[derive(Debug)]
pub struct PageToolResult {
    pub id: String,
    pub text: String,
    pub pictures: Vec<Picture>,
    /// Whether the call failed or was denied.
    pub failed: bool,
    pub patch: Option<Vec<Hunk>>,
}

/// A changed section of a file.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Hunk {
    pub old_start: u64,
    pub old_lines: u64,
    pub new_start: u64,
    pub new_lines: u64,
    /// Lines, each prefixed with a space, `+` or `-`.
    pub lines: Vec<String>,
}

#[derive(Debug)]
pub struct PageEvent {
    pub kind: EventKind,
    pub title: String,
    /// More details; may be empty.
    pub detail: String,
    pub at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// A limit or an API error interrupted the turn.
    Stop,
    Retry,
    Resumed,
    /// Nothing happened for a while.
    Wait,
    Compacted,
    Interrupted,
    /// The conversation branches off from an earlier point.
    Branch,
    Notice,
    /// Something cannot be read or shown.
    Damage,
    Ended,
}

impl EventKind {
    /// Returns the name used by programs and style sheets.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Retry => "retry",
            Self::Resumed => "resumed",
            Self::Wait => "wait",
            Self::Compacted => "compacted",
            Self::Interrupted => "interrupted",
            Self::Branch => "branch",
            Self::Notice => "notice",
            Self::Damage => "damage",
            Self::Ended => "ended",
        }
    }

    #[must_use]
    pub const fn is_in_timeline(self) -> bool {
        matches!(
            self,
            Self::Stop | Self::Resumed | Self::Wait | Self::Compacted | Self::Interrupted | Self::Branch
        )
    }
}

/// A subagent's own transcript.
#[derive(Debug, Clone)]
pub struct Agent {
    pub path: PathBuf,
    pub kind: Option<String>,
    /// Task of the subagent.
    pub description: Option<String>,
    /// Size of the transcript.
    pub bytes: u64,
}
