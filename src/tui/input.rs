//! Maps key and mouse events to commands, as a pure function.

use super::model::{DashboardAction, DashboardMode};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind};
use ratatui::layout::Position;

/// Number of lines per step of the mouse wheel.
const WHEEL: isize = 3;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DashboardCommand {
    Ignore,
    Redraw,
    Quit,
    Interrupt,
    Suspend,
    /// Closes the innermost open element.
    Close,
    /// Moves the selection by this number of rows.
    Move(isize),
    First,
    Last,
    Scroll(isize),
    ScrollPage(isize),
    /// Moves from the list to the preview, or from the overview to the conversation.
    Deeper,
    Back,
    TogglePreview,
    ToggleTab,
    ToggleEvidence,
    ToggleScope,
    /// Selects the first session without a transcript.
    ToDeleted,
    OpenFilter,
    OpenSearch,
    OpenHelp,
    Type(String),
    Erase,
    EraseWord,
    EraseAll,
    /// Submits an input line.
    Submit,
    Act(DashboardAction),
    /// Answers yes to the question on the screen.
    Confirm,
    Click(Position),
    Wheel(Position, isize),
}

#[must_use]
pub fn command_of(event: &Event, mode: DashboardMode) -> DashboardCommand {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => key_command(*key, mode),
        Event::Key(_) | Event::FocusLost => DashboardCommand::Ignore,
        // Another program may have drawn over the screen.
        Event::FocusGained | Event::Resize(..) => DashboardCommand::Redraw,
        Event::Paste(text) => match mode {
            DashboardMode::Filter | DashboardMode::Search => {
                DashboardCommand::Type(text.replace(['\r', '\n', '\t'], " "))
            }
            DashboardMode::List | DashboardMode::Help | DashboardMode::Confirm(_) => DashboardCommand::Ignore,
        },
        Event::Mouse(mouse) => {
            let at = Position::new(mouse.column, mouse.row);
            match mouse.kind {
                MouseEventKind::Down(MouseButton::Left) if mode == DashboardMode::Help => {
                    DashboardCommand::Close
                }
                MouseEventKind::Down(MouseButton::Left) => DashboardCommand::Click(at),
                MouseEventKind::ScrollUp => DashboardCommand::Wheel(at, -WHEEL),
                MouseEventKind::ScrollDown => DashboardCommand::Wheel(at, WHEEL),
                _ => DashboardCommand::Ignore,
            }
        }
    }
}

fn key_command(key: KeyEvent, mode: DashboardMode) -> DashboardCommand {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    let alt = key.modifiers.contains(KeyModifiers::ALT);
    match key.code {
        KeyCode::Char('c') if control => return DashboardCommand::Interrupt,
        KeyCode::Char('z') if control => return DashboardCommand::Suspend,
        KeyCode::Char('l') if control => return DashboardCommand::Redraw,
        KeyCode::Up => return DashboardCommand::Move(-1),
        KeyCode::Down => return DashboardCommand::Move(1),
        KeyCode::PageUp => return DashboardCommand::ScrollPage(-1),
        KeyCode::PageDown => return DashboardCommand::ScrollPage(1),
        KeyCode::Esc => return DashboardCommand::Close,
        _ => {}
    }
    match mode {
        DashboardMode::List if control => match key.code {
            KeyCode::Char('n') => DashboardCommand::Move(1),
            KeyCode::Char('p') => DashboardCommand::Move(-1),
            KeyCode::Char('d') => DashboardCommand::ScrollPage(1),
            KeyCode::Char('u') => DashboardCommand::ScrollPage(-1),
            _ => DashboardCommand::Ignore,
        },
        DashboardMode::List if alt => DashboardCommand::Ignore,
        DashboardMode::List => list_command(key),
        DashboardMode::Filter | DashboardMode::Search => match key.code {
            KeyCode::Enter => DashboardCommand::Submit,
            KeyCode::Backspace if alt || control => DashboardCommand::EraseWord,
            KeyCode::Backspace => DashboardCommand::Erase,
            KeyCode::Char('w') if control => DashboardCommand::EraseWord,
            KeyCode::Char('u') if control => DashboardCommand::EraseAll,
            KeyCode::Char('h') if control => DashboardCommand::Erase,
            KeyCode::Char(char) if !control && !alt => DashboardCommand::Type(char.to_string()),
            _ => DashboardCommand::Ignore,
        },
        DashboardMode::Help => DashboardCommand::Close,
        DashboardMode::Confirm(_) => match key.code {
            KeyCode::Char('y' | 'Y') if !control && !alt => DashboardCommand::Confirm,
            _ => DashboardCommand::Close,
        },
    }
}

