//! Finds the files of this tool to which the rules apply.

use super::{PruneCandidate, PruneKind};
use crate::claude::home::is_session_id;
use crate::error::{Code, Error, IoContext, Result};
use crate::keep::{KeptEntry, KeptRemoval, kept_register, removals};
use crate::problem::Problem;
use crate::rescue::export::{is_left_over, session_of};
use crate::rescue::reading::publish;
use crate::store::StateDir;
use crate::store::stored::peek;
use crate::trust::registration::Registration;
use chrono::{DateTime, Utc};
use std::path::{Path, PathBuf};

/// Suffix of a snapshot file.
const SNAPSHOT: &str = ".jsonl";

/// Suffix of a run's output file.
const OUTPUT: &str = ".log";

/// Suffix of an unfinished snapshot.
const PART: &str = ".part";

/// Lists the named entries of a directory in the state directory. Fails if the directory is a symbolic link.
fn listed(dir: &Path) -> Result<Vec<(String, PathBuf, std::fs::Metadata)>> {
    match std::fs::symlink_metadata(dir) {
        Ok(meta) if meta.is_dir() => {}
        Ok(_) => {
            return Err(Error::new(
                Code::PathRefused,
                "is not a directory of this tool: files behind a link are never deleted",
            )
            .at(dir)
            .hint("check it yourself"));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("read", dir, &error)),
    }
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(dir).doing("read the directory", dir)? {
        let entry = entry.doing("read the directory", dir)?;
        let path = entry.path();
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
        let Ok(meta) = std::fs::symlink_metadata(&path) else { continue };
        entries.push((name, path, meta));
    }
    Ok(entries)
}

pub(super) fn exports(state: &StateDir, problems: &mut Vec<Problem>) -> Result<Vec<PruneCandidate>> {
    let mut found = Vec::new();
    for (name, path, meta) in listed(&state.exports())? {
        if meta.file_type().is_symlink() {
            continue;
        }
        let left_over = is_left_over(&name);
        let own = name.trim_start_matches('.');
        let session = if left_over {
            own.split_once('.').and_then(|(own, _)| session_of(own))
        } else {
            session_of(&name)
        };
        let Some(session) = session.map(str::to_owned) else { continue };
        let kind = if left_over { PruneKind::Leftover } else { PruneKind::Export };
        let bytes = size(&path, &meta, problems);
        let made_at = named_time(own).or_else(|| meta.modified().ok().map(DateTime::from));
        found.push(PruneCandidate { kind, session, path, made_at, bytes });
    }
    Ok(found)
}

/// Parses the time in the name of an export.
fn named_time(name: &str) -> Option<DateTime<Utc>> {
    let text = name.get(..16)?;
    chrono::NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%SZ").ok().map(|at| at.and_utc())
}

pub(super) fn snapshots(state: &StateDir, problems: &mut Vec<Problem>) -> Result<Vec<PruneCandidate>> {
    by_session(&state.all_snapshots(), problems, |name| {
        if name.ends_with(SNAPSHOT) {
            Some(PruneKind::Snapshot)
        } else {
            let left = pid_of_part(name).is_some_and(|pid| !crate::program::process_exists(pid));
            left.then_some(PruneKind::Leftover)
        }
    })
}

/// Returns the kept sessions that Claude Code deleted. The kept files are the only copies.
pub(super) fn gone_sessions(state: &StateDir, problems: &mut Vec<Error>) -> Vec<PruneCandidate> {
    let gone = kept_register(state, problems).into_iter().filter(KeptEntry::is_gone);
    gone.map(|kept| PruneCandidate {
        kind: PruneKind::Kept,
        path: state.kept(&kept.session),
        made_at: Some(kept.updated_at),
        bytes: kept.own_bytes,
        session: kept.session,
    })
    .collect()
}

/// Returns kept files whose removal was killed.
pub(super) fn abandoned_removals(state: &StateDir, problems: &mut Vec<Problem>) -> Vec<PruneCandidate> {
    let mut found = Vec::new();
    for left in removals(state).filter(KeptRemoval::is_abandoned) {
        let Ok(meta) = std::fs::symlink_metadata(&left.path) else { continue };
        found.push(PruneCandidate {
            kind: PruneKind::Leftover,
            session: left.session,
            bytes: size(&left.path, &meta, problems),
            made_at: meta.modified().ok().map(DateTime::from),
            path: left.path,
        });
    }
    found
}

pub(super) fn outputs(state: &StateDir, problems: &mut Vec<Problem>) -> Result<Vec<PruneCandidate>> {
    by_session(&state.all_runs(), problems, |name| name.ends_with(OUTPUT).then_some(PruneKind::Output))
}

