//! Reads environment variables and derives the standard directories from them. All other modules use this
//! one.
//!
//! Variables of this tool: `CC_RECOVER_STATE_DIR`, `CC_RECOVER_CONFIG`, `CC_RECOVER_CLAUDE`,
//! `CC_RECOVER_ATTEMPT`, `CC_RECOVER_DEBUG` (read by the command line only), `CC_SESSION_RECOVER_MODULE` (set
//! by the plugin's module), `CC_RECOVER_SERVICE` (set by the service). Between the launcher's script and the
//! native program: `CC_RECOVER_PATH`, `CC_RECOVER_PINNED`, `CC_RECOVER_WAITING_EVENT`.
//!
//! General variables: `NO_COLOR`, `COLUMNS` (which the client sets for its status line) and, on Windows,
//! `MSYSTEM`. For notifications: `DISPLAY`, `WAYLAND_DISPLAY`, `DBUS_SESSION_BUS_ADDRESS`, `XAUTHORITY`,
//! `XDG_RUNTIME_DIR`, `LANG`, `HTTPS_PROXY`, `NO_PROXY`, `NODE_EXTRA_CA_CERTS`. For the service:
//! `XDG_RUNTIME_DIR` and, on Windows, `SystemRoot`, `USERNAME`, `USERDOMAIN`.
//!
//! Variables of Claude Code: `CLAUDE_CONFIG_DIR`, `CLAUDE_PID`, `CLAUDE_PROJECT_DIR`,
//! `CLAUDE_CODE_SESSION_ID`, `CLAUDE_CODE_ENTRYPOINT`. To detect whether sessions are saved:
//! `CLAUDE_CODE_SKIP_PROMPT_HISTORY`, `CLAUDE_CODE_CHILD_SESSION`, `CLAUDE_CODE_FORCE_SESSION_PERSISTENCE`.
//! For `doctor`: whether the login variables are set.

use crate::error::{Code, Error, Result};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

/// Directory name of this tool below the user's state and configuration directories.
const OURS: &str = "cc-session-recover";

/// Variable in which the launcher's script passes the recorded `PATH`.
pub const RECORDED_PATH: &str = "CC_RECOVER_PATH";
/// Variable in which the launcher's script passes the pinned variables to the native program.
pub const PASSED_PINS: &str = "CC_RECOVER_PINNED";

/// Snapshot of the environment variables and the working directory.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    vars: BTreeMap<OsString, OsString>,
    cwd: PathBuf,
    program: Option<PathBuf>,
}

