//! Exports for `watch --install`, `watch --uninstall` and `watch --status`.

use super::task::CoreTask;
use super::verbs::{seen, task};
use crate::env::Environment;
use crate::service::plan::{ServiceOptions, ServicePlan, apply, plan};
use crate::service::status::{ServiceStatusOptions, status};
use napi::Env;
use napi::bindgen_prelude::{AsyncTask, Unknown};
use napi_derive::napi;

/// Plans the installation or removal of the service that starts the supervisor at login. Reads only.
///
/// Rejects with `PATH_REFUSED`, `USAGE`, `STATE_DIR_UNKNOWN` or `IO`.
#[napi(catch_unwind, ts_args_type = "options: ServiceOptions", ts_return_type = "Promise<ServicePlan>")]
pub fn plan_service(env: Env, options: Unknown<'_>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, Some(options), |options: ServiceOptions, call| {
        let env = Environment::of_process();
        plan(seen(&env, &call.abort), options)
    })
}

/// Carries out a plan of {@link planService}. The report includes commands of the
/// service manager that failed.
///
/// Rejects with `CHANGED_MEANWHILE` or `STATE_LOCKED`, and otherwise like {@link planService}.
#[napi(catch_unwind, ts_args_type = "plan: ServicePlan", ts_return_type = "Promise<ServiceReport>")]
pub fn apply_service(env: Env, plan: Unknown<'_>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, Some(plan), |plan: ServicePlan, call| {
        let env = Environment::of_process();
        apply(seen(&env, &call.abort), &plan)
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
pub fn service_status(env: Env, options: Option<Unknown<'_>>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, options, |options: ServiceStatusOptions, call| {
        let env = Environment::of_process();
        status(seen(&env, &call.abort), &options)
    })
}
