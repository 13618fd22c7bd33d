//! A panic, which is a bug: it crosses to Node as an error, and its own text stays silent.

use crate::env::Environment;
use crate::error::keep_panics_silent;

/// Called once, when Node loads the library.
#[napi_derive::module_init]
fn loaded() {
    keep_panics_silent(&Environment::of_process());
}
