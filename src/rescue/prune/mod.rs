//! Deletes exports, snapshots, pages and run outputs that are too old, too many or too large, and records of
//! sessions that are old or have lost their transcript.
//!
//! Deletes only files that this tool made, in its own state directory and with a known name. It never deletes
//! a file of Claude Code, an export written elsewhere, or anything behind a symbolic link. The newest export,
//! snapshot, page and output of every session are retained unless the user asks otherwise. Also retained are
//! the snapshot and the output of a run that has not ended, and every page and record of a session that is
//! open or has unfinished work. Whatever cannot be read counts as unfinished, so files that may depend on it
//! are retained.

mod delete;
mod expiry;
mod find;
mod rules;
mod wanted;

use crate::config::RetentionConfig;
use crate::error::{Error, Result};
use crate::fs::lossy;
use crate::keep::{complete_removals, pack};
use crate::problem::Problem;
use crate::report::inventory::{Inventory, ReportContext};
use crate::session::stop::{time, time_or_null};
use crate::store::{StateDir, journal};
use crate::world::World;
use chrono::{DateTime, Utc};
use delete::delete;
use find::{abandoned_removals, exports, gone_sessions, outputs, pages, records, snapshots};
pub use rules::PruneRules;
use rules::{kept_sessions_out, kept_too_old, rules, sorted_out};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::PathBuf;
use wanted::{RetainedFiles, open_or_unfinished};

const SCHEMA: &str = "cc-session-recover/prune@1";

/// Options of `prune`: the rules by which copies are deleted.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct PruneOptions {
    /// Number of days for which exports are retained; defaults to `retention.exportsDays` of the
    /// configuration (90 unless set).
    pub exports_days: Option<f64>,
    /// Number of days for which snapshots are retained; defaults to `retention.snapshotsDays` (14 unless
    /// set).
    pub snapshots_days: Option<f64>,
    /// Number of days for which pages are retained; defaults to `retention.pagesDays` (90 unless set).
    pub pages_days: Option<f64>,
    /// Number of days for which outputs of runs are retained; defaults to `retention.outputsDays` (30 unless
    /// set).
    pub outputs_days: Option<f64>,
    /// Number of days for which session records are retained after their last entry; defaults to
    /// `retention.recordsDays` (90 unless set).
    pub records_days: Option<f64>,
    /// Number of days for which kept sessions that Claude Code deleted are retained; defaults to
    /// `retention.keptDays` (365 unless set).
    pub kept_days: Option<f64>,
    /// Maximum total size in bytes of kept sessions that Claude Code deleted; defaults to
    /// `retention.keptMaxTotal` (5 GB unless set).
    pub kept_max_total: Option<u64>,
    /// Minimum number of exports, snapshots, pages and outputs retained per session and kind, whatever the
    /// other rules; defaults to 1.
    pub keep: Option<usize>,
    /// Maximum number of each kind per session.
    pub most: Option<usize>,
    /// Maximum total size in bytes; the oldest copies are deleted first. Records are not counted,
    /// because they are small.
    pub max_bytes: Option<u64>,
    /// The only paths to delete, and only if the rules allow it.
    pub only: Option<Vec<PathBuf>>,
    pub dry_run: bool,
}

/// Kind of a copy that `prune` deletes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum PruneKind {
    Export,
    Snapshot,
    Page,
    /// Output file of a run.
    Output,
    /// Small state files about a session.
    Record,
    /// Kept files of a session that Claude Code deleted.
    Kept,
    /// Leftover of an operation whose process was killed.
    Leftover,
}

/// A copy that `prune` deletes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PrunedCopy {
    /// `export`, `snapshot`, `page`, `output` of a run, `record` (small state files about a
    /// session), `leftover` of an operation that never finished, or `kept` (the kept files of a
    /// session that Claude Code deleted).
    pub kind: PruneKind,
    /// Id of the session to which the copy belongs.
    pub session: String,
    /// Path of the copy; for a record, its directory.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// Time when the copy was made; for a record, when something was last recorded in it.
    #[serde(serialize_with = "time_or_null")]
    pub made_at: Option<DateTime<Utc>>,
    /// Size of the copy, in bytes.
    pub bytes: u64,
    /// Rule by which the copy is deleted.
    pub why: String,
}

/// Result of `prune`, schema `cc-session-recover/prune@1`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PruneReport {
    /// Schema name and version of this object.
    #[cfg_attr(test, ts(type = "'cc-session-recover/prune@1'"))]
    pub schema: &'static str,
    /// Time when this result was generated, RFC 3339.
    #[serde(serialize_with = "time")]
    pub generated_at: DateTime<Utc>,
    /// Whether this is a dry run, which deletes nothing.
    pub dry_run: bool,
    /// Rules that were applied.
    pub rules: PruneRules,
    /// Copies that were deleted, or with `dryRun` would be.
    pub removed: Vec<PrunedCopy>,
    /// Total size of the deleted copies, in bytes.
    pub removed_bytes: u64,
    /// Number of exports, snapshots, pages, outputs, records and kept sessions that remain.
    pub kept: usize,
    /// Total size of what remains, in bytes.
    pub kept_bytes: u64,
    /// Files of sessions that Claude Code deleted and that were compressed before the rules were applied,
    /// with their size before and after.
    pub packed: PackedBytes,
    /// Files that could not be checked or deleted, and why.
    pub problems: Vec<Problem>,
}

