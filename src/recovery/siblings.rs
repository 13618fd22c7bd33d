//! Finds siblings, which are other sessions of the same working tree that affect whether a closed session is
//! resumed.

use crate::claude::home::is_session_id;
use crate::claude::process::Processes;
use crate::claude::record::{Body, parse_line};
use crate::claude::transcript::{LONGEST_LINE, Transcript};
use crate::session::owners::{ClientMode, ClientWord, Owners};
use crate::session::prompt::prompt_of;
use crate::session::summary::{Summary, started_at};
use chrono::{DateTime, Utc};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Tools that change nothing in the working tree. An unknown tool counts as work.
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

/// Number of bytes at the beginning of a transcript that are searched for its first prompt.
const HEAD: u64 = 256 * 1024;

/// Finds the client of another session that is working in the same working tree as `directory`. An idle
/// client does not count.
#[must_use]
pub fn tree_busy(directory: &Path, session: &str, owners: &Owners, processes: &dyn Processes) -> Option<u32> {
    let busy = owners.live().filter(|one| one.session != session).filter(|one| match one.word() {
        ClientWord::Busy => true,
        // Older clients report no status; a print run works as long as its process exists.
        ClientWord::Silent => one.kind == ClientMode::Print,
        ClientWord::Idle | ClientWord::Dialog | ClientWord::Waiting => false,
    });
    busy.map(|one| one.pid)
        .find(|pid| processes.working_directory(*pid).is_some_and(|other| is_same_tree(directory, &other)))
}

/// Returns whether two directories belong to one working tree: the same git checkout or, outside of git, the
/// same directory or one below it.
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

/// Finds the directory that contains `.git`. A worktree has a file of that name and counts as a separate
/// tree.
fn checkout(directory: &Path) -> Option<PathBuf> {
    directory.ancestors().find(|dir| dir.join(".git").exists()).map(Path::to_path_buf)
}

/// Finds a session of the same project that was started after `stopped` and did work in it.
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

/// Finds the newest one-shot session in the same directory that was started after this one with the same
/// first prompt, if this one got no answer: a shell loop (`while :; do claude -p "$(cat PROMPT.md)"; done`)
/// has already asked again.
#[must_use]
pub fn repeated_by(transcript: &Path, summary: &Summary) -> Option<String> {
    // A session that was answered has its own work to continue.
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

/// The first prompt of a one-shot session.
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

/// Returns whether a model called a tool that may change something.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::parse_rfc3339;
    use crate::session::ending::Liveness;
    use crate::session::summary::summarize;

    fn id(number: u32) -> String {
        format!("00000001-0000-4000-8000-{number:012}")
    }

    fn write(dir: &Path, number: u32, lines: &[String]) -> PathBuf {
        let path = dir.join(format!("{}.jsonl", id(number)));
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
        path
    }

    fn prompt(number: u32, minute: u32, entrypoint: &str, text: &str) -> String {
        format!(
            r#"{{"parentUuid":null,"isSidechain":false,"type":"user","message":{{"role":"user","content":"{text}"}},"uuid":"u{number}","timestamp":"2026-11-29T05:{minute:02}:00Z","sessionId":"{}","entrypoint":"{entrypoint}","cwd":"/w","version":"2.1.332"}}"#,
            id(number)
        )
    }

    fn answer(number: u32, minute: u32, content: &str) -> String {
        format!(
            r#"{{"parentUuid":"u{number}","isSidechain":false,"type":"assistant","message":{{"model":"claude-opus-5-5","role":"assistant","content":[{content}],"stop_reason":"end_turn","usage":{{"input_tokens":3}}}},"uuid":"a{number}","timestamp":"2026-11-29T05:{minute:02}:01Z","sessionId":"{}","entrypoint":"sdk-cli","cwd":"/w","version":"2.1.332"}}"#,
            id(number)
        )
    }

    fn call(name: &str) -> String {
        format!(r#"{{"type":"tool_use","id":"t","name":"{name}","input":{{}}}}"#)
    }

    fn repeated(path: &Path) -> Option<String> {
        let transcript = Transcript::open(path).unwrap();
        repeated_by(path, &summarize(&transcript, Liveness::Gone))
    }

    #[test]
    fn of_unanswered_one_shot_sessions_with_the_same_prompt_only_the_newest_remains() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        let first = write(dir, 1, &[prompt(1, 1, "sdk-cli", "Do the next task")]);
        let second = write(dir, 2, &[prompt(2, 2, "sdk-cli", "Do the next task")]);
        let newest = write(dir, 3, &[prompt(3, 3, "sdk-cli", "Do the next task")]);
        let other = write(dir, 4, &[prompt(4, 1, "sdk-cli", "Do something else")]);
        let typed = write(dir, 5, &[prompt(5, 1, "cli", "Do the next task")]);
        let text = r#"{"type":"text","text":"Half of it."}"#;
        let answered = write(dir, 6, &[prompt(6, 1, "sdk-cli", "Do the next task"), answer(6, 1, text)]);
        let of = |path: &Path| repeated(path);
        assert_eq!((of(&first), of(&second)), (Some(id(3)), Some(id(3))));
        assert_eq!((of(&newest), of(&other), of(&typed), of(&answered)), (None, None, None, None));
        // The loop asks again and gets an answer.
        write(dir, 7, &[prompt(7, 7, "sdk-cli", "Do the next task"), answer(7, 7, text)]);
        assert_eq!((of(&first), of(&newest)), (Some(id(7)), Some(id(7))));
    }

    #[test]
    fn a_later_session_counts_once_it_called_a_tool_that_may_change_files() {
        let dir = tempfile::tempdir().unwrap();
        let stopped = parse_rfc3339("2026-11-29T05:10:00Z").unwrap();
        let own = write(dir.path(), 1, &[prompt(1, 1, "cli", "a"), answer(1, 1, &call("Edit"))]);
        let found = || worked_on_since(&own, stopped);
        assert_eq!(found(), None, "its own work");
        write(dir.path(), 2, &[prompt(2, 9, "cli", "a"), answer(2, 12, &call("Edit"))]);
        assert_eq!(found(), None, "it was started before the stop");
        write(dir.path(), 3, &[prompt(3, 11, "cli", "a"), answer(3, 12, &call("Read"))]);
        assert_eq!(found(), None, "it only read");
        for tool in ["Edit", "Bash", "mcp__x__y"] {
            write(dir.path(), 4, &[prompt(4, 11, "cli", "a"), answer(4, 12, &call(tool))]);
            assert_eq!(found(), Some(id(4)), "{tool}");
        }
    }

    #[test]
    fn a_tree_is_a_checkout_or_else_a_directory_with_its_subdirectories() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        for dir in ["git/.git", "git/src/deep", "git/tree/sub", "plain/sub", "other"] {
            std::fs::create_dir_all(at(dir)).unwrap();
        }
        std::fs::write(at("git/tree/.git"), "gitdir: elsewhere").unwrap();
        for (one, two, same) in [
            ("git", "git/src/deep", true),
            ("git/src", "git", true),
            ("git", "git/tree/sub", false),
            ("plain", "plain/sub", true),
            ("plain/sub", "plain", false),
            ("plain", "other", false),
            ("plain", "git", false),
        ] {
            assert_eq!(is_same_tree(&at(one), &at(two)), same, "{one} {two}");
        }
    }
}
