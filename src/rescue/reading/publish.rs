//! Selects the sessions that become pages, chooses the path of each page, and publishes only complete pages.
//!
//! A page is written under a temporary name, synced to disk, and then renamed. Nothing is overwritten unless
//! the user asks for it, and then the old page remains until the new one is complete.

use super::conversation::{Conversation, Totals};
use super::entry::Agent;
use super::html::Html;
use super::index::{INDEX, INDEX_MARK, IndexRow, index_page};
use super::markdown::Markdown;
use super::redacted::{encodes_secret, redact_facts, redact_stored, redact_text};
use super::shown::{line_of, size};
use super::unfinished::{BODY, Unfinished, abandoned};
use super::{LeftOut, PageFacts, PageFrame};
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::{lossy, open_regular_with_metadata, read_small};
use crate::report::inventory::{Inventory, InventoryRow, ReportContext};
use crate::report::session::Session;
use crate::report::words::state_words;
use crate::rescue::copy::Progress;
use crate::rescue::export::{ExportFailure, Selection, ensure_elsewhere, unread};
use crate::session::belongings::{self, SessionFileKind};
use crate::session::files::is_subagent;
use crate::session::state::State;
use crate::store::journal;
use crate::store::layout::ensure_dir;
use crate::store::snapshot::ensure_room;
use crate::world::World;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

const SCHEMA: &str = "cc-session-recover/reading@1";
/// Separates the time from the session id in the name of a page.
const MARK: &str = "-READING-";
/// Size of the write buffer, in bytes.
const BLOCK: usize = 256 * 1024;
/// Largest description of a subagent that is read, in bytes.
const META: u64 = 256 * 1024;

/// Format of a readable page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "PageFormat"))]
pub enum Format {
    /// One self-contained page for a browser.
    #[default]
    Html,
    Markdown,
}

impl Format {
    const fn ending(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Markdown => "md",
        }
    }
}

#[expect(clippy::struct_excessive_bools, reason = "they are flags of a command line")]
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(from = "ReadingFields")]
pub struct ReadingOptions {
    pub selection: Selection,
    pub format: Format,
    /// Target file or directory; defaults to the one in the state directory.
    pub to: Option<PathBuf>,
    /// Whether to treat `to` as a directory even if it does not exist yet.
    pub to_directory: bool,
    /// Whether to replace a file that already exists.
    pub force: bool,
    /// Whether to redact recognized secrets and leave out pictures.
    pub redact: bool,
    pub dry_run: bool,
}

/// Options of `writePages`: the sessions to write as pages, and the target.
#[expect(clippy::struct_excessive_bools, reason = "they are flags of a command line")]
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "ReadingOptions", optional_fields))]
pub struct ReadingFields {
    session: Option<String>,
    /// Selects the most recently active session, within `project` if given.
    latest: bool,
    project: Option<PathBuf>,
    /// Selects every session that a process has open.
    active: bool,
    /// Selects every session, whatever its state.
    all: bool,
    /// Format of the pages; defaults to `html`.
    format: Format,
    /// Target file, or directory for the pages; defaults to `pages` in the state directory.
    to: Option<PathBuf>,
    /// Whether to treat `to` as a directory even if it does not exist yet.
    to_directory: bool,
    /// Whether to replace a file that already exists.
    force: bool,
    /// Whether to replace recognized secrets with the name of their kind, and leave out pictures.
    redact: bool,
    dry_run: bool,
}

impl From<ReadingFields> for ReadingOptions {
    fn from(fields: ReadingFields) -> Self {
        let ReadingFields {
            session,
            latest,
            project,
            active,
            all,
            format,
            to,
            to_directory,
            force,
            redact,
            dry_run,
        } = fields;
        let selection = Selection { session, latest, project, active, all };
        Self { selection, format, to, to_directory, force, redact, dry_run }
    }
}

