//! Writes the plugin where Claude Code can read it, and removes it: first computes a plan as a value, then
//! carries out the whole plan or nothing.
//!
//! An existing file that has one of the plugin's names but is not ours is left unchanged.

use super::contents::{PluginFile, commands, contents};
use super::{ClientPluginSettings, HOOKS, ID, NAME, PluginDirectory, PluginRecord};
use crate::clock::Clock;
use crate::env::Environment;
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::{PRIVATE, canonical};
use crate::note::exclude::{self, ExcludedByHooks};
use crate::project::commands::{NAMES, PackageCall, is_known, removals, steps, was_written};
use crate::project::hooks::MARKER;
use crate::project::init::{SHARED, SetupContext, is_temporary, step};
use crate::project::runtime::{Runtime, record_package, record_start};
use crate::project::uninstall::{mode_of, removal, stop_waiting, without_lines};
use crate::project::{FileAction, FileStep, dirs_above};
use crate::store::fence::Fence;
use crate::store::flag::Flags;
use crate::store::lock::Lock;
use crate::store::replace::sweep;
use crate::store::stored::{load, sha256_hex};
use crate::store::{StateDir, journal};
use crate::trust::enabled::find_user;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Size limit of a plugin file, in bytes.
const LIMIT: u64 = 1024 * 1024;
/// A square PNG of 512 pixels, which the plugin directory of Claude Code asks for.
const ICON: &str = "icon.png";
const PRIVATE_DIRECTORY: u32 = 0o700;
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// What `planPlugin` should prepare.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct PluginOptions {
    /// Absolute path of the directory to write to; by default `plugin` in the state directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<PathBuf>,
    /// Whether to remove the plugin instead of writing it.
    #[serde(default)]
    pub remove: bool,
    /// Root of the running package, from which the runtime is copied.
    pub package_root: PathBuf,
    /// Path of the loaded addon, if it is not in the package's root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addon: Option<PathBuf>,
    /// Same meaning as in `InitOptions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<PathBuf>,
}

/// Everything that writing or removing the plugin will do. Nothing is written before `applyPlugin`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PluginPlan {
    /// Directory of the marketplace with the one plugin.
    pub directory: PathBuf,
    /// Whether the plugin is removed.
    pub remove: bool,
    /// Files, in the order in which they are processed.
    pub files: Vec<FileStep>,
    pub warnings: Vec<String>,
    /// Claude Code commands that the user must run, each as a list of words.
    pub next: Vec<Vec<String>>,
    /// Options that the plan was made from.
    pub options: PluginOptions,
}

/// Result of `plugin`: what changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PluginReport {
    pub directory: PathBuf,
    /// Whether the plugin was removed.
    pub remove: bool,
    /// `false` if there was nothing to change.
    pub changed: bool,
    pub files: Vec<FileStep>,
    pub warnings: Vec<String>,
    /// Claude Code commands that the user must run, each as a list of words.
    pub next: Vec<Vec<String>>,
}

/// Everything that planning reads.
struct PluginPlanning {
    state: StateDir,
    directory: PathBuf,
    record: PluginRecord,
    runtime: Runtime,
    contents: Vec<PluginFile>,
    icon: PluginIcon,
}

/// The icon in Claude Code's list of plugins. It is binary, so its step contains no text. The
/// plugin works without it.
struct PluginIcon {
    path: PathBuf,
    bytes: Vec<u8>,
    /// SHA-256 of the existing file, in hex.
    found: Option<String>,
}

impl PluginIcon {
    const WHY: &'static str = "the icon in Claude Code's list of plugins";

    fn read(directory: &Path, package: &Path) -> Result<Self> {
        let source = package.join("plugin").join(ICON);
        let path = directory.join(NAME).join(".claude-plugin").join(ICON);
        let found = Fence::around(directory).read(&path, LIMIT).ok().flatten();
        Ok(Self {
            bytes: std::fs::read(&source).doing("read", &source)?,
            found: found.map(|bytes| sha256_hex(&bytes)),
            path,
        })
    }

    fn hash(&self) -> String {
        sha256_hex(&self.bytes)
    }

