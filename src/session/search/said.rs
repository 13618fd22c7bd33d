//! What a record says: the texts of one line of a transcript, decoded, each with who said it.
//!
//! Typed and borrowed from the line, and forgiving: what has another form than known is passed over, never the rest of
//! the record with it. Not read at all: what only repeats a text (`toolUseResult`, `last-prompt`), what no person and no
//! model said (`attachment` apart from prompts that were typed during a turn, `api-request*`), and binary content.

use crate::claude::record::trim;
use crate::claude::wording::{Author, Marks, author};
use crate::clock::parse_rfc3339;
use chrono::{DateTime, Utc};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// Who said it: a person, the model, a tool (its input or its result), or the client itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum SearchRole {
    User,
    Assistant,
    /// A tool: what it was given, or its result.
    Tool,
    /// The client itself: notices, summaries, titles, errors.
    System,
}

/// One text of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordText<'a> {
    pub role: SearchRole,
    /// Its parts: one text, or all texts in a tool's input.
    pub parts: Vec<Cow<'a, str>>,
    /// The client also writes it elsewhere, or more than once.
    pub repeated: bool,
}

/// What a record says, and the little about it that a hit needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spoken<'a> {
    /// Its texts, in their order.
    pub texts: Vec<RecordText<'a>>,
    /// When it was written.
    pub at: Option<DateTime<Utc>>,
    /// Working directory at that time.
    pub cwd: Option<Cow<'a, str>>,
    /// Session it belongs to.
    pub session: Option<Cow<'a, str>>,
    pub sidechain: bool,
    /// Name a person gave the session.
    pub name: Option<Cow<'a, str>>,
    /// Title a person gave it.
    pub custom_title: Option<Cow<'a, str>>,
    /// Title that an older client gave a session, and the id of the last message of that session's conversation.
    pub old_title: Option<(Cow<'a, str>, Cow<'a, str>)>,
    /// Id of the record.
    pub uuid: Option<Cow<'a, str>>,
    /// Title the client gave it.
    pub title: Option<Cow<'a, str>>,
}

/// Calls `each` with every record of a line: one, several that were glued together by a crash, or none.
pub fn records(line: &[u8], mut each: impl FnMut(&Spoken<'_>)) {
    let line = trim(line);
    let (mut found, whole) = read(line);
    let mended = if whole { None } else { mended(line) };
    if let Some(mended) = &mended {
        found = read(mended).0;
    }
    for spoken in &found {
        each(spoken);
    }
}

/// Records up to the first that cannot be read, and whether that is all there is.
fn read(line: &[u8]) -> (Vec<Spoken<'_>>, bool) {
    let mut found = Vec::new();
    for record in serde_json::Deserializer::from_slice(line).into_iter::<Line<'_>>() {
        match record {
            Ok(record) => found.push(record.spoken()),
            Err(_) => return (found, false),
        }
    }
    (found, true)
}

/// A line that is no valid UTF-8, or has half a surrogate pair in it (a client cut a text in the middle of an emoji),
/// with replacement characters there; `None` when nothing was to be mended.
#[must_use]
pub fn mended(line: &[u8]) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(line);
    let mut changed = matches!(text, Cow::Owned(_));
    let mut bytes = text.into_owned().into_bytes();
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'\\', &bytes[at..]) {
        at += found;
        match (unit(&bytes[at..]), unit(bytes.get(at + 6..).unwrap_or_default())) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => at += 12,
            (Some(0xd800..=0xdfff), _) => {
                bytes[at..at + 6].copy_from_slice(br"\ufffd");
                changed = true;
                at += 6;
            }
            _ => at = (at + 2).min(bytes.len()),
        }
    }
    changed.then_some(bytes)
}

