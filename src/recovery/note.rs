//! The writer: brings a project's HANDOFF.md up to date with one incident.

use crate::claude::transcript::Transcript;
use crate::clock::rfc3339;
use crate::env::Environment;
use crate::error::Result;
use crate::note::compose::{Situation, WorkStatus, compose};
use crate::note::file::{Written, remove_block, write_block};
use crate::note::gather::{Gathered, gather};
use crate::recovery::incident::{Incident, Phase};
use crate::recovery::plan::{Action, RecoveryPlan, resume_command};
use crate::recovery::reason::{PlanReason, Reason};
use crate::session::ResetSource;
use crate::session::message::ClientMessage;
use crate::store::StateDir;
use std::path::Path;

/// Writes notes of one project.
#[derive(Clone)]
pub struct NoteWriter<'a> {
    /// Where the lock is.
    pub state: &'a StateDir,
    pub env: &'a Environment,
    pub project: &'a Path,
    /// Blocks that are kept.
    pub blocks: usize,
    /// Where the session is open (`pts/3`); `None` when it is closed.
    pub open_in: Option<String>,
    /// What happens next, where that is not what the incident tells.
    pub plan: Option<RecoveryPlan>,
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
        let open_in = self.open_in.as_deref();
        let plan = self.plan.clone().unwrap_or_else(|| recorded_plan(incident, open_in));
        let block = compose(&situation(incident, &plan, gathered.name.clone(), open_in), &gathered);
        write_block(self.project, &incident.session, &block, self.blocks, self.state)
    }
}

/// No conversation, so there is no work to note.
#[must_use]
pub fn says_nothing(gathered: &Gathered) -> bool {
    gathered.first_prompt.is_none() && gathered.prompts.is_empty() && gathered.last_words.is_none()
}

/// What happens next to the session of an incident, by what the incident tells.
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

/// Why an incident's session stopped, and what happens next.
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
        // Opening a session twice forks its conversation.
        resume_command: open_in.is_none().then(|| argv().join(" ")),
    }
}

/// What happens next, as a sentence.
#[must_use]
pub fn next_text(plan: &RecoveryPlan) -> String {
    let at = plan.at.map(rfc3339);
    let when = |word: &str| at.as_deref().map(|at| format!(" {word} {at}")).unwrap_or_default();
    let what = match plan.action {
        Action::None if plan.reason == PlanReason::AwaitingTurn => return plan.why.clone(),
        Action::Wake => format!("cc-session-recover continues the open session{}", when("at")),
        Action::Run => format!("the closed session is resumed by itself{}", when("at")),
        Action::Client => format!("Claude Code continues by itself{}", when("after")),
        Action::Resume => format!("resume it by hand{}", when("after")),
        Action::Notify => format!("a person is needed{}", when("after")),
        Action::None => "nothing by itself".to_owned(),
    };
    format!("{what}: {}", plan.why)
}
