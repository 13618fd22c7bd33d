//! Contains every text that Claude Code or this tool writes as a message of the user.
//!
//! The client sends notifications, reminders, summaries and its own continuations to the model in the user's
//! role and records them as `user` records. None of them is a prompt of the user. Only [`author`]
//! distinguishes the two: by the fields that the client writes (`isMeta`, `origin`, `promptSource`,
//! `turnOrigin`, `pluginPrompt`), and, in records of older clients without them, by how the text begins.
//!
//! Texts of results and errors that affect a decision are here too, so that only this module depends
//! on the client's wording.

/// First words of every prompt with which this tool continues a closed session.
pub const AUTOMATED: &str = "Automated message from cc-session-recover, not from the user.";
/// First words of the report with which the waiting hook wakes an open session. The client puts its own text
/// in front of them.
pub const STATUS_REPORT: &str = "cc-session-recover, automated status report of";

/// Kind of a text in the user's role that is not a prompt of the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClientText {
    Recovery,
    /// The client continued the session after a limit.
    AutoContinuation,
    /// The client continued an interrupted turn, or an answer that reached the output limit.
    Continuation,
    /// A background task, a subagent or a waking hook reported.
    TaskNotification,
    /// A hook blocked the end of a turn or commented on a call.
    HookFeedback,
    PluginPrompt,
    /// Another session, a teammate, a coordinator or a chat channel sent a message.
    PeerMessage,
    /// A summary that replaces the conversation so far.
    CompactSummary,
    SkillBody,
    Reminder,
    /// Text added by an editor, a memory file or an MCP server.
    Context,
    /// A slash command that the user typed, wrapped in tags by the client.
    Command,
    /// Output of a slash command.
    CommandOutput,
    /// The caveat before a command's output.
    CommandCaveat,
    /// A shell command that the user typed after `!`, wrapped in tags by the client.
    ShellInput,
    /// Output of that shell command.
    ShellOutput,
    /// The user, or the end of the session, interrupted the turn.
    Interruption,
    /// The fields show that the user did not write it, but the text is unknown.
    Other,
}

impl ClientText {
    /// Returns whether the user typed the wrapped text, although it is not a prompt.
    #[must_use]
    pub const fn is_typed(self) -> bool {
        matches!(self, Self::Command | Self::ShellInput)
    }
}

/// Author of a message in the user's role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// The user; the message is a prompt.
    User,
    /// The client, a plugin, another session or this tool.
    Client(ClientText),
}

