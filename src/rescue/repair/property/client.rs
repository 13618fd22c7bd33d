//! A model of the client, as measured with 2.1.329 and 2.1.332: which words of a transcript it sends.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Prefix of the numbered words in texts.
const WORD: &str = "word";

struct Record {
    value: Value,
    id: String,
    parent: Option<String>,
}

impl Record {
    fn kind(&self) -> &str {
        self.value["type"].as_str().unwrap_or_default()
    }

    /// All timestamps have the same format, so they compare as strings.
    fn time(&self) -> &str {
        self.value["timestamp"].as_str().unwrap_or_default()
    }

    fn message(&self) -> Option<&str> {
        self.value["message"]["id"].as_str()
    }

    fn blocks(&self, kind: &str) -> Vec<&Value> {
        let blocks = self.value["message"]["content"].as_array();
        blocks.into_iter().flatten().filter(|block| block["type"] == kind).collect()
    }

    fn is_boundary(&self) -> bool {
        self.value["subtype"] == "compact_boundary"
    }
}

/// Returns the numbers of the words in a text.
pub fn words(text: &str) -> BTreeSet<u32> {
    text.split(WORD).skip(1).filter_map(|rest| rest.split(';').next()?.parse().ok()).collect()
}

/// Returns the words that the client sends when it resumes this transcript.
pub fn sent(bytes: &[u8]) -> BTreeSet<u32> {
    let (mut records, last_prompt, newest, checkpoints) = read(bytes);
    let Some(newest) = newest else { return BTreeSet::new() };
    let boundary = records.iter().rposition(Record::is_boundary).unwrap_or(0);
    let named = last_prompt.filter(|leaf| index_of(&records, leaf).is_some_and(|leaf| leaf >= boundary));
    let relinked = compact(&mut records);
    let Some(mut newest) = index_of(&records, &newest) else { return BTreeSet::new() };
    if !checkpoints && !relinked {
        newest = newest_behind(&records, newest);
    }
    let mut chain = walk(&records, newest);
    let speaks = |index: usize| matches!(records[index].kind(), "user" | "assistant");
    if relinked && !chain.iter().any(|index| speaks(*index)) {
        let last = (0..records.len()).filter(|index| speaks(*index));
        newest = last.max_by_key(|index| (records[*index].time().to_owned(), *index)).unwrap_or(newest);
        chain = walk(&records, newest);
    }
    let named = named.and_then(|leaf| index_of(&records, &leaf)).filter(|leaf| {
        // After a compaction that preserved messages, a checkpoint is used only if no record follows
        // the one it names.
        !relinked || !records.iter().any(|record| record.parent.as_deref() == Some(&records[*leaf].id))
    });
    if let Some(leaf) = named.filter(|leaf| !chain.contains(leaf)) {
        chain = walk(&records, leaf);
    }
    chain.reverse();
    said(&records, &with_siblings(&records, chain))
}

fn index_of(records: &[Record], id: &str) -> Option<usize> {
    records.iter().position(|record| record.id == id)
}

/// Removes the records that the last compaction summarized and places the preserved ones after its summary.
/// Returns whether any were preserved.
///
/// The preserved records are those on the path from the tail of the segment to its head. If this path is
/// broken, nothing is removed.
fn compact(records: &mut Vec<Record>) -> bool {
    let Some(boundary) = records.iter().rposition(Record::is_boundary) else { return false };
    let segment = records[boundary].value["compactMetadata"]["preservedSegment"].clone();
    let mut kept: Vec<String> = Vec::new();
    if let (Some(head), Some(tail)) = (segment["headUuid"].as_str(), segment["tailUuid"].as_str()) {
        let mut at = Some(tail.to_owned());
        while let Some(index) = at.as_deref().and_then(|id| index_of(records, id)) {
            let record = &records[index];
            if kept.contains(&record.id) {
                return false;
            }
            kept.push(record.id.clone());
            at = if record.id == head { None } else { record.parent.clone() };
        }
        if kept.last().map(String::as_str) != Some(head) {
            return false;
        }
        let anchor = segment["anchorUuid"].as_str().map(str::to_owned);
        for record in records.iter_mut() {
            if record.id == head {
                record.parent.clone_from(&anchor);
            } else if record.parent == anchor {
                record.parent = Some(tail.to_owned());
            }
        }
    }
    let mut gone: HashSet<String> = HashSet::new();
    let mut index = 0;
    records.retain(|record| {
        let stays = index >= boundary || kept.contains(&record.id);
        index += 1;
        if !stays {
            gone.insert(record.id.clone());
        }
        stays
    });
    if let Some(tail) = kept.first() {
        for record in records.iter_mut() {
            let astray = record.parent.as_ref().is_some_and(|parent| gone.contains(parent));
            if astray && matches!(record.kind(), "user" | "assistant") {
                record.parent = Some(tail.clone());
            }
        }
    }
    !kept.is_empty()
}

/// Returns the record with the latest timestamp among the descendants of this one.
fn newest_behind(records: &[Record], from: usize) -> usize {
    (0..records.len())
        .filter(|index| records[*index].kind() != "progress" && walk(records, *index).contains(&from))
        .max_by_key(|index| (records[*index].time().to_owned(), *index))
        .unwrap_or(from)
}

