//! Lists the files that remain of a session whose conversation is gone.

use super::find::SHORTEST;
use super::inventory::{Inventory, InventoryRow};
use super::recall::typed;
use crate::claude::home::{begins, is_session_id};
use crate::error::{Code, Error};
use crate::fs::lossy;
use crate::keep::kept_of;
use crate::session::StopKind;
use crate::session::files::{
    companion_of, conflict_of, entries, is_subagent, project_directories, subagents_in,
};
use crate::text::one_line;
use serde::Serialize;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Maximum depth of directories whose files are counted.
const DEEPEST: usize = 16;
/// Maximum length of a quoted prompt, in characters.
const QUOTED: usize = 80;

/// Reason why there is no conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum NoConversation {
    /// The transcript is an empty file.
    EmptyFile,
    /// The transcript contains records, but no prompt and no answer.
    NoMessages,
}

/// Kind of a file that is left of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum RemainingKind {
    Subagents,
    /// Other files beside the transcript, such as long tool results.
    Files,
    Tasks,
    /// Backups of files from before the session changed them.
    FileHistory,
    /// Conflict copies of its transcript made by a file synchronization tool.
    ConflictCopies,
    /// Snapshots of its transcript stored by this program.
    Snapshots,
}

/// Files of one kind that are left of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Remaining {
    /// Kind of the files that are left.
    pub kind: RemainingKind,
    /// Number of these files.
    pub count: usize,
    /// Their total size, in bytes.
    pub bytes: u64,
    /// The file itself, or the directory that contains the files.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
}

/// What is left of a session whose transcript contains no conversation. A client refuses to resume it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Remains {
    /// `empty-file`: the transcript has no bytes. `no-messages`: it contains records, but no
    /// prompt and no answer.
    pub why: NoConversation,
    /// Files that are left.
    pub left: Vec<Remaining>,
    /// The session's newest prompt in Claude Code's own history.
    pub typed: Option<String>,
    /// Command that lists snapshots of its transcript; `null` if there are none.
    pub restore: Option<Vec<String>>,
}

impl Remains {
    /// Collects what remains of a session; `None` if it has a conversation.
    #[must_use]
    pub fn of(inventory: &Inventory<'_>, row: &InventoryRow) -> Option<Self> {
        if row.summary.stop.kind != StopKind::Empty || inventory.owner(&row.found).is_some() {
            return None;
        }
        let id = row.found.id();
        let mut left = left_in(&companion_of(&row.found.path));
        let beside = row.found.agents_beside();
        left.extend(counted(RemainingKind::Subagents, row.found.path.parent(), beside));
        left.extend(counted(
            RemainingKind::ConflictCopies,
            row.found.path.parent(),
            &row.found.conflict_copies(),
        ));
        left.extend(elsewhere(inventory, id));
        let kept = left.iter().any(|one| one.kind == RemainingKind::Snapshots);
        Some(Self {
            why: if row.summary.bytes == 0 { NoConversation::EmptyFile } else { NoConversation::NoMessages },
            left,
            typed: last_typed(inventory, id),
            restore: kept.then(|| ["cc-session-recover", "restore", id].map(str::to_owned).to_vec()),
        })
    }
}

/// Builds the error for a session that has files but no transcript, with what remains of it.
#[must_use]
pub fn left_behind(inventory: &Inventory<'_>, name: &str) -> Option<Error> {
    if name.len() < SHORTEST {
        return None;
    }
    if name.starts_with("agent-") {
        let named = |path: &&PathBuf| path.file_stem().and_then(OsStr::to_str) == Some(name);
        let path = inventory.beside.iter().flat_map(|beside| &beside.agents).find(named)?;
        let message = "is the transcript of a subagent whose records do not name their session";
        return Some(
            Error::new(Code::SessionNotFound, message)
                .at(path)
                .hint("read the file itself; without its session it can be neither resumed nor exported"),
        );
    }
    let companions = companions(inventory, name);
    let ids: BTreeSet<&str> = companions.iter().map(|(id, _)| id.as_str()).collect();
    let id = ids.first().map(|id| (*id).to_owned());
    if ids.len() > 1 {
        let named: Vec<&str> = ids.into_iter().collect();
        let message =
            format!("{name:?} matches {} sessions without a transcript: {}", named.len(), named.join(", "));
        return Some(Error::new(Code::SessionAmbiguous, message).hint("give more characters of the id"));
    }
    let id = id.or_else(|| is_session_id(name).then(|| name.to_owned()))?;
    let mut left: Vec<Remaining> =
        companions.iter().flat_map(|(_, dirs)| dirs).flat_map(|dir| left_in(dir)).collect();
    for beside in &inventory.beside {
        for (kind, files) in [
            (RemainingKind::Subagents, beside.agents_of(&id).to_vec()),
            (RemainingKind::ConflictCopies, beside.conflicts_of(&id)),
        ] {
            left.extend(counted(kind, files.first().and_then(|path| path.parent()), &files));
        }
    }
    left.extend(elsewhere(inventory, &id));
    if left.is_empty() {
        return None;
    }
    let words: Vec<String> = left.iter().map(Remaining::words).collect();
    let typed =
        last_typed(inventory, &id).map_or_else(String::new, |text| format!("; its last prompt was {text:?}"));
    let message = format!("the transcript of {id} is gone; left are {}{typed}", words.join(", "));
    let kept = kept_of(inventory.state_directory(), &id).ok().flatten().is_some_and(|kept| kept.is_gone());
    let hint = match left.iter().find(|one| one.kind == RemainingKind::ConflictCopies) {
        _ if kept => format!("a kept copy contains all of it; restore it: cc-session-recover restore {id}"),
        Some(copies) => format!("cc-session-recover show {}", quoted(&copies.path)),
        None => "an export or a backup of it can be restored with `cc-session-recover import`; what is left cannot be resumed".to_owned(),
    };
    Some(Error::new(Code::SessionNotFound, message).hint(hint))
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display())
}

