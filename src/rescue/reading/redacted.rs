//! Redacts a page: replaces secrets in an entry before it is shown, with the same redactor that notes use.
//!
//! Pictures cannot be redacted, so a redacted page has none ([`super::PageMemory`]).

use super::PageFacts;
use super::entry::{Entry, Hunk, PagePrompt, PageToolCall, PageToolResult, Picture};
use crate::redact::redact;
use crate::session::summary::KEPT;
use serde_json::{Value, json};
use std::borrow::Cow;

/// Replaces the secrets in all texts of an entry.
pub fn redact_entry(entry: &mut Entry) {
    match entry {
        Entry::Prompt(PagePrompt { text, pictures, .. }) => {
            redact_text(text);
            redact_kinds(pictures);
        }
        Entry::Answer { text, .. } | Entry::Thinking(text) => redact_text(text),
        Entry::Call(PageToolCall { name, input, outcome, .. }) => {
            redact_text(name);
            redact_value(input);
            if let Some(outcome) = outcome {
                redact_result(outcome);
            }
        }
        Entry::Result(outcome) => redact_result(outcome),
        Entry::Client { label, text } => {
            redact_text(label);
            redact_text(text);
        }
        Entry::Event(event) => {
            redact_text(&mut event.title);
            redact_text(&mut event.detail);
        }
    }
}

/// Replaces the secrets in the facts at the top of a page.
pub fn redact_facts(facts: &mut PageFacts) {
    redact_text(&mut facts.title);
    facts.cwd.iter_mut().for_each(redact_text);
    for (_, value, _) in &mut facts.rows {
        redact_text(value);
    }
}

/// Redacts a text of a session's summary, which may have been cut within a secret. The last word of such a text
/// is left out, because the beginning of a secret is not recognized.
pub fn redact_stored(text: &mut String) {
    // A cut respects characters, which have at most 4 bytes.
    if text.len() + 4 > KEPT {
        text.truncate(text.rfind(char::is_whitespace).unwrap_or(0));
    }
    redact_text(text);
}

/// Returns whether a transcript's path hides a secret of the session's directory. Claude Code writes the
/// directory into that path with other separators, so a secret in it is not recognized.
pub fn encodes_secret(directory: &str) -> bool {
    matches!(redact(directory), Cow::Owned(_))
}

pub fn redact_text(text: &mut String) {
    if let Cow::Owned(redacted) = redact(text) {
        *text = redacted;
    }
}

/// Redacts media types, which are shown in place of pictures and may contain any text.
fn redact_kinds(pictures: &mut [Picture]) {
    for picture in pictures {
        redact_text(&mut picture.media);
    }
}

fn redact_result(outcome: &mut PageToolResult) {
    redact_text(&mut outcome.text);
    redact_kinds(&mut outcome.pictures);
    for hunk in outcome.patch.iter_mut().flatten() {
        redact_hunk(hunk);
    }
}

/// Redacts all lines together, because a key can span several, and without their `+` and `-` marks,
/// which would hide it.
fn redact_hunk(hunk: &mut Hunk) {
    let body = |line: &String| line.get(1..).unwrap_or_default().to_owned();
    let bodies = hunk.lines.iter().map(body).collect::<Vec<_>>().join("\n");
    let Cow::Owned(redacted) = redact(&bodies) else { return };
    let lines: Vec<&str> = redacted.split('\n').collect();
    if lines.len() == hunk.lines.len() {
        for (line, redacted) in hunk.lines.iter_mut().zip(lines) {
            let mark = line.get(..1).unwrap_or(" ").to_owned();
            *line = mark + redacted;
        }
    } else {
        // The lines can no longer be matched, so all of them count as added.
        hunk.lines = lines.into_iter().map(|line| format!("+{line}")).collect();
    }
}

