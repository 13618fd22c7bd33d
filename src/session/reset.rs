//! Parses a reset time from the client's words, for clients that do not write it as
//! a number (before 2.1.240).
//!
//! Seen: `resets 4:20am (UTC)`, `resets 4am (America/New_York)`, `resets Nov 24, 1:45pm (UTC)`. The result is
//! a guess: the minute is rounded, the year is missing, and a time without a zone name cannot be interpreted.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, Timelike, Utc};
use jiff::tz::TimeZone;

/// Reset time in the text of a stop message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResetText {
    pub at: DateTime<Utc>,
    /// Whether the message names a date, as it does for resets on another day.
    pub dated: bool,
}

/// How far in the past a time without seconds may be and still count as upcoming.
const MINUTE: TimeDelta = TimeDelta::minutes(1);

/// Parses the reset time from a stop message that was written at `written`.
#[must_use]
pub fn reset_in(message: &str, written: DateTime<Utc>) -> Option<ResetText> {
    client_reset(message, written).or_else(|| dated_in(message, written))
}

/// Words of the API and of gateways before the date on which a budget is available again.
const BEFORE_DATES: [&str; 6] =
    ["regain access on ", "resets at ", "resets on ", "reset at ", "reset on ", "available again on "];

/// Parses `2026-12-01 at 00:00 UTC`, `2026-12-01T00:00:00Z`, `December 1, 2026 at 09:30 UTC`, `Dec 1`.
/// Assumes UTC if there is no zone.
fn dated_in(message: &str, written: DateTime<Utc>) -> Option<ResetText> {
    let rest = BEFORE_DATES.iter().find_map(|words| Some(message.split_once(words)?.1))?;
    let instant = rest.split(|char: char| char.is_whitespace() || char == ',').next().unwrap_or_default();
    if let Some(at) = crate::clock::parse_rfc3339(instant.trim_end_matches(['.', ')'])) {
        return Some(ResetText { at, dated: true });
    }
    let words: Vec<&str> =
        rest.split_whitespace().map(|word| word.trim_matches([',', '.', '(', ')', ';'])).collect();
    let (date, used) = date_of(&words, written)?;
    let after = words.get(used..).unwrap_or_default();
    let after = if after.first() == Some(&"at") { &after[1..] } else { after };
    let time = after.first().and_then(|word| {
        NaiveTime::parse_from_str(word, "%H:%M")
            .or_else(|_| NaiveTime::parse_from_str(word, "%H:%M:%S"))
            .ok()
            .or_else(|| time_of_day(word))
    });
    Some(ResetText { at: date.and_time(time.unwrap_or_default()).and_utc(), dated: true })
}

/// Parses a date in digits or with a month name, and returns the number of words it used. Without a year, it
/// is the next such day.
fn date_of(words: &[&str], written: DateTime<Utc>) -> Option<(NaiveDate, usize)> {
    let first = words.first()?;
    if let Ok(date) = NaiveDate::parse_from_str(first, "%Y-%m-%d") {
        return Some((date, 1));
    }
    let day = words.get(1)?;
    let year = words.get(2).and_then(|word| word.parse::<i32>().ok()).filter(|year| *year > 2000);
    let of = |year: i32| {
        let text = format!("{first} {day} {year}");
        ["%b %d %Y", "%B %d %Y"].iter().find_map(|form| NaiveDate::parse_from_str(&text, form).ok())
    };
    if let Some(year) = year {
        return Some((of(year)?, 3));
    }
    let this_year = of(written.year())?;
    let past = this_year < written.date_naive();
    Some((if past { of(written.year() + 1)? } else { this_year }, 2))
}

/// Parses the client's own wordings of a reset.
fn client_reset(message: &str, written: DateTime<Utc>) -> Option<ResetText> {
    let (_, rest) = message.split_once("resets ")?;
    let (when, zone) = rest.split_once('(')?;
    // Uses the system's zone data: tables of all zones in the addon would cost every hook
    // a millisecond at startup.
    let zone = zone_of(zone.split_once(')')?.0.trim())?;
    let when = when.trim().trim_start_matches("at ").trim();
    let today = jiff::Timestamp::from_second(written.timestamp()).ok()?.to_zoned(zone.clone()).date();
    let today =
        NaiveDate::from_ymd_opt(today.year().into(), positive(today.month())?, positive(today.day())?)?;
    let (date, clock) = match when.rsplit_once(", ") {
        Some((date, clock)) => (Some(date), clock),
        None => (None, when),
    };
    let clock = time_of_day(clock)?;
    // The seconds are omitted, so the minute in which the message was written has not ended yet.
    let written = written - MINUTE;
    let local = |date: NaiveDate| instant(date, clock, &zone);
    if let Some(date) = date {
        // Without a year, it is the next such day; a stop on New Year's Eve may name January.
        let dated =
            |year: i32| NaiveDate::parse_from_str(&format!("{date} {year}"), "%b %d %Y").ok().and_then(local);
        let this_year = dated(today.year())?;
        let at = if this_year < written { dated(today.year() + 1).unwrap_or(this_year) } else { this_year };
        return Some(ResetText { at, dated: true });
    }
    let at = local(today)?;
    let at = if at < written { local(today.checked_add_days(Days::new(1))?)? } else { at };
    Some(ResetText { at, dated: false })
}