/// Returns the records in the order of the first occurrence of their ids, each with the content of its last
/// copy; the record that a `last-prompt` names; the last one in the file; and whether any `last-prompt` names
/// a record. Skips lines that are not a single record.
fn read(bytes: &[u8]) -> (Vec<Record>, Option<String>, Option<String>, bool) {
    let mut records: Vec<Record> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let (mut last_prompt, mut newest, mut checkpoints) = (None, None, false);
    for line in bytes.split(|byte| *byte == b'\n') {
        let Ok(value) = serde_json::from_slice::<Value>(line) else { continue };
        if value["type"] == "last-prompt" {
            last_prompt = value["leafUuid"].as_str().map(str::to_owned);
            checkpoints |= last_prompt.is_some();
        }
        let Some(id) = value["uuid"].as_str().map(str::to_owned) else { continue };
        if value["type"] != "progress" {
            newest = Some(id.clone());
        }
        let record =
            Record { parent: value["parentUuid"].as_str().map(str::to_owned), id: id.clone(), value };
        if let Some(place) = places.get(&id) {
            records[*place] = record;
        } else {
            places.insert(id, records.len());
            records.push(record);
        }
    }
    (records, last_prompt, newest, checkpoints)
}

/// Walks from a leaf to the beginning or to the last compaction. In place of a missing parent, the client
/// uses the newest earlier record that no earlier record follows.
fn walk(records: &[Record], leaf: usize) -> Vec<usize> {
    let mut chain = vec![leaf];
    let mut at = leaf;
    while !records[at].is_boundary() {
        let Some(parent) = records[at].parent.as_deref() else { break };
        let next = index_of(records, parent).or_else(|| guess(records, at, &chain));
        let Some(next) = next.filter(|next| !chain.contains(next)) else { break };
        chain.push(next);
        at = next;
    }
    chain
}

fn guess(records: &[Record], at: usize, seen: &[usize]) -> Option<usize> {
    let all = || {
        (0..at).filter(|index| {
            records[*index].time() <= records[at].time() && records[*index].kind() != "progress"
        })
    };
    let followed: HashSet<&str> = all().filter_map(|index| records[index].parent.as_deref()).collect();
    all()
        .filter(|index| {
            let record = &records[*index];
            !seen.contains(index)
                && !followed.contains(record.id.as_str())
                && (record.kind() != "system" || record.parent.is_some())
        })
        .max_by_key(|index| (records[*index].time(), *index))
}

/// Adds what is off the path. Parallel calls are linked in a chain, with only one result on the path; the
/// client also sends the other parts of a message, their results, and what it wrote itself after these.
fn with_siblings(records: &[Record], chain: Vec<usize>) -> Vec<usize> {
    let mut of_message: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut children: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, record) in records.iter().enumerate() {
        if let Some(message) = record.message().filter(|_| record.kind() == "assistant") {
            of_message.entry(message).or_default().push(index);
        }
        if let Some(parent) = &record.parent {
            children.entry(parent).or_default().push(index);
        }
    }
    let mut all = chain.clone();
    let mut seen: HashSet<usize> = chain.into_iter().collect();
    let mut at = 0;
    while at < all.len() {
        let record = &records[all[at]];
        let mut more = Vec::new();
        if record.kind() == "assistant" {
            let parts = record.message().and_then(|message| of_message.get(message));
            more.extend(parts.into_iter().flatten().copied());
            let results = children.get(record.id.as_str()).into_iter().flatten().copied();
            more.extend(results.filter(|index| !records[*index].blocks("tool_result").is_empty()));
        } else if !record.blocks("tool_result").is_empty() {
            let written = children.get(record.id.as_str()).into_iter().flatten().copied();
            more.extend(written.filter(|index| records[*index].value["isMeta"] == true));
        }
        all.extend(more.into_iter().filter(|index| seen.insert(*index)));
        at += 1;
    }
    all.sort_unstable();
    all
}

/// Returns the words of these records. Of calls with the same id, the first is sent. A call without a result,
/// a result without a call, and a message with nothing but thinking are not sent; at the end of the
/// conversation, the client itself tells the model that a call was interrupted.
fn said(records: &[Record], order: &[usize]) -> BTreeSet<u32> {
    let mut words_sent = BTreeSet::new();
    let mut calls: HashMap<String, usize> = HashMap::new();
    let mut results: HashMap<String, usize> = HashMap::new();
    let id = |block: &Value, key: &str| block[key].as_str().unwrap_or_default().to_owned();
    for index in order {
        for block in records[*index].blocks("tool_use") {
            calls.entry(id(block, "id")).or_insert(*index);
        }
        for block in records[*index].blocks("tool_result") {
            results.entry(id(block, "tool_use_id")).or_insert(*index);
        }
    }
    let mut only_thinking: HashMap<&str, bool> = HashMap::new();
    for index in order {
        if let Some(message) = records[*index].message() {
            let blocks = records[*index].value["message"]["content"].as_array();
            let thinking =
                blocks.is_some_and(|blocks| blocks.iter().all(|block| block["type"] == "thinking"));
            *only_thinking.entry(message).or_insert(true) &= thinking;
        }
    }
    let spoken = |index: &usize| matches!(records[*index].kind(), "user" | "assistant");
    let last = order.iter().rev().find(|index| spoken(index)).copied();
    let last_message = last.and_then(|last| records[last].message());
    for index in order {
        let record = &records[*index];
        if record.message().is_some_and(|message| only_thinking[message]) {
            continue;
        }
        let whole = |block: &Value| match block["type"].as_str() {
            Some("tool_use") => {
                let open = record.message().is_some() && record.message() == last_message;
                calls[&id(block, "id")] == *index && (open || results.contains_key(&id(block, "id")))
            }
            Some("tool_result") => {
                let tool = id(block, "tool_use_id");
                calls.contains_key(&tool) && results[&tool] == *index
            }
            _ => true,
        };
        match &record.value["message"]["content"] {
            Value::String(text) => words_sent.extend(words(text)),
            Value::Array(blocks) => {
                for block in blocks.iter().filter(|block| whole(block)) {
                    words_sent.extend(words(&block.to_string()));
                }
            }
            _ => {}
        }
    }
    words_sent
}
