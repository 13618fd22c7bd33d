//! Replaces a session's transcript with a snapshot.
//!
//! The current transcript is first stored as a snapshot, so that another restore can undo this one. The file
//! is replaced completely or not at all, and read back afterwards.

use crate::claude::home::ClaudeHome;
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::{lossy, open_regular_with_metadata, private_directory, private_file, read_once};
use crate::keep::{
    KeptAs, KeptFile, KeptSession, LossKind, kept_of, loss_of, missing_companions, open_whole,
    restore_companions, whole_transcript,
};
use crate::recovery::incident::{Incident, Phase};
use crate::recovery::readiness::quiet;
use crate::recovery::reason::Reason;
use crate::report::find::{SHORTEST, SessionOptions, find, kept_named};
use crate::report::find_project::project_named;
use crate::report::inventory::{Inventory, ReportContext};
use crate::report::session::Commands;
use crate::session::Source;
use crate::session::scan::Found;
use crate::session::stop::time_or_null;
use crate::store::lock::Lock;
use crate::store::replace::{TEMPORARY, sync_dir};
use crate::store::snapshot::{self, ensure_room, noted_sha256};
use crate::store::stored::hex;
use crate::store::{StateDir, journal};
use crate::world::World;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::fs::Metadata;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

const SCHEMA: &str = "cc-session-recover/restore@1";
/// Size of the read buffer, in bytes.
const BLOCK: usize = 256 * 1024;
/// Name under which the files kept by hooks are listed with the snapshots.
const KEPT: &str = "kept";
/// Suffix of a snapshot file.
const ENDING: &str = ".jsonl";

/// Options of `restore`: the session, and the snapshot to restore.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct RestoreOptions {
    /// Session id, id prefix, name, title or transcript path.
    pub session: Option<String>,
    /// Selects the most recently active session, within `project` if given.
    pub latest: bool,
    /// Restricts the search to sessions of this project.
    pub project: Option<PathBuf>,
    /// Name of the snapshot, an unambiguous prefix of it, or `latest`. Defaults to the only snapshot
    /// if the transcript is gone or all of it is in the snapshot.
    pub from: Option<String>,
    pub dry_run: bool,
}

/// A verified copy of a transcript, made before an operation that could change it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct KeptSnapshot {
    /// Name of the snapshot.
    pub name: String,
    /// Path of the file.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// Kept files whose concatenation is the content; empty for a snapshot.
    #[serde(skip)]
    parts: Vec<KeptFile>,
    /// The transcript that continues the kept files, whose concatenation with them is the content.
    #[serde(skip)]
    continued: Option<PathBuf>,
    /// Time of the snapshot.
    #[serde(serialize_with = "time_or_null")]
    pub taken_at: Option<DateTime<Utc>>,
    /// Size of the snapshot, in bytes.
    pub bytes: u64,
    /// SHA-256 of the current content, in hex.
    pub sha256: String,
    /// Whether the snapshot still has its original content; `null` if that was not recorded.
    pub sound: Option<bool>,
    /// Whether the transcript still begins with exactly these bytes; `null` without a transcript.
    pub is_prefix: Option<bool>,
    /// Number of lines that the transcript has more than the snapshot; negative if it has fewer,
    /// `null` without a transcript.
    pub lines_since: Option<i64>,
}

impl KeptSnapshot {
    fn open(&self, state: &StateDir, session: &str) -> Result<Box<dyn Read>> {
        if self.parts.is_empty() {
            return Ok(Box::new(open_regular_with_metadata(&self.path)?.0));
        }
        open_joined(state, session, &self.parts.iter().collect::<Vec<_>>(), self.continued.as_deref())
    }
}

/// Result of `restore`, schema `cc-session-recover/restore@1`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RestoreReport {
    /// Schema name and version of this object.
    #[cfg_attr(test, ts(type = "'cc-session-recover/restore@1'"))]
    pub schema: &'static str,
    /// Time when this result was generated, RFC 3339.
    #[serde(serialize_with = "crate::session::stop::time")]
    pub generated_at: DateTime<Utc>,
    /// Whether this is a dry run, which changes nothing.
    pub dry_run: bool,
    /// Id of the session, a UUID.
    pub session: String,
    /// Path of the session's transcript.
    #[serde(serialize_with = "lossy")]
    pub transcript: PathBuf,
    /// Snapshots of the session, newest first, compared with the transcript before the restore.
    pub snapshots: Vec<KeptSnapshot>,
    /// Name of the snapshot to restore; `null` if none was named and none can be chosen without
    /// the risk of losing turns.
    pub chosen: Option<String>,
    /// Whether the transcript already equals the chosen snapshot, and only other files of the session are missing.
    pub already_equal: bool,
    /// Whether the snapshot was restored and read back.
    pub restored: bool,
    /// Number of other missing files of the session that were restored: subagents, tool results,
    /// tasks, plan, file history.
    pub companions: usize,
    /// Name of the snapshot of the previous transcript.
    pub kept: Option<String>,
    /// Command that undoes the restore.
    pub undo: Option<Vec<String>>,
    /// Commands that resume the session.
    pub commands: Commands,
}

