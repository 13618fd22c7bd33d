//! Determines which files are retained regardless of the rules: those of open sessions, of unfinished work
//! and of runs without a result.

use super::find::SessionRecord;
use super::{PruneCandidate, PruneKind};
use crate::claude::home::{ClaudeHome, is_session_id};
use crate::claude::process::Processes;
use crate::recovery::incident::Incident;
use crate::report::inventory::Inventory;
use crate::session::files::entries;
use crate::session::scan::Found;
use crate::store::StateDir;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Sessions whose files are retained regardless of the rules.
#[derive(Debug, Default)]
pub(super) struct RetainedFiles {
    /// Snapshots and outputs that runs need.
    pub(super) runs: BTreeSet<PathBuf>,
    /// Sessions that are open or have unfinished work.
    pub(super) sessions: BTreeSet<String>,
    /// Sessions whose pending work cannot be determined.
    pub(super) unread: BTreeSet<String>,
    /// Whether something unreadable may belong to any session.
    pub(super) any_unread: bool,
    /// Sessions without a transcript whose record contains the conversation.
    pub(super) unsaved: BTreeSet<String>,
    /// Sessions whose transcript is gone and whose record does not contain the conversation;
    /// the record is useless.
    pub(super) gone: BTreeSet<String>,
}

/// Returns the sessions that are or may be open, and those with unfinished work.
pub(super) fn open_or_unfinished(inventory: &Inventory<'_>) -> BTreeSet<String> {
    let open = inventory.owners.open_sessions().map(str::to_owned);
    let unfinished = inventory.incidents.values().filter(|incident| !incident.phase.is_over());
    open.chain(unfinished.map(|incident| incident.session.clone())).collect()
}

impl RetainedFiles {
    /// Determines what is retained. Each problem of the inventory causes files to be retained, and its hint
    /// is extended to name them.
    pub(super) fn of(
        inventory: &mut Inventory<'_>,
        state: &StateDir,
        records: &[SessionRecord],
        processes: &dyn Processes,
    ) -> Self {
        let found = inventory.find(None);
        let table = processes.table();
        inventory.owners.add_unregistered(&inventory.homes, &found, &table, processes);
        let mut wanted = Self {
            runs: needed(inventory.incidents.values()),
            sessions: open_or_unfinished(inventory),
            ..Self::default()
        };
        let known: BTreeSet<&str> = found.iter().map(Found::id).collect();
        let all_listed =
            !inventory.homes.is_empty() && inventory.homes.iter().all(|home| is_listed(&home.projects()));
        for SessionRecord { thing, registration, shadow } in records {
            let session = || thing.session.clone();
            let client = registration.as_ref().and_then(|one| one.claude_pid.zip(one.claude_start.as_ref()));
            if client.is_some_and(|(pid, start)| processes.start_token(pid).as_ref() == Some(start)) {
                wanted.sessions.insert(session());
            }
            let registered = registration.as_ref().map_or(Ok(false), |one| one.transcript.try_exists());
            let there = known.contains(thing.session.as_str()) || registered.as_ref().is_ok_and(|is| *is);
            if there {
                continue;
            }
            if *shadow || registered.is_err() {
                wanted.unsaved.insert(session());
            }
            let listed =
                registration.as_ref().map_or(all_listed, |one| is_listed(&one.config_dir.join("projects")));
            if listed {
                wanted.gone.insert(session());
            }
        }
        for dir in inventory.homes.iter().map(ClaudeHome::sessions).chain([state.incidents(), state.spool()])
        {
            // Only records whether the directory can be listed.
            drop(entries(&dir, &mut inventory.problems));
        }
        for problem in &mut inventory.problems {
            let about = problem.path.as_deref().and_then(|path| session_in(state, path));
            let stays = if let Some(session) = about {
                wanted.unread.insert(session);
                "pages, snapshots, outputs and the record of its session are retained"
            } else {
                wanted.any_unread = true;
                "pages, snapshots, outputs and records are retained while it cannot be read"
            };
            problem.hint.get_or_insert_with(|| stays.to_owned());
        }
        wanted
    }