/// Number and size of the kept files that were compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PackedBytes {
    /// Number of files that were compressed.
    pub files: usize,
    /// Size on disk before the compression, in bytes.
    pub before: u64,
    /// Size on disk after the compression, in bytes.
    pub after: u64,
}

/// Deletes what the rules select, or with `dry_run` reports it.
///
/// # Errors
///
/// Returns [`Code::ConfigInvalid`] for an invalid configuration; [`Code::PathRefused`] if one of the
/// directories is a symbolic link; [`Code::Io`] if one cannot be read.
pub fn prune(world: World<'_>, options: &PruneOptions) -> Result<PruneReport> {
    let mut ground = ReportContext::read(world, None)?;
    // With an invalid configuration, the user's retention settings are unknown.
    if let Some(problem) = ground.problem.take() {
        return Err(Error { hint: Some("fix the configuration; nothing was deleted".into()), ..problem });
    }
    let rules = rules(&ground.config.retention, options)?;
    let now = world.clock.now();
    let mut inventory = Inventory::open(&ground);
    let mut problems = Vec::new();
    let mut packed = PackedBytes::default();
    if !options.dry_run {
        let done = pack(&ground.state, world.clock, u64::MAX, world.abort);
        packed = PackedBytes { files: done.files, before: done.bytes, after: done.stored };
        problems.extend(done.failures.into_iter().map(Problem::from));
        super::import::sweep(&ground.state);
    }
    world.abort.check()?;
    let mut found = exports(&ground.state, &mut problems)?;
    found.extend(snapshots(&ground.state, &mut problems)?);
    found.extend(outputs(&ground.state, &mut problems)?);
    found.extend(pages(&ground.state)?);
    found.extend(abandoned_removals(&ground.state, &mut problems));
    let records = records(&ground.state, &mut inventory.problems)?;
    let wanted = RetainedFiles::of(&mut inventory, &ground.state, &records, world.processes);
    problems.extend(inventory.problems.into_iter().map(Problem::from));
    found.extend(records.into_iter().map(|record| record.thing));
    let (mut removed, mut kept) = sorted_out(found, &rules, now, &wanted);
    let mut unread = Vec::new();
    let gone = gone_sessions(&ground.state, &mut unread);
    let too_old = kept_too_old(&gone, &rules, now, &wanted.sessions);
    let (expired, stay) = kept_sessions_out(gone, &rules, &too_old, &wanted.sessions);
    problems.extend(unread.into_iter().map(Problem::from));
    removed.extend(expired);
    kept.extend(stay);
    if let Some(only) = &options.only {
        removed.retain(|one| only.contains(&one.path));
    }
    if !options.dry_run {
        removed.retain(|one| match world.abort.check().and_then(|()| delete(&ground.state, one)) {
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
            journal::append(&ground.state, world.clock, "pruned", fields);
        }
        world.abort.check()?;
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

/// A file or directory to which the rules apply.
#[derive(Debug, Clone)]
struct PruneCandidate {
    kind: PruneKind,
    session: String,
    path: PathBuf,
    made_at: Option<DateTime<Utc>>,
    bytes: u64,
}

/// Compresses about `most` bytes of sessions that Claude Code deleted, and removes deleted sessions by age
/// and size. A session is removed for its age only if earlier passes found it too old as well (see
/// [`expiry`]), because the clock may be wrong while no user is present. Returns the failures. Part of a
/// supervisor pass.
#[must_use]
pub fn tend_kept(world: World<'_>, state: &StateDir, retention: &RetentionConfig, most: u64) -> Vec<Error> {
    let clock = world.clock;
    let mut packed = pack(state, clock, most, world.abort);
    let Ok(rules) = rules(retention, &PruneOptions::default()) else { return packed.failures };
    // An open session may have lost its transcript, so the kept copy may be the only one.
    let wanted = match ReportContext::read(world, None) {
        Ok(context) => open_or_unfinished(&Inventory::open(&context)),
        Err(error) => {
            packed.failures.push(error);
            return packed.failures;
        }
    };
    packed.failures.extend(complete_removals(state).err());
    super::import::sweep(state);
    let found = gone_sessions(state, &mut packed.failures);
    // Partly compressed sessions still take more space than they will, so the size limit must wait.
    let rules = if packed.more { PruneRules { kept_max_total: u64::MAX, ..rules } } else { rules };
    let mut too_old = kept_too_old(&found, &rules, clock.now(), &wanted);
    if let Err(error) = expiry::retain_confirmed(state, clock, &mut too_old) {
        too_old.clear();
        packed.failures.push(error);
    }
    for one in kept_sessions_out(found, &rules, &too_old, &wanted).0 {
        if world.abort.is_set() {
            break;
        }
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
