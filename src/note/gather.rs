//! Gathering: what a session was doing when it stopped, read from the end of its transcript.
//!
//! Nothing here depends on what the model says about itself, except its last words. The newest [`BUDGET`] bytes are
//! walked once, newest record first, and only what a note can show is kept; each text is made safe and bounded as it is
//! picked up (see [`super::text`]).

use super::text::{block, line};
use crate::claude::record::{Assistant, Body, Head, Meta, ToolCall, ToolResult, User};
use crate::claude::transcript::Transcript;
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

/// Bytes of transcript that are read from the end.
pub const BUDGET: u64 = 8 * 1024 * 1024;
/// Bytes read from the beginning, where the first prompt stands.
const HEAD_BUDGET: u64 = 256 * 1024;

const MOST_PROMPTS: usize = 4;
const MOST_TODOS: usize = 60;
const MOST_CALLS: usize = 8;
const MOST_FILES: usize = 60;
const MOST_COMMANDS: usize = 8;
const MOST_AGENTS: usize = 6;

const LONG_TEXT: usize = 4000;
const SHORT_LINE: usize = 240;
/// Bytes at the end of a result that are kept until its last line is wanted.
const TAIL: usize = 4096;

/// How the client begins the result of a subagent that an API error ended (clients 2.1.3xx).
const CUT_AGENT: &str = "Agent terminated early due to an API error";

/// What a transcript tells about unfinished work. Texts are sanitised, redacted and bounded.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Gathered {
    /// The transcript.
    pub transcript: PathBuf,
    /// Its length in bytes when it was read.
    pub bytes: u64,
    /// Everything was read; else only the newest [`BUDGET`] bytes and the beginning.
    pub whole: bool,
    /// Time of the newest record.
    pub last_at: Option<DateTime<Utc>>,
    /// Name a person gave the session.
    pub name: Option<String>,
    /// Title the client made.
    pub title: Option<String>,
    /// The first thing a person asked for.
    pub first_prompt: Option<Said>,
    /// The latest things a person asked for, newest first.
    pub prompts: Vec<Said>,
    /// The last plan that was put forward.
    pub plan: Option<Plan>,
    /// The task list as it stood, in its own order.
    pub todos: Vec<Todo>,
    /// The list may lack entries: its beginning lies before what was read.
    pub todos_partial: bool,
    /// Tool calls without a result, in the order they were made.
    pub in_flight: Vec<Call>,
    /// Work started in the background whose end was not seen, newest first.
    pub background: Vec<Call>,
    /// Files written, the latest first.
    pub files: Vec<ChangedFile>,
    /// How many files were written in all.
    pub files_total: usize,
    /// Latest shell commands, newest first.
    pub commands: Vec<ShellCommand>,
    /// Subagents that an API error ended and that were not run again with success, newest first.
    pub cut_agents: Vec<CutAgent>,
    /// The last text of the model itself.
    pub last_words: Option<Said>,
    /// Working directory at the end.
    pub cwd: Option<String>,
    /// Working directory at the start.
    pub first_cwd: Option<String>,
    /// Git branch as the client saw it.
    pub branch: Option<String>,
    /// Permission mode in force.
    pub permission_mode: Option<String>,
    /// Model that answered last.
    pub model: Option<String>,
    /// Version of the client.
    pub client: Option<String>,
}

/// A text and when it was said.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Said {
    /// The text.
    pub text: String,
    /// When.
    pub at: Option<DateTime<Utc>>,
}

/// A plan made in plan mode.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Its text.
    pub text: String,
    /// `None`: nobody has answered yet.
    pub approved: Option<bool>,
    /// File the client keeps it in.
    pub file: Option<String>,
}

/// An entry of the task list.
#[derive(Debug, Clone, PartialEq)]
pub struct Todo {
    /// Its number in newer clients.
    pub id: Option<String>,
    /// What is to be done.
    pub text: String,
    /// `pending`, `in_progress`, `completed`.
    pub status: String,
}

/// A tool call.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Name of the tool.
    pub tool: String,
    /// Its main argument: the command, the file, the question.
    pub argument: String,
    /// When it was made.
    pub at: Option<DateTime<Utc>>,
}

/// A file that the session wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangedFile {
    /// Path as the tool was given it.
    pub path: String,
    /// How many calls wrote to it.
    pub writes: usize,
    /// One of them created it.
    pub created: bool,
}

/// A shell command and how it ended.
#[derive(Debug, Clone, PartialEq)]
pub struct ShellCommand {
    /// The command on one line.
    pub command: String,
    /// How it ended.
    pub end: CommandEnd,
    /// Last line of its output.
    pub last_line: Option<String>,
}

