//! The plugin contains the same hooks and commands in the form that Claude Code installs itself: a
//! marketplace with one plugin, in a directory of the user. Claude Code (2.1.200, 2.1.250 and 2.1.329) reads
//! it in place.
//!
//! Its hooks act in every project, like hooks in the user's own settings. If a settings file also has our
//! hooks and the client runs them, the plugin's hooks do nothing, so that nothing is done twice.

mod contents;
mod module_off;
mod put;

pub use module_off::{ModuleOff, would_load_module};
pub use put::{PluginOptions, PluginPlan, PluginReport, apply, plan};

use super::HookScope;
use super::checkout::{is_covered, project_of};
use super::hooks::{MARKER, ours};
use crate::claude::home::ClaudeHome;
use crate::claude::process::Processes;
use crate::claude::registry::client_pid;
use crate::claude::settings::{Settings, managed_dir, value_of};
use crate::env::Environment;
use crate::error::{Code, Result};
use crate::fs::canonical;
use crate::session::stop::time;
use crate::store::StateDir;
use crate::store::replace::remove;
use crate::store::stored::{Stored, peek, save};
use crate::trust::enabled::{Enabled, find};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::cell::LazyCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub const NAME: &str = "cc-session-recover";
/// Identifier of the plugin in Claude Code: plugin and marketplace.
pub const ID: &str = "cc-session-recover@cc-session-recover";
pub const HOOKS: &str = "hooks";
/// Client option that names the settings to read.
const SOURCES: &str = "--setting-sources";

/// Record that the user had the plugin written. Without it, the plugin's hooks do nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PluginRecord {
    version: u32,
    /// The directories to which the plugin was written.
    places: BTreeMap<PathBuf, PluginDirectory>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PluginDirectory {
    /// Time at which the plugin was first written.
    #[serde(serialize_with = "time")]
    at: DateTime<Utc>,
    /// Files of the plugin, with the SHA-256 of their bytes in hex.
    files: BTreeMap<PathBuf, String>,
    /// Directories created for the plugin, outermost first.
    created: Vec<PathBuf>,
    /// The files that a run is about to write, in the same form. After a killed run each file may have its
    /// old or its new contents.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    coming: BTreeMap<PathBuf, String>,
}

impl Stored for PluginRecord {
    const VERSION: u32 = 1;
}

impl Default for PluginRecord {
    fn default() -> Self {
        Self { version: Self::VERSION, places: BTreeMap::new() }
    }
}

impl PluginRecord {
    fn path(state: &StateDir) -> PathBuf {
        state.projects().join("plugin.json")
    }

    /// Reads the record. A damaged one counts as missing and is quarantined by the next change.
    ///
    /// # Errors
    /// [`Code::StateNewer`].
    fn peek_record(state: &StateDir) -> Result<Self> {
        match peek(&Self::path(state)) {
            Err(error) if error.code == Code::StateNewer => Err(error),
            other => Ok(other.ok().flatten().unwrap_or_default()),
        }
    }

    /// Writes the record, or removes it if it names no directory.
    ///
    /// # Errors
    /// [`Code::Io`].
    fn save_record(&self, state: &StateDir) -> Result<()> {
        let path = Self::path(state);
        if self.places.is_empty() { remove(&path) } else { save(&path, self) }
    }
}

#[must_use]
pub fn written(state: &StateDir) -> Vec<PathBuf> {
    PluginRecord::peek_record(state).map(|record| record.places.into_keys().collect()).unwrap_or_default()
}

/// Returns whether the plugin's module may wait for a session. It may not after the user disabled the plugin,
/// although a client runs the module until `/reload-plugins`. It may not after the plugin's directory was
/// removed either, because the module asks through the launcher in it and continues nothing without an
/// answer.
#[must_use]
pub fn lets_module_wait(state: &StateDir, config_dir: Option<&Path>, project: Option<&Path>) -> bool {
    written(state).iter().any(|place| place.join(NAME).join(HOOKS).join(MARKER).is_file())
        && !ClientPluginSettings::of(config_dir, project).disabled
}

