//! Decides whether a closed session may be resumed now, from facts that were just read.
//!
//! [`judge`] is a pure function; [`ReadinessFacts::read`] reads the facts. Any fact that is not known to be
//! safe blocks or delays the run.

use super::heartbeat::{TranscriptChange, is_offline, seen};
use super::incident::{Incident, Phase, Run, StartedProcess};
use super::launch::ATTEMPT;
use super::ledger::Ledger;
use super::paused::Paused;
use super::reason::Reason;
use super::siblings;
use crate::claude::home::{ClaudeHome, all_homes};
use crate::claude::process::Processes;
use crate::claude::program::locate;
use crate::claude::transcript::Transcript;
use crate::claude::version::ClientVersion;
use crate::config::{Config, Transport};
use crate::env::Environment;
use crate::error::{Code, Error};
use crate::fs::{own_uid, owner};
use crate::session::ending::Liveness;
use crate::session::origin::origin;
use crate::session::owners::{ClientMode, Owners, SessionOwners, has_it_open, version_of};
use crate::session::summary::{Summary, summarize};
use crate::store::StateDir;
use crate::store::stored::peek;
use crate::trust::account::{
    AccountDifference, AccountFit, Provenance, Salt, SettingsPlace, describe_differences, fit_unrecorded,
};
use crate::trust::enabled::{agreed_fingerprint, unattended};
use crate::trust::fingerprint::{Fingerprint, config_dir_of};
use crate::trust::registration::Registration;
use crate::trust::started::StartedWith;
use chrono::{DateTime, Duration, Utc};
use std::fmt;
use std::path::{Path, PathBuf};

/// Time since the last write within which a transcript may still have an unknown writer. The time is shorter
/// if the supervisor is configured to poll more often.
const QUIET_SECONDS: f64 = 30.0;
/// Maximum number of changed files that a message lists.
const MOST_NAMED: usize = 5;
/// Time within which a new process appears in the process table.
const SHOWS: Duration = Duration::seconds(2);

/// How long a transcript must have been unmodified.
#[must_use]
pub fn quiet(config: &Config) -> Duration {
    let seconds = config.supervisor.poll_seconds.clamp(0.0, QUIET_SECONDS);
    Duration::from_std(std::time::Duration::from_secs_f64(seconds)).unwrap_or(SHOWS)
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadinessVerdict {
    Ready,
    /// The session must not be resumed now, but may be resumed later.
    NotYet(DelayReason),
    /// The session must not be resumed until the user acts.
    Hold(HoldReason),
    /// The session has continued without us.
    Over(ContinuedWithoutUs),
    /// The session has stopped again since, and the newer stop decides.
    StoppedAgain,
}

/// Why a session is not resumed now. Only [`fmt::Display`] produces its sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DelayReason {
    /// A client has the session open.
    Open {
        pid: u32,
        tty: Option<String>,
    },
    /// The command line of a process contains the session.
    BeingResumed {
        pid: u32,
    },
    Paused,
    NoRoute,
    SwitchedOff,
    /// The transcript was written to during the quiet time.
    WrittenLately,
    TreeBusy {
        pid: u32,
    },
    /// Another process owns the run lease.
    LeaseHeld,
    NoIncident,
    /// The planned time has not come, or no run is planned.
    NotDue,
    AccountBusy,
    /// The incident changed between the check and the start.
    Changed,
    NightlyCap,
    /// An earlier run of the session is still active.
    RunUnderWay,
    /// The supervisor is being closed, or the caller of the run aborted it.
    Aborted,
}

impl fmt::Display for DelayReason {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { pid, tty } => to.write_str(&has_it_open(*pid, tty.as_deref())),
            Self::BeingResumed { pid } => write!(to, "process {pid} was started to resume it"),
            Self::Paused => to.write_str("it is paused"),
            Self::NoRoute => to.write_str("the machine is offline"),
            Self::SwitchedOff => to.write_str("recovery is switched off (enabled: false)"),
            Self::WrittenLately => to.write_str("its transcript was written to a moment ago"),
            Self::TreeBusy { pid } => {
                write!(to, "another session works in the same working tree (process {pid})")
            }
            Self::LeaseHeld => to.write_str("another process is resuming it"),
            Self::NoIncident => to.write_str("no stop of the session is recorded"),
            Self::NotDue => to.write_str("it is not due"),
            Self::AccountBusy => to.write_str("another session of the account is being resumed"),
            Self::Changed => to.write_str("its incident changed during the check"),
            Self::NightlyCap => to.write_str("nightlyCap is reached"),
            Self::RunUnderWay => to.write_str("an unattended run of the session is in progress"),
            Self::Aborted => to.write_str("it was aborted"),
        }
    }
}

