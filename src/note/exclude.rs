//! Git's exclude file: the lines that keep the files of this tool out of commits.
//!
//! The file is not part of the repository. All worktrees of a repository share one, and a submodule has its
//! own in the repository that contains it, so git reports its path.

use crate::env::Environment;
use crate::error::Result;
use crate::fs::canonical;
use crate::git;
use crate::note::handoff::FILE_NAME;
use crate::store::fence::Fence;
use crate::store::lock::Lock;
use crate::store::stored::{Stored, load, peek, save};
use crate::store::{StateDir, replace};
use crate::trust::enabled::{ExcludedLines, find, project_key};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What hooks write to a set-up project, relative to it. Everything else that `init` writes is listed by its
/// plan.
pub const WRITTEN_BY_HOOKS: [&str; 3] = [FILE_NAME, ".claude/session-state/", ".claude/cc-session-recover/"];
/// Size limit of an exclude file, in bytes.
pub const LARGEST: u64 = 1024 * 1024;
const HEADING: &str = "# cc-session-recover";
/// Mode of a new exclude file, as git creates it.
const MODE: u32 = 0o644;
/// Mode of a new `info` directory, before the umask.
const DIRECTORY_MODE: u32 = 0o777;
const LOCK_WAIT: Duration = Duration::from_secs(2);

/// The exclude file of a project's repository, and its text with the missing lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExcludeChange {
    pub file: PathBuf,
    pub before: Option<String>,
    pub after: String,
}

impl ExcludeChange {
    /// Returns the change that adds the missing lines for files of a project; `None` outside a repository or
    /// if git does not answer. Writes nothing.
    ///
    /// # Errors
    /// [`crate::error::Code::PathRefused`] if the file is reached through a link or is not UTF-8 text;
    /// [`crate::error::Code::Io`].
    pub fn of<'n>(
        env: &Environment,
        project: &Path,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Result<Option<Self>> {
        let Some(file) = git::exclude_file(env, project) else { return Ok(None) };
        let before = fence(project, &file).read_text(&file, LARGEST)?;
        let text = before.clone().unwrap_or_default();
        let root = root(project).unwrap_or(project);
        let missing: Vec<String> =
            lines(root, project, names).filter(|line| !text.lines().any(|known| known == line)).collect();
        let mut after = text;
        if !missing.is_empty() {
            if !after.is_empty() && !after.ends_with('\n') {
                after.push('\n');
            }
            for line in std::iter::once(HEADING.to_owned()).chain(missing) {
                after.push_str(&line);
                after.push('\n');
            }
        }
        Ok(Some(Self { file, before, after }))
    }

    #[must_use]
    pub fn is_change(&self) -> bool {
        self.before.as_deref().unwrap_or_default() != self.after
    }

    /// Returns the record of the added lines, which `uninstall` removes, together with those of earlier
    /// changes to the same file.
    #[must_use]
    pub fn added(&self, earlier: Option<ExcludedLines>) -> ExcludedLines {
        let before = self.before.as_deref().unwrap_or_default();
        let new = self.after.lines().filter(|line| !before.lines().any(|known| known == *line));
        let earlier = earlier.filter(|earlier| earlier.file == self.file);
        let unended = !before.is_empty() && !before.ends_with('\n');
        let created = match &earlier {
            Some(earlier) => earlier.created,
            // A file that begins with our heading was created for another project.
            None => self.before.is_none() || before.lines().next() == Some(HEADING),
        };
        ExcludedLines {
            file: self.file.clone(),
            created,
            unended: unended || earlier.as_ref().is_some_and(|earlier| earlier.unended),
            lines: earlier
                .into_iter()
                .flat_map(|earlier| earlier.lines)
                .chain(new.map(str::to_owned))
                .collect(),
        }
    }
}

/// The lines that hooks added for one project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExcludedByHooks {
    pub version: u32,
    pub project: PathBuf,
    pub excluded: ExcludedLines,
}

impl Stored for ExcludedByHooks {
    const VERSION: u32 = 1;
}

impl ExcludedByHooks {
    #[must_use]
    pub fn path(state: &StateDir, project: &Path) -> PathBuf {
        state.excluded().join(format!("{}.json", project_key(project)))
    }

    /// Returns the record of a project, without quarantining a damaged one.
    #[must_use]
    pub fn of(state: &StateDir, project: &Path) -> Option<Self> {
        peek(&Self::path(state, project)).ok()?
    }

    /// Returns the records of projects that have not been set up themselves: there, the user's own hooks or
    /// those of the plugin wrote the note.
    #[must_use]
    pub fn without_setup(state: &StateDir, env: &Environment) -> Vec<Self> {
        let entries = std::fs::read_dir(state.excluded()).into_iter().flatten().flatten();
        let mut found: Vec<Self> = entries
            .filter_map(|entry| peek::<Self>(&entry.path()).ok()?)
            .filter(|record| find(state, env, Some(&record.project)).is_none())
            .collect();
        found.sort_by(|one, other| one.project.cmp(&other.project));
        found
    }

