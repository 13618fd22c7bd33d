//! Exports for the other commands and for the typed interface.

use super::task::CoreTask;
use crate::claude::process::SystemProcesses;
use crate::clock::SystemClock;
use crate::env::Environment;
use crate::error::Error;
use crate::options::read_options;
use crate::project::{init, plugin, scope, uninstall, user_config};
use crate::report::find::SessionOptions;
use crate::report::session::{InspectOptions, ProcessLiveness, inspect as inspect_transcript};
use crate::report::{
    account, cancel, config, doctor, handoff, list, recall, resume, search, show, state, status,
};
use crate::rescue::{relocate, restore};
use crate::world::World;
use napi::bindgen_prelude::AsyncTask;
use napi_derive::napi;
use serde::de::DeserializeOwned;
use serde_json::Value;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Version of the addon.
#[napi(catch_unwind)]
#[must_use]
pub fn version() -> String {
    VERSION.to_owned()
}

/// Stopped, waiting and running sessions of one project or of all. Reads only.
///
/// Rejects with `PROJECT_NOT_FOUND` or `STATE_DIR_UNKNOWN`.
#[napi(
    catch_unwind,
    js_name = "status",
    ts_args_type = "options?: StatusOptions",
    ts_return_type = "Promise<StatusReport>"
)]
#[must_use]
pub fn status_of(options: Option<Value>) -> AsyncTask<CoreTask> {
    task(options, |options: status::StatusOptions| {
        let env = Environment::of_process();
        status::status(seen(&env), &options)
    })
}

/// Every session that matches the filters, sorted. Reads only.
///
/// Rejects with `PROJECT_NOT_FOUND`, `USAGE` (an invalid time or size) or `STATE_DIR_UNKNOWN`.
#[napi(
    catch_unwind,
    js_name = "list",
    ts_args_type = "options?: ListOptions",
    ts_return_type = "Promise<ListReport>"
)]
#[must_use]
pub fn list_sessions(options: Option<Value>) -> AsyncTask<CoreTask> {
    task(options, |options: list::ListOptions| {
        let env = Environment::of_process();
        list::list(seen(&env), &options)
    })
}

/// All details of one session, from its whole transcript. Reads only.
///
/// Rejects with `USAGE`, `SESSION_NOT_FOUND` or `SESSION_AMBIGUOUS` (the message names the candidates).
#[napi(
    catch_unwind,
    js_name = "show",
    ts_args_type = "options: SessionOptions",
    ts_return_type = "Promise<Session>"
)]
#[must_use]
pub fn show_session(options: Value) -> AsyncTask<CoreTask> {
    task(Some(options), |options: SessionOptions| {
        let env = Environment::of_process();
        show::show(seen(&env), &options)
    })
}

/// Recent work, from session titles and prompts. Reads only.
///
/// Rejects with `PROJECT_NOT_FOUND` or `USAGE` (an invalid time).
#[napi(
    catch_unwind,
    js_name = "recall",
    ts_args_type = "options?: RecallOptions",
    ts_return_type = "Promise<RecallReport>"
)]
#[must_use]
pub fn recall_sessions(options: Option<Value>) -> AsyncTask<CoreTask> {
    task(options, |options: recall::RecallOptions| {
        let env = Environment::of_process();
        recall::recall(seen(&env), &options)
    })
}

/// The stops since a given time: what was attempted after each, what that changed, and how
/// it ended. Reads only.
///
/// Rejects with `PROJECT_NOT_FOUND`, `USAGE` (an invalid time) or `STATE_DIR_UNKNOWN`.
#[napi(
    catch_unwind,
    js_name = "report",
    ts_args_type = "options?: AccountOptions",
    ts_return_type = "Promise<AccountReport>"
)]
#[must_use]
pub fn account_of(options: Option<Value>) -> AsyncTask<CoreTask> {
    task(options, |options: account::AccountOptions| {
        let env = Environment::of_process();
        account::account(seen(&env), &options)
    })
}

