//! Lists the files of a session, for every command.
//!
//! Measured with 2.0.60 to 2.1.332: the transcript `<project>/<id>.jsonl`; in `<project>/<id>/`, subagents
//! (`subagents/agent-*.jsonl`, those of workflows in `subagents/workflows/<run>/`) and long tool results;
//! with clients of 2.0, the subagents of all sessions as `agent-*.jsonl` next to the transcripts, where only
//! their records name the session. Tools that synchronize directories add copies such as `<id> 2.jsonl`,
//! which no client opens.

use super::search::said::records;
use crate::claude::home::{ClaudeHome, is_session_id, stores};
use crate::error::Error;
use crate::fs::open_regular;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Length of a session id.
const ID: usize = 36;
/// Maximum directory depth below `subagents`. The client creates two levels.
const DEEPEST: usize = 6;
/// Number of bytes that are searched for the first record of a subagent's file.
const HEAD: u64 = 16 * 1024;

/// A directory of transcripts. One directory may have several names through symbolic links;
/// it is listed once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectDirectory {
    pub home: usize,
    /// The directory's real name if it is in a store, and otherwise the first link to it.
    pub path: PathBuf,
    /// Other names of the directory, each with the index of its configuration directory.
    pub aliases: Vec<(usize, PathBuf)>,
}

impl ProjectDirectory {
    /// Creates an entry for a directory without other names.
    #[must_use]
    pub fn at(path: &Path, home: usize) -> Self {
        Self { home, path: path.to_path_buf(), aliases: Vec::new() }
    }

    /// Iterates over all paths that lead to the directory.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(self.path.as_path()).chain(self.aliases.iter().map(|(_, path)| path.as_path()))
    }
}

/// Lists the transcript directories of all configuration directories, ordered by home and name.
#[must_use]
pub fn project_directories(homes: &[ClaudeHome], problems: &mut Vec<Error>) -> Vec<ProjectDirectory> {
    let stores = stores(homes);
    let mut found: Vec<ProjectDirectory> = Vec::new();
    let mut links = Vec::new();
    for (home, store) in homes.iter().enumerate().filter(|(home, _)| stores[*home] == *home) {
        let first = found.len();
        for entry in entries(&store.projects(), problems) {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_symlink() => links.push((home, path)),
                Ok(kind) if kind.is_file() => {}
                _ => found.push(ProjectDirectory::at(&path, home)),
            }
        }
        found[first..].sort_by(|one, other| one.path.cmp(&other.path));
    }
    if !links.is_empty() {
        add_links(homes, links, &mut found);
    }
    found
}

/// Registers each link as another name of its target, or as a separate directory if the target is not listed.
fn add_links(homes: &[ClaudeHome], mut links: Vec<(usize, PathBuf)>, found: &mut Vec<ProjectDirectory>) {
    links.sort();
    let real = |path: &Path| path.canonicalize().ok();
    let roots: Vec<Option<PathBuf>> = homes.iter().map(|home| real(&home.projects())).collect();
    let mut places: BTreeMap<PathBuf, usize> = BTreeMap::new();
    for (at, dir) in found.iter().enumerate() {
        if let (Some(root), Some(name)) = (&roots[dir.home], dir.path.file_name()) {
            places.insert(root.join(name), at);
        }
    }
    for (home, path) in links {
        let Some(target) = real(&path).filter(|target| target.is_dir()) else { continue };
        if let Some(at) = places.get(&target) {
            found[*at].aliases.push((home, path));
        } else {
            places.insert(target, found.len());
            found.push(ProjectDirectory::at(&path, home));
        }
    }
}

/// Lists the entries of a directory; a missing directory is empty.
pub fn entries(dir: &Path, problems: &mut Vec<Error>) -> impl Iterator<Item = std::fs::DirEntry> + use<> {
    let entries = std::fs::read_dir(dir);
    problems.extend(entries.as_ref().err().and_then(|error| unlisted(dir, error)));
    entries.into_iter().flatten().filter_map(std::result::Result::ok)
}

/// Returns why a directory cannot be listed; `None` if it is missing.
#[must_use]
pub fn unlisted(dir: &Path, error: &std::io::Error) -> Option<Error> {
    use std::io::ErrorKind;
    let missing = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory);
    (!missing).then(|| Error::io("read the directory", dir, error))
}

/// Returns the session id in a transcript's file stem; a conflict copy yields the id of its original.
#[must_use]
pub fn session_named(stem: &str) -> &str {
    conflict_of(stem).unwrap_or(stem)
}

