//! Classifies texts of a transcript by their wording: the client's own sentences, commands that run checks,
//! decisions. Nothing else in the note depends on wording.

use crate::claude::wording::CUT_AGENT;
use crate::text::head;

/// Texts before and after a subagent's report (clients 2.1.3xx).
const REPORT: &str = "The report follows:\n";
const BEHIND_REPORT: &str = "\nagentId: ";
/// Texts around the summary of a compacted conversation.
const SUMMARY_INTRODUCTION: &str = "The summary below covers the earlier portion of the conversation.";
const SUMMARY_OPENING: &str = "This session is being continued from a previous conversation";
const BEHIND_SUMMARY: [&str; 3] = [
    "\nIf you need specific details from before compaction",
    "\nPlease continue the conversation from where we left it off",
    "\nContinue the conversation from where it left off",
];
/// First words of the result of a refused call; the words before the user's reason follow.
const REFUSED: &str = "The user doesn't want to proceed with this tool use";
const REFUSED_BECAUSE: &str = "the user said:\n";
/// Minimum length of a decision: a shorter sentence states that something was decided, but not what.
const SHORTEST_DECISION: usize = 20;
/// Number of bytes of a text that are searched for decisions.
const LOOKED_THROUGH: usize = 32 * 1024;

/// Returns the slash command as the user typed it.
#[must_use]
pub fn slash_command(text: &str) -> Option<String> {
    if !text.starts_with("<command-name>") && !text.starts_with("<command-message>") {
        return None;
    }
    let inner = |tag: &str| {
        let (_, rest) = text.split_once(&format!("<{tag}>"))?;
        rest.split_once(&format!("</{tag}>")).map(|(inner, _)| inner.trim())
    };
    let arguments = inner("command-args").unwrap_or_default();
    Some(format!("{} {arguments}", inner("command-name").unwrap_or_default()))
}

/// Returns the user's reason for refusing a call, from the call's result.
#[must_use]
pub fn refusal(result: &str) -> Option<&str> {
    let (_, said) = result.strip_prefix(REFUSED)?.split_once(REFUSED_BECAUSE)?;
    let said = said.split("\n\nNote: ").next().unwrap_or(said).trim();
    (!said.is_empty()).then_some(said)
}

/// Returns the summary without the client's surrounding text.
#[must_use]
pub fn summary(text: &str) -> &str {
    let framed = text.split_once(SUMMARY_INTRODUCTION).map(|(_, rest)| rest);
    // Other clients use a different first line.
    let other = || text.strip_prefix(SUMMARY_OPENING)?.split_once('\n').map(|(_, rest)| rest);
    let mut inner = framed.or_else(other).unwrap_or(text).trim_start();
    if let Some((_, rest)) =
        inner.strip_prefix("<system-reminder>").and_then(|rest| rest.split_once("</system-reminder>"))
    {
        inner = rest;
    }
    for behind in BEHIND_SUMMARY {
        inner = inner.split_once(behind).map_or(inner, |(before, _)| before);
    }
    // The model's reasoning precedes the summary.
    inner.split_once("\nSummary:\n").map_or(inner, |(_, summary)| summary).trim()
}

/// Returns a subagent's last words from the result of its call, without the client's surrounding text.
#[must_use]
pub fn report(result: &str) -> Option<String> {
    let own = match result.split_once(REPORT) {
        Some((_, rest)) => {
            let own = rest.rsplit_once(BEHIND_REPORT).map_or(rest, |(before, _)| before);
            own.lines().map(|line| line.strip_prefix("  ").unwrap_or(line)).collect::<Vec<_>>().join("\n")
        }
        // Older clients add no surrounding text. The text of an error is not the agent's.
        None if !result.trim_start().starts_with(CUT_AGENT) => {
            result.rsplit_once(BEHIND_REPORT).map_or(result, |(before, _)| before).to_owned()
        }
        None => return None,
    };
    Some(own.trim().to_owned()).filter(|own| !own.is_empty())
}

/// Returns whether a command tests, lints or builds; its failure counts as unfinished work.
#[must_use]
pub fn is_check(command: &str) -> bool {
    const WORDS: &[&str] = &[
        "test",
        "tests",
        "check",
        "lint",
        "build",
        "typecheck",
        "clippy",
        "fmt",
        "verify",
        "validate",
        "make",
        "ninja",
        "tsc",
        "pytest",
        "tox",
        "nox",
        "mypy",
        "pyright",
        "ruff",
        "flake8",
        "pylint",
        "black",
        "jest",
        "vitest",
        "mocha",
        "eslint",
        "prettier",
        "biome",
        "oxlint",
        "playwright",
        "cypress",
        "vet",
        "golangci-lint",
        "rspec",
        "rubocop",
        "phpunit",
        "gradle",
        "gradlew",
        "mvn",
        "ctest",
        "bazel",
        "shellcheck",
        "compile",
        "nextest",
    ];
    let words = command.split(|char: char| !char.is_ascii_alphanumeric() && char != '-');
    words
        .flat_map(|word| [Some(word), word.split_once('-').map(|(first, _)| first)])
        .flatten()
        .any(|word| WORDS.contains(&word))
}

