//! A fingerprint: what a project contains that decides what a Claude Code session runs there, as it was at one moment.
//!
//! A `claude -p` runs the hooks of a project without a question, also those that were put there after the session stopped
//! (measured with 2.1.329). So what was there at the stop is remembered outside the project, and a session is resumed
//! without a person only where it is still the same.

use crate::fs::read_small;
use crate::session::origin::origin;
use crate::store::flag::is_flag;
use crate::store::stored::sha256_hex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// Files that decide, from the project's directory.
const FILES: [&str; 3] = [".mcp.json", "CLAUDE.md", "CLAUDE.local.md"];
/// Directory whose files decide: settings, hooks, commands, agents, skills, our launcher, and the project's configuration.
const DIRECTORY: &str = ".claude";
/// Below it, what sessions themselves write into every project. It decides nothing.
const WRITTEN_BY_SESSIONS: [&str; 2] = ["session-state", "worktrees"];
/// The same where that directory is the client's own configuration directory: the project is a home directory. In any other
/// project a hook may run a script in a directory of one of these names.
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
/// What stands for a file that is named and not there.
const ABSENT: &str = "absent";
/// More files than these are not looked at; the fingerprint then never equals another.
const MOST_FILES: usize = 2000;
/// Larger files count by their size and their beginning.
const LARGEST: u64 = 4 * 1024 * 1024;
/// Bytes that are read in all; a hook has little time.
const MOST_BYTES: u64 = 32 * 1024 * 1024;
/// Directories below directories below `.claude`.
const DEEPEST: usize = 8;
/// Files of instructions bring in others by `@path`, and these again, so many times over.
const DEEPEST_IMPORT: usize = 5;

/// SHA-256 of each file that decides, by its path in the project. Links count by where they lead, unreadable files as such.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// By path from the project's directory, with `/`.
    pub files: BTreeMap<String, String>,
    /// There were too many to look at.
    #[serde(default)]
    pub partial: bool,
}

impl Fingerprint {
    /// What is there now. A client reads the settings of the directory it is started in, and the instructions of all
    /// directories above: so `cwd`, the directory of the session, counts with every one on the way to it. `config_dir` is the
    /// configuration directory of the client.
    #[must_use]
    pub fn of(project: &Path, cwd: Option<&Path>, config_dir: Option<&Path>) -> Self {
        let config_dir = config_dir.and_then(|dir| dir.canonicalize().ok());
        let mut walk = Walk { project, config_dir, found: Self::default(), left: MOST_BYTES };
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

    /// What is there now for a session with this transcript, whose newest directory is `cwd`.
    #[must_use]
    pub fn of_session(project: &Path, transcript: &Path, cwd: Option<&str>) -> Self {
        let (directory, _) = origin(transcript, cwd, cwd.map(str::to_owned));
        Self::of(project, directory.as_deref().map(Path::new), config_dir_of(transcript))
    }

    /// What differs from an earlier one, each with what happened to it; empty when nothing does.
    #[must_use]
    pub fn changes_since(&self, earlier: &Self) -> Vec<String> {
        if self.partial || earlier.partial {
            return vec![format!("{DIRECTORY} has too many files to be checked")];
        }
        let mut changes: Vec<String> = Vec::new();
        for (path, value) in &self.files {
            match earlier.files.get(path) {
                // Named by what is new or changed, which is told already.
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

/// The configuration directory that a transcript is in: `<directory>/projects/<project>/<session>.jsonl`.
#[must_use]
pub fn config_dir_of(transcript: &Path) -> Option<&Path> {
    transcript.ancestors().nth(3)
}

/// A look at what is there.
struct Walk<'p> {
    project: &'p Path,
    config_dir: Option<PathBuf>,
    found: Fingerprint,
    /// Bytes that may still be read.
    left: u64,
}

impl Walk<'_> {
    /// A small file's bytes; `None` when it is no file, too large, or there was too much to read already.
    fn read(&mut self, path: &Path) -> Option<Vec<u8>> {
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
        // Our own hooks put it there and take it away.
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
        // What a link leads to decides too.
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
            None if meta.is_file() => format!("unreadable, {} bytes", meta.len()),
            None => "special".to_owned(),
        };
        let link = self.found.files.remove(&key).map_or_else(String::new, |link| format!("{link} "));
        self.found.files.insert(key, link + &value);
        if let Some(bytes) = bytes.filter(|_| is_instructions(name)) {
            self.add_imports(name, &bytes, 0);
        }
    }

    /// The files that a file of instructions brings in. One that is not there counts as that, for it may come.
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
            // What is the user's own is not the project's to change.
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
                    self.found.files.insert(key, "unreadable".to_owned());
                }
            }
        }
    }
}

/// A file that decides what a session is told, and may bring in others.
fn is_instructions(name: &Path) -> bool {
    let named = name.file_name().is_some_and(|name| name == "CLAUDE.md" || name == "CLAUDE.local.md");
    named || name.parent().is_some_and(|dir| dir.components().any(|part| part.as_os_str() == "rules"))
}

/// The same path without `.` and `..` where they follow a name.
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

/// A script that can be started is another thing than one that cannot.
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
    fn what_decides_is_noticed_and_what_a_session_works_on_is_not() {
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
    fn what_the_client_writes_decides_nothing_in_its_own_directory_and_decides_in_that_of_a_project() {
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
    fn a_flag_of_ours_decides_nothing_and_anything_else_in_its_place_does() {
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
    fn what_instructions_bring_in_decides_too_and_every_directory_on_the_way_to_the_session() {
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
    fn a_link_counts_by_what_is_behind_it_and_a_pipe_never_blocks() {
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
}
