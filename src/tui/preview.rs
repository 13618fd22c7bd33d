//! Builds the text of the preview as styled lines, wrapped to a width.

use super::details::{ConversationEntry, ConversationSpeaker, SessionDetails};
use super::words::{
    clock_time, count_words, daily_words, doing_words, duration_words, local_times, name_of, name_of_gone,
    next_words, sentence, size_words, token_words,
};
use crate::recovery::plan::Action;
use crate::report::gone::GoneSession;
use crate::report::search::SearchHit;
use crate::report::session::Session;
use crate::report::words::stop_words;
use crate::session::Evidence;
use crate::text::one_line;
use crate::watch::weight::Advice;
use chrono::{DateTime, Utc};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Maximum length of a quoted text, in characters.
const QUOTED: usize = 400;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreviewStyle {
    Title,
    Heading,
    Plain,
    Dim,
    Warning,
    You,
    Claude,
    Event,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewLine {
    pub style: PreviewStyle,
    pub text: String,
}

/// Collects lines, wrapped to a width.
struct PreviewBuilder {
    width: usize,
    lines: Vec<PreviewLine>,
}

impl PreviewBuilder {
    fn add(&mut self, style: PreviewStyle, text: &str) {
        self.indented(style, "", text);
    }

    /// Adds every line of the text, with `mark` before the first. Later and wrapped lines
    /// are indented to match.
    fn indented(&mut self, style: PreviewStyle, mark: &str, text: &str) {
        let indent = mark.width();
        let room = self.width.saturating_sub(indent).max(1);
        let mut mark = mark.to_owned();
        for line in text.lines() {
            for part in wrapped(line, room) {
                self.lines.push(PreviewLine { style, text: format!("{mark}{part}") });
                mark = " ".repeat(indent);
            }
        }
    }

    fn heading(&mut self, text: &str) {
        self.lines.push(PreviewLine { style: PreviewStyle::Plain, text: String::new() });
        self.add(PreviewStyle::Heading, text);
    }
}

/// Wraps a text to at most `width` columns, between words where possible.
#[must_use]
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut line, mut used) = (String::new(), 0);
    // Byte position of the last whitespace in the line, and the columns before it.
    let mut blank: Option<(usize, usize)> = None;
    for char in text.chars() {
        let char = if char == '\t' { ' ' } else { char };
        let columns = char.width().unwrap_or(0);
        if used + columns > width && used > 0 {
            let rest = match blank {
                Some((at, _)) if at > 0 => {
                    let rest = line.split_off(at).trim_start().to_owned();
                    line.truncate(line.trim_end().len());
                    rest
                }
                _ => String::new(),
            };
            lines.push(std::mem::replace(&mut line, rest));
            used = line.width();
            blank = None;
            if char == ' ' && line.is_empty() {
                continue;
            }
        }
        if char == ' ' {
            blank = Some((line.len(), used));
        }
        line.push(char);
        used += columns;
    }
    lines.push(line);
    lines
}

/// Builds the overview: why the session stopped, what happens next, and what was being worked on. `acts` is
/// true if the keys that the overview mentions are active.
#[must_use]
pub fn overview(
    session: &Session,
    details: &SessionDetails,
    hit: Option<&SearchHit>,
    evidence: bool,
    acts: bool,
    width: u16,
    now: DateTime<Utc>,
) -> Vec<PreviewLine> {
    let mut paper = PreviewBuilder { width: usize::from(width).max(1), lines: Vec::new() };
    // The full report contains details that a list omits.
    let session = details.shown.as_deref().unwrap_or(session);
    paper.add(PreviewStyle::Title, &name_of(session));
    paper.add(PreviewStyle::Dim, &session.id);
    let place = session.live.as_ref().map(|live| format!(" in {}", one_line(&live.place, QUOTED)));
    let state = format!("{}{}: {}", session.status.words(), place.unwrap_or_default(), doing_words(session));
    paper.add(PreviewStyle::Plain, &sentence(&state));
    if let Some(hit) = hit {
        paper.heading("Found");
        paper.add(PreviewStyle::Plain, &one_line(&hit.snippet, QUOTED));
    }
    why(&mut paper, session, now);
    next(&mut paper, session, acts, now);
    if evidence {
        paper.heading("Evidence");
        for Evidence { fact, .. } in session.evidence.iter().chain(&session.stop.evidence) {
            paper.indented(PreviewStyle::Plain, "- ", &local_times(&one_line(fact, QUOTED), now));
        }
    }
    facts(&mut paper, session, now);
    if let Some(problem) = &details.problem {
        paper.heading("Not everything could be read");
        paper.add(PreviewStyle::Warning, &one_line(problem, QUOTED));
    }
    work(&mut paper, details);
    paper.lines
}

