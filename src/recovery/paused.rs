//! Which sessions the user paused.

use crate::error::Result;
use crate::store::StateDir;
use crate::store::lock::Lock;
use crate::store::stored::{Stored, load, peek, save};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The sessions that the user paused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Paused {
    pub version: u32,
    pub all: bool,
    pub sessions: BTreeSet<String>,
}

impl Stored for Paused {
    const VERSION: u32 = 1;
}

impl Paused {
    /// Whether the session is paused, so that nothing may resume it.
    #[must_use]
    pub fn holds(&self, session: &str) -> bool {
        self.all || self.sessions.contains(session)
    }

    /// Reads the sessions that are currently paused.
    #[must_use]
    pub fn read(state: &StateDir) -> Self {
        peek::<Self>(&state.paused()).ok().flatten().unwrap_or_default()
    }

    /// Pauses a session, or everything (`None`), or ends that pause. Returns whether this changed anything.
    ///
    /// # Errors
    /// [`Code::StateLocked`], [`Code::Io`].
    pub fn change(state: &StateDir, session: Option<&str>, pause: bool) -> Result<bool> {
        let _lock = Lock::wait(&state.project_lock("paused"), std::time::Duration::from_secs(2))?;
        let mut paused = load::<Self>(state, &state.paused())?.found().unwrap_or_default();
        let before = paused.clone();
        match session {
            None => {
                paused.all = pause;
                if !pause {
                    paused.sessions.clear();
                }
            }
            Some(session) if pause => {
                paused.sessions.insert(session.to_owned());
            }
            Some(session) => {
                paused.sessions.remove(session);
            }
        }
        paused.version = Self::VERSION;
        let changed = paused.all != before.all || paused.sessions != before.sessions;
        if changed {
            save(&state.paused(), &paused)?;
        }
        Ok(changed)
    }
}
