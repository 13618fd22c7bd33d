//! Edits the text of a settings file. Every byte that is not ours is preserved: comments, key order,
//! indentation, line endings, trailing commas, the byte order mark and foreign hooks. The opposite edit
//! reverts each edit, byte for byte.
//!
//! The text is parsed into a tree that retains whitespace and comments. The crate's own `append` and `remove`
//! are not used, because they expand objects written on one line, move a comment after the last entry, and
//! remove the comments beside an entry.

use super::hooks::HookEntry;
use super::statusline::StatusLineEntry;
use crate::error::{Code, Error, Result};
use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{
    CstArray, CstBooleanLit, CstContainerNode, CstNode, CstObject, CstObjectProp, CstRootNode,
};
use serde::Serialize as _;
use serde_json::ser::{PrettyFormatter, Serializer};
use serde_json::{Map, Value, json};
use std::ops::Range;

const BOM: char = '\u{feff}';
const LEFT_AS_IT_WAS: &str = "fix the file and run this again; it was not changed";

/// Accepts JSON with comments and trailing commas, as Claude Code does.
const SYNTAX: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_trailing_commas: true,
    allow_loose_object_property_names: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// Warning for a file with `"disableAllHooks": true`.
const HOOKS_ARE_OFF: &str = "\"disableAllHooks\": true in this settings file disables all hooks, including ours: no stop is recorded or continued until it is removed";

/// Adds our hooks. Leaves an entry that is already correct, replaces our entry in place if its fields differ,
/// and removes any further entries of this tool. New entries go to the end of their event's list. A hook with
/// `marker` in its command or arguments is ours.
///
/// # Errors
/// [`Code::SettingsUnparsable`], [`Code::SettingsDuplicateKey`] or [`Code::SettingsShape`]; the file must
/// not be touched then.
pub fn with_hooks(text: Option<&str>, entries: &[HookEntry], marker: &str) -> Result<String> {
    let (bom, body) = split_bom(text.unwrap_or_default());
    let document = Document::read(body)?;
    let mut current = if document.root.is_some() { body.to_owned() } else { with_empty_root(&document) };
    // Each step adds, replaces or removes one hook. More steps than hooks mean that one had no effect.
    let mut left = 2 * (entries.len() + document.our_hooks(marker)?.len());
    // One edit at a time, each on a newly parsed tree, so that no offset outlives its text.
    while let Some(next) = one_step(&Document::read(&current)?, entries, marker)? {
        left = left.checked_sub(1).ok_or_else(uneditable)?;
        current = next;
    }
    ensure_foreign_values(body, &current, marker)?;
    Ok(format!("{bom}{current}"))
}

/// Removes our hooks, and the lists and objects that become empty because of that. Those that contain a
/// comment are preserved.
///
/// # Errors
/// As [`with_hooks`].
pub fn without_hooks(text: &str, marker: &str) -> Result<String> {
    let (bom, body) = split_bom(text);
    let mut current = body.to_owned();
    let mut left = usize::MAX;
    loop {
        let document = Document::read(&current)?;
        let ours = document.our_hooks(marker)?;
        let Some(first) = ours.first() else { break };
        if ours.len() >= left {
            return Err(uneditable());
        }
        left = ours.len();
        current = without_hook(&document, first);
    }
    ensure_foreign_values(body, &current, marker)?;
    Ok(format!("{bom}{current}"))
}

/// Sets our status line, either around the existing command, whose other keys are preserved, or as a new one.
/// Our command contains the one it wraps, so that the settings alone are enough to restore it. A status line
/// with `marker` in its command is ours.
///
/// # Errors
/// As [`with_hooks`].
pub fn with_status_line(text: Option<&str>, entry: &StatusLineEntry, marker: &str) -> Result<String> {
    let (bom, body) = split_bom(text.unwrap_or_default());
    let mut document = Document::read(body)?;
    if document.root.is_none() {
        document = Document::read(&with_empty_root(&document))?;
    }
    let edited = match (document.status_line()?, &document.root) {
        (Some(StatusLine { command_node, command, .. }), _) => {
            let wanted =
                wrapping(wrapped_by(&command, marker).as_deref().unwrap_or(&command), &entry.command);
            if command == wanted { document.text } else { document.replaced(&command_node, &json!(wanted)) }
        }
        (None, Some(root)) => {
            let mut value = json!({"type": "command", "command": wrapping("", &entry.command)});
            if let Some(seconds) = entry.refresh_interval {
                value["refreshInterval"] = json!(seconds);
            }
            document.inserted(&root.clone().into(), Some("statusLine"), &value)
        }
        (None, None) => return Err(uneditable()),
    };
    ensure_values_beside_command(body, &edited)?;
    Ok(format!("{bom}{edited}"))
}