    /// Returns whether this version or an earlier one wrote the existing file.
    fn is_ours(&self, known: &[&BTreeMap<PathBuf, String>]) -> bool {
        self.found.as_ref().is_some_and(|found| {
            *found == self.hash() || known.iter().any(|hashes| hashes.get(&self.path) == Some(found))
        })
    }

    /// Returns the step that writes the icon; `None` if the existing file is not ours.
    fn step(&self, known: &[&BTreeMap<PathBuf, String>]) -> Option<FileStep> {
        let action = match &self.found {
            None => FileAction::Create,
            Some(found) if *found == self.hash() => FileAction::Keep,
            Some(_) if self.is_ours(known) => FileAction::Replace,
            Some(_) => return None,
        };
        Some(FileStep { path: self.path.clone(), action, why: Self::WHY.into(), before: None, after: None })
    }
}

impl PluginPlanning {
    fn read(setup: SetupContext<'_>, options: &PluginOptions) -> Result<Self> {
        let state = StateDir::new(setup.env.state_dir()?);
        let directory = directory(setup, &state, options.to.as_deref())?;
        let record = PluginRecord::peek_record(&state)?;
        let PluginOptions { package_root, addon, .. } = options;
        let runtime = Runtime::of_package(package_root, addon.as_deref(), &state, setup.version)?;
        let contents = contents(setup.env, &state, &directory, package_root, &runtime, setup.version)?;
        let icon = PluginIcon::read(&directory, package_root)?;
        Ok(Self { state, directory, record, runtime, contents, icon })
    }

    /// Returns the hashes of the files that were written here earlier.
    fn known(&self) -> Vec<&BTreeMap<PathBuf, String>> {
        let place = self.record.places.get(&self.directory);
        place.into_iter().flat_map(|place| [&place.files, &place.coming]).collect()
    }

    fn fence(&self) -> Fence {
        Fence::around(&self.directory)
    }

    /// Returns whether the record already lists exactly these files, with no write pending.
    fn is_recorded(&self, files: &[FileStep]) -> bool {
        self.record.places.get(&self.directory).is_some_and(|place| {
            place.coming.is_empty() && hashes(files).all(|(path, hash)| place.files.get(path) == Some(&hash))
        })
    }

    fn record_step(&self, action: FileAction, why: &str) -> FileStep {
        FileStep { path: PluginRecord::path(&self.state), action, why: why.into(), before: None, after: None }
    }
}

/// Resolves every link in the directory's path, as far as the path exists.
fn directory(setup: SetupContext<'_>, state: &StateDir, to: Option<&Path>) -> Result<PathBuf> {
    let wanted = to.map_or_else(|| state.root().join("plugin"), Path::to_path_buf);
    let refused = |why: &str| {
        let hint = "name another directory with --to";
        Err(Error::new(Code::PathRefused, why).at(&wanted).hint(hint))
    };
    if !wanted.is_absolute() {
        return refused("is not an absolute path");
    }
    if std::fs::symlink_metadata(&wanted).is_ok() && !wanted.is_dir() {
        return refused("is not a directory");
    }
    let there = wanted.ancestors().find_map(|dir| Some((dir, canonical(dir).ok()?)));
    let directory = match there {
        // Appends component by component, because joining an empty path would add a slash.
        Some((dir, real)) => {
            wanted.strip_prefix(dir).map_or(real.clone(), |rest| real.iter().chain(rest).collect())
        }
        None => wanted.clone(),
    };
    let home = setup.env.claude_config_dir().map(|dir| canonical(&dir).unwrap_or(dir));
    if home.is_some_and(|home| directory.starts_with(home)) {
        return refused("is in Claude Code's own directory, in which Claude Code manages plugins itself");
    }
    Ok(directory)
}

/// Computes the plan without writing anything.
///
/// # Errors
/// [`Code::PathRefused`] if a file that is not ours is in the way, [`Code::StateNewer`],
/// [`Code::StateDirUnknown`], [`Code::Io`].
pub fn plan(setup: SetupContext<'_>, options: PluginOptions) -> Result<PluginPlan> {
    plan_on(&PluginPlanning::read(setup, &options)?, setup, options)
}

