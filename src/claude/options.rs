//! Determines which command-line options of a client a run must repeat when it resumes the session.
//!
//! A client restores the conversation, the agent and the added directories itself, but not the tools, MCP
//! servers, settings, model and effort (measured with 2.1.332).

use super::role::is_interpreter;
use std::path::{Path, PathBuf};

/// Number of values that an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OptionArity {
    Nothing,
    One,
    /// One value, unless the next word begins with a dash.
    Perhaps,
    /// Every word up to the next option.
    Many,
}

/// How a resumed run treats an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OptionHandling {
    /// The run gets the option too.
    Carried(OptionReference),
    /// The run does not need it, or sets it itself: input and output formats, the
    /// session, the permission mode.
    Dropped,
    /// The run would differ from the session without the option, but the option cannot be passed on.
    Lost,
}

/// What the values of an option refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OptionReference {
    /// Plain text that refers to no file.
    Text,
    /// A file, or inline JSON.
    FileOrJson,
    /// A file or directory whose contents affect what runs.
    Path,
    /// A directory that the session only works in.
    Directory,
    Model,
    Effort,
}

use OptionArity::{Many, Nothing, One, Perhaps};
use OptionHandling::{Carried, Dropped, Lost};

/// Options of 2.1.332, and of older clients where they differ. The run gets the first name of each entry.
const OPTIONS: &[(&[&str], OptionArity, OptionHandling)] = &[
    (&["--add-dir"], Many, Carried(OptionReference::Directory)),
    (&["--agent"], One, Carried(OptionReference::Text)),
    (&["--agents"], One, Carried(OptionReference::FileOrJson)),
    (&["--allowedTools", "--allowed-tools"], Many, Carried(OptionReference::Text)),
    (&["--append-system-prompt"], One, Carried(OptionReference::Text)),
    (&["--append-system-prompt-file"], One, Carried(OptionReference::Path)),
    (&["--autocompact"], One, Carried(OptionReference::Text)),
    (&["--betas"], Many, Carried(OptionReference::Text)),
    (&["--bare"], Nothing, Carried(OptionReference::Text)),
    (&["--disable-slash-commands"], Nothing, Carried(OptionReference::Text)),
    (&["--disallowedTools", "--disallowed-tools"], Many, Carried(OptionReference::Text)),
    (&["--effort"], One, Carried(OptionReference::Effort)),
    (&["--exclude-dynamic-system-prompt-sections"], Nothing, Carried(OptionReference::Text)),
    (&["--fallback-model"], One, Carried(OptionReference::Text)),
    (&["--json-schema"], One, Carried(OptionReference::Text)),
    (&["--max-budget-usd"], One, Carried(OptionReference::Text)),
    (&["--max-thinking-tokens"], One, Carried(OptionReference::Text)),
    (&["--max-turns"], One, Carried(OptionReference::Text)),
    (&["--mcp-config"], Many, Carried(OptionReference::FileOrJson)),
    (&["--model"], One, Carried(OptionReference::Model)),
    (&["--plugin-dir"], One, Carried(OptionReference::Path)),
    (&["--restricted"], Nothing, Carried(OptionReference::Text)),
    (&["--safe-mode"], Nothing, Carried(OptionReference::Text)),
    (&["--setting-sources"], One, Carried(OptionReference::Text)),
    (&["--settings"], One, Carried(OptionReference::FileOrJson)),
    (&["--strict-mcp-config"], Nothing, Carried(OptionReference::Text)),
    (&["--system-prompt"], One, Carried(OptionReference::Text)),
    (&["--system-prompt-file"], One, Carried(OptionReference::Path)),
    (&["--system-prompt-snapshot"], One, Carried(OptionReference::Text)),
    (&["--tools"], Many, Carried(OptionReference::Text)),
    (&["--permission-prompt-tool"], One, Lost),
    (&["--plugin-url"], One, Lost),
    (&["--file"], Many, Lost),
    (&["--cloud"], Perhaps, Lost),
    (&["--environment"], One, Lost),
    (&["--teleport"], Perhaps, Lost),
    (&["--allow-dangerously-skip-permissions"], Nothing, Dropped),
    (&["--ax-screen-reader"], Nothing, Dropped),
    (&["--bg", "--background"], Nothing, Dropped),
    (&["--bg-pty-host", "--bg-spare"], One, Dropped),
    (&["--brief"], Nothing, Dropped),
    (&["--chrome", "--no-chrome"], Nothing, Dropped),
    (&["-c", "--continue"], Nothing, Dropped),
    (&["--dangerously-skip-permissions"], Nothing, Dropped),
    (&["-d", "--debug"], Perhaps, Dropped),
    (&["--debug-file"], One, Dropped),
    (&["--debug-to-stderr", "-d2e"], Nothing, Dropped),
    (&["--desktop"], Nothing, Dropped),
    (&["--enable-auto-mode"], Nothing, Dropped),
    (&["--fork-session"], Nothing, Dropped),
    (&["--forward-subagent-text"], Nothing, Dropped),
    (&["--from-pr"], Perhaps, Dropped),
    (&["--ide"], Nothing, Dropped),
    (&["--include-hook-events"], Nothing, Dropped),
    (&["--include-partial-messages"], Nothing, Dropped),
    (&["--input-format"], One, Dropped),
    (&["--mcp-debug"], Nothing, Dropped),
    (&["-n", "--name"], One, Dropped),
    (&["--no-session-persistence"], Nothing, Dropped),
    (&["--output-format"], One, Dropped),
    (&["--permission-mode"], One, Dropped),
    (&["--permission-prompts"], One, Dropped),
    (&["-p", "--print"], Nothing, Dropped),
    (&["--prompt-suggestions"], Perhaps, Dropped),
    (&["--remote-control"], Perhaps, Dropped),
    (&["--remote-control-session-name-prefix"], One, Dropped),
    (&["--replay-user-messages"], Nothing, Dropped),
    (&["-r", "--resume"], Perhaps, Dropped),
    (&["--resume-session-at"], One, Dropped),
    (&["--session-id"], One, Dropped),
    (&["--tmux"], Nothing, Dropped),
    (&["--verbose"], Nothing, Dropped),
    (&["-w", "--worktree"], Perhaps, Dropped),
];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientOption {
    /// Name of the option, including its dashes.
    pub name: &'static str,
    /// Values, with relative paths made absolute.
    pub values: Vec<String>,
    /// Files and directories whose contents affect what runs.
    pub contents: Vec<PathBuf>,
}