/// The UTF-16 unit of an escape at the beginning of these bytes.
fn unit(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.strip_prefix(br"\u")?.get(..4)?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Line<'a> {
    #[serde(rename = "type", borrow)]
    kind: Atom<'a>,
    #[serde(borrow)]
    is_sidechain: Atom<'a>,
    #[serde(borrow)]
    is_meta: Atom<'a>,
    #[serde(borrow)]
    is_compact_summary: Atom<'a>,
    #[serde(borrow)]
    timestamp: Atom<'a>,
    #[serde(borrow)]
    session_id: Atom<'a>,
    #[serde(borrow)]
    cwd: Atom<'a>,
    #[serde(borrow)]
    origin: Loose<Origin<'a>>,
    #[serde(borrow)]
    prompt_source: Atom<'a>,
    #[serde(borrow)]
    turn_origin: Atom<'a>,
    plugin_prompt: Loose<IgnoredObject>,
    #[serde(borrow)]
    message: Loose<Message<'a>>,
    #[serde(borrow)]
    content: Content<'a>,
    #[serde(borrow)]
    attachment: Loose<Attachment<'a>>,
    #[serde(borrow)]
    uuid: Atom<'a>,
    #[serde(borrow)]
    leaf_uuid: Atom<'a>,
    #[serde(borrow)]
    summary: Atom<'a>,
    #[serde(borrow)]
    custom_title: Atom<'a>,
    #[serde(borrow)]
    agent_name: Atom<'a>,
    #[serde(borrow)]
    ai_title: Atom<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Origin<'a> {
    #[serde(borrow)]
    kind: Atom<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    model: Atom<'a>,
    #[serde(borrow)]
    content: Content<'a>,
}

/// An object that is there, whatever is in it.
#[derive(Deserialize)]
struct IgnoredObject {}

/// An attachment; only `queued_command`, a prompt sent while a turn was running, is something that was said.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Attachment<'a> {
    #[serde(rename = "type", borrow)]
    kind: Atom<'a>,
    #[serde(borrow)]
    prompt: Content<'a>,
    #[serde(borrow)]
    is_meta: Atom<'a>,
    #[serde(borrow)]
    origin: Loose<Origin<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Block<'a> {
    #[serde(rename = "type", borrow)]
    kind: Atom<'a>,
    #[serde(borrow)]
    text: Atom<'a>,
    #[serde(borrow)]
    thinking: Atom<'a>,
    #[serde(borrow)]
    input: Texts<'a>,
    #[serde(borrow)]
    content: Content<'a>,
}

impl<'a> Line<'a> {
    fn spoken(self) -> Spoken<'a> {
        let at = self.timestamp.text().and_then(parse_rfc3339);
        let sidechain = self.is_sidechain.is_true();
        let mut spoken = Spoken { at, sidechain, ..Spoken::default() };
        match self.kind.text().unwrap_or_default() {
            "user" => {
                let marks = Marks {
                    meta: self.is_meta.is_true(),
                    compact_summary: self.is_compact_summary.is_true(),
                    plugin_prompt: self.plugin_prompt.0.is_some(),
                    origin: self.origin.kind(),
                    prompt_source: self.prompt_source.text(),
                    turn_origin: self.turn_origin.text(),
                };
                let Message { content, .. } = self.message.0.unwrap_or_default();
                content.each(|block| match block {
                    Piece::Text(text) => {
                        let role = match role_of(marks, &text) {
                            // The prompt of a subagent is the model's.
                            SearchRole::User if sidechain => SearchRole::Assistant,
                            role => role,
                        };
                        spoken.say(role, text);
                    }
                    Piece::Block(block) => spoken.tool(block),
                });
            }
            "assistant" => {
                let Message { model, content } = self.message.0.unwrap_or_default();
                let role = if model.text() == Some("<synthetic>") {
                    SearchRole::System
                } else {
                    SearchRole::Assistant
                };
                content.each(|block| match block {
                    Piece::Text(text) => spoken.say(role, text),
                    Piece::Block(block) => spoken.tool(block),
                });
            }
            "system" => self.content.each(|block| {
                if let Piece::Text(text) = block {
                    spoken.say(SearchRole::System, text);
                }
            }),
            // Written when it is queued; the prompt itself follows if it was ever sent.
            "queue-operation" => self.content.each(|block| {
                if let Piece::Text(text) = block {
                    spoken.repeat(role_of(Marks::default(), &text), text);
                }
            }),
            "attachment" => {
                let attachment = self.attachment.0.unwrap_or_default();
                if attachment.kind.text() == Some("queued_command") {
                    let marks = Marks {
                        meta: attachment.is_meta.is_true(),
                        origin: attachment.origin.kind(),
                        ..Marks::default()
                    };
                    attachment.prompt.each(|block| {
                        if let Piece::Text(text) = block {
                            spoken.repeat(role_of(marks, &text), text);
                        }
                    });
                }
            }
            "summary" => {
                let text = spoken.called(self.summary);
                spoken.old_title = text.zip(self.leaf_uuid.into_text());
            }
            "ai-title" => spoken.title = spoken.called(self.ai_title),
            "custom-title" => spoken.custom_title = spoken.called(self.custom_title),
            "agent-name" => spoken.name = spoken.called(self.agent_name),
            _ => {}
        }
        spoken.uuid = self.uuid.into_text();
        spoken.cwd = self.cwd.into_text();
        spoken.session = self.session_id.into_text();
        spoken
    }
}

