//! Finds all hits in the files of one session.
//!
//! The sieve reads each file first. Most files contain no match and need no further reading. A file that may
//! contain a match is read line by line, and so is the conversation to which it belongs, which provides the
//! turn of a hit and the name of the session.

use super::lines::{Lines, SearchLine};
use super::pattern::Pattern;
use super::said::{RecordText, SearchRole, Spoken, records, with_valid_characters};
use super::sieve::{Buffer, Candidate, Reread, Sieved};
use super::snippet::{Span, snippet};
use super::stored::{NamedAt, StoredResult};
use crate::claude::glance::{GlanceKind, glance, kind_of};
use crate::claude::transcript::{LONGEST_LINE, Transcript};
use crate::clock::parse_rfc3339;
use crate::error::{Code, Error};
use crate::fs::Directory;
use crate::session::ending::Liveness;
use crate::session::prompt::{may_hold_prompt, prompt_of};
use crate::session::summary::summarize;
use crate::text::one_line;
use chrono::{DateTime, Utc};
use memchr::memmem::Finder;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::PathBuf;
use std::sync::LazyLock;

/// Maximum length of a name or title, in characters.
const SHOWN: usize = 200;
/// Maximum length of a metadata record; only lines up to this length are checked for names and titles.
const LONGEST_META: usize = 4096;

/// The search parameters that apply to every session.
#[derive(Debug)]
pub struct Query {
    pub pattern: Pattern,
    /// Roles to search; all roles if empty.
    pub roles: Vec<SearchRole>,
    pub since: Option<DateTime<Utc>>,
    /// Maximum number of hits retained per session.
    pub kept: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionFiles {
    /// Session id, or the part of the file name that replaces it.
    pub id: String,
    pub transcript: Option<PathBuf>,
    pub subagents: Vec<PathBuf>,
    /// Files with stored tool results, which are searched as well.
    pub tool_results: Vec<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    pub transcript: PathBuf,
    /// Line number in the file, starting at 1.
    pub line: u64,
    pub role: SearchRole,
    /// Number of the prompt to which it belongs, starting at 1; 0 before the first prompt.
    pub turn: usize,
    pub at: Option<DateTime<Utc>>,
    /// One line of text around the match.
    pub snippet: String,
    /// Position of the match in the snippet.
    pub span: Span,
    pub subagent: bool,
}

#[derive(Debug, Default)]
pub struct Findings {
    /// First hits, in the order of the files and their lines.
    pub hits: Vec<Hit>,
    /// Total number of hits, including those not retained.
    pub total: usize,
    /// Time of the latest hit; approximate for a record without a time.
    pub latest: Option<DateTime<Utc>>,
    /// Session name set by the user.
    pub name: Option<String>,
    /// Session title. A title set by the user takes precedence over the client's.
    pub title: Option<String>,
    /// Directory in which the session was started.
    pub cwd: Option<String>,
    /// Number of files that were searched.
    pub files: usize,
    pub bytes: u64,
    pub problems: Vec<Error>,
}

/// Returns whether a record counts, given the directory in which its session was started and its
/// own directory, if known.
pub type InProject<'a> = &'a dyn Fn(Option<&str>, Option<&str>) -> bool;

/// Searches the files of a session. `dir` is the directory of its transcript, if it is already open.
pub fn scan(
    query: &Query,
    files: &SessionFiles,
    dir: Option<&Directory>,
    in_project: InProject<'_>,
    buffer: &mut Buffer,
) -> Findings {
    let mut findings = Findings::default();
    let mut candidates = Vec::new();
    let mut main = None;
    let mut stored = Vec::new();
    for path in &files.tool_results {
        match StoredResult::search(path, &query.pattern) {
            Ok((bytes, found)) => {
                findings.files += 1;
                findings.bytes += bytes;
                stored.extend(found);
            }
            Err(error) => findings.problems.push(error),
        }
    }
    // The transcript is sieved last and then read again first, so that the block that the sieve read last is
    // still in the buffer.
    let subagents = files.subagents.iter().map(|path| (path, true));
    for (path, subagent) in subagents.chain(files.transcript.iter().map(|path| (path, false))) {
        match Candidate::open(path, dir, query.pattern.sieve(), buffer) {
            Ok(candidate) => {
                findings.files += 1;
                findings.bytes += candidate.bytes;
                if subagent {
                    candidates.extend(candidate.may_match().then_some(candidate));
                } else {
                    main = Some(candidate);
                }
            }
            Err(error) => findings.problems.push(error),
        }
    }
    let mut session = SessionSearch {
        query,
        in_project,
        findings,
        prompts: Vec::new(),
        custom_title: None,
        seen_prompts: Ids::default(),
        seen_hits: Ids::default(),
        old_titles: Vec::new(),
        stored,
    };
    let needed = !candidates.is_empty() || !session.stored.is_empty();
    if let Some(main) = main.filter(|main| main.may_match() || needed) {
        let seen = main.place().zip(buffer.bytes.get(buffer.block.clone()));
        session.read(&main, false, seen, &mut buffer.lines);
    }
    for candidate in candidates {
        session.read(&candidate, true, None, &mut buffer.lines);
    }
    session.add_stored();
    let SessionSearch { mut findings, custom_title, old_titles, .. } = session;
    findings.title = custom_title.or(findings.title);
    if findings.title.is_none() && !old_titles.is_empty() {
        // The title may come after its message in the file; this shows the same title as a list does.
        let transcript = files.transcript.as_deref().and_then(|path| Transcript::open(path).ok());
        let title = transcript.and_then(|transcript| summarize(&transcript, Liveness::Unknown).title);
        findings.title = title.map(|title| one_line(&title, SHOWN));
    }
    findings
}

/// State of a session while its files are read.
struct SessionSearch<'q> {
    query: &'q Query,
    in_project: InProject<'q>,
    findings: Findings,
    /// Times of the prompts of the conversation.
    prompts: Vec<Option<DateTime<Utc>>>,
    custom_title: Option<String>,
    seen_prompts: Ids,
    seen_hits: Ids,
    /// Titles written by older clients, each with the id of the message to which it refers.
    old_titles: Vec<(String, String)>,
    stored: Vec<StoredResult>,
}

