//! Exports for the commands `export`, `import`, `kill`, `repair`, `prune`, `forget`, `log` and `uninstall`.

use super::task::CoreTask;
use super::verbs::{seen, task};
use crate::env::Environment;
use crate::report::log;
use crate::rescue::copy::Progress;
use crate::rescue::reading::{publish, report_page};
use crate::rescue::signal::SystemProcessControl;
use crate::rescue::{export, forget, import, kill, prune, repair, teardown};
use napi::bindgen_prelude::AsyncTask;
use napi_derive::napi;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};

/// Progress of the current export or import. A command runs one at a time.
static PROGRESS: Progress = Progress { done: AtomicU64::new(0), total: AtomicU64::new(0) };

/// Exports every file of the selected sessions, verified byte for byte, with a manifest. It
/// only reads the sessions.
///
/// Rejects with `USAGE`, `SESSION_NOT_FOUND`, `SESSION_AMBIGUOUS`, `NOTHING_TO_DO` or
/// `PATH_REFUSED`. The export of a single session also rejects with `VERIFICATION_FAILED` or `IO`,
/// and then leaves no partial export behind.
#[napi(
    catch_unwind,
    js_name = "exportSessions",
    ts_args_type = "options: ExportOptions",
    ts_return_type = "Promise<ExportReport>"
)]
#[must_use]
pub fn export_sessions(options: Value) -> AsyncTask<CoreTask> {
    task(Some(options), |options: export::ExportOptions| {
        let env = Environment::of_process();
        export::export(seen(&env), &options, &PROGRESS)
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
    ts_args_type = "options: ReadingOptions",
    ts_return_type = "Promise<ReadingReport>"
)]
#[must_use]
pub fn write_pages(options: Value) -> AsyncTask<CoreTask> {
    task(Some(options), |options: publish::ReadingOptions| {
        let env = Environment::of_process();
        publish::publish(seen(&env), &options, &PROGRESS)
    })
}

/// Writes the result of {@link report} as an HTML page with stops, waits and runs over time. It
/// only reads the sessions.
///
/// Rejects like {@link report}, and with `PATH_REFUSED` or `IO`; it then leaves no partial page behind.
#[napi(
    catch_unwind,
    js_name = "writeReportPage",
    ts_args_type = "options: ReportPageOptions",
    ts_return_type = "Promise<ReportPage>"
)]
#[must_use]
pub fn write_report_page(options: Value) -> AsyncTask<CoreTask> {
    task(Some(options), |options: report_page::ReportPageOptions| {
        let env = Environment::of_process();
        report_page::write_report_page(seen(&env), &options)
    })
}

/// Restores an export as a resumable session. It verifies every file and never overwrites one.
///
/// Rejects with `VERIFICATION_FAILED`, `PATH_REFUSED`, `NOTHING_TO_DO`, `SESSION_LIVE`, `PROJECT_NOT_FOUND`,
/// `STATE_NEWER` or `IO`, and then leaves nothing behind.
#[napi(
    catch_unwind,
    js_name = "importSession",
    ts_args_type = "options: ImportOptions",
    ts_return_type = "Promise<ImportReport>"
)]
#[must_use]
pub fn import_session(options: Value) -> AsyncTask<CoreTask> {
    task(Some(options), |options: import::ImportOptions| {
        let env = Environment::of_process();
        import::import(seen(&env), &options, &PROGRESS)
    })
}

/// Exports a session, then ends the client that has it open, and no other process. With `dryRun`, only
/// reports what would be ended.
///
/// Rejects before it sends a signal, with `USAGE`, `SESSION_NOT_FOUND`, `SESSION_AMBIGUOUS`, `NOTHING_TO_DO`
/// (no client has the session open), `KILL_REFUSED`, `CHANGED_MEANWHILE` (not the process that the user
/// agreed to end), `CLIENT_NOT_FOUND`, or like {@link exportSessions}.
#[napi(
    catch_unwind,
    js_name = "killSession",
    ts_args_type = "options: KillOptions",
    ts_return_type = "Promise<KillReport>"
)]
#[must_use]
pub fn kill_session(options: Value) -> AsyncTask<CoreTask> {
    task(Some(options), |options: kill::KillOptions| {
        let env = Environment::of_process();
        kill::kill(seen(&env), &SystemProcessControl, &options, &PROGRESS)
    })
}

