//! Reads quota, the used share of an account's usage windows, as Claude Code reports it to its status line.
//! The client reports it nowhere else before a stop.

pub mod refresh;
pub mod seen;

pub use seen::{Account, last_seen, seen_windows};
