//! A summary: what one pass over a transcript's end tells about its session, besides how it ends.

use super::ending::{Liveness, ending};
use super::stop::{Stop, StopKind};
use crate::claude::record::{Body, Meta, Record};
use crate::claude::transcript::Transcript;
use crate::claude::version::ClientVersion;
use crate::text::one_line;
use chrono::{DateTime, Utc};

/// Bytes of tail in which metadata is looked for; the client re-appends it at every checkpoint.
const BUDGET: u64 = 2 * 1024 * 1024;
/// Bytes of head in which the first record is looked for.
const HEAD: u64 = 64 * 1024;
/// Longest prompt and title that are kept, in characters.
const SHOWN: usize = 200;

/// What a transcript tells about its session.
#[derive(Debug, Clone)]
pub struct Summary {
    /// How it ends.
    pub stop: Stop,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// Version of the client that wrote the newest message.
    pub version: Option<ClientVersion>,
    /// `cli` (terminal, background) or `sdk-cli` (`-p`), of the newest message.
    pub entrypoint: Option<String>,
    /// Working directory of the newest message.
    pub cwd: Option<String>,
    /// Git branch of the newest message.
    pub branch: Option<String>,
    /// Model of the newest real answer.
    pub model: Option<String>,
    /// Tokens the newest real answer had to read.
    pub context_tokens: Option<u64>,
    /// Permission mode: the newest record of it, else that of the newest prompt.
    pub permission_mode: Option<String>,
    /// The newest prompt.
    pub last_prompt: Option<String>,
    /// Title: a person's before the client's.
    pub title: Option<String>,
    /// Name a person gave.
    pub name: Option<String>,
    /// Time of the first record.
    pub started_at: Option<DateTime<Utc>>,
    /// Time of the newest message.
    pub last_activity: Option<DateTime<Utc>>,
    /// A person cancelled the client's own continuation (Esc) after the stop.
    pub escaped: bool,
    /// Newest message is a prompt or answer that the client sent itself after a limit.
    pub continued_by_client: bool,
}

/// Reads the end of a transcript.
#[must_use]
pub fn summarize(transcript: &Transcript, liveness: Liveness<'_>) -> Summary {
    let floor = transcript.bytes().saturating_sub(BUDGET);
    let records: Vec<Record> =
        transcript.newest_first().take_while(|record| record.offset >= floor).collect();
    let mut stop = ending(records.iter().cloned(), liveness);
    if stop.kind == StopKind::Empty && floor > 0 {
        // The last message is further back than the budget: go on until it is found.
        stop = ending(transcript.newest_first(), liveness);
    }
    let mut summary = Summary {
        stop,
        bytes: transcript.bytes(),
        version: None,
        entrypoint: None,
        cwd: None,
        branch: None,
        model: None,
        context_tokens: None,
        permission_mode: None,
        last_prompt: None,
        title: None,
        name: None,
        started_at: transcript.head(HEAD).iter().find_map(|record| record.head.at),
        last_activity: None,
        escaped: false,
        continued_by_client: false,
    };
    let mut client_title = None;
    let mut prompt_mode = None;
    let mut typed = None;
    let mut after_stop = true;
    let mut prompt_seen = false;
    for record in &records {
        if record.head.sidechain {
            continue;
        }
        let head = &record.head;
        after_stop &= head.uuid.is_none() || head.uuid != summary.stop.record;
        fill(&mut summary.last_activity, head.at);
        fill(&mut summary.version, head.version.as_deref().and_then(ClientVersion::parse));
        fill(&mut summary.entrypoint, head.entrypoint.clone());
        fill(&mut summary.cwd, head.cwd.clone());
        fill(&mut summary.branch, head.branch.clone());
        match &record.body {
            Body::Assistant(answer) if !answer.synthetic() && answer.failure.is_none() => {
                fill(&mut summary.model, answer.model.clone());
                fill(&mut summary.context_tokens, Some(answer.context_tokens).filter(|tokens| *tokens > 0));
            }
            Body::User(user) if super::ending::is_prompt(user) => {
                fill(&mut prompt_mode, user.permission_mode.clone());
                if !prompt_seen {
                    prompt_seen = true;
                    summary.continued_by_client = user.origin.as_deref() == Some("auto-continuation");
                }
                if !user.meta {
                    fill(&mut typed, Some(one_line(&user.text, SHOWN)));
                }
            }
            Body::System(system)
                if after_stop && system.content.starts_with("Automatic continue cancelled") =>
            {
                summary.escaped |= !system.content.contains("exited during the wait");
            }
            Body::Meta(Meta::LastPrompt(text)) => {
                fill(&mut summary.last_prompt, Some(one_line(text, SHOWN)));
            }
            Body::Meta(Meta::CustomTitle(text)) => fill(&mut summary.title, Some(one_line(text, SHOWN))),
            Body::Meta(Meta::AgentName(text)) => fill(&mut summary.name, Some(one_line(text, SHOWN))),
            Body::Meta(Meta::AiTitle(text)) => fill(&mut client_title, Some(one_line(text, SHOWN))),
            Body::Meta(Meta::PermissionMode(mode)) => fill(&mut summary.permission_mode, Some(mode.clone())),
            _ => {}
        }
    }
    summary.title = summary.title.or(client_title);
    summary.permission_mode = summary.permission_mode.or(prompt_mode);
    summary.last_prompt = summary.last_prompt.or(typed);
    summary
}

/// The newest wins; records come newest first.
fn fill<T>(slot: &mut Option<T>, value: Option<T>) {
    if slot.is_none() {
        *slot = value;
    }
}
