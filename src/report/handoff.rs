//! Composes the note of one session as text, for HANDOFF.md, for a fresh session, or for another assistant.

use super::find::{SessionOptions, find_readable};
use super::inventory::{Inventory, InventoryRow, ReportContext};
use super::session::Session;
use super::status::asked;
use crate::claude::transcript::Transcript;
use crate::error::{Code, Error, Result};
use crate::fs::lossy_or_null;
use crate::note::compose::{Composed, NoteForm, Situation, WorkStatus, compose_as};
use crate::note::file::{self, Written, would_change, write_block};
use crate::note::gather::{GatheredWork, gather};
use crate::problem::Problem;
use crate::recovery::note::{is_without_work, next_text, situation};
use crate::session::message::ClientMessage;
use crate::session::stop::time;
use crate::session::{ResetSource, StopKind};
use crate::store::journal;
use crate::text::length;
use crate::world::World;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Schema name and version of this object.
const SCHEMA: &str = "cc-session-recover/handoff@1";

/// Which session `handoff` hands over, and for what purpose.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct HandoffOptions {
    /// Session id, an unambiguous prefix of at least 3 characters, or the session's name or title; if absent,
    /// the latest session of the project.
    pub session: Option<String>,
    /// Directory of the project to search; the working directory if neither it nor a session is given.
    pub project: Option<PathBuf>,
    /// Purpose of the text; `note` if absent.
    pub form: NoteForm,
    /// Whether to write the text to the project's HANDOFF.md; only with `note`.
    pub write: bool,
    /// Whether to only report what would be written.
    pub dry_run: bool,
}

/// Result of `handoff`, schema `cc-session-recover/handoff@1`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct HandoffReport {
    /// Schema name and version of this object.
    #[cfg_attr(test, ts(type = "'cc-session-recover/handoff@1'"))]
    pub schema: &'static str,
    /// Time when this result was generated, RFC 3339.
    #[serde(serialize_with = "time")]
    pub generated_at: DateTime<Utc>,
    /// Session that the text describes.
    pub session: Session,
    /// Form of the text, depending on its recipient.
    pub form: NoteForm,
    /// The text in Markdown, with secrets of known patterns removed.
    pub text: String,
    /// Length of the text, in characters.
    pub characters: usize,
    /// Titles of sections that were left out or shortened to fit.
    pub left_out: Vec<String>,
    /// Paths of the files that were read, without those of git: the transcript, and what Claude Code stores
    /// next to it.
    pub sources: Vec<String>,
    /// Path of HANDOFF.md in the session's project; `null` if that directory is unknown or gone.
    #[serde(serialize_with = "lossy_or_null")]
    pub file: Option<PathBuf>,
    /// Whether the hooks are installed in that project.
    pub enabled: bool,
    /// Whether this is only a plan, so that nothing was changed.
    pub dry_run: bool,
    /// Whether HANDOFF.md was changed, or would be with `dryRun`.
    pub written: bool,
    /// Paths of the saved copies of blocks that were edited by hand and then replaced.
    pub kept: Vec<String>,
    /// Files that could not be read, and why.
    pub problems: Vec<Problem>,
}

