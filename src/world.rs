//! What comes from outside of this process, as values: a test gives its own.

use crate::claude::process::Processes;
use crate::clock::Clock;
use crate::env::Environment;

/// The outside of one call.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// Variables and well-known directories.
    pub env: &'a Environment,
    pub clock: &'a dyn Clock,
    /// Processes of this machine.
    pub processes: &'a dyn Processes,
}
