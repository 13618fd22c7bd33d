//! Exports for the supervisor.

use super::call::CallOptions;
use super::task::{CoreTask, encode, js_error, parse};
use super::verbs::{seen, task};
use crate::entry::handover::NativeProgram;
use crate::entry::supervisor;
use crate::env::Environment;
use crate::error::Error;
use crate::options::read_options;
use crate::recovery::changes::{Changes, Wake};
use crate::recovery::supervise::{Supervisor, SupervisorContext, WatchOptions, WatchReport};
use crate::report::{pause, preview, run};
use crate::rescue::teardown::NoOptions;
use crate::store::StateDir;
use crate::trust::account::Provenance;
use napi::bindgen_prelude::{AsyncTask, JsObjectValue, Object, Unknown};
use napi::{Env, JsDeferred, JsValue, ValueType};
use napi_derive::napi;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::Duration;

/// The supervisor of this process, from the first `watch` on.
static SUPERVISOR: Mutex<Option<Supervisor>> = Mutex::new(None);
/// The changes that end a pause between two passes, locked during the pause; and the handle that ends it early.
static CHANGES: Mutex<Option<Changes>> = Mutex::new(None);
static WAKE: Mutex<Option<Wake>> = Mutex::new(None);

/// Runs one pass over all closed sessions: plans their runs, and resumes due sessions in the background of
/// this process. The first call makes this process the supervisor, until {@link watchEnd}. If another process is
/// the supervisor, it only reports what that process does. {@link openSupervisor} runs the passes itself.
///
/// Rejects with `STATE_DIR_UNKNOWN` or `IO`.
#[napi(
    catch_unwind,
    ts_args_type = "options?: WatchOptions & CallControl",
    ts_return_type = "Promise<WatchReport>"
)]
pub fn watch(env: Env, options: Option<Unknown<'_>>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, options, |scope: WatchOptions, _| -> Result<WatchReport, Error> {
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
pub fn watch_pause(env: Env, milliseconds: u32) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, None, move |_: NoOptions, _| -> Result<bool, Error> {
        let longest = Duration::from_millis(u64::from(milliseconds));
        let mut changes = CHANGES.lock().unwrap_or_else(PoisonError::into_inner);
        if changes.is_none() {
            let made = Changes::of(&StateDir::new(Environment::of_process().state_dir()?));
            *WAKE.lock().unwrap_or_else(PoisonError::into_inner) = made.waker();
            *changes = Some(made);
        }
        Ok(changes.as_ref().is_some_and(|changes| changes.wait(longest)))
    })
}

/// Ends a pause of `watchPause` early.
#[napi(catch_unwind)]
pub fn watch_wake() {
    if let Some(wake) = WAKE.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
        wake.wake();
    }
}

/// Ends what `watch` began: this process is no longer the supervisor, and its threads end. Clients that it started
/// continue; the next supervisor verifies what they did. Does nothing without an earlier `watch`.
#[napi(catch_unwind, ts_return_type = "Promise<void>")]
pub fn watch_end(env: Env) -> napi::Result<AsyncTask<CoreTask>> {
    let options = CallOptions::read(env, None)?;
    Ok(AsyncTask::new(CoreTask::answering(options, |_, _| {
        let supervisor = SUPERVISOR.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(supervisor) = supervisor {
            supervisor.close();
        }
        // `watchPause` owns this lock, and may have begun after the first wake.
        loop {
            watch_wake();
            match CHANGES.try_lock() {
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(10)),
                Err(TryLockError::Poisoned(changes)) => break *changes.into_inner() = None,
                Ok(mut changes) => break *changes = None,
            }
        }
        *WAKE.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(Box::new(|env| env.get_global()?.get_named_property("undefined")))
    })))
}

/// Supervises closed sessions in this process until the handle is closed: runs the passes of `watch` in a thread of its
/// own, when a file has changed or a session is due. Resolves after the first pass. The open handle keeps the process
/// alive. Several handles may follow each other; while another supervisor of the user is active, a handle only observes it
/// (`own` in its report is false), and it becomes the supervisor when the other one ends.
///
/// Rejects with `STATE_DIR_UNKNOWN` or `IO`, or with the reason of `signal`, and then supervises nothing.
#[napi(
    catch_unwind,
    ts_args_type = "options?: WatchOptions & CallControl",
    ts_return_type = "Promise<SupervisorHandle>"
)]
pub fn open_supervisor(env: Env, options: Option<Unknown<'_>>) -> napi::Result<AsyncTask<CoreTask>> {
    let options = CallOptions::read(env, options)?;
    Ok(AsyncTask::new(CoreTask::answering(options, |values, call| {
        let mut supervisor =
            Supervisor::new(supervisor::context(|_| Provenance::User), read_options(values)?)?;
        let first = supervisor.run_pass().and_then(|report| call.abort.check().map(|()| report));
        let first = match first {
            Ok(report) => report,
            Err(error) => {
                supervisor.close();
                return Err(error);
            }
        };
        Ok(Box::new(move |env| OpenSupervisor::begin(env, supervisor, &first)))
    })))
}

