//! Notifies the user of each event of a session once, on the desktop and, if the user's own configuration
//! names one, through a webhook. A notice that cannot be delivered is recorded in the journal and does not
//! affect recovery.

mod desktop;
pub mod notice;
pub mod sent;
pub mod webhook;

pub use notice::{Notice, NoticeKind};

use crate::config::Notify;
use crate::store::{StateDir, journal};
use crate::world::World;
use serde_json::json;

/// Delivers each notice once. Notices sent before, by session, generation and kind, are skipped.
///
/// Records each notice before delivering it, so that neither a second process nor a crash repeats it. May
/// take some seconds: both channels have a deadline, and a channel that missed it is skipped for the rest of
/// `notices`.
pub fn send(world: World<'_>, config: &Notify, state: &StateDir, notices: &[Notice]) {
    if notices.is_empty() || !config.desktop && config.webhook.is_none() {
        return;
    }
    let fresh = match sent::take(state, world.clock, notices) {
        Ok(fresh) => fresh,
        Err(error) => {
            journal::append(state, world.clock, "notify-failed", json!({"why": error.to_string()}));
            return;
        }
    };
    let record = |notice: &Notice, way: &str, delivery: &Delivery| {
        let (event, why) = match delivery {
            Delivery::Done => ("notified", None),
            Delivery::NoPlace(why) => ("not-notified", Some(why)),
            Delivery::Failed(why) | Delivery::TimedOut(why) => ("notify-failed", Some(why)),
        };
        let fields = json!({"session": notice.session, "kind": notice.kind, "way": way, "why": why.map(String::as_str)});
        journal::append(state, world.clock, event, fields);
    };
    let each = |way: &str, deliver: &dyn Fn(&Notice) -> Delivery| {
        let mut late = false;
        for notice in &fresh {
            let delivery = if late {
                Delivery::Failed("the previous notification took too long".into())
            } else {
                deliver(notice)
            };
            late |= matches!(delivery, Delivery::TimedOut(_));
            record(notice, way, &delivery);
        }
    };
    // The two channels run in parallel.
    std::thread::scope(|scope| {
        if let Some(url) = &config.webhook {
            scope.spawn(|| each("webhook", &|notice| webhook::post(world, url, notice)));
        }
        if config.desktop {
            each("desktop", &|notice| desktop::show(world.env, notice));
        }
    });
}

/// Result of delivering one notice through one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Delivery {
    Done,
    /// This machine has no such channel, which is not a failure.
    NoPlace(String),
    /// The notice could not be delivered.
    Failed(String),
    /// The delivery missed its deadline.
    TimedOut(String),
}

#[cfg(test)]
#[cfg(all(unix, not(target_os = "macos")))]
mod tests {
    use super::*;
    use crate::claude::process::SystemProcesses;
    use crate::clock::SystemClock;
    use crate::env::Environment;
    use crate::fs::scripts::write_script;
    use std::path::Path;

    struct Place {
        dir: tempfile::TempDir,
        state: StateDir,
        env: Environment,
    }

    impl Place {
        /// Creates a desktop whose notifier logs one line per call and then runs `then`.
        fn new(then: &str) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let program = dir.path().join("notify-send");
            let text = format!("#!/bin/sh\necho \"$3\" >> '{}'\n{then}\n", dir.path().join("log").display());
            write_script(&program, &text);
            let pairs = [("PATH", dir.path().to_str().unwrap()), ("WAYLAND_DISPLAY", "wayland-0")];
            let env = Environment::from_pairs(pairs, "/");
            Self { state: StateDir::new(dir.path().join("state")), env, dir }
        }

        fn send(&self, config: &Notify, notices: &[Notice]) {
            let world = World {
                env: &self.env,
                clock: &SystemClock,
                processes: &SystemProcesses,
                abort: &crate::abort::NEVER,
            };
            send(world, config, &self.state, notices);
        }

        fn shown(&self) -> usize {
            std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default().lines().count()
        }

        fn journal(&self) -> String {
            std::fs::read_to_string(self.state.journal()).unwrap_or_default()
        }
    }

    fn notice(kind: NoticeKind) -> Notice {
        Notice::new(kind, "s", 1, Some("Fix it"), Some(Path::new("/x/api")))
    }

    #[test]
    fn each_notice_is_shown_once_and_journaled() {
        let place = Place::new("");
        for _ in 0..3 {
            place.send(&Notify::default(), &[notice(NoticeKind::Stopped), notice(NoticeKind::Held)]);
        }
        assert_eq!(place.shown(), 2);
        let journal = place.journal();
        assert_eq!(journal.lines().count(), 2);
        assert!(
            journal.contains(r#""event":"notified""#) && journal.contains(r#""kind":"held""#),
            "{journal}"
        );
    }

    #[test]
    fn a_failed_desktop_notice_still_goes_to_the_webhook_and_neither_is_retried() {
        let place = Place::new("exit 1");
        let config = Notify { desktop: true, webhook: Some("http://example.com/SECRET".into()) };
        place.send(&config, &[notice(NoticeKind::GivenUp)]);
        place.send(&config, &[notice(NoticeKind::GivenUp)]);
        assert_eq!(place.shown(), 1);
        let journal = place.journal();
        assert_eq!(journal.matches(r#""event":"notify-failed""#).count(), 2, "{journal}");
        assert!(journal.contains("must be https") && !journal.contains("SECRET"), "{journal}");
    }

    #[test]
    fn with_notifications_disabled_nothing_is_shown_or_recorded() {
        let place = Place::new("");
        place.send(&Notify { desktop: false, webhook: None }, &[notice(NoticeKind::Held)]);
        assert!(!place.state.root().exists());
        place.send(&Notify::default(), &[notice(NoticeKind::Held)]);
        assert_eq!(place.shown(), 1);
    }

    #[test]
    fn a_notice_that_cannot_be_recorded_is_not_sent() {
        let place = Place::new("");
        std::fs::create_dir_all(place.state.root()).unwrap();
        std::fs::write(place.state.notices(), "{\"version\":9}").unwrap();
        place.send(&Notify::default(), &[notice(NoticeKind::Held)]);
        assert_eq!(place.shown(), 0);
        assert!(place.journal().contains("newer version"), "{}", place.journal());
    }
}
