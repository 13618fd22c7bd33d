//! A session as this tool sees it: how its work stopped, whether it lives, and what a report says of it. Pure readings
//! of what [`crate::claude`] found; nothing here writes.

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
