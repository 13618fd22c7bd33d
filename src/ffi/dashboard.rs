//! Exports for the dashboard: the dashboard with its data source, and terminal control for signal handlers.

use super::task::CoreTask;
use super::verbs::{seen, task};
use crate::abort::NEVER;
use crate::claude::home::all_homes;
use crate::claude::transcript::Transcript;
use crate::clock::SystemClock;
use crate::config::in_force;
use crate::env::Environment;
use crate::error::Result;
use crate::note::gather::gather_conversation;
use crate::report::gone::{GoneLeft, GoneSession, read_gone};
use crate::report::inventory::{Inventory, ReportContext};
use crate::report::pages::{SessionPage, read_pages};
use crate::report::session::Session;
use crate::report::status::asked;
use crate::report::{search, show};
use crate::rescue::copy::Progress;
use crate::rescue::reading::PageFacts;
use crate::rescue::reading::conversation::{Conversation, Page};
use crate::rescue::reading::entry::{Agent, Entry, EventKind};
use crate::rescue::reading::tool::label;
use crate::store::StateDir;
use crate::tui::details::{ConversationEntry, ConversationSpeaker, SessionDetails, WorkDetails};
use crate::tui::source::{DashboardScope, DashboardSource, FileFingerprint};
use crate::tui::{DashboardOptions, screen};
use napi::Env;
use napi::bindgen_prelude::{AsyncTask, Unknown};
use napi_derive::napi;
use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// Number of newest entries shown of a conversation.
const NEWEST_ENTRIES: usize = 300;

/// Shows all sessions full-screen until the user chooses an action. It only reads; the
/// caller performs the action.
///
/// Standard input and output must be a terminal. Signal handlers must call {@link releaseTerminal} first.
///
/// Rejects with `IO` if the terminal cannot be used.
#[napi(
    catch_unwind,
    js_name = "dashboard",
    ts_args_type = "options?: DashboardOptions",
    ts_return_type = "Promise<DashboardOutcome>"
)]
pub fn open_dashboard(env: Env, options: Option<Unknown<'_>>) -> napi::Result<AsyncTask<CoreTask>> {
    task(env, options, |options: DashboardOptions, call| {
        let env = Environment::of_process();
        let project = match &options.project {
            // A missing directory is an error of the command line, not a notice in the view.
            Some(dir) => asked(seen(&env, &call.abort), dir)?.dir,
            None => env.cwd().to_path_buf(),
        };
        let source: Arc<dyn DashboardSource> = Arc::new(MachineSource { env, project });
        screen::run(&source, &SystemClock, &options)
    })
}

/// Restores the terminal before the process stops or exits. Does nothing if no dashboard is open.
#[napi(catch_unwind)]
pub fn release_terminal() {
    screen::release();
}

/// Redraws the dashboard when the process continues after {@link releaseTerminal}.
#[napi(catch_unwind)]
pub fn reclaim_terminal() {
    screen::reclaim();
}

/// Reads the sessions of this machine with the same functions as the commands.
struct MachineSource {
    env: Environment,
    /// Directory of the project scope.
    project: PathBuf,
}

impl MachineSource {
    fn project(&self, scope: DashboardScope) -> Option<PathBuf> {
        (scope == DashboardScope::Project).then(|| self.project.clone())
    }
}

impl DashboardSource for MachineSource {
    fn sessions(&self, scope: DashboardScope, quick: bool, page: &mut dyn FnMut(SessionPage)) -> Result<()> {
        read_pages(seen(&self.env, &NEVER), self.project(scope).as_deref(), quick, page)
    }

    fn gone(&self, scope: DashboardScope) -> Result<Vec<GoneSession>> {
        let mut gone = read_gone(seen(&self.env, &NEVER), self.project(scope).as_deref())?;
        gone.retain(|session| session.left != GoneLeft::Nothing);
        Ok(gone)
    }

    fn kept(&self, session: &str, wanted: &dyn Fn() -> bool) -> Result<SessionDetails> {
        let ground = ReportContext::read(seen(&self.env, &NEVER), None)?;
        let inventory = Inventory::open(&ground);
        let row = inventory.read_kept_of(session)?;
        Ok(SessionDetails {
            work: Some(self.work(&row.found.path)?),
            conversation: Some(self.conversation(&row.found.path, wanted)?),
            shown: Some(Box::new(show::whole(&inventory, row)?)),
            problem: None,
        })
    }

