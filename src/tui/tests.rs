//! Tests of drawing and using the dashboard, at three sizes.

use super::details::{ConversationEntry, ConversationSpeaker, SessionDetails, WorkDetails};
use super::input::{DashboardCommand, command_of};
use super::model::{
    Dashboard, DashboardAction, DashboardEffect, DashboardMode, DashboardOptions, DashboardPurpose,
    DashboardQuestion, DetailsRequest, PickerVerb,
};
use super::view;
use crate::claude::process::SystemProcesses;
use crate::clock::{Clock as _, SystemClock};
use crate::env::Environment;
use crate::quota::Account;
use crate::quota::refresh::Window;
use crate::recovery::plan::{Action, DailyContinues, RecoveryPlan};
use crate::recovery::reason::PlanReason;
use crate::report::gone::{GoneLeft, GoneSession, KeptAmount};
use crate::report::list::ListReport;
use crate::report::pages::{SessionPage, read_pages};
use crate::report::recall::RecalledPrompt;
use crate::report::session::{Live, ProcessLiveness, Session, SessionGroup, inspect};
use crate::report::status::{Older, RecoveryOverview, RecoverySetup, StatusReport};
use crate::session::StopKind;
use crate::session::owners::{ClientMode, HeldBy};
use crate::session::state::State;
use crate::world::World;
use chrono::{DateTime, TimeDelta, Utc};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::path::PathBuf;
use unicode_width::UnicodeWidthStr;

const SIZES: [(u16, u16); 3] = [(40, 15), (80, 24), (120, 40)];

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

/// Builds a session report from a transcript with one prompt.
fn session(number: u8, name: &str, group: SessionGroup) -> Session {
    let dir = tempfile::tempdir().unwrap();
    let id = format!("{number:08}-0000-4000-8000-000000000000");
    let path = dir.path().join(format!("{id}.jsonl"));
    let at = crate::clock::rfc3339(now() - TimeDelta::minutes(i64::from(number)));
    let prompt = serde_json::json!({
        "type": "user", "uuid": "u", "sessionId": id, "cwd": format!("/work/project{number}"), "timestamp": at,
        "message": {"role": "user", "content": name},
    });
    std::fs::write(&path, format!("{prompt}\n")).unwrap();
    let mut session = inspect(&path, ProcessLiveness::Unknown).unwrap();
    session.name = Some(name.to_owned());
    session.group = group;
    session.transcript = PathBuf::from(format!("/t/{number}"));
    (session.state, session.stop.kind) = match group {
        SessionGroup::Settled => (State::Completed, StopKind::Finished),
        _ => (State::Orphaned, StopKind::UsageLimit5h),
    };
    if group == SessionGroup::Waiting {
        let plan = RecoveryPlan::undecided();
        session.next = RecoveryPlan {
            action: Action::Client,
            at: Some(now() + TimeDelta::seconds(125)),
            reason: PlanReason::ClientContinues,
            ..plan
        };
    }
    session
}

fn status(sessions: Vec<Session>) -> StatusReport {
    StatusReport {
        schema: "",
        generated_at: now(),
        project: None,
        recovery: RecoveryOverview {
            setup: RecoverySetup::On,
            everywhere: false,
            projects: 1,
            unattended: 0,
            paused_all: false,
            paused: 0,
            last_recovered: None,
        },
        accounts: Vec::new(),
        sessions,
        older: Older::default(),
        problems: Vec::new(),
    }
}

fn list(sessions: Vec<Session>) -> ListReport {
    ListReport {
        schema: "",
        generated_at: now(),
        project: None,
        accounts: Vec::new(),
        total: sessions.len(),
        sessions,
        gone: Vec::new(),
        problems: Vec::new(),
    }
}

fn page(status_sessions: Vec<Session>, all: Vec<Session>) -> SessionPage {
    SessionPage { status: status(status_sessions), list: list(all), complete: true }
}

/// Dashboard with one session of each group.
fn filled() -> Dashboard {
    let mut dashboard = Dashboard::new(&DashboardOptions::default());
    let (stopped, waiting) = (
        session(1, "fix the login", SessionGroup::NeedsYou),
        session(2, "port the parser", SessionGroup::Waiting),
    );
    let running = session(3, "write the docs", SessionGroup::Running);
    let done = session(4, "rename a field", SessionGroup::Settled);
    let matter = vec![stopped.clone(), waiting.clone(), running.clone()];
    dashboard.take_page(page(matter, vec![stopped, waiting, running, done]));
    dashboard
}

