//! A diagnosis: what is damaged in a transcript, what the client does with it, and what is to be done about it.
//!
//! The transcript is read once from its beginning to its end, a line at a time; a few words a record are kept. What the
//! client copes with by itself is told and left as it is: only what loses turns, is refused, or makes it fail is mended,
//! each in the smallest way. Measured on clients 2.1.200 and 2.1.329.

use super::content::{Fault, examine};
use super::links::{Broken, Kind, Link, Lost, Name, Plan, Unpaired, plan};
use super::pieces::{Piece, Pieces, fields, string};
use crate::clock::parse_rfc3339;
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use xxhash_rust::xxh3::xxh3_64;

/// Longer lines are not looked into: no request could hold what is in one.
pub const LONGEST_LINE: usize = 32 * 1024 * 1024;
/// Findings that are kept; what is behind is mended all the same.
pub const MOST_FINDINGS: usize = 1000;
const BLOCK: usize = 256 * 1024;

/// A kind of damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// The last line has no end and is no record.
    TornEnd,
    /// The last line has no end and is a record.
    UnendedLine,
    /// A line that is no record.
    TornLine,
    /// A line that is too long to be looked into.
    OverlongLine,
    /// NUL bytes in or beside a record.
    NulBytes,
    /// Several records on one line.
    GluedRecords,
    /// A record behind a torn one on one line.
    BuriedRecord,
    /// Bytes that are no text.
    InvalidUtf8,
    /// A tool call without a result.
    OrphanCall,
    /// The same at the end, where nothing was said after it.
    OpenCall,
    /// A result without its tool call.
    OrphanResult,
    /// Thinking without a signature.
    UnsignedThinking,
    /// A record that follows none that is there.
    BrokenLink,
    /// A record without an id.
    UnnamedRecord,
    /// The beginning of the conversation is lost.
    LostStart,
    /// Two branches from one record.
    Fork,
    /// No conversation is in it.
    Stub,
    /// A tool's result that is too large.
    OversizeResult,
    /// An image that is too large.
    OversizeImage,
    /// The arguments of a tool call are no object.
    MalformedInput,
    /// The last message has no time.
    MissingTime,
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What kind of damage.
    pub class: Class,
    /// Number of its line, from 1.
    pub line: u64,
    /// Where its line begins, in bytes.
    pub offset: u64,
    /// What is wrong.
    pub what: String,
    /// What the client does with it as it is.
    pub client: &'static str,
    /// What is done about it; `None`: it is left as it is.
    pub mend: Option<String>,
    /// What cannot be had back, or is no longer sent; `None`: nothing.
    pub lost: Option<String>,
}

/// What is done to one record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// New parent: an id.
    pub parent: Option<String>,
    /// New id.
    pub id: Option<String>,
    /// New time.
    pub time: Option<String>,
    /// What is refused of its content is taken out or cut.
    pub faults: bool,
    /// Its results become a text.
    pub as_text: bool,
}

/// A record that is put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// Its id.
    pub id: String,
    /// What it follows.
    pub parent: Option<String>,
    /// What it is put in for.
    pub lost: LostRecord,
}

/// What a record is put in for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LostRecord {
    /// The beginning.
    Start,
    /// Calls with these ids, as a part of this message.
    Calls(Vec<String>, Option<String>),
    /// The result of the call with this id, whose record has this id.
    Result(String, String),
}

/// What is done to one line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edit {
    /// Records in front of the record with this number on the line.
    pub before: Vec<(u16, Put)>,
    /// Changes of the records on it, by their number.
    pub changes: BTreeMap<u16, Change>,
}

/// What was found in a transcript.
#[derive(Debug, Default)]
pub struct Diagnosis {
    /// Its length.
    pub bytes: u64,
    /// Its lines, an unended one among them.
    pub lines: u64,
    /// Records that can be read, of the conversation or about it.
    pub records: u64,
    /// The ids of the conversation's records, in a sum that does not depend on their order.
    pub ids: u64,
    /// Findings in the order of the file.
    pub findings: Vec<Finding>,
    /// Findings that are not in the list, because there are too many.
    pub more: u64,
    /// How many are mended.
    pub mendable: u64,
    /// What is done, by the offset of the line.
    pub edits: BTreeMap<u64, Edit>,
    /// Records that are put in.
    pub put_in: u64,
}

