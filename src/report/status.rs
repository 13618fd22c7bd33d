//! Reports which sessions are stopped, waiting or running, and what each needs next.

use super::account::is_of_project;
use super::find_project::project_named;
use super::inventory::{Inventory, InventoryRow, ReportContext};
use super::session::{Session, SessionGroup, TranscriptLoss};
use crate::error::{Code, Error, Result};
use crate::fs::{lossy, lossy_or_null};
use crate::problem::Problem;
use crate::project::plugin;
use crate::quota::{Account, last_seen};
use crate::recovery::incident::{AttemptOutcome, Incident, Phase};
use crate::recovery::plan::Action;
use crate::recovery::supervise::Supervising;
use crate::session::StopKind;
use crate::session::failure::{RequestCure, request_cure};
use crate::session::message::ClientMessage;
use crate::session::stop::time;
use crate::store::StateDir;
use crate::store::lock::Lock;
use crate::store::stored::peek;
use crate::text::one_line;
use crate::trust::account::kept_from_hooks_words;
use crate::trust::enabled::{all_enabled, enclosing, find, unattended};
use crate::trust::registration::Registration;
use crate::world::World;
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Schema name and version of the reports of `status` and `list`.
pub const SCHEMA: &str = "cc-session-recover/status@1";

/// Maximum length of a session name, in characters.
const NAMED: usize = 200;

/// Options of `status`: the projects to report.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct StatusOptions {
    /// Project directory; defaults to the working directory.
    pub project: Option<PathBuf>,
    /// Whether to cover every project on this machine instead of one.
    pub all: bool,
}

/// The project that a report covers.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "AskedProject"))]
pub struct StatusProject {
    /// Path of the project directory.
    #[serde(serialize_with = "lossy")]
    pub dir: PathBuf,
    /// Whether this tool's hooks are active in the project.
    pub enabled: bool,
}

/// Result of `status`, schema `cc-session-recover/status@1`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct StatusReport {
    /// Schema name and version of this object.
    #[cfg_attr(test, ts(type = "'cc-session-recover/status@1'"))]
    pub schema: &'static str,
    /// Time when this result was generated, RFC 3339.
    #[serde(serialize_with = "time")]
    pub generated_at: DateTime<Utc>,
    /// Project that was requested; `null` for all projects.
    pub project: Option<StatusProject>,
    /// Whether recovery is set up in the project or on the machine. Only `status` prints it.
    pub recovery: RecoveryOverview,
    /// Latest reported usage limits of each account, if `init --statusline` provides them.
    pub accounts: Vec<Account>,
    /// Matching sessions, sorted by group.
    pub sessions: Vec<Session>,
    /// Closed sessions that need you and stopped more than `status.recentHours` ago: their number, their
    /// kinds of stop, and the ids of those that only `repair` can help. They are not in `sessions`. Only
    /// `status` prints them.
    pub older: Older,
    /// Files that could not be read, and why.
    pub problems: Vec<Problem>,
}

/// Whether a project, or the machine, is set up to continue sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum RecoverySetup {
    On,
    /// The hooks record stops, but `heartbeat.enabled` prevents this tool from continuing them.
    SwitchedOff,
    /// No hooks are installed, so stops are not detected.
    NotSetUp,
}

/// Whether recovery is on in a project, or on this machine.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RecoveryOverview {
    /// `on`: stops are detected and sessions are continued. `switched-off`: stops are detected,
    /// but `heartbeat.enabled` prevents this tool from continuing the sessions. `not-set-up`:
    /// no hooks are installed.
    pub setup: RecoverySetup,
    /// Whether hooks of the user or of the plugin are active in every project.
    pub everywhere: bool,
    /// Number of projects with their own hooks; 0 or 1 in the report of one project.
    pub projects: usize,
    /// Number of these projects whose closed sessions are resumed unattended.
    pub unattended: usize,
    /// Whether every session is paused.
    pub paused_all: bool,
    /// Number of paused sessions in the report.
    pub paused: usize,
    /// The most recently recovered stop.
    pub last_recovered: Option<LastRecovered>,
}

/// A stop after which the session continued.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct LastRecovered {
    /// Id of the recovered session.
    pub session: String,
    /// Name of the session or, without one, its title or newest prompt.
    pub name: Option<String>,
    /// Enabled project that contains the session.
    #[serde(serialize_with = "lossy_or_null")]
    pub project: Option<PathBuf>,
    /// Kind of the stop that interrupted the session.
    pub stop: StopKind,
    /// Time when the session continued.
    #[serde(serialize_with = "time")]
    pub at: DateTime<Utc>,
    /// `wake`: the waiting hook of this tool continued the session. `run`: an unattended run did.
    /// `client`: Claude Code did.
    pub by: RecoveredBy,
}

