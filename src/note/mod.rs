//! The note: what was being done when a session stopped, in HANDOFF.md, made from the transcript and git alone.
//!
//! [`gather`] reads, [`compose`] makes one block of Markdown of it, [`handoff`] knows where blocks stand in the file,
//! [`mod@file`] is the only part that writes. Every text that comes from outside goes through [`text`] and [`redact`].

pub mod compose;
pub mod file;
pub mod gather;
pub mod handoff;
pub mod redact;
pub mod text;
pub mod writer;
