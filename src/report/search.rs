//! Finds text in all transcripts of all projects, in every configuration directory.

use super::gone::TypedLine;
use crate::abort::AbortFlag;
use crate::claude::home::{ClaudeHome, all_homes, encode_project_path, is_session_id};
use crate::clock::{from_epoch_millis, since};
use crate::config::in_force;
use crate::env::Environment;
use crate::error::{Error, IoContext, Result};
use crate::fs::{Directory, PRIVATE, canonical, not_a_directory};
use crate::keep::{
    KeptAs, KeptFile, KeptSession, LossKind, UnpackDirectory, kept_of, kept_register, loss_of,
};
use crate::problem::Problem;
use crate::session::belongings::SessionFileKind;
use crate::session::files::{
    ProjectDirectory, entries, is_subagent, project_directories, session_of_subagent, subagents_in,
    tool_results_in,
};
use crate::session::search::pattern::Pattern;
use crate::session::search::said::SearchRole;
use crate::session::search::scan::{Findings, Query, SessionFiles, scan};
use crate::session::search::sieve::Buffer;
use crate::session::search::snippet::{Span, snippet};
use crate::session::stop::{time, time_or_null};
use crate::store::StateDir;
use crate::store::replace::replace_unsynced;
use crate::threads::side_by_side;
use crate::world::World;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Schema name and version of this object.
const SCHEMA: &str = "cc-session-recover/search@1";
/// Default number of returned hits.
const LIMIT: usize = 100;
/// Minimum and maximum number of reading threads.
const THREADS: std::ops::RangeInclusive<usize> = 2..=4;
/// Maximum number of project directories that are kept open. Files in them are opened by name instead
/// of by full path.
const MOST_OPEN: usize = 64;

/// Options of `search`: the text, and where to search for it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct SearchOptions {
    /// Literal text, or a regular expression with `regex`.
    pub text: String,
    pub regex: bool,
    pub ignore_case: bool,
    /// Roles to search; all if absent or empty.
    pub roles: Option<Vec<SearchRole>>,
    /// Same form as in `ListOptions`.
    pub since: Option<String>,
    /// Directory of the project; every project if absent.
    pub project: Option<PathBuf>,
    /// Maximum number of hits that are returned; all are counted. Default: 100; 0 for no limit.
    pub limit: Option<usize>,
    /// Whether to search tool results that the client stored in separate files, too.
    pub tool_results: bool,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SearchHit {
    /// Id of the session, a UUID.
    pub id: String,
    /// Path of the transcript.
    pub transcript: PathBuf,
    /// Line of the transcript, from 1.
    pub line: u64,
    /// Author of the message that matches.
    pub role: SearchRole,
    /// Number of the prompt to which the message belongs, from 1; 0 before the first prompt.
    pub turn: usize,
    /// Time of the record.
    #[serde(serialize_with = "time_or_null")]
    pub at: Option<DateTime<Utc>>,
    /// One line around the match, without control characters.
    pub snippet: String,
    /// Position of the match in `snippet`, in UTF-16 code units.
    #[serde(rename = "match")]
    pub span: Span,
    /// Whether the match is in a subagent's transcript.
    pub subagent: bool,
    /// Whether the session's transcript is gone, so that the match is in its kept copy or in the client's
    /// prompt history.
    pub gone: bool,
    /// Name of the session.
    pub name: Option<String>,
    /// Title of the session.
    pub title: Option<String>,
    /// Directory of its project.
    pub project: Option<String>,
}

/// Amount of files that were searched or skipped.
#[derive(Debug, Clone, Copy, Default, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "SearchedAmount"))]
pub struct Searched {
    /// Number of these files.
    pub files: usize,
    /// Their total size, in bytes.
    pub bytes: u64,
}

