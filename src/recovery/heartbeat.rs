//! The heartbeat: the waiting half of a `StopFailure` hook in an open client.
//!
//! It sleeps on the wall clock in steps of at most 30 s. Each time it makes sure that the client still lives and holds
//! this session, that nothing newer than the stop is in the transcript, and that nobody cancelled. When the planned time
//! has come by the wall clock and by the boot clock, it writes the attempt down and wakes the session, once. In every
//! other case it ends in silence. The client's own continuation comes first and is then found in the transcript.

use super::due::DueByBoot;
use super::incident::{Attempt, Incident, Outcome, Phase};
use super::ledger::Ledger;
use super::policy::{Action, Terminal};
use crate::claude::home::ClaudeHome;
use crate::claude::process::Processes;
use crate::claude::registry::read_record;
use crate::claude::transcript::Transcript;
use crate::claude::wording::STATUS_REPORT;
use crate::clock::{Clock, rfc3339};
use crate::error::Code;
use crate::session::ending::Liveness;
use crate::session::summary::{Summary, summarize};
use crate::session::{Source, StopKind};
use crate::store::journal;
use crate::store::lock::Lock;
use chrono::{DateTime, Utc};
use serde_json::json;
use std::time::Duration;

/// Longest time between two checks.
const LONGEST_STEP: f64 = 30.0;
/// How long the error record is waited for; it comes 0.2 s after the hook starts.
const RECORD_WAIT: Duration = Duration::from_secs(5);
/// How long it is waited for where there is no conversation at all: an unsaved session, or a made-up path.
const NOTHING_WAIT: Duration = Duration::from_millis(500);
const RECORD_STEP: Duration = Duration::from_millis(40);
/// How long the lease is tried for.
const LEASE_WAIT: Duration = Duration::from_millis(250);
/// Time between two looks at an incident whose hook is still reading.
const ESTABLISHING: Duration = Duration::from_secs(1);
/// A record this much older than the hook belongs to an earlier stop.
const RECORD_AGE: chrono::Duration = chrono::Duration::seconds(60);

/// What a heartbeat works with.
#[derive(Clone, Copy)]
pub struct Heartbeat<'a> {
    /// Incidents on disk, with clock and configuration.
    pub ledger: Ledger<'a>,
    /// Processes of this machine.
    pub processes: &'a dyn Processes,
    /// Claude Code's configuration directory.
    pub home: &'a ClaudeHome,
}

/// The client as it is at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// It holds the session and takes a wake.
    Ready,
    /// It holds the session and is at work, or a dialog is open that would hold the wake.
    Occupied,
    /// It lives, but holds another session now.
    Elsewhere,
    /// It is gone.
    Gone,
}

/// What the transcript says at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// The stop is still the last thing in it.
    Same,
    /// A newer failure is.
    StoppedAgain,
    /// The client continued by itself.
    ContinuedByClient,
    /// A person cancelled the client's own continuation.
    Escaped,
    /// Something else is newer.
    MovedOn,
    /// It cannot be read.
    Lost,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// Look again after this time.
    Sleep(Duration),
    /// Take the newer failure as the stop.
    Adopt,
    /// Wake the session.
    Wake,
    /// End in silence; the incident gets this phase, `None` when it stays as it is.
    End(Option<Phase>, &'static str),
    /// End in silence and leave it to a person: the client is closed or has turned away.
    Leave(&'static str),
}

/// One look at everything that decides.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// The incident on disk.
    pub incident: Option<&'a Incident>,
    /// The client.
    pub client: Client,
    /// The transcript.
    pub seen: Seen,
    /// A person's Esc counts as "do not continue".
    pub escape_cancels: bool,
    /// Wall clock.
    pub now: DateTime<Utc>,
    /// Boot-clock time that must still go by, whatever the wall clock says.
    pub boot_left: Duration,
    /// Longest sleep.
    pub step: Duration,
}

