//! Writes a conversation as a page, a single HTML file that loads nothing and runs only its own script. The
//! page is written while the transcript is read.
//!
//! Several layers protect the reader. Every text is escaped. The content security policy allows only this
//! file's own style and script, by their hashes, and embedded pictures. No address is a link.

use super::PageFacts;
use super::conversation::{Page, Totals, clock, machine};
use super::entry::{
    Agent, Entry, PageEvent, PagePrompt, PageToolCall, PageToolResult, Picture, PromptAuthor,
};
use super::prose::{escape, escape_visible, render};
use super::shown::{ShortenedText, count, grouped, line_of, made_visible, size};
use super::syntax::Grammar;
use super::tool::{self, LineKind, ToolPart};
use super::{LeftOut, PageFrame, PageMemory};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, NaiveDate, Utc};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io::{self, Write};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// Number of entries per part; a browser lays out a part once it scrolls into view.
const TOGETHER: usize = 40;
/// Maximum size of the timeline, in bytes. Further entries are only counted.
const TIMELINE: usize = 4 * 1024 * 1024;
/// Number of lines of a prompt that are shown before it is folded.
const PROMPT_LINES: usize = 30;
const PROMPT_BYTES: usize = 3_000;
/// Number of lines of a diff or an output that are shown before "show all".
const SHOWN_LINES: usize = 60;
/// Minimum number of lines worth folding.
const FEW_LINES: usize = 12;
/// Largest Markdown text that is rendered, in bytes; a longer one is shown as plain text.
const RENDERED: usize = 256 * 1024;

pub struct Html<W> {
    out: W,
    buffer: String,
    timeline: String,
    /// Number of entries that did not fit into the timeline.
    timeline_left: u64,
    day: Option<NaiveDate>,
    turn: u64,
    marks: u64,
    /// Number of entries in the open part; `None` if no part is open.
    together: Option<usize>,
    in_turn: bool,
    depth: usize,
    /// Whether the label of the model has been written for the current entries.
    model_speaks: bool,
    cwd: Option<String>,
    kept: PageMemory,
}

impl<W: Write> Html<W> {
    pub fn begin(out: W, facts: &PageFacts) -> Self {
        Self {
            out,
            buffer: String::new(),
            timeline: String::new(),
            timeline_left: 0,
            day: None,
            turn: 0,
            marks: 0,
            together: None,
            in_turn: false,
            depth: 0,
            model_speaks: false,
            cwd: facts.cwd.clone(),
            kept: PageMemory::of(facts),
        }
    }

    /// Ends the body. Returns the writer and the frame around the body.
    ///
    /// # Errors
    ///
    /// Returns the error of the underlying writer.
    pub fn end(mut self, facts: &PageFacts, totals: &Totals) -> io::Result<(W, PageFrame)> {
        self.close_turn();
        self.flush()?;
        self.buffer.push_str("<section class=\"end\"><p>");
        escape(&format!("{} ", facts.ending), &mut self.buffer);
        let _ = write!(self.buffer, "Reading stopped here: {}.</p>", said(totals));
        let left = self.kept.left;
        if left != LeftOut::default() || totals.damaged > 0 {
            self.buffer.push_str("<p>");
            escape(&left.words(totals.damaged), &mut self.buffer);
            self.buffer.push_str("</p>");
        }
        self.buffer.push_str("</section></main><nav id=\"timeline\" aria-label=\"Timeline\"><a class=\"close\" href=\"#top\">Close</a><h2>Timeline</h2><p class=\"totals\">");
        self.buffer.push_str(&said(totals));
        self.buffer.push_str("</p><ol>");
        self.buffer.push_str(&self.timeline);
        if self.timeline_left > 0 {
            let _ = write!(self.buffer, "<li class=\"day\">and {} more</li>", grouped(self.timeline_left));
        }
        let _ = writeln!(self.buffer, "</ol></nav></div><script>{SCRIPT}</script></body></html>");
        let tail = std::mem::take(&mut self.buffer);
        self.head(facts, totals);
        Ok((self.out, PageFrame { head: self.buffer, tail, left }))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(self.buffer.as_bytes())?;
        self.buffer.clear();
        Ok(())
    }

