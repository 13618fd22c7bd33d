//! Plans the installation or removal of the service as a value, and carries out exactly that. A file that is
//! not ours is never overwritten or removed. If the manager cannot be reached, the plan lists its commands
//! for the user to run.

use super::start::Start;
use super::status::{is_enabled, is_registered, is_running, is_taken, own_text, wants};
use super::{MARKER, Manager, ServicePaths, launchd, schtasks, systemd};
use crate::env::Environment;
use crate::error::{Code, Error, Result};
use crate::fs::{PRIVATE, own_uid};
use crate::program::{ProgramEnd, find, run};
use crate::project::{FileAction, FileStep};
use crate::store::lock::Lock;
use crate::store::replace::{remove, replace};
use crate::store::{StateDir, journal};
use crate::world::World;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Mode of a unit or an agent, as expected by their managers.
const SHARED: u32 = 0o644;
/// Longest wait for another process that changes the service.
const PATIENCE: Duration = Duration::from_secs(5);
/// Time limit for a command of the manager.
const DEADLINE: Duration = Duration::from_secs(30);

/// Change to make to the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum ServiceChange {
    /// Starts the supervisor at every login, and now.
    Install,
    Uninstall,
}

/// Options of `planService`: the change to prepare.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct ServiceOptions {
    pub wanted: ServiceChange,
    /// Absolute path of Node.js; required to install.
    #[serde(default)]
    pub node: Option<PathBuf>,
    /// Root of the installed package; required to install.
    #[serde(default)]
    pub package_root: Option<PathBuf>,
    /// Service manager of another platform, to see what would be written there. Such a
    /// plan cannot be applied.
    #[serde(default)]
    pub manager: Option<Manager>,
}

/// A command of the service manager.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct CommandStep {
    pub argv: Vec<String>,
    /// What the command does.
    pub why: String,
    /// Whether a failure of the command is harmless.
    pub may_fail: bool,
    /// Whether the command succeeded; `null` if it was not run.
    pub done: Option<bool>,
    /// What went wrong; `null` if nothing did.
    pub complaint: Option<String>,
}

/// Everything that installing or uninstalling the service will do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ServicePlan {
    pub manager: Manager,
    pub wanted: ServiceChange,
    pub file: FileStep,
    /// Commands to run before the file is removed.
    pub before: Vec<CommandStep>,
    /// Commands to run after the file is written or removed.
    pub after: Vec<CommandStep>,
    /// Why the service manager cannot be reached from here, so that its commands are left to the user; `null`
    /// if it can be.
    pub unreachable: Option<String>,
    pub warnings: Vec<String>,
    /// Options from which the plan was made.
    pub options: ServiceOptions,
}

/// Result of applying a service plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ServiceReport {
    pub manager: Manager,
    pub wanted: ServiceChange,
    /// Whether anything was changed.
    pub changed: bool,
    /// Whether all commands succeeded and none is left for the user to run.
    pub complete: bool,
    pub file: FileStep,
    /// Commands that were run, and those that are left for the user to run (`done: null`).
    pub commands: Vec<CommandStep>,
    /// Why the service manager could not be reached.
    pub unreachable: Option<String>,
    pub warnings: Vec<String>,
}

/// Computes the plan without changing anything.
///
/// # Errors
/// [`Code::PathRefused`] for a file in the way that is not ours, a link that leads elsewhere, or a
/// package in a temporary or project directory; [`Code::Usage`] without the options that an
/// installation needs; [`Code::StateDirUnknown`]; [`Code::Io`].
pub fn plan(world: World<'_>, options: ServiceOptions) -> Result<ServicePlan> {
    let env = world.env;
    let manager = options.manager.unwrap_or(Manager::of_platform());
    let state = StateDir::new(env.state_dir()?);
    let place = manager.place(env, &state)?;
    place.check()?;
    let path = place.file.clone();
    let before = own_text(manager, &path)?;
    let reach = reach(env, manager);
    let mut warnings = Vec::new();
    let (file, commands) = match options.wanted {
        ServiceChange::Install => {
            let (Some(node), Some(root)) = (&options.node, &options.package_root) else {
                return Err(Error::new(Code::Usage, "an installation needs node and packageRoot"));
            };
            let start = Start::of(env, &state, manager, node, root)?;
            let after = text_of(env, manager, &start);
            warnings.extend(start.warnings);
            let (action, why) = match &before {
                None => (FileAction::Create, "starts the supervisor at every login"),
                Some(text) if *text == after => (FileAction::Keep, "is up to date"),
                Some(_) => (FileAction::Replace, "starts the current version of the supervisor"),
            };
            let running = is_running(manager, &reach);
            let settled = action == FileAction::Keep
                && is_enabled(manager, &place, &reach) == Some(true)
                && running != Some(false);
            let commands = if settled {
                (Vec::new(), Vec::new())
            } else {
                (Vec::new(), install_commands(manager, &reach, action, &path))
            };
            (FileStep { path, action, why: why.into(), before, after: Some(after) }, commands)
        }
        ServiceChange::Uninstall => {
            let present = before.is_some();
            let (action, why) = if present {
                (FileAction::Remove, "starts the supervisor")
            } else {
                (FileAction::Keep, "is not installed")
            };
            let commands =
                if present { uninstall_commands(manager, &reach) } else { (Vec::new(), Vec::new()) };
            (FileStep { path, action, why: why.into(), before, after: None }, commands)
        }
    };
    if file.changes() && manager == Manager::Systemd && options.wanted == ServiceChange::Install {
        warnings.push(
            "it runs while you are logged in; `loginctl enable-linger` lets it run when you are logged out too".into(),
        );
    }
    let (before, after) = commands;
    let unreachable = reach.err().filter(|_| !(before.is_empty() && after.is_empty()));
    Ok(ServicePlan { manager, wanted: options.wanted, file, before, after, unreachable, warnings, options })
}

