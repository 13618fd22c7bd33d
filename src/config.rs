//! The configuration: the user's own file (JSON with comments), which a project's file may only restrict.
//!
//! An invalid file disables automatic recovery until it is repaired. Recording and showing sessions still
//! work.

use crate::clock::{from_local_time, local_time};
use crate::env::Environment;
use crate::error::{Code, Error, Result};
use crate::fs::read_small;
use crate::options::{closest, unknown_field};
use crate::session::StopKind;
use crate::session::stop::StopClass;
use chrono::{DateTime, Duration, NaiveTime, Utc};
use http::Uri;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

pub mod effective;

/// Size limit of a configuration file, in bytes.
const LARGEST: u64 = 1024 * 1024;
/// Keys whose values must be objects.
const OBJECTS: [&str; 12] = [
    "status",
    "heartbeat",
    "supervisor",
    "retry",
    "stops",
    "unattended",
    "context",
    "state",
    "saving",
    "note",
    "notify",
    "retention",
];
/// Upper end of the usual window, in seconds after a reset, in which the client continues by itself.
const CLIENT_SECONDS: f64 = 100.0;
/// If both `graceSeconds` and `stepSeconds` are below this many seconds, the configuration
/// is a test configuration.
const TEST_SECONDS: f64 = 5.0;
/// Upper bound for `state.archives`: saved states retained per project besides the latest.
const MOST_ARCHIVES: usize = 1000;
/// Project file that may restrict the user's configuration, relative to the project.
pub const PROJECT_FILE: &str = ".claude/session-recover.json";

/// What to do about a kind of stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Disposition {
    Ignore,
    /// Records the stop and notifies the user.
    Notify,
    /// Continues the session if that is possible.
    Resume,
}

/// The user's configuration. Durations may be fractional.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Config {
    /// URL of the JSON Schema, for editors.
    #[serde(rename = "$schema", skip_serializing)]
    pub schema: Option<String>,
    pub heartbeat: HeartbeatConfig,
    pub supervisor: SupervisorConfig,
    /// Retry schedules for failures without a reset time.
    pub retry: Retry,
    /// Action for each kind of stop.
    pub stops: BTreeMap<String, Disposition>,
    pub unattended: Unattended,
    /// Hours after the planned time within which a late wake continues without asking.
    pub late_wake_hours: Option<f64>,
    /// Hours of the day, in local time, during which no closed session is resumed.
    pub quiet_hours: Option<QuietHours>,
    /// Maximum number of resumes per night.
    pub nightly_cap: Option<u32>,
    /// Minutes without transcript growth after which a busy session is reported as hung.
    pub hung_minutes: Option<f64>,
    pub status: Status,
    pub context: ContextConfig,
    pub saving: SavingConfig,
    pub state: States,
    pub note: Note,
    /// Additional configuration directories of Claude Code: absolute paths, or paths that start with `~/`.
    pub config_dirs: Vec<String>,
    pub notify: Notify,
    pub retention: RetentionConfig,
}

/// Configuration of the hook that waits for a reset in an open client.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct HeartbeatConfig {
    pub enabled: bool,
    /// Seconds after the reset. The client itself continues 30 to 100 s after the reset (290 s in rare cases)
    /// and must be able to do so first. A value below the client's window is used only if the client does not
    /// continue by itself, or in tests: below 5, with `stepSeconds` below 5 as well.
    pub grace_seconds: f64,
    /// Maximum time between two checks, in seconds; at most 30.
    pub step_seconds: f64,
    /// Whether Esc or Ctrl-C at the client's own countdown also cancels this tool's wait.
    pub escape_cancels: bool,
    /// Whether an open session is continued after the client has continued it three times in a row and opens
    /// its limit menu. `false` leaves it to the user, whatever else would continue it.
    pub beyond_client_cap: bool,
}

impl Default for HeartbeatConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            grace_seconds: 150.0,
            step_seconds: 30.0,
            escape_cancels: true,
            beyond_client_cap: true,
        }
    }
}

impl HeartbeatConfig {
    /// Returns how many seconds after the reset an open session is continued. The time is never inside the
    /// window in which the client may still continue it, except in a test configuration.
    #[must_use]
    pub fn grace_after(&self, native: Option<Duration>) -> f64 {
        match native {
            Some(window) if !self.is_of_tests() => self.grace_seconds.max(window.as_seconds_f64()),
            _ => self.grace_seconds,
        }
    }