impl<'a> Spoken<'a> {
    fn say(&mut self, role: SearchRole, text: Cow<'a, str>) {
        self.texts.push(RecordText { role, parts: vec![text], repeated: false });
    }

    fn repeat(&mut self, role: SearchRole, text: Cow<'a, str>) {
        self.texts.push(RecordText { role, parts: vec![text], repeated: true });
    }

    /// A title or name: appended again at every checkpoint.
    fn called(&mut self, atom: Atom<'a>) -> Option<Cow<'a, str>> {
        let text = atom.into_text()?;
        self.repeat(SearchRole::System, text.clone());
        Some(text)
    }

    /// The input of a tool, or its result; other blocks say nothing.
    fn tool(&mut self, block: Block<'a>) {
        let kind = block.kind.text().unwrap_or_default();
        let mut parts = Vec::new();
        if kind.ends_with("tool_use") {
            parts = block.input.0;
        } else if kind.ends_with("tool_result") {
            block.content.each(|piece| {
                if let Piece::Text(text) = piece {
                    parts.push(text);
                }
            });
        }
        if !parts.is_empty() {
            self.texts.push(RecordText { role: SearchRole::Tool, parts, repeated: false });
        }
    }
}

/// Who said a text of the user's role: commands and shell commands are the user's, in the client's frame.
fn role_of(marks: Marks<'_>, text: &str) -> SearchRole {
    match author(marks, text) {
        Author::User => SearchRole::User,
        Author::Client(what) if what.is_typed() && !marks.meta => SearchRole::User,
        Author::Client(_) => SearchRole::System,
    }
}

impl Loose<Origin<'_>> {
    fn kind(&self) -> Option<&str> {
        self.0.as_ref()?.kind.text()
    }
}

/// A string or a flag; anything else is nothing.
#[derive(Debug, Default)]
enum Atom<'a> {
    Text(Cow<'a, str>),
    True,
    #[default]
    Nothing,
}

impl<'a> Atom<'a> {
    fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    fn into_text(self) -> Option<Cow<'a, str>> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    fn is_true(&self) -> bool {
        matches!(self, Self::True)
    }
}

/// An object; anything else is nothing.
#[derive(Debug)]
struct Loose<T>(Option<T>);

impl<T> Default for Loose<T> {
    fn default() -> Self {
        Self(None)
    }
}

/// Content of a message or a result: a string, or blocks.
#[derive(Default)]
enum Content<'a> {
    Text(Cow<'a, str>),
    Blocks(Vec<Loose<Block<'a>>>),
    #[default]
    Nothing,
}

/// A text, or a block that is none.
enum Piece<'a> {
    Text(Cow<'a, str>),
    Block(Block<'a>),
}

impl<'a> Content<'a> {
    fn each(self, mut piece: impl FnMut(Piece<'a>)) {
        match self {
            Self::Text(text) => piece(Piece::Text(text)),
            Self::Blocks(blocks) => {
                for mut block in blocks.into_iter().filter_map(|block| block.0) {
                    let text = std::mem::take(&mut block.text).into_text();
                    match text.or_else(|| std::mem::take(&mut block.thinking).into_text()) {
                        Some(text) => piece(Piece::Text(text)),
                        None => piece(Piece::Block(block)),
                    }
                }
            }
            Self::Nothing => {}
        }
    }
}

/// All strings in a value, in their order; no keys.
#[derive(Default)]
struct Texts<'a>(Vec<Cow<'a, str>>);

/// Values without text that a visitor takes as nothing.
macro_rules! nothing {
    ($nothing:expr) => {
        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok($nothing)
        }
        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok($nothing)
        }
        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok($nothing)
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok($nothing)
        }
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("any value")
        }
    };
}

