//! Previews exactly what the supervisor would start for each closed session, when, and why, or why it would
//! start nothing.

use super::cancel::chosen_among;
use super::inventory::{Inventory, ReportContext};
use super::session::SessionGroup;
use crate::config::in_force;
use crate::error::Result;
use crate::fs::lossy_or_null;
use crate::problem::Problem;
use crate::recovery::incident::{Incident, StartedProcess};
use crate::recovery::launch::Launch;
use crate::recovery::ledger::Ledger;
use crate::recovery::plan::RecoveryPlan;
use crate::recovery::readiness::{ReadinessFacts, ReadinessReader, ReadinessVerdict, judge, quiet};
use crate::recovery::resume::Resumer;
use crate::session::StopKind;
use crate::session::stop::time;
use crate::store::lock::Lock;
use crate::trust::account::{AccountFit, Provenance};
use crate::world::World;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Schema name and version of this object.
const SCHEMA: &str = "cc-session-recover/preview@1";
/// Placeholder for the id of the run.
const NONCE: &str = "preview";

/// Which sessions `preview` shows.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct PreviewOptions {
    /// Session id, an unambiguous prefix of it, or its name or title; every stopped session if absent.
    pub session: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Preview {
    /// Id of the session, a UUID.
    pub session: String,
    /// Directory of its project.
    #[serde(serialize_with = "lossy_or_null")]
    pub project: Option<PathBuf>,
    /// Kind of the stop that interrupted it.
    pub stop: StopKind,
    /// Group of the session, as on every other screen.
    pub group: SessionGroup,
    /// The next step, as in every other report.
    pub plan: RecoveryPlan,
    /// Whether a run could start now.
    #[cfg_attr(test, ts(type = "'ready' | 'not-yet' | 'hold' | 'over'"))]
    pub verdict: &'static str,
    /// Why no run can start now.
    pub why: Option<String>,
    /// Where the session is open, such as `pts/3`; nothing is started while it is open. `null`
    /// if it is closed.
    pub open_in: Option<String>,
    /// Process to start; `null` if none can be started.
    pub launch: Option<Launch>,
}

/// Result of `preview`, schema `cc-session-recover/preview@1`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PreviewReport {
    /// Schema name and version of this object.
    #[cfg_attr(test, ts(type = "'cc-session-recover/preview@1'"))]
    pub schema: &'static str,
    /// Time when this result was generated, RFC 3339.
    #[serde(serialize_with = "time")]
    pub generated_at: DateTime<Utc>,
    /// One entry for each session.
    pub sessions: Vec<Preview>,
    /// Files that could not be read, and why.
    pub problems: Vec<Problem>,
}

/// Previews the supervisor's actions. Starts and writes nothing.
///
/// # Errors
///
/// Returns [`crate::error::Code::SessionNotFound`], [`crate::error::Code::SessionAmbiguous`],
/// [`crate::error::Code::StateDirUnknown`].
pub fn preview(world: World<'_>, options: &PreviewOptions) -> Result<PreviewReport> {
    let ground = ReportContext::read(world, None)?;
    let inventory = Inventory::take(&ground, None)?;
    let incidents: Vec<Incident> = inventory.incidents.values().cloned().collect();
    let open = |incident: &&Incident| !incident.phase.is_over();
    let chosen: Vec<&Incident> = match &options.session {
        Some(name) => chosen_among(&incidents, name, world.clock.now())?,
        None => incidents.iter().filter(open).collect(),
    };
    Ok(PreviewReport {
        schema: SCHEMA,
        generated_at: world.clock.now(),
        sessions: chosen.into_iter().map(|incident| one(world, &inventory, incident)).collect(),
        problems: inventory.problems.iter().cloned().map(Problem::from).collect(),
    })
}

/// Returns the account check of the supervisor responsible for the session; `None` if no supervisor runs.
fn answer_of_supervisor(ledger: &Ledger<'_>, world: World<'_>, incident: &Incident) -> Option<AccountFit> {
    let lives = |process: &StartedProcess| {
        process.start.is_some() && world.processes.start_token(process.pid) == process.start
    };
    if incident.claimed_by.as_ref().is_some_and(lives) {
        return Some(AccountFit::Fits { remove: Vec::new() });
    }
    if !incident.other_account.is_empty() {
        return Some(AccountFit::Differs(incident.other_account.clone()));
    }
    Lock::is_held(&ledger.state.supervisor_lease()).then(|| AccountFit::Fits { remove: Vec::new() })
}

fn one(world: World<'_>, inventory: &Inventory<'_>, incident: &Incident) -> Preview {
    let session = inventory.report_of(incident);
    let config = in_force(world.env, incident.project.as_deref()).config;
    let ledger = Ledger { config: &config, ..inventory.ledger() };
    let reading =
        ReadinessReader { ledger, env: world.env, processes: world.processes, provenance: &Provenance::User };
    let resumer = Resumer { reading, own_pid: 0, now: false, abort: &crate::abort::NEVER };
    let mut facts = ReadinessFacts::read(&reading, incident);
    // The supervisor that will start it decides, not the shell that runs this command.
    if let Some(fit) = answer_of_supervisor(&ledger, world, incident) {
        facts.account = fit;
    }
    let open_in = facts.owners.places();
    let verdict = judge(&facts, config.unattended.transport, quiet(&config), world.clock.now());
    let (verdict, why) = match verdict {
        ReadinessVerdict::Ready => ("ready", None),
        ReadinessVerdict::NotYet(why) => ("not-yet", Some(why.to_string())),
        ReadinessVerdict::Hold(why) => ("hold", Some(why.to_string())),
        ReadinessVerdict::Over(why) => ("over", Some(why.to_string())),
        ReadinessVerdict::StoppedAgain => {
            ("not-yet", Some("it stopped again since; the newer stop decides".to_owned()))
        }
    };
    Preview {
        session: incident.session.clone(),
        project: incident.project.clone(),
        stop: incident.stop.kind,
        group: session.group,
        plan: session.next,
        verdict,
        why,
        launch: if open_in.is_none() { resumer.plan(incident, &facts, NONCE).ok() } else { None },
        open_in,
    }
}
