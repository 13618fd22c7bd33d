//! Stores a value as a JSON file that starts with its version and ends with a check value.

use super::StateDir;
use super::replace::{replace, replace_unsynced};
use crate::error::{Code, Error, Result};
use crate::fs::{PRIVATE, read_small};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Maximum size of a stored file, in bytes.
const LARGEST: u64 = 16 * 1024 * 1024;
const CHECK: &str = "check";

/// A type that is stored in its own file. Its first field is `version`.
pub trait Stored: Serialize + DeserializeOwned {
    /// Version that this program writes.
    const VERSION: u32;
}

/// Result of loading a path.
#[derive(Debug)]
pub enum Loaded<T> {
    Missing,
    Found(T),
    /// The file was not a valid value; [`load`] has moved it here.
    Damaged(PathBuf),
}

impl<T> Loaded<T> {
    /// Returns the value, if a valid one was found.
    pub fn found(self) -> Option<T> {
        match self {
            Self::Found(value) => Some(value),
            Self::Missing | Self::Damaged(_) => None,
        }
    }
}

/// Reads a value without changing anything.
///
/// # Errors
///
/// Returns [`Code::StateNewer`] for a version newer than this program supports; [`Code::Io`] if the file is
/// damaged or unreadable.
pub fn peek<T: Stored>(path: &Path) -> Result<Option<T>> {
    let Some(bytes) = read_small(path, LARGEST)? else { return Ok(None) };
    parse(&bytes, path).map(Some)
}

/// Reads a value; quarantines a damaged file, so that the next write starts with a new one. The caller must
/// own the lock.
///
/// # Errors
///
/// Returns [`Code::StateNewer`] for a version newer than this program supports, [`Code::Io`] if the file
/// cannot be read or moved.
pub fn load<T: Stored>(state: &StateDir, path: &Path) -> Result<Loaded<T>> {
    let Some(bytes) = read_small(path, LARGEST)? else { return Ok(Loaded::Missing) };
    match parse(&bytes, path) {
        Ok(value) => Ok(Loaded::Found(value)),
        Err(error) if error.code == Code::StateNewer => Err(error),
        Err(_) => quarantine(state, path, &bytes).map(Loaded::Damaged),
    }
}

/// Writes a value durably.
///
/// # Errors
///
/// Returns [`Code::Io`]; the old file is then unchanged.
pub fn save<T: Stored>(path: &Path, value: &T) -> Result<()> {
    replace(path, &encode(value)?, PRIVATE)
}

/// Writes a value durably, unless a newer version wrote the file. Used for a value that is not loaded before
/// it is written.
///
/// # Errors
///
/// Returns [`Code::StateNewer`], and as [`save`]; the old file is then unchanged.
pub fn save_unless_newer<T: Stored>(path: &Path, value: &T) -> Result<()> {
    match peek::<T>(path) {
        Err(error) if error.code == Code::StateNewer => Err(error),
        _ => save(path, value),
    }
}

/// Writes a value without fsync. A power failure may damage the file, which is then treated like any damaged
/// file.
///
/// # Errors
///
/// Returns [`Code::Io`]; the old file is then unchanged.
pub fn save_unsynced<T: Stored>(path: &Path, value: &T) -> Result<()> {
    replace_unsynced(path, &encode(value)?, PRIVATE)
}

/// Encodes a value as the bytes of its file.
///
/// # Errors
///
/// Returns [`Code::Internal`] if the value cannot be serialized as JSON.
pub fn encode<T: Stored>(value: &T) -> Result<Vec<u8>> {
    let broken = |error: serde_json::Error| Error::new(Code::Internal, format!("could not encode: {error}"));
    let tree = serde_json::to_value(value).map_err(broken)?;
    let text = serde_json::to_string_pretty(value).map_err(broken)?;
    let body = text.strip_suffix("\n}").unwrap_or(&text);
    Ok(format!("{body},\n  \"{CHECK}\": \"{}\"\n}}\n", check_of(&tree)).into_bytes())
}

fn parse<T: Stored>(bytes: &[u8], path: &Path) -> Result<T> {
    let damaged = || Error::new(Code::Io, "is damaged").at(path);
    let mut tree: Value = serde_json::from_slice(bytes).map_err(|_| damaged())?;
    let version = tree.get("version").and_then(Value::as_u64).ok_or_else(damaged)?;
    if version > u64::from(T::VERSION) {
        return Err(Error::new(
            Code::StateNewer,
            format!("was written by a newer version (format {version})"),
        )
        .at(path)
        .hint("update cc-session-recover; the file was not changed"));
    }
    let check = tree.as_object_mut().and_then(|object| object.remove(CHECK)).ok_or_else(damaged)?;
    if check.as_str() != Some(&check_of(&tree)) {
        return Err(damaged());
    }
    serde_json::from_value(tree).map_err(|_| damaged())
}

/// Returns the first 16 hex digits of the SHA-256 of the value as compact JSON.
fn check_of(tree: &Value) -> String {
    sha256_hex(tree.to_string().as_bytes())[..16].to_owned()
}

/// Returns the SHA-256 in lower-case hex.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn quarantine(state: &StateDir, path: &Path, bytes: &[u8]) -> Result<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // The same damaged content is stored once; different content gets a different name.
    let kept = state.quarantine().join(format!("{}-{name}", &sha256_hex(bytes)[..12]));
    replace(&kept, bytes, PRIVATE)?;
    super::replace::remove(path)?;
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Serialize, Deserialize, PartialEq)]
    struct Sample {
        version: u32,
        text: String,
        number: i64,
    }

    impl Stored for Sample {
        const VERSION: u32 = 2;
    }

    fn sample() -> Sample {
        Sample { version: 2, text: "a \u{1F600} b".into(), number: -7 }
    }

    #[test]
    fn a_value_is_read_back_unchanged_and_the_file_begins_with_its_version() {
        let bytes = encode(&sample()).unwrap();
        assert!(bytes.starts_with(b"{\n  \"version\": 2,"));
        assert_eq!(parse::<Sample>(&bytes, Path::new("x")).unwrap(), sample());
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_is_detected() {
        let bytes = encode(&sample()).unwrap();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                // One kind of whitespace may replace another; the parsed value is then still the original.
                if let Ok(value) = parse::<Sample>(&flipped, Path::new("x")) {
                    assert_eq!(value, sample(), "byte {at} bit {bit}");
                }
            }
            assert!(parse::<Sample>(&bytes[..at], Path::new("x")).is_err() || at >= bytes.len() - 1);
        }
    }

    #[test]
    fn a_damaged_file_is_moved_to_quarantine() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::new(dir.path());
        let path = state.incident("x");
        replace(&path, b"{\"version\":1", PRIVATE).unwrap();
        let Loaded::Damaged(kept) = load::<Sample>(&state, &path).unwrap() else { panic!() };
        assert_eq!(std::fs::read(kept).unwrap(), b"{\"version\":1");
        assert!(!path.exists());
    }

    #[test]
    fn a_newer_file_is_refused_and_unchanged() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::new(dir.path());
        let path = dir.path().join("f.json");
        std::fs::write(&path, "{\"version\":3}").unwrap();
        assert_eq!(load::<Sample>(&state, &path).unwrap_err().code, Code::StateNewer);
        assert_eq!(std::fs::read(&path).unwrap(), b"{\"version\":3}");
    }
}
