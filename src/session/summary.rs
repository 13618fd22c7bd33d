//! Summarizes what one pass over the end of a transcript reveals about its session.
//!
//! The reader goes backwards, and only until everything is known. Titles determine how far it has to read. A
//! client writes them again at its checkpoints (`last-prompt`, titles, `mode`, `permission-mode`), so such a
//! batch without a title proves that there is none; the batches at the end of a process and those of one-shot
//! runs omit titles (measured with 2.1.329) and prove nothing.

use super::ending::{EndingWalk, Liveness};
use super::failure::window_in;
use super::search::pattern::escapes_letters;
use super::stop::{Evidence, Source, Stop, StopKind};
use crate::claude::glance::{
    GlanceKind, MetadataMark, entrypoint_of, glance, is_glued, kind_of, kind_of_first, plain_meta,
    text_after, timestamp_of,
};
use crate::claude::record::{Assistant, Body, MetadataRecord, Record, RecordHead, System, User};
use crate::claude::transcript::{Backwards, Transcript};
use crate::claude::version::ClientVersion;
use crate::claude::wording::{
    Author, ClientText, ContinuationChoice, client_text, continuation_choice, own_words,
};
use crate::clock::parse_rfc3339;
use crate::text::head;
use chrono::{DateTime, Utc};
use compact_str::CompactString;
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

/// Number of bytes at the end that are searched for everything but the ending itself.
const BUDGET: u64 = 8 * 1024 * 1024;
/// Number of bytes at the end that are searched for titles if no batch proves that there is none.
const TITLE_BUDGET: u64 = 4 * 1024 * 1024;
/// Like [`TITLE_BUDGET`], for sessions that were never open in a terminal, after the first batch. Their title
/// is at the beginning.
const PRINT_TITLE_BUDGET: u64 = 64 * 1024;
/// Number of bytes at the beginning that are searched for a title given at the start.
const SHORT_HEAD: usize = 1024;
/// Number of bytes at the beginning that are searched for the first message.
const HEAD: usize = 4 * 1024;
/// Number of bytes at the beginning to search if the first records are long.
const LONG_HEAD: usize = 64 * 1024;
/// Maximum length of a stored prompt or title, in bytes.
pub const KEPT: usize = 1024;
/// Number of user and system records, from the end of a finished turn backwards, that are checked for a note
/// about an approaching limit. The note asks the model to end the turn, so few records follow it.
const NOTES: usize = 24;
/// The first of these records are checked at any distance from the ending, the others only within
/// [`NOTES_BUDGET`] bytes of it.
const CLOSE_NOTES: usize = 2;
const NOTES_BUDGET: u64 = 16 * 1024;
/// Number of bytes at the end of a line that are searched for a second record once only titles and notes,
/// which are short, can be missing.
const SHORT_RECORD: usize = 4 * 1024;
/// Maximum number of the client's continuations that are counted. The client makes no more in a row.
const MOST_COUNTED: u32 = 3;

/// Amount of detail to determine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The facts that a row of a list shows.
    Row,
    /// Also facts that may be far back: the permission mode, and who sent the newest prompt.
    Whole,
}

/// What a transcript reveals about its session.
#[derive(Debug, Clone)]
pub struct Summary {
    pub stop: Stop,
    pub bytes: u64,
    /// Version of the client that wrote the newest message.
    pub version: Option<ClientVersion>,
    /// `cli` (terminal, background) or `sdk-cli` (`-p`), of the newest message.
    pub entrypoint: Option<CompactString>,
    /// Working directory of the newest message; sessions of one project share it.
    pub cwd: Option<Arc<str>>,
    /// Git branch of the newest message.
    pub branch: Option<CompactString>,
    /// Model of the newest real answer.
    pub model: Option<CompactString>,
    /// Tokens that the newest real answer had to read, or that a compaction left; `None` after a compaction
    /// that does not report them.
    pub context_tokens: Option<u64>,
    /// Permission mode in its newest record or, without one, in the newest prompt.
    pub permission_mode: Option<CompactString>,
    /// The newest prompt of the user, unsanitized and truncated.
    pub last_prompt: Option<String>,
    /// Unsanitized title. A title set by the user takes precedence over the client's.
    pub title: Option<String>,
    /// Unsanitized name, set by the user.
    pub name: Option<String>,
    /// Time of the first record; only with [`Depth::Whole`].
    pub started_at: Option<DateTime<Utc>>,
    /// Time of the newest message.
    pub last_activity: Option<DateTime<Utc>>,
    /// Whether a process exited gracefully after the newest message.
    pub graceful: bool,
    /// Whether the user cancelled the client's own continuation with Esc after the stop.
    pub escaped: bool,
    /// Whether the newest message is a prompt or answer that the client itself sent after a limit.
    pub continued_by_client: bool,
    /// Number of turns that the client itself started after a limit, since the last prompt that the user
    /// typed or a plugin submitted, at most [`MOST_COUNTED`]; only with [`Depth::Whole`], and only for a
    /// session that a usage limit stopped.
    pub continuations: u32,
    /// The session in which the conversation continued; `None` if it did not, or if it was continued here
    /// afterwards.
    pub continued_in: Option<CompactString>,
}