    /// Returns whether `graceSeconds` is shorter than the client's own window.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.grace_seconds < CLIENT_SECONDS
    }

    /// Returns whether both values are below [`TEST_SECONDS`]. Such a test configuration has limits that last
    /// seconds and cannot wait for the client to continue, so `graceSeconds` is used unchanged.
    #[must_use]
    pub fn is_of_tests(&self) -> bool {
        self.grace_seconds < TEST_SECONDS && self.step_seconds < TEST_SECONDS
    }
}

/// Configuration of the supervisor, which resumes closed sessions.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct SupervisorConfig {
    /// Seconds after the reset before a resume.
    pub margin_seconds: f64,
    /// Maximum random delay added to the margin, in seconds.
    pub jitter_seconds: f64,
    /// Seconds between two passes.
    pub poll_seconds: f64,
    /// Maximum continuations of one session in 24 hours, including those in an open client.
    pub max_cycles_per_day: u32,
    /// Maximum length of an unattended run, in minutes.
    pub max_run_minutes: f64,
}

impl Default for SupervisorConfig {
    fn default() -> Self {
        Self {
            margin_seconds: 60.0,
            jitter_seconds: 60.0,
            poll_seconds: 30.0,
            max_cycles_per_day: 12,
            max_run_minutes: 240.0,
        }
    }
}

/// Retry schedules for failures without a reset time.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Retry {
    /// Minutes before each attempt after an overload, a server error or a lost connection.
    pub schedule_minutes: Vec<f64>,
    /// Minutes before each of the first attempts after a rate limit.
    pub rate_limit_minutes: Vec<f64>,
    /// Minutes before each later attempt.
    pub slow_minutes: f64,
    /// Hours after the first attempt at which no further attempts are made.
    pub give_up_hours: f64,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            schedule_minutes: vec![1.0, 2.0, 5.0, 10.0, 20.0, 30.0],
            rate_limit_minutes: vec![2.0, 5.0, 10.0, 20.0],
            slow_minutes: 20.0,
            give_up_hours: 24.0,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Unattended {
    /// Permission mode that an unattended run never exceeds.
    pub permission_ceiling: String,
    pub transport: Transport,
    /// Program to start instead of `claude`, with its leading arguments,
    /// such as `["/usr/local/bin/ccs", "work"]`.
    pub launcher: Option<Vec<String>>,
    /// Maximum context, in tokens, that is re-read without asking.
    pub max_context_tokens: Option<u64>,
}

impl Default for Unattended {
    fn default() -> Self {
        Self {
            permission_ceiling: "auto".into(),
            transport: Transport::Print,
            launcher: None,
            max_context_tokens: None,
        }
    }
}

/// How a closed session is resumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Transport {
    /// `claude -p --resume`: runs without a terminal and exits.
    Print,
    /// `claude --bg --resume`: a background session that the user can attach to.
    Background,
    /// A new terminal window with `claude --resume`.
    Terminal,
}

/// Quiet hours in local time. They span midnight when `to` is earlier than `from`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct QuietHours {
    pub from: String,
    pub to: String,
}

impl QuietHours {
    /// Returns the end of the quiet hours that `at` falls into, or `due` outside them.
    #[must_use]
    pub fn end_after(&self, at: DateTime<Utc>, due: DateTime<Utc>) -> DateTime<Utc> {
        let (Some(from), Some(to)) = (time_of_day(&self.from), time_of_day(&self.to)) else { return due };
        let local = local_time(at);
        let now = local.time();
        let (rests, days) = if from <= to {
            (from <= now && now < to, 0)
        } else {
            (now >= from || now < to, i64::from(now >= from))
        };
        if !rests {
            return due;
        }
        let end = (local.date() + chrono::Duration::days(days)).and_time(to);
        from_local_time(end).unwrap_or(due).max(due)
    }
}

fn time_of_day(text: &str) -> Option<NaiveTime> {
    NaiveTime::parse_from_str(text.trim(), "%H:%M").ok()
}

/// Configuration of notifications to the user.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Notify {
    pub desktop: bool,
    /// URL to which each notification is posted as JSON.
    pub webhook: Option<String>,
}