/// Reports the damage in a session's transcript and how each part would be repaired. With `apply`, stores a
/// verified snapshot and then repairs the transcript.
///
/// Rejects with `USAGE`, `SESSION_NOT_FOUND`, `SESSION_AMBIGUOUS`, `SNAPSHOT_NOT_FOUND`,
/// `SESSION_LIVE`, `NOTHING_TO_DO`, `CHANGED_MEANWHILE`, `VERIFICATION_FAILED` or `IO`, and then
/// leaves the transcript unchanged.
#[napi(
    catch_unwind,
    js_name = "repair",
    ts_args_type = "options: RepairOptions",
    ts_return_type = "Promise<RepairReport>"
)]
#[must_use]
pub fn repair_session(options: Value) -> AsyncTask<CoreTask> {
    task(Some(options), |options: repair::RepairOptions| {
        let env = Environment::of_process();
        repair::repair(seen(&env), &options)
    })
}

/// Progress of the export or import that runs in this process. For display only: it does not show when
/// the operation has ended.
#[napi(catch_unwind, ts_return_type = "RescueProgress")]
#[must_use]
pub fn rescue_progress() -> Value {
    json!({"done": PROGRESS.done.load(Ordering::Relaxed), "total": PROGRESS.total.load(Ordering::Relaxed)})
}

/// Deletes old or surplus exports, snapshots, pages and run outputs of this tool, and records of sessions
/// that are old or have lost their transcript. Never deletes files of Claude Code.
///
/// Rejects with `USAGE`, `CONFIG_INVALID`, `PATH_REFUSED` or `IO`.
#[napi(
    catch_unwind,
    js_name = "prune",
    ts_args_type = "options?: PruneOptions",
    ts_return_type = "Promise<PruneReport>"
)]
#[must_use]
pub fn prune_copies(options: Option<Value>) -> AsyncTask<CoreTask> {
    task(options, |options: prune::PruneOptions| {
        let env = Environment::of_process();
        prune::prune(seen(&env), &options)
    })
}

/// Everything that this tool has set up on the machine: projects, the user's hooks, plugins, and the
/// state directory. Reads only.
///
/// Rejects with `STATE_DIR_UNKNOWN`.
#[napi(catch_unwind, js_name = "setups", ts_return_type = "Promise<SetupsReport>")]
#[must_use]
pub fn setups_of() -> AsyncTask<CoreTask> {
    task(None, |_: teardown::NoOptions| {
        let env = Environment::of_process();
        teardown::setups(seen(&env))
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
#[must_use]
pub fn remove_state_dir(options: Option<Value>) -> AsyncTask<CoreTask> {
    task(options, |options: teardown::RemoveStateOptions| {
        let env = Environment::of_process();
        teardown::remove_state(seen(&env), &options)
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
    ts_args_type = "options: ForgetOptions",
    ts_return_type = "Promise<ForgetReport>"
)]
#[must_use]
pub fn forget_session(options: Value) -> AsyncTask<CoreTask> {
    task(Some(options), |options: forget::ForgetOptions| {
        let env = Environment::of_process();
        forget::forget(seen(&env), &options)
    })
}

/// The decisions and actions recorded in the journal, and whether its hash chain is intact. Reads only.
///
/// Rejects with `USAGE` (an invalid time), `STATE_DIR_UNKNOWN` or `IO`.
#[napi(
    catch_unwind,
    js_name = "log",
    ts_args_type = "options?: LogOptions",
    ts_return_type = "Promise<LogReport>"
)]
#[must_use]
pub fn log_of(options: Option<Value>) -> AsyncTask<CoreTask> {
    task(options, |options: log::LogOptions| {
        let env = Environment::of_process();
        log::log(seen(&env), &options)
    })
}
