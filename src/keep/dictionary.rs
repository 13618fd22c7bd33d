//! Compression dictionaries for frames.
//!
//! The built-in dictionary is trained on recorded fixtures and covers the shape of the records. Half of a
//! transcript is text that the client writes into every one (its prompt, tools and skills), which differs by
//! client version and machine. The first session of each version that is packed therefore becomes the
//! dictionary for that version, stored beside the kept sessions.

use crate::claude::home::is_session_id;
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::{PRIVATE, read_small};
use crate::store::StateDir;
use crate::store::replace::replace;
use crate::store::stored::sha256_hex;
use memchr::memmem;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::path::PathBuf;

const BUILT_IN: &[u8] = include_bytes!("transcripts.dict");
/// Names the client version that recorded the fixtures.
const BUILT_IN_NAME: &str = "fixtures-2.1.329";
/// Maximum and minimum number of bytes at the start of a transcript that become a dictionary.
const LARGEST: usize = 512 * 1024;
const SMALLEST: usize = 32 * 1024;
/// Length in bytes at which a session that hooks compress turn by turn becomes the dictionary of its version.
/// By then it contains the text that a client writes into every session.
const LONG_ENOUGH: u64 = 256 * 1024;
/// Number of bytes at the start of a transcript that are searched for the client version.
const HEAD: usize = 64 * 1024;
const ENDING: &str = ".dict";

/// Identifies the dictionary that a file's frames need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DictionaryName {
    pub name: String,
    /// SHA-256 of the dictionary in hex. A different dictionary of the same name
    /// cannot decompress the frames.
    pub sha256: String,
}

#[derive(Debug, Clone)]
pub struct Dictionary {
    pub name: DictionaryName,
    bytes: Cow<'static, [u8]>,
}

impl Dictionary {
    #[must_use]
    pub fn built_in() -> Self {
        Self::of(BUILT_IN_NAME.to_owned(), Cow::Borrowed(BUILT_IN))
    }

    fn of(name: String, bytes: Cow<'static, [u8]>) -> Self {
        Self { name: DictionaryName { name, sha256: sha256_hex(&bytes) }, bytes }
    }

    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Loads the dictionary that frames were compressed with.
    ///
    /// # Errors
    ///
    /// Returns [`Code::VerificationFailed`] if it is missing or has different contents.
    pub fn named(state: &StateDir, wanted: &DictionaryName) -> Result<Self> {
        let found = if wanted.name == BUILT_IN_NAME {
            Some(Self::built_in())
        } else {
            Self::local(state, &wanted.name)?
        };
        found.filter(|found| found.name == *wanted).ok_or_else(|| {
            Error::new(Code::VerificationFailed, "is not the dictionary that the kept frames need")
                .at(place(state, &wanted.name))
        })
    }

    fn local(state: &StateDir, name: &str) -> Result<Option<Self>> {
        let bytes = read_small(&place(state, name), LARGEST as u64)?;
        Ok(bytes.map(|bytes| Self::of(name.to_owned(), Cow::Owned(bytes))))
    }

    /// Returns the dictionary for a client version or, without one, the built-in dictionary. Never fails,
    /// because any dictionary works for new frames.
    #[must_use]
    pub fn for_version(state: &StateDir, version: Option<&str>) -> Self {
        let local = version.and_then(|version| {
            let start = format!("{version}.");
            let names = names(state).filter(|name| name.starts_with(&start));
            // A half-written or foreign file is not usable as a dictionary.
            names.min().and_then(|name| Self::local(state, &name).ok().flatten())
        });
        local.unwrap_or_else(Self::built_in)
    }

    /// Stores the start of a transcript as the dictionary of its client version, if that version has none.
    ///
    /// # Errors
    ///
    /// Returns [`Code::Io`] if a file cannot be read or written.
    pub fn make(state: &StateDir, session: &str, head: &[u8]) -> Result<()> {
        let Some(version) = version_in(head) else { return Ok(()) };
        let start = format!("{version}.");
        if head.len() < SMALLEST || names(state).any(|name| name.starts_with(&start)) {
            return Ok(());
        }
        let path = place(state, &format!("{version}.{session}"));
        replace(&path, &head[..head.len().min(LARGEST)], PRIVATE)
    }

    /// Returns whether a session whose frames use this dictionary becomes the dictionary of its version as it
    /// grows from `before` to `after` bytes. Returns true once per session, so that later hooks do not read
    /// its start again.
    #[must_use]
    pub fn is_outgrown(&self, before: u64, after: u64) -> bool {
        self.name.name == BUILT_IN_NAME && before < LONG_ENOUGH && after >= LONG_ENOUGH
    }

    /// Returns the names of the dictionaries that were made from a session.
    pub fn made_of(state: &StateDir, session: &str) -> impl Iterator<Item = String> {
        let end = format!(".{session}");
        names(state).filter(move |name| name.ends_with(&end))
    }

