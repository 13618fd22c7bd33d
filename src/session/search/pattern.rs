//! Compiles a pattern, the text or regular expression to search for, and derives a sieve from it.
//!
//! The sieve reports whether the decoded text of raw transcript bytes can match at all. It has no false
//! negatives. A JSON string may contain a character literally or as an escape, so the sieve searches for the
//! text that every match must contain in all its written forms. Letters, digits and most marks have one form
//! in all known writers; [`escapes_letters`] detects a writer that escapes them anyway.

use crate::error::{Code, Error, Result};
use memchr::memmem::Finder;
use regex::bytes;
use regex_syntax::hir::{Class, Hir, HirKind};
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::LazyLock;

/// ASCII marks that no JSON writer escapes. `"`, `\` and `/` have their own escapes, and some writers escape
/// `<`, `>`, `&`, `'`, `+` and the backtick for safety within HTML.
const PLAIN_MARKS: &[u8] = b" !#$%()*,-.:;=?@[]^_{|}~";
/// Maximum number of characters at one position of a required text. More would make the sieve slow and
/// imprecise.
const LARGEST_SET: usize = 8;
/// Maximum number of alternatives of a required text.
const MOST_RUNS: usize = 16;
/// Maximum length of a required text, in characters.
const LONGEST_RUN: usize = 256;
/// Maximum length of a required text with more than one written form, in characters.
const LONGEST_FORM: usize = 12;
/// The most frequent characters. A text without them occurs in fewer places.
const COMMON: &str = " etaoinsrhld";
/// Minimum length of a plain part that is searched for alone.
const SHORTEST_PLAIN: usize = 3;

/// The start of every `\u` escape of an ASCII character.
static ESCAPED: LazyLock<Finder> = LazyLock::new(|| Finder::new(br"\u00"));

#[derive(Debug)]
pub struct Pattern {
    matcher: Matcher,
    sieve: Option<Sieve>,
}

#[derive(Debug)]
enum Matcher {
    Literal(Box<Finder<'static>>),
    Regex(regex::Regex),
}

impl Pattern {
    /// Compiles a literal text, or with `regex` a regular expression in which `^` and `$`
    /// match at line boundaries.
    ///
    /// # Errors
    ///
    /// Returns [`Code::Usage`] for an empty text or an invalid regular expression.
    pub fn new(text: &str, regex: bool, ignore_case: bool) -> Result<Self> {
        if text.is_empty() {
            return Err(Error::new(Code::Usage, "the text to search for is empty")
                .hint("give at least one character"));
        }
        let expression = if regex { text.to_owned() } else { regex::escape(text) };
        let hir = regex_syntax::ParserBuilder::new()
            .case_insensitive(ignore_case)
            .multi_line(true)
            .build()
            .parse(&expression)
            .map_err(|error| unreadable(&error))?;
        let matcher = if regex || ignore_case {
            let built = regex::RegexBuilder::new(&expression)
                .case_insensitive(ignore_case)
                .multi_line(true)
                .build()
                .map_err(|_| {
                    Error::new(Code::Usage, "the regular expression is too large")
                        .hint("use smaller repetition counts or a shorter expression")
                })?;
            Matcher::Regex(built)
        } else {
            Matcher::Literal(Box::new(Finder::new(text).into_owned()))
        };
        Ok(Self { matcher, sieve: required(&hir).and_then(|runs| Sieve::new(&runs)) })
    }

    /// Returns the byte range of the first match in a decoded text. An empty match does not count.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<Range<usize>> {
        match &self.matcher {
            Matcher::Literal(finder) => finder.find(text.as_bytes()).map(|at| at..at + finder.needle().len()),
            Matcher::Regex(regex) => {
                regex.find_iter(text).find(|found| !found.is_empty()).map(|found| found.range())
            }
        }
    }

    /// Returns the sieve; `None` if every record has to be read.
    #[must_use]
    pub fn sieve(&self) -> Option<&Sieve> {
        self.sieve.as_ref()
    }
}

/// Formats the parser's error without its drawing of the expression.
fn unreadable(error: &regex_syntax::Error) -> Error {
    let (what, span) = match error {
        regex_syntax::Error::Parse(error) => (error.kind().to_string(), Some(error.span())),
        regex_syntax::Error::Translate(error) => (error.kind().to_string(), Some(error.span())),
        _ => ("it cannot be read".to_owned(), None),
    };
    let place = span.map(|span| format!(", at character {}", span.start.column)).unwrap_or_default();
    Error::new(Code::Usage, format!("invalid regular expression: {what}{place}"))
        .hint("escape special characters with a backslash, or search for plain text")
}

