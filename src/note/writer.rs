//! The writer: brings a project's HANDOFF.md up to date with one incident.

use super::compose::{Situation, Standing, compose};
use super::file::{Written, remove_block, write_block};
use super::gather::{Gathered, gather};
use crate::claude::transcript::Transcript;
use crate::clock::rfc3339;
use crate::env::Environment;
use crate::error::Result;
use crate::recovery::incident::{Incident, Phase};
use crate::recovery::policy::Action;
use crate::session::ResetSource;
use crate::session::message::ClientMessage;
use crate::store::StateDir;
use std::path::Path;

/// Writes notes of one project.
#[derive(Clone)]
pub struct NoteWriter<'a> {
    /// Where the lock is.
    pub state: &'a StateDir,
    /// For git.
    pub env: &'a Environment,
    /// The project's directory.
    pub project: &'a Path,
    /// Blocks that are kept.
    pub blocks: usize,
    /// Where the session is open (`pts/3`); `None` when it is closed.
    pub open_in: Option<String>,
}

impl NoteWriter<'_> {
    /// Writes the block of an unfinished incident, takes out that of one that is over.
    ///
    /// # Errors
    /// Those of reading the transcript and of [`write_block`].
    pub fn write(&self, incident: &Incident) -> Result<Written> {
        if incident.phase.is_over() {
            return remove_block(self.project, &incident.session, self.state);
        }
        let gathered = gather(&Transcript::open(&incident.transcript)?, self.env, self.project);
        if says_nothing(&gathered) {
            return Ok(Written::default());
        }
        let block = compose(&situation(incident, gathered.name.clone(), self.open_in.as_deref()), &gathered);
        write_block(self.project, &incident.session, &block, self.blocks, self.state)
    }
}

/// No conversation, so there is no work to note.
#[must_use]
pub fn says_nothing(gathered: &Gathered) -> bool {
    gathered.first_prompt.is_none() && gathered.prompts.is_empty() && gathered.last_words.is_none()
}

/// Why an incident's session stands still, and what happens next.
#[must_use]
pub fn situation(incident: &Incident, name: Option<String>, open_in: Option<&str>) -> Situation {
    let stop = &incident.stop;
    Situation {
        session: incident.session.clone(),
        name,
        standing: Standing::Stopped,
        kind_text: stop.kind.words().to_owned(),
        message: stop.message.as_ref().map(ClientMessage::shown),
        stopped_at: stop.at,
        resets_at: stop.resets_at,
        resets_guess: stop.resets_at_source == Some(ResetSource::Guess),
        next_text: next_text(incident, open_in),
        open_in: open_in.map(str::to_owned),
        // Opening a session twice forks its conversation.
        resume_command: open_in.is_none().then(|| {
            incident
                .plan
                .argv
                .clone()
                .unwrap_or_else(|| crate::recovery::policy::resume_command(&incident.session, None))
                .join(" ")
        }),
    }
}

/// What happens next, as a sentence.
fn next_text(incident: &Incident, open_in: Option<&str>) -> String {
    let plan = &incident.plan;
    let at = plan.at.map(rfc3339);
    if let Some(held) = incident.held_back.as_ref().filter(|_| incident.phase.is_active()) {
        return format!("not continued: {}", held.why);
    }
    if let Some(place) = open_in.filter(|_| is_left_to_user(incident)) {
        return format!("nothing by itself: {}; type `continue` in {place}", plan.why);
    }
    match (incident.phase, plan.action, at) {
        (Phase::Cancelled, ..) => format!("nothing by itself: {}", plan.why),
        (Phase::Attempting, _, _)
            if incident.attempts.last().is_some_and(|attempt| attempt.run.is_some()) =>
        {
            "it is being resumed without a person".into()
        }
        (Phase::Attempting, ..) => {
            "the session was told to go on; a finished turn has not been seen yet".into()
        }
        (_, Action::Wake, Some(at)) => {
            format!("cc-session-recover continues the open session at {at}: {}", plan.why)
        }
        (_, Action::Run, Some(at)) => {
            format!("the closed session is resumed by itself at {at}: {}", plan.why)
        }
        (_, Action::Client, Some(at)) => format!("Claude Code continues by itself after {at}: {}", plan.why),
        (_, Action::Resume, Some(at)) => format!("resume it by hand after {at}: {}", plan.why),
        (_, Action::Notify, Some(at)) => format!("after {at} a person is needed: {}", plan.why),
        (_, Action::None, _) => format!("nothing by itself: {}", plan.why),
        (_, _, None) => format!("a person is needed: {}", plan.why),
    }
}

/// Nothing happens by itself, and what the plan names is a command that must not be run while the session is open.
fn is_left_to_user(incident: &Incident) -> bool {
    incident.phase == Phase::GivenUp || matches!(incident.plan.action, Action::Resume | Action::Run)
}