/// Returns the session id of a conflict copy: the file that a synchronization tool retains after a change in
/// two places, such as `<id> 2`, `<id> (conflicted copy 2026-11-28)`,
/// `<id>.sync-conflict-20261128-080000-ABCDEFG` and `<id>-LAPTOP`.
#[must_use]
pub fn conflict_of(stem: &str) -> Option<&str> {
    let (id, rest) = stem.split_at_checked(ID)?;
    let apart = rest.starts_with(|next: char| !next.is_alphanumeric());
    (apart && is_session_id(id)).then_some(id)
}

/// Returns the directory next to a transcript that contains the rest of its session.
#[must_use]
pub fn companion_of(transcript: &Path) -> PathBuf {
    let stem = transcript.file_stem().and_then(OsStr::to_str);
    stem.map_or_else(|| transcript.with_extension(""), |stem| transcript.with_file_name(session_named(stem)))
}

/// Returns whether a file of this name is a subagent's transcript.
#[must_use]
pub fn is_subagent(name: &str) -> bool {
    name.strip_suffix(".jsonl").is_some_and(|stem| stem.starts_with("agent-"))
}

/// Lists the subagent transcripts in a session's own directory (`<project>/<id>`), at any depth, sorted.
/// Does not follow links.
#[must_use]
pub fn subagents_in(companion: &Path, problems: &mut Vec<Error>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    files_below(&companion.join("subagents"), DEEPEST, &is_subagent, problems, &mut found);
    found.sort();
    found
}

/// Lists the tool results in a session's own directory, sorted: the client stores a result that is too
/// long for the conversation in a separate file, and the conversation contains a preview and the path.
/// Does not follow links.
#[must_use]
pub fn tool_results_in(companion: &Path, problems: &mut Vec<Error>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    files_below(&companion.join("tool-results"), DEEPEST, &|_| true, problems, &mut found);
    found.sort();
    found
}

fn files_below(
    dir: &Path,
    deepest: usize,
    wanted: &dyn Fn(&str) -> bool,
    problems: &mut Vec<Error>,
    found: &mut Vec<PathBuf>,
) {
    for entry in entries(dir, problems) {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && deepest > 0 => {
                files_below(&entry.path(), deepest - 1, wanted, problems, found);
            }
            Ok(kind) if !kind.is_dir() && entry.file_name().to_str().is_some_and(wanted) => {
                found.push(entry.path());
            }
            _ => {}
        }
    }
}

/// Returns the session that the first record of a subagent's file names.
#[must_use]
pub fn session_of_subagent(path: &Path) -> Option<String> {
    let mut head = Vec::new();
    open_regular(path).ok()?.take(HEAD).read_to_end(&mut head).ok()?;
    let mut id = None;
    for line in head.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
        records(line, |spoken| id = id.take().or_else(|| spoken.session.as_deref().map(str::to_owned)));
        if id.is_some() {
            break;
        }
    }
    // The first record may be longer than the bytes read; it names its session near its beginning.
    let id = id.or_else(|| {
        let key = b"\"sessionId\":\"";
        let from = memchr::memmem::find(&head, key)? + key.len();
        Some(String::from_utf8_lossy(head.get(from..from + ID)?).into_owned())
    });
    id.filter(|id| is_session_id(id))
}

/// Other files of a transcript directory that belong to some of its sessions.
#[derive(Debug, Default)]
pub struct TranscriptSiblings {
    /// Other names of the directory, each with the index of its configuration directory.
    pub aliases: Vec<(usize, PathBuf)>,
    /// Transcripts of subagents of any of its sessions.
    pub agents: Vec<PathBuf>,
    pub conflicts: Vec<PathBuf>,
    /// `agents` grouped by session; read on first use, because each file must be opened.
    by_session: OnceLock<BTreeMap<String, Vec<PathBuf>>>,
}

