//! Defines the state of the dashboard, and how commands and reports change it. The functions are pure, and
//! receive the time as a value.

use super::details::{ConversationEntry, SessionDetails, WorkDetails};
use super::filter::{haystack, haystack_of_gone, matching};
use super::input::DashboardCommand;
use super::source::DashboardScope;
use super::words::continues_at;
use crate::problem::Problem;
use crate::quota::Account;
use crate::report::gone::{GoneLeft, GoneSession};
use crate::report::pages::SessionPage;
use crate::report::search::{SearchHit, SearchReport};
use crate::report::session::{Session, SessionGroup};
use crate::report::status::RecoveryOverview;
use chrono::{DateTime, Utc};
use ratatui::layout::{Position, Rect};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Minimum width for list and preview side by side; narrower terminals show one of them.
pub const TWO_PANES: u16 = 70;
/// Maximum length of the filter and the search text, in characters.
const LONGEST_INPUT: usize = 200;

/// Action requested by the user. The dashboard closes, and the command line runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
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
    Restore,
    Show,
    /// In a picker: selects the session for the command that opened it.
    Pick,
    Quit,
    Interrupt,
}

impl DashboardAction {
    /// Returns whether the action changes a file, a plan or a process, or starts a process.
    #[must_use]
    pub const fn writes(self) -> bool {
        match self {
            Self::Resume
            | Self::ResumeWindow
            | Self::OpenPage
            | Self::Export
            | Self::Pause
            | Self::Unpause
            | Self::Cancel
            | Self::Kill
            | Self::Repair
            | Self::Restore => true,
            Self::Handoff | Self::Show | Self::Pick | Self::Quit | Self::Interrupt => false,
        }
    }
}

/// Initial view of a dashboard.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct DashboardView {
    /// `project`: sessions of one project. `all`: sessions of every project (default).
    pub scope: DashboardScope,
    /// Fuzzy filter over name, project and newest prompt.
    pub filter: String,
    /// Transcript of the selected session, or the id of a session without a transcript.
    #[cfg_attr(test, ts(optional = nullable))]
    pub selected: Option<PathBuf>,
}

/// A command without a session argument, for which the user picks a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum PickerVerb {
    Show,
    Resume,
    Export,
    Handoff,
    Kill,
}

impl PickerVerb {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Show => "show",
            Self::Resume => "resume",
            Self::Export => "export",
            Self::Handoff => "handoff",
            Self::Kill => "kill",
        }
    }

    /// Returns whether the command can read a deleted session, or can explain how to restore it.
    const fn takes(self, left: GoneLeft) -> bool {
        match (self, left) {
            (Self::Show | Self::Resume | Self::Export | Self::Handoff, GoneLeft::Conversation) => true,
            (_, GoneLeft::Prompts | GoneLeft::Nothing) | (Self::Kill, GoneLeft::Conversation) => false,
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum DashboardPurpose {
    #[default]
    Act,
    /// Read-only: no key changes anything.
    Watch,
    /// Open sessions come first, in a box.
    Rescue,
}

/// Options of `dashboard`: what it shows and what it allows.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct DashboardOptions {
    /// Project directory for the scope `project` (default: the working directory).
    pub project: Option<PathBuf>,
    /// Initial view, such as the view in an earlier outcome.
    pub view: DashboardView,
    /// Command for which a session is picked. Enter picks the session, and no other action is possible.
    pub picker: Option<PickerVerb>,
    /// `act` (default). `watch`: no key changes anything, and besides `quit` and `interrupt` only `show` and
    /// `handoff` end the dashboard. `rescue`: open sessions come first.
    pub purpose: DashboardPurpose,
    /// Seconds between checks for changes (default: 2).
    pub every: Option<f64>,
    /// Whether to draw with colors.
    pub colour: bool,
}

/// What the user chose in a `dashboard`. The choice has not been carried out yet.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct DashboardOutcome {
    /// `pick`: a session was picked for the command in `picker`. `interrupt`: the user pressed Ctrl-C.
    pub action: DashboardAction,
    /// Session to which the action applies: its id, or the path of a conflict copy; `null` for `quit` and
    /// `interrupt`.
    pub session: Option<String>,
    /// View with which the dashboard reopens in the same state.
    pub view: DashboardView,
}

