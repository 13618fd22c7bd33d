//! Repairs a transcript that the client cannot open, or that it opens without all of its turns.
//!
//! The current file is first stored as a verified snapshot. The repaired transcript is made from that
//! snapshot next to the old one, synced to disk, read back and examined again. It replaces the old transcript
//! only if no process has written to that file since, so the file always contains either the old bytes or the
//! new ones. The snapshot can restore the old bytes.

mod content;
mod diagnosis;
mod links;
mod outline;
mod pieces;
#[cfg(test)]
mod property;
mod rewrite;

use self::diagnosis::{
    DamageClass, Diagnosis, DiagnosisOptions, Finding, FoundBranch, OtherSession, diagnose, remaining,
};
use self::links::RepairScope;
use self::rewrite::write_repaired;
use super::restore::{self, RestoreOptions, refuse_while_growing, refuse_while_held};
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::{identity, lossy, open_regular_with_metadata, private_file};
use crate::report::find::{SessionOptions, find_file};
use crate::report::find_project::project_named;
use crate::report::inventory::{Inventory, ReportContext};
use crate::report::session::Commands;
use crate::session::scan::Found;
use crate::store::lock::Lock;
use crate::store::replace::{TEMPORARY, sync_dir};
use crate::store::snapshot::{self, Snapshot, ensure_room, prefix_sha256};
use crate::store::stored::hex;
use crate::store::{StateDir, journal};
use crate::world::World;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::fs::Metadata;
use std::io::{BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc;

const SCHEMA: &str = "cc-session-recover/repair@1";
/// Suffix of the names of repair snapshots, after their time.
const ENDING: &str = "-repair";
const NAME_TIME: &str = "%Y%m%dT%H%M%S%3fZ";
const BLOCK: usize = 256 * 1024;

/// Options of `repair`: the session, and what to do with it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct RepairOptions {
    /// Session id, id prefix, name, title or transcript path.
    pub session: Option<String>,
    /// Selects the most recently active session, within `project` if given.
    pub latest: bool,
    /// Restricts the search to sessions of this project.
    pub project: Option<PathBuf>,
    /// Whether to repair the transcript. Otherwise `repair` only reports what would be done.
    pub apply: bool,
    /// Whether to restore the transcript from before the last repair.
    pub rollback: bool,
    /// Id of a record. The repair makes the client send the branch that contains it.
    pub branch: Option<String>,
}

/// Damage found in the transcript of a subagent. It is not repaired, because the client
/// never sends that transcript.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SubagentFindings {
    /// Path of the file.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// Findings in file order.
    pub findings: Vec<Finding>,
    /// Number of findings beyond the limit of the list.
    pub more: u64,
}

/// Result of `repair`, schema `cc-session-recover/repair@1`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of the answer on its own")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RepairReport {
    /// Schema name and version of this object.
    #[cfg_attr(test, ts(type = "'cc-session-recover/repair@1'"))]
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
    /// Size of the transcript before the repair, in bytes.
    pub bytes: u64,
    /// Number of lines before the repair.
    pub lines: u64,
    /// Number of readable records before the repair.
    pub records: u64,
    /// Findings in file order.
    pub findings: Vec<Finding>,
    /// Number of findings beyond the limit of the list.
    pub more: u64,
    /// Number of findings that can be repaired; 0 if there is nothing to repair.
    #[serde(rename = "mendable")]
    pub repairable: u64,
    /// Branches of the conversation, if there is more than one. The client sends one branch of each fork.
    pub branches: Vec<FoundBranch>,
    /// Other sessions that have records in the file.
    pub others: Vec<OtherSession>,
    /// Whether the repair makes the client send the requested branch.
    pub switches: bool,
    /// Record id that was given as `branch`.
    pub branch: Option<String>,
    /// Subagents whose transcripts are damaged.
    pub subagents: Vec<SubagentFindings>,
    /// Why the transcript cannot be repaired now; `null` if it can be.
    pub held: Option<String>,
    /// Whether the transcript was repaired, read back and examined again.
    pub repaired: bool,
    /// Whether the transcript from before the last repair was restored.
    pub rolled_back: bool,
    /// Name of the snapshot of the previous transcript.
    pub kept: Option<String>,
    /// Command that undoes the repair.
    pub undo: Option<Vec<String>>,
    /// Commands that resume the session.
    pub commands: Commands,
}