/// Summarizes the end of a transcript.
#[must_use]
pub fn summarize(transcript: &Transcript, liveness: Liveness<'_>) -> Summary {
    Reader::default().summarize(transcript, liveness, Depth::Whole)
}

/// Reads transcripts one after another and reuses its buffers.
#[derive(Default)]
pub struct Reader {
    lines: Backwards,
    beginning: Vec<u8>,
    /// Working directory of the previous session, which the next one most often shares.
    last_cwd: Option<Arc<str>>,
}

impl Reader {
    /// Summarizes the end of a transcript.
    #[must_use]
    pub fn summarize(&mut self, transcript: &Transcript, liveness: Liveness<'_>, depth: Depth) -> Summary {
        let beginning = Beginning { bytes: std::mem::take(&mut self.beginning), ..Beginning::of(transcript) };
        let mut gathering = SummaryBuilder::new(beginning, self.last_cwd.take(), liveness, depth);
        self.lines.begin(transcript.bytes());
        while let Some((offset, line)) = self.lines.next(transcript.file()) {
            gathering.see(offset, line);
            if gathering.is_done(offset) {
                break;
            }
        }
        self.last_cwd = gathering.found.cwd.clone().or(gathering.last_cwd.take());
        let (summary, beginning) = gathering.finish(&mut self.lines);
        self.beginning = beginning;
        summary
    }
}

/// Returns the time of the first record.
#[must_use]
pub fn started_at(transcript: &Transcript) -> Option<DateTime<Utc>> {
    Beginning::of(transcript).started_at()
}

/// The first bytes of a transcript, read on demand.
struct Beginning<'a> {
    transcript: &'a Transcript<'a>,
    bytes: Vec<u8>,
    /// Number of bytes read so far.
    read: usize,
}

impl<'a> Beginning<'a> {
    fn of(transcript: &'a Transcript<'a>) -> Self {
        Self { transcript, bytes: Vec::new(), read: 0 }
    }

    /// Returns at least `length` bytes, or as many as exist.
    fn first(&mut self, length: usize) -> &[u8] {
        if self.read < length && !self.is_whole() {
            self.bytes.resize(self.bytes.len().max(length), 0);
            self.read = self.transcript.beginning(&mut self.bytes[..length]).len();
        }
        &self.bytes[..self.read]
    }

    fn is_whole(&self) -> bool {
        self.read as u64 == self.transcript.bytes()
    }

    fn started_at(&mut self) -> Option<DateTime<Utc>> {
        [HEAD, LONG_HEAD].into_iter().find_map(|length| {
            let time = text_after(self.first(length), b"\"timestamp\":\"")?;
            parse_rfc3339(std::str::from_utf8(time).ok()?)
        })
    }

    /// Returns whether `-p` or an SDK started the session.
    fn is_print(&mut self) -> bool {
        let told = [HEAD, LONG_HEAD].into_iter().find_map(|length| {
            text_after(self.first(length), b"\"entrypoint\":\"").map(|name| name.starts_with(b"sdk"))
        });
        told == Some(true)
    }

    fn given(&mut self) -> Given {
        let mut given = Given::default();
        for length in [SHORT_HEAD, HEAD, LONG_HEAD] {
            given = Given::read(self.first(length));
            if given.whole || given.title.is_some() || self.is_whole() {
                break;
            }
        }
        given
    }
}

/// Titles and names given at the start, before the first message.
#[derive(Default)]
struct Given {
    title: Option<String>,
    old_titles: OldTitles,
    name: Option<String>,
    /// Whether the first message was reached.
    whole: bool,
}

impl Given {
    fn read(bytes: &[u8]) -> Self {
        let mut found = Self::default();
        let mut client_title = None;
        let mut from = 0;
        while let Some(rest) = bytes.get(from..).filter(|rest| !rest.is_empty() && !found.whole) {
            let end = memchr::memchr(b'\n', rest);
            let line = &rest[..end.unwrap_or(rest.len())];
            from += line.len() + 1;
            let kind = kind_of(line);
            if matches!(
                kind,
                GlanceKind::User | GlanceKind::Result | GlanceKind::Answer | GlanceKind::Message
            ) {
                // The first bytes of a message are sufficient.
                found.whole = true;
            }
            if end.is_none() || !matches!(kind, GlanceKind::Meta | GlanceKind::Unknown) {
                continue;
            }
            let mut see = |body| match body {
                Body::Meta(MetadataRecord::CustomTitle(text)) => found.title = Some(kept(text)),
                Body::Meta(MetadataRecord::AgentName(text)) => found.name = Some(kept(text)),
                Body::Meta(MetadataRecord::AiTitle(text)) => client_title = Some(kept(text)),
                Body::Meta(MetadataRecord::Summary(text, leaf)) => found.old_titles.add(text, leaf),
                Body::Meta(_) | Body::Other | Body::System(_) => {}
                Body::User(_) | Body::Assistant(_) => found.whole = true,
            };
            match plain_meta(line) {
                Some(meta) => see(Body::Meta(meta)),
                None => glance(0, line).for_each(|record| see(record.body)),
            }
        }
        found.title = found.title.or(client_title);
        found
    }
}

