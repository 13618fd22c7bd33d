//! Display words for stops and statuses. A test writes them to `bin/lib/words.json`, so that the command line
//! and the dashboard print the same words.

use super::session::SessionGroup;
use crate::claude::home::is_session_id;
use crate::clock::{local_time, replace_times};
use crate::error::{Code, Error, Result};
use crate::recovery::incident::{AttemptOutcome, Phase};
use crate::session::StopKind;
use crate::session::state::{Activity, State};
use chrono::{DateTime, Datelike as _, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use unicode_width::UnicodeWidthStr;

/// Minimum number of characters of a displayed id. More are displayed only to distinguish sessions.
const SHORT_ID: usize = 8;
/// Minimum length, in bytes, of a part of a stop's display words that selects it.
const SHORTEST_PART: usize = 3;

/// Status of a session, the same on every screen. `current`: it runs this command. `needs-you`: open, and
/// nothing continues until you act. `waiting`: it continues by itself later. `hung`: open, without a sign of
/// work. `running`: a turn is in progress. `open`: open and idle. `interrupted`: closed with pending work.
/// `finished`: closed, and its last turn ended. `empty`: closed, without a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum SessionStatus {
    /// The session that runs this command.
    Current,
    /// Open, and nothing continues until the user acts.
    NeedsYou,
    /// The session continues by itself later.
    Waiting,
    Hung,
    /// A turn is in progress.
    Running,
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

    /// Returns the states that a session with this status can have. A filter skips sessions in any other
    /// state without describing them.
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

/// Returns the display words for a state, for reports without a status.
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

/// Returns the display words for the phase of an incident.
#[must_use]
pub const fn phase_words(phase: Phase) -> &'static str {
    match phase {
        Phase::Open => "not planned yet",
        Phase::Waiting => "waiting",
        Phase::Attempting => "at work",
        Phase::Recovered => "continued",
        Phase::MovedOn => "you continued it",
        Phase::Superseded => "asked again in a later session",
        Phase::Held => "held",
        Phase::GivenUp => "given up",
        Phase::Cancelled => "cancelled",
    }
}

/// Returns the display words for the outcome of an attempt.
#[must_use]
pub const fn outcome_words(outcome: AttemptOutcome) -> &'static str {
    match outcome {
        AttemptOutcome::Continued => "it continued",
        AttemptOutcome::StoppedAgain => "it stopped again",
        AttemptOutcome::NoEffect => "no effect",
        AttemptOutcome::Pending => "no result yet",
    }
}

