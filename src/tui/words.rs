//! Formats times, sizes and reasons, short enough for a row of the dashboard.

pub use crate::measure::{duration_words, size_words, token_words};
use crate::recovery::plan::{Action, DailyContinues, RecoveryPlan};
use crate::recovery::reason::PlanReason;
use crate::report::gone::GoneSession;
use crate::report::session::{Live, Session, SessionGroup};
use crate::report::words::stop_words;
pub use crate::report::words::{age, clock_time, count_words, local_times};
use crate::session::state::{Activity, State};
use crate::session::{ResetSource, StopKind};
use crate::text::one_line;
use chrono::{DateTime, Utc};

/// Maximum length of a row's text, in characters; text wider than the pane is cut when drawn.
const ROW_TEXT: usize = 200;

/// Describes what a session is doing, or why it is idle.
#[must_use]
pub fn doing_words(session: &Session) -> String {
    let stopped = || {
        if session.state == State::Orphaned && session.stop.kind == StopKind::Interrupted {
            "ended before any answer".to_owned()
        } else {
            stop_words(session.stop.kind).to_owned()
        }
    };
    let Some(live) = &session.live else {
        return if session.state == State::Empty { "no conversation".to_owned() } else { stopped() };
    };
    if session.state == State::Hung {
        return "busy, no sign of work".to_owned();
    }
    match session.activity {
        Some(Activity::Waiting) => match live.waiting_for.as_deref() {
            None => "waits for you".to_owned(),
            Some("permission prompt") => "asks permission".to_owned(),
            Some("input needed") => "asks a question".to_owned(),
            Some(other) => one_line(other, ROW_TEXT),
        },
        Some(Activity::Busy) => "working".to_owned(),
        Some(Activity::Idle) if matches!(session.stop.kind, StopKind::Finished | StopKind::Unknown) => {
            "idle".to_owned()
        }
        Some(Activity::Idle) | None => stop_words(session.stop.kind).to_owned(),
    }
}

/// Describes where a session is open, its size, and its activity: `pts/3, process 812, 3.4 MB, working`.
#[must_use]
pub fn open_words(session: &Session, live: &Live) -> String {
    let process = format!("process {}", live.pid);
    let place = one_line(&live.place, ROW_TEXT);
    let place = if place == process { place } else { format!("{place}, {process}") };
    format!("{place}, {}, {}", size_words(session.bytes), doing_words(session))
}

/// Returns the display name of a session: its name, its title, its newest prompt, or the start of its id.
#[must_use]
pub fn name_of(session: &Session) -> String {
    let name = [&session.name, &session.title, &session.last_prompt].into_iter().flatten().next();
    let name = name.map(|name| one_line(name, ROW_TEXT)).filter(|name| !name.is_empty());
    name.unwrap_or_else(|| session.id.chars().take(8).collect())
}

/// Returns the display name of a session without a transcript: its name, its title, the newest prompt typed
/// into it, or the start of its id.
#[must_use]
pub fn name_of_gone(gone: &GoneSession) -> String {
    let prompt = gone.prompts.last().map(|prompt| &prompt.text);
    let name = [gone.name.as_ref(), gone.title.as_ref(), prompt].into_iter().flatten().next();
    let name = name.map(|name| one_line(name, ROW_TEXT)).filter(|name| !name.is_empty());
    name.unwrap_or_else(|| gone.id.chars().take(8).collect())
}

/// Returns the last component of the directory to which a session belongs.
#[must_use]
pub fn project_of(session: &Session) -> String {
    let dir = session.project.dir.as_ref().map(|dir| dir.to_string_lossy().into_owned());
    last_part(&dir.or_else(|| session.project.cwd.clone()).unwrap_or_default())
}

/// Returns the last component of the directory in which a session without a transcript ran.
#[must_use]
pub fn project_of_gone(gone: &GoneSession) -> String {
    gone.project.as_ref().map_or_else(String::new, |dir| last_part(&dir.to_string_lossy()))
}

