//! Rescue: what is done to a session's files for a person who asks for it. Copies are verified, and nothing is overwritten
//! that is not kept as a snapshot first.

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
