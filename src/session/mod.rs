//! Interprets sessions: how their work stopped, whether they are alive, and which files belong to them. The
//! functions are pure functions of what [`crate::claude`] reads. Nothing here writes, except [`moves`] and
//! [`loaded_module`].

pub mod belongings;
pub mod ending;
pub mod failure;
pub mod files;
pub mod loaded_module;
pub mod message;
pub mod moves;
pub mod origin;
pub mod owners;
pub mod prompt;
pub mod replay;
pub mod reset;
pub mod scan;
pub mod search;
pub mod state;
pub mod stop;
pub mod summary;

pub use stop::{Evidence, ResetSource, Source, Stop, StopKind};
