//! Exports for the other commands and for the typed interface.

use super::call::CallOptions;
use super::task::CoreTask;
use crate::abort::AbortFlag;
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
use crate::rescue::copy::Progress;
use crate::rescue::{relocate, restore};
use crate::world::World;
use napi::Env;
use napi::bindgen_prelude::{AsyncTask, Unknown};
use napi_derive::napi;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::Arc;

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
    ts_args_type = "options?: StatusOptions & CallControl",
    ts_return_type = "Promise<StatusReport>"
)]
pub fn status_of(env: Env, options: Option<Unknown<'_>>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, options, |options: status::StatusOptions, call| {
        let env = Environment::of_process();
        status::status(seen(&env, &call.abort), &options)
    })
}

/// Every session that matches the filters, sorted. Reads only.
///
/// Rejects with `PROJECT_NOT_FOUND`, `USAGE` (an invalid time or size) or `STATE_DIR_UNKNOWN`.
#[napi(
    catch_unwind,
    js_name = "list",
    ts_args_type = "options?: ListOptions & CallControl",
    ts_return_type = "Promise<ListReport>"
)]
pub fn list_sessions(env: Env, options: Option<Unknown<'_>>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, options, |options: list::ListOptions, call| {
        let env = Environment::of_process();
        list::list(seen(&env, &call.abort), &options)
    })
}

/// All details of one session, from its whole transcript. Reads only.
///
/// Rejects with `USAGE`, `SESSION_NOT_FOUND` or `SESSION_AMBIGUOUS` (the message names the candidates).
#[napi(
    catch_unwind,
    js_name = "show",
    ts_args_type = "options: SessionOptions & CallControl",
    ts_return_type = "Promise<Session>"
)]
pub fn show_session(env: Env, options: Unknown<'_>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, Some(options), |options: SessionOptions, call| {
        let env = Environment::of_process();
        show::show(seen(&env, &call.abort), &options)
    })
}

/// Recent work, from session titles and prompts. Reads only.
///
/// Rejects with `PROJECT_NOT_FOUND` or `USAGE` (an invalid time).
#[napi(
    catch_unwind,
    js_name = "recall",
    ts_args_type = "options?: RecallOptions & CallControl",
    ts_return_type = "Promise<RecallReport>"
)]
pub fn recall_sessions(env: Env, options: Option<Unknown<'_>>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, options, |options: recall::RecallOptions, call| {
        let env = Environment::of_process();
        recall::recall(seen(&env, &call.abort), &options)
    })
}

/// The stops since a given time: what was attempted after each, what that changed, and how
/// it ended. Reads only.
///
/// Rejects with `PROJECT_NOT_FOUND`, `USAGE` (an invalid time) or `STATE_DIR_UNKNOWN`.
#[napi(
    catch_unwind,
    js_name = "report",
    ts_args_type = "options?: AccountOptions & CallControl",
    ts_return_type = "Promise<AccountReport>"
)]
pub fn account_of(env: Env, options: Option<Unknown<'_>>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, options, |options: account::AccountOptions, call| {
        let env = Environment::of_process();
        account::account(seen(&env, &call.abort), &options)
    })
}

/// Checks whether this machine can record, save and continue sessions. Reads only.
///
/// Rejects with `PROJECT_NOT_FOUND` or `STATE_DIR_UNKNOWN`.
#[napi(
    catch_unwind,
    js_name = "doctor",
    ts_args_type = "options: DoctorOptions & CallControl",
    ts_return_type = "Promise<DoctorReport>"
)]
pub fn doctor_of(env: Env, options: Unknown<'_>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, Some(options), |options: doctor::DoctorOptions, call| {
        let env = Environment::of_process();
        doctor::doctor(seen(&env, &call.abort), &options)
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
pub fn configuration_of(env: Env, options: Option<Unknown<'_>>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, options, |options: config::ConfigurationOptions, call| {
        let env = Environment::of_process();
        let report = config::configuration(seen(&env, &call.abort), &options)?;
        if options.create && user_config::create(&env)? {
            return config::configuration(seen(&env, &call.abort), &options);
        }
        Ok(report)
    })
}

