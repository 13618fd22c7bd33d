//! Removes the hooks from a project. Restores the earlier bytes of a settings file that is unchanged since
//! our edit; removes only our own entries from any other. Removes saved states that the user did not edit and
//! a note without content. Other notes, edited states and records of sessions remain.

use super::commands::removals;
use super::hooks::MARKER;
use super::init::{ProjectPaths, ProjectReport, SHARED, SHARED_DIRECTORY, SetupContext};
use super::plugin;
use super::runtime::LAUNCHERS_ARE_COMMONJS;
use super::settings::{SettingsTarget, read};
use super::statusline::{STATUS_LINE_MARKER, is_ours};
use super::{FileAction, FileStep, HookScope};
use crate::config::Config;
use crate::error::{Code, Error, Result};
use crate::fs::PRIVATE;
use crate::note::exclude::{self, ExcludedByHooks};
use crate::note::handoff::{FILE_NAME, is_untouched};
use crate::note::state::{SavedStateIndex, SavedStateStore, StatesDirectory};
use crate::recovery::incident::Phase;
use crate::recovery::ledger::Ledger;
use crate::recovery::plan::RecoveryPlan;
use crate::recovery::reason::Reason;
use crate::session::Source;
use crate::store::flag::Flags;
use crate::store::lock::Lock;
use crate::store::replace::remove;
use crate::store::stored::{load, save};
use crate::store::{StateDir, journal};
use crate::trust::enabled::{Enabled, ExcludedLines, SettingsImage, find_user, is_set_up};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Duration;

const LIMIT: u64 = 4 * 1024 * 1024;
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// What `planUninstall` should prepare.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct UninstallOptions {
    pub project: PathBuf,
    /// The settings file from which to remove the hooks.
    #[serde(default)]
    pub scope: HookScope,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SettingsAction {
    /// Restores the file's earlier bytes.
    Restore,
    /// Removes our entries from its text.
    Edit,
    /// The file contains no entry of this tool.
    Keep,
}

/// Everything that `uninstall` will do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct UninstallPlan {
    pub project: PathBuf,
    /// The settings file from which to remove the hooks.
    pub scope: HookScope,
    /// The settings file, if it exists, and the one that contains only our status line or covering hooks.
    /// Never read from a plan that a caller hands back.
    #[serde(skip)]
    edits: Vec<SettingsRemoval>,
    /// For a settings file that is unchanged since our edit, its earlier bytes are restored (`restore`). From
    /// other settings files, only our entries are removed.
    pub files: Vec<FileStep>,
    pub warnings: Vec<String>,
    /// Options from which the plan was made.
    pub options: UninstallOptions,
}

/// A settings file and its new text.
#[derive(Debug, Clone, PartialEq)]
struct SettingsRemoval {
    scope: HookScope,
    action: SettingsAction,
    target: SettingsTarget,
    /// New text; `None` removes the file.
    after: Option<String>,
}

