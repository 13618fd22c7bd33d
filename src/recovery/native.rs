//! Predicts whether Claude Code itself continues a session after a usage limit, and until when.
//!
//! Both our wake and the client's own continuation start a turn, and a wake does not cancel the client's
//! (measured with 2.1.329 and 2.1.332). So our wake comes only after the client's window has passed, or if
//! the client does not continue by itself.

use crate::claude::home::ClaudeHome;
use crate::claude::settings::Settings;
use crate::claude::version::ClientVersion;
use crate::session::StopKind;
use chrono::{DateTime, Duration, Utc};
use serde_json::Value;
use std::path::Path;

/// Maximum number of hours until the reset of a limit that the client continues.
const LONGEST_HOURS: i64 = 24;
/// Number of continuations without a prompt typed by the user after which the client opens
/// the limit menu instead.
pub const MOST_CONTINUATIONS: u32 = 3;
/// Time after the reset within which the first two continuations come (measured: 30 to 100 s).
const USUAL_WINDOW: Duration = Duration::seconds(120);
/// Like [`USUAL_WINDOW`], for the last continuation (measured: up to 290 s).
const LAST_WINDOW: Duration = Duration::seconds(310);

/// Facts that decide whether the client continues by itself.
#[derive(Debug, Clone, Copy)]
pub struct NativeFacts<'a> {
    /// Version of the client; `None` if unknown.
    pub client: Option<ClientVersion>,
    pub entrypoint: Option<&'a str>,
    pub kind: StopKind,
    pub reset: Option<DateTime<Utc>>,
    /// Whether the turn was wrapped up before the limit was reached. It then ended normally, so the client
    /// does not wait.
    pub wrapped_up: bool,
    /// Continuations by the client since the last prompt that the user typed.
    pub continuations: u32,
    /// Whether the user's settings disable it (`autoContinueAtUsageLimit`).
    pub switched_off: bool,
    /// Whether the user cancelled this continuation with Esc or Ctrl-C.
    pub cancelled: bool,
    pub now: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NativeContinuation {
    /// The client will continue.
    Expected {
        /// Latest time of the continuation, counted from the reset.
        within: Duration,
    },
    /// This client, or this kind of stop, has no such continuation.
    NotOffered,
    /// The user's settings disable it; the client opens the limit menu instead.
    SwitchedOff,
    Cancelled,
    /// The client has reached its maximum of continuations without a prompt; it opens the limit menu instead.
    Capped,
}

impl NativeContinuation {
    /// Decides from the facts whether to expect the continuation. If a fact is unknown, the continuation is
    /// expected.
    #[must_use]
    pub fn of(facts: &NativeFacts<'_>) -> Self {
        let offered = facts.entrypoint == Some("cli")
            && !facts.wrapped_up
            && facts.kind.is_usage_limit()
            // Measured with 2.1.332: limits of one model family are not continued.
            && facts.kind.general() == facts.kind
            && facts.client.is_none_or(ClientVersion::continues_by_itself)
            && facts.reset.is_some_and(|reset| reset - facts.now <= Duration::hours(LONGEST_HOURS));
        if !offered {
            Self::NotOffered
        } else if facts.switched_off {
            Self::SwitchedOff
        } else if facts.cancelled {
            Self::Cancelled
        } else if facts.continuations >= MOST_CONTINUATIONS {
            Self::Capped
        } else if facts.continuations + 1 == MOST_CONTINUATIONS {
            Self::Expected { within: LAST_WINDOW }
        } else {
            Self::Expected { within: USUAL_WINDOW }
        }
    }

    /// Returns the time after the reset within which the client may still continue; `None` if it will not.
    #[must_use]
    pub const fn window(self) -> Option<Duration> {
        match self {
            Self::Expected { within } => Some(within),
            Self::NotOffered | Self::SwitchedOff | Self::Cancelled | Self::Capped => None,
        }
    }
}

