//! Ends a process: checks it once more, asks it to exit, waits, and kills it only if the caller allows force.

use super::guard::{KillCaller, KillCandidate, refusal};
use crate::clock::Clock;
use crate::error::{Code, Error, Result};
use crate::rescue::signal::{ProcessHandle, Signal, SignalResult};
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::time::Duration;

/// Time for a client to exit. The client closes its session and writes pending data (measured with 2.1.329:
/// 143 ms to 2 s).
pub const PATIENCE: Duration = Duration::from_secs(10);
/// Time for a tool process to exit.
pub const TOOL_PATIENCE: Duration = Duration::from_secs(3);
/// Time for the system to remove a killed process.
const AFTER_KILL: Duration = Duration::from_secs(3);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Outcome of a kill. `gone`: the process had ended before any signal was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum KillOutcome {
    Planned,
    /// Ended after a termination signal.
    Ended,
    Killed,
    /// Still alive after a termination or kill signal.
    StillAlive,
    /// Had ended before any signal was sent.
    Gone,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SentSignal {
    /// Id of the process that received the signal.
    pub pid: u32,
    /// The signal that was sent.
    pub signal: Signal,
    /// Time when the signal was sent.
    #[serde(serialize_with = "crate::session::stop::time")]
    pub at: DateTime<Utc>,
}

/// Which signals may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KillForce {
    Ask,
    /// Ask, wait, then kill.
    AskThenForce,
    /// Kill at once, because the process was asked before.
    Force,
}

/// Context for ending a process.
pub struct KillContext<'a> {
    pub clock: &'a dyn Clock,
    pub caller: &'a KillCaller,
    /// Records every signal before it is sent.
    pub note: &'a mut dyn FnMut(u32, Signal),
    pub sent: Vec<SentSignal>,
}

impl KillContext<'_> {
    /// Ends the process. `look` returns its current state.
    ///
    /// # Errors
    ///
    /// Returns [`Code::KillRefused`] if it must no longer be ended or the system does not allow it. Signals
    /// sent up to then are in `sent`.
    pub fn end(
        &mut self,
        held: &dyn ProcessHandle,
        inspect: &dyn Fn() -> KillCandidate,
        stopped: bool,
        means: KillForce,
        patience: Duration,
    ) -> Result<KillOutcome> {
        let Some(pid) = self.check(held, inspect)? else { return Ok(KillOutcome::Gone) };
        if means != KillForce::Force {
            if !self.send(held, pid, Signal::Term)? {
                return Ok(KillOutcome::Gone);
            }
            if stopped {
                // A stopped process handles the termination signal only once it runs again.
                self.send(held, pid, Signal::Cont)?;
            }
            if self.wait(held, patience) {
                return Ok(KillOutcome::Ended);
            }
            if means == KillForce::Ask {
                return Ok(KillOutcome::StillAlive);
            }
            if self.check(held, inspect)?.is_none() {
                return Ok(KillOutcome::Ended);
            }
        }
        if !self.send(held, pid, Signal::Kill)? {
            return Ok(if means == KillForce::Force { KillOutcome::Gone } else { KillOutcome::Ended });
        }
        Ok(if self.wait(held, AFTER_KILL) { KillOutcome::Killed } else { KillOutcome::StillAlive })
    }

    /// Returns the process id if the process is alive and may be ended.
    fn check(&self, held: &dyn ProcessHandle, inspect: &dyn Fn() -> KillCandidate) -> Result<Option<u32>> {
        let suspect = inspect();
        // The handle and the state belong to the same process only while that process is alive.
        if held.is_gone() || suspect.is_gone() {
            return Ok(None);
        }
        refusal(&suspect, self.caller).map_or(Ok(Some(suspect.pid)), Err)
    }

    fn send(&mut self, held: &dyn ProcessHandle, pid: u32, signal: Signal) -> Result<bool> {
        (self.note)(pid, signal);
        let at = self.clock.now();
        match held.signal(signal) {
            SignalResult::Delivered => {
                self.sent.push(SentSignal { pid, signal, at });
                Ok(true)
            }
            SignalResult::Gone => Ok(false),
            SignalResult::Refused(why) => {
                Err(Error::new(Code::KillRefused, format!("cannot signal process {pid}: {why}")))
            }
        }
    }

    /// Returns whether the process ended within `limit`.
    pub fn wait(&self, held: &dyn ProcessHandle, limit: Duration) -> bool {
        let began = self.clock.since_boot();
        loop {
            if held.is_gone() {
                return true;
            }
            if self.clock.since_boot().saturating_sub(began) >= limit {
                return false;
            }
            self.clock.sleep(POLL_INTERVAL);
        }
    }
}
