//! Our status line for Claude Code, wrapped around an existing one.
//!
//! The command is a shell line like those of the hooks. It contains the command that it replaced, so the
//! settings file alone is enough to run or restore that command: the shell runs that command directly if the
//! launcher or Node.js is missing. If our command replaced none, the launcher searches for the status line
//! that Claude Code would have drawn.

use super::HookScope;
use super::hooks::{MARKER, RUN, quoted};
use super::settings_text::wrapped_by;
use crate::env::Environment;
use crate::fs::read_small;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Substring that identifies our status line commands.
pub const STATUS_LINE_MARKER: &str = "cc-session-recover/statusline.js";
/// Refresh interval in seconds of a status line that wraps no other, which keeps its countdown current.
const REFRESH_SECONDS: u32 = 60;
/// Size limit of a settings file that is inspected, in bytes.
const LARGEST: u64 = 8 * 1024 * 1024;

/// The status line that a settings file should contain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusLineEntry {
    /// The command, without the assignment of the replaced command.
    pub command: String,
    /// `refreshInterval` of a new status line; `None` leaves the key to the author of the wrapped one.
    pub refresh_interval: Option<u32>,
}

/// Returns the status line for a scope. `beneath` lists the settings files whose status line ours hides.
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

/// Returns whether a settings file sets a status line that is not ours.
fn has_status_line(path: &Path) -> bool {
    command_in(path).is_some_and(|command| !command.contains(STATUS_LINE_MARKER))
}

/// Returns the command of the status line that Claude Code would show in a project without ours: the
/// project's or, without one, the user's. If that one is ours, returns the command that it wraps. The files
/// are read on every call, because they may have changed since ours was installed.
#[must_use]
pub fn beneath(env: &Environment, project: &Path) -> Option<String> {
    let shared = project.join(".claude/settings.json");
    let own = env.claude_config_dir().map(|dir| dir.join("settings.json"));
    [Some(shared), own].into_iter().flatten().find_map(|path| {
        let command = command_in(&path)?;
        Some(wrapped_by(&command, STATUS_LINE_MARKER).unwrap_or(command))
            .filter(|command| !command.is_empty())
    })
}

/// Returns the command of the status line that a settings file sets. `None` for an unreadable file, in which the
/// client finds no status line either.
fn command_in(path: &Path) -> Option<String> {
    let text = read_small(path, LARGEST).ok().flatten()?;
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    let value: Value = serde_json::from_slice(text).ok()?;
    value["statusLine"]["command"].as_str().map(str::to_owned)
}

/// Returns whether a settings file contains one of our hooks or our status line.
#[must_use]
pub fn is_ours(text: &str) -> bool {
    text.contains(MARKER) || text.contains(STATUS_LINE_MARKER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
    fn the_wrapped_status_line_is_that_of_the_project_or_else_of_the_user() {
        let dir = tempfile::tempdir().unwrap();
        let project = dir.path().join("project");
        let home = dir.path().join("home");
        let files = [project.join(".claude/settings.json"), home.join(".claude/settings.json")];
        for file in &files {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        }
        let env = Environment::from_pairs([("HOME", &home)], "/");
        let ours =
            r"ccsr_line='echo '\''x'\''@; ccsr_js=/x/cc-session-recover/statusline.js".replace('@', "'");
        let empty = "ccsr_line=''; ccsr_js=/x/cc-session-recover/statusline.js";
        for (shared, own, expected) in [
            (None, None, None),
            (Some("date"), Some("whoami"), Some("date")),
            (None, Some("whoami"), Some("whoami")),
            (Some(ours.as_str()), Some("whoami"), Some("echo 'x'")),
            (Some(empty), Some("whoami"), Some("whoami")),
            (Some(""), None, None),
        ] {
            for (file, command) in files.iter().zip([shared, own]) {
                let value =
                    command.map_or_else(|| json!({}), |command| json!({"statusLine": {"command": command}}));
                std::fs::write(file, value.to_string()).unwrap();
            }
            assert_eq!(beneath(&env, &project).as_deref(), expected, "{shared:?} {own:?}");
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
