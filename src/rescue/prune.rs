//! Pruning: exports, snapshots, pages and outputs of runs of ours that are old, many or large are deleted, and records of sessions
//! that are old, or whose transcript is gone; all of it after it was shown.
//!
//! Only what this tool made, and knows by its name, in its own directories of the state: nothing of Claude Code's own, no export
//! that was put elsewhere, nothing behind a link. Of every session the newest export, snapshot, page and output stay, unless a
//! person asks otherwise; what a run that has not ended was started from and writes stays too, and every page and record of a
//! session that is open or to which something is owed. What cannot be read does not count as over: what may depend on it stays.

use super::export::{is_left_over, session_of};
use super::reading::publish;
use crate::claude::home::{ClaudeHome, is_session_id};
use crate::claude::process::Processes;
use crate::clock::Clock;
use crate::config::Retention;
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::lossy;
use crate::keep::{KeptEntry, kept_of, kept_register, pack, remove_kept};
use crate::problem::Problem;
use crate::recovery::incident::Incident;
use crate::report::inventory::{Ground, Inventory};
use crate::session::files::entries;
use crate::session::scan::Found;
use crate::session::stop::{time, time_or_null};
use crate::store::lock::Lock;
use crate::store::replace::sync_dir;
use crate::store::stored::peek;
use crate::store::{StateDir, journal};
use crate::trust::registration::Registration;
use crate::world::World;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Name and version of this object's form.
const SCHEMA: &str = "cc-session-recover/prune@1";
/// Of every session so many stay, however old.
const KEEP: usize = 1;
/// Ending of a snapshot, and of the hash beside it.
const SNAPSHOT: &str = ".jsonl";
const NOTED: &str = ".sha256";
/// Ending of a run's output.
const OUTPUT: &str = ".log";
/// A half-written snapshot of a process that is gone.
const PART: &str = ".part";
/// A session without a transcript may have been started just now: so long its record stays.
const FRESH: TimeDelta = TimeDelta::days(1);

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct PruneOptions {
    /// Exports older than so many days; by the configuration when missing.
    pub exports_days: Option<f64>,
    /// Snapshots older than so many days.
    pub snapshots_days: Option<f64>,
    /// Pages older than so many days.
    pub pages_days: Option<f64>,
    /// Outputs of runs older than so many days.
    pub outputs_days: Option<f64>,
    /// Records of sessions in which nothing was noted for so many days.
    pub records_days: Option<f64>,
    /// Kept sessions that Claude Code deleted, so many days after they were last worked in.
    pub kept_days: Option<f64>,
    /// Kept sessions that Claude Code deleted take at most so many bytes together.
    pub kept_max_total: Option<u64>,
    /// Of every session so many of each stay in any case.
    pub keep: Option<usize>,
    /// Of every session at most so many of each.
    pub most: Option<usize>,
    /// All together at most so many bytes: the oldest go first.
    pub max_bytes: Option<u64>,
    /// Only these paths, of those that may go: what a person was shown.
    pub only: Option<Vec<PathBuf>>,
    pub dry_run: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Export,
    /// A snapshot of a transcript.
    Snapshot,
    /// A page for people.
    Page,
    /// What a run wrote on its outputs.
    Output,
    /// The small files in which things are noted about a session.
    Record,
    /// The kept files of a session that Claude Code deleted.
    Kept,
    /// What an export, snapshot or page that was killed has left.
    Leftover,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pruned {
    pub kind: Kind,
    pub session: String,
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// When it was made.
    #[serde(serialize_with = "time_or_null")]
    pub made_at: Option<DateTime<Utc>>,
    pub bytes: u64,
    pub why: String,
}

/// The rules in force.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rules {
    /// Days for which exports are kept.
    pub exports_days: f64,
    /// Days for which snapshots are kept.
    pub snapshots_days: f64,
    /// Days for which pages are kept.
    pub pages_days: f64,
    /// Days for which outputs of runs are kept.
    pub outputs_days: f64,
    /// Days for which records of sessions are kept.
    pub records_days: f64,
    /// Days for which sessions that Claude Code deleted are kept.
    pub kept_days: f64,
    /// Bytes that sessions which Claude Code deleted may take together.
    pub kept_max_total: u64,
    /// Of every session so many of each stay in any case.
    pub keep: usize,
    /// Of every session at most so many of each.
    pub most: Option<usize>,
    /// All together at most so many bytes.
    pub max_bytes: Option<u64>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PruneReport {
    pub schema: &'static str,
    #[serde(serialize_with = "time")]
    pub generated_at: DateTime<Utc>,
    pub dry_run: bool,
    pub rules: Rules,
    /// What goes, or with `dryRun` would go.
    pub removed: Vec<Pruned>,
    pub removed_bytes: u64,
    pub kept: usize,
    pub kept_bytes: u64,
    /// Bytes of deleted sessions that were compressed before the rules were applied, and bytes that they take since.
    pub packed: PackedBytes,
    /// What could not be looked at or deleted.
    pub problems: Vec<Problem>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PackedBytes {
    pub files: usize,
    pub before: u64,
    pub after: u64,
}

/// Deletes what the rules let go, or with `dry_run` tells it.
///
/// # Errors
/// [`Code::ConfigInvalid`] for a configuration that is none; [`Code::PathRefused`] when one of the directories is a link;
/// [`Code::Io`] when one cannot be read.
pub fn prune(outside: World<'_>, options: &PruneOptions) -> Result<PruneReport> {
    let mut ground = Ground::read(outside, None)?;
    // What a person wanted to be kept is then not known.
    if let Some(problem) = ground.problem.take() {
        return Err(Error { hint: Some("mend the configuration; nothing was deleted".into()), ..problem });
    }
    let rules = rules(&ground.config.retention, options)?;
    let now = outside.clock.now();
    let mut inventory = Inventory::open(&ground);
    let mut problems = Vec::new();
    let mut packed = PackedBytes::default();
    if !options.dry_run {
        let done = pack(&ground.state, outside.clock, u64::MAX);
        packed = PackedBytes { files: done.files, before: done.bytes, after: done.stored };
        problems.extend(done.failures.into_iter().map(Problem::from));
    }
    let mut found = exports(&ground.state, &mut problems)?;
    found.extend(snapshots(&ground.state, &mut problems)?);
    found.extend(outputs(&ground.state, &mut problems)?);
    found.extend(pages(&ground.state)?);
    let records = records(&ground.state, &mut inventory.problems)?;
    let wanted = Wanted::of(&mut inventory, &ground.state, &records, outside.processes);
    problems.extend(inventory.problems.into_iter().map(Problem::from));
    found.extend(records.into_iter().map(|record| record.thing));
    let (mut removed, mut kept) = sorted_out(found, &rules, now, &wanted);
    let mut unread = Vec::new();
    let (expired, stay) =
        kept_sessions_out(gone_sessions(&ground.state, &mut unread), &rules, now, &wanted.sessions);
    problems.extend(unread.into_iter().map(Problem::from));
    removed.extend(expired);
    kept.extend(stay);
    if let Some(only) = &options.only {
        removed.retain(|one| only.contains(&one.path));
    }
    if !options.dry_run {
        removed.retain(|one| match delete(&ground.state, one) {
            Ok(()) => true,
            Err(error) => {
                problems.push(error.into());
                false
            }
        });
        if !removed.is_empty() {
            let paths: Vec<&PathBuf> = removed.iter().map(|one| &one.path).collect();
            let bytes: u64 = removed.iter().map(|one| one.bytes).sum();
            let fields = json!({"count": paths.len(), "bytes": bytes, "paths": paths});
            journal::append(&ground.state, outside.clock, "pruned", fields);
        }
    }
    Ok(PruneReport {
        schema: SCHEMA,
        generated_at: now,
        dry_run: options.dry_run,
        rules,
        removed_bytes: removed.iter().map(|one| one.bytes).sum(),
        removed,
        packed,
        kept: kept.len(),
        kept_bytes: kept.iter().map(|one| one.bytes).sum(),
        problems,
    })
}

fn rules(retention: &Retention, options: &PruneOptions) -> Result<Rules> {
    let days = |given: Option<f64>, configured: f64| {
        let days = given.unwrap_or(configured);
        if days.is_finite() && days >= 0.0 {
            Ok(days)
        } else {
            Err(Error::new(Code::Usage, "a number of days is negative or none"))
        }
    };
    Ok(Rules {
        exports_days: days(options.exports_days, retention.exports_days)?,
        snapshots_days: days(options.snapshots_days, retention.snapshots_days)?,
        pages_days: days(options.pages_days, retention.pages_days)?,
        outputs_days: days(options.outputs_days, retention.outputs_days)?,
        records_days: days(options.records_days, retention.records_days)?,
        kept_days: days(options.kept_days, retention.kept_days)?,
        kept_max_total: options.kept_max_total.unwrap_or(retention.kept_max_total),
        keep: options.keep.unwrap_or(KEEP),
        most: options.most,
        max_bytes: options.max_bytes,
    })
}

impl Rules {
    const fn days(&self, kind: Kind) -> f64 {
        match kind {
            Kind::Export => self.exports_days,
            Kind::Page => self.pages_days,
            Kind::Output => self.outputs_days,
            Kind::Record => self.records_days,
            Kind::Kept => self.kept_days,
            Kind::Snapshot | Kind::Leftover => self.snapshots_days,
        }
    }
}

/// Something that was found.
#[derive(Debug, Clone)]
struct Thing {
    kind: Kind,
    session: String,
    path: PathBuf,
    made_at: Option<DateTime<Utc>>,
    bytes: u64,
}

/// What is still wanted, whatever the rules say.
#[derive(Debug, Default)]
struct Wanted {
    /// Snapshots and outputs that are needed for runs.
    runs: BTreeSet<PathBuf>,
    /// Sessions that are open, or to which something is owed.
    sessions: BTreeSet<String>,
    /// Sessions of which cannot be read whether something is owed to them.
    unread: BTreeSet<String>,
    /// What could not be read may be about any session.
    any_unread: bool,
    /// Sessions without a transcript whose record tells what was said.
    unsaved: BTreeSet<String>,
    /// Sessions whose transcript is gone and of which nothing else tells what was said: their records are of no use.
    gone: BTreeSet<String>,
}

impl Wanted {
    /// Every problem of the inventory counts, and says afterwards what stays because of it.
    fn of(
        inventory: &mut Inventory<'_>,
        state: &StateDir,
        records: &[Record],
        processes: &dyn Processes,
    ) -> Self {
        let found = inventory.find(None);
        let table = processes.table();
        inventory.owners.add_unregistered(&inventory.homes, &found, &table, processes);
        let held = inventory.owners.open_sessions().map(str::to_owned);
        let owed = inventory.incidents.values().filter(|incident| !incident.phase.is_over());
        let mut wanted = Self {
            runs: needed(inventory.incidents.values()),
            sessions: held.chain(owed.map(|incident| incident.session.clone())).collect(),
            ..Self::default()
        };
        let known: BTreeSet<&str> = found.iter().map(Found::id).collect();
        let all_listed =
            !inventory.homes.is_empty() && inventory.homes.iter().all(|home| is_listed(&home.projects()));
        for Record { thing, registration, shadow } in records {
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
            // Only whether it can be listed.
            drop(entries(&dir, &mut inventory.problems));
        }
        for problem in &mut inventory.problems {
            let about = problem.path.as_deref().and_then(|path| session_in(state, path));
            let stays = if let Some(session) = about {
                wanted.unread.insert(session);
                "pages, snapshots, outputs and the record of its session stay"
            } else {
                wanted.any_unread = true;
                "pages, snapshots, outputs and records stay as long as it cannot be read"
            };
            problem.hint.get_or_insert_with(|| stays.to_owned());
        }
        wanted
    }

    /// Whether something stays in any case.
    fn holds(&self, thing: &Thing) -> bool {
        let unread = self.any_unread || self.unread.contains(&thing.session);
        match thing.kind {
            Kind::Snapshot | Kind::Output => unread || self.runs.contains(&thing.path),
            Kind::Page => unread || self.sessions.contains(&thing.session),
            Kind::Record => {
                unread || self.sessions.contains(&thing.session) || self.unsaved.contains(&thing.session)
            }
            Kind::Export | Kind::Leftover | Kind::Kept => false,
        }
    }
}

/// Whether a directory of transcripts shows what is in it. An empty one may be where nothing is mounted.
fn is_listed(dir: &Path) -> bool {
    std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some_and(|entry| entry.is_ok()))
}

/// The session that a file of the state is about, by its path.
fn session_in(state: &StateDir, path: &Path) -> Option<String> {
    let mut parts = path.strip_prefix(state.root()).ok()?.iter().filter_map(std::ffi::OsStr::to_str);
    let session = parts.find_map(|part| part.split('.').next().filter(|name| is_session_id(name)))?;
    Some(session.to_owned())
}

/// What goes and what stays, in this order: left over; of no use; too old; too many; too large together.
fn sorted_out(
    mut found: Vec<Thing>,
    rules: &Rules,
    now: DateTime<Utc>,
    wanted: &Wanted,
) -> (Vec<Pruned>, Vec<Thing>) {
    // The newest first. What has no time is taken for new.
    found.sort_by(|one, other| {
        let key = |thing: &Thing| (thing.made_at.is_none(), thing.made_at);
        key(other).cmp(&key(one)).then_with(|| other.path.cmp(&one.path))
    });
    let mut seen: BTreeMap<(Kind, String), usize> = BTreeMap::new();
    let mut removed = Vec::new();
    // With whether it may not go, however large all are together.
    let mut kept: Vec<(Thing, bool)> = Vec::new();
    for thing in found {
        if thing.kind == Kind::Leftover {
            removed.push(thing.goes("was never finished"));
            continue;
        }
        let record = thing.kind == Kind::Record;
        let before = seen.entry((thing.kind, thing.session.clone())).or_default();
        *before += 1;
        // A session has one record, and its newest copy tells nothing that is not in it.
        let held = !record && *before <= rules.keep || wanted.holds(&thing);
        let days = rules.days(thing.kind);
        let old = thing.made_at.is_some_and(|at| older(at, now, days));
        let fresh = thing.made_at.is_none_or(|at| at > now - FRESH);
        if !held && record && !fresh && wanted.gone.contains(&thing.session) {
            removed.push(thing.goes("its transcript is gone"));
        } else if !held && old {
            removed.push(thing.goes(&format!("is older than {days} days")));
        } else if !held && !record && rules.most.is_some_and(|most| *before > most) {
            removed.push(thing.goes("there are more of this session"));
        } else {
            // Records are small: they make no room.
            kept.push((thing, held || record));
        }
    }
    if let Some(most) = rules.max_bytes {
        let counted = kept.iter().filter(|(thing, _)| thing.kind != Kind::Record);
        let mut total: u64 = counted.map(|(thing, _)| thing.bytes).sum();
        // The oldest are last.
        for at in (0..kept.len()).rev() {
            if total <= most {
                break;
            }
            if !kept[at].1 {
                let (thing, _) = kept.remove(at);
                total -= thing.bytes;
                removed.push(thing.goes("all together take too much room"));
            }
        }
    }
    (removed, kept.into_iter().map(|(thing, _)| thing).collect())
}

fn older(at: DateTime<Utc>, now: DateTime<Utc>, days: f64) -> bool {
    #[expect(clippy::cast_possible_truncation, reason = "a length of time in seconds")]
    let length = TimeDelta::try_seconds((days * 86_400.0) as i64);
    length.and_then(|length| now.checked_sub_signed(length)).is_some_and(|limit| at < limit)
}

impl Thing {
    fn goes(self, why: &str) -> Pruned {
        Pruned {
            kind: self.kind,
            session: self.session,
            path: self.path,
            made_at: self.made_at,
            bytes: self.bytes,
            why: why.to_owned(),
        }
    }
}

/// The snapshots of incidents that are not over, from which is read what a person asked for; and what runs without a result were
/// started from and write: they may be under way, whoever looks after them, and whatever became of the incident since.
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

/// Entries of a directory of ours, each with its name; refused when it is a link.
fn listed(dir: &Path) -> Result<Vec<(String, PathBuf, std::fs::Metadata)>> {
    match std::fs::symlink_metadata(dir) {
        Ok(meta) if meta.is_dir() => {}
        Ok(_) => {
            return Err(Error::new(
                Code::PathRefused,
                "is no directory of ours: nothing behind a link is deleted",
            )
            .at(dir)
            .hint("look there yourself"));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("read", dir, &error)),
    }
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(dir).doing("read the directory", dir)? {
        let entry = entry.doing("read the directory", dir)?;
        let path = entry.path();
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
        let Ok(meta) = std::fs::symlink_metadata(&path) else { continue };
        entries.push((name, path, meta));
    }
    Ok(entries)
}

fn exports(state: &StateDir, problems: &mut Vec<Problem>) -> Result<Vec<Thing>> {
    let mut found = Vec::new();
    for (name, path, meta) in listed(&state.exports())? {
        if meta.file_type().is_symlink() {
            continue;
        }
        let left_over = is_left_over(&name);
        let own = name.trim_start_matches('.');
        let session = if left_over {
            own.split_once('.').and_then(|(own, _)| session_of(own))
        } else {
            session_of(&name)
        };
        let Some(session) = session.map(str::to_owned) else { continue };
        let kind = if left_over { Kind::Leftover } else { Kind::Export };
        let bytes = size(&path, &meta, problems);
        let made_at = named_time(own).or_else(|| meta.modified().ok().map(DateTime::from));
        found.push(Thing { kind, session, path, made_at, bytes });
    }
    Ok(found)
}

/// The time in the name of an export.
fn named_time(name: &str) -> Option<DateTime<Utc>> {
    let text = name.get(..16)?;
    chrono::NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%SZ").ok().map(|at| at.and_utc())
}

fn snapshots(state: &StateDir, problems: &mut Vec<Problem>) -> Result<Vec<Thing>> {
    by_session(&state.all_snapshots(), problems, |name| {
        if name.ends_with(SNAPSHOT) {
            Some(Kind::Snapshot)
        } else {
            let left = pid_of_part(name).is_some_and(|pid| !crate::program::process_exists(pid));
            left.then_some(Kind::Leftover)
        }
    })
}

/// Kept sessions that Claude Code deleted: the kept files are the only ones.
fn gone_sessions(state: &StateDir, problems: &mut Vec<Error>) -> Vec<Thing> {
    let gone = kept_register(state, problems).into_iter().filter(KeptEntry::is_gone);
    gone.map(|kept| Thing {
        kind: Kind::Kept,
        path: state.kept(&kept.session),
        made_at: Some(kept.updated_at),
        bytes: kept.own_bytes,
        session: kept.session,
    })
    .collect()
}

/// Which of the deleted sessions that are kept go: those that are too old, then the oldest until the others have room. A session that
/// is open or has unfinished work stays.
fn kept_sessions_out(
    mut found: Vec<Thing>,
    rules: &Rules,
    now: DateTime<Utc>,
    wanted: &BTreeSet<String>,
) -> (Vec<Pruned>, Vec<Thing>) {
    found.sort_by(|one, other| (one.made_at, &one.session).cmp(&(other.made_at, &other.session)));
    let mut total: u64 = found.iter().map(|thing| thing.bytes).sum();
    let (mut removed, mut stay) = (Vec::new(), Vec::new());
    for thing in found {
        let old = thing.made_at.is_some_and(|at| older(at, now, rules.kept_days));
        let why = match (old, total > rules.kept_max_total) {
            _ if wanted.contains(&thing.session) => None,
            (true, _) => Some(format!("is older than {} days", rules.kept_days)),
            (false, true) => Some("deleted sessions take more room than retention.keptMaxTotal".to_owned()),
            (false, false) => None,
        };
        if let Some(why) = why {
            total -= thing.bytes;
            removed.push(thing.goes(&why));
        } else {
            stay.push(thing);
        }
    }
    (removed, stay)
}

/// Packs what Claude Code deleted, about `most` bytes, and removes deleted sessions by age and size; what failed. A pass of the
/// supervisor.
#[must_use]
pub fn tend_kept(state: &StateDir, clock: &dyn Clock, retention: &Retention, most: u64) -> Vec<Error> {
    let mut packed = pack(state, clock, most);
    let Ok(rules) = rules(retention, &PruneOptions::default()) else { return packed.failures };
    // A session that may be open has no transcript yet, or has lost it: what is kept of it stays.
    let wanted = BTreeSet::new();
    let found = gone_sessions(state, &mut packed.failures);
    // What was packed only in part takes more room than it will.
    let rules = if packed.more { Rules { kept_max_total: u64::MAX, ..rules } } else { rules };
    for one in kept_sessions_out(found, &rules, clock.now(), &wanted).0 {
        match delete(state, &one) {
            Ok(()) => {
                let fields = json!({"session": one.session, "bytes": one.bytes, "why": one.why});
                journal::append(state, clock, "kept-removed", fields);
            }
            Err(error) => packed.failures.push(error),
        }
    }
    packed.failures
}

fn outputs(state: &StateDir, problems: &mut Vec<Problem>) -> Result<Vec<Thing>> {
    by_session(&state.all_runs(), problems, |name| name.ends_with(OUTPUT).then_some(Kind::Output))
}

/// Files in directories that are called after sessions.
fn by_session(
    dir: &Path,
    problems: &mut Vec<Problem>,
    kind_of: impl Fn(&str) -> Option<Kind>,
) -> Result<Vec<Thing>> {
    let mut found = Vec::new();
    for (session, dir, meta) in listed(dir)? {
        if !meta.is_dir() || !is_session_id(&session) {
            continue;
        }
        let entries = match listed(&dir) {
            Ok(entries) => entries,
            Err(error) => {
                problems.push(error.into());
                continue;
            }
        };
        for (name, path, meta) in entries.into_iter().filter(|(.., meta)| meta.is_file()) {
            let Some(kind) = kind_of(&name) else { continue };
            let made_at = meta.modified().ok().map(DateTime::from);
            found.push(Thing { kind, session: session.clone(), path, made_at, bytes: meta.len() });
        }
    }
    Ok(found)
}

fn pages(state: &StateDir) -> Result<Vec<Thing>> {
    let mut found = Vec::new();
    for (name, path, meta) in listed(&state.pages())?.into_iter().filter(|(.., meta)| meta.is_file()) {
        let (kind, session) = match publish::left_over(&name) {
            Some(session) => (Kind::Leftover, session),
            None => match publish::session_of(&name) {
                Some(session) => (Kind::Page, session),
                None => continue,
            },
        };
        let session = session.to_owned();
        let made_at = named_time(name.trim_start_matches('.'));
        found.push(Thing { kind, session, path, made_at, bytes: meta.len() });
    }
    Ok(found)
}

/// What was noted about a session.
struct Record {
    thing: Thing,
    /// How it was started.
    registration: Option<Registration>,
    /// What was said is in it, because Claude Code did not save it.
    shadow: bool,
}

/// The files that are a record. What a person wrote into a note, which is kept beside them, is none.
fn record_files(state: &StateDir, session: &str) -> [PathBuf; 5] {
    [
        state.given(session),
        state.context(session),
        state.saving(session),
        state.shadow(session),
        state.session(session),
    ]
}

/// Size of a record, and when something was noted in it last; `None` when there is none.
fn record_size(state: &StateDir, session: &str) -> Option<(u64, Option<DateTime<Utc>>)> {
    let files = record_files(state, session);
    let metas = files
        .iter()
        .filter_map(|path| std::fs::symlink_metadata(path).ok().filter(std::fs::Metadata::is_file));
    let sizes: Vec<(u64, Option<DateTime<Utc>>)> =
        metas.map(|meta| (meta.len(), meta.modified().ok().map(DateTime::from))).collect();
    let newest = sizes.iter().map(|(_, at)| *at).max()?;
    Some((sizes.iter().map(|(bytes, _)| bytes).sum(), newest))
}

fn records(state: &StateDir, problems: &mut Vec<Error>) -> Result<Vec<Record>> {
    let mut found = Vec::new();
    for (session, path, meta) in listed(&state.sessions())? {
        if !meta.is_dir() || !is_session_id(&session) {
            continue;
        }
        let Some((bytes, made_at)) = record_size(state, &session) else { continue };
        let registered = state.session(&session);
        let registration = match peek::<Registration>(&registered) {
            Ok(registration) => registration,
            // What a newer version noted is not judged by this one, nor what cannot be read.
            Err(error) if error.code == Code::StateNewer || std::fs::read(&registered).is_err() => {
                problems.push(error);
                continue;
            }
            Err(_) => None,
        };
        let shadow = state.shadow(&session).try_exists().unwrap_or(true);
        let thing = Thing { kind: Kind::Record, session, path, made_at, bytes };
        found.push(Record { thing, registration, shadow });
    }
    Ok(found)
}

/// The process that began a snapshot it did not finish: `<name>.<pid>.part`.
fn pid_of_part(name: &str) -> Option<u32> {
    name.strip_suffix(PART)?.rsplit_once('.')?.1.parse().ok()
}

/// Bytes of a file, or of all files below a directory.
fn size(path: &Path, meta: &std::fs::Metadata, problems: &mut Vec<Problem>) -> u64 {
    if !meta.is_dir() {
        return meta.len();
    }
    match listed(path) {
        Ok(entries) => entries.iter().map(|(_, path, meta)| size(path, meta, problems)).sum(),
        Err(error) => {
            problems.push(error.into());
            0
        }
    }
}

/// Deletes one of those that were found. An export loses its name first, so that a half of it is none.
fn delete(state: &StateDir, one: &Pruned) -> Result<()> {
    let dir = one.path.parent().unwrap_or(Path::new("/"));
    let places = [
        state.exports(),
        state.all_snapshots(),
        state.pages(),
        state.all_runs(),
        state.sessions(),
        state.all_kept(),
    ];
    if !places.iter().any(|place| one.path.starts_with(place)) {
        return Err(Error::new(Code::PathRefused, "is none of ours").at(&one.path));
    }
    // A run takes its snapshot under this lock, and a restore reads one under it. A run whose supervisor is gone holds it no more;
    // what it writes is kept because it has no result.
    let run = (state.run_lease(&one.session), "a run or a restore of its session is under way");
    let leases = match one.kind {
        Kind::Snapshot | Kind::Output | Kind::Kept => vec![run],
        Kind::Leftover if one.path.starts_with(state.all_snapshots()) => vec![run],
        Kind::Export | Kind::Page | Kind::Leftover => Vec::new(),
        // Nobody holds one that was never made. The last is that of the hooks at the end of a turn.
        Kind::Record => vec![
            run,
            (state.waiter_lease(&one.session), "somebody waits for its session"),
            (state.watch_lease(&one.session), "a hook of its session is at work"),
        ]
        .into_iter()
        .filter(|(lease, _)| lease.exists())
        .collect(),
    };
    let mut held = Vec::new();
    for (lease, why) in leases {
        let Some(lease) = Lock::try_take(&lease)? else {
            return Err(Error::new(Code::StateLocked, why)
                .at(&one.path)
                .hint("run it again when that has ended"));
        };
        held.push(lease);
    }
    if one.kind == Kind::Record {
        return delete_record(state, one);
    }
    if one.kind == Kind::Kept {
        let gone = kept_of(state, &one.session)?.is_some_and(|kept| kept.is_gone());
        return if gone {
            remove_kept(state, &one.session)
        } else {
            Err(Error::new(Code::ChangedMeanwhile, "its session was brought back").at(&one.path))
        };
    }
    let meta = std::fs::symlink_metadata(&one.path).doing("delete", &one.path)?;
    if meta.is_dir() {
        let gone = nameless(&one.path);
        if gone != one.path {
            std::fs::rename(&one.path, &gone).doing("delete", &one.path)?;
        }
        // Follows no link.
        std::fs::remove_dir_all(&gone).doing("delete", &gone)?;
    } else {
        std::fs::remove_file(&one.path).doing("delete", &one.path)?;
        if one.kind == Kind::Snapshot {
            let mut noted = one.path.clone().into_os_string();
            noted.push(NOTED);
            crate::store::replace::remove(Path::new(&noted))?;
        }
        if matches!(one.kind, Kind::Snapshot | Kind::Output) {
            // Only one that is empty goes.
            let _ = std::fs::remove_dir(dir);
        }
    }
    if dir.is_dir() {
        sync_dir(dir).doing("delete", dir)?;
    }
    Ok(())
}

/// Deletes the files of a record; its directory goes when nothing else is in it.
fn delete_record(state: &StateDir, one: &Pruned) -> Result<()> {
    if record_size(state, &one.session).is_some_and(|(_, at)| at != one.made_at) {
        return Err(Error::new(
            Code::ChangedMeanwhile,
            "something was noted about its session since it was looked at",
        )
        .at(&one.path)
        .hint("run it again"));
    }
    for path in record_files(state, &one.session) {
        if std::fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file()) {
            crate::store::replace::remove(&path)?;
        }
    }
    let _ = std::fs::remove_dir(&one.path);
    Ok(())
}

