//! Formats a tool call for a page: its label, its input, the changes that it made and its output.

use super::entry::{Hunk, PageToolCall, PageToolResult};
use super::shown::{OUTPUT, ShortenedText, WRITTEN, count, line_of, made_visible};
use super::syntax::Grammar;
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// Maximum length of a label, in characters.
const LABEL: usize = 140;
/// Maximum number of lines shown of a diff.
const DIFF: usize = 400;
/// Maximum bytes shown of a diff line.
const DIFF_LINE: usize = 1_000;

#[derive(Debug)]
pub enum ToolPart {
    Code {
        /// Title of the part; may be empty.
        title: String,
        /// Language name for editors; may be empty.
        language: &'static str,
        text: ShortenedText,
    },
    Diff {
        lines: Vec<DiffLine>,
        /// Number of lines that are not shown.
        left: usize,
    },
    /// Todo items, each with its text and state.
    Todo(Vec<(String, String)>),
    Prose(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffLine {
    pub kind: LineKind,
    pub text: String,
    /// Line number in the old file, from 1, if the record contains it.
    pub old: Option<u64>,
    pub new: Option<u64>,
}

impl DiffLine {
    fn unnumbered(kind: LineKind, text: &str) -> Self {
        Self { kind, text: text.to_owned(), old: None, new: None }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    Place,
    Same,
    Added,
    Removed,
}

/// Returns a short label for the call. A path below `cwd`, the directory of the session, is
/// shown relative to it.
#[must_use]
pub fn label(call: &PageToolCall, cwd: Option<&str>) -> String {
    let text = |key: &str| call.input.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let wanted: &[&str] = match call.name.as_str() {
        "Bash" | "PowerShell" => &["description", "command"],
        "Agent" | "Task" => &["description", "prompt"],
        "Grep" | "Glob" => &["pattern"],
        "WebFetch" => &["url"],
        "WebSearch" => &["query"],
        "TaskCreate" => &["subject"],
        "AskUserQuestion" => &[],
        _ => &["file_path", "notebook_path", "path", "command", "description", "name", "title"],
    };
    if let Some(found) = wanted.iter().find_map(|key| text(key)) {
        return line_of(relative(found, cwd), LABEL);
    }
    if let Some(todos) = call.input.get("todos").and_then(Value::as_array) {
        return count(todos.len() as u64, "item");
    }
    if let Some(question) = call.input.pointer("/questions/0/question").and_then(Value::as_str) {
        return line_of(question, LABEL);
    }
    let first = call.input.as_object().and_then(|input| input.values().find_map(Value::as_str));
    first.map_or_else(String::new, |text| line_of(text, LABEL))
}

/// Makes a path relative to a directory; returns any other text unchanged.
fn relative<'t>(text: &'t str, dir: Option<&str>) -> &'t str {
    let rest = dir.and_then(|dir| text.strip_prefix(dir.trim_end_matches(['/', '\\'])));
    rest.and_then(|rest| rest.strip_prefix(['/', '\\'])).filter(|rest| !rest.is_empty()).unwrap_or(text)
}

/// Returns the file that a successful call changed, with the number of lines added and removed.
#[must_use]
pub fn file_change<'c>(call: &'c PageToolCall, cwd: Option<&str>) -> Option<(&'c str, u64, u64)> {
    let key = match call.name.as_str() {
        "Edit" | "MultiEdit" | "Write" => "file_path",
        "NotebookEdit" => "notebook_path",
        _ => return None,
    };
    if call.outcome.as_ref().is_none_or(|outcome| outcome.failed) {
        return None;
    }
    let path = call.input.get(key)?.as_str()?;
    let counted = |lines: &mut dyn Iterator<Item = LineKind>| {
        lines.fold((0, 0), |(added, removed), kind| match kind {
            LineKind::Added => (added + 1, removed),
            LineKind::Removed => (added, removed + 1),
            LineKind::Place | LineKind::Same => (added, removed),
        })
    };
    let hunks = call.outcome.as_ref().and_then(|outcome| outcome.patch.as_deref()).unwrap_or_default();
    let (added, removed) = if hunks.is_empty() {
        let lines = given(call).into_iter().filter_map(|part| match part {
            ToolPart::Diff { lines, .. } => Some(lines),
            ToolPart::Code { .. } | ToolPart::Todo(_) | ToolPart::Prose(_) => None,
        });
        counted(&mut lines.flatten().map(|line| line.kind))
    } else {
        counted(&mut hunks.iter().flat_map(|hunk| &hunk.lines).map(|line| kind_of(line)))
    };
    Some((relative(path, cwd), added, removed))
}

