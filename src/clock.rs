//! A clock: the only place that asks the machine what time it is, and the only one that sleeps.
//!
//! Two clocks are needed. The wall clock says what a reset time means; the boot clock, which also runs while the
//! machine is suspended and never jumps, says whether that much time has really gone by.

use chrono::{DateTime, Local, NaiveDateTime, Utc};
use std::time::Duration;

/// Time as the code sees it. Tests pass a virtual one.
pub trait Clock: Send + Sync {
    /// Wall clock.
    fn now(&self) -> DateTime<Utc>;
    /// Time since boot, suspended time included.
    fn since_boot(&self) -> Duration;
    /// Blocks for about this long; may return early, never matters when late.
    fn sleep(&self, duration: Duration);
}

/// The machine's own clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    #[cfg(unix)]
    fn since_boot(&self) -> Duration {
        // Linux: CLOCK_BOOTTIME counts suspend. Elsewhere CLOCK_MONOTONIC is the nearest (it does on macOS).
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let id = rustix::time::ClockId::Boottime;
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let id = rustix::time::ClockId::Monotonic;
        let time = rustix::time::clock_gettime(id);
        Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
    }

    #[cfg(not(unix))]
    fn since_boot(&self) -> Duration {
        Duration::from_secs(sysinfo::System::uptime())
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

/// RFC 3339 in UTC with milliseconds: the one form in which times are stored and shown to programs.
#[must_use]
pub fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// Reads an RFC 3339 time as Claude Code writes it.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.with_timezone(&Utc))
}

/// An instant from seconds since 1970; `None` for years nobody can mean.
#[must_use]
pub fn from_epoch_seconds(seconds: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(seconds, 0).filter(|time| (1970..2200).contains(&chrono::Datelike::year(time)))
}

/// What the person's own clock shows at an instant.
#[must_use]
pub fn local_time(at: DateTime<Utc>) -> NaiveDateTime {
    at.with_timezone(&Local).naive_local()
}
