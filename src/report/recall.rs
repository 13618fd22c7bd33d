//! Lists recent work, session by session, from titles and prompts.

use super::gone::{GoneLeft, GoneSession, gone_sessions};
use super::inventory::{Inventory, InventoryRow, ReportContext};
use super::session::Session;
use crate::claude::glance::{glance, kind_of};
use crate::claude::home::{ClaudeHome, is_session_id};
use crate::claude::record::Record;
use crate::claude::transcript::{Backwards, Transcript};
use crate::claude::wording::own_words;
use crate::clock::{from_epoch_millis, since};
use crate::error::Result;
use crate::keep::{OpenedSession, kept_of};
use crate::problem::Problem;
use crate::session::StopKind;
use crate::session::prompt::{may_hold_prompt, prompt_of};
use crate::session::replay::replayed;
use crate::session::stop::{time, time_or_null};
use crate::text::one_line;
use crate::world::World;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::path::{Path, PathBuf};

/// Schema name and version of this object.
const SCHEMA: &str = "cc-session-recover/recall@1";
/// Default number of sessions.
const RECENT: usize = 20;
/// Number of latest prompts per session.
const LATEST: usize = 3;
/// Maximum length of a prompt, in characters.
const LONGEST: usize = 400;
/// Number of bytes at the start of a transcript that are searched for the first prompt.
const HEAD: u64 = 256 * 1024;
/// Number of bytes at the end of a transcript that are searched for the latest prompts.
const TAIL: u64 = 4 * 1024 * 1024;

/// Which prompts `recall` lists.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct RecallOptions {
    /// Number of sessions; 20 if absent.
    pub recent: Option<usize>,
    pub project: Option<PathBuf>,
    /// Only sessions active since this time.
    pub since: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RecalledPrompt {
    /// The prompt, on one line.
    pub text: String,
    /// Time at which the prompt was typed.
    #[serde(serialize_with = "time_or_null")]
    pub at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Recalled {
    /// Session to which the prompts belong.
    pub session: Session,
    /// First and latest prompts, oldest first.
    pub prompts: Vec<RecalledPrompt>,
}

/// Result of `recall`, schema `cc-session-recover/recall@1`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RecallReport {
    /// Schema name and version of this object.
    #[cfg_attr(test, ts(type = "'cc-session-recover/recall@1'"))]
    pub schema: &'static str,
    /// Time when this result was generated, RFC 3339.
    #[serde(serialize_with = "time")]
    pub generated_at: DateTime<Utc>,
    /// Sessions sorted by time, latest first.
    pub recalled: Vec<Recalled>,
    /// Sessions whose transcript is gone but of which some prompts or messages are left, latest first.
    pub gone: Vec<GoneSession>,
    /// Files that could not be read, and why.
    pub problems: Vec<Problem>,
}

