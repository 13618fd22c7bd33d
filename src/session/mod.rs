//! A session as this tool sees it: how its work stopped, whether it is alive, and how it is reported. Pure
//! functions of what [`crate::claude`] reads; nothing here writes, except [`moves`].

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
