//! Runs the process of a status line, which is synchronous and never fails.

use super::hook::LauncherFile;
use crate::claude::process::SystemProcesses;
use crate::clock::SystemClock;
use crate::env::Environment;
use crate::fs::read_standard_input;
use crate::project::statusline::beneath;
use crate::statusline::{StatusLineEnd, status_line};
use crate::world::World;
use std::time::Duration;

/// Largest input that is passed on whole, in bytes.
const LARGEST: usize = 64 * 1024 * 1024;
/// Time limit for the caller to close standard input. After it, the status line uses what arrived so far.
const PATIENCE: Duration = Duration::from_secs(5);

/// Draws the status line for the payload on standard input. The output of `wrapped` comes first; without it, that of
/// the status line that Claude Code would show without ours. `pinned` contains the variables that were in force when
/// the launcher was written.
#[must_use]
pub fn draw(
    launcher: &LauncherFile,
    wrapped: Option<&str>,
    pinned: impl IntoIterator<Item = (String, String)>,
) -> StatusLineEnd {
    // A panic must not print a message.
    std::panic::set_hook(Box::new(|_| {}));
    let (input, _) = read_standard_input(LARGEST, PATIENCE, || Duration::ZERO);
    let env = Environment::of_process().pinned(pinned);
    let project = launcher.project();
    let hidden = if wrapped.is_none() { project.and_then(|project| beneath(&env, project)) } else { None };
    let world =
        World { env: &env, clock: &SystemClock, processes: &SystemProcesses, abort: &crate::abort::NEVER };
    status_line(world, project, wrapped.or(hidden.as_deref()), input)
}
