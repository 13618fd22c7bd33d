//! Whether the turn that just ended is saved: its answer is looked for in the transcript, and a client that does not write it is
//! reported, once in a session.
//!
//! What an asynchronous hook prints is shown by no client (tried with 2.1.329, in a terminal and in a stream), so the person
//! is told by a notification, by the status line and by `doctor`.

use super::Hook;
use crate::error::Result;
use crate::notify::{self, Kind, Notice};
use crate::recovery::config::Config;
use crate::report::recall::typed;
use crate::store::journal;
use crate::store::lock::Lock;
use crate::store::stored::load;
use crate::watch::saving::{Marker, Miss, Unsaved, Why, look};
use crate::watch::shadow::{self, Said, Who};
use serde_json::json;
use std::time::Duration;

/// Between two looks at a transcript that does not hold the answer yet: first, and at most.
const FIRST_STEP: Duration = Duration::from_millis(50);
const LONGEST_STEP: Duration = Duration::from_secs(1);
/// Longest wait for another hook of the same session.
const PATIENCE: Duration = Duration::from_secs(2);

impl Hook<'_> {
    /// `Stop`: looks for the answer. Returns as soon as it is there.
    pub(super) fn watch_saving(&self) {
        let said = self.payload.last_message.as_deref().filter(|said| !said.trim().is_empty());
        let Some(said) = said.filter(|_| !self.outside.env.in_attempt() && !self.payload.subagent) else {
            return;
        };
        let watched = match look(&self.payload.transcript, said, self.outside.clock.now()) {
            Ok(()) => self.is_saved(),
            Err(why) => self.wait_for(said, why),
        };
        if let Err(error) = watched {
            self.failed(&error);
        }
    }

    /// The answer is not there yet, or never will be.
    fn wait_for(&self, said: &str, why: Why) -> Result<()> {
        let config = self.config();
        if !config.saving.watch {
            return Ok(());
        }
        let Hook { outside, payload, .. } = self;
        let ended_at = outside.clock.now();
        let markers = Marker::of_client(outside.env, outside.processes, outside.env.claude_pid());
        // Who says that nothing is saved is believed where nothing is there.
        let patience = if why == Why::NoTranscript && !markers.is_empty() {
            Duration::ZERO
        } else {
            Duration::from_secs_f64(config.saving.wait_seconds)
        };
        let started = outside.clock.since_boot();
        let (mut why, mut step) = (why, FIRST_STEP);
        loop {
            let left = patience.saturating_sub(outside.clock.since_boot().saturating_sub(started));
            if left.is_zero() {
                break;
            }
            outside.clock.sleep(step.min(left));
            step = (step * 2).min(LONGEST_STEP);
            match look(&payload.transcript, said, ended_at) {
                Ok(()) => return self.is_saved(),
                Err(now) => why = now,
            }
        }
        let miss = Miss {
            session: &payload.session,
            transcript: &payload.transcript,
            project: self.project_dir(),
            why,
            markers,
            at: ended_at,
        };
        self.missed(said, miss, &config)
    }

    fn missed(&self, said: &str, miss: Miss<'_>, config: &Config) -> Result<()> {
        let Hook { outside, state, payload, .. } = self;
        let lease = Lock::wait(&state.watch_lease(&payload.session), PATIENCE)?;
        let at = miss.at;
        let mut unsaved = Unsaved::with(state, miss)?;
        let report = unsaved.reported_at.is_none() && unsaved.is_certain();
        if report {
            unsaved.reported_at = Some(outside.clock.now());
        }
        unsaved.save(state)?;
        // What a person does not want to be kept is not kept elsewhere.
        if config.saving.shadow_log && !unsaved.is_deliberate() {
            let typed = typed(self.home, &payload.session).into_iter();
            let mut fresh: Vec<Said> =
                typed.map(|prompt| Said::new(Who::Person, &prompt.text, prompt.at)).collect();
            fresh.push(Said::new(Who::Claude, said, Some(at)));
            shadow::keep(state, &payload.session, fresh)?;
        }
        drop(lease);
        if !report {
            return Ok(());
        }
        let fields = json!({
            "session": payload.session, "transcript": payload.transcript.to_string_lossy(), "why": unsaved.why,
            "markers": unsaved.markers,
        });
        journal::append(state, outside.clock, "not-saved", fields);
        // A program that says so on purpose has nobody to be told.
        let printed = outside.env.text("CLAUDE_CODE_ENTRYPOINT").is_some_and(|name| name.starts_with("sdk"));
        if !(unsaved.is_deliberate() && printed) {
            let notice = Notice::new(Kind::NotSaved, &payload.session, 0, None, unsaved.project.as_deref());
            notify::send(self.seen(), &config.notify, state, &[notice]);
        }
        Ok(())
    }

    /// The answer is there. Where earlier ones were missing, that is over.
    fn is_saved(&self) -> Result<()> {
        let Hook { outside, state, payload, .. } = self;
        let path = state.saving(&payload.session);
        if !path.exists() {
            return Ok(());
        }
        let _lease = Lock::wait(&state.watch_lease(&payload.session), PATIENCE)?;
        let Some(mut unsaved) = load::<Unsaved>(state, &path)?.found() else { return Ok(()) };
        if unsaved.saved_again_at.is_some() {
            return Ok(());
        }
        unsaved.saved_again_at = Some(outside.clock.now());
        unsaved.save(state)?;
        journal::append(state, outside.clock, "saved-again", json!({"session": payload.session}));
        Ok(())
    }
}