/// A session that was written as a page, or with `dryRun` would be.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PublishedPage {
    /// Id of the session, a UUID.
    pub session: String,
    /// Name, title or newest prompt, on one line; not redacted.
    pub title: Option<String>,
    /// State of the session when the page was written.
    pub state: State,
    /// Path of the session's transcript.
    #[serde(serialize_with = "lossy")]
    pub transcript: PathBuf,
    /// Number of bytes read from the transcript.
    pub transcript_bytes: u64,
    /// Path of the page. With `dryRun`, its name has no time.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// Whether an existing page was replaced.
    pub replaced: bool,
    /// Size of the page in bytes; `null` before it is written.
    pub bytes: Option<u64>,
    /// Contents of the page; `null` before it is written.
    pub shown: Option<OnPage>,
    /// Id of the process that has the session open.
    pub live_pid: Option<u32>,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct OnPage {
    /// Number of prompts on the page.
    pub turns: u64,
    /// Number of tool calls on the page.
    pub calls: u64,
    /// Limits and errors that interrupted a turn.
    pub stops: u64,
    /// Number of subagents with their own transcript.
    pub subagents: u64,
    /// Number of transcript lines that could not be read; the page shows which.
    pub damaged_lines: u64,
    /// Number of texts that were shortened; the page shows where.
    pub cut_texts: u64,
    /// Bytes of text that are not shown.
    pub left_bytes: u64,
    /// Number of pictures left out.
    pub left_pictures: u64,
}

impl OnPage {
    fn of(totals: &Totals, left: &LeftOut) -> Self {
        Self {
            turns: totals.turns,
            calls: totals.calls,
            stops: totals.stops,
            subagents: totals.subagents,
            damaged_lines: totals.damaged,
            cut_texts: left.texts,
            left_bytes: left.bytes,
            left_pictures: left.pictures,
        }
    }
}

/// Result of `writePages`, schema `cc-session-recover/reading@1`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ReadingReport {
    /// Schema name and version of this object.
    #[cfg_attr(test, ts(type = "'cc-session-recover/reading@1'"))]
    pub schema: &'static str,
    /// Time when this result was generated, RFC 3339.
    #[serde(serialize_with = "crate::session::stop::time")]
    pub generated_at: DateTime<Utc>,
    /// Whether this is a dry run, which writes nothing.
    pub dry_run: bool,
    /// Format of the pages.
    pub format: Format,
    /// Directory of the pages.
    #[serde(serialize_with = "lossy")]
    pub to: PathBuf,
    /// Whether recognized secrets were replaced.
    pub redacted: bool,
    /// Pages that were written.
    pub pages: Vec<PublishedPage>,
    /// Index of the pages, for a browser. Written for HTML pages of `active` or `all` into the directory
    /// given by `to`; otherwise `null`.
    #[serde(serialize_with = "crate::fs::lossy_or_null")]
    pub index: Option<PathBuf>,
    /// Sessions that failed, each with its error.
    pub failures: Vec<ExportFailure>,
    /// Total size of all pages, in bytes.
    pub bytes: u64,
}

