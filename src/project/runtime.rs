//! Installs the runtime and the launchers. A runtime is a copy of the addon and the native program in the
//! user's state directory. Hooks need nothing else, so they still work after the npx cache is emptied or
//! while an update is in progress.
//!
//! Each copy has its own directory, named after its version and contents, and one rename moves it into place.

use super::HookScope;
use super::hooks::quoted;
use crate::env::Environment;
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::{PRIVATE, read_small};
use crate::program::find;
use crate::store::StateDir;
use crate::store::layout::{START_LIMIT, ensure_dir};
use crate::store::replace::{replace, sync_dir};
use crate::store::stored::sha256_hex;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Name of the addon in a runtime, on every platform.
pub const ADDON: &str = "addon.node";
/// Name of the native program in a runtime. If the package has none, the runtime has none either, and Node
/// does all the work.
pub const PROGRAM: &str = if cfg!(windows) { "cc-session-recover.exe" } else { "cc-session-recover" };
/// Argument that starts the program as a supervisor; other commands recognize a supervisor by it.
pub const SUPERVISE: &str = "supervise";
/// Argument that starts the supervisor of a service, which runs until it is terminated.
pub const SERVE: &str = "serve";
/// File mode of the native program.
const EXECUTABLE: u32 = 0o700;
/// Template of the hook launcher in the package.
pub const HOOK: &str = "bin/hook.js";
/// Template of the shell script beside both launchers, which chooses the Node.js to start.
pub const RUN: &str = "bin/run.sh";
/// File name of that script once installed.
pub const RUN_NAME: &str = "run.sh";
/// Template of the status line launcher.
pub const STATUS_LINE: &str = "bin/statusline.js";
/// File that makes the launchers `CommonJS` in a project whose own `package.json` contains `"type": "module"`.
/// Node.js uses the `package.json` that is nearest to a file.
pub const LAUNCHERS_PACKAGE: &str = "package.json";
/// Contents of the [`LAUNCHERS_PACKAGE`] file.
pub const LAUNCHERS_ARE_COMMONJS: &str = "{\"type\":\"commonjs\"}\n";
/// Placeholder in the launcher templates for the path of the addon, a string.
const RUNTIME: &str = "'__RUNTIME__'";
/// Placeholder in the launcher templates for the native program: an object with its path and SHA-256, or null
/// without one. In the shell script: its path, or an empty word.
const NATIVE: &str = "'__PROGRAM__'";
/// Placeholder in the launcher templates for the pinned variables, an object. In the shell script: that object
/// as one word.
const PINNED: &str = "'__PINNED__'";
/// Placeholder in the shell script for the path of [`StateDir::start`], a word.
const START: &str = "__START__";
/// Placeholder in the shell script for the version that the native program must have.
const VERSION: &str = "__VERSION__";
/// Variables that are pinned if they are set. `HOME` is not among them: a project cannot change it for hooks
/// (measured with 2.1.120 to 2.1.332), and it selects the directory of the client that runs them.
const VARIABLES: [&str; 7] = [
    "USERPROFILE",
    "LOCALAPPDATA",
    "APPDATA",
    "XDG_CONFIG_HOME",
    "XDG_STATE_HOME",
    "XDG_DATA_HOME",
    "CC_RECOVER_CLAUDE",
];
/// Placeholder in the launcher templates for the owner of the hooks.
const SCOPE: &str = "__SCOPE__";

/// Owner of the hooks that a launcher runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LauncherOwner {
    Project,
    User,
    Plugin,
}

impl LauncherOwner {
    /// Returns the name of the owner in command lines and in the launchers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::User => "user",
            Self::Plugin => "plugin",
        }
    }

    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Project, Self::User, Self::Plugin].into_iter().find(|owner| owner.name() == name)
    }
}

impl From<HookScope> for LauncherOwner {
    fn from(scope: HookScope) -> Self {
        match scope {
            HookScope::Project | HookScope::Local => Self::Project,
            HookScope::User => Self::User,
        }
    }
}

/// A runtime to be copied.
#[derive(Debug, Clone)]
pub struct Runtime {
    pub name: String,
    /// Directory of the copy, whether it exists or not.
    pub dir: PathBuf,
    addon: Vec<u8>,
    program: Option<Vec<u8>>,
}

impl Runtime {
    /// Reads the addon of the running package.
    ///
    /// # Errors
    /// [`Code::Io`] when a part of the package is missing.
    pub fn of_package(root: &Path, addon: Option<&Path>, state: &StateDir, version: &str) -> Result<Self> {
        let addon = match addon {
            Some(path) => path.to_path_buf(),
            None => addon_in(root)?,
        };
        let program = match program_beside(&addon) {
            Some(path) => Some(std::fs::read(&path).doing("read", &path)?),
            None => None,
        };
        let addon = std::fs::read(&addon).doing("read", &addon)?;
        let hash = match &program {
            Some(program) => sha256_hex(format!("{} {}", sha256_hex(&addon), sha256_hex(program)).as_bytes()),
            None => sha256_hex(&addon),
        };
        let name = format!("{version}-{}", &hash[..12]);
        let dir = state.runtime().join(&name);
        Ok(Self { name, dir, addon, program })
    }

