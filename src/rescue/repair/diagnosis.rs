//! Diagnoses a transcript: finds the damage, what the client does with it, and how to repair it.
//!
//! The transcript is read once from beginning to end, one line at a time. Only a few words per record are
//! kept in memory. Damage that the client handles itself is reported and not repaired. Only damage that loses
//! turns, is rejected, or makes the client fail is repaired, with the smallest possible change. Measured with
//! clients 2.1.200 and 2.1.329.

use super::content::{Fault, KEPT_RESULT, examine};
use super::links::{
    Branch, Broken, ConversationRecords, Link, LinkRepairPlan, LinkedRecordKind, LostRecordKind,
    PreservedRange, RecordIdSource, RepairScope, plan,
};
use super::outline::outline_of;
use super::pieces::{LinePiece, Pieces, fields, string};
use crate::clock::parse_rfc3339;
use crate::text::{on_one_line, sanitized};
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use xxhash_rust::xxh3::xxh3_64;

/// Longest line that is parsed whole, in bytes. Longer lines are streamed, and only the fields that link a
/// record and pair calls with results are read.
pub const LONGEST_LINE: usize = 32 * 1024 * 1024;
/// Maximum number of findings listed. The others are repaired, too.
pub const MOST_FINDINGS: usize = 1000;
/// Number of bytes of messages that fit into one request. The limit is 32 MB, and the client adds
/// instructions and tools.
pub const LARGEST_REQUEST: u64 = 30 * 1024 * 1024;
/// Maximum length of [`FoundBranch::last_words`], in characters.
const LAST_WORDS: usize = 120;
const BLOCK: usize = 256 * 1024;

/// Kind of damage to a transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum DamageClass {
    /// The last line has no line break and is not a record.
    TornEnd,
    /// The last line has no line break but is a record.
    UnendedLine,
    /// A line that is not a record.
    TornLine,
    /// A line that is too long to be parsed whole.
    OverlongLine,
    /// NUL bytes in or beside a record.
    NulBytes,
    /// Several records on one line.
    GluedRecords,
    /// A record that follows a torn record on the same line.
    BuriedRecord,
    /// Bytes that are not valid UTF-8.
    InvalidUtf8,
    /// A tool call without a result.
    OrphanCall,
    /// A tool call without a result at the end of the conversation.
    OpenCall,
    /// A result without its tool call.
    OrphanResult,
    UnsignedThinking,
    /// A record whose parent is missing.
    BrokenLink,
    /// A record without an id.
    UnnamedRecord,
    /// The beginning of the conversation is missing.
    LostStart,
    /// Two branches that start from one record.
    Fork,
    /// A transcript without a conversation.
    Stub,
    OversizeResult,
    OversizeImage,
    /// Arguments of a tool call that are not an object.
    MalformedInput,
    /// The last message has no timestamp.
    MissingTime,
    /// Images whose total size is too large.
    OversizeImages,
    /// Several calls with the same id.
    ReusedToolId,
    /// A copy of a record that lost its parent.
    ReplayedRecord,
    /// The record after a second compaction follows a record from before the first one.
    LostCompaction,
    /// The client starts reading from a wrong end of the conversation.
    WrongEnd,
    OtherSession,
}

/// Damage that was found in a transcript.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Finding {
    /// Kind of the damage.
    pub class: DamageClass,
    /// Line number, starting at 1.
    pub line: u64,
    /// Offset of the line in bytes.
    pub offset: u64,
    /// Description of the damage, in one sentence.
    pub what: String,
    /// What the client does with the damage.
    pub client: &'static str,
    /// How the repair fixes the damage; `null` if it does not.
    #[serde(rename = "mend")]
    pub fix: Option<String>,
    /// What cannot be recovered, or is no longer sent; `null` if nothing is lost.
    pub lost: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordRepair {
    /// Id of the new parent.
    pub parent: Option<String>,
    pub id: Option<String>,
    pub time: Option<String>,
    /// Whether to remove or cut content that the API rejects.
    pub faults: bool,
    /// Whether to convert its results to text.
    pub as_text: bool,
    /// Whether to replace its images with a sentence.
    pub without_images: bool,
    /// Old and new ids of calls.
    pub renames: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InsertedRecord {
    pub id: String,
    pub parent: Option<String>,
    /// The lost part that the record replaces.
    pub lost: LostRecord,
}

/// The lost part that an inserted record replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LostRecord {
    Start,
    /// Calls with these ids, in the message with this id.
    Calls(Vec<String>, Option<String>),
    /// Result of a call: the id of the call and the id of the record with the call.
    Result(String, String),
}

/// Changes to one line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edit {
    /// Records to insert before the record with this index on the line.
    pub before: Vec<(u16, InsertedRecord)>,
    /// Changes to the records on the line, by their index.
    pub changes: BTreeMap<u16, RecordRepair>,
}

/// Result of reading a transcript.
#[derive(Debug, Default)]
pub struct Diagnosis {
    pub bytes: u64,
    /// Number of lines, including one without a line break.
    pub lines: u64,
    /// Readable records, whether part of the conversation or about it.
    pub records: u64,
    /// Order-independent sum over the ids of the conversation's records.
    pub ids: u64,
    /// Findings in file order.
    pub findings: Vec<Finding>,
    /// Number of findings beyond the limit of the list.
    pub more: u64,
    /// Number of findings that can be repaired.
    pub repairable: u64,
    /// Changes, by the offset of the line.
    pub edits: BTreeMap<u64, Edit>,
    /// Number of inserted records.
    pub put_in: u64,
    /// Record to append, so that the client starts reading at the right end.
    pub end: Option<EndRecord>,
    /// Branches, if there is more than one.
    pub branches: Vec<FoundBranch>,
    /// Other sessions with records in the file.
    pub others: Vec<OtherSession>,
    pub no_such_branch: bool,
    /// Whether the edits would remove something that the client sends now.
    pub harms: bool,
    /// Whether the edits make the client send the requested branch.
    pub switches: bool,
    /// Records of other sessions, by hash of their id.
    pub foreign: HashSet<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndRecord {
    /// Id of the record from which the client starts reading back.
    pub leaf: String,
    /// Session id in the record of the leaf.
    pub session: Option<String>,
}

/// A branch of a conversation, from the record at which it diverges from another branch to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "ConversationBranch"))]
pub struct FoundBranch {
    /// Id of the branch's last record, which `--branch` accepts.
    pub id: String,
    /// Line of the record from which this branch and another one diverge.
    pub fork_line: u64,
    /// Line of the branch's first record.
    pub first_line: u64,
    /// Number of prompts in the branch.
    pub turns: u64,
    /// Total size of the branch's lines, in bytes.
    pub bytes: u64,
    /// End of the last text in the branch; `null` if there is no text.
    pub last_words: Option<String>,
    /// Whether the client sends this branch.
    pub sent: bool,
}

/// A session that has records in the transcript of another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct OtherSession {
    /// Id of the session.
    pub session: String,
    /// Number of the session's records in the file.
    pub records: u64,
    /// Number of prompts in these records.
    pub turns: u64,
    /// Line of the first of these records.
    pub first_line: u64,
    /// Line of the last of these records.
    pub last_line: u64,
    /// Path of the session's own transcript; `null` if none was found.
    pub transcript: Option<String>,
    /// Offset of the line that contains the session's first record, in bytes.
    #[serde(skip)]
    pub offset: u64,
}

