//! A holder: the process that holds a session open.
//!
//! Claude Code's registry names it, and the process table proves it by start time. Clients too old for the registry are
//! found in the process table alone and matched with the transcript that grew since they were started. What only looks
//! like a client (the daemon, its hosts and spares, shells, editors, other programs of that name) is none.

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

/// Largest description of a package, in bytes.
const LARGEST_PACKAGE: u64 = 1024 * 1024;

/// How a client is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// In a terminal.
    Interactive,
    /// `-p`, or an SDK.
    Print,
    /// A worker of Claude Code's daemon.
    Background,
}

/// What proves that a process holds a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeldBy {
    /// The registry, with the start time of the process.
    Registry,
    /// The process table alone.
    Processes,
}

/// The process that holds a session.
#[derive(Debug, Clone)]
pub struct Holder {
    /// Session id.
    pub session: String,
    /// Index of the configuration directory it works in.
    pub home: usize,
    /// Process id.
    pub pid: u32,
    /// How it is used.
    pub kind: Kind,
    /// What proves it.
    pub proof: HeldBy,
    /// The client's own word: `busy`, `idle`, `waiting`.
    pub status: Option<String>,
    /// When that word last changed.
    pub status_since: Option<DateTime<Utc>>,
    /// What it waits for.
    pub waiting_for: Option<String>,
    /// Job of a background session.
    pub job: Option<String>,
    /// Name a person gave.
    pub name: Option<String>,
    /// When the process was started.
    pub started_at: Option<DateTime<Utc>>,
    /// Version of the client.
    pub version: Option<String>,
    /// Other live clients of the same session: its conversation forks.
    pub others: Vec<u32>,
}

/// A registry record without its process.
#[derive(Debug, Clone)]
pub struct Leftover {
    /// The record.
    pub record: RegistryRecord,
    /// The process cannot be checked from here: it belongs to another process-id space.
    pub elsewhere: bool,
}

/// What the registries of some configuration directories say.
#[derive(Debug, Default)]
pub struct Holders {
    /// Live clients, by configuration directory and session: one id may be in several, as copies.
    pub live: BTreeMap<(usize, String), Holder>,
    /// Records without a live process, likewise.
    pub leftovers: BTreeMap<(usize, String), Vec<Leftover>>,
    /// Process ids that records of the registry prove.
    registered: Vec<u32>,
}

impl Holders {
    /// Reads the registries.
    #[must_use]
    pub fn read(homes: &[ClaudeHome], processes: &dyn Processes, problems: &mut Vec<Error>) -> Self {
        let mut holders = Self::default();
        // Clients of several directories may share one store of transcripts.
        let stores = stores(homes);
        let mut records = Vec::new();
        for (at, home) in homes.iter().enumerate() {
            records.extend(read_records_with(home, problems).into_iter().map(|record| (stores[at], record)));
        }
        for (home, record) in records {
            match record.proof(processes) {
                Proof::Live => {
                    holders.registered.push(record.pid);
                    // The daemon itself registers too and holds no conversation.
                    if !record.kind.as_deref().is_some_and(|kind| kind.starts_with("daemon")) {
                        holders.add(of_record(record, home));
                    }
                }
                proof => {
                    let leftover = Leftover { elsewhere: proof == Proof::Elsewhere, record };
                    let key = (home, leftover.record.session_id.clone());
                    holders.leftovers.entry(key).or_default().push(leftover);
                }
            }
        }
        holders
    }

    /// Two clients may hold one session: the one that works is its holder, the other is named.
    fn add(&mut self, mut holder: Holder) {
        let key = (holder.home, holder.session.clone());
        if let Some(mut other) = self.live.remove(&key) {
            if works(&other) >= works(&holder) {
                std::mem::swap(&mut other, &mut holder);
            }
            holder.others.push(other.pid);
            holder.others.append(&mut other.others);
        }
        self.live.insert(key, holder);
    }

    /// The live client of a session.
    #[must_use]
    pub fn of(&self, found: &Found) -> Option<&Holder> {
        // Most machines have few live clients and many sessions.
        if self.live.is_empty() { None } else { self.live.get(&(found.home, found.id().to_owned())) }
    }

    /// What dead clients left of a session.
    pub fn left(&self, found: &Found) -> impl Iterator<Item = &Leftover> {
        let left = if self.leftovers.is_empty() {
            None
        } else {
            self.leftovers.get(&(found.home, found.id().to_owned()))
        };
        left.into_iter().flatten()
    }