    /// Returns whether the copy exists, byte for byte. The hash in the directory's name does not show later
    /// damage.
    #[must_use]
    pub fn is_present(&self) -> bool {
        is_copy(&self.dir.join(ADDON), &self.addon)
            && self.program.as_ref().is_none_or(|program| {
                let path = self.dir.join(PROGRAM);
                is_copy(&path, program) && is_executable(&path)
            })
    }

    /// Returns the absolute path of the native program, if the package has one.
    #[must_use]
    pub fn program_path(&self) -> Option<PathBuf> {
        self.program.as_ref().map(|_| self.dir.join(PROGRAM))
    }

    /// Copies the whole runtime or nothing.
    ///
    /// # Errors
    /// [`Code::Io`].
    pub fn install(&self) -> Result<()> {
        if self.is_present() {
            return Ok(());
        }
        let parent = self.dir.parent().unwrap_or(Path::new("/"));
        let draft = parent.join(format!(".{}.{}", self.name, std::process::id()));
        ensure_dir(&draft)?;
        replace(&draft.join(ADDON), &self.addon, PRIVATE)?;
        if let Some(program) = &self.program {
            replace(&draft.join(PROGRAM), program, EXECUTABLE)?;
        }
        // An existing directory is incomplete or damaged, or another process has just created it.
        if self.dir.exists() && !self.is_present() {
            std::fs::remove_dir_all(&self.dir).doing("remove", &self.dir)?;
        }
        match std::fs::rename(&draft, &self.dir) {
            Err(_) if self.is_present() => std::fs::remove_dir_all(&draft).doing("remove", &draft),
            other => {
                other.doing("put in place", &self.dir)?;
                sync_dir(parent).doing("write", parent)
            }
        }
    }

    /// Returns the text of a launcher that starts this runtime, from its template ([`HOOK`] or
    /// [`STATUS_LINE`]).
    ///
    /// # Errors
    /// [`Code::Io`] when the package has no such template.
    pub fn launcher(
        &self,
        env: &Environment,
        root: &Path,
        template: &str,
        whose: impl Into<LauncherOwner>,
    ) -> Result<String> {
        let path = root.join(template);
        let text = std::fs::read_to_string(&path).doing("read", &path)?;
        let runtime = serde_json::to_string(&text_of(&self.dir.join(ADDON))?).unwrap_or_default();
        let program = match (&self.program, self.program_path()) {
            (Some(bytes), Some(path)) => json!({"path": text_of(&path)?, "sha256": sha256_hex(bytes)}),
            _ => Value::Null,
        };
        let pinned = serde_json::to_string(&pinned(env)?).unwrap_or_default();
        // The values are inserted last, because they may contain anything.
        let text = text
            .replace(SCOPE, whose.into().name())
            .replacen(NATIVE, &program.to_string(), 1)
            .replacen(RUNTIME, &runtime, 1);
        Ok(text.replacen(PINNED, &pinned, 1))
    }

    /// Returns the text of the shell script shared by the launchers of one owner.
    ///
    /// # Errors
    /// [`Code::Io`] when the package has no such template.
    pub fn run(
        &self,
        env: &Environment,
        root: &Path,
        state: &StateDir,
        whose: impl Into<LauncherOwner>,
    ) -> Result<String> {
        let path = root.join(RUN);
        let text = std::fs::read_to_string(&path).doing("read", &path)?;
        let program = self.program_path().map(|path| text_of(&path)).transpose()?.unwrap_or_default();
        let pinned = serde_json::to_string(&pinned(env)?).unwrap_or_default();
        // The values are inserted last, because they may contain anything.
        let text = text.replace(SCOPE, whose.into().name()).replace(VERSION, env!("CARGO_PKG_VERSION"));
        let values = [(START, text_of(&state.start())?), (NATIVE, program), (PINNED, pinned)];
        Ok(inserted(&text, &values))
    }
}

/// Replaces each placeholder with its value as one word of a shell. A value is never searched for placeholders.
fn inserted(template: &str, values: &[(&str, String)]) -> String {
    let mut text = String::new();
    let mut rest = template;
    let next = |rest: &str| {
        let found = values.iter().filter_map(|(name, value)| Some((rest.find(name)?, *name, value)));
        found.min_by_key(|(at, ..)| *at).map(|(at, name, value)| (at, name.len(), quoted(value)))
    };
    while let Some((at, length, word)) = next(rest) {
        text.push_str(&rest[..at]);
        text.push_str(&word);
        rest = &rest[at + length..];
    }
    text + rest
}

