//! Draws the status line, which shows remaining usage and waiting sessions before a limit is reached.
//!
//! Measured with 2.1.120 to 2.1.329: the client runs the command through `/bin/sh -c` in its own process
//! group and passes one JSON object with a line end on standard input. It shows the output only if the
//! command exits with code 0, drops blank lines, and rejects more than a million characters. Only one status
//! line is possible, so ours runs the one that was configured before, passes its output through unchanged,
//! and adds a line.

pub mod segment;
pub mod wrapped;

use crate::clock::local_time;
use crate::fs::keep_newest;
use crate::quota::refresh::Refresh;
use crate::quota::seen;
use crate::recovery::incident::{Incident, Phase};
use crate::recovery::paused::Paused;
use crate::recovery::plan::Action;
use crate::store::StateDir;
use crate::store::stored::peek;
use crate::trust::enabled::find;
use crate::watch::saving::Unsaved;
use crate::world::World;
use segment::{SegmentFacts, Waiting, segment};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wrapped::{Wrapped, WrappedCommandEnd};

/// Maximum number of incidents read for one refresh. A status line is drawn many times a minute.
const MOST_INCIDENTS: usize = 500;

/// Output and exit status of the status line process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatusLineEnd {
    pub stdout: Vec<u8>,
    pub exit_code: i32,
}

/// Draws a status line: the output of the wrapped command for the same input, and our line. `project` is the
/// project whose launcher was started; `None` for the user's own.
#[must_use]
pub fn status_line(
    world: World<'_>,
    project: Option<&Path>,
    wrapped: Option<&str>,
    input: Vec<u8>,
) -> StatusLineEnd {
    let input: Arc<[u8]> = input.into();
    // Our line is built while the wrapped command runs.
    let wrapped = wrapped.map(|command| Wrapped::start(command, &input, world.env));
    let ours = own(world, project, &input).unwrap_or_default();
    joined(wrapped.map(Wrapped::end), &ours)
}

/// Joins the wrapped output and our line. The client shows nothing if the command fails, so the output of a
/// failed command is dropped if we have a line.
fn joined(wrapped: Option<WrappedCommandEnd>, ours: &str) -> StatusLineEnd {
    let Some(WrappedCommandEnd { stdout, exit_code }) = wrapped else {
        return StatusLineEnd { stdout: line(ours), exit_code: 0 };
    };
    if ours.is_empty() {
        return StatusLineEnd { stdout, exit_code };
    }
    if exit_code != 0 || stdout.iter().all(u8::is_ascii_whitespace) {
        return StatusLineEnd { stdout: line(ours), exit_code: 0 };
    }
    let mut all = stdout;
    let escapes = all.contains(&0x1b);
    let links = all.windows(4).any(|bytes| bytes == b"\x1b]8;");
    if all.last() != Some(&b'\n') {
        all.push(b'\n');
    }
    // Closes open links and resets colors, which the client would carry over to the next line.
    if links {
        all.extend_from_slice(b"\x1b]8;;\x07");
    }
    if escapes {
        all.extend_from_slice(b"\x1b[0m");
    }
    all.extend(line(ours));
    StatusLineEnd { stdout: all, exit_code: 0 }
}

fn line(ours: &str) -> Vec<u8> {
    if ours.is_empty() { Vec::new() } else { format!("{ours}\n").into_bytes() }
}

