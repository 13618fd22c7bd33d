//! The state of the dashboard and how commands and reports change it. Pure: the clock comes in as a value.

use super::details::{ConversationEntry, SessionDetails, WorkDetails};
use super::filter::{haystack, matching};
use super::input::DashboardCommand;
use super::source::DashboardScope;
use super::words::continues_at;
use crate::problem::Problem;
use crate::quota::Account;
use crate::report::pages::SessionPage;
use crate::report::search::{SearchHit, SearchReport};
use crate::report::session::{Session, SessionGroup};
use chrono::{DateTime, Utc};
use ratatui::layout::{Position, Rect};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Narrower terminals show the list or the preview, never both.
pub const TWO_PANES: u16 = 70;
/// Longest filter and search text, in characters.
const LONGEST_INPUT: usize = 200;

/// What the user wants done. The dashboard ends, and the command line runs the verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DashboardAction {
    Resume,
    ResumeWindow,
    OpenPage,
    Export,
    Handoff,
    Pause,
    Unpause,
    Cancel,
    Kill,
    Repair,
    Show,
    /// A picker: the session for the verb that opened it.
    Pick,
    Quit,
    Interrupt,
}

/// What a dashboard that is opened again shows first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct DashboardView {
    pub scope: DashboardScope,
    pub filter: String,
    /// Transcript of the selected session.
    pub selected: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct DashboardOptions {
    /// Directory of the project for the project scope; the working directory when it is missing.
    pub project: Option<PathBuf>,
    pub view: DashboardView,
    /// The verb that the chosen session is for. Enter picks, and no other action is possible.
    pub picker: Option<String>,
    pub colour: bool,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DashboardOutcome {
    pub action: DashboardAction,
    /// Names the session for a verb: its id, or the path of a conflict copy.
    pub session: Option<String>,
    pub view: DashboardView,
}

/// What the loop has to do after a command.
#[derive(Debug)]
pub enum DashboardEffect {
    None,
    Leave(Box<DashboardOutcome>),
    Suspend,
    ReadAgain,
    Search(String),
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DashboardMode {
    #[default]
    List,
    /// The filter line has the keyboard.
    Filter,
    /// The search line has the keyboard.
    Search,
    Help,
    /// Asks whether the plan of the selected session is to be cancelled.
    ConfirmCancel,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PreviewTab {
    #[default]
    Overview,
    Conversation,
}

/// How much of the current scope has been read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReadingProgress {
    #[default]
    Nothing,
    /// The first page, which has the newest sessions only.
    Newest,
    Everything,
    /// Nothing could be read; the notice says why.
    Failed,
}

#[derive(Debug)]
pub struct DashboardRow {
    pub session: Arc<Session>,
    pub group: SessionGroup,
    haystack: String,
}

/// The answer of a full-text search.
#[derive(Debug)]
pub struct DashboardHits {
    pub text: String,
    pub hits: Vec<SearchHit>,
    pub total: usize,
    pub selected: usize,
}

/// One entry of the list: a heading, or a session with its lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListEntry {
    Heading { group: SessionGroup, count: usize },
    Row(usize),
    Hit(usize),
}

impl ListEntry {
    /// Lines that it takes. A heading that is not the first has an empty line before it.
    fn height(self, rows: &[DashboardRow], first: bool) -> usize {
        match self {
            Self::Heading { .. } => 1 + usize::from(!first),
            Self::Row(index) => 1 + usize::from(rows[index].group != SessionGroup::Settled),
            Self::Hit(_) => 2,
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DashboardAreas {
    pub header: Rect,
    pub list: Option<Rect>,
    pub preview: Option<Rect>,
    pub footer: Rect,
}

impl DashboardAreas {
    /// With `reading`, a narrow screen shows the preview instead of the list.
    #[must_use]
    pub fn of(size: Rect, reading: bool) -> Self {
        let header = Rect { height: 1.min(size.height), ..size };
        let footer_height = u16::from(size.height > 2);
        let footer = Rect { y: size.bottom() - footer_height, height: footer_height, ..size };
        let body = Rect {
            y: header.bottom(),
            height: size.height.saturating_sub(header.height + footer_height),
            ..size
        };
        if size.width < TWO_PANES {
            let (list, preview) = if reading { (None, Some(body)) } else { (Some(body), None) };
            return Self { header, list, preview, footer };
        }
        let left = (size.width * 9 / 20).min(80);
        let list = Rect { width: left, ..body };
        // One column of space, which holds the line between the two.
        let preview = Rect { x: body.x + left + 2, width: size.width - left - 2, ..body };
        Self { header, list: Some(list), preview: Some(preview), footer }
    }
}

#[derive(Debug, Default)]
pub struct Dashboard {
    pub mode: DashboardMode,
    pub scope: DashboardScope,
    pub filter: String,
    /// Text of the search line.
    pub search_text: String,
    /// The text that is being looked for.
    pub searching: Option<String>,
    pub picker: Option<String>,
    pub colour: bool,
    pub tab: PreviewTab,
    pub evidence: bool,
    /// A narrow screen shows the preview.
    pub reading: bool,
    pub rows: Vec<DashboardRow>,
    pub entries: Vec<ListEntry>,
    pub hits: Option<DashboardHits>,
    pub accounts: Vec<Account>,
    pub problems: Vec<Problem>,
    /// Directory of the project scope.
    pub project: Option<PathBuf>,
    pub progress: ReadingProgress,
    /// One line for the user, until the next key.
    pub notice: Option<String>,
    pub selected: Option<PathBuf>,
    pub details: SessionDetails,
    /// First line of the list that is drawn.
    pub top: usize,
    /// First line of the preview that is drawn, from the top of the overview or the end of the conversation.
    pub scroll: usize,
    /// First line of the help that is drawn.
    pub help_top: usize,
    pub areas: DashboardAreas,
    status: Vec<Arc<Session>>,
    listed: Vec<Arc<Session>>,
    /// Where the selected session was, for when it is gone.
    cursor: usize,
}

impl Dashboard {
    #[must_use]
    pub fn new(options: &DashboardOptions) -> Self {
        let view = options.view.clone();
        Self {
            scope: view.scope,
            filter: view.filter,
            selected: view.selected,
            picker: options.picker.clone(),
            colour: options.colour,
            ..Self::default()
        }
    }

    /// The status decides all groups but the last.
    pub fn take_page(&mut self, page: SessionPage) {
        self.status = page.status.sessions.into_iter().map(Arc::new).collect();
        self.listed = page.list.sessions.into_iter().map(Arc::new).collect();
        self.accounts = page.status.accounts;
        self.problems = page.status.problems;
        self.project = page.status.project.map(|project| project.dir);
        self.progress = if page.complete { ReadingProgress::Everything } else { ReadingProgress::Newest };
        self.arrange();
    }

    pub fn take_failure(&mut self, message: String) {
        self.progress = ReadingProgress::Failed;
        self.notice = Some(message);
    }

    pub fn take_hits(&mut self, text: String, report: SearchReport) {
        self.searching = None;
        let (total, hits) = (report.total, report.hits);
        if hits.is_empty() {
            self.notice = Some(format!("no session contains “{text}”"));
            return;
        }
        self.hits = Some(DashboardHits { text, hits, total, selected: 0 });
        self.top = 0;
        self.lay_out();
        self.selection_changed();
    }

    pub fn take_search_failure(&mut self, message: String) {
        self.searching = None;
        self.notice = Some(message);
    }

    pub fn take_work(&mut self, of: &Path, work: WorkDetails) {
        if self.target().as_deref() == Some(of) {
            self.details.work = Some(work);
        }
    }

    pub fn take_conversation(&mut self, of: &Path, entries: Vec<ConversationEntry>) {
        if self.target().as_deref() == Some(of) {
            self.details.conversation = Some(entries);
        }
    }

    pub fn take_shown(&mut self, of: &Path, session: Session) {
        if self.target().as_deref() == Some(of) {
            self.details.shown = Some(Box::new(session));
        }
    }

    pub fn take_details_failure(&mut self, of: &Path, message: String) {
        if self.target().as_deref() == Some(of) {
            self.details.problem = Some(message);
        }
    }

    /// Puts all sessions in their order: by group, the next to continue first among those that wait, else the newest first.
    fn arrange(&mut self) {
        let matter: HashSet<&Path> = self.status.iter().map(|session| session.transcript.as_path()).collect();
        let mut rows: Vec<(SessionGroup, Arc<Session>)> =
            self.status.iter().map(|session| (session.group, Arc::clone(session))).collect();
        // What `status` leaves out is history, also where it once needed the user.
        let rest = self.listed.iter().filter(|session| !matter.contains(session.transcript.as_path()));
        rows.extend(rest.map(|session| (SessionGroup::Settled, Arc::clone(session))));
        rows.sort_by_key(|(group, session)| {
            let waits = (*group == SessionGroup::Waiting).then(|| continues_at(session)).flatten();
            (*group, waits, Reverse(session.last_activity_at))
        });
        self.rows = rows
            .into_iter()
            .map(|(group, session)| DashboardRow { haystack: haystack(&session), session, group })
            .collect();
        self.lay_out();
        self.keep_selection();
    }

    /// Makes the entries of the list from rows, filter and hits.
    fn lay_out(&mut self) {
        if let Some(hits) = &self.hits {
            self.entries = (0..hits.hits.len()).map(ListEntry::Hit).collect();
            return;
        }
        let mut visible: Vec<usize> = if self.filter.trim().is_empty() {
            (0..self.rows.len()).collect()
        } else {
            let mut scored = matching(&self.filter, self.rows.iter().map(|row| row.haystack.as_str()));
            scored.sort_by_key(|(index, score)| (self.rows[*index].group, Reverse(*score)));
            scored.into_iter().map(|(index, _)| index).collect()
        };
        self.entries.clear();
        for group in [
            SessionGroup::NeedsYou,
            SessionGroup::Waiting,
            SessionGroup::Hung,
            SessionGroup::Running,
            SessionGroup::Settled,
        ] {
            let (members, others): (Vec<usize>, Vec<usize>) =
                visible.into_iter().partition(|index| self.rows[*index].group == group);
            visible = others;
            if !members.is_empty() {
                self.entries.push(ListEntry::Heading { group, count: members.len() });
                self.entries.extend(members.into_iter().map(ListEntry::Row));
            }
        }
    }

    fn keep_selection(&mut self) {
        let rows = self.selectable();
        let found =
            rows.iter().position(|index| self.key_of(*index).is_some_and(|key| Some(key) == self.selected));
        match found {
            Some(at) => self.cursor = at,
            // A view that is opened again names a session that only the complete list may contain.
            None if self.selected.is_some() && self.progress < ReadingProgress::Everything => {}
            None => {
                self.cursor = self.cursor.min(rows.len().saturating_sub(1));
                let key = rows.get(self.cursor).and_then(|entry| self.key_of(*entry));
                if key != self.selected {
                    self.selected = key;
                    self.selection_changed();
                }
            }
        }
    }

    /// Positions in `entries` that can be selected.
    fn selectable(&self) -> Vec<usize> {
        let is_heading = |entry: &ListEntry| matches!(entry, ListEntry::Heading { .. });
        (0..self.entries.len()).filter(|at| !is_heading(&self.entries[*at])).collect()
    }

    fn key_of(&self, entry: usize) -> Option<PathBuf> {
        match self.entries.get(entry)? {
            ListEntry::Row(index) => Some(self.rows[*index].session.transcript.clone()),
            ListEntry::Heading { .. } | ListEntry::Hit(_) => None,
        }
    }

    fn selection_changed(&mut self) {
        self.details = SessionDetails::default();
        self.scroll = 0;
    }

    /// The transcript that the preview is about. A hit of a subagent belongs to the transcript of its session.
    #[must_use]
    pub fn target(&self) -> Option<PathBuf> {
        match &self.hits {
            Some(hits) => {
                let hit = hits.hits.get(hits.selected)?;
                let known = self.rows.iter().find(|row| row.session.id == hit.id);
                Some(known.map_or_else(|| hit.transcript.clone(), |row| row.session.transcript.clone()))
            }
            None => self.selected.clone(),
        }
    }

    #[must_use]
    pub fn selected_session(&self) -> Option<Arc<Session>> {
        let target = self.target()?;
        self.rows.iter().find(|row| row.session.transcript == target).map(|row| Arc::clone(&row.session))
    }

    #[must_use]
    pub fn selected_hit(&self) -> Option<&SearchHit> {
        self.hits.as_ref().and_then(|hits| hits.hits.get(hits.selected))
    }

    /// Whether this entry is the selected one.
    #[must_use]
    pub fn is_selected(&self, entry: ListEntry) -> bool {
        match entry {
            ListEntry::Heading { .. } => false,
            ListEntry::Row(index) => Some(&self.rows[index].session.transcript) == self.selected.as_ref(),
            ListEntry::Hit(index) => self.hits.as_ref().is_some_and(|hits| hits.selected == index),
        }
    }

    /// How a verb is told which session is meant.
    fn session_name(&self) -> Option<String> {
        match (self.selected_session(), self.selected_hit()) {
            (Some(session), _) => Some(match &session.conflict_copy_of {
                Some(_) => session.transcript.to_string_lossy().into_owned(),
                None => session.id.clone(),
            }),
            (None, Some(hit)) => Some(hit.id.clone()),
            (None, None) => None,
        }
    }

    /// Entries with the first line of each and its height.
    pub fn lines(&self) -> impl Iterator<Item = (usize, usize, ListEntry)> + '_ {
        let mut line = 0;
        self.entries.iter().enumerate().map(move |(at, entry)| {
            let height = entry.height(&self.rows, at == 0);
            line += height;
            (line - height, height, *entry)
        })
    }

    /// Moves the list so that the selected entry can be seen.
    pub fn show_selected(&mut self, height: usize) {
        let total = self.lines().last().map_or(0, |(line, height, _)| line + height);
        let selected = self.lines().find(|(_, _, entry)| self.is_selected(*entry));
        if let Some((line, own, _)) = selected {
            // The heading of the first row is shown with it.
            let first = if line <= 1 { 0 } else { line };
            if first < self.top {
                self.top = first;
            } else if line + own > self.top + height {
                self.top = (line + own).saturating_sub(height);
            }
        }
        self.top = self.top.min(total.saturating_sub(height));
    }

    /// Whether something on the screen changes every second.
    #[must_use]
    pub fn counts_down(&self, now: DateTime<Utc>) -> bool {
        let waits =
            |row: &DashboardRow| row.group == SessionGroup::Waiting && continues_at(&row.session) > Some(now);
        self.rows.iter().take_while(|row| row.group <= SessionGroup::Waiting).any(waits)
    }

    /// When the next countdown ends, which may change the state of its session.
    #[must_use]
    pub fn next_due(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.status.iter().filter_map(|session| session.next.at).filter(|at| *at > now).min()
    }

    /// Files whose change is a reason to read again: what unfinished and open sessions write, and the directories of all.
    #[must_use]
    pub fn watched(&self) -> Vec<PathBuf> {
        let mut dirs: BTreeSet<&Path> = BTreeSet::new();
        for session in self.listed.iter().chain(&self.status) {
            dirs.extend(session.transcript.parent());
        }
        let files = self.status.iter().map(|session| session.transcript.clone());
        files.chain(dirs.into_iter().map(Path::to_path_buf)).collect()
    }

    #[must_use]
    pub fn has_open_sessions(&self) -> bool {
        self.status.iter().any(|session| session.live.is_some())
    }

    #[must_use]
    pub fn view(&self) -> DashboardView {
        DashboardView { scope: self.scope, filter: self.filter.clone(), selected: self.target() }
    }

    pub fn apply(&mut self, command: DashboardCommand) -> DashboardEffect {
        if !matches!(command, DashboardCommand::Ignore | DashboardCommand::Redraw) {
            self.notice = None;
        }
        match command {
            DashboardCommand::Ignore | DashboardCommand::Redraw => {}
            DashboardCommand::Quit => return self.leave(DashboardAction::Quit),
            DashboardCommand::Interrupt => return self.leave(DashboardAction::Interrupt),
            DashboardCommand::Suspend => return DashboardEffect::Suspend,
            DashboardCommand::Close => return self.close(),
            DashboardCommand::Move(by) if self.mode == DashboardMode::Help => {
                self.help_top = self.help_top.saturating_add_signed(by);
            }
            DashboardCommand::ScrollPage(pages) if self.mode == DashboardMode::Help => {
                self.help_top = self.help_top.saturating_add_signed(pages * 10);
            }
            DashboardCommand::Move(by) => self.move_selection(by),
            DashboardCommand::First => self.move_selection(isize::MIN),
            DashboardCommand::Last => self.move_selection(isize::MAX),
            DashboardCommand::Scroll(by) => self.scroll_preview(by),
            DashboardCommand::ScrollPage(pages) => {
                let page = self.areas.preview.map_or(10, |area| area.height.saturating_sub(2).max(1));
                self.scroll_preview(pages * isize::from(page.cast_signed()));
            }
            DashboardCommand::Deeper => self.go_deeper(),
            DashboardCommand::Back => self.go_back(),
            DashboardCommand::TogglePreview => self.reading = !self.reading,
            DashboardCommand::ToggleTab => {
                self.tab = match self.tab {
                    PreviewTab::Overview => PreviewTab::Conversation,
                    PreviewTab::Conversation => PreviewTab::Overview,
                };
                self.reading = true;
                self.scroll = 0;
            }
            DashboardCommand::ToggleEvidence => {
                self.evidence = !self.evidence;
                (self.tab, self.scroll) = (PreviewTab::Overview, 0);
            }
            DashboardCommand::ToggleScope => {
                self.scope = match self.scope {
                    DashboardScope::Project => DashboardScope::All,
                    DashboardScope::All => DashboardScope::Project,
                };
                self.progress = ReadingProgress::Nothing;
                (self.status, self.listed, self.hits) = (Vec::new(), Vec::new(), None);
                self.arrange();
                return DashboardEffect::ReadAgain;
            }
            DashboardCommand::OpenFilter => {
                (self.mode, self.reading) = (DashboardMode::Filter, false);
                self.close_hits();
            }
            DashboardCommand::OpenSearch => {
                self.search_text.clear();
                (self.mode, self.reading) = (DashboardMode::Search, false);
            }
            DashboardCommand::OpenHelp => (self.mode, self.help_top) = (DashboardMode::Help, 0),
            DashboardCommand::Type(text) => self.edit(|line| line.push_str(&text)),
            DashboardCommand::Erase => self.edit(|line| {
                line.pop();
            }),
            DashboardCommand::EraseWord => self.edit(|line| {
                let kept = line.trim_end().rfind(' ').map_or(0, |at| at + 1);
                line.truncate(kept);
            }),
            DashboardCommand::EraseAll => self.edit(String::clear),
            DashboardCommand::Submit => return self.submit(),
            DashboardCommand::Act(action) => return self.act(action),
            DashboardCommand::Confirm => {
                self.mode = DashboardMode::List;
                return self.leave(DashboardAction::Cancel);
            }
            DashboardCommand::Click(at) => return self.click(at),
            DashboardCommand::Wheel(at, by) => {
                if self.areas.preview.is_some_and(|area| area.contains(at)) {
                    self.scroll_preview(by);
                } else {
                    self.move_selection(by.signum());
                }
            }
        }
        DashboardEffect::None
    }

    fn leave(&self, action: DashboardAction) -> DashboardEffect {
        let session = match action {
            DashboardAction::Quit | DashboardAction::Interrupt => None,
            _ => self.session_name(),
        };
        DashboardEffect::Leave(Box::new(DashboardOutcome { action, session, view: self.view() }))
    }

    /// Esc leaves the innermost thing that is open, and at last the dashboard.
    fn close(&mut self) -> DashboardEffect {
        match self.mode {
            DashboardMode::Help | DashboardMode::ConfirmCancel | DashboardMode::Search => {
                self.mode = DashboardMode::List;
            }
            DashboardMode::Filter => {
                self.mode = DashboardMode::List;
                self.set_filter(String::new());
            }
            DashboardMode::List if self.reading && self.areas.list.is_none() => self.reading = false,
            DashboardMode::List if self.hits.is_some() => self.close_hits(),
            DashboardMode::List if !self.filter.is_empty() => self.set_filter(String::new()),
            DashboardMode::List => return self.leave(DashboardAction::Quit),
        }
        DashboardEffect::None
    }

    fn close_hits(&mut self) {
        if self.hits.is_some() {
            let target = self.target();
            self.hits = None;
            self.top = 0;
            self.lay_out();
            self.selected = target;
            self.keep_selection();
        }
    }

    fn set_filter(&mut self, filter: String) {
        self.filter = filter;
        self.lay_out();
        self.keep_selection();
    }

    fn edit(&mut self, change: impl FnOnce(&mut String)) {
        let line = if self.mode == DashboardMode::Search { &mut self.search_text } else { &mut self.filter };
        change(line);
        line.retain(|char| !char.is_control());
        if let Some((end, _)) = line.char_indices().nth(LONGEST_INPUT) {
            line.truncate(end);
        }
        if self.mode == DashboardMode::Filter {
            self.lay_out();
            // The best match is selected while the filter is typed.
            let best = self.selectable().first().and_then(|at| self.key_of(*at));
            if best != self.selected {
                (self.selected, self.cursor, self.top) = (best, 0, 0);
                self.selection_changed();
            }
        }
    }

    fn submit(&mut self) -> DashboardEffect {
        let searches = self.mode == DashboardMode::Search && !self.search_text.trim().is_empty();
        self.mode = DashboardMode::List;
        if searches {
            self.searching = Some(self.search_text.clone());
            return DashboardEffect::Search(self.search_text.clone());
        }
        DashboardEffect::None
    }

    fn move_selection(&mut self, by: isize) {
        if self.areas.list.is_none() && self.areas.preview.is_some() {
            // A narrow screen that shows the preview.
            return self.scroll_preview(by.clamp(-10_000, 10_000));
        }
        if let Some(hits) = &mut self.hits {
            let last = hits.hits.len().saturating_sub(1);
            let to = hits.selected.saturating_add_signed(by).min(last);
            if to != hits.selected {
                hits.selected = to;
                self.selection_changed();
            }
            return;
        }
        let rows = self.selectable();
        let to = self.cursor.saturating_add_signed(by).min(rows.len().saturating_sub(1));
        let key = rows.get(to).and_then(|entry| self.key_of(*entry));
        self.cursor = to;
        if key.is_some() && key != self.selected {
            self.selected = key;
            self.selection_changed();
        }
    }

    fn scroll_preview(&mut self, by: isize) {
        // The conversation is read from its end.
        let by = if self.tab == PreviewTab::Conversation { -by } else { by };
        self.scroll = self.scroll.saturating_add_signed(by);
    }

    fn go_deeper(&mut self) {
        if self.areas.preview.is_none() {
            self.reading = true;
        } else if self.tab == PreviewTab::Overview {
            (self.tab, self.scroll) = (PreviewTab::Conversation, 0);
        }
    }

    fn go_back(&mut self) {
        if self.tab == PreviewTab::Conversation {
            (self.tab, self.scroll) = (PreviewTab::Overview, 0);
        } else {
            self.reading = false;
        }
    }

    fn act(&mut self, action: DashboardAction) -> DashboardEffect {
        if self.session_name().is_none() {
            self.notice = Some("no session is selected".to_owned());
            return DashboardEffect::None;
        }
        let action = match (self.picker.is_some(), action) {
            (true, DashboardAction::Resume) => DashboardAction::Pick,
            (true, _) => {
                self.notice = Some("Enter chooses the selected session, Esc leaves without one".to_owned());
                return DashboardEffect::None;
            }
            (false, action) => action,
        };
        let session = self.selected_session();
        let live = session.as_ref().and_then(|session| session.live.as_ref());
        match action {
            DashboardAction::Resume | DashboardAction::Pick
                if self.areas.preview.is_none() && !self.reading =>
            {
                self.reading = true;
            }
            DashboardAction::Resume | DashboardAction::ResumeWindow
                if session.as_ref().is_some_and(|session| session.commands.resume.is_none())
                    && live.is_some() =>
            {
                let place = live.map_or_else(String::new, |live| live.place.clone());
                self.notice = Some(format!("it is open already: continue in {place}"));
            }
            DashboardAction::Kill if live.is_none() => {
                self.notice = Some("no process has this session open".to_owned());
            }
            DashboardAction::Pause if session.as_ref().is_some_and(|session| session.paused) => {
                return self.leave(DashboardAction::Unpause);
            }
            DashboardAction::Cancel => self.mode = DashboardMode::ConfirmCancel,
            _ => return self.leave(action),
        }
        DashboardEffect::None
    }

    fn click(&mut self, at: Position) -> DashboardEffect {
        let Some(area) = self.areas.list.filter(|area| area.contains(at)) else {
            return DashboardEffect::None;
        };
        let line = self.top + usize::from(at.y - area.y);
        let hit = self.lines().find(|(first, height, _)| (*first..first + height).contains(&line));
        match hit.map(|(_, _, entry)| entry) {
            Some(ListEntry::Row(index)) => {
                let key = self.rows[index].session.transcript.clone();
                if Some(&key) == self.selected.as_ref() && self.areas.preview.is_none() {
                    self.reading = true;
                } else if Some(&key) != self.selected.as_ref() {
                    self.selected = Some(key);
                    self.keep_selection();
                    self.selection_changed();
                }
            }
            Some(ListEntry::Hit(index)) => {
                if let Some(hits) = &mut self.hits {
                    hits.selected = index;
                }
                self.selection_changed();
            }
            Some(ListEntry::Heading { .. }) | None => {}
        }
        DashboardEffect::None
    }
}
