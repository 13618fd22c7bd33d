//! Determines how the newest part of a conversation ends, from its records read backwards.
//!
//! The last lines of a file are metadata. The verdict comes from the last record of the main conversation
//! that the user, a model or an error wrote. Whether the process is alive distinguishes "running" from
//! "crashed", so the caller passes its liveness.

use super::failure::stop_of;
use super::stop::{Source, Stop, StopKind};
use crate::claude::record::{Assistant, Body, MetadataRecord, Record, User};
use crate::claude::version::ClientVersion;
use crate::claude::wording::is_interruption_by_user;

/// What is known about the owner process of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Liveness<'a> {
    /// A live process has the session open; with the client's own status word, if it writes one.
    Live(Option<&'a str>),
    /// No process has the session open.
    Gone,
    /// The owner process was not checked or could not be determined.
    #[default]
    Unknown,
}

/// Tools that ask the user. A call of such a tool without a result is a question.
const QUESTIONS: [&str; 2] = ["AskUserQuestion", "ExitPlanMode"];

/// Determines how the conversation ends. Reads `newest_first` only as far as needed.
pub fn ending(newest_first: impl IntoIterator<Item = Record>, liveness: Liveness<'_>) -> Stop {
    let mut walk = EndingWalk::new(liveness);
    newest_first.into_iter().find_map(|mut record| walk.see(&mut record)).unwrap_or_else(|| walk.finish())
}

/// Walks backwards through a conversation, up to the record that determines its ending.
pub struct EndingWalk<'a> {
    liveness: Liveness<'a>,
    /// Whether a `cost-state` follows the current record, that is, a process exited gracefully.
    graceful: bool,
    /// Set if the newest record is a tool result; the record before it shows whether the end was graceful.
    result: Option<Stop>,
}

impl<'a> EndingWalk<'a> {
    /// Starts at the end of a transcript.
    #[must_use]
    pub const fn new(liveness: Liveness<'a>) -> Self {
        Self { liveness, graceful: false, result: None }
    }

    /// Processes the next older record; returns the stop once it is determined, with the id of the
    /// record that determines it.
    pub fn see(&mut self, record: &mut Record) -> Option<Stop> {
        if record.head.sidechain {
            return None;
        }
        let mut stop = self.step(record)?;
        stop.at = stop.at.or(record.head.at);
        stop.record = stop.record.or_else(|| record.head.uuid.take());
        Some(stop)
    }

    /// Records that a `cost-state` record was passed.
    pub fn see_graceful_end(&mut self) {
        self.graceful = true;
    }

    /// Returns whether a process exited gracefully after the records seen so far.
    #[must_use]
    pub fn ended_gracefully(&self) -> bool {
        self.graceful
    }

    /// Returns the ending if there are no older records.
    pub fn finish(&mut self) -> Stop {
        self.result.take().unwrap_or_else(|| {
            Stop::of(StopKind::Empty)
                .because(Source::Transcript, "the transcript contains no prompt and no answer")
        })
    }

    fn step(&mut self, record: &Record) -> Option<Stop> {
        match &record.body {
            Body::Meta(MetadataRecord::CostState) => self.graceful = true,
            // The client's own records add nothing to what the conversation shows.
            Body::Meta(_) | Body::Other | Body::System(_) => {}
            Body::User(user) => return self.user(user, record),
            Body::Assistant(assistant) => return self.assistant(assistant, record),
        }
        None
    }

    fn user(&mut self, user: &User, record: &Record) -> Option<Stop> {
        if self.result.is_some() {
            // One answer may have several results, of which the newest is sufficient.
            return None;
        }
        if is_interruption_by_user(&user.text) {
            return Some(
                Stop::of(StopKind::Interrupted)
                    .because(Source::Transcript, "the last record is an interruption"),
            );
        }
        if !user.results.is_empty() {
            let stop = Stop {
                at: record.head.at,
                record: record.head.uuid.clone(),
                ..self.unanswered("a tool result")
            };
            // A hang-up writes `cost-state` before the result of the tool it killed, so one more record is needed.
            if !self.graceful && !matches!(self.liveness, Liveness::Live(_)) {
                self.result = Some(stop);
                return None;
            }
            return Some(stop);
        }
        user.begins_turn().then(|| {
            let mut stop = self.unanswered("a prompt");
            // In a terminal, Ctrl-C before any answer and a closed window leave exactly the same records
            // (also measured with SIGTERM and SIGHUP). This assumes the case in which nothing is started, and
            // the session is still listed.
            let terminal = record.head.entrypoint.as_deref() == Some("cli") && !record.head.background;
            if terminal && stop.kind == StopKind::Closed {
                stop.kind = StopKind::Interrupted;
                stop.unanswered = true;
                return stop.because(
                    Source::Transcript,
                    "the records do not show whether the prompt was withdrawn or the window was closed",
                );
            }
            stop
        })
    }

