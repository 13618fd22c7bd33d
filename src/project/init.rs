//! Installs the hooks in a project: first computes a plan as a value, then writes exactly that.
//!
//! The hooks come last, so that nothing starts before everything it needs is in place.

use super::checkout::{Checkout, can_be_covered};
use super::commands::{self, PackageCall};
use super::hooks::{MARKER, entries};
use super::plugin::would_load_module;
use super::runtime::{
    HOOK, LAUNCHERS_ARE_COMMONJS, LAUNCHERS_PACKAGE, RUN_NAME, Runtime, STATUS_LINE, record_package,
    record_start,
};
use super::settings::{SettingsTarget, path_of, read};
use super::statusline::{STATUS_LINE_MARKER, entry, is_ours};
use super::{FileAction, FileStep, HookScope, dirs_above};
use crate::claude::home::ClaudeHome;
use crate::clock::Clock;
use crate::config::in_force;
use crate::env::Environment;
use crate::error::{Code, Error, Result};
use crate::fs::{PRIVATE, canonical, identity, not_a_directory, own_uid, owner};
use crate::keep::{KeptMany, keep_sessions};
use crate::note::exclude::{self, ExcludeChange, LARGEST as EXCLUDE_LIMIT, WRITTEN_BY_HOOKS};
use crate::note::handoff::{FILE_NAME, is_untouched, template, template_with_instruction};
use crate::recovery::launch::{permission_mode, permitted_actions};
use crate::store::fence::Fence;
use crate::store::lock::Lock;
use crate::store::stored::{load, peek, save, sha256_hex};
use crate::store::{StateDir, journal};
use crate::trust::account::{SettingsPlace, kept_from_hooks, kept_from_hooks_words};
use crate::trust::enabled::{
    Enabled, SettingsImage, born, enclosing, find_user, project_key, record_path, user_record_path,
};
use crate::trust::fingerprint::Fingerprint;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Mode of new files in a project, which other team members may read.
pub(super) use crate::note::file::SHARED;
/// Mode of new directories in a project, before the umask.
pub(super) const SHARED_DIRECTORY: u32 = 0o777;
const LOCK_WAIT: Duration = Duration::from_secs(5);
/// Longest time that `init` spends on retaining existing sessions. Ten thousand links take a second, but
/// copies to another file system may take any time.
const KEEP_LIMIT: Duration = Duration::from_secs(30);
const LAUNCHER_LIMIT: u64 = 1024 * 1024;

/// What `planInit` should prepare.
#[expect(clippy::struct_excessive_bools, reason = "they are flags of a command line")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct InitOptions {
    pub project: PathBuf,
    /// Settings file to which the hooks are written: `.claude/settings.json`, `.claude/settings.local.json`,
    /// or the user's own `settings.json`.
    #[serde(default)]
    pub scope: HookScope,
    /// Whether to write the hooks and their launcher. Defaults to `true`.
    #[serde(default = "yes")]
    pub hooks: bool,
    /// Whether to install a status line too, which wraps an existing one. In a project it is written to
    /// `.claude/settings.local.json`, whatever the scope.
    #[serde(default)]
    pub status_line: bool,
    /// `true` allows closed sessions of the project to be resumed unattended. `false` withdraws that
    /// permission.
    #[serde(default)]
    pub unattended: Option<bool>,
    /// Whether to write the slash commands. Defaults to `true`.
    #[serde(default = "yes")]
    pub commands: bool,
    /// `false` stops asking the model to keep its part of HANDOFF.md current; `true` asks again. If absent,
    /// the setting is unchanged.
    #[serde(default)]
    pub instruction: Option<bool>,
    /// `false` does not keep sessions of the project beyond Claude Code's retention period; `true` keeps
    /// them. If absent, the setting is unchanged.
    #[serde(default)]
    pub keep: Option<bool>,
    /// Whether to leave `.git/info/exclude` unchanged, from now on until `uninstall`.
    #[serde(default)]
    pub share: bool,
    /// Root of the running package, from which the runtime is copied.
    pub package_root: PathBuf,
    /// Path of the loaded addon, if it is not in the package's root.
    #[serde(default)]
    pub addon: Option<PathBuf>,
    /// Absolute path of the running Node.js. Hooks start it, whatever the PATH of their client. If absent,
    /// they start the `node` on PATH.
    #[serde(default)]
    pub node: Option<PathBuf>,
}