/// Removes our status line: restores the command that it wraps, or removes the whole key if it wraps none.
///
/// # Errors
/// As [`with_hooks`].
pub fn without_status_line(text: &str, marker: &str) -> Result<String> {
    let (bom, body) = split_bom(text);
    if !body.contains(marker) {
        return Ok(text.to_owned());
    }
    let document = Document::read(body)?;
    let Some(StatusLine { property, command_node, command }) = document.status_line()? else {
        return Ok(text.to_owned());
    };
    let edited = match wrapped_by(&command, marker).as_deref() {
        None => return Ok(text.to_owned()),
        Some("") => document.taken(&property.into()),
        Some(wrapped) => document.replaced(&command_node, &json!(wrapped)),
    };
    ensure_values_beside_command(body, &edited)?;
    Ok(format!("{bom}{edited}"))
}

/// Returns a warning if the hooks of this file do not run.
///
/// # Errors
/// As [`with_hooks`].
pub fn warning(text: &str) -> Result<Option<&'static str>> {
    let document = Document::read(split_bom(text).1)?;
    let off = document
        .root
        .and_then(|root| value_in(&root, "disableAllHooks"))
        .and_then(|node| node.as_boolean_lit());
    Ok(off.filter(CstBooleanLit::value).map(|_| HOOKS_ARE_OFF))
}

fn split_bom(text: &str) -> (&'static str, &str) {
    text.strip_prefix(BOM).map_or(("", text), |body| ("\u{feff}", body))
}

fn wrapping(command: &str, own: &str) -> String {
    format!("ccsr_line='{}'; {own}", command.replace('\'', r"'\''"))
}

/// Returns the command that our status line wraps, which may be empty; `None` if it is not ours.
pub(super) fn wrapped_by(command: &str, marker: &str) -> Option<String> {
    let mut rest = command.strip_prefix("ccsr_line='").filter(|_| command.contains(marker))?;
    let mut wrapped = String::new();
    loop {
        let (plain, behind) = rest.split_once('\'')?;
        wrapped.push_str(plain);
        if behind.starts_with("; ") {
            return Some(wrapped);
        }
        rest = behind.strip_prefix(r"\''")?;
        wrapped.push('\'');
    }
}

/// A settings file without its byte order mark. `root` is its object; `None` if the file is still empty.
struct Document {
    text: String,
    tree: CstRootNode,
    root: Option<CstObject>,
}

/// One of our hooks, and the entry of the event's list that contains it.
struct OurHook {
    event: String,
    group: CstObject,
    node: CstNode,
    matcher: Option<String>,
    value: Value,
}

struct StatusLine {
    property: CstContainerNode,
    command_node: CstNode,
    command: String,
}

impl Document {
    fn read(text: &str) -> Result<Self> {
        let tree = CstRootNode::parse(text, &SYNTAX).map_err(|error| {
            let at = position(text, error.range().start);
            let what = error.kind().to_string();
            let mut letters = what.chars();
            let what =
                letters.next().map(|first| first.to_lowercase().collect::<String>() + letters.as_str());
            unparsable(&format!("{}{at}", what.unwrap_or_default()))
        })?;
        if let Some(string) = control_character_in(&tree.clone().into()) {
            let at = position(text, offset(&string));
            return Err(unparsable(&format!(
                "a string contains a control character that is not escaped{at}"
            )));
        }
        let root = match tree.value() {
            None => None,
            Some(node) if node.as_null_keyword().is_some() => None,
            Some(node) => Some(node.as_object().ok_or_else(|| {
                let at = position(text, offset(&node));
                unparsable(&format!("it contains {} where an object is expected{at}", kind_of(&node)))
            })?),
        };
        let document = Self { text: text.to_owned(), tree, root };
        if let Some(hooks) = document.hooks()? {
            for name in hooks.properties().iter().filter_map(CstObjectProp::decoded_name) {
                let list = document.only_value(&hooks, &name)?;
                if let Some(list) = list.filter(|list| list.as_array().is_none()) {
                    return Err(document.misshapen(&list, &format!("\"hooks.{name}\""), "an array"));
                }
            }
        }
        Ok(document)
    }

