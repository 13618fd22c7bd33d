//! Lists the values of the configuration in force, with the file that each comes from.

use super::{Config, InForce, Narrowing, PROJECT_FILE, in_force, parsed, read};
use crate::env::Environment;
use crate::fs::lossy;
use crate::problem::Problem;
use crate::session::StopKind;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Origin of a value. `invalid`: a file is invalid, which disables recovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum ConfigOrigin {
    Default,
    User,
    /// The project's file, which restricts the user's file.
    Project,
    /// Invalid file, which disables automatic recovery.
    Invalid,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ConfigValue {
    /// Path of the value in the user's file, such as `heartbeat.graceSeconds`.
    pub key: String,
    /// The value as written in the file; for `notify.webhook` only the host.
    #[cfg_attr(test, ts(type = "unknown"))]
    pub value: Value,
    /// Value used if no file sets it.
    #[cfg_attr(test, ts(type = "unknown"))]
    pub default: Value,
    /// Where the value comes from.
    pub origin: ConfigOrigin,
}

/// A configuration file that applies to the project.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ConfigFile {
    /// `user`, or `project` for the file that restricts the user's file.
    pub origin: ConfigOrigin,
    /// Path of the file.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// Whether the file exists.
    pub exists: bool,
    /// What is wrong with the file, and the name that was probably meant; `null` if the file
    /// is valid or missing.
    pub problem: Option<Problem>,
}

/// Returns every value in force for a project, sorted by key.
#[must_use]
pub fn effective(env: &Environment, project: &Path) -> Vec<ConfigValue> {
    let InForce { config, problem } = in_force(env, Some(project));
    // The user's own configuration, without the project's restrictions.
    let by_user = in_force(env, None);
    let written = env.config_file().and_then(|path| parsed(&path).ok().flatten()).unwrap_or_default();
    let mut values = flat(&config);
    let of_user = if by_user.problem.is_some() { flat(&config) } else { flat(&by_user.config) };
    let mut defaults = flat(&Config::default());
    values
        .iter_mut()
        .map(|(key, value)| {
            let value = value.take();
            let is_written = by_user.problem.is_none() && is_written(&written, &by_user.config, key);
            let origin = match (problem.is_some() && key == "heartbeat.enabled", of_user.get(key)) {
                (true, _) => ConfigOrigin::Invalid,
                (false, Some(before)) if *before != value => ConfigOrigin::Project,
                (false, _) if is_written => ConfigOrigin::User,
                (false, _) => ConfigOrigin::Default,
            };
            let default = defaults.get_mut(key).map(Value::take).unwrap_or_default();
            ConfigValue { key: key.clone(), value: shown(key, value), default, origin }
        })
        .collect()
}

/// Returns the configuration files that apply to a project, each with its problem if it is invalid.
#[must_use]
pub fn files(env: &Environment, project: &Path) -> Vec<ConfigFile> {
    let user = env.config_file().map(|path| {
        let problem =
            read::<Config>(&path).and_then(|config| config.unwrap_or_default().validate(&path)).err();
        ConfigFile {
            origin: ConfigOrigin::User,
            exists: path.exists(),
            problem: problem.map(Problem::from),
            path,
        }
    });
    let path = project.join(PROJECT_FILE);
    let problem = read::<Narrowing>(&path).err();
    let narrowing = ConfigFile {
        origin: ConfigOrigin::Project,
        exists: path.exists(),
        problem: problem.map(Problem::from),
        path,
    };
    user.into_iter().chain([narrowing]).collect()
}

/// Returns whether the user's file sets this value. A kind of stop may also be set under its general kind.
fn is_written(written: &Value, config: &Config, key: &str) -> bool {
    if let Some(name) = key.strip_prefix("stops.") {
        return super::kind_named(name).is_some_and(|kind| config.configured(kind).is_some());
    }
    let found = key.split('.').try_fold(written, |within, name| within.get(name));
    found.is_some_and(|value| !value.is_null())
}