/// Titles written by older clients, each with the id of the last message of its conversation.
#[derive(Default)]
struct OldTitles(Vec<(String, String)>);

impl OldTitles {
    fn add(&mut self, title: String, leaf: Option<String>) {
        let known = |leaf: &String| self.0.iter().any(|(_, other)| other == leaf);
        if let Some(leaf) = leaf.filter(|leaf| self.0.len() < MOST_OLD_TITLES && !known(leaf)) {
            self.0.push((kept(title), leaf));
        }
    }

    fn of(&self, id: &[u8]) -> Option<&str> {
        self.0.iter().find(|(_, leaf)| leaf.as_bytes() == id).map(|(title, _)| title.as_str())
    }

    /// Returns the title of the message nearest to the end of some lines.
    fn within(&self, lines: &[u8]) -> Option<&str> {
        let key = b"\"uuid\"";
        // Searches forwards, because memchr has no vectorized search backwards.
        let keys = memchr::memmem::find_iter(lines, key);
        keys.filter_map(|at| self.of(value_at(&lines[at + key.len()..])?)).last()
    }
}

/// Maximum number of old titles of one transcript that are compared with its messages.
const MOST_OLD_TITLES: usize = 256;
/// Number of bytes at the end of a transcript that are searched, besides its beginning, for the message to
/// which an old title refers. The title was written when that message was the last one. A title of another
/// session causes a futile read of all these bytes for every row of a list.
const OLD_TITLE_BUDGET: u64 = 1024 * 1024;

/// Returns the old title that belongs to this session. Older clients also wrote the titles of other sessions
/// at the beginning of a file, so a title only counts if this session contains the message that it names.
/// `lines` is a reader whose file has been read.
fn own_title(beginning: &mut Beginning<'_>, lines: &mut Backwards, titles: &OldTitles) -> Option<String> {
    if titles.0.is_empty() {
        return None;
    }
    // A writer that escapes letters would hide the id from a byte search; no client does this.
    if escapes_letters(beginning.first(SHORT_HEAD)) {
        return title_by_record(beginning.transcript, lines, titles);
    }
    title_by_bytes(beginning, titles)
}

/// Like [`Self::own_title`], but reads blocks instead of lines, because one line may be very long.
fn title_by_bytes(beginning: &mut Beginning<'_>, titles: &OldTitles) -> Option<String> {
    const BLOCK: u64 = LONG_HEAD as u64;
    /// Number of bytes at the beginning that are searched first for the message of a single title.
    const FIRST_BLOCK: u64 = 16 * 1024;
    /// Overlap for a key and an id that a block boundary separates.
    const SEAM: u64 = 128;
    let transcript = beginning.transcript;
    // Reuses the buffer of the beginning, so that a list of sessions needs no other one.
    let mut block = std::mem::take(&mut beginning.bytes);
    beginning.read = 0;
    let mut read = |start: u64, end: u64, torn: &mut bool| -> Option<Option<String>> {
        let mut file = transcript.file();
        let wanted = (end - start + SEAM).min(transcript.bytes() - start);
        block.resize(usize::try_from(wanted).ok()?, 0);
        file.seek(SeekFrom::Start(start)).and_then(|_| file.read_exact(&mut block)).ok()?;
        let mut whole = block.as_slice();
        if *torn {
            // Bytes after the last newline are not a complete record.
            let last = memchr::memrchr(b'\n', whole).map_or(0, |at| at + 1);
            *torn = last == 0;
            whole = &whole[..last];
        }
        Some(titles.within(whole).map(str::to_owned))
    };
    let mut end = transcript.bytes();
    let floor = end.saturating_sub(OLD_TITLE_BUDGET);
    let mut torn = true;
    // With several titles, the one whose message is nearest to the end counts. A single one usually
    // refers to the beginning.
    let begins_first = titles.0.len() == 1 && end > BLOCK;
    let mut found = if begins_first { read(0, FIRST_BLOCK, &mut false).flatten() } else { None };
    while end > floor && found.is_none() {
        let start = end.saturating_sub(BLOCK).max(floor);
        let Some(title) = read(start, end, &mut torn) else { break };
        (found, end) = (title, start);
    }
    // If a conversation continued for long after it got its title, that message is only at the beginning.
    if found.is_none() && floor > 0 {
        found = read(0, floor.min(BLOCK), &mut false).flatten();
    }
    beginning.bytes = block;
    found
}

