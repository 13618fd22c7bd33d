//! Converts the records of a transcript, first to last, to entries.
//!
//! Only one record is in memory at a time, plus the entries that wait for a result: a call is shown together
//! with its result, which is in a later record. When too many entries wait, they are shown without a result.
//! The transcript of a subagent is read where its call is shown.

use super::PageFacts;
use super::entry::{
    Agent, Entry, EventKind, Hunk, PageEvent, PagePrompt, PageToolCall, PageToolResult, Picture, PromptAuthor,
};
use super::redacted::redact_entry;
use super::shown::{count, grouped, size};
use super::tool::file_change;
use crate::claude::record::{Body, parse_line, trim};
use crate::claude::wording::{
    AUTOMATED, Author, AuthorMarks, ClientText, STATUS_REPORT, author, client_text, own_words,
};
use crate::clock::{parse_rfc3339, rfc3339};
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::open_regular_with_metadata;
use crate::measure::duration_words;
use crate::rescue::copy::Progress;
use crate::session::failure::stop_of;
use crate::session::search::lines::{Lines, SearchLine};
use crate::session::search::said::with_valid_characters;
use crate::text::capitalized;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::io::{self, Read as _};
use std::path::Path;

/// Longest line that is read, in bytes. Longer lines are reported and skipped.
const LONGEST: usize = 16 * 1024 * 1024;
/// Maximum size of the lines whose entries wait for a result, in bytes.
const HELD: usize = 16 * 1024 * 1024;
const WAITING: usize = 1_000;
/// Shortest gap that is reported.
const LONG: TimeDelta = TimeDelta::minutes(10);
/// Maximum nesting depth of subagents.
const DEEPEST: usize = 8;

/// Receives entries in order.
pub trait Page {
    /// Shows an entry.
    ///
    /// # Errors
    ///
    /// Returns the error of the underlying writer.
    fn entry(&mut self, entry: &Entry) -> io::Result<()>;

    /// Starts the part of a subagent, which ends with [`Self::end_agent`].
    ///
    /// # Errors
    ///
    /// Returns the error of the underlying writer.
    fn begin_agent(&mut self, agent: &Agent) -> io::Result<()>;

    /// Ends the part of a subagent.
    ///
    /// # Errors
    ///
    /// Returns the error of the underlying writer.
    fn end_agent(&mut self) -> io::Result<()>;
}

/// Tokens by kind, as charged by the API.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenTotals {
    pub input: u64,
    pub output: u64,
    pub cache_read: u64,
    pub cache_write: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Prompts in the main conversation.
    pub turns: u64,
    /// Tool calls, including those of subagents.
    pub calls: u64,
    /// Limits and errors that interrupted a turn.
    pub stops: u64,
    /// Subagents whose transcript was read.
    pub subagents: u64,
    /// Lines that could not be read.
    pub damaged: u64,
    /// Time of the first record in the main conversation.
    pub from: Option<DateTime<Utc>>,
    /// Time of the last record in the main conversation.
    pub to: Option<DateTime<Utc>>,
    /// Number of gaps of ten minutes or more in the main conversation.
    pub waits: u64,
    pub waited: TimeDelta,
    pub failed_calls: u64,
    /// Shell commands, including failed ones.
    pub commands: u64,
    pub failed_commands: u64,
    /// Lines added to and removed from each changed file.
    pub files: BTreeMap<String, (u64, u64)>,
    /// Usage by message id, because a client repeats the usage of a message for each block of its content.
    usage: HashMap<String, TokenTotals>,
}

impl Totals {
    /// Returns the tokens of all messages, including those of subagents.
    #[must_use]
    pub fn tokens(&self) -> TokenTotals {
        self.usage.values().fold(TokenTotals::default(), |sum, one| TokenTotals {
            input: sum.input + one.input,
            output: sum.output + one.output,
            cache_read: sum.cache_read + one.cache_read,
            cache_write: sum.cache_write + one.cache_write,
        })
    }

    fn note_usage(&mut self, message: &Value) {
        let Some(id) = message.get("id").and_then(Value::as_str) else { return };
        let Some(usage) = message.get("usage").and_then(Value::as_object) else { return };
        let tokens = |key: &str| usage.get(key).and_then(Value::as_u64).unwrap_or(0);
        let tokens = TokenTotals {
            input: tokens("input_tokens"),
            output: tokens("output_tokens"),
            cache_read: tokens("cache_read_input_tokens"),
            cache_write: tokens("cache_creation_input_tokens"),
        };
        // The last record of a message has the final number of output tokens.
        self.usage.insert(id.to_owned(), tokens);
    }

