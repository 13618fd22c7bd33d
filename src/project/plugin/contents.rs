//! Returns the files of the plugin in the order in which they are written. The files by which Claude Code
//! finds the plugin come last.

use super::super::hooks::{MARKER, plugin_entries};
use super::super::runtime::{
    HOOK, LAUNCHERS_ARE_COMMONJS, LAUNCHERS_PACKAGE, LauncherOwner, RUN_NAME, Runtime,
};
use super::{HOOKS, NAME};
use crate::env::Environment;
use crate::error::{IoContext, Result};
use crate::store::StateDir;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// The module that Claude Code loads since 2.1.286; older clients ignore it and run the hooks.
const MODULE: &str = "module.js";

/// One-sentence description of the plugin.
const DESCRIPTION: &str = "Records stopped Claude Code sessions, waits until the limit has reset, and continues the same session once.";

const README: &str = "# cc-session-recover

Keeps long Claude Code sessions alive. When a session stops at a usage limit or an API failure, the hooks record the stop before
anything else, wait without spending a turn, and continue the same open session once. `HANDOFF.md` in the project describes the
unfinished work.

- `/cc-session-recover:session-rescue` lists, saves, ends and resumes the sessions of this machine; it asks before it ends one.
- `/cc-session-recover:handoff` writes the note of a session to `HANDOFF.md`, or prints it.

## Requirements

`cc-session-recover plugin` wrote this directory, and copied the files that the hooks run to your state directory. The hooks start the
Node.js that ran that command. On a machine on which the command was not run, they do nothing.

Add the directory above this one to Claude Code as a marketplace, then install the plugin:

    claude plugin marketplace add <that directory>
    claude plugin install cc-session-recover@cc-session-recover

## Inside Claude Code

From Claude Code 2.1.286 on, `hooks/module.js` shows the plan of a stopped session above the prompt. It waits in place of a hook
process, and submits the prompt that continues the session once. `/recover` lists all sessions.

## Scope

The hooks run in every project in which the plugin is enabled. If `cc-session-recover init` has added hooks to the settings of a
project or to your own, the plugin's hooks do nothing there, so that no stop is handled twice. Closed sessions are resumed only in
projects that you set up with `cc-session-recover init --unattended`.

Nothing is sent anywhere unless you configure a webhook. `cc-session-recover plugin --remove` removes this directory, except for files
that you edited. Notes and records of sessions remain, and so do the files in the state directory, which hooks in settings may use.
";

pub(super) struct PluginFile {
    pub path: PathBuf,
    pub text: String,
    pub why: &'static str,
    /// The plugin works without this file.
    pub spare: bool,
}

pub(super) fn commands(directory: &Path) -> PathBuf {
    directory.join(NAME).join(super::super::commands::DIRECTORY)
}

/// Returns all files except the commands. The two that make the plugin known to Claude Code come last.
///
/// # Errors
/// Returns [`crate::error::Code::Io`] when a part of the package is missing.
pub(super) fn contents(
    env: &Environment,
    state: &StateDir,
    directory: &Path,
    package: &Path,
    runtime: &Runtime,
    version: &str,
) -> Result<Vec<PluginFile>> {
    let plugin = directory.join(NAME);
    let launcher = plugin.join(HOOKS).join(MARKER);
    let licence = package.join("LICENSE");
    let module = package.join("plugin").join(MODULE);
    let content = |path: PathBuf, text: String, why, spare| PluginFile { path, text, why, spare };
    let named = |path: &str| directory.join(path).join(".claude-plugin");
    Ok(vec![
        content(
            launcher.with_file_name(LAUNCHERS_PACKAGE),
            LAUNCHERS_ARE_COMMONJS.into(),
            "keeps the launcher working wherever the plugin is",
            false,
        ),
        content(
            launcher.with_file_name(RUN_NAME),
            runtime.run(env, package, state, LauncherOwner::Plugin)?,
            "chooses the Node.js that runs the launcher",
            false,
        ),
        content(
            launcher,
            runtime.launcher(env, package, HOOK, LauncherOwner::Plugin)?,
            "starts what the hooks run",
            false,
        ),
        content(
            plugin.join(HOOKS).join(MODULE),
            std::fs::read_to_string(&module).doing("read", &module)?,
            "shows the plan inside Claude Code and continues the session there",
            false,
        ),
        content(plugin.join(HOOKS).join("hooks.json"), pretty(&hooks()), "the hooks", false),
        content(plugin.join("README.md"), README.into(), "describes the plugin", true),
        content(
            plugin.join("LICENSE"),
            std::fs::read_to_string(&licence).doing("read", &licence)?,
            "its licence",
            true,
        ),
        content(
            named(NAME).join("plugin.json"),
            pretty(&json!({
                "name": NAME,
                "version": version,
                "description": DESCRIPTION,
                "author": {"name": NAME},
                "license": "MIT",
                "keywords": ["session", "recovery", "usage-limit", "resume", "handoff"],
            })),
            "identifies the plugin to Claude Code",
            false,
        ),
        content(
            named("").join("marketplace.json"),
            pretty(&json!({
                "name": NAME,
                "owner": {"name": NAME},
                "description": DESCRIPTION,
                "plugins": [{"name": NAME, "source": format!("./{NAME}"), "description": DESCRIPTION}],
            })),
            "where Claude Code finds the plugin",
            false,
        ),
    ])
}

/// Returns the hook groups by event, as in a settings file.
fn hooks() -> Value {
    let mut events = Map::new();
    for entry in plugin_entries() {
        let mut group = Map::new();
        if let Some(matcher) = entry.matcher {
            group.insert("matcher".into(), matcher.into());
        }
        group.insert("hooks".into(), json!([entry.hook]));
        if let Value::Array(groups) = events.entry(entry.event).or_insert_with(|| json!([])) {
            groups.push(group.into());
        }
    }
    json!({"description": DESCRIPTION, "hooks": events, "modules": [format!("./{MODULE}")]})
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
