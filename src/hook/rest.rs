//! Reads a transcript at the end of a turn.
//!
//! A client reports the end of a turn up to a tenth of a second before it has written the turn. At that
//! moment the file may end within the turn (seen with 2.1.329, 2.1.250, 2.1.200 and 2.1.120), end with the
//! turn before it when this one was short (2.1.329, 2.1.250, 2.1.200), or not exist yet (2.1.250, 2.1.200,
//! 2.1.120). A read at that moment would return the state of the turn before, and nothing would correct it
//! until the next turn or the end of the session.
//!
//! Two cases cannot be detected: a client that names no prompt (2.1.120) repeats the words of its previous
//! answer, and any client does so in a turn that a hook continued.

use crate::claude::record::{Body, Record};
use crate::claude::transcript::Transcript;
use crate::clock::Clock;
use crate::session::ending::{Liveness, ending};
use crate::session::{Stop, StopKind};
use crate::text::on_one_line;
use crate::watch::saving::is_answer;
use std::path::Path;
use std::time::Duration;

/// Longest wait for the end of a turn to be written. In a `-p` run, the hook has one second after it.
const TURN_WAIT: Duration = Duration::from_millis(400);
const TURN_STEP: Duration = Duration::from_millis(25);
/// Number of bytes at the end of a transcript that are searched for the end of a conversation.
const NEAR: u64 = 2 * 1024 * 1024;

/// A turn that just ended, as reported by the client.
#[derive(Debug, Clone, Copy, Default)]
pub struct Turn<'a> {
    /// Id of its prompt: sent by 2.1.200, not by 2.1.120.
    pub prompt: Option<&'a str>,
    /// Text of its last message.
    pub said: Option<&'a str>,
}

/// Reads the transcript and its end, and waits a short time for `turn` to appear in it. Returns `None` if
/// there is no transcript.
pub fn at_rest<'p>(
    path: &'p Path,
    turn: Option<Turn<'_>>,
    liveness: Liveness,
    clock: &dyn Clock,
) -> Option<(Transcript<'p>, Stop)> {
    let started = clock.since_boot();
    loop {
        let found = Transcript::open(path).ok().map(|transcript| {
            let stop = ending(transcript.newest_first(), liveness);
            (transcript, stop)
        });
        let Some(turn) = turn else { return found };
        let whole = match &found {
            Some((transcript, stop)) => stop.kind == StopKind::Finished && turn.ends(transcript),
            // The client named no turn, so there may be no transcript to wait for.
            None => turn.prompt.is_none() && turn.said.is_none(),
        };
        if whole || clock.since_boot().saturating_sub(started) >= TURN_WAIT {
            return found;
        }
        clock.sleep(TURN_STEP);
    }
}

/// Returns the newest records of the session's own conversation, newest first.
pub fn newest<'t>(transcript: &'t Transcript<'_>) -> impl Iterator<Item = Record> + 't {
    let near = |record: &Record| record.offset.saturating_add(NEAR) >= transcript.bytes();
    transcript.newest_first().take_while(near).filter(|record| !record.head.sidechain)
}

