//! The plugin: the same hooks and commands in the form that Claude Code installs by itself, as a marketplace with one plugin in
//! a directory of the user's own. Claude Code (2.1.200, 2.1.250 and 2.1.329) reads it in place.
//!
//! Its hooks act in every project, as the user's own do. Where a settings file has hooks of ours that the client runs too, they
//! leave the session to those: nothing is done twice.

mod contents;
mod put;

pub use put::{PluginOptions, PluginPlan, PluginReport, apply, plan};

use super::Scope;
use super::enabled::{Enabled, find};
use super::hooks::MARKER;
use crate::claude::home::ClaudeHome;
use crate::claude::process::Processes;
use crate::claude::settings::{Settings, managed_dir};
use crate::env::Environment;
use crate::error::{Code, Result};
use crate::fs::{canonical, read_small};
use crate::session::stop::time;
use crate::store::StateDir;
use crate::store::stored::{Stored, peek};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Name of the plugin and of its marketplace.
pub const NAME: &str = "cc-session-recover";
/// What Claude Code calls it: plugin and marketplace.
pub const ID: &str = "cc-session-recover@cc-session-recover";
/// Directory of hooks in a plugin.
pub const HOOKS: &str = "hooks";
/// Option of the client that names the settings it reads.
const SOURCES: &str = "--setting-sources";
/// Largest settings file that is looked into, in bytes.
const LARGEST: u64 = 8 * 1024 * 1024;

/// The record that a person had the plugin written. Without it the plugin's hooks do nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    /// Format version.
    version: u32,
    /// The directories it was written to.
    places: BTreeMap<PathBuf, Place>,
}

/// A directory that the plugin was written to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    /// When it was written first.
    #[serde(serialize_with = "time")]
    at: DateTime<Utc>,
    /// Its files, with the SHA-256 of their bytes in hex.
    files: BTreeMap<PathBuf, String>,
    /// Directories that did not exist before, the outermost first.
    created: Vec<PathBuf>,
}

impl Stored for Record {
    const VERSION: u32 = 1;
}

impl Default for Record {
    fn default() -> Self {
        Self { version: Self::VERSION, places: BTreeMap::new() }
    }
}

impl Record {
    fn path(state: &StateDir) -> PathBuf {
        state.projects().join("plugin.json")
    }

    /// What is there; a damaged one counts as none, and is set aside by the next change.
    ///
    /// # Errors
    /// [`Code::StateNewer`].
    fn look(state: &StateDir) -> Result<Self> {
        match peek(&Self::path(state)) {
            Err(error) if error.code == Code::StateNewer => Err(error),
            other => Ok(other.ok().flatten().unwrap_or_default()),
        }
    }
}

/// The record under which the plugin's hooks work for a session: the project's own where it has one, else one that says nothing
/// but that the plugin was written. `None` where hooks of a settings file do the work, and where no plugin was written.
#[must_use]
pub fn in_charge(state: &StateDir, env: &Environment, processes: &dyn Processes) -> Option<Enabled> {
    let at = Record::look(state).ok()?.places.values().map(|place| place.at).min()?;
    let project = env.absolute("CLAUDE_PROJECT_DIR").and_then(|dir| canonical(&dir).ok());
    let project = project.and_then(|dir| find(state, env, Some(&dir)));
    let user = find(state, env, None);
    // Clients before 2.1.220 do not tell their process; that they were started with fewer settings is then not known.
    let line = env.claude_pid().map(|pid| processes.command_line(pid)).unwrap_or_default();
    let works = |enabled: &Enabled| has_hooks(enabled, env, &line);
    if project.as_ref().is_some_and(works) || user.as_ref().is_some_and(works) {
        return None;
    }
    Some(project.or(user).unwrap_or_else(|| Enabled::new(None, at)))
}