/// Computes the plan without writing anything.
///
/// # Errors
/// [`Code::ProjectNotFound`], [`Code::PathRefused`], [`Code::Io`].
pub fn plan(setup: SetupContext<'_>, options: UninstallOptions) -> Result<UninstallPlan> {
    let scope = options.scope;
    let places = ProjectPaths::of(setup, &options.project, scope)?;
    places.check()?;
    let enabled = load_enabled(&places)?;
    let target = read(&places.settings, scope, &places.within, Vec::new(), None)?;
    let image = |scope| enabled.as_ref().and_then(|enabled| enabled.settings.get(&scope));
    let mut files = Vec::new();
    let mut warnings = Vec::new();
    let mut edits = Vec::new();
    if target.text.is_some() {
        edits.push(removal_from(scope, target, image(scope))?);
    }
    let (own, path) = &places.status_line;
    if *own != scope && goes_with_the_hooks(&places, image(*own), path) {
        let target = read(path, *own, &places.within, Vec::new(), None)?;
        edits.push(removal_from(*own, target, image(*own))?);
    }
    // Edited files come before restored ones, and the one with the status line comes first among them.
    for edited in [true, false] {
        let these = |one: &&SettingsRemoval| (one.action == SettingsAction::Edit) == edited;
        let steps = edits.iter().filter(these).filter_map(SettingsRemoval::step);
        if edited { files.extend(steps.rev()) } else { files.extend(steps) }
    }
    // Another scope of the same project still needs the shared files.
    let gone = |other: HookScope| other == scope || edits.iter().any(|removal| removal.scope == other);
    let mut left = enabled.iter().flat_map(|enabled| &enabled.settings).filter(|(other, _)| !gone(**other));
    if !left.clone().any(|(_, image)| image.status_line) {
        let launcher = places.read_text(&places.status_line_launcher, LIMIT)?;
        if launcher.is_some() {
            files.push(removal(&places.status_line_launcher, launcher, "drew the status line"));
        }
    }
    let shared = left.next().is_some();
    if !shared {
        let launcher = places.read_text(&places.launcher, LIMIT)?;
        if launcher.is_some() {
            files.push(removal(&places.launcher, launcher, "started what the hooks ran"));
        }
        let run = places.read_text(&places.run, LIMIT)?;
        if run.is_some() {
            files.push(removal(&places.run, run, "chose the Node.js that ran the launchers"));
        }
        // Removed after the launchers, which Node.js would read as modules without it.
        let package = places.read_text(&places.launchers_package, LIMIT)?;
        if package.as_deref() == Some(LAUNCHERS_ARE_COMMONJS) {
            files.push(removal(&places.launchers_package, package, "kept the launchers working"));
        }
        let flags = Flags::of_launcher(&places.launcher);
        if flags.exist() {
            files.push(removal(flags.dir(), None, "warnings that were not shown yet"));
        }
        let known = enabled.as_ref().map(|enabled| enabled.commands.clone()).unwrap_or_default();
        let (commands, told) =
            removals(&places.fence_of(&places.commands.join("x")), &places.commands, &[&known]);
        files.extend(commands);
        warnings.extend(told);
        if scope != HookScope::User {
            let note = places.project.join(FILE_NAME);
            // A file that cannot be read as a note belongs to the user.
            if let Ok(Some(text)) = places.read_text(&note, LIMIT)
                && is_untouched(&text)
            {
                files.push(removal(&note, Some(text), "it contains no notes"));
            }
            let states = states(&places).removable();
            files.extend(
                states.iter().map(|path| removal(path, StatesDirectory::read(path), "a saved state")),
            );
        }
        let of_hooks = of_hooks(setup, &places, scope);
        let own = enabled.as_ref().and_then(|enabled| enabled.excluded.as_ref());
        files.extend(without_lines(
            of_hooks.iter().map(ExcludedByHooks::lines).chain(own.map(|own| (&*places.project, own))),
        ));
    }
    if plugin::is_on(&places.state, setup.env.claude_config_dir().as_deref(), Some(&places.project)) {
        let rest = "the plugin is enabled in Claude Code and works here without them";
        warnings.push(format!("{rest}: cc-session-recover plugin --remove removes it"));
    }
    let by_user = || setup.env.claude_config_dir().and_then(|dir| find_user(&places.state, &dir)).is_some();
    if scope != HookScope::User && files.is_empty() && by_user() {
        let rest = "the hooks in your own settings work here too";
        warnings.push(format!("{rest}: cc-session-recover uninstall --user removes them"));
    }
    Ok(UninstallPlan { project: places.project, scope, edits, files, warnings, options })
}

fn removal_from(
    scope: HookScope,
    target: SettingsTarget,
    image: Option<&SettingsImage>,
) -> Result<SettingsRemoval> {
    let (action, after) = match image {
        Some(image) if target.sha256.as_deref() == Some(&image.after_sha256) && !image.mixed => {
            (SettingsAction::Restore, image.before.clone())
        }
        _ if target.text.as_deref().is_some_and(is_ours) => (SettingsAction::Edit, target.without_ours()?),
        _ => (SettingsAction::Keep, target.text.clone()),
    };
    Ok(SettingsRemoval { scope, action, target, after })
}

