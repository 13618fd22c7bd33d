//! Defines the reasons for plans. Decisions compare the stable [`PlanReason`]. The sentence next to it is
//! only for display.
//!
//! [`Reason`] carries the values that the sentence contains. [`Reason::code_and_sentence`] is the only
//! function that turns it into a code and a sentence, so a new reason does not compile until it has both.

use super::incident::Obstacle;
use crate::claude::version::ClientVersion;
use crate::clock::rfc3339;
use crate::session::StopKind;
use crate::session::failure::RequestCure;
use crate::session::stop::StopClass;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Reason for a plan. `unrecorded`: the version that stored the plan recorded no reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum PlanReason {
    /// The incident was just opened; the policy has not decided yet.
    NotPlanned,
    /// The session has no pending work.
    NothingPending,
    /// A later stop of the same session replaced this one.
    Superseded,
    /// The session continued after the stop.
    SessionContinued,
    /// The user opened the session while an unattended run worked in it; the run was ended.
    TakenOver,
    /// The conversation continued in another session.
    ContinuedElsewhere,
    /// A later one-shot session in the same directory was given the same prompt.
    PromptRepeated,
    /// The session was continued, and no finished turn has been seen yet.
    AwaitingTurn,
    /// The user cancelled the recovery.
    Cancelled,
    /// The user cancelled the client's own countdown with Esc or Ctrl-C, which cancels ours too.
    CancelledWithEsc,
    /// The hooks were removed from the project.
    HooksRemoved,
    /// The session was reopened after its client was closed, and no hook waits in that window.
    OpenedAgain,
    /// A menu or another dialog is open in the window and blocks the continuation.
    DialogOpen,
    /// Several windows have the session open; continuing one would fork the conversation.
    OpenTwice,
    Paused,
    /// The client is suspended.
    ClientSuspended,
    /// The client is alive, but its transcript is missing.
    TranscriptMissing,
    /// The machine has no route to the API.
    NoRoute,
    /// Claude Code continued the session three times in a row, and `heartbeat.beyondClientCap` is false.
    ClientCapReached,
    /// The prompt has no answer; the user may have withdrawn it.
    EndedBeforeAnswer,
    /// The credential was refused.
    LoginNeeded,
    /// Credit, a plan or a budget is exhausted.
    CreditNeeded,
    /// A usage limit that resets more than a day away, or at an unknown time.
    ResetFarAway,
    /// A usage limit that was more than a day away has reset, or the date on which a budget is available again has passed.
    ResetPassed,
    /// The conversation no longer fits the context window.
    ContextFull,
    /// The API will refuse this request every time.
    RequestRefused,
    /// The kind of the stop is unknown.
    CauseUnknown,
    /// The user interrupted the turn.
    InterruptedByUser,
    KindIgnored,
    /// `stops.<kind>` is `notify`, by configuration or by default.
    KindNotifies,
    /// The session has reached the maximum number of continuations per day.
    DailyCapReached,
    /// Every attempt of the schedule has been made.
    AttemptsUsedUp,
    /// Every attempt failed for `giveUpHours`.
    GaveUpWaiting,
    /// The answer was too long again.
    OutputTooLongAgain,
    /// The client is closed, and the user has not allowed unattended runs here.
    ClientClosed,
    /// Resuming would read more tokens than `unattended.maxContextTokens`.
    ContextTooLarge,
    /// The planned time passed longer ago than `lateWakeHours`.
    Overdue,
    /// A usage limit with a known reset.
    AwaitingReset,
    /// Usage is available again before the scheduled reset.
    ResetEarly,
    /// A failure without a reset time: the next attempt of its schedule.
    AwaitingRetry,
    /// Claude Code made the model wrap up near a limit, and no hook waits in the open window.
    WrappedUp,
    /// Recovery is disabled, and Claude Code continues by itself.
    ClientContinues,
    /// Recovery is disabled.
    RecoveryDisabled,
    /// This version of Claude Code cannot be woken by a hook.
    ClientTooOld,
    /// The client is busy and shows no sign of work.
    Hung,
    /// The client closed while a question to the user was open.
    QuestionOpen,
    /// A run is planned and no supervisor is running.
    NoSupervisor,
    /// The process that waited for the planned time has ended.
    WaiterGone,
    /// No hook reported the stop of an open session.
    StopNotReported,
    /// A check before an unattended run failed.
    NotReady,
    /// The supervisor would reach another provider or account than the session had.
    OtherAccount,
    /// The session's directory no longer exists.
    DirectoryGone,
    /// An unattended run failed in a way that waiting cannot fix.
    RunFailed,
    /// Tool calls of an unattended run were denied, and nothing proves that the work was done.
    CallsDenied,
    /// Two unattended runs changed nothing.
    RunsDidNothing,
    /// An unattended run damaged the transcript.
    TranscriptDamaged,
    /// An unattended run did some work and ended in the middle of a turn.
    RunEndedInTurn,
    /// The transcript was restored from a snapshot.
    TranscriptRestored,
    /// The version that stored the plan recorded no reason, or recorded a code that this version does not
    /// know.
    #[default]
    #[serde(other)]
    Unrecorded,
}