fn plan_on(ground: &PluginPlanning, setup: SetupContext<'_>, options: PluginOptions) -> Result<PluginPlan> {
    let known = ClientPluginSettings::of(setup.env.claude_config_dir().as_deref(), None);
    let same = known
        .marketplace
        .as_deref()
        .is_some_and(|dir| canonical(dir).ok().as_ref() == Some(&ground.directory));
    let (mut files, mut warnings) =
        if options.remove { taken_away(ground)? } else { written(setup.env, ground, &options)? };
    let claude = |words: &[&str]| {
        ["claude", "plugin"].iter().chain(words).map(|word| (*word).to_owned()).collect::<Vec<_>>()
    };
    if options.remove && !files.is_empty() {
        files.extend(without_lines(only_of_plugin(setup, &ground.state).iter().map(ExcludedByHooks::lines)));
    }
    let mut next = Vec::new();
    let forget = claude(&["marketplace", "remove", NAME]);
    if options.remove {
        if same && known.on {
            next.push(claude(&["uninstall", ID]));
        }
        if same {
            next.push(forget);
            warnings.push(
                "Claude Code still has the plugin and could not load it afterwards: remove it there".into(),
            );
        }
    } else if !(same && known.on) {
        if !same {
            if let Some(other) = &known.marketplace {
                warnings.push(format!("Claude Code currently has the plugin from {}", other.display()));
                next.push(forget);
            }
            next.push(claude(&["marketplace", "add", &ground.directory.to_string_lossy()]));
        }
        next.push(claude(&["install", ID]));
    }
    let directory = ground.directory.clone();
    Ok(PluginPlan { directory, remove: options.remove, files, warnings, next, options })
}

fn written(
    env: &Environment,
    ground: &PluginPlanning,
    options: &PluginOptions,
) -> Result<(Vec<FileStep>, Vec<String>)> {
    let known = ground.known();
    let fence = ground.fence();
    let mut files = Vec::new();
    let mut warnings = Vec::new();
    if !ground.runtime.is_present() {
        files.push(FileStep {
            path: ground.runtime.dir.clone(),
            action: FileAction::Create,
            why: "what the hooks run".into(),
            before: None,
            after: None,
        });
    }
    files.extend(ground.icon.step(&known));
    for PluginFile { path, text, why, spare } in &ground.contents {
        let before = fence.read_text(path, LIMIT)?;
        let ours = before.as_ref().is_none_or(|before| before == text || was_written(path, before, &known));
        if ours {
            files.push(step(path, before, text.clone(), why));
        } else if *spare {
            warnings.push(format!("{} was edited and is left unchanged", path.display()));
        } else {
            return Err(Error::new(
                Code::PathRefused,
                "was not written by this tool or was edited since, and would be overwritten",
            )
            .at(path)
            .hint("move it away, or name another directory with --to"));
        }
    }
    let dir = commands(&ground.directory);
    let node = options.node.as_deref();
    let call = PackageCall::of_package(env, &options.package_root, node, false);
    let (mut commands, told) = steps(&fence, &dir, &call, node.is_some(), &known)?;
    warnings.extend(told);
    for step in &mut commands {
        let name = step.path.file_stem().unwrap_or_default().to_string_lossy();
        step.why = format!("/{NAME}:{name} in Claude Code");
    }
    // Inserted before the two files by which Claude Code finds the plugin.
    let names = files.len() - 2;
    files.splice(names..names, commands);
    if !ground.is_recorded(&files) {
        let there = PluginRecord::path(&ground.state).exists();
        let action = if there { FileAction::Replace } else { FileAction::Create };
        files
            .push(ground.record_step(action, "the record of the plugin, without which its hooks do nothing"));
    }
    Ok((files, warnings))
}

