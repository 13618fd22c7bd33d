//! Records the start options of a session's client: provider, account, and command line. They are recorded
//! when the session starts and when it stops, from the client's process and never from files of the project.

use super::account::{AccountFingerprint, Salt, SettingsPlace, flag_settings};
use super::tree::contents_hash;
use crate::claude::options::ClientOptions;
use crate::claude::process::Processes;
use crate::env::Environment;
use crate::redact::redact;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Maximum total length of recorded option values, in bytes.
const MOST_TEXT: usize = 64 * 1024;
/// Variables that name models. Gateways need them, and none of them is secret.
const MODELS: [&str; 8] = [
    "ANTHROPIC_DEFAULT_FABLE_MODEL",
    "ANTHROPIC_DEFAULT_HAIKU_MODEL",
    "ANTHROPIC_DEFAULT_OPUS_MODEL",
    "ANTHROPIC_DEFAULT_SONNET_MODEL",
    "ANTHROPIC_MODEL",
    "ANTHROPIC_SMALL_FAST_MODEL",
    "CLAUDE_CODE_EFFORT_LEVEL",
    "CLAUDE_CODE_SUBAGENT_MODEL",
];

/// An option that is passed on to a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CarriedOption {
    /// Name including the dashes.
    pub name: String,
    pub values: Vec<String>,
    /// Files and directories that the option names, with a hash of their contents at that time; `None` if no
    /// hash could be made.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub contents: BTreeMap<PathBuf, Option<String>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartedWith {
    pub account: AccountFingerprint,
    /// Options that are passed on to a run.
    pub options: Vec<CarriedOption>,
    /// Names of options that cannot be passed on to a run.
    pub lost: Vec<String>,
    /// Model from the command line or, without one, from `ANTHROPIC_MODEL`.
    pub model: Option<String>,
    /// Effort from the command line, or as reported by the client.
    pub effort: Option<String>,
    /// Variables that name models.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<String, String>,
}

#[derive(Clone, Copy)]
pub struct RunningClient<'a> {
    /// Environment of the client's hook.
    pub env: &'a Environment,
    pub processes: &'a dyn Processes,
    pub pid: Option<u32>,
    pub config_dir: &'a Path,
    pub project: Option<&'a Path>,
}

impl StartedWith {
    /// Reads the start options of a running client.
    #[must_use]
    pub fn read(salt: &Salt, client: RunningClient<'_>) -> Self {
        let RunningClient { env, processes, pid, config_dir, project } = client;
        let words = pid.map(|pid| processes.command_line(pid)).unwrap_or_default();
        let cwd = pid.and_then(|pid| processes.working_directory(pid));
        let parsed = ClientOptions::parse(&words, cwd.as_deref());
        let mut started =
            Self { lost: parsed.lost, model: parsed.model, effort: parsed.effort, ..Self::default() };
        let mut room = MOST_TEXT;
        for option in parsed.carried {
            let length: usize = option.values.iter().map(String::len).sum();
            // Values that contain a secret are not recorded.
            let open = option.values.iter().all(|value| redact(value) == *value);
            if length > room || !open {
                started.lost.push(option.name.to_owned());
                continue;
            }
            room -= length;
            let contents = option.contents.into_iter().map(|path| {
                let hash = contents_hash(&path);
                (path, hash)
            });
            started.options.push(CarriedOption {
                name: option.name.to_owned(),
                values: option.values,
                contents: contents.collect(),
            });
        }
        started.models = models(env, processes, pid);
        let flag = started.flag_settings();
        let place = SettingsPlace { config_dir, project, flag: flag.as_ref() };
        started.account = AccountFingerprint::of_client(salt, env, processes, pid, place);
        // Falls back to the model set outside the command line.
        let named = started.models.get("ANTHROPIC_MODEL").cloned();
        started.model = started.model.or(named);
        started
    }

    #[must_use]
    pub fn flag_settings(&self) -> Option<Value> {
        let option = self.options.iter().find(|option| option.name == "--settings")?;
        flag_settings(option.values.first()?, None)
    }

    /// Lists files named on the command line that have changed since, and how.
    #[must_use]
    pub fn changed_files(&self) -> Vec<String> {
        let named =
            self.options.iter().flat_map(|option| option.contents.iter().map(move |one| (option, one)));
        named
            .filter_map(|(option, (path, then))| {
                let now = contents_hash(path);
                let what = match (then, &now) {
                    (Some(then), Some(now)) if then == now => return None,
                    (_, None) if !path.exists() => "is gone",
                    (_, None) | (None, _) => "cannot be compared",
                    (Some(_), Some(_)) => "was changed",
                };
                Some(format!("{} of {} {what}", path.display(), option.name))
            })
            .collect()
    }

    /// Returns variables to set for a run, and names of variables to remove, so that it uses the same
    /// models as the session.
    pub fn model_variables(&self) -> (&BTreeMap<String, String>, impl Iterator<Item = &'static str>) {
        (&self.models, MODELS.into_iter().filter(|name| !self.models.contains_key(*name)))
    }
}

fn models(env: &Environment, processes: &dyn Processes, pid: Option<u32>) -> BTreeMap<String, String> {
    let keep = |name: &str| MODELS.contains(&name).then_some(true);
    let own = pid.and_then(|pid| processes.variables(pid, &keep));
    let own = own.unwrap_or_else(|| {
        let of_hook =
            MODELS.into_iter().filter_map(|name| Some((name.to_owned(), env.text(name)?.to_owned())));
        of_hook.map(|(name, value)| (name, Some(value))).collect()
    });
    own.into_iter().filter_map(|(name, value)| Some((name, value.filter(|value| is_model(value))?))).collect()
}

/// Returns whether a text is a plausible model name and nothing else.
#[must_use]
pub fn is_model(name: &str) -> bool {
    (1..=100).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/[]@".contains(&byte))
}

/// Returns whether a text is a plausible effort level and nothing else.
#[must_use]
pub fn is_effort(level: &str) -> bool {
    (1..=16).contains(&level.len()) && level.bytes().all(|byte| byte.is_ascii_lowercase())
}