/// Text that every match must contain, in all its written forms.
#[derive(Debug)]
pub struct Sieve {
    /// A part with only one written form.
    plain: Option<Finder<'static>>,
    /// All forms, if there is more than one.
    forms: Option<bytes::Regex>,
    longest: usize,
}

/// Consecutive positions, each with its possible characters.
type Run = Vec<Vec<char>>;

impl Sieve {
    fn new(runs: &[Run]) -> Option<Self> {
        let runs: Vec<&[Vec<char>]> = runs.iter().map(|run| &run[..run.len().min(LONGEST_RUN)]).collect();
        let plain = match runs[..] {
            [run] => rarest_plain(run),
            _ => None,
        };
        // The longest form of a character is a pair of surrogates: `\ud83d\ude00`.
        let longest = runs.iter().map(|run| run.len() * 12).max()?;
        let forms = if plain.as_ref().is_some_and(|plain| plain.len() == runs[0].len()) {
            None
        } else {
            Some(forms(&runs)?)
        };
        Some(Self { plain: plain.map(|plain| Finder::new(&plain).into_owned()), forms, longest })
    }

    /// Returns whether these bytes contain what a match requires.
    #[must_use]
    pub fn passes(&self, bytes: &[u8]) -> bool {
        self.plain.as_ref().is_none_or(|plain| plain.find(bytes).is_some())
            && self.forms.as_ref().is_none_or(|forms| forms.is_match(bytes))
    }

    /// Returns the maximum number of bytes of a match that can precede a block boundary while the rest
    /// follows it.
    #[must_use]
    pub fn overlap(&self) -> usize {
        self.longest.saturating_sub(1)
    }
}

/// Compiles an expression for the beginnings of these runs, in all their forms.
fn forms(runs: &[&[Vec<char>]]) -> Option<bytes::Regex> {
    let mut expression = String::from("(?-u)");
    for (index, run) in runs.iter().enumerate() {
        if index > 0 {
            expression.push('|');
        }
        for set in run.iter().take(LONGEST_FORM) {
            write_set(&mut expression, set);
        }
    }
    bytes::Regex::new(&expression).ok()
}

/// Returns whether an ASCII letter, digit or mark is written as an escape. `\\u0041` also
/// counts, which is harmless.
#[must_use]
pub fn escapes_letters(bytes: &[u8]) -> bool {
    let is_letter = |at| bytes.get(at + 4).is_some_and(|digit| (b'2'..=b'7').contains(digit));
    ESCAPED.find_iter(bytes).any(is_letter)
}

fn is_plain(char: char) -> bool {
    u8::try_from(char).is_ok_and(|byte| byte.is_ascii_alphanumeric() || PLAIN_MARKS.contains(&byte))
}

/// Returns the part with one written form that is likely to be the rarest, if it is long enough to
/// be searched for alone.
fn rarest_plain(run: &[Vec<char>]) -> Option<Vec<u8>> {
    let plain = |set: &[char]| matches!(set, [char] if is_plain(*char));
    let weight = |set: &Vec<char>| if set.iter().any(|char| COMMON.contains(*char)) { 1 } else { 3 };
    let rarest = run.split(|set| !plain(set)).max_by_key(|part| part.iter().map(weight).sum::<usize>())?;
    let enough = rarest.len() >= SHORTEST_PLAIN.min(run.len());
    enough.then(|| rarest.iter().flatten().filter_map(|char| u8::try_from(*char).ok()).collect())
}

/// Writes all forms of the characters at one position.
fn write_set(expression: &mut String, set: &[char]) {
    expression.push_str("(?:");
    for (index, char) in set.iter().enumerate() {
        if index > 0 {
            expression.push('|');
        }
        write_char(expression, *char);
    }
    expression.push(')');
}