/// Finds files in directories named after sessions.
fn by_session(
    dir: &Path,
    problems: &mut Vec<Problem>,
    kind_of: impl Fn(&str) -> Option<PruneKind>,
) -> Result<Vec<PruneCandidate>> {
    let mut found = Vec::new();
    for (session, dir, meta) in listed(dir)? {
        if !meta.is_dir() || !is_session_id(&session) {
            continue;
        }
        let entries = match listed(&dir) {
            Ok(entries) => entries,
            Err(error) => {
                problems.push(error.into());
                continue;
            }
        };
        for (name, path, meta) in entries.into_iter().filter(|(.., meta)| meta.is_file()) {
            let Some(kind) = kind_of(&name) else { continue };
            let made_at = meta.modified().ok().map(DateTime::from);
            found.push(PruneCandidate { kind, session: session.clone(), path, made_at, bytes: meta.len() });
        }
    }
    Ok(found)
}

pub(super) fn pages(state: &StateDir) -> Result<Vec<PruneCandidate>> {
    let mut found = Vec::new();
    for (name, path, meta) in listed(&state.pages())?.into_iter().filter(|(.., meta)| meta.is_file()) {
        let (kind, session) = match publish::left_over(&name) {
            Some(session) => (PruneKind::Leftover, session),
            None => match publish::session_of(&name) {
                Some(session) => (PruneKind::Page, session),
                None => continue,
            },
        };
        let session = session.to_owned();
        let made_at = named_time(name.trim_start_matches('.'));
        found.push(PruneCandidate { kind, session, path, made_at, bytes: meta.len() });
    }
    Ok(found)
}

/// The record of a session and its contents.
pub(super) struct SessionRecord {
    pub(super) thing: PruneCandidate,
    pub(super) registration: Option<Registration>,
    /// Whether the record contains the conversation, because Claude Code did not save it.
    pub(super) shadow: bool,
}

/// Returns the files that form a record. Edited notes that were set aside next to them do not count.
pub(super) fn record_files(state: &StateDir, session: &str) -> [PathBuf; 5] {
    [
        state.given(session),
        state.context(session),
        state.saving(session),
        state.shadow(session),
        state.session(session),
    ]
}

/// Returns the size of a record and the time of its last change; `None` if there is no record.
pub(super) fn record_size(state: &StateDir, session: &str) -> Option<(u64, Option<DateTime<Utc>>)> {
    let files = record_files(state, session);
    let metas = files
        .iter()
        .filter_map(|path| std::fs::symlink_metadata(path).ok().filter(std::fs::Metadata::is_file));
    let sizes: Vec<(u64, Option<DateTime<Utc>>)> =
        metas.map(|meta| (meta.len(), meta.modified().ok().map(DateTime::from))).collect();
    let newest = sizes.iter().map(|(_, at)| *at).max()?;
    Some((sizes.iter().map(|(bytes, _)| bytes).sum(), newest))
}

pub(super) fn records(state: &StateDir, problems: &mut Vec<Error>) -> Result<Vec<SessionRecord>> {
    let mut found = Vec::new();
    for (session, path, meta) in listed(&state.sessions())? {
        if !meta.is_dir() || !is_session_id(&session) {
            continue;
        }
        let Some((bytes, made_at)) = record_size(state, &session) else { continue };
        let registered = state.session(&session);
        let registration = match peek::<Registration>(&registered) {
            Ok(registration) => registration,
            // Never judge a record that a newer version wrote, or that cannot be read.
            Err(error) if error.code == Code::StateNewer || std::fs::read(&registered).is_err() => {
                problems.push(error);
                continue;
            }
            Err(_) => None,
        };
        let shadow = state.shadow(&session).try_exists().unwrap_or(true);
        let thing = PruneCandidate { kind: PruneKind::Record, session, path, made_at, bytes };
        found.push(SessionRecord { thing, registration, shadow });
    }
    Ok(found)
}

/// Parses the process id in the name of an unfinished snapshot: `<name>.<pid>.part`.
fn pid_of_part(name: &str) -> Option<u32> {
    name.strip_suffix(PART)?.rsplit_once('.')?.1.parse().ok()
}

/// Returns the size of a file, or of all files below a directory, in bytes.
fn size(path: &Path, meta: &std::fs::Metadata, problems: &mut Vec<Problem>) -> u64 {
    if !meta.is_dir() {
        return meta.len();
    }
    match listed(path) {
        Ok(entries) => entries.iter().map(|(_, path, meta)| size(path, meta, problems)).sum(),
        Err(error) => {
            problems.push(error.into());
            0
        }
    }
}
