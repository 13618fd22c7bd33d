//! Confirms over several days that a kept session is too old, before the supervisor removes it. A clock that
//! is wrong once, such as by a year, makes every kept session look too old.

use crate::clock::Clock;
use crate::error::{Code, Result};
use crate::recovery::due::Timing;
use crate::store::StateDir;
use crate::store::stored::{Stored, peek, save};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Time between the pass that first finds a session too old and the pass that removes it.
const CONFIRMED_AFTER: TimeDelta = TimeDelta::days(3);

/// Longest time between these passes. If more has passed by the wall clock, that clock was probably set in
/// between, so the time counts from the later pass.
const PLAUSIBLE: TimeDelta = TimeDelta::days(30);

/// Readings of both clocks when the supervisor first found each session too old.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct KeptDue {
    version: u32,
    due: BTreeMap<String, Timing>,
}

impl Stored for KeptDue {
    const VERSION: u32 = 1;
}

/// Reduces `too_old` to the sessions that were already too old in a pass long enough ago, and records the
/// others for the next passes. A session that is no longer too old starts anew.
///
/// # Errors
///
/// Returns [`Code::StateNewer`], and [`Code::Io`] if the record cannot be written.
pub(super) fn retain_confirmed(
    state: &StateDir,
    clock: &dyn Clock,
    too_old: &mut BTreeSet<String>,
) -> Result<()> {
    let path = state.kept_due();
    let known = match peek::<KeptDue>(&path) {
        Err(error) if error.code == Code::StateNewer => return Err(error),
        found => found.ok().flatten().unwrap_or_default(),
    };
    let now = Timing::of(0, clock);
    let first = |session: &String| {
        let known = known.due.get(session).filter(|first| is_plausible(first, &now));
        known.unwrap_or(&now).clone()
    };
    let due: BTreeMap<String, Timing> =
        too_old.iter().map(|session| (session.clone(), first(session))).collect();
    too_old.retain(|session| is_confirmed(&due[session], &now));
    if due == known.due {
        return Ok(());
    }
    save(&path, &KeptDue { version: KeptDue::VERSION, due })
}

fn is_plausible(first: &Timing, now: &Timing) -> bool {
    (TimeDelta::zero()..=PLAUSIBLE).contains(&(now.at - first.at))
}

/// Returns whether enough time has passed by the wall clock and, in the same boot, by the boot clock too. On
/// a system without boot ids, the boot is another one if its clock shows less.
fn is_confirmed(first: &Timing, now: &Timing) -> bool {
    let same_boot = match (&first.boot, &now.boot) {
        (Some(first), Some(now)) => first == now,
        _ => now.since_boot >= first.since_boot,
    };
    let ran = TimeDelta::milliseconds(
        i64::try_from(now.since_boot.saturating_sub(first.since_boot)).unwrap_or(i64::MAX),
    );
    is_plausible(first, now) && now.at - first.at >= CONFIRMED_AFTER && (!same_boot || ran >= CONFIRMED_AFTER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, Utc};
    use std::time::Duration;

    const HOUR: u64 = 3600;

    /// Wall clock in hours since 2027, boot clock in hours, and boot.
    struct At(i64, u64, Option<&'static str>);

    impl Clock for At {
        fn now(&self) -> DateTime<Utc> {
            DateTime::from_timestamp(1_798_761_600, 0).unwrap() + TimeDelta::hours(self.0)
        }
        fn since_boot(&self) -> Duration {
            Duration::from_secs(self.1 * HOUR)
        }
        fn boot_id(&self) -> Option<String> {
            self.2.map(str::to_owned)
        }
        fn sleep(&self, _duration: Duration) {}
    }

    #[test]
    fn a_removal_by_age_needs_three_days_that_both_clocks_confirm() {
        const ONE: Option<&str> = Some("one");
        const TWO: Option<&str> = Some("two");
        let year = 500 * 24;
        for (first, now, confirmed) in [
            (At(0, 10, ONE), At(0, 10, ONE), false),
            (At(0, 10, ONE), At(24, 34, ONE), false),
            (At(0, 10, ONE), At(71, 81, ONE), false),
            (At(0, 10, ONE), At(72, 82, ONE), true),
            // The wall clock was set forward.
            (At(0, 10, ONE), At(72, 11, ONE), false),
            (At(0, 10, ONE), At(year, 34, ONE), false),
            (At(0, 10, ONE), At(year, 82, ONE), false),
            // It was wrong in the earlier pass and was set back.
            (At(year, 10, ONE), At(24, 34, ONE), false),
            (At(year, 10, ONE), At(72, 82, ONE), false),
            // After a restart of the machine only the wall clock is left.
            (At(0, 10, ONE), At(24, 1, TWO), false),
            (At(0, 10, ONE), At(72, 1, TWO), true),
            (At(0, 10, ONE), At(72, 500, TWO), true),
            (At(0, 10, ONE), At(year, 1, TWO), false),
            (At(year, 10, ONE), At(0, 1, TWO), false),
            // Without boot ids.
            (At(0, 10, None), At(72, 82, None), true),
            (At(0, 10, None), At(72, 11, None), false),
            (At(0, 10, None), At(72, 1, None), true),
            (At(0, 10, None), At(year, 1, None), false),
        ] {
            let seen = is_confirmed(&Timing::of(0, &first), &Timing::of(0, &now));
            let case = (first.0, first.1, first.2, now.0, now.1, now.2);
            assert_eq!(seen, confirmed, "{case:?}");
        }
    }

    #[test]
    fn one_wrong_clock_removes_nothing_and_a_session_that_stays_too_old_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::new(dir.path());
        let pass = |clock: At, too_old: &[&str]| {
            let mut too_old = too_old.iter().map(|name| (*name).to_owned()).collect();
            retain_confirmed(&state, &clock, &mut too_old).unwrap();
            too_old.into_iter().collect::<Vec<_>>()
        };
        let none: [&str; 0] = [];
        let boot = Some("one");
        assert_eq!(pass(At(0, 10, boot), &["old"]), none);
        // A clock 500 days ahead makes another session look too old for a day.
        assert_eq!(pass(At(12_024, 34, boot), &["new", "old"]), none);
        assert_eq!(pass(At(12_025, 35, boot), &["new", "old"]), none);
        // After it was set back, the old session counts from that pass.
        assert_eq!(pass(At(48, 58, boot), &["old"]), none);
        assert_eq!(pass(At(72, 82, boot), &["old"]), none);
        assert_eq!(pass(At(120, 130, boot), &["new", "old"]), ["old"]);
        assert_eq!(pass(At(144, 154, boot), &[]), none);
        assert_eq!(peek::<KeptDue>(&state.kept_due()).unwrap().unwrap().due, BTreeMap::new());
        std::fs::write(state.kept_due(), "{\"version\": 9}").unwrap();
        let newer = retain_confirmed(&state, &At(0, 0, boot), &mut BTreeSet::new());
        assert_eq!(newer.unwrap_err().code, Code::StateNewer);
    }
}
