//! The report of one session: the same object in every verb, `cc-session-recover/session@1`.

use crate::claude::registry::RegistryRecord;
use crate::claude::transcript::Transcript;
use crate::clock::rfc3339;
use crate::error::{Code, Error, Result};
use crate::recovery::incident::Incident;
use crate::recovery::policy::{Action, RecoveryPlan};
use crate::session::ending::Liveness;
use crate::session::stop::time_or_null;
use crate::session::summary::{Summary, summarize};
use crate::session::{Stop, StopKind};
use crate::text::one_line;
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Name and version of this object's form.
pub const SCHEMA: &str = "cc-session-recover/session@1";

/// Whether a session lives, and whether its work is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// The caller's own.
    Current,
    /// A process holds it.
    Active,
    /// No process, and its work is unfinished.
    Orphaned,
    /// No process, and its last turn ended.
    Completed,
}

/// Where a session belongs.
#[derive(Debug, Clone, Serialize)]
pub struct Project {
    /// The enabled project, if it is in one.
    pub dir: Option<PathBuf>,
    /// Working directory of its newest message.
    pub cwd: Option<String>,
}

/// The process that holds it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Live {
    /// Process id, proved by its start time.
    pub pid: u32,
    /// Terminal, when it is known.
    pub tty: Option<String>,
    /// When it was started.
    #[serde(serialize_with = "time_or_null")]
    pub started_at: Option<DateTime<Utc>>,
    /// The client's own word.
    pub status: Option<String>,
    /// What it waits for.
    pub waiting_for: Option<String>,
}

/// Tokens of the newest real answer.
#[derive(Debug, Clone, Serialize)]
pub struct Context {
    /// Tokens it had to read.
    pub tokens: u64,
    /// Size of the model's window, when it is known.
    pub window: Option<u64>,
    /// Share of the window, when it is known.
    pub percent: Option<f64>,
    /// What follows from that.
    pub advice: Option<String>,
}

/// One session.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// Session id.
    pub id: String,
    /// Name a person gave.
    pub name: Option<String>,
    /// Title.
    pub title: Option<String>,
    /// Where it belongs.
    pub project: Project,
    /// Claude Code's configuration directory.
    pub config_dir: Option<PathBuf>,
    /// Transcript file.
    pub transcript: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Whether it lives.
    pub state: State,
    /// `busy`, `idle`, `waiting`.
    pub activity: Option<String>,
    /// How it stopped.
    pub stop: Stop,
    /// The process that holds it.
    pub live: Option<Live>,
    /// Time of its first record.
    #[serde(serialize_with = "time_or_null")]
    pub started_at: Option<DateTime<Utc>>,
    /// Time of its newest message.
    #[serde(serialize_with = "time_or_null")]
    pub last_activity_at: Option<DateTime<Utc>>,
    /// Its newest prompt.
    pub last_prompt: Option<String>,
    /// Number of turns, when it was counted.
    pub turns: Option<u64>,
    /// Size of its context.
    pub context: Option<Context>,
    /// Model of its newest answer.
    pub model: Option<String>,
    /// Permission mode.
    pub permission_mode: Option<String>,
    /// Git branch.
    pub git_branch: Option<String>,
    /// Version of the client.
    pub client_version: Option<String>,
    /// The stop that is being looked after.
    pub incident: Option<Incident>,
    /// What happens next.
    pub next: RecoveryPlan,
}