/// Writes a character literally, and as JSON may escape it.
fn write_char(expression: &mut String, char: char) {
    let mut raw = [0; 4];
    for byte in char.encode_utf8(&mut raw).bytes() {
        write_byte(expression, byte);
    }
    if is_plain(char) {
        return;
    }
    let short = match char {
        '"' | '\\' | '/' => Some(char),
        '\u{8}' => Some('b'),
        '\u{c}' => Some('f'),
        '\n' => Some('n'),
        '\r' => Some('r'),
        '\t' => Some('t'),
        _ => None,
    };
    if let Some(byte) = short.and_then(|short| u8::try_from(short).ok()) {
        expression.push_str(r"|\\");
        write_byte(expression, byte);
    }
    expression.push('|');
    let mut units = [0; 2];
    for unit in char.encode_utf16(&mut units) {
        expression.push_str(r"\\u");
        for digit in format!("{unit:04x}").chars() {
            if digit.is_ascii_digit() {
                expression.push(digit);
            } else {
                let _ = write!(expression, "[{digit}{}]", digit.to_ascii_uppercase());
            }
        }
    }
}

fn write_byte(expression: &mut String, byte: u8) {
    let _ = write!(expression, r"\x{byte:02x}");
}

/// Returns runs of which every match contains at least one.
fn required(hir: &Hir) -> Option<Vec<Run>> {
    if let Some(run) = exact(hir) {
        return (!run.is_empty()).then(|| vec![run]);
    }
    match hir.kind() {
        HirKind::Capture(capture) => required(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => required(&repetition.sub),
        HirKind::Alternation(branches) => {
            let mut all = Vec::new();
            for branch in branches {
                all.extend(required(branch)?);
            }
            (all.len() <= MOST_RUNS).then_some(all)
        }
        HirKind::Concat(parts) => {
            let mut candidates = Vec::new();
            let mut run = Run::new();
            for part in parts {
                if let Some(more) = exact(part) {
                    run.extend(more);
                } else {
                    candidates.push(vec![std::mem::take(&mut run)]);
                    candidates.extend(required(part));
                }
            }
            candidates.push(vec![run]);
            candidates.into_iter().filter(|runs| strength(runs) > 0).max_by_key(|runs| strength(runs))
        }
        _ => None,
    }
}

/// Returns the only run that an expression matches, if there is just one.
fn exact(hir: &Hir) -> Option<Run> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Some(Run::new()),
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).ok()?;
            text.chars().map(|char| place(vec![char])).collect()
        }
        HirKind::Class(Class::Unicode(class)) => {
            let size: usize = class
                .iter()
                .map(|range| (u32::from(range.end()) - u32::from(range.start())) as usize + 1)
                .sum();
            if size > LARGEST_SET {
                return None;
            }
            place(class.iter().flat_map(|range| range.start()..=range.end()).collect()).map(|set| vec![set])
        }
        HirKind::Capture(capture) => exact(&capture.sub),
        HirKind::Concat(parts) => {
            parts.iter().map(exact).collect::<Option<Vec<Run>>>().map(|runs| runs.concat())
        }
        HirKind::Repetition(repetition)
            if repetition.max == Some(repetition.min) && repetition.min as usize <= LONGEST_FORM =>
        {
            let run = exact(&repetition.sub)?;
            Some(vec![run; repetition.min as usize].concat())
        }
        _ => None,
    }
}

/// Rejects the replacement character: it may represent any damaged text, so it has no written form.
fn place(set: Vec<char>) -> Option<Vec<char>> {
    (!set.is_empty() && !set.contains(&char::REPLACEMENT_CHARACTER)).then_some(set)
}

