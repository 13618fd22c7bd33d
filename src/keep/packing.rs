//! Packs kept files, that is, compresses those that Claude Code deleted or that have been idle for long into
//! frames.
//!
//! Never runs in a hook. The frames of a file are written to disk and verified before the description names
//! them, and the link is removed after that. So the description always names bytes that exist.

use super::dictionary::{Dictionary, head_of, version_in};
use super::frames::{FrameForm, FrameReader, PACKED, PACKED_LEVEL, write_frames};
use super::stored::{KeptAs, KeptFile, KeptFrame, KeptSession, kept_of, names_in};
use crate::abort::AbortFlag;
use crate::clock::Clock;
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::{identity, open_regular, private_file};
use crate::session::belongings::SessionFileKind;
use crate::store::StateDir;
use crate::store::lock::Lock;
use crate::store::replace::{TEMPORARY, sync_dir};
use crate::store::snapshot::ensure_room;
use crate::store::stored::{hex, save};
use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Maximum wait until no file is being compressed with a dictionary that is about to be removed.
const DICTIONARY_WAIT: Duration = Duration::from_secs(2);

/// Idle time after which a file is packed although the client still has it. A link does not protect the
/// contents if the client truncates its file in place.
const IDLE: TimeDelta = TimeDelta::days(30);
/// Number of frames appended by hooks above which they are repacked into fewer, larger ones.
const MANY: usize = 64;

#[derive(Debug, Clone, Default)]
pub struct Packed {
    pub files: usize,
    /// Bytes before packing (`bytes`) and after (`stored`).
    pub bytes: u64,
    pub stored: u64,
    /// Whether more files are due than the limit of this call allowed.
    pub more: bool,
    pub failures: Vec<Error>,
}

/// Packs the files that are due, about `most` bytes at most. Stops after a file if `abort` is set.
pub fn pack(state: &StateDir, clock: &dyn Clock, most: u64, abort: &AbortFlag) -> Packed {
    let mut packed = Packed::default();
    let mut failures = Vec::new();
    for kept in super::all_kept(state, &mut failures) {
        let due = |kept: &KeptSession| kept.files.iter().any(|file| is_due(state, kept, file, clock.now()));
        if !due(&kept) {
            continue;
        }
        if packed.bytes >= most || abort.is_set() {
            packed.more = true;
            break;
        }
        match pack_session(state, clock, &kept.session, most, abort, &mut packed) {
            Ok(()) => {}
            // A hook is keeping it right now; the next call packs it.
            Err(error) if error.code == Code::StateLocked => packed.more = true,
            Err(error) => failures.push(error),
        }
    }
    packed.failures.extend(failures);
    packed
}

fn is_due(state: &StateDir, kept: &KeptSession, file: &KeptFile, now: DateTime<Utc>) -> bool {
    let with_client = file.is_with_client(state, kept);
    match file.kept_as {
        KeptAs::Frames => {
            has_small_frames(state, kept, file) || !left_behind(state, &kept.session, file).is_empty()
        }
        KeptAs::Link if !with_client => true,
        KeptAs::Link => {
            let meta = std::fs::symlink_metadata(file.place(state, &kept.session));
            let written = meta.and_then(|meta| meta.modified()).map(DateTime::<Utc>::from);
            written.is_ok_and(|written| now - written > IDLE)
        }
    }
}

/// Returns whether frames appended turn by turn are due for repacking: there are many, or Claude Code deleted
/// the file, so that no hook appends to it afterwards. In a packed file every frame but the last has the full
/// size, however many there are.
fn has_small_frames(state: &StateDir, kept: &KeptSession, file: &KeptFile) -> bool {
    are_small(&file.frames) && (file.frames.len() > MANY || !file.is_with_client(state, kept))
}

fn are_small(frames: &[KeptFrame]) -> bool {
    frames.iter().rev().skip(1).any(|frame| frame.length != PACKED as u64)
}