impl PlanReason {
    /// Reasons whose sentence ends with the step itself, to resume the session by hand.
    pub const WITH_STEP_BY_HAND: [Self; 3] =
        [Self::ClientClosed, Self::NoSupervisor, Self::TranscriptRestored];

    #[must_use]
    pub fn says_resume_by_hand(self) -> bool {
        Self::WITH_STEP_BY_HAND.contains(&self)
    }
}

/// A reason with the data of its sentence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reason<'a> {
    NotPlanned,
    NothingPending,
    Superseded,
    SessionContinued,
    TakenOver,
    ContinuedElsewhere { session: &'a str },
    PromptRepeated { session: &'a str },
    AwaitingTurn,
    Cancelled,
    CancelledWithEsc,
    HooksRemoved,
    OpenedAgain(&'a str),
    OpenedAgainLate(&'a str),
    HeldBack(Obstacle, Option<&'a str>),
    EndedBeforeAnswer,
    LoginNeeded,
    CreditNeeded,
    CreditNeededUntil(DateTime<Utc>),
    ResetFarAway { kind: StopKind, reset: DateTime<Utc> },
    ResetUnknown(StopKind),
    ResetPassed { kind: StopKind, reset: DateTime<Utc> },
    ContextFull,
    RequestRefused { cure: RequestCure, session: &'a str },
    CauseUnknown,
    InterruptedByUser,
    KindIgnored(StopKind),
    KindNotifies(StopKind),
    DailyCapReached { cycles: usize },
    AttemptsUsedUp { attempts: usize },
    GaveUpWaiting { hours: i64 },
    OutputTooLongAgain,
    ClientClosed,
    ContextTooLarge { tokens: u64, most: u64 },
    Overdue { hours: i64 },
    AwaitingReset { kind: StopKind, reset: DateTime<Utc>, guessed: bool, first: EarlierContinuation },
    ResetEarly { kind: StopKind, since: DateTime<Utc>, reset: DateTime<Utc>, first: EarlierContinuation },
    AwaitingRetry { kind: StopKind, attempt: usize },
    UnattendedRun { kind: StopKind, attempt: usize, reset_known: bool, tokens: Option<u64> },
    WrappedUp { kind: StopKind, at: Option<DateTime<Utc>>, place: &'a str },
    ClientContinues,
    RecoveryDisabled,
    ClientTooOld(ClientVersion),
    Hung,
    QuestionOpen,
    NoSupervisor,
    WaiterGone { place: &'a str, client_continues: bool },
    StopNotReported(&'a str),
    NotReady(&'a str),
    OtherAccount(&'a str),
    DirectoryGone(Option<&'a Path>),
    RunFailed { kind: StopKind, advice: &'a str },
    CallsDenied(&'a str),
    RunsDidNothing(&'a str),
    TranscriptDamaged { damage: &'a str, session: &'a str, nonce: &'a str },
    RunEndedInTurn,
    TranscriptRestored,
}

/// What continues an open session before our wake does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum EarlierContinuation {
    /// Claude Code's own continuation, up to this many seconds after the reset.
    Client(f64),
    /// The limit menu: nothing runs in the session until the user closes it.
    Menu,
    /// Nothing, because the user cancelled the client's own continuation.
    Nothing,
}

impl EarlierContinuation {
    fn words(self) -> String {
        match self {
            Self::Client(seconds) => format!("Claude Code may continue it first, within {seconds} s"),
            Self::Menu => "answer the limit menu if it is open, because it blocks the session".to_owned(),
            Self::Nothing => "Claude Code does not continue it by itself".to_owned(),
        }
    }
}

impl Reason<'_> {
    /// Returns the code and the sentence.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "one arm for each reason")]
    pub fn code_and_sentence(&self) -> (PlanReason, String) {
        use PlanReason as Code;
        let fixed = |code: PlanReason, text: &str| (code, text.to_owned());
        match *self {
            Self::NotPlanned => fixed(Code::NotPlanned, "not planned yet"),
            Self::NothingPending => fixed(Code::NothingPending, "no pending work"),
            Self::Superseded => fixed(Code::Superseded, "a later stop of the session replaced it"),
            Self::SessionContinued => fixed(Code::SessionContinued, "the session continued"),
            Self::TakenOver => fixed(Code::TakenOver, "taken over by you"),
            Self::ContinuedElsewhere { session } => {
                (Code::ContinuedElsewhere, format!("the conversation continued in session {session}"))
            }
            Self::PromptRepeated { session } => (
                Code::PromptRepeated,
                format!("session {session} received the same prompt later, so this one is not continued"),
            ),
            Self::AwaitingTurn => fixed(Code::AwaitingTurn, "continued; waiting for the first finished turn"),
            Self::Cancelled => fixed(Code::Cancelled, "cancelled by the user"),
            Self::CancelledWithEsc => fixed(
                Code::CancelledWithEsc,
                "cancelled with Esc: type `continue` in its window, or use `cc-session-recover resume` once the window is closed",
            ),
            Self::OpenedAgain(place) => (
                Code::OpenedAgain,
                format!("it was opened again and does not continue by itself: type `continue` in {place}"),
            ),
            Self::OpenedAgainLate(place) => (
                Code::OpenedAgain,
                format!(
                    "it was opened again after the planned time and does not continue by itself: type \
                     `continue` in {place}"
                ),
            ),
            Self::HeldBack(obstacle, place) => (obstacle.code(), obstacle.words(place)),
            Self::HooksRemoved => fixed(Code::HooksRemoved, "the hooks were removed from the project"),
            Self::EndedBeforeAnswer => fixed(
                Code::EndedBeforeAnswer,
                "it ended before the first answer: resume it and ask again if you did not end it on purpose",
            ),
            Self::LoginNeeded => fixed(
                Code::LoginNeeded,
                "log in again (/login) or fix the API key, then type \"continue\" in the session",
            ),
            Self::CreditNeeded => fixed(
                Code::CreditNeeded,
                "add credit, have the budget raised or change the plan, then type \"continue\" in the session",
            ),
            Self::CreditNeededUntil(date) => (
                Code::CreditNeeded,
                format!(
                    "add credit, have the budget raised or change the plan, or wait until {}; then type \"continue\" in the session",
                    rfc3339(date)
                ),
            ),
            Self::ResetFarAway { kind, reset } => (
                Code::ResetFarAway,
                format!(
                    "{}; it resets at {}, more than a day after the stop: type \"continue\" in the session after that, or set stops.{} to \"resume\"",
                    kind.words(),
                    rfc3339(reset),
                    kind.as_str()
                ),
            ),
            Self::ResetUnknown(kind) => (
                Code::ResetFarAway,
                format!(
                    "{}; the reset time is unknown: type \"continue\" in the session once the limit has reset",
                    kind.words()
                ),
            ),
            Self::ResetPassed { kind, reset } => (
                Code::ResetPassed,
                format!("{}; it reset at {}: type \"continue\" in the session", kind.words(), rfc3339(reset)),
            ),
            Self::ContextFull => {
                fixed(Code::ContextFull, "run /compact in the session, or start a new one from HANDOFF.md")
            }
            Self::RequestRefused { cure, session } => (
                Code::RequestRefused,
                match cure {
                    RequestCure::Repair => format!(
                        "the API refuses part of the conversation: `cc-session-recover repair {session} --apply` removes it"
                    ),
                    RequestCure::Resume => {
                        "the client omits the refused part automatically: resume the session".to_owned()
                    }
                    RequestCure::ResumeOrRepair => format!(
                        "resume it: the client omits the part that the API refused; `cc-session-recover repair {session}` reports whether a call or a result is lost"
                    ),
                    RequestCure::Rephrase => {
                        "the API will refuse this request again: rephrase it, or go back a step with /rewind"
                            .to_owned()
                    }
                },
            ),
            Self::CauseUnknown => {
                fixed(Code::CauseUnknown, "the reason is unknown: read the session's last message")
            }
            Self::InterruptedByUser => {
                fixed(Code::InterruptedByUser, "you interrupted it: continue it when you are ready")
            }
            Self::KindIgnored(kind) => {
                (Code::KindIgnored, format!("stops.{} is set to \"ignore\"", kind.as_str()))
            }
            Self::KindNotifies(kind) => (Code::KindNotifies, notified(kind)),
            Self::DailyCapReached { cycles } => {
                (Code::DailyCapReached, format!("continued {cycles} times within 24 hours"))
            }
            Self::AttemptsUsedUp { attempts } => {
                (Code::AttemptsUsedUp, format!("{attempts} attempts failed"))
            }
            Self::GaveUpWaiting { hours } => {
                (Code::GaveUpWaiting, format!("every attempt of the last {hours} hours failed"))
            }
            Self::OutputTooLongAgain => {
                fixed(Code::OutputTooLongAgain, "continued once, but the answer was too long again")
            }
            Self::ClientClosed => fixed(Code::ClientClosed, "its client is closed; resume it by hand"),
            Self::ContextTooLarge { tokens, most } => (
                Code::ContextTooLarge,
                format!(
                    "resuming would read about {tokens} tokens again, more than unattended.maxContextTokens ({most}) allows"
                ),
            ),
            Self::Overdue { hours } => {
                (Code::Overdue, format!("overdue by {hours} h, so you are asked first"))
            }
            Self::AwaitingReset { kind, reset, guessed, first } => (
                Code::AwaitingReset,
                format!(
                    "{}; it resets at {} ({}); {}",
                    kind.words(),
                    rfc3339(reset),
                    if guessed { "guessed from its text" } else { "known exactly" },
                    first.words()
                ),
            ),
            Self::ResetEarly { kind, since, reset, first } => (
                Code::ResetEarly,
                format!(
                    "{}; usage has been available again since {}, before the reset at {}; {}",
                    kind.words(),
                    rfc3339(since),
                    rfc3339(reset),
                    first.words()
                ),
            ),
            Self::AwaitingRetry { kind, attempt } => {
                (Code::AwaitingRetry, format!("{}; attempt {attempt}", kind.words()))
            }
            Self::UnattendedRun { kind, attempt, reset_known, tokens } => {
                let tokens = tokens
                    .map_or_else(String::new, |tokens| format!("; about {tokens} tokens must be read again"));
                let code = if reset_known { Code::AwaitingReset } else { Code::AwaitingRetry };
                (code, format!("{}; unattended attempt {attempt}{tokens}", kind.words()))
            }
            Self::WrappedUp { kind, at, place } => {
                let window = match kind {
                    StopKind::UsageLimit5h => "5-hour usage limit",
                    StopKind::UsageLimitWeekly => "weekly usage limit",
                    _ => "usage limit",
                };
                let after = at.map_or_else(String::new, |at| format!(" after {}", rfc3339(at)));
                (
                    Code::WrappedUp,
                    format!(
                        "Claude Code had the model wrap up near the {window}, and the session does not continue by itself: type \
                         `continue` in {place}{after}"
                    ),
                )
            }
            Self::ClientContinues => fixed(
                Code::ClientContinues,
                "automatic recovery is switched off; Claude Code continues by itself while it stays open",
            ),
            Self::RecoveryDisabled => fixed(Code::RecoveryDisabled, "automatic recovery is switched off"),
            Self::ClientTooOld(version) => (
                Code::ClientTooOld,
                format!(
                    "Claude Code {version} cannot be woken by a hook (2.1.120 can): type \"continue\" in the session, or resume it"
                ),
            ),
            Self::Hung => fixed(
                Code::Hung,
                "it is busy and shows no sign of work: press Esc in it and type \"continue\"",
            ),
            Self::QuestionOpen => fixed(Code::QuestionOpen, "it asked you a question: resume it and answer"),
            Self::NoSupervisor => fixed(
                Code::NoSupervisor,
                "no supervisor is running to resume it: start `cc-session-recover watch`, or resume it by hand",
            ),
            Self::WaiterGone { place, client_continues: false } => (
                Code::WaiterGone,
                format!("this tool no longer waits for the session: type `continue` in {place}"),
            ),
            Self::WaiterGone { place, client_continues: true } => {
                let text = "this tool no longer waits for the session, and Claude Code continues it; if it does not, type";
                (Code::WaiterGone, format!("{text} `continue` in {place}"))
            }
            Self::StopNotReported(place) => {
                (Code::StopNotReported, format!("no hook recorded this stop: type `continue` in {place}"))
            }
            Self::NotReady(why) => fixed(Code::NotReady, why),
            Self::OtherAccount(why) => fixed(Code::OtherAccount, why),
            Self::DirectoryGone(dir) => {
                let dir = dir.map_or_else(String::new, |dir| format!(" {}", dir.display()));
                let text =
                    "no longer exists: `cc-session-recover relocate` moves the session to the new directory";
                (Code::DirectoryGone, format!("its directory{dir} {text}"))
            }
            Self::RunFailed { kind, advice } => {
                (Code::RunFailed, format!("the unattended run failed ({}): {advice}", kind.words()))
            }
            Self::CallsDenied(why) => fixed(Code::CallsDenied, why),
            Self::RunsDidNothing(hollow) => (Code::RunsDidNothing, format!("two runs did nothing: {hollow}")),
            Self::TranscriptDamaged { damage, session, nonce } => (
                Code::TranscriptDamaged,
                format!(
                    "{damage}; `cc-session-recover restore {session} --from {nonce}` restores the snapshot"
                ),
            ),
            Self::RunEndedInTurn => {
                fixed(Code::RunEndedInTurn, "the run did some work, but ended in the middle of a turn")
            }
            Self::TranscriptRestored => fixed(
                Code::TranscriptRestored,
                "its transcript was restored from a snapshot: resume it by hand",
            ),
        }
    }
}

fn notified(kind: StopKind) -> String {
    if kind.class() == StopClass::BrokenOff {
        return format!("{}: resume it by hand", kind.words());
    }
    format!(
        "{}: type \"continue\" in the session after that; set stops.{} to \"resume\" to continue automatically",
        kind.words(),
        kind.as_str()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_a_reason_that_says_so_ends_with_the_step_by_hand() {
        for (reason, says) in [
            (Reason::ClientClosed, true),
            (Reason::NoSupervisor, true),
            (Reason::TranscriptRestored, true),
            (Reason::QuestionOpen, false),
            (Reason::Overdue { hours: 9 }, false),
            (Reason::GaveUpWaiting { hours: 24 }, false),
            (Reason::RunEndedInTurn, false),
        ] {
            let (code, sentence) = reason.code_and_sentence();
            assert_eq!(code.says_resume_by_hand(), says, "{code:?}");
            assert_eq!(sentence.ends_with("resume it by hand"), says, "{sentence}");
        }
    }

    #[test]
    fn a_reason_is_stored_as_its_code_and_an_unknown_code_is_read_as_unrecorded() {
        assert_eq!(serde_json::to_value(PlanReason::ClientClosed).unwrap(), json!("client-closed"));
        let read = |text: &str| serde_json::from_value::<PlanReason>(json!(text)).unwrap();
        assert_eq!(read("awaiting-reset"), PlanReason::AwaitingReset);
        assert_eq!(read("a-code-of-a-later-version"), PlanReason::Unrecorded);
    }
}