/// Parameters that are omitted while they have their default value.
const DEFAULT_FALSE: [&str; 3] = ["replace_all", "run_in_background", "dangerouslyDisableSandbox"];

/// Returns the parts that show the input of the call and its changes.
#[must_use]
pub fn given(call: &PageToolCall) -> Vec<ToolPart> {
    let empty = Map::new();
    let input = call.input.as_object().unwrap_or(&empty);
    let text = |key: &str| input.get(key).and_then(Value::as_str);
    let patch = call.outcome.as_ref().and_then(|outcome| outcome.patch.as_deref());
    let mut parts = Vec::new();
    // Parameters that another part already shows.
    let told: &[&str] = match call.name.as_str() {
        "Bash" | "PowerShell" => {
            parts.extend(text("command").map(|command| code("", "sh", command)));
            &["command", "description"]
        }
        "Edit" | "MultiEdit" => {
            match patch.filter(|patch| !patch.is_empty()) {
                Some(patch) => parts.push(patched(patch)),
                None => parts.extend(edits(input).map(|(old, new)| diff(replaced(old, new)))),
            }
            &["file_path", "old_string", "new_string", "edits"]
        }
        "Write" => {
            match patch.filter(|patch| !patch.is_empty()) {
                Some(patch) => parts.push(patched(patch)),
                None => parts.extend(text("content").map(|content| diff(created(content)))),
            }
            &["file_path", "content"]
        }
        "NotebookEdit" => {
            parts.extend(text("new_source").map(|content| diff(replaced("", content))));
            &["notebook_path", "new_source"]
        }
        "Agent" | "Task" => {
            parts.extend(text("prompt").map(|prompt| ToolPart::Prose(prompt.to_owned())));
            &["prompt", "description"]
        }
        "ExitPlanMode" => {
            parts.extend(text("plan").map(|plan| ToolPart::Prose(plan.to_owned())));
            &["plan"]
        }
        "TodoWrite" => {
            let todos = input.get("todos").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let member = |todo: &Value, key: &str| {
                line_of(todo.get(key).and_then(Value::as_str).unwrap_or_default(), 400)
            };
            parts.push(ToolPart::Todo(
                todos
                    .iter()
                    .take(200)
                    .map(|todo| (member(todo, "status"), member(todo, "content")))
                    .collect(),
            ));
            &["todos"]
        }
        "Read" => &["file_path"],
        _ => &[],
    };
    let rest: Map<String, Value> = input
        .iter()
        .filter(|(key, value)| {
            let default = **value == Value::Bool(false) && DEFAULT_FALSE.contains(&key.as_str());
            !default && !told.contains(&key.as_str())
        })
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if !rest.is_empty() {
        let title = if parts.is_empty() { "" } else { "with" };
        parts.push(code(
            title,
            "json",
            &serde_json::to_string_pretty(&Value::Object(rest)).unwrap_or_default(),
        ));
    } else if input.is_empty() && !call.input.is_null() && !call.input.is_object() {
        parts.push(code("", "json", &call.input.to_string()));
    }
    parts
}

/// Shortens the output of a call; `None` if it is blank.
#[must_use]
pub fn gave(text: &str) -> Option<ShortenedText> {
    (!text.trim().is_empty()).then(|| ShortenedText::of(text, OUTPUT))
}

/// Returns the language of a call's output: that of the file that the call read, or JSON if the whole output
/// is one JSON value. Any other output and any error is plain text.
#[must_use]
pub fn language_of_output(call: &PageToolCall, outcome: &PageToolResult) -> Option<&'static Grammar> {
    if outcome.failed {
        return None;
    }
    if call.name == "Read" {
        return Grammar::of_file(call.input.get("file_path")?.as_str()?);
    }
    let structured = outcome.text.trim_start().starts_with(['{', '[']);
    let is_json = structured && serde_json::from_str::<serde::de::IgnoredAny>(&outcome.text).is_ok();
    is_json.then(|| Grammar::named("json")).flatten()
}