/// Effect that the loop carries out after a command.
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
    /// Keyboard input goes to the filter line.
    Filter,
    /// Keyboard input goes to the search line.
    Search,
    Help,
    Confirm(DashboardQuestion),
}

/// Question that the user must confirm before the dashboard closes with an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DashboardQuestion {
    Cancel,
    /// Restore the kept files of the selected session to where the client expects them.
    Restore,
}

/// Session whose details the preview needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DetailsRequest {
    /// The session with this transcript.
    Present(PathBuf),
    /// The deleted session with this id, from its kept files.
    Kept(String),
}

impl DetailsRequest {
    /// Returns the selection key to which the answer belongs.
    #[must_use]
    pub fn target(&self) -> &Path {
        match self {
            Self::Present(transcript) => transcript,
            Self::Kept(session) => Path::new(session),
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PreviewTab {
    #[default]
    Overview,
    Conversation,
}

/// Part of the current scope that has been read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReadingProgress {
    #[default]
    Nothing,
    /// The first page, which contains only the newest sessions.
    Newest,
    Everything,
    /// Reading failed; the notice gives the reason.
    Failed,
}

/// Group under which the list shows a row, in display order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowGroup {
    /// Open sessions, for a dashboard that lists them first.
    Open,
    Present(SessionGroup),
    /// Deleted sessions whose conversation is kept.
    Kept,
    /// Sessions of which only typed prompts remain.
    Typed,
}

impl RowGroup {
    const ALL: [Self; 8] = [
        Self::Open,
        Self::Present(SessionGroup::NeedsYou),
        Self::Present(SessionGroup::Waiting),
        Self::Present(SessionGroup::Hung),
        Self::Present(SessionGroup::Running),
        Self::Present(SessionGroup::Settled),
        Self::Kept,
        Self::Typed,
    ];

    /// Returns the number of lines of a row, which is one more in groups where the reason matters.
    const fn row_height(self) -> usize {
        match self {
            Self::Present(SessionGroup::Settled) | Self::Kept | Self::Typed => 1,
            Self::Open
            | Self::Present(
                SessionGroup::NeedsYou | SessionGroup::Waiting | SessionGroup::Hung | SessionGroup::Running,
            ) => 2,
        }
    }
}

#[derive(Debug, Clone)]
pub enum RowSession {
    /// A session and the group in which `status` lists it.
    Present(Arc<Session>, SessionGroup),
    /// A session whose transcript is gone.
    Gone(Arc<GoneSession>),
}

#[derive(Debug)]
pub struct DashboardRow {
    pub session: RowSession,
    pub group: RowGroup,
    haystack: String,
}

impl DashboardRow {
    #[must_use]
    pub fn id(&self) -> &str {
        match &self.session {
            RowSession::Present(session, _) => &session.id,
            RowSession::Gone(gone) => &gone.id,
        }
    }

    /// Returns the unique key of the row, which [`DashboardView::selected`] stores.
    #[must_use]
    pub fn key(&self) -> &Path {
        match &self.session {
            RowSession::Present(session, _) => &session.transcript,
            RowSession::Gone(gone) => Path::new(&gone.id),
        }
    }

    #[must_use]
    pub fn present(&self) -> Option<&Arc<Session>> {
        match &self.session {
            RowSession::Present(session, _) => Some(session),
            RowSession::Gone(_) => None,
        }
    }
}

/// Results of a full-text search.
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
    Heading {
        group: RowGroup,
        count: usize,
    },
    Row(usize),
    Hit(usize),
    /// Placeholder in the box of open sessions when it is empty.
    NoOpen,
    /// Lower edge of the box of open sessions.
    BoxEnd,
}

