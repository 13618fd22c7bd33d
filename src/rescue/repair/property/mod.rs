//! Property test of repair: generates conversations, damages and repairs them, and reads the result with a
//! model of the client.
//!
//! After a repair, the client must send every turn that it sent before, every turn that damage had hidden
//! from it, and no turn that the user abandoned by going back.

mod client;
mod generator;

use self::client::sent;
use self::generator::{Fate, Sample, sample};
use super::diagnosis::DamageClass;
use super::links::joining_any_branch;
use super::rewrite::write_repaired;
use super::{examined_in, name_of};
use crate::error::Result;
use chrono::{DateTime, Utc};
use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::Path;

/// Number of samples unless `CC_RECOVER_REPAIR_SAMPLES` is set; 20,000 take ten minutes in a debug build.
const SAMPLES: u64 = 500;

/// Returns the output of `repair --apply` for a transcript.
fn repaired(bytes: &[u8], session: &str) -> Result<Vec<u8>> {
    repaired_or_refused(bytes, session).map(|(made, _)| made)
}

/// Like [`repaired`]; also returns whether a link was left broken because its repair does harm.
fn repaired_or_refused(bytes: &[u8], session: &str) -> Result<(Vec<u8>, bool)> {
    let name = name_of(DateTime::<Utc>::UNIX_EPOCH, None);
    let found = examined_in(&|| Ok(Cursor::new(bytes)), Path::new("sample.jsonl"), session, &name)?;
    let refused = found
        .findings
        .iter()
        .any(|finding| finding.fix.is_none() && finding.class == DamageClass::BrokenLink);
    if found.repairable == 0 {
        return Ok((bytes.to_vec(), refused));
    }
    let mut made = Vec::new();
    write_repaired(bytes, &found, &mut made).expect("memory can be written to");
    Ok((made, refused))
}

/// Describes what is wrong with the repair of a sample.
fn harm(sample: &Sample) -> Option<String> {
    let before = sent(&sample.bytes);
    let made = match repaired(&sample.bytes, &sample.session) {
        Ok(made) => made,
        Err(error) => return Some(format!("it fails: {}", error.message)),
    };
    let after = sent(&made);
    let of = |wanted: Fate| -> BTreeSet<u32> {
        sample.fates.iter().filter(|(_, fate)| **fate == wanted).map(|(word, _)| *word).collect()
    };
    let (live, left, foreign) = (of(Fate::Live), of(Fate::Left), of(Fate::Foreign));
    let beside = of(Fate::Beside);
    let lost: Vec<u32> = before
        .iter()
        .filter(|word| (live.contains(word) || beside.contains(word)) && !after.contains(word))
        .copied()
        .collect();
    if !lost.is_empty() {
        return Some(format!("no longer sent: {lost:?}"));
    }
    let returned: Vec<u32> =
        left.iter().filter(|word| after.contains(word) && !before.contains(word)).copied().collect();
    if !returned.is_empty() {
        return Some(format!("sent again though the user had gone back: {returned:?}"));
    }
    let merged: Vec<u32> = foreign.iter().filter(|word| after.contains(word)).copied().collect();
    // If nothing is left of the session itself, there is nothing else to send.
    if !merged.is_empty() && !live.is_empty() {
        return Some(format!("sent though they are of another session: {merged:?}"));
    }
    let missing: Vec<u32> = live.iter().filter(|word| !after.contains(word)).copied().collect();
    if !missing.is_empty() {
        return Some(format!("in the file and not sent: {missing:?}"));
    }
    let again = match repaired(&made, &sample.session) {
        Ok(again) => again,
        Err(error) => return Some(format!("the second repair fails: {}", error.message)),
    };
    (again != made).then(|| "a second repair finds something to do".to_owned())
}

fn count() -> u64 {
    std::env::var("CC_RECOVER_REPAIR_SAMPLES").ok().and_then(|text| text.parse().ok()).unwrap_or(SAMPLES)
}

/// Returns the comma-separated seeds in `CC_RECOVER_REPAIR_SEEDS`, or else those below [`count`].
fn seeds() -> Vec<u64> {
    match std::env::var("CC_RECOVER_REPAIR_SEEDS") {
        Ok(text) => text.split(',').map(|seed| seed.trim().parse().expect("a seed is a number")).collect(),
        Err(_) => (0..count()).collect(),
    }
}

/// Writes a failing sample, its repair, and what the model sends of both into the
/// directory named by `CC_RECOVER_REPAIR_KEEP`.
fn keep(seed: u64, sample: &Sample) {
    if let Some(directory) = std::env::var_os("CC_RECOVER_REPAIR_KEEP") {
        let file = |name: &str| Path::new(&directory).join(format!("{seed}{name}.jsonl"));
        std::fs::write(file(""), &sample.bytes).expect("the directory can be written to");
        if let Ok(made) = repaired(&sample.bytes, &sample.session) {
            let name = name_of(DateTime::<Utc>::UNIX_EPOCH, None);
            let found = examined_in(
                &|| Ok(Cursor::new(&sample.bytes)),
                Path::new("sample.jsonl"),
                &sample.session,
                &name,
            );
            let findings = found.map(|found| format!("{:#?}", found.findings)).unwrap_or_default();
            let text = format!(
                "fates {:?}\nbefore {:?}\nafter {:?}\n{findings}\n",
                sample.fates,
                sent(&sample.bytes),
                sent(&made)
            );
            let notes = Path::new(&directory).join(format!("{seed}.txt"));
            std::fs::write(notes, text).expect("the directory can be written to");
            std::fs::write(file("-repaired"), made).expect("the directory can be written to");
        }
    }
}

