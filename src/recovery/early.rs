//! Detects early resets: evidence that usage is available again before the scheduled reset of a limit. Users
//! can request an early reset, and plans change.
//!
//! The search sends no request. Two facts count: a turn of another session that was requested and answered
//! after the stop, or a reading of the window below 100 % that a status line received after the stop. Both
//! must be of the same account and the same configuration directory.

use super::incident::Incident;
use super::readiness::started_with;
use crate::claude::glance::glance;
use crate::claude::home::{ClaudeHome, is_session_id};
use crate::claude::record::Body;
use crate::claude::transcript::{Backwards, Transcript};
use crate::quota::refresh::Window;
use crate::quota::seen::{SessionReading, readings};
use crate::session::stop::time;
use crate::session::{Stop, StopKind};
use crate::store::StateDir;
use crate::store::stored::peek;
use crate::trust::registration::Registration;
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Maximum difference between two reported times of the same reset.
const SAME_RESET: Duration = Duration::minutes(2);
/// Number of bytes at the end of a transcript that are searched for an answered turn.
const TAIL: u64 = 1024 * 1024;
/// Maximum number of transcripts remembered as read.
const MOST_READ: usize = 4096;

/// Source of the evidence that usage is available again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EarlySource {
    /// Another session received an answer.
    Turn,
    /// A status line reading of the usage window.
    StatusLine,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EarlyReset {
    #[serde(serialize_with = "time")]
    pub at: DateTime<Utc>,
    /// The scheduled reset that the evidence precedes.
    #[serde(serialize_with = "time")]
    pub reset: DateTime<Utc>,
    /// The session that provides the evidence.
    pub session: String,
    pub source: EarlySource,
}

impl EarlyReset {
    /// Returns whether the evidence is about this stop: strictly newer than the stop, and about the same
    /// window.
    #[must_use]
    pub fn holds_for(&self, stop: &Stop) -> bool {
        stop.at.is_some_and(|at| self.at > at) && self.is_before(stop)
    }

    fn is_before(&self, stop: &Stop) -> bool {
        stop.resets_at.is_some_and(|reset| (reset - self.reset).abs() <= SAME_RESET)
    }

    /// Describes the evidence in words, for the incident.
    #[must_use]
    pub fn fact(&self) -> String {
        let what = match self.source {
            EarlySource::Turn => "was answered after the stop",
            EarlySource::StatusLine => "shows usage below 100 % after the stop",
        };
        format!("usage is available again: session {} of the same account {what}", self.session)
    }
}

/// Returns whether to search for evidence. Evidence is used once per reset. If the resulting attempt was
/// refused, the evidence proves nothing for this stop.
#[must_use]
pub fn is_wanted(incident: &Incident, now: DateTime<Utc>) -> bool {
    let stop = &incident.stop;
    stop.kind.is_usage_limit()
        && stop.at.is_some()
        && stop.resets_at.is_some_and(|reset| reset > now)
        && incident.early.as_ref().is_none_or(|known| !known.is_before(stop))
}

/// Returns whether an answer from this model shows that the limit no longer applies.
fn is_covered(kind: StopKind, stopped_model: Option<&str>, model: &str) -> bool {
    let names = |family: &str| model.to_ascii_lowercase().contains(family);
    match kind {
        StopKind::UsageLimit5h | StopKind::UsageLimitWeekly => true,
        StopKind::UsageLimitOpus => names("opus"),
        StopKind::UsageLimitSonnet => names("sonnet"),
        StopKind::UsageLimitFable => names("fable"),
        _ => kind.is_usage_limit() && stopped_model == Some(model),
    }
}

/// Returns the window in a reading that corresponds to this kind of limit.
const fn window_of(kind: StopKind, reading: &SessionReading) -> Option<Window> {
    match kind {
        StopKind::UsageLimit5h => reading.five_hour,
        StopKind::UsageLimitWeekly => reading.seven_day,
        _ => None,
    }
}

