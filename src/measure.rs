//! Formats durations, sizes and token counts. `bin/lib/wording.js` implements the same rules, because it must
//! not wait for the addon; the table in `__test__/lib/measures.json` tests both.

use crate::text::as_fraction;
use chrono::TimeDelta;

/// Formats a duration in at most two units and omits the second if it is zero: `2 h 13 min`, `5 h`. Seconds
/// are shown only below five minutes.
#[must_use]
pub fn duration_words(length: TimeDelta) -> String {
    let seconds = length.num_seconds().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let (first, second) = match seconds {
        0..60 => (format!("{seconds} s"), None),
        60..300 => (format!("{minutes} min"), Some((seconds % 60, "s"))),
        300..3600 => (format!("{minutes} min"), None),
        3600..86_400 => (format!("{hours} h"), Some((minutes % 60, "min"))),
        _ => (format!("{days} d"), Some((hours % 24, "h"))),
    };
    match second {
        Some((number, unit)) if number > 0 => format!("{first} {number} {unit}"),
        _ => first,
    }
}

/// Formats a size in the smallest unit that leaves at most three digits before the decimal point: `3.4 MB`.
#[must_use]
pub fn size_words(bytes: u64) -> String {
    let mut size = as_fraction(bytes);
    let mut unit = "B";
    for larger in ["kB", "MB", "GB", "TB"] {
        if size.round() < 1000.0 {
            break;
        }
        (size, unit) = (size / 1000.0, larger);
    }
    if unit != "B" && size < 9.95 { format!("{size:.1} {unit}") } else { format!("{size:.0} {unit}") }
}

/// Formats a rounded number of tokens: `184k`, `1.3M`.
#[must_use]
pub fn token_words(tokens: u64) -> String {
    match tokens {
        0..1000 => tokens.to_string(),
        1000..999_500 => format!("{}k", (tokens + 500) / 1000),
        _ => {
            let tenths = (tokens + 50_000) / 100_000;
            match tenths % 10 {
                0 => format!("{}M", tenths / 10),
                tenth => format!("{}.{tenth}M", tenths / 10),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Measures {
        milliseconds: Vec<(i64, String)>,
        bytes: Vec<(u64, String)>,
        tokens: Vec<(u64, String)>,
    }

    #[test]
    fn measures_are_printed_as_in_the_shared_table() {
        let table: Measures = serde_json::from_str(include_str!("../__test__/lib/measures.json")).unwrap();
        assert!(table.milliseconds.len() > 15 && table.bytes.len() > 9 && table.tokens.len() > 7);
        for (length, words) in table.milliseconds {
            assert_eq!(duration_words(TimeDelta::milliseconds(length)), words, "{length} ms");
        }
        for (bytes, words) in table.bytes {
            assert_eq!(size_words(bytes), words, "{bytes} bytes");
        }
        for (tokens, words) in table.tokens {
            assert_eq!(token_words(tokens), words, "{tokens} tokens");
        }
    }
}
