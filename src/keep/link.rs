//! Keeping: links the files of a session into the state directory.
//!
//! A link is made under a temporary name and renamed, and the description is written after the files it names are durable. A
//! process that dies in between leaves a file that the next call finds in its place and adopts.

use super::stored::{KeptAs, KeptFile, KeptSession, is_contained};
use crate::claude::home::ClaudeHome;
use crate::clock::Clock;
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::{identity, open_regular_with_metadata, own_uid, owner, private_file};
use crate::rescue::belongings::{self, Belonging, Part};
use crate::rescue::snapshot::ensure_room;
use crate::session::files::project_directories;
use crate::session::scan::{self, Found};
use crate::store::StateDir;
use crate::store::layout::ensure_dir;
use crate::store::lock::Lock;
use crate::store::replace::{TEMPORARY, sync_dir};
use crate::store::stored::{load, save, save_unsynced};
use chrono::{DateTime, Utc};
use std::fs::Metadata;
use std::path::Path;
use std::time::Duration;

/// A hook of the same session may hold the lock for the few milliseconds that its own links take.
const LOCK_WAIT: Duration = Duration::from_millis(500);

/// The session to keep.
#[derive(Debug, Clone, Copy)]
pub struct KeepSource<'a> {
    pub session: &'a str,
    pub transcript: &'a Path,
    pub home: &'a ClaudeHome,
    pub cwd: Option<&'a str>,
}

/// What one call did.
#[derive(Debug, Clone, Default)]
pub struct KeepOutcome {
    /// Files that were linked or copied by this call.
    pub added: usize,
    /// The transcript is another file than the one kept before.
    pub replaced: bool,
    /// The transcript is shorter than a hook saw it before.
    pub shorter: bool,
    /// Files that could not be kept, with the reason; the others were.
    pub failures: Vec<Error>,
}

/// Links every file of a session that is not kept yet. The common call, in which nothing is new, compares one inode for each
/// file and writes nothing but the length of the transcript.
///
/// # Errors
/// [`Code::StateLocked`] when another process keeps the same session, [`Code::StateNewer`], [`Code::Io`] when the description
/// cannot be written. A file that cannot be kept is in [`KeepOutcome::failures`].
pub fn keep(state: &StateDir, clock: &dyn Clock, source: &KeepSource<'_>) -> Result<KeepOutcome> {
    let mut outcome = KeepOutcome::default();
    // Named and not looked up: a hook must not list the directory of a project with thousands of sessions.
    let named = Found::named(source.transcript, 0)
        .ok_or_else(|| Error::new(Code::PathRefused, "not the name of a transcript").at(source.transcript))?;
    let (files, _) = belongings::of(source.home, &named, None)?;
    let _lock = Lock::wait(&state.kept_lock(source.session), LOCK_WAIT)?;
    let description = state.kept_description(source.session);
    let known: Option<KeptSession> = load(state, &description)?.found();
    let before = known.clone();
    let mut kept = known.unwrap_or_else(|| KeptSession {
        version: <KeptSession as crate::store::stored::Stored>::VERSION,
        session: source.session.to_owned(),
        transcript: source.transcript.to_path_buf(),
        config_dir: source.home.dir().to_path_buf(),
        cwd: None,
        updated_at: clock.now(),
        files: Vec::new(),
    });
    if source.cwd.is_some() {
        kept.cwd = source.cwd.map(str::to_owned);
    }
    kept.transcript = source.transcript.to_path_buf();
    for file in files {
        if let Err(error) = keep_file(state, clock, &mut kept, &file, &mut outcome) {
            outcome.failures.push(error);
        }
    }
    let durable = outcome.added > 0 || before.is_none();
    if before.as_ref() == Some(&kept) || kept.files.is_empty() {
        return Ok(outcome);
    }
    kept.updated_at = clock.now();
    let saved = if durable { save(&description, &kept) } else { save_unsynced(&description, &kept) };
    saved.map(|()| outcome)
}

/// Keeps the sessions of one project directory, or of all, whose transcripts were last written to before a time, if one is given.
/// Returns how many sessions have something that was not kept before, and what could not be kept.
pub fn keep_sessions(
    state: &StateDir,
    clock: &dyn Clock,
    home: &ClaudeHome,
    directory: Option<&Path>,
    written_before: Option<DateTime<Utc>>,
) -> (usize, Vec<Error>) {
    let mut problems = Vec::new();
    let mut kept = 0;
    let mut projects = project_directories(std::slice::from_ref(home), &mut problems);
    projects.retain(|project| directory.is_none_or(|wanted| project.paths().any(|path| path == wanted)));
    let scanned = scan::find(&projects);
    problems.extend(scanned.problems);
    for found in scanned.found {
        let Ok(meta) = std::fs::symlink_metadata(&found.path) else { continue };
        let written = meta.modified().map(DateTime::<Utc>::from);
        if written_before.is_some_and(|limit| written.is_ok_and(|written| written >= limit)) {
            continue;
        }
        let source = KeepSource { session: found.id(), transcript: &found.path, home, cwd: None };
        match keep(state, clock, &source) {
            Ok(outcome) => {
                kept += usize::from(outcome.added > 0);
                problems.extend(outcome.failures);
            }
            Err(error) => problems.push(error),
        }
    }
    (kept, problems)
}

