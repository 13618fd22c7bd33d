//! The gatherer of notes against what it rests on: the last 8 MB of a transcript are read and every line is parsed into a type
//! that keeps what a note can need, and git is asked about a tree.
//!
//! Arguments: the directory of a repository, and transcripts. Each line on standard input is `floor N`, `note N` or, without git,
//! `conversation N`, N being the number of a transcript; its time in microseconds and the most memory so far in bytes are the answer.

use cc_session_recover::claude::transcript::Transcript;
use cc_session_recover::env::Environment;
use cc_session_recover::git;
use cc_session_recover::note::compose::{Situation, compose};
use cc_session_recover::note::gather::{BUDGET, gather, gather_conversation};
use serde::Deserialize;
use serde_json::Value;
use std::fs::File;
use std::io::{self, BufRead as _, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A record as a note needs it: everything else is passed over.
#[derive(Deserialize)]
#[expect(dead_code, reason = "parsed, not looked at")]
struct Line {
    #[serde(rename = "type")]
    kind: Option<String>,
    uuid: Option<String>,
    timestamp: Option<String>,
    cwd: Option<String>,
    #[serde(rename = "gitBranch")]
    branch: Option<String>,
    #[serde(rename = "permissionMode")]
    permission_mode: Option<String>,
    message: Option<Message>,
    #[serde(rename = "toolUseResult")]
    tool_use_result: Option<Value>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "parsed, not looked at")]
struct Message {
    model: Option<String>,
    content: Option<Value>,
}

fn main() -> io::Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let Some(tree) = arguments.next() else {
        // `cargo bench` and `cargo test --benches` start it without a word.
        return Ok(());
    };
    if !tree.is_dir() {
        return Ok(());
    }
    let transcripts: Vec<PathBuf> = arguments.collect();
    let environment = Environment::of_process();
    let mut answers = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let (what, number) = line.split_once(' ').unwrap_or((&line, "0"));
        let number: usize = number.parse().map_err(io::Error::other)?;
        let path = transcripts.get(number).ok_or_else(|| io::Error::other("no such transcript"))?;
        let began = Instant::now();
        let size = match what {
            "floor" => {
                floor(path)?
                    + usize::from(matches!(git::read(&environment, &tree), git::GitReading::Known(_)))
            }
            "conversation" => conversation(path)?,
            _ => note(path, &environment, &tree)?,
        };
        writeln!(answers, "{} {} {size}", began.elapsed().as_micros(), peak())?;
        answers.flush()?;
    }
    Ok(())
}

/// Reads the last bytes and parses every line of them.
fn floor(path: &Path) -> io::Result<usize> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(BUDGET)))?;
    let mut bytes = Vec::with_capacity(usize::try_from(BUDGET.min(length)).unwrap_or(0));
    file.read_to_end(&mut bytes)?;
    let lines =
        bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Line>(line).ok());
    Ok(lines.filter(|line| line.message.is_some()).count())
}

fn note(path: &Path, environment: &Environment, tree: &Path) -> io::Result<usize> {
    let transcript = Transcript::open(path).map_err(|error| io::Error::other(error.to_string()))?;
    let gathered = gather(&transcript, environment, tree);
    Ok(compose(&Situation::default(), &gathered).len())
}

/// A note without git, whose time depends on nothing a transcript says.
fn conversation(path: &Path) -> io::Result<usize> {
    let transcript = Transcript::open(path).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(compose(&Situation::default(), &gather_conversation(&transcript)).len())
}

/// Most resident memory of this process so far, in bytes; 0 where the system does not tell.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