    fn head(&mut self, facts: &PageFacts, totals: &Totals) {
        let hash = |text: &str| BASE64_STANDARD.encode(Sha256::digest(text.as_bytes()));
        let to = &mut self.buffer;
        let _ = write!(
            to,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; \
             img-src data:; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
             <meta name=\"robots\" content=\"noindex\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<title>",
            hash(STYLE),
            hash(SCRIPT)
        );
        escape(&facts.title, to);
        let _ = write!(to, "</title>\n<style>{STYLE}</style>\n</head>\n<body>\n");
        to.push_str(
            "<a class=\"skip\" href=\"#conversation\">Skip to the conversation</a>\n<header class=\"bar\" id=\"top\"><p class=\"name\"><a href=\"#top\">",
        );
        escape(&facts.title, to);
        to.push_str(
            "</a></p><div class=\"find scripted\" role=\"search\" hidden><label class=\"hush\" for=\"find\">Find in turns</label>\
             <input id=\"find\" type=\"search\" placeholder=\"Find in turns\" autocomplete=\"off\" spellcheck=\"false\">\
             <output id=\"found\" for=\"find\"></output>\
             <button id=\"back\" type=\"button\" aria-label=\"Previous hit\" title=\"Previous hit: Shift+Enter\">↑</button>\
             <button id=\"on\" type=\"button\" aria-label=\"Next hit\" title=\"Next hit: Enter\">↓</button></div>\
             <button id=\"fold\" class=\"scripted\" type=\"button\" aria-pressed=\"false\" hidden>Open all</button>\
             <a class=\"to-timeline\" href=\"#timeline\">Timeline</a></header>\n\
             <div class=\"page\"><main id=\"conversation\" tabindex=\"-1\">\n<section class=\"about\"><h1>",
        );
        escape(&facts.title, to);
        to.push_str("</h1><p class=\"private\">");
        escape(facts.privacy(), to);
        to.push_str("</p><dl class=\"facts\">");
        for (name, value, is_code) in &facts.rows {
            to.push_str("<dt>");
            escape(name, to);
            to.push_str(if *is_code { "</dt><dd><code>" } else { "</dt><dd>" });
            escape(value, to);
            to.push_str(if *is_code { "</code></dd>" } else { "</dd>" });
        }
        to.push_str("</dl>");
        summarise(totals, to);
        let _ = write!(to, "<p class=\"how\"><span id=\"zone\">{}</span> ", super::ZONE);
        escape(super::HOW, to);
        to.push_str(" Addresses are shown as text, not as links.");
        to.push_str("</p></section>\n");
    }

    fn close_part(&mut self) {
        if self.together.take().is_some() {
            self.buffer.push_str("</div>");
        }
    }

    fn close_turn(&mut self) {
        self.close_part();
        self.model_speaks = false;
        if std::mem::take(&mut self.in_turn) {
            self.buffer.push_str("</section>\n");
        }
    }

    /// Opens a part of a turn for the next entry if necessary.
    fn open_part(&mut self) {
        if self.depth > 0 {
            return;
        }
        if self.together.is_some_and(|together| together >= TOGETHER) {
            self.close_part();
        }
        if !self.in_turn {
            self.in_turn = true;
            self.buffer.push_str("<section class=\"turn\" id=\"t0\" aria-label=\"Before the first prompt\">");
        }
        if let Some(together) = &mut self.together {
            *together += 1;
        } else {
            self.together = Some(1);
            self.buffer.push_str("<div class=\"part\">");
        }
    }

    fn prompt(&mut self, prompt: &PagePrompt) {
        let shown = tool::written(&prompt.text);
        if self.depth > 0 {
            self.buffer.push_str("<p class=\"caption\">");
            escape(prompt.by.words(), &mut self.buffer);
            self.buffer.push_str("</p>");
        } else {
            self.close_turn();
            self.turn += 1;
            self.in_turn = true;
            let number = self.turn;
            let _ = write!(
                self.buffer,
                "<section class=\"turn\" id=\"t{number}\" aria-labelledby=\"h{number}\"><header><h2 id=\"h{number}\"><a href=\"#t{number}\">Turn {}</a></h2>",
                grouped(number)
            );
            let by = if prompt.by == PromptAuthor::Person { "User" } else { prompt.by.words() };
            let _ = write!(self.buffer, "<span>{by}</span>");
            time(prompt.at, &mut self.buffer);
            self.buffer.push_str("</header>");
            let words =
                if prompt.text.trim().is_empty() { "(a picture)".into() } else { line_of(&prompt.text, 90) };
            let number = grouped(number);
            self.add_timeline_entry(&format!("t{}", self.turn), "turn", &number, &words, prompt.at);
        }
        self.buffer.push_str("<div class=\"said\">");
        self.words(&shown);
        self.pictures(&prompt.pictures);
        self.buffer.push_str("</div>");
    }

