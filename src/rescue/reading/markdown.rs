//! Writes a conversation as Markdown, for an editor, while the transcript is read.
//!
//! Every text is put into a fence longer than any fence in it, so that none of it becomes markup.

use super::conversation::{Page, Totals, clock};
use super::entry::{Agent, Entry, PageToolCall, PageToolResult, Picture};
use super::shown::{OUTPUT, ShortenedText, count, grouped, line_of, made_visible, size};
use super::tool::{self, LineKind, ToolPart};
use super::{LeftOut, PageFacts, PageFrame, PageMemory};
use std::fmt::Write as _;
use std::io::{self, Write};

pub struct Markdown<W> {
    out: W,
    buffer: String,
    turn: u64,
    depth: usize,
    cwd: Option<String>,
    kept: PageMemory,
}

impl<W: Write> Markdown<W> {
    pub fn begin(out: W, facts: &PageFacts) -> Self {
        let (cwd, kept) = (facts.cwd.clone(), PageMemory::of(facts));
        Self { out, buffer: String::new(), turn: 0, depth: 0, cwd, kept }
    }

    /// Ends the body. Returns the writer and the frame around the body.
    ///
    /// # Errors
    ///
    /// Returns the error of the underlying writer.
    pub fn end(mut self, facts: &PageFacts, totals: &Totals) -> io::Result<(W, PageFrame)> {
        self.flush()?;
        let mut tail = format!(
            "\n---\n\n{} {}, {}, {}, {}.\n",
            words(&facts.ending),
            count(totals.turns, "turn"),
            count(totals.calls, "tool call"),
            count(totals.stops, "stop"),
            count(totals.subagents, "subagent"),
        );
        let left = self.kept.left;
        if left != LeftOut::default() || totals.damaged > 0 {
            let _ = write!(tail, "\n{}\n", left.words(totals.damaged));
        }
        Ok((self.out, PageFrame { head: head(facts, totals), tail, left }))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(self.buffer.as_bytes())?;
        self.buffer.clear();
        Ok(())
    }

    fn fence(&mut self, language: &str, shown: &ShortenedText) {
        self.kept.note(shown);
        self.fenced(language, &shown.head);
        if let Some(left) = shown.left {
            let _ = write!(
                self.buffer,
                "\n… {} ({}) are left out here; the lossless export has them …\n",
                count(left.lines as u64, "line"),
                size(left.bytes as u64)
            );
            self.fenced(language, &shown.tail);
        }
    }

    fn fenced(&mut self, language: &str, text: &str) {
        let fence = "`".repeat(longest_run(text).max(2) + 1);
        let end = if text.ends_with('\n') || text.is_empty() { "" } else { "\n" };
        let _ = write!(self.buffer, "\n{fence}{language}\n{text}{end}{fence}\n");
    }

    fn pictures(&mut self, pictures: &[Picture]) {
        for picture in pictures {
            self.kept.left.pictures += 1;
            let media = words(&line_of(&picture.media, 40));
            let _ = write!(
                self.buffer,
                "\nA picture ({media}, {}) is left out here; the lossless export has it.\n",
                size(picture.bytes())
            );
        }
    }

    fn call(&mut self, call: &PageToolCall) {
        let state = match &call.outcome {
            None => " (no result)",
            Some(outcome) if outcome.failed => " (failed)",
            Some(_) => "",
        };
        let label = tool::label(call, self.cwd.as_deref());
        let label = if label.is_empty() { label } else { format!(" {}", code(&label)) };
        let _ = write!(self.buffer, "\n**{}**{label}{state}\n", words(&line_of(&call.name, 80)));
        for part in tool::given(call) {
            match part {
                ToolPart::Code { language, text, .. } => self.fence(language, &text),
                ToolPart::Prose(markdown) => self.fence("markdown", &tool::written(&markdown)),
                ToolPart::Todo(todos) => {
                    self.buffer.push('\n');
                    for (state, what) in todos {
                        let mark = if state == "completed" { "x" } else { " " };
                        let _ = writeln!(self.buffer, "- [{mark}] {}", words(&what));
                    }
                }
                ToolPart::Diff { lines, left } => {
                    let mut text = String::new();
                    for line in lines {
                        let mark = match line.kind {
                            LineKind::Place => "",
                            LineKind::Same => " ",
                            LineKind::Added => "+",
                            LineKind::Removed => "-",
                        };
                        let _ = writeln!(text, "{mark}{}", line.text);
                    }
                    self.fenced("diff", &text);
                    if left > 0 {
                        self.kept.left.texts += 1;
                        let _ = write!(
                            self.buffer,
                            "\n… {} of the change are omitted here; the lossless export contains them\n",
                            count(left as u64, "line")
                        );
                    }
                }
            }
        }
        if let Some(outcome) = &call.outcome {
            self.outcome(outcome);
        }
    }

    fn outcome(&mut self, outcome: &PageToolResult) {
        if let Some(shown) = tool::gave(&outcome.text) {
            let name = if outcome.failed { "Failed" } else { "Result" };
            let _ = write!(self.buffer, "\n{name}, {}:\n", size(outcome.text.len() as u64));
            self.fence("text", &shown);
        }
        self.pictures(&outcome.pictures);
    }
}

