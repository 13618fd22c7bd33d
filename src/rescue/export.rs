//! Exports everything that belongs to a session, byte for byte, to a directory or a single archive, with a
//! manifest of its contents.
//!
//! An export is built under a temporary name. Every file is compared with its original, the manifest is
//! written last, and only then is the export renamed. So an export with a final name is always complete, and
//! the next export removes unfinished ones. The original is only read.

use super::archive;
use super::copy::{Hash, Progress, copy};
use super::manifest::{ExportOrigin, Manifest, ManifestEntry};
use super::session_log;
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::{canonical, lossy, lossy_or_null, private_directory};
use crate::keep::KeptEntry;
use crate::report::find::{SessionOptions, find_readable};
use crate::report::inventory::{Inventory, InventoryRow, ReportContext};
use crate::report::list::directory;
use crate::report::resume::start_directory;
use crate::session::belongings::{self, Belonging, SessionFileKind, Skipped};
use crate::session::state::State;
use crate::store::journal;
use crate::store::layout::ensure_dir;
use crate::store::replace::{rename_new, sync_dir};
use crate::store::snapshot::ensure_room;
use crate::world::World;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const SCHEMA: &str = "cc-session-recover/export@1";
/// Separates the time from the session id in the name of an export.
pub const MARK: &str = "-LOSSLESS-";
/// Suffix of an export that is being built.
pub const UNFINISHED: &str = ".part";
/// File name suffix of an archive.
pub const ARCHIVE: &str = ".tar";
/// Space reserved per file for its entries in the manifest and the list of hashes, in bytes.
const PER_FILE: u64 = 1024;

/// Selects the sessions to export or to render as pages.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Session id, id prefix, name, title or transcript path.
    pub session: Option<String>,
    /// Whether to select the most recently active session.
    pub latest: bool,
    /// Directory of the project to which the selection is restricted.
    pub project: Option<PathBuf>,
    /// Whether to select every session that a process has open.
    pub active: bool,
    pub all: bool,
}

impl Selection {
    /// Returns whether a single session is selected; its failure then fails the whole command.
    #[must_use]
    pub fn is_named(&self) -> bool {
        self.session.is_some() || self.latest
    }

    /// Reads the context from which sessions are selected, and resolves the project.
    ///
    /// # Errors
    ///
    /// Returns [`Code::Usage`] if more than one kind of selection is given; the errors of [`directory`] and
    /// [`ReportContext::read`].
    pub(super) fn ground<'o>(&self, world: World<'o>) -> Result<(ReportContext<'o>, Option<PathBuf>)> {
        if usize::from(self.is_named()) + usize::from(self.active) + usize::from(self.all) > 1 {
            return Err(Error::new(Code::Usage, "a session, --active and --all cannot be used together")
                .hint("use one of them"));
        }
        let project = self.project.as_deref().map(directory).transpose()?;
        Ok((ReportContext::read(world, project.as_deref())?, project))
    }

    /// Returns the selected sessions.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`find`]; [`Code::NothingToDo`] if no session matches.
    pub(super) fn rows<'r>(&self, inventory: &'r Inventory<'_>) -> Result<Vec<&'r InventoryRow>> {
        if self.all || self.active {
            let wanted = |row: &&InventoryRow| {
                self.all || inventory.owner(&row.found).is_some() || is_current(inventory, row)
            };
            let rows: Vec<&InventoryRow> = inventory.rows.iter().filter(wanted).collect();
            let unread = self.all && !(inventory.unread.is_empty() && inventory.unlisted.is_empty());
            if rows.is_empty() && !unread && self.kept(inventory).is_empty() {
                let message = if self.all { "no sessions found" } else { "no session is open" };
                return Err(Error::new(Code::NothingToDo, message)
                    .hint("`cc-session-recover list` shows all sessions"));
            }
            return Ok(rows);
        }
        let wanted = SessionOptions { session: self.session.clone(), latest: self.latest, project: None };
        find_readable(inventory, &wanted).map(|row| vec![row])
    }

    /// Returns the kept sessions that `--all` includes. Each must be unpacked, so the caller reads them
    /// one at a time.
    pub(super) fn kept(&self, inventory: &Inventory<'_>) -> Vec<KeptEntry> {
        if self.all { inventory.gone_kept() } else { Vec::new() }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(from = "ExportFields")]
