//! A state: whether a session lives and whether it works, with the evidence for it.
//!
//! Hung is said only of a client that lives, says it is busy, has written nothing for long, runs no tool, and hears nothing
//! from the network. Processor time alone tells nothing (a busy terminal client uses 3 to 6 % whether it thinks or hangs,
//! measured with 2.1.329); it only vetoes.

use super::owners::{ClientWord, HeldBy, OwnerProcess, SessionOwners};
use super::stop::{Evidence, Source, Stop, StopKind};
use super::summary::Summary;
use crate::claude::process::Reception;
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::time::Duration;

/// Whether a session lives, and whether its work is done. `current`: the caller's own. `active`: a process holds it.
/// `hung`: a process holds it, says it is busy, and shows no sign of work. `orphaned`: no process, unfinished.
/// `completed`: no process, last turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "SessionState"))]
pub enum State {
    Current,
    /// A process holds it.
    Active,
    /// A process holds it, says it is busy, and shows no sign of work.
    Hung,
    /// No process, and its work is unfinished.
    Orphaned,
    /// No process, and its last turn ended.
    Completed,
    /// No process, and no conversation in its transcript.
    Empty,
}

impl State {
    pub const ALL: [Self; 6] =
        [Self::Current, Self::Active, Self::Hung, Self::Orphaned, Self::Completed, Self::Empty];
}

/// What a live client is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "SessionActivity"))]
pub enum Activity {
    /// A turn is under way.
    Busy,
    /// It waits for the next prompt.
    Idle,
    /// It waits for a person: a permission, an answer, a choice.
    Waiting,
}

/// What can be seen of a live client from outside.
#[derive(Debug, Clone)]
pub struct Signs {
    /// Time since the newest message of the conversation or of a subagent, or since the client's word changed.
    pub quiet: Option<Duration>,
    /// The process is stopped by a signal.
    pub stopped: bool,
    /// Programs below it that were started since the newest message and are no hooks of ours.
    pub tools: Vec<String>,
    /// The open tool call.
    pub open_call: Option<String>,
    /// What came from the network.
    pub reception: Reception,
    /// Requests that were logged since the newest message; more than one means that it was sent again.
    pub requests: usize,
    /// Time since the newest of them.
    pub since_request: Option<Duration>,
    /// Share of one processor in percent.
    pub cpu_percent: Option<f64>,
}

#[derive(Debug, Clone)]
pub struct Verdict {
    pub state: State,
    /// What it does, when it lives.
    pub activity: Option<Activity>,
    /// Share of one processor in percent, where it was measured.
    pub cpu_percent: Option<f64>,
    /// What this rests on.
    pub evidence: Vec<Evidence>,
}

/// From this share of a processor on a client computes.
const COMPUTES: f64 = 60.0;
/// A connection is made, and its request sent, within this time after the request is logged.
const UNDER_WAY: Duration = Duration::from_secs(5);
/// So many requests without an answer, each given up by the client itself after 5 to 6 minutes, leave no doubt.
const SENT_OFTEN: usize = 3;

/// What a client does, by its own word, else by how the conversation stands.
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

/// What an unfinished turn is when its client says that it is idle: the client was opened after the turn broke off, or a
/// person took the prompt back.
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
        (true, true) => (StopKind::Closed, "the client that holds it now was opened after that, and is idle"),
        (true, false) => {
            (StopKind::Crashed, "the client that holds it now was opened after that, and is idle")
        }
        (false, _) => (StopKind::Interrupted, "its client is idle: the prompt was taken back"),
    };
    stop.kind = kind;
    stop.evidence.push(Evidence::new(Source::Registry, fact));
}

/// The state of a session that no process has open.
#[must_use]
pub fn without_owner(stop: &Stop) -> Verdict {
    let nobody = Evidence::new(Source::Registry, "no live client is registered for it");
    let (state, fact) = match stop.kind {
        StopKind::Empty => (State::Empty, "its transcript holds no conversation"),
        StopKind::Finished | StopKind::Interrupted if !stop.unanswered => {
            (State::Completed, "its last turn has ended")
        }
        _ => (State::Orphaned, "its last turn has not ended well"),
    };
    let evidence = vec![nobody, Evidence::new(Source::Transcript, fact)];
    Verdict { state, activity: None, cpu_percent: None, evidence }
}

