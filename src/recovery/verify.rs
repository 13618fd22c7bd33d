//! Verifying: what a run that resumed a session did, read from what it added to the transcript.
//!
//! An exit code proves nothing: a client ends with 0 after a run in which every tool was denied, and after one that only
//! said "No response requested." (measured with 2.1.329). A session went on when a real answer of a model was added.

use super::incident::{Run, RunResult};
use crate::claude::glance::text_after;
use crate::claude::record::{Body, Record, ToolCall, parse_line};
use crate::claude::transcript::{LONGEST_LINE, Transcript};
use crate::claude::wording::{NO_RESPONSE, is_denial};
use crate::error::{Code, Error, Result};
use crate::note::redact::{clean_line, redact};
use crate::rescue::snapshot::prefix_sha256;
use crate::text::sanitised;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// Files and commits that are named.
const MOST_NAMED: usize = 20;
/// Of the model's last words, in characters.
const WORDS: usize = 600;
/// Bytes before the run in which parents of records are looked for. A fork is made at the end of a conversation.
const TAIL: u64 = 4 * 1024 * 1024;
/// Reads what was added since the run began. `ended` says how its process ended.
///
/// # Errors
/// [`Code::Io`] when the transcript cannot be read, [`Code::VerificationFailed`] when it became shorter.
pub fn verify(transcript: &Path, run: &Run, ended: &str) -> Result<RunResult> {
    let mut result = RunResult { ended: ended.to_owned(), ..RunResult::default() };
    let now = prefix_sha256(transcript, run.bytes_before).map_err(|error| match error.code {
        Code::Io => error,
        _ => Error::new(Code::VerificationFailed, "the transcript is shorter than before the run")
            .at(transcript),
    })?;
    if now != run.sha256_before {
        result.damage = Some("what was written before the run has been changed".into());
    }
    let opened = Transcript::open(transcript)?;
    let taken = parents_in_tail(&opened, run.bytes_before);
    let mut seen = Added::default();
    let mut file = opened.file();
    file.seek(SeekFrom::Start(run.bytes_before)).map_err(|error| Error::io("read", transcript, &error))?;
    let mut reader = BufReader::new(file.take(opened.bytes().saturating_sub(run.bytes_before)));
    let mut line = Vec::new();
    loop {
        line.clear();
        let count = (&mut reader)
            .take(LONGEST_LINE as u64)
            .read_until(b'\n', &mut line)
            .map_err(|error| Error::io("read", transcript, &error))?;
        if count == 0 {
            break;
        }
        for record in parse_line(0, &line) {
            seen.see(&record, &line, &taken);
        }
    }
    seen.tell(&mut result);
    Ok(result)
}

/// Parents of the main conversation near the end of what was there before.
fn parents_in_tail(transcript: &Transcript, bytes: u64) -> BTreeSet<String> {
    let from = bytes.saturating_sub(TAIL);
    let mut file = transcript.file();
    let mut text = Vec::new();
    if file.seek(SeekFrom::Start(from)).is_err() || file.take(bytes - from).read_to_end(&mut text).is_err() {
        return BTreeSet::new();
    }
    let lines = text.split(|byte| *byte == b'\n');
    let main = lines
        .filter(|line| memchr::memmem::find(&line[..line.len().min(200)], b"\"isSidechain\":true").is_none());
    main.filter_map(parent_of).collect()
}

/// `parentUuid` of a line, which the client writes first.
fn parent_of(line: &[u8]) -> Option<String> {
    let parent = text_after(&line[..line.len().min(400)], b"\"parentUuid\":\"")?;
    std::str::from_utf8(parent).ok().map(str::to_owned)
}

/// What was added.
#[derive(Default)]
struct Added {
    answers: usize,
    spoke: bool,
    no_response: bool,
    calls: usize,
    denied: usize,
    results: usize,
    files: Vec<String>,
    tokens: u64,
    requests: BTreeSet<String>,
    last_words: Option<String>,
    forked: bool,
    asked: BTreeSet<String>,
    records: usize,
}

impl Added {
    fn see(&mut self, record: &Record, line: &[u8], taken: &BTreeSet<String>) {
        if record.head.sidechain {
            return;
        }
        if let Some(parent) = &record.head.parent {
            self.forked |= taken.contains(parent);
        }
        match &record.body {
            Body::Assistant(answer) if answer.failure.is_some() => self.records += 1,
            Body::Assistant(answer) if answer.synthetic() => {
                self.records += 1;
                self.no_response |= answer.text.trim() == NO_RESPONSE;
            }
            Body::Assistant(answer) => {
                self.records += 1;
                self.spoke |= !answer.text.trim().is_empty();
                self.calls += answer.calls.len();
                answer.calls.iter().for_each(|call| self.file(call));
                if !answer.text.trim().is_empty() {
                    self.last_words = Some(answer.text.clone());
                }
                // Several records belong to one request; each repeats what it cost.
                let request =
                    text_after(line, b"\"requestId\":\"").map(|id| String::from_utf8_lossy(id).into_owned());
                if self.requests.insert(request.unwrap_or_else(|| self.records.to_string())) {
                    self.answers += 1;
                    self.tokens += answer.context_tokens + number_after(line, b"\"output_tokens\":");
                }
            }
            Body::User(user) => {
                self.records += 1;
                // Two clients that read the same conversation ask after the same message. Results have siblings: calls of
                // one answer are made at the same time.
                if user.results.is_empty()
                    && let Some(parent) = &record.head.parent
                {
                    self.forked |= !self.asked.insert(parent.clone());
                }
                for result in &user.results {
                    self.results += 1;
                    self.denied += usize::from(result.error && (user.rejected || is_denial(&result.text)));
                }
            }
            _ => {}
        }
    }

    fn file(&mut self, call: &ToolCall) {
        if !matches!(call.name.as_str(), "Edit" | "Write" | "MultiEdit" | "NotebookEdit") {
            return;
        }
        let path = call.input.get("file_path").or_else(|| call.input.get("notebook_path"));
        if let Some(path) = path.and_then(serde_json::Value::as_str) {
            let path = clean_line(path, 300);
            if self.files.len() < MOST_NAMED && !self.files.contains(&path) {
                self.files.push(path);
            }
        }
    }

    fn tell(self, result: &mut RunResult) {
        result.answers = self.answers;
        result.calls = self.calls;
        result.denied = self.denied;
        result.files = self.files;
        result.tokens = self.tokens;
        result.last_words = self.last_words.map(|text| {
            let clean = redact(&sanitised(&text)).into_owned();
            crate::text::shortened(&clean, WORDS).into_owned()
        });
        result.hollow = if self.answers == 0 && self.no_response {
            Some("the client answered in the model's place: No response requested.".into())
        } else if self.answers == 0 && self.records == 0 {
            Some("nothing was added to the conversation".into())
        } else if self.answers == 0 {
            Some("no model answered".into())
        } else if self.calls > 0 && self.results > 0 && self.denied == self.results {
            Some(format!("every tool call was denied ({})", self.denied))
        } else {
            None
        };
        if self.forked && result.damage.is_none() {
            result.damage = Some("the conversation was forked: something else wrote into it too".into());
        }
    }
}

/// The number after a key, 0 where there is none.
fn number_after(line: &[u8], key: &[u8]) -> u64 {
    let Some(at) = memchr::memmem::find(line, key) else { return 0 };
    let digits = line[at + key.len()..].iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0_u64, |number, digit| number.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
}
