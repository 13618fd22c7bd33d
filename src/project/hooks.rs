//! The hooks that this tool installs in Claude Code, and the command that runs them.
//!
//! The command is a shell line, because clients before 2.1.150 run the executable form without its arguments.
//! In a project it is the same on every machine: if the launcher or Node.js is missing, it exits silently, so
//! a committed settings file does not affect people who do not use the tool.
//!
//! A session in a subdirectory or in a worktree runs the hooks of its project too: clients (2.1.329, 2.1.332)
//! read `settings.local.json` of the main checkout there. So the line searches for the launcher in the
//! session's directory, then at the root of the repository, then in the main checkout that the `.git` file of
//! a worktree names.

use super::HookScope;
use crate::store::flag::NAME as UNSAVED;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::Path;

/// Part of every command that this tool installs, and of no other.
pub const MARKER: &str = "cc-session-recover/hook.js";
/// Longest wait of a hook, in seconds. More than 2,147,483 overflows the timer of clients before 2.1.268,
/// which then end the hook at once.
const LONGEST_WAIT: u32 = 2_073_600;

/// Line that the client's window shows when the waiting hook continues a session.
pub const REWAKE_SUMMARY: &str = "cc-session-recover continued this session after its stop";

/// One hook entry that a settings file should contain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HookEntry {
    pub event: String,
    /// Filter within the event; `None` matches all.
    pub matcher: Option<String>,
    pub hook: Value,
}

/// Returns all hooks for one scope. `launcher` is the launcher's absolute path, used for the user's own
/// hooks.
#[must_use]
pub fn entries(scope: HookScope, launcher: &Path) -> Vec<HookEntry> {
    entries_of(&match scope {
        HookScope::Project | HookScope::Local => IN_THE_REPOSITORY.to_owned(),
        HookScope::User => format!("ccsr_js={}", quoted(&launcher.to_string_lossy())),
    })
}

/// Finds the launcher of a project. A launcher outside the session's own directory must belong to the user,
/// because others can place files above or beside a project (`/tmp/.git`).
const IN_THE_REPOSITORY: &str = r#"ccsr_js=.claude/cc-session-recover/hook.js; d=$CLAUDE_PROJECT_DIR; [ -f "$d/$ccsr_js" ] || { until [ -z "$d" ] || [ -e "$d/.git" ]; do case $d in */*) d=${d%/*};; *) d=;; esac; done; if [ -f "$d/.git" ]; then p=${CLAUDE_PROJECT_DIR#"$d"}; IFS= read -r g <"$d/.git"; g=${g#gitdir: }; case $g in /*|?:*) ;; *) g=$d/$g;; esac; g=${g%/.git/worktrees/*}; d=$g$p; [ -f "$d/$ccsr_js" ] || d=$g; fi; [ -O "$d/$ccsr_js" ] || exit 0; }; ccsr_js=$d/$ccsr_js"#;

/// Returns the hooks for a plugin, whose launcher is wherever Claude Code reads the plugin from. The client
/// puts that path into the environment; it expands to one word, whatever it contains (tried with 2.1.200,
/// 2.1.250 and 2.1.329).
#[must_use]
pub fn plugin_entries() -> Vec<HookEntry> {
    entries_of(&format!("ccsr_js=\"${{CLAUDE_PLUGIN_ROOT}}/{}/{MARKER}\"", super::plugin::HOOKS))
}

