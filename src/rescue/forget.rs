//! Removes everything that this tool stores about a session. Claude Code's own files of the session are left
//! in place and listed.

use super::export::session_of as session_of_export;
use super::import;
use super::reading::publish;
use super::restore::refuse_while_held;
use super::session_log;
use crate::claude::home::{begins, is_session_id};
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::{lossy, read_small};
use crate::keep::{KeptRemoval, complete_removals, kept_of, removals, remove_kept};
use crate::note::file::{path as note_path, remove_block};
use crate::note::handoff::blocks;
use crate::note::state::{SavedStateIndex, forget_states, states_of};
use crate::notify::sent;
use crate::problem::Problem;
use crate::quota::seen;
use crate::recovery::paused::Paused;
use crate::report::find::{SHORTEST, SessionOptions, find};
use crate::report::gone::gone_sessions;
use crate::report::inventory::{Inventory, ReportContext};
use crate::session::belongings::NOTE;
use crate::session::files::{companion_of, entries};
use crate::session::moves::Moves;
use crate::session::scan::Found;
use crate::session::stop::time;
use crate::store::lock::Lock;
use crate::store::stored::peek;
use crate::store::{StateDir, journal, spool};
use crate::trust::registration::Registration;
use crate::world::World;
use chrono::{DateTime, Utc};
use memchr::memmem;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

const SCHEMA: &str = "cc-session-recover/forget@1";
/// Maximum wait for the lock of the session's incident.
const LOCK_WAIT: Duration = Duration::from_secs(2);
/// Largest shared file that is searched for the session id, in bytes.
const LARGEST: u64 = 64 * 1024 * 1024;

/// Options of `forget`: the session to remove.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct ForgetOptions {
    /// Session id, an unambiguous prefix of at least 3 characters, or the session's name or title.
    #[cfg_attr(test, ts(as = "String"))]
    pub session: Option<String>,
    /// Whether to only report what would be removed.
    pub dry_run: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum ForgottenKind {
    Kept,
    Snapshots,
    Outputs,
    Export,
    Page,
    Record,
    Incident,
    Event,
    Quarantined,
    /// Block of the session in HANDOFF.md.
    Note,
    /// Saved state in the project directory.
    State,
    /// Lines or entries about the session in a file shared with other sessions.
    Entries,
    /// Empty lock files named after the session.
    Lock,
}

/// Something that `forget` removes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "ForgottenItem"))]
pub struct Forgotten {
    /// Kind of the item. `note` is the session's block in HANDOFF.md, `state` a saved state in its project,
    /// and `entries` its lines or entries in a file shared with other sessions.
    pub kind: ForgottenKind,
    /// Path of the file or directory.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// Total size of its files, in bytes.
    pub bytes: u64,
}

/// Result of `forget`, schema `cc-session-recover/forget@1`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ForgetReport {
    /// Schema name and version of this object.
    #[cfg_attr(test, ts(type = "'cc-session-recover/forget@1'"))]
    pub schema: &'static str,
    /// Time when this result was generated, RFC 3339.
    #[serde(serialize_with = "time")]
    pub generated_at: DateTime<Utc>,
    /// Whether this is a dry run, which removes nothing.
    pub dry_run: bool,
    /// Id of the session, a UUID.
    pub session: String,
    /// Items that were removed, or with `dryRun` would be.
    pub removed: Vec<Forgotten>,
    /// Files and directories of the session that Claude Code still has.
    pub with_claude_code: Vec<String>,
    /// Exports and pages of the session outside the state directory, and exports of other sessions that
    /// contain its block in HANDOFF.md. They are not removed.
    pub elsewhere: Vec<String>,
    /// Files that could not be removed, and why.
    pub problems: Vec<Problem>,
}

