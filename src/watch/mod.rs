//! Checks at the end of a successful turn: how full the context is, and whether the transcript contains
//! the turn at all.
//!
//! Both checks read the end of a file. An asynchronous hook runs them after every turn, so they must be cheap
//! and write nothing if the turn is saved. A flag defers any message for the user until the next prompt.

pub mod context;
pub mod saving;
pub mod shadow;
pub mod weight;
