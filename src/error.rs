//! The error that every fallible function returns: a stable code, what failed, on which path, and
//! what to do next.
//!
//! A message is a lower-case fragment that states what failed. The path and the hint are separate fields, so
//! that the command line can lay them out and programs can read them.

use crate::env::Environment;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// `Result` with the error type of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Exit codes of the command line. Part of the public interface; `docs/commands.md` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCode {
    Done = 0,
    Failed = 1,
    Usage = 2,
    NotFound = 3,
    Refused = 4,
    Unverified = 5,
    NothingToDo = 6,
    /// Exit code that shells report for a command ended by Ctrl-C.
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

/// Declares every error code with its stable name and exit code, in one table.
macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $name:literal, $exit:ident;)*) => {
        /// Stable error codes. The text form is part of the public interface.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* $code,)*
        }

        impl Code {
            pub const ALL: &[Self] = &[$(Self::$code,)*];

            /// Returns the stable name, which is part of the public interface.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$code => $name,)*
                }
            }

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
    /// The caller's options are invalid or contradict each other.
    Usage = "USAGE", Usage;
    /// No session has this id, prefix or name.
    SessionNotFound = "SESSION_NOT_FOUND", NotFound;
    /// More than one session matches.
    SessionAmbiguous = "SESSION_AMBIGUOUS", NotFound;
    /// A required directory does not exist.
    ProjectNotFound = "PROJECT_NOT_FOUND", NotFound;
    /// The session has no snapshots, or none with this name.
    SnapshotNotFound = "SNAPSHOT_NOT_FOUND", NotFound;
    /// The project has no saved states, or none with this name.
    StateNotFound = "STATE_NOT_FOUND", NotFound;
    /// Project hooks cannot be installed in the home directory, because its settings are the user's settings.
    HomeDirectory = "HOME_DIRECTORY", Refused;
    /// A process has the session open.
    SessionLive = "SESSION_LIVE", Refused;
    /// A run is not allowed now.
    RunRefused = "RUN_REFUSED", Refused;
    /// The process must not be terminated.
    KillRefused = "KILL_REFUSED", Refused;
    /// What was written differs from what was read back.
    VerificationFailed = "VERIFICATION_FAILED", Unverified;
    /// The `claude` executable was not found.
    ClientNotFound = "CLIENT_NOT_FOUND", NotFound;
    /// The file is not a readable transcript.
    TranscriptUnreadable = "TRANSCRIPT_UNREADABLE", Failed;
    /// A stored file has a version that this program does not know. It is never overwritten.
    StateNewer = "STATE_NEWER", Failed;
    /// The state directory is unknown: neither it nor a home directory is set.
    StateDirUnknown = "STATE_DIR_UNKNOWN", Failed;
    /// Another process held a lock for too long.
    StateLocked = "STATE_LOCKED", Failed;
    /// The user's configuration is not valid.
    ConfigInvalid = "CONFIG_INVALID", Failed;
    /// A settings file of Claude Code is not JSON with comments, or its root is not an object.
    SettingsUnparsable = "SETTINGS_UNPARSABLE", Failed;
    /// A settings file contains a key twice, of which only one takes effect.
    SettingsDuplicateKey = "SETTINGS_DUPLICATE_KEY", Failed;
    /// A value in a settings file has an unexpected type, or cannot be edited without changing its neighbors.
    SettingsShape = "SETTINGS_SHAPE", Failed;
    /// A path is of the wrong kind: a symbolic link, a device, a directory, or a file of another user.
    PathRefused = "PATH_REFUSED", Refused;
    /// A file changed between reading and writing it.
    ChangedMeanwhile = "CHANGED_MEANWHILE", Refused;
    NothingToDo = "NOTHING_TO_DO", NothingToDo;
    /// The caller stopped the operation.
    Aborted = "ABORTED", Interrupted;
    /// A panic that was caught at the boundary, which is always a bug.
    Internal = "INTERNAL", Failed;
}

/// An error: what failed, on which path, and what to do next.
#[derive(Debug, Clone)]
pub struct Error {
    pub code: Code,
    /// What failed, as a lower-case fragment.
    pub message: String,
    /// The file or directory that the error is about.
    pub path: Option<PathBuf>,
    /// The next step for the user.
    pub hint: Option<String>,
}