/// Removes everything stored about a session, or with `dry_run` lists it.
///
/// # Errors
///
/// Returns [`Code::SessionNotFound`]; [`Code::SessionLive`] while a client or a run has the session open,
/// because its hooks would store it again; [`Code::NothingToDo`] if nothing is stored about it.
pub fn forget(world: World<'_>, options: &ForgetOptions) -> Result<ForgetReport> {
    let ground = ReportContext::read(world, None)?;
    let inventory = Inventory::take(&ground, None)?;
    let state = &ground.state;
    let (session, found) = target(&inventory, state, options)?;
    let transcript = transcript_of(&inventory, state, &session, found.as_ref());
    refuse_while_held(
        &inventory,
        state,
        &session,
        transcript.as_deref().unwrap_or(Path::new("")),
        found.as_ref(),
    )?;
    let mut removed = places(&inventory, state, &session);
    let elsewhere = left_elsewhere(state, &session);
    let with_claude_code = left_with_client(&inventory, &session, transcript.as_deref());
    if removed.is_empty() {
        let error = Error::new(Code::NothingToDo, format!("nothing is stored about session {session}"));
        return Err(match with_claude_code.first() {
            Some(first) => error.hint(format!("Claude Code has {first}")),
            None => error,
        });
    }
    world.abort.check()?;
    let mut problems = Vec::new();
    if !options.dry_run {
        let Some(lease) = Lock::try_take(&state.run_lease(&session))? else {
            return Err(Error::new(
                Code::SessionLive,
                format!("an unattended run of session {session} is in progress"),
            )
            .hint("wait until the run has ended"));
        };
        problems.extend(complete_removals(state).err().map(Problem::from));
        import::sweep(state);
        removed.retain(|one| match remove(state, &session, one) {
            Ok(()) => true,
            Err(error) => {
                problems.push(error.into());
                false
            }
        });
        drop(lease);
        for lock in locks(state, &session).filter(|path| path.exists()) {
            if let Err(error) = Lock::remove(&lock) {
                removed.retain(|one| one.path != lock);
                problems.push(error.into());
            }
        }
        // Without the session id, which would otherwise be the only trace left.
        journal::append(state, world.clock, "forgotten", json!({"count": removed.len()}));
    }
    Ok(ForgetReport {
        schema: SCHEMA,
        generated_at: world.clock.now(),
        dry_run: options.dry_run,
        session,
        removed,
        with_claude_code,
        elsewhere,
        problems,
    })
}

/// Finds the session, which may have a transcript or may be named only by this tool or by files that the
/// client left.
fn target(
    inventory: &Inventory<'_>,
    state: &StateDir,
    options: &ForgetOptions,
) -> Result<(String, Option<Found>)> {
    let wanted = SessionOptions { session: options.session.clone(), latest: false, project: None };
    let not_found = match find(inventory, &wanted) {
        Ok(row) => return Ok((row.found.id().to_owned(), Some(row.found.clone()))),
        Err(error) if matches!(error.code, Code::SessionNotFound | Code::Io) => error,
        Err(error) => return Err(error),
    };
    let Some(name) = options.session.as_deref().filter(|name| name.len() >= SHORTEST) else {
        return Err(not_found);
    };
    let mut ids: BTreeSet<String> = gone_sessions(inventory, None).into_iter().map(|gone| gone.id).collect();
    ids.extend(exported(state).map(|(id, ..)| id));
    ids.extend(removals(state).map(|left| left.session));
    let mut matching = ids.into_iter().filter(|id| begins(id, name));
    match (matching.next(), matching.next()) {
        (Some(id), None) => Ok((id, None)),
        (Some(one), Some(other)) => {
            let message = format!("{name:?} matches several sessions, among them {one} and {other}");
            Err(Error::new(Code::SessionAmbiguous, message).hint("give more characters of the id"))
        }
        (None, _) => Err(not_found),
    }
}

fn transcript_of(
    inventory: &Inventory<'_>,
    state: &StateDir,
    session: &str,
    found: Option<&Found>,
) -> Option<PathBuf> {
    let kept = || kept_of(state, session).ok().flatten().map(|kept| kept.transcript);
    let incident = || inventory.incidents.get(session).map(|incident| incident.transcript.clone());
    found.map(|found| found.path.clone()).or_else(kept).or_else(incident)
}

/// Returns the exports and pages in the state directory with their session ids.
fn exported(state: &StateDir) -> impl Iterator<Item = (String, PathBuf, ForgottenKind)> + use<> {
    let named = |dir: PathBuf, kind: ForgottenKind, of: fn(&str) -> Option<&str>| {
        entries(&dir, &mut Vec::new()).filter_map(move |entry| {
            let name = entry.file_name().into_string().ok()?;
            Some((of(&name)?.to_owned(), entry.path(), kind))
        })
    };
    named(state.exports(), ForgottenKind::Export, session_of_export).chain(named(
        state.pages(),
        ForgottenKind::Page,
        publish::session_of,
    ))
}

