//! Reads and writes HANDOFF.md. No other module of the note writes files.
//!
//! Everything in the file outside the managed blocks belongs to the model and the user. So changes happen
//! under a lock, replace the whole file, and only succeed if it has not changed since it was read.

use super::exclude::keep_out;
use super::handoff::{EditedBlock, FILE_NAME, edited_blocks, template, with_block, without_block};
use super::text::span;
use crate::env::Environment;
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::{PRIVATE, identity, keep_newest, open_regular, own_uid, owner};
use crate::store::lock::Lock;
use crate::store::stored::sha256_hex;
use crate::store::{StateDir, replace};
use crate::text::one_line;
use crate::trust::enabled::{find, project_key};
use std::fs::Metadata;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Maximum size of a file that this tool rewrites, in bytes.
const LARGEST: u64 = 4 * 1024 * 1024;
/// How long to wait for another process of this tool that writes the same file.
const LOCK_WAIT: Duration = Duration::from_secs(5);
/// Number of attempts while another program keeps writing to the file.
const TRIES: usize = 3;
/// Mode of a new file in a project that shares it.
pub const SHARED: u32 = 0o644;
/// Maximum number of edited copies that a block refers to.
const POINTED_AT: usize = 3;
const MOST_KEPT: usize = 200;

/// Returns the path of a project's HANDOFF.md.
#[must_use]
pub fn path(project: &Path) -> PathBuf {
    project.join(FILE_NAME)
}

/// Outcome of a change to the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Whether the file was replaced.
    pub changed: bool,
    /// Saved copies of blocks that were edited by hand and are no longer in the file.
    pub kept: Vec<PathBuf>,
}

/// Writes the session's block to the project's HANDOFF.md, and creates the file if it is missing. At most
/// `max_blocks` blocks remain. A block that was edited by hand is not lost when it is replaced: it is saved
/// as a separate file in the state directory, and the new block refers to it.
///
/// A new file is private and excluded from git, unless the project was set up with `--share`.
///
/// # Errors
///
/// Returns [`Code::Usage`] for an id that is not valid in a marker, [`Code::ProjectNotFound`],
/// [`Code::PathRefused`] if the file is a link, not a regular file, another user's, write-protected, too
/// large or not UTF-8, [`Code::StateLocked`], [`Code::ChangedMeanwhile`] if another program keeps writing to
/// it, or [`Code::Io`] if a file cannot be read or written.
pub fn write_block(
    project: &Path,
    session: &str,
    block: &str,
    max_blocks: usize,
    state: &StateDir,
    env: &Environment,
) -> Result<Written> {
    let setup = find(state, env, Some(project));
    let is_shared = setup.as_ref().is_some_and(|setup| setup.share);
    let mode = if is_shared { SHARED } else { PRIVATE };
    let before_writing = || {
        if !is_shared {
            // Best effort: a note that git can see is better than none.
            let _ = keep_out(env, state, project, setup.is_some());
        }
        mode
    };
    change(project, session, state, before_writing, |text| {
        Some(with_note(text, session, block, max_blocks, state))
    })
}

/// Returns the text with the session's block, which refers to saved copies of its edited versions.
fn with_note(text: Option<&str>, session: &str, block: &str, max_blocks: usize, state: &StateDir) -> String {
    let text = text.unwrap_or(template());
    let edited = edited_blocks(text).into_iter().filter(|edited| edited.session == session);
    let mut kept = kept_files(&state.edited_notes(session));
    kept.extend(edited.map(|edited| aside_path(state, &edited)));
    kept.sort();
    kept.dedup();
    with_block(text, session, &with_pointer(block, &kept), max_blocks)
}

/// Removes the session's block from the project's HANDOFF.md. The file itself remains, even
/// without any block, because its first part belongs to the user. A block that was edited by hand
/// is saved, as in [`write_block`].
///
/// # Errors
///
/// Returns the errors of [`write_block`].
pub fn remove_block(project: &Path, session: &str, state: &StateDir) -> Result<Written> {
    change(project, session, state, || PRIVATE, |text| text.map(|text| without_block(text, session)))
}

/// Returns whether writing the session's block would change the file. Writes nothing.
///
/// # Errors
///
/// Returns the errors of [`write_block`].
pub fn would_change(
    project: &Path,
    session: &str,
    block: &str,
    max_blocks: usize,
    state: &StateDir,
) -> Result<bool> {
    let before = NoteFile::read(&path(project))?;
    let old = before.as_ref().map(|content| content.text.as_str());
    Ok(old != Some(&with_note(old, session, block, max_blocks, state)))
}