pub struct ExportOptions {
    pub selection: Selection,
    /// Target directory for exports; defaults to the one in the state directory.
    pub to: Option<PathBuf>,
    /// Whether to write a single `.tar` file per session.
    pub archive: bool,
    /// Hash algorithm for the manifest.
    pub hash: Hash,
    /// Directory of the session log; defaults to the state directory.
    pub log: Option<PathBuf>,
    pub dry_run: bool,
}

/// Options of `exportSessions`: the sessions to export, and the target directory.
#[expect(clippy::struct_excessive_bools, reason = "they are flags of a command line")]
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "ExportOptions", optional_fields))]
pub struct ExportFields {
    session: Option<String>,
    /// Whether to select the most recently active session, within `project` if given.
    latest: bool,
    project: Option<PathBuf>,
    /// Whether to select every session that a process has open.
    active: bool,
    /// Whether to select every session, whatever its state.
    all: bool,
    /// Directory for the exports; defaults to `exports` in the state directory.
    to: Option<PathBuf>,
    /// Whether to write each session as one `.tar` file.
    archive: bool,
    /// Algorithm that identifies the files; defaults to `sha256`.
    hash: Hash,
    /// Directory of the session log; defaults to the state directory.
    log: Option<PathBuf>,
    dry_run: bool,
}

impl From<ExportFields> for ExportOptions {
    fn from(fields: ExportFields) -> Self {
        let ExportFields { session, latest, project, active, all, to, archive, hash, log, dry_run } = fields;
        let selection = Selection { session, latest, project, active, all };
        Self { selection, to, archive, hash, log, dry_run }
    }
}

/// A session that was exported, or with `dryRun` would be.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "ExportedSession"))]
pub struct Exported {
    /// Id of the session, a UUID.
    pub session: String,
    /// Name, title or latest prompt.
    pub title: Option<String>,
    /// State of the session at the time of the export.
    pub state: State,
    /// Path of the session's transcript.
    #[serde(serialize_with = "lossy")]
    pub transcript: PathBuf,
    /// Path of the export, a directory or an archive. With `dryRun`, its name has no time.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// Number of files in the export, without the manifest.
    pub files: usize,
    /// Total size of these files, in bytes.
    pub bytes: u64,
    /// Length of the copied transcript, in bytes.
    pub transcript_bytes: u64,
    /// Number of lines in the copied transcript; `null` before it is copied.
    pub transcript_lines: Option<u64>,
    /// Hash of the copied transcript in hex, with the algorithm given by `hash`; `null` before it is copied.
    pub digest: Option<String>,
    /// Whether the transcript has grown since it was copied. The export then contains
    /// its first `transcriptBytes` bytes.
    pub grew: bool,
    /// Id of the process that has the session open.
    pub live_pid: Option<u32>,
    /// Files that were not exported, with the reason.
    pub skipped: Vec<Skipped>,
}

/// A session that could not be exported.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "ExportFailure"))]
pub struct ExportFailure {
    /// Session id; `null` for a directory that cannot be read and may contain several sessions.
    pub session: Option<String>,
    /// File that the error concerns.
    #[serde(serialize_with = "lossy_or_null")]
    pub path: Option<PathBuf>,
    /// Stable name of the error.
    pub code: &'static str,
    /// Description of the error, in one sentence.
    pub message: String,
    /// The next step for the user.
    pub hint: Option<String>,
    /// Exit code for this error.
    pub exit_code: i32,
}

impl ExportFailure {
    pub(super) fn of(session: &str, error: Error) -> Self {
        Self { session: Some(session.to_owned()), ..Self::of_directory(error) }
    }

    fn of_directory(error: Error) -> Self {
        Self {
            session: None,
            code: error.code.as_str(),
            exit_code: error.code.exit_code(),
            path: error.path,
            message: error.message,
            hint: error.hint,
        }
    }
}

