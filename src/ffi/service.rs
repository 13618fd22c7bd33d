//! Exports for `watch --install`, `watch --uninstall` and `watch --status`.

use super::task::CoreTask;
use super::verbs::task;
use crate::claude::process::SystemProcesses;
use crate::clock::SystemClock;
use crate::env::Environment;
use crate::service::plan::{ServiceOptions, ServicePlan, apply, plan};
use crate::service::status::{ServiceStatusOptions, status};
use crate::world::World;
use napi::bindgen_prelude::AsyncTask;
use napi_derive::napi;
use serde_json::Value;

/// Plans the installation or removal of the service that starts the supervisor at login. Reads only.
///
/// Rejects with `PATH_REFUSED`, `USAGE`, `STATE_DIR_UNKNOWN` or `IO`.
#[napi(catch_unwind, ts_args_type = "options: ServiceOptions", ts_return_type = "Promise<ServicePlan>")]
#[must_use]
pub fn plan_service(options: Value) -> AsyncTask<CoreTask> {
    task(Some(options), |options: ServiceOptions| {
        let env = Environment::of_process();
        plan(World { env: &env, clock: &SystemClock, processes: &SystemProcesses }, options)
    })
}

/// Carries out a plan of {@link planService}. The report includes commands of the
/// service manager that failed.
///
/// Rejects with `CHANGED_MEANWHILE` or `STATE_LOCKED`, and otherwise like {@link planService}.
#[napi(catch_unwind, ts_args_type = "plan: ServicePlan", ts_return_type = "Promise<ServiceReport>")]
#[must_use]
pub fn apply_service(plan: Value) -> AsyncTask<CoreTask> {
    task(Some(plan), |plan: ServicePlan| {
        let env = Environment::of_process();
        apply(World { env: &env, clock: &SystemClock, processes: &SystemProcesses }, &plan)
    })
}

/// Whether the service is installed, enabled and running. Reads only.
///
/// Rejects with `STATE_DIR_UNKNOWN`.
#[napi(
    catch_unwind,
    ts_args_type = "options?: ServiceStatusOptions",
    ts_return_type = "Promise<ServiceStatus>"
)]
#[must_use]
pub fn service_status(options: Option<Value>) -> AsyncTask<CoreTask> {
    task(options, |options: ServiceStatusOptions| {
        let env = Environment::of_process();
        status(World { env: &env, clock: &SystemClock, processes: &SystemProcesses }, &options)
    })
}