/// How a shell command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandEnd {
    /// With this exit code.
    Exit(i32),
    /// It was refused or interrupted, or the tool failed; the last line says more.
    NotRun,
    /// It was put in the background.
    Background,
    /// No result is in the transcript.
    Unknown,
}

/// A subagent that was ended by an API error.
#[derive(Debug, Clone, PartialEq)]
pub struct CutAgent {
    /// What it was for.
    pub description: String,
    /// The error in the client's words.
    pub error: String,
}

/// Reads what the session was doing. Costs at most about [`BUDGET`] bytes of reading; has no effects.
#[must_use]
pub fn gather(transcript: &Transcript) -> Gathered {
    let floor = transcript.bytes().saturating_sub(BUDGET);
    let mut walk = Walk::default();
    for record in transcript.newest_first().take_while(|record| record.offset >= floor) {
        if record.head.sidechain {
            continue;
        }
        walk.head(&record.head);
        match &record.body {
            Body::User(user) => walk.user(&record.head, user),
            Body::Assistant(assistant) => walk.assistant(&record.head, assistant),
            Body::Meta(meta) => walk.meta(meta),
            Body::System(_) | Body::Other => {}
        }
    }
    let mut found = walk.finish(floor == 0);
    transcript.path().clone_into(&mut found.transcript);
    found.bytes = transcript.bytes();
    found.whole = floor == 0;
    if floor > 0 {
        beginning(transcript, &mut found);
    }
    found
}

/// What only the beginning of a long transcript tells.
fn beginning(transcript: &Transcript, found: &mut Gathered) {
    let mut first = Prompts::default();
    let mut cwd = None;
    for record in transcript.head(HEAD_BUDGET).iter().rev().filter(|record| !record.head.sidechain) {
        cwd = record.head.cwd.as_deref().or(cwd.as_deref()).map(str::to_owned);
        if let Body::User(user) = &record.body {
            first.see(&record.head, user);
        }
    }
    found.first_prompt = first.take_oldest().or(found.first_prompt.take());
    found.first_cwd = cwd.map(|cwd| line(&cwd, SHORT_LINE)).or(found.first_cwd.take());
}

/// What has been seen on the way from the newest record to the oldest.
#[derive(Default)]
struct Walk {
    found: Gathered,
    prompts: Prompts,
    results: HashMap<String, Outcome>,
    /// Ids of calls whose end a notification told.
    notified: String,
    /// Paths in `found.files`.
    files: HashMap<String, usize>,
    other_files: HashSet<String>,
    /// Changes of the task list, newest first, down to the last complete list.
    changes: Vec<Change>,
    listed: bool,
    /// The plan as the result gives it: newer clients leave it out of the call.
    planned: Option<(String, Option<String>)>,
    /// Descriptions of subagents that ended well after what is being looked at.
    agents_done: HashSet<String>,
}

/// What a tool result says, as far as it matters later (earlier in the file) when the call is met.
struct Outcome {
    error: bool,
    exit: Option<i32>,
    /// Its end, not yet made safe: few results are ever shown.
    tail: Option<String>,
    cut: Option<String>,
    created: bool,
    background: bool,
}

enum Change {
    List(Vec<Todo>),
    Created(Todo),
    Updated { id: String, status: Option<String>, text: Option<String> },
}

impl Walk {
    fn head(&mut self, head: &Head) {
        let found = &mut self.found;
        if found.last_at.is_none() {
            found.last_at = head.at;
        }
        if let Some(cwd) = &head.cwd {
            // The last one seen is the oldest.
            found.first_cwd = Some(cwd.clone());
            keep(&mut found.cwd, cwd);
        }
        if let Some(branch) = &head.branch {
            keep(&mut found.branch, branch);
        }
        if let Some(version) = &head.version {
            keep(&mut found.client, version);
        }
    }

    fn meta(&mut self, meta: &Meta) {
        let found = &mut self.found;
        match meta {
            Meta::CustomTitle(text) | Meta::AgentName(text) => keep(&mut found.name, text),
            Meta::AiTitle(text) => keep(&mut found.title, text),
            Meta::PermissionMode(mode) => keep(&mut found.permission_mode, mode),
            Meta::LastPrompt(_) | Meta::Summary(_) | Meta::CostState => {}
        }
    }

    fn user(&mut self, head: &Head, user: &User) {
        if let Some(mode) = &user.permission_mode {
            keep(&mut self.found.permission_mode, mode);
        }
        for result in &user.results {
            let structured = if user.results.len() == 1 { user.tool_use_result.as_ref() } else { None };
            self.result(result, structured);
        }
        if user.origin.as_deref() == Some("task-notification") {
            self.notified.push_str(&user.text);
        }
        self.prompts.see(head, user);
    }

