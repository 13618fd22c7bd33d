//! Reports the outcome of every stop since a given time, attended or not: when and why the session stopped,
//! what was tried, what the runs did, how it ended, and what the user has to do.
//!
//! The newest incident of a session is in the ledger. Earlier incidents, which are finished, are read from
//! the journal.

use super::inventory::{Inventory, ReportContext};
use super::session::{Commands, Project, SessionGroup};
use super::status::{StatusProject, asked};
use crate::clock::{parse_rfc3339, since};
use crate::error::Result;
use crate::fs::{lossy, lossy_or_null};
use crate::problem::Problem;
use crate::recovery::incident::{Attempt, AttemptAction, AttemptOutcome, Incident, Phase, RunResult};
use crate::recovery::plan::RecoveryPlan;
use crate::recovery::reason::Reason;
use crate::session::StopKind;
use crate::session::message::ClientMessage;
use crate::session::stop::{time, time_or_null};
use crate::store::{StateDir, journal};
use crate::world::World;
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Schema name and version of this object.
const SCHEMA: &str = "cc-session-recover/report@1";
/// Default start of the reported period.
const SINCE: &str = "24h";

/// Which stops `report` covers.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct AccountOptions {
    /// Directory of the project; the working directory if absent.
    pub project: Option<PathBuf>,
    /// Whether to cover every project on this machine instead of one.
    pub all: bool,
    /// Start of the period: RFC 3339, a date, or a duration before now (`90m`, `36h`, `2d`, `1w`); 24 hours
    /// ago if absent.
    pub since: Option<String>,
}

/// Source of the data about a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum AccountSource {
    Ledger,
    /// The journal, because a later stop of the session replaced this incident in the ledger.
    Journal,
}

/// One attempt to continue a session, as reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "TriedAttempt"))]
pub struct ReportedAttempt {
    /// Time of the attempt.
    #[serde(serialize_with = "time")]
    pub at: DateTime<Utc>,
    /// What was done: `wake` or `resume`.
    #[cfg_attr(test, ts(as = "String"))]
    pub action: AttemptAction,
    /// Outcome of the attempt.
    pub outcome: AttemptOutcome,
    /// Path of the transcript copy made before the run; `null` for a wake.
    #[serde(serialize_with = "lossy_or_null")]
    pub snapshot: Option<PathBuf>,
    /// Result of the run; `null` for a wake, and while the run is in progress.
    pub result: Option<RunResult>,
    #[serde(skip)]
    nonce: Option<String>,
}

impl From<&Attempt> for ReportedAttempt {
    fn from(attempt: &Attempt) -> Self {
        let run = attempt.run.as_deref();
        Self {
            at: attempt.at,
            action: attempt.action.clone(),
            outcome: attempt.outcome,
            snapshot: run.map(|run| run.snapshot.clone()),
            result: run.and_then(|run| run.result.clone()),
            nonce: run.map(|run| run.nonce.clone()),
        }
    }
}

/// Combined work of all runs of an incident.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct WorkDone {
    /// Number of real model answers that were added.
    pub answers: usize,
    /// Number of tool calls.
    pub calls: usize,
    /// Number of denied tool calls.
    pub denied: usize,
    /// Files that were edited or written.
    pub files: BTreeSet<String>,
    /// Commits that were made: short id and subject.
    pub commits: Vec<String>,
    /// Tokens read and written by the model.
    pub tokens: u64,
}

impl WorkDone {
    fn of(attempts: &[ReportedAttempt]) -> Self {
        let mut work = Self::default();
        for result in attempts.iter().filter_map(|tried| tried.result.as_ref()) {
            work.answers += result.answers;
            work.calls += result.calls;
            work.denied += result.denied;
            work.tokens += result.tokens;
            work.files.extend(result.files.iter().cloned());
            for commit in &result.commits {
                if !work.commits.contains(commit) {
                    work.commits.push(commit.clone());
                }
            }
        }
        work
    }
}

/// Group under which `report` lists a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum AccountGroup {
    /// Nothing continues until the user acts.
    NeedsYou,
    /// The session continues by itself at a later time, or once it is no longer paused.
    Waiting,
    /// A continuation is in progress.
    Running,
    /// The session continued after the stop.
    Continued,
    /// Nothing is pending, and no continuation of the session was observed.
    Ended,
}