/// Decides the next move: pure, so that every case can be tried.
#[must_use]
pub fn next_move(look: &Look<'_>) -> Move {
    let Some(incident) = look.incident else { return Move::End(None, "the incident is gone") };
    if !incident.phase.is_active() {
        return Move::End(None, "the incident is no longer waited for");
    }
    match look.client {
        Client::Gone => return Move::Leave("the client has ended"),
        Client::Elsewhere => return Move::Leave("the client turned to another session"),
        Client::Ready | Client::Occupied => {}
    }
    match look.seen {
        Seen::StoppedAgain => return Move::Adopt,
        Seen::ContinuedByClient => {
            return Move::End(Some(Phase::Recovered), "Claude Code continued by itself");
        }
        Seen::MovedOn => return Move::End(Some(Phase::MovedOn), "the session went on without us"),
        Seen::Escaped if look.escape_cancels => {
            return Move::End(Some(Phase::Cancelled), "a person cancelled the continuation");
        }
        Seen::Lost => return Move::Leave("the transcript can no longer be read"),
        Seen::Same | Seen::Escaped => {}
    }
    if incident.phase == Phase::Open {
        // The hook that reported it is still reading about it.
        return Move::Sleep(look.step.min(ESTABLISHING));
    }
    let (Action::Wake, Some(due)) = (incident.plan.action, incident.plan.at) else {
        return Move::End(None, "the plan is not to wake");
    };
    let wall_left = (due - look.now).to_std().unwrap_or(Duration::ZERO);
    let left = wall_left.max(look.boot_left);
    if !left.is_zero() {
        return Move::Sleep(left.min(look.step));
    }
    match look.client {
        Client::Occupied => Move::Sleep(look.step),
        _ => Move::Wake,
    }
}

/// How a heartbeat ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Wake the session with this text.
    Wake(String),
    /// Say nothing.
    Silent(&'static str),
}

/// Reads the transcript only when its size has changed.
struct Reader {
    bytes: Option<u64>,
    summary: Option<Summary>,
}

impl Reader {
    fn read(&mut self, path: &std::path::Path) -> Option<&Summary> {
        let transcript = Transcript::open(path).ok()?;
        if self.bytes != Some(transcript.bytes()) || self.summary.is_none() {
            self.bytes = Some(transcript.bytes());
            self.summary = Some(summarize(&transcript, Liveness::Live(None)));
        }
        self.summary.as_ref()
    }
}

