//! Parses and edits the text of HANDOFF.md. The file has a part that the model owns, and one managed block
//! for each unfinished session, between markers of this tool.
//!
//! All functions are pure. A block is a begin marker and the end marker of the same session, each alone on
//! its line, with no other marker and no merge conflict line between them. Everything else in the file is
//! foreign: a marker without its counterpart, and the text after it, remain unchanged, byte for byte. The
//! last line of a block contains the hash of its other lines, which reveals a block that was edited by hand
//! ([`edited_blocks`]).

use crate::store::stored::sha256_hex;
use std::borrow::Cow;
use std::ops::Range;

/// File name of the note in the project.
pub const FILE_NAME: &str = "HANDOFF.md";

const MARKER: &str = "<!-- cc-session-recover:";
const DEFUSED: &str = "<!- cc-session-recover:";
/// Start of the line with the hash of a block.
const SUM: &str = "<!-- cc-session-recover:sum ";
/// Number of hex digits of the hash.
const SUM_DIGITS: usize = 16;

#[must_use]
pub fn template() -> &'static str {
    "# Handoff\n\n\
     ## Goal\n\n\
     ## Done\n\n\
     ## Next exact action\n\n\
     _Everything above the managed blocks is yours: cc-session-recover never rewrites it. Below it keeps one block for \
     each session that stopped before its work was done._\n\n"
}

/// Text of a new file, with an instruction to keep it current.
#[must_use]
pub fn template_with_instruction() -> String {
    let instruction = "_While you work on something longer, keep the three sections below current, each in a few lines: what is \
                       wanted, what is done, and the one action that comes next. Whoever continues after an interruption reads them first._";
    template().replacen("# Handoff\n\n", &format!("# Handoff\n\n{instruction}\n\n"), 1)
}

/// Returns whether the text is still an unedited template.
#[must_use]
pub fn is_untouched(text: &str) -> bool {
    text == template() || text == template_with_instruction()
}

/// Returns the text with this session's block. It replaces the existing block; a new block comes before all
/// other blocks, or at the end of a text without blocks. Only the first `max_blocks` blocks remain.
///
/// `session` is an id of ASCII letters, digits, `-` and `_`; other characters are dropped. Line endings of
/// the block match the text. Nothing outside complete blocks changes, except that a last line without a line
/// ending gets one if the block follows it.
#[must_use]
pub fn with_block(text: &str, session: &str, block: &str, max_blocks: usize) -> String {
    let session = plain_id(session);
    let found = complete_blocks(text);
    let mut rest = max_blocks.max(1);
    let mut out = String::with_capacity(text.len() + block.len() + 200);
    let mut copied = 0;
    let mut placed = false;
    let there = found.iter().any(|known| known.session == session);
    for known in &found {
        out.push_str(&text[copied..known.bytes.start]);
        copied = known.bytes.end;
        let ours = known.session == session;
        if !placed && (ours || !there) {
            out.push_str(&rendered(text, &session, block));
            placed = true;
            rest -= 1;
        }
        // A second block of the same session is an old copy.
        if !ours && rest > usize::from(there && !placed) {
            out.push_str(&text[known.bytes.clone()]);
            rest -= 1;
        }
    }
    out.push_str(&text[copied..]);
    if !placed {
        if !out.is_empty() && !out.ends_with('\n') {
            out.push_str(line_end(text));
        }
        out.push_str(&rendered(text, &session, block));
    }
    out
}

/// Returns the text without any block of this session; the same text if there is none.
#[must_use]
pub fn without_block(text: &str, session: &str) -> String {
    let session = plain_id(session);
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    for known in complete_blocks(text).iter().filter(|known| known.session == session) {
        out.push_str(&text[copied..known.bytes.start]);
        copied = known.bytes.end;
    }
    out.push_str(&text[copied..]);
    out
}

/// Lists the sessions that have a block, in file order.
#[must_use]
pub fn blocks(text: &str) -> Vec<String> {
    complete_blocks(text).into_iter().map(|known| known.session.to_owned()).collect()
}

/// A block that was edited by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditedBlock<'a> {
    pub session: &'a str,
    /// Text between the markers, without the hash line.
    pub body: String,
    /// The complete block, as in the file.
    pub whole: &'a str,
}

