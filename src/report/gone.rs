//! Lists the sessions whose transcript is gone but that some other file still mentions, and what remains of
//! each.

use super::inventory::{Inventory, ReportContext};
use super::recall::RecalledPrompt;
use super::status::asked;
use crate::claude::home::{ClaudeHome, begins, is_session_id};
use crate::claude::transcript::{Backwards, Transcript};
use crate::clock::from_epoch_millis;
use crate::error::Result;
use crate::fs::lossy_or_null;
use crate::keep::{kept_of, kept_register, whole_transcript};
use crate::session::files::{entries, project_directories};
use crate::session::scan::{self, Found};
use crate::session::stop::time_or_null;
use crate::text::one_line;
use crate::world::World;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Maximum length of a prompt, in characters.
const LONGEST: usize = 400;
/// Number of latest prompts per session.
const LATEST: usize = 3;
/// Size limit of `.claude.json`, in bytes.
const LARGEST: u64 = 16 * 1024 * 1024;

/// Source of information about a session without a transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum GoneSource {
    Kept,
    /// The client's history of typed prompts.
    History,
    /// A client directory named after the session.
    Directory,
    /// The newest session of a project, according to the client's `.claude.json`.
    LastSession,
    /// An incident, a snapshot or a record of this program.
    Record,
}

/// How much of a session without a transcript is still readable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum GoneLeft {
    /// The conversation is kept, and `restore` restores the session.
    Conversation,
    /// Only prompts that were typed into the session remain.
    Prompts,
    Nothing,
}

/// Size of the kept copy of a session that Claude Code deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct KeptAmount {
    /// Number of files that are kept.
    pub files: usize,
    /// Size of the conversation, in bytes.
    pub bytes: u64,
    /// Disk space of all kept files, in bytes.
    pub disk_bytes: u64,
}

/// A session whose transcript is gone.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct GoneSession {
    /// Id of the session, a UUID.
    pub id: String,
    /// Name that the user gave; only for a kept session.
    pub name: Option<String>,
    /// Title of the session; only for a kept session.
    pub title: Option<String>,
    /// Directory in which the session was started or last worked.
    #[serde(serialize_with = "lossy_or_null")]
    pub project: Option<PathBuf>,
    /// Earliest known time of the session.
    #[serde(serialize_with = "time_or_null")]
    pub first_at: Option<DateTime<Utc>>,
    /// Latest known time of the session.
    #[serde(serialize_with = "time_or_null")]
    pub last_at: Option<DateTime<Utc>>,
    /// Number of prompts typed into the session that the client's history still contains.
    pub typed: usize,
    /// The first prompt and the latest ones, oldest first.
    pub prompts: Vec<RecalledPrompt>,
    /// `kept`: its files are kept. `history`: the client's history of typed prompts. `directory`: a
    /// client directory named after the session. `last-session`: the client's `.claude.json`. `record`: a
    /// record of this program.
    pub known_from: BTreeSet<GoneSource>,
    /// What can still be read. `conversation`: the whole conversation, which `restore` restores. `prompts`:
    /// only typed prompts. `nothing`: nothing.
    pub left: GoneLeft,
    /// Size of the kept copy; `null` if nothing is left to resume.
    pub kept: Option<KeptAmount>,
    /// Command that restores the session.
    pub restore: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TypedLine {
    #[serde(default)]
    pub display: String,
    pub timestamp: Option<i64>,
    pub project: Option<String>,
    pub session_id: Option<String>,
}

