//! Implements the policy: what to do about a stop, when, and why. The policy is a pure function of the stop,
//! the earlier attempts, the client, the configuration and the time.

use super::incident::{Attempt, AttemptOutcome, Phase};
use super::native::NativeContinuation;
use super::plan::{Action, RecoveryPlan, resume_command};
use super::reason::{EarlierContinuation, Reason};
use crate::claude::version::ClientVersion;
use crate::config::{Config, Disposition};
use crate::session::failure::RequestCure;
use crate::session::failure::request_cure;
use crate::session::message::ClientMessage;
use crate::session::stop::{StopClass, UserAction};
use crate::session::{ResetSource, Stop, StopKind};
use chrono::{DateTime, Duration, Utc};
use std::path::Path;

/// Maximum number of hours from the stop to the reset of a limit for which this tool waits. Claude Code does
/// not wait longer either, and much changes within days.
const LONG_WAIT_HOURS: i64 = 24;
/// Hours after which a 5-hour window has certainly ended, counted from any moment in it.
const WINDOW_HOURS: f64 = 5.0;
/// Extra seconds for a guessed reset, which is rounded down to the minute.
const GUESS_MARGIN_SECONDS: f64 = 60.0;
/// Longest margin after a reset if the client has shown that it will not continue by itself, in seconds.
const MENU_MARGIN: f64 = 5.0;

/// Maximum number of attempts to continue a turn that was interrupted.
const MOST_AFTER_A_CRASH: usize = 2;

/// Whether the session is still open in its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Terminal {
    /// The client is alive and has the session open.
    Open,
    /// The client is gone or has another session open.
    Closed,
}

/// All inputs of the policy.
#[derive(Debug, Clone)]
pub struct PolicySituation<'a> {
    pub session: &'a str,
    pub stop: &'a Stop,
    /// Attempts since the session last did any work.
    pub attempts: &'a [Attempt],
    /// Number of wakes in the last 24 hours.
    pub cycles: usize,
    /// Whether the client opened its limit menu for this stop, and so will not continue by itself.
    pub limit_menu: bool,
    pub terminal: Terminal,
    /// Whether the user allows unattended resumes in this project.
    pub unattended: bool,
    /// Tokens that the model would have to read again.
    pub context_tokens: Option<u64>,
    pub client: Option<ClientVersion>,
    pub entrypoint: Option<&'a str>,
    /// Time of evidence newer than the stop that usage is available again.
    pub early: Option<DateTime<Utc>>,
    /// Whether the client continues this stop by itself while it stays open.
    pub native: NativeContinuation,
    /// Configuration directory, unless it is the default one.
    pub config_dir: Option<&'a Path>,
    pub config: &'a Config,
    pub now: DateTime<Utc>,
}

/// A plan, and the phase that the incident enters with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyDecision {
    pub plan: RecoveryPlan,
    pub phase: Phase,
}

#[must_use]
pub fn decide(situation: &PolicySituation<'_>) -> PolicyDecision {
    let kind = situation.stop.kind;
    if situation.stop.unanswered {
        return situation.held(Action::Notify, None, Reason::EndedBeforeAnswer);
    }
    match kind.class() {
        StopClass::NeedsUser(_) | StopClass::Interrupted => {
            // Credit and budgets may have a date on which they become available again.
            let reset = situation.stop.resets_at;
            let reason = match (user_needed(kind).unwrap_or(Reason::CauseUnknown), reset) {
                (Reason::CreditNeeded, Some(reset)) if reset <= situation.now => {
                    Reason::ResetPassed { kind, reset }
                }
                (Reason::CreditNeeded, Some(reset)) => Reason::CreditNeededUntil(reset),
                (Reason::RequestRefused { .. }, _) => situation.refused(),
                (reason, _) => reason,
            };
            return situation.held(Action::Notify, reset, reason);
        }
        StopClass::NoFailure => return situation.held(Action::None, None, Reason::NothingPending),
        StopClass::UsageLimit
        | StopClass::RateLimit
        | StopClass::Transient
        | StopClass::OutputLimit
        | StopClass::BrokenOff => {}
    }
    match situation.config.disposition(kind) {
        Disposition::Ignore => return situation.held(Action::None, None, Reason::KindIgnored(kind)),
        Disposition::Notify => {
            return situation.held(Action::Notify, situation.stop.resets_at, Reason::KindNotifies(kind));
        }
        Disposition::Resume => {}
    }
    if let Some(far) = situation.far_reset() {
        return far;
    }
    let due = match situation.due() {
        Ok(due) => due,
        Err(reason) => {
            return PolicyDecision { phase: Phase::GivenUp, ..situation.held(Action::Notify, None, reason) };
        }
    };
    if situation.terminal == Terminal::Closed {
        return situation.closed(due);
    }
    if !situation.config.heartbeat.enabled {
        return situation.switched_off(due);
    }
    if let Some(version) = situation.client.filter(|version| !version.can_be_woken()) {
        let at = situation.stop.resets_at.or(Some(due));
        return situation.held(Action::Notify, at, Reason::ClientTooOld(version));
    }
    if let Some(overdue) = situation.overdue(due) {
        return overdue;
    }
    let plan = RecoveryPlan::new(Action::Wake, Some(due), situation.wake_reason());
    PolicyDecision { plan, phase: Phase::Waiting }
}