/// Returns the sessions with their own directories whose id starts with `name`, and these directories.
fn companions(inventory: &Inventory<'_>, name: &str) -> Vec<(String, Vec<PathBuf>)> {
    let mut found: Vec<(String, Vec<PathBuf>)> = Vec::new();
    let mut add = |id: &str, path: Option<PathBuf>| {
        if !is_session_id(id) || !begins(id, name) {
            return;
        }
        let at = found.iter().position(|(known, _)| known == id).unwrap_or_else(|| {
            found.push((id.to_owned(), Vec::new()));
            found.len() - 1
        });
        found[at].1.extend(path);
    };
    for dir in project_directories(&inventory.homes, &mut Vec::new()) {
        for entry in entries(&dir.path, &mut Vec::new()) {
            let file = entry.file_name();
            let Some(file) = file.to_str() else { continue };
            if is_session_id(file) {
                add(file, Some(entry.path()));
            } else if let Some(id) = file.strip_suffix(".jsonl").and_then(conflict_of) {
                add(id, None);
            }
        }
    }
    for beside in &inventory.beside {
        for path in &beside.agents {
            if let Some(id) = crate::session::files::session_of_subagent(path) {
                add(&id, None);
            }
        }
    }
    for entry in entries(&inventory.state_directory().all_snapshots(), &mut Vec::new()) {
        add(entry.file_name().to_str().unwrap_or_default(), None);
    }
    found
}

/// Counts the files in the directory beside a transcript.
fn left_in(companion: &Path) -> Vec<Remaining> {
    let agents = subagents_in(companion, &mut Vec::new());
    let mut others = Vec::new();
    files_below(companion, DEEPEST, &mut others);
    others.retain(|path| !path.file_name().and_then(OsStr::to_str).is_some_and(is_subagent));
    let subagents = companion.join("subagents");
    let both =
        [(RemainingKind::Subagents, subagents.as_path(), agents), (RemainingKind::Files, companion, others)];
    both.iter().filter_map(|(kind, dir, files)| counted(*kind, Some(dir), files)).collect()
}

/// Counts a session's files outside its transcript directory.
fn elsewhere(inventory: &Inventory<'_>, id: &str) -> Vec<Remaining> {
    let mut places: Vec<(RemainingKind, PathBuf)> = Vec::new();
    for home in &inventory.homes {
        places.push((RemainingKind::Tasks, home.dir().join("tasks").join(id)));
        places.push((RemainingKind::FileHistory, home.dir().join("file-history").join(id)));
    }
    places.push((RemainingKind::Snapshots, inventory.state_directory().snapshots(id)));
    let listed = places.into_iter().filter_map(|(kind, dir)| {
        let mut files = Vec::new();
        files_below(&dir, DEEPEST, &mut files);
        // Each snapshot has a hash file beside it, which does not count.
        files
            .retain(|path| kind != RemainingKind::Snapshots || path.extension() == Some(OsStr::new("jsonl")));
        counted(kind, Some(&dir), &files)
    });
    listed.collect()
}

fn counted(kind: RemainingKind, dir: Option<&Path>, files: &[PathBuf]) -> Option<Remaining> {
    let bytes = files.iter().map(|path| std::fs::symlink_metadata(path).map_or(0, |meta| meta.len())).sum();
    let path = match files {
        [] => return None,
        [one] => one.clone(),
        _ => dir?.to_path_buf(),
    };
    Some(Remaining { kind, count: files.len(), bytes, path })
}

fn files_below(dir: &Path, deepest: usize, found: &mut Vec<PathBuf>) {
    for entry in entries(dir, &mut Vec::new()) {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && deepest > 0 => files_below(&entry.path(), deepest - 1, found),
            Ok(kind) if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
}

/// Returns the newest prompt of a session in the clients' histories.
fn last_typed(inventory: &Inventory<'_>, id: &str) -> Option<String> {
    let typed = inventory.homes.iter().flat_map(|home| typed(home, id)).next_back()?;
    Some(one_line(&typed.text, QUOTED))
}

impl Remaining {
    fn words(&self) -> String {
        let (one, several) = match self.kind {
            RemainingKind::Subagents => ("subagent transcript", "subagent transcripts"),
            RemainingKind::Files => ("other file", "other files"),
            RemainingKind::Tasks => ("task file", "task files"),
            RemainingKind::FileHistory => ("file backup", "file backups"),
            RemainingKind::ConflictCopies => ("conflict copy", "conflict copies"),
            RemainingKind::Snapshots => ("snapshot", "snapshots"),
        };
        let name = if self.count == 1 { one } else { several };
        format!("{} {name} ({} bytes, {})", self.count, self.bytes, self.path.display())
    }
}
