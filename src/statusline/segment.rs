//! The segment: our line of the status line, made of what is known at one moment. A pure function.
//!
//! Parts are `5h 42% · resets 15:10 (1 h 12 min)`, the week and the context once they are worth a look, and the sessions of
//! the project that are waited for. On a narrow terminal the least of it goes first.

use crate::measure::duration_words;
use crate::quota::refresh::Window;
use crate::text::length;
use chrono::{DateTime, Datelike, NaiveDateTime, TimeDelta, Utc};
use std::fmt::Write;

/// From here on the week and the context are shown, in percent.
const NOTABLE: f64 = 70.0;
/// From here on a share is yellow, in percent.
const WARN: f64 = 80.0;
/// From here on it is red, in percent.
const ALARM: f64 = 95.0;
const BETWEEN: &str = " | ";
const UNSAVED: &str = "not saved: run cc-session-recover doctor";
/// Columns that the client keeps for its own margins.
const MARGIN: usize = 4;

/// Sessions that are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waiting {
    pub sessions: usize,
    /// How many more the user paused.
    pub paused: usize,
    /// When the first of them continues.
    pub next: Option<DateTime<Utc>>,
}

/// Everything the segment is made of.
#[derive(Debug, Clone, Copy)]
pub struct SegmentFacts {
    /// Window of five hours.
    pub five_hour: Option<Window>,
    /// Window of seven days.
    pub seven_day: Option<Window>,
    /// Share of the context that is used, 0 to 100.
    pub context_percent: Option<f64>,
    /// Sessions of the project.
    pub waiting: Waiting,
    /// What is said in this session is not saved. It stands first and is never left out.
    pub unsaved: bool,
    pub now: DateTime<Utc>,
    /// The person's own clock.
    pub local: fn(DateTime<Utc>) -> NaiveDateTime,
    /// Width of the terminal; `None`: unknown, nothing is left out.
    pub columns: Option<usize>,
    pub colour: bool,
}

/// How much of each part is written; each step of [`narrower`] takes something away.
#[derive(Clone, Copy)]
struct Detail {
    five_hour: Words,
    seven_day: Words,
    context: bool,
    waiting: Words,
}

#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Words {
    None,
    Few,
    Some,
    All,
}

/// One part and how bad it is.
struct SegmentPart {
    text: String,
    percent: f64,
}

/// The line, without a line end; empty when there is nothing to say.
#[must_use]
pub fn segment(scene: &SegmentFacts) -> String {
    let width = scene.columns.map_or(usize::MAX, |columns| columns.saturating_sub(MARGIN));
    let mut parts = Vec::new();
    for detail in narrower() {
        parts = parts_of(scene, detail);
        let used = parts.iter().map(|part| length(&part.text)).sum::<usize>()
            + BETWEEN.len() * parts.len().saturating_sub(1);
        if used <= width {
            break;
        }
    }
    let written: Vec<String> = parts.iter().map(|part| coloured(part, scene.colour)).collect();
    written.join(BETWEEN)
}

fn narrower() -> impl Iterator<Item = Detail> {
    use Words::{All, Few, None, Some};
    let detail = |five_hour, seven_day, context, waiting| Detail { five_hour, seven_day, context, waiting };
    [
        detail(All, All, true, All),
        detail(All, Some, true, All),
        detail(All, Few, true, All),
        detail(All, Few, false, All),
        detail(Some, Few, false, All),
        detail(Some, Few, false, Few),
        detail(Some, None, false, Few),
        detail(Few, None, false, Few),
        detail(Few, None, false, None),
    ]
    .into_iter()
}

