//! Finds a text in a conversation. The search matches the decoded text, which may be written with JSON
//! escapes on disk, and reads as little as possible: bytes first, and records only if the bytes allow a
//! match.
//!
//! [`pattern`] compiles the query, [`sieve`] rules out files, [`scan`] and [`lines`] read the others,
//! [`said`] extracts the texts of a record and their roles, [`snippet`] cuts the line around a match.

pub mod lines;
pub mod pattern;
pub mod said;
pub mod scan;
pub mod sieve;
pub mod snippet;
mod stored;