    fn values(&self) -> Map<String, Value> {
        match self.root.as_ref().and_then(CstObject::to_serde_value) {
            Some(Value::Object(values)) => values,
            _ => Map::new(),
        }
    }

    fn hooks(&self) -> Result<Option<CstObject>> {
        let Some(root) = &self.root else { return Ok(None) };
        let Some(hooks) = self.only_value(root, "hooks")? else { return Ok(None) };
        hooks.as_object().map(Some).ok_or_else(|| self.misshapen(&hooks, "\"hooks\"", "an object"))
    }

    /// Returns the value of a key that must not occur twice. Of two equal keys, Claude Code uses the last,
    /// but a simple edit would change the first.
    fn only_value(&self, object: &CstObject, key: &str) -> Result<Option<CstNode>> {
        let mut properties = object
            .properties()
            .into_iter()
            .filter(|property| property.decoded_name().as_deref() == Some(key));
        let first = properties.next();
        if let Some(second) = properties.next() {
            let TextPosition { line, column } = place(&self.text, offset(&second.into()));
            let message = format!(
                "the key \"{key}\" occurs twice in the settings file (again in line {line}, column {column})"
            );
            return Err(Error::new(Code::SettingsDuplicateKey, message)
                .hint("keep one of the two and run this again; the file was not changed"));
        }
        Ok(first.and_then(|property| property.value()))
    }

    fn status_line(&self) -> Result<Option<StatusLine>> {
        let Some(root) = &self.root else { return Ok(None) };
        let Some(node) = self.only_value(root, "statusLine")? else { return Ok(None) };
        let object = node.as_object().ok_or_else(|| self.misshapen(&node, "\"statusLine\"", "an object"))?;
        let command = self.only_value(&object, "command")?;
        let words = command.as_ref().and_then(text_of);
        let Some(((command_node, command), property)) = command.clone().zip(words).zip(node.parent()) else {
            return Err(self.misshapen(&command.unwrap_or(node), "\"statusLine.command\"", "a string"));
        };
        Ok(Some(StatusLine { property, command_node, command }))
    }

    /// Returns all our hooks in the order of the file.
    fn our_hooks(&self, marker: &str) -> Result<Vec<OurHook>> {
        let mut found = Vec::new();
        for property in self.hooks()?.iter().flat_map(CstObject::properties) {
            let event = property.decoded_name().unwrap_or_default();
            for group in property.array_value().iter().flat_map(CstArray::elements) {
                let Some(group) = group.as_object() else { continue };
                let list = value_in(&group, "hooks").and_then(|list| list.as_array());
                let matcher = value_in(&group, "matcher").as_ref().and_then(text_of);
                for node in list.iter().flat_map(CstArray::elements) {
                    let value = node.to_serde_value().unwrap_or_default();
                    if is_ours(&value, marker) {
                        let (event, group, matcher) = (event.clone(), group.clone(), matcher.clone());
                        found.push(OurHook { event, group, node, matcher, value });
                    }
                }
            }
        }
        Ok(found)
    }

    fn misshapen(&self, node: &CstNode, what: &str, expected: &str) -> Error {
        let at = position(&self.text, offset(node));
        let message = format!("{what} in the settings file is {}, not {expected}{at}", kind_of(node));
        Error::new(Code::SettingsShape, message).hint(LEFT_AS_IT_WAS)
    }
}

/// Finds the first string that contains a raw control character such as a line break or a tab: the crate
/// accepts such a string, but JSON does not.
fn control_character_in(node: &CstNode) -> Option<CstNode> {
    match node.as_string_lit() {
        Some(string) => string.raw_value().contains(|char| char < ' ').then(|| node.clone()),
        None => node.children().iter().find_map(control_character_in),
    }
}

fn text_of(node: &CstNode) -> Option<String> {
    node.as_string_lit()?.decoded_value().ok()
}

/// Returns the last value of a key, which is the one that Claude Code uses.
fn value_in(object: &CstObject, key: &str) -> Option<CstNode> {
    let property = object.properties().into_iter().rfind(|one| one.decoded_name().as_deref() == Some(key));
    property?.value()
}

