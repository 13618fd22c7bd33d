//! Reads details of one session that the preview shows in addition to its report.

use crate::note::gather::GatheredWork;
use crate::report::gone::GoneSession;
use crate::report::session::Session;
use crate::text::{one_line, sanitized, shortened};

/// Maximum number of changed files that are listed.
const MOST_FILES: usize = 12;
/// Maximum number of task list entries that are listed.
const MOST_TODOS: usize = 20;
/// Maximum length of a plan or of last words, in characters.
const LONG_TEXT: usize = 1200;
/// Maximum length of one conversation entry, in characters.
const ENTRY_TEXT: usize = 2000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConversationSpeaker {
    You,
    Claude,
    /// A tool call; its text states whether it failed.
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
    /// Creates an entry with sanitized text of limited length; `None` if nothing visible remains.
    #[must_use]
    pub fn new(speaker: ConversationSpeaker, text: &str) -> Option<Self> {
        let text = bounded(text, ENTRY_TEXT);
        (!text.is_empty()).then_some(Self { speaker, text })
    }
}

/// Returns the remaining prompts of a session without a transcript, as a conversation.
#[must_use]
pub fn typed_conversation(gone: &GoneSession) -> Vec<ConversationEntry> {
    let entry = |text: &str| ConversationEntry::new(ConversationSpeaker::You, text);
    gone.prompts.iter().filter_map(|prompt| entry(&prompt.text)).collect()
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TodoLine {
    pub done: bool,
    pub active: bool,
    pub text: String,
}

/// The work in progress of a session.
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
    pub fn of(gathered: &GatheredWork) -> Self {
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

/// Details of the selected session read so far; they arrive in parts.
#[derive(Debug, Clone, Default)]
pub struct SessionDetails {
    pub work: Option<WorkDetails>,
    pub conversation: Option<Vec<ConversationEntry>>,
    pub shown: Option<Box<Session>>,
    /// Error of the last failed read.
    pub problem: Option<String>,
}

fn bounded(text: &str, limit: usize) -> String {
    shortened(sanitized(crate::text::head(text, crate::text::LONGEST_RAW)).trim(), limit).into_owned()
}