#[derive(Debug, Clone, Copy)]
pub struct DiagnosisOptions<'a> {
    /// Whether the transcript belongs to a subagent.
    pub subagent: bool,
    /// Id of the session; `None` to take it from the records.
    pub session: Option<&'a str>,
    /// Timestamp to use if no record has one.
    pub fallback: &'a str,
    /// Id of a record whose branch the client is to send.
    pub branch: Option<&'a str>,
    /// Which kinds of repair are allowed.
    pub scope: RepairScope,
}

/// Reads a transcript and reports its damage.
///
/// # Errors
///
/// Returns the error of the underlying reader.
pub fn diagnose(source: impl Read + Seek, reading: &DiagnosisOptions<'_>) -> std::io::Result<Diagnosis> {
    let mut lines = TranscriptLines::of(source);
    let mut survey = Survey::read(&mut lines, reading, HashSet::new())?;
    let foreign = survey.foreign();
    if !foreign.is_empty() {
        lines.rewind()?;
        survey = Survey::read(&mut lines, reading, foreign)?;
    }
    survey.finish(&mut lines, reading)
}

/// Checks the output of a repair while it is written. Returns the number of repairs still needed and
/// the number of records.
///
/// # Errors
///
/// Returns the error of the underlying reader.
pub fn remaining(
    made: impl Read,
    found: &Diagnosis,
    reading: &DiagnosisOptions<'_>,
) -> std::io::Result<(u64, u64)> {
    let reading = DiagnosisOptions { branch: None, ..*reading };
    let survey = Survey::read(&mut TranscriptLines::of(made), &reading, found.foreign.clone())?;
    Ok(survey.left(reading.scope))
}

pub struct FileLine<'a> {
    pub number: u64,
    pub offset: u64,
    /// Bytes without the line break; `None` if the line is too long.
    pub bytes: Option<&'a [u8]>,
    /// Linking fields of the record on a line that is too long.
    pub outline: Option<String>,
    /// Length including the line break.
    pub length: u64,
    /// Whether the line has a line break.
    pub ended: bool,
}

/// Reads the lines of a file in order.
pub struct TranscriptLines<R> {
    source: BufReader<R>,
    buffer: Vec<u8>,
    offset: u64,
    number: u64,
}

impl<R: Read> TranscriptLines<R> {
    /// Starts at the current position of the file.
    pub fn of(source: R) -> Self {
        Self { source: BufReader::with_capacity(BLOCK, source), buffer: Vec::new(), offset: 0, number: 0 }
    }

    /// Reads the next line; `None` at the end.
    ///
    /// # Errors
    ///
    /// Returns the error of the underlying reader.
    pub fn advance(&mut self) -> std::io::Result<Option<FileLine<'_>>> {
        // Releases the memory of a very long line.
        if self.buffer.capacity() > 4 * 1024 * 1024 {
            self.buffer = Vec::new();
        }
        self.buffer.clear();
        let limit = LONGEST_LINE as u64 + 1;
        let mut length = (&mut self.source).take(limit).read_until(b'\n', &mut self.buffer)? as u64;
        if length == 0 {
            return Ok(None);
        }
        let mut ended = self.buffer.last() == Some(&b'\n');
        let whole = ended || length < limit;
        let mut outline = None;
        if !whole {
            let mut line = RestOfLine { head: &self.buffer, source: &mut self.source, length, ended: false };
            outline = outline_of(&mut line)?;
            std::io::copy(&mut line, &mut std::io::sink())?;
            (length, ended) = (line.length, line.ended);
        }
        let offset = self.offset;
        self.offset += length;
        self.number += 1;
        let bytes = self.buffer.strip_suffix(b"\n").unwrap_or(&self.buffer);
        let bytes = whole.then_some(bytes);
        Ok(Some(FileLine { number: self.number, offset, bytes, outline, length, ended }))
    }
}

impl<R: Read + Seek> TranscriptLines<R> {
    fn rewind(&mut self) -> std::io::Result<()> {
        (self.offset, self.number) = (0, 0);
        self.source.seek(SeekFrom::Start(0)).map(|_| ())
    }

    /// Reads the line at an offset after the first pass. Returns the outline of a line that is too long.
    fn at(&mut self, offset: u64) -> std::io::Result<Vec<u8>> {
        self.source.seek(SeekFrom::Start(offset))?;
        let mut line = Vec::new();
        let limit = LONGEST_LINE as u64 + 1;
        let length = (&mut self.source).take(limit).read_until(b'\n', &mut line)? as u64;
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if length == limit {
            let mut rest = RestOfLine { head: &line, source: &mut self.source, length, ended: false };
            return Ok(outline_of(&mut rest)?.unwrap_or_default().into_bytes());
        }
        Ok(line)
    }
}

/// Rest of a line whose beginning has been read, without the line break.
struct RestOfLine<'a, R> {
    head: &'a [u8],
    source: &'a mut BufReader<R>,
    /// Number of bytes of the line read so far.
    length: u64,
    ended: bool,
}

impl<R: Read> Read for RestOfLine<'_, R> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        if !self.head.is_empty() {
            return self.head.read(to);
        }
        if self.ended {
            return Ok(0);
        }
        let block = self.source.fill_buf()?;
        let end = memchr::memchr(b'\n', block);
        let count = end.unwrap_or(block.len()).min(to.len());
        to[..count].copy_from_slice(&block[..count]);
        self.ended = end == Some(count);
        let taken = count + usize::from(self.ended);
        self.source.consume(taken);
        self.length += taken as u64;
        if count == 0 && !self.ended {
            Ok(0)
        } else if count == 0 {
            self.read(to)
        } else {
            Ok(count)
        }
    }
}

fn hash(text: &str) -> u64 {
    // 0 means no id.
    xxh3_64(text.as_bytes()).max(1)
}

fn hash_of(raw: Option<&RawValue>) -> u64 {
    raw.and_then(string).filter(|text| !text.is_empty()).map_or(0, |text| hash(&text))
}

/// A tool id that a later call uses again. Some providers number the calls of every turn from the start.
#[derive(Debug)]
struct Reuse {
    tool: String,
    /// Index of the first call with this id.
    first: usize,
    /// Index of this call.
    call: usize,
    results: Vec<usize>,
}