/// Reports the damage in a session's transcript and repairs it on request.
///
/// # Errors
///
/// Returns the errors of [`find`]; [`Code::Usage`] for options that cannot be used together;
/// [`Code::SessionNotFound`] for a branch that the conversation does not have; with `apply`,
/// [`Code::SessionLive`] while a client or a run has the session open or something has just written to it,
/// [`Code::ChangedMeanwhile`] if something writes to it meanwhile, [`Code::VerificationFailed`] if the file
/// differs from what was written; with `rollback`, the errors of [`restore::restore`], and
/// [`Code::ChangedMeanwhile`] if the session continued since. [`Code::Io`]. On an error the transcript is
/// unchanged.
pub fn repair(world: World<'_>, options: &RepairOptions) -> Result<RepairReport> {
    if options.apply && options.rollback {
        return Err(
            Error::new(Code::Usage, "--apply and --rollback cannot be used together").hint("use one of them")
        );
    }
    if options.branch.is_some() && options.rollback {
        return Err(Error::new(Code::Usage, "--branch and --rollback cannot be used together")
            .hint("use one of them"));
    }
    let branch = options.branch.as_deref().map(branch_id).transpose()?;
    let project = options.project.as_deref().map(|dir| project_named(world, dir)).transpose()?;
    let ground = ReportContext::read(world, project.as_deref())?;
    let inventory = Inventory::take(&ground, project.as_deref())?;
    let wanted = SessionOptions { session: options.session.clone(), latest: options.latest, project: None };
    let row = find_file(&inventory, &wanted)?;
    let found = &row.found;
    if found.is_conflict_copy() && (options.apply || options.rollback) {
        let message = "is a conflict copy, which no client opens; its damage is only reported";
        return Err(Error::new(Code::PathRefused, message)
            .at(&found.path)
            .hint(format!("repair the session itself: cc-session-recover repair {}", found.id())));
    }
    let held = refuse_while_held(&inventory, &ground.state, found.id(), &found.path, Some(found));
    let diagnosis = examined(&found.path, found.id(), &name_of(world.clock.now(), branch.as_deref()))?;
    if diagnosis.no_such_branch {
        let message =
            format!("no branch of {} has a record {}", found.id(), branch.as_deref().unwrap_or_default());
        return Err(Error::new(Code::SessionNotFound, message)
            .at(&found.path)
            .hint(format!("`cc-session-recover repair {}` lists the branches", found.id())));
    }
    world.abort.check()?;
    let switches = diagnosis.switches;
    let mut report = RepairReport {
        schema: SCHEMA,
        generated_at: world.clock.now(),
        dry_run: !options.apply && !options.rollback,
        session: found.id().to_owned(),
        transcript: found.path.clone(),
        bytes: diagnosis.bytes,
        lines: diagnosis.lines,
        records: diagnosis.records,
        more: diagnosis.more,
        repairable: diagnosis.repairable,
        branches: diagnosis.branches,
        others: with_transcripts(diagnosis.others, &inventory),
        switches,
        branch: branch.clone(),
        subagents: subagents(found)?,
        held: held.as_ref().err().map(|error| error.message.clone()),
        repaired: false,
        rolled_back: false,
        kept: None,
        undo: None,
        commands: Commands { export: None, kill: None, ..inventory.report(row).commands },
        findings: diagnosis.findings,
    };
    if options.rollback {
        held?;
        let restored = roll_back(world, &ground.state, found)?;
        report.rolled_back = true;
        report.undo = restored.undo;
        report.kept = restored.kept;
    } else if options.apply && (report.repairable > 0 || switches) {
        held?;
        let kept = apply(world, &ground, found, branch.as_deref())?;
        report.undo =
            Some(["cc-session-recover", "repair", found.id(), "--rollback"].map(str::to_owned).to_vec());
        report.kept = Some(kept);
        report.repaired = true;
    }
    Ok(report)
}

/// Validates the id of a record, which must be a UUID because it becomes part of a file name.
fn branch_id(text: &str) -> Result<String> {
    let id = text.to_ascii_lowercase();
    let parts: Vec<&str> = id.split('-').collect();
    let uuid = parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && id.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    if uuid {
        return Ok(id);
    }
    Err(Error::new(Code::Usage, format!("--branch needs the id of a record, and {text} is not a UUID"))
        .hint("`cc-session-recover repair` lists the branches with their ids"))
}

