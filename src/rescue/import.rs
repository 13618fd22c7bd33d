//! Imports an export: restores it as a resumable session in any configuration directory and project.
//!
//! The whole export is verified before anything is written. No existing file is overwritten, and every file
//! is compared with its hash before it gets its final name. The transcript comes last, so that no client
//! finds an incomplete session. If anything fails, the files written so far are removed.

use super::archive;
use super::copy::{Hash, Progress, copy, digest};
use super::manifest::{Manifest, ManifestEntry, inside};
use super::relocate::RelocatedFiles;
use super::session_log;
use crate::abort::AbortFlag;
use crate::claude::home::ClaudeHome;
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::{canonical, lossy, lossy_or_null, not_a_directory};
use crate::report::inventory::{Inventory, ReportContext};
use crate::report::session::Commands;
use crate::session::belongings::{SessionFileKind, Skipped};
use crate::session::moves::Moves;
use crate::session::stop::time;
use crate::store::layout::{UNPACKED, ensure_dir};
use crate::store::lock::Lock;
use crate::store::replace::{TEMPORARY, sync_dir};
use crate::store::snapshot::ensure_room;
use crate::store::{StateDir, journal};
use crate::world::World;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const SCHEMA: &str = "cc-session-recover/import@1";

/// Options of `importSession`: the export to restore as a resumable session, and its target.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct ImportOptions {
    /// Directory or archive made by an export.
    pub export: PathBuf,
    /// Claude Code's configuration directory; defaults to the one in force.
    pub config_dir: Option<PathBuf>,
    /// Project directory; defaults to that of the exported session.
    pub project: Option<PathBuf>,
    pub dry_run: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "PlacedFile"))]
pub struct Placed {
    /// Path of the file in the export.
    pub path: String,
    /// Path to which the file is copied.
    #[serde(serialize_with = "lossy")]
    pub to: PathBuf,
    /// Size of the file, in bytes.
    pub bytes: u64,
    /// Hash in hex, with the algorithm of the export.
    pub digest: String,
}

/// Result of `importSession`, schema `cc-session-recover/import@1`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ImportReport {
    /// Schema name and version of this object.
    #[cfg_attr(test, ts(type = "'cc-session-recover/import@1'"))]
    pub schema: &'static str,
    /// Time when this result was generated, RFC 3339.
    #[serde(serialize_with = "time")]
    pub generated_at: DateTime<Utc>,
    /// Whether this was a dry run, which verifies the export and writes nothing.
    pub dry_run: bool,
    /// Path of the export.
    #[serde(serialize_with = "lossy")]
    pub export: PathBuf,
    /// Time of the export.
    #[serde(serialize_with = "time")]
    pub exported_at: DateTime<Utc>,
    /// Id of the session, a UUID.
    pub session: String,
    /// Name, title or prompt of the session.
    pub title: Option<String>,
    /// Configuration directory that receives the session.
    #[serde(serialize_with = "lossy")]
    pub config_dir: PathBuf,
    /// Working directory from which the session is resumed.
    pub cwd: Option<String>,
    /// Imported files, the transcript last.
    pub files: Vec<Placed>,
    /// Total size of these files, in bytes.
    pub bytes: u64,
    /// Files that are not imported, with the reason.
    pub left: Vec<Skipped>,
    /// Commands that resume the session; `resume` is `null` if `hint` is set.
    pub commands: Commands,
    /// Why the session cannot be resumed yet, and what to do; `null` if it can be resumed.
    pub hint: Option<String>,
    /// Session log that records the operation; `null` if nothing was done or the log could not be written.
    #[serde(serialize_with = "lossy_or_null")]
    pub log: Option<PathBuf>,
}

