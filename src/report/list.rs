//! Lists every matching session, sorted.

use super::gone::{GoneSession, gone_sessions};
use super::inventory::{Inventory, InventoryRow, ReportContext};
use super::session::Session;
use super::status::SCHEMA;
use super::words::{StateFilter, stops_called};
use crate::clock::since;
use crate::error::{Code, Error, Result};
use crate::fs::{canonical, not_a_directory};
use crate::problem::Problem;
use crate::quota::{Account, last_seen};
use crate::session::StopKind;
use crate::session::state::State;
use crate::session::stop::time;
use crate::text::one_line;
use crate::world::World;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Filters and order of `list`. Without filters, it lists every session of every project, latest first.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct ListOptions {
    /// Directory of the project; every project if absent.
    pub project: Option<PathBuf>,
    /// Only sessions with these states, such as `orphaned`, or with the words that screens
    /// use, such as `interrupted`.
    pub states: Vec<String>,
    /// Only these kinds of stop, given by kind, by the words that screens use, or by a part of
    /// those, such as `limit`.
    pub stops: Vec<String>,
    /// Only sessions active since this time: RFC 3339, a date, or a duration before now
    /// (`90m`, `36h`, `2d`, `1w`).
    pub since: Option<String>,
    /// Part of the name, title or newest prompt, ignoring case.
    pub name: Option<String>,
    /// Only transcripts larger than this: bytes, or text such as `50MB`.
    #[cfg_attr(test, ts(optional, type = "number | string"))]
    pub larger_than: Option<Size>,
    pub sort: Sort,
    /// Whether to reverse the sort order.
    pub reverse: bool,
    pub limit: Option<usize>,
    /// Only sessions with `openAtCrash`.
    pub open_at_crash: bool,
    /// Whether to return, in `gone`, the sessions whose transcript is gone instead of those with a
    /// transcript.
    pub gone: bool,
}

/// A size: bytes, or text such as `50MB`.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Size {
    Bytes(u64),
    /// A number with a unit.
    Text(String),
}

/// Key by which a list is sorted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "ListSort"))]
pub enum Sort {
    #[default]
    Activity,
    Size,
    /// Sorts sessions by their use of the context window, fullest first.
    Context,
    /// Sorts by name or, without one, by title or prompt.
    Name,
    Project,
    State,
}

/// Result of `list`, schema `cc-session-recover/status@1`, with the number of sessions before `limit`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ListReport {
    /// Schema name and version of this object.
    #[cfg_attr(test, ts(type = "'cc-session-recover/status@1'"))]
    pub schema: &'static str,
    /// Time when this result was generated, RFC 3339.
    #[serde(serialize_with = "time")]
    pub generated_at: DateTime<Utc>,
    /// Project that was requested; `null` for all projects.
    pub project: Option<super::status::StatusProject>,
    /// Latest report of each account's limits, if the status line of `init --statusline` receives it.
    pub accounts: Vec<Account>,
    /// Sessions that match, in the requested order.
    pub sessions: Vec<Session>,
    /// Sessions without a transcript, and what is left of them, if `gone` was requested. Only `list` prints
    /// them.
    pub gone: Vec<GoneSession>,
    /// Number of matching sessions before `limit` is applied. Only `list` prints it.
    pub total: usize,
    /// Files that could not be read, and why.
    pub problems: Vec<Problem>,
}

impl Size {
    fn bytes(&self) -> Result<u64> {
        match self {
            Self::Bytes(bytes) => Ok(*bytes),
            Self::Text(text) => parse_size(text).ok_or_else(|| {
                Error::new(Code::Usage, format!("{text:?} is not a size"))
                    .hint("give a number of bytes, or one with a unit: 500KB, 50MB, 2GB, 16MiB")
            }),
        }
    }
}

fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_uppercase();
    let end = text.find(|char: char| !(char.is_ascii_digit() || char == '.')).unwrap_or(text.len());
    let number: f64 = text[..end].parse().ok()?;
    let unit: f64 = match text[end..].trim() {
        "" | "B" => 1.0,
        "K" | "KB" => 1e3,
        "M" | "MB" => 1e6,
        "G" | "GB" => 1e9,
        "KIB" => 1024.0,
        "MIB" => 1024.0 * 1024.0,
        "GIB" => 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    let bytes = number * unit;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
    (bytes.is_finite() && (0.0..9e15).contains(&bytes)).then_some(bytes as u64)
}

/// Lists the matching sessions.
///
/// # Errors
///
/// Returns [`Code::ProjectNotFound`] when the directory does not exist, [`Code::Usage`] for an invalid time
/// or size, [`Code::StateDirUnknown`].
pub fn list(world: World<'_>, options: &ListOptions) -> Result<ListReport> {
    let after = options.since.as_deref().map(|text| since(text, world.clock.now())).transpose()?;
    let states: Vec<StateFilter> =
        options.states.iter().map(|text| StateFilter::parse(text)).collect::<Result<_>>()?;
    let stops: Vec<StopKind> =
        options.stops.iter().map(|text| stops_called(text)).collect::<Result<Vec<_>>>()?.concat();
    let larger = options.larger_than.as_ref().map(Size::bytes).transpose()?;
    let asked = options.project.as_deref().map(|dir| super::status::asked(world, dir)).transpose()?;
    let project = asked.as_ref().map(|asked| asked.dir.clone());
    let ground = ReportContext::read(world, project.as_deref())?;
    let inventory = Inventory::take(&ground, project.as_deref())?;
    let name = options.name.as_deref().map(str::to_lowercase);
    if options.gone {
        let mut gone = gone_sessions(&inventory, project.as_deref());
        gone.retain(|one| {
            after.is_none_or(|after| one.last_at.is_some_and(|at| at >= after))
                && name.as_deref().is_none_or(|name| {
                    let titles = [&one.name, &one.title].into_iter().flatten().map(String::as_str);
                    let prompts = one.prompts.iter().map(|prompt| prompt.text.as_str());
                    titles.chain(prompts).any(|text| text.to_lowercase().contains(name))
                })
        });
        if options.reverse {
            gone.reverse();
        }
        let total = gone.len();
        gone.truncate(options.limit.filter(|limit| *limit > 0).unwrap_or(usize::MAX));
        return Ok(ListReport {
            schema: SCHEMA,
            generated_at: world.clock.now(),
            project: asked,
            accounts: last_seen(&ground.state),
            sessions: Vec::new(),
            gone,
            total,
            problems: inventory.problems.into_iter().map(Problem::from).collect(),
        });
    }
    let mut rows: Vec<(&InventoryRow, Option<State>)> = inventory
        .rows
        .iter()
        .filter(|row| stops.is_empty() || stops.contains(&row.summary.stop.kind))
        .filter(|row| after.is_none_or(|after| inventory.active_at(row).is_some_and(|at| at >= after)))
        .filter(|row| larger.is_none_or(|bytes| row.summary.bytes > bytes))
        .filter(|row| {
            name.as_deref()
                .is_none_or(|name| names(&inventory, row).any(|own| own.to_lowercase().contains(name)))
        })
        .filter(|row| !options.open_at_crash || inventory.open_at_crash(row).is_some())
        .map(|row| (row, None))
        .collect();
    if !states.is_empty() || options.sort == Sort::State {
        for (row, state) in &mut rows {
            *state = Some(inventory.verdict(row).state);
        }
        let possible: Vec<State> = states.iter().flat_map(|filter| filter.states()).collect();
        rows.retain(|(_, state)| states.is_empty() || state.is_some_and(|state| possible.contains(&state)));
    }
    if states.iter().any(|filter| matches!(filter, StateFilter::Status(_))) {
        let candidates: Vec<&InventoryRow> = rows.iter().map(|(row, _)| *row).collect();
        let selected: Vec<bool> = inventory
            .reports(&candidates)
            .map(|session| {
                states.iter().any(|filter| match filter {
                    StateFilter::State(state) => session.state == *state,
                    StateFilter::Status(wanted) => session.status == *wanted,
                })
            })
            .collect();
        let mut selected = selected.into_iter();
        rows.retain(|_| selected.next().unwrap_or(false));
    }
    sort(&inventory, &mut rows, options.sort);
    if options.reverse {
        rows.reverse();
    }
    let total = rows.len();
    rows.truncate(options.limit.filter(|limit| *limit > 0).unwrap_or(usize::MAX));
    let rows: Vec<&InventoryRow> = rows.into_iter().map(|(row, _)| row).collect();
    let sessions = inventory.reports(&rows).collect();
    Ok(ListReport {
        schema: SCHEMA,
        generated_at: world.clock.now(),
        project: asked,
        accounts: last_seen(&ground.state),
        sessions,
        gone: Vec::new(),
        total,
        problems: inventory.problems.into_iter().map(Problem::from).collect(),
    })
}