struct Survey {
    subagent: bool,
    found: Diagnosis,
    talk: ConversationRecords,
    /// Index of the record of a call, by hash of its tool id. If there are several, this is the last one.
    called: HashMap<u64, u32>,
    /// Calls without a result so far.
    unanswered: HashMap<u64, (usize, String)>,
    answered: HashSet<u64>,
    reuses: Vec<Reuse>,
    /// Images: index of the record, their number, and their total size.
    images: Vec<(usize, u64, u64)>,
    entrypoints: Vec<u64>,
    /// Session ids, and the index into them for each record; 0 means none.
    sessions: Vec<String>,
    session_of: Vec<u16>,
    own: Option<String>,
    /// Records of other sessions, by hash of their id.
    foreign: HashSet<u64>,
    others: BTreeMap<String, OtherSession>,
    /// Number of links before each record of another session, by hash of its id.
    foreign_places: HashMap<u64, usize>,
    /// Indices of records by hash of their id; the first one for copies.
    firsts: HashMap<u64, u32>,
    last_boundary: usize,
    /// Whether the current line is damaged.
    damaged_line: bool,
    /// Last message: index of its link, and whether it has a timestamp.
    last: Option<(usize, bool)>,
    last_time: Option<String>,
    spoken: bool,
    branch: u64,
}

impl Survey {
    fn read<R: Read>(
        lines: &mut TranscriptLines<R>,
        reading: &DiagnosisOptions<'_>,
        foreign: HashSet<u64>,
    ) -> std::io::Result<Self> {
        let mut survey = Self {
            subagent: reading.subagent,
            found: Diagnosis::default(),
            talk: ConversationRecords::default(),
            called: HashMap::new(),
            unanswered: HashMap::new(),
            answered: HashSet::new(),
            reuses: Vec::new(),
            images: Vec::new(),
            entrypoints: Vec::new(),
            sessions: vec![String::new()],
            session_of: Vec::new(),
            own: reading.session.map(str::to_owned),
            foreign,
            others: BTreeMap::new(),
            foreign_places: HashMap::new(),
            firsts: HashMap::new(),
            last_boundary: 0,
            damaged_line: false,
            last: None,
            last_time: None,
            spoken: false,
            branch: reading.branch.map_or(0, hash),
        };
        while let Some(line) = lines.advance()? {
            survey.line(&line);
        }
        Ok(survey)
    }

    /// Returns the records of other sessions: older clients continued to write to this file after `/resume`.
    /// A record that names another session and leads to records of this one, or precedes them, is this
    /// session's own history.
    fn foreign(&self) -> HashSet<u64> {
        let links = &self.talk.links;
        let own = self.own.as_deref().and_then(|own| self.sessions.iter().position(|name| name == own));
        let Some(own) = own.and_then(|own| u16::try_from(own).ok()) else { return HashSet::new() };
        let Some(first) = self.session_of.iter().position(|session| *session == own) else {
            return HashSet::new();
        };
        if self.session_of.iter().all(|session| *session == own || *session == 0) {
            return HashSet::new();
        }
        let mut by_id: HashMap<u64, usize> = HashMap::new();
        let mut groups: Vec<usize> = (0..links.len()).collect();
        for (index, link) in links.iter().enumerate() {
            let known = by_id.entry(link.id).or_insert(index);
            if link.id != 0 && *known != index {
                join(&mut groups, *known, index);
            }
        }
        for (index, link) in links.iter().enumerate() {
            if let Some(parent) = by_id.get(&link.parent).filter(|_| link.parent != 0) {
                join(&mut groups, *parent, index);
            }
        }
        let mut ours: HashSet<usize> = HashSet::new();
        for (index, session) in self.session_of.iter().enumerate() {
            if *session == own || *session == 0 || index < first {
                ours.insert(root(&mut groups, index));
            }
        }
        (0..links.len())
            .filter(|index| links[*index].id != 0 && !ours.contains(&root(&mut groups, *index)))
            .map(|index| links[index].id)
            .collect()
    }

    fn add(&mut self, finding: Finding) {
        self.found.repairable += u64::from(finding.fix.is_some());
        // Only the list is limited; the repairs beyond it are still counted and made.
        if self.found.findings.len() < MOST_FINDINGS {
            self.found.findings.push(finding);
        } else {
            self.found.more += 1;
        }
    }

    fn line(&mut self, line: &FileLine<'_>) {
        self.found.lines += 1;
        self.found.bytes += line.length;
        let at = |class, what: String, client, fix: Option<&str>, lost: Option<String>| Finding {
            class,
            line: line.number,
            offset: line.offset,
            what,
            client,
            fix: fix.map(str::to_owned),
            lost,
        };
        self.damaged_line = false;
        if let Some(outline) = &line.outline {
            self.record(line, 0, outline);
            return;
        }
        let Some(bytes) = line.bytes else {
            let what = format!("a line of {} bytes is too long to examine", line.length);
            self.add(at(DamageClass::OverlongLine, what, "reads it if it is a record", None, None));
            return;
        };
        let pieces = Pieces::of(bytes);
        self.damaged_line = !pieces.whole;
        let records = pieces.records().count();
        if !pieces.whole && bytes.iter().any(|byte| !byte.is_ascii_whitespace()) {
            self.damaged(line, &pieces, records, at);
        } else if !line.ended && records > 0 {
            let what = "the last line has no line ending".to_owned();
            self.add(at(
                DamageClass::UnendedLine,
                what,
                "reads it, and ends the line before it writes more",
                None,
                None,
            ));
        }
        if pieces.invalid_text && records > 0 {
            let what = "a record contains bytes that are not UTF-8".to_owned();
            let lost = Some("the characters that they encoded".to_owned());
            self.add(at(
                DamageClass::InvalidUtf8,
                what,
                "reads a replacement character for each",
                None,
                lost,
            ));
        }
        let mut number = 0;
        for piece in &pieces.list {
            match piece {
                LinePiece::Record(text) => {
                    self.record(line, number, text);
                    number = number.saturating_add(1);
                }
                LinePiece::Torn(text) => {
                    if let Some(parent) = parent_of_torn(text) {
                        self.talk.torn.entry(self.talk.links.len()).or_default().push(parent);
                    }
                }
            }
        }
    }

