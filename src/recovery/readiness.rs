//! Readiness: whether a closed session may be resumed now, decided from facts that were just read.
//!
//! [`judge`] is a pure function; [`Facts::read`] reads. Everything that is not known to be well holds or delays.

use super::config::Config;
use super::fingerprint::Fingerprint;
use super::heartbeat::{Seen, seen};
use super::incident::{Child, Incident, Phase, Run, Transport};
use super::ledger::Ledger;
use crate::claude::home::{ClaudeHome, all_homes};
use crate::claude::process::Processes;
use crate::claude::program::locate;
use crate::claude::transcript::Transcript;
use crate::claude::version::ClientVersion;
use crate::env::Environment;
use crate::error::{Code, Error};
use crate::fs::{own_uid, owner};
use crate::project::enabled::{agreed_fingerprint, unattended};
use crate::session::ending::Liveness;
use crate::session::origin::origin;
use crate::session::owners::{Kind, Owners, SessionOwners, version_of};
use crate::session::summary::{Summary, summarize};
use crate::store::stored::peek;
use chrono::{DateTime, Duration, Utc};
use std::path::{Path, PathBuf};

/// A transcript that was written to within this time may have a writer nobody knows of; shorter when the supervisor is told
/// to look more often.
const QUIET_SECONDS: f64 = 30.0;
/// A process that was just started shows in the table within this time.
const SHOWS: Duration = Duration::seconds(2);

/// How long a transcript must not have been written to.
#[must_use]
pub fn quiet(config: &Config) -> Duration {
    let seconds = config.supervisor.poll_seconds.clamp(0.0, QUIET_SECONDS);
    Duration::from_std(std::time::Duration::from_secs_f64(seconds)).unwrap_or(SHOWS)
}

/// What may happen now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may be resumed.
    Ready,
    /// Not now, perhaps later; and why.
    NotYet(String),
    /// Not without a person; and why.
    Hold(String),
    /// It went on, or was ended, without us.
    Over(Phase, &'static str),
    /// It stopped again since; the newer stop decides.
    StoppedAgain,
}

/// The program to start.
#[derive(Debug, Clone)]
pub struct Program {
    /// Absolute path, then its first arguments.
    pub words: Vec<String>,
    /// Its version, when that is known.
    pub version: Option<ClientVersion>,
}

/// What was read about a session.
#[derive(Debug)]
pub struct Facts {
    /// Every process that has it open, is being started for it, or may have it open without being visible from here.
    pub owners: SessionOwners,
    /// When its transcript was written to last.
    pub modified: Option<DateTime<Utc>>,
    /// What the transcript says.
    pub seen: Seen,
    /// The transcript's end.
    pub summary: Option<Summary>,
    /// A person agreed.
    pub unattended: bool,
    /// A person paused it.
    pub paused: bool,
    /// What decides what runs in the project, and has changed since the stop, or since a person agreed; `None`: neither was
    /// recorded.
    pub changes: Option<Vec<String>>,
    /// The directory of the session, and whether a client started there finds the session by its id.
    pub directory: Option<(PathBuf, bool)>,
    /// The program to start, or why there is none.
    pub program: std::result::Result<Program, String>,
}

/// What reading needs.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    /// Incidents, configuration, clock.
    pub ledger: Ledger<'a>,
    /// Variables.
    pub env: &'a Environment,
    /// Processes of this machine.
    pub processes: &'a dyn Processes,
}