    /// Writes text as it was typed, and folds the rest of a long text.
    fn words(&mut self, shown: &ShortenedText) {
        let at = shown.head.char_indices().scan(0, |lines, (at, char)| {
            *lines += usize::from(char == '\n');
            Some((at, *lines))
        });
        let end = at
            .into_iter()
            .find(|(at, lines)| *lines >= PROMPT_LINES || *at >= PROMPT_BYTES)
            .map(|(at, _)| at);
        // A short rest is not worth folding.
        let end = end.filter(|end| shown.head.len() - end > 400 || shown.left.is_some());
        let (first, rest) = shown.head.split_at(end.unwrap_or(shown.head.len()));
        self.buffer.push_str("<div class=\"words\">");
        escape_visible(first, &mut self.buffer);
        self.buffer.push_str("</div>");
        if !rest.is_empty() || shown.left.is_some() {
            let lines = rest.lines().count().max(1) + shown.tail.lines().count();
            let _ = write!(
                self.buffer,
                "<details class=\"more\"><summary>{} more</summary><div class=\"words\">",
                count(lines as u64, "line")
            );
            escape_visible(rest, &mut self.buffer);
            self.buffer.push_str("</div>");
            self.left(shown);
            if shown.left.is_some() {
                self.buffer.push_str("<div class=\"words\">");
                escape_visible(&shown.tail, &mut self.buffer);
                self.buffer.push_str("</div>");
            }
            self.buffer.push_str("</details>");
        }
        self.kept.note(shown);
    }

    /// Writes how much is left out between the beginning and the end.
    fn left(&mut self, shown: &ShortenedText) {
        if let Some(left) = shown.left {
            let _ = write!(
                self.buffer,
                "<p class=\"left\">… {} ({}) are left out here; the lossless export has them …</p>",
                count(left.lines as u64, "line"),
                size(left.bytes as u64)
            );
        }
    }

    fn pre(&mut self, class: &str, grammar: Option<&Grammar>, shown: &ShortenedText) {
        let folds = shown.head.lines().count() >= SHOWN_LINES + FEW_LINES;
        let breaks = memchr::memchr_iter(b'\n', shown.head.as_bytes());
        let end = if folds { breaks.skip(SHOWN_LINES - 1).map(|at| at + 1).next() } else { None };
        let (first, rest) = shown.head.split_at(end.unwrap_or(shown.head.len()));
        self.fixed_width(class, grammar, first);
        if !rest.is_empty() {
            let lines = rest.lines().count() + shown.tail.lines().count();
            self.begin_rest(lines);
            self.fixed_width(class, grammar, rest);
        }
        self.left(shown);
        if shown.left.is_some() {
            self.fixed_width(class, grammar, &shown.tail);
        }
        if !rest.is_empty() {
            self.buffer.push_str("</details>");
        }
        self.kept.note(shown);
    }

    fn fixed_width(&mut self, class: &str, grammar: Option<&Grammar>, text: &str) {
        // A browser ignores a line break directly after the tag.
        let _ = writeln!(self.buffer, "<pre class=\"{class}\">");
        write_code(grammar, text, &mut self.buffer);
        self.buffer.push_str("</pre>");
    }

    /// Opens the folded part after the first lines.
    fn begin_rest(&mut self, lines: usize) {
        let _ = write!(
            self.buffer,
            "<details class=\"more\"><summary>Show all: {} more</summary>",
            count(lines as u64, "line")
        );
    }

    fn pictures(&mut self, pictures: &[Picture]) {
        for picture in pictures {
            self.buffer.push_str("<div class=\"pictures\">");
            if self.kept.take_picture(picture) {
                let _ = write!(
                    self.buffer,
                    "<img alt=\"A picture of the conversation\" loading=\"lazy\" decoding=\"async\" src=\"data:{};base64,{}\">",
                    picture.media, picture.data
                );
            } else {
                self.buffer.push_str("<p class=\"left\">A picture (");
                escape(&line_of(&picture.media, 40), &mut self.buffer);
                let _ = write!(
                    self.buffer,
                    ", {}) is left out here; the lossless export has it.</p>",
                    size(picture.bytes())
                );
            }
            self.buffer.push_str("</div>");
        }
    }