impl ListEntry {
    /// Returns the height in lines. A heading other than the first has an empty line before it.
    fn height(self, rows: &[DashboardRow], first: bool) -> usize {
        match self {
            Self::Heading { .. } => 1 + usize::from(!first),
            Self::Row(index) => rows[index].group.row_height(),
            Self::Hit(_) => 2,
            Self::NoOpen | Self::BoxEnd => 1,
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
    /// Lays out the screen. With `reading`, a narrow screen shows the preview instead of the list.
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
        // One column of space around the dividing line.
        let preview = Rect { x: body.x + left + 2, width: size.width - left - 2, ..body };
        Self { header, list: Some(list), preview: Some(preview), footer }
    }
}

/// Returns the group of a session without a transcript; `None` if nothing remains to show.
const fn gone_group(left: GoneLeft) -> Option<RowGroup> {
    match left {
        GoneLeft::Conversation => Some(RowGroup::Kept),
        GoneLeft::Prompts => Some(RowGroup::Typed),
        GoneLeft::Nothing => None,
    }
}

/// How the selected session came to be selected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum SelectionOrigin {
    /// It was the first one.
    #[default]
    First,
    /// The user has given a command since, or an earlier view had it selected.
    Chosen,
}

#[derive(Debug, Default)]
pub struct Dashboard {
    pub mode: DashboardMode,
    pub scope: DashboardScope,
    pub filter: String,
    /// Text of the search line.
    pub search_text: String,
    /// Text of the search in progress.
    pub searching: Option<String>,
    pub picker: Option<PickerVerb>,
    pub purpose: DashboardPurpose,
    pub colour: bool,
    pub tab: PreviewTab,
    pub evidence: bool,
    /// Whether a narrow screen shows the preview instead of the list.
    pub reading: bool,
    pub rows: Vec<DashboardRow>,
    pub entries: Vec<ListEntry>,
    pub hits: Option<DashboardHits>,
    pub accounts: Vec<Account>,
    /// Recovery setup; `None` until the first page is loaded.
    pub recovery: Option<RecoveryOverview>,
    pub problems: Vec<Problem>,
    /// Directory of the project scope.
    pub project: Option<PathBuf>,
    pub progress: ReadingProgress,
    /// One-line message to the user, cleared by the next key.
    pub notice: Option<String>,
    pub selected: Option<PathBuf>,
    pub details: SessionDetails,
    /// Index of the first visible line of the list.
    pub top: usize,
    /// Scroll offset of the preview, in lines from the top of the overview or from the
    /// end of the conversation.
    pub scroll: usize,
    /// Index of the first visible line of the help.
    pub help_top: usize,
    pub areas: DashboardAreas,
    status: Vec<Arc<Session>>,
    listed: Vec<Arc<Session>>,
    /// `None` until they are read, which happens after everything else.
    gone: Option<Vec<Arc<GoneSession>>>,
    /// Position of the selected session, used if it disappears.
    cursor: usize,
    origin: SelectionOrigin,
}

impl Dashboard {
    #[must_use]
    pub fn new(options: &DashboardOptions) -> Self {
        let view = options.view.clone();
        Self {
            scope: view.scope,
            filter: view.filter,
            origin: view.selected.as_ref().map_or(SelectionOrigin::First, |_| SelectionOrigin::Chosen),
            selected: view.selected,
            picker: options.picker,
            purpose: options.purpose,
            colour: options.colour,
            ..Self::default()
        }
    }

    /// Applies a page. The status decides all groups except the last.
    pub fn take_page(&mut self, page: SessionPage) {
        self.status = page.status.sessions.into_iter().map(Arc::new).collect();
        self.listed = page.list.sessions.into_iter().map(Arc::new).collect();
        self.accounts = page.status.accounts;
        self.recovery = Some(page.status.recovery);
        self.problems = page.status.problems;
        self.project = page.status.project.map(|project| project.dir);
        let was_complete = self.progress == ReadingProgress::Everything;
        self.progress = if page.complete { ReadingProgress::Everything } else { ReadingProgress::Newest };
        self.arrange();
        if !was_complete && self.origin == SelectionOrigin::First {
            // The complete page may put more urgent sessions above those that were read first.
            self.select_first();
        }
    }

    pub fn take_gone(&mut self, gone: Vec<GoneSession>) {
        self.gone = Some(gone.into_iter().map(Arc::new).collect());
        self.arrange();
    }

