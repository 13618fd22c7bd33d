//! Reads the state of a working tree with read-only `git` commands.
//!
//! The repository is not trusted, because its configuration can name programs to run. Everything that
//! `status` could start is therefore disabled (file monitor, hooks, content filters, submodules, fetching of
//! missing objects, nested bare repositories), and the environment is built from scratch. The whole query has
//! a deadline, after which the child is killed and the answer is "unknown".

use crate::env::Environment;
use crate::redact::clean_line;
use crate::text;
use std::ffi::OsString;
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Deadline for the whole query.
const DEADLINE: Duration = Duration::from_secs(if cfg!(test) { 60 } else { 2 });
/// Maximum number of dirty files that are listed.
pub const MOST_FILES: usize = 30;
/// Maximum output that is read, in bytes. Files beyond it are not counted.
const MOST_OUTPUT: u64 = 8 * 1024 * 1024;
/// Interval between two checks of a child that has closed its output but not exited.
const POLL_INTERVAL: Duration = Duration::from_millis(2);
/// Size limit of the `.git` file of a linked worktree, in bytes.
const LARGEST_LINK: u64 = 8 * 1024;
/// Variables passed through from the user, because git or a wrapper around it needs them.
const KEPT_VARIABLES: &[&str] = &[
    "HOME",
    "XDG_CONFIG_HOME",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "DEVELOPER_DIR",
    "USERPROFILE",
    "SystemRoot",
    "TEMP",
    "TMP",
];

/// Result of querying the repository of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GitReading {
    Known(GitState),
    /// The directory is not in a repository.
    NoRepository,
    /// No answer, with the reason: git is missing, too slow, or refused.
    Unknown(String),
}

/// Maximum number of commits that are listed.
const MOST_COMMITS: usize = 20;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GitState {
    /// Branch name; `None` when detached.
    pub branch: Option<String>,
    /// First ten digits of the commit id; `None` before the first commit.
    pub commit: Option<String>,
    pub detached: bool,
    pub upstream: Option<String>,
    /// Commits that the upstream does not have.
    pub ahead: Option<u64>,
    /// Commits that only the upstream has.
    pub behind: Option<u64>,
    /// Changed and untracked files, at most [`MOST_FILES`].
    pub dirty: Vec<DirtyFile>,
    /// Number of changed and untracked files in total.
    pub dirty_total: usize,
    /// Whether there are more than `dirty_total` files, because the output was truncated.
    pub dirty_more: bool,
    /// Number of stash entries; also 0 with git before 2.35, which does not report them.
    pub stashes: u64,
    /// Name of this linked worktree; `None` in the main worktree.
    pub worktree: Option<String>,
    /// Unfinished operation: `merge`, `rebase`, `cherry-pick`, `revert` or `bisect`.
    pub operation: Option<&'static str>,
}

/// A file that differs from the last commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirtyFile {
    /// Two letters as in `git status --short`: index, then working tree. `??` is untracked,
    /// `!!` is a conflict.
    pub status: String,
    /// Path from the top of the repository, without control characters.
    pub path: String,
}

/// Reads the state of the repository that contains `project`. Returns [`GitReading::Unknown`] if git does not answer
/// in time.
#[must_use]
pub fn read(environment: &Environment, project: &Path) -> GitReading {
    read_within(environment, project, DEADLINE)
}

/// Returns the commits made in the working tree since `before` (its HEAD at that time), newest first: short
/// id and subject, sanitized for display. Empty if git does not answer or the history was rewritten.
#[must_use]
pub fn commits_since(environment: &Environment, project: &Path, before: Option<&str>) -> Vec<String> {
    let Some(before) = before.filter(|id| id.bytes().all(|byte| byte.is_ascii_hexdigit())) else {
        return Vec::new();
    };
    let range = format!("{before}..HEAD");
    let most = format!("--max-count={MOST_COMMITS}");
    let answer = Git::find(environment, project, DEADLINE)
        .and_then(|git| git.run(&[], &["log", "--format=%h %s", &most, "--no-show-signature", &range, "--"]));
    match answer {
        Ok(answer) if answer.code == Some(0) => {
            String::from_utf8_lossy(&answer.stdout).lines().map(|line| clean_line(line, 120)).collect()
        }
        _ => Vec::new(),
    }
}

