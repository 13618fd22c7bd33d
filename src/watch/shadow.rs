//! Writes a shadow log, the conversation of a session whose client fails to save it, as far as hooks receive
//! it. Answers come from the hook at the end of a turn, prompts from the client's own input history.
//!
//! The log is not a transcript and cannot be resumed, but it prevents hours of work from disappearing without
//! a trace. Known patterns of secrets are removed. The size is limited, and the oldest texts are dropped
//! first.

use crate::error::Result;
use crate::redact::redact;
use crate::session::stop::time_or_null;
use crate::store::StateDir;
use crate::store::stored::{Stored, load, save};
use crate::text::head;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Maximum length of one prompt or answer, in bytes.
const LONGEST: usize = 32 * 1024;
/// Maximum total length of the texts, in bytes.
const MOST: usize = 256 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShadowSpeaker {
    Person,
    Claude,
}

/// A prompt or an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowEntry {
    #[serde(serialize_with = "time_or_null")]
    pub at: Option<DateTime<Utc>>,
    pub who: ShadowSpeaker,
    /// Text without known patterns of secrets.
    pub text: String,
}

impl ShadowEntry {
    /// Creates an entry. Secrets are redacted before the text is cut, because a partial secret is not
    /// recognized.
    #[must_use]
    pub fn new(who: ShadowSpeaker, text: &str, at: Option<DateTime<Utc>>) -> Self {
        Self { at, who, text: head(&redact(text), LONGEST).to_owned() }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shadow {
    pub version: u32,
    pub session: String,
    /// Number of older entries that were dropped.
    pub forgotten: usize,
    /// Entries in the log, oldest first.
    pub said: Vec<ShadowEntry>,
}

impl Stored for Shadow {
    const VERSION: u32 = 1;
}

/// Adds entries that are not in the log yet. The caller must own the session's lease.
///
/// # Errors
///
/// Returns [`crate::error::Code::StateNewer`], [`crate::error::Code::Io`].
pub fn append_to_shadow_log(state: &StateDir, session: &str, fresh: Vec<ShadowEntry>) -> Result<()> {
    let path = state.shadow(session);
    let known = load::<Shadow>(state, &path)?.found();
    let mut shadow = known.unwrap_or_else(|| Shadow {
        version: Shadow::VERSION,
        session: session.to_owned(),
        forgotten: 0,
        said: Vec::new(),
    });
    for one in fresh {
        if !one.text.is_empty() && !shadow.said.contains(&one) {
            shadow.said.push(one);
        }
    }
    shadow.said.sort_by_key(|said| said.at);
    let mut bytes: usize = shadow.said.iter().map(|said| said.text.len()).sum();
    let surplus = shadow.said.iter().take_while(|said| {
        let over = bytes > MOST;
        bytes -= said.text.len();
        over
    });
    let surplus = surplus.count();
    shadow.said.drain(..surplus);
    shadow.forgotten += surplus;
    save(&path, &shadow)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::from_epoch_seconds;
    use crate::store::stored::peek;

    fn shadow(state: &StateDir) -> Shadow {
        peek::<Shadow>(&state.shadow("s")).unwrap().unwrap()
    }

    #[test]
    fn the_shadow_log_stores_each_text_once_in_order_and_without_known_secrets() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::new(dir.path());
        let at = from_epoch_seconds;
        let prompt =
            ShadowEntry::new(ShadowSpeaker::Person, "use ghp_0123456789abcdefghijABCDEFGHIJ0123", at(1));
        append_to_shadow_log(
            &state,
            "s",
            vec![ShadowEntry::new(ShadowSpeaker::Claude, "Yes.", at(2)), prompt.clone()],
        )
        .unwrap();
        append_to_shadow_log(
            &state,
            "s",
            vec![prompt, ShadowEntry::new(ShadowSpeaker::Claude, "Yes.", at(3))],
        )
        .unwrap();
        let said = shadow(&state).said;
        assert_eq!(said.iter().map(|said| said.at).collect::<Vec<_>>(), [at(1), at(2), at(3)]);
        assert!(said[0].text.starts_with("use [removed: "), "{}", said[0].text);
    }

    #[test]
    fn the_shadow_log_is_bounded_and_counts_what_it_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::new(dir.path());
        for index in 0..100 {
            let text = format!("{index} {}", "word ".repeat(8_000));
            append_to_shadow_log(
                &state,
                "s",
                vec![ShadowEntry::new(ShadowSpeaker::Claude, &text, from_epoch_seconds(index))],
            )
            .unwrap();
        }
        let kept = shadow(&state);
        assert_eq!((kept.said.len(), kept.forgotten), (8, 92));
        assert!(kept.said.last().unwrap().text.starts_with("99 "));
    }

    #[test]
    #[cfg(unix)]
    fn the_shadow_log_is_readable_only_by_its_owner() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::new(dir.path().join("state"));
        append_to_shadow_log(&state, "s", vec![ShadowEntry::new(ShadowSpeaker::Claude, "Yes.", None)])
            .unwrap();
        let mode = std::fs::metadata(state.shadow("s")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
