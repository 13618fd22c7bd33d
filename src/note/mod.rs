//! The note: what was being done when a session stopped, in HANDOFF.md, made from the transcript and git alone.
//!
//! [`gather`] reads (with [`mod@walk`], [`beside`] and [`phrases`]), [`compose`] makes Markdown of it, [`handoff`] knows where
//! blocks stand in the file, [`mod@file`] is the only part that writes. Every text that comes from outside goes through [`text`] and [`redact`].

pub mod beside;
pub mod compose;
pub mod file;
pub mod gather;
pub mod handoff;
pub mod phrases;
mod queue;
pub mod state;
pub mod text;
mod walk;
pub mod workflow;
