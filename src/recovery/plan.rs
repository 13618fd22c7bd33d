//! Defines the plan for a session: what happens next, when, why, and the command for the user.

use super::incident::{Obstacle, Phase};
use super::reason::{PlanReason, Reason};
use crate::session::stop::time_or_null;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What the plan for a stopped session does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "PlannedAction"))]
pub enum Action {
    /// The waiting hook continues the open session.
    Wake,
    /// Claude Code itself continues the session.
    Client,
    /// The supervisor resumes the closed session.
    Run,
    /// The user resumes the closed session.
    Resume,
    /// The user must do something first.
    Notify,
    None,
}

/// What happens next with a session, when, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "NextStep"))]
pub struct RecoveryPlan {
    /// `wake`: the waiting hook continues it. `client`: Claude Code continues it itself. `run`: the
    /// supervisor resumes the closed session. `resume`: the user resumes it with `argv`. `notify`: the user
    /// must act. `none`: nothing is pending.
    pub action: Action,
    /// Time at which it happens, or from which it is possible.
    #[serde(serialize_with = "time_or_null")]
    pub at: Option<DateTime<Utc>>,
    /// Reason as a stable code. Programs must compare this code, never `why`. New versions may add codes.
    #[serde(default)]
    pub reason: PlanReason,
    /// The reason in words.
    pub why: String,
    /// Command for the user, or `null`.
    pub argv: Option<Vec<String>>,
}

/// How often this tool has continued a session within the last 24 hours, and how often it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct DailyContinues {
    /// Continuations within the last 24 hours.
    pub used: usize,
    /// Maximum within 24 hours, `supervisor.maxCyclesPerDay`.
    pub limit: u32,
}

impl RecoveryPlan {
    /// Returns the plan before the policy has decided.
    #[must_use]
    pub fn undecided() -> Self {
        Self::nothing(Reason::NotPlanned)
    }

    /// Creates a plan without a command.
    #[must_use]
    pub fn new(action: Action, at: Option<DateTime<Utc>>, reason: Reason<'_>) -> Self {
        let (reason, why) = reason.code_and_sentence();
        Self { action, at, reason, why, argv: None }
    }

    #[must_use]
    pub fn nothing(reason: Reason<'_>) -> Self {
        Self::new(Action::None, None, reason)
    }

    /// Time at which to notify the user that a limit or budget has reset, if the session does
    /// not continue without them.
    #[must_use]
    pub const fn notified_at(&self) -> Option<DateTime<Utc>> {
        match (self.action, self.reason) {
            (
                Action::Notify,
                PlanReason::ResetFarAway
                | PlanReason::ResetPassed
                | PlanReason::CreditNeeded
                | PlanReason::KindNotifies,
            ) => self.at,
            _ => None,
        }
    }

    /// Adds a command for the user to run.
    #[must_use]
    pub fn with_command(self, argv: Vec<String>) -> Self {
        Self { argv: Some(argv), ..self }
    }

    /// Returns the plan for a session that is open in `place`. It has no command, because opening the session
    /// a second time would fork its conversation. The user acts in that window instead.
    #[must_use]
    pub fn in_window(self, phase: Phase, place: &str) -> Self {
        let plan = Self { argv: None, ..self };
        match (phase, plan.action) {
            (Phase::GivenUp, _) => {
                let why = format!("{}; type `continue` in {place} to try again", plan.why);
                Self { action: Action::Notify, at: None, why, ..plan }
            }
            (_, Action::Resume | Action::Run) => {
                let why = format!("{}; type `continue` in {place}", plan.why);
                Self { action: Action::Notify, why, ..plan }
            }
            (_, Action::Wake | Action::Client | Action::Notify | Action::None) => plan,
        }
    }

    /// Replaces the reason and its sentence.
    pub fn explain(&mut self, reason: Reason<'_>) {
        (self.reason, self.why) = reason.code_and_sentence();
    }
}

/// Returns what happens to a closed session instead of its planned run while the session is paused or recovery is
/// disabled; `None` if nothing blocks the run.
#[must_use]
pub fn blocked_run(
    plan: &RecoveryPlan,
    paused: bool,
    enabled: bool,
    command: impl FnOnce() -> Vec<String>,
) -> Option<RecoveryPlan> {
    if plan.action != Action::Run {
        return None;
    }
    if paused {
        return Some(RecoveryPlan::nothing(Reason::HeldBack(Obstacle::Paused, None)));
    }
    (!enabled)
        .then(|| RecoveryPlan::new(Action::Resume, plan.at, Reason::RecoveryDisabled).with_command(command()))
}

/// Returns the command with which the user continues a session, in the session's own directory.
#[must_use]
pub fn resume_command(session: &str, config_dir: Option<&Path>) -> Vec<String> {
    let mut argv = Vec::new();
    if let Some(dir) = config_dir {
        argv.extend(["env".to_owned(), format!("CLAUDE_CONFIG_DIR={}", dir.display())]);
    }
    argv.extend(["claude".to_owned(), format!("--resume={session}")]);
    argv
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_or_disabled_recovery_replaces_only_the_run_of_a_closed_session() {
        let plan = |action| RecoveryPlan::new(action, None, Reason::AttemptsUsedUp { attempts: 1 });
        let of = |action, paused, enabled| {
            blocked_run(&plan(action), paused, enabled, || vec!["claude".into()]).map(|plan| plan.reason)
        };
        for (action, paused, enabled, expected) in [
            (Action::Run, false, true, None),
            (Action::Run, true, true, Some(PlanReason::Paused)),
            (Action::Run, true, false, Some(PlanReason::Paused)),
            (Action::Run, false, false, Some(PlanReason::RecoveryDisabled)),
            (Action::Resume, true, false, None),
            (Action::Notify, true, true, None),
            (Action::None, true, true, None),
        ] {
            assert_eq!(of(action, paused, enabled), expected, "{action:?} {paused} {enabled}");
        }
    }
}