/// Returns files of the previous form that a process left behind because it ended after saving the
/// description.
fn left_behind(state: &StateDir, session: &str, file: &KeptFile) -> Vec<PathBuf> {
    if file.kept_as == KeptAs::Link {
        return Vec::new();
    }
    let before = file.repacked.checked_sub(1).map(|repacked| KeptFile { repacked, ..file.clone() });
    let places = [Some(file.link_place(state, session)), before.map(|before| before.place(state, session))];
    places.into_iter().flatten().filter(|place| place.exists()).collect()
}

fn pack_session(
    state: &StateDir,
    clock: &dyn Clock,
    session: &str,
    most: u64,
    abort: &AbortFlag,
    packed: &mut Packed,
) -> Result<()> {
    let Some(_lock) = Lock::try_take(&state.kept_lock(session))? else {
        return Err(
            Error::new(Code::StateLocked, "a hook is working on the kept session").at(state.kept(session))
        );
    };
    // A dictionary is removed once no description names it. Without this lock, it could be removed after it
    // was loaded here and before the description names it.
    let Some(_dictionaries) = Lock::try_share(&state.dictionaries_lock())? else {
        return Err(Error::new(Code::StateLocked, "a dictionary is being removed").at(state.kept(session)));
    };
    let Some(mut kept) = kept_of(state, session)? else { return Ok(()) };
    for at in 0..kept.files.len() {
        let file = kept.files[at].clone();
        if !is_due(state, &kept, &file, clock.now()) {
            continue;
        }
        if packed.bytes >= most || abort.is_set() {
            packed.more = true;
            return Ok(());
        }
        for left in left_behind(state, session, &file) {
            crate::store::replace::remove(&left)?;
        }
        if file.kept_as == KeptAs::Frames && !has_small_frames(state, &kept, &file) {
            continue;
        }
        let dictionary = dictionary_for(state, session, &file)?;
        note_names(state, &mut kept, &file);
        match pack_file(state, session, &file, &dictionary) {
            Ok(framed) => {
                let stored: u64 = framed.frames.iter().map(|frame| frame.stored).sum();
                packed.files += 1;
                packed.bytes += framed.bytes;
                packed.stored += stored;
                kept.files[at] = framed;
                save(&state.kept_description(session), &kept)?;
                // The frames were verified with the dictionary in memory. The original stays until the same
                // one is found on disk.
                if let Err(error) = Dictionary::named(state, &dictionary.name) {
                    kept.files[at] = file;
                    save(&state.kept_description(session), &kept)?;
                    return Err(error);
                }
                learn(state, session, &file)?;
                crate::store::replace::remove(&file.place(state, session))?;
            }
            Err(error) => packed.failures.push(error),
        }
    }
    Ok(())
}

/// Stores name and title before the transcript is packed. They are near its end, so reading them later
/// would decompress every frame.
fn note_names(state: &StateDir, kept: &mut KeptSession, file: &KeptFile) {
    let is_transcript = file.part(&kept.session) == Some(SessionFileKind::Transcript);
    if !is_transcript || file.kept_as != KeptAs::Link || kept.newest(&file.path) != Some(file) {
        return;
    }
    if let Some(names) = names_in(state, &kept.session, file) {
        (kept.name, kept.title) = names;
    }
}

fn dictionary_for(state: &StateDir, session: &str, file: &KeptFile) -> Result<Dictionary> {
    let mut from = file.open(state, session)?;
    let head = head_of(&mut from, &file.place(state, session))?;
    Ok(Dictionary::for_version(state, version_in(&head).as_deref()))
}

/// Stores the first packed transcript of a client version as the dictionary for later ones.
fn learn(state: &StateDir, session: &str, file: &KeptFile) -> Result<()> {
    if file.part(session) != Some(SessionFileKind::Transcript) {
        return Ok(());
    }
    let head = head_of(&mut file.open(state, session)?, &file.place(state, session))?;
    Dictionary::make(state, session, &head)
}

