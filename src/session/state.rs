//! Determines whether a session is alive and whether it is working, with the evidence.
//!
//! A session is reported as hung only if its client is alive, reports that it is busy, has written nothing
//! for a long time, runs no tool, and receives nothing from the network. Processor time alone proves nothing
//! (a busy terminal client uses 3 to 6 % whether it thinks or hangs, measured with 2.1.329); it can only
//! exclude a hang.

use super::owners::{ClientWord, HeldBy, OwnerProcess, SessionOwners};
use super::stop::{Evidence, Source, Stop, StopKind};
use super::summary::Summary;
use crate::claude::process::Reception;
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::time::Duration;

/// Whether a session is live, and whether its work is done. `current`: this is the caller's own session.
/// `active`: a process has it open. `hung`: a process has it open and reports that it is busy, but shows no
/// sign of work. `orphaned`: no process has it open, and its work is unfinished. `completed`: no process has
/// it open, and its last turn ended. `empty`: no process has it open, and it contains no conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "SessionState"))]
pub enum State {
    Current,
    /// A process has the session open.
    Active,
    /// A process has it open and reports that it is busy, but shows no sign of work.
    Hung,
    /// No process has it open, and its work is unfinished.
    Orphaned,
    /// No process has it open, and its last turn ended.
    Completed,
    /// No process has it open, and its transcript contains no conversation.
    Empty,
}

impl State {
    pub const ALL: [Self; 6] =
        [Self::Current, Self::Active, Self::Hung, Self::Orphaned, Self::Completed, Self::Empty];
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "SessionActivity"))]
pub enum Activity {
    /// A turn is in progress.
    Busy,
    /// Waits for the next prompt.
    Idle,
    /// The client waits for the user: for a permission, an answer, or a choice.
    Waiting,
}

/// Signs of work of a live client that are visible from outside.
#[derive(Debug, Clone)]
pub struct Signs {
    /// Time since the newest message of the conversation or of a subagent, or since
    /// the reported status changed.
    pub quiet: Option<Duration>,
    /// Whether a signal has stopped the process.
    pub stopped: bool,
    /// Descendant programs that were started since the newest message, except this tool's own hooks.
    pub tools: Vec<String>,
    pub open_call: Option<String>,
    /// Data received from the network.
    pub reception: Reception,
    /// Number of requests logged since the newest message; more than one means a retry.
    pub requests: usize,
    /// Time since the newest of these requests.
    pub since_request: Option<Duration>,
    /// Share of one processor, in percent.
    pub cpu_percent: Option<f64>,
}

#[derive(Debug, Clone)]
pub struct Verdict {
    pub state: State,
    /// What a live client is doing.
    pub activity: Option<Activity>,
    /// Share of one processor in percent, if measured.
    pub cpu_percent: Option<f64>,
    pub evidence: Vec<Evidence>,
}

/// Minimum share of a processor, in percent, that counts as work.
const COMPUTES: f64 = 60.0;
/// Maximum time from logging a request until its connection is open and the request is sent.
const UNDER_WAY: Duration = Duration::from_secs(5);
/// Number of unanswered requests that proves a hang. The client itself abandons each after 5 to 6 minutes.
const SENT_OFTEN: usize = 3;

/// Determines what a client is doing, from the status that it reports or, without one, from the end of the
/// conversation.
#[must_use]
pub fn activity(owner: &OwnerProcess, stop: StopKind) -> Activity {
    match owner.word() {
        ClientWord::Busy => Activity::Busy,
        ClientWord::Waiting | ClientWord::Dialog => Activity::Waiting,
        ClientWord::Idle => Activity::Idle,
        ClientWord::Silent => match stop {
            StopKind::Running | StopKind::Unknown => Activity::Busy,
            StopKind::Waiting => Activity::Waiting,
            _ => Activity::Idle,
        },
    }
}