/// Shortens text by the user, a model or the client.
#[must_use]
pub fn written(text: &str) -> ShortenedText {
    ShortenedText::of(text, WRITTEN)
}

fn code(title: &str, language: &'static str, text: &str) -> ToolPart {
    ToolPart::Code { title: title.into(), language, text: ShortenedText::of(text, OUTPUT) }
}

fn edits(input: &Map<String, Value>) -> impl Iterator<Item = (&str, &str)> {
    let several = input.get("edits").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let one = input.contains_key("old_string") || input.contains_key("new_string");
    one.then_some(input).into_iter().chain(several.iter().filter_map(Value::as_object)).map(|edit| {
        let text = |key: &str| edit.get(key).and_then(Value::as_str).unwrap_or_default();
        (text("old_string"), text("new_string"))
    })
}

/// Returns the diff between an old and a new text.
fn replaced(old: &str, new: &str) -> Vec<DiffLine> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let before = old.iter().zip(&new).take_while(|(one, other)| one == other).count();
    let after = old[before..]
        .iter()
        .rev()
        .zip(new[before..].iter().rev())
        .take_while(|(one, other)| one == other)
        .count();
    let line = |kind: LineKind| move |text: &&str| DiffLine::unnumbered(kind, text);
    let mut lines: Vec<DiffLine> = old[..before].iter().map(line(LineKind::Same)).collect();
    lines.extend(old[before..old.len() - after].iter().map(line(LineKind::Removed)));
    lines.extend(new[before..new.len() - after].iter().map(line(LineKind::Added)));
    lines.extend(old[old.len() - after..].iter().map(line(LineKind::Same)));
    lines
}

/// Returns the diff of a new file.
fn created(content: &str) -> Vec<DiffLine> {
    let numbered =
        |(line, number)| DiffLine { new: Some(number), ..DiffLine::unnumbered(LineKind::Added, line) };
    content.lines().zip(1..).map(numbered).collect()
}

/// Returns the kind of a patch line from its first character.
fn kind_of(line: &str) -> LineKind {
    match line.as_bytes().first() {
        Some(b'+') => LineKind::Added,
        Some(b'-') => LineKind::Removed,
        _ => LineKind::Same,
    }
}

fn patched(patch: &[Hunk]) -> ToolPart {
    let mut lines = Vec::new();
    for hunk in patch {
        let place =
            format!("@@ -{},{} +{},{} @@", hunk.old_start, hunk.old_lines, hunk.new_start, hunk.new_lines);
        lines.push(DiffLine::unnumbered(LineKind::Place, &place));
        let (mut old, mut new) = (hunk.old_start, hunk.new_start);
        for line in &hunk.lines {
            let kind = kind_of(line);
            let text = line.get(1..).unwrap_or_default().to_owned();
            let before = (kind != LineKind::Added).then_some(old);
            let after = (kind != LineKind::Removed).then_some(new);
            // The numbers come from the transcript, so they must not overflow.
            old = old.saturating_add(u64::from(before.is_some()));
            new = new.saturating_add(u64::from(after.is_some()));
            lines.push(DiffLine { kind, text, old: before, new: after });
        }
    }
    diff(lines)
}

fn diff(mut lines: Vec<DiffLine>) -> ToolPart {
    let left = lines.len().saturating_sub(DIFF);
    lines.truncate(DIFF);
    for line in &mut lines {
        let cut = crate::text::head(&line.text, DIFF_LINE);
        let more = line.text.len() - cut.len();
        let mut text = made_visible(cut).replace('\n', "⟨U+000D⟩");
        if more > 0 {
            let _ = write!(text, " ⟨… {more} more bytes of this line⟩");
        }
        line.text = text;
    }
    ToolPart::Diff { lines, left }
}