/// Size, line count and hash of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct TranscriptDigest {
    bytes: u64,
    lines: i64,
    sha256: String,
}

/// Lists the snapshots of a session and restores the selected one, unless `dry_run` is set.
///
/// # Errors
///
/// Returns the errors of [`find`]; [`Code::SnapshotNotFound`]; [`Code::SessionLive`] while a client or a run
/// has the session open, or shortly after something wrote to the transcript; [`Code::NothingToDo`] if the
/// transcript equals the snapshot; [`Code::ChangedMeanwhile`] if something writes to the transcript
/// meanwhile; [`Code::VerificationFailed`] if the snapshot has changed since it was taken, or the transcript
/// differs from what was written.
pub fn restore(world: World<'_>, options: &RestoreOptions) -> Result<RestoreReport> {
    let project = options.project.as_deref().map(|dir| project_named(world, dir)).transpose()?;
    let ground = ReportContext::read(world, project.as_deref())?;
    let inventory = Inventory::take(&ground, project.as_deref())?;
    let target = Target::find(&ground.state, &inventory, options)?;
    let incident = inventory.incidents.get(&target.session);
    let kept_session = kept_of(&ground.state, &target.session)?;
    let from = options.from.as_deref();
    let (present, snapshots) = compare(&ground.state, &target, incident, kept_session.as_ref(), from)?;
    let loses_nothing = |snapshot: &KeptSnapshot| {
        let Some(present) = &present else { return Ok(true) };
        let open = || snapshot.open(&ground.state, &target.session);
        if begins_with(open()?, present).doing("read", &snapshot.path)? {
            return Ok(true);
        }
        let (transcript, _) = open_regular_with_metadata(&target.transcript)?;
        contains_records(open()?, transcript).doing("read", &target.transcript)
    };
    let chosen = choose(&snapshots, from, &target.session, loses_nothing)?;
    let mut report = RestoreReport {
        schema: SCHEMA,
        generated_at: world.clock.now(),
        dry_run: options.dry_run,
        session: target.session.clone(),
        transcript: target.transcript.clone(),
        chosen: chosen.map(|kept| kept.name.clone()),
        already_equal: false,
        restored: false,
        companions: 0,
        kept: None,
        undo: None,
        commands: target.commands.clone(),
        snapshots: Vec::new(),
    };
    if let Some(chosen) = chosen {
        target.refuse_while_held(&inventory, &ground.state)?;
        if chosen.sound == Some(false) {
            return Err(Error::new(Code::VerificationFailed, "has changed since the snapshot was taken")
                .at(&chosen.path)
                .hint("choose another snapshot; the transcript is unchanged"));
        }
        let kept_session = kept_session.filter(|_| chosen.name == KEPT);
        let equal = present.as_ref().is_some_and(|present| present.sha256 == chosen.sha256);
        if equal && kept_session.as_ref().is_none_or(|kept| missing_companions(kept) == 0) {
            return Err(Error::new(
                Code::NothingToDo,
                format!("the transcript already equals snapshot {}", chosen.name),
            )
            .at(&target.transcript));
        }
        report.already_equal = equal;
        if !options.dry_run {
            world.abort.check()?;
            let _lease = target.lease(&ground.state)?;
            if let Some(present) = present.as_ref().filter(|_| !equal) {
                target.refuse_while_growing(world, &ground, present)?;
            }
            target.ensure_directory(&inventory, kept_session.as_ref())?;
            // The other files come first: after a crash in between, a transcript in place would hide that they
            // are missing.
            if let Some(kept_session) = &kept_session {
                report.companions = restore_companions(&ground.state, kept_session)?;
            }
            if !equal {
                let kept = put_back(world, &ground, &target, present.as_ref(), chosen)?;
                report.undo = kept.as_ref().map(|kept| undo_command(&target.session, kept));
                report.kept = kept;
                report.restored = true;
            }
        }
    }
    report.snapshots = snapshots;
    Ok(report)
}

/// The session to restore and its transcript.
struct Target {
    session: String,
    transcript: PathBuf,
    found: Option<Found>,
    commands: Commands,
}

