//! Everything about one session.

use super::find::{SessionOptions, find};
use super::inventory::{Ground, Inventory, Outside, Row, thorough};
use super::session::Session;
use crate::claude::glance::{Kind, glance, kind_of};
use crate::claude::record::Body;
use crate::claude::transcript::{Backwards, Transcript};
use crate::error::Result;
use crate::session::ending::is_prompt;
use crate::session::state::settle;
use std::path::Path;

/// Shows.
///
/// # Errors
/// Those of [`find`], and [`crate::error::Code::ProjectNotFound`].
pub fn show(outside: Outside<'_>, options: &SessionOptions) -> Result<Session> {
    let project = options.project.as_deref().map(super::list::directory).transpose()?;
    let ground = Ground::read(outside, project.as_deref())?;
    let inventory = Inventory::take(&ground, project.as_deref());
    whole(&inventory, find(&inventory, options)?)
}

/// A report with everything that a list leaves out.
///
/// # Errors
/// Those of opening the transcript.
pub fn whole(inventory: &Inventory<'_>, row: &Row) -> Result<Session> {
    let holder = inventory.holder(&row.found);
    let liveness = inventory.liveness(row);
    let mut summary = thorough(&row.found.path, liveness)?;
    if let Some(holder) = holder {
        settle(&mut summary, holder);
    }
    let mut session = inventory.report(&Row { found: row.found.clone(), summary: Box::new(summary) });
    session.turns = Some(turns(&row.found.path)?);
    Ok(session)
}

/// Prompts of a conversation. Reads the whole file.
fn turns(path: &Path) -> Result<u64> {
    let transcript = Transcript::open(path)?;
    let mut lines = Backwards::default();
    lines.begin(transcript.bytes());
    let mut count = 0;
    while let Some((offset, line)) = lines.next(transcript.file()) {
        // What a tool gave back is the bulk of a file and no prompt.
        let result = memchr::memmem::find(line, b"\"tool_use_id\"").is_some();
        if result || !matches!(kind_of(line), Kind::User | Kind::Message | Kind::Unknown) {
            continue;
        }
        for record in glance(offset, line) {
            if let Body::User(user) = &record.body
                && !record.head.sidechain
                && !user.meta
                && is_prompt(user)
            {
                count += 1;
            }
        }
    }
    Ok(count)
}
