//! Writes the session log, one Markdown table per day of the operations on sessions that the user requested.
//! The journal contains the same operations and more, for programs.

use crate::error::{Error, IoContext, Result};
use crate::fs::{open_regular, private_file};
use crate::store::layout::ensure_dir;
use crate::text::one_line;
use chrono::{DateTime, Utc};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Longest cell, in characters.
const CELL: usize = 200;
/// Largest log that can be edited, in bytes.
const LARGEST: u64 = 64 * 1024 * 1024;

#[derive(Debug, Clone)]
pub struct SessionLogRow<'a> {
    pub session: &'a str,
    /// Number of bytes that the operation processed.
    pub bytes: Option<u64>,
    /// Operation, such as `export`.
    pub action: &'a str,
    /// How it ended, and where the result is.
    pub result: &'a str,
}

/// Returns the path of the log for a day.
#[must_use]
pub fn path(dir: &Path, at: DateTime<Utc>) -> PathBuf {
    dir.join(format!("SESSION-LOG-{}.md", at.format("%Y-%m-%d")))
}

/// Adds rows to the log of the day. Returns its path.
///
/// # Errors
///
/// Returns [`crate::error::Code::PathRefused`] if something else is in its place, [`crate::error::Code::Io`].
pub fn add(dir: &Path, at: DateTime<Utc>, rows: &[SessionLogRow<'_>]) -> Result<PathBuf> {
    let path = path(dir, at);
    ensure_dir(dir)?;
    let mut text = String::new();
    if std::fs::symlink_metadata(&path).is_ok() {
        // Fails unless it is a regular file.
        open_regular(&path)?;
    } else {
        let _ = write!(
            text,
            "# Session log of {}\n\nTimes are UTC.\n\n| time | session | size | action | result |\n|---|---|---:|---|---|\n",
            at.format("%Y-%m-%d")
        );
    }
    for row in rows {
        let size = row.bytes.map_or_else(String::new, |bytes| bytes.to_string());
        let _ = writeln!(
            text,
            "| {} | {} | {size} | {} | {} |",
            at.format("%H:%M:%S"),
            cell(row.session),
            cell(row.action),
            cell(row.result)
        );
    }
    let mut options = private_file();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        let unfollowed = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, unfollowed);
    }
    let mut file = options.open(&path).doing("open", &path)?;
    file.write_all(text.as_bytes()).map_err(|error| Error::io("write", &path, &error))?;
    Ok(path)
}

/// Returns the logs in a directory.
pub fn all(dir: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    crate::session::files::entries(dir, &mut Vec::new()).map(|entry| entry.path()).filter(|path| {
        let name = path.file_stem().and_then(std::ffi::OsStr::to_str);
        name.is_some_and(|name| name.starts_with("SESSION-LOG-"))
            && path.extension().is_some_and(|ending| ending == "md")
    })
}

/// Removes the rows about a session from a log.
///
/// # Errors
/// As [`add`].
pub fn forget(path: &Path, session: &str) -> Result<()> {
    let text = crate::fs::read_small(path, LARGEST)?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let stays: String = text.split_inclusive('\n').filter(|line| !line.contains(session)).collect();
    crate::store::replace::replace(path, stays.as_bytes(), crate::fs::PRIVATE)
}

/// Escapes text so that it cannot end its table cell.
fn cell(text: &str) -> String {
    one_line(text, CELL).replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_one_day_form_one_table_and_are_escaped() {
        let dir = tempfile::tempdir().unwrap();
        let at = DateTime::from_timestamp(1_780_000_000, 0).unwrap();
        let row = |result| SessionLogRow { session: "3f2a", bytes: Some(5), action: "export", result };
        let path = add(dir.path(), at, &[row("to /x")]).unwrap();
        add(dir.path(), at, &[row("a | b\nc <img>"), row("")]).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(path.file_name().unwrap(), "SESSION-LOG-2026-05-28.md");
        assert_eq!(text.lines().filter(|line| line.starts_with("| ")).count(), 4);
        assert!(text.contains("a \\| b c &lt;img>"), "{text}");
        assert_eq!(text.matches("|---|---|---:|").count(), 1);
    }

    #[test]
    #[cfg(unix)]
    fn a_link_in_place_of_the_session_log_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let at = DateTime::from_timestamp(1_780_000_000, 0).unwrap();
        let victim = dir.path().join("victim");
        std::fs::write(&victim, "kept").unwrap();
        std::os::unix::fs::symlink(&victim, path(dir.path(), at)).unwrap();
        assert!(add(dir.path(), at, &[]).is_err());
        assert_eq!(std::fs::read(&victim).unwrap(), b"kept");
    }
}