fn title_by_record(transcript: &Transcript<'_>, lines: &mut Backwards, titles: &OldTitles) -> Option<String> {
    lines.begin(transcript.bytes());
    while let Some((offset, line)) = lines.next(transcript.file()) {
        let title =
            glance(offset, line).rev().find_map(|record| titles.of(record.head.uuid.as_deref()?.as_bytes()));
        if title.is_some() {
            return title.map(str::to_owned);
        }
        if transcript.bytes() - offset > OLD_TITLE_BUDGET {
            return None;
        }
    }
    None
}

/// Returns the string value of a key that ends before these bytes, with or without whitespace around the
/// colon.
fn value_at(behind_key: &[u8]) -> Option<&[u8]> {
    let value = behind_key.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start().strip_prefix(b"\"")?;
    Some(&value[..memchr::memchr(b'"', value)?])
}

/// Consecutive metadata records, by kind.
#[derive(Default)]
struct Batch {
    last_prompt: bool,
    permission_mode: bool,
    cost_state: bool,
}

#[expect(clippy::struct_excessive_bools, reason = "what has been seen, one by one")]
struct SummaryBuilder<'a> {
    last_cwd: Option<Arc<str>>,
    beginning: Beginning<'a>,
    /// Whether `-p` or an SDK started the session; read on first use.
    begun_by_print: Option<bool>,
    walk: EndingWalk<'a>,
    stop: Option<Stop>,
    found: Summary,
    depth: Depth,
    client_title: Option<String>,
    old_titles: OldTitles,
    prompt_mode: Option<CompactString>,
    batch: Batch,
    /// Whether a batch was passed that contains a `last-prompt`.
    batch_seen: bool,
    /// Whether no older record can contain a title.
    titles_known: bool,
    /// Whether a message has provided version and directory.
    described: bool,
    /// Whether the model and the context size are known.
    answered: bool,
    /// Whether the context size is known, or known to be unavailable, from an answer or a compaction.
    weighed: bool,
    prompt_seen: bool,
    /// Number of records before the end of a finished turn that are still checked for a note about a limit.
    notes_left: usize,
    /// Number of bytes from the end of the file to the record that determined the ending.
    ending_read: Option<u64>,
    /// Whether the prompt was passed at which the client restarts the count of its own continuations.
    counted: bool,
    /// Whether the newest note of the turn, `near_limit` or `wrap_up`, was passed; the notice before
    /// it names the window.
    wrapping: bool,
    continuation: Option<ContinuationChoice>,
}

impl<'a> SummaryBuilder<'a> {
    fn new(
        beginning: Beginning<'a>,
        last_cwd: Option<Arc<str>>,
        liveness: Liveness<'a>,
        depth: Depth,
    ) -> Self {
        Self {
            last_cwd,
            begun_by_print: None,
            walk: EndingWalk::new(liveness),
            stop: None,
            found: Summary {
                stop: Stop::of(StopKind::Empty),
                bytes: beginning.transcript.bytes(),
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
                started_at: None,
                last_activity: None,
                graceful: false,
                escaped: false,
                continued_by_client: false,
                continuations: 0,
                continued_in: None,
            },
            beginning,
            depth,
            client_title: None,
            old_titles: OldTitles::default(),
            prompt_mode: None,
            batch: Batch::default(),
            batch_seen: false,
            titles_known: false,
            described: false,
            answered: false,
            weighed: false,
            prompt_seen: false,
            notes_left: NOTES,
            ending_read: None,
            counted: false,
            wrapping: false,
            continuation: None,
        }
    }

    fn see(&mut self, offset: u64, line: &[u8]) {
        let kind = kind_of_first(line);
        let wanted = match kind {
            GlanceKind::User => self.wants_prompts(),
            GlanceKind::Result => self.wants_results(),
            GlanceKind::Answer => self.wants_answers(),
            GlanceKind::Message => self.wants_prompts() || self.wants_answers(),
            GlanceKind::Unknown => true,
            GlanceKind::Nothing | GlanceKind::Mark(_) | GlanceKind::Meta | GlanceKind::Note => false,
        };
        // Parsing a wanted line reveals records concatenated to it; any other line is searched for them.
        let looked_through = if self.is_known() && !self.counts() {
            &line[line.len().saturating_sub(SHORT_RECORD)..]
        } else {
            line
        };
        if wanted || is_glued(looked_through) {
            // Concatenated records come oldest first.
            return glance(offset, line).rev().for_each(|record| self.message(record, line));
        }
        match kind {
            GlanceKind::Nothing | GlanceKind::Mark(MetadataMark::Other) => {}
            GlanceKind::Mark(MetadataMark::CostState) => {
                self.batch.cost_state = true;
                if self.stop.is_none() {
                    self.walk.see_graceful_end();
                }
            }
            GlanceKind::Meta => match plain_meta(line) {
                Some(meta) => self.meta(meta),
                None => glance(offset, line).rev().for_each(|record| self.record(record)),
            },
            GlanceKind::Note => {
                self.end_batch(line);
                if self.found.last_activity.is_none() {
                    self.found.last_activity = timestamp_of(line);
                }
            }
            GlanceKind::Result => {
                self.end_batch(line);
                self.notes_left = self.notes_left.saturating_sub(usize::from(self.reads_notes()));
            }
            // These records are not needed.
            GlanceKind::User | GlanceKind::Answer | GlanceKind::Message | GlanceKind::Unknown => {
                self.end_batch(line);
            }
        }
    }