const fn yes() -> bool {
    true
}

/// Source and destination of the runtime copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RuntimeStep {
    pub from: PathBuf,
    /// The copy; `None` if no runtime is needed.
    pub to: Option<PathBuf>,
    /// Why the runtime is copied, or used in place.
    pub why: String,
}

/// Everything that `init` will do, as a value. Nothing is written before `applyInit`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct InitPlan {
    pub project: PathBuf,
    pub scope: HookScope,
    /// The settings files to edit; their steps come first in `files`. Never read from a plan that a caller
    /// hands back.
    #[serde(skip)]
    edits: Vec<SettingsEdit>,
    /// Step for each file, settings files first.
    pub files: Vec<FileStep>,
    pub runtime: RuntimeStep,
    pub warnings: Vec<String>,
    /// Options from which the plan was made.
    pub options: InitOptions,
}

impl InitPlan {
    #[must_use]
    pub fn hooks_target(&self) -> Option<&SettingsTarget> {
        self.edits.iter().find(|edit| !edit.cover).map(|edit| &edit.target)
    }
}

#[derive(Debug, Clone, PartialEq)]
struct SettingsEdit {
    scope: HookScope,
    /// Whether the file's hooks cover subdirectories and worktrees, in addition to the hooks of the other
    /// file.
    cover: bool,
    target: SettingsTarget,
}

/// Result of `init` and `uninstall`: what changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "InitReport"))]
pub struct ProjectReport {
    pub project: PathBuf,
    pub scope: HookScope,
    /// Whether anything was changed.
    pub changed: bool,
    pub files: Vec<FileStep>,
    /// Number of sessions whose files were retained for the first time.
    #[serde(default)]
    pub kept: usize,
    /// Whether Claude Code would load the plugin's module here but does not have the plugin.
    #[serde(default, rename = "offersPlugin")]
    pub offers_plugin: bool,
    pub warnings: Vec<String>,
}

/// Context for installing the hooks.
#[derive(Clone, Copy)]
pub struct SetupContext<'a> {
    /// Environment variables and well-known directories.
    pub env: &'a Environment,
    pub clock: &'a dyn Clock,
    pub version: &'a str,
}

/// The paths of one project and scope.
pub(super) struct ProjectPaths {
    pub state: StateDir,
    pub project: PathBuf,
    pub settings: PathBuf,
    /// Directory that a link at the settings' path must not leave.
    pub within: PathBuf,
    pub launcher: PathBuf,
    pub status_line_launcher: PathBuf,
    pub commands: PathBuf,
    /// The project, or the user's configuration directory of Claude Code. It contains all installed files,
    /// which are not reached through links.
    fence: Fence,
    /// Fence for commands that the user keeps elsewhere in the home directory, behind a link.
    commands_fence: Option<Fence>,
    /// The `package.json` that makes both launchers `CommonJS`.
    pub launchers_package: PathBuf,
    /// The shell script shared by both launchers.
    pub run: PathBuf,
    /// The settings file that gets the status line, with its scope.
    pub status_line: (HookScope, PathBuf),
    /// Settings files whose status line ours hides.
    pub beneath: Vec<PathBuf>,
    pub record: PathBuf,
    pub lock: PathBuf,
}