impl Heartbeat<'_> {
    fn clock(&self) -> &dyn Clock {
        self.ledger.clock
    }

    /// Waits until the error record of a stop that a hook just reported is in the transcript, and completes the incident
    /// with it and with a plan. Without it after five seconds, the payload has to do.
    ///
    /// # Errors
    /// Those of the ledger.
    pub fn establish(&self, incident: &Incident) -> crate::error::Result<Option<Incident>> {
        let started = self.clock().since_boot();
        let reported = incident.stop.at.unwrap_or_else(|| self.clock().now());
        let mut reader = Reader { bytes: None, summary: None };
        let found = loop {
            let summary = reader.read(&incident.transcript).cloned();
            let fresh = summary.filter(|summary| {
                let at = summary.stop.at.unwrap_or(DateTime::UNIX_EPOCH);
                summary.stop.kind.is_failure() && summary.stop.record.is_some() && reported - at < RECORD_AGE
            });
            let nothing = reader.summary.as_ref().is_none_or(|summary| summary.stop.kind == StopKind::Empty);
            let patience = if nothing { NOTHING_WAIT } else { RECORD_WAIT };
            if fresh.is_some() || self.clock().since_boot().saturating_sub(started) > patience {
                break fresh;
            }
            self.clock().sleep(RECORD_STEP);
        };
        let generation = incident.generation;
        let terminal = self.terminal(incident);
        self.ledger.change(&incident.session, |incident| {
            let Some(incident) = incident.as_mut().filter(|incident| incident.generation == generation)
            else {
                return;
            };
            if let Some(summary) = &found {
                incident.complete(summary);
            } else {
                incident.saw(Source::Transcript, "the error record did not appear in the transcript");
                if let Some(summary) = &reader.summary {
                    incident.describe(summary);
                }
            }
            self.ledger.plan(incident, terminal);
        })
    }

    /// Waits for the planned time of a session's incident. Returns at once when another process already waits for it.
    #[must_use]
    pub fn wait(&self, session: &str) -> Ended {
        // A report takes the lease for an instant to see whether anybody waits.
        let mut lease = match Lock::wait(&self.ledger.state.waiter_lease(session), LEASE_WAIT) {
            Ok(lease) => Some(lease),
            Err(error) if error.code == Code::StateLocked => {
                return Ended::Silent("another process waits for this session");
            }
            Err(_) => return Ended::Silent("the lease could not be taken"),
        };
        let ended = self.wait_with(session, &mut lease);
        if let Ended::Silent(why) = &ended {
            journal::append(
                self.ledger.state,
                self.clock(),
                "waiter-ended",
                json!({"session": session, "why": why}),
            );
        }
        ended
    }

    fn wait_with(&self, session: &str, lease: &mut Option<Lock>) -> Ended {
        let mut reader = Reader { bytes: None, summary: None };
        let mut due_by_boot = DueByBoot::default();
        loop {
            let Ok(incident) = self.ledger.read(session) else {
                return Ended::Silent("the incident cannot be read");
            };
            let move_ = self.look(incident.as_ref(), &mut reader, &mut due_by_boot);
            match move_ {
                Move::Sleep(time) => self.clock().sleep(time),
                // Everything that changes the incident is decided again under its lock, so that a stop reported in
                // between is not lost: its hook finds our lease taken and relies on us.
                _ => match self.act(session, &mut reader, &mut due_by_boot, lease) {
                    Ok(Some(ended)) => return ended,
                    Ok(None) => {}
                    Err(_) => return Ended::Silent("the incident cannot be written"),
                },
            }
        }
    }

    fn look(&self, incident: Option<&Incident>, reader: &mut Reader, due_by_boot: &mut DueByBoot) -> Move {
        let now = self.clock().now();
        let heartbeat = &self.ledger.config.heartbeat;
        let (client, seen) = incident.map_or((Client::Gone, Seen::Lost), |incident| {
            (self.client(incident), seen(incident, reader.read(&incident.transcript)))
        });
        let due = incident.and_then(|incident| incident.plan.at);
        next_move(&Look {
            incident,
            client,
            seen,
            escape_cancels: heartbeat.escape_cancels,
            now,
            boot_left: due_by_boot.left(
                due,
                incident.map_or(0, |one| one.generation),
                incident.and_then(|one| one.timing.as_ref()),
                self.clock(),
            ),
            step: Duration::from_secs_f64(heartbeat.step_seconds.clamp(0.05, LONGEST_STEP)),
        })
    }

    /// Looks again and acts, under the lock. `None`: go on waiting.
    ///
    /// At the end the lease is given back under the lock too: a hook that reports a new stop after that finds it free,
    /// and one that reported before it was seen here.
    fn act(
        &self,
        session: &str,
        reader: &mut Reader,
        due_by_boot: &mut DueByBoot,
        lease: &mut Option<Lock>,
    ) -> crate::error::Result<Option<Ended>> {
        let mut ended = None;
        self.ledger.change(session, |slot| {
            let move_ = self.look(slot.as_ref(), reader, due_by_boot);
            match (move_, slot) {
                (Move::Sleep(_), _) => {}
                (Move::Adopt, Some(incident)) => {
                    if let Some(summary) = &reader.summary {
                        adopt(incident, summary, self.clock().now());
                        self.ledger.plan(incident, Terminal::Open);
                    }
                }
                (Move::Wake, Some(incident)) => ended = Some(Ended::Wake(self.wake(incident))),
                (Move::End(Some(phase), why), Some(incident)) => {
                    incident.settle(phase, Source::Transcript, why);
                    ended = Some(Ended::Silent(why));
                }
                (Move::Leave(why), Some(incident)) => {
                    incident.saw(Source::Process, why);
                    self.ledger.plan(incident, Terminal::Closed);
                    ended = Some(Ended::Silent(why));
                }
                (Move::End(_, why) | Move::Leave(why), _) => ended = Some(Ended::Silent(why)),
                (Move::Adopt | Move::Wake, None) => ended = Some(Ended::Silent("the incident is gone")),
            }
            if ended.is_some() {
                *lease = None;
            }
        })?;
        Ok(ended)
    }

    /// Writes the attempt down before it is made.
    fn wake(&self, incident: &mut Incident) -> String {
        let now = self.clock().now();
        let text = wake_text(incident, now);
        incident.attempts.push(Attempt {
            at: now,
            action: "wake".into(),
            answered: incident.stop.kind,
            outcome: Outcome::Pending,
            run: None,
        });
        incident.cycles.push(now);
        incident.phase = Phase::Attempting;
        incident.saw(Source::Clock, format!("woken at {}", rfc3339(now)));
        text
    }

    /// Whether the client of an incident is there.
    #[must_use]
    pub fn terminal(&self, incident: &Incident) -> Terminal {
        match self.client(incident) {
            Client::Ready | Client::Occupied => Terminal::Open,
            Client::Elsewhere | Client::Gone => Terminal::Closed,
        }
    }

    /// The client by process id and start time, and the session it holds by its registry record.
    fn client(&self, incident: &Incident) -> Client {
        let Some(pid) = incident.claude_pid else { return Client::Gone };
        let token = self.processes.start_token(pid);
        if token.is_none() || token != incident.claude_start {
            return Client::Gone;
        }
        match read_record(self.home, pid) {
            Some(record) if record.session_id != incident.session => Client::Elsewhere,
            Some(record) => match record.status.as_deref() {
                Some("busy" | "waiting") => Client::Occupied,
                _ => Client::Ready,
            },
            // Clients before 2.1.120 keep no registry; they cannot be woken either.
            None => Client::Ready,
        }
    }
}

