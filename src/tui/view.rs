//! Draws a [`Dashboard`] on a frame. Drawing changes only scroll positions, which depend on the size.

use super::details::typed_conversation;
use super::model::{
    Dashboard, DashboardAction, DashboardAreas, DashboardMode, DashboardPurpose, DashboardQuestion,
    DashboardRow, ListEntry, PreviewTab, ReadingProgress, RowGroup, RowSession,
};
use super::preview::{PreviewLine, PreviewStyle, conversation, gone_overview, overview};
use super::source::DashboardScope;
use super::words::{
    age, doing_words, name_of, name_of_gone, open_words, project_of, project_of_gone, time_words,
};
use crate::report::gone::GoneLeft;
use crate::report::search::SearchHit;
use crate::report::session::SessionGroup;
use crate::report::status::{RecoveryOverview, RecoverySetup};
use crate::text::one_line;
use chrono::{DateTime, Utc};
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::widgets::{Block, Clear, Widget};
use unicode_width::UnicodeWidthStr;

/// Maximum length of text drawn on one line, in characters.
const LINE_TEXT: usize = 400;

/// Keys and their effects, short enough for 40 columns, with the action if there is one.
const HELP: &[(&str, &str, Option<DashboardAction>)] = &[
    ("Enter", "resume it here", Some(DashboardAction::Resume)),
    ("w", "resume it in a new window", Some(DashboardAction::ResumeWindow)),
    ("s", "print everything about it", Some(DashboardAction::Show)),
    ("o", "open its page in a browser", Some(DashboardAction::OpenPage)),
    ("e", "export it", Some(DashboardAction::Export)),
    ("h", "print its handoff note", Some(DashboardAction::Handoff)),
    ("p", "pause or unpause recovery", Some(DashboardAction::Pause)),
    ("c", "cancel its recovery (asks)", Some(DashboardAction::Cancel)),
    ("k", "end its process (asks)", Some(DashboardAction::Kill)),
    ("r", "check and repair it (asks)", Some(DashboardAction::Repair)),
    ("b", "restore if deleted (asks)", Some(DashboardAction::Restore)),
    ("", "", None),
    ("f", "filter by name and prompt", None),
    ("/", "search all transcripts", None),
    ("Tab", "this project, or all", None),
    ("Esc", "close what is open", None),
    ("q", "leave", None),
    ("", "", None),
    ("Up, Down", "choose a session", None),
    ("Home, End", "first or last session", None),
    ("d", "go to deleted sessions", None),
    ("PgUp, PgDn", "scroll the preview", None),
    ("t", "overview or conversation", None),
    ("v", "evidence of the state", None),
    ("Space", "list or preview, if narrow", None),
    ("Ctrl-Z", "suspend", None),
    ("Shift", "select text with the mouse", None),
];

/// Color palette, possibly without colors.
#[derive(Debug, Clone, Copy)]
struct Palette {
    colour: bool,
}

impl Palette {
    fn of(self, colour: Color) -> Style {
        if self.colour { Style::new().fg(colour) } else { Style::new() }
    }

    fn dim() -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    fn group(self, group: RowGroup) -> Style {
        match group {
            RowGroup::Present(SessionGroup::NeedsYou | SessionGroup::Hung) => self.of(Color::Red),
            RowGroup::Present(SessionGroup::Waiting) => self.of(Color::Yellow),
            RowGroup::Present(SessionGroup::Running) | RowGroup::Open => self.of(Color::Green),
            RowGroup::Present(SessionGroup::Settled) | RowGroup::Kept | RowGroup::Typed => Self::dim(),
        }
    }

    fn preview(self, style: PreviewStyle) -> Style {
        match style {
            PreviewStyle::Title => Style::new().add_modifier(Modifier::BOLD),
            PreviewStyle::Heading => self.of(Color::Cyan).add_modifier(Modifier::BOLD),
            PreviewStyle::Plain | PreviewStyle::Claude => Style::new(),
            PreviewStyle::Dim => Self::dim(),
            PreviewStyle::Warning => self.of(Color::Yellow),
            PreviewStyle::You => self.of(Color::Green),
            PreviewStyle::Event => self.of(Color::Magenta),
        }
    }
}