impl ProjectPaths {
    pub(super) fn of(setup: SetupContext<'_>, project: &Path, scope: HookScope) -> Result<Self> {
        let missing = |path: &Path| not_a_directory(path).hint("name the directory of a project");
        let project = canonical(project).map_err(|_| missing(project))?;
        if !project.is_dir() {
            return Err(missing(&project));
        }
        let state = StateDir::new(setup.env.state_dir()?);
        let config_dir = setup.env.claude_config_dir().ok_or_else(|| {
            Error::new(Code::StateDirUnknown, "Claude Code's directory is unknown: HOME is not set")
                .hint("set HOME")
        })?;
        let settings = path_of(scope, &project, &config_dir);
        let base = if scope == HookScope::User { config_dir.clone() } else { project.join(".claude") };
        let record = match scope {
            HookScope::User => user_record_path(&state, &config_dir),
            _ => record_path(&state, &project),
        };
        let key = project_key(if scope == HookScope::User { &config_dir } else { &project });
        let home = setup.env.home().and_then(|home| canonical(&home).ok());
        let within = match scope {
            HookScope::User => home.unwrap_or_else(|| config_dir.clone()),
            _ => project.clone(),
        };
        let linked = linked_commands(scope, &base, &within);
        let own = if scope == HookScope::User { HookScope::User } else { HookScope::Local };
        let beneath = match own {
            HookScope::User => Vec::new(),
            _ => [HookScope::Project, HookScope::User]
                .map(|scope| path_of(scope, &project, &config_dir))
                .into(),
        };
        Ok(Self {
            status_line: (own, path_of(own, &project, &config_dir)),
            status_line_launcher: base.join(STATUS_LINE_MARKER),
            launchers_package: base.join(MARKER).with_file_name(LAUNCHERS_PACKAGE),
            run: base.join(MARKER).with_file_name(RUN_NAME),
            beneath,
            fence: Fence::around(if scope == HookScope::User { &config_dir } else { &project }),
            commands_fence: linked.as_deref().map(Fence::around),
            commands: linked.unwrap_or_else(|| base.join(commands::DIRECTORY)),
            lock: state.project_lock(&key),
            launcher: base.join(MARKER),
            state,
            project,
            settings,
            within,
            record,
        })
    }

    /// Returns the fence through which a path is reached.
    pub(super) fn fence_of(&self, path: &Path) -> Fence {
        match &self.commands_fence {
            Some(fence) if path.starts_with(&self.commands) => fence.clone(),
            _ if self.fence.holds(path) => self.fence.clone(),
            _ => exclude::fence(&self.project, path),
        }
    }

    /// Returns the fence for the real path of a settings file. The user's own links were followed before.
    pub(super) fn settings_fence(&self, target: &SettingsTarget) -> Fence {
        if self.fence.holds(&target.real_path) {
            return self.fence.clone();
        }
        Fence::around(target.real_path.parent().unwrap_or(Path::new("/")))
    }

    pub(super) fn read_text(&self, path: &Path, limit: u64) -> Result<Option<String>> {
        self.fence_of(path).read_text(path, limit)
    }

    /// Checks that the directories of all installed files are directories and not links.
    pub(super) fn check(&self) -> Result<()> {
        self.fence.check(&self.launcher)?;
        let command = self.commands.join(commands::NAMES[0]);
        self.fence_of(&command).check(&command)
    }
}

/// Returns the target of a link that the user created in place of the commands directory, as dotfile managers
/// do.
fn linked_commands(scope: HookScope, base: &Path, home: &Path) -> Option<PathBuf> {
    let dir = base.join(commands::DIRECTORY);
    if scope != HookScope::User || !std::fs::symlink_metadata(&dir).is_ok_and(|meta| meta.is_symlink()) {
        return None;
    }
    let real = canonical(&dir).ok().filter(|real| real.starts_with(home))?;
    let meta = std::fs::metadata(&real).ok()?;
    let own = own_uid().is_none_or(|uid| owner(&meta).is_none_or(|owner| owner == uid));
    (meta.is_dir() && own).then_some(real)
}

