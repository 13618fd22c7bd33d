//! Applies the rules that select files for deletion. Reads and deletes nothing.

use super::wanted::RetainedFiles;
use super::{PruneCandidate, PruneKind, PruneOptions, PrunedCopy};
use crate::config::RetentionConfig;
use crate::error::{Code, Error, Result};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Default minimum number of each kind retained per session, whatever the age.
const KEEP: usize = 1;

/// How long the record of a session without a transcript is retained. A session may just have started.
const FRESH: TimeDelta = TimeDelta::days(1);

/// Rules that determine which copies are deleted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PruneRules {
    /// Number of days for which exports are retained.
    pub exports_days: f64,
    /// Number of days for which snapshots are retained.
    pub snapshots_days: f64,
    /// Number of days for which pages are retained.
    pub pages_days: f64,
    /// Number of days for which outputs of runs are retained.
    pub outputs_days: f64,
    /// Number of days for which session records are retained.
    pub records_days: f64,
    /// Retention in days for kept sessions that Claude Code deleted.
    pub kept_days: f64,
    /// Maximum total size in bytes of kept sessions that Claude Code deleted.
    pub kept_max_total: u64,
    /// Minimum number of exports, snapshots, pages and outputs retained per session and kind,
    /// whatever the other rules.
    pub keep: usize,
    /// Maximum number of each kind retained per session; `null` for no limit.
    pub most: Option<usize>,
    /// Maximum total size in bytes; `null` for no limit.
    pub max_bytes: Option<u64>,
}

