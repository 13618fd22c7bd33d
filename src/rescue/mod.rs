//! Performs operations on a session's files that the user requests. Copies are verified, and a file is
//! overwritten only after a snapshot of it was stored.

mod archive;
pub mod copy;
pub mod export;
pub mod forget;
pub mod import;
pub mod kill;
pub mod manifest;
pub mod prune;
pub mod reading;
pub mod relocate;
pub mod repair;
pub mod restore;
pub mod session_log;
pub mod signal;
pub mod teardown;
