//! Starts a run that the user requests: resumes a closed session now, without a terminal.

use super::find::{SessionOptions, find};
use super::handoff::{HandoffOptions, handoff};
use super::inventory::{Inventory, InventoryRow, ReportContext};
use super::resume::continued_in;
use crate::claude::program::launcher;
use crate::config::{Config, Transport, Unattended, in_force};
use crate::error::{Code, Error, Result};
use crate::note::compose::NoteForm;
use crate::recovery::incident::{Attempt, Incident, Phase, StopReport};
use crate::recovery::ledger::{IncidentEvent, Ledger};
use crate::recovery::policy::Terminal;
use crate::recovery::readiness::DelayReason;
use crate::recovery::readiness::{ReadinessFacts, ReadinessReader};
use crate::recovery::resume::{ResumeOutcome, Resumer};
use crate::session::stop::time;
use crate::session::summary::summarize;
use crate::session::{Source, Stop};
use crate::store::stored::sha256_hex;
use crate::trust::account::Provenance;
use crate::trust::enabled::enclosing;
use crate::world::World;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Schema name and version of this object.
const SCHEMA: &str = "cc-session-recover/run@1";

/// Which session `resumeNow` resumes.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct RunOptions {
    /// Session id, an unambiguous prefix of it, or its name or title.
    pub session: Option<String>,
    /// Whether to select the session that was active last.
    pub latest: bool,
    /// Only sessions of this project.
    pub project: Option<PathBuf>,
    /// A program to start instead of `claude`, with its first arguments, such as `ccs work`.
    pub with: Option<String>,
    /// Start a new session that begins with the note of this one, instead of resuming it.
    pub fresh: bool,
}

/// Result of a run that the user requested, schema `cc-session-recover/run@1`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RunReport {
    /// Schema name and version of this object.
    #[cfg_attr(test, ts(type = "'cc-session-recover/run@1'"))]
    pub schema: &'static str,
    /// Time by which the run had ended.
    #[serde(serialize_with = "time")]
    pub generated_at: DateTime<Utc>,
    /// Id of the session, a UUID.
    pub session: String,
    /// Session whose work a new session continued; `null` if the session itself was resumed.
    pub instead_of: Option<String>,
    /// Phase of the session's incident.
    pub phase: Phase,
    /// The attempt that was made.
    pub attempt: Option<Attempt>,
    /// Reason for the session's current plan, in words.
    pub why: String,
}

/// Resumes a closed session. `pid` is the id of this process.
///
/// # Errors
///
/// Returns the errors of [`find`]; [`Code::SessionLive`], [`Code::RunRefused`] when it must not be resumed
/// now.
pub fn run(world: World<'_>, pid: u32, options: &RunOptions) -> Result<RunReport> {
    let ground = ReportContext::read(world, None)?;
    let inventory = Inventory::take(&ground, options.project.as_deref())?;
    let asked = SessionOptions { session: options.session.clone(), latest: options.latest, project: None };
    let row = find(&inventory, &asked)?;
    let id = row.found.id().to_owned();
    if let Some(owner) = inventory.owner(&row.found) {
        return Err(Error::new(Code::SessionLive, format!("process {} has it open", owner.pid))
            .at(&row.found.path)
            .hint("continue in its window, or close that client first"));
    }
    let cwd = row.summary.cwd.as_deref().map(str::to_owned);
    let project = cwd.as_deref().and_then(|cwd| enclosing(&ground.state, world.env, Path::new(cwd)));
    let mut config = in_force(world.env, project.as_deref()).config;
    if let Some(line) = &options.with {
        config.unattended.launcher = Some(launcher(world.env, line, project.as_deref())?);
    }
    let ledger = Ledger { config: &config, ..ground.ledger() };
    if options.fresh {
        if let Some((why, hint)) = row.summary.continued_in.as_deref().map(continued_in) {
            return Err(Error::new(Code::RunRefused, why).at(&row.found.path).hint(hint));
        }
        return begin(world, pid, &inventory, row, ledger);
    }
    let known = ledger.read(&id)?.filter(|incident| !incident.phase.is_over());
    if known.is_none_or(|incident| !matches!(incident.phase, Phase::Attempting)) {
        let transcript = crate::claude::transcript::Transcript::open(&row.found.path)?;
        let summary = summarize(&transcript, inventory.liveness(row));
        let report = StopReport {
            session: id.clone(),
            project: project.clone(),
            config_dir: Some(inventory.homes[row.found.home].dir().to_path_buf()),
            transcript: row.found.path.clone(),
            stop: summary.stop.clone(),
            cwd,
            entrypoint: summary.entrypoint.as_deref().map(str::to_owned),
            claude_pid: None,
            claude_start: None,
        };
        let fresh = ledger.read(&id)?.is_none_or(|incident| incident.stop.record != summary.stop.record);
        if fresh {
            ledger.enter(&id, IncidentEvent::Stopped(Box::new(report)))?;
        }
        ledger.change(&id, |slot| {
            if let Some(incident) = slot {
                if fresh {
                    incident.complete(&summary);
                }
                incident.saw(Source::Store, "the user asked to resume it now");
                ledger.plan(incident, Terminal::Closed);
            }
        })?;
    }
    let reading =
        ReadinessReader { ledger, env: world.env, processes: world.processes, provenance: &Provenance::User };
    let ended = Resumer { reading, own_pid: pid, now: true, abort: world.abort }.resume(&id)?;
    if ended != ResumeOutcome::Ran {
        world.abort.check()?;
    }
    let incident = ledger
        .read(&id)?
        .ok_or_else(|| Error::new(Code::Internal, "the incident of the run is gone").at(&row.found.path))?;
    match ended {
        ResumeOutcome::NotYet(_) | ResumeOutcome::UnderWay | ResumeOutcome::Left(_) => {
            Err(not_run(&ended, &row.found.path).hint(format!(
                "`cc-session-recover watch --preview {}` shows what would be started, and what prevents it",
                &id[..8]
            )))
        }
        ResumeOutcome::Ran => Ok(RunReport {
            schema: SCHEMA,
            generated_at: world.clock.now(),
            session: id,
            instead_of: None,
            phase: incident.phase,
            attempt: incident.attempts.last().cloned(),
            why: incident.plan.why,
        }),
    }
}

