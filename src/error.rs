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

/// How the command line ends. Part of the public interface; `docs/commands.md` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCode {
    Done = 0,
    Failed = 1,
    Usage = 2,
    NotFound = 3,
    Refused = 4,
    Unverified = 5,
    NothingToDo = 6,
    /// What a shell reports for a command that Ctrl-C ended.
    Interrupted = 130,
}

impl ExitCode {
    pub const ALL: [Self; 8] = [
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::NotFound,
        Self::Refused,
        Self::Unverified,
        Self::NothingToDo,
        Self::Interrupted,
    ];
}

/// Declares every error with its stable name and its exit code: the one table of both.
macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $name:literal, $exit:ident;)*) => {
        /// Stable names of everything that can go wrong. The text form is part of the public interface.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* $code,)*
        }

        impl Code {
            pub const ALL: &[Self] = &[$(Self::$code,)*];

            /// The stable name, as programs see it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$code => $name,)*
                }
            }

            /// Exit code of the command line for this error.
            #[must_use]
            pub const fn exit_code(self) -> i32 {
                match self {
                    $(Self::$code => ExitCode::$exit as i32,)*
                }
            }
        }
    };
}

codes! {
    /// A file operation failed.
    Io = "IO", Failed;
    /// The caller's options contradict each other or make no sense.
    Usage = "USAGE", Usage;
    /// No session has this id, prefix or name.
    SessionNotFound = "SESSION_NOT_FOUND", NotFound;
    /// More than one session matches.
    SessionAmbiguous = "SESSION_AMBIGUOUS", NotFound;
    /// A directory that must exist does not.
    ProjectNotFound = "PROJECT_NOT_FOUND", NotFound;
    /// No snapshot of the session has this name, or there is none at all.
    SnapshotNotFound = "SNAPSHOT_NOT_FOUND", NotFound;
    /// No saved state of the project has this name, or there is none at all.
    StateNotFound = "STATE_NOT_FOUND", NotFound;
    /// Hooks of a project cannot go into the home directory: its settings are those of the user.
    HomeDirectory = "HOME_DIRECTORY", Refused;
    /// A process holds the session.
    SessionLive = "SESSION_LIVE", Refused;
    /// A run may not be made now.
    RunRefused = "RUN_REFUSED", Refused;
    /// A process may not be ended.
    KillRefused = "KILL_REFUSED", Refused;
    /// What was written is not what was read.
    VerificationFailed = "VERIFICATION_FAILED", Unverified;
    /// Claude Code itself was not found.
    ClientNotFound = "CLIENT_NOT_FOUND", NotFound;
    /// A transcript cannot be read as one.
    TranscriptUnreadable = "TRANSCRIPT_UNREADABLE", Failed;
    /// A stored file carries a version this program does not know; it is never overwritten.
    StateNewer = "STATE_NEWER", Failed;
    /// The directory for state cannot be told, because neither it nor a home directory is set.
    StateDirUnknown = "STATE_DIR_UNKNOWN", Failed;
    /// A lock is held by somebody else for too long.
    StateLocked = "STATE_LOCKED", Failed;
    /// The user's configuration is not valid.
    ConfigInvalid = "CONFIG_INVALID", Failed;
    /// A settings file of Claude Code is not JSON with comments, or holds no object.
    SettingsUnparsable = "SETTINGS_UNPARSABLE", Failed;
    /// A settings file has a key twice of which only one counts.
    SettingsDuplicateKey = "SETTINGS_DUPLICATE_KEY", Failed;
    /// A value in a settings file has another type, or cannot be edited without changing its neighbours.
    SettingsShape = "SETTINGS_SHAPE", Failed;
    /// A path is not what it must be: a symbolic link, a device, a directory, somebody else's file.
    PathRefused = "PATH_REFUSED", Refused;
    /// A file changed between reading and writing it.
    ChangedMeanwhile = "CHANGED_MEANWHILE", Refused;
    /// There is nothing to do.
    NothingToDo = "NOTHING_TO_DO", NothingToDo;
    /// A bug: a panic was caught at the boundary.
    Internal = "INTERNAL", Failed;
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

    /// The command line reads its exit codes from this file. `UPDATE_SNAPSHOTS=1 cargo test exit_codes` writes it.
    #[test]
    fn the_exit_codes_of_the_command_line_are_those_of_the_core() {
        let exits: serde_json::Map<_, _> = ExitCode::ALL
            .into_iter()
            .map(|exit| {
                let name = format!("{exit:?}");
                (name[..1].to_lowercase() + &name[1..], serde_json::json!(exit as i32))
            })
            .collect();
        let errors: serde_json::Map<_, _> =
            Code::ALL.iter().map(|code| (code.as_str().to_owned(), code.exit_code().into())).collect();
        let text = serde_json::to_string_pretty(&serde_json::json!({"exits": exits, "errors": errors}))
            .unwrap()
            + "\n";
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("bin/lib/exit-codes.json");
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), text);
    }

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