/// A session whose transcript is gone, with one typed prompt.
fn gone(number: u8, prompt: &str, left: GoneLeft) -> GoneSession {
    let id = format!("{number:08}-0000-4000-8000-000000000000");
    let at = Some(now() - TimeDelta::days(i64::from(number)));
    let kept =
        (left == GoneLeft::Conversation).then_some(KeptAmount { files: 3, bytes: 1_200_000, disk_bytes: 0 });
    GoneSession {
        name: None,
        title: None,
        project: Some(PathBuf::from(format!("/work/project{number}"))),
        first_at: at,
        last_at: at,
        typed: 1,
        prompts: vec![RecalledPrompt { text: prompt.to_owned(), at }],
        known_from: std::collections::BTreeSet::new(),
        left,
        restore: kept.map(|_| vec!["cc-session-recover".to_owned(), "restore".to_owned(), id.clone()]),
        kept,
        id,
    }
}

fn live(pid: u32) -> Live {
    Live {
        pid,
        tty: Some("pts/3".to_owned()),
        place: "pts/3".to_owned(),
        others: Vec::new(),
        kind: ClientMode::Interactive,
        proof: HeldBy::Registry,
        started_at: None,
        status: None,
        waiting_for: None,
        job: None,
        cpu_percent: None,
        children: Vec::new(),
    }
}

fn id_of(number: u8) -> PathBuf {
    PathBuf::from(format!("{number:08}-0000-4000-8000-000000000000"))
}

/// Dashboard with one session of each group, one kept session, and one of which only a prompt remains.
fn filled_with_gone() -> Dashboard {
    let mut dashboard = filled();
    dashboard.take_gone(vec![
        gone(7, "sketch the logo", GoneLeft::Prompts),
        gone(8, "tune the cache", GoneLeft::Conversation),
        gone(9, "never shown", GoneLeft::Nothing),
    ]);
    dashboard
}

fn drawn(dashboard: &mut Dashboard, (width, height): (u16, u16), now: DateTime<Utc>) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| view::draw(dashboard, frame, now)).unwrap();
    let buffer = terminal.backend().buffer();
    let mut text = String::new();
    for y in 0..height {
        let mut x = 0;
        while x < width {
            let symbol = buffer[(x, y)].symbol();
            text.push_str(symbol);
            // A wide character also covers the next cell.
            x += u16::try_from(symbol.width().max(1)).unwrap();
        }
        text.push('\n');
    }
    text
}

fn press(dashboard: &mut Dashboard, code: KeyCode) -> DashboardEffect {
    let event = Event::Key(KeyEvent::new(code, KeyModifiers::NONE));
    let command = command_of(&event, dashboard.mode);
    dashboard.apply(command)
}

fn type_text(dashboard: &mut Dashboard, text: &str) {
    for char in text.chars() {
        press(dashboard, KeyCode::Char(char));
    }
}

#[test]
fn every_group_is_visible_at_every_size_and_urgent_groups_come_first() {
    for size in SIZES {
        let screen = drawn(&mut filled(), size, now());
        let at = |text: &str| screen.find(text).unwrap_or_else(|| panic!("{text} at {size:?}:\n{screen}"));
        let order =
            ["Needs you (1)", "fix the login", "Waiting (1)", "port the parser", "Running (1)", "Recent (1)"];
        assert!(order.map(at).is_sorted(), "{screen}");
        assert!(screen.contains("in 2 min 5 s"), "{screen}");
    }
}

#[test]
fn the_countdown_follows_the_clock_and_ends() {
    let mut dashboard = filled();
    let mut time = |seconds: i64| drawn(&mut dashboard, (80, 24), now() + TimeDelta::seconds(seconds));
    assert!(time(0).contains("in 2 min 5 s"));
    assert!(time(66).contains("in 59 s"));
    assert!(!time(125).contains("in 0 s"));
    let dashboard = filled();
    assert!(dashboard.counts_down(now()));
    assert!(!dashboard.counts_down(now() + TimeDelta::seconds(125)), "nothing changes any more");
}

#[test]
fn the_preview_shows_the_budget_of_a_session_beyond_the_client_cap() {
    let screen = |daily_continues| {
        let one = Session { daily_continues, ..session(1, "api", SessionGroup::Waiting) };
        let mut dashboard = Dashboard::new(&DashboardOptions::default());
        dashboard.take_page(page(vec![one.clone()], vec![one]));
        drawn(&mut dashboard, (120, 40), now())
    };
    assert!(!screen(None).contains("daily continues"));
    let shown = screen(Some(DailyContinues { used: 2, limit: 12 }));
    assert!(shown.contains("2 of 12 daily continues used."), "{shown}");
}