    pub fn take_gone_failure(&mut self, message: String) {
        self.notice = Some(message);
        self.gone.get_or_insert_default();
        self.keep_selection();
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

    pub fn take_kept(&mut self, of: &Path, details: SessionDetails) {
        if self.target().as_deref() == Some(of) {
            self.details = details;
        }
    }

    pub fn take_details_failure(&mut self, of: &Path, message: String) {
        if self.target().as_deref() == Some(of) {
            self.details.problem = Some(message);
        }
    }

    /// Sorts all sessions by group; in the waiting group the next to continue comes first, in
    /// the others the newest.
    fn arrange(&mut self) {
        let matter: HashSet<&Path> = self.status.iter().map(|session| session.transcript.as_path()).collect();
        let mut rows: Vec<(SessionGroup, Arc<Session>)> =
            self.status.iter().map(|session| (session.group, Arc::clone(session))).collect();
        // Sessions that `status` omits are history, even if they once needed the user.
        let rest = self.listed.iter().filter(|session| !matter.contains(session.transcript.as_path()));
        rows.extend(rest.map(|session| (SessionGroup::Settled, Arc::clone(session))));
        rows.sort_by_key(|(group, session)| {
            let waits = (*group == SessionGroup::Waiting).then(|| continues_at(session)).flatten();
            (*group, waits, Reverse(session.last_activity_at))
        });
        self.rows = rows
            .into_iter()
            .map(|(group, session)| DashboardRow {
                haystack: haystack(&session),
                session: RowSession::Present(session, group),
                group: RowGroup::Present(group),
            })
            .collect();
        if self.purpose == DashboardPurpose::Rescue {
            for row in &mut self.rows {
                if row.present().is_some_and(|session| session.live.is_some()) {
                    row.group = RowGroup::Open;
                }
            }
            self.rows.sort_by_key(|row| row.group);
        }
        self.arrange_gone();
        self.lay_out();
        self.keep_selection();
    }

    /// Adds sessions without a transcript below all others.
    fn arrange_gone(&mut self) {
        let Some(gone) = self.gone.as_ref().filter(|gone| !gone.is_empty()) else { return };
        // A restored session may be in a page that is newer than the list of gone sessions.
        let present: HashSet<String> = self.rows.iter().map(|row| row.id().to_owned()).collect();
        let picked = |left| self.picker.is_none_or(|verb| verb.takes(left));
        for group in [RowGroup::Kept, RowGroup::Typed] {
            let members = gone.iter().filter(|one| !present.contains(&one.id) && picked(one.left));
            self.rows.extend(members.filter(|one| gone_group(one.left) == Some(group)).map(|one| {
                DashboardRow {
                    haystack: haystack_of_gone(one),
                    session: RowSession::Gone(Arc::clone(one)),
                    group,
                }
            }));
        }
    }

    /// Rebuilds the list entries from rows, filter and hits.
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
        for group in RowGroup::ALL {
            let (members, others): (Vec<usize>, Vec<usize>) =
                visible.into_iter().partition(|index| self.rows[*index].group == group);
            visible = others;
            let boxed = group == RowGroup::Open;
            let says_none = boxed
                && members.is_empty()
                && self.purpose == DashboardPurpose::Rescue
                && self.filter.trim().is_empty()
                && self.progress != ReadingProgress::Nothing;
            if !members.is_empty() || says_none {
                self.entries.push(ListEntry::Heading { group, count: members.len() });
                self.entries.extend(members.into_iter().map(ListEntry::Row));
                self.entries.extend(says_none.then_some(ListEntry::NoOpen));
                self.entries.extend(boxed.then_some(ListEntry::BoxEnd));
            }
        }
    }