fn is_ours(hook: &Value, marker: &str) -> bool {
    let args = hook["args"].as_array().into_iter().flatten();
    let mut words = args.chain([&hook["command"]]).filter_map(Value::as_str);
    hook.is_object() && words.any(|word| word.contains(marker))
}

/// Refuses an edit that changed a foreign value, such as a hook that ended up inside a comment.
fn ensure_foreign_values(before: &str, after: &str, marker: &str) -> Result<()> {
    if foreign_in(before, marker)? == foreign_in(after, marker)? { Ok(()) } else { Err(uneditable()) }
}

/// Refuses an edit that changed anything but the command of the status line, or the whole status line if one
/// of the files has none.
fn ensure_values_beside_command(before: &str, after: &str) -> Result<()> {
    let values = |text| -> Result<_> {
        let mut rest = Document::read(text)?.values();
        let mut line = rest.remove("statusLine");
        line.as_mut().and_then(Value::as_object_mut).and_then(|line| line.remove("command"));
        Ok((rest, line))
    };
    let ((rest, line), (new_rest, new_line)) = (values(before)?, values(after)?);
    let is_same_line = line.is_none() || new_line.is_none() || line == new_line;
    if rest == new_rest && is_same_line { Ok(()) } else { Err(uneditable()) }
}

/// Returns the values of a settings file without our hooks, and without empty lists in `hooks`.
fn foreign_in(text: &str, marker: &str) -> Result<(Map<String, Value>, Map<String, Value>)> {
    let mut rest = Document::read(text)?.values();
    let Some(Value::Object(mut events)) = rest.remove("hooks") else { return Ok((rest, Map::new())) };
    for groups in events.values_mut().filter_map(Value::as_array_mut) {
        groups.retain_mut(|group| match group.get_mut("hooks").and_then(Value::as_array_mut) {
            Some(hooks) => {
                hooks.retain(|hook| !is_ours(hook, marker));
                !hooks.is_empty()
            }
            None => true,
        });
    }
    events.retain(|_, groups| groups.as_array().is_none_or(|groups| !groups.is_empty()));
    Ok((rest, events))
}

/// Returns the text after the next edit that is still needed; `None` if no edit is needed.
fn one_step(document: &Document, entries: &[HookEntry], marker: &str) -> Result<Option<String>> {
    let present = document.our_hooks(marker)?;
    let mut events: Vec<&str> = entries.iter().map(|entry| entry.event.as_str()).collect();
    events.extend(present.iter().map(|hook| hook.event.as_str()));
    for event in events {
        let wanted = entries.iter().filter(|entry| entry.event == event);
        let mut surplus: Vec<&OurHook> = present.iter().filter(|hook| hook.event == event).collect();
        let mut missing = Vec::new();
        for entry in wanted {
            let fits = |hook: &&OurHook| hook.matcher == entry.matcher;
            // Prefers an equal hook, so that a stale duplicate before it is removed.
            let equal = surplus.iter().position(|hook| fits(hook) && hook.value == entry.hook);
            match equal.or_else(|| surplus.iter().position(fits)) {
                None => missing.push(entry),
                Some(at) => {
                    let hook = surplus.remove(at);
                    if hook.value != entry.hook {
                        return Ok(Some(document.replaced(&hook.node, &entry.hook)));
                    }
                }
            }
        }
        let Some(last) = surplus.last() else {
            match missing.first() {
                Some(entry) => return document.with_group(event, &group_for(entry)).map(Some),
                None => continue,
            }
        };
        // Our older entry with another matcher is replaced in place if the group contains nothing else.
        let is_alone = |hook: &&&OurHook| {
            value_in(&hook.group, "hooks")
                .and_then(|list| list.as_array())
                .is_some_and(|list| list.elements().len() == 1)
        };
        return Ok(Some(match (missing.first(), surplus.iter().find(is_alone)) {
            (Some(entry), Some(alone)) => document.replaced(&alone.group.clone().into(), &group_for(entry)),
            _ => without_hook(document, last),
        }));
    }
    Ok(None)
}

fn group_for(entry: &HookEntry) -> Value {
    match &entry.matcher {
        None => json!({"hooks": [entry.hook]}),
        Some(matcher) => json!({"matcher": matcher, "hooks": [entry.hook]}),
    }
}