/// Returns what the user must do about kinds of stop that waiting cannot fix; `None` for all others.
#[must_use]
pub const fn user_needed(kind: StopKind) -> Option<Reason<'static>> {
    match kind.class() {
        StopClass::NeedsUser(action) => Some(match action {
            UserAction::LogIn => Reason::LoginNeeded,
            UserAction::AddCredit => Reason::CreditNeeded,
            UserAction::Compact => Reason::ContextFull,
            UserAction::Rephrase => Reason::RequestRefused { cure: RequestCure::Rephrase, session: "" },
            UserAction::ReadMessage => Reason::CauseUnknown,
        }),
        StopClass::Interrupted => Some(Reason::InterruptedByUser),
        StopClass::UsageLimit
        | StopClass::RateLimit
        | StopClass::Transient
        | StopClass::OutputLimit
        | StopClass::BrokenOff
        | StopClass::NoFailure => None,
    }
}

impl PolicySituation<'_> {
    fn refused(&self) -> Reason<'_> {
        let message = self.stop.message.as_ref().map(ClientMessage::shown).unwrap_or_default();
        Reason::RequestRefused { cure: request_cure(&message), session: self.session }
    }

    fn held(&self, action: Action, at: Option<DateTime<Utc>>, reason: Reason<'_>) -> PolicyDecision {
        let mut plan = RecoveryPlan::new(action, at, reason);
        if matches!(action, Action::Resume | Action::Notify) {
            plan = plan.with_command(resume_command(self.session, self.config_dir));
        }
        PolicyDecision { plan, phase: Phase::Held }
    }

    /// Plans a limit that resets more than a day away: the user is notified now and when it has reset, unless
    /// configured otherwise.
    fn far_reset(&self) -> Option<PolicyDecision> {
        let (kind, stop) = (self.stop.kind, self.stop);
        if kind.class() != StopClass::UsageLimit || self.config.configured(kind) == Some(Disposition::Resume)
        {
            return None;
        }
        let Some(reset) = stop.resets_at else {
            // Wrapped up near a limit of several days whose reset the transcript does not contain.
            let days = stop.wrapped_up && kind != StopKind::UsageLimit5h;
            return days.then(|| self.held(Action::Notify, None, Reason::ResetUnknown(kind)));
        };
        let over = self.early.map_or(reset, |early| early.min(reset));
        let far = reset - stop.at.unwrap_or(self.now) > Duration::hours(LONG_WAIT_HOURS);
        let reason = if over <= self.now {
            Reason::ResetPassed { kind, reset: over }
        } else {
            Reason::ResetFarAway { kind, reset }
        };
        far.then(|| self.held(Action::Notify, Some(over), reason))
    }

    /// Asks the user first if the planned time passed too long ago.
    fn overdue(&self, due: DateTime<Utc>) -> Option<PolicyDecision> {
        let late = self.now - due;
        (late > hours(self.config.late_wake_hours()))
            .then(|| self.held(Action::Resume, Some(due), Reason::Overdue { hours: late.num_hours() }))
    }

    /// Decides for a closed client: the supervisor resumes the session if the user has allowed that.
    fn closed(&self, due: DateTime<Utc>) -> PolicyDecision {
        let at = self.stop.resets_at.or(Some(due));
        if !self.unattended {
            return self.held(Action::Resume, at, Reason::ClientClosed);
        }
        let most = self.config.unattended.max_context_tokens;
        if let (Some(tokens), Some(most)) = (self.context_tokens, most)
            && tokens > most
        {
            return self.held(Action::Resume, at, Reason::ContextTooLarge { tokens, most });
        }
        if let Some(overdue) = self.overdue(due) {
            return overdue;
        }
        let due = self.config.quiet_hours.as_ref().map_or(due, |rest| rest.end_after(due.max(self.now), due));
        let reason = Reason::UnattendedRun {
            kind: self.stop.kind,
            attempt: self.attempts.len() + 1,
            reset_known: self.stop.resets_at.is_some(),
            tokens: self.context_tokens,
        };
        PolicyDecision { plan: RecoveryPlan::new(Action::Run, Some(due), reason), phase: Phase::Waiting }
    }

    /// Returns the number of seconds to wait after a known reset. In an open client, the client's own
    /// continuation goes first.
    fn after_reset(&self) -> f64 {
        match self.terminal {
            Terminal::Open if self.limit_menu => self.config.supervisor.margin_seconds.min(MENU_MARGIN),
            Terminal::Open => self.config.heartbeat.grace_after(self.native.window()),
            Terminal::Closed if self.unattended => {
                let supervisor = &self.config.supervisor;
                supervisor.margin_seconds + supervisor.jitter_seconds * self.jitter(self.attempts.len())
            }
            Terminal::Closed => self.config.supervisor.margin_seconds,
        }
    }

    /// Returns the time at which to continue, or the reason for giving up.
    fn due(&self) -> Result<DateTime<Utc>, Reason<'static>> {
        let base = self.stop.at.unwrap_or(self.now);
        let retry = &self.config.retry;
        match self.stop.kind.class() {
            StopClass::UsageLimit => self.after_limit(base),
            StopClass::RateLimit => self.slow(base, self.failed(StopClass::RateLimit)),
            StopClass::Transient => {
                let attempts = self.failed(StopClass::Transient);
                match retry.schedule_minutes.get(attempts) {
                    Some(wait) => Ok(base + minutes(wait * (1.0 + 0.2 * self.jitter(attempts)))),
                    // The fast schedule is exhausted, so the slow one applies until this tool gives up.
                    None => self.slow(base, usize::MAX),
                }
            }
            StopClass::BrokenOff => {
                // Counts successful attempts as well, so that a client that keeps crashing
                // is not restarted forever.
                let broken = |attempt: &&Attempt| attempt.answered.class() == StopClass::BrokenOff;
                let attempts = self.attempts.iter().filter(broken).count();
                if attempts >= MOST_AFTER_A_CRASH {
                    return Err(Reason::AttemptsUsedUp { attempts });
                }
                Ok(base + minutes(retry.schedule_minutes.get(attempts).copied().unwrap_or(0.0)))
            }
            StopClass::OutputLimit => {
                if !self.attempts.is_empty() {
                    return Err(Reason::OutputTooLongAgain);
                }
                Ok(base + minutes(retry.schedule_minutes.first().copied().unwrap_or(0.0)))
            }
            // Handled earlier: such stops are never continued.
            StopClass::NeedsUser(_) | StopClass::Interrupted | StopClass::NoFailure => {
                Err(Reason::AttemptsUsedUp { attempts: self.attempts.len() })
            }
        }
    }

    /// Returns the time to continue after a usage limit, which is after its reset. An attempt that met a
    /// reset in the past, which the same window also reports again, proves that the reset is wrong. From then
    /// on the waits grow as for a limit without one.
    fn after_limit(&self, base: DateTime<Utc>) -> Result<DateTime<Utc>, Reason<'static>> {
        let tried = self.failed(StopClass::UsageLimit);
        let Some(reset) = self.stop.resets_at else {
            if self.stop.wrapped_up {
                return self.within_day(base + hours(WINDOW_HOURS));
            }
            return self.slow(base, tried + self.failed(StopClass::RateLimit));
        };
        if reset <= base && tried > 0 {
            return self.slow(base, tried - 1);
        }
        let reset = self.early.map_or(reset, |early| early.min(reset));
        let guess = self.early.is_none() && self.stop.resets_at_source == Some(ResetSource::Guess);
        let margin = if guess { GUESS_MARGIN_SECONDS } else { 0.0 };
        self.within_day(reset + seconds(self.after_reset() + margin))
    }

    /// Returns `due`, unless the session has reached the maximum number of continuations per day. Growing
    /// waits are bounded by `giveUpHours` instead.
    fn within_day(&self, due: DateTime<Utc>) -> Result<DateTime<Utc>, Reason<'static>> {
        if self.cycles >= self.config.supervisor.max_cycles_per_day as usize {
            return Err(Reason::DailyCapReached { cycles: self.cycles });
        }
        Ok(due)
    }

    /// Returns the time after a growing wait for `tried` attempts, until `giveUpHours` after the first
    /// attempt. Earlier time does not count, because the limit may have lasted for hours or the machine may
    /// have been offline.
    fn slow(&self, base: DateTime<Utc>, tried: usize) -> Result<DateTime<Utc>, Reason<'static>> {
        let retry = &self.config.retry;
        let first = self.failing().first().map_or(base, |attempt| attempt.at);
        if base - first >= hours(retry.give_up_hours) {
            return Err(Reason::GaveUpWaiting { hours: (base - first).num_hours() });
        }
        Ok(base + minutes(retry.rate_limit_minutes.get(tried).copied().unwrap_or(retry.slow_minutes)))
    }

    fn failing(&self) -> &[Attempt] {
        let worked = self.attempts.iter().rposition(|attempt| attempt.outcome == AttemptOutcome::Continued);
        &self.attempts[worked.map_or(0, |worked| worked + 1)..]
    }

    /// Returns how many of these attempts answered a stop of this class.
    fn failed(&self, class: StopClass) -> usize {
        self.failing().iter().filter(|attempt| attempt.answered.class() == class).count()
    }

    /// Returns a fraction from 0 to 1. It is the same for the same session and attempt, so that plans are
    /// reproducible.
    fn jitter(&self, attempt: usize) -> f64 {
        let mixed = self
            .session
            .bytes()
            .chain(attempt.to_le_bytes())
            .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        f64::from(mixed) / f64::from(u32::MAX)
    }

    /// Decides while recovery is disabled. The client may still continue by itself.
    fn switched_off(&self, due: DateTime<Utc>) -> PolicyDecision {
        if self.client.is_some() && self.native.window().is_some() {
            return self.held(Action::Client, self.stop.resets_at, Reason::ClientContinues);
        }
        self.held(Action::Notify, Some(due), Reason::RecoveryDisabled)
    }

    fn wake_reason(&self) -> Reason<'static> {
        let kind = self.stop.kind;
        let (Some(reset), Some(source)) = (self.stop.resets_at, self.stop.resets_at_source) else {
            return Reason::AwaitingRetry { kind, attempt: self.attempts.len() + 1 };
        };
        let first = match self.native {
            _ if self.limit_menu => EarlierContinuation::Menu,
            NativeContinuation::Expected { .. } => EarlierContinuation::Client(self.after_reset()),
            NativeContinuation::Cancelled => EarlierContinuation::Nothing,
            NativeContinuation::NotOffered if self.entrypoint != Some("cli") => {
                EarlierContinuation::Client(self.after_reset())
            }
            NativeContinuation::NotOffered if self.stop.wrapped_up => EarlierContinuation::Nothing,
            NativeContinuation::NotOffered | NativeContinuation::SwitchedOff | NativeContinuation::Capped => {
                EarlierContinuation::Menu
            }
        };
        if let Some(since) = self.early {
            return Reason::ResetEarly { kind, since, reset, first };
        }
        Reason::AwaitingReset { kind, reset, guessed: source == ResetSource::Guess, first }
    }
}