    fn damaged(
        &mut self,
        line: &FileLine<'_>,
        pieces: &Pieces<'_>,
        records: usize,
        at: impl Fn(DamageClass, String, &'static str, Option<&str>, Option<String>) -> Finding,
    ) {
        let torn = pieces.list.len() - records;
        let length = line.bytes.map_or(0, <[u8]>::len);
        if records == 0 {
            let lost = (torn > 0).then(|| "its content".to_owned());
            let what = match (torn, pieces.nul) {
                (0, nul) => format!("a line of {nul} NUL bytes"),
                (_, 0) => format!("{length} bytes that are not a record"),
                (_, nul) => format!("{length} bytes that are not a record, {nul} of them NUL"),
            };
            if line.ended {
                self.add(at(DamageClass::TornLine, what, "skips it", None, lost));
            } else {
                let what = format!("the file ends in {what}");
                self.add(at(
                    DamageClass::TornEnd,
                    what,
                    "skips it, and ends the line before it writes more",
                    None,
                    lost,
                ));
            }
            return;
        }
        let passes = "skips the whole line and loses them";
        let finding = if torn > 0 {
            let what = format!("{records} whole {} after or between torn ones on one line", words(records));
            at(
                DamageClass::BuriedRecord,
                what,
                passes,
                Some("each is put on its own line"),
                Some("the content of the torn ones".into()),
            )
        } else if records > 1 {
            let what = format!("{records} records on one line");
            at(DamageClass::GluedRecords, what, passes, Some("each is put on its own line"), None)
        } else {
            let what = format!("{} NUL bytes in or beside a record", pieces.nul);
            let lost = pieces
                .records()
                .any(|text| text.contains('\u{fffd}'))
                .then(|| "the characters that they encoded".into());
            at(DamageClass::NulBytes, what, passes, Some("they are removed"), lost)
        };
        self.found.edits.entry(line.offset).or_default();
        self.add(finding);
    }

    fn record(&mut self, at: &FileLine<'_>, piece: u16, text: &str) {
        self.found.records += 1;
        let keys = [
            "type",
            "uuid",
            "parentUuid",
            "isSidechain",
            "timestamp",
            "message",
            "entrypoint",
            "subtype",
            "sessionId",
        ];
        let Some([kind, id, parent, sidechain, time, message, entrypoint, subtype, session]) =
            fields(text, keys)
        else {
            return;
        };
        let kind = kind.and_then(string).unwrap_or_default();
        if kind == "last-prompt" {
            let leaf = fields(text, ["leafUuid"]).and_then(|[leaf]| leaf);
            self.talk.checkpoint(hash_of(leaf), self.damaged_line);
        }
        let sidechain = sidechain.is_some_and(|sidechain| sidechain.get() == "true");
        let spoken = kind == "user" || kind == "assistant";
        // Every link has an id; a record without an id or a message is only a note about the session.
        if sidechain != self.subagent || (id.is_none() && !spoken) {
            return;
        }
        let session = session.and_then(string).unwrap_or_default();
        if self.foreign.contains(&hash_of(id)) {
            self.foreign_places.insert(hash_of(id), self.talk.links.len());
            let prompt =
                kind == "user" && message.is_some_and(|message| !message.get().contains("tool_result"));
            let other = self.others.entry(session.clone()).or_insert_with(|| OtherSession {
                session,
                records: 0,
                turns: 0,
                first_line: at.number,
                last_line: at.number,
                transcript: None,
                offset: at.offset,
            });
            other.records += 1;
            other.turns += u64::from(prompt);
            other.last_line = at.number;
            self.talk.ends_elsewhere |= kind != "progress";
            return;
        }
        let boundary = kind == "system" && subtype.and_then(string).as_deref() == Some("compact_boundary");
        let copy_of = self.firsts.get(&hash_of(id)).filter(|_| id.is_some()).map(|first| *first as usize);
        // A copy counts as being at the position of the first one, unless a compaction comes between, which
        // makes the client forget what was before it. A progress record is never the end.
        if copy_of.is_none_or(|first| first < self.last_boundary) && kind != "progress" {
            self.talk.ends_elsewhere = false;
        }
        let index = self.talk.links.len();
        self.firsts.entry(hash_of(id)).or_insert(u32::try_from(index).unwrap_or(u32::MAX));
        if boundary {
            self.last_boundary = index;
        }
        let time = time.and_then(string).filter(|time| parse_rfc3339(time).is_some());
        if time.is_some() {
            self.last_time.clone_from(&time);
        }
        let mut link = Link {
            id: hash_of(id),
            parent: hash_of(parent),
            message: 0,
            offset: at.offset,
            piece,
            kind: match kind.as_str() {
                _ if boundary => LinkedRecordKind::Boundary,
                "progress" => LinkedRecordKind::Progress,
                _ => LinkedRecordKind::Other,
            },
            entrypoint: self.entrypoint(entrypoint),
            meta: false,
            unread: self.damaged_line,
            at: time.as_deref().and_then(parse_rfc3339).map_or(0, |time| time.timestamp_millis()),
            length: at.length,
            weight: if at.outline.is_some() {
                at.length / 2
            } else {
                message.map_or(0, |message| message.get().len() as u64)
            },
        };
        self.found.ids = self.found.ids.wrapping_add(link.id);
        if boundary {
            self.talk.preserved.extend(preserved(text, index));
        }
        if spoken {
            let own = fields(text, ["isMeta", "sourceToolUseID", "isCompactSummary"]).unwrap_or_default();
            link.meta = own.iter().flatten().any(|raw| raw.get() == "true" || raw.get().starts_with('"'));
            self.message(at, piece, &mut link, index, kind == "assistant", message);
            if let Some(first) = copy_of.and_then(|first| self.talk.links.get(first)) {
                (link.kind, link.message) = (first.kind, first.message);
            }
            self.last = Some((index, time.is_some()));
        }
        let session = self.session(session);
        self.session_of.push(session);
        self.talk.links.push(link);
    }

    fn session(&mut self, name: String) -> u16 {
        let place = self.sessions.iter().position(|other| *other == name).unwrap_or_else(|| {
            self.sessions.push(name);
            self.sessions.len() - 1
        });
        u16::try_from(place).unwrap_or(u16::MAX)
    }

    fn message(
        &mut self,
        at: &FileLine<'_>,
        piece: u16,
        link: &mut Link,
        index: usize,
        assistant: bool,
        message: Option<&RawValue>,
    ) {
        link.kind = if assistant { LinkedRecordKind::Assistant } else { LinkedRecordKind::Prompt };
        let Some([id, content]) = message.and_then(|message| fields(message.get(), ["id", "content"])) else {
            return;
        };
        self.spoken = true;
        if assistant {
            link.message = hash_of(id);
        }
        let Some(content) = content else { return };
        let (faults, tools) = examine(content);
        if tools.images.0 > 0 {
            self.images.push((index, tools.images.0, tools.images.1));
        }
        let first = self.firsts.get(&link.id).filter(|_| link.id != 0).map(|first| *first as usize);
        if let Some(first) = first.filter(|first| *first < index) {
            // A copy of a record contains the same calls and results as the first one. A
            // rename applies to both.
            for reuse in &mut self.reuses {
                if reuse.call == first || reuse.results.contains(&first) {
                    reuse.results.push(index);
                }
            }
        } else {
            for tool in tools.calls {
                self.call(tool, index, link);
            }
            for tool in tools.results {
                link.kind = LinkedRecordKind::Result;
                self.result(tool, index, link);
            }
        }
        for fault in &faults {
            self.add(fault_finding(*fault, at));
        }
        if !faults.is_empty() {
            self.found.edits.entry(at.offset).or_default().changes.entry(piece).or_default().faults = true;
        }
    }

    fn call(&mut self, tool: String, index: usize, link: &Link) {
        let name = hash(&tool);
        let again = self.called.get(&name).map(|call| *call as usize);
        let other = again.and_then(|call| self.talk.links.get(call)).copied();
        // A record that is written again, or a copy of it in another branch, is the same call.
        let reused = other
            .is_some_and(|other| other.id != link.id && (other.message != link.message || link.message == 0));
        if reused {
            self.answered.remove(&name);
            let first = self.reuses.iter().find(|reuse| reuse.tool == tool).map(|reuse| reuse.first);
            let first = first.or(again).unwrap_or(index);
            self.reuses.push(Reuse { tool: tool.clone(), first, call: index, results: Vec::new() });
        }
        if reused || again.is_none() {
            self.called.insert(name, u32::try_from(index).unwrap_or(u32::MAX));
        }
        if !self.answered.contains(&name) {
            if reused {
                // The earlier call remains without a result, which the client reports itself.
                self.unanswered.insert(name, (index, tool));
            } else {
                self.unanswered.entry(name).or_insert((index, tool));
            }
        }
    }

    fn result(&mut self, tool: String, index: usize, link: &mut Link) {
        let name = hash(&tool);
        let Some(call) = self.called.get(&name).map(|call| *call as usize) else {
            self.talk.unpaired.results.push((index, tool));
            self.answered.insert(name);
            self.unanswered.remove(&name);
            return;
        };
        let links = &self.talk.links;
        let mut of = call;
        if !self.reuses.is_empty() {
            let follows =
                |call: usize| links.get(call).is_some_and(|call| call.id == link.parent && call.id != 0);
            let mut reuses = self.reuses.iter_mut().rev().filter(|reuse| reuse.tool == tool);
            if let Some(newest) = reuses.next() {
                let first = newest.first;
                if follows(newest.call) || !follows(first) {
                    let exact =
                        if follows(newest.call) { None } else { reuses.find(|reuse| follows(reuse.call)) };
                    let reuse = exact.unwrap_or(newest);
                    of = reuse.call;
                    reuse.results.push(index);
                } else {
                    of = first;
                }
            }
        }
        // A call in the same record is not in `links` yet, and then counts as part of no message.
        link.message = links.get(of).map_or(0, |call| call.message);
        self.answered.insert(name);
        self.unanswered.remove(&name);
    }

    fn entrypoint(&mut self, raw: Option<&RawValue>) -> u8 {
        let name = hash_of(raw);
        let place = self.entrypoints.iter().position(|other| *other == name).unwrap_or_else(|| {
            self.entrypoints.push(name);
            self.entrypoints.len() - 1
        });
        u8::try_from(place).unwrap_or(u8::MAX)
    }

    /// Determines the repairs of the conversation as a whole.
    fn outlook(&mut self, scope: RepairScope) -> ConversationRepair {
        let called = &self.called;
        self.talk.unpaired.results.retain(|(_, tool)| !called.contains_key(&hash(tool)));
        let mut calls: Vec<(usize, String)> = self.unanswered.drain().map(|(_, call)| call).collect();
        calls.sort();
        self.talk.unpaired.calls = calls;
        // The client does not search before a compaction for the record that the last checkpoint names.
        if self
            .foreign_places
            .get(&self.talk.leaf)
            .is_some_and(|place| *place > self.last_boundary || self.last_boundary == 0)
        {
            self.talk.ends_elsewhere = true;
        }
        let mut outline = plan(&self.talk, scope, false);
        let mut renames = self.renames(&outline);
        if !renames.is_empty() && outline.forgets_beside {
            // A call whose own result is forgotten is sent with the result of a later call with the same id,
            // until the call gets a unique id.
            let keeping = plan(&self.talk, scope, true);
            if !keeping.harms {
                renames = self.renames(&keeping);
                outline = keeping;
            }
        }
        let plan = outline;
        let images = self.too_many_images(&plan);
        ConversationRepair { plan, renames, images }
    }

    /// Returns the calls that need a new id, because the client sends them together with another call that
    /// has the same id.
    fn renames(&self, plan: &LinkRepairPlan) -> Vec<(usize, String)> {
        let mut renames = Vec::new();
        let mut numbers: HashMap<&str, u32> = HashMap::new();
        let mut sent: HashMap<&str, bool> = HashMap::new();
        for (place, reuse) in self.reuses.iter().enumerate() {
            let is_sent = |index: usize| plan.sent.binary_search(&index).is_ok();
            let before = sent.entry(&reuse.tool).or_insert_with(|| is_sent(reuse.first));
            if !is_sent(reuse.call) {
                continue;
            }
            if std::mem::replace(before, true) {
                let number = numbers.entry(&reuse.tool).or_insert(1);
                let name = loop {
                    *number += 1;
                    // With an underscore, the client (2.1.332) loses the results of some such ids.
                    let name = format!("{}-{number}", reuse.tool);
                    if !self.called.contains_key(&hash(&name)) {
                        break name;
                    }
                };
                renames.push((place, name));
            }
        }
        renames
    }

    /// Selects the oldest images to remove so that the rest fits into a request.
    fn too_many_images(&self, plan: &LinkRepairPlan) -> Option<TooManyImages> {
        let links = &self.talk.links;
        let total: u64 = plan.sent.iter().map(|index| links[*index].weight).sum();
        let sent: Vec<_> =
            self.images.iter().filter(|(index, ..)| plan.sent.binary_search(index).is_ok()).collect();
        let all: u64 = sent.iter().map(|(_, _, size)| size).sum();
        let mut over = total.checked_sub(LARGEST_REQUEST).filter(|over| *over > 0 && all > 0)?;
        let mut gone = TooManyImages {
            records: Vec::new(),
            count: 0,
            size: all,
            all: sent.iter().map(|(_, count, _)| count).sum(),
        };
        for (index, count, size) in sent {
            gone.records.push(*index);
            gone.count += count;
            if *size >= over {
                break;
            }
            over -= size;
        }
        Some(gone)
    }

    /// Returns the number of repairs needed and the number of records.
    fn left(mut self, scope: RepairScope) -> (u64, u64) {
        if !self.spoken {
            return (0, self.found.records);
        }
        let outlook = self.outlook(scope);
        let plan = &outlook.plan;
        let mut left =
            self.found.repairable + outlook.renames.len() as u64 + u64::from(outlook.images.is_some());
        if scope >= RepairScope::Links {
            left += plan.inserts.len() as u64 + u64::from(plan.leaf.is_some());
            left +=
                plan.relinks.iter().filter(|relink| relink_finding(relink.why, 0).is_some()).count() as u64;
        }
        if scope >= RepairScope::Joins {
            left += plan.forks.iter().filter(|fork| fork.joined).count() as u64;
        }
        left += u64::from(matches!(self.last, Some((_, false))));
        (left, self.found.records)
    }

    #[expect(
        clippy::too_many_lines,
        reason = "one step for each kind of finding about the whole conversation"
    )]
    #[expect(clippy::similar_names, reason = "lines are read, links are what they hold")]
    fn finish<R: Read + Seek>(
        mut self,
        lines: &mut TranscriptLines<R>,
        reading: &DiagnosisOptions<'_>,
    ) -> std::io::Result<Diagnosis> {
        if !self.spoken {
            let client = "says that there is no conversation with this id";
            let what = "it contains no message of a conversation".to_owned();
            let lost = Some("the conversation, unless a copy exists".to_owned());
            self.add(Finding { class: DamageClass::Stub, line: 1, offset: 0, what, client, fix: None, lost });
            return Ok(self.found);
        }
        let scope = reading.scope;
        let outlook = self.outlook(scope);
        let plan = &outlook.plan;
        self.found.harms = plan.harms;
        self.found.foreign = std::mem::take(&mut self.foreign);
        let links = &self.talk.links;
        let mut place = LinkEditPlanner { links, plan, lines, names: BTreeMap::new() };
        let mut findings = place.findings(&mut self.found)?;
        for (reuse, name) in &outlook.renames {
            let reuse = &self.reuses[*reuse];
            for index in std::iter::once(&reuse.call).chain(&reuse.results) {
                let change = self.found.edits.entry(links[*index].offset).or_default();
                let change = change.changes.entry(links[*index].piece).or_default();
                change.renames.push((reuse.tool.clone(), name.clone()));
            }
            findings.push(Finding {
                class: DamageClass::ReusedToolId,
                line: 0,
                offset: links[reuse.call].offset,
                what: format!("a tool call has the id {} of an earlier one: the id is used twice", reuse.tool),
                client: "sends only the first call with an id, and leaves the later ones and their results out",
                fix: Some(format!("the call and its result get the id {name}")),
                lost: None,
            });
        }
        if let Some(images) = &outlook.images {
            for index in &images.records {
                let change = self.found.edits.entry(links[*index].offset).or_default();
                change.changes.entry(links[*index].piece).or_default().without_images = true;
            }
            findings.push(Finding {
                class: DamageClass::OversizeImages,
                line: 0,
                offset: links[images.records[0]].offset,
                what: format!("{} images of {} bytes together are too large", images.all, images.size),
                client: "sends them all in one request, is refused, and then compacts the conversation and loses its turns",
                fix: Some(format!("the oldest {} are replaced with a sentence", images.count)),
                lost: Some(format!("{} images", images.count)),
            });
        }
        if let Some((index, false)) = self.last {
            let link = &links[index];
            let time = self.last_time.take().unwrap_or_else(|| reading.fallback.to_owned());
            let edit = self.found.edits.entry(link.offset).or_default();
            edit.changes.entry(link.piece).or_default().time = Some(time);
            findings.push(Finding {
                class: DamageClass::MissingTime,
                line: 0,
                offset: link.offset,
                what: "the last message has no time".into(),
                client: "says that there is no conversation with this id",
                fix: Some("it gets the time of the record before it".into()),
                lost: None,
            });
        }
        let mut leaf = plan.leaf.filter(|_| scope >= RepairScope::Links);
        if let Some(leaf) = leaf {
            findings.push(Finding {
                class: DamageClass::WrongEnd,
                line: 0,
                offset: links[leaf].offset,
                what: "a copy, a late note or a record of another session is at the end of the file".into(),
                client: "reads the conversation back from there, and does not send the latest turns",
                fix: Some("a record that names the right end is appended".into()),
                lost: None,
            });
        }
        if self.branch != 0 {
            leaf = self.branch_leaf(plan);
            self.found.no_such_branch = leaf.is_none();
            if leaf.is_some_and(|leaf| plan.sent.binary_search(&leaf).is_ok()) {
                leaf = None;
            }
        }
        if let Some(leaf) = leaf {
            let session = place.key(leaf, "sessionId")?;
            self.found.end =
                Some(EndRecord { leaf: place.name(&RecordIdSource::Of(leaf), (false, leaf))?, session });
            self.found.put_in += 1;
        }
        let mut branches = Vec::new();
        for branch in &plan.branches {
            branches.push(place.branch(branch)?);
        }
        let forks = plan.branches.iter().flat_map(|branch| [branch.fork, branch.first]);
        let offsets =
            forks.map(|index| links[index].offset).chain(findings.iter().map(|finding| finding.offset));
        let numbers = line_numbers(&offsets.collect(), lines)?;
        for finding in &mut findings {
            finding.line = numbers[&finding.offset];
        }
        for (branch, found) in plan.branches.iter().zip(&mut branches) {
            found.fork_line = numbers[&links[branch.fork].offset];
            found.first_line = numbers[&links[branch.first].offset];
        }
        self.found.branches = branches;
        for other in std::mem::take(&mut self.others).into_values() {
            self.add(Finding {
                class: DamageClass::OtherSession,
                line: other.first_line,
                offset: other.offset,
                what: format!(
                    "{} {} of another session, {}, in lines {} to {}: {} of its turns",
                    other.records,
                    words(usize::try_from(other.records).unwrap_or(usize::MAX)),
                    other.session,
                    other.first_line,
                    other.last_line,
                    other.turns,
                ),
                client: "may take them for the end of this conversation",
                fix: None,
                lost: None,
            });
            self.found.others.push(other);
        }
        for finding in findings {
            self.add(finding);
        }
        self.found.findings.sort_by_key(|finding| (finding.offset, finding.class));
        Ok(self.found)
    }

    /// Returns the end of the requested branch.
    fn branch_leaf(&self, plan: &LinkRepairPlan) -> Option<usize> {
        let links = &self.talk.links;
        let wanted = links.iter().position(|link| link.id == self.branch)?;
        let mut best =
            plan.branches.iter().filter(|branch| branch.members.contains(&wanted)).collect::<Vec<_>>();
        best.sort_by_key(|branch| branch.members.len());
        best.first().map(|branch| branch.leaf)
    }
}

