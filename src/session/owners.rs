//! Finds owners: which processes have a session open, and which session a process has open.
//!
//! All callers share this answer: the waiting hook, the supervisor, screens, notes and the commands that act.
//! Claude Code's registry names a client, and the start time in the process table proves it. Clients too old
//! for the registry appear only in the process table, and are matched with the transcript that grew since
//! they were started. A process that only looks like a client (the daemon, its hosts and spares, shells,
//! editors, other programs with that name) owns no session.

use super::scan::Found;
use crate::claude::home::{ClaudeHome, is_session_id, stores};
use crate::claude::process::{Process, Processes};
use crate::claude::registry::{Proof, RegistryRecord, read_records_with};
use crate::claude::role::{Role, is_interpreter, role_of};
use crate::claude::version::ClientVersion;
use crate::clock::from_epoch_millis;
use crate::error::Error;
use crate::fs::{identity, read_small};
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Maximum size of a `package.json`, in bytes.
const LARGEST_PACKAGE: u64 = 1024 * 1024;

/// How the user runs a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum ClientMode {
    Interactive,
    /// With `-p`, or through an SDK.
    Print,
    /// Worker of Claude Code's daemon.
    Background,
}

/// Proof that a process has a session open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "LiveProof"))]
pub enum HeldBy {
    /// The registry, confirmed by the start time of the process.
    Registry,
    /// The process table alone.
    Processes,
}

/// Status of a client according to its registry record (`status`, `waitingFor`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientWord {
    Busy,
    /// The client waits for the next prompt.
    Idle,
    /// A dialog is open, such as the limit menu, and delays every wake until it is closed.
    Dialog,
    /// The client waits for a permission or an answer.
    Waiting,
    /// The client reports no status, like clients before 2.1.269 outside a terminal.
    Silent,
}

/// A process that has a session open.
#[derive(Debug, Clone)]
pub struct OwnerProcess {
    pub session: String,
    /// Index of the configuration directory that it uses.
    pub home: usize,
    pub pid: u32,
    pub kind: ClientMode,
    pub proof: HeldBy,
    /// Terminal, such as `pts/3`.
    pub tty: Option<String>,
    /// Status reported by the client: `busy`, `idle`, `waiting`.
    pub status: Option<String>,
    pub status_since: Option<DateTime<Utc>>,
    pub waiting_for: Option<String>,
    pub job: Option<String>,
    /// Session name set by the user.
    pub name: Option<String>,
    pub started_at: Option<DateTime<Utc>>,
    pub version: Option<String>,
}

impl OwnerProcess {
    /// Describes where the user finds it: `pts/3`, `background job 0a1b2c3d`, `process 4711`.
    #[must_use]
    pub fn place(&self) -> String {
        match (&self.tty, &self.job) {
            (_, Some(job)) => format!("background job {job}"),
            (Some(tty), None) if self.kind == ClientMode::Interactive => tty.clone(),
            _ => format!("process {}", self.pid),
        }
    }

    /// Formats `process 4711 has it open in pts/3`.
    #[must_use]
    pub fn has_it_open(&self) -> String {
        has_it_open(self.pid, self.tty.as_deref())
    }

    /// Returns the status that the client reports.
    #[must_use]
    pub fn word(&self) -> ClientWord {
        match self.status.as_deref() {
            Some("busy") => ClientWord::Busy,
            Some("waiting") if self.waiting_for.as_deref() == Some("dialog open") => ClientWord::Dialog,
            Some("waiting") => ClientWord::Waiting,
            // "shell": the turn has ended, and a program that it started is still running in the background.
            Some(_) => ClientWord::Idle,
            None => ClientWord::Silent,
        }
    }

    /// Returns a sort key that puts busy clients first.
    fn rank(&self) -> u8 {
        match self.word() {
            ClientWord::Busy => 0,
            ClientWord::Dialog | ClientWord::Waiting => 1,
            ClientWord::Idle | ClientWord::Silent => 2,
        }
    }
}