/// Writes the pages, or with `dry_run` reports which would be written.
///
/// # Errors
///
/// Returns the errors of [`crate::rescue::export::export`]; also [`Code::PathRefused`] for a file that
/// exists, unless it is to be replaced.
pub fn publish(world: World<'_>, options: &ReadingOptions, progress: &Progress) -> Result<ReadingReport> {
    let named = options.selection.is_named();
    let (ground, project) = options.selection.ground(world)?;
    let mut inventory = Inventory::take(&ground, project.as_deref())?;
    let rows = options.selection.rows(&inventory)?;
    let kept = options.selection.kept(&inventory);
    let target = Target::of(&ground, &inventory, options, named)?;
    let mut report = ReadingReport {
        schema: SCHEMA,
        generated_at: world.clock.now(),
        dry_run: options.dry_run,
        format: options.format,
        to: target.dir.clone(),
        redacted: options.redact,
        pages: Vec::new(),
        index: None,
        failures: Vec::new(),
        bytes: 0,
    };
    if options.selection.all {
        report.failures.extend(unread(&inventory));
    }
    let mut plans = Vec::new();
    for row in rows {
        world.abort.check()?;
        match PagePlan::of(&inventory, row, options.redact) {
            Ok(plan) => plans.push(plan),
            Err(error) if named => return Err(error),
            Err(error) => report.failures.push(ExportFailure::of(row.found.id(), error)),
        }
    }
    let of_kept = kept.iter().map(|entry| entry.conversation().unwrap_or_default());
    progress.begin(plans.iter().map(|plan| plan.bytes).chain(of_kept).sum());
    if !options.dry_run {
        ensure_dir(&target.dir)?;
        sweep(&target);
    }
    let write = |plan: &PagePlan<'_>| {
        if options.dry_run {
            return Ok(plan.planned_page(&target, options));
        }
        world.abort.check()?;
        let written = plan.carry_out(world, &target, options, progress);
        if let Err(error) = &written
            && error.code == Code::Aborted
        {
            return written;
        }
        let (event, fields) = match &written {
            Ok(page) => (
                "page-written",
                json!({
                    "session": page.session, "format": options.format, "path": page.path, "bytes": page.bytes,
                    "transcriptBytes": page.transcript_bytes, "replaced": page.replaced,
                }),
            ),
            Err(error) => {
                let (id, message) = (plan.row.found.id(), error.to_string());
                ("page-failed", json!({"session": id, "code": error.code.as_str(), "message": message}))
            }
        };
        journal::append(&ground.state, world.clock, event, fields);
        written
    };
    let mut index = Vec::new();
    for plan in &plans {
        match write(plan) {
            Ok(page) => {
                index.push((page.path.clone(), plan.index_row()));
                report.pages.push(page);
            }
            Err(error) if named || error.code == Code::Aborted => return Err(error),
            Err(error) => report.failures.push(ExportFailure::of(plan.row.found.id(), error)),
        }
    }
    drop(plans);
    for entry in kept {
        world.abort.check()?;
        inventory.close_kept();
        let row = inventory.read_kept_of(&entry.session);
        let plan = row.and_then(|row| PagePlan::of(&inventory, row, options.redact));
        match plan.and_then(|plan| Ok((write(&plan)?, plan.index_row()))) {
            Err(error) if error.code == Code::Aborted => return Err(error),
            Ok((page, row)) => {
                index.push((page.path.clone(), row));
                report.pages.push(page);
            }
            Err(error) => report.failures.push(ExportFailure::of(&entry.session, error)),
        }
    }
    // No index in the state directory: it would retain the titles of sessions that are forgotten later.
    let lists = !named && options.to.is_some() && options.format == Format::Html && !index.is_empty();
    if lists && !options.dry_run {
        report.index = Some(write_index(&target, world.clock.now(), &index, options)?);
    }
    report.bytes = report.pages.iter().filter_map(|page| page.bytes).sum();
    Ok(report)
}

/// Writes the index of the pages. Replaces an earlier index, but no other file unless forced.
fn write_index(
    target: &Target,
    now: DateTime<Utc>,
    rows: &[(PathBuf, IndexRow)],
    options: &ReadingOptions,
) -> Result<PathBuf> {
    let there = target.dir.join(INDEX);
    let replaces = options.force || is_index(&there);
    let unfinished = Unfinished::begin(&target.dir, INDEX)?;
    let mut file = &unfinished.file;
    file.write_all(index_page(now, rows, options.redact).as_bytes()).doing("write", &unfinished.path)?;
    unfinished.file.sync_all().doing("write", &unfinished.path)?;
    unfinished.publish(&target.dir, INDEX, replaces, replaces)
}

