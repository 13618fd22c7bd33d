//! A flag by which the caller of a long operation stops it.
//!
//! The operation checks the flag between sessions, files and blocks, where it can stop without leaving anything half done.

use crate::error::{Code, Error, Result};
use std::sync::atomic::{AtomicBool, Ordering};

/// The flag of an operation that nothing stops.
pub static NEVER: AbortFlag = AbortFlag::new();

/// Once set, the flag stays set.
#[derive(Debug, Default)]
pub struct AbortFlag(AtomicBool);

impl AbortFlag {
    /// Creates a flag that is not set.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// Asks the operation to stop.
    pub fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Returns an error if the operation must stop.
    ///
    /// # Errors
    ///
    /// Returns [`Code::Aborted`] once the flag is set.
    pub fn check(&self) -> Result<()> {
        if self.is_set() { Err(Error::new(Code::Aborted, "was aborted by its caller")) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_stops_its_operation_once_it_is_set() {
        let flag = AbortFlag::new();
        assert!(flag.check().is_ok() && !flag.is_set());
        flag.set();
        assert_eq!(flag.check().unwrap_err().code, Code::Aborted);
    }
}