/// Returns the id of a message, which is the last `uuid` in its line.
fn record_id(line: &[u8]) -> Option<&[u8]> {
    let at = memchr::memmem::rfind(line, b"\"uuid\":\"")? + 8;
    let rest = line.get(at..)?;
    Some(&rest[..memchr::memchr(b'"', rest)?])
}

/// Ids of messages. A record without an id in the known form always counts as new.
#[derive(Default)]
struct Ids(HashSet<String>);

impl Ids {
    /// Returns whether the id is new. A record whose id is known is a replay.
    fn first(&mut self, uuid: &str) -> bool {
        uuid.len() != 36 || self.0.insert(uuid.to_owned())
    }
}

/// Bytes that indicate what a line may contain. They cannot occur inside a JSON string, because its quotes
/// would be escaped.
struct LineMarks {
    names: [Finder<'static>; 3],
    cwd: Finder<'static>,
}

static MARKS: LazyLock<LineMarks> = LazyLock::new(|| LineMarks {
    names: [Finder::new(b"-title\""), Finder::new(b"\"agent-name\""), Finder::new(b"\"type\":\"summary\"")],
    cwd: Finder::new(b"\"cwd\""),
});

impl LineMarks {
    /// Returns whether a line of this kind can contain a name or title.
    fn may_hold_name(&self, kind: GlanceKind, line: &[u8]) -> bool {
        matches!(kind, GlanceKind::Meta | GlanceKind::Unknown)
            && line.len() <= LONGEST_META
            && self.names.iter().any(|name| name.find(line).is_some())
    }
}

/// State of one file while it is read.
struct Reading {
    path: PathBuf,
    subagent: bool,
    modified: Option<DateTime<Utc>>,
    sieved: Sieved,
    hits: Vec<Hit>,
    total: usize,
    /// Hits in texts that are written more than once, each with a hash of its text.
    repeated: Vec<(u64, Hit)>,
    /// Hashes of the texts of hits that are not repetitions.
    texts: HashSet<u64>,
}

impl SessionSearch<'_> {
    /// Reads a file line by line; `seen` is the offset and the content of a block that is already in memory.
    fn read(
        &mut self,
        candidate: &Candidate,
        subagent: bool,
        seen: Option<(u64, &[u8])>,
        buffer: &mut Vec<u8>,
    ) {
        let mut reading = Reading {
            path: candidate.path.clone(),
            subagent,
            modified: candidate.modified,
            sieved: candidate.sieved,
            hits: Vec::new(),
            total: 0,
            repeated: Vec::new(),
            texts: HashSet::new(),
        };
        let again = Reread::begin(&candidate.file, seen);
        if let Err(error) = again.and_then(|file| self.read_lines(file, &mut reading, buffer)) {
            self.findings.problems.push(Error::io("read", &reading.path, &error));
        }
        self.finish(reading);
    }

