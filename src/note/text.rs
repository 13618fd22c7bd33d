//! Prepares text for a note: removes secrets and the characters that [`crate::text`] removes, limits its
//! length, and quotes it so that nothing in it is interpreted as Markdown or as a marker of this tool.

use super::handoff::defuse;
use crate::redact::{examined_part, redact};
use crate::text::{sanitized, shortened};
use std::fmt::Write;

pub use crate::redact::clean_line as line;

/// Sanitizes, redacts and truncates a text to at most `limit` characters, and marks the cut.
#[must_use]
pub fn block(raw: &str, limit: usize) -> String {
    let clean = sanitized(examined_part(raw));
    let text = redact(&clean);
    let lines: Vec<&str> = text.trim().lines().map(str::trim_end).collect();
    shortened(&lines.join("\n"), limit).into_owned()
}

/// Formats a Markdown code span that shows exactly this line.
#[must_use]
pub fn span(text: &str) -> String {
    if text.is_empty() {
        return "(empty)".to_owned();
    }
    let text = defuse(text);
    let ticks = "`".repeat(longest_run(&text) + 1);
    let pad = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) { " " } else { "" };
    format!("{ticks}{pad}{text}{pad}{ticks}")
}

/// Formats a fenced block that shows exactly these lines.
#[must_use]
pub fn fence(text: &str) -> String {
    let text = defuse(text);
    let ticks = "`".repeat((longest_run(&text) + 1).max(3));
    let mut out = format!("{ticks}text\n");
    for line in text.lines() {
        // A merge tool would interpret such a line as a conflict marker.
        let conflict = ["<<<<<<<", "=======", ">>>>>>>", "|||||||"].iter().any(|mark| line.starts_with(mark));
        let _ = writeln!(out, "{}{line}", if conflict { " " } else { "" });
    }
    out.push_str(&ticks);
    out.push('\n');
    out
}

fn longest_run(text: &str) -> usize {
    text.split(|char| char != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::length;
    use proptest::prelude::*;

    #[test]
    fn a_secret_is_redacted_before_the_cut_and_despite_invisible_characters() {
        let key = format!("key sk-\u{200b}ant-api03-{}", "Ab1".repeat(30));
        assert_eq!(line(&key, 20), "key [removed: anthr…");
        assert!(!block(&key, 1000).contains("Ab1"));
    }

    #[test]
    fn code_spans_and_fences_are_longer_than_any_backticks_inside() {
        assert_eq!(span("a `b` ``c``"), "``` a `b` ``c`` ```");
        assert_eq!(span("plain"), "`plain`");
        assert_eq!(fence("x\n````\ny"), "`````text\nx\n````\ny\n`````\n");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn cleaned_text_has_no_control_characters_and_respects_its_limit(text in "(?s).{0,200}", limit in 1_usize..80) {
            let clean = block(&text, limit);
            prop_assert!(length(&clean) <= limit);
            prop_assert!(clean.chars().all(|char| char == '\n' || char == '\t' || !char.is_control()));
            prop_assert!(!line(&text, limit).contains('\n'));
            prop_assert_eq!(sanitized(&clean), clean.clone());
        }
    }
}
