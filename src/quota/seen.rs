//! Stores the last known readings: the usage windows of the account in each configuration directory of Claude
//! Code, and the context window size of each model, as clients reported them to their status lines.
//!
//! There is one file per configuration directory. It is replaced as a whole but without fsync, because a
//! status line is drawn every second while a session works, and clients report values that a power failure
//! loses again with the next answer. The file is written only when a value changed. A process that finds it
//! locked leaves the update to the process that owns the lock.

use super::refresh::{Refresh, Window};
use crate::error::Code;
use crate::session::stop::{time, time_or_null};
use crate::store::StateDir;
use crate::store::lock::Lock;
use crate::store::stored::{Loaded, Stored, load, peek, save_unsynced};
use crate::trust::enabled::project_key;
use crate::trust::registration::Registration;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Maximum difference between the resets of two readings of the same window.
const SAME_RESET: TimeDelta = TimeDelta::minutes(2);
/// Increase in percentage points that is written immediately.
const STEP: f64 = 1.0;
/// Interval after which an unchanged reading is written again, to keep its time current.
const FRESH: TimeDelta = TimeDelta::seconds(60);
/// Number of sessions whose last reading is stored. The reading that changed longest ago is dropped first.
const MOST_SESSIONS: usize = 64;
/// Maximum number of models in one file. A real client never reports this many.
const MOST_MODELS: usize = 64;
/// How long a command that removes a session waits while a status line writes.
const FORGET_WAIT: std::time::Duration = std::time::Duration::from_secs(2);

/// What a client last reported about the limits of its account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Account {
    /// Configuration directory of the client that reported the usage.
    pub config_dir: PathBuf,
    /// Usage of the 5-hour limit.
    pub five_hour: Option<Window>,
    /// Usage of the 7-day limit.
    pub seven_day: Option<Window>,
    /// Time at which the client reported the usage.
    #[serde(serialize_with = "time")]
    pub seen_at: DateTime<Utc>,
}

/// Last reading of the usage windows by one session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionReading {
    pub five_hour: Option<Window>,
    pub seven_day: Option<Window>,
    /// Time when the session's first reading was stored. The client may have received it earlier.
    #[serde(serialize_with = "time")]
    pub first_at: DateTime<Utc>,
    /// Time when the reading last changed, which only happens with an answer; `None` while the session
    /// repeats its first reading.
    #[serde(serialize_with = "time_or_null")]
    pub changed_at: Option<DateTime<Utc>>,
    /// Key that identifies the account; `None` if the start of the session was not registered.
    pub account: Option<String>,
}

/// Stored readings of one configuration directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredQuota {
    pub version: u32,
    pub config_dir: PathBuf,
    /// Time of the last report by a client.
    #[serde(serialize_with = "time")]
    pub seen_at: DateTime<Utc>,
    pub five_hour: Option<Window>,
    pub seven_day: Option<Window>,
    /// Context window size of each model, in tokens.
    pub windows: BTreeMap<String, u64>,
    /// Last reading of each session.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub readings: BTreeMap<String, SessionReading>,
}

impl Stored for StoredQuota {
    const VERSION: u32 = 1;
}

/// Returns the accounts with known usage windows, sorted by configuration directory.
/// Unreadable files are skipped.
#[must_use]
pub fn last_seen(state: &StateDir) -> Vec<Account> {
    let accounts = all(state).into_iter().filter(|seen| seen.five_hour.is_some() || seen.seven_day.is_some());
    let mut accounts: Vec<Account> = accounts
        .map(|StoredQuota { config_dir, five_hour, seven_day, seen_at, .. }| Account {
            config_dir,
            five_hour,
            seven_day,
            seen_at,
        })
        .collect();
    accounts.sort_by(|a, b| a.config_dir.cmp(&b.config_dir));
    accounts
}

/// Returns the context window size of each model, in tokens, as reported by clients. If two directories
/// disagree, the latest report wins.
#[must_use]
pub fn seen_windows(state: &StateDir) -> BTreeMap<String, u64> {
    let mut files = all(state);
    files.sort_by_key(|seen| seen.seen_at);
    files.into_iter().flat_map(|seen| seen.windows).collect()
}

/// Returns the last reading of each session of a configuration directory.
#[must_use]
pub fn readings(state: &StateDir, config_dir: &Path) -> BTreeMap<String, SessionReading> {
    let known = peek::<StoredQuota>(&state.quota_of(&project_key(config_dir))).ok().flatten();
    known.filter(|seen| seen.config_dir == config_dir).map(|seen| seen.readings).unwrap_or_default()
}

