//! Finds the working tree of a repository that a directory is in, and the main working tree if it is a linked
//! worktree (`git worktree add`, `claude --worktree`).
//!
//! Reads only `.git` and runs no program. The shell line of the hooks searches in the same places.

use super::HookScope;
use super::hooks::ours;
use super::settings::path_of;
use crate::claude::settings::value_of;
use crate::env::Environment;
use crate::fs::read_small;
use crate::store::StateDir;
use crate::trust::enabled::{Enabled, enclosing, find};
use std::path::{Path, PathBuf};

/// Size limit of a `.git` file, in bytes.
const LARGEST: u64 = 4096;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    pub root: PathBuf,
    /// Top directory of the main working tree; equal to `root` unless this is a linked one.
    pub main: PathBuf,
}

impl Checkout {
    /// Finds the nearest working tree at or above a directory. `None` outside a repository, in a submodule
    /// and beside a bare repository.
    #[must_use]
    pub fn of(dir: &Path) -> Option<Self> {
        let root = dir.ancestors().find(|dir| dir.join(".git").exists())?;
        let git = root.join(".git");
        if git.is_dir() {
            return Some(Self { root: root.to_path_buf(), main: root.to_path_buf() });
        }
        let text = String::from_utf8(read_small(&git, LARGEST).ok()??).ok()?;
        let named = root.join(text.lines().next()?.strip_prefix("gitdir: ")?);
        let worktrees = named.parent().filter(|dir| dir.ends_with(".git/worktrees"))?;
        let main = worktrees.ancestors().nth(2)?;
        Some(Self { root: root.to_path_buf(), main: main.to_path_buf() })
    }

    #[must_use]
    pub fn is_main(&self) -> bool {
        self.root == self.main
    }
}

/// Finds the project whose hooks apply to sessions in a directory: the nearest enabled project at or above it
/// or, without one, the project at the same place in the main working tree.
#[must_use]
pub fn project_of(state: &StateDir, env: &Environment, dir: &Path) -> Option<PathBuf> {
    enclosing(state, env, dir).or_else(|| {
        let checkout = Checkout::of(dir).filter(|checkout| !checkout.is_main())?;
        let below = dir.strip_prefix(&checkout.root).ok()?;
        let beside = if below.as_os_str().is_empty() { checkout.main } else { checkout.main.join(below) };
        enclosing(state, env, &beside)
    })
}

/// Returns whether `init` also adds hooks to a project's `settings.local.json` for its subdirectories and
/// worktrees. Clients read that file there (measured: all from 2.1.120 in worktrees, 2.1.250 to 2.1.332 in
/// subdirectories) if the project is the top of the main working tree.
#[must_use]
pub fn can_be_covered(project: &Path) -> bool {
    Checkout::of(project).is_some_and(|checkout| checkout.is_main() && checkout.root == project)
}

/// Returns whether sessions in the subdirectories and worktrees of a project run its hooks.
#[must_use]
pub fn is_covered(state: &StateDir, env: &Environment, project: &Path) -> bool {
    let has_hooks = |enabled: &Enabled| {
        let local = enabled.settings.get(&HookScope::Local);
        local.is_some_and(|image| image.hooks || image.cover)
            && value_of(&path_of(HookScope::Local, project, Path::new("/")))
                .is_some_and(|value| value.is_ok_and(|value| !ours(&value).is_empty()))
    };
    can_be_covered(project) && find(state, env, Some(project)).as_ref().is_some_and(has_hooks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_main_working_tree_is_found_from_a_linked_one_and_from_a_subdirectory() {
        let dir = tempfile::tempdir().unwrap();
        let [main, linked, relative, submodule] =
            ["main", "linked", "main/.claude/worktrees/feat", "main/sub"].map(|name| dir.path().join(name));
        for made in [
            main.join(".git/worktrees/linked"),
            main.join("a/b"),
            linked.join("a"),
            relative.clone(),
            submodule.clone(),
        ] {
            std::fs::create_dir_all(made).unwrap();
        }
        let named = |name: &str| format!("gitdir: {}\n", main.join(".git").join(name).display());
        std::fs::write(linked.join(".git"), named("worktrees/linked")).unwrap();
        std::fs::write(relative.join(".git"), "gitdir: ../../../.git/worktrees/feat\n").unwrap();
        std::fs::write(submodule.join(".git"), named("modules/sub")).unwrap();
        let of = |dir: &Path| Checkout::of(dir).map(|checkout| (checkout.root, checkout.main));
        assert_eq!(of(&main.join("a/b")), Some((main.clone(), main.clone())));
        assert_eq!(of(&linked.join("a")), Some((linked.clone(), main.clone())));
        assert_eq!(of(&submodule), None);
        let (root, found) = of(&relative).unwrap();
        assert_eq!((root, found.canonicalize().unwrap()), (relative, main.canonicalize().unwrap()));
        assert_eq!(of(dir.path()), None);
        assert!(can_be_covered(&main) && !can_be_covered(&main.join("a")) && !can_be_covered(&linked));
    }
}
