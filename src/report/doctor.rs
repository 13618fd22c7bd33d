//! Checks whether sessions on this machine can be recorded, saved and continued. Each check inspects one
//! thing and reports the fact, its path, and what to do next. It writes nothing, reads no credential, and
//! starts a program only to check whether the service runs.

use super::arms::{ServedSession, ServingArm, served_sessions};
use super::inventory::{Inventory, ReportContext};
use super::list::directory;
use super::session::{ConflictCopy, TranscriptLoss};
use super::words::count_words;
use crate::claude::home::{ClaudeHome, all_homes};
use crate::claude::program::locate;
use crate::claude::retention::RetentionLimit;
use crate::claude::settings::{Settings, managed_dir, value_of};
use crate::clock::rfc3339;
use crate::config::{InForce, in_force};
use crate::error::{Error, Result};
use crate::fs::{canonical, lossy_or_null, open_regular, read_small};
use crate::keep::{kept_of, kept_register, loss_of};
use crate::note::handoff::{FILE_NAME, blocks, edited_blocks};
use crate::program::find;
use crate::project::checkout::{Checkout, can_be_covered, is_covered, project_of};
use crate::project::hooks::{HookEntry, MARKER, entries, ours, quoted};
use crate::project::init::{self, InitOptions, InitPlan};
use crate::project::plugin::{self, ModuleOff};
use crate::project::runtime::has_program;
use crate::project::{FileAction, HookScope};
use crate::recovery::incident::Incident;
use crate::service::status::{ServiceStatusOptions, status as service_status};
use crate::session::files::project_directories;
use crate::session::owners::version_of;
use crate::session::scan::{self, Found};
use crate::session::stop::time;
use crate::store::snapshot::ensure_room;
use crate::store::stored::peek;
use crate::store::{StateDir, journal};
use crate::trust::account::{SettingsPlace, kept_from_hooks, kept_from_hooks_words};
use crate::trust::enabled::{Enabled, find as enabled_of};
use crate::watch::saving::Unsaved;
use crate::world::World;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Schema name and version of this object.
const SCHEMA: &str = "cc-session-recover/doctor@1";
/// How long an unsaved session keeps being reported.
const RECENT: TimeDelta = TimeDelta::days(14);
/// Age above which events in the spool count as stuck.
const STALE: TimeDelta = TimeDelta::minutes(10);
/// Days of transcript retention below which transcripts are deleted before many stops are noticed.
const SOON: u64 = 7;
/// Minimum free space, in bytes, where transcripts and their copies are written.
const ROOM: u64 = 200 * 1024 * 1024;
/// Maximum number of state files whose permissions are checked.
const MOST_FILES: usize = 20_000;
/// Maximum number of open sessions that are listed.
const MOST_OPEN: usize = 20;
/// Maximum number of conflict copies that are listed.
const MOST_CONFLICTS: usize = 5;
/// Number of bytes of a transcript that are searched for its first timestamp.
const BEGINNING: u64 = 64 * 1024;
/// Size limit of a note that is inspected, in bytes.
const LARGEST_NOTE: u64 = 4 * 1024 * 1024;
/// Variables with which a client can log in without a file.
const CREDENTIALS: [&str; 6] = [
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_VERTEX",
    "CLAUDE_CODE_USE_FOUNDRY",
];

/// What `doctor` should check.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct DoctorOptions {
    /// Project directory; the working directory if absent.
    #[serde(default)]
    pub project: Option<PathBuf>,
    pub package_root: PathBuf,
    /// Path of the loaded addon, if it is not in the package's root.
    #[serde(default)]
    pub addon: Option<PathBuf>,
    /// Absolute path of the running Node.js.
    #[serde(default)]
    pub node: Option<PathBuf>,
    /// Version of the running Node.js.
    #[serde(default)]
    pub node_version: Option<String>,
}

/// Status of one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum CheckStatus {
    Ok,
    /// Recovery works, but needs attention.
    Warn,
    /// Recovery does not work as intended.
    Fail,
}

/// Stable name of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum DoctorCheckId {
    Node,
    Client,
    Setup,
    Hooks,
    Plugin,
    Runtime,
    Launcher,
    Coverage,
    Ran,
    HooksAllowed,
    Module,
    Config,
    Saving,
    ConflictCopies,
    Retention,
    Kept,
    Note,
    State,
    Privacy,
    Journal,
    Incidents,
    Spool,
    Quarantine,
    Supervisor,
    Credential,
    Session,
}

/// Result of one check.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct DoctorCheck {
    /// Stable name of the check. A report may contain several checks with one name.
    pub id: DoctorCheckId,
    /// `ok`: nothing is wrong. `warn`: it works, but needs attention. `fail`: recovery does
    /// not work as intended.
    pub status: CheckStatus,
    /// The finding, in one sentence.
    pub fact: String,
    /// The file or directory that the check is about.
    #[serde(serialize_with = "lossy_or_null")]
    pub path: Option<PathBuf>,
    /// What to do next; `null` if there is nothing to do.
    pub next: Option<String>,
}

impl DoctorCheck {
    fn new(id: DoctorCheckId, status: CheckStatus, fact: impl Into<String>) -> Self {
        Self { id, status, fact: fact.into(), path: None, next: None }
    }

    fn ok(id: DoctorCheckId, fact: impl Into<String>) -> Self {
        Self::new(id, CheckStatus::Ok, fact)
    }

    fn warn(id: DoctorCheckId, fact: impl Into<String>) -> Self {
        Self::new(id, CheckStatus::Warn, fact)
    }

    fn fail(id: DoctorCheckId, fact: impl Into<String>) -> Self {
        Self::new(id, CheckStatus::Fail, fact)
    }

    fn of_error(id: DoctorCheckId, status: CheckStatus, error: &Error) -> Self {
        Self {
            path: error.path.clone(),
            next: error.hint.clone(),
            ..Self::new(id, status, error.message.clone())
        }
    }

    fn at(mut self, path: impl Into<PathBuf>) -> Self {
        self.path = Some(path.into());
        self
    }

    fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }
}

/// Result of `doctor`, schema `cc-session-recover/doctor@1`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct DoctorReport {
    /// Schema name and version of this object.
    #[cfg_attr(test, ts(type = "'cc-session-recover/doctor@1'"))]
    pub schema: &'static str,
    /// Time when this result was generated, RFC 3339.
    #[serde(serialize_with = "time")]
    pub generated_at: DateTime<Utc>,
    /// Path of the checked project.
    #[serde(serialize_with = "crate::fs::lossy")]
    pub project: PathBuf,
    /// Whether no check failed.
    pub ok: bool,
    /// The result of every check.
    pub checks: Vec<DoctorCheck>,
}

/// Input shared by the checks.
struct DoctorContext<'a> {
    world: World<'a>,
    options: &'a DoctorOptions,
    state: StateDir,
    home: Option<ClaudeHome>,
    /// The directory given by the user.
    asked: PathBuf,
    /// The project whose hooks cover sessions in `asked` or, without one, `asked` itself.
    project: PathBuf,
    /// Records of the hooks installed in the project and in the user's own settings.
    enabled: Vec<Enabled>,
    settings: Settings,
    /// Directory of an organization's managed settings.
    managed: PathBuf,
    config: InForce,
}