/// Writes the frames of a file beside it, reads them back, and returns the entry that describes them.
fn pack_file(state: &StateDir, session: &str, file: &KeptFile, dictionary: &Dictionary) -> Result<KeptFile> {
    let from = file.place(state, session);
    let before = std::fs::symlink_metadata(&from).doing("read", &from)?;
    let repacked = if file.kept_as == KeptAs::Frames { file.repacked + 1 } else { file.repacked };
    let dictionary_name = Some(dictionary.name.clone());
    let mut framed =
        KeptFile { kept_as: KeptAs::Frames, dictionary: dictionary_name, repacked, ..file.clone() };
    let place = framed.place(state, session);
    let dir = place.parent().unwrap_or(Path::new("/"));
    ensure_room(dir, before.len() / 2)?;
    let mut name = place.file_name().unwrap_or_default().to_owned();
    name.push(TEMPORARY);
    let temporary = place.with_file_name(name);
    let written = (|| -> Result<()> {
        let _ = std::fs::remove_file(&temporary);
        let mut options = private_file();
        options.read(true).write(true).create_new(true);
        let mut to = options.open(&temporary).doing("create", &temporary)?;
        let mut source = Hashed { from: file.open(state, session)?, hash: Sha256::new() };
        let form = FrameForm { size: PACKED, level: PACKED_LEVEL, dictionary };
        framed.frames = write_frames(&mut source, &mut to, 0, form).doing("write", &temporary)?;
        to.sync_all().doing("write", &temporary)?;
        let read = open_regular(&temporary)?;
        let reader = FrameReader::new(read, &framed.frames, dictionary).doing("read", &temporary)?;
        let mut back = Hashed { from: Box::new(reader), hash: Sha256::new() };
        std::io::copy(&mut back, &mut std::io::sink()).doing("read", &temporary)?;
        if hex(&back.hash.finalize()) != hex(&source.hash.finalize()) {
            return Err(Error::new(Code::VerificationFailed, "differs from the bytes that were packed")
                .at(&temporary));
        }
        let after = std::fs::symlink_metadata(&from).doing("read", &from)?;
        let same = identity(&after) == identity(&before)
            && after.len() == before.len()
            && after.modified().ok() == before.modified().ok();
        if !same {
            return Err(Error::new(Code::ChangedMeanwhile, "was written to while it was packed").at(&from));
        }
        std::fs::rename(&temporary, &place).doing("write", &place)?;
        sync_dir(dir).doing("write", dir)
    })();
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written?;
    framed.bytes = framed.covered();
    Ok(framed)
}

struct Hashed {
    from: Box<dyn Read>,
    hash: Sha256,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.hash.update(&buffer[..count]);
        Ok(count)
    }
}

/// Removes all kept files of a session, including dictionaries made from it. Files compressed with those
/// dictionaries are repacked first.
///
/// # Errors
///
/// Returns [`Code::StateLocked`] while a hook or a pass works on one of the sessions, or [`Code::Io`] if a
/// file cannot be read or written.
pub fn remove_kept(state: &StateDir, session: &str) -> Result<()> {
    let Some(_lock) = Lock::try_take(&state.kept_lock(session))? else {
        return Err(Error::new(Code::StateLocked, "a hook is working on the kept session")
            .at(state.kept(session))
            .hint("run the command again"));
    };
    let made: Vec<String> = Dictionary::made_of(state, session).collect();
    if !made.is_empty() {
        let _dictionaries = Lock::wait(&state.dictionaries_lock(), DICTIONARY_WAIT)?;
        for name in made {
            release(state, session, &name)?;
            Dictionary::remove(state, &name)?;
        }
    }
    let dir = state.kept(session);
    // The process that began these removals no longer owns the lock.
    for left in removals(state).filter(|left| left.session == session) {
        std::fs::remove_dir_all(&left.path).doing("remove", &left.path)?;
    }
    let gone = state.all_kept().join(format!(".{session}.{}{TEMPORARY}", std::process::id()));
    match std::fs::rename(&dir, &gone) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io("remove", &dir, &error)),
    }
    // Does not follow symbolic links.
    std::fs::remove_dir_all(&gone).doing("remove", &gone)?;
    sync_dir(&state.all_kept()).doing("remove", &dir)
}

/// Kept files whose removal has begun.
#[derive(Debug, Clone)]
pub struct KeptRemoval {
    pub session: String,
    /// Process that began the removal.
    pub pid: u32,
    pub path: PathBuf,
}

impl KeptRemoval {
    /// Returns whether its process was killed.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        !crate::program::process_exists(self.pid)
    }
}