    fn prose(&mut self, class: &str, markdown: &str) {
        if markdown.len() > RENDERED {
            self.pre("long", None, &tool::written(markdown));
            return;
        }
        let _ = write!(self.buffer, "<div class=\"{class}\">");
        // Lines are not cut, because they wrap and a cut could break the markup. Control characters are
        // replaced first, because a terminal sequence may contain markup.
        render(&made_visible(markdown), &mut self.buffer);
        self.buffer.push_str("</div>");
    }

    fn call(&mut self, call: &PageToolCall) {
        let parts = tool::given(call);
        let failed = call.outcome.as_ref().is_some_and(|outcome| outcome.failed);
        let changed = tool::changed(&parts);
        self.marks += 1;
        let mark = self.marks;
        let _ = write!(
            self.buffer,
            "<details class=\"call{}\" id=\"c{mark}\"{}><summary><span class=\"tool\">",
            if failed { " failed" } else { "" },
            if failed || changed.is_some() { " open" } else { "" }
        );
        escape(&line_of(&call.name, 80), &mut self.buffer);
        self.buffer.push_str("</span><span class=\"label\">");
        escape(&tool::label(call, self.cwd.as_deref()), &mut self.buffer);
        self.buffer.push_str("</span><span class=\"marks\">");
        if let Some((added, removed)) = changed {
            let _ = write!(
                self.buffer,
                "<span class=\"plus\">+{added}</span><span class=\"minus\">−{removed}</span>"
            );
        }
        match &call.outcome {
            None => self.buffer.push_str("<span class=\"bad\">no result</span>"),
            Some(_) if failed => self.buffer.push_str("<span class=\"bad\">failed</span>"),
            Some(_) => {}
        }
        self.buffer.push_str("</span></summary><div class=\"inside\">");
        let file = ["file_path", "notebook_path"].iter().find_map(|key| call.input.get(key)?.as_str());
        let grammar = file.and_then(Grammar::of_file);
        for part in &parts {
            self.part(part, grammar);
        }
        match &call.outcome {
            // The result of a successful edit only repeats the diff above.
            Some(outcome) if changed.is_some() && !failed => {
                self.buffer.push_str("<details class=\"more\"><summary>Result</summary>");
                self.outcome(outcome, None);
                self.buffer.push_str("</details>");
            }
            Some(outcome) => self.outcome(outcome, tool::language_of_output(call, outcome)),
            None => {
                self.buffer
                    .push_str("<p class=\"caption\">No result of this call is recorded beside it.</p>");
            }
        }
        let _ = write!(
            self.buffer,
            "<p class=\"here\"><a href=\"#c{mark}\">Link to this call</a></p></div></details>"
        );
    }

    /// Writes a part of a tool call. `grammar` is the language of the file that the call changes.
    fn part(&mut self, part: &ToolPart, grammar: Option<&Grammar>) {
        match part {
            ToolPart::Code { title, language, text } => {
                if !title.is_empty() {
                    self.buffer.push_str("<p class=\"caption\">");
                    escape(title, &mut self.buffer);
                    self.buffer.push_str("</p>");
                }
                self.pre("given", Grammar::named(language), text);
            }
            ToolPart::Prose(markdown) => self.prose("prose", markdown),
            ToolPart::Todo(todos) => {
                self.buffer.push_str("<ul class=\"todo\">");
                for (state, what) in todos {
                    self.buffer.push_str("<li><span class=\"state\">");
                    escape_visible(&state.replace('_', " "), &mut self.buffer);
                    self.buffer.push_str("</span><span>");
                    escape_visible(what, &mut self.buffer);
                    self.buffer.push_str("</span></li>");
                }
                self.buffer.push_str("</ul>");
            }
            ToolPart::Diff { lines, left } => {
                let folds = lines.len() >= SHOWN_LINES + FEW_LINES;
                let (first, rest) = lines.split_at(if folds { SHOWN_LINES } else { lines.len() });
                self.diff(grammar, first);
                if !rest.is_empty() {
                    self.begin_rest(rest.len());
                    self.diff(grammar, rest);
                    self.buffer.push_str("</details>");
                }
                if *left > 0 {
                    self.kept.left.texts += 1;
                    let _ = write!(
                        self.buffer,
                        "<p class=\"left\">… {} of the change are omitted here; the lossless export contains them</p>",
                        count(*left as u64, "line")
                    );
                }
            }
        }
    }