/// Builds our line; `None` if the tool is not set up or the input is not that of a status line.
fn own(world: World<'_>, project: Option<&Path>, input: &[u8]) -> Option<String> {
    let state = StateDir::new(world.env.state_dir().ok()?);
    let enabled = find(&state, world.env, project)?;
    let config_dir = world.env.claude_config_dir()?;
    let refresh = Refresh::parse(input)?;
    let now = world.clock.now();
    let seen = seen::note(&state, &config_dir, &refresh, now);
    let project = enabled
        .project
        .or_else(|| world.env.var("CLAUDE_PROJECT_DIR").map(PathBuf::from))
        .and_then(|dir| crate::fs::canonical(&dir).ok());
    Some(segment(&SegmentFacts {
        // Only if this session itself reports windows: with an API key there are none to show.
        five_hour: refresh.five_hour.and(seen.as_ref().and_then(|seen| seen.five_hour)),
        seven_day: refresh.seven_day.and(seen.as_ref().and_then(|seen| seen.seven_day)),
        context_percent: refresh.context_percent,
        unsaved: refresh.session.is_some_and(|session| is_unsaved(&state, &session)),
        waiting: project.map(|project| waiting(&state, &project)).unwrap_or_default(),
        now,
        local: local_time,
        columns: world.env.text("COLUMNS").and_then(|text| text.parse().ok()),
        colour: world.env.var("NO_COLOR").is_none(),
    }))
}

/// Returns whether the session is known to be unsaved. For a saved session this costs one lookup
/// of a missing file.
fn is_unsaved(state: &StateDir, session: &str) -> bool {
    let known = peek::<Unsaved>(&state.saving(session)).ok().flatten();
    known.is_some_and(|known| known.is_still_unsaved())
}

/// Counts the waiting sessions of a project. It changes nothing, so an event that is still in the spool
/// appears at a later refresh.
fn waiting(state: &StateDir, project: &Path) -> Waiting {
    let names = std::fs::read_dir(state.incidents()).into_iter().flatten().filter_map(Result::ok);
    let mut files: Vec<PathBuf> = names
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    keep_newest(&mut files, MOST_INCIDENTS);
    let incidents = files
        .into_iter()
        .filter_map(|path| peek::<Incident>(&path).ok().flatten())
        .filter(|incident| incident.phase.is_active() && incident.project.as_deref() == Some(project))
        // A turn that was wrapped up near a limit waits for the user.
        .filter(|incident| incident.phase != Phase::Waiting || incident.plan.action != Action::Notify);
    let paused = Paused::read(state);
    incidents.fold(Waiting::default(), |waiting, incident| {
        if paused.holds(&incident.session) {
            return Waiting { paused: waiting.paused + 1, ..waiting };
        }
        let next = incident.plan.at.filter(|_| incident.held_back.is_none());
        Waiting {
            sessions: waiting.sessions + 1,
            next: [waiting.next, next].into_iter().flatten().min(),
            ..waiting
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "a wrapped command is optional")]
    fn ended(stdout: &str, exit_code: i32) -> Option<WrappedCommandEnd> {
        Some(WrappedCommandEnd { stdout: stdout.into(), exit_code })
    }

    fn text(shown: &StatusLineEnd) -> &str {
        std::str::from_utf8(&shown.stdout).unwrap()
    }

    #[test]
    fn our_line_follows_the_bytes_of_the_wrapped_status_line() {
        assert_eq!(text(&joined(ended("a\n\n b", 0), "ours")), "a\n\n b\nours\n");
        assert_eq!(text(&joined(ended("a\n", 0), "ours")), "a\nours\n");
        assert_eq!(text(&joined(ended("\u{1b}[31ma\n", 0), "ours")), "\u{1b}[31ma\n\u{1b}[0mours\n");
        assert_eq!(
            text(&joined(ended("\u{1b}]8;;x\u{7}a", 0), "ours")),
            "\u{1b}]8;;x\u{7}a\n\u{1b}]8;;\u{7}\u{1b}[0mours\n"
        );
    }

    #[test]
    fn only_our_line_is_shown_after_a_failure_and_the_wrapped_result_is_unchanged_without_ours() {
        for wrapped in [ended("half", 3), ended(" \n", 0), ended("", 0), None] {
            assert_eq!(joined(wrapped, "ours"), StatusLineEnd { stdout: b"ours\n".to_vec(), exit_code: 0 });
        }
        assert_eq!(joined(ended("half", 3), ""), StatusLineEnd { stdout: b"half".to_vec(), exit_code: 3 });
        assert_eq!(joined(None, ""), StatusLineEnd::default());
    }
}