    /// Adds clients that keep no registry: each holds the session that its command line names, else the newest transcript of its
    /// directory that was written to since it was started and is held by nobody else. A transcript that is certainly not one of
    /// its configuration directory is not its own.
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
        // The youngest chooses first: what was written last is most likely its own.
        clients.sort_by_key(|process| std::cmp::Reverse(process.started_at));
        for process in clients {
            let line = processes.command_line(process.pid);
            let dir = processes.configuration_directory(process.pid);
            let mine = |one: &Found| dir.as_deref().is_none_or(|dir| may_be_in(dir, &one.path));
            let named = named_in(&line).and_then(|name| {
                let id = session_of(name)?;
                // A session of the same id may be in several stores, as copies; one that is named by its path may be in any.
                let by_path = name != id;
                let mut copies = found.iter().filter(|one| one.id() == id);
                copies
                    .clone()
                    .find(|one| one.path == Path::new(name))
                    .or_else(|| copies.find(|one| by_path || mine(one)))
            });
            let held = named.or_else(|| self.written_since(process, homes, found, mine, processes));
            let Some(held) = held else { continue };
            self.live.entry((held.home, held.id().to_owned())).or_insert_with(|| Holder {
                session: held.id().to_owned(),
                home: held.home,
                pid: process.pid,
                kind: if process.tty.is_some() { Kind::Interactive } else { Kind::Print },
                proof: HeldBy::Processes,
                status: None,
                status_since: None,
                waiting_for: None,
                job: None,
                name: None,
                started_at: process.started_at,
                version: None,
                others: Vec::new(),
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
            .filter(|one| one.path.parent().is_some_and(|dir| dirs.iter().any(|other| other == dir)))
            .filter(|one| !self.live.contains_key(&(one.home, one.id().to_owned())) && mine(one))
            .filter_map(|one| Some((written(one)?, one)))
            .max_by_key(|(modified, _)| *modified)
            .map(|(_, one)| one)
    }
}

fn works(holder: &Holder) -> u8 {
    match holder.status.as_deref() {
        Some("busy") => 2,
        Some("waiting") => 1,
        _ => 0,
    }
}

fn of_record(record: RegistryRecord, home: usize) -> Holder {
    let kind = match (record.kind.as_deref(), record.entrypoint.as_deref()) {
        (Some("bg"), _) => Kind::Background,
        (_, Some("sdk-cli" | "sdk-ts" | "sdk-py")) => Kind::Print,
        _ => Kind::Interactive,
    };
    Holder {
        pid: record.pid,
        home,
        kind,
        proof: HeldBy::Registry,
        status_since: record.status_updated_at.and_then(from_epoch_millis),
        started_at: record.started_at.and_then(from_epoch_millis),
        name: record.name.filter(|_| record.name_source.as_deref() == Some("user")),
        session: record.session_id,
        status: record.status,
        waiting_for: record.waiting_for,
        job: record.job_id.filter(|job| job.len() == 8 && job.bytes().all(|byte| byte.is_ascii_hexdigit())),
        version: record.version,
        others: Vec::new(),
    }
}

/// Whether a process that no registry names is a client with a session. Its name alone proves nothing: the program that
/// runs must be Claude Code's, or an interpreter that runs it (clients up to 2.1.79 were scripts that call themselves
/// `claude`).
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
    // A client that keeps a registry and is in none of ours belongs to a configuration directory we do not know.
    if version_of(&program).is_some_and(ClientVersion::registers) {
        return false;
    }
    let path = program.to_string_lossy();
    path.contains("claude-code") || path.contains("/claude/versions/")
}

/// The version of an installed client: in its path, or in the package beside it.
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

/// The session that a command line names, by its id or by its transcript.
#[must_use]
pub fn named_session(line: &[String]) -> Option<String> {
    named_in(line).and_then(session_of).map(str::to_owned)
}

/// What a command line names a session by.
fn named_in(line: &[String]) -> Option<&str> {
    // A fork gets an id of its own.
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

/// Whether a transcript may be one of this configuration directory: the file there is the same, or nobody can tell.
fn may_be_in(dir: &Path, transcript: &Path) -> bool {
    let mut from_end = transcript.iter().rev();
    let (Some(name), Some(project)) = (from_end.next(), from_end.next()) else { return true };
    let own = ClaudeHome::new(dir).projects().join(project).join(name);
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
    fn a_client_is_known_by_the_program_it_runs() {
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

    #[test]
    fn the_command_line_names_the_session_only_with_its_id() {
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