#[test]
fn a_repair_harms_no_conversation_and_restores_hidden_turns() {
    let seeds = seeds();
    let count = seeds.len() as u64;
    let (mut failures, mut damaged, mut hidden, mut refused) = (Vec::new(), 0_u64, 0_u64, Vec::new());
    for seed in seeds {
        let sample = sample(seed);
        damaged += u64::from(!sample.damages.is_empty());
        let before = sent(&sample.bytes);
        let live = sample.fates.iter().filter(|(_, fate)| **fate == Fate::Live);
        hidden += u64::from(live.map(|(word, _)| word).any(|word| !before.contains(word)));
        if repaired_or_refused(&sample.bytes, &sample.session).is_ok_and(|(_, refused)| refused) {
            keep(seed, &sample);
            refused.push(seed);
        }
        if let Some(why) = harm(&sample) {
            keep(seed, &sample);
            failures.push(format!("sample {seed} ({}): {why}", sample.damages.join(", ")));
        }
    }
    let shown = failures.iter().take(100).cloned().collect::<Vec<_>>().join("\n");
    assert!(failures.is_empty(), "{} of {count} harmed:\n{shown}", failures.len());
    assert!(refused.is_empty(), "of {count} these are not repaired: {refused:?}");
    assert!(damaged > count / 3, "only {damaged} of {count} were damaged");
    assert!(hidden > count / 5, "the client lost turns of only {hidden} of {count}");
}

#[test]
fn a_repair_that_joins_every_branch_restores_abandoned_turns() {
    let returned = joining_any_branch(|| {
        (0..300).filter(|seed| harm(&sample(*seed)).is_some_and(|why| why.contains("gone back"))).count()
    });
    assert!(returned > 20, "{returned} of 300");
}

/// Small transcripts, each with one cause of harm that the generator once found.
mod roots {
    use super::*;
    use serde_json::{Value, json};

    const SESSION: &str = "10000000-0000-4000-8000-000000000000";

    fn id(number: u32) -> String {
        format!("00000000-0000-4000-8000-{number:012}")
    }

    /// Builds a record, timed one second after the one with the previous number; `parent` is 0 for none.
    fn record(number: u32, parent: u32, message: Option<&str>, block: &Value) -> Value {
        let parent = if parent == 0 { Value::Null } else { id(parent).into() };
        let role = if message.is_some() { "assistant" } else { "user" };
        let mut whole = json!({
            "parentUuid": parent, "isSidechain": false, "type": role, "sessionId": SESSION, "uuid": id(number),
            "timestamp": format!("2026-11-24T16:00:{number:02}.000Z"), "message": {"role": role, "content": [block]},
        });
        if let Some(message) = message {
            whole["message"]["id"] = message.into();
        }
        whole
    }

    fn text(word: u32) -> Value {
        json!({"type": "text", "text": format!("word{word};")})
    }

    fn call(tool: &str, word: u32) -> Value {
        json!({"type": "tool_use", "id": tool, "name": "Bash", "input": {"command": format!("word{word};")}})
    }

    fn result(tool: &str, word: u32) -> Value {
        json!({"type": "tool_result", "tool_use_id": tool, "content": format!("word{word};")})
    }

    fn boundary(number: u32, segment: Option<[u32; 3]>) -> Value {
        let mut whole = record(number, 0, None, &Value::Null);
        (whole["type"], whole["subtype"]) = ("system".into(), "compact_boundary".into());
        if let Some([head, tail, anchor]) = segment {
            whole["compactMetadata"]["preservedSegment"] =
                json!({"headUuid": id(head), "tailUuid": id(tail), "anchorUuid": id(anchor)});
        }
        whole
    }

    fn checkpoint(leaf: u32) -> Value {
        json!({"type": "last-prompt", "leafUuid": id(leaf), "sessionId": SESSION})
    }

    fn file(records: &[Value]) -> Vec<u8> {
        records.iter().flat_map(|record| format!("{record}\n").into_bytes()).collect()
    }

    /// A preserved turn: the prompt is 1, two parallel calls follow, and the answer is 6. Words have the
    /// numbers of their records.
    fn kept_turn(first_tool: &str) -> Vec<Value> {
        vec![
            record(1, 0, None, &text(1)),
            record(2, 1, Some("msg_1"), &call(first_tool, 2)),
            record(3, 2, Some("msg_1"), &call("toolu_b", 3)),
            record(4, 2, None, &result(first_tool, 4)),
            record(5, 3, None, &result("toolu_b", 5)),
            record(6, 5, Some("msg_2"), &text(6)),
            boundary(7, Some([1, 6, 8])),
            record(8, 7, None, &text(8)),
            record(9, 6, None, &text(9)),
        ]
    }

