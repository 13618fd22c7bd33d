//! Hard-links the files of a session into the state directory.
//!
//! A link is made under a temporary name and renamed, and the description is written after the files it
//! names are durable. A process that dies in between leaves a file in its final place, which the next
//! call finds and adopts.

use super::dictionary::{Dictionary, head_of, version_in};
use super::frames::{APPENDED, APPENDED_LEVEL, FrameForm, write_frames};
use super::stored::{KeptAs, KeptFile, KeptSession, files_found, is_contained};
use crate::claude::home::{ClaudeHome, can_be_below, encode_project_path};
use crate::clock::Clock;
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::{identity, open_regular, open_regular_with_metadata, own_uid, owner, private_file};
use crate::session::belongings::{self, Belonging, SessionFileKind};
use crate::session::files::project_directories;
use crate::session::scan::{self, Found};
use crate::store::StateDir;
use crate::store::layout::ensure_dir;
use crate::store::lock::Lock;
use crate::store::replace::{TEMPORARY, sync_dir};
use crate::store::snapshot::ensure_room;
use crate::store::stored::{load, save, save_unsynced, sha256_hex};
use crate::threads::side_by_side;
use crate::trust::enabled::{all_enabled, find_user};
use chrono::{DateTime, Utc};
use std::fs::Metadata;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

/// Maximum wait for the lock. A hook of the same session may own the lock for a few milliseconds while it
/// creates links.
const LOCK_WAIT: Duration = Duration::from_millis(500);
/// Maximum number of bytes of a file that one call appends as frames. The next call appends the rest.
const MOST_APPENDED: u64 = 64 * 1024 * 1024;

/// Number of bytes at the end of a transcript that are searched for the name of the plan. A session with a
/// plan names it in every message.
const PLAN_TAIL: u64 = 1024 * 1024;

/// When written data must be on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Durability {
    /// Before the call returns.
    Each,
    /// When the caller syncs the whole file system. Used for many sessions, each of which would otherwise
    /// wait for the disk three times.
    Together,
}

#[derive(Debug, Clone, Copy)]
pub struct KeepSource<'a> {
    pub session: &'a str,
    pub transcript: &'a Path,
    pub home: &'a ClaudeHome,
    pub cwd: Option<&'a str>,
}

/// Result of one call of [`keep`].
#[derive(Debug, Clone, Default)]
pub struct KeepOutcome {
    /// Number of files that this call linked or copied.
    pub added: usize,
    /// Whether the transcript is a different file from the one kept before.
    pub replaced: bool,
    /// Whether the transcript is shorter than when a hook last read it.
    pub shorter: bool,
    /// Files that could not be kept, with the reason. All other files were kept.
    pub failures: Vec<Error>,
}

/// Keeps every file of a session that is not kept yet. If no file is new, which is the common case, the call
/// compares one inode per file, reads the new part of the transcript, and writes only its length.
///
/// # Errors
///
/// Returns [`Code::StateLocked`] when another process keeps the same session, [`Code::StateNewer`],
/// [`Code::Io`] when the description cannot be written. A file that cannot be kept is in
/// [`KeepOutcome::failures`].
pub fn keep(state: &StateDir, clock: &dyn Clock, source: &KeepSource<'_>) -> Result<KeepOutcome> {
    keep_durably(state, clock, source, Durability::Each)
}