impl Error {
    /// Creates an error without path or hint.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), path: None, hint: None }
    }

    /// Adds the path that the error is about.
    #[must_use]
    pub fn at(mut self, path: impl AsRef<Path>) -> Self {
        self.path = Some(path.as_ref().to_path_buf());
        self
    }

    /// Adds a hint for the user.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Whether the same operation may succeed later: the disk was full, or another process held the lock.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        matches!(self.code, Code::Io | Code::StateLocked)
    }

    /// Creates the error of a failed file operation. `doing` is a verb phrase such as "read".
    pub fn io(doing: &str, path: impl AsRef<Path>, source: &io::Error) -> Self {
        let error = Self::new(Code::Io, format!("could not {doing}: {}", reason(source))).at(path);
        match source.kind() {
            io::ErrorKind::PermissionDenied => {
                error.hint("check its owner and permissions, and those of its directory")
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                error.hint("free space on this disk")
            }
            _ => error,
        }
    }
}

/// Returns the system's words as a fragment, without the number of the error.
fn reason(source: &io::Error) -> String {
    let text = source.to_string();
    let words = text.split_once(" (os error ").map_or(text.as_str(), |(words, _)| words);
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
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

/// Converts I/O results to [`Result`], so that every I/O error names its path.
pub trait IoContext<T> {
    /// Converts the I/O error. `doing` is a verb phrase such as "read".
    ///
    /// # Errors
    ///
    /// Adds the path to the failure.
    fn doing(self, doing: &str, path: impl AsRef<Path>) -> Result<T>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn doing(self, doing: &str, path: impl AsRef<Path>) -> Result<T> {
        self.map_err(|source| Error::io(doing, path, &source))
    }
}

/// Suppresses Rust's panic message, which would otherwise appear in the middle of a terminal screen, either
/// ours or the client's. Node receives the panic as an error. `CC_RECOVER_DEBUG` restores the message.
pub fn keep_panics_silent(env: &Environment) {
    if env.var("CC_RECOVER_DEBUG").is_none() {
        std::panic::set_hook(Box::new(|_| {}));
    }
}

/// Makes a call and converts a panic in it, which is a bug, to an error.
///
/// # Errors
/// Those of the call; [`Code::Internal`] for a panic.
pub fn without_panic<T>(call: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(call))
        .unwrap_or_else(|_| Err(Error::new(Code::Internal, "internal error: the addon panicked")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_failed_file_operation_is_a_fragment_with_a_next_step() {
        let error = |number| Error::io("open", "/x", &io::Error::from_raw_os_error(number));
        let denied = error(if cfg!(windows) { 5 } else { 13 });
        assert!(!denied.message.contains("os error"), "{}", denied.message);
        assert!(denied.hint.is_some_and(|hint| hint.contains("permissions")));
        let other = Error::io("read", "/x", &io::Error::other("Broken"));
        assert_eq!((other.message.as_str(), other.hint), ("could not read: broken", None));
    }

    /// The command line reads its exit codes from this file.
    /// `UPDATE_SNAPSHOTS=1 cargo test exit_codes` regenerates it.
    #[test]
    fn the_command_line_exit_codes_match_the_core() {
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

    /// The panic hook is process-wide, so this runs the same test again in a child process.
    fn said_by_a_panic(debug: bool) -> String {
        let mut again = Command::new(std::env::current_exe().unwrap());
        again.args(["--exact", "error::tests::a_panic_prints_its_message_only_in_debug_mode", "--nocapture"]);
        again.env(PANICS, "1").env_remove("CC_RECOVER_DEBUG");
        if debug {
            again.env("CC_RECOVER_DEBUG", "1");
        }
        let output = again.output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
    }

    #[test]
    fn a_panic_prints_its_message_only_in_debug_mode() {
        if std::env::var_os(PANICS).is_some() {
            keep_panics_silent(&Environment::of_process());
            assert!(std::panic::catch_unwind(|| panic!("a text for nobody")).is_err());
            return;
        }
        assert!(!said_by_a_panic(false).contains("a text for nobody"));
        assert!(said_by_a_panic(true).contains("a text for nobody"));
    }
}
