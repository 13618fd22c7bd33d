//! Generates transcripts as clients write them, and damage to them, from a seed.
//!
//! Every text has a unique word, and the fate of each word is known: whether it is still part of the user's
//! conversation.

use super::client::words;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Expected fate of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It belongs to the conversation, and its record is in the file.
    Live,
    /// A parallel call, or its result, in the turn that a compaction preserved: the client forgets it with
    /// the summarized records, unless damage prevents that.
    Beside,
    /// The user went back to before it.
    Left,
    /// A compaction summarized it, it was destroyed, or nothing proves which branch it belongs to.
    Any,
    Foreign,
}

/// A transcript with the expected fates of its words.
pub struct Sample {
    pub session: String,
    pub bytes: Vec<u8>,
    pub fates: BTreeMap<u32, Fate>,
    pub damages: Vec<&'static str>,
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("it is below a usize")
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn uuid(&mut self) -> String {
        let bits = (u128::from(self.next()) << 64) | u128::from(self.next());
        let hex = format!("{bits:032x}");
        format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
    }
}

/// A line before damage is applied.
struct Line {
    bytes: Vec<u8>,
    /// Id of the record, if it is part of the conversation.
    id: Option<String>,
    parent: Option<String>,
    /// A record that the file alone does not explain, such as the first one after the user went back: without
    /// it, the order of records would be unknown.
    anchor: bool,
    /// Written while two clients had the session open.
    contested: bool,
}

/// A client that has the session open.
#[derive(Clone)]
struct Front {
    entrypoint: &'static str,
    head: Option<String>,
    /// Turns that the user can go back to.
    turns: Vec<Turn>,
}

#[derive(Clone)]
struct Turn {
    follows: Option<String>,
    prompt: String,
    words: Vec<u32>,
}

struct World {
    random: Random,
    session: String,
    clock: i64,
    lines: Vec<Line>,
    word: u32,
    fates: BTreeMap<u32, Fate>,
    /// The provider starts numbering calls again in every turn.
    reuses_ids: bool,
    /// Words of the current turn.
    turn: Vec<u32>,
    /// Writes a checkpoint at the end of a turn. Without one, a client that is killed after the user went
    /// back opens the abandoned branch.
    checkpoint: bool,
    contested: bool,
    contested_words: Vec<u32>,
}

pub fn sample(seed: u64) -> Sample {
    let mut random = Random(seed);
    let session = random.uuid();
    let reuses_ids = random.chance(8);
    let mut world = World {
        random,
        session,
        clock: 1_764_000_000_000,
        lines: Vec::new(),
        word: 0,
        fates: BTreeMap::new(),
        reuses_ids,
        turn: Vec::new(),
        checkpoint: false,
        contested: false,
        contested_words: Vec::new(),
    };
    let mut front = Front { entrypoint: world.entrypoint(), head: None, turns: Vec::new() };
    world.turn(&mut front);
    let mut forked = false;
    for _ in 0..=world.random.below(6) {
        match world.random.below(10) {
            0..=3 => world.turn(&mut front),
            4 | 5 if front.turns.len() > 1 => {
                if world.random.chance(50) {
                    front = world.resumed(front);
                }
                world.go_back(&mut front);
            }
            6 => world.compact(&mut front),
            7 if !forked && !world.reuses_ids => {
                world.two_clients(&mut front);
                forked = true;
            }
            8 => world.other_session(),
            _ => {
                front = world.resumed(front);
                world.turn(&mut front);
            }
        }
    }
    if world.random.chance(10) {
        world.other_session();
    }
    let mut damages = Vec::new();
    for _ in 0..[0, 1, 1, 2, 3][world.random.below(5)] {
        damages.extend(world.damage());
    }
    if world.random.chance(10) {
        damages.extend(world.cut_end());
    }
    world.finish(damages)
}