fn keep_durably(
    state: &StateDir,
    clock: &dyn Clock,
    source: &KeepSource<'_>,
    durability: Durability,
) -> Result<KeepOutcome> {
    let mut outcome = KeepOutcome::default();
    // Derived from the path without a directory listing: a hook must not list a project
    // with thousands of sessions.
    let named = Found::named(source.transcript, 0).ok_or_else(|| {
        Error::new(Code::PathRefused, "is not named like a transcript").at(source.transcript)
    })?;
    let _lock = Lock::wait(&state.kept_lock(source.session), LOCK_WAIT)?;
    let description = state.kept_description(source.session);
    let known: Option<KeptSession> = load(state, &description)?.found();
    let before = known.clone();
    let mut kept = known.unwrap_or_else(|| {
        let home = source.home.dir();
        let mut kept = KeptSession::new(source.session, source.transcript, home, clock.now());
        kept.files = files_found(state, source.session, clock.now());
        kept
    });
    if source.cwd.is_some() {
        kept.cwd = source.cwd.map(str::to_owned);
    }
    kept.transcript = source.transcript.to_path_buf();
    let plan = plan_of(&kept, source.transcript);
    let (files, _) = belongings::with_plan(source.home, &named, None, plan.as_deref())?;
    // Released after the description names the dictionary of new frames.
    let mut dictionaries = None;
    for file in files {
        let kept_file =
            keep_file(state, clock, &mut kept, &file, durability, &mut dictionaries, &mut outcome);
        if let Err(error) = kept_file {
            outcome.failures.push(error);
        }
    }
    let durable = durability == Durability::Each && (outcome.added > 0 || before.is_none());
    if before.as_ref() == Some(&kept) || kept.files.is_empty() {
        return Ok(outcome);
    }
    kept.updated_at = clock.now();
    let saved = if durable { save(&description, &kept) } else { save_unsynced(&description, &kept) };
    saved.map(|()| outcome)
}

/// Returns the name of the session's plan: from the text added since the last call or, if that names none,
/// from the description.
fn plan_of(kept: &KeptSession, transcript: &Path) -> Option<String> {
    let meta = std::fs::symlink_metadata(transcript).ok();
    let newest = kept.transcripts().last().copied();
    let seen =
        newest.filter(|file| file.source == meta.as_ref().and_then(identity)).map_or(0, |file| file.bytes);
    belongings::slug_after(transcript, seen, PLAN_TAIL).or_else(|| {
        let mut plans =
            kept.files.iter().filter(|file| file.part(&kept.session) == Some(SessionFileKind::Plan));
        let name = plans.next_back()?.path.strip_prefix("plans/")?.strip_suffix(".md")?;
        Some(name.to_owned())
    })
}

/// Keeps the sessions of a project and the directories below it, or of all projects. `written_before` selects
/// only transcripts last written before that time. After `limit`, no further session is started. Sessions of
/// projects that opted out (`init --no-keep`) are skipped.
pub fn keep_sessions(
    state: &StateDir,
    clock: &dyn Clock,
    home: &ClaudeHome,
    project: Option<&Path>,
    written_before: Option<DateTime<Utc>>,
    limit: Option<Duration>,
) -> KeptMany {
    let mut problems = Vec::new();
    let refused = unwanted(state);
    if project.is_none() && find_user(state, home.dir()).is_some_and(|user| user.keep == Some(false)) {
        return KeptMany::default();
    }
    let mut projects = project_directories(std::slice::from_ref(home), &mut problems);
    projects.retain(|directory| {
        let mut names = directory.paths().filter_map(|path| path.file_name()?.to_str());
        names.any(|name| {
            project.is_none_or(|project| can_be_below(name, project))
                && !refused.iter().any(|refused| refused == name)
        })
    });
    let scanned = scan::find(&projects);
    problems.extend(scanned.problems);
    let written = |found: &Found| {
        let meta = std::fs::symlink_metadata(&found.path);
        meta.and_then(|meta| meta.modified()).ok().map(DateTime::<Utc>::from)
    };
    let mut found: Vec<(Option<DateTime<Utc>>, Found)> =
        scanned.found.into_iter().map(|found| (written(&found), found)).collect();
    found.retain(|(written, _)| written.is_some() && (written_before.is_none() || *written < written_before));
    // Oldest first, because a sweep deletes these next.
    found.sort_by_key(|(written, _)| *written);
    let until = limit.map(|limit| clock.since_boot() + limit);
    let together = CAN_SYNC_TOGETHER && found.len() >= MANY;
    let durability = if together { Durability::Together } else { Durability::Each };
    let done = side_by_side(&found, 1, || {
        |(_, found): &(_, Found)| {
            if until.is_some_and(|until| clock.since_boot() >= until) {
                return None;
            }
            let source = KeepSource { session: found.id(), transcript: &found.path, home, cwd: None };
            Some(keep_durably(state, clock, &source, durability))
        }
    });
    let mut many = KeptMany { failures: problems, ..KeptMany::default() };
    for outcome in done {
        match outcome {
            None => many.left += 1,
            Some(Ok(outcome)) => {
                many.kept += usize::from(outcome.added > 0);
                many.failures.extend(outcome.failures);
            }
            Some(Err(error)) => many.failures.push(error),
        }
    }
    if many.kept > 0 && durability == Durability::Together {
        many.failures.extend(sync_file_system(&state.all_kept()).err());
    }
    many
}