/// Reads a transcript and says what is wrong with it. `subagent`: its records are those of a subagent. `fallback`: the time
/// for a record when no other has one.
///
/// # Errors
/// What reading fails with.
pub fn diagnose(source: impl Read + Seek, subagent: bool, fallback: &str) -> std::io::Result<Diagnosis> {
    let mut lines = Lines::of(source);
    let mut survey = Survey::new(subagent);
    while let Some(line) = lines.advance()? {
        survey.line(&line);
    }
    survey.finish(&mut lines, fallback)
}

/// A line of a file.
pub struct FileLine<'a> {
    /// Number from 1.
    pub number: u64,
    /// Where it begins.
    pub offset: u64,
    /// Its bytes without its end; `None` when it is too long.
    pub bytes: Option<&'a [u8]>,
    /// Its length with its end.
    pub length: u64,
    /// It has an end.
    pub ended: bool,
}

/// The lines of a file from the first to the last.
pub struct Lines<R> {
    source: BufReader<R>,
    buffer: Vec<u8>,
    offset: u64,
    number: u64,
}

impl<R: Read + Seek> Lines<R> {
    /// From where the file stands.
    pub fn of(source: R) -> Self {
        Self { source: BufReader::with_capacity(BLOCK, source), buffer: Vec::new(), offset: 0, number: 0 }
    }

    /// The next one; `None` at the end.
    ///
    /// # Errors
    /// What reading fails with.
    pub fn advance(&mut self) -> std::io::Result<Option<FileLine<'_>>> {
        // What a very long line took is given back.
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
        if !whole {
            loop {
                let block = self.source.fill_buf()?;
                let (count, end) =
                    memchr::memchr(b'\n', block).map_or((block.len(), false), |at| (at + 1, true));
                self.source.consume(count);
                length += count as u64;
                ended = end;
                if end || count == 0 {
                    break;
                }
            }
        }
        let offset = self.offset;
        self.offset += length;
        self.number += 1;
        let bytes = self.buffer.strip_suffix(b"\n").unwrap_or(&self.buffer);
        Ok(Some(FileLine { number: self.number, offset, bytes: whole.then_some(bytes), length, ended }))
    }

    /// The line at an offset, once all have been read.
    fn at(&mut self, offset: u64) -> std::io::Result<Vec<u8>> {
        self.source.seek(SeekFrom::Start(offset))?;
        let mut line = Vec::new();
        (&mut self.source).take(LONGEST_LINE as u64 + 1).read_until(b'\n', &mut line)?;
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        Ok(line)
    }
}

fn hash(text: &str) -> u64 {
    // 0 stands for none.
    xxh3_64(text.as_bytes()).max(1)
}

fn hash_of(raw: Option<&RawValue>) -> u64 {
    raw.and_then(string).filter(|text| !text.is_empty()).map_or(0, |text| hash(&text))
}

struct Survey {
    subagent: bool,
    found: Diagnosis,
    links: Vec<Link>,
    called: HashMap<u64, u32>,
    /// Calls without a result so far, and results without a call so far.
    unanswered: HashMap<u64, (usize, String)>,
    uncalled: Vec<(usize, String)>,
    answered: HashSet<u64>,
    entrypoints: Vec<u64>,
    /// The last message: index of its link, and whether it has a time.
    last: Option<(usize, bool)>,
    last_time: Option<String>,
    spoken: bool,
}

impl Survey {
    fn new(subagent: bool) -> Self {
        Self {
            subagent,
            found: Diagnosis::default(),
            links: Vec::new(),
            called: HashMap::new(),
            unanswered: HashMap::new(),
            uncalled: Vec::new(),
            answered: HashSet::new(),
            entrypoints: Vec::new(),
            last: None,
            last_time: None,
            spoken: false,
        }
    }