/// The name of an export that is being deleted: that of one which was never finished.
fn nameless(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.starts_with('.') {
        return path.to_path_buf();
    }
    path.with_file_name(format!(".{name}.{}{}", std::process::id(), super::export::UNFINISHED))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Transport;
    use crate::recovery::incident::{Attempt, Child, Outcome, Phase, Report, Run, RunResult};
    use crate::session::{Stop, StopKind};

    const NOW: i64 = 1_800_000_000;

    fn thing(kind: Kind, session: &str, days: i64, bytes: u64) -> Thing {
        let made_at = DateTime::from_timestamp(NOW - days * 86_400, 0);
        Thing { kind, session: session.into(), path: format!("/{session}-{days}").into(), made_at, bytes }
    }

    fn rules() -> Rules {
        Rules {
            exports_days: 90.0,
            snapshots_days: 14.0,
            pages_days: 30.0,
            outputs_days: 20.0,
            records_days: 60.0,
            kept_days: 365.0,
            kept_max_total: 100,
            keep: 1,
            most: None,
            max_bytes: None,
        }
    }

    fn gone(found: Vec<Thing>, rules: &Rules) -> Vec<String> {
        let now = DateTime::from_timestamp(NOW, 0).unwrap();
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let wanted = Wanted {
            runs: BTreeSet::from([PathBuf::from("/needed-400")]),
            sessions: set(&["open"]),
            unread: set(&["unread"]),
            unsaved: set(&["unsaved"]),
            gone: set(&["open", "lost", "unsaved", "unread"]),
            any_unread: false,
        };
        let (removed, _) = sorted_out(found, rules, now, &wanted);
        let mut names: Vec<String> =
            removed.into_iter().map(|one| one.path.to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// An incident with a run that has ended and one without a result.
    fn with_runs(phase: Phase) -> Incident {
        let at = DateTime::from_timestamp(NOW, 0).unwrap();
        let run = |name: &str, result: Option<RunResult>| Attempt {
            at,
            action: "resume".into(),
            answered: StopKind::Overloaded,
            outcome: Outcome::Pending,
            run: Some(Box::new(Run {
                nonce: name.into(),
                transport: Transport::Print,
                supervisor: Child { pid: 7, start: None },
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
        let report = Report {
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
    fn a_run_without_a_result_needs_its_files_and_an_incident_that_is_not_over_its_snapshots() {
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

    #[test]
    fn the_newest_of_a_session_stays_however_old_and_what_a_run_needs_too() {
        use Kind::{Export, Leftover, Output, Snapshot};
        let found = vec![
            thing(Export, "a", 100, 1),
            thing(Export, "a", 200, 1),
            thing(Export, "b", 500, 1),
            thing(Snapshot, "s", 1, 1),
            thing(Snapshot, "s", 13, 1),
            thing(Snapshot, "s", 15, 1),
            thing(Snapshot, "needed", 300, 1),
            thing(Snapshot, "needed", 400, 1),
            thing(Output, "o", 19, 1),
            thing(Output, "o", 21, 1),
            thing(Output, "needed", 390, 1),
            thing(Output, "needed", 400, 1),
            thing(Leftover, "l", 0, 1),
        ];
        assert_eq!(gone(found.clone(), &rules()), ["/a-200", "/l-0", "/o-21", "/s-15"]);
        let none = Rules { keep: 0, ..rules() };
        let all = ["/a-100", "/a-200", "/b-500", "/l-0", "/needed-300", "/needed-390", "/o-21", "/s-15"];
        assert_eq!(gone(found, &none), all);
    }

    #[test]
    fn pages_go_as_exports_do_and_records_by_age_or_when_their_transcript_is_gone() {
        use Kind::{Page, Record};
        let found = vec![
            thing(Page, "p", 40, 1),
            thing(Page, "p", 50, 1),
            thing(Page, "open", 40, 1),
            thing(Page, "open", 50, 1),
            thing(Record, "r", 59, 1),
            thing(Record, "old", 61, 1),
            thing(Record, "lost", 2, 1),
            thing(Record, "open", 400, 1),
            thing(Record, "unsaved", 400, 1),
            thing(Record, "unread", 400, 1),
            thing(Page, "unread", 400, 1),
        ];
        assert_eq!(gone(found.clone(), &rules()), ["/lost-2", "/old-61", "/p-50"]);
        let all = Rules { keep: 0, most: Some(0), max_bytes: Some(0), ..rules() };
        assert_eq!(gone(found, &all), ["/lost-2", "/old-61", "/p-40", "/p-50"], "records make no room");
        assert!(gone(vec![thing(Record, "lost", 0, 1)], &rules()).is_empty(), "it may have begun just now");
    }

    #[test]
    fn too_many_and_too_large_lose_the_oldest_first() {
        use Kind::Export;
        let found = || (1..6).map(|days| thing(Export, "a", days, 10)).collect::<Vec<_>>();
        assert_eq!(gone(found(), &Rules { most: Some(3), ..rules() }), ["/a-4", "/a-5"]);
        assert_eq!(gone(found(), &Rules { max_bytes: Some(25), ..rules() }), ["/a-3", "/a-4", "/a-5"]);
        assert_eq!(gone(found(), &Rules { max_bytes: Some(0), ..rules() }).len(), 4, "the newest stays");
        assert_eq!(gone(found(), &Rules { max_bytes: Some(0), keep: 0, ..rules() }).len(), 5);
        let mut with_record = found();
        with_record.push(thing(Kind::Record, "a", 0, 1000));
        assert!(
            gone(with_record, &Rules { max_bytes: Some(50), ..rules() }).is_empty(),
            "records do not count"
        );
    }

    #[test]
    fn deleted_sessions_that_are_kept_go_by_age_and_then_the_oldest_until_the_others_have_room() {
        let kept = |found: Vec<Thing>, rules: &Rules| {
            let now = DateTime::from_timestamp(NOW, 0).unwrap();
            let wanted = BTreeSet::from(["open".to_owned()]);
            let (removed, stay) = kept_sessions_out(found, rules, now, &wanted);
            let names = removed.iter().map(|one| one.path.to_string_lossy().into_owned()).collect::<Vec<_>>();
            (names, stay.len())
        };
        let found = || {
            vec![
                thing(Kind::Kept, "new", 1, 60),
                thing(Kind::Kept, "older", 100, 60),
                thing(Kind::Kept, "old", 366, 5),
                thing(Kind::Kept, "open", 900, 30),
            ]
        };
        assert_eq!(kept(found(), &rules()), (vec!["/old-366".to_owned(), "/older-100".to_owned()], 2));
        let room = Rules { kept_max_total: 150, ..rules() };
        assert_eq!(kept(found(), &room), (vec!["/old-366".to_owned()], 3));
        let long = Rules { kept_days: 1000.0, kept_max_total: 155, ..rules() };
        assert_eq!(kept(found(), &long), (Vec::new(), 4));
        let none = Rules { kept_max_total: 0, ..rules() };
        assert_eq!(kept(found(), &none).1, 1, "what is open stays");
    }
}