/// Result of one call of [`keep_sessions`].
#[derive(Debug, Default)]
pub struct KeptMany {
    /// Sessions with files that were not kept before.
    pub kept: usize,
    /// Number of sessions for which time ran out, which are the most recently written ones.
    pub left: usize,
    pub failures: Vec<Error>,
}

/// From this many sessions on, one sync of the whole file system replaces a sync per session. It also waits
/// for data that other processes wrote.
const MANY: usize = 200;
const CAN_SYNC_TOGETHER: bool = cfg!(target_os = "linux");

/// Flushes the whole file system to disk.
#[cfg(target_os = "linux")]
fn sync_file_system(dir: &Path) -> Result<()> {
    let opened = std::fs::File::open(dir).doing("open", dir)?;
    rustix::fs::syncfs(opened).map_err(std::io::Error::from).doing("write", dir)
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "it can fail on Linux")]
fn sync_file_system(_dir: &Path) -> Result<()> {
    Ok(())
}

/// Returns the names of the transcript directories of projects that opted out of keeping.
fn unwanted(state: &StateDir) -> Vec<String> {
    let refused = all_enabled(state).into_iter().filter(|enabled| enabled.keep == Some(false));
    refused.filter_map(|enabled| Some(encode_project_path(&enabled.project?.to_string_lossy()))).collect()
}

fn keep_file(
    state: &StateDir,
    clock: &dyn Clock,
    kept: &mut KeptSession,
    file: &Belonging,
    durability: Durability,
    dictionaries: &mut Option<Lock>,
    outcome: &mut KeepOutcome,
) -> Result<()> {
    let Some(meta) = source_metadata(&file.from)? else { return Ok(()) };
    if !is_contained(Path::new(&file.path)) {
        return Err(Error::new(Code::PathRefused, "leaves the directory of the kept session").at(&file.from));
    }
    let session = kept.session.clone();
    let newest = kept.newest(&file.path).cloned();
    let transcript = file.part == SessionFileKind::Transcript;
    let same = newest.as_ref().is_some_and(|newest| is_same(newest, state, &session, &file.from, &meta));
    if let Some(newest) = newest.as_ref().filter(|_| same) {
        outcome.shorter |= transcript && meta.len() < newest.bytes;
        let place = newest.place(state, &session);
        if is_current(newest, &place, &meta) {
            set_source(kept, newest, &meta);
            return Ok(());
        }
    }
    outcome.replaced |= transcript && newest.is_some() && !same;
    let mut entry = KeptFile {
        path: file.path.clone(),
        generation: newest.as_ref().map_or(1, |newest| newest.generation + 1),
        kept_as: KeptAs::Link,
        source: identity(&meta),
        bytes: meta.len(),
        kept_at: clock.now(),
        frames: Vec::new(),
        dictionary: None,
        repacked: 0,
    };
    // A crashed process may have left a file that no description names. It is never overwritten.
    while is_taken(&entry, state, &session, &meta) {
        entry.generation += 1;
    }
    let place = entry.place(state, &session);
    if let Some(dir) = place.parent() {
        ensure_dir(dir)?;
    }
    match link(&file.from, &place, &meta, durability)? {
        Linked::Same => {}
        Linked::Impossible => {
            entry.kept_as = KeptAs::Frames;
            let grown = newest
                .filter(|newest| same && newest.kept_as == KeptAs::Frames && newest.covered() <= meta.len());
            if let Some(grown) = grown.filter(|grown| continues(&file.from, grown)) {
                entry = KeptFile { source: identity(&meta), ..grown };
            }
            append(state, &session, &file.from, &meta, &mut entry, dictionaries)?;
        }
    }
    kept.files.retain(|known| (&known.path, known.generation) != (&entry.path, entry.generation));
    kept.files.push(entry);
    outcome.added += 1;
    Ok(())
}

