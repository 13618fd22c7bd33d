//! Reads the small files that Claude Code stores next to a transcript: the task list of a session, its plan
//! file, and the transcripts of its subagents.
//!
//! Facts (2.1.329): `<config>/tasks/<session>/<n>.json`, `<config>/plans/<slug>.md`,
//! `<project>/<session>/subagents/agent-<id>.jsonl` with an `agent-<id>.meta.json` next to it, which names
//! the call. A name from a transcript is only used as a file name in a known directory, never as a path.

use super::gather::Todo;
use super::text::line;
use super::workflow::{WorkflowRun, runs};
use crate::claude::record::Body;
use crate::claude::transcript::Transcript;
use crate::fs::{keep_newest, read_small};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Maximum size of a task file or a subagent's description, in bytes.
const LARGEST_ENTRY: u64 = 64 * 1024;
const LARGEST_PLAN: u64 = 256 * 1024;
/// Maximum number of directory entries read.
const MOST_ENTRIES: usize = 500;
/// Number of bytes at the end of a subagent's transcript that are searched for its last words.
const AGENT_TAIL: u64 = 512 * 1024;
/// Maximum length of a task's text, in characters.
const TASK_TEXT: usize = 240;

/// Kind of the last record of a subagent's transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LastRecord {
    /// An API error, in the client's words.
    Failure(String),
    /// An answer that ended the turn.
    Answer(String),
    /// A call, a result or a prompt: the subagent was still working.
    Other,
}

/// Locations of the files of one session.
#[derive(Debug, Clone)]
pub struct SessionPaths {
    session: String,
    /// Directory of the session next to its transcript.
    own: PathBuf,
    /// Configuration directory; `None` if the transcript is not in one.
    config: Option<PathBuf>,
}

impl SessionPaths {
    /// Derives the locations from the path of a transcript alone.
    #[must_use]
    pub fn of(transcript: &Path) -> Option<Self> {
        let session = transcript.file_stem()?.to_str()?.to_owned();
        let projects = transcript.parent()?.parent()?;
        let config = projects.ends_with("projects").then(|| projects.parent().map(Path::to_path_buf));
        Some(Self { session, own: transcript.with_extension(""), config: config.flatten() })
    }

    /// Returns the current task list in the order of its numbers, and its directory; `None` if
    /// there are no tasks.
    #[must_use]
    pub fn tasks(&self) -> Option<(Vec<Todo>, PathBuf)> {
        let dir = self.config.as_ref()?.join("tasks").join(&self.session);
        let mut numbered: Vec<(u64, Todo)> = entries(&dir, ".json")
            .into_iter()
            .filter_map(|path| {
                let number: u64 = path.file_stem()?.to_str()?.parse().ok()?;
                let value: Value = serde_json::from_slice(&read_small(&path, LARGEST_ENTRY).ok()??).ok()?;
                let text = |key: &str| value.get(key).and_then(Value::as_str);
                let status = line(text("status").unwrap_or("pending"), 40);
                let todo =
                    Todo { id: Some(number.to_string()), text: line(text("subject")?, TASK_TEXT), status };
                (todo.status != "deleted").then_some((number, todo))
            })
            .collect();
        numbered.sort_by_key(|(number, _)| *number);
        let tasks: Vec<Todo> = numbered.into_iter().map(|(_, todo)| todo).collect();
        (!tasks.is_empty()).then_some((tasks, dir))
    }

    /// Reads the plan file that a transcript names and returns its text and path; `None` if
    /// it does not exist.
    #[must_use]
    pub fn plan(&self, named: &str) -> Option<(String, PathBuf)> {
        let name = Path::new(named).file_name()?;
        let path = self.config.as_ref()?.join("plans").join(name);
        path.extension().filter(|ending| *ending == "md")?;
        let text = String::from_utf8_lossy(&read_small(&path, LARGEST_PLAN).ok()??).into_owned();
        (!text.trim().is_empty()).then_some((text, path))
    }

    #[must_use]
    pub fn workflows(&self) -> Vec<WorkflowRun> {
        runs(&self.own)
    }

    /// Classifies the last record of a subagent's transcript; `None` if the transcript does not exist.
    #[must_use]
    pub fn agent_end(&self, agent: Option<&str>, call: &str) -> Option<LastRecord> {
        let path = self.agent_transcript(agent, call)?;
        let transcript = Transcript::open(&path).ok()?;
        let floor = transcript.bytes().saturating_sub(AGENT_TAIL);
        let last = transcript.newest_first().take_while(|record| record.offset >= floor).find_map(|record| {
            match record.body {
                Body::Assistant(assistant) if assistant.failure.is_some() => {
                    Some(LastRecord::Failure(assistant.text))
                }
                Body::Assistant(assistant) if assistant.synthetic() => None,
                Body::Assistant(assistant) if assistant.calls.is_empty() => {
                    let ended = assistant.stop_reason.as_deref().is_none_or(|reason| reason == "end_turn");
                    Some(if ended { LastRecord::Answer(assistant.text) } else { LastRecord::Other })
                }
                Body::Assistant(_) | Body::User(_) => Some(LastRecord::Other),
                Body::System(_) | Body::Meta(_) | Body::Other => None,
            }
        });
        Some(last.unwrap_or(LastRecord::Other))
    }

    /// Returns a subagent's last words and the transcript that contains them, which is found by the
    /// subagent's id or by the call that started it.
    #[must_use]
    pub fn agent_words(&self, agent: Option<&str>, call: &str) -> Option<(String, PathBuf)> {
        let path = self.agent_transcript(agent, call)?;
        let transcript = Transcript::open(&path).ok()?;
        let floor = transcript.bytes().saturating_sub(AGENT_TAIL);
        let words =
            transcript.newest_first().take_while(|record| record.offset >= floor).find_map(|record| {
                let Body::Assistant(assistant) = record.body else { return None };
                let own = !assistant.synthetic()
                    && assistant.failure.is_none()
                    && !assistant.text.trim().is_empty();
                own.then_some(assistant.text)
            })?;
        Some((words, path))
    }

    /// Returns the path of a subagent's transcript, which is found by the subagent's id or by the call that
    /// started it.
    fn agent_transcript(&self, agent: Option<&str>, call: &str) -> Option<PathBuf> {
        let dir = self.own.join("subagents");
        let plain =
            |id: &&str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        Some(if let Some(id) = agent.filter(plain) {
            dir.join(format!("agent-{id}.jsonl"))
        } else {
            let of_call = |path: &PathBuf| {
                let bytes = read_small(path, LARGEST_ENTRY).ok().flatten();
                let value = bytes.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
                value.is_some_and(|value| value.get("toolUseId").and_then(Value::as_str) == Some(call))
            };
            let meta = entries(&dir, ".meta.json").into_iter().find(of_call)?;
            let name = meta.file_name()?.to_str()?.strip_suffix(".meta.json")?;
            dir.join(format!("{name}.jsonl"))
        })
    }
}

/// Lists the files of a directory with this suffix, sorted by name.
fn entries(dir: &Path, ending: &str) -> Vec<PathBuf> {
    let Ok(found) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = found
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.file_name().and_then(std::ffi::OsStr::to_str).is_some_and(|name| name.ends_with(ending))
        })
        .collect();
    keep_newest(&mut paths, MOST_ENTRIES);
    paths.sort();
    paths
}
