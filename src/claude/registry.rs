//! Reads the registry: the file `sessions/<pid>.json` that each client maintains while it runs (terminal
//! clients from
//! 2.1.79, every client from 2.1.120).
//!
//! A record outlives a client that was killed, so it proves nothing by itself: the process must be
//! running and have the start time that the record names. The `.key` files next to the records contain
//! secrets and are never opened.

use super::home::{ClaudeHome, is_session_id};
use super::process::Processes;
use crate::error::{Code, Error};
use crate::fs::read_small;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Maximum size of a record, in bytes.
const LARGEST: u64 = 256 * 1024;
/// Delay before rereading a record that a client is writing.
const BEING_WRITTEN: std::time::Duration = std::time::Duration::from_millis(20);
/// Maximum time from the start of a client to its record, in milliseconds. Measured: 0.5 to 2 s, and over
/// 10 s on a busy machine. A larger difference suggests a container with the same home, where the process
/// id names another process.
const FIRST_RECORD: i64 = 120_000;

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistryRecord {
    pub pid: u32,
    /// Current session; `/clear` and `/resume` change it.
    pub session_id: String,
    #[serde(default, deserialize_with = "lenient")]
    pub cwd: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub version: Option<String>,
    /// Start token of the process; see [`Processes::start_token`].
    #[serde(default, deserialize_with = "text_or_number")]
    pub proc_start: Option<String>,
    /// Namespace in which the process id is valid (from 2.1.260).
    #[serde(default, deserialize_with = "lenient")]
    pub pid_domain: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub started_at: Option<i64>,
    /// `interactive` (also for `-p`), `bg`, ...
    #[serde(default, deserialize_with = "lenient")]
    pub kind: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub entrypoint: Option<String>,
    /// Job id of a background session, which `claude attach` and `claude stop` accept.
    #[serde(default, deserialize_with = "lenient")]
    pub job_id: Option<String>,
    /// Time of the last change of `status`, in epoch milliseconds.
    #[serde(default, deserialize_with = "lenient")]
    pub status_updated_at: Option<i64>,
    /// `busy`, `idle`, `waiting`; absent in older clients.
    #[serde(default, deserialize_with = "lenient")]
    pub status: Option<String>,
    /// What the client waits for if the status is `waiting`.
    #[serde(default, deserialize_with = "lenient")]
    pub waiting_for: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub name: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub name_source: Option<String>,
}

/// Treats a value of the wrong type as absent, so that the fields that identify the process
/// can still be used.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    from: D,
) -> std::result::Result<Option<T>, D::Error> {
    let value = Value::deserialize(from)?;
    Ok(serde_json::from_value(value).ok())
}

fn text_or_number<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

/// Relation between a record and its process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// The process is running and is the one that wrote the record.
    Live,
    /// The process does not exist, or its id was reused.
    Stale,
    /// The process id belongs to another namespace (a container) and cannot be checked from here.
    Elsewhere,
}

impl RegistryRecord {
    /// Compares the record with the running processes.
    #[must_use]
    pub fn proof(&self, processes: &dyn Processes) -> Proof {
        if let (Some(theirs), Some(ours)) = (&self.pid_domain, processes.domain())
            && theirs.contains(":pid:")
            && !theirs.ends_with(&format!(":{ours}"))
        {
            return Proof::Elsewhere;
        }
        match (processes.start_token(self.pid), &self.proc_start) {
            (Some(token), Some(recorded)) if cfg!(target_os = "linux") => {
                if token == *recorded {
                    Proof::Live
                } else {
                    Proof::Stale
                }
            }
            // The first clients with a registry (2.1.79) recorded no token, only their start time.
            (Some(token), None) if cfg!(target_os = "linux") => {
                let process = processes
                    .table()
                    .into_iter()
                    .find(|process| process.pid == self.pid && process.start_token == token);
                match (process.and_then(|process| process.started_at), self.started_at) {
                    (Some(started), Some(recorded))
                        if (-FIRST_RECORD..=1000).contains(&(started.timestamp_millis() - recorded)) =>
                    {
                        Proof::Live
                    }
                    _ => Proof::Stale,
                }
            }
            // Other systems record other tokens. There, the process must not have started later than the
            // record says (2 s tolerance).
            (Some(token), _) if !cfg!(target_os = "linux") => {
                let started = token.parse::<i64>().unwrap_or(i64::MAX);
                if self.started_at.is_none_or(|recorded| started <= recorded / 1000 + 2) {
                    Proof::Live
                } else {
                    Proof::Stale
                }
            }
            _ => Proof::Stale,
        }
    }
}

/// Reads the registry record of one process.
#[must_use]
pub fn read_record(home: &ClaudeHome, pid: u32) -> Option<RegistryRecord> {
    read_path(&home.sessions().join(format!("{pid}.json")))
}

fn read_path(path: &Path) -> Option<RegistryRecord> {
    let bytes = read_small(path, LARGEST).ok()??;
    serde_json::from_slice::<RegistryRecord>(&bytes).ok().filter(|record| is_session_id(&record.session_id))
}