/// Builds the overview of a session without a transcript: what remains of it, and how to restore it.
#[must_use]
pub fn gone_overview(
    gone: &GoneSession,
    details: &SessionDetails,
    hit: Option<&SearchHit>,
    acts: bool,
    width: u16,
    now: DateTime<Utc>,
) -> Vec<PreviewLine> {
    let mut paper = PreviewBuilder { width: usize::from(width).max(1), lines: Vec::new() };
    let shown = details.shown.as_deref();
    paper.add(PreviewStyle::Title, &shown.map_or_else(|| name_of_gone(gone), name_of));
    paper.add(PreviewStyle::Dim, &gone.id);
    if let Some(hit) = hit {
        paper.heading("Found");
        paper.add(PreviewStyle::Plain, &one_line(&hit.snippet, QUOTED));
    }
    paper.heading("What is left");
    let typed = count_words(gone.typed, "prompt");
    if let Some(kept) = &gone.kept {
        paper.add(PreviewStyle::Plain, "Claude Code deleted the transcript; all of it is kept.");
        let files = count_words(kept.files, "file");
        paper.indented(PreviewStyle::Plain, "size      ", &format!("{} in {files}", size_words(kept.bytes)));
        paper.heading("Restore");
        let command = gone.restore.as_ref().map(|words| words.join(" ")).unwrap_or_default();
        let key = if acts { "Press b to restore it, or run:" } else { "This restores it:" };
        paper.add(PreviewStyle::Plain, key);
        paper.add(PreviewStyle::Dim, &one_line(&command, QUOTED));
    } else {
        let text = format!("The transcript is gone and was not kept; {typed} typed in it can be read.");
        paper.add(PreviewStyle::Plain, &text);
        paper.add(PreviewStyle::Plain, "Nothing is left to resume.");
    }
    match shown {
        Some(session) => facts(&mut paper, session, now),
        None => gone_facts(&mut paper, gone, now),
    }
    if let Some(problem) = &details.problem {
        paper.heading("Not everything could be read");
        paper.add(PreviewStyle::Warning, &one_line(problem, QUOTED));
    }
    if shown.is_none() && !gone.prompts.is_empty() {
        paper.heading(&format!("Typed, {typed}"));
        for prompt in &gone.prompts {
            let at = prompt.at.map_or_else(String::new, |at| format!("{}: ", clock_time(at, now)));
            paper.add(PreviewStyle::You, &format!("{at}{}", one_line(&prompt.text, QUOTED)));
        }
    }
    if gone.kept.is_some() {
        work(&mut paper, details);
    }
    paper.lines
}

/// Adds the facts that are known without reading kept files.
fn gone_facts(paper: &mut PreviewBuilder, gone: &GoneSession, now: DateTime<Utc>) {
    paper.heading("Session");
    if let Some(dir) = &gone.project {
        paper.indented(PreviewStyle::Plain, "project   ", &one_line(&dir.to_string_lossy(), QUOTED));
    }
    for (label, at) in [("first     ", gone.first_at), ("last      ", gone.last_at)] {
        if let Some(at) = at {
            let text = format!("{} ({} ago)", clock_time(at, now), duration_words(now - at));
            paper.indented(PreviewStyle::Plain, label, &text);
        }
    }
}

fn why(paper: &mut PreviewBuilder, session: &Session, now: DateTime<Utc>) {
    let stop = &session.stop;
    let at = stop.at.map_or_else(String::new, |at| format!(", {}", clock_time(at, now)));
    paper.heading("Why");
    paper.add(PreviewStyle::Plain, &sentence(&format!("{}{at}", stop_words(stop.kind))));
    if let Some(message) = &stop.message {
        paper.add(PreviewStyle::Dim, &format!("“{}”", one_line(&message.shown(), QUOTED)));
    }
    if let Some(reset) = stop.resets_at {
        let guess =
            if stop.resets_at_source == Some(crate::session::ResetSource::Guess) { "about " } else { "" };
        let words = if reset > now { "resets" } else { "reset" };
        paper.add(PreviewStyle::Plain, &format!("The limit {words} at {guess}{}.", clock_time(reset, now)));
    }
    if let Some(loss) = session.loss {
        paper.add(PreviewStyle::Warning, &sentence(loss.fact()));
    }
}

fn next(paper: &mut PreviewBuilder, session: &Session, acts: bool, now: DateTime<Utc>) {
    let words = next_words(session, now);
    paper.heading("What happens next");
    if session.paused {
        let key = if acts { " Press p to end the pause." } else { "" };
        paper.add(PreviewStyle::Warning, &format!("Paused: nothing continues it.{key}"));
    }
    if !words.is_empty() {
        paper.add(PreviewStyle::Plain, &sentence(&words));
    }
    if let Some(continues) = session.daily_continues {
        paper.add(PreviewStyle::Plain, &sentence(&daily_words(continues)));
    }
    if !session.next.why.is_empty() {
        paper.add(PreviewStyle::Plain, &sentence(&local_times(&one_line(&session.next.why, QUOTED), now)));
    }
    if words.is_empty() && session.next.why.is_empty() {
        paper.add(PreviewStyle::Plain, "Nothing is planned.");
    }
    let resumable = matches!(session.next.action, Action::Resume) && session.commands.resume.is_some();
    if resumable && acts {
        paper.add(PreviewStyle::Dim, "Enter resumes it here.");
    }
}