/// Compares what the transcript ends with now with the stop of the incident.
pub(super) fn seen(incident: &Incident, summary: Option<&Summary>) -> Seen {
    let Some(summary) = summary.filter(|summary| summary.stop.kind != StopKind::Empty) else {
        return Seen::Lost;
    };
    let same = match &incident.stop.record {
        Some(record) => summary.stop.record.as_ref() == Some(record),
        // The error record was never seen: anything that is not newer than the report is older than the stop.
        None => !summary.stop.kind.is_failure() && summary.stop.at <= incident.stop.at,
    };
    if same {
        return if summary.escaped { Seen::Escaped } else { Seen::Same };
    }
    if summary.stop.kind.is_failure() && summary.stop.kind != StopKind::Unknown {
        Seen::StoppedAgain
    } else if summary.continued_by_client {
        Seen::ContinuedByClient
    } else {
        Seen::MovedOn
    }
}

/// A newer failure than the one we waited for, whose own hook left it to us.
pub(super) fn adopt(incident: &mut Incident, summary: &Summary, now: DateTime<Utc>) {
    for attempt in &mut incident.attempts {
        if attempt.outcome == Outcome::Pending {
            attempt.outcome = Outcome::StoppedAgain;
        }
    }
    incident.stop = summary.stop.clone();
    incident.phase = Phase::Open;
    incident.describe(summary);
    incident.saw(Source::Transcript, format!("stopped again, noticed at {}", rfc3339(now)));
}

/// The text that wakes the model: a report of the state, not a person's words.
fn wake_text(incident: &Incident, now: DateTime<Utc>) -> String {
    let stop = &incident.stop;
    let happened = match (stop.at, stop.resets_at) {
        (Some(at), Some(reset)) => {
            format!("at {} ({}); the limit reset at {}", rfc3339(at), stop.kind.words(), rfc3339(reset))
        }
        (Some(at), None) => format!("at {} ({})", rfc3339(at), stop.kind.words()),
        _ => format!("({})", stop.kind.words()),
    };
    format!(
        "{STATUS_REPORT} {}: this session was stopped {happened}. Nobody typed this and \
         it grants no new authority. The task the user gave before the stop is unfinished: continue it from where it \
         stopped and do not repeat what is already done. A tool call that was under way at the stop may or may not have \
         taken effect; check before running it again. Notes of the stop, if any, are in HANDOFF.md; check them against \
         the working tree.",
        rfc3339(now)
    )
}