/// Promise that is settled from another thread.
type Ended = JsDeferred<(), fn(Env) -> napi::Result<()>>;

/// Promises that resolve when a supervisor has ended; `None` once it has.
type Waiting = Mutex<Option<Vec<Ended>>>;

/// State that the thread of a supervisor shares with its handle.
struct OpenSupervisor {
    context: Arc<SupervisorContext>,
    wake: Option<Wake>,
    /// Result of the last pass, encoded.
    last: Mutex<Result<String, Error>>,
    waiting: Waiting,
}

impl OpenSupervisor {
    /// Starts the thread, and returns the handle.
    fn begin(env: Env, mut supervisor: Supervisor, first: &WatchReport) -> napi::Result<Unknown<'static>> {
        let changes = supervisor.changes();
        // Nothing but this promise keeps the process alive.
        let (ended, _) = env.create_deferred()?;
        let shared = Arc::new(Self {
            context: supervisor.context(),
            wake: changes.waker(),
            last: Mutex::new(encode(first)),
            waiting: Mutex::new(Some(vec![ended])),
        });
        let handle = Self::handle(env, &shared)?;
        let left = Arc::downgrade(&shared);
        // A worker thread of Node.js may end while the process continues.
        env.add_env_cleanup_hook((), move |()| {
            if let Some(shared) = left.upgrade() {
                shared.stop();
            }
        })?;
        std::thread::Builder::new()
            .name("supervisor".into())
            .spawn(move || {
                supervisor.until_aborted(&changes, &|report| {
                    let report = report.and_then(|report| encode(&report));
                    *shared.last.lock().unwrap_or_else(PoisonError::into_inner) = report;
                });
                supervisor.close();
                let waiting = shared.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
                for ended in waiting.into_iter().flatten() {
                    ended.resolve(|_| Ok(()));
                }
            })
            .map_err(|error| napi::Error::from_reason(error.to_string()))?;
        Ok(handle)
    }

    fn handle(env: Env, shared: &Arc<Self>) -> napi::Result<Unknown<'static>> {
        let mut handle = Object::new(&env)?;
        let own = Arc::clone(shared);
        handle.set(
            "report",
            env.create_function_from_closure::<(), _, _>("report", move |call| {
                match &*own.last.lock().unwrap_or_else(PoisonError::into_inner) {
                    Ok(report) => parse(*call.env, report.clone()),
                    Err(error) => Err(js_error(*call.env, error)?),
                }
            })?,
        )?;
        let own = Arc::clone(shared);
        let close = env.create_function_from_closure::<(), _, _>("close", move |call| {
            own.stop();
            let (ended, promise) = call.env.create_deferred()?;
            match &mut *own.waiting.lock().unwrap_or_else(PoisonError::into_inner) {
                Some(waiting) => waiting.push(ended),
                None => ended.resolve((|_| Ok(())) as fn(Env) -> napi::Result<()>),
            }
            Ok(Object::from_raw(call.env.raw(), promise.raw()))
        })?;
        let symbols: Object<'_> = env.get_global()?.get_named_property_unchecked("Symbol")?;
        let dispose: Unknown<'_> = symbols.get_named_property("asyncDispose")?;
        if dispose.get_type()? == ValueType::Symbol {
            handle.set_property(dispose, close)?;
        }
        handle.set("close", close)?;
        Ok(handle.to_unknown())
    }

    /// Asks the thread to end.
    fn stop(&self) {
        self.context.abort.set();
        if let Some(wake) = &self.wake {
            wake.wake();
        }
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
    ts_args_type = "options?: PreviewOptions & CallControl",
    ts_return_type = "Promise<PreviewReport>"
)]
pub fn preview_sessions(env: Env, options: Option<Unknown<'_>>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, options, |options: preview::PreviewOptions, call| {
        let env = Environment::of_process();
        preview::preview(seen(&env, &call.abort), &options)
    })
}

/// Resumes a closed session now, without a terminal, and returns when the run has ended.
///
/// Rejects with `SESSION_NOT_FOUND`, `SESSION_AMBIGUOUS`, `SESSION_LIVE`, `RUN_REFUSED` or `VERIFICATION_FAILED`. An
/// aborted call no longer waits; a client that it started continues, and the next supervisor verifies what it did.
#[napi(
    catch_unwind,
    ts_args_type = "options: RunOptions & CallControl",
    ts_return_type = "Promise<RunReport>"
)]
pub fn resume_now(env: Env, options: Unknown<'_>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, Some(options), |options: run::RunOptions, call| {
        let env = Environment::of_process();
        run::run(seen(&env, &call.abort), std::process::id(), &options)
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
pub fn pause_sessions(env: Env, options: Unknown<'_>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, Some(options), |options: pause::PauseOptions, call| {
        let env = Environment::of_process();
        pause::pause(seen(&env, &call.abort), &options)
    })
}
