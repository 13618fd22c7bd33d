//! Keeping the files of a session, so that Claude Code's retention sweep cannot delete the only copy.

use super::Hook;
use crate::keep::{KeepSource, keep};
use crate::store::journal;
use serde_json::json;

impl Hook<'_> {
    /// Links what is new of the session. A failure never reaches the turn: it is in the journal, and `doctor` reports it.
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
        match keep(self.state, self.outside.clock, &source) {
            Ok(outcome) => {
                for error in &outcome.failures {
                    self.failed(error);
                }
                if outcome.replaced || outcome.shorter {
                    let fields = json!({
                        "session": self.payload.session, "replaced": outcome.replaced, "shorter": outcome.shorter,
                    });
                    journal::append(self.state, self.outside.clock, "transcript-changed", fields);
                }
            }
            Err(error) => {
                self.failed(&error);
            }
        }
    }
}
