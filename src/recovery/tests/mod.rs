//! Tests of the whole recovery.

#[cfg(unix)]
mod nights;