    /// Writes a diff. Line numbers are attributes, so that copying a change copies only its text.
    fn diff(&mut self, grammar: Option<&Grammar>, lines: &[tool::DiffLine]) {
        self.buffer.push_str("<pre class=\"diff\">");
        for line in lines {
            let (tag, mark) = match line.kind {
                LineKind::Place => ("span class=\"place\"", ""),
                LineKind::Same => ("span", " "),
                LineKind::Added => ("ins", "+"),
                LineKind::Removed => ("del", "-"),
            };
            let _ = write!(self.buffer, "<{tag}");
            for (name, number) in [("o", line.old), ("n", line.new)] {
                if let Some(number) = number {
                    let _ = write!(self.buffer, " data-{name}=\"{number}\"");
                }
            }
            let _ = write!(self.buffer, ">{mark}");
            write_code(grammar.filter(|_| line.kind != LineKind::Place), &line.text, &mut self.buffer);
            let _ = write!(self.buffer, "</{}>", tag.split(' ').next().unwrap_or(tag));
        }
        self.buffer.push_str("</pre>");
    }

    /// Writes the label of the model once, until another author follows.
    fn speaker(&mut self, at: Option<DateTime<Utc>>) {
        if self.depth > 0 || std::mem::replace(&mut self.model_speaks, true) {
            return;
        }
        self.marks += 1;
        let mark = self.marks;
        let _ = write!(self.buffer, "<p class=\"who\" id=\"a{mark}\"><a href=\"#a{mark}\">Claude</a>");
        time(at, &mut self.buffer);
        self.buffer.push_str("</p>");
    }

    /// Writes the output of a tool call. `grammar` is its language, if that is known.
    fn outcome(&mut self, outcome: &PageToolResult, grammar: Option<&Grammar>) {
        if let Some(shown) = tool::gave(&outcome.text) {
            let _ = write!(
                self.buffer,
                "<p class=\"caption\">{}, {}</p>",
                if outcome.failed { "Failed" } else { "Result" },
                size(outcome.text.len() as u64)
            );
            self.pre("output", grammar, &shown);
        } else if outcome.pictures.is_empty() {
            self.buffer.push_str("<p class=\"caption\">No output</p>");
        }
        self.pictures(&outcome.pictures);
    }

    fn event(&mut self, event: &PageEvent) {
        self.marks += 1;
        let (mark, kind) = (self.marks, event.kind.as_str());
        if self.depth == 0 && event.kind.is_in_timeline() {
            self.add_timeline_entry(&format!("e{mark}"), kind, "·", &line_of(&event.title, 90), event.at);
        }
        let _ = write!(self.buffer, "<div class=\"event {kind}\" id=\"e{mark}\"><p><strong>");
        escape(&line_of(&event.title, 600), &mut self.buffer);
        self.buffer.push_str("</strong>");
        time(event.at, &mut self.buffer);
        self.buffer.push_str("</p>");
        if !event.detail.trim().is_empty() {
            let shown = tool::written(&event.detail);
            self.buffer.push_str("<p class=\"detail\">");
            escape_visible(&shown.head, &mut self.buffer);
            self.buffer.push_str("</p>");
            self.left(&shown);
            self.kept.note(&shown);
        }
        self.buffer.push_str("</div>");
    }

    fn add_timeline_entry(
        &mut self,
        id: &str,
        class: &str,
        number: &str,
        words: &str,
        at: Option<DateTime<Utc>>,
    ) {
        if self.timeline.len() > TIMELINE {
            self.timeline_left += 1;
            return;
        }
        let to = &mut self.timeline;
        if let Some(at) = at
            && self.day != Some(at.date_naive())
        {
            self.day = Some(at.date_naive());
            let _ = write!(to, "<li class=\"day\">{}</li>", at.format("%-d %B %Y"));
        }
        let _ = write!(
            to,
            "<li class=\"{class}\"><a href=\"#{id}\"><span class=\"n\">{number}</span><span class=\"what\">"
        );
        escape_visible(words, to);
        to.push_str("</span>");
        if let Some(at) = at {
            let _ = write!(to, "<time datetime=\"{}\">{}</time>", machine(at), at.format("%H:%M"));
        }
        to.push_str("</a></li>\n");
    }
}

