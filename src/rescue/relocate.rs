//! Makes a verified copy of a session in another configuration directory or for another project directory.
//!
//! The original is not changed, and both sessions continue separately. The transcript is written last, so
//! that no client finds an incomplete session. No existing file is overwritten. If anything fails, the files
//! created so far are removed.

use crate::claude::home::ClaudeHome;
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::{canonical, lossy, not_a_directory, open_regular, private_directory, private_file};
use crate::report::find::{SessionOptions, find};
use crate::report::inventory::{Inventory, InventoryRow, ReportContext};
use crate::report::resume::start_directory;
use crate::report::session::Commands;
use crate::session::belongings::slug;
use crate::session::files::companion_of;
use crate::session::moves::Moves;
use crate::store::journal;
use crate::store::stored::hex;
use crate::world::World;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

const SCHEMA: &str = "cc-session-recover/relocate@1";
/// Number of bytes copied at a time.
const BLOCK: usize = 1024 * 1024;

/// Options of `relocate`: the session to copy, and the target.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct RelocateOptions {
    /// Session id, id prefix, name, title or transcript path.
    pub session: Option<String>,
    /// Selects the most recently active session, within `project` if given.
    pub latest: bool,
    /// Restricts the search to sessions of this project.
    pub project: Option<PathBuf>,
    /// Target: a configuration directory of Claude Code (it contains `projects` or `settings.json`, or is new
    /// with `configDir: true`), or a project directory.
    pub to: PathBuf,
    /// Whether to treat `to` as a configuration directory even if it does not look like one.
    pub config_dir: bool,
    pub dry_run: bool,
}

/// One file or directory that is copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct CopyStep {
    /// Path of the original.
    #[serde(serialize_with = "lossy")]
    pub from: PathBuf,
    /// Path of the copy.
    #[serde(serialize_with = "lossy")]
    pub to: PathBuf,
    /// Size of the file, in bytes.
    pub bytes: u64,
    /// SHA-256 of the copied bytes in hex; `null` before they are copied.
    pub sha256: Option<String>,
}

/// Result of `relocate`, schema `cc-session-recover/relocate@1`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RelocateReport {
    /// Schema name and version of this object.
    #[cfg_attr(test, ts(type = "'cc-session-recover/relocate@1'"))]
    pub schema: &'static str,
    /// Whether this is a dry run, which copies nothing.
    pub dry_run: bool,
    /// Id of the session, a UUID.
    pub session: String,
    /// Configuration directory of the original.
    #[serde(serialize_with = "lossy")]
    pub from_config_dir: PathBuf,
    /// Configuration directory of the copy.
    #[serde(serialize_with = "lossy")]
    pub to_config_dir: PathBuf,
    /// Working directory from which the copy is resumed.
    pub cwd: String,
    /// Files to copy; empty if the session is already where the target directory's sessions are.
    pub files: Vec<CopyStep>,
    /// Path of the transcript that is resumed from now on.
    #[serde(serialize_with = "lossy")]
    pub transcript: PathBuf,
    /// Whether the directory in which to resume must be stored, because the records name another one.
    #[serde(skip)]
    moved: bool,
    /// Sentences that describe which clients find the copy, and which find the original.
    pub visibility: Vec<String>,
    /// Commands that resume the copy.
    pub commands: Commands,
}

/// Copies a session, or with `dry_run` reports what would be copied.
///
/// # Errors
///
/// Returns the errors of [`find`]; [`Code::SessionLive`]; [`Code::PathRefused`] if something is in the place
/// of the copy or is not a regular file; [`Code::NothingToDo`] if source and target are the same;
/// [`Code::VerificationFailed`] if the copy differs.
pub fn relocate(world: World<'_>, options: &RelocateOptions) -> Result<RelocateReport> {
    let project = options
        .project
        .as_deref()
        .map(|dir| crate::report::find_project::project_named(world, dir))
        .transpose()?;
    let ground = ReportContext::read(world, project.as_deref())?;
    let inventory = Inventory::take(&ground, project.as_deref())?;
    let wanted = SessionOptions { session: options.session.clone(), latest: options.latest, project: None };
    let row = find(&inventory, &wanted)?;
    if let Some(owner) = inventory.owner(&row.found) {
        let message =
            format!("process {} has it open; a copy made now would lack what it writes next", owner.pid);
        return Err(Error::new(Code::SessionLive, message).at(&row.found.path).hint("end that client first"));
    }
    let mut report = plan(world, &inventory, row, options)?;
    world.abort.check()?;
    if !options.dry_run {
        if report.moved {
            // Remember the directory first: otherwise the copy would lead back to the original one.
            Moves::remember(&ground.state, &report.transcript, Path::new(&report.cwd))?;
        }
        copy_all(&mut report.files)?;
        journal::append(
            &ground.state,
            world.clock,
            "relocated",
            json!({"session": report.session, "from": row.found.path, "to": report.transcript, "cwd": report.cwd}),
        );
    }
    Ok(report)
}