impl Target {
    /// Finds the session. A session whose transcript is gone is found by its kept files or its incident.
    fn find(state: &StateDir, inventory: &Inventory<'_>, options: &RestoreOptions) -> Result<Self> {
        let wanted =
            SessionOptions { session: options.session.clone(), latest: options.latest, project: None };
        let not_found = match find(inventory, &wanted) {
            Ok(row) => {
                return Ok(Self {
                    session: row.found.id().to_owned(),
                    transcript: row.found.path.clone(),
                    commands: Commands { export: None, kill: None, ..inventory.report(row).commands },
                    found: Some(row.found.clone()),
                });
            }
            Err(error) if matches!(error.code, Code::SessionNotFound | Code::Io) => error,
            Err(error) => return Err(error),
        };
        let name = options.session.as_deref().filter(|name| name.len() >= SHORTEST);
        let kept = options.session.as_deref().map(|name| kept_named(inventory, name.trim())).transpose()?;
        if let Some(kept) = kept.flatten() {
            return Ok(Self {
                session: kept.session,
                transcript: kept.transcript,
                found: None,
                commands: Commands::default(),
            });
        }
        let mut gone = inventory.incidents.values().filter(|incident| {
            let named = name.is_some_and(|name| incident.session.starts_with(name));
            named && !incident.transcript.exists() && state.snapshots(&incident.session).is_dir()
        });
        match (gone.next(), gone.next()) {
            (Some(incident), None) => Ok(Self {
                session: incident.session.clone(),
                transcript: incident.transcript.clone(),
                found: None,
                commands: Commands::default(),
            }),
            _ => Err(not_found),
        }
    }

    /// Takes the lease that prevents unattended runs while files of the session are changed.
    fn lease(&self, state: &StateDir) -> Result<Lock> {
        Lock::try_take(&state.run_lease(&self.session))?.ok_or_else(|| {
            Error::new(Code::SessionLive, "an unattended run of the session is in progress")
                .at(&self.transcript)
                .hint("wait until the run has ended")
        })
    }

    fn refuse_while_growing(
        &self,
        world: World<'_>,
        ground: &ReportContext<'_>,
        present: &TranscriptDigest,
    ) -> Result<()> {
        if is_own_write(&ground.state, &self.session, present) {
            return Ok(());
        }
        let (_, meta) = open_regular_with_metadata(&self.transcript)?;
        refuse_while_growing(world, ground, &self.transcript, &meta)
    }

    /// Creates the project's directory of transcripts, which Claude Code removes with its last transcript.
    /// Returns an error instead of creating a directory outside an existing configuration directory.
    fn ensure_directory(&self, inventory: &Inventory<'_>, kept: Option<&KeptSession>) -> Result<()> {
        let Some(dir) = self.transcript.parent().filter(|dir| dir.file_name().is_some()) else {
            return Ok(());
        };
        let known = inventory.homes.iter().map(ClaudeHome::dir);
        let mut homes = known.chain(kept.map(|kept| kept.config_dir.as_path()));
        let is_above = |home: &Path| dir.parent() == Some(ClaudeHome::new(home).projects().as_path());
        let Some(home) = homes.find(|home| is_above(home) && home.is_dir()) else {
            return std::fs::metadata(dir).doing("open the directory", dir).map(drop);
        };
        let missing: Vec<&Path> = dir.ancestors().take_while(|one| *one != home && !one.exists()).collect();
        for one in missing.into_iter().rev() {
            private_directory().create(one).doing("create the directory", one)?;
            let above = one.parent().unwrap_or(home);
            sync_dir(above).doing("write", above)?;
        }
        Ok(())
    }

    fn refuse_while_held(&self, inventory: &Inventory<'_>, state: &StateDir) -> Result<()> {
        refuse_while_held(inventory, state, &self.session, &self.transcript, self.found.as_ref())
    }
}

/// Returns an error if a client has or may have the session open, because the client would overwrite the
/// result.
pub(super) fn refuse_while_held(
    inventory: &Inventory<'_>,
    state: &StateDir,
    session: &str,
    transcript: &Path,
    found: Option<&Found>,
) -> Result<()> {
    let held =
        |message: String, hint: &str| Err(Error::new(Code::SessionLive, message).at(transcript).hint(hint));
    let owner = match found {
        Some(found) => inventory.owner(found),
        None => inventory.owners.live().find(|owner| owner.session == session),
    };
    if let Some(owner) = owner {
        let message =
            format!("process {} has it open and would overwrite the restored transcript", owner.pid);
        return held(message, "end that client first");
    }
    let elsewhere = found.is_some_and(|found| !inventory.owners_of(found).elsewhere.is_empty());
    if elsewhere {
        let message = "a client in another process-id namespace (a container) may have it open, which cannot be checked from here";
        return held(message.into(), "end that client, or restore it there");
    }
    if Lock::is_held(&state.run_lease(session)) {
        return held(
            "an unattended run of the session is in progress".into(),
            "wait until the run has ended",
        );
    }
    Ok(())
}