    /// Returns whether tool results are needed. They are never a prompt or a note about a limit.
    fn wants_results(&self) -> bool {
        self.stop.is_none() || !self.described
    }

    fn wants_prompts(&self) -> bool {
        self.wants_results()
            || self.reads_notes()
            || self.counts()
            || self.found.last_prompt.is_none()
            || self.depth == Depth::Whole && !self.prompt_seen
    }

    /// Returns whether the turn ended normally, and it is still unknown whether the client made the model
    /// wrap up near a limit.
    fn reads_notes(&self) -> bool {
        self.notes_left > 0
            && !self.prompt_seen
            && self.found.version.is_none_or(ClientVersion::writes_limit_notes)
            && self.stop.as_ref().is_some_and(|stop| stop.kind == StopKind::Finished || self.wrapping)
    }

    /// Returns whether some of the client's own continuations since the last prompt are not counted yet.
    fn counts(&self) -> bool {
        self.depth == Depth::Whole
            && !self.counted
            && self.found.continuations < MOST_COUNTED
            && self.stop.as_ref().is_some_and(|stop| stop.kind.is_usage_limit())
    }

    /// Checks a record before the end of a finished turn: a client's note about an approaching limit makes
    /// the turn an unfinished one. The newest note decides; `release` means that the limit no longer matters.
    fn note(&mut self, record: &Record) {
        if !self.reads_notes() {
            return;
        }
        self.notes_left -= 1;
        let Some(stop) = &mut self.stop else { return };
        match &record.body {
            Body::User(user) if !self.wrapping => match user.usage_limit_note.as_deref() {
                Some("near_limit" | "wrap_up") => {
                    self.wrapping = true;
                    stop.kind = StopKind::UsageLimit5h;
                    stop.wrapped_up = true;
                    stop.evidence.push(Evidence::new(
                        Source::Transcript,
                        "Claude Code made the model wrap up because a usage limit was near",
                    ));
                }
                Some("release") => self.notes_left = 0,
                _ => {}
            },
            Body::System(system) if self.wrapping && system.content.contains("usage limit") => {
                match window_in(&system.content.to_ascii_lowercase()) {
                    StopKind::UsageLimitOther => {}
                    window => stop.kind = window,
                }
                self.notes_left = 0;
            }
            _ => {}
        }
    }

    fn wants_answers(&self) -> bool {
        self.stop.is_none() || !self.described || !self.answered
    }

    fn message(&mut self, record: Record, line: &[u8]) {
        match &record.body {
            // Metadata that is not in the client's key order.
            Body::Meta(MetadataRecord::CostState) => {
                self.batch.cost_state = true;
                if self.stop.is_none() {
                    self.walk.see_graceful_end();
                }
            }
            Body::Meta(_) => self.record(record),
            Body::Other => {}
            _ => {
                self.end_batch(line);
                self.record(record);
            }
        }
    }

    fn record(&mut self, mut record: Record) {
        if record.head.sidechain {
            return;
        }
        if let Body::Meta(meta) = record.body {
            return self.meta(meta);
        }
        if self.stop.is_none() {
            self.stop = self.walk.see(&mut record);
        } else {
            self.note(&record);
        }
        match record.body {
            Body::Assistant(answer) => self.answer(answer),
            Body::User(user) => self.user(user),
            Body::System(system) => self.system(&system, record.head.uuid.as_deref()),
            Body::Meta(_) | Body::Other => {}
        }
        self.head(record.head);
    }

    fn head(&mut self, head: RecordHead) {
        fill(&mut self.found.last_activity, head.at);
        if self.described {
            return;
        }
        fill(&mut self.found.version, head.version.as_deref().and_then(ClientVersion::parse));
        fill(&mut self.found.entrypoint, head.entrypoint);
        if self.found.cwd.is_none() {
            self.found.cwd = head.cwd.map(|cwd| match self.last_cwd.take() {
                Some(known) if *known == *cwd => known,
                _ => cwd.into(),
            });
        }
        fill(&mut self.found.branch, head.branch);
        self.described = self.found.cwd.is_some() && self.found.version.is_some();
    }

    fn answer(&mut self, answer: Assistant) {
        if answer.synthetic() || answer.failure.is_some() {
            return;
        }
        fill(&mut self.found.model, answer.model);
        if !self.weighed && answer.context_tokens > 0 {
            self.weighed = true;
            self.found.context_tokens = Some(answer.context_tokens);
        }
        self.answered = self.weighed && self.found.model.is_some();
    }

    /// Notes the user's newest decision about the client's own continuation, if it is newer than the stop.
    fn continuation_note(&mut self, text: &str, uuid: Option<&str>) {
        let before_stop = self.stop.as_ref().is_some_and(|stop| stop.record.as_deref() != uuid);
        if self.continuation.is_none() && !before_stop {
            self.continuation = continuation_choice(text);
            self.found.escaped = self.continuation == Some(ContinuationChoice::Cancelled);
        }
    }