#[cfg(test)]
mod tests {
    use super::super::config::Config;
    use super::super::incident::Report;
    use super::super::policy::RecoveryPlan;
    use super::super::reason::Reason;
    use super::*;
    use crate::clock::parse_rfc3339;
    use crate::session::Stop;
    use crate::store::StateDir;
    use std::path::{Path, PathBuf};
    use std::sync::Mutex;

    const SESSION: &str = "c10fc6d8-f1b0-43a0-bbd4-32659a03b64a";

    fn at(text: &str) -> DateTime<Utc> {
        parse_rfc3339(text).unwrap()
    }

    fn incident(kind: StopKind, due: &str) -> Incident {
        let report = Report {
            session: SESSION.into(),
            project: None,
            config_dir: None,
            transcript: PathBuf::from("/nowhere"),
            stop: Stop::of(kind),
            cwd: None,
            entrypoint: None,
            claude_pid: Some(7),
            claude_start: Some("1".into()),
        };
        let mut incident = Incident::open(report, at("2026-11-21T02:00:00Z"));
        incident.phase = Phase::Waiting;
        incident.plan = RecoveryPlan::new(Action::Wake, Some(at(due)), Reason::NotPlanned);
        incident
    }

    fn look<'a>(incident: &'a Incident, now: &str) -> Look<'a> {
        Look {
            incident: Some(incident),
            client: Client::Ready,
            seen: Seen::Same,
            escape_cancels: false,
            now: at(now),
            boot_left: Duration::ZERO,
            step: Duration::from_secs(30),
        }
    }

    #[test]
    fn sleeps_in_steps_until_the_planned_second_and_then_wakes() {
        let incident = incident(StopKind::UsageLimit5h, "2026-11-21T02:10:00Z");
        let next = |now| next_move(&look(&incident, now));
        assert_eq!(next("2026-11-21T02:00:00Z"), Move::Sleep(Duration::from_secs(30)));
        assert_eq!(next("2026-11-21T02:09:50Z"), Move::Sleep(Duration::from_secs(10)));
        assert_eq!(next("2026-11-21T02:10:00Z"), Move::Wake);
    }

    #[test]
    fn a_wall_clock_that_jumps_ahead_wakes_nobody_early() {
        let incident = incident(StopKind::UsageLimit5h, "2026-11-21T02:10:00Z");
        let jumped = Look { boot_left: Duration::from_secs(500), ..look(&incident, "2026-11-21T05:00:00Z") };
        assert_eq!(next_move(&jumped), Move::Sleep(Duration::from_secs(30)));
    }

    #[test]
    fn whatever_speaks_against_a_wake_ends_in_silence() {
        let incident = incident(StopKind::UsageLimit5h, "2026-11-21T02:10:00Z");
        let due = look(&incident, "2026-11-21T02:10:00Z");
        assert_eq!(next_move(&due), Move::Wake, "the control: nothing speaks against it");
        let with = |client, seen| next_move(&Look { client, seen, ..due });
        assert!(matches!(with(Client::Gone, Seen::Same), Move::Leave(_)));
        assert!(matches!(with(Client::Elsewhere, Seen::Same), Move::Leave(_)));
        assert!(matches!(with(Client::Ready, Seen::Lost), Move::Leave(_)));
        assert_eq!(with(Client::Occupied, Seen::Same), Move::Sleep(Duration::from_secs(30)));
        assert_eq!(with(Client::Ready, Seen::StoppedAgain), Move::Adopt);
        assert!(matches!(with(Client::Ready, Seen::ContinuedByClient), Move::End(Some(Phase::Recovered), _)));
        assert!(matches!(with(Client::Ready, Seen::MovedOn), Move::End(Some(Phase::MovedOn), _)));
        assert_eq!(with(Client::Ready, Seen::Escaped), Move::Wake);
        let escape = Look { seen: Seen::Escaped, escape_cancels: true, ..due };
        assert!(matches!(next_move(&escape), Move::End(Some(Phase::Cancelled), _)));
        assert!(matches!(next_move(&Look { incident: None, ..due }), Move::End(None, _)));
        for phase in [Phase::Cancelled, Phase::Held, Phase::GivenUp, Phase::Recovered, Phase::MovedOn] {
            let mut over = incident.clone();
            over.phase = phase;
            assert!(
                matches!(next_move(&Look { incident: Some(&over), ..due }), Move::End(None, _)),
                "{phase:?}"
            );
        }
    }

    /// A clock that runs only while somebody sleeps, and does something at a given time.
    struct Virtual<'a> {
        now: Mutex<DateTime<Utc>>,
        start: DateTime<Utc>,
        sleeps: Mutex<Vec<Duration>>,
        at: Option<(DateTime<Utc>, &'a (dyn Fn() + Sync))>,
        done: Mutex<bool>,
    }

    impl Clock for Virtual<'_> {
        fn now(&self) -> DateTime<Utc> {
            *self.now.lock().unwrap()
        }
        fn since_boot(&self) -> Duration {
            (self.now() - self.start).to_std().unwrap() + Duration::from_secs(1000)
        }
        fn sleep(&self, duration: Duration) {
            self.sleeps.lock().unwrap().push(duration);
            let now = {
                let mut now = self.now.lock().unwrap();
                *now += chrono::Duration::from_std(duration).unwrap();
                *now
            };
            if let Some((at, act)) = self.at
                && now >= at
                && !std::mem::replace(&mut *self.done.lock().unwrap(), true)
            {
                act();
            }
        }
    }

    struct Alive;

    impl Processes for Alive {
        fn start_token(&self, _pid: u32) -> Option<String> {
            Some("1".into())
        }
        fn domain(&self) -> Option<String> {
            None
        }
    }

    type Act<'a> = &'a (dyn Fn(&StateDir) + Sync);

    struct Scene {
        dir: tempfile::TempDir,
        transcript: PathBuf,
    }

    impl Scene {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let transcript = dir.path().join(format!("{SESSION}.jsonl"));
            let fixture = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("fixtures/transcripts/quota-mid-turn-interactive.jsonl");
            std::fs::copy(fixture, &transcript).unwrap();
            Self { dir, transcript }
        }

        fn play(&self, at_time: Option<(&str, Act<'_>)>) -> (Ended, Option<Incident>, Vec<Duration>) {
            let state = StateDir::new(self.dir.path().join("state"));
            let config = Config::default();
            let start = at("2026-11-21T02:39:13Z");
            let act = || {
                if let Some((_, act)) = at_time {
                    act(&state);
                }
            };
            let clock = Virtual {
                now: Mutex::new(start),
                start,
                sleeps: Mutex::new(Vec::new()),
                at: at_time.map(|(time, _)| (at(time), &act as &(dyn Fn() + Sync))),
                done: Mutex::new(false),
            };
            let home = ClaudeHome::new(self.dir.path());
            let ledger = Ledger { state: &state, clock: &clock, config: &config, default_home: None };
            let beat = Heartbeat { ledger, processes: &Alive, home: &home };
            let report = Report {
                transcript: self.transcript.clone(),
                stop: Stop { at: Some(start), ..Stop::of(StopKind::UsageLimit5h) },
                ..report()
            };
            let opened = ledger
                .enter(SESSION, super::super::ledger::Event::Stopped(Box::new(report)))
                .unwrap()
                .unwrap();
            beat.establish(&opened).unwrap();
            let ended = beat.wait(SESSION);
            let sleeps = clock.sleeps.lock().unwrap().clone();
            (ended, ledger.read(SESSION).unwrap(), sleeps)
        }

        fn append(&self, line: &str) {
            use std::io::Write;
            let mut file = std::fs::OpenOptions::new().append(true).open(&self.transcript).unwrap();
            writeln!(file, "{line}").unwrap();
        }
    }

    fn report() -> Report {
        Report {
            session: SESSION.into(),
            project: None,
            config_dir: None,
            transcript: PathBuf::new(),
            stop: Stop::of(StopKind::UsageLimit5h),
            cwd: None,
            entrypoint: Some("cli".into()),
            claude_pid: Some(7),
            claude_start: Some("1".into()),
        }
    }

    #[test]
    fn a_whole_wait_wakes_once_within_a_second_of_the_plan_and_looks_at_most_every_30_seconds() {
        let (ended, incident, sleeps) = Scene::new().play(None);
        let incident = incident.unwrap();
        assert!(matches!(ended, Ended::Wake(_)), "{ended:?}");
        assert_eq!((incident.phase, incident.attempts.len()), (Phase::Attempting, 1));
        let late = incident.attempts[0].at - incident.plan.at.unwrap();
        assert!(late >= chrono::Duration::zero() && late < chrono::Duration::seconds(1), "{late}");
        let steps = Duration::from_secs(30);
        let short = sleeps.iter().filter(|sleep| **sleep < steps).count();
        assert!(sleeps.iter().all(|sleep| *sleep <= steps) && short <= 2, "{short} short sleeps");
    }

    #[test]
    fn a_prompt_that_came_meanwhile_leaves_the_session_alone() {
        let scene = Scene::new();
        let prompt = r#"{"type":"user","uuid":"u-new","isSidechain":false,"timestamp":"2026-11-21T03:00:00.000Z","message":{"content":"go on with something else"}}"#;
        let (ended, incident, _) = scene.play(Some(("2026-11-21T03:00:00Z", &|_| scene.append(prompt))));
        assert!(matches!(ended, Ended::Silent(_)), "{ended:?}");
        assert_eq!(incident.unwrap().phase, Phase::MovedOn);
    }

    #[test]
    fn a_local_command_is_no_moving_on() {
        let scene = Scene::new();
        let command = r#"{"type":"user","uuid":"u-new","isSidechain":false,"timestamp":"2026-11-21T03:00:00.000Z","message":{"content":"<command-name>/context</command-name>"}}"#;
        let (ended, ..) = scene.play(Some(("2026-11-21T03:00:00Z", &|_| scene.append(command))));
        assert!(matches!(ended, Ended::Wake(_)), "{ended:?}");
    }

    #[test]
    fn a_cancelled_incident_wakes_nobody() {
        let scene = Scene::new();
        let cancel = |state: &StateDir| {
            let config = Config::default();
            let clock = crate::clock::SystemClock;
            Ledger { state, clock: &clock, config: &config, default_home: None }
                .change(SESSION, |incident| incident.as_mut().unwrap().phase = Phase::Cancelled)
                .unwrap();
        };
        let (ended, incident, _) = scene.play(Some(("2026-11-21T03:00:00Z", &cancel)));
        assert!(matches!(ended, Ended::Silent(_)), "{ended:?}");
        assert_eq!(incident.unwrap().attempts, []);
    }

    #[test]
    fn a_second_limit_while_waiting_is_waited_for_instead() {
        let scene = Scene::new();
        let again = std::fs::read_to_string(&scene.transcript)
            .unwrap()
            .lines()
            .rfind(|line| line.contains("usage_limit_reached"))
            .unwrap()
            .replace("ce935a7b-11b8-4672-bf41-6026094f82d0", "another-record");
        let (ended, incident, _) = scene.play(Some(("2026-11-21T03:00:00Z", &|_| scene.append(&again))));
        let incident = incident.unwrap();
        assert!(matches!(ended, Ended::Wake(_)), "{ended:?}");
        assert_eq!(incident.stop.record.as_deref(), Some("another-record"));
        assert_eq!(incident.attempts.len(), 1);
    }
}