/// Lists everything that this tool stores about a session.
fn places(inventory: &Inventory<'_>, state: &StateDir, session: &str) -> Vec<Forgotten> {
    let record = state.session(session).parent().map(Path::to_path_buf).unwrap_or_default();
    let mut found = vec![
        (ForgottenKind::Kept, state.kept(session)),
        (ForgottenKind::Snapshots, state.snapshots(session)),
        (ForgottenKind::Outputs, state.runs(session)),
        (ForgottenKind::Record, record),
        (ForgottenKind::Incident, state.incident(session)),
    ];
    let left = |left: KeptRemoval| (left.session == session).then_some((ForgottenKind::Kept, left.path));
    found.extend(removals(state).filter_map(left));
    found.extend(exported(state).filter(|(id, ..)| id == session).map(|(_, path, kind)| (kind, path)));
    found.extend(spool::files(state, session).map(|path| (ForgottenKind::Event, path)));
    let quarantined = entries(&state.quarantine(), &mut Vec::new());
    let about =
        quarantined.filter(|entry| entry.file_name().to_str().is_some_and(|name| name.contains(session)));
    found.extend(about.map(|entry| (ForgottenKind::Quarantined, entry.path())));
    let mut removed: Vec<Forgotten> = found
        .into_iter()
        .filter(|(_, path)| std::fs::symlink_metadata(path).is_ok())
        .map(|(kind, path)| Forgotten { kind, bytes: size(&path), path })
        .collect();
    // Notes come before the record: an edited block is first set aside there.
    let mut notes = Vec::new();
    for project in projects_of(inventory, state, session) {
        let path = note_path(&project);
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        if blocks(&text).iter().any(|id| id == session) {
            notes.push(Forgotten { kind: ForgottenKind::Note, path, bytes: 0 });
        }
    }
    notes.append(&mut removed);
    for book in SavedStateIndex::all(state) {
        let states = states_of(&book, session).into_iter();
        notes.extend(states.map(|path| Forgotten { kind: ForgottenKind::State, bytes: size(&path), path }));
    }
    let entries = shared(state).filter(|path| mentions(path, session));
    notes.extend(entries.map(|path| Forgotten { kind: ForgottenKind::Entries, path, bytes: 0 }));
    // Locks come last, because the steps before acquire some of them.
    let locks = locks(state, session).filter(|path| path.exists());
    notes.extend(locks.map(|path| Forgotten { kind: ForgottenKind::Lock, path, bytes: 0 }));
    notes
}

fn mentions(path: &Path, session: &str) -> bool {
    let bytes = read_small(path, LARGEST).ok().flatten();
    bytes.is_some_and(|bytes| memmem::find(&bytes, session.as_bytes()).is_some())
}

/// Returns the files that contain entries about several sessions.
fn shared(state: &StateDir) -> impl Iterator<Item = PathBuf> + use<> {
    let within = |dir: PathBuf| entries(&dir, &mut Vec::new()).map(|entry| entry.path());
    let single = [state.moves(), state.notices(), state.paused(), state.kept_register(), state.kept_due()];
    let journals = [state.older_journal(), state.journal()];
    single
        .into_iter()
        .chain(within(state.quota()))
        .chain(within(state.root().join("states")))
        .chain(session_log::all(state.root()))
        .chain(journals)
}

fn locks(state: &StateDir, session: &str) -> impl Iterator<Item = PathBuf> + use<> {
    [
        state.session_lock(session),
        state.waiter_lease(session),
        state.watch_lease(session),
        state.kept_lock(session),
        state.run_lease(session),
    ]
    .into_iter()
}

/// Removes the lines and entries about a session from a shared file.
fn remove_entries(state: &StateDir, session: &str, path: &Path) -> Result<()> {
    if path == state.kept_register() {
        // The register is a cache that the next reader rebuilds.
        return crate::store::replace::remove(path);
    }
    if path == state.kept_due() {
        // Without it, the supervisor only waits longer before it removes old sessions.
        return crate::store::replace::remove(path);
    }
    if path == state.moves() {
        return Moves::forget(state, session);
    }
    if path == state.notices() {
        return sent::forget(state, session);
    }
    if path == state.paused() {
        return Paused::change(state, Some(session), false).map(drop);
    }
    if path == state.journal() || path == state.older_journal() {
        return journal::forget(state, session);
    }
    if path.parent() == Some(&state.quota()) {
        return seen::forget(state, path, session);
    }
    if session_log::all(state.root()).any(|log| log == path) {
        return session_log::forget(path, session);
    }
    // Fails for an index of a newer version, which is left as it is.
    match peek::<SavedStateIndex>(path)? {
        Some(book) => forget_states(state, &book.project, session),
        None => Ok(()),
    }
}