fn parts_of(scene: &SegmentFacts, detail: Detail) -> Vec<SegmentPart> {
    let shown = |window: Option<Window>| window.filter(|window| window.resets_at > scene.now);
    let notable = |percent: &f64| *percent >= NOTABLE;
    let five_hour = shown(scene.five_hour).map(|window| limit(scene, "5h", window, detail.five_hour));
    // An account without a window of five hours has only the week to show.
    let words = if scene.five_hour.is_some() { detail.seven_day } else { detail.five_hour };
    let seven_day = shown(scene.seven_day)
        .filter(|window| scene.five_hour.is_none() || notable(&window.used_percent) && words > Words::None)
        .map(|window| limit(scene, "week", window, words));
    let context = scene
        .context_percent
        .filter(|percent| detail.context && notable(percent))
        .map(|percent| SegmentPart { text: format!("context {percent:.0}%"), percent });
    let waiting = (scene.waiting.sessions + scene.waiting.paused > 0 && detail.waiting > Words::None)
        .then(|| waits(scene, detail.waiting));
    let unsaved = scene.unsaved.then(|| SegmentPart { text: UNSAVED.to_owned(), percent: 100.0 });
    [unsaved, five_hour, seven_day, context, waiting].into_iter().flatten().collect()
}

fn limit(scene: &SegmentFacts, name: &str, window: Window, words: Words) -> SegmentPart {
    // 99.6 is not all of it.
    let percent =
        if window.used_percent < 100.0 { window.used_percent.min(99.0) } else { window.used_percent };
    let mut text = format!("{name} {percent:.0}%");
    if words >= Words::Some {
        text.push_str(" · resets ");
        text.push_str(&clock(scene, window.resets_at));
    }
    if words == Words::All {
        let _ = write!(text, " ({})", countdown(window.resets_at - scene.now));
    }
    SegmentPart { text, percent: window.used_percent }
}

fn waits(scene: &SegmentFacts, words: Words) -> SegmentPart {
    let paused = scene.waiting.paused;
    if scene.waiting.sessions == 0 {
        return SegmentPart { text: format!("{paused} paused"), percent: 0.0 };
    }
    let mut text = format!("{} waiting", scene.waiting.sessions);
    if let (Some(next), Words::All) = (scene.waiting.next, words) {
        text.push_str(", next ");
        text.push_str(&if next > scene.now { clock(scene, next) } else { "now".to_owned() });
    }
    if paused > 0 {
        let _ = write!(text, ", {paused} paused");
    }
    SegmentPart { text, percent: 0.0 }
}

/// Time of day, with the day when it is not today.
fn clock(scene: &SegmentFacts, at: DateTime<Utc>) -> String {
    let (today, then) = ((scene.local)(scene.now), (scene.local)(at));
    let days = then.num_days_from_ce() - today.num_days_from_ce();
    let form = match days {
        0 => "%H:%M",
        1..=6 => "%a %H:%M",
        _ => "%b %-d %H:%M",
    };
    then.format(form).to_string()
}

/// Time that is left, in the two largest units; a begun minute counts.
fn countdown(left: TimeDelta) -> String {
    let minutes = (left.num_seconds() + 59) / 60;
    duration_words(TimeDelta::minutes(minutes))
}