/// Builds the text and writes it to HANDOFF.md on request.
///
/// # Errors
///
/// Returns the errors of [`find_readable`]; [`Code::ProjectNotFound`] when there is no directory to write to;
/// [`Code::NothingToDo`] for a session without a conversation; the errors of [`write_block`].
pub fn handoff(world: World<'_>, options: &HandoffOptions) -> Result<HandoffReport> {
    if options.write && options.form != NoteForm::Note {
        return Err(Error::new(Code::Usage, "only the note form can be written to HANDOFF.md")
            .hint("omit --write, and redirect the text to a file"));
    }
    let named = options.session.is_some();
    let within = match &options.project {
        Some(dir) => Some(asked(world, dir)?.dir),
        None if named => None,
        None => Some(asked(world, world.env.cwd())?.dir),
    };
    let ground = ReportContext::read(world, within.as_deref())?;
    let inventory = Inventory::take(&ground, within.as_deref())?;
    let row = chosen(&inventory, options, within.as_deref())?;
    let session = inventory.report(row);
    // Falls back to the named project if the session's own directory is gone.
    let project = project_of(&session).or_else(|| options.project.as_ref().and(within));

    let transcript = Transcript::open(&row.found.path)?;
    let tree = project.as_deref().or(session.project.cwd.as_deref().map(Path::new));
    let mut gathered = gather(&transcript, world.env, tree.unwrap_or(Path::new("/nonexistent")));
    if is_without_work(&gathered) {
        return Err(Error::new(Code::NothingToDo, "this session has no conversation").at(&row.found.path));
    }
    if let Some(opened) = inventory.opened(&row.found) {
        gathered.transcript = opened.original(&gathered.transcript);
        gathered.beside = gathered.beside.iter().map(|path| opened.original(path)).collect();
    }
    let mut situation = of_session(&session, &gathered);
    if session.is_deleted() {
        let id = &session.id;
        situation.resume_command =
            Some(format!("cc-session-recover restore {id} && cc-session-recover resume {id}"));
    }
    let Composed { text, left_out } = compose_as(options.form, &situation, &gathered);

    let set_up = project.as_deref().and_then(|dir| asked(world, dir).ok()).is_some_and(|asked| asked.enabled);
    let mut written = Written::default();
    if options.write {
        let Some(project) = &project else {
            return Err(Error::new(Code::ProjectNotFound, "the session's project directory does not exist")
                .at(&row.found.path)
                .hint("omit --write, and redirect the text to a file"));
        };
        let blocks = ground.config.note.blocks;
        if options.dry_run {
            written.changed = would_change(project, &session.id, &text, blocks, &ground.state)?;
        } else {
            written = write_block(project, &session.id, &text, blocks, &ground.state, world.env)?;
            let kept: Vec<_> = written.kept.iter().map(|path| path.to_string_lossy()).collect();
            let noted = json!({"session": session.id, "changed": written.changed, "kept": kept});
            journal::append(&ground.state, world.clock, "note-written", noted);
        }
    }
    Ok(HandoffReport {
        schema: SCHEMA,
        generated_at: world.clock.now(),
        form: options.form,
        characters: length(&text),
        text,
        left_out,
        sources: sources(&gathered),
        file: project.as_deref().map(file::path),
        enabled: set_up,
        dry_run: options.dry_run,
        written: written.changed,
        kept: written.kept.iter().map(|path| path.to_string_lossy().into_owned()).collect(),
        problems: inventory.problems.iter().cloned().map(Problem::from).collect(),
        session,
    })
}

/// Finds the named session, or the project's most recently active session with a conversation.
fn chosen<'r>(
    inventory: &'r Inventory<'_>,
    options: &HandoffOptions,
    within: Option<&Path>,
) -> Result<&'r InventoryRow> {
    if options.session.is_some() {
        let named = SessionOptions { session: options.session.clone(), latest: false, project: None };
        return find_readable(inventory, &named);
    }
    let rows = inventory.rows.iter().filter(|row| row.summary.stop.kind != StopKind::Empty);
    rows.max_by_key(|row| inventory.recency(row)).ok_or_else(|| {
        let error = Error::new(Code::SessionNotFound, "no session of this project was found");
        let error = within.map_or(error.clone(), |dir| error.at(dir));
        error.hint("name one that `cc-session-recover list` shows")
    })
}

/// Returns the directory of the session's HANDOFF.md: the incident's project, the session's project, or the
/// directory in which the session was started.
fn project_of(session: &Session) -> Option<PathBuf> {
    let of_incident = session.incident.as_ref().and_then(|incident| incident.project.clone());
    let own = session.project.dir.clone();
    let start = session.commands.cwd.as_ref().map(PathBuf::from);
    let cwd = session.project.cwd.as_ref().map(PathBuf::from);
    [of_incident, own, start, cwd].into_iter().flatten().find(|dir| dir.is_absolute() && dir.is_dir())
}

/// Describes why the session stopped, and what happens next.
fn of_session(session: &Session, gathered: &GatheredWork) -> Situation {
    if let Some(incident) = session.incident.as_ref().filter(|incident| !incident.phase.is_over()) {
        let place = session.live.as_ref().map(|live| live.place.as_str());
        return situation(incident, &session.next, gathered.name.clone(), place);
    }
    let stop = &session.stop;
    Situation {
        session: session.id.clone(),
        name: session.name.clone().or_else(|| gathered.name.clone()),
        standing: match stop.kind {
            StopKind::Finished => WorkStatus::Finished,
            StopKind::Running | StopKind::Waiting => WorkStatus::Open,
            _ => WorkStatus::Stopped,
        },
        kind_text: stop.kind.words().to_owned(),
        message: stop.message.as_ref().map(ClientMessage::shown),
        stopped_at: stop.at,
        resets_at: stop.resets_at,
        resets_guess: stop.resets_at_source == Some(ResetSource::Guess),
        next_text: next_text(&session.next),
        open_in: session.live.as_ref().map(|live| live.place.clone()),
        resume_command: session.commands.resume.as_ref().map(|words| words.join(" ")),
    }
}

fn sources(gathered: &GatheredWork) -> Vec<String> {
    let read = std::iter::once(&gathered.transcript).chain(&gathered.beside);
    read.map(|path| path.to_string_lossy().into_owned()).collect()
}