    fn read_lines(
        &mut self,
        file: Reread<'_>,
        reading: &mut Reading,
        buffer: &mut Vec<u8>,
    ) -> io::Result<()> {
        let sieve = self.query.pattern.sieve();
        let mut lines = Lines::new(file, buffer, LONGEST_LINE);
        loop {
            let begins = lines.given();
            let Some(line) = lines.next_line()? else { return Ok(()) };
            match line {
                SearchLine::Whole { number, bytes, before } => {
                    if !reading.subagent {
                        self.note(bytes);
                    }
                    self.note_stored(bytes, reading.subagent);
                    let passes = || sieve.is_none_or(|sieve| sieve.passes(bytes));
                    let may_match = match reading.sieved {
                        Sieved::Nothing => false,
                        Sieved::Seen { passed, .. } => begins + bytes.len() as u64 > passed && passes(),
                        Sieved::Unknown => true,
                    };
                    if may_match {
                        self.search(number, bytes, before, reading);
                    }
                }
                // The sieve checked the whole file: without a match, nothing is missed.
                SearchLine::TooLong { .. } if reading.sieved == Sieved::Nothing => {}
                SearchLine::TooLong { number } => self.findings.problems.push(
                    Error::new(
                        Code::TranscriptUnreadable,
                        format!(
                            "line {number} is longer than {} MB and was not searched",
                            LONGEST_LINE >> 20
                        ),
                    )
                    .at(&reading.path),
                ),
            }
        }
    }

    /// Records prompts, names and titles, and where the session was started.
    fn note(&mut self, line: &[u8]) {
        let kind = kind_of(line);
        if may_hold_prompt(kind, line) {
            let mut found: Vec<_> = glance(0, line).collect();
            if found.is_empty() {
                found =
                    with_valid_characters(line).map(|line| glance(0, &line).collect()).unwrap_or_default();
            }
            for record in found {
                let replay = record.head.uuid.as_deref().is_some_and(|uuid| !self.seen_prompts.first(uuid));
                if !replay && prompt_of(&record).is_some() {
                    self.prompts.push(record.head.at);
                }
            }
        }
        if !self.old_titles.is_empty()
            && let Some(id) = record_id(line)
            && let Some((title, _)) = self.old_titles.iter().find(|(_, leaf)| leaf.as_bytes() == id)
        {
            newest(&mut self.findings.title, Some(title.clone()));
        }
        let placed = self.findings.cwd.is_some();
        if MARKS.may_hold_name(kind, line) || !placed && MARKS.cwd.find(line).is_some() {
            records(line, |spoken| {
                let shown = |text: &str| one_line(text, SHOWN);
                let Findings { name, title, cwd, .. } = &mut self.findings;
                newest(name, spoken.name.as_deref().map(shown));
                newest(title, spoken.title.as_deref().map(shown));
                if let Some((text, leaf)) = &spoken.old_title {
                    self.old_titles.push((shown(text), leaf.clone().into_owned()));
                }
                newest(&mut self.custom_title, spoken.custom_title.as_deref().map(shown));
                if cwd.is_none() {
                    *cwd = spoken.cwd.as_deref().map(str::to_owned);
                }
            });
        }
    }

