//! The system clocks. All reads of the current time and all sleeps go through this module.
//!
//! Two clocks are needed. The wall clock interprets reset times. The boot clock, which also runs while the
//! machine is suspended and never jumps, measures how much time has really passed.

use crate::error::{Code, Error, Result};
use chrono::{DateTime, Datelike as _, Local, NaiveDate, NaiveDateTime, TimeDelta, Utc, Weekday};
use std::time::Duration;

/// Source of time. Tests pass a virtual clock.
pub trait Clock: Send + Sync {
    fn now(&self) -> DateTime<Utc>;
    /// Returns the time since boot, including suspended time.
    fn since_boot(&self) -> Duration;
    /// Identifies the boot that [`Self::since_boot`] counts from; `None` if the system has no such id.
    fn boot_id(&self) -> Option<String> {
        None
    }
    /// Blocks for about `duration`. May return early; callers tolerate a late return.
    fn sleep(&self, duration: Duration);
}

#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    #[cfg(unix)]
    fn since_boot(&self) -> Duration {
        // Linux: CLOCK_BOOTTIME includes suspended time. Elsewhere CLOCK_MONOTONIC is the closest equivalent
        // (on macOS it includes suspended time too).
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let id = rustix::time::ClockId::Boottime;
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let id = rustix::time::ClockId::Monotonic;
        let time = rustix::time::clock_gettime(id);
        Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
    }

    #[cfg(not(unix))]
    fn since_boot(&self) -> Duration {
        // Falls back to the time since first use if the uptime is not available.
        static BEGAN: std::sync::LazyLock<std::time::Instant> =
            std::sync::LazyLock::new(std::time::Instant::now);
        sysinfo::System::uptime().map_or_else(|_| BEGAN.elapsed(), Duration::from_secs)
    }

    #[cfg(target_os = "linux")]
    fn boot_id(&self) -> Option<String> {
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(text.trim().to_owned()).filter(|id| !id.is_empty())
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

/// Formats a time as RFC 3339 in UTC with milliseconds, the only form that is stored or passed to programs.
#[must_use]
pub fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// Reads an RFC 3339 time as Claude Code writes it.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.with_timezone(&Utc))
}

/// Replaces each time that [`rfc3339`] wrote into a text, for display.
#[must_use]
pub fn replace_times(text: &str, words: impl Fn(DateTime<Utc>) -> String) -> String {
    /// Length of `2026-11-21T04:00:00.000Z`.
    const LENGTH: usize = 24;
    let mut replaced = String::with_capacity(text.len());
    let mut copied = 0;
    for (last, _) in text.match_indices('Z') {
        let Some(start) = (last + 1).checked_sub(LENGTH).filter(|start| *start >= copied) else { continue };
        let written = text.get(start..=last).unwrap_or_default();
        let Some(at) = parse_rfc3339(written).filter(|at| rfc3339(*at) == written) else { continue };
        replaced.push_str(&text[copied..start]);
        replaced.push_str(&words(at));
        copied = last + 1;
    }
    replaced.push_str(&text[copied..]);
    replaced
}

/// Converts seconds since 1970 to an instant; `None` outside the years 1970 to 2199.
#[must_use]
pub fn from_epoch_seconds(seconds: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(seconds, 0).filter(|time| (1970..2200).contains(&chrono::Datelike::year(time)))
}

/// Converts milliseconds since 1970 to an instant; `None` outside the years 1970 to 2199.
#[must_use]
pub fn from_epoch_millis(millis: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(millis)
        .filter(|time| (1970..2200).contains(&chrono::Datelike::year(time)))
}

/// Converts an instant to wall-clock time in the local time zone.
#[must_use]
pub fn local_time(at: DateTime<Utc>) -> NaiveDateTime {
    at.with_timezone(&Local).naive_local()
}

/// Converts local wall-clock time to an instant. A time that occurs twice yields the earlier instant. A time
/// that a clock change skips is moved forward in whole hours until it exists.
#[must_use]
pub fn from_local_time(local: NaiveDateTime) -> Option<DateTime<Utc>> {
    (0..=3)
        .filter_map(|hour| (local + TimeDelta::hours(hour)).and_local_timezone(Local).earliest())
        .map(|time| time.with_timezone(&Utc))
        .next()
}