impl AccountGroup {
    /// Derives the group from the group of the session, whose newest stop this is.
    const fn of(session: SessionGroup, phase: Phase) -> Self {
        match (session, phase) {
            (SessionGroup::NeedsYou | SessionGroup::Hung, _) => Self::NeedsYou,
            (_, Phase::Recovered | Phase::MovedOn) => Self::Continued,
            (SessionGroup::Waiting, _) => Self::Waiting,
            (SessionGroup::Running, Phase::Open | Phase::Waiting | Phase::Attempting) => Self::Running,
            (SessionGroup::Running | SessionGroup::Settled, _) => Self::Ended,
        }
    }
}

/// The outcome of one stop.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct IncidentAccount {
    /// Id of the session, a UUID.
    pub session: String,
    /// Name that the user gave the session.
    pub name: Option<String>,
    /// Title that Claude Code gave the session.
    pub title: Option<String>,
    /// Location of the session: `dir` is the directory of its project, `cwd` its working directory.
    pub project: Project,
    /// Path of the transcript; empty if it is no longer known.
    #[serde(serialize_with = "lossy")]
    pub transcript: PathBuf,
    /// `ledger`: the session's newest incident. `journal`: an earlier one.
    pub kept: AccountSource,
    /// Kind of the stop or, if the session stopped again, of the latest stop.
    pub stop: StopKind,
    /// The client's own message, without control characters.
    pub message: Option<String>,
    /// Time of the first stop.
    #[serde(serialize_with = "time")]
    pub stopped_at: DateTime<Utc>,
    /// Time at which the limit resets.
    #[serde(serialize_with = "time_or_null")]
    pub resets_at: Option<DateTime<Utc>>,
    /// Attempts to continue, oldest first.
    pub attempts: Vec<ReportedAttempt>,
    /// Combined work of all runs.
    pub work: WorkDone,
    /// Current phase of the incident.
    pub phase: Phase,
    /// Time at which recovery ended or was put on hold; `null` while it will still act by itself.
    #[serde(serialize_with = "time_or_null")]
    pub ended_at: Option<DateTime<Utc>>,
    /// Evidence or reason for the phase.
    pub why: String,
    /// Group in `report`. `needs-you`: nothing continues until the user acts. `waiting`: it continues by
    /// itself. `running`: a continuation is in progress. `continued`: the session continued after the stop.
    /// `ended`: nothing is pending.
    pub group: AccountGroup,
    /// Whether the user must act: see `next` and `commands`.
    pub needs_you: bool,
    /// The next step, based on the current situation.
    pub next: RecoveryPlan,
    /// Time when Claude Code is expected to continue the session by itself; `null` if it is not. The step in
    /// `next` follows only if Claude Code does not continue it.
    #[serde(serialize_with = "time_or_null")]
    pub client_continues_at: Option<DateTime<Utc>>,
    /// Commands that the user can run.
    pub commands: Commands,
}

/// Result of `report`, schema `cc-session-recover/report@1`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct AccountReport {
    /// Schema name and version of this object.
    #[cfg_attr(test, ts(type = "'cc-session-recover/report@1'"))]
    pub schema: &'static str,
    /// Time when this result was generated, RFC 3339.
    #[serde(serialize_with = "time")]
    pub generated_at: DateTime<Utc>,
    /// Start of the reported period.
    #[serde(serialize_with = "time")]
    pub since: DateTime<Utc>,
    /// Project that was requested; `null` for all projects.
    pub project: Option<StatusProject>,
    /// Outcome of each stop, latest first.
    pub incidents: Vec<IncidentAccount>,
    /// Number of older stops that still need the user; `status` shows them.
    pub older: usize,
    /// Files that could not be read, and why.
    pub problems: Vec<Problem>,
}

