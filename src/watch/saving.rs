//! Detects whether Claude Code writes a session to its transcript and, if it does not, why.
//!
//! Everything else in this tool reads transcripts, so an unsaved session cannot be recorded, exported or
//! resumed. A client that is configured not to save continues as if nothing were wrong (2.1.329 prints one
//! line about it in a terminal, and none in a stream), and so does one that fails to write.

use crate::claude::glance::{GlanceKind, kind_of};
use crate::claude::process::Processes;
use crate::claude::record::{Body, parse_line};
use crate::claude::transcript::{Backwards, Transcript};
use crate::env::Environment;
use crate::error::{Code, Result};
use crate::session::stop::{time, time_or_null};
use crate::store::StateDir;
use crate::store::stored::{Stored, load, peek, save};
use crate::text::on_one_line;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Number of bytes at the end of a transcript that are searched for a new answer.
const BUDGET: u64 = 4 * 1024 * 1024;
/// Maximum age of the answer that ends a turn at the start of the turn's `Stop` hook.
const FRESH: TimeDelta = TimeDelta::minutes(5);
/// Number of consecutive turns with a missing answer before a transcript counts as no longer growing.
const IN_A_ROW: u32 = 2;

/// Reason why a client saves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Marker {
    /// `--no-session-persistence` on its command line (seen with 2.1.329).
    NoSessionPersistence,
    /// The variable `CLAUDE_CODE_SKIP_PROMPT_HISTORY` (seen with 2.1.329, in a terminal and in a stream).
    SkipPromptHistory,
    /// The variable `CLAUDE_CODE_CHILD_SESSION`, which a client sets for its child processes, inherited by a
    /// client in a terminal (seen with 2.1.329; a client without a terminal, or one in a tmux that has the
    /// variable itself, saves all the same).
    ChildSession,
}

impl Marker {
    #[must_use]
    pub const fn fact(self) -> &'static str {
        match self {
            Self::NoSessionPersistence => "it was started with --no-session-persistence",
            Self::SkipPromptHistory => "CLAUDE_CODE_SKIP_PROMPT_HISTORY is set in its environment",
            Self::ChildSession => "it inherited CLAUDE_CODE_CHILD_SESSION from another Claude Code",
        }
    }

    /// Returns what the user can do about it.
    #[must_use]
    pub const fn next(self) -> &'static str {
        match self {
            Self::NoSessionPersistence => "start claude without --no-session-persistence",
            Self::SkipPromptHistory => "unset CLAUDE_CODE_SKIP_PROMPT_HISTORY and start claude again",
            Self::ChildSession => {
                "start claude again with CLAUDE_CODE_FORCE_SESSION_PERSISTENCE=1, or from a shell without CLAUDE_CODE_CHILD_SESSION"
            }
        }
    }

    /// Returns whether the user must have set this on purpose.
    #[must_use]
    pub const fn deliberate(self) -> bool {
        matches!(self, Self::NoSessionPersistence | Self::SkipPromptHistory)
    }

    /// Returns the markers of the client with this process id. Variables are looked up by name; the
    /// environment of a hook is that of the client, without what the client sets itself.
    #[must_use]
    pub fn of_client(env: &Environment, processes: &dyn Processes, pid: Option<u32>) -> Vec<Self> {
        let line = pid.map(|pid| processes.command_line(pid)).unwrap_or_default();
        let inherited =
            pid.and_then(|pid| processes.has_variable(pid, "CLAUDE_CODE_CHILD_SESSION")) == Some(true);
        let forced = env.var("CLAUDE_CODE_FORCE_SESSION_PERSISTENCE").is_some();
        let found = [
            (line.iter().any(|word| word == "--no-session-persistence"), Self::NoSessionPersistence),
            (env.var("CLAUDE_CODE_SKIP_PROMPT_HISTORY").is_some(), Self::SkipPromptHistory),
            (inherited && !forced, Self::ChildSession),
        ];
        found.into_iter().filter(|(is, _)| *is).map(|(_, marker)| marker).collect()
    }
}

/// Reason why an answer is not in a transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnsavedReason {
    NoTranscript,
    /// The file at its path cannot be read.
    Unreadable,
    /// The answer is not in the transcript.
    NotInIt,
}

impl UnsavedReason {
    #[must_use]
    pub const fn fact(self) -> &'static str {
        match self {
            Self::NoTranscript => "there is no transcript",
            Self::Unreadable => "its transcript cannot be read",
            Self::NotInIt => "its transcript no longer grows",
        }
    }
}

/// Checks whether the answer `said` at the end of a turn, at `now`, is in the transcript.
///
/// # Errors
///
/// Returns the reason why the answer is not in the transcript.
pub fn check_answer_saved(transcript: &Path, said: &str, now: DateTime<Utc>) -> Result<(), UnsavedReason> {
    let file = match Transcript::open(transcript) {
        Ok(file) => file,
        Err(error) if error.code == Code::Io && !transcript.exists() => {
            return Err(UnsavedReason::NoTranscript);
        }
        Err(_) => return Err(UnsavedReason::Unreadable),
    };
    if holds(&file, said, now - FRESH) { Ok(()) } else { Err(UnsavedReason::NotInIt) }
}