fn plan(
    world: World<'_>,
    inventory: &Inventory<'_>,
    row: &InventoryRow,
    options: &RelocateOptions,
) -> Result<RelocateReport> {
    let home = &inventory.homes[row.found.home];
    let (start, _) = start_directory(world, inventory, row);
    let to = canonical(&options.to).ok().filter(|to| to.is_dir()).ok_or_else(|| {
        not_a_directory(&options.to)
            .hint("name a configuration directory of Claude Code, or the directory of a project")
    })?;
    let known = inventory.homes.iter().find(|one| canonical(one.dir()).is_ok_and(|dir| dir == to));
    let has = |name: &str| to.join(name).exists();
    // A repository may contain directories of these names too.
    let like_one = (has("projects") || has("settings.json")) && !has(".git") && !has(".claude");
    let is_home = options.config_dir || known.is_some() || has(".claude.json") || like_one;
    let (target, dir, cwd) = if is_home {
        let target = known.cloned().unwrap_or_else(|| ClaudeHome::new(&to));
        let name = row.found.path.parent().and_then(Path::file_name).unwrap_or_default();
        let dir = target.projects().join(name);
        (target, dir, start.clone().unwrap_or_default())
    } else {
        (home.clone(), home.project(&to), to.to_string_lossy().into_owned())
    };
    let shared = |path: &Path| canonical(path).unwrap_or_else(|_| path.to_path_buf());
    let in_place = row.found.path.parent().is_some_and(|own| shared(own) == shared(&dir));
    // Different paths can have the same encoded name, so the files of a renamed project may already be
    // in the right place.
    if in_place && (is_home || start.as_deref() == to.to_str()) {
        return Err(Error::new(Code::NothingToDo, "the session is already there").at(&dir));
    }
    let moved = !is_home || inventory.moved_to(&row.found).is_some();
    let mut files = Vec::new();
    if !in_place {
        tree(&companion_of(&row.found.path), &dir.join(row.found.id()), &mut files)?;
        for agent in row.found.agents_beside() {
            files.push(step(agent, &dir.join(agent.file_name().unwrap_or_default()))?);
        }
    }
    if target.dir() != home.dir() {
        for part in ["tasks", "file-history"] {
            let (from, to) = (home.dir().join(part), target.dir().join(part));
            tree(&from.join(row.found.id()), &to.join(row.found.id()), &mut files)?;
        }
        if let Some(slug) = slug(&row.found.path) {
            let name = format!("{slug}.md");
            let (from, to) = (home.dir().join("plans").join(&name), target.dir().join("plans").join(&name));
            if from.is_file() && !to.exists() {
                files.push(step(&from, &to)?);
            }
        }
    }
    let transcript = dir.join(format!("{}.jsonl", row.found.id()));
    if !in_place {
        files.push(step(&row.found.path, &transcript)?);
    }
    if let Some(taken) = files.iter().find(|file| std::fs::symlink_metadata(&file.to).is_ok()) {
        return Err(Error::new(Code::PathRefused, "already exists and is not overwritten")
            .at(&taken.to)
            .hint("a copy of this session may already be there"));
    }
    let default = world.env.home().map(|home| home.join(".claude"));
    let mut env = BTreeMap::new();
    if default.as_deref() != Some(target.dir()) {
        env.insert("CLAUDE_CONFIG_DIR".to_owned(), target.dir().to_string_lossy().into_owned());
    }
    let resume = vec!["claude".to_owned(), format!("--resume={}", row.found.id())];
    Ok(RelocateReport {
        schema: SCHEMA,
        dry_run: options.dry_run,
        session: row.found.id().to_owned(),
        from_config_dir: home.dir().to_path_buf(),
        to_config_dir: target.dir().to_path_buf(),
        transcript: if in_place { row.found.path.clone() } else { transcript },
        moved,
        visibility: if in_place {
            vec![
                format!("a client started in {cwd} finds it by its id"),
                "nothing is copied: Claude Code keeps the sessions of both directories in one place"
                    .to_owned(),
            ]
        } else {
            visibility(home, &target, &cwd)
        },
        commands: Commands {
            cwd: Some(cwd.clone()).filter(|cwd| !cwd.is_empty()),
            env,
            resume: Some(resume),
            export: None,
            kill: None,
        },
        cwd,
        files,
    })
}