impl Default for Notify {
    fn default() -> Self {
        Self { desktop: true, webhook: None }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Status {
    /// Closed sessions that stopped more than this many hours ago are summarized in one line.
    pub recent_hours: f64,
}

impl Default for Status {
    fn default() -> Self {
        Self { recent_hours: 48.0 }
    }
}

/// Thresholds for large sessions.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ContextConfig {
    /// Percentages of the model's context window above which a context counts as large, and as bloated.
    pub warn_percent: [f64; 2],
    /// Size above which a transcript is reported as large, in megabytes.
    pub max_session_megabytes: f64,
}

impl Default for ContextConfig {
    fn default() -> Self {
        Self { warn_percent: [80.0, 92.0], max_session_megabytes: 50.0 }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "each is a separate key of the configuration")]
pub struct States {
    pub save: bool,
    /// Saved states retained per project besides the latest.
    pub archives: usize,
    /// Whether a new session receives a short summary of unfinished work.
    pub startup: bool,
    /// Whether a resumed session receives its own saved state.
    pub resume: bool,
    /// Whether a session receives its own saved state after compaction.
    pub compact: bool,
}

impl Default for States {
    fn default() -> Self {
        Self { save: true, archives: 10, startup: true, resume: true, compact: true }
    }
}

/// Configuration of the check that Claude Code saves the conversation.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct SavingConfig {
    /// Whether to check after every turn that the answer is in the transcript.
    pub watch: bool,
    /// Seconds after which a missing answer counts as not saved.
    pub wait_seconds: f64,
    /// Whether to log prompts and answers of a session that Claude Code fails to save.
    pub shadow_log: bool,
}

impl Default for SavingConfig {
    fn default() -> Self {
        Self { watch: true, wait_seconds: 10.0, shadow_log: true }
    }
}

/// Days for which `prune` retains the files that this tool wrote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct RetentionConfig {
    pub exports_days: f64,
    pub snapshots_days: f64,
    pub pages_days: f64,
    pub outputs_days: f64,
    /// Records of a session: how it was started, whether it is saved, what was handed over to it.
    pub records_days: f64,
    /// Whether to hard-link session files into the state directory, so that they outlive Claude Code's
    /// retention.
    pub keep: bool,
    /// Days after which a kept session that Claude Code has deleted is removed.
    pub kept_days: f64,
    /// Maximum total size, in bytes, of kept sessions that Claude Code has deleted.
    pub kept_max_total: u64,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self {
            exports_days: 90.0,
            snapshots_days: 14.0,
            pages_days: 90.0,
            outputs_days: 30.0,
            records_days: 90.0,
            keep: true,
            kept_days: 365.0,
            kept_max_total: 5_000_000_000,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Note {
    /// Whether to ask the model, at the start of a session, to keep its part of HANDOFF.md up to date.
    pub instruction: bool,
    /// Number of managed blocks retained in HANDOFF.md.
    pub blocks: usize,
}

impl Default for Note {
    fn default() -> Self {
        Self { instruction: true, blocks: 5 }
    }
}

/// The keys of a project's own file. Every key can only restrict the user's configuration.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Narrowing {
    /// Whether automatic recovery is enabled in this project.
    pub enabled: Option<bool>,
    /// Minimum number of seconds after the reset.
    pub grace_seconds: Option<f64>,
    /// Upper bound for attempts and for continuations per day.
    pub max_attempts: Option<usize>,
    /// Kinds of stop that are only recorded, or ignored, in this project.
    pub stops: BTreeMap<String, Disposition>,
    /// Whether session states are saved and handed over in this project.
    pub state: Option<bool>,
}

/// Returns the default disposition of a class; `None` for stops that the policy never continues, regardless
/// of the configuration.
const fn default_disposition(class: StopClass) -> Option<Disposition> {
    match class {
        StopClass::BrokenOff => Some(Disposition::Notify),
        // The policy still only notifies about a limit that resets more than a day away.
        StopClass::UsageLimit | StopClass::RateLimit | StopClass::Transient | StopClass::OutputLimit => {
            Some(Disposition::Resume)
        }
        StopClass::NeedsUser(_) | StopClass::Interrupted | StopClass::NoFailure => None,
    }
}

impl Config {
    /// Returns what to do about this kind of stop: the configured disposition or the default. The policy
    /// never asks about kinds without a default.
    #[must_use]
    pub fn disposition(&self, kind: StopKind) -> Disposition {
        self.configured(kind).or(default_disposition(kind.class())).unwrap_or(Disposition::Resume)
    }