/// Returns the path of the repository's `info/exclude` file, whether or not that file exists; `None` outside
/// a repository or if git does not answer. `project` is a canonical path.
#[must_use]
pub fn exclude_file(environment: &Environment, project: &Path) -> Option<PathBuf> {
    let git = Git::find(environment, project, DEADLINE).ok()?;
    let answer = git.run(&[], &["rev-parse", "--git-path", "info/exclude"]).ok()?;
    let line = answer.stdout.strip_suffix(b"\n").unwrap_or(&answer.stdout);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if answer.code != Some(0) || line.is_empty() {
        return None;
    }
    // From a subdirectory the answer begins with `..`. Two projects of a repository must get the same path.
    let mut file = project.to_path_buf();
    for part in path_of(line)?.components() {
        match part {
            Component::ParentDir => {
                file.pop();
            }
            part => file.push(part),
        }
    }
    Some(file)
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "on other systems the bytes may not be a path")]
fn path_of(bytes: &[u8]) -> Option<PathBuf> {
    Some(PathBuf::from(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes)))
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> Option<PathBuf> {
    std::str::from_utf8(bytes).ok().map(PathBuf::from)
}

fn read_within(environment: &Environment, project: &Path, limit: Duration) -> GitReading {
    let answer = Git::find(environment, project, limit).and_then(|git| {
        let filters = git.filters()?;
        git.run(
            &filters,
            &[
                "status",
                "--porcelain=v2",
                "--branch",
                "-z",
                "--untracked-files=normal",
                "--ignore-submodules=all",
                "--no-renames",
                "--show-stash",
            ],
        )
    });
    match answer {
        Err(reason) => GitReading::Unknown(reason),
        Ok(answer) if answer.code == Some(0) => {
            let mut state = parse_status(&answer.stdout, answer.more);
            if let Some(directory) = GitDirectory::of(project) {
                state.operation = directory.operation();
                state.worktree = directory.worktree;
            }
            GitReading::Known(state)
        }
        Ok(answer) => {
            let said = clean_line(&String::from_utf8_lossy(&answer.stderr), 200);
            if said.contains("not a git repository") {
                GitReading::NoRepository
            } else {
                GitReading::Unknown(format!("git status failed: {said}"))
            }
        }
    }
}

/// The git directory of a working tree, located without running git.
struct GitDirectory {
    path: PathBuf,
    worktree: Option<String>,
}

impl GitDirectory {
    /// Finds the git directory of the working tree that contains `project`.
    fn of(project: &Path) -> Option<Self> {
        let project = project.canonicalize().ok()?;
        let (top, meta) = project.ancestors().find_map(|dir| {
            let entry = dir.join(".git");
            let meta = std::fs::symlink_metadata(&entry).ok()?;
            Some((entry, meta))
        })?;
        if meta.is_dir() {
            return Some(Self { path: top, worktree: None });
        }
        let bytes = crate::fs::read_small(&top, LARGEST_LINK).ok()??;
        let line = bytes.strip_prefix(b"gitdir: ")?;
        let path = top.parent()?.join(path_of(line.trim_ascii_end())?);
        // A submodule has a `.git` file, too.
        let linked = path.parent()?.file_name().is_some_and(|name| name == "worktrees");
        let name = path.file_name()?.to_string_lossy();
        let worktree = linked.then(|| clean_line(&name, 100));
        Some(Self { path, worktree })
    }

