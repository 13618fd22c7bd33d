//! A search: where a text stands in what was said in a conversation. Looks for the decoded text, which on disk may be
//! written with JSON escapes, and reads as little as it can: bytes first, records only where the bytes allow a match.
//!
//! [`pattern`] says what is looked for, [`said`] what a record says and who said it, [`lines`] and [`scan`] read the
//! files, [`snippet`] shows a match in one line.

pub mod lines;
pub mod pattern;
pub mod said;
pub mod scan;
pub mod snippet;
mod stored;