    /// Returns whether the policy continues this kind of stop or the user's file names it.
    #[must_use]
    pub fn is_configurable(&self, kind: StopKind) -> bool {
        default_disposition(kind.class()).is_some() || self.configured(kind).is_some()
    }

    /// Returns the action that the user configured for this kind. A model-family limit follows the weekly
    /// limit until it is configured itself.
    #[must_use]
    pub fn configured(&self, kind: StopKind) -> Option<Disposition> {
        self.stops.get(kind.as_str()).or_else(|| self.stops.get(kind.general().as_str())).copied()
    }

    /// Returns the number of hours after the planned time within which a late wake continues without asking.
    #[must_use]
    pub fn late_wake_hours(&self) -> f64 {
        self.late_wake_hours.unwrap_or(8.0)
    }

    /// Returns the time without a sign of work after which a busy session is reported as hung.
    #[must_use]
    pub fn hung_after(&self) -> std::time::Duration {
        std::time::Duration::from_secs_f64(self.hung_minutes.unwrap_or(10.0) * 60.0)
    }

    /// Returns this configuration with the project's restrictions applied.
    #[must_use]
    pub fn narrowed(mut self, by: &Narrowing) -> Self {
        if by.enabled == Some(false) {
            self.heartbeat.enabled = false;
        }
        if let Some(grace) = by.grace_seconds.filter(|grace| grace.is_finite()) {
            self.heartbeat.grace_seconds = self.heartbeat.grace_seconds.max(grace);
        }
        if let Some(most) = by.max_attempts {
            self.retry.schedule_minutes.truncate(most);
            self.retry.rate_limit_minutes.truncate(most);
            self.supervisor.max_cycles_per_day =
                self.supervisor.max_cycles_per_day.min(u32::try_from(most).unwrap_or(u32::MAX));
        }
        if by.state == Some(false) {
            let archives = self.state.archives;
            self.state = States { save: false, archives, startup: false, resume: false, compact: false };
        }
        for (kind, disposition) in &by.stops {
            let Some(known) = kind_named(kind) else { continue };
            // A project that allows what is allowed by default must not count as the user's own choice, which
            // would also allow limits that reset more than a day away.
            if *disposition < self.disposition(known) {
                self.stops.insert(kind.clone(), *disposition);
            }
        }
        self
    }

    fn validate(self, path: &Path) -> Result<Self> {
        let invalid = |key: &str, why: &str| invalid_key(path, key, why, None);
        let durations = [
            ("heartbeat.graceSeconds", self.heartbeat.grace_seconds),
            ("heartbeat.stepSeconds", self.heartbeat.step_seconds),
            ("supervisor.marginSeconds", self.supervisor.margin_seconds),
            ("supervisor.jitterSeconds", self.supervisor.jitter_seconds),
            ("supervisor.pollSeconds", self.supervisor.poll_seconds),
            ("supervisor.maxRunMinutes", self.supervisor.max_run_minutes),
            ("retry.slowMinutes", self.retry.slow_minutes),
            ("retry.giveUpHours", self.retry.give_up_hours),
            ("lateWakeHours", self.late_wake_hours()),
            ("status.recentHours", self.status.recent_hours),
            ("hungMinutes", self.hung_minutes.unwrap_or(0.0)),
            ("context.warnPercent", self.context.warn_percent[0]),
            ("context.warnPercent", self.context.warn_percent[1]),
            ("context.maxSessionMegabytes", self.context.max_session_megabytes),
            ("saving.waitSeconds", self.saving.wait_seconds),
            ("retention.exportsDays", self.retention.exports_days),
            ("retention.snapshotsDays", self.retention.snapshots_days),
            ("retention.pagesDays", self.retention.pages_days),
            ("retention.outputsDays", self.retention.outputs_days),
            ("retention.recordsDays", self.retention.records_days),
            ("retention.keptDays", self.retention.kept_days),
        ];
        let lists = [
            ("retry.scheduleMinutes", &self.retry.schedule_minutes),
            ("retry.rateLimitMinutes", &self.retry.rate_limit_minutes),
        ];
        let listed = lists.iter().flat_map(|(key, values)| values.iter().map(move |value| (*key, *value)));
        for (key, value) in durations.into_iter().chain(listed) {
            // At most a year in seconds, to keep date arithmetic in range.
            if !value.is_finite() || !(0.0..=31_536_000.0).contains(&value) {
                return Err(invalid(key, "must be a non-negative number"));
            }
        }
        if self.state.archives > MOST_ARCHIVES {
            return Err(invalid("state.archives", "must be at most 1000"));
        }
        if let Some(key) = self.stops.keys().find(|key| kind_named(key).is_none()) {
            let kinds = StopKind::ALL.map(StopKind::as_str);
            let meant = closest(key, &kinds);
            return Err(invalid_key(path, &format!("stops.{key}"), "is not a kind of stop", meant));
        }
        if let Some(rest) = &self.quiet_hours
            && (time_of_day(&rest.from).is_none() || time_of_day(&rest.to).is_none())
        {
            return Err(invalid("quietHours", "must be times of the day such as \"23:00\""));
        }
        if let Some(launcher) = &self.unattended.launcher
            && !launcher.first().is_some_and(|program| Path::new(program).is_absolute())
        {
            return Err(invalid("unattended.launcher", "must begin with the absolute path of a program"));
        }
        if !self.config_dirs.iter().map(Path::new).all(|dir| dir.is_absolute() || dir.starts_with("~")) {
            return Err(invalid("configDirs", "must be absolute paths, or begin with ~/"));
        }
        if let Some(url) = &self.notify.webhook {
            webhook_address(url).map_err(|error| error.at(path))?;
        }
        Ok(self)
    }
}