/// Result of `search`, schema `cc-session-recover/search@1`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SearchReport {
    /// Schema name and version of this object.
    #[cfg_attr(test, ts(type = "'cc-session-recover/search@1'"))]
    pub schema: &'static str,
    /// Time when this result was generated, RFC 3339.
    #[serde(serialize_with = "time")]
    pub generated_at: DateTime<Utc>,
    /// Hits sorted by time, latest first.
    pub hits: Vec<SearchHit>,
    /// Number of hits found, including those beyond `limit`.
    pub total: usize,
    /// Number of sessions with a hit.
    pub sessions: usize,
    /// Number and bytes of the files that were searched.
    pub searched: Searched,
    /// Number and bytes of separately stored tool results that were not searched.
    pub skipped_results: Searched,
    /// Files that could not be read, and why.
    pub problems: Vec<Problem>,
}

/// Searches all transcripts. Modifies nothing.
///
/// # Errors
///
/// Returns [`crate::error::Code::Usage`] for an empty text, an invalid regular expression or an invalid time,
/// [`crate::error::Code::ProjectNotFound`].
pub fn search(world: World<'_>, options: &SearchOptions) -> Result<SearchReport> {
    let World { env, clock, abort, .. } = world;
    let limit = options.limit.unwrap_or(LIMIT);
    let now = clock.now();
    let query = Query {
        pattern: Pattern::new(&options.text, options.regex, options.ignore_case)?,
        roles: options.roles.clone().unwrap_or_default(),
        since: options.since.as_deref().map(|text| since(text, now)).transpose()?,
        kept: if limit == 0 { usize::MAX } else { limit },
    };
    let in_force = in_force(env, None);
    let mut problems: Vec<Problem> = in_force.problem.into_iter().map(Problem::from).collect();
    let mut places = Vec::new();
    let further: Vec<PathBuf> = in_force.config.config_dirs.iter().map(PathBuf::from).collect();
    let homes = all_homes(env, &further);
    let mut unread = Vec::new();
    places.extend(places_in(&project_directories(&homes, &mut unread), &mut unread));
    // A stored result has the role of a tool.
    let results_asked = query.roles.is_empty() || query.roles.contains(&SearchRole::Tool);
    let unpacked = results_asked && options.tool_results;
    let kept = env
        .state_dir()
        .ok()
        .map(|dir| KeptPlaces::of(StateDir::new(dir), &places, &query, unpacked, abort, &mut unread));
    places.extend(kept.iter().flat_map(KeptPlaces::places));
    problems.extend(unread.into_iter().map(Problem::from));
    let project =
        options.project.as_deref().map(|dir| SearchedProject::new(env, dir, &places)).transpose()?;
    let mut skipped_results = Searched::default();
    if !(results_asked && options.tool_results) {
        for place in &mut places {
            let (files, bytes) = std::mem::take(&mut place.results);
            let asked = results_asked && project.as_ref().is_none_or(|one| place.is_in(&one.encoded));
            if asked {
                skipped_results.files += files.len();
                skipped_results.bytes += bytes;
            }
        }
    }
    for place in &mut places {
        let (files, bytes) = std::mem::take(&mut place.results);
        place.files.tool_results = files;
        place.bytes += bytes;
    }
    // Largest first, so that no thread is left alone with it at the end.
    places.sort_by(|one, other| (Reverse(one.bytes), &one.files).cmp(&(Reverse(other.bytes), &other.files)));
    abort.check()?;
    let mut found = read_all(&query, project.as_ref(), &places, abort);
    // An aborted search returns no partial result.
    abort.check()?;
    problems.append(&mut found.problems);
    found.sort();
    let is_gone = |files: &SessionFiles| {
        let mut paths = files.transcript.iter().chain(&files.subagents).chain(&files.tool_results);
        paths.next().is_some_and(|path| kept.as_ref().is_some_and(|kept| kept.holds(path)))
    };
    let mut hits: Vec<SearchHit> = found
        .kept
        .into_iter()
        .flat_map(|(_, files, findings)| hits_of(files, findings, is_gone(files)))
        .map(|hit| kept.as_ref().map_or_else(|| hit.clone(), |kept| kept.named(hit.clone())))
        .take(query.kept)
        .collect();
    let typed = typed_hits(&query, project.as_ref(), &homes, &places);
    found.total += typed.len();
    found.sessions += typed.iter().map(|hit| hit.id.as_str()).collect::<BTreeSet<_>>().len();
    hits.extend(typed);
    hits.truncate(query.kept);
    Ok(SearchReport {
        schema: SCHEMA,
        generated_at: now,
        hits,
        total: found.total,
        sessions: found.sessions,
        searched: found.searched,
        skipped_results,
        problems,
    })
}