fn facts(paper: &mut PreviewBuilder, session: &Session, now: DateTime<Utc>) {
    paper.heading("Session");
    let dir = session.project.dir.as_ref().map(|dir| dir.to_string_lossy().into_owned());
    let dir = dir.or_else(|| session.project.cwd.clone());
    let branch = session
        .git_branch
        .as_deref()
        .map_or_else(String::new, |branch| format!(" on {}", one_line(branch, QUOTED)));
    if let Some(dir) = dir {
        paper.indented(PreviewStyle::Plain, "project   ", &format!("{}{}", one_line(&dir, QUOTED), branch));
    }
    if let Some(context) = &session.context {
        let share = context.percent.map_or_else(String::new, |percent| format!("{percent:.0} %: "));
        let of = context.window.map_or_else(String::new, |window| format!(" of {}", token_words(window)));
        let style = match context.advice {
            Some(Advice::Large | Advice::Bloated) => PreviewStyle::Warning,
            Some(_) | None => PreviewStyle::Plain,
        };
        let text = format!("{share}{}{of} tokens", token_words(context.tokens));
        paper.indented(style, "context   ", &text);
        if let Some(next) = context.next.as_deref().filter(|_| style == PreviewStyle::Warning) {
            paper.indented(PreviewStyle::Dim, "          ", &sentence(&one_line(next, QUOTED)));
        }
    }
    if let Some(at) = session.last_activity_at {
        let text = format!("{} ({} ago)", clock_time(at, now), duration_words(now - at));
        paper.indented(PreviewStyle::Plain, "active    ", &text);
    }
    if let Some(turns) = session.turns {
        paper.indented(PreviewStyle::Plain, "prompts   ", &turns.to_string());
    }
    if let Some(model) = &session.model {
        paper.indented(PreviewStyle::Plain, "model     ", &one_line(model, QUOTED));
    }
    if let Some(prompt) = &session.last_prompt {
        paper.heading("Newest prompt");
        paper.add(PreviewStyle::You, &one_line(prompt, QUOTED));
    }
}

fn work(paper: &mut PreviewBuilder, details: &SessionDetails) {
    let Some(work) = &details.work else {
        if details.problem.is_none() {
            paper.heading("Reading the transcript …");
        }
        return;
    };
    if let Some(words) = &work.last_words {
        paper.heading("Last words");
        paper.add(PreviewStyle::Claude, words);
    }
    if !work.todos.is_empty() {
        let done = work.todos.iter().filter(|todo| todo.done).count();
        paper.heading(&format!("Tasks, {done} of {} done", work.todos.len() + work.todos_left_out));
        for todo in &work.todos {
            let (mark, style) = match (todo.done, todo.active) {
                (true, _) => ("[x] ", PreviewStyle::Dim),
                (false, true) => ("[>] ", PreviewStyle::Plain),
                (false, false) => ("[ ] ", PreviewStyle::Plain),
            };
            paper.indented(style, mark, &todo.text);
        }
        if work.todos_left_out > 0 {
            paper.add(PreviewStyle::Dim, &format!("and {} more", work.todos_left_out));
        }
    }
    if let Some(plan) = &work.plan {
        paper.heading("Plan");
        paper.add(PreviewStyle::Plain, plan);
    }
    if !work.files.is_empty() {
        paper.heading(&format!("Files changed, {}", work.files_total));
        for file in &work.files {
            paper.indented(PreviewStyle::Plain, "  ", file);
        }
        let more = work.files_total.saturating_sub(work.files.len());
        if more > 0 {
            paper.add(PreviewStyle::Dim, &format!("and {more} more"));
        }
    }
}

/// Builds the conversation, oldest entry first.
#[must_use]
pub fn conversation(entries: &[ConversationEntry], width: u16) -> Vec<PreviewLine> {
    let mut paper = PreviewBuilder { width: usize::from(width).max(1), lines: Vec::new() };
    let mut before = None;
    for entry in entries {
        let (label, style) = match entry.speaker {
            ConversationSpeaker::You => ("You", PreviewStyle::You),
            ConversationSpeaker::Claude => ("Claude", PreviewStyle::Claude),
            ConversationSpeaker::Tool => ("", PreviewStyle::Dim),
            ConversationSpeaker::Event => ("", PreviewStyle::Event),
        };
        if label.is_empty() {
            paper.indented(style, "  ", &entry.text);
        } else {
            if before != Some(entry.speaker) {
                paper.heading(label);
            }
            paper.add(style, &entry.text);
        }
        before = Some(entry.speaker);
    }
    paper.lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_wrap_between_words_and_inside_long_words() {
        assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
        assert_eq!(wrapped("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrapped("漢字漢字", 5), ["漢字", "漢字"]);
        assert_eq!(wrapped("", 5), [""]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn no_wrapped_line_exceeds_the_width(text in "[a-z 漢👩é\\t]{0,80}", width in 2_usize..40) {
            for line in wrapped(&text, width) {
                prop_assert!(line.width() <= width, "{line:?}");
            }
        }
    }
}