impl World {
    fn entrypoint(&mut self) -> &'static str {
        ["cli", "cli", "sdk-cli", "claude-vscode"][self.random.below(4)]
    }

    /// Returns a text with a new word.
    fn text(&mut self) -> String {
        self.word += 1;
        self.turn.push(self.word);
        self.fates.insert(self.word, Fate::Live);
        format!("this is word{}; of the conversation", self.word)
    }

    fn write(
        &mut self,
        front: &mut Front,
        parent: Option<String>,
        mut record: Value,
        on_chain: bool,
    ) -> String {
        self.clock += i64::try_from(self.random.below(4000)).unwrap_or(0) + 50;
        let at = chrono::DateTime::from_timestamp_millis(self.clock).expect("a time of this century");
        let id = self.random.uuid();
        let fields = json!({
            "isSidechain": false, "userType": "external", "entrypoint": front.entrypoint, "cwd": "/work", "sessionId": self.session,
            "version": "2.1.332", "gitBranch": "main", "timestamp": at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(), "uuid": id,
        });
        let own = record.as_object_mut().expect("records are objects");
        let mut whole = serde_json::Map::new();
        whole.insert("parentUuid".into(), parent.clone().map_or(Value::Null, Value::from));
        whole.append(own);
        whole.extend(fields.as_object().cloned().expect("it is an object"));
        let before = self.lines.iter().rev().find_map(|line| line.id.clone());
        let anchor = parent != before;
        self.lines.push(Line {
            bytes: Value::Object(whole).to_string().into_bytes(),
            id: Some(id.clone()),
            parent,
            anchor,
            contested: self.contested,
        });
        if on_chain {
            front.head = Some(id.clone());
        }
        id
    }

    #[expect(clippy::needless_pass_by_value, reason = "values are made for the call")]
    fn user(&mut self, front: &mut Front, content: Value, more: Value) -> String {
        let mut record = json!({"type": "user", "message": {"role": "user", "content": content}});
        if let (Some(record), Value::Object(more)) = (record.as_object_mut(), more) {
            record.extend(more);
        }
        self.write(front, front.head.clone(), record, true)
    }

    #[expect(clippy::needless_pass_by_value, reason = "values are made for the call")]
    fn assistant(&mut self, front: &mut Front, message: &str, block: Value, stop: &str) -> String {
        let record = json!({"type": "assistant", "requestId": format!("req_{message}"), "message": {
            "id": message, "type": "message", "role": "assistant", "model": "claude-opus-4-8", "content": [block], "stop_reason": stop,
            "stop_sequence": null, "usage": {"input_tokens": 12, "output_tokens": 4},
        }});
        self.write(front, front.head.clone(), record, true)
    }

    /// Writes metadata, as a client does between messages.
    fn note(&mut self, value: &Value) {
        self.lines.push(Line {
            bytes: value.to_string().into_bytes(),
            id: None,
            parent: None,
            anchor: true,
            contested: false,
        });
    }

    fn attachment(&mut self, front: &mut Front) {
        let record = json!({"type": "attachment", "attachment": {"type": "todo_reminder", "content": [], "itemCount": 0}});
        self.write(front, front.head.clone(), record, true);
    }

    fn turn(&mut self, front: &mut Front) {
        self.turn.clear();
        let follows = front.head.clone();
        let prompt = self.text();
        let prompt =
            self.user(front, prompt.into(), json!({"origin": {"kind": "human"}, "promptSource": "typed"}));
        for _ in 0..self.random.below(3) {
            self.attachment(front);
        }
        let mut calls = 0;
        for _ in 0..self.random.below(3) {
            calls = self.step(front, calls);
        }
        let message = format!("msg_{:016x}", self.random.next());
        if self.random.chance(30) {
            let thinking = self.text();
            self.assistant(
                front,
                &message,
                json!({"type": "thinking", "thinking": thinking, "signature": "c2lnbmVk"}),
                "end_turn",
            );
        }
        let said = self.text();
        self.assistant(front, &message, json!({"type": "text", "text": said}), "end_turn");
        if self.random.chance(60) || self.checkpoint {
            self.note(&json!({"type": "last-prompt", "lastPrompt": "…", "leafUuid": front.head, "sessionId": self.session}));
        }
        front.turns.push(Turn { follows, prompt, words: self.turn.clone() });
    }

    /// Writes parallel calls and their results.
    fn step(&mut self, front: &mut Front, before: usize) -> usize {
        let message = format!("msg_{:016x}", self.random.next());
        if self.random.chance(30) {
            let said = self.text();
            self.assistant(front, &message, json!({"type": "text", "text": said}), "tool_use");
        }
        let count = [1, 1, 1, 2, 3][self.random.below(5)];
        let beside = self.random.chance(40);
        let mut calls = Vec::new();
        for number in 0..count {
            let tool = if self.reuses_ids {
                format!("call_{}", before + number)
            } else {
                format!("toolu_{:016x}", self.random.next())
            };
            let name = ["Bash", "Bash", "Skill", "Agent"][self.random.below(4)];
            let asked = self.text();
            let input = match name {
                "Skill" => json!({"skill": asked}),
                "Agent" => {
                    json!({"prompt": asked, "description": "look", "subagent_type": "general-purpose"})
                }
                _ => json!({"command": asked, "description": "run"}),
            };
            let call = self.assistant(
                front,
                &message,
                json!({"type": "tool_use", "id": tool, "name": name, "input": input}),
                "tool_use",
            );
            if self.random.chance(15) {
                let progress =
                    json!({"type": "progress", "data": {"type": "hook_progress"}, "toolUseID": tool});
                self.write(front, Some(call.clone()), progress, false);
            }
            calls.push((call, tool, name));
            if beside && number + 1 < count {
                // The result of a fast call comes before the next call, which still
                // follows the previous call.
                let (call, tool, name) = calls[number].clone();
                self.result(front, &call, &tool, name, false);
            }
        }
        for (number, (call, tool, name)) in calls.clone().into_iter().enumerate() {
            if !beside || number + 1 == count {
                self.result(front, &call, &tool, name, number + 1 == count);
            }
        }
        before + count
    }

    fn result(&mut self, front: &mut Front, call: &str, tool: &str, name: &str, on_chain: bool) {
        let said = self.text();
        let record = json!({
            "type": "user", "sourceToolAssistantUUID": call, "toolUseResult": {"stdout": "", "stderr": ""},
            "message": {"role": "user", "content": [{"type": "tool_result", "tool_use_id": tool, "content": said}]},
        });
        let mut last = self.write(front, Some(call.to_owned()), record, on_chain);
        if name == "Skill" {
            let body = self.text();
            let record = json!({"type": "user", "isMeta": true, "sourceToolUseID": tool, "message": {"role": "user", "content": [{"type": "text", "text": body}]}});
            last = self.write(front, Some(last), record, on_chain);
        }
        if on_chain {
            front.head = Some(last);
        }
    }

    /// Goes back to an earlier turn and writes another one.
    fn go_back(&mut self, front: &mut Front) {
        let keep = self.random.below(front.turns.len() - 1) + 1;
        let follows = front.turns[keep].follows.clone();
        for turn in front.turns.split_off(keep) {
            for word in turn.words {
                self.fates.insert(word, Fate::Left);
            }
        }
        front.head = follows;
        self.clock += 60_000;
        self.checkpoint = true;
        self.turn(front);
        self.checkpoint = false;
    }

    /// Closes the session and opens it again, perhaps in another front end.
    fn resumed(&mut self, front: Front) -> Front {
        self.clock += 3_600_000;
        self.note(&json!({"type": "last-prompt", "lastPrompt": "…", "leafUuid": front.head, "sessionId": self.session}));
        if self.random.chance(20) {
            self.replay();
        }
        Front { entrypoint: self.entrypoint(), ..front }
    }

    /// Writes the newest records again, unchanged.
    fn replay(&mut self) {
        let after =
            self.lines.iter().rposition(|line| line.id.is_some() && line.parent.is_none()).unwrap_or(0);
        let own: Vec<usize> =
            (after + 1..self.lines.len()).filter(|at| self.lines[*at].id.is_some()).collect();
        let count = self.random.below(4) + 1;
        for at in own.into_iter().rev().take(count).collect::<Vec<_>>().into_iter().rev() {
            let line = &self.lines[at];
            let copy = Line {
                bytes: line.bytes.clone(),
                id: None,
                parent: line.parent.clone(),
                anchor: true,
                contested: false,
            };
            self.lines.push(copy);
        }
    }

    fn compact(&mut self, front: &mut Front) {
        let keeps = self.random.chance(40);
        let last = front.turns.pop().filter(|_| keeps);
        for word in front.turns.drain(..).flat_map(|turn| turn.words) {
            self.fates.insert(word, Fate::Any);
        }
        // Older records, such as the branch that was set aside when two clients wrote, are summarized as
        // well.
        let kept = last.as_ref().map(|turn| turn.words.clone()).unwrap_or_default();
        for (word, fate) in &mut self.fates {
            if matches!(*fate, Fate::Live | Fate::Beside) && !kept.contains(word) {
                *fate = Fate::Any;
            }
        }
        let tail = front.head.clone();
        let mut metadata = json!({"trigger": "manual", "preTokens": 1000});
        let boundary = json!({"type": "system", "subtype": "compact_boundary", "content": "Conversation compacted", "isMeta": false, "level": "info", "logicalParentUuid": tail});
        let place = self.lines.len();
        self.write(front, None, boundary, true);
        self.turn.clear();
        let summary =
            format!("This session is being continued from a previous conversation: {}", self.text());
        let anchor = self.user(
            front,
            summary.into(),
            json!({"isCompactSummary": true, "isVisibleInTranscriptOnly": true}),
        );
        if let Some(turn) = &last {
            metadata["preservedSegment"] =
                json!({"headUuid": turn.prompt, "tailUuid": tail, "anchorUuid": anchor});
            // Without both ends, the client does not know which records were preserved.
            for line in &mut self.lines {
                line.anchor |= line.id.as_ref() == Some(&turn.prompt) || line.id == tail;
            }
            self.forget_beside(&turn.prompt, tail.as_deref());
            front.head = tail;
        }
        let line = &mut self.lines[place];
        let mut value: Value = serde_json::from_slice(&line.bytes).expect("it was written here");
        value["compactMetadata"] = metadata;
        line.bytes = value.to_string().into_bytes();
        line.anchor = true;
        if let Some(line) = self.lines.last_mut() {
            line.anchor = true;
        }
        self.turn(front);
    }

    /// Marks what is off the path from the tail of the preserved turn to its prompt.
    fn forget_beside(&mut self, prompt: &str, tail: Option<&str>) {
        let mut chain: BTreeSet<String> = BTreeSet::new();
        let mut at = tail.map(str::to_owned);
        while let Some(id) = at {
            let line = self.lines.iter().find(|line| line.id.as_deref() == Some(&*id));
            at = line.and_then(|line| line.parent.clone()).filter(|_| id != prompt);
            chain.insert(id);
        }
        let of = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap_or_default();
        let start = self.lines.iter().position(|line| line.id.as_deref() == Some(prompt)).unwrap_or(0);
        let mut calls: BTreeSet<String> = BTreeSet::new();
        for line in &self.lines[start..] {
            let value = of(&line.bytes);
            if value["subtype"] == "compact_boundary" {
                break;
            }
            if line.id.as_ref().is_none_or(|id| chain.contains(id)) {
                continue;
            }
            for word in words(&value.to_string()) {
                self.fates.entry(word).and_modify(|fate| {
                    if *fate == Fate::Live {
                        *fate = Fate::Beside;
                    }
                });
            }
            calls.extend(value["sourceToolAssistantUUID"].as_str().map(str::to_owned));
        }
        for line in &self.lines {
            if line.id.as_ref().is_some_and(|id| calls.contains(id)) {
                for word in words(&String::from_utf8_lossy(&line.bytes)) {
                    self.fates.entry(word).and_modify(|fate| {
                        if *fate == Fate::Live {
                            *fate = Fate::Beside;
                        }
                    });
                }
            }
        }
    }

    /// Two clients have the session open and take turns.
    fn two_clients(&mut self, front: &mut Front) {
        let mut other = Front { entrypoint: self.entrypoint(), turns: Vec::new(), ..front.clone() };
        front.turns.clear();
        let runs = if other.entrypoint == front.entrypoint { 4 } else { 3 } + self.random.below(2);
        (self.checkpoint, self.contested) = (true, true);
        let first = self.word + 1;
        for run in 0..runs {
            self.turn(if run % 2 == 0 { &mut *front } else { &mut other });
        }
        (self.checkpoint, self.contested) = (false, false);
        self.contested_words = (first..=self.word).collect();
        // The user continues with the client that wrote last.
        if usize::is_multiple_of(runs, 2) {
            *front = other;
        }
        front.turns.clear();
    }

    /// Writes turns of another session, as older clients did in this file.
    fn other_session(&mut self) {
        let own = std::mem::take(&mut self.session);
        self.session = self.random.uuid();
        let first = self.word + 1;
        let mut front = Front { entrypoint: "cli", head: None, turns: Vec::new() };
        self.turn(&mut front);
        for word in first..=self.word {
            self.fates.insert(word, Fate::Foreign);
        }
        self.session = own;
    }

    /// Returns the lines whose loss leaves enough information to restore the order.
    fn losable(&self) -> Vec<usize> {
        (0..self.lines.len()).filter(|at| !self.lines[*at].anchor && self.lines[*at].id.is_some()).collect()
    }

    fn lose(&mut self, at: usize) {
        for word in words(&String::from_utf8_lossy(&self.lines[at].bytes)) {
            self.fates.entry(word).and_modify(|fate| {
                if matches!(*fate, Fate::Live | Fate::Beside) {
                    *fate = Fate::Any;
                }
            });
        }
        self.lines[at].anchor = true;
        self.lines[at].id = None;
        self.leave_thinking_alone(at);
    }

    /// Updates the fates of thinking that is the only part left of its message, because the client does not
    /// send such a message.
    fn leave_thinking_alone(&mut self, lost: usize) {
        // Whole records on an already damaged line, with NUL bytes or after a torn record, count as well.
        let of = |line: &Line| -> Vec<Value> {
            let bytes: Vec<u8> = line.bytes.iter().copied().filter(|byte| *byte != 0).collect();
            let record = |at| serde_json::Deserializer::from_slice(&bytes[at..]).into_iter().next()?.ok();
            memchr::memmem::find_iter(&bytes, b"{\"parentUuid\"").filter_map(record).collect()
        };
        let message =
            of(&self.lines[lost]).first().map(|value| value["message"]["id"].clone()).unwrap_or_default();
        let parts: Vec<Value> = (0..self.lines.len())
            .filter(|at| *at != lost && message.is_string())
            .flat_map(|at| of(&self.lines[at]))
            .filter(|value| value["message"]["id"] == message)
            .collect();
        if parts.iter().any(|part| part["message"]["content"][0]["type"] != "thinking") {
            return;
        }
        for word in parts.iter().flat_map(|part| words(&part.to_string())) {
            self.fates.insert(word, Fate::Any);
        }
    }

    fn damage(&mut self) -> Option<&'static str> {
        let losable = self.losable();
        let at = *losable.get(self.random.below(losable.len().max(1)))?;
        if self.lines[at].contested || self.lines.get(at + 1).is_some_and(|next| next.contested) {
            // The rest may no longer prove that there were two clients.
            for word in std::mem::take(&mut self.contested_words) {
                self.fates.entry(word).and_modify(|fate| {
                    if *fate == Fate::Live {
                        *fate = Fate::Any;
                    }
                });
            }
        }
        let kind = self.random.below(8);
        // Without its call, a result with a reused id would belong to an earlier call.
        let kind = if self.reuses_ids && matches!(kind, 1 | 2 | 4) { 3 } else { kind };
        Some(match kind {
            0 => {
                let next = self.lines.get(at + 1).map(|line| line.bytes.clone())?;
                self.lines[at].bytes.extend(next);
                self.lines.remove(at + 1);
                self.lines[at].anchor = true;
                // The line may contain a checkpoint that is the only proof that the user went back, so it
                // must not be torn later.
                self.lines[at].id = None;
                "glued"
            }
            1 => {
                self.lose(at);
                let length = self.random.below(self.lines[at].bytes.len());
                self.lines[at].bytes.truncate(length);
                "torn"
            }
            2 => {
                let next = self.lines.get(at + 1).map(|line| line.bytes.clone())?;
                self.lose(at);
                let length = self.random.below(self.lines[at].bytes.len());
                self.lines[at].bytes.truncate(length);
                self.lines[at].bytes.extend(next);
                self.lines.remove(at + 1);
                "torn and glued"
            }
            3 => {
                let nul = vec![0; self.random.below(600) + 1];
                self.lines[at].bytes.splice(0..0, nul);
                self.lines[at].anchor = true;
                "NUL"
            }
            4 => {
                self.lose(at);
                self.lines[at].bytes = b"\x80\xffnoise".to_vec();
                "lost"
            }
            5 => {
                let id = self.random.uuid();
                self.reparent(at, Value::from(id))?;
                "missing parent"
            }
            6 => {
                self.reparent(at, Value::Null)?;
                "no parent"
            }
            _ => {
                // A copy of a record without its parent, at the end of the file.
                let boundary = self
                    .lines
                    .iter()
                    .rposition(|line| memchr::memmem::find(&line.bytes, b"compact_boundary").is_some());
                if boundary.is_some_and(|boundary| at < boundary) {
                    return None;
                }
                let mut value: Value = serde_json::from_slice(&self.lines[at].bytes).ok()?;
                value["parentUuid"] = Value::Null;
                self.lines[at].anchor = true;
                self.lines.push(Line {
                    bytes: value.to_string().into_bytes(),
                    id: None,
                    parent: None,
                    anchor: true,
                    contested: false,
                });
                "replay without parent"
            }
        })
    }

    fn reparent(&mut self, at: usize, parent: Value) -> Option<()> {
        let mut value: Value = serde_json::from_slice(&self.lines[at].bytes).ok()?;
        // A prompt without a parent means that the user went back to the beginning.
        let prompt = value["type"] == "user" && value["message"]["content"].is_string();
        if (parent.is_null() && (prompt || value["type"] == "attachment")) || value["isMeta"] == true {
            return None;
        }
        value["parentUuid"] = parent;
        self.lines[at].bytes = value.to_string().into_bytes();
        self.lines[at].anchor = true;
        Some(())
    }

    /// Tears the last line.
    fn cut_end(&mut self) -> Option<&'static str> {
        let at = self.lines.len() - 1;
        let line = &self.lines[at];
        line.id.as_ref()?;
        self.lose(at);
        let length = self.lines[at].bytes.len();
        let kept = self.random.below(length);
        self.lines[at].bytes.truncate(kept);
        Some("torn end")
    }

    fn finish(self, damages: Vec<&'static str>) -> Sample {
        let torn_end = damages.contains(&"torn end");
        let mut bytes = self.lines.iter().map(|line| line.bytes.as_slice()).collect::<Vec<_>>().join(&b'\n');
        if !torn_end {
            bytes.push(b'\n');
        }
        Sample { session: self.session, bytes, fates: self.fates, damages }
    }
}
