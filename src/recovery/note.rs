//! Updates a project's HANDOFF.md for one incident.

use crate::claude::transcript::Transcript;
use crate::clock::{Clock, rfc3339};
use crate::env::Environment;
use crate::error::Result;
use crate::note::compose::{Situation, WorkStatus, compose};
use crate::note::file::{Written, remove_block, write_block};
use crate::note::gather::{GatheredWork, gather};
use crate::recovery::incident::{Incident, Phase};
use crate::recovery::plan::{Action, RecoveryPlan, resume_command};
use crate::recovery::reason::{PlanReason, Reason};
use crate::session::ResetSource;
use crate::session::message::ClientMessage;
use crate::store::{StateDir, journal};
use serde_json::json;
use std::path::Path;

/// Writes the notes of one project.
#[derive(Clone)]
pub struct NoteWriter<'a> {
    /// State directory that contains the lock.
    pub state: &'a StateDir,
    pub env: &'a Environment,
    pub project: &'a Path,
    /// Maximum number of blocks in the note.
    pub blocks: usize,
    /// Where the session is open (`pts/3`); `None` if it is closed.
    pub open_in: Option<String>,
    /// Plan to show instead of the incident's own.
    pub plan: Option<RecoveryPlan>,
}

impl NoteWriter<'_> {
    /// Writes the block of an unfinished incident, or removes the block of a finished one.
    ///
    /// # Errors
    /// Those of reading the transcript and of [`write_block`].
    pub fn write(&self, incident: &Incident) -> Result<Written> {
        if incident.phase.is_over() {
            return remove_block(self.project, &incident.session, self.state);
        }
        let gathered = gather(&Transcript::open(&incident.transcript)?, self.env, self.project);
        if is_without_work(&gathered) {
            return Ok(Written::default());
        }
        let open_in = self.open_in.as_deref();
        let plan = self.plan.clone().unwrap_or_else(|| recorded_plan(incident, open_in));
        let block = compose(&situation(incident, &plan, gathered.name.clone(), open_in), &gathered);
        write_block(self.project, &incident.session, &block, self.blocks, self.state, self.env)
    }

    /// As [`NoteWriter::write`] for callers that have already stored what matters: a note that cannot be written
    /// is recorded in the journal.
    pub fn update(&self, incident: &Incident, clock: &dyn Clock) {
        if let Err(error) = self.write(incident) {
            let fields = json!({"session": incident.session, "message": error.to_string()});
            journal::append(self.state, clock, "note-failed", fields);
        }
    }
}

/// Returns whether there is no conversation, and therefore no work to describe.
#[must_use]
pub fn is_without_work(gathered: &GatheredWork) -> bool {
    gathered.first_prompt.is_none() && gathered.prompts.is_empty() && gathered.last_words.is_none()
}

/// Returns the plan for a session as its incident records it.
#[must_use]
pub fn recorded_plan(incident: &Incident, open_in: Option<&str>) -> RecoveryPlan {
    let plan = match &incident.held_back {
        _ if incident.phase == Phase::Attempting => RecoveryPlan::nothing(Reason::AwaitingTurn),
        Some(held) if incident.phase.is_active() => held.plan(),
        _ => incident.plan.clone(),
    };
    match open_in {
        Some(place) => plan.in_window(incident.phase, place),
        None => plan,
    }
}

/// Describes why an incident's session stopped and what happens next.
#[must_use]
pub fn situation(
    incident: &Incident,
    plan: &RecoveryPlan,
    name: Option<String>,
    open_in: Option<&str>,
) -> Situation {
    let stop = &incident.stop;
    let argv = || plan.argv.clone().unwrap_or_else(|| resume_command(&incident.session, None));
    Situation {
        session: incident.session.clone(),
        name,
        standing: WorkStatus::Stopped,
        kind_text: stop.kind.words().to_owned(),
        message: stop.message.as_ref().map(ClientMessage::shown),
        stopped_at: stop.at,
        resets_at: stop.resets_at,
        resets_guess: stop.resets_at_source == Some(ResetSource::Guess),
        next_text: next_text(plan),
        open_in: open_in.map(str::to_owned),
        // No command while it is open, because opening a session twice forks its conversation.
        resume_command: open_in.is_none().then(|| argv().join(" ")),
    }
}

/// Describes what happens next in a sentence.
#[must_use]
pub fn next_text(plan: &RecoveryPlan) -> String {
    let at = plan.at.map(rfc3339);
    let when = |word: &str| at.as_deref().map(|at| format!(" {word} {at}")).unwrap_or_default();
    let what = match plan.action {
        Action::None if plan.reason == PlanReason::AwaitingTurn => return plan.why.clone(),
        Action::Resume if plan.reason.says_resume_by_hand() => {
            return format!("{}{}", plan.why, when("after"));
        }
        Action::Wake => format!("cc-session-recover continues the open session{}", when("at")),
        Action::Run => format!("the supervisor resumes the closed session{}", when("at")),
        Action::Client => format!("Claude Code continues by itself{}", when("after")),
        Action::Resume => format!("resume it by hand{}", when("after")),
        Action::Notify => format!("needs you{}", when("after")),
        Action::None => "no automatic step is planned".to_owned(),
    };
    format!("{what}: {}", plan.why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::parse_rfc3339;

    #[test]
    fn the_next_step_is_named_once() {
        let at = parse_rfc3339("2026-11-21T05:00:00Z");
        for (plan, text) in [
            (
                RecoveryPlan::new(Action::Resume, at, Reason::ClientClosed),
                "its client is closed; resume it by hand after 2026-11-21T05:00:00.000Z",
            ),
            (
                RecoveryPlan::new(Action::Resume, None, Reason::QuestionOpen),
                "resume it by hand: it asked you a question: resume it and answer",
            ),
            (
                RecoveryPlan::new(Action::Notify, None, Reason::ClientClosed),
                "needs you: its client is closed; resume it by hand",
            ),
        ] {
            assert_eq!(next_text(&plan), text);
        }
    }
}
