//! Stores which sessions the user paused.

use crate::error::Result;
use crate::store::StateDir;
use crate::store::lock::Lock;
use crate::store::stored::{Loaded, Stored, load, peek, save};
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
    /// Returns whether the session is paused, so that nothing may resume it.
    #[must_use]
    pub fn holds(&self, session: &str) -> bool {
        self.all || self.sessions.contains(session)
    }

    /// Pauses every session.
    fn everything() -> Self {
        Self { all: true, ..Self::default() }
    }

    /// Reads the sessions that are currently paused. If the file is damaged, unreadable or written by a newer
    /// version, every session counts as paused, because no one knows which of them the user paused.
    #[must_use]
    pub fn read(state: &StateDir) -> Self {
        peek::<Self>(&state.paused()).map_or_else(|_| Self::everything(), Option::unwrap_or_default)
    }

    /// Pauses a session or, with `None`, all sessions, or ends that pause. Returns whether this changed
    /// anything.
    ///
    /// # Errors
    /// [`Code::StateLocked`], [`Code::Io`].
    pub fn change(state: &StateDir, session: Option<&str>, pause: bool) -> Result<bool> {
        let _lock = Lock::wait(&state.project_lock("paused"), std::time::Duration::from_secs(2))?;
        let loaded = load::<Self>(state, &state.paused())?;
        let damaged = matches!(loaded, Loaded::Damaged(_));
        let mut paused = if damaged { Self::everything() } else { loaded.found().unwrap_or_default() };
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
        // A damaged file is in quarantine by now, and without a new one nothing would be paused.
        if changed || damaged {
            save(&state.paused(), &paused)?;
        }
        Ok(changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    const ONE: &str = "00000001-0000-4000-8000-000000000001";
    const OTHER: &str = "00000002-0000-4000-8000-000000000001";

    #[test]
    fn a_file_that_cannot_be_read_pauses_every_session_until_the_user_ends_that() {
        let of = |paused: &Paused| (paused.holds(ONE), paused.holds(OTHER));
        for (session, pause, after) in [
            (None, false, (false, false)),
            (None, true, (true, true)),
            (Some(ONE), true, (true, true)),
            (Some(ONE), false, (true, true)),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let state = StateDir::new(dir.path());
            assert_eq!(of(&Paused::read(&state)), (false, false), "without a file");
            Paused::change(&state, Some(ONE), true).unwrap();
            assert_eq!(of(&Paused::read(&state)), (true, false));
            let whole = std::fs::read(state.paused()).unwrap();
            std::fs::write(state.paused(), &whole[..whole.len() / 2]).unwrap();
            assert_eq!(of(&Paused::read(&state)), (true, true), "half a file");
            Paused::change(&state, session, pause).unwrap();
            assert_eq!(of(&Paused::read(&state)), after, "{session:?} {pause}");
            assert!(peek::<Paused>(&state.paused()).unwrap().is_some(), "{session:?} {pause}");
            std::fs::write(state.paused(), r#"{"version":99}"#).unwrap();
            assert_eq!(of(&Paused::read(&state)), (true, true), "a newer version");
            assert_eq!(Paused::change(&state, None, false).unwrap_err().code, Code::StateNewer);
        }
    }
}