fn drained<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<(), A::Error> {
    while seq.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

fn drained_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<(), A::Error> {
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

struct AtomVisitor;

impl<'de> Visitor<'de> for AtomVisitor {
    type Value = Atom<'de>;
    nothing!(Atom::Nothing);

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Atom<'de>, E> {
        Ok(Atom::Text(Cow::Borrowed(text)))
    }
    fn visit_str<E>(self, text: &str) -> Result<Atom<'de>, E> {
        Ok(Atom::Text(Cow::Owned(text.to_owned())))
    }
    fn visit_bool<E>(self, flag: bool) -> Result<Atom<'de>, E> {
        Ok(if flag { Atom::True } else { Atom::Nothing })
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Atom<'de>, A::Error> {
        drained(seq).map(|()| Atom::Nothing)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Atom<'de>, A::Error> {
        drained_map(map).map(|()| Atom::Nothing)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Atom<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AtomVisitor)
    }
}

struct LooseVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for LooseVisitor<T> {
    type Value = Loose<T>;
    nothing!(Loose(None));

    fn visit_str<E>(self, _: &str) -> Result<Loose<T>, E> {
        Ok(Loose(None))
    }
    fn visit_bool<E>(self, _: bool) -> Result<Loose<T>, E> {
        Ok(Loose(None))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Loose<T>, A::Error> {
        drained(seq).map(|()| Loose(None))
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Loose<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(|value| Loose(Some(value)))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Loose<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor(PhantomData))
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content<'de>;
    nothing!(Content::Nothing);

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Content<'de>, E> {
        Ok(Content::Text(Cow::Borrowed(text)))
    }
    fn visit_str<E>(self, text: &str) -> Result<Content<'de>, E> {
        Ok(Content::Text(Cow::Owned(text.to_owned())))
    }
    fn visit_bool<E>(self, _: bool) -> Result<Content<'de>, E> {
        Ok(Content::Nothing)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Content<'de>, A::Error> {
        let mut blocks = Vec::new();
        while let Some(block) = seq.next_element()? {
            blocks.push(block);
        }
        Ok(Content::Blocks(blocks))
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Content<'de>, A::Error> {
        drained_map(map).map(|()| Content::Nothing)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct TextsVisitor<'v, 'de>(&'v mut Vec<Cow<'de, str>>);

