//! Resolves the session that a name matches: an id, an id prefix, a name or title, a part of
//! these, or "the latest".

use super::gone::{GoneSession, gone_session};
use super::inventory::{Inventory, InventoryRow};
use super::remains::left_behind;
use super::words::{NameRow, age, name_rows};
use crate::claude::home::{begins, is_session_id};
use crate::error::{Code, Error, Result};
use crate::fs::canonical;
use crate::keep::{KeptEntry, KeptSession, kept_of};
use crate::session::files::{conflict_of, entries, is_subagent};
use crate::text::one_line;
use serde::Deserialize;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Minimum length of an id prefix, in characters.
pub const SHORTEST: usize = 3;
/// Minimum length of a part of a name or title, in bytes.
const SHORTEST_PART: usize = 2;
/// Maximum number of candidates that an error lists.
const CANDIDATES: usize = 8;
/// Maximum length of a candidate's name, in characters.
const NAMED: usize = 60;

/// Selects one session by id, by a prefix of at least 3 characters, or by name or title; or the one
/// that was active last.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct SessionOptions {
    /// Session id, an unambiguous prefix of it, or its name or title.
    pub session: Option<String>,
    /// Whether to select the session that was active last, in `project` if it is given.
    pub latest: bool,
    /// Only sessions in the directory of this project.
    pub project: Option<PathBuf>,
}

/// Finds the matching row.
///
/// # Errors
///
/// Returns [`Code::Usage`] when the name is missing or too short, [`Code::SessionNotFound`],
/// [`Code::SessionAmbiguous`] with the candidates.
pub fn find<'r>(inventory: &'r Inventory<'_>, options: &SessionOptions) -> Result<&'r InventoryRow> {
    let rows = &inventory.rows;
    let Some(name) = options.session.as_deref().map(str::trim) else {
        if !options.latest {
            return Err(Error::new(Code::Usage, "no session given").hint("name one, or use --latest"));
        }
        return rows.iter().max_by_key(|row| inventory.recency(row)).ok_or_else(|| {
            Error::new(Code::SessionNotFound, "no sessions found").hint("`cc-session-recover list` shows all")
        });
    };
    if options.latest {
        return Err(
            Error::new(Code::Usage, "a session and --latest cannot be used together").hint("use one of them")
        );
    }
    if let Some(path) = path_named(inventory, name) {
        return at(inventory, &path);
    }
    let all: Vec<&InventoryRow> = rows.iter().collect();
    let matching = matching(name, &all, |row| row.found.id(), |row| names(inventory, row));
    let matching = the_nearest(inventory, matching.into_iter().copied().collect());
    match matching.as_slice() {
        [] if name.is_empty() => Err(Error::new(Code::Usage, "the name of the session is empty")
            .hint(format!("give {SHORTEST} characters of its id, or its name"))),
        [] => Err(not_found(inventory, name)),
        [row] => Ok(row),
        several => Err(ambiguous(inventory, name, several)),
    }
}

/// Returns the candidates that match a name. The first rule with any match decides: the full id; an id prefix
/// or the full name or title, ignoring case; a part of the name or title.
pub fn matching<'c, T>(
    name: &str,
    candidates: &'c [T],
    id: impl Fn(&T) -> &str,
    names: impl Fn(&T) -> Vec<String>,
) -> Vec<&'c T> {
    if name.is_empty() {
        return Vec::new();
    }
    let whole_id: Vec<&T> = candidates.iter().filter(|one| id(one).eq_ignore_ascii_case(name)).collect();
    if !whole_id.is_empty() {
        return whole_id;
    }
    let wanted = name.to_lowercase();
    let called: Vec<(&T, Vec<String>)> = candidates
        .iter()
        .map(|one| (one, names(one).into_iter().map(|own| one_line(&own, 200).to_lowercase()).collect()))
        .collect();
    let whole = called
        .iter()
        .filter(|(one, names)| name.len() >= SHORTEST && begins(id(one), name) || names.contains(&wanted));
    let whole: Vec<&T> = whole.map(|(one, _)| *one).collect();
    if !whole.is_empty() || wanted.len() < SHORTEST_PART {
        return whole;
    }
    let parts = called.iter().filter(|(_, names)| names.iter().any(|own| own.contains(&wanted)));
    parts.map(|(one, _)| *one).collect()
}

/// Finds the matching row, or the conflict copy at the given path. Used by commands that read one file and
/// open no session.
///
/// # Errors
///
/// Returns the errors of [`find`], and of reading the copy.
pub fn find_file<'r>(inventory: &'r Inventory<'_>, options: &SessionOptions) -> Result<&'r InventoryRow> {
    let name = options.session.as_deref().map(str::trim).filter(|_| !options.latest);
    let path = name.and_then(|name| path_named(inventory, name));
    match path.filter(|path| is_conflict_copy(path)) {
        Some(path) => inventory.read_copy(&path),
        None => find(inventory, options),
    }
}