/// Returns a zone by its name. UTC is handled separately, because a lookup lists every zone directory, for
/// which a hook has no time.
fn zone_of(name: &str) -> Option<TimeZone> {
    if name == "UTC" { Some(TimeZone::UTC) } else { TimeZone::get(name).ok() }
}

/// Parses the epoch seconds that the first clients appended to their message:
/// `Claude AI usage limit reached|1795230000`.
#[must_use]
pub fn epoch_in(message: &str) -> Option<DateTime<Utc>> {
    let (_, rest) = message.split_once("limit reached|")?;
    let digits: &str = rest.split(|char: char| !char.is_ascii_digit()).next()?;
    (digits.len() == 10).then(|| DateTime::from_timestamp(digits.parse().ok()?, 0))?
}

/// Converts a wall-clock time of a zone to an instant; the first one if the time occurs twice.
fn instant(date: NaiveDate, clock: NaiveTime, zone: &TimeZone) -> Option<DateTime<Utc>> {
    let small = |number: u32| i8::try_from(number).ok();
    let date =
        jiff::civil::Date::new(i16::try_from(date.year()).ok()?, small(date.month())?, small(date.day())?)
            .ok()?;
    let local = date.at(small(clock.hour())?, small(clock.minute())?, 0, 0);
    DateTime::from_timestamp(local.to_zoned(zone.clone()).ok()?.timestamp().as_second(), 0)
}

fn positive(number: i8) -> Option<u32> {
    u32::try_from(number).ok()
}

fn time_of_day(text: &str) -> Option<NaiveTime> {
    let text = text.trim().to_ascii_lowercase();
    let with_minutes =
        if text.contains(':') { text } else { text.replacen("am", ":00am", 1).replacen("pm", ":00pm", 1) };
    NaiveTime::parse_from_str(&with_minutes, "%I:%M%P").ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{parse_rfc3339, rfc3339};

    fn reset(message: &str, written: &str) -> Option<String> {
        reset_in(message, parse_rfc3339(written).unwrap()).map(|reset| rfc3339(reset.at))
    }

    #[test]
    fn reads_every_recorded_time_format_of_the_client() {
        let at = "2026-11-21T02:23:23Z";
        let is = |text: &str| Some(text.to_owned());
        assert_eq!(
            reset("You've hit your 5-hour limit · resets 4:25am (UTC)", at),
            is("2026-11-21T04:25:00.000Z")
        );
        assert_eq!(reset("You've hit your limit · resets 1:05am (UTC)", at), is("2026-11-22T01:05:00.000Z"));
        assert_eq!(reset("You've hit your limit · resets 2:23am (UTC)", at), is("2026-11-21T02:23:00.000Z"));
        assert_eq!(reset("You've hit your limit · resets 2:22am (UTC)", at), is("2026-11-22T02:22:00.000Z"));
        assert_eq!(reset("weekly limit · resets Nov 24, 1:45pm (UTC)", at), is("2026-11-24T13:45:00.000Z"));
        assert_eq!(reset("weekly limit · resets Jan 2, 1pm (UTC)", at), is("2027-01-02T13:00:00.000Z"));
        assert_eq!(reset("limit · resets 10pm (America/New_York)", at), is("2026-11-21T03:00:00.000Z"));
    }

    #[test]
    fn reads_the_epoch_seconds_of_the_first_clients() {
        let epoch = |text| epoch_in(text).map(rfc3339);
        assert_eq!(
            epoch("Claude AI usage limit reached|1795230000").as_deref(),
            Some("2026-11-21T03:00:00.000Z")
        );
        assert_eq!(epoch("usage limit reached|soon"), None);
    }

    #[test]
    fn returns_none_for_an_invalid_or_incomplete_time() {
        for text in [
            "no time",
            "resets soon (UTC)",
            "resets 4:25am",
            "resets 4:25am (Mars/Base)",
            "resets 25:99am (UTC)",
        ] {
            assert_eq!(reset(text, "2026-11-21T02:23:23Z"), None, "{text}");
        }
    }
}