impl Facts {
    /// Reads everything that decides about an incident.
    #[must_use]
    pub fn read(reading: &Reading<'_>, incident: &Incident) -> Self {
        let Reading { ledger, env, processes } = *reading;
        let further: Vec<PathBuf> = ledger.config.config_dirs.iter().map(PathBuf::from).collect();
        let mut homes = all_homes(env, &further);
        if let Some(dir) = &incident.config_dir
            && !homes.iter().any(|home| home.dir() == dir)
        {
            homes.push(ClaudeHome::new(dir.clone()));
        }
        let owners = Owners::look_up(&homes, processes, &incident.session);
        let transcript = Transcript::open(&incident.transcript).ok();
        let summary = transcript.as_ref().map(|transcript| summarize(transcript, Liveness::Gone));
        let modified = transcript.as_ref().and_then(Transcript::modified).map(DateTime::<Utc>::from);
        let project = incident.project.as_deref();
        let newest = summary
            .as_ref()
            .and_then(|summary| summary.cwd.as_deref().map(str::to_owned))
            .or_else(|| incident.cwd.clone());
        let (directory, by_id) = origin(&incident.transcript, newest.as_deref(), incident.cwd.clone());
        let directory = directory.map(PathBuf::from);
        Self {
            owners,
            modified,
            seen: seen(incident, summary.as_ref()),
            summary,
            unattended: project.is_some_and(|project| unattended(ledger.state, project)),
            paused: peek::<super::supervise::Paused>(&ledger.state.paused())
                .ok()
                .flatten()
                .is_some_and(|paused| paused.holds(&incident.session)),
            changes: project.and_then(|project| {
                let before =
                    incident.fingerprint.clone().or_else(|| agreed_fingerprint(ledger.state, project))?;
                Some(Fingerprint::of(project, directory.as_deref()).changes_since(&before))
            }),
            directory: directory.filter(|dir| dir.is_dir()).map(|dir| (dir, by_id)),
            program: program(reading, project, incident.claude_program.as_deref())
                .map_err(|error| error.to_string()),
        }
    }
}

/// The program that a run starts: the user's launcher, else the client. It lies outside the project, belongs to the user or
/// to the system, and nobody else may change it.
fn program(
    reading: &Reading<'_>,
    project: Option<&Path>,
    known: Option<&Path>,
) -> crate::error::Result<Program> {
    let words = if let Some(words) = &reading.ledger.config.unattended.launcher {
        words.clone()
    } else {
        // A service has a short PATH; the program that ran the session will do.
        let known = known.filter(|path| path.is_absolute() && !is_runtime(path));
        let located =
            locate(reading.env, project).or_else(|error| known.map(Path::to_path_buf).ok_or(error))?;
        vec![located.to_string_lossy().into_owned()]
    };
    let words = match reading.ledger.config.unattended.transport {
        Transport::Terminal => [terminal(reading.env, project)?, words].concat(),
        Transport::Print | Transport::Background => words,
    };
    let path = PathBuf::from(words.first().map(String::as_str).unwrap_or_default());
    let refused = |why: &str| Error::new(Code::ClientNotFound, why.to_owned()).at(&path);
    let real = path.canonicalize().map_err(|error| Error::io("start", &path, &error))?;
    if project
        .and_then(|project| project.canonicalize().ok())
        .is_some_and(|project| real.starts_with(project))
    {
        return Err(refused("the program lies in the project"));
    }
    let meta = std::fs::metadata(&real).map_err(|error| Error::io("start", &real, &error))?;
    if !meta.is_file() {
        return Err(refused("is no program"));
    }
    if let (Some(owner), Some(own)) = (owner(&meta), own_uid())
        && owner != 0
        && owner != own
    {
        return Err(refused("the program belongs to another user"));
    }
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o002 != 0 {
        return Err(refused("everybody may change the program"));
    }
    let version = if reading.ledger.config.unattended.launcher.is_some() { None } else { version_of(&real) };
    Ok(Program { words, version })
}

/// Terminals in the order of preference, each with the words after which a command stands.
const TERMINALS: [(&str, &[&str]); 9] = [
    ("x-terminal-emulator", &["-e"]),
    ("gnome-terminal", &["--"]),
    ("konsole", &["-e"]),
    ("xfce4-terminal", &["-x"]),
    ("kitty", &[]),
    ("alacritty", &["-e"]),
    ("foot", &[]),
    ("wezterm", &["start", "--"]),
    ("xterm", &["-e"]),
];