    /// Records where the conversation names the files of stored results.
    fn note_stored(&mut self, line: &[u8], subagent: bool) {
        if self.stored.is_empty() || memchr::memmem::find(line, b"tool-results").is_none() {
            return;
        }
        let mut named = Vec::new();
        for (index, one) in self.stored.iter().enumerate().filter(|(_, one)| one.named.is_none()) {
            if memchr::memmem::find(line, one.name.as_bytes()).is_some() {
                named.push(index);
            }
        }
        if named.is_empty() {
            return;
        }
        records(line, |spoken| {
            for index in &named {
                let at = NamedAt {
                    at: spoken.at,
                    cwd: spoken.cwd.as_deref().map(str::to_owned),
                    turn: self.turn(spoken, subagent),
                    subagent: subagent || spoken.sidechain,
                };
                self.stored[*index].named.get_or_insert(at);
            }
        });
    }

    /// Adds the matches in stored results, unless the preview in the conversation is a hit already.
    fn add_stored(&mut self) {
        for one in std::mem::take(&mut self.stored) {
            let named = one.named.unwrap_or_default();
            let cwd = named.cwd.as_deref().or(self.findings.cwd.as_deref());
            let judged = named.at.or(one.modified);
            let old = self.query.since.is_some_and(|since| judged.is_none_or(|at| at < since));
            if one.previewed || old || !(self.in_project)(self.findings.cwd.as_deref(), cwd) {
                continue;
            }
            self.findings.latest = self.findings.latest.max(judged);
            self.findings.total += 1;
            if self.findings.hits.len() < self.query.kept {
                self.findings.hits.push(Hit {
                    transcript: one.path,
                    line: one.line,
                    role: SearchRole::Tool,
                    turn: named.turn,
                    at: named.at,
                    snippet: one.snippet,
                    span: one.span,
                    subagent: named.subagent,
                });
            }
        }
    }

    fn search(&mut self, number: u64, line: &[u8], before: &[u8], reading: &mut Reading) {
        records(line, |spoken| {
            if !(self.in_project)(self.findings.cwd.as_deref(), spoken.cwd.as_deref()) {
                return;
            }
            // A record is checked for a replay only once, so that all of its hits count.
            let mut new = None;
            for said in &spoken.texts {
                if !self.query.roles.is_empty() && !self.query.roles.contains(&said.role) {
                    continue;
                }
                let found = said.parts.iter().find_map(|part| Some((part, self.query.pattern.find(part)?)));
                let Some((part, range)) = found else { continue };
                // A record without a time, such as a title, was written soon after its neighbor.
                let near = spoken.at.or_else(|| last_time(before));
                let judged = near.or(reading.modified);
                if self.query.since.is_some_and(|since| judged.is_none_or(|at| at < since)) {
                    continue;
                }
                if spoken
                    .uuid
                    .as_deref()
                    .is_some_and(|uuid| !*new.get_or_insert_with(|| self.seen_hits.first(uuid)))
                {
                    continue;
                }
                if said.role == SearchRole::Tool {
                    for one in self.stored.iter_mut().filter(|one| part.contains(one.name.as_str())) {
                        one.previewed = true;
                    }
                }
                self.findings.latest = self.findings.latest.max(near);
                if !said.repeated {
                    reading.total += 1;
                    if matches!(said.role, SearchRole::User | SearchRole::System) {
                        reading.texts.insert(identity(said));
                    }
                    if reading.hits.len() >= self.query.kept {
                        continue;
                    }
                }
                let (snippet, span) = snippet(part, &range);
                let hit = Hit {
                    transcript: reading.path.clone(),
                    line: number,
                    role: said.role,
                    turn: self.turn(spoken, reading.subagent),
                    at: spoken.at,
                    snippet,
                    span,
                    subagent: reading.subagent || spoken.sidechain,
                };
                if said.repeated {
                    let text = identity(said);
                    if reading.repeated.iter().all(|(known, _)| *known != text) {
                        reading.repeated.push((text, hit));
                    }
                } else {
                    reading.hits.push(hit);
                }
            }
        });
    }