    fn add(&mut self, finding: Finding) {
        self.found.mendable += u64::from(finding.mend.is_some());
        // What is mended is never left out for the sake of what is not.
        if self.found.findings.len() < MOST_FINDINGS {
            self.found.findings.push(finding);
        } else {
            self.found.more += 1;
        }
    }

    fn line(&mut self, line: &FileLine<'_>) {
        self.found.lines += 1;
        self.found.bytes += line.length;
        let at = |class, what: String, client, mend: Option<&str>, lost: Option<String>| Finding {
            class,
            line: line.number,
            offset: line.offset,
            what,
            client,
            mend: mend.map(str::to_owned),
            lost,
        };
        let Some(bytes) = line.bytes else {
            let what = format!("a line of {} bytes is too long to be looked into", line.length);
            self.add(at(Class::OverlongLine, what, "reads it if it is a record", None, None));
            return;
        };
        let pieces = Pieces::of(bytes);
        let records = pieces.records().count();
        if !pieces.whole && bytes.iter().any(|byte| !byte.is_ascii_whitespace()) {
            self.damaged(line, &pieces, records, at);
        } else if !line.ended && records > 0 {
            let what = "the last line has no end".to_owned();
            self.add(at(Class::UnendedLine, what, "reads it, and ends it before it writes on", None, None));
        }
        if pieces.invalid_text && records > 0 {
            let what = "bytes in a record are no UTF-8".to_owned();
            let lost = Some("the characters they stood for".to_owned());
            self.add(at(Class::InvalidUtf8, what, "reads a replacement character for each", None, lost));
        }
        let mut number = 0;
        for piece in &pieces.list {
            if let Piece::Record(text) = piece {
                self.record(line, number, text);
                number = number.saturating_add(1);
            }
        }
    }