fn taken_away(ground: &PluginPlanning) -> Result<(Vec<FileStep>, Vec<String>)> {
    let known = ground.known();
    let fence = ground.fence();
    let mut files = Vec::new();
    let mut warnings = Vec::new();
    // The files by which Claude Code finds the plugin are removed first.
    for PluginFile { path, text, .. } in ground.contents.iter().rev() {
        fence.check(path)?;
        match fence.read_text(path, LIMIT) {
            Ok(Some(before)) if before == *text || was_written(path, &before, &known) => {
                files.push(removal(path, Some(before), "was part of the plugin"));
            }
            Ok(None) => {}
            // A file that was never written here belongs to the user, whatever it contains.
            Ok(Some(_)) | Err(_) => {
                if is_known(path, &known) {
                    warnings.push(format!(
                        "{} was edited, so it was not removed: delete it if you do not need it",
                        path.display()
                    ));
                }
            }
        }
    }
    if ground.icon.is_ours(&known) {
        files.push(removal(&ground.icon.path, None, "was part of the plugin"));
    }
    let dir = commands(&ground.directory);
    fence.check(&dir.join("x"))?;
    let (commands, told) = removals(&fence, &dir, &known);
    files.extend(commands);
    warnings.extend(told);
    let flags = flags(&ground.directory);
    if flags.exist() {
        files.push(removal(flags.dir(), None, "warnings that were not shown yet"));
    }
    if ground.record.places.contains_key(&ground.directory) {
        let action = if ground.record.places.len() > 1 { FileAction::Replace } else { FileAction::Remove };
        files.push(ground.record_step(action, "what was written"));
    }
    if files.is_empty() {
        for other in ground.record.places.keys().filter(|dir| **dir != ground.directory) {
            warnings.push(format!("the plugin is in {}: name it with --to", other.display()));
        }
    }
    Ok((files, warnings))
}

fn flags(directory: &Path) -> Flags {
    Flags::of_launcher(&directory.join(NAME).join(HOOKS).join(MARKER))
}

/// Carries out the whole plan or nothing.
///
/// The plan is computed again from its options and must be equal, so changes that a caller made to
/// it have no effect.
///
/// # Errors
/// As [`plan`]; [`Code::ChangedMeanwhile`] if a file has changed since the plan was made.
pub fn apply(setup: SetupContext<'_>, planned: &PluginPlan) -> Result<PluginReport> {
    let state = StateDir::new(setup.env.state_dir()?);
    let _lock = Lock::wait(&state.project_lock("plugin"), LOCK_WAIT)?;
    let _excluded = exclude::lock_files(&state, planned.files.iter().map(|step| &*step.path))?;
    let ground = PluginPlanning::read(setup, &planned.options)?;
    let plan = plan_on(&ground, setup, planned.options.clone())?;
    if plan.files != planned.files || plan.directory != planned.directory {
        return Err(Error::new(Code::ChangedMeanwhile, "changed since it was planned")
            .at(&plan.directory)
            .hint("run the command again"));
    }
    for path in own_files(&ground) {
        sweep(&path);
    }
    // This load quarantines a damaged record.
    let mut record =
        load::<PluginRecord>(&ground.state, &PluginRecord::path(&ground.state))?.found().unwrap_or_default();
    let before = record.clone();
    if !plan.remove {
        ground.runtime.install()?;
        record_start(setup.env, &state, planned.options.node.as_deref(), None)?;
        let PluginOptions { package_root, .. } = &planned.options;
        record_package(&state, package_root, is_temporary(package_root))?;
    }
    let flags = flags(&plan.directory);
    let excluded = if plan.remove { only_of_plugin(setup, &state) } else { Vec::new() };
    let apart = [ground.runtime.dir.clone(), flags.dir().to_path_buf(), PluginRecord::path(&state)];
    let writes_icon =
        !plan.remove && plan.files.iter().any(|step| step.changes() && step.path == ground.icon.path);
    let steps: Vec<&FileStep> = plan
        .files
        .iter()
        .filter(|step| step.changes() && !apart.contains(&step.path))
        .filter(|step| !writes_icon || step.path != ground.icon.path)
        .filter(|step| excluded.iter().all(|record| record.excluded.file != step.path))
        .collect();
    let missing = if plan.remove { Vec::new() } else { dirs_above(steps.iter().map(|step| &step.path)) };
    let changed = plan.files.iter().any(FileStep::changes);
    if changed && !plan.remove {
        announce(&mut record, &plan, &missing, setup.clock);
        record.save_record(&state)?;
    }
    settle(&mut record, &plan);
    if writes_icon && let Some(place) = record.places.get_mut(&plan.directory) {
        place.files.insert(ground.icon.path.clone(), ground.icon.hash());
    }
    let last = || {
        if writes_icon {
            ground.fence().replace(&ground.icon.path, &ground.icon.bytes, PRIVATE, PRIVATE_DIRECTORY)?;
        }
        if changed { record.save_record(&state) } else { Ok(()) }
    };
    let done = carry_out(&ground.fence(), &steps, &missing, last);
    if let Err(error) = done {
        let _ = before.save_record(&state);
        return Err(error);
    }
    if plan.remove {
        flags.clear();
        let created = before.places.get(&plan.directory).map(|place| place.created.as_slice());
        clear_out(&ground, created.unwrap_or_default());
        // If no plugin was there, no session waits because of it.
        if changed {
            remove_lines(&excluded, &plan.files, &state)?;
            stop_waiting(setup, &state);
        }
    }
    if changed {
        let paths: Vec<&PathBuf> = steps.iter().map(|step| &step.path).collect();
        let fields = json!({"directory": plan.directory, "remove": plan.remove, "paths": paths});
        journal::append(&state, setup.clock, "plugin", fields);
    }
    let PluginPlan { directory, remove, files, warnings, next, .. } = plan;
    Ok(PluginReport { directory, remove, changed, files, warnings, next })
}