    fn operation(&self) -> Option<&'static str> {
        const SIGNS: &[(&str, &str)] = &[
            ("rebase-merge", "rebase"),
            ("rebase-apply", "rebase"),
            ("MERGE_HEAD", "merge"),
            ("CHERRY_PICK_HEAD", "cherry-pick"),
            ("REVERT_HEAD", "revert"),
            ("BISECT_LOG", "bisect"),
        ];
        let begun = |name: &str| std::fs::symlink_metadata(self.path.join(name)).is_ok();
        SIGNS.iter().find(|(sign, _)| begun(sign)).map(|(_, operation)| *operation)
    }
}

/// The git program with its working directory, environment and deadline.
struct Git<'a> {
    program: PathBuf,
    project: &'a Path,
    environment: &'a Environment,
    path: OsString,
    until: Instant,
}

struct GitOutput {
    code: Option<i32>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    /// Whether the output was truncated.
    more: bool,
}

impl<'a> Git<'a> {
    fn find(environment: &'a Environment, project: &'a Path, limit: Duration) -> Result<Self, String> {
        let until = Instant::now() + limit;
        let Ok(inside) = project.canonicalize() else {
            return Err("the project directory does not exist".to_owned());
        };
        // A program inside the project belongs to the project, whatever its name, and is not run.
        let outside = |path: &Path| path.canonicalize().is_ok_and(|real| !real.starts_with(&inside));
        let dirs: Vec<PathBuf> = environment.search_path().into_iter().filter(|dir| outside(dir)).collect();
        let path = std::env::join_paths(&dirs).map_err(|_| "PATH cannot be used".to_owned())?;
        let program = which::which_in_all("git", Some(&path), project)
            .ok()
            .and_then(|mut found| found.find(|program| program.is_absolute() && outside(program)))
            .ok_or_else(|| "git was not found on PATH outside the project".to_owned())?;
        Ok(Self { program, project, environment, path, until })
    }

    /// Returns settings that disable every content filter. `status` runs a filter on a file whose time
    /// differs from the index, and the repository may define a filter.
    fn filters(&self) -> Result<Vec<String>, String> {
        let keys = [
            "config",
            "--null",
            "--name-only",
            "--get-regexp",
            r"^filter\..*\.(clean|smudge|process|required)$",
        ];
        let answer = self.run(&[], &keys)?;
        match answer.code {
            Some(0) if !answer.more => {}
            Some(1) => return Ok(Vec::new()),
            _ => {
                let said = clean_line(&String::from_utf8_lossy(&answer.stderr), 200);
                return Err(format!("git config could not be read: {said}"));
            }
        }
        let mut off = Vec::new();
        for key in answer.stdout.split(|byte| *byte == 0).filter(|key| !key.is_empty()) {
            match std::str::from_utf8(key) {
                // `-c` splits at the first equals sign, so a filter with one in its name could
                // not be switched off.
                Ok(key) if !key.contains('=') => {
                    let value = if key.ends_with(".required") { "false" } else { "" };
                    off.push(format!("{key}={value}"));
                }
                _ => return Err("a content filter has a name that cannot be switched off".to_owned()),
            }
        }
        off.sort();
        off.dedup();
        Ok(off)
    }

    fn run(&self, settings: &[String], arguments: &[&str]) -> Result<GitOutput, String> {
        let mut command = Command::new(&self.program);
        command.arg("--no-pager").arg("--no-optional-locks");
        for setting in [
            "core.fsmonitor=false",
            "core.untrackedCache=false",
            if cfg!(windows) { "core.hooksPath=NUL" } else { "core.hooksPath=/dev/null" },
            "safe.bareRepository=explicit",
            "core.quotePath=false",
            "color.ui=false",
            "status.relativePaths=false",
        ] {
            command.arg("-c").arg(setting);
        }
        for setting in settings {
            command.arg("-c").arg(setting);
        }
        command.args(arguments).current_dir(self.project).env_clear();
        for name in KEPT_VARIABLES {
            if let Some(value) = self.environment.var(name) {
                command.env(name, value);
            }
        }
        command
            .env("PATH", &self.path)
            .env("LC_ALL", "C")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_ALLOW_PROTOCOL", "none")
            .env("GIT_PAGER", "")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(|error| format!("git could not be started: {error}"))?;
        let answer = self.collect(&mut child);
        if answer.is_err() {
            end(&mut child);
        }
        answer
    }