    /// Returns the number of the prompt to which a record belongs: in the conversation, the last prompt
    /// before it; for a subagent, the last prompt sent before the record's time.
    fn turn(&self, spoken: &Spoken<'_>, subagent: bool) -> usize {
        match (subagent, spoken.at) {
            (false, _) => self.prompts.len(),
            (true, Some(at)) => {
                self.prompts.iter().filter(|prompt| prompt.is_some_and(|prompt| prompt <= at)).count()
            }
            (true, None) => 0,
        }
    }

    /// Adds the hits of a file. A repeated text counts only once, and only if it is not also
    /// found in a message.
    fn finish(&mut self, mut reading: Reading) {
        let mut hits = std::mem::take(&mut reading.hits);
        for (text, hit) in std::mem::take(&mut reading.repeated) {
            if reading.texts.insert(text) {
                reading.total += 1;
                hits.push(hit);
            }
        }
        hits.sort_by_key(|hit| hit.line);
        hits.truncate(self.query.kept.saturating_sub(self.findings.hits.len()));
        self.findings.hits.append(&mut hits);
        if reading.total > 0 {
            self.findings.latest = self.findings.latest.or(reading.modified);
        }
        self.findings.total += reading.total;
    }
}

fn newest(slot: &mut Option<String>, value: Option<String>) {
    if value.is_some() {
        *slot = value;
    }
}

/// Returns the last timestamp in some lines.
fn last_time(lines: &[u8]) -> Option<DateTime<Utc>> {
    let key = b"\"timestamp\":\"";
    let from = memchr::memmem::rfind(lines, key)? + key.len();
    let text = lines[from..].split(|byte| *byte == b'"').next()?;
    parse_rfc3339(std::str::from_utf8(text).ok()?)
}