/// Checks whether this machine can record, save and continue sessions. Reads only.
///
/// Rejects with `STATE_DIR_UNKNOWN`.
#[napi(
    catch_unwind,
    js_name = "doctor",
    ts_args_type = "options: DoctorOptions",
    ts_return_type = "Promise<DoctorReport>"
)]
#[must_use]
pub fn doctor_of(options: Value) -> AsyncTask<CoreTask> {
    task(Some(options), |options: doctor::DoctorOptions| {
        let env = Environment::of_process();
        doctor::doctor(seen(&env), &options)
    })
}

/// The effective configuration, the file that each value comes from, and whether these files are valid. With
/// `create`, writes the user's configuration file if it does not exist.
///
/// Rejects with `PROJECT_NOT_FOUND`, or with `IO` if the file cannot be written.
#[napi(
    catch_unwind,
    js_name = "configuration",
    ts_args_type = "options?: ConfigurationOptions",
    ts_return_type = "Promise<ConfigurationReport>"
)]
#[must_use]
pub fn configuration_of(options: Option<Value>) -> AsyncTask<CoreTask> {
    task(options, |options: config::ConfigurationOptions| {
        let env = Environment::of_process();
        let report = config::configuration(seen(&env), &options)?;
        if options.create && user_config::create(&env)? {
            return config::configuration(seen(&env), &options);
        }
        Ok(report)
    })
}

/// The commands that resume a session, or every session that was open at a crash. Starts nothing.
///
/// Rejects with `USAGE`, `SESSION_NOT_FOUND` or `SESSION_AMBIGUOUS` (the message names the candidates).
#[napi(catch_unwind, ts_args_type = "options: ResumeOptions", ts_return_type = "Promise<ResumeReport>")]
#[must_use]
pub fn plan_resume(options: Value) -> AsyncTask<CoreTask> {
    task(Some(options), |options: resume::ResumeOptions| {
        let env = Environment::of_process();
        resume::plan(seen(&env), &options)
    })
}

/// Copies a session to another configuration directory or project. It verifies every file
/// and never overwrites one.
///
/// Rejects with `SESSION_NOT_FOUND`, `SESSION_AMBIGUOUS`, `SESSION_LIVE`, `PATH_REFUSED`, `NOTHING_TO_DO`,
/// `VERIFICATION_FAILED` or `IO`, and then leaves nothing behind.
#[napi(
    catch_unwind,
    js_name = "relocate",
    ts_args_type = "options: RelocateOptions",
    ts_return_type = "Promise<RelocateReport>"
)]
#[must_use]
pub fn relocate_session(options: Value) -> AsyncTask<CoreTask> {
    task(Some(options), |options: relocate::RelocateOptions| {
        let env = Environment::of_process();
        relocate::relocate(seen(&env), &options)
    })
}

/// Lists the snapshots of a session and restores the chosen one, after storing the current
/// transcript as a snapshot.
///
/// Rejects with `SESSION_NOT_FOUND`, `SESSION_AMBIGUOUS`, `SNAPSHOT_NOT_FOUND`, `SESSION_LIVE`,
/// `NOTHING_TO_DO`, `CHANGED_MEANWHILE`, `VERIFICATION_FAILED` or `IO`.
#[napi(
    catch_unwind,
    js_name = "restore",
    ts_args_type = "options: RestoreOptions",
    ts_return_type = "Promise<RestoreReport>"
)]
#[must_use]
pub fn restore_session(options: Value) -> AsyncTask<CoreTask> {
    task(Some(options), |options: restore::RestoreOptions| {
        let env = Environment::of_process();
        restore::restore(seen(&env), &options)
    })
}

/// The handoff note of a session as text. With `write`, also writes it to the project's HANDOFF.md.
///
/// Rejects with `USAGE`, `SESSION_NOT_FOUND`, `SESSION_AMBIGUOUS`, `PROJECT_NOT_FOUND`, `NOTHING_TO_DO`,
/// `PATH_REFUSED`, `CHANGED_MEANWHILE`, `STATE_LOCKED` or `IO`.
#[napi(
    catch_unwind,
    js_name = "handoff",
    ts_args_type = "options?: HandoffOptions",
    ts_return_type = "Promise<HandoffReport>"
)]
#[must_use]
pub fn handoff_of(options: Option<Value>) -> AsyncTask<CoreTask> {
    task(options, |options: handoff::HandoffOptions| {
        let env = Environment::of_process();
        handoff::handoff(seen(&env), &options)
    })
}

