//! Measures a due time with two clocks. The wall clock defines what a planned time means. The boot clock,
//! which no correction moves, shows whether that much time has really passed since the first plan for the stop. Nothing is due
//! before both agree.
//!
//! If the wall clock jumps, a reset stays the time that the server reported, and the more careful of the two
//! clocks decides. A wait that is a length of time since the stop is planned again: the jump moves its due time.

use crate::clock::{Clock, ClockJump};
use crate::session::stop::time;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Longest time between a plan and its due time. A clock that was not set yet made a plan further ahead,
/// because no limit lasts longer.
const LONGEST: TimeDelta = TimeDelta::hours(8 * 24);

/// What a due time depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaitBasis {
    /// A reset, which the server reports as a wall-clock time.
    Reset(#[serde(serialize_with = "time")] DateTime<Utc>),
    /// The time that passed since a stop, or since evidence that usage is available again.
    Since(#[serde(serialize_with = "time")] DateTime<Utc>),
}

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
    /// What the plan depends on; absent in the files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<WaitBasis>,
    /// Jumps of the wall clock since then that are part of the newest plan, in milliseconds. Always 0 for a reset.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub moved: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
const fn is_zero(count: &i64) -> bool {
    *count == 0
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
            basis: None,
            moved: 0,
        }
    }

    /// Reads both clocks for a plan. `earliest` is a time that has certainly been reached, so a wall clock that
    /// shows less is behind.
    #[must_use]
    pub fn of_wait(generation: u64, basis: WaitBasis, earliest: DateTime<Utc>, clock: &dyn Clock) -> Self {
        let now = Self::of(generation, clock);
        Self { at: now.at.max(earliest), basis: Some(basis), ..now }.replanned(generation, clock)
    }

    /// Returns whether the readings apply to this stop in this boot.
    #[must_use]
    pub fn holds(&self, generation: u64, boot: Option<&str>) -> bool {
        self.generation == generation && self.is_of_boot(boot)
    }

    /// Returns whether the readings apply to this boot.
    #[must_use]
    pub fn is_of_boot(&self, boot: Option<&str>) -> bool {
        self.boot.is_some() && self.boot.as_deref() == boot
    }

    /// Returns what the wall clock would show now if it had advanced like the boot clock since the newest plan.
    fn expected(&self, clock: &dyn Clock) -> DateTime<Utc> {
        let passed = clock.since_boot().saturating_sub(Duration::from_millis(self.since_boot));
        TimeDelta::from_std(passed)
            .ok()
            .and_then(|passed| passed.checked_add(&TimeDelta::try_milliseconds(self.moved)?))
            .and_then(|passed| self.at.checked_add_signed(passed))
            .unwrap_or_else(|| clock.now())
    }

    fn jump(&self, clock: &dyn Clock) -> ClockJump {
        ClockJump::between(self.expected(clock), clock.now())
    }

    /// Returns whether the wall clock jumped so that the due time has to move with it.
    #[must_use]
    pub fn is_outdated(&self, clock: &dyn Clock) -> bool {
        matches!(self.basis, Some(WaitBasis::Since(_))) && self.jump(clock) != ClockJump::Steady
    }

    /// Returns the readings for another plan with the same basis, made now.
    #[must_use]
    pub fn replanned(mut self, generation: u64, clock: &dyn Clock) -> Self {
        if self.is_outdated(clock) {
            self.moved = self.moved.saturating_add(self.jump(clock).moved().num_milliseconds());
        }
        self.generation = generation;
        self
    }

    /// Returns the latest time that both clocks agree has been reached, on the clock by which `due` was planned.
    #[must_use]
    pub fn certain_now(&self, due: DateTime<Utc>, clock: &dyn Clock) -> DateTime<Utc> {
        let now = clock.now();
        if due - self.at > LONGEST { now } else { now.min(self.expected(clock)) }
    }
}

/// Tracks the due times of one session.
#[derive(Debug, Clone, Default)]
pub(super) struct DueByBoot {
    seen: Option<Timing>,
}

