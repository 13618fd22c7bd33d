//! The export behind `bin/statusline.js`.

use crate::entry::hook::LauncherFile;
use crate::entry::status_line;
use crate::project::runtime::LauncherOwner;
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;
use std::collections::HashMap;
use std::path::PathBuf;

/// Output and exit code of the process of a status line.
#[napi(object, js_name = "StatusLineOutcome")]
pub struct StatusLineOutcome {
    /// Exit code.
    pub exit_code: i32,
    /// Bytes for standard output.
    pub stdout: Buffer,
}

/// Draws the status line for the payload on standard input. `launcher` is the real path of the launcher that was started,
/// and `scope` is its scope: `project` or `user`. The output of the command `wrapped` comes first; without it, that of the
/// status line that Claude Code would show without ours. `pinned` contains the variables that were in force when the
/// launcher was written.
#[napi(catch_unwind)]
#[must_use]
#[allow(
    clippy::needless_pass_by_value,
    reason = "napi passes strings by value; whether clippy reports it depends on the macro"
)]
pub fn draw_status_line(
    launcher: String,
    scope: String,
    wrapped: Option<String>,
    pinned: Option<HashMap<String, String>>,
) -> StatusLineOutcome {
    let Some(owner) = LauncherOwner::named(&scope) else {
        return StatusLineOutcome { exit_code: 0, stdout: Vec::new().into() };
    };
    let launcher = LauncherFile { path: PathBuf::from(launcher), owner };
    let shown = status_line::draw(&launcher, wrapped.as_deref(), pinned.unwrap_or_default());
    StatusLineOutcome { exit_code: shown.exit_code, stdout: shown.stdout.into() }
}