/// The commands that resume a session, or every session that was open at a crash. Starts nothing.
///
/// Rejects with `USAGE`, `SESSION_NOT_FOUND` or `SESSION_AMBIGUOUS` (the message names the candidates).
#[napi(
    catch_unwind,
    ts_args_type = "options: ResumeOptions & CallControl",
    ts_return_type = "Promise<ResumeReport>"
)]
pub fn plan_resume(env: Env, options: Unknown<'_>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, Some(options), |options: resume::ResumeOptions, call| {
        let env = Environment::of_process();
        resume::plan(seen(&env, &call.abort), &options)
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
    ts_args_type = "options: RelocateOptions & CallControl",
    ts_return_type = "Promise<RelocateReport>"
)]
pub fn relocate_session(env: Env, options: Unknown<'_>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, Some(options), |options: relocate::RelocateOptions, call| {
        let env = Environment::of_process();
        relocate::relocate(seen(&env, &call.abort), &options)
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
    ts_args_type = "options: RestoreOptions & CallControl",
    ts_return_type = "Promise<RestoreReport>"
)]
pub fn restore_session(env: Env, options: Unknown<'_>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, Some(options), |options: restore::RestoreOptions, call| {
        let env = Environment::of_process();
        restore::restore(seen(&env, &call.abort), &options)
    })
}

/// The handoff note of a session as text. With `write`, also writes it to the project's HANDOFF.md.
///
/// Rejects with `USAGE`, `SESSION_NOT_FOUND`, `SESSION_AMBIGUOUS`, `PROJECT_NOT_FOUND`, `NOTHING_TO_DO`,
/// `PATH_REFUSED`, `CHANGED_MEANWHILE`, `STATE_LOCKED` or `IO`.
#[napi(
    catch_unwind,
    js_name = "handoff",
    ts_args_type = "options?: HandoffOptions & CallControl",
    ts_return_type = "Promise<HandoffReport>"
)]
pub fn handoff_of(env: Env, options: Option<Unknown<'_>>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, options, |options: handoff::HandoffOptions, call| {
        let env = Environment::of_process();
        handoff::handoff(seen(&env, &call.abort), &options)
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
pub fn state_of(env: Env, options: Option<Unknown<'_>>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, options, |options: state::StateOptions, call| {
        let env = Environment::of_process();
        state::state(seen(&env, &call.abort), &options)
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
pub fn cancel_sessions(env: Env, options: Unknown<'_>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, Some(options), |options: cancel::CancelOptions, call| {
        let env = Environment::of_process();
        cancel::cancel(seen(&env, &call.abort), &options)
    })
}

/// Searches the conversations of all sessions for a text. Reads only.
///
/// Rejects with `USAGE` or `PROJECT_NOT_FOUND`.
#[napi(
    catch_unwind,
    js_name = "search",
    ts_args_type = "options: SearchOptions & CallControl",
    ts_return_type = "Promise<SearchReport>"
)]
pub fn search_sessions(env: Env, options: Unknown<'_>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, Some(options), |options: search::SearchOptions, call| {
        search::search(seen(&Environment::of_process(), &call.abort), &options)
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
pub fn hook_scope_of(env: Env, options: Unknown<'_>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, Some(options), |options: scope::HookScopeOptions, _| {
        scope::hook_scope(&Environment::of_process(), &options)
    })
}

/// Plans the setup of a project. Reads only.
///
/// Rejects with `PROJECT_NOT_FOUND`, `PATH_REFUSED`, `SETTINGS_UNPARSABLE`,
/// `SETTINGS_DUPLICATE_KEY`, `SETTINGS_SHAPE` or `IO`.
#[napi(catch_unwind, ts_args_type = "options: InitOptions", ts_return_type = "Promise<InitPlan>")]
pub fn plan_init(env: Env, options: Unknown<'_>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, Some(options), |options: init::InitOptions, _| {
        let env = Environment::of_process();
        init::plan(placed(&env), options)
    })
}