/// Returns the sentences of a model's text that state a decision, in order.
#[must_use]
pub fn decisions(text: &str) -> Vec<&str> {
    const SIGNS: &[&str] = &[
        "decision:",
        "decided ",
        "i'll go with",
        "i will go with",
        "i'm going with",
        "we'll go with",
        "going with ",
        "i chose ",
        "i've chosen",
        "i'll use ",
        "i will use ",
        "we'll use ",
        "opted for",
        "opting for",
        "settled on",
        "i'll keep ",
        "rather than ",
        "instead of ",
    ];
    let text = head(text, LOOKED_THROUGH);
    let says_so = |text: &str| {
        let mut lower = text.to_ascii_lowercase();
        if lower.contains('\u{2019}') {
            lower = lower.replace('\u{2019}', "'");
        }
        SIGNS.iter().any(|sign| lower.contains(sign))
    };
    // Most texts state no decision.
    if !says_so(text) {
        return Vec::new();
    }
    let mut fenced = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced {
            continue;
        }
        let line = line.trim_start_matches(['-', '*', '#', '>', ' ', '\t']);
        found.extend(
            sentences(line).filter(|sentence| sentence.len() > SHORTEST_DECISION && says_so(sentence)),
        );
    }
    found
}

/// Splits one line into sentences; a full stop ends one only before a space.
fn sentences(line: &str) -> impl Iterator<Item = &str> {
    line.split_inclusive(". ").map(str::trim).filter(|sentence| !sentence.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_the_user_in_a_rejection_is_found() {
        let said = "The user doesn't want to proceed with this tool use. The tool use was rejected. To tell you how to proceed, the user said:\nuse tabs";
        assert_eq!(refusal(said), Some("use tabs"));
        assert_eq!(
            refusal("The user doesn't want to proceed with this tool use. STOP what you are doing."),
            None
        );
        assert_eq!(refusal("he quoted: the user said:\nx"), None);
    }

    #[test]
    fn a_summary_is_extracted_from_its_frame() {
        let frame = "This session is being continued from a previous conversation that ran out of context. The summary below covers the earlier portion of the conversation.\n\n<system-reminder>\n<tools-used-before-summary></tools-used-before-summary>\n</system-reminder>\nDone (turn 3).\n\nIf you need specific details from before compaction (like code), read it.";
        assert_eq!(summary(frame), "Done (turn 3).");
        let older = "This session is being continued from a previous conversation that ran out of context. The conversation is summarized below:\nAnalysis:\nhm\n\nSummary:\n1. Primary Request\n\nPlease continue the conversation from where we left it off without asking.";
        assert_eq!(summary(older), "1. Primary Request");
        assert_eq!(
            summary("This session is being continued from a previous conversation. It is below:\nx"),
            "x"
        );
    }

    #[test]
    fn a_report_is_extracted_from_its_frame() {
        let framed = "  note\n[Subagent hand-back] The text below. The report follows:\n  There is\n    one README.\nagentId: a1 (use SendMessage)\n<usage>x</usage>";
        assert_eq!(report(framed).as_deref(), Some("There is\n  one README."));
        assert_eq!(report("plain words").as_deref(), Some("plain words"));
        assert_eq!(report(&format!("{CUT_AGENT}: limit")), None);
    }

    #[test]
    fn checks_are_distinguished_from_other_commands() {
        for check in [
            "npm test",
            "cargo clippy -- -D warnings",
            "cd x && go vet ./...",
            "./gradlew build",
            "npm run test:unit",
            "python -m pytest -q",
            "make",
            "npx tsc --noEmit",
            "npm run lint-all",
        ] {
            assert!(is_check(check), "{check}");
        }
        for other in ["ls", "grep -rn foo src", "git status", "cat latest.txt", "echo contest"] {
            assert!(!is_check(other), "{other}");
        }
    }

    #[test]
    fn decisions_are_found_by_their_wording_outside_code() {
        let text = "Reading it first. I'll use a queue instead of a lock. Then tests.\n```\ni'll use x in code\n```\n- **Decision:** keep the old API.";
        assert_eq!(decisions(text), ["I'll use a queue instead of a lock.", "Decision:** keep the old API."]);
        assert!(decisions("All tests pass now.").is_empty());
    }
}