/// Describes which client finds which session. Measured with 2.1.200 to 2.1.329.
fn visibility(from: &ClaudeHome, to: &ClaudeHome, cwd: &str) -> Vec<String> {
    let apart =
        "the two sessions are independent from now on: neither receives the messages of the other".to_owned();
    if from.dir() == to.dir() {
        return vec![
            format!("a client started in {cwd} finds the copy"),
            "a client started in the directory of the original finds the original".to_owned(),
            "a client started anywhere else finds neither by its id, because there are two".to_owned(),
            apart,
        ];
    }
    vec![
        format!("clients with CLAUDE_CONFIG_DIR={} see the copy", to.dir().display()),
        format!("clients with CLAUDE_CONFIG_DIR={} see the original", from.dir().display()),
        apart,
    ]
}

fn step(from: &Path, to: &Path) -> Result<CopyStep> {
    let bytes = open_regular(from)?.metadata().doing("read", from)?.len();
    Ok(CopyStep { from: from.to_path_buf(), to: to.to_path_buf(), bytes, sha256: None })
}

/// Collects the regular files below a directory. Anything else is an error, because a
/// link could lead anywhere.
fn tree(from: &Path, to: &Path, files: &mut Vec<CopyStep>) -> Result<()> {
    let entries = match std::fs::read_dir(from) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io("read the directory", from, &error)),
    };
    let mut entries: Vec<_> = entries.filter_map(std::result::Result::ok).collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().doing("read", &path)?.is_dir() {
            tree(&path, &copy, files)?;
        } else {
            files.push(step(&path, &copy)?);
        }
    }
    Ok(())
}

/// Files and directories made so far, to be removed on failure.
#[derive(Default)]
pub(super) struct RelocatedFiles {
    pub(super) files: Vec<PathBuf>,
    dirs: Vec<PathBuf>,
}

impl RelocatedFiles {
    pub(super) fn undo(&self) {
        for file in self.files.iter().rev() {
            let _ = std::fs::remove_file(file);
        }
        // Removes directories only if they are empty.
        for dir in self.dirs.iter().rev() {
            let _ = std::fs::remove_dir(dir);
        }
    }

    /// Creates a directory and its missing parents.
    pub(super) fn dir(&mut self, dir: &Path) -> Result<()> {
        let mut missing: Vec<&Path> = dir.ancestors().take_while(|one| !one.exists()).collect();
        missing.reverse();
        for one in missing {
            private_directory().create(one).doing("create", one)?;
            self.dirs.push(one.to_path_buf());
        }
        Ok(())
    }
}

fn copy_all(files: &mut [CopyStep]) -> Result<()> {
    let mut made = RelocatedFiles::default();
    let done = files.iter_mut().try_for_each(|file| copy(file, &mut made));
    if done.is_err() {
        made.undo();
    }
    done
}

fn copy(file: &mut CopyStep, made: &mut RelocatedFiles) -> Result<()> {
    let dir = file.to.parent().unwrap_or(Path::new("/")).to_path_buf();
    made.dir(&dir)?;
    let temporary = dir.join(format!(
        ".{}.{}.cc-recover-tmp",
        file.to.file_name().unwrap_or_default().to_string_lossy(),
        std::process::id()
    ));
    let published = write_copy(file, &temporary)
        .and_then(|()| std::fs::hard_link(&temporary, &file.to).doing("move into place", &file.to));
    let _ = std::fs::remove_file(&temporary);
    published?;
    made.files.push(file.to.clone());
    #[cfg(unix)]
    std::fs::File::open(&dir).and_then(|dir| dir.sync_all()).doing("write", &dir)?;
    Ok(())
}

/// Copies into a new file, and compares the result with the current original.
fn write_copy(file: &mut CopyStep, temporary: &Path) -> Result<()> {
    let mut options = private_file();
    options.write(true).create_new(true);
    let mut copy = options.open(temporary).doing("create", temporary)?;
    let mut source = open_regular(&file.from)?;
    let mut block = vec![0; BLOCK];
    loop {
        let read = source.read(&mut block).doing("read", &file.from)?;
        if read == 0 {
            break;
        }
        copy.write_all(&block[..read]).doing("write", temporary)?;
    }
    copy.sync_all().doing("write", temporary)?;
    let (copied, bytes) = digest(temporary, &mut block)?;
    let (original, now) = digest(&file.from, &mut block)?;
    if copied != original || bytes != file.bytes || now != file.bytes {
        return Err(Error::new(
            Code::VerificationFailed,
            "changed while it was copied; nothing was left behind",
        )
        .at(&file.from)
        .hint("end the program that writes to it and run it again"));
    }
    file.sha256 = Some(copied);
    Ok(())
}

fn digest(path: &Path, block: &mut [u8]) -> Result<(String, u64)> {
    let mut file = open_regular(path)?;
    let mut hasher = Sha256::new();
    let mut bytes = 0;
    loop {
        let read = file.read(block).doing("read", path)?;
        if read == 0 {
            break;
        }
        hasher.update(&block[..read]);
        bytes += read as u64;
    }
    Ok((hex(&hasher.finalize()), bytes))
}