/// Returns the variables that are in force now. Hooks must use these values, whatever their environment
/// contains.
///
/// # Errors
/// [`Code::StateDirUnknown`]; [`Code::PathRefused`] for a path that is not text.
fn pinned(env: &Environment) -> Result<BTreeMap<&'static str, String>> {
    let mut pinned = BTreeMap::from([("CC_RECOVER_STATE_DIR", text_of(&env.state_dir()?)?)]);
    if let Some(file) = env.config_file() {
        pinned.insert("CC_RECOVER_CONFIG", text_of(&file)?);
    }
    for name in VARIABLES {
        if let Some(value) = env.absolute(name) {
            pinned.insert(name, text_of(&value)?);
        }
    }
    Ok(pinned)
}

fn text_of(path: &Path) -> Result<String> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        Error::new(Code::PathRefused, "is not valid UTF-8, and a launcher cannot name it").at(path)
    })
}

/// Records which Node.js hooks start, first the running one, then the one on `PATH`, which may survive an
/// upgrade. Also records this `PATH`, in which hooks search for programs. Records nothing if no Node.js is
/// known.
///
/// # Errors
/// [`Code::Io`].
pub fn record_start(
    env: &Environment,
    state: &StateDir,
    node: Option<&Path>,
    project: Option<&Path>,
) -> Result<()> {
    let on_path = find(env, "node", project);
    let Some(first) = node.map(Path::to_path_buf).or_else(|| on_path.clone()) else { return Ok(()) };
    let lines = [Some(first), on_path, env.var("PATH").map(PathBuf::from)];
    let mut text = String::new();
    for line in lines {
        let line = line.as_deref().and_then(Path::to_str).filter(|line| !line.contains('\n'));
        text.push_str(line.unwrap_or_default());
        text.push('\n');
    }
    let path = state.start();
    if read_small(&path, START_LIMIT).ok().flatten().as_deref() != Some(text.as_bytes()) {
        replace(&path, text.as_bytes(), PRIVATE)?;
    }
    Ok(())
}

/// Records the location of the package that writes the hooks. For a package in an npx cache, which is never
/// upgraded in place, the record is empty.
///
/// # Errors
///
/// Returns [`Code::Io`] if a file cannot be read or written.
pub fn record_package(state: &StateDir, root: &Path, from_npx: bool) -> Result<()> {
    let path = state.package();
    let text = if from_npx { "" } else { root.to_str().unwrap_or_default() };
    if read_small(&path, START_LIMIT).ok().flatten().as_deref() != Some(text.as_bytes()) {
        replace(&path, text.as_bytes(), PRIVATE)?;
    }
    Ok(())
}

/// Returns whether a runtime in the state directory contains the native program.
#[must_use]
pub fn has_program(state: &StateDir) -> bool {
    let runtimes =
        std::fs::read_dir(state.runtime()).into_iter().flatten().filter_map(std::result::Result::ok);
    runtimes.map(|runtime| runtime.path().join(PROGRAM)).any(|path| is_executable(&path))
}

/// Returns the native program beside an addon in the package: the same name without `.node`, on Windows with
/// `.exe`.
#[must_use]
pub fn program_beside(addon: &Path) -> Option<PathBuf> {
    let path = addon.with_extension(if cfg!(windows) { "exe" } else { "" });
    Some(path).filter(|path| path != addon && path.is_file())
}

fn is_copy(path: &Path, of: &[u8]) -> bool {
    let length = std::fs::metadata(path).map(|meta| meta.len());
    length.is_ok_and(|length| length == of.len() as u64) && std::fs::read(path).is_ok_and(|bytes| bytes == of)
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o100 != 0)
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.is_file()
}

fn addon_in(root: &Path) -> Result<PathBuf> {
    std::fs::read_dir(root)
        .doing("read", root)?
        .filter_map(std::result::Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|ending| ending == "node"))
        .ok_or_else(|| {
            Error::new(Code::Io, "the native addon is not in the package")
                .at(root)
                .hint("run `npm run build` in the package, or install it again")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_inserted_as_one_shell_word_and_never_searched_for_placeholders() {
        let values = [(START, "it's '__PINNED__'".to_owned()), (PINNED, "{}".to_owned())];
        let text = inserted("a __START__ b '__PINNED__' c __START__", &values);
        assert_eq!(
            text,
            r"a 'it'\''s '\''__PINNED__'\''@ b '{}' c 'it'\''s '\''__PINNED__'\''@".replace('@', "'")
        );
    }

    #[test]
    fn an_owner_is_found_by_its_name() {
        for owner in [LauncherOwner::Project, LauncherOwner::User, LauncherOwner::Plugin] {
            assert_eq!(LauncherOwner::named(owner.name()), Some(owner));
        }
        assert_eq!(LauncherOwner::named("other"), None);
    }
}
