//! Takes a fingerprint of the project files that determine what a Claude Code session runs.
//!
//! `claude -p` runs the hooks of a project without asking, even hooks added after the session stopped
//! (measured with 2.1.329). The fingerprint at the stop is therefore stored outside the project, and a
//! session is resumed unattended only if it still matches.

use crate::fs::read_small;
use crate::session::origin::origin;
use crate::store::flag::is_flag;
use crate::store::stored::sha256_hex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// Files that are part of the fingerprint, relative to the project directory.
const FILES: [&str; 3] = [".mcp.json", "CLAUDE.md", "CLAUDE.local.md"];
/// Directory whose files are part of the fingerprint: settings, hooks, commands, agents, skills, our
/// launcher, and the project's configuration.
const DIRECTORY: &str = ".claude";
/// Subdirectories that sessions write themselves in every project; not part of the fingerprint.
const WRITTEN_BY_SESSIONS: [&str; 2] = ["session-state", "worktrees"];
/// Further exclusions if the directory is the client's own configuration directory, that is, if the
/// project is a home directory. In any other project a hook may run a script from a directory with
/// one of these names.
const WRITTEN_BY_CLIENTS: [&str; 13] = [
    "backups",
    "cache",
    "debug",
    "file-history",
    "history.jsonl",
    "jobs",
    "plans",
    "projects",
    "session-env",
    "sessions",
    "shell-snapshots",
    "tasks",
    "todos",
];
/// Recorded value of a referenced file that does not exist.
const ABSENT: &str = "absent";
/// Maximum number of files. With more, the fingerprint is partial and never equals another.
const MOST_FILES: usize = 2000;
/// Size, in bytes, above which the fingerprint contains a file's size and the time of its last change instead
/// of its contents.
const LARGEST: u64 = 4 * 1024 * 1024;
/// Maximum number of bytes read in total, because a hook has little time.
const MOST_BYTES: u64 = 32 * 1024 * 1024;
/// Maximum depth of directories below `.claude`.
const DEEPEST: usize = 8;
/// Maximum depth of nested `@path` imports in instruction files.
const DEEPEST_IMPORT: usize = 5;

/// SHA-256 of each relevant file, by its path in the project. Links are recorded by their target, and
/// unreadable files as unreadable.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Values by path relative to the project directory, with `/`.
    pub files: BTreeMap<String, String>,
    /// Whether there were too many files to read all.
    #[serde(default)]
    pub partial: bool,
}

impl Fingerprint {
    /// Takes the current fingerprint. A client reads the settings of the directory in which it is
    /// started, and the instructions of all directories above it. Therefore `cwd`, the directory of the
    /// session, counts together with every directory on the way to it. `config_dir` is the configuration
    /// directory of the client.
    #[must_use]
    pub fn of(project: &Path, cwd: Option<&Path>, config_dir: Option<&Path>) -> Self {
        let config_dir = config_dir.and_then(|dir| dir.canonicalize().ok());
        let mut walk = FingerprintWalk { project, config_dir, found: Self::default(), left: MOST_BYTES };
        let mut dirs = vec![PathBuf::new()];
        match cwd.map(|cwd| (cwd, cwd.strip_prefix(project))) {
            Some((_, Ok(below))) => {
                let names = below.components().map(Component::as_os_str);
                dirs.extend(names.scan(PathBuf::new(), |dir, name| {
                    dir.push(name);
                    Some(dir.clone())
                }));
            }
            Some((cwd, Err(_))) => dirs.push(cwd.to_path_buf()),
            None => {}
        }
        for dir in dirs {
            for name in FILES {
                walk.add(&dir.join(name), 0);
            }
            walk.add(&dir.join(DIRECTORY), 0);
        }
        walk.found
    }

    /// Takes the current fingerprint for the session with this transcript, whose latest directory is `cwd`.
    #[must_use]
    pub fn of_session(project: &Path, transcript: &Path, cwd: Option<&str>) -> Self {
        let (directory, _) = origin(transcript, cwd, cwd.map(str::to_owned));
        Self::of(project, directory.as_deref().map(Path::new), config_dir_of(transcript))
    }

    /// Describes the differences from an earlier fingerprint, one per file; empty if there are none.
    #[must_use]
    pub fn changes_since(&self, earlier: &Self) -> Vec<String> {
        if self.partial || earlier.partial {
            return vec![format!("{DIRECTORY} has too many files to be checked")];
        }
        let mut changes: Vec<String> = Vec::new();
        for (path, value) in &self.files {
            match earlier.files.get(path) {
                // Referenced only by a file that is new or changed, which is reported already.
                None if value == ABSENT => {}
                None => changes.push(format!("{path} is new")),
                Some(before) if before == ABSENT && value != ABSENT => changes.push(format!("{path} is new")),
                Some(before) if before != value && value == ABSENT => changes.push(format!("{path} is gone")),
                Some(before) if before != value => changes.push(format!("{path} was changed")),
                Some(_) => {}
            }
        }
        changes.extend(
            earlier
                .files
                .iter()
                .filter(|(path, before)| *before != ABSENT && !self.files.contains_key(*path))
                .map(|(path, _)| format!("{path} is gone")),
        );
        changes
    }
}

