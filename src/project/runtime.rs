//! The runtime and the launchers. A runtime is a copy of the addon and the native program in the user's state
//! directory. Hooks need nothing else, so they keep working when a temporary npx cache is emptied or an
//! update is half-way through.
//!
//! Each copy has a directory of its own, named by version and contents, and one rename moves it into place.

use super::HookScope;
use super::hooks::quoted;
use crate::env::Environment;
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::{PRIVATE, read_small};
use crate::program::find;
use crate::store::StateDir;
use crate::store::layout::ensure_dir;
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
/// Argument that starts the program as a supervisor; other commands recognise a supervisor by it.
pub const SUPERVISE: &str = "supervise";
/// Argument that starts the supervisor of a service, which runs until it is terminated.
pub const SERVE: &str = "serve";
/// File mode of the native program.
const EXECUTABLE: u32 = 0o700;
/// Template of the hook launcher in the package.
pub const HOOK: &str = "bin/hook.js";
/// The shell script beside both launchers that chooses the node.
pub const RUN: &str = "bin/run.sh";
/// File name of that script once installed.
pub const RUN_NAME: &str = "run.sh";
/// Template of the status line launcher.
pub const STATUS_LINE: &str = "bin/statusline.js";
/// The file that keeps the launchers `CommonJS` in a project whose own `package.json` says `"type":
/// "module"`: node uses the one nearest to a file.
pub const LAUNCHERS_PACKAGE: &str = "package.json";
/// Contents of the [`LAUNCHERS_PACKAGE`] file.
pub const LAUNCHERS_ARE_COMMONJS: &str = "{\"type\":\"commonjs\"}\n";
/// Placeholder in the launcher templates for the path of the addon, a string.
const PLACE: &str = "'__RUNTIME__'";
/// Placeholder in the launcher templates for the native program: an object with its path and SHA-256, or null
/// without one.
const PROGRAM_PLACE: &str = "'__PROGRAM__'";
/// Placeholder in the launcher templates for the pinned variables, an object.
const PINNED: &str = "'__PINNED__'";
/// Placeholder in the shell script for the path of [`StateDir::start`], a word.
const START: &str = "__START__";
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
/// Size limit of the file that names the node to start, in bytes.
const START_LIMIT: u64 = 256 * 1024;
/// Placeholder in the launcher templates for the owner of the hooks.
const SCOPE: &str = "__SCOPE__";

/// Owner of the hooks that a launcher runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LauncherOwner {
    Project,
    User,
    Plugin,
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

    /// Whether the copy exists, byte for byte. The hash in the directory's name does not show later damage.
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

    /// Copies the runtime: all of it or nothing.
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
        // An existing directory is incomplete or damaged, or another process was faster.
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
        let whose = match whose.into() {
            LauncherOwner::Project => "project",
            LauncherOwner::User => "user",
            LauncherOwner::Plugin => "plugin",
        };
        let runtime = serde_json::to_string(&text_of(&self.dir.join(ADDON))?).unwrap_or_default();
        let program = match (&self.program, self.program_path()) {
            (Some(bytes), Some(path)) => json!({"path": text_of(&path)?, "sha256": sha256_hex(bytes)}),
            _ => Value::Null,
        };
        let pinned = serde_json::to_string(&pinned(env)?).unwrap_or_default();
        // The values are inserted last, because they may contain anything.
        let text = text
            .replace(SCOPE, whose)
            .replacen(PROGRAM_PLACE, &program.to_string(), 1)
            .replacen(PLACE, &runtime, 1);
        Ok(text.replacen(PINNED, &pinned, 1))
    }

    /// Returns the text of the shell script shared by the launchers.
    ///
    /// # Errors
    /// [`Code::Io`] when the package has no such template.
    pub fn run(root: &Path, state: &StateDir) -> Result<String> {
        let path = root.join(RUN);
        let text = std::fs::read_to_string(&path).doing("read", &path)?;
        Ok(text.replace(START, &quoted(&text_of(&state.start())?)))
    }
}

/// Returns the variables in force now, which hooks must use whatever their environment contains.
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

/// Records for hooks which node to start: first the running one, then the one on `PATH`, which may survive an
/// upgrade; and that `PATH`, in which hooks search for programs. Records nothing if no node is known.
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
/// [`Code::Io`].
pub fn record_package(state: &StateDir, root: &Path, from_npx: bool) -> Result<()> {
    let path = state.package();
    let text = if from_npx { "" } else { root.to_str().unwrap_or_default() };
    if read_small(&path, START_LIMIT).ok().flatten().as_deref() != Some(text.as_bytes()) {
        replace(&path, text.as_bytes(), PRIVATE)?;
    }
    Ok(())
}

/// The node paths that hooks try, in order; empty if none is recorded.
#[must_use]
pub fn recorded_nodes(state: &StateDir) -> Vec<PathBuf> {
    let bytes = read_small(&state.start(), START_LIMIT).ok().flatten().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    text.lines().take(2).filter(|line| !line.is_empty()).map(PathBuf::from).collect()
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
const fn is_executable(_path: &Path) -> bool {
    true
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
