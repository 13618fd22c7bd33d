//! Determines whether a session is open, working or hung, and whether it was open when its client or the
//! machine crashed.

use super::{CLOCK_SKEW, Inventory, InventoryRow, RECENT};
use crate::claude::glance::{glance, kind_of, text_after};
use crate::claude::process::below;
use crate::claude::record::Body;
use crate::claude::transcript::{Backwards, Transcript};
use crate::clock::{from_epoch_millis, parse_rfc3339};
use crate::project::runtime::{ADDON, PROGRAM, SUPERVISE};
use crate::report::session::Subagents;
use crate::session::ending::Liveness;
use crate::session::owners::{OwnerProcess, Owners, SessionOwners};
use crate::session::scan::Found;
use crate::session::state::{Died, OpenAtCrash, Signs, State, Verdict, with_owners, without_owner};
use crate::session::{Evidence, Source, StopKind};
use chrono::{DateTime, Duration, Utc};
use compact_str::CompactString;
use std::collections::BTreeSet;
use std::path::Path;

/// Interval between two samples of the processor time of a client that may be hung.
const SAMPLE: std::time::Duration = std::time::Duration::from_millis(100);

/// Maximum number of messages of a turn that are searched for open calls.
const MOST_MESSAGES: usize = 400;

/// Maximum time by which a tool's process may be older than the record of its call.
const CALL_SLACK: Duration = Duration::seconds(2);

/// Returns whether a session is live, which decides how its end is interpreted.
pub(super) fn liveness<'a>(owners: &'a Owners, own: Option<&str>, found: &Found) -> Liveness<'a> {
    let owners = owners.of(found);
    match owners.first() {
        Some(owner) => Liveness::Live(owner.status.as_deref()),
        // This command runs below that client, so the session is open even if the process cannot be inspected.
        None if own == Some(found.id()) => Liveness::Live(None),
        None if !owners.elsewhere.is_empty() => Liveness::Unknown,
        None => Liveness::Gone,
    }
}

/// Returns whether a command line belongs to this tool. Its hook waits below the client for days, and a
/// supervisor that the hook started outlives the client. Neither is a tool of the session.
pub(super) fn is_ours(command_line: &[String]) -> bool {
    let native = command_line.first().is_some_and(|program| Path::new(program).ends_with(PROGRAM))
        && command_line.get(1).is_some_and(|verb| verb == SUPERVISE);
    let launched = |word: &String| word.contains("cc-session-recover/hook.js") || word.ends_with(ADDON);
    native || command_line.iter().any(launched)
}

/// Returns the oldest call of the current turn without a result, and when it was made. Calls run in parallel,
/// so the result of one says nothing about the others.
fn open_call(path: &Path) -> Option<(DateTime<Utc>, CompactString)> {
    let transcript = Transcript::open(path).ok()?;
    let mut lines = Backwards::default();
    lines.begin(transcript.bytes());
    let mut answered = BTreeSet::new();
    let mut open = None;
    let mut left = MOST_MESSAGES;
    while let Some((offset, line)) = lines.next(transcript.file()) {
        if !kind_of(line).may_be_said() {
            continue;
        }
        left -= 1;
        for record in glance(offset, line).rev().filter(|record| !record.head.sidechain) {
            match &record.body {
                Body::User(user) if user.begins_turn() => return open,
                Body::User(user) => answered.extend(user.results.iter().map(|result| result.id.clone())),
                Body::Assistant(answer) => {
                    let calls = answer.calls.iter().rev().filter(|call| !answered.contains(&call.id));
                    for call in calls {
                        open = record.head.at.map(|at| (at, call.name.clone())).or(open);
                    }
                }
                _ => {}
            }
        }
        if left == 0 {
            return open;
        }
    }
    open
}

/// Returns the number of requests logged since the newest message, and the time of the newest one.
fn requests_since(path: &Path) -> (usize, Option<DateTime<Utc>>) {
    let Ok(transcript) = Transcript::open(path) else { return (0, None) };
    let mut lines = Backwards::default();
    lines.begin(transcript.bytes());
    let mut count = 0;
    let mut newest = None;
    while let Some((_, line)) = lines.next(transcript.file()) {
        if line.starts_with(b"{\"type\":\"api-request\",") {
            count += 1;
            if newest.is_none() {
                let text = text_after(line, b"\"timestamp\":\"");
                newest = text.and_then(|text| parse_rfc3339(std::str::from_utf8(text).ok()?));
            }
        } else if kind_of(line).may_be_said() {
            break;
        }
    }
    (count, newest)
}