fn identity(said: &RecordText<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    said.parts.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::super::sieve::{LONG, SIEVED};
    use super::*;
    use crate::claude::glance::recorded_lines;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use std::fmt::Write as _;

    fn found(query: &Query, file: &[u8]) -> Findings {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.jsonl");
        std::fs::write(&path, file).unwrap();
        let files = SessionFiles {
            id: "t".into(),
            transcript: Some(path),
            subagents: Vec::new(),
            tool_results: Vec::new(),
        };
        let dir = Directory::open(dir.path());
        scan(query, &files, Some(&dir), &|_, _| true, &mut Buffer::default())
    }

    fn query(text: &str) -> Query {
        let pattern = Pattern::new(text, false, false).unwrap();
        Query { pattern, roles: Vec::new(), since: None, kept: usize::MAX }
    }

    fn lines_of(findings: &Findings) -> Vec<(u64, SearchRole, usize)> {
        findings.hits.iter().map(|hit| (hit.line, hit.role, hit.turn)).collect()
    }

    #[test]
    fn prompts_are_counted_whatever_records_are_between_them() {
        let file = concat!(
            r#"{"type":"ai-title","aiTitle":"needle title"}"#,
            "\n",
            r#"{"type":"user","message":{"content":"one"},"timestamp":"2026-01-01T00:00:00Z","cwd":"/w"}"#,
            "\n",
            r#"{"type":"user","message":{"content":[{"tool_use_id":"t","type":"tool_result","content":"a needle"}]}}"#,
            "\n",
            r#"{"type":"user","isMeta":true,"message":{"content":"a needle"}}"#,
            "\n",
            r#"{"type":"user","isSidechain":true,"message":{"content":"a needle"}}"#,
            "\n",
            r#"{"type":"user","message":{"content":"[Request interrupted by user]"}}"#,
            "\n",
            r#"{"type":"user","message":{"content":[{"type":"tool_result","content":"x"}]}}{"type":"user","message":{"content":"needle \"tool_result\""}}"#,
            "\n",
            r#"{"type":"user","message":{"content":"half \ud83d needle"},"timestamp":"2026-01-02T00:00:00Z"}"#,
            "\n",
            r#"{"type":"ai-title","aiTitle":"needle title"}"#,
            "\n",
            r#"{"type":"assistant","message":{"content":[{"type":"text","text":"needle"#,
        );
        let findings = found(&query("needle"), file.as_bytes());
        let expected = [
            (1, SearchRole::System, 0),
            (3, SearchRole::Tool, 1),
            (4, SearchRole::System, 1),
            (5, SearchRole::Assistant, 1),
            (7, SearchRole::User, 2),
            (8, SearchRole::User, 3),
        ];
        assert_eq!(lines_of(&findings), expected);
        assert_eq!(findings.title.as_deref(), Some("needle title"));
        assert_eq!(findings.cwd.as_deref(), Some("/w"));
        let summary = |leaf: &str| {
            let title = format!(r#"{{"type":"summary","summary":"a needle","leafUuid":"{leaf}"}}"#);
            let other = r#"{"type":"summary","summary":"another needle","leafUuid":"f1"}"#;
            format!("{title}\n{other}\n{}\n", r#"{"type":"user","message":{"content":"x"},"uuid":"u1"}"#)
        };
        let title = |leaf: &str| found(&query("needle"), summary(leaf).as_bytes()).title;
        assert_eq!(title("u1").as_deref(), Some("a needle"));
        assert_eq!(title("u2"), None, "the title of another session");
        let message = r#"{"type":"user","message":{"content":"a needle"},"uuid":"u1","cwd":"/w"}"#;
        let behind = format!("{message}\n{}\n", r#"{"type":"summary","summary":"behind","leafUuid":"u1"}"#);
        assert_eq!(found(&query("needle"), behind.as_bytes()).title.as_deref(), Some("behind"));
        assert_eq!(findings.latest, parse_rfc3339("2026-01-02T00:00:00Z"));
        assert!(findings.hits[3].subagent);
    }

    #[test]
    fn an_unsent_queued_prompt_is_found_and_a_sent_one_only_once() {
        let file = concat!(
            r#"{"type":"queue-operation","operation":"enqueue","content":"needle sent"}"#,
            "\n",
            r#"{"type":"user","message":{"content":"needle sent"}}"#,
            "\n",
            r#"{"type":"queue-operation","operation":"enqueue","content":"needle lost"}"#,
            "\n",
        );
        let findings = found(&query("needle"), file.as_bytes());
        assert_eq!(lines_of(&findings), [(2, SearchRole::User, 1), (3, SearchRole::User, 1)]);
        assert_eq!(findings.total, 2);
    }

    #[test]
    fn an_overlong_line_is_reported_and_the_rest_is_searched() {
        let long = "x".repeat(LONGEST_LINE);
        let file = format!(
            "{{\"type\":\"system\",\"content\":\"needle {long}\"}}\n{{\"type\":\"system\",\"content\":\"needle\"}}\n"
        );
        let findings = found(&query("needle"), file.as_bytes());
        assert_eq!(lines_of(&findings), [(2, SearchRole::System, 0)]);
        assert_eq!(findings.problems[0].message, "line 1 is longer than 8 MB and was not searched");
    }

    #[test]
    fn a_match_across_two_blocks_is_found() {
        let needle = format!("needle \"{}\" end of it", "n".repeat(100));
        // The line ends around the end of the first block, and later starts there.
        for from in (SIEVED - 260..SIEVED - 140).chain((SIEVED - 140..SIEVED).step_by(3)) {
            let filler = "x".repeat(from);
            let file = format!(
                "{}
{}
",
                json!({"type": "system", "content": filler}),
                json!({"type": "system", "content": needle})
            );
            assert_eq!(found(&query(&needle), file.as_bytes()).total, 1, "{from}");
        }
    }

    #[test]
    fn matches_at_any_position_of_a_long_file_are_found() {
        let record =
            |text: &str| json!({"type": "user", "message": {"content": text}, "cwd": "/w"}).to_string();
        let filler = "x".repeat(1000);
        let lines = 2 * usize::try_from(LONG).unwrap() / 1000;
        let expected = |hits: &[usize]| -> Vec<_> {
            hits.iter().map(|line| (*line as u64 + 1, SearchRole::User, line + 1)).collect()
        };
        for hits in
            [vec![lines - 1], vec![0, lines - 1], vec![3, lines / 2, lines - 2], vec![lines / 2], vec![0]]
        {
            let text = |line: usize| if hits.contains(&line) { "a né edle" } else { filler.as_str() };
            let plain: String = (0..lines).map(|line| record(text(line)) + "\n").collect();
            // A writer that escapes letters, except those of the last line.
            let (before, last) = plain.split_at(plain.len() - record(text(lines - 1)).len() - 1);
            let escaped = before.replace("xxxx", "\\u0078xxx").replace("a n", "\\u0061 \\u006e") + last;
            for file in [plain, escaped] {
                let findings = found(&query("né edle"), file.as_bytes());
                assert_eq!(lines_of(&findings), expected(&hits));
                assert_eq!(findings.cwd.as_deref(), Some("/w"));
            }
        }
    }

    #[test]
    fn a_line_with_a_session_name_is_never_excluded() {
        let made = [
            r#"{"sessionId":"s","type":"custom-title","customTitle":"a"}"#,
            r#"{"type":"assistant","message":{"content":[]}}{"type":"agent-name","agentName":"a"}"#,
            r#"{"type":"user","message":{"content":"a"}}{"type":"summary","summary":"a"}"#,
        ];
        let mut held = 0;
        for line in recorded_lines().into_iter().chain(made.map(|line| line.as_bytes().to_vec())) {
            let mut named = false;
            records(&line, |one| {
                named |= one.name.is_some() || one.title.is_some() || one.custom_title.is_some();
            });
            if named && line.len() <= LONGEST_META {
                held += 1;
                assert!(MARKS.may_hold_name(kind_of(&line), &line), "{}", String::from_utf8_lossy(&line));
            }
        }
        assert!(held > 20, "{held}");
    }

    /// Returns every string in a value.
    fn strings(value: &Value) -> Vec<String> {
        match value {
            Value::String(text) => vec![text.clone()],
            Value::Array(items) => items.iter().flat_map(strings).collect(),
            Value::Object(fields) => fields.values().flat_map(strings).collect(),
            _ => Vec::new(),
        }
    }

    /// Returns every string of a value that the search reads, without any optimization.
    fn naive(line: &str) -> Vec<Vec<String>> {
        let Ok(value) = serde_json::from_str::<Value>(line) else { return Vec::new() };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let texts = |content: &Value| match content {
            Value::String(text) => vec![text.clone()],
            Value::Array(blocks) => blocks.iter().filter_map(|block| text(&block["text"])).collect(),
            _ => Vec::new(),
        };
        match value["type"].as_str() {
            Some("system") => vec![texts(&value["content"])],
            Some("user" | "assistant") => match &value["message"]["content"] {
                Value::String(text) => vec![vec![text.clone()]],
                Value::Array(blocks) => blocks
                    .iter()
                    .map(|block| match block["type"].as_str() {
                        Some("text") => vec![text(&block["text"]).unwrap()],
                        Some("thinking") => vec![text(&block["thinking"]).unwrap()],
                        Some("tool_use") => strings(&block["input"]),
                        Some("tool_result") => texts(&block["content"]),
                        _ => Vec::new(),
                    })
                    .collect(),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    /// Rewrites JSON in another valid form of the same value: any character may be an escape.
    fn escaped(json: &str, ways: &[u8]) -> String {
        let mut out = String::new();
        let mut within = false;
        let mut chars = json.chars();
        let mut index = 0;
        while let Some(char) = chars.next() {
            index += 1;
            match char {
                '"' => {
                    within = !within;
                    out.push(char);
                }
                '\\' => {
                    out.push(char);
                    out.extend(chars.next());
                }
                _ if !within => out.push(char),
                '/' if ways[index % ways.len()] == 1 => out.push_str("\\/"),
                _ if ways[index % ways.len()] == 2 || ways[index % ways.len()] == 3 && !char.is_ascii() => {
                    for unit in char.encode_utf16(&mut [0; 2]) {
                        let _ = write!(out, "\\u{unit:04X}");
                    }
                }
                _ => out.push(char),
            }
        }
        out
    }

    fn record() -> impl Strategy<Value = Value> {
        let text = || "[ab \"\\\\/\n\té日😀]{0,8}";
        prop_oneof![
            text().prop_map(|text| json!({"type": "user", "message": {"role": "user", "content": text}, "uuid": "ab"})),
            text().prop_map(|text| json!({"message": {"content": [{"type": "text", "text": text}]}, "type": "assistant"})),
            text().prop_map(|text| json!({"message": {"content": [{"signature": "ab", "type": "thinking", "thinking": text}]}, "type": "assistant"})),
            (text(), text()).prop_map(|(one, two)| json!({"type": "assistant", "message": {"content": [{"type": "tool_use", "name": "ab", "input": {"ab": one, "b": [two, 1, null, true, {"a": {}}]}}]}})),
            (text(), text()).prop_map(|(one, two)| json!({"type": "user", "message": {"content": [{"type": "tool_result", "content": one}, {"type": "tool_result", "content": [{"type": "text", "text": two}, {"type": "image", "source": {"data": "abab"}}]}]}, "toolUseResult": {"stdout": "ab"}})),
            text().prop_map(|text| json!({"type": "system", "subtype": "informational", "content": text})),
            text().prop_map(|text| json!({"type": "attachment", "attachment": {"type": "prompt_snapshot", "systemPrompt": [text]}})),
            text().prop_map(|text| json!({"type": "api-request-blob", "message": {"role": "user", "content": text}})),
            Just(json!({"type": "user", "message": "ab", "content": 7})),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn the_search_finds_what_full_decoding_finds(
            values in proptest::collection::vec(record(), 0..8), ways in proptest::collection::vec(0_u8..4, 1..6),
            needle in "[ab \"\\\\/\n\té日😀]{1,3}", ignore_case in any::<bool>(), cut in 0_usize..12,
        ) {
            let whole: String = values.iter().map(|value| escaped(&value.to_string(), &ways) + "\n").collect();
            let file = &whole.as_bytes()[..whole.len().saturating_sub(cut)];
            let needle = if ignore_case { needle.to_uppercase() } else { needle };
            let matches = |text: &String| if ignore_case { text.to_uppercase().contains(&needle) } else { text.contains(&needle) };
            let mut expected = Vec::new();
            for (index, line) in file.split(|byte| *byte == b'\n').enumerate() {
                let Ok(line) = std::str::from_utf8(line) else { continue };
                for said in naive(line) {
                    if said.iter().any(matches) {
                        expected.push(index as u64 + 1);
                    }
                }
            }
            let pattern = Pattern::new(&needle, false, ignore_case).unwrap();
            let query = Query { pattern, roles: Vec::new(), since: None, kept: usize::MAX };
            let findings = found(&query, file);
            prop_assert_eq!(findings.hits.iter().map(|hit| hit.line).collect::<Vec<_>>(), expected);
            prop_assert!(findings.problems.is_empty());
        }

        #[test]
        fn the_search_survives_arbitrary_bytes(file in proptest::collection::vec(any::<u8>(), 0..2000), text in "[a-z\"]{1,2}|.") {
            found(&query(&text), &file);
        }
    }
}