/// Repairs for the conversation as a whole.
struct ConversationRepair {
    plan: LinkRepairPlan,
    /// Indices of reuses, and their new ids.
    renames: Vec<(usize, String)>,
    images: Option<TooManyImages>,
}

struct TooManyImages {
    /// Indices of the records whose images are removed.
    records: Vec<usize>,
    count: u64,
    /// Number of images sent, and their total size.
    all: u64,
    size: u64,
}

/// Returns the parent of a torn record if its beginning is intact.
fn parent_of_torn(text: &str) -> Option<u64> {
    let parent = text.strip_prefix("{\"parentUuid\":\"")?;
    let end = parent.find('"')?;
    (end >= 32 && !text.contains("\"isSidechain\":true")).then(|| hash(&parent[..end]))
}

/// Reads which records a compaction preserved.
fn preserved(text: &str, boundary: usize) -> Option<PreservedRange> {
    let [data] = fields(text, ["compactMetadata"])?;
    let [segment] = fields(data?.get(), ["preservedSegment"])?;
    let [head, tail, anchor] = fields(segment?.get(), ["headUuid", "tailUuid", "anchorUuid"])?;
    Some(PreservedRange { boundary, head: hash_of(head), tail: hash_of(tail), anchor: hash_of(anchor) })
}

