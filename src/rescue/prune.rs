//! Pruning: exports and snapshots of ours that are old, many or large are deleted, after they were shown.
//!
//! Only what this tool made, and knows by its name, in the two directories of the state: nothing of Claude Code's own, no export that
//! was put elsewhere, nothing behind a link. Of every session the newest export and the newest snapshot stay, unless a person
//! asks otherwise; what a run that is not over was started from stays too.

use super::export::{is_left_over, session_of};
use crate::claude::home::is_session_id;
use crate::error::{Code, Error, IoContext, Problem, Result};
use crate::fs::lossy;
use crate::recovery::incident::Incident;
use crate::report::inventory::{Ground, Inventory, Outside};
use crate::session::stop::{time, time_or_null};
use crate::store::lock::Lock;
use crate::store::replace::sync_dir;
use crate::store::{StateDir, journal};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Name and version of this object's form.
const SCHEMA: &str = "cc-session-recover/prune@1";
/// Days for which exports are kept unless the configuration says otherwise.
const EXPORTS_DAYS: f64 = 90.0;
/// The same of snapshots.
const SNAPSHOTS_DAYS: f64 = 14.0;
/// Of every session so many stay, however old.
const KEEP: usize = 1;
/// Ending of a snapshot, and of the hash beside it.
const SNAPSHOT: &str = ".jsonl";
const NOTED: &str = ".sha256";
/// A half-written snapshot of a process that is gone.
const PART: &str = ".part";

/// What may go.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PruneOptions {
    /// Exports older than so many days; by the configuration when missing.
    pub exports_days: Option<f64>,
    /// Snapshots older than so many days.
    pub snapshots_days: Option<f64>,
    /// Of every session so many of each stay in any case.
    pub keep: Option<usize>,
    /// Of every session at most so many of each.
    pub most: Option<usize>,
    /// All together at most so many bytes: the oldest go first.
    pub max_bytes: Option<u64>,
    /// Only these paths, of those that may go: what a person was shown.
    pub only: Option<Vec<PathBuf>>,
    /// Only tell.
    pub dry_run: bool,
}

/// What something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An export.
    Export,
    /// A snapshot of a transcript.
    Snapshot,
    /// What an export or snapshot that was killed has left.
    Leftover,
}

/// Something that goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pruned {
    /// What it is.
    pub kind: Kind,
    /// Its session.
    pub session: String,
    /// Where it is.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// When it was made.
    #[serde(serialize_with = "time_or_null")]
    pub made_at: Option<DateTime<Utc>>,
    /// Its size.
    pub bytes: u64,
    /// Why it goes.
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
    /// Of every session so many of each stay in any case.
    pub keep: usize,
    /// Of every session at most so many of each.
    pub most: Option<usize>,
    /// All together at most so many bytes.
    pub max_bytes: Option<u64>,
}

/// The answer.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PruneReport {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// When.
    #[serde(serialize_with = "time")]
    pub generated_at: DateTime<Utc>,
    /// Nothing was deleted.
    pub dry_run: bool,
    /// By which rules.
    pub rules: Rules,
    /// What goes, or with `dryRun` would go.
    pub removed: Vec<Pruned>,
    /// Bytes of it.
    pub removed_bytes: u64,
    /// Exports and snapshots that stay.
    pub kept: usize,
    /// Bytes of them.
    pub kept_bytes: u64,
    /// What could not be looked at or deleted.
    pub problems: Vec<Problem>,
}