/// Refuses a recently modified file: a process that is not in the process table may be writing to it.
pub(super) fn refuse_while_growing(
    world: World<'_>,
    ground: &ReportContext<'_>,
    path: &Path,
    meta: &Metadata,
) -> Result<()> {
    let quiet = quiet(&ground.config);
    let Ok(modified) = meta.modified().map(DateTime::<Utc>::from) else { return Ok(()) };
    let age = world.clock.now() - modified;
    if age >= chrono::Duration::zero() && age < quiet {
        let message = format!("something wrote to it {} s ago, and may do so again", age.num_seconds());
        return Err(Error::new(Code::SessionLive, message)
            .at(path)
            .hint(format!("run it again in {} s", (quiet - age).num_seconds() + 1)));
    }
    Ok(())
}

/// Returns whether these bytes are what the last restore or repair of the session wrote.
fn is_own_write(state: &StateDir, session: &str, content: &TranscriptDigest) -> bool {
    let written = journal::entries(state, &["restored", "repaired"]);
    let last = written.iter().rev().find(|entry| entry["session"] == session);
    last.is_some_and(|entry| entry["sha256"] == content.sha256)
}

fn undo_command(session: &str, kept: &str) -> Vec<String> {
    ["cc-session-recover", "restore", session, "--from", kept].map(str::to_owned).to_vec()
}

/// Compares the snapshots of a session, newest first, with its transcript. Also returns the
/// content of the transcript.
fn compare(
    state: &StateDir,
    target: &Target,
    incident: Option<&Incident>,
    kept_session: Option<&KeptSession>,
    from: Option<&str>,
) -> Result<(Option<TranscriptDigest>, Vec<KeptSnapshot>)> {
    let dir = state.snapshots(&target.session);
    let entries = match std::fs::read_dir(&dir) {
        Ok(entries) => Some(entries),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(Error::io("read the directory", &dir, &error)),
    };
    let mut snapshots = Vec::new();
    // Files kept by hooks are listed if Claude Code has lost something. Otherwise they equal the transcript,
    // and are listed only if other files of the session are missing and there is no snapshot to choose.
    let listed = kept_session.filter(|kept| {
        let wanted = from == Some(KEPT) || (from.is_none() && entries.is_none());
        loss_of(&target.transcript, Some(kept)).is_some() || (wanted && missing_companions(kept) > 0)
    });
    if let Some(kept) = listed {
        let mut parts = whole_transcript(state, kept);
        if let Some(newest) = parts.last().map(|newest| newest.place(state, &kept.session)) {
            let continued = continuation(state, kept, &mut parts, &target.transcript)?;
            let whole = open_joined(state, &kept.session, &parts, continued)?;
            let content = contents(whole, &[]).doing("read", &newest)?.1;
            let parts = (parts.into_iter().cloned().collect(), continued.map(Path::to_path_buf));
            snapshots.push((KEPT.to_owned(), newest, Some(kept.updated_at), content, parts));
        }
    }
    for entry in entries.into_iter().flatten().filter_map(std::result::Result::ok) {
        let path = entry.path();
        let Some(name) =
            entry.file_name().to_str().and_then(|name| name.strip_suffix(ENDING)).map(str::to_owned)
        else {
            continue;
        };
        let (file, meta) = open_regular_with_metadata(&path)?;
        let content = contents(file, &[]).doing("read", &path)?.1;
        snapshots.push((name, path, taken_at(&meta), content, (Vec::new(), None)));
    }
    snapshots.sort_by(|one, other| (other.2, &other.0).cmp(&(one.2, &one.0)));
    let mut lengths: Vec<u64> = snapshots.iter().map(|(.., content, _)| content.bytes).collect();
    lengths.sort_unstable();
    lengths.dedup();
    let present = match open_regular_with_metadata(&target.transcript) {
        Ok((file, _)) => Some(contents(file, &lengths).doing("read", &target.transcript)?),
        Err(_) if target.found.is_none() => None,
        Err(error) => return Err(error),
    };
    let kept = snapshots
        .into_iter()
        .map(|(name, path, taken_at, content, (parts, continued))| KeptSnapshot {
            sound: noted(&path, incident).map(|noted| noted == content.sha256),
            parts,
            continued,
            is_prefix: present.as_ref().map(|(prefixes, _)| {
                prefixes.iter().any(|prefix| prefix.bytes == content.bytes && prefix.sha256 == content.sha256)
            }),
            lines_since: present.as_ref().map(|(_, whole)| whole.lines - content.lines),
            name,
            path,
            taken_at,
            bytes: content.bytes,
            sha256: content.sha256,
        })
        .collect();
    Ok((present.map(|(_, whole)| whole), kept))
}