/// Result of `exportSessions`, schema `cc-session-recover/export@1`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ExportReport {
    /// Schema name and version of this object.
    #[cfg_attr(test, ts(type = "'cc-session-recover/export@1'"))]
    pub schema: &'static str,
    /// Time when this result was generated, RFC 3339.
    #[serde(serialize_with = "crate::session::stop::time")]
    pub generated_at: DateTime<Utc>,
    /// Whether this is a dry run, which writes nothing.
    pub dry_run: bool,
    /// Directory of the exports.
    #[serde(serialize_with = "lossy")]
    pub to: PathBuf,
    /// Whether each session was written as a single `.tar` file.
    pub archive: bool,
    /// Algorithm that identifies the files.
    pub hash: Hash,
    /// Exported sessions, each verified.
    pub exports: Vec<Exported>,
    /// Sessions that failed, each with its error.
    pub failures: Vec<ExportFailure>,
    /// Total size of all exports, in bytes.
    pub bytes: u64,
    /// Session log that records the operation; `null` if nothing was done or the log could not be written.
    #[serde(serialize_with = "lossy_or_null")]
    pub log: Option<PathBuf>,
}

/// Exports the selected sessions, or with `dry_run` reports what would be exported.
///
/// # Errors
///
/// Returns the errors of [`find`]; [`Code::NothingToDo`] if no session matches; [`Code::PathRefused`] for a
/// target inside Claude Code's own directory. If a single session is selected, also the error of its export;
/// if several are, errors go into the report.
pub fn export(world: World<'_>, options: &ExportOptions, progress: &Progress) -> Result<ExportReport> {
    let named = options.selection.is_named();
    let (ground, project) = options.selection.ground(world)?;
    let mut inventory = Inventory::take(&ground, project.as_deref())?;
    let rows = options.selection.rows(&inventory)?;
    let kept = options.selection.kept(&inventory);
    let to = target(&ground, &inventory, options)?;
    let mut report = ExportReport {
        schema: SCHEMA,
        generated_at: world.clock.now(),
        dry_run: options.dry_run,
        to: to.clone(),
        archive: options.archive,
        hash: options.hash,
        exports: Vec::new(),
        failures: Vec::new(),
        bytes: 0,
        log: None,
    };
    let mut plans = Vec::new();
    if options.selection.all {
        report.failures.extend(unread(&inventory));
    }
    for row in rows {
        world.abort.check()?;
        match ExportPlan::of(world, &inventory, row) {
            Ok(plan) => plans.push(plan),
            Err(error) if named => return Err(error),
            Err(error) => report.failures.push(ExportFailure::of(row.found.id(), error)),
        }
    }
    let mut bytes: u64 = plans.iter().map(|plan| plan.bytes).sum();
    bytes += kept.iter().map(|entry| entry.conversation().unwrap_or_default()).sum::<u64>();
    progress.begin(bytes);
    if options.dry_run {
        report.exports = plans.iter().map(|plan| plan.planned_export(&to, options)).collect();
    } else {
        ensure_dir(&to)?;
        sweep(&to);
        let largest = plans.iter().map(|plan| plan.bytes).max().unwrap_or(0);
        // An archive is packed from a directory, which needs space until it is removed.
        ensure_room(&to, bytes.saturating_add(if options.archive { largest } else { 0 }))?;
        for plan in &plans {
            match plan.carry_out(world, &to, options, progress) {
                Ok(exported) => {
                    note(world, &ground, &exported);
                    report.exports.push(exported);
                }
                Err(error) if error.code == Code::Aborted => {
                    log(world, &ground, &report, options);
                    return Err(error);
                }
                Err(error) => {
                    report.failures.push(failed(world, &ground, plan.row.found.id(), error.clone()));
                    if named {
                        // The only session: return its error directly.
                        log(world, &ground, &report, options);
                        return Err(error);
                    }
                }
            }
        }
    }
    drop(plans);
    for entry in kept {
        inventory.close_kept();
        match export_kept(world, &inventory, &entry.session, &to, options, progress) {
            Ok(exported) => {
                if !options.dry_run {
                    note(world, &ground, &exported);
                }
                report.exports.push(exported);
            }
            Err(error) if error.code == Code::Aborted => {
                if !options.dry_run {
                    log(world, &ground, &report, options);
                }
                return Err(error);
            }
            Err(error) if options.dry_run => report.failures.push(ExportFailure::of(&entry.session, error)),
            Err(error) => report.failures.push(failed(world, &ground, &entry.session, error)),
        }
    }
    if !options.dry_run {
        report.log = log(world, &ground, &report, options);
    }
    report.bytes = report.exports.iter().map(|exported| exported.bytes).sum();
    Ok(report)
}