/// Carries out a plan of {@link planInit}.
///
/// Rejects with `CHANGED_MEANWHILE` if a file changed since the plan, and otherwise like {@link planInit}.
#[napi(catch_unwind, ts_args_type = "plan: InitPlan", ts_return_type = "Promise<InitReport>")]
pub fn apply_init(env: Env, plan: Unknown<'_>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, Some(plan), |plan: init::InitPlan, _| {
        let env = Environment::of_process();
        init::apply(placed(&env), &plan)
    })
}

/// Plans the removal of the hooks from a project. Reads only.
///
/// Rejects like {@link planInit}.
#[napi(catch_unwind, ts_args_type = "options: UninstallOptions", ts_return_type = "Promise<UninstallPlan>")]
pub fn plan_uninstall(env: Env, options: Unknown<'_>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, Some(options), |options: uninstall::UninstallOptions, _| {
        let env = Environment::of_process();
        uninstall::plan(placed(&env), options)
    })
}

/// Carries out a plan of {@link planUninstall}.
///
/// Rejects with `CHANGED_MEANWHILE` if a file changed since the plan, and otherwise like {@link
/// planUninstall}.
#[napi(catch_unwind, ts_args_type = "plan: UninstallPlan", ts_return_type = "Promise<UninstallReport>")]
pub fn apply_uninstall(env: Env, plan: Unknown<'_>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, Some(plan), |plan: uninstall::UninstallPlan, _| {
        let env = Environment::of_process();
        uninstall::apply(placed(&env), &plan)
    })
}

/// Plans writing or removing the Claude Code plugin. Reads only.
///
/// Rejects with `PATH_REFUSED` (a file that this tool did not write is in the
/// way), `STATE_DIR_UNKNOWN` or `IO`.
#[napi(catch_unwind, ts_args_type = "options: PluginOptions", ts_return_type = "Promise<PluginPlan>")]
pub fn plan_plugin(env: Env, options: Unknown<'_>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, Some(options), |options: plugin::PluginOptions, _| {
        let env = Environment::of_process();
        plugin::plan(placed(&env), options)
    })
}

/// Carries out a plan of {@link planPlugin}, completely or not at all.
///
/// Rejects with `CHANGED_MEANWHILE` if a file changed since the plan, and otherwise like {@link planPlugin}.
#[napi(catch_unwind, ts_args_type = "plan: PluginPlan", ts_return_type = "Promise<PluginReport>")]
pub fn apply_plugin(env: Env, plan: Unknown<'_>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, Some(plan), |plan: plugin::PluginPlan, _| {
        let env = Environment::of_process();
        plugin::apply(placed(&env), &plan)
    })
}

/// Reads one transcript at any path.
///
/// Rejects with `TRANSCRIPT_UNREADABLE`, `PATH_REFUSED` or `IO`.
#[napi(
    catch_unwind,
    ts_args_type = "options: InspectOptions & CallControl",
    ts_return_type = "Promise<Session>"
)]
pub fn inspect(env: Env, options: Unknown<'_>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, Some(options), |options: InspectOptions, _| {
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

pub(super) fn seen<'a>(env: &'a Environment, abort: &'a AbortFlag) -> World<'a> {
    World { env, clock: &SystemClock, processes: &SystemProcesses, abort }
}

fn placed(env: &Environment) -> init::SetupContext<'_> {
    init::SetupContext { env, clock: &SystemClock, version: VERSION }
}

/// Creates a task that parses the options and makes the call.
pub(super) fn task<O: DeserializeOwned, T: serde::Serialize>(
    env: Env,
    options: Option<Unknown<'_>>,
    call: impl FnOnce(O, &Arc<Progress>) -> Result<T, Error> + Send + 'static,
) -> napi::Result<AsyncTask<CoreTask>> {
    let options = CallOptions::read(env, options)?;
    Ok(AsyncTask::new(CoreTask::new(options, |values, progress| call(read_options(values)?, progress))))
}