/// Parses a webhook address: `https`, or `http` on this machine only.
///
/// # Errors
///
/// Returns [`Code::ConfigInvalid`]; the message does not repeat the address.
pub fn webhook_address(url: &str) -> Result<Uri> {
    let invalid = |why: &str| {
        Error::new(Code::ConfigInvalid, format!("notify.webhook: {why}"))
            .hint("give an https address, or an http address on 127.0.0.1, ::1 or localhost")
    };
    let uri: Uri = url.parse().map_err(|_| invalid("is not a valid URL"))?;
    let authority = uri.authority().ok_or_else(|| invalid("has no host"))?;
    if authority.as_str().contains('@') {
        return Err(invalid("must not contain a user name or password"));
    }
    match uri.scheme_str() {
        Some("https") if !authority.host().is_empty() => Ok(uri),
        Some("http") if is_loopback(authority.host()) => Ok(uri),
        Some("http") => Err(invalid("http is allowed only for this machine; elsewhere it must be https")),
        _ => Err(invalid("must begin with https://")),
    }
}

#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn kind_named(name: &str) -> Option<StopKind> {
    serde_json::from_value(Value::String(name.to_owned())).ok()
}

/// The configuration in force, and the error if it is not the one in the files.
#[derive(Debug, Clone, Default)]
pub struct InForce {
    /// Defaults when the user's file is invalid.
    pub config: Config,
    /// Reason why automatic recovery is off.
    pub problem: Option<Error>,
}

/// Reads the user's configuration and applies the project's restrictions.
#[must_use]
pub fn in_force(env: &Environment, project: Option<&Path>) -> InForce {
    let user = match env.config_file() {
        Some(path) => read::<Config>(&path).and_then(|config| config.unwrap_or_default().validate(&path)),
        None => Ok(Config::default()),
    };
    let narrowing = project.map_or(Ok(None), |dir| read::<Narrowing>(&dir.join(PROJECT_FILE)));
    match (user, narrowing) {
        (Ok(config), Ok(narrowing)) => {
            InForce { config: config.narrowed(&narrowing.unwrap_or_default()), problem: None }
        }
        (Err(problem), _) => off(Config::default(), problem),
        (Ok(config), Err(problem)) => off(config, problem),
    }
}

fn off(mut config: Config, problem: Error) -> InForce {
    config.heartbeat.enabled = false;
    InForce { config, problem: Some(problem) }
}

/// Builds the error for an unknown key in a configuration file. `meant` is the known key that the user
/// probably intended.
fn invalid_key(path: &Path, key: &str, why: &str, meant: Option<&str>) -> Error {
    let off = "automatic recovery is off until this is fixed";
    let hint = meant.map_or_else(|| off.to_owned(), |name| format!("did you mean \"{name}\"? {off}"));
    let message = if key.is_empty() { why.to_owned() } else { format!("{key}: {why}") };
    Error::new(Code::ConfigInvalid, message).at(path).hint(hint)
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    parsed(path)?.map(|value| typed(value, path)).transpose()
}

