//! The environment: the one reader of variables and of the well-known directories that follow from them.
//!
//! Variables of ours, all of them: `CC_RECOVER_STATE_DIR`, `CC_RECOVER_CONFIG`, `CC_RECOVER_CLAUDE`,
//! `CC_RECOVER_ATTEMPT`, `CC_RECOVER_DEBUG` (read by the command line only), `CC_SESSION_RECOVER_MODULE` (set by the plugin's module).
//! Of everybody's: `NO_COLOR`, `COLUMNS`, which the client sets for its status line, and on Windows `MSYSTEM`; to notify,
//! `DISPLAY`, `WAYLAND_DISPLAY`, `DBUS_SESSION_BUS_ADDRESS`, `XAUTHORITY`, `XDG_RUNTIME_DIR`, `LANG`, `HTTPS_PROXY`,
//! `NO_PROXY`, `NODE_EXTRA_CA_CERTS`; for the service, `XDG_RUNTIME_DIR`, and on Windows `SystemRoot`, `USERNAME`, `USERDOMAIN`.
//! Of Claude Code's: `CLAUDE_CONFIG_DIR`, `CLAUDE_PID`, `CLAUDE_PROJECT_DIR`, `CLAUDE_CODE_SESSION_ID`,
//! `CLAUDE_CODE_ENTRYPOINT`; for whether sessions are saved, `CLAUDE_CODE_SKIP_PROMPT_HISTORY`, `CLAUDE_CODE_CHILD_SESSION`,
//! `CLAUDE_CODE_FORCE_SESSION_PERSISTENCE`; and of those that log in, for `doctor`, whether they are set.

use crate::error::{Code, Error, Result};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Name of the directory of ours under the user's state and configuration directories.
const OURS: &str = "cc-session-recover";

/// A snapshot of the variables and the working directory.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    vars: BTreeMap<OsString, OsString>,
    cwd: PathBuf,
    program: Option<PathBuf>,
}

impl Environment {
    /// The environment of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self {
            vars: std::env::vars_os().collect(),
            cwd: std::env::current_dir().unwrap_or_default(),
            program: std::env::current_exe().ok(),
        }
    }

    /// An environment from plain values, for tests.
    pub fn from_pairs<K: Into<OsString>, V: Into<OsString>>(
        pairs: impl IntoIterator<Item = (K, V)>,
        cwd: impl Into<PathBuf>,
    ) -> Self {
        Self {
            vars: pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect(),
            cwd: cwd.into(),
            program: None,
        }
    }

    /// The same environment with what a launcher pins: the variables by which this tool and the XDG rules find directories are those given,
    /// whatever they were before.
    #[must_use]
    pub fn pinned(mut self, pinned: impl IntoIterator<Item = (String, String)>) -> Self {
        self.vars.retain(|name, _| {
            let name = name.to_string_lossy();
            name == "CC_RECOVER_ATTEMPT" || !(name.starts_with("CC_RECOVER_") || name.starts_with("XDG_"))
        });
        self.vars.extend(pinned.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    pub fn all(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.vars.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// A variable that is set and not empty.
    #[must_use]
    pub fn var(&self, name: &str) -> Option<&OsStr> {
        self.vars.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// A variable as text; unreadable text counts as not set.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.var(name).and_then(OsStr::to_str)
    }

    /// A variable as an absolute path; relative ones are ignored, as the XDG rules ask.
    #[must_use]
    pub fn absolute(&self, name: &str) -> Option<PathBuf> {
        self.var(name).map(PathBuf::from).filter(|path| path.is_absolute())
    }

    /// Working directory at the start.
    #[must_use]
    pub fn cwd(&self) -> &Path {
        &self.cwd
    }

    /// The program that this process runs; `None` in an environment of plain values.
    #[must_use]
    pub fn program(&self) -> Option<&Path> {
        self.program.as_deref()
    }

    /// The user's home directory.
    #[must_use]
    pub fn home(&self) -> Option<PathBuf> {
        self.absolute("HOME").or_else(|| if cfg!(windows) { self.absolute("USERPROFILE") } else { None })
    }

    /// Where all durable state lives.
    ///
    /// # Errors
    /// [`Code::StateDirUnknown`] when neither the directory nor a home directory is set.
    pub fn state_dir(&self) -> Result<PathBuf> {
        if let Some(dir) = self.absolute("CC_RECOVER_STATE_DIR") {
            return Ok(dir);
        }
        let found = if cfg!(windows) {
            self.absolute("LOCALAPPDATA").map(|dir| dir.join(OURS))
        } else if cfg!(target_os = "macos") {
            self.home().map(|home| home.join("Library/Application Support").join(OURS))
        } else {
            self.absolute("XDG_STATE_HOME")
                .or_else(|| self.home().map(|home| home.join(".local/state")))
                .map(|dir| dir.join(OURS))
        };
        found.ok_or_else(|| {
            Error::new(Code::StateDirUnknown, "no directory for state: HOME is not set")
                .hint("set HOME, or CC_RECOVER_STATE_DIR to an absolute path")
        })
    }

    /// Where programs of the user keep their configuration: `$XDG_CONFIG_HOME`, else `~/.config`.
    #[must_use]
    pub fn config_home(&self) -> Option<PathBuf> {
        self.absolute("XDG_CONFIG_HOME").or_else(|| self.home().map(|home| home.join(".config")))
    }

    /// The user's configuration file, whether it exists or not.
    #[must_use]
    pub fn config_file(&self) -> Option<PathBuf> {
        self.absolute("CC_RECOVER_CONFIG").or_else(|| {
            let base = if cfg!(windows) { self.absolute("APPDATA") } else { self.config_home() };
            base.map(|dir| dir.join(OURS).join("config.json"))
        })
    }

    /// Claude Code's configuration directory: `CLAUDE_CONFIG_DIR`, else `~/.claude`.
    #[must_use]
    pub fn claude_config_dir(&self) -> Option<PathBuf> {
        self.absolute("CLAUDE_CONFIG_DIR").or_else(|| self.home().map(|home| home.join(".claude")))
    }

    /// Process id of the client that started this hook (`CLAUDE_PID`, clients from 2.1.220).
    #[must_use]
    pub fn claude_pid(&self) -> Option<u32> {
        self.text("CLAUDE_PID").and_then(|text| text.parse().ok()).filter(|pid| *pid > 1)
    }

    /// The session whose client runs the plugin's module, which sets the variable for the hooks that the client starts. A client
    /// within that session inherits it and has another session. A project cannot set it to the id of a session that does not exist
    /// yet.
    #[must_use]
    pub fn module_session(&self) -> Option<&str> {
        self.text("CC_SESSION_RECOVER_MODULE")
    }

    /// True inside a session that this tool itself resumed: hooks then only record.
    #[must_use]
    pub fn in_attempt(&self) -> bool {
        self.var("CC_RECOVER_ATTEMPT").is_some()
    }

    /// Directories in which a program is looked for, without relative ones.
    #[must_use]
    pub fn search_path(&self) -> Vec<PathBuf> {
        self.var("PATH")
            .map(|path| std::env::split_paths(path).filter(|dir| dir.is_absolute()).collect())
            .unwrap_or_default()
    }
}