    fn result(&mut self, result: &ToolResult, structured: Option<&Value>) {
        if let Some(structured) = structured
            && !result.error
        {
            self.task_result(structured);
            if self.planned.is_none()
                && let Some(plan) = text_at(structured, "plan")
            {
                self.planned = Some((plan.to_owned(), text_at(structured, "filePath").map(str::to_owned)));
            }
        }
        let flag = |key| structured.is_some_and(|value| value.get(key).is_some_and(|value| !value.is_null()));
        let outcome = Outcome {
            error: result.error,
            exit: exit_code(result),
            tail: tail(&result.text),
            cut: result.text.trim_start().strip_prefix(CUT_AGENT).map(|rest| {
                line(&first_line(rest.trim_start_matches([':', ' '])).unwrap_or_default(), SHORT_LINE)
            }),
            created: structured.and_then(|value| text_at(value, "type")) == Some("create"),
            background: flag("backgroundTaskId")
                || structured.and_then(|value| text_at(value, "status")) == Some("async_launched"),
        };
        self.results.insert(result.id.clone(), outcome);
    }

    /// Newer clients keep the task list on the side; the transcript has its changes.
    fn task_result(&mut self, structured: &Value) {
        if self.listed {
            return;
        }
        if let Some(tasks) = structured.get("tasks").and_then(Value::as_array) {
            self.changes.push(Change::List(tasks.iter().filter_map(|task| todo(task, "subject")).collect()));
            self.listed = true;
        } else if let Some(task) = structured.get("task").and_then(|task| todo(task, "subject")) {
            self.changes.push(Change::Created(task));
        }
    }

    fn assistant(&mut self, head: &Head, assistant: &Assistant) {
        let synthetic = assistant.synthetic();
        if !synthetic && let Some(model) = &assistant.model {
            keep(&mut self.found.model, model);
        }
        let own_words = !synthetic && assistant.failure.is_none();
        if own_words && self.found.last_words.is_none() && !assistant.text.trim().is_empty() {
            self.found.last_words = Some(Said { text: block(&assistant.text, LONG_TEXT), at: head.at });
        }
        for call in assistant.calls.iter().rev() {
            self.call(head, call);
        }
    }

    fn call(&mut self, head: &Head, call: &ToolCall) {
        let outcome = self.results.get(&call.id);
        let answered = outcome.is_some();
        let failed = outcome.is_some_and(|outcome| outcome.error);
        // A call from before the latest prompt was given up with whatever came between.
        if !answered && self.prompts.latest.is_empty() && self.found.in_flight.len() < MOST_CALLS {
            self.found.in_flight.push(described(head, call));
        }
        let background = call.input.get("run_in_background").and_then(Value::as_bool).unwrap_or(false)
            || outcome.is_some_and(|outcome| outcome.background);
        if background
            && answered
            && !failed
            && !self.notified.contains(&call.id)
            && self.found.background.len() < MOST_CALLS
        {
            self.found.background.push(described(head, call));
        }
        match call.name.as_str() {
            "Bash" | "PowerShell" => self.command(call, background),
            "Edit" | "Write" | "MultiEdit" | "NotebookEdit" if answered && !failed => self.changed_file(call),
            "ExitPlanMode" if self.found.plan.is_none() => self.plan(call, answered, failed),
            "TodoWrite" if !failed && !self.listed => {
                let list = call.input.get("todos").and_then(Value::as_array);
                let todos = list.into_iter().flatten().filter_map(|entry| todo(entry, "content")).collect();
                self.changes.push(Change::List(todos));
                self.listed = true;
            }
            "TaskUpdate" if answered && !failed && !self.listed => {
                if let Some(id) = id_at(&call.input, "taskId") {
                    self.changes.push(Change::Updated {
                        id,
                        status: text_at(&call.input, "status").map(|text| line(text, 40)),
                        text: text_at(&call.input, "subject").map(|text| line(text, SHORT_LINE)),
                    });
                }
            }
            "Agent" | "Task" => self.agent(call),
            _ => {}
        }
    }