impl SettingsRemoval {
    fn step(&self) -> Option<FileStep> {
        let (action, why) = match self.action {
            SettingsAction::Keep => return None,
            SettingsAction::Restore if self.after.is_some() => (FileAction::Restore, "as it was before"),
            SettingsAction::Restore => (FileAction::Remove, "as it was before"),
            SettingsAction::Edit if self.after == self.target.text => {
                (FileAction::Keep, "without our entries")
            }
            SettingsAction::Edit => (FileAction::Replace, "without our entries"),
        };
        let (before, after) = (self.target.text.clone(), self.after.clone());
        Some(FileStep { path: self.target.path.clone(), action, why: why.into(), before, after })
    }
}

/// Returns whether a settings file has our status line, or hooks that extend those of `settings.json` to
/// subdirectories and worktrees, but not our main hooks.
fn goes_with_the_hooks(places: &ProjectPaths, image: Option<&SettingsImage>, path: &Path) -> bool {
    match image {
        Some(image) => (image.status_line || image.cover) && !image.hooks,
        // The record of this file may be missing.
        None => places
            .read_text(path, LIMIT)
            .ok()
            .flatten()
            .is_some_and(|text| text.contains(STATUS_LINE_MARKER) && !text.contains(MARKER)),
    }
}

/// Returns the project's saved states.
fn states(places: &ProjectPaths) -> SavedStateStore<'_> {
    SavedStateStore { state: &places.state, project: &places.project, archives: 0, ignored: false }
}

fn load_enabled(places: &ProjectPaths) -> Result<Option<Enabled>> {
    Ok(load::<Enabled>(&places.state, &places.record)?.found())
}

pub(super) fn removal(path: &Path, before: Option<String>, why: &str) -> FileStep {
    FileStep { path: path.to_path_buf(), action: FileAction::Remove, why: why.into(), before, after: None }
}

/// Returns the lines in exclude files that hooks of this scope added: those of the project, or those of every
/// project that is not set up itself.
fn of_hooks(setup: SetupContext<'_>, places: &ProjectPaths, scope: HookScope) -> Vec<ExcludedByHooks> {
    if scope == HookScope::User {
        let mut found = ExcludedByHooks::without_setup(&places.state, setup.env);
        let config_dir = setup.env.claude_config_dir();
        found.retain(|record| !plugin::is_on(&places.state, config_dir.as_deref(), Some(&record.project)));
        return found;
    }
    ExcludedByHooks::of(&places.state, &places.project).into_iter().collect()
}

/// Removes exactly the lines that were added to git's exclude files, the latest first.
pub(super) fn without_lines<'l>(
    added: impl IntoIterator<Item = (&'l Path, &'l ExcludedLines)>,
) -> Vec<FileStep> {
    let mut steps: Vec<FileStep> = Vec::new();
    for (project, lines) in added {
        let file = &lines.file;
        let index = steps.iter().position(|step| step.path == *file).or_else(|| {
            // A repository may be gone, or no longer readable.
            let text = exclude::fence(project, file).read_text(file, LIMIT).ok()?;
            let mut step = removal(file, text.clone(), "without the lines that were added");
            step.after = text;
            steps.push(step);
            Some(steps.len() - 1)
        });
        if let Some(step) = index.map(|index| &mut steps[index]) {
            step.after = step.after.as_deref().and_then(|text| lines.removed_from(text));
        }
    }
    steps.retain(|step| step.after != step.before);
    for step in steps.iter_mut().filter(|step| step.after.is_some()) {
        step.action = FileAction::Replace;
    }
    steps
}

