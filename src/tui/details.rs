//! What the preview shows of one session beyond its report.

use crate::note::gather::Gathered;
use crate::report::gone::GoneSession;
use crate::report::session::Session;
use crate::text::{one_line, sanitised, shortened};

/// Changed files that are named.
const MOST_FILES: usize = 12;
/// Entries of the task list that are named.
const MOST_TODOS: usize = 20;
/// Characters of a plan or of last words.
const LONG_TEXT: usize = 1200;
/// Characters of one entry of the conversation.
const ENTRY_TEXT: usize = 2000;

/// Who an entry of the conversation is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConversationSpeaker {
    You,
    Claude,
    /// A tool call, with whether it failed in its text.
    Tool,
    /// A stop, a wait, a compaction, a notice.
    Event,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationEntry {
    pub speaker: ConversationSpeaker,
    pub text: String,
}

impl ConversationEntry {
    /// An entry with a text that is safe to draw and bounded; `None` when nothing of it can be seen.
    #[must_use]
    pub fn new(speaker: ConversationSpeaker, text: &str) -> Option<Self> {
        let text = bounded(text, ENTRY_TEXT);
        (!text.is_empty()).then_some(Self { speaker, text })
    }
}

/// The prompts that are left of a session without a transcript, as a conversation.
#[must_use]
pub fn typed_conversation(gone: &GoneSession) -> Vec<ConversationEntry> {
    let entry = |text: &str| ConversationEntry::new(ConversationSpeaker::You, text);
    gone.prompts.iter().filter_map(|prompt| entry(&prompt.text)).collect()
}

/// An entry of the task list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TodoLine {
    pub done: bool,
    pub active: bool,
    pub text: String,
}

/// What was being worked on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkDetails {
    pub last_words: Option<String>,
    pub plan: Option<String>,
    pub todos: Vec<TodoLine>,
    pub todos_left_out: usize,
    pub files: Vec<String>,
    pub files_total: usize,
}

impl WorkDetails {
    #[must_use]
    pub fn of(gathered: &Gathered) -> Self {
        let todos = gathered.todos.iter().take(MOST_TODOS).map(|todo| TodoLine {
            done: todo.status == "completed",
            active: todo.status == "in_progress",
            text: one_line(&todo.text, 200),
        });
        let file = |file: &crate::note::gather::ChangedFile| {
            let created = if file.created { "new " } else { "" };
            format!("{created}{}", one_line(&file.path, 300))
        };
        Self {
            last_words: gathered.last_words.as_ref().map(|said| bounded(&said.text, LONG_TEXT)),
            plan: gathered.plan.as_ref().map(|plan| bounded(&plan.text, LONG_TEXT)),
            todos: todos.collect(),
            todos_left_out: gathered.todos.len().saturating_sub(MOST_TODOS),
            files: gathered.files.iter().take(MOST_FILES).map(file).collect(),
            files_total: gathered.files_total,
        }
    }
}

/// Everything that was read of the selected session so far; it arrives in parts.
#[derive(Debug, Clone, Default)]
pub struct SessionDetails {
    pub work: Option<WorkDetails>,
    pub conversation: Option<Vec<ConversationEntry>>,
    pub shown: Option<Box<Session>>,
    /// What could not be read.
    pub problem: Option<String>,
}

fn bounded(text: &str, limit: usize) -> String {
    shortened(sanitised(crate::text::head(text, crate::text::LONGEST_RAW)).trim(), limit).into_owned()
}