fn export_kept(
    world: World<'_>,
    inventory: &Inventory<'_>,
    session: &str,
    to: &Path,
    options: &ExportOptions,
    progress: &Progress,
) -> Result<Exported> {
    world.abort.check()?;
    let plan = ExportPlan::of(world, inventory, inventory.read_kept_of(session)?)?;
    if options.dry_run {
        Ok(plan.planned_export(to, options))
    } else {
        plan.carry_out(world, to, options, progress)
    }
}

fn failed(world: World<'_>, ground: &ReportContext<'_>, session: &str, error: Error) -> ExportFailure {
    let fields = json!({"session": session, "code": error.code.as_str(), "message": error.to_string()});
    journal::append(&ground.state, world.clock, "export-failed", fields);
    ExportFailure::of(session, error)
}

/// Returns the sessions of the `--all` selection that cannot be read, and the directories that
/// could not be listed.
pub(super) fn unread<'i>(inventory: &'i Inventory<'_>) -> impl Iterator<Item = ExportFailure> + 'i {
    let told = |error: &Error| {
        let error = Error { code: Code::TranscriptUnreadable, ..error.clone() };
        error.hint("make it readable for this user, and export it again")
    };
    let sessions =
        inventory.unread.iter().map(move |(found, error)| ExportFailure::of(found.id(), told(error)));
    sessions.chain(inventory.unlisted.iter().map(move |error| ExportFailure::of_directory(told(error))))
}

fn is_current(inventory: &Inventory<'_>, row: &InventoryRow) -> bool {
    inventory.verdict(row).state == State::Current
}

/// Returns the target directory. It is never inside Claude Code's own directories, because Claude Code would
/// treat exports as sessions or delete them.
fn target(ground: &ReportContext<'_>, inventory: &Inventory<'_>, options: &ExportOptions) -> Result<PathBuf> {
    let Some(to) = &options.to else { return Ok(ground.state.exports()) };
    ensure_elsewhere(inventory, to)?;
    if std::fs::metadata(to).is_ok_and(|meta| !meta.is_dir()) {
        return Err(Error::new(Code::PathRefused, "is not a directory").at(to));
    }
    Ok(to.clone())
}

/// Rejects a path inside Claude Code's own directories.
pub(super) fn ensure_elsewhere(inventory: &Inventory<'_>, to: &Path) -> Result<()> {
    let real = nearest(to);
    let own = |dir: &Path| canonical(dir).is_ok_and(|dir| real.starts_with(dir));
    if inventory.homes.iter().any(|home| own(&home.projects()) || own(home.dir())) {
        return Err(Error::new(Code::PathRefused, "is inside Claude Code's own directory")
            .at(to)
            .hint("choose another directory, or omit --to"));
    }
    Ok(())
}

/// Resolves the existing part of a path and appends the rest.
fn nearest(path: &Path) -> PathBuf {
    for ancestor in path.ancestors() {
        if let Ok(real) = canonical(ancestor) {
            return path.strip_prefix(ancestor).map_or_else(|_| real.clone(), |rest| real.join(rest));
        }
    }
    path.to_path_buf()
}

/// The export of one session, before any file is copied.
struct ExportPlan<'r> {
    row: &'r InventoryRow,
    /// Path of the transcript in Claude Code's directory, even if it is gone.
    transcript: PathBuf,
    state: State,
    origin: ExportOrigin,
    files: Vec<Belonging>,
    skipped: Vec<Skipped>,
    /// Estimated size of all files before the copy, in bytes.
    bytes: u64,
}