/// Options that a command line contains.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientOptions {
    /// Options that the run gets.
    pub carried: Vec<ClientOption>,
    /// Names of the options that the run cannot get.
    pub lost: Vec<String>,
    pub model: Option<String>,
    pub effort: Option<String>,
}

impl ClientOptions {
    /// Parses a client's command line; `cwd` is the directory it was started in.
    #[must_use]
    pub fn parse(words: &[String], cwd: Option<&Path>) -> Self {
        let mut options = Self::default();
        // Older clients are scripts, so the command line starts with an interpreter.
        let script = words.first().is_some_and(|program| is_interpreter(Path::new(program)));
        let own =
            words.iter().skip(1).position(|word| script && !word.starts_with('-')).map_or(1, |at| at + 2);
        let mut words = words.iter().skip(own).map(String::as_str).peekable();
        while let Some(word) = words.next() {
            // Every word after this one is text.
            if word == "--" {
                break;
            }
            if !word.starts_with('-') || word == "-" {
                continue;
            }
            let (name, given) = match word.split_once('=') {
                Some((name, value)) if word.starts_with("--") => (name, Some(value.to_owned())),
                _ => (word, None),
            };
            let Some((names, takes, fate)) = OPTIONS.iter().find(|(names, ..)| names.contains(&name)) else {
                // The client is newer than this table, so it is unknown whether the option matters.
                options.lost.push(name.to_owned());
                continue;
            };
            let mut values: Vec<String> = given.iter().cloned().collect();
            if given.is_none() {
                match takes {
                    Nothing => {}
                    One => values.extend(words.next().map(str::to_owned)),
                    Perhaps => values.extend(words.next_if(|next| !next.starts_with('-')).map(str::to_owned)),
                    Many => {
                        while let Some(value) = words.next_if(|next| !next.starts_with('-')) {
                            values.push(value.to_owned());
                        }
                        // The process table drops a trailing empty argument.
                        if values.is_empty() {
                            values.push(String::new());
                        }
                    }
                }
            }
            match fate {
                Dropped => {}
                Lost => options.lost.push(name.to_owned()),
                Carried(OptionReference::Model) => options.model = values.pop(),
                Carried(OptionReference::Effort) => options.effort = values.pop(),
                Carried(kind) => options.carry(names[0], *kind, values, cwd),
            }
        }
        options
    }