/// Runs all checks.
///
/// # Errors
///
/// Returns [`crate::error::Code::ProjectNotFound`], [`crate::error::Code::StateDirUnknown`].
pub fn doctor(world: World<'_>, options: &DoctorOptions) -> Result<DoctorReport> {
    examine(world, options, &managed_dir())
}

fn examine(world: World<'_>, options: &DoctorOptions, managed: &Path) -> Result<DoctorReport> {
    let env = world.env;
    let state = StateDir::new(env.state_dir()?);
    let asked = match &options.project {
        Some(named) => directory(named)?,
        None => canonical(env.cwd()).unwrap_or_else(|_| env.cwd().to_path_buf()),
    };
    let project = project_of(&state, env, &asked).unwrap_or_else(|| asked.clone());
    let home = env.claude_config_dir().map(ClaudeHome::new);
    let enabled = [Some(project.as_path()), None];
    let enabled = enabled.into_iter().filter_map(|scope| enabled_of(&state, env, scope)).collect();
    let settings =
        home.as_ref().map(|home| Settings::read(home, Some(&project), managed)).unwrap_or_default();
    let config = in_force(env, Some(&project));
    let managed = managed.to_path_buf();
    let patient =
        DoctorContext { world, options, state, home, asked, project, enabled, settings, managed, config };
    let checks = patient.checks();
    Ok(DoctorReport {
        schema: SCHEMA,
        generated_at: world.clock.now(),
        ok: checks.iter().all(|check| check.status != CheckStatus::Fail),
        project: patient.project,
        checks,
    })
}

