//! A notice about one event of one session, in fixed sentences. It names only the session's title and its
//! project. It contains no part of the conversation and no text that matches a known secret pattern.

use crate::redact::clean_line;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Maximum length of a title in a notice, in characters.
const TITLE: usize = 80;
/// Maximum length of a project name, in characters.
const PROJECT: usize = 60;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeKind {
    Stopped,
    Resumed,
    /// The session is confirmed to work again.
    Recovered,
    /// The session is not continued until the user acts.
    Held,
    /// This tool makes no further attempts.
    GivenUp,
    /// A menu in the session's window delays the continuation.
    DialogOpen,
    /// Two windows have the session open, so neither is continued.
    OpenTwice,
    /// A limit or budget has reset that was far away when the session stopped.
    LimitReset,
    /// The user opened the session during an unattended run; the run was ended.
    TakenOver,
    /// A later session received the same prompt, so this one is not continued.
    Superseded,
    ContextLarge,
    ContextBloated,
    /// Claude Code does not save the session's conversation.
    NotSaved,
    /// The transcript of an open session lost its beginning.
    TranscriptLost,
}

impl NoticeKind {
    /// Returns the stable name of the kind in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Resumed => "resumed",
            Self::Recovered => "recovered",
            Self::Held => "held",
            Self::GivenUp => "given-up",
            Self::DialogOpen => "dialog-open",
            Self::OpenTwice => "open-twice",
            Self::LimitReset => "limit-reset",
            Self::TakenOver => "taken-over",
            Self::Superseded => "superseded",
            Self::ContextLarge => "context-large",
            Self::ContextBloated => "context-bloated",
            Self::NotSaved => "not-saved",
            Self::TranscriptLost => "transcript-lost",
        }
    }

    const fn heading(self) -> &'static str {
        match self {
            Self::Stopped => "Claude Code stopped",
            Self::Resumed => "Claude Code is being continued",
            Self::Recovered => "Claude Code works again",
            Self::Held => "Claude Code waits for you",
            Self::GivenUp => "Recovery of a Claude Code session gave up",
            Self::DialogOpen => "A menu is open in Claude Code",
            Self::OpenTwice => "A session is open in two windows",
            Self::LimitReset => "The limit of a Claude Code session has reset",
            Self::TakenOver => "You took over a Claude Code session",
            Self::Superseded => "A Claude Code session was superseded",
            Self::ContextLarge => "Claude Code fills its context",
            Self::ContextBloated => "Claude Code has almost filled its context",
            Self::NotSaved => "Claude Code is not saving a session",
            Self::TranscriptLost => "Claude Code deleted the transcript of an open session",
        }
    }

    const fn sentence(self) -> &'static str {
        match self {
            Self::Stopped => "Run cc-session-recover status to see until when, and what happens next.",
            Self::Resumed => "The closed session continues unattended. Do not open it in the meantime.",
            Self::Recovered => "Run cc-session-recover report to see what it did.",
            Self::Held => "It continues only after you act. Run cc-session-recover status.",
            Self::GivenUp => "No further attempts are made. Run cc-session-recover status to see why.",
            Self::DialogOpen => {
                "It blocks the continuation: press Esc in that window or answer it. Run cc-session-recover status to see which."
            }
            Self::OpenTwice => {
                "Neither is continued, because that would fork the conversation. Close one of them, then run cc-session-recover status."
            }
            Self::LimitReset => {
                "It does not continue by itself: type continue in its window, or run cc-session-recover resume."
            }
            Self::TakenOver => {
                "The unattended run was stopped. Run cc-session-recover report to see what it did."
            }
            Self::Superseded => {
                "A later session received the same prompt, so this one is not continued. Run cc-session-recover show."
            }
            Self::ContextLarge => {
                "Compact it soon: type /compact in it. Run cc-session-recover show to see how full it is."
            }
            Self::ContextBloated => {
                "Start a fresh session from the note: start claude and say \"Read HANDOFF.md and continue\"."
            }
            Self::TranscriptLost => {
                "The deleted part was kept. Run cc-session-recover status for the command that restores it."
            }
            Self::NotSaved => "It cannot be resumed as it is. Run cc-session-recover doctor to see why.",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub kind: NoticeKind,
    pub session: String,
    /// Generation of the incident. Together with session and kind it identifies a notice.
    pub generation: u64,
    /// Title, sanitized for display; `None` when the session has none.
    pub title: Option<String>,
    /// Name of the project directory, sanitized for display.
    pub project: Option<String>,
    /// Project directory; no program inside it is run.
    pub(super) directory: Option<PathBuf>,
}