/// Returns the exports and pages of a session that the journal lists outside the state directory, and the
/// exports of other sessions whose HANDOFF.md contains its block. A verified export is never changed.
fn left_elsewhere(state: &StateDir, session: &str) -> Vec<String> {
    let written = journal::entries(state, &["exported", "page-written"]);
    let of_session = written.iter().filter(|entry| entry["session"] == session);
    let paths: BTreeSet<&str> = of_session.filter_map(|entry| entry["path"].as_str()).collect();
    let left = |path: &&str| !Path::new(path).starts_with(state.root()) && Path::new(path).exists();
    let elsewhere = paths.into_iter().filter(left).map(str::to_owned);
    let others = exported(state).filter(|(id, _, kind)| id != session && *kind == ForgottenKind::Export);
    let notes = others.map(|(_, path, _)| if path.is_dir() { path.join(NOTE) } else { path });
    let with_block = notes.filter(|path| mentions(path, session)).map(|path| path.display().to_string());
    elsewhere.chain(with_block).collect()
}

/// Returns the projects whose HANDOFF.md may contain a block of the session.
fn projects_of(inventory: &Inventory<'_>, state: &StateDir, session: &str) -> BTreeSet<PathBuf> {
    let incident = inventory.incidents.get(session).and_then(|incident| incident.project.clone());
    let registered = peek::<Registration>(&state.session(session)).ok().flatten();
    let kept = kept_of(state, session).ok().flatten().and_then(|kept| kept.cwd).map(PathBuf::from);
    let rows = inventory.rows.iter().filter(|row| row.found.id() == session);
    let cwds = rows.filter_map(|row| row.summary.cwd.as_deref().map(PathBuf::from));
    incident.into_iter().chain(registered.and_then(|one| one.project)).chain(kept).chain(cwds).collect()
}

fn left_with_client(inventory: &Inventory<'_>, session: &str, transcript: Option<&Path>) -> Vec<String> {
    let mut left: Vec<PathBuf> = Vec::new();
    let rows = inventory.rows.iter().filter(|row| row.found.id() == session);
    for path in rows.map(|row| row.found.path.as_path()).chain(transcript) {
        left.push(path.to_path_buf());
        left.push(companion_of(path));
    }
    for home in &inventory.homes {
        left.extend(["tasks", "file-history", "session-env"].map(|name| home.dir().join(name).join(session)));
    }
    left.sort();
    left.dedup();
    left.retain(|path| std::fs::symlink_metadata(path).is_ok());
    let mut words: Vec<String> = left.iter().map(|path| path.display().to_string()).collect();
    for home in &inventory.homes {
        let typed = crate::report::recall::typed(home, session);
        if !typed.is_empty() {
            words.push(format!("prompts typed in it, in {}", home.dir().join("history.jsonl").display()));
        }
    }
    words
}

fn size(path: &Path) -> u64 {
    match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => entries(path, &mut Vec::new()).map(|entry| size(&entry.path())).sum(),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    }
}

fn remove(state: &StateDir, session: &str, one: &Forgotten) -> Result<()> {
    match one.kind {
        ForgottenKind::Kept => remove_kept(state, session),
        ForgottenKind::Note => {
            let project = one.path.parent().unwrap_or(Path::new("/"));
            // An edited block is set aside; that copy must be removed as well.
            for aside in remove_block(project, session, state)?.kept {
                crate::store::replace::remove(&aside)?;
            }
            Ok(())
        }
        ForgottenKind::Entries => remove_entries(state, session, &one.path),
        ForgottenKind::State => {
            let of_project = |book: &SavedStateIndex| states_of(book, session).contains(&one.path);
            match SavedStateIndex::all(state).into_iter().find(of_project) {
                Some(book) => forget_states(state, &book.project, session),
                None => Ok(()),
            }
        }
        // `forget` removes lock files itself after it has released its lease.
        ForgottenKind::Lock => Ok(()),
        ForgottenKind::Snapshots
        | ForgottenKind::Outputs
        | ForgottenKind::Export
        | ForgottenKind::Page
        | ForgottenKind::Record
        | ForgottenKind::Incident
        | ForgottenKind::Event
        | ForgottenKind::Quarantined => {
            if !one.path.starts_with(state.root()) || !is_session_id(session) {
                return Err(Error::new(Code::PathRefused, "is not in the state directory").at(&one.path));
            }
            // A process that owns this lock would write the incident back.
            let _lock = match one.kind {
                ForgottenKind::Incident => Some(Lock::wait(&state.session_lock(session), LOCK_WAIT)?),
                _ => None,
            };
            let meta = std::fs::symlink_metadata(&one.path).doing("remove", &one.path)?;
            if meta.is_dir() {
                // Does not follow symbolic links.
                std::fs::remove_dir_all(&one.path).doing("remove", &one.path)
            } else {
                crate::store::replace::remove(&one.path)
            }
        }
    }
}
