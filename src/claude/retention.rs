//! Determines after how many days Claude Code deletes a transcript, and which settings file sets that limit.
//!
//! Any `claude -p` that runs for six seconds starts a sweep, which deletes transcripts of every project of
//! the configuration directory. It applies the limit of the project in which the process runs, so the
//! smallest limit of any project applies to all of them. Measured with 2.1.250 and 2.1.332.

use super::home::ClaudeHome;
use super::settings::{Settings, SettingsFile};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Default of the client if no settings file sets a limit.
pub const DEFAULT_DAYS: u32 = 30;
/// The sweep skips sessions of the desktop application.
const EXEMPT_ENTRYPOINT: &str = "claude-desktop";

/// Sweep limit that applies in one directory.
#[derive(Debug, Clone, PartialEq, Eq)]
enum SweepSetting {
    Days(u32, Option<PathBuf>),
    /// 2.1.332 skips the sweep when a settings file or the value in it is not valid.
    Off,
}

/// The smallest limit that applies in any known directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionLimit {
    /// Whole days since the last write to a transcript.
    pub days: u32,
    /// The settings file that sets the limit; `None` for the client's default.
    pub file: Option<PathBuf>,
}

impl RetentionLimit {
    /// Returns the limit for transcripts of a configuration directory, given the directories in which
    /// `claude` may be started. `None` if no sweep deletes anything, whichever directory it is started in.
    #[must_use]
    pub fn of(home: &ClaudeHome, directories: &BTreeSet<PathBuf>, managed: &Path) -> Option<Self> {
        let elsewhere = std::iter::once(Settings::read(home, None, managed));
        let in_projects = directories.iter().map(|directory| Settings::read(home, Some(directory), managed));
        let limits = elsewhere.chain(in_projects).filter_map(|settings| match sweep_setting(&settings) {
            SweepSetting::Days(days, file) => Some(Self { days, file }),
            SweepSetting::Off => None,
        });
        // If several files set the same number of days, an explicit file explains more than the default.
        limits.min_by_key(|limit| (limit.days, limit.file.is_none()))
    }
}

/// Returns whether the sweep skips sessions of this entry point.
#[must_use]
pub fn is_exempt(entrypoint: Option<&str>) -> bool {
    entrypoint == Some(EXEMPT_ENTRYPOINT)
}

fn sweep_setting(settings: &Settings) -> SweepSetting {
    if settings.files.iter().any(|file| !is_plain_json(file)) {
        return SweepSetting::Off;
    }
    match settings.get("cleanupPeriodDays") {
        None => SweepSetting::Days(DEFAULT_DAYS, None),
        Some((value, file)) => match days_of(value) {
            Some(days) => SweepSetting::Days(days, Some(file.path.clone())),
            None => SweepSetting::Off,
        },
    }
}

/// Returns `None` for 0, negative numbers, fractions and text, which switch the sweep off.
fn days_of(value: &Value) -> Option<u32> {
    value.as_u64().filter(|days| *days > 0).map(|days| u32::try_from(days).unwrap_or(u32::MAX))
}

/// Returns whether the file is JSON without comments, which is all that the client accepts.
fn is_plain_json(file: &SettingsFile) -> bool {
    if file.value.is_err() {
        return false;
    }
    let bytes = file.path.canonicalize().and_then(std::fs::read);
    bytes.is_ok_and(|bytes| {
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        text.iter().all(u8::is_ascii_whitespace)
            || serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_limit_of_any_known_directory_applies_and_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let home = ClaudeHome::new(dir.path().join("home"));
        let managed = dir.path().join("managed");
        let project = |name: &str| dir.path().join(name);
        let write = |path: &Path, text: &str| {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let both: BTreeSet<PathBuf> = [project("one"), project("two")].into();
        let limit = |directories: &BTreeSet<PathBuf>| RetentionLimit::of(&home, directories, &managed);
        assert_eq!(limit(&both), Some(RetentionLimit { days: 30, file: None }));
        write(&home.settings(), "{\"cleanupPeriodDays\": 99999}");
        assert_eq!(limit(&both).unwrap().days, 99_999);
        let lowered = project("two").join(".claude/settings.json");
        write(&lowered, "{\"cleanupPeriodDays\": 5}");
        assert_eq!(limit(&both), Some(RetentionLimit { days: 5, file: Some(lowered.clone()) }));
        assert_eq!(limit(&[project("one")].into()).unwrap().days, 99_999, "the other project is not known");
        write(&project("two").join(".claude/settings.local.json"), "{\"cleanupPeriodDays\": 60}");
        assert_eq!(limit(&both).unwrap().days, 60, "the higher layer of the same directory decides");
        write(&managed.join("managed-settings.json"), "{\"cleanupPeriodDays\": 7}");
        assert_eq!(limit(&both).unwrap().days, 7);
    }

    #[test]
    fn values_that_the_client_rejects_disable_the_cleanup() {
        for (text, days) in [
            ("{}", Some(30)),
            ("{\"cleanupPeriodDays\": 1}", Some(1)),
            ("{\"cleanupPeriodDays\": 0}", None),
            ("{\"cleanupPeriodDays\": -1}", None),
            ("{\"cleanupPeriodDays\": \"99999\"}", None),
            ("{\"cleanupPeriodDays\": 60.5}", None),
            ("{\"cleanupPeriodDays\": 5", None),
            ("{\"cleanupPeriodDays\": 5} // five", None),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let home = ClaudeHome::new(dir.path());
            std::fs::write(home.settings(), text).unwrap();
            let limit = RetentionLimit::of(&home, &BTreeSet::new(), &dir.path().join("none"));
            assert_eq!(limit.map(|limit| limit.days), days, "{text}");
        }
        assert!(is_exempt(Some("claude-desktop")) && !is_exempt(Some("claude-vscode")) && !is_exempt(None));
    }
}
