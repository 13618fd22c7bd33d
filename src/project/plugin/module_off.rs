//! Determines what prevents Claude Code from loading the plugin's module, and whether to offer the plugin to
//! the user.

use super::is_on;
use crate::claude::home::ClaudeHome;
use crate::claude::program::locate;
use crate::claude::settings::{Layer, Settings, SettingsFile, managed_dir};
use crate::claude::version::ClientVersion;
use crate::env::Environment;
use crate::fs::canonical;
use crate::session::owners::version_of;
use crate::store::StateDir;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Plugin in Claude Code that applies an organization's policy to the mods of users.
const POLICY_PLUGIN: &str = "cc-plugin-sec-default@builtin";

/// Reason why Claude Code does not load the plugin's module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModuleOff {
    /// The client is older than 2.1.286.
    Version(ClientVersion),
    /// `disableAllHooks` is set in this file.
    HooksDisabled(PathBuf),
    /// `allowManagedHooksOnly` is set in this file of the organization.
    OrganisationHooks(PathBuf),
    /// `allowManagedModsOnly` is set in this file of the organization. Hooks still run.
    OrganisationMods(PathBuf),
}

impl ModuleOff {
    /// Returns what prevents a client of this version from loading the module under these settings; `None` if
    /// nothing does.
    #[must_use]
    pub fn of(settings: &Settings, version: Option<ClientVersion>) -> Option<Self> {
        if let Some(file) = settings.managed("allowManagedHooksOnly") {
            return Some(Self::OrganisationHooks(file.path.clone()));
        }
        if let Some((Value::Bool(true), file)) = settings.get("disableAllHooks") {
            return Some(Self::HooksDisabled(file.path.clone()));
        }
        if let Some(file) = settings.files.iter().find(|file| allows_only_managed_mods(file)) {
            return Some(Self::OrganisationMods(file.path.clone()));
        }
        version.filter(|version| !version.loads_modules()).map(Self::Version)
    }

    /// Returns the settings file responsible; `None` if the version is the reason.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Version(_) => None,
            Self::HooksDisabled(path) | Self::OrganisationHooks(path) | Self::OrganisationMods(path) => {
                Some(path)
            }
        }
    }

    #[must_use]
    pub fn why(&self) -> String {
        match self {
            Self::Version(version) => {
                format!("Claude Code {version} loads no modules of plugins; 2.1.286 and later do")
            }
            Self::HooksDisabled(_) => "disableAllHooks disables hooks and modules".to_owned(),
            Self::OrganisationHooks(_) => {
                "your organization allows no hooks and modules but its own (allowManagedHooksOnly)".to_owned()
            }
            Self::OrganisationMods(_) => {
                "your organization allows no modules but its own (allowManagedModsOnly)".to_owned()
            }
        }
    }

    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::Version(_) => "update Claude Code: claude update",
            Self::HooksDisabled(_) => "remove disableAllHooks from that file",
            Self::OrganisationHooks(_) => "ask its administrator",
            Self::OrganisationMods(_) => "nothing: the hooks wait instead",
        }
    }

    /// Returns whether the hooks of settings and plugins do not run either.
    #[must_use]
    pub const fn stops_hooks(&self) -> bool {
        match self {
            Self::Version(_) | Self::OrganisationMods(_) => false,
            Self::HooksDisabled(_) | Self::OrganisationHooks(_) => true,
        }
    }
}

/// Checks `pluginConfigs` in an organization's file, as Claude Code 2.1.332 reads it.
fn allows_only_managed_mods(file: &SettingsFile) -> bool {
    file.layer == Layer::Managed
        && file.value.as_ref().is_ok_and(|value| {
            value["pluginConfigs"][POLICY_PLUGIN]["options"]["allowManagedModsOnly"] == Value::Bool(true)
        })
}

/// Returns whether the client found on this machine would load the module and does not have the plugin yet.
#[must_use]
pub fn would_load_module(state: &StateDir, env: &Environment, project: Option<&Path>) -> bool {
    let Some(home) = env.claude_config_dir().map(ClaudeHome::new) else { return false };
    let program = locate(env, project).ok().map(|path| canonical(&path).unwrap_or(path));
    let Some(version) = program.and_then(|path| version_of(&path)) else { return false };
    let settings = Settings::read(&home, project, &managed_dir());
    ModuleOff::of(&settings, Some(version)).is_none() && !is_on(state, Some(home.dir()), project)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{create_dir_all, write};

    #[test]
    fn a_setting_an_organization_or_the_version_keeps_the_module_out() {
        let dir = tempfile::tempdir().unwrap();
        let (home, managed) = (dir.path().join("home"), dir.path().join("managed"));
        create_dir_all(&home).unwrap();
        create_dir_all(&managed).unwrap();
        let file = managed.join("managed-settings.json");
        let off = |version: &str| {
            let settings = Settings::read(&ClaudeHome::new(&home), None, &managed);
            ModuleOff::of(&settings, ClientVersion::parse(version))
        };
        assert_eq!(off("2.1.286"), None);
        assert_eq!(off("unknown"), None);
        assert!(matches!(off("2.1.285"), Some(ModuleOff::Version(_))));
        write(home.join("settings.json"), "{\"disableAllHooks\": true}").unwrap();
        let disabled = off("2.1.332").unwrap();
        assert!(matches!(disabled, ModuleOff::HooksDisabled(_)) && disabled.stops_hooks());
        write(home.join("settings.json"), "{}").unwrap();
        let mods = format!(
            "{{\"pluginConfigs\":{{\"{POLICY_PLUGIN}\":{{\"options\":{{\"allowManagedModsOnly\":true}}}}}}}}"
        );
        write(&file, &mods).unwrap();
        let organization = off("2.1.332").unwrap();
        assert_eq!(organization, ModuleOff::OrganisationMods(file.clone()));
        assert!(!organization.stops_hooks());
        // The same option in the user's own file has no effect.
        write(&file, "{}").unwrap();
        write(home.join("settings.json"), &mods).unwrap();
        assert_eq!(off("2.1.332"), None);
        write(&file, "{\"allowManagedHooksOnly\": true}").unwrap();
        assert_eq!(off("2.1.332"), Some(ModuleOff::OrganisationHooks(file)));
    }
}