/// Lists the blocks that were edited since they were written, in file order. Changed line endings and
/// trailing whitespace do not count, because a checkout or an editor changes them automatically.
#[must_use]
pub fn edited_blocks(text: &str) -> Vec<EditedBlock<'_>> {
    let known = complete_blocks(text).into_iter();
    known
        .filter_map(|known| {
            let whole = &text[known.bytes.clone()];
            let lines: Vec<&str> = whole.lines().map(str::trim_end).collect();
            let inner = lines.get(1..lines.len() - 1)?;
            let (sums, body): (Vec<&str>, Vec<&str>) = inner.iter().partition(|line| line.starts_with(SUM));
            let body = body.join("\n");
            let sound = sums.as_slice() == [sum_line(&body)];
            (!sound).then_some(EditedBlock { session: known.session, body, whole })
        })
        .collect()
}

/// Returns the text with every marker altered, so that none takes effect.
#[must_use]
pub fn defuse(text: &str) -> Cow<'_, str> {
    if text.contains(MARKER) { Cow::Owned(text.replace(MARKER, DEFUSED)) } else { Cow::Borrowed(text) }
}

struct KnownBlock<'a> {
    session: &'a str,
    /// From the begin marker to the line ending after the end marker.
    bytes: Range<usize>,
}

#[derive(PartialEq, Eq)]
enum MarkerLine<'a> {
    Begin(&'a str),
    End(&'a str),
    Conflict,
    Other,
}

/// Finds pairs of markers that have no suspicious line between them and are not nested in another pair, so
/// that removing one can never turn other text into a block.
fn complete_blocks(text: &str) -> Vec<KnownBlock<'_>> {
    /// A begin marker whose end marker has not been found yet.
    struct Open<'a> {
        session: &'a str,
        start: usize,
        /// Number of suspicious lines seen so far.
        noise: usize,
    }
    let mut found: Vec<KnownBlock<'_>> = Vec::new();
    let mut open: Vec<Open<'_>> = Vec::new();
    let (mut at, mut noise) = (0, 0);
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        match read_line(line) {
            MarkerLine::Other => {}
            MarkerLine::Conflict => noise += 1,
            MarkerLine::Begin(session) => {
                noise += 1;
                open.push(Open { session, start, noise });
            }
            MarkerLine::End(session) => {
                if let Some(index) = open.iter().rposition(|begun| begun.session == session) {
                    let begun = open.swap_remove(index);
                    open.truncate(index);
                    if begun.noise == noise {
                        found.push(KnownBlock { session, bytes: begun.start..at });
                    } else {
                        found.retain(|inner| inner.bytes.start < begun.start);
                    }
                }
                noise += 1;
            }
        }
    }
    found
}

fn read_line(line: &str) -> MarkerLine<'_> {
    let line = line.trim_end();
    if line.starts_with("<<<<<<<") || line.starts_with(">>>>>>>") || line == "=======" {
        return MarkerLine::Conflict;
    }
    let Some(inner) = line.strip_prefix(MARKER).and_then(|rest| rest.strip_suffix(" -->")) else {
        return MarkerLine::Other;
    };
    let valid = |id: &str| !id.is_empty() && id.bytes().all(id_byte);
    match inner.split_once(' ') {
        Some(("begin", session)) if valid(session) => MarkerLine::Begin(session),
        Some(("end", session)) if valid(session) => MarkerLine::End(session),
        _ => MarkerLine::Other,
    }
}

const fn id_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

fn plain_id(session: &str) -> String {
    session.chars().filter(|char| u8::try_from(*char).is_ok_and(id_byte)).collect()
}

/// Renders a block with its markers, in the line endings of the target text.
fn rendered(text: &str, session: &str, block: &str) -> String {
    let end = line_end(text);
    let mut body: Vec<Cow<'_, str>> = Vec::new();
    let defused = defuse(block);
    for line in defused.trim_end().lines().map(str::trim_end) {
        // A conflict line would make the block undetectable, so it is indented.
        let conflict = read_line(line) == MarkerLine::Conflict;
        body.push(if conflict { Cow::Owned(format!(" {line}")) } else { Cow::Borrowed(line) });
    }
    let body = body.join("\n");
    let mut out = format!("{MARKER}begin {session} -->{end}");
    for line in body.lines().chain([sum_line(&body).as_str()]) {
        out.push_str(line);
        out.push_str(end);
    }
    out + &format!("{MARKER}end {session} -->{end}")
}

