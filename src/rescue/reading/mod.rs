//! A reading export: a session as one page for people, in HTML or Markdown. It is made while the transcript is read, holds
//! no more of it than a record or two, and is no copy: what is long is cut, and says so. The lossless export is the whole.
//!
//! The body of a page is written first: its head has a summary, which is known only at the end.

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

/// Said at the top of every page.
const PRIVATE_WORDS: &str = "Nothing on this page is redacted. It shows what was said, read and run in this session, with every password \
                             and key that was in it. Keep it private.";
/// The same on a page that was made with `--redact`.
const REDACTED_WORDS: &str = "Passwords and keys that were recognised are replaced on this page by the name of their kind, and pictures \
                              are left out. No redactor finds every secret: read the page before you share it.";
/// Zone of the times on a page. The script of an HTML page shows them in the zone of the reader instead.
const ZONE: &str = "All times are UTC.";
/// How a page is to be read.
const HOW: &str = "Long texts are cut, each with a count of what is left out; the lossless export holds every byte. \
                   Colours of terminals are left out, and control and direction-changing characters are shown by their number, such as \
                   ⟨U+202E⟩.";

/// Bytes of a picture, in base64, that goes into a page.
const PICTURE: usize = 96 * 1024;
/// Bytes of all of them.
const PICTURES: usize = 2 * 1024 * 1024;

/// What a page says about its session at the top.
#[derive(Debug, Clone, Default)]
pub struct PageFacts {
    /// Name, title or newest prompt.
    pub title: String,
    /// What, its value, and whether that is one for programs.
    pub rows: Vec<(&'static str, String, bool)>,
    /// How the session stood.
    pub ending: String,
    /// Directory of the session: paths below it are shown relative to it.
    pub cwd: Option<String>,
    /// Secrets are replaced, and pictures left out.
    pub redacted: bool,
}

impl PageFacts {
    const fn privacy(&self) -> &'static str {
        if self.redacted { REDACTED_WORDS } else { PRIVATE_WORDS }
    }
}

/// What stands around the body of a page, which was written already.
pub struct PageFrame {
    pub head: String,
    pub tail: String,
    pub left: LeftOut,
}

/// Files that a summary names.
const FILES: usize = 40;

/// The summary at the top of a page: names and values.
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

/// The changed files with the most changed lines first, and how many more there are.
fn changed_files(totals: &Totals) -> (Vec<(&str, u64, u64)>, usize) {
    let mut files: Vec<_> =
        totals.files.iter().map(|(path, (added, removed))| (path.as_str(), *added, *removed)).collect();
    files.sort_by_key(|(_, added, removed)| std::cmp::Reverse(added + removed));
    let more = files.len().saturating_sub(FILES);
    files.truncate(FILES);
    (files, more)
}

/// What is not on a page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Texts that were cut.
    pub texts: u64,
    /// Bytes of them that are not shown.
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
        format!("Left out: {}. The lossless export has all of it.", words.join(", "))
    }
}

/// What was shown so far, for what is bounded over a whole page.
#[derive(Debug, Default)]
struct PageMemory {
    left: LeftOut,
    pictures: usize,
    /// No picture goes into the page, because none can be redacted.
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

    /// Whether a picture goes into the page: a small one, of a kind that cannot act, in sound base64.
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
    fn only_small_sound_pictures_go_into_a_page() {
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
