//! Stores all durable data of this tool in one private directory.
//!
//! Every file is replaced as a whole (temporary file, fsync, rename, fsync of the directory), starts with a
//! version and contains a check value. A higher version is never overwritten. A damaged file is moved to
//! `quarantine/` and reported to the caller, so that no data disappears silently. Short kernel locks order
//! the writers of one session. A hook that cannot acquire the lock writes its event to the spool.

pub mod fence;
pub mod flag;
pub mod journal;
pub mod layout;
pub mod lock;
pub mod replace;
pub mod snapshot;
pub mod spool;
pub mod stored;

pub use layout::StateDir;