impl<'r> ExportPlan<'r> {
    fn of(world: World<'_>, inventory: &Inventory<'_>, row: &'r InventoryRow) -> Result<Self> {
        let home = inventory.files_of(row);
        let session = inventory.report(row);
        let transcript = session.transcript.clone();
        let config_dir = inventory.homes[row.found.home].dir();
        let (start, _) = start_directory(world, inventory, row);
        let project = session.project.dir.clone().or_else(|| start.as_deref().map(PathBuf::from));
        let (files, skipped) = belongings::of(home, &row.found, project.as_deref())?;
        let size = |file: &Belonging| std::fs::symlink_metadata(&file.from).map_or(0, |meta| meta.len());
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let state = serde_json::to_value(session.state).ok();
        Ok(Self {
            row,
            bytes: files.iter().map(size).sum::<u64>(),
            state: session.state,
            origin: ExportOrigin {
                id: row.found.id().to_owned(),
                title: session.name.or(session.title).or(session.last_prompt),
                cwd: start,
                config_dir: text(config_dir),
                directory: row
                    .found
                    .path
                    .parent()
                    .and_then(Path::file_name)
                    .map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
                transcript: text(&transcript),
                live_pid: session.live.map(|live| live.pid),
                state: state.and_then(|state| Some(state.as_str()?.to_owned())).unwrap_or_default(),
                stop: session.stop.kind.as_str().to_owned(),
                client_version: session.client_version,
            },
            files,
            skipped,
            transcript,
        })
    }

    fn name(&self, at: DateTime<Utc>) -> String {
        format!("{}{MARK}{}", at.format("%Y%m%dT%H%M%SZ"), self.row.found.id())
    }

    /// Describes the export before it is carried out.
    fn planned_export(&self, to: &Path, options: &ExportOptions) -> Exported {
        Exported {
            session: self.row.found.id().to_owned(),
            title: self.origin.title.clone(),
            state: self.state,
            transcript: self.transcript.clone(),
            path: to.join(format!(
                "<time>{MARK}{}{}",
                self.row.found.id(),
                if options.archive { ARCHIVE } else { "" }
            )),
            files: self.files.len(),
            bytes: self.bytes,
            transcript_bytes: self.row.summary.bytes,
            transcript_lines: None,
            digest: None,
            grew: false,
            live_pid: self.origin.live_pid,
            skipped: self.skipped.clone(),
        }
    }

    fn carry_out(
        &self,
        world: World<'_>,
        to: &Path,
        options: &ExportOptions,
        progress: &Progress,
    ) -> Result<Exported> {
        let now = world.clock.now();
        let factor = if options.archive { 2 } else { 1 };
        ensure_room(
            to,
            self.bytes.saturating_add(self.files.len() as u64 * PER_FILE).saturating_mul(factor),
        )?;
        let name = self.name(now);
        let building = Building::begin(to, &name)?;
        let manifest = self.build(&building.dir, now, options.hash, progress)?;
        let path = if options.archive {
            let file = to.join(format!(".{name}{ARCHIVE}.{}{UNFINISHED}", std::process::id()));
            let archive = Building::of_file(file);
            archive::write(&building.dir, &name, &manifest, &archive.dir, &progress.abort)?;
            archive.publish(to, &name, ARCHIVE)?
        } else {
            building.publish(to, &name, "")?
        };
        let transcript = manifest.transcript();
        Ok(Exported {
            path,
            files: manifest.files.len(),
            bytes: manifest.bytes(),
            transcript_bytes: transcript.map_or(0, |entry| entry.bytes),
            transcript_lines: transcript.map(|entry| entry.lines),
            digest: transcript.map(|entry| entry.digest.clone()),
            grew: transcript.is_some_and(|entry| entry.grew),
            skipped: manifest.skipped,
            ..self.planned_export(to, options)
        })
    }