/// Flattens the configuration into values by path. Unset values appear with their effective defaults.
fn flat(config: &Config) -> BTreeMap<String, Value> {
    let mut values = BTreeMap::new();
    flatten("", serde_json::to_value(config).unwrap_or_default(), &mut values);
    values.insert("lateWakeHours".into(), config.late_wake_hours().into());
    values.insert("hungMinutes".into(), (config.hung_after().as_secs_f64() / 60.0).into());
    values.retain(|key, _| !key.starts_with("stops"));
    for kind in StopKind::ALL.into_iter().filter(|kind| config.is_configurable(*kind)) {
        let disposition = serde_json::to_value(config.disposition(kind)).unwrap_or_default();
        values.insert(format!("stops.{}", kind.as_str()), disposition);
    }
    values
}

fn flatten(path: &str, value: Value, into: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name } else { format!("{path}.{name}") };
                flatten(&path, value, into);
            }
        }
        value => {
            into.insert(path.to_owned(), value);
        }
    }
}

/// Reduces a webhook address to its host. Anyone who knows the path can post to the address.
fn shown(key: &str, value: Value) -> Value {
    let Some(address) = value.as_str().filter(|_| key == "notify.webhook") else { return value };
    let host = super::webhook_address(address).ok().and_then(|uri| {
        let (scheme, authority) = (uri.scheme_str()?.to_owned(), uri.authority()?.to_string());
        Some(format!("{scheme}://{authority}/..."))
    });
    host.unwrap_or_else(|| "set".into()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(user: &str, project: &str) -> BTreeMap<String, (Value, ConfigOrigin)> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.json");
        std::fs::write(&file, user).unwrap();
        std::fs::create_dir(dir.path().join(".claude")).unwrap();
        std::fs::write(dir.path().join(PROJECT_FILE), project).unwrap();
        let env = Environment::from_pairs([("CC_RECOVER_CONFIG", file.as_os_str())], dir.path());
        let values = effective(&env, dir.path());
        values.into_iter().map(|one| (one.key, (one.value, one.origin))).collect()
    }

    #[test]
    fn every_value_names_the_file_that_sets_it() {
        let user = r#"{"heartbeat":{"graceSeconds":200},"hungMinutes":5,"stops":{"usage-limit-weekly":"notify"},
            "notify":{"webhook":"https://hooks.example.com/secret"},"retry":{"slowMinutes":20}}"#;
        let values = with(user, r#"{"enabled":false,"graceSeconds":100,"stops":{"overloaded":"ignore"}}"#);
        let default = Config::default();
        for (key, value, origin) in [
            ("heartbeat.enabled", false.into(), ConfigOrigin::Project),
            ("heartbeat.graceSeconds", 200.0.into(), ConfigOrigin::User),
            ("heartbeat.stepSeconds", default.heartbeat.step_seconds.into(), ConfigOrigin::Default),
            ("hungMinutes", 5.0.into(), ConfigOrigin::User),
            ("lateWakeHours", 8.0.into(), ConfigOrigin::Default),
            ("retry.slowMinutes", 20.0.into(), ConfigOrigin::User),
            ("stops.usage-limit-weekly", "notify".into(), ConfigOrigin::User),
            ("stops.usage-limit-opus", "notify".into(), ConfigOrigin::User),
            ("stops.overloaded", "ignore".into(), ConfigOrigin::Project),
            ("stops.network", "resume".into(), ConfigOrigin::Default),
            ("notify.webhook", "https://hooks.example.com/...".into(), ConfigOrigin::User),
            ("quietHours", Value::Null, ConfigOrigin::Default),
        ] {
            assert_eq!(values.get(key), Some(&(value, origin)), "{key}");
        }
        assert!(!values.contains_key("stops.auth") && !values.contains_key("$schema"));
    }

    #[test]
    fn an_invalid_file_is_named_as_the_reason_that_recovery_is_disabled() {
        for (user, project) in
            [("{\"heartbeat\":{\"graceSecond\":1},\"hungMinutes\":5}", "{}"), ("{}", "{\"enabld\":true}")]
        {
            let values = with(user, project);
            assert_eq!(values["heartbeat.enabled"], (false.into(), ConfigOrigin::Invalid));
            assert_eq!(values["hungMinutes"].1, ConfigOrigin::Default);
        }
    }
}