/// The manager's program, or why it cannot be reached.
pub(super) type ManagerProgram = std::result::Result<PathBuf, String>;

/// Finds the manager's program, if it can be reached from here.
pub(super) fn reach(env: &Environment, manager: Manager) -> ManagerProgram {
    if manager != Manager::of_platform() {
        return Err("it belongs to another platform".into());
    }
    match manager {
        Manager::Systemd => {
            let socket = env.absolute("XDG_RUNTIME_DIR").map(|dir| dir.join("systemd/private"));
            if socket.is_none_or(|socket| !socket.exists()) {
                return Err("no user manager of systemd runs for this login".into());
            }
            find(env, "systemctl", None).ok_or_else(|| "systemctl is not on PATH".into())
        }
        Manager::Launchd => Some(PathBuf::from("/bin/launchctl"))
            .filter(|program| program.is_file())
            .ok_or_else(|| "/bin/launchctl does not exist".into()),
        Manager::Schtasks => env
            .absolute("SystemRoot")
            .map(|root| root.join(r"System32\schtasks.exe"))
            .filter(|program| program.is_file())
            .ok_or_else(|| "schtasks.exe does not exist".into()),
    }
}

fn text_of(env: &Environment, manager: Manager, start: &Start) -> String {
    match manager {
        Manager::Systemd => systemd::unit(start),
        Manager::Launchd => launchd::agent(start),
        Manager::Schtasks => schtasks::task(start, schtasks::user(env).as_deref()),
    }
}

/// Returns the launchd domain of a desktop login.
pub(super) fn domain() -> String {
    format!("gui/{}", own_uid().unwrap_or(0))
}

fn command(manager: Manager, reach: &ManagerProgram, words: &[&str], why: &str) -> CommandStep {
    let bare = match manager {
        Manager::Systemd => "systemctl",
        Manager::Launchd => "launchctl",
        Manager::Schtasks => "schtasks",
    };
    let program =
        reach.as_ref().map_or_else(|_| bare.to_owned(), |program| program.to_string_lossy().into_owned());
    let argv = std::iter::once(program).chain(words.iter().map(|word| (*word).to_owned())).collect();
    CommandStep { argv, why: why.into(), may_fail: false, done: None, complaint: None }
}

fn install_commands(
    manager: Manager,
    reach: &ManagerProgram,
    action: FileAction,
    path: &Path,
) -> Vec<CommandStep> {
    let step = |words: &[&str], why| command(manager, reach, words, why);
    let file = path.to_string_lossy();
    match manager {
        Manager::Systemd => {
            let mut steps = vec![step(&["--user", "daemon-reload"], "reads the unit")];
            if action == FileAction::Create {
                steps.push(step(
                    &["--user", "enable", "--now", systemd::NAME],
                    "starts it now and at every login",
                ));
            } else {
                steps.push(step(&["--user", "enable", systemd::NAME], "starts it at every login"));
                steps.push(step(
                    &["--user", "restart", systemd::NAME],
                    "restarts it with the current settings",
                ));
            }
            steps
        }
        Manager::Launchd => {
            let domain = domain();
            let out = CommandStep {
                may_fail: true,
                ..step(&["bootout", &format!("{domain}/{}", launchd::NAME)], "ends the running supervisor")
            };
            vec![out, step(&["bootstrap", &domain, &file], "starts it now and at every login")]
        }
        Manager::Schtasks => vec![
            step(&["/Create", "/TN", schtasks::NAME, "/XML", &file, "/F"], "starts it at every login"),
            step(&["/Run", "/TN", schtasks::NAME], "starts it now"),
        ],
    }
}

