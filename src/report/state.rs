//! Lists the saved states of a project, shows the text of one, and restores an older one.

use super::find::SHORTEST;
use super::status::asked;
use crate::claude::home::begins;
use crate::config::in_force;
use crate::error::{Code, Error, Result};
use crate::fs::{lossy, lossy_or_null};
use crate::note::state::{
    DIRECTORY, LAST, SaveMoment, SavedStateEntry, SavedStateIndex, SavedStateStore, StatesDirectory,
};
use crate::session::StopKind;
use crate::session::stop::{time, time_or_null};
use crate::store::{StateDir, journal};
use crate::world::World;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::PathBuf;

/// Schema name and version of this object.
const SCHEMA: &str = "cc-session-recover/state@1";

/// Action that `state` performs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum StateAction {
    /// Show the text of a state.
    #[default]
    Show,
    List,
    /// Restore a state as the project's last state.
    Restore,
}

/// Options of `state`: the action, and the state to which it applies.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct StateOptions {
    /// Action to perform; defaults to `show`.
    pub action: StateAction,
    /// Name of a state or a prefix of it, or the id of a session or a prefix of it, which selects the
    /// session's newest state. Defaults to the last state.
    pub state: Option<String>,
    /// Project directory; defaults to the working directory.
    pub project: Option<PathBuf>,
    /// Whether to only report what would be done.
    pub dry_run: bool,
}

/// Work of a session at one point in time, as saved in its project.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SavedState {
    /// File name of the saved state.
    pub name: String,
    /// Id of the session, a UUID.
    pub session: String,
    /// Time when the state was saved.
    #[serde(serialize_with = "time")]
    pub saved_at: DateTime<Utc>,
    /// Occasion of the save: the end of a turn or a subagent, before a compaction, a stop, or the
    /// end of the session.
    pub moment: SaveMoment,
    /// Time of the transcript's newest record when the state was saved.
    #[serde(serialize_with = "time_or_null")]
    pub as_of: Option<DateTime<Utc>>,
    /// Kind of the session's stop.
    pub kind: StopKind,
    /// Whether the session's work was unfinished: the session had stopped, was in the middle of a turn, or
    /// had open tasks.
    pub unfinished: bool,
    /// Number of unfinished tasks in the session's list.
    pub tasks_open: usize,
    /// Number of finished tasks in the session's list.
    pub tasks_done: usize,
    /// Number of calls, subagents and background tasks without a result.
    pub in_flight: usize,
    /// Number of checks that failed in their last run.
    pub failing: usize,
    /// Number of files that the session had written.
    pub files: usize,
    /// Whether this is the last state of the project.
    pub last: bool,
    /// Whether the state is unchanged since it was saved. Only an unchanged state is passed to a model.
    pub sound: bool,
    /// Path of the saved state.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
}

/// Result of `state`, schema `cc-session-recover/state@1`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of the printed form")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct StateReport {
    /// Schema name and version of this object.
    #[cfg_attr(test, ts(type = "'cc-session-recover/state@1'"))]
    pub schema: &'static str,
    /// Time when this result was generated, RFC 3339.
    #[serde(serialize_with = "time")]
    pub generated_at: DateTime<Utc>,
    /// Path of the project directory.
    #[serde(serialize_with = "lossy")]
    pub project: PathBuf,
    /// Whether the hooks are installed in the project, so that states are saved.
    pub enabled: bool,
    /// Directory of the states; `null` if there is none.
    #[serde(serialize_with = "lossy_or_null")]
    pub directory: Option<PathBuf>,
    /// All retained states, newest first.
    pub states: Vec<SavedState>,
    /// Whether the file of the last state contains one that this tool did not save: the file was edited, or
    /// it came with the project. Such a state is never passed to a model.
    pub foreign: bool,
    /// Name of the requested state or, without a request, of the last one; `null` for a list, and if the file
    /// contains a foreign state.
    pub chosen: Option<String>,
    /// Text of the chosen state, or of a foreign one; only with `show`.
    pub text: Option<String>,
    /// Whether this is a dry run, which changes nothing.
    pub dry_run: bool,
    /// Whether the chosen state was made the last state, or with `dryRun` would be.
    pub restored: bool,
    /// Path to which an edited last state was set aside when it was replaced.
    #[serde(serialize_with = "lossy_or_null")]
    pub kept: Option<PathBuf>,
}