/// Carries out a plan.
///
/// # Errors
/// As [`plan`]; [`Code::ChangedMeanwhile`] if a file has changed since the plan was made.
pub fn apply(setup: SetupContext<'_>, planned: &UninstallPlan) -> Result<ProjectReport> {
    let places = ProjectPaths::of(setup, &planned.options.project, planned.scope)?;
    let _lock = Lock::wait(&places.lock, LOCK_WAIT)?;
    let _excluded = exclude::lock_files(&places.state, planned.files.iter().map(|step| &*step.path))?;
    let plan = plan(setup, planned.options.clone())?;
    if plan.files != planned.files {
        return Err(Error::new(Code::ChangedMeanwhile, "changed since it was planned")
            .at(&plan.project)
            .hint("run the command again"));
    }
    let enabled = load_enabled(&places)?;
    let of_hooks = of_hooks(setup, &places, planned.scope);
    // The hooks are removed first, so that nothing starts during the removal.
    for removal in &plan.edits {
        if removal.step().is_some_and(|step| step.changes()) {
            let target = &removal.target;
            target.write(&places.settings_fence(target), removal.after.as_deref(), SHARED)?;
        }
    }
    let done = [&places.settings, &places.status_line.1];
    let flags = Flags::of_launcher(&places.launcher);
    for step in plan.files.iter().filter(|step| step.changes() && !done.contains(&&step.path)) {
        match &step.after {
            Some(text) => {
                places.fence_of(&step.path).replace(&step.path, text.as_bytes(), SHARED, SHARED_DIRECTORY)?;
            }
            None if step.path == flags.dir() => flags.clear(),
            None => places.fence_of(&step.path).remove(&step.path)?,
        }
    }
    for record in &of_hooks {
        record.forget_if_removed(&places.state)?;
    }
    let was_enabled = enabled.is_some();
    if let Some(enabled) = enabled {
        forget(&places, &plan, enabled)?;
        stop_waiting(setup, &places.state);
    } else if let Some(dir) = places.launcher.parent() {
        // Its name is ours; it stays if it contains anything else.
        places.fence_of(dir).remove_empty(dir);
    }
    let changed = was_enabled || plan.files.iter().any(FileStep::changes);
    if changed {
        journal::append(
            &places.state,
            setup.clock,
            "uninstall",
            json!({"project": plan.project, "scope": plan.scope}),
        );
    }
    Ok(ProjectReport {
        project: plan.project,
        scope: plan.scope,
        changed,
        files: plan.files,
        kept: 0,
        offers_plugin: false,
        warnings: plan.warnings,
    })
}

fn forget(places: &ProjectPaths, plan: &UninstallPlan, mut enabled: Enabled) -> Result<()> {
    enabled.settings.remove(&plan.scope);
    for removal in &plan.edits {
        enabled.settings.remove(&removal.scope);
    }
    if !enabled.settings.is_empty() {
        return save(&places.record, &enabled);
    }
    remove(&places.record)?;
    // Removes only our own directories, only if they are empty, innermost first.
    if plan.scope != HookScope::User {
        if let Ok(Some(place)) = StatesDirectory::find(&places.project) {
            for dir in [place.archive(), place.dir().to_path_buf()] {
                places.fence_of(&dir).remove_empty(&dir);
            }
        }
        remove(&SavedStateIndex::path(&places.state, &places.project))?;
    }
    let launcher_dir = places.launcher.parent().map(Path::to_path_buf);
    for dir in enabled.created.iter().rev().chain(&launcher_dir) {
        places.fence_of(dir).remove_empty(dir);
    }
    Ok(())
}

/// Cancels the waits of sessions whose project no longer has recovery enabled.
pub(super) fn stop_waiting(setup: SetupContext<'_>, state: &StateDir) {
    let config = Config::default();
    let ledger = Ledger { state, clock: setup.clock, config: &config, default_home: None };
    for incident in ledger.read_all().0.into_iter().filter(|incident| incident.phase.is_active()) {
        // The session's own, which may differ from that of the user who removes the hooks.
        let config_dir = incident.config_dir.clone().or_else(|| setup.env.claude_config_dir());
        let config_dir = config_dir.as_deref();
        let project = incident.project.as_deref();
        if !is_set_up(state, config_dir, project) && !plugin::is_on(state, config_dir, project) {
            // Best effort: a session that cannot be changed now still appears in `status`, where it can be
            // cancelled.
            let _ = ledger.change(&incident.session, |incident| {
                if let Some(incident) = incident.as_mut().filter(|incident| incident.phase.is_active()) {
                    incident.phase = Phase::Cancelled;
                    incident.plan = RecoveryPlan::nothing(Reason::HooksRemoved);
                    incident.saw(Source::Store, "recovery was removed from the project");
                }
            });
        }
    }
}

#[cfg(unix)]
pub(super) fn mode_of(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).map_or(PRIVATE, |meta| meta.permissions().mode() & 0o7777)
}

#[cfg(not(unix))]
pub(super) fn mode_of(_path: &Path) -> u32 {
    PRIVATE
}