    fn note_call(&mut self, call: &PageToolCall, cwd: Option<&str>) {
        let failed = u64::from(call.outcome.as_ref().is_some_and(|outcome| outcome.failed));
        self.failed_calls += failed;
        if matches!(call.name.as_str(), "Bash" | "PowerShell") {
            self.commands += 1;
            self.failed_commands += failed;
        }
        if let Some((path, added, removed)) = file_change(call, cwd) {
            let file = self.files.entry(path.to_owned()).or_default();
            *file = (file.0 + added, file.1 + removed);
        }
    }
}

/// Reads transcripts and writes their entries to a page.
pub struct Conversation<'r, P> {
    page: &'r mut P,
    /// Subagents not shown yet, by the id of the call that started them.
    agents: BTreeMap<String, Agent>,
    /// Path of the page, for error messages.
    to: &'r Path,
    progress: &'r Progress,
    /// Whether secrets are redacted before an entry is shown.
    redacts: bool,
    /// Directory of the session.
    cwd: Option<&'r str>,
    pub totals: Totals,
}

/// State between two records of one transcript.
#[derive(Default)]
struct Thread {
    queue: VecDeque<Entry>,
    held: usize,
    /// Id of the newest record of the conversation.
    last: Option<String>,
    at: Option<DateTime<Utc>>,
    /// Title of the event to add when the work resumes.
    paused: Option<&'static str>,
    mode: Option<String>,
    /// Latest prompt sent during a turn. Some clients write it again as a separate prompt.
    meanwhile: Option<String>,
    side: bool,
    depth: usize,
    /// Ids of the records seen so far; a repeated record is a replay.
    seen: HashSet<String>,
    /// Prompts in the client's queue, oldest first.
    queued: VecDeque<(String, Option<DateTime<Utc>>)>,
}

impl<'r, P: Page> Conversation<'r, P> {
    /// Creates a reader that writes to `page`. `agents` is keyed by the id of the call
    /// that started each subagent.
    pub fn new(
        page: &'r mut P,
        agents: BTreeMap<String, Agent>,
        facts: &'r PageFacts,
        to: &'r Path,
        progress: &'r Progress,
    ) -> Self {
        let totals = Totals::default();
        Self { page, agents, to, progress, redacts: facts.redacted, cwd: facts.cwd.as_deref(), totals }
    }

    /// Reads a transcript up to its current length, then the subagents whose calls are not in it. Returns the
    /// number of bytes read from the transcript.
    ///
    /// # Errors
    ///
    /// Returns [`Code::VerificationFailed`] if the transcript is truncated meanwhile, [`Code::PathRefused`],
    /// or [`Code::Io`] if a file cannot be read.
    pub fn read(&mut self, path: &Path) -> Result<u64> {
        let bytes = self.transcript(path, 0)?;
        while let Some((_, agent)) = self.agents.pop_first() {
            self.agent(&agent, 1)?;
        }
        Ok(bytes)
    }

    fn transcript(&mut self, path: &Path, depth: usize) -> Result<u64> {
        let (file, meta) = open_regular_with_metadata(path)?;
        let mut buffer = Vec::new();
        let mut seen = Counted { inner: (&file).take(meta.len()), bytes: 0 };
        let mut thread = Thread { depth, ..Thread::default() };
        let mut told = 0;
        let mut lines = Lines::new(&mut seen, &mut buffer, LONGEST);
        loop {
            self.progress.abort.check()?;
            match lines.next_line().doing("read", path)? {
                None => break,
                Some(SearchLine::TooLong { number }) => {
                    let detail = format!("it has more than {}", size(LONGEST as u64));
                    self.damaged(&mut thread, number, &detail);
                }
                Some(SearchLine::Whole { number, bytes, .. }) => {
                    self.line(&mut thread, number, bytes);
                    told += bytes.len() as u64 + 1;
                    self.progress.add(bytes.len() as u64 + 1);
                }
            }
            self.pass_on(&mut thread, false)?;
        }
        let queued = std::mem::take(&mut thread.queued);
        for (text, at) in queued.into_iter().filter(|(text, _)| !text.is_empty()) {
            thread.push(prompt(PromptAuthor::Unsent, text, Vec::new(), at), 0);
        }
        self.pass_on(&mut thread, true)?;
        let read = seen.bytes;
        self.progress.add(read.saturating_sub(told));
        if read < meta.len() {
            return Err(Error::new(Code::VerificationFailed, "was truncated while it was being read")
                .at(path)
                .hint(
                    "another program is changing it; stop that program, or try again after it has finished",
                ));
        }
        Ok(read)
    }