    #[test]
    fn parallel_calls_are_sent_after_a_repair_if_the_damage_made_the_client_send_them() {
        let mut records = kept_turn("toolu_a");
        records[5]["parentUuid"] = id(99).into();
        let damaged = file(&records);
        let made = repaired(&damaged, SESSION).unwrap();
        assert_ne!(made, damaged);
        assert!(sent(&made).is_superset(&BTreeSet::from([1, 2, 3, 4, 5, 6, 8, 9])), "{:?}", sent(&made));
        assert_eq!(repaired(&made, SESSION).unwrap(), made);
        // Without damage, the client forgets what is off the path, and nothing is changed.
        let sound = file(&kept_turn("toolu_a"));
        assert!(!sent(&sound).contains(&4));
        assert_eq!(repaired(&sound, SESSION).unwrap(), sound);
    }

    #[test]
    fn a_call_sent_with_the_result_of_another_call_gets_its_own_result() {
        let mut records = kept_turn("call_0");
        records.extend([
            record(10, 9, Some("msg_3"), &call("call_0", 10)),
            record(11, 10, None, &result("call_0", 11)),
            record(12, 11, Some("msg_4"), &text(12)),
        ]);
        let reused = file(&records);
        assert!(sent(&reused).contains(&2) && !sent(&reused).contains(&10));
        let made = sent(&repaired(&reused, SESSION).unwrap());
        assert!(made.is_superset(&BTreeSet::from([2, 4, 10, 11])), "{made:?}");
    }

    #[test]
    fn a_call_and_a_start_lost_together_are_both_restored() {
        let mut progress = record(3, 2, None, &Value::Null);
        progress["type"] = "progress".into();
        let records = [
            progress,
            record(4, 2, None, &result("toolu_a", 4)),
            record(5, 4, Some("msg_2"), &text(5)),
            record(6, 0, Some("msg_3"), &text(6)),
            record(7, 6, None, &text(7)),
            record(8, 7, Some("msg_4"), &text(8)),
        ];
        let made = repaired(&file(&records), SESSION).unwrap();
        assert_eq!(sent(&made), BTreeSet::from([4, 5, 6, 7, 8]));
        assert_eq!(repaired(&made, SESSION).unwrap(), made);
    }

    #[test]
    fn a_leaf_before_a_compaction_is_not_a_valid_leaf() {
        let mut summary = record(4, 3, None, &text(4));
        summary["isCompactSummary"] = true.into();
        let mut attachment = record(6, 5, None, &Value::Null);
        attachment["type"] = "attachment".into();
        let records = [
            record(1, 0, None, &text(1)),
            record(2, 1, Some("msg_1"), &text(2)),
            checkpoint(2),
            boundary(3, None),
            summary,
            attachment,
        ];
        let (made, refused) = repaired_or_refused(&file(&records), SESSION).unwrap();
        assert!(!refused);
        assert_eq!(sent(&made), BTreeSet::from([4]));
        assert_eq!(repaired(&made, SESSION).unwrap(), made);
    }

    #[test]
    fn a_checkpoint_of_another_session_before_a_compaction_is_ignored() {
        let mut other = record(3, 0, None, &text(3));
        other["sessionId"] = "20000000-0000-4000-8000-000000000000".into();
        let records = [
            record(1, 0, None, &text(1)),
            record(2, 1, Some("msg_1"), &text(2)),
            other,
            checkpoint(3),
            boundary(4, None),
            record(5, 4, None, &text(5)),
            record(6, 5, Some("msg_2"), &text(6)),
        ];
        let sound = file(&records);
        assert_eq!(repaired(&sound, SESSION).unwrap(), sound);
        assert_eq!(sent(&sound), BTreeSet::from([5, 6]));
    }
}

/// For `__test__/client/repair-samples.test.mjs`, which opens samples with the real client.
#[test]
#[ignore = "writes samples for the real client into the directory of CC_RECOVER_REPAIR_KEEP"]
fn samples_for_the_real_client() {
    let directory = std::env::var_os("CC_RECOVER_REPAIR_KEEP").expect("a directory is given");
    for seed in seeds() {
        let sample = sample(seed);
        let of = |wanted: Fate| -> Vec<u32> {
            sample.fates.iter().filter(|(_, fate)| **fate == wanted).map(|(word, _)| *word).collect()
        };
        let truth = serde_json::json!({
            "session": sample.session, "damages": sample.damages, "live": of(Fate::Live), "beside": of(Fate::Beside), "left": of(Fate::Left),
            "foreign": of(Fate::Foreign),
        });
        let file = |ending: &str| Path::new(&directory).join(format!("{seed}.{ending}"));
        std::fs::write(file("jsonl"), &sample.bytes).expect("the directory can be written to");
        std::fs::write(file("json"), truth.to_string()).expect("the directory can be written to");
    }
}