/// Fields that identify the author of a message. A field that the client did not write is `None` or `false`.
#[derive(Debug, Clone, Copy, Default)]
pub struct AuthorMarks<'a> {
    pub meta: bool,
    pub compact_summary: bool,
    pub plugin_prompt: bool,
    pub origin: Option<&'a str>,
    pub prompt_source: Option<&'a str>,
    pub turn_origin: Option<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    Words(&'static str),
    /// Words that the user may also type. They identify the client only if it records no source of the
    /// prompt.
    PlainWords(&'static str),
    /// This tag, with or without attributes.
    Tag(&'static str),
    /// This tag around text that the client puts in front of a prompt. The prompt may follow the closing tag.
    Before(&'static str),
}

#[derive(Debug, Clone, Copy)]
pub struct Wording {
    pub what: ClientText,
    pub opening: Opening,
    /// Oldest and newest version of Claude Code known to write it, of 1.0.60, 1.0.126, 2.0.30, 2.1.45,
    /// 2.1.79, 2.1.329 and 2.1.332. For texts of this tool: the clients they were sent to.
    pub seen: (&'static str, &'static str),
}

const fn words(what: ClientText, words: &'static str, from: &'static str, to: &'static str) -> Wording {
    Wording { what, opening: Opening::Words(words), seen: (from, to) }
}

const fn plain(what: ClientText, words: &'static str, from: &'static str, to: &'static str) -> Wording {
    Wording { what, opening: Opening::PlainWords(words), seen: (from, to) }
}

const fn tag(what: ClientText, name: &'static str, from: &'static str, to: &'static str) -> Wording {
    Wording { what, opening: Opening::Tag(name), seen: (from, to) }
}

const fn before(what: ClientText, name: &'static str, from: &'static str, to: &'static str) -> Wording {
    Wording { what, opening: Opening::Before(name), seen: (from, to) }
}

pub const WORDINGS: &[Wording] = &{
    use ClientText as T;
    const NEWEST: &str = "2.1.332";
    [
        words(T::Recovery, AUTOMATED, "2.1.79", NEWEST),
        words(T::Recovery, STATUS_REPORT, "2.1.268", NEWEST),
        words(T::AutoContinuation, "Your claude.ai usage limit has reset.", "2.1.329", NEWEST),
        words(T::AutoContinuation, "Your claude.ai usage is available again before", "2.1.329", NEWEST),
        plain(T::Continuation, "Continue from where you left off.", "2.1.45", NEWEST),
        words(T::Continuation, "This session's worker process was restarted.", "2.1.329", NEWEST),
        words(
            T::Continuation,
            "Your response was cut off because it exceeded the output token limit",
            "2.1.45",
            NEWEST,
        ),
        words(T::Continuation, "Output token limit hit", "2.1.79", NEWEST),
        tag(T::Continuation, "tick", "2.1.329", NEWEST),
        tag(T::TaskNotification, "task-notification", "2.1.45", NEWEST),
        words(T::TaskNotification, "[SYSTEM NOTIFICATION - NOT USER INPUT]", "2.1.329", NEWEST),
        plain(T::HookFeedback, "Stop hook feedback", "1.0.60", NEWEST),
        plain(T::HookFeedback, "Stop hook blocking error from command", "1.0.60", NEWEST),
        tag(T::HookFeedback, "post-tool-use-hook", "1.0.126", NEWEST),
        tag(T::HookFeedback, "user-prompt-submit-hook", "1.0.60", NEWEST),
        words(T::PeerMessage, "Another Claude session sent a message", "2.1.329", NEWEST),
        words(T::PeerMessage, "A peer session sent a message while you were working:", "2.1.329", NEWEST),
        words(T::PeerMessage, "The coordinator sent a message while you were working:", "2.1.79", NEWEST),
        words(T::PeerMessage, "Activity was observed in the bound conversation", "2.1.329", NEWEST),
        words(T::PeerMessage, "Activity in the bound conversation", "2.1.329", NEWEST),
        words(T::PeerMessage, "[TALK FROM A VOICE CALL - NOT USER INPUT]", "2.1.332", NEWEST),
        tag(T::PeerMessage, "teammate-message", "2.1.45", NEWEST),
        tag(T::PeerMessage, "cross-session-message", "2.1.329", NEWEST),
        tag(T::PeerMessage, "agent-message", "2.1.329", NEWEST),
        tag(T::PeerMessage, "coordinator-relay", "2.1.329", NEWEST),
        tag(T::PeerMessage, "slack-ping", "2.1.329", NEWEST),
        tag(T::PeerMessage, "slack-tag-message", "2.1.329", NEWEST),
        tag(T::PeerMessage, "remote-review", "2.1.329", NEWEST),
        tag(T::PeerMessage, "voice-call-talk", "2.1.329", NEWEST),
        words(T::PeerMessage, "<channel source=\"", "2.1.329", NEWEST),
        words(T::CompactSummary, COMPACT_SUMMARY, "1.0.60", NEWEST),
        plain(T::SkillBody, "Base directory for this skill: ", "1.0.126", NEWEST),
        before(T::Reminder, "system-reminder", "1.0.60", NEWEST),
        before(T::Context, "ide_selection", "1.0.60", NEWEST),
        before(T::Context, "ide_opened_file", "1.0.60", NEWEST),
        tag(T::Context, "user-memory-input", "1.0.60", NEWEST),
        tag(T::Context, "mcp-resource-update", "2.1.79", NEWEST),
        tag(T::Context, "mcp-polling-update", "2.1.79", NEWEST),
        tag(T::Context, "fork-boilerplate", "2.1.329", NEWEST),
        tag(T::Context, "forked-skill-launch", "2.1.329", NEWEST),
        tag(T::Context, "fetched-web-content", "2.1.329", NEWEST),
        tag(T::Context, "untrusted-widget-state", "2.1.329", NEWEST),
        tag(T::Command, "command-name", "1.0.60", NEWEST),
        tag(T::Command, "command-message", "1.0.60", NEWEST),
        tag(T::CommandOutput, "local-command-stdout", "1.0.60", NEWEST),
        tag(T::CommandOutput, "local-command-stderr", "1.0.60", NEWEST),
        tag(T::CommandCaveat, "local-command-caveat", "2.1.45", NEWEST),
        words(
            T::CommandCaveat,
            "Caveat: The messages below were generated by the user while running local commands",
            "1.0.60",
            "2.1.79",
        ),
        tag(T::ShellInput, "bash-input", "1.0.60", NEWEST),
        tag(T::ShellOutput, "bash-stdout", "1.0.60", NEWEST),
        tag(T::ShellOutput, "bash-stderr", "1.0.60", NEWEST),
        tag(T::ShellOutput, "bash-exit-code", "2.1.329", NEWEST),
        words(T::Interruption, INTERRUPTED_BY_USER, "1.0.60", NEWEST),
        words(T::Interruption, "[Request interrupted: the session ended", "2.1.329", NEWEST),
        words(T::Interruption, "[This turn ended before it finished.]", "2.1.332", NEWEST),
    ]
};

/// First words of a summary that replaces the earlier conversation.
const COMPACT_SUMMARY: &str = "This session is being continued from a previous conversation";

/// Returns whether the text begins with the client's words for a summary.
#[must_use]
pub fn is_compact_summary(text: &str) -> bool {
    text.starts_with(COMPACT_SUMMARY)
}

/// First words of the client's note about an interruption by the user.
const INTERRUPTED_BY_USER: &str = "[Request interrupted by user";

/// Returns whether this is the client's note about an interruption by the user.
#[must_use]
pub fn is_interruption_by_user(text: &str) -> bool {
    text.trim_start().starts_with(INTERRUPTED_BY_USER)
}

/// Classifies a text that comes without fields, such as one in a `last-prompt` record. `None` if the user
/// may have written it.
#[must_use]
pub fn client_text(text: &str) -> Option<ClientText> {
    known(text, false)
}

/// Determines the author of a message in the user's role, given its fields and its text.
#[must_use]
pub fn author(marks: AuthorMarks<'_>, text: &str) -> Author {
    use ClientText as T;
    let foreign_origin = marks.origin.filter(|kind| *kind != "human");
    let foreign_turn = marks.turn_origin.filter(|turn| !matches!(*turn, "human" | "sdk" | "unknown"));
    if marks.compact_summary {
        return Author::Client(T::CompactSummary);
    }
    if marks.plugin_prompt {
        return Author::Client(T::PluginPrompt);
    }
    if marks.meta
        || foreign_origin.is_some()
        || foreign_turn.is_some()
        || marks.prompt_source == Some("system")
    {
        let by_field = match foreign_origin.or(foreign_turn) {
            Some("auto-continuation" | "auto_continuation") => Some(T::AutoContinuation),
            Some("task-notification" | "task_notification") => Some(T::TaskNotification),
            Some("plugin") => Some(T::PluginPrompt),
            Some("peer" | "coordinator" | "channel" | "observer" | "observer-activity" | "voice-call") => {
                Some(T::PeerMessage)
            }
            _ => None,
        };
        return Author::Client(by_field.or_else(|| known(text, true)).unwrap_or(T::Other));
    }
    let typed = marks.origin == Some("human") || marks.prompt_source == Some("typed");
    match known(text, marks.prompt_source.is_none() && marks.origin.is_none()) {
        // The user may quote anything. Only these kinds are wrapped user input or come from this tool.
        Some(what) if typed => match what {
            T::Recovery
            | T::Command
            | T::CommandOutput
            | T::CommandCaveat
            | T::ShellInput
            | T::ShellOutput
            | T::Interruption => Author::Client(what),
            _ => Author::User,
        },
        Some(what) => Author::Client(what),
        None => Author::User,
    }
}

/// Returns a prompt without the text that the client put in front of it.
#[must_use]
pub fn own_words(text: &str) -> &str {
    let mut rest = text.trim_start();
    while let Some(behind) = WORDINGS.iter().find_map(|wording| match wording.opening {
        Opening::Before(name) => behind_tag(rest, name),
        _ => None,
    }) {
        rest = behind;
    }
    if rest.is_empty() { text.trim_start() } else { rest }
}

/// Returns the text after the closing tag, if the text begins with that tag.
fn behind_tag<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    has_tag(text, name).then_some(())?;
    let (_, behind) = text.split_once(&format!("</{name}>"))?;
    Some(behind.trim_start())
}

fn has_tag(text: &str, name: &str) -> bool {
    let behind = text.strip_prefix('<').and_then(|text| text.strip_prefix(name));
    behind.is_some_and(|behind| behind.starts_with(['>', ' ', '\n']))
}

fn known(text: &str, plain: bool) -> Option<ClientText> {
    let text = text.trim_start();
    let found = WORDINGS.iter().find(|wording| match wording.opening {
        Opening::Words(words) => text.starts_with(words),
        Opening::PlainWords(words) => plain && text.starts_with(words),
        Opening::Tag(name) | Opening::Before(name) => has_tag(text, name),
    })?;
    if let Opening::Before(name) = found.opening
        && let Some(behind) = behind_tag(text, name)
        && !behind.is_empty()
    {
        return known(behind, plain);
    }
    Some(found.what)
}

/// The client's placeholder answer after a turn that left nothing to answer (1.0.60 to 2.1.332).
pub const NO_RESPONSE: &str = "No response requested.";

/// First words of the result of a subagent that an API error ended (2.1.329, 2.1.332).
pub const CUT_AGENT: &str = "Agent terminated early due to an API error";

/// Returns whether the result reports a refused call. Records of newer clients
/// report this in `permissionDecision`.
#[must_use]
pub fn is_denial(result: &str) -> bool {
    const DENIED: [&str; 7] = [
        // 1.0.60 to 2.1.332
        "requested permissions",
        "Permission to use",
        "doesn't want to proceed with this tool use",
        "doesn't want to take this action right now",
        // 2.1.45 to 2.1.332
        "Permission for this tool use was denied",
        // 2.1.329, 2.1.332
        "has no approval surface",
        "This tool call was refused",
    ];
    DENIED.iter().any(|words| result.contains(words))
}

/// What the user last decided about the client's automatic continuation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContinuationChoice {
    Armed,
    Cancelled,
}

/// Returns the decision that a note of the client or the output of `/rate-limit-options` reports. The client
/// also writes such a note when it exits, relaunches or moves the session during the wait, which is not a
/// decision against the continuation (2.1.286 to 2.1.332).
#[must_use]
pub fn continuation_choice(text: &str) -> Option<ContinuationChoice> {
    const NOT_BY_USER: [&str; 3] =
        ["during the wait", "sending this session to the cloud", "this session moved to"];
    let text = text.strip_prefix("<local-command-stdout>").unwrap_or(text);
    if text.starts_with("Claude Code will continue automatically") {
        return Some(ContinuationChoice::Armed);
    }
    let cancelled = text.starts_with("Automatic continue cancelled")
        && NOT_BY_USER.iter().all(|words| !text.contains(words));
    cancelled.then_some(ContinuationChoice::Cancelled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claude::record::{Body, Record, parse_line};
    use crate::claude::transcript::Transcript;
    use crate::note::gather::gather_conversation;
    use crate::session::ending::Liveness;
    use crate::session::prompt::prompt_of;
    use crate::session::search::said::{SearchRole, records};
    use crate::session::summary::{Depth, Reader};
    use serde_json::{Value, json};

    /// Returns a sample of the text as a client writes it.
    fn example(wording: &Wording) -> String {
        match wording.opening {
            Opening::Words(words) | Opening::PlainWords(words) => format!("{words} and more"),
            Opening::Tag(name) | Opening::Before(name) => format!("<{name}>text</{name}>"),
        }
    }

    #[test]
    fn only_the_user_cancels_or_arms_the_continuation() {
        use ContinuationChoice::{Armed, Cancelled};
        let cases = [
            ("Automatic continue cancelled", Some(Cancelled)),
            ("Automatic continue cancelled \u{b7} /rate-limit-options to re-arm", Some(Cancelled)),
            ("Automatic continue cancelled (send a prompt after the reset to continue)", Some(Cancelled)),
            (
                "<local-command-stdout>Automatic continue cancelled. Your session will wait for you instead; \
                 /rate-limit-options can arm it again.</local-command-stdout>",
                Some(Cancelled),
            ),
            (
                "<local-command-stdout>Claude Code will continue automatically at 10am. Keep this session open; \
                 it may still pause for permission prompts.</local-command-stdout>",
                Some(Armed),
            ),
            ("Automatic continue cancelled \u{b7} Claude Code exited during the wait, so the task", None),
            ("Automatic continue cancelled \u{b7} Claude Code relaunched during the wait, so the task", None),
            ("Automatic continue cancelled \u{b7} sending this session to the cloud, so the task", None),
            ("Automatic continue cancelled \u{b7} this session moved to Claude Desktop, so the task", None),
            ("Automatic continue cancelled \u{b7} this session moved to the background, so the task", None),
            ("Why was Automatic continue cancelled?", None),
            ("<local-command-stdout>Set model to x</local-command-stdout>", None),
        ];
        for (text, expected) in cases {
            assert_eq!(continuation_choice(text), expected, "{text}");
        }
    }

    fn user(text: &str, fields: Value) -> Value {
        let mut record = json!({
            "parentUuid": null, "isSidechain": false, "type": "user", "message": {"role": "user", "content": text},
            "uuid": "00000001-0000-4000-8000-000000000009", "timestamp": "2026-11-21T05:07:43.976Z", "cwd": "/w", "version": "2.1.332",
        });
        let Value::Object(fields) = fields else { panic!("{fields}") };
        record.as_object_mut().unwrap().extend(fields);
        record
    }

    fn parsed(record: &Value) -> Record {
        parse_line(0, record.to_string().as_bytes()).remove(0)
    }

    /// Returns what every reader treats as prompts of a session in which `record` stands between an answer
    /// and the end: the newest prompt of the summary, the prompts of the note, the role in the search, and
    /// whether it is counted.
    fn taken_as_prompts(record: &Value) -> (Option<String>, Vec<String>, Vec<SearchRole>, bool) {
        let answer = json!({
            "type": "assistant", "timestamp": "2026-11-21T05:07:42.976Z", "version": "2.1.332", "cwd": "/w", "entrypoint": "cli",
            "message": {"model": "m", "stop_reason": "end_turn", "usage": {"input_tokens": 5}, "content": [{"type": "text", "text": "Done."}]},
        });
        let first = user("the real prompt", json!({"uuid": "00000001-0000-4000-8000-000000000008"}));
        let lines = [first, answer, record.clone()];
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("00000001-0000-4000-8000-000000000001.jsonl");
        std::fs::write(&path, lines.map(|line| line.to_string()).join("\n") + "\n").unwrap();
        let transcript = Transcript::open(&path).unwrap();
        let summary = Reader::default().summarize(&transcript, Liveness::Gone, Depth::Whole);
        let note = gather_conversation(&transcript).prompts.into_iter().map(|said| said.text).collect();
        let mut roles = Vec::new();
        records(record.to_string().as_bytes(), |spoken| {
            roles.extend(spoken.texts.iter().map(|said| said.role));
        });
        (summary.last_prompt, note, roles, prompt_of(&parsed(record)).is_some())
    }

    #[test]
    fn no_client_text_counts_as_a_prompt_for_any_reader() {
        for wording in WORDINGS {
            let text = example(wording);
            let fields = match wording.what {
                ClientText::TaskNotification => {
                    json!({"origin": {"kind": "task-notification"}, "promptSource": "system"})
                }
                ClientText::PeerMessage => json!({"origin": {"kind": "peer"}, "isMeta": true}),
                _ => json!({"isMeta": true}),
            };
            for record in [user(&text, json!({})), user(&text, fields)] {
                let (last, note, roles, counted) = taken_as_prompts(&record);
                assert_eq!(last.as_deref(), Some("the real prompt"), "{text}");
                let in_frame = wording.what == ClientText::Command;
                assert!(in_frame || note == ["the real prompt"], "{text}: {note:?}");
                assert!(!note.iter().any(|said| said.contains('<')), "{text}: {note:?}");
                assert!(!counted, "{text}");
                let typed = wording.what.is_typed() && record.get("isMeta").is_none();
                assert_eq!(roles, [if typed { SearchRole::User } else { SearchRole::System }], "{text}");
            }
            if !matches!(wording.opening, Opening::PlainWords(_)) {
                assert_eq!(client_text(&text), Some(wording.what), "{text}");
            }
        }
    }

    #[test]
    fn a_record_field_marks_automatic_text_whatever_the_text_is() {
        let by_field = [
            (json!({"isMeta": true}), ClientText::Other),
            (json!({"isCompactSummary": true}), ClientText::CompactSummary),
            (json!({"promptSource": "system"}), ClientText::Other),
            (json!({"origin": {"kind": "auto-continuation"}}), ClientText::AutoContinuation),
            (json!({"origin": {"kind": "task-notification"}}), ClientText::TaskNotification),
            (json!({"origin": {"kind": "plugin", "name": "x", "asUser": true}}), ClientText::PluginPrompt),
            (json!({"origin": {"kind": "peer"}}), ClientText::PeerMessage),
            (json!({"origin": {"kind": "coordinator"}}), ClientText::PeerMessage),
            (json!({"origin": {"kind": "some-new-kind"}}), ClientText::Other),
            (json!({"pluginPrompt": {"name": "x", "text": "fix it"}}), ClientText::PluginPrompt),
            (json!({"promptSource": "sdk", "turnOrigin": "scheduled"}), ClientText::Other),
        ];
        for (fields, what) in by_field {
            let record = user("fix the parser", fields.clone());
            let Body::User(read) = parsed(&record).body else { panic!() };
            assert_eq!(read.author(), Author::Client(what), "{fields}");
            let (last, note, roles, counted) = taken_as_prompts(&record);
            assert_eq!(last.as_deref(), Some("the real prompt"), "{fields}");
            assert_eq!(
                (note, roles, counted),
                (vec!["the real prompt".to_owned()], vec![SearchRole::System], false),
                "{fields}"
            );
        }
    }

    #[test]
    fn typed_text_is_a_prompt_even_if_it_quotes_the_client() {
        let human = json!({"origin": {"kind": "human"}, "promptSource": "typed", "turnOrigin": "human"});
        let sdk = json!({"promptSource": "sdk", "turnOrigin": "sdk"});
        for (text, fields) in [
            ("fix the parser", json!({})),
            ("fix the parser", human.clone()),
            ("fix the parser", sdk.clone()),
            ("<div>why is this not closed?", json!({})),
            ("<task-notifications> is misspelled", json!({})),
            ("<task-notification> what does this tag mean?", human.clone()),
            ("Continue from where you left off.", human),
            ("Continue from where you left off.", sdk),
            ("[Request] add a button", json!({})),
        ] {
            let record = user(text, fields.clone());
            let (last, note, roles, counted) = taken_as_prompts(&record);
            assert_eq!(last.as_deref(), Some(text), "{fields}");
            assert_eq!((note[0].as_str(), roles, counted), (text, vec![SearchRole::User], true), "{fields}");
        }
    }

    #[test]
    fn text_that_the_client_puts_before_a_prompt_is_not_part_of_it() {
        for front in [
            "<system-reminder>\nold\n</system-reminder>\n",
            "<ide_opened_file>The user opened a.rs</ide_opened_file>\n<ide_selection>x</ide_selection>\n",
        ] {
            let record = user(&format!("{front}fix the parser"), json!({}));
            let (last, note, _, counted) = taken_as_prompts(&record);
            assert_eq!(
                (last.as_deref(), note[0].as_str(), counted),
                (Some("fix the parser"), "fix the parser", true)
            );
            let alone = user(front, json!({}));
            assert_eq!(taken_as_prompts(&alone).0.as_deref(), Some("the real prompt"));
        }
    }

    #[test]
    fn a_turn_begins_with_a_prompt_or_with_text_that_makes_the_model_continue() {
        let begins = |text: &str, fields: Value| match parsed(&user(text, fields)).body {
            Body::User(user) => user.begins_turn(),
            other => panic!("{other:?}"),
        };
        for (text, fields) in [
            ("fix the parser", json!({})),
            (AUTOMATED, json!({})),
            (
                "<task-notification>",
                json!({"origin": {"kind": "task-notification"}, "promptSource": "system"}),
            ),
            ("Continue from where you left off.", json!({"isMeta": true, "promptSource": "system"})),
            ("x", json!({"isMeta": true, "origin": {"kind": "peer"}})),
            ("x", json!({"promptSource": "sdk", "turnOrigin": "scheduled"})),
        ] {
            assert!(begins(text, fields), "{text}");
        }
        for (text, fields) in [
            ("<system-reminder>x</system-reminder>", json!({"isMeta": true})),
            ("<command-name>/compact</command-name>", json!({})),
            ("<local-command-stdout>x</local-command-stdout>", json!({})),
            ("<bash-input>ls</bash-input>", json!({})),
            ("[Request interrupted by user]", json!({})),
            ("x", json!({"isCompactSummary": true})),
        ] {
            assert!(!begins(text, fields), "{text}");
        }
    }

    #[test]
    fn a_denied_call_is_distinguished_from_a_failed_one() {
        for denied in [
            "Claude requested permissions to write to /a, but you haven't granted it yet.",
            "Permission to use Bash has been denied.",
            "The user doesn't want to proceed with this tool use. The tool use was rejected",
            "Permission for this tool use was denied. It requires approval, and this session has no approval surface",
        ] {
            assert!(is_denial(denied), "{denied}");
        }
        assert!(!is_denial("Exit code 1\nbash: /root: Permission denied"));
    }
}