    /// Returns whether a candidate is retained regardless of the rules.
    pub(super) fn holds(&self, thing: &PruneCandidate) -> bool {
        let unread = self.any_unread || self.unread.contains(&thing.session);
        match thing.kind {
            PruneKind::Snapshot | PruneKind::Output => unread || self.runs.contains(&thing.path),
            PruneKind::Page => unread || self.sessions.contains(&thing.session),
            PruneKind::Record => {
                unread || self.sessions.contains(&thing.session) || self.unsaved.contains(&thing.session)
            }
            PruneKind::Export | PruneKind::Leftover | PruneKind::Kept => false,
        }
    }
}

/// Returns whether a directory of transcripts has entries. An empty one may be a missing mount.
fn is_listed(dir: &Path) -> bool {
    std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some_and(|entry| entry.is_ok()))
}

/// Returns the session that a path in the state directory belongs to.
fn session_in(state: &StateDir, path: &Path) -> Option<String> {
    let mut parts = path.strip_prefix(state.root()).ok()?.iter().filter_map(std::ffi::OsStr::to_str);
    let session = parts.find_map(|part| part.split('.').next().filter(|name| is_session_id(name)))?;
    Some(session.to_owned())
}

/// Returns the files that runs need. Snapshots of unfinished incidents contain what the user asked for. Runs
/// without a result may still be active, whoever supervises them and whatever happened to the incident since,
/// so their snapshots and outputs are needed too.
fn needed<'i>(incidents: impl Iterator<Item = &'i Incident>) -> BTreeSet<PathBuf> {
    let mut needed = BTreeSet::new();
    for incident in incidents {
        for run in incident.attempts.iter().filter_map(|attempt| attempt.run.as_deref()) {
            let open = run.result.is_none();
            if open || !incident.phase.is_over() {
                needed.insert(run.snapshot.clone());
            }
            if open {
                needed.insert(run.log.clone());
            }
        }
    }
    needed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Transport;
    use crate::recovery::incident::{
        Attempt, AttemptOutcome, Phase, Run, RunResult, StartedProcess, StopReport,
    };
    use crate::session::{Stop, StopKind};
    use chrono::DateTime;

    const NOW: i64 = 1_800_000_000;

    /// An incident with one finished run and one without a result.
    fn with_runs(phase: Phase) -> Incident {
        let at = DateTime::from_timestamp(NOW, 0).unwrap();
        let run = |name: &str, result: Option<RunResult>| Attempt {
            at,
            action: crate::recovery::incident::AttemptAction::Resume,
            answered: StopKind::Overloaded,
            outcome: AttemptOutcome::Pending,
            run: Some(Box::new(Run {
                nonce: name.into(),
                transport: Transport::Print,
                supervisor: StartedProcess { pid: 7, start: None },
                child: None,
                bytes_before: 0,
                sha256_before: String::new(),
                snapshot: format!("/{name}.jsonl").into(),
                log: format!("/{name}.log").into(),
                commit_before: None,
                deadline_seconds: None,
                taken_over: None,
                result,
            })),
        };
        let report = StopReport {
            session: "00000001-0000-4000-8000-000000000001".into(),
            project: None,
            config_dir: None,
            transcript: "/t.jsonl".into(),
            stop: Stop::of(StopKind::Overloaded),
            cwd: None,
            entrypoint: None,
            claude_pid: None,
            claude_start: None,
        };
        let attempts = vec![run("ended", Some(RunResult::default())), run("open", None)];
        Incident { phase, attempts, ..Incident::open(report, at) }
    }

    #[test]
    fn unfinished_runs_need_their_files_and_open_incidents_their_snapshots() {
        let names = |phase| {
            let needed = needed([&with_runs(phase)].into_iter());
            needed.iter().map(|path| path.to_string_lossy().into_owned()).collect::<Vec<_>>()
        };
        for phase in [Phase::Attempting, Phase::Held, Phase::GivenUp] {
            assert_eq!(names(phase), ["/ended.jsonl", "/open.jsonl", "/open.log"], "{phase:?}");
        }
        for phase in [Phase::Recovered, Phase::MovedOn] {
            assert_eq!(names(phase), ["/open.jsonl", "/open.log"], "{phase:?}");
        }
    }
}