/// Returns the name of a snapshot. It contains the requested branch, so that the same bytes can be made
/// from the snapshot again.
fn name_of(at: DateTime<Utc>, branch: Option<&str>) -> String {
    let branch = branch.map(|branch| format!("-{branch}")).unwrap_or_default();
    format!("{}{branch}{ENDING}", at.format(NAME_TIME))
}

/// Returns the time in a snapshot's name, as a fallback timestamp for records, and the branch in it.
fn parts_of(name: &str) -> (String, Option<String>) {
    let rest = name.strip_suffix(ENDING).unwrap_or(name);
    let (time, branch) = rest.split_once('-').map_or((rest, None), |(time, branch)| (time, Some(branch)));
    let time = chrono::NaiveDateTime::parse_from_str(time, NAME_TIME).map_or_else(
        |_| "1970-01-01T00:00:00.000Z".to_owned(),
        |time| time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
    );
    (time, branch.map(str::to_owned))
}

/// Diagnoses a session's transcript and tries the edits. Their result is read again. If it would need another
/// repair, or would remove something that the client sends now, the scope is reduced. So a repair does what
/// the dry run reported, and damage that cannot be repaired does not prevent other repairs.
fn examined(path: &Path, session: &str, name: &str) -> Result<Diagnosis> {
    examined_in(&|| open_regular_with_metadata(path).map(|(file, _)| file), path, session, name)
}

/// Like [`examined`], for any source that `open` returns; `path` is only used in errors.
fn examined_in<S: Read + Seek + Send>(
    open: &dyn Fn() -> Result<S>,
    path: &Path,
    session: &str,
    name: &str,
) -> Result<Diagnosis> {
    let (fallback, branch) = parts_of(name);
    let mut reading = DiagnosisOptions {
        subagent: false,
        session: Some(session),
        fallback: &fallback,
        branch: branch.as_deref(),
        scope: RepairScope::Joins,
    };
    let mut first: Option<Diagnosis> = None;
    for scope in [RepairScope::Joins, RepairScope::Links, RepairScope::Lines] {
        reading.scope = scope;
        let mut found = diagnose(open()?, &reading).doing("read", path)?;
        found.switches = found.end.is_some() && branch.is_some();
        if scope == RepairScope::Lines && found.harms {
            refuse(&mut found);
        }
        let holds = scope == RepairScope::Lines
            || (found.edits.is_empty() && found.end.is_none())
            || (!found.harms && tried(open()?, &found, &reading).doing("read", path)?);
        let Some(wide) = first.as_mut() else {
            if holds {
                return Ok(found);
            }
            first = Some(found);
            continue;
        };
        if holds {
            // Also report findings of a wider scope, as damage that is not repaired.
            let told: HashSet<(u64, DamageClass)> =
                found.findings.iter().map(|finding| (finding.offset, finding.class)).collect();
            let left =
                wide.findings.drain(..).filter(|finding| !told.contains(&(finding.offset, finding.class)));
            found.findings.extend(left.map(|finding| Finding { fix: None, lost: None, ..finding }));
            found.findings.sort_by_key(|finding| (finding.offset, finding.class));
            return Ok(found);
        }
    }
    Ok(first.unwrap_or_default())
}

/// Drops all edits, because repairing the line would restore a compaction, and the client would then forget
/// turns that it sends now.
fn refuse(found: &mut Diagnosis) {
    found.edits.clear();
    (found.end, found.put_in, found.repairable) = (None, 0, 0);
    for finding in &mut found.findings {
        (finding.fix, finding.lost) = (None, None);
    }
    let first = found.findings.first().map_or((1, 0), |first| (first.line, first.offset));
    found.findings.push(Finding {
        class: DamageClass::BrokenLink,
        line: first.0,
        offset: first.1,
        what: "damage breaks the link to the messages that a compaction kept, and is left as it is".into(),
        client: "sends calls in front of the compaction that it would leave out once the damage is repaired",
        fix: None,
        lost: None,
    });
}

/// Returns whether the edits make a transcript that needs no further repair.
fn tried(
    source: impl Read + Send,
    found: &Diagnosis,
    reading: &DiagnosisOptions<'_>,
) -> std::io::Result<bool> {
    let (to, made) = mpsc::sync_channel(4);
    let (left, records) = std::thread::scope(|scope| {
        let writer = scope.spawn(move || {
            let mut to = BufWriter::with_capacity(BLOCK, Sending(to));
            write_repaired(source, found, &mut to).and_then(|()| to.flush())
        });
        let remaining = remaining(Receiving { made, block: Vec::new(), at: 0 }, found, reading);
        writer.join().unwrap_or_else(|_| Err(std::io::ErrorKind::Other.into())).and(remaining)
    })?;
    Ok(left == 0 && records == found.records + found.put_in)
}