    fn agent(&mut self, agent: &Agent, depth: usize) -> Result<()> {
        self.page.begin_agent(agent).doing("write", self.to)?;
        self.totals.subagents += 1;
        match self.transcript(&agent.path, depth) {
            Ok(_) => {}
            Err(error) if error.path.as_deref() == Some(agent.path.as_path()) => {
                let event = event(
                    EventKind::Damage,
                    "The subagent's transcript cannot be read",
                    error.to_string(),
                    None,
                );
                self.page.entry(&event).doing("write", self.to)?;
            }
            Err(error) => return Err(error),
        }
        self.page.end_agent().doing("write", self.to)
    }

    /// Shows the entries that no longer have to wait.
    fn pass_on(&mut self, thread: &mut Thread, all: bool) -> Result<()> {
        let all = all || thread.held > HELD || thread.queue.len() > WAITING;
        while let Some(entry) = thread.queue.front() {
            let waits = matches!(entry, Entry::Call(call) if call.outcome.is_none());
            if waits && !all {
                return Ok(());
            }
            let Some(mut entry) = thread.queue.pop_front() else { break };
            if self.redacts {
                redact_entry(&mut entry);
            }
            if let Entry::Call(call) = &entry {
                self.totals.note_call(call, self.cwd);
            }
            self.page.entry(&entry).doing("write", self.to)?;
            if let Entry::Call(call) = &entry
                && thread.depth < DEEPEST
                && let Some(agent) = self.agents.remove(&call.id)
            {
                self.agent(&agent, thread.depth + 1)?;
            }
        }
        thread.held = 0;
        Ok(())
    }

    fn line(&mut self, thread: &mut Thread, number: u64, line: &[u8]) {
        let line = trim(line);
        if line.is_empty() {
            return;
        }
        let found = self.records(thread, line);
        if found.whole {
            return;
        }
        // The line may be repairable. If so, skip the records that were already read from it.
        let rest = with_valid_characters(line).map(|line| self.records_after(thread, &line, found.records));
        if !rest.is_some_and(|found| found.whole) {
            self.damaged(
                thread,
                number,
                &format!("{} of it are not a complete record", size(line.len() as u64)),
            );
        }
    }

    fn records(&mut self, thread: &mut Thread, line: &[u8]) -> Found {
        self.records_after(thread, line, 0)
    }