/// Lists the removals that have begun and not ended.
pub fn removals(state: &StateDir) -> impl Iterator<Item = KeptRemoval> + use<> {
    crate::session::files::entries(&state.all_kept(), &mut Vec::new()).filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let (session, pid) = name.strip_prefix('.')?.strip_suffix(TEMPORARY)?.split_once('.')?;
        let pid = pid.parse().ok().filter(|_| crate::claude::home::is_session_id(session))?;
        Some(KeptRemoval { session: session.to_owned(), pid, path: entry.path() })
    })
}

/// Completes the removals of processes that were killed.
///
/// # Errors
///
/// Returns [`Code::Io`] for the first file that cannot be removed.
pub fn complete_removals(state: &StateDir) -> Result<()> {
    let dead = removals(state).filter(KeptRemoval::is_abandoned);
    let removed = dead.map(|left| std::fs::remove_dir_all(&left.path).doing("remove", &left.path));
    removed.fold(Ok(()), Result::and)
}

/// Repacks files of other sessions that need a dictionary that is about to be removed.
fn release(state: &StateDir, session: &str, name: &str) -> Result<()> {
    let mut problems = Vec::new();
    let others = super::all_kept(state, &mut problems);
    for other in others.iter().filter(|other| other.session != session) {
        let needs = |file: &KeptFile| file.dictionary.as_ref().is_some_and(|used| used.name == name);
        if !other.files.iter().any(needs) {
            continue;
        }
        let Some(_lock) = Lock::try_take(&state.kept_lock(&other.session))? else {
            return Err(Error::new(
                Code::StateLocked,
                "a hook is working on another session that uses its dictionary",
            )
            .at(state.kept(&other.session))
            .hint("run the command again"));
        };
        let Some(mut kept) = kept_of(state, &other.session)? else { continue };
        for at in 0..kept.files.len() {
            let before = kept.files[at].clone();
            if needs(&before) {
                kept.files[at] = pack_file(state, &other.session, &before, &Dictionary::built_in())?;
                save(&state.kept_description(&other.session), &kept)?;
                crate::store::replace::remove(&before.place(state, &other.session))?;
            }
        }
    }
    problems.into_iter().next().map_or(Ok(()), Err)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::claude::home::ClaudeHome;
    use crate::clock::SystemClock;
    use crate::keep::{KeepSource, keep, open_whole, whole_transcript};
    use std::io::Write;
    use std::path::PathBuf;

    struct Scene {
        dir: tempfile::TempDir,
        home: ClaudeHome,
        state: StateDir,
    }

    impl Scene {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let home = ClaudeHome::new(dir.path().join("home"));
            Self { state: StateDir::new(dir.path().join("state")), home, dir }
        }

        /// Creates and keeps a session that contains this text.
        fn session(&self, number: u32, text: &[u8]) -> (String, PathBuf) {
            let session = format!("{number:08x}-0000-4000-8000-00000000000a");
            let transcript = self.home.projects().join("-w").join(format!("{session}.jsonl"));
            std::fs::create_dir_all(transcript.parent().unwrap()).unwrap();
            std::fs::write(&transcript, text).unwrap();
            self.keep(&session, &transcript);
            (session, transcript)
        }

        fn keep(&self, session: &str, transcript: &Path) {
            let source = KeepSource { session, transcript, home: &self.home, cwd: None };
            let outcome = keep(&self.state, &SystemClock, &source).unwrap();
            assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
        }

        fn bytes(&self, session: &str) -> Vec<u8> {
            let kept = kept_of(&self.state, session).unwrap().unwrap();
            let mut bytes = Vec::new();
            let parts = whole_transcript(&self.state, &kept);
            open_whole(&self.state, session, &parts).unwrap().read_to_end(&mut bytes).unwrap();
            bytes
        }

        fn pack(&self) -> Packed {
            let packed = pack(&self.state, &SystemClock, u64::MAX, &crate::abort::NEVER);
            assert!(packed.failures.is_empty(), "{:?}", packed.failures);
            packed
        }

        fn forms(&self, session: &str) -> Vec<KeptAs> {
            kept_of(&self.state, session).unwrap().unwrap().files.iter().map(|file| file.kept_as).collect()
        }
    }

    fn text(seed: u32) -> Vec<u8> {
        let tools = "the tools of the client, which every session of its version repeats. ".repeat(600);
        let head = format!(
            "{{\"parentUuid\":null,\"type\":\"user\",\"version\":\"2.1.332\",\"tools\":\"{tools}\"}}\n"
        );
        let turns = (0..400).map(|turn: u32| {
            let number = turn.wrapping_mul(2_654_435_761).wrapping_add(seed.wrapping_mul(40_503));
            format!("{{\"type\":\"assistant\",\"uuid\":\"{number:08x}\",\"text\":\"{}\"}}\n", number % 977)
        });
        std::iter::once(head).chain(turns).collect::<String>().into_bytes()
    }

    #[test]
    fn a_deleted_transcript_becomes_frames_of_the_same_bytes_and_others_stay_links() {
        let scene = Scene::new();
        let (one, transcript) = scene.session(1, &text(1));
        let (two, _) = scene.session(2, &text(2));
        assert_eq!(scene.pack().files, 0);
        std::fs::remove_file(&transcript).unwrap();
        let packed = scene.pack();
        assert_eq!((packed.files, packed.bytes), (1, text(1).len() as u64));
        assert!(packed.stored * 2 < packed.bytes, "{packed:?}");
        assert_eq!((scene.forms(&one), scene.forms(&two)), (vec![KeptAs::Frames], vec![KeptAs::Link]));
        assert!(scene.bytes(&one) == text(1));
        let kept = kept_of(&scene.state, &one).unwrap().unwrap();
        assert!(!kept.files[0].link_place(&scene.state, &one).exists(), "the link is gone");
        assert_eq!(scene.pack().files, 0, "once");
    }

    #[test]
    fn frames_are_repacked_only_if_one_before_the_last_is_small() {
        let full = PACKED as u64;
        let many = [vec![full; MANY + 1], vec![7]].concat();
        for (lengths, small) in [
            (vec![], false),
            (vec![7], false),
            (vec![full, 7], false),
            (many, false),
            (vec![7, full], true),
            (vec![full, 7, 7], true),
        ] {
            let frames: Vec<_> = lengths
                .iter()
                .map(|length| KeptFrame { offset: 0, length: *length, stored: 1, sha256: String::new() })
                .collect();
            assert_eq!(are_small(&frames), small, "{lengths:?}");
        }
    }

    #[test]
    fn frames_appended_by_hooks_are_merged_once_claude_code_deleted_the_file() {
        let scene = Scene::new();
        let (session, transcript) = scene.session(1, &text(1));
        let mut kept = kept_of(&scene.state, &session).unwrap().unwrap();
        let link = kept.files[0].clone();
        let dictionary = Dictionary::built_in();
        let mut file =
            KeptFile { kept_as: KeptAs::Frames, dictionary: Some(dictionary.name.clone()), ..link.clone() };
        let mut to = std::fs::File::create(file.place(&scene.state, &session)).unwrap();
        let form = FrameForm { size: 10_000, level: 3, dictionary: &dictionary };
        file.frames = write_frames(&mut text(1).as_slice(), &mut to, 0, form).unwrap();
        kept.files[0] = file;
        save(&scene.state.kept_description(&session), &kept).unwrap();
        std::fs::remove_file(link.place(&scene.state, &session)).unwrap();
        assert_eq!(scene.pack().files, 0, "the client still has the file");
        std::fs::remove_file(&transcript).unwrap();
        assert_eq!(scene.pack().files, 1);
        let kept = kept_of(&scene.state, &session).unwrap().unwrap();
        assert_eq!(kept.files[0].frames.len(), 1);
        assert!(scene.bytes(&session) == text(1));
        assert_eq!(scene.pack().files, 0, "once");
    }

    #[test]
    fn a_process_killed_at_any_step_of_packing_leaves_every_byte() {
        for step in ["before", "frames", "description", "link"] {
            let scene = Scene::new();
            let (session, transcript) = scene.session(1, &text(1));
            std::fs::remove_file(&transcript).unwrap();
            let mut kept = kept_of(&scene.state, &session).unwrap().unwrap();
            let file = kept.files[0].clone();
            if step == "before" {
                let mut place = KeptFile { kept_as: KeptAs::Frames, ..file.clone() }
                    .place(&scene.state, &session)
                    .into_os_string();
                place.push(TEMPORARY);
                std::fs::write(place, "half").unwrap();
            } else {
                kept.files[0] = pack_file(&scene.state, &session, &file, &Dictionary::built_in()).unwrap();
            }
            if matches!(step, "description" | "link") {
                save(&scene.state.kept_description(&session), &kept).unwrap();
            }
            if step == "link" {
                std::fs::remove_file(file.place(&scene.state, &session)).unwrap();
            }
            assert!(scene.bytes(&session) == text(1), "{step}");
            scene.pack();
            assert!(scene.bytes(&session) == text(1), "{step}");
            assert_eq!(scene.forms(&session), [KeptAs::Frames]);
            assert!(!file.place(&scene.state, &session).exists(), "{step}");
        }
    }

    #[test]
    fn a_file_packed_while_idle_is_linked_again_when_it_is_written() {
        let scene = Scene::new();
        let (session, transcript) = scene.session(1, &text(1));
        let old = std::time::SystemTime::now() - std::time::Duration::from_hours(31 * 24);
        std::fs::File::options().append(true).open(&transcript).unwrap().set_modified(old).unwrap();
        assert_eq!(scene.pack().files, 1);
        scene.keep(&session, &transcript);
        assert_eq!(scene.forms(&session), [KeptAs::Frames], "nothing is new");
        std::fs::write(&transcript, "").unwrap();
        assert!(scene.bytes(&session) == text(1), "truncating in place does not reach it");
        let longer = [text(1), b"{\"type\":\"user\"}\n".to_vec()].concat();
        std::fs::write(&transcript, &longer).unwrap();
        scene.keep(&session, &transcript);
        assert_eq!(scene.forms(&session), [KeptAs::Frames, KeptAs::Link]);
        assert!(scene.bytes(&session) == longer);
    }

    #[test]
    fn later_sessions_use_the_dictionary_of_the_first_and_stay_readable_without_it() {
        let scene = Scene::new();
        let sessions: Vec<_> = (1..4).map(|number| scene.session(number, &text(number))).collect();
        for (_, transcript) in &sessions {
            std::fs::remove_file(transcript).unwrap();
        }
        scene.pack();
        let stored = |session: &str| kept_of(&scene.state, session).unwrap().unwrap().own_bytes(&scene.state);
        let [first, second, third] = [0, 1, 2].map(|at: usize| sessions[at].0.as_str());
        assert!(stored(second) < stored(first), "{} {}", stored(second), stored(first));
        std::fs::remove_dir_all(scene.dir.path().join("home")).unwrap();
        remove_kept(&scene.state, first).unwrap();
        assert!(kept_of(&scene.state, first).unwrap().is_none());
        assert_eq!(std::fs::read_dir(scene.state.kept_dictionaries()).unwrap().count(), 0);
        assert!(scene.bytes(second) == text(2) && scene.bytes(third) == text(3));
        std::fs::write(scene.state.kept_description(second), "{ torn").unwrap();
        assert!(kept_of(&scene.state, second).unwrap().is_none(), "nothing says where it was");
    }

    #[test]
    fn a_session_removed_while_another_is_packed_with_its_dictionary_leaves_that_one_readable() {
        let scene = Scene::new();
        let (first, transcript) = scene.session(1, &text(1));
        std::fs::remove_file(transcript).unwrap();
        scene.pack();
        assert_eq!(Dictionary::made_of(&scene.state, &first).count(), 1);
        let long: Vec<u8> = (2..80).flat_map(text).collect();
        let (second, transcript) = scene.session(2, &long);
        std::fs::remove_file(transcript).unwrap();
        let link = kept_of(&scene.state, &second).unwrap().unwrap().files[0].clone();
        let mut unfinished =
            KeptFile { kept_as: KeptAs::Frames, ..link }.place(&scene.state, &second).into_os_string();
        unfinished.push(TEMPORARY);
        let removed = std::thread::scope(|threads| {
            let packing = threads.spawn(|| scene.pack());
            while !Path::new(&unfinished).exists() && !packing.is_finished() {
                std::thread::yield_now();
            }
            // If the packing is already finished, the removal follows it, and must leave it readable as well.
            remove_kept(&scene.state, &first)
        });
        assert!(scene.bytes(&second) == long);
        if let Err(error) = removed {
            assert_eq!(error.code, Code::StateLocked);
            remove_kept(&scene.state, &first).unwrap();
            assert!(scene.bytes(&second) == long);
        }
    }

    #[test]
    fn a_killed_removal_is_completed_by_the_next_one_or_once_its_process_is_gone() {
        let scene = Scene::new();
        let (session, _) = scene.session(1, &text(1));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let dead = child.id();
        child.wait().unwrap();
        let left = |pid: u32| scene.state.all_kept().join(format!(".{session}.{pid}{TEMPORARY}"));
        for pid in [dead, std::process::id()] {
            std::fs::create_dir_all(left(pid).join("1")).unwrap();
        }
        assert_eq!(removals(&scene.state).count(), 2);
        complete_removals(&scene.state).unwrap();
        assert!(!left(dead).exists() && left(std::process::id()).exists(), "its process may be removing it");
        remove_kept(&scene.state, &session).unwrap();
        assert_eq!(removals(&scene.state).count(), 0);
        std::fs::create_dir_all(left(dead)).unwrap();
        remove_kept(&scene.state, &session).unwrap();
        assert_eq!(removals(&scene.state).count(), 0, "although nothing else is kept");
    }

    #[test]
    fn nothing_is_packed_while_a_dictionary_is_removed_and_removal_waits_for_packing() {
        let scene = Scene::new();
        let (session, transcript) = scene.session(1, &text(1));
        std::fs::remove_file(transcript).unwrap();
        let alone = Lock::try_take(&scene.state.dictionaries_lock()).unwrap().unwrap();
        let packed = scene.pack();
        assert_eq!((packed.files, packed.more), (0, true));
        drop(alone);
        assert_eq!(scene.pack().files, 1);
        let shared = Lock::try_share(&scene.state.dictionaries_lock()).unwrap().unwrap();
        assert_eq!(remove_kept(&scene.state, &session).unwrap_err().code, Code::StateLocked);
        assert!(scene.bytes(&session) == text(1));
        drop(shared);
        remove_kept(&scene.state, &session).unwrap();
    }

    /// `PACK_CORPUS=<directory of transcripts>`: prints their packed sizes. Not part of the suite, because
    /// it needs real sessions.
    #[test]
    #[ignore = "measures a directory of real transcripts"]
    fn measure_packing() {
        let Some(corpus) = std::env::var_os("PACK_CORPUS") else { return };
        let scene = Scene::new();
        let mut texts: Vec<Vec<u8>> = std::fs::read_dir(corpus)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"))
            .map(|path| std::fs::read(path).unwrap())
            .collect();
        texts.sort();
        let sessions: Vec<_> = (1..).zip(&texts).map(|(number, text)| scene.session(number, text)).collect();
        for (at, (session, transcript)) in sessions.iter().enumerate() {
            std::fs::remove_file(transcript).unwrap();
            let packed = scene.pack();
            let dictionary = Dictionary::for_version(&scene.state, version_in(&texts[at]).as_deref());
            let hot: usize = texts[at]
                .chunks(64 * 1024)
                .map(|mut piece| {
                    let mut stored = Vec::new();
                    let form = FrameForm { size: PACKED, level: 3, dictionary: &dictionary };
                    write_frames(&mut piece, &mut stored, 0, form).unwrap();
                    stored.len()
                })
                .sum();
            let share = |stored: u64| stored * 1000 / packed.bytes;
            let hot = share(hot as u64);
            writeln!(
                std::io::stderr(),
                "{session}: {} bytes, packed {}/1000, hot {hot}/1000",
                packed.bytes,
                share(packed.stored)
            )
            .unwrap();
            assert!(scene.bytes(session) == texts[at]);
        }
    }
}