/// Returns the lines in exclude files that only the plugin's hooks need.
fn only_of_plugin(setup: SetupContext<'_>, state: &StateDir) -> Vec<ExcludedByHooks> {
    let config_dir = setup.env.claude_config_dir();
    if config_dir.is_some_and(|dir| find_user(state, &dir).is_some()) {
        return Vec::new();
    }
    ExcludedByHooks::without_setup(state, setup.env)
}

/// Removes lines from exclude files, which are outside the plugin's directory.
fn remove_lines(excluded: &[ExcludedByHooks], steps: &[FileStep], state: &StateDir) -> Result<()> {
    for record in excluded {
        let (project, lines) = record.lines();
        let fence = exclude::fence(project, &lines.file);
        match steps.iter().find(|step| step.path == lines.file).map(|step| &step.after) {
            Some(Some(text)) => fence.replace(&lines.file, text.as_bytes(), SHARED, PRIVATE_DIRECTORY)?,
            Some(None) => fence.remove(&lines.file)?,
            None => {}
        }
        record.forget_if_removed(state)?;
    }
    Ok(())
}

/// Records the files before they are written, so that the leftovers of a killed run are recognized.
fn announce(record: &mut PluginRecord, plan: &PluginPlan, missing: &[PathBuf], clock: &dyn Clock) {
    let place = record.places.entry(plan.directory.clone()).or_insert_with(|| PluginDirectory {
        at: clock.now(),
        files: BTreeMap::new(),
        created: Vec::new(),
        coming: BTreeMap::new(),
    });
    // Planning has established that the existing files are ours.
    for step in plan.files.iter().filter(|step| step.after.is_some()) {
        if let Some(text) = &step.before {
            place.files.insert(step.path.clone(), sha256_hex(text.as_bytes()));
        }
    }
    for (path, hash) in hashes(&plan.files) {
        if place.files.get(path) != Some(&hash) {
            place.coming.insert(path.clone(), hash);
        }
    }
    for dir in missing {
        if !place.created.contains(dir) {
            place.created.push(dir.clone());
        }
    }
}

/// Updates the record after the files were written or removed.
fn settle(record: &mut PluginRecord, plan: &PluginPlan) {
    if plan.remove {
        record.places.remove(&plan.directory);
    } else if let Some(place) = record.places.get_mut(&plan.directory) {
        place.files.append(&mut place.coming);
        place.files.extend(hashes(&plan.files).map(|(path, hash)| (path.clone(), hash)));
    }
}