/// What is known about the process of a session.
#[derive(Debug, Clone, Copy)]
pub enum Holder<'a> {
    /// This one holds it.
    Live(&'a RegistryRecord),
    /// One with this status holds it; nothing else is known.
    Said(Option<&'a str>),
    /// None.
    Gone,
    /// Nobody looked.
    Unknown,
}

/// Reads one transcript into a report.
///
/// # Errors
/// [`Code::TranscriptUnreadable`] when the name is no session's; those of opening the file.
pub fn read(path: &Path, config_dir: Option<&Path>, holder: Holder<'_>) -> Result<(Session, Summary)> {
    let id = path
        .file_stem()
        .and_then(std::ffi::OsStr::to_str)
        .ok_or_else(|| Error::new(Code::TranscriptUnreadable, "has no readable name").at(path))?;
    let transcript = Transcript::open(path)?;
    let (liveness, live) = match holder {
        Holder::Live(record) => (Liveness::Live(record.status.as_deref()), Some(live_of(record))),
        Holder::Said(status) => (Liveness::Live(status), None),
        Holder::Gone => (Liveness::Gone, None),
        Holder::Unknown => (Liveness::Unknown, None),
    };
    let summary = summarize(&transcript, liveness);
    let is_live = matches!(liveness, Liveness::Live(_));
    let done = matches!(summary.stop.kind, StopKind::Finished | StopKind::Empty | StopKind::Interrupted);
    let named = match holder {
        Holder::Live(record) if record.name_source.as_deref() == Some("user") => record.name.clone(),
        _ => None,
    };
    let session = Session {
        schema: SCHEMA,
        id: id.to_owned(),
        name: summary.name.clone().or(named.map(|name| one_line(&name, 200))),
        title: summary.title.clone(),
        project: Project { dir: None, cwd: summary.cwd.clone() },
        config_dir: config_dir.map(Path::to_path_buf),
        transcript: path.to_path_buf(),
        bytes: summary.bytes,
        state: match (is_live, done) {
            (true, _) => State::Active,
            (false, true) => State::Completed,
            (false, false) => State::Orphaned,
        },
        activity: match liveness {
            Liveness::Live(status) => {
                status.filter(|word| ["busy", "idle", "waiting"].contains(word)).map(str::to_owned)
            }
            _ => None,
        },
        stop: summary.stop.clone(),
        live,
        started_at: summary.started_at,
        last_activity_at: summary.last_activity,
        last_prompt: summary.last_prompt.clone(),
        turns: None,
        context: summary.context_tokens.map(|tokens| Context {
            tokens,
            window: None,
            percent: None,
            advice: None,
        }),
        model: summary.model.clone(),
        permission_mode: summary.permission_mode.clone(),
        git_branch: summary.branch.clone(),
        client_version: summary.version.map(|version| version.to_string()),
        incident: None,
        next: RecoveryPlan::nothing("nothing is owed"),
    };
    Ok((session, summary))
}

/// What an incident alone tells, when the transcript cannot be read any more.
#[must_use]
pub fn of_incident(incident: &Incident, holder: Option<&RegistryRecord>) -> Session {
    Session {
        schema: SCHEMA,
        id: incident.session.clone(),
        name: None,
        title: None,
        project: Project { dir: incident.project.clone(), cwd: incident.cwd.clone() },
        config_dir: incident.config_dir.clone(),
        transcript: incident.transcript.clone(),
        bytes: 0,
        state: if holder.is_some() { State::Active } else { State::Orphaned },
        activity: None,
        stop: incident.stop.clone(),
        live: holder.map(live_of),
        started_at: None,
        last_activity_at: incident.stop.at,
        last_prompt: None,
        turns: None,
        context: None,
        model: incident.model.clone(),
        permission_mode: incident.permission_mode.clone(),
        git_branch: None,
        client_version: incident.client_version.clone(),
        incident: None,
        next: RecoveryPlan::nothing("nothing is owed"),
    }
}

fn live_of(record: &RegistryRecord) -> Live {
    Live {
        pid: record.pid,
        tty: None,
        started_at: record.started_at.and_then(DateTime::from_timestamp_millis),
        status: record.status.clone(),
        waiting_for: record.waiting_for.clone(),
    }
}

impl Session {
    /// Sort key: what still happens by itself, then what needs a person, then what runs; the newest first in each.
    #[must_use]
    pub fn rank(&self) -> (u8, std::cmp::Reverse<String>) {
        let group = match self.next.action {
            Action::Wake | Action::Client => 0,
            Action::Resume | Action::Notify => 1,
            Action::None if self.live.is_some() => 2,
            Action::None => 3,
        };
        (group, std::cmp::Reverse(self.last_activity_at.map(rfc3339).unwrap_or_default()))
    }
}
