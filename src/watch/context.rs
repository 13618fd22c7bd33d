//! Records which of the two configured limits a session's context has passed, and for which of them this tool
//! has already acted.

use crate::claude::transcript::Transcript;
use crate::config::ContextConfig;
use crate::error::Result;
use crate::quota::seen_windows;
use crate::session::StopKind;
use crate::session::ending::Liveness;
use crate::session::stop::time_or_null;
use crate::session::summary::{Depth, Reader, Summary};
use crate::store::StateDir;
use crate::store::stored::{Stored, load, save};
use crate::watch::weight::{Advice, ContextSize};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Record of the context limits of a session for which this tool acted, once each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    pub version: u32,
    pub session: String,
    /// Time at which the context first passed the limit for `large`.
    #[serde(serialize_with = "time_or_null")]
    pub large: Option<DateTime<Utc>>,
    /// Time at which the context first passed the limit for `bloated`.
    #[serde(serialize_with = "time_or_null")]
    pub bloated: Option<DateTime<Utc>>,
}

impl Stored for Passed {
    const VERSION: u32 = 1;
}

impl Passed {
    /// Loads the record of a session; starts over if the file is missing or damaged.
    ///
    /// # Errors
    ///
    /// Returns [`crate::error::Code::StateNewer`], [`crate::error::Code::Io`].
    pub fn of(state: &StateDir, session: &str) -> Result<Self> {
        let known = load::<Self>(state, &state.context(session))?.found();
        Ok(known.unwrap_or_else(|| Self {
            version: Self::VERSION,
            session: session.to_owned(),
            large: None,
            bloated: None,
        }))
    }

    /// Returns whether this advice is new, and records it. A context that is bloated when first seen
    /// counts as large too.
    #[must_use]
    pub fn note(&mut self, advice: Advice, now: DateTime<Utc>) -> bool {
        let slot = match advice {
            Advice::Healthy => return false,
            Advice::Large => &mut self.large,
            Advice::Bloated => &mut self.bloated,
        };
        if slot.is_some() {
            return false;
        }
        *slot = Some(now);
        if advice == Advice::Bloated {
            self.large.get_or_insert(now);
        }
        true
    }

    /// Writes the record to its file.
    ///
    /// # Errors
    ///
    /// Returns [`crate::error::Code::Io`].
    pub fn save(&self, state: &StateDir) -> Result<()> {
        save(&state.context(&self.session), self)
    }
}

/// Reads the context size after the last real turn, with a summary of the transcript's end; `None` if
/// the size is unknown.
#[must_use]
pub fn check_context_size(
    transcript: &Transcript,
    limits: &ContextConfig,
    state: &StateDir,
) -> Option<(ContextSize, Summary)> {
    let summary = Reader::default().summarize(transcript, Liveness::Live(None), Depth::Row);
    let tokens = summary.context_tokens?;
    let full = summary.stop.kind == StopKind::ContextFull;
    let context = ContextSize::weighed(tokens, summary.model.as_deref(), full, limits, &seen_windows(state));
    Some((context, summary))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::parse_rfc3339;

    #[test]
    fn each_context_limit_triggers_once_and_the_higher_one_after_the_lower() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::new(dir.path());
        let now = parse_rfc3339("2026-11-21T02:00:00Z").unwrap();
        let note = |advice| {
            let mut passed = Passed::of(&state, "s").unwrap();
            let fresh = passed.note(advice, now);
            passed.save(&state).unwrap();
            fresh
        };
        let told =
            [Advice::Healthy, Advice::Large, Advice::Large, Advice::Bloated, Advice::Bloated, Advice::Large]
                .map(note);
        assert_eq!(told, [false, true, false, true, false, false]);
    }

    #[test]
    fn a_context_that_skips_the_lower_limit_triggers_once() {
        let now = parse_rfc3339("2026-11-21T02:00:00Z").unwrap();
        let mut passed = Passed { version: 1, session: "s".into(), large: None, bloated: None };
        assert!(passed.note(Advice::Bloated, now) && !passed.note(Advice::Large, now));
    }
}
