//! Reads and writes manifests. A manifest lists the files of an export, their session, their lengths and
//! their hashes.
//!
//! The manifest is written last. A directory without a manifest is not an export, whatever its name.

use super::copy::{Copied, Hash, Progress, digest};
use crate::claude::home::is_session_id;
use crate::error::{Code, Error, Result};
use crate::fs::PRIVATE;
use crate::session::belongings::{SessionFileKind, Skipped};
use crate::session::stop::{time, time_or_null};
use crate::store::replace::replace;
use crate::store::stored::{Stored, peek, save};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

pub const FILE_NAME: &str = "manifest.json";
/// File name of the list for `sha256sum -c`.
pub const SUMS: &str = "SHA256SUMS";

/// The session at the time of the export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExportOrigin {
    pub id: String,
    /// Name, title or latest prompt.
    pub title: Option<String>,
    /// Directory in which the session was started.
    pub cwd: Option<String>,
    pub config_dir: String,
    /// Name of the directory that contains the transcript.
    pub directory: String,
    pub transcript: String,
    /// Id of the process that had the session open. The export does not contain anything that it wrote later.
    pub live_pid: Option<u32>,
    /// Session state, with the same code as in reports.
    pub state: String,
    /// Kind of stop, with the same code as in reports.
    pub stop: String,
    /// Version of the client that wrote the latest message.
    pub client_version: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManifestEntry {
    /// Path in the export, with `/` as separator.
    pub path: String,
    pub part: SessionFileKind,
    /// Length of the original when it was opened, in bytes.
    pub bytes: u64,
    /// Number of line breaks.
    pub lines: u64,
    /// Hash in hex, with the algorithm of the manifest.
    pub digest: String,
    /// Whether neither the copy nor the original ends with a line break.
    pub torn: bool,
    /// Whether the original grew after it was opened, so that the copy is only its beginning.
    pub grew: bool,
    /// Modification time of the original.
    #[serde(serialize_with = "time_or_null")]
    pub modified_at: Option<DateTime<Utc>>,
}