/// Formats `process 4711 has it open in pts/3`.
#[must_use]
pub fn has_it_open(pid: u32, tty: Option<&str>) -> String {
    let tty = tty.map_or_else(String::new, |tty| format!(" in {tty}"));
    format!("process {pid} has it open{tty}")
}

/// All processes that have one session open, or may have.
#[derive(Debug, Clone, Default)]
pub struct SessionOwners {
    /// Live clients, busy ones before idle ones. Two of them fork the conversation as soon as both write.
    pub live: Vec<OwnerProcess>,
    /// Records of clients in another process-id namespace (a container), which cannot be checked from here.
    pub elsewhere: Vec<RegistryRecord>,
    /// Records of clients that have exited.
    pub left: Vec<RegistryRecord>,
    /// Processes whose command line names the session but that have no registry record: a client that is
    /// starting or about to end. Only [`Owners::look_up`] searches for them.
    pub started: Vec<u32>,
}

impl SessionOwners {
    /// Returns the live client to show: a busy one, if any.
    #[must_use]
    pub fn first(&self) -> Option<&OwnerProcess> {
        self.live.first()
    }

    /// Returns whether a process has the session open, or is about to open it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.live.is_empty() || !self.started.is_empty()
    }

    /// Returns whether a process has the session open, or may have it open but cannot be checked from here.
    #[must_use]
    pub fn may_be_open(&self) -> bool {
        self.is_open() || !self.elsewhere.is_empty()
    }

    /// Returns whether more than one process has or may have the session open.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.live.len() + self.elsewhere.len() + self.started.len() > 1
    }

    /// Returns whether a process other than this one has or may have the session open.
    #[must_use]
    pub fn others_than(&self, pid: u32) -> bool {
        self.live.iter().any(|one| one.pid != pid)
            || self.started.iter().any(|one| *one != pid)
            || !self.elsewhere.is_empty()
    }

    /// Returns whether a client's record names the session, live or not.
    #[must_use]
    pub fn has_records(&self) -> bool {
        !self.live.is_empty() || !self.elsewhere.is_empty() || !self.left.is_empty()
    }

    /// Returns the live client with this process id.
    #[must_use]
    pub fn process(&self, pid: u32) -> Option<&OwnerProcess> {
        self.live.iter().find(|one| one.pid == pid)
    }

    /// Iterates over the processes that have the session open, or are about to open it.
    pub fn pids(&self) -> impl Iterator<Item = u32> {
        self.live.iter().map(|one| one.pid).chain(self.started.iter().copied())
    }

    /// Describes where the session is open: `pts/3`, `pts/3 and pts/5`, `a container`; `None` if it is not
    /// open.
    #[must_use]
    pub fn places(&self) -> Option<String> {
        let mut places: Vec<String> = self.live.iter().map(OwnerProcess::place).collect();
        places.extend(self.started.iter().map(|pid| format!("process {pid}")));
        if !self.elsewhere.is_empty() {
            places.push("a container".to_owned());
        }
        let last = places.pop()?;
        Some(if places.is_empty() { last } else { format!("{} and {last}", places.join(", ")) })
    }

    fn add(&mut self, owner: OwnerProcess) {
        self.live.push(owner);
        self.live.sort_by_key(OwnerProcess::rank);
    }
}

static NOBODY: SessionOwners =
    SessionOwners { live: Vec::new(), elsewhere: Vec::new(), left: Vec::new(), started: Vec::new() };

/// The owners of all sessions of some configuration directories.
#[derive(Debug, Default)]
pub struct Owners {
    /// Owners by configuration directory and session, because copies of one session may be in several
    /// directories.
    sessions: BTreeMap<(usize, String), SessionOwners>,
    /// Process ids with a live registry record.
    registered: Vec<u32>,
}