/// Returns whether one of the newest answers, none older than `since`, matches `said` or is part of it: a
/// client writes one record for each block of an answer.
fn holds(transcript: &Transcript, said: &str, since: DateTime<Utc>) -> bool {
    let said = on_one_line(said);
    let floor = transcript.bytes().saturating_sub(BUDGET);
    let mut lines = Backwards::default();
    lines.begin(transcript.bytes());
    while let Some((offset, line)) = lines.next(transcript.file()) {
        if offset < floor {
            return false;
        }
        if !matches!(kind_of(line), GlanceKind::Answer | GlanceKind::Message | GlanceKind::Unknown) {
            continue;
        }
        for record in parse_line(offset, line).iter().rev().filter(|record| !record.head.sidechain) {
            let Body::Assistant(answer) = &record.body else { continue };
            if record.head.at.is_some_and(|at| at < since) {
                return false;
            }
            if is_answer(&answer.text, &said) {
                return true;
            }
        }
    }
    false
}

/// Returns whether the text of a record, on one line, matches `said` or is part of it. A client may
/// trim or join differently.
#[must_use]
pub fn is_answer(text: &str, said: &str) -> bool {
    let text = on_one_line(text);
    !text.is_empty() && (text.contains(said) || said.contains(&text))
}

/// A session whose answers were missing from its transcript.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unsaved {
    pub version: u32,
    pub session: String,
    /// Expected path of the transcript.
    pub transcript: PathBuf,
    pub project: Option<PathBuf>,
    /// Result of the last check.
    pub why: UnsavedReason,
    /// Reasons why the client saves nothing; empty if none is known.
    pub markers: Vec<Marker>,
    /// Length of the transcript at the last check, in bytes; `None` without a transcript.
    pub bytes: Option<u64>,
    /// Number of consecutive turns whose answer was missing while the transcript did not grow.
    pub misses: u32,
    /// Time of the first miss.
    #[serde(serialize_with = "time")]
    pub since: DateTime<Utc>,
    /// Time of the last miss.
    #[serde(serialize_with = "time")]
    pub seen_at: DateTime<Utc>,
    /// Time at which this was reported, at most once per session.
    #[serde(serialize_with = "time_or_null")]
    pub reported_at: Option<DateTime<Utc>>,
    /// Time at which an answer was in the transcript again.
    #[serde(serialize_with = "time_or_null")]
    pub saved_again_at: Option<DateTime<Utc>>,
}

impl Stored for Unsaved {
    const VERSION: u32 = 1;
}

/// An answer that is missing from the transcript.
#[derive(Debug, Clone)]
pub struct MissedAnswer<'a> {
    pub session: &'a str,
    /// Expected path of the transcript.
    pub transcript: &'a Path,
    pub project: Option<PathBuf>,
    pub why: UnsavedReason,
    /// Reasons why the client saves nothing.
    pub markers: Vec<Marker>,
    pub at: DateTime<Utc>,
}

impl Unsaved {
    /// Loads the record and adds a miss; starts over if the file is damaged. The caller must own the
    /// session's lease.
    ///
    /// # Errors
    ///
    /// Returns [`Code::StateNewer`], or [`Code::Io`] if a file cannot be read or written.
    pub fn with(state: &StateDir, miss: MissedAnswer<'_>) -> Result<Self> {
        let known = load::<Self>(state, &state.saving(miss.session))?.found();
        let bytes = std::fs::symlink_metadata(miss.transcript).ok().map(|meta| meta.len());
        let again = known.as_ref().filter(|known| known.saved_again_at.is_none() && known.bytes == bytes);
        Ok(Self {
            version: Self::VERSION,
            session: miss.session.to_owned(),
            transcript: miss.transcript.to_path_buf(),
            project: miss.project,
            why: miss.why,
            markers: miss.markers,
            bytes,
            misses: again.map_or(1, |known| known.misses.saturating_add(1)),
            since: again.map_or(miss.at, |known| known.since),
            seen_at: miss.at,
            reported_at: known.as_ref().and_then(|known| known.reported_at),
            saved_again_at: None,
        })
    }