/// Returns the transcript if it continues the kept files with records that they do not have yet: a hook keeps
/// it only at the next event. Removes its own older copy from `parts`.
fn continuation<'t>(
    state: &StateDir,
    kept: &KeptSession,
    parts: &mut Vec<&KeptFile>,
    transcript: &'t Path,
) -> Result<Option<&'t Path>> {
    if loss_of(transcript, Some(kept)) != Some(LossKind::Headless) {
        return Ok(None);
    }
    let Some(&newest) = parts.last() else { return Ok(None) };
    if newest.kept_as == KeptAs::Link && newest.is_with_client(state, kept) {
        return Ok(None);
    }
    let open = || open_regular_with_metadata(transcript).map(|(file, _)| file);
    let place = newest.place(state, &kept.session);
    let older = contents(newest.open(state, &kept.session)?, &[]).doing("read", &place)?.1;
    if begins_with(open()?, &older).doing("read", transcript)? {
        parts.pop();
    } else if contains_records(open_whole(state, &kept.session, parts)?, open()?).doing("read", transcript)? {
        return Ok(None);
    }
    Ok(Some(transcript))
}

/// Opens the concatenation of kept files and of the transcript that continues them.
fn open_joined(
    state: &StateDir,
    session: &str,
    parts: &[&KeptFile],
    continued: Option<&Path>,
) -> Result<Box<dyn Read>> {
    let whole = open_whole(state, session, parts)?;
    let Some(continued) = continued else { return Ok(whole) };
    Ok(Box::new(whole.chain(open_regular_with_metadata(continued)?.0)))
}

/// Returns whether a file begins with this content.
fn begins_with(file: impl Read, start: &TranscriptDigest) -> std::io::Result<bool> {
    Ok(contents(file, &[start.bytes])?.0.first() == Some(start))
}

/// Returns whether `whole` has every record of `part`, as often and in the same order. Number and order matter
/// because the client repeats records, for example a title, and uses the last one.
fn contains_records(whole: impl Read, part: impl Read) -> std::io::Result<bool> {
    let mut whole = records(whole);
    for record in records(part) {
        let record = record?;
        loop {
            match whole.next().transpose()? {
                Some(other) if other == record => break,
                Some(_) => {}
                None => return Ok(false),
            }
        }
    }
    Ok(true)
}

fn records(from: impl Read) -> impl Iterator<Item = std::io::Result<Vec<u8>>> {
    let lines = BufReader::with_capacity(BLOCK, from).split(b'\n');
    lines.filter(|line| line.as_ref().map_or(true, |line| !line.is_empty()))
}

fn taken_at(meta: &Metadata) -> Option<DateTime<Utc>> {
    meta.modified().ok().map(DateTime::from)
}

/// Returns the recorded hash of a snapshot, from the file next to it or from the run for which it was made.
fn noted(path: &Path, incident: Option<&Incident>) -> Option<String> {
    noted_sha256(path).or_else(|| {
        let runs = incident?.attempts.iter().filter_map(|attempt| attempt.run.as_deref());
        runs.filter(|run| run.snapshot == path).map(|run| run.sha256_before.clone()).next()
    })
}

/// Returns the snapshot with the given name. Without a name, returns the only one if restoring it loses
/// nothing of the transcript.
fn choose<'k>(
    snapshots: &'k [KeptSnapshot],
    from: Option<&str>,
    session: &str,
    loses_nothing: impl Fn(&KeptSnapshot) -> Result<bool>,
) -> Result<Option<&'k KeptSnapshot>> {
    if snapshots.is_empty() {
        return Err(Error::new(Code::SnapshotNotFound, format!("session {session} has no snapshot"))
            .hint("snapshots are taken before a closed session is resumed or restored"));
    }
    let Some(from) = from else {
        let kept = snapshots.iter().find(|snapshot| snapshot.name == KEPT);
        let only = kept.or(if snapshots.len() == 1 { snapshots.first() } else { None });
        return only.map_or(Ok(None), |only| Ok(loses_nothing(only)?.then_some(only)));
    };
    if let Some(exact) = snapshots.iter().find(|kept| kept.name == from) {
        return Ok(Some(exact));
    }
    if from == "latest" {
        return Ok(snapshots.first());
    }
    let matching: Vec<&KeptSnapshot> = snapshots.iter().filter(|kept| kept.name.starts_with(from)).collect();
    match matching.as_slice() {
        [one] if from.len() >= SHORTEST => Ok(Some(one)),
        _ => {
            let all: Vec<&str> = snapshots.iter().map(|kept| kept.name.as_str()).collect();
            let problem =
                if matching.len() > 1 { "matches several snapshots" } else { "does not match any snapshot" };
            Err(Error::new(Code::SnapshotNotFound, format!("{from:?} {problem}"))
                .hint(format!("there are {}", all.join(", "))))
        }
    }
}