/// Removes the readings of a session from one file.
///
/// # Errors
///
/// Returns [`Code::StateLocked`], [`Code::StateNewer`], or [`Code::Io`] if a file cannot be read or written.
pub fn forget(state: &StateDir, path: &Path, session: &str) -> crate::error::Result<()> {
    let key = path.file_stem().and_then(std::ffi::OsStr::to_str).unwrap_or_default();
    let _lock = Lock::wait(&state.quota_lock(key), FORGET_WAIT)?;
    let Some(mut seen) = load::<StoredQuota>(state, path)?.found() else { return Ok(()) };
    seen.readings.remove(session);
    save_unsynced(path, &seen)
}

fn all(state: &StateDir) -> Vec<StoredQuota> {
    let names = std::fs::read_dir(state.quota()).into_iter().flatten().filter_map(Result::ok);
    names
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .filter_map(|path| peek(&path).ok().flatten())
        .collect()
}

/// Stores the readings of a refresh and returns the merged readings; `None` if there are none. Never waits
/// and never fails.
#[must_use]
pub fn note(
    state: &StateDir,
    config_dir: &Path,
    refresh: &Refresh,
    now: DateTime<Utc>,
) -> Option<StoredQuota> {
    let path = state.quota_of(&project_key(config_dir));
    let known = peek::<StoredQuota>(&path);
    let newer = known.as_ref().is_err_and(|error| error.code == Code::StateNewer);
    let known = known.ok().flatten();
    let account = |session: &str| {
        let registered = peek::<Registration>(&state.session(session)).ok()??;
        (registered.config_dir == config_dir).then(|| Some(registered.started_with?.account.key()))?
    };
    let seen = merged(known.as_ref(), config_dir, refresh, now, &account)?;
    if newer || known.as_ref().is_some_and(|known| !moved(known, &seen)) {
        return Some(seen);
    }
    let Ok(Some(_lock)) = Lock::try_take(&state.quota_lock(&project_key(config_dir))) else {
        return Some(seen);
    };
    // Another process may have written in the meantime.
    let Ok(current) = load::<StoredQuota>(state, &path).map(Loaded::found) else { return Some(seen) };
    let seen = merged(current.as_ref(), config_dir, refresh, now, &account)?;
    if current.as_ref().is_none_or(|current| moved(current, &seen)) {
        // If the write fails, the next refresh tries again.
        let _ = save_unsynced(&path, &seen);
    }
    Some(seen)
}

/// Merges a refresh into the known readings; `None` if there is nothing to store.
fn merged(
    known: Option<&StoredQuota>,
    config_dir: &Path,
    refresh: &Refresh,
    now: DateTime<Utc>,
    account: &dyn Fn(&str) -> Option<String>,
) -> Option<StoredQuota> {
    let mut windows = known.map(|known| known.windows.clone()).unwrap_or_default();
    if let Some((model, size)) = refresh.model.clone().zip(refresh.context_size)
        && (windows.len() < MOST_MODELS || windows.contains_key(&model))
    {
        windows.insert(model, size);
    }
    let limits = refresh.five_hour.is_some() || refresh.seven_day.is_some();
    let mut readings = known.map(|known| known.readings.clone()).unwrap_or_default();
    let fresh = limits && reading_changed(&mut readings, refresh, now, account);
    let seen_at = known.filter(|_| !limits).map_or(now, |known| known.seen_at);
    let (five_hour, seven_day) = known.map(|known| (known.five_hour, known.seven_day)).unwrap_or_default();
    let seen = StoredQuota {
        version: StoredQuota::VERSION,
        config_dir: config_dir.to_path_buf(),
        seen_at,
        five_hour: latest(five_hour, refresh.five_hour, now, fresh),
        seven_day: latest(seven_day, refresh.seven_day, now, fresh),
        windows,
        readings,
    };
    let something = limits || known.is_some() || !seen.windows.is_empty();
    something.then_some(seen)
}