    fn records_after(&mut self, thread: &mut Thread, line: &[u8], known: usize) -> Found {
        let mut found = Found { records: 0, whole: true };
        for record in serde_json::Deserializer::from_slice(line).into_iter::<&RawValue>() {
            let Ok(raw) = record else { return Found { whole: false, ..found } };
            if found.records >= known {
                let Ok(record) = serde_json::from_str::<PageRecord<'_>>(raw.get()) else {
                    return Found { whole: false, ..found };
                };
                if self.record(thread, raw.get(), &record).is_none() {
                    return Found { whole: false, ..found };
                }
            }
            found.records += 1;
        }
        found
    }

    fn damaged(&mut self, thread: &mut Thread, number: u64, detail: &str) {
        self.totals.damaged += 1;
        let title = format!("Line {} cannot be read", grouped(number));
        thread.push(event(EventKind::Damage, &title, detail.to_owned(), None), 0);
    }

    /// Processes one record; `None` if it cannot be decoded.
    fn record(&mut self, thread: &mut Thread, raw: &str, record: &PageRecord<'_>) -> Option<()> {
        let weight = raw.len();
        let at = text(record.timestamp).and_then(|at| parse_rfc3339(&at));
        let side = truth(record.is_sidechain);
        let id = text(record.uuid).filter(|id| id.len() == 36);
        if id.is_some_and(|id| !thread.seen.insert(id)) {
            return Some(());
        }
        match text(record.kind)?.as_str() {
            "user" => {
                let message = decoded(record.message)?;
                self.moved(thread, record, at, side, false);
                self.user(thread, record, message, at, weight);
            }
            "assistant" => {
                let message = decoded(record.message)?;
                self.moved(thread, record, at, side, truth(record.is_api_error_message));
                self.assistant(thread, record, raw, message, at, weight);
            }
            "system" => {
                system(thread, record, at);
                note_chain(thread, record);
            }
            "attachment" => {
                // Only attachments of this kind contain a prompt, so the others are not decoded.
                if record.attachment.is_some_and(|raw| raw.get().contains("queued_command")) {
                    self.attachment(thread, record, at);
                }
                note_chain(thread, record);
            }
            "queue-operation" => queue_operation(thread, record, at),
            "permission-mode" => {
                let mode = text(record.permission_mode);
                if thread.mode.is_some() && thread.mode != mode {
                    let title = format!("Permission mode: {}", mode.as_deref().unwrap_or("unknown"));
                    thread.push(event(EventKind::Notice, &title, String::new(), None), 0);
                }
                thread.mode = mode.or(thread.mode.take());
            }
            // Written when a client exits gracefully.
            "cost-state" if thread.paused.is_none() && thread.at.is_some() => {
                thread.paused = Some("The client was closed");
            }
            _ => {}
        }
        Some(())
    }

    /// Updates times and adds the events before a record: waits, resumptions, branches, and switches to
    /// or from a subagent.
    fn moved(
        &mut self,
        thread: &mut Thread,
        record: &PageRecord<'_>,
        at: Option<DateTime<Utc>>,
        side: bool,
        failed: bool,
    ) {
        if side != thread.side && thread.depth == 0 {
            thread.side = side;
            let title =
                if side { "A subagent, within the conversation" } else { "Back in the main conversation" };
            thread.push(event(EventKind::Notice, title, String::new(), None), 0);
        }
        if thread.depth == 0 {
            self.totals.from = self.totals.from.or(at);
            self.totals.to = at.or(self.totals.to);
        }
        let passed = at.zip(thread.at).map(|(at, before)| at - before);
        if let Some(passed) = passed.filter(|passed| *passed >= LONG && thread.depth == 0) {
            self.totals.waits += 1;
            self.totals.waited += passed;
        }
        if let Some(why) = thread.paused.filter(|_| !failed) {
            thread.paused = None;
            let how = match text_of_origin(record).as_deref() {
                Some("auto-continuation") => "Continued by the client",
                _ if is_ours(record) => "Continued by cc-session-recover",
                _ => "Went on",
            };
            let after =
                passed.map_or_else(String::new, |passed| format!(" after {}", duration_words(passed)));
            thread.push(event(EventKind::Resumed, &format!("{how}{after}"), why.to_owned(), at), 0);
        } else if let Some(passed) = passed.filter(|passed| *passed >= LONG) {
            thread.push(
                event(EventKind::Wait, &format!("{} later", duration_words(passed)), String::new(), at),
                0,
            );
        }
        thread.at = at.or(thread.at);
    }

    fn user(
        &mut self,
        thread: &mut Thread,
        record: &PageRecord<'_>,
        message: Value,
        at: Option<DateTime<Utc>>,
        weight: usize,
    ) {
        let parent = text(record.parent_uuid);
        let branches = parent.is_some() && thread.last.is_some() && parent != thread.last;
        note_chain(thread, record);
        let mut texts = Vec::new();
        let mut pictures = Vec::new();
        for block in blocks(message) {
            match block {
                MessageBlock::Text(text) => texts.push(text),
                MessageBlock::Picture(picture) => pictures.push(picture),
                MessageBlock::Result(mut outcome) => {
                    outcome.patch = patch(record);
                    thread.outcome(outcome, weight);
                }
                MessageBlock::Thinking(_) | MessageBlock::Call(_) | MessageBlock::Other(_) => {}
            }
        }
        let said = texts.join("\n");
        if said.trim().is_empty() && pictures.is_empty() {
            return;
        }
        thread.queued.retain(|(text, _)| text.trim() != said.trim());
        let trimmed = said.trim_start();
        let client = |label: &str, text: String| Entry::Client { label: label.into(), text };
        let entry = match author_of(record, &said) {
            Author::Client(ClientText::CompactSummary) => client("Summary of the conversation so far", said),
            Author::Client(ClientText::Interruption) => {
                thread.paused = Some("The user had interrupted it");
                event(EventKind::Interrupted, "Interrupted by the user", String::new(), at)
            }
            Author::Client(ClientText::Command) => {
                let part = |tag| inside(trimmed, tag).unwrap_or_default().trim();
                client(&format!("{} {}", part("command-name"), part("command-args")), String::new())
            }
            Author::Client(ClientText::CommandOutput) => {
                let output = inside(trimmed, "local-command-stdout")
                    .or_else(|| inside(trimmed, "local-command-stderr"));
                client("Output of the command", output.unwrap_or(trimmed).to_owned())
            }
            Author::Client(ClientText::ShellInput) => {
                client(&format!("! {}", inside(trimmed, "bash-input").unwrap_or(trimmed)), String::new())
            }
            Author::Client(ClientText::ShellOutput) => {
                let part = |tag| inside(trimmed, tag).unwrap_or_default();
                client(
                    "Output of the user's command",
                    format!("{}{}", part("bash-stdout"), part("bash-stderr")),
                )
            }
            Author::Client(ClientText::Recovery) => prompt(PromptAuthor::Recovery, said, pictures, at),
            Author::Client(_) if is_ours(record) => prompt(PromptAuthor::Recovery, said, pictures, at),
            Author::Client(ClientText::AutoContinuation) => prompt(PromptAuthor::Client, said, pictures, at),
            Author::Client(ClientText::PluginPrompt) => {
                let (name, text) = plugin_prompt(record);
                client(&format!("Prompt of the plugin {name}"), text.unwrap_or(said))
            }
            Author::Client(
                ClientText::Continuation
                | ClientText::TaskNotification
                | ClientText::HookFeedback
                | ClientText::PeerMessage
                | ClientText::SkillBody
                | ClientText::Reminder
                | ClientText::Context
                | ClientText::CommandCaveat
                | ClientText::Other,
            ) => client("Note of the client", said),
            Author::User if thread.depth > 0 || thread.side => {
                prompt(PromptAuthor::Model, said, pictures, at)
            }
            Author::User => {
                if thread.meanwhile.take().is_some_and(|before| before == said) {
                    return;
                }
                if branches {
                    let title = "Continues from an earlier point of the conversation";
                    let detail =
                        "The turns between that point and here are no longer part of the conversation."
                            .to_owned();
                    thread.push(event(EventKind::Branch, title, detail, at), 0);
                }
                let words = own_words(&said);
                let front = trimmed[..trimmed.len() - words.len()].trim_end();
                if !front.is_empty() {
                    thread.push(client("Note of the client", front.to_owned()), 0);
                }
                if thread.depth == 0 {
                    self.totals.turns += 1;
                }
                prompt(PromptAuthor::Person, words.to_owned(), pictures, at)
            }
        };
        thread.push(entry, weight);
    }

    fn attachment(&mut self, thread: &mut Thread, record: &PageRecord<'_>, at: Option<DateTime<Utc>>) {
        let Some(attachment) = decoded(record.attachment) else { return };
        if attachment.get("type").and_then(Value::as_str) != Some("queued_command") {
            return;
        }
        let content = attachment.get("prompt").cloned().unwrap_or(Value::Null);
        let mut said = Vec::new();
        for block in of_content(content) {
            if let MessageBlock::Text(text) = block {
                said.push(text);
            }
        }
        let said = said.join("\n");
        if said.trim().is_empty() {
            return;
        }
        let marks = AuthorMarks {
            meta: attachment.get("isMeta").and_then(Value::as_bool) == Some(true),
            origin: attachment.pointer("/origin/kind").and_then(Value::as_str),
            ..AuthorMarks::default()
        };
        let entry = match author(marks, &said) {
            Author::Client(_) => Entry::Client { label: "Note of the client".into(), text: said },
            Author::User => {
                if thread.depth == 0 {
                    self.totals.turns += 1;
                }
                thread.queued.retain(|(text, _)| text.trim() != said.trim());
                thread.meanwhile = Some(said.clone());
                prompt(PromptAuthor::Meanwhile, said, Vec::new(), at)
            }
        };
        thread.push(entry, 0);
    }

    fn assistant(
        &mut self,
        thread: &mut Thread,
        record: &PageRecord<'_>,
        raw: &str,
        message: Value,
        at: Option<DateTime<Utc>>,
        weight: usize,
    ) {
        note_chain(thread, record);
        if truth(record.is_api_error_message) {
            self.stopped(thread, raw, at);
            return;
        }
        self.totals.note_usage(&message);
        let synthetic = message.get("model").and_then(Value::as_str) == Some("<synthetic>");
        for block in blocks(message) {
            match block {
                MessageBlock::Text(text) if text.trim().is_empty() => {}
                MessageBlock::Text(text) if synthetic => {
                    thread.push(Entry::Client { label: "Note of the client".into(), text }, weight);
                }
                MessageBlock::Text(text) => thread.push(Entry::Answer { text, at }, weight),
                MessageBlock::Thinking(text) => thread.push(Entry::Thinking(text), weight),
                MessageBlock::Call(call) => {
                    self.totals.calls += 1;
                    thread.push(Entry::Call(call), weight);
                }
                MessageBlock::Result(outcome) => thread.outcome(outcome, weight),
                MessageBlock::Picture(picture) => {
                    let detail = format!("{}, {}", picture.media, size(picture.bytes()));
                    thread.push(event(EventKind::Notice, "A picture", detail, at), 0);
                }
                MessageBlock::Other(kind) => {
                    let title = format!("A part of the answer is not shown: {kind}");
                    thread.push(event(EventKind::Damage, &title, String::new(), at), 0);
                }
            }
        }
    }

    /// Adds a limit or an API error.
    fn stopped(&mut self, thread: &mut Thread, raw: &str, at: Option<DateTime<Utc>>) {
        self.totals.stops += 1;
        for record in parse_line(0, raw.as_bytes()) {
            let Body::Assistant(assistant) = record.body else { continue };
            let Some(failure) = assistant.failure else { continue };
            let stop = stop_of(&failure, &assistant.text, at);
            let mut title = capitalized(stop.kind.words());
            if let Some(reset) = stop.resets_at {
                let passed =
                    at.map_or_else(String::new, |at| format!(", {} later", duration_words(reset - at)));
                title = format!("{title}; it ends at {} UTC{passed}", reset.format("%Y-%m-%d %H:%M"));
            }
            let mut detail = assistant.text;
            if let Some(more) = failure.details.filter(|more| !detail.contains(more.as_str())) {
                detail = format!("{detail}\n{more}");
            }
            thread.push(event(EventKind::Stop, &title, detail, at), 0);
            thread.paused = Some("The turn had been interrupted");
        }
    }
}

