//! Recovers from a stop. An incident records the stop, and the policy, a pure function, plans. The heartbeat
//! waits in the open client and wakes it once. The supervisor resumes the closed session once, and verifies
//! the result.

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
