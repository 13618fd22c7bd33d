//! The error every fallible function returns: a stable code, what happened, where, and what to do next.
//!
//! A message is a lower-case fragment that names what went wrong; the path and the hint travel beside it so that
//! the command line can lay them out and programs can read them.

use crate::env::Environment;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Result with the crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Stable names of everything that can go wrong. The text form is part of the public interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Code {
    /// A file operation failed.
    Io,
    /// The caller's options contradict each other or make no sense.
    Usage,
    /// No session has this id, prefix or name.
    SessionNotFound,
    /// More than one session matches.
    SessionAmbiguous,
    /// A directory that must exist does not.
    ProjectNotFound,
    /// No snapshot of the session has this name, or there is none at all.
    SnapshotNotFound,
    /// No saved state of the project has this name, or there is none at all.
    StateNotFound,
    /// A process holds the session.
    SessionLive,
    /// A run may not be made now.
    RunRefused,
    /// A process may not be ended.
    KillRefused,
    /// What was written is not what was read.
    VerificationFailed,
    /// Claude Code itself was not found.
    ClientNotFound,
    /// A transcript cannot be read as one.
    TranscriptUnreadable,
    /// A stored file carries a version this program does not know; it is never overwritten.
    StateNewer,
    /// The directory for state cannot be told, because neither it nor a home directory is set.
    StateDirUnknown,
    /// A lock is held by somebody else for too long.
    StateLocked,
    /// The user's configuration is not valid.
    ConfigInvalid,
    /// A settings file of Claude Code is not JSON with comments, or holds no object.
    SettingsUnparsable,
    /// A settings file has a key twice of which only one counts.
    SettingsDuplicateKey,
    /// A value in a settings file has another type, or cannot be edited without changing its neighbours.
    SettingsShape,
    /// A path is not what it must be: a symbolic link, a device, a directory, somebody else's file.
    PathRefused,
    /// A file changed between reading and writing it.
    ChangedMeanwhile,
    /// There is nothing to do.
    NothingToDo,
    /// A bug: a panic was caught at the boundary.
    Internal,
}

impl Code {
    /// The stable name, as programs see it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Io => "IO",
            Self::Usage => "USAGE",
            Self::SessionNotFound => "SESSION_NOT_FOUND",
            Self::SessionAmbiguous => "SESSION_AMBIGUOUS",
            Self::ProjectNotFound => "PROJECT_NOT_FOUND",
            Self::SnapshotNotFound => "SNAPSHOT_NOT_FOUND",
            Self::StateNotFound => "STATE_NOT_FOUND",
            Self::SessionLive => "SESSION_LIVE",
            Self::RunRefused => "RUN_REFUSED",
            Self::KillRefused => "KILL_REFUSED",
            Self::VerificationFailed => "VERIFICATION_FAILED",
            Self::ClientNotFound => "CLIENT_NOT_FOUND",
            Self::TranscriptUnreadable => "TRANSCRIPT_UNREADABLE",
            Self::StateNewer => "STATE_NEWER",
            Self::StateDirUnknown => "STATE_DIR_UNKNOWN",
            Self::StateLocked => "STATE_LOCKED",
            Self::ConfigInvalid => "CONFIG_INVALID",
            Self::SettingsUnparsable => "SETTINGS_UNPARSABLE",
            Self::SettingsDuplicateKey => "SETTINGS_DUPLICATE_KEY",
            Self::SettingsShape => "SETTINGS_SHAPE",
            Self::PathRefused => "PATH_REFUSED",
            Self::ChangedMeanwhile => "CHANGED_MEANWHILE",
            Self::NothingToDo => "NOTHING_TO_DO",
            Self::Internal => "INTERNAL",
        }
    }

    /// Exit code of the command line for this error: the one place where it is decided.
    #[must_use]
    pub const fn exit_code(self) -> i32 {
        match self {
            Self::Usage => 2,
            Self::SessionNotFound
            | Self::SessionAmbiguous
            | Self::ProjectNotFound
            | Self::SnapshotNotFound
            | Self::StateNotFound
            | Self::ClientNotFound => 3,
            Self::PathRefused
            | Self::ChangedMeanwhile
            | Self::SessionLive
            | Self::RunRefused
            | Self::KillRefused => 4,
            Self::VerificationFailed => 5,
            Self::NothingToDo => 6,
            _ => 1,
        }
    }
}

/// What went wrong, where, and what to do next.
#[derive(Debug, Clone)]
pub struct Error {
    pub code: Code,
    /// What happened, as a fragment.
    pub message: String,
    /// The file or directory it is about.
    pub path: Option<PathBuf>,
    /// What the person can do next.
    pub hint: Option<String>,
}

impl Error {
    /// An error without a path.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), path: None, hint: None }
    }

    /// The same error, about this path.
    #[must_use]
    pub fn at(mut self, path: impl AsRef<Path>) -> Self {
        self.path = Some(path.as_ref().to_path_buf());
        self
    }

    /// The same error, with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A failed file operation: `doing` is a verb phrase such as "read".
    pub fn io(doing: &str, path: impl AsRef<Path>, source: &io::Error) -> Self {
        Self::new(Code::Io, format!("could not {doing}: {source}")).at(path)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(path) = &self.path {
            write!(f, " ({})", path.display())?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// Adds the path to an I/O result, so that no such error lacks it.
pub trait IoContext<T> {
    /// Turns the I/O error into ours; `doing` is a verb phrase such as "read".
    ///
    /// # Errors
    /// The same failure, with its path.
    fn doing(self, doing: &str, path: impl AsRef<Path>) -> Result<T>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn doing(self, doing: &str, path: impl AsRef<Path>) -> Result<T> {
        self.map_err(|source| Error::io(doing, path, &source))
    }
}

/// Keeps Rust's own text about a panic, which is a bug, away from a terminal, where it would stand in the middle of a screen, ours
/// or the client's. What crosses to Node is an error. `CC_RECOVER_DEBUG` lets the text through.
pub fn keep_panics_silent(env: &Environment) {
    if env.var("CC_RECOVER_DEBUG").is_none() {
        std::panic::set_hook(Box::new(|_| {}));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    const PANICS: &str = "CC_RECOVER_TEST_PANICS";

    /// The hook is the whole process's, so it is tried in a process of its own: this test again.
    fn said_by_a_panic(debug: bool) -> String {
        let mut again = Command::new(std::env::current_exe().unwrap());
        again.args(["--exact", "error::tests::a_panic_says_nothing_unless_it_is_asked_to", "--nocapture"]);
        again.env(PANICS, "1").env_remove("CC_RECOVER_DEBUG");
        if debug {
            again.env("CC_RECOVER_DEBUG", "1");
        }
        let output = again.output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
    }

    #[test]
    fn a_panic_says_nothing_unless_it_is_asked_to() {
        if std::env::var_os(PANICS).is_some() {
            keep_panics_silent(&Environment::of_process());
            assert!(std::panic::catch_unwind(|| panic!("a text for nobody")).is_err());
            return;
        }
        assert!(!said_by_a_panic(false).contains("a text for nobody"));
        assert!(said_by_a_panic(true).contains("a text for nobody"));
    }
}