impl Thread {
    fn outcome(&mut self, outcome: PageToolResult, weight: usize) {
        self.held += weight;
        let waiting = self.queue.iter_mut().find_map(|entry| match entry {
            Entry::Call(call) if call.outcome.is_none() && call.id == outcome.id => Some(call),
            _ => None,
        });
        match waiting {
            Some(call) => call.outcome = Some(outcome),
            None => self.push(Entry::Result(outcome), 0),
        }
    }

    fn push(&mut self, entry: Entry, weight: usize) {
        self.held += weight;
        // Retries come in large numbers, so only the latest one is shown.
        if let (Some(Entry::Event(before)), Entry::Event(event)) = (self.queue.back_mut(), &entry)
            && before.kind == EventKind::Retry
            && event.kind == EventKind::Retry
        {
            before.title.clone_from(&event.title);
            before.detail.clone_from(&event.detail);
            before.at = event.at;
            return;
        }
        self.queue.push_back(entry);
    }
}

struct Found {
    records: usize,
    whole: bool,
}

/// Reader that counts its bytes.
struct Counted<R> {
    inner: R,
    bytes: u64,
}

impl<R: io::Read> io::Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.bytes += count as u64;
        Ok(count)
    }
}

fn event(kind: EventKind, title: &str, detail: String, at: Option<DateTime<Utc>>) -> Entry {
    Entry::Event(PageEvent { kind, title: title.to_owned(), detail, at })
}