/// Computes the plan without writing anything.
///
/// # Errors
/// [`Code::ProjectNotFound`], [`Code::PathRefused`] for paths that are not of the expected kind,
/// [`Code::Io`]; for a settings file those of [`SettingsTarget::with_ours`].
pub fn plan(setup: SetupContext<'_>, options: InitOptions) -> Result<InitPlan> {
    let mut plan = survey(setup, options)?;
    for (index, SettingsEdit { target, .. }) in plan.edits.iter().enumerate() {
        let (text, warning) = target.with_ours()?;
        plan.files
            .insert(index, step(&target.path, target.text.clone(), text.unwrap_or_default(), target.what()));
        plan.warnings.extend(warning.map(str::to_owned));
    }
    Ok(plan)
}

/// Returns whether `.claude` of this directory is the user's own configuration directory and not that of a
/// project.
#[must_use]
pub fn is_directory_of_user(env: &Environment, project: &Path) -> bool {
    let own = project.join(".claude");
    let of_user = [env.claude_config_dir(), env.home().map(|home| home.join(".claude"))];
    of_user.into_iter().flatten().any(|dir| {
        dir == own
            || canonical(&dir).is_ok_and(|dir| canonical(&own).is_ok_and(|own| own == dir))
            || dir
                .parent()
                .and_then(|above| canonical(above).ok())
                .is_some_and(|above| above == project && dir.file_name() == own.file_name())
    })
}