    fn assistant(&mut self, assistant: &Assistant, record: &Record) -> Option<Stop> {
        if let Some(mut stop) = self.result.take() {
            // This is the tool call before the last result.
            if self.graceful {
                stop.kind = StopKind::Closed;
                stop.evidence.clear();
                stop =
                    stop.because(Source::Transcript, "the client exited gracefully while a tool was running");
            }
            return Some(stop);
        }
        if let Some(failure) = &assistant.failure {
            return Some(stop_of(failure, &assistant.text, record.head.at));
        }
        if assistant.synthetic() {
            // A resume writes "No response requested.", which is not an answer.
            return None;
        }
        Some(match assistant.stop_reason.as_deref() {
            Some("tool_use") => self.open_call(assistant),
            // Background subagents are running or a prompt is on its way: the client's status
            // word is more accurate.
            Some("end_turn" | "stop_sequence") if self.liveness == Liveness::Live(Some("busy")) => {
                Stop::of(StopKind::Running)
                    .because(Source::Transcript, "the last answer ended its turn")
                    .because(Source::Registry, "the client reports that it is busy")
            }
            Some("end_turn" | "stop_sequence") => {
                Stop::of(StopKind::Finished).because(Source::Transcript, "the last answer ended its turn")
            }
            Some("max_tokens") => Stop::of(StopKind::OutputLimit)
                .because(Source::Transcript, "the last answer was cut at the output limit"),
            Some("refusal") => {
                Stop::of(StopKind::RequestError).because(Source::Transcript, "the last answer is a refusal")
            }
            Some("model_context_window_exceeded") => Stop::of(StopKind::ContextFull)
                .because(Source::Transcript, "the last answer was cut off because the context was full"),
            // The server paused a long turn and expects a request to continue it.
            Some("pause_turn") if assistant.calls.is_empty() => self.unfinished(
                Stop::of(StopKind::Unknown)
                    .because(Source::Transcript, "the last answer was paused during its turn"),
            ),
            // The client wrote this record as the answer arrived, and the answer never ended.
            None if assistant.calls.is_empty()
                && tells_stop_reasons(record)
                && self.liveness != Liveness::Live(Some("idle")) =>
            {
                self.unfinished(
                    Stop::of(StopKind::Unknown)
                        .because(Source::Transcript, "the last record is an incomplete answer"),
                )
            }
            _ if assistant.calls.is_empty() => Stop::of(StopKind::Finished)
                .because(Source::Transcript, "the last record is an answer without a stop reason"),
            _ => self.open_call(assistant),
        })
    }

    /// Classifies an answer that calls a tool without a result after it.
    fn open_call(&self, assistant: &Assistant) -> Stop {
        let name = assistant.calls.last().map_or("a tool", |call| call.name.as_str());
        let question = assistant.calls.iter().any(|call| QUESTIONS.contains(&call.name.as_str()));
        let fact = format!("the last answer calls {name} and no result is recorded");
        match self.liveness {
            Liveness::Live(Some("waiting")) => Stop::of(StopKind::Waiting)
                .because(Source::Transcript, fact)
                .because(Source::Registry, "the client reports that it is waiting"),
            Liveness::Live(Some("busy")) => Stop::of(StopKind::Running)
                .because(Source::Transcript, fact)
                .because(Source::Registry, "the client reports that it is busy"),
            _ if question => Stop::of(StopKind::Waiting).because(Source::Transcript, fact),
            _ => self.unfinished(Stop::of(StopKind::Unknown).because(Source::Transcript, fact)),
        }
    }

    fn unanswered(&self, what: &str) -> Stop {
        self.unfinished(
            Stop::of(StopKind::Unknown)
                .because(Source::Transcript, format!("the last record is {what}, without an answer")),
        )
    }

    /// Classifies an interrupted turn by the state of its process.
    fn unfinished(&self, mut stop: Stop) -> Stop {
        let (kind, source, fact) = match self.liveness {
            Liveness::Live(_) => (StopKind::Running, Source::Process, "its process is running"),
            _ if self.graceful => {
                (StopKind::Closed, Source::Transcript, "the client exited gracefully after it")
            }
            Liveness::Gone => (StopKind::Crashed, Source::Process, "no process has the session open"),
            Liveness::Unknown => {
                (StopKind::Unknown, Source::Process, "it is unknown whether a process has it open")
            }
        };
        stop.kind = kind;
        stop.because(source, fact)
    }
}