impl Owners {
    #[must_use]
    pub fn read(homes: &[ClaudeHome], processes: &dyn Processes, problems: &mut Vec<Error>) -> Self {
        let mut owners = Self::default();
        // Clients of several directories may share one store of transcripts.
        let stores = stores(homes);
        let mut records = Vec::new();
        for (at, home) in homes.iter().enumerate() {
            records.extend(read_records_with(home, problems).into_iter().map(|record| (stores[at], record)));
        }
        for (home, record) in records {
            let proof = record.proof(processes);
            let session = (home, record.session_id.clone());
            match proof {
                Proof::Live => {
                    // Directories that are links to one another contain the same record.
                    if owners.registered.contains(&record.pid) {
                        continue;
                    }
                    owners.registered.push(record.pid);
                    // The daemon itself also registers, but has no conversation.
                    if !record.kind.as_deref().is_some_and(|kind| kind.starts_with("daemon")) {
                        let tty = processes.terminal(record.pid);
                        owners.sessions.entry(session).or_default().add(of_record(record, home, tty));
                    }
                }
                Proof::Stale => owners.sessions.entry(session).or_default().left.push(record),
                Proof::Elsewhere => owners.sessions.entry(session).or_default().elsewhere.push(record),
            }
        }
        owners
    }

    /// Returns the owners of one session, including processes that are just starting for it. This is the
    /// precise answer required before any action on a session; it reads the command lines of all processes. A
    /// process whose configuration directory definitely does not contain this transcript has another session
    /// with the same id open.
    #[must_use]
    pub fn look_up(
        homes: &[ClaudeHome],
        processes: &dyn Processes,
        session: &str,
        transcript: &Path,
    ) -> SessionOwners {
        let owners = Self::read(homes, processes, &mut Vec::new());
        let mut all = owners.of_session(session);
        all.started = processes
            .table()
            .iter()
            .filter(|process| !owners.registered.contains(&process.pid))
            .filter(|process| {
                let named = named_session(&processes.command_line(process.pid));
                named.is_some_and(|named| named == session) && may_start(process)
            })
            .filter(|process| {
                let dir = processes.configuration_directory(process.pid);
                dir.is_none_or(|dir| may_be_in(&dir, transcript))
            })
            .map(|process| process.pid)
            .collect();
        all
    }

    /// Describes where a session of one configuration directory is open, apart from one process that
    /// is about to end.
    #[must_use]
    pub fn places_of(
        config_dir: Option<&Path>,
        processes: &dyn Processes,
        session: &str,
        ending: Option<u32>,
    ) -> Option<String> {
        let homes = [ClaudeHome::new(config_dir?)];
        let mut owners = Self::read(&homes, processes, &mut Vec::new()).of_session(session);
        owners.live.retain(|owner| Some(owner.pid) != ending);
        owners.places()
    }

    /// Returns the owners of a session's file.
    #[must_use]
    pub fn of(&self, found: &Found) -> &SessionOwners {
        // Fast path: most machines have few live clients and many sessions.
        if self.sessions.is_empty() || found.is_conflict_copy() {
            return &NOBODY;
        }
        // A linked directory belongs to several configuration directories.
        let mut known = found.homes().filter_map(|home| self.sessions.get(&(home, found.id().to_owned())));
        let first = known.next().unwrap_or(&NOBODY);
        if first.may_be_open() { first } else { known.find(|owners| owners.may_be_open()).unwrap_or(first) }
    }

    /// Returns the owners of a session in any configuration directory.
    #[must_use]
    pub fn of_session(&self, session: &str) -> SessionOwners {
        let mut all = SessionOwners::default();
        for (_, owners) in self.sessions.iter().filter(|((_, id), _)| id == session) {
            owners.live.iter().for_each(|owner| all.add(owner.clone()));
            all.elsewhere.extend(owners.elsewhere.iter().cloned());
            all.left.extend(owners.left.iter().cloned());
        }
        all
    }

    pub fn live(&self) -> impl Iterator<Item = &OwnerProcess> {
        self.sessions.values().flat_map(|owners| &owners.live)
    }

    /// Returns the session that a process has open.
    #[must_use]
    pub fn of_process(&self, pid: u32) -> Option<&OwnerProcess> {
        self.live().find(|owner| owner.pid == pid)
    }