/// Stores the reading of a session. Returns whether it changed, which means that the session just received it
/// with an answer.
fn reading_changed(
    readings: &mut BTreeMap<String, SessionReading>,
    refresh: &Refresh,
    now: DateTime<Utc>,
    account: &dyn Fn(&str) -> Option<String>,
) -> bool {
    let Some(session) = &refresh.session else { return false };
    let known = readings.get(session);
    let same = |one: Option<Window>, other: Option<Window>| match (one, other) {
        (Some(one), Some(other)) => {
            (one.used_percent - other.used_percent).abs() < f64::EPSILON
                && (one.resets_at - other.resets_at).abs() <= SAME_RESET
        }
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    if known.is_some_and(|known| {
        same(known.five_hour, refresh.five_hour) && same(known.seven_day, refresh.seven_day)
    }) {
        return false;
    }
    let reading = SessionReading {
        five_hour: refresh.five_hour,
        seven_day: refresh.seven_day,
        first_at: known.map_or(now, |known| known.first_at),
        changed_at: known.map(|_| now),
        account: account(session),
    };
    let changed = reading.changed_at.is_some();
    readings.insert(session.clone(), reading);
    while readings.len() > MOST_SESSIONS {
        let oldest = readings
            .iter()
            .min_by_key(|(_, one)| one.changed_at.max(Some(one.first_at)))
            .map(|(id, _)| id.clone());
        let Some(oldest) = oldest else { break };
        readings.remove(&oldest);
    }
    changed
}

/// Merges two readings of a window. An idle session may report a window that has ended, or a lower use than
/// another session reported for the same window. The reading of a session that has just received an answer
/// (`fresh`) is correct even if it reports less, because a limit can be reset early.
fn latest(known: Option<Window>, told: Option<Window>, now: DateTime<Utc>, fresh: bool) -> Option<Window> {
    let told = told.filter(|told| told.resets_at > now || known.is_none());
    if fresh && told.is_some() {
        return told;
    }
    fuller(told, known).or(known)
}

/// Returns the higher of two readings of the same window, because use only grows; `told` if the readings are
/// of different windows.
fn fuller(told: Option<Window>, known: Option<Window>) -> Option<Window> {
    let told = told?;
    let same = known.filter(|known| (known.resets_at - told.resets_at).abs() <= SAME_RESET);
    Some(match same {
        Some(known) if known.used_percent > told.used_percent => known,
        _ => told,
    })
}

/// Returns whether the change is large enough to write.
fn moved(from: &StoredQuota, to: &StoredQuota) -> bool {
    let window = |from: Option<Window>, to: Option<Window>| match (from, to) {
        (Some(from), Some(to)) => {
            (from.used_percent - to.used_percent).abs() >= STEP
                || (from.resets_at - to.resets_at).abs() > SAME_RESET
        }
        (from, to) => from.is_some() != to.is_some(),
    };
    from.windows != to.windows
        || readings_moved(&from.readings, &to.readings)
        || window(from.five_hour, to.five_hour)
        || window(from.seven_day, to.seven_day)
        || (to.seen_at - from.seen_at).abs() >= FRESH
}

/// Returns whether the readings differ by a new session, a step of use, or a reset. Such a difference reveals
/// an early reset.
fn readings_moved(from: &BTreeMap<String, SessionReading>, to: &BTreeMap<String, SessionReading>) -> bool {
    to.iter().any(|(session, reading)| {
        let Some(known) = from.get(session) else { return true };
        let window = |from: Option<Window>, to: Option<Window>| match (from, to) {
            (Some(from), Some(to)) => {
                (from.used_percent - to.used_percent).abs() >= STEP
                    || (from.resets_at - to.resets_at).abs() > SAME_RESET
            }
            (from, to) => from.is_some() != to.is_some(),
        };
        known.changed_at.is_none() && reading.changed_at.is_some()
            || window(known.five_hour, reading.five_hour)
            || window(known.seven_day, reading.seven_day)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::parse_rfc3339;

    fn at(text: &str) -> DateTime<Utc> {
        parse_rfc3339(&format!("2026-11-21T{text}Z")).unwrap()
    }

    #[expect(clippy::unnecessary_wraps, reason = "windows are optional everywhere")]
    fn window(used_percent: f64, resets: &str) -> Option<Window> {
        Some(Window { used_percent, resets_at: at(resets) })
    }

    fn refresh(five_hour: Option<Window>) -> Refresh {
        Refresh {
            model: Some("model-a".into()),
            five_hour,
            context_size: Some(200_000),
            ..Refresh::default()
        }
    }

    struct Place {
        _dir: tempfile::TempDir,
        state: StateDir,
        path: PathBuf,
    }

    fn place() -> Place {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::new(dir.path().join("state"));
        let path = state.quota_of(&project_key(Path::new("/c")));
        Place { _dir: dir, state, path }
    }

    impl Place {
        fn tell(&self, five_hour: Option<Window>, now: &str) -> StoredQuota {
            note(&self.state, Path::new("/c"), &refresh(five_hour), at(now)).unwrap()
        }

        fn kept(&self) -> StoredQuota {
            peek(&self.path).unwrap().unwrap()
        }
    }

    #[test]
    fn usage_is_read_back_and_small_changes_are_not_written() {
        let place = place();
        assert!(last_seen(&place.state).is_empty() && seen_windows(&place.state).is_empty());
        place.tell(window(42.0, "15:00:00"), "10:00:00");
        let [account] = &last_seen(&place.state)[..] else { panic!() };
        assert_eq!((account.five_hour, account.seen_at), (window(42.0, "15:00:00"), at("10:00:00")));
        assert_eq!(seen_windows(&place.state), BTreeMap::from([("model-a".to_owned(), 200_000)]));

        let before = std::fs::read(&place.path).unwrap();
        place.tell(window(42.9, "15:00:01"), "10:00:59");
        assert_eq!(std::fs::read(&place.path).unwrap(), before);
        place.tell(window(43.0, "15:00:00"), "10:00:59");
        assert_eq!(place.kept().five_hour, window(43.0, "15:00:00"));
        place.tell(window(43.0, "15:00:00"), "10:01:58");
        assert_eq!(place.kept().seen_at, at("10:00:59"));
        place.tell(window(43.0, "15:00:00"), "10:01:59");
        assert_eq!(place.kept().seen_at, at("10:01:59"));
    }

    #[test]
    fn an_idle_session_does_not_overwrite_the_usage_of_a_working_one() {
        let place = place();
        place.tell(window(60.0, "15:00:00"), "10:00:00");
        assert_eq!(place.tell(window(42.0, "15:00:00"), "11:00:00").five_hour, window(60.0, "15:00:00"));
        // The next window starts; then the idle session reports the old one again.
        place.tell(window(1.0, "20:00:00"), "15:01:00");
        assert_eq!(place.tell(window(42.0, "15:00:00"), "15:02:00").five_hour, window(1.0, "20:00:00"));
        // Another account, whose window ends earlier but has not ended yet.
        assert_eq!(place.tell(window(7.0, "18:00:00"), "15:03:00").five_hour, window(7.0, "18:00:00"));
    }

    #[test]
    fn a_session_that_reports_less_than_before_is_trusted() {
        let place = place();
        let told = |session: &str, used: f64, resets: &str, now: &str| {
            let session = Some(format!("0000000{session}-0000-4000-8000-000000000001"));
            let refresh = Refresh { session, five_hour: window(used, resets), ..Refresh::default() };
            note(&place.state, Path::new("/c"), &refresh, at(now)).unwrap()
        };
        told("1", 42.0, "15:00:00", "10:00:00");
        told("2", 100.0, "15:00:00", "11:00:00");
        assert_eq!(
            told("1", 42.0, "15:00:00", "11:10:00").five_hour,
            window(100.0, "15:00:00"),
            "drawn again"
        );
        assert_eq!(
            told("1", 3.0, "15:00:00", "11:20:00").five_hour,
            window(3.0, "15:00:00"),
            "a reset was taken"
        );
        let known = readings(&place.state, Path::new("/c"));
        let changed: Vec<_> = known.values().map(|one| one.changed_at).collect();
        assert_eq!(changed, [Some(at("11:20:00")), None]);
        assert!(readings(&place.state, Path::new("/d")).is_empty());
    }

    #[test]
    fn an_api_key_preserves_the_windows_of_the_account_and_their_time() {
        let place = place();
        assert_eq!(place.tell(None, "10:00:00").five_hour, None);
        assert!(last_seen(&place.state).is_empty());
        place.tell(window(60.0, "15:00:00"), "10:01:00");
        place.tell(None, "12:00:00");
        assert_eq!(
            (place.kept().seen_at, place.kept().five_hour),
            (at("10:01:00"), window(60.0, "15:00:00"))
        );
    }

    #[test]
    fn a_locked_usage_file_is_not_written_and_a_damaged_one_is_replaced() {
        let place = place();
        let lock = Lock::try_take(&place.state.quota_lock(&project_key(Path::new("/c")))).unwrap();
        place.tell(window(42.0, "15:00:00"), "10:00:00");
        assert!(!place.path.exists());
        drop(lock);
        place.tell(window(42.0, "15:00:00"), "10:00:00");
        std::fs::write(&place.path, "{\"version\":1").unwrap();
        assert!(last_seen(&place.state).is_empty());
        place.tell(window(43.0, "15:00:00"), "10:00:01");
        assert_eq!(place.kept().five_hour, window(43.0, "15:00:00"));
        assert_eq!(std::fs::read_dir(place.state.quarantine()).unwrap().count(), 1);
    }

    #[test]
    fn a_usage_file_of_a_newer_version_is_never_written() {
        let place = place();
        place.tell(window(42.0, "15:00:00"), "10:00:00");
        std::fs::write(&place.path, "{\"version\":2}").unwrap();
        assert_eq!(place.tell(window(50.0, "15:00:00"), "11:00:00").five_hour, window(50.0, "15:00:00"));
        assert_eq!(std::fs::read(&place.path).unwrap(), b"{\"version\":2}");
    }
}
