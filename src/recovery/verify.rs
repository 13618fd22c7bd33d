//! Verifies what a run that resumed a session did, from the records it added to the transcript.
//!
//! An exit code proves nothing: a client exits with 0 after a run in which every tool was denied, and after a
//! run that only printed "No response requested." (measured with 2.1.329). A session has continued only if a
//! real answer from a model was added.

use super::incident::{DamageReason, HollowRun, Run, RunResult};
use crate::claude::glance::text_after;
use crate::claude::record::{Body, Record, ToolCall, parse_line};
use crate::claude::transcript::{LONGEST_LINE, Transcript};
use crate::claude::wording::{NO_RESPONSE, is_denial};
use crate::error::{Code, Error, Result};
use crate::redact::{clean_line, redact};
use crate::store::snapshot::prefix_sha256;
use crate::text::sanitized;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// Maximum number of files and commits that are listed.
const MOST_NAMED: usize = 20;
/// Maximum length of the quoted last message, in characters.
const WORDS: usize = 600;
/// Number of bytes before the run that are searched for parents of records. A fork happens at the end of a
/// conversation.
const TAIL: u64 = 4 * 1024 * 1024;
/// Maximum number of denied calls that are listed.
const MOST_DENIED: usize = 5;

/// Reads the records added since the run began. `ended` describes how its process ended.
///
/// # Errors
/// [`Code::Io`] when the transcript cannot be read.
pub fn verify(transcript: &Path, run: &Run, ended: &str) -> Result<RunResult> {
    let mut result = RunResult { ended: ended.to_owned(), ..RunResult::default() };
    match prefix_sha256(transcript, run.bytes_before) {
        Ok(now) if now == run.sha256_before => {}
        Ok(_) => result.set_damage(DamageReason::Rewritten),
        Err(error) if error.code == Code::Io => return Err(error),
        Err(_) => {
            result.set_damage(DamageReason::Shortened);
            result.set_hollow(&HollowRun::NothingAdded);
            return Ok(result);
        }
    }
    let opened = Transcript::open(transcript)?;
    let mut added = AddedRecords::default();
    let mut branches = Branches::after(parents_in_tail(&opened, run.bytes_before));
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
        for record in parse_line(0, &line).iter().filter(|record| !record.head.sidechain) {
            added.see(record, &line);
            branches.see(record);
        }
    }
    if branches.forked() {
        result.set_damage(DamageReason::Forked);
    }
    added.write_to_result(&mut result);
    Ok(result)
}

/// Returns the parents of records of the main conversation near its end before the run.
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

/// Returns the `parentUuid` of a line, which is the first field that the client writes.
fn parent_of(line: &[u8]) -> Option<String> {
    let parent = text_after(&line[..line.len().min(400)], b"\"parentUuid\":\"")?;
    std::str::from_utf8(parent).ok().map(str::to_owned)
}

/// The branches of the conversation that was added.
///
/// Clients that write to one transcript at the same time each continue from the record that was newest when
/// they read it. So the chain of parents from the newest record lacks what the other clients wrote, and a
/// prompt or an answer outside this chain is on another branch. The order in the file proves nothing. The
/// calls of one message form a chain, and their results branch off from it, which is not a fork.
struct Branches {
    /// Records from before the run that already have a successor.
    taken: HashSet<String>,
    links: HashMap<String, AddedLink>,
    /// Ids in file order.
    order: Vec<String>,
    forked: bool,
}

struct AddedLink {
    parent: Option<String>,
    kind: LinkKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LinkKind {
    Prompt,
    Answer,
    ToolResult,
    Note,
}

impl Branches {
    fn after(taken: BTreeSet<String>) -> Self {
        Self { taken: taken.into_iter().collect(), links: HashMap::new(), order: Vec::new(), forked: false }
    }