impl Notice {
    /// Creates a notice about a session. `title` must be the session's given title, never a prompt.
    #[must_use]
    pub fn new(
        kind: NoticeKind,
        session: &str,
        generation: u64,
        title: Option<&str>,
        project: Option<&Path>,
    ) -> Self {
        let name = project.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        Self {
            kind,
            session: session.to_owned(),
            generation,
            title: title.and_then(|title| fit(title, TITLE)),
            project: name.and_then(|name| fit(&name, PROJECT)),
            directory: project.map(Path::to_path_buf),
        }
    }

    /// Returns what happened to which session. The text may contain any printable character, so use it only
    /// where no markup is parsed.
    #[must_use]
    pub fn heading(&self) -> String {
        let what = self.kind.heading();
        match (&self.title, &self.project) {
            (Some(title), Some(project)) => format!("{what}: “{title}” in {project}"),
            (Some(title), None) => format!("{what}: “{title}”"),
            (None, Some(project)) => format!("{what}: in {project}"),
            (None, None) => what.to_owned(),
        }
    }

    /// Returns the next step for the user, a fixed sentence.
    #[must_use]
    pub const fn sentence(&self) -> &'static str {
        self.kind.sentence()
    }

    /// Returns heading and sentence as one text.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}. {}", self.heading(), self.sentence())
    }
}

/// Returns the text as one line without control characters and secrets, at most `limit` characters;
/// `None` if nothing remains.
fn fit(raw: &str, limit: usize) -> Option<String> {
    let short = clean_line(raw, limit);
    (!short.is_empty()).then_some(short)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::length;

    fn titled(title: &str) -> Notice {
        Notice::new(NoticeKind::Stopped, "s", 1, Some(title), Some(Path::new("/home/u/my project")))
    }

    #[test]
    fn a_notice_names_the_event_the_session_and_the_next_command() {
        let notice = titled("Fix the flaky test");
        assert_eq!(notice.heading(), "Claude Code stopped: “Fix the flaky test” in my project");
        assert!(notice.text().ends_with(
            "test” in my project. Run cc-session-recover status to see until when, and what happens next."
        ));
        let bare = Notice::new(NoticeKind::GivenUp, "s", 1, None, None);
        assert_eq!(bare.heading(), "Recovery of a Claude Code session gave up");
        assert_eq!(
            Notice::new(NoticeKind::Held, "s", 1, Some(" \n"), Some(Path::new("/"))).heading(),
            "Claude Code waits for you"
        );
    }

    #[test]
    fn a_notice_contains_no_control_escape_or_direction_characters() {
        let hostile = "a\u{1b}]0;title\u{7}\u{202e}b\nc\0\u{9b}31m\u{2066}d\r\n--urgency=critical";
        let notice =
            Notice::new(NoticeKind::Held, "s", 1, Some(hostile), Some(Path::new("/x/\u{202e}p\u{1b}[2J\nq")));
        assert_eq!(notice.heading(), "Claude Code waits for you: “ab cd --urgency=critical” in p q");
        assert!(!notice.text().chars().any(char::is_control));
    }

    #[test]
    fn a_notice_contains_no_part_of_a_known_secret() {
        let key = "sk-ant-REDACTED";
        let token = "ghp_0123456789abcdefghijABCDEFGHIJ0123";
        for secret in [key, token] {
            for title in [
                format!("use {secret} now"),
                // The length limit would cut through the secret.
                format!("{} {secret}", "x".repeat(TITLE - 12)),
                // The secret is interrupted by an invisible character.
                format!("{}\u{200b}{}", &secret[..9], &secret[9..]),
                format!("{} {secret}", "y ".repeat(1_994)),
            ] {
                let text = titled(&title).text();
                assert!(!text.contains(&secret[..12]), "{text}");
            }
        }
        let project = Notice::new(NoticeKind::Held, "s", 1, None, Some(&Path::new("/x").join(token)));
        assert!(!project.text().contains("ghp_0"), "{}", project.text());
    }

    #[test]
    fn a_notice_is_short_for_a_title_of_any_length() {
        for title in
            ["x".repeat(10_240), "wörter ".repeat(2_000), "漢".repeat(10_240), "\u{202e}".repeat(10_240)]
        {
            let text = titled(&title).text();
            assert!(length(&text) < 260, "{}", length(&text));
        }
    }
}