    fn show(&self, transcript: &Path) -> Result<Session> {
        show::show_at(seen(&self.env, &NEVER), transcript)
    }

    fn search(&self, text: &str, scope: DashboardScope) -> Result<search::SearchReport> {
        let options = search::SearchOptions {
            text: text.to_owned(),
            // Smart case, as in editors: a capital letter makes the search case-sensitive.
            ignore_case: !text.chars().any(char::is_uppercase),
            project: self.project(scope),
            ..search::SearchOptions::default()
        };
        search::search(seen(&self.env, &NEVER), &options)
    }

    fn work(&self, transcript: &Path) -> Result<WorkDetails> {
        Ok(WorkDetails::of(&gather_conversation(&Transcript::open(transcript)?)))
    }

    fn conversation(&self, transcript: &Path, wanted: &dyn Fn() -> bool) -> Result<Vec<ConversationEntry>> {
        let mut page = NewestEntries { entries: VecDeque::new(), agents: 0, wanted };
        let progress = Progress::default();
        let facts = PageFacts::default();
        let mut conversation = Conversation::new(&mut page, BTreeMap::new(), &facts, transcript, &progress);
        let read = conversation.read(transcript);
        let entries = Vec::from(page.entries);
        // The read stops with an error when the view no longer wants the conversation; that is not a failure.
        if wanted() { read.map(|_| entries) } else { Ok(entries) }
    }

    fn fingerprint(&self, watched: &[PathBuf]) -> FileFingerprint {
        let (mut hasher, mut newest, now) = (DefaultHasher::new(), None, SystemTime::now());
        let mut add = |path: &Path| {
            let meta = std::fs::symlink_metadata(path).ok();
            let modified = meta.as_ref().and_then(|meta| meta.modified().ok());
            newest = newest.max(modified.filter(|at| *at <= now));
            (path, modified, meta.as_ref().map(std::fs::Metadata::len)).hash(&mut hasher);
        };
        for path in watched {
            add(path);
        }
        if let Ok(root) = self.env.state_dir() {
            let state = StateDir::new(root);
            for path in [state.incidents(), state.paused(), state.quota(), state.supervisor()] {
                add(&path);
            }
        }
        let config = in_force(&self.env, None).config;
        let further: Vec<PathBuf> = config.config_dirs.iter().map(PathBuf::from).collect();
        for home in all_homes(&self.env, &further) {
            add(&home.projects());
            add(&home.sessions());
            let records = std::fs::read_dir(home.sessions()).into_iter().flatten().flatten();
            // The client rewrites its record when a turn begins or ends.
            for record in records {
                add(&record.path());
            }
        }
        FileFingerprint { hash: hasher.finish(), newest }
    }
}

/// Collects the newest entries of a conversation.
struct NewestEntries<'w> {
    entries: VecDeque<ConversationEntry>,
    /// Subagents whose transcripts are being read; their entries are left out.
    agents: usize,
    wanted: &'w dyn Fn() -> bool,
}

impl Page for NewestEntries<'_> {
    fn entry(&mut self, entry: &Entry) -> io::Result<()> {
        if !(self.wanted)() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if self.agents > 0 {
            return Ok(());
        }
        let new = |speaker, text: &str| ConversationEntry::new(speaker, text);
        let entry = match entry {
            Entry::Prompt(prompt) => new(ConversationSpeaker::You, &prompt.text),
            Entry::Answer { text, .. } => new(ConversationSpeaker::Claude, text),
            Entry::Call(call) => {
                let end = match &call.outcome {
                    Some(outcome) if outcome.failed => " (failed)",
                    Some(_) => "",
                    None => " (no result)",
                };
                new(ConversationSpeaker::Tool, &format!("{} {}{end}", call.name, label(call, None)))
            }
            Entry::Event(event) if event.kind == EventKind::Ended => None,
            Entry::Event(event) => new(ConversationSpeaker::Event, &event.title),
            Entry::Thinking(_) | Entry::Result(_) | Entry::Client { .. } => None,
        };
        self.entries.extend(entry);
        if self.entries.len() > NEWEST_ENTRIES {
            self.entries.pop_front();
        }
        Ok(())
    }

    fn begin_agent(&mut self, _: &Agent) -> io::Result<()> {
        self.agents += 1;
        Ok(())
    }

    fn end_agent(&mut self) -> io::Result<()> {
        self.agents = self.agents.saturating_sub(1);
        Ok(())
    }
}
