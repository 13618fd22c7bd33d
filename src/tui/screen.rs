//! Runs the loop of the dashboard and owns the terminal. No other part of `tui` has effects.
//!
//! The terminal is a resource of the whole process, so its state is one static value. [`release`]
//! restores it whatever the loop is doing: the command line calls it when a signal arrives, before the
//! process stops or exits.

use super::details::{ConversationEntry, SessionDetails, WorkDetails};
use super::input::command_of;
use super::model::{
    Dashboard, DashboardEffect, DashboardOptions, DashboardOutcome, DetailsRequest, ReadingProgress,
};
use super::source::{DashboardSource, FileFingerprint};
use super::view;
use crate::clock::Clock;
use crate::error::{Code, Error, Result, without_panic};
use crate::report::gone::GoneSession;
use crate::report::pages::SessionPage;
use crate::report::search::SearchReport;
use crate::report::session::Session;
use chrono::{DateTime, Utc};
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
    KeyboardEnhancementFlags, PopKeyboardEnhancementFlags, PushKeyboardEnhancementFlags, poll, read,
};
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, queue};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use std::io::{Stdout, Write as _, stdout};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Polling interval while a report is being read.
const WHILE_READING: Duration = Duration::from_millis(40);
/// Default interval between checks of files for changes.
const CHECK: Duration = Duration::from_secs(2);
/// Pause between readings, as a multiple of the duration of the last one. It limits reading to a small part
/// of the time.
const SHARE: u32 = 20;
/// Interval after which open sessions are read again, because whether one is hung depends on the time.
const OPEN_SESSIONS: Duration = Duration::from_mins(1);
/// How long a selection must remain before the full report of its session is read.
const SETTLED: Duration = Duration::from_millis(200);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TerminalUse {
    /// The terminal is in its original state.
    Free,
    Drawing,
    /// Restored by [`release`] while the dashboard is still open.
    Released,
}

static TERMINAL: Mutex<TerminalUse> = Mutex::new(TerminalUse::Free);

fn terminal() -> MutexGuard<'static, TerminalUse> {
    TERMINAL.lock().unwrap_or_else(PoisonError::into_inner)
}

fn take_terminal() -> std::io::Result<()> {
    enable_raw_mode()?;
    let mut out = stdout();
    queue!(out, EnterAlternateScreen, cursor::Hide, EnableBracketedPaste, EnableMouseCapture)?;
    // Terminals that do not support this ignore it. Old Windows consoles return an error, which is harmless.
    let flags = KeyboardEnhancementFlags::DISAMBIGUATE_ESCAPE_CODES;
    let _ = queue!(out, PushKeyboardEnhancementFlags(flags));
    out.flush()
}

/// Restores the terminal. Every step is tried, even if an earlier one failed.
fn give_terminal_back() {
    let mut out = stdout();
    let _ = queue!(out, EndSynchronizedUpdate);
    let _ = queue!(out, PopKeyboardEnhancementFlags);
    let _ = queue!(out, DisableMouseCapture, DisableBracketedPaste);
    let _ = queue!(out, LeaveAlternateScreen, cursor::Show);
    let _ = out.flush();
    let _ = disable_raw_mode();
}

/// Restores the terminal while the dashboard is open; nothing is drawn until [`reclaim`].
pub fn release() {
    let mut state = terminal();
    if *state == TerminalUse::Drawing {
        give_terminal_back();
        *state = TerminalUse::Released;
    }
}

/// Acquires the terminal again after [`release`].
pub fn reclaim() {
    let mut state = terminal();
    if *state == TerminalUse::Released && take_terminal().is_ok() {
        *state = TerminalUse::Drawing;
    }
}

/// Owns the terminal until it is dropped: at the end, on an error, or in a panic.
struct TerminalGuard;

impl TerminalGuard {
    fn take() -> Result<Self> {
        let mut state = terminal();
        let guard = Self;
        *state = TerminalUse::Drawing;
        let taken = take_terminal();
        drop(state);
        taken.map_err(|error| terminal_error("prepare", &error))?;
        Ok(guard)
    }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        let mut state = terminal();
        if *state == TerminalUse::Drawing {
            give_terminal_back();
        }
        *state = TerminalUse::Free;
    }
}

fn terminal_error(doing: &str, error: &std::io::Error) -> Error {
    Error::new(Code::Io, format!("cannot {doing} the terminal: {error}"))
        .hint("use `cc-session-recover status --all`, which prints the same sessions")
}

