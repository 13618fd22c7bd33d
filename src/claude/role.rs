//! Determines the role of a process within Claude Code. Only a client opens a session. Background helpers
//! look much like clients, and many other programs have the name in their command lines.

use super::process::{Process, Processes};
use std::ffi::OsStr;
use std::path::Path;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Can open a session.
    Client,
    /// `claude daemon`, which starts and maintains background sessions.
    Daemon,
    /// `claude bg-pty-host`, which owns the terminal of a background session.
    PtyHost,
    /// `claude bg-spare`, which waits to become a background session.
    Spare,
    /// Claude Code's own program with a subcommand that opens no session: `mcp`, `agents`, `attach`.
    Errand,
    Other,
}

impl Role {
    /// Returns a description for the user.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Client => "a client of Claude Code",
            Self::Daemon => "the daemon of Claude Code, which runs background sessions",
            Self::PtyHost => "a terminal host of a background session of Claude Code",
            Self::Spare => "a spare worker of Claude Code, which has no session open",
            Self::Errand => "Claude Code, but has no session open",
            Self::Other => "not a client of Claude Code",
        }
    }
}

/// Subcommands that do not open a session (2.1.329).
const ERRANDS: [&str; 11] =
    ["agents", "attach", "auth", "config", "doctor", "install", "logs", "mcp", "plugin", "stop", "update"];

/// Determines the role from the executable, not from the name that the process reports.
#[must_use]
pub fn role_of(process: &Process, processes: &dyn Processes) -> Role {
    let line = processes.command_line(process.pid);
    let Some(program) = processes.program(process.pid) else { return Role::Other };
    // Up to 2.1.79, and under an SDK, the client is a script.
    let words = if is_interpreter(&program) {
        let script = line.iter().skip(1).position(|word| is_script(Path::new(word)));
        match script {
            Some(at) => &line[(at + 2).min(line.len())..],
            None if process.name == "claude" => line.get(1..).unwrap_or_default(),
            None => return Role::Other,
        }
    } else if is_own(&program) {
        line.get(1..).unwrap_or_default()
    } else {
        return Role::Other;
    };
    let has = |wanted: &str| words.iter().any(|word| word == wanted);
    match words.first().map(String::as_str) {
        Some("daemon") => Role::Daemon,
        Some("bg-pty-host") => Role::PtyHost,
        Some("bg-spare") => Role::Spare,
        _ if has("--bg-pty-host") => Role::PtyHost,
        _ if has("--bg-spare") => Role::Spare,
        Some(word) if ERRANDS.contains(&word) => Role::Errand,
        _ => Role::Client,
    }
}

/// Returns whether a program runs scripts; the script then determines the role.
#[must_use]
pub fn is_interpreter(program: &Path) -> bool {
    let name = program.file_stem().and_then(OsStr::to_str).unwrap_or_default();
    ["node", "bun", "deno"].contains(&name)
}

fn is_script(word: &Path) -> bool {
    let text = word.to_string_lossy();
    let ours = text.contains("claude-code") || text.contains("claude-agent-sdk");
    ours && word.extension().is_some_and(|ending| ending == "js" || ending == "mjs" || ending == "cjs")
}

/// Returns whether this is the executable of a client, by its package, its versions directory, or its name.
/// Linux appends ` (deleted)` to the path of one that an update replaced.
fn is_own(program: &Path) -> bool {
    let text = program.to_string_lossy().replace('\\', "/");
    let text = text.strip_suffix(" (deleted)").unwrap_or(&text);
    let name = text.rsplit('/').next().unwrap_or_default();
    let versions = text.rsplit_once('/').is_some_and(|(dir, _)| dir.ends_with("/claude/versions"));
    let named = name == "claude" || name == "claude.exe";
    versions || named || (text.contains("/claude-code") && name.starts_with("claude"))
}

