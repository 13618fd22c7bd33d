//! Hooks that watch the context size at the end of a turn and before a compaction: they keep a lossless copy
//! of the transcript while it is complete, and notify the user.

use super::Hook;
use crate::claude::transcript::Transcript;
use crate::config::Config;
use crate::error::Result;
use crate::notify::{self, Notice, NoticeKind};
use crate::session::summary::Summary;
use crate::store::journal;
use crate::store::lock::Lock;
use crate::store::snapshot;
use crate::watch::context::{Passed, check_context_size};
use crate::watch::weight::{Advice, ContextSize};
use serde_json::json;

/// Maximum number of copies per session for each reason. Each copy is as large as the transcript was, and a
/// long session is compacted often.
const MOST_COPIES: usize = 3;

impl Hook<'_> {
    /// Handles `Stop`: acts once each time the context passes a configured limit.
    pub(super) fn watch_context(&self) {
        if self.in_run() || self.payload.subagent {
            return;
        }
        let Ok(transcript) = Transcript::open(&self.payload.transcript) else { return };
        let config = self.config();
        let Some((context, summary)) = check_context_size(&transcript, &config.context, self.state) else {
            return;
        };
        let Some(advice) = context.advice.filter(|advice| *advice != Advice::Healthy) else { return };
        if let Err(error) = self.pass(advice, &context, &summary, config) {
            self.failed(&error);
        }
    }

    /// Handles `PreCompact`: copies the transcript before the client replaces the conversation with a
    /// summary.
    pub(super) fn before_compaction(&self) {
        if !self.payload.subagent {
            self.keep_copy("compact");
        }
    }

    fn pass(&self, advice: Advice, context: &ContextSize, summary: &Summary, config: &Config) -> Result<()> {
        let session = &self.payload.session;
        // Another hook that has the lease handles the same turn or a later one.
        let Some(lease) = Lock::try_take(&self.state.watch_lease(session))? else { return Ok(()) };
        let mut passed = Passed::of(self.state, session)?;
        if !passed.note(advice, self.world.clock.now()) {
            return Ok(());
        }
        // Saved before the copy is made, so that a copy that fails is not retried after every turn.
        passed.save(self.state)?;
        drop(lease);
        let (kind, name) = match advice {
            Advice::Bloated => (NoticeKind::ContextBloated, "bloated"),
            Advice::Large | Advice::Healthy => (NoticeKind::ContextLarge, "large"),
        };
        let fields = json!({
            "session": session, "advice": advice, "tokens": context.tokens, "window": context.window,
            "percent": context.percent, "next": context.next,
        });
        journal::append(self.state, self.world.clock, "context", fields);
        self.keep_copy(name);
        let project = self.project_dir();
        let notice = Notice::new(kind, session, 0, summary.title.as_deref(), project.as_deref());
        notify::send(self.world, &config.notify, self.state, &[notice]);
        Ok(())
    }

    /// Makes a verified copy of the current transcript. A failure is only recorded in the journal.
    fn keep_copy(&self, why: &str) {
        let Self { world, state, payload, .. } = self;
        let name = format!("{}-{why}", world.clock.now().format("%Y%m%dT%H%M%S%3fZ"));
        match snapshot::take(state, &payload.session, &payload.transcript, &name) {
            Ok(taken) => {
                let fields = json!({"session": payload.session, "name": name, "bytes": taken.bytes, "sha256": taken.sha256});
                journal::append(state, world.clock, "snapshot", fields);
                if let Err(error) = snapshot::bound(state, &payload.session, why, MOST_COPIES) {
                    self.failed(&error);
                }
            }
            Err(error) => {
                self.failed(&error);
            }
        }
    }
}
