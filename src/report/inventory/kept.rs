//! Reads kept copies of sessions whose transcript is gone or shorter.

use super::{Inventory, InventoryRow, thorough};
use crate::claude::home::ClaudeHome;
use crate::error::{Code, Error, Result};
use crate::keep::{KeptAs, KeptEntry, KeptSession, LossKind, OpenedSession, kept_of, kept_register, loss_of};
use crate::report::session::TranscriptLoss;
use crate::session::ending::Liveness;
use crate::session::files::project_directories;
use crate::session::scan::{self, Found};
use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::path::Path;

impl Inventory<'_> {
    /// Returns whether no configuration directory has a transcript of the session, even outside the
    /// project of this inventory.
    #[must_use]
    pub fn is_gone(&self, session: &str) -> bool {
        let known = self.rows.iter().any(|row| row.found.id() == session);
        !known && !self.present().contains(session)
    }

    /// Reads a session whose transcript is gone from its kept copy, as a row. An inventory can have one such
    /// session open at a time.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`OpenedSession::open`] and of opening the transcript.
    pub fn read_kept(&self, kept: KeptSession) -> Result<&InventoryRow> {
        if let Some(opened) = self.opened.get() {
            return Ok(&opened.1);
        }
        let own = |home: &ClaudeHome| home.dir() == kept.config_dir;
        let home = self.homes.iter().position(own).unwrap_or_default();
        let opened = OpenedSession::open(&self.ground.state, kept)?;
        let named =
            || Error::new(Code::SessionNotFound, "is not named like a transcript").at(&opened.transcript);
        let found = opened.found(home).ok_or_else(named)?;
        let summary = Box::new(thorough(&found.path, Liveness::Gone)?);
        Ok(&self.opened.get_or_init(|| Box::new((opened, InventoryRow { found, summary }))).1)
    }

    /// Reads a kept session by its id, as [`read_kept`](Self::read_kept) does.
    ///
    /// # Errors
    ///
    /// Returns [`Code::SessionNotFound`] if it is not kept, and the errors of [`read_kept`](Self::read_kept).
    pub fn read_kept_of(&self, session: &str) -> Result<&InventoryRow> {
        let gone = || Error::new(Code::SessionNotFound, format!("session {session} is no longer kept"));
        self.read_kept(kept_of(&self.ground.state, session)?.ok_or_else(gone)?)
    }

    /// Removes the files that [`read_kept`](Self::read_kept) unpacked, so that the next kept
    /// session can be read.
    pub fn close_kept(&mut self) {
        self.opened = OnceCell::new();
    }

    /// Returns the kept sessions of this inventory's project whose transcript is gone.
    #[must_use]
    pub fn gone_kept(&self) -> Vec<KeptEntry> {
        self.gone_among(&self.present())
    }

    /// Returns what [`Inventory::gone_kept`] returns, given the ids of all transcripts.
    #[must_use]
    pub fn gone_among(&self, present: &BTreeSet<String>) -> Vec<KeptEntry> {
        let within = |entry: &KeptEntry| {
            let cwd = entry.cwd.as_deref().map(Path::new);
            self.project().is_none_or(|project| cwd.is_some_and(|cwd| cwd.starts_with(project)))
        };
        let mut kept = kept_register(&self.ground.state, &mut Vec::new());
        kept.retain(|entry| entry.is_gone() && within(entry) && !present.contains(&entry.session));
        kept
    }

    /// Returns the ids of all transcripts in all configuration directories.
    #[must_use]
    pub fn present(&self) -> BTreeSet<String> {
        let found = scan::find(&project_directories(&self.homes, &mut Vec::new())).found;
        found.iter().map(|one| one.id().to_owned()).collect()
    }

    /// Returns the kept session from which a row was read; `None` if its transcript exists.
    #[must_use]
    pub fn opened(&self, found: &Found) -> Option<&OpenedSession> {
        let (opened, row) = &**self.opened.get()?;
        (row.found.path == found.path).then_some(opened)
    }

    /// Returns the configuration directory that contains the files of a row.
    #[must_use]
    pub fn files_of(&self, row: &InventoryRow) -> &ClaudeHome {
        self.opened(&row.found).map_or(&self.homes[row.found.home], |opened| &opened.home)
    }

    /// Returns what the transcript of a session lost, and whether the kept copy still has it.
    #[must_use]
    pub fn loss(&self, found: &Found) -> Option<TranscriptLoss> {
        if self.opened(found).is_some() {
            return Some(TranscriptLoss { lost: LossKind::Gone, restorable: true });
        }
        let kept = kept_of(&self.ground.state, found.id()).ok().flatten();
        let lost = loss_of(&found.path, kept.as_ref())?;
        // A link becomes shorter together with the client's file.
        let restorable = kept.is_some_and(|kept| {
            let newest = kept.transcripts().last().map(|file| file.kept_as);
            kept.transcript == found.path && (lost != LossKind::Shorter || newest == Some(KeptAs::Frames))
        });
        Some(TranscriptLoss { lost, restorable })
    }
}