/// Removes a hook, and with it the group, the event and `hooks` if nothing else is left in them.
fn without_hook(document: &Document, hook: &OurHook) -> String {
    let mut node = hook.node.clone();
    for depth in 0..3 {
        // hook -> its list -> the group; group -> the event's list -> the event; event -> the `hooks` object -> `hooks`.
        let Some(container) = node.parent().filter(is_alone_in) else { break };
        node = match container.parent() {
            Some(property) if depth > 0 => property.into(),
            _ => hook.group.clone().into(),
        };
    }
    document.taken(&node)
}

/// Returns whether an object or array contains exactly one value and no comment.
fn is_alone_in(container: &CstContainerNode) -> bool {
    container.children_exclude_trivia_and_tokens().len() == 1
        && !container.children().iter().any(CstNode::is_comment)
}

/// Adds an empty object to a file without any value (empty, `null`, or comments only).
fn with_empty_root(Document { text, tree, .. }: &Document) -> String {
    if let Some(null) = tree.value() {
        let Range { start, end } = span(&null);
        return format!("{}{{}}{}", &text[..start], &text[end..]);
    }
    let eol = eol_of(text);
    match tree.children().iter().rfind(|child| child.is_comment()) {
        None => format!("{{}}{eol}"),
        Some(comment) => {
            let (before, behind) = text.split_at(span(comment).end);
            format!("{before}{eol}{{}}{}", if behind.is_empty() { eol } else { behind })
        }
    }
}

/// Returns the byte offset at which a node begins.
fn offset(node: &CstNode) -> usize {
    let before: usize = node.previous_siblings().map(|sibling| sibling.to_string().len()).sum();
    before + node.parent().map_or(0, |parent| offset(&parent.into()))
}

fn span(node: &CstNode) -> Range<usize> {
    let start = offset(node);
    start..start + node.to_string().len()
}

/// A child of an object or array, and its range in the text.
type Child = (CstNode, Range<usize>);

/// Returns the commas and comments between two values.
fn marks(children: &[Child], between: Range<usize>) -> impl Iterator<Item = &Child> {
    children[between].iter().filter(|(child, _)| child.is_comma() || child.is_comment())
}

fn is_line_comment((node, _): &Child) -> bool {
    node.as_comment().is_some_and(|comment| comment.is_line_comment())
}

/// Returns the children of an object or array, including its brackets, with their ranges.
fn placed(container: &CstContainerNode) -> Vec<Child> {
    let mut at = offset(&container.clone().into());
    let place = |child: CstNode| {
        let start = at;
        at += child.to_string().len();
        (child, start..at)
    };
    container.children().into_iter().map(place).collect()
}

fn is_value(node: &CstNode) -> bool {
    !node.is_trivia() && !node.is_token()
}

/// Replaces ranges of a text, which must be in ascending order.
fn spliced(text: &str, edits: &[(Range<usize>, &str)]) -> String {
    let mut edited = text.to_owned();
    for (range, content) in edits.iter().rev() {
        edited.replace_range(range.clone(), content);
    }
    edited
}

impl Document {
    fn with_group(&self, event: &str, group: &Value) -> Result<String> {
        let root = self.root.as_ref().ok_or_else(uneditable)?;
        let Some(hooks) = self.hooks()? else {
            return Ok(self.inserted(&root.clone().into(), Some("hooks"), &json!({event: [group]})));
        };
        Ok(match self.only_value(&hooks, event)?.and_then(|list| list.as_array()) {
            None => self.inserted(&hooks.into(), Some(event), &json!([group])),
            Some(list) => self.inserted(&list.into(), None, group),
        })
    }

    /// Adds a value after everything else in an object or array. A comment stays with what it follows.
    fn inserted(&self, container: &CstContainerNode, key: Option<&str>, value: &Value) -> String {
        let text = self.text.as_str();
        let children = placed(container);
        let last = children.iter().rposition(|(child, _)| is_value(child));
        let close = children.len() - 1;
        let inside: Vec<&Child> = marks(&children, last.unwrap_or(0) + 1..close).collect();
        let trailing = inside.iter().any(|(mark, _)| mark.is_comma());
        let end = children[last.unwrap_or(0)].1.end;
        let at = inside.last().map_or(end, |(_, range)| range.end);
        let comma = if trailing { "," } else { "" };
        let (content, to);
        if self.is_one_line(&container.clone().into())
            && !inside.last().is_some_and(|mark| is_line_comment(mark))
        {
            let gap = if last.is_none() { "" } else { gap_of(text) };
            content = format!("{gap}{}{comma}", self.written(key, value, None));
            to = at;
        } else {
            let outer = indent_at(text, children[0].1.start);
            let indent = match last.map(|last| children[last].1.start) {
                Some(start) if starts_its_line(text, start) => indent_at(text, start).to_owned(),
                _ => format!("{outer}{}", unit_of(text)),
            };
            let eol = eol_of(text);
            let line = format!("{eol}{indent}{}{comma}", self.written(key, value, Some(&indent)));
            let before_close = at..children[close].1.start;
            if last.is_some() || has_break(&text[before_close.clone()]) {
                (content, to) = (line, at);
            } else {
                (content, to) = (format!("{line}{eol}{outer}"), before_close.end);
            }
        }
        let separator = if last.is_some() && !trailing { "," } else { "" };
        spliced(text, &[(end..end, separator), (at..to, &content)])
    }