/// Finds the matching row, or a kept session whose transcript is gone. Used by commands that only read.
///
/// # Errors
///
/// Returns the errors of [`find_file`], and of opening the kept files.
pub fn find_readable<'r>(inventory: &'r Inventory<'_>, options: &SessionOptions) -> Result<&'r InventoryRow> {
    let not_found = match find_file(inventory, options) {
        Err(error) if error.code == Code::SessionNotFound => error,
        other => return other,
    };
    let Some(name) = options.session.as_deref().map(str::trim) else { return Err(not_found) };
    match kept_named(inventory, name)? {
        Some(kept) => inventory.read_kept(kept),
        None => Err(not_found),
    }
}

/// Finds the kept session without a transcript that a name matches: its id, the path of one of its kept
/// files, its name or its title.
///
/// # Errors
///
/// Returns [`Code::SessionAmbiguous`], and the errors of reading the description.
pub fn kept_named(inventory: &Inventory<'_>, name: &str) -> Result<Option<KeptSession>> {
    let state = inventory.state_directory();
    let path = inventory.working_directory().join(name);
    let below = path.strip_prefix(state.all_kept()).ok().and_then(|below| below.iter().next()?.to_str());
    let name = below.unwrap_or(name);
    if name.is_empty() {
        return Ok(None);
    }
    let ids =
        entries(&state.all_kept(), &mut Vec::new()).filter_map(|entry| entry.file_name().into_string().ok());
    let mut ids: Vec<String> =
        ids.filter(|id| is_session_id(id) && name.len() >= SHORTEST && begins(id, name)).collect();
    ids.retain(|id| inventory.is_gone(id));
    if ids.is_empty() {
        ids = kept_called(inventory, name);
    }
    ids.sort_unstable();
    let [id] = ids.as_slice() else {
        if ids.is_empty() {
            return Ok(None);
        }
        let rows = ids.iter().map(|id| kept_row(inventory, id)).collect();
        return Err(several_match(name, "deleted sessions", rows));
    };
    let kept = kept_of(state, id)?;
    let within = |kept: &KeptSession| {
        let cwd = kept.cwd.as_deref().map(Path::new);
        inventory.project().is_none_or(|project| cwd.is_some_and(|cwd| cwd.starts_with(project)))
    };
    Ok(kept.filter(within))
}

fn kept_row(inventory: &Inventory<'_>, id: &str) -> NameRow {
    let entry = inventory.gone_kept().into_iter().find(|entry| entry.session == id);
    let names = entry.map(|entry| entry.names(inventory.state_directory()));
    let name = names.and_then(|(name, title)| name.or(title)).unwrap_or_default();
    NameRow { id: id.to_owned(), name: one_line(&name, NAMED), ..NameRow::default() }
}

/// Returns the ids of deleted sessions that are kept and whose name or title equals `name` or, without such a
/// session, contains it.
fn kept_called(inventory: &Inventory<'_>, name: &str) -> Vec<String> {
    let state = inventory.state_directory();
    let entries = inventory.gone_kept();
    let names = |entry: &KeptEntry| {
        let (name, title) = entry.names(state);
        [name, title].into_iter().flatten().collect()
    };
    let found = matching(name, &entries, |entry| entry.session.as_str(), names);
    let mut ids: Vec<String> = found.into_iter().map(|entry| entry.session.clone()).collect();
    ids.dedup();
    ids
}

/// Interprets a name as a path. A title may contain a slash, so a file must exist there.
fn path_named(inventory: &Inventory<'_>, name: &str) -> Option<PathBuf> {
    let looks_like_one = name.strip_suffix(".jsonl").is_some() || name.contains(std::path::is_separator);
    let path = inventory.working_directory().join(name);
    let named = looks_like_one && (path.is_absolute() && std::fs::symlink_metadata(&path).is_ok());
    // For an unreachable transcript, the inventory has the reason.
    let known = || inventory.unread.iter().any(|(found, _)| found.is_at(&path));
    (named || looks_like_one && known()).then_some(path)
}

fn is_conflict_copy(path: &Path) -> bool {
    path.file_stem().and_then(OsStr::to_str).and_then(conflict_of).is_some()
}

