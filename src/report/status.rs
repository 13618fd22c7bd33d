//! The status: what is stopped, what waits until when, what runs, and what each needs next.

use super::session::{Holder, Session, State, of_incident, read};
use crate::claude::home::{ClaudeHome, is_session_id};
use crate::claude::process::Processes;
use crate::claude::registry::{Proof, RegistryRecord, read_records};
use crate::clock::Clock;
use crate::env::Environment;
use crate::error::{Code, Error, Result};
use crate::fs::canonical;
use crate::project::enabled::{Enabled, enclosing, find, user_record_path};
use crate::recovery::config::{Config, in_force};
use crate::recovery::incident::{Incident, Phase, Report};
use crate::recovery::ledger::Ledger;
use crate::recovery::policy::{Action, RecoveryPlan, Terminal, person_needed};
use crate::session::stop::time;
use crate::store::StateDir;
use crate::store::lock::Lock;
use crate::store::stored::peek;
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Name and version of this object's form.
const SCHEMA: &str = "cc-session-recover/status@1";
/// Stops that no hook of ours saw are shown for this long.
const RECENT: Duration = Duration::days(14);

/// What to look at.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct StatusOptions {
    /// Directory of the project; the working directory when it is missing.
    pub project: Option<PathBuf>,
    /// Every project.
    pub all: bool,
}

/// The project that was asked about.
#[derive(Debug, Clone, Serialize)]
pub struct Asked {
    /// Canonical path.
    pub dir: PathBuf,
    /// Hooks of ours work there.
    pub enabled: bool,
}

/// Something that could not be read; the rest of the report stands.
#[derive(Debug, Clone, Serialize)]
pub struct Problem {
    /// What.
    pub path: Option<PathBuf>,
    /// Stable name.
    pub code: &'static str,
    /// What is wrong with it.
    pub message: String,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let message = error.hint.map_or(error.message.clone(), |hint| format!("{}: {hint}", error.message));
        Self { path: error.path, code: error.code.as_str(), message }
    }
}

/// The answer.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusReport {
    /// Name and version of this form.
    pub schema: &'static str,
    /// When.
    #[serde(serialize_with = "time")]
    pub generated_at: DateTime<Utc>,
    /// `None`: all projects.
    pub project: Option<Asked>,
    /// Sessions that are stopped, wait, or run.
    pub sessions: Vec<Session>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// What a status takes from outside.
#[derive(Clone, Copy)]
pub struct Outside<'a> {
    /// Variables and well-known directories.
    pub env: &'a Environment,
    /// Time.
    pub clock: &'a dyn Clock,
    /// Processes of this machine.
    pub processes: &'a dyn Processes,
}

/// Looks.
///
/// # Errors
/// [`Code::ProjectNotFound`] when the directory does not exist, [`Code::StateDirUnknown`].
pub fn status(outside: Outside<'_>, options: &StatusOptions) -> Result<StatusReport> {
    let state = StateDir::new(outside.env.state_dir()?);
    let asked = if options.all { None } else { Some(asked(outside, &state, options)?) };
    let project = asked.as_ref().map(|asked| asked.dir.clone());
    let in_force = in_force(outside.env, project.as_deref());
    let config = in_force.config;
    let mut problems: Vec<Problem> = in_force.problem.into_iter().map(Problem::from).collect();
    let default_home = outside.env.home().map(|home| home.join(".claude"));
    let ledger = Ledger {
        state: &state,
        clock: outside.clock,
        config: &config,
        default_home: default_home.as_deref(),
    };
    let (incidents, unreadable) = ledger.read_all();
    problems.extend(unreadable.into_iter().map(Problem::from));
    let view = View {
        outside,
        state: &state,
        ledger,
        project: project.clone(),
        incidents: incidents.into_iter().map(|incident| (incident.session.clone(), incident)).collect(),
    };
    let mut sessions = Vec::new();
    for home in homes(outside.env, &config) {
        view.read_home(&home, &mut sessions, &mut problems);
    }
    sessions.sort_by_key(Session::rank);
    Ok(StatusReport { schema: SCHEMA, generated_at: outside.clock.now(), project: asked, sessions, problems })
}

fn asked(outside: Outside<'_>, state: &StateDir, options: &StatusOptions) -> Result<Asked> {
    let dir = options.project.clone().unwrap_or_else(|| outside.env.cwd().to_path_buf());
    let dir = canonical(&dir).ok().filter(|dir| dir.is_dir()).ok_or_else(|| {
        Error::new(Code::ProjectNotFound, "is not a directory")
            .at(&dir)
            .hint("name the directory of a project, or use --all")
    })?;
    // Asked for within an enabled project, the project is meant.
    let dir = enclosing(state, outside.env, &dir).unwrap_or(dir);
    let user = outside.env.claude_config_dir().map(|config_dir| user_record_path(state, &config_dir));
    let by_user = user.is_some_and(|path| matches!(peek::<Enabled>(&path), Ok(Some(_))));
    let enabled = by_user || find(state, outside.env, Some(&dir)).is_some();
    Ok(Asked { dir, enabled })
}

/// Configuration directories that are looked at.
fn homes(env: &Environment, config: &Config) -> Vec<ClaudeHome> {
    let configured = config.config_dirs.iter().map(PathBuf::from).filter(|dir| dir.is_absolute());
    let default = env.home().map(|home| home.join(".claude"));
    let mut dirs: Vec<PathBuf> =
        env.claude_config_dir().into_iter().chain(default).chain(configured).collect();
    let mut seen = std::collections::BTreeSet::new();
    dirs.retain(|dir| dir.is_dir() && seen.insert(dir.canonicalize().unwrap_or_else(|_| dir.clone())));
    dirs.into_iter().map(ClaudeHome::new).collect()
}