/// Restores a snapshot that was chosen for the transcript with the content `present`; the caller owns the
/// lease. Returns the name of the snapshot of the previous transcript.
fn put_back(
    world: World<'_>,
    ground: &ReportContext<'_>,
    target: &Target,
    present: Option<&TranscriptDigest>,
    chosen: &KeptSnapshot,
) -> Result<Option<String>> {
    let state = &ground.state;
    let name = format!("{}-restore", world.clock.now().format("%Y%m%dT%H%M%S%3fZ"));
    let before = match &target.found {
        Some(_) => Some(snapshot::take(state, &target.session, &target.transcript, &name)?),
        None => None,
    };
    if before.as_ref().map(|before| &before.sha256) != present.map(|present| &present.sha256) {
        return Err(written_meanwhile(&target.transcript));
    }
    let source = chosen.open(state, &target.session)?;
    replace_verified(source, chosen, &target.transcript, before.as_ref())?;
    journal::append(
        state,
        world.clock,
        "restored",
        json!({
            "session": target.session,
            "transcript": target.transcript,
            "snapshot": chosen.name,
            "sha256": chosen.sha256,
            "kept": before.as_ref().map(|_| &name),
        }),
    );
    replan_after_restore(ground, target, &chosen.name)?;
    Ok(before.map(|_| name))
}

/// Writes the snapshot next to the transcript, checks that nothing has written to the transcript since its
/// own snapshot, and renames.
fn replace_verified(
    source: Box<dyn Read>,
    chosen: &KeptSnapshot,
    transcript: &Path,
    before: Option<&snapshot::Snapshot>,
) -> Result<()> {
    let dir = transcript.parent().unwrap_or(Path::new("/"));
    ensure_room(dir, chosen.bytes)?;
    let name = transcript.file_name().unwrap_or_default().to_string_lossy();
    let temporary = dir.join(format!(".{name}.{}{TEMPORARY}", std::process::id()));
    let written = write_beside(source, chosen, transcript, &temporary)
        .and_then(|()| unchanged(transcript, before))
        .and_then(|()| std::fs::rename(&temporary, transcript).doing("move into place", transcript));
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written?;
    sync_dir(dir).doing("write", dir)?;
    verify(transcript, chosen)
}

fn write_beside(
    mut source: Box<dyn Read>,
    chosen: &KeptSnapshot,
    transcript: &Path,
    temporary: &Path,
) -> Result<()> {
    let mut options = private_file();
    options.write(true).create_new(true);
    // Left by a process with the same id that died.
    let _ = std::fs::remove_file(temporary);
    let mut copy = options.open(temporary).doing("create", temporary)?;
    if let Ok(meta) = std::fs::metadata(transcript) {
        copy.set_permissions(meta.permissions()).doing("create", temporary)?;
    }
    let mut block = vec![0; BLOCK];
    loop {
        let count = read_once(&mut source, &mut block).doing("read", &chosen.path)?;
        if count == 0 {
            break;
        }
        copy.write_all(&block[..count]).doing("write", temporary)?;
    }
    copy.sync_all().doing("write", temporary)?;
    verify(temporary, chosen)
}

/// Checks that a file has the content that the snapshot had when it was selected.
fn verify(path: &Path, chosen: &KeptSnapshot) -> Result<()> {
    let (file, _) = open_regular_with_metadata(path)?;
    let (_, content) = contents(file, &[]).doing("read", path)?;
    if content.sha256 == chosen.sha256 && content.bytes == chosen.bytes {
        return Ok(());
    }
    Err(Error::new(
        Code::VerificationFailed,
        format!("differs from snapshot {} after the restore; both were read back", chosen.name),
    )
    .at(path)
    .hint(
        "end the program that writes to it and run it again; the previous transcript is stored as a snapshot",
    ))
}

/// Checks that nothing has written to the transcript since its snapshot.
fn unchanged(transcript: &Path, before: Option<&snapshot::Snapshot>) -> Result<()> {
    let now = match open_regular_with_metadata(transcript) {
        Ok((file, _)) => Some(contents(file, &[]).doing("read", transcript)?.1),
        Err(_) if before.is_none() && !transcript.exists() => None,
        Err(error) => return Err(error),
    };
    let same = match (&now, before) {
        (Some(now), Some(before)) => now.sha256 == before.sha256 && now.bytes == before.bytes,
        (None, None) => true,
        _ => false,
    };
    if same { Ok(()) } else { Err(written_meanwhile(transcript)) }
}