fn seconds(count: f64) -> Duration {
    Duration::milliseconds(whole(count * 1000.0))
}

fn minutes(count: f64) -> Duration {
    seconds(count * 60.0)
}

pub(super) fn hours(count: f64) -> Duration {
    seconds(count * 3600.0)
}

/// Rounds to the nearest whole number; the configuration bounds the input.
fn whole(number: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "saturates, and configuration bounds it")]
    let whole = number.round() as i64;
    whole.clamp(0, i64::MAX / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::super::native::NativeFacts;
    use super::super::reason::PlanReason;
    use super::*;
    use crate::clock::{parse_rfc3339, rfc3339};

    fn at(text: &str) -> DateTime<Utc> {
        parse_rfc3339(text).unwrap()
    }

    fn stop(kind: StopKind, resets_at: Option<&str>) -> Stop {
        Stop {
            at: Some(at("2026-11-21T02:00:00Z")),
            resets_at: resets_at.map(at),
            resets_at_source: resets_at.map(|_| ResetSource::Exact),
            ..Stop::of(kind)
        }
    }

    fn attempts(kind: StopKind, count: usize) -> Vec<Attempt> {
        (0..count)
            .map(|_| Attempt {
                at: at("2026-11-21T02:00:00Z"),
                action: crate::recovery::incident::AttemptAction::Wake,
                answered: kind,
                outcome: AttemptOutcome::StoppedAgain,
                run: None,
            })
            .collect()
    }

    fn native(stop: &Stop, client: &str, entrypoint: &str) -> NativeContinuation {
        NativeContinuation::of(&NativeFacts {
            client: ClientVersion::parse(client),
            entrypoint: Some(entrypoint),
            kind: stop.kind,
            reset: stop.resets_at,
            wrapped_up: stop.wrapped_up,
            continuations: 0,
            switched_off: false,
            cancelled: false,
            now: at("2026-11-21T02:00:05Z"),
        })
    }

    fn situation<'a>(stop: &'a Stop, attempts: &'a [Attempt], config: &'a Config) -> PolicySituation<'a> {
        PolicySituation {
            session: "00000001-0000-4000-8000-000000000001",
            stop,
            attempts,
            cycles: 0,
            limit_menu: false,
            terminal: Terminal::Open,
            unattended: false,
            context_tokens: None,
            client: ClientVersion::parse("2.1.329"),
            entrypoint: Some("cli"),
            early: None,
            native: native(stop, "2.1.329", "cli"),
            config_dir: None,
            config,
            now: at("2026-11-21T02:00:05Z"),
        }
    }

    fn decided(kind: StopKind, resets_at: Option<&str>, tried: usize) -> PolicyDecision {
        decide(&situation(&stop(kind, resets_at), &attempts(kind, tried), &Config::default()))
    }

    #[test]
    fn a_five_hour_limit_is_woken_150_seconds_after_its_reset() {
        let decision = decided(StopKind::UsageLimit5h, Some("2026-11-21T04:00:00Z"), 0);
        assert_eq!((decision.plan.action, decision.phase), (Action::Wake, Phase::Waiting));
        assert_eq!(decision.plan.at, Some(at("2026-11-21T04:02:30Z")));
    }

    #[test]
    fn a_repeated_limit_waits_for_its_own_reset_up_to_the_daily_cap() {
        let decision = decided(StopKind::UsageLimit5h, Some("2026-11-21T09:00:00Z"), 11);
        assert_eq!(decision.plan.at, Some(at("2026-11-21T09:02:30Z")));
        let (stop, config) = (stop(StopKind::UsageLimit5h, Some("2026-11-21T09:00:00Z")), Config::default());
        let with = |cycles| decide(&PolicySituation { cycles, ..situation(&stop, &[], &config) });
        assert_eq!(with(11).plan.action, Action::Wake);
        assert_eq!((with(12).plan.reason, with(12).phase), (PlanReason::DailyCapReached, Phase::GivenUp));
    }

    #[test]
    fn a_client_that_opened_its_limit_menu_gets_no_head_start() {
        let stop = stop(StopKind::UsageLimit5h, Some("2026-11-21T04:00:00Z"));
        let mut config = Config::default();
        let menu = |config: &Config| {
            decide(&PolicySituation { limit_menu: true, ..situation(&stop, &[], config) }).plan
        };
        assert_eq!(menu(&config).at, Some(at("2026-11-21T04:00:05Z")));
        config.supervisor.margin_seconds = 2.0;
        assert_eq!(menu(&config).at, Some(at("2026-11-21T04:00:02Z")), "a smaller margin is kept");
    }

    #[test]
    fn a_small_grace_never_shortens_the_client_window() {
        let stop = stop(StopKind::UsageLimit5h, Some("2026-11-21T04:00:00Z"));
        let after = |native, grace, step| {
            let mut config = Config::default();
            config.heartbeat.grace_seconds = grace;
            config.heartbeat.step_seconds = step;
            let plan = decide(&PolicySituation { native, ..situation(&stop, &[], &config) }).plan;
            (plan.at.unwrap() - at("2026-11-21T04:00:00Z")).num_seconds()
        };
        let usual = NativeContinuation::Expected { within: Duration::seconds(120) };
        let last = NativeContinuation::Expected { within: Duration::seconds(310) };
        for (native, grace, step, expected) in [
            (usual, 150.0, 30.0, 150),
            (usual, 10.0, 30.0, 120),
            (usual, 0.0, 30.0, 120),
            (usual, 4.9, 5.0, 120),
            (usual, 5.0, 0.5, 120),
            (last, 150.0, 30.0, 310),
            (last, 600.0, 30.0, 600),
            // The short step marks a test configuration.
            (usual, 4.0, 0.5, 4),
            (last, 4.0, 0.5, 4),
            (NativeContinuation::NotOffered, 10.0, 30.0, 10),
            (NativeContinuation::SwitchedOff, 10.0, 30.0, 10),
            (NativeContinuation::Cancelled, 10.0, 30.0, 10),
            (NativeContinuation::Capped, 10.0, 30.0, 10),
        ] {
            assert_eq!(after(native, grace, step), expected, "{native:?} {grace} {step}");
        }
    }

    #[test]
    fn usage_available_early_makes_the_plan_due_after_the_usual_margin() {
        let config = Config::default();
        let stop = stop(StopKind::UsageLimit5h, Some("2026-11-21T04:00:00Z"));
        let of = |early, terminal| {
            let situation = PolicySituation {
                early: Some(at(early)),
                terminal,
                unattended: true,
                ..situation(&stop, &[], &config)
            };
            decide(&situation).plan
        };
        let open = of("2026-11-21T02:30:00Z", Terminal::Open);
        assert_eq!(open.at, Some(at("2026-11-21T02:32:30Z")));
        assert_eq!((open.action, open.reason), (Action::Wake, PlanReason::ResetEarly));
        let closed = of("2026-11-21T02:30:00Z", Terminal::Closed);
        let margin = (closed.at.unwrap() - at("2026-11-21T02:30:00Z")).num_seconds();
        assert!((60..=120).contains(&margin) && closed.action == Action::Run, "{margin}");
        let late = of("2026-11-21T05:00:00Z", Terminal::Open);
        assert_eq!(late.at, Some(at("2026-11-21T04:02:30Z")), "after the reset it changes nothing");
        // For a limit of several days the user is notified then, but the session does not continue.
        let far = Stop {
            resets_at: Some(at("2026-11-25T04:00:00Z")),
            kind: StopKind::UsageLimitWeekly,
            ..stop.clone()
        };
        let early = PolicySituation {
            early: Some(at("2026-11-21T02:30:00Z")),
            now: at("2026-11-21T02:31:00Z"),
            ..situation(&far, &[], &config)
        };
        let plan = decide(&early).plan;
        assert_eq!((plan.action, plan.reason), (Action::Notify, PlanReason::ResetPassed));
    }

    #[test]
    fn a_distant_limit_and_a_budget_report_when_they_have_reset() {
        let config = Config::default();
        for (kind, before) in [
            (StopKind::UsageLimitWeekly, PlanReason::ResetFarAway),
            (StopKind::Billing, PlanReason::CreditNeeded),
        ] {
            let stop = stop(kind, Some("2026-11-24T04:00:00Z"));
            let plan = |now| decide(&PolicySituation { now: at(now), ..situation(&stop, &[], &config) }).plan;
            let waits = plan("2026-11-24T03:59:59Z");
            assert_eq!((waits.action, waits.reason), (Action::Notify, before), "{kind:?}");
            assert_eq!(waits.notified_at(), Some(at("2026-11-24T04:00:00Z")));
            let over = plan("2026-11-24T04:00:00Z");
            assert_eq!((over.action, over.reason), (Action::Notify, PlanReason::ResetPassed), "{kind:?}");
            assert!(over.why.contains("it reset at 2026-11-24T04:00:00"), "{}", over.why);
        }
        let login = decided(StopKind::Auth, None, 0).plan;
        assert_eq!(login.notified_at(), None);
    }

    #[test]
    fn a_guessed_reset_waits_a_minute_longer() {
        let mut guessed = stop(StopKind::UsageLimit5h, Some("2026-11-21T04:00:00Z"));
        guessed.resets_at_source = Some(ResetSource::Guess);
        let config = Config::default();
        assert_eq!(decide(&situation(&guessed, &[], &config)).plan.at, Some(at("2026-11-21T04:03:30Z")));
    }

    #[test]
    fn a_limit_of_any_window_is_waited_for_within_a_day_and_notified_beyond() {
        let windows = [
            StopKind::UsageLimit5h,
            StopKind::UsageLimitWeekly,
            StopKind::UsageLimitOpus,
            StopKind::UsageLimitSonnet,
            StopKind::UsageLimitFable,
            StopKind::UsageLimitOther,
        ];
        for kind in windows {
            let near = decided(kind, Some("2026-11-22T02:00:00Z"), 0);
            assert_eq!((near.plan.action, near.phase), (Action::Wake, Phase::Waiting), "{kind:?}");
            let far = decided(kind, Some("2026-11-22T02:00:01Z"), 0);
            assert_eq!((far.plan.action, far.phase), (Action::Notify, Phase::Held), "{kind:?}");
            assert_eq!(far.plan.reason, PlanReason::ResetFarAway);
            assert_eq!(far.plan.at, Some(at("2026-11-22T02:00:01Z")), "it is notified again at the reset");
            let stop = stop(kind, Some("2026-11-25T02:00:00Z"));
            let mut config = Config::default();
            config.stops.insert(kind.as_str().into(), Disposition::Resume);
            assert_eq!(decide(&situation(&stop, &[], &config)).plan.action, Action::Wake, "{kind:?}");
            config.stops.insert(kind.as_str().into(), Disposition::Notify);
            assert_eq!(decide(&situation(&stop, &[], &config)).plan.reason, PlanReason::KindNotifies);
            config.stops.insert(kind.as_str().into(), Disposition::Ignore);
            assert_eq!(decide(&situation(&stop, &[], &config)).plan.action, Action::None);
        }
    }

    #[test]
    fn the_weekly_limit_setting_also_applies_to_model_family_limits() {
        let stop = stop(StopKind::UsageLimitOpus, Some("2026-11-21T04:00:00Z"));
        let mut config = Config::default();
        config.stops.insert("usage-limit-weekly".into(), Disposition::Ignore);
        assert_eq!(decide(&situation(&stop, &[], &config)).plan.reason, PlanReason::KindIgnored);
        config.stops.insert("usage-limit-opus".into(), Disposition::Resume);
        assert_eq!(decide(&situation(&stop, &[], &config)).plan.action, Action::Wake);
    }

    #[test]
    fn after_an_attempt_at_a_past_reset_the_waits_grow_until_it_is_given_up() {
        let config = Config::default();
        let base = at("2026-11-21T02:00:00Z");
        // The reset falls on the very second of the stop; one second later it would be a new window.
        let past = stop(StopKind::UsageLimit5h, Some("2026-11-21T02:00:00Z"));
        let due =
            |tried| decide(&situation(&past, &attempts(StopKind::UsageLimit5h, tried), &config)).plan.at;
        assert_eq!(due(0), Some(base + Duration::seconds(150)), "nothing was tried yet");
        for (tried, wait) in [2, 5, 10, 20, 20, 20].into_iter().enumerate() {
            assert_eq!(due(tried + 1), Some(base + Duration::minutes(wait)), "after {} tries", tried + 1);
        }
        assert_eq!(due(60), Some(base + Duration::minutes(20)), "the day's cycles do not bound it");
        let ahead = stop(StopKind::UsageLimit5h, Some("2026-11-21T02:00:01Z"));
        let new = decide(&situation(&ahead, &attempts(StopKind::UsageLimit5h, 3), &config)).plan.at;
        assert_eq!(new, Some(base + Duration::seconds(151)));
        let given_up = |stopped: &str| {
            let stale = Stop { at: Some(at(stopped)), ..past.clone() };
            let tried = attempts(StopKind::UsageLimit5h, 9);
            decide(&PolicySituation { now: at(stopped), cycles: 40, ..situation(&stale, &tried, &config) })
        };
        assert_eq!(given_up("2026-11-22T01:59:59Z").plan.action, Action::Wake);
        let over = given_up("2026-11-22T02:00:00Z");
        assert_eq!((over.phase, over.plan.reason), (Phase::GivenUp, PlanReason::GaveUpWaiting));
    }

    #[test]
    fn attempts_before_the_session_worked_again_do_not_count() {
        let config = Config::default();
        let mut tried = attempts(StopKind::Overloaded, 4);
        tried[2].outcome = AttemptOutcome::Continued;
        let stop = stop(StopKind::Overloaded, None);
        let due = decide(&situation(&stop, &tried, &config)).plan.at.unwrap() - at("2026-11-21T02:00:00Z");
        assert!(due >= Duration::minutes(2) && due < Duration::minutes(3), "{due}");
    }

    #[test]
    fn a_turn_wrapped_up_near_a_limit_is_continued_after_its_reset() {
        let config = Config::default();
        let wrapped = |kind, reset| Stop { wrapped_up: true, ..stop(kind, reset) };
        let due = |stop: &Stop| decide(&situation(stop, &[], &config)).plan;
        let known = wrapped(StopKind::UsageLimit5h, Some("2026-11-21T04:00:00Z"));
        assert_eq!(due(&known).at, Some(at("2026-11-21T04:02:30Z")));
        let unknown = wrapped(StopKind::UsageLimit5h, None);
        assert_eq!(
            (due(&unknown).action, due(&unknown).at),
            (Action::Wake, Some(at("2026-11-21T07:00:00Z")))
        );
        let weekly = wrapped(StopKind::UsageLimitWeekly, None);
        assert_eq!((due(&weekly).action, due(&weekly).reason), (Action::Notify, PlanReason::ResetFarAway));
    }

    #[test]
    fn a_budget_is_notified_with_its_date_and_never_continued() {
        let stop = stop(StopKind::Billing, Some("2026-11-24T04:00:00Z"));
        let mut config = Config::default();
        config.stops.insert("billing".into(), Disposition::Resume);
        for (terminal, unattended) in
            [(Terminal::Open, false), (Terminal::Closed, false), (Terminal::Closed, true)]
        {
            let decision =
                decide(&PolicySituation { terminal, unattended, ..situation(&stop, &[], &config) });
            assert_eq!((decision.plan.action, decision.phase), (Action::Notify, Phase::Held));
            assert_eq!((decision.plan.at, decision.plan.reason), (stop.resets_at, PlanReason::CreditNeeded));
            assert!(decision.plan.why.contains("2026-11-24"), "{}", decision.plan.why);
        }
    }

    #[test]
    fn every_kind_of_stop_has_one_action() {
        let config = Config::default();
        for (kind, open, closed, reason) in [
            (StopKind::UsageLimit5h, Action::Wake, Action::Run, PlanReason::AwaitingRetry),
            (StopKind::UsageLimitWeekly, Action::Wake, Action::Run, PlanReason::AwaitingRetry),
            (StopKind::UsageLimitOther, Action::Wake, Action::Run, PlanReason::AwaitingRetry),
            (StopKind::RateLimit, Action::Wake, Action::Run, PlanReason::AwaitingRetry),
            (StopKind::Overloaded, Action::Wake, Action::Run, PlanReason::AwaitingRetry),
            (StopKind::ServerError, Action::Wake, Action::Run, PlanReason::AwaitingRetry),
            (StopKind::Network, Action::Wake, Action::Run, PlanReason::AwaitingRetry),
            (StopKind::OutputLimit, Action::Wake, Action::Run, PlanReason::AwaitingRetry),
            (StopKind::Crashed, Action::Notify, Action::Notify, PlanReason::KindNotifies),
            (StopKind::Closed, Action::Notify, Action::Notify, PlanReason::KindNotifies),
            (StopKind::Auth, Action::Notify, Action::Notify, PlanReason::LoginNeeded),
            (StopKind::Billing, Action::Notify, Action::Notify, PlanReason::CreditNeeded),
            (StopKind::ContextFull, Action::Notify, Action::Notify, PlanReason::ContextFull),
            (StopKind::RequestError, Action::Notify, Action::Notify, PlanReason::RequestRefused),
            (StopKind::Unknown, Action::Notify, Action::Notify, PlanReason::CauseUnknown),
            (StopKind::Interrupted, Action::Notify, Action::Notify, PlanReason::InterruptedByUser),
            (StopKind::Finished, Action::None, Action::None, PlanReason::NothingPending),
            (StopKind::Waiting, Action::None, Action::None, PlanReason::NothingPending),
            (StopKind::Running, Action::None, Action::None, PlanReason::NothingPending),
            (StopKind::Empty, Action::None, Action::None, PlanReason::NothingPending),
        ] {
            let stop = stop(kind, None);
            let plan = |terminal| {
                let unattended = terminal == Terminal::Closed;
                decide(&PolicySituation { terminal, unattended, ..situation(&stop, &[], &config) }).plan
            };
            assert_eq!(
                (plan(Terminal::Open).action, plan(Terminal::Open).reason),
                (open, reason),
                "{kind:?}"
            );
            assert_eq!(
                (plan(Terminal::Closed).action, plan(Terminal::Closed).reason),
                (closed, reason),
                "{kind:?}"
            );
        }
    }

    #[test]
    fn a_crash_is_attempted_twice() {
        let mut config = Config::default();
        config.stops.insert("crashed".into(), Disposition::Resume);
        let stop = stop(StopKind::Crashed, None);
        let tried = |count, outcome| {
            let mut tried = attempts(StopKind::Crashed, count);
            for attempt in &mut tried {
                attempt.outcome = outcome;
            }
            let closed = Terminal::Closed;
            decide(&PolicySituation {
                terminal: closed,
                unattended: true,
                ..situation(&stop, &tried, &config)
            })
        };
        let base = at("2026-11-21T02:00:00Z");
        assert_eq!(tried(0, AttemptOutcome::NoEffect).plan.at, Some(base + Duration::minutes(1)));
        assert_eq!(tried(1, AttemptOutcome::NoEffect).plan.at, Some(base + Duration::minutes(2)));
        for outcome in [AttemptOutcome::NoEffect, AttemptOutcome::StoppedAgain, AttemptOutcome::Continued] {
            let over = tried(2, outcome);
            assert_eq!((over.phase, over.plan.reason), (Phase::GivenUp, PlanReason::AttemptsUsedUp));
        }
    }

    #[test]
    fn a_closed_session_is_run_only_with_consent_and_within_its_limits() {
        let stop = stop(StopKind::UsageLimit5h, Some("2026-11-21T04:00:00Z"));
        let mut config = Config::default();
        config.unattended.max_context_tokens = Some(1000);
        let closed = |config: &Config, unattended, tokens, now| {
            let terminal = Terminal::Closed;
            let context_tokens = Some(tokens);
            let now = at(now);
            decide(&PolicySituation {
                terminal,
                unattended,
                context_tokens,
                now,
                ..situation(&stop, &[], config)
            })
            .plan
        };
        let early = "2026-11-21T02:00:05Z";
        assert_eq!(closed(&config, true, 1000, early).action, Action::Run);
        assert_eq!(closed(&config, true, 1001, early).reason, PlanReason::ContextTooLarge);
        assert_eq!(closed(&config, false, 10, early).reason, PlanReason::ClientClosed);
        let due = closed(&config, true, 10, early).at.unwrap();
        assert!(due >= at("2026-11-21T04:01:00Z") && due <= at("2026-11-21T04:02:00Z"), "{due}");
        let at_most = crate::clock::rfc3339(due + Duration::hours(8));
        assert_eq!(closed(&config, true, 10, &at_most).action, Action::Run);
        let later = crate::clock::rfc3339(due + Duration::hours(8) + Duration::milliseconds(1));
        assert_eq!(closed(&config, true, 10, &later).reason, PlanReason::Overdue);
    }

    #[test]
    fn a_stop_that_waiting_cannot_fix_is_never_retried() {
        for kind in [
            StopKind::Auth,
            StopKind::Billing,
            StopKind::ContextFull,
            StopKind::RequestError,
            StopKind::Unknown,
        ] {
            let stop = stop(kind, None);
            let mut config = Config::default();
            config.stops.insert(kind.as_str().into(), Disposition::Resume);
            let decision = decide(&situation(&stop, &[], &config));
            assert_eq!((decision.plan.action, decision.phase), (Action::Notify, Phase::Held), "{kind:?}");
        }
    }

    #[test]
    fn an_overload_is_retried_six_times_at_growing_intervals_and_then_slowly() {
        let mut last = at("2026-11-21T02:00:00Z");
        for (tried, wait) in [1, 2, 5, 10, 20, 30].into_iter().enumerate() {
            let due = decided(StopKind::Overloaded, None, tried).plan.at.unwrap();
            let base = at("2026-11-21T02:00:00Z") + Duration::minutes(wait);
            assert!(due >= base && due <= base + Duration::seconds(wait * 12), "{tried}: {due}");
            assert!(due > last);
            last = due;
        }
        for tried in [6, 7, 60] {
            let due = decided(StopKind::Overloaded, None, tried).plan.at.unwrap();
            assert_eq!(due, at("2026-11-21T02:20:00Z"), "after {tried} tries the slow schedule");
        }
        let late = Stop { at: Some(at("2026-11-22T02:00:00Z")), ..stop(StopKind::Network, None) };
        let (tried, config) = (attempts(StopKind::Network, 6), Config::default());
        assert_eq!(decide(&situation(&late, &tried, &config)).plan.reason, PlanReason::GaveUpWaiting);
        assert_eq!(decided(StopKind::OutputLimit, None, 1).phase, Phase::GivenUp);
    }

    #[test]
    fn a_rate_limit_is_retried_for_a_day() {
        let due =
            |tried| decided(StopKind::RateLimit, None, tried).plan.at.unwrap() - at("2026-11-21T02:00:00Z");
        assert_eq!(
            (due(0), due(3), due(4), due(50)),
            (Duration::minutes(2), Duration::minutes(20), Duration::minutes(20), Duration::minutes(20))
        );
        let late = Stop { at: Some(at("2026-11-22T02:00:00Z")), ..stop(StopKind::RateLimit, None) };
        let (tried, config) = (attempts(StopKind::RateLimit, 1), Config::default());
        assert_eq!(decide(&situation(&late, &tried, &config)).phase, Phase::GivenUp);
        let untried =
            decide(&PolicySituation { now: at("2026-11-22T02:00:05Z"), ..situation(&late, &[], &config) });
        assert_eq!(untried.phase, Phase::Waiting, "nothing is given up that was not tried");
    }

    #[test]
    fn a_closed_client_is_left_to_the_user_with_the_resume_command() {
        let (stop, config) = (stop(StopKind::UsageLimit5h, Some("2026-11-21T04:00:00Z")), Config::default());
        let decision =
            decide(&PolicySituation { terminal: Terminal::Closed, ..situation(&stop, &[], &config) });
        assert_eq!(decision.plan.action, Action::Resume);
        assert_eq!(decision.plan.at, stop.resets_at);
        assert_eq!(decision.plan.argv.unwrap(), ["claude", "--resume=00000001-0000-4000-8000-000000000001"]);
    }

    #[test]
    fn an_old_client_is_never_woken_and_the_plan_says_so() {
        let (stop, config) = (stop(StopKind::UsageLimit5h, Some("2026-11-21T04:00:00Z")), Config::default());
        let with = |version| {
            let client = ClientVersion::parse(version);
            decide(&PolicySituation { client, entrypoint: Some("sdk-cli"), ..situation(&stop, &[], &config) })
                .plan
        };
        assert_eq!(with("2.1.79").action, Action::Notify);
        assert_eq!(with("2.1.79").reason, PlanReason::ClientTooOld);
        assert_eq!(with("2.1.120").action, Action::Wake);
    }

    #[test]
    fn with_recovery_disabled_the_plan_states_what_the_client_does_itself() {
        let stop = stop(StopKind::UsageLimit5h, Some("2026-11-21T04:00:00Z"));
        let mut config = Config::default();
        config.heartbeat.enabled = false;
        let with = |version, entrypoint| {
            let client = ClientVersion::parse(version);
            let native = native(&stop, version, entrypoint);
            let situation = situation(&stop, &[], &config);
            decide(&PolicySituation { client, entrypoint: Some(entrypoint), native, ..situation }).plan.action
        };
        assert_eq!(with("2.1.240", "cli"), Action::Client);
        assert_eq!(with("2.1.240", "sdk-cli"), Action::Notify);
        assert_eq!(with("2.1.200", "cli"), Action::Notify);
    }

    #[test]
    fn a_wake_more_than_eight_hours_late_is_left_to_the_user() {
        let (stop, config) = (stop(StopKind::UsageLimit5h, Some("2026-11-21T04:00:00Z")), Config::default());
        let later =
            |now| decide(&PolicySituation { now: at(now), ..situation(&stop, &[], &config) }).plan.action;
        assert_eq!(later("2026-11-21T12:02:30Z"), Action::Wake);
        assert_eq!(later("2026-11-21T12:02:31Z"), Action::Resume);
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(10_000))]

        #[test]
        fn no_plan_is_before_the_reset_after_margin_and_jitter_or_over_the_daily_cap(
            limits in proptest::collection::vec((60_i64..180_000, -200_000_i64..200_000, proptest::bool::ANY), 1..20),
        ) {
            let config = Config::default();
            let most = config.supervisor.max_cycles_per_day as usize;
            let longest = Duration::milliseconds(
                whole((config.supervisor.margin_seconds + config.supervisor.jitter_seconds) * 1000.0),
            );
            let mut stopped = at("2026-03-28T20:00:00Z");
            for (tried, (length, jump, guessed)) in limits.into_iter().enumerate() {
                let reset = stopped + Duration::seconds(length);
                let mut limit = stop(StopKind::UsageLimit5h, Some(&rfc3339(reset)));
                limit.at = Some(stopped);
                if guessed {
                    limit.resets_at_source = Some(ResetSource::Guess);
                }
                let before = attempts(StopKind::UsageLimit5h, tried);
                // Since the stop, the wall clock may have jumped or the machine may have been suspended.
                let decision = decide(&PolicySituation {
                    terminal: Terminal::Closed,
                    unattended: true,
                    cycles: tried,
                    now: stopped + Duration::seconds(jump),
                    ..situation(&limit, &before, &config)
                });
                if decision.plan.action == Action::Run {
                    let due = decision.plan.at.unwrap();
                    let margin = if guessed { Duration::seconds(60) } else { Duration::zero() };
                    proptest::prop_assert!(tried < most);
                    proptest::prop_assert!(due >= reset && due <= reset + longest + margin);
                }
                proptest::prop_assert!(tried < most || decision.plan.action == Action::Notify);
                stopped = reset + Duration::seconds(60);
            }
        }
    }
}
