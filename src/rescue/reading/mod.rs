//! Writes a session as a page for people, in HTML or Markdown, while the transcript is read, with only a
//! record or two in memory. A page is not a copy: long texts are cut, with a note. The lossless export
//! contains everything.
//!
//! The body of a page is written first, because the summary in its head is known only at the end.

pub mod conversation;
pub mod entry;
mod html;
mod index;
mod markdown;
mod prose;
pub mod publish;
mod redacted;
pub mod report_page;
mod shown;
mod syntax;
pub mod tool;
mod unfinished;

use crate::measure::duration_words;
use conversation::{TokenTotals, Totals, clock};
use entry::Picture;
use serde::Serialize;
use shown::{ShortenedText, count, grouped, size};

/// Privacy notice at the top of every page.
const PRIVATE_WORDS: &str = "Nothing on this page is redacted. It contains everything that was said, read and run in this \
                             session, including every password and key. Keep it private.";
/// Privacy notice of a page made with `--redact`.
const REDACTED_WORDS: &str = "Passwords and keys that were recognized are replaced on this page with the name of their kind, and pictures \
                              are left out. No redactor finds every secret: read the page before you share it.";
/// Time zone of a page. The script of an HTML page converts times to the zone of the reader.
const ZONE: &str = "All times are UTC.";
/// Note on how the page shows texts.
const HOW: &str = "Long texts are cut, each with the size of the omitted part; the lossless export contains every byte. \
                   Terminal colors are omitted, and control and direction-changing characters are shown as their code, such as \
                   ⟨U+202E⟩.";

/// Largest picture included in a page, in bytes of base64.
const PICTURE: usize = 96 * 1024;
/// Largest total of the pictures in a page, in bytes of base64.
const PICTURES: usize = 2 * 1024 * 1024;

/// Facts about the session for the top of a page.
#[derive(Debug, Clone, Default)]
pub struct PageFacts {
    /// Name, title or latest prompt.
    pub title: String,
    /// Name, value, and whether the value is code.
    pub rows: Vec<(&'static str, String, bool)>,
    /// Sentence about the state of the session, for the end of the page.
    pub ending: String,
    /// Directory of the session; paths below it are shown relative to it.
    pub cwd: Option<String>,
    /// Whether secrets are redacted and pictures left out.
    pub redacted: bool,
}

impl PageFacts {
    const fn privacy(&self) -> &'static str {
        if self.redacted { REDACTED_WORDS } else { PRIVATE_WORDS }
    }
}

/// Head and tail around the body of a page.
pub struct PageFrame {
    pub head: String,
    pub tail: String,
    pub left: LeftOut,
}

/// Maximum number of files in a summary.
const FILES: usize = 40;

/// Returns the names and values of the summary at the top of a page.
fn summary(totals: &Totals) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    if let (Some(from), Some(to)) = (totals.from, totals.to) {
        rows.push(("Duration", format!("{}, {} to {}", duration_words(to - from), clock(from), clock(to))));
    }
    if totals.waits > 0 {
        let waits = count(totals.waits, "gap");
        rows.push(("Waited", format!("{} in {waits} of 10 minutes or more", duration_words(totals.waited))));
    }
    rows.push(("Turns", grouped(totals.turns)));
    let failed =
        |failed: u64| if failed > 0 { format!(", {} failed", grouped(failed)) } else { String::new() };
    if totals.calls > 0 {
        rows.push(("Tool calls", format!("{}{}", grouped(totals.calls), failed(totals.failed_calls))));
    }
    if totals.commands > 0 {
        rows.push(("Commands", format!("{}{}", grouped(totals.commands), failed(totals.failed_commands))));
    }
    if totals.stops > 0 {
        rows.push(("Stops", grouped(totals.stops)));
    }
    let tokens = totals.tokens();
    if tokens != TokenTotals::default() {
        let TokenTotals { input, output, cache_read, cache_write } = tokens;
        let kinds =
            [("input", input), ("output", output), ("cache read", cache_read), ("cache write", cache_write)];
        let words: Vec<_> =
            kinds.iter().map(|(kind, tokens)| format!("{} {kind}", grouped(*tokens))).collect();
        rows.push(("Tokens", words.join(", ")));
    }
    rows
}

