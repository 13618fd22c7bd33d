//! The state: what a session was doing at some moment, saved in its project, to be handed to it again or to be found by the
//! next one.
//!
//! The newest state of a project is `.claude/session-state/.last-state.md`, those of other sessions and of moments worth
//! keeping are in `archive/` beside it. They lie in the project, so anybody may have written them: [`SavedStateIndex`], in the state
//! directory, has the hash of each one that is ours, and no other text is handed to a model. [`StatesDirectory`] knows where states
//! lie and never leaves the project, [`SavedStateStore`] alone writes.

mod directory;
mod index;
mod saved_states;

pub use directory::{DIRECTORY, LAST, StatesDirectory};
pub use index::{Moment, SavedStateEntry, SavedStateIndex};
pub use saved_states::{SaveOutcome, SavedStateStore, StateToSave, forget_states, states_of};