    fn damaged(
        &mut self,
        line: &FileLine<'_>,
        pieces: &Pieces<'_>,
        records: usize,
        at: impl Fn(Class, String, &'static str, Option<&str>, Option<String>) -> Finding,
    ) {
        let torn = pieces.list.len() - records;
        let length = line.bytes.map_or(0, <[u8]>::len);
        if records == 0 {
            let lost = (torn > 0).then(|| "what it was".to_owned());
            let what = match (torn, pieces.nul) {
                (0, nul) => format!("a line of {nul} NUL bytes"),
                (_, 0) => format!("{length} bytes that are no record"),
                (_, nul) => format!("{length} bytes that are no record, {nul} of them NUL"),
            };
            if line.ended {
                self.add(at(Class::TornLine, what, "passes over it", None, lost));
            } else {
                let what = format!("the file ends in {what}");
                self.add(at(
                    Class::TornEnd,
                    what,
                    "passes over it, and ends the line before it writes on",
                    None,
                    lost,
                ));
            }
            return;
        }
        let passes = "passes over the whole line and loses them";
        let finding = if torn > 0 {
            let what = format!("{records} whole {} behind or between torn ones on one line", words(records));
            at(
                Class::BuriedRecord,
                what,
                passes,
                Some("each gets a line of its own"),
                Some("what the torn ones were".into()),
            )
        } else if records > 1 {
            let what = format!("{records} records on one line");
            at(Class::GluedRecords, what, passes, Some("each gets a line of its own"), None)
        } else {
            let what = format!("{} NUL bytes in or beside a record", pieces.nul);
            let lost = pieces
                .records()
                .any(|text| text.contains('\u{fffd}'))
                .then(|| "the characters they stand for".into());
            at(Class::NulBytes, what, passes, Some("they are taken out"), lost)
        };
        self.found.edits.entry(line.offset).or_default();
        self.add(finding);
    }

    fn record(&mut self, at: &FileLine<'_>, piece: u16, text: &str) {
        self.found.records += 1;
        let keys =
            ["type", "uuid", "parentUuid", "isSidechain", "timestamp", "message", "entrypoint", "subtype"];
        let Some([kind, id, parent, sidechain, time, message, entrypoint, subtype]) = fields(text, keys)
        else {
            return;
        };
        let kind = kind.and_then(string).unwrap_or_default();
        let sidechain = sidechain.is_some_and(|sidechain| sidechain.get() == "true");
        let spoken = kind == "user" || kind == "assistant";
        // Every link has an id; what has none and says nothing is a note about the session.
        if sidechain != self.subagent || (id.is_none() && !spoken) {
            return;
        }
        let index = self.links.len();
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
            kind: Kind::Other,
            entrypoint: self.entrypoint(entrypoint),
        };
        self.found.ids = self.found.ids.wrapping_add(link.id);
        if kind == "system" && subtype.and_then(string).as_deref() == Some("compact_boundary") {
            link.kind = Kind::Boundary;
        }
        if spoken {
            self.message(at, piece, &mut link, index, kind == "assistant", message);
            self.last = Some((index, time.is_some()));
        }
        self.links.push(link);
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
        link.kind = if assistant { Kind::Assistant } else { Kind::Prompt };
        let Some([id, content]) = message.and_then(|message| fields(message.get(), ["id", "content"])) else {
            return;
        };
        self.spoken = true;
        if assistant {
            link.message = hash_of(id);
        }
        let Some(content) = content else { return };
        let (faults, tools) = examine(content);
        for tool in tools.calls {
            let name = hash(&tool);
            self.called.entry(name).or_insert_with(|| u32::try_from(index).unwrap_or(u32::MAX));
            if !self.answered.contains(&name) {
                self.unanswered.entry(name).or_insert((index, tool));
            }
        }
        for tool in tools.results {
            let name = hash(&tool);
            link.kind = Kind::Result;
            if let Some(call) = self.called.get(&name) {
                // The message of a call that stands on this very line cannot be another.
                link.message = self.links.get(*call as usize).map_or(0, |call| call.message);
            } else {
                self.uncalled.push((index, tool));
            }
            self.answered.insert(name);
            self.unanswered.remove(&name);
        }
        for fault in &faults {
            self.add(fault_finding(*fault, at));
        }
        if !faults.is_empty() {
            self.found.edits.entry(at.offset).or_default().changes.entry(piece).or_default().faults = true;
        }
    }

    fn entrypoint(&mut self, raw: Option<&RawValue>) -> u8 {
        let name = hash_of(raw);
        let place = self.entrypoints.iter().position(|other| *other == name).unwrap_or_else(|| {
            self.entrypoints.push(name);
            self.entrypoints.len() - 1
        });
        u8::try_from(place).unwrap_or(u8::MAX)
    }

    fn finish<R: Read + Seek>(mut self, lines: &mut Lines<R>, fallback: &str) -> std::io::Result<Diagnosis> {
        if !self.spoken {
            let client = "says that there is no conversation with this id";
            let what = "no message of a conversation is in it".to_owned();
            let lost = Some("the conversation, unless a copy is kept".to_owned());
            self.add(Finding { class: Class::Stub, line: 1, offset: 0, what, client, mend: None, lost });
            return Ok(self.found);
        }
        self.uncalled.retain(|(_, tool)| !self.called.contains_key(&hash(tool)));
        let mut calls: Vec<(usize, String)> = self.unanswered.drain().map(|(_, call)| call).collect();
        calls.sort();
        let unpaired = Unpaired { calls, results: std::mem::take(&mut self.uncalled) };
        let plan = plan(&self.links, &unpaired);
        let mut place = Placing { links: &self.links, plan: &plan, lines, names: BTreeMap::new() };
        let mut findings = place.findings(&mut self.found)?;
        if let Some((index, false)) = self.last {
            let link = &self.links[index];
            let time = self.last_time.take().unwrap_or_else(|| fallback.to_owned());
            let edit = self.found.edits.entry(link.offset).or_default();
            edit.changes.entry(link.piece).or_default().time = Some(time);
            findings.push(Finding {
                class: Class::MissingTime,
                line: 0,
                offset: link.offset,
                what: "the last message has no time".into(),
                client: "says that there is no conversation with this id",
                mend: Some("it gets the time of the record before it".into()),
                lost: None,
            });
        }
        number(&mut findings, lines)?;
        for finding in findings {
            self.add(finding);
        }
        self.found.findings.sort_by_key(|finding| (finding.offset, finding.class));
        Ok(self.found)
    }
}