/// Returns whether a different file occupies the path of this generation.
fn is_taken(entry: &KeptFile, state: &StateDir, session: &str, source: &Metadata) -> bool {
    let framed = KeptFile { kept_as: KeptAs::Frames, ..entry.clone() };
    let there = std::fs::symlink_metadata(entry.place(state, session));
    let another = there.is_ok_and(|there| identity(&there).is_none() || identity(&there) != identity(source));
    another || std::fs::symlink_metadata(framed.place(state, session)).is_ok()
}

fn set_source(kept: &mut KeptSession, which: &KeptFile, meta: &Metadata) {
    let found =
        kept.files.iter_mut().find(|file| file.path == which.path && file.generation == which.generation);
    if let Some(file) = found {
        // The maximum observed length, so that a file that became shorter is detected as damaged.
        file.bytes = file.bytes.max(meta.len());
        file.source = identity(meta);
    }
}

/// Returns whether a file is the one that was kept. Frames have no link that leads to it, so if its device number
/// has changed, its text must continue theirs.
fn is_same(newest: &KeptFile, state: &StateDir, session: &str, from: &Path, meta: &Metadata) -> bool {
    let inode = |identity: Option<(u64, u64)>| identity.map(|(_, inode)| inode);
    newest.is_source(state, session, meta)
        || newest.kept_as == KeptAs::Frames
            && newest.source.is_some()
            && inode(newest.source) == inode(identity(meta))
            && continues(from, newest)
}

/// Returns whether the kept file matches the client's current file.
fn is_current(newest: &KeptFile, place: &Path, source: &Metadata) -> bool {
    let Ok(kept) = std::fs::symlink_metadata(place) else { return false };
    match newest.kept_as {
        KeptAs::Link => identity(&kept).is_some() && identity(&kept) == identity(source),
        KeptAs::Frames => newest.covered() == source.len(),
    }
}

/// Returns whether a file still contains the bytes of the newest frame at the same offset, so that only the
/// appended part needs new frames.
fn continues(from: &Path, kept: &KeptFile) -> bool {
    let Some(last) = kept.frames.last() else { return false };
    let mut bytes = Vec::new();
    let read = open_regular(from).ok().and_then(|mut file| {
        file.seek(SeekFrom::Start(last.offset)).ok()?;
        file.take(last.length).read_to_end(&mut bytes).ok()
    });
    read.is_some() && bytes.len() as u64 == last.length && sha256_hex(&bytes) == last.sha256
}

