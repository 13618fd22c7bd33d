//! How a session's client was started: provider and account, and what its command line gave it. It is recorded when the session
//! starts and when it stops, from the client's process, and never from files of the project.

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

/// Characters of all values of a command line that are recorded.
const MOST_TEXT: usize = 64 * 1024;
/// Variables that name models: gateways need them, and none is a secret.
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

/// One option that a run gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CarriedOption {
    /// Its name, with the dashes.
    pub name: String,
    pub values: Vec<String>,
    /// Files and directories that it names, with a hash of their contents then; `None` where there was none to make.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub contents: BTreeMap<PathBuf, Option<String>>,
}

/// How a session's client was started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartedWith {
    pub account: AccountFingerprint,
    /// Options that a run gets.
    pub options: Vec<CarriedOption>,
    /// Options that no run can have, by name.
    pub lost: Vec<String>,
    /// Model of the command line.
    pub model: Option<String>,
    /// Effort of the command line, or what the client said it was.
    pub effort: Option<String>,
    /// Variables that name models.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<String, String>,
}

#[derive(Clone, Copy)]
pub struct RunningClient<'a> {
    /// The variables of its hook.
    pub env: &'a Environment,
    /// Processes of this machine.
    pub processes: &'a dyn Processes,
    pub pid: Option<u32>,
    /// Claude Code's configuration directory.
    pub config_dir: &'a Path,
    pub project: Option<&'a Path>,
}

impl StartedWith {
    /// How it was started.
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
            // What holds a secret is not written down.
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
        // The model that a client was told of outside of its command line.
        let named = started.models.get("ANTHROPIC_MODEL").cloned();
        started.model = started.model.or(named);
        started
    }

    #[must_use]
    pub fn flag_settings(&self) -> Option<Value> {
        let option = self.options.iter().find(|option| option.name == "--settings")?;
        flag_settings(option.values.first()?, None)
    }

    /// Files that the command line names and that are not what they were, with what happened to them.
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

    /// Variables that a run gets, and those that are removed: it sees the models that the session saw.
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

/// A name of a model that cannot be taken for anything else.
#[must_use]
pub fn is_model(name: &str) -> bool {
    (1..=100).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/[]@".contains(&byte))
}

/// A level of effort that cannot be taken for anything else.
#[must_use]
pub fn is_effort(level: &str) -> bool {
    (1..=16).contains(&level.len()) && level.bytes().all(|byte| byte.is_ascii_lowercase())
}
