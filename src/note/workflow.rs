//! Reads the workflow runs of a session: which agents finished, were refused or were cut off, and how the run
//! continues.
//!
//! Facts (2.1.250 to 2.1.332): `<session>/subagents/workflows/<run>/journal.jsonl` has one `started` record
//! per attempt of an agent and a `result` or `failed` record after it; an agent that a limit refused has only
//! `started`. The agent's own transcript next to it ends with the API error. The script is
//! `<session>/workflows/scripts/<name>-<run>.js`. The client's own resume reads nothing but the journal.

use super::text::line;
use crate::claude::record::{ApiFailure, Body};
use crate::claude::transcript::Transcript;
use crate::fs::{keep_newest, read_small};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Maximum number of runs, and of agents per run.
const MOST_RUNS: usize = 8;
const MOST_AGENTS: usize = 200;
/// Maximum size of a workflow's journal in bytes. It contains the results of all agents.
const LARGEST_JOURNAL: u64 = 16 * 1024 * 1024;
/// Number of bytes at the end of an agent's transcript that are searched for its last record.
const AGENT_TAIL: u64 = 512 * 1024;
/// Prefix of the supported journal keys; records with other keys are ignored.
const KEY: &str = "v2:";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkflowAgentEnd {
    /// The journal contains the agent's result, which a resume reuses.
    Finished,
    /// A usage limit refused the agent or cut it off.
    Refused,
    /// The agent started and has neither a result nor an error, because the process ended or the agent is
    /// still running.
    Cut,
    /// The journal reports that the agent failed.
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowAgent {
    /// Label of the agent or, without one, its id.
    pub label: String,
    /// How the newest attempt ended.
    pub end: WorkflowAgentEnd,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowRun {
    pub id: String,
    /// The script that a resume needs, if it exists.
    pub script: Option<PathBuf>,
    /// Agents in the order of their first start.
    pub agents: Vec<WorkflowAgent>,
}

impl WorkflowRun {
    /// Returns the labels of the agents with this end.
    pub fn ended(&self, end: WorkflowAgentEnd) -> impl Iterator<Item = &str> {
        self.agents.iter().filter(move |agent| agent.end == end).map(|agent| agent.label.as_str())
    }

    /// Returns whether every agent that was started has a result.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.agents.iter().all(|agent| agent.end == WorkflowAgentEnd::Finished)
    }

    /// Returns the tool call that continues the run. `args` are those of the call that started it.
    #[must_use]
    pub fn resume_call(&self, args: Option<&serde_json::Value>) -> Option<String> {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let script = quoted(self.script.as_ref()?.to_str()?);
        let args = args.map(|args| format!(", args: {args}")).unwrap_or_default();
        Some(format!("Workflow({{scriptPath: {script}, resumeFromRunId: {}{args}}})", quoted(&self.id)))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JournalLine {
    #[serde(rename = "type")]
    kind: String,
    key: Option<String>,
    agent_id: Option<String>,
    label: Option<String>,
}

struct Attempt {
    at: usize,
    agent: Option<String>,
    label: Option<String>,
    result: bool,
    failed: bool,
}

/// Reads the workflow runs of a session, sorted by id; `own` is the session's directory
/// next to its transcript.
#[must_use]
pub fn runs(own: &Path) -> Vec<WorkflowRun> {
    let Ok(dirs) = std::fs::read_dir(own.join("subagents").join("workflows")) else { return Vec::new() };
    let mut dirs: Vec<PathBuf> = dirs.filter_map(|dir| Some(dir.ok()?.path())).collect();
    keep_newest(&mut dirs, MOST_RUNS);
    dirs.sort();
    dirs.iter().filter_map(|dir| run(own, dir)).collect()
}

fn run(own: &Path, dir: &Path) -> Option<WorkflowRun> {
    let id = dir.file_name()?.to_str().filter(|id| is_plain(id))?;
    let journal = read_small(&dir.join("journal.jsonl"), LARGEST_JOURNAL).ok()??;
    let mut attempts: BTreeMap<String, Attempt> = BTreeMap::new();
    for text in journal.split(|byte| *byte == b'\n') {
        let Ok(record) = serde_json::from_slice::<JournalLine>(text) else { continue };
        let Some(key) = record.key.filter(|key| key.starts_with(KEY)) else { continue };
        let next = attempts.len();
        let attempt = attempts.entry(key).or_insert(Attempt {
            at: next,
            agent: None,
            label: None,
            result: false,
            failed: false,
        });
        match record.kind.as_str() {
            "started" => {
                attempt.agent = record.agent_id;
                attempt.label = record.label.or(attempt.label.take());
                (attempt.result, attempt.failed) = (false, false);
            }
            "result" => attempt.result = true,
            "failed" => attempt.failed = true,
            _ => {}
        }
    }
    let mut attempts: Vec<Attempt> = attempts.into_values().collect();
    attempts.sort_by_key(|attempt| attempt.at);
    let agents = attempts.into_iter().take(MOST_AGENTS).map(|attempt| agent(dir, attempt)).collect();
    Some(WorkflowRun { id: id.to_owned(), script: script(own, id), agents })
}

fn agent(dir: &Path, attempt: Attempt) -> WorkflowAgent {
    let limited = || {
        let id = attempt.agent.as_deref().filter(|id| is_plain(id))?;
        let failure = last_failure(&dir.join(format!("agent-{id}.jsonl")))?;
        Some(failure.error.as_deref() == Some("rate_limit") || failure.quota.is_some())
    };
    let end = if attempt.result {
        WorkflowAgentEnd::Finished
    } else if limited() == Some(true) {
        WorkflowAgentEnd::Refused
    } else if attempt.failed {
        WorkflowAgentEnd::Failed
    } else {
        WorkflowAgentEnd::Cut
    };
    let label = attempt.label.or(attempt.agent).unwrap_or_default();
    WorkflowAgent { label: line(&label, 80), end }
}

/// Returns the error at the end of a transcript, if there is one.
#[must_use]
pub(super) fn last_failure(path: &Path) -> Option<ApiFailure> {
    let transcript = Transcript::open(path).ok()?;
    let floor = transcript.bytes().saturating_sub(AGENT_TAIL);
    let mut newest = transcript.newest_first().take_while(|record| record.offset >= floor);
    newest.find_map(|record| match record.body {
        Body::Assistant(assistant) => Some(assistant.failure),
        Body::User(_) => Some(None),
        Body::System(_) | Body::Meta(_) | Body::Other => None,
    })?
}

fn script(own: &Path, id: &str) -> Option<PathBuf> {
    let ending = format!("-{id}.js");
    let entries = std::fs::read_dir(own.join("workflows").join("scripts")).ok()?;
    entries.filter_map(|entry| Some(entry.ok()?.path())).find(|path| {
        path.file_name().and_then(std::ffi::OsStr::to_str).is_some_and(|name| name.ends_with(&ending))
    })
}

/// Returns whether an id can be used as part of a file name, so that it can never act as a path.
fn is_plain(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{create_dir_all, write};

    const LIMIT: &str = r#"{"type":"assistant","isSidechain":true,"isApiErrorMessage":true,"error":"rate_limit","apiError":"usage_limit_reached","apiErrorStatus":429,"quotaLimits":{"status":"rejected","resetsAt":1790000000,"rateLimitType":"five_hour"},"message":{"model":"<synthetic>","content":[{"type":"text","text":"You've hit your session limit"}]}}"#;

    #[test]
    fn a_run_lists_finished_refused_cut_and_failed_agents_and_the_resume_call() {
        let own = tempfile::tempdir().unwrap();
        let dir = own.path().join("subagents/workflows/wf_01234567-abc");
        let scripts = own.path().join("workflows/scripts");
        create_dir_all(&dir).unwrap();
        create_dir_all(&scripts).unwrap();
        write(scripts.join("port-wf_01234567-abc.js"), "x").unwrap();
        let started = |key: &str, agent: &str, label: &str| {
            format!(r#"{{"type":"started","key":"v2:{key}","agentId":"{agent}","label":"{label}"}}"#)
        };
        let journal = [
            r#"{"type":"launched"}"#.to_owned(),
            started("1", "a1", "one"),
            r#"{"type":"result","key":"v2:1","agentId":"a1","result":"done"}"#.to_owned(),
            started("2", "a2", "two"),
            started("3", "a3", "three"),
            started("4", "a4", "four"),
            r#"{"type":"failed","key":"v2:4","agentId":""}"#.to_owned(),
            started("5", "a5", "five"),
            r#"{"type":"result","key":"v2:5","agentId":"a5","result":"x"}"#.to_owned(),
            started("5", "a6", "five"),
            r#"{"type":"started","key":"v9:6","agentId":"a7","label":"of another form"}"#.to_owned(),
            r#"{"type":"started","key":"v2:7""#.to_owned(),
        ];
        write(dir.join("journal.jsonl"), journal.join("\n")).unwrap();
        write(dir.join("agent-a2.jsonl"), format!("{LIMIT}\n")).unwrap();
        let result = r#"{"type":"user","isSidechain":true,"message":{"content":[{"type":"tool_result","tool_use_id":"t","content":"x"}]}}"#;
        write(dir.join("agent-a3.jsonl"), format!("{LIMIT}\n{result}\n")).unwrap();
        let runs = runs(own.path());
        let [run] = runs.as_slice() else { panic!("{runs:?}") };
        let ended = |end| run.ended(end).collect::<Vec<_>>();
        assert_eq!(ended(WorkflowAgentEnd::Finished), ["one"]);
        assert_eq!(ended(WorkflowAgentEnd::Refused), ["two"]);
        assert_eq!(ended(WorkflowAgentEnd::Cut), ["three", "five"], "a later attempt has no result yet");
        assert_eq!(ended(WorkflowAgentEnd::Failed), ["four"]);
        let script = scripts.join("port-wf_01234567-abc.js");
        let args = serde_json::json!({"from": "a"});
        assert_eq!(
            run.resume_call(Some(&args)).unwrap(),
            format!(
                "Workflow({{scriptPath: \"{}\", resumeFromRunId: \"wf_01234567-abc\", args: {{\"from\":\"a\"}}}})",
                script.display()
            )
        );
    }
}