/// Returns the record under which the plugin's hooks work for a session: the project's own record if there is
/// one, and otherwise a record that only shows that the plugin was written. `None` if hooks of a settings
/// file handle the session, or if no plugin was written.
///
/// `event` is the name of the event and its session; without it, any of our hooks counts.
#[must_use]
pub fn in_charge(
    state: &StateDir,
    env: &Environment,
    processes: &dyn Processes,
    event: Option<(&str, &str)>,
) -> Option<Enabled> {
    let at = PluginRecord::peek_record(state).ok()?.places.values().map(|place| place.at).min()?;
    let project = env.absolute("CLAUDE_PROJECT_DIR").and_then(|dir| canonical(&dir).ok());
    // A project's hooks run for sessions below it only if they are also in its local settings.
    let project = project.and_then(|dir| {
        let owner = project_of(state, env, &dir)?;
        (owner == dir || is_covered(state, env, &owner)).then(|| find(state, env, Some(&owner))).flatten()
    });
    let user = find(state, env, None);
    let line = LazyCell::new(|| command_line(env, processes, event.map(|(_, session)| session)));
    let works = |enabled: &Enabled| {
        has_launcher(enabled, env)
            && enabled
                .settings
                .iter()
                .filter(|(_, image)| image.hooks && has_hook(&image.path, event.map(|(name, _)| name)))
                .any(|(scope, _)| reads(&line, *scope))
    };
    if project.as_ref().is_some_and(works) || user.as_ref().is_some_and(works) {
        return None;
    }
    Some(project.or(user).unwrap_or_else(|| Enabled::new(None, at)))
}

/// Returns the path of the launcher that was started, if the client passes the plugin's directory to hooks.
#[must_use]
pub fn launcher(env: &Environment) -> Option<PathBuf> {
    Some(env.absolute("CLAUDE_PLUGIN_ROOT")?.join(HOOKS).join(MARKER))
}

/// Returns the command line of a session's client, which is empty if unknown. Clients before 2.1.220 do not
/// pass their process id to hooks, but register it.
fn command_line(env: &Environment, processes: &dyn Processes, session: Option<&str>) -> Vec<String> {
    let told = env.claude_pid();
    let pid = match (env.claude_config_dir().map(ClaudeHome::new), session) {
        (Some(home), Some(session)) => client_pid(told, &home, session, processes),
        _ => told,
    };
    pid.map(|pid| processes.command_line(pid)).unwrap_or_default()
}

/// Returns whether the launcher that `init` installed for the hooks in settings still exists.
fn has_launcher(enabled: &Enabled, env: &Environment) -> bool {
    let base = match &enabled.project {
        Some(project) => Some(project.join(".claude")),
        None => env.claude_config_dir(),
    };
    base.is_some_and(|base| base.join(MARKER).is_file())
}

/// Returns whether the settings file, which may be a link, still has one of our hooks for this event, or for
/// any event. A file that the client cannot read has none.
fn has_hook(path: &Path, event: Option<&str>) -> bool {
    let Some(Ok(value)) = value_of(path) else { return false };
    ours(&value).iter().any(|entry| event.is_none_or(|event| entry.event == event))
}

/// Returns whether a client with this command line reads the settings of a scope (`--setting-sources user`
/// keeps the plugin and leaves a project's settings out; seen with 2.1.329).
fn reads(line: &[String], scope: HookScope) -> bool {
    let wanted = match scope {
        HookScope::Project => "project",
        HookScope::Local => "local",
        HookScope::User => "user",
    };
    let mut read = true;
    let mut words = line.iter().map(String::as_str);
    while let Some(word) = words.next() {
        let given = match word.strip_prefix(SOURCES) {
            Some("") => words.next(),
            Some(rest) => rest.strip_prefix('='),
            None => None,
        };
        // The last occurrence wins.
        if let Some(given) = given {
            read = given.split(',').any(|source| source.trim() == wanted);
        }
    }
    read
}

/// What Claude Code's own settings contain about the plugin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct ClientPluginSettings {
    /// Directory of the marketplace with our name.
    marketplace: Option<PathBuf>,
    /// Whether the plugin is enabled.
    on: bool,
    /// Whether the user disabled it, as `claude plugin disable` does. A plugin that was never installed and is
    /// loaded with `--plugin-dir` is neither.
    disabled: bool,
}

impl ClientPluginSettings {
    /// Reads the settings that apply to a project, or those that apply without one.
    fn of(config_dir: Option<&Path>, project: Option<&Path>) -> Self {
        let Some(home) = config_dir.map(ClaudeHome::new) else { return Self::default() };
        let settings = Settings::read(&home, project, &managed_dir());
        let mut values = settings.files.iter().filter_map(|file| file.value.as_ref().ok());
        let market = |value: &Value| {
            value["extraKnownMarketplaces"][NAME]["source"]["path"].as_str().map(PathBuf::from)
        };
        // Every layer may set it. The highest layer that sets it decides.
        let on = values.clone().find_map(|value| value["enabledPlugins"][ID].as_bool());
        let disabled = on == Some(false);
        Self { marketplace: values.find_map(market), on: on == Some(true), disabled }
    }
}