    fn keep_selection(&mut self) {
        let rows = self.selectable();
        let at = |matches: &dyn Fn(&DashboardRow) -> bool| {
            rows.iter().position(|entry| self.row_of(*entry).is_some_and(matches))
        };
        let selected = self.selected.as_deref();
        let same = at(&|row| Some(row.key()) == selected);
        // A session that was restored or deleted has a new key but the same id.
        let id = selected.and_then(Path::file_stem).and_then(OsStr::to_str);
        let moved = || at(&|row| Some(row.id()) == id);
        let everything = self.progress >= ReadingProgress::Everything && self.gone.is_some();
        match same {
            Some(at) => self.cursor = at,
            // A reopened view may select a session that only the complete list contains.
            None if self.selected.is_some() && !everything => {}
            None if let Some(at) = moved() => {
                self.cursor = at;
                self.selected = self.key_of(rows[at]);
                self.selection_changed();
            }
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

    /// Returns the positions in `entries` that can be selected.
    fn selectable(&self) -> Vec<usize> {
        let can_be = |entry: &ListEntry| match entry {
            ListEntry::Row(_) | ListEntry::Hit(_) => true,
            ListEntry::Heading { .. } | ListEntry::NoOpen | ListEntry::BoxEnd => false,
        };
        (0..self.entries.len()).filter(|at| can_be(&self.entries[*at])).collect()
    }

    fn row_of(&self, entry: usize) -> Option<&DashboardRow> {
        match self.entries.get(entry)? {
            ListEntry::Row(index) => Some(&self.rows[*index]),
            ListEntry::Heading { .. } | ListEntry::Hit(_) | ListEntry::NoOpen | ListEntry::BoxEnd => None,
        }
    }

    fn key_of(&self, entry: usize) -> Option<PathBuf> {
        self.row_of(entry).map(|row| row.key().to_path_buf())
    }

    fn selection_changed(&mut self) {
        self.details = SessionDetails::default();
        self.scroll = 0;
    }

    /// Returns whether the dashboard must not change anything.
    #[must_use]
    pub const fn is_read_only(&self) -> bool {
        match self.purpose {
            DashboardPurpose::Act | DashboardPurpose::Rescue => false,
            DashboardPurpose::Watch => true,
        }
    }

    /// Returns the key of the row shown in the preview. A hit in a subagent belongs to the
    /// transcript of its session.
    #[must_use]
    pub fn target(&self) -> Option<PathBuf> {
        match &self.hits {
            Some(hits) => {
                let hit = hits.hits.get(hits.selected)?;
                let known = self.rows.iter().find(|row| row.id() == hit.id);
                let unknown = || if hit.gone { PathBuf::from(&hit.id) } else { hit.transcript.clone() };
                Some(known.map_or_else(unknown, |row| row.key().to_path_buf()))
            }
            None => self.selected.clone(),
        }
    }

    fn selected_row(&self) -> Option<&DashboardRow> {
        let target = self.target()?;
        self.rows.iter().find(|row| row.key() == target)
    }

    #[must_use]
    pub fn selected_session(&self) -> Option<Arc<Session>> {
        self.selected_row()?.present().map(Arc::clone)
    }

    #[must_use]
    pub fn selected_gone(&self) -> Option<Arc<GoneSession>> {
        match &self.selected_row()?.session {
            RowSession::Gone(gone) => Some(Arc::clone(gone)),
            RowSession::Present(..) => None,
        }
    }

    /// Returns the details that the preview needs, and the time of the newest message known to the list.
    #[must_use]
    pub fn details_request(&self) -> Option<(DetailsRequest, Option<DateTime<Utc>>)> {
        match self.selected_row().map(|row| &row.session) {
            Some(RowSession::Present(session, _)) => {
                Some((DetailsRequest::Present(session.transcript.clone()), session.last_activity_at))
            }
            Some(RowSession::Gone(gone)) => match gone.left {
                GoneLeft::Conversation => Some((DetailsRequest::Kept(gone.id.clone()), gone.last_at)),
                GoneLeft::Prompts | GoneLeft::Nothing => None,
            },
            None if self.selected_hit().is_some_and(|hit| hit.gone) => None,
            None => Some((DetailsRequest::Present(self.target()?), None)),
        }
    }

    #[must_use]
    pub fn selected_hit(&self) -> Option<&SearchHit> {
        self.hits.as_ref().and_then(|hits| hits.hits.get(hits.selected))
    }

    #[must_use]
    pub fn is_selected(&self, entry: ListEntry) -> bool {
        match entry {
            ListEntry::Heading { .. } | ListEntry::NoOpen | ListEntry::BoxEnd => false,
            ListEntry::Row(index) => Some(self.rows[index].key()) == self.selected.as_deref(),
            ListEntry::Hit(index) => self.hits.as_ref().is_some_and(|hits| hits.selected == index),
        }
    }

    /// Returns the name by which a command can find the session.
    fn session_name(&self) -> Option<String> {
        match (self.selected_row(), self.selected_hit()) {
            (Some(row), _) => Some(match &row.session {
                RowSession::Present(session, _) if session.conflict_copy_of.is_some() => {
                    session.transcript.to_string_lossy().into_owned()
                }
                RowSession::Present(..) | RowSession::Gone(_) => row.id().to_owned(),
            }),
            (None, Some(hit)) => Some(hit.id.clone()),
            (None, None) => None,
        }
    }

    /// Returns for each entry its first line, its height and the entry.
    pub fn lines(&self) -> impl Iterator<Item = (usize, usize, ListEntry)> + '_ {
        let mut line = 0;
        self.entries.iter().enumerate().map(move |(at, entry)| {
            let height = entry.height(&self.rows, at == 0);
            line += height;
            (line - height, height, *entry)
        })
    }

    /// Scrolls the list so that the selected entry is visible.
    pub fn show_selected(&mut self, height: usize) {
        let total = self.lines().last().map_or(0, |(line, height, _)| line + height);
        let selected = self.lines().find(|(_, _, entry)| self.is_selected(*entry));
        if let Some((line, own, _)) = selected {
            // Also shows the heading above the first row.
            let first = if line <= 1 { 0 } else { line };
            if first < self.top {
                self.top = first;
            } else if line + own > self.top + height {
                self.top = (line + own).saturating_sub(height);
            }
        }
        self.top = self.top.min(total.saturating_sub(height));
    }

    /// Returns whether something on the screen changes every second.
    #[must_use]
    pub fn counts_down(&self, now: DateTime<Utc>) -> bool {
        let waiting = RowGroup::Present(SessionGroup::Waiting);
        let waits = |row: &DashboardRow| {
            row.group == waiting && row.present().is_some_and(|session| continues_at(session) > Some(now))
        };
        self.rows.iter().take_while(|row| row.group <= waiting).any(waits)
    }

    /// Returns when the next countdown ends, which may change the state of its session.
    #[must_use]
    pub fn next_due(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.status.iter().filter_map(|session| session.next.at).filter(|at| *at > now).min()
    }

    /// Returns the paths to watch: the transcripts of unfinished and open sessions, and the transcript
    /// directories of all sessions. A change triggers a new reading.
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
            self.origin = SelectionOrigin::Chosen;
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
                (self.status, self.listed, self.gone, self.hits) = (Vec::new(), Vec::new(), None, None);
                self.arrange();
                return DashboardEffect::ReadAgain;
            }
            DashboardCommand::ToDeleted => self.select_deleted(),
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
                let mode = std::mem::take(&mut self.mode);
                return match mode {
                    DashboardMode::Confirm(DashboardQuestion::Cancel) => self.leave(DashboardAction::Cancel),
                    DashboardMode::Confirm(DashboardQuestion::Restore) => {
                        self.leave(DashboardAction::Restore)
                    }
                    DashboardMode::List
                    | DashboardMode::Filter
                    | DashboardMode::Search
                    | DashboardMode::Help => DashboardEffect::None,
                };
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

