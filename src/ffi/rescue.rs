//! Exports for the commands `export`, `import`, `kill`, `repair`, `prune`, `forget`, `log` and `uninstall`.

use super::task::CoreTask;
use super::verbs::{seen, task};
use crate::env::Environment;
use crate::report::log;
use crate::rescue::copy::Progress;
use crate::rescue::reading::{publish, report_page};
use crate::rescue::signal::SystemProcessControl;
use crate::rescue::{export, forget, import, kill, prune, repair, teardown};
use napi::Env;
use napi::bindgen_prelude::{AsyncTask, Unknown};
use napi_derive::napi;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Progress of the newest export or import. A command runs one at a time.
static NEWEST: Mutex<Option<Arc<Progress>>> = Mutex::new(None);

/// Makes the progress of a call the one that `rescueProgress` returns.
fn counted(progress: &Arc<Progress>) -> &Progress {
    *NEWEST.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(progress));
    progress
}

/// Exports every file of the selected sessions, verified byte for byte, with a manifest. It
/// only reads the sessions.
///
/// Rejects with `USAGE`, `SESSION_NOT_FOUND`, `SESSION_AMBIGUOUS`, `NOTHING_TO_DO` or
/// `PATH_REFUSED`. The export of a single session also rejects with `VERIFICATION_FAILED` or `IO`,
/// and then leaves no partial export behind. If several sessions are exported and `signal` aborts, those that are
/// already exported stay.
#[napi(
    catch_unwind,
    js_name = "exportSessions",
    ts_args_type = "options: ExportOptions & CallControl",
    ts_return_type = "Promise<ExportReport>"
)]
pub fn export_sessions(env: Env, options: Unknown<'_>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, Some(options), |options: export::ExportOptions, call| {
        let env = Environment::of_process();
        export::export(seen(&env, &call.abort), &options, counted(call))
    })
}

/// Writes sessions as HTML or Markdown pages; with `redact`, recognized secrets are replaced. It only reads
/// the sessions.
///
/// Rejects with `USAGE`, `SESSION_NOT_FOUND`, `SESSION_AMBIGUOUS`, `NOTHING_TO_DO` or
/// `PATH_REFUSED`. The page of a single session also rejects with `VERIFICATION_FAILED` or `IO`, and
/// then leaves no partial page behind.
#[napi(
    catch_unwind,
    js_name = "writePages",
    ts_args_type = "options: ReadingOptions & CallControl",
    ts_return_type = "Promise<ReadingReport>"
)]
pub fn write_pages(env: Env, options: Unknown<'_>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, Some(options), |options: publish::ReadingOptions, call| {
        let env = Environment::of_process();
        publish::publish(seen(&env, &call.abort), &options, counted(call))
    })
}

/// Writes the result of {@link report} as an HTML page with stops, waits and runs over time. It
/// only reads the sessions.
///
/// Rejects like {@link report}, and with `PATH_REFUSED` or `IO`; it then leaves no partial page behind.
#[napi(
    catch_unwind,
    js_name = "writeReportPage",
    ts_args_type = "options: ReportPageOptions & CallControl",
    ts_return_type = "Promise<ReportPage>"
)]
pub fn write_report_page(env: Env, options: Unknown<'_>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, Some(options), |options: report_page::ReportPageOptions, call| {
        let env = Environment::of_process();
        report_page::write_report_page(seen(&env, &call.abort), &options)
    })
}

/// Restores an export as a resumable session. It verifies every file and never overwrites one.
///
/// Rejects with `VERIFICATION_FAILED`, `PATH_REFUSED`, `NOTHING_TO_DO`, `SESSION_LIVE`, `PROJECT_NOT_FOUND`,
/// `STATE_NEWER` or `IO`, and then leaves nothing behind.
#[napi(
    catch_unwind,
    js_name = "importSession",
    ts_args_type = "options: ImportOptions & CallControl",
    ts_return_type = "Promise<ImportReport>"
)]
pub fn import_session(env: Env, options: Unknown<'_>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, Some(options), |options: import::ImportOptions, call| {
        let env = Environment::of_process();
        import::import(seen(&env, &call.abort), &options, counted(call))
    })
}

/// Exports a session, then ends the client that has it open, and no other process. With `dryRun`, only
/// reports what would be ended.
///
/// Rejects before it sends a signal, with `USAGE`, `SESSION_NOT_FOUND`, `SESSION_AMBIGUOUS`, `NOTHING_TO_DO`
/// (no client has the session open), `KILL_REFUSED`, `CHANGED_MEANWHILE` (not the process that the user
/// agreed to end), `CLIENT_NOT_FOUND`, or like {@link exportSessions}. Once a signal was sent, `signal` has no effect.
#[napi(
    catch_unwind,
    js_name = "killSession",
    ts_args_type = "options: KillOptions & CallControl",
    ts_return_type = "Promise<KillReport>"
)]
pub fn kill_session(env: Env, options: Unknown<'_>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, Some(options), |options: kill::KillOptions, call| {
        let env = Environment::of_process();
        kill::kill(seen(&env, &call.abort), &SystemProcessControl, &options, counted(call))
    })
}