/// Why a session is left to the user. Only [`fmt::Display`] produces its sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldReason {
    /// A worker of Claude Code's daemon has the session open and will not close it.
    InBackground { pid: u32, job: String },
    /// A client in another process-id namespace may have the session open.
    Elsewhere,
    /// The transcript can no longer be read.
    TranscriptLost,
    /// According to the transcript, the conversation continued in another session.
    ContinuedIn { session: String },
    /// The user has not allowed unattended runs in the project.
    NotAllowed,
    /// The fingerprint of the project was not recorded at the stop.
    NoFingerprint,
    /// A file or setting that determines what runs in the project has changed.
    ProjectChanged { changes: Vec<String> },
    /// The user started another session in the project after the stop, and that session did work in the
    /// project.
    WorkedOnSince { session: String },
    /// No program is available to start.
    NoProgram { why: String },
    /// The session's directory no longer exists.
    DirectoryGone { dir: Option<PathBuf> },
    /// The run would not have every option of the session's client.
    OptionsLost { names: Vec<String> },
    /// A file named on its client's command line has changed.
    FilesChanged { files: Vec<String> },
    /// This process would reach another provider or account.
    OtherAccount { differences: Vec<AccountDifference> },
    /// The session's original directory is not recorded, so only a print run can find the session.
    OriginUnknown,
}

impl HoldReason {
    /// Returns the reason for the plan; `sentence` is its text.
    #[must_use]
    pub fn reason<'a>(&'a self, sentence: &'a str) -> Reason<'a> {
        match self {
            Self::DirectoryGone { dir } => Reason::DirectoryGone(dir.as_deref()),
            Self::OtherAccount { .. } => Reason::OtherAccount(sentence),
            _ => Reason::NotReady(sentence),
        }
    }
}

impl fmt::Display for HoldReason {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InBackground { pid, job } => write!(
                to,
                "it is open in the background (process {pid}): claude attach {job} shows it, claude stop {job} ends it"
            ),
            Self::Elsewhere => to.write_str(
                "a client in another process-id namespace (a container) may have it open, which cannot be checked from here",
            ),
            Self::TranscriptLost => to.write_str("its transcript can no longer be read"),
            Self::ContinuedIn { session } => write!(to, "the conversation continued in session {session}"),
            Self::NotAllowed => {
                to.write_str("unattended runs are not allowed in this project (init --unattended allows them)")
            }
            Self::NoFingerprint => to.write_str(
                "the project's fingerprint was not recorded at the stop, so changes cannot be detected",
            ),
            Self::ProjectChanged { changes } => {
                let named = changes.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
                write!(to, "settings or files that control what runs in the project changed since the stop: {named}")
            }
            Self::WorkedOnSince { session } => write!(
                to,
                "session {session} was started in the project after the stop and did work there: compare before you resume this one"
            ),
            Self::NoProgram { why } => to.write_str(why),
            Self::DirectoryGone { dir } => {
                to.write_str(&Reason::DirectoryGone(dir.as_deref()).code_and_sentence().1)
            }
            Self::OptionsLost { names } => {
                write!(to, "a run cannot use all options of its client: {}", names.join(", "))
            }
            Self::FilesChanged { files } => {
                let named = files.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
                write!(to, "a file named on its client's command line has changed: {named}")
            }
            Self::OtherAccount { differences } => to.write_str(&describe_differences(differences)),
            Self::OriginUnknown => {
                to.write_str("its original directory is not recorded, so only a print run can find it")
            }
        }
    }
}

/// How the work of a session continued without us. Only [`fmt::Display`] produces its sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContinuedWithoutUs {
    ContinuedByClient,
    MovedOn,
    /// A later one-shot session in the same directory was given the same prompt.
    PromptRepeated {
        session: String,
    },
}

impl ContinuedWithoutUs {
    /// Returns the phase that the incident enters.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        match self {
            Self::ContinuedByClient => Phase::Recovered,
            Self::MovedOn => Phase::MovedOn,
            Self::PromptRepeated { .. } => Phase::Superseded,
        }
    }

    /// Returns the reason for the plan that remains.
    #[must_use]
    pub fn reason(&self) -> Reason<'_> {
        match self {
            Self::ContinuedByClient | Self::MovedOn => Reason::SessionContinued,
            Self::PromptRepeated { session } => Reason::PromptRepeated { session },
        }
    }
}

impl fmt::Display for ContinuedWithoutUs {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ContinuedByClient => to.write_str("Claude Code continued by itself"),
            Self::MovedOn => to.write_str("the session continued without this tool"),
            Self::PromptRepeated { session } => {
                write!(to, "session {session} received the same prompt later")
            }
        }
    }
}

#[derive(Debug, Clone)]
pub struct Program {
    /// Absolute path of the program, followed by its first arguments.
    pub words: Vec<String>,
    pub version: Option<ClientVersion>,
}