/// Returns whether a client answers one prompt and exits: `-p` with the prompt on the command line or as text
/// on its input. Only a client that reads `stream-json` stays open.
#[must_use]
pub fn is_one_shot(line: &[String]) -> bool {
    let words = || line.iter().take_while(|word| *word != "--").map(String::as_str);
    let streams = words().zip(words().skip(1)).any(|pair| pair == ("--input-format", "stream-json"))
        || words().any(|word| word == "--input-format=stream-json");
    words().any(|word| matches!(word, "-p" | "--print")) && !streams
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    struct One {
        program: Option<&'static str>,
        line: Vec<&'static str>,
    }

    impl Processes for One {
        fn start_token(&self, _: u32) -> Option<String> {
            None
        }
        fn domain(&self) -> Option<String> {
            None
        }
        fn command_line(&self, _: u32) -> Vec<String> {
            self.line.iter().map(|word| (*word).to_owned()).collect()
        }
        fn program(&self, _: u32) -> Option<PathBuf> {
            self.program.map(PathBuf::from)
        }
    }

    #[test]
    fn only_a_client_is_classified_as_a_client() {
        const NATIVE: &str = "/h/.local/share/claude/versions/2.1.329";
        const PACKAGE: &str = "/x/node_modules/@anthropic-ai/claude-code/bin/claude.exe";
        let role = |name: &str, program, line: &[&'static str]| {
            let process = Process { pid: 7, name: name.into(), ..Process::default() };
            role_of(&process, &One { program, line: line.to_vec() })
        };
        for (name, program, line, expected) in [
            ("claude", NATIVE, &["claude"][..], Role::Client),
            (
                "claude",
                "/h/.local/share/claude/versions/2.1.300 (deleted)",
                &["claude", "--resume"],
                Role::Client,
            ),
            ("claude", PACKAGE, &["/x/claude", "-p", "what is a daemon"], Role::Client),
            ("claude", "/usr/bin/node", &["claude"], Role::Client),
            ("node", "/usr/bin/node", &["node", "/x/@anthropic-ai/claude-code/cli.js", "-p"], Role::Client),
            ("node", "/usr/bin/node", &["node", "--x", "/x/claude-agent-sdk/cli.js"], Role::Client),
            ("claude", NATIVE, &["claude", "daemon", "run", "--origin", "transient"], Role::Daemon),
            ("node", "/usr/bin/node", &["node", "/x/claude-code/cli.js", "daemon", "run"], Role::Daemon),
            (
                "claude",
                PACKAGE,
                &["claude", "bg-pty-host", "--bg-pty-host", "/s", "200", "50"],
                Role::PtyHost,
            ),
            ("claude", NATIVE, &["claude", "--bg-pty-host", "/s"], Role::PtyHost),
            ("claude", NATIVE, &["claude", "bg-spare", "--bg-spare", "/s"], Role::Spare),
            ("claude", NATIVE, &["claude", "mcp", "serve"], Role::Errand),
            ("vim", "/usr/bin/vim", &["vim", "/home/me/claude"], Role::Other),
            ("claude", "/bin/bash", &["claude", "-c", "sleep 60"], Role::Other),
            ("bash", "/bin/bash", &["/bin/bash", "-c", "source ~/.claude/shell-snapshots/x.sh"], Role::Other),
            ("node", "/usr/bin/node", &["node", "/home/me/claude/server.js"], Role::Other),
            ("claude-code-ed", "/opt/claude-code-editor/editor", &["editor"], Role::Other),
        ] {
            assert_eq!(role(name, Some(program), line), expected, "{name} {program} {line:?}");
        }
        assert_eq!(role("claude", None, &["claude"]), Role::Other, "what cannot be seen is not touched");
    }

    #[test]
    fn a_client_that_reads_prompts_from_a_stream_is_not_one_shot() {
        let one_shot =
            |line: &[&str]| is_one_shot(&line.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert!(one_shot(&["claude", "-p", "--resume", "x", "Go on."]));
        assert!(one_shot(&["claude", "--print", "--output-format", "stream-json", "go"]));
        assert!(!one_shot(&["claude", "-p", "--input-format", "stream-json", "--verbose"]));
        assert!(!one_shot(&["claude", "-p", "--input-format=stream-json"]));
        assert!(!one_shot(&["claude", "--resume", "x"]));
        assert!(!one_shot(&["claude", "--", "-p"]));
    }
}