fn keep_file(
    state: &StateDir,
    clock: &dyn Clock,
    kept: &mut KeptSession,
    file: &Belonging,
    outcome: &mut KeepOutcome,
) -> Result<()> {
    let Some(meta) = source_metadata(&file.from)? else { return Ok(()) };
    let session = kept.session.clone();
    let newest = kept.newest(&file.path).cloned();
    let transcript = file.part == Part::Transcript;
    if let Some(newest) = &newest {
        let place = newest.place(state, &session);
        if is_current(newest, &place, &meta) {
            if transcript {
                outcome.shorter |= meta.len() < newest.bytes;
                set_bytes(kept, newest, meta.len());
            }
            return Ok(());
        }
        // A copy whose source has grown is made again in its place; another file under the name is a new generation.
        if newest.kept_as == KeptAs::Copy && newest.source == identity(&meta) && meta.len() >= newest.bytes {
            copy(&file.from, &place, &meta)?;
            set_bytes(kept, newest, meta.len());
            return Ok(());
        }
        outcome.replaced |= transcript && newest.source != identity(&meta);
    }
    let generation = newest.as_ref().map_or(1, |newest| newest.generation + 1);
    let mut entry = KeptFile {
        path: file.path.clone(),
        generation,
        kept_as: KeptAs::Link,
        source: identity(&meta),
        bytes: meta.len(),
        kept_at: clock.now(),
    };
    let place = entry.place(state, &session);
    if !is_contained(Path::new(&file.path)) {
        return Err(Error::new(Code::PathRefused, "leaves the directory of the kept session").at(&file.from));
    }
    if let Some(dir) = place.parent() {
        ensure_dir(dir)?;
    }
    entry.kept_as = match link(&file.from, &place, &meta)? {
        Linked::Same => KeptAs::Link,
        Linked::Impossible => {
            copy(&file.from, &place, &meta)?;
            KeptAs::Copy
        }
    };
    kept.files.push(entry);
    outcome.added += 1;
    Ok(())
}

fn set_bytes(kept: &mut KeptSession, which: &KeptFile, bytes: u64) {
    let found =
        kept.files.iter_mut().find(|file| file.path == which.path && file.generation == which.generation);
    if let Some(file) = found {
        file.bytes = bytes;
    }
}

/// The kept file has the bytes that the client's file has now.
fn is_current(newest: &KeptFile, place: &Path, source: &Metadata) -> bool {
    let Ok(kept) = std::fs::symlink_metadata(place) else { return false };
    match newest.kept_as {
        KeptAs::Link => identity(&kept).is_some() && identity(&kept) == identity(source),
        KeptAs::Copy => newest.source == identity(source) && kept.len() == source.len(),
    }
}

/// A regular file of this user; `None` when it is gone.
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

fn link(from: &Path, place: &Path, meta: &Metadata) -> Result<Linked> {
    let temporary = temporary(place);
    let _ = std::fs::remove_file(&temporary);
    if std::fs::hard_link(from, &temporary).is_err() {
        return Ok(Linked::Impossible);
    }
    // The name may have been given to another file between the look and the link.
    let linked = std::fs::symlink_metadata(&temporary).doing("read", &temporary)?;
    if identity(&linked).is_none() || identity(&linked) != identity(meta) {
        let _ = std::fs::remove_file(&temporary);
        return Err(Error::new(Code::ChangedMeanwhile, "was replaced while it was linked").at(from));
    }
    // Renaming one link of a file over another link of it does nothing and leaves both names.
    let renamed = std::fs::rename(&temporary, place);
    let _ = std::fs::remove_file(&temporary);
    renamed.doing("write", place)?;
    sync_parent(place)?;
    Ok(Linked::Same)
}