fn list_command(key: KeyEvent) -> DashboardCommand {
    match key.code {
        KeyCode::Enter if key.modifiers.contains(KeyModifiers::SHIFT) => {
            DashboardCommand::Act(DashboardAction::ResumeWindow)
        }
        KeyCode::Enter => DashboardCommand::Act(DashboardAction::Resume),
        KeyCode::Right => DashboardCommand::Deeper,
        KeyCode::Left => DashboardCommand::Back,
        KeyCode::Home => DashboardCommand::First,
        KeyCode::End => DashboardCommand::Last,
        KeyCode::Tab => DashboardCommand::ToggleScope,
        KeyCode::Char(char) => match char {
            ' ' => DashboardCommand::TogglePreview,
            '/' => DashboardCommand::OpenSearch,
            'f' => DashboardCommand::OpenFilter,
            '?' => DashboardCommand::OpenHelp,
            'q' => DashboardCommand::Quit,
            'd' => DashboardCommand::ToDeleted,
            'v' => DashboardCommand::ToggleEvidence,
            't' => DashboardCommand::ToggleTab,
            'w' => DashboardCommand::Act(DashboardAction::ResumeWindow),
            'o' => DashboardCommand::Act(DashboardAction::OpenPage),
            'e' => DashboardCommand::Act(DashboardAction::Export),
            'h' => DashboardCommand::Act(DashboardAction::Handoff),
            'p' => DashboardCommand::Act(DashboardAction::Pause),
            'c' => DashboardCommand::Act(DashboardAction::Cancel),
            'k' => DashboardCommand::Act(DashboardAction::Kill),
            'r' => DashboardCommand::Act(DashboardAction::Repair),
            'b' => DashboardCommand::Act(DashboardAction::Restore),
            's' => DashboardCommand::Act(DashboardAction::Show),
            _ => DashboardCommand::Ignore,
        },
        _ => DashboardCommand::Ignore,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::model::DashboardQuestion;
    use crossterm::event::MouseEvent;

    fn press(code: KeyCode, modifiers: KeyModifiers, mode: DashboardMode) -> DashboardCommand {
        command_of(&Event::Key(KeyEvent::new(code, modifiers)), mode)
    }

    #[test]
    fn each_action_has_its_key() {
        for (char, action) in [
            ('w', DashboardAction::ResumeWindow),
            ('o', DashboardAction::OpenPage),
            ('e', DashboardAction::Export),
            ('h', DashboardAction::Handoff),
            ('p', DashboardAction::Pause),
            ('c', DashboardAction::Cancel),
            ('k', DashboardAction::Kill),
            ('r', DashboardAction::Repair),
            ('b', DashboardAction::Restore),
            ('s', DashboardAction::Show),
        ] {
            let command = press(KeyCode::Char(char), KeyModifiers::NONE, DashboardMode::List);
            assert_eq!(command, DashboardCommand::Act(action), "{char}");
        }
        let enter = |modifiers| press(KeyCode::Enter, modifiers, DashboardMode::List);
        assert_eq!(enter(KeyModifiers::NONE), DashboardCommand::Act(DashboardAction::Resume));
        assert_eq!(enter(KeyModifiers::SHIFT), DashboardCommand::Act(DashboardAction::ResumeWindow));
    }

    #[test]
    fn letters_are_text_in_an_input_line_and_do_nothing_in_other_modes() {
        for mode in [DashboardMode::Filter, DashboardMode::Search] {
            for char in "wohpckrbsdqv?/ f".chars() {
                let command = press(KeyCode::Char(char), KeyModifiers::NONE, mode);
                assert_eq!(command, DashboardCommand::Type(char.to_string()));
            }
        }
        for char in "wohpckrbsqv".chars() {
            for question in [DashboardQuestion::Cancel, DashboardQuestion::Restore] {
                let mode = DashboardMode::Confirm(question);
                let command = press(KeyCode::Char(char), KeyModifiers::NONE, mode);
                assert_eq!(command, DashboardCommand::Close, "only y confirms");
            }
        }
        let paste = Event::Paste("k\nk".to_owned());
        assert_eq!(command_of(&paste, DashboardMode::List), DashboardCommand::Ignore);
        assert_eq!(command_of(&paste, DashboardMode::Filter), DashboardCommand::Type("k k".to_owned()));
    }

    #[test]
    fn letters_with_ctrl_or_alt_never_trigger_an_action() {
        for char in "woehkrsbd".chars() {
            for modifiers in [KeyModifiers::CONTROL, KeyModifiers::ALT] {
                let command = press(KeyCode::Char(char), modifiers, DashboardMode::List);
                assert!(!matches!(command, DashboardCommand::Act(_)), "{char} {command:?}");
            }
        }
        for mode in [DashboardMode::List, DashboardMode::Filter, DashboardMode::Help] {
            assert_eq!(press(KeyCode::Char('c'), KeyModifiers::CONTROL, mode), DashboardCommand::Interrupt);
            assert_eq!(press(KeyCode::Char('z'), KeyModifiers::CONTROL, mode), DashboardCommand::Suspend);
        }
    }

    #[test]
    fn a_key_release_is_ignored() {
        let mut key = KeyEvent::new(KeyCode::Char('k'), KeyModifiers::NONE);
        key.kind = KeyEventKind::Release;
        assert_eq!(command_of(&Event::Key(key), DashboardMode::List), DashboardCommand::Ignore);
    }

    #[test]
    fn mouse_events_become_clicks_and_scrolls_at_their_position() {
        let mouse =
            |kind| Event::Mouse(MouseEvent { kind, column: 3, row: 4, modifiers: KeyModifiers::NONE });
        let at = Position::new(3, 4);
        let command = |kind| command_of(&mouse(kind), DashboardMode::List);
        assert_eq!(command(MouseEventKind::Down(MouseButton::Left)), DashboardCommand::Click(at));
        assert_eq!(command(MouseEventKind::ScrollDown), DashboardCommand::Wheel(at, WHEEL));
        assert_eq!(command(MouseEventKind::Moved), DashboardCommand::Ignore);
    }
}