fn note_chain(thread: &mut Thread, record: &PageRecord<'_>) {
    // Records of a subagent inside the main transcript form a separate chain.
    let aside = thread.depth == 0 && truth(record.is_sidechain);
    if let Some(uuid) = text(record.uuid).filter(|_| !aside) {
        thread.last = Some(uuid);
    }
}

fn system(thread: &mut Thread, record: &PageRecord<'_>, at: Option<DateTime<Utc>>) {
    let content = text(record.content).unwrap_or_default();
    let number = |raw: Option<&RawValue>| raw.and_then(|raw| raw.get().parse::<f64>().ok());
    match text(record.subtype).as_deref().unwrap_or_default() {
        "api_error" => {
            let error = decoded(record.error).unwrap_or_default();
            let words = error.get("formatted").or_else(|| error.get("message")).and_then(Value::as_str);
            let attempt = number(record.retry_attempt).unwrap_or(0.0);
            let most = number(record.max_retries).unwrap_or(0.0);
            let title = format!("Sent again, {attempt:.0} of {most:.0} times");
            thread.push(event(EventKind::Retry, &title, words.unwrap_or_default().to_owned(), at), 0);
        }
        "compact_boundary" => {
            if let Some(passed) =
                at.zip(thread.at).map(|(at, before)| at - before).filter(|passed| *passed >= LONG)
            {
                thread.push(
                    event(EventKind::Wait, &format!("{} later", duration_words(passed)), String::new(), at),
                    0,
                );
                thread.at = at;
            }
            let metadata = decoded(record.compact_metadata).unwrap_or_default();
            let tokens = |key: &str| metadata.get(key).and_then(Value::as_u64);
            let by = match metadata.get("trigger").and_then(Value::as_str) {
                Some("manual") => " by the user",
                Some("auto") => " by the client",
                _ => "",
            };
            let detail = match (tokens("preTokens"), tokens("postTokens")) {
                (Some(before), Some(after)) => {
                    format!("{} before, {} after", count(before, "token"), grouped(after))
                }
                (Some(before), None) => format!("{} before", count(before, "token")),
                _ => String::new(),
            };
            thread.push(event(EventKind::Compacted, &format!("Compacted{by}"), detail, at), 0);
        }
        "turn_duration" => {
            if let Some(passed) = number(record.duration_ms) {
                #[expect(clippy::cast_possible_truncation, reason = "a span of time in milliseconds")]
                let passed = TimeDelta::try_milliseconds(passed as i64).unwrap_or_default();
                thread.push(
                    event(
                        EventKind::Ended,
                        &format!("Turn ended after {}", duration_words(passed)),
                        String::new(),
                        at,
                    ),
                    0,
                );
            }
        }
        "local_command" => {
            let entry = if let Some(command) = inside(&content, "command-name") {
                let args = inside(&content, "command-args").unwrap_or_default();
                Entry::Client { label: format!("{} {}", command.trim(), args.trim()), text: String::new() }
            } else {
                let text = inside(&content, "local-command-stdout").unwrap_or(&content).to_owned();
                Entry::Client { label: "Output of the command".into(), text }
            };
            thread.push(entry, 0);
        }
        _ if content.trim().is_empty() => {}
        _ => thread.push(event(EventKind::Notice, &content, String::new(), at), 0),
    }
}