struct View<'a> {
    outside: Outside<'a>,
    state: &'a StateDir,
    ledger: Ledger<'a>,
    project: Option<PathBuf>,
    incidents: BTreeMap<String, Incident>,
}

impl View<'_> {
    fn read_home(&self, home: &ClaudeHome, sessions: &mut Vec<Session>, problems: &mut Vec<Problem>) {
        let live: BTreeMap<String, RegistryRecord> = read_records(home)
            .into_iter()
            .filter(|record| record.proof(self.outside.processes) == Proof::Live)
            .map(|record| (record.session_id.clone(), record))
            .collect();
        for path in self.transcripts(home, problems) {
            let Some(id) = path.file_stem().and_then(std::ffi::OsStr::to_str) else { continue };
            let holder = live.get(id);
            match read(&path, Some(home.dir()), holder.map_or(Holder::Gone, Holder::Live)) {
                Ok((session, _)) => sessions.extend(self.judged(session)),
                Err(error) => {
                    problems.push(error.into());
                    let known = self.incidents.get(id).filter(|incident| !incident.phase.is_over());
                    sessions.extend(known.and_then(|incident| self.judged(of_incident(incident, holder))));
                }
            }
        }
    }

    /// Transcripts of the project, or of all.
    fn transcripts(&self, home: &ClaudeHome, problems: &mut Vec<Problem>) -> Vec<PathBuf> {
        let mut dirs = match &self.project {
            Some(project) => vec![home.project(project)],
            None => entries(&home.projects(), problems),
        };
        // A session that was resumed elsewhere, or whose project has moved, is found by its incident.
        let of_incidents = self
            .incidents
            .values()
            .filter(|incident| self.project.is_none() || incident.project == self.project)
            .map(|incident| incident.transcript.clone())
            .filter(|path| path.starts_with(home.projects()));
        dirs.sort();
        let mut paths: Vec<PathBuf> = dirs
            .iter()
            .flat_map(|dir| entries(dir, problems))
            .filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"))
            .filter(|path| path.file_stem().and_then(std::ffi::OsStr::to_str).is_some_and(is_session_id))
            .chain(of_incidents)
            .collect();
        paths.sort();
        paths.dedup();
        paths
    }

    /// The session with its incident and what happens next; `None` when there is nothing to tell about it.
    fn judged(&self, mut session: Session) -> Option<Session> {
        let own = self.outside.env.text("CLAUDE_CODE_SESSION_ID") == Some(&session.id);
        if own && session.state == State::Active {
            session.state = State::Current;
        }
        let incident = self.incidents.get(&session.id).filter(|incident| !incident.phase.is_over());
        let live = session.live.is_some();
        if let Some(incident) = incident {
            session.next = self.next_of(incident, live);
            session.project.dir.clone_from(&incident.project);
            session.incident = Some(incident.clone());
        } else {
            let age = session.last_activity_at.map(|at| self.outside.clock.now() - at);
            let recent = age.is_some_and(|age| age < RECENT);
            let unfinished = session.stop.kind.is_unfinished();
            if !(live || unfinished && recent) {
                return None;
            }
            if unfinished {
                session.next = self.next_without_incident(&session, live);
            }
        }
        if session.project.dir.is_none() {
            let cwd = session.project.cwd.as_deref().map(Path::new);
            session.project.dir = cwd.and_then(|cwd| enclosing(self.state, self.outside.env, cwd));
        }
        Some(session)
    }

    /// What happens next by what is true now, not by what was planned at the stop.
    fn next_of(&self, incident: &Incident, live: bool) -> RecoveryPlan {
        if !incident.phase.is_active() {
            return incident.plan.clone();
        }
        if !live {
            return self.ledger.decision(incident, Terminal::Closed).plan;
        }
        if incident.phase == Phase::Attempting {
            return RecoveryPlan::nothing("told to go on; a finished turn has not been seen yet");
        }
        // The waiter holds its lease for as long as it lives.
        let waited_for = Lock::is_held(&self.state.waiter_lease(&incident.session));
        if incident.plan.action == Action::Wake && !waited_for && incident.phase == Phase::Waiting {
            let why = "the waiting hook is gone: say \"continue\" in the session";
            return RecoveryPlan { action: Action::Notify, why: why.into(), ..incident.plan.clone() };
        }
        incident.plan.clone()
    }

    fn next_without_incident(&self, session: &Session, live: bool) -> RecoveryPlan {
        let report = Report {
            session: session.id.clone(),
            project: None,
            config_dir: session.config_dir.clone(),
            transcript: session.transcript.clone(),
            stop: session.stop.clone(),
            cwd: session.project.cwd.clone(),
            entrypoint: None,
            claude_pid: None,
            claude_start: None,
        };
        let supposed = Incident::open(report, self.outside.clock.now());
        let plan = self.ledger.decision(&supposed, Terminal::Closed).plan;
        if live && person_needed(session.stop.kind).is_none() {
            let why = "no hook of ours saw this stop: say \"continue\" in the session".into();
            return RecoveryPlan { action: Action::Notify, why, ..plan };
        }
        plan
    }
}

fn entries(dir: &Path, problems: &mut Vec<Problem>) -> Vec<PathBuf> {
    match std::fs::read_dir(dir) {
        Ok(entries) => entries.filter_map(std::result::Result::ok).map(|entry| entry.path()).collect(),
        Err(error)
            if error.kind() == std::io::ErrorKind::NotFound
                || error.kind() == std::io::ErrorKind::NotADirectory =>
        {
            Vec::new()
        }
        Err(error) => {
            problems.push(Error::io("read the directory", dir, &error).into());
            Vec::new()
        }
    }
}
