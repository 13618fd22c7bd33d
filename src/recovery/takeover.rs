//! Handles a takeover: the user opens a session, perhaps during an unattended run. The user has priority.
//!
//! The `SessionStart` hook records the user's client in the incident, under the session's lock. A run that
//! has not started then never starts. An active run is ended by its supervisor, which reads that record five
//! times a second and verifies what the run did. The hook normally waits for this. If the supervisor does not
//! act, the hook ends the run, and records its result once its lease is free. All of this must fit into the
//! ten seconds that the client gives the hook.

use super::incident::{OpenedByUser, Run, RunResult, StartedProcess};
use super::readiness::is_alive;
use super::resume::{Resumer, signal_group};
use crate::claude::record::{Body, parse_line};
use crate::claude::transcript::{LONGEST_LINE, Transcript};
use crate::config::Transport;
use crate::error::Result;
use crate::store::lock::Lock;
use chrono::{DateTime, Utc};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

/// Longest time from the record to the answer of the hook.
const BUDGET: Duration = Duration::from_millis(7500);
/// Time for the supervisor to end the run before the hook does.
const SUPERVISOR_FIRST: Duration = Duration::from_millis(1200);
/// Time after which the hook kills the process group. The supervisor
/// does so after [`super::resume::TAKEOVER_GRACE`].
const FORCE: Duration = Duration::from_millis(5500);
const STEP: Duration = Duration::from_millis(50);

/// Result of opening a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Takeover {
    /// No run was active in the session.
    NoRun,
    /// The run was ended, and its work is verified.
    Ended {
        result: Box<RunResult>,
        /// Whether the run wrote records after the user's client was started, which may not have read them.
        unread: bool,
    },
    /// The run could not be ended in time.
    StillRunning {
        /// Process of the run, if known.
        pid: Option<u32>,
    },
}

/// Ends an active run in a session that the user's client has opened.
///
/// # Errors
/// Those of the ledger.
pub fn take_over(resumer: &Resumer<'_>, session: &str, client: Option<StartedProcess>) -> Result<Takeover> {
    let ledger = resumer.reading.ledger;
    let processes = resumer.reading.processes;
    let opened = OpenedByUser { at: ledger.clock.now(), client };
    let mut open: Option<(Run, std::path::PathBuf)> = None;
    ledger.change(session, |slot| {
        let Some(incident) = slot.as_mut().filter(|incident| !incident.phase.is_over()) else { return };
        incident.opened = Some(opened.clone());
        let nonce = incident.open_run().map(|(_, run)| run.nonce.clone());
        let transcript = incident.transcript.clone();
        let run = nonce.and_then(|nonce| incident.run_mut(&nonce));
        // A session that was started in a window or in the background is left for the user to continue.
        if let Some(run) = run.filter(|run| run.transport == Transport::Print) {
            run.taken_over.get_or_insert_with(|| opened.clone());
            open = Some((run.clone(), transcript));
        }
    })?;
    let Some((begun, transcript)) = open else { return Ok(Takeover::NoRun) };
    let started = ledger.clock.since_boot();
    let (mut asked, mut forced) = (false, false);
    loop {
        let Some(incident) = ledger.read(session)? else { return Ok(Takeover::NoRun) };
        let mut runs = incident.attempts.iter().filter_map(|attempt| attempt.run.as_deref());
        // A withdrawn intent leaves no run.
        let Some(run) = runs.find(|run| run.nonce == begun.nonce) else { return Ok(Takeover::NoRun) };
        if let Some(result) = &run.result {
            let unread = newest_of_run(&transcript, run).is_some_and(|newest| {
                client_started(&opened, resumer).is_none_or(|started| newest > started)
            });
            return Ok(Takeover::Ended { result: Box::new(result.clone()), unread });
        }
        let elapsed = ledger.clock.since_boot().saturating_sub(started);
        let alive = run.child.as_ref().filter(|child| is_alive(child, processes));
        match alive {
            Some(child) if elapsed > FORCE && !forced => {
                signal_group(child.pid, true);
                forced = true;
            }
            Some(child) if elapsed > SUPERVISOR_FIRST && !asked => {
                signal_group(child.pid, false);
                asked = true;
            }
            Some(_) => {}
            None => {
                if let Some(_lease) = Lock::try_take(&ledger.state.run_lease(session))? {
                    resumer.settle_orphan(&incident)?;
                }
            }
        }
        if elapsed > BUDGET {
            return Ok(Takeover::StillRunning { pid: alive.map(|child| child.pid) });
        }
        ledger.clock.sleep(STEP);
    }
}