/// Undecoded fields of a record, so that an unknown form of one field does not affect the others.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageRecord<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    subtype: Option<&'a RawValue>,
    #[serde(borrow)]
    uuid: Option<&'a RawValue>,
    #[serde(borrow)]
    parent_uuid: Option<&'a RawValue>,
    #[serde(borrow)]
    is_sidechain: Option<&'a RawValue>,
    #[serde(borrow)]
    is_meta: Option<&'a RawValue>,
    #[serde(borrow)]
    is_compact_summary: Option<&'a RawValue>,
    #[serde(borrow)]
    is_api_error_message: Option<&'a RawValue>,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    operation: Option<&'a RawValue>,
    #[serde(borrow)]
    origin: Option<&'a RawValue>,
    #[serde(borrow)]
    prompt_source: Option<&'a RawValue>,
    #[serde(borrow)]
    turn_origin: Option<&'a RawValue>,
    #[serde(borrow)]
    plugin_prompt: Option<&'a RawValue>,
    #[serde(borrow)]
    attachment: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_use_result: Option<&'a RawValue>,
    #[serde(borrow)]
    permission_mode: Option<&'a RawValue>,
    #[serde(borrow)]
    compact_metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    duration_ms: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    retry_attempt: Option<&'a RawValue>,
    #[serde(borrow)]
    max_retries: Option<&'a RawValue>,
}

fn text(raw: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(raw?.get()).ok()
}

fn truth(raw: Option<&RawValue>) -> bool {
    raw.is_some_and(|raw| raw.get() == "true")
}

/// Decodes a value; a missing one becomes `null`.
fn decoded(raw: Option<&RawValue>) -> Option<Value> {
    raw.map_or(Some(Value::Null), |raw| serde_json::from_str(raw.get()).ok())
}

fn text_of_origin(record: &PageRecord<'_>) -> Option<String> {
    #[derive(Deserialize)]
    struct Origin {
        kind: Option<String>,
    }
    serde_json::from_str::<Origin>(record.origin?.get()).ok()?.kind
}

/// Returns who wrote a record with the user role and this text.
fn author_of(record: &PageRecord<'_>, said: &str) -> Author {
    let origin = text_of_origin(record);
    let (source, turn) = (text(record.prompt_source), text(record.turn_origin));
    let marks = AuthorMarks {
        meta: truth(record.is_meta),
        compact_summary: truth(record.is_compact_summary),
        plugin_prompt: record.plugin_prompt.is_some(),
        origin: origin.as_deref(),
        prompt_source: source.as_deref(),
        turn_origin: turn.as_deref(),
    };
    author(marks, said)
}

/// Returns the name of the plugin that submitted a prompt, and the plugin's text.
fn plugin_prompt(record: &PageRecord<'_>) -> (String, Option<String>) {
    let value = |raw: Option<&RawValue>, key: &str| {
        let value = decoded(raw)?;
        value.get(key).and_then(Value::as_str).map(str::to_owned)
    };
    let name = value(record.plugin_prompt, "name").or_else(|| value(record.origin, "name"));
    (name.unwrap_or_default(), value(record.plugin_prompt, "text"))
}

/// Tracks the prompts queued during a turn. Those left at the end were never sent.
fn queue_operation(thread: &mut Thread, record: &PageRecord<'_>, at: Option<DateTime<Utc>>) {
    let content = text(record.content).unwrap_or_default();
    match text(record.operation).as_deref() {
        Some("enqueue") => {
            let by_client = content.trim().is_empty() || client_text(&content).is_some();
            // An entry that the client queued itself is dequeued as well, so it needs a place in the queue.
            thread.queued.push_back((if by_client { String::new() } else { content }, at));
        }
        Some("popAll") => thread.queued.clear(),
        Some(_) => {
            let place = thread.queued.iter().position(|(text, _)| !content.is_empty() && *text == content);
            thread.queued.remove(place.unwrap_or_default());
        }
        None => {}
    }
}

fn prompt(by: PromptAuthor, text: String, pictures: Vec<Picture>, at: Option<DateTime<Utc>>) -> Entry {
    Entry::Prompt(PagePrompt { by, text, pictures, at })
}