/// Returns whether the user's own settings, or those of the organization, disable the client's continuation.
/// A project's settings do not count, because the contents of a repository must not make this tool act
/// earlier.
#[must_use]
pub fn is_switched_off(home: &ClaudeHome, managed: &Path) -> bool {
    let settings = Settings::read(home, None, managed);
    settings.get("autoContinueAtUsageLimit").is_some_and(|(value, _)| *value == Value::Bool(false))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::parse_rfc3339;

    fn at(text: &str) -> DateTime<Utc> {
        parse_rfc3339(text).unwrap()
    }

    fn facts() -> NativeFacts<'static> {
        NativeFacts {
            client: ClientVersion::parse("2.1.332"),
            entrypoint: Some("cli"),
            kind: StopKind::UsageLimit5h,
            reset: Some(at("2026-11-21T04:00:00Z")),
            wrapped_up: false,
            continuations: 0,
            switched_off: false,
            cancelled: false,
            now: at("2026-11-21T02:00:00Z"),
        }
    }

    #[test]
    fn the_third_continuation_without_a_prompt_may_be_late_and_there_is_no_fourth() {
        let window = |continuations| {
            NativeContinuation::of(&NativeFacts { continuations, ..facts() })
                .window()
                .map(|it| it.num_seconds())
        };
        assert_eq!([0, 1, 2, 3, 4].map(window), [Some(120), Some(120), Some(310), None, None]);
    }

    #[test]
    fn the_reasons_that_end_or_prevent_the_client_continuation_are_distinguished() {
        use NativeContinuation as Native;
        type Change = fn(&mut NativeFacts<'static>);
        let cases: [(&str, Change, NativeContinuation); 13] = [
            ("a print or stream session", |it| it.entrypoint = Some("sdk-cli"), Native::NotOffered),
            ("a client before 2.1.234", |it| it.client = ClientVersion::parse("2.1.233"), Native::NotOffered),
            ("no reset", |it| it.reset = None, Native::NotOffered),
            ("a reset beyond a day", |it| it.reset = Some(at("2026-11-22T02:00:01Z")), Native::NotOffered),
            ("Opus", |it| it.kind = StopKind::UsageLimitOpus, Native::NotOffered),
            ("Sonnet", |it| it.kind = StopKind::UsageLimitSonnet, Native::NotOffered),
            ("Fable", |it| it.kind = StopKind::UsageLimitFable, Native::NotOffered),
            ("an overload", |it| it.kind = StopKind::Overloaded, Native::NotOffered),
            ("wrapped up before the limit", |it| it.wrapped_up = true, Native::NotOffered),
            ("the setting", |it| it.switched_off = true, Native::SwitchedOff),
            ("Esc", |it| it.cancelled = true, Native::Cancelled),
            ("three before it", |it| it.continuations = 3, Native::Capped),
            ("an unknown client", |it| it.client = None, Native::Expected { within: USUAL_WINDOW }),
        ];
        for (what, change, expected) in cases {
            let mut changed = facts();
            change(&mut changed);
            assert_eq!(NativeContinuation::of(&changed), expected, "{what}");
        }
        let weekly = NativeFacts { kind: StopKind::UsageLimitWeekly, ..facts() };
        assert!(NativeContinuation::of(&weekly).window().is_some(), "measured at R + 52 s");
        let day = NativeFacts { reset: Some(at("2026-11-22T02:00:00Z")), ..facts() };
        assert!(NativeContinuation::of(&day).window().is_some(), "a day to the second");
    }

    #[test]
    fn only_user_settings_disable_the_client_continuation() {
        let dir = tempfile::tempdir().unwrap();
        let home = ClaudeHome::new(dir.path().to_path_buf());
        let nowhere = dir.path().join("nowhere");
        for (text, off) in [
            (r#"{"autoContinueAtUsageLimit": false}"#, true),
            (r#"{"autoContinueAtUsageLimit": true}"#, false),
            (r#"{"autoContinueAtUsageLimit": "false"}"#, false),
            ("{}", false),
            ("{", false),
        ] {
            std::fs::write(home.settings(), text).unwrap();
            assert_eq!(is_switched_off(&home, &nowhere), off, "{text}");
        }
    }
}
