//! A model of the client, as measured with 2.1.329 and 2.1.332: which words of a transcript it sends.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Prefix of the words that are told apart.
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

/// Words in a text.
pub fn words(text: &str) -> BTreeSet<u32> {
    text.split(WORD).skip(1).filter_map(|rest| rest.split(';').next()?.parse().ok()).collect()
}

/// The words that the client sends when it resumes this transcript.
pub fn sent(bytes: &[u8]) -> BTreeSet<u32> {
    let (records, last_prompt) = read(bytes);
    let ids: HashMap<&str, usize> =
        records.iter().enumerate().map(|(index, record)| (record.id.as_str(), index)).collect();
    let Some(newest) = records.iter().rposition(|record| record.kind() != "progress") else {
        return BTreeSet::new();
    };
    let mut chain = walk(&records, &ids, newest);
    let boundary = records.iter().rposition(Record::is_boundary).unwrap_or(0);
    let named = last_prompt.and_then(|leaf| ids.get(leaf.as_str()).copied());
    if let Some(leaf) = named.filter(|leaf| *leaf >= boundary && !chain.contains(leaf)) {
        chain = walk(&records, &ids, leaf);
    }
    chain.reverse();
    said(&records, &with_siblings(&records, chain))
}

/// Records in the order in which their ids come first, each as its last copy has it; a line that is not one record is passed over.
fn read(bytes: &[u8]) -> (Vec<Record>, Option<String>) {
    let mut records: Vec<Record> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut last_prompt = None;
    for line in bytes.split(|byte| *byte == b'\n') {
        let Ok(value) = serde_json::from_slice::<Value>(line) else { continue };
        if value["type"] == "last-prompt" {
            last_prompt = value["leafUuid"].as_str().map(str::to_owned);
        }
        let Some(id) = value["uuid"].as_str().map(str::to_owned) else { continue };
        let record =
            Record { parent: value["parentUuid"].as_str().map(str::to_owned), id: id.clone(), value };
        if let Some(place) = places.get(&id) {
            records[*place] = record;
        } else {
            places.insert(id, records.len());
            records.push(record);
        }
    }
    (records, last_prompt)
}

/// From a leaf to the beginning or to the last compaction. Where a parent is missing it ends: what the client guesses then is not
/// relied on.
fn walk(records: &[Record], ids: &HashMap<&str, usize>, leaf: usize) -> Vec<usize> {
    let index = |id: &str| ids.get(id).copied();
    let kept: Vec<(usize, usize, usize)> = records
        .iter()
        .filter_map(|record| {
            let segment = &record.value["compactMetadata"]["preservedSegment"];
            let of = |key: &str| index(segment[key].as_str()?);
            Some((of("headUuid")?, of("tailUuid")?, of("anchorUuid")?))
        })
        .collect();
    let mut chain = vec![leaf];
    let mut seen = HashSet::from([leaf]);
    let mut at = leaf;
    while !records[at].is_boundary() {
        let anchor = kept.iter().rev().find(|(head, tail, _)| *head == at && seen.contains(tail));
        let parent = records[at].parent.as_deref().and_then(index);
        let Some(next) = anchor.map(|(.., anchor)| *anchor).or(parent) else { break };
        if !seen.insert(next) {
            break;
        }
        chain.push(next);
        at = next;
    }
    chain
}

/// Calls that were made at once hang on each other, and only the result of one is on the chain: the other parts of a message that
/// is sent, their results, and what the client itself wrote behind these, are sent as well.
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

/// The words of these records. Of calls with one id the first is sent, and neither a call without its result nor a result without
/// its call is; at the end of the conversation the client tells the model itself that a call was interrupted.
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
    let spoken = |index: &usize| matches!(records[*index].kind(), "user" | "assistant");
    let last = order.iter().rev().find(|index| spoken(index)).copied();
    let last_message = last.and_then(|last| records[last].message());
    for index in order {
        let record = &records[*index];
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