    /// Returns the project and the lines.
    #[must_use]
    pub fn lines(&self) -> (&Path, &ExcludedLines) {
        (&self.project, &self.excluded)
    }

    /// Forgets the lines if they are no longer in the exclude file. They stay while hooks of another scope
    /// need them.
    ///
    /// # Errors
    /// [`crate::error::Code::Io`].
    pub fn forget_if_removed(&self, state: &StateDir) -> Result<()> {
        let file = &self.excluded.file;
        let fence = fence(&self.project, file);
        let text = fence.read_text(file, LARGEST).ok().flatten();
        if text.as_deref().is_some_and(|text| self.excluded.removed_from(text).as_deref() != Some(text)) {
            return Ok(());
        }
        if let Some(info) = file.parent().filter(|_| self.excluded.created && text.is_none()) {
            fence.remove_empty(info);
        }
        replace::remove(&Self::path(state, &self.project))
    }
}

/// Excludes the note of a project from commits before a hook writes it, and in a set-up project everything
/// else that hooks write. `init` has done so already if the project was in a repository at that time. The
/// caller holds the project's lock.
///
/// # Errors
/// Those of [`ExcludeChange::of`]; [`crate::error::Code::StateLocked`], [`crate::error::Code::StateNewer`].
pub fn keep_out(env: &Environment, state: &StateDir, project: &Path, is_set_up: bool) -> Result<()> {
    let project = canonical(project).unwrap_or_else(|_| project.to_path_buf());
    let Some(root) = root(&project) else { return Ok(()) };
    let names = if is_set_up { &WRITTEN_BY_HOOKS[..] } else { &WRITTEN_BY_HOOKS[..1] };
    if is_excluded(root, &project, names) {
        return Ok(());
    }
    let Some(file) = git::exclude_file(env, &project) else { return Ok(()) };
    let _held = lock_files(state, [&*file])?;
    let change = ExcludeChange::of(env, &project, names.iter().copied())?;
    let Some(change) = change.filter(ExcludeChange::is_change) else { return Ok(()) };
    let path = ExcludedByHooks::path(state, &project);
    let earlier = load::<ExcludedByHooks>(state, &path)?.found().map(|record| record.excluded);
    // Recorded first: a record of lines that are not in the file does no harm, an unrecorded line would stay
    // after `uninstall`.
    let record = ExcludedByHooks {
        version: ExcludedByHooks::VERSION,
        excluded: change.added(earlier),
        project: project.clone(),
    };
    save(&path, &record)?;
    fence(&project, &change.file).replace(&change.file, change.after.as_bytes(), MODE, DIRECTORY_MODE)
}

/// Locks the exclude files among these paths: several projects may share one, and each project has its own
/// lock, which the caller acquires first.
///
/// # Errors
/// [`crate::error::Code::StateLocked`] if another process holds one for too long.
pub fn lock_files<'p>(state: &StateDir, paths: impl IntoIterator<Item = &'p Path>) -> Result<Vec<Lock>> {
    let files: BTreeSet<&Path> = paths.into_iter().filter(|path| is_exclude_file(path)).collect();
    files.into_iter().map(|file| Lock::wait(&state.project_lock(&project_key(file)), LOCK_WAIT)).collect()
}

#[must_use]
pub fn is_exclude_file(path: &Path) -> bool {
    path.ends_with("info/exclude")
}

/// Returns the fence through which the exclude file of a project is reached. Outside the project, in the main
/// working tree or above a subdirectory, git has reported the path.
#[must_use]
pub fn fence(project: &Path, file: &Path) -> Fence {
    let own = Fence::around(project);
    if own.holds(file) { own } else { Fence::around(file.ancestors().nth(2).unwrap_or(file)) }
}

/// Whether the lines are there, as far as that can be seen without running git.
fn is_excluded(root: &Path, project: &Path, names: &[&str]) -> bool {
    let file = root.join(".git/info/exclude");
    let Ok(Some(text)) = fence(project, &file).read_text(&file, LARGEST) else { return false };
    lines(root, project, names.iter().copied()).all(|line| text.lines().any(|known| known == line))
}

/// Top directory of the working tree that a directory is in.
fn root(project: &Path) -> Option<&Path> {
    project.ancestors().find(|dir| dir.join(".git").exists())
}

/// Patterns relative to the top directory of the working tree.
fn lines<'n>(
    root: &Path,
    project: &Path,
    names: impl IntoIterator<Item = &'n str>,
) -> impl Iterator<Item = String> {
    let prefix = project.strip_prefix(root).unwrap_or(Path::new("")).to_string_lossy().replace('\\', "/");
    let prefix = if prefix.is_empty() { "/".to_owned() } else { format!("/{prefix}/") };
    names.into_iter().map(move |name| format!("{prefix}{name}"))
}
