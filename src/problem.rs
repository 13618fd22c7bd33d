//! Problems, which are files that a report could not read.

use crate::error::Error;
use crate::fs::lossy_or_null;
use serde::Serialize;
use std::path::PathBuf;

/// A file or directory that could not be read; the rest of the report is still valid.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Problem {
    /// File or directory that could not be read.
    #[serde(serialize_with = "lossy_or_null")]
    pub path: Option<PathBuf>,
    /// Stable error code, such as `IO`.
    pub code: &'static str,
    /// What failed, and why.
    pub message: String,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let message = error.hint.map_or(error.message.clone(), |hint| format!("{}: {hint}", error.message));
        Self { path: error.path, code: error.code.as_str(), message }
    }
}