impl DoctorContext<'_> {
    fn checks(&self) -> Vec<DoctorCheck> {
        let mut checks = vec![self.node(), self.client()];
        checks.extend(self.set_up());
        checks.extend(self.coverage());
        checks.extend(self.ran());
        checks.push(self.hooks_allowed());
        checks.extend(self.module());
        checks.push(self.configuration());
        checks.extend(self.saving());
        checks.extend(self.conflict_copies());
        checks.extend(self.retention());
        checks.extend([self.note(), self.state_dir(), self.privacy(), self.journal()]);
        checks.extend([self.incidents(), self.spool(), self.quarantine()]);
        checks.extend([self.supervisor(), self.credential()]);
        checks.extend(self.open_sessions());
        checks
    }

    /// Checks the Node.js that hooks start: the recorded one or, without one, the one on the PATH of their
    /// client.
    fn node(&self) -> DoctorCheck {
        let running = self.options.node_version.as_deref().unwrap_or("of an unknown version");
        let recorded = self.state.recorded_nodes();
        if let Some(path) = recorded.iter().find(|path| which::which(path).is_ok()) {
            let same = self
                .options
                .node
                .as_deref()
                .map(canonical)
                .is_some_and(|node| node.ok() == canonical(path).ok());
            let fact = if same {
                format!("Node.js {running}")
            } else {
                format!("hooks start this Node.js; {running} runs now")
            };
            return DoctorCheck::ok(DoctorCheckId::Node, fact).at(path);
        }
        let again = "run cc-session-recover init: it records the Node.js that runs it";
        let on_path = find(self.world.env, "node", Some(&self.project));
        match (recorded.first(), on_path) {
            // There are no hooks here, or hooks of an earlier version, which another check reports.
            (None, Some(path)) => DoctorCheck::ok(DoctorCheckId::Node, format!("Node.js {running}")).at(path),
            (None, None) => DoctorCheck::fail(
                DoctorCheckId::Node,
                "no Node.js is recorded or on PATH, so the hooks cannot run",
            )
            .next(again),
            (Some(gone), Some(_)) => {
                let fact = "the Node.js that ran init no longer exists; hooks use the Node.js on the PATH of their client, if any";
                DoctorCheck::warn(DoctorCheckId::Node, fact).at(gone).next(again)
            }
            (Some(gone), None) if has_program(&self.state) => {
                let fact = "the Node.js that ran init no longer exists and none is on PATH; hooks run the native program instead, and a webhook is not posted";
                DoctorCheck::warn(DoctorCheckId::Node, fact).at(gone).next(again)
            }
            (Some(gone), None) => DoctorCheck::fail(
                DoctorCheckId::Node,
                "the Node.js that ran init no longer exists and none is on PATH, so the hooks cannot run",
            )
            .at(gone)
            .next(again),
        }
    }

    /// Checks whether sessions in the given directory run the hooks of its project, if
    /// that is another directory.
    fn coverage(&self) -> Option<DoctorCheck> {
        let id = DoctorCheckId::Coverage;
        let set_up = self.enabled.iter().any(|enabled| enabled.settings.values().any(|image| image.hooks));
        if !set_up {
            return None;
        }
        let env = self.world.env;
        let user =
            |enabled: &Enabled| enabled.settings.get(&HookScope::User).is_some_and(|image| image.hooks);
        if self.enabled.iter().any(user)
            || plugin::is_on(&self.state, env.claude_config_dir().as_deref(), Some(&self.project))
        {
            return Some(DoctorCheck::ok(id, "your own hooks run for sessions in every directory"));
        }
        let covered = is_covered(&self.state, env, &self.project);
        let local = self.project.join(".claude/settings.local.json");
        // Claude Code runs hooks that are identical in two files once, and different ones twice.
        let differs = value_of(&local)
            .and_then(std::result::Result::ok)
            .and_then(|value| difference(&ours(&value), &entries(HookScope::Local, &local)));
        if let Some(fact) = differs.filter(|_| covered) {
            return Some(DoctorCheck::warn(id, fact).at(local).next("run cc-session-recover init"));
        }
        if self.asked == self.project {
            return Some(if covered {
                DoctorCheck::ok(id, "sessions in subdirectories and worktrees run the hooks too").at(local)
            } else if can_be_covered(&self.project) {
                DoctorCheck::warn(id, "sessions started in a subdirectory or worktree run no hooks: they are not in settings.local.json")
                    .at(local)
                    .next("run cc-session-recover init, or cc-session-recover init --user")
            } else {
                DoctorCheck::ok(
                    id,
                    "sessions started in a subdirectory run no hooks: cc-session-recover init --user reaches them",
                )
            });
        }
        // A worktree has the committed settings of its branch.
        let committed = value_of(&self.asked.join(".claude/settings.json"))
            .is_some_and(|value| value.is_ok_and(|value| !ours(&value).is_empty()));
        let linked = Checkout::of(&self.asked).is_some_and(|checkout| !checkout.is_main());
        let here = if linked { "worktree" } else { "subdirectory" };
        Some(if covered || linked && committed {
            DoctorCheck::ok(
                id,
                format!("sessions in this {here} run the hooks of {}", self.project.display()),
            )
            .at(&self.asked)
        } else {
            let fact = format!(
                "sessions started in this {here} run no hooks: those of {} do not reach them",
                self.project.display()
            );
            let start = format!(
                "run cc-session-recover init --user, or start sessions in {}",
                self.project.display()
            );
            DoctorCheck::fail(id, fact).at(&self.asked).next(start)
        })
    }

    /// Checks whether hooks ran in the sessions started since `init`, according to their transcripts.
    fn ran(&self) -> Option<DoctorCheck> {
        let id = DoctorCheckId::Ran;
        let since = self.enabled.iter().filter(|enabled| enabled.settings.values().any(|image| image.hooks));
        let since = since.map(|enabled| enabled.at).min()?;
        let dir = self.home.as_ref()?.project(&self.project);
        let started: Vec<PathBuf> = files_of(&dir, "jsonl")
            .into_iter()
            .filter(|path| first_time(path).is_some_and(|at| at > since))
            .collect();
        let hooked = started.iter().filter(|path| {
            path.file_stem().is_some_and(|id| self.state.session(&id.to_string_lossy()).exists())
        });
        Some(match (hooked.count(), started.len()) {
            (_, 0) => DoctorCheck::ok(id, "no session has been started here since init"),
            (0, count) => {
                let fact = format!(
                    "no hook has run since init, although {count} session{} started here",
                    if count == 1 { " was" } else { "s were" }
                );
                DoctorCheck::fail(id, fact)
                    .at(dir)
                    .next("start claude here: it must trust the folder, and /hooks must list the hooks")
            }
            (hooked, count) => {
                DoctorCheck::ok(id, format!("hooks ran in {hooked} of {count} sessions since init"))
            }
        })
    }

    fn client(&self) -> DoctorCheck {
        let path = match locate(self.world.env, Some(&self.project)) {
            Ok(path) => path,
            Err(error) => return DoctorCheck::of_error(DoctorCheckId::Client, CheckStatus::Fail, &error),
        };
        let real = canonical(&path).unwrap_or_else(|_| path.clone());
        let Some(version) = version_of(&real) else {
            return DoctorCheck::warn(DoctorCheckId::Client, "Claude Code of an unknown version")
                .at(path)
                .next("run claude --version: before 2.1.120 no hook can wake a session");
        };
        let old = |fact: &str| {
            let fact = format!("Claude Code {version}: {fact}");
            DoctorCheck::warn(DoctorCheckId::Client, fact).next("update Claude Code: claude update")
        };
        let check = if !version.tells_stop_reasons() {
            old("its transcripts do not record how an answer ended, so the reason for a stop is a guess")
        } else if !version.can_be_woken() {
            old("no hook can wake its sessions; only closed sessions are continued")
        } else if !version.continues_by_itself() {
            old(
                "it does not continue by itself after a 5-hour limit, and its menu blocks the session until you answer it",
            )
        } else {
            DoctorCheck::ok(DoctorCheckId::Client, format!("Claude Code {version}"))
        };
        check.at(path)
    }

    /// Compares what `init` would write with the files on disk.
    fn set_up(&self) -> Vec<DoctorCheck> {
        let scopes: Vec<(&Enabled, HookScope, bool)> = self
            .enabled
            .iter()
            .flat_map(|enabled| enabled.settings.iter().map(move |(scope, image)| (enabled, *scope, image)))
            .filter(|(_, _, image)| image.hooks)
            .map(|(enabled, scope, image)| (enabled, scope, image.status_line))
            .collect();
        let mut checks = self.plugin(!scopes.is_empty());
        if scopes.is_empty() && checks.is_empty() {
            let check =
                DoctorCheck::fail(DoctorCheckId::Setup, "recovery is not set up here").at(&self.project);
            let of_user = init::is_directory_of_user(self.world.env, &self.project);
            let next =
                if of_user { "run cc-session-recover init --user" } else { "run cc-session-recover init" };
            return vec![check.next(next)];
        }
        for (enabled, scope, _) in &scopes {
            let status_line = enabled.settings.values().any(|image| image.status_line);
            let options = InitOptions {
                project: self.project.clone(),
                scope: *scope,
                hooks: true,
                status_line,
                unattended: None,
                instruction: None,
                commands: false,
                keep: None,
                share: enabled.share,
                package_root: self.options.package_root.clone(),
                addon: self.options.addon.clone(),
                node: None,
            };
            let setup = init::SetupContext {
                env: self.world.env,
                clock: self.world.clock,
                version: env!("CARGO_PKG_VERSION"),
            };
            let again = match scope {
                HookScope::Project => "run cc-session-recover init",
                HookScope::Local => "run cc-session-recover init --local",
                HookScope::User => "run cc-session-recover init --user",
            };
            match init::survey(setup, options) {
                Ok(plan) => checks.extend([
                    hooks(&plan, again),
                    runtime(&plan, &self.state, again),
                    launcher(&plan, again),
                ]),
                // The check of the note reports what is wrong with it.
                Err(error) if error.path.as_deref() == Some(&self.project.join(FILE_NAME)) => checks.push(
                    DoctorCheck::warn(DoctorCheckId::Hooks, "not checked: HANDOFF.md must be repaired first")
                        .next("repair HANDOFF.md and run cc-session-recover doctor again"),
                ),
                Err(error) => {
                    checks.push(DoctorCheck::of_error(DoctorCheckId::Hooks, CheckStatus::Fail, &error));
                }
            }
        }
        if scopes.len() > 1 {
            let fact = format!(
                "hooks are set up in {} settings files, so each event is handled more than once",
                scopes.len()
            );
            checks.push(
                DoctorCheck::warn(DoctorCheckId::Setup, fact)
                    .at(&self.project)
                    .next("remove one set: cc-session-recover uninstall, with --local or --user"),
            );
        }
        checks
    }

    /// Compares the installed plugin with what this version writes, and checks whether Claude Code has it
    /// enabled. `beside` is true if settings also contain our hooks.
    fn plugin(&self, beside: bool) -> Vec<DoctorCheck> {
        let env = self.world.env;
        let Some(plugin::InstalledPlugin { directory, on, recorded }) =
            plugin::standing(&self.state, env.claude_config_dir().as_deref(), Some(&self.project))
        else {
            return Vec::new();
        };
        let word = quoted(&directory.to_string_lossy());
        let again = format!("run cc-session-recover plugin --to {word}");
        if !recorded {
            let fact = "the plugin is enabled in Claude Code but not set up on this machine, so its hooks do nothing";
            let check = if beside {
                DoctorCheck::warn(DoctorCheckId::Plugin, fact)
            } else {
                DoctorCheck::fail(DoctorCheckId::Plugin, fact)
            };
            return vec![check.at(directory).next(again)];
        }
        let setup = init::SetupContext { env, clock: self.world.clock, version: env!("CARGO_PKG_VERSION") };
        let options = plugin::PluginOptions {
            to: Some(directory.clone()),
            remove: false,
            package_root: self.options.package_root.clone(),
            addon: self.options.addon.clone(),
            node: None,
        };
        let plan = match plugin::plan(setup, options) {
            Ok(plan) => plan,
            Err(error) => {
                return vec![DoctorCheck::of_error(DoctorCheckId::Plugin, CheckStatus::Fail, &error)];
            }
        };
        let check = match plan.files.iter().find(|step| step.changes()) {
            Some(step) if step.action == FileAction::Create => {
                DoctorCheck::fail(DoctorCheckId::Plugin, "a file of the plugin is missing")
                    .at(&step.path)
                    .next(again)
            }
            Some(step) => DoctorCheck::warn(
                DoctorCheckId::Plugin,
                "a file of the plugin differs from what this version writes",
            )
            .at(&step.path)
            .next(again),
            None if on && beside => DoctorCheck::ok(
                DoctorCheckId::Plugin,
                "in this project, the hooks in its settings run instead",
            ),
            None if on => {
                DoctorCheck::ok(DoctorCheckId::Plugin, "it is enabled in Claude Code, for every project")
            }
            None if beside => {
                DoctorCheck::ok(DoctorCheckId::Plugin, "it is written, but not enabled in Claude Code")
            }
            None => DoctorCheck::fail(DoctorCheckId::Plugin, "it is written, but not enabled in Claude Code")
                .next(format!(
                    "run claude plugin marketplace add {word}, then claude plugin install {}",
                    plugin::ID
                )),
        };
        vec![if check.path.is_none() { check.at(directory) } else { check }]
    }

    fn hooks_allowed(&self) -> DoctorCheck {
        let broken = self.settings.files.iter().find_map(|file| Some((file, file.value.as_ref().err()?)));
        if let Some((file, why)) = broken {
            return DoctorCheck::fail(
                DoctorCheckId::HooksAllowed,
                format!("a settings file of Claude Code cannot be read: {why}"),
            )
            .at(&file.path)
            .next("repair the file; until then its settings have no effect");
        }
        if let Some(file) = self.settings.managed("allowManagedHooksOnly") {
            return DoctorCheck::fail(
                DoctorCheckId::HooksAllowed,
                "your organization allows no hooks but its own (allowManagedHooksOnly)",
            )
            .at(&file.path)
            .next("ask its administrator; `watch`, `export` and `resume` work without hooks");
        }
        match self.settings.get("disableAllHooks") {
            Some((Value::Bool(true), file)) => {
                DoctorCheck::fail(DoctorCheckId::HooksAllowed, "hooks are disabled (disableAllHooks)")
                    .at(&file.path)
                    .next("remove disableAllHooks from that file")
            }
            _ => DoctorCheck::ok(DoctorCheckId::HooksAllowed, "no setting disables hooks"),
        }
    }

    /// Checks whether Claude Code loads the plugin's module; `None` if the plugin is not on.
    fn module(&self) -> Option<DoctorCheck> {
        let config_dir = self.world.env.claude_config_dir();
        if !plugin::is_on(&self.state, config_dir.as_deref(), Some(&self.project)) {
            return None;
        }
        let program = locate(self.world.env, Some(&self.project)).ok();
        let version = program.and_then(|path| version_of(&canonical(&path).unwrap_or(path)));
        let Some(off) = ModuleOff::of(&self.settings, version) else {
            return Some(DoctorCheck::ok(
                DoctorCheckId::Module,
                "Claude Code loads the plugin's module, which waits instead of a hook",
            ));
        };
        let check = DoctorCheck::warn(DoctorCheckId::Module, off.why()).next(off.next_step());
        Some(match off.file() {
            Some(file) => check.at(file),
            None => check,
        })
    }

    /// Reports what continues each session that is open on this machine.
    fn open_sessions(&self) -> Vec<DoctorCheck> {
        let served = served_sessions(self.world, &self.state, &self.managed);
        let more = served.len().saturating_sub(MOST_OPEN);
        let mut checks: Vec<DoctorCheck> =
            served.iter().take(MOST_OPEN).map(|session| self.open_session(session)).collect();
        if more > 0 {
            checks.push(DoctorCheck::ok(
                DoctorCheckId::Session,
                format!("{more} more open sessions are not listed"),
            ));
        }
        checks
    }

    fn open_session(&self, session: &ServedSession) -> DoctorCheck {
        let ServedSession { arm, place, directory, without_module } = session;
        let why = without_module.as_ref().map_or_else(String::new, |why| format!("; no module: {why}"));
        let fact = match arm {
            ServingArm::Module => format!("{place}: the plugin's module waits and continues it"),
            ServingArm::Hook => format!("{place}: a hook waits and continues it{why}"),
            ServingArm::Supervisor => format!("{place}: the supervisor continues it after you close it{why}"),
            ServingArm::Nobody => format!("{place}: nothing continues it{why}"),
        };
        let here = directory.as_ref().is_some_and(|directory| *directory == self.asked);
        let check = if *arm == ServingArm::Nobody && here {
            DoctorCheck::warn(DoctorCheckId::Session, fact)
                .next("follow the other checks above, then start the session again")
        } else {
            DoctorCheck::ok(DoctorCheckId::Session, fact)
        };
        match directory {
            Some(directory) => check.at(directory),
            None => check,
        }
    }

    fn configuration(&self) -> DoctorCheck {
        match &self.config.problem {
            Some(error) => DoctorCheck::of_error(DoctorCheckId::Config, CheckStatus::Fail, error),
            None if self.config.config.heartbeat.is_short() => {
                let grace = self.config.config.heartbeat.grace_seconds;
                let then = if self.config.config.heartbeat.is_of_tests() {
                    "with stepSeconds below 5 too, it is used unchanged, so both may continue a session"
                } else {
                    "this tool waits for it anyway"
                };
                let fact = format!(
                    "heartbeat.graceSeconds is {grace}, and Claude Code's own continuation of a limit comes up to 100 s after the reset: {then}"
                );
                let check = DoctorCheck::warn(DoctorCheckId::Config, fact)
                    .next("set heartbeat.graceSeconds to 150, or remove it");
                match self.world.env.config_file() {
                    Some(path) => check.at(path),
                    None => check,
                }
            }
            None => match self.world.env.config_file().filter(|path| path.exists()) {
                Some(path) => DoctorCheck::ok(DoctorCheckId::Config, "the configuration is valid").at(path),
                None => DoctorCheck::ok(
                    DoctorCheckId::Config,
                    "there is no configuration file: the defaults are in force",
                ),
            },
        }
    }

    /// Checks whether transcripts are written: what a hook observed, settings that disable saving, and
    /// whether the directory is writable.
    fn saving(&self) -> Vec<DoctorCheck> {
        let now = self.world.clock.now();
        let seen: Vec<Unsaved> = Unsaved::all(&self.state)
            .into_iter()
            .filter(Unsaved::is_still_unsaved)
            .filter(|unsaved| now - unsaved.seen_at < RECENT)
            .filter(|unsaved| unsaved.project.as_deref().is_none_or(|project| project == self.project))
            .collect();
        let mut checks: Vec<DoctorCheck> = seen.iter().map(|unsaved| self.unsaved(unsaved)).collect();
        let env = self.world.env;
        // A client sets its own marker variables in the environment of every program that it starts.
        let within = env.claude_pid().is_some_and(|pid| self.world.processes.start_token(pid).is_some());
        if env.var("CLAUDE_CODE_SKIP_PROMPT_HISTORY").is_some() {
            checks.push(
                DoctorCheck::fail(
                    DoctorCheckId::Saving,
                    "CLAUDE_CODE_SKIP_PROMPT_HISTORY is set; a session started from this shell is not saved",
                )
                .next("unset CLAUDE_CODE_SKIP_PROMPT_HISTORY, and remove it from your shell profile"),
            );
        } else if env.var("CLAUDE_CODE_CHILD_SESSION").is_some()
            && env.var("CLAUDE_CODE_FORCE_SESSION_PERSISTENCE").is_none()
            && !within
        {
            checks.push(
                DoctorCheck::warn(DoctorCheckId::Saving, "CLAUDE_CODE_CHILD_SESSION is still set by a client that has exited; a session started in this terminal may not be saved")
                    .next("unset CLAUDE_CODE_CHILD_SESSION, or open another terminal"),
            );
        }
        let zero = self.settings.get("cleanupPeriodDays").filter(|(days, _)| days.as_f64() == Some(0.0));
        if let Some((_, file)) = zero {
            checks.push(
                DoctorCheck::fail(
                    DoctorCheckId::Saving,
                    "cleanupPeriodDays is 0: older clients then save nothing, newer ones refuse it",
                )
                .at(&file.path)
                .next("set it to a number of days, such as 3650"),
            );
        }
        let Some(home) = &self.home else {
            checks.push(
                DoctorCheck::fail(DoctorCheckId::Saving, "Claude Code's directory is unknown")
                    .next("set HOME"),
            );
            return checks;
        };
        let projects = home.projects();
        let nearest = projects.ancestors().find(|dir| dir.exists()).unwrap_or(&projects);
        if !is_writable(nearest) {
            checks.push(
                DoctorCheck::fail(DoctorCheckId::Saving, "transcripts cannot be written")
                    .at(nearest)
                    .next("make it writable for yourself: chmod u+rwx"),
            );
        } else if let Err(error) = ensure_room(nearest, ROOM) {
            checks.push(DoctorCheck {
                status: CheckStatus::Warn,
                ..DoctorCheck::of_error(DoctorCheckId::Saving, CheckStatus::Warn, &error)
            });
        }
        if checks.is_empty() {
            checks.push(DoctorCheck::ok(DoctorCheckId::Saving, "no unsaved session was found").at(projects));
        }
        checks
    }

    /// Reports conflict copies of transcripts made by file synchronization tools. A session may continue
    /// in the wrong copy.
    fn conflict_copies(&self) -> Vec<DoctorCheck> {
        let further: Vec<PathBuf> = self.config.config.config_dirs.iter().map(PathBuf::from).collect();
        let homes = all_homes(self.world.env, &further);
        let dirs = project_directories(&homes, &mut Vec::new());
        let beside = scan::find(&dirs).beside;
        let mut paths: Vec<PathBuf> =
            beside.iter().flat_map(|beside| beside.conflicts.iter().cloned()).collect();
        paths.sort();
        let more = paths.len().saturating_sub(MOST_CONFLICTS);
        let mut checks: Vec<DoctorCheck> =
            paths.into_iter().take(MOST_CONFLICTS).map(conflict_check).collect();
        if more > 0 {
            checks.push(DoctorCheck::warn(
                DoctorCheckId::ConflictCopies,
                format!("there are {more} more conflict copies"),
            ));
        }
        checks
    }

    fn unsaved(&self, unsaved: &Unsaved) -> DoctorCheck {
        let mut fact = format!(
            "session {} has not been saved since {}: {}",
            &unsaved.session[..8],
            rfc3339(unsaved.since),
            unsaved.facts()
        );
        let shadow = self.state.shadow(&unsaved.session);
        if shadow.exists() {
            fact = format!("{fact}; the conversation since then is logged in {}", shadow.display());
        }
        let check = if unsaved.is_deliberate() {
            DoctorCheck::warn(DoctorCheckId::Saving, fact)
        } else {
            DoctorCheck::fail(DoctorCheckId::Saving, fact)
        };
        check.at(&unsaved.transcript).next(unsaved.next())
    }

    /// Reports the retention limit in effect, over every directory in which a client is known
    /// to have been started.
    fn retention(&self) -> Vec<DoctorCheck> {
        let Ok(ground) = ReportContext::read(self.world, None) else { return Vec::new() };
        let Ok(inventory) = Inventory::take(&ground, None) else { return Vec::new() };
        let at = |home: &ClaudeHome| inventory.homes.iter().position(|one| one.dir() == home.dir());
        let Some((home, index)) = self.home.as_ref().and_then(|home| Some((home, at(home)?))) else {
            return Vec::new();
        };
        let own = home.settings();
        let limit = inventory.retention_limit(index);
        let (overdue, unkept) = inventory.overdue();
        let coming = match (overdue, unkept) {
            (0, _) => String::new(),
            (all, 0) => format!("; the next `claude -p` deletes {all} of them, all retained by this tool"),
            (all, unkept) => {
                format!("; the next `claude -p` deletes {all} of them, {unkept} not retained by this tool")
            }
        };
        let check = match limit {
            None => DoctorCheck::ok(
                DoctorCheckId::Retention,
                "Claude Code deletes no transcripts: a settings file disables the deletion",
            ),
            Some(RetentionLimit { days, file: None }) if unkept == 0 => DoctorCheck::ok(
                DoctorCheckId::Retention,
                format!("transcripts are kept for {days} days, the default of Claude Code{coming}"),
            ),
            Some(RetentionLimit { days, file: None }) => DoctorCheck::warn(
                DoctorCheckId::Retention,
                format!(
                    "Claude Code deletes transcripts that are unused for {days} days, its default{coming}"
                ),
            )
            .at(&own)
            .next(format!(
                "add \"cleanupPeriodDays\": 365 to {}, or run cc-session-recover init",
                own.display()
            )),
            Some(RetentionLimit { days, file: Some(file) }) => {
                let lowers = *file != own && days < &self.own_days();
                let fact = format!("Claude Code deletes transcripts that are unused for {days} days{coming}");
                if u64::from(*days) >= SOON && unkept == 0 && !lowers {
                    DoctorCheck::ok(
                        DoctorCheckId::Retention,
                        format!("transcripts are kept for {days} days{coming}"),
                    )
                    .at(file)
                } else if lowers {
                    DoctorCheck::warn(
                        DoctorCheckId::Retention,
                        format!("{fact}; this file lowers the limit for all projects"),
                    )
                    .at(file)
                    .next(format!(
                        "remove \"cleanupPeriodDays\": {days} from it, or start no `claude -p` in its project"
                    ))
                } else {
                    DoctorCheck::warn(DoctorCheckId::Retention, fact).at(file).next(format!(
                        "set \"cleanupPeriodDays\": 365 in {} in place of {days}, or export the sessions that you want to keep",
                        file.display()
                    ))
                }
            }
        };
        let mut checks = vec![check];
        checks.extend(self.kept());
        checks
    }

    /// Returns the number of days that the user's own settings give.
    fn own_days(&self) -> u32 {
        let own = self
            .home
            .as_ref()
            .and_then(|home| RetentionLimit::of(home, &BTreeSet::new(), Path::new("/nonexistent")));
        own.map_or(u32::MAX, |limit| limit.days)
    }

    /// Reports kept copies of deleted sessions, the space they take, and sessions
    /// whose transcripts lost something.
    fn kept(&self) -> Vec<DoctorCheck> {
        let mut problems = Vec::new();
        let all = kept_register(&self.state, &mut problems);
        let mut checks = Vec::new();
        let gone: Vec<_> = all.iter().filter(|kept| kept.is_gone()).collect();
        let bytes: u64 = gone.iter().map(|kept| kept.own_bytes).sum();
        let most = self.config.config.retention.kept_max_total;
        if !gone.is_empty() {
            let several = if gone.len() == 1 { "session" } else { "sessions" };
            let fact = format!(
                "{} {several} that Claude Code deleted kept, {} MB",
                gone.len(),
                bytes.div_ceil(1_000_000)
            );
            let dir = self.state.all_kept();
            checks.push(if bytes > most {
                DoctorCheck::warn(
                    DoctorCheckId::Kept,
                    format!("{fact}; retention.keptMaxTotal allows {} MB", most / 1_000_000),
                )
                .at(dir)
                .next("run cc-session-recover prune, or raise retention.keptMaxTotal in the configuration")
            } else {
                DoctorCheck::ok(DoctorCheckId::Kept, fact).at(dir)
            });
        }
        for entry in all.iter().filter(|entry| entry.may_have_lost()) {
            let Ok(Some(kept)) = kept_of(&self.state, &entry.session) else { continue };
            let Some(lost) = loss_of(&kept.transcript, Some(&kept)) else { continue };
            let fact = TranscriptLoss { lost, restorable: true }.fact();
            checks.push(
                DoctorCheck::warn(DoctorCheckId::Kept, format!("session {}: {fact}", kept.session))
                    .at(&kept.transcript)
                    .next(format!("cc-session-recover restore {} --from kept", kept.session)),
            );
        }
        for error in problems {
            let check = DoctorCheck::warn(
                DoctorCheckId::Kept,
                format!("cannot read a kept session: {}", error.message),
            );
            checks.push(match &error.path {
                Some(path) => check.at(path),
                None => check,
            });
        }
        checks
    }

    fn note(&self) -> DoctorCheck {
        let path = self.project.join(FILE_NAME);
        let again = "run cc-session-recover init";
        let text = match read_small(&path, LARGEST_NOTE) {
            Ok(Some(bytes)) => String::from_utf8(bytes),
            Ok(None) if self.enabled.iter().any(|enabled| enabled.project.is_some()) => {
                return DoctorCheck::warn(
                    DoctorCheckId::Note,
                    "HANDOFF.md does not exist; the next stop creates it",
                )
                .at(path)
                .next(again);
            }
            Ok(None) => {
                return DoctorCheck::ok(DoctorCheckId::Note, "HANDOFF.md does not exist; a stop creates it");
            }
            Err(error) => {
                return DoctorCheck::fail(
                    DoctorCheckId::Note,
                    format!("HANDOFF.md cannot be written: it {}", error.message),
                )
                .at(path)
                .next("put a regular file in its place, or remove it");
            }
        };
        let Ok(text) = text else {
            return DoctorCheck::fail(
                DoctorCheckId::Note,
                "HANDOFF.md is not UTF-8 text, so stops do not update it",
            )
            .at(path)
            .next("convert it to UTF-8, or move it away");
        };
        if !is_writable(&path) {
            return DoctorCheck::fail(
                DoctorCheckId::Note,
                "HANDOFF.md is write-protected, so stops do not update it",
            )
            .at(path)
            .next("make it writable: chmod u+w");
        }
        if text.lines().any(|line| line.starts_with("<<<<<<<") || line.starts_with(">>>>>>>")) {
            return DoctorCheck::warn(DoctorCheckId::Note, "HANDOFF.md contains an unresolved merge")
                .at(path)
                .next("resolve it; the blocks of this tool may be dropped");
        }
        let (noted, edited) = (blocks(&text).len(), edited_blocks(&text).len());
        let edited = if edited == 0 {
            String::new()
        } else {
            format!(", {edited} of them edited; the edits are preserved")
        };
        DoctorCheck::ok(
            DoctorCheckId::Note,
            format!("HANDOFF.md contains {noted} note{}{edited}", if noted == 1 { "" } else { "s" }),
        )
        .at(path)
    }

    fn state_dir(&self) -> DoctorCheck {
        let root = self.state.root();
        let nearest = root.ancestors().find(|dir| dir.exists()).unwrap_or(root);
        if !nearest.is_dir() || !is_writable(nearest) {
            return DoctorCheck::fail(DoctorCheckId::State, "the state directory is not writable")
                .at(nearest)
                .next("make it writable for yourself, or set CC_RECOVER_STATE_DIR to another absolute path");
        }
        match ensure_room(nearest, ROOM) {
            Ok(()) => DoctorCheck::ok(DoctorCheckId::State, "the state directory is writable").at(root),
            Err(error) => DoctorCheck::of_error(DoctorCheckId::State, CheckStatus::Warn, &error),
        }
    }

    /// Checks whether other users can read the state directory.
    fn privacy(&self) -> DoctorCheck {
        let open = open_to_others(self.state.root());
        let root = self.state.root();
        match open.split_first() {
            None => DoctorCheck::ok(DoctorCheckId::Privacy, "only you can read the state directory").at(root),
            Some((first, _)) => {
                let fact = format!(
                    "other users may read or change {} of this tool",
                    count_words(open.len(), "path")
                );
                DoctorCheck::warn(DoctorCheckId::Privacy, fact)
                    .at(first)
                    .next(format!("run chmod -R go= '{}'", root.display()))
            }
        }
    }

    fn journal(&self) -> DoctorCheck {
        let path = self.state.journal();
        match journal::verify(&self.state) {
            Ok(chain) if chain.sound => DoctorCheck::ok(
                DoctorCheckId::Journal,
                format!("the journal is intact ({})", count_words(chain.lines, "line")),
            )
            .at(path),
            Ok(chain) => DoctorCheck::warn(
                DoctorCheckId::Journal,
                format!(
                    "the hash chain of the journal is broken in {}",
                    count_words(chain.breaks.len(), "place")
                ),
            )
            .at(path)
            .next("run cc-session-recover log --verify"),
            Err(error) => DoctorCheck::of_error(DoctorCheckId::Journal, CheckStatus::Warn, &error),
        }
    }

    fn incidents(&self) -> DoctorCheck {
        let dir = self.state.incidents();
        let (mut active, mut broken) = (0_usize, None);
        for path in files_of(&dir, "json") {
            match peek::<Incident>(&path) {
                Ok(Some(incident)) if !incident.phase.is_over() => active += 1,
                Ok(_) => {}
                Err(error) => broken = Some(error),
            }
        }
        match broken {
            Some(error) => {
                let check = DoctorCheck::of_error(DoctorCheckId::Incidents, CheckStatus::Warn, &error);
                if check.next.is_some() {
                    check
                } else {
                    check.next("run cc-session-recover status: it rebuilds the record from the transcript")
                }
            }
            None => DoctorCheck::ok(
                DoctorCheckId::Incidents,
                format!("{} recorded", count_words(active, "unfinished stop")),
            )
            .at(dir),
        }
    }

    fn spool(&self) -> DoctorCheck {
        let dir = self.state.spool();
        let now = self.world.clock.now();
        let waiting = files_of(&dir, "json");
        let old = waiting.iter().filter(|path| {
            let modified = std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
            modified.is_some_and(|at| now - DateTime::<Utc>::from(at) > STALE)
        });
        match old.count() {
            0 => DoctorCheck::ok(
                DoctorCheckId::Spool,
                format!("{} hook events are waiting to be processed", waiting.len()),
            )
            .at(dir),
            old => DoctorCheck::warn(
                DoctorCheckId::Spool,
                format!("hook events that were never processed: {old}"),
            )
            .at(dir)
            .next("run cc-session-recover status --all: it reads them"),
        }
    }

    fn quarantine(&self) -> DoctorCheck {
        let dir = self.state.quarantine();
        match std::fs::read_dir(&dir).map_or(0, Iterator::count) {
            0 => DoctorCheck::ok(DoctorCheckId::Quarantine, "no damaged file was found"),
            count => DoctorCheck::warn(
                DoctorCheckId::Quarantine,
                format!(
                    "{count} damaged file{} set aside; the contents were rebuilt where possible",
                    if count == 1 { " was" } else { "s were" }
                ),
            )
            .at(dir)
            .next("inspect them, then remove them"),
        }
    }

    fn agreed(&self) -> bool {
        self.enabled.iter().any(|enabled| enabled.unattended.is_some())
    }

    fn supervisor(&self) -> DoctorCheck {
        let options = ServiceStatusOptions {
            node: self.options.node.clone(),
            package_root: Some(self.options.package_root.clone()),
        };
        let service = match service_status(self.world, &options) {
            Ok(service) => service,
            Err(error) => return DoctorCheck::of_error(DoctorCheckId::Supervisor, CheckStatus::Warn, &error),
        };
        let id = DoctorCheckId::Supervisor;
        let install = "run cc-session-recover watch --install, or keep cc-session-recover watch running";
        if let Some(problem) = service.problem {
            return DoctorCheck::warn(id, problem).at(service.file);
        }
        if service.installed && service.current == Some(false) {
            return DoctorCheck::warn(id, "the service starts an earlier installation")
                .at(service.file)
                .next("run cc-session-recover watch --install");
        }
        if !self.agreed() {
            return DoctorCheck::ok(
                id,
                "not needed: closed sessions of this project are not resumed unattended (init --unattended)",
            );
        }
        match (service.supervised, service.installed && service.enabled != Some(false)) {
            (true, true) => {
                DoctorCheck::ok(id, "the supervisor is running and starts at every login").at(service.file)
            }
            (true, false) => {
                DoctorCheck::warn(id, "the supervisor is running, but does not start at the next login")
                    .next(install)
            }
            (false, true) => DoctorCheck::warn(id, "the service is installed, but no supervisor is running")
                .at(service.file)
                .next("run cc-session-recover watch --status"),
            (false, false) => DoctorCheck::warn(
                id,
                "no supervisor is running; after a restart of the machine, closed sessions are not resumed",
            )
            .next(install),
        }
    }

    /// Checks whether an unattended run could log in. Inspects only names of variables and the
    /// presence of a file.
    fn credential(&self) -> DoctorCheck {
        let id = DoctorCheckId::Credential;
        if !self.agreed() {
            return DoctorCheck::ok(
                id,
                "not needed: closed sessions of this project are not resumed unattended",
            );
        }
        if let Some(home) = &self.home {
            let place = SettingsPlace { config_dir: home.dir(), project: Some(&self.project), flag: None };
            let kept = kept_from_hooks(self.world.env, place);
            if !kept.is_empty() {
                return DoctorCheck::fail(id, kept_from_hooks_words(&kept)).next(
                    "run cc-session-recover watch in this shell and leave it running, or log in with /login",
                );
            }
        }
        let file = self.home.as_ref().map(|home| home.dir().join(".credentials.json"));
        if let Some(file) = file.as_ref().filter(|file| file.is_file()) {
            return DoctorCheck::ok(id, "a login is stored").at(file);
        }
        let helper = self.settings.get("apiKeyHelper");
        let named = self.settings.get("env").and_then(|(env, file)| {
            CREDENTIALS.iter().find(|name| env.get(**name).is_some()).map(|name| (*name, file))
        });
        if let Some((_, file)) = helper {
            return DoctorCheck::ok(id, "a program provides the key (apiKeyHelper)").at(&file.path);
        }
        if let Some((name, file)) = named {
            return DoctorCheck::ok(id, format!("{name} is set in the settings")).at(&file.path);
        }
        if cfg!(target_os = "macos") {
            return DoctorCheck::ok(id, "not checked: on macOS the login is in the keychain");
        }
        match CREDENTIALS.iter().find(|name| self.world.env.var(name).is_some()) {
            Some(name) => {
                DoctorCheck::warn(id, format!("{name} is set in this shell, but a service does not have it"))
                    .next("log in (claude, then /login), or set it in `env` in your settings")
            }
            None => DoctorCheck::fail(id, "no stored login is available to unattended runs")
                .next("log in: start claude and type /login"),
        }
    }
}