/// Deletes what the rules let go, or with `dry_run` tells it.
///
/// # Errors
/// [`Code::ConfigInvalid`] for a retention that is none; [`Code::PathRefused`] when one of the two directories is a link;
/// [`Code::Io`] when one cannot be read.
pub fn prune(outside: Outside<'_>, options: &PruneOptions) -> Result<PruneReport> {
    let ground = Ground::read(outside, None)?;
    let rules = rules(&ground.config.retention, options, outside)?;
    let now = outside.clock.now();
    let inventory = Inventory::open(&ground);
    let mut problems = Vec::new();
    let mut found = exports(&ground.state, &mut problems)?;
    found.extend(snapshots(&ground.state, &mut problems)?);
    let needed = needed(inventory.incidents.values());
    let (mut removed, kept) = sorted_out(found, &rules, now, |path| needed.contains(&path));
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
        kept: kept.len(),
        kept_bytes: kept.iter().map(|one| one.bytes).sum(),
        problems,
    })
}

fn rules(retention: &Value, options: &PruneOptions, outside: Outside<'_>) -> Result<Rules> {
    let days = |given: Option<f64>, name: &str, default: f64| {
        let configured = retention.get(name);
        let days = match (given, configured) {
            (Some(days), _) => Some(days),
            (None, None) => Some(default),
            (None, Some(value)) => value.as_f64(),
        };
        days.filter(|days| days.is_finite() && *days >= 0.0).ok_or_else(|| {
            if given.is_some() {
                return Error::new(Code::Usage, "a number of days is negative or none");
            }
            let error = Error::new(Code::ConfigInvalid, format!("retention.{name} is no number of days"));
            outside.env.config_file().map_or(error.clone(), |file| error.at(file))
        })
    };
    Ok(Rules {
        exports_days: days(options.exports_days, "exportsDays", EXPORTS_DAYS)?,
        snapshots_days: days(options.snapshots_days, "snapshotsDays", SNAPSHOTS_DAYS)?,
        keep: options.keep.unwrap_or(KEEP),
        most: options.most,
        max_bytes: options.max_bytes,
    })
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

/// What goes and what stays, in this order: left over; too old; too many; too large together.
fn sorted_out(
    mut found: Vec<Thing>,
    rules: &Rules,
    now: DateTime<Utc>,
    needed: impl Fn(&Path) -> bool,
) -> (Vec<Pruned>, Vec<Thing>) {
    // The newest first. What has no time is taken for new.
    found.sort_by(|one, other| {
        let key = |thing: &Thing| (thing.made_at.is_none(), thing.made_at);
        key(other).cmp(&key(one)).then_with(|| other.path.cmp(&one.path))
    });
    let mut seen: BTreeMap<(Kind, String), usize> = BTreeMap::new();
    let mut removed = Vec::new();
    // With whether the rule of the newest holds it.
    let mut kept: Vec<(Thing, bool)> = Vec::new();
    for thing in found {
        if thing.kind == Kind::Leftover {
            removed.push(thing.goes("was never finished"));
            continue;
        }
        let before = seen.entry((thing.kind, thing.session.clone())).or_default();
        *before += 1;
        let held = *before <= rules.keep || needed(&thing.path);
        let days = if thing.kind == Kind::Export { rules.exports_days } else { rules.snapshots_days };
        let old = thing.made_at.is_some_and(|at| older(at, now, days));
        if !held && old {
            removed.push(thing.goes(&format!("is older than {days} days")));
        } else if !held && rules.most.is_some_and(|most| *before > most) {
            removed.push(thing.goes("there are more of this session"));
        } else {
            kept.push((thing, held));
        }
    }
    if let Some(most) = rules.max_bytes {
        let mut total: u64 = kept.iter().map(|(thing, _)| thing.bytes).sum();
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

/// The snapshots that runs which are not over were started from.
fn needed<'i>(incidents: impl Iterator<Item = &'i Incident>) -> Vec<&'i Path> {
    incidents
        .filter(|incident| !incident.phase.is_over())
        .flat_map(|incident| incident.attempts.iter().filter_map(|attempt| attempt.run.as_deref()))
        .map(|run| run.snapshot.as_path())
        .collect()
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
    let mut found = Vec::new();
    for (session, dir, meta) in listed(&state.all_snapshots())? {
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
        for (name, path, meta) in entries.iter().filter(|(.., meta)| meta.is_file()) {
            let made_at = meta.modified().ok().map(DateTime::from);
            let kind = if name.ends_with(SNAPSHOT) {
                Kind::Snapshot
            } else if pid_of_part(name).is_some_and(|pid| !super::export::process_exists(pid)) {
                Kind::Leftover
            } else {
                continue;
            };
            found.push(Thing {
                kind,
                session: session.clone(),
                path: path.clone(),
                made_at,
                bytes: meta.len(),
            });
        }
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
    let ours = one.path.starts_with(state.exports()) || one.path.starts_with(state.all_snapshots());
    if !ours {
        return Err(Error::new(Code::PathRefused, "is none of ours").at(&one.path));
    }
    // A run takes its snapshot under this lock, and a restore reads one under it.
    let _lease = if one.kind == Kind::Export {
        None
    } else {
        match Lock::try_take(&state.run_lease(&one.session))? {
            Some(lease) => Some(lease),
            None => {
                return Err(Error::new(Code::StateLocked, "a run or a restore of its session is under way")
                    .at(&one.path)
                    .hint("run it again when that has ended"));
            }
        }
    };
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
            // Only one that is empty goes.
            let _ = std::fs::remove_dir(dir);
        }
    }
    if dir.is_dir() {
        sync_dir(dir).doing("delete", dir)?;
    }
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

    const NOW: i64 = 1_800_000_000;

    fn thing(kind: Kind, session: &str, days: i64, bytes: u64) -> Thing {
        let made_at = DateTime::from_timestamp(NOW - days * 86_400, 0);
        Thing { kind, session: session.into(), path: format!("/{session}-{days}").into(), made_at, bytes }
    }

    fn rules() -> Rules {
        Rules { exports_days: 90.0, snapshots_days: 14.0, keep: 1, most: None, max_bytes: None }
    }

    fn gone(found: Vec<Thing>, rules: &Rules) -> Vec<String> {
        let now = DateTime::from_timestamp(NOW, 0).unwrap();
        let (removed, _) = sorted_out(found, rules, now, |path| path == Path::new("/needed-400"));
        let mut names: Vec<String> =
            removed.into_iter().map(|one| one.path.to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_newest_of_a_session_stays_however_old_and_what_a_run_needs_too() {
        use Kind::{Export, Leftover, Snapshot};
        let found = vec![
            thing(Export, "a", 100, 1),
            thing(Export, "a", 200, 1),
            thing(Export, "b", 500, 1),
            thing(Snapshot, "s", 1, 1),
            thing(Snapshot, "s", 13, 1),
            thing(Snapshot, "s", 15, 1),
            thing(Snapshot, "needed", 300, 1),
            thing(Snapshot, "needed", 400, 1),
            thing(Leftover, "l", 0, 1),
        ];
        assert_eq!(gone(found.clone(), &rules()), ["/a-200", "/l-0", "/s-15"]);
        let none = Rules { keep: 0, ..rules() };
        assert_eq!(gone(found, &none), ["/a-100", "/a-200", "/b-500", "/l-0", "/needed-300", "/s-15"]);
    }

    #[test]
    fn too_many_and_too_large_lose_the_oldest_first() {
        use Kind::Export;
        let found = || (1..6).map(|days| thing(Export, "a", days, 10)).collect::<Vec<_>>();
        assert_eq!(gone(found(), &Rules { most: Some(3), ..rules() }), ["/a-4", "/a-5"]);
        assert_eq!(gone(found(), &Rules { max_bytes: Some(25), ..rules() }), ["/a-3", "/a-4", "/a-5"]);
        assert_eq!(gone(found(), &Rules { max_bytes: Some(0), ..rules() }).len(), 4, "the newest stays");
        assert_eq!(gone(found(), &Rules { max_bytes: Some(0), keep: 0, ..rules() }).len(), 5);
    }
}