#[test]
fn a_wide_screen_shows_the_preview_and_a_narrow_one_toggles_it() {
    for size in [(80, 24), (120, 40)] {
        let screen = drawn(&mut filled(), size, now());
        assert!(screen.contains("What happens next") && screen.contains("Needs you"), "{screen}");
    }
    let mut dashboard = filled();
    assert!(!drawn(&mut dashboard, (40, 15), now()).contains("Overview"));
    press(&mut dashboard, KeyCode::Char(' '));
    let screen = drawn(&mut dashboard, (40, 15), now());
    assert!(screen.contains("Overview") && !screen.contains("Recent"), "{screen}");
    press(&mut dashboard, KeyCode::Esc);
    assert!(drawn(&mut dashboard, (40, 15), now()).contains("Recent"));
}

#[test]
fn the_preview_states_who_continues_the_session_and_when() {
    let mut dashboard = filled();
    press(&mut dashboard, KeyCode::Down);
    let screen = drawn(&mut dashboard, (120, 40), now());
    assert!(screen.contains("Claude Code continues it by itself at"), "{screen}");
}

#[test]
fn the_filter_applies_while_typing_and_escape_clears_it() {
    let mut dashboard = filled();
    press(&mut dashboard, KeyCode::Char('f'));
    type_text(&mut dashboard, "prsr");
    let screen = drawn(&mut dashboard, (80, 24), now());
    assert!(screen.contains("filter: prsr") && screen.contains("port the parser"), "{screen}");
    assert!(!screen.contains("fix the login") && !screen.contains("Recent"), "{screen}");
    press(&mut dashboard, KeyCode::Esc);
    assert!(drawn(&mut dashboard, (80, 24), now()).contains("Recent (1)"));
    assert_eq!(dashboard.mode, DashboardMode::List);
}

#[test]
fn the_selection_stays_on_its_session_when_a_report_arrives() {
    let mut dashboard = filled();
    drawn(&mut dashboard, (80, 24), now());
    press(&mut dashboard, KeyCode::Down);
    assert_eq!(dashboard.selected, Some(PathBuf::from("/t/2")));
    let new = session(5, "newly stopped", SessionGroup::NeedsYou);
    dashboard.take_page(page(vec![new, session(2, "port the parser", SessionGroup::Waiting)], Vec::new()));
    assert_eq!(dashboard.selected, Some(PathBuf::from("/t/2")));
}

#[test]
fn the_first_session_is_selected_until_everything_is_read_or_the_user_chooses() {
    let first_page = |dashboard: &mut Dashboard| {
        let newest = page(Vec::new(), vec![session(3, "finished", SessionGroup::Settled)]);
        dashboard.take_page(SessionPage { complete: false, ..newest });
        assert_eq!(dashboard.selected, Some(PathBuf::from("/t/3")));
    };
    let everything = || {
        let urgent = session(1, "stopped", SessionGroup::NeedsYou);
        page(vec![urgent], vec![session(3, "finished", SessionGroup::Settled)])
    };
    let mut dashboard = Dashboard::new(&DashboardOptions::default());
    first_page(&mut dashboard);
    dashboard.take_page(everything());
    assert_eq!(dashboard.selected, Some(PathBuf::from("/t/1")));
    let later = session(2, "stopped later", SessionGroup::NeedsYou);
    let again = everything().status.sessions;
    dashboard.take_page(page([vec![later], again].concat(), Vec::new()));
    assert_eq!(dashboard.selected, Some(PathBuf::from("/t/1")), "a refresh moves nothing");

    let mut chosen = Dashboard::new(&DashboardOptions::default());
    first_page(&mut chosen);
    press(&mut chosen, KeyCode::Char('t'));
    chosen.take_page(everything());
    assert_eq!(chosen.selected, Some(PathBuf::from("/t/3")));
}

#[test]
fn sessions_omitted_by_status_are_listed_as_recent() {
    let mut dashboard = Dashboard::new(&DashboardOptions::default());
    dashboard.take_page(page(Vec::new(), vec![session(1, "long ago", SessionGroup::NeedsYou)]));
    let screen = drawn(&mut dashboard, (80, 24), now());
    assert!(screen.contains("Recent (1)") && !screen.contains("Needs you"), "{screen}");
}

#[test]
fn an_action_returns_the_session_and_the_view_to_restore() {
    let mut dashboard = filled();
    drawn(&mut dashboard, (80, 24), now());
    let DashboardEffect::Leave(outcome) = press(&mut dashboard, KeyCode::Char('e')) else {
        panic!("no action")
    };
    assert_eq!(outcome.action, DashboardAction::Export);
    assert_eq!(outcome.session.as_deref(), Some("00000001-0000-4000-8000-000000000000"));
    assert_eq!(outcome.view.selected, Some(PathBuf::from("/t/1")));
}