    /// Handles Esc: closes the innermost open element, and finally the dashboard.
    fn close(&mut self) -> DashboardEffect {
        match self.mode {
            DashboardMode::Help | DashboardMode::Confirm(_) | DashboardMode::Search => {
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
            // The best match is selected while the user types the filter.
            self.select_first();
        }
    }

    fn select_first(&mut self) {
        let first = self.selectable().first().and_then(|at| self.key_of(*at));
        if first != self.selected {
            (self.selected, self.cursor, self.top) = (first, 0, 0);
            self.selection_changed();
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
            // A narrow screen shows the preview, so this scrolls it.
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
        // The conversation is scrolled from its end.
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
                self.notice =
                    Some("Enter chooses the selected session, Esc quits without a choice".to_owned());
                return DashboardEffect::None;
            }
            (false, action) => action,
        };
        if matches!(action, DashboardAction::Resume | DashboardAction::Pick)
            && self.areas.preview.is_none()
            && !self.reading
        {
            self.reading = true;
            return DashboardEffect::None;
        }
        if self.is_read_only() && action.writes() {
            self.notice =
                Some("this view is read-only: run `cc-session-recover` to act on a session".to_owned());
            return DashboardEffect::None;
        }
        if let Some(gone) = self.selected_gone() {
            return self.act_on_gone(gone.left, action);
        }
        let session = self.selected_session();
        let live = session.as_ref().and_then(|session| session.live.as_ref());
        match action {
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
            DashboardAction::Cancel => self.mode = DashboardMode::Confirm(DashboardQuestion::Cancel),
            DashboardAction::Restore if live.is_some() => {
                self.notice = Some("it is open: end it before you restore it".to_owned());
            }
            DashboardAction::Restore if self.lost_something() => {
                self.mode = DashboardMode::Confirm(DashboardQuestion::Restore);
            }
            DashboardAction::Restore => {
                self.notice = Some("its transcript is complete: there is nothing to restore".to_owned());
            }
            _ => return self.leave(action),
        }
        DashboardEffect::None
    }