/// Imports an export, or with `dry_run` verifies it and reports where each file would go.
///
/// # Errors
///
/// Returns [`Code::VerificationFailed`] if the export does not match its manifest, or a copy of it differs;
/// [`Code::PathRefused`] if another file is in the way; [`Code::NothingToDo`] if the session is already
/// there, byte for byte; [`Code::SessionLive`] while a client has it open; [`Code::ProjectNotFound`]; or
/// [`Code::Io`] if a file cannot be read or written.
pub fn import(world: World<'_>, options: &ImportOptions, progress: &Progress) -> Result<ImportReport> {
    let ground = ReportContext::read(world, None)?;
    let given = canonical(&options.export).map_err(|error| {
        Error::io("open", &options.export, &error)
            .hint("name the directory or the archive that `export` has made")
    })?;
    let source = ExportSource::open(&ground, &given, &progress.abort)?;
    progress.begin(source.manifest.bytes().saturating_mul(if options.dry_run { 1 } else { 2 }));
    source.manifest.verify(&source.dir, progress)?;
    let id = &source.manifest.session.id;
    let inventory = Inventory::open(&ground);
    if let Some(owner) = inventory.owners.live().find(|owner| &owner.session == id) {
        let message = format!(
            "process {} has session {id} open, and its writes would conflict with the import",
            owner.pid
        );
        return Err(Error::new(Code::SessionLive, message).hint("end that client first"));
    }
    let (mut report, present) = plan(world, &source, &given, options)?;
    world.abort.check()?;
    if let (Some(_), Some(cwd), false) = (&options.project, &report.cwd, options.dry_run) {
        // Record the new directory first: the transcript still names the one it was exported from.
        let transcript = report
            .files
            .iter()
            .find(|file| SessionFileKind::of(&file.path, id) == Some(SessionFileKind::Transcript));
        if let Some(transcript) = transcript.map(|file| &file.to).or(present.as_ref()) {
            Moves::remember(&ground.state, transcript, Path::new(cwd))?;
        }
    }
    if report.files.is_empty() {
        return Err(Error::new(Code::NothingToDo, format!("session {id} already exists, byte for byte"))
            .at(present.unwrap_or(given)));
    }
    if !options.dry_run {
        put(&source, &report, progress)?;
        report.log = note(world, &ground, &report);
    }
    Ok(report)
}

/// An export that can be read as a directory.
struct ExportSource {
    dir: PathBuf,
    manifest: Manifest,
    /// The directory if it was unpacked for this import.
    _unpacked: Option<UnpackedDirectory>,
}

impl ExportSource {
    fn open(ground: &ReportContext<'_>, given: &Path, abort: &AbortFlag) -> Result<Self> {
        if given.is_dir() {
            return Ok(Self { dir: given.to_path_buf(), manifest: Manifest::read(given)?, _unpacked: None });
        }
        sweep(&ground.state);
        let unpacked = UnpackedDirectory::create(&ground.state)?;
        let manifest = archive::unpack(given, &unpacked.dir, abort)?;
        Ok(Self { dir: unpacked.dir.clone(), manifest, _unpacked: Some(unpacked) })
    }
}

/// Directory for an unpacked archive, which is removed on drop. Its lease shows that the import is alive, also
/// to a container that shares the state directory and numbers its processes independently.
struct UnpackedDirectory {
    dir: PathBuf,
    lease: PathBuf,
    lock: Option<Lock>,
}

impl UnpackedDirectory {
    fn create(state: &StateDir) -> Result<Self> {
        ensure_dir(state.root())?;
        let mut number = std::process::id();
        loop {
            if let Some(unpacked) = Self::take(state, number)? {
                // A killed import may have left files.
                let _ = std::fs::remove_dir_all(&unpacked.dir);
                ensure_dir(&unpacked.dir)?;
                return Ok(unpacked);
            }
            number = number.wrapping_add(1);
        }
    }

    /// Takes the directory with this number, unless a living import owns it.
    fn take(state: &StateDir, number: u32) -> Result<Option<Self>> {
        let lease = state.import_lease(number);
        let dir = state.root().join(format!("{UNPACKED}{number}"));
        Ok(Lock::try_take(&lease)?.map(|lock| Self { dir, lease, lock: Some(lock) }))
    }
}

impl Drop for UnpackedDirectory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
        self.lock = None;
        let _ = Lock::remove(&self.lease);
    }
}

/// Removes the files that killed imports have unpacked in the state directory.
pub(super) fn sweep(state: &StateDir) {
    let Ok(entries) = std::fs::read_dir(state.root()) else { return };
    for entry in entries.filter_map(std::result::Result::ok) {
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(UNPACKED)?.parse::<u32>().ok());
        if let Some(number) = number {
            // Dropping it removes the directory.
            drop(UnpackedDirectory::take(state, number));
        }
    }
}

