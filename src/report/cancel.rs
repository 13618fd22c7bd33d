//! Removes a stopped session from automatic recovery.

use super::find::{SHORTEST, SessionOptions, find, last_part, matching, several_match};
use super::inventory::{Inventory, ReportContext};
use super::words::{NameRow, age};
use crate::claude::transcript::Transcript;
use crate::config::in_force;
use crate::error::{Code, Error, Result};
use crate::recovery::incident::{Incident, Phase, StopReport};
use crate::recovery::ledger::{IncidentEvent, Ledger};
use crate::recovery::note::NoteWriter;
use crate::recovery::plan::{Action, RecoveryPlan};
use crate::recovery::reason::{PlanReason, Reason};
use crate::session::Source;
use crate::session::ending::Liveness;
use crate::session::owners::Owners;
use crate::session::state::{Activity, State};
use crate::session::summary::summarize;
use crate::store::StateDir;
use crate::world::World;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What `cancel` should cancel.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct CancelOptions {
    /// Session id, an unambiguous prefix of at least 3 characters, or the session's name or title.
    pub session: Option<String>,
    pub all: bool,
    pub dry_run: bool,
}

/// An incident whose recovery was cancelled.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "CancelledPlan"))]
pub struct Cancelled {
    /// Id of the session, a UUID.
    pub session: String,
    /// Directory of its project.
    pub project: Option<PathBuf>,
    /// Phase of the incident before it was cancelled.
    pub phase: Phase,
    /// Plan that was cancelled.
    pub plan: RecoveryPlan,
}

/// Result of `cancel`: what was cancelled.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct CancelReport {
    pub dry_run: bool,
    /// Incidents whose recovery was cancelled, or would be with `dryRun`.
    pub cancelled: Vec<Cancelled>,
}

/// Cancels the recovery of one session or of all.
///
/// # Errors
///
/// Returns [`Code::Usage`] without a session and without `all`, [`Code::SessionNotFound`],
/// [`Code::SessionAmbiguous`], [`Code::NothingToDo`] when no recovery of that session is pending.
pub fn cancel(world: World<'_>, options: &CancelOptions) -> Result<CancelReport> {
    let state = StateDir::new(world.env.state_dir()?);
    let config = in_force(world.env, None).config;
    let ledger = Ledger { state: &state, clock: world.clock, config: &config, default_home: None };
    let (incidents, _) = ledger.read_all();
    let chosen: Vec<Incident> = match chosen(&incidents, options, world.clock.now()) {
        Ok(chosen) => chosen.into_iter().cloned().collect(),
        // The user can dismiss any session that `status` lists as needing them, even if no hook reported it.
        Err(error) if matches!(error.code, Code::SessionNotFound | Code::NothingToDo) => {
            vec![listed(world, &ledger, options, error)?]
        }
        Err(error) => return Err(error),
    };
    let mut cancelled = Vec::new();
    for incident in &chosen {
        cancelled.push(Cancelled {
            session: incident.session.clone(),
            project: incident.project.clone(),
            phase: incident.phase,
            plan: incident.plan.clone(),
        });
        if options.dry_run {
            continue;
        }
        let changed = ledger.change(&incident.session, |incident| {
            if let Some(incident) = incident.as_mut().filter(|incident| can_be_cancelled(incident)) {
                incident.phase = Phase::Cancelled;
                incident.plan = RecoveryPlan::nothing(Reason::Cancelled);
                incident.saw(Source::Store, "cancelled by the user");
            }
        })?;
        if let Some((incident, project)) =
            changed.as_ref().and_then(|incident| Some((incident, incident.project.as_ref()?)))
        {
            let open_in =
                Owners::places_of(incident.config_dir.as_deref(), world.processes, &incident.session, None);
            let writer = NoteWriter {
                state: &state,
                env: world.env,
                project,
                blocks: config.note.blocks,
                open_in,
                plan: None,
            };
            writer.update(incident, world.clock);
        }
    }
    Ok(CancelReport { dry_run: options.dry_run, cancelled })
}

fn can_be_cancelled(incident: &Incident) -> bool {
    incident.phase.is_active()
        || matches!(incident.phase, Phase::Held | Phase::GivenUp)
        || incident.plan.reason == PlanReason::CancelledWithEsc
}