/// Kept files of sessions without a transcript, including subagents and tool results, in searchable
/// form. Compressed files that may contain the text are unpacked into the state directory until
/// this value is dropped.
struct KeptPlaces {
    state: StateDir,
    /// Directory of the unpacked files.
    dir: UnpackDirectory,
    files: Vec<KeptPlace>,
    /// Maps unpacked files to kept files.
    names: BTreeMap<PathBuf, PathBuf>,
}

/// Retains only the earlier generations of the transcript.
fn keep_earlier_transcripts(kept: &mut KeptSession) {
    let newest = kept.transcripts().last().map(|file| file.generation);
    let session = kept.session.clone();
    kept.files.retain(|file| {
        file.part(&session) == Some(SessionFileKind::Transcript)
            && newest.is_some_and(|newest| file.generation < newest)
    });
}

/// Kept files of one session, or only its earlier transcript generations.
struct KeptPlace {
    files: SessionFiles,
    cwd: Option<String>,
    bytes: u64,
    /// Tool results in separate files, and their total size in bytes.
    results: (Vec<PathBuf>, u64),
}

impl KeptPlaces {
    /// Collects the kept files. With `results`, also unpacks tool results in separate files, because they are
    /// searched.
    fn of(
        state: StateDir,
        present: &[SearchedFiles],
        query: &Query,
        results: bool,
        abort: &AbortFlag,
        problems: &mut Vec<Error>,
    ) -> Self {
        let present: BTreeSet<&str> = present
            .iter()
            .filter(|place| place.files.transcript.is_some())
            .map(|place| place.files.id.as_str())
            .collect();
        let dir = UnpackDirectory::new(&state);
        let mut places = Self { dir, state, files: Vec::new(), names: BTreeMap::new() };
        for entry in kept_register(&places.state, problems) {
            if abort.is_set() {
                break;
            }
            let is_present = present.contains(entry.session.as_str());
            if is_present && !(entry.generations > 1 && entry.may_have_lost()) {
                continue;
            }
            let mut kept = match kept_of(&places.state, &entry.session) {
                Ok(Some(kept)) => kept,
                Ok(None) => continue,
                Err(error) => {
                    problems.push(error);
                    continue;
                }
            };
            if is_present {
                if loss_of(&kept.transcript, None) != Some(LossKind::Headless) {
                    continue;
                }
                // The part that the transcript lost is in its earlier generations.
                keep_earlier_transcripts(&mut kept);
            }
            places.add(&kept, query, results, problems);
        }
        places
    }

    fn add(&mut self, kept: &KeptSession, query: &Query, results: bool, problems: &mut Vec<Error>) {
        let place = |transcript| KeptPlace {
            files: SessionFiles {
                id: kept.session.clone(),
                transcript,
                subagents: Vec::new(),
                tool_results: Vec::new(),
            },
            cwd: kept.cwd.clone(),
            bytes: 0,
            results: (Vec::new(), 0),
        };
        let mut newest = place(None);
        for file in &kept.files {
            let part = file.part(&kept.session);
            let companion = part == Some(SessionFileKind::Companion) && kept.newest(&file.path) == Some(file);
            let is_agent = Path::new(&file.path).file_name().and_then(OsStr::to_str).is_some_and(is_subagent);
            let is_result = file.path.starts_with(&format!("{}/tool-results/", kept.session));
            // A file that Claude Code still has beside the transcript is found there.
            let wanted = part == Some(SessionFileKind::Transcript)
                || companion && (is_agent || is_result) && !file.is_with_client(&self.state, kept);
            if !wanted {
                continue;
            }
            if is_result && !results {
                newest.results.0.push(file.place(&self.state, &kept.session));
                newest.results.1 += file.bytes;
                continue;
            }
            let path = match self.searchable(kept, file, query) {
                Ok(Some(path)) => path,
                Ok(None) => continue,
                Err(error) => {
                    problems.push(error);
                    continue;
                }
            };
            if is_result {
                newest.results.0.push(path);
                newest.results.1 += file.bytes;
            } else if companion {
                newest.files.subagents.push(path);
                newest.bytes += file.bytes;
            } else {
                // Generations arrive in order; companion files belong to the newest one.
                newest.bytes += file.bytes;
                if let Some(older) = newest.files.transcript.replace(path) {
                    let bytes = std::mem::take(&mut newest.bytes) - file.bytes;
                    newest.bytes = file.bytes;
                    self.files.push(KeptPlace { bytes, ..place(Some(older)) });
                }
            }
        }
        let found = newest.files.transcript.is_some() || !newest.files.subagents.is_empty();
        if found || !newest.results.0.is_empty() {
            self.files.push(newest);
        }
    }