#[test]
fn kill_of_a_closed_session_and_an_unconfirmed_cancel_do_nothing() {
    let mut dashboard = filled();
    drawn(&mut dashboard, (80, 24), now());
    assert!(matches!(press(&mut dashboard, KeyCode::Char('k')), DashboardEffect::None));
    assert!(drawn(&mut dashboard, (80, 24), now()).contains("No process has this session open."));
    assert!(matches!(press(&mut dashboard, KeyCode::Char('c')), DashboardEffect::None));
    assert!(drawn(&mut dashboard, (80, 24), now()).contains("Cancel the recovery?"));
    assert!(matches!(press(&mut dashboard, KeyCode::Enter), DashboardEffect::None));
    press(&mut dashboard, KeyCode::Char('c'));
    let effect = press(&mut dashboard, KeyCode::Char('y'));
    assert!(matches!(effect, DashboardEffect::Leave(outcome) if outcome.action == DashboardAction::Cancel));
}

#[test]
fn a_picker_selects_with_enter_and_ignores_action_keys() {
    let mut dashboard = filled();
    dashboard.picker = Some(PickerVerb::Export);
    let screen = drawn(&mut dashboard, (80, 24), now());
    assert!(screen.contains("Choose a session: export"), "{screen}");
    for key in "wohpckrbse".chars() {
        assert!(matches!(press(&mut dashboard, KeyCode::Char(key)), DashboardEffect::None), "{key}");
    }
    let effect = press(&mut dashboard, KeyCode::Enter);
    assert!(matches!(effect, DashboardEffect::Leave(outcome) if outcome.action == DashboardAction::Pick));
}

#[test]
fn hostile_text_does_not_break_the_layout() {
    let long = "x".repeat(5000);
    let hostile = [
        "\u{1b}[31mred\u{1b}]0;title\u{7}",
        "a\u{202e}b\u{2066}c",
        "tab\there\nand a new line\r",
        "漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字",
        "👩\u{200d}💻👩\u{200d}💻 e\u{301}e\u{301}",
        long.as_str(),
        "\0\u{9b}2J",
    ];
    let sessions: Vec<Session> = (1..)
        .zip(hostile)
        .map(|(number, text)| {
            let mut one = session(number, "plain", SessionGroup::NeedsYou);
            one.name = Some(text.to_owned());
            one.project.cwd = Some(format!("/work/{text}"));
            one.next.why = text.to_owned();
            one.git_branch = Some(text.to_owned());
            one
        })
        .collect();
    for size in SIZES {
        let mut dashboard = Dashboard::new(&DashboardOptions::default());
        dashboard.take_page(page(sessions.clone(), Vec::new()));
        for text in hostile {
            dashboard.notice = Some(text.to_owned());
            let entry = ConversationEntry::new(ConversationSpeaker::Claude, text);
            let target = dashboard.target().unwrap();
            dashboard.take_conversation(&target, entry.into_iter().collect());
            dashboard.take_work(
                &target,
                WorkDetails { last_words: Some("words".to_owned()), ..WorkDetails::default() },
            );
            for _ in 0..2 {
                press(&mut dashboard, KeyCode::Char('t'));
                let screen = drawn(&mut dashboard, size, now());
                let hidden = |char: char| char != '\n' && char.is_control() || crate::text::invisible(char);
                assert!(!screen.contains(hidden), "{screen:?}");
                for line in screen.lines() {
                    assert!(line.width() <= usize::from(size.0), "{line:?}");
                }
                if size.0 >= 70 {
                    let bars = screen.lines().filter(|line| line.contains('│')).count();
                    assert_eq!(bars, usize::from(size.1) - 2, "{screen}");
                }
            }
            dashboard.apply(DashboardCommand::Move(1));
        }
    }
}

#[test]
fn tiny_screens_and_empty_lists_are_drawn_without_a_panic() {
    for width in [1, 2, 5, 19, 69, 70, 71] {
        for height in [1, 2, 3, 4] {
            let mut rescue = filled_with_gone();
            rescue.purpose = DashboardPurpose::Rescue;
            rescue.take_gone(Vec::new());
            for mut dashboard in [filled(), Dashboard::new(&DashboardOptions::default()), rescue] {
                for mode in [
                    DashboardMode::List,
                    DashboardMode::Help,
                    DashboardMode::Filter,
                    DashboardMode::Confirm(DashboardQuestion::Cancel),
                ] {
                    dashboard.mode = mode;
                    drawn(&mut dashboard, (width, height), now());
                }
            }
        }
    }
    let mut empty = Dashboard::new(&DashboardOptions::default());
    assert!(drawn(&mut empty, (80, 24), now()).contains("Reading sessions"));
    empty.take_page(page(Vec::new(), Vec::new()));
    assert!(drawn(&mut empty, (80, 24), now()).contains("No sessions yet."));
}

