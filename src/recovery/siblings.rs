//! Siblings: other sessions of the same working tree, as far as they decide whether a closed session is resumed.

use crate::claude::home::is_session_id;
use crate::claude::process::Processes;
use crate::claude::record::{Body, parse_line};
use crate::claude::transcript::{LONGEST_LINE, Transcript};
use crate::session::owners::{ClientWord, Kind, Owners};
use crate::session::prompt::prompt_of;
use crate::session::summary::{Summary, started_at};
use chrono::{DateTime, Utc};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Tools that change nothing in the working tree. A tool that is not known counts as work.
const READING: [&str; 14] = [
    "AskUserQuestion",
    "ExitPlanMode",
    "Glob",
    "Grep",
    "LS",
    "ListMcpResourcesTool",
    "Read",
    "ReadMcpResourceTool",
    "TaskGet",
    "TaskList",
    "TodoWrite",
    "ToolSearch",
    "WebFetch",
    "WebSearch",
];

/// Bytes at the beginning of a transcript in which its first prompt is looked for.
const HEAD: u64 = 256 * 1024;

/// The client of another session that is at work in the same working tree as `directory`. One that is idle does nothing there.
#[must_use]
pub fn tree_busy(directory: &Path, session: &str, owners: &Owners, processes: &dyn Processes) -> Option<u32> {
    let busy = owners.live().filter(|one| one.session != session).filter(|one| match one.word() {
        ClientWord::Busy => true,
        // Older clients say nothing of themselves; a print run works for as long as it lives.
        ClientWord::Silent => one.kind == Kind::Print,
        ClientWord::Idle | ClientWord::Dialog | ClientWord::Waiting => false,
    });
    busy.map(|one| one.pid)
        .find(|pid| processes.working_directory(*pid).is_some_and(|other| is_same_tree(directory, &other)))
}

/// Whether two directories are of one working tree: of the same git checkout, else the same directory or one below it.
#[must_use]
pub fn is_same_tree(directory: &Path, other: &Path) -> bool {
    let canonical = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let (directory, other) = (canonical(directory), canonical(other));
    match (checkout(&directory), checkout(&other)) {
        (Some(one), Some(two)) => one == two,
        (None, None) => other.starts_with(&directory),
        _ => false,
    }
}

/// The directory that holds `.git`. A worktree has a file of that name and is a tree of its own.
fn checkout(directory: &Path) -> Option<PathBuf> {
    directory.ancestors().find(|dir| dir.join(".git").exists()).map(Path::to_path_buf)
}

/// A session of the same project that was started after `stopped` and did work there.
#[must_use]
pub fn worked_on_since(transcript: &Path, stopped: DateTime<Utc>) -> Option<String> {
    let entries = std::fs::read_dir(transcript.parent()?).ok()?;
    entries.filter_map(Result::ok).find_map(|entry| {
        let path = entry.path();
        let id = path.file_stem()?.to_str().filter(|id| is_session_id(id))?.to_owned();
        let written: DateTime<Utc> = entry.metadata().ok()?.modified().ok()?.into();
        let candidate = path != transcript
            && path.extension().is_some_and(|ending| ending == "jsonl")
            && written > stopped;
        if !candidate {
            return None;
        }
        let opened = Transcript::open(&path).ok()?;
        (started_at(&opened)? > stopped && did_work(&opened)).then_some(id)
    })
}

/// The newest one-shot session of the same directory that was started after this one with the same first prompt, when this one
/// got no answer: a shell loop (`while :; do claude -p "$(cat PROMPT.md)"; done`) has asked again already.
#[must_use]
pub fn repeated_by(transcript: &Path, summary: &Summary) -> Option<String> {
    // A session that was answered has work of its own to continue.
    if summary.model.is_some() || !summary.entrypoint.as_deref().is_some_and(is_one_shot) {
        return None;
    }
    let own = first_prompt(&Transcript::open(transcript).ok()?)?;
    let entries = std::fs::read_dir(transcript.parent()?).ok()?;
    let later = entries.filter_map(Result::ok).filter_map(|entry| {
        let path = entry.path();
        let id = path.file_stem()?.to_str().filter(|id| is_session_id(id))?.to_owned();
        let written: DateTime<Utc> = entry.metadata().ok()?.modified().ok()?.into();
        let candidate = path != transcript
            && path.extension().is_some_and(|ending| ending == "jsonl")
            && written >= own.at;
        let other = candidate.then(|| first_prompt(&Transcript::open(&path).ok()?)).flatten()?;
        (other.text == own.text && (other.at, &id) > (own.at, &own.session)).then_some((other.at, id))
    });
    later.max().map(|(_, id)| id)
}

/// What a one-shot session was asked first.
struct FirstPrompt {
    session: String,
    at: DateTime<Utc>,
    text: String,
}

fn is_one_shot(entrypoint: &str) -> bool {
    entrypoint.starts_with("sdk")
}

fn first_prompt(transcript: &Transcript<'_>) -> Option<FirstPrompt> {
    transcript.head(HEAD).into_iter().find_map(|record| {
        prompt_of(&record).map(|user| {
            let head = &record.head;
            head.entrypoint.as_deref().filter(|name| is_one_shot(name))?;
            Some(FirstPrompt { session: head.session.clone()?, at: head.at?, text: user.text.clone() })
        })
    })?
}

/// Whether a model called a tool that may change something.
fn did_work(transcript: &Transcript) -> bool {
    let mut file = transcript.file();
    if file.seek(SeekFrom::Start(0)).is_err() {
        return false;
    }
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    let calls = memchr::memmem::Finder::new(b"\"tool_use\"");
    loop {
        line.clear();
        if !(&mut reader).take(LONGEST_LINE as u64).read_until(b'\n', &mut line).is_ok_and(|count| count > 0)
        {
            return false;
        }
        let worked = calls.find(&line).is_some()
            && parse_line(0, &line).iter().any(|record| match &record.body {
                Body::Assistant(answer) => {
                    answer.calls.iter().any(|call| !READING.contains(&call.name.as_str()))
                }
                Body::User(_) | Body::System(_) | Body::Meta(_) | Body::Other => false,
            });
        if worked {
            return true;
        }
    }
}