/// Returns whether this tool wrote the prompt to continue the session.
fn is_ours(record: &PageRecord<'_>) -> bool {
    record.message.is_some_and(|raw| [AUTOMATED, STATUS_REPORT].iter().any(|ours| raw.get().contains(ours)))
}

/// Returns the changes that a tool made to a file.
fn patch(record: &PageRecord<'_>) -> Option<Vec<Hunk>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Result {
        structured_patch: Vec<Hunk>,
    }
    serde_json::from_str::<Result>(record.tool_use_result?.get()).ok().map(|result| result.structured_patch)
}

enum MessageBlock {
    Text(String),
    Thinking(String),
    Picture(Picture),
    Call(PageToolCall),
    Result(PageToolResult),
    Other(String),
}

fn blocks(mut message: Value) -> Vec<MessageBlock> {
    of_content(message.get_mut("content").map(Value::take).unwrap_or_default())
}

fn of_content(content: Value) -> Vec<MessageBlock> {
    match content {
        Value::String(text) => vec![MessageBlock::Text(text)],
        Value::Array(blocks) => blocks.into_iter().filter_map(block).collect(),
        _ => Vec::new(),
    }
}

fn block(mut block: Value) -> Option<MessageBlock> {
    let mut take = |key: &str| match block.get_mut(key).map(Value::take) {
        Some(Value::String(text)) => text,
        _ => String::new(),
    };
    let kind = take("type");
    Some(match kind.as_str() {
        "text" => MessageBlock::Text(take("text")),
        "thinking" => {
            let thinking = take("thinking");
            if thinking.trim().is_empty() {
                return None;
            }
            MessageBlock::Thinking(thinking)
        }
        "redacted_thinking" => MessageBlock::Thinking("(kept back by the API)".into()),
        "image" => MessageBlock::Picture(picture(&mut block)),
        kind if kind.ends_with("tool_use") => MessageBlock::Call(PageToolCall {
            id: take("id"),
            name: take("name"),
            input: block.get_mut("input").map(Value::take).unwrap_or_default(),
            outcome: None,
        }),
        kind if kind.ends_with("tool_result") => {
            let id = take("tool_use_id");
            let failed = block.get("is_error").and_then(Value::as_bool).unwrap_or(false);
            let content = block.get_mut("content").map(Value::take).unwrap_or_default();
            let mut outcome =
                PageToolResult { id, text: String::new(), pictures: Vec::new(), failed, patch: None };
            let mut texts = Vec::new();
            for inner in of_result(content) {
                match inner {
                    MessageBlock::Text(text) => texts.push(text),
                    MessageBlock::Picture(picture) => outcome.pictures.push(picture),
                    MessageBlock::Other(kind) => texts.push(format!("({kind})")),
                    MessageBlock::Thinking(_) | MessageBlock::Call(_) | MessageBlock::Result(_) => {}
                }
            }
            outcome.text = texts.join("\n");
            MessageBlock::Result(outcome)
        }
        "" => return None,
        _ => MessageBlock::Other(kind),
    })
}

/// Parses the content of a tool result. A result inside a result is not parsed, which limits the nesting.
fn of_result(content: Value) -> Vec<MessageBlock> {
    match content {
        Value::Array(blocks) => blocks
            .into_iter()
            .filter_map(|mut inner| match inner.get("type").and_then(Value::as_str) {
                Some("text" | "image") => block(inner),
                Some("web_search_result") => {
                    let mut word = |key: &str| {
                        inner
                            .get_mut(key)
                            .and_then(|text| text.as_str().map(str::to_owned))
                            .unwrap_or_default()
                    };
                    Some(MessageBlock::Text(format!("{} {}", word("title"), word("url"))))
                }
                Some(kind) => Some(MessageBlock::Other(kind.to_owned())),
                None => None,
            })
            .collect(),
        Value::Null => Vec::new(),
        Value::String(text) => vec![MessageBlock::Text(text)],
        other => vec![MessageBlock::Text(serde_json::to_string_pretty(&other).unwrap_or_default())],
    }
}

fn picture(block: &mut Value) -> Picture {
    let mut take = |path: &str| match block.pointer_mut(path).map(Value::take) {
        Some(Value::String(text)) => text,
        _ => String::new(),
    };
    Picture { media: take("/source/media_type"), data: take("/source/data") }
}

/// Returns the text inside a tag.
fn inside<'t>(text: &'t str, tag: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("<{tag}>"))?;
    rest.split_once(&format!("</{tag}>")).map(|(inner, _)| inner)
}

/// Formats a time for display.
#[must_use]
pub fn clock(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// Formats a time as RFC 3339 for programs.
#[must_use]
pub fn machine(at: DateTime<Utc>) -> String {
    rfc3339(at)
}