    fn carry(&mut self, name: &'static str, kind: OptionReference, values: Vec<String>, cwd: Option<&Path>) {
        let mut option = ClientOption { name, values: Vec::new(), contents: Vec::new() };
        for value in values {
            let json = kind == OptionReference::FileOrJson && value.trim_start().starts_with(['{', '[']);
            let path = match kind {
                OptionReference::FileOrJson if !json => true,
                OptionReference::Path | OptionReference::Directory => true,
                _ => false,
            };
            if !path {
                option.values.push(value);
                continue;
            }
            let Some(path) = absolute(&value, cwd) else {
                self.lost.push(name.to_owned());
                return;
            };
            option.values.push(path.to_string_lossy().into_owned());
            if kind != OptionReference::Directory {
                option.contents.push(path);
            }
        }
        self.carried.push(option);
    }
}

fn absolute(value: &str, cwd: Option<&Path>) -> Option<PathBuf> {
    let path = Path::new(value);
    if path.is_absolute() { Some(path.to_path_buf()) } else { Some(cwd?.join(path)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &[&str]) -> ClientOptions {
        let words: Vec<String> =
            std::iter::once("claude").chain(line.iter().copied()).map(str::to_owned).collect();
        ClientOptions::parse(&words, Some(Path::new("/w")))
    }

    fn carried(line: &[&str]) -> Vec<String> {
        let options = parse(line);
        options.carried.iter().map(|one| format!("{} {}", one.name, one.values.join("|"))).collect()
    }

    #[test]
    fn only_options_that_decide_about_tools_servers_and_settings_are_carried_over() {
        for (line, expected) in [
            (
                &["-p", "--allowedTools", "Bash", "Edit(src/*)", "--", "--agent evil"][..],
                vec!["--allowedTools Bash|Edit(src/*)"],
            ),
            (&["--allowed-tools=Bash,Edit", "-p", "do it"], vec!["--allowedTools Bash,Edit"]),
            (
                &["--disallowed-tools", "WebFetch", "--tools", "", "-p"],
                vec!["--disallowedTools WebFetch", "--tools "],
            ),
            (
                &["--mcp-config", "mcp.json", "{\"a\":1}", "--strict-mcp-config"],
                vec!["--mcp-config /w/mcp.json|{\"a\":1}", "--strict-mcp-config "],
            ),
            (
                &["--settings", "/s.json", "--add-dir", "../x", "/y"],
                vec!["--settings /s.json", "--add-dir /w/../x|/y"],
            ),
            (
                &["--append-system-prompt", "--rhyme", "--agent", "reviewer"],
                vec!["--append-system-prompt --rhyme", "--agent reviewer"],
            ),
            (&["--resume", "00000001-0000-4000-8000-000000000001", "--permission-mode", "plan"], vec![]),
            (
                &["--dangerously-skip-permissions", "-d", "--debug", "hooks", "--output-format", "json"],
                vec![],
            ),
        ] {
            assert_eq!(carried(line), expected, "{line:?}");
            assert_eq!(parse(line).lost, Vec::<String>::new(), "{line:?}");
        }
        let options = parse(&["--model", "sonnet", "--effort=low"]);
        assert_eq!((options.model.as_deref(), options.effort.as_deref()), (Some("sonnet"), Some("low")));
    }

    #[test]
    fn options_that_cannot_be_repeated_are_reported() {
        for (line, lost) in [
            (&["--permission-prompt-tool", "stdio"][..], "--permission-prompt-tool"),
            (&["--plugin-url=https://x/y.zip"], "--plugin-url"),
            (&["--of-a-later-version", "x"], "--of-a-later-version"),
        ] {
            assert_eq!(parse(line).lost, [lost], "{line:?}");
        }
        let without = ClientOptions::parse(&["claude".into(), "--settings".into(), "s.json".into()], None);
        assert_eq!(without.lost, ["--settings"]);
    }
}
