//! Describes a journal entry in one sentence. An unknown event is printed with its fields.

use super::words::{clock_time, count_words, local_times, stop_words};
use crate::clock::parse_rfc3339;
use crate::recovery::incident::Phase;
use crate::session::StopKind;
use crate::text::{capitalized, one_line};
use chrono::{DateTime, Utc};
use serde::Deserialize;
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
            "client-left" | "client-notice" => self.by_client(event)?,
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
            "page-written" => format!("Wrote a page to {}", self.text("path")?),
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
            "init" => format!("Set up recovery in {}{}", self.any(&["project", "scope"])?, self.consent()),
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

    /// Describes what Claude Code did by itself.
    fn by_client(&self, event: &str) -> Option<String> {
        Some(match (event, self.any(&["reason", "notice"])?.as_str()) {
            ("client-left", "clear" | "resume") => "Claude Code turned to another session".to_owned(),
            ("client-left", reason) => format!("Claude Code ended ({reason})"),
            (_, "quota_auto_resume_fired") => "Claude Code continues the session by itself".to_owned(),
            (_, "quota_auto_resume_stale") => {
                "Claude Code waits for you to press Enter, because the machine slept past the reset"
                    .to_owned()
            }
            (_, "quota_auto_resume_disabled") => {
                "Claude Code will not continue the session by itself".to_owned()
            }
            (_, notice) => format!("Claude Code reports {notice}"),
        })
    }

    fn consent(&self) -> &'static str {
        match self.fields.get("unattended") {
            Some(Value::Bool(true)) => ", and allowed unattended runs",
            Some(Value::Bool(false)) => ", and withdrew the consent to unattended runs",
            _ => "",
        }
    }

    fn incident(&self) -> Option<String> {
        let phase = |name: &str| Phase::deserialize(self.fields.get(name)?).ok();
        let kind = StopKind::deserialize(self.fields.get("stop")?).ok()?;
        let stop = stop_words(kind);
        let now_in = phase("phase")?;
        let from = phase("from");
        // The stop itself has a line of its own, and only what is planned about it changed since.
        let again = self.fields.get("stoppedAgain") == Some(&Value::Bool(true));
        let is_known = !again && matches!(from, Some(Phase::Open | Phase::Waiting | Phase::Held));
        let what = match now_in {
            Phase::Open => return Some(format!("Stopped: {stop}")),
            Phase::Waiting | Phase::Held => {
                self.planned(now_in, if is_known { "the session" } else { "it" })?
            }
            Phase::Attempting => return Some(format!("Continued the session after: {stop}")),
            Phase::Recovered => {
                // A continuation of this tool begins as an attempt; without one, the client continued by itself.
                let by_tool = matches!(from, None | Some(Phase::Attempting | Phase::Recovered));
                let who = if by_tool {
                    "The session continued"
                } else {
                    "Claude Code continued the session by itself"
                };
                return Some(format!("{who} after: {stop}"));
            }
            Phase::MovedOn => return Some("You continued the session".to_owned()),
            Phase::Superseded => return Some("A later session was given the same prompt".to_owned()),
            Phase::GivenUp => return Some(format!("Gave up: {}", self.plan_reason()?)),
            Phase::Cancelled => return Some("Cancelled: nothing continues the session".to_owned()),
        };
        Some(if is_known { capitalized(&what) } else { format!("Stopped: {stop}; {what}") })
    }

    /// Describes who continues the session and when, as `status` does. `it` names the session.
    fn planned(&self, phase: Phase, it: &str) -> Option<String> {
        let at = |value: Option<&Value>| value.and_then(Value::as_str).and_then(parse_rfc3339);
        let plan = self.fields.get("plan")?;
        let due = at(plan.get("at"));
        let client = at(self.fields.get("clientContinuesAt"));
        let when =
            |at: Option<_>| at.map_or_else(String::new, |at| format!(" at {}", clock_time(at, self.now)));
        Some(match (phase, plan.get("action")?.as_str()?) {
            (Phase::Held, "client") => format!("Claude Code continues {it}{}", when(client.or(due))),
            (Phase::Held, "none") => self.plan_reason()?,
            (Phase::Held, _) => format!("{it} needs you: {}", self.plan_reason()?),
            (_, "run") => format!("an unattended run continues {it}{}", when(due)),
            _ => match (client, due) {
                (Some(_), Some(due)) => format!(
                    "Claude Code continues {it}{}; if it has not by {}, this tool does",
                    when(client),
                    clock_time(due, self.now)
                ),
                _ => format!("this tool continues {it}{}", when(due)),
            },
        })
    }

    fn plan_reason(&self) -> Option<String> {
        self.fields.get("plan")?.get("why")?.as_str().map(|why| self.local(&one_line(why, QUOTED)))
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
        let text = one_line(self.fields.get(name)?.as_str()?, QUOTED);
        Some(if name == "why" { self.local(&text) } else { text })
    }

    fn local(&self, reason: &str) -> String {
        local_times(reason, self.now)
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
    fn times_in_reasons_are_local() {
        let now = parse_rfc3339("2026-11-21T08:00:00Z").unwrap();
        let at = "2026-11-21T07:00:00.000Z";
        let local = clock_time(parse_rfc3339(at).unwrap(), now);
        let why = format!("it reset at {at}");
        for (event, fields, sentence) in [
            (
                "incident",
                json!({"phase": "given-up", "stop": "usage-limit-5h", "plan": {"why": why}}),
                format!("Gave up: it reset at {local}."),
            ),
            ("waiter-ended", json!({"why": why}), format!("Stopped waiting: it reset at {local}.")),
        ] {
            let Value::Object(fields) = fields else { unreachable!() };
            assert_eq!(log_sentence(event, true, &fields, now), sentence);
        }
    }

    #[test]
    fn every_event_has_a_sentence_and_an_unknown_event_lists_its_fields() {
        let now = parse_rfc3339("2026-11-21T08:00:00Z").unwrap();
        let incident = |phase: &str, action: &str| json!({"phase": phase, "stop": "usage-limit-5h", "plan": {"action": action, "at": null, "why": "log in"}});
        let local = |at: &str| clock_time(parse_rfc3339(at).unwrap(), now);
        let later = |from: &str, phase: &str, action: &str, client: Option<&str>, at: Option<&str>| json!({"from": from, "phase": phase, "stop": "usage-limit-5h", "clientContinuesAt": client, "plan": {"action": action, "at": at, "why": "log in"}});
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
            ("init", json!({"project": "/p", "unattended": null}), "Set up recovery in /p."),
            (
                "init",
                json!({"project": "/p", "unattended": true}),
                "Set up recovery in /p, and allowed unattended runs.",
            ),
            (
                "init",
                json!({"project": "/p", "unattended": false}),
                "Set up recovery in /p, and withdrew the consent to unattended runs.",
            ),
            ("page-written", json!({"path": "/p.html", "bytes": 9}), "Wrote a page to /p.html."),
            (
                "incident",
                later("open", "waiting", "wake", Some("2026-11-21T08:00:00Z"), Some("2026-11-21T08:02:30Z")),
                &format!(
                    "Claude Code continues the session at {}; if it has not by {}, this tool does.",
                    local("2026-11-21T08:00:00Z"),
                    local("2026-11-21T08:02:30Z")
                ),
            ),
            (
                "incident",
                later("attempting", "waiting", "wake", None, Some("2026-11-21T08:02:30Z")),
                &format!(
                    "Stopped: 5-hour limit; this tool continues it at {}.",
                    local("2026-11-21T08:02:30Z")
                ),
            ),
            (
                "incident",
                json!({"from": "waiting", "stoppedAgain": true, "phase": "waiting", "stop": "overloaded", "plan": {"action": "run", "at": null, "why": "x"}}),
                "Stopped: service overloaded; an unattended run continues it.",
            ),
            ("incident", later("waiting", "held", "notify", None, None), "The session needs you: log in."),
            ("incident", later("waiting", "held", "none", None, None), "Log in."),
            (
                "incident",
                later("attempting", "recovered", "none", None, None),
                "The session continued after: 5-hour limit.",
            ),
            (
                "incident",
                later("waiting", "recovered", "none", None, None),
                "Claude Code continued the session by itself after: 5-hour limit.",
            ),
            ("client-left", json!({"reason": "clear"}), "Claude Code turned to another session."),
            ("client-left", json!({"reason": "logout"}), "Claude Code ended (logout)."),
            (
                "client-notice",
                json!({"notice": "quota_auto_resume_fired"}),
                "Claude Code continues the session by itself.",
            ),
            (
                "client-notice",
                json!({"notice": "quota_auto_resume_stale"}),
                "Claude Code waits for you to press Enter, because the machine slept past the reset.",
            ),
            (
                "client-notice",
                json!({"notice": "quota_auto_resume_disabled"}),
                "Claude Code will not continue the session by itself.",
            ),
            ("client-notice", json!({"notice": "of tomorrow"}), "Claude Code reports of tomorrow."),
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