/// What continued a stopped session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum RecoveredBy {
    /// The waiting hook of this tool continued the open session.
    Wake,
    /// An unattended run of this tool resumed the closed session.
    Run,
    Client,
}

impl RecoveredBy {
    fn of(incident: &Incident) -> Self {
        match incident.attempts.last() {
            Some(attempt) if attempt.outcome != AttemptOutcome::Continued => Self::Client,
            Some(attempt) if attempt.run.is_some() => Self::Run,
            Some(_) => Self::Wake,
            None => Self::Client,
        }
    }
}

/// Closed sessions that stopped too long ago to be listed individually.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "OlderStops"))]
pub struct Older {
    /// Number of these sessions.
    pub count: usize,
    /// Their kinds of stop, for `list --stop`.
    pub stops: BTreeSet<StopKind>,
    /// Sessions whose requests the API refuses until `repair` removes something from the transcript.
    /// Waiting does not help.
    pub repairable: Vec<String>,
}

/// Returns whether only the user can continue the session and has not done so for `recent`.
fn is_old(session: &Session, now: DateTime<Utc>, recent: Duration) -> bool {
    let left = matches!(session.next.action, Action::Resume | Action::Notify) && session.live.is_none();
    // A limit of several days that has just reset is recent, however long ago it was reached.
    let at = session.stop.at.or(session.last_activity_at).max(session.next.at);
    // Ignores times in the future, which come from a wrong clock.
    left && session.next.at.is_none_or(|at| at <= now) && at.is_some_and(|at| now - at > recent)
}

/// Reports the status of a project, or of all.
///
/// # Errors
///
/// Returns [`Code::ProjectNotFound`] when the directory does not exist, [`Code::StateDirUnknown`].
pub fn status(world: World<'_>, options: &StatusOptions) -> Result<StatusReport> {
    let dir = options.project.as_deref().unwrap_or(world.env.cwd());
    let asked = if options.all { None } else { Some(asked(world, dir)?) };
    let project = asked.as_ref().map(|asked| asked.dir.clone());
    let ground = ReportContext::read(world, project.as_deref())?;
    let inventory = Inventory::take(&ground, project.as_deref())?;
    Ok(status_of(&inventory, &ground, asked))
}

/// Reports the status of the sessions in an inventory.
#[must_use]
pub fn status_of(
    inventory: &Inventory<'_>,
    ground: &ReportContext<'_>,
    asked: Option<StatusProject>,
) -> StatusReport {
    let world = ground.world;
    let mut rows: Vec<&InventoryRow> = inventory.rows.iter().filter(|row| inventory.matters(row)).collect();
    rows.sort_by_cached_key(|row| Reverse(inventory.active_at(row)));
    let mut lost = Vec::new();
    let mut sessions: Vec<Session> = rows
        .iter()
        .zip(inventory.reports_without_processes(&rows))
        .filter(|(_, session)| session.group != SessionGroup::Settled || session.open_at_crash.is_some())
        .map(|(row, mut session)| {
            session.loss = inventory.loss(&row.found);
            lost.extend(session.loss.map(|loss| lost_words(&session, loss)));
            session
        })
        .collect();
    sessions.extend(inventory.lost.iter().map(|incident| inventory.report_lost(incident)));
    let now = world.clock.now();
    let recent = ground.config.status.recent_hours * 3600.0;
    let recent = Duration::from_std(std::time::Duration::from_secs_f64(recent)).unwrap_or(Duration::MAX);
    let (old, mut sessions): (Vec<Session>, Vec<Session>) =
        sessions.into_iter().partition(|session| is_old(session, now, recent));
    for session in &mut sessions {
        inventory.add_left_running(session);
    }
    let stops = old.iter().map(|session| session.stop.kind).collect();
    let repairable =
        old.iter().filter(|session| needs_repair(session)).map(|session| session.id.clone()).collect();
    // The stable sort preserves newest-first order within each group.
    sessions.sort_by_key(|session| session.group);
    let recovery = overview(inventory, ground, asked.as_ref(), &sessions);
    let mut problems: Vec<Problem> = inventory.problems.iter().cloned().map(Problem::from).collect();
    problems.extend(lost.into_iter().map(Problem::from));
    problems.extend(without_credential(world, &ground.state, &sessions).map(Problem::from));
    StatusReport {
        schema: SCHEMA,
        generated_at: world.clock.now(),
        project: asked,
        recovery,
        accounts: last_seen(&ground.state),
        sessions,
        older: Older { count: old.len(), stops, repairable },
        problems,
    }
}

fn needs_repair(session: &Session) -> bool {
    let message = session.stop.message.as_ref().map(ClientMessage::shown).unwrap_or_default();
    session.stop.kind == StopKind::RequestError && request_cure(&message) == RequestCure::Repair
}

