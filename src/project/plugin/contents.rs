//! The files of the plugin, in the order in which they are written. The files by which Claude Code finds it
//! come last.

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
const DESCRIPTION: &str =
    "Notes stopped Claude Code sessions, waits for the limit, and continues the same session once, safely.";

const README: &str = "# cc-session-recover

Keeps long Claude Code work alive. When a session stops at a usage limit or a failing API, its hooks note the stop before anything
else, wait for the limit without spending a turn, and continue the same open session once. `HANDOFF.md` in the project keeps what
was being worked on.

- `/cc-session-recover:session-rescue` lists, saves, ends and resumes the sessions of this machine; it asks before it ends one.
- `/cc-session-recover:handoff` writes the note of a session to `HANDOFF.md`, or prints it.

## What it needs

`cc-session-recover plugin` wrote this directory and put what the hooks run into your state directory. They start the Node.js that ran that command. On
a machine where that command was not run, the hooks do nothing.

Tell Claude Code about the directory above this one, then install the plugin:

    claude plugin marketplace add <that directory>
    claude plugin install cc-session-recover@cc-session-recover

## Inside Claude Code

From Claude Code 2.1.286 on, `hooks/module.js` shows the plan of a stopped session above the prompt, waits there instead of a process,
and submits the prompt that continues the session, once. `/recover` lists all sessions.

## What it does where

The hooks act in every project in which the plugin is on. Where `cc-session-recover init` has put hooks into the settings of a
project, or into yours, the plugin leaves the session to those, so that nothing is done twice. Closed sessions are resumed only in
projects for which you agreed to it with `cc-session-recover init --unattended`.

Nothing is sent anywhere, unless you name a webhook in the configuration of cc-session-recover. `cc-session-recover plugin --remove`
takes this directory away again, but what you edited in it. Notes, and what is known about sessions, stay, as does in the state directory
what the hooks ran, which hooks in settings may use too.
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
/// [`crate::error::Code::Io`] when a part of the package is missing.
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
            "chooses the node that runs the launcher",
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
        content(plugin.join("README.md"), README.into(), "says what it is", true),
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
            "what Claude Code knows the plugin by",
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

/// Hook groups by event, as in a settings file.
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
