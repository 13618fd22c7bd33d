//! Links the files of a session into the state directory, so that Claude Code's retention sweep cannot
//! delete the only copy.

use super::Hook;
use crate::keep::{KeepSource, keep, kept_of, loss_of};
use crate::notify::{self, Notice, NoticeKind};
use crate::store::journal;
use serde_json::json;

impl Hook<'_> {
    /// Links the session's new files. A failure never affects the turn. The journal records it, and `doctor`
    /// reports it.
    pub(super) fn keep_files(&self) {
        if !self.config().retention.keep || self.enabled.keep == Some(false) {
            return;
        }
        let source = KeepSource {
            session: &self.payload.session,
            transcript: &self.payload.transcript,
            home: self.home,
            cwd: self.payload.cwd.as_deref(),
        };
        match keep(self.state, self.world.clock, &source) {
            Ok(outcome) => {
                for error in &outcome.failures {
                    self.failed(error);
                }
                if let Some(generation) = self.lost_generation(outcome.replaced || outcome.shorter) {
                    let fields = json!({
                        "session": self.payload.session, "replaced": outcome.replaced, "shorter": outcome.shorter,
                    });
                    journal::append(self.state, self.world.clock, "transcript-changed", fields);
                    let project = self.project_dir();
                    let notice = Notice::new(
                        NoticeKind::TranscriptLost,
                        &self.payload.session,
                        generation,
                        None,
                        project.as_deref(),
                    );
                    notify::send(self.world, &self.config().notify, self.state, &[notice]);
                }
            }
            Err(error) => {
                self.failed(&error);
            }
        }
    }

    /// Returns the number of retained generations of the transcript if the file was replaced or shortened and
    /// lacks records that an earlier generation had.
    fn lost_generation(&self, changed: bool) -> Option<u64> {
        let kept = changed.then(|| kept_of(self.state, &self.payload.session).ok().flatten())?;
        loss_of(&self.payload.transcript, kept.as_ref())?;
        Some(kept.map_or(0, |kept| kept.transcripts().len() as u64))
    }
}
