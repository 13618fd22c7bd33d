//! The store: everything durable that this tool writes, under one private directory.
//!
//! Every file is replaced as a whole (temporary file, fsync, rename, fsync of the directory), starts with a version and
//! carries a check value. A higher version is never overwritten; a damaged file is moved to `quarantine/` and the caller
//! is told, so that nothing is silently emptied. Short kernel locks order the writers of one session; hooks that cannot
//! get the lock leave their event in the spool.

pub mod flag;
pub mod journal;
pub mod layout;
pub mod lock;
pub mod replace;
pub mod snapshot;
pub mod spool;
pub mod stored;

pub use layout::StateDir;