/// Plans everything except the edits of settings files, so that `doctor` can compare a settings file that
/// cannot be parsed.
///
/// # Errors
/// [`Code::ProjectNotFound`], [`Code::PathRefused`] for paths that are not of the expected kind,
/// [`Code::Io`].
#[expect(clippy::too_many_lines, reason = "one step of the plan after the other")]
pub fn survey(setup: SetupContext<'_>, mut options: InitOptions) -> Result<InitPlan> {
    let scope = options.scope;
    if scope == HookScope::User && options.unattended.is_some() {
        return Err(Error::new(Code::Usage, "unattended runs are allowed per project")
            .hint("run init --unattended in the project, without --user"));
    }
    let places = ProjectPaths::of(setup, &options.project, scope)?;
    if scope != HookScope::User && is_directory_of_user(setup.env, &places.project) {
        let why = "is the home of Claude Code's own settings: .claude/settings.json in it applies to all your projects";
        return Err(Error::new(Code::HomeDirectory, why).at(&places.project).hint(
            "run cc-session-recover init --user for all your projects, or init in the directory of one project",
        ));
    }
    if scope != HookScope::User && places.project.parent().is_none() {
        let why = "is the root of the file system, not a project";
        return Err(Error::new(Code::HomeDirectory, why).at(&places.project).hint(
            "run cc-session-recover init --user for all your projects, or init in the directory of one project",
        ));
    }
    places.check()?;
    let mut files = Vec::new();
    let mut warnings = Vec::new();
    let mut edits = Vec::new();
    let mut runtime_to = None;
    let wanted = options.status_line.then(|| entry(scope, &places.status_line_launcher, &places.beneath));
    if options.hooks {
        let entries = entries(scope, &places.launcher);
        let same = places.status_line.1 == places.settings;
        let target = read(&places.settings, scope, &places.within, entries, wanted.clone().filter(|_| same))?;
        edits.push(SettingsEdit { scope, cover: false, target });
    }
    // Only peeks: planning neither writes nor quarantines anything.
    let known = peek::<Enabled>(&places.record).ok().flatten();
    options.share |= known.as_ref().is_some_and(|enabled| enabled.share);
    let cover = options.hooks && is_cover(setup, &places, scope, known.as_ref());
    let elsewhere = wanted.is_some() && edits.iter().all(|edit| edit.target.status_line.is_none());
    if cover || elsewhere {
        let (scope, path) = &places.status_line;
        let entries = if cover { entries(*scope, &places.launcher) } else { Vec::new() };
        let target = read(path, *scope, &places.within, entries, wanted.filter(|_| elsewhere))?;
        edits.push(SettingsEdit { scope: *scope, cover: true, target });
    }
    if options.hooks && scope != HookScope::User && !can_be_covered(&places.project) {
        warnings.push(uncovered(&places.project));
    }
    let drawn = options.status_line || places.status_line_launcher.exists();
    if options.hooks || drawn {
        let runtime = Runtime::of_package(
            &options.package_root,
            options.addon.as_deref(),
            &places.state,
            setup.version,
        )?;
        runtime_to = Some(runtime.dir.clone());
        if !runtime.is_present() {
            files.push(FileStep {
                path: runtime.dir.clone(),
                action: FileAction::Create,
                why: "what the hooks run".into(),
                before: None,
                after: None,
            });
        }
        // Written before the launchers, which Node.js would otherwise read as modules.
        let package = &places.launchers_package;
        let before = places.read_text(package, LAUNCHER_LIMIT)?;
        let why = "keeps the launchers working whatever kind of package the project is";
        files.push(step(package, before, LAUNCHERS_ARE_COMMONJS.into(), why));
        let run = &places.run;
        let before = places.read_text(run, LAUNCHER_LIMIT)?;
        let text = runtime.run(setup.env, &options.package_root, &places.state, scope)?;
        files.push(step(run, before, text, "chooses the Node.js that runs the launchers"));
        let launchers = [
            (options.hooks, &places.launcher, HOOK, "starts what the hooks run"),
            (drawn, &places.status_line_launcher, STATUS_LINE, "draws the status line"),
        ];
        for (_, path, template, why) in launchers.into_iter().filter(|(wanted, ..)| *wanted) {
            let before = places.read_text(path, LAUNCHER_LIMIT)?;
            let text = runtime.launcher(setup.env, &options.package_root, template, scope)?;
            files.push(step(path, before, text, why));
        }
    }
    let mut excluded = WRITTEN_BY_HOOKS.map(str::to_owned).to_vec();
    if cover {
        excluded.push(".claude/settings.local.json".to_owned());
    }
    if options.commands {
        let known = known.as_ref().map(|enabled| enabled.commands.clone()).unwrap_or_default();
        let node = options.node.as_deref();
        let call = PackageCall::of_package(setup.env, &options.package_root, node, options.share);
        let (steps, told) = commands::steps(
            &places.fence_of(&places.commands.join("x")),
            &places.commands,
            &call,
            node.is_some(),
            &[&known],
        )?;
        let name = |step: &FileStep| Some(step.path.file_name()?.to_str()?.to_owned());
        excluded.extend(steps.iter().filter_map(name).map(|name| format!(".claude/commands/{name}")));
        files.extend(steps);
        warnings.extend(told);
    }
    if scope != HookScope::User {
        let note = places.project.join(FILE_NAME);
        let before = places.read_text(&note, EXCLUDE_LIMIT * 4)?;
        let known = known.as_ref().and_then(|enabled| enabled.instruction);
        let fresh = match options.instruction.or(known) {
            Some(false) => template().to_owned(),
            _ => template_with_instruction(),
        };
        let written = before.clone().filter(|text| !is_untouched(text) || options.instruction.is_none());
        let why = if written.is_some() { "is there already" } else { "notes that survive a stop" };
        files.push(step(&note, before, written.unwrap_or(fresh), why));
        if !options.share {
            files.extend(exclude_step(setup.env, &places.project, &excluded)?);
        }
        if let Some(outer) =
            enclosing(&places.state, setup.env, places.project.parent().unwrap_or(&places.project))
        {
            warnings
                .push(format!("recovery is also set up in {}, which contains this project", outer.display()));
        }
    }
    if setup.env.var("CLAUDECODE").is_some() {
        warnings
            .push("run from within Claude Code: the hooks will work in this session within seconds".into());
    }
    let why = if is_temporary(&options.package_root) {
        "the package runs from a temporary npx cache, so hooks run a copy of it"
    } else {
        "hooks run a copy, so that an update or removal of the package cannot break them half-way"
    };
    let runtime = RuntimeStep { from: options.package_root.clone(), to: runtime_to, why: why.into() };
    if options.unattended == Some(true) {
        warnings.extend(unattended_warnings(setup.env, &places.project));
    }
    Ok(InitPlan { project: places.project, scope, edits, files, runtime, warnings, options })
}

