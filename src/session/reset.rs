//! A reset time read from the client's words, for clients that do not write it as a number (before 2.1.240).
//!
//! Seen: `resets 4:20am (UTC)`, `resets 4am (America/New_York)`, `resets Nov 24, 1:45pm (UTC)`. It is a guess: the
//! minute is rounded, the year is missing, and without a zone name there is no telling.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;

/// What a message says about the reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResetText {
    /// The instant.
    pub at: DateTime<Utc>,
    /// The message names a date, as it does for resets that are not today.
    pub dated: bool,
}

/// Reads the reset from a stop message that was written at `written`.
#[must_use]
pub fn reset_in(message: &str, written: DateTime<Utc>) -> Option<ResetText> {
    let (_, rest) = message.split_once("resets ")?;
    let (when, zone) = rest.split_once('(')?;
    let zone: Tz = zone.split_once(')')?.0.trim().parse().ok()?;
    let when = when.trim().trim_start_matches("at ").trim();
    let now = written.with_timezone(&zone);
    let (date, clock) = match when.rsplit_once(", ") {
        Some((date, clock)) => (Some(date), clock),
        None => (None, when),
    };
    let clock = time_of_day(clock)?;
    let local = |date: NaiveDate| zone.from_local_datetime(&date.and_time(clock)).earliest();
    if let Some(date) = date {
        // Without a year it is the next such day; a stop at New Year's Eve may name January.
        let dated =
            |year: i32| NaiveDate::parse_from_str(&format!("{date} {year}"), "%b %d %Y").ok().and_then(local);
        let this_year = dated(now.year())?;
        let at = if this_year < now { dated(now.year() + 1).unwrap_or(this_year) } else { this_year };
        return Some(ResetText { at: at.with_timezone(&Utc), dated: true });
    }
    let today = local(now.date_naive())?;
    let at = if today < now { local(now.date_naive().checked_add_days(Days::new(1))?)? } else { today };
    Some(ResetText { at: at.with_timezone(&Utc), dated: false })
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
    fn reads_the_times_the_client_was_seen_to_write() {
        let at = "2026-11-21T02:23:23Z";
        let is = |text: &str| Some(text.to_owned());
        assert_eq!(
            reset("You've hit your 5-hour limit · resets 4:25am (UTC)", at),
            is("2026-11-21T04:25:00.000Z")
        );
        assert_eq!(reset("You've hit your limit · resets 1:05am (UTC)", at), is("2026-11-22T01:05:00.000Z"));
        assert_eq!(reset("weekly limit · resets Nov 24, 1:45pm (UTC)", at), is("2026-11-24T13:45:00.000Z"));
        assert_eq!(reset("weekly limit · resets Jan 2, 1pm (UTC)", at), is("2027-01-02T13:00:00.000Z"));
        assert_eq!(reset("limit · resets 10pm (America/New_York)", at), is("2026-11-21T03:00:00.000Z"));
    }

    #[test]
    fn says_nothing_rather_than_something_wrong() {
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
