//! Measures a due time with two clocks. The wall clock defines what a planned time means. The boot clock,
//! which no correction moves, shows whether that much time has really passed since the first plan for the stop. Nothing is due
//! before both agree.

use crate::clock::Clock;
use crate::session::stop::time;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Longest time between a plan and its due time. A clock that was not set yet made a plan further ahead,
/// because no limit lasts longer.
const LONGEST: Duration = Duration::from_hours(8 * 24);

/// Readings of both clocks when something was first planned for a stop in this boot. Later plans for the stop
/// are measured from there, because a plan made after the wall clock was moved proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Timing {
    /// The stop, identified by its incident's generation.
    pub generation: u64,
    /// Wall clock at that time.
    #[serde(serialize_with = "time")]
    pub at: DateTime<Utc>,
    /// Boot clock at that time, in milliseconds.
    pub since_boot: u64,
    /// Boot from which `since_boot` counts; `None` if another process cannot use the boot clock.
    pub boot: Option<String>,
}

impl Timing {
    /// Reads both clocks now.
    #[must_use]
    pub fn of(generation: u64, clock: &dyn Clock) -> Self {
        Self {
            generation,
            at: clock.now(),
            since_boot: u64::try_from(clock.since_boot().as_millis()).unwrap_or(u64::MAX),
            boot: clock.boot_id(),
        }
    }

    /// Returns whether the readings apply to this stop in this boot.
    #[must_use]
    pub fn holds(&self, generation: u64, boot: Option<&str>) -> bool {
        self.generation == generation && self.boot.is_some() && self.boot.as_deref() == boot
    }

    /// Returns the time until `due` by the boot clock.
    fn left(&self, due: DateTime<Utc>, clock: &dyn Clock) -> Duration {
        let away = (due - self.at).to_std().unwrap_or(Duration::ZERO);
        let away = if away > LONGEST { Duration::ZERO } else { away };
        (Duration::from_millis(self.since_boot) + away).saturating_sub(clock.since_boot())
    }
}

/// Tracks the due times of one session.
#[derive(Debug, Clone, Default)]
pub(super) struct DueByBoot {
    seen: Option<Timing>,
}

impl DueByBoot {
    /// Returns the time until `due` by the boot clock. It counts from the first plan for the stop if that
    /// was in this boot, and otherwise from the first check in this process.
    pub(super) fn left(
        &mut self,
        due: Option<DateTime<Utc>>,
        generation: u64,
        planned: Option<&Timing>,
        clock: &dyn Clock,
    ) -> Duration {
        let Some(due) = due else { return Duration::ZERO };
        let boot = clock.boot_id();
        if let Some(planned) = planned.filter(|timing| timing.holds(generation, boot.as_deref())) {
            return planned.left(due, clock);
        }
        let seen = self.seen.take().filter(|seen| seen.generation == generation);
        let seen = seen.unwrap_or_else(|| Timing::of(generation, clock));
        let left = seen.left(due, clock);
        self.seen = Some(seen);
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    struct At(DateTime<Utc>, u64, Option<&'static str>);

    impl Clock for At {
        fn now(&self) -> DateTime<Utc> {
            self.0
        }
        fn since_boot(&self) -> Duration {
            Duration::from_secs(self.1)
        }
        fn boot_id(&self) -> Option<String> {
            self.2.map(str::to_owned)
        }
        fn sleep(&self, _duration: Duration) {}
    }

    #[test]
    fn a_wall_clock_set_forward_makes_nothing_due_in_a_later_process_of_the_same_boot() {
        let noon = DateTime::UNIX_EPOCH + TimeDelta::hours(12);
        let due = noon + TimeDelta::hours(2);
        let planned = Timing::of(1, &At(noon, 1000, Some("one")));
        let left = |clock: &At| DueByBoot::default().left(Some(due), 1, Some(&planned), clock).as_secs();
        assert_eq!(left(&At(due + TimeDelta::hours(3), 1060, Some("one"))), 7140);
        assert_eq!(left(&At(due, 1000 + 7200, Some("one"))), 0);
        assert_eq!(
            left(&At(due, 5, Some("another"))),
            0,
            "after a restart of the machine only the wall clock is left"
        );
        assert_eq!(left(&At(noon, 5, Some("another"))), 7200);
        assert_eq!(left(&At(due, 1000, None)), 0);
    }

    #[test]
    fn without_a_boot_id_the_time_counts_from_the_first_check() {
        let noon = DateTime::UNIX_EPOCH + TimeDelta::hours(12);
        let due = Some(noon + TimeDelta::minutes(10));
        let mut by_boot = DueByBoot::default();
        let mut left = |minutes, boot| {
            by_boot.left(due, 1, None, &At(noon + TimeDelta::minutes(minutes), boot, None)).as_secs()
        };
        assert_eq!((left(0, 100), left(420, 101), left(10, 700)), (600, 599, 0));
    }

    #[test]
    fn a_plan_made_before_the_clock_was_set_delays_nothing() {
        let due = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let planned = Timing::of(1, &At(DateTime::UNIX_EPOCH, 10, Some("one")));
        assert!(DueByBoot::default().left(Some(due), 1, Some(&planned), &At(due, 60, Some("one"))).is_zero());
    }
}
