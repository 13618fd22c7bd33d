//! Pauses one session or all: this tool resumes nothing until the user ends the pause. Unlike a cancelled
//! session, a paused session retains its plan.

use super::cancel::chosen_among;
use super::inventory::{Inventory, ReportContext};
use crate::error::{Code, Error, Result};
use crate::recovery::note::NoteWriter;
use crate::recovery::paused::Paused;
use crate::store::journal;
use crate::world::World;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Which sessions `pause` pauses.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct PauseOptions {
    /// Session id, an unambiguous prefix of it, or its name or title.
    pub session: Option<String>,
    /// Whether to pause every session, including future ones.
    pub all: bool,
    /// Whether to end the pause; without a session, every pause.
    pub unpause: bool,
}

/// Result of `pause`: what is paused now.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PauseReport {
    /// Id of the session; `null` for all sessions.
    pub session: Option<String>,
    pub paused: bool,
    /// Whether this call changed anything.
    pub changed: bool,
    /// Whether the session stays paused although its own pause was ended, because all sessions are paused.
    pub held_by_all: bool,
}

/// Pauses or unpauses one session, or all.
///
/// # Errors
///
/// Returns [`Code::Usage`] without a session and without `all`, [`Code::SessionNotFound`],
/// [`Code::SessionAmbiguous`], or [`Code::Io`] if a file cannot be read or written.
pub fn pause(world: World<'_>, options: &PauseOptions) -> Result<PauseReport> {
    let ground = ReportContext::read(world, None)?;
    let session = match (&options.session, options.all) {
        (Some(name), false) => {
            let (incidents, _) = ground.ledger().read_all();
            let found = chosen_among(&incidents, name, world.clock.now())?;
            Some(found[0].session.clone())
        }
        (None, true) => None,
        // Whatever is paused.
        (None, false) if options.unpause => None,
        (None, false) => {
            return Err(Error::new(Code::Usage, "neither a session nor --all is given")
                .hint("name a session, or use --all"));
        }
        (Some(_), true) => {
            return Err(Error::new(Code::Usage, "a session and --all cannot be used together")
                .hint("use one of them"));
        }
    };
    let changed = Paused::change(&ground.state, session.as_deref(), !options.unpause)?;
    if changed {
        let event = if options.unpause { "unpaused" } else { "paused" };
        journal::append(&ground.state, world.clock, event, json!({"session": session}));
        write_notes(&ground, session.as_deref());
    }
    let held_by_all = options.unpause && session.is_some() && Paused::read(&ground.state).all;
    Ok(PauseReport { session, paused: !options.unpause || held_by_all, changed, held_by_all })
}

/// Updates HANDOFF.md of the affected sessions immediately. For a closed session no hook notices the change,
/// and a supervisor writes its note only after a change of the incident.
fn write_notes(ground: &ReportContext<'_>, session: Option<&str>) {
    let inventory = Inventory::open(ground);
    let concerned =
        inventory.incidents.values().filter(|incident| session.is_none_or(|id| incident.session == id));
    for incident in concerned.filter(|incident| incident.phase.is_active()) {
        let Some(project) = incident.project.as_deref().filter(|dir| dir.is_dir()) else { continue };
        let report = inventory.report_lost(incident);
        let writer = NoteWriter {
            state: &ground.state,
            env: ground.world.env,
            project,
            blocks: ground.config.note.blocks,
            open_in: report.live.as_ref().map(|live| live.place.clone()),
            plan: Some(report.next),
        };
        writer.update(incident, ground.world.clock);
    }
}
