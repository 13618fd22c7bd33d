//! Rescue: what is done to a session's files for a person who asks for it. Copies are verified, and nothing is overwritten
//! that is not kept as a snapshot first.

pub mod relocate;
pub mod restore;
pub mod snapshot;
