//! Describes what a session was doing when it stopped, in HANDOFF.md, from the transcript and git alone.
//!
//! [`gather`] reads (with [`mod@walk`], [`beside`] and [`phrases`]), [`compose`] turns the result into
//! Markdown, [`handoff`] locates blocks in the file, and [`mod@file`] is the only part that writes. Every
//! external text passes through [`text`] and [`redact`].

pub mod beside;
pub mod compose;
pub mod exclude;
pub mod file;
pub mod gather;
pub mod handoff;
pub mod phrases;
mod queue;
pub mod state;
pub mod text;
mod walk;
pub mod workflow;