/// Reclassifies an unfinished turn whose client reports that it is idle: the client was opened after the turn
/// was interrupted, or the user withdrew the prompt.
pub fn settle(summary: &mut Summary, owner: &OwnerProcess) {
    let stop = &mut summary.stop;
    if stop.kind != StopKind::Running || activity(owner, stop.kind) != Activity::Idle {
        return;
    }
    let reopened = match (owner.started_at, stop.at) {
        (Some(started), Some(at)) => started > at,
        _ => false,
    };
    let (kind, fact) = match (reopened, summary.graceful) {
        (true, true) => {
            (StopKind::Closed, "the client that has it open now was started after that and is idle")
        }
        (true, false) => {
            (StopKind::Crashed, "the client that has it open now was started after that and is idle")
        }
        (false, _) => (StopKind::Interrupted, "its client is idle: the prompt was withdrawn"),
    };
    stop.kind = kind;
    stop.evidence.push(Evidence::new(Source::Registry, fact));
}

/// Returns the state of a session that no process has open.
#[must_use]
pub fn without_owner(stop: &Stop) -> Verdict {
    let nobody = Evidence::new(Source::Registry, "no live client is registered for it");
    let (state, fact) = match stop.kind {
        StopKind::Empty => (State::Empty, "its transcript contains no conversation"),
        StopKind::Finished | StopKind::Interrupted if !stop.unanswered => {
            (State::Completed, "its last turn has ended")
        }
        _ => (State::Orphaned, "its last turn did not end normally"),
    };
    let evidence = vec![nobody, Evidence::new(Source::Transcript, fact)];
    Verdict { state, activity: None, cpu_percent: None, evidence }
}

/// Returns the state of a session that a process has open.
#[must_use]
pub fn with_owners(
    owner: &OwnerProcess,
    owners: &SessionOwners,
    stop: &Stop,
    own: bool,
    signs: Option<&Signs>,
    hung_after: Duration,
) -> Verdict {
    let mut evidence = vec![match owner.proof {
        HeldBy::Registry => Evidence::new(
            Source::Registry,
            format!("process {} is registered for it and has the start time of that record", owner.pid),
        ),
        HeldBy::Processes => Evidence::new(
            Source::Process,
            format!(
                "process {} is a client without a registry record, and this transcript of its directory grew since it started",
                owner.pid
            ),
        ),
    }];
    for other in owners.live.iter().filter(|other| other.pid != owner.pid) {
        let fact = format!("{} too: the conversation forks as soon as both continue", other.has_it_open());
        evidence.push(Evidence::new(Source::Registry, fact));
    }
    let activity = activity(owner, stop.kind);
    match (&owner.status, &owner.waiting_for) {
        (Some(status), Some(what)) if activity == Activity::Waiting => {
            evidence.push(Evidence::new(Source::Registry, format!("the client reports {status}: {what}")));
        }
        (Some(status), _) => {
            evidence.push(Evidence::new(Source::Registry, format!("the client reports {status}")));
        }
        (None, _) => evidence.push(Evidence::new(
            Source::Transcript,
            "its activity is read from the end of the transcript, because this client reports no status",
        )),
    }
    let mut hung = false;
    if let Some(signs) = signs {
        if signs.stopped {
            evidence.push(Evidence::new(Source::Process, "the process is stopped by a signal"));
        }
        if activity == Activity::Busy {
            let (verdict, reasons) = is_hung(signs, hung_after);
            hung = verdict;
            evidence.extend(reasons);
        }
    }
    let state = match (own, hung) {
        (true, _) => State::Current,
        (false, true) => State::Hung,
        (false, false) => State::Active,
    };
    let cpu_percent = signs.and_then(|signs| signs.cpu_percent);
    Verdict { state, activity: Some(activity), cpu_percent, evidence }
}