/// Parses a time in the past: an RFC 3339 time, a date (its start in the local time zone), a length of time
/// before `now` in minutes, hours, days or weeks (`90m`, `36h`, `2d`, `1w`), or the name of a day (`today`,
/// `yesterday`, `monday`; a weekday means its most recent occurrence, which may be today).
///
/// # Errors
///
/// Returns [`Code::Usage`] for any other text.
pub fn since(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>> {
    let trimmed = text.trim();
    parse_rfc3339(trimmed)
        .or_else(|| beginning(trimmed))
        .or_else(|| before(trimmed, now))
        .or_else(|| day_named(trimmed, now))
        .ok_or_else(|| {
        Error::new(Code::Usage, format!("{text:?} is neither a time nor a duration")).hint(
            "give a date (2026-11-20), a time (2026-11-20T08:00:00Z), a day (today, yesterday, monday), or how long ago (90m, 36h, 2d, 1w)",
        )
    })
}

/// Returns the start of a day. If clocks go forward at midnight, the day starts an hour later.
fn beginning(text: &str) -> Option<DateTime<Utc>> {
    beginning_of(NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?)
}

fn beginning_of(date: NaiveDate) -> Option<DateTime<Utc>> {
    (0..=3)
        .filter_map(|hour| date.and_hms_opt(hour, 0, 0))
        .find_map(|time| time.and_local_timezone(Local).earliest())
        .map(|time| time.with_timezone(&Utc))
}

fn day_named(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let today = local_time(now).date();
    let ago = match text.to_ascii_lowercase().as_str() {
        "today" => 0,
        "yesterday" => 1,
        name => {
            // `parse` also accepts abbreviations such as `mon`.
            let day: Weekday = name.parse().ok()?;
            i64::from(today.weekday().days_since(day))
        }
    };
    beginning_of(today.checked_sub_signed(TimeDelta::days(ago))?)
}

fn before(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let unit = text.chars().next_back()?;
    let number: i64 = text[..text.len() - unit.len_utf8()].parse().ok().filter(|number| *number >= 0)?;
    let length = match unit {
        'm' => TimeDelta::try_minutes(number),
        'h' => TimeDelta::try_hours(number),
        'd' => TimeDelta::try_days(number),
        'w' => TimeDelta::try_weeks(number),
        _ => None,
    };
    now.checked_sub_signed(length?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_accepts_a_duration_a_date_and_a_day_name() {
        let now = parse_rfc3339("2026-11-21T08:00:00Z").unwrap();
        let since = |text: &str| since(text, now).map(rfc3339);
        for (text, expected) in [
            ("90m", "2026-11-21T06:30:00.000Z"),
            ("36h", "2026-11-19T20:00:00.000Z"),
            (" 2d ", "2026-11-19T08:00:00.000Z"),
            ("1w", "2026-11-14T08:00:00.000Z"),
            ("2026-11-20T10:00:00+02:00", "2026-11-20T08:00:00.000Z"),
        ] {
            assert_eq!(since(text).unwrap(), expected, "{text}");
        }
        let midnight = NaiveDate::from_ymd_opt(2026, 11, 20).unwrap().and_hms_opt(0, 0, 0).unwrap();
        let midnight = midnight.and_local_timezone(Local).unwrap().with_timezone(&Utc);
        assert_eq!(since("2026-11-20").unwrap(), rfc3339(midnight));
        // 2026-11-21 is a Saturday in most time zones.
        let noon = local_time(now).date().and_hms_opt(12, 0, 0).unwrap();
        let now = from_local_time(noon).unwrap();
        let day = |ago: i64| rfc3339(beginning_of(noon.date() - TimeDelta::days(ago)).unwrap());
        let since = |text: &str| super::since(text, now).map(rfc3339).unwrap();
        assert_eq!(
            [since("today"), since("Yesterday"), since("2d")],
            [day(0), day(1), rfc3339(now - TimeDelta::days(2))]
        );
        let name = |ago: i64| (noon.date() - TimeDelta::days(ago)).format("%A").to_string();
        for ago in 0..7 {
            assert_eq!(since(&name(ago)), day(ago), "{}", name(ago));
        }
    }

    #[test]
    fn only_times_that_this_tool_wrote_are_replaced() {
        let replaced = |text: &str| replace_times(text, |at| at.format("<%H:%M>").to_string());
        for (text, expected) in [
            ("it reset at 2026-11-24T04:00:00.000Z: go", "it reset at <04:00>: go"),
            ("2026-11-24T04:00:00.000Z2026-11-24T05:00:00.000Z", "<04:00><05:00>"),
            ("\u{e9}Z 2026-11-24T04:00:00.000Z", "\u{e9}Z <04:00>"),
            ("given as 2026-11-24T04:00:00Z", "given as 2026-11-24T04:00:00Z"),
            ("2026-13-24T04:00:00.000Z", "2026-13-24T04:00:00.000Z"),
            (
                "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}Z",
                "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}Z",
            ),
            ("", ""),
        ] {
            assert_eq!(replaced(text), expected);
        }
    }

    #[test]
    fn since_rejects_text_that_is_not_a_past_time() {
        let now = parse_rfc3339("2026-11-21T08:00:00Z").unwrap();
        let since = |text: &str| since(text, now).map(rfc3339);
        for bad in [
            "",
            "d",
            "-2d",
            "2",
            "2 days",
            "2y",
            "2026-13-01",
            "99999999999999999w",
            "2é",
            "tomorrow",
            "someday",
        ] {
            let error = since(bad).unwrap_err();
            assert_eq!(error.code, Code::Usage, "{bad}");
            assert!(error.message.contains(bad));
        }
    }
}