/// Reports the outcome of each stop in the period.
///
/// # Errors
///
/// Returns [`crate::error::Code::ProjectNotFound`], [`crate::error::Code::Usage`] for
/// an invalid time, [`crate::error::Code::StateDirUnknown`].
pub fn account(world: World<'_>, options: &AccountOptions) -> Result<AccountReport> {
    let now = world.clock.now();
    let after = since(options.since.as_deref().unwrap_or(SINCE), now)?;
    let dir = options.project.as_deref().unwrap_or(world.env.cwd());
    let asked = if options.all { None } else { Some(asked(world, dir)?) };
    let project = asked.as_ref().map(|asked| asked.dir.clone());
    let ground = ReportContext::read(world, project.as_deref())?;
    let inventory = Inventory::take(&ground, project.as_deref())?;
    let known: BTreeMap<&str, &Incident> = inventory
        .incidents
        .values()
        .filter(|incident| project.as_deref().is_none_or(|project| is_of_project(incident, project)))
        .map(|incident| (incident.session.as_str(), incident))
        .collect();
    let (recent, older): (Vec<&Incident>, Vec<&Incident>) = known.values().copied().partition(|incident| {
        incident.phase.is_active()
            || incident.updated_at >= after
            || incident.stop.at.is_some_and(|at| at >= after)
    });
    let mut incidents: Vec<IncidentAccount> =
        recent.into_iter().map(|incident| of_incident(&inventory, incident)).collect();
    for past in past(&ground.state) {
        let newest = known.get(past.session.as_str()).copied();
        let replaced = newest.is_some_and(|incident| !past.generations.contains(&incident.generation));
        let alone = newest.is_none() && project.is_none() && !inventory.incidents.contains_key(&past.session);
        if past.last >= after && (replaced || alone) {
            incidents.push(of_past(&inventory, past, newest));
        }
    }
    incidents.sort_by_key(|one| (Reverse(one.stopped_at), one.session.clone()));
    Ok(AccountReport {
        schema: SCHEMA,
        generated_at: now,
        since: after,
        project: asked,
        incidents,
        older: older
            .into_iter()
            .filter(|incident| matches!(incident.phase, Phase::Held | Phase::GivenUp))
            .count(),
        problems: inventory.problems.into_iter().map(Problem::from).collect(),
    })
}

/// Returns whether an incident belongs to a session of the project.
#[must_use]
pub fn is_of_project(incident: &Incident, project: &Path) -> bool {
    incident.project.as_deref() == Some(project)
        || incident.cwd.as_deref().is_some_and(|cwd| Path::new(cwd).starts_with(project))
}

fn of_incident(inventory: &Inventory<'_>, incident: &Incident) -> IncidentAccount {
    let session = inventory.report_of(incident);
    let attempts: Vec<ReportedAttempt> = incident.attempts.iter().map(ReportedAttempt::from).collect();
    let fact = incident.evidence.last().map(|evidence| evidence.fact.to_string());
    let group = AccountGroup::of(session.group, incident.phase);
    IncidentAccount {
        session: session.id,
        name: session.name,
        title: session.title,
        project: session.project,
        transcript: session.transcript,
        kept: AccountSource::Ledger,
        stop: incident.stop.kind,
        message: incident.stop.message.as_ref().map(ClientMessage::shown),
        stopped_at: incident.first_stop_at.or(incident.stop.at).unwrap_or(incident.created_at),
        resets_at: incident.stop.resets_at,
        work: WorkDone::of(&attempts),
        attempts,
        phase: incident.phase,
        ended_at: (!incident.phase.is_active()).then_some(incident.updated_at),
        why: fact.filter(|_| incident.phase.is_over()).unwrap_or_else(|| incident.plan.why.clone()),
        needs_you: group == AccountGroup::NeedsYou,
        group,
        next: session.next,
        client_continues_at: session.client_continues_at,
        commands: session.commands,
    }
}

fn of_past(inventory: &Inventory<'_>, past: JournaledIncident, newest: Option<&Incident>) -> IncidentAccount {
    let path = newest.map(|incident| incident.transcript.clone());
    let row = inventory.rows.iter().find(|row| match &path {
        Some(path) => &row.found.path == path,
        None => row.found.id() == past.session,
    });
    IncidentAccount {
        name: row.and_then(|row| row.summary.name.clone()),
        title: row.and_then(|row| row.summary.title.clone()),
        project: Project {
            dir: newest.and_then(|incident| incident.project.clone()),
            cwd: newest.and_then(|incident| incident.cwd.clone()),
        },
        transcript: path.or_else(|| row.map(|row| row.found.path.clone())).unwrap_or_default(),
        kept: AccountSource::Journal,
        stop: past.stop,
        message: None,
        stopped_at: past.first,
        resets_at: None,
        work: WorkDone::of(&past.attempts),
        attempts: past.attempts,
        phase: past.phase,
        ended_at: Some(past.last),
        why: past.why,
        group: AccountGroup::of(SessionGroup::Settled, past.phase),
        needs_you: false,
        next: RecoveryPlan::nothing(Reason::Superseded),
        client_continues_at: None,
        commands: Commands::default(),
        session: past.session,
    }
}

