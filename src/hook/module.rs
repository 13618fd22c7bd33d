//! Answers the questions of the plugin's module inside the client. The module runs the timer, shows the plan,
//! and asks this process what to do.
//!
//! The module starts one short process for each question. A question is answered like one check of a waiting
//! hook, under the same lease, so a hook, a supervisor and the module never act on the same stop at once.

use super::stop::is_continued_by_us;
use super::{Hook, HookCaller, HookEvent, Payload, is_in_run};
use crate::claude::home::{ClaudeHome, is_session_id};
use crate::claude::registry::client_pid;
use crate::fs::canonical;
use crate::project::checkout::project_of;
use crate::project::plugin;
use crate::recovery::heartbeat::{CheckRequest, CheckedStop};
use crate::recovery::incident::{Incident, MODULE_STEP, Obstacle, Phase};
use crate::recovery::ledger::Ledger;
use crate::recovery::plan::{Action, DailyContinues};
use crate::recovery::policy::Terminal;
use crate::session::Source;
use crate::session::loaded_module::note_loaded;
use crate::store::stored::peek;
use crate::store::{StateDir, journal};
use crate::trust::enabled::{Enabled, find};
use crate::world::World;
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::cell::OnceCell;
use std::path::PathBuf;

/// Time after which the module asks again while a dialog blocks a session. It is shorter than
/// [`MODULE_STEP`], because the session continues as soon as the user closes the dialog.
const DIALOG_STEP: Duration = Duration::seconds(10);
/// Pauses after the first, second and every later prompt in a row that the client refused, in minutes.
const REFUSED_PAUSES: [i64; 3] = [2, 5, 10];
/// How long a stop hook waits for the module's first question about its stop. The module asks with pauses that
/// double from 0.7 s on.
const MODULE_PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);
const MODULE_PATIENCE_STEP: std::time::Duration = std::time::Duration::from_millis(200);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ModuleAsk {
    Plan,
    Claim,
    /// Like `Claim`, but before the planned time, because the user pressed the key.
    ClaimNow,
    /// The module did not submit a prompt that was granted: the client refused it, or the answer was lost.
    NotSubmitted,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ModuleRequest {
    ask: ModuleAsk,
    session: String,
    /// Whether the client opens its limit menu for this stop.
    #[serde(default)]
    menu: bool,
    /// Whether time is missing since the last question, because the machine or the client was suspended.
    #[serde(default)]
    gap: bool,
    /// Id of a claim, by which the module later reports that it did not submit the prompt.
    #[serde(default)]
    claim: Option<String>,
    /// Whether the client refused the prompt, so that an immediate retry would be refused as well.
    #[serde(default)]
    refused: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum NextActor {
    /// Claude Code itself, or the module if Claude Code has not continued by the planned time.
    Client,
    Module,
    /// A hook of another window, or one that was waiting before the module started.
    Hook,
    /// The user, who has to do something first.
    User,
    /// No one, because there is nothing to continue.
    Nobody,
}

/// Answer to a question of the module. Times are milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "independent facts for the module")]
struct ModuleAnswer {
    next: NextActor,
    /// Increases with every stop of the session.
    generation: u64,
    stopped_at: Option<i64>,
    /// Kind of the stop, in words.
    kind: Option<&'static str>,
    resets_at: Option<i64>,
    at: Option<i64>,
    /// Latest time at which the module asks again.
    ask_again_at: i64,
    /// Whether the stop is still being read, so that the module asks again shortly.
    reading: bool,
    /// Why the session waits, or why it does not.
    why: String,
    /// Budget of a session that only this tool continues, because the client has reached its own maximum.
    daily_continues: Option<DailyContinues>,
    paused: bool,
    /// Whether the plugin handles this stop, so that the module may answer the client's limit menu.
    covers_menu: bool,
    /// Prompt that the module must submit exactly once.
    prompt: Option<String>,
    /// Whether this tool has continued this stop, so that the client's own continuation of it is dropped.
    continued: bool,
    /// Whether the plugin is disabled or removed while the stop is unfinished. The client keeps the module
    /// loaded until its plugins are reloaded, so the module shows and submits nothing, and asks again: the
    /// user may enable the plugin before the planned time.
    off: bool,
}

/// Returns the consent under which a session is continued: that of the plugin, of the project's hooks, or of
/// the user's hooks.
fn in_force_for(state: &StateDir, world: World<'_>, caller: HookCaller<'_>) -> Option<Enabled> {
    let HookCaller::Plugin = caller else { return None };
    plugin::in_charge(state, world.env, world.processes, None).or_else(|| {
        let project = world.env.absolute("CLAUDE_PROJECT_DIR").and_then(|dir| canonical(&dir).ok());
        project
            .and_then(|dir| find(state, world.env, Some(&project_of(state, world.env, &dir)?)))
            .or_else(|| find(state, world.env, None))
    })
}

/// Answers one question. Returns `None` if the module must not act: on a malformed question, in a session
/// that one of our runs started, or if neither hooks nor the plugin are enabled.
#[must_use]
pub fn answer_module(world: World<'_>, caller: HookCaller<'_>, input: &[u8]) -> Option<String> {
    let request: ModuleRequest = serde_json::from_slice(input).ok()?;
    if !is_session_id(&request.session) {
        return None;
    }
    let state = world.env.state_dir().map(StateDir::new).ok()?;
    let home = world.env.claude_config_dir().map(ClaudeHome::new)?;
    if is_in_run(world, &state, &home, &request.session) {
        return None;
    }
    // The active hook records the stop, and the plugin's module acts for all hooks. If the hooks in settings
    // are active, they record the stop, and the module waits for it, too.
    let enabled = in_force_for(&state, world, caller)?;
    let pid = client_pid(world.env.claude_pid(), &home, &request.session, world.processes);
    if let Some((pid, start)) = pid.and_then(|pid| Some((pid, world.processes.start_token(pid)?))) {
        // Only `doctor` reads this record, so a failure to write it does not affect the session.
        let _ = note_loaded(&state, world.clock, &request.session, pid, start);
    }
    let incident: Option<Incident> = peek(&state.incident(&request.session)).ok().flatten();
    let payload = Payload {
        event: HookEvent::Stop,
        session: request.session.clone(),
        transcript: incident.as_ref().map_or_else(PathBuf::new, |incident| incident.transcript.clone()),
        cwd: incident.as_ref().and_then(|incident| incident.cwd.clone()),
        subagent: false,
        error: None,
        error_details: None,
        last_message: None,
        reason: None,
        source: None,
        notification: None,
        typed: false,
        continues_by_client: false,
        prompt_id: None,
    };
    let hook = Hook {
        launcher: None,
        within: None,
        world,
        state: &state,
        home: &home,
        enabled: &enabled,
        payload: &payload,
        config: OnceCell::new(),
        in_run: OnceCell::new(),
    };
    let answer = match incident {
        None => ModuleAnswer::nothing(world.clock.now()),
        Some(incident) if !hook.lets_module_wait() => ModuleAnswer::off(&incident, world.clock.now()),
        Some(_) => match hook.answer(&request) {
            Ok(answer) => answer,
            Err(error) => {
                hook.failed(&error);
                return None;
            }
        },
    };
    serde_json::to_string(&answer).ok()
}

impl Hook<'_> {
    /// Returns whether the plugin is still installed and enabled.
    pub(super) fn lets_module_wait(&self) -> bool {
        let known = || {
            let incident: Incident = peek(&self.state.incident(&self.payload.session)).ok()??;
            incident.project.or(incident.cwd.map(PathBuf::from))
        };
        // Clients before 2.1.326 start the module's questions without the variables of hooks.
        let project = self.world.env.absolute("CLAUDE_PROJECT_DIR").or_else(known);
        plugin::lets_module_wait(self.state, Some(self.home.dir()), project.as_deref())
    }

    /// Returns whether the plugin's module waits instead of this hook. The module's variable is still in the
    /// environment after the module was removed, so only its own question about this stop shows that it waits.
    pub(super) fn leave_to_module(&self, ledger: &Ledger<'_>) -> bool {
        if self.world.env.module_session() != Some(&self.payload.session) || !self.lets_module_wait() {
            return false;
        }
        let clock = self.world.clock;
        let began = clock.since_boot();
        loop {
            match ledger.read(&self.payload.session) {
                Ok(Some(incident)) if incident.module_waits(clock.now()) => return true,
                Ok(Some(_)) if clock.since_boot().saturating_sub(began) < MODULE_PATIENCE => {}
                _ => return false,
            }
            clock.sleep(MODULE_PATIENCE_STEP);
        }
    }

    fn answer(&self, request: &ModuleRequest) -> crate::error::Result<ModuleAnswer> {
        let session = &self.payload.session;
        let now = self.world.clock.now();
        let config = self.config();
        let default_home = self.default_home();
        let ledger = self.ledger(config, default_home.as_deref());
        if request.ask == ModuleAsk::NotSubmitted {
            let mut withdrawn = false;
            ledger.change(session, |slot| {
                let granted = |incident: &&mut Incident| {
                    incident.phase == Phase::Attempting
                        && (request.claim.is_none() || request.claim == incident.module_claim)
                };
                if let Some(incident) = slot.as_mut().filter(granted) {
                    withdraw(incident, request.refused, now, |incident| {
                        ledger.plan(incident, Terminal::Open);
                    });
                    withdrawn = true;
                }
            })?;
            if withdrawn && request.refused {
                journal::append(self.state, self.world.clock, "module-refused", json!({"session": session}));
            }
        }
        self.note_question(&ledger, request)?;
        let homes = self.homes(config);
        let on_hold = |incident: &Incident| self.report_hold(incident, config);
        let heartbeat = self.heartbeat(ledger, &homes, &on_hold);
        let now_chosen = request.ask == ModuleAsk::ClaimNow;
        let claims = now_chosen || request.ask == ModuleAsk::Claim;
        let claim = request.claim.clone();
        let checked =
            heartbeat.check(session, CheckRequest { claims, now: now_chosen, claim, gap: request.gap })?;
        let incident = ledger.read(session)?;
        if let Some(incident) = incident.as_ref().filter(|_| !matches!(checked, CheckedStop::Waits(_))) {
            self.write_note(incident, config);
        }
        let outlook = incident.as_ref().map_or_else(ModuleOutlook::default, |incident| ModuleOutlook {
            client_continues: heartbeat.ledger.native(incident).window().is_some(),
            daily_continues: heartbeat.ledger.budget_beyond_client_cap(incident, config),
        });
        Ok(answer_of(&checked, incident.as_ref(), outlook, now))
    }

    /// Records what the question implies: that the module waits, in which client, and that the limit menu is
    /// open.
    fn note_question(&self, ledger: &Ledger<'_>, request: &ModuleRequest) -> crate::error::Result<()> {
        let session = &self.payload.session;
        let now = self.world.clock.now();
        let processes = self.world.processes;
        let pid = client_pid(self.world.env.claude_pid(), self.home, session, processes);
        let owner = pid.and_then(|pid| Some((pid, processes.start_token(pid)?)));
        let known = ledger.read(session)?;
        let current = known.is_some_and(|incident| {
            let recent = incident.module_seen_at.is_some_and(|at| now - at < MODULE_STEP / 2);
            let same = owner.as_ref().is_none_or(|(pid, _)| incident.claude_pid == Some(*pid));
            recent && same && (!request.menu || incident.limit_menu_at.is_some())
        });
        if current {
            return Ok(());
        }
        ledger.change(session, |slot| {
            let Some(incident) = slot.as_mut().filter(|incident| incident.phase.is_active()) else { return };
            incident.module_seen_at = Some(now);
            if let Some((pid, start)) = owner {
                incident.claude_pid = Some(pid);
                incident.claude_start = Some(start);
            }
            if request.menu && incident.limit_menu_at.is_none() {
                incident.limit_menu_at = Some(now);
                incident.saw(Source::Hook, "Claude Code opened its limit menu instead of waiting");
                if incident.phase == Phase::Waiting {
                    ledger.plan(incident, Terminal::Open);
                }
            }
        })?;
        Ok(())
    }
}

/// Withdraws a granted wake whose prompt was not submitted, and plans the session again.
fn withdraw(incident: &mut Incident, refused: bool, now: DateTime<Utc>, plan: impl FnOnce(&mut Incident)) {
    let withdrawn = incident.withdraw_wake(refused);
    incident.phase = Phase::Waiting;
    plan(incident);
    if !refused {
        incident.saw(Source::Hook, "the plugin's module did not submit the prompt");
        return;
    }
    incident.saw(Source::Hook, "Claude Code refused the prompt of the plugin's module");
    if incident.phase == Phase::Waiting && incident.plan.action == Action::Wake {
        let pause = REFUSED_PAUSES[withdrawn.clamp(1, REFUSED_PAUSES.len()) - 1];
        let again = now + Duration::minutes(pause);
        incident.plan.at = incident.plan.at.max(Some(again));
    }
}

/// Facts about an incident that the module shows, besides those in the incident.
#[derive(Debug, Clone, Copy, Default)]
struct ModuleOutlook {
    /// Whether Claude Code is expected to continue the session by itself.
    client_continues: bool,
    daily_continues: Option<DailyContinues>,
}

fn answer_of(
    checked: &CheckedStop,
    incident: Option<&Incident>,
    outlook: ModuleOutlook,
    now: DateTime<Utc>,
) -> ModuleAnswer {
    let Some(incident) = incident else { return ModuleAnswer::nothing(now) };
    let waits = incident.phase == Phase::Waiting && incident.plan.action == Action::Wake;
    let held = incident.held_back.as_ref();
    let next = match checked {
        CheckedStop::WaitedForElsewhere if waits => NextActor::Hook,
        CheckedStop::Granted(_) => NextActor::Module,
        CheckedStop::Waits(_) if waits => match held {
            Some(_) => NextActor::User,
            None if outlook.client_continues && incident.limit_menu_at.is_none() => NextActor::Client,
            None => NextActor::Module,
        },
        _ if matches!(incident.phase, Phase::Held | Phase::GivenUp) => NextActor::User,
        CheckedStop::Waits(_) | CheckedStop::WaitedForElsewhere | CheckedStop::Over(_) => NextActor::Nobody,
    };
    let dialog = held.is_some_and(|held| held.reason == Obstacle::Dialog);
    let step = now + if waits && dialog { DIALOG_STEP } else { MODULE_STEP };
    ModuleAnswer {
        next,
        generation: incident.generation,
        stopped_at: incident.stop.at.map(|at| at.timestamp_millis()),
        kind: Some(incident.stop.kind.words()),
        resets_at: incident.stop.resets_at.map(|at| at.timestamp_millis()),
        at: incident.plan.at.filter(|_| waits).map(|at| at.timestamp_millis()),
        ask_again_at: step.timestamp_millis(),
        reading: incident.phase == Phase::Open,
        why: held.map_or_else(
            || incident.plan.clone().in_window(incident.phase, "this session").why,
            |held| held.why.clone(),
        ),
        daily_continues: outlook.daily_continues.filter(|_| next == NextActor::Module),
        paused: held.is_some_and(|held| held.reason == Obstacle::Paused),
        covers_menu: waits && !held.is_some_and(|held| outlasts_the_menu(held.reason)),
        prompt: if let CheckedStop::Granted(text) = checked { Some(text.clone()) } else { None },
        // While the attempt is made, the prompt may not have been submitted.
        continued: incident.phase == Phase::Recovered && is_continued_by_us(incident, now),
        off: false,
    }
}

/// Returns whether the obstacle would still block the session after the limit menu is answered.
const fn outlasts_the_menu(obstacle: Obstacle) -> bool {
    match obstacle {
        Obstacle::Dialog | Obstacle::Suspended => false,
        Obstacle::Shared
        | Obstacle::Paused
        | Obstacle::SwitchedOff
        | Obstacle::NoTranscript
        | Obstacle::NoRoute
        | Obstacle::ClientCap => true,
    }
}

impl ModuleAnswer {
    fn nothing(now: DateTime<Utc>) -> Self {
        Self {
            next: NextActor::Nobody,
            generation: 0,
            stopped_at: None,
            kind: None,
            resets_at: None,
            at: None,
            ask_again_at: (now + MODULE_STEP).timestamp_millis(),
            reading: false,
            why: String::new(),
            daily_continues: None,
            paused: false,
            covers_menu: false,
            prompt: None,
            continued: false,
            off: false,
        }
    }

    /// Answers while the plugin is off. The question does not count as a sign that the module waits.
    fn off(incident: &Incident, now: DateTime<Utc>) -> Self {
        Self {
            generation: incident.generation,
            stopped_at: incident.stop.at.map(|at| at.timestamp_millis()),
            off: incident.phase.is_active(),
            ..Self::nothing(now)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::parse_rfc3339;
    use crate::recovery::incident::{Attempt, AttemptAction, AttemptOutcome, HeldBack, StopReport};
    use crate::recovery::plan::RecoveryPlan;
    use crate::recovery::reason::Reason;
    use crate::session::{Stop, StopKind};
    use NextActor as N;

    fn at(text: &str) -> DateTime<Utc> {
        parse_rfc3339(text).unwrap()
    }

    fn waiting() -> Incident {
        let report = StopReport {
            session: "00000001-0000-4000-8000-000000000001".into(),
            project: None,
            config_dir: None,
            transcript: PathBuf::from("/t.jsonl"),
            stop: Stop {
                at: Some(at("2026-11-21T02:00:00Z")),
                resets_at: Some(at("2026-11-21T04:00:00Z")),
                ..Stop::of(StopKind::UsageLimit5h)
            },
            cwd: None,
            entrypoint: None,
            claude_pid: None,
            claude_start: None,
        };
        let mut incident = Incident::open(report, at("2026-11-21T02:00:00Z"));
        incident.phase = Phase::Waiting;
        incident.plan = RecoveryPlan::new(Action::Wake, Some(at("2026-11-21T04:02:30Z")), Reason::NotPlanned);
        incident
    }

    #[test]
    fn a_withdrawn_wake_does_not_count_and_a_refused_prompt_is_retried_later_each_time() {
        let now = at("2026-11-21T04:03:00Z");
        let planned = at("2026-11-21T04:02:30Z");
        let granted = |incident: &mut Incident, now: DateTime<Utc>| {
            incident.attempts.push(Attempt {
                at: now,
                action: AttemptAction::Wake,
                answered: StopKind::UsageLimit5h,
                outcome: AttemptOutcome::Pending,
                run: None,
            });
            incident.cycles.push(now);
            incident.phase = Phase::Attempting;
        };
        let mut incident = waiting();
        let planned_again = |incident: &mut Incident| incident.plan.at = Some(planned);
        for (index, minutes) in [2, 5, 10, 10].into_iter().enumerate() {
            let now = now + Duration::hours(i64::try_from(index).unwrap());
            granted(&mut incident, now);
            withdraw(&mut incident, true, now, planned_again);
            assert_eq!(incident.plan.at, Some(now + Duration::minutes(minutes)), "refusal {index}");
            assert_eq!((incident.phase, incident.cycles.len()), (Phase::Waiting, 0), "refusal {index}");
            assert_eq!(incident.attempts[index].outcome, AttemptOutcome::NoEffect);
        }
        granted(&mut incident, now);
        withdraw(&mut incident, false, now, planned_again);
        assert_eq!((incident.plan.at, incident.cycles.len()), (Some(planned), 0), "a lost answer");
        assert_eq!(incident.attempts.len(), 4, "a lost answer is no attempt");
    }

    #[test]
    fn the_answer_states_who_continues_and_covers_the_menu_only_if_the_module_will() {
        let held = |reason| HeldBack { reason, why: "held".into() };
        let change = |edit: &dyn Fn(&mut Incident)| {
            let mut incident = waiting();
            edit(&mut incident);
            incident
        };
        let now = at("2026-11-21T03:00:00Z");
        let late = RecoveryPlan::new(Action::Resume, Some(now), Reason::Overdue { hours: 9 });
        let cases = [
            ("plain", change(&|_| {}), true, (N::Client, true)),
            ("menu", change(&|one| one.limit_menu_at = Some(now)), true, (N::Module, true)),
            ("the client does not", change(&|_| {}), false, (N::Module, true)),
            ("paused", change(&|one| one.held_back = Some(held(Obstacle::Paused))), true, (N::User, false)),
            ("shared", change(&|one| one.held_back = Some(held(Obstacle::Shared))), true, (N::User, false)),
            ("dialog", change(&|one| one.held_back = Some(held(Obstacle::Dialog))), false, (N::User, true)),
            ("cap", change(&|one| one.held_back = Some(held(Obstacle::ClientCap))), false, (N::User, false)),
            ("held", change(&|one| one.phase = Phase::Held), false, (N::User, false)),
            (
                "late",
                change(&|one| (one.phase, one.plan) = (Phase::Held, late.clone())),
                true,
                (N::User, false),
            ),
            ("recovered", change(&|one| one.phase = Phase::Recovered), true, (N::Nobody, false)),
        ];
        let daily_continues = Some(DailyContinues { used: 2, limit: 12 });
        for (name, incident, client_continues, expected) in cases {
            let checked = CheckedStop::Waits(Box::new(incident.clone()));
            let answer = answer_of(
                &checked,
                Some(&incident),
                ModuleOutlook { client_continues, daily_continues },
                now,
            );
            assert_eq!((answer.next, answer.covers_menu), expected, "{name}");
            let shown = daily_continues.filter(|_| expected.0 == N::Module);
            assert_eq!(answer.daily_continues, shown, "{name}: the budget is shown where only we continue");
            assert_eq!(answer.prompt, None, "{name}: nothing is granted");
            if name == "late" {
                let asked = "overdue by 9 h, so you are asked first; type `continue` in this session";
                assert_eq!(answer.why, asked);
            }
            let step = if name == "dialog" { DIALOG_STEP } else { MODULE_STEP };
            assert_eq!(answer.ask_again_at, (now + step).timestamp_millis(), "{name}");
        }
        let other =
            answer_of(&CheckedStop::WaitedForElsewhere, Some(&waiting()), ModuleOutlook::default(), now);
        assert_eq!(other.next, NextActor::Hook);
    }

    #[test]
    fn while_the_plugin_is_off_the_module_may_do_nothing_and_keeps_only_an_unfinished_stop() {
        let now = at("2026-11-21T04:03:00Z");
        for phase in Phase::ALL {
            let mut incident = waiting();
            (incident.phase, incident.generation) = (phase, 3);
            let answer = ModuleAnswer::off(&incident, now);
            let unfinished = match phase {
                Phase::Open | Phase::Waiting | Phase::Attempting => true,
                Phase::Held
                | Phase::Recovered
                | Phase::MovedOn
                | Phase::Superseded
                | Phase::GivenUp
                | Phase::Cancelled => false,
            };
            assert_eq!((answer.off, answer.next), (unfinished, N::Nobody), "{phase:?}");
            assert_eq!((answer.at, answer.prompt, answer.covers_menu), (None, None, false), "{phase:?}");
            assert_eq!(answer.generation, 3, "{phase:?}");
            assert_eq!(answer.stopped_at, incident.stop.at.map(|at| at.timestamp_millis()), "{phase:?}");
            assert_eq!(answer.ask_again_at, (now + MODULE_STEP).timestamp_millis(), "{phase:?}");
        }
    }

    #[test]
    fn the_module_counts_as_unloaded_after_150_seconds_without_a_request() {
        let mut incident = waiting();
        let seen = at("2026-11-21T02:00:00Z");
        assert!(!incident.module_waits(seen), "no module");
        incident.module_seen_at = Some(seen);
        assert!(incident.module_waits(at("2026-11-21T02:02:29Z")));
        assert!(!incident.module_waits(at("2026-11-21T02:02:30Z")));
    }
}