/// Lists recently active sessions with their prompts.
///
/// # Errors
///
/// Returns [`crate::error::Code::ProjectNotFound`], [`crate::error::Code::Usage`] for an invalid time.
pub fn recall(world: World<'_>, options: &RecallOptions) -> Result<RecallReport> {
    let after = options.since.as_deref().map(|text| since(text, world.clock.now())).transpose()?;
    let asked = options.project.as_deref().map(|dir| super::status::asked(world, dir)).transpose()?;
    let project = asked.map(|asked| asked.dir);
    let ground = ReportContext::read(world, project.as_deref())?;
    let inventory = Inventory::take(&ground, project.as_deref())?;
    let mut rows: Vec<&InventoryRow> = inventory
        .rows
        .iter()
        // A session without a conversation counts as no work, whatever was typed.
        .filter(|row| row.summary.stop.kind != StopKind::Empty)
        .filter(|row| after.is_none_or(|after| inventory.active_at(row).is_some_and(|at| at >= after)))
        .collect();
    rows.sort_by_cached_key(|row| Reverse(inventory.active_at(row)));
    let told = |row: &InventoryRow| {
        let mut found = prompts(&row.found.path);
        if found.is_empty() {
            found = typed(&inventory.homes[row.found.home], row.found.id());
        }
        (!found.is_empty()).then_some(found)
    };
    let recalled = rows
        .into_iter()
        .filter_map(|row| told(row).map(|prompts| (row, prompts)))
        .take(options.recent.unwrap_or(RECENT))
        .map(|(row, prompts)| Recalled { session: inventory.report(row), prompts })
        .collect();
    let mut gone = gone_sessions(&inventory, project.as_deref());
    gone.retain(|one| {
        one.left != GoneLeft::Nothing && after.is_none_or(|after| one.last_at.is_some_and(|at| at >= after))
    });
    gone.truncate(options.recent.unwrap_or(RECENT));
    let mut problems: Vec<Problem> = Vec::new();
    // The client's history contains no prompts of a run without a terminal; the kept copy does.
    for one in gone.iter_mut().filter(|one| one.kept.is_some() && one.prompts.is_empty()) {
        let kept = kept_of(&ground.state, &one.id)
            .and_then(|kept| kept.map(|kept| OpenedSession::open(&ground.state, kept)).transpose());
        match kept {
            Ok(opened) => one.prompts = opened.map_or_else(Vec::new, |opened| prompts(&opened.transcript)),
            Err(error) => problems.push(error.into()),
        }
    }
    problems.extend(inventory.problems.into_iter().map(Problem::from));
    Ok(RecallReport { schema: SCHEMA, generated_at: world.clock.now(), recalled, gone, problems })
}

fn shown(record: &Record) -> Option<RecalledPrompt> {
    let text = one_line(own_words(&prompt_of(record)?.text), LONGEST);
    (!text.is_empty()).then_some(RecalledPrompt { text, at: record.head.at })
}

/// Returns the first prompt and the latest ones.
fn prompts(path: &Path) -> Vec<RecalledPrompt> {
    let Ok(transcript) = Transcript::open(path) else { return Vec::new() };
    let first = transcript.head(HEAD).into_iter().find_map(|record| shown(&record));
    let mut latest = Vec::new();
    let replayed = replayed(&transcript, transcript.bytes().saturating_sub(TAIL));
    let mut lines = Backwards::default();
    lines.begin(transcript.bytes());
    while let Some((offset, line)) = lines.next(transcript.file()) {
        if latest.len() == LATEST || transcript.bytes() - offset > TAIL {
            break;
        }
        if may_hold_prompt(kind_of(line), line) && !replayed.contains(&offset) {
            latest.extend(glance(offset, line).rev().filter_map(|record| shown(&record)));
        }
    }
    latest.truncate(LATEST);
    latest.reverse();
    let repeated = first.as_ref().is_some_and(|first| latest.contains(first));
    first.filter(|_| !repeated).into_iter().chain(latest).collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HistoryLine {
    display: String,
    timestamp: Option<i64>,
    session_id: Option<String>,
}

/// Returns the prompts typed into a session, from the client's own prompt history.
#[must_use]
pub fn typed(home: &ClaudeHome, session: &str) -> Vec<RecalledPrompt> {
    if !is_session_id(session) {
        return Vec::new();
    }
    let path = home.dir().join("history.jsonl");
    let Ok(history) = Transcript::open(&path) else { return Vec::new() };
    let mut lines = Backwards::default();
    lines.begin(history.bytes());
    let mut all = Vec::new();
    while let Some((_, line)) = lines.next(history.file()) {
        if memchr::memmem::find(line, session.as_bytes()).is_none() {
            continue;
        }
        let typed = serde_json::from_slice::<HistoryLine>(line).ok();
        all.extend(typed.filter(|line| line.session_id.as_deref() == Some(session)).map(|line| {
            RecalledPrompt {
                text: one_line(&line.display, LONGEST),
                at: line.timestamp.and_then(from_epoch_millis),
            }
        }));
    }
    all.reverse();
    if all.len() > LATEST + 1 {
        all.drain(1..all.len() - LATEST);
    }
    all
}
