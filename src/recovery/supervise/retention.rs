//! Compresses and removes retained sessions once a day.

use super::Supervisor;
use crate::config::Config;
use crate::store::journal;
use crate::world::World;
use chrono::Duration;
use serde_json::json;
use std::sync::Arc;

/// Time between two passes over the retained sessions.
const TEND_KEPT: Duration = Duration::days(1);

/// Maximum number of bytes that one pass compresses.
const TEND_BYTES: u64 = 512 * 1024 * 1024;

impl Supervisor {
    /// Compresses the sessions that Claude Code deleted, and removes them by age and size, once a day. Runs
    /// in a separate thread so that it does not delay a session that is due.
    pub(super) fn tend_kept(&mut self, config: &Config) {
        let now = self.ground.clock.now();
        let due = self.tended_at.is_none_or(|at| now - at >= TEND_KEPT || now < at);
        if !due || self.tending.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return;
        }
        self.tended_at = Some(now);
        let (ground, state, retention) =
            (Arc::clone(&self.ground), self.state.clone(), config.retention.clone());
        self.tending = std::thread::Builder::new()
            .name("kept".into())
            .spawn(move || {
                let world = World {
                    env: &ground.env,
                    clock: ground.clock.as_ref(),
                    processes: ground.processes.as_ref(),
                    abort: &ground.abort,
                };
                for error in (ground.tend_kept)(world, &state, &retention, TEND_BYTES) {
                    let fields = json!({"code": error.code.as_str(), "message": error.to_string()});
                    journal::append(&state, ground.clock.as_ref(), "keeping-failed", fields);
                }
            })
            .ok();
    }
}