    /// Copies every file into `dir` and writes the manifest last.
    fn build(&self, dir: &Path, now: DateTime<Utc>, hash: Hash, progress: &Progress) -> Result<Manifest> {
        let mut files = Vec::new();
        let mut skipped = self.skipped.clone();
        let mut dirs = BTreeSet::new();
        for file in &self.files {
            let target = dir.join(&file.path);
            if let Some(parent) = target.parent().filter(|parent| *parent != dir) {
                ensure_dir(parent)?;
                dirs.extend(parent.ancestors().take_while(|one| *one != dir).map(Path::to_path_buf));
            }
            progress.abort.check()?;
            match copy(&file.from, &target, hash, progress) {
                // A transcript that was briefly truncated would otherwise be exported truncated.
                Ok(copied)
                    if file.part == SessionFileKind::Transcript && copied.bytes < self.row.summary.bytes =>
                {
                    let message = "was truncated, rewritten or replaced while it was being exported";
                    return Err(Error::new(Code::VerificationFailed, message)
                        .at(&file.from)
                        .hint("another program is changing it; stop that program, or try again after it has finished"));
                }
                Ok(copied) => files.push(ManifestEntry::of(file.part, file.path.clone(), copied)),
                // The client may delete task and tool result files at any time.
                Err(_) if file.part != SessionFileKind::Transcript && is_gone(&file.from) => {
                    let path = file.from.to_string_lossy().into_owned();
                    skipped.push(Skipped { path, why: "was removed before it could be copied".into() });
                }
                Err(error) => return Err(error),
            }
        }
        for one in dirs.iter().rev() {
            sync_dir(one).doing("write", one)?;
        }
        let manifest = Manifest {
            version: 1,
            tool: concat!("cc-session-recover ", env!("CARGO_PKG_VERSION")).into(),
            exported_at: now,
            session: self.origin.clone(),
            hash,
            files,
            skipped,
        };
        manifest.write(dir)?;
        Ok(manifest)
    }
}

fn is_gone(path: &Path) -> bool {
    matches!(std::fs::symlink_metadata(path), Err(error) if error.kind() == std::io::ErrorKind::NotFound)
}

/// An unfinished export; removed on drop unless it is published.
struct Building {
    dir: PathBuf,
    published: std::cell::Cell<bool>,
}

impl Building {
    fn begin(to: &Path, name: &str) -> Result<Self> {
        let dir = to.join(format!(".{name}.{}{UNFINISHED}", std::process::id()));
        private_directory().create(&dir).doing("create", &dir)?;
        Ok(Self::of_file(dir))
    }

    fn of_file(dir: PathBuf) -> Self {
        Self { dir, published: false.into() }
    }

    /// Renames the finished export to a name that is not in use.
    fn publish(&self, to: &Path, name: &str, ending: &str) -> Result<PathBuf> {
        for number in 1..100 {
            let more = if number == 1 { String::new() } else { format!("-{number}") };
            let path = to.join(format!("{name}{more}{ending}"));
            match rename_new(&self.dir, &path) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                other => {
                    other.doing("move into place", &path)?;
                    self.published.set(true);
                    sync_dir(to).doing("write", to)?;
                    return Ok(path);
                }
            }
        }
        Err(Error::new(Code::PathRefused, "already exists and is not overwritten").at(to.join(name)))
    }
}

impl Drop for Building {
    fn drop(&mut self) {
        if !self.published.get() {
            let _ = std::fs::remove_dir_all(&self.dir);
            let _ = std::fs::remove_file(&self.dir);
        }
    }
}

/// Removes the leftovers of killed exports.
fn sweep(to: &Path) {
    let Ok(entries) = std::fs::read_dir(to) else { return };
    for entry in entries.filter_map(std::result::Result::ok) {
        let name = entry.file_name();
        if name.to_str().is_some_and(is_left_over) {
            let path = entry.path();
            let _ = std::fs::remove_dir_all(&path);
            let _ = std::fs::remove_file(&path);
        }
    }
}

/// Returns whether this is the unfinished export of a process that no longer exists.
#[must_use]
pub fn is_left_over(name: &str) -> bool {
    let inner = name.strip_prefix('.').and_then(|name| name.strip_suffix(UNFINISHED));
    let Some((own, pid)) =
        inner.filter(|inner| inner.contains(MARK)).and_then(|inner| inner.rsplit_once('.'))
    else {
        return false;
    };
    let Ok(pid) = pid.parse::<u32>() else { return false };
    session_of(own).is_some() && pid != std::process::id() && !crate::program::process_exists(pid)
}

