//! Computes the segment, our line of the status line, as a pure function of the known facts.
//!
//! Its parts are `5h 42% · resets 15:10 (1 h 12 min)`, the week and the context once they are notable, and
//! the waiting sessions of the project. On a narrow terminal the least important parts are dropped first.

use crate::measure::duration_words;
use crate::quota::refresh::Window;
use crate::text::length;
use chrono::{DateTime, Datelike, NaiveDateTime, TimeDelta, Utc};
use std::fmt::Write;

/// Used share, in percent, from which the week and the context are shown.
const NOTABLE: f64 = 70.0;
/// Used share, in percent, from which a part is yellow.
const WARN: f64 = 80.0;
/// Used share, in percent, from which a part is red.
const ALARM: f64 = 95.0;
const BETWEEN: &str = " | ";
const UNSAVED: &str = "not saved: run cc-session-recover doctor";
/// Columns that the client reserves for its margins.
const MARGIN: usize = 4;

/// Number of sessions that wait for a continuation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waiting {
    pub sessions: usize,
    /// Number of additional sessions that the user paused.
    pub paused: usize,
    /// Time of the first continuation.
    pub next: Option<DateTime<Utc>>,
}

/// Input of the segment.
#[derive(Debug, Clone, Copy)]
pub struct SegmentFacts {
    pub five_hour: Option<Window>,
    pub seven_day: Option<Window>,
    /// Used share of the context in percent, 0 to 100.
    pub context_percent: Option<f64>,
    pub waiting: Waiting,
    /// Whether the conversation of this session is not saved. This part comes first and is never dropped.
    pub unsaved: bool,
    pub now: DateTime<Utc>,
    /// Conversion to the local time zone.
    pub local: fn(DateTime<Utc>) -> NaiveDateTime,
    /// Width of the terminal; if unknown (`None`), nothing is dropped.
    pub columns: Option<usize>,
    pub colour: bool,
}

/// Level of detail of each part; each step of [`narrower`] removes something.
#[derive(Clone, Copy)]
struct Detail {
    five_hour: SegmentVerbosity,
    seven_day: SegmentVerbosity,
    context: bool,
    waiting: SegmentVerbosity,
}

#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum SegmentVerbosity {
    None,
    Few,
    Some,
    All,
}

/// Text of one part, with its severity in percent.
struct SegmentPart {
    text: String,
    percent: f64,
}

/// Builds the line, without a line ending; empty if there is nothing to show.
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
    use SegmentVerbosity::{All, Few, None, Some};
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
    // An account without a five-hour window has only the week to show.
    let words = if scene.five_hour.is_some() { detail.seven_day } else { detail.five_hour };
    let seven_day = shown(scene.seven_day)
        .filter(|window| {
            scene.five_hour.is_none() || notable(&window.used_percent) && words > SegmentVerbosity::None
        })
        .map(|window| limit(scene, "week", window, words));
    let context = scene
        .context_percent
        .filter(|percent| detail.context && notable(percent))
        .map(|percent| SegmentPart { text: format!("context {percent:.0}%"), percent });
    let waiting = (scene.waiting.sessions + scene.waiting.paused > 0
        && detail.waiting > SegmentVerbosity::None)
        .then(|| waits(scene, detail.waiting));
    let unsaved = scene.unsaved.then(|| SegmentPart { text: UNSAVED.to_owned(), percent: 100.0 });
    [unsaved, five_hour, seven_day, context, waiting].into_iter().flatten().collect()
}

fn limit(scene: &SegmentFacts, name: &str, window: Window, words: SegmentVerbosity) -> SegmentPart {
    // Avoids rounding 99.6 up to 100.
    let percent =
        if window.used_percent < 100.0 { window.used_percent.min(99.0) } else { window.used_percent };
    let mut text = format!("{name} {percent:.0}%");
    if words >= SegmentVerbosity::Some {
        text.push_str(" · resets ");
        text.push_str(&clock(scene, window.resets_at));
    }
    if words == SegmentVerbosity::All {
        let _ = write!(text, " ({})", countdown(window.resets_at - scene.now));
    }
    SegmentPart { text, percent: window.used_percent }
}