/// Compares our hooks in a settings file with those that `init` writes.
fn conflict_check(path: PathBuf) -> DoctorCheck {
    let id = Found::named(&path, 0).map(|found| found.id().to_owned()).unwrap_or_default();
    let copy = ConflictCopy::at(path);
    let newest = copy
        .newest_at
        .map_or_else(|| "without messages".to_owned(), |at| format!("newest message {}", rfc3339(at)));
    DoctorCheck::warn(DoctorCheckId::ConflictCopies, format!("there is a conflict copy of session {id}, {newest}"))
        .at(copy.path)
        .next(format!("compare it with `cc-session-recover show {id}`, and stop synchronizing this directory while clients run"))
}

fn hooks(plan: &InitPlan, again: &str) -> DoctorCheck {
    let Some(target) = plan.hooks_target() else {
        return DoctorCheck::fail(DoctorCheckId::Hooks, "no hooks are set up").next(again);
    };
    let check = match value_of(&target.real_path) {
        None => DoctorCheck::fail(DoctorCheckId::Hooks, "the settings file with our hooks no longer exists")
            .next(again),
        Some(Err(why)) => {
            DoctorCheck::fail(DoctorCheckId::Hooks, format!("the settings file cannot be read: {why}"))
                .next("repair the file; until then its hooks do not run")
        }
        Some(Ok(value)) => match difference(&ours(&value), &target.entries) {
            None => DoctorCheck::ok(
                DoctorCheckId::Hooks,
                format!("all {} hooks are correct", target.entries.len()),
            ),
            Some(fact) => DoctorCheck::fail(DoctorCheckId::Hooks, fact).next(again),
        },
    };
    check.at(&target.path)
}

