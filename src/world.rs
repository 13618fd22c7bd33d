//! Provides the external inputs of this process as values that a test can replace.

use crate::abort::AbortFlag;
use crate::claude::process::Processes;
use crate::clock::Clock;
use crate::env::Environment;

/// External inputs of one call.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// Environment variables and standard directories.
    pub env: &'a Environment,
    pub clock: &'a dyn Clock,
    /// Access to the processes of this machine.
    pub processes: &'a dyn Processes,
    /// Set when the caller no longer wants the result.
    pub abort: &'a AbortFlag,
}