/// Finds a reading received after the stop that shows the window is not used up. An idle session redraws its
/// old reading again and again, so only a reading that changed after the stop counts, or the first reading of
/// a session that was started after it.
fn by_reading(
    incident: &Incident,
    account: &str,
    readings: &BTreeMap<String, SessionReading>,
    started: impl Fn(&str) -> Option<DateTime<Utc>>,
) -> Option<EarlyReset> {
    let (stopped, reset) = (incident.stop.at?, incident.stop.resets_at?);
    let since = |session: &str, reading: &SessionReading| {
        let newer = |at: &DateTime<Utc>| *at > stopped;
        let changed = reading.changed_at.filter(newer);
        changed.or_else(|| started(session).filter(newer).map(|_| reading.first_at).filter(newer))
    };
    let found = readings.iter().filter_map(|(session, reading)| {
        let below = window_of(incident.stop.kind, reading).is_some_and(|window| window.used_percent < 100.0);
        let same = *session != incident.session && reading.account.as_deref() == Some(account);
        (below && same).then(|| Some((since(session, reading)?, session)))?
    });
    let (at, session) = found.min()?;
    Some(EarlyReset { at, reset, session: session.clone(), source: EarlySource::StatusLine })
}

/// Returns the time of the first turn that was requested and answered after `stopped`. An answer to an older
/// request proves nothing, because it may have been in progress when the limit was reached.
fn answered_since(
    transcript: &Transcript<'_>,
    stopped: DateTime<Utc>,
    covers: impl Fn(&str) -> bool,
) -> Option<DateTime<Utc>> {
    let mut lines = Backwards::default();
    lines.begin(transcript.bytes());
    let mut answer = None;
    let mut found = None;
    while let Some((offset, line)) = lines.next(transcript.file()) {
        for record in glance(offset, line).rev() {
            if record.head.sidechain {
                continue;
            }
            let Some(at) = record.head.at else { continue };
            if at <= stopped {
                return found;
            }
            match record.body {
                Body::Assistant(said) => {
                    let real = said.failure.is_none() && !said.synthetic();
                    if real && said.model.as_deref().is_some_and(&covers) {
                        answer = Some(at);
                    } else {
                        answer = None;
                    }
                }
                Body::User(_) => found = answer.take().or(found),
                Body::System(_) | Body::Meta(_) | Body::Other => {}
            }
        }
        if transcript.bytes() - offset > TAIL {
            break;
        }
    }
    found
}

/// Returns the time of the newest answer of a model.
#[must_use]
pub fn newest_answer(transcript: &Transcript<'_>) -> Option<DateTime<Utc>> {
    let mut lines = Backwards::default();
    lines.begin(transcript.bytes());
    while let Some((offset, line)) = lines.next(transcript.file()) {
        for record in glance(offset, line).rev() {
            if let Body::Assistant(said) = record.body
                && !record.head.sidechain
                && said.failure.is_none()
                && !said.synthetic()
            {
                return record.head.at;
            }
        }
        if transcript.bytes() - offset > TAIL {
            break;
        }
    }
    None
}

/// Searches for evidence, and remembers which transcripts it has read and in which state.
#[derive(Debug, Default)]
pub struct EarlySearch {
    read: BTreeMap<(String, PathBuf), (SystemTime, u64)>,
}

impl EarlySearch {
    /// Returns evidence about an incident, if there is any.
    pub fn find(&mut self, state: &StateDir, incident: &Incident, now: DateTime<Utc>) -> Option<EarlyReset> {
        if !is_wanted(incident, now) {
            return None;
        }
        let dir = incident.config_dir.as_deref()?;
        let account = started_with(state, incident)?.account.key();
        let started = |session: &str| peek::<Registration>(&state.session(session)).ok()?.map(|one| one.at);
        by_reading(incident, &account, &readings(state, dir), started)
            .or_else(|| self.by_turn(state, incident, &account, dir))
            .filter(|found| found.holds_for(&incident.stop))
    }