/// Returns the changed files, those with the most changed lines first, and the number of files left out.
fn changed_files(totals: &Totals) -> (Vec<(&str, u64, u64)>, usize) {
    let mut files: Vec<_> =
        totals.files.iter().map(|(path, (added, removed))| (path.as_str(), *added, *removed)).collect();
    files.sort_by_key(|(_, added, removed)| std::cmp::Reverse(added + removed));
    let more = files.len().saturating_sub(FILES);
    files.truncate(FILES);
    (files, more)
}

/// What a page leaves out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Number of texts that were cut.
    pub texts: u64,
    /// Bytes of text that are not shown.
    pub bytes: u64,
    pub pictures: u64,
}

impl LeftOut {
    fn words(&self, damaged: u64) -> String {
        let mut words = Vec::new();
        if self.texts > 0 {
            words.push(format!("{} of {}", size(self.bytes), count(self.texts, "long text")));
        }
        if self.pictures > 0 {
            words.push(count(self.pictures, "picture"));
        }
        if damaged > 0 {
            let verb = if damaged == 1 { "is" } else { "are" };
            words.push(format!("{} that {verb} damaged", count(damaged, "line")));
        }
        format!("Left out: {}. The lossless export contains all of it.", words.join(", "))
    }
}

/// State for limits that apply to a whole page.
#[derive(Debug, Default)]
struct PageMemory {
    left: LeftOut,
    pictures: usize,
    /// Whether to leave out all pictures, because they cannot be redacted.
    without_pictures: bool,
}

impl PageMemory {
    fn of(facts: &PageFacts) -> Self {
        Self { without_pictures: facts.redacted, ..Self::default() }
    }

    fn note(&mut self, shown: &ShortenedText) {
        let bytes = shown.left_bytes();
        if bytes > 0 {
            self.left.texts += 1;
            self.left.bytes += bytes as u64;
        }
    }

    /// Returns whether a picture is included: it is small, of a harmless type, and valid base64.
    fn take_picture(&mut self, picture: &Picture) -> bool {
        let kind = ["image/png", "image/jpeg", "image/gif", "image/webp"].contains(&picture.media.as_str());
        let sound = !picture.data.is_empty()
            && picture
                .data
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='));
        let fits = picture.data.len() <= PICTURE && self.pictures + picture.data.len() <= PICTURES;
        if kind && sound && fits && !self.without_pictures {
            self.pictures += picture.data.len();
            return true;
        }
        self.left.pictures += 1;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub fn facts() -> PageFacts {
        PageFacts {
            title: "T".into(),
            rows: vec![("Session", "x".into(), true)],
            ending: "It ended.".into(),
            ..PageFacts::default()
        }
    }

    #[test]
    fn only_small_valid_images_are_embedded_in_a_page() {
        let picture = |media: &str, data: &str| Picture { media: media.into(), data: data.into() };
        let mut kept = PageMemory::default();
        assert!(kept.take_picture(&picture("image/png", "iVBORw0KGgo=")));
        for (media, data) in [
            ("image/svg+xml", "PHN2Zz4="),
            ("image/png", "\"><script>"),
            ("image/png\" onload=", "AAAA"),
            ("image/png", ""),
            ("image/png", &"A".repeat(PICTURE + 1)),
        ] {
            assert!(!kept.take_picture(&picture(media, data)), "{media}");
        }
        assert_eq!(kept.left.pictures, 5);
        let large = picture("image/png", &"A".repeat(PICTURE));
        assert!((0..100).filter(|_| kept.take_picture(&large)).count() * PICTURE <= PICTURES);
    }
}