/// Whether a client that was started with this command line runs the hooks which `init` put into settings: they are still in the
/// file, the client reads it, and their launcher is there.
fn has_hooks(enabled: &Enabled, env: &Environment, line: &[String]) -> bool {
    let base = match &enabled.project {
        Some(project) => Some(project.join(".claude")),
        None => env.claude_config_dir(),
    };
    let launcher = base.is_some_and(|base| base.join(MARKER).is_file());
    launcher
        && enabled
            .settings
            .iter()
            .any(|(scope, image)| image.hooks && reads(line, *scope) && is_in(&image.path))
}

/// Whether the settings file, which may be a link, still has a hook of ours.
fn is_in(path: &Path) -> bool {
    let bytes = canonical(path).ok().and_then(|real| read_small(&real, LARGEST).ok().flatten());
    bytes.is_some_and(|bytes| String::from_utf8_lossy(&bytes).contains(MARKER))
}

/// Whether a client that was started so reads the settings of a scope (`--setting-sources user` keeps the plugin and leaves a
/// project's settings out; seen with 2.1.329).
fn reads(line: &[String], scope: Scope) -> bool {
    let wanted = match scope {
        Scope::Project => "project",
        Scope::Local => "local",
        Scope::User => "user",
    };
    let mut words = line.iter().map(String::as_str);
    while let Some(word) = words.next() {
        let given = match word.strip_prefix(SOURCES) {
            Some("") => words.next(),
            Some(rest) => rest.strip_prefix('='),
            None => None,
        };
        if let Some(given) = given {
            return given.split(',').any(|source| source.trim() == wanted);
        }
    }
    true
}

/// What Claude Code's own settings say about the plugin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Known {
    /// Directory of the marketplace of our name.
    marketplace: Option<PathBuf>,
    /// The plugin is on.
    on: bool,
}

impl Known {
    /// For a project, or where no project has a say.
    fn of(env: &Environment, project: Option<&Path>) -> Self {
        let Some(home) = env.claude_config_dir().map(ClaudeHome::new) else { return Self::default() };
        let settings = Settings::read(&home, project, &managed_dir());
        let mut values = settings.files.iter().filter_map(|file| file.value.as_ref().ok());
        let market = |value: &Value| {
            value["extraKnownMarketplaces"][NAME]["source"]["path"].as_str().map(PathBuf::from)
        };
        // Each layer may say it, the highest that does decides.
        let on = values.clone().find_map(|value| value["enabledPlugins"][ID].as_bool());
        Self { marketplace: values.find_map(market), on: on == Some(true) }
    }
}

/// A plugin that was written, and what Claude Code does with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Where it is: the directory that Claude Code reads, where it reads one.
    pub directory: PathBuf,
    /// Claude Code reads it there, and has it on.
    pub on: bool,
}

/// The plugin as it stands for a project; `None` when none was written.
#[must_use]
pub fn standing(state: &StateDir, env: &Environment, project: Option<&Path>) -> Option<Standing> {
    let record = Record::look(state).ok()?;
    let known = Known::of(env, project);
    let read = known.marketplace.and_then(|dir| canonical(&dir).ok());
    if let Some(directory) = read.filter(|dir| record.places.contains_key(dir)) {
        return Some(Standing { directory, on: known.on });
    }
    let directory = record.places.into_keys().next()?;
    Some(Standing { directory, on: false })
}

/// Whether the plugin's hooks run in a project.
#[must_use]
pub fn is_on(state: &StateDir, env: &Environment, project: Option<&Path>) -> bool {
    standing(state, env, project).is_some_and(|standing| standing.on)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_reads_all_settings_unless_it_was_told_which() {
        let line = |words: &str| words.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let read =
            |words: &str| [Scope::Project, Scope::Local, Scope::User].map(|scope| reads(&line(words), scope));
        assert_eq!(read("claude -p hi"), [true; 3]);
        assert_eq!(read("claude --setting-sources user -p hi"), [false, false, true]);
        assert_eq!(read("claude --setting-sources=project,local"), [true, true, false]);
        assert_eq!(read("claude --setting-sources"), [true; 3]);
        assert_eq!(read("claude --setting-sources= -p"), [false; 3]);
    }
}