    fn by_turn(
        &mut self,
        state: &StateDir,
        incident: &Incident,
        account: &str,
        dir: &Path,
    ) -> Option<EarlyReset> {
        let (stopped, reset) = (incident.stop.at?, incident.stop.resets_at?);
        let covers = |model: &str| is_covered(incident.stop.kind, incident.model.as_deref(), model);
        let projects = std::fs::read_dir(ClaudeHome::new(dir).projects()).ok()?;
        for project in projects.filter_map(Result::ok) {
            let files = std::fs::read_dir(project.path()).into_iter().flatten().filter_map(Result::ok);
            for file in files {
                let path = file.path();
                let session = path.file_stem().and_then(|name| name.to_str()).filter(|id| is_session_id(id));
                let Some(session) = session.filter(|id| *id != incident.session) else { continue };
                if path.extension().is_none_or(|ending| ending != "jsonl") {
                    continue;
                }
                let Ok(meta) = file.metadata() else { continue };
                let Ok(modified) = meta.modified() else { continue };
                // Only an optimization: a transcript unmodified since the stop contains no newer answer.
                if DateTime::<Utc>::from(modified) <= stopped {
                    continue;
                }
                let (known, state_now) = ((incident.session.clone(), path.clone()), (modified, meta.len()));
                if self.read.get(&known) == Some(&state_now) {
                    continue;
                }
                let other = peek::<Registration>(&state.session(session)).ok().flatten();
                let same = other.is_some_and(|other| {
                    other.config_dir == dir
                        && other.started_with.is_some_and(|started| started.account.key() == account)
                });
                let found =
                    same.then(|| answered_since(&Transcript::open(&path).ok()?, stopped, covers)).flatten();
                if let Some(at) = found {
                    let session = session.to_owned();
                    return Some(EarlyReset { at, reset, session, source: EarlySource::Turn });
                }
                if self.read.len() >= MOST_READ {
                    self.read.clear();
                }
                self.read.insert(known, state_now);
            }
        }
        None
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::clock::{parse_rfc3339, rfc3339};
    use crate::recovery::incident::StopReport;
    use crate::session::ResetSource;
    use crate::store::stored::{Stored, save};
    use crate::trust::account::AccountFingerprint;
    use crate::trust::started::StartedWith;

    pub(in crate::recovery) const OWN: &str = "00000001-0000-4000-8000-000000000001";
    pub(in crate::recovery) const OTHER: &str = "00000002-0000-4000-8000-000000000002";

    pub(in crate::recovery) fn at(text: &str) -> DateTime<Utc> {
        parse_rfc3339(&format!("2026-11-21T{text}Z")).unwrap()
    }

    fn started(login: &str) -> StartedWith {
        let account = AccountFingerprint { login: Some(login.to_owned()), ..AccountFingerprint::default() };
        StartedWith { account, ..StartedWith::default() }
    }

    pub(in crate::recovery) fn incident(dir: &Path, kind: StopKind) -> Incident {
        let report = StopReport {
            session: OWN.into(),
            project: None,
            config_dir: Some(dir.into()),
            transcript: dir.join("projects/-w").join(format!("{OWN}.jsonl")),
            stop: Stop {
                at: Some(at("02:00:00")),
                resets_at: Some(at("04:00:00")),
                resets_at_source: Some(ResetSource::Exact),
                ..Stop::of(kind)
            },
            cwd: None,
            entrypoint: None,
            claude_pid: None,
            claude_start: None,
        };
        let mut incident = Incident::open(report, at("02:00:00"));
        incident.started_with = Some(Box::new(started("me")));
        incident
    }

    pub(in crate::recovery) fn register(state: &StateDir, dir: &Path, login: &str, since: &str) {
        let registration = Registration {
            version: Registration::VERSION,
            session: OTHER.into(),
            transcript: PathBuf::new(),
            config_dir: dir.into(),
            project: None,
            cwd: None,
            source: None,
            claude_pid: None,
            claude_start: None,
            started_with: Some(started(login)),
            at: at(since),
        };
        save(&state.session(OTHER), &registration).unwrap();
    }

    pub(in crate::recovery) fn prompt(time: &str) -> String {
        format!(
            r#"{{"type":"user","uuid":"u","timestamp":"{}","message":{{"role":"user","content":"go"}}}}"#,
            rfc3339(at(time))
        )
    }

    pub(in crate::recovery) fn answer(time: &str, model: &str, more: &str) -> String {
        format!(
            r#"{{"type":"assistant","uuid":"a","timestamp":"{}"{more},"message":{{"model":"{model}","stop_reason":"end_turn","usage":{{"input_tokens":5}},"content":[{{"type":"text","text":"x"}}]}}}}"#,
            rfc3339(at(time))
        )
    }

    #[test]
    fn a_turn_of_the_same_account_asked_and_answered_after_the_stop_is_evidence() {
        let failed = r#","isApiErrorMessage":true,"error":"rate_limit""#;
        let sonnet = "claude-sonnet-5-5";
        let asked = |before: &str, then: &str| vec![prompt(before), answer(then, sonnet, "")];
        let five = StopKind::UsageLimit5h;
        for (what, kind, login, lines, expected) in [
            ("asked and answered", five, "me", asked("02:10:00", "02:10:05"), Some("02:10:05")),
            (
                "of the week",
                StopKind::UsageLimitWeekly,
                "me",
                asked("02:10:00", "02:10:05"),
                Some("02:10:05"),
            ),
            ("asked before the stop", five, "me", asked("01:59:59", "02:00:10"), None),
            ("asked in the second of the stop", five, "me", asked("02:00:00", "02:00:10"), None),
            ("answered before the stop", five, "me", asked("01:50:00", "01:50:10"), None),
            ("of another account", five, "you", asked("02:10:00", "02:10:05"), None),
            (
                "refused",
                five,
                "me",
                vec![prompt("02:10:00"), answer("02:10:05", "<synthetic>", failed)],
                None,
            ),
            ("of another model family", StopKind::UsageLimitOpus, "me", asked("02:10:00", "02:10:05"), None),
            (
                "of the limited family",
                StopKind::UsageLimitSonnet,
                "me",
                asked("02:10:00", "02:10:05"),
                Some("02:10:05"),
            ),
            (
                "a limit of an unknown kind and model",
                StopKind::UsageLimitOther,
                "me",
                asked("02:10:00", "02:10:05"),
                None,
            ),
            ("no limit", StopKind::Overloaded, "me", asked("02:10:00", "02:10:05"), None),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let home = dir.path().join("claude");
            let state = StateDir::new(dir.path().join("state"));
            std::fs::create_dir_all(home.join("projects/-w")).unwrap();
            let path = home.join("projects/-w").join(format!("{OTHER}.jsonl"));
            std::fs::write(&path, lines.join("\n") + "\n").unwrap();
            register(&state, &home, login, "01:00:00");
            let incident = incident(&home, kind);
            let find = |incident: &Incident| EarlySearch::default().find(&state, incident, at("02:20:00"));
            let found = find(&incident);
            assert_eq!(found.as_ref().map(|found| found.at), expected.map(at), "{what}");
            let Some(found) = found else { continue };
            assert_eq!((found.source, found.session.as_str()), (EarlySource::Turn, OTHER), "{what}");
            let used = Incident { early: Some(found), ..incident.clone() };
            assert_eq!(find(&used), None, "{what}: once for each reset");
            let elsewhere = Incident { config_dir: Some(dir.path().into()), ..incident.clone() };
            assert_eq!(find(&elsewhere), None, "{what}: another configuration directory");
            let unknown = Incident { started_with: None, ..incident };
            assert_eq!(find(&unknown), None, "{what}: an account that is not known");
        }
    }

    #[test]
    fn a_reading_counts_if_it_changed_or_its_session_started_after_the_stop() {
        let dir = Path::new("/c");
        let window = |used_percent, resets: &str| Some(Window { used_percent, resets_at: at(resets) });
        let reading = |changed: Option<&str>, five_hour| SessionReading {
            five_hour,
            seven_day: None,
            first_at: at("02:05:00"),
            changed_at: changed.map(at),
            account: Some("me".into()),
        };
        let of = |kind, account, started: &str, reading: &SessionReading| {
            let readings = BTreeMap::from([(OTHER.to_owned(), reading.clone())]);
            let began = at(started);
            by_reading(&incident(dir, kind), account, &readings, |_| Some(began)).map(|found| found.at)
        };
        let five = StopKind::UsageLimit5h;
        let low = window(12.0, "07:00:00");
        let changed = reading(Some("02:10:00"), low);
        assert_eq!(of(five, "me", "01:00:00", &changed), Some(at("02:10:00")));
        assert_eq!(of(five, "you", "01:00:00", &changed), None);
        assert_eq!(of(StopKind::UsageLimitWeekly, "me", "01:00:00", &changed), None, "the other window");
        assert_eq!(
            of(five, "me", "01:00:00", &reading(Some("02:00:00"), low)),
            None,
            "not newer than the stop"
        );
        assert_eq!(of(five, "me", "01:00:00", &reading(None, low)), None, "an old reading, drawn again");
        assert_eq!(of(five, "me", "02:04:00", &reading(None, low)), Some(at("02:05:00")));
        let full = reading(Some("02:10:00"), window(100.0, "04:00:00"));
        assert_eq!(of(five, "me", "01:00:00", &full), None, "still used up");
    }
}