/// Returns the session id in the name of an export: `<UTC>-LOSSLESS-<id>`, followed by `-2` for a second
/// export in the same second, and by `.tar` for an archive.
#[must_use]
pub fn session_of(name: &str) -> Option<&str> {
    let (at, rest) = name.split_once(MARK)?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (date, time) = at.strip_suffix('Z')?.split_once('T')?;
    let rest = rest.strip_suffix(ARCHIVE).unwrap_or(rest);
    let (id, number) = rest.split_at_checked(36)?;
    let numbered = number.is_empty() || number.strip_prefix('-').is_some_and(digits);
    let timed = date.len() == 8 && digits(date) && time.len() == 6 && digits(time);
    (timed && numbered && crate::claude::home::is_session_id(id)).then_some(id)
}

fn note(world: World<'_>, ground: &ReportContext<'_>, exported: &Exported) {
    journal::append(
        &ground.state,
        world.clock,
        "exported",
        json!({
            "session": exported.session,
            "path": exported.path,
            "files": exported.files,
            "bytes": exported.bytes,
            "transcriptBytes": exported.transcript_bytes,
            "digest": exported.digest,
        }),
    );
}

/// Adds the rows to the session log. A log that cannot be written does not fail the export, but the report
/// then has no log path.
fn log(
    world: World<'_>,
    ground: &ReportContext<'_>,
    report: &ExportReport,
    options: &ExportOptions,
) -> Option<PathBuf> {
    let dir = options.log.as_deref().unwrap_or(ground.state.root());
    let done: Vec<String> =
        report.exports.iter().map(|one| format!("verified, in {}", one.path.display())).collect();
    let mut rows: Vec<session_log::SessionLogRow<'_>> = report
        .exports
        .iter()
        .zip(&done)
        .map(|(one, result)| session_log::SessionLogRow {
            session: &one.session,
            bytes: Some(one.bytes),
            action: "export",
            result,
        })
        .collect();
    let failed: Vec<String> = report.failures.iter().map(|one| format!("FAILED: {}", one.message)).collect();
    rows.extend(report.failures.iter().zip(&failed).map(|(one, result)| session_log::SessionLogRow {
        session: one.session.as_deref().unwrap_or("-"),
        bytes: None,
        action: "export",
        result,
    }));
    session_log::add(dir, world.clock.now(), &rows).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "3f2a9c1d-0000-4000-8000-000000000001";

    #[test]
    fn an_export_is_recognized_by_its_name() {
        for (name, is) in [
            (format!("20261121T020000Z-LOSSLESS-{ID}"), true),
            (format!("20261121T020000Z-LOSSLESS-{ID}-2"), true),
            (format!("20261121T020000Z-LOSSLESS-{ID}.tar"), true),
            (format!("20261121T020000Z-LOSSLESS-{ID}-"), false),
            (format!("20261121T020000Z-LOSSLESS-{ID}/x"), false),
            (format!("20261121-LOSSLESS-{ID}"), false),
            (format!("x20261121T020000Z-LOSSLESS-{ID}"), false),
            ("20261121T020000Z-LOSSLESS-x".into(), false),
            (String::new(), false),
        ] {
            assert_eq!(session_of(&name).is_some(), is, "{name}");
        }
        let of = |pid: u32| format!(".20261121T020000Z-LOSSLESS-{ID}.{pid}.part");
        assert!(!is_left_over(&of(std::process::id())) && !is_left_over(&of(1)));
        assert!(is_left_over(&of(4_000_000_000)) || cfg!(not(unix)));
        assert!(!is_left_over(&format!("20261121T020000Z-LOSSLESS-{ID}")));
    }

    #[test]
    fn an_existing_export_is_not_overwritten_and_the_next_one_is_numbered() {
        let dir = tempfile::tempdir().unwrap();
        let name = format!("20261121T020000Z-LOSSLESS-{ID}");
        std::fs::create_dir(dir.path().join(&name)).unwrap();
        let building = Building::begin(dir.path(), &name).unwrap();
        std::fs::write(building.dir.join("x"), "x").unwrap();
        let path = building.publish(dir.path(), &name, "").unwrap();
        assert_eq!(path, dir.path().join(format!("{name}-2")));
        assert_eq!(std::fs::read_dir(dir.path().join(&name)).unwrap().count(), 0);
        drop(building);
        assert!(path.join("x").exists());
        drop(Building::begin(dir.path(), &name).unwrap());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "what got no name is gone");
    }
}
