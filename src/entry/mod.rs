//! Entry points that the addon and the native program share. Each reads the environment of its process, makes
//! one call into the core, and returns what the process does at its end.

pub mod handover;
pub mod hook;
pub mod program;
pub mod status_line;
pub mod supervisor;
