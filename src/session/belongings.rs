//! Lists every file of a session with its path in an export.
//!
//! Measured with 2.1.329: next to the transcript, a directory named after the session (subagents, long tool
//! results); in the configuration directory, `tasks/<id>`, `file-history/<id>` and the plan that the records
//! name by its slug; in the project, HANDOFF.md. A symbolic link in these locations is reported and skipped.

use crate::claude::glance::text_after;
use crate::claude::home::ClaudeHome;
use crate::claude::transcript::{Backwards, Transcript};
use crate::error::{Error, Result};
use crate::session::files::companion_of;
use crate::session::scan::Found;
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Number of bytes at the end of a transcript that are searched for the plan's name.
const TAIL: u64 = 8 * 1024 * 1024;
/// Maximum directory depth. The client creates two levels.
const DEEPEST: usize = 16;
/// File name of the note in a project.
pub const NOTE: &str = "HANDOFF.md";

/// Kind of a session file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SessionFileKind {
    Transcript,
    /// From the directory named after the session: subagents, long tool results.
    Companion,
    Tasks,
    /// Files as they were before the session changed them.
    FileHistory,
    Plan,
    /// HANDOFF.md of the project.
    Note,
}

impl SessionFileKind {
    /// Returns the directory of this kind in an export of the session.
    #[must_use]
    pub fn directory(self, session: &str) -> &str {
        match self {
            Self::Transcript | Self::Note => "",
            Self::Companion => session,
            Self::Tasks => "tasks",
            Self::FileHistory => "file-history",
            Self::Plan => "plans",
        }
    }

    /// Returns the kind to which a path of an export belongs.
    #[must_use]
    pub fn of(path: &str, session: &str) -> Option<Self> {
        let Some((directory, _)) = path.split_once('/') else {
            return match path.strip_suffix(".jsonl") {
                Some(id) if id == session => Some(Self::Transcript),
                _ => (path == NOTE).then_some(Self::Note),
            };
        };
        [Self::Companion, Self::Tasks, Self::FileHistory, Self::Plan]
            .into_iter()
            .find(|part| part.directory(session) == directory)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Belonging {
    pub part: SessionFileKind,
    pub from: PathBuf,
    /// Path in an export, with `/` as separator.
    pub path: String,
}

/// A file of a session that is not copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "SkippedFile"))]
pub struct Skipped {
    /// Path of the file.
    pub path: String,
    /// Reason why the file is skipped.
    pub why: String,
}

/// Lists all files of a session. The transcript comes first, because a file exists before the transcript
/// mentions it.
///
/// # Errors
///
/// Returns [`crate::error::Code::Io`] if a directory exists but cannot be read.
pub fn of(
    home: &ClaudeHome,
    session_files: &Found,
    project: Option<&Path>,
) -> Result<(Vec<Belonging>, Vec<Skipped>)> {
    with_plan(home, session_files, project, slug(&session_files.path).as_deref())
}

/// Lists all files of a session whose plan name is already known.
///
/// # Errors
///
/// Returns the errors of [`of`].
pub fn with_plan(
    home: &ClaudeHome,
    session_files: &Found,
    project: Option<&Path>,
    slug: Option<&str>,
) -> Result<(Vec<Belonging>, Vec<Skipped>)> {
    let (transcript, session) = (session_files.path.as_path(), session_files.id());
    let mut found = Vec::new();
    let mut skipped = Vec::new();
    found.push(Belonging {
        part: SessionFileKind::Transcript,
        from: transcript.to_path_buf(),
        path: format!("{session}.jsonl"),
    });
    for (part, root) in [
        (SessionFileKind::Companion, companion_of(transcript)),
        (SessionFileKind::Tasks, home.dir().join("tasks").join(session)),
        (SessionFileKind::FileHistory, home.dir().join("file-history").join(session)),
    ] {
        below(part, &root, part.directory(session), DEEPEST, &mut found, &mut skipped)?;
    }
    add_flat_subagents(session_files.agents_beside(), session, &mut found);
    if let Some(slug) = slug {
        let name = format!("{slug}.md");
        let from = home.dir().join("plans").join(&name);
        one(SessionFileKind::Plan, from, format!("plans/{name}"), &mut found, &mut skipped);
    }
    if let Some(project) = project {
        one(SessionFileKind::Note, project.join(NOTE), NOTE.to_owned(), &mut found, &mut skipped);
    }
    Ok((found, skipped))
}

/// Adds subagents next to the transcript, at the export path where newer clients write them.
fn add_flat_subagents(agents: &[PathBuf], session: &str, found: &mut Vec<Belonging>) {
    for from in agents {
        let Some(name) = from.file_name().and_then(OsStr::to_str) else { continue };
        let places = [format!("{session}/subagents/{name}"), format!("{session}/subagents/beside/{name}")];
        let free = places.into_iter().find(|path| found.iter().all(|one| one.path != *path));
        if let Some(path) = free {
            found.push(Belonging { part: SessionFileKind::Companion, from: from.clone(), path });
        }
    }
}

fn one(
    part: SessionFileKind,
    from: PathBuf,
    path: String,
    found: &mut Vec<Belonging>,
    skipped: &mut Vec<Skipped>,
) {
    let Ok(meta) = std::fs::symlink_metadata(&from) else { return };
    if meta.is_file() {
        found.push(Belonging { part, from, path });
    } else {
        skipped.push(left(&from, meta.file_type()));
    }
}

fn left(path: &Path, kind: std::fs::FileType) -> Skipped {
    let why = if kind.is_symlink() {
        "is a symbolic link, which is not followed"
    } else {
        "is neither a file nor a directory"
    };
    Skipped { path: path.to_string_lossy().into_owned(), why: why.into() }
}

/// Adds the regular files below a directory.
fn below(
    part: SessionFileKind,
    dir: &Path,
    path: &str,
    deepest: usize,
    found: &mut Vec<Belonging>,
    skipped: &mut Vec<Skipped>,
) -> Result<()> {
    let missing = |error: &std::io::Error| error.kind() == std::io::ErrorKind::NotFound;
    match std::fs::symlink_metadata(dir) {
        Ok(meta) if meta.is_dir() => {}
        Ok(meta) => {
            skipped.push(left(dir, meta.file_type()));
            return Ok(());
        }
        Err(error) if missing(&error) => return Ok(()),
        Err(error) => return Err(Error::io("read the directory", dir, &error)),
    }
    let mut entries = Vec::new();
    match std::fs::read_dir(dir) {
        Ok(listed) => {
            for entry in listed {
                entries.push(entry.map_err(|error| Error::io("read the directory", dir, &error))?);
            }
        }
        Err(error) if missing(&error) => return Ok(()),
        Err(error) => return Err(Error::io("read the directory", dir, &error)),
    }
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let from = entry.path();
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| !name.contains(['\\', '\n'])) else {
            let why = "has a name that is not valid UTF-8 or contains a backslash or newline";
            skipped.push(Skipped { path: from.to_string_lossy().into_owned(), why: why.into() });
            continue;
        };
        let path = format!("{path}/{name}");
        // The directory entry alone does not report the type on every system.
        let kind = match std::fs::symlink_metadata(&from) {
            Ok(meta) => meta.file_type(),
            Err(error) if missing(&error) => continue,
            Err(error) => return Err(Error::io("read", &from, &error)),
        };
        if kind.is_dir() && deepest > 0 {
            below(part, &from, &path, deepest - 1, found, skipped)?;
        } else if kind.is_file() {
            found.push(Belonging { part, from, path });
        } else {
            skipped.push(left(&from, kind));
        }
    }
    Ok(())
}