/// Returns the configuration directory that contains a transcript:
/// `<directory>/projects/<project>/<session>.jsonl`.
#[must_use]
pub fn config_dir_of(transcript: &Path) -> Option<&Path> {
    transcript.ancestors().nth(3)
}

/// State while the files are read.
struct FingerprintWalk<'p> {
    project: &'p Path,
    config_dir: Option<PathBuf>,
    found: Fingerprint,
    /// Number of bytes that may still be read.
    left: u64,
}

impl FingerprintWalk<'_> {
    /// Reads a small file; `None` if it is not a file, is too large, or the total limit is exhausted.
    fn read(&mut self, path: &Path) -> Option<Vec<u8>> {
        // Do not read even the beginning, because many large files would take more time than a hook has.
        if std::fs::metadata(path).is_ok_and(|meta| meta.len() > LARGEST) {
            return None;
        }
        let bytes = read_small(path, LARGEST.min(self.left)).ok().flatten();
        match &bytes {
            Some(bytes) => self.left = self.left.saturating_sub(bytes.len() as u64),
            None => self.found.partial |= self.left < LARGEST,
        }
        bytes
    }

    fn add(&mut self, name: &Path, depth: usize) {
        let path = self.project.join(name);
        let Ok(meta) = std::fs::symlink_metadata(&path) else { return };
        // Our own hooks create and remove this flag file.
        if is_flag(&path, &meta) {
            return;
        }
        if self.found.files.len() >= MOST_FILES || depth > DEEPEST {
            self.found.partial = true;
            return;
        }
        let key = name.to_string_lossy().replace('\\', "/");
        let linked = meta.is_symlink();
        if linked {
            let target = std::fs::read_link(&path).unwrap_or_default();
            self.found.files.insert(key.clone(), format!("link {}", target.display()));
        }
        // The target of a link counts as well.
        let meta = if linked {
            let Ok(behind) = std::fs::metadata(&path) else { return };
            behind
        } else {
            meta
        };
        if meta.is_dir() {
            let of_client =
                depth == 0 && self.config_dir.is_some() && path.canonicalize().ok() == self.config_dir;
            let own: &[&str] = if of_client { &WRITTEN_BY_CLIENTS } else { &[] };
            let mut names: Vec<_> = std::fs::read_dir(&path)
                .into_iter()
                .flatten()
                .filter_map(std::result::Result::ok)
                .map(|entry| entry.file_name())
                .filter(|name| {
                    depth > 0 || !WRITTEN_BY_SESSIONS.iter().chain(own).any(|own| name.as_os_str() == *own)
                })
                .collect();
            names.sort();
            for inner in names {
                self.add(&name.join(inner), depth + 1);
            }
            return;
        }
        let real = if linked { std::fs::canonicalize(&path).unwrap_or(path) } else { path };
        let bytes = if meta.is_file() { self.read(&real) } else { None };
        let value = match &bytes {
            Some(bytes) => format!("{}{}", sha256_hex(bytes), mode_of(&meta)),
            None if meta.is_file() => format!("unread, {} bytes, {}", meta.len(), stamp_of(&meta)),
            None => "special".to_owned(),
        };
        let link = self.found.files.remove(&key).map_or_else(String::new, |link| format!("{link} "));
        self.found.files.insert(key, link + &value);
        if let Some(bytes) = bytes.filter(|_| is_instructions(name)) {
            self.add_imports(name, &bytes, 0);
        }
    }

    /// Adds the files that an instruction file imports. A missing file is recorded as absent, because it
    /// may be created later.
    fn add_imports(&mut self, of: &Path, text: &[u8], depth: usize) {
        if depth >= DEEPEST_IMPORT {
            return;
        }
        let text = String::from_utf8_lossy(text);
        let dir = of.parent().unwrap_or(Path::new(""));
        for word in text.split_whitespace() {
            let word = word.trim_start_matches(['(', '"', '\'', '*', '_', '`', '-']);
            let Some(named) = word.strip_prefix('@') else { continue };
            let named = named.trim_end_matches(['.', ',', ';', ':', ')', '"', '\'', '*', '_', '`', '!', '?']);
            // Files in the user's home directory do not belong to the project.
            if named.is_empty() || named.starts_with('~') {
                continue;
            }
            let name = tidy(&dir.join(named));
            let key = name.to_string_lossy().replace('\\', "/");
            if self.found.files.contains_key(&key) {
                continue;
            }
            if self.found.files.len() >= MOST_FILES {
                self.found.partial = true;
                return;
            }
            let real = self.project.join(&name);
            match self.read(&real) {
                Some(bytes) => {
                    self.found.files.insert(key, sha256_hex(&bytes));
                    self.add_imports(&name, &bytes, depth + 1);
                }
                None if std::fs::symlink_metadata(&real).is_err() => {
                    self.found.files.insert(key, ABSENT.to_owned());
                }
                None => {
                    let stamp =
                        std::fs::metadata(&real).map_or_else(|_| String::new(), |meta| stamp_of(&meta));
                    self.found.files.insert(key, format!("unread, {stamp}"));
                }
            }
        }
    }
}