/// Facts that were read about a session.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, read one by one")]
pub struct ReadinessFacts {
    /// Every process that has the session open, is being started for it, or may have it open without
    /// being visible from here.
    pub owners: SessionOwners,
    /// The user's client that opened the session, is alive, and is not registered yet.
    pub opened: Option<u32>,
    /// A process of our own run whose command line contains the session.
    pub own_run: Option<u32>,
    /// Time of the last write to the transcript.
    pub modified: Option<DateTime<Utc>>,
    /// What is new in the transcript since the stop.
    pub seen: TranscriptChange,
    pub summary: Option<Summary>,
    pub unattended: bool,
    pub paused: bool,
    pub offline: bool,
    /// Whether the configuration enables recovery.
    pub enabled: bool,
    /// Process id of a client of another session that is working in the same working tree.
    pub tree_busy: Option<u32>,
    /// A session that the user started in the project after the stop and that did work in it.
    pub worked_on_since: Option<String>,
    /// A later one-shot session in the same directory that was given the same prompt, if this
    /// one got no answer.
    pub repeated_by: Option<String>,
    /// Changes to the project's fingerprint since the stop, or since the user allowed unattended runs; `None`
    /// if neither was recorded.
    pub changes: Option<Vec<String>>,
    /// Whether a run reaches the provider and the account of the session.
    pub account: AccountFit,
    /// How the session's client was started, if recorded.
    pub started_with: Option<StartedWith>,
    /// Files named on its command line that have changed.
    pub changed_files: Vec<String>,
    /// Directory of the session, and whether a client started there finds the session by its id.
    pub directory: Option<(PathBuf, bool)>,
    /// Directory of the session, if it no longer exists.
    pub gone: Option<PathBuf>,
    /// The program to start, or why none is available.
    pub program: std::result::Result<Program, String>,
}

#[derive(Clone, Copy)]
pub struct ReadinessReader<'a> {
    pub ledger: Ledger<'a>,
    pub env: &'a Environment,
    pub processes: &'a dyn Processes,
    /// Origin of the environment variables.
    pub provenance: &'a Provenance,
}

/// Returns how the session's client was started, from its incident or from its registration.
#[must_use]
pub fn started_with(state: &StateDir, incident: &Incident) -> Option<StartedWith> {
    let registered = || peek::<Registration>(&state.session(&incident.session)).ok()??.started_with;
    incident.started_with.as_deref().cloned().or_else(registered)
}

/// Returns whether a run started from `env` reaches the provider and the account of the session.
#[must_use]
pub fn account_fit(
    state: &StateDir,
    env: &Environment,
    provenance: &Provenance,
    incident: &Incident,
    started: Option<&StartedWith>,
) -> AccountFit {
    let dir = incident.config_dir.clone().or_else(|| env.claude_config_dir());
    let (Some(started), Some(dir)) = (started, dir) else { return fit_unrecorded(env) };
    let Ok(salt) = Salt::of_machine(state) else { return fit_unrecorded(env) };
    let flag = started.flag_settings();
    let place = SettingsPlace { config_dir: &dir, project: incident.project.as_deref(), flag: flag.as_ref() };
    started.account.fit(&salt, env, provenance, &incident.session, place)
}

impl ReadinessFacts {
    /// Adapts the facts to a run that the user requests directly: objections to unattended runs alone are
    /// ignored. Changes in the project are not.
    pub fn asked_for_now(&mut self) {
        self.unattended = true;
        self.enabled = true;
        self.worked_on_since = None;
        self.repeated_by = None;
        self.tree_busy = None;
        self.changes.get_or_insert_default();
        if self.started_with.is_none() {
            self.account = AccountFit::Fits { remove: Vec::new() };
        }
    }

    /// Reads all facts about an incident.
    #[must_use]
    pub fn read(reading: &ReadinessReader<'_>, incident: &Incident) -> Self {
        let ReadinessReader { ledger, env, processes, provenance } = *reading;
        let started_with = started_with(ledger.state, incident);
        let further: Vec<PathBuf> = ledger.config.config_dirs.iter().map(PathBuf::from).collect();
        let mut homes = all_homes(env, &further);
        if let Some(dir) = &incident.config_dir
            && !homes.iter().any(|home| home.dir() == dir)
        {
            homes.push(ClaudeHome::new(dir.clone()));
        }
        let all = Owners::read(&homes, processes, &mut Vec::new());
        let owners = Owners::look_up(&homes, processes, &incident.session, &incident.transcript);
        let opened = incident.opened.as_ref().and_then(|opened| opened.client.as_ref()).filter(|client| {
            // The client may have switched to another session since.
            let elsewhere = all.of_process(client.pid).is_some_and(|one| one.session != incident.session);
            !elsewhere && is_alive(client, processes)
        });
        let repeated = |summary: &Summary| siblings::repeated_by(&incident.transcript, summary);
        let own_run = owners.pids().find(|pid| processes.has_variable(*pid, ATTEMPT) == Some(true));
        let transcript = Transcript::open(&incident.transcript).ok();
        let summary = transcript.as_ref().map(|transcript| summarize(transcript, Liveness::Gone));
        let repeated_by = summary.as_ref().and_then(repeated);
        let modified = transcript.as_ref().and_then(Transcript::modified).map(DateTime::<Utc>::from);
        let project = incident.project.as_deref();
        let newest = summary
            .as_ref()
            .and_then(|summary| summary.cwd.as_deref().map(str::to_owned))
            .or_else(|| incident.cwd.clone());
        let (directory, by_id) = origin(&incident.transcript, newest.as_deref(), incident.cwd.clone());
        let directory = directory.map(PathBuf::from);
        Self {
            opened: opened.map(|client| client.pid),
            own_run,
            owners,
            modified,
            seen: seen(incident, summary.as_ref()),
            summary,
            unattended: project.is_some_and(|project| unattended(ledger.state, project)),
            paused: Paused::read(ledger.state).holds(&incident.session),
            offline: is_offline(incident, env, processes),
            enabled: ledger.config.heartbeat.enabled,
            tree_busy: directory
                .as_deref()
                .and_then(|dir| siblings::tree_busy(dir, &incident.session, &all, processes)),
            repeated_by,
            worked_on_since: incident
                .stop
                .at
                .and_then(|stopped| siblings::worked_on_since(&incident.transcript, stopped)),
            changes: project.and_then(|project| {
                let before =
                    incident.fingerprint.clone().or_else(|| agreed_fingerprint(ledger.state, project))?;
                Some(
                    Fingerprint::of(project, directory.as_deref(), config_dir_of(&incident.transcript))
                        .changes_since(&before),
                )
            }),
            account: account_fit(ledger.state, env, provenance, incident, started_with.as_ref()),
            changed_files: started_with.as_ref().map(StartedWith::changed_files).unwrap_or_default(),
            started_with,
            gone: directory.clone().filter(|dir| !dir.is_dir()),
            directory: directory.filter(|dir| dir.is_dir()).map(|dir| (dir, by_id)),
            program: program(reading, project, incident.claude_program.as_deref())
                .map_err(|error| error.to_string()),
        }
    }
}

