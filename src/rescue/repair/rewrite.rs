//! Applies a repair: writes a transcript with the edits of a diagnosis. Lines without an edit retain their
//! bytes, and an edited line changes only where the edit requires it.

use super::content::{Treatment, replaced, treated, with};
use super::diagnosis::{Diagnosis, Edit, EndRecord, InsertedRecord, LostRecord, RecordRepair};
use super::pieces::{LinePiece, Pieces, fields};
use serde_json::{Map, Value, json};
use std::io::{BufRead, BufReader, Read, Write};

const BLOCK: usize = 256 * 1024;
/// Keys that an inserted record copies from the record after it.
const SHARED: [&str; 8] =
    ["isSidechain", "userType", "entrypoint", "cwd", "sessionId", "version", "gitBranch", "timestamp"];

/// Copies a transcript and applies the edits of its diagnosis.
///
/// # Errors
///
/// Returns the errors of the reader or the writer; [`std::io::ErrorKind::UnexpectedEof`] if the source
/// is shorter than before.
pub fn write_repaired(source: impl Read, found: &Diagnosis, to: &mut impl Write) -> std::io::Result<()> {
    let mut source = BufReader::with_capacity(BLOCK, source.take(found.bytes));
    let mut to = LineEndWriter { to, ended: true };
    let mut at = 0;
    let mut line = Vec::new();
    for (offset, edit) in &found.edits {
        at += std::io::copy(&mut (&mut source).take(offset - at), &mut to)?;
        line.clear();
        let length = source.read_until(b'\n', &mut line)? as u64;
        if at != *offset || length == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        at += length;
        to.write_all(&repaired_line(&line, edit))?;
    }
    at += std::io::copy(&mut source, &mut to)?;
    if at != found.bytes {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    if let Some(end) = &found.end {
        if !to.ended {
            to.write_all(b"\n")?;
        }
        to.write_all(end_record(end).as_bytes())?;
    }
    Ok(())
}

/// Writer that tracks whether the output ends with a line break.
struct LineEndWriter<'a, W> {
    to: &'a mut W,
    ended: bool,
}

impl<W: Write> Write for LineEndWriter<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = self.to.write(bytes)?;
        if count > 0 {
            self.ended = bytes[count - 1] == b'\n';
        }
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}

/// Returns the record that tells the client where the conversation ends.
fn end_record(end: &EndRecord) -> String {
    let mut record = Map::new();
    record.insert("type".into(), "last-prompt".into());
    record.insert("leafUuid".into(), end.leaf.as_str().into());
    record.insert("sessionId".into(), end.session.as_deref().map_or(Value::Null, Value::from));
    format!("{}\n", Value::Object(record))
}

/// Applies an edit to a line; the result is one or more lines.
fn repaired_line(line: &[u8], edit: &Edit) -> Vec<u8> {
    let bare = line.strip_suffix(b"\n").unwrap_or(line);
    let pieces = Pieces::of(bare);
    let mut out = Vec::with_capacity(line.len() + 1024);
    let mut number = 0;
    for piece in &pieces.list {
        match piece {
            LinePiece::Torn(text) => out.extend_from_slice(text.as_bytes()),
            LinePiece::Record(text) => {
                for (_, put) in edit.before.iter().filter(|(before, _)| *before == number) {
                    out.extend_from_slice(record(put, text).as_bytes());
                    out.push(b'\n');
                }
                match edit.changes.get(&number).map(|change| changed(text, change)) {
                    Some(text) => out.extend_from_slice(text.as_bytes()),
                    None if pieces.whole => out.extend_from_slice(bare),
                    None => out.extend_from_slice(text.as_bytes()),
                }
                number += 1;
            }
        }
        out.push(b'\n');
    }
    out
}

/// Applies the changes to a record.
fn changed(text: &str, change: &RecordRepair) -> String {
    let mut text = text.to_owned();
    let values = [("parentUuid", &change.parent), ("uuid", &change.id), ("timestamp", &change.time)];
    for (key, value) in values {
        if let Some(value) = value {
            text = with(&text, key, &Value::from(value.as_str()).to_string()).unwrap_or(text);
        }
    }
    let treatment = Treatment {
        faults: change.faults,
        as_text: change.as_text,
        without_images: change.without_images,
        renames: &change.renames,
    };
    content(&text, treatment).unwrap_or(text)
}