/// Determines whether a busy client hangs, with the reasons.
fn is_hung(signs: &Signs, hung_after: Duration) -> (bool, Vec<Evidence>) {
    let mut reasons = Vec::new();
    let mut say = |source, fact: String| reasons.push(Evidence::new(source, fact));
    let Some(quiet) = signs.quiet else { return (false, reasons) };
    if quiet < hung_after {
        say(Source::Transcript, format!("the newest message is {} old", words(quiet)));
        return (false, reasons);
    }
    say(Source::Transcript, format!("no message for {}", words(quiet)));
    if signs.stopped {
        return (true, reasons);
    }
    if !signs.tools.is_empty() {
        say(Source::Process, format!("a program that it started is running: {}", signs.tools.join(", ")));
        return (false, reasons);
    }
    if let Some(percent) = signs.cpu_percent {
        say(Source::Process, format!("it uses {percent:.0} % of a processor"));
        if percent >= COMPUTES {
            return (false, reasons);
        }
    }
    if let Some(name) = signs.open_call.as_deref().filter(|name| runs_elsewhere(name)) {
        say(Source::Transcript, format!("{name} runs in another process, which may take any length of time"));
        return (false, reasons);
    }
    say(Source::Process, "no program that it started since is running".to_owned());
    if signs.requests >= SENT_OFTEN {
        say(Source::Transcript, format!("the request was sent {} times without an answer", signs.requests));
        return (true, reasons);
    }
    let sent_again = signs.requests > 1;
    if sent_again {
        say(Source::Transcript, "the request was sent again without an answer".to_owned());
    }
    match signs.reception {
        Reception::Unknown => (sent_again, reasons),
        Reception::NoConnection => {
            say(Source::Process, "it has no network connection".to_owned());
            (true, reasons)
        }
        Reception::Last(since) => {
            say(Source::Process, format!("its connections have been silent for {}", words(since)));
            // A retry gets a new connection, so the silence is measured from the first request.
            let owed =
                signs.since_request.filter(|_| sent_again).map_or(hung_after, |age| age.min(hung_after));
            (since + UNDER_WAY.min(hung_after / 4) >= owed, reasons)
        }
    }
}

/// Returns whether a process that already existed does a tool's work, so that no new process is visible below
/// the client.
fn runs_elsewhere(tool: &str) -> bool {
    tool.starts_with("mcp__")
}

/// Formats a duration with one unit.
fn words(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

/// A session that was open when its client or the machine crashed, and that has not been opened since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct OpenAtCrash {
    /// `machine`: the machine, which has been restarted since. `client`: only the client process.
    pub died: Died,
    /// Time of the session's last sign of life.
    #[serde(serialize_with = "super::stop::time_or_null")]
    pub at: Option<DateTime<Utc>>,
    /// Facts that support this conclusion.
    pub evidence: Vec<Evidence>,
}

/// What crashed while the session was open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "CrashedPart"))]
pub enum Died {
    /// The machine, which has been restarted since.
    Machine,
    Client,
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_mins(10);

    fn signs() -> Signs {
        Signs {
            quiet: Some(Duration::from_secs(700)),
            stopped: false,
            tools: Vec::new(),
            open_call: None,
            reception: Reception::Last(Duration::from_secs(700)),
            requests: 1,
            since_request: Some(Duration::from_secs(700)),
            cpu_percent: Some(4.0),
        }
    }

    fn hung(change: impl FnOnce(&mut Signs)) -> bool {
        let mut signs = signs();
        change(&mut signs);
        is_hung(&signs, LIMIT).0
    }

    #[test]
    fn a_silent_busy_client_without_a_tool_is_hung() {
        assert!(hung(|_| {}));
        assert!(hung(|signs| signs.reception = Reception::NoConnection));
        assert!(hung(|signs| signs.open_call = Some("Bash".into())), "its program is gone");
    }

    #[test]
    fn a_repeated_request_continues_the_silence_of_the_first() {
        let again = |signs: &mut Signs| {
            signs.requests = 2;
            signs.since_request = Some(Duration::from_mins(5));
            signs.reception = Reception::Last(Duration::from_secs(299));
        };
        assert!(hung(again));
        assert!(!hung(|signs| {
            again(signs);
            signs.reception = Reception::Last(Duration::from_secs(2));
        }));
    }

    #[test]
    fn a_working_client_is_never_hung() {
        assert!(!hung(|signs| signs.quiet = Some(Duration::from_secs(599))), "not long enough");
        assert!(!hung(|signs| signs.tools = vec!["cargo".into()]), "a long tool");
        assert!(!hung(|signs| signs.reception = Reception::Last(Duration::from_secs(3))), "slow thinking");
        assert!(!hung(|signs| signs.open_call = Some("mcp__db__query".into())), "a server's tool");
        assert!(!hung(|signs| signs.cpu_percent = Some(99.0)), "it computes");
        assert!(!hung(|signs| signs.quiet = None), "nothing is known");
    }

    #[test]
    fn without_visible_connections_only_a_second_request_counts_as_hung() {
        assert!(!hung(|signs| signs.reception = Reception::Unknown));
        assert!(hung(|signs| {
            signs.reception = Reception::Unknown;
            signs.requests = 2;
        }));
    }
}