/// Finds the program that a run starts: the user's launcher or, without one, the client. The program must be
/// outside the project, belong to the user or the system, and not be world-writable.
fn program(
    reading: &ReadinessReader<'_>,
    project: Option<&Path>,
    known: Option<&Path>,
) -> crate::error::Result<Program> {
    let words = if let Some(words) = &reading.ledger.config.unattended.launcher {
        words.clone()
    } else {
        // A service has a short `PATH`, so the program that ran the session serves as fallback.
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
        return Err(refused("the program is inside the project"));
    }
    let meta = std::fs::metadata(&real).map_err(|error| Error::io("start", &real, &error))?;
    if !meta.is_file() {
        return Err(refused("is not a regular file"));
    }
    if let (Some(owner), Some(own)) = (owner(&meta), own_uid())
        && owner != 0
        && owner != own
    {
        return Err(refused("the program belongs to another user"));
    }
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o002 != 0 {
        return Err(refused("the program is world-writable"));
    }
    let version = if reading.ledger.config.unattended.launcher.is_some() { None } else { version_of(&real) };
    Ok(Program { words, version })
}

/// Terminals in order of preference, each with the words that precede a command.
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

/// Finds a terminal that can open a window on the current desktop.
fn terminal(env: &Environment, project: Option<&Path>) -> crate::error::Result<Vec<String>> {
    let none = |why: &str| {
        Error::new(Code::ClientNotFound, why.to_owned())
            .hint("set unattended.transport to \"print\" or \"background\"")
    };
    if env.var("DISPLAY").is_none() && env.var("WAYLAND_DISPLAY").is_none() {
        return Err(none("there is no desktop on which to open a terminal window"));
    }
    let found = TERMINALS.iter().find_map(|(name, words)| {
        let program = crate::program::find(env, name, project)?;
        let words = words.iter().map(|word| (*word).to_owned());
        Some(std::iter::once(program.to_string_lossy().into_owned()).chain(words).collect())
    });
    found.ok_or_else(|| none("no terminal was found on PATH outside the project"))
}

/// Returns whether the program is an interpreter, whose path does not reveal the script that it ran.
fn is_runtime(path: &Path) -> bool {
    let name = path.file_stem().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    ["node", "nodejs", "bun", "deno", "sh", "bash"].contains(&name.as_str())
}