fn root(groups: &mut [usize], index: usize) -> usize {
    let mut at = index;
    while groups[at] != at {
        groups[at] = groups[groups[at]];
        at = groups[at];
    }
    at
}

fn join(groups: &mut [usize], one: usize, other: usize) {
    let (one, other) = (root(groups, one), root(groups, other));
    groups[one.max(other)] = one.min(other);
}

fn words(records: usize) -> &'static str {
    if records == 1 { "record" } else { "records" }
}

fn fault_finding(fault: Fault, line: &FileLine<'_>) -> Finding {
    let (class, what, client, fix, lost) = match fault {
        Fault::Thinking => (
            DamageClass::UnsignedThinking,
            "thinking without a signature".to_owned(),
            "sends it, is refused, and then sends the whole conversation without any thinking",
            "it is removed",
            Some("that thinking".to_owned()),
        ),
        Fault::Input => (
            DamageClass::MalformedInput,
            "the arguments of a tool call are not an object".into(),
            "sends it, and every request is refused",
            "they are wrapped in an object",
            None,
        ),
        Fault::Result(bytes) => (
            DamageClass::OversizeResult,
            format!("a tool result of {bytes} bytes"),
            "sends it; when that is refused it compacts the conversation and loses its turns",
            "it is cut to its beginning",
            Some(format!("{} bytes of the result", bytes.saturating_sub(KEPT_RESULT))),
        ),
        Fault::Image(bytes) => (
            DamageClass::OversizeImage,
            format!("an image of {bytes} characters"),
            "refuses to send any request",
            "it is replaced with a sentence",
            Some("the image".into()),
        ),
    };
    Finding { class, line: line.number, offset: line.offset, what, client, fix: Some(fix.into()), lost }
}