/// An incident reconstructed from the journal.
#[derive(Debug)]
struct JournaledIncident {
    session: String,
    /// Generations of its first and last stop.
    generations: std::ops::RangeInclusive<u64>,
    stop: StopKind,
    first: DateTime<Utc>,
    last: DateTime<Utc>,
    phase: Phase,
    why: String,
    attempts: Vec<ReportedAttempt>,
}

impl JournaledIncident {
    /// Determines the outcome of the last attempt, by the rules of [`Incident`].
    fn conclude(&mut self, otherwise: AttemptOutcome) {
        if let Some(tried) = self.attempts.last_mut().filter(|tried| tried.outcome == AttemptOutcome::Pending)
        {
            tried.outcome = match &tried.result {
                Some(result) if result.hollow.is_some() || result.damage.is_some() => {
                    AttemptOutcome::NoEffect
                }
                Some(result) if result.answers > 0 => AttemptOutcome::Continued,
                _ => otherwise,
            };
        }
    }
}

fn field<T: DeserializeOwned>(entry: &Value, name: &str) -> Option<T> {
    serde_json::from_value(entry.get(name)?.clone()).ok()
}

/// Returns every incident in the journal, in the order in which they began.
fn past(state: &StateDir) -> Vec<JournaledIncident> {
    let mut all: Vec<JournaledIncident> = Vec::new();
    // Index of the current incident of each session.
    let mut open: BTreeMap<String, usize> = BTreeMap::new();
    for entry in journal::entries(state, &["incident", "run-begun", "run-ended"]) {
        let at = field::<String>(&entry, "at").and_then(|at| parse_rfc3339(&at));
        let (Some(session), Some(at)) = (field::<String>(&entry, "session"), at) else { continue };
        let known = open.get(&session).copied();
        match entry.get("event").and_then(Value::as_str) {
            Some("incident") => {
                let at_and_known = (at, known);
                if let Some(index) = enter(&mut all, &entry, &session, at_and_known) {
                    open.insert(session, index);
                }
            }
            Some("run-begun") => {
                if let Some(tried) = known.and_then(|known| all[known].attempts.last_mut()) {
                    tried.action = AttemptAction::Resume;
                    tried.nonce = field(&entry, "nonce");
                }
            }
            _ => {
                let nonce: Option<String> = field(&entry, "nonce");
                let tried = known.and_then(|known| {
                    all[known].attempts.iter_mut().find(|tried| nonce.is_some() && tried.nonce == nonce)
                });
                if let Some(tried) = tried {
                    tried.result = field(&entry, "result");
                }
            }
        }
    }
    all
}

