//! Gathering: what a session was doing when it stopped, from the end of its transcript, the small files beside it, and git.
//! One gatherer for everything that is made of it: the note, a saved state, a text for another assistant.
//!
//! Nothing here depends on what the model says about itself, except where it is quoted. The newest [`BUDGET`] bytes are
//! walked once, newest record first (see [`super::walk`]), and only what can be shown is kept; each text is made safe and
//! bounded as it is picked up (see [`super::text`]). The same files and the same tree give the same value.

use super::beside::SessionPaths;
use super::text::{block, line};
use super::walk::{Prompts, Walk};
use super::workflow::WorkflowRun;
use crate::claude::glance::{Kind, Mark, kind_of, plain_meta, timestamp_of};
use crate::claude::record::{Body, parse_line};
use crate::claude::transcript::{Backwards, Transcript};
use crate::env::Environment;
use crate::git::{self, GitReading};
use crate::session::replay::replayed;
use chrono::{DateTime, Utc};
use std::path::{Path, PathBuf};

/// Bytes of transcript that are read from the end.
pub const BUDGET: u64 = 8 * 1024 * 1024;
/// Bytes read from the beginning, where the first prompt stands.
const HEAD_BUDGET: u64 = 256 * 1024;
/// Characters kept of a prompt, a plan, a summary, last words.
pub(super) const LONG_TEXT: usize = 4000;
/// Characters kept of everything else.
pub(super) const SHORT_LINE: usize = 240;

/// What is known about unfinished work. Texts are sanitised, redacted and bounded.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Gathered {
    pub transcript: PathBuf,
    /// Its length in bytes when it was read.
    pub bytes: u64,
    /// Everything was read; else only the newest bytes and the beginning.
    pub whole: bool,
    /// How many of the newest bytes were to be read.
    pub budget: u64,
    /// What was read besides the transcript and git, in the order of its reading.
    pub beside: Vec<PathBuf>,
    /// Time of the newest record: what is told here is of that moment.
    pub last_at: Option<DateTime<Utc>>,
    /// Name a person gave the session.
    pub name: Option<String>,
    /// Title the client made.
    pub title: Option<String>,
    /// The first thing a person asked for.
    pub first_prompt: Option<TimedText>,
    /// The latest things a person asked for, newest first, at most 4.
    pub prompts: Vec<TimedText>,
    /// Prompts that the user queued during a turn and that were never sent, oldest first.
    pub unsent: Vec<TimedText>,
    /// Runs of workflows in which not every agent finished, each with the arguments of its call.
    pub workflows: Vec<(WorkflowRun, Option<serde_json::Value>)>,
    /// What a person said on stopping a turn or refusing a call, newest first, at most 4. A prompt can be in both lists.
    pub corrections: Vec<TimedText>,
    /// The client's summary of what was said before the newest compaction.
    pub summary: Option<TimedText>,
    /// The last plan that was put forward.
    pub plan: Option<PlanModePlan>,
    /// The task list as it stands, in its own order: from the client's files where they are, else from the transcript.
    pub todos: Vec<Todo>,
    /// The list may lack entries: its beginning lies before what was read.
    pub todos_partial: bool,
    /// Tool calls without a result, in the order they were made, at most 8.
    pub in_flight: Vec<NoteToolCall>,
    /// Work started in the background whose end was not seen, newest first, at most 8.
    pub background: Vec<NoteToolCall>,
    /// Files written by the tools that write files, the latest first, at most 60. What a shell command wrote is in `git`.
    pub files: Vec<ChangedFile>,
    /// How many files were written in all.
    pub files_total: usize,
    /// Latest shell commands, newest first, at most 8.
    pub commands: Vec<ShellCommand>,
    /// Tests, lints and builds that failed when they were run last, newest first, at most 4.
    pub failing: Vec<FailedCheck>,
    /// Subagents, newest first, at most 6. Of those with one description the newest, and no cut one that was run again.
    pub agents: Vec<SubagentWork>,
    /// Decisions: answers of a person to the model's questions, and sentences of the model that say so, newest first, at
    /// most 6.
    pub decisions: Vec<RecordedDecision>,
    /// The last text of the model itself.
    pub last_words: Option<TimedText>,
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
    /// The working tree now; `None` when nobody asked.
    pub git: Option<GitReading>,
}

