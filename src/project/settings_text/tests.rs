//! Tests edits of hand-made files (`fixtures/settings`) and of random ones.

use super::*;
use std::fs::read_to_string;
use std::path::PathBuf;

const MARKER: &str = ".claude/cc-session-recover/hook.js";
const LINE_MARKER: &str = "cc-session-recover/statusline.js";

/// Number of random settings files per test; a thousand take five seconds without optimization.
const RANDOM_FILES: u32 = 1000;

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/settings")
}

fn fixture(name: &str, file: &str) -> Option<String> {
    read_to_string(fixtures().join(name).join(file)).ok()
}

fn names(are_refused: bool) -> Vec<String> {
    let entries = std::fs::read_dir(fixtures()).unwrap().map(Result::unwrap);
    let directories = entries.filter(|entry| entry.path().is_dir());
    let names = directories.map(|entry| entry.file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("refused-") == are_refused).collect()
}

fn entries() -> Vec<HookEntry> {
    let entries: Value =
        serde_json::from_str(&read_to_string(fixtures().join("entries.json")).unwrap()).unwrap();
    assert_eq!(entries["marker"], MARKER);
    serde_json::from_value(entries["entries"].clone()).unwrap()
}

fn entry(event: &str, matcher: Option<&str>, hook: Value) -> HookEntry {
    HookEntry { event: event.into(), matcher: matcher.map(str::to_owned), hook }
}

fn ours_on_stop() -> Vec<HookEntry> {
    vec![entry("Stop", None, json!({"type": "command", "command": format!("node {MARKER}")}))]
}

fn line() -> StatusLineEntry {
    let command =
        "ccsr_file=\".claude/cc-session-recover/statusline.js\"; exec node \"$ccsr_file\" \"$ccsr_line\"";
    StatusLineEntry { command: command.into(), refresh_interval: Some(60) }
}

/// Parses a settings file with the crate's other parser.
fn parsed(text: &str) -> Value {
    let text = text.strip_prefix(BOM).unwrap_or(text);
    jsonc_parser::parse_to_serde_value::<Option<Value>>(text, &SYNTAX).unwrap().unwrap_or_default()
}

/// Returns whether removing characters from `whole` can yield `part`.
fn is_subsequence(part: &str, whole: &str) -> bool {
    let mut whole = whole.chars();
    part.chars().all(|wanted| whole.any(|char| char == wanted))
}

#[test]
fn hooks_are_added_once_and_removed_byte_for_byte_in_every_fixture() {
    let names = names(false);
    assert!(names.len() >= 30);
    for name in names {
        let before = fixture(&name, "before.jsonc");
        let after = fixture(&name, "after.jsonc").unwrap();
        let removed = fixture(&name, "removed.jsonc").or_else(|| before.clone()).unwrap();
        assert_eq!(with_hooks(before.as_deref(), &entries(), MARKER).unwrap(), after, "{name}");
        assert_eq!(with_hooks(Some(&after), &entries(), MARKER).unwrap(), after, "{name}: a second time");
        assert_eq!(without_hooks(&after, MARKER).unwrap(), removed, "{name}");
        assert_eq!(without_hooks(&removed, MARKER).unwrap(), removed, "{name}: a second time");
        let warned = before.as_deref().and_then(|text| warning(text).unwrap());
        assert_eq!(warned, fixture(&name, "warnings.txt").as_deref().map(str::trim_end), "{name}");
    }
}

#[test]
fn a_file_that_cannot_be_edited_is_refused_with_the_reason_and_position() {
    for name in names(true) {
        let expected = fixture(&name, "refused.txt").unwrap();
        let before = fixture(&name, "before.jsonc").unwrap();
        for edited in [with_hooks(Some(&before), &entries(), MARKER), without_hooks(&before, MARKER)] {
            let error = edited.unwrap_err();
            assert_eq!(format!("{}\n{}", error.code.as_str(), error.message), expected.trim_end(), "{name}");
            assert_eq!(error.code.exit_code(), 1);
            assert!(error.message.contains("line ") && error.message.contains("column "), "{name}");
        }
    }
}