/// Plans the target of each file. The second value is the path of the transcript if an
/// identical one exists already.
fn plan(
    world: World<'_>,
    source: &ExportSource,
    given: &Path,
    options: &ImportOptions,
) -> Result<(ImportReport, Option<PathBuf>)> {
    let session = &source.manifest.session;
    let home = ClaudeHome::new(config_dir(world, options)?);
    let project = options.project.as_deref().map(crate::report::list::directory).transpose()?;
    let dir = match &project {
        Some(project) => home.project(project),
        None => home.projects().join(&session.directory),
    };
    let cwd = project.map(|project| project.to_string_lossy().into_owned()).or_else(|| session.cwd.clone());
    let mut left = Vec::new();
    let mut files = Vec::new();
    let mut present = None;
    for entry in &source.manifest.files {
        let Some(to) = place(&home, &dir, &session.id, entry)? else {
            let why = "is not imported into a project: copy it by hand if you need it";
            left.push(Skipped { path: entry.path.clone(), why: why.into() });
            continue;
        };
        if std::fs::symlink_metadata(&to).is_ok() {
            if same(&to, entry, source.manifest.hash) {
                if entry.part == SessionFileKind::Transcript {
                    present = Some(to);
                }
                continue;
            }
            if entry.part == SessionFileKind::Plan {
                let why = format!("{} is a different plan and is not overwritten", to.display());
                left.push(Skipped { path: entry.path.clone(), why });
                continue;
            }
            return Err(Error::new(Code::PathRefused, "already exists, differs from the export, and is not overwritten")
                .at(&to)
                .hint("import it for another project (--project) or into another configuration directory (--config-dir)"));
        }
        files.push(Placed { path: entry.path.clone(), to, bytes: entry.bytes, digest: entry.digest.clone() });
    }
    // Last, so that no client finds an incomplete session.
    files.sort_by_key(|file| {
        SessionFileKind::of(&file.path, &session.id) == Some(SessionFileKind::Transcript)
    });
    let default = world.env.home().map(|home| home.join(".claude"));
    let mut env = BTreeMap::new();
    if default.as_deref() != Some(home.dir()) {
        env.insert("CLAUDE_CONFIG_DIR".to_owned(), home.dir().to_string_lossy().into_owned());
    }
    let hint = match cwd.as_deref() {
        Some(cwd) if Path::new(cwd).is_dir() => None,
        Some(cwd) => Some(format!("its directory {cwd} is not on this machine: import it with --project <directory> to resume it there")),
        None => Some("the directory that it was used in is not recorded: import it with --project <directory> to resume it there".to_owned()),
    };
    let report = ImportReport {
        schema: SCHEMA,
        generated_at: world.clock.now(),
        dry_run: options.dry_run,
        export: given.to_path_buf(),
        exported_at: source.manifest.exported_at,
        session: session.id.clone(),
        title: session.title.clone(),
        config_dir: home.dir().to_path_buf(),
        bytes: files.iter().map(|file| file.bytes).sum(),
        commands: Commands {
            cwd: cwd.clone().filter(|_| hint.is_none()),
            env,
            resume: hint.is_none().then(|| vec!["claude".to_owned(), format!("--resume={}", session.id)]),
            export: None,
            kill: None,
        },
        cwd,
        files,
        left,
        hint,
        log: None,
    };
    Ok((report, present))
}

fn config_dir(world: World<'_>, options: &ImportOptions) -> Result<PathBuf> {
    let Some(given) = &options.config_dir else {
        return world.env.claude_config_dir().ok_or_else(|| {
            Error::new(Code::StateDirUnknown, "no configuration directory: HOME is not set")
                .hint("name one with --config-dir")
        });
    };
    canonical(given)
        .ok()
        .filter(|dir| dir.is_dir())
        .ok_or_else(|| not_a_directory(given).hint("create it first, or omit --config-dir"))
}