fn written_meanwhile(transcript: &Path) -> Error {
    Error::new(Code::ChangedMeanwhile, "was written to a moment ago; it was not changed")
        .at(transcript)
        .hint("end the client that has it open and run it again")
}

/// Updates the incident, because a plan for a damaged transcript no longer applies.
fn replan_after_restore(ground: &ReportContext<'_>, target: &Target, name: &str) -> Result<()> {
    let changed = ground.ledger().change(&target.session, |slot| {
        let Some(incident) = slot else { return };
        incident.saw(Source::Store, format!("its transcript was restored from snapshot {name}"));
        let result = incident.attempts.last().and_then(|attempt| attempt.run.as_ref()?.result.as_ref());
        let damaged = result.is_some_and(|result| result.damage.is_some());
        if damaged && incident.phase == Phase::Held {
            incident.plan.explain(Reason::TranscriptRestored);
        }
    });
    match changed {
        // The transcript is restored, even if its incident cannot be read or changed.
        Err(error) if matches!(error.code, Code::Io | Code::StateLocked | Code::StateNewer) => {
            journal::append(
                &ground.state,
                ground.world.clock,
                "restore-unrecorded",
                json!({"session": target.session, "message": error.to_string()}),
            );
            Ok(())
        }
        other => other.map(|_| ()),
    }
}

