//! Stores a client's message about a stop as received, and sanitizes it only when it is shown or serialized.
//! A scan reads thousands of messages and shows few.

use crate::redact::clean_line;
use crate::text::invisible;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Maximum length of a message that is shown, in characters.
const SHOWN: usize = 300;
/// Maximum length of a message that is stored unchanged, in bytes.
const KEPT: usize = 1024;

/// The client's message about an interrupted turn.
#[derive(Clone)]
pub struct ClientMessage {
    text: String,
    /// Whether the text is already sanitized.
    clean: bool,
}

impl ClientMessage {
    /// Returns `None` if nothing visible remains.
    #[must_use]
    pub fn of(raw: &str) -> Option<Self> {
        let hidden = |char: char| char.is_control() && !matches!(char, '\n' | '\t') || invisible(char);
        let visible = |char: char| !char.is_whitespace();
        if raw.len() <= KEPT && !raw.contains(hidden) {
            return raw.contains(visible).then(|| Self { text: raw.to_owned(), clean: false });
        }
        let text = clean_line(raw, SHOWN);
        (!text.is_empty()).then_some(Self { text, clean: true })
    }

    /// Returns the message on one line, sanitized, redacted and truncated.
    #[must_use]
    pub fn shown(&self) -> String {
        if self.clean { self.text.clone() } else { clean_line(&self.text, SHOWN) }
    }
}

impl fmt::Debug for ClientMessage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.shown())
    }
}

/// Two messages are equal if they are shown as the same text.
impl PartialEq for ClientMessage {
    fn eq(&self, other: &Self) -> bool {
        self.shown() == other.shown()
    }
}

impl Serialize for ClientMessage {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.shown())
    }
}

impl<'de> Deserialize<'de> for ClientMessage {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // Serialization has already sanitized it.
        String::deserialize(from).map(|text| Self { text, clean: true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(raw: &str) -> Option<String> {
        ClientMessage::of(raw).map(|message| message.shown())
    }

    #[test]
    fn a_client_message_is_redacted_sanitized_and_bounded_in_every_form() {
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
    fn a_message_without_visible_text_returns_none() {
        for empty in ["", "  \n", "\u{1}\u{2}", "\u{200b}", "\u{1b}[31m\u{1b}[0m", "\u{9b}31m"] {
            assert_eq!(shown(empty), None, "{empty:?}");
        }
        assert_eq!(shown("上限に達しました").as_deref(), Some("上限に達しました"));
        assert_eq!(shown(" a \n b ").as_deref(), Some("a b"));
    }
}
