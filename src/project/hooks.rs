//! The hooks that Claude Code is asked to run, and the command that runs them.
//!
//! The command is a shell line, because clients before 2.1.150 run the executable form without its arguments. It is the
//! same on every machine: where the launcher or node is missing, it ends quietly, so that a committed settings file does
//! no harm to those who do not use the tool.

use super::Scope;
use crate::watch::flag::{FLAGS, Flags};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::Path;

/// Every command of ours contains this, and no other does.
pub const MARKER: &str = "cc-session-recover/hook.js";
/// Longest wait of a hook, in seconds. More than 2,147,483 does not fit the timer of clients before 2.1.268, which then
/// end the hook at once.
const LONGEST_WAIT: u32 = 2_073_600;

/// One hook entry to be present in a settings file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HookEntry {
    /// The event.
    pub event: String,
    /// Which of its kinds; `None`: all.
    pub matcher: Option<String>,
    /// The object in `hooks[]`.
    pub hook: Value,
}

/// All hooks, for one scope; `launcher` is the launcher's absolute path, used for the user's own hooks.
#[must_use]
pub fn entries(scope: Scope, launcher: &Path) -> Vec<HookEntry> {
    let (file, flags) = match scope {
        Scope::Project | Scope::Local => {
            let word = |below: &str| format!("\"$CLAUDE_PROJECT_DIR/.claude/{below}\"");
            (word(MARKER), word(FLAGS))
        }
        Scope::User => {
            let word = |path: &Path| quoted(&path.to_string_lossy());
            (word(launcher), word(Flags::beside(launcher).dir()))
        }
    };
    entries_of(&file, &flags)
}

/// The same for a plugin, whose launcher is wherever Claude Code reads the plugin from. The client puts that place into the
/// environment; it is one word, whatever is in it (tried with 2.1.200, 2.1.250 and 2.1.329).
#[must_use]
pub fn plugin_entries() -> Vec<HookEntry> {
    let word = |below: &str| format!("\"${{CLAUDE_PLUGIN_ROOT}}/{}/{below}\"", super::plugin::HOOKS);
    entries_of(&word(MARKER), &word(FLAGS))
}

/// `file` is the launcher and `flags` the directory of flags beside it, each as a word of a shell line.
fn entries_of(file: &str, flags: &str) -> Vec<HookEntry> {
    let command = command(file);
    let entry = |event: &str, matcher: Option<&str>, more: Value| {
        let mut hook = json!({"type": "command", "command": command});
        if let (Some(hook), Value::Object(more)) = (hook.as_object_mut(), more) {
            hook.extend(more);
        }
        HookEntry { event: event.into(), matcher: matcher.map(str::to_owned), hook }
    };
    vec![
        entry("SessionStart", None, json!({"timeout": 10})),
        entry("Stop", None, json!({"async": true, "timeout": 60})),
        entry("SubagentStop", None, json!({"async": true, "timeout": 60})),
        entry("StopFailure", None, json!({"asyncRewake": true, "timeout": LONGEST_WAIT})),
        entry("PreCompact", None, json!({"async": true, "timeout": 60})),
        entry(
            "Notification",
            Some("quota_auto_resume_fired|quota_auto_resume_stale|quota_auto_resume_disabled"),
            json!({"async": true, "timeout": 60}),
        ),
        entry("SessionEnd", None, json!({"timeout": 5})),
        HookEntry { event: "UserPromptSubmit".into(), matcher: None, hook: told(flags, file) },
    ]
}

/// Every hook of ours in settings.
#[must_use]
pub fn ours(settings: &Value) -> Vec<HookEntry> {
    let mut found = Vec::new();
    for (event, groups) in settings.get("hooks").and_then(Value::as_object).into_iter().flatten() {
        for group in groups.as_array().into_iter().flatten() {
            let matcher = group.get("matcher").and_then(Value::as_str).map(str::to_owned);
            for hook in group.get("hooks").and_then(Value::as_array).into_iter().flatten() {
                if hook.get("command").and_then(Value::as_str).is_some_and(|command| command.contains(MARKER))
                {
                    found.push(HookEntry {
                        event: event.clone(),
                        matcher: matcher.clone(),
                        hook: hook.clone(),
                    });
                }
            }
        }
    }
    found
}

/// The command of the hook that a prompt waits for: it asks for the session's flag first, which is hardly ever up, and starts
/// nothing without it. Clients that do not tell their hooks the session (2.1.120; 2.1.200 does) ask for a flag of any; what is
/// started then looks whose it is.
fn told(flags: &str, file: &str) -> Value {
    let command =
        format!("set -- {flags}/${{CLAUDE_CODE_SESSION_ID:-*}}; [ -f \"$1\" ] && {}", command(file));
    json!({"type": "command", "command": command, "timeout": 5})
}

/// `file` is the launcher, as a word of a shell line.
fn command(file: &str) -> String {
    format!("[ -f {file} ] && command -v node >/dev/null 2>&1 && exec node {file}; exit 0")
}

/// One word for a POSIX shell, whatever is in it.
#[must_use]
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_recognised_as_ours_and_every_timeout_fits_31_bits() {
        let launcher = Path::new("/home/o'neil/.claude/cc-session-recover/hook.js");
        let scopes = [Scope::Project, Scope::Local, Scope::User].map(|scope| entries(scope, launcher));
        for entries in scopes.into_iter().chain([plugin_entries()]) {
            for entry in entries {
                let command = entry.hook["command"].as_str().unwrap();
                assert!(command.contains(MARKER), "{command}");
                assert!(
                    entry.hook["timeout"].as_u64().unwrap() * 1000 < u64::from(u32::MAX / 2),
                    "{}",
                    entry.event
                );
            }
        }
    }

    #[test]
    fn only_the_hook_before_a_prompt_asks_for_a_flag_first() {
        let launcher = Path::new("/home/o'neil/.claude/cc-session-recover/hook.js");
        for (entries, flag) in [
            (
                entries(Scope::Project, launcher),
                r#"set -- "$CLAUDE_PROJECT_DIR/.claude/cc-session-recover/unsaved"/${CLAUDE_CODE_SESSION_ID:-*}; [ -f "$1" ] && [ -f "$CLAUDE_PROJECT_DIR/.claude/cc-session-recover/hook.js" ] && "#,
            ),
            (
                entries(Scope::User, launcher),
                r#"set -- '/home/o'\''neil/.claude/cc-session-recover/unsaved'/${CLAUDE_CODE_SESSION_ID:-*}; [ -f "$1" ] && [ -f '/home/"#,
            ),
            (
                plugin_entries(),
                r#"set -- "${CLAUDE_PLUGIN_ROOT}/hooks/cc-session-recover/unsaved"/${CLAUDE_CODE_SESSION_ID:-*}; [ -f "$1" ] && [ -f "${CLAUDE_PLUGIN_ROOT}/hooks/cc-session-recover/hook.js" ] && "#,
            ),
        ] {
            for entry in entries {
                let command = entry.hook["command"].as_str().unwrap();
                assert_eq!(command.starts_with(flag), entry.event == "UserPromptSubmit", "{command}");
                assert!(command.ends_with("; exit 0"), "{command}");
            }
        }
    }
}
