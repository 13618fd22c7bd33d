//! Reads the status of the service: whether it is installed, enabled and running, and whether any supervisor
//! is running.

use super::plan::{ManagerProgram, ServiceChange, ServiceOptions, domain, is_ours, plan, reach};
use super::{Manager, ServicePaths, launchd, schtasks, systemd};
use crate::error::{Code, Error, Result};
use crate::fs::{lossy, read_small};
use crate::program::{run, run_for_output};
use crate::store::StateDir;
use crate::store::lock::Lock;
use crate::world::World;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Name and version of the schema.
const SCHEMA: &str = "cc-session-recover/service@1";
/// Size limit of a service file, in bytes.
const LARGEST: u64 = 1024 * 1024;
/// Time limit for an answer of the manager.
const DEADLINE: Duration = Duration::from_secs(5);

/// Options of `serviceStatus`: the paths with which the installed file is compared.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "ServiceStatusOptions", optional_fields))]
pub struct ServiceStatusOptions {
    pub node: Option<PathBuf>,
    pub package_root: Option<PathBuf>,
}

/// Result of `serviceStatus`, schema `cc-session-recover/service@1`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ServiceStatus {
    /// Schema name and version of this object.
    #[cfg_attr(test, ts(type = "'cc-session-recover/service@1'"))]
    pub schema: &'static str,
    /// Service manager of this platform.
    pub manager: Manager,
    /// Path of the service file, whether or not it exists.
    #[serde(serialize_with = "lossy")]
    pub file: PathBuf,
    /// Whether the file exists and is ours.
    pub installed: bool,
    /// Whether the file equals what an installation would write now.
    pub current: Option<bool>,
    /// Whether the service is started at every login.
    pub enabled: Option<bool>,
    /// Whether the service manager has the service running.
    pub running: Option<bool>,
    /// Whether any supervisor of this user runs, however it was started.
    pub supervised: bool,
    /// Why the service manager cannot be queried from here; `null` if it can be.
    pub unreachable: Option<String>,
    /// Problem that blocks the service file; `null` if there is none.
    pub problem: Option<String>,
}

/// Reads the status without changing anything.
///
/// # Errors
/// [`Code::StateDirUnknown`].
pub fn status(world: World<'_>, options: &ServiceStatusOptions) -> Result<ServiceStatus> {
    let env = world.env;
    let manager = Manager::of_platform();
    let state = StateDir::new(env.state_dir()?);
    let place = manager.place(env, &state)?;
    let (installed, problem) = match place.check().and_then(|()| own_text(manager, &place.file)) {
        Ok(text) => (text.is_some(), None),
        Err(error) => (false, Some(error.to_string())),
    };
    let reach = reach(env, manager);
    let wanted = ServiceOptions {
        wanted: ServiceChange::Install,
        node: options.node.clone(),
        package_root: options.package_root.clone(),
        manager: None,
    };
    let current = plan(world, wanted).ok().filter(|_| installed).map(|plan| !plan.file.changes());
    Ok(ServiceStatus {
        schema: SCHEMA,
        manager,
        installed,
        current,
        enabled: if installed { is_enabled(manager, &place, &reach) } else { Some(false) },
        running: if installed { is_running(manager, &reach) } else { Some(false) },
        supervised: Lock::is_held(&state.supervisor_lease()),
        unreachable: reach.err(),
        problem,
        file: place.file,
    })
}

/// Returns the text of the service's file; `None` if there is no file.
///
/// # Errors
/// [`Code::PathRefused`] when it is not ours.
pub(super) fn own_text(manager: Manager, path: &Path) -> Result<Option<String>> {
    let Some(bytes) = read_small(path, LARGEST)? else { return Ok(None) };
    let text =
        if manager == Manager::Schtasks { schtasks::text(&bytes) } else { String::from_utf8(bytes).ok() };
    text.filter(|text| is_ours(text)).map(Some).ok_or_else(|| {
        Error::new(Code::PathRefused, "was not made by cc-session-recover and is left unchanged")
            .at(path)
            .hint("move it away if it is not needed")
    })
}

/// Returns the path of the link that enables the unit.
pub(super) fn wants(place: &ServicePaths) -> PathBuf {
    place.dir().join(format!("{}.wants", systemd::TARGET)).join(systemd::NAME)
}

/// Returns whether the path is a link to a unit with our name.
pub(super) fn is_taken(wants: &Path) -> bool {
    std::fs::read_link(wants).is_ok_and(|target| target.file_name().is_some_and(|name| name == systemd::NAME))
}

pub(super) fn is_enabled(manager: Manager, place: &ServicePaths, reach: &ManagerProgram) -> Option<bool> {
    match manager {
        Manager::Systemd => Some(is_taken(&wants(place))),
        Manager::Launchd => is_registered(manager, reach),
        Manager::Schtasks => {
            let mut query = Command::new(reach.as_ref().ok()?);
            query.args(["/Query", "/TN", schtasks::NAME, "/XML"]).current_dir("/");
            match run_for_output(&mut query, DEADLINE).ok()? {
                (end, output) if end.code == Some(0) => schtasks::starts_at_login(&output),
                _ => Some(false),
            }
        }
    }
}

/// Returns whether the manager runs the service; `None` for managers other than systemd, which do not report
/// it by exit code.
pub(super) fn is_running(manager: Manager, reach: &ManagerProgram) -> Option<bool> {
    match manager {
        Manager::Systemd => succeeds(reach, &["--user", "is-active", "--quiet", systemd::NAME]),
        Manager::Launchd | Manager::Schtasks => None,
    }
}

/// Whether the manager still knows the service by its name, whatever became of the file; `None` for systemd,
/// which knows what its files say, and for a manager that does not answer.
pub(super) fn is_registered(manager: Manager, reach: &ManagerProgram) -> Option<bool> {
    match manager {
        Manager::Systemd => None,
        Manager::Launchd => succeeds(reach, &["print", &format!("{}/{}", domain(), launchd::NAME)]),
        Manager::Schtasks => succeeds(reach, &["/Query", "/TN", schtasks::NAME]),
    }
}

fn succeeds(reach: &ManagerProgram, words: &[&str]) -> Option<bool> {
    let program = reach.as_ref().ok()?;
    run(Command::new(program).args(words).current_dir("/"), DEADLINE).ok().map(|ended| ended.code == Some(0))
}
