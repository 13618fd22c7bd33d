//! A reading export: a session as one page for people, in HTML or Markdown. It is made while the transcript is read, holds
//! no more of it than a record or two, and is no copy: what is long is cut, and says so. The lossless export is the whole.

pub mod conversation;
pub mod entry;
mod html;
mod markdown;
mod prose;
pub mod publish;
mod shown;
pub mod tool;

use entry::Picture;
use serde::Serialize;
use shown::{ShortenedText, count, size};

/// Said at the top of every page.
const PRIVATE_WORDS: &str = "Nothing on this page is redacted. It shows what was said, read and run in this session, with every password \
                             and key that was in it. Keep it private.";
/// How a page is to be read.
const HOW: &str = "All times are UTC. Long texts are cut, each with a count of what is left out; the lossless export holds every byte. \
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
}

impl PageMemory {
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
        if kind && sound && fits {
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
        PageFacts { title: "T".into(), rows: vec![("Session", "x".into(), true)], ending: "It ended.".into() }
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