impl DueByBoot {
    /// Returns the latest time that both clocks agree has been reached. The boot clock counts from the first plan
    /// for the stop if that was in this boot, and otherwise from the first check in this process.
    pub(super) fn certain_now(
        &mut self,
        due: Option<DateTime<Utc>>,
        generation: u64,
        planned: Option<&Timing>,
        clock: &dyn Clock,
    ) -> DateTime<Utc> {
        let Some(due) = due else { return clock.now() };
        let boot = clock.boot_id();
        if let Some(planned) = planned.filter(|timing| timing.holds(generation, boot.as_deref())) {
            return planned.certain_now(due, clock);
        }
        let seen = self.seen.take().filter(|seen| seen.generation == generation);
        let seen = seen.unwrap_or_else(|| Timing::of(generation, clock));
        let certain = seen.certain_now(due, clock);
        self.seen = Some(seen);
        certain
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
        let left = |clock: &At| {
            let certain = DueByBoot::default().certain_now(Some(due), 1, Some(&planned), clock);
            (due - certain).num_seconds().max(0)
        };
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
        let due = noon + TimeDelta::minutes(10);
        let mut by_boot = DueByBoot::default();
        let mut left = |minutes, boot| {
            let clock = At(noon + TimeDelta::minutes(minutes), boot, None);
            (due - by_boot.certain_now(Some(due), 1, None, &clock)).num_seconds()
        };
        assert_eq!((left(0, 100), left(420, 101), left(10, 700)), (600, 599, 0));
    }

    #[test]
    fn a_plan_made_before_the_clock_was_set_delays_nothing() {
        let due = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let planned = Timing::of(1, &At(DateTime::UNIX_EPOCH, 10, Some("one")));
        let clock = At(due, 60, Some("one"));
        assert_eq!(DueByBoot::default().certain_now(Some(due), 1, Some(&planned), &clock), due);
    }

    #[test]
    fn after_a_jump_a_reset_waits_for_both_clocks_and_a_length_of_time_for_the_boot_clock() {
        let noon = DateTime::UNIX_EPOCH + TimeDelta::hours(12);
        let (due, boot) = (noon + TimeDelta::minutes(10), Some("one"));
        // Both waits were planned at noon, at 1000 s by the boot clock, and are checked 300 s later.
        for (by_wall, reset, since) in [
            (300, 300, 300),
            (360, 300, 300),
            (300 + 3 * 3600, 300, 300),
            (300 - 3 * 3600, 300 + 3 * 3600, 300),
            // The clock was set back, and then to the correct time again.
            (301, 300, 300),
        ] {
            let clock = At(noon + TimeDelta::seconds(by_wall), 1300, boot);
            for (basis, expected) in [(WaitBasis::Reset(due), reset), (WaitBasis::Since(noon), since)] {
                let first = Timing::of_wait(1, basis, noon, &At(noon, 1000, boot));
                let again = first.clone().replanned(1, &clock);
                let due = due + TimeDelta::milliseconds(again.moved);
                assert_eq!((due - again.certain_now(due, &clock)).num_seconds(), expected, "{basis:?} {by_wall}");
                assert!(!again.is_outdated(&clock), "{basis:?} {by_wall}");
                let moved = by_wall.abs_diff(300) > 60 && matches!(basis, WaitBasis::Since(_));
                assert_eq!(first.is_outdated(&clock), moved, "{basis:?} {by_wall}");
            }
        }
    }

    #[test]
    fn a_stop_in_the_future_was_recorded_by_a_clock_that_was_ahead() {
        let noon = DateTime::UNIX_EPOCH + TimeDelta::hours(12);
        let stopped = noon + TimeDelta::hours(5);
        let timing = Timing::of_wait(1, WaitBasis::Since(stopped), stopped, &At(noon, 1000, Some("one")));
        let due = stopped + TimeDelta::minutes(10) + TimeDelta::milliseconds(timing.moved);
        assert_eq!(due, noon + TimeDelta::minutes(10));
        let later = At(noon + TimeDelta::minutes(9), 1540, Some("one"));
        assert_eq!(timing.clone().replanned(1, &later), timing, "a later plan has the same due time");
        assert_eq!((due - timing.certain_now(due, &later)).num_seconds(), 60);
    }
}