    fn command(&mut self, call: &ToolCall, background: bool) {
        if self.found.commands.len() >= MOST_COMMANDS {
            return;
        }
        let outcome = self.results.get(&call.id);
        let end = match outcome {
            None => CommandEnd::Unknown,
            Some(outcome) if background && !outcome.error => CommandEnd::Background,
            Some(outcome) => outcome.exit.map_or(CommandEnd::NotRun, CommandEnd::Exit),
        };
        self.found.commands.push(ShellCommand {
            command: line(text_at(&call.input, "command").unwrap_or_default(), SHORT_LINE),
            end,
            last_line: outcome.and_then(|outcome| outcome.tail.as_deref()).and_then(last_line),
        });
    }

    fn changed_file(&mut self, call: &ToolCall) {
        let Some(path) = text_at(&call.input, "file_path").or_else(|| text_at(&call.input, "notebook_path"))
        else {
            return;
        };
        let created = self.results.get(&call.id).is_some_and(|outcome| outcome.created);
        if let Some(index) = self.files.get(path) {
            let file = &mut self.found.files[*index];
            file.writes += 1;
            file.created |= created;
        } else if self.found.files.len() < MOST_FILES {
            self.files.insert(path.to_owned(), self.found.files.len());
            self.found.files.push(ChangedFile { path: line(path, SHORT_LINE), writes: 1, created });
        } else {
            self.other_files.insert(path.to_owned());
        }
    }

    fn plan(&mut self, call: &ToolCall, answered: bool, failed: bool) {
        let planned = self.planned.take();
        let own = text_at(&call.input, "plan").map(str::to_owned);
        let Some(text) = own.or_else(|| planned.as_ref().map(|(text, _)| text.clone())) else { return };
        let file =
            text_at(&call.input, "planFilePath").map(str::to_owned).or(planned.and_then(|(_, file)| file));
        self.found.plan = Some(Plan {
            text: block(&text, LONG_TEXT),
            approved: answered.then_some(!failed),
            file: file.map(|file| line(&file, SHORT_LINE)),
        });
    }

    fn agent(&mut self, call: &ToolCall) {
        let description =
            line(text_at(&call.input, "description").unwrap_or("without a description"), SHORT_LINE);
        let Some(outcome) = self.results.get(&call.id) else { return };
        let Some(error) = outcome.cut.clone() else {
            if !outcome.error {
                self.agents_done.insert(description);
            }
            return;
        };
        let cut = &mut self.found.cut_agents;
        let known = self.agents_done.contains(&description)
            || cut.iter().any(|agent| agent.description == description);
        if !known && cut.len() < MOST_AGENTS {
            cut.push(CutAgent { description, error });
        }
    }

    fn finish(mut self, whole: bool) -> Gathered {
        self.found.in_flight.reverse();
        self.found.files_total = self.found.files.len() + self.other_files.len();
        self.found.todos_partial = !whole && !self.listed && !self.changes.is_empty();
        self.found.todos = task_list(self.changes);
        self.found.first_prompt = self.prompts.take_oldest();
        self.found.prompts = self.prompts.latest;
        self.found.first_cwd = self.found.first_cwd.map(|cwd| line(&cwd, SHORT_LINE));
        self.found
    }
}

/// Keeps the newest value, which is met first.
fn keep(slot: &mut Option<String>, value: &str) {
    if slot.is_none() {
        *slot = Some(line(value, SHORT_LINE)).filter(|text| !text.is_empty());
    }
}

/// Prompts of a person, met from the newest to the oldest.
#[derive(Default)]
struct Prompts {
    latest: Vec<Said>,
    /// Not yet made safe: every prompt is the oldest for a while.
    oldest: Option<Said>,
    /// The record met before (later in the file) is the output of a command of the client's own.
    local_output: bool,
}

impl Prompts {
    fn see(&mut self, head: &Head, user: &User) {
        let text = user.text.trim_start();
        let by_client = user.meta
            || user.compact_summary
            || !user.results.is_empty()
            || text.is_empty()
            || user.prompt_source.as_deref() == Some("system")
            || user.origin.as_deref().is_some_and(|origin| origin != "human");
        if by_client {
            return;
        }
        if text.starts_with("<local-command-stdout>") || text.starts_with("<local-command-stderr>") {
            self.local_output = true;
            return;
        }
        let after_output = std::mem::take(&mut self.local_output);
        let raw = if let Some(command) = slash_command(text) {
            // `/compact` and its like do something in the client; a project's own command is a prompt.
            if after_output {
                return;
            }
            command
        } else if made_by_client(text) {
            return;
        } else {
            text.to_owned()
        };
        if self.latest.len() < MOST_PROMPTS {
            let said = Said { text: block(&raw, LONG_TEXT), at: head.at };
            // Long chains of "go on" are one prompt.
            if self.latest.last().is_none_or(|last| last.text != said.text) {
                self.latest.push(said);
            }
        }
        self.oldest = Some(Said { text: raw, at: head.at });
    }