fn overview(
    inventory: &Inventory<'_>,
    ground: &ReportContext<'_>,
    asked: Option<&StatusProject>,
    sessions: &[Session],
) -> RecoveryOverview {
    let ReportContext { world, state, config, .. } = ground;
    let config_dir = world.env.claude_config_dir();
    let project = asked.map(|asked| asked.dir.as_path());
    let everywhere =
        find(state, world.env, None).is_some() || plugin::is_on(state, config_dir.as_deref(), project);
    let own: Vec<_> = all_enabled(state)
        .into_iter()
        .filter(|enabled| project.is_none() || enabled.project.as_deref() == project)
        .collect();
    let is_set_up = asked.map_or(everywhere || !own.is_empty(), |asked| asked.enabled);
    RecoveryOverview {
        setup: match (is_set_up, config.heartbeat.enabled) {
            (false, _) => RecoverySetup::NotSetUp,
            (true, false) => RecoverySetup::SwitchedOff,
            (true, true) => RecoverySetup::On,
        },
        everywhere,
        projects: own.len(),
        unattended: own.iter().filter(|enabled| enabled.unattended.is_some()).count(),
        paused_all: inventory.paused().all,
        paused: sessions.iter().filter(|session| session.paused).count(),
        last_recovered: last_recovered(inventory, project),
    }
}

fn last_recovered(inventory: &Inventory<'_>, project: Option<&Path>) -> Option<LastRecovered> {
    let recovered = inventory.incidents.values().filter(|incident| {
        incident.phase == Phase::Recovered && project.is_none_or(|project| is_of_project(incident, project))
    });
    let last = recovered.max_by_key(|incident| incident.updated_at)?;
    let row = inventory.rows.iter().find(|row| row.found.id() == last.session);
    let name = row.and_then(|row| {
        let summary = &row.summary;
        summary.name.as_ref().or(summary.title.as_ref()).or(summary.last_prompt.as_ref())
    });
    Some(LastRecovered {
        session: last.session.clone(),
        name: name.map(|name| one_line(name, NAMED)),
        project: last.project.clone(),
        stop: last.stop.kind,
        at: last.updated_at,
        by: RecoveredBy::of(last),
    })
}

/// Converts a loss to a problem, with the command that restores the missing part.
fn lost_words(session: &Session, loss: TranscriptLoss) -> Error {
    let id = &session.id;
    let error = Error::new(Code::VerificationFailed, format!("session {id}: {}", loss.fact()))
        .at(&session.transcript);
    if !loss.restorable {
        return error.hint("no copy of the lost part was kept; export the rest");
    }
    let first = if session.live.is_some() { "close the session, then run " } else { "" };
    error.hint(format!("{first}cc-session-recover restore {id} --from kept"))
}

/// Reports open sessions in projects with unattended resumes whose credential no supervisor has yet.
fn without_credential(world: World<'_>, state: &StateDir, sessions: &[Session]) -> Option<Error> {
    let leader = peek::<Supervising>(&state.supervisor()).ok().flatten();
    let watched = Lock::is_held(&state.supervisor_lease()) && leader.is_some_and(|leader| !leader.by_hook);
    let concerned = |session: &&Session| {
        let agreed = session.project.dir.as_deref().is_some_and(|project| unattended(state, project));
        session.live.is_some() && agreed
    };
    let registered = |session: &Session| {
        let known = peek::<Registration>(&state.session(&session.id)).ok().flatten()?;
        let lives = known.claude_pid.and_then(|pid| world.processes.start_token(pid)) == known.claude_start;
        known.started_with.filter(|_| lives)
    };
    let kept: BTreeSet<String> = sessions
        .iter()
        .filter(concerned)
        .filter_map(registered)
        .flat_map(|started| started.account.kept_from_hooks().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let names: Vec<&str> = kept.iter().map(String::as_str).collect();
    (!watched && !names.is_empty()).then(|| Error::new(Code::RunRefused, kept_from_hooks_words(&names)))
}

/// Resolves a directory, or the name of one, to its project.
///
/// # Errors
///
/// Returns [`Code::ProjectNotFound`] when the directory does not exist, [`Code::StateDirUnknown`].
pub fn asked(world: World<'_>, dir: &Path) -> Result<StatusProject> {
    let state = StateDir::new(world.env.state_dir()?);
    let dir = project_named(world, dir)?;
    // A directory within a project with hooks stands for that project.
    let dir = enclosing(&state, world.env, &dir).unwrap_or(dir);
    let enabled = [None, Some(dir.as_path())].into_iter().any(|dir| find(&state, world.env, dir).is_some())
        || plugin::is_on(&state, world.env.claude_config_dir().as_deref(), Some(&dir));
    Ok(StatusProject { dir, enabled })
}