/// Decides whether to resume. Two clients must never have the same session open, so the checks begin with
/// owner processes. Missing permissions of the user follow, and then anything that would make the run fail.
#[must_use]
pub fn judge(
    facts: &ReadinessFacts,
    transport: Transport,
    quiet: Duration,
    now: DateTime<Utc>,
) -> ReadinessVerdict {
    use ReadinessVerdict as Verdict;
    if let Some(owner) = facts.owners.first() {
        return match (owner.kind, &owner.job) {
            (ClientMode::Background, Some(job)) => {
                Verdict::Hold(HoldReason::InBackground { pid: owner.pid, job: job.clone() })
            }
            _ => Verdict::NotYet(DelayReason::Open { pid: owner.pid, tty: owner.tty.clone() }),
        };
    }
    if let Some(pid) = facts.opened {
        return Verdict::NotYet(DelayReason::Open { pid, tty: None });
    }
    if let Some(pid) = facts.owners.started.first() {
        return Verdict::NotYet(DelayReason::BeingResumed { pid: *pid });
    }
    if !facts.owners.elsewhere.is_empty() {
        return Verdict::Hold(HoldReason::Elsewhere);
    }
    match facts.seen {
        TranscriptChange::Same | TranscriptChange::Escaped => {}
        TranscriptChange::StoppedAgain => return Verdict::StoppedAgain,
        TranscriptChange::ContinuedByClient => return Verdict::Over(ContinuedWithoutUs::ContinuedByClient),
        TranscriptChange::MovedOn => return Verdict::Over(ContinuedWithoutUs::MovedOn),
        TranscriptChange::Lost => return Verdict::Hold(HoldReason::TranscriptLost),
    }
    if let Some(session) = facts.summary.as_ref().and_then(|summary| summary.continued_in.clone()) {
        return Verdict::Hold(HoldReason::ContinuedIn { session: session.into() });
    }
    if let Some(session) = &facts.repeated_by {
        return Verdict::Over(ContinuedWithoutUs::PromptRepeated { session: session.clone() });
    }
    if facts.paused {
        return Verdict::NotYet(DelayReason::Paused);
    }
    if !facts.enabled {
        return Verdict::NotYet(DelayReason::SwitchedOff);
    }
    if !facts.unattended {
        return Verdict::Hold(HoldReason::NotAllowed);
    }
    match &facts.changes {
        None => return Verdict::Hold(HoldReason::NoFingerprint),
        Some(changes) if !changes.is_empty() => {
            return Verdict::Hold(HoldReason::ProjectChanged { changes: changes.clone() });
        }
        Some(_) => {}
    }
    if let Some(session) = &facts.worked_on_since {
        return Verdict::Hold(HoldReason::WorkedOnSince { session: session.clone() });
    }
    if let Some(names) =
        facts.started_with.as_ref().map(|started| &started.lost).filter(|lost| !lost.is_empty())
    {
        return ReadinessVerdict::Hold(HoldReason::OptionsLost { names: names.clone() });
    }
    if !facts.changed_files.is_empty() {
        return ReadinessVerdict::Hold(HoldReason::FilesChanged { files: facts.changed_files.clone() });
    }
    if let AccountFit::Differs(differences) = &facts.account {
        return ReadinessVerdict::Hold(HoldReason::OtherAccount { differences: differences.clone() });
    }
    if let Err(why) = &facts.program {
        return Verdict::Hold(HoldReason::NoProgram { why: why.clone() });
    }
    match &facts.directory {
        None => return Verdict::Hold(HoldReason::DirectoryGone { dir: facts.gone.clone() }),
        Some((_, false)) if transport == Transport::Background => {
            return Verdict::Hold(HoldReason::OriginUnknown);
        }
        Some(_) => {}
    }
    if facts.offline {
        return Verdict::NotYet(DelayReason::NoRoute);
    }
    if let Some(pid) = facts.tree_busy {
        return Verdict::NotYet(DelayReason::TreeBusy { pid });
    }
    if facts.modified.is_none_or(|at| (now - at).abs() < quiet) {
        return Verdict::NotYet(DelayReason::WrittenLately);
    }
    Verdict::Ready
}

/// Returns whether a process that was recorded with its start token still runs.
#[must_use]
pub fn is_alive(child: &StartedProcess, processes: &dyn Processes) -> bool {
    child.start.is_some() && processes.start_token(child.pid) == child.start
}

/// State of a run whose supervisor is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orphan {
    /// The run's process is alive, or may just have been started.
    Runs,
    Over,
    /// The run's process was never started.
    NeverStarted,
}

