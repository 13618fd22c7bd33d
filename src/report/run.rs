//! A run that a person asks for: a closed session is resumed now, without a terminal.

use super::find::{SessionOptions, find};
use super::inventory::{Ground, Inventory, Outside};
use crate::claude::program::launcher;
use crate::error::{Code, Error, Result};
use crate::project::enabled::enclosing;
use crate::recovery::config::in_force;
use crate::recovery::incident::{Attempt, Phase, Report};
use crate::recovery::ledger::{Event, Ledger};
use crate::recovery::policy::Terminal;
use crate::recovery::readiness::Reading;
use crate::recovery::resume::{Ended, Resumer};
use crate::session::Source;
use crate::session::stop::time;
use crate::session::summary::summarize;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Name and version of this form.
const SCHEMA: &str = "cc-session-recover/run@1";

/// Which session.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RunOptions {
    /// Session id, an unambiguous prefix of it, or its name or title.
    pub session: Option<String>,
    /// The one that was active last.
    pub latest: bool,
    /// Only sessions of this project.
    pub project: Option<PathBuf>,
    /// A program to start instead of `claude`, with its first arguments.
    pub with: Option<String>,
}

/// What came of it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunReport {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// When it had ended.
    #[serde(serialize_with = "time")]
    pub generated_at: DateTime<Utc>,
    /// Session id.
    pub session: String,
    /// Where its incident stands.
    pub phase: Phase,
    /// The attempt that was made.
    pub attempt: Option<Attempt>,
    /// What is to be done now.
    pub why: String,
}

/// Resumes. `pid` is this process.
///
/// # Errors
/// Those of [`find`]; [`Code::SessionLive`], [`Code::RunRefused`] when it may not be resumed now.
pub fn run(outside: Outside<'_>, pid: u32, options: &RunOptions) -> Result<RunReport> {
    let ground = Ground::read(outside, None)?;
    let inventory = Inventory::take(&ground, options.project.as_deref());
    let asked = SessionOptions { session: options.session.clone(), latest: options.latest, project: None };
    let row = find(&inventory, &asked)?;
    let id = row.found.id.clone();
    if let Some(holder) = inventory.holder(&row.found) {
        return Err(Error::new(Code::SessionLive, format!("process {} has it open", holder.pid))
            .at(&row.found.path)
            .hint("go on in its window, or end that client first"));
    }
    let cwd = row.summary.cwd.clone();
    let project = cwd.as_deref().and_then(|cwd| enclosing(&ground.state, outside.env, Path::new(cwd)));
    let mut config = in_force(outside.env, project.as_deref()).config;
    if let Some(line) = &options.with {
        config.unattended.launcher = Some(launcher(outside.env, line, project.as_deref())?);
    }
    let ledger = Ledger { config: &config, ..ground.ledger() };
    let known = ledger.read(&id)?.filter(|incident| !incident.phase.is_over());
    if known.is_none_or(|incident| !matches!(incident.phase, Phase::Attempting)) {
        let transcript = crate::claude::transcript::Transcript::open(&row.found.path)?;
        let summary = summarize(&transcript, inventory.liveness(row));
        let report = Report {
            session: id.clone(),
            project: project.clone(),
            config_dir: Some(inventory.homes[row.found.home].dir().to_path_buf()),
            transcript: row.found.path.clone(),
            stop: summary.stop.clone(),
            cwd,
            entrypoint: summary.entrypoint.clone(),
            claude_pid: None,
            claude_start: None,
        };
        let fresh = ledger.read(&id)?.is_none_or(|incident| incident.stop.record != summary.stop.record);
        if fresh {
            ledger.enter(&id, Event::Stopped(Box::new(report)))?;
        }
        ledger.change(&id, |slot| {
            if let Some(incident) = slot {
                if fresh {
                    incident.complete(&summary);
                }
                incident.saw(Source::Store, "a person asked to have it resumed now");
                ledger.plan(incident, Terminal::Closed);
            }
        })?;
    }
    let reading = Reading { ledger, env: outside.env, processes: outside.processes };
    let ended = Resumer { reading, own_pid: pid, now: true }.resume(&id)?;
    let incident = ledger
        .read(&id)?
        .ok_or_else(|| Error::new(Code::Internal, "the incident of the run is gone").at(&row.found.path))?;
    match ended {
        Ended::NotYet(why) | Ended::UnderWay(why) | Ended::Left(why) => {
            Err(Error::new(Code::RunRefused, why).at(&row.found.path).hint(format!(
                "`cc-session-recover preview {}` shows what would be started, and what holds it",
                &id[..8]
            )))
        }
        Ended::Ran => Ok(RunReport {
            schema: SCHEMA,
            generated_at: outside.clock.now(),
            session: id,
            phase: incident.phase,
            attempt: incident.attempts.last().cloned(),
            why: incident.plan.why,
        }),
    }
}