fn uninstall_commands(manager: Manager, reach: &ManagerProgram) -> (Vec<CommandStep>, Vec<CommandStep>) {
    let step = |words: &[&str], why| command(manager, reach, words, why);
    let tolerant = |words: &[&str], why| CommandStep { may_fail: true, ..step(words, why) };
    match manager {
        Manager::Systemd => (
            vec![step(&["--user", "disable", "--now", systemd::NAME], "stops it and disables it at login")],
            vec![step(&["--user", "daemon-reload"], "forgets the unit")],
        ),
        Manager::Launchd => {
            (vec![tolerant(&["bootout", &format!("{}/{}", domain(), launchd::NAME)], "ends it")], Vec::new())
        }
        Manager::Schtasks => (
            vec![
                tolerant(&["/End", "/TN", schtasks::NAME], "ends it"),
                tolerant(&["/Delete", "/TN", schtasks::NAME, "/F"], "removes it from the task scheduler"),
            ],
            Vec::new(),
        ),
    }
}

/// Carries out a plan. The plan is computed again from its options, so changes that a caller made to it have
/// no effect, and its file step must be equal.
///
/// # Errors
/// As [`plan`]; [`Code::ChangedMeanwhile`]. A manager command that fails is not an error, but
/// part of the report.
pub fn apply(world: World<'_>, planned: &ServicePlan) -> Result<ServiceReport> {
    let state = StateDir::new(world.env.state_dir()?);
    let _lock = Lock::wait(&state.service_lock(), PATIENCE)?;
    let plan = plan(world, planned.options.clone())?;
    if plan.file != planned.file {
        return Err(Error::new(Code::ChangedMeanwhile, "changed since it was planned")
            .at(&plan.file.path)
            .hint("run the command again"));
    }
    if plan.manager != Manager::of_platform() {
        return Err(Error::new(Code::Usage, "the plan is for the service manager of another platform"));
    }
    let ServicePlan { manager, wanted, file, mut before, mut after, unreachable, warnings, .. } = plan;
    // After a removal the user has nothing to run: a manager that cannot be reached does
    // not know the service.
    if unreachable.is_some() && wanted == ServiceChange::Uninstall {
        before.clear();
        after.clear();
    }
    if unreachable.is_none() {
        run_all(&mut before);
    }
    write(manager, &file)?;
    if wanted == ServiceChange::Uninstall && manager == Manager::Systemd {
        clear_up(&manager.place(world.env, &state)?)?;
    }
    if unreachable.is_none() {
        run_all(&mut after);
    }
    let commands: Vec<CommandStep> = before.into_iter().chain(after).collect();
    let still_registered = || is_registered(manager, &reach(world.env, manager)) == Some(true);
    let complete = is_complete(wanted, &commands, still_registered);
    let changed = file.changes() || commands.iter().any(|step| step.done.is_some());
    if changed {
        journal::append(
            &state,
            world.clock,
            "service",
            json!({"wanted": wanted, "file": file.path, "complete": complete}),
        );
    }
    Ok(ServiceReport { manager, wanted, changed, complete, file, commands, unreachable, warnings })
}

fn write(manager: Manager, file: &FileStep) -> Result<()> {
    match (file.action, &file.after) {
        (FileAction::Keep, _) => Ok(()),
        (FileAction::Remove, _) => remove(&file.path),
        (_, Some(text)) if manager == Manager::Schtasks => {
            replace(&file.path, &schtasks::bytes(text), PRIVATE)
        }
        (_, Some(text)) => replace(&file.path, text.as_bytes(), SHARED),
        (_, None) => Ok(()),
    }
}

/// Removes what remains if systemd was not asked: the link that enables the unit, and directories
/// that are now empty.
fn clear_up(place: &ServicePaths) -> Result<()> {
    let wants = wants(place);
    if is_taken(&wants) {
        remove(&wants)?;
    }
    let dirs = wants.parent().into_iter().chain(place.file.ancestors().skip(1));
    for dir in dirs.take_while(|dir| *dir != place.base && dir.starts_with(&place.base)) {
        // A directory with any other contents stays.
        if std::fs::remove_dir(dir).is_err() && dir.exists() {
            break;
        }
    }
    Ok(())
}

/// Whether the commands achieved the change. A tolerated failure to remove a service is only accepted once
/// the manager no longer knows it: otherwise it would start again at the next login, without its file.
fn is_complete(
    wanted: ServiceChange,
    commands: &[CommandStep],
    still_registered: impl FnOnce() -> bool,
) -> bool {
    let failed = |step: &CommandStep| step.done == Some(false);
    let ran = commands.iter().all(|step| step.done == Some(true) || step.may_fail && failed(step));
    let in_doubt = wanted == ServiceChange::Uninstall && commands.iter().any(failed);
    ran && !(in_doubt && still_registered())
}

