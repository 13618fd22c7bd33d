//! Lists the decisions and actions that the journal records, and checks whether its hash chain is intact.

use super::log_words::log_sentence;
use crate::clock::{parse_rfc3339, since};
use crate::error::Result;
use crate::fs::lossy;
use crate::session::stop::{time, time_or_null};
use crate::store::StateDir;
use crate::store::journal::{self, JournalChain};
use crate::world::World;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::PathBuf;

/// Schema name and version of this object.
const SCHEMA: &str = "cc-session-recover/log@1";

/// Which journal entries `log` returns.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct LogOptions {
    /// Only entries since this time: RFC 3339, a date, or a duration before now, such as
    /// `90m`, `36h`, `2d`, `1w`.
    pub since: Option<String>,
    /// Only entries of sessions whose id starts with this.
    pub session: Option<String>,
    /// Only entries with these events.
    pub events: Vec<String>,
    /// Maximum number of entries; the newest are returned.
    pub limit: Option<usize>,
    /// Whether to verify every line against its predecessor.
    pub verify: bool,
}

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct LogEntry {
    /// Time at which the entry was written.
    #[serde(serialize_with = "time_or_null")]
    pub at: Option<DateTime<Utc>>,
    /// Kind of the event.
    pub event: String,
    /// Id of the session, if the event is about one.
    pub session: Option<String>,
    /// Id of the process that wrote the entry.
    pub pid: Option<u64>,
    /// Description in one sentence.
    pub sentence: String,
    /// All other recorded fields, by name.
    #[cfg_attr(test, ts(type = "Record<string, unknown>"))]
    pub fields: Map<String, Value>,
}

/// Result of `log`, schema `cc-session-recover/log@1`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct LogReport {
    /// Schema name and version of this object.
    #[cfg_attr(test, ts(type = "'cc-session-recover/log@1'"))]
    pub schema: &'static str,
    /// Time when this result was generated, RFC 3339.
    #[serde(serialize_with = "time")]
    pub generated_at: DateTime<Utc>,
    /// Path of the journal.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// Entries within the limit, oldest first.
    pub entries: Vec<LogEntry>,
    /// Number of matching entries, including those beyond the limit.
    pub total: usize,
    /// Result of verifying the chain; `null` unless requested.
    pub chain: Option<JournalChain>,
}

/// Reads the journal.
///
/// # Errors
///
/// Returns [`crate::error::Code::Usage`] for an invalid time, [`crate::error::Code::Io`] when the
/// journal cannot be read.
pub fn log(world: World<'_>, options: &LogOptions) -> Result<LogReport> {
    let now = world.clock.now();
    let since = options.since.as_deref().map(|text| since(text, now)).transpose()?;
    let state = StateDir::new(world.env.state_dir()?);
    let mut entries: Vec<LogEntry> = journal::all(&state)?
        .into_iter()
        .filter_map(|entry| match entry {
            Value::Object(line) => Some(LogEntry::of(line, now)),
            _ => None,
        })
        .filter(|entry| since.is_none_or(|since| entry.at.is_some_and(|at| at >= since)))
        .filter(|entry| options.events.is_empty() || options.events.contains(&entry.event))
        .filter(|entry| {
            let of = |wanted: &str| entry.session.as_deref().is_some_and(|id| id.starts_with(wanted));
            options.session.as_deref().is_none_or(of)
        })
        .collect();
    in_order_of_time(&mut entries);
    let total = entries.len();
    if let Some(limit) = options.limit {
        entries.drain(..total.saturating_sub(limit));
    }
    Ok(LogReport {
        schema: SCHEMA,
        generated_at: now,
        path: state.journal(),
        entries,
        total,
        chain: options.verify.then(|| journal::verify(&state)).transpose()?,
    })
}

/// Sorts by time, because lines of several processes may be slightly out of order. An entry without a time
/// stays behind its predecessor.
fn in_order_of_time(entries: &mut Vec<LogEntry>) {
    let mut last = None;
    let mut keyed: Vec<(Option<DateTime<Utc>>, LogEntry)> = entries
        .drain(..)
        .map(|entry| {
            last = entry.at.or(last);
            (last, entry)
        })
        .collect();
    keyed.sort_by_key(|(at, _)| *at);
    entries.extend(keyed.into_iter().map(|(_, entry)| entry));
}

impl LogEntry {
    fn of(mut line: Map<String, Value>, now: DateTime<Utc>) -> Self {
        let mut text = |name: &str| match line.shift_remove(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        let (at, event) = (text("at").and_then(|at| parse_rfc3339(&at)), text("event").unwrap_or_default());
        let session = text("session");
        let sentence = log_sentence(&event, session.is_some(), &line, now);
        Self {
            at,
            event,
            session,
            sentence,
            pid: line.shift_remove("pid").and_then(|pid| pid.as_u64()),
            fields: line,
        }
    }
}