    /// Iterates over the ids of sessions that are open, or may be.
    pub fn open_sessions(&self) -> impl Iterator<Item = &str> {
        self.sessions.iter().filter(|(_, owners)| owners.may_be_open()).map(|((_, id), _)| id.as_str())
    }

    /// Adds clients without a registry record. Each has the session open that its command line names or,
    /// without one, the newest transcript of its directory that was written since the client started and has
    /// no other owner. A transcript that definitely belongs to another configuration directory is excluded.
    pub fn add_unregistered(
        &mut self,
        homes: &[ClaudeHome],
        found: &[Found],
        table: &[Process],
        processes: &dyn Processes,
    ) {
        let mut clients: Vec<&Process> = table
            .iter()
            .filter(|process| !self.registered.contains(&process.pid) && is_client(process, processes))
            .collect();
        // The youngest client chooses first: the transcript written last is most likely its own.
        clients.sort_by_key(|process| std::cmp::Reverse(process.started_at));
        for process in clients {
            let line = processes.command_line(process.pid);
            let dir = processes.configuration_directory(process.pid);
            let mine = |one: &Found| {
                let name = one.path.file_name().unwrap_or_default();
                dir.as_deref().is_none_or(|dir| one.directories().any(|own| may_be_in(dir, &own.join(name))))
            };
            let named = named_in(&line).and_then(|name| {
                let id = session_of(name)?;
                // Copies of a session with the same id may be in several stores.
                let mut copies = found.iter().filter(|one| one.id() == id);
                let named = processes.working_directory(process.pid).unwrap_or_default().join(name);
                copies.clone().find(|one| one.is_at(&named)).or_else(|| copies.find(|one| mine(one)))
            });
            let held = named.or_else(|| self.written_since(process, homes, found, mine, processes));
            let Some(held) = held else { continue };
            let owners = self.sessions.entry((held.home, held.id().to_owned())).or_default();
            if !owners.live.is_empty() {
                continue;
            }
            owners.add(OwnerProcess {
                session: held.id().to_owned(),
                home: held.home,
                pid: process.pid,
                kind: if process.tty.is_some() { ClientMode::Interactive } else { ClientMode::Print },
                proof: HeldBy::Processes,
                tty: process.tty.clone(),
                status: None,
                status_since: None,
                waiting_for: None,
                job: None,
                name: None,
                started_at: process.started_at,
                version: None,
            });
        }
    }

    fn written_since<'f>(
        &self,
        process: &Process,
        homes: &[ClaudeHome],
        found: &'f [Found],
        mine: impl Fn(&Found) -> bool,
        processes: &dyn Processes,
    ) -> Option<&'f Found> {
        let cwd = processes.working_directory(process.pid)?;
        let started = process.started_at?;
        let dirs: Vec<_> = homes.iter().map(|home| home.project(&cwd)).collect();
        let written = |one: &Found| {
            let modified = std::fs::metadata(&one.path).ok()?.modified().ok()?;
            Some(DateTime::<Utc>::from(modified)).filter(|modified| *modified >= started)
        };
        found
            .iter()
            .filter(|one| one.directories().any(|dir| dirs.iter().any(|other| other == dir)))
            .filter(|one| self.of(one).live.is_empty() && mine(one))
            .filter_map(|one| Some((written(one)?, one)))
            .max_by_key(|(modified, _)| *modified)
            .map(|(_, one)| one)
    }
}

fn of_record(record: RegistryRecord, home: usize, tty: Option<String>) -> OwnerProcess {
    let kind = match (record.kind.as_deref(), record.entrypoint.as_deref()) {
        (Some("bg"), _) => ClientMode::Background,
        (_, Some("sdk-cli" | "sdk-ts" | "sdk-py")) => ClientMode::Print,
        _ => ClientMode::Interactive,
    };
    OwnerProcess {
        pid: record.pid,
        home,
        kind,
        proof: HeldBy::Registry,
        tty,
        status_since: record.status_updated_at.and_then(from_epoch_millis),
        started_at: record.started_at.and_then(from_epoch_millis),
        name: record.name.filter(|_| record.name_source.as_deref() == Some("user")),
        session: record.session_id,
        status: record.status,
        waiting_for: record.waiting_for,
        job: record.job_id.filter(|job| job.len() == 8 && job.bytes().all(|byte| byte.is_ascii_hexdigit())),
        version: record.version,
    }
}

