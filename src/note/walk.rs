//! Walks through a transcript from its newest record to its oldest, for [`super::gather`]. The first value
//! found is the newest and wins, and a result comes before the call that it answers.

use super::beside::{LastRecord, SessionPaths};
use super::gather::{
    AgentEnd, ChangedFile, CommandEnd, FailedCheck, GatheredWork, LONG_TEXT, NoteToolCall, PlanModePlan,
    RecordedDecision, SHORT_LINE, ShellCommand, SubagentWork, TimedText, Todo, said,
};
use super::phrases;
use super::queue::Queue;
use super::text::{block, line};
use crate::claude::record::{
    Assistant, Body, MetadataRecord, Record, RecordHead, ToolCall, ToolResult, User,
};
use crate::claude::wording::{Author, CUT_AGENT, ClientText, is_interruption_by_user, own_words};
use crate::text::head as first_bytes;
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

const MOST_PROMPTS: usize = 4;
const MOST_CORRECTIONS: usize = 4;
const MOST_TODOS: usize = 60;
const MOST_CALLS: usize = 8;
const MOST_FILES: usize = 60;
const MOST_COMMANDS: usize = 8;
const MOST_CHECKS: usize = 4;
const MOST_AGENTS: usize = 6;
const MOST_DECISIONS: usize = 6;
/// Maximum lines and characters of a failed check's output.
const TAIL_LINES: usize = 12;
const TAIL: usize = 1200;
/// Number of bytes of an output that are retained until the walk reaches its call.
const KEPT_OUTPUT: usize = 4096;
/// Maximum length of a subagent's last words, in characters.
const AGENT_WORDS: usize = 800;

/// Accumulated state of the walk.
#[derive(Default)]
pub(super) struct NoteWalk {
    found: GatheredWork,
    prompts: Prompts,
    pub(super) queue: Queue,
    /// Arguments of calls that started a workflow, by run id.
    workflow_args: HashMap<String, Value>,
    results: HashMap<String, ToolOutcome>,
    /// Text of all task notifications, which contain the ids of the calls that ended.
    notified: String,
    files: HashMap<String, usize>,
    other_files: HashSet<String>,
    /// Changes to the task list, newest first, back to the last complete list.
    changes: Vec<TodoChange>,
    listed: bool,
    /// The plan and its file from the result; newer clients omit it from the call.
    planned: Option<(String, Option<String>)>,
    /// Checks already seen, that is, run later than the current record.
    checked: HashSet<String>,
    /// Subagents in the order in which they were found, with the ids that locate their transcripts.
    agents: Vec<MetAgent>,
    /// Additional files that were read.
    beside: Vec<PathBuf>,
}

struct MetAgent {
    agent: SubagentWork,
    id: Option<String>,
    call: String,
    /// Whether the call only launched it in the background, so that its end is recorded elsewhere.
    launched: bool,
}

/// Parts of a tool result that are needed when the walk reaches its call, which is earlier in the file.
struct ToolOutcome {
    error: bool,
    exit: Option<i32>,
    /// End of the text, not yet sanitized, because few results are ever shown.
    output: String,
    cut: Option<String>,
    report: Option<String>,
    agent: Option<String>,
    answers: Vec<(String, String)>,
    created: bool,
    background: bool,
    /// Id of the workflow run that it started.
    run: Option<String>,
}

enum TodoChange {
    List(Vec<Todo>),
    Created(Todo),
    Updated { id: String, status: Option<String>, text: Option<String> },
}

impl NoteWalk {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Handles a system record, which only provides a time.
    pub(super) fn note(&mut self, at: Option<DateTime<Utc>>) {
        if self.found.last_at.is_none() {
            self.found.last_at = at;
        }
    }

    pub(super) fn record(&mut self, record: &Record) {
        if record.head.sidechain {
            return;
        }
        self.head(&record.head);
        match &record.body {
            Body::User(user) => self.user(&record.head, user),
            Body::Assistant(assistant) => self.assistant(&record.head, assistant),
            Body::Meta(meta) => self.meta(meta),
            Body::System(_) | Body::Other => {}
        }
    }