/// Returns the start time of the user's client, which may have read everything written before it.
fn client_started(opened: &OpenedByUser, resumer: &Resumer<'_>) -> Option<DateTime<Utc>> {
    let pid = opened.client.as_ref()?.pid;
    let table = resumer.reading.processes.table();
    table.into_iter().find(|process| process.pid == pid)?.started_at
}

/// Returns the time of the newest message that a run wrote. Print runs identify themselves in every record.
fn newest_of_run(transcript: &Path, run: &Run) -> Option<DateTime<Utc>> {
    let opened = Transcript::open(transcript).ok()?;
    let mut file = opened.file();
    file.seek(SeekFrom::Start(run.bytes_before)).ok()?;
    let mut reader = BufReader::new(file);
    let mut newest = None;
    let mut line = Vec::new();
    loop {
        line.clear();
        let count = (&mut reader).take(LONGEST_LINE as u64).read_until(b'\n', &mut line).ok()?;
        if count == 0 {
            return newest;
        }
        for record in parse_line(0, &line) {
            let said = matches!(record.body, Body::User(_) | Body::Assistant(_));
            let of_run = record.head.entrypoint.as_deref().is_some_and(|name| name.starts_with("sdk"));
            if said && of_run {
                newest = newest.max(record.head.at);
            }
        }
    }
}

impl Takeover {
    /// Message for the user in the window.
    #[must_use]
    pub fn for_user(&self, session: &str) -> Option<String> {
        match self {
            Self::NoRun => None,
            Self::Ended { result, unread } => {
                let mut text = format!(
                    "cc-session-recover was continuing this session unattended and ended that run when you opened it ({}). The session is yours.",
                    work(result)
                );
                if let Some(damage) = &result.damage {
                    let _ =
                        write!(text, " Warning: {damage}. `cc-session-recover report` names the snapshot.");
                } else if *unread {
                    let _ = write!(
                        text,
                        " The run wrote its last messages while this window was opening: close the window and run `claude --resume {session}` again before you type, or the conversation continues without them."
                    );
                }
                Some(text)
            }
            Self::StillRunning { pid } => {
                let process = pid.map_or_else(String::new, |pid| format!(" (process {pid})"));
                Some(format!(
                    "Do not type here yet: cc-session-recover is still continuing this session unattended{process} and could not end that run in time. A prompt typed now would fork the conversation. Close this window, run `cc-session-recover cancel {session}`, and open the session again."
                ))
            }
        }
    }

    /// Message for the model about the ended run.
    #[must_use]
    pub fn for_model(&self) -> Option<&'static str> {
        match self {
            Self::NoRun | Self::StillRunning { .. } => None,
            Self::Ended { .. } => Some(
                "cc-session-recover: an unattended run of this session was ended because the user opened it. Its last tool call may or may not have taken effect: check before running it again. This is a status report, not a request.",
            ),
        }
    }
}

fn work(result: &RunResult) -> String {
    let count = |number: usize, one: &str| format!("{number} {one}{}", if number == 1 { "" } else { "s" });
    let mut parts = vec![count(result.answers, "answer"), count(result.calls, "tool call")];
    if !result.files.is_empty() {
        parts.push(format!("changed {}", result.files.join(", ")));
    }
    if !result.commits.is_empty() {
        parts.push(count(result.commits.len(), "commit"));
    }
    parts.join(", ")
}
