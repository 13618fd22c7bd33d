//! Stores records of projects with hooks. A record in the user's own state directory shows that the user ran
//! `init` for a directory.
//!
//! A record is keyed by the canonical path and contains the directory's device and inode, so that another
//! directory at the same path does not match it. Hooks in a directory without such a record do nothing.

use crate::env::Environment;
use crate::fs::identity;
use crate::session::stop::{time, time_or_null};
use crate::store::StateDir;
use crate::store::stored::{Stored, peek, sha256_hex};
use crate::trust::fingerprint::Fingerprint;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Settings file that receives the hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum HookScope {
    /// `.claude/settings.json` of the project.
    #[default]
    Project,
    /// `.claude/settings.local.json` of the project.
    Local,
    /// The user's own `settings.json`, for every project.
    User,
}

/// Record of a project with hooks, or of the user's own hooks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Enabled {
    pub version: u32,
    /// Canonical path of the project; `None` for the user's own hooks.
    pub project: Option<PathBuf>,
    /// Device and inode of the directory.
    pub identity: Option<(u64, u64)>,
    /// Time when the directory was created, where the file system records it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub born: Option<DateTime<Utc>>,
    /// Time when `init` ran.
    #[serde(serialize_with = "time")]
    pub at: DateTime<Utc>,
    /// Settings files that were edited, by scope.
    pub settings: BTreeMap<HookScope, SettingsImage>,
    /// Git's exclude file, and the lines that were added to it.
    pub excluded: Option<ExcludedLines>,
    /// The user chose with `init --share` that git may see the note and everything else in the project.
    #[serde(default, skip_serializing_if = "is_false")]
    pub share: bool,
    /// Files and directories that did not exist before.
    pub created: Vec<PathBuf>,
    /// Slash commands that were written, with their SHA-256 in hex.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub commands: BTreeMap<PathBuf, String>,
    /// Time at which the user allowed closed sessions of the project to be resumed unattended.
    #[serde(default, serialize_with = "time_or_null", skip_serializing_if = "Option::is_none")]
    pub unattended: Option<DateTime<Utc>>,
    /// `false` if the user does not want the model to be asked to keep HANDOFF.md up to date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instruction: Option<bool>,
    /// `false` if session files are not kept beyond Claude Code's retention (`init --no-keep`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<bool>,
    /// Fingerprint at the time of `init`, for stops that recorded none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
}

impl Stored for Enabled {
    const VERSION: u32 = 1;
}

impl Enabled {
    /// Creates an empty record.
    #[must_use]
    pub const fn new(project: Option<PathBuf>, at: DateTime<Utc>) -> Self {
        Self {
            version: Self::VERSION,
            project,
            identity: None,
            born: None,
            at,
            settings: BTreeMap::new(),
            excluded: None,
            share: false,
            created: Vec::new(),
            commands: BTreeMap::new(),
            unattended: None,
            instruction: None,
            keep: None,
            fingerprint: None,
        }
    }

    /// Returns whether the directory at the recorded path is the recorded one.
    fn is_directory(&self, project: &Path) -> bool {
        let meta = std::fs::metadata(project).ok();
        is_same_directory((self.identity, self.born), meta.as_ref().and_then(identity), || {
            meta.as_ref().and_then(born)
        })
    }
}

/// Lines that were added to git's exclude file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredLines")]
pub struct ExcludedLines {
    pub file: PathBuf,
    pub lines: Vec<String>,
    /// The file did not exist before.
    pub created: bool,
    /// The last line of the file had no line end before.
    pub unended: bool,
}

/// The forms in which [`ExcludedLines`] may be stored; earlier versions stored a pair.
#[derive(Deserialize)]
#[serde(untagged)]
enum StoredLines {
    Pair(PathBuf, Vec<String>),
    Fields { file: PathBuf, lines: Vec<String>, created: bool, unended: bool },
}

impl From<StoredLines> for ExcludedLines {
    fn from(stored: StoredLines) -> Self {
        match stored {
            StoredLines::Pair(file, lines) => Self { file, lines, created: false, unended: false },
            StoredLines::Fields { file, lines, created, unended } => Self { file, lines, created, unended },
        }
    }
}

impl ExcludedLines {
    /// Returns the file's text without the lines; `None` if the file itself was created for them and nothing
    /// else is in it.
    #[must_use]
    pub fn removed_from(&self, text: &str) -> Option<String> {
        let ours = |line: &str| self.lines.iter().any(|ours| ours == line);
        let mut left: String =
            text.split_inclusive('\n').filter(|line| !ours(line.trim_end_matches(['\r', '\n']))).collect();
        // Lines that others appended after ours need the line end before them.
        if self.unended && text.lines().last().is_some_and(ours) && left.ends_with('\n') {
            left.pop();
        }
        if self.created && left.is_empty() { None } else { Some(left) }
    }
}