/// Continues the work of a session in a new session.
fn begin(
    world: World<'_>,
    pid: u32,
    inventory: &Inventory<'_>,
    row: &InventoryRow,
    ledger: Ledger<'_>,
) -> Result<RunReport> {
    let config = Config {
        unattended: Unattended { transport: Transport::Print, ..ledger.config.unattended.clone() },
        ..ledger.config.clone()
    };
    let ledger = Ledger { config: &config, ..ledger };
    let now = world.clock.now();
    let cwd = row.summary.cwd.as_deref().map(str::to_owned);
    let home = &inventory.homes[row.found.home];
    let project = cwd.as_deref().and_then(|cwd| enclosing(ledger.state, world.env, Path::new(cwd)));
    let report = |session: &str, transcript: PathBuf| StopReport {
        session: session.to_owned(),
        project: project.clone(),
        config_dir: Some(home.dir().to_path_buf()),
        transcript,
        stop: row.summary.stop.clone(),
        cwd: cwd.clone(),
        entrypoint: row.summary.entrypoint.as_deref().map(str::to_owned),
        claude_pid: None,
        claude_start: None,
    };
    let mut old = Incident::open(report(row.found.id(), row.found.path.clone()), now);
    old.complete(&row.summary);
    let reading =
        ReadinessReader { ledger, env: world.env, processes: world.processes, provenance: &Provenance::User };
    let facts = ReadinessFacts::read(&reading, &old);
    let Some((directory, _)) = &facts.directory else {
        return Err(Error::new(Code::RunRefused, "its directory does not exist").at(&row.found.path));
    };
    let asked = HandoffOptions {
        session: Some(row.found.id().to_owned()),
        form: NoteForm::Resume,
        ..HandoffOptions::default()
    };
    let text = handoff(world, &asked)?.text;
    let id = new_id(row.found.id(), pid, now);
    let transcript = home.project(directory).join(format!("{id}.jsonl"));
    let mut new = report(&id, transcript.clone());
    new.stop = Stop { record: None, ..new.stop };
    ledger.enter(&id, IncidentEvent::Stopped(Box::new(new)))?;
    let incident = ledger.change(&id, |slot| {
        if let Some(incident) = slot {
            incident.describe(&row.summary);
            incident.saw(
                Source::Store,
                format!("the user asked to continue the work of {} in a new session", row.found.id()),
            );
        }
    })?;
    let gone = || Error::new(Code::Internal, "the incident of the run is gone").at(&transcript);
    let ended = Resumer { reading, own_pid: pid, now: true, abort: world.abort }.begin(
        &incident.ok_or_else(gone)?,
        &facts,
        &text,
    )?;
    if ended != ResumeOutcome::Ran {
        world.abort.check()?;
    }
    let incident = ledger.read(&id)?.ok_or_else(gone)?;
    match ended {
        ResumeOutcome::NotYet(_) | ResumeOutcome::UnderWay | ResumeOutcome::Left(_) => {
            Err(not_run(&ended, &row.found.path))
        }
        ResumeOutcome::Ran => Ok(RunReport {
            schema: SCHEMA,
            generated_at: world.clock.now(),
            session: id,
            instead_of: Some(row.found.id().to_owned()),
            phase: incident.phase,
            attempt: incident.attempts.last().cloned(),
            why: incident.plan.why,
        }),
    }
}

fn not_run(outcome: &ResumeOutcome, transcript: &Path) -> Error {
    let why = match outcome {
        ResumeOutcome::NotYet(why) => why.to_string(),
        ResumeOutcome::UnderWay | ResumeOutcome::Ran => DelayReason::RunUnderWay.to_string(),
        ResumeOutcome::Left(left) => left.to_string(),
    };
    Error::new(Code::RunRefused, why).at(transcript)
}

/// Generates a session id in the form that a client accepts (a version 4 UUID), unique among sessions.
fn new_id(of: &str, pid: u32, now: DateTime<Utc>) -> String {
    let hash = sha256_hex(format!("{of} {pid} {}", now.timestamp_nanos_opt().unwrap_or_default()).as_bytes());
    format!("{}-{}-4{}-8{}-{}", &hash[..8], &hash[8..12], &hash[13..16], &hash[17..20], &hash[20..32])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_session_id_is_valid_and_unique() {
        let id = new_id("a", 1, DateTime::UNIX_EPOCH);
        assert!(crate::claude::home::is_session_id(&id), "{id}");
        assert_eq!(&id[14..15], "4");
        assert_ne!(id, new_id("a", 2, DateTime::UNIX_EPOCH));
    }
}