/// A text and when it was said.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TimedText {
    pub text: String,
    pub at: Option<DateTime<Utc>>,
}

/// A plan made in plan mode.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanModePlan {
    /// Its text: as it was put forward, else as its file has it.
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
    pub status: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct NoteToolCall {
    /// Name of the tool.
    pub tool: String,
    /// Its main argument: the command, the file, the question.
    pub argument: String,
    /// What the model said the command is for.
    pub description: Option<String>,
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
    pub end: CommandEnd,
    /// What the model said it is for.
    pub description: Option<String>,
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

/// A test, lint or build that failed and was not run again with success.
#[derive(Debug, Clone, PartialEq)]
pub struct FailedCheck {
    /// The command on one line.
    pub command: String,
    pub code: i32,
    /// The end of its output, at most 12 lines.
    pub tail: String,
    /// When it was started.
    pub at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct SubagentWork {
    /// What it was for.
    pub description: String,
    pub end: AgentEnd,
    /// Its last words; of one that did not finish as its own transcript has them.
    pub last_words: Option<String>,
}

/// How a subagent ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentEnd {
    Done,
    /// An API error cut it off, in the client's words.
    Cut(String),
    /// It failed or was refused, in the client's words.
    Failed(String),
    /// Its result is not there.
    Open,
    /// It was put in the background, and its end was not seen.
    Background,
}

impl AgentEnd {
    /// Its work is not there.
    #[must_use]
    pub const fn is_unfinished(&self) -> bool {
        !matches!(self, Self::Done)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct RecordedDecision {
    /// The sentence; for a person's answer the question and the answer.
    pub text: String,
    /// A person answered a question of the model's.
    pub by_person: bool,
    pub at: Option<DateTime<Utc>>,
}

/// Gathers everything: reads the transcript and what is beside it while git answers for the tree at `project`.
///
/// Costs at most about [`BUDGET`] bytes of reading and git's 2 s; has no effects.
#[must_use]
pub fn gather(transcript: &Transcript, env: &Environment, project: &Path) -> Gathered {
    std::thread::scope(|scope| {
        let tree = scope.spawn(|| git::read(env, project));
        let mut found = gather_conversation(transcript);
        found.git = Some(
            tree.join()
                .unwrap_or_else(|_| GitReading::Unknown("the answer of git could not be read".to_owned())),
        );
        found
    })
}

/// Gathers what the transcript and the files beside it tell; nothing is asked of git.
#[must_use]
pub fn gather_conversation(transcript: &Transcript) -> Gathered {
    gather_newest(transcript, BUDGET)
}

/// The same, from so many of the newest bytes, where somebody waits for it.
#[must_use]
pub fn gather_newest(transcript: &Transcript, budget: u64) -> Gathered {
    let floor = transcript.bytes().saturating_sub(budget);
    let mut walk = Walk::new();
    let replayed = replayed(transcript, floor);
    let mut lines = Backwards::default();
    lines.begin(transcript.bytes());
    while let Some((offset, bytes)) = lines.next(transcript.file()) {
        if offset < floor {
            break;
        }
        match kind_of(bytes) {
            _ if replayed.contains(&offset) => {}
            Kind::Nothing | Kind::Mark(Mark::Other) => walk.queue.see(bytes),
            Kind::Mark(Mark::CostState) => {}
            Kind::Note => walk.note(timestamp_of(bytes)),
            kind => match plain_meta(bytes).filter(|_| kind == Kind::Meta) {
                Some(meta) => walk.meta(&meta),
                // Glued records come oldest first.
                None => parse_line(offset, bytes).into_iter().rev().for_each(|record| walk.record(&record)),
            },
        }
    }
    drop(lines);
    let mut found = walk.finish(floor == 0, SessionPaths::of(transcript.path()).as_ref());
    transcript.path().clone_into(&mut found.transcript);
    found.bytes = transcript.bytes();
    found.whole = floor == 0;
    found.budget = budget;
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

/// A long text made safe.
pub(super) fn said(text: &str, at: Option<DateTime<Utc>>) -> TimedText {
    TimedText { text: block(text, LONG_TEXT), at }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn fixture(name: &str) -> Gathered {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/transcripts").join(name);
        gather_conversation(&Transcript::open(&path).unwrap())
    }

    fn written(lines: &[Value]) -> Gathered {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.jsonl");
        let text = lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n") + "\n";
        std::fs::write(&path, text).unwrap();
        gather_conversation(&Transcript::open(&path).unwrap())
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

    fn texts(said: &[TimedText]) -> Vec<&str> {
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
                    description: Some("Change directory".into()),
                    last_line: Some("/home/dev/projects/edits/src".into())
                },
                ShellCommand {
                    command: "ls src && node -e 'process.exit(3)'".into(),
                    end: CommandEnd::Exit(3),
                    description: Some("Run the check".into()),
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
        let [cut] = found.agents.as_slice() else { panic!("{:?}", found.agents) };
        assert_eq!(cut.description, "Survey the code");
        let AgentEnd::Cut(error) = &cut.end else { panic!("{cut:?}") };
        assert!(error.starts_with("You've hit your 5-hour limit"), "{error}");
        assert_eq!(cut.last_words.as_deref(), Some("Listing."));
        assert_eq!(words(&found), Some("Delegating."));
        let done = fixture("subagent/1dae7633-60d9-4182-89eb-d2670fa1ede7.jsonl");
        let expected = SubagentWork {
            description: "Survey the code".into(),
            end: AgentEnd::Done,
            last_words: Some("There is one README.".into()),
        };
        assert_eq!(done.agents, [expected]);
    }

    #[test]
    fn a_subagent_that_was_run_again_with_success_is_not_named() {
        let input = serde_json::json!({"description": "Survey"});
        let cut = format!("{}: limit", crate::claude::wording::CUT_AGENT);
        let again = [
            call("a", "Agent", input.clone()),
            result("a", &cut, false, Value::Null),
            call("b", "Agent", input.clone()),
            result("b", "report", false, Value::Null),
        ];
        let again_well = written(&again).agents;
        assert_eq!((again_well.len(), &again_well[0].end), (1, &AgentEnd::Done));
        assert_eq!(again_well[0].last_words.as_deref(), Some("report"));
        assert_eq!(written(&again[..2]).agents[0].end, AgentEnd::Cut("limit".into()));
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
    fn what_a_person_said_on_stopping_a_turn_or_refusing_a_call_is_a_correction() {
        let refused = "The user doesn't want to proceed with this tool use. The tool use was rejected. To tell you how to proceed, the user said:\nuse tabs";
        let answer = serde_json::json!({"type": "assistant", "message": {"model": "m", "content": [{"type": "text", "text": "ok"}]}});
        let found = written(&[
            prompt("one"),
            call("a", "Edit", serde_json::json!({"file_path": "x"})),
            result("a", refused, true, Value::Null),
            answer.clone(),
            prompt("[Request interrupted by user]"),
            prompt("no, the other file"),
            answer,
            prompt("go on"),
        ]);
        assert_eq!(texts(&found.corrections), ["no, the other file", "use tabs"]);
        assert_eq!(texts(&found.prompts), ["go on", "no, the other file", "one"]);
        assert!(found.files.is_empty());
    }

    #[test]
    fn a_prompt_of_ours_is_no_prompt_of_a_person() {
        let ours = crate::recovery::launch::prompt(crate::session::StopKind::UsageLimit5h, Some("x"));
        assert_eq!(texts(&written(&[prompt("one"), prompt(&ours)]).prompts), ["one"]);
    }

    #[test]
    fn a_check_fails_until_it_is_run_again_with_success() {
        let run = |id: &str, command: &str, text: &str, error: bool| {
            [call(id, "Bash", serde_json::json!({"command": command})), result(id, text, error, Value::Null)]
        };
        let output = format!("Exit code 1\n{}\nAssertionError: 1 != 2", "noise\n".repeat(40));
        let lines: Vec<Value> = [
            run("a", "npm run lint", "Exit code 2\nbad", true),
            run("b", "npm test", &output, true),
            run("c", "grep x y", "Exit code 1", true),
            run("d", "npm run lint", "fine", false),
            run("e", "cargo test", "Exit code 101\nolder", true),
            run("f", "cargo test", "Exit code 101\nnewer", true),
        ]
        .concat();
        let failing = written(&lines).failing;
        let told: Vec<_> = failing.iter().map(|check| (check.command.as_str(), check.code)).collect();
        assert_eq!(told, [("cargo test", 101), ("npm test", 1)]);
        assert_eq!(failing[0].tail, "newer");
        assert!(failing[1].tail.ends_with("AssertionError: 1 != 2") && failing[1].tail.lines().count() == 12);
    }

    #[test]
    fn decisions_are_the_models_sentences_and_a_persons_answers() {
        let say = |text: &str| serde_json::json!({"type": "assistant", "message": {"model": "m", "content": [{"type": "text", "text": text}]}});
        let asked = serde_json::json!({"questions": [{"question": "Which parser?"}]});
        let given = serde_json::json!({"questions": [], "answers": {"Which parser?": "the second"}});
        let found = written(&[
            prompt("x"),
            say("I'll use a queue instead of a lock."),
            call("q", "AskUserQuestion", asked),
            result("q", "User has answered", false, given),
            say("Done."),
        ]);
        let told: Vec<_> =
            found.decisions.iter().map(|decision| (decision.text.as_str(), decision.by_person)).collect();
        assert_eq!(
            told,
            [("Which parser? the second", true), ("I'll use a queue instead of a lock.", false)]
        );
    }

    /// A configuration directory with one transcript of these lines.
    fn configured(lines: &[Value]) -> (tempfile::TempDir, PathBuf, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("config");
        let transcript = config.join("projects/-p/s1.jsonl");
        std::fs::create_dir_all(transcript.parent().unwrap()).unwrap();
        let text = lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n") + "\n";
        std::fs::write(&transcript, text).unwrap();
        (dir, config, transcript)
    }

    fn put(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn how_an_agent_in_the_background_ended_is_read_from_its_own_transcript() {
        let limit = r#"{"type":"assistant","isSidechain":true,"isApiErrorMessage":true,"error":"rate_limit","apiErrorStatus":429,"message":{"model":"<synthetic>","content":[{"type":"text","text":"You've hit your session limit"}]}}"#;
        let answer = r#"{"type":"assistant","isSidechain":true,"message":{"model":"m","stop_reason":"end_turn","content":[{"type":"text","text":"B is ported."}]}}"#;
        let task = r#"{"type":"user","isSidechain":true,"message":{"content":"port B"}}"#;
        let launched =
            "Async agent launched successfully. (This tool result is internal metadata)\nagentId: c2";
        let notice = serde_json::json!({"type": "user", "origin": {"kind": "task-notification"}, "promptSource": "system",
            "message": {"content": "<task-notification>\n<tool-use-id>a</tool-use-id>\n<status>completed</status>\n</task-notification>"}});
        let cut = AgentEnd::Cut("You've hit your session limit".into());
        for (lines, end, words) in [
            (vec![task, limit], cut.clone(), None),
            (vec![task, answer, limit], cut, Some("B is ported.")),
            (vec![task, limit, task, answer], AgentEnd::Done, Some("B is ported.")),
            (vec![task], AgentEnd::Background, None),
            (vec![], AgentEnd::Done, None),
        ] {
            let (_dir, _, transcript) = configured(&[
                prompt("x"),
                call("a", "Agent", serde_json::json!({"description": "port module B", "prompt": "port B"})),
                result(
                    "a",
                    launched,
                    false,
                    serde_json::json!({"status": "async_launched", "agentId": "c2"}),
                ),
                notice.clone(),
            ]);
            if !lines.is_empty() {
                let own = transcript.with_extension("").join("subagents").join("agent-c2.jsonl");
                put(&own, &(lines.join("\n") + "\n"));
            }
            let found = gather_conversation(&Transcript::open(&transcript).unwrap());
            assert_eq!(texts(&found.prompts), ["x"], "a notification is no prompt");
            let agents: Vec<_> =
                found.agents.iter().map(|agent| (&agent.end, agent.last_words.as_deref())).collect();
            assert_eq!(agents, [(&end, words)], "{lines:?}");
            assert!(found.background.is_empty());
        }
    }

    #[test]
    fn a_replayed_prompt_keeps_its_place_and_a_queued_one_is_not_sent() {
        let with_id = |text: &str, id: u32| {
            let mut record = prompt(text);
            record["uuid"] = format!("00000000-0000-4000-8000-{id:012}").into();
            record
        };
        let queued = serde_json::json!({"operation": "enqueue", "timestamp": "2026-11-21T05:07:43.976Z", "content": "also this"});
        let Value::Object(queued) = queued else { panic!() };
        let lines = [with_id("one", 1), with_id("two", 2), with_id("one", 1), with_id("three", 3)];
        let found = written(&lines);
        assert_eq!(texts(&found.prompts), ["three", "two", "one"]);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.jsonl");
        let operation = Value::Object(queued).to_string().replacen('{', r#"{"type":"queue-operation","#, 1);
        std::fs::write(&path, format!("{}\n{operation}\n", lines[0])).unwrap();
        let found = gather_conversation(&Transcript::open(&path).unwrap());
        assert_eq!((texts(&found.prompts), texts(&found.unsent)), (vec!["one"], vec!["also this"]));
    }

    #[test]
    fn the_files_beside_a_transcript_tell_tasks_a_plan_and_what_a_subagent_said() {
        let plan = serde_json::json!({"planFilePath": "/elsewhere/.claude/plans/odd-slug.md"});
        let agent = serde_json::json!({"description": "Survey", "prompt": "x"});
        let (_dir, config, transcript) = configured(&[
            prompt("x"),
            call("p", "ExitPlanMode", plan),
            result("p", "User has approved your plan", false, Value::Null),
            call("a", "Agent", agent),
        ]);
        let said = |text: &str| {
            serde_json::json!({"type": "assistant", "isSidechain": true, "message": {"model": "m", "content": [{"type": "text", "text": text}]}}).to_string()
        };
        let subagents = transcript.with_extension("").join("subagents");
        put(&config.join("plans/odd-slug.md"), "# Plan\n1. x\n");
        put(&config.join("tasks/s1/2.json"), r#"{"id":"2","subject":"two","status":"pending"}"#);
        put(&config.join("tasks/s1/1.json"), r#"{"id":"1","subject":"one","status":"completed"}"#);
        put(&config.join("tasks/s1/notes.txt"), "x");
        put(&subagents.join("agent-b1.meta.json"), r#"{"toolUseId":"other"}"#);
        put(&subagents.join("agent-c2.meta.json"), r#"{"toolUseId":"a"}"#);
        put(&subagents.join("agent-c2.jsonl"), &format!("{}\n{}\n", said("first"), said("half way")));
        let found = gather_conversation(&Transcript::open(&transcript).unwrap());
        assert_eq!(found.plan.map(|plan| plan.text).as_deref(), Some("# Plan\n1. x"));
        let todos: Vec<_> = found.todos.iter().map(|todo| todo.text.as_str()).collect();
        assert_eq!(todos, ["one", "two"]);
        let open = SubagentWork {
            description: "Survey".into(),
            end: AgentEnd::Open,
            last_words: Some("half way".into()),
        };
        assert_eq!(found.agents, [open]);
        let read =
            [config.join("tasks/s1"), config.join("plans/odd-slug.md"), subagents.join("agent-c2.jsonl")];
        assert_eq!(found.beside, read);
    }

    #[cfg(unix)]
    #[test]
    fn a_name_from_a_transcript_never_leads_out_of_the_directory_it_belongs_to() {
        let plan = serde_json::json!({"planFilePath": "../../secret.md"});
        let (dir, config, transcript) = configured(&[
            prompt("x"),
            call("p", "ExitPlanMode", plan),
            result("p", "ok", false, Value::Null),
        ]);
        put(&dir.path().join("secret.md"), "secret");
        put(&config.join("secret.md"), "secret");
        std::fs::create_dir_all(config.join("plans")).unwrap();
        let gathered = || gather_conversation(&Transcript::open(&transcript).unwrap());
        assert_eq!(gathered().plan, None);
        std::os::unix::fs::symlink(dir.path().join("secret.md"), config.join("plans/secret.md")).unwrap();
        assert_eq!(gathered().plan, None);
    }

    #[test]
    fn every_recorded_transcript_can_be_gathered() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/transcripts");
        let mut count = 0;
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|end| end == "jsonl") {
                let found = gather_conversation(&Transcript::open(&path).unwrap());
                assert!(found.first_prompt.is_some(), "{}", path.display());
                count += 1;
            }
        }
        assert!(count > 40, "{count}");
    }
}