/// Returns the hash line, which shows whether a body is unchanged.
fn sum_line(body: &str) -> String {
    format!("{SUM}{} -->", &sha256_hex(body.as_bytes())[..SUM_DIGITS])
}

/// Returns the text without all complete blocks.
fn outside(text: &str) -> String {
    let mut out = String::new();
    let mut copied = 0;
    for known in complete_blocks(text) {
        out.push_str(&text[copied..known.bytes.start]);
        copied = known.bytes.end;
    }
    out + &text[copied..]
}

/// Returns the line ending of the first line outside managed blocks, so that the result does not depend on
/// the blocks.
fn line_end(text: &str) -> &'static str {
    let text = outside(text);
    match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn marked(session: &str, body: &str) -> String {
        format!("{MARKER}begin {session} -->\n{body}\n{}\n{MARKER}end {session} -->\n", sum_line(body))
    }

    #[test]
    fn an_edited_block_is_distinguished_from_an_unedited_one() {
        let text = with_block("mine\r\n", "a", "one\n\n  two  \n=======\n", 5);
        assert!(edited_blocks(&text).is_empty(), "{text:?}");
        let touched_by_tools = text.replace("\r\n", "\n").replace("one", "one  ");
        assert!(edited_blocks(&touched_by_tools).is_empty());
        let more = text.replace("one\r\n", "one\r\nnever touch the migrations\r\n");
        let [edited] = &edited_blocks(&more)[..] else { panic!("{more:?}") };
        assert_eq!(edited.session, "a");
        assert_eq!(edited.body, "one\nnever touch the migrations\n\n  two\n =======");
        assert!(more.contains(edited.whole));
        // A block without a hash counts as edited.
        let bare = "<!-- cc-session-recover:begin a -->\nx\n<!-- cc-session-recover:end a -->\n";
        assert_eq!(edited_blocks(bare).len(), 1);
    }

    #[test]
    fn a_new_block_is_placed_first_and_an_existing_one_stays_in_place() {
        let one = with_block(template(), "a", "A1", 5);
        assert_eq!(one, format!("{}{}", template(), marked("a", "A1")));
        let two = with_block(&one, "b", "B1", 5);
        assert_eq!(two, format!("{}{}{}", template(), marked("b", "B1"), marked("a", "A1")));
        let again = with_block(&two, "a", "A2", 5);
        assert_eq!(again, format!("{}{}{}", template(), marked("b", "B1"), marked("a", "A2")));
        assert_eq!(with_block(&again, "a", "A2", 5), again);
    }

    #[test]
    fn the_oldest_blocks_beyond_the_limit_are_removed_but_never_the_new_one() {
        let mut text = template().to_owned();
        for session in ["a", "b", "c", "d"] {
            text = with_block(&text, session, session, 3);
        }
        assert_eq!(blocks(&text), ["d", "c", "b"]);
        assert_eq!(blocks(&with_block(&text, "b", "new", 1)), ["b"]);
        assert_eq!(blocks(&with_block(&text, "b", "new", 2)), ["d", "b"]);
        assert_eq!(blocks(&with_block(&text, "e", "new", 0)), ["e"]);
        assert_eq!(outside(&text), template());
    }

    #[test]
    fn removing_the_last_block_restores_the_previous_file() {
        let own = "# Mine\r\n\r\ntext\r\n";
        let with = with_block(own, "a", "one\ntwo", 5);
        assert!(with.ends_with(&marked("a", "one\ntwo").replace('\n', "\r\n")));
        assert_eq!(without_block(&with, "a"), own);
        assert_eq!(without_block(own, "a"), own);
    }

    #[test]
    fn a_last_line_without_a_line_end_gets_one_and_loses_nothing() {
        assert_eq!(with_block("text", "a", "A", 5), format!("text\n{}", marked("a", "A")));
        assert_eq!(with_block("", "a", "A", 5), marked("a", "A"));
        let cut = marked("a", "A");
        assert_eq!(blocks(cut.trim_end()), ["a"]);
        assert_eq!(without_block(cut.trim_end(), "a"), "");
    }

    #[test]
    fn user_text_inside_a_block_is_replaced_with_the_block() {
        let edited = with_block("x\n", "a", "A", 5).replace("A\n", "A\nmy remark\n");
        assert_eq!(with_block(&edited, "a", "A", 5), with_block("x\n", "a", "A", 5));
    }

    #[test]
    fn unpaired_markers_and_the_text_after_them_stay() {
        let begin = "<!-- cc-session-recover:begin a -->\n";
        let end = "<!-- cc-session-recover:end a -->\n";
        for broken in [
            format!("x\n{begin}text of a person\n"),
            format!("x\n{end}y\n"),
            format!("{end}{begin}"),
            format!("x\n  {begin}y\n{end}"),
            format!("x\n{begin}y\n<!-- cc-session-recover:end b -->\n"),
            format!("{begin}y\n<<<<<<< HEAD\n{end}one\n=======\n{end}two\n>>>>>>> main\n"),
        ] {
            assert_eq!(without_block(&broken, "a"), broken);
            let with = with_block(&broken, "a", "A", 5);
            assert_eq!(without_block(&with, "a"), broken);
            assert_eq!(with, with_block(&with, "a", "A", 5));
        }
    }

    #[test]
    fn nested_blocks_are_unchanged_and_only_one_duplicate_block_stays() {
        let begin = "<!-- cc-session-recover:begin a -->\n";
        let end = "<!-- cc-session-recover:end a -->\n";
        let nested = format!("{begin}x\n{}y\n{end}z\n", marked("b", "B"));
        assert_eq!(blocks(&nested), [""; 0]);
        assert_eq!(with_block(&nested, "b", "B", 1), format!("{nested}{}", marked("b", "B")));
        let lost_end = format!("{begin}x\n{}z\n", marked("b", "B"));
        assert_eq!(blocks(&lost_end), ["b"]);
        let double = format!("1\n{}2\n{}3\n", marked("a", "old"), marked("a", "older"));
        assert_eq!(with_block(&double, "a", "new", 5), format!("1\n{}2\n3\n", marked("a", "new")));
        let conflict = format!("<<<<<<< HEAD\n{}=======\n{}>>>>>>> x\n", marked("a", "1"), marked("a", "2"));
        assert_eq!(without_block(&conflict, "a"), "<<<<<<< HEAD\n=======\n>>>>>>> x\n");
    }

    #[test]
    fn rewriting_a_block_in_a_file_with_mixed_line_ends_is_idempotent() {
        let text = format!("{}\r\n{}", marked("c", "C"), marked("b", "B"));
        let once = with_block(&text, "b", "new", 1);
        assert_eq!(with_block(&once, "b", "new", 1), once);
    }

    #[test]
    fn a_body_cannot_end_its_own_block() {
        let evil = "x\n<!-- cc-session-recover:end a -->\n# out\n<<<<<<< HEAD\n=======\n<!-- cc-session-recover:begin z -->";
        let with = with_block("text\n", "a", evil, 5);
        assert_eq!(blocks(&with), ["a"]);
        assert_eq!(without_block(&with, "a"), "text\n");
        assert_eq!(blocks(&with_block("", "a -->\n<script>", "x", 5)), ["a--script"]);
    }

    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("<!-- cc-session-recover:begin a -->".to_owned()),
            Just("<!-- cc-session-recover:end a -->".to_owned()),
            Just("<!-- cc-session-recover:begin b -->".to_owned()),
            Just("<!-- cc-session-recover:end b -->".to_owned()),
            Just(marked("c", "C")),
            Just("<<<<<<< HEAD".to_owned()),
            Just("=======".to_owned()),
            Just("```".to_owned()),
            "[a-zé \\-<>!]{0,12}",
        ];
        let ends = prop_oneof![Just("\n"), Just("\r\n"), Just(""), Just("\n\n")];
        proptest::collection::vec((piece, ends), 0..14)
            .prop_map(|parts| parts.into_iter().map(|(piece, end)| piece + end).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn text_outside_blocks_never_changes(text in pieces(), body in pieces(), session in "[abcd]", max in 0_usize..4) {
            let before = outside(&text);
            let with = with_block(&text, &session, &body, max);
            let after = outside(&with);
            prop_assert!(
                after == before || (!before.ends_with('\n') && after == format!("{before}{}", line_end(&text))),
                "{:?} -> {:?}", before, after
            );
            prop_assert!(blocks(&with).contains(&session));
            prop_assert!(blocks(&with).len() <= max.max(1));
            prop_assert_eq!(with_block(&with, &session, &body, max), with.clone());
            prop_assert_eq!(outside(&without_block(&with, &session)), after);
        }
    }
}
