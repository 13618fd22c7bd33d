//! Finds Claude Code sessions that stopped, explains why, records what was being done, waits for the limit to
//! reset, and continues the same session exactly once.
//!
//! ```text
//! hook stdin / argv -> bin -> ffi -> read: claude::{transcript, registry, process} + store          (no
//! effects)
//!                                 -> session::ending, recovery::policy                              (pure values)
//!                                 -> act: store, note, wake -> journal                              (effects, verified)
//!           stdout  <- bin <- ffi <- one report value; --json prints exactly it
//! ```
//!
//! Rust never prints and never exits. Time, environment and paths are passed in as values through [`clock`],
//! [`env`] and [`fs`]. Only `ffi` knows Node.

pub mod abort;
pub mod claude;
pub mod clock;
pub mod config;
#[cfg(all(feature = "node", test))]
mod contract;
pub mod entry;
pub mod env;
pub mod error;
#[cfg(all(feature = "node", not(test)))]
mod ffi;
pub mod fs;
pub mod git;
pub mod hook;
pub mod keep;
pub mod measure;
pub mod note;
pub mod notify;
pub mod options;
pub mod problem;
pub mod program;
pub mod project;
pub mod quota;
pub mod recovery;
pub mod redact;
pub mod report;
pub mod rescue;
pub mod service;
pub mod session;
pub mod statusline;
pub mod store;
pub mod text;
pub mod threads;
pub mod trust;
#[cfg(feature = "node")]
pub mod tui;
pub mod watch;
pub mod world;
