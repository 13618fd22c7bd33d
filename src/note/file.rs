//! HANDOFF.md on disk: the only part of the note that writes.
//!
//! Everything in the file that is not a block of ours belongs to the model and to people. So the file is changed under a
//! lock of ours, replaced as a whole, and only when nobody has written to it since it was read.

use super::handoff::{FILE_NAME, template, with_block, without_block};
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::{identity, open_regular, own_uid, owner};
use crate::store::lock::Lock;
use crate::store::replace;
use std::fs::Metadata;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A file larger than this is not ours to rewrite.
const LARGEST: u64 = 4 * 1024 * 1024;
/// Wait for another process of ours that writes the same file.
const LOCK_WAIT: Duration = Duration::from_secs(5);
/// Tries when somebody else keeps writing to the file.
const TRIES: usize = 3;
/// Mode of a new file.
const NEW_FILE: u32 = 0o644;

/// Where the note of a project is.
#[must_use]
pub fn path(project: &Path) -> PathBuf {
    project.join(FILE_NAME)
}

/// Puts the session's block into the project's HANDOFF.md, which is made when it is missing. Returns whether the file
/// changed. `lock` is the path of the lock file, in the state directory; `max_blocks` blocks are kept.
///
/// # Errors
/// [`Code::Usage`] for an id that cannot stand in a marker, [`Code::ProjectNotFound`],
/// [`Code::PathRefused`] when the file is a link, no regular file, another user's, too large or not UTF-8,
/// [`Code::StateLocked`], [`Code::ChangedMeanwhile`] when somebody writes to it all the time, [`Code::Io`].
pub fn write_block(
    project: &Path,
    session: &str,
    block: &str,
    max_blocks: usize,
    lock: &Path,
) -> Result<bool> {
    change(project, session, lock, |text| {
        Some(with_block(text.unwrap_or(template()), session, block, max_blocks))
    })
}

/// Takes the session's block out of the project's HANDOFF.md. Returns whether the file changed. The file itself stays,
/// also when no block is left: its first part is not ours.
///
/// # Errors
/// As [`write_block`].
pub fn remove_block(project: &Path, session: &str, lock: &Path) -> Result<bool> {
    change(project, session, lock, |text| text.map(|text| without_block(text, session)))
}

fn change(
    project: &Path,
    session: &str,
    lock: &Path,
    new_text: impl Fn(Option<&str>) -> Option<String>,
) -> Result<bool> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if session.is_empty() || !session.bytes().all(plain) {
        return Err(Error::new(Code::Usage, "not the id of a session"));
    }
    if !project.is_dir() {
        return Err(Error::new(Code::ProjectNotFound, "the project directory does not exist").at(project));
    }
    let path = path(project);
    let _held = Lock::wait(lock, LOCK_WAIT)?;
    for _ in 0..TRIES {
        let before = Content::read(&path)?;
        let Some(text) = new_text(before.as_ref().map(|content| content.text.as_str())) else {
            return Ok(false);
        };
        if before.as_ref().is_some_and(|content| content.text == text) {
            return Ok(false);
        }
        // Editors and the model do not know our lock. What they write between this look and the rename would be lost;
        // that is as short as it can be made.
        if Content::read(&path)? == before {
            let mode = before.as_ref().map_or(NEW_FILE, |content| content.mode);
            replace::replace(&path, text.as_bytes(), mode)?;
            return Ok(true);
        }
    }
    Err(Error::new(Code::ChangedMeanwhile, "somebody else keeps writing to the file")
        .at(&path)
        .hint("try again"))
}

/// The file as it was at one moment.
#[derive(PartialEq)]
struct Content {
    text: String,
    mode: u32,
    identity: Option<(u64, u64)>,
}

impl Content {
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
    NEW_FILE
}

#[cfg(test)]
mod tests {
    use super::super::handoff::blocks;
    use super::*;

    struct Place {
        _dir: tempfile::TempDir,
        project: PathBuf,
        lock: PathBuf,
    }

    impl Place {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let project = dir.path().join("project");
            std::fs::create_dir(&project).unwrap();
            let lock = dir.path().join("state/handoff.lock");
            Self { _dir: dir, project, lock }
        }

        fn write(&self, session: &str, block: &str) -> Result<bool> {
            write_block(&self.project, session, block, 5, &self.lock)
        }

        fn text(&self) -> String {
            std::fs::read_to_string(path(&self.project)).unwrap()
        }
    }

    #[test]
    fn the_file_is_made_changed_in_place_and_left_when_nothing_changes() {
        let place = Place::new();
        assert!(place.write("a", "A1").unwrap());
        assert!(place.text().starts_with(template()));
        assert!(!place.write("a", "A1").unwrap());
        assert!(place.write("a", "A2").unwrap());
        assert!(place.text().contains("\nA2\n") && !place.text().contains("A1"));
        assert!(remove_block(&place.project, "a", &place.lock).unwrap());
        assert_eq!(place.text(), template());
        assert!(!remove_block(&place.project, "a", &place.lock).unwrap());
        let left: Vec<_> =
            std::fs::read_dir(&place.project).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["HANDOFF.md"]);
    }

    #[test]
    fn removing_from_a_project_without_a_note_makes_none() {
        let place = Place::new();
        assert!(!remove_block(&place.project, "a", &place.lock).unwrap());
        assert!(!path(&place.project).exists());
    }

    #[test]
    #[cfg(unix)]
    fn the_mode_is_kept_and_a_new_file_is_readable_by_all() {
        use std::os::unix::fs::PermissionsExt;
        let place = Place::new();
        let mode = || std::fs::metadata(path(&place.project)).unwrap().permissions().mode() & 0o777;
        place.write("a", "A").unwrap();
        assert_eq!(mode(), 0o644);
        std::fs::set_permissions(path(&place.project), std::fs::Permissions::from_mode(0o600)).unwrap();
        place.write("b", "B").unwrap();
        assert_eq!(mode(), 0o600);
    }

    #[cfg(unix)]
    type Put<'a> = &'a dyn Fn(&Place);

    #[test]
    #[cfg(unix)]
    fn a_link_a_pipe_a_directory_and_foreign_text_are_refused_and_left_alone() {
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
    fn a_bad_id_and_a_missing_project_are_named() {
        let place = Place::new();
        for id in ["", "a b", "../x", "a -->"] {
            assert_eq!(place.write(id, "A").unwrap_err().code, Code::Usage);
        }
        let missing = write_block(&place.project.join("none"), "a", "A", 5, &place.lock).unwrap_err();
        assert_eq!(missing.code, Code::ProjectNotFound);
        assert!(!place.project.join("none").exists());
    }

    #[test]
    fn fifty_writers_at_once_lose_no_block_and_no_text_of_the_model() {
        let place = Place::new();
        let own = "# Mine\n\nno final newline";
        std::fs::write(path(&place.project), own).unwrap();
        std::thread::scope(|scope| {
            for index in 0..50 {
                let place = &place;
                scope.spawn(move || {
                    write_block(&place.project, &format!("s{index}"), "block", 50, &place.lock).unwrap();
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