fn coloured(part: &SegmentPart, colour: bool) -> String {
    let code = match part.percent {
        percent if percent >= ALARM => "31",
        percent if percent >= WARN => "33",
        _ => return part.text.clone(),
    };
    if colour { format!("\u{1b}[{code}m{}\u{1b}[0m", part.text) } else { part.text.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::parse_rfc3339;

    fn at(text: &str) -> DateTime<Utc> {
        parse_rfc3339(text).unwrap()
    }

    fn scene() -> SegmentFacts {
        SegmentFacts {
            five_hour: Some(Window { used_percent: 42.0, resets_at: at("2026-11-21T15:10:00Z") }),
            seven_day: Some(Window { used_percent: 69.9, resets_at: at("2026-11-23T09:00:00Z") }),
            context_percent: Some(12.0),
            waiting: Waiting::default(),
            unsaved: false,
            now: at("2026-11-21T13:58:00Z"),
            local: |at| at.naive_utc(),
            columns: None,
            colour: false,
        }
    }

    fn full() -> SegmentFacts {
        SegmentFacts {
            seven_day: Some(Window { used_percent: 81.0, resets_at: at("2026-11-23T09:00:00Z") }),
            context_percent: Some(96.0),
            waiting: Waiting { sessions: 2, paused: 0, next: Some(at("2026-11-21T15:12:30Z")) },
            ..scene()
        }
    }

    #[test]
    fn a_quiet_account_is_one_short_part() {
        assert_eq!(segment(&scene()), "5h 42% · resets 15:10 (1 h 12 min)");
    }

    #[test]
    fn an_account_without_a_window_of_five_hours_shows_its_week_however_little_is_used() {
        let weekly = SegmentFacts { five_hour: None, ..scene() };
        assert_eq!(segment(&weekly), "week 70% · resets Mon 09:00 (1 d 19 h)");
        assert_eq!(segment(&SegmentFacts { columns: Some(14), ..weekly }), "week 70%");
        assert_eq!(segment(&SegmentFacts { seven_day: None, ..weekly }), "");
    }

    #[test]
    fn paused_sessions_are_counted_apart_from_those_that_continue() {
        let with = |sessions, paused| {
            let next = full().waiting.next;
            segment(&SegmentFacts { waiting: Waiting { sessions, paused, next }, ..scene() })
        };
        assert!(with(0, 2).ends_with("| 2 paused"), "{}", with(0, 2));
        assert!(with(1, 1).ends_with("| 1 waiting, next 15:12, 1 paused"), "{}", with(1, 1));
    }

    #[test]
    fn what_is_notable_is_added_and_coloured_by_how_bad_it_is() {
        assert_eq!(
            segment(&full()),
            "5h 42% · resets 15:10 (1 h 12 min) | week 81% · resets Mon 09:00 (1 d 19 h) | context 96% | 2 waiting, next 15:12"
        );
        let coloured = segment(&SegmentFacts { colour: true, ..full() });
        assert!(
            coloured.contains("\u{1b}[33mweek 81%") && coloured.contains("\u{1b}[31mcontext 96%\u{1b}[0m")
        );
        assert!(coloured.starts_with("5h 42%"));
    }

    #[test]
    fn a_session_that_is_not_saved_is_told_first_in_red_and_at_any_width() {
        for columns in [None, Some(60), Some(10)] {
            let text = segment(&SegmentFacts { unsaved: true, colour: true, columns, ..full() });
            assert!(text.starts_with("\u{1b}[31mnot saved: "), "{text}");
        }
    }

    #[test]
    fn it_fits_every_width_and_the_five_hours_stay_to_the_last() {
        let whole = length(&segment(&full()));
        let mut longest = usize::MAX;
        for columns in (10..=whole + MARGIN).rev() {
            let text = segment(&SegmentFacts { columns: Some(columns), ..full() });
            assert!(text.starts_with("5h 42%"), "{columns}: {text}");
            assert!(length(&text) <= columns - MARGIN, "{columns}: {text}");
            assert!(length(&text) <= longest);
            longest = length(&text);
        }
        assert_eq!(
            segment(&SegmentFacts { columns: Some(50), ..full() }),
            "5h 42% · resets 15:10 | week 81% | 2 waiting"
        );
    }

    #[test]
    fn nothing_known_is_nothing_shown() {
        let nothing = SegmentFacts { five_hour: None, seven_day: None, context_percent: None, ..scene() };
        assert_eq!(segment(&nothing), "");
        // A window that has begun anew says nothing about the new one.
        assert_eq!(segment(&SegmentFacts { now: at("2026-11-21T15:10:00Z"), ..scene() }), "");
        let waiting = Waiting { sessions: 1, paused: 0, next: Some(at("2026-11-21T13:00:00Z")) };
        assert_eq!(segment(&SegmentFacts { waiting, ..nothing }), "1 waiting, next now");
    }

    #[test]
    fn only_a_full_window_is_shown_as_full() {
        let used = |used_percent| {
            let five_hour = Some(Window { used_percent, resets_at: at("2026-11-21T13:58:01Z") });
            segment(&SegmentFacts { five_hour, ..scene() })
        };
        assert_eq!(used(99.7), "5h 99% · resets 13:58 (1 min)");
        assert_eq!(used(100.0), "5h 100% · resets 13:58 (1 min)");
    }

    #[test]
    fn days_are_named_as_far_as_needed() {
        assert_eq!(clock(&scene(), at("2026-11-22T00:05:00Z")), "Sun 00:05");
        assert_eq!(clock(&scene(), at("2026-11-28T00:05:00Z")), "Nov 28 00:05");
        assert_eq!(countdown(TimeDelta::seconds(3600)), "1 h");
        assert_eq!(countdown(TimeDelta::days(4)), "4 d");
    }
}