/// Returns false for terminal multiplexers and recorders, which retain the command line of the program they
/// started for as long as they run.
fn may_start(process: &Process) -> bool {
    !["tmux", "screen", "script", "zellij", "sudo", "dtach", "abduco"]
        .iter()
        .any(|name| process.name.starts_with(name))
}

/// Returns whether a process without a registry record is a client with a session. Its name alone proves
/// nothing: the program must be Claude Code's, or an interpreter that runs it (clients up to 2.1.79 were
/// scripts that call themselves `claude`).
fn is_client(process: &Process, processes: &dyn Processes) -> bool {
    if !(process.name.starts_with("claude") || ["node", "bun"].contains(&process.name.as_str())) {
        return false;
    }
    if role_of(process, processes) != Role::Client {
        return false;
    }
    let Some(program) = processes.program(process.pid) else { return false };
    if is_interpreter(&program) {
        return true;
    }
    // A client that keeps a registry but has no record in any known one belongs to
    // an unknown configuration directory.
    if version_of(&program).is_some_and(ClientVersion::registers) {
        return false;
    }
    let path = program.to_string_lossy();
    path.contains("claude-code") || path.contains("/claude/versions/")
}

/// Returns the version of an installed client, from its path or from the package next to it.
#[must_use]
pub fn version_of(program: &Path) -> Option<ClientVersion> {
    let named = program.file_name().and_then(std::ffi::OsStr::to_str).and_then(ClientVersion::parse);
    named.or_else(|| {
        let mut package = program.ancestors().skip(1).take(3).map(|dir| dir.join("package.json"));
        let text = package.find_map(|path| read_small(&path, LARGEST_PACKAGE).ok()?)?;
        let value: serde_json::Value = serde_json::from_slice(&text).ok()?;
        ClientVersion::parse(value.get("version")?.as_str()?)
    })
}

/// Returns the session that a command line names, by its id or by its transcript.
#[must_use]
pub fn named_session(line: &[String]) -> Option<String> {
    named_in(line).and_then(session_of).map(str::to_owned)
}

/// Returns the argument by which a command line names a session.
fn named_in(line: &[String]) -> Option<&str> {
    // A fork gets a new session id.
    if line.iter().any(|word| word == "--fork-session") {
        return None;
    }
    line.iter().enumerate().find_map(|(at, word)| {
        let next = line.get(at + 1).map(String::as_str);
        let (flag, value) =
            word.split_once('=').map_or((word.as_str(), next), |(flag, value)| (flag, Some(value)));
        ["--resume", "-r", "--session-id"].contains(&flag).then_some(value)?
    })
}

fn session_of(named: &str) -> Option<&str> {
    let name = named.rsplit(['/', '\\']).next().unwrap_or(named);
    Some(name.strip_suffix(".jsonl").unwrap_or(named)).filter(|id| is_session_id(id))
}

