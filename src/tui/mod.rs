//! Implements the dashboard, a full-screen view of all sessions. No other Rust code draws.
//!
//! [`model`] contains the state, [`input`] converts keys and mouse events to commands, and [`view`] draws the
//! state. All three are pure. [`screen`] owns the terminal and runs the loop; [`source`] provides the
//! reports. The dashboard changes nothing itself: an action closes it, and the command line runs the command.

pub mod details;
pub mod filter;
pub mod input;
pub mod model;
pub mod preview;
pub mod screen;
pub mod source;
pub mod view;
pub mod words;

#[cfg(test)]
mod tests;

pub use model::{DashboardOptions, DashboardOutcome};
pub use screen::run;
pub use source::DashboardSource;