impl<W: Write> Page for Html<W> {
    fn entry(&mut self, entry: &Entry) -> io::Result<()> {
        if !matches!(entry, Entry::Prompt(_)) {
            self.open_part();
        }
        match entry {
            Entry::Prompt(prompt) => self.prompt(prompt),
            Entry::Answer { text, at } => {
                self.speaker(*at);
                self.prose("answer", text);
            }
            Entry::Thinking(text) => {
                let _ = write!(
                    self.buffer,
                    "<details class=\"thinking\"><summary>Thinking, {}</summary><div class=\"inside\"><div class=\"words\">",
                    count(text.split_whitespace().count() as u64, "word")
                );
                let shown = tool::written(text);
                escape_visible(&shown.head, &mut self.buffer);
                self.buffer.push_str("</div>");
                self.left(&shown);
                if shown.left.is_some() {
                    self.buffer.push_str("<div class=\"words\">");
                    escape_visible(&shown.tail, &mut self.buffer);
                    self.buffer.push_str("</div>");
                }
                self.kept.note(&shown);
                self.buffer.push_str("</div></details>");
            }
            Entry::Call(call) => self.call(call),
            Entry::Result(outcome) => {
                self.buffer.push_str("<details class=\"late\"><summary><span class=\"label\">Result of a call that is not beside it</span></summary><div class=\"inside\">");
                self.outcome(outcome, None);
                self.buffer.push_str("</div></details>");
            }
            Entry::Client { label, text } if text.trim().is_empty() => {
                self.model_speaks = false;
                self.buffer.push_str("<p class=\"client\"><code>");
                escape(&line_of(label, 200), &mut self.buffer);
                self.buffer.push_str("</code></p>");
            }
            Entry::Client { label, text } => {
                self.model_speaks = false;
                self.buffer.push_str("<details class=\"client\"><summary>");
                escape(&line_of(label, 200), &mut self.buffer);
                self.buffer.push_str("</summary><div class=\"inside\">");
                self.pre("note", None, &ShortenedText::of(text, super::shown::OUTPUT));
                self.buffer.push_str("</div></details>");
            }
            Entry::Event(event) => self.event(event),
        }
        self.flush()
    }

    fn begin_agent(&mut self, agent: &Agent) -> io::Result<()> {
        self.open_part();
        self.depth += 1;
        self.buffer.push_str(
            "<details class=\"agent\"><summary><span class=\"tool\">Subagent</span><span class=\"label\">",
        );
        escape(&line_of(agent.description.as_deref().unwrap_or("its own transcript"), 140), &mut self.buffer);
        self.buffer.push_str("</span><span class=\"marks\"><span>");
        escape(&line_of(agent.kind.as_deref().unwrap_or_default(), 40), &mut self.buffer);
        let _ = write!(
            self.buffer,
            "</span><span>{}</span></span></summary><div class=\"inside\">",
            size(agent.bytes)
        );
        self.flush()
    }

    fn end_agent(&mut self) -> io::Result<()> {
        self.depth -= 1;
        self.buffer.push_str("</div></details>");
        self.flush()
    }
}

/// Appends the escaped text, highlighted if its language is known.
fn write_code(grammar: Option<&Grammar>, text: &str, to: &mut String) {
    match grammar {
        Some(grammar) => grammar.color(text, to),
        None => escape_visible(text, to),
    }
}

fn time(at: Option<DateTime<Utc>>, to: &mut String) {
    if let Some(at) = at {
        let _ = write!(to, "<time datetime=\"{}\">{}</time>", machine(at), clock(at));
    }
}

fn summarise(totals: &Totals, to: &mut String) {
    to.push_str("<h2 class=\"hush\">Summary</h2><dl class=\"facts summary\">");
    for (name, value) in super::summary(totals) {
        let _ = write!(to, "<dt>{name}</dt><dd>");
        escape(&value, to);
        to.push_str("</dd>");
    }
    to.push_str("</dl>");
    let (files, more) = super::changed_files(totals);
    if files.is_empty() {
        return;
    }
    let number = count((files.len() + more) as u64, "file");
    let _ = write!(to, "<details class=\"files\" open><summary>{number} changed</summary><ul>");
    for (path, added, removed) in files {
        to.push_str("<li><code>");
        escape(&line_of(path, 200), to);
        let _ = write!(
            to,
            "</code> <span class=\"plus\">+{added}</span> <span class=\"minus\">−{removed}</span></li>"
        );
    }
    if more > 0 {
        let _ = write!(to, "<li>and {} more</li>", grouped(more as u64));
    }
    to.push_str("</ul></details>");
}

/// Describes what the page contains.
fn said(totals: &Totals) -> String {
    let mut words = vec![count(totals.turns, "turn"), count(totals.calls, "tool call")];
    if totals.stops > 0 {
        words.push(count(totals.stops, "stop"));
    }
    if totals.subagents > 0 {
        words.push(count(totals.subagents, "subagent"));
    }
    words.join(" · ")
}
