//! Exports for the supervisor.

use super::task::CoreTask;
use super::verbs::{seen, task};
use crate::entry::handover::NativeProgram;
use crate::entry::supervisor;
use crate::env::Environment;
use crate::error::Error;
use crate::recovery::changes::{Changes, Wake};
use crate::recovery::supervise::{Supervisor, WatchOptions, WatchReport};
use crate::report::{pause, preview, run};
use crate::store::StateDir;
use crate::trust::account::Provenance;
use napi::bindgen_prelude::AsyncTask;
use napi_derive::napi;
use serde_json::Value;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The supervisor of this process, from the first `watch` on.
static SUPERVISOR: Mutex<Option<Supervisor>> = Mutex::new(None);
/// The changes that end a pause between two passes, locked during the pause; and the handle that ends it early.
static CHANGES: Mutex<Option<Changes>> = Mutex::new(None);
static WAKE: Mutex<Option<Wake>> = Mutex::new(None);

/// Runs one pass over all closed sessions: plans their runs, and resumes due sessions in the background of
/// this process. The first call makes this process the supervisor. If another process is the supervisor, it
/// only reports what that process does.
///
/// Rejects with `STATE_DIR_UNKNOWN` or `IO`.
#[napi(catch_unwind, ts_args_type = "options?: WatchOptions", ts_return_type = "Promise<WatchReport>")]
#[must_use]
pub fn watch(options: Option<Value>) -> AsyncTask<CoreTask> {
    task(options, |scope: WatchOptions| -> Result<WatchReport, Error> {
        let mut supervisor = SUPERVISOR.lock().unwrap_or_else(PoisonError::into_inner);
        let supervisor = match &mut *supervisor {
            Some(known) => known,
            none => none.insert(Supervisor::new(supervisor::context(|_| Provenance::User), scope)?),
        };
        supervisor.run_pass()
    })
}

/// Waits until a file that `watch` reads has changed, or for the given time. Resolves to true if a file has
/// changed.
#[napi(catch_unwind, ts_return_type = "Promise<boolean>")]
#[must_use]
pub fn watch_pause(milliseconds: u32) -> AsyncTask<CoreTask> {
    AsyncTask::new(CoreTask::new(move || -> Result<bool, Error> {
        let longest = Duration::from_millis(u64::from(milliseconds));
        let mut changes = CHANGES.lock().unwrap_or_else(PoisonError::into_inner);
        if changes.is_none() {
            let made = Changes::of(&StateDir::new(Environment::of_process().state_dir()?));
            *WAKE.lock().unwrap_or_else(PoisonError::into_inner) = made.waker();
            *changes = Some(made);
        }
        Ok(changes.as_ref().is_some_and(|changes| changes.wait(longest)))
    }))
}

/// Ends a pause of `watchPause` early.
#[napi(catch_unwind)]
pub fn watch_wake() {
    if let Some(wake) = WAKE.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
        wake.wake();
    }
}

/// Supervises all closed sessions and returns when none of them has pending work. It blocks, so it needs a
/// separate process.
#[napi(catch_unwind)]
pub fn supervise() {
    supervisor::until_no_work_is_pending();
}

/// Replaces this process with the native program beside the addon, which supervises all projects until it is
/// terminated. `addon` is the loaded file. Returns if there is no such program, if it does not start, and on
/// Windows; the caller must then supervise in this process.
#[napi(catch_unwind)]
#[allow(
    clippy::needless_pass_by_value,
    reason = "napi passes strings by value; whether clippy reports it depends on the macro"
)]
pub fn serve_natively(addon: String) {
    if let Some(program) = NativeProgram::beside(Path::new(&addon)) {
        program.serve_instead();
    }
}

/// Reports which runs would be started for closed sessions, when, and why. Reads only.
///
/// Rejects with `SESSION_NOT_FOUND`, `SESSION_AMBIGUOUS` or `STATE_DIR_UNKNOWN`.
#[napi(
    catch_unwind,
    js_name = "preview",
    ts_args_type = "options?: PreviewOptions",
    ts_return_type = "Promise<PreviewReport>"
)]
#[must_use]
pub fn preview_sessions(options: Option<Value>) -> AsyncTask<CoreTask> {
    task(options, |options: preview::PreviewOptions| {
        let env = Environment::of_process();
        preview::preview(seen(&env), &options)
    })
}

/// Resumes a closed session now, without a terminal, and returns when the run has ended.
///
/// Rejects with `SESSION_NOT_FOUND`, `SESSION_AMBIGUOUS`, `SESSION_LIVE`, `RUN_REFUSED` or `VERIFICATION_FAILED`.
#[napi(catch_unwind, ts_args_type = "options: RunOptions", ts_return_type = "Promise<RunReport>")]
#[must_use]
pub fn resume_now(options: Value) -> AsyncTask<CoreTask> {
    task(Some(options), |options: run::RunOptions| {
        let env = Environment::of_process();
        run::run(seen(&env), std::process::id(), &options)
    })
}

/// Pauses one session or all, or ends a pause.
///
/// Rejects with `USAGE`, `SESSION_NOT_FOUND` or `SESSION_AMBIGUOUS`.
#[napi(
    catch_unwind,
    js_name = "pause",
    ts_args_type = "options: PauseOptions",
    ts_return_type = "Promise<PauseReport>"
)]
#[must_use]
pub fn pause_sessions(options: Value) -> AsyncTask<CoreTask> {
    task(Some(options), |options: pause::PauseOptions| {
        let env = Environment::of_process();
        pause::pause(seen(&env), &options)
    })
}