/// Parses the file as a JSON object; `None` if it is missing or contains only comments.
fn parsed(path: &Path) -> Result<Option<Value>> {
    let Some(bytes) = read_small(path, LARGEST)? else { return Ok(None) };
    let invalid = |why: &str| invalid_key(path, "", why, None);
    let text = String::from_utf8(bytes).map_err(|_| invalid("is not UTF-8"))?;
    let text = text.trim_start_matches('\u{feff}');
    let value: Option<Value> =
        jsonc_parser::parse_to_serde_value(text, &jsonc_parser::ParseOptions::default())
            .map_err(|error| invalid(&error.to_string()))?;
    let Some(value) = value else { return Ok(None) };
    if value.is_array() {
        return Err(invalid("must be an object"));
    }
    // Serde would accept an array as an object with its values in field order.
    if let Some(key) = OBJECTS.iter().find(|key| value.get(**key).is_some_and(Value::is_array)) {
        return Err(invalid_key(path, key, "must be an object", None));
    }
    Ok(Some(value))
}

fn typed<T: serde::de::DeserializeOwned>(value: Value, path: &Path) -> Result<T> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let key = error.path().to_string();
        let message = error.inner().to_string();
        match unknown_field(&message) {
            Some((unknown, known)) => invalid_key(path, &key, "unknown key", closest(unknown, &known)),
            None => invalid_key(path, &key, &message, None),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(user: &str, project: Option<&str>) -> InForce {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.json");
        std::fs::write(&file, user).unwrap();
        if let Some(text) = project {
            std::fs::create_dir(dir.path().join(".claude")).unwrap();
            std::fs::write(dir.path().join(PROJECT_FILE), text).unwrap();
        }
        let env = Environment::from_pairs([("CC_RECOVER_CONFIG", file.as_os_str())], dir.path());
        in_force(&env, Some(dir.path()))
    }

    #[test]
    fn only_stops_that_the_policy_continues_have_a_default() {
        let config = Config::default();
        for kind in StopKind::ALL {
            let expected = match kind {
                StopKind::Crashed | StopKind::Closed => Some(Disposition::Notify),
                StopKind::UsageLimit5h
                | StopKind::UsageLimitWeekly
                | StopKind::UsageLimitOpus
                | StopKind::UsageLimitSonnet
                | StopKind::UsageLimitFable
                | StopKind::UsageLimitOther
                | StopKind::RateLimit
                | StopKind::Overloaded
                | StopKind::ServerError
                | StopKind::Network
                | StopKind::OutputLimit => Some(Disposition::Resume),
                _ => None,
            };
            assert_eq!(default_disposition(kind.class()), expected, "{kind:?}");
            assert_eq!(config.is_configurable(kind), expected.is_some(), "{kind:?}");
        }
        let mut config = config;
        config.stops.insert("billing".into(), Disposition::Ignore);
        assert!(config.is_configurable(StopKind::Billing));
        assert_eq!(config.disposition(StopKind::Billing), Disposition::Ignore);
    }

    #[test]
    fn config_accepts_comments_fractions_and_trailing_commas() {
        let read = with("{ // mine\n \"heartbeat\": {\"graceSeconds\": 0.5,}, }", None);
        assert!(read.problem.is_none(), "{:?}", read.problem);
        assert!((read.config.heartbeat.grace_seconds - 0.5).abs() < 1e-9);
        assert!((read.config.heartbeat.step_seconds - 30.0).abs() < 1e-9);
    }

    #[test]
    fn a_short_grace_is_detected_and_only_two_small_values_count_as_test_settings() {
        for (grace, step, short, of_tests) in [
            (150.0, 30.0, false, false),
            (100.0, 30.0, false, false),
            (99.9, 30.0, true, false),
            (4.9, 4.9, true, true),
            (5.0, 4.9, true, false),
            (4.9, 5.0, true, false),
        ] {
            let heartbeat =
                HeartbeatConfig { grace_seconds: grace, step_seconds: step, ..HeartbeatConfig::default() };
            assert_eq!((heartbeat.is_short(), heartbeat.is_of_tests()), (short, of_tests), "{grace} {step}");
        }
    }

    #[test]
    fn an_invalid_config_names_the_key_and_disables_recovery() {
        for (text, key) in [
            ("{\"heartbeat\":{\"graceSeconds\":\"x\"}}", "heartbeat.graceSeconds"),
            ("{\"heartbeat\":{\"graceSeconds\":-1}}", "heartbeat.graceSeconds"),
            ("{\"heartbeats\":{}}", "heartbeats"),
            ("{\"stops\":{\"nonsense\":\"resume\"}}", "stops.nonsense"),
            ("{\"configDirs\":[\"~/work/.claude\",\"work\"]}", "configDirs"),
            ("{\"notify\":{\"webhook\":\"http://example.com/x\"}}", "notify.webhook"),
            ("{\"notify\":[true]}", "notify"),
            ("{\"state\":[true]}", "state"),
            ("{\"state\":{\"archive\":3}}", "state.archive"),
            ("{\"state\":{\"archives\":1001}}", "state.archives"),
            ("{\"retention\":{\"exportsDays\":\"never\"}}", "retention.exportsDays"),
            ("{\"retention\":{\"pagesDays\":-1}}", "retention.pagesDays"),
            ("{\"retention\":{\"pages\":1}}", "retention.pages"),
            ("{", ""),
        ] {
            let read = with(text, None);
            let problem = read.problem.expect(text);
            assert_eq!(problem.code, Code::ConfigInvalid);
            assert!(problem.message.contains(key), "{text}: {problem}");
            assert!(!read.config.heartbeat.enabled, "{text}");
        }
    }

    #[test]
    fn a_misspelled_config_key_suggests_the_correct_one() {
        for (user, project, key, meant) in [
            ("{\"heartbeat\":{\"graceSecond\":1}}", None, "heartbeat.graceSecond", Some("graceSeconds")),
            ("{\"Retention\":{}}", None, "Retention", Some("retention")),
            ("{\"stops\":{\"overload\":\"ignore\"}}", None, "stops.overload", Some("overloaded")),
            ("{}", Some("{\"graceseconds\":1}"), "graceseconds", Some("graceSeconds")),
            ("{\"xyzzy\":1}", None, "xyzzy", None),
        ] {
            let problem = with(user, project).problem.expect(user);
            assert!(problem.message.starts_with(&format!("{key}: ")), "{problem}");
            let expected = meant.map(|name| format!("did you mean \"{name}\"? "));
            let hint = problem.hint.unwrap();
            assert_eq!(
                hint.split_inclusive("? ").next().filter(|part| part.ends_with("? ")),
                expected.as_deref()
            );
            assert!(hint.ends_with("automatic recovery is off until this is fixed"), "{hint}");
        }
    }

    #[test]
    fn project_config_can_only_restrict_recovery() {
        let hostile = r#"{"enabled":true,"graceSeconds":0,"maxAttempts":99,"stops":{"usage-limit-weekly":"resume","overloaded":"ignore"}}"#;
        let read = with("{}", Some(hostile));
        assert!(read.problem.is_none(), "{:?}", read.problem);
        let plain = with("{}", None).config;
        assert!((read.config.heartbeat.grace_seconds - plain.heartbeat.grace_seconds).abs() < 1e-9);
        assert_eq!(read.config.retry.schedule_minutes, plain.retry.schedule_minutes);
        assert_eq!(read.config.configured(StopKind::UsageLimitWeekly), None);
        assert_eq!(read.config.disposition(StopKind::Overloaded), Disposition::Ignore);
        let off = with("{\"state\":{\"archives\":3}}", Some("{\"state\":false}")).config.state;
        let nothing = States { save: false, archives: 3, startup: false, resume: false, compact: false };
        assert_eq!(off, nothing);
        let on = with("{\"state\":{\"save\":false,\"resume\":false}}", Some("{\"state\":true}")).config.state;
        assert_eq!(on, States { save: false, resume: false, ..States::default() });
        for wider in [
            "{\"notify\":{\"webhook\":\"https://example.com/x\"}}",
            "{\"unattended\":{\"permissionCeiling\":\"bypassPermissions\"}}",
            "{\"launcher\":\"x\"}",
        ] {
            assert!(!with("{}", Some(wider)).config.heartbeat.enabled, "{wider}");
        }
    }
}