#[test]
fn a_click_selects_the_row_under_the_pointer() {
    let mut dashboard = filled();
    let screen = drawn(&mut dashboard, (80, 24), now());
    let line = screen.lines().position(|line| line.contains("write the docs")).unwrap();
    dashboard.apply(DashboardCommand::Click((5, u16::try_from(line).unwrap()).into()));
    assert_eq!(dashboard.selected, Some(PathBuf::from("/t/3")));
}

#[test]
fn the_help_shows_every_key_at_every_size() {
    for size in SIZES {
        let mut dashboard = filled();
        press(&mut dashboard, KeyCode::Char('?'));
        let first = drawn(&mut dashboard, size, now());
        assert!(first.contains("resume it here") && !first.contains('…'), "{first}");
        for _ in 0..30 {
            press(&mut dashboard, KeyCode::Down);
        }
        let last = drawn(&mut dashboard, size, now());
        assert!(last.contains("select text with the mouse"), "{last}");
        press(&mut dashboard, KeyCode::Char('x'));
        assert!(!drawn(&mut dashboard, size, now()).contains("Keys"));
    }
}

#[test]
fn the_conversation_view_starts_at_the_end() {
    let mut dashboard = filled();
    drawn(&mut dashboard, (80, 24), now());
    let entries = (0..100)
        .filter_map(|number| ConversationEntry::new(ConversationSpeaker::You, &format!("line {number}")));
    let target = dashboard.target().unwrap();
    dashboard.take_conversation(&target, entries.collect());
    press(&mut dashboard, KeyCode::Char('t'));
    assert!(drawn(&mut dashboard, (80, 24), now()).contains("line 99"));
    press(&mut dashboard, KeyCode::PageUp);
    let screen = drawn(&mut dashboard, (80, 24), now());
    assert!(!screen.contains("line 99") && screen.contains("line 7"), "{screen}");
    for _ in 0..20 {
        press(&mut dashboard, KeyCode::PageUp);
        drawn(&mut dashboard, (80, 24), now());
    }
    assert!(drawn(&mut dashboard, (80, 24), now()).contains("line 0"));
}

#[test]
fn ten_thousand_rows_are_laid_out_and_drawn() {
    let one = session(1, "one of many", SessionGroup::Settled);
    let many = (0..10_000).map(|number| {
        let mut other = one.clone();
        other.transcript = PathBuf::from(format!("/t/{number}"));
        other
    });
    let mut dashboard = Dashboard::new(&DashboardOptions::default());
    dashboard.take_page(page(Vec::new(), many.collect()));
    drawn(&mut dashboard, (120, 40), now());
    press(&mut dashboard, KeyCode::End);
    assert!(drawn(&mut dashboard, (120, 40), now()).contains("> one of many"));
}

#[test]
fn the_dashboard_accepts_the_reports_of_this_machine() {
    let dir = tempfile::tempdir().unwrap();
    let env = Environment::from_pairs(
        [("HOME", dir.path().as_os_str()), ("CC_RECOVER_STATE_DIR", dir.path().as_os_str())],
        dir.path(),
    );
    let world =
        World { env: &env, clock: &SystemClock, processes: &SystemProcesses, abort: &crate::abort::NEVER };
    let mut dashboard = Dashboard::new(&DashboardOptions::default());
    read_pages(world, None, true, &mut |page| dashboard.take_page(page)).unwrap();
    assert!(drawn(&mut dashboard, (80, 24), SystemClock.now()).contains("No sessions yet."));
}

#[test]
fn deleted_sessions_are_listed_last_and_do_not_delay_the_first_rows() {
    let mut dashboard = filled();
    let screen = drawn(&mut dashboard, (80, 24), now());
    assert!(screen.contains("Recent (1)") && !screen.contains("Deleted"), "{screen}");
    for (size, colour) in [((40, 25), false), ((80, 24), true), ((120, 40), false)] {
        let mut dashboard = filled_with_gone();
        dashboard.colour = colour;
        let screen = drawn(&mut dashboard, size, now());
        let at = |text: &str| screen.find(text).unwrap_or_else(|| panic!("{text} at {size:?}:\n{screen}"));
        let order = [
            "Needs you (1)",
            "Recent (1)",
            "Deleted, kept (1)",
            "tune the cache",
            "Deleted, prompts only (1)",
            "sketch the logo",
        ];
        assert!(order.map(at).is_sorted(), "{screen}");
        assert!(screen.contains("8 d") && !screen.contains("never shown"), "{screen}");
    }
}