/// Reports the damage in a session's transcript and how each part would be repaired. With `apply`, stores a
/// verified snapshot and then repairs the transcript.
///
/// Rejects with `USAGE`, `SESSION_NOT_FOUND`, `SESSION_AMBIGUOUS`, `SNAPSHOT_NOT_FOUND`,
/// `SESSION_LIVE`, `NOTHING_TO_DO`, `CHANGED_MEANWHILE`, `VERIFICATION_FAILED` or `IO`, and then
/// leaves the transcript unchanged. Once the snapshot is stored, `signal` has no effect.
#[napi(
    catch_unwind,
    js_name = "repair",
    ts_args_type = "options: RepairOptions & CallControl",
    ts_return_type = "Promise<RepairReport>"
)]
pub fn repair_session(env: Env, options: Unknown<'_>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, Some(options), |options: repair::RepairOptions, call| {
        let env = Environment::of_process();
        repair::repair(seen(&env, &call.abort), &options)
    })
}

/// Progress of the export or import that runs in this process. For display only: it does not show when
/// the operation has ended.
#[napi(catch_unwind, ts_return_type = "RescueProgress")]
#[must_use]
pub fn rescue_progress() -> Value {
    let newest = NEWEST.lock().unwrap_or_else(PoisonError::into_inner);
    let bytes = |count: fn(&Progress) -> &AtomicU64| {
        newest.as_ref().map_or(0, |one| count(one).load(Ordering::Relaxed))
    };
    json!({"done": bytes(|one| &one.done), "total": bytes(|one| &one.total)})
}

/// Deletes old or surplus exports, snapshots, pages and run outputs of this tool, and records of sessions
/// that are old or have lost their transcript. Never deletes files of Claude Code.
///
/// Rejects with `USAGE`, `CONFIG_INVALID`, `PATH_REFUSED` or `IO`. An aborted call stops between two copies.
#[napi(
    catch_unwind,
    js_name = "prune",
    ts_args_type = "options?: PruneOptions & CallControl",
    ts_return_type = "Promise<PruneReport>"
)]
pub fn prune_copies(env: Env, options: Option<Unknown<'_>>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, options, |options: prune::PruneOptions, call| {
        let env = Environment::of_process();
        prune::prune(seen(&env, &call.abort), &options)
    })
}

/// Everything that this tool has set up on the machine: projects, the user's hooks, plugins, and the
/// state directory. Reads only.
///
/// Rejects with `STATE_DIR_UNKNOWN`.
#[napi(catch_unwind, js_name = "setups", ts_return_type = "Promise<SetupsReport>")]
pub fn setups_of(env: Env) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, None, |_: teardown::NoOptions, call| {
        let env = Environment::of_process();
        teardown::setups(seen(&env, &call.abort))
    })
}

/// Removes the state directory and everything in it. Resolves to whether it existed.
///
/// Rejects with `SESSION_LIVE`, `USAGE` (it contains the only copies of some sessions),
/// `PATH_REFUSED`, `STATE_DIR_UNKNOWN` or `IO`.
#[napi(
    catch_unwind,
    js_name = "removeState",
    ts_args_type = "options?: RemoveStateOptions",
    ts_return_type = "Promise<boolean>"
)]
pub fn remove_state_dir(env: Env, options: Option<Unknown<'_>>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, options, |options: teardown::RemoveStateOptions, call| {
        let env = Environment::of_process();
        teardown::remove_state(seen(&env, &call.abort), &options)
    })
}

/// Removes every trace of a session from this tool: kept files, snapshots, outputs, exports, pages,
/// records, its incident, and its block in HANDOFF.md. Leaves Claude Code's own files in place and reports
/// which of them exist.
///
/// Rejects with `USAGE`, `SESSION_NOT_FOUND`, `SESSION_AMBIGUOUS`, `SESSION_LIVE`,
/// `STATE_LOCKED`, `NOTHING_TO_DO` or `IO`.
#[napi(
    catch_unwind,
    js_name = "forget",
    ts_args_type = "options: ForgetOptions & CallControl",
    ts_return_type = "Promise<ForgetReport>"
)]
pub fn forget_session(env: Env, options: Unknown<'_>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, Some(options), |options: forget::ForgetOptions, call| {
        let env = Environment::of_process();
        forget::forget(seen(&env, &call.abort), &options)
    })
}

/// The decisions and actions recorded in the journal, and whether its hash chain is intact. Reads only.
///
/// Rejects with `USAGE` (an invalid time), `STATE_DIR_UNKNOWN` or `IO`.
#[napi(
    catch_unwind,
    js_name = "log",
    ts_args_type = "options?: LogOptions & CallControl",
    ts_return_type = "Promise<LogReport>"
)]
pub fn log_of(env: Env, options: Option<Unknown<'_>>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, options, |options: log::LogOptions, call| {
        let env = Environment::of_process();
        log::log(seen(&env, &call.abort), &options)
    })
}