pub(super) fn rules(retention: &RetentionConfig, options: &PruneOptions) -> Result<PruneRules> {
    let days = |given: Option<f64>, configured: f64| {
        let days = given.unwrap_or(configured);
        if days.is_finite() && days >= 0.0 {
            Ok(days)
        } else {
            Err(Error::new(Code::Usage, "the number of days must not be negative"))
        }
    };
    Ok(PruneRules {
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

impl PruneRules {
    const fn days(&self, kind: PruneKind) -> f64 {
        match kind {
            PruneKind::Export => self.exports_days,
            PruneKind::Page => self.pages_days,
            PruneKind::Output => self.outputs_days,
            PruneKind::Record => self.records_days,
            PruneKind::Kept => self.kept_days,
            PruneKind::Snapshot | PruneKind::Leftover => self.snapshots_days,
        }
    }
}

/// Splits the candidates into deleted and retained ones. The rules apply in this order: leftovers, useless
/// records, age, number per session, total size.
pub(super) fn sorted_out(
    mut found: Vec<PruneCandidate>,
    rules: &PruneRules,
    now: DateTime<Utc>,
    wanted: &RetainedFiles,
) -> (Vec<PrunedCopy>, Vec<PruneCandidate>) {
    // Newest first. A candidate without a time counts as new.
    found.sort_by(|one, other| {
        let key = |thing: &PruneCandidate| (thing.made_at.is_none(), thing.made_at);
        key(other).cmp(&key(one)).then_with(|| other.path.cmp(&one.path))
    });
    let mut seen: BTreeMap<(PruneKind, String), usize> = BTreeMap::new();
    let mut removed = Vec::new();
    // The flag marks candidates exempt from the total size limit.
    let mut kept: Vec<(PruneCandidate, bool)> = Vec::new();
    for thing in found {
        if thing.kind == PruneKind::Leftover {
            removed.push(thing.goes("was never finished"));
            continue;
        }
        let record = thing.kind == PruneKind::Record;
        let before = seen.entry((thing.kind, thing.session.clone())).or_default();
        *before += 1;
        // `keep` does not apply to records: a session has only one.
        let held = !record && *before <= rules.keep || wanted.holds(&thing);
        let days = rules.days(thing.kind);
        let old = thing.made_at.is_some_and(|at| older(at, now, days));
        let fresh = thing.made_at.is_none_or(|at| at > now - FRESH);
        if !held && record && !fresh && wanted.gone.contains(&thing.session) {
            removed.push(thing.goes("its transcript is gone"));
        } else if !held && old {
            removed.push(thing.goes(&format!("is older than {days} days")));
        } else if !held && !record && rules.most.is_some_and(|most| *before > most) {
            removed.push(thing.goes("exceeds the number allowed per session"));
        } else {
            // Records are small; deleting them would not free any space.
            kept.push((thing, held || record));
        }
    }
    if let Some(most) = rules.max_bytes {
        let counted = kept.iter().filter(|(thing, _)| thing.kind != PruneKind::Record);
        let mut total: u64 = counted.map(|(thing, _)| thing.bytes).sum();
        // The oldest are at the end.
        for at in (0..kept.len()).rev() {
            if total <= most {
                break;
            }
            if !kept[at].1 {
                let (thing, _) = kept.remove(at);
                total -= thing.bytes;
                removed.push(thing.goes("exceeds the total size limit"));
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

/// Returns the kept sessions that are too old, unless they are open or have unfinished work.
pub(super) fn kept_too_old(
    found: &[PruneCandidate],
    rules: &PruneRules,
    now: DateTime<Utc>,
    wanted: &BTreeSet<String>,
) -> BTreeSet<String> {
    let old = |thing: &&PruneCandidate| thing.made_at.is_some_and(|at| older(at, now, rules.kept_days));
    let sessions = found.iter().filter(old).map(|thing| &thing.session);
    sessions.filter(|session| !wanted.contains(*session)).cloned().collect()
}

/// Selects the kept sessions to remove: first those in `too_old`, then the oldest until the others fit into
/// the size limit. A session that is open or has unfinished work is retained.
pub(super) fn kept_sessions_out(
    mut found: Vec<PruneCandidate>,
    rules: &PruneRules,
    too_old: &BTreeSet<String>,
    wanted: &BTreeSet<String>,
) -> (Vec<PrunedCopy>, Vec<PruneCandidate>) {
    found.sort_by(|one, other| (one.made_at, &one.session).cmp(&(other.made_at, &other.session)));
    let mut total: u64 = found.iter().map(|thing| thing.bytes).sum();
    let (mut removed, mut stay) = (Vec::new(), Vec::new());
    for thing in found {
        let why = match (too_old.contains(&thing.session), total > rules.kept_max_total) {
            _ if wanted.contains(&thing.session) => None,
            (true, _) => Some(format!("is older than {} days", rules.kept_days)),
            (false, true) => Some("retained sessions exceed retention.keptMaxTotal".to_owned()),
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

impl PruneCandidate {
    fn goes(self, why: &str) -> PrunedCopy {
        PrunedCopy {
            kind: self.kind,
            session: self.session,
            path: self.path,
            made_at: self.made_at,
            bytes: self.bytes,
            why: why.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    const NOW: i64 = 1_800_000_000;

    fn thing(kind: PruneKind, session: &str, days: i64, bytes: u64) -> PruneCandidate {
        let made_at = DateTime::from_timestamp(NOW - days * 86_400, 0);
        PruneCandidate {
            kind,
            session: session.into(),
            path: format!("/{session}-{days}").into(),
            made_at,
            bytes,
        }
    }

    fn rules() -> PruneRules {
        PruneRules {
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

    fn gone(found: Vec<PruneCandidate>, rules: &PruneRules) -> Vec<String> {
        let now = DateTime::from_timestamp(NOW, 0).unwrap();
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let wanted = RetainedFiles {
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

    #[test]
    fn the_newest_copy_of_a_session_and_files_needed_by_a_run_are_retained() {
        use PruneKind::{Export, Leftover, Output, Snapshot};
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
        let none = PruneRules { keep: 0, ..rules() };
        let all = ["/a-100", "/a-200", "/b-500", "/l-0", "/needed-300", "/needed-390", "/o-21", "/s-15"];
        assert_eq!(gone(found, &none), all);
    }

    #[test]
    fn old_pages_and_records_are_removed_and_records_without_a_transcript_too() {
        use PruneKind::{Page, Record};
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
        let all = PruneRules { keep: 0, most: Some(0), max_bytes: Some(0), ..rules() };
        assert_eq!(gone(found, &all), ["/lost-2", "/old-61", "/p-40", "/p-50"], "records make no room");
        assert!(gone(vec![thing(Record, "lost", 0, 1)], &rules()).is_empty(), "it may have begun just now");
    }

    #[test]
    fn count_and_size_limits_remove_the_oldest_first() {
        use PruneKind::Export;
        let found = || (1..6).map(|days| thing(Export, "a", days, 10)).collect::<Vec<_>>();
        assert_eq!(gone(found(), &PruneRules { most: Some(3), ..rules() }), ["/a-4", "/a-5"]);
        assert_eq!(gone(found(), &PruneRules { max_bytes: Some(25), ..rules() }), ["/a-3", "/a-4", "/a-5"]);
        assert_eq!(gone(found(), &PruneRules { max_bytes: Some(0), ..rules() }).len(), 4, "the newest stays");
        assert_eq!(gone(found(), &PruneRules { max_bytes: Some(0), keep: 0, ..rules() }).len(), 5);
        let mut with_record = found();
        with_record.push(thing(PruneKind::Record, "a", 0, 1000));
        assert!(
            gone(with_record, &PruneRules { max_bytes: Some(50), ..rules() }).is_empty(),
            "records do not count"
        );
    }

    #[test]
    fn kept_deleted_sessions_are_removed_by_age_and_then_the_oldest_by_total_size() {
        let kept = |found: Vec<PruneCandidate>, rules: &PruneRules| {
            let now = DateTime::from_timestamp(NOW, 0).unwrap();
            let wanted = BTreeSet::from(["open".to_owned()]);
            let too_old = kept_too_old(&found, rules, now, &wanted);
            let (removed, stay) = kept_sessions_out(found, rules, &too_old, &wanted);
            let names = removed.iter().map(|one| one.path.to_string_lossy().into_owned()).collect::<Vec<_>>();
            (names, stay.len())
        };
        let found = || {
            vec![
                thing(PruneKind::Kept, "new", 1, 60),
                thing(PruneKind::Kept, "older", 100, 60),
                thing(PruneKind::Kept, "old", 366, 5),
                thing(PruneKind::Kept, "open", 900, 30),
            ]
        };
        assert_eq!(kept(found(), &rules()), (vec!["/old-366".to_owned(), "/older-100".to_owned()], 2));
        let room = PruneRules { kept_max_total: 150, ..rules() };
        assert_eq!(kept(found(), &room), (vec!["/old-366".to_owned()], 3));
        let long = PruneRules { kept_days: 1000.0, kept_max_total: 155, ..rules() };
        assert_eq!(kept(found(), &long), (Vec::new(), 4));
        let none = PruneRules { kept_max_total: 0, ..rules() };
        assert_eq!(kept(found(), &none).1, 1, "what is open stays");
    }
}