/// A plugin that was written, and how Claude Code uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledPlugin {
    /// Directory of the plugin: the one that Claude Code reads, if any.
    pub directory: PathBuf,
    /// Whether Claude Code reads the plugin from this directory and has it enabled.
    pub on: bool,
    /// Whether the state directory records that the plugin was written to this directory. Without that
    /// record, its hooks do nothing.
    pub recorded: bool,
}

/// Returns the plugin as it applies to a project under a configuration directory of Claude Code; `None` if
/// none was written and Claude Code has none enabled.
#[must_use]
pub fn standing(
    state: &StateDir,
    config_dir: Option<&Path>,
    project: Option<&Path>,
) -> Option<InstalledPlugin> {
    let record = PluginRecord::peek_record(state).ok()?;
    let known = ClientPluginSettings::of(config_dir, project);
    if let Some(directory) = known.marketplace.map(|dir| canonical(&dir).unwrap_or(dir)) {
        let recorded = record.places.contains_key(&directory);
        if recorded || known.on {
            return Some(InstalledPlugin { directory, on: known.on, recorded });
        }
    }
    let directory = record.places.into_keys().next()?;
    Some(InstalledPlugin { directory, on: false, recorded: true })
}

/// Returns whether the plugin's hooks run in a project, under clients with this configuration directory.
#[must_use]
pub fn is_on(state: &StateDir, config_dir: Option<&Path>, project: Option<&Path>) -> bool {
    standing(state, config_dir, project).is_some_and(|standing| standing.on && standing.recorded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::parse_rfc3339;

    #[test]
    fn the_module_waits_only_while_its_launcher_exists_and_the_user_has_not_disabled_the_plugin() {
        let enabled = |on: bool| serde_json::json!({"enabledPlugins": {ID: on}}).to_string();
        let cases = [
            ("never installed, loaded with --plugin-dir", true, true, None, true),
            ("enabled", true, true, Some(enabled(true)), true),
            ("disabled", true, true, Some(enabled(false)), false),
            ("directory removed", true, false, None, false),
            ("directory removed, still enabled", true, false, Some(enabled(true)), false),
            ("not recorded as written", false, true, None, false),
        ];
        for (what, recorded, launcher, settings, expected) in cases {
            let dir = tempfile::tempdir().unwrap();
            let (place, home) = (dir.path().join("plugin"), dir.path().join("home"));
            std::fs::create_dir_all(&home).unwrap();
            if launcher {
                let launcher = place.join(NAME).join(HOOKS).join(MARKER);
                std::fs::create_dir_all(launcher.parent().unwrap()).unwrap();
                std::fs::write(launcher, "").unwrap();
            }
            if let Some(settings) = settings {
                std::fs::write(home.join("settings.json"), settings).unwrap();
            }
            let state = StateDir::new(dir.path().join("state"));
            let mut record = PluginRecord::default();
            if recorded {
                let directory = PluginDirectory {
                    at: parse_rfc3339("2026-11-21T02:00:00Z").unwrap(),
                    files: BTreeMap::new(),
                    created: Vec::new(),
                    coming: BTreeMap::new(),
                };
                record.places.insert(place, directory);
                std::fs::create_dir_all(state.projects()).unwrap();
                record.save_record(&state).unwrap();
            }
            assert_eq!(lets_module_wait(&state, Some(&home), None), expected, "{what}");
        }
    }

    #[test]
    fn a_client_reads_all_settings_unless_setting_sources_limits_them() {
        let line = |words: &str| words.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let read = |words: &str| {
            [HookScope::Project, HookScope::Local, HookScope::User].map(|scope| reads(&line(words), scope))
        };
        assert_eq!(read("claude -p hi"), [true; 3]);
        assert_eq!(read("claude --setting-sources user -p hi"), [false, false, true]);
        assert_eq!(read("claude --setting-sources=project,local"), [true, true, false]);
        assert_eq!(read("claude --setting-sources"), [true; 3]);
        assert_eq!(read("claude --setting-sources= -p"), [false; 3]);
        assert_eq!(read("claude --setting-sources user --setting-sources=project"), [true, false, false]);
    }
}
