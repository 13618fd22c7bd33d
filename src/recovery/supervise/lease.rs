//! Decides which supervisor leads, and which supervisor continues a session.

use super::{Supervisor, SupervisorContext};
use crate::config::in_force;
use crate::error::Result;
use crate::recovery::incident::{Incident, StartedProcess};
use crate::recovery::policy::Terminal;
use crate::recovery::readiness::{account_fit, started_with};
use crate::session::Source;
use crate::session::stop::time;
use crate::store::lock::Lock;
use crate::store::stored::{Stored, peek, save_unless_newer};
use crate::trust::account::{AccountDifference, AccountFit, Provenance};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Time within which a supervisor that a hook started releases its lease.
const HANDED_OVER: std::time::Duration = std::time::Duration::from_secs(3);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Supervising {
    pub version: u32,
    pub pid: u32,
    #[serde(serialize_with = "time")]
    pub since: DateTime<Utc>,
    /// Whether a hook started this supervisor, in which case it yields the lease to a supervisor that the
    /// user starts.
    #[serde(default)]
    pub by_hook: bool,
}

impl Stored for Supervising {
    const VERSION: u32 = 1;
}

/// Request for the lease by a supervisor that the user started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LeaseRequest {
    version: u32,
    process: StartedProcess,
}

impl Stored for LeaseRequest {
    const VERSION: u32 = 1;
}

impl Supervisor {
    /// Acquires the lease if it is free, or if the current supervisor releases it for a supervisor that the
    /// user started.
    pub(super) fn lead(&mut self) -> Result<bool> {
        let by_user = self.ground.provenance == Provenance::User;
        if !by_user && self.wanted().is_some() {
            // Active runs own separate leases.
            self.lease = None;
            return Ok(false);
        }
        if self.lease.is_none() {
            self.recorded = false;
            self.lease = Lock::try_take(&self.state.supervisor_lease())?;
            if self.lease.is_none() && by_user && self.leader().is_some_and(|leader| leader.by_hook) {
                self.lease = self.ask_for_lease();
            }
        }
        if self.lease.is_some() && !self.recorded {
            let known = Supervising {
                version: Supervising::VERSION,
                pid: self.ground.pid,
                since: self.ground.clock.now(),
                by_hook: !by_user,
            };
            // The lease decides who leads, and the file only describes the leader. So a full disk does not end the
            // supervisor: the next pass writes the file.
            self.recorded = save_unless_newer(&self.state.supervisor(), &known).is_ok();
        }
        Ok(self.lease.is_some())
    }

    pub(super) fn leader(&self) -> Option<Supervising> {
        peek(&self.state.supervisor()).ok().flatten()
    }

    /// Returns another live supervisor that the user started and that waits for the lease.
    fn wanted(&self) -> Option<StartedProcess> {
        let wanted = peek::<LeaseRequest>(&self.state.supervisor_wanted()).ok().flatten()?.process;
        let start = self.ground.processes.start_token(wanted.pid);
        (wanted.pid != self.ground.pid && start.is_some() && start == wanted.start).then_some(wanted)
    }

    /// Requests the lease from a supervisor that a hook started, which notices the request at once or
    /// in its next pass. `None` if it did not release the lease in time, or the request could not be written.
    fn ask_for_lease(&self) -> Option<Lock> {
        let wanted = LeaseRequest { version: LeaseRequest::VERSION, process: self.this_process() };
        save_unless_newer(&self.state.supervisor_wanted(), &wanted).ok()?;
        Lock::wait(&self.state.supervisor_lease(), HANDED_OVER).ok()
    }

    fn this_process(&self) -> StartedProcess {
        let pid = self.ground.pid;
        StartedProcess { pid, start: self.ground.processes.start_token(pid) }
    }

    fn lives(&self, process: &StartedProcess) -> bool {
        process.start.is_some() && self.ground.processes.start_token(process.pid) == process.start
    }

    /// Returns the differences between the session's provider and account and those that a run started here
    /// would reach; `None` if they match.
    pub(super) fn fits(&self, incident: &Incident) -> Option<Vec<AccountDifference>> {
        let SupervisorContext { env, provenance, .. } = self.ground.as_ref();
        let started = started_with(&self.state, incident);
        match account_fit(&self.state, env, provenance, incident, started.as_ref()) {
            AccountFit::Fits { .. } => None,
            AccountFit::Differs(differences) => Some(differences),
        }
    }

    /// Returns whether this process handles the session: the leading supervisor does, unless another has
    /// claimed the session because it has the session's account.
    pub(super) fn serves(&self, incident: &Incident, leads: bool) -> bool {
        match &incident.claimed_by {
            Some(process) if self.lives(process) => process.pid == self.ground.pid,
            _ => leads,
        }
    }

    /// Claims a session from the leading supervisor: that of its own client, or one whose account this
    /// process reaches and the leader does not.
    pub(super) fn claim(&self, incident: &Incident) -> Option<Incident> {
        let own =
            matches!(&self.ground.provenance, Provenance::ClientOf(session) if *session == incident.session);
        let taken = incident.claimed_by.as_ref().is_some_and(|process| self.lives(process));
        if taken || !own && incident.other_account.is_empty() || self.fits(incident).is_some() {
            return None;
        }
        let config = in_force(&self.ground.env, incident.project.as_deref()).config;
        let default_home = self.default_home();
        let ledger = self.ledger(&config, default_home.as_deref());
        let changed = ledger.change(&incident.session, |slot| {
            let Some(one) = slot.as_mut().filter(|one| one.is_as_read(incident)) else { return };
            one.claimed_by = Some(self.this_process());
            if !one.other_account.is_empty() {
                one.saw(Source::Process, "another supervisor has the session's provider and account");
                ledger.plan(one, Terminal::Closed);
            }
        });
        changed.ok().flatten()
    }
}
