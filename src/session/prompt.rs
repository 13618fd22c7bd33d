//! Distinguishes prompts of the user from text that the client wrote in the user's role
//! ([`crate::claude::wording`]).

use crate::claude::glance::{GlanceKind, is_glued};
use crate::claude::record::{Body, Record, User};
use memchr::memmem::Finder;
use std::sync::LazyLock;

// These cannot occur inside a JSON string, because their quotes would be escaped.
static USER: LazyLock<Finder> = LazyLock::new(|| Finder::new(b"\"user\""));
static RESULT: LazyLock<Finder> = LazyLock::new(|| Finder::new(b"\"type\":\"tool_result\""));

/// Returns whether a line of this kind, as determined by [`crate::claude::glance::kind_of`], can contain a
/// prompt. A line with a tool result cannot, unless another record is concatenated to it. Most of a file
/// consists of tool results.
#[must_use]
pub fn may_hold_prompt(kind: GlanceKind, line: &[u8]) -> bool {
    match kind {
        GlanceKind::User => !has(&RESULT, line),
        GlanceKind::Message => has(&USER, line) && !has(&RESULT, line),
        GlanceKind::Unknown => has(&USER, line) && (!has(&RESULT, line) || is_glued(line)),
        GlanceKind::Nothing
        | GlanceKind::Mark(_)
        | GlanceKind::Meta
        | GlanceKind::Note
        | GlanceKind::Result
        | GlanceKind::Answer => false,
    }
}

fn has(mark: &Finder, line: &[u8]) -> bool {
    mark.find(line).is_some()
}

/// Returns the record as a prompt of the main conversation, if it is one.
#[must_use]
pub fn prompt_of(record: &Record) -> Option<&User> {
    match &record.body {
        Body::User(user) if !record.head.sidechain && user.is_prompt() => Some(user),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claude::glance::{kind_of, recorded_lines};
    use crate::claude::record::parse_line;

    #[test]
    fn a_line_with_a_prompt_is_never_excluded_and_one_with_a_result_is() {
        let made = [
            r#"{"parentUuid":"00000001-0000-4000-8000-000000000001","isSidechain":false,"promptId":"p","type":"user","message":{"role":"user","content":"a"}}"#,
            r#"{"parentUuid":null,"isSidechain":false,"message":{"id":"msg_1","role":"user","content":"a"},"type":"user"}"#,
            r#"{"message":{"role":"user","content":"a"}, "type" : "user"}"#,
            r#" {"type":"user","message":{"role":"user","content":"a"}}"#,
            r#"{"type":"last-prompt","lastPrompt":"a"}{"type":"user","message":{"role":"user","content":"a"}}"#,
            r#"{"type":"user","message":{"content":[{"tool_use_id":"t","type":"tool_result","content":"a"}]}}{"type":"user","message":{"content":"b"}}"#,
        ];
        let mut held = 0;
        for line in recorded_lines().into_iter().chain(made.map(|line| line.as_bytes().to_vec())) {
            if parse_line(0, &line).iter().any(|record| prompt_of(record).is_some()) {
                held += 1;
                assert!(may_hold_prompt(kind_of(&line), &line), "{}", String::from_utf8_lossy(&line));
            }
        }
        assert!(held > 20, "{held}");
        let result = br#"{"type":"user","message":{"content":[{"tool_use_id":"t","type":"tool_result","content":"a"}]}}"#;
        assert!(!may_hold_prompt(kind_of(result), result));
    }
}