/// Returns the target of a file; `None` for the note.
fn place(home: &ClaudeHome, dir: &Path, session: &str, entry: &ManifestEntry) -> Result<Option<PathBuf>> {
    // The user may build the configuration directory itself from symbolic links; inside a
    // session none are followed.
    let below = |part: &str| {
        let rest = entry.path.split_once('/').map_or(entry.path.as_str(), |(_, rest)| rest);
        inside(&home.dir().join(part), &format!("{session}/{rest}"))
    };
    let place = match entry.part {
        SessionFileKind::Note => return Ok(None),
        SessionFileKind::Transcript => Ok(dir.join(format!("{session}.jsonl"))),
        SessionFileKind::Companion => inside(dir, &entry.path),
        SessionFileKind::Tasks => below("tasks"),
        SessionFileKind::FileHistory => below("file-history"),
        SessionFileKind::Plan => inside(&home.dir().join("plans"), entry.path.trim_start_matches("plans/")),
    };
    place.map(Some).map_err(|error| Error {
        code: Code::PathRefused,
        message: "is a symbolic link, which is not followed".into(),
        ..error
    })
}

fn same(path: &Path, entry: &ManifestEntry, hash: Hash) -> bool {
    let long = std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() == entry.bytes);
    long && digest(path, hash, &Progress::default()).is_ok_and(|(found, _)| found == entry.digest)
}

fn put(source: &ExportSource, report: &ImportReport, progress: &Progress) -> Result<()> {
    let mut made = RelocatedFiles::default();
    let done = put_all(source, report, &mut made, progress);
    if done.is_err() {
        made.undo();
    }
    done
}

fn put_all(
    source: &ExportSource,
    report: &ImportReport,
    made: &mut RelocatedFiles,
    progress: &Progress,
) -> Result<()> {
    for (index, file) in report.files.iter().enumerate() {
        let dir = file.to.parent().unwrap_or(Path::new("/")).to_path_buf();
        made.dir(&dir)?;
        if index == 0 {
            ensure_room(&dir, report.bytes)?;
        }
        let from = inside(&source.dir, &file.path)?;
        let name = file.to.file_name().unwrap_or_default().to_string_lossy();
        let temporary = dir.join(format!(".{name}.{}{TEMPORARY}", std::process::id()));
        // Left by a process with the same id that died.
        let _ = std::fs::remove_file(&temporary);
        let placed = copy(&from, &temporary, source.manifest.hash, progress).and_then(|copied| {
            if copied.digest != file.digest || copied.bytes != file.bytes {
                return Err(Error::new(Code::VerificationFailed, "changed while it was imported").at(&from));
            }
            // `hard_link` fails if the name exists, whereas a rename would replace that file.
            std::fs::hard_link(&temporary, &file.to).doing("move into place", &file.to)
        });
        let _ = std::fs::remove_file(&temporary);
        placed?;
        made.files.push(file.to.clone());
        sync_dir(&dir).doing("write", &dir)?;
    }
    Ok(())
}

fn note(world: World<'_>, ground: &ReportContext<'_>, report: &ImportReport) -> Option<PathBuf> {
    let transcript = report.files.last().map(|file| &file.to);
    journal::append(
        &ground.state,
        world.clock,
        "imported",
        json!({"session": report.session, "export": report.export, "to": transcript, "files": report.files.len(), "bytes": report.bytes}),
    );
    let result = format!("verified, in {}", report.config_dir.display());
    let row = session_log::SessionLogRow {
        session: &report.session,
        bytes: Some(report.bytes),
        action: "import",
        result: &result,
    };
    session_log::add(ground.state.root(), world.clock.now(), &[row]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_removes_only_directories_whose_import_has_ended() {
        let root = tempfile::tempdir().unwrap();
        let state = StateDir::new(root.path());
        let first = UnpackedDirectory::create(&state).unwrap();
        let second = UnpackedDirectory::create(&state).unwrap();
        assert_ne!(first.dir, second.dir, "another import may use the same process id");
        // A killed import leaves its directory, and no process owns its lease.
        let killed = root.path().join(format!("{UNPACKED}{}", std::process::id().wrapping_sub(1)));
        std::fs::create_dir(&killed).unwrap();
        sweep(&state);
        assert!(first.dir.exists() && second.dir.exists() && !killed.exists());
        let ended = first.dir.clone();
        drop(first);
        assert!(!ended.exists() && second.dir.exists());
        assert_eq!(std::fs::read_dir(state.leases()).unwrap().count(), 1, "the lease of the second");
    }
}
