//! The runtime: a copy of the addon, which is all a hook needs, in the user's state directory, so that hooks keep working when a temporary
//! npx cache is emptied or an update is half-way through.
//!
//! Each copy has a directory of its own, named by version and contents, and is put there by one rename.

use super::Scope;
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::PRIVATE;
use crate::store::StateDir;
use crate::store::layout::ensure_dir;
use crate::store::replace::{replace, sync_dir};
use crate::store::stored::sha256_hex;
use std::path::{Path, PathBuf};

/// Name of the addon in a runtime, whatever platform it was built for.
pub const ADDON: &str = "addon.node";
/// Template of the hooks' launcher in the package.
pub const HOOK: &str = "bin/hook.js";
/// Template of the status line's launcher.
pub const STATUS_LINE: &str = "bin/statusline.js";
/// The file beside the launchers that keeps them `CommonJS` in a project whose own `package.json` says `"type": "module"`: node
/// goes by the nearest one above a file.
pub const LAUNCHERS_PACKAGE: &str = "package.json";
/// What is in it.
pub const LAUNCHERS_ARE_COMMONJS: &str = "{\"type\":\"commonjs\"}\n";
/// In the launcher's template, the place of the runtime's name.
const PLACE: &str = "__RUNTIME__";
/// In the launcher's template, the place of whose it is.
const SCOPE: &str = "__SCOPE__";

/// Whose hooks a launcher runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Those in a project's settings.
    Project,
    /// Those in the user's own settings.
    User,
    /// Those of the plugin.
    Plugin,
}

impl From<Scope> for Whose {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Project | Scope::Local => Self::Project,
            Scope::User => Self::User,
        }
    }
}

/// A runtime that is to be copied.
#[derive(Debug, Clone)]
pub struct Runtime {
    /// Name of its directory.
    pub name: String,
    /// Where it is or will be.
    pub dir: PathBuf,
    addon: Vec<u8>,
}

impl Runtime {
    /// Reads the running package.
    ///
    /// # Errors
    /// [`Code::Io`] when a part of the package is missing.
    pub fn of_package(root: &Path, addon: Option<&Path>, state: &StateDir, version: &str) -> Result<Self> {
        let addon = match addon {
            Some(path) => path.to_path_buf(),
            None => addon_in(root)?,
        };
        let addon = std::fs::read(&addon).doing("read", &addon)?;
        let name = format!("{version}-{}", &sha256_hex(&addon)[..12]);
        let dir = state.runtime().join(&name);
        Ok(Self { name, dir, addon })
    }

    /// True when it is already there, complete.
    #[must_use]
    pub fn is_present(&self) -> bool {
        std::fs::metadata(self.dir.join(ADDON)).is_ok_and(|meta| meta.len() == self.addon.len() as u64)
    }

    /// Copies it: all of it or nothing.
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
        // What is in the way is incomplete, or somebody else was faster.
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

    /// Text of a launcher that starts this runtime, from its template ([`HOOK`] or [`STATUS_LINE`]).
    ///
    /// # Errors
    /// [`Code::Io`] when the package has no such template.
    pub fn launcher(&self, root: &Path, template: &str, whose: impl Into<Whose>) -> Result<String> {
        let path = root.join(template);
        let text = std::fs::read_to_string(&path).doing("read", &path)?;
        let whose = match whose.into() {
            Whose::Project => "project",
            Whose::User => "user",
            Whose::Plugin => "plugin",
        };
        Ok(text.replace(PLACE, &self.name).replace(SCOPE, whose))
    }
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