impl Inventory<'_> {
    /// Returns whether a session is live, which decides how its end is interpreted.
    #[must_use]
    pub fn liveness(&self, row: &InventoryRow) -> Liveness<'_> {
        liveness(&self.owners, self.ground.world.env.text("CLAUDE_CODE_SESSION_ID"), &row.found)
    }

    /// Returns every process that has or may have a session open.
    #[must_use]
    pub fn owners_of(&self, found: &Found) -> &SessionOwners {
        self.owners.of(found)
    }

    /// Returns the live client of a session; if there are several, the one that is working.
    #[must_use]
    pub fn owner(&self, found: &Found) -> Option<&OwnerProcess> {
        self.owners.of(found).first()
    }

    /// Returns whether the session is open and active. This is determined once per report, because a second
    /// check could yield a different result.
    #[must_use]
    pub fn verdict(&self, row: &InventoryRow) -> Verdict {
        if let Some(known) = self.verdicts.borrow().get(&row.found.path) {
            return known.clone();
        }
        let verdict = self.judge(row);
        self.verdicts.borrow_mut().insert(row.found.path.clone(), verdict.clone());
        verdict
    }

    fn judge(&self, row: &InventoryRow) -> Verdict {
        let stop = &row.summary.stop;
        let own = self.ground.world.env.text("CLAUDE_CODE_SESSION_ID") == Some(row.found.id())
            && !row.found.is_conflict_copy();
        let Some(owner) = self.owner(&row.found) else {
            let mut verdict = without_owner(stop);
            if own {
                verdict.state = State::Current;
                let fact = "this command runs within it (CLAUDE_CODE_SESSION_ID)";
                verdict.evidence = vec![Evidence::new(Source::Process, fact)];
                return verdict;
            }
            let elsewhere = !self.owners_of(&row.found).elsewhere.is_empty();
            if elsewhere {
                let fact = "a client in another process-id namespace (a container) may have it open, which cannot be checked from here";
                verdict.evidence.push(Evidence::new(Source::Registry, fact));
            }
            return verdict;
        };
        let signs = self.signs(row, owner);
        with_owners(
            owner,
            self.owners_of(&row.found),
            stop,
            own,
            Some(&signs),
            self.ground.config.hung_after(),
        )
    }

    /// Collects signs of activity of a live client. Takes expensive samples only if the client may be hung.
    fn signs(&self, row: &InventoryRow, owner: &OwnerProcess) -> Signs {
        use crate::claude::process::Reception;
        let now = self.clock().now();
        let own = self.table().iter().find(|process| process.pid == owner.pid);
        let mut signs = Signs {
            quiet: None,
            stopped: own.is_some_and(|process| process.stopped),
            tools: Vec::new(),
            open_call: None,
            reception: Reception::Unknown,
            requests: 0,
            since_request: None,
            cpu_percent: None,
        };
        if crate::session::state::activity(owner, row.summary.stop.kind)
            != crate::session::state::Activity::Busy
        {
            return signs;
        }
        let message = row.summary.stop.at;
        let subagent = Subagents::newest_message(&row.found);
        let times = [message, subagent, owner.status_since].into_iter().flatten();
        let newest = times.filter(|at| *at <= now + CLOCK_SKEW).max();
        signs.quiet = newest.and_then(|at| (now - at.min(now)).to_std().ok());
        if signs.quiet.is_none_or(|quiet| quiet < self.ground.config.hung_after()) {
            return signs;
        }
        let call = open_call(&row.found.path);
        let since = call.as_ref().map(|(at, _)| *at).or(message).map(|at| at - CALL_SLACK);
        signs.open_call = call.map(|(_, name)| name.into());
        signs.tools = below(self.table(), owner.pid)
            .into_iter()
            .filter(|child| match (child.started_at, since) {
                (Some(started), Some(since)) => started >= since,
                _ => true,
            })
            .filter(|child| !is_ours(&self.ground.world.processes.command_line(child.pid)))
            .map(|child| child.name.clone())
            .collect();
        let (requests, newest) = requests_since(&row.found.path);
        signs.requests = requests;
        signs.since_request = newest.and_then(|at| (now - at).to_std().ok());
        if !signs.stopped && signs.tools.is_empty() {
            signs.reception = self.ground.world.processes.reception(owner.pid);
            signs.cpu_percent = self.cpu_percent(owner.pid);
        }
        signs
    }

    fn cpu_percent(&self, pid: u32) -> Option<f64> {
        let used = || {
            let table = self.ground.world.processes.table();
            table.into_iter().find(|process| process.pid == pid).map(|process| process.cpu)
        };
        let began = self.clock().since_boot();
        let before = used()?;
        self.clock().sleep(SAMPLE);
        let used = used()?.saturating_sub(before);
        let elapsed = self.clock().since_boot().saturating_sub(began);
        (!elapsed.is_zero()).then(|| 100.0 * used.as_secs_f64() / elapsed.as_secs_f64())
    }

    /// Returns whether the session was open when its client or the machine died, and has
    /// not been opened since.
    #[must_use]
    pub fn open_at_crash(&self, row: &InventoryRow) -> Option<OpenAtCrash> {
        let own = self.ground.world.env.text("CLAUDE_CODE_SESSION_ID") == Some(row.found.id());
        if own
            || row.summary.continued_in.is_some()
            || self.owner(&row.found).is_some()
            || !self.owners_of(&row.found).elsewhere.is_empty()
        {
            return None;
        }
        let booted = *self.booted_at.get_or_init(|| self.ground.world.processes.booted_at());
        let summary = &row.summary;
        let mut evidence = Vec::new();
        let newest = self.owners_of(&row.found).left.iter().max_by_key(|record| record.started_at);
        let started = newest.and_then(|record| record.started_at).and_then(from_epoch_millis);
        if let Some(record) = newest {
            // A graceful exit removes the record; a record older than that exit belongs to an earlier client.
            let reopened = || {
                let modified = std::fs::metadata(&row.found.path).ok()?.modified().ok()?;
                Some(started? > DateTime::<Utc>::from(modified))
            };
            if summary.graceful && reopened() != Some(true) {
                return None;
            }
            evidence.push(Evidence::new(
                Source::Registry,
                format!("the record of process {} remains, but the process has ended", record.pid),
            ));
        } else if summary.stop.kind == StopKind::Crashed {
            let recent = self.active_at(row).is_some_and(|at| self.taken_at - at < RECENT);
            if !recent {
                return None;
            }
            evidence.push(Evidence::new(
                Source::Transcript,
                "it ends in the middle of a turn, and nothing records a graceful exit",
            ));
        } else {
            return None;
        }
        let heard = [self.active_at(row), started].into_iter().flatten().max();
        if heard.is_none_or(|heard| self.taken_at - heard > RECENT) {
            return None;
        }
        let died = match (booted, heard) {
            (Some(booted), Some(heard)) if heard < booted => {
                evidence.push(Evidence::new(Source::Clock, "the machine has been restarted since"));
                Died::Machine
            }
            _ => Died::Client,
        };
        Some(OpenAtCrash { died, at: heard, evidence })
    }
}

#[cfg(test)]
mod tests {
    use super::is_ours;

    #[test]
    fn a_waiting_hook_and_a_supervisor_are_ours_and_a_tool_that_names_them_is_not() {
        let program = "/home/u/.local/state/cc-session-recover/runtime/0.1.0-0a1b2c3d4e5f/cc-session-recover";
        let cases: [(&[&str], bool); 7] = [
            (&["node", "/p/.claude/cc-session-recover/hook.js"], true),
            (&[program, "wait", "project", "/p/.claude/cc-session-recover/hook.js"], true),
            (&["node", "-e", "x", "/s/runtime/0.1.0-0a1b2c3d4e5f/addon.node"], true),
            (&[program, "supervise"], true),
            (&["man", program, "supervise"], false),
            (&["/usr/bin/not-cc-session-recover", "supervise"], false),
            (&[program], false),
        ];
        for (line, expected) in cases {
            let words: Vec<String> = line.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(is_ours(&words), expected, "{line:?}");
        }
    }
}