    /// Removes a child of an object or array. This is the opposite of [`Self::inserted`].
    fn taken(&self, node: &CstNode) -> String {
        let text = self.text.as_str();
        let Some(container) = node.parent() else { return self.text.clone() };
        let children = placed(&container);
        let (index, close) = (node.child_index(), children.len() - 1);
        let own = children[index].1.clone();
        let is_value_at = |at: &usize| is_value(&children[*at].0);
        let previous = (0..index).rev().find(is_value_at);
        let next = (index + 1..close).find(is_value_at);
        let before: Vec<&Child> = marks(&children, previous.unwrap_or(0) + 1..index).collect();
        let after: Vec<&Child> = marks(&children, index + 1..next.unwrap_or(close)).collect();
        let comma_in =
            |marks: &[&Child]| marks.iter().find(|(mark, _)| mark.is_comma()).map(|(_, range)| range.clone());
        let (preceding, following) = (comma_in(&before), comma_in(&after));
        let comment_after = after.iter().any(|(mark, _)| mark.is_comment());
        if previous.is_none() && next.is_none() && before.is_empty() && !comment_after {
            // Nothing is left, so the whitespace between the brackets goes too.
            return spliced(text, &[(children[0].1.end..children[close].1.start, "")]);
        }
        if previous.is_none()
            && next.is_some()
            && !comment_after
            && self.is_one_line(&container.into())
            && let Some(following) = &following
        {
            // First of several values on one line: removes the space after its comma and leaves
            // the one before it.
            return spliced(text, &[(own.start..following.end + blanks(&text[following.end..]), "")]);
        }
        // After a line comment the line break stays, unless the node ends its own line. Otherwise the
        // following text would become part of the comment.
        let rest = match &following {
            Some(comma) => format!("{}{}", &text[own.end..comma.start], &text[comma.end..]),
            None => text[own.end..].to_owned(),
        };
        let ends_its_line = matches!(rest.as_bytes().get(blanks(&rest)), None | Some(b'\r' | b'\n'));
        let keeps_break = before.last().is_some_and(|mark| is_line_comment(mark)) && !ends_its_line;
        let start = match before.last() {
            _ if keeps_break => own.start,
            Some((_, range)) => range.end,
            None => children[previous.unwrap_or(0)].1.end,
        };
        let node = (start..own.end, "");
        match (following, preceding) {
            (Some(comma), _) => spliced(text, &[node, (comma, "")]),
            (None, Some(comma)) => spliced(text, &[(comma, ""), node]),
            (None, None) => spliced(text, &[node]),
        }
    }

    fn replaced(&self, node: &CstNode, value: &Value) -> String {
        let place = span(node);
        let indent = (!self.is_one_line(node)).then(|| indent_at(&self.text, place.start));
        spliced(&self.text, &[(place, &self.written(None, value, indent))])
    }

    /// Formats a value in the style of the file; on one line if `indent` is `None`.
    fn written(&self, key: Option<&str>, value: &Value, indent: Option<&str>) -> String {
        let gap = if indent.is_none() { gap_of(&self.text) } else { " " };
        let value = match indent {
            None => in_one_line(value, gap),
            Some(indent) => {
                let lines = pretty(value, unit_of(&self.text));
                lines.replace('\n', &format!("{}{indent}", eol_of(&self.text)))
            }
        };
        key.map(|key| format!("{}:{gap}", json!(key))).unwrap_or_default() + &value
    }