/// Returns whether hooks go into `settings.local.json` as well as `settings.json`, so that sessions in
/// subdirectories and worktrees run them. This is not needed if that file or the user's own settings already
/// have our hooks, which reach such sessions.
fn is_cover(
    setup: SetupContext<'_>,
    places: &ProjectPaths,
    scope: HookScope,
    known: Option<&Enabled>,
) -> bool {
    let own =
        known.and_then(|enabled| enabled.settings.get(&HookScope::Local)).is_some_and(|image| image.hooks);
    let user = setup.env.claude_config_dir().and_then(|dir| find_user(&places.state, &dir));
    let user = user.is_some_and(|user| user.settings.values().any(|image| image.hooks));
    scope == HookScope::Project && !own && !user && can_be_covered(&places.project)
}

fn uncovered(project: &Path) -> String {
    let why = match Checkout::of(project) {
        None => "it is not in a git repository",
        Some(checkout) if !checkout.is_main() => "it is a linked worktree",
        Some(_) => "it is not the top of its repository",
    };
    format!(
        "sessions started in a subdirectory of {} run no hooks, because {why}: start them in it, or run cc-session-recover init --user",
        project.display()
    )
}

/// Returns whether the package is in the cache of npx (`_npx/<hash>/`), which may be emptied at any time.
pub(super) fn is_temporary(root: &Path) -> bool {
    root.components().any(|part| part.as_os_str() == "_npx")
}

pub(super) fn step(path: &Path, before: Option<String>, after: String, why: &str) -> FileStep {
    let action = match &before {
        None => FileAction::Create,
        Some(text) if *text == after => FileAction::Keep,
        Some(_) => FileAction::Replace,
    };
    FileStep { path: path.to_path_buf(), action, why: why.into(), before, after: Some(after) }
}

/// Plans the lines for git's exclude file, which is not part of the repository.
fn exclude_step(env: &Environment, project: &Path, names: &[String]) -> Result<Option<FileStep>> {
    let change = ExcludeChange::of(env, project, names.iter().map(String::as_str)).map_err(|error| {
        let hint = "replace it with a directory, or use --share, which leaves git's exclude file alone";
        if error.code == Code::PathRefused { error.hint(hint) } else { error }
    })?;
    let Some(ExcludeChange { file, before, after }) = change else { return Ok(None) };
    let mut step = step(&file, before, after, "keeps the files below out of commits");
    if step.action == FileAction::Replace {
        step.action = FileAction::Append;
    }
    Ok(Some(step))
}