#[test]
fn the_preview_of_a_deleted_session_states_what_remains_and_how_to_restore_it() {
    let mut dashboard = filled_with_gone();
    drawn(&mut dashboard, (120, 40), now());
    press(&mut dashboard, KeyCode::Char('d'));
    assert_eq!(dashboard.selected, Some(id_of(8)));
    let screen = drawn(&mut dashboard, (120, 40), now());
    for text in
        ["all of it is kept", "1.2 MB in 3 files", "cc-session-recover restore 00000008", "b restore  "]
    {
        assert!(screen.contains(text), "{text}:\n{screen}");
    }
    let target = dashboard.target().unwrap();
    assert_eq!(
        dashboard.details_request().map(|(request, _)| request),
        Some(DetailsRequest::Kept(target.to_string_lossy().into_owned()))
    );
    let work =
        Some(WorkDetails { last_words: Some("the cache is warm".to_owned()), ..WorkDetails::default() });
    let entry = ConversationEntry::new(ConversationSpeaker::Claude, "warmed it up");
    let conversation = Some(entry.into_iter().collect());
    dashboard.take_kept(&target, SessionDetails { work, conversation, ..SessionDetails::default() });
    assert!(drawn(&mut dashboard, (120, 40), now()).contains("the cache is warm"));
    press(&mut dashboard, KeyCode::Char('t'));
    assert!(drawn(&mut dashboard, (120, 40), now()).contains("warmed it up"));
    press(&mut dashboard, KeyCode::Down);
    let screen = drawn(&mut dashboard, (120, 40), now());
    assert!(screen.contains("sketch the logo") && !screen.contains("Reading"), "{screen}");
    press(&mut dashboard, KeyCode::Char('t'));
    let screen = drawn(&mut dashboard, (120, 40), now());
    assert!(screen.contains("Nothing is left to resume") && !screen.contains("b restore"), "{screen}");
    assert!(dashboard.details_request().is_none(), "there is nothing to read");
}

#[test]
fn a_kept_session_is_restored_only_after_confirmation_and_stays_selected() {
    for key in [KeyCode::Char('b'), KeyCode::Enter] {
        let mut dashboard = filled_with_gone();
        drawn(&mut dashboard, (80, 24), now());
        press(&mut dashboard, KeyCode::Char('d'));
        assert!(matches!(press(&mut dashboard, key), DashboardEffect::None));
        let screen = drawn(&mut dashboard, (80, 24), now());
        assert!(screen.contains("Restore this session? y / n  tune the cache"), "{screen}");
        assert!(matches!(press(&mut dashboard, KeyCode::Enter), DashboardEffect::None));
        assert_eq!(dashboard.mode, DashboardMode::List);
        press(&mut dashboard, key);
        let DashboardEffect::Leave(outcome) = press(&mut dashboard, KeyCode::Char('y')) else {
            panic!("nothing is restored")
        };
        assert_eq!(outcome.action, DashboardAction::Restore);
        assert_eq!(outcome.session.map(PathBuf::from), Some(id_of(8)));

        // Reopened: the session now has a transcript.
        let mut again =
            Dashboard::new(&DashboardOptions { view: outcome.view, ..DashboardOptions::default() });
        let mut restored = session(8, "tune the cache", SessionGroup::Settled);
        restored.transcript = PathBuf::from(format!("/t/{}.jsonl", restored.id));
        again.take_page(page(Vec::new(), vec![session(1, "other", SessionGroup::Settled), restored.clone()]));
        assert_eq!(again.selected, Some(id_of(8)), "what was selected may still be read");
        // A list read before the restore does not show the session twice.
        again.take_gone(vec![gone(8, "tune the cache", GoneLeft::Conversation)]);
        assert_eq!(again.selected, Some(restored.transcript));
        assert!(!drawn(&mut again, (80, 24), now()).contains("Deleted"));
    }
}

#[test]
fn actions_that_need_a_transcript_explain_why_a_deleted_session_has_none() {
    for (downs, keys, notice) in
        [(0, "pckr", "b restores it"), (1, "wohepckrb", "only typed prompts are left")]
    {
        for key in keys.chars() {
            let mut dashboard = filled_with_gone();
            drawn(&mut dashboard, (120, 24), now());
            press(&mut dashboard, KeyCode::Char('d'));
            (0..downs).for_each(|_| drop(press(&mut dashboard, KeyCode::Down)));
            assert!(matches!(press(&mut dashboard, KeyCode::Char(key)), DashboardEffect::None), "{key}");
            let screen = drawn(&mut dashboard, (120, 24), now()).to_lowercase();
            assert!(screen.contains(notice), "{key}: {screen}");
        }
    }
    for (key, action) in [
        ('s', DashboardAction::Show),
        ('e', DashboardAction::Export),
        ('o', DashboardAction::OpenPage),
        ('h', DashboardAction::Handoff),
    ] {
        let mut dashboard = filled_with_gone();
        press(&mut dashboard, KeyCode::Char('d'));
        let effect = press(&mut dashboard, KeyCode::Char(key));
        assert!(matches!(effect, DashboardEffect::Leave(outcome) if outcome.action == action), "{key}");
    }
    let mut dashboard = filled();
    drawn(&mut dashboard, (120, 24), now());
    press(&mut dashboard, KeyCode::Char('b'));
    assert!(drawn(&mut dashboard, (120, 24), now()).contains("there is nothing to restore"));
    press(&mut dashboard, KeyCode::Char('d'));
    assert!(drawn(&mut dashboard, (120, 24), now()).contains("Still reading"));
}

