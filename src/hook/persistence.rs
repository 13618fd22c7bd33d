//! Checks whether the turn that just ended is saved: searches the transcript for the answer, and reports once
//! per session that the client does not write it.
//!
//! No client shows the output of an asynchronous hook (measured with 2.1.329, in a terminal and in a stream),
//! and a synchronous hook would delay every turn. So the hook at the end of a turn creates a flag file, and
//! the hook before the next prompt removes the file and prints the warning. The shell line of that hook does
//! nothing but test for the file. Clients show its `systemMessage` below the prompt and do not send it to the
//! model (2.1.329, 2.1.250, 2.1.200 and 2.1.120 in a terminal; the first two in a stream as well, 2.1.200
//! not). A notification, the status line and `doctor` report it as well.

use super::{Hook, HookReply};
use crate::config::Config;
use crate::error::Result;
use crate::notify::{self, Notice, NoticeKind};
use crate::redact::clean_line;
use crate::report::recall::typed;
use crate::store::flag::Flags;
use crate::store::journal;
use crate::store::lock::Lock;
use crate::store::stored::{load, peek};
use crate::watch::saving::{Marker, MissedAnswer, Unsaved, UnsavedReason, check_answer_saved};
use crate::watch::shadow::{self, ShadowEntry, ShadowSpeaker};
use crate::world::World;
use chrono::TimeDelta;
use serde_json::json;
use std::path::Path;
use std::time::Duration;

/// Initial and maximum pause between two checks of a transcript that lacks the answer.
const FIRST_STEP: Duration = Duration::from_millis(50);
const LONGEST_STEP: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(2);
/// Age at which a flag file that no hook removed is deleted, because its session has ended.
const OLD: TimeDelta = TimeDelta::days(7);
/// Longest transcript path that is shown, in characters.
const LONGEST_PATH: usize = 1_000;

