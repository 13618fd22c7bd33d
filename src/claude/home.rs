//! One configuration directory of Claude Code (`~/.claude` or `CLAUDE_CONFIG_DIR`), called a home, and the
//! paths in it.
//!
//! Measured with 2.1.329: a project's transcripts are in `projects/<encoded path>/<session>.jsonl`,
//! where the encoded path derives from the real (symlink-free) working directory. The encoding is lossy
//! and is never decoded.

use crate::env::Environment;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Maximum length of an encoded name; longer ones are truncated and get a hash.
const LONGEST: usize = 200;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaudeHome {
    dir: PathBuf,
}

impl ClaudeHome {
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    #[must_use]
    pub fn projects(&self) -> PathBuf {
        self.dir.join("projects")
    }

    /// Returns the directory of the transcripts of sessions started in `cwd`, a real absolute path.
    #[must_use]
    pub fn project(&self, cwd: &Path) -> PathBuf {
        self.projects().join(encode_project_path(&cwd.to_string_lossy()))
    }

    #[must_use]
    pub fn sessions(&self) -> PathBuf {
        self.dir.join("sessions")
    }

    #[must_use]
    pub fn settings(&self) -> PathBuf {
        self.dir.join("settings.json")
    }
}

/// Lists all existing configuration directories: the active one, the default, those of CCS instances, and
/// `further` ones (absolute, or relative to `~`).
#[must_use]
pub fn all_homes(env: &Environment, further: &[PathBuf]) -> Vec<ClaudeHome> {
    let default = env.home().map(|home| home.join(".claude"));
    let mut instances: Vec<PathBuf> = env
        .home()
        .and_then(|home| std::fs::read_dir(home.join(".ccs/instances")).ok())
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    instances.sort();
    let further = further.iter().filter_map(|dir| match dir.strip_prefix("~") {
        Ok(below) => Some(env.home()?.join(below)),
        Err(_) => dir.is_absolute().then(|| dir.clone()),
    });
    let mut dirs: Vec<PathBuf> =
        env.claude_config_dir().into_iter().chain(default).chain(instances).chain(further).collect();
    let mut seen = BTreeSet::new();
    let real = |path: PathBuf| path.canonicalize().unwrap_or(path);
    dirs.retain(|dir| dir.is_dir() && seen.insert(real(dir.clone())));
    dirs.into_iter().map(ClaudeHome::new).collect()
}

/// Maps each home to the first one with the same transcript store; several homes may share
/// one through symbolic links.
#[must_use]
pub fn stores(homes: &[ClaudeHome]) -> Vec<usize> {
    let real: Vec<PathBuf> =
        homes.iter().map(|home| home.projects().canonicalize().unwrap_or_else(|_| home.projects())).collect();
    real.iter().map(|store| real.iter().position(|other| other == store).unwrap_or_default()).collect()
}

/// Returns the first home that shares the store of this transcript.
#[must_use]
pub fn store_with(transcript: &Path, homes: &[ClaudeHome]) -> Option<usize> {
    let home = homes.iter().position(|home| transcript.starts_with(home.projects()))?;
    Some(stores(homes)[home])
}

/// Returns the name of the directory in which Claude Code stores the transcripts of a working directory.
///
/// Every UTF-16 unit other than an ASCII letter or digit becomes `-`. A result longer than 200 is
/// truncated to 200 and followed by `-` and the base-36 absolute value of a 32-bit rolling hash
/// (`h * 31 + unit`) of the original path.
#[must_use]
pub fn encode_project_path(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    let mut hash: i32 = 0;
    for unit in path.encode_utf16() {
        hash = hash.wrapping_mul(31).wrapping_add(i32::from(unit));
        match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii_alphanumeric() => encoded.push(char::from(byte)),
            _ => encoded.push('-'),
        }
    }
    if encoded.len() > LONGEST {
        encoded.truncate(LONGEST);
        encoded.push('-');
        encoded.push_str(&base36(hash.unsigned_abs()));
    }
    encoded
}

/// Returns whether a directory with this name can contain transcripts of `cwd` (a real absolute path) or of a
/// directory below it. The name alone cannot prove it.
#[must_use]
pub fn can_be_below(name: &str, cwd: &Path) -> bool {
    if cwd.parent().is_none() {
        return true;
    }
    let encoded = encode_project_path(&cwd.to_string_lossy());
    // A path below a truncated one starts with the same characters but has its own hash.
    let start = &encoded[..encoded.len().min(LONGEST)];
    name == encoded || name.strip_prefix(start).is_some_and(|rest| rest.starts_with('-'))
}

