//! The quota: how much of an account's usage windows is gone, as Claude Code tells it to its status line, the one place where the
//! client says so ahead of a stop.

pub mod refresh;
pub mod seen;

pub use seen::{Account, last_seen, seen_windows};
