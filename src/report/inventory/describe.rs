//! Builds the session objects that reports print.

use super::liveness::is_ours;
use super::next::shown;
use super::{Inventory, InventoryRow};
use crate::claude::transcript::Transcript;
use crate::recovery::incident::{Incident, Phase};
use crate::recovery::plan::{Action, RecoveryPlan};
use crate::recovery::reason::{PlanReason, Reason};
use crate::report::resume::start_directory;
use crate::report::session::{Session, Subagents};
use crate::session::summary::started_at;
use crate::session::{Evidence, Source, StopKind};
use crate::threads::{PORTION, side_by_side};
use chrono::{DateTime, Utc};
use std::collections::HashMap;
use std::path::Path;

/// Maximum number of listed processes that outlived their client.
const MOST_LEFT: usize = 5;

/// Facts that a report reads from a session's files, beyond the end of its transcript.
struct SessionFileFacts {
    started_at: Option<DateTime<Utc>>,
    modified: Option<DateTime<Utc>>,
    subagents: Subagents,
}

impl SessionFileFacts {
    pub(super) fn of(row: &InventoryRow) -> Self {
        let transcript = Transcript::open(&row.found.path).ok();
        let beginning = transcript.as_ref().filter(|_| row.summary.started_at.is_none());
        Self {
            started_at: beginning.and_then(started_at),
            modified: transcript.as_ref().and_then(Transcript::modified).map(DateTime::from),
            subagents: Subagents::of(&row.found),
        }
    }
}