/// Adds a line to the block that names the saved copies of its edited versions.
fn with_pointer(block: &str, kept: &[PathBuf]) -> String {
    if kept.is_empty() {
        return block.to_owned();
    }
    let first = kept.len().saturating_sub(POINTED_AT);
    let shown: Vec<String> =
        kept[first..].iter().map(|path| span(&one_line(&path.to_string_lossy(), 300))).collect();
    format!(
        "{}\n\nThis block was edited by hand. The edited version is saved in {}.\n",
        block.trim_end(),
        shown.join(", ")
    )
}

fn aside_path(state: &StateDir, edited: &EditedBlock<'_>) -> PathBuf {
    let name = format!("{}.md", &sha256_hex(edited.body.as_bytes())[..16]);
    state.edited_notes(edited.session).join(name)
}

/// Lists edited blocks of a session that were saved earlier.
fn kept_files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut found: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|ending| ending == "md")).collect();
    keep_newest(&mut found, MOST_KEPT);
    found
}

/// Changes the file. `before_writing` runs before each write and returns the mode of a new file.
fn change(
    project: &Path,
    session: &str,
    state: &StateDir,
    before_writing: impl Fn() -> u32,
    new_text: impl Fn(Option<&str>) -> Option<String>,
) -> Result<Written> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if session.is_empty() || !session.bytes().all(plain) {
        return Err(Error::new(Code::Usage, "not a session id"));
    }
    if !project.is_dir() {
        return Err(Error::new(Code::ProjectNotFound, "the project directory does not exist").at(project));
    }
    let path = path(project);
    let _held = Lock::wait(&state.project_lock(&project_key(project)), LOCK_WAIT)?;
    for _ in 0..TRIES {
        let before = NoteFile::read(&path)?;
        let old = before.as_ref().map(|content| content.text.as_str());
        let Some(text) = new_text(old) else { return Ok(Written::default()) };
        if old == Some(text.as_str()) {
            return Ok(Written::default());
        }
        let kept = keep_aside(state, old.unwrap_or_default(), &text)?;
        let new_mode = before_writing();
        // Editors and the model do not use this lock. A write between this check and the rename would be
        // lost; the window is as short as possible.
        if NoteFile::read(&path)? == before {
            let mode = before.as_ref().map_or(new_mode, |content| content.mode);
            sweep(project);
            replace::replace(&path, text.as_bytes(), mode)?;
            return Ok(Written { changed: true, kept });
        }
    }
    Err(Error::new(Code::ChangedMeanwhile, "another program keeps writing to the file")
        .at(&path)
        .hint("try again"))
}

/// Saves the edited blocks of the old text that are missing from the new one. The copies are on disk before
/// the file changes.
fn keep_aside(state: &StateDir, old: &str, new: &str) -> Result<Vec<PathBuf>> {
    let lost = edited_blocks(old).into_iter().filter(|edited| !new.contains(edited.whole));
    lost.map(|edited| {
        let path = aside_path(state, &edited);
        replace::replace(&path, format!("{}\n", edited.body).as_bytes(), PRIVATE)?;
        Ok(path)
    })
    .collect()
}

/// Removes temporary files that a killed process left next to the file.
fn sweep(project: &Path) {
    let Ok(entries) = std::fs::read_dir(project) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let left = name.to_str().and_then(|name| {
            let rest = name.strip_prefix('.')?.strip_prefix(FILE_NAME)?.strip_prefix('.')?;
            rest.strip_suffix(replace::TEMPORARY)?.split_once('-')?.0.parse().ok()
        });
        if left.is_some_and(|pid: u32| !is_running(pid)) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(unix)]
fn is_running(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

/// While the lock is held, no other process of this tool writes.
#[cfg(not(unix))]
fn is_running(_pid: u32) -> bool {
    false
}

/// The contents of HANDOFF.md at one moment.
#[derive(PartialEq)]
struct NoteFile {
    text: String,
    mode: u32,
    identity: Option<(u64, u64)>,
}

impl NoteFile {
    fn read(path: &Path) -> Result<Option<Self>> {
        let refused = |why: &str| {
            Err(Error::new(Code::PathRefused, why)
                .at(path)
                .hint("move it away; the note is then written to a new file"))
        };
        let found = match std::fs::symlink_metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.doing("read", path)?,
        };
        if found.is_symlink() {
            return refused("is a symbolic link");
        }
        let file = open_regular(path)?;
        let meta = file.metadata().doing("read", path)?;
        if owner(&meta) != own_uid() {
            return refused("belongs to another user");
        }
        if meta.permissions().readonly() {
            return Err(Error::new(Code::PathRefused, "is write-protected")
                .at(path)
                .hint("make the file writable; until then, `cc-session-recover handoff` prints the note"));
        }
        let mut bytes = Vec::new();
        file.take(LARGEST + 1).read_to_end(&mut bytes).doing("read", path)?;
        if bytes.len() as u64 > LARGEST {
            return refused("is larger than 4 MB");
        }
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(Self { text, mode: mode_of(&meta), identity: identity(&meta) })),
            Err(_) => refused("is not UTF-8 text"),
        }
    }
}

