//! Recovery: what is done about a stop. An incident records it, the policy plans (a pure function), the heartbeat waits
//! in the open client and wakes it once; the supervisor resumes the closed session, once, and verifies what came of it.

pub mod changes;
pub mod due;
pub mod early;
pub mod heartbeat;
pub mod incident;
pub mod launch;
pub mod ledger;
pub mod native;
pub mod note;
pub mod paused;
pub mod plan;
pub mod policy;
pub mod readiness;
pub mod reason;
pub mod resume;
pub mod siblings;
pub mod supervise;
pub mod takeover;
#[cfg(test)]
mod tests;
pub mod turns;
pub mod verify;
