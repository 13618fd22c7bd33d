//! Claude Code's own files and processes, read as they are: where its configuration lives, what a transcript line
//! says, which process holds which session. Nothing here judges; nothing here writes.

#[cfg(target_os = "linux")]
pub mod connection;
pub mod glance;
pub mod home;
pub mod options;
pub mod outline;
pub mod process;
pub mod program;
pub mod record;
pub mod registry;
pub mod retention;
pub mod role;
pub mod route;
pub mod settings;
pub mod transcript;
pub mod version;
pub mod wording;