    /// Removes a dictionary, which no remaining frame may need.
    ///
    /// # Errors
    ///
    /// Returns [`Code::Io`] if a file cannot be read or written.
    pub fn remove(state: &StateDir, name: &str) -> Result<()> {
        crate::store::replace::remove(&place(state, name))
    }

    /// Loads every stored dictionary, the built-in one first.
    ///
    /// # Errors
    ///
    /// Returns [`Code::Io`] if one cannot be read.
    pub fn all(state: &StateDir) -> Result<Vec<Self>> {
        let mut found = vec![Self::built_in()];
        for name in names(state) {
            found.extend(Self::local(state, &name)?);
        }
        Ok(found)
    }
}

fn place(state: &StateDir, name: &str) -> PathBuf {
    state.kept_dictionaries().join(format!("{name}{ENDING}"))
}

fn names(state: &StateDir) -> impl Iterator<Item = String> + use<> {
    let entries = std::fs::read_dir(state.kept_dictionaries());
    entries.into_iter().flatten().filter_map(std::result::Result::ok).filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let name = name.strip_suffix(ENDING)?;
        let (_, session) = name.rsplit_once('.')?;
        is_session_id(session).then(|| name.to_owned())
    })
}

/// Returns the client version from the first record that names one.
#[must_use]
pub fn version_in(head: &[u8]) -> Option<String> {
    const KEY: &[u8] = b"\"version\":\"";
    let head = &head[..head.len().min(HEAD)];
    let from = memmem::find(head, KEY)? + KEY.len();
    let text = head[from..].split(|byte| *byte == b'"').next()?;
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let plain = !text.is_empty() && text.len() <= 32 && text.iter().all(plain) && text[0].is_ascii_digit();
    plain.then(|| String::from_utf8_lossy(text).into_owned())
}

/// Reads the start of a file, as much as a dictionary can use.
///
/// # Errors
///
/// Returns [`Code::Io`] if a file cannot be read or written.
pub fn head_of(from: &mut dyn std::io::Read, path: &std::path::Path) -> Result<Vec<u8>> {
    use std::io::Read;
    let mut head = Vec::new();
    from.take(LARGEST as u64).read_to_end(&mut head).doing("read", path)?;
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "00000001-0000-4000-8000-00000000000a";

    #[test]
    fn the_first_session_of_a_version_becomes_its_dictionary() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::new(dir.path());
        let head = |version: &str| format!("{{\"version\":\"{version}\"}}\n").repeat(4000).into_bytes();
        let name = |version: &str| Dictionary::for_version(&state, Some(version)).name.name;
        assert_eq!(name("2.1.332"), BUILT_IN_NAME);
        Dictionary::make(&state, ONE, &head("2.1.332")).unwrap();
        Dictionary::make(&state, "00000002-0000-4000-8000-00000000000a", &head("2.1.332")).unwrap();
        assert_eq!((name("2.1.332"), name("2.1.33")), (format!("2.1.332.{ONE}"), BUILT_IN_NAME.to_owned()));
        assert_eq!(Dictionary::made_of(&state, ONE).count(), 1);
        let needed = Dictionary::for_version(&state, Some("2.1.332")).name;
        assert!(Dictionary::named(&state, &needed).is_ok());
        std::fs::write(place(&state, &needed.name), "other").unwrap();
        assert_eq!(Dictionary::named(&state, &needed).unwrap_err().code, Code::VerificationFailed);
        Dictionary::remove(&state, &needed.name).unwrap();
        assert_eq!(Dictionary::named(&state, &needed).unwrap_err().code, Code::VerificationFailed);
    }

    #[test]
    fn a_session_becomes_a_dictionary_only_when_it_grows_past_the_bound() {
        let built_in = Dictionary::built_in();
        let local = Dictionary::of(format!("2.1.332.{ONE}"), Cow::Borrowed(b"{}"));
        for (before, after, built_in_only) in [
            (0, LONG_ENOUGH - 1, false),
            (0, LONG_ENOUGH, true),
            (LONG_ENOUGH - 1, LONG_ENOUGH, true),
            (LONG_ENOUGH, LONG_ENOUGH + 1, false),
        ] {
            assert_eq!(built_in.is_outgrown(before, after), built_in_only, "{before} to {after}");
            assert!(!local.is_outgrown(before, after), "its version has one");
        }
    }

    #[test]
    fn an_invalid_version_never_becomes_a_file_name() {
        for (text, version) in [
            ("{\"version\":\"2.1.332\"}", Some("2.1.332")),
            ("{\"version\":\"../x\"}", None),
            ("{\"version\":\"\"}", None),
            ("{}", None),
        ] {
            assert_eq!(version_in(text.as_bytes()).as_deref(), version, "{text}");
        }
    }
}