/// Messages from the reader threads to the loop.
enum DashboardMessage {
    Page {
        round: u64,
        page: Box<SessionPage>,
    },
    /// Gone sessions; sent after the last page.
    Gone {
        round: u64,
        gone: Result<Vec<GoneSession>>,
    },
    /// The reading has ended.
    PagesEnd {
        round: u64,
        end: Result<()>,
    },
    Hits {
        text: String,
        report: Box<Result<SearchReport>>,
    },
    Work(PathBuf, Result<WorkDetails>),
    Conversation(PathBuf, Result<Vec<ConversationEntry>>),
    Shown(PathBuf, Box<Result<Session>>),
    /// All details of a deleted session that is kept.
    Kept(PathBuf, Box<Result<SessionDetails>>),
    /// All details for this request were sent.
    DetailsEnd(u64),
}

/// Shows the dashboard until an action ends it.
///
/// # Errors
/// [`Code::Io`] when the terminal cannot be used.
pub fn run(
    source: &Arc<dyn DashboardSource>,
    clock: &dyn Clock,
    options: &DashboardOptions,
) -> Result<DashboardOutcome> {
    let check = options.every.map_or(Ok(CHECK), Duration::try_from_secs_f64).map_err(|_| {
        Error::new(Code::Usage, "`every` is not a valid number of seconds")
            .hint("give a positive number of seconds")
    })?;
    let _guard = TerminalGuard::take()?;
    let mut terminal =
        Terminal::new(CrosstermBackend::new(stdout())).map_err(|error| terminal_error("read", &error))?;
    let mut session = ScreenLoop::new(source, options, check);
    session.begin_reading(clock);
    loop {
        session.take_messages(clock);
        session.request_details();
        session.draw(&mut terminal, clock)?;
        if session.wait(clock)?
            && let Some(outcome) = session.take_events(&mut terminal, clock)?
        {
            return Ok(outcome);
        }
        session.read_changes(clock);
    }
}

struct ScreenLoop<'s> {
    source: &'s Arc<dyn DashboardSource>,
    dashboard: Dashboard,
    sender: Sender<DashboardMessage>,
    receiver: Receiver<DashboardMessage>,
    /// Number of the current reading; reports of earlier ones are dropped.
    round: u64,
    reading: bool,
    began: Instant,
    began_at: SystemTime,
    /// Duration of the last reading.
    took: Duration,
    ended: Instant,
    checked: Instant,
    check: Duration,
    /// Fingerprint of the files behind the displayed reports; `None` if a file was
    /// written during the reading.
    fingerprint: Option<FileFingerprint>,
    watched: Vec<PathBuf>,
    /// Time of the next planned step, after which its session is read again.
    due: Option<DateTime<Utc>>,
    details: DetailsReader,
    requested: Option<(DetailsRequest, Option<DateTime<Utc>>)>,
    /// Clock second of the last drawing.
    drawn: Option<i64>,
    dirty: bool,
}

impl<'s> ScreenLoop<'s> {
    fn new(source: &'s Arc<dyn DashboardSource>, options: &DashboardOptions, check: Duration) -> Self {
        let (sender, receiver) = channel();
        let now = Instant::now();
        Self {
            source,
            dashboard: Dashboard::new(options),
            details: DetailsReader::start(Arc::clone(source), sender.clone()),
            sender,
            receiver,
            round: 0,
            reading: false,
            began: now,
            began_at: SystemTime::UNIX_EPOCH,
            took: Duration::ZERO,
            ended: now,
            checked: now,
            check,
            fingerprint: None,
            watched: Vec::new(),
            due: None,
            requested: None,
            drawn: None,
            dirty: true,
        }
    }

    /// Reads all sessions on a separate thread. Pages of an earlier reading are dropped when they arrive.
    fn begin_reading(&mut self, clock: &dyn Clock) {
        self.round += 1;
        (self.reading, self.began, self.began_at) = (true, Instant::now(), SystemTime::now());
        self.due = self.dashboard.next_due(clock.now());
        let (round, scope, sender) = (self.round, self.dashboard.scope, self.sender.clone());
        let source = Arc::clone(self.source);
        let quick = self.dashboard.progress == ReadingProgress::Nothing;
        std::thread::spawn(move || {
            let end = without_panic(|| {
                source.sessions(scope, quick, &mut |page| {
                    let _ = sender.send(DashboardMessage::Page { round, page: Box::new(page) });
                })
            });
            if end.is_ok() {
                let gone = without_panic(|| source.gone(scope));
                let _ = sender.send(DashboardMessage::Gone { round, gone });
            }
            let _ = sender.send(DashboardMessage::PagesEnd { round, end });
        });
    }