fn redact_value(value: &mut Value) {
    match value {
        Value::String(text) => redact_text(text),
        Value::Array(items) => items.iter_mut().for_each(redact_value),
        Value::Object(fields) => {
            let redacted = std::mem::take(fields).into_iter().map(|(mut key, mut value)| {
                redact_value(&mut value);
                if let Value::String(text) = &mut value {
                    redact_named(&key, text);
                }
                redact_text(&mut key);
                (key, value)
            });
            *fields = redacted.collect();
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Redacts a value that only its key reveals as a secret, such as `"password": "hunter2"`.
fn redact_named(key: &str, text: &mut String) {
    let named = json!({ key: text.as_str() }).to_string();
    if let Cow::Owned(redacted) = redact(&named) {
        let parsed: Option<Value> = serde_json::from_str(&redacted).ok();
        let value = parsed.as_ref().and_then(|value| value.get(key)?.as_str());
        value.unwrap_or(&redacted).clone_into(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";

    #[test]
    fn secrets_are_replaced_in_every_text_of_an_entry() {
        let outcome = || PageToolResult {
            id: "t".into(),
            text: format!("token {TOKEN}"),
            pictures: Vec::new(),
            failed: false,
            patch: Some(vec![Hunk {
                lines: vec![format!("+key = {TOKEN}"), " b".into()],
                ..Hunk::default()
            }]),
        };
        let call = PageToolCall {
            id: "t".into(),
            name: "Bash".into(),
            input: json!({"command": format!("curl -H 'Authorization: Bearer {TOKEN}'"), "deep": [{"x": TOKEN}],
                "password": "Xk9mQ2vL7pRt"}),
            outcome: Some(outcome()),
        };
        let prompt = PagePrompt {
            by: super::super::entry::PromptAuthor::Person,
            text: TOKEN.into(),
            pictures: Vec::new(),
            at: None,
        };
        for mut entry in [
            Entry::Prompt(prompt),
            Entry::Answer { text: TOKEN.into(), at: None },
            Entry::Thinking(TOKEN.into()),
            Entry::Call(call),
            Entry::Result(outcome()),
            Entry::Client { label: TOKEN.into(), text: TOKEN.into() },
        ] {
            redact_entry(&mut entry);
            let shown = format!("{entry:?}");
            assert!(!shown.contains(TOKEN) && !shown.contains("Xk9mQ2vL7pRt"), "{shown}");
        }
    }

    #[test]
    fn secrets_are_replaced_in_every_fact_of_a_page() {
        let directory = format!("/w/{TOKEN}");
        let mut facts = PageFacts {
            title: format!("title {TOKEN}"),
            rows: vec![
                ("Session", "00000001-0000-4000-8000-000000000001".into(), true),
                ("Directory", directory.clone(), true),
                ("Branch", format!("feature/{TOKEN}"), true),
                ("Resume with", format!("cd {directory} && claude"), true),
            ],
            cwd: Some(directory),
            ..PageFacts::default()
        };
        redact_facts(&mut facts);
        let shown = format!("{facts:?}");
        assert!(!shown.contains(&TOKEN[4..]), "{shown}");
        assert!(shown.contains("00000001-0000-4000-8000-000000000001"), "{shown}");
    }

    #[test]
    fn a_transcript_path_is_hidden_only_if_its_directory_has_a_secret() {
        let directory = format!("/w/{TOKEN}");
        let encoded = directory.replace(['/', '_'], "-");
        assert!(matches!(redact(&encoded), Cow::Borrowed(_)), "the control: {encoded}");
        assert!(encodes_secret(&directory) && !encodes_secret("/w/app"));
    }

    #[test]
    fn a_secret_that_a_summary_cut_is_left_out() {
        let filler = " x".repeat((KEPT - 12) / 2);
        for (stored, left) in [
            (format!("{filler} {}", &TOKEN[..11]), filler.clone()),
            (TOKEN.repeat(KEPT / TOKEN.len() + 1)[..KEPT].to_owned(), String::new()),
            ("whole text".to_owned(), "whole text".to_owned()),
        ] {
            let mut text = stored;
            redact_stored(&mut text);
            assert_eq!(text, left);
        }
    }

    #[test]
    fn a_key_across_several_lines_of_a_patch_is_replaced() {
        let mut hunk = Hunk {
            lines: ["-----BEGIN RSA PRIVATE KEY-----", "MIIEpAIBAAKCAQEA7", "-----END RSA PRIVATE KEY-----"]
                .map(|line| format!("+{line}"))
                .to_vec(),
            ..Hunk::default()
        };
        redact_hunk(&mut hunk);
        assert!(!hunk.lines.join("\n").contains("MIIEpAIBAAKCAQEA7"), "{hunk:?}");
    }
}