    /// Returns a file with the bytes of a kept file, if they may contain the text.
    fn searchable(&mut self, kept: &KeptSession, file: &KeptFile, query: &Query) -> Result<Option<PathBuf>> {
        let place = file.place(&self.state, &kept.session);
        if file.kept_as == KeptAs::Link {
            return Ok(Some(place));
        }
        let mut bytes = Vec::new();
        file.open(&self.state, &kept.session)?.read_to_end(&mut bytes).doing("read", &place)?;
        if query.pattern.sieve().is_some_and(|sieve| !sieve.passes(&bytes)) {
            return Ok(None);
        }
        let path = self
            .dir
            .path()
            .join(self.names.len().to_string())
            .join(file.path.rsplit('/').next().unwrap_or_default());
        replace_unsynced(&path, &bytes, PRIVATE)?;
        self.names.insert(path.clone(), place);
        Ok(Some(path))
    }

    fn places(&self) -> impl Iterator<Item = SearchedFiles> {
        self.files.iter().map(|KeptPlace { files, cwd, bytes, results }| {
            let name = encode_project_path(cwd.as_deref().unwrap_or_default());
            let project = Arc::new(ProjectDirectory::at(Path::new(&name), 0));
            SearchedFiles {
                files: files.clone(),
                project,
                dir: None,
                bytes: *bytes,
                results: results.clone(),
            }
        })
    }

    fn holds(&self, path: &Path) -> bool {
        path.starts_with(self.state.all_kept())
    }

    /// Replaces the path of an unpacked file with that of the kept file, which exists after the search.
    fn named(&self, hit: SearchHit) -> SearchHit {
        match self.names.get(&hit.transcript) {
            Some(place) => SearchHit { transcript: place.clone(), ..hit },
            None => hit,
        }
    }
}

/// Returns matching prompts typed into sessions of which nothing else remains, latest first.
fn typed_hits(
    query: &Query,
    project: Option<&SearchedProject>,
    homes: &[ClaudeHome],
    places: &[SearchedFiles],
) -> Vec<SearchHit> {
    if !query.roles.is_empty() && !query.roles.contains(&SearchRole::User) {
        return Vec::new();
    }
    let known: BTreeSet<&str> = places
        .iter()
        .filter(|place| place.files.transcript.is_some())
        .map(|place| place.files.id.as_str())
        .collect();
    let mut hits = Vec::new();
    for home in homes {
        let path = home.dir().join("history.jsonl");
        let Ok(history) = std::fs::read(&path) else { continue };
        let mut turns: BTreeMap<String, usize> = BTreeMap::new();
        for (at, line) in history.split(|byte| *byte == b'\n').enumerate() {
            let Ok(typed) = serde_json::from_slice::<TypedLine>(line) else { continue };
            let Some(id) = typed.session_id.filter(|id| is_session_id(id) && !known.contains(id.as_str()))
            else {
                continue;
            };
            let turn = turns.entry(id.clone()).or_default();
            *turn += 1;
            let time = typed.timestamp.and_then(from_epoch_millis);
            let early = query.since.is_some_and(|since| time.is_none_or(|time| time < since));
            let outside = project.is_some_and(|project| {
                !typed.project.as_deref().is_some_and(|dir| Path::new(dir).starts_with(&project.dir))
            });
            let Some(found) = query.pattern.find(&typed.display).filter(|_| !early && !outside) else {
                continue;
            };
            let (snippet, span) = snippet(&typed.display, &found);
            hits.push(SearchHit {
                id,
                transcript: path.clone(),
                line: at as u64 + 1,
                role: SearchRole::User,
                turn: *turn,
                at: time,
                snippet,
                span,
                subagent: false,
                gone: true,
                name: None,
                title: None,
                project: typed.project,
            });
        }
    }
    hits.sort_by_key(|hit| Reverse(hit.at));
    hits
}