fn words(records: usize) -> &'static str {
    if records == 1 { "record" } else { "records" }
}

fn fault_finding(fault: Fault, line: &FileLine<'_>) -> Finding {
    let (class, what, client, mend, lost) = match fault {
        Fault::Thinking => (
            Class::UnsignedThinking,
            "thinking without a signature".to_owned(),
            "sends it, is refused, and then sends the whole conversation without any thinking",
            "it is taken out",
            Some("that thinking".to_owned()),
        ),
        Fault::Input => (
            Class::MalformedInput,
            "the arguments of a tool call are no object".into(),
            "sends it, and every request is refused",
            "they become a member of one",
            None,
        ),
        Fault::Result(bytes) => (
            Class::OversizeResult,
            format!("a tool's result of {bytes} bytes"),
            "sends it; when that is refused it compacts the conversation and loses its turns",
            "its beginning is kept",
            Some(format!("{} bytes of the result", bytes.saturating_sub(super::content::KEPT_RESULT))),
        ),
        Fault::Image(bytes) => (
            Class::OversizeImage,
            format!("an image of {bytes} characters"),
            "refuses to send any request",
            "a sentence takes its place",
            Some("the image".into()),
        ),
    };
    Finding { class, line: line.number, offset: line.offset, what, client, mend: Some(mend.into()), lost }
}

/// Gives findings their line numbers, in one more pass that ends at the last of them.
fn number<R: Read + Seek>(findings: &mut [Finding], lines: &mut Lines<R>) -> std::io::Result<()> {
    findings.sort_by_key(|finding| finding.offset);
    lines.source.seek(SeekFrom::Start(0))?;
    let (mut offset, mut line) = (0, 1);
    for finding in findings {
        while offset < finding.offset {
            let block = lines.source.fill_buf()?;
            let room = usize::try_from(finding.offset - offset).unwrap_or(usize::MAX).min(block.len());
            if room == 0 {
                break;
            }
            line += memchr::memchr_iter(b'\n', &block[..room]).count() as u64;
            lines.source.consume(room);
            offset += room as u64;
        }
        finding.line = line;
    }
    Ok(())
}

/// Makes edits of a plan for the conversation's links.
struct Placing<'a, R> {
    links: &'a [Link],
    plan: &'a Plan,
    lines: &'a mut Lines<R>,
    /// Ids of records that are put in or get one, so that each is made once.
    names: BTreeMap<(bool, usize), String>,
}