fn hashes(files: &[FileStep]) -> impl Iterator<Item = (&PathBuf, String)> {
    files.iter().filter_map(|step| Some((&step.path, sha256_hex(step.after.as_ref()?.as_bytes()))))
}

/// Carries out the steps and then `last`. If one of them fails, restores the earlier bytes of every file.
fn carry_out(
    fence: &Fence,
    steps: &[&FileStep],
    missing: &[PathBuf],
    last: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let modes: Vec<u32> = steps.iter().map(|step| mode_of(&step.path)).collect();
    let put = |index: usize, text: Option<&String>| match text {
        Some(text) => fence.replace(&steps[index].path, text.as_bytes(), modes[index], PRIVATE_DIRECTORY),
        None => fence.remove(&steps[index].path),
    };
    let mut tried = 0;
    let mut done = Ok(());
    while done.is_ok() && tried < steps.len() {
        done = put(tried, steps[tried].after.as_ref());
        tried += 1;
    }
    let error = match done.and_then(|()| last()) {
        Ok(()) => return Ok(()),
        Err(error) => error,
    };
    for index in (0..tried).rev() {
        // A step that cannot be reverted is recognized by the next run from its bytes.
        let _ = put(index, steps[index].before.as_ref());
    }
    for dir in missing.iter().rev() {
        remove_empty(fence, dir);
    }
    Err(error)
}

fn own_files(ground: &PluginPlanning) -> Vec<PathBuf> {
    let files = ground.contents.iter().map(|content| content.path.clone());
    files.chain(NAMES.iter().map(|name| commands(&ground.directory).join(name))).collect()
}

/// Removes the plugin's own empty directories, innermost first.
fn clear_out(ground: &PluginPlanning, created: &[PathBuf]) {
    let own = own_files(ground).into_iter().flat_map(|path| {
        let dirs = path.ancestors().skip(1).take_while(|dir| *dir != ground.directory);
        dirs.map(Path::to_path_buf).collect::<Vec<_>>()
    });
    let mut dirs: Vec<PathBuf> = own.chain(created.iter().cloned()).collect();
    dirs.sort();
    dirs.dedup();
    for dir in dirs.iter().rev() {
        remove_empty(&ground.fence(), dir);
    }
}

/// Removes an empty directory. The directories above the plugin's own were created for it.
fn remove_empty(fence: &Fence, dir: &Path) {
    if fence.holds(dir) {
        fence.remove_empty(dir);
    } else {
        let _ = std::fs::remove_dir(dir);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: PathBuf, before: Option<&str>, after: Option<&str>) -> FileStep {
        let action = FileAction::Replace;
        let [before, after] = [before, after].map(|text| text.map(str::to_owned));
        FileStep { path, action, why: String::new(), before, after }
    }

    #[test]
    fn a_failed_step_or_record_restores_the_previous_bytes_of_every_file() {
        let dir = tempfile::tempdir().unwrap();
        let [old, new, blocked] = ["old", "deep/new", "blocked"].map(|name| dir.path().join(name));
        std::fs::write(&old, "before").unwrap();
        std::fs::create_dir_all(blocked.join("in the way")).unwrap();
        let steps = [
            of(old.clone(), Some("before"), Some("after")),
            of(new.clone(), None, Some("made")),
            of(blocked, None, Some("x")),
        ];
        let all: Vec<&FileStep> = steps.iter().collect();
        let missing = dirs_above(all.iter().map(|step| &step.path));
        assert_eq!(missing, [dir.path().join("deep")]);
        assert!(carry_out(&Fence::around(dir.path()), &all, &missing, || Ok(())).is_err());
        let untouched =
            || std::fs::read_to_string(&old).unwrap() == "before" && !dir.path().join("deep").exists();
        assert!(untouched());
        let failing = || Err(Error::new(Code::Io, "no room"));
        assert!(carry_out(&Fence::around(dir.path()), &all[..2], &missing, failing).is_err());
        assert!(untouched());
        carry_out(&Fence::around(dir.path()), &all[..2], &missing, || Ok(())).unwrap();
        assert!(!untouched() && new.is_file());
    }
}
