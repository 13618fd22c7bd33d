//! Rescue: what is done to a session's files for a person who asks for it. Copies are verified, and nothing is overwritten.

pub mod relocate;
pub mod snapshot;