    /// Returns whether the loss is certain enough to report. A missing transcript is certain at once. An
    /// answer may be in an existing transcript in another form, so a missing answer counts only once the next
    /// turn has added nothing at all.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        self.why != UnsavedReason::NotInIt || self.misses >= IN_A_ROW
    }

    /// Returns whether the loss was reported and still applies.
    #[must_use]
    pub fn is_still_unsaved(&self) -> bool {
        self.reported_at.is_some() && self.saved_again_at.is_none()
    }

    /// Returns the facts as a sentence without a full stop.
    #[must_use]
    pub fn facts(&self) -> String {
        let facts: Vec<&str> =
            std::iter::once(self.why.fact()).chain(self.markers.iter().map(|marker| marker.fact())).collect();
        facts.join(", ")
    }

    /// Returns what the user can do about it.
    #[must_use]
    pub fn next(&self) -> &'static str {
        self.markers.first().map_or(
            "check that its directory is writable and the disk is not full, then continue in a new session",
            |marker| marker.next(),
        )
    }

    /// Returns whether the user chose not to save.
    #[must_use]
    pub fn is_deliberate(&self) -> bool {
        self.markers.iter().any(|marker| marker.deliberate())
    }

    /// Writes the record to its file.
    ///
    /// # Errors
    ///
    /// Returns [`Code::Io`] if a file cannot be read or written.
    pub fn save(&self, state: &StateDir) -> Result<()> {
        save(&state.saving(&self.session), self)
    }

    /// Returns every known unsaved session, skipping records that cannot be read.
    #[must_use]
    pub fn all(state: &StateDir) -> Vec<Self> {
        let entries =
            std::fs::read_dir(state.sessions()).into_iter().flatten().filter_map(std::result::Result::ok);
        let mut found: Vec<Self> = entries
            .filter_map(|entry| peek::<Self>(&state.saving(entry.file_name().to_str()?)).ok()?)
            .collect();
        found.sort_by_key(|unsaved| std::cmp::Reverse(unsaved.seen_at));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::parse_rfc3339;

    const ID: &str = "00000001-0000-4000-8000-000000000001";

    struct Scene {
        _dir: tempfile::TempDir,
        path: PathBuf,
    }

    fn scene(records: &[(&str, &str)]) -> Scene {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(format!("{ID}.jsonl"));
        let line = |(at, text): &(&str, &str)| {
            format!(
                r#"{{"parentUuid":null,"isSidechain":false,"type":"assistant","timestamp":"{at}","message":{{"role":"assistant","model":"m","content":[{{"type":"text","text":{}}}]}}}}"#,
                serde_json::to_string(text).unwrap()
            )
        };
        std::fs::write(&path, records.iter().map(|record| line(record) + "\n").collect::<String>()).unwrap();
        Scene { _dir: dir, path }
    }

    fn now() -> DateTime<Utc> {
        parse_rfc3339("2026-11-21T02:00:00Z").unwrap()
    }

    #[test]
    fn an_answer_is_found_even_if_it_was_trimmed_joined_or_split() {
        let at = "2026-11-21T01:59:58Z";
        let two = scene(&[(at, "First part.\n\nWith lines.  "), (at, "Second \"part\" \u{1F600}")]);
        for said in [
            "Second \"part\" \u{1F600}",
            "First part.\nWith lines.\nSecond \"part\" \u{1F600}",
            " First part. ",
        ] {
            assert_eq!(check_answer_saved(&two.path, said, now()), Ok(()), "{said}");
        }
        assert_eq!(check_answer_saved(&two.path, "Something else", now()), Err(UnsavedReason::NotInIt));
    }

    #[test]
    fn the_same_text_in_an_earlier_turn_does_not_count_as_saved() {
        let old = scene(&[("2026-11-21T01:30:00Z", "Done.")]);
        assert_eq!(check_answer_saved(&old.path, "Done.", now()), Err(UnsavedReason::NotInIt));
    }

    #[test]
    fn a_missing_transcript_is_distinguished_from_an_unreadable_one() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(
            check_answer_saved(&dir.path().join("none.jsonl"), "x", now()),
            Err(UnsavedReason::NoTranscript)
        );
        assert_eq!(check_answer_saved(dir.path(), "x", now()), Err(UnsavedReason::Unreadable));
    }

    #[test]
    fn one_missing_answer_is_no_proof_when_there_is_a_transcript() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::new(dir.path());
        let transcript = dir.path().join("t.jsonl");
        std::fs::write(&transcript, "{}\n").unwrap();
        let miss = |why, markers: &[Marker]| {
            let miss = MissedAnswer {
                session: ID,
                transcript: &transcript,
                project: None,
                why,
                markers: markers.to_vec(),
                at: now(),
            };
            let unsaved = Unsaved::with(&state, miss).unwrap();
            unsaved.save(&state).unwrap();
            unsaved
        };
        assert!(!miss(UnsavedReason::NotInIt, &[]).is_certain());
        let second = miss(UnsavedReason::NotInIt, &[]);
        assert!(second.is_certain() && second.misses == 2);
        Unsaved { saved_again_at: Some(now()), ..second }.save(&state).unwrap();
        assert!(!miss(UnsavedReason::NotInIt, &[]).is_certain(), "it was saved in between");
        std::fs::write(&transcript, "{}\n{}\n").unwrap();
        assert!(
            !miss(UnsavedReason::NotInIt, &[Marker::SkipPromptHistory]).is_certain(),
            "something was added to it"
        );
        assert!(miss(UnsavedReason::NotInIt, &[]).is_certain());
        assert!(miss(UnsavedReason::NoTranscript, &[]).is_certain());
        assert_eq!(Unsaved::all(&state).len(), 1);
    }
}