#[must_use]
pub const fn group_title(group: RowGroup) -> &'static str {
    match group {
        RowGroup::Open => "Open sessions",
        RowGroup::Present(SessionGroup::NeedsYou) => "Needs you",
        RowGroup::Present(SessionGroup::Waiting) => "Waiting",
        RowGroup::Present(SessionGroup::Hung) => "Hung",
        RowGroup::Present(SessionGroup::Running) => "Running",
        RowGroup::Present(SessionGroup::Settled) => "Recent",
        RowGroup::Kept => "Deleted, kept",
        RowGroup::Typed => "Deleted, prompts only",
    }
}

pub fn draw(dashboard: &mut Dashboard, frame: &mut Frame<'_>, now: DateTime<Utc>) {
    let size = frame.area();
    let areas = DashboardAreas::of(size, dashboard.reading);
    dashboard.areas = areas;
    let palette = Palette { colour: dashboard.colour };
    let buffer = frame.buffer_mut();
    header(dashboard, buffer, areas.header, palette, now);
    if let Some(area) = areas.list {
        list(dashboard, buffer, area, palette, now);
    }
    if let (Some(list), Some(preview)) = (areas.list, areas.preview) {
        for y in preview.top()..preview.bottom() {
            put(buffer, Rect { x: list.right(), y, width: 1, height: 1 }, "│", Palette::dim());
        }
    }
    if let Some(area) = areas.preview {
        preview(dashboard, buffer, area, palette, now);
    }
    footer(dashboard, buffer, areas.footer, palette);
    if dashboard.mode == DashboardMode::Help {
        help(dashboard, buffer, size);
    }
    if let Some(at) = input_cursor(dashboard, areas.footer) {
        frame.set_cursor_position(at);
    }
}

/// Draws a text, cut to the area, and returns the number of columns it used.
fn put(buffer: &mut Buffer, area: Rect, text: &str, style: Style) -> u16 {
    if area.is_empty() {
        return 0;
    }
    let text = one_line_keeping_blanks(text);
    let room = usize::from(area.width);
    let (cut, style) = (cut(&text, room), style);
    let (end, _) = buffer.set_stringn(area.x, area.y, cut, room, style);
    end - area.x
}

/// Removes control and invisible characters, which must not be in a cell.
fn one_line_keeping_blanks(text: &str) -> String {
    text.chars().filter(|char| !char.is_control() && !crate::text::invisible(*char)).take(LINE_TEXT).collect()
}

/// Shortens a text to at most `room` columns, ending in an ellipsis if something was cut.
fn cut(text: &str, room: usize) -> String {
    if text.width() <= room {
        return text.to_owned();
    }
    let mut kept = String::new();
    for char in text.chars() {
        kept.push(char);
        if kept.width() + 1 > room {
            kept.pop();
            break;
        }
    }
    if room > 0 {
        kept.push('…');
    }
    kept
}

/// Draws a text at the right end of the area and returns the remaining area.
fn put_right(buffer: &mut Buffer, area: Rect, text: &str, style: Style) -> Rect {
    let width = u16::try_from(text.width()).unwrap_or(u16::MAX);
    if width == 0 || width + 4 > area.width {
        return area;
    }
    put(buffer, Rect { x: area.right() - width, width, ..area }, text, style);
    Rect { width: area.width - width - 1, ..area }
}

