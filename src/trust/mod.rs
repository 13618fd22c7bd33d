//! Trust: what proves that an unattended run is what the session was. Secrets are known here by their names only.

pub mod account;
pub mod enabled;
pub mod fingerprint;
pub mod registration;
mod selector;
pub mod started;
mod tree;
