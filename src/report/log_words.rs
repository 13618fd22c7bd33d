//! Describes a journal entry in one sentence. An unknown event is printed with its fields.

use super::words::{clock_time, count_words, stop_words};
use crate::clock::parse_rfc3339;
use crate::session::StopKind;
use crate::text::one_line;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

/// Maximum length of a quoted value, in characters.
const QUOTED: usize = 300;

/// Returns the sentence for an event, without the name of the session. `of_session` is true if the event is about
/// a session.
#[must_use]
pub fn log_sentence(
    event: &str,
    of_session: bool,
    fields: &Map<String, Value>,
    now: DateTime<Utc>,
) -> String {
    let line = LogLine { of_session, fields, now };
    let words = line.words(event).unwrap_or_else(|| line.as_fields(event));
    if words.ends_with(['.', '!', '?', '…']) { words } else { format!("{words}.") }
}

struct LogLine<'a> {
    of_session: bool,
    fields: &'a Map<String, Value>,
    now: DateTime<Utc>,
}

impl LogLine<'_> {
    /// Returns `None` for an event of another version, or without the fields that its sentence needs.
    fn words(&self, event: &str) -> Option<String> {
        Some(match event {
            "incident" => self.incident()?,
            "run-begun" => format!("Prepared an unattended run in {}", self.text("cwd")?),
            "run-started" => format!("Started the unattended run as process {}", self.number("pid")?),
            "run-stopped" => format!(
                "Ended the unattended run (process {}) after {} s, which is its limit",
                self.number("pid")?,
                self.number("after")?
            ),
            "run-withdrawn" => format!("Did not start the unattended run: {}", self.text("why")?),
            "run-unrecorded" => format!("Could not record the unattended run: {}", self.text("message")?),
            "run-ended" => self.run_ended(),
            "waiter-ended" => format!("Stopped waiting: {}", self.text("why")?),
            "quarantined" => format!("Set a damaged record aside in {}", self.text("kept")?),
            "notified" => format!("Notified you ({}) about {}", self.text("way")?, self.text("kind")?),
            "not-notified" => format!("Could not notify you ({}): {}", self.text("way")?, self.text("why")?),
            "notify-failed" => format!("A notification failed: {}", self.text("why")?),
            "exported" => format!(
                "Exported the session to {} ({})",
                self.text("path")?,
                count_words(usize::try_from(self.number("files")?).ok()?, "file")
            ),
            "export-failed" | "page-failed" => format!("An export failed: {}", self.text("message")?),
            "page" => format!("Wrote a page to {}", self.text("path")?),
            "imported" => format!("Imported the session from {}", self.text("export")?),
            "relocated" => format!("Moved the session to {}", self.text("cwd")?),
            "repaired" => format!("Repaired the transcript; the previous one is {}", self.text("kept")?),
            "restored" => format!("Restored the transcript from {}", self.text("snapshot")?),
            "restore-unrecorded" => format!("Could not record the restore: {}", self.text("message")?),
            "snapshot" => format!("Copied the transcript ({})", self.text("name")?),
            "pruned" => {
                format!(
                    "Removed {} of this tool",
                    count_words(usize::try_from(self.number("count")?).ok()?, "old file")
                )
            }
            "kept-removed" => format!("Removed the retained files of the session: {}", self.text("why")?),
            "forgotten" => {
                format!(
                    "Removed {} on request",
                    count_words(usize::try_from(self.number("count")?).ok()?, "file")
                )
            }
            "keeping-failed" => format!("Could not retain files: {}", self.any(&["message", "why"])?),
            "kill" => format!("Ended process {} ({})", self.number("pid")?, self.text("outcome")?),
            "kill-signal" => format!("Sent {} to process {}", self.text("signal")?, self.number("pid")?),
            "kill-stop" => "Asked Claude Code to stop the background session".to_owned(),
            "kill-failed" => format!("Did not end the client: {}", self.any(&["message", "why"])?),
            "paused" if self.of_session => "Paused the session".to_owned(),
            "paused" => "Paused everything".to_owned(),
            "unpaused" if self.of_session => "Ended the pause of the session".to_owned(),
            "unpaused" => "Ended the pause of all sessions".to_owned(),
            "init" => format!("Set up recovery in {}", self.any(&["project", "scope"])?),
            "uninstall" => format!("Removed the hooks from {}", self.any(&["project", "scope"])?),
            "plugin" if self.fields.get("remove") == Some(&Value::Bool(true)) => {
                format!("Removed the plugin from {}", self.text("directory")?)
            }
            "plugin" => format!("Wrote the plugin to {}", self.text("directory")?),
            "service" if self.fields.get("wanted") == Some(&Value::Bool(true)) => {
                format!("Set up the start at login in {}", self.text("file")?)
            }
            "service" => format!("Removed the start at login from {}", self.text("file")?),
            "state-saved" => format!("Saved what the session was doing ({})", self.text("state")?),
            "state-given" => format!("Passed the saved state to the session ({})", self.text("source")?),
            "state-restored" => format!("Made the saved state {} the latest", self.text("state")?),
            "note-written" => "Wrote HANDOFF.md".to_owned(),
            "note-failed" => format!("Could not write HANDOFF.md: {}", self.text("message")?),
            "not-saved" => format!("The session is not being saved: {}", self.text("why")?),
            "saved-again" => "The session is being saved again".to_owned(),
            "context" => format!("The context is {}", self.text("advice")?),
            "transcript-changed" => "The transcript lost records that it had".to_owned(),
            "hook-failed" => format!("A hook failed: {}", self.text("message")?),
            "payload-refused" => format!("Refused an event of a hook: {}", self.text("why")?),
            "module-refused" => "Claude Code refused the prompt of the plugin's module".to_owned(),
            "second-continuation-refused" => {
                "Refused Claude Code's own continuation of a stop that was continued already".to_owned()
            }
            "flag-failed" => {
                format!("Could not create a flag for the hook: {}", self.any(&["message", "why"])?)
            }
            "kept-before-run" => {
                "Retained the files of sessions that an unattended run could delete".to_owned()
            }
            _ => return None,
        })
    }

    fn incident(&self) -> Option<String> {
        let kind: StopKind = serde_json::from_value(self.fields.get("stop")?.clone()).ok()?;
        let stop = stop_words(kind);
        let plan = self.fields.get("plan")?;
        let why = one_line(plan.get("why")?.as_str()?, QUOTED);
        let at = plan.get("at").and_then(Value::as_str).and_then(parse_rfc3339);
        let when = at.map_or_else(String::new, |at| format!(" at {}", clock_time(at, self.now)));
        Some(match (self.fields.get("phase")?.as_str()?, plan.get("action")?.as_str()?) {
            ("open", _) => format!("Stopped: {stop}"),
            ("waiting", "run") => format!("Stopped: {stop}; an unattended run continues it{when}"),
            ("waiting", _) => format!("Stopped: {stop}; this tool continues it{when}"),
            ("attempting", _) => format!("Continued the session after: {stop}"),
            ("recovered", _) => format!("The session continued after: {stop}"),
            ("moved-on", _) => "You continued the session".to_owned(),
            ("superseded", _) => "A later session was given the same prompt".to_owned(),
            ("held", "client") => format!("Stopped: {stop}; Claude Code continues it{when}"),
            ("held", "none") => format!("Stopped: {stop}; {why}"),
            ("held", _) => format!("Stopped: {stop}; it needs you: {why}"),
            ("given-up", _) => format!("Gave up: {why}"),
            ("cancelled", _) => "Cancelled: nothing continues the session".to_owned(),
            _ => return None,
        })
    }

    fn run_ended(&self) -> String {
        let result = self.fields.get("result");
        let number = |name: &str| result?.get(name)?.as_u64().and_then(|number| usize::try_from(number).ok());
        match (number("answers"), number("calls")) {
            (Some(answers), Some(calls)) => format!(
                "The unattended run ended with {} and {}",
                count_words(answers, "answer"),
                count_words(calls, "tool call")
            ),
            _ => "The unattended run ended".to_owned(),
        }
    }

    fn text(&self, name: &str) -> Option<String> {
        self.fields.get(name)?.as_str().map(|text| one_line(text, QUOTED))
    }

    fn any(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.text(name))
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.fields.get(name)?.as_u64()
    }

    fn as_fields(&self, event: &str) -> String {
        let shown = self
            .fields
            .iter()
            .filter(|(name, value)| !matches!(name.as_str(), "prev" | "pid") && !value.is_null());
        let fields: Vec<String> = shown
            .map(|(name, value)| match value {
                Value::String(text) => format!("{name} {text}"),
                other => format!("{name} {other}"),
            })
            .collect();
        let event = one_line(event, QUOTED);
        if fields.is_empty() { event } else { format!("{event}: {}", one_line(&fields.join(", "), QUOTED)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_event_has_a_sentence_and_an_unknown_event_lists_its_fields() {
        let now = parse_rfc3339("2026-11-21T08:00:00Z").unwrap();
        let incident = |phase: &str, action: &str| json!({"phase": phase, "stop": "usage-limit-5h", "plan": {"action": action, "at": null, "why": "log in"}});
        for (event, fields, sentence) in [
            ("incident", incident("open", "none"), "Stopped: 5-hour limit."),
            ("incident", incident("waiting", "wake"), "Stopped: 5-hour limit; this tool continues it."),
            (
                "incident",
                incident("waiting", "run"),
                "Stopped: 5-hour limit; an unattended run continues it.",
            ),
            ("incident", incident("held", "notify"), "Stopped: 5-hour limit; it needs you: log in."),
            ("incident", incident("recovered", "none"), "The session continued after: 5-hour limit."),
            ("incident", json!({"phase": "new", "n": 1}), "incident: phase new, n 1."),
            ("exported", json!({"path": "/x", "files": 1}), "Exported the session to /x (1 file)."),
            (
                "run-ended",
                json!({"result": {"answers": 2, "calls": 1}}),
                "The unattended run ended with 2 answers and 1 tool call.",
            ),
            ("paused", json!({}), "Paused everything."),
            (
                "from-tomorrow",
                json!({"prev": "x", "a": "b\nc", "d": null, "e": [1]}),
                "from-tomorrow: a b c, e [1].",
            ),
            ("from-tomorrow", json!({}), "from-tomorrow."),
        ] {
            let Value::Object(fields) = fields else { unreachable!() };
            assert_eq!(log_sentence(event, false, &fields, now), sentence, "{event}");
        }
        let session = |event| log_sentence(event, true, &Map::new(), now);
        assert_eq!(session("paused"), "Paused the session.");
        assert_eq!(session("unpaused"), "Ended the pause of the session.");
    }
}