impl Environment {
    /// Captures the environment of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self {
            vars: std::env::vars_os().collect(),
            cwd: std::env::current_dir().unwrap_or_default(),
            program: std::env::current_exe().ok(),
        }
    }

    /// Builds an environment from plain values, for tests.
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

    /// Returns this environment with the variables that a launcher pins. All other `CC_RECOVER_*` and `XDG_*`
    /// variables are removed, except `CC_RECOVER_ATTEMPT`.
    #[must_use]
    pub fn pinned(mut self, pinned: impl IntoIterator<Item = (String, String)>) -> Self {
        self.vars.retain(|name, _| {
            let name = name.to_string_lossy().to_ascii_uppercase();
            name == "CC_RECOVER_ATTEMPT" || !(name.starts_with("CC_RECOVER_") || name.starts_with("XDG_"))
        });
        self.vars.extend(pinned.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// Returns the environment of a hook that the native program handles: [`Self::pinned`], the `PATH` that the
    /// launcher's script recorded, and none of the variables that configure Node.js and OpenSSL. A project's
    /// settings can set all of them for the hooks of its sessions. `XDG_RUNTIME_DIR`, which contains the session
    /// bus, is retained only if it is the directory that the system created for this user.
    #[must_use]
    pub fn of_hook(mut self, pinned: impl IntoIterator<Item = (String, String)>) -> Self {
        let path = self.var(RECORDED_PATH).or_else(|| self.var("PATH")).map(OsStr::to_owned);
        let bus =
            self.var("XDG_RUNTIME_DIR").filter(|dir| is_own_runtime_directory(dir)).map(OsStr::to_owned);
        self.vars.retain(|name, _| {
            let name = name.to_string_lossy().to_ascii_uppercase();
            !(name.starts_with("NODE_") || name.starts_with("OPENSSL_"))
        });
        let mut env = self.pinned(pinned);
        env.vars.extend(path.map(|path| ("PATH".into(), path)));
        env.vars.extend(bus.map(|bus| ("XDG_RUNTIME_DIR".into(), bus)));
        env
    }

    /// Returns the variables that the launcher's script passes to the native program as a JSON object; none if
    /// it passed none.
    #[must_use]
    pub fn passed_pins(&self) -> BTreeMap<String, String> {
        self.text(PASSED_PINS).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    pub fn all(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.vars.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// Returns a variable if it is set and not empty.
    #[must_use]
    pub fn var(&self, name: &str) -> Option<&OsStr> {
        self.vars.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// Returns a variable as text. A variable that is not valid Unicode counts as unset.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.var(name).and_then(OsStr::to_str)
    }

    /// Returns a variable as an absolute path. Relative paths are ignored, as the XDG specification requires.
    #[must_use]
    pub fn absolute(&self, name: &str) -> Option<PathBuf> {
        self.var(name).map(PathBuf::from).filter(|path| path.is_absolute())
    }

    #[must_use]
    pub fn cwd(&self) -> &Path {
        &self.cwd
    }

    /// Path of the executable of this process; `None` in an environment built from plain values.
    #[must_use]
    pub fn program(&self) -> Option<&Path> {
        self.program.as_deref()
    }

    #[must_use]
    pub fn home(&self) -> Option<PathBuf> {
        self.absolute("HOME").or_else(|| if cfg!(windows) { self.absolute("USERPROFILE") } else { None })
    }

    /// Returns the directory of all durable state.
    ///
    /// # Errors
    ///
    /// Returns [`Code::StateDirUnknown`] when neither the directory nor a home directory is set.
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

    /// Base directory of user configuration: `$XDG_CONFIG_HOME` or, by default, `~/.config`.
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

    /// Claude Code's configuration directory: `CLAUDE_CONFIG_DIR` or, by default, `~/.claude`. Its `..` are
    /// removed as text, as the client does for the paths of its files (measured with 2.1.332).
    #[must_use]
    pub fn claude_config_dir(&self) -> Option<PathBuf> {
        let dir =
            self.absolute("CLAUDE_CONFIG_DIR").or_else(|| self.home().map(|home| home.join(".claude")))?;
        Some(without_parents(&dir))
    }

    /// Process id of the client that started this hook (`CLAUDE_PID`, set by clients from 2.1.220).
    #[must_use]
    pub fn claude_pid(&self) -> Option<u32> {
        self.text("CLAUDE_PID").and_then(|text| text.parse().ok()).filter(|pid| *pid > 1)
    }

    /// Returns the session whose client runs the plugin's module. The module sets the variable for the hooks
    /// that the client starts. A client started inside that session inherits the variable but has another
    /// session id. A project cannot preset it to the id of a session that does not exist yet.
    #[must_use]
    pub fn module_session(&self) -> Option<&str> {
        self.text("CC_SESSION_RECOVER_MODULE")
    }

    /// Identifier of the run of this tool that the client was started for.
    #[must_use]
    pub fn attempt(&self) -> Option<&str> {
        self.text("CC_RECOVER_ATTEMPT")
    }

    /// Returns whether this tool itself started the client, to resume its session.
    #[must_use]
    pub fn in_attempt(&self) -> bool {
        self.var("CC_RECOVER_ATTEMPT").is_some()
    }

    /// Returns the absolute directories in `PATH`.
    #[must_use]
    pub fn search_path(&self) -> Vec<PathBuf> {
        self.var("PATH")
            .map(|path| std::env::split_paths(path).filter(|dir| dir.is_absolute()).collect())
            .unwrap_or_default()
    }
}

/// Removes each `..` of an absolute path together with the component before it, without following links.
fn without_parents(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir {
            plain.pop();
        } else {
            plain.push(part);
        }
    }
    plain
}

/// Returns whether this is the runtime directory that Linux creates for the user, which contains the session bus.
#[cfg(target_os = "linux")]
fn is_own_runtime_directory(dir: &OsStr) -> bool {
    Path::new(dir) == Path::new("/run/user").join(rustix::process::getuid().as_raw().to_string())
}

#[cfg(not(target_os = "linux"))]
const fn is_own_runtime_directory(_dir: &OsStr) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_of_a_hook_contains_pins_and_the_recorded_path_and_nothing_that_a_project_controls() {
        let of_client = [
            ("PATH", "/project/bin"),
            (RECORDED_PATH, "/usr/bin"),
            (PASSED_PINS, r#"{"CC_RECOVER_STATE_DIR":"/state","XDG_DATA_HOME":"/data"}"#),
            ("CC_RECOVER_STATE_DIR", "/project/state"),
            ("CC_RECOVER_ATTEMPT", "1"),
            ("XDG_CONFIG_HOME", "/project/config"),
            ("XDG_RUNTIME_DIR", "/project/run"),
            ("NODE_OPTIONS", "--require=/project/x.js"),
            ("node_extra", "x"),
            ("OPENSSL_CONF", "/project/openssl.cnf"),
            ("CLAUDE_PID", "7"),
        ];
        let env = Environment::from_pairs(of_client, "/");
        let pinned = env.passed_pins();
        let env = env.of_hook(pinned);
        let left: Vec<_> =
            env.all().map(|(name, value)| (name.to_str().unwrap(), value.to_str().unwrap())).collect();
        let expected = [
            ("CC_RECOVER_ATTEMPT", "1"),
            ("CC_RECOVER_STATE_DIR", "/state"),
            ("CLAUDE_PID", "7"),
            ("PATH", "/usr/bin"),
            ("XDG_DATA_HOME", "/data"),
        ];
        assert_eq!(left, expected);
        let plain = Environment::from_pairs([("PATH", "/bin")], "/").of_hook([]);
        assert_eq!(plain.text("PATH"), Some("/bin"));
        assert!(Environment::from_pairs([(PASSED_PINS, "no json")], "/").passed_pins().is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn the_configuration_directory_is_the_one_in_the_paths_that_the_client_reports() {
        for (variable, expected) in [
            ("/h/work", "/h/work"),
            ("/h/x/../work", "/h/work"),
            ("/h/./x/../work/", "/h/work"),
            ("/../h/work", "/h/work"),
            ("/h/a/b/../..", "/h"),
            ("relative", "/home/me/.claude"),
        ] {
            let env = Environment::from_pairs([("HOME", "/home/me"), ("CLAUDE_CONFIG_DIR", variable)], "/");
            let dir = env.claude_config_dir().unwrap();
            assert_eq!(dir.as_os_str(), expected, "{variable}");
        }
        let env = Environment::from_pairs([("HOME", "/home/x/../me")], "/");
        assert_eq!(env.claude_config_dir().unwrap().as_os_str(), "/home/me/.claude");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn only_the_session_bus_directory_of_the_system_is_retained() {
        let own = format!("/run/user/{}", rustix::process::getuid().as_raw());
        for (dir, kept) in [(own.as_str(), true), ("/run/user/1x", false), ("/tmp/run", false)] {
            let env = Environment::from_pairs([("XDG_RUNTIME_DIR", dir)], "/").of_hook([]);
            assert_eq!(env.text("XDG_RUNTIME_DIR"), kept.then_some(dir), "{dir}");
        }
    }
}