/// Describes how the existing hooks differ from those that `init` writes; `None` if they are equal.
fn difference(found: &[HookEntry], wanted: &[HookEntry]) -> Option<String> {
    let events = |entries: Vec<&HookEntry>| {
        let mut names: Vec<&str> = entries.iter().map(|entry| entry.event.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names.join(", ")
    };
    let missing: Vec<&HookEntry> =
        wanted.iter().filter(|entry| !found.iter().any(|other| same_place(other, entry))).collect();
    if found.is_empty() {
        return Some("our hooks are no longer in it".to_owned());
    }
    if !missing.is_empty() {
        return Some(format!("hooks are missing: {}", events(missing)));
    }
    let other: Vec<&HookEntry> = found.iter().filter(|entry| !wanted.contains(entry)).collect();
    if !other.is_empty() {
        return Some(format!("hooks differ from what this version writes: {}", events(other)));
    }
    (found.len() > wanted.len()).then(|| "some of our hooks are in it more than once".to_owned())
}

/// Returns whether both hooks have the same event and matcher. One event may have several of our hooks,
/// distinguished by their matcher.
fn same_place(one: &HookEntry, other: &HookEntry) -> bool {
    one.event == other.event && one.matcher == other.matcher
}

fn runtime(plan: &InitPlan, state: &StateDir, again: &str) -> DoctorCheck {
    let Some(dir) = &plan.runtime.to else {
        return DoctorCheck::fail(DoctorCheckId::Runtime, "hooks have nothing to run").next(again);
    };
    let missing = plan.files.iter().any(|step| &step.path == dir && step.changes());
    if !missing {
        return DoctorCheck::ok(DoctorCheckId::Runtime, "the runtime of the hooks is present and up to date")
            .at(dir);
    }
    if dir.exists() {
        let fact = "the runtime of the hooks is damaged: it differs from the file that init copied";
        return DoctorCheck::fail(DoctorCheckId::Runtime, fact).at(dir).next(again);
    }
    let others = std::fs::read_dir(state.runtime()).map_or(0, Iterator::count);
    let fact =
        if others > 0 { "hooks run a different version" } else { "the runtime of the hooks is missing" };
    let check = if others > 0 {
        DoctorCheck::warn(DoctorCheckId::Runtime, fact)
    } else {
        DoctorCheck::fail(DoctorCheckId::Runtime, fact)
    };
    check.at(dir).next(again)
}

/// Checks the files that start the runtime.
fn launcher(plan: &InitPlan, again: &str) -> DoctorCheck {
    let dir = plan.files.iter().find(|step| step.path.ends_with(MARKER));
    let Some(hook) = dir else {
        return DoctorCheck::fail(DoctorCheckId::Launcher, "there is no launcher").next(again);
    };
    let beside = hook.path.parent();
    let wrong = plan.files.iter().filter(|step| step.path.parent() == beside).find(|step| step.changes());
    match wrong {
        None => DoctorCheck::ok(DoctorCheckId::Launcher, "the launcher is up to date").at(&hook.path),
        Some(step) if step.action == FileAction::Create => {
            DoctorCheck::fail(DoctorCheckId::Launcher, "a file of the launcher is missing")
                .at(&step.path)
                .next(again)
        }
        Some(step) => DoctorCheck::warn(
            DoctorCheckId::Launcher,
            "a file of the launcher differs from what this version writes",
        )
        .at(&step.path)
        .next(again),
    }
}

fn files_of(dir: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().take(MOST_FILES);
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.filter(|path| path.extension().is_some_and(|found| found == ending)).collect()
}

/// Returns the time of the first record with a timestamp, from the start of the transcript.
fn first_time(path: &Path) -> Option<DateTime<Utc>> {
    let mut text = Vec::new();
    open_regular(path).ok()?.take(BEGINNING).read_to_end(&mut text).ok()?;
    let lines =
        text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    lines
        .filter_map(|record| DateTime::parse_from_rfc3339(record.get("timestamp")?.as_str()?).ok())
        .map(|at| at.with_timezone(&Utc))
        .next()
}

/// Returns whether this user may write to the path.
fn is_writable(path: &Path) -> bool {
    #[cfg(unix)]
    {
        rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok()
    }
    #[cfg(not(unix))]
    {
        std::fs::metadata(path).is_ok_and(|meta| !meta.permissions().readonly())
    }
}

/// Returns the paths to which users other than the owner have access. Checks at most [`MOST_FILES`] and
/// does not follow links.
#[cfg(unix)]
fn open_to_others(root: &Path) -> Vec<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let mut open = Vec::new();
    let mut waiting = vec![root.to_path_buf()];
    let mut left = MOST_FILES;
    while let Some(path) = waiting.pop() {
        let Ok(meta) = std::fs::symlink_metadata(&path) else { continue };
        if meta.is_symlink() {
            continue;
        }
        if meta.permissions().mode() & 0o077 != 0 {
            open.push(path.clone());
        }
        if meta.is_dir() {
            let below = std::fs::read_dir(&path).into_iter().flatten().filter_map(std::result::Result::ok);
            let below: Vec<PathBuf> = below.map(|entry| entry.path()).take(left).collect();
            left -= below.len();
            waiting.extend(below);
        }
    }
    open.sort();
    open
}