#[test]
fn filter_and_search_find_deleted_sessions() {
    let mut dashboard = filled_with_gone();
    press(&mut dashboard, KeyCode::Char('f'));
    type_text(&mut dashboard, "cache");
    let screen = drawn(&mut dashboard, (80, 24), now());
    assert!(screen.contains("> tune the cache") && !screen.contains("Recent"), "{screen}");
    press(&mut dashboard, KeyCode::Esc);
    let hit = crate::report::search::SearchHit {
        id: id_of(8).to_string_lossy().into_owned(),
        transcript: PathBuf::from("/state/kept/1/x.jsonl"),
        line: 1,
        role: crate::session::search::said::SearchRole::User,
        turn: 1,
        at: None,
        snippet: "make it warmer".to_owned(),
        span: crate::session::search::snippet::Span { start: 0, length: 4 },
        subagent: false,
        gone: true,
        name: None,
        title: None,
        project: None,
    };
    let report = crate::report::search::SearchReport {
        schema: "",
        generated_at: now(),
        hits: vec![hit],
        total: 1,
        sessions: 1,
        searched: crate::report::search::Searched::default(),
        skipped_results: crate::report::search::Searched::default(),
        problems: Vec::new(),
    };
    dashboard.take_hits("warmer".to_owned(), report);
    let screen = drawn(&mut dashboard, (120, 40), now());
    assert!(screen.contains("all of it is kept") && screen.contains("make it warmer"), "{screen}");
    press(&mut dashboard, KeyCode::Char('b'));
    let effect = press(&mut dashboard, KeyCode::Char('y'));
    assert!(matches!(effect, DashboardEffect::Leave(outcome) if outcome.action == DashboardAction::Restore));
}

#[test]
fn a_picker_offers_deleted_sessions_only_to_verbs_that_can_read_them() {
    for (verb, offered) in [
        (PickerVerb::Show, true),
        (PickerVerb::Resume, true),
        (PickerVerb::Export, true),
        (PickerVerb::Handoff, true),
        (PickerVerb::Kill, false),
    ] {
        let mut dashboard =
            Dashboard::new(&DashboardOptions { picker: Some(verb), ..DashboardOptions::default() });
        dashboard.take_page(page(Vec::new(), Vec::new()));
        dashboard.take_gone(vec![
            gone(7, "sketch the logo", GoneLeft::Prompts),
            gone(8, "tune the cache", GoneLeft::Conversation),
        ]);
        let screen = drawn(&mut dashboard, (80, 24), now());
        assert!(!screen.contains("sketch the logo"), "{screen}");
        assert_eq!(screen.contains("tune the cache"), offered, "{verb:?}: {screen}");
        let effect = press(&mut dashboard, KeyCode::Enter);
        let picked =
            matches!(effect, DashboardEffect::Leave(outcome) if outcome.action == DashboardAction::Pick);
        assert_eq!(picked, offered, "{verb:?}");
    }
}