/// Creates an incident for a session that `status` lists and no hook reported. A dry run stores nothing.
///
/// # Errors
///
/// Returns `unknown` if no such session is listed.
fn listed(
    world: World<'_>,
    ledger: &Ledger<'_>,
    options: &CancelOptions,
    unknown: Error,
) -> Result<Incident> {
    let ground = ReportContext::read(world, None)?;
    let inventory = Inventory::take(&ground, None)?;
    let wanted = SessionOptions { session: options.session.clone(), ..SessionOptions::default() };
    let row = match find(&inventory, &wanted) {
        Ok(row) => row,
        Err(error) if error.code == Code::SessionNotFound => return Err(unknown),
        Err(error) => return Err(error),
    };
    let session = inventory.report(row);
    let needs_user = matches!(session.next.action, Action::Resume | Action::Notify)
        || session.activity == Some(Activity::Waiting)
        || session.state == State::Hung;
    if !needs_user {
        let why = format!("session {} is not waiting and needs nothing from you", session.id);
        return Err(Error::new(Code::NothingToDo, why));
    }
    let report = StopReport {
        session: session.id.clone(),
        project: session.project.dir.clone(),
        config_dir: session.config_dir.clone(),
        transcript: session.transcript.clone(),
        stop: session.stop.clone(),
        cwd: session.project.cwd.clone(),
        entrypoint: None,
        claude_pid: session.live.as_ref().map(|live| live.pid),
        claude_start: None,
    };
    if options.dry_run {
        return Ok(Incident { plan: session.next, ..Incident::open(report, world.clock.now()) });
    }
    let entered = ledger.enter(&session.id, IncidentEvent::Stopped(Box::new(report)))?;
    entered.map(|incident| Incident { plan: session.next, ..incident }).ok_or(unknown)
}

/// Reads the session's name and title from its transcript.
fn names_of(incident: &Incident) -> Vec<String> {
    let Ok(transcript) = Transcript::open(&incident.transcript) else { return Vec::new() };
    let summary = summarize(&transcript, Liveness::Unknown);
    [summary.name, summary.title].into_iter().flatten().collect()
}

fn chosen<'a>(
    incidents: &'a [Incident],
    options: &CancelOptions,
    now: DateTime<Utc>,
) -> Result<Vec<&'a Incident>> {
    let Some(name) = &options.session else {
        if options.all {
            return Ok(incidents.iter().filter(|incident| can_be_cancelled(incident)).collect());
        }
        return Err(Error::new(Code::Usage, "neither a session nor --all is given")
            .hint("name a session, or use --all"));
    };
    if options.all {
        return Err(
            Error::new(Code::Usage, "a session and --all cannot be used together").hint("use one of them")
        );
    }
    let matching = chosen_among(incidents, name, now)?;
    match matching.as_slice() {
        [incident] if !can_be_cancelled(incident) => Err(Error::new(
            Code::NothingToDo,
            format!("session {} is not waited for ({})", incident.session, incident.phase.as_str()),
        )),
        _ => Ok(matching),
    }
}

/// Finds the single stopped session that a name matches.
///
/// # Errors
///
/// Returns [`Code::Usage`] for an empty name, [`Code::SessionNotFound`], [`Code::SessionAmbiguous`].
pub fn chosen_among<'a>(
    incidents: &'a [Incident],
    name: &str,
    now: DateTime<Utc>,
) -> Result<Vec<&'a Incident>> {
    let name = name.trim();
    if name.is_empty() {
        return Err(Error::new(Code::Usage, "the name of the session is empty")
            .hint(format!("give {SHORTEST} characters of its id, or its name")));
    }
    let matching = matching(name, incidents, |incident| incident.session.as_str(), names_of);
    match matching.as_slice() {
        [] => Err(Error::new(
            Code::SessionNotFound,
            format!("no stopped session begins with {name:?} or has that name"),
        )
        .hint("`cc-session-recover status --all` lists them")),
        [_] => Ok(matching),
        several => {
            let row = |incident: &&Incident| NameRow {
                id: incident.session.clone(),
                age: age(incident.stop.at.unwrap_or(incident.created_at), now),
                project: incident.cwd.as_deref().map(last_part).unwrap_or_default(),
                name: names_of(incident).into_iter().next().unwrap_or_default(),
            };
            Err(several_match(name, "stopped sessions", several.iter().map(row).collect()))
        }
    }
}