impl<'de> DeserializeSeed<'de> for TextsVisitor<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TextsVisitor<'_, 'de> {
    type Value = ();
    nothing!(());

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<(), E> {
        self.0.push(Cow::Borrowed(text));
        Ok(())
    }
    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.0.push(Cow::Owned(text.to_owned()));
        Ok(())
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(TextsVisitor(self.0))?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_key::<IgnoredAny>()?.is_some() {
            map.next_value_seed(TextsVisitor(self.0))?;
        }
        Ok(())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Texts<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut texts = Vec::new();
        TextsVisitor(&mut texts).deserialize(deserializer)?;
        Ok(Self(texts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> Vec<(SearchRole, String)> {
        let mut all = Vec::new();
        records(line.as_bytes(), |spoken| {
            all.extend(spoken.texts.iter().map(|said| (said.role, said.parts.join("|"))));
        });
        all
    }

    #[test]
    fn every_text_has_who_said_it() {
        use SearchRole::{Assistant, System, Tool, User};
        for (line, role, text) in [
            (r#"{"type":"user","message":{"content":"a\n\"b\""}}"#, User, "a\n\"b\""),
            (
                r#"{"type":"user","message":{"content":[{"type":"text","text":"x"}]},"origin":{"kind":"human"}}"#,
                User,
                "x",
            ),
            (r#"{"type":"user","isMeta":true,"message":{"content":"x"}}"#, System, "x"),
            (
                r#"{"type":"user","message":{"content":"x"},"origin":{"kind":"auto-continuation"}}"#,
                System,
                "x",
            ),
            (r#"{"type":"user","message":{"content":"<bash-stdout>x"}}"#, System, "<bash-stdout>x"),
            (r#"{"type":"user","message":{"content":"<bash-input>x"}}"#, User, "<bash-input>x"),
            (r#"{"type":"user","isSidechain":true,"message":{"content":"x"}}"#, Assistant, "x"),
            (
                r#"{"type":"assistant","message":{"content":[{"type":"thinking","thinking":"x","signature":"s"}]}}"#,
                Assistant,
                "x",
            ),
            (
                r#"{"type":"assistant","message":{"model":"<synthetic>","content":[{"type":"text","text":"x"}]}}"#,
                System,
                "x",
            ),
            (
                r#"{"type":"assistant","message":{"content":[{"type":"tool_use","name":"n","input":{"k":"a","l":[1,{"m":"b"}]}}]}}"#,
                Tool,
                "a|b",
            ),
            (
                r#"{"type":"user","message":{"content":[{"type":"tool_result","content":"x"}]},"toolUseResult":{"stdout":"x"}}"#,
                Tool,
                "x",
            ),
            (
                r#"{"type":"user","message":{"content":[{"type":"tool_result","content":[{"type":"text","text":"x"},{"type":"image","source":{"data":"y"}}]}]}}"#,
                Tool,
                "x",
            ),
            (r#"{"type":"system","content":"x"}"#, System, "x"),
            (r#"{"type":"summary","summary":"x"}"#, System, "x"),
            (r#"{"type":"queue-operation","operation":"enqueue","content":"x"}"#, User, "x"),
            (r#"{"type":"attachment","attachment":{"type":"queued_command","prompt":"x"}}"#, User, "x"),
        ] {
            assert_eq!(said(line), [(role, text.to_owned())], "{line}");
        }
    }

    #[test]
    fn boilerplate_says_nothing() {
        for line in [
            r#"{"type":"attachment","attachment":{"type":"prompt_snapshot","systemPrompt":["x"]},"rendered":[{"content":"x"}]}"#,
            r#"{"type":"api-request-blob","message":{"role":"user","content":[{"type":"text","text":"x"}]}}"#,
            r#"{"type":"last-prompt","lastPrompt":"x"}"#,
            r#"{"type":"user","message":{"content":[{"type":"image","source":{"type":"base64","data":"x"}}]}}"#,
            r#"{"type":"user","message":"x","origin":"x","isMeta":{"x":["x"]},"attachment":["x"],"cwd":{"x":1}}"#,
        ] {
            assert_eq!(said(line), [], "{line}");
        }
    }

    #[test]
    fn glued_cut_and_damaged_records_give_what_is_whole() {
        let glued = r#"{"type":"system","content":"a"}{"type":"system","content":"b"}{"type":"sys"#;
        assert_eq!(said(glued), [(SearchRole::System, "a".into()), (SearchRole::System, "b".into())]);
        let cut = r#"{"type":"system","content":"a\ud83d b\ud83d\ude00 \udc00\\ud83d"}"#;
        assert_eq!(said(cut), [(SearchRole::System, "a\u{fffd} b😀 \u{fffd}\\ud83d".into())]);
        let mut bytes = b"\0\0{\"type\":\"system\",\"content\":\"a\xff\"}\0".to_vec();
        let mut texts = Vec::new();
        records(&bytes, |spoken| texts.push(spoken.texts[0].parts[0].clone().into_owned()));
        assert_eq!(texts, ["a\u{fffd}"]);
        bytes.truncate(20);
        records(&bytes, |_| panic!("torn"));
        assert_eq!(said(&format!(r#"{{"type":"system","content":"a","x":{}"#, "[".repeat(100_000))), []);
    }
}