fn header(dashboard: &Dashboard, buffer: &mut Buffer, area: Rect, palette: Palette, now: DateTime<Utc>) {
    let counts = |group| {
        dashboard
            .rows
            .iter()
            .filter(|row| matches!(row.session, RowSession::Present(_, of) if of == group))
            .count()
    };
    let (needs, waiting) =
        (counts(SessionGroup::NeedsYou) + counts(SessionGroup::Hung), counts(SessionGroup::Waiting));
    let title = match (&dashboard.picker, dashboard.scope, &dashboard.project) {
        (Some(verb), ..) => format!("Choose a session: {}", verb.name()),
        (None, DashboardScope::All, _) => "All projects".to_owned(),
        (None, DashboardScope::Project, Some(dir)) => {
            one_line(&dir.file_name().unwrap_or(dir.as_os_str()).to_string_lossy(), LINE_TEXT)
        }
        (None, DashboardScope::Project, None) => "This project".to_owned(),
    };
    let right = match (&dashboard.searching, dashboard.progress) {
        (Some(text), _) => format!("searching “{}” …", one_line(text, 30)),
        (None, ReadingProgress::Nothing | ReadingProgress::Newest) => "reading sessions …".to_owned(),
        (None, ReadingProgress::Everything) => {
            let present = || dashboard.rows.iter().filter(|row| row.present().is_some()).count();
            quota_words(dashboard, now).unwrap_or_else(|| format!("{} sessions", present()))
        }
        (None, ReadingProgress::Failed) => String::new(),
    };
    let needs = match needs {
        0 => String::new(),
        1 => "  1 needs you".to_owned(),
        more => format!("  {more} need you"),
    };
    let waiting = if waiting > 0 { format!("  {waiting} waiting") } else { String::new() };
    let left = format!("{title}{needs}{waiting}");
    let room = usize::from(area.width).saturating_sub(left.width() + 2);
    let recovery = dashboard.recovery.as_ref().map(recovery_words);
    let mut rest = area;
    // If only one of them fits, an unusual recovery state takes precedence over the quota.
    if recovery.as_ref().is_none_or(|(words, usual)| *usual || words.width() + 2 + right.width() <= room) {
        rest = put_right(buffer, rest, &right, Palette::dim());
    }
    if let Some((words, usual)) = recovery {
        let taken = usize::from(area.width - rest.width);
        if taken + words.width() < room {
            let style = if usual { Palette::dim() } else { palette.of(Color::Yellow) };
            let beside = Rect { width: rest.width.saturating_sub(u16::from(taken > 0)), ..rest };
            rest = put_right(buffer, beside, &words, style);
        }
    }
    put(buffer, rest, &left, Style::new().add_modifier(Modifier::BOLD));
}

/// Returns the recovery state that `status` prints first, in words that are short enough for the header, and
/// whether it is the usual state.
fn recovery_words(recovery: &RecoveryOverview) -> (String, bool) {
    match (recovery.setup, recovery.paused_all, recovery.paused) {
        (RecoverySetup::NotSetUp, ..) => ("recovery not set up".to_owned(), false),
        (RecoverySetup::SwitchedOff, ..) => ("recovery off".to_owned(), false),
        (RecoverySetup::On, true, _) => ("everything paused".to_owned(), false),
        (RecoverySetup::On, false, 0) => ("recovery on".to_owned(), true),
        (RecoverySetup::On, false, paused) => (format!("recovery on, {paused} paused"), false),
    }
}