fn is_index(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = open_regular_with_metadata(path)
        .is_ok_and(|(file, _)| file.take(INDEX_MARK.len() as u64).read_to_end(&mut start).is_ok());
    read && start == INDEX_MARK.as_bytes()
}

struct Target {
    dir: PathBuf,
    /// File name, if there is a single page with a given name.
    name: Option<String>,
}

impl Target {
    /// Determines the target. It is never inside Claude Code's own directories, because Claude Code would
    /// treat pages as its own files or delete them.
    fn of(
        ground: &ReportContext<'_>,
        inventory: &Inventory<'_>,
        options: &ReadingOptions,
        named: bool,
    ) -> Result<Self> {
        let Some(to) = &options.to else {
            return Ok(Self { dir: ground.state.pages(), name: None });
        };
        ensure_elsewhere(inventory, to)?;
        let found = std::fs::metadata(to).ok();
        let is_dir = found.as_ref().is_some_and(std::fs::Metadata::is_dir);
        let there = std::fs::symlink_metadata(to).is_ok();
        if is_dir || (!there && (options.to_directory || !named)) {
            return Ok(Self { dir: to.clone(), name: None });
        }
        if options.to_directory || !named {
            return Err(Error::new(Code::PathRefused, "is not a directory").at(to));
        }
        let Some(name) = to.file_name().and_then(|name| name.to_str()) else {
            return Err(Error::new(Code::PathRefused, "is not a valid name for a page").at(to));
        };
        if found.is_some_and(|meta| !meta.is_file()) {
            return Err(Error::new(Code::PathRefused, "is not a regular file").at(to));
        }
        if there && !options.force {
            return Err(Error::new(Code::PathRefused, "already exists and is not overwritten")
                .at(to)
                .hint("choose another name, or add --force"));
        }
        let dir = to.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok(Self { dir: dir.to_path_buf(), name: Some(name.to_owned()) })
    }

    fn name(&self, at: &str, session: &str, format: Format) -> String {
        self.name.clone().unwrap_or_else(|| format!("{at}{MARK}{session}.{}", format.ending()))
    }
}

struct PagePlan<'r> {
    row: &'r InventoryRow,
    /// Path of the transcript in Claude Code's directory, even if it is gone.
    transcript: PathBuf,
    facts: PageFacts,
    title: Option<String>,
    state: State,
    live_pid: Option<u32>,
    agents: BTreeMap<String, Agent>,
    /// Number of bytes to read.
    bytes: u64,
}

impl<'r> PagePlan<'r> {
    fn of(inventory: &Inventory<'_>, row: &'r InventoryRow, redact: bool) -> Result<Self> {
        let home = inventory.files_of(row);
        let (files, _) = belongings::of(home, &row.found, None)?;
        let mut agents = BTreeMap::new();
        for file in files {
            let name = file.from.file_name().and_then(OsStr::to_str);
            if file.part == SessionFileKind::Companion && name.is_some_and(is_subagent) {
                let (call, mut agent) = described(&file.from);
                if redact {
                    agent.description.iter_mut().chain(&mut agent.kind).for_each(redact_text);
                }
                agents.insert(call, agent);
            }
        }
        let session = inventory.report(row);
        let summary = &row.summary;
        let mut title =
            [&summary.name, &summary.title, &summary.last_prompt].into_iter().find_map(Clone::clone);
        if redact {
            title.iter_mut().for_each(redact_stored);
        }
        let title = title.map(|title| line_of(&title, 120)).filter(|title| !title.is_empty());
        Ok(Self {
            row,
            transcript: session.transcript.clone(),
            facts: facts(&session, row, title.as_deref(), redact),
            title,
            state: session.state,
            live_pid: session.live.as_ref().map(|live| live.pid),
            bytes: summary.bytes + agents.values().map(|agent| agent.bytes).sum::<u64>(),
            agents,
        })
    }