impl Hook<'_> {
    /// Handles `Stop`: searches the transcript for the answer, and returns as soon as it is found.
    pub(super) fn watch_saving(&self) {
        let said = self.payload.last_message.as_deref().filter(|said| !said.trim().is_empty());
        let Some(said) = said.filter(|_| !self.in_run() && !self.payload.subagent) else {
            return;
        };
        let watched = match check_answer_saved(&self.payload.transcript, said, self.world.clock.now()) {
            Ok(()) => self.is_saved(),
            Err(why) => self.wait_for(said, why),
        };
        if let Err(error) = watched {
            self.failed(&error);
        }
    }

    /// Returns whether an option, a variable or the parent session shows that the client writes no
    /// transcript.
    pub(super) fn saves_nothing(&self) -> bool {
        !self.markers().is_empty()
    }

    fn markers(&self) -> Vec<Marker> {
        let World { env, processes, .. } = self.world;
        Marker::of_client(env, processes, env.claude_pid())
    }

    /// Waits for an answer that the transcript does not contain yet, and reports it if it never arrives.
    fn wait_for(&self, said: &str, why: UnsavedReason) -> Result<()> {
        let config = self.config();
        if !config.saving.watch {
            return Ok(());
        }
        let Hook { world, payload, .. } = self;
        let ended_at = world.clock.now();
        let markers = self.markers();
        // Do not wait for a client that declares itself unsaved and has no transcript.
        let patience = if why == UnsavedReason::NoTranscript && !markers.is_empty() {
            Duration::ZERO
        } else {
            Duration::from_secs_f64(config.saving.wait_seconds)
        };
        let started = world.clock.since_boot();
        let (mut why, mut step) = (why, FIRST_STEP);
        loop {
            let left = patience.saturating_sub(world.clock.since_boot().saturating_sub(started));
            if left.is_zero() {
                break;
            }
            world.clock.sleep(step.min(left));
            step = (step * 2).min(LONGEST_STEP);
            match check_answer_saved(&payload.transcript, said, ended_at) {
                Ok(()) => return self.is_saved(),
                Err(now) => why = now,
            }
        }
        let miss = MissedAnswer {
            session: &payload.session,
            transcript: &payload.transcript,
            project: self.project_dir(),
            why,
            markers,
            at: ended_at,
        };
        self.missed(said, miss, config)
    }

    fn missed(&self, said: &str, miss: MissedAnswer<'_>, config: &Config) -> Result<()> {
        let Hook { world, state, payload, .. } = self;
        let lease = Lock::wait(&state.watch_lease(&payload.session), PATIENCE)?;
        let at = miss.at;
        let mut unsaved = Unsaved::with(state, miss)?;
        let report = unsaved.reported_at.is_none() && unsaved.is_certain();
        if report {
            unsaved.reported_at = Some(world.clock.now());
        }
        unsaved.save(state)?;
        // The user disabled saving on purpose, so the shadow log stores nothing either.
        if config.saving.shadow_log && !unsaved.is_deliberate() {
            let typed = typed(self.home, &payload.session).into_iter();
            let mut fresh: Vec<ShadowEntry> = typed
                .map(|prompt| ShadowEntry::new(ShadowSpeaker::Person, &prompt.text, prompt.at))
                .collect();
            fresh.push(ShadowEntry::new(ShadowSpeaker::Claude, said, Some(at)));
            shadow::append_to_shadow_log(state, &payload.session, fresh)?;
        }
        if !report {
            return Ok(());
        }
        // A program that disables saving on purpose has no user to warn.
        let printed = world.env.text("CLAUDE_CODE_ENTRYPOINT").is_some_and(|name| name.starts_with("sdk"));
        let told = !(unsaved.is_deliberate() && printed);
        let flag = if told { self.leave_warning() } else { Ok(None) };
        drop(lease);
        let mut fields = json!({
            "session": payload.session, "transcript": payload.transcript.to_string_lossy(), "why": unsaved.why,
            "markers": unsaved.markers,
        });
        match flag {
            Ok(flag) => fields["flag"] = json!(flag),
            Err(error) => fields["notFlagged"] = json!(error.to_string()),
        }
        journal::append(state, world.clock, "not-saved", fields);
        if told {
            notify::send(self.world, &config.notify, state, &[notice(&unsaved)]);
        }
        Ok(())
    }

    /// Creates the session's flag file under the session's lease, and returns its path.
    fn leave_warning(&self) -> std::io::Result<Option<String>> {
        let session = &self.payload.session;
        let Some(flags) = self.flags() else { return Ok(None) };
        flags.sweep(self.world.clock.now() - OLD);
        flags.raise(session, self.within)?;
        Ok(Some(flags.dir().join(session).to_string_lossy().into_owned()))
    }

    /// Returns the flag directory that the shell lines of these hooks check.
    pub(super) fn flags(&self) -> Option<Flags> {
        self.launcher.as_deref().map(Flags::of_launcher)
    }

    /// Handles `UserPromptSubmit`: prints the warning once if the session's flag is set. It waits for a
    /// prompt that the user typed, because the answer to any other prompt may go unread.
    pub(super) fn warn(&self) -> HookReply {
        let Hook { world, state, payload, .. } = self;
        if self.in_run() || !payload.typed {
            return HookReply::silent();
        }
        if !self.flags().is_some_and(|flags| flags.lower(&payload.session)) {
            return HookReply::silent();
        }
        let known = peek::<Unsaved>(&state.saving(&payload.session)).ok().flatten();
        let Some(unsaved) = known.filter(Unsaved::is_still_unsaved) else { return HookReply::silent() };
        let fields = json!({"session": payload.session, "kind": NoticeKind::NotSaved, "way": "prompt", "why": Option::<&str>::None});
        journal::append(state, world.clock, "notified", fields);
        let message = json!({"systemMessage": warning(&unsaved)});
        HookReply { stdout: Some(message.to_string()), ..HookReply::silent() }
    }

    /// Removes the session's flag. A run of this tool leaves the flag in place, so that the user sees the
    /// warning.
    pub(super) fn forget_warning(&self) {
        let flags = self.flags().filter(Flags::exist);
        if let Some(flags) = flags
            && !self.in_run()
        {
            let _ = flags.lower(&self.payload.session);
            flags.sweep(self.world.clock.now() - OLD);
        }
    }

    /// Records that an answer was saved, which ends an earlier report of missing answers.
    fn is_saved(&self) -> Result<()> {
        let Hook { world, state, payload, .. } = self;
        let path = state.saving(&payload.session);
        if !path.exists() {
            return Ok(());
        }
        let _lease = Lock::wait(&state.watch_lease(&payload.session), PATIENCE)?;
        let Some(mut unsaved) = load::<Unsaved>(state, &path)?.found() else { return Ok(()) };
        if unsaved.saved_again_at.is_some() {
            return Ok(());
        }
        unsaved.saved_again_at = Some(world.clock.now());
        unsaved.save(state)?;
        self.forget_warning();
        journal::append(state, world.clock, "saved-again", json!({"session": payload.session}));
        Ok(())
    }
}

fn notice(unsaved: &Unsaved) -> Notice {
    Notice::new(NoticeKind::NotSaved, &unsaved.session, 0, None, unsaved.project.as_deref())
}

/// Returns the full warning: the text of the notice, the facts and the next step.
fn warning(unsaved: &Unsaved) -> String {
    let notice = notice(unsaved);
    format!(
        "cc-session-recover: {}. Its conversation is not written to {}: {}. {} Next: {}.",
        notice.heading(),
        shown(&unsaved.transcript),
        unsaved.facts(),
        notice.sentence(),
        unsaved.next(),
    )
}

/// Sanitizes and shortens a path for display.
fn shown(path: &Path) -> String {
    clean_line(&path.to_string_lossy(), LONGEST_PATH)
}