    fn see(&mut self, record: &Record) {
        if let Body::System(system) = &record.body
            && system.subtype == "compact_boundary"
        {
            // A compaction starts a new chain.
            self.close();
        }
        let Some(id) = &record.head.uuid else { return };
        if let Some(parent) = &record.head.parent {
            self.forked |= self.taken.contains(parent);
        }
        let kind = match &record.body {
            Body::User(user) if !user.results.is_empty() => LinkKind::ToolResult,
            Body::User(user) if user.compact_summary => LinkKind::Note,
            Body::User(_) => LinkKind::Prompt,
            Body::Assistant(_) => LinkKind::Answer,
            Body::System(_) | Body::Meta(_) | Body::Other => LinkKind::Note,
        };
        self.order.push(id.clone());
        self.links.insert(id.clone(), AddedLink { parent: record.head.parent.clone(), kind });
    }

    fn forked(mut self) -> bool {
        self.close();
        self.forked
    }

    /// Checks the records added since the last compaction.
    fn close(&mut self) {
        let order = std::mem::take(&mut self.order);
        let links = std::mem::take(&mut self.links);
        let newest = order.iter().rev().find(|id| links[*id].kind != LinkKind::Note);
        // The chain from the newest record back to the last one before the run: each record with its
        // successor in the chain.
        let mut chain: HashMap<&str, Option<&str>> = HashMap::new();
        let mut next = None;
        let mut at = newest.map(String::as_str);
        while let Some(id) = at
            && chain.insert(id, next).is_none()
        {
            next = Some(id);
            at = links.get(id).and_then(|link| link.parent.as_deref());
        }
        let beside = |id: &&String| !chain.contains_key(id.as_str());
        self.forked |= order.iter().filter(beside).any(|id| match links[id].kind {
            LinkKind::Prompt => true,
            // A broken stream that was requested again leaves such records too. A prompt as
            // successor shows another client.
            LinkKind::Answer | LinkKind::ToolResult => {
                let mut from = links.get(id);
                let mut steps = order.len();
                while let Some(link) = from
                    && steps > 0
                {
                    let Some(parent) = link.parent.as_deref() else { return false };
                    if let Some(mut after) = chain.get(parent).copied() {
                        while let Some(id) = after.filter(|id| links[*id].kind == LinkKind::Note) {
                            after = chain.get(id).copied().flatten();
                        }
                        return after.is_some_and(|id| links[id].kind == LinkKind::Prompt);
                    }
                    from = links.get(parent);
                    steps -= 1;
                }
                false
            }
            LinkKind::Note => false,
        });
    }
}

#[derive(Default)]
struct AddedRecords {
    answers: usize,
    no_response: bool,
    calls: usize,
    denied: usize,
    denied_calls: Vec<String>,
    denied_last: bool,
    named: BTreeMap<String, String>,
    results: usize,
    files: Vec<String>,
    tokens: u64,
    requests: BTreeSet<String>,
    last_words: Option<String>,
    records: usize,
}

impl AddedRecords {
    fn see(&mut self, record: &Record, line: &[u8]) {
        match &record.body {
            Body::Assistant(answer) if answer.failure.is_some() => self.records += 1,
            Body::Assistant(answer) if answer.synthetic() => {
                self.records += 1;
                self.no_response |= answer.text.trim() == NO_RESPONSE;
            }
            Body::Assistant(answer) => {
                self.records += 1;
                self.calls += answer.calls.len();
                answer.calls.iter().for_each(|call| self.file(call));
                if !answer.text.trim().is_empty() {
                    self.last_words = Some(answer.text.clone());
                }
                // Several records belong to one request, and each repeats its cost.
                let request =
                    text_after(line, b"\"requestId\":\"").map(|id| String::from_utf8_lossy(id).into_owned());
                if self.requests.insert(request.unwrap_or_else(|| self.records.to_string())) {
                    self.answers += 1;
                    self.tokens += answer.context_tokens + number_after(line, b"\"output_tokens\":");
                }
            }
            Body::User(user) => {
                self.records += 1;
                for result in &user.results {
                    self.results += 1;
                    if result.error && (user.rejected || is_denial(&result.text)) {
                        self.denied += 1;
                        self.denied_last = true;
                        let name = self.named.get(&result.id).cloned().unwrap_or_else(|| "a call".to_owned());
                        if self.denied_calls.len() < MOST_DENIED && !self.denied_calls.contains(&name) {
                            self.denied_calls.push(name);
                        }
                    } else if !result.error {
                        self.denied_last = false;
                    }
                }
            }
            Body::System(_) | Body::Meta(_) | Body::Other => {}
        }
    }

