//! Claude Code's effective settings: the layers that a client reads, and which layer sets a key.
//!
//! The highest layer that contains a key sets it: managed settings of an organization, then local project
//! settings, then shared project settings, then user settings. Seen with 2.1.329 for `disableAllHooks`:
//! `false` in `settings.local.json` overrides `true` in `settings.json`. The location of managed settings
//! follows the client's own text.

use super::home::ClaudeHome;
use crate::fs::read_small;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Maximum size of a settings file, in bytes.
const LARGEST: u64 = 4 * 1024 * 1024;
/// Maximum number of managed drop-in files.
const MOST_MANAGED: usize = 100;

/// Layer that a settings file belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// Managed by an organization; the user cannot change them.
    Managed,
    /// The user's own settings in a project.
    Local,
    Project,
    User,
}

#[derive(Debug, Clone)]
pub struct SettingsFile {
    pub layer: Layer,
    pub path: PathBuf,
    /// Parsed contents, or the reason why they are unknown.
    pub value: Result<Value, String>,
}

/// Existing settings files, in descending order of precedence.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    pub files: Vec<SettingsFile>,
}

impl Settings {
    #[must_use]
    pub fn read(home: &ClaudeHome, project: Option<&Path>, managed: &Path) -> Self {
        let mut paths =
            managed_files(managed).into_iter().map(|path| (Layer::Managed, path)).collect::<Vec<_>>();
        if let Some(project) = project {
            paths.push((Layer::Local, project.join(".claude/settings.local.json")));
            paths.push((Layer::Project, project.join(".claude/settings.json")));
        }
        paths.push((Layer::User, home.settings()));
        let files = paths.into_iter().filter_map(|(layer, path)| {
            let value = value_of(&path)?;
            Some(SettingsFile { layer, path, value })
        });
        Self { files: files.collect() }
    }

    /// Returns the value of a key and the file that sets it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<(&Value, &SettingsFile)> {
        self.files.iter().find_map(|file| Some((file.value.as_ref().ok()?.get(key)?, file)))
    }

    /// Returns the managed file that sets this key to true.
    #[must_use]
    pub fn managed(&self, key: &str) -> Option<&SettingsFile> {
        let says = |file: &&SettingsFile| {
            file.layer == Layer::Managed
                && file.value.as_ref().is_ok_and(|value| value.get(key) == Some(&Value::Bool(true)))
        };
        self.files.iter().find(says)
    }
}

/// Returns the directory of managed settings on this system.
#[must_use]
pub fn managed_dir() -> PathBuf {
    PathBuf::from(if cfg!(windows) {
        r"C:\Program Files\ClaudeCode"
    } else if cfg!(target_os = "macos") {
        "/Library/Application Support/ClaudeCode"
    } else {
        "/etc/claude-code"
    })
}

/// Lists managed files in descending precedence: drop-ins in reverse
/// name order, then `managed-settings.json`.
fn managed_files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir.join("managed-settings.d")).into_iter().flatten();
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    found.sort_by(|one, other| other.cmp(one));
    found.truncate(MOST_MANAGED);
    found.push(dir.join("managed-settings.json"));
    found
}

/// Parses a settings file, which may be a link into the user's dotfiles; `None` if it does not exist.
#[must_use]
pub fn value_of(path: &Path) -> Option<Result<Value, String>> {
    let real = match path.canonicalize() {
        Ok(real) => real,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => return Some(Err(error.to_string())),
    };
    let bytes = match read_small(&real, LARGEST) {
        Ok(bytes) => bytes?,
        Err(error) => return Some(Err(error.message)),
    };
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_start_matches('\u{feff}');
    let parsed: Result<Option<Value>, _> =
        jsonc_parser::parse_to_serde_value(text, &jsonc_parser::ParseOptions::default());
    match parsed {
        Ok(None) => Some(Ok(Value::Object(serde_json::Map::new()))),
        Ok(Some(value)) if value.is_object() => Some(Ok(value)),
        Ok(Some(_)) => Some(Err("is not a JSON object".to_owned())),
        Err(error) => Some(Err(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_layer_that_has_a_key_wins() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let home = ClaudeHome::new(root.join("home"));
        let project = root.join("project");
        let managed = root.join("managed");
        let write = |path: PathBuf, text: &str| {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let read = || Settings::read(&home, Some(&project), &managed);
        let decided = |key: &str| read().get(key).map(|(value, file)| (value.clone(), file.layer));
        assert_eq!(decided("disableAllHooks"), None);
        write(home.settings(), "{\"disableAllHooks\": true, // mine\n}");
        assert_eq!(decided("disableAllHooks"), Some((Value::Bool(true), Layer::User)));
        write(project.join(".claude/settings.json"), "{\"disableAllHooks\": true}");
        write(project.join(".claude/settings.local.json"), "{\"disableAllHooks\": false}");
        assert_eq!(decided("disableAllHooks"), Some((Value::Bool(false), Layer::Local)));
        write(managed.join("managed-settings.json"), "{\"disableAllHooks\": false}");
        write(managed.join("managed-settings.d/10.json"), "{\"allowManagedHooksOnly\": true}");
        write(managed.join("managed-settings.d/20.json"), "[]");
        assert_eq!(decided("disableAllHooks"), Some((Value::Bool(false), Layer::Managed)));
        assert_eq!(
            read().managed("allowManagedHooksOnly").unwrap().path,
            managed.join("managed-settings.d/10.json")
        );
        assert_eq!(read().files.iter().filter(|file| file.value.is_err()).count(), 1);
    }
}