/// Writer that sends its output to another thread.
struct Sending(mpsc::SyncSender<Vec<u8>>);

impl Write for Sending {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.send(bytes.to_vec()).map_err(|_| std::io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct Receiving {
    made: mpsc::Receiver<Vec<u8>>,
    block: Vec<u8>,
    at: usize,
}

impl Read for Receiving {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        while self.at == self.block.len() {
            let Ok(block) = self.made.recv() else { return Ok(0) };
            (self.block, self.at) = (block, 0);
        }
        let count = to.len().min(self.block.len() - self.at);
        to[..count].copy_from_slice(&self.block[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

/// Adds the paths of other sessions' transcripts, if they are known.
fn with_transcripts(mut others: Vec<OtherSession>, inventory: &Inventory<'_>) -> Vec<OtherSession> {
    for other in &mut others {
        let row = inventory.rows.iter().find(|row| row.found.id() == other.session);
        other.transcript = row.map(|row| row.found.path.to_string_lossy().into_owned());
    }
    others
}

/// Returns the subagents whose transcripts are damaged.
fn subagents(found: &Found) -> Result<Vec<SubagentFindings>> {
    let mut damaged = Vec::new();
    for path in found.subagents() {
        let Ok((file, _)) = open_regular_with_metadata(&path) else { continue };
        let reading = DiagnosisOptions {
            subagent: true,
            session: None,
            fallback: "",
            branch: None,
            scope: RepairScope::Joins,
        };
        let found = diagnose(file, &reading).doing("read", &path)?;
        let mut findings = found.findings;
        // A subagent may end in the middle of a call without harm to the conversation.
        findings.retain(|finding| finding.class != DamageClass::OpenCall);
        for finding in &mut findings {
            finding.fix = None;
        }
        if !findings.is_empty() {
            damaged.push(SubagentFindings { path, findings, more: found.more });
        }
    }
    Ok(damaged)
}

/// Repairs the transcript. Returns the name of the snapshot of the previous one.
fn apply(
    world: World<'_>,
    ground: &ReportContext<'_>,
    found: &Found,
    branch: Option<&str>,
) -> Result<String> {
    let (state, path) = (&ground.state, &found.path);
    // No unattended run may start while the file is changed.
    let Some(_lease) = Lock::try_take(&state.run_lease(found.id()))? else {
        return Err(Error::new(Code::SessionLive, "an unattended run of the session is in progress")
            .at(path)
            .hint("wait until the run has ended"));
    };
    let (_, before) = open_regular_with_metadata(path)?;
    refuse_while_growing(world, ground, path, &before)?;
    let name = name_of(world.clock.now(), branch);
    // From here on, the repair is completed.
    world.abort.check()?;
    let kept = snapshot::take(state, found.id(), path, &name)?;
    let after = replace_repaired(path, found.id(), &before, &kept, &name)?;
    journal::append(
        state,
        world.clock,
        "repaired",
        json!({
            "session": found.id(),
            "transcript": path,
            "kept": name,
            "sha256Before": kept.sha256,
            "sha256": after,
        }),
    );
    Ok(name)
}

/// Makes the repaired transcript from the snapshot and replaces the current one. Returns its hash.
fn replace_repaired(
    path: &Path,
    session: &str,
    before: &Metadata,
    kept: &Snapshot,
    name: &str,
) -> Result<String> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    let diagnosis = examined(&kept.path, session, name)?;
    // Inserted records need little space compared to the transcript.
    ensure_room(dir, diagnosis.bytes.saturating_add(diagnosis.put_in.saturating_mul(4096)))?;
    sweep(path, dir);
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = dir.join(format!(".{file}.{}{TEMPORARY}", std::process::id()));
    let written = write_beside(&temporary, before, kept, &diagnosis)
        .and_then(|after| unchanged(path, before, kept).map(|()| after))
        .and_then(|after| std::fs::rename(&temporary, path).doing("move into place", path).map(|()| after));
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    let after = written?;
    sync_dir(dir).doing("write", dir)?;
    Ok(after)
}

/// Removes temporary files of killed repairs. The caller owns the lease, so no other repair is active.
fn sweep(path: &Path, dir: &Path) {
    let start = format!(".{}.", path.file_name().unwrap_or_default().to_string_lossy());
    let entries = std::fs::read_dir(dir).into_iter().flatten().filter_map(std::result::Result::ok);
    for entry in entries {
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.starts_with(&start) && name.ends_with(TEMPORARY)) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Writes the repaired transcript, syncs it to disk and reads it back. Returns its hash.
fn write_beside(
    temporary: &Path,
    before: &Metadata,
    kept: &Snapshot,
    diagnosis: &Diagnosis,
) -> Result<String> {
    let mut options = private_file();
    options.write(true).create_new(true);
    let file = options.open(temporary).doing("create", temporary)?;
    file.set_permissions(before.permissions()).doing("create", temporary)?;
    let mut to = Hashing { to: BufWriter::with_capacity(BLOCK, file), hasher: Sha256::new(), bytes: 0 };
    let (source, _) = open_regular_with_metadata(&kept.path)?;
    write_repaired(source, diagnosis, &mut to).doing("write", temporary)?;
    to.flush().doing("write", temporary)?;
    let (meant, bytes) = (hex(&to.hasher.finalize()), to.bytes);
    let file = to.to.into_inner().map_err(|error| Error::io("write", temporary, error.error()))?;
    if let Ok(modified) = before.modified() {
        // Keeps the order of lists that are sorted by modification time.
        let _ = file.set_modified(modified);
    }
    file.sync_all().doing("write", temporary)?;
    drop(file);
    // The plan already established that these bytes need no further repair.
    let length = std::fs::metadata(temporary).doing("read", temporary)?.len();
    if length != bytes || prefix_sha256(temporary, bytes)? != meant {
        return Err(Error::new(Code::VerificationFailed, "differs from what was written to it")
            .at(temporary)
            .hint("the transcript is unchanged; please report this"));
    }
    Ok(meant)
}

/// Fails if the transcript was written to or replaced since the snapshot.
fn unchanged(path: &Path, before: &Metadata, kept: &Snapshot) -> Result<()> {
    let (_, now) = open_regular_with_metadata(path)?;
    let same = identity(&now) == identity(before)
        && now.len() == kept.bytes
        && prefix_sha256(path, kept.bytes)? == kept.sha256;
    if same {
        return Ok(());
    }
    Err(Error::new(Code::ChangedMeanwhile, "was written to a moment ago; it was not changed")
        .at(path)
        .hint("end the client that has it open and run it again"))
}

/// Restores the transcript from before the last repair, unless the session continued since.
fn roll_back(world: World<'_>, state: &StateDir, found: &Found) -> Result<restore::RestoreReport> {
    let dir = state.snapshots(found.id());
    let entries = std::fs::read_dir(&dir).into_iter().flatten().filter_map(std::result::Result::ok);
    let names = entries.filter_map(|entry| {
        entry
            .file_name()
            .to_str()?
            .strip_suffix(".jsonl")
            .filter(|name| name.ends_with(ENDING))
            .map(str::to_owned)
    });
    let Some(name) = names.max() else {
        return Err(Error::new(
            Code::SnapshotNotFound,
            "no snapshot from a repair of this session is retained",
        )
        .at(&found.path)
        .hint("`cc-session-recover restore` lists the existing snapshots"));
    };
    let path = dir.join(format!("{name}.jsonl"));
    let diagnosis = examined(&path, found.id(), &name)?;
    let mut made = Hashing { to: std::io::sink(), hasher: Sha256::new(), bytes: 0 };
    let (source, _) = open_regular_with_metadata(&path)?;
    write_repaired(source, &diagnosis, &mut made).doing("read", &path)?;
    let (_, meta) = open_regular_with_metadata(&found.path)?;
    let present = prefix_sha256(&found.path, meta.len())?;
    let as_it_was = diagnosis.bytes == meta.len() && prefix_sha256(&path, diagnosis.bytes)? == present;
    if !as_it_was && (made.bytes != meta.len() || hex(&made.hasher.finalize()) != present) {
        return Err(Error::new(Code::ChangedMeanwhile, "the session continued after it was repaired")
            .at(&found.path)
            .hint(format!("`cc-session-recover restore {} --from {name}` restores the old bytes anyway; the current transcript is kept", found.id())));
    }
    let options = RestoreOptions {
        session: Some(found.path.to_string_lossy().into_owned()),
        from: Some(name),
        ..RestoreOptions::default()
    };
    restore::restore(world, &options)
}

/// Writer that hashes its output.
struct Hashing<W> {
    to: W,
    hasher: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = self.to.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}