    fn user(&mut self, mut user: User) {
        self.continuation_note(&user.text, None);
        if !user.begins_turn() {
            return;
        }
        if self.counts() {
            match user.author() {
                Author::Client(ClientText::AutoContinuation) => self.found.continuations += 1,
                Author::User | Author::Client(ClientText::PluginPrompt) => self.counted = true,
                Author::Client(_) => {}
            }
        }
        fill(&mut self.prompt_mode, user.permission_mode.take());
        if !self.prompt_seen {
            self.prompt_seen = true;
            self.found.continued_by_client = user.origin.as_deref() == Some("auto-continuation");
        }
        if self.found.last_prompt.is_none() && user.is_prompt() {
            self.found.last_prompt = Some(kept(own(user.text)));
        }
    }

    fn system(&mut self, system: &System, uuid: Option<&str>) {
        self.continuation_note(&system.content, uuid);
        if system.subtype == "compact_boundary" && !self.weighed {
            // Older clients do not report what is left, and the size before the compaction no longer applies.
            self.weighed = true;
            self.found.context_tokens = system.post_tokens;
        }
    }

    fn meta(&mut self, meta: MetadataRecord) {
        match meta {
            MetadataRecord::LastPrompt(text) => {
                self.batch.last_prompt = true;
                if self.found.last_prompt.is_none() && client_text(&text).is_none() {
                    self.found.last_prompt = Some(kept(own(text)));
                }
            }
            MetadataRecord::CustomTitle(text) => fill(&mut self.found.title, Some(kept(text))),
            MetadataRecord::AgentName(text) => fill(&mut self.found.name, Some(kept(text))),
            MetadataRecord::AiTitle(text) => fill(&mut self.client_title, Some(kept(text))),
            MetadataRecord::Summary(text, leaf) => self.old_titles.add(text, leaf),
            MetadataRecord::PermissionMode(mode) => {
                self.batch.permission_mode = true;
                fill(&mut self.found.permission_mode, Some(mode));
            }
            // The walk goes backwards, so a prompt or an answer already seen is newer.
            MetadataRecord::ContinuedIn(session) if !self.prompt_seen && self.found.model.is_none() => {
                fill(&mut self.found.continued_in, Some(session));
            }
            MetadataRecord::ContinuedIn(_) | MetadataRecord::CostState => {}
        }
    }

    /// Ends a batch of metadata at the message before it, and determines what the batch proves.
    fn end_batch(&mut self, line: &[u8]) {
        let batch = std::mem::take(&mut self.batch);
        if self.titles_known || self.found.title.is_some() {
            self.titles_known = true;
            return;
        }
        self.batch_seen |= batch.last_prompt;
        let checkpoint = || {
            batch.permission_mode
                || !batch.cost_state && entrypoint_of(line).is_some_and(|name| name == b"cli")
        };
        self.titles_known = batch.last_prompt && (self.client_title.is_some() || checkpoint());
    }

    /// Returns whether everything is known except, possibly, a note about a limit and titles.
    fn is_known(&self) -> bool {
        let whole = self.depth == Depth::Row
            || self.prompt_seen && (self.found.permission_mode.is_some() || self.prompt_mode.is_some());
        self.stop.is_some() && self.described && self.answered && self.found.last_prompt.is_some() && whole
    }

    fn is_begun_by_print(&mut self) -> bool {
        *self.begun_by_print.get_or_insert_with(|| self.beginning.is_print())
    }

    fn is_done(&mut self, offset: u64) -> bool {
        if self.stop.is_none() {
            return false;
        }
        let read = self.found.bytes - offset;
        let beyond = read - *self.ending_read.get_or_insert(read);
        if self.notes_left <= NOTES - CLOSE_NOTES && beyond > NOTES_BUDGET {
            self.notes_left = 0;
        }
        if (self.reads_notes() || self.counts()) && read <= BUDGET {
            return false;
        }
        if !self.is_known() {
            return read > BUDGET;
        }
        if self.titles_known {
            return true;
        }
        let printed = |found: &Summary| found.entrypoint.as_deref().is_some_and(|name| name != "cli");
        let short = self.batch_seen && printed(&self.found) && self.is_begun_by_print();
        read > if short { PRINT_TITLE_BUDGET } else { TITLE_BUDGET }
    }

    fn finish(mut self, lines: &mut Backwards) -> (Summary, Vec<u8>) {
        self.found.graceful = self.walk.ended_gracefully();
        self.found.stop = self.stop.take().unwrap_or_else(|| self.walk.finish());
        self.found.title = self.found.title.take().or(self.client_title.take());
        if self.found.title.is_none() {
            self.found.title = own_title(&mut self.beginning, lines, &self.old_titles);
        }
        if self.found.title.is_none() {
            let given = self.beginning.given();
            self.found.title =
                given.title.or_else(|| own_title(&mut self.beginning, lines, &given.old_titles));
            fill(&mut self.found.name, given.name);
        }
        if self.depth == Depth::Whole {
            self.found.started_at = self.beginning.started_at();
        }
        self.found.permission_mode = self.found.permission_mode.or(self.prompt_mode);
        (self.found, self.beginning.bytes)
    }
}