/// Carries out a plan.
///
/// The plan is computed again from its options and must be equal, so changes that a caller made to it have no
/// effect.
///
/// # Errors
/// As [`plan`]; [`Code::ChangedMeanwhile`] if a file has changed since the plan was made.
pub fn apply(setup: SetupContext<'_>, planned: &InitPlan) -> Result<ProjectReport> {
    let places = ProjectPaths::of(setup, &planned.options.project, planned.scope)?;
    let _lock = Lock::wait(&places.lock, LOCK_WAIT)?;
    let _excluded = exclude::lock_files(&places.state, planned.files.iter().map(|step| &*step.path))?;
    let plan = plan(setup, planned.options.clone())?;
    if plan.files != planned.files {
        return Err(Error::new(Code::ChangedMeanwhile, "changed since it was planned")
            .at(&plan.project)
            .hint("run the command again"));
    }
    let options = plan.options.clone();
    let created = missing_dirs(&plan, &places);
    if plan.runtime.to.is_some() {
        Runtime::of_package(&options.package_root, options.addon.as_deref(), &places.state, setup.version)?
            .install()?;
        record_start(setup.env, &places.state, options.node.as_deref(), Some(&places.project))?;
        record_package(&places.state, &options.package_root, is_temporary(&options.package_root))?;
    }
    let (settings_steps, other_steps) = plan.files.split_at(plan.edits.len());
    for step in other_steps.iter().filter(|step| step.changes()) {
        if let Some(text) = &step.after {
            let is_note = step.path == places.project.join(FILE_NAME);
            let is_private = planned.scope == HookScope::User || is_note && !options.share;
            let mode = if is_private { PRIVATE } else { SHARED };
            places.fence_of(&step.path).replace(&step.path, text.as_bytes(), mode, SHARED_DIRECTORY)?;
        }
    }
    let enabled = enabled_record(setup, &places, &plan, created)?;
    let mut record_changed = false;
    if load::<Enabled>(&places.state, &places.record)?.found().as_ref() != Some(&enabled) {
        save(&places.record, &enabled)?;
        record_changed = true;
    }
    for (SettingsEdit { target, .. }, step) in plan.edits.iter().zip(settings_steps) {
        if step.changes() {
            let mode = if planned.scope == HookScope::User { PRIVATE } else { SHARED };
            target.write(&places.settings_fence(target), step.after.as_deref(), mode)?;
        }
    }
    let mut warnings = plan.warnings;
    let kept = if options.hooks && enabled.keep != Some(false) {
        keep_existing(setup, &places, planned.scope, &mut warnings)
    } else {
        0
    };
    if enabled.unattended.is_some() {
        // Includes what was just written, because the user ran this command.
        let now = Fingerprint::of(&places.project, None, setup.env.claude_config_dir().as_deref());
        if enabled.fingerprint.as_ref() != Some(&now) {
            save(&places.record, &Enabled { fingerprint: Some(now), ..enabled })?;
            record_changed = true;
        }
    }
    let changed = record_changed || kept > 0 || plan.files.iter().any(FileStep::changes);
    if changed {
        let fields = json!({"project": plan.project, "scope": plan.scope, "hooks": options.hooks, "statusLine": options.status_line, "unattended": options.unattended, "instruction": options.instruction, "kept": kept});
        journal::append(&places.state, setup.clock, "init", fields);
    }
    let offers_plugin = would_load_module(&places.state, setup.env, Some(&plan.project));
    Ok(ProjectReport {
        project: plan.project,
        scope: plan.scope,
        changed,
        files: plan.files,
        kept,
        offers_plugin,
        warnings,
    })
}

/// Retains the existing sessions, because the sweep may delete them before any hook runs in them. A session
/// that cannot be retained causes a warning, and `doctor` reports it.
fn keep_existing(
    setup: SetupContext<'_>,
    places: &ProjectPaths,
    scope: HookScope,
    warnings: &mut Vec<String>,
) -> usize {
    let project = (scope != HookScope::User).then_some(places.project.as_path());
    let Some(home) = setup.env.claude_config_dir().map(ClaudeHome::new) else { return 0 };
    if !in_force(setup.env, project).config.retention.keep {
        return 0;
    }
    let KeptMany { kept, left, failures } =
        keep_sessions(&places.state, setup.clock, &home, project, None, Some(KEEP_LIMIT));
    if let Some(first) = failures.first() {
        warnings.push(format!("{} of the sessions could not be kept: {first}", failures.len()));
    }
    if left > 0 {
        warnings.push(format!(
            "{left} sessions are not kept yet: they have to be copied, because no links to them can be made in the state directory; run cc-session-recover init again to continue with them"
        ));
    }
    kept
}

/// Returns warnings for the user before the first unattended run: what it may do, and whether it will be able
/// to log in.
fn unattended_warnings(env: &Environment, project: &Path) -> Vec<String> {
    let ceiling = in_force(env, Some(project)).config.unattended.permission_ceiling;
    let mode = permission_mode(Some("bypassPermissions"), &ceiling);
    let mut warnings = vec![format!(
        "an unattended run gets the permission mode of its session, at most {mode}: {}; a session that had more (bypassPermissions) is lowered to it",
        permitted_actions(mode)
    )];
    if let Some(config_dir) = env.claude_config_dir() {
        let place = SettingsPlace { config_dir: &config_dir, project: Some(project), flag: None };
        let kept = kept_from_hooks(env, place);
        if !kept.is_empty() {
            warnings.push(kept_from_hooks_words(&kept));
        }
    }
    warnings
}

