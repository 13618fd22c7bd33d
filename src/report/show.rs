//! Reports everything about one session.

use super::find::{SessionOptions, find_readable};
use super::inventory::{Inventory, InventoryRow, ReportContext, thorough};
use super::remains::Remains;
use super::session::{ConflictCopy, Session, SessionWorkflow};
use crate::claude::glance::{glance, kind_of};
use crate::claude::transcript::{Backwards, Transcript};
use crate::error::Result;
use crate::session::prompt::{may_hold_prompt, prompt_of};
use crate::session::replay::replayed;
use crate::session::state::settle;
use crate::session::summary::Depth;
use crate::world::World;
use std::path::Path;

/// Reports everything about the matching session.
///
/// # Errors
///
/// Returns the errors of [`find`], and [`crate::error::Code::ProjectNotFound`].
pub fn show(world: World<'_>, options: &SessionOptions) -> Result<Session> {
    let project = options
        .project
        .as_deref()
        .map(|dir| crate::report::find_project::project_named(world, dir))
        .transpose()?;
    let ground = ReportContext::read(world, project.as_deref())?;
    let inventory = Inventory::take(&ground, project.as_deref())?;
    whole(&inventory, find_readable(&inventory, options)?)
}

/// Describes the session with this transcript, without reading any other.
///
/// # Errors
///
/// Returns the errors of [`show`].
pub fn show_at(world: World<'_>, transcript: &Path) -> Result<Session> {
    let ground = ReportContext::read(world, None)?;
    let mut inventory = Inventory::open(&ground);
    let mut found = inventory.find(None);
    let id = found.iter().find(|one| one.is_at(transcript)).map(|one| one.id().to_owned());
    // Retains its copies, which are part of the report.
    found.retain(|one| Some(one.id()) == id.as_deref());
    inventory.read(found, Depth::Row)?;
    if let Some(row) = inventory.rows.iter().find(|row| row.found.is_at(transcript)) {
        return whole(&inventory, row);
    }
    // Falls back to a session that only exists among the kept files.
    let session = Some(transcript.to_string_lossy().into_owned());
    show(world, &SessionOptions { session, ..SessionOptions::default() })
}

/// Describes a session with everything that a list omits.
///
/// # Errors
///
/// Returns the errors of opening the transcript.
pub fn whole(inventory: &Inventory<'_>, row: &InventoryRow) -> Result<Session> {
    let owner = inventory.owner(&row.found);
    let liveness = inventory.liveness(row);
    let mut summary = thorough(&row.found.path, liveness)?;
    if let Some(owner) = owner {
        settle(&mut summary, owner);
    }
    let row = InventoryRow { found: row.found.clone(), summary: Box::new(summary) };
    let mut session = inventory.report(&row);
    session.turns = Some(turns(&row.found.path)?);
    if let Ok(transcript) = Transcript::open(&row.found.path) {
        session.workflows = SessionWorkflow::of(&transcript, &row.found.path);
    }
    session.copies = inventory.copies(&row);
    session.conflict_copies = row
        .found
        .conflict_copies()
        .into_iter()
        .filter(|path| *path != row.found.path)
        .map(ConflictCopy::at)
        .collect();
    session.remains = Remains::of(inventory, &row);
    session.loss = inventory.loss(&row.found);
    Ok(session)
}

/// Counts the prompts of a conversation. Reads the whole file.
fn turns(path: &Path) -> Result<u64> {
    let transcript = Transcript::open(path)?;
    let mut lines = Backwards::default();
    lines.begin(transcript.bytes());
    let replayed = replayed(&transcript, 0);
    let mut count = 0;
    while let Some((offset, line)) = lines.next(transcript.file()) {
        if may_hold_prompt(kind_of(line), line) && !replayed.contains(&offset) {
            count += glance(offset, line).filter(|record| prompt_of(record).is_some()).count() as u64;
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_glued_to_a_tool_result_counts_as_a_turn_and_the_result_alone_does_not() {
        let result = r#"{"type":"user","message":{"content":[{"tool_use_id":"t","type":"tool_result","content":"a"}]}}"#;
        let prompt = r#"{"type":"user","message":{"role":"user","content":"go on"}}"#;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.jsonl");
        for (lines, count) in
            [(format!("{prompt}\n{result}\n"), 1), (format!("{prompt}\n{result}{prompt}\n"), 2)]
        {
            std::fs::write(&path, lines).unwrap();
            assert_eq!(turns(&path).unwrap(), count);
        }
    }
}
