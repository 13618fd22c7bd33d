//! Keeps sessions that Claude Code's retention sweep deletes, under `kept/` in the state directory.
//!
//! Claude Code deletes transcripts by file time after `cleanupPeriodDays`, for every project of a
//! configuration directory and even while a session is open. It only ever appends to a transcript in place
//! (27 of 27 operations measured with 2.1.250 and 2.1.332), so a hard link is a continuously updated copy
//! that takes no space until the client removes its own name.

mod dictionary;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod faults;
mod frames;
mod link;
mod loss;
mod opened;
mod packing;
mod register;
mod restoring;
mod stored;

pub use dictionary::DictionaryName;
pub use link::{KeepOutcome, KeepSource, KeptMany, keep, keep_sessions};
pub use loss::{LossKind, loss_of};
pub use opened::{OpenedSession, UnpackDirectory};
pub use packing::{KeptRemoval, Packed, complete_removals, pack, removals, remove_kept};
pub use register::{KeptEntry, kept_register};
pub use restoring::{missing_companions, open_whole, restore_companions, whole_transcript};
pub use stored::{KeptAs, KeptFile, KeptFrame, KeptSession, all_kept, kept_of};
