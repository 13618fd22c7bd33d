//! Parses the payload that Claude Code sends to its status line on each refresh.
//!
//! Measured with 2.1.120 to 2.1.329. `rate_limits` appears with a subscriber's first answer and never with an
//! API key; right after a usage limit its window reports 100. `context_window.used_percentage` is `null`
//! before the first answer.

use crate::claude::home::is_session_id;
use crate::clock::from_epoch_seconds;
use crate::session::stop::time;
use crate::text::one_line;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Size limit of a payload, in bytes. Real payloads are below 3 KB.
const LARGEST: usize = 1024 * 1024;
/// Maximum length of a stored model name, in characters.
const LONGEST_MODEL: usize = 100;
/// Upper bound for the context window of a model, in tokens.
const LARGEST_WINDOW: u64 = 1_000_000_000;

/// Usage of one limit, and when it resets.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "QuotaWindow"))]
pub struct Window {
    /// Used share in percent, 0 to 100.
    pub used_percent: f64,
    /// Time at which the limit resets; may be in the past.
    #[serde(serialize_with = "time")]
    pub resets_at: DateTime<Utc>,
}

/// The relevant fields of a payload. A missing or invalid field is `None` without affecting the others.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Refresh {
    pub session: Option<String>,
    /// Model id as reported by the client.
    pub model: Option<String>,
    pub five_hour: Option<Window>,
    pub seven_day: Option<Window>,
    /// Size of the model's context window, in tokens.
    pub context_size: Option<u64>,
    /// Used share of the context window in percent, 0 to 100.
    pub context_percent: Option<f64>,
}

impl Refresh {
    /// Parses a payload; `None` if it is not a JSON object or too large.
    #[must_use]
    pub fn parse(input: &[u8]) -> Option<Self> {
        if input.len() > LARGEST {
            return None;
        }
        let value: Value = serde_json::from_slice(input).ok()?;
        value.as_object()?;
        let context = &value["context_window"];
        let limits = &value["rate_limits"];
        Some(Self {
            session: value["session_id"].as_str().filter(|id| is_session_id(id)).map(str::to_owned),
            model: value["model"]["id"]
                .as_str()
                .map(|id| one_line(id, LONGEST_MODEL))
                .filter(|id| !id.is_empty()),
            five_hour: window(&limits["five_hour"]),
            seven_day: window(&limits["seven_day"]),
            context_size: context["context_window_size"]
                .as_u64()
                .filter(|size| (1..=LARGEST_WINDOW).contains(size)),
            context_percent: percent(&context["used_percentage"]),
        })
    }
}

fn window(value: &Value) -> Option<Window> {
    Some(Window {
        used_percent: percent(&value["used_percentage"])?,
        resets_at: from_epoch_seconds(value["resets_at"].as_i64()?)?,
    })
}

fn percent(value: &Value) -> Option<f64> {
    value.as_f64().filter(|percent| (0.0..=1000.0).contains(percent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fixture(name: &str) -> Refresh {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/statusline").join(name);
        Refresh::parse(&std::fs::read(path).unwrap()).unwrap()
    }

    #[test]
    fn every_recorded_status_line_payload_is_parsed() {
        for (name, size) in [
            ("2.1.120-subscriber.json", 200_000),
            ("2.1.200-subscriber.json", 200_000),
            ("2.1.329-subscriber.json", 1_000_000),
        ] {
            let refresh = fixture(name);
            assert_eq!(refresh.context_size, Some(size), "{name}");
            assert_eq!(refresh.five_hour.unwrap().used_percent.to_bits(), 42_f64.to_bits(), "{name}");
            assert_eq!(refresh.seven_day.unwrap().used_percent.to_bits(), 17_f64.to_bits(), "{name}");
            assert!(refresh.model.unwrap().starts_with("claude-sonnet"), "{name}");
        }
        let limited = fixture("2.1.329-limited.json");
        assert_eq!(limited.five_hour.unwrap().used_percent.to_bits(), 100_f64.to_bits());
        for name in ["2.1.329-first.json", "2.1.329-key.json"] {
            let refresh = fixture(name);
            assert_eq!((refresh.five_hour, refresh.seven_day), (None, None), "{name}");
            assert!(refresh.context_size.is_some(), "{name}");
        }
    }

    #[test]
    fn malformed_fields_are_omitted_one_by_one() {
        let odd = br#"{"model":{"id":7},"rate_limits":{"five_hour":{"used_percentage":"42","resets_at":1},
            "seven_day":{"used_percentage":-1,"resets_at":99999999999999999}},"context_window":{"context_window_size":0,"used_percentage":12.5}}"#;
        let expected = Refresh { context_percent: Some(12.5), ..Refresh::default() };
        assert_eq!(Refresh::parse(odd), Some(expected));
        for nothing in [&b""[..], b"[]", b"null", b"{\"a\":", &[0xff, 0xfe]] {
            assert_eq!(Refresh::parse(nothing), None);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn arbitrary_bytes_are_parsed_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = Refresh::parse(&bytes);
        }
    }
}