#[cfg(not(unix))]
fn open_to_others(_root: &Path) -> Vec<PathBuf> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claude::process::SystemProcesses;
    use crate::clock::SystemClock;
    use crate::env::Environment;
    use serde_json::json;

    #[test]
    fn managed_settings_that_forbid_hooks_are_named_with_their_file() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let managed = root.join("managed");
        std::fs::create_dir_all(&managed).unwrap();
        let env = Environment::from_pairs([("HOME", root.as_os_str())], root);
        let world = World {
            env: &env,
            clock: &SystemClock,
            processes: &SystemProcesses,
            abort: &crate::abort::NEVER,
        };
        let options: DoctorOptions = serde_json::from_value(json!({"packageRoot": root})).unwrap();
        let standing = |text: &str| {
            std::fs::write(managed.join("managed-settings.json"), text).unwrap();
            let report = examine(world, &options, &managed).unwrap();
            report.checks.into_iter().find(|check| check.id == DoctorCheckId::HooksAllowed).unwrap()
        };
        assert_eq!(standing("{}").status, CheckStatus::Ok);
        for forbidden in ["{\"allowManagedHooksOnly\":true}", "{\"disableAllHooks\":true}", "{"] {
            let check = standing(forbidden);
            assert_eq!(check.status, CheckStatus::Fail, "{forbidden}");
            assert_eq!(check.path, Some(managed.join("managed-settings.json")));
            assert!(check.next.is_some());
        }
    }

    #[test]
    fn each_hook_is_compared_with_what_init_writes() {
        let wanted = crate::project::hooks::entries(HookScope::Project, Path::new("/x"));
        let written = |entries: &[HookEntry]| {
            let mut hooks = serde_json::Map::new();
            for entry in entries {
                let group = match &entry.matcher {
                    Some(matcher) => json!({"matcher": matcher, "hooks": [entry.hook]}),
                    None => json!({"hooks": [{"type": "command", "command": "mine"}, entry.hook]}),
                };
                hooks
                    .entry(entry.event.clone())
                    .or_insert_with(|| json!([]))
                    .as_array_mut()
                    .unwrap()
                    .push(group);
            }
            json!({"hooks": hooks})
        };
        let told = |entries: &[HookEntry]| difference(&ours(&written(entries)), &wanted);
        assert_eq!(told(&wanted), None);
        assert_eq!(told(&[]).unwrap(), "our hooks are no longer in it");
        assert_eq!(told(&wanted[1..]).unwrap(), "hooks are missing: SessionStart");
        let mut other = wanted.clone();
        let stop = other.iter_mut().find(|entry| entry.event == "StopFailure").unwrap();
        stop.hook["timeout"] = json!(1);
        assert_eq!(told(&other).unwrap(), "hooks differ from what this version writes: StopFailure");
        assert_eq!(
            told(&[&wanted[..], &wanted[..1]].concat()).unwrap(),
            "some of our hooks are in it more than once"
        );
    }
}