impl TranscriptSiblings {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.aliases.is_empty() && self.agents.is_empty() && self.conflicts.is_empty()
    }

    /// Returns the transcripts of a session's subagents, sorted.
    #[must_use]
    pub fn agents_of(&self, session: &str) -> &[PathBuf] {
        let by_session = self.by_session.get_or_init(|| {
            let mut known: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
            let mut agents = self.agents.clone();
            agents.sort();
            for path in agents {
                if let Some(session) = session_of_subagent(&path) {
                    known.entry(session).or_default().push(path);
                }
            }
            known
        });
        by_session.get(session).map_or(&[], Vec::as_slice)
    }

    /// Returns the conflict copies of a session, sorted.
    #[must_use]
    pub fn conflicts_of(&self, session: &str) -> Vec<PathBuf> {
        let of =
            |path: &&PathBuf| path.file_stem().and_then(OsStr::to_str).and_then(conflict_of) == Some(session);
        let mut copies: Vec<PathBuf> = self.conflicts.iter().filter(of).cloned().collect();
        copies.sort();
        copies
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID_A: &str = "3f2a9c1d-0000-4000-8000-000000000001";

    #[test]
    fn a_conflict_copy_is_recognized_by_the_text_after_the_id() {
        for rest in [
            " 2",
            " (1)",
            " (conflicted copy)",
            " (Ann's conflicted copy 2026-11-28)",
            ".sync-conflict-20261128-080000-ABCDEFG",
            "-LAPTOP",
            "_conf(1)",
        ] {
            assert_eq!(conflict_of(&format!("{ID_A}{rest}")), Some(ID_A), "{rest}");
            assert_eq!(session_named(&format!("{ID_A}{rest}")), ID_A, "{rest}");
        }
        for stem in [ID_A, &format!("{ID_A}0"), "agent-a1b2c3d", "", &format!("x{ID_A} 2"), "é"] {
            assert_eq!(conflict_of(stem), None, "{stem}");
            assert_eq!(session_named(stem), stem);
        }
        let copy = format!("/p/{ID_A}.sync-conflict-20261128-080000-ABCDEFG.jsonl");
        assert_eq!(companion_of(Path::new(&copy)), Path::new("/p").join(ID_A));
    }

    #[test]
    fn only_subagent_transcripts_of_every_layout_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let companion = dir.path().join(ID_A);
        let wanted = ["agent-a.jsonl", "wf/agent-b.jsonl", "workflows/wf_1/agent-c.jsonl"];
        let others =
            ["agent-a.meta.json", "workflows/wf_1/journal.jsonl", "workflows/wf_1/agent-c.meta.json"];
        for name in wanted.iter().chain(&others) {
            let path = companion.join("subagents").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "{}\n").unwrap();
        }
        let mut problems = Vec::new();
        let found = subagents_in(&companion, &mut problems);
        assert_eq!(found, wanted.map(|name| companion.join("subagents").join(name)));
        assert!(problems.is_empty());
        assert_eq!(subagents_in(&dir.path().join("none"), &mut problems), Vec::<PathBuf>::new());
    }

    #[cfg(unix)]
    #[test]
    fn a_directory_with_several_names_is_listed_once_under_its_own_name() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        let homes = ["one", "two"].map(|name| ClaudeHome::new(dir.path().join(name)));
        for (home, name) in [(0, "-proj"), (0, "-other"), (1, "-own")] {
            std::fs::create_dir_all(homes[home].projects().join(name)).unwrap();
        }
        let shared = dir.path().join("shared");
        std::fs::create_dir(&shared).unwrap();
        symlink("-proj", homes[0].projects().join("-a-renamed")).unwrap();
        symlink(homes[0].projects().join("-proj"), homes[1].projects().join("-proj")).unwrap();
        symlink(&shared, homes[0].projects().join("-linked")).unwrap();
        symlink(&shared, homes[0].projects().join("-linked-too")).unwrap();
        symlink(dir.path().join("gone"), homes[0].projects().join("-broken")).unwrap();
        std::fs::write(homes[0].projects().join("file"), "").unwrap();
        let found = project_directories(&homes, &mut Vec::new());
        let at = |home: usize, name: &str| homes[home].projects().join(name);
        let alone = |home, name| ProjectDirectory::at(&at(home, name), home);
        assert_eq!(
            found,
            [
                alone(0, "-other"),
                ProjectDirectory {
                    aliases: vec![(0, at(0, "-a-renamed")), (1, at(1, "-proj"))],
                    ..alone(0, "-proj")
                },
                alone(1, "-own"),
                ProjectDirectory { aliases: vec![(0, at(0, "-linked-too"))], ..alone(0, "-linked") },
            ]
        );
    }

    #[test]
    fn an_agent_file_beside_the_transcripts_belongs_to_the_session_in_its_records() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let record = format!(
            "{{\"type\":\"user\",\"isSidechain\":true,\"sessionId\":\"{ID_A}\",\"message\":{{\"role\":\"user\",\"content\":\"x\"}}}}\n"
        );
        let own = write("agent-a.jsonl", &record);
        let marked = write("agent-c.jsonl", &format!("\u{feff}{record}"));
        let beside = TranscriptSiblings {
            agents: vec![marked.clone(), own.clone(), write("agent-b.jsonl", "{}\n")],
            ..TranscriptSiblings::default()
        };
        assert_eq!(beside.agents_of(ID_A), [own, marked]);
        assert!(beside.agents_of("3f2a9c1d-0000-4000-8000-000000000002").is_empty());
    }
}