fn hits_of(files: &SessionFiles, findings: Findings, gone: bool) -> impl Iterator<Item = SearchHit> + use<> {
    let Findings { hits, name, title, cwd, .. } = findings;
    let id = files.id.clone();
    hits.into_iter().map(move |hit| SearchHit {
        id: id.clone(),
        transcript: hit.transcript,
        line: hit.line,
        role: hit.role,
        turn: hit.turn,
        at: hit.at,
        snippet: hit.snippet,
        span: hit.span,
        subagent: hit.subagent,
        gone,
        name: name.clone(),
        title: title.clone(),
        project: cwd.clone(),
    })
}

/// Combined results of all threads.
#[derive(Default)]
struct SearchResults<'p> {
    /// Sessions whose hits may be returned, with their sort time.
    kept: Vec<(Option<DateTime<Utc>>, &'p SessionFiles, Findings)>,
    held: usize,
    total: usize,
    sessions: usize,
    searched: Searched,
    problems: Vec<Problem>,
}

impl<'p> SearchResults<'p> {
    fn add(&mut self, files: &'p SessionFiles, mut findings: Findings, limit: usize) {
        self.searched.files += findings.files;
        self.searched.bytes += findings.bytes;
        self.problems.extend(std::mem::take(&mut findings.problems).into_iter().map(Problem::from));
        if findings.total == 0 {
            return;
        }
        self.total += findings.total;
        self.sessions += 1;
        self.held += findings.hits.len();
        self.kept.push((findings.latest, files, findings));
        // Drops hits that will not be returned, so that a common word does not exhaust memory.
        if self.held / 2 > limit {
            self.sort();
            let mut before = 0;
            self.kept.retain(|(_, _, findings)| {
                let kept = before < limit;
                before += findings.hits.len();
                kept
            });
            self.held = self.kept.iter().map(|(_, _, findings)| findings.hits.len()).sum();
        }
    }

    fn sort(&mut self) {
        self.kept.sort_by(|one, other| (Reverse(one.0), one.1).cmp(&(Reverse(other.0), other.1)));
    }
}

fn read_all<'p>(
    query: &Query,
    project: Option<&SearchedProject>,
    places: &'p [SearchedFiles],
    abort: &AbortFlag,
) -> SearchResults<'p> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(SearchResults::default());
    let threads = std::thread::available_parallelism().map_or(*THREADS.start(), usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(*THREADS.start(), *THREADS.end()) {
            scope.spawn(|| {
                let mut buffer = Buffer::default();
                while let Some(place) = places.get(next.fetch_add(1, Ordering::Relaxed))
                    && !abort.is_set()
                {
                    let in_project = |start: Option<&str>, cwd: Option<&str>| {
                        project.is_none_or(|project| project.holds(place, start, cwd))
                    };
                    let findings = scan(query, &place.files, place.dir.as_deref(), &in_project, &mut buffer);
                    found.lock().unwrap_or_else(PoisonError::into_inner).add(
                        &place.files,
                        findings,
                        query.kept,
                    );
                }
            });
        }
    });
    found.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// The project to which the search is restricted.
struct SearchedProject {
    dir: PathBuf,
    encoded: String,
}

impl SearchedProject {
    /// Accepts a directory that no longer exists, because its sessions may remain.
    fn new(env: &Environment, dir: &Path, places: &[SearchedFiles]) -> Result<Self> {
        let dir = canonical(dir).unwrap_or_else(|_| env.cwd().join(dir));
        let encoded = encode_project_path(&dir.to_string_lossy());
        if !dir.is_dir() && !places.iter().any(|place| place.is_in(&encoded)) {
            let mut error = not_a_directory(&dir);
            error.message.push_str(", and no session was started in it");
            return Err(
                error.hint("name the directory of a project, or omit --project to search all of them")
            );
        }
        Ok(Self { dir, encoded })
    }