/// Returns whether the client that wrote the record reports stop reasons.
fn tells_stop_reasons(record: &Record) -> bool {
    record
        .head
        .version
        .as_deref()
        .and_then(ClientVersion::parse)
        .is_some_and(ClientVersion::tells_stop_reasons)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claude::transcript::Transcript;
    use std::path::Path;

    fn fixture(name: &str, liveness: Liveness<'_>) -> Stop {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/transcripts").join(format!("{name}.jsonl"));
        ending(Transcript::open(&path).unwrap().newest_first(), liveness)
    }

    const GONE: Liveness<'_> = Liveness::Gone;

    #[test]
    fn every_recorded_transcript_is_classified_as_its_name_says() {
        use StopKind as K;
        let live = Liveness::Live;
        let truth: [(&str, Liveness<'_>, StopKind); 53] = [
            ("auth-interactive", GONE, K::Auth),
            ("auth-print", GONE, K::Auth),
            ("auth-subscriber-print", GONE, K::Auth),
            ("auto-continued-after-quota", live(Some("idle")), K::Finished),
            ("billing-interactive", GONE, K::Billing),
            ("billing-print", GONE, K::Billing),
            ("compacted", GONE, K::Finished),
            ("connection-dropped-interactive", GONE, K::Network),
            ("connection-dropped-print", GONE, K::Network),
            ("dangling-tool-use", GONE, K::Crashed),
            ("edits", GONE, K::Finished),
            ("finished-interactive", GONE, K::Finished),
            ("finished-print", GONE, K::Finished),
            ("interrupted", live(Some("idle")), K::Interrupted),
            ("interrupted-mid-request", GONE, K::Interrupted),
            ("killed-mid-request", GONE, K::Crashed),
            ("killed-mid-request-print", GONE, K::Crashed),
            ("killed-mid-turn", GONE, K::Crashed),
            ("live-session-forked", GONE, K::Finished),
            ("overloaded-interactive", GONE, K::Overloaded),
            ("overloaded-print", GONE, K::Overloaded),
            ("permission-denied-print", GONE, K::Finished),
            ("plan", GONE, K::Finished),
            ("prompt-too-long-interactive", GONE, K::ContextFull),
            ("prompt-too-long-print", GONE, K::ContextFull),
            ("quota-5h-interactive", live(Some("idle")), K::UsageLimit5h),
            ("quota-5h-interactive-exited", GONE, K::UsageLimit5h),
            ("quota-5h-print", GONE, K::UsageLimit5h),
            ("quota-mid-turn-interactive", live(Some("idle")), K::UsageLimit5h),
            ("quota-mid-turn-print", GONE, K::UsageLimit5h),
            ("quota-weekly-interactive", live(Some("waiting")), K::UsageLimitWeekly),
            ("quota-weekly-opus-print", GONE, K::UsageLimitOpus),
            ("quota-weekly-print", GONE, K::UsageLimitWeekly),
            ("rate-limit-429-interactive", GONE, K::RateLimit),
            ("rate-limit-429-print", GONE, K::RateLimit),
            ("renamed", GONE, K::Finished),
            ("resumed-after-kill", GONE, K::Finished),
            ("resumed-after-quota", GONE, K::Finished),
            ("resumed-interrupted-turn-env", GONE, K::Finished),
            ("server-error-interactive", GONE, K::ServerError),
            ("server-error-print", GONE, K::ServerError),
            ("sighup-mid-turn", GONE, K::Closed),
            ("sigint-print", GONE, K::Interrupted),
            ("sigterm-mid-turn", GONE, K::Closed),
            ("sigterm-print", GONE, K::Closed),
            ("stream-cut-print", GONE, K::Network),
            ("subagent/1dae7633-60d9-4182-89eb-d2670fa1ede7", GONE, K::Finished),
            ("subagent-quota/d730557b-91b4-49d9-8c89-b9da5ab63883", GONE, K::UsageLimit5h),
            ("todos", GONE, K::Finished),
            ("torn-last-line", GONE, K::Crashed),
            ("waiting-permission", live(Some("waiting")), K::Waiting),
            ("waiting-question", live(Some("waiting")), K::Waiting),
            ("killed-mid-turn", live(Some("busy")), K::Running),
        ];
        let wrong: Vec<_> = truth
            .iter()
            .filter_map(|(name, liveness, expected)| {
                let stop = fixture(name, *liveness);
                (stop.kind != *expected || stop.at.is_none() || stop.evidence.is_empty())
                    .then(|| format!("{name}: {:?} instead of {expected:?}, {stop:?}", stop.kind))
            })
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
        let recorded = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/transcripts"))
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name() != "README.md")
            .count();
        assert_eq!(recorded, truth.len() - 1, "a fixture is missing from the table");
    }

    #[test]
    fn the_reset_is_taken_from_the_number_in_the_record() {
        for (name, seconds) in [
            ("quota-5h-print", "quotaLimits"),
            ("quota-weekly-interactive", "quotaLimits"),
            ("quota-mid-turn-print", "quotaLimits"),
        ] {
            let path =
                Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/transcripts/{name}.jsonl"));
            let text = std::fs::read_to_string(path).unwrap();
            let recorded = text
                .lines()
                .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
                .filter_map(|value| value[seconds]["resetsAt"].as_i64())
                .next_back()
                .unwrap();
            let stop = fixture(name, GONE);
            assert_eq!(stop.resets_at.map(|at| at.timestamp()), Some(recorded), "{name}");
            assert_eq!(stop.resets_at_source, Some(super::super::ResetSource::Exact), "{name}");
        }
    }

    #[test]
    fn without_the_number_the_reset_is_guessed_from_the_text() {
        let line = br#"{"type":"assistant","uuid":"u","timestamp":"2026-11-21T05:07:43.976Z","isApiErrorMessage":true,"error":"rate_limit","apiErrorStatus":429,"message":{"model":"<synthetic>","content":[{"type":"text","text":"You've hit your session limit \u00b7 resets 5:08am (UTC)"}]}}"#;
        let stop = ending(crate::claude::record::parse_line(0, line), GONE);
        assert_eq!(stop.kind, StopKind::UsageLimit5h);
        assert_eq!(stop.resets_at, crate::clock::parse_rfc3339("2026-11-21T05:08:00Z"));
        assert_eq!(stop.resets_at_source, Some(super::super::ResetSource::Guess));
    }

    #[test]
    fn an_answer_that_did_not_end_its_turn_is_not_finished() {
        use StopKind as K;
        let kind = |version: &str, reason: &str, liveness: Liveness<'_>, graceful: bool| {
            let line = format!(
                r#"{{"type":"assistant","uuid":"u","timestamp":"2026-11-21T05:07:43.976Z","version":"{version}","message":{{"model":"m","stop_reason":{reason},"content":[{{"type":"text","text":"Now I"}}]}}}}"#
            );
            let end = graceful.then_some(br#"{"type":"cost-state"}"#);
            let records = end.into_iter().flat_map(|line| crate::claude::record::parse_line(0, line));
            ending(records.chain(crate::claude::record::parse_line(0, line.as_bytes())), liveness).kind
        };
        let busy = Liveness::Live(Some("busy"));
        let idle = Liveness::Live(Some("idle"));
        for reason in [r#""pause_turn""#, "null"] {
            assert_eq!(kind("2.1.329", reason, GONE, false), K::Crashed, "{reason}");
            assert_eq!(kind("2.1.329", reason, GONE, true), K::Closed, "{reason}");
            assert_eq!(kind("2.1.329", reason, Liveness::Unknown, false), K::Unknown, "{reason}");
            assert_eq!(kind("2.1.329", reason, busy, false), K::Running, "{reason}");
        }
        assert_eq!(kind("2.1.329", r#""model_context_window_exceeded""#, GONE, false), K::ContextFull);
        // An idle client knows that its turn has ended; clients before 2.1.79 write no reason at all.
        assert_eq!(kind("2.1.329", "null", idle, false), K::Finished);
        assert_eq!(kind("2.1.45", "null", GONE, false), K::Finished);
        assert_eq!(kind("", "null", GONE, false), K::Finished);
        assert_eq!(kind("2.1.329", r#""end_turn""#, GONE, false), K::Finished);
    }

    #[test]
    fn a_broken_turn_is_unknown_when_the_process_is_unknown() {
        assert_eq!(fixture("killed-mid-turn", Liveness::Unknown).kind, StopKind::Unknown);
        assert_eq!(fixture("sighup-mid-turn", Liveness::Unknown).kind, StopKind::Closed);
    }
}