/// Returns the content of each prefix of these lengths (ascending, as far as the file is long enough), and
/// that of the whole file.
fn contents(
    mut from: impl Read,
    lengths: &[u64],
) -> std::io::Result<(Vec<TranscriptDigest>, TranscriptDigest)> {
    let mut hasher = Sha256::new();
    let (mut bytes, mut lines) = (0, 0);
    let mut prefixes = Vec::new();
    let mut block = vec![0; BLOCK];
    let mut boundaries = lengths.iter().copied().peekable();
    loop {
        while boundaries.next_if_eq(&bytes).is_some() {
            prefixes.push(TranscriptDigest { bytes, lines, sha256: hex(&hasher.clone().finalize()) });
        }
        let room = boundaries.peek().map_or(u64::MAX, |boundary| boundary - bytes);
        let room = usize::try_from(room).unwrap_or(BLOCK).min(BLOCK);
        let count = read_once(&mut from, &mut block[..room])?;
        if count == 0 {
            return Ok((prefixes, TranscriptDigest { bytes, lines, sha256: hex(&hasher.finalize()) }));
        }
        hasher.update(&block[..count]);
        let ends = memchr::memchr_iter(b'\n', &block[..count]).count();
        lines += i64::try_from(ends).unwrap_or(i64::MAX);
        bytes += count as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(dir: &Path, text: &str) -> KeptSnapshot {
        let path = dir.join("kept.jsonl");
        std::fs::write(&path, text).unwrap();
        let (_, content) = contents(text.as_bytes(), &[]).unwrap();
        KeptSnapshot {
            name: "kept".into(),
            parts: Vec::new(),
            continued: None,
            path,
            taken_at: None,
            bytes: content.bytes,
            sha256: content.sha256,
            sound: Some(true),
            is_prefix: None,
            lines_since: None,
        }
    }

    #[test]
    fn the_hashes_of_several_prefixes_are_computed_in_one_pass() {
        let text = "one\ntwo\nthree\n".repeat(50_000);
        let (prefixes, whole) = contents(text.as_bytes(), &[0, 4, 600_000, 900_000]).unwrap();
        let alone = |length: usize| contents(&text.as_bytes()[..length], &[]).unwrap().1;
        assert_eq!(prefixes, [alone(0), alone(4), alone(600_000)]);
        assert_eq!(whole, alone(text.len()));
        assert_eq!((whole.bytes, whole.lines), (700_000, 150_000));
    }

    #[test]
    fn a_snapshot_contains_a_transcript_if_it_has_its_records_as_often_and_in_order() {
        for (whole, part, contained) in [
            ("a\nb\nc\n", "", true),
            ("a\nb\nc\n", "a\nb\nc\n", true),
            ("a\nb\nc\n", "a\nb\n", true),
            ("a\nb\nc\n", "b\nc\n", true),
            ("a\nb\nc\n", "a\nc\n", true),
            ("a\nb\nc\n", "b\n\nc", true),
            ("a\nb\nc\n", "a\nb", true),
            ("a\nb\na\n", "a\na\n", true),
            ("a\nb\na\n", "b\na\n", true),
            ("a\nb\nc\n", "a\nb\nc\nd\n", false),
            ("a\nb\nc\n", "a\nb\nch", false),
            ("a\nb\nc\n", "a\nb\nc\na\nb\nc\n", false),
            ("a\nb\nc\n", "a\nb\nb\nc\n", false),
            ("a\nb\nc\n", "c\na\n", false),
            ("a\nbb\nc\n", "a\nb", false),
            ("", "a\n", false),
        ] {
            let found = contains_records(whole.as_bytes(), part.as_bytes()).unwrap();
            assert_eq!(found, contained, "{part:?} in {whole:?}");
        }
    }

    #[test]
    fn a_snapshot_begins_with_a_transcript_that_was_cut_anywhere() {
        for (whole, start, begins) in [
            ("a\nbb\n", "", true),
            ("a\nbb\n", "a\nb", true),
            ("a\nbb\n", "a\nbb\n", true),
            ("a\nbb\n", "a\nbb\na\n", false),
            ("a\nbb\n", "bb\n", false),
            ("", "a", false),
        ] {
            let (_, content) = contents(start.as_bytes(), &[]).unwrap();
            assert_eq!(begins_with(whole.as_bytes(), &content).unwrap(), begins, "{start:?} of {whole:?}");
        }
    }

    #[test]
    fn without_a_name_a_snapshot_is_chosen_only_if_it_loses_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let snapshots = |names: &[&str]| -> Vec<KeptSnapshot> {
            names.iter().map(|name| KeptSnapshot { name: (*name).into(), ..kept(dir.path(), "") }).collect()
        };
        // The snapshots, those that have all of the transcript, and the one that is chosen.
        for (names, complete, chosen) in [
            (&["one-1"][..], &["one-1"][..], Some("one-1")),
            (&["one-1"], &[], None),
            (&["one-1", "one-2"], &["one-1", "one-2"], None),
            (&["one-1", KEPT], &[KEPT], Some(KEPT)),
            (&["one-1", KEPT], &["one-1"], None),
            (&[KEPT], &[], None),
        ] {
            let loses_nothing = |one: &KeptSnapshot| Ok(complete.contains(&one.name.as_str()));
            let all = snapshots(names);
            let found = choose(&all, None, "s", loses_nothing).unwrap().map(|one| one.name.as_str());
            assert_eq!(found, chosen, "{complete:?} of {names:?}");
            // A name is a decision of the user.
            let named = choose(&all, Some(names[0]), "s", |_| unreachable!()).unwrap();
            assert_eq!(named.map(|one| one.name.as_str()), names.first().copied());
        }
        let error = choose(&[], None, "s", |_| Ok(true)).unwrap_err();
        assert_eq!(error.code, Code::SnapshotNotFound);
    }

    #[test]
    fn a_transcript_written_after_its_snapshot_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::new(dir.path().join("state"));
        let transcript = dir.path().join("t.jsonl");
        let chosen = kept(dir.path(), "old\n");
        std::fs::write(&transcript, "present\n").unwrap();
        let before = snapshot::take(&state, "s", &transcript, "n").unwrap();
        std::fs::write(&transcript, "present\nand more\n").unwrap();
        let open = || chosen.open(&state, "s").unwrap();
        let error = replace_verified(open(), &chosen, &transcript, Some(&before)).unwrap_err();
        assert_eq!(error.code, Code::ChangedMeanwhile);
        assert_eq!(std::fs::read(&transcript).unwrap(), b"present\nand more\n");
        // Replaced if it is unchanged since its snapshot.
        std::fs::write(&transcript, "present\n").unwrap();
        replace_verified(open(), &chosen, &transcript, Some(&before)).unwrap();
        assert_eq!(std::fs::read(&transcript).unwrap(), b"old\n");
        let names: Vec<_> =
            std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 3, "nothing temporary is left: {names:?}");
    }

    #[test]
    fn bytes_that_differ_from_the_snapshot_fail_verification() {
        let dir = tempfile::tempdir().unwrap();
        let chosen = kept(dir.path(), "old\n");
        let transcript = dir.path().join("t.jsonl");
        std::fs::write(&transcript, "old\n").unwrap();
        verify(&transcript, &chosen).unwrap();
        std::fs::write(&transcript, "odd\n").unwrap();
        assert_eq!(verify(&transcript, &chosen).unwrap_err().code, Code::VerificationFailed);
        // The snapshot itself changed between selection and copy, so nothing is put in place.
        let missing = dir.path().join("none.jsonl");
        let changed = Box::new(&b"bad\n"[..]);
        let error = replace_verified(changed, &chosen, &missing, None).unwrap_err();
        assert_eq!(error.code, Code::VerificationFailed);
        assert!(!missing.exists());
    }
}