/// Returns whether a file contains instructions for the model and may import others.
fn is_instructions(name: &Path) -> bool {
    let named = name.file_name().is_some_and(|name| name == "CLAUDE.md" || name == "CLAUDE.local.md");
    named || name.parent().is_some_and(|dir| dir.components().any(|part| part.as_os_str() == "rules"))
}

/// Normalizes a path: removes `.` and resolves each `..` that follows a name.
fn tidy(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir
                if tidy.components().next_back().is_some_and(|last| matches!(last, Component::Normal(_))) =>
            {
                tidy.pop();
            }
            other => tidy.push(other),
        }
    }
    tidy
}

/// Identifies the state of a file that was not read. Unlike the modification time, the kernel's time of the
/// last change cannot be set back.
#[cfg(unix)]
fn stamp_of(meta: &std::fs::Metadata) -> String {
    use std::os::unix::fs::MetadataExt;
    format!("changed at {}.{:09}, inode {}", meta.ctime(), meta.ctime_nsec(), meta.ino())
}

#[cfg(not(unix))]
fn stamp_of(meta: &std::fs::Metadata) -> String {
    let modified = meta.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    format!("changed at {modified:?}")
}

/// Records whether a file is executable, because that decides whether it can be run.
#[cfg(unix)]
fn mode_of(meta: &std::fs::Metadata) -> &'static str {
    let executable = std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o111 != 0;
    if executable { " executable" } else { "" }
}