/// Runs the commands in order, until one fails that must not fail.
fn run_all(steps: &mut [CommandStep]) {
    for step in steps {
        let mut command = Command::new(&step.argv[0]);
        command.args(&step.argv[1..]).current_dir("/");
        let complaint = match run(&mut command, DEADLINE) {
            Ok(ProgramEnd { code: Some(0), .. }) => None,
            Ok(ProgramEnd { code, complaint }) => {
                let how = code.map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"));
                Some(if complaint.is_empty() {
                    format!("ended with {how}")
                } else {
                    format!("ended with {how}: {complaint}")
                })
            }
            Err(why) => Some(why),
        };
        step.done = Some(complaint.is_none());
        step.complaint = complaint;
        if step.done == Some(false) && !step.may_fail {
            break;
        }
    }
}

/// Returns whether we wrote a text: the marker is in one of its first lines.
pub(super) fn is_ours(text: &str) -> bool {
    text.lines().take(5).any(|line| line.contains(MARKER))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Verb of each command and whether it may fail, in the order in which they run.
    type Steps = &'static [(&'static str, bool)];
    const MUST: bool = false;
    const MAY: bool = true;

    fn steps<'a>(planned: &'a [CommandStep]) -> Vec<(&'a str, bool)> {
        let verb = |step: &'a CommandStep| step.argv[1..].iter().find(|word| *word != "--user").unwrap();
        planned.iter().map(|step| (verb(step).as_str(), step.may_fail)).collect()
    }

    #[test]
    fn a_tolerated_failure_completes_a_removal_only_of_a_service_that_is_not_registered_any_more() {
        use ServiceChange::{Install, Uninstall};
        let step = |may_fail, done| CommandStep {
            may_fail,
            done,
            ..command(Manager::Schtasks, &Err("not asked".into()), &["/Delete"], "")
        };
        let (gone, registered) = (false, true);
        for (wanted, steps, still, complete) in [
            (Uninstall, vec![], registered, true),
            (Uninstall, vec![step(MAY, Some(true))], registered, true),
            (Uninstall, vec![step(MAY, Some(false)), step(MAY, Some(true))], gone, true),
            (Uninstall, vec![step(MAY, Some(true)), step(MAY, Some(false))], gone, true),
            (Uninstall, vec![step(MAY, Some(true)), step(MAY, Some(false))], registered, false),
            (Uninstall, vec![step(MUST, Some(false))], gone, false),
            (Uninstall, vec![step(MAY, None)], gone, false),
            (Install, vec![step(MAY, Some(false)), step(MUST, Some(true))], registered, true),
            (Install, vec![step(MAY, Some(true)), step(MUST, Some(false))], registered, false),
            (Install, vec![step(MUST, None)], registered, false),
        ] {
            assert_eq!(is_complete(wanted, &steps, || still), complete, "{wanted:?} {still} {steps:?}");
        }
    }

    #[test]
    fn only_ending_a_service_that_may_not_run_is_allowed_to_fail() {
        use FileAction::{Create, Keep, Replace};
        let reach: ManagerProgram = Err("not asked".into());
        // launchd and the task scheduler refuse to end a service that is not loaded, and an agent or task that
        // the user removed by hand is not registered any more.
        let install: [(Manager, &[FileAction], Steps); 4] = [
            (Manager::Systemd, &[Create], &[("daemon-reload", MUST), ("enable", MUST)]),
            (
                Manager::Systemd,
                &[Replace, Keep],
                &[("daemon-reload", MUST), ("enable", MUST), ("restart", MUST)],
            ),
            (Manager::Launchd, &[Create, Replace, Keep], &[("bootout", MAY), ("bootstrap", MUST)]),
            (Manager::Schtasks, &[Create, Replace, Keep], &[("/Create", MUST), ("/Run", MUST)]),
        ];
        let uninstall: [(Manager, Steps); 3] = [
            (Manager::Systemd, &[("disable", MUST), ("daemon-reload", MUST)]),
            (Manager::Launchd, &[("bootout", MAY)]),
            (Manager::Schtasks, &[("/End", MAY), ("/Delete", MAY)]),
        ];
        for (manager, actions, expected) in install {
            for action in actions {
                let planned = install_commands(manager, &reach, *action, Path::new("/x/file"));
                assert_eq!(steps(&planned), expected, "install {manager:?} {action:?}");
            }
        }
        for (manager, expected) in uninstall {
            let (before, after) = uninstall_commands(manager, &reach);
            assert_eq!(steps(&[before, after].concat()), expected, "uninstall {manager:?}");
        }
    }
}