impl<R: Read + Seek> Placing<'_, R> {
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
            let put = Put { id: self.names[&(true, number)].clone(), parent, lost };
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
        for fork in &plan.forks {
            findings.push(fork_finding(fork.joined, self.links[fork.index].offset));
        }
        for call in &plan.open_calls {
            findings.push(Finding {
                class: Class::OpenCall,
                line: 0,
                offset: self.links[*call].offset,
                what: "the conversation ends with a tool call that has no result".into(),
                client: "tells the model that the outcome is unknown",
                mend: None,
                lost: None,
            });
        }
        Ok(findings)
    }

    fn lost(
        &mut self,
        before: usize,
        message_of: Option<usize>,
        lost: &Lost,
    ) -> std::io::Result<(LostRecord, Finding)> {
        let finding = |class, offset, what: &str, client, mend: &str, gone: &str| Finding {
            class,
            line: 0,
            offset,
            what: what.to_owned(),
            client,
            mend: Some(mend.to_owned()),
            lost: Some(gone.to_owned()),
        };
        let left_out = "leaves the call and its result out";
        Ok(match lost {
            Lost::Start => (
                LostRecord::Start,
                finding(
                    Class::LostStart,
                    self.links[before].offset,
                    "the conversation begins with an answer",
                    "sends a conversation that begins with an answer, which is refused",
                    "a message that says so is put in front",
                    "what was said before",
                ),
            ),
            Lost::Calls(result, tools) => {
                let message = match message_of {
                    Some(index) => self.message_id(index)?,
                    None => None,
                };
                (
                    LostRecord::Calls(tools.clone(), message),
                    finding(
                        Class::OrphanResult,
                        self.links[*result].offset,
                        "a tool's result without its call",
                        left_out,
                        "a call that says so is put in front",
                        "the arguments of the call",
                    ),
                )
            }
            Lost::Result(call, tool) => (
                LostRecord::Result(tool.clone(), self.name(&Name::Of(*call), (false, *call))?),
                finding(
                    Class::OrphanCall,
                    self.links[*call].offset,
                    "a tool call without its result",
                    left_out,
                    "a result that says so is put in behind",
                    "the result of the call",
                ),
            ),
        })
    }

    /// The id that is meant.
    fn name(&mut self, name: &Name, own: (bool, usize)) -> std::io::Result<String> {
        Ok(match name {
            Name::Of(index) => match self.names.get(&(false, *index)) {
                Some(id) => id.clone(),
                None => self.key(*index, "uuid")?.unwrap_or_default(),
            },
            Name::OfInsert(number) => self.names.get(&(true, *number)).cloned().unwrap_or_default(),
            Name::LostParentOf(index) => self.key(*index, "parentUuid")?.unwrap_or_default(),
            Name::New => self.made(own),
        })
    }

    /// An id that is the same whenever the same file is mended.
    fn made(&self, (insert, index): (bool, usize)) -> String {
        let link = if insert { &self.links[self.plan.inserts[index].before] } else { &self.links[index] };
        let seed = format!("{insert} {index} {} {} {}", link.offset, link.id, link.parent);
        let bits = xxhash_rust::xxh3::xxh3_128(seed.as_bytes());
        // Version 8: made in a way of one's own.
        let bits = bits & !(0xf000 << 64) & !(0xc << 60) | (0x8000 << 64) | (0x8 << 60);
        let hex = format!("{bits:032x}");
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }

    fn key(&mut self, index: usize, key: &str) -> std::io::Result<Option<String>> {
        self.read(index, |text| fields(text, [key]).and_then(|[value]| string(value?)))
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

fn relink_finding(why: Broken, offset: u64) -> Option<Finding> {
    let guesses = "guesses what it follows, and loses turns in some shapes";
    let (class, what, client, mend) = match why {
        Broken::Missing => (
            Class::BrokenLink,
            "it follows a record that is not there",
            guesses,
            "it follows the record in front of it",
        ),
        Broken::Absent => (
            Class::BrokenLink,
            "it follows no record, in the middle of the conversation",
            "sends nothing of what was said before it",
            "it follows the record in front of it",
        ),
        Broken::Loop => (
            Class::BrokenLink,
            "it follows itself, by a detour or without one",
            guesses,
            "it follows the record in front of it",
        ),
        Broken::Unnamed => (Class::UnnamedRecord, "a record without an id", guesses, "it gets an id"),
        // Told with what is put in, and with the fork.
        Broken::Inserted | Broken::Joined => return None,
    };
    Some(Finding { class, line: 0, offset, what: what.into(), client, mend: Some(mend.into()), lost: None })
}

fn fork_finding(joined: bool, offset: u64) -> Finding {
    let (what, mend) = if joined {
        (
            "two clients went on from the same record at once",
            Some("the later branch follows the earlier one".to_owned()),
        )
    } else {
        ("the conversation goes on from an earlier record, as when a person goes back", None)
    };
    Finding {
        class: Class::Fork,
        line: 0,
        offset,
        what: what.into(),
        client: "sends one branch",
        mend,
        lost: None,
    }
}