impl ManifestEntry {
    #[must_use]
    pub fn of(part: SessionFileKind, path: String, copied: Copied) -> Self {
        Self {
            path,
            part,
            bytes: copied.bytes,
            lines: copied.lines,
            digest: copied.digest,
            torn: copied.torn,
            grew: copied.grew,
            modified_at: copied.modified.map(DateTime::from),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Version of the manifest format.
    pub version: u32,
    /// Name and version of the program that made the export.
    pub tool: String,
    #[serde(serialize_with = "time")]
    pub exported_at: DateTime<Utc>,
    pub session: ExportOrigin,
    pub hash: Hash,
    /// Files of the export, the transcript first.
    pub files: Vec<ManifestEntry>,
    /// Files that were not exported, with the reason.
    pub skipped: Vec<Skipped>,
}

impl Stored for Manifest {
    const VERSION: u32 = 1;
}

impl Manifest {
    /// Reads the manifest of an export. Rejects one that names a path outside the export.
    ///
    /// # Errors
    ///
    /// Returns [`Code::VerificationFailed`] if it is missing or damaged, [`Code::StateNewer`],
    /// [`Code::PathRefused`].
    pub fn read(export: &Path) -> Result<Self> {
        let path = export.join(FILE_NAME);
        let found = peek::<Self>(&path).map_err(|error| match error.code {
            Code::StateNewer | Code::PathRefused => error,
            _ => Error { code: Code::VerificationFailed, ..error },
        })?;
        let manifest = found.ok_or_else(|| {
            Error::new(
                Code::VerificationFailed,
                format!("is not a complete export: it has no {FILE_NAME}, which is written last"),
            )
            .at(export)
            .hint("name the directory or the archive that `export` has made")
        })?;
        manifest.check(&path)?;
        Ok(manifest)
    }

    fn check(&self, path: &Path) -> Result<()> {
        let refuse = |why: String| Err(Error::new(Code::PathRefused, why).at(path));
        if !is_session_id(&self.session.id) {
            return refuse(format!("{:?} is not a session id", self.session.id));
        }
        let directory = Path::new(&self.session.directory);
        let one = directory.components().count() == 1 && directory.file_name() == Some(directory.as_os_str());
        if !one || self.session.directory.contains(['\\', '\0', '\n']) {
            return refuse(format!("{:?} is not a directory name", self.session.directory));
        }
        let mut seen = BTreeSet::new();
        for entry in &self.files {
            let plain = entry.path.split('/').all(|name| !["", ".", ".."].contains(&name));
            let known = SessionFileKind::of(&entry.path, &self.session.id) == Some(entry.part);
            let bare = !entry.path.contains(['\\', '\0', '\n']);
            // Only a plan must be directly in its directory; the other kinds may be nested as in
            // the client's own directories.
            let depth = entry.path.matches('/').count();
            let flat = entry.part != SessionFileKind::Plan || depth == 1;
            if !plain || !known || !bare || !flat {
                return refuse(format!("names {:?}, which is not a file of this session", entry.path));
            }
            if !seen.insert(entry.path.as_str()) {
                return refuse(format!("names {:?} twice", entry.path));
            }
        }
        if self.files.iter().filter(|entry| entry.part == SessionFileKind::Transcript).count() != 1 {
            return refuse("names no transcript".into());
        }
        Ok(())
    }

    #[must_use]
    pub fn transcript(&self) -> Option<&ManifestEntry> {
        self.files.iter().find(|entry| entry.part == SessionFileKind::Transcript)
    }

    /// Returns the total size of all files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|entry| entry.bytes).sum()
    }

    /// Writes the manifest and syncs it to disk. This completes the export except for its final name.
    ///
    /// # Errors
    ///
    /// Returns [`Code::Io`] if a file cannot be read or written.
    pub fn write(&self, export: &Path) -> Result<()> {
        if self.hash == Hash::Sha256 {
            let mut sums = String::new();
            for entry in &self.files {
                let _ = writeln!(sums, "{}  {}", entry.digest, entry.path);
            }
            replace(&export.join(SUMS), sums.as_bytes(), PRIVATE)?;
        }
        save(&export.join(FILE_NAME), self)
    }

    /// Reads every file of an export and compares it with the manifest.
    ///
    /// # Errors
    ///
    /// Returns [`Code::VerificationFailed`] for the first file that is missing, changed or a link; or
    /// [`Code::Io`] if a file cannot be read.
    pub fn verify(&self, export: &Path, progress: &Progress) -> Result<()> {
        for entry in &self.files {
            let path = inside(export, &entry.path)?;
            let (found, bytes) = digest(&path, self.hash, progress).map_err(|error| {
                // A missing file or a link also means that the export is not intact.
                let missing = std::fs::symlink_metadata(&path).is_err() || error.code == Code::PathRefused;
                let code = if missing { Code::VerificationFailed } else { error.code };
                Error { code, ..error }
            })?;
            if found != entry.digest || bytes != entry.bytes {
                return Err(Error::new(Code::VerificationFailed, "differs from the file that was exported")
                    .at(&path)
                    .hint("take another export of this session, or an older backup of this one"));
            }
        }
        Ok(())
    }
}

/// Returns the path of a file in an export. No component may be a symbolic link.
///
/// # Errors
///
/// Returns [`Code::VerificationFailed`] for a symbolic link.
pub fn inside(export: &Path, path: &str) -> Result<PathBuf> {
    let mut whole = export.to_path_buf();
    for name in path.split('/') {
        whole.push(name);
        let linked = std::fs::symlink_metadata(&whole).is_ok_and(|meta| meta.file_type().is_symlink());
        if linked {
            return Err(Error::new(
                Code::VerificationFailed,
                "is a symbolic link, which an export never contains",
            )
            .at(&whole));
        }
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "3f2a9c1d-0000-4000-8000-000000000001";

    fn manifest(paths: &[(&str, SessionFileKind)]) -> Manifest {
        let mut files = vec![(format!("{ID}.jsonl"), SessionFileKind::Transcript)];
        files.extend(paths.iter().map(|(path, part)| ((*path).to_owned(), *part)));
        let files = files.into_iter().map(|(path, part)| ManifestEntry {
            path,
            part,
            bytes: 0,
            lines: 0,
            digest: String::new(),
            torn: false,
            grew: false,
            modified_at: None,
        });
        Manifest {
            version: 1,
            tool: "x".into(),
            exported_at: DateTime::from_timestamp(1_700_000_000, 0).unwrap(),
            session: ExportOrigin {
                id: ID.into(),
                title: None,
                cwd: None,
                config_dir: "/c".into(),
                directory: "-w".into(),
                transcript: "/c/t".into(),
                live_pid: None,
                state: "completed".into(),
                stop: "finished".into(),
                client_version: None,
            },
            hash: Hash::Sha256,
            files: files.collect(),
            skipped: Vec::new(),
        }
    }

    #[test]
    fn a_manifest_is_read_back_unchanged_and_an_edited_one_is_rejected() {
        let dir = tempfile::tempdir().unwrap();
        let one =
            manifest(&[("tasks/1.json", SessionFileKind::Tasks), ("plans/a.md", SessionFileKind::Plan)]);
        one.write(dir.path()).unwrap();
        assert_eq!(Manifest::read(dir.path()).unwrap(), one);
        let text = std::fs::read_to_string(dir.path().join(FILE_NAME)).unwrap();
        std::fs::write(dir.path().join(FILE_NAME), text.replace("finished", "finizhed")).unwrap();
        assert_eq!(Manifest::read(dir.path()).unwrap_err().code, Code::VerificationFailed);
        std::fs::remove_file(dir.path().join(FILE_NAME)).unwrap();
        assert_eq!(Manifest::read(dir.path()).unwrap_err().code, Code::VerificationFailed);
    }

    #[test]
    fn a_manifest_that_names_files_outside_the_session_is_rejected() {
        let dir = tempfile::tempdir().unwrap();
        for (path, part) in [
            ("../x", SessionFileKind::Note),
            ("tasks/../../x", SessionFileKind::Tasks),
            ("/etc/passwd", SessionFileKind::Tasks),
            ("tasks/./1.json", SessionFileKind::Tasks),
            ("tasks//1.json", SessionFileKind::Tasks),
            ("tasks/", SessionFileKind::Tasks),
            ("tasks\\1.json", SessionFileKind::Tasks),
            ("settings.json", SessionFileKind::Note),
            ("plans/a/b.md", SessionFileKind::Plan),
            ("tasks/1.json", SessionFileKind::FileHistory),
            ("HANDOFF.md\n", SessionFileKind::Note),
            ("3f2a9c1d-0000-4000-8000-000000000001.jsonl", SessionFileKind::Transcript),
            ("other/x", SessionFileKind::Companion),
        ] {
            save(&dir.path().join(FILE_NAME), &manifest(&[(path, part)])).unwrap();
            assert_eq!(Manifest::read(dir.path()).unwrap_err().code, Code::PathRefused, "{path}");
        }
        let mut other = manifest(&[]);
        other.session.id = "../../x".into();
        save(&dir.path().join(FILE_NAME), &other).unwrap();
        assert_eq!(Manifest::read(dir.path()).unwrap_err().code, Code::PathRefused);
        for name in ["", ".", "..", "a/b", "/a", "a/"] {
            let mut other = manifest(&[]);
            other.session.directory = name.into();
            save(&dir.path().join(FILE_NAME), &other).unwrap();
            assert_eq!(Manifest::read(dir.path()).unwrap_err().code, Code::PathRefused, "{name:?}");
        }
        save(&dir.path().join(FILE_NAME), &other).unwrap();
        assert_eq!(Manifest::read(dir.path()).unwrap_err().code, Code::PathRefused);
    }
}
