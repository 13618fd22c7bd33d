//! Entry points that the addon and the native program share. Each reads the environment of its process, makes
//! one call into the core, and returns what the process prints and its exit code.

pub mod handover;
pub mod hook;
pub mod program;
pub mod status_line;
pub mod supervisor;