    fn collect(&self, child: &mut Child) -> Result<GitOutput, String> {
        let stdout = child.stdout.take().map(|pipe| reader(pipe, MOST_OUTPUT));
        let stderr = child.stderr.take().map(|pipe| reader(pipe, 4096));
        let (Some(stdout), Some(stderr)) = (stdout, stderr) else {
            return Err("git has no output".to_owned());
        };
        let late = || format!("git did not answer within {} s", DEADLINE.as_secs());
        let (stdout, more) = self.within(&stdout).ok_or_else(late)?;
        let (stderr, _) = self.within(&stderr).ok_or_else(late)?;
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return Ok(GitOutput { code: status.code(), stdout, stderr, more }),
                Ok(None) if Instant::now() < self.until => std::thread::sleep(POLL_INTERVAL),
                Ok(None) => return Err(late()),
                Err(error) => return Err(format!("git could not be waited for: {error}")),
            }
        }
    }

    fn within<T>(&self, receiver: &Receiver<T>) -> Option<T> {
        receiver.recv_timeout(self.until.saturating_duration_since(Instant::now())).ok()
    }
}

/// Reads the pipe to its end in a separate thread. Retains at most `limit` bytes and reports
/// whether there were more.
fn reader(mut pipe: impl Read + Send + 'static, limit: u64) -> Receiver<(Vec<u8>, bool)> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.by_ref().take(limit).read_to_end(&mut bytes);
        // Drains the rest, so that the child does not block on a full pipe.
        let more = std::io::copy(&mut pipe, &mut std::io::sink()).is_ok_and(|count| count > 0);
        let _ = sender.send((bytes, more));
    });
    receiver
}