    fn head(&mut self, head: &RecordHead) {
        self.note(head.at);
        let found = &mut self.found;
        if let Some(cwd) = &head.cwd {
            // The walk ends at the oldest record, so the last value seen is the first directory.
            if found.first_cwd.as_ref() != Some(cwd) {
                found.first_cwd = Some(cwd.clone());
            }
            set_if_missing(&mut found.cwd, cwd);
        }
        if let Some(branch) = &head.branch {
            set_if_missing(&mut found.branch, branch);
        }
        if let Some(version) = &head.version {
            set_if_missing(&mut found.client, version);
        }
    }

    pub(super) fn meta(&mut self, meta: &MetadataRecord) {
        let found = &mut self.found;
        match meta {
            MetadataRecord::CustomTitle(text) | MetadataRecord::AgentName(text) => {
                set_if_missing(&mut found.name, text);
            }
            MetadataRecord::AiTitle(text) => set_if_missing(&mut found.title, text),
            MetadataRecord::PermissionMode(mode) => set_if_missing(&mut found.permission_mode, mode),
            MetadataRecord::LastPrompt(_)
            | MetadataRecord::Summary(..)
            | MetadataRecord::CostState
            | MetadataRecord::ContinuedIn(_) => {}
        }
    }

    fn user(&mut self, head: &RecordHead, user: &User) {
        if let Some(mode) = &user.permission_mode {
            set_if_missing(&mut self.found.permission_mode, mode);
        }
        for result in &user.results {
            let structured = if user.results.len() == 1 { user.tool_use_result.as_ref() } else { None };
            if let Some(text) = phrases::refusal(&result.text) {
                self.prompts.correct(said(text, head.at));
            }
            self.result(result, structured);
        }
        match user.author() {
            Author::Client(ClientText::TaskNotification) => self.notified.push_str(&user.text),
            Author::User => self.queue.sent(&user.text),
            Author::Client(_) => {}
        }
        if user.compact_summary && self.found.summary.is_none() {
            self.found.summary =
                Some(said(phrases::summary(&user.text), head.at)).filter(|said| !said.text.is_empty());
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
        let agent = structured.and_then(|value| text_at(value, "agentId"));
        let launched = structured.and_then(|value| text_at(value, "status")) == Some("async_launched");
        let outcome = ToolOutcome {
            error: result.error,
            exit: exit_code(result),
            output: last_bytes(result.text.trim_end(), KEPT_OUTPUT).to_owned(),
            cut: result
                .text
                .trim_start()
                .strip_prefix(CUT_AGENT)
                .map(|rest| line(&first_line(rest.trim_start_matches([':', ' '])), SHORT_LINE)),
            // The result of a call that launches a background agent comes from the client,
            // not from the agent.
            report: agent
                .filter(|_| !launched)
                .and_then(|_| phrases::report(&result.text))
                .map(|text| block(&text, AGENT_WORDS)),
            agent: agent.map(str::to_owned),
            answers: structured.map(answers).unwrap_or_default(),
            created: structured.and_then(|value| text_at(value, "type")) == Some("create"),
            background: flag("backgroundTaskId") || launched,
            run: structured.and_then(|value| text_at(value, "runId")).map(str::to_owned),
        };
        self.results.insert(result.id.clone(), outcome);
    }

    /// Reads a change of the task list. Newer clients store the list elsewhere, and the transcript contains
    /// only its changes.
    fn task_result(&mut self, structured: &Value) {
        if self.listed {
            return;
        }
        if let Some(tasks) = structured.get("tasks").and_then(Value::as_array) {
            self.changes
                .push(TodoChange::List(tasks.iter().filter_map(|task| todo(task, "subject")).collect()));
            self.listed = true;
        } else if let Some(task) = structured.get("task").and_then(|task| todo(task, "subject")) {
            self.changes.push(TodoChange::Created(task));
        }
    }

    fn assistant(&mut self, head: &RecordHead, assistant: &Assistant) {
        let synthetic = assistant.synthetic();
        if !synthetic && let Some(model) = &assistant.model {
            set_if_missing(&mut self.found.model, model);
        }
        if !synthetic && assistant.failure.is_none() {
            self.prompts.answered();
            self.words(head, &assistant.text);
        }
        for call in assistant.calls.iter().rev() {
            self.call(head, call);
        }
    }

    fn words(&mut self, head: &RecordHead, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        if self.found.last_words.is_none() {
            self.found.last_words = Some(said(text, head.at));
        }
        if self.found.decisions.len() < MOST_DECISIONS {
            for sentence in phrases::decisions(text).into_iter().rev() {
                self.decision(sentence, false, head.at);
            }
        }
    }

    fn decision(&mut self, text: &str, by_person: bool, at: Option<DateTime<Utc>>) {
        let decision = RecordedDecision { text: line(text, SHORT_LINE), by_person, at };
        let known = self.found.decisions.iter().any(|known| known.text == decision.text);
        if !known && self.found.decisions.len() < MOST_DECISIONS {
            self.found.decisions.push(decision);
        }
    }

    fn call(&mut self, head: &RecordHead, call: &ToolCall) {
        let outcome = self.results.get(&call.id);
        let answered = outcome.is_some();
        let failed = outcome.is_some_and(|outcome| outcome.error);
        // A call without a result from before the latest prompt was abandoned.
        let open = !answered && self.prompts.latest.is_empty();
        if open && self.found.in_flight.len() < MOST_CALLS {
            self.found.in_flight.push(described(head, call));
        }
        let background = call.input.get("run_in_background").and_then(Value::as_bool).unwrap_or(false)
            || outcome.is_some_and(|outcome| outcome.background);
        let running = background && answered && !failed && !self.notified.contains(&call.id);
        // Agents and workflows have separate lists.
        let agent = matches!(call.name.as_str(), "Agent" | "Task" | "Workflow");
        if running && !agent && self.found.background.len() < MOST_CALLS {
            self.found.background.push(described(head, call));
        }
        match call.name.as_str() {
            "Bash" | "PowerShell" => self.command(head, call, background),
            "Edit" | "Write" | "MultiEdit" | "NotebookEdit" if answered && !failed => self.changed_file(call),
            "ExitPlanMode" if self.found.plan.is_none() => self.plan(call, answered, failed),
            "TodoWrite" if !failed && !self.listed => {
                let list = call.input.get("todos").and_then(Value::as_array);
                let todos = list.into_iter().flatten().filter_map(|entry| todo(entry, "content")).collect();
                self.changes.push(TodoChange::List(todos));
                self.listed = true;
            }
            "TaskUpdate" if answered && !failed && !self.listed => {
                if let Some(id) = id_at(&call.input, "taskId") {
                    self.changes.push(TodoChange::Updated {
                        id,
                        status: text_at(&call.input, "status").map(|text| line(text, 40)),
                        text: text_at(&call.input, "subject").map(|text| line(text, SHORT_LINE)),
                    });
                }
            }
            "AskUserQuestion" => {
                let given =
                    self.results.get_mut(&call.id).map(|outcome| std::mem::take(&mut outcome.answers));
                for (question, answer) in given.into_iter().flatten() {
                    self.decision(&format!("{question} {answer}"), true, head.at);
                }
            }
            "Agent" | "Task" => self.agent(call, open, running),
            "Workflow" => {
                let run = self.results.get(&call.id).and_then(|outcome| outcome.run.clone());
                let run = run.or_else(|| text_at(&call.input, "resumeFromRunId").map(str::to_owned));
                if let Some((run, args)) = run.zip(call.input.get("args")) {
                    self.workflow_args.entry(run).or_insert_with(|| args.clone());
                }
            }
            _ => {}
        }
    }

    fn command(&mut self, head: &RecordHead, call: &ToolCall, background: bool) {
        let outcome = self.results.get(&call.id);
        let raw = text_at(&call.input, "command").unwrap_or_default();
        let known = first_bytes(raw, KEPT_OUTPUT);
        if let Some(code) = outcome.and_then(|outcome| outcome.exit)
            && !background
            && self.found.failing.len() < MOST_CHECKS
            && phrases::is_check(known)
            // Only the latest run of a check counts.
            && self.checked.insert(known.to_owned())
            && code != 0
        {
            let output = outcome.map(|outcome| tail(&outcome.output)).unwrap_or_default();
            let command = line(raw, SHORT_LINE);
            self.found.failing.push(FailedCheck { command, code, tail: output, at: head.at });
        }
        if self.found.commands.len() >= MOST_COMMANDS {
            return;
        }
        let end = match outcome {
            None => CommandEnd::Unknown,
            Some(outcome) if background && !outcome.error => CommandEnd::Background,
            Some(outcome) => outcome.exit.map_or(CommandEnd::NotRun, CommandEnd::Exit),
        };
        self.found.commands.push(ShellCommand {
            command: line(raw, SHORT_LINE),
            end,
            description: purpose(call),
            last_line: outcome.and_then(|outcome| last_line(&outcome.output)),
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
        let file = text_at(&call.input, "planFilePath")
            .or(planned.as_ref().and_then(|(_, file)| file.as_deref()))
            .map(|file| line(file, SHORT_LINE));
        let text = text_at(&call.input, "plan").or(planned.as_ref().map(|(text, _)| text.as_str()));
        if text.is_none() && file.is_none() {
            return;
        }
        self.found.plan = Some(PlanModePlan {
            text: text.map(|text| block(text, LONG_TEXT)).unwrap_or_default(),
            approved: answered.then_some(!failed),
            file,
        });
    }

    fn agent(&mut self, call: &ToolCall, open: bool, running: bool) {
        let description =
            line(text_at(&call.input, "description").unwrap_or("without a description"), SHORT_LINE);
        if self.agents.len() >= MOST_AGENTS
            || self.agents.iter().any(|met| met.agent.description == description)
        {
            return;
        }
        let outcome = self.results.get(&call.id);
        let end = match outcome {
            None if open => AgentEnd::Open,
            // Abandoned together with its turn.
            None => return,
            Some(ToolOutcome { cut: Some(error), .. }) => AgentEnd::Cut(error.clone()),
            Some(outcome) if outcome.error => {
                AgentEnd::Failed(line(&first_line(&outcome.output), SHORT_LINE))
            }
            // Its own transcript has details; see `agent_ends`.
            Some(outcome) if running || outcome.background => AgentEnd::Background,
            Some(_) => AgentEnd::Done,
        };
        let launched = outcome.is_some_and(|outcome| outcome.background && !outcome.error);
        let told = outcome.filter(|_| !launched);
        // In older clients, the whole result is the report.
        let words = told.and_then(|outcome| {
            outcome.report.clone().or_else(|| {
                (end == AgentEnd::Done)
                    .then(|| phrases::report(&outcome.output).map(|text| block(&text, AGENT_WORDS)))?
            })
        });
        self.agents.push(MetAgent {
            agent: SubagentWork { description, end, last_words: words },
            id: outcome.and_then(|outcome| outcome.agent.clone()),
            call: call.id.clone(),
            launched,
        });
    }

    pub(super) fn finish(mut self, whole: bool, beside: Option<&SessionPaths>) -> GatheredWork {
        self.found.in_flight.reverse();
        // A plan file is listed as the plan, not as a changed file.
        if let Some(plans) =
            self.found.plan.as_ref().and_then(|plan| Path::new(plan.file.as_deref()?).parent())
        {
            self.found.files.retain(|file| Path::new(&file.path).parent() != Some(plans));
        }
        self.found.files_total = self.found.files.len() + self.other_files.len();
        self.tasks(whole, beside);
        self.plan_text(beside);
        self.agent_ends(beside);
        self.agent_words(beside);
        self.workflows(beside);
        self.found.unsent = std::mem::take(&mut self.queue).unsent();
        self.found.first_prompt = self.prompts.take_oldest();
        self.found.prompts = self.prompts.latest;
        self.found.corrections = self.prompts.corrections;
        self.found.first_cwd = self.found.first_cwd.map(|cwd| line(&cwd, SHORT_LINE));
        self.found.beside = self.beside;
        self.found
    }

    fn tasks(&mut self, whole: bool, beside: Option<&SessionPaths>) {
        if let Some((todos, dir)) = beside.and_then(SessionPaths::tasks) {
            self.found.todos = shortened_list(todos);
            self.beside.push(dir);
        } else {
            self.found.todos_partial = !whole && !self.listed && !self.changes.is_empty();
            self.found.todos = task_list(std::mem::take(&mut self.changes));
        }
    }

    /// Reads a plan from its file if the transcript does not contain it.
    fn plan_text(&mut self, beside: Option<&SessionPaths>) {
        let Some(plan) = self.found.plan.as_mut().filter(|plan| plan.text.is_empty()) else { return };
        let read = plan.file.as_deref().and_then(|file| beside?.plan(file));
        match read {
            Some((text, path)) => {
                plan.text = block(&text, LONG_TEXT);
                self.beside.push(path);
            }
            None => self.found.plan = None,
        }
    }

    /// Determines from a background subagent's own transcript how it ended. The notification may have arrived
    /// during a turn or not at all, and reports `completed` even for a subagent that a limit cut off.
    fn agent_ends(&mut self, beside: Option<&SessionPaths>) {
        for met in self.agents.iter_mut().filter(|met| met.launched) {
            let ended = beside.and_then(|beside| beside.agent_end(met.id.as_deref(), &met.call));
            let notified = self.notified.contains(&met.call);
            met.agent.end = match ended {
                Some(LastRecord::Failure(error)) => AgentEnd::Cut(line(&first_line(&error), SHORT_LINE)),
                Some(LastRecord::Answer(words)) => {
                    met.agent.last_words = Some(block(&words, AGENT_WORDS));
                    AgentEnd::Done
                }
                // Only the notification is available.
                None if notified => AgentEnd::Done,
                Some(LastRecord::Other) | None => AgentEnd::Background,
            };
        }
    }

    fn workflows(&mut self, beside: Option<&SessionPaths>) {
        let runs = beside.map(SessionPaths::workflows).unwrap_or_default();
        let unfinished = runs.into_iter().filter(|run| !run.is_finished());
        self.found.workflows = unfinished
            .map(|run| {
                let args = self.workflow_args.remove(&run.id);
                (run, args)
            })
            .collect();
    }

    /// Reads the last words of a subagent without a report from its own transcript.
    fn agent_words(&mut self, beside: Option<&SessionPaths>) {
        for met in &mut self.agents {
            if met.agent.last_words.is_none()
                && met.agent.end.is_unfinished()
                && let Some((text, path)) =
                    beside.and_then(|beside| beside.agent_words(met.id.as_deref(), &met.call))
            {
                met.agent.last_words = Some(block(&text, AGENT_WORDS));
                self.beside.push(path);
            }
        }
        self.found.agents = std::mem::take(&mut self.agents).into_iter().map(|met| met.agent).collect();
    }
}

/// Stores a value if the slot is empty, because the newest value comes first.
fn set_if_missing(slot: &mut Option<String>, value: &str) {
    if slot.is_none() {
        *slot = Some(line(value, SHORT_LINE)).filter(|text| !text.is_empty());
    }
}

/// The user's prompts, from the newest to the oldest.
#[derive(Default)]
pub(super) struct Prompts {
    latest: Vec<TimedText>,
    corrections: Vec<TimedText>,
    /// The oldest prompt so far. It is not sanitized yet, because every earlier prompt replaces it.
    oldest: Option<TimedText>,
    /// Whether the previous record (later in the file) is the output of one of the client's own commands.
    local_output: bool,
    /// The previous prompt (later in the file), unless the model answered in between. Not yet sanitized.
    following: Option<TimedText>,
}

impl Prompts {
    pub(super) fn see(&mut self, head: &RecordHead, user: &User) {
        let text = user.text.trim_start();
        if is_interruption_by_user(text) {
            if let Some(following) = self.following.take() {
                self.correct(said(&following.text, following.at));
            }
            return;
        }
        if user.meta || !user.results.is_empty() || text.is_empty() {
            return;
        }
        let after_output = std::mem::take(&mut self.local_output);
        let raw = match user.author() {
            Author::Client(ClientText::CommandOutput) => {
                self.local_output = true;
                return;
            }
            Author::Client(ClientText::Command) => {
                // The client itself executes `/compact` and similar commands; a project's own
                // command is a prompt.
                match phrases::slash_command(text).filter(|_| !after_output) {
                    Some(command) => command,
                    None => return,
                }
            }
            Author::Client(_) => return,
            Author::User => own_words(text).to_owned(),
        };
        if self.latest.len() < MOST_PROMPTS {
            let said = said(&raw, head.at);
            // Consecutive identical prompts, such as "go on", count as one.
            if self.latest.last().is_none_or(|last| last.text != said.text) {
                self.latest.push(said);
            }
        }
        if self.corrections.len() < MOST_CORRECTIONS {
            self.following = Some(TimedText { text: raw.clone(), at: head.at });
        }
        self.oldest = Some(TimedText { text: raw, at: head.at });
    }

    /// Records an answer of the model, so that a prompt after it is not attributed
    /// to an earlier interruption.
    fn answered(&mut self) {
        self.following = None;
    }

    fn correct(&mut self, said: TimedText) {
        if self.corrections.len() < MOST_CORRECTIONS
            && self.corrections.iter().all(|known| known.text != said.text)
        {
            self.corrections.push(said);
        }
    }

    pub(super) fn take_oldest(&mut self) -> Option<TimedText> {
        self.oldest.take().map(|oldest| said(&oldest.text, oldest.at))
    }
}

/// Returns the last line of a text. Cleans the whole text first, because part of a secret
/// would not be recognized.
fn last_line(text: &str) -> Option<String> {
    let clean = block(text, KEPT_OUTPUT);
    clean.lines().next_back().filter(|text| !text.is_empty()).map(|text| line(text, SHORT_LINE))
}

/// Returns the first line of a text. Cleans the whole text first.
fn first_line(text: &str) -> String {
    block(text, LONG_TEXT).lines().next().unwrap_or_default().to_owned()
}

/// Returns the last lines of an output, sanitized.
fn tail(output: &str) -> String {
    let clean = block(output, KEPT_OUTPUT);
    let lines: Vec<&str> = clean.lines().collect();
    let end = &lines[lines.len().saturating_sub(TAIL_LINES)..];
    // The client's first line repeats the exit code.
    let end =
        end.iter().filter(|text| !text.starts_with("Exit code ") && !text.starts_with("Error: Exit code "));
    block(&end.copied().collect::<Vec<_>>().join("\n"), TAIL)
}

/// Returns the last complete lines that fit into `limit` bytes, or the end of a longer line.
fn last_bytes(text: &str, limit: usize) -> &str {
    let from = text.ceil_char_boundary(text.len().saturating_sub(limit));
    let end = &text[from..];
    if from == 0 { end } else { end.split_once('\n').map_or(end, |(_, whole)| whole) }
}

/// Returns the exit code. A Bash result states it only if it is not 0.
fn exit_code(result: &ToolResult) -> Option<i32> {
    if !result.error {
        return Some(0);
    }
    let text = result.text.trim_start();
    let text = text.strip_prefix("Error: ").unwrap_or(text);
    let digits = text.strip_prefix("Exit code ")?.lines().next()?.trim();
    digits.parse().ok()
}

/// Returns the user's answers to the model's questions.
fn answers(structured: &Value) -> Vec<(String, String)> {
    let given = structured.get("answers").and_then(Value::as_object);
    let given = given.into_iter().flatten();
    given.filter_map(|(question, answer)| Some((question.clone(), answer.as_str()?.to_owned()))).collect()
}

fn text_at<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

/// Returns an id, which may be a string or a number.
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

/// Applies the changes, which are passed newest first, in chronological order.
fn task_list(changes: Vec<TodoChange>) -> Vec<Todo> {
    let mut list: Vec<Todo> = Vec::new();
    for change in changes.into_iter().rev() {
        match change {
            TodoChange::List(todos) => list = todos,
            TodoChange::Created(todo) => list.push(todo),
            TodoChange::Updated { id, status, text } => {
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
    shortened_list(list)
}

/// Drops finished tasks from a very long list.
fn shortened_list(mut list: Vec<Todo>) -> Vec<Todo> {
    if list.len() > MOST_TODOS {
        list.retain(|todo| todo.status != "completed");
        list.truncate(MOST_TODOS);
    }
    list
}

/// Returns the model's description of a shell command.
fn purpose(call: &ToolCall) -> Option<String> {
    let text = text_at(&call.input, "description").filter(|_| call.input.get("command").is_some())?;
    Some(line(text, SHORT_LINE)).filter(|text| !text.is_empty())
}

/// Describes a call by the argument that is most useful to the user.
fn described(head: &RecordHead, call: &ToolCall) -> NoteToolCall {
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
    let plan = || text_at(&call.input, "plan").map(first_line);
    let argument = KEYS.iter().find_map(|key| text_at(&call.input, key)).or_else(question).map(str::to_owned);
    let argument = argument.or_else(plan).unwrap_or_default();
    NoteToolCall {
        tool: line(&call.name, 80),
        argument: line(&argument, SHORT_LINE),
        description: purpose(call),
        at: head.at,
    }
}