    fn take_oldest(&mut self) -> Option<Said> {
        self.oldest.take().map(|said| Said { text: block(&said.text, LONG_TEXT), ..said })
    }
}

/// Texts in the person's place that no person wrote.
fn made_by_client(text: &str) -> bool {
    [
        "<local-command-",
        "<system-reminder>",
        "<task-notification>",
        "<bash-input>",
        "<bash-stdout>",
        "<bash-stderr>",
        "[Request interrupted by user",
        "Caveat: The messages below were generated by the user while running local commands",
    ]
    .iter()
    .any(|start| text.starts_with(start))
}

/// The slash command as it was typed.
fn slash_command(text: &str) -> Option<String> {
    if !text.starts_with("<command-name>") && !text.starts_with("<command-message>") {
        return None;
    }
    let inner = |tag: &str| {
        let (_, rest) = text.split_once(&format!("<{tag}>"))?;
        rest.split_once(&format!("</{tag}>")).map(|(inner, _)| inner.trim())
    };
    let arguments = inner("command-args").unwrap_or_default();
    Some(format!("{} {arguments}", inner("command-name").unwrap_or_default()))
}

/// The last line with anything in it, its first bytes.
/// The end of a text, in which its last line is: more than that line, because a secret may have been broken before it.
fn tail(text: &str) -> Option<String> {
    let text = text.trim_end();
    let start = text.ceil_char_boundary(text.len().saturating_sub(TAIL));
    let end = &text[start..];
    // A line that is cut off at its beginning may hold the rest of a secret.
    let end = if start == 0 { end } else { end.split_once('\n').map_or(end, |(_, whole)| whole) };
    (!end.is_empty()).then(|| end.to_owned())
}

/// The last line of a text, once the whole text was cleaned.
fn last_line(text: &str) -> Option<String> {
    let clean = block(text, TAIL);
    clean.lines().next_back().filter(|line| !line.is_empty()).map(|text| line(text, SHORT_LINE))
}

/// The first line of a text, likewise.
fn first_line(text: &str) -> Option<String> {
    let clean = block(text, LONG_TEXT);
    clean.lines().next().filter(|line| !line.is_empty()).map(str::to_owned)
}

/// A Bash result names the exit code when it is not 0.
fn exit_code(result: &ToolResult) -> Option<i32> {
    if !result.error {
        return Some(0);
    }
    let text = result.text.trim_start();
    let text = text.strip_prefix("Error: ").unwrap_or(text);
    let digits = text.strip_prefix("Exit code ")?.lines().next()?.trim();
    digits.parse().ok()
}

fn text_at<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

