//! Silences the message of a panic, which Node receives as an error.

use crate::env::Environment;
use crate::error::keep_panics_silent;

/// Runs once, when Node loads the addon.
#[napi_derive::module_init]
fn loaded() {
    keep_panics_silent(&Environment::of_process());
}