    /// Returns whether the kept copy can restore something that the selected transcript lost.
    fn lost_something(&self) -> bool {
        let loss = self.details.shown.as_ref().and_then(|session| session.loss);
        loss.is_some_and(|loss| loss.restorable)
    }

    fn act_on_gone(&mut self, left: GoneLeft, action: DashboardAction) -> DashboardEffect {
        match (left, action) {
            (_, DashboardAction::Quit | DashboardAction::Interrupt | DashboardAction::Show) => {
                return self.leave(action);
            }
            (
                GoneLeft::Conversation,
                DashboardAction::Pick
                | DashboardAction::Export
                | DashboardAction::OpenPage
                | DashboardAction::Handoff,
            ) => return self.leave(action),
            (
                GoneLeft::Conversation,
                DashboardAction::Restore | DashboardAction::Resume | DashboardAction::ResumeWindow,
            ) => self.mode = DashboardMode::Confirm(DashboardQuestion::Restore),
            (
                GoneLeft::Conversation,
                DashboardAction::Pause
                | DashboardAction::Unpause
                | DashboardAction::Cancel
                | DashboardAction::Kill
                | DashboardAction::Repair,
            ) => {
                self.notice = Some("Claude Code deleted this session: b restores it".to_owned());
            }
            (
                GoneLeft::Prompts | GoneLeft::Nothing,
                DashboardAction::Pick
                | DashboardAction::Resume
                | DashboardAction::ResumeWindow
                | DashboardAction::OpenPage
                | DashboardAction::Export
                | DashboardAction::Handoff
                | DashboardAction::Pause
                | DashboardAction::Unpause
                | DashboardAction::Cancel
                | DashboardAction::Kill
                | DashboardAction::Repair
                | DashboardAction::Restore,
            ) => {
                self.notice = Some("only typed prompts are left of this session".to_owned());
            }
        }
        DashboardEffect::None
    }

    fn select_deleted(&mut self) {
        self.close_hits();
        let deleted = |row: &DashboardRow| matches!(row.session, RowSession::Gone(_));
        let rows = self.selectable();
        let first = rows.iter().position(|entry| self.row_of(*entry).is_some_and(deleted));
        let Some(at) = first else {
            let words = if self.gone.is_none() { "still reading" } else { "no deleted session to show" };
            self.notice = Some(words.to_owned());
            return;
        };
        (self.cursor, self.reading) = (at, false);
        let key = self.key_of(rows[at]);
        if key != self.selected {
            self.selected = key;
            self.selection_changed();
        }
    }

    fn click(&mut self, at: Position) -> DashboardEffect {
        let Some(area) = self.areas.list.filter(|area| area.contains(at)) else {
            return DashboardEffect::None;
        };
        let line = self.top + usize::from(at.y - area.y);
        let hit = self.lines().find(|(first, height, _)| (*first..first + height).contains(&line));
        match hit.map(|(_, _, entry)| entry) {
            Some(ListEntry::Row(index)) => {
                let key = self.rows[index].key().to_path_buf();
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
            Some(ListEntry::Heading { .. } | ListEntry::NoOpen | ListEntry::BoxEnd) | None => {}
        }
        DashboardEffect::None
    }
}