/// A settings file before and after the edit.
#[expect(clippy::struct_excessive_bools, reason = "each is a field of the stored form")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SettingsImage {
    pub path: PathBuf,
    /// Contents before the edit; `None` if there was no file.
    pub before: Option<String>,
    /// Whether the contents before are unknown, because others had changed the file while it already
    /// contained our entries.
    pub mixed: bool,
    /// SHA-256 of the file after the edit, in hex.
    pub after_sha256: String,
    #[serde(default = "yes")]
    pub hooks: bool,
    #[serde(default)]
    pub status_line: bool,
    /// Whether this file repeats the hooks of `settings.json`, for sessions in subdirectories and worktrees.
    /// [`Self::hooks`] does not refer to these hooks. The client runs a command that two files name only once
    /// (measured: 2.1.120 to 2.1.332).
    #[serde(default, skip_serializing_if = "is_false")]
    pub cover: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// Default for records from versions without a status line.
const fn yes() -> bool {
    true
}

/// Returns the name of a project's record and lock: the first 16 hex digits of the SHA-256 of its path.
#[must_use]
pub fn project_key(project: &Path) -> String {
    sha256_hex(project.as_os_str().as_encoded_bytes())[..16].to_owned()
}

#[must_use]
pub fn record_path(state: &StateDir, project: &Path) -> PathBuf {
    state.projects().join(format!("{}.json", project_key(project)))
}

/// Returns the path of the record of the user's own hooks, which depends on
/// Claude Code's configuration directory.
#[must_use]
pub fn user_record_path(state: &StateDir, config_dir: &Path) -> PathBuf {
    state.projects().join(format!("user-{}.json", project_key(config_dir)))
}

/// Finds the record that allows a hook to act: that of `project`, or of the user's own hooks if it is `None`.
#[must_use]
pub fn find(state: &StateDir, env: &Environment, project: Option<&Path>) -> Option<Enabled> {
    let Some(project) = project else {
        return find_user(state, &env.claude_config_dir()?);
    };
    of_project(state, project)
}

/// Finds the record of the user's own hooks in a configuration directory of Claude Code.
#[must_use]
pub fn find_user(state: &StateDir, config_dir: &Path) -> Option<Enabled> {
    peek::<Enabled>(&user_record_path(state, config_dir)).ok()?
}

/// Returns whether hooks are set up for a session: in its project, or for the user in its configuration
/// directory.
#[must_use]
pub fn is_set_up(state: &StateDir, config_dir: Option<&Path>, project: Option<&Path>) -> bool {
    project.is_some_and(|project| of_project(state, project).is_some())
        || config_dir.is_some_and(|dir| find_user(state, dir).is_some())
}

/// Returns whether the user allowed closed sessions of this project to be resumed unattended.
#[must_use]
pub fn unattended(state: &StateDir, project: &Path) -> bool {
    of_project(state, project).is_some_and(|enabled| enabled.unattended.is_some())
}

/// Returns the project's fingerprint from when the user allowed unattended resumes.
#[must_use]
pub fn agreed_fingerprint(state: &StateDir, project: &Path) -> Option<Fingerprint> {
    of_project(state, project)?.fingerprint
}

/// Returns every project whose closed sessions may be resumed unattended.
#[must_use]
pub fn all_unattended(state: &StateDir) -> Vec<Enabled> {
    let mut found = all_enabled(state);
    found.retain(|enabled| enabled.unattended.is_some());
    found
}

/// Returns every project with hooks whose directory is still the same one.
#[must_use]
pub fn all_enabled(state: &StateDir) -> Vec<Enabled> {
    let records =
        std::fs::read_dir(state.projects()).into_iter().flatten().filter_map(std::result::Result::ok);
    let mut found: Vec<Enabled> = records
        .filter_map(|entry| peek::<Enabled>(&entry.path()).ok()?)
        .filter(|enabled| {
            enabled.project.as_deref().is_some_and(|project| of_project(state, project).is_some())
        })
        .collect();
    found.sort_by(|one, other| one.project.cmp(&other.project));
    found
}