fn base36(mut number: u32) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut digits = Vec::new();
    loop {
        digits.push(char::from(DIGITS[(number % 36) as usize]));
        number /= 36;
        if number == 0 {
            return digits.iter().rev().collect();
        }
    }
}

/// Returns whether a text is a session id: a UUID with its dashes, and nothing else. Claude Code generates
/// ids in lower case, and preserves the case of an id passed with `--session-id` (`uuidgen` on macOS prints
/// capitals; measured with 2.1.332).
///
/// Anything that becomes part of a path must pass this check first.
#[must_use]
pub fn is_session_id(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Returns whether a session id begins with this text, ignoring case.
#[must_use]
pub fn begins(id: &str, text: &str) -> bool {
    id.get(..text.len()).is_some_and(|start| start.eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_transcript_belongs_to_the_first_home_that_shares_its_store() {
        let dir = tempfile::tempdir().unwrap();
        let homes = ["one", "own", "shares"].map(|name| ClaudeHome::new(dir.path().join(name)));
        for home in &homes[..2] {
            std::fs::create_dir_all(home.projects()).unwrap();
        }
        std::fs::create_dir(homes[2].dir()).unwrap();
        std::os::unix::fs::symlink(homes[0].projects(), homes[2].projects()).unwrap();
        let told = homes.each_ref().map(|home| store_with(&home.projects().join("-x/t.jsonl"), &homes));
        assert_eq!(told, [Some(0), Some(1), Some(0)]);
        assert_eq!(store_with(&dir.path().join("t.jsonl"), &homes), None);
    }

    #[test]
    fn further_directories_may_start_with_the_home_directory_but_not_be_relative() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(home.path().join("work/.claude")).unwrap();
        let env = Environment::from_pairs([("HOME", home.path().as_os_str())], home.path());
        let homes = all_homes(&env, &[PathBuf::from("~/work/.claude"), PathBuf::from("work/.claude")]);
        assert_eq!(homes.iter().map(ClaudeHome::dir).collect::<Vec<_>>(), [home.path().join("work/.claude")]);
    }

    #[test]
    fn encodes_project_paths_like_the_client() {
        assert_eq!(encode_project_path("/w/dot.dir/.hidden"), "-w-dot-dir--hidden");
        assert_eq!(encode_project_path("/w/under_score"), "-w-under-score");
        assert_eq!(encode_project_path("/w/with space"), "-w-with-space");
        assert_eq!(encode_project_path("/w/a+b@c,d(e)"), "-w-a-b-c-d-e-");
        assert_eq!(encode_project_path("/w/üñï-日本語"), "-w--------");
        assert_eq!(encode_project_path("/w/emo😀ji"), "-w-emo--ji");
        assert_eq!(encode_project_path("/w/UPPER-Case"), "-w-UPPER-Case");
    }

    #[test]
    fn truncates_long_paths_and_appends_their_hash() {
        let long = format!("/w/{}", "a".repeat(250));
        let encoded = encode_project_path(&long);
        assert_eq!(&encoded[..201], format!("-w-{}-", "a".repeat(197)));
        assert!(encoded.len() > 201 && encoded[201..].bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_ne!(encoded, encode_project_path(&format!("/w/{}", "a".repeat(251))));
    }

    #[test]
    fn subdirectories_are_recognized_by_their_encoded_name() {
        let long = format!("/w/{}a", "a/".repeat(120));
        for (dir, below) in [
            ("/w", "/w/x".to_owned()),
            ("/", "/home/me".to_owned()),
            ("/", "/".to_owned()),
            (&long[..240], long.clone()),
            (&long[..202], long.clone()),
            (&long[..200], long.clone()),
            (&long[..198], long.clone()),
            (&long[..100], long.clone()),
        ] {
            let name = encode_project_path(&below);
            assert!(can_be_below(&name, Path::new(dir)), "{dir} {below}");
            assert!(dir == "/" || !can_be_below(&name.replacen("-w", "-v", 1), Path::new(dir)), "{dir}");
        }
        assert!(!can_be_below("-wide", Path::new("/w")));
    }

    #[test]
    fn only_a_hyphenated_uuid_in_either_case_is_a_session_id() {
        assert!(is_session_id("00000001-0000-4000-8000-00000000000f"));
        assert!(is_session_id("3F2A9C1D-0B4E-4C7A-9D11-AA22BB33CC44"));
        for bad in [
            "",
            "../x",
            "00000001-0000-4000-8000-00000000000g",
            "00000001-0000-4000-8000_00000000000f",
            "000000010000400080000000000000000000",
            "00000001-0000-4000-8000-00000000000",
            "--settings=x",
        ] {
            assert!(!is_session_id(bad), "{bad}");
        }
    }
}