/// Returns the line numbers at these offsets, in one pass that ends at the last one.
fn line_numbers<R: Read + Seek>(
    offsets: &BTreeSet<u64>,
    lines: &mut TranscriptLines<R>,
) -> std::io::Result<BTreeMap<u64, u64>> {
    lines.source.seek(SeekFrom::Start(0))?;
    let (mut at, mut line) = (0, 1);
    let mut numbers = BTreeMap::new();
    for offset in offsets {
        while at < *offset {
            let block = lines.source.fill_buf()?;
            let room = usize::try_from(offset - at).unwrap_or(usize::MAX).min(block.len());
            if room == 0 {
                break;
            }
            line += memchr::memchr_iter(b'\n', &block[..room]).count() as u64;
            lines.source.consume(room);
            at += room as u64;
        }
        numbers.insert(*offset, line);
    }
    Ok(numbers)
}

/// Turns a plan for the links into edits.
struct LinkEditPlanner<'a, R> {
    links: &'a [Link],
    plan: &'a LinkRepairPlan,
    lines: &'a mut TranscriptLines<R>,
    /// Ids of inserted or named records, so that each is generated once.
    names: BTreeMap<(bool, usize), String>,
}

impl<R: Read + Seek> LinkEditPlanner<'_, R> {
    fn findings(&mut self, found: &mut Diagnosis) -> std::io::Result<Vec<Finding>> {
        let mut findings = Vec::new();
        let plan = self.plan;
        for relink in &plan.relinks {
            if let Some(id) = &relink.id {
                let id = self.name(id, (false, relink.index))?;
                self.names.insert((false, relink.index), id);
            }
        }
        for (number, insert) in plan.inserts.iter().enumerate() {
            let id = self.name(&insert.id, (true, number))?;
            self.names.insert((true, number), id);
        }
        for (number, insert) in plan.inserts.iter().enumerate() {
            let link = self.links[insert.before];
            let parent =
                insert.parent.as_ref().map(|parent| self.name(parent, (true, number))).transpose()?;
            let (lost, finding) = self.lost(insert.before, insert.message_of, &insert.lost)?;
            findings.push(finding);
            found.put_in += 1;
            let put = InsertedRecord { id: self.names[&(true, number)].clone(), parent, lost };
            found.edits.entry(link.offset).or_default().before.push((link.piece, put));
        }
        for relink in &plan.relinks {
            let link = self.links[relink.index];
            let parent =
                relink.parent.as_ref().map(|parent| self.name(parent, (false, relink.index))).transpose()?;
            let id = relink.id.is_some().then(|| self.names[&(false, relink.index)].clone());
            let edit = found.edits.entry(link.offset).or_default();
            let change = edit.changes.entry(link.piece).or_default();
            change.parent = parent.or(change.parent.take());
            change.id = id.or(change.id.take());
            change.as_text |= relink.as_text;
            findings.extend(relink_finding(relink.why, link.offset));
        }
        for index in &plan.refused {
            findings.push(Finding {
                class: DamageClass::BrokenLink,
                line: 0,
                offset: self.links[*index].offset,
                what: "a record follows one that is not in the file, and its link is left as it is".into(),
                client: "currently sends turns that it would leave out once the link is repaired, such as parallel calls before a compaction",
                fix: None,
                lost: None,
            });
        }
        for fork in &plan.forks {
            findings.push(fork_finding(fork.at_once, fork.joined, self.links[fork.index].offset));
        }
        for call in &plan.open_calls {
            findings.push(Finding {
                class: DamageClass::OpenCall,
                line: 0,
                offset: self.links[*call].offset,
                what: "the conversation ends with a tool call that has no result".into(),
                client: "tells the model that the outcome is unknown",
                fix: None,
                lost: None,
            });
        }
        Ok(findings)
    }

    fn lost(
        &mut self,
        before: usize,
        message_of: Option<usize>,
        lost: &LostRecordKind,
    ) -> std::io::Result<(LostRecord, Finding)> {
        let finding = |class, offset, what: &str, client, fix: &str, gone: &str| Finding {
            class,
            line: 0,
            offset,
            what: what.to_owned(),
            client,
            fix: Some(fix.to_owned()),
            lost: Some(gone.to_owned()),
        };
        let left_out = "leaves the call and its result out";
        Ok(match lost {
            LostRecordKind::Start => (
                LostRecord::Start,
                finding(
                    DamageClass::LostStart,
                    self.links[before].offset,
                    "the conversation begins with an answer",
                    "sends a conversation that begins with an answer, which is refused",
                    "a message that says so is inserted before it",
                    "the conversation before it",
                ),
            ),
            LostRecordKind::Calls(result, tools) => {
                let message = match message_of {
                    Some(index) => self.message_id(index)?,
                    None => None,
                };
                (
                    LostRecord::Calls(tools.clone(), message),
                    finding(
                        DamageClass::OrphanResult,
                        self.links[*result].offset,
                        "a tool result without its call",
                        left_out,
                        "a call that says so is inserted before it",
                        "the arguments of the call",
                    ),
                )
            }
            LostRecordKind::Result(call, tool) => (
                LostRecord::Result(tool.clone(), self.name(&RecordIdSource::Of(*call), (false, *call))?),
                finding(
                    DamageClass::OrphanCall,
                    self.links[*call].offset,
                    "a tool call without its result",
                    left_out,
                    "a result that says so is inserted after it",
                    "the result of the call",
                ),
            ),
        })
    }

    /// Resolves a name to an id.
    fn name(&mut self, name: &RecordIdSource, own: (bool, usize)) -> std::io::Result<String> {
        Ok(match name {
            RecordIdSource::Of(index) => match self.names.get(&(false, *index)) {
                Some(id) => id.clone(),
                None => self.key(*index, "uuid")?.unwrap_or_default(),
            },
            RecordIdSource::OfInsert(number) => self.names.get(&(true, *number)).cloned().unwrap_or_default(),
            RecordIdSource::LostParentOf(index) => self.key(*index, "parentUuid")?.unwrap_or_default(),
            RecordIdSource::New => self.made(own),
        })
    }

    /// Generates an id that is the same whenever the same file is repaired.
    fn made(&self, (insert, index): (bool, usize)) -> String {
        let link = if insert { &self.links[self.plan.inserts[index].before] } else { &self.links[index] };
        let seed = format!("{insert} {index} {} {} {}", link.offset, link.id, link.parent);
        let bits = xxhash_rust::xxh3::xxh3_128(seed.as_bytes());
        // UUID version 8 (custom format).
        let bits = bits & !(0xf000 << 64) & !(0xc << 60) | (0x8000 << 64) | (0x8 << 60);
        let hex = format!("{bits:032x}");
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }

    fn key(&mut self, index: usize, key: &str) -> std::io::Result<Option<String>> {
        self.read(index, |text| fields(text, [key]).and_then(|[value]| string(value?)))
    }

    fn branch(&mut self, branch: &Branch) -> std::io::Result<FoundBranch> {
        Ok(FoundBranch {
            id: self.name(&RecordIdSource::Of(branch.leaf), (false, branch.leaf))?,
            fork_line: 0,
            first_line: 0,
            turns: branch.turns,
            bytes: branch.bytes,
            last_words: self.read(branch.words, last_words)?,
            sent: branch.sent,
        })
    }

    fn message_id(&mut self, index: usize) -> std::io::Result<Option<String>> {
        self.read(index, |text| {
            let [message] = fields(text, ["message"])?;
            let [id] = fields(message?.get(), ["id"])?;
            string(id?)
        })
    }

    fn read<T>(&mut self, index: usize, take: impl FnOnce(&str) -> Option<T>) -> std::io::Result<Option<T>> {
        let link = self.links[index];
        let bytes = self.lines.at(link.offset)?;
        let pieces = Pieces::of(&bytes);
        Ok(pieces.records().nth(usize::from(link.piece)).and_then(take))
    }
}