#[cfg(unix)]
fn mode_of(meta: &Metadata) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o777
}

#[cfg(not(unix))]
fn mode_of(_meta: &Metadata) -> u32 {
    PRIVATE
}

#[cfg(test)]
mod tests {
    use super::super::handoff::blocks;
    use super::*;
    #[cfg(unix)]
    use crate::trust::enabled::{Enabled, record_path};

    struct Place {
        _dir: tempfile::TempDir,
        project: PathBuf,
        state: StateDir,
        env: Environment,
    }

    impl Place {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let project = dir.path().join("project");
            std::fs::create_dir(&project).unwrap();
            let state = StateDir::new(dir.path().join("state"));
            let env = Environment::from_pairs::<&str, &str>([], dir.path());
            Self { _dir: dir, project, state, env }
        }

        fn write(&self, session: &str, block: &str) -> Result<Written> {
            write_block(&self.project, session, block, 5, &self.state, &self.env)
        }

        fn remove(&self, session: &str) -> Result<Written> {
            remove_block(&self.project, session, &self.state)
        }

        fn edit(&self, from: &str, to: &str) {
            std::fs::write(path(&self.project), self.text().replacen(from, to, 1)).unwrap();
        }

        fn text(&self) -> String {
            std::fs::read_to_string(path(&self.project)).unwrap()
        }
    }

    #[test]
    fn the_file_is_created_changed_in_place_and_untouched_without_changes() {
        let place = Place::new();
        assert!(place.write("a", "A1").unwrap().changed);
        assert!(place.text().starts_with(template()));
        assert!(!place.write("a", "A1").unwrap().changed);
        assert!(place.write("a", "A2").unwrap().changed);
        assert!(place.text().contains("\nA2\n") && !place.text().contains("A1"));
        assert!(place.remove("a").unwrap().changed);
        assert_eq!(place.text(), template());
        assert!(!place.remove("a").unwrap().changed);
        let left: Vec<_> =
            std::fs::read_dir(&place.project).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["HANDOFF.md"]);
    }

    #[test]
    fn removing_a_block_from_a_project_without_a_note_creates_no_note() {
        let place = Place::new();
        assert!(!place.remove("a").unwrap().changed);
        assert!(!path(&place.project).exists());
    }

    #[test]
    #[cfg(unix)]
    fn a_new_file_is_private_unless_shared_and_the_mode_of_an_existing_file_is_preserved() {
        use std::os::unix::fs::PermissionsExt;
        let place = Place::new();
        let mode = || std::fs::metadata(path(&place.project)).unwrap().permissions().mode() & 0o777;
        place.write("a", "A").unwrap();
        assert_eq!(mode(), 0o600);
        std::fs::set_permissions(path(&place.project), std::fs::Permissions::from_mode(0o640)).unwrap();
        place.write("b", "B").unwrap();
        assert_eq!(mode(), 0o640);

        let setup = Enabled { share: true, ..Enabled::new(Some(place.project.clone()), chrono::Utc::now()) };
        crate::store::stored::save(&record_path(&place.state, &place.project), &setup).unwrap();
        std::fs::remove_file(path(&place.project)).unwrap();
        place.write("a", "A").unwrap();
        assert_eq!(mode(), 0o644);
    }

    #[cfg(unix)]
    type Put<'a> = &'a dyn Fn(&Place);

    #[test]
    #[cfg(unix)]
    fn a_link_a_pipe_a_directory_and_invalid_utf8_are_refused_and_unchanged() {
        let victim = tempfile::NamedTempFile::new().unwrap();
        let name = |place: &Place| path(&place.project);
        let cases: [(&str, Put<'_>); 5] = [
            ("link", &|place| std::os::unix::fs::symlink(victim.path(), name(place)).unwrap()),
            ("dangling link", &|place| std::os::unix::fs::symlink("/nonexistent/x", name(place)).unwrap()),
            ("pipe", &|place| {
                let made = std::process::Command::new("mkfifo").arg(name(place)).status().unwrap();
                assert!(made.success());
            }),
            ("directory", &|place| std::fs::create_dir(name(place)).unwrap()),
            ("bytes", &|place| std::fs::write(name(place), b"\xff\xfe").unwrap()),
        ];
        for (what, make) in cases {
            let place = Place::new();
            make(&place);
            let before = std::fs::symlink_metadata(name(&place)).unwrap();
            assert_eq!(place.write("a", "A").unwrap_err().code, Code::PathRefused, "{what}");
            let after = std::fs::symlink_metadata(name(&place)).unwrap();
            assert_eq!(identity(&before), identity(&after), "{what}");
        }
        assert_eq!(std::fs::read(victim.path()).unwrap(), b"");
    }

    #[test]
    fn an_edited_block_is_saved_when_it_is_replaced_removed_or_displaced() {
        let place = Place::new();
        place.write("a", "A1").unwrap();
        place.edit("A1\n", "A1\nnever touch the migrations\n");
        let written = place.write("a", "A2").unwrap();
        let [kept] = written.kept.as_slice() else { panic!("{written:?}") };
        assert_eq!(std::fs::read_to_string(kept).unwrap(), "A1\nnever touch the migrations\n");
        assert!(place.text().contains(&format!("is saved in `{}`.", kept.display())), "{}", place.text());
        assert!(!place.text().contains("migrations"));
        // The reference remains, and an unedited block is not saved.
        assert_eq!(place.write("a", "A3").unwrap(), Written { changed: true, kept: Vec::new() });
        assert!(place.text().contains(&kept.display().to_string()));

        place.edit("A3\n", "A3 mine\n");
        assert_eq!(place.remove("a").unwrap().kept.len(), 1);
        place.write("b", "B").unwrap();
        place.edit("B\n", "B mine\n");
        let crowded = write_block(&place.project, "c", "C", 1, &place.state, &place.env).unwrap();
        assert_eq!(std::fs::read_to_string(&crowded.kept[0]).unwrap(), "B mine\n");
        assert_eq!(blocks(&place.text()), ["c"]);
    }

    #[test]
    #[cfg(unix)]
    fn a_write_protected_file_is_refused_and_unchanged() {
        use std::os::unix::fs::PermissionsExt;
        let place = Place::new();
        place.write("a", "A").unwrap();
        let before = place.text();
        std::fs::set_permissions(path(&place.project), std::fs::Permissions::from_mode(0o444)).unwrap();
        let error = place.write("a", "B").unwrap_err();
        assert_eq!((error.code, error.message.as_str()), (Code::PathRefused, "is write-protected"));
        assert_eq!(place.text(), before);
    }

    #[test]
    #[cfg(unix)]
    fn only_the_temporary_file_of_a_killed_writer_is_removed() {
        let place = Place::new();
        let mut ended = std::process::Command::new("true").spawn().unwrap();
        ended.wait().unwrap();
        let left = format!(".HANDOFF.md.{}-3.cc-recover-tmp", ended.id());
        let of_a_living = format!(".HANDOFF.md.{}-3.cc-recover-tmp", std::process::id());
        for name in [left.as_str(), &of_a_living, ".HANDOFF.md.swp", ".HANDOFF.md.x-1.cc-recover-tmp"] {
            std::fs::write(place.project.join(name), "half").unwrap();
        }
        place.write("a", "A").unwrap();
        let mut names: Vec<_> = std::fs::read_dir(&place.project)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(
            names,
            [of_a_living.as_str(), ".HANDOFF.md.swp", ".HANDOFF.md.x-1.cc-recover-tmp", "HANDOFF.md"]
        );
    }

    #[test]
    fn an_invalid_id_and_a_missing_project_are_reported() {
        let place = Place::new();
        for id in ["", "a b", "../x", "a -->"] {
            assert_eq!(place.write(id, "A").unwrap_err().code, Code::Usage);
        }
        let missing =
            write_block(&place.project.join("none"), "a", "A", 5, &place.state, &place.env).unwrap_err();
        assert_eq!(missing.code, Code::ProjectNotFound);
        assert!(!place.project.join("none").exists());
    }

    #[test]
    fn fifty_concurrent_writers_lose_no_block_and_no_text_of_the_model() {
        let place = Place::new();
        let own = "# Mine\n\nno final newline";
        std::fs::write(path(&place.project), own).unwrap();
        std::thread::scope(|scope| {
            for index in 0..50 {
                let place = &place;
                scope.spawn(move || {
                    write_block(&place.project, &format!("s{index}"), "block", 50, &place.state, &place.env)
                        .unwrap();
                });
            }
        });
        let mut sessions = blocks(&place.text());
        sessions.sort();
        sessions.dedup();
        assert_eq!(sessions.len(), 50);
        assert!(place.text().starts_with(&format!("{own}\n<!-- ")));
    }
}