/// An id that is a string or a number.
fn id_at(value: &Value, key: &str) -> Option<String> {
    match value.get(key)? {
        Value::String(text) => Some(line(text, 40)),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn todo(value: &Value, text_key: &str) -> Option<Todo> {
    Some(Todo {
        id: id_at(value, "id"),
        text: line(text_at(value, text_key)?, SHORT_LINE),
        status: line(text_at(value, "status").unwrap_or("pending"), 40),
    })
}

/// Plays the changes, newest first in the argument, from the oldest on.
fn task_list(changes: Vec<Change>) -> Vec<Todo> {
    let mut list: Vec<Todo> = Vec::new();
    for change in changes.into_iter().rev() {
        match change {
            Change::List(todos) => list = todos,
            Change::Created(todo) => list.push(todo),
            Change::Updated { id, status, text } => {
                let at = list.iter().position(|todo| todo.id.as_deref() == Some(&id));
                if status.as_deref() == Some("deleted") {
                    at.map(|at| list.remove(at));
                    continue;
                }
                let at = at.unwrap_or_else(|| {
                    list.push(Todo {
                        id: Some(id.clone()),
                        text: format!("task {id}"),
                        status: "pending".to_owned(),
                    });
                    list.len() - 1
                });
                let todo = &mut list[at];
                todo.status = status.unwrap_or_else(|| todo.status.clone());
                todo.text = text.unwrap_or_else(|| todo.text.clone());
            }
        }
    }
    // Of a very long list what is open matters.
    if list.len() > MOST_TODOS {
        list.retain(|todo| todo.status != "completed");
        list.truncate(MOST_TODOS);
    }
    list
}

/// A call with the argument a person would want to see.
fn described(head: &Head, call: &ToolCall) -> Call {
    const KEYS: &[&str] = &[
        "command",
        "file_path",
        "notebook_path",
        "path",
        "pattern",
        "url",
        "query",
        "description",
        "skill",
        "subject",
        "prompt",
    ];
    let question = || call.input.get("questions")?.get(0).and_then(|question| text_at(question, "question"));
    let plan = || text_at(&call.input, "plan").and_then(first_line);
    let argument = KEYS.iter().find_map(|key| text_at(&call.input, key)).or_else(question).map(str::to_owned);
    let argument = argument.or_else(plan).unwrap_or_default();
    Call { tool: line(&call.name, 80), argument: line(&argument, SHORT_LINE), at: head.at }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn fixture(name: &str) -> Gathered {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/transcripts").join(name);
        gather(&Transcript::open(&path).unwrap())
    }

    fn written(lines: &[Value]) -> Gathered {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.jsonl");
        let text = lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n") + "\n";
        std::fs::write(&path, text).unwrap();
        gather(&Transcript::open(&path).unwrap())
    }

    fn prompt(text: &str) -> Value {
        serde_json::json!({"type": "user", "message": {"content": text}})
    }

    #[expect(clippy::needless_pass_by_value, reason = "written with json! at the call")]
    fn call(id: &str, tool: &str, input: Value) -> Value {
        serde_json::json!({"type": "assistant", "message": {"model": "m", "content": [{"type": "tool_use", "id": id, "name": tool, "input": input}]}})
    }

    #[expect(clippy::needless_pass_by_value, reason = "written with json! at the call")]
    fn result(id: &str, text: &str, error: bool, structured: Value) -> Value {
        serde_json::json!({"type": "user", "toolUseResult": structured, "message": {"content": [
            {"type": "tool_result", "tool_use_id": id, "content": text, "is_error": error}]}})
    }

    fn texts(said: &[Said]) -> Vec<&str> {
        said.iter().map(|said| said.text.as_str()).collect()
    }

    fn first(found: &Gathered) -> Option<&str> {
        found.first_prompt.as_ref().map(|said| said.text.as_str())
    }

    fn words(found: &Gathered) -> Option<&str> {
        found.last_words.as_ref().map(|said| said.text.as_str())
    }

    #[test]
    fn todos_come_from_the_last_list_and_not_from_a_refused_one() {
        let found = fixture("todos.jsonl");
        let todos: Vec<_> =
            found.todos.iter().map(|todo| (todo.text.as_str(), todo.status.as_str())).collect();
        assert_eq!(todos, [("Fix the parser", "in_progress"), ("Run tests", "pending")]);
        assert!(!found.todos_partial);
        assert_eq!(first(&found), Some("fix the parser"));
        assert_eq!(words(&found), Some("Stopping here."));
    }

    #[test]
    fn todos_are_rebuilt_from_their_changes() {
        let task = |id: &str, text: &str| serde_json::json!({"task": {"id": id, "subject": text}});
        let found = written(&[
            call("a", "TaskCreate", serde_json::json!({"subject": "one"})),
            result("a", "ok", false, task("1", "one")),
            call("b", "TaskCreate", serde_json::json!({"subject": "two"})),
            result("b", "ok", false, task("2", "two")),
            call("c", "TaskUpdate", serde_json::json!({"taskId": "1", "status": "completed"})),
            result("c", "ok", false, serde_json::json!({"success": true})),
            call("d", "TaskUpdate", serde_json::json!({"taskId": "2", "status": "completed"})),
            result("d", "no such task", true, serde_json::json!("Error")),
            call("e", "TaskUpdate", serde_json::json!({"taskId": "2", "subject": "two, better"})),
            result("e", "ok", false, serde_json::json!({"success": true})),
        ]);
        let todos: Vec<_> =
            found.todos.iter().map(|todo| (todo.text.as_str(), todo.status.as_str())).collect();
        assert_eq!(todos, [("one", "completed"), ("two, better", "pending")]);
    }

    #[test]
    fn todos_of_older_clients_are_read_from_the_call() {
        let todos =
            serde_json::json!({"todos": [{"content": "x", "status": "in_progress", "activeForm": "X"}]});
        let found = written(&[call("a", "TodoWrite", todos), result("a", "ok", false, Value::Null)]);
        assert_eq!(found.todos, [Todo { id: None, text: "x".into(), status: "in_progress".into() }]);
    }

    #[test]
    fn the_plan_is_the_approved_one_with_its_file() {
        let found = fixture("plan.jsonl");
        let plan = found.plan.unwrap();
        assert_eq!(plan.text, "# Plan\n\n1. Fix the parser\n2. Run tests");
        assert_eq!(plan.approved, Some(true));
        assert!(plan.file.unwrap().ends_with("please-do-the-parser-validated-hearth.md"));
        assert_eq!(found.permission_mode.as_deref(), Some("auto"));
    }

    #[test]
    fn files_and_commands_tell_what_was_done_and_how_it_ended() {
        let found = fixture("edits.jsonl");
        let files: Vec<_> =
            found.files.iter().map(|file| (file.path.as_str(), file.writes, file.created)).collect();
        assert_eq!(
            files,
            [
                ("/home/dev/projects/edits/src/parser.js", 1, true),
                ("/home/dev/projects/edits/README.md", 1, false)
            ]
        );
        assert_eq!(
            found.commands,
            [
                ShellCommand {
                    command: "cd src && pwd".into(),
                    end: CommandEnd::Exit(0),
                    last_line: Some("/home/dev/projects/edits/src".into())
                },
                ShellCommand {
                    command: "ls src && node -e 'process.exit(3)'".into(),
                    end: CommandEnd::Exit(3),
                    last_line: Some("parser.js".into())
                }
            ]
        );
        assert_eq!(found.name.as_deref(), Some("parser-fix"));
        assert_eq!(found.cwd.as_deref(), Some("/home/dev/projects/edits/src"));
        assert_eq!(found.first_cwd.as_deref(), Some("/home/dev/projects/edits"));
        assert_eq!(found.branch.as_deref(), Some("main"));
        assert_eq!(found.model.as_deref(), Some("claude-opus-5-5"));
        assert_eq!(found.client.as_deref(), Some("2.1.329"));
        assert!(found.in_flight.is_empty() && found.whole);
    }

    #[test]
    fn a_subagent_cut_by_the_limit_is_named_with_the_error() {
        let found = fixture("subagent-quota/d730557b-91b4-49d9-8c89-b9da5ab63883.jsonl");
        assert_eq!(found.cut_agents.len(), 1);
        assert_eq!(found.cut_agents[0].description, "Survey the code");
        assert!(
            found.cut_agents[0].error.starts_with("You've hit your 5-hour limit"),
            "{:?}",
            found.cut_agents
        );
        assert_eq!(words(&found), Some("Delegating."));
        assert!(fixture("subagent/1dae7633-60d9-4182-89eb-d2670fa1ede7.jsonl").cut_agents.is_empty());
    }

    #[test]
    fn a_subagent_that_was_run_again_with_success_is_not_named() {
        let input = serde_json::json!({"description": "Survey"});
        let cut = format!("{CUT_AGENT}: limit");
        let again = [
            call("a", "Agent", input.clone()),
            result("a", &cut, false, Value::Null),
            call("b", "Agent", input.clone()),
            result("b", "report", false, Value::Null),
        ];
        assert!(written(&again).cut_agents.is_empty());
        assert_eq!(written(&again[..2]).cut_agents[0].error, "limit");
    }

    #[test]
    fn the_clients_error_text_is_not_taken_for_last_words() {
        for name in ["quota-mid-turn-interactive.jsonl", "quota-mid-turn-print.jsonl"] {
            let found = fixture(name);
            assert!(
                words(&found).is_some_and(|text| !text.contains("limit")),
                "{name}: {:?}",
                found.last_words
            );
            assert_eq!(found.model.as_deref(), Some("claude-sonnet-5-5"), "{name}");
            assert!(found.in_flight.is_empty(), "{name}");
            assert_eq!(found.files.len(), 1, "{name}");
        }
        assert_eq!(first(&fixture("quota-mid-turn-interactive.jsonl")), Some("do the work"));
    }

    #[test]
    fn a_killed_turn_shows_the_call_that_ran() {
        let found = fixture("killed-mid-turn.jsonl");
        let calls: Vec<_> =
            found.in_flight.iter().map(|call| (call.tool.as_str(), call.argument.as_str())).collect();
        assert_eq!(calls, [("Bash", "node -e 'setTimeout(()=>{},300000)'")]);
        assert_eq!(texts(&found.prompts), ["run them again", "run the tests for the parser"]);
        assert_eq!(first(&found), Some("run the tests for the parser"));
        assert_eq!(found.commands[0].end, CommandEnd::Unknown);
        assert_eq!(found.commands[1].end, CommandEnd::NotRun);
        assert_eq!(words(&found), Some("Running the tests again."));
    }

    #[test]
    fn a_call_from_before_the_latest_prompt_is_not_in_flight() {
        let lines = [prompt("one"), call("a", "Bash", serde_json::json!({"command": "x"})), prompt("two")];
        assert!(written(&lines).in_flight.is_empty());
        assert_eq!(written(&lines[..2]).in_flight.len(), 1);
    }

    #[test]
    fn what_waits_for_a_person_is_shown_with_its_question() {
        let question = fixture("waiting-question.jsonl");
        assert_eq!(
            (question.in_flight[0].tool.as_str(), question.in_flight[0].argument.as_str()),
            ("AskUserQuestion", "Which parser?")
        );
        let permission = fixture("waiting-permission.jsonl");
        assert_eq!(
            (permission.in_flight[0].tool.as_str(), permission.in_flight[0].argument.as_str()),
            ("Bash", "rm -rf build")
        );
        assert_eq!(permission.permission_mode.as_deref(), Some("default"));
    }

    #[test]
    fn summaries_commands_and_reminders_are_no_prompts() {
        for name in ["renamed.jsonl", "compacted.jsonl"] {
            let found = fixture(name);
            assert_eq!(found.name.as_deref(), Some("My Parser"), "{name}");
            assert_eq!(
                texts(&found.prompts),
                ["third prompt", "second prompt: fix it", "run the tests for the parser"],
                "{name}"
            );
            assert_eq!(words(&found), Some("Anything else?"), "{name}");
        }
        assert_eq!(texts(&fixture("auto-continued-after-quota.jsonl").prompts), ["do the work"]);
        assert_eq!(
            texts(&fixture("interrupted.jsonl").prompts),
            ["run them again", "run the tests for the parser"]
        );
    }

    #[test]
    fn a_command_of_the_project_is_a_prompt_one_of_the_client_is_not() {
        let fix = "<command-message>fix</command-message>\n<command-name>/fix</command-name>\n<command-args>issue 12</command-args>";
        let local = "<command-name>/model</command-name>\n<command-args>x</command-args>";
        let found = written(&[
            prompt(fix),
            prompt(local),
            prompt("<local-command-stdout>set</local-command-stdout>"),
        ]);
        assert_eq!(texts(&found.prompts), ["/fix issue 12"]);
    }

    #[test]
    fn background_work_is_kept_until_its_end_is_told() {
        let input = serde_json::json!({"command": "npm run dev", "run_in_background": true});
        let mut lines = vec![
            prompt("x"),
            call("call_1", "Bash", input),
            result(
                "call_1",
                "Command running in background with ID: b1",
                false,
                serde_json::json!({"backgroundTaskId": "b1"}),
            ),
        ];
        let found = written(&lines);
        assert_eq!(found.background[0].argument, "npm run dev");
        assert_eq!(found.commands[0].end, CommandEnd::Background);
        lines.push(serde_json::json!({"type": "user", "origin": {"kind": "task-notification"},
            "message": {"content": "<task-notification><tool-use-id>call_1</tool-use-id></task-notification>"}}));
        let found = written(&lines);
        assert!(found.background.is_empty());
        assert_eq!(texts(&found.prompts), ["x"]);
    }

    #[test]
    fn of_a_long_transcript_the_end_and_the_first_prompt_are_read() {
        let filler = "x".repeat(1_000_000);
        let mut lines = vec![prompt("the very first")];
        lines.extend((0..10).map(|_| serde_json::json!({"type": "progress", "text": filler})));
        lines.push(prompt("the latest"));
        let found = written(&lines);
        assert!(!found.whole);
        assert_eq!(first(&found), Some("the very first"));
        assert_eq!(texts(&found.prompts), ["the latest"]);
    }

    #[test]
    fn secrets_and_escapes_are_gone_and_every_text_is_bounded() {
        let key = format!("sk-ant-api03-{}", "x1".repeat(30));
        let found = written(&[
            prompt(&format!("use {key} \u{1b}]0;t\u{7}\u{202e}now {}", "long ".repeat(5000))),
            call("a", "Bash", serde_json::json!({"command": format!("export API_TOKEN={key}\ncurl x")})),
            result("a", &format!("Exit code 7\nfailed with {key}"), true, Value::Null),
        ]);
        let shown = format!("{found:?}");
        assert!(
            !shown.contains(&key) && !shown.contains('\u{202e}') && !shown.contains("\\u{1b}"),
            "{shown}"
        );
        assert!(first(&found).is_some_and(|text| text.ends_with('…') && text.chars().count() <= LONG_TEXT));
        assert_eq!(found.commands[0].end, CommandEnd::Exit(7));
    }

    #[test]
    fn every_recorded_transcript_can_be_gathered() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/transcripts");
        let mut count = 0;
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|end| end == "jsonl") {
                let found = gather(&Transcript::open(&path).unwrap());
                assert!(found.first_prompt.is_some(), "{}", path.display());
                count += 1;
            }
        }
        assert!(count > 40, "{count}");
    }
}