/// The state of a session that a process has open.
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
                "process {} is a client without a registry, and this is the transcript of its directory that grew since",
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
            evidence.push(Evidence::new(Source::Registry, format!("the client says {status}: {what}")));
        }
        (Some(status), _) => {
            evidence.push(Evidence::new(Source::Registry, format!("the client says {status}")));
        }
        (None, _) => evidence.push(Evidence::new(
            Source::Transcript,
            "what it does is read from the end of the transcript; this client gives no word",
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

/// Whether a busy client hangs, and why or why not.
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
        say(Source::Process, format!("a program it started runs: {}", signs.tools.join(", ")));
        return (false, reasons);
    }
    if let Some(percent) = signs.cpu_percent {
        say(Source::Process, format!("it uses {percent:.0} % of a processor"));
        if percent >= COMPUTES {
            return (false, reasons);
        }
    }
    if let Some(name) = signs.open_call.as_deref().filter(|name| runs_elsewhere(name)) {
        say(
            Source::Transcript,
            format!("{name} runs in another process, which can take as long as it likes"),
        );
        return (false, reasons);
    }
    say(Source::Process, "no program it started since runs".to_owned());
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
            say(Source::Process, "it has no connection".to_owned());
            (true, reasons)
        }
        Reception::Last(since) => {
            say(Source::Process, format!("its connections have been silent for {}", words(since)));
            // A request that is sent again gets a connection of its own, which is younger than the silence: it continues
            // that of the first.
            let owed =
                signs.since_request.filter(|_| sent_again).map_or(hung_after, |age| age.min(hung_after));
            (since + UNDER_WAY.min(hung_after / 4) >= owed, reasons)
        }
    }
}

/// Tools whose work is done by a process that was there before: nothing of it can be seen below the client.
fn runs_elsewhere(tool: &str) -> bool {
    tool.starts_with("mcp__")
}

/// A length of time, coarsely.
fn words(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

/// A session that was open when its client or the machine died, and was not opened again since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct OpenAtCrash {
    /// `machine`: before the present boot. `client`: the process alone died.
    pub died: Died,
    /// When it was last heard of.
    #[serde(serialize_with = "super::stop::time_or_null")]
    pub at: Option<DateTime<Utc>>,
    /// Facts that this rests on.
    pub evidence: Vec<Evidence>,
}

/// What died while the session was open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "CrashedPart"))]
pub enum Died {
    /// The machine: it was started since.
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
    fn a_silent_busy_client_without_a_tool_hangs() {
        assert!(hung(|_| {}));
        assert!(hung(|signs| signs.reception = Reception::NoConnection));
        assert!(hung(|signs| signs.open_call = Some("Bash".into())), "its program is gone");
    }

    #[test]
    fn a_request_that_was_sent_again_continues_the_silence_of_the_first() {
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
    fn work_is_never_a_hang() {
        assert!(!hung(|signs| signs.quiet = Some(Duration::from_secs(599))), "not long enough");
        assert!(!hung(|signs| signs.tools = vec!["cargo".into()]), "a long tool");
        assert!(!hung(|signs| signs.reception = Reception::Last(Duration::from_secs(3))), "slow thinking");
        assert!(!hung(|signs| signs.open_call = Some("mcp__db__query".into())), "a server's tool");
        assert!(!hung(|signs| signs.cpu_percent = Some(99.0)), "it computes");
        assert!(!hung(|signs| signs.quiet = None), "nothing is known");
    }

    #[test]
    fn where_connections_cannot_be_seen_only_a_second_request_tells() {
        assert!(!hung(|signs| signs.reception = Reception::Unknown));
        assert!(hung(|signs| {
            signs.reception = Reception::Unknown;
            signs.requests = 2;
        }));
    }
}
