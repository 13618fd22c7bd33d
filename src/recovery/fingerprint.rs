//! A fingerprint: what a project contains that decides what a Claude Code session runs there, as it was at one moment.
//!
//! A `claude -p` runs the hooks of a project without a question, also those that were put there after the session stopped
//! (measured with 2.1.329). So what was there at the stop is remembered outside the project, and a session is resumed
//! without a person only where it is still the same.

use crate::fs::read_small;
use crate::store::stored::sha256_hex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Files that decide, from the project's directory.
const FILES: [&str; 3] = [".mcp.json", "CLAUDE.md", "CLAUDE.local.md"];
/// Directory whose files decide: settings, hooks, commands, agents, skills, our launcher, and the project's configuration.
const DIRECTORY: &str = ".claude";
/// Below it, what sessions themselves write decides nothing.
/// The rest is there when the project is a home directory, whose `.claude` is the client's own.
const WRITTEN_BY_SESSIONS: [&str; 15] = [
    "backups",
    "cache",
    "debug",
    "file-history",
    "history.jsonl",
    "jobs",
    "plans",
    "projects",
    "session-env",
    "session-state",
    "sessions",
    "shell-snapshots",
    "tasks",
    "todos",
    "worktrees",
];
/// More files than these are not looked at; the fingerprint then never equals another.
const MOST_FILES: usize = 2000;
/// Larger files count by their size and their beginning.
const LARGEST: u64 = 4 * 1024 * 1024;
/// Directories below directories below `.claude`.
const DEEPEST: usize = 8;

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
    /// What is there now.
    #[must_use]
    pub fn of(project: &Path) -> Self {
        let mut found = Self::default();
        for name in FILES {
            found.add(project, Path::new(name), 0);
        }
        found.add(project, Path::new(DIRECTORY), 0);
        found
    }

    fn add(&mut self, project: &Path, name: &Path, depth: usize) {
        let path = project.join(name);
        let Ok(meta) = std::fs::symlink_metadata(&path) else { return };
        if self.files.len() >= MOST_FILES || depth > DEEPEST {
            self.partial = true;
            return;
        }
        let key = name.to_string_lossy().replace('\\', "/");
        if meta.is_dir() {
            let mut names: Vec<_> = std::fs::read_dir(&path)
                .into_iter()
                .flatten()
                .filter_map(std::result::Result::ok)
                .map(|entry| entry.file_name())
                .filter(|name| depth > 0 || !WRITTEN_BY_SESSIONS.iter().any(|own| name.as_os_str() == *own))
                .collect();
            names.sort();
            for inner in names {
                self.add(project, &name.join(inner), depth + 1);
            }
            return;
        }
        let value = if meta.is_symlink() {
            let target = std::fs::read_link(&path).unwrap_or_default();
            // What it leads to decides too.
            let behind =
                std::fs::canonicalize(&path).ok().and_then(|real| read_small(&real, LARGEST).ok().flatten());
            format!(
                "link {} {}",
                target.display(),
                behind.map_or_else(String::new, |bytes| sha256_hex(&bytes))
            )
        } else if !meta.is_file() {
            "special".to_owned()
        } else {
            match read_small(&path, LARGEST) {
                Ok(Some(bytes)) => format!("{}{}", sha256_hex(&bytes), mode_of(&meta)),
                _ => format!("unreadable, {} bytes", meta.len()),
            }
        };
        self.files.insert(key, value);
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
                None => changes.push(format!("{path} is new")),
                Some(before) if before != value => changes.push(format!("{path} was changed")),
                Some(_) => {}
            }
        }
        changes.extend(
            earlier
                .files
                .keys()
                .filter(|path| !self.files.contains_key(*path))
                .map(|path| format!("{path} is gone")),
        );
        changes
    }
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
        let before = Fingerprint::of(project.path());
        let write = |name: &str| {
            let path = project.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "other").unwrap();
        };
        for name in ["src/main.rs", ".claude/session-state/.last-state.md", "HANDOFF.md"] {
            write(name);
            assert_eq!(
                Fingerprint::of(project.path()).changes_since(&before),
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
            let now = Fingerprint::of(project.path());
            assert_eq!(now.changes_since(&known), [format!("{name} {what}")]);
            known = now;
        }
        std::fs::remove_file(project.path().join(".mcp.json")).unwrap();
        assert_eq!(Fingerprint::of(project.path()).changes_since(&known), [".mcp.json is gone"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_counts_by_what_is_behind_it_and_a_pipe_never_blocks() {
        let project = project();
        let outside = tempfile::tempdir().unwrap();
        let target = outside.path().join("hook.sh");
        std::fs::write(&target, "one").unwrap();
        std::os::unix::fs::symlink(&target, project.path().join(".claude/hooks/linked.sh")).unwrap();
        let before = Fingerprint::of(project.path());
        std::fs::write(&target, "two").unwrap();
        let now = Fingerprint::of(project.path());
        assert_eq!(now.changes_since(&before), [".claude/hooks/linked.sh was changed"]);
    }
}