/// Appends the part of a file that its frames do not cover, as frames that are on disk when it returns. The
/// next call appends bytes that arrive in the meantime. A dictionary that no description names yet is used only
/// under the lock `dictionaries`, without which it could be removed before one does.
fn append(
    state: &StateDir,
    session: &str,
    from: &Path,
    meta: &Metadata,
    entry: &mut KeptFile,
    dictionaries: &mut Option<Lock>,
) -> Result<()> {
    let place = entry.place(state, session);
    let dir = place.parent().unwrap_or(Path::new("/"));
    ensure_room(dir, meta.len() - entry.covered())?;
    let (mut file, now) = open_regular_with_metadata(from)?;
    if identity(&now) != identity(meta) {
        return Err(Error::new(Code::ChangedMeanwhile, "was replaced while it was copied").at(from));
    }
    let dictionary = if let Some(name) = &entry.dictionary {
        Dictionary::named(state, name)?
    } else {
        if dictionaries.is_none() {
            *dictionaries = Lock::try_share(&state.dictionaries_lock())?;
        }
        let head = head_of(&mut file, from)?;
        Dictionary::for_version(state, version_in(&head).as_deref().filter(|_| dictionaries.is_some()))
    };
    let (covered, stored) = (entry.covered(), entry.frames.iter().map(|frame| frame.stored).sum());
    let most = meta.len().min(covered + MOST_APPENDED) - covered;
    file.seek(SeekFrom::Start(covered)).doing("read", from)?;
    let mut options = private_file();
    options.write(true).create(true).truncate(false);
    let mut to = options.open(&place).doing("write", &place)?;
    // Discards bytes that a crashed process wrote after the described frames.
    to.set_len(stored).and_then(|()| to.seek(SeekFrom::Start(stored))).doing("write", &place)?;
    let form = FrameForm { size: APPENDED, level: APPENDED_LEVEL, dictionary: &dictionary };
    let written = write_frames(&mut Read::take(&mut file, most), &mut to, covered, form).and_then(|frames| {
        to.sync_all()?;
        Ok(frames)
    });
    let frames = written.map_err(|error| {
        let _ = to.set_len(stored);
        Error::io("write", &place, &error)
    })?;
    if frames.iter().map(|frame| frame.length).sum::<u64>() != most {
        return Err(Error::new(Code::ChangedMeanwhile, "was truncated while it was being copied").at(from));
    }
    entry.frames.extend(frames);
    entry.bytes = meta.len();
    let is_transcript = entry.part(session) == Some(SessionFileKind::Transcript);
    if is_transcript && dictionary.is_outgrown(covered, entry.covered()) {
        // A failure only costs disk space: later sessions are compressed with the built-in dictionary.
        let _ = file
            .seek(SeekFrom::Start(0))
            .doing("read", from)
            .and_then(|_| Dictionary::make(state, session, &head_of(&mut file, from)?));
    }
    entry.dictionary = Some(dictionary.name);
    sync_parent(&place)
}

/// Returns the metadata of a regular file of this user; `None` if it does not exist.
fn source_metadata(path: &Path) -> Result<Option<Metadata>> {
    let meta = match std::fs::symlink_metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("read", path, &error)),
    };
    if !meta.is_file() {
        return Err(Error::new(Code::PathRefused, "not a regular file").at(path));
    }
    if let (Some(owner), Some(own)) = (owner(&meta), own_uid())
        && owner != own
    {
        return Err(Error::new(Code::PathRefused, "belongs to another user").at(path));
    }
    Ok(Some(meta))
}

enum Linked {
    Same,
    Impossible,
}

fn link(from: &Path, place: &Path, meta: &Metadata, durability: Durability) -> Result<Linked> {
    // Without an inode there is no way to check that a link is still the client's file.
    if identity(meta).is_none() {
        return Ok(Linked::Impossible);
    }
    let temporary = temporary(place);
    let _ = std::fs::remove_file(&temporary);
    if std::fs::hard_link(from, &temporary).is_err() {
        return Ok(Linked::Impossible);
    }
    // The path may have been replaced by another file between the check and the link.
    let linked = std::fs::symlink_metadata(&temporary).doing("read", &temporary)?;
    if identity(&linked) != identity(meta) {
        let _ = std::fs::remove_file(&temporary);
        return Err(Error::new(Code::ChangedMeanwhile, "was replaced while it was linked").at(from));
    }
    // Renaming one link of a file over another link of the same file does nothing and leaves both names.
    let renamed = std::fs::rename(&temporary, place);
    let _ = std::fs::remove_file(&temporary);
    renamed.doing("write", place)?;
    if durability == Durability::Each {
        sync_parent(place)?;
    }
    Ok(Linked::Same)
}

