//! The store: everything durable that this tool writes, under one private directory.
//!
//! Every file is replaced as a whole (temporary file, fsync, rename, fsync of the directory), starts with a
//! version and contains a check value. A higher version is never overwritten; a damaged file is moved to
//! `quarantine/` and reported to the caller, so that nothing is silently emptied. Short kernel locks order
//! the writers of one session; a hook that cannot get the lock leaves its event in the spool.

pub mod flag;
pub mod journal;
pub mod layout;
pub mod lock;
pub mod replace;
pub mod snapshot;
pub mod spool;
pub mod stored;

pub use layout::StateDir;
