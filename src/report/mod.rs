//! A report: what a verb answers, as one value that is printed for people or as JSON exactly as it is.

pub mod cancel;
pub mod search;
pub mod session;
pub mod status;