impl Inventory<'_> {
    /// Describes a session in full, including facts that cost more than reading the end of its transcript.
    #[must_use]
    pub fn report(&self, row: &InventoryRow) -> Session {
        let mut session = self.report_with(row, SessionFileFacts::of(row));
        self.add_left_running(&mut session);
        session
    }

    /// Describes several sessions in the order of `rows`, reading their files on several threads.
    pub fn reports<'r>(&'r self, rows: &'r [&'r InventoryRow]) -> impl Iterator<Item = Session> + 'r {
        self.reports_without_processes(rows).map(|mut session| {
            self.add_left_running(&mut session);
            session
        })
    }

    /// Like [`Self::reports`], without the programs that outlived their client. Finding those programs means
    /// reading the environment of every process, so a caller that discards most sessions adds them to the
    /// remaining ones with [`Self::add_left_running`].
    pub fn reports_without_processes<'r>(
        &'r self,
        rows: &'r [&'r InventoryRow],
    ) -> impl Iterator<Item = Session> + 'r {
        let files = side_by_side(rows, PORTION, || |row: &&InventoryRow| SessionFileFacts::of(row));
        rows.iter().zip(files).map(|(row, files)| self.report_with(row, files))
    }

    fn report_with(&self, row: &InventoryRow, files: SessionFileFacts) -> Session {
        let home = &self.homes[row.found.home];
        let owner = self.owner(&row.found);
        let verdict = self.verdict(row);
        let mut session = Session::of(row, home, self.owners_of(&row.found), verdict);
        let opened = self.opened(&row.found);
        if let Some(opened) = opened {
            session.transcript.clone_from(&opened.kept.transcript);
        }
        session.started_at = session.started_at.or(files.started_at);
        session.subagents = files.subagents;
        let most = self.ground.config.context.max_session_megabytes * 1_000_000.0;
        session.oversized = crate::text::as_fraction(session.bytes) > most;
        session.weigh(&self.ground.config.context, &self.windows);
        session.open_at_crash = self.open_at_crash(row);
        if let Some(owner) = owner {
            let table = self.table();
            session.add_processes(owner, table, self.ground.world.processes);
        } else {
            // Each write postpones the deletion, so the date of an open session is not meaningful yet.
            session.retention = self.retention(row, files.modified);
            session.deleted_after = session.retention.as_ref().map(|retention| retention.deleted_after);
        }
        self.add_next(&mut session, self.owners_of(&row.found));
        let (start, _) = start_directory(self.ground.world, self, row);
        if let Some(dir) = start.as_deref().map(Path::new).filter(|dir| !dir.is_dir())
            && session.live.is_none()
            && matches!(session.next.action, Action::Run | Action::Resume | Action::Notify)
        {
            let relocate = ["cc-session-recover", "relocate", &session.id].map(str::to_owned).to_vec();
            session.next = RecoveryPlan::new(Action::Resume, None, Reason::DirectoryGone(Some(dir)))
                .with_command(relocate);
        }
        session.add_commands(home, self.default_home(), self.is_in_force(row), start);
        if !self.owners_of(&row.found).elsewhere.is_empty() {
            // Another process may have it open.
            session.commands.resume = None;
            session.next.argv = None;
        }
        if session.stop.kind == StopKind::Empty && session.live.is_none() {
            // The client refuses to resume a session without a conversation.
            session.next.argv = None;
        }
        if let Some(plan) = self.continued_elsewhere(row).filter(|_| session.live.is_none()) {
            if plan.reason == PlanReason::PromptRepeated {
                // The supervisor will do the same at the planned time.
                let known = self.incidents.get(&session.id).filter(|one| one.transcript == row.found.path);
                session.incident =
                    known.map(|one| Incident { phase: Phase::Superseded, plan: plan.clone(), ..shown(one) });
            }
            session.commands.resume = None;
            session.next = plan;
        }
        if opened.is_some() {
            session.mark_deleted();
        }
        session.put_into_group();
        session
    }

    /// Adds the names of programs that the client of an interrupted session started and that are still
    /// running.
    pub fn add_left_running(&self, session: &mut Session) {
        let broken_off = matches!(session.stop.kind, StopKind::Closed | StopKind::Crashed);
        if session.live.is_some() || !broken_off || session.next.action == Action::None {
            return;
        }
        let left = self.left_running(&session.id);
        if !left.is_empty() {
            let names = left.join(", ");
            session.next.why = format!("{}; still running from it: {names}", session.next.why);
            let fact = format!("processes that it started are still running: {names}");
            session.evidence.push(Evidence::new(Source::Process, fact));
        }
    }

    /// Returns the programs that a client started for this session and that outlived it, identified by the
    /// session id in their environment.
    fn left_running(&self, session: &str) -> Vec<String> {
        let processes = self.ground.world.processes;
        let of_session = self.started_for().get(session).map_or(&[][..], Vec::as_slice);
        of_session
            .iter()
            .map(|index| &self.table()[*index])
            .filter(|process| !is_ours(&processes.command_line(process.pid)))
            .take(MOST_LEFT)
            .map(|process| format!("{} (process {})", process.name, process.pid))
            .collect()
    }

    /// Returns processes grouped by the session they were started for. Reads the environment of every process
    /// once, because a report asks for each of hundreds of closed sessions.
    fn started_for(&self) -> &HashMap<String, Vec<usize>> {
        const NAME: &str = "CLAUDE_CODE_SESSION_ID";
        self.started_for.get_or_init(|| {
            let mut by_session: HashMap<String, Vec<usize>> = HashMap::new();
            let keep = |name: &str| (name == NAME).then_some(true);
            for (index, process) in self.table().iter().enumerate() {
                let known = self.ground.world.processes.variables(process.pid, &keep);
                if let Some(session) = known.and_then(|mut known| known.remove(NAME).flatten()) {
                    by_session.entry(session).or_default().push(index);
                }
            }
            by_session
        })
    }

    /// Describes the session of an incident.
    #[must_use]
    pub fn report_of(&self, incident: &Incident) -> Session {
        let row = self.rows.iter().find(|row| row.found.is_at(&incident.transcript));
        row.map_or_else(|| self.report_lost(incident), |row| self.report(row))
    }

    /// Describes a session whose transcript is gone, from its incident alone.
    #[must_use]
    pub fn report_lost(&self, incident: &Incident) -> Session {
        let owners = self.owners.of_session(&incident.session);
        let mut session = Session::of_incident(incident, &owners);
        self.add_next(&mut session, &owners);
        session.put_into_group();
        session
    }
}