/// Returns the end of the last text in a message, on one line.
fn last_words(text: &str) -> Option<String> {
    let [message] = fields(text, ["message"])?;
    let [content] = fields(message?.get(), ["content"])?;
    let content = content?;
    let said = string(content).or_else(|| {
        let blocks = super::pieces::items(content)?;
        blocks.into_iter().rev().find_map(|block| {
            let [text, content] = fields(block.get(), ["text", "content"])?;
            text.and_then(string).or_else(|| content.and_then(string))
        })
    })?;
    let said = on_one_line(&sanitized(&said));
    let count = said.chars().count();
    Some(said.chars().skip(count.saturating_sub(LAST_WORDS)).collect())
}

fn relink_finding(why: Broken, offset: u64) -> Option<Finding> {
    let guesses = "guesses its parent, and loses turns in some cases";
    let (class, what, client, fix) = match why {
        Broken::Missing => (
            DamageClass::BrokenLink,
            "it follows a record that does not exist",
            guesses,
            "it is linked to the record before it",
        ),
        Broken::Absent => (
            DamageClass::BrokenLink,
            "it follows no record, in the middle of the conversation",
            "sends nothing from before it",
            "it is linked to the record before it",
        ),
        Broken::Loop => (
            DamageClass::BrokenLink,
            "it follows itself, directly or through other records",
            guesses,
            "it is linked to the record before it",
        ),
        Broken::Unnamed => (DamageClass::UnnamedRecord, "a record without an id", guesses, "it gets an id"),
        Broken::Replayed => (
            DamageClass::ReplayedRecord,
            "a record is written again, and the copy follows no record",
            "reads the copy, and sends nothing from before it",
            "it follows what the first copy follows",
        ),
        Broken::Compacted => (
            DamageClass::LostCompaction,
            "the continuation after a second compaction follows a record from before the first",
            "sends the first summary, and nothing that was said or summarized since",
            "it is linked to the record before it",
        ),
        Broken::Beside => (
            DamageClass::BrokenLink,
            "parallel calls that a compaction kept are not on the path of the conversation",
            "drops them and their results with the summarized part, once the damage before them is repaired",
            "it is linked to the record before it",
        ),
        // Reported together with the inserted record or the fork.
        Broken::Inserted | Broken::Joined => return None,
    };
    Some(Finding { class, line: 0, offset, what: what.into(), client, fix: Some(fix.into()), lost: None })
}

fn fork_finding(at_once: bool, joins: bool, offset: u64) -> Finding {
    let what = if at_once {
        "two clients continued from the same record at once"
    } else {
        "the conversation continues from an earlier record, as after a rewind"
    };
    let fix = joins.then(|| "the later branch follows the earlier one".to_owned());
    Finding {
        class: DamageClass::Fork,
        line: 0,
        offset,
        what: what.into(),
        client: "sends one branch",
        fix,
        lost: None,
    }
}