/// A terminal that opens a window on the desktop there is.
fn terminal(env: &Environment, project: Option<&Path>) -> crate::error::Result<Vec<String>> {
    let none = |why: &str| {
        Error::new(Code::ClientNotFound, why.to_owned())
            .hint("set unattended.transport to \"print\" or \"background\"")
    };
    if env.var("DISPLAY").is_none() && env.var("WAYLAND_DISPLAY").is_none() {
        return Err(none("there is no desktop to open a terminal window on"));
    }
    let found = TERMINALS.iter().find_map(|(name, words)| {
        let program = crate::program::find(env, name, project)?;
        let words = words.iter().map(|word| (*word).to_owned());
        Some(std::iter::once(program.to_string_lossy().into_owned()).chain(words).collect())
    });
    found.ok_or_else(|| none("no terminal was found on PATH outside of the project"))
}

/// Runs scripts: which one it ran is not known.
fn is_runtime(path: &Path) -> bool {
    let name = path.file_stem().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    ["node", "nodejs", "bun", "deno", "sh", "bash"].contains(&name.as_str())
}

/// Decides. The order is that of what must never happen: two clients, then what nobody allowed, then what cannot work.
#[must_use]
pub fn judge(facts: &Facts, transport: Transport, quiet: Duration, now: DateTime<Utc>) -> Verdict {
    if let Some(owner) = facts.owners.first() {
        return match (owner.kind, &owner.job) {
            (Kind::Background, Some(job)) => Verdict::Hold(format!(
                "it is open in the background (process {}): claude attach {job} shows it, claude stop {job} ends it",
                owner.pid
            )),
            _ => Verdict::NotYet(owner.has_it_open()),
        };
    }
    if let Some(pid) = facts.owners.started.first() {
        return Verdict::NotYet(format!("process {pid} was started to resume it"));
    }
    if !facts.owners.elsewhere.is_empty() {
        return Verdict::Hold(
            "a client in another process-id space (a container) may have it open, which cannot be checked from here".into(),
        );
    }
    match facts.seen {
        Seen::Same | Seen::Escaped => {}
        Seen::StoppedAgain => return Verdict::StoppedAgain,
        Seen::ContinuedByClient => return Verdict::Over(Phase::Recovered, "Claude Code continued by itself"),
        Seen::MovedOn => return Verdict::Over(Phase::MovedOn, "the session went on without us"),
        Seen::Lost => return Verdict::Hold("its transcript can no longer be read".into()),
    }
    if facts.paused {
        return Verdict::NotYet("it is paused".into());
    }
    if !facts.unattended {
        return Verdict::Hold(
            "nobody agreed that this project goes on without a person (init --unattended)".into(),
        );
    }
    match &facts.changes {
        None => {
            return Verdict::Hold(
                "what decides what runs in the project was not recorded at the stop, so it cannot be compared".into(),
            );
        }
        Some(changes) if !changes.is_empty() => {
            let named = changes.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
            return Verdict::Hold(format!(
                "what decides what runs in the project changed since the stop: {named}"
            ));
        }
        Some(_) => {}
    }
    if let Err(why) = &facts.program {
        return Verdict::Hold(why.clone());
    }
    match &facts.directory {
        None => return Verdict::Hold("its directory does not exist any more".into()),
        Some((_, false)) if transport == Transport::Background => {
            return Verdict::Hold(
                "where it was started is not recorded, so only a print run finds it".into(),
            );
        }
        Some(_) => {}
    }
    if facts.modified.is_none_or(|at| (now - at).abs() < quiet) {
        return Verdict::NotYet("its transcript was written to a moment ago".into());
    }
    Verdict::Ready
}

/// What became of a run whose supervisor is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orphan {
    /// Its process lives, or may just have been started.
    Runs,
    /// It is over.
    Over,
    /// It was never started.
    NeverStarted,
}

/// Looks for the process of a run whose supervisor is gone. One that was written down but has no process yet may have been
/// started a moment ago; within [`SHOWS`] it would show.
#[must_use]
pub fn orphan(run: &Run, facts: &Facts, processes: &dyn Processes, since: Duration) -> Orphan {
    let alive = |child: &Child| child.start.is_some() && processes.start_token(child.pid) == child.start;
    match &run.child {
        Some(child) if alive(child) => Orphan::Runs,
        _ if facts.owners.is_open() => Orphan::Runs,
        Some(_) => Orphan::Over,
        None if since < SHOWS => Orphan::Runs,
        None => Orphan::NeverStarted,
    }
}