/// Returns whether a transcript may belong to this configuration directory: the file there is the same, or
/// that cannot be determined.
fn may_be_in(dir: &Path, transcript: &Path) -> bool {
    let mut from_end = transcript.iter().rev();
    let (Some(name), Some(project)) = (from_end.next(), from_end.next()) else { return true };
    let own = ClaudeHome::new(dir).projects().join(project).join(name);
    if own == transcript {
        return true;
    }
    match (std::fs::metadata(&own), std::fs::metadata(transcript)) {
        (Ok(its), Ok(this)) => match (identity(&its), identity(&this)) {
            (Some(its), Some(this)) => its == this,
            _ => own.canonicalize().ok() == transcript.canonicalize().ok(),
        },
        (Err(error), _) => error.kind() != std::io::ErrorKind::NotFound,
        (Ok(_), Err(_)) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    struct Table {
        program: &'static str,
        line: Vec<&'static str>,
    }

    impl Processes for Table {
        fn start_token(&self, _: u32) -> Option<String> {
            None
        }
        fn domain(&self) -> Option<String> {
            None
        }
        fn command_line(&self, _: u32) -> Vec<String> {
            self.line.iter().map(|word| (*word).to_owned()).collect()
        }
        fn program(&self, _: u32) -> Option<PathBuf> {
            Some(self.program.into())
        }
    }

    #[test]
    fn a_client_is_recognized_by_the_program_it_runs() {
        let client = |name: &str, program, line: &[&'static str]| {
            let process = Process { pid: 7, name: name.into(), ..Process::default() };
            is_client(&process, &Table { program, line: line.to_vec() })
        };
        assert!(client("claude", "/usr/bin/node", &["claude"]));
        assert!(client("node", "/usr/bin/node", &["node", "/x/@anthropic-ai/claude-code/cli.js", "-p"]));
        assert!(client("claude", "/x/node_modules/@anthropic-ai/claude-code/bin/claude.exe", &["claude"]));
        assert!(client("claude", "/h/.local/share/claude/versions/2.1.45", &["claude", "--resume"]));
        assert!(
            !client("claude", "/h/.local/share/claude/versions/2.1.329", &["claude"]),
            "registered elsewhere"
        );
        for (name, program, line) in [
            ("claude", "/tmp/x/claude", &["claude", "600"][..]),
            ("sh", "/bin/sh", &["sh", "-c", "sleep 600", "claude"]),
            ("node", "/usr/bin/node", &["node", "/home/dev/claude/server.js"]),
            ("claude", "/h/.local/share/claude/versions/2.1.329", &["claude", "daemon", "run"]),
            (
                "claude",
                "/h/.local/share/claude/versions/2.1.329",
                &["claude", "bg-spare", "--bg-spare", "/s"],
            ),
            ("claude", "/h/.local/share/claude/versions/2.1.329", &["claude", "bg-pty-host"]),
            ("vim", "/usr/bin/vim", &["vim", "claude.md"]),
        ] {
            assert!(!client(name, program, line), "{name} {program} {line:?}");
        }
    }

    #[cfg(target_os = "linux")]
    const ID: &str = "00000001-0000-4000-8000-00000000000f";

    /// A machine on which processes 1 to 9 run in `pts/<pid>` with the start token `<pid>00`, and which
    /// starts process 20 for a session.
    #[cfg(target_os = "linux")]
    #[derive(Default)]
    struct Machine {
        /// Configuration directory of all processes.
        dir: Option<PathBuf>,
    }

    #[cfg(target_os = "linux")]
    impl Processes for Machine {
        fn configuration_directory(&self, _: u32) -> Option<PathBuf> {
            self.dir.clone()
        }
        fn start_token(&self, pid: u32) -> Option<String> {
            (pid < 10).then(|| format!("{pid}00"))
        }
        fn domain(&self) -> Option<String> {
            Some("pid:[1]".into())
        }
        fn terminal(&self, pid: u32) -> Option<String> {
            Some(format!("pts/{pid}"))
        }
        fn table(&self) -> Vec<Process> {
            [1, 2, 20].map(|pid| Process { pid, ..Process::default() }).to_vec()
        }
        fn command_line(&self, _: u32) -> Vec<String> {
            vec!["claude".into(), format!("--resume={ID}")]
        }
    }

    /// Creates a home whose registry has these records: process, status, and process-id namespace.
    #[cfg(target_os = "linux")]
    fn home(records: &[(u32, &str, u32)]) -> (tempfile::TempDir, Vec<ClaudeHome>) {
        let dir = tempfile::tempdir().unwrap();
        let sessions = dir.path().join("sessions");
        std::fs::create_dir(&sessions).unwrap();
        for (pid, status, space) in records {
            let record = serde_json::json!({
                "pid": pid, "sessionId": ID, "procStart": format!("{pid}00"), "kind": "interactive", "status": status,
                "startedAt": 1, "pidDomain": format!("linux:0:pid:[{space}]"),
            });
            std::fs::write(sessions.join(format!("{pid}.json")), record.to_string()).unwrap();
        }
        let homes = vec![ClaudeHome::new(dir.path())];
        (dir, homes)
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn every_owner_of_a_session_counts_and_its_location_is_named() {
        type Case = (&'static [(u32, &'static str, u32)], Option<&'static str>, [bool; 3]);
        let cases: [Case; 6] = [
            (&[], None, [false, false, false]),
            (&[(1, "idle", 1)], Some("pts/1"), [true, true, false]),
            (&[(1, "idle", 1), (2, "busy", 1)], Some("pts/2 and pts/1"), [true, true, true]),
            (&[(1, "idle", 1), (15, "idle", 1)], Some("pts/1"), [true, true, false]),
            (&[(1, "idle", 1), (7, "idle", 2)], Some("pts/1 and a container"), [true, true, true]),
            (&[(7, "idle", 2)], Some("a container"), [false, true, false]),
        ];
        for (records, places, [open, may_be_open, shared]) in cases {
            let (_dir, homes) = home(records);
            let owners = Owners::read(&homes, &Machine::default(), &mut Vec::new()).of_session(ID);
            assert_eq!(owners.places().as_deref(), places, "{records:?}");
            assert_eq!(
                (owners.is_open(), owners.may_be_open(), owners.is_shared()),
                (open, may_be_open, shared),
                "{records:?}"
            );
            assert_eq!(owners.others_than(1), owners.is_shared() || records.len() == 1 && records[0].0 == 7);
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_starting_client_is_an_owner_and_a_registered_one_counts_once() {
        let (dir, homes) = home(&[(1, "idle", 1)]);
        let project = dir.path().join("projects/-p");
        std::fs::create_dir_all(&project).unwrap();
        let transcript = project.join(format!("{ID}.jsonl"));
        std::fs::write(&transcript, "").unwrap();
        let look_up =
            |machine: &Machine, session: &str| Owners::look_up(&homes, machine, session, &transcript);
        let owners = look_up(&Machine::default(), ID);
        assert_eq!(owners.live.len(), 1);
        assert_eq!(owners.started, [2, 20], "process 1 is registered already");
        assert!(owners.is_shared());
        assert!(!look_up(&Machine::default(), "00000001-0000-4000-8000-000000000001").may_be_open());
        let other = tempfile::tempdir().unwrap();
        let started_in = |at: &Path| look_up(&Machine { dir: Some(at.to_owned()) }, ID).started;
        assert_eq!(started_in(dir.path()), [2, 20]);
        assert_eq!(started_in(other.path()), [0_u32; 0], "another session of the same id");
        std::fs::remove_file(&transcript).unwrap();
        assert_eq!(started_in(dir.path()), [2, 20], "its transcript is not written yet");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_session_of_a_process_is_taken_from_its_record() {
        let (_dir, homes) = home(&[(1, "waiting", 1)]);
        let owners = Owners::read(&homes, &Machine::default(), &mut Vec::new());
        assert_eq!(owners.of_process(1).map(|owner| owner.session.as_str()), Some(ID));
        assert!(owners.of_process(2).is_none());
    }

    #[test]
    fn the_command_line_names_a_session_only_by_its_id() {
        let named =
            |line: &[&str]| named_session(&line.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        let id = "00000001-0000-4000-8000-00000000000f";
        assert_eq!(named(&["claude", "--resume", id]).as_deref(), Some(id));
        assert_eq!(named(&["claude", &format!("--resume={id}")]).as_deref(), Some(id));
        assert_eq!(named(&["claude", "-r", &format!("/h/projects/-x/{id}.jsonl")]).as_deref(), Some(id));
        assert_eq!(named(&["claude", "--resume", "../x"]), None);
        assert_eq!(named(&["claude", "-p", id]), None);
    }
}