/// Truncates a text for storage. The text is sanitized when it is shown.
fn kept(mut text: String) -> String {
    let length = head(&text, KEPT).len();
    if length < text.len() {
        text.truncate(length);
        text.shrink_to_fit();
    }
    text
}

/// Returns the prompt without the text that the client put in front of it.
fn own(text: String) -> String {
    let words = own_words(&text);
    if words.len() == text.len() { text } else { words.to_owned() }
}

/// Fills an empty slot. Records come newest first, so the newest wins.
fn fill<T>(slot: &mut Option<T>, value: Option<T>) {
    if slot.is_none() {
        *slot = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(lines: &[&str]) -> Option<u64> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("00000001-0000-4000-8000-000000000001.jsonl");
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
        summarize(&Transcript::open(&path).unwrap(), Liveness::Gone).context_tokens
    }

    #[test]
    fn the_context_size_from_before_a_compaction_is_not_reported() {
        let answer = r#"{"type":"assistant","timestamp":"2026-11-21T05:07:43.976Z","version":"2.1.200","cwd":"/w","message":{"model":"m","stop_reason":"end_turn","usage":{"input_tokens":150000},"content":[]}}"#;
        let later = answer.replace("150000", "9000");
        let silent = r#"{"type":"system","subtype":"compact_boundary","content":"Conversation compacted","compactMetadata":{"preTokens":150000}}"#;
        let told = silent.replace("}}", r#","postTokens":4000}}"#);
        assert_eq!(tokens(&[answer]), Some(150_000));
        assert_eq!(tokens(&[answer, silent]), None);
        assert_eq!(tokens(&[answer, &told]), Some(4000));
        assert_eq!(tokens(&[answer, silent, &later]), Some(9000));
    }

    #[test]
    fn client_continuations_are_counted_since_the_last_user_prompt() {
        let typed = r#"{"type":"user","uuid":"p","timestamp":"2026-11-21T05:00:00.000Z","version":"2.1.332","cwd":"/w","origin":{"kind":"human"},"promptSource":"typed","message":{"role":"user","content":"go"}}"#;
        let native = r#"{"type":"user","uuid":"n","timestamp":"2026-11-21T06:00:00.000Z","version":"2.1.332","cwd":"/w","isMeta":true,"origin":{"kind":"auto-continuation"},"turnOrigin":"auto_continuation","message":{"role":"user","content":"Your claude.ai usage limit has reset. Continue the task."}}"#;
        let wake = r#"{"type":"user","uuid":"w","timestamp":"2026-11-21T06:00:00.000Z","version":"2.1.332","cwd":"/w","origin":{"kind":"task-notification"},"promptSource":"system","message":{"role":"user","content":"<task-notification>x</task-notification>"}}"#;
        let limit = r#"{"type":"assistant","uuid":"l","timestamp":"2026-11-21T07:00:00.000Z","version":"2.1.332","cwd":"/w","isApiErrorMessage":true,"error":"rate_limit","apiError":"usage_limit_reached","quotaLimits":{"status":"rejected","resetsAt":1795250000,"rateLimitType":"five_hour"},"message":{"model":"<synthetic>","content":[{"type":"text","text":"You've hit your 5-hour limit"}]}}"#;
        let prompt = r#"{"type":"last-prompt","lastPrompt":"go","leafUuid":"u"}"#;
        let count = |lines: &[&str]| {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("00000001-0000-4000-8000-000000000001.jsonl");
            std::fs::write(&path, lines.join("\n") + "\n").unwrap();
            let summary = summarize(&Transcript::open(&path).unwrap(), Liveness::Gone);
            assert_eq!(summary.stop.kind, StopKind::UsageLimit5h);
            summary.continuations
        };
        assert_eq!(count(&[typed, limit, prompt]), 0);
        assert_eq!(count(&[typed, limit, native, limit, prompt]), 1);
        assert_eq!(
            count(&[typed, limit, native, limit, wake, limit, native, limit, prompt]),
            2,
            "a wake resets nothing"
        );
        assert_eq!(count(&[typed, native, limit, native, limit, native, limit, native, limit, prompt]), 3);
        assert_eq!(count(&[native, limit, native, limit, typed, limit, prompt]), 0, "a typed prompt does");
    }

    #[test]
    fn a_near_limit_note_is_found_close_to_the_end_of_the_transcript() {
        let note = r#"{"parentUuid":null,"isSidechain":false,"type":"user","message":{"role":"user","content":"[Usage limit approaching.]"},"isMeta":true,"usageLimitNote":"near_limit","uuid":"n","cwd":"/w","version":"2.1.332"}"#;
        let answer = r#"{"parentUuid":null,"isSidechain":false,"type":"assistant","uuid":"a","timestamp":"2026-11-21T07:00:00.000Z","version":"2.1.332","cwd":"/w","message":{"model":"m","role":"assistant","stop_reason":"end_turn","usage":{"input_tokens":5},"content":[{"type":"text","text":"Done."}]}}"#;
        let result = |bytes: usize| {
            let text = "x".repeat(bytes);
            format!(
                r#"{{"parentUuid":null,"isSidechain":false,"type":"user","message":{{"role":"user","content":[{{"tool_use_id":"t","type":"tool_result","content":"{text}"}}]}},"uuid":"r","cwd":"/w","version":"2.1.332"}}"#
            )
        };
        let prompt = r#"{"parentUuid":null,"isSidechain":false,"type":"user","message":{"role":"user","content":"go"},"uuid":"p","cwd":"/w","version":"2.1.332","origin":{"kind":"human"}}"#;
        for (results, bytes, found) in [
            (0, 0, true),
            (NOTES - 1, 10, true),
            (NOTES, 10, false),
            (CLOSE_NOTES - 1, 100_000, true),
            (CLOSE_NOTES, 100_000, false),
            (CLOSE_NOTES, 3500, true),
        ] {
            let mut lines = vec![prompt.to_owned(), note.to_owned()];
            lines.extend((0..results).map(|_| result(bytes)));
            lines.push(answer.to_owned());
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("00000001-0000-4000-8000-000000000001.jsonl");
            std::fs::write(&path, lines.join("\n") + "\n").unwrap();
            let summary = summarize(&Transcript::open(&path).unwrap(), Liveness::Gone);
            assert_eq!(summary.stop.wrapped_up, found, "{results} results of {bytes} bytes");
        }
    }

    #[test]
    fn a_summary_at_the_beginning_is_a_title_without_a_checkpoint() {
        let lines = [
            r#"{"type":"mode","mode":"normal"}"#,
            r#"{"type":"summary","summary":"An older talk","leafUuid":"u"}"#,
            r#"{"type":"assistant","uuid":"u","timestamp":"2026-11-21T05:07:43.976Z","version":"2.1.329","cwd":"/w","entrypoint":"cli","message":{"model":"m","stop_reason":"end_turn","usage":{"input_tokens":5},"content":[]}}"#,
            r#"{"type":"last-prompt","lastPrompt":"go on","leafUuid":"u"}"#,
            r#"{"type":"permission-mode","permissionMode":"default"}"#,
        ];
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("00000001-0000-4000-8000-000000000001.jsonl");
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
        let transcript = Transcript::open(&path).unwrap();
        let title = || Reader::default().summarize(&transcript, Liveness::Gone, Depth::Row).title;
        assert_eq!(title().as_deref(), Some("An older talk"));
        let other = lines.join("\n").replace(r#""uuid":"u""#, r#""uuid":"v""#);
        std::fs::write(&path, other + "\n").unwrap();
        assert_eq!(title(), None, "the title of another session");
    }

    #[test]
    fn of_many_old_titles_the_one_of_the_last_message_is_used() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("00000001-0000-4000-8000-000000000001.jsonl");
        let summary = |title: &str, leaf: &str| {
            format!(r#"{{"type":"summary","summary":"{title}","leafUuid":"{leaf}"}}"#)
        };
        let said = |id: &str, colon: &str, text: &str| {
            format!(
                r#"{{"type":"user","message":{{"role":"user","content":"{text}"}},"uuid"{colon}"{id}","cwd":"/w","version":"1.0.40"}}"#
            )
        };
        let title = |heads: &[String], messages: &[String]| {
            std::fs::write(&path, [heads, messages].concat().join("\n") + "\n").unwrap();
            summarize(&Transcript::open(&path).unwrap(), Liveness::Gone).title
        };
        let heads = [summary("Foreign", "f1"), summary("Own", "u1"), summary("Foreign too", "f2")];
        let filler = |count: usize| said("x", ":", &"y".repeat(count));
        for colon in [":", " : "] {
            let own = said("u1", colon, "hello");
            assert_eq!(title(&heads, &[own.clone(), said("u2", ":", "x")]).as_deref(), Some("Own"));
            // Boundaries between the blocks that are searched.
            for count in 65_536 - 400..65_536 - 200 {
                assert_eq!(title(&heads, &[own.clone(), filler(count)]).as_deref(), Some("Own"), "{count}");
            }
            let long = filler(3 * 1024 * 1024);
            assert_eq!(title(&heads, &[own, long.clone()]).as_deref(), Some("Own"), "at the beginning");
            assert_eq!(title(&heads, &[said("u3", colon, "hello"), long]), None);
        }
        let newer = [summary("First", "u1"), summary("Second", "u2"), summary("Foreign", "f1")];
        let messages = [said("u1", ":", "one"), said("u2", ":", "two")];
        assert_eq!(title(&newer, &messages).as_deref(), Some("Second"));
    }
}
