//! The exports behind `export`, `import`, `kill`, `repair`, `prune` and `log`.

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

/// How far the export or import of this process is. A command makes one at a time.
static PROGRESS: Progress = Progress { done: AtomicU64::new(0), total: AtomicU64::new(0) };

/// Saves sessions losslessly: every file of theirs, compared byte for byte, with a manifest. The originals are only read.
///
/// Rejects with `USAGE`, `SESSION_NOT_FOUND`, `SESSION_AMBIGUOUS`, `NOTHING_TO_DO`, `PATH_REFUSED`, and of a single session also with
/// `VERIFICATION_FAILED` or `IO`; nothing that looks like an export is left behind then.
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

/// Writes sessions as pages for people, in HTML or Markdown; with `redact` without recognised secrets. The originals are only read.
///
/// Rejects with `USAGE`, `SESSION_NOT_FOUND`, `SESSION_AMBIGUOUS`, `NOTHING_TO_DO`, `PATH_REFUSED`, and of a single session also with
/// `VERIFICATION_FAILED` or `IO`; no half page is left behind then.
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

/// Writes the report of `report` as an HTML page: stops, waits and runs over time. Sessions are only read.
///
/// Rejects as `report`, and with `PATH_REFUSED` or `IO`; no half page is left behind then.
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

/// Makes an export a session again; verified, never overwriting.
///
/// Rejects with `VERIFICATION_FAILED`, `PATH_REFUSED`, `NOTHING_TO_DO`, `SESSION_LIVE`, `PROJECT_NOT_FOUND`, `STATE_NEWER` or `IO`;
/// nothing is left behind then.
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

/// Ends the client that holds a session, after saving it, and nothing else. With `dryRun` it only tells what would be ended.
///
/// Rejects with `USAGE`, `SESSION_NOT_FOUND`, `SESSION_AMBIGUOUS`, `NOTHING_TO_DO` (nobody holds it), `KILL_REFUSED`,
/// `CHANGED_MEANWHILE` (it is not what was shown), `CLIENT_NOT_FOUND`, and with what an export rejects with; nothing was sent then.
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

/// Says what is damaged in a session's transcript and what is done about it, and mends it on a verified snapshot when asked to.
///
/// Rejects with `USAGE`, `SESSION_NOT_FOUND`, `SESSION_AMBIGUOUS`, `SNAPSHOT_NOT_FOUND`, `SESSION_LIVE`, `NOTHING_TO_DO`,
/// `CHANGED_MEANWHILE`, `VERIFICATION_FAILED` or `IO`; the transcript is then as it was.
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

/// How far the export or import is that this process makes; for showing, never an end signal.
#[napi(catch_unwind, ts_return_type = "RescueProgress")]
#[must_use]
pub fn rescue_progress() -> Value {
    json!({"done": PROGRESS.done.load(Ordering::Relaxed), "total": PROGRESS.total.load(Ordering::Relaxed)})
}

/// Deletes exports, snapshots, pages and outputs of runs of this tool that are old, many or large, and records of sessions that are
/// old or whose transcript is gone. Nothing of Claude Code's own is ever deleted.
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

/// What this tool has set up on the machine: projects, the user's own hooks, plugins, and its state directory. Reads only.
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

/// Removes the state directory with everything in it. Resolves to whether there was one.
///
/// Rejects with `SESSION_LIVE`, `USAGE` (it has copies that exist nowhere else), `PATH_REFUSED`, `STATE_DIR_UNKNOWN` or `IO`.
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

/// Removes a session from every place of this tool: what is kept of it, snapshots, outputs, exports, pages, records, its incident and its
/// block in HANDOFF.md. Nothing of Claude Code's own is removed; the answer says what is left of it there.
///
/// Rejects with `USAGE`, `SESSION_NOT_FOUND`, `SESSION_AMBIGUOUS`, `SESSION_LIVE`, `STATE_LOCKED`, `NOTHING_TO_DO` or `IO`.
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

/// What the journal says was decided and done, and whether its chain holds. Reads only.
///
/// Rejects with `USAGE` (a time that is none), `STATE_DIR_UNKNOWN` or `IO`.
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
