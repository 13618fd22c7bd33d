//! Reconstructs the queue of prompts that the user sent during a turn. The client records each in a
//! `queue-operation` record but stores the queue itself only in memory, so prompts that were in it when the
//! process ended were never sent.

use super::gather::{TimedText, said};
use crate::claude::wording::client_text;
use crate::clock::parse_rfc3339;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{HashSet, VecDeque};

const MOST: usize = 6;
/// Maximum length of an attachment line, in bytes.
const LONGEST: usize = 256 * 1024;

#[derive(Deserialize)]
struct Operation {
    #[serde(rename = "operation")]
    kind: String,
    content: Option<Value>,
    timestamp: Option<String>,
}

#[derive(Deserialize)]
struct Sent {
    attachment: SentPrompt,
}

#[derive(Deserialize)]
struct SentPrompt {
    prompt: Value,
}

/// Queue operations seen so far, newest first.
#[derive(Default)]
pub(super) struct Queue {
    operations: Vec<Operation>,
    /// Prompts sent after the line that is read next.
    sent: HashSet<String>,
}

impl Queue {
    /// Reads a line that is not a message.
    pub(super) fn see(&mut self, line: &[u8]) {
        if line.starts_with(b"{\"type\":\"queue-operation\"") {
            let Ok(operation) = serde_json::from_slice::<Operation>(line) else { return };
            let content = operation.content.as_ref().and_then(Value::as_str);
            if !content.is_some_and(|content| self.sent.contains(content.trim())) {
                self.operations.push(operation);
            }
        } else if line.len() < LONGEST
            && memchr::memmem::find(line, b"\"queued_command\"").is_some()
            && let Ok(sent) = serde_json::from_slice::<Sent>(line)
        {
            match sent.attachment.prompt {
                Value::String(text) => self.sent(&text),
                Value::Array(blocks) => {
                    blocks
                        .iter()
                        .filter_map(|block| block.get("text")?.as_str())
                        .for_each(|text| self.sent(text));
                }
                _ => {}
            }
        }
    }

    /// Records a prompt that was sent.
    pub(super) fn sent(&mut self, text: &str) {
        self.sent.insert(text.trim().to_owned());
    }

    /// Returns the prompts that were never sent, oldest first.
    pub(super) fn unsent(self) -> Vec<TimedText> {
        let mut queue: VecDeque<(String, Option<String>)> = VecDeque::new();
        for Operation { kind, content, timestamp } in self.operations.into_iter().rev() {
            let content = content.and_then(|content| content.as_str().map(str::to_owned));
            match kind.as_str() {
                "enqueue" => queue.push_back((content.unwrap_or_default(), timestamp)),
                "popAll" => queue.clear(),
                // Removed by the client, or by the user in order to edit it.
                _ => {
                    let at = content.and_then(|content| queue.iter().position(|(text, _)| *text == content));
                    queue.remove(at.unwrap_or_default());
                }
            }
        }
        let unsent =
            queue.into_iter().filter(|(text, _)| !text.trim().is_empty() && client_text(text).is_none());
        let mut unsent: Vec<TimedText> =
            unsent.map(|(text, at)| said(&text, at.as_deref().and_then(parse_rfc3339))).collect();
        unsent.drain(..unsent.len().saturating_sub(MOST));
        unsent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads lines from oldest to newest. A text without a brace stands for a prompt that was sent.
    fn unsent(lines: &[&str]) -> Vec<String> {
        let mut queue = Queue::default();
        for line in lines.iter().rev() {
            if line.starts_with('{') { queue.see(line.as_bytes()) } else { queue.sent(line) }
        }
        queue.unsent().into_iter().map(|said| said.text).collect()
    }

    #[test]
    fn a_queued_prompt_is_unsent_until_it_is_removed_or_sent() {
        let a = r#"{"type":"queue-operation","operation":"enqueue","timestamp":"2026-11-21T05:07:43.976Z","content":"a"}"#;
        let b = &a.replace(r#""a""#, r#""b""#);
        let taken = r#"{"type":"queue-operation","operation":"dequeue"}"#;
        let all = r#"{"type":"queue-operation","operation":"popAll"}"#;
        let sent = r#"{"parentUuid":null,"isSidechain":false,"attachment":{"type":"queued_command","prompt":"b"},"type":"attachment"}"#;
        let notified = &a.replace(r#""a""#, r#""<task-notification>x</task-notification>""#);
        let remove = r#"{"type":"queue-operation","operation":"remove","content":"a"}"#;
        for (lines, left) in [
            (&[a][..], &["a"][..]),
            (&[a, b], &["a", "b"]),
            (&[a, taken, "a"], &[]),
            (&[a, b, taken], &["b"]),
            (&[a, b, "b"], &["a"]),
            (&[a, b, sent], &["a"]),
            (&[a, b, all], &[]),
            (&[b, a, remove], &["b"]),
            (&[taken, a], &["a"]),
            (&["a", a], &["a"]),
            (&[notified], &[]),
            (&[r#"{"type":"queue-operation""#], &[]),
        ] {
            assert_eq!(unsent(lines), left, "{lines:?}");
        }
    }
}