    fn file(&mut self, call: &ToolCall) {
        let asked = ["command", "file_path", "notebook_path", "url", "pattern"]
            .into_iter()
            .find_map(|key| call.input.get(key)?.as_str())
            .map(|text| format!(" ({})", clean_line(text, 80)));
        self.named.insert(call.id.clone(), format!("{}{}", call.name, asked.unwrap_or_default()));
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

    fn write_to_result(self, result: &mut RunResult) {
        result.answers = self.answers;
        result.calls = self.calls;
        result.denied = self.denied;
        result.denied_last = self.denied_last;
        result.files = self.files;
        result.tokens = self.tokens;
        result.last_words = self.last_words.map(|text| {
            let clean = redact(&sanitized(&text)).into_owned();
            crate::text::shortened(&clean, WORDS).into_owned()
        });
        result.denied_calls = self.denied_calls;
        let hollow = match (self.answers, self.records) {
            (0, _) if self.no_response => Some(HollowRun::ClientAnswered),
            (0, 0) => Some(HollowRun::NothingAdded),
            (0, _) => Some(HollowRun::NoAnswer),
            _ if self.calls > 0 && self.results > 0 && self.denied == self.results => {
                Some(HollowRun::AllCallsDenied { calls: self.denied })
            }
            _ => None,
        };
        if let Some(hollow) = hollow {
            result.set_hollow(&hollow);
        }
    }
}

/// Parses the number after a key; 0 if the key is missing.
fn number_after(line: &[u8], key: &[u8]) -> u64 {
    let Some(at) = memchr::memmem::find(line, key) else { return 0 };
    let digits = line[at + key.len()..].iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0_u64, |number, digit| number.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Transport;
    use crate::recovery::incident::{HollowReason, StartedProcess};
    use crate::store::stored::sha256_hex;
    use std::path::PathBuf;

    const BEFORE: &[&str] = &["P0", "F0<P0"];

    /// Builds one record: `P` prompt, `A` answer, `C` call, `R` result, `D` denied result, `F` failure, `N`
    /// note, `S` text of the client in place of the model, `B` compaction. `<` precedes its parent; answers
    /// with the same letter after `/` belong to one request.
    fn line(record: &str) -> String {
        let (record, request) = record.split_once('/').unwrap_or((record, ""));
        let (name, parent) =
            record.split_once('<').map_or((record, None), |(name, parent)| (name, Some(parent)));
        let parent = parent.map_or_else(|| "null".to_owned(), |parent| format!("\"{parent}\""));
        let head = format!("\"parentUuid\":{parent},\"isSidechain\":false");
        let tail = format!("\"uuid\":\"{name}\",\"timestamp\":\"2026-11-29T05:00:00Z\"");
        let request = if request.is_empty() { name } else { request };
        let answer = |model: &str, content: &str, more: &str| {
            format!(
                "{{{head},\"type\":\"assistant\",\"message\":{{\"model\":\"{model}\",\"content\":[{content}],\"usage\":{{\"input_tokens\":10,\"output_tokens\":2}}}},\"requestId\":\"{request}\",{more}{tail}}}"
            )
        };
        let text = |text: &str| format!("{{\"type\":\"text\",\"text\":\"{text}\"}}");
        let result = |error: bool, text: &str| {
            format!(
                "{{{head},\"type\":\"user\",\"message\":{{\"content\":[{{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"is_error\":{error},\"content\":\"{text}\"}}]}},{tail}}}"
            )
        };
        match &name[..1] {
            "P" => format!("{{{head},\"type\":\"user\",\"message\":{{\"content\":\"Go on.\"}},{tail}}}"),
            "A" => answer("claude-opus-5-5", &text("Done."), ""),
            "C" => answer(
                "claude-opus-5-5",
                r#"{"type":"tool_use","id":"t","name":"Edit","input":{"file_path":"/w/a.rs"}}"#,
                "",
            ),
            "R" => result(false, "ok"),
            "E" => result(true, "exit code 1"),
            "D" => result(true, "Claude requested permissions to use Bash"),
            "F" => {
                answer("<synthetic>", &text("limit"), "\"isApiErrorMessage\":true,\"error\":\"rate_limit\",")
            }
            "S" => answer("<synthetic>", &text(NO_RESPONSE), ""),
            "N" => format!("{{{head},\"type\":\"attachment\",\"attachment\":{{}},{tail}}}"),
            "B" => format!("{{{head},\"type\":\"system\",\"subtype\":\"compact_boundary\",{tail}}}"),
            other => panic!("{other}"),
        }
    }

    fn text(records: &[&str]) -> String {
        records.iter().fold(String::new(), |text, record| text + &line(record) + "\n")
    }

    fn run_after(before: &str) -> Run {
        Run {
            nonce: "n".into(),
            transport: Transport::Print,
            supervisor: StartedProcess { pid: 1, start: None },
            child: None,
            bytes_before: before.len() as u64,
            sha256_before: sha256_hex(before.as_bytes()),
            snapshot: PathBuf::new(),
            log: PathBuf::new(),
            commit_before: None,
            deadline_seconds: None,
            taken_over: None,
            result: None,
        }
    }

    fn verified(before: &str, after: &str) -> RunResult {
        let dir = tempfile::tempdir().unwrap();
        let transcript = dir.path().join("t.jsonl");
        std::fs::write(&transcript, after).unwrap();
        verify(&transcript, &run_after(before), "exited with 0").unwrap()
    }

    fn added(records: &[&str]) -> RunResult {
        let before = text(BEFORE);
        verified(&before, &(before.clone() + &text(records)))
    }

    #[test]
    fn a_run_counts_as_work_if_a_model_answered_and_not_every_call_was_denied() {
        let reason = |records: &[&str]| added(records).hollow_reason;
        let cases: [(&[&str], Option<HollowReason>); 11] = [
            (&["P1<F0", "A1<P1"], None),
            (&["P1<F0", "C1<P1", "R1<C1", "A1<R1"], None),
            (&["P1<F0", "C1<P1", "D1<C1", "C2<D1", "R2<C2"], None),
            // A failed call was not denied.
            (&["P1<F0", "C1<P1", "E1<C1"], None),
            // A call without a result does not count as denied.
            (&["P1<F0", "C1<P1"], None),
            (&["P1<F0", "C1<P1", "D1<C1"], Some(HollowReason::AllCallsDenied)),
            (&["P1<F0", "C1<P1", "D1<C1", "C2<D1", "D2<C2", "A1<D2"], Some(HollowReason::AllCallsDenied)),
            (&["P1<F0", "F1<P1"], Some(HollowReason::NoAnswer)),
            (&["P1<F0"], Some(HollowReason::NoAnswer)),
            (&["P1<F0", "S1<P1"], Some(HollowReason::ClientAnswered)),
            (&["N1<F0"], Some(HollowReason::NothingAdded)),
        ];
        for (records, expected) in cases {
            assert_eq!(reason(records), expected, "{records:?}");
        }
        assert_eq!(reason(&[]), Some(HollowReason::NothingAdded));
    }

    #[test]
    fn the_work_of_a_run_is_counted_once_per_request() {
        let result = added(&["P1<F0", "A1<P1/x", "C1<A1/x", "R1<C1", "C2<R1", "D2<C2", "A2<D2"]);
        assert_eq!((result.answers, result.calls, result.denied, result.tokens), (3, 2, 1, 36));
        assert_eq!(result.files, ["/w/a.rs"]);
        assert_eq!(result.last_words.as_deref(), Some("Done."));
    }

    #[test]
    fn a_fork_is_damage_whichever_branch_is_newer() {
        let cases: [(&str, &[&str]); 9] = [
            ("both ask after the same record", &["P1<F0", "P2<F0", "A1<P1", "A2<P2"]),
            ("the user's branch is newer", &["P1<F0", "A1<P1", "P2<F0", "A2<P2"]),
            ("the user's branch is older, and the run's newer", &["P2<F0", "A2<P2", "P1<F0", "A1<P1"]),
            ("the user's window put notes before its prompt", &["P1<F0", "N2<F0", "N3<N2", "A1<P1", "P2<N3"]),
            ("the same, and the run wrote last", &["N2<F0", "P1<F0", "P2<N2", "A1<P1"]),
            (
                "the user asked in the middle of the run's turn",
                &["P1<F0", "C1<P1", "R1<C1", "A1<R1", "P2<C1"],
            ),
            ("the same, and the run wrote last", &["P1<F0", "C1<P1", "P2<C1", "R1<C1", "A1<R1"]),
            (
                "the user does not know of the last result",
                &["P1<F0", "C1<P1", "N2<C1", "R1<C1", "P2<N2", "A2<P2"],
            ),
            (
                "the user went on at the answer, and the run went on too",
                &["P1<F0", "C1<P1", "P2<P1", "R1<C1", "A2<P2"],
            ),
        ];
        for (case, records) in cases {
            assert_eq!(added(records).damage_reason, Some(DamageReason::Forked), "{case}");
        }
        // The record already had a successor before the run.
        let before = text(&["P0", "F0<P0", "P2<F0"]);
        let forked = verified(&before, &(before.clone() + &text(&["P1<F0", "A1<P1"])));
        assert_eq!(forked.damage_reason, Some(DamageReason::Forked));
    }

    #[test]
    fn records_that_only_resemble_a_fork_are_not_damage() {
        let cases: [(&str, &[&str]); 7] = [
            (
                "calls of one answer, each with its result beside it",
                &["P1<F0", "C1<P1/x", "C2<C1/x", "R1<C1", "R2<C2", "A1<R2"],
            ),
            (
                "the same, and the first result was written last",
                &["P1<F0", "C1<P1/x", "C2<C1/x", "R2<C2", "R1<C1", "A1<R2"],
            ),
            ("two results of one call record", &["P1<F0", "C1<P1", "R1<C1", "R2<C1", "A1<R2"]),
            ("a stream that broke off and was asked for again", &["P1<F0", "A1<P1", "A2<P1"]),
            ("several prompts in one run", &["P1<F0", "A1<P1", "P2<A1", "A2<P2"]),
            ("a compaction", &["P1<F0", "A1<P1", "B1", "P2<B1", "A2<P2"]),
            ("notes beside the chain", &["P1<F0", "N1<P1", "A1<P1"]),
        ];
        for (case, records) in cases {
            assert_eq!(added(records).damage_reason, None, "{case}");
        }
    }

    #[test]
    fn a_changed_or_truncated_transcript_is_damaged() {
        let before = text(BEFORE);
        let grown = before.clone() + &text(&["P1<F0", "A1<P1"]);
        assert_eq!(verified(&before, &grown).damage_reason, None);
        let changed = grown.replacen("Go on.", "Go up.", 1);
        assert_eq!(verified(&before, &changed).damage_reason, Some(DamageReason::Rewritten));
        let cut = &before[..before.len() - 1];
        let result = verified(&before, cut);
        assert_eq!(
            (result.damage_reason, result.hollow_reason),
            (Some(DamageReason::Shortened), Some(HollowReason::NothingAdded))
        );
    }

    #[test]
    fn subagent_records_are_not_part_of_the_conversation() {
        let before = text(BEFORE);
        let aside = text(&["P2<F0", "A2<P2"]).replace("\"isSidechain\":false", "\"isSidechain\":true");
        let result = verified(&before, &(before.clone() + &text(&["P1<F0"]) + &aside + &text(&["A1<P1"])));
        assert_eq!((result.damage_reason, result.answers), (None, 1));
    }
}
