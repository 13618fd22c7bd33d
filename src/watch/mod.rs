//! Checks at the end of a successful turn: how full the context is, and whether the transcript contains
//! the turn at all.
//!
//! Both checks read the end of a file. An asynchronous hook runs them after every turn, so they must
//! cost next to nothing and write nothing if all is well. Anything the user must know waits as a flag
//! for the next prompt.

pub mod context;
pub mod saving;
pub mod shadow;
pub mod weight;