impl<W: Write> Page for Markdown<W> {
    fn entry(&mut self, entry: &Entry) -> io::Result<()> {
        match entry {
            Entry::Prompt(prompt) => {
                let at = prompt.at.map_or_else(String::new, |at| format!(" · {} UTC", clock(at)));
                if self.depth == 0 {
                    self.turn += 1;
                    let _ = write!(self.buffer, "\n## {} {}{at}\n", prompt.by.words(), grouped(self.turn));
                } else {
                    let _ = write!(self.buffer, "\n{}{at}:\n", prompt.by.words());
                }
                self.fence("text", &tool::written(&prompt.text));
                self.pictures(&prompt.pictures);
            }
            Entry::Answer { text, at } => {
                let at = at.map_or_else(String::new, |at| format!(" · {}", at.format("%H:%M:%S")));
                let _ = write!(self.buffer, "\nAnswer{at}:\n");
                self.fence("markdown", &tool::written(text));
            }
            Entry::Thinking(text) => {
                self.buffer.push_str("\nThinking:\n");
                self.fence("text", &tool::written(text));
            }
            Entry::Call(call) => self.call(call),
            Entry::Result(outcome) => {
                self.buffer.push_str("\nResult of a call that is not beside it\n");
                self.outcome(outcome);
            }
            Entry::Client { label, text } => {
                let _ = write!(self.buffer, "\nClient: {}\n", code(&line_of(label, 200)));
                if !text.trim().is_empty() {
                    self.fence("text", &ShortenedText::of(text, OUTPUT));
                }
            }
            Entry::Event(event) => {
                let at = event.at.map_or_else(String::new, |at| format!(" · {} UTC", clock(at)));
                let _ = write!(self.buffer, "\n> **{}**{at}\n", words(&line_of(&event.title, 600)));
                if !event.detail.trim().is_empty() {
                    self.fence("text", &tool::written(&event.detail));
                }
            }
        }
        self.flush()
    }

    fn begin_agent(&mut self, agent: &Agent) -> io::Result<()> {
        self.depth += 1;
        let mark = "#".repeat((self.depth + 2).min(6));
        let what = words(&line_of(agent.description.as_deref().unwrap_or("its own transcript"), 140));
        let _ = write!(self.buffer, "\n{mark} Subagent: {what} ({})\n", size(agent.bytes));
        self.flush()
    }

    fn end_agent(&mut self) -> io::Result<()> {
        let mark = "#".repeat((self.depth + 2).min(6));
        self.depth -= 1;
        let _ = write!(self.buffer, "\n{mark} End of the subagent\n");
        self.flush()
    }
}

fn head(facts: &PageFacts, totals: &Totals) -> String {
    let mut to = format!("# {}\n\n**{}**\n\n", words(&facts.title), facts.privacy());
    for (name, value, is_code) in &facts.rows {
        let shown = line_of(value, 4_000);
        let _ = writeln!(to, "- {name}: {}", if *is_code { code(&shown) } else { words(&shown) });
    }
    for (name, value) in super::summary(totals) {
        let _ = writeln!(to, "- {name}: {}", words(&value));
    }
    let (files, more) = super::changed_files(totals);
    if !files.is_empty() {
        let _ = writeln!(to, "- Changed files: {}", files.len() + more);
    }
    for (path, added, removed) in files {
        let _ = writeln!(to, "  - {} +{added} −{removed}", code(&line_of(path, 200)));
    }
    if more > 0 {
        let _ = writeln!(to, "  - and {} more", grouped(more as u64));
    }
    let _ = write!(to, "\n{} {}\n", super::ZONE, super::HOW);
    to
}

/// Returns the length of the longest run of backticks.
fn longest_run(text: &str) -> usize {
    text.split(|char| char != '`').map(str::len).max().unwrap_or(0)
}

/// Formats text as inline code that no character of the text can end.
fn code(text: &str) -> String {
    let fence = "`".repeat(longest_run(text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Escapes text so that nothing in it is markup.
fn words(text: &str) -> String {
    let mut shown = String::new();
    for char in made_visible(text).chars() {
        match char {
            '\n' => shown.push(' '),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '(' | ')' | '#' | '!' | '|'
            | '~' | '&' => {
                shown.push('\\');
                shown.push(char);
            }
            _ => shown.push(char),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rescue::reading::tests::facts;
    use proptest::prelude::*;
    use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

    fn page(text: &str) -> String {
        let mut page = Markdown::begin(Vec::new(), &facts());
        page.entry(&Entry::Answer { text: text.into(), at: None }).unwrap();
        let (body, frame) = page.end(&facts(), &Totals::default()).unwrap();
        frame.head + &String::from_utf8(body).unwrap() + &frame.tail
    }

    #[test]
    fn a_fence_is_longer_than_any_fence_inside() {
        let text = "a\n```\n`````js\nb\n````";
        assert!(page(text).contains(&format!("``````markdown\n{text}\n``````\n")));
        assert_eq!(code("a``b`"), "``` a``b` ```");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn arbitrary_text_stays_inside_its_fence(text in "[`~\n a<>#=|\\-\\[\\]()]{1,60}") {
            let page = page(&text);
            let mut inside = false;
            let mut held = Vec::new();
            for event in Parser::new_ext(&page, Options::all()) {
                match event {
                    Event::Start(Tag::CodeBlock(_)) => { inside = true; held.push(String::new()); }
                    Event::End(TagEnd::CodeBlock) => inside = false,
                    Event::Text(text) if inside => held.last_mut().unwrap().push_str(&text),
                    Event::Html(_) | Event::InlineHtml(_) | Event::Start(Tag::Table(_) | Tag::Link { .. }) => prop_assert!(false, "{}", page),
                    _ => {}
                }
            }
            prop_assert_eq!(held.len(), 1, "{}", page);
            prop_assert_eq!(held[0].trim_end_matches('\n'), text.trim_end_matches('\n'));
        }
    }
}