    /// Returns the entry for the index of the pages.
    fn index_row(&self) -> IndexRow {
        let summary = &self.row.summary;
        let mut prompt = summary.last_prompt.clone();
        // Before it is shortened: a secret that is cut in two is not recognized.
        if self.facts.redacted {
            prompt.iter_mut().for_each(redact_stored);
        }
        let prompt = prompt.map(|prompt| line_of(&prompt, 300));
        IndexRow {
            title: self.facts.title.clone(),
            session: self.row.found.id().to_owned(),
            project: self.facts.cwd.clone(),
            prompt: prompt.filter(|prompt| self.title.as_ref() != Some(prompt)),
            state: state_words(self.state).to_owned(),
            last_active: summary.last_activity,
            bytes: summary.bytes,
        }
    }

    /// Describes the page before it is written.
    fn planned_page(&self, target: &Target, options: &ReadingOptions) -> PublishedPage {
        let path = target.dir.join(target.name("<time>", self.row.found.id(), options.format));
        PublishedPage {
            session: self.row.found.id().to_owned(),
            title: self.title.clone(),
            state: self.state,
            transcript: self.transcript.clone(),
            transcript_bytes: self.row.summary.bytes,
            replaced: target.name.is_some() && std::fs::symlink_metadata(&path).is_ok(),
            path,
            bytes: None,
            shown: None,
            live_pid: self.live_pid,
        }
    }

    fn carry_out(
        &self,
        world: World<'_>,
        target: &Target,
        options: &ReadingOptions,
        progress: &Progress,
    ) -> Result<PublishedPage> {
        ensure_room(&target.dir, self.bytes)?;
        let at = world.clock.now().format("%Y%m%dT%H%M%SZ").to_string();
        let name = target.name(&at, self.row.found.id(), options.format);
        let unfinished = Unfinished::begin(&target.dir, &name)?;
        let body = Unfinished::begin(&target.dir, &format!("{name}{BODY}"))?;
        let to = BufWriter::with_capacity(BLOCK, body.file.try_clone().doing("write", &body.path)?);
        let (bytes, totals, frame) = self.write(to, options.format, &body.path, progress)?;
        let left = frame.left;
        unfinished.fill(&frame, &body)?;
        drop(body);
        unfinished.file.sync_all().doing("write", &unfinished.path)?;
        let length = unfinished.file.metadata().doing("read", &unfinished.path)?.len();
        let told = self.planned_page(target, options);
        let path = unfinished.publish(&target.dir, &name, target.name.is_some(), options.force)?;
        Ok(PublishedPage {
            path,
            transcript_bytes: bytes,
            bytes: Some(length),
            shown: Some(OnPage::of(&totals, &left)),
            ..told
        })
    }

    fn write(
        &self,
        file: BufWriter<File>,
        format: Format,
        to: &Path,
        progress: &Progress,
    ) -> Result<(u64, Totals, PageFrame)> {
        let transcript = &self.row.found.path;
        let (agents, facts) = (self.agents.clone(), &self.facts);
        let (bytes, totals, (mut file, frame)) = match format {
            Format::Html => {
                let mut page = Html::begin(file, facts);
                let mut conversation = Conversation::new(&mut page, agents, facts, to, progress);
                let bytes = conversation.read(transcript)?;
                let totals = conversation.totals;
                let ended = page.end(facts, &totals).doing("write", to)?;
                (bytes, totals, ended)
            }
            Format::Markdown => {
                let mut page = Markdown::begin(file, facts);
                let mut conversation = Conversation::new(&mut page, agents, facts, to, progress);
                let bytes = conversation.read(transcript)?;
                let totals = conversation.totals;
                let ended = page.end(facts, &totals).doing("write", to)?;
                (bytes, totals, ended)
            }
        };
        file.flush().doing("write", to)?;
        Ok((bytes, totals, frame))
    }
}