fn last_part(dir: &str) -> String {
    let last = dir.rsplit(['/', '\\']).find(|part| !part.is_empty()).unwrap_or(dir);
    one_line(last, ROW_TEXT)
}

/// Returns when a waiting session continues, if a time is known.
#[must_use]
pub fn continues_at(session: &Session) -> Option<DateTime<Utc>> {
    session.next.at.or(session.stop.resets_at)
}

/// Returns the time column of a row: the countdown of a waiting session, the age of any other.
#[must_use]
pub fn time_words(session: &Session, group: SessionGroup, now: DateTime<Utc>) -> String {
    match group {
        SessionGroup::Waiting if session.next.reason == PlanReason::Paused => "paused".to_owned(),
        SessionGroup::Waiting => match continues_at(session) {
            Some(at) if at > now => {
                let guess = session.stop.resets_at_source == Some(ResetSource::Guess);
                format!("in {}{}", if guess { "~" } else { "" }, duration_words(at - now))
            }
            Some(_) => "now".to_owned(),
            None => String::new(),
        },
        SessionGroup::NeedsYou | SessionGroup::Settled => {
            session.stop.at.or(session.last_activity_at).map_or_else(String::new, |at| age(at, now))
        }
        SessionGroup::Hung | SessionGroup::Running => {
            session.last_activity_at.map_or_else(String::new, |at| age(at, now))
        }
    }
}

/// Describes what continues the session, and when; empty if nothing is planned.
#[must_use]
pub fn next_words(session: &Session, now: DateTime<Utc>) -> String {
    let plan = &session.next;
    let when = |at: DateTime<Utc>| {
        if at > now {
            format!("at {} (in {})", clock_time(at, now), duration_words(at - now))
        } else {
            "now".to_owned()
        }
    };
    let continues =
        |words: &str| plan.at.map_or_else(|| words.to_owned(), |at| format!("{words} {}", when(at)));
    if let (Some(client), Action::Wake | Action::Client | Action::None) =
        (session.client_continues_at, plan.action)
    {
        let first = format!("Claude Code continues this {}", when(client));
        return match (plan.action, plan.at) {
            (Action::Wake, Some(at)) => {
                format!("{first}; if it has not by {}, this tool does", clock_time(at, now))
            }
            _ => format!("{first}; this tool does not"),
        };
    }
    match plan.action {
        Action::Wake => continues("this tool continues it in its window"),
        Action::Client => continues("Claude Code continues it by itself"),
        Action::Run => continues("this tool resumes it unattended"),
        Action::Resume => "you resume it".to_owned() + &from(plan, now),
        Action::Notify => "it needs you".to_owned() + &from(plan, now),
        Action::None => String::new(),
    }
}

/// Describes how much of the budget of a session beyond Claude Code's own maximum is used. `dailyWords` in
/// `bin/lib/wording.js` has the same words.
#[must_use]
pub fn daily_words(continues: DailyContinues) -> String {
    format!("{} of {} daily continues used", continues.used, continues.limit)
}

fn from(plan: &RecoveryPlan, now: DateTime<Utc>) -> String {
    plan.at.filter(|at| *at > now).map_or_else(String::new, |at| format!(", from {} on", clock_time(at, now)))
}

/// Turns a fragment into a sentence, with a capital letter and a full stop.
#[must_use]
pub fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let Some(first) = chars.next() else { return String::new() };
    let plain = text
        .split([' ', ',', ';', ':', '.'])
        .next()
        .is_some_and(|word| word.chars().all(char::is_alphabetic));
    let first = if plain { first.to_uppercase().to_string() } else { first.to_string() };
    let end = if text.ends_with(['.', '!', '?', '…']) { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fragment_becomes_a_sentence() {
        assert_eq!(sentence("the limit has reset"), "The limit has reset.");
        assert_eq!(sentence("/compact it"), "/compact it.");
        assert_eq!(sentence(""), "");
    }
}
