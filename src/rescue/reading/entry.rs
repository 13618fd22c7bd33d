//! An entry: one thing on a page, such as a prompt, an answer, a tool call with its result, or a stop.

use chrono::{DateTime, Utc};
use serde_json::Value;
use std::path::PathBuf;

/// One thing on a page.
#[derive(Debug)]
pub enum Entry {
    Prompt(PagePrompt),
    /// What the model wrote.
    Answer {
        text: String,
        at: Option<DateTime<Utc>>,
    },
    /// What the model thought.
    Thinking(String),
    /// What the model asked a tool to do.
    Call(PageToolCall),
    /// A result whose call was shown long before, or is not there.
    Result(PageToolResult),
    /// What the client put into the conversation.
    Client {
        label: String,
        /// Its text; may be empty.
        text: String,
    },
    /// Something that happened to the conversation.
    Event(PageEvent),
}

#[derive(Debug)]
pub struct PagePrompt {
    pub by: By,
    pub text: String,
    pub pictures: Vec<Picture>,
    pub at: Option<DateTime<Utc>>,
}

/// Who wrote a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// A person, or a program that a person started.
    Person,
    /// A person, while a turn was going on.
    Meanwhile,
    /// A person, who queued it during a turn; it was never sent.
    Unsent,
    /// The client, which went on by itself after a limit.
    Client,
    /// This tool, which continued the session.
    Recovery,
    /// The model, for a subagent.
    Model,
}

impl By {
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
    /// By which its result and its subagent name it.
    pub id: String,
    pub name: String,
    /// What it was given.
    pub input: Value,
    /// What it gave; `None` when no result was recorded in time.
    pub outcome: Option<PageToolResult>,
}

/// What a tool gave.
#[derive(Debug)]
pub struct PageToolResult {
    pub id: String,
    pub text: String,
    pub pictures: Vec<Picture>,
    /// It failed, or was refused.
    pub failed: bool,
    /// How a file was changed.
    pub patch: Option<Vec<Hunk>>,
}

/// A changed place of a file.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Hunk {
    pub old_start: u64,
    pub old_lines: u64,
    pub new_start: u64,
    pub new_lines: u64,
    /// Lines, each with a blank, `+` or `-` before it.
    pub lines: Vec<String>,
}

/// Something that happened to the conversation.
#[derive(Debug)]
pub struct PageEvent {
    pub kind: EventKind,
    /// In a few words.
    pub title: String,
    /// More about it; may be empty.
    pub detail: String,
    pub at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// A limit or an error of the API broke the turn off.
    Stop,
    /// A request is sent again.
    Retry,
    /// The work went on.
    Resumed,
    /// Nothing happened for a while.
    Wait,
    /// The conversation was made shorter.
    Compacted,
    /// A person interrupted the turn.
    Interrupted,
    /// It branches off from an earlier point.
    Branch,
    /// A notice of the client.
    Notice,
    /// Something cannot be read or shown.
    Damage,
    Ended,
}

impl EventKind {
    /// A word for programs and style sheets.
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

    /// Whether it is in the list of what happened when.
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
    /// What it is for.
    pub description: Option<String>,
    /// Size of its transcript.
    pub bytes: u64,
}