/// Reads all records, live or stale, in ascending order of process id.
#[must_use]
pub fn read_records(home: &ClaudeHome) -> Vec<RegistryRecord> {
    read_records_with(home, &mut Vec::new())
}

/// Reads all records as [`read_records`] does, and reports an unreadable one as a problem, because its client
/// may have a session open.
pub fn read_records_with(home: &ClaudeHome, problems: &mut Vec<Error>) -> Vec<RegistryRecord> {
    let mut paths: Vec<(u32, PathBuf)> = std::fs::read_dir(home.sessions())
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            Some((name.strip_suffix(".json")?.parse().ok()?, entry.path()))
        })
        .collect();
    paths.sort();
    let mut records = Vec::new();
    for (pid, path) in paths {
        // A record that is being written is complete a moment later.
        let record = read_path(&path).or_else(|| {
            std::thread::sleep(BEING_WRITTEN);
            read_path(&path)
        });
        match record {
            Some(record) if record.pid == pid => records.push(record),
            Some(_) => {}
            // The client has exited in the meantime.
            None if !path.exists() => {}
            None => problems.push(
                Error::new(
                    Code::TranscriptUnreadable,
                    format!("process {pid} may have a session open, but its record cannot be read"),
                )
                .at(&path),
            ),
        }
    }
    records
}

/// Returns the live record of the process that has this session open.
#[must_use]
pub fn live_holder(home: &ClaudeHome, session: &str, processes: &dyn Processes) -> Option<RegistryRecord> {
    read_records(home)
        .into_iter()
        .find(|record| record.session_id == session && record.proof(processes) == Proof::Live)
}

/// Returns the process id of the client that runs a session's hooks: `told` from its variable, or from the
/// registry, which is the only source for clients before 2.1.220.
#[must_use]
pub fn client_pid(
    told: Option<u32>,
    home: &ClaudeHome,
    session: &str,
    processes: &dyn Processes,
) -> Option<u32> {
    told.or_else(|| live_holder(home, session, processes).map(|record| record.pid))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Table(Vec<(u32, &'static str)>);

    impl Processes for Table {
        fn start_token(&self, pid: u32) -> Option<String> {
            self.0.iter().find(|(id, _)| *id == pid).map(|(_, token)| (*token).to_owned())
        }
        fn domain(&self) -> Option<String> {
            Some("pid:[4026531836]".to_owned())
        }
    }

    fn fixture(name: &str) -> RegistryRecord {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/registry").join(name);
        read_path(&path).unwrap()
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_record_is_trusted_only_with_its_process_and_start_time() {
        let record = fixture("interactive-idle.json");
        assert_eq!(record.proof(&Table(vec![(10185, "238268")])), Proof::Live);
        assert_eq!(record.proof(&Table(vec![(10185, "238269")])), Proof::Stale, "a reused process id");
        assert_eq!(record.proof(&Table(vec![])), Proof::Stale);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_record_without_a_start_token_is_trusted_if_its_process_began_shortly_before() {
        use crate::claude::process::Process;
        use crate::clock::from_epoch_millis;
        use chrono::{DateTime, Utc};

        /// One process with a given start time.
        struct Begun(u32, DateTime<Utc>);

        impl Processes for Begun {
            fn start_token(&self, pid: u32) -> Option<String> {
                (pid == self.0).then(|| "1".to_owned())
            }
            fn domain(&self) -> Option<String> {
                None
            }
            fn table(&self) -> Vec<Process> {
                vec![Process {
                    pid: self.0,
                    start_token: "1".into(),
                    started_at: Some(self.1),
                    ..Process::default()
                }]
            }
        }

        let record = RegistryRecord { proc_start: None, ..fixture("interactive-idle.json") };
        let recorded = record.started_at.unwrap();
        for (began, proof) in [
            (-FIRST_RECORD - 1, Proof::Stale),
            (-FIRST_RECORD, Proof::Live),
            (-15_000, Proof::Live),
            (-700, Proof::Live),
            (1000, Proof::Live),
            (1001, Proof::Stale),
        ] {
            let began_at = from_epoch_millis(recorded + began).unwrap();
            assert_eq!(record.proof(&Begun(record.pid, began_at)), proof, "{began} ms from the record");
        }
        assert_eq!(record.proof(&Table(vec![(record.pid, "1")])), Proof::Stale, "no one tells when it began");
    }

    #[test]
    fn a_record_of_another_process_id_namespace_cannot_be_verified() {
        let mut record = fixture("busy-hung.json");
        record.pid_domain = Some("linux:0:pid:[1]".into());
        assert_eq!(record.proof(&Table(vec![(record.pid, "1")])), Proof::Elsewhere);
    }

    #[test]
    fn reads_every_recorded_sample() {
        for name in [
            "background",
            "busy-hung",
            "idle-after-quota",
            "stale-after-sigkill",
            "waiting-input",
            "waiting-permission",
            "waiting-quota-dialog",
        ] {
            let record = fixture(&format!("{name}.json"));
            assert!(record.proc_start.is_some() && record.status.is_some(), "{name}");
        }
    }
}