#[cfg(not(unix))]
fn mode_of(_meta: &std::fs::Metadata) -> &'static str {
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [
            (".claude/settings.json", "{}"),
            (".claude/hooks/check.sh", "true"),
            (".claude/session-state/.last-state.md", "a"),
            (".mcp.json", "{}"),
            ("src/main.rs", "fn main() {}"),
        ] {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        dir
    }

    #[test]
    fn files_that_decide_what_runs_are_tracked_and_working_files_are_not() {
        let project = project();
        let before = Fingerprint::of(project.path(), None, None);
        let write = |name: &str| {
            let path = project.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "other").unwrap();
        };
        for name in ["src/main.rs", ".claude/session-state/.last-state.md", "HANDOFF.md"] {
            write(name);
            assert_eq!(
                Fingerprint::of(project.path(), None, None).changes_since(&before),
                Vec::<String>::new(),
                "{name}"
            );
        }
        let mut known = before;
        for (name, what) in [
            (".claude/settings.json", "was changed"),
            (".claude/settings.local.json", "is new"),
            (".claude/hooks/check.sh", "was changed"),
            (".claude/hooks/deep/other.sh", "is new"),
            (".claude/session-recover.json", "is new"),
            (".claude/agents/a.md", "is new"),
            (".mcp.json", "was changed"),
            ("CLAUDE.md", "is new"),
        ] {
            write(name);
            let now = Fingerprint::of(project.path(), None, None);
            assert_eq!(now.changes_since(&known), [format!("{name} {what}")]);
            known = now;
        }
        std::fs::remove_file(project.path().join(".mcp.json")).unwrap();
        assert_eq!(Fingerprint::of(project.path(), None, None).changes_since(&known), [".mcp.json is gone"]);
    }

    #[test]
    fn client_written_files_are_tracked_in_a_project_but_not_in_the_client_directory() {
        for name in WRITTEN_BY_CLIENTS {
            let project = project();
            let own = project.path().join(".claude");
            let of = |config_dir: Option<&Path>| Fingerprint::of(project.path(), None, config_dir);
            let (as_project, as_home) = (of(None), of(Some(&own)));
            std::fs::create_dir_all(own.join(name)).unwrap();
            std::fs::write(own.join(name).join("hook.sh"), "evil").unwrap();
            let path = format!(".claude/{name}/hook.sh is new");
            assert_eq!(of(None).changes_since(&as_project), [path], "{name}");
            assert_eq!(of(Some(&own)).changes_since(&as_home), Vec::<String>::new(), "{name}");
        }
    }

    #[test]
    fn our_flags_are_not_tracked_but_other_files_in_their_place_are() {
        let project = project();
        let before = Fingerprint::of(project.path(), None, None);
        let flags = project.path().join(".claude/cc-session-recover/unsaved");
        std::fs::create_dir_all(&flags).unwrap();
        let id = "00000001-0000-4000-8000-000000000001";
        let changes = || Fingerprint::of(project.path(), None, None).changes_since(&before);
        std::fs::write(flags.join(id), "").unwrap();
        assert_eq!(changes(), Vec::<String>::new());
        std::fs::write(flags.join(id), "x").unwrap();
        assert_eq!(changes(), [format!(".claude/cc-session-recover/unsaved/{id} is new")]);
        std::fs::write(flags.join(id), "").unwrap();
        std::fs::write(flags.join("run.sh"), "").unwrap();
        assert_eq!(changes(), [".claude/cc-session-recover/unsaved/run.sh is new"]);
    }

    #[test]
    fn imported_instructions_and_every_directory_down_to_the_session_are_tracked() {
        let project = project();
        let write = |name: &str, text: &str| {
            let path = project.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("CLAUDE.md", "See @docs/rules.md, write to me@example.com and @someone.\n- @later.md\n");
        write("docs/rules.md", "and @./deep/more.md");
        write("docs/deep/more.md", "@../rules.md");
        write("packages/one/src.rs", "");
        let cwd = project.path().join("packages/one");
        let now = || Fingerprint::of(project.path(), Some(&cwd), None);
        let mut known = now();
        for (name, what) in [
            ("docs/rules.md", "was changed"),
            ("later.md", "is new"),
            ("packages/one/.claude/settings.json", "is new"),
            ("packages/CLAUDE.md", "is new"),
            ("packages/one/.mcp.json", "is new"),
        ] {
            write(name, "other @deep/more.md");
            assert_eq!(now().changes_since(&known), [format!("{name} {what}")]);
            known = now();
        }
        write("docs/deep/more.md", "changed");
        assert_eq!(now().changes_since(&known), ["docs/deep/more.md was changed"]);
        write("packages/two/.mcp.json", "{}");
        write("docs/deep/more.md", "@../rules.md");
        assert_eq!(now().changes_since(&known), Vec::<String>::new(), "not on the way");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_tracked_by_its_target_and_a_link_loop_ends() {
        let project = project();
        let outside = tempfile::tempdir().unwrap();
        let target = outside.path().join("hook.sh");
        std::fs::write(&target, "one").unwrap();
        std::os::unix::fs::symlink(&target, project.path().join(".claude/hooks/linked.sh")).unwrap();
        let before = Fingerprint::of(project.path(), None, None);
        std::fs::write(&target, "two").unwrap();
        let now = Fingerprint::of(project.path(), None, None);
        assert_eq!(now.changes_since(&before), [".claude/hooks/linked.sh was changed"]);
        std::fs::create_dir(outside.path().join("skills")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("skills"), project.path().join(".claude/skills"))
            .unwrap();
        std::os::unix::fs::symlink(project.path(), outside.path().join("skills/loop")).unwrap();
        let before = Fingerprint::of(project.path(), None, None);
        std::fs::remove_file(outside.path().join("skills/loop")).unwrap();
        let without = Fingerprint::of(project.path(), None, None);
        std::fs::write(outside.path().join("skills/planted.md"), "x").unwrap();
        let now = Fingerprint::of(project.path(), None, None);
        assert_eq!(now.changes_since(&without), [".claude/skills/planted.md is new"]);
        assert!(!now.changes_since(&before).is_empty(), "a loop ends, and equals nothing");
    }

    /// Identifies the contents of a hook's script, which may have any size and may be replaced by a script of
    /// the same length.
    #[cfg(unix)]
    #[test]
    fn a_large_file_that_was_rewritten_at_its_length_is_a_change() {
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join(".claude/hooks/big.sh");
        std::fs::create_dir_all(script.parent().unwrap()).unwrap();
        let large = usize::try_from(LARGEST).unwrap() + 1;
        std::fs::write(&script, vec![b'#'; large]).unwrap();
        let modified = std::fs::metadata(&script).unwrap().modified().unwrap();
        let before = Fingerprint::of(dir.path(), None, None);
        assert_eq!(Fingerprint::of(dir.path(), None, None).changes_since(&before), [""; 0]);
        std::thread::sleep(std::time::Duration::from_millis(20));
        std::fs::write(&script, vec![b'x'; large]).unwrap();
        std::fs::File::options().write(true).open(&script).unwrap().set_modified(modified).unwrap();
        let changes = Fingerprint::of(dir.path(), None, None).changes_since(&before);
        assert_eq!(changes, [".claude/hooks/big.sh was changed"]);
    }
}