fn content(text: &str, treatment: Treatment<'_>) -> Option<String> {
    let [message] = fields(text, ["message"])?;
    let message = message?.get();
    let [content] = fields(message, ["content"])?;
    let message = replaced(message, "content", &treated(content?, treatment)?)?;
    replaced(text, "message", &message)
}

/// Builds an inserted record, with the common fields of its neighbor.
fn record(put: &InsertedRecord, neighbor: &str) -> String {
    let mut record = Map::new();
    record.insert("parentUuid".into(), put.parent.as_deref().map_or(Value::Null, Value::from));
    let shared = fields(neighbor, SHARED).unwrap_or_default();
    for (key, raw) in SHARED.iter().zip(shared) {
        let value = raw.and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok());
        if let Some(value) = value {
            record.insert((*key).to_owned(), value);
        }
    }
    let (kind, message) = match &put.lost {
        LostRecord::Start => {
            record.insert("isMeta".into(), true.into());
            ("user", json!({"role": "user", "content": "[The beginning of this conversation was lost.]"}))
        }
        LostRecord::Calls(tools, message) => {
            let id = message.clone().unwrap_or_else(|| format!("msg_{}", put.id.replace('-', "")));
            let note = "The record of this call was lost. What was called, and with which arguments, is unknown; its result follows.";
            let calls: Vec<Value> = tools
                .iter()
                .map(|tool| json!({"type": "tool_use", "id": tool, "name": "LostToolCall", "input": {"note": note}}))
                .collect();
            let usage = json!({"input_tokens": 0, "output_tokens": 0, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0});
            (
                "assistant",
                json!({"id": id, "type": "message", "role": "assistant", "model": "<synthetic>", "content": calls, "stop_reason": "tool_use", "stop_sequence": null, "usage": usage}),
            )
        }
        LostRecord::Result(tool, call) => {
            record.insert("sourceToolAssistantUUID".into(), call.as_str().into());
            let text = "[The result of this tool call was lost, so that its outcome is unknown. Check whether it took effect before relying on it or running it again.]";
            (
                "user",
                json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": tool, "content": text, "is_error": true}]}),
            )
        }
    };
    record.insert("type".into(), kind.into());
    record.insert("message".into(), message);
    record.insert("uuid".into(), put.id.as_str().into());
    Value::Object(record).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::diagnosis::{DamageClass, Diagnosis, DiagnosisOptions, diagnose};
    use super::super::links::RepairScope;
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;

    const EDITS: &[u8] = include_bytes!("../../../fixtures/transcripts/edits.jsonl");
    const FORKED: &[u8] = include_bytes!("../../../fixtures/transcripts/live-session-forked.jsonl");
    const COMPACTED: &[u8] = include_bytes!("../../../fixtures/transcripts/compacted.jsonl");
    const TIME: &str = "2026-11-21T00:00:00.000Z";

    const READING: DiagnosisOptions<'_> = DiagnosisOptions {
        subagent: false,
        session: None,
        fallback: TIME,
        branch: None,
        scope: RepairScope::Joins,
    };

    fn diagnosed(bytes: &[u8]) -> Diagnosis {
        diagnose(Cursor::new(bytes), &READING).unwrap()
    }

    fn repaired(bytes: &[u8]) -> Vec<u8> {
        let found = diagnosed(bytes);
        let mut out = Vec::new();
        write_repaired(bytes, &found, &mut out).unwrap();
        out
    }

    fn classes(bytes: &[u8]) -> Vec<DamageClass> {
        diagnosed(bytes)
            .findings
            .into_iter()
            .filter(|finding| finding.fix.is_some())
            .map(|finding| finding.class)
            .collect()
    }

    fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
        bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
    }

    /// Removes these lines, numbered from 0.
    fn without(bytes: &[u8], gone: &[usize]) -> Vec<u8> {
        let kept = lines(bytes).into_iter().enumerate().filter(|(index, _)| !gone.contains(index));
        kept.flat_map(|(_, line)| line).collect()
    }

    fn numbered(bytes: &[u8], text: &str) -> usize {
        lines(bytes).iter().position(|line| String::from_utf8_lossy(line).contains(text)).unwrap()
    }

    #[test]
    fn an_intact_transcript_needs_no_repair() {
        for sound in [EDITS, COMPACTED] {
            assert_eq!(classes(sound), []);
            assert_eq!(repaired(sound), sound);
        }
    }

    #[test]
    fn recorded_transcripts_of_undisturbed_clients_are_not_reported_as_damaged() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
        let (mut left, mut seen) = (vec![root.join("transcripts"), root.join("states")], 0);
        while let Some(dir) = left.pop() {
            for entry in std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
                if entry.is_dir() {
                    left.push(entry);
                } else if entry.extension().is_some_and(|extension| extension == "jsonl") {
                    let subagent = entry.to_string_lossy().contains("subagents");
                    let file = std::fs::File::open(&entry).unwrap();
                    let mut found =
                        diagnose(file, &DiagnosisOptions { subagent, ..READING }).unwrap().findings;
                    // Some of the states are only the ends of transcripts.
                    let cut = entry.starts_with(root.join("states"));
                    found.retain(|finding| {
                        finding.fix.is_some() && !(cut && finding.class == DamageClass::LostStart)
                    });
                    let forked = entry.ends_with("live-session-forked.jsonl");
                    assert_eq!(found.len(), usize::from(forked), "{}: {found:?}", entry.display());
                    seen += 1;
                }
            }
        }
        assert!(seen > 60, "{seen}");
    }

    #[test]
    fn a_repaired_transcript_needs_no_further_repair() {
        let call = numbered(EDITS, r#"tool_use","id":"toolu_204_1"#);
        let result = numbered(EDITS, r#"tool_use_id":"toolu_204_1"#);
        let first = numbered(EDITS, r#""type":"attachment""#);
        for (gone, expected) in [
            (vec![call], DamageClass::OrphanResult),
            (vec![result], DamageClass::OrphanCall),
            (vec![first], DamageClass::BrokenLink),
            ((0..call).collect(), DamageClass::LostStart),
        ] {
            let damaged = without(EDITS, &gone);
            assert_eq!(classes(&damaged), [expected]);
            let after_repair = repaired(&damaged);
            assert_eq!(classes(&after_repair), [], "{expected:?}");
            for line in lines(&damaged) {
                assert!(
                    classes(&damaged) != [DamageClass::OrphanCall] || lines(&after_repair).contains(&line),
                    "a good line keeps its bytes"
                );
            }
        }
    }

    #[test]
    fn branches_of_two_clients_are_joined_one_after_the_other() {
        assert_eq!(classes(FORKED), [DamageClass::Fork]);
        let after_repair = repaired(FORKED);
        assert_eq!(classes(&after_repair), []);
        assert_eq!(diagnosed(&after_repair).records, diagnosed(FORKED).records);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn a_repaired_transcript_stays_repaired_whatever_records_were_lost(
            gone in proptest::collection::vec(0_usize..60, 0..6),
            glued in proptest::collection::vec(0_usize..60, 0..4),
            torn in proptest::collection::vec((0_usize..60, 1_usize..400), 0..3),
        ) {
            let mut damaged = Vec::new();
            for (index, mut line) in lines(EDITS).into_iter().enumerate() {
                if gone.contains(&index) { continue; }
                if let Some((_, length)) = torn.iter().find(|(at, _)| *at == index) { line.truncate(*length); }
                else if glued.contains(&index) { line.pop(); }
                damaged.extend(line);
            }
            let found = diagnosed(&damaged);
            let after_repair = repaired(&damaged);
            let after = diagnosed(&after_repair);
            let left: Vec<_> = after.findings.iter().filter(|finding| finding.fix.is_some()).collect();
            prop_assert!(left.is_empty(), "{:?} of {:?}", left, found.findings);
            prop_assert_eq!(after.records, found.records + found.put_in);
        }

        #[test]
        fn arbitrary_bytes_are_repaired_without_remaining_damage(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let after_repair = repaired(&bytes);
            prop_assert!(classes(&after_repair).is_empty());
        }
    }
}