/// Returns the row of the transcript at a path.
fn at<'r>(inventory: &'r Inventory<'_>, path: &Path) -> Result<&'r InventoryRow> {
    let rows = &inventory.rows;
    if let Some(row) = rows.iter().find(|row| row.found.is_at(path)) {
        return Ok(row);
    }
    let real = canonical(path).ok();
    let same = |row: &&InventoryRow| {
        row.found.path.file_name() == path.file_name() && canonical(&row.found.path).ok() == real
    };
    if let Some(row) = real.as_ref().and_then(|_| rows.iter().find(same)) {
        return Ok(row);
    }
    if let Some((_, error)) = inventory.unread.iter().find(|(found, _)| found.is_at(path)) {
        return Err(unreadable(error));
    }
    let none = |message: &str| Error::new(Code::SessionNotFound, message).at(path);
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    if is_conflict_copy(path) {
        let stem = name.trim_end_matches(".jsonl");
        let hint = format!(
            "`show`, `export` and `repair` read it; `cc-session-recover show {}` shows the session itself",
            conflict_of(stem).unwrap_or(stem)
        );
        return Err(none("is a conflict copy, which no client opens as a session").hint(hint));
    }
    if is_subagent(name) {
        return Err(none("is the transcript of a subagent, not of a session")
            .hint("name the session that it belongs to"));
    }
    Err(none("is not a session transcript in a known configuration directory")
        .hint("name a session that `cc-session-recover list` shows; `configDirs` in the configuration adds directories"))
}

/// Selects, of several copies of one session, the one that a client started here would open: first by the
/// configuration directory in force, then by the working directory, and last by whether its directory still
/// exists.
fn the_nearest<'r>(inventory: &Inventory<'_>, rows: Vec<&'r InventoryRow>) -> Vec<&'r InventoryRow> {
    let [first, .., last] = rows.as_slice() else { return rows };
    if rows.iter().any(|row| row.found.id() != first.found.id()) || first.found.path == last.found.path {
        return rows;
    }
    let in_force: Vec<&InventoryRow> =
        rows.iter().copied().filter(|row| inventory.is_in_force(row)).collect();
    let near = if in_force.is_empty() { rows } else { in_force };
    let here: Vec<&InventoryRow> = near.iter().copied().filter(|row| inventory.is_here(row)).collect();
    if !here.is_empty() {
        return here;
    }
    let there: Vec<&InventoryRow> = near.iter().copied().filter(|row| inventory.is_there(row)).collect();
    if there.len() == 1 { there } else { near }
}

fn names(inventory: &Inventory<'_>, row: &InventoryRow) -> Vec<String> {
    let summary = &row.summary;
    let by_client = inventory.owner(&row.found).and_then(|owner| owner.name.clone());
    [summary.name.clone(), summary.title.clone(), by_client].into_iter().flatten().collect()
}

fn not_found(inventory: &Inventory<'_>, name: &str) -> Error {
    let rows = &inventory.rows;
    let unread = inventory.problems.iter().find(|problem| {
        let file = problem.path.as_ref().and_then(|path| path.file_name()?.to_str());
        name.len() >= SHORTEST && file.is_some_and(|file| file.starts_with(name))
    });
    if let Some(problem) = unread {
        return unreadable(problem);
    }
    let kept = kept_named(inventory, name).ok().flatten().map(|kept| kept.session);
    let named = kept.as_deref().unwrap_or(name);
    let gone = (name.len() >= SHORTEST).then(|| gone_session(inventory, named)).flatten();
    // A kept copy can be restored completely, so it takes precedence over other remains.
    if let Some(error) = gone.as_ref().filter(|gone| gone.kept.is_some()).map(deleted) {
        return error;
    }
    if let Some(error) = left_behind(inventory, name) {
        return error;
    }
    if let Some(error) = gone.as_ref().filter(|gone| gone.typed > 0).map(deleted) {
        return error;
    }
    let near: Vec<&InventoryRow> = rows
        .iter()
        .filter(|row| row.found.id().contains(name) || prompt_holds(row, name))
        .take(CANDIDATES)
        .collect();
    let message = format!("no session begins with {name:?} or has that name");
    let hint = if near.is_empty() {
        "`cc-session-recover list` shows all, `cc-session-recover search` searches their text".to_owned()
    } else {
        format!("did you mean one of these?\n{}", described(inventory, &near))
    };
    Error::new(Code::SessionNotFound, message).hint(hint)
}

/// Builds the error for a session whose transcript is gone, with what remains of it.
fn deleted(gone: &GoneSession) -> Error {
    let (id, words) = (&gone.id, gone.words());
    if gone.kept.is_some() {
        let message =
            format!("Claude Code deleted the transcript of {id}; a kept copy contains all of it{words}");
        return Error::new(Code::SessionNotFound, message)
            .hint(format!("restore it: cc-session-recover restore {id}"));
    }
    let last = gone.prompts.last().map(|prompt| one_line(&prompt.text, 80)).unwrap_or_default();
    let message = format!("the transcript of {id} is gone; its last prompt was {last:?}{words}");
    Error::new(Code::SessionNotFound, message).hint(
        "Claude Code deletes transcripts that are unused for `cleanupPeriodDays`; nothing is left to resume, `cc-session-recover list --gone` shows what was typed",
    )
}