impl Turn<'_> {
    /// Returns whether the transcript's newest answer is the last of this turn and its newest prompt is that
    /// of this turn. A part that is unknown is not compared.
    fn ends(&self, transcript: &Transcript<'_>) -> bool {
        let words = self.said.map(on_one_line);
        let mut said = words.as_deref().filter(|said| !said.is_empty());
        let mut prompt = self.prompt;
        for record in newest(transcript) {
            let (text, id) = match &record.body {
                Body::Assistant(answer) if !answer.text.trim().is_empty() => (Some(&answer.text), None),
                Body::User(user) => (None, user.prompt_id.as_ref()),
                _ => continue,
            };
            let other_words = text.zip(said).is_some_and(|(text, said)| !is_answer(text, said));
            let other_prompt = id.zip(prompt).is_some_and(|(id, prompt)| id != prompt);
            if other_words || other_prompt {
                return false;
            }
            // A prompt that is newer than the newest answer has not been answered yet.
            prompt = prompt.filter(|_| id.is_none() || said.is_some());
            said = said.filter(|_| text.is_none());
            if said.is_none() && prompt.is_none() {
                return true;
            }
        }
        // The prompt is further back, before a large tool result.
        said.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, Utc};
    use std::fs::OpenOptions;
    use std::io::Write as _;
    use std::path::PathBuf;
    use std::sync::Mutex;

    /// A client that writes its next record during each wait, and a clock that advances only by waiting.
    struct Client {
        path: PathBuf,
        slept: Mutex<(Duration, Vec<String>)>,
    }

    impl Client {
        fn slept(&self) -> Duration {
            self.slept.lock().unwrap().0
        }
    }

    impl Clock for Client {
        fn now(&self) -> DateTime<Utc> {
            DateTime::UNIX_EPOCH
        }

        fn since_boot(&self) -> Duration {
            self.slept()
        }

        fn sleep(&self, duration: Duration) {
            let mut slept = self.slept.lock().unwrap();
            slept.0 += duration;
            if !slept.1.is_empty() {
                let next = slept.1.remove(0);
                let mut file = OpenOptions::new().create(true).append(true).open(&self.path).unwrap();
                writeln!(file, "{next}").unwrap();
            }
        }
    }

    fn prompt(id: &str, text: &str) -> String {
        format!(
            r#"{{"parentUuid":null,"isSidechain":false,"promptId":"{id}","type":"user","message":{{"role":"user","content":"{text}"}},"uuid":"u-{id}","origin":{{"kind":"human"}},"timestamp":"2026-03-02T03:00:00Z"}}"#
        )
    }

    fn answer(text: &str) -> String {
        format!(
            r#"{{"parentUuid":null,"isSidechain":false,"type":"assistant","message":{{"model":"m","role":"assistant","stop_reason":"end_turn","content":[{{"type":"text","text":"{text}"}}]}},"uuid":"a","timestamp":"2026-03-02T03:00:01Z"}}"#
        )
    }

    /// Milliseconds waited, and number of records in the transcript afterwards.
    fn waited(written: &[String], coming: &[String], turn: Option<Turn<'_>>) -> (u128, Option<usize>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("00000001-0000-4000-8000-000000000001.jsonl");
        if !written.is_empty() {
            std::fs::write(&path, written.join("\n") + "\n").unwrap();
        }
        let client = Client { path: path.clone(), slept: Mutex::new((Duration::ZERO, coming.to_vec())) };
        let found = at_rest(&path, turn, Liveness::Live(None), &client);
        (client.slept().as_millis(), found.map(|(transcript, _)| transcript.newest_first().count()))
    }

    #[test]
    fn an_unwritten_turn_is_waited_for_although_the_previous_one_has_ended() {
        let before = [prompt("p1", "one"), answer("Done.")];
        let coming = [prompt("p2", "two"), answer("Done.")];
        let turn = Turn { prompt: Some("p2"), said: Some("Done.") };
        assert_eq!(waited(&before, &coming, Some(turn)), (50, Some(4)), "the same words, another prompt");
        let turn = Turn { prompt: None, said: Some("Done with two.") };
        assert_eq!(
            waited(&before, &[coming[0].clone(), answer("Done with two.")], Some(turn)),
            (50, Some(4))
        );
        let turn = Turn { prompt: Some("p1"), said: Some("And more.") };
        assert_eq!(
            waited(&before, &[answer("And more.")], Some(turn)),
            (25, Some(3)),
            "a turn that a hook made go on"
        );
    }

    #[test]
    fn the_answer_to_a_command_is_not_confused_with_the_answer_before_it() {
        let before =
            [prompt("p1", "one"), answer("Done."), prompt("p2", "<command-message>fix</command-message>")];
        let turn = Turn { prompt: Some("p2"), said: Some("Done. Both are fixed.") };
        assert_eq!(waited(&before, &[answer("Done. Both are fixed.")], Some(turn)), (25, Some(4)));
        let turn = Turn { prompt: Some("p2"), said: Some("Done.") };
        assert_eq!(waited(&before, &[answer("Done.")], Some(turn)), (25, Some(4)));
    }

    #[test]
    fn a_missing_transcript_is_waited_for() {
        let turn = Turn { prompt: Some("p1"), said: Some("Done.") };
        let coming = [prompt("p1", "one"), answer("Done.")];
        assert_eq!(waited(&[], &coming, Some(turn)), (50, Some(2)));
        assert_eq!(waited(&[], &[], Some(turn)), (400, None));
        assert_eq!(
            waited(&[], &[], Some(Turn::default())),
            (0, None),
            "a client that tells nothing of its turn"
        );
    }

    #[test]
    fn a_written_turn_is_not_waited_for() {
        let whole = [prompt("p1", "one"), answer("First part."), answer("Second part.")];
        for turn in [
            Turn { prompt: Some("p1"), said: Some("First part.\n\nSecond part.") },
            Turn { prompt: Some("p1"), said: Some("Second part. ") },
            Turn { prompt: Some("p1"), said: None },
            Turn { prompt: None, said: Some(" ") },
            Turn::default(),
        ] {
            assert_eq!(waited(&whole, &[], Some(turn)), (0, Some(3)), "{turn:?}");
        }
        let large = [prompt("p1", &"x".repeat(3 << 20)), answer("Done.")];
        let turn = Turn { prompt: Some("p1"), said: Some("Done.") };
        assert_eq!(waited(&large, &[], Some(turn)), (0, Some(2)));
    }

    #[test]
    fn a_turn_that_never_comes_is_waited_for_no_longer_than_a_one_shot_hook_runs() {
        let before = [prompt("p1", "one"), answer("Done.")];
        let turn = Turn { prompt: Some("p2"), said: Some("Done.") };
        assert_eq!(waited(&before, &[], Some(turn)), (400, Some(2)));
        assert_eq!(waited(&before[..1], &[], None), (0, Some(1)), "no turn ended");
    }
}
