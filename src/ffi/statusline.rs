//! The export behind `bin/statusline.js`: synchronous, silent, and never failing.

use crate::claude::process::SystemProcesses;
use crate::clock::SystemClock;
use crate::env::Environment;
use crate::fs::read_standard_input;
use crate::statusline::status_line;
use crate::world::World;
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

/// Largest input that is passed on whole, in bytes.
const LARGEST: usize = 64 * 1024 * 1024;
/// A caller that keeps standard input open longer than this gets an answer to what it wrote until then.
const PATIENCE: Duration = Duration::from_secs(5);

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
    // A panic would print.
    std::panic::set_hook(Box::new(|_| {}));
    let (input, _) = read_standard_input(LARGEST, PATIENCE, || Duration::ZERO);
    let env = Environment::of_process().pinned(pinned.unwrap_or_default());
    let world = World { env: &env, clock: &SystemClock, processes: &SystemProcesses };
    let project = project.map(PathBuf::from);
    let shown = status_line(world, project.as_deref(), wrapped.as_deref(), input);
    StatusLineOutcome { exit_code: shown.exit_code, stdout: shown.stdout.into() }
}