fn unreadable(error: &Error) -> Error {
    Error { message: format!("was found, but cannot be read: {}", error.message), ..error.clone() }
}

fn prompt_holds(row: &InventoryRow, name: &str) -> bool {
    let wanted = name.to_lowercase();
    row.summary.last_prompt.as_deref().is_some_and(|prompt| prompt.to_lowercase().contains(&wanted))
}

fn ambiguous(inventory: &Inventory<'_>, name: &str, several: &[&InventoryRow]) -> Error {
    if several.iter().all(|row| row.found.id() == several[0].found.id()) {
        let paths: Vec<String> =
            several.iter().map(|row| one_line(&row.found.path.to_string_lossy(), 4096)).collect();
        let message = format!("{name:?} has {} copies: {}", several.len(), paths.join(", "));
        return Error::new(Code::SessionAmbiguous, message)
            .hint("give the path of one of them, or run it in the directory of its project");
    }
    several_match(name, "sessions", rows_of(inventory, several))
}

fn described(inventory: &Inventory<'_>, rows: &[&InventoryRow]) -> String {
    name_rows(&rows_of(inventory, rows))
}

/// Returns the rows that an error lists, newest first.
fn rows_of(inventory: &Inventory<'_>, rows: &[&InventoryRow]) -> Vec<NameRow> {
    let mut newest = rows.to_vec();
    newest.sort_by_cached_key(|row| std::cmp::Reverse(inventory.active_at(row)));
    let now = inventory.taken_at();
    let row = |row: &&InventoryRow| {
        let summary = &row.summary;
        let name = summary.name.as_ref().or(summary.title.as_ref()).or(summary.last_prompt.as_ref());
        NameRow {
            id: row.found.id().to_owned(),
            age: inventory.active_at(row).map_or_else(String::new, |at| age(at, now)),
            project: summary.cwd.as_deref().map(last_part).unwrap_or_default(),
            name: name.map(|name| one_line(name, NAMED)).unwrap_or_default(),
        }
    };
    newest.iter().map(row).collect()
}

/// Returns the last component of a directory.
#[must_use]
pub fn last_part(dir: &str) -> String {
    one_line(dir.rsplit(['/', '\\']).find(|part| !part.is_empty()).unwrap_or(dir), NAMED)
}

/// Builds the error for a name that matches several sessions, listing the first of them.
#[must_use]
pub fn several_match(name: &str, what: &str, mut rows: Vec<NameRow>) -> Error {
    let number = rows.len();
    rows.truncate(CANDIDATES);
    let more =
        if number > rows.len() { format!("\n  and {} more", number - rows.len()) } else { String::new() };
    let message = format!("{name:?} matches {number} {what}:\n{}{more}", name_rows(&rows));
    Error::new(Code::SessionAmbiguous, message).hint("give more characters of the id, or of the name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_matches_a_whole_id_then_a_prefix_or_whole_name_then_a_part() {
        let sessions = [
            ("3f2a9c1d-0000-4000-8000-000000000001", &["Move the parser"][..]),
            ("3f2b0000-0000-4000-8000-000000000002", &["docs", "Write the docs"]),
            ("77aa0000-0000-4000-8000-000000000003", &["3f2"]),
            ("88bb0000-0000-4000-8000-000000000004", &["ui"]),
            ("99cc0000-0000-4000-8000-000000000005", &["x"]),
        ];
        for (name, expected) in [
            ("3f2a9c1d-0000-4000-8000-000000000001", &[0][..]),
            ("3F2A9C1D-0000-4000-8000-000000000001", &[0]),
            ("3f2a", &[0]),
            ("3F2B", &[1]),
            ("77a", &[2]),
            ("3f2", &[0, 1, 2]),
            ("77", &[]),
            ("docs", &[1]),
            ("DOCS", &[1]),
            ("the", &[0, 1]),
            ("parser", &[0]),
            ("pa", &[0]),
            ("ui", &[3]),
            ("x", &[4]),
            ("u", &[]),
            ("", &[]),
            ("nothing", &[]),
        ] {
            let names = |one: &(&str, &[&str])| one.1.iter().map(|name| (*name).to_owned()).collect();
            let found = matching(name, &sessions, |one| one.0, names);
            let expected: Vec<&str> = expected.iter().map(|index: &usize| sessions[*index].0).collect();
            assert_eq!(found.iter().map(|one| one.0).collect::<Vec<_>>(), expected, "{name}");
        }
    }
}