/// Lists or shows saved states, and restores one on request.
///
/// # Errors
///
/// Returns [`Code::ProjectNotFound`]; [`Code::StateNotFound`] and [`Code::Usage`] for a name that matches no
/// state or several; the errors of [`SavedStateStore::restore`].
pub fn state(world: World<'_>, options: &StateOptions) -> Result<StateReport> {
    let asked = asked(world, options.project.as_deref().unwrap_or(world.env.cwd()))?;
    let state = StateDir::new(world.env.state_dir()?);
    let config = in_force(world.env, Some(&asked.dir)).config;
    let states = SavedStateStore {
        state: &state,
        project: &asked.dir,
        archives: config.state.archives,
        ignored: false,
    };
    let (place, book) = states.read()?;
    let chosen = match (options.state.as_deref(), options.action) {
        (None, StateAction::List) => None,
        (None, StateAction::Restore) => {
            return Err(Error::new(Code::Usage, "no state given")
                .hint("`cc-session-recover state list` shows their names"));
        }
        (None, StateAction::Show) => last_of(place.as_ref(), &book),
        (Some(name), _) => Some(named(&book, name)?.clone()),
    };
    let mut text = None;
    if options.action == StateAction::Show {
        text = shown(place.as_ref(), chosen.as_ref());
        if text.is_none() {
            return Err(none_saved(&asked.dir.join(DIRECTORY).join(LAST)));
        }
    }
    let mut restored = false;
    let mut kept = None;
    if let (StateAction::Restore, Some(entry), Some(place)) = (options.action, &chosen, &place) {
        if options.dry_run {
            states.restorable(place, &book, &entry.name)?;
        } else {
            kept = states.restore(&entry.name)?;
            let fields =
                json!({"session": entry.session, "state": entry.name, "project": asked.dir, "kept": kept});
            journal::append(&state, world.clock, "state-restored", fields);
        }
        restored = true;
    }
    let (place, book) = if restored && !options.dry_run { states.read()? } else { (place, book) };
    let mut saved: Vec<SavedState> = place.iter().flat_map(|place| listed(place, &book)).collect();
    saved.sort_by_key(|state| std::cmp::Reverse(state.saved_at));
    let foreign =
        place.as_ref().is_some_and(|place| place.last().exists()) && !saved.iter().any(|state| state.last);
    Ok(StateReport {
        schema: SCHEMA,
        generated_at: world.clock.now(),
        project: asked.dir,
        enabled: asked.enabled,
        directory: place.map(|place| place.dir().to_path_buf()),
        states: saved,
        foreign,
        chosen: chosen.map(|entry| entry.name),
        text,
        dry_run: options.dry_run,
        restored,
        kept,
    })
}

/// Returns the state that is stored in the file of the last state.
fn last_of(place: Option<&StatesDirectory>, book: &SavedStateIndex) -> Option<SavedStateEntry> {
    let place = place?;
    let is_last = |entry: &&SavedStateEntry| {
        SavedStateStore::sound(place, entry).is_some_and(|(path, _)| path == place.last())
    };
    book.states.iter().find(is_last).cloned()
}

/// Finds the state that a name matches.
fn named<'b>(book: &'b SavedStateIndex, name: &str) -> Result<&'b SavedStateEntry> {
    let name = name.trim();
    let named: Vec<&SavedStateEntry> =
        book.states.iter().filter(|entry| !entry.retired && entry.name.starts_with(name)).collect();
    if let Some(exact) = named.iter().find(|entry| entry.name == name) {
        return Ok(exact);
    }
    if name.len() < SHORTEST {
        return Err(Error::new(Code::Usage, format!("{name:?} is too short for a state or a session"))
            .hint(format!("give at least {SHORTEST} characters")));
    }
    if let [one] = named.as_slice() {
        return Ok(one);
    }
    let sessions: Vec<&SavedStateEntry> =
        book.newest_of_each().into_iter().filter(|entry| begins(&entry.session, name)).collect();
    let words = |all: &[&SavedStateEntry]| {
        all.iter().take(8).map(|entry| entry.name.clone()).collect::<Vec<_>>().join(", ")
    };
    match (sessions.as_slice(), named.as_slice()) {
        ([one], []) => Ok(one),
        ([], []) => Err(Error::new(
            Code::StateNotFound,
            format!("no saved state of this project begins with {name:?}"),
        )
        .hint("`cc-session-recover state list` shows all")),
        (several, []) | (_, several) => Err(Error::new(
            Code::SessionAmbiguous,
            format!("{name:?} matches several states: {}", words(several)),
        )
        .hint("give more characters of the name")),
    }
}

/// Returns the text of a state file, even if it was edited; by default that of the last state.
fn shown(place: Option<&StatesDirectory>, chosen: Option<&SavedStateEntry>) -> Option<String> {
    let place = place?;
    match chosen {
        Some(entry) => SavedStateStore::sound(place, entry)
            .map(|(_, text)| text)
            .or_else(|| StatesDirectory::read(&place.archived(&entry.name))),
        None => StatesDirectory::read(&place.last()),
    }
}

fn none_saved(path: &std::path::Path) -> Error {
    Error::new(Code::StateNotFound, "no state is saved in this project")
        .at(path)
        .hint("states are saved when a session stops in a project with hooks; run `cc-session-recover init` to install them")
}

fn listed(place: &StatesDirectory, book: &SavedStateIndex) -> Vec<SavedState> {
    let kept = book.states.iter().filter(|entry| !entry.retired);
    kept.map(|entry| {
        let found = SavedStateStore::sound(place, entry);
        let last = found.as_ref().is_some_and(|(path, _)| *path == place.last());
        SavedState {
            name: entry.name.clone(),
            session: entry.session.clone(),
            saved_at: entry.saved_at,
            moment: entry.moment,
            as_of: entry.as_of,
            kind: entry.kind,
            unfinished: entry.unfinished,
            tasks_open: entry.tasks_open,
            tasks_done: entry.tasks_done,
            in_flight: entry.in_flight,
            failing: entry.failing,
            files: entry.files,
            last,
            sound: found.is_some(),
            path: found.map_or_else(|| place.archived(&entry.name), |(path, _)| path),
        }
    })
    .collect()
}