/// Rates the selectivity of the weakest of these runs.
fn strength(runs: &[Run]) -> usize {
    let of_run = |run: &Run| run.iter().map(|set| LARGEST_SET / set.len()).sum::<usize>();
    runs.iter().map(of_run).min().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(text: &str) -> Option<String> {
        let sieve = Pattern::new(text, false, false).unwrap().sieve.unwrap();
        sieve.plain.map(|plain| String::from_utf8(plain.needle().to_vec()).unwrap())
    }

    #[test]
    fn the_search_uses_the_rarest_part_with_one_written_form() {
        assert_eq!(plain("xyzzy-rare").as_deref(), Some("xyzzy-rare"));
        assert_eq!(plain("say \"plugh\" then\ntab").as_deref(), Some("plugh"));
        assert_eq!(plain("naïve-façade").as_deref(), Some("ve-fa"));
        assert_eq!(plain("日本語"), None);
        assert_eq!(plain("a\"b"), None);
        assert_eq!(plain("a").as_deref(), Some("a"));
        assert_eq!(plain(&"long".repeat(100_000)).map(|text| text.len()), Some(LONGEST_RUN));
    }

    #[test]
    fn a_regular_expression_without_a_required_text_reads_everything() {
        for everything in [".*", r"\d+", "a|.", "x?", "[a-z]+"] {
            assert!(Pattern::new(everything, true, false).unwrap().sieve().is_none(), "{everything}");
        }
        for sieved in ["foo|bar", r"\bfoo\d+", "(foo)+", "a(?:b|c)d.*e", "(?i)foo", "[ab][cd]"] {
            assert!(Pattern::new(sieved, true, false).unwrap().sieve().is_some(), "{sieved}");
        }
    }

    #[test]
    fn an_invalid_regular_expression_is_refused_with_a_message() {
        let refused = |text: &str| Pattern::new(text, true, false).unwrap_err();
        assert_eq!(refused("ab(c").message, "invalid regular expression: unclosed group, at character 3");
        assert_eq!(refused("x{1000}{1000}{1000}").message, "the regular expression is too large");
        assert_eq!(refused("").code, Code::Usage);
        assert!(Pattern::new("ab(c", false, false).is_ok());
    }

    #[test]
    fn case_is_ignored_beyond_ascii() {
        let pattern = Pattern::new("straSSe ÉTÉ", false, true).unwrap();
        assert!(pattern.find("die STRASSE été").is_some());
        assert!(may_match(&pattern, "die STRA\u{17f}SE \\u00c9t\\u00E9"));
        assert_eq!(pattern.find("die Straße ÉTÉ"), None);
    }

    fn may_match(pattern: &Pattern, json: &str) -> bool {
        let bytes = json.as_bytes();
        pattern.sieve().is_none_or(|sieve| sieve.passes(bytes)) || escapes_letters(bytes)
    }

    /// Writes a JSON string with each character in one of its possible forms.
    fn written(text: &str, ways: &[u8]) -> String {
        let mut json = String::from("\"");
        for (index, char) in text.chars().enumerate() {
            let plain = serde_json::to_string(&char.to_string()).unwrap();
            let mut units = [0; 2];
            let escape = char
                .encode_utf16(&mut units)
                .iter()
                .fold(String::new(), |escape, unit| format!("{escape}\\u{unit:04x}"));
            match ways[index % ways.len()] {
                0 if !is_plain(char) => json.push_str(&escape),
                1 if !is_plain(char) => json.push_str(&escape.to_uppercase().replace('U', "u")),

                2 if char == '/' => json.push_str("\\/"),
                3 => json.push_str(&escape),
                _ => json.push_str(&plain[1..plain.len() - 1]),
            }
        }
        json.push('"');
        json
    }

    proptest! {
        #[test]
        fn the_sieve_accepts_every_matching_text(
            before in "[a-c\"\n]{0,6}", needle in "[ab K\"\\\\/\n\t<é日ſ😀\u{7f}]{1,6}", after in "[a-c]{0,6}",
            ways in proptest::collection::vec(0_u8..5, 1..5), ignore_case in any::<bool>(),
        ) {
            let text = format!("{before}{needle}{after}");
            let json = written(&text, &ways);
            prop_assert_eq!(&serde_json::from_str::<String>(&json).unwrap(), &text);
            let pattern = Pattern::new(&needle, false, ignore_case).unwrap();
            prop_assert!(pattern.find(&text).is_some());
            prop_assert!(may_match(&pattern, &json), "{}", json);
        }

        #[test]
        fn the_sieve_accepts_every_text_that_matches_a_regular_expression(
            parts in proptest::collection::vec(prop_oneof![
                Just("a"), Just("é"), Just("."), Just("[ab]"), Just("(?:ab|日)"), Just("b+"), Just("/"), Just("\n"), Just("^"),
                Just("(a\")"), Just("a{2}"), Just("b?"), Just(r"\w"), Just("$"), Just("(?:b|a{2,3}|k)")], 1..5),
            text in "[abkK\"/\né日]{0,14}", ways in proptest::collection::vec(0_u8..4, 1..5), ignore_case in any::<bool>(),
        ) {
            let pattern = Pattern::new(&parts.concat(), true, ignore_case).unwrap();
            let json = written(&text, &ways);
            if pattern.find(&text).is_some() {
                prop_assert!(may_match(&pattern, &json), "{}", json);
            }
        }
    }
}
