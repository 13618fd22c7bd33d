//! What every screen calls the stop and the status of a session. `bin/lib/words.json` is written from here, so that the
//! command line and the dashboard print the same words.

use super::session::SessionGroup;
use crate::session::StopKind;
use crate::session::state::{Activity, State};
use serde::{Deserialize, Serialize};

/// The status of a session in the words of the user: its state, and what follows from its group and its activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SessionStatus {
    /// The session that runs the command.
    Current,
    /// Open, and nothing continues before the user acts.
    NeedsYou,
    /// It continues by itself later.
    Waiting,
    /// Open without a sign of work.
    Hung,
    /// A turn is under way.
    Running,
    /// Open and idle.
    Open,
    /// Closed with pending work.
    Interrupted,
    Finished,
    /// Closed, without a conversation in its transcript.
    Empty,
}

impl SessionStatus {
    pub const ALL: [Self; 9] = [
        Self::Current,
        Self::NeedsYou,
        Self::Waiting,
        Self::Hung,
        Self::Running,
        Self::Open,
        Self::Interrupted,
        Self::Finished,
        Self::Empty,
    ];

    #[must_use]
    pub const fn of(state: State, group: SessionGroup, activity: Option<Activity>) -> Self {
        match (state, group) {
            (State::Current, _) => Self::Current,
            (State::Hung, _) => Self::Hung,
            (State::Empty, _) => Self::Empty,
            (_, SessionGroup::Waiting) => Self::Waiting,
            (State::Orphaned, SessionGroup::Running) => Self::Running,
            (State::Orphaned, _) => Self::Interrupted,
            (State::Completed, _) => Self::Finished,
            (State::Active, SessionGroup::NeedsYou) => Self::NeedsYou,
            (State::Active, _) if matches!(activity, Some(Activity::Busy)) => Self::Running,
            (State::Active, _) => Self::Open,
        }
    }

    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Current => "this session",
            Self::NeedsYou => "needs you",
            Self::Waiting => "waiting",
            Self::Hung => "hung",
            Self::Running => "running",
            Self::Open => "open",
            Self::Interrupted => "interrupted",
            Self::Finished => "finished",
            Self::Empty => "empty",
        }
    }

    /// States that a session with this status can have, so that a filter need not report the others.
    #[must_use]
    pub const fn states(self) -> &'static [State] {
        match self {
            Self::Current => &[State::Current],
            Self::NeedsYou | Self::Open => &[State::Active],
            Self::Waiting => &[State::Active, State::Orphaned, State::Completed],
            Self::Hung => &[State::Hung],
            Self::Running => &[State::Active, State::Orphaned],
            Self::Interrupted => &[State::Orphaned],
            Self::Finished => &[State::Completed],
            Self::Empty => &[State::Empty],
        }
    }
}

/// The state alone, for reports that know no more of a session.
#[must_use]
pub const fn state_words(state: State) -> &'static str {
    match state {
        State::Current => "this session",
        State::Active => "open",
        State::Hung => "hung",
        State::Orphaned => "interrupted",
        State::Completed => "finished",
        State::Empty => "empty",
    }
}

#[must_use]
pub const fn stop_words(kind: StopKind) -> &'static str {
    match kind {
        StopKind::Finished => "finished",
        StopKind::UsageLimit5h => "5-hour limit",
        StopKind::UsageLimitWeekly => "weekly limit",
        StopKind::UsageLimitOpus => "Opus limit",
        StopKind::UsageLimitSonnet => "Sonnet limit",
        StopKind::UsageLimitFable => "Fable limit",
        StopKind::UsageLimitOther => "usage limit",
        StopKind::RateLimit => "too many requests",
        StopKind::Overloaded => "service overloaded",
        StopKind::ServerError => "server error",
        StopKind::Network => "connection lost",
        StopKind::Auth => "not logged in",
        StopKind::Billing => "credit or budget used up",
        StopKind::ContextFull => "context full",
        StopKind::OutputLimit => "answer too long",
        StopKind::RequestError => "request refused",
        StopKind::Interrupted => "interrupted by you",
        StopKind::Waiting => "waits for an answer",
        StopKind::Running => "working",
        StopKind::Closed => "closed in mid-turn",
        StopKind::Crashed => "crashed",
        StopKind::Empty => "no conversation yet",
        StopKind::Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use SessionGroup::{Hung, NeedsYou, Running, Settled, Waiting};
    use serde_json::{Map, Value, json};

    #[test]
    fn the_status_follows_from_state_group_and_activity() {
        let (none, busy, idle) = (None, Some(Activity::Busy), Some(Activity::Idle));
        for (state, group, activity, words) in [
            (State::Current, Running, busy, "this session"),
            (State::Active, Waiting, idle, "waiting"),
            (State::Active, NeedsYou, idle, "needs you"),
            (State::Active, Running, busy, "running"),
            (State::Active, Running, idle, "open"),
            (State::Active, Running, none, "open"),
            (State::Hung, Hung, none, "hung"),
            (State::Orphaned, NeedsYou, none, "interrupted"),
            (State::Orphaned, Settled, none, "interrupted"),
            (State::Orphaned, Waiting, none, "waiting"),
            (State::Orphaned, Running, none, "running"),
            (State::Completed, Settled, none, "finished"),
            (State::Completed, NeedsYou, none, "finished"),
            (State::Completed, Waiting, none, "waiting"),
            (State::Empty, Settled, none, "empty"),
        ] {
            let status = SessionStatus::of(state, group, activity);
            assert_eq!(status.words(), words, "{state:?} {group:?} {activity:?}");
            assert!(status.states().contains(&state), "{status:?} {state:?}");
        }
    }

    fn table<T: Copy + Serialize>(all: &[T], words: impl Fn(T) -> &'static str) -> Map<String, Value> {
        all.iter().map(|one| (json!(one).as_str().unwrap().to_owned(), json!(words(*one)))).collect()
    }

    /// The command line reads its words from this file. `UPDATE_SNAPSHOTS=1 cargo test words_of_the_command_line` writes it.
    #[test]
    fn the_words_of_the_command_line_are_those_of_the_core() {
        let words = json!({
            "statuses": table(&SessionStatus::ALL, SessionStatus::words),
            "states": table(&State::ALL, state_words),
            "stops": table(&StopKind::ALL, stop_words),
        });
        let text = serde_json::to_string_pretty(&words).unwrap() + "\n";
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("bin/lib/words.json");
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), text);
    }
}