fn facts(session: &Session, row: &InventoryRow, title: Option<&str>, redact: bool) -> PageFacts {
    let summary = &row.summary;
    let mut rows = vec![("Session", session.id.clone(), true)];
    let mut add = |name: &'static str, value: Option<String>, code: bool| {
        rows.extend(value.filter(|value| !value.is_empty()).map(|value| (name, value, code)));
    };
    let time = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M:%S").to_string();
    add("Directory", summary.cwd.as_deref().map(str::to_owned), true);
    add("Branch", summary.branch.as_deref().map(str::to_owned), true);
    add("Model", summary.model.as_deref().map(str::to_owned), false);
    add("Claude Code", session.client_version.clone(), false);
    add("Last active", session.last_activity_at.map(time), false);
    add("State", Some(format!("{}, {}", state_words(session.state), session.stop.kind.words())), false);
    let hides_secret = redact && summary.cwd.as_deref().is_some_and(encodes_secret);
    let path = (!hides_secret).then(|| session.transcript.display());
    add("Transcript", path.map(|path| format!("{path} ({})", size(summary.bytes))), false);
    add("Resume with", session.commands.resume.as_ref().map(|words| words.join(" ")), true);
    add(
        "Restore with",
        session.is_deleted().then(|| format!("cc-session-recover restore {}", session.id)),
        true,
    );
    add("Lossless export", Some(format!("cc-session-recover export {}", session.id)), true);
    let mut facts = PageFacts {
        title: title.map_or_else(|| format!("Session {}", session.id), str::to_owned),
        rows,
        ending: format!(
            "When this page was made the session was {} ({}).",
            state_words(session.state),
            session.stop.kind.words()
        ),
        cwd: summary.cwd.as_deref().map(str::to_owned),
        redacted: redact,
    };
    if redact {
        redact_facts(&mut facts);
    }
    facts
}

/// Reads the description of a subagent and the id of the call that started it. If that id is unknown, a path
/// replaces it, because a path never equals an id.
fn described(path: &Path) -> (String, Agent) {
    let meta: Value = read_small(&path.with_extension("meta.json"), META)
        .ok()
        .flatten()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    let text = |key: &str| meta.get(key).and_then(Value::as_str).map(str::to_owned);
    let bytes = open_regular_with_metadata(path).map_or(0, |(_, meta)| meta.len());
    let call = text("toolUseId").unwrap_or_else(|| format!("/{}", path.display()));
    (
        call,
        Agent { path: path.to_path_buf(), kind: text("agentType"), description: text("description"), bytes },
    )
}

/// Returns the session id in the name of a page: `<UTC>-READING-<id>.html` or `.md`, with `-2` after the id
/// for a second page in the same second.
#[must_use]
pub fn session_of(name: &str) -> Option<&str> {
    let (at, rest) = name.split_once(MARK)?;
    let (rest, ending) = rest.rsplit_once('.')?;
    let (id, number) = rest.split_at_checked(36)?;
    let known = [Format::Html, Format::Markdown].iter().any(|format| format.ending() == ending);
    let numbered =
        number.is_empty() || number.strip_prefix('-').is_some_and(|text| text.parse::<u32>().is_ok());
    let timed = chrono::NaiveDateTime::parse_from_str(at, "%Y%m%dT%H%M%SZ").is_ok();
    (known && numbered && timed && crate::claude::home::is_session_id(id)).then_some(id)
}

/// Returns the session id in the name of an unfinished page whose process no longer exists.
#[must_use]
pub fn left_over(name: &str) -> Option<&str> {
    abandoned(name).and_then(session_of)
}

/// Removes unfinished pages of killed processes.
fn sweep(target: &Target) {
    let Ok(entries) = std::fs::read_dir(&target.dir) else { return };
    for entry in entries.filter_map(std::result::Result::ok) {
        let name = entry.file_name();
        let page = name.to_str().and_then(abandoned);
        if page
            .is_some_and(|page| target.name.as_deref() == Some(page) || page.contains(MARK) || page == INDEX)
        {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