/// Finds the process of a run whose supervisor is gone. A run that is recorded without a process may have
/// been started a moment ago; its process would appear within [`SHOWS`].
#[must_use]
pub fn orphan(run: &Run, facts: &ReadinessFacts, processes: &dyn Processes, since: Duration) -> Orphan {
    match &run.child {
        Some(child) if is_alive(child, processes) => Orphan::Runs,
        _ if facts.own_run.is_some() => Orphan::Runs,
        // Once the user has opened the session, its client belongs to the user.
        _ if run.taken_over.is_none() && facts.owners.is_open() => Orphan::Runs,
        Some(_) => Orphan::Over,
        None if since < SHOWS => Orphan::Runs,
        None => Orphan::NeverStarted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claude::registry::RegistryRecord;
    use crate::clock::parse_rfc3339;
    use crate::session::owners::{HeldBy, OwnerProcess};

    const SESSION: &str = "00000001-0000-4000-8000-000000000001";

    fn now() -> DateTime<Utc> {
        parse_rfc3339("2026-11-29T05:00:00Z").unwrap()
    }

    fn quiet_time() -> Duration {
        Duration::seconds(30)
    }

    /// Returns facts that all allow a run.
    fn ready() -> ReadinessFacts {
        ReadinessFacts {
            owners: SessionOwners::default(),
            opened: None,
            own_run: None,
            modified: Some(now() - quiet_time()),
            seen: TranscriptChange::Same,
            summary: None,
            unattended: true,
            paused: false,
            offline: false,
            enabled: true,
            tree_busy: None,
            worked_on_since: None,
            repeated_by: None,
            changes: Some(Vec::new()),
            account: AccountFit::Fits { remove: Vec::new() },
            started_with: None,
            changed_files: Vec::new(),
            gone: None,
            directory: Some((PathBuf::from("/w"), true)),
            program: Ok(Program { words: vec!["/usr/bin/claude".into()], version: None }),
        }
    }

    fn record() -> RegistryRecord {
        let text = format!(r#"{{"pid":12,"sessionId":"{SESSION}"}}"#);
        serde_json::from_str(&text).unwrap()
    }

    fn owner(pid: u32, kind: ClientMode, job: Option<&str>) -> OwnerProcess {
        OwnerProcess {
            session: SESSION.into(),
            home: 0,
            pid,
            kind,
            proof: HeldBy::Registry,
            tty: None,
            status: None,
            status_since: None,
            waiting_for: None,
            job: job.map(str::to_owned),
            name: None,
            started_at: None,
            version: None,
        }
    }

    fn summary(continued_in: Option<&str>) -> Summary {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(format!("{SESSION}.jsonl"));
        std::fs::write(&path, "").unwrap();
        let transcript = Transcript::open(&path).unwrap();
        Summary { continued_in: continued_in.map(Into::into), ..summarize(&transcript, Liveness::Gone) }
    }

    fn verdict(change: impl FnOnce(&mut ReadinessFacts)) -> ReadinessVerdict {
        let mut facts = ready();
        change(&mut facts);
        judge(&facts, Transport::Print, quiet_time(), now())
    }

    #[test]
    fn a_session_is_ready_if_nothing_prevents_a_run_even_after_esc() {
        assert_eq!(verdict(|_| {}), ReadinessVerdict::Ready);
        assert_eq!(verdict(|facts| facts.seen = TranscriptChange::Escaped), ReadinessVerdict::Ready);
        assert_eq!(verdict(|facts| facts.summary = Some(summary(None))), ReadinessVerdict::Ready);
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table with one row for each fact")]
    fn each_obstacle_prevents_a_run_by_itself() {
        type Case = (&'static str, fn(&mut ReadinessFacts), ReadinessVerdict);
        let not_yet = ReadinessVerdict::NotYet;
        let hold = ReadinessVerdict::Hold;
        let cases: Vec<Case> = vec![
            (
                "a terminal has it open",
                |facts| facts.owners.live = vec![owner(7, ClientMode::Interactive, None)],
                not_yet(DelayReason::Open { pid: 7, tty: None }),
            ),
            (
                "a background worker without a job name has it open",
                |facts| facts.owners.live = vec![owner(7, ClientMode::Background, None)],
                not_yet(DelayReason::Open { pid: 7, tty: None }),
            ),
            (
                "a background job has it open",
                |facts| facts.owners.live = vec![owner(7, ClientMode::Background, Some("0a1b2c3d"))],
                hold(HoldReason::InBackground { pid: 7, job: "0a1b2c3d".into() }),
            ),
            (
                "the user opened it",
                |facts| facts.opened = Some(8),
                not_yet(DelayReason::Open { pid: 8, tty: None }),
            ),
            (
                "a process names it",
                |facts| facts.owners.started = vec![9],
                not_yet(DelayReason::BeingResumed { pid: 9 }),
            ),
            (
                "a container may have it open",
                |facts| facts.owners.elsewhere = vec![record()],
                hold(HoldReason::Elsewhere),
            ),
            (
                "it stopped again",
                |facts| facts.seen = TranscriptChange::StoppedAgain,
                ReadinessVerdict::StoppedAgain,
            ),
            (
                "the client continued it",
                |facts| facts.seen = TranscriptChange::ContinuedByClient,
                ReadinessVerdict::Over(ContinuedWithoutUs::ContinuedByClient),
            ),
            (
                "another client continued it",
                |facts| facts.seen = TranscriptChange::MovedOn,
                ReadinessVerdict::Over(ContinuedWithoutUs::MovedOn),
            ),
            (
                "it cannot be read",
                |facts| facts.seen = TranscriptChange::Lost,
                hold(HoldReason::TranscriptLost),
            ),
            (
                "it continued in another session",
                |facts| facts.summary = Some(summary(Some(SESSION))),
                hold(HoldReason::ContinuedIn { session: SESSION.into() }),
            ),
            (
                "a later session was given its prompt",
                |facts| facts.repeated_by = Some(SESSION.into()),
                ReadinessVerdict::Over(ContinuedWithoutUs::PromptRepeated { session: SESSION.into() }),
            ),
            ("it is paused", |facts| facts.paused = true, not_yet(DelayReason::Paused)),
            ("recovery is switched off", |facts| facts.enabled = false, not_yet(DelayReason::SwitchedOff)),
            (
                "unattended runs are not allowed",
                |facts| facts.unattended = false,
                hold(HoldReason::NotAllowed),
            ),
            ("no fingerprint was recorded", |facts| facts.changes = None, hold(HoldReason::NoFingerprint)),
            (
                "the project changed",
                |facts| facts.changes = Some(vec![".mcp.json".into()]),
                hold(HoldReason::ProjectChanged { changes: vec![".mcp.json".into()] }),
            ),
            (
                "another session worked there since",
                |facts| facts.worked_on_since = Some(SESSION.into()),
                hold(HoldReason::WorkedOnSince { session: SESSION.into() }),
            ),
            (
                "there is no program",
                |facts| facts.program = Err("claude was not found".into()),
                hold(HoldReason::NoProgram { why: "claude was not found".into() }),
            ),
            (
                "an option of its client cannot be given",
                |facts| {
                    let lost = vec!["--plugin-url".into()];
                    facts.started_with = Some(StartedWith { lost, ..StartedWith::default() });
                },
                hold(HoldReason::OptionsLost { names: vec!["--plugin-url".into()] }),
            ),
            (
                "a file of its client's command line changed",
                |facts| facts.changed_files = vec!["/s.json of --settings was changed".into()],
                hold(HoldReason::FilesChanged { files: vec!["/s.json of --settings was changed".into()] }),
            ),
            (
                "another account is logged in",
                |facts| facts.account = AccountFit::Differs(vec![AccountDifference::OtherLogin]),
                hold(HoldReason::OtherAccount { differences: vec![AccountDifference::OtherLogin] }),
            ),
            (
                "its directory is gone",
                |facts| (facts.directory, facts.gone) = (None, Some(PathBuf::from("/w"))),
                hold(HoldReason::DirectoryGone { dir: Some(PathBuf::from("/w")) }),
            ),
            (
                "another session works in the tree",
                |facts| facts.tree_busy = Some(11),
                not_yet(DelayReason::TreeBusy { pid: 11 }),
            ),
            (
                "it was written to just within the quiet time",
                |facts| facts.modified = Some(now() - quiet_time() + Duration::milliseconds(1)),
                not_yet(DelayReason::WrittenLately),
            ),
            (
                "it was written to in the future, as after a jump of the clock",
                |facts| facts.modified = Some(now() + quiet_time() - Duration::milliseconds(1)),
                not_yet(DelayReason::WrittenLately),
            ),
            (
                "when it was written to is unknown",
                |facts| facts.modified = None,
                not_yet(DelayReason::WrittenLately),
            ),
        ];
        for (case, change, expected) in cases {
            assert_eq!(verdict(change), expected, "{case}");
        }
    }

    #[test]
    fn a_session_without_a_recorded_origin_is_held_for_background_runs() {
        let mut facts = ready();
        facts.directory = Some((PathBuf::from("/w"), false));
        for (transport, expected) in [
            (Transport::Print, ReadinessVerdict::Ready),
            (Transport::Terminal, ReadinessVerdict::Ready),
            (Transport::Background, ReadinessVerdict::Hold(HoldReason::OriginUnknown)),
        ] {
            assert_eq!(judge(&facts, transport, quiet_time(), now()), expected, "{transport:?}");
        }
    }

    /// If several facts prevent a run, the verdict names the one with the highest priority.
    #[test]
    fn owners_come_before_missing_consent_and_missing_consent_before_missing_programs() {
        let mut facts = ready();
        let mut told = Vec::new();
        facts.modified = None;
        facts.tree_busy = Some(11);
        facts.directory = None;
        facts.program = Err("none".into());
        facts.worked_on_since = Some(SESSION.into());
        facts.changes = None;
        facts.unattended = false;
        facts.enabled = false;
        facts.paused = true;
        facts.repeated_by = Some(SESSION.into());
        facts.summary = Some(summary(Some(SESSION)));
        facts.seen = TranscriptChange::Lost;
        facts.owners.elsewhere = vec![record()];
        facts.owners.started = vec![9];
        facts.opened = Some(8);
        facts.owners.live = vec![owner(7, ClientMode::Interactive, None)];
        let clearing: [fn(&mut ReadinessFacts); 15] = [
            |facts| facts.owners.live.clear(),
            |facts| facts.opened = None,
            |facts| facts.owners.started.clear(),
            |facts| facts.owners.elsewhere.clear(),
            |facts| facts.seen = TranscriptChange::Same,
            |facts| facts.summary = None,
            |facts| facts.repeated_by = None,
            |facts| facts.paused = false,
            |facts| facts.enabled = true,
            |facts| facts.unattended = true,
            |facts| facts.changes = Some(Vec::new()),
            |facts| facts.worked_on_since = None,
            |facts| facts.program = ready().program,
            |facts| facts.directory = ready().directory,
            |facts| facts.tree_busy = None,
        ];
        for clear in clearing {
            told.push(judge(&facts, Transport::Print, quiet_time(), now()));
            clear(&mut facts);
        }
        told.push(judge(&facts, Transport::Print, quiet_time(), now()));
        let hold = ReadinessVerdict::Hold;
        let not_yet = ReadinessVerdict::NotYet;
        assert_eq!(
            told,
            [
                not_yet(DelayReason::Open { pid: 7, tty: None }),
                not_yet(DelayReason::Open { pid: 8, tty: None }),
                not_yet(DelayReason::BeingResumed { pid: 9 }),
                hold(HoldReason::Elsewhere),
                hold(HoldReason::TranscriptLost),
                hold(HoldReason::ContinuedIn { session: SESSION.into() }),
                ReadinessVerdict::Over(ContinuedWithoutUs::PromptRepeated { session: SESSION.into() }),
                not_yet(DelayReason::Paused),
                not_yet(DelayReason::SwitchedOff),
                hold(HoldReason::NotAllowed),
                hold(HoldReason::NoFingerprint),
                hold(HoldReason::WorkedOnSince { session: SESSION.into() }),
                hold(HoldReason::NoProgram { why: "none".into() }),
                hold(HoldReason::DirectoryGone { dir: None }),
                not_yet(DelayReason::TreeBusy { pid: 11 }),
                not_yet(DelayReason::WrittenLately),
            ]
        );
    }

    #[test]
    fn a_run_requested_by_the_user_skips_consent_but_not_safety_checks() {
        let mut facts = ready();
        facts.unattended = false;
        facts.enabled = false;
        facts.changes = None;
        facts.worked_on_since = Some(SESSION.into());
        facts.repeated_by = Some(SESSION.into());
        facts.tree_busy = Some(11);
        facts.asked_for_now();
        assert_eq!(judge(&facts, Transport::Print, quiet_time(), now()), ReadinessVerdict::Ready);
        let harmful: [fn(&mut ReadinessFacts); 6] = [
            |facts| facts.owners.live = vec![owner(7, ClientMode::Interactive, None)],
            |facts| facts.opened = Some(8),
            |facts| facts.owners.elsewhere = vec![record()],
            |facts| facts.paused = true,
            |facts| facts.changes = Some(vec!["settings.json".into()]),
            |facts| facts.directory = None,
        ];
        for (case, harm) in harmful.into_iter().enumerate() {
            let mut facts = ready();
            harm(&mut facts);
            facts.asked_for_now();
            let verdict = judge(&facts, Transport::Print, quiet_time(), now());
            assert_ne!(verdict, ReadinessVerdict::Ready, "case {case}");
        }
    }

    #[test]
    fn the_quiet_time_equals_the_poll_interval_up_to_thirty_seconds() {
        let of = |seconds| {
            let mut config = Config::default();
            config.supervisor.poll_seconds = seconds;
            quiet(&config)
        };
        assert_eq!(of(5.0), Duration::seconds(5));
        assert_eq!(of(300.0), Duration::seconds(30));
    }

    struct Table(Vec<(u32, &'static str)>);

    impl Processes for Table {
        fn start_token(&self, pid: u32) -> Option<String> {
            self.0.iter().find(|(known, _)| *known == pid).map(|(_, token)| (*token).to_owned())
        }
        fn domain(&self) -> Option<String> {
            None
        }
    }

    #[test]
    fn a_run_without_its_supervisor_is_over_only_if_no_process_of_it_can_exist() {
        type Case = (&'static str, fn(&mut Run), fn(&mut ReadinessFacts), i64, Orphan);
        let child = |start: &str| Some(StartedProcess { pid: 5, start: Some(start.to_owned()) });
        let user = super::super::incident::OpenedByUser { at: now(), client: None };
        let none: fn(&mut Run) = |run| run.child = None;
        let cases: Vec<Case> = vec![
            ("its process lives", |_| {}, |_| {}, 100, Orphan::Runs),
            (
                "its process id is another's now",
                |run| run.child = Some(StartedProcess { pid: 5, start: Some("other".into()) }),
                |_| {},
                100,
                Orphan::Over,
            ),
            (
                "its process had no start time",
                |run| run.child = Some(StartedProcess { pid: 5, start: None }),
                |_| {},
                100,
                Orphan::Over,
            ),
            ("it was never seen, and may just have been started", none, |_| {}, 1, Orphan::Runs),
            (
                "it was never seen for as long as a process needs to show",
                none,
                |_| {},
                2,
                Orphan::NeverStarted,
            ),
            (
                "a client has the session open",
                none,
                |facts| facts.owners.live = vec![owner(7, ClientMode::Print, None)],
                100,
                Orphan::Runs,
            ),
            ("a process names the session", none, |facts| facts.owners.started = vec![9], 100, Orphan::Runs),
        ];
        let run = Run {
            nonce: "n".into(),
            transport: Transport::Print,
            supervisor: StartedProcess { pid: 1, start: None },
            child: child("5"),
            bytes_before: 0,
            sha256_before: String::new(),
            snapshot: PathBuf::new(),
            log: PathBuf::new(),
            commit_before: None,
            deadline_seconds: None,
            taken_over: None,
            result: None,
        };
        let table = Table(vec![(5, "5")]);
        for (case, change_run, change_facts, seconds, expected) in cases {
            let (mut run, mut facts) = (run.clone(), ready());
            change_run(&mut run);
            change_facts(&mut facts);
            let since = Duration::seconds(seconds);
            assert_eq!(orphan(&run, &facts, &table, since), expected, "{case}");
            // Once the user has taken over the session, the user's client does not count as a
            // process of the run.
            run.taken_over = Some(user.clone());
            let expected = match (run.child.as_ref().is_some_and(|child| is_alive(child, &table)), &run.child)
            {
                (true, _) => Orphan::Runs,
                (false, Some(_)) => Orphan::Over,
                (false, None) if seconds < 2 => Orphan::Runs,
                (false, None) => Orphan::NeverStarted,
            };
            assert_eq!(orphan(&run, &facts, &table, since), expected, "taken over: {case}");
            facts.own_run = Some(10);
            assert_eq!(orphan(&run, &facts, &table, since), Orphan::Runs, "own run: {case}");
        }
    }
}