    fn take_messages(&mut self, clock: &dyn Clock) {
        while let Ok(message) = self.receiver.try_recv() {
            self.dirty = true;
            match message {
                DashboardMessage::Page { round, page } if round == self.round => {
                    self.dashboard.take_page(*page);
                }
                DashboardMessage::PagesEnd { round, end } if round == self.round => {
                    (self.reading, self.ended) = (false, Instant::now());
                    self.took = self.began.elapsed();
                    if let Err(error) = end {
                        self.dashboard.take_failure(error.to_string());
                    }
                    self.watched = self.dashboard.watched();
                    let read = self.source.fingerprint(&self.watched);
                    self.fingerprint = Some(read).filter(|read| read.newest < Some(self.began_at));
                    self.due = self.dashboard.next_due(clock.now());
                }
                DashboardMessage::Gone { round, gone } if round == self.round => match gone {
                    Ok(gone) => self.dashboard.take_gone(gone),
                    Err(error) => self.dashboard.take_gone_failure(error.to_string()),
                },
                DashboardMessage::Page { .. }
                | DashboardMessage::Gone { .. }
                | DashboardMessage::PagesEnd { .. } => {}
                DashboardMessage::Hits { text, report } => match *report {
                    Ok(report) => self.dashboard.take_hits(text, report),
                    Err(error) => self.dashboard.take_search_failure(error.to_string()),
                },
                DashboardMessage::Work(of, Ok(work)) => self.dashboard.take_work(&of, work),
                DashboardMessage::Conversation(of, Ok(entries)) => {
                    self.dashboard.take_conversation(&of, entries);
                }
                DashboardMessage::Shown(of, session) => match *session {
                    Ok(session) => self.dashboard.take_shown(&of, session),
                    Err(error) => self.dashboard.take_details_failure(&of, error.to_string()),
                },
                DashboardMessage::Kept(of, details) => match *details {
                    Ok(details) => self.dashboard.take_kept(&of, details),
                    Err(error) => self.dashboard.take_details_failure(&of, error.to_string()),
                },
                DashboardMessage::Work(of, Err(error)) | DashboardMessage::Conversation(of, Err(error)) => {
                    self.dashboard.take_details_failure(&of, error.to_string());
                }
                DashboardMessage::DetailsEnd(request) => self.details.finished(request),
            }
        }
    }

    /// Requests the details of the selected session when the selection changes or when it
    /// has a newer message.
    fn request_details(&mut self) {
        let Some(wanted) = self.dashboard.details_request() else {
            self.requested = None;
            return;
        };
        if self.requested.as_ref() != Some(&wanted) {
            self.details.request(wanted.0.clone());
            self.requested = Some(wanted);
        }
    }

    fn draw(&mut self, out: &mut Terminal<CrosstermBackend<Stdout>>, clock: &dyn Clock) -> Result<()> {
        let now = clock.now();
        let ticked = self.drawn != Some(now.timestamp()) && self.dashboard.counts_down(now);
        if !self.dirty && !ticked {
            return Ok(());
        }
        let state = terminal();
        if *state != TerminalUse::Drawing {
            return Ok(());
        }
        let _ = queue!(stdout(), BeginSynchronizedUpdate);
        let drawn = out.draw(|frame| view::draw(&mut self.dashboard, frame, now));
        drawn.map_err(|error| terminal_error("draw on", &error))?;
        let _ = queue!(stdout(), EndSynchronizedUpdate);
        let _ = stdout().flush();
        (self.dirty, self.drawn) = (false, Some(now.timestamp()));
        Ok(())
    }

    /// Waits for an event, at most until the screen is out of date.
    fn wait(&self, clock: &dyn Clock) -> Result<bool> {
        let now = clock.now();
        let longest = if self.reading || self.details.is_busy() || self.dashboard.searching.is_some() {
            WHILE_READING
        } else if self.dashboard.counts_down(now) {
            Duration::from_millis(u64::from(1000_u32.saturating_sub(now.timestamp_subsec_millis())).max(10))
        } else {
            self.check
        };
        poll(longest).map_err(|error| terminal_error("read", &error))
    }

    fn take_events(
        &mut self,
        out: &mut Terminal<CrosstermBackend<Stdout>>,
        clock: &dyn Clock,
    ) -> Result<Option<DashboardOutcome>> {
        loop {
            let event = read().map_err(|error| terminal_error("read", &error))?;
            let command = command_of(&event, self.dashboard.mode);
            self.dirty = true;
            if command == super::input::DashboardCommand::Redraw {
                out.clear().map_err(|error| terminal_error("draw on", &error))?;
            }
            match self.dashboard.apply(command) {
                DashboardEffect::None => {}
                DashboardEffect::Leave(outcome) => return Ok(Some(*outcome)),
                DashboardEffect::Suspend => {
                    suspend();
                    out.clear().map_err(|error| terminal_error("draw on", &error))?;
                }
                DashboardEffect::ReadAgain => self.begin_reading(clock),
                DashboardEffect::Search(text) => self.search(text),
            }
            if !poll(Duration::ZERO).map_err(|error| terminal_error("read", &error))? {
                return Ok(None);
            }
        }
    }

