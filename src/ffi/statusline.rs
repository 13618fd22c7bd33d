//! The export behind `bin/statusline.js`.

use crate::entry::status_line;
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;
use std::collections::HashMap;
use std::path::PathBuf;

/// What the process of a status line does when its work is over.
#[napi(object, js_name = "StatusLineOutcome")]
pub struct StatusLineOutcome {
    /// Exit code.
    pub exit_code: i32,
    /// Bytes for standard output.
    pub stdout: Buffer,
}

/// Draws the status line for the payload on standard input. `project` is the directory whose launcher was started, `null` for
/// the user's own; `wrapped` is the command whose output comes first,
/// `pinned` the variables that were in force when the launcher was written.
#[napi(catch_unwind)]
#[must_use]
#[allow(
    clippy::needless_pass_by_value,
    reason = "napi hands strings over; whether clippy sees it depends on the macro"
)]
pub fn draw_status_line(
    project: Option<String>,
    wrapped: Option<String>,
    pinned: Option<HashMap<String, String>>,
) -> StatusLineOutcome {
    let project = project.map(PathBuf::from);
    let shown = status_line::draw(project.as_deref(), wrapped.as_deref(), pinned.unwrap_or_default());
    StatusLineOutcome { exit_code: shown.exit_code, stdout: shown.stdout.into() }
}