/// Lists the saved states of a project, shows the text of one, or restores one as the last state.
///
/// Rejects with `USAGE`, `PROJECT_NOT_FOUND`, `STATE_NOT_FOUND`, `SESSION_AMBIGUOUS`, `VERIFICATION_FAILED`,
/// `NOTHING_TO_DO`, `PATH_REFUSED`, `STATE_LOCKED` or `IO`.
#[napi(
    catch_unwind,
    js_name = "state",
    ts_args_type = "options?: StateOptions",
    ts_return_type = "Promise<StateReport>"
)]
#[must_use]
pub fn state_of(options: Option<Value>) -> AsyncTask<CoreTask> {
    task(options, |options: state::StateOptions| {
        let env = Environment::of_process();
        state::state(seen(&env), &options)
    })
}

/// Cancels the planned resumes of stopped sessions.
///
/// Rejects with `USAGE`, `SESSION_NOT_FOUND`, `SESSION_AMBIGUOUS` or `NOTHING_TO_DO`.
#[napi(
    catch_unwind,
    js_name = "cancel",
    ts_args_type = "options: CancelOptions",
    ts_return_type = "Promise<CancelReport>"
)]
#[must_use]
pub fn cancel_sessions(options: Value) -> AsyncTask<CoreTask> {
    task(Some(options), |options: cancel::CancelOptions| {
        let env = Environment::of_process();
        cancel::cancel(seen(&env), &options)
    })
}

/// Searches the conversations of all sessions for a text. Reads only.
///
/// Rejects with `USAGE` or `PROJECT_NOT_FOUND`.
#[napi(
    catch_unwind,
    js_name = "search",
    ts_args_type = "options: SearchOptions",
    ts_return_type = "Promise<SearchReport>"
)]
#[must_use]
pub fn search_sessions(options: Value) -> AsyncTask<CoreTask> {
    task(Some(options), |options: search::SearchOptions| {
        search::search(&Environment::of_process(), &SystemClock, &options)
    })
}

/// The settings file that `init` and `uninstall` apply to without an option, and what `init` asks first. Reads only.
///
/// Rejects with `STATE_DIR_UNKNOWN`.
#[napi(
    catch_unwind,
    js_name = "hookScope",
    ts_args_type = "options: HookScopeOptions",
    ts_return_type = "Promise<HookScopeDecision>"
)]
#[must_use]
pub fn hook_scope_of(options: Value) -> AsyncTask<CoreTask> {
    task(Some(options), |options: scope::HookScopeOptions| {
        scope::hook_scope(&Environment::of_process(), &options)
    })
}

/// Plans the setup of a project. Reads only.
///
/// Rejects with `PROJECT_NOT_FOUND`, `PATH_REFUSED`, `SETTINGS_UNPARSABLE`,
/// `SETTINGS_DUPLICATE_KEY`, `SETTINGS_SHAPE` or `IO`.
#[napi(catch_unwind, ts_args_type = "options: InitOptions", ts_return_type = "Promise<InitPlan>")]
#[must_use]
pub fn plan_init(options: Value) -> AsyncTask<CoreTask> {
    task(Some(options), |options: init::InitOptions| {
        let env = Environment::of_process();
        init::plan(placed(&env), options)
    })
}

/// Carries out a plan of {@link planInit}.
///
/// Rejects with `CHANGED_MEANWHILE` if a file changed since the plan, and otherwise like {@link planInit}.
#[napi(catch_unwind, ts_args_type = "plan: InitPlan", ts_return_type = "Promise<InitReport>")]
#[must_use]
pub fn apply_init(plan: Value) -> AsyncTask<CoreTask> {
    task(Some(plan), |plan: init::InitPlan| {
        let env = Environment::of_process();
        init::apply(placed(&env), &plan)
    })
}

