//! Finds stops that no hook reported.

use super::{FileState, RECENT, Supervisor};
use crate::claude::home::stores;
use crate::config::Config;
use crate::error::Error;
use crate::recovery::incident::{Phase, StopReport};
use crate::recovery::ledger::{IncidentEvent, Ledger};
use crate::recovery::policy::Terminal;
use crate::session::Source;
use crate::session::ending::Liveness;
use crate::session::files::ProjectDirectory;
use crate::session::owners::Owners;
use crate::session::scan::{self, Scanned};
use crate::session::summary::Depth;
use crate::trust::enabled::all_unattended;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn state_of(path: &Path) -> Option<FileState> {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.modified().ok()?, meta.len()))
}

/// Returns the time after which a stop of this session would be unknown to the ledger; `None` if its incident
/// is still open, or the transcript was not written to since the incident ended. A damaged incident is
/// quarantined and created anew from the transcript.
fn unseen_since(
    ledger: &Ledger<'_>,
    session: &str,
    written: DateTime<Utc>,
    since: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    match ledger.read(session).or_else(|_| ledger.change(session, |_| {})) {
        Ok(None) => Some(since),
        Ok(Some(known)) if known.phase.is_over() && written > known.updated_at => {
            Some(since.max(known.updated_at))
        }
        _ => None,
    }
}

impl Supervisor {
    /// Records stops that no hook reported, after killed hooks, one-shot runs or a power failure.
    pub(super) fn discover(&mut self, config: &Config) -> Vec<Error> {
        let mut problems = Vec::new();
        let now = self.ground.clock.now();
        let further: Vec<PathBuf> = config.config_dirs.iter().map(PathBuf::from).collect();
        let homes = crate::claude::home::all_homes(&self.ground.env, &further);
        let default_home = self.default_home();
        let before = std::mem::take(&mut self.settled);
        let mut settled = BTreeMap::new();
        let ledger = self.ledger(config, default_home.as_deref());
        let mut owners: Option<Owners> = None;
        for enabled in all_unattended(&self.state) {
            let (Some(project), Some(since)) = (&enabled.project, enabled.unattended) else { continue };
            let stores = stores(&homes).into_iter().enumerate().filter(|(home, store)| home == store);
            let dirs: Vec<_> =
                stores.map(|(home, _)| ProjectDirectory::at(&homes[home].project(project), home)).collect();
            let Scanned { found, problems: unlisted, .. } = scan::find(&dirs);
            problems.extend(unlisted);
            let mut fresh = Vec::new();
            let mut newer_than = Vec::new();
            for one in found {
                let Some(state) = state_of(&one.path) else { continue };
                // Older files were checked in an earlier pass, or predate the user's permission.
                let written = DateTime::<Utc>::from(state.0);
                if now - written >= RECENT || written <= since {
                    continue;
                }
                if before.get(&one.path) == Some(&state) {
                    settled.insert(one.path, state);
                } else if let Some(limit) = unseen_since(&ledger, one.id(), written, since) {
                    newer_than.push((limit, state));
                    fresh.push(one);
                }
            }
            if fresh.is_empty() {
                continue;
            }
            let owners = owners
                .get_or_insert_with(|| Owners::read(&homes, self.ground.processes.as_ref(), &mut problems));
            let Ok(summaries) = scan::read(&self.ground.abort, &fresh, |_| Liveness::Gone, Depth::Whole)
            else {
                break;
            };
            for ((found, summary), (limit, state)) in fresh.iter().zip(summaries).zip(newer_than) {
                let Ok(summary) = summary else { continue };
                let stop_at = summary.stop.at.unwrap_or(DateTime::UNIX_EPOCH);
                if !summary.stop.is_unfinished() || stop_at < limit {
                    settled.insert(found.path.clone(), state);
                    continue;
                }
                if owners.of(found).may_be_open() {
                    continue;
                }
                let report = StopReport {
                    session: found.id().to_owned(),
                    project: Some(project.clone()),
                    config_dir: Some(homes[found.home].dir().to_path_buf()),
                    transcript: found.path.clone(),
                    stop: summary.stop.clone(),
                    cwd: summary.cwd.as_deref().map(str::to_owned),
                    entrypoint: summary.entrypoint.as_deref().map(str::to_owned),
                    claude_pid: None,
                    claude_start: None,
                };
                let entered =
                    ledger.enter(found.id(), IncidentEvent::Stopped(Box::new(report))).and_then(|_| {
                        ledger.change(found.id(), |slot| {
                            // The user may have cancelled it in the meantime.
                            if let Some(incident) = slot.as_mut().filter(|one| one.phase != Phase::Cancelled)
                            {
                                incident.complete(&summary);
                                incident.saw(Source::Transcript, "found without a hook");
                                ledger.plan(incident, Terminal::Closed);
                            }
                        })
                    });
                problems.extend(entered.err());
            }
        }
        self.settled = settled;
        problems
    }
}