/// Lists every session of an inventory, latest first.
#[must_use]
pub fn list_of(
    inventory: &Inventory<'_>,
    ground: &ReportContext<'_>,
    asked: Option<super::status::StatusProject>,
) -> ListReport {
    let mut rows: Vec<(&InventoryRow, Option<State>)> =
        inventory.rows.iter().map(|row| (row, None)).collect();
    sort(inventory, &mut rows, Sort::Activity);
    let rows: Vec<&InventoryRow> = rows.into_iter().map(|(row, _)| row).collect();
    ListReport {
        schema: SCHEMA,
        generated_at: ground.world.clock.now(),
        project: asked,
        accounts: last_seen(&ground.state),
        sessions: inventory.reports(&rows).collect(),
        gone: Vec::new(),
        total: rows.len(),
        problems: inventory.problems.iter().cloned().map(Problem::from).collect(),
    }
}

fn names<'r>(inventory: &'r Inventory<'_>, row: &'r InventoryRow) -> impl Iterator<Item = String> + 'r {
    let summary = &row.summary;
    let by_client = inventory.owner(&row.found).and_then(|owner| owner.name.as_ref());
    let texts = [summary.name.as_ref().or(by_client), summary.title.as_ref(), summary.last_prompt.as_ref()];
    texts.into_iter().flatten().map(|text| one_line(text, 1000))
}

fn sort(inventory: &Inventory<'_>, rows: &mut [(&InventoryRow, Option<State>)], by: Sort) {
    use std::cmp::Reverse;
    // Latest first; the stable sort below preserves this order among equals.
    rows.sort_by_cached_key(|(row, _)| Reverse(inventory.active_at(row)));
    match by {
        Sort::Activity => {}
        Sort::Size => rows.sort_by_key(|(row, _)| Reverse(row.summary.bytes)),
        Sort::Context => rows.sort_by_key(|(row, _)| Reverse(row.summary.context_tokens)),
        Sort::Name => rows.sort_by_cached_key(|(row, _)| {
            let name = names(inventory, row).next();
            (name.is_none(), name.map(|name| name.to_lowercase()))
        }),
        Sort::Project => {
            rows.sort_by_cached_key(|(row, _)| (row.summary.cwd.is_none(), row.summary.cwd.clone()));
        }
        Sort::State => rows.sort_by_key(|(_, state)| *state),
    }
}

/// Returns the real path of a named directory.
///
/// # Errors
///
/// Returns [`Code::ProjectNotFound`].
pub fn directory(dir: &Path) -> Result<PathBuf> {
    canonical(dir)
        .ok()
        .filter(|dir| dir.is_dir())
        .ok_or_else(|| not_a_directory(dir).hint("name the directory of a project"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_accepts_a_unit() {
        for (text, bytes) in [("50MB", 50_000_000), ("1.5 kb", 1500), ("2GiB", 2 << 30), ("7", 7), ("0b", 0)]
        {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
        }
        for bad in ["", "MB", "5 elephants", "-1", "1e400", "1.2.3", "9999999999GB"] {
            assert_eq!(parse_size(bad), None, "{bad}");
        }
    }
}
