//! A search: where a text stands in what was said in a conversation. Looks for the decoded text, which on disk may be
//! written with JSON escapes, and reads as little as it can: bytes first, records only where the bytes allow a match.
//!
//! [`pattern`] compiles the query, [`sieve`] rules files out, [`scan`] and [`lines`] read the others, [`said`] takes the texts of a
//! record and their roles, [`snippet`] cuts the line around a match.

pub mod lines;
pub mod pattern;
pub mod said;
pub mod scan;
pub mod sieve;
pub mod snippet;
mod stored;
