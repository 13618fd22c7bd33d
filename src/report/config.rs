//! Reports the configuration values in force for a project, and whether its files are valid.

use super::list::directory;
use crate::config::effective::{ConfigFile, ConfigValue, effective, files};
use crate::error::Result;
use crate::fs::lossy;
use crate::session::stop::time;
use crate::world::World;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Schema name and version of this object.
pub const SCHEMA: &str = "cc-session-recover/configuration@1";

/// Which configuration `configuration` reads.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct ConfigurationOptions {
    /// Directory of the project; the working directory if absent.
    pub project: Option<PathBuf>,
    /// Whether to write an empty user file if there is none.
    pub create: bool,
}

/// Result of `configuration`, schema `cc-session-recover/configuration@1`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ConfigurationReport {
    /// Schema name and version of this object.
    #[cfg_attr(test, ts(type = "'cc-session-recover/configuration@1'"))]
    pub schema: &'static str,
    /// Time when this result was generated, RFC 3339.
    #[serde(serialize_with = "time")]
    pub generated_at: DateTime<Utc>,
    /// Directory of the project.
    #[serde(serialize_with = "lossy")]
    pub project: PathBuf,
    /// Whether both files are valid. Otherwise automatic recovery is disabled.
    pub valid: bool,
    /// Configuration files, the user's file first.
    pub files: Vec<ConfigFile>,
    /// Every value, sorted by key.
    pub values: Vec<ConfigValue>,
}

/// Reads the files and every value in force.
///
/// # Errors
///
/// Returns [`Code::ProjectNotFound`](crate::error::Code::ProjectNotFound) if the project is not a directory.
pub fn configuration(world: World<'_>, options: &ConfigurationOptions) -> Result<ConfigurationReport> {
    let dir = options.project.as_deref().unwrap_or(world.env.cwd());
    let project = directory(dir)?;
    let files = files(world.env, &project);
    Ok(ConfigurationReport {
        schema: SCHEMA,
        generated_at: world.clock.now(),
        valid: files.iter().all(|file| file.problem.is_none()),
        values: effective(world.env, &project),
        files,
        project,
    })
}
