//! A message of the client's about a stop: kept as it stands, and made fit to be shown when it is shown or stored. A scan
//! meets thousands of them and shows few.

use crate::note::redact::clean_line;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Longest message that is shown, in characters.
const SHOWN: usize = 300;
/// Longest message that is kept as it stands, in bytes.
const KEPT: usize = 1024;

/// What the client said when a turn was broken off.
#[derive(Clone)]
pub struct ClientMessage(String);

impl ClientMessage {
    /// `None` when nothing is left of it that could be shown.
    #[must_use]
    pub fn of(raw: &str) -> Option<Self> {
        if raw.len() <= KEPT && raw.bytes().any(|byte| byte.is_ascii_graphic()) {
            return Some(Self(raw.to_owned()));
        }
        Some(clean_line(raw, SHOWN)).filter(|clean| !clean.is_empty()).map(Self)
    }

    /// Sanitised, redacted, on one line, bounded.
    #[must_use]
    pub fn shown(&self) -> String {
        clean_line(&self.0, SHOWN)
    }
}

impl fmt::Debug for ClientMessage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.shown())
    }
}

/// What is shown is what it is.
impl PartialEq for ClientMessage {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 || self.shown() == other.shown()
    }
}

impl Serialize for ClientMessage {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.shown())
    }
}

impl<'de> Deserialize<'de> for ClientMessage {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(raw: &str) -> Option<String> {
        ClientMessage::of(raw).map(|message| message.shown())
    }

    #[test]
    fn whatever_leaves_it_is_fit_to_be_shown() {
        let key = format!("sk-ant-api03-{}", "Ab1".repeat(30));
        for raw in [format!("bad \x1b[31m{key}\x1b[0m"), format!("{} {key}", "long ".repeat(400))] {
            let message = ClientMessage::of(&raw).unwrap();
            for text in [message.shown(), format!("{message:?}"), serde_json::to_string(&message).unwrap()] {
                assert!(!text.contains("sk-ant") && !text.contains('\x1b'), "{text}");
            }
            assert!(message.shown().chars().count() <= SHOWN);
            let again: ClientMessage =
                serde_json::from_str(&serde_json::to_string(&message).unwrap()).unwrap();
            assert_eq!(again, message);
        }
    }

    #[test]
    fn a_message_of_which_nothing_can_be_shown_is_none() {
        for empty in ["", "  \n", "\u{1}\u{2}", "\u{200b}"] {
            assert_eq!(shown(empty), None, "{empty:?}");
        }
        assert_eq!(shown("上限に達しました").as_deref(), Some("上限に達しました"));
        assert_eq!(shown(" a \n b ").as_deref(), Some("a b"));
    }
}
