//! Saves what a session was doing at some point, in its project, for the same session or the next one.
//!
//! The newest state of a project is `.claude/session-state/.last-state.md`; those of other sessions and of
//! important events are in `archive/` next to it. Anyone may have written files in a project. So
//! [`SavedStateIndex`], in the state directory, stores the hash of each state that this tool wrote, and no
//! other text is passed to a model. [`StatesDirectory`] locates states and never leaves the project; only
//! [`SavedStateStore`] writes.

mod directory;
mod index;
mod saved_states;

pub use directory::{DIRECTORY, LAST, StatesDirectory};
pub use index::{SaveMoment, SavedStateEntry, SavedStateIndex};
pub use saved_states::{SaveOutcome, SavedStateStore, StateToSave, forget_states, states_of};