/// Returns the directories that `init` will create, outermost first.
fn missing_dirs(plan: &InitPlan, places: &ProjectPaths) -> Vec<PathBuf> {
    let files = plan
        .files
        .iter()
        .filter(|step| step.action == FileAction::Create && !step.path.starts_with(places.state.root()));
    let settings = plan.edits.iter().map(|edit| &edit.target.real_path);
    dirs_above(files.map(|step| &step.path).chain(settings))
}

fn enabled_record(
    setup: SetupContext<'_>,
    places: &ProjectPaths,
    plan: &InitPlan,
    created: Vec<PathBuf>,
) -> Result<Enabled> {
    let known = load::<Enabled>(&places.state, &places.record)?.found();
    let project = (plan.scope != HookScope::User).then(|| places.project.clone());
    let meta = project.as_deref().and_then(|dir| std::fs::metadata(dir).ok());
    let mut enabled = known.unwrap_or_else(|| Enabled::new(project, setup.clock.now()));
    enabled.instruction = plan.options.instruction.or(enabled.instruction);
    enabled.keep = plan.options.keep.or(enabled.keep);
    match plan.options.unattended {
        Some(true) => {
            enabled.unattended.get_or_insert_with(|| setup.clock.now());
        }
        Some(false) => (enabled.unattended, enabled.fingerprint) = (None, None),
        None => {}
    }
    enabled.identity = meta.as_ref().and_then(identity);
    enabled.born = meta.as_ref().and_then(born);
    for dir in created {
        if !enabled.created.contains(&dir) {
            enabled.created.push(dir);
        }
    }
    if plan.scope != HookScope::User {
        enabled.share = plan.options.share;
    }
    if let Some(FileStep { path, before, after: Some(after), .. }) =
        plan.files.iter().find(|step| exclude::is_exclude_file(&step.path) && step.changes())
    {
        let change = ExcludeChange { file: path.clone(), before: before.clone(), after: after.clone() };
        // An earlier version may have added fewer lines; all of them are ours.
        enabled.excluded = Some(change.added(enabled.excluded.take()));
    }
    for step in plan.files.iter().filter(|step| step.path.parent() == Some(&places.commands)) {
        let text = step.after.as_deref().unwrap_or_default();
        enabled.commands.insert(step.path.clone(), sha256_hex(text.as_bytes()));
    }
    for (SettingsEdit { scope, cover, target }, step) in plan.edits.iter().zip(&plan.files) {
        let after_sha256 = sha256_hex(step.after.as_deref().unwrap_or_default().as_bytes());
        let known = enabled.settings.get(scope);
        let unchanged = known.is_some_and(|known| target.sha256.as_deref() == Some(&known.after_sha256));
        let (before, mixed) = match known {
            // The file is as our earlier edit left it, so the text before that edit is still the one to
            // restore.
            Some(known) if unchanged => (known.before.clone(), known.mixed),
            _ => {
                let mixed = target.text.as_deref().is_some_and(is_ours);
                ((!mixed).then(|| target.text.clone()).flatten(), mixed)
            }
        };
        let image = SettingsImage {
            path: target.path.clone(),
            before,
            mixed,
            after_sha256,
            hooks: !target.entries.is_empty() && !cover || known.is_some_and(|known| known.hooks),
            cover: *cover && !target.entries.is_empty() || known.is_some_and(|known| known.cover),
            status_line: target.status_line.is_some() || known.is_some_and(|known| known.status_line),
        };
        enabled.settings.insert(*scope, image);
    }
    Ok(enabled)
}