/// Plans the removal of the hooks from a project. Reads only.
///
/// Rejects like {@link planInit}.
#[napi(catch_unwind, ts_args_type = "options: UninstallOptions", ts_return_type = "Promise<UninstallPlan>")]
#[must_use]
pub fn plan_uninstall(options: Value) -> AsyncTask<CoreTask> {
    task(Some(options), |options: uninstall::UninstallOptions| {
        let env = Environment::of_process();
        uninstall::plan(placed(&env), options)
    })
}

/// Carries out a plan of {@link planUninstall}.
///
/// Rejects with `CHANGED_MEANWHILE` if a file changed since the plan, and otherwise like {@link
/// planUninstall}.
#[napi(catch_unwind, ts_args_type = "plan: UninstallPlan", ts_return_type = "Promise<UninstallReport>")]
#[must_use]
pub fn apply_uninstall(plan: Value) -> AsyncTask<CoreTask> {
    task(Some(plan), |plan: uninstall::UninstallPlan| {
        let env = Environment::of_process();
        uninstall::apply(placed(&env), &plan)
    })
}

/// Plans writing or removing the Claude Code plugin. Reads only.
///
/// Rejects with `PATH_REFUSED` (a file that this tool did not write is in the
/// way), `STATE_DIR_UNKNOWN` or `IO`.
#[napi(catch_unwind, ts_args_type = "options: PluginOptions", ts_return_type = "Promise<PluginPlan>")]
#[must_use]
pub fn plan_plugin(options: Value) -> AsyncTask<CoreTask> {
    task(Some(options), |options: plugin::PluginOptions| {
        let env = Environment::of_process();
        plugin::plan(placed(&env), options)
    })
}

/// Carries out a plan of {@link planPlugin}, completely or not at all.
///
/// Rejects with `CHANGED_MEANWHILE` if a file changed since the plan, and otherwise like {@link planPlugin}.
#[napi(catch_unwind, ts_args_type = "plan: PluginPlan", ts_return_type = "Promise<PluginReport>")]
#[must_use]
pub fn apply_plugin(plan: Value) -> AsyncTask<CoreTask> {
    task(Some(plan), |plan: plugin::PluginPlan| {
        let env = Environment::of_process();
        plugin::apply(placed(&env), &plan)
    })
}

/// Reads one transcript at any path.
///
/// Rejects with `TRANSCRIPT_UNREADABLE`, `PATH_REFUSED` or `IO`.
#[napi(catch_unwind, ts_args_type = "options: InspectOptions", ts_return_type = "Promise<Session>")]
#[must_use]
pub fn inspect(options: Value) -> AsyncTask<CoreTask> {
    task(Some(options), |options: InspectOptions| {
        let alive = match options.alive {
            Some(true) => ProcessLiveness::Said(options.status.as_deref()),
            Some(false) => ProcessLiveness::Gone,
            None => ProcessLiveness::Unknown,
        };
        inspect_transcript(&options.transcript, alive)
    })
}

/// Parses a hook payload without reading any file. Returns `null` if the text is not a valid payload.
#[napi(catch_unwind, ts_return_type = "PayloadReading | null")]
#[must_use]
#[allow(
    clippy::needless_pass_by_value,
    reason = "napi passes strings by value; whether clippy reports it depends on the macro"
)]
pub fn read_payload(payload: String) -> Option<Value> {
    use crate::clock::Clock;
    let payload = crate::hook::Payload::parse(payload.as_bytes()).ok()?;
    serde_json::to_value(payload.reading(SystemClock.now())).ok()
}

pub(super) fn seen(env: &Environment) -> World<'_> {
    World { env, clock: &SystemClock, processes: &SystemProcesses }
}

fn placed(env: &Environment) -> init::SetupContext<'_> {
    init::SetupContext { env, clock: &SystemClock, version: VERSION }
}

/// Creates a task that parses the options and makes the call.
pub(super) fn task<O: DeserializeOwned, T: serde::Serialize>(
    options: Option<Value>,
    call: impl FnOnce(O) -> Result<T, Error> + Send + 'static,
) -> AsyncTask<CoreTask> {
    AsyncTask::new(CoreTask::new(move || call(read_options(options)?)))
}
