//! Enables recovery in a project, and installs or removes everything that belongs to it. Nothing that a
//! project contains can enable recovery, because the record is in the user's state directory.

pub mod checkout;
pub mod commands;
pub mod hooks;
pub mod init;
pub mod plugin;
pub mod runtime;
pub mod scope;
pub mod settings;
mod settings_text;
pub mod statusline;
pub mod uninstall;
pub mod user_config;

pub use crate::trust::enabled::HookScope;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What a plan does with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum FileAction {
    Create,
    /// Replaces the contents of the file.
    Replace,
    Append,
    Remove,
    /// Writes the file's earlier bytes back.
    Restore,
    Keep,
}

/// One file in a plan of `init`, `uninstall` or `plugin`: what happens to it, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct FileStep {
    pub path: PathBuf,
    pub action: FileAction,
    pub why: String,
    /// Text before the change; `null` if the file does not exist or is not text. `after` is the text after
    /// the change.
    pub before: Option<String>,
    pub after: Option<String>,
}

/// Returns the missing directories above these paths, outermost first.
fn dirs_above<'p>(paths: impl Iterator<Item = &'p PathBuf>) -> Vec<PathBuf> {
    let missing = paths.flat_map(|path| path.ancestors().skip(1).take_while(|dir| !dir.exists()));
    let mut missing: Vec<PathBuf> = missing.map(Path::to_path_buf).collect();
    missing.sort();
    missing.dedup();
    missing
}

impl FileStep {
    #[must_use]
    pub fn changes(&self) -> bool {
        self.action != FileAction::Keep
    }
}