#[derive(Deserialize)]
struct ClientFile {
    #[serde(default)]
    projects: BTreeMap<String, ClientProject>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientProject {
    last_session_id: Option<serde_json::Value>,
}

/// Returns the gone sessions of a project, or of all projects. Reads no transcript, so it is
/// cheaper than `list --gone`.
///
/// # Errors
///
/// Returns [`crate::error::Code::ProjectNotFound`] when the directory
/// does not exist, [`crate::error::Code::StateDirUnknown`].
pub fn read_gone(world: World<'_>, project: Option<&Path>) -> Result<Vec<GoneSession>> {
    let project = project.map(|dir| asked(world, dir)).transpose()?.map(|asked| asked.dir);
    let ground = ReportContext::read(world, project.as_deref())?;
    Ok(gone_sessions(&Inventory::open(&ground), project.as_deref()))
}

/// Returns every known session without a transcript, of a project or of all, latest first. Skips open
/// sessions, which may not have a transcript yet.
#[must_use]
pub fn gone_sessions(inventory: &Inventory<'_>, project: Option<&Path>) -> Vec<GoneSession> {
    let mut register = Register::default();
    let found = scan::find(&project_directories(&inventory.homes, &mut Vec::new())).found;
    register.present.extend(found.iter().map(|one: &Found| one.id().to_owned()));
    register.present.extend(inventory.owners.open_sessions().map(str::to_owned));
    register.add_kept(inventory);
    for home in &inventory.homes {
        register.add_history(home);
        register.add_directories(home);
    }
    register.add_last_sessions(inventory);
    register.add_records(inventory);
    let gone = register.gone.into_values();
    let mut sessions: Vec<GoneSession> =
        gone.filter(|one| project.is_none_or(|project| one.is_of(project))).collect();
    for session in &mut sessions {
        session.left = match (&session.kept, session.typed) {
            (Some(_), _) => GoneLeft::Conversation,
            (None, 1..) => GoneLeft::Prompts,
            (None, 0) => GoneLeft::Nothing,
        };
    }
    sessions.sort_by(|one, other| (other.last_at, &one.id).cmp(&(one.last_at, &other.id)));
    sessions
}

/// Returns the gone session whose id starts with a prefix, if there is exactly one.
#[must_use]
pub fn gone_session(inventory: &Inventory<'_>, name: &str) -> Option<GoneSession> {
    let mut found = gone_sessions(inventory, None).into_iter().filter(|one| begins(&one.id, name));
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

#[derive(Default)]
struct Register {
    /// Sessions that have a transcript or are open.
    present: BTreeSet<String>,
    gone: BTreeMap<String, GoneSession>,
}

impl Register {
    fn entry(&mut self, id: &str, source: GoneSource) -> Option<&mut GoneSession> {
        if !is_session_id(id) || self.present.contains(id) {
            return None;
        }
        let session = self.gone.entry(id.to_owned()).or_insert_with(|| GoneSession {
            id: id.to_owned(),
            name: None,
            title: None,
            project: None,
            first_at: None,
            last_at: None,
            typed: 0,
            prompts: Vec::new(),
            known_from: BTreeSet::new(),
            left: GoneLeft::Nothing,
            kept: None,
            restore: None,
        });
        session.known_from.insert(source);
        Some(session)
    }

    fn add_kept(&mut self, inventory: &Inventory<'_>) {
        let state = inventory.state_directory();
        for kept in kept_register(state, &mut Vec::new()) {
            let Some(session) = self.entry(&kept.session, GoneSource::Kept) else { continue };
            let whole = || {
                let described = kept_of(state, &kept.session).ok().flatten();
                described.map_or(0, |kept| whole_transcript(state, &kept).iter().map(|file| file.bytes).sum())
            };
            let bytes = kept.conversation().unwrap_or_else(whole);
            (session.name, session.title) = kept.names(state);
            session.project = kept.cwd.map(PathBuf::from);
            session.last_at = Some(kept.updated_at);
            session.first_at = kept.first_at;
            session.kept = Some(KeptAmount { files: kept.files, bytes, disk_bytes: kept.own_bytes });
            session.restore =
                Some(["cc-session-recover", "restore", &kept.session].map(str::to_owned).to_vec());
        }
    }

    fn add_history(&mut self, home: &ClaudeHome) {
        let path = home.dir().join("history.jsonl");
        let Ok(history) = Transcript::open(&path) else { return };
        let mut lines = Backwards::default();
        lines.begin(history.bytes());
        while let Some((_, line)) = lines.next(history.file()) {
            let Ok(typed) = serde_json::from_slice::<TypedLine>(line) else { continue };
            let Some(id) = &typed.session_id else { continue };
            let at = typed.timestamp.and_then(from_epoch_millis);
            let Some(session) = self.entry(id, GoneSource::History) else { continue };
            session.typed += 1;
            session.first_at = [session.first_at, at].into_iter().flatten().min();
            session.last_at = [session.last_at, at].into_iter().flatten().max();
            if session.project.is_none() {
                session.project = typed.project.map(PathBuf::from);
            }
            // The newest come first. Of the older ones only the last that is read, which is the first that
            // was typed, is retained.
            let prompt = RecalledPrompt { text: one_line(&typed.display, LONGEST), at };
            if session.prompts.len() > LATEST {
                session.prompts[0] = prompt;
            } else {
                session.prompts.insert(0, prompt);
            }
        }
    }

    fn add_directories(&mut self, home: &ClaudeHome) {
        let places = ["session-env", "tasks", "file-history"].map(|name| home.dir().join(name));
        let projects = project_directories(std::slice::from_ref(home), &mut Vec::new());
        for dir in places.into_iter().chain(projects.into_iter().map(|project| project.path)) {
            for entry in entries(&dir, &mut Vec::new()) {
                let name = entry.file_name();
                let Some(id) = name.to_str().filter(|id| is_session_id(id)) else { continue };
                let written =
                    entry.metadata().and_then(|meta| meta.modified()).ok().map(DateTime::<Utc>::from);
                let Some(session) = self.entry(id, GoneSource::Directory) else { continue };
                session.last_at = session.last_at.or(written);
            }
        }
    }

    fn add_last_sessions(&mut self, inventory: &Inventory<'_>) {
        let beside =
            inventory.homes.iter().filter_map(|home| Some(home.dir().parent()?.join(".claude.json")));
        let own = inventory.homes.iter().map(|home| home.dir().join(".claude.json"));
        for path in beside.chain(own) {
            let Ok(Some(bytes)) = crate::fs::read_small(&path, LARGEST) else { continue };
            let Ok(file) = serde_json::from_slice::<ClientFile>(&bytes) else { continue };
            for (dir, project) in file.projects {
                let Some(serde_json::Value::String(id)) = project.last_session_id else { continue };
                if let Some(session) = self.entry(&id, GoneSource::LastSession) {
                    session.project.get_or_insert_with(|| PathBuf::from(dir));
                }
            }
        }
    }

    fn add_records(&mut self, inventory: &Inventory<'_>) {
        for incident in inventory.incidents.values() {
            if let Some(session) = self.entry(&incident.session, GoneSource::Record) {
                session.last_at = session.last_at.or(incident.stop.at);
                if session.project.is_none() {
                    session.project.clone_from(&incident.project);
                }
            }
        }
        let state = inventory.state_directory();
        for dir in [state.all_snapshots(), state.sessions()] {
            for entry in entries(&dir, &mut Vec::new()) {
                let name = entry.file_name();
                let Some(id) = name.to_str() else { continue };
                let written =
                    entry.metadata().and_then(|meta| meta.modified()).ok().map(DateTime::<Utc>::from);
                if let Some(session) = self.entry(id, GoneSource::Record) {
                    session.last_at = session.last_at.or(written);
                }
            }
        }
    }
}

impl GoneSession {
    /// Returns whether the session ran in the project or below it.
    #[must_use]
    pub fn is_of(&self, project: &Path) -> bool {
        self.project.as_deref().is_some_and(|dir| dir.starts_with(project))
    }

    /// Describes what remains of the session, as one sentence without a full stop.
    #[must_use]
    pub fn words(&self) -> String {
        let day = |at: DateTime<Utc>| at.format("%Y-%m-%d").to_string();
        let place = self.project.as_ref().map(|project| format!("; it ran in {}", project.display()));
        let time = match (self.first_at.map(day), self.last_at.map(day)) {
            (Some(first), Some(last)) if first != last => format!(" from {first} to {last}"),
            (_, Some(last)) => format!(" on {last}"),
            (_, None) => String::new(),
        };
        let typed = match self.typed {
            0 => String::new(),
            1 => "; one prompt was typed in it".to_owned(),
            count => format!("; {count} prompts were typed in it"),
        };
        let time = if place.is_some() { time } else { String::new() };
        place.unwrap_or_default() + &time + &typed
    }
}
