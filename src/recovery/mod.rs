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
#[cfg(test)]
#[cfg(unix)]
mod schedules;
pub mod siblings;
pub mod supervise;
pub mod takeover;
pub mod turns;
pub mod verify;