/// Returns how many lines the complete diffs add and remove; `None` if there is none.
#[must_use]
pub fn changed(parts: &[ToolPart]) -> Option<(usize, usize)> {
    let mut diffs = parts
        .iter()
        .filter_map(|part| match part {
            ToolPart::Diff { lines, left: 0 } => Some(lines),
            _ => None,
        })
        .peekable();
    diffs.peek()?;
    Some(diffs.flatten().fold((0, 0), |(added, removed), line| match line.kind {
        LineKind::Added => (added + 1, removed),
        LineKind::Removed => (added, removed + 1),
        _ => (added, removed),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_shows_unchanged_removed_and_added_lines() {
        let shown: Vec<_> =
            replaced("a\nb\nc", "a\nB\nB2\nc").into_iter().map(|line| (line.kind, line.text)).collect();
        let expected = [
            (LineKind::Same, "a"),
            (LineKind::Removed, "b"),
            (LineKind::Added, "B"),
            (LineKind::Added, "B2"),
            (LineKind::Same, "c"),
        ];
        assert_eq!(shown, expected.map(|(kind, text)| (kind, text.to_owned())));
        assert!(replaced("same", "same").iter().all(|line| line.kind == LineKind::Same));
    }

    #[test]
    fn patch_lines_carry_their_old_and_new_line_numbers() {
        let hunk = Hunk {
            old_start: 7,
            old_lines: 2,
            new_start: 9,
            new_lines: 2,
            lines: [" a", "-b", "+c", "+d", " e"].map(str::to_owned).to_vec(),
        };
        let ToolPart::Diff { lines, .. } = patched(&[hunk]) else { panic!("no diff") };
        let numbers: Vec<_> = lines[1..].iter().map(|line| (line.old, line.new)).collect();
        let expected =
            [(Some(7), Some(9)), (Some(8), None), (None, Some(10)), (None, Some(11)), (Some(9), Some(12))];
        assert_eq!(numbers, expected);
    }

    #[test]
    fn a_path_is_relative_only_inside_the_directory() {
        for (path, shown) in
            [("/w/src/a.rs", "src/a.rs"), ("/way/a", "/way/a"), ("/w", "/w"), ("/w/", "/w/"), ("a", "a")]
        {
            assert_eq!(relative(path, Some("/w")), shown);
        }
        assert_eq!(relative("C:\\w\\a", Some("C:\\w")), "a");
        assert_eq!(relative("/w/a", None), "/w/a");
    }

    #[test]
    fn the_output_of_a_call_has_the_language_of_the_file_or_of_its_text() {
        let rust = Grammar::named("rs").unwrap();
        let json = Grammar::named("json").unwrap();
        for (name, path, text, failed, expected) in [
            ("Read", "/w/a.rs", "     1\tfn main() {}", false, Some(rust)),
            ("Read", "/w/a.rs", "File does not exist.", true, None),
            ("Read", "/w/LICENSE", "MIT", false, None),
            ("Bash", "", "{\"a\": [1]}\n", false, Some(json)),
            ("Bash", "", "[INFO] done", false, None),
            ("Bash", "/w/a.rs", "plain", false, None),
            ("Bash", "", "true", false, None),
        ] {
            let call = PageToolCall {
                id: String::new(),
                name: name.into(),
                input: serde_json::json!({"file_path": path}),
                outcome: None,
            };
            let outcome = PageToolResult {
                id: String::new(),
                text: text.into(),
                pictures: Vec::new(),
                failed,
                patch: None,
            };
            let found = language_of_output(&call, &outcome);
            assert!(
                match (found, expected) {
                    (Some(found), Some(expected)) => std::ptr::eq(found, expected),
                    (found, expected) => found.is_none() && expected.is_none(),
                },
                "{name} {path} {text}"
            );
        }
    }

    #[test]
    fn a_tool_call_is_labeled_by_its_description_or_main_argument() {
        let call = |name: &str, input: Value| PageToolCall {
            id: String::new(),
            name: name.into(),
            input,
            outcome: None,
        };
        for (name, input, words) in [
            ("Bash", serde_json::json!({"command": "ls\n-l", "description": "List"}), "List"),
            ("Bash", serde_json::json!({"command": "ls\n-l"}), "ls -l"),
            ("Edit", serde_json::json!({"old_string": "x", "file_path": "/a"}), "/a"),
            ("TodoWrite", serde_json::json!({"todos": [1, 2]}), "2 items"),
            ("mcp__x", serde_json::json!({"n": 1, "q": "why\u{202e}"}), "why⟨U+202E⟩"),
            ("Odd", serde_json::json!(["x"]), ""),
        ] {
            assert_eq!(label(&call(name, input), None), words);
        }
    }
}