/// A copy of the length the file had when it was looked at; what is appended meanwhile is in the next one.
fn copy(from: &Path, place: &Path, meta: &Metadata) -> Result<()> {
    use std::io::{Read, Write};
    let dir = place.parent().unwrap_or(Path::new("/"));
    ensure_room(dir, meta.len())?;
    let temporary = temporary(place);
    let copied = (|| -> Result<()> {
        let (file, now) = open_regular_with_metadata(from)?;
        if identity(&now) != identity(meta) {
            return Err(Error::new(Code::ChangedMeanwhile, "was replaced while it was copied").at(from));
        }
        let mut options = private_file();
        options.write(true).create(true).truncate(true);
        let mut to = options.open(&temporary).doing("write", &temporary)?;
        let mut from_start = file.take(meta.len());
        let copied = std::io::copy(&mut from_start, &mut to).doing("copy", from)?;
        if copied != meta.len() {
            return Err(Error::new(Code::ChangedMeanwhile, "became shorter while it was copied").at(from));
        }
        to.flush().and_then(|()| to.sync_all()).doing("write", &temporary)?;
        std::fs::rename(&temporary, place).doing("write", place)
    })();
    if copied.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    copied?;
    sync_parent(place)
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
    use crate::keep::{Loss, kept_of, loss_of, restore_companions, whole_transcript};
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
                .flat_map(|part| std::fs::read(part).unwrap())
                .collect()
        }

        fn loss(&self) -> Option<Loss> {
            loss_of(&self.transcript, kept_of(&self.state, SESSION).unwrap().as_ref())
        }
    }

    fn turn(parent: Option<&str>, uuid: &str) -> String {
        let parent = parent.map_or("null".to_owned(), |parent| format!("\"{parent}\""));
        format!("{{\"parentUuid\":{parent},\"type\":\"user\",\"uuid\":\"{uuid}\"}}\n")
    }

    #[test]
    fn a_link_follows_what_the_client_appends_and_outlives_its_name() {
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
        assert_eq!(scene.loss(), Some(Loss::Gone));
        assert_eq!(scene.kept_bytes(), whole);
        let kept = kept_of(&scene.state, SESSION).unwrap().unwrap();
        assert_eq!(restore_companions(&scene.state, &kept).unwrap(), 1);
        assert_eq!(std::fs::read(&subagent).unwrap(), b"{}\n");
        assert_eq!(restore_companions(&scene.state, &kept).unwrap(), 0, "what is there stays");
    }

    #[test]
    fn a_session_that_goes_on_in_a_new_file_is_whole_with_the_old_one() {
        let scene = Scene::new();
        Scene::append(&scene.transcript, &turn(None, "a"));
        scene.keep();
        std::fs::remove_file(&scene.transcript).unwrap();
        Scene::append(&scene.transcript, &turn(Some("a"), "b"));
        let outcome = scene.keep();
        assert!(outcome.replaced && outcome.added == 1, "{outcome:?}");
        assert_eq!(scene.loss(), Some(Loss::Headless));
        assert_eq!(scene.kept_bytes(), format!("{}{}", turn(None, "a"), turn(Some("a"), "b")).as_bytes());
        // A file that another one replaced with a beginning of its own stands alone.
        std::fs::remove_file(&scene.transcript).unwrap();
        Scene::append(&scene.transcript, &turn(None, "c"));
        scene.keep();
        assert_eq!((scene.loss(), scene.kept_bytes()), (None, turn(None, "c").into_bytes()));
    }

    #[test]
    fn a_transcript_that_became_shorter_is_noticed_once_its_length_was_seen() {
        let scene = Scene::new();
        Scene::append(&scene.transcript, &turn(None, "a"));
        Scene::append(&scene.transcript, &turn(Some("a"), "b"));
        scene.keep();
        std::fs::OpenOptions::new().write(true).open(&scene.transcript).unwrap().set_len(40).unwrap();
        assert_eq!(scene.loss(), Some(Loss::Shorter));
        assert!(scene.keep().shorter);
    }

    #[test]
    fn where_no_link_can_be_made_a_copy_is_and_it_is_made_again_when_the_source_has_grown() {
        let scene = Scene::new();
        Scene::append(&scene.transcript, &turn(None, "a"));
        scene.keep();
        let mut kept = kept_of(&scene.state, SESSION).unwrap().unwrap();
        let place = kept.files[0].place(&scene.state, SESSION);
        std::fs::remove_file(&place).unwrap();
        copy(&scene.transcript, &place, &std::fs::metadata(&scene.transcript).unwrap()).unwrap();
        kept.files[0].kept_as = KeptAs::Copy;
        save(&scene.state.kept_description(SESSION), &kept).unwrap();
        Scene::append(&scene.transcript, &turn(Some("a"), "b"));
        assert_eq!(scene.keep().added, 0);
        assert_eq!(scene.kept_bytes(), std::fs::read(&scene.transcript).unwrap());
        let kept = kept_of(&scene.state, SESSION).unwrap().unwrap();
        assert_eq!((kept.files.len(), kept.files[0].kept_as), (1, KeptAs::Copy));
    }

    #[test]
    fn a_file_that_is_no_file_of_the_session_is_never_followed() {
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
