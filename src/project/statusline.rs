//! Our status line for Claude Code, wrapped around an existing one.
//!
//! The command is a shell line like those of the hooks. It contains the command it replaced, so that the
//! settings file alone is enough to run or restore that one: if the launcher or node is missing, the shell
//! runs it directly. If it replaced none, the launcher searches for the one that Claude Code would have
//! drawn.

use super::HookScope;
use super::hooks::{MARKER, RUN, quoted};
use crate::fs::read_small;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Part of every status line command of ours.
pub const STATUS_LINE_MARKER: &str = "cc-session-recover/statusline.js";
/// Refresh interval in seconds of a status line that is ours alone, so that its countdown runs.
const REFRESH_SECONDS: u32 = 60;
/// Size limit of a settings file that is inspected, in bytes.
const LARGEST: u64 = 8 * 1024 * 1024;

/// The status line that a settings file should contain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusLineEntry {
    /// The command, without the assignment of the one that it replaced.
    pub command: String,
    /// `refreshInterval` of a new status line; `None` leaves the key to the author of the wrapped one.
    pub refresh_interval: Option<u32>,
}

/// Returns the status line for a scope. `beneath` lists the settings files whose status line it hides.
#[must_use]
pub fn entry(scope: HookScope, launcher: &Path, beneath: &[PathBuf]) -> StatusLineEntry {
    let file = match scope {
        HookScope::Project | HookScope::Local => {
            format!("\"$CLAUDE_PROJECT_DIR/.claude/{STATUS_LINE_MARKER}\"")
        }
        HookScope::User => quoted(&launcher.to_string_lossy()),
    };
    StatusLineEntry {
        command: format!("ccsr_js={file}; {RUN}; eval \" $ccsr_line\""),
        refresh_interval: (!beneath.iter().any(|path| has_status_line(path))).then_some(REFRESH_SECONDS),
    }
}

/// Whether a settings file sets a status line that is not ours. An unreadable file sets none for the client
/// either.
fn has_status_line(path: &Path) -> bool {
    let text = read_small(path, LARGEST).ok().flatten().unwrap_or_default();
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    let value: Value = serde_json::from_slice(text).unwrap_or_default();
    value["statusLine"]["command"].as_str().is_some_and(|command| !command.contains(STATUS_LINE_MARKER))
}

/// Whether a settings file contains anything of ours.
#[must_use]
pub fn is_ours(text: &str) -> bool {
    text.contains(MARKER) || text.contains(STATUS_LINE_MARKER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_line_refreshes_every_minute_only_if_it_wraps_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("settings.json");
        let beneath = [dir.path().join("missing.json"), path.clone()];
        let interval = || entry(HookScope::Local, Path::new("/x"), &beneath).refresh_interval;
        assert_eq!(interval(), Some(60));
        for (text, expected) in [
            (r#"{"statusLine":{"type":"command","command":"date"}}"#, None),
            ("\u{feff}{\"statusLine\":{\"command\":\"date\"}}", None),
            (r#"{"statusLine":{"command":"x cc-session-recover/statusline.js"}}"#, Some(60)),
            (r#"{"statusLine":7}"#, Some(60)),
            ("not json", Some(60)),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(interval(), expected, "{text}");
        }
    }

    #[test]
    fn the_user_status_line_quotes_any_launcher_path() {
        let entry =
            entry(HookScope::User, Path::new("/home/o'neil/.claude/cc-session-recover/statusline.js"), &[]);
        assert!(
            entry
                .command
                .starts_with(r"ccsr_js='/home/o'\''neil/.claude/cc-session-recover/statusline.js'; ")
        );
    }
}