/// Returns the slug of the session's plan.
#[must_use]
pub fn slug(path: &Path) -> Option<String> {
    slug_after(path, 0, TAIL)
}

/// Returns the slug of the session's plan, searching only after the first `seen` bytes and in
/// the last `tail` bytes.
#[must_use]
pub fn slug_after(path: &Path, seen: u64, tail: u64) -> Option<String> {
    let transcript = Transcript::open(path).ok()?;
    let mut lines = Backwards::default();
    lines.begin(transcript.bytes());
    while let Some((offset, line)) = lines.next(transcript.file()) {
        if transcript.bytes() - offset > tail || offset < seen {
            return None;
        }
        let text = text_after(line, b"\"slug\":\"").and_then(|text| std::str::from_utf8(text).ok());
        let plain = |text: &&str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if let Some(slug) = text.filter(|text| !text.is_empty()).filter(plain) {
            return Some(slug.to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_path_maps_to_its_part_and_other_paths_to_none() {
        let id = "3f2a9c1d-0000-4000-8000-000000000001";
        for (path, part) in [
            (format!("{id}.jsonl"), Some(SessionFileKind::Transcript)),
            (format!("{id}/subagents/agent-a.jsonl"), Some(SessionFileKind::Companion)),
            ("tasks/1.json".into(), Some(SessionFileKind::Tasks)),
            ("file-history/a@v1".into(), Some(SessionFileKind::FileHistory)),
            ("plans/a-b.md".into(), Some(SessionFileKind::Plan)),
            ("HANDOFF.md".into(), Some(SessionFileKind::Note)),
            ("other.jsonl".into(), None),
            ("projects/x".into(), None),
            ("../x".into(), None),
            ("/etc/passwd".into(), None),
            (String::new(), None),
        ] {
            assert_eq!(SessionFileKind::of(&path, id), part, "{path}");
        }
    }
}