/// Returns the used share of the usage windows, as Claude Code reports it; only for windows
/// that have not reset.
fn quota_words(dashboard: &Dashboard, now: DateTime<Utc>) -> Option<String> {
    let account = dashboard.accounts.iter().max_by_key(|account| account.seen_at)?;
    let used = |name: &str, window: &Option<crate::quota::refresh::Window>| {
        let window = window.as_ref().filter(|window| window.resets_at > now)?;
        Some(format!("{name} {:.0} % used", window.used_percent))
    };
    let parts: Vec<String> =
        [used("5 h", &account.five_hour), used("7 d", &account.seven_day)].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn list(dashboard: &mut Dashboard, buffer: &mut Buffer, area: Rect, palette: Palette, now: DateTime<Utc>) {
    dashboard.show_selected(usize::from(area.height));
    if dashboard.entries.is_empty() {
        let words = match (dashboard.progress, dashboard.filter.is_empty()) {
            (ReadingProgress::Nothing | ReadingProgress::Newest, _) => "Reading sessions …",
            (ReadingProgress::Failed, _) => "The sessions could not be read.",
            (ReadingProgress::Everything, false) => "No session matches the filter.",
            (ReadingProgress::Everything, true) if dashboard.scope == DashboardScope::Project => {
                "No sessions in this project. Tab shows all."
            }
            (ReadingProgress::Everything, true) => "No sessions yet.",
        };
        put(buffer, area, words, Palette::dim());
        return;
    }
    let (top, bottom) = (dashboard.top, dashboard.top + usize::from(area.height));
    for (first, height, entry) in dashboard.lines() {
        if first >= bottom {
            break;
        }
        if first + height <= top {
            continue;
        }
        let line = |offset: usize| {
            let at = (first + offset).checked_sub(top).filter(|at| *at < usize::from(area.height))?;
            Some(Rect { y: area.y + u16::try_from(at).ok()?, height: 1, ..area })
        };
        let selected = dashboard.is_selected(entry);
        match entry {
            ListEntry::Heading { group, count } => {
                if group == RowGroup::Open {
                    if let Some(area) = line(height - 1) {
                        let title = format!(" {} ({count}) ", group_title(group));
                        box_edge(buffer, area, ('╭', '╮'), &title, palette.group(group));
                    }
                } else if let Some(area) = line(height - 1) {
                    let style = palette.group(group).add_modifier(Modifier::BOLD);
                    put(buffer, area, &format!("{} ({count})", group_title(group)), style);
                }
            }
            ListEntry::NoOpen => {
                if let Some(area) = line(0) {
                    let area = boxed(buffer, area, palette.group(RowGroup::Open));
                    put(buffer, area, "No session is open.", Palette::dim());
                }
            }
            ListEntry::BoxEnd => {
                if let Some(area) = line(0) {
                    box_edge(buffer, area, ('╰', '╯'), "", palette.group(RowGroup::Open));
                }
            }
            ListEntry::Row(index) => {
                draw_row(buffer, &dashboard.rows[index], selected, height, &line, palette, now);
            }
            ListEntry::Hit(index) => {
                if let Some(hit) = dashboard.hits.as_ref().and_then(|hits| hits.hits.get(index)) {
                    draw_hit(buffer, hit, selected, &line, now);
                }
            }
        }
    }
}

/// Draws a session row. `line` returns the area of a line of the row, if it is on the screen.
fn draw_row(
    buffer: &mut Buffer,
    row: &DashboardRow,
    selected: bool,
    height: usize,
    line: &dyn Fn(usize) -> Option<Rect>,
    palette: Palette,
    now: DateTime<Utc>,
) {
    let in_box = row.group == RowGroup::Open;
    let RowWords { name, project, time, doing } = row_words(row, now);
    for offset in 0..height {
        let Some(area) = line(offset) else { continue };
        let own = if in_box { boxed(buffer, area, palette.group(row.group)) } else { area };
        if offset == 0 {
            let area = marked(buffer, own, selected, palette.group(row.group));
            let rest = put_right(buffer, area, &time, palette.group(row.group));
            let style = if selected { Style::new().add_modifier(Modifier::BOLD) } else { Style::new() };
            let used = put(buffer, rest, &name, style);
            if height == 1 && used + 2 < rest.width {
                let rest = Rect { x: rest.x + used + 2, width: rest.width - used - 2, ..rest };
                put(buffer, rest, &project, Palette::dim());
            }
        } else {
            let area = marked(buffer, own, false, Style::new());
            let text = if in_box { doing.clone() } else { format!("{project}: {doing}") };
            put(buffer, area, &text, Palette::dim());
        }
        if selected {
            buffer.set_style(own, Style::new().add_modifier(Modifier::REVERSED));
        }
    }
}

/// Draws a search hit. `line` returns the area of a line of the hit, if it is on the screen.
fn draw_hit(
    buffer: &mut Buffer,
    hit: &SearchHit,
    selected: bool,
    line: &dyn Fn(usize) -> Option<Rect>,
    now: DateTime<Utc>,
) {
    let name = [&hit.name, &hit.title].into_iter().flatten().next().unwrap_or(&hit.id);
    if let Some(area) = line(0) {
        let area = marked(buffer, area, selected, Style::new());
        let when = hit.at.map_or_else(String::new, |at| age(at, now));
        let rest = put_right(buffer, area, &when, Palette::dim());
        put(buffer, rest, &one_line(name, LINE_TEXT), Style::new().add_modifier(Modifier::BOLD));
    }
    if let Some(area) = line(1) {
        let area = marked(buffer, area, false, Style::new());
        put(buffer, area, &one_line(&hit.snippet, LINE_TEXT), Palette::dim());
    }
    if selected {
        for area in [0, 1].into_iter().filter_map(line) {
            buffer.set_style(area, Style::new().add_modifier(Modifier::REVERSED));
        }
    }
}

/// Width of one side of the box, including its padding.
const BOX_SIDE: u16 = 2;

/// Draws the sides of the box of open sessions and returns the area between them.
fn boxed(buffer: &mut Buffer, area: Rect, style: Style) -> Rect {
    put(buffer, Rect { width: 1.min(area.width), ..area }, "│", style);
    put(buffer, Rect { x: area.right().saturating_sub(1), width: 1.min(area.width), ..area }, "│", style);
    let taken = BOX_SIDE.min(area.width / 2);
    Rect { x: area.x + taken, width: area.width - 2 * taken, ..area }
}

/// Draws the upper or the lower edge of the box.
fn box_edge(buffer: &mut Buffer, area: Rect, (left, right): (char, char), title: &str, style: Style) {
    let room = usize::from(area.width).saturating_sub(2);
    let title = cut(title, room);
    let rest = "─".repeat(room - title.width());
    put(buffer, area, &format!("{left}{title}{rest}{right}"), style);
}

struct RowWords {
    name: String,
    project: String,
    time: String,
    /// Drawn if the row has a second line.
    doing: String,
}

fn row_words(row: &DashboardRow, now: DateTime<Utc>) -> RowWords {
    match &row.session {
        RowSession::Present(session, group) => RowWords {
            name: name_of(session),
            project: project_of(session),
            time: time_words(session, *group, now),
            doing: match &session.live {
                Some(live) if row.group == RowGroup::Open => open_words(session, live),
                Some(_) | None => doing_words(session),
            },
        },
        RowSession::Gone(gone) => RowWords {
            name: name_of_gone(gone),
            project: project_of_gone(gone),
            time: gone.last_at.map_or_else(String::new, |at| age(at, now)),
            doing: String::new(),
        },
    }
}

/// Draws the marker of the selected row, which is visible even without colors or reverse video.
fn marked(buffer: &mut Buffer, area: Rect, selected: bool, style: Style) -> Rect {
    put(buffer, Rect { width: 1.min(area.width), ..area }, if selected { ">" } else { " " }, style);
    let taken = 2.min(area.width);
    Rect { x: area.x + taken, width: area.width - taken, ..area }
}

fn preview(dashboard: &mut Dashboard, buffer: &mut Buffer, area: Rect, palette: Palette, now: DateTime<Utc>) {
    let (tabs, body) = (
        Rect { height: 1.min(area.height), ..area },
        Rect { y: area.y + 1.min(area.height), height: area.height.saturating_sub(1), ..area },
    );
    let (details, hit) = (&dashboard.details, dashboard.selected_hit());
    let acts = !dashboard.is_read_only();
    let read = || match &details.conversation {
        Some(entries) => conversation(entries, body.width),
        None => {
            vec![PreviewLine { style: PreviewStyle::Dim, text: "Reading the conversation …".to_owned() }]
        }
    };
    let lines: Vec<PreviewLine> =
        match (dashboard.tab, dashboard.selected_session(), dashboard.selected_gone()) {
            (PreviewTab::Overview, Some(session), _) => {
                overview(&session, details, hit, dashboard.evidence, acts, body.width, now)
            }
            (PreviewTab::Overview, None, Some(gone)) => {
                gone_overview(&gone, details, hit, acts, body.width, now)
            }
            (PreviewTab::Conversation, None, Some(gone)) if gone.left == GoneLeft::Prompts => {
                conversation(&typed_conversation(&gone), body.width)
            }
            (PreviewTab::Conversation, Some(_), _) | (PreviewTab::Conversation, None, Some(_)) => read(),
            (_, None, None) => {
                let gone = hit.is_some_and(|hit| hit.gone);
                let words = if gone { "The transcript of this session is gone." } else { "" };
                put(buffer, area, words, Palette::dim());
                return;
            }
        };
    let height = usize::from(body.height);
    let most = lines.len().saturating_sub(height);
    dashboard.scroll = dashboard.scroll.min(most);
    let first = match dashboard.tab {
        PreviewTab::Overview => dashboard.scroll,
        PreviewTab::Conversation => most - dashboard.scroll,
    };
    for (line, y) in lines.iter().skip(first).zip(body.top()..body.bottom()) {
        put(buffer, Rect { y, height: 1, ..body }, &line.text, palette.preview(line.style));
    }
    tab_line(dashboard.tab, buffer, tabs, (first, height, lines.len()));
}

fn tab_line(tab: PreviewTab, buffer: &mut Buffer, area: Rect, (first, height, total): (usize, usize, usize)) {
    let more = if total > height {
        format!("{} to {} of {total}", first + 1, (first + height).min(total))
    } else {
        String::new()
    };
    let mut rest = put_right(buffer, area, &more, Palette::dim());
    for (one, name) in [(PreviewTab::Overview, "Overview"), (PreviewTab::Conversation, "Conversation")] {
        let style = if one == tab { Style::new().add_modifier(Modifier::UNDERLINED) } else { Palette::dim() };
        let used = (put(buffer, rest, name, style) + 2).min(rest.width);
        rest = Rect { x: rest.x + used, width: rest.width - used, ..rest };
    }
}

/// Returns label and text of the active input line.
fn input_line(dashboard: &Dashboard) -> Option<(&'static str, &str)> {
    match dashboard.mode {
        DashboardMode::Filter => Some(("filter: ", &dashboard.filter)),
        DashboardMode::Search => Some(("search: ", &dashboard.search_text)),
        DashboardMode::List | DashboardMode::Help | DashboardMode::Confirm(_) => None,
    }
}

/// Returns as much of the end of a typed text as fits.
fn tail(text: &str, room: usize) -> &str {
    let mut tail = text;
    while tail.width() > room {
        let mut chars = tail.chars();
        chars.next();
        tail = chars.as_str();
    }
    tail
}

fn input_cursor(dashboard: &Dashboard, area: Rect) -> Option<Position> {
    let (label, text) = input_line(dashboard)?;
    let room = usize::from(area.width).saturating_sub(label.len() + 1);
    let x = label.len() + tail(text, room).width();
    Some(Position::new(area.x + u16::try_from(x).ok()?.min(area.width.saturating_sub(1)), area.y))
}

fn footer(dashboard: &Dashboard, buffer: &mut Buffer, area: Rect, palette: Palette) {
    let bold = Style::new().add_modifier(Modifier::BOLD);
    if let Some((label, text)) = input_line(dashboard) {
        let used = put(buffer, area, label, bold);
        let rest = Rect { x: area.x + used, width: area.width - used, ..area };
        put(buffer, rest, tail(text, usize::from(rest.width).saturating_sub(1)), Style::new());
        return;
    }
    if let DashboardMode::Confirm(question) = dashboard.mode {
        let asked = match question {
            DashboardQuestion::Cancel => "Cancel the recovery?",
            DashboardQuestion::Restore => "Restore this session?",
        };
        let gone = || dashboard.selected_gone().map(|gone| name_of_gone(&gone));
        let name = dashboard.selected_session().map(|session| name_of(&session)).or_else(gone);
        let text = format!("{asked} y / n  {}", name.unwrap_or_default());
        put(buffer, area, &text, palette.of(Color::Yellow).patch(bold));
        return;
    }
    if let Some(notice) = &dashboard.notice {
        put(buffer, area, &super::words::sentence(&one_line(notice, LINE_TEXT)), palette.of(Color::Yellow));
        return;
    }
    let text = match (&dashboard.hits, dashboard.filter.is_empty(), &dashboard.picker) {
        (Some(hits), ..) => {
            let shown = if hits.total > hits.hits.len() { format!(" ({} shown)", hits.hits.len()) } else { String::new() };
            format!("{} hits for “{}”{shown}  Esc back", hits.total, hits.text)
        }
        (None, false, _) => format!("filter “{}”  f change  Esc clear", dashboard.filter),
        (None, true, None) if dashboard.is_read_only() => {
            "read-only  ? help  f filter  / search  q quit  Tab scope  t conversation  s show".to_owned()
        }
        (None, true, None) if dashboard.purpose == DashboardPurpose::Rescue => {
            "? help  e export  k end  Enter resume  s show  q quit  f filter  / search  Tab scope  t conversation"
                .to_owned()
        }
        (None, true, Some(_)) => "Enter choose  f filter  / search  Tab scope  Esc leave".to_owned(),
        (None, true, None)
            if dashboard.selected_gone().is_some_and(|gone| gone.left == GoneLeft::Conversation) =>
        {
            "? help  b restore  f filter  / search  q quit  Tab scope  t conversation  e export  h handoff"
                .to_owned()
        }
        (None, true, None) => {
            "? help  Enter resume  f filter  / search  q quit  Tab scope  t conversation  e export  h handoff  p pause  k end"
                .to_owned()
        }
    };
    // Drops hints that do not fit completely; a cut one could lose its key.
    let mut shown = String::new();
    for part in text.split("  ") {
        if !shown.is_empty() && shown.width() + 2 + part.width() > usize::from(area.width) {
            break;
        }
        if !shown.is_empty() {
            shown.push_str("  ");
        }
        shown.push_str(part);
    }
    put(buffer, area, &shown, Palette::dim());
}

fn help(dashboard: &mut Dashboard, buffer: &mut Buffer, size: Rect) {
    let lines: Vec<_> = HELP
        .iter()
        .filter(|(.., action)| !(dashboard.is_read_only() && action.is_some_and(DashboardAction::writes)))
        .collect();
    let width = 50.min(size.width);
    // Two lines of frame, and one that explains how to close it.
    let height = u16::try_from(lines.len() + 3).unwrap_or(u16::MAX).min(size.height);
    let area =
        Rect { x: size.x + (size.width - width) / 2, y: size.y + (size.height - height) / 2, width, height };
    Clear.render(area, buffer);
    let block =
        Block::bordered().title(if dashboard.is_read_only() { " Keys, read-only " } else { " Keys " });
    let inner = block.inner(area);
    block.render(area, buffer);
    let room = usize::from(inner.height.saturating_sub(1));
    dashboard.help_top = dashboard.help_top.min(lines.len().saturating_sub(room));
    let label = 11;
    for (y, (key, does, _)) in (inner.y..).zip(lines.iter().skip(dashboard.help_top).take(room)) {
        let line = Rect { y, height: 1, ..inner };
        let bold = Style::new().add_modifier(Modifier::BOLD);
        put(buffer, Rect { width: label.min(line.width), ..line }, key, bold);
        let taken = label.min(line.width);
        put(buffer, Rect { x: line.x + taken, width: line.width - taken, ..line }, does, Style::new());
    }
    let closes =
        if lines.len() > room { "Down: more; any other key: close" } else { "press any key to close" };
    put(buffer, Rect { y: inner.bottom().saturating_sub(1), height: 1, ..inner }, closes, Palette::dim());
}