/// Returns the hooks. `find` is the part of the shell line that assigns the launcher's path to `ccsr_js`.
fn entries_of(find: &str) -> Vec<HookEntry> {
    // Cleared here, because a project's settings can set variables for hooks.
    let command = format!("{find}; ccsr_line=; {RUN}; exit 0");
    let entry = |event: &str, matcher: Option<&str>, more: Value| {
        let mut hook = json!({"type": "command", "command": command});
        if let (Some(hook), Value::Object(more)) = (hook.as_object_mut(), more) {
            hook.extend(more);
        }
        HookEntry { event: event.into(), matcher: matcher.map(str::to_owned), hook }
    };
    vec![
        entry("SessionStart", None, json!({"timeout": 10})),
        // A session that is reopened during the wait continues like the one that stopped.
        HookEntry {
            event: "SessionStart".into(),
            matcher: Some("resume".into()),
            hook: json!({
                "type": "command",
                "command": waiting(find),
                "asyncRewake": true,
                "rewakeSummary": REWAKE_SUMMARY,
                "timeout": LONGEST_WAIT,
            }),
        },
        entry("Stop", None, json!({"async": true, "timeout": 60})),
        entry("SubagentStop", None, json!({"async": true, "timeout": 60})),
        entry(
            "StopFailure",
            None,
            json!({"asyncRewake": true, "rewakeSummary": REWAKE_SUMMARY, "timeout": LONGEST_WAIT}),
        ),
        entry("PreCompact", None, json!({"async": true, "timeout": 60})),
        entry(
            "Notification",
            Some("quota_auto_resume_fired|quota_auto_resume_stale|quota_auto_resume_disabled"),
            json!({"async": true, "timeout": 60}),
        ),
        entry("SessionEnd", None, json!({"timeout": 5})),
        HookEntry { event: "UserPromptSubmit".into(), matcher: None, hook: prompt_hook(find) },
    ]
}

/// Returns every hook in `settings` that this tool installed.
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

/// Returns the command of the hook that runs before a prompt and delays it. It first checks for the session's
/// flag, which rarely exists, and starts nothing without it. Clients that do not pass the session id to their
/// hooks (2.1.120; 2.1.200 does) test for the flag of any session; the started process then checks whose it
/// is.
fn prompt_hook(find: &str) -> Value {
    let flags = format!("set -- \"${{ccsr_js%hook.js}}{UNSAVED}\"/${{CLAUDE_CODE_SESSION_ID:-*}}");
    let command = format!("{find}; {flags}; [ -f \"$1\" ] || exit 0; {RUN}; exit 0");
    json!({"type": "command", "command": command, "timeout": 5})
}

/// Starts the launcher `ccsr_js`. The line checks for the file first, because sourcing a missing file ends
/// the shell with code 2, which blocks a turn.
pub(super) const RUN: &str = r#"ccsr_run=${ccsr_js%/*}/run.sh; [ -f "$ccsr_run" ] && . "$ccsr_run""#;

/// Returns the command of the hook for a reopened session, which only waits.
fn waiting(find: &str) -> String {
    format!("{find}; ccsr_line=wait; {RUN}; exit 0")
}

/// Quotes a text as one word for a POSIX shell.
#[must_use]
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Quotes a text as [`quoted`] does, unless no shell gives it another meaning.
#[must_use]
pub fn shell_word(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+@%,:".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) { text.to_owned() } else { quoted(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hook_command_contains_the_marker_and_every_timeout_fits_31_bits() {
        let launcher = Path::new("/home/o'neil/.claude/cc-session-recover/hook.js");
        let scopes =
            [HookScope::Project, HookScope::Local, HookScope::User].map(|scope| entries(scope, launcher));
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
    fn only_the_prompt_hook_checks_for_a_flag_first() {
        let launcher = Path::new("/home/o'neil/.claude/cc-session-recover/hook.js");
        for entries in
            [entries(HookScope::Project, launcher), entries(HookScope::User, launcher), plugin_entries()]
        {
            for entry in entries {
                let command = entry.hook["command"].as_str().unwrap();
                let flag = r#"set -- "${ccsr_js%hook.js}unsaved"/${CLAUDE_CODE_SESSION_ID:-*}; [ -f "$1" ] || exit 0; "#;
                assert_eq!(command.contains(flag), entry.event == "UserPromptSubmit", "{command}");
                assert!(command.ends_with("; exit 0"), "{command}");
            }
        }
    }
}