    /// Returns whether a record belongs to the project: it was written there, or its session was started
    /// there and left with `cd`. The name of a transcript directory is not sufficient, because it stands for
    /// more than one path.
    fn holds(&self, place: &SearchedFiles, start: Option<&str>, cwd: Option<&str>) -> bool {
        let within = |path: &str| Path::new(path).starts_with(&self.dir);
        let twin = |start: &str| !within(start) && encode_project_path(start) == self.encoded;
        cwd.is_some_and(within) || place.is_in(&self.encoded) && !start.is_some_and(twin)
    }
}

/// Files of a session that can be searched.
struct SearchedFiles {
    files: SessionFiles,
    /// Transcript directory of its project, with all of its names.
    project: Arc<ProjectDirectory>,
    dir: Option<Arc<Directory>>,
    bytes: u64,
    /// Tool results in separate files, and their total size in bytes.
    results: (Vec<PathBuf>, u64),
}

impl SearchedFiles {
    /// Returns whether the session's transcript directory has this name.
    fn is_in(&self, name: &str) -> bool {
        self.project.paths().any(|path| path.file_name() == Some(OsStr::new(name)))
    }
}

/// Lists all sessions in these directories.
fn places_in(dirs: &[ProjectDirectory], problems: &mut Vec<Error>) -> Vec<SearchedFiles> {
    let mut places = Vec::new();
    let listed = side_by_side(dirs, 1, || {
        |dir: &ProjectDirectory| {
            let mut problems = Vec::new();
            let places = places_of_project(dir, &mut problems);
            (places, problems)
        }
    });
    for (at, (dir, (found, unread))) in dirs.iter().zip(listed).enumerate() {
        let open = (at < MOST_OPEN && !found.is_empty()).then(|| Arc::new(Directory::open(&dir.path)));
        places.extend(found.into_iter().map(|place| SearchedFiles { dir: open.clone(), ..place }));
        problems.extend(unread);
    }
    places
}

fn places_of_project(dir: &ProjectDirectory, problems: &mut Vec<Error>) -> Vec<SearchedFiles> {
    let project = Arc::new(dir.clone());
    let mut sessions: BTreeMap<String, SearchedFiles> = BTreeMap::new();
    let mut place = |id: &str, bytes: u64, add: &mut dyn FnMut(&mut SearchedFiles)| {
        let place = sessions.entry(id.to_owned()).or_insert_with(|| SearchedFiles {
            files: SessionFiles {
                id: id.to_owned(),
                transcript: None,
                subagents: Vec::new(),
                tool_results: Vec::new(),
            },
            project: Arc::clone(&project),
            dir: None,
            bytes: 0,
            results: (Vec::new(), 0),
        });
        place.bytes += bytes;
        add(place);
    };
    for entry in entries(&dir.path, problems) {
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
        let path = entry.path();
        // Only used to order the files.
        let bytes = || entry.metadata().map_or(0, |meta| meta.len());
        match name.strip_suffix(".jsonl") {
            Some(id) if is_session_id(id) => {
                place(id, bytes(), &mut |place| place.files.transcript = Some(path.clone()));
            }
            Some(agent) if is_subagent(&name) => {
                let session = session_of_subagent(&path);
                place(session.as_deref().unwrap_or(agent), bytes(), &mut |place| {
                    place.files.subagents.push(path.clone());
                });
            }
            None if is_session_id(&name) => {
                let length = |path: &PathBuf| std::fs::symlink_metadata(path).map_or(0, |meta| meta.len());
                for agent in subagents_in(&path, problems) {
                    place(&name, length(&agent), &mut |place| place.files.subagents.push(agent.clone()));
                }
                let results = tool_results_in(&path, problems);
                if !results.is_empty() {
                    let bytes = results.iter().map(length).sum();
                    place(&name, 0, &mut |place| place.results = (results.clone(), bytes));
                }
            }
            _ => {}
        }
    }
    let mut places: Vec<SearchedFiles> = sessions.into_values().collect();
    for place in &mut places {
        place.files.subagents.sort();
    }
    places
}