/// Kills the child and its process group, and reaps it.
fn end(child: &mut Child) {
    // The child leads its own process group, and the id cannot be reused before the child is reaped.
    #[cfg(unix)]
    if let Ok(raw) = i32::try_from(child.id())
        && let Some(group) = rustix::process::Pid::from_raw(raw)
        && matches!(child.try_wait(), Ok(None))
    {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// Parses the output of `git status --porcelain=v2 --branch -z`.
fn parse_status(output: &[u8], more: bool) -> GitState {
    let mut state = GitState { dirty_more: more, ..GitState::default() };
    let output = String::from_utf8_lossy(output);
    let mut entries = output.split('\0').filter(|entry| !entry.is_empty());
    while let Some(entry) = entries.next() {
        let (kind, rest) = entry.split_once(' ').unwrap_or((entry, ""));
        let file = match kind {
            "#" => {
                read_header(&mut state, rest);
                continue;
            }
            // Fields before the path: XY sub mH mI mW hH hI; renames add a score and an entry with the old path.
            "1" => path_after(rest, 7).map(|path| (status_of(rest), path)),
            "2" => {
                entries.next();
                path_after(rest, 8).map(|path| (status_of(rest), path))
            }
            "u" => path_after(rest, 9).map(|path| ("!!".to_owned(), path)),
            "?" => Some(("??".to_owned(), rest)),
            _ => None,
        };
        if let Some((status, path)) = file {
            state.dirty_total += 1;
            if state.dirty.len() < MOST_FILES {
                state.dirty.push(DirtyFile { status, path: clean_line(path, 300) });
            }
        }
    }
    state
}

fn read_header(state: &mut GitState, header: &str) {
    let (name, value) = header.split_once(' ').unwrap_or((header, ""));
    match name {
        "branch.oid" if value != "(initial)" => state.commit = Some(value.chars().take(10).collect()),
        "branch.head" if value == "(detached)" => state.detached = true,
        "branch.head" => state.branch = Some(clean_line(value, 200)),
        "stash" => state.stashes = value.parse().unwrap_or(0),
        "branch.upstream" => state.upstream = Some(clean_line(value, 200)),
        "branch.ab" => {
            let mut counts = value.split(' ');
            let mut count = |sign| counts.next().and_then(|text| text.strip_prefix(sign)?.parse().ok());
            state.ahead = count('+');
            state.behind = count('-');
        }
        _ => {}
    }
}

fn status_of(rest: &str) -> String {
    text::head(rest, 2).to_owned()
}

fn path_after(rest: &str, fields: usize) -> Option<&str> {
    rest.splitn(fields + 1, ' ').nth(fields)
}

#[cfg(all(test, unix))]
#[expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]
mod tests {
    use super::*;
    use crate::fs::scripts::write_script;

    fn environment(path: &[&Path], home: &Path) -> Environment {
        let path = std::env::join_paths(path).unwrap();
        Environment::from_pairs([("PATH", path), ("HOME", home.as_os_str().to_owned())], home)
    }

    /// Returns an environment with the machine's git on its `PATH`.
    fn real(home: &Path) -> Environment {
        let path = std::env::var_os("PATH").unwrap();
        Environment::from_pairs([("PATH", path), ("HOME", home.as_os_str().to_owned())], home)
    }

    struct Repository {
        home: tempfile::TempDir,
        dir: PathBuf,
    }

    impl Repository {
        fn new() -> Self {
            let home = tempfile::tempdir().unwrap();
            let dir = home.path().join("project");
            std::fs::create_dir(&dir).unwrap();
            let new = Self { home, dir };
            new.git(&["init", "-q", "-b", "main"]);
            new.git(&["config", "user.email", "a@example.com"]);
            new.git(&["config", "user.name", "A"]);
            new.write("one.txt", "1\n");
            new.git(&["add", "."]);
            new.git(&["commit", "-q", "-m", "one"]);
            new
        }

        fn git(&self, arguments: &[&str]) {
            let done = Command::new("git")
                .args(arguments)
                .current_dir(&self.dir)
                .env("HOME", self.home.path())
                .env("GIT_CONFIG_NOSYSTEM", "1")
                .output()
                .unwrap();
            assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        }

        fn write(&self, name: &str, text: &str) {
            std::fs::write(self.dir.join(name), text).unwrap();
        }

        fn state(&self) -> GitState {
            match read(&real(self.home.path()), &self.dir) {
                GitReading::Known(state) => state,
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn reads_the_branch_commit_and_changed_files() {
        let repository = Repository::new();
        repository.write("one.txt", "2\n");
        repository.write("two words.txt", "");
        repository.write("three.txt", "");
        repository.git(&["add", "three.txt"]);
        let state = repository.state();
        assert_eq!(state.branch.as_deref(), Some("main"));
        assert_eq!(state.commit.as_ref().map(String::len), Some(10));
        assert!(!state.detached);
        let files: Vec<_> =
            state.dirty.iter().map(|file| (file.status.as_str(), file.path.as_str())).collect();
        assert_eq!(files, [(".M", "one.txt"), ("A.", "three.txt"), ("??", "two words.txt")]);
        assert_eq!((state.dirty_total, state.dirty_more), (3, false));
    }

    #[test]
    fn reads_a_detached_head_and_the_distance_to_the_upstream() {
        let repository = Repository::new();
        repository.git(&["branch", "base"]);
        repository.git(&["commit", "-q", "--allow-empty", "-m", "two"]);
        repository.git(&["branch", "-q", "--set-upstream-to=base"]);
        let state = repository.state();
        assert_eq!((state.upstream.as_deref(), state.ahead, state.behind), (Some("base"), Some(1), Some(0)));
        repository.git(&["checkout", "-q", "--detach"]);
        let state = repository.state();
        assert_eq!((state.branch, state.detached), (None, true));
    }

    #[test]
    fn reads_the_stash_a_linked_worktree_and_a_pending_operation() {
        let repository = Repository::new();
        let state = repository.state();
        assert_eq!((state.stashes, state.worktree, state.operation), (0, None, None));
        repository.write("one.txt", "2\n");
        repository.git(&["stash", "-q"]);
        repository.git(&["worktree", "add", "-q", "-b", "side", "../linked"]);
        repository.write("one.txt", "3\n");
        repository.git(&["commit", "-q", "-a", "-m", "three"]);
        assert_eq!(repository.state().stashes, 1);
        let linked = repository.home.path().join("linked");
        let sub = linked.join("sub");
        std::fs::create_dir(&sub).unwrap();
        std::fs::write(linked.join("one.txt"), "4\n").unwrap();
        let in_linked = |arguments: &[&str]| {
            let git = Command::new("git")
                .args(arguments)
                .current_dir(&linked)
                .env("HOME", repository.home.path())
                .env("GIT_CONFIG_NOSYSTEM", "1")
                .output();
            git.unwrap().status.success()
        };
        assert!(in_linked(&["commit", "-q", "-a", "-m", "four"]));
        assert!(!in_linked(&["merge", "-q", "main"]), "both changed the same line");
        let GitReading::Known(state) = read(&real(repository.home.path()), &sub) else { panic!() };
        assert_eq!((state.worktree.as_deref(), state.operation), (Some("linked"), Some("merge")));
        assert!(state.dirty.iter().any(|file| file.status == "!!"), "{:?}", state.dirty);
    }

    #[test]
    fn lists_thirty_dirty_files_and_counts_the_rest() {
        let repository = Repository::new();
        for index in 0..45 {
            repository.write(&format!("new{index:02}"), "");
        }
        let state = repository.state();
        assert_eq!((state.dirty.len(), state.dirty_total), (MOST_FILES, 45));
    }

    #[test]
    fn runs_no_program_from_a_hostile_git_configuration() {
        let repository = Repository::new();
        let proof = repository.home.path().join("ran");
        let trap = repository.home.path().join("trap");
        write_script(&trap, &format!("#!/bin/sh\necho \"$0 $*\" >> '{}'\ncat\n", proof.display()));
        let trap_text = trap.to_str().unwrap();
        for (key, value) in [
            ("core.fsmonitor", trap_text),
            ("core.hooksPath", repository.home.path().to_str().unwrap()),
            ("alias.status", &format!("!{trap_text}")),
            ("alias.rev-parse", &format!("!{trap_text}")),
            ("diff.external", trap_text),
            ("filter.evil.clean", trap_text),
            ("filter.evil.process", trap_text),
            ("filter.evil.required", "true"),
            ("core.pager", trap_text),
            ("core.sshCommand", trap_text),
            ("core.askPass", trap_text),
            ("core.editor", trap_text),
            ("status.submoduleSummary", "true"),
        ] {
            repository.git(&["config", key, value]);
        }
        write_script(
            &repository.home.path().join("post-index-change"),
            &std::fs::read_to_string(&trap).unwrap(),
        );
        repository.write(".gitattributes", "* filter=evil\n");
        // Same length, other modification time: git has to compare the contents, so it would run the filter.
        repository.write("one.txt", "9\n");
        let state = repository.state();
        assert!(state.dirty.iter().any(|file| file.path == "one.txt"));
        assert!(exclude_file(&real(repository.home.path()), &repository.dir).is_some());
        assert!(!proof.exists(), "{}", std::fs::read_to_string(&proof).unwrap());

        // Negative control: plain git runs what the configuration names.
        let _ = Command::new("git")
            .arg("status")
            .current_dir(&repository.dir)
            .env("HOME", repository.home.path())
            .stdin(Stdio::null())
            .output();
        assert!(proof.exists());
    }

    #[test]
    fn reading_is_unknown_without_git() {
        let home = tempfile::tempdir().unwrap();
        let empty = home.path().join("empty");
        let project = home.path().join("project");
        std::fs::create_dir(&empty).unwrap();
        std::fs::create_dir(&project).unwrap();
        let reading = read(&environment(&[&empty], home.path()), &project);
        assert!(matches!(&reading, GitReading::Unknown(why) if why.contains("not found")), "{reading:?}");
        assert_eq!(exclude_file(&environment(&[&empty], home.path()), &project), None);
    }

    #[test]
    fn a_git_program_inside_the_project_is_never_run() {
        let home = tempfile::tempdir().unwrap();
        let project = home.path().join("project");
        let proof = home.path().join("ran");
        write_script(&project.join("bin/git"), &format!("#!/bin/sh\n/bin/touch '{}'\n", proof.display()));
        let outside = home.path().join("outside");
        std::fs::create_dir(&outside).unwrap();
        std::os::unix::fs::symlink(project.join("bin/git"), outside.join("git")).unwrap();
        let path = environment(&[&project.join("bin"), &outside], home.path());
        assert!(matches!(read(&path, &project), GitReading::Unknown(_)));
        assert!(!proof.exists());
    }

    #[test]
    fn a_hanging_git_is_killed_with_its_children_and_the_reading_is_unknown() {
        let home = tempfile::tempdir().unwrap();
        let project = home.path().join("project");
        std::fs::create_dir(&project).unwrap();
        let pid = home.path().join("pid");
        let text = format!("#!/bin/sh\n/bin/sleep 60 &\necho $! > '{}'\nwait\n", pid.display());
        write_script(&home.path().join("bin/git"), &text);
        let path = environment(&[&home.path().join("bin")], home.path());
        let started = Instant::now();
        let reading = read_within(&path, &project, Duration::from_secs(2));
        assert!(
            matches!(&reading, GitReading::Unknown(why) if why.contains("did not answer")),
            "{reading:?}"
        );
        assert!(started.elapsed() < Duration::from_secs(50), "{:?}", started.elapsed());
        // The sleeping grandchild is gone, or a zombie that has not been reaped.
        let stat = format!("/proc/{}/stat", std::fs::read_to_string(&pid).unwrap().trim());
        let gone = || std::fs::read_to_string(&stat).map_or(true, |text| text.contains(") Z "));
        while !gone() && started.elapsed() < Duration::from_secs(50) {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(gone());
    }

    #[test]
    fn a_directory_outside_a_repository_is_reported_as_such() {
        let home = tempfile::tempdir().unwrap();
        let project = home.path().join("plain");
        std::fs::create_dir(&project).unwrap();
        assert_eq!(read(&real(home.path()), &project), GitReading::NoRepository);
        assert!(matches!(read(&real(home.path()), &home.path().join("missing")), GitReading::Unknown(_)));
    }

    #[test]
    fn finds_the_exclude_file_from_a_subdirectory_and_a_linked_worktree() {
        let repository = Repository::new();
        let expected = repository.dir.join(".git/info/exclude").canonicalize().unwrap();
        let sub = repository.dir.join("sub");
        std::fs::create_dir(&sub).unwrap();
        repository.git(&["worktree", "add", "-q", "../linked"]);
        for dir in [&repository.dir, &sub, &repository.home.path().join("linked")] {
            let found = exclude_file(&real(repository.home.path()), dir).unwrap();
            assert!(found.is_absolute());
            assert_eq!(found.canonicalize().unwrap(), expected);
            assert!(found.components().all(|part| part != Component::ParentDir), "{}", found.display());
        }
    }

    #[test]
    fn unusual_file_names_are_read_completely_and_sanitized() {
        let output = b"# branch.oid abcdef0123456789\0# branch.head x\0? a\nb \x1b[31mc\0\
            1 .M N... 100644 100644 100644 aaaa bbbb with  two spaces\0\
            u UU N... 1 2 3 4 h1 h2 h3 both\0! ignored\0garbage\0";
        let state = parse_status(output, false);
        let files: Vec<_> =
            state.dirty.iter().map(|file| (file.status.as_str(), file.path.as_str())).collect();
        assert_eq!(files, [("??", "a b c"), (".M", "with two spaces"), ("!!", "both")]);
        assert_eq!(state.commit.as_deref(), Some("abcdef0123"));
    }
}
