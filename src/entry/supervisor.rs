//! Entry points of a supervisor process.

use crate::claude::process::SystemProcesses;
use crate::clock::SystemClock;
use crate::env::Environment;
use crate::error::Error;
use crate::recovery::supervise::{Supervisor, SupervisorContext, WatchOptions};
use crate::rescue::prune::tend_kept;
use crate::trust::account::Provenance;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Creates the context of a supervisor that runs in this process.
pub fn context(provenance: impl FnOnce(&Environment) -> Provenance) -> SupervisorContext {
    let env = Environment::of_process();
    SupervisorContext {
        provenance: provenance(&env),
        env,
        clock: Box::new(SystemClock),
        processes: Box::new(SystemProcesses),
        pid: std::process::id(),
        tend_kept,
        abort: crate::abort::AbortFlag::new(),
    }
}

/// Supervises all closed sessions until none of them has pending work. Called in a process that a hook
/// started.
pub fn until_no_work_is_pending() {
    std::panic::set_hook(Box::new(|_| {}));
    // A client sets this variable for its hooks, and a supervisor inherits it from the hook that starts it.
    let of_hook = |env: &Environment| match env.text("CLAUDE_CODE_SESSION_ID") {
        Some(session) => Provenance::ClientOf(session.to_owned()),
        None => Provenance::SomeClient,
    };
    let supervise = || Supervisor::new(context(of_hook), WatchOptions::default())?.until_no_work_is_pending();
    // No process reads the result; the journal contains what was done.
    let _: std::thread::Result<Result<(), Error>> = catch_unwind(AssertUnwindSafe(supervise));
}

/// Supervises all closed sessions until the process is terminated. Called by the user's service.
///
/// # Errors
///
/// Returns the errors of [`Supervisor::new`] and of its passes.
pub fn without_end() -> Result<Infallible, Error> {
    Supervisor::new(context(|_| Provenance::User), WatchOptions::default())?.without_end()
}