fn temporary(place: &Path) -> std::path::PathBuf {
    let mut name = place.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}{TEMPORARY}", std::process::id()));
    place.with_file_name(name)
}

fn sync_parent(place: &Path) -> Result<()> {
    let dir = place.parent().unwrap_or(Path::new("/"));
    sync_dir(dir).doing("write", dir)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::keep::{LossKind, kept_of, loss_of, restore_companions, whole_transcript};
    use std::path::PathBuf;

    const SESSION: &str = "00000001-0000-4000-8000-00000000000a";

    struct Scene {
        dir: tempfile::TempDir,
        home: ClaudeHome,
        state: StateDir,
        transcript: PathBuf,
    }

    impl Scene {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let home = ClaudeHome::new(dir.path().join("home"));
            let transcript = home.projects().join("-w").join(format!("{SESSION}.jsonl"));
            std::fs::create_dir_all(transcript.parent().unwrap()).unwrap();
            Self { state: StateDir::new(dir.path().join("state")), home, transcript, dir }
        }

        fn append(path: &Path, text: &str) {
            use std::io::Write;
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let mut options = std::fs::OpenOptions::new();
            options.append(true).create(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
        }

        fn keep(&self) -> KeepOutcome {
            let source = KeepSource {
                session: SESSION,
                transcript: &self.transcript,
                home: &self.home,
                cwd: Some("/w"),
            };
            let outcome = keep(&self.state, &SystemClock, &source).unwrap();
            assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
            outcome
        }

        fn kept_bytes(&self) -> Vec<u8> {
            let kept = kept_of(&self.state, SESSION).unwrap().unwrap();
            whole_transcript(&self.state, &kept)
                .iter()
                .flat_map(|part| {
                    let mut bytes = Vec::new();
                    part.open(&self.state, SESSION).unwrap().read_to_end(&mut bytes).unwrap();
                    bytes
                })
                .collect()
        }

        fn loss(&self) -> Option<LossKind> {
            loss_of(&self.transcript, kept_of(&self.state, SESSION).unwrap().as_ref())
        }
    }

    fn turn(parent: Option<&str>, uuid: &str) -> String {
        let parent = parent.map_or("null".to_owned(), |parent| format!("\"{parent}\""));
        format!("{{\"parentUuid\":{parent},\"type\":\"user\",\"uuid\":\"{uuid}\"}}\n")
    }

    #[test]
    fn a_link_follows_appended_text_and_outlives_the_original_name() {
        let scene = Scene::new();
        let subagent = scene.transcript.with_extension("").join("subagents/agent-a.jsonl");
        Scene::append(&scene.transcript, &turn(None, "a"));
        Scene::append(&subagent, "{}\n");
        assert_eq!(scene.keep().added, 2);
        Scene::append(&scene.transcript, &turn(Some("a"), "b"));
        let whole = std::fs::read(&scene.transcript).unwrap();
        assert_eq!(scene.keep().added, 0, "nothing is new");
        assert_eq!(scene.loss(), None);
        std::fs::remove_file(&scene.transcript).unwrap();
        std::fs::remove_dir_all(scene.transcript.with_extension("")).unwrap();
        assert_eq!(scene.loss(), Some(LossKind::Gone));
        assert_eq!(scene.kept_bytes(), whole);
        let kept = kept_of(&scene.state, SESSION).unwrap().unwrap();
        assert_eq!(restore_companions(&scene.state, &kept).unwrap(), 1);
        assert_eq!(std::fs::read(&subagent).unwrap(), b"{}\n");
        assert_eq!(restore_companions(&scene.state, &kept).unwrap(), 0, "what is there stays");
    }

    #[test]
    fn a_session_that_continues_in_a_new_file_is_complete_with_the_old_one() {
        let scene = Scene::new();
        Scene::append(&scene.transcript, &turn(None, "a"));
        scene.keep();
        std::fs::remove_file(&scene.transcript).unwrap();
        Scene::append(&scene.transcript, &turn(Some("a"), "b"));
        let outcome = scene.keep();
        assert!(outcome.replaced && outcome.added == 1, "{outcome:?}");
        assert_eq!(scene.loss(), Some(LossKind::Headless));
        assert_eq!(scene.kept_bytes(), format!("{}{}", turn(None, "a"), turn(Some("a"), "b")).as_bytes());
        // A replacement that has its own beginning is complete on its own.
        std::fs::remove_file(&scene.transcript).unwrap();
        Scene::append(&scene.transcript, &turn(None, "c"));
        scene.keep();
        assert_eq!((scene.loss(), scene.kept_bytes()), (None, turn(None, "c").into_bytes()));
    }

    #[test]
    fn a_transcript_that_became_shorter_is_detected() {
        let scene = Scene::new();
        Scene::append(&scene.transcript, &turn(None, "a"));
        Scene::append(&scene.transcript, &turn(Some("a"), "b"));
        scene.keep();
        std::fs::OpenOptions::new().write(true).open(&scene.transcript).unwrap().set_len(40).unwrap();
        assert_eq!(scene.loss(), Some(LossKind::Shorter));
        assert!(scene.keep().shorter);
    }

    #[test]
    fn a_file_whose_device_number_changed_is_the_kept_one_and_another_file_is_not() {
        let scene = Scene::new();
        Scene::append(&scene.transcript, &turn(None, "a"));
        scene.keep();
        let description = scene.state.kept_description(SESSION);
        let kept = || kept_of(&scene.state, SESSION).unwrap().unwrap();
        let remounted = |kept_as| {
            let mut kept = kept();
            let newest = kept.files.last_mut().unwrap();
            newest.source = newest.source.map(|(device, inode)| (device + 1, inode));
            newest.kept_as = kept_as;
            save(&description, &kept).unwrap();
            kept.files.last().unwrap().clone()
        };
        let here = identity(&std::fs::metadata(&scene.transcript).unwrap());
        let newest = remounted(KeptAs::Link);
        assert!(newest.is_with_client(&scene.state, &kept()), "it is not packed");
        scene.keep();
        assert_eq!((kept().files.len(), kept().files[0].source), (1, here));
        // Frames have only their text to compare.
        let mut framed = remounted(KeptAs::Frames);
        let meta = std::fs::metadata(&scene.transcript).unwrap();
        append(&scene.state, SESSION, &scene.transcript, &meta, &mut framed, &mut None).unwrap();
        let is_same = |file| is_same(file, &scene.state, SESSION, &scene.transcript, &meta);
        assert!(is_same(&framed));
        std::fs::write(&scene.transcript, turn(None, "another")).unwrap();
        assert!(!is_same(&framed), "another text under the number of the inode");
        let other =
            KeptFile { source: here.map(|(device, inode)| (device + 1, inode + 1)), ..framed.clone() };
        assert!(!is_same(&other));
    }

    #[test]
    fn frames_replace_a_link_that_cannot_be_made_and_grow_with_appended_text() {
        let scene = Scene::new();
        Scene::append(&scene.transcript, &turn(None, "a"));
        let meta = || std::fs::metadata(&scene.transcript).unwrap();
        let mut entry = KeptFile {
            path: format!("{SESSION}.jsonl"),
            generation: 1,
            kept_as: KeptAs::Frames,
            source: identity(&meta()),
            bytes: 0,
            kept_at: SystemClock.now(),
            frames: Vec::new(),
            dictionary: None,
            repacked: 0,
        };
        ensure_dir(&scene.state.kept(SESSION).join("1")).unwrap();
        append(&scene.state, SESSION, &scene.transcript, &meta(), &mut entry, &mut None).unwrap();
        let read = |entry: &KeptFile| {
            let mut bytes = Vec::new();
            entry.open(&scene.state, SESSION).unwrap().read_to_end(&mut bytes).unwrap();
            bytes
        };
        assert_eq!(read(&entry), std::fs::read(&scene.transcript).unwrap());
        // Bytes of a killed process are not described and are discarded.
        let place = entry.place(&scene.state, SESSION);
        Scene::append(&place, "half a frame");
        Scene::append(&scene.transcript, &turn(Some("a"), "b"));
        assert!(continues(&scene.transcript, &entry));
        append(&scene.state, SESSION, &scene.transcript, &meta(), &mut entry, &mut None).unwrap();
        assert_eq!((read(&entry), entry.frames.len()), (std::fs::read(&scene.transcript).unwrap(), 2));
        let text = std::fs::read_to_string(&scene.transcript).unwrap().replace("\"b\"", "\"c\"");
        std::fs::write(&scene.transcript, text).unwrap();
        assert!(!continues(&scene.transcript, &entry), "the file was rewritten under its inode");
        // A long enough session becomes the dictionary for later sessions of this client version.
        let dictionary = || Dictionary::for_version(&scene.state, Some("2.1.332")).name;
        let record = "{\"type\":\"user\",\"version\":\"2.1.332\"}\n";
        for (records, made) in [(7000, false), (8000, true)] {
            std::fs::write(&scene.transcript, record.repeat(records)).unwrap();
            let mut entry = KeptFile { frames: Vec::new(), dictionary: None, bytes: 0, ..entry.clone() };
            append(&scene.state, SESSION, &scene.transcript, &meta(), &mut entry, &mut None).unwrap();
            assert_eq!(dictionary().name.ends_with(SESSION), made, "{records} records");
            assert_ne!(entry.dictionary.clone(), made.then(dictionary), "its own frames need the one before");
            assert_eq!(read(&entry), std::fs::read(&scene.transcript).unwrap());
        }
        for removing in [true, false] {
            let alone = removing.then(|| Lock::try_take(&scene.state.dictionaries_lock()).unwrap().unwrap());
            let mut entry = KeptFile { frames: Vec::new(), dictionary: None, bytes: 0, ..entry.clone() };
            let mut held = None;
            append(&scene.state, SESSION, &scene.transcript, &meta(), &mut entry, &mut held).unwrap();
            assert_eq!((held.is_none(), entry.dictionary != Some(dictionary())), (removing, removing));
            drop(alone);
        }
    }

    #[test]
    fn a_lost_description_is_rebuilt_from_disk_and_nothing_is_overwritten() {
        let scene = Scene::new();
        Scene::append(&scene.transcript, &turn(None, "a"));
        scene.keep();
        std::fs::remove_file(&scene.transcript).unwrap();
        std::fs::write(scene.state.kept_description(SESSION), "{ torn").unwrap();
        Scene::append(&scene.transcript, &turn(Some("a"), "b"));
        scene.keep();
        assert_eq!(scene.kept_bytes(), format!("{}{}", turn(None, "a"), turn(Some("a"), "b")).as_bytes());
    }

    #[test]
    fn a_link_among_the_session_files_is_not_followed() {
        let scene = Scene::new();
        let secret = scene.dir.path().join("secret");
        std::fs::write(&secret, "s").unwrap();
        Scene::append(&scene.transcript, &turn(None, "a"));
        let companions = scene.transcript.with_extension("");
        std::fs::create_dir_all(&companions).unwrap();
        std::os::unix::fs::symlink(&secret, companions.join("link")).unwrap();
        assert_eq!(scene.keep().added, 1);
        assert!(!scene.state.kept(SESSION).join("1").join(SESSION).exists());
    }

    #[test]
    fn kept_files_and_their_directories_are_private() {
        use std::os::unix::fs::PermissionsExt;
        let scene = Scene::new();
        Scene::append(&scene.transcript, &turn(None, "a"));
        scene.keep();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&scene.state.kept(SESSION)), 0o700);
        assert_eq!(mode(&scene.state.kept_description(SESSION)), 0o600);
    }
}