    /// Returns whether a value should be written on one line. An empty object in a file of several lines, and
    /// an empty file, are expanded instead.
    fn is_one_line(&self, node: &CstNode) -> bool {
        let is_root = node.parent().is_none_or(|parent| parent.is_root());
        let is_empty = !node.children().iter().any(is_value);
        !has_break(&node.to_string()) && (!is_empty || !is_root && !has_break(self.text.trim()))
    }
}

fn pretty(value: &Value, unit: &str) -> String {
    let mut bytes = Vec::new();
    let mut serializer =
        Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(unit.as_bytes()));
    // Serializing a value into memory cannot fail.
    let _ = value.serialize(&mut serializer);
    String::from_utf8(bytes).unwrap_or_default()
}

fn in_one_line(value: &Value, gap: &str) -> String {
    let joined = |items: Vec<String>| items.join(&format!(",{gap}"));
    match value {
        Value::Array(items) => {
            format!("[{}]", joined(items.iter().map(|item| in_one_line(item, gap)).collect()))
        }
        Value::Object(members) if !members.is_empty() => {
            let member = |(key, value)| format!("{}:{gap}{}", json!(key), in_one_line(value, gap));
            format!("{{{gap}{}{gap}}}", joined(members.iter().map(member).collect()))
        }
        _ => value.to_string(),
    }
}

/// Returns whether a text contains a line break. A carriage return alone also ends a line, and with it a
/// comment.
fn has_break(text: &str) -> bool {
    text.contains(['\r', '\n'])
}

fn eol_of(text: &str) -> &'static str {
    match text.find(['\r', '\n']) {
        Some(at) if text[at..].starts_with("\r\n") => "\r\n",
        Some(at) if text[at..].starts_with('\r') => "\r",
        _ => "\n",
    }
}

/// Returns the length of a text's leading spaces and tabs, in bytes.
fn blanks(text: &str) -> usize {
    text.len() - text.trim_start_matches([' ', '\t']).len()
}

fn unit_of(text: &str) -> &str {
    let unit =
        |line: &'_ str| blanks(line) > 0 && line[blanks(line)..].starts_with(['"', '{', '[', '}', ']']);
    text.split(['\r', '\n']).find(|line| unit(line)).map_or("  ", |line| &line[..blanks(line)])
}

/// Returns the whitespace after colons and commas in one-line values.
fn gap_of(text: &str) -> &'static str {
    let is_tight = |(at, _)| text[at + 2..].starts_with(|next: char| !next.is_whitespace());
    if text.match_indices("\":").any(is_tight) { "" } else { " " }
}

fn line_start(text: &str, offset: usize) -> usize {
    text[..offset].rfind(['\r', '\n']).map_or(0, |at| at + 1)
}

/// Returns the whitespace at the beginning of the line that contains an offset.
fn indent_at(text: &str, offset: usize) -> &str {
    let line = &text[line_start(text, offset)..offset];
    &line[..blanks(line)]
}

fn starts_its_line(text: &str, offset: usize) -> bool {
    text[line_start(text, offset)..offset].trim().is_empty()
}

/// Line and column, both starting at 1.
struct TextPosition {
    line: usize,
    column: usize,
}

fn place(text: &str, offset: usize) -> TextPosition {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    TextPosition { line, column: before.rsplit('\n').next().unwrap_or_default().chars().count() + 1 }
}

fn position(text: &str, offset: usize) -> String {
    let TextPosition { line, column } = place(text, offset);
    format!(" (line {line}, column {column})")
}

fn kind_of(node: &CstNode) -> &'static str {
    match node {
        CstNode::Container(CstContainerNode::Array(_)) => "an array",
        CstNode::Container(_) => "an object",
        _ if node.as_null_keyword().is_some() => "null",
        _ if node.as_string_lit().is_some() => "a string",
        _ if node.as_boolean_lit().is_some() => "a boolean",
        CstNode::Leaf(_) => "a number",
    }
}

fn unparsable(why: &str) -> Error {
    Error::new(Code::SettingsUnparsable, format!("the settings file cannot be read: {why}"))
        .hint(LEFT_AS_IT_WAS)
}

fn uneditable() -> Error {
    let message = "the settings file cannot be edited without changing something that is not ours";
    Error::new(Code::SettingsShape, message)
        .hint("put each entry of its \"hooks\" on its own line and run this again; the file was not changed")
}

#[cfg(test)]
mod tests;