/// Returns all records: of projects, of the user's own hooks, and of directories that no longer exist.
#[must_use]
pub fn all_records(state: &StateDir) -> Vec<Enabled> {
    let entries = std::fs::read_dir(state.projects()).into_iter().flatten().flatten();
    let mut found: Vec<Enabled> = entries.filter_map(|entry| peek::<Enabled>(&entry.path()).ok()?).collect();
    found.sort_by(|one, other| one.project.cmp(&other.project));
    found
}

fn of_project(state: &StateDir, project: &Path) -> Option<Enabled> {
    let enabled = peek::<Enabled>(&record_path(state, project)).ok()??;
    let same = enabled.project.as_deref() == Some(project) && enabled.is_directory(project);
    same.then_some(enabled)
}

/// Returns when a directory was created, where the file system records it.
#[must_use]
pub fn born(meta: &std::fs::Metadata) -> Option<DateTime<Utc>> {
    meta.created().ok().map(DateTime::from)
}

/// Returns whether a directory is the recorded one. A file system may get another device number at each mount;
/// the number of an inode alone is that of other directories too, so the time of creation must be the same.
fn is_same_directory(
    recorded: (Option<(u64, u64)>, Option<DateTime<Utc>>),
    now: Option<(u64, u64)>,
    born: impl FnOnce() -> Option<DateTime<Utc>>,
) -> bool {
    match (recorded.0, now) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(recorded), Some(now)) if recorded == now => true,
        (Some((_, inode)), Some((_, now))) => inode == now && recorded.1.is_some() && recorded.1 == born(),
    }
}

/// Returns the nearest project with hooks that contains a directory.
#[must_use]
pub fn enclosing(state: &StateDir, env: &Environment, dir: &Path) -> Option<PathBuf> {
    dir.ancestors().find(|dir| find(state, env, Some(dir)).is_some()).map(Path::to_path_buf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_the_recorded_one_on_another_device_only_if_it_was_created_at_the_same_time() {
        let at = |seconds| DateTime::from_timestamp(seconds, 5);
        let cases = [
            ("no identity recorded", None, None, Some((1, 2)), at(1), true),
            ("the same", Some((1, 2)), at(1), Some((1, 2)), at(1), true),
            ("the same, with its time unknown", Some((1, 2)), None, Some((1, 2)), None, true),
            ("the same, with another time", Some((1, 2)), at(1), Some((1, 2)), at(2), true),
            ("another inode", Some((1, 2)), at(1), Some((1, 3)), at(1), false),
            ("another device", Some((1, 2)), at(1), Some((7, 2)), at(1), true),
            ("another device and time", Some((1, 2)), at(1), Some((7, 2)), at(2), false),
            ("another device, no time recorded", Some((1, 2)), None, Some((7, 2)), at(1), false),
            ("another device, no times", Some((1, 2)), None, Some((7, 2)), None, false),
            ("another device and inode", Some((1, 2)), at(1), Some((7, 3)), at(1), false),
            ("gone", Some((1, 2)), at(1), None, None, false),
        ];
        for (what, identity, recorded, now, born, expected) in cases {
            assert_eq!(is_same_directory((identity, recorded), now, || born), expected, "{what}");
        }
    }

    #[test]
    fn removing_excluded_lines_restores_the_file_and_leaves_lines_of_others() {
        let lines = |created, unended| ExcludedLines {
            file: "/p/.git/info/exclude".into(),
            lines: vec!["# ours".into(), "/HANDOFF.md".into()],
            created,
            unended,
        };
        let cases = [
            ("a\n# ours\n/HANDOFF.md\n", false, false, Some("a\n")),
            ("a\r\n# ours\n/HANDOFF.md\nb\n", false, false, Some("a\r\nb\n")),
            ("a\n# ours\n/HANDOFF.md\n", false, true, Some("a")),
            ("a\n# ours\n/HANDOFF.md\nb\n", false, true, Some("a\nb\n")),
            ("# ours\n/HANDOFF.md\n", true, false, None),
            ("# ours\n/HANDOFF.md\nb\n", true, false, Some("b\n")),
            ("# ours\n/HANDOFF.md\n", false, false, Some("")),
        ];
        for (text, created, unended, expected) in cases {
            assert_eq!(lines(created, unended).removed_from(text).as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn excluded_lines_of_an_earlier_version_are_a_pair() {
        let pair: ExcludedLines = serde_json::from_str(r#"["/p/exclude", ["/HANDOFF.md"]]"#).unwrap();
        assert_eq!((pair.lines.len(), pair.created, pair.unended), (1, false, false));
        let again = serde_json::from_value::<ExcludedLines>(serde_json::to_value(&pair).unwrap()).unwrap();
        assert_eq!(again, pair);
    }
}