/// Applies one incident change. Returns the index of the incident that it belongs to.
fn enter(
    all: &mut Vec<JournaledIncident>,
    entry: &Value,
    session: &str,
    (at, known): (DateTime<Utc>, Option<usize>),
) -> Option<usize> {
    let generation: u64 = field(entry, "generation")?;
    let phase: Phase = field(entry, "phase")?;
    let stop: StopKind = field(entry, "stop")?;
    let before: Option<Phase> = field(entry, "from");
    // As when a stop is recorded: after an incident that is over, or after the user tried again,
    // a new incident begins.
    let anew = known.is_none_or(|known| {
        let grown = generation > *all[known].generations.end();
        before.is_none_or(|before| grown && !before.is_active())
    });
    let index = known.filter(|_| !anew).unwrap_or(all.len());
    if index == all.len() {
        all.push(JournaledIncident {
            session: session.to_owned(),
            generations: generation..=generation,
            stop,
            first: at,
            last: at,
            phase,
            why: String::new(),
            attempts: Vec::new(),
        });
    }
    let past = &mut all[index];
    if generation > *past.generations.end() {
        past.generations = *past.generations.start()..=generation;
        past.conclude(AttemptOutcome::StoppedAgain);
    }
    past.stop = stop;
    past.last = at;
    past.phase = phase;
    let fact: Option<String> = field(entry, "fact");
    let plan: Option<RecoveryPlan> = field(entry, "plan");
    past.why = fact.filter(|_| phase.is_over()).or(plan.map(|plan| plan.why)).unwrap_or_default();
    match phase {
        // The entry of the run, if there is one, replaces these values.
        Phase::Attempting => past.attempts.push(ReportedAttempt {
            at,
            action: AttemptAction::Wake,
            outcome: AttemptOutcome::Pending,
            snapshot: None,
            result: None,
            nonce: None,
        }),
        Phase::Recovered => past.conclude(AttemptOutcome::Continued),
        Phase::Open | Phase::Waiting => {}
        _ => past.conclude(AttemptOutcome::NoEffect),
    }
    Some(index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SESSION: &str = "00000001-0000-4000-8000-000000000001";

    fn told(lines: &[Value]) -> Vec<JournaledIncident> {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::new(dir.path());
        let text: Vec<String> = lines.iter().map(Value::to_string).collect();
        std::fs::write(state.journal(), text.join("\n")).unwrap();
        past(&state)
    }

    fn change(minute: u32, generation: u64, from: Option<&str>, phase: &str) -> Value {
        json!({"at": format!("2026-11-21T02:{minute:02}:00.000Z"), "event": "incident", "pid": 1, "session": SESSION,
            "generation": generation, "from": from, "phase": phase, "stop": "overloaded",
            "plan": {"action": "none", "at": null, "why": format!("planned {minute}"), "argv": null},
            "attempts": 0, "fact": format!("seen {minute}")})
    }

    #[test]
    fn a_session_that_stops_again_before_it_worked_stays_one_incident() {
        let all = told(&[
            change(0, 1, None, "waiting"),
            change(1, 1, Some("waiting"), "attempting"),
            change(2, 2, Some("attempting"), "waiting"),
            change(3, 2, Some("waiting"), "attempting"),
            json!({"at": "2026-11-21T02:03:01.000Z", "event": "run-begun", "session": SESSION, "nonce": "n"}),
            json!({"at": "2026-11-21T02:04:00.000Z", "event": "run-ended", "session": SESSION, "nonce": "n",
                "result": RunResult { answers: 3, tokens: 5, files: vec!["a".into()], ..RunResult::default() }}),
            change(5, 2, Some("attempting"), "recovered"),
            change(6, 2, Some("recovered"), "recovered"),
            change(9, 3, Some("recovered"), "waiting"),
        ]);
        let [first, second] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!((first.generations.clone(), second.generations.clone()), (1..=2, 3..=3));
        assert_eq!((first.phase, first.why.as_str()), (Phase::Recovered, "seen 6"));
        assert_eq!((second.phase, second.why.as_str()), (Phase::Waiting, "planned 9"));
        let tried: Vec<_> = first.attempts.iter().map(|one| (one.action.clone(), one.outcome)).collect();
        assert_eq!(
            tried,
            [
                (AttemptAction::Wake, AttemptOutcome::StoppedAgain),
                (AttemptAction::Resume, AttemptOutcome::Continued)
            ]
        );
        let work = WorkDone::of(&first.attempts);
        assert_eq!((work.answers, work.tokens, work.files.len()), (3, 5, 1));
    }

    #[test]
    fn a_cancelled_session_that_stops_again_starts_a_new_account() {
        let again = [
            change(0, 1, None, "held"),
            change(1, 1, Some("held"), "cancelled"),
            change(2, 2, Some("cancelled"), "waiting"),
        ];
        assert_eq!(
            told(&again).iter().map(|one| one.phase).collect::<Vec<_>>(),
            [Phase::Cancelled, Phase::Waiting]
        );
    }

    #[test]
    fn journal_lines_that_are_not_incidents_are_skipped() {
        let text = json!({"at": "x", "event": "incident", "session": SESSION});
        let mark = json!({"at": "2026-11-21T02:00:00Z", "event": "payload-refused", "why": "\"event\":\"incident\""});
        assert_eq!(told(&[text, mark, json!(5), change(0, 1, None, "waiting")]).len(), 1);
    }
}
