//! Reads Claude Code's own files and processes: where its configuration lives, what a transcript line
//! contains, which process has which session open. This module makes no decisions and writes nothing.

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