    fn search(&self, text: String) {
        let (sender, scope, source) = (self.sender.clone(), self.dashboard.scope, Arc::clone(self.source));
        std::thread::spawn(move || {
            let report = Box::new(without_panic(|| source.search(&text, scope)));
            let _ = sender.send(DashboardMessage::Hits { text, report });
        });
    }

    /// Starts a new reading if a file changed, a plan became due, or time alone may have changed the state
    /// of an open session.
    fn read_changes(&mut self, clock: &dyn Clock) {
        if self.reading || self.checked.elapsed() < self.check || self.ended.elapsed() < self.took * SHARE {
            return;
        }
        self.checked = Instant::now();
        let changed = self.fingerprint != Some(self.source.fingerprint(&self.watched));
        let due = self.due.is_some_and(|due| due <= clock.now());
        let old = self.dashboard.has_open_sessions() && self.ended.elapsed() >= OPEN_SESSIONS;
        if changed || due || old {
            self.begin_reading(clock);
        }
    }
}

/// Reads the details of one session at a time, the newest request first.
struct DetailsReader {
    requests: Sender<(u64, DetailsRequest)>,
    newest: Arc<AtomicU64>,
    done: u64,
}

impl DetailsReader {
    fn start(source: Arc<dyn DashboardSource>, to: Sender<DashboardMessage>) -> Self {
        let (requests, received) = channel::<(u64, DetailsRequest)>();
        let newest = Arc::new(AtomicU64::new(0));
        let known = Arc::clone(&newest);
        std::thread::spawn(move || {
            while let Ok((number, of)) = received.recv() {
                let wanted = || known.load(Ordering::Relaxed) == number;
                match &of {
                    DetailsRequest::Present(of) => read_details(source.as_ref(), of, &wanted, &to),
                    DetailsRequest::Kept(session) => {
                        read_kept(source.as_ref(), session, of.target(), &wanted, &to);
                    }
                }
                let _ = to.send(DashboardMessage::DetailsEnd(number));
            }
        });
        Self { requests, newest, done: 0 }
    }

    fn request(&self, of: DetailsRequest) {
        let number = self.newest.fetch_add(1, Ordering::Relaxed) + 1;
        let _ = self.requests.send((number, of));
    }

    fn finished(&mut self, number: u64) {
        self.done = number;
    }

    fn is_busy(&self) -> bool {
        self.done < self.newest.load(Ordering::Relaxed)
    }
}

/// Sends the quickest parts first, and stops once another session is selected.
fn read_details(
    source: &dyn DashboardSource,
    of: &Path,
    wanted: &dyn Fn() -> bool,
    to: &Sender<DashboardMessage>,
) {
    if !wanted() {
        return;
    }
    let _ = to.send(DashboardMessage::Work(of.to_path_buf(), without_panic(|| source.work(of))));
    if !wanted() {
        return;
    }
    let entries = without_panic(|| source.conversation(of, wanted));
    if !wanted() {
        return;
    }
    let _ = to.send(DashboardMessage::Conversation(of.to_path_buf(), entries));
    // The full report needs a scan of all sessions.
    std::thread::sleep(SETTLED);
    if wanted() {
        let session = without_panic(|| source.show(of));
        let _ = to.send(DashboardMessage::Shown(of.to_path_buf(), Box::new(session)));
    }
}

/// Sends all details of a kept session at once. Waits first, so that files are not unpacked for a selection
/// that the user only passes.
fn read_kept(
    source: &dyn DashboardSource,
    session: &str,
    target: &Path,
    wanted: &dyn Fn() -> bool,
    to: &Sender<DashboardMessage>,
) {
    if wanted() {
        std::thread::sleep(SETTLED);
    }
    if !wanted() {
        return;
    }
    let details = without_panic(|| source.kept(session, wanted));
    if wanted() {
        let _ = to.send(DashboardMessage::Kept(target.to_path_buf(), Box::new(details)));
    }
}

/// Stops the foreground job as the terminal does for Ctrl-Z. The command line restores the terminal on the
/// signal and acquires it again when the job continues.
fn suspend() {
    #[cfg(unix)]
    {
        release();
        let _ = rustix::process::kill_current_process_group(rustix::process::Signal::TSTP);
        // If the process was not stopped, the terminal is acquired again after a second.
        for _ in 0..20 {
            std::thread::sleep(Duration::from_millis(50));
            if *terminal() == TerminalUse::Drawing {
                return;
            }
        }
        reclaim();
    }
}