#[test]
fn a_file_nested_thousands_of_levels_deep_is_refused_without_a_stack_overflow() {
    let text = format!("{{\"a\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
    assert_eq!(with_hooks(Some(&text), &entries(), MARKER).unwrap_err().code, Code::SettingsUnparsable);
}

#[test]
fn a_hook_is_ours_only_by_the_marker_in_its_command_or_arguments() {
    let text = json!({"hooks": {"Stop": [
        {"hooks": [{"type": "command", "command": "node .claude/cc-session-recovery/hook.js"}]},
        {"hooks": [{"type": "command", "command": "x", "statusMessage": MARKER}]},
        {"matcher": MARKER, "hooks": [{"type": "command", "command": "y"}]},
    ]}})
    .to_string();
    assert_eq!(without_hooks(&text, MARKER).unwrap(), text);
}

#[test]
fn entries_of_one_event_with_different_matchers_stay_separate() {
    let hook = json!({"type": "command", "command": format!("node {MARKER}")});
    let matchers = [Some("quota_auto_resume_fired"), Some("quota_auto_resume_disabled"), None];
    let wanted = matchers.map(|matcher| entry("Notification", matcher, hook.clone()));
    let first = with_hooks(Some("{}"), &wanted, MARKER).unwrap();
    let groups = &parsed(&first)["hooks"]["Notification"];
    let found: Vec<_> = groups.as_array().unwrap().iter().map(|group| group["matcher"].as_str()).collect();
    assert_eq!(found, matchers);
    assert_eq!(with_hooks(Some(&first), &wanted, MARKER).unwrap(), first);
    let fewer = with_hooks(Some(&first), &wanted[..1], MARKER).unwrap();
    let expected =
        json!({"hooks": {"Notification": [{"matcher": "quota_auto_resume_fired", "hooks": [hook]}]}});
    assert_eq!(parsed(&fewer), expected);
}

#[test]
fn foreign_values_in_random_settings_survive_init_and_uninstall() {
    let entries = entries();
    for seed in 1..=RANDOM_FILES {
        let before = random_settings(seed);
        let after = with_hooks(Some(&before), &entries, MARKER).unwrap();
        for HookEntry { event, hook, .. } in &entries {
            let groups = parsed(&after)["hooks"][event].as_array().unwrap().clone();
            let hooks = groups.iter().filter_map(|group| group["hooks"].as_array()).flatten();
            let ours: Vec<_> =
                hooks.filter(|one| one["command"].as_str().is_some_and(|it| it.contains(MARKER))).collect();
            assert_eq!(ours, [hook], "seed {seed}:\n{before}");
        }
        assert_eq!(with_hooks(Some(&after), &entries, MARKER).unwrap(), after, "seed {seed}:\n{before}");
        assert!(is_subsequence(&before, &after), "bytes were lost, seed {seed}:\n{before}");
        assert_eq!(without_hooks(&after, MARKER).unwrap(), before, "seed {seed}");
    }
}

#[test]
fn the_byte_check_detects_an_editor_that_rewrites_the_settings() {
    let lossless = (1..=200).map(random_settings).filter(|text| {
        let mut value = parsed(text);
        value["hooks"] = json!({});
        is_subsequence(text, &serde_json::to_string_pretty(&value).unwrap())
    });
    let unnoticed = lossless.count();
    assert!(unnoticed < 40, "{unnoticed} of 200 went unnoticed");
}

#[test]
fn an_edit_that_hides_a_foreign_value_is_refused() {
    let before = "{\"model\": \"opus\", \"hooks\": {\"Stop\": [{\"hooks\": [{\"type\": \"command\", \"command\": \"x\"}]}]}}";
    let ours = with_hooks(Some(before), &ours_on_stop(), MARKER).unwrap();
    assert!(ensure_foreign_values(before, &ours, MARKER).is_ok());
    for after in [
        ours.replace("\"opus\"", "\"haiku\""),
        ours.replace("\"command\": \"x\"", "\"command\": \"y\""),
        ours.replace("\"model\": \"opus\",", "/* \"model\": \"opus\", */"),
        "{}".to_owned(),
    ] {
        assert_eq!(
            ensure_foreign_values(before, &after, MARKER).unwrap_err().code,
            Code::SettingsShape,
            "{after}"
        );
    }
}

#[test]
fn an_edit_that_changes_more_than_the_status_line_command_is_refused() {
    let before = "{\"model\": \"opus\", \"statusLine\": {\"padding\": 2, \"command\": \"date\"}}";
    for (after, is_refused) in [
        (before.replace("date", "uptime"), false),
        ("{\"model\": \"opus\"}".to_owned(), false),
        (before.replace("opus", "haiku"), true),
        (before.replace("\"padding\": 2, ", ""), true),
        (before.replace("\"model\": \"opus\",", "// \"model\": \"opus\",\n"), true),
    ] {
        assert_eq!(ensure_values_beside_command(before, &after).is_err(), is_refused, "{after}");
    }
}

#[test]
fn the_status_line_is_added_once_and_removed_in_every_fixture() {
    for name in names(false) {
        let before = fixture(&name, "before.jsonc");
        let held = parsed(before.as_deref().unwrap_or_default());
        let was = held.get("statusLine");
        let after = with_status_line(before.as_deref(), &line(), LINE_MARKER).unwrap();
        let now = parsed(&after)["statusLine"].clone();
        let command = now["command"].as_str().unwrap();
        assert!(now["type"] == "command" && command.ends_with(&line().command), "{name}");
        match was {
            None => {
                let command = format!("ccsr_line=''; {}", line().command);
                assert_eq!(
                    now,
                    json!({"type": "command", "command": command, "refreshInterval": 60}),
                    "{name}"
                );
            }
            Some(was) => {
                let mut now = now.clone();
                now["command"] = was["command"].clone();
                assert_eq!(now, *was, "{name}: the other keys stay");
            }
        }
        assert_eq!(with_status_line(Some(&after), &line(), LINE_MARKER).unwrap(), after, "{name}");
        let undone = without_status_line(&after, LINE_MARKER).unwrap();
        // A file without values keeps its braces, in their simplest form.
        if held.as_object().is_some_and(|held| !held.is_empty()) {
            assert_eq!(Some(&undone), before.as_ref(), "{name}");
        } else {
            assert_eq!(parsed(&undone), json!({}), "{name}");
        }
        assert_eq!(without_status_line(&undone, LINE_MARKER).unwrap(), undone, "{name}");
    }
}

#[test]
fn a_wrapped_command_is_restored_exactly_and_its_other_keys_stay() {
    for command in [
        "date",
        "echo 'it''s' \"$HOME\" `id` \\\\",
        "printf \"a\\n\"\n# two\nlines",
        "'",
        "''",
        "'\\''",
        "é 🙂",
        "-n",
        "ccsr_line='x'; echo",
    ] {
        let status_line = json!({"padding": 2, "type": "command", "command": command, "refreshInterval": 5});
        let before = pretty(&json!({"statusLine": status_line, "model": "x"}), "  ");
        let after = with_status_line(Some(&before), &line(), LINE_MARKER).unwrap();
        let mut now = parsed(&after)["statusLine"].clone();
        now["command"] = json!(command);
        assert_eq!(now, status_line);
        // An upgrade replaces our part and preserves the command that it wraps.
        let newer = StatusLineEntry { command: format!("{} # newer", line().command), ..line() };
        let renewed = with_status_line(Some(&after), &newer, LINE_MARKER).unwrap();
        assert!(parsed(&renewed)["statusLine"]["command"].as_str().unwrap().ends_with("# newer"));
        for text in [after, renewed] {
            assert_eq!(without_status_line(&text, LINE_MARKER).unwrap(), before);
        }
    }
}

#[test]
fn an_invalid_status_line_is_refused_with_the_reason_and_position() {
    for (text, code) in [
        ("{\"statusLine\": 7}", Code::SettingsShape),
        ("{\"statusLine\": {\"type\": \"command\"}}", Code::SettingsShape),
        ("{\"statusLine\": {\"command\": [\"x\"]}}", Code::SettingsShape),
        (
            "{\"statusLine\": {\"command\": \"x\"}, \"statusLine\": {\"command\": \"y\"}}",
            Code::SettingsDuplicateKey,
        ),
        ("{\"statusLine\": {\"command\": \"x\", \"command\": \"y\"}}", Code::SettingsDuplicateKey),
    ] {
        let error = with_status_line(Some(text), &line(), LINE_MARKER).unwrap_err();
        assert_eq!(error.code, code, "{text}");
        assert!(error.message.contains("line 1, column "), "{text}");
    }
}

#[test]
fn a_foreign_status_line_stays_when_ours_is_removed() {
    for command in [
        "date",
        "node .claude/cc-session-recover/statusline.js",
        "ccsr_line=x; cc-session-recover/statusline.js",
        "ccsr_line='x'y; cc-session-recover/statusline.js",
    ] {
        let text = json!({"statusLine": {"type": "command", "command": command}}).to_string();
        assert_eq!(without_status_line(&text, LINE_MARKER).unwrap(), text);
    }
}

#[test]
fn hooks_and_status_line_are_added_and_removed_in_any_order_in_random_settings() {
    let entries = entries();
    for seed in 1..=RANDOM_FILES / 2 {
        let before = random_settings(seed);
        let hooks = with_hooks(Some(&before), &entries, MARKER).unwrap();
        let both = with_status_line(Some(&hooks), &line(), LINE_MARKER).unwrap();
        assert!(is_subsequence(&before, &both), "seed {seed}");
        assert_eq!(with_hooks(Some(&both), &entries, MARKER).unwrap(), both, "seed {seed}");
        let line_first = without_status_line(&both, LINE_MARKER).unwrap();
        assert_eq!(without_hooks(&line_first, MARKER).unwrap(), before, "seed {seed}");
        let hooks_first = without_hooks(&both, MARKER).unwrap();
        assert_eq!(without_status_line(&hooks_first, LINE_MARKER).unwrap(), before, "seed {seed}");
    }
}

#[test]
fn a_lone_carriage_return_ends_a_line_and_its_comment() {
    for text in [
        "{ \"model\": \"opus\" // mine\r}",
        "{\r  \"model\": \"opus\" // mine\r}\r",
        "{ // mine\r}",
        "{\"a\":1 // x\r, \"b\":2 // y\r}",
    ] {
        let edited = with_hooks(Some(text), &ours_on_stop(), MARKER).unwrap();
        let mut value = parsed(&edited);
        assert_eq!(value["hooks"]["Stop"][0]["hooks"][0], ours_on_stop()[0].hook, "{edited}");
        value.as_object_mut().unwrap().remove("hooks");
        assert_eq!(value, parsed(text));
        assert_eq!(parsed(&without_hooks(&edited, MARKER).unwrap()), parsed(text));
    }
}

#[test]
fn a_foreign_hook_stays_active_when_ours_on_the_same_line_is_removed() {
    let ours = format!("{{\"hooks\": [{{\"type\": \"command\", \"command\": \"node {MARKER}\"}}]}}");
    let theirs = "{\"hooks\": [{\"type\": \"command\", \"command\": \"./guard.sh\"}]}";
    for list in [
        format!("[ // guards\n      {ours}, {theirs}\n    ]"),
        format!("[ // guards\r\n      {ours}, {theirs}, {ours}\r\n    ]"),
        format!("[{theirs}, // one\n{ours}, {theirs}]"),
        format!("[ // guards\n {ours} /* a */, {theirs}]"),
        format!("[ // g\n {ours}\n , {theirs} ]"),
    ] {
        let text = format!("{{\n  \"hooks\": {{\n    \"PreToolUse\": {list}\n  }}\n}}\n");
        let mut kept = parsed(&text)["hooks"]["PreToolUse"].as_array().unwrap().clone();
        kept.retain(|group| group["hooks"][0]["command"] == "./guard.sh");
        for edited in [without_hooks(&text, MARKER), with_hooks(Some(&text), &ours_on_stop(), MARKER)] {
            let edited = edited.unwrap();
            assert_eq!(parsed(&edited)["hooks"]["PreToolUse"], json!(kept), "{edited}");
        }
    }
}

/// Deterministic number generator (mulberry32): the same seed gives the same numbers.
struct Numbers(u32);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x6d2b_79f5);
        let mut mixed = (self.0 ^ (self.0 >> 15)).wrapping_mul(1 | self.0);
        mixed = mixed.wrapping_add((mixed ^ (mixed >> 7)).wrapping_mul(0x3d | mixed)) ^ mixed;
        usize::try_from(mixed ^ (mixed >> 14)).unwrap() % end
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick(&mut self, items: &[&'static str]) -> &'static str {
        items[self.below(items.len())]
    }
}

struct Style {
    numbers: Numbers,
    eol: &'static str,
    unit: &'static str,
    trailing_commas: bool,
    comments: bool,
    one_line: bool,
}

/// Generates the text of a settings object that is not empty, without an empty `hooks` object and without our
/// entries, so that additions can be removed to the byte: nested values, comments in odd places, any
/// indentation and line end, trailing commas, foreign hooks.
fn random_settings(seed: u32) -> String {
    let mut numbers = Numbers(seed);
    let eol = numbers.pick(&["\n", "\r\n"]);
    let unit = numbers.pick(&["  ", "    ", "\t", " "]);
    let [trailing_commas, comments, one_line] = [30, 50, 20].map(|percent| numbers.chance(percent));
    let mut style = Style { numbers, eol, unit, trailing_commas, comments, one_line };
    let mut members: Vec<String> = (0..=style.numbers.below(4))
        .map(|index| format!("\"key{index}\": {}", style.value(0, unit)))
        .collect();
    let events = ["Stop", "StopFailure", "PreToolUse", "Notification"]
        .into_iter()
        .filter(|_| style.numbers.chance(30));
    let events: Vec<&str> = events.collect();
    if !events.is_empty() {
        let lists =
            events.iter().map(|event| format!("\"{event}\": {}", style.groups(&unit.repeat(2)))).collect();
        let hooks = style.container(lists, "{}", unit);
        let at = style.numbers.below(members.len() + 1);
        members.insert(at, format!("\"hooks\": {hooks}"));
    }
    let bom = if style.numbers.chance(10) { "\u{feff}" } else { "" };
    let head = if style.numbers.chance(20) { format!("// head{eol}") } else { String::new() };
    let end = eol.repeat(style.numbers.below(3));
    format!("{bom}{head}{}{end}", style.container(members, "{}", ""))
}

impl Style {
    fn comment(&mut self) -> &'static str {
        if self.comments && self.numbers.chance(30) {
            self.numbers.pick(&[" /* , \" { */", " // \"a\": [", " /* two\n lines */"])
        } else {
            ""
        }
    }

    fn container(&mut self, items: Vec<String>, brackets: &str, indent: &str) -> String {
        let (open, close) = brackets.split_at(1);
        if items.is_empty() {
            return brackets.to_owned();
        }
        if self.one_line || self.numbers.chance(20) {
            let [before, behind] = [(); 2].map(|()| self.numbers.pick(&["", " "]));
            let items = items.join(if self.one_line { "," } else { ", " });
            return format!("{open}{before}{items}{behind}{close}");
        }
        let (eol, unit, last) = (self.eol, self.unit, items.len() - 1);
        let lines = items.into_iter().enumerate().map(|(index, item)| {
            let comma = if index < last || self.trailing_commas { "," } else { "" };
            format!("{indent}{unit}{item}{comma}{}", self.comment())
        });
        let lines: Vec<String> = lines.collect();
        format!("{open}{eol}{}{eol}{indent}{close}", lines.join(eol))
    }

    fn value(&mut self, depth: usize, indent: &str) -> String {
        if depth > 3 || self.numbers.chance(50) {
            let plain = [
                "1",
                "-2.5e3",
                "true",
                "false",
                "null",
                "\"x\"",
                "\"a \\\"b\\\" c\"",
                "\"\\u0041\"",
                "\"日本\"",
                "\"\"",
            ];
            return self.numbers.pick(&plain).to_owned();
        }
        let deeper = format!("{indent}{}", self.unit);
        let items: Vec<String> = (0..self.numbers.below(4)).map(|_| self.value(depth + 1, &deeper)).collect();
        if self.numbers.chance(50) {
            return self.container(items, "[]", indent);
        }
        let members = items.iter().enumerate().map(|(index, item)| format!("\"k{index}\": {item}")).collect();
        self.container(members, "{}", indent)
    }

    fn groups(&mut self, indent: &str) -> String {
        let [group, list, hook] = [1, 2, 3].map(|depth| format!("{indent}{}", self.unit.repeat(depth)));
        let groups = (0..=self.numbers.below(3)).map(|_| {
            let command = self.numbers.pick(&["say done", "audit", "x"]);
            let one = vec!["\"type\": \"command\"".to_owned(), format!("\"command\": \"{command}\"")];
            let one = self.container(one, "{}", &hook);
            let hooks = format!("\"hooks\": {}", self.container(vec![one], "[]", &list));
            let members = if self.numbers.chance(50) {
                vec!["\"matcher\": \"a|b\"".to_owned(), hooks]
            } else {
                vec![hooks]
            };
            self.container(members, "{}", &group)
        });
        let groups: Vec<String> = groups.collect();
        self.container(groups, "[]", indent)
    }
}
