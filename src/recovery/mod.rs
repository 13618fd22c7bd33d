//! Recovery: what is done about a stop. An incident records it, the policy plans (a pure function), the heartbeat waits
//! in the open client and wakes it once.

pub mod config;
pub mod heartbeat;
pub mod incident;
pub mod ledger;
pub mod policy;
