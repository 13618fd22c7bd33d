//! Plans an incident: gathers the facts for the policy, and stores the policy's decision in the incident.

use super::Ledger;
use crate::claude::home::ClaudeHome;
use crate::claude::settings::managed_dir;
use crate::claude::version::ClientVersion;
use crate::config::Config;
use crate::recovery::due::Timing;
use crate::recovery::incident::{Incident, Phase};
use crate::recovery::native::{MOST_CONTINUATIONS, NativeContinuation, NativeFacts, is_switched_off};
use crate::recovery::plan::{Action, DailyContinues, RecoveryPlan, resume_command};
use crate::recovery::policy::{PolicyDecision, PolicySituation, Terminal, decide};
use crate::recovery::reason::{PlanReason, Reason};
use crate::session::Source;
use crate::trust::enabled::unattended;
use chrono::{DateTime, Duration, Utc};

impl Ledger<'_> {
    /// Plans the incident again, by the policy.
    pub fn plan(&self, incident: &mut Incident, terminal: Terminal) {
        let PolicyDecision { plan, phase } = self.decision(incident, terminal);
        let boot = self.clock.boot_id();
        let known =
            incident.timing.take().filter(|timing| timing.holds(incident.generation, boot.as_deref()));
        incident.timing =
            plan.at.map(|_| known.unwrap_or_else(|| Timing::of(incident.generation, self.clock)));
        incident.plan = plan;
        incident.phase = phase;
        incident.other_account.clear();
    }

    /// Leaves the session to the user, and records the reason.
    pub fn hold(&self, incident: &mut Incident, source: Source, reason: Reason<'_>) {
        incident.phase = Phase::Held;
        incident.plan.action = Action::Resume;
        incident.plan.explain(reason);
        incident.saw(source, incident.plan.why.clone());
        let dir = incident.config_dir.as_deref().filter(|dir| Some(*dir) != self.default_home);
        incident.plan.argv = Some(resume_command(&incident.session, dir));
    }

    /// Returns whether Claude Code continues the session by itself while its window stays open.
    #[must_use]
    pub fn native(&self, incident: &Incident) -> NativeContinuation {
        let home = incident.config_dir.as_deref().or(self.default_home).map(ClaudeHome::new);
        let limited = incident.stop.kind.is_usage_limit();
        NativeContinuation::of(&NativeFacts {
            client: incident.client_version.as_deref().and_then(ClientVersion::parse),
            entrypoint: incident.entrypoint.as_deref(),
            kind: incident.stop.kind,
            reset: incident.stop.resets_at,
            wrapped_up: incident.stop.wrapped_up,
            continuations: incident.continuations,
            switched_off: limited && home.is_some_and(|home| is_switched_off(&home, &managed_dir())),
            cancelled: incident.native_cancelled,
            now: self.clock.now(),
        })
    }

    /// Whether the user keeps Claude Code's own maximum of continuations in a row (`heartbeat.beyondClientCap`)
    /// and Claude Code has reached it, so that nothing continues the open session. A closed session is not
    /// concerned, because Claude Code never continues it by itself.
    #[must_use]
    pub fn leaves_to_user_at_client_cap(&self, incident: &Incident, config: &Config) -> bool {
        if config.heartbeat.beyond_client_cap {
            return false;
        }
        match self.native(incident) {
            NativeContinuation::Capped => true,
            // Esc at the menu of a client that has reached its maximum changes nothing about that.
            NativeContinuation::Cancelled => incident.continuations >= MOST_CONTINUATIONS,
            NativeContinuation::Expected { .. }
            | NativeContinuation::NotOffered
            | NativeContinuation::SwitchedOff => false,
        }
    }

    /// The budget of an open session that only this tool continues, because Claude Code has reached its own
    /// maximum of continuations in a row; `None` for every other session.
    #[must_use]
    pub fn budget_beyond_client_cap(&self, incident: &Incident, config: &Config) -> Option<DailyContinues> {
        (self.native(incident) == NativeContinuation::Capped).then(|| DailyContinues {
            used: self.cycles_of_day(incident),
            limit: config.supervisor.max_cycles_per_day,
        })
    }

    /// Number of continuations by this tool within the last 24 hours.
    fn cycles_of_day(&self, incident: &Incident) -> usize {
        incident.cycles_within(Duration::hours(24), self.clock.now())
    }

    /// Time after the reset within which Claude Code may still continue the session itself; `None` if it will not.
    #[must_use]
    pub fn client_window(&self, incident: &Incident) -> Option<Duration> {
        self.native(incident).window().filter(|_| incident.limit_menu_at.is_none())
    }

    /// Returns when Claude Code continues an open session by itself, given this tool's plan for it; `None` if it
    /// does not. It does so before this tool, even while this tool is paused.
    #[must_use]
    pub fn client_continues_at(
        &self,
        incident: &Incident,
        plan: &RecoveryPlan,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let planned =
            matches!(plan.action, Action::Wake | Action::Client) || plan.reason == PlanReason::Paused;
        if !planned {
            return None;
        }
        let reset = incident.stop.resets_at?;
        let until = reset + self.client_window(incident)?;
        (now < until && plan.at.is_none_or(|at| at >= reset)).then_some(reset)
    }

    /// Asks the policy for the current decision about an incident.
    #[must_use]
    pub fn decision(&self, incident: &Incident, terminal: Terminal) -> PolicyDecision {
        let now = self.clock.now();
        decide(&PolicySituation {
            session: &incident.session,
            stop: &incident.stop,
            attempts: &incident.attempts,
            cycles: self.cycles_of_day(incident),
            limit_menu: incident.limit_menu_at.is_some(),
            terminal,
            unattended: terminal == Terminal::Closed
                && incident.project.as_deref().is_some_and(|project| unattended(self.state, project)),
            context_tokens: incident.context_tokens,
            client: incident.client_version.as_deref().and_then(ClientVersion::parse),
            entrypoint: incident.entrypoint.as_deref(),
            native: match terminal {
                Terminal::Open => self.native(incident),
                Terminal::Closed => NativeContinuation::NotOffered,
            },
            early: incident
                .early
                .as_ref()
                .filter(|early| early.holds_for(&incident.stop))
                .map(|early| early.at),
            config_dir: incident.config_dir.as_deref().filter(|dir| Some(*dir) != self.default_home),
            config: self.config,
            now,
        })
    }
}
