//! Verifies that an unattended run has the same conditions as its session. Credentials are identified by name
//! only.

pub mod account;
pub mod enabled;
pub mod fingerprint;
pub mod registration;
mod selector;
pub mod started;
mod tree;