#[test]
fn no_key_of_a_read_only_dashboard_changes_anything() {
    let options = DashboardOptions { purpose: DashboardPurpose::Watch, ..DashboardOptions::default() };
    let opened = || {
        let mut dashboard = Dashboard::new(&options);
        let stopped = session(1, "fix the login", SessionGroup::NeedsYou);
        dashboard.take_page(page(vec![stopped.clone()], vec![stopped]));
        dashboard.take_gone(vec![gone(8, "tune the cache", GoneLeft::Conversation)]);
        drawn(&mut dashboard, (80, 24), now());
        dashboard
    };
    for deleted in [false, true] {
        let acts = |code: KeyCode| {
            let mut dashboard = opened();
            if deleted {
                press(&mut dashboard, KeyCode::Char('d'));
            }
            let effect = press(&mut dashboard, code);
            assert_eq!(dashboard.mode, DashboardMode::List, "{code}: nothing is asked");
            if let DashboardEffect::Leave(outcome) = effect {
                return Some(outcome.action);
            }
            let screen = drawn(&mut dashboard, (80, 24), now());
            assert!(screen.to_lowercase().contains("this view is read-only: "), "{code}: {screen}");
            None
        };
        for key in "woepckrb".chars() {
            assert_eq!(acts(KeyCode::Char(key)), None, "{key}");
        }
        assert_eq!(acts(KeyCode::Enter), None);
        for (key, action) in
            [('s', DashboardAction::Show), ('h', DashboardAction::Handoff), ('q', DashboardAction::Quit)]
        {
            assert_eq!(acts(KeyCode::Char(key)), Some(action));
        }
    }
    let mut dashboard = opened();
    assert!(drawn(&mut dashboard, (40, 15), now()).contains("read-only  ? help"));
    press(&mut dashboard, KeyCode::Char('?'));
    let help = drawn(&mut dashboard, (80, 40), now());
    for text in ["Keys, read-only", "print its handoff note", "search all transcripts"] {
        assert!(help.contains(text), "{text}: {help}");
    }
    for text in
        ["resume it", "export it", "pause or", "cancel its", "end its process", "repair it", "restore if"]
    {
        assert!(!help.contains(text), "{text}: {help}");
    }
}

#[test]
fn rescue_lists_open_sessions_first_in_a_box_at_every_size() {
    let options = DashboardOptions { purpose: DashboardPurpose::Rescue, ..DashboardOptions::default() };
    for size in SIZES {
        let mut dashboard = Dashboard::new(&options);
        let stopped = session(1, "fix the login", SessionGroup::NeedsYou);
        let mut open = session(3, "write the docs", SessionGroup::Running);
        open.live = Some(live(812));
        dashboard.take_page(page(vec![stopped.clone(), open.clone()], vec![stopped.clone(), open]));
        let screen = drawn(&mut dashboard, size, now());
        let at = |text: &str| screen.find(text).unwrap_or_else(|| panic!("{text} at {size:?}:\n{screen}"));
        assert!(
            ["╭ Open sessions (1) ─", "> write the docs", "pts/3, process 812", "╰─", "Needs you (1)"]
                .map(at)
                .is_sorted()
        );
        let width = usize::from(dashboard.areas.list.unwrap().width);
        for line in screen.lines().skip(1).take(4) {
            let row: String = line.chars().take(width).collect();
            assert!(row.starts_with(['╭', '│', '╰']) && row.ends_with(['╮', '│', '╯']), "{row:?}\n{screen}");
        }
        dashboard.take_gone(Vec::new());
        dashboard.take_page(page(vec![stopped.clone()], vec![stopped]));
        let screen = drawn(&mut dashboard, size, now());
        assert!(screen.contains("│ No session is open. ") && screen.contains("> fix the login"), "{screen}");
    }
    assert!(!drawn(&mut filled(), (80, 24), now()).contains('╭'), "only there");
}

#[test]
fn the_header_says_whether_recovery_is_on_and_puts_a_pause_before_the_quota() {
    let header = |change: fn(&mut RecoveryOverview), width: u16| {
        let mut dashboard = filled();
        dashboard.accounts = vec![account(42.0)];
        change(dashboard.recovery.as_mut().unwrap());
        drawn(&mut dashboard, (width, 24), now()).lines().next().unwrap().to_owned()
    };
    let usual = header(|_| {}, 100);
    assert!(usual.starts_with("All projects  1 needs you  1 waiting"), "{usual}");
    assert!(usual.trim_end().ends_with("recovery on  5 h 42 % used"), "{usual}");
    let everything = header(|recovery| recovery.paused_all = true, 100);
    assert!(everything.contains("everything paused  5 h 42 % used"), "{everything}");
    // Too narrow for both: an unusual recovery state takes precedence over the quota, but the
    // usual one does not.
    let paused = header(|recovery| recovery.paused = 2, 64);
    assert!(paused.contains("recovery on, 2 paused") && !paused.contains("42 %"), "{paused}");
    let narrow = header(|_| {}, 56);
    assert!(narrow.contains("5 h 42 % used") && !narrow.contains("recovery"), "{narrow}");
    for (setup, words) in
        [(RecoverySetup::SwitchedOff, "recovery off"), (RecoverySetup::NotSetUp, "recovery not set up")]
    {
        let mut dashboard = filled();
        dashboard.recovery.as_mut().unwrap().setup = setup;
        assert!(drawn(&mut dashboard, (100, 24), now()).contains(words), "{words}");
    }
}

fn account(used_percent: f64) -> Account {
    let resets_at = now() + TimeDelta::hours(2);
    Account {
        config_dir: PathBuf::from("/home/dev/.claude"),
        five_hour: Some(Window { used_percent, resets_at }),
        seven_day: None,
        seen_at: now(),
    }
}