/// Formats the age of a time in one unit: `12 min`.
#[must_use]
pub fn age(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let seconds = (now - at).num_seconds().max(0);
    match seconds {
        0..60 => "now".to_owned(),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Formats a time in the local time zone: only the time of day if it is today, and otherwise with the date.
#[must_use]
pub fn clock_time(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let (at, now) = (local_time(at), local_time(now));
    if at.date() == now.date() {
        at.format("%H:%M").to_string()
    } else if at.year() == now.year() {
        at.format("%b %-d %H:%M").to_string()
    } else {
        at.format("%Y-%m-%d %H:%M").to_string()
    }
}

/// Returns a reason or a piece of evidence with its times in the form of [`clock_time`]. `localTimes` in
/// `bin/lib/wording.js` does the same for the command line.
#[must_use]
pub fn local_times(text: &str, now: DateTime<Utc>) -> String {
    replace_times(text, |at| clock_time(at, now))
}

/// Formats a number with its noun: `1 prompt`, `3 prompts`.
#[must_use]
pub fn count_words(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// One of several sessions that match a name.
#[derive(Debug, Clone, Default)]
pub struct NameRow {
    pub id: String,
    pub age: String,
    pub project: String,
    pub name: String,
}

/// Formats rows as an indented table without empty columns. Ids are shortened as far as they remain distinct.
#[must_use]
pub fn name_rows(rows: &[NameRow]) -> String {
    let mut short = SHORT_ID;
    let cut = |row: &NameRow, length: usize| {
        if is_session_id(&row.id) { row.id[..length].to_owned() } else { row.id.clone() }
    };
    let differ = |length: usize| {
        let ids: BTreeSet<String> = rows.iter().map(|row| cut(row, length)).collect();
        ids.len() == rows.len()
    };
    while short < 36 && !differ(short) {
        short += 1;
    }
    let cells: Vec<[String; 4]> = rows
        .iter()
        .map(|row| [cut(row, short), row.age.clone(), row.project.clone(), row.name.clone()])
        .collect();
    let widths = [0, 1, 2, 3].map(|column| cells.iter().map(|row| row[column].width()).max().unwrap_or(0));
    let line = |row: &[String; 4]| {
        let shown = row.iter().zip(widths).filter(|(_, width)| *width > 0);
        let padded: Vec<String> =
            shown.map(|(cell, width)| format!("{cell}{}", " ".repeat(width - cell.width()))).collect();
        format!("  {}", padded.join("  ").trim_end())
    };
    cells.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// State filter: a JSON code or a display word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateFilter {
    State(State),
    Status(SessionStatus),
}

impl StateFilter {
    /// Returns the states that the filter can select.
    #[must_use]
    pub fn states(self) -> Vec<State> {
        match self {
            Self::State(state) => vec![state],
            Self::Status(status) => status.states().to_vec(),
        }
    }

    /// Parses a code or a display word, ignoring case.
    ///
    /// # Errors
    ///
    /// Returns [`Code::Usage`] for any other text.
    pub fn parse(text: &str) -> Result<Self> {
        let wanted = folded(text);
        let status = SessionStatus::ALL.into_iter().find(|one| folded(one.words()) == wanted);
        let code = |state: &State| folded(state_code(*state)) == wanted;
        status.map(Self::Status).or_else(|| State::ALL.into_iter().find(code).map(Self::State)).ok_or_else(
            || {
                let words: Vec<&str> = SessionStatus::ALL.into_iter().map(SessionStatus::words).collect();
                Error::new(Code::Usage, format!("unknown state {text:?}"))
                    .hint(format!("give one of: {}", words.join(", ")))
            },
        )
    }
}

/// Returns the kinds of stop that a text selects: a JSON code, the display words, or a part of these words.
///
/// # Errors
///
/// Returns [`Code::Usage`] for any other text.
pub fn stops_called(text: &str) -> Result<Vec<StopKind>> {
    let wanted = folded(text);
    let is_whole = |kind: &StopKind| folded(kind.as_str()) == wanted || folded(stop_words(*kind)) == wanted;
    if let Some(kind) = StopKind::ALL.into_iter().find(is_whole) {
        return Ok(vec![kind]);
    }
    let part = |kind: &StopKind| folded(stop_words(*kind)).contains(&wanted);
    let parts: Vec<StopKind> = if wanted.len() < SHORTEST_PART {
        Vec::new()
    } else {
        StopKind::ALL.into_iter().filter(part).collect()
    };
    if parts.is_empty() {
        let words: Vec<&str> = StopKind::ALL.into_iter().map(stop_words).collect();
        let message = format!("unknown kind of stop {text:?}");
        return Err(Error::new(Code::Usage, message).hint(format!("give one of: {}", words.join(", "))));
    }
    Ok(parts)
}

const fn state_code(state: State) -> &'static str {
    match state {
        State::Current => "current",
        State::Active => "active",
        State::Hung => "hung",
        State::Orphaned => "orphaned",
        State::Completed => "completed",
        State::Empty => "empty",
    }
}

/// Normalizes a word for comparison: lower case, with one hyphen between its parts.
fn folded(text: &str) -> String {
    let parts = text.split(|char: char| char.is_whitespace() || char == '-' || char == '_');
    parts.filter(|part| !part.is_empty()).map(str::to_lowercase).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recovery::reason::PlanReason;
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

    #[test]
    fn a_state_filter_accepts_its_code_and_its_screen_word() {
        use StateFilter::{State as Code, Status as Word};
        for (text, filter) in [
            ("interrupted", Word(SessionStatus::Interrupted)),
            ("Interrupted", Word(SessionStatus::Interrupted)),
            ("orphaned", Code(State::Orphaned)),
            ("ACTIVE", Code(State::Active)),
            ("open", Word(SessionStatus::Open)),
            ("needs you", Word(SessionStatus::NeedsYou)),
            ("needs-you", Word(SessionStatus::NeedsYou)),
            ("Needs_You", Word(SessionStatus::NeedsYou)),
            ("this session", Word(SessionStatus::Current)),
            ("hung", Word(SessionStatus::Hung)),
        ] {
            assert_eq!(StateFilter::parse(text).unwrap(), filter, "{text}");
        }
        for bad in ["", "broken", "interrupte", "need"] {
            assert_eq!(StateFilter::parse(bad).unwrap_err().code, crate::error::Code::Usage, "{bad}");
        }
        for state in State::ALL {
            assert_eq!(json!(state), state_code(state));
        }
    }

    #[test]
    fn a_stop_filter_accepts_its_code_its_words_and_part_of_them() {
        use StopKind::{Crashed, UsageLimit5h, UsageLimitWeekly};
        for (text, kinds) in [
            ("usage-limit-5h", &[UsageLimit5h][..]),
            ("5-hour limit", &[UsageLimit5h]),
            ("5-Hour-Limit", &[UsageLimit5h]),
            ("weekly", &[UsageLimitWeekly]),
            ("CRASHED", &[Crashed]),
            ("request", &[StopKind::RateLimit, StopKind::RequestError]),
        ] {
            assert_eq!(stops_called(text).unwrap(), kinds, "{text}");
        }
        assert_eq!(stops_called("limit").unwrap().len(), 6);
        for bad in ["", "li", "elephant"] {
            assert_eq!(stops_called(bad).unwrap_err().code, crate::error::Code::Usage, "{bad}");
        }
    }

    #[test]
    fn name_rows_are_aligned_with_ids_as_short_as_is_unique() {
        let row = |id: &str, age: &str, name: &str| NameRow {
            id: id.to_owned(),
            age: age.to_owned(),
            project: "api".to_owned(),
            name: name.to_owned(),
        };
        let rows = [
            row("3f2a9c1d-1111-4000-8000-000000000001", "12 min", "Move the parser"),
            row("3f2a9c1d-2222-4000-8000-000000000001", "2 d", ""),
        ];
        assert_eq!(name_rows(&rows), "  3f2a9c1d-1  12 min  api  Move the parser\n  3f2a9c1d-2  2 d     api");
    }

    fn table<T: Copy + Serialize>(all: &[T], words: impl Fn(T) -> &'static str) -> Map<String, Value> {
        all.iter().map(|one| (json!(one).as_str().unwrap().to_owned(), json!(words(*one)))).collect()
    }

    /// The command line reads its words from this file. `UPDATE_SNAPSHOTS=1 cargo
    /// test words_of_the_command_line` regenerates it.
    #[test]
    fn the_words_of_the_command_line_match_the_core() {
        let words = json!({
            "statuses": table(&SessionStatus::ALL, SessionStatus::words),
            "states": table(&State::ALL, state_words),
            "stops": table(&StopKind::ALL, stop_words),
            "phases": table(&Phase::ALL, phase_words),
            "outcomes": table(&AttemptOutcome::ALL, outcome_words),
            "reasonsWithStepByHand": PlanReason::WITH_STEP_BY_HAND,
        });
        let text = serde_json::to_string_pretty(&words).unwrap() + "\n";
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("bin/lib/words.json");
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), text);
    }
}