fn waits(scene: &SegmentFacts, words: SegmentVerbosity) -> SegmentPart {
    let paused = scene.waiting.paused;
    if scene.waiting.sessions == 0 {
        return SegmentPart { text: format!("{paused} paused"), percent: 0.0 };
    }
    let mut text = format!("{} waiting", scene.waiting.sessions);
    if let (Some(next), SegmentVerbosity::All) = (scene.waiting.next, words) {
        text.push_str(", next ");
        text.push_str(&if next > scene.now { clock(scene, next) } else { "now".to_owned() });
    }
    if paused > 0 {
        let _ = write!(text, ", {paused} paused");
    }
    SegmentPart { text, percent: 0.0 }
}

/// Formats the time of day, with the date if it is not today.
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

/// Formats the remaining time in the two largest units, rounded up to minutes.
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
    fn a_session_with_low_usage_shows_one_short_part() {
        assert_eq!(segment(&scene()), "5h 42% · resets 15:10 (1 h 12 min)");
    }

    #[test]
    fn an_account_without_a_five_hour_window_always_shows_its_week() {
        let weekly = SegmentFacts { five_hour: None, ..scene() };
        assert_eq!(segment(&weekly), "week 70% · resets Mon 09:00 (1 d 19 h)");
        assert_eq!(segment(&SegmentFacts { columns: Some(14), ..weekly }), "week 70%");
        assert_eq!(segment(&SegmentFacts { seven_day: None, ..weekly }), "");
    }

    #[test]
    fn paused_sessions_are_counted_separately_from_waiting_ones() {
        let with = |sessions, paused| {
            let next = full().waiting.next;
            segment(&SegmentFacts { waiting: Waiting { sessions, paused, next }, ..scene() })
        };
        assert!(with(0, 2).ends_with("| 2 paused"), "{}", with(0, 2));
        assert!(with(1, 1).ends_with("| 1 waiting, next 15:12, 1 paused"), "{}", with(1, 1));
    }

    #[test]
    fn notable_facts_are_added_and_colored_by_severity() {
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
    fn an_unsaved_session_is_shown_first_in_red_at_any_width() {
        for columns in [None, Some(60), Some(10)] {
            let text = segment(&SegmentFacts { unsaved: true, colour: true, columns, ..full() });
            assert!(text.starts_with("\u{1b}[31mnot saved: "), "{text}");
        }
    }

    #[test]
    fn the_segment_fits_any_width_and_drops_the_five_hour_window_last() {
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
    fn the_segment_is_empty_when_nothing_is_known() {
        let nothing = SegmentFacts { five_hour: None, seven_day: None, context_percent: None, ..scene() };
        assert_eq!(segment(&nothing), "");
        // A window that has reset contains no information about the next one.
        assert_eq!(segment(&SegmentFacts { now: at("2026-11-21T15:10:00Z"), ..scene() }), "");
        let waiting = Waiting { sessions: 1, paused: 0, next: Some(at("2026-11-21T13:00:00Z")) };
        assert_eq!(segment(&SegmentFacts { waiting, ..nothing }), "1 waiting, next now");
    }

    #[test]
    fn only_a_full_window_is_shown_as_100_percent() {
        let used = |used_percent| {
            let five_hour = Some(Window { used_percent, resets_at: at("2026-11-21T13:58:01Z") });
            segment(&SegmentFacts { five_hour, ..scene() })
        };
        assert_eq!(used(99.7), "5h 99% · resets 13:58 (1 min)");
        assert_eq!(used(100.0), "5h 100% · resets 13:58 (1 min)");
    }

    #[test]
    fn a_reset_on_another_day_includes_the_day() {
        assert_eq!(clock(&scene(), at("2026-11-22T00:05:00Z")), "Sun 00:05");
        assert_eq!(clock(&scene(), at("2026-11-28T00:05:00Z")), "Nov 28 00:05");
        assert_eq!(countdown(TimeDelta::seconds(3600)), "1 h");
        assert_eq!(countdown(TimeDelta::days(4)), "4 d");
    }
}
