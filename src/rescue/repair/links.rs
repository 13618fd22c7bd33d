//! Models the links of a conversation: which record follows which, with a few words per record, and which
//! links are broken.
//!
//! The client walks from the newest record to the first along `parentUuid`. Records off this path are not
//! sent. A plan states how to change the fewest links so that every record of the conversation is on the
//! path. The plan is a pure value.
//!
//! Measured with 2.1.329: A result without its call, and a call without its result before later turns, are
//! left out of the request. A missing parent is replaced by a guess, which loses turns in some cases. A
//! record without a parent in the middle ends the conversation at that point. Parallel calls are linked in a
//! chain, each with its result as a side branch.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Maximum number of forks and edits examined.
const FORKS: usize = 64;
/// Maximum number of missing parents per conversation for which the client's guess is computed.
const GUESSES: usize = 16;

/// Role of a record in the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkedRecordKind {
    /// Text from the user or the client to the model.
    Prompt,
    Result,
    /// Output of the model.
    Assistant,
    /// Compaction boundary, where the conversation starts over.
    Boundary,
    /// A note or an attachment.
    Other,
    /// Progress of a hook or a tool. The client never treats it as the end of the conversation.
    Progress,
}

/// One record of the conversation, in file order. Ids are hashes; 0 means none.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    pub id: u64,
    /// Id of the record that this one follows.
    pub parent: u64,
    /// Id of the message to which the record belongs; for a result, that of the message with its call.
    pub message: u64,
    /// Offset of the record's line, in bytes.
    pub offset: u64,
    /// Index of the record on its line.
    pub piece: u16,
    pub kind: LinkedRecordKind,
    /// Index of the entry point with which the client was started.
    pub entrypoint: u8,
    /// Whether the client wrote the record itself, like the body of a skill.
    pub meta: bool,
    /// Whether the record's line is damaged, so that the client does not read it.
    pub unread: bool,
    /// Timestamp in milliseconds; 0 if there is none.
    pub at: i64,
    /// Length of the record's line, in bytes.
    pub length: u64,
    /// Length of the record's message, in bytes.
    pub weight: u64,
}

/// A compaction that preserves the newest messages: the client places those from `head` to `tail` after
/// `anchor`. Ids are hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreservedRange {
    pub boundary: usize,
    /// First message that is preserved.
    pub head: u64,
    pub tail: u64,
    pub anchor: u64,
}

/// Facts about the records of a conversation.
#[derive(Debug, Default)]
pub struct ConversationRecords {
    /// Links in file order.
    pub links: Vec<Link>,
    /// Preserved segments of compactions, in file order.
    pub preserved: Vec<PreservedRange>,
    /// Leaf named by the last `last-prompt` record; 0 for none.
    pub leaf: u64,
    /// Leaf named by the last `last-prompt` record that the client reads; 0 for none.
    pub leaf_read: u64,
    /// For each id that a `last-prompt` names: the number of records before the first such `last-prompt`.
    pub checkpoints: HashMap<u64, usize>,
    /// Parents of torn records, by the index of the record after them.
    pub torn: BTreeMap<usize, Vec<u64>>,
    /// Whether a record of another session follows the last record of this one.
    pub ends_elsewhere: bool,
    /// Calls without a result, and results without a call.
    pub unpaired: Unpaired,
}

impl ConversationRecords {
    /// Adds a `last-prompt` after the records so far. `leaf` is 0 if it names no record.
    pub fn checkpoint(&mut self, leaf: u64, unread: bool) {
        self.leaf = leaf;
        if !unread {
            self.leaf_read = leaf;
        }
        if leaf != 0 {
            self.checkpoints.entry(leaf).or_insert(self.links.len());
        }
    }
}

/// How much a plan may change. A plan that fails its check is made again with a narrower scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RepairScope {
    /// Only repairs within records and lines; no link changes.
    Lines,
    /// Also changes links, but joins no branches.
    Links,
    Joins,
}

/// Id for a record that has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordIdSource {
    /// The missing id that the record at this index names as its parent.
    LostParentOf(usize),
    /// Id of the record at this index.
    Of(usize),
    /// Id of the insert with this index.
    OfInsert(usize),
    New,
}

/// A record to insert in place of a lost one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordInsert {
    /// Index of the record before which to insert it.
    pub before: usize,
    pub lost: LostRecordKind,
    pub id: RecordIdSource,
    /// Parent of the inserted record; `None` for the start.
    pub parent: Option<RecordIdSource>,
    /// Index of the record to whose message the inserted record belongs.
    pub message_of: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LostRecordKind {
    Start,
    /// The call of these results; the index is that of the first result.
    Calls(usize, Vec<String>),
    /// Result of the call at this index.
    Result(usize, String),
}

/// Reason to change a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// The parent is not in the file.
    Missing,
    /// A record in the middle has no parent.
    Absent,
    /// The parent is the record itself or one of its descendants.
    Loop,
    Unnamed,
    /// The record follows an inserted record.
    Inserted,
    /// The branch is attached to the end of another.
    Joined,
    /// A copy of a record that lost its parent, and that the client reads instead of the original.
    Replayed,
    /// The record continues after a compaction, but names a parent from before an earlier one.
    Compacted,
    /// A call or result that a compaction preserved, but that is off the path on which the client finds
    /// preserved records.
    Beside,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relink {
    pub index: usize,
    pub why: Broken,
    /// The new parent; `None` to keep the old one.
    pub parent: Option<RecordIdSource>,
    pub id: Option<RecordIdSource>,
    /// Whether to convert its results to text, because the calls already have a result.
    pub as_text: bool,
}

/// A record from which two branches start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fork {
    /// First record of the later branch.
    pub index: usize,
    /// Whether two clients wrote at the same time, so that neither branch was abandoned.
    pub at_once: bool,
    /// Whether the later branch is attached to the end of the earlier one.
    pub joined: bool,
}

/// A branch of a fork. All values are indices of records unless stated otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// Record that both branches follow.
    pub fork: usize,
    pub first: usize,
    pub leaf: usize,
    /// Last record of the branch with a message.
    pub words: usize,
    /// Number of prompts by the user.
    pub turns: u64,
    /// Total size of its lines, in bytes.
    pub bytes: u64,
    /// The client sends this branch.
    pub sent: bool,
    pub members: Vec<usize>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkRepairPlan {
    /// Records to insert, in file order.
    pub inserts: Vec<RecordInsert>,
    pub relinks: Vec<Relink>,
    pub forks: Vec<Fork>,
    /// Calls without a result at the end, which the client itself reports to the model.
    pub open_calls: Vec<usize>,
    /// Branches, if there is more than one.
    pub branches: Vec<Branch>,
    /// The correct end of the conversation, if the client picks a wrong one.
    pub leaf: Option<usize>,
    /// Records that the client sends after the repair, in file order.
    pub sent: Vec<usize>,
    /// Whether the plan would remove something that the client sends now.
    pub harms: bool,
    /// Records whose links are left broken, because the client would send less after their repair.
    pub refused: Vec<usize>,
    /// Whether the client forgets calls or results of messages that the last compaction preserved.
    pub forgets_beside: bool,
}

/// Calls without a result, and results without a call.
#[derive(Debug, Default)]
pub struct Unpaired {
    /// Calls without a result: index of the record and id of the call.
    pub calls: Vec<(usize, String)>,
    /// Results without a call: index of the record and id of the call.
    pub results: Vec<(usize, String)>,
}

/// Plans the repair of a conversation. With `beside`, the client also sends the parallel calls and results
/// that it would forget because of a compaction.
#[must_use]
pub fn plan(talk: &ConversationRecords, scope: RepairScope, beside: bool) -> LinkRepairPlan {
    if !talk
        .links
        .iter()
        .any(|link| link.kind == LinkedRecordKind::Assistant || link.kind == LinkedRecordKind::Prompt)
    {
        return LinkRepairPlan::default();
    }
    let none = HashSet::new();
    let whole = attempt(talk, scope, &none, beside);
    if !whole.harms {
        return whole;
    }
    // Once a repair makes a compaction intact, the client forgets what is off the path
    // of the preserved messages.
    if scope >= RepairScope::Links && whole.forgets_beside {
        let keeping = attempt(talk, scope, &none, true);
        if !keeping.harms {
            return keeping;
        }
    }
    // One harmful edit must not prevent the others.
    let edits: BTreeSet<usize> = whole
        .relinks
        .iter()
        .map(|relink| relink.index)
        .chain(whole.inserts.iter().map(|insert| insert.before))
        .collect();
    let without = |index: usize| LinkRepairPlan {
        refused: vec![index],
        ..attempt(talk, scope, &HashSet::from([index]), beside)
    };
    edits.into_iter().take(FORKS).map(without).find(|plan| !plan.harms).unwrap_or(whole)
}

/// Makes a plan that does not change the links of the records in `held`.
fn attempt(
    talk: &ConversationRecords,
    scope: RepairScope,
    held: &HashSet<usize>,
    beside: bool,
) -> LinkRepairPlan {
    let mut chain = Chain::of(talk, held);
    let before = [chain.sent_with(false), chain.sent()];
    if scope >= RepairScope::Links {
        chain.replays();
        chain.name_the_unnamed();
        chain.begin();
        chain.restore_calls(&talk.unpaired.results);
        chain.restore_results(&talk.unpaired.calls);
        chain.relink();
        chain.rejoin_compactions();
    }
    chain.forks(scope >= RepairScope::Joins);
    let mut forgets_beside = !chain.beside_kept().is_empty();
    if scope >= RepairScope::Links {
        if beside && forgets_beside {
            chain.keep_beside();
            forgets_beside = false;
        }
        chain.copies();
        chain.end();
    }
    let after = chain.sent();
    let mut plan = chain.plan;
    plan.forgets_beside = forgets_beside;
    let [linked, guessed] = before;
    // After a guess or from a wrong end, the client may be in a branch that the user abandoned; losing that
    // one does no harm.
    let none = HashSet::new();
    let left: HashSet<usize> = plan
        .branches
        .iter()
        // The beginning of a branch may be in the summary of a compaction while its rest continues after it.
        .filter(|branch| !branch.members.iter().any(|member| after.chain.contains(member)))
        .flat_map(|branch| branch.members.iter().copied())
        .collect();
    // Repairing a damaged line can make a compaction intact, and then the client forgets more
    // than it does now.
    let damaged = after.compaction.segment.is_some() && talk.links.iter().any(|link| link.unread);
    let as_read =
        damaged.then(|| Chain::as_read(talk, held).sent()).filter(|read| read.compaction.segment.is_none());
    plan.harms = as_read.is_some_and(|read| after.has_lost_records(&read, &left, talk))
        || after.has_lost_records(&linked, if plan.leaf.is_some() { &left } else { &none }, talk)
        || after.has_lost_records(&guessed, &left, talk);
    for branch in &mut plan.branches {
        branch.sent = after.chain.contains(&branch.first);
    }
    plan.sent = after.with_parallels(&talk.links);
    plan.relinks.sort_by_key(|relink| relink.index);
    plan
}

/// The records on the client's path from the end of the conversation to its beginning.
struct ClientView {
    /// Record where the client starts; `None` if it is one of another session.
    leaf: Option<usize>,
    /// Last record in the client's order, where it starts unless a `last-prompt` names another branch.
    newest: usize,
    chain: Vec<usize>,
    compaction: Compaction,
    /// Copies of records that occur earlier in the file.
    copies: HashSet<usize>,
    /// Whether to ignore records on damaged lines, as the client does.
    as_read: bool,
}

/// Effect of the last compaction on the records before it, as in 2.1.332: the client forgets all of them
/// except those on the path from the tail of `preservedSegment` to its head. Parallel calls are linked in a
/// chain, so the results of all but the last are off this path and are forgotten as well. If the path is
/// broken, the client forgets nothing.
#[derive(Debug, Default)]
struct Compaction {
    /// Index before which all records are forgotten; 0 if there are none.
    boundary: usize,
    kept: HashSet<usize>,
    segment: Option<KeptSegment>,
}

/// Indices of the records in a [`PreservedRange`].
#[derive(Debug, Clone, Copy)]
struct KeptSegment {
    head: usize,
    tail: usize,
    anchor: Option<usize>,
}

impl Compaction {
    fn forgets(&self, index: usize) -> bool {
        index < self.boundary && !self.kept.contains(&index)
    }
}

impl ClientView {
    /// Returns the records on the path plus parallel calls and their results, which the client sends as well.
    fn with_parallels(&self, links: &[Link]) -> Vec<usize> {
        let messages: HashSet<u64> = self
            .chain
            .iter()
            .filter(|index| links[**index].kind == LinkedRecordKind::Assistant && links[**index].message != 0)
            .map(|index| links[*index].message)
            .collect();
        let beside = (0..links.len()).filter(|index| {
            matches!(links[*index].kind, LinkedRecordKind::Assistant | LinkedRecordKind::Result)
                && messages.contains(&links[*index].message)
                && !self.compaction.forgets(*index)
                && !self.copies.contains(index)
        });
        let mut all: Vec<usize> = self.chain.iter().copied().chain(beside).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Returns whether something is no longer sent that was sent before, is not in `left`, and is not in the
    /// summary of a compaction.
    fn has_lost_records(&self, before: &Self, left: &HashSet<usize>, talk: &ConversationRecords) -> bool {
        let links = &talk.links;
        // The client leaves out a result without its call.
        let alone: HashSet<usize> = talk.unpaired.results.iter().map(|(index, _)| *index).collect();
        let now: HashSet<usize> = self.with_parallels(links).into_iter().collect();
        let passed =
            self.chain.iter().copied().filter(|index| links[*index].kind == LinkedRecordKind::Boundary).max();
        let summed_up_before = passed.unwrap_or(0).max(self.compaction.boundary);
        let messages: HashSet<u64> = self.compaction.kept.iter().map(|index| links[*index].message).collect();
        // The other calls of a message that the compaction preserved, and their results, are
        // not in any summary.
        let summed_up = |index: usize| {
            index < summed_up_before
                && (links[index].message == 0 || !messages.contains(&links[index].message))
        };
        before.with_parallels(links).into_iter().any(|index| {
            let link = &links[index];
            let was_said = matches!(
                link.kind,
                LinkedRecordKind::Prompt | LinkedRecordKind::Result | LinkedRecordKind::Assistant
            ) && !link.meta
                && (!before.as_read || !link.unread);
            was_said
                && !alone.contains(&index)
                && !now.contains(&index)
                && !left.contains(&index)
                && !summed_up(index)
        })
    }
}

struct Chain<'a> {
    talk: &'a ConversationRecords,
    links: &'a [Link],
    /// Parents by index. For a record with copies, the parent of its last copy, as the client reads it.
    parents: Vec<u64>,
    /// Index by id; the first one for copies.
    by_id: HashMap<u64, u32>,
    /// Later copies of records, by the index of the first one.
    later: BTreeMap<usize, Vec<usize>>,
    /// Missing parents that are inserted again, with the index of their insert.
    restored: HashMap<u64, usize>,
    /// Inserts by the record that follows them.
    before: BTreeMap<usize, Vec<usize>>,
    relinked: BTreeMap<usize, usize>,
    /// Pairs of a record whose parent is not in the file and a later copy that lost this parent.
    lost_copies: Vec<(usize, usize)>,
    /// Last record of a branch that was attached to another.
    joined_end: Option<usize>,
    /// Records whose links must not change.
    held: &'a HashSet<usize>,
    /// Whether to ignore records on damaged lines, as the client does.
    as_read: bool,
    plan: LinkRepairPlan,
}

impl<'a> Chain<'a> {
    fn of(talk: &'a ConversationRecords, held: &'a HashSet<usize>) -> Self {
        let links = &talk.links;
        let mut by_id: HashMap<u64, u32> = HashMap::with_capacity(links.len());
        let mut parents: Vec<u64> = links.iter().map(|link| link.parent).collect();
        let mut later: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (index, link) in (0..).zip(links) {
            let first = *by_id.entry(link.id).or_insert(index);
            if link.id != 0 && first != index {
                parents[first as usize] = link.parent;
                later.entry(first as usize).or_default().push(index as usize);
            }
        }
        by_id.remove(&0);
        Self {
            talk,
            links,
            parents,
            by_id,
            later,
            restored: HashMap::new(),
            before: BTreeMap::new(),
            relinked: BTreeMap::new(),
            lost_copies: Vec::new(),
            joined_end: None,
            held,
            as_read: false,
            plan: LinkRepairPlan::default(),
        }
    }

    /// Creates a chain without the records that the client does not read.
    fn as_read(talk: &'a ConversationRecords, held: &'a HashSet<usize>) -> Self {
        let mut chain = Self::of(talk, held);
        chain.by_id.retain(|_, index| !talk.links[*index as usize].unread);
        chain.as_read = true;
        chain
    }

    fn index(&self, id: u64) -> Option<usize> {
        self.by_id.get(&id).map(|index| *index as usize)
    }

    /// Returns whether the record is a copy of an earlier one, or is not read by the client.
    fn repeated(&self, index: usize) -> bool {
        if self.as_read && self.links[index].unread {
            return true;
        }
        self.links[index].id != 0 && self.index(self.links[index].id) != Some(index)
    }

    /// Returns whether the record names a parent that is neither in the file nor inserted again.
    fn orphaned(&self, index: usize) -> bool {
        let parent = self.parents[index];
        parent != 0 && self.index(parent).is_none() && !self.restored.contains_key(&parent)
    }

    /// Returns what precedes a record: the last insert before it or, without one, the record before it.
    fn preceding(&self, index: usize) -> Option<RecordIdSource> {
        if let Some(last) = self.before.get(&index).and_then(|all| all.last()) {
            return Some(RecordIdSource::OfInsert(*last));
        }
        self.behind_torn(index).or_else(|| self.in_front(index)).map(RecordIdSource::Of)
    }

    fn in_front(&self, index: usize) -> Option<usize> {
        (0..index)
            .rev()
            .find(|before| !self.repeated(*before) && self.links[*before].kind != LinkedRecordKind::Progress)
    }

    /// Returns the parent of the torn records right before this one, as read from their beginnings.
    fn behind_torn(&self, index: usize) -> Option<usize> {
        let torn = self.talk.torn.get(&index)?;
        torn.iter().rev().find_map(|parent| self.index(*parent)).filter(|parent| *parent < index)
    }

    fn insert(&mut self, insert: RecordInsert) -> usize {
        let number = self.plan.inserts.len();
        self.before.entry(insert.before).or_default().push(number);
        self.plan.inserts.push(insert);
        number
    }

    fn change(&mut self, index: usize, why: Broken, parent: Option<RecordIdSource>) -> &mut Relink {
        let number = *self.relinked.entry(index).or_insert_with(|| {
            self.plan.relinks.push(Relink { index, why, parent: None, id: None, as_text: false });
            self.plan.relinks.len() - 1
        });
        let relink = &mut self.plan.relinks[number];
        if parent.is_some() {
            relink.parent = parent;
        }
        relink
    }

    /// Assigns ids to records without one. The missing parent of the next record reveals the id.
    fn name_the_unnamed(&mut self) {
        for index in 0..self.links.len() {
            if self.links[index].id != 0 {
                continue;
            }
            let next = index + 1;
            let told = next < self.links.len() && self.orphaned(next);
            if told {
                let lost = self.parents[next];
                self.by_id.insert(lost, u32::try_from(index).unwrap_or(u32::MAX));
            }
            let name = if told { RecordIdSource::LostParentOf(next) } else { RecordIdSource::New };
            self.change(index, Broken::Unnamed, None).id = Some(name);
        }
    }

    /// Inserts a start if the conversation begins with an answer: its beginning is lost, and a request must
    /// not begin that way.
    fn begin(&mut self) {
        let talk = |kind| {
            matches!(
                kind,
                LinkedRecordKind::Prompt
                    | LinkedRecordKind::Result
                    | LinkedRecordKind::Assistant
                    | LinkedRecordKind::Boundary
            )
        };
        let mut at = self.links.iter().position(|link| talk(link.kind));
        // The parent of the first answer may be later in the file, because batches of lines race.
        for _ in 0..self.links.len() {
            match at.map(|index| self.links[index]) {
                Some(link) if matches!(link.kind, LinkedRecordKind::Prompt | LinkedRecordKind::Boundary) => {
                    return;
                }
                Some(link) => at = self.index(link.parent),
                None => break,
            }
        }
        let told = self.orphaned(0);
        let id = if told { RecordIdSource::LostParentOf(0) } else { RecordIdSource::New };
        let number = self.insert(RecordInsert {
            before: 0,
            lost: LostRecordKind::Start,
            id,
            parent: None,
            message_of: None,
        });
        if told {
            self.restored.insert(self.parents[0], number);
        } else {
            self.change(0, Broken::Inserted, Some(RecordIdSource::OfInsert(number)));
        }
    }

    /// Inserts a call for each result whose call is lost, with the position and the id of the lost call.
    fn restore_calls(&mut self, results: &[(usize, String)]) {
        let mut by_parent: Vec<(u64, usize, Vec<String>)> = Vec::new();
        for (index, tool) in results {
            let parent = self.parents[*index];
            match by_parent
                .iter_mut()
                .find(|(other, of, _)| of == index || (*other == parent && self.orphaned(*index)))
            {
                Some((.., tools)) => tools.push(tool.clone()),
                None => by_parent.push((parent, *index, vec![tool.clone()])),
            }
        }
        for (lost, result, tools) in by_parent {
            if self.repeated(result) || self.held.contains(&result) {
                continue;
            }
            let told = self.orphaned(result);
            // If the gap was closed, a parallel call follows the same record and precedes the result.
            let beside = self.links[..result].iter().position(|link| {
                link.kind == LinkedRecordKind::Assistant && lost != 0 && link.parent == lost && !told
            });
            let first = self.links.iter().position(|link| told && link.parent == lost);
            let before = first.or(beside).unwrap_or(result);
            if self.held.contains(&before) {
                continue;
            }
            let known = if told {
                None
            } else {
                // The missing parent may be the start that was just inserted.
                self.index(lost)
                    .map(RecordIdSource::Of)
                    .or_else(|| self.restored.get(&lost).copied().map(RecordIdSource::OfInsert))
            };
            let parent = known.or_else(|| self.preceding(before));
            // The call becomes part of the surrounding message, because the client sends parts off the path
            // only together with the others of their message.
            let around = self.in_front(before).map_or(0, |front| self.links[front].message);
            let of_around = |index: &usize| self.links[*index].message == around && !self.repeated(*index);
            let among = around != 0 && (before..self.links.len()).any(|index| of_around(&index));
            let of_message = (0..self.links.len())
                .filter(|index| {
                    among && self.links[*index].kind == LinkedRecordKind::Assistant && of_around(index)
                })
                .max();
            let direct = (before != result && self.links[before].kind == LinkedRecordKind::Assistant)
                .then_some(before);
            let of_message = direct.or(of_message);
            let number = self.insert(RecordInsert {
                before,
                lost: LostRecordKind::Calls(result, tools),
                id: if told { RecordIdSource::LostParentOf(result) } else { RecordIdSource::New },
                parent,
                message_of: of_message,
            });
            if told {
                self.restored.insert(lost, number);
            } else {
                self.change(result, Broken::Inserted, Some(RecordIdSource::OfInsert(number)));
                if let Some(beside) = beside {
                    self.change(beside, Broken::Inserted, Some(RecordIdSource::OfInsert(number)));
                }
            }
        }
    }

    /// Inserts a result for each call whose result is lost, after all other records of its message.
    fn restore_results(&mut self, calls: &[(usize, String)]) {
        let said = |link: &Link| {
            matches!(
                link.kind,
                LinkedRecordKind::Assistant | LinkedRecordKind::Prompt | LinkedRecordKind::Boundary
            )
        };
        // An inserted call counts as a message, too.
        let calls_again =
            self.plan.inserts.iter().filter(|insert| matches!(insert.lost, LostRecordKind::Calls(..)));
        let last_again = calls_again.map(|insert| insert.before).max();
        let last = self.links.iter().rposition(said).max(last_again).unwrap_or(0);
        for (place, (call, tool)) in calls.iter().enumerate() {
            let of_message = |link: &Link| {
                matches!(link.kind, LinkedRecordKind::Assistant | LinkedRecordKind::Result)
                    && link.message == self.links[*call].message
            };
            let end = (call + 1..self.links.len())
                .find(|index| !of_message(&self.links[*index]) && !self.repeated(*index));
            let Some(end) = end.filter(|end| *end <= last) else {
                self.plan.open_calls.push(*call);
                continue;
            };
            if self.held.contains(&end) {
                continue;
            }
            let (told, own) = (self.orphaned(end), self.parents[end] == self.links[*call].id);
            // Of several parallel calls, the conversation continues from the result of the last one.
            let more = calls[place + 1..]
                .iter()
                .any(|(other, _)| self.links[*other].message == self.links[*call].message);
            let id = if told && !more { RecordIdSource::LostParentOf(end) } else { RecordIdSource::New };
            let number = self.insert(RecordInsert {
                before: end,
                lost: LostRecordKind::Result(*call, tool.clone()),
                id,
                parent: Some(RecordIdSource::Of(*call)),
                message_of: None,
            });
            if told && !more {
                self.restored.insert(self.parents[end], number);
            } else if own {
                self.change(end, Broken::Inserted, Some(RecordIdSource::OfInsert(number)));
            }
        }
    }

    /// Links every other record with a broken link to the record before it.
    fn relink(&mut self) {
        let spoken = |link: &&Link| {
            matches!(
                link.kind,
                LinkedRecordKind::Prompt | LinkedRecordKind::Result | LinkedRecordKind::Assistant
            )
        };
        let (all, without) = self
            .links
            .iter()
            .filter(spoken)
            .fold((0, 0), |(all, without), link| (all + 1, without + usize::from(link.parent == 0)));
        // If most records have no parent, the file lost them, rather than the user going
        // back to the beginning.
        let unlinked = all > 2 && without * 2 > all;
        let forward: HashSet<usize> = (0..self.links.len())
            .filter(|index| self.index(self.parents[*index]).is_some_and(|parent| parent >= *index))
            .collect();
        // Records with the same missing parent get the same new one, so that the branches of a user who
        // went back stay separate.
        let mut found: HashMap<u64, RecordIdSource> = HashMap::new();
        for index in 1..self.links.len() {
            let link = &self.links[index];
            if self.repeated(index)
                || self.held.contains(&index)
                || self.relinked.get(&index).is_some_and(|number| self.plan.relinks[*number].parent.is_some())
            {
                continue;
            }
            let why = match self.parents[index] {
                0 if link.kind == LinkedRecordKind::Boundary => None,
                0 if unlinked
                    || matches!(link.kind, LinkedRecordKind::Result | LinkedRecordKind::Assistant) =>
                {
                    Some(Broken::Absent)
                }
                0 => None,
                _ if self.orphaned(index) => Some(Broken::Missing),
                _ if forward.contains(&index) && self.loops(index) => Some(Broken::Loop),
                _ => None,
            };
            let Some(why) = why else { continue };
            let lost = self.parents[index];
            let known = found.get(&lost).filter(|_| why == Broken::Missing).cloned();
            let known = known.filter(|name| match name {
                RecordIdSource::Of(parent) => forward.is_empty() || !self.leads_to(Some(*parent), index),
                RecordIdSource::OfInsert(_) | RecordIdSource::LostParentOf(_) | RecordIdSource::New => true,
            });
            let inserted = self.before.contains_key(&index);
            // A checkpoint names the missing record, which was therefore before the checkpoint. Everything in
            // between came later and was abandoned by the user, who went back to it.
            let checkpoint = self.talk.checkpoints.get(&lost).copied();
            let checkpoint =
                checkpoint.filter(|place| why == Broken::Missing && !inserted && (1..index).contains(place));
            let checkpoint = checkpoint.and_then(|place| self.preceding(place)).filter(|name| match name {
                RecordIdSource::Of(parent) => forward.is_empty() || !self.leads_to(Some(*parent), index),
                RecordIdSource::OfInsert(_) | RecordIdSource::LostParentOf(_) | RecordIdSource::New => true,
            });
            let known = known.or(checkpoint);
            let parent = if known.is_some() {
                known
            } else if inserted || forward.is_empty() {
                self.preceding(index)
            } else {
                self.preceding_ancestor(index)
            };
            if let Some(parent) = parent.clone().filter(|_| why == Broken::Missing) {
                found.entry(lost).or_insert(parent);
            }
            self.change(index, why, parent);
        }
    }

    /// Returns the parent of a record with the changes so far.
    fn parent(&self, index: usize) -> Option<usize> {
        let changed = self.relinked.get(&index).and_then(|number| self.plan.relinks[*number].parent.clone());
        let mut name = match changed {
            Some(name) => name,
            None => match self.restored.get(&self.parents[index]) {
                Some(number) => RecordIdSource::OfInsert(*number),
                None => return self.index(self.parents[index]),
            },
        };
        loop {
            match name {
                RecordIdSource::Of(index) => return Some(index),
                RecordIdSource::OfInsert(number) => name = self.plan.inserts[number].parent.clone()?,
                RecordIdSource::LostParentOf(first) => return self.index(self.links[first].parent),
                RecordIdSource::New => return None,
            }
        }
    }

    /// Returns whether the ancestors of a record include the record itself.
    fn loops(&self, index: usize) -> bool {
        self.leads_to(self.parent(index), index)
    }

    fn leads_to(&self, from: Option<usize>, wanted: usize) -> bool {
        let mut at = from;
        for _ in 0..=self.links.len() {
            match at {
                Some(found) if found == wanted => return true,
                Some(found) => at = self.parent(found),
                None => return false,
            }
        }
        // A loop that does not contain the wanted record.
        false
    }

    /// Returns the nearest earlier record that is not a descendant of this one.
    fn preceding_ancestor(&self, index: usize) -> Option<RecordIdSource> {
        (0..index)
            .rev()
            .take(FORKS)
            .find(|before| !self.repeated(*before) && !self.leads_to(Some(*before), index))
            .map(RecordIdSource::Of)
    }

    /// Restores the parent of copies that lost it, from the original.
    fn replays(&mut self) {
        for (first, copies) in self.later.clone() {
            let parent = self.links[first].parent;
            let known = parent != 0 && self.index(parent).is_some();
            for copy in copies {
                let own = self.links[copy].parent;
                let lost = own == 0 || self.index(own).is_none();
                let known = known && !self.held.contains(&copy);
                if known && lost && own != parent {
                    self.change(copy, Broken::Replayed, Some(RecordIdSource::LostParentOf(first)));
                }
                self.parents[first] = if lost && parent != 0 { parent } else { own };
                if lost && !known && parent != 0 && own != parent {
                    self.lost_copies.push((first, copy));
                }
            }
        }
    }

    /// Applies the changes of a record to its copies.
    fn copies(&mut self) {
        let changed: Vec<(usize, RecordIdSource)> = self
            .later
            .keys()
            .filter_map(|first| {
                let number = self.relinked.get(first)?;
                Some((*first, self.plan.relinks[*number].parent.clone()?))
            })
            .collect();
        for (first, copy) in std::mem::take(&mut self.lost_copies) {
            if self.restored.contains_key(&self.links[first].parent) && !self.held.contains(&copy) {
                self.change(copy, Broken::Inserted, Some(RecordIdSource::LostParentOf(first)));
            }
        }
        for (first, parent) in changed {
            for copy in self.later[&first].clone() {
                self.change(copy, Broken::Inserted, Some(parent.clone()));
            }
        }
    }

    /// Attaches a record that continues after a second compaction, but names a parent from before the first
    /// one, to the end of the second compaction. Otherwise everything in between is lost.
    fn rejoin_compactions(&mut self) {
        let boundaries: Vec<usize> = (0..self.links.len())
            .filter(|index| self.links[*index].kind == LinkedRecordKind::Boundary && !self.repeated(*index))
            .collect();
        for (earlier, compaction) in boundaries.iter().zip(boundaries.iter().skip(1)) {
            let tree = self.tree();
            // Messages that the earlier compaction preserved are before it in the file.
            let kept = self.talk.preserved.iter().find(|kept| kept.boundary == *earlier);
            let start =
                kept.and_then(|kept| self.index(kept.head)).map_or(*earlier, |head| head.min(*earlier));
            let from_before =
                |chain: &Self, index: usize| chain.parent(index).is_some_and(|parent| parent < start);
            // A hook wrote a record between the two, and the records after the compaction depend on it.
            let tails = self.talk.preserved.iter().filter_map(|preserved| self.index(preserved.tail));
            let tails: HashSet<usize> = tails.collect();
            let astray = (earlier + 1..*compaction).find(|index| {
                matches!(self.links[*index].kind, LinkedRecordKind::Other)
                    && !self.repeated(*index)
                    && from_before(self, *index)
                    && (tails.contains(index) || tree.goes_on(*index, 0))
            });
            if let Some(row) = astray {
                let front = (earlier + 1..row).rev().find(|index| {
                    !self.repeated(*index) && !matches!(self.links[*index].kind, LinkedRecordKind::Progress)
                });
                if let Some(front) = front.filter(|_| !self.held.contains(&row)) {
                    self.change(row, Broken::Compacted, Some(RecordIdSource::Of(front)));
                    continue;
                }
            }
            let kept = self.talk.preserved.iter().find(|kept| kept.boundary == *compaction);
            if kept.is_some_and(|kept| self.keeps(kept)) {
                // The client itself places the preserved messages, and what follows, after the summary.
                continue;
            }
            // The first record after the compaction, if nothing follows the summary.
            let block = tree.all(*compaction);
            if block.iter().any(|index| self.links[*index].kind == LinkedRecordKind::Assistant) {
                continue;
            }
            let next = (compaction + 1..self.links.len()).find(|index| {
                !self.repeated(*index)
                    && !block.contains(index)
                    && !matches!(
                        self.links[*index].kind,
                        LinkedRecordKind::Progress | LinkedRecordKind::Boundary
                    )
            });
            let Some(next) = next
                .filter(|next| !self.held.contains(next))
                .filter(|next| from_before(self, *next) && tree.goes_on(*next, 0))
            else {
                continue;
            };
            let end = block.iter().copied().filter(|index| *index < next).max().unwrap_or(*compaction);
            self.change(next, Broken::Compacted, Some(RecordIdSource::Of(end)));
        }
    }

    /// Returns whether the client finds the messages that a compaction preserved.
    fn keeps(&self, kept: &PreservedRange) -> bool {
        let Some((head, tail)) = self.index(kept.head).zip(self.index(kept.tail)) else { return false };
        head == tail || self.leads_to(Some(tail), head)
    }

    /// Returns the calls, results and skill bodies that the last compaction preserves but that are
    /// off the path from its tail to its head.
    fn beside_kept(&self) -> Vec<usize> {
        let compaction = self.compaction();
        let Some(segment) = compaction.segment else { return Vec::new() };
        let kept = compaction.kept.iter().map(|index| &self.links[*index]);
        let messages: HashSet<u64> = kept
            .filter(|link| link.kind == LinkedRecordKind::Assistant && link.message != 0)
            .map(|link| link.message)
            .collect();
        let mut beside: Vec<usize> = Vec::new();
        for index in segment.head..segment.tail {
            let link = &self.links[index];
            if self.repeated(index) || compaction.kept.contains(&index) {
                continue;
            }
            let belongs = match link.kind {
                LinkedRecordKind::Assistant | LinkedRecordKind::Result => messages.contains(&link.message),
                LinkedRecordKind::Prompt => {
                    link.meta
                        && self.parent(index).is_some_and(|parent| {
                            self.links[parent].kind == LinkedRecordKind::Result
                                && beside.binary_search(&parent).is_ok()
                        })
                }
                LinkedRecordKind::Boundary | LinkedRecordKind::Other | LinkedRecordKind::Progress => false,
            };
            if belongs {
                beside.push(index);
            }
        }
        beside
    }

    /// Links the records next to the path of the preserved messages into it, in file order, so that
    /// the client keeps them.
    fn keep_beside(&mut self) {
        let beside = self.beside_kept();
        let mut way: Vec<usize> = self.compaction().kept.into_iter().collect();
        way.sort_unstable();
        if way.windows(2).any(|pair| self.parent(pair[1]) != Some(pair[0])) {
            return;
        }
        way.extend(&beside);
        way.sort_unstable();
        for pair in way.windows(2) {
            let moved = pair.iter().any(|index| beside.binary_search(index).is_ok());
            if moved && self.parent(pair[1]) != Some(pair[0]) && !self.held.contains(&pair[1]) {
                self.change(pair[1], Broken::Beside, Some(RecordIdSource::Of(pair[0])));
            }
        }
    }

    fn tree(&self) -> Tree<'a> {
        let mut pairs: Vec<(u32, u32)> = (0..self.links.len())
            .filter(|index| !self.repeated(*index))
            .filter_map(|index| {
                let parent = self.parent(index)?;
                Some((u32::try_from(parent).ok()?, u32::try_from(index).ok()?))
            })
            .collect();
        pairs.sort_unstable();
        let mut parents = vec![None; self.links.len()];
        for (parent, child) in &pairs {
            parents[*child as usize] = Some(*parent);
        }
        let last_copies =
            self.later.iter().filter_map(|(first, copies)| Some((*first, *copies.last()?))).collect();
        Tree { links: self.links, pairs, parents, last_copies }
    }

    /// Finds forks. Joins the branches of clients that wrote at the same time. Any other branch was abandoned
    /// by a user who went back, and remains separate.
    fn forks(&mut self, join: bool) {
        let tree = self.tree();
        let mut at = 0;
        let mut forks = Vec::new();
        while at < tree.pairs.len() && forks.len() < FORKS {
            let parent = tree.pairs[at].0;
            let end = at + tree.pairs[at..].iter().take_while(|pair| pair.0 == parent).count();
            if end - at > 1 {
                let branches: Vec<usize> = tree.pairs[at..end]
                    .iter()
                    .map(|pair| pair.1 as usize)
                    .filter(|child| tree.goes_on(*child, self.links[parent as usize].message))
                    .collect();
                if branches.len() > 1 {
                    forks.push((parent as usize, branches));
                }
            }
            at = end;
        }
        let compaction = self.compaction();
        for (fork, branches) in forks {
            let mut earlier = branches[0];
            let mut end = tree.end(earlier);
            let mut joined_any = false;
            for later in branches.iter().copied().skip(1) {
                let at_once = overlap(&tree, fork, earlier, later);
                #[cfg(test)]
                let at_once = at_once || JOINING_ANY.get();
                // Records in the summary of a compaction are not sent, whether joined or not.
                let summed_up = compaction.forgets(earlier) || compaction.forgets(later);
                let joined = at_once && join && !summed_up && !self.held.contains(&later);
                self.plan.forks.push(Fork { index: later, at_once, joined });
                if joined {
                    joined_any = true;
                    let as_text = self.links[later].kind == LinkedRecordKind::Result;
                    self.change(later, Broken::Joined, Some(RecordIdSource::Of(end))).as_text = as_text;
                    self.joined_end = Some(tree.end(later));
                }
                end = tree.end(later);
                earlier = later;
            }
            if joined_any && branches.len() == 2 {
                continue;
            }
            self.plan.branches.extend(branches.iter().map(|first| tree.branch(fork, *first)));
        }
    }

    /// Determines the correct end if the client would start at a copy, a late note, or a record of another
    /// session at the end of the file, and lose the latest messages.
    fn end(&mut self) {
        let sent = self.sent();
        // The last record of a joined branch may be earlier in the file than what it follows now.
        if let Some(end) = self.joined_end.filter(|end| !sent.chain.contains(end)) {
            self.plan.leaf = Some(end);
            return;
        }
        let said = |index: &usize| {
            let link = &self.links[*index];
            !self.repeated(*index)
                && match link.kind {
                    LinkedRecordKind::Assistant | LinkedRecordKind::Result => true,
                    LinkedRecordKind::Prompt => !link.meta,
                    LinkedRecordKind::Boundary | LinkedRecordKind::Other | LinkedRecordKind::Progress => {
                        false
                    }
                }
        };
        // The client forgets what is before a compaction, unless some of it was preserved.
        let from = self.last_boundary().filter(|_| sent.compaction.segment.is_none()).unwrap_or(0);
        let Some(last) = (from..self.links.len()).rev().find(said) else { return };
        let astray = match sent.leaf {
            None => true,
            // A `last-prompt` names it, which was the choice of the client or of the user. After
            // records of another session, or if a copy is the last line, the client does not continue
            // from it to later messages.
            Some(leaf) if leaf != sent.newest => {
                let copy = self.later.contains_key(&sent.newest)
                    && !sent.chain.contains(&last)
                    && !self.is_part_of_sent_message(last, &sent)
                    && self.walk(last, &sent.compaction).contains(&leaf);
                copy || (self.talk.ends_elsewhere && self.walk(sent.newest, &sent.compaction).contains(&leaf))
            }
            // Only copies and notes follow; a user who goes back always adds a message.
            Some(_) => !sent.chain.contains(&last) && !self.is_part_of_sent_message(last, &sent),
        };
        if astray {
            self.plan.leaf = Some(self.tree().end(last));
        }
    }

    /// Returns whether other parts of the record's message are sent.
    fn is_part_of_sent_message(&self, index: usize, sent: &ClientView) -> bool {
        let message = self.links[index].message;
        message != 0 && sent.chain.iter().any(|other| self.links[*other].message == message)
    }

    /// Returns the records that the client sends. If a link is broken, the client guesses.
    fn sent(&self) -> ClientView {
        self.sent_with(true)
    }

    /// Returns the records that the client sends. Without `guesses`, the result ends at the first broken
    /// link.
    fn sent_with(&self, guesses: bool) -> ClientView {
        let last_boundary = self.last_boundary();
        let compaction = self.compaction();
        // The client treats the last line of the file as the end, even if it is a copy.
        let place =
            |index: usize| self.later.get(&index).and_then(|copies| copies.last()).copied().unwrap_or(index);
        let mut newest = (0..self.links.len())
            .filter(|index| !self.repeated(*index) && self.links[*index].kind != LinkedRecordKind::Progress)
            .max_by_key(|index| place(*index))
            .unwrap_or(0);
        if self.talk.checkpoints.is_empty() && compaction.segment.is_none() && place(newest) != newest {
            newest = self.newest_behind(newest);
        }
        let mut newest_chain = self.walk_with(newest, &compaction, guesses);
        let speaks = |index: &usize| {
            matches!(
                self.links[*index].kind,
                LinkedRecordKind::Prompt | LinkedRecordKind::Result | LinkedRecordKind::Assistant
            )
        };
        if !newest_chain.iter().any(speaks) && compaction.segment.is_some() {
            let spoken = (0..self.links.len()).filter(|index| !self.repeated(*index) && speaks(index));
            newest = spoken.max_by_key(|index| (self.links[*index].at, *index)).unwrap_or(newest);
            newest_chain = self.walk_with(newest, &compaction, guesses);
        }
        let named = match self.plan.leaf {
            Some(leaf) => Some(leaf),
            None => self
                .index(if self.as_read { self.talk.leaf_read } else { self.talk.leaf })
                .filter(|leaf| last_boundary.is_none_or(|boundary| place(*leaf) >= boundary))
                // After a compaction that preserved messages, the client uses a checkpoint only if no record
                // follows the one it names.
                .filter(|leaf| compaction.segment.is_none() || !self.is_followed(*leaf)),
        };
        let (leaf, chain) =
            match named.filter(|leaf| self.talk.ends_elsewhere || !newest_chain.contains(leaf)) {
                Some(leaf) => (Some(leaf), self.walk_with(leaf, &compaction, guesses)),
                None if self.talk.ends_elsewhere => (None, Vec::new()),
                None => (Some(newest), newest_chain),
            };
        let copies = self.later.values().flatten().copied().collect();
        ClientView { leaf, newest, chain, compaction, copies, as_read: self.as_read }
    }

    fn is_followed(&self, index: usize) -> bool {
        (0..self.links.len()).any(|other| !self.repeated(other) && self.parent(other) == Some(index))
    }

    fn last_boundary(&self) -> Option<usize> {
        (0..self.links.len())
            .rev()
            .find(|index| self.links[*index].kind == LinkedRecordKind::Boundary && !self.repeated(*index))
    }

    fn compaction(&self) -> Compaction {
        let Some(boundary) = self.last_boundary() else { return Compaction::default() };
        let Some(preserved) = self.talk.preserved.iter().find(|preserved| preserved.boundary == boundary)
        else {
            return Compaction { boundary, ..Compaction::default() };
        };
        let ends = self.index(preserved.head).zip(self.index(preserved.tail));
        let Some((head, tail)) = ends else { return Compaction::default() };
        let mut kept = HashSet::from([tail]);
        let mut at = tail;
        while at != head {
            match self.parent(at).filter(|parent| kept.insert(*parent)) {
                Some(parent) => at = parent,
                None => return Compaction::default(),
            }
        }
        let segment = KeptSegment { head, tail, anchor: self.index(preserved.anchor) };
        Compaction { boundary, kept, segment: Some(segment) }
    }

    /// Returns the record with the latest timestamp among the descendants of this one.
    fn newest_behind(&self, from: usize) -> usize {
        self.tree()
            .all(from)
            .into_iter()
            .filter(|index| self.links[*index].kind != LinkedRecordKind::Progress)
            .max_by_key(|index| (self.links[*index].at, *index))
            .unwrap_or(from)
    }

    fn walk(&self, leaf: usize, compaction: &Compaction) -> Vec<usize> {
        self.walk_with(leaf, compaction, true)
    }

    fn walk_with(&self, leaf: usize, compaction: &Compaction, guesses: bool) -> Vec<usize> {
        let mut chain = vec![leaf];
        let mut seen = HashSet::from([leaf]);
        let mut at = leaf;
        let mut left = if guesses { GUESSES } else { 0 };
        while self.links[at].kind != LinkedRecordKind::Boundary {
            let mut next = match (&compaction.segment, self.parent(at)) {
                (Some(segment), _) if at == segment.head => segment.anchor,
                (Some(segment), Some(parent)) if Some(parent) == segment.anchor => Some(segment.tail),
                (_, None) if left > 0 && self.names_nothing(at) => {
                    left -= 1;
                    self.guess(at, &seen, compaction)
                }
                (_, parent) => parent,
            };
            if next.is_some_and(|next| compaction.forgets(next)) {
                let speaks = matches!(
                    self.links[at].kind,
                    LinkedRecordKind::Prompt | LinkedRecordKind::Result | LinkedRecordKind::Assistant
                );
                next = compaction.segment.filter(|_| speaks).map(|segment| segment.tail);
            }
            let Some(next) = next.filter(|next| seen.insert(*next)) else { break };
            chain.push(next);
            at = next;
        }
        chain
    }

    /// Returns whether the record names a parent that is not in the file, and no change gives it another.
    fn names_nothing(&self, index: usize) -> bool {
        let changed =
            self.relinked.get(&index).is_some_and(|number| self.plan.relinks[*number].parent.is_some());
        self.orphaned(index) && !changed
    }

    /// Returns the record that 2.1.332 uses in place of a missing parent: of the earlier records that no
    /// earlier record follows, the one with the latest timestamp.
    fn guess(&self, index: usize, seen: &HashSet<usize>, compaction: &Compaction) -> Option<usize> {
        let in_front = |other: &usize| {
            !self.repeated(*other)
                && !compaction.forgets(*other)
                && self.links[*other].kind != LinkedRecordKind::Progress
                && self.links[*other].at <= self.links[index].at
        };
        let all: Vec<usize> = (0..index).filter(in_front).collect();
        let followed: HashSet<usize> = all.iter().filter_map(|other| self.parent(*other)).collect();
        all.into_iter()
            .filter(|other| {
                !seen.contains(other)
                    && !followed.contains(other)
                    && (self.links[*other].kind != LinkedRecordKind::Boundary || self.parents[*other] != 0)
            })
            .max_by_key(|other| (self.links[*other].at, *other))
    }
}

#[cfg(test)]
std::thread_local! {
    static JOINING_ANY: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Runs `run` with a plan that joins every branch, as a negative control.
#[cfg(test)]
pub fn joining_any_branch<T>(run: impl FnOnce() -> T) -> T {
    JOINING_ANY.set(true);
    let answer = run();
    JOINING_ANY.set(false);
    answer
}

/// Returns whether two processes wrote both branches at the same time. A user who goes back abandons one
/// branch before starting the other. So only two facts prove that two processes wrote:
///
/// - a tool call, or a part of a message, is from before a message of the other branch, its result, or the
///   next part, is from after it, and the turn continued; or
/// - both branches took turns: each continued from its own end after a message of the other. If the front
///   ends differ in kind, one alternation less is enough.
fn overlap(tree: &Tree<'_>, fork: usize, earlier: usize, later: usize) -> bool {
    let said = |first: usize| {
        let mut all: Vec<usize> = tree.all(first).into_iter().filter(|index| tree.is_said(*index)).collect();
        all.sort_unstable();
        all
    };
    let (one, other) = (said(earlier), said(later));
    within(tree, fork, &one, &other) || within(tree, fork, &other, &one) || alternate(tree, &one, &other)
}

/// Returns whether a turn of the branch `mine` was in progress when `theirs` got a message.
fn within(tree: &Tree<'_>, fork: usize, mine: &[usize], theirs: &[usize]) -> bool {
    let links = tree.links;
    mine.iter().any(|index| {
        let link = &links[*index];
        let Some(parent) = tree.said_before(*index, fork) else { return false };
        let before = &links[parent];
        let same_turn = match link.kind {
            LinkedRecordKind::Result => {
                before.message != 0
                    && before.message == link.message
                    && tree.all(*index).iter().any(|next| {
                        links[*next].kind == LinkedRecordKind::Assistant
                            && links[*next].message != link.message
                    })
            }
            LinkedRecordKind::Assistant => before.message != 0 && before.message == link.message,
            LinkedRecordKind::Prompt
            | LinkedRecordKind::Boundary
            | LinkedRecordKind::Other
            | LinkedRecordKind::Progress => false,
        };
        same_turn
            && theirs.iter().any(|other| {
                let between = &links[*other];
                parent < *other
                    && other < index
                    && before.at > 0
                    && before.at < between.at
                    && between.at < link.at
                    && between.kind == LinkedRecordKind::Prompt
            })
    })
}

/// Returns whether both branches continued from their own ends after messages of the other one.
fn alternate(tree: &Tree<'_>, one: &[usize], other: &[usize]) -> bool {
    let links = tree.links;
    let mut all: Vec<(usize, bool)> =
        one.iter().map(|index| (*index, true)).chain(other.iter().map(|index| (*index, false))).collect();
    all.sort_unstable_by_key(|(index, _)| tree.place(*index));
    if all.windows(2).any(|pair| links[pair[0].0].at == 0 || links[pair[1].0].at < links[pair[0].0].at) {
        return false;
    }
    let mut ends: [Option<usize>; 2] = [None, None];
    let mut runs: Vec<u8> = Vec::new();
    let mut side = None;
    for (index, first) in all {
        let own = usize::from(!first);
        if side != Some(first) {
            // Continuing from anywhere but its own end means going back.
            if ends[own].is_some_and(|end| tree.said_before(index, usize::MAX) != Some(end)) {
                return false;
            }
            runs.push(links[index].entrypoint);
            side = Some(first);
        }
        ends[own] = Some(index);
    }
    match runs[..] {
        [mine, theirs, again] => mine == again && mine != theirs,
        _ => runs.len() > 3,
    }
}

struct Tree<'a> {
    links: &'a [Link],
    /// Pairs of parent and child, sorted.
    pairs: Vec<(u32, u32)>,
    parents: Vec<Option<u32>>,
    /// Positions of the last copies of records, by the first one.
    last_copies: HashMap<usize, usize>,
}

impl Tree<'_> {
    /// Returns the position of a record. If the record's parent was lost and written again, the first copy
    /// may precede the parent. In this case the last copy counts.
    fn place(&self, index: usize) -> usize {
        let astray = self.parent(index).is_some_and(|parent| parent > index);
        self.last_copies.get(&index).filter(|_| astray).copied().unwrap_or(index)
    }

    fn children(&self, index: usize) -> impl Iterator<Item = usize> {
        let from = self.pairs.partition_point(|pair| (pair.0 as usize) < index);
        self.pairs[from..].iter().take_while(move |pair| pair.0 as usize == index).map(|pair| pair.1 as usize)
    }

    fn parent(&self, index: usize) -> Option<usize> {
        self.parents[index].map(|parent| parent as usize)
    }

    fn is_said(&self, index: usize) -> bool {
        let link = &self.links[index];
        matches!(link.kind, LinkedRecordKind::Assistant | LinkedRecordKind::Result)
            || (link.kind == LinkedRecordKind::Prompt && !link.meta)
    }

    /// Returns the nearest ancestor with a message, up to and including `limit`.
    fn said_before(&self, index: usize, limit: usize) -> Option<usize> {
        let mut at = self.parent(index)?;
        for _ in 0..self.links.len() {
            if self.is_said(at) {
                return Some(at);
            }
            if at == limit {
                return None;
            }
            at = self.parent(at)?;
        }
        None
    }

    /// Returns whether the branch contains a message that is neither part of the message from which the
    /// branch starts nor written by the client itself.
    fn goes_on(&self, from: usize, message: u64) -> bool {
        self.all(from).into_iter().any(|index| {
            let link = &self.links[index];
            match link.kind {
                LinkedRecordKind::Prompt => !link.meta,
                LinkedRecordKind::Boundary => true,
                LinkedRecordKind::Assistant => message == 0 || link.message != message,
                LinkedRecordKind::Result | LinkedRecordKind::Other | LinkedRecordKind::Progress => false,
            }
        })
    }

    /// Returns a record and all of its descendants.
    fn all(&self, from: usize) -> Vec<usize> {
        let mut all = Vec::new();
        let mut left = vec![from];
        // A descendant may be earlier in the file if the first copy of its ancestor was lost, and links
        // can form a loop.
        let mut seen = HashSet::from([from]);
        while let Some(index) = left.pop() {
            all.push(index);
            left.extend(self.children(index).filter(|child| seen.insert(*child)));
        }
        all
    }

    /// Returns the last record of a branch.
    fn end(&self, from: usize) -> usize {
        let skipped = |index: &usize| self.links[*index].kind != LinkedRecordKind::Progress;
        self.all(from).into_iter().filter(skipped).max().unwrap_or(from)
    }

    fn branch(&self, fork: usize, first: usize) -> Branch {
        let all = self.all(first);
        let prompts = all.iter().filter(|index| {
            self.links[**index].kind == LinkedRecordKind::Prompt && !self.links[**index].meta
        });
        Branch {
            fork,
            first,
            leaf: self.end(first),
            words: all.iter().copied().filter(|index| self.is_said(*index)).max().unwrap_or(first),
            turns: prompts.count() as u64,
            bytes: all.iter().map(|index| self.links[*index].length).sum(),
            sent: false,
            members: all,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Id, parent, message and kind of a record. Records are one second apart.
    type Row = (u64, u64, u64, LinkedRecordKind);

    fn talk(rows: &[Row]) -> ConversationRecords {
        let link = |(index, (id, parent, message, kind)): (usize, &Row)| Link {
            id: *id,
            parent: *parent,
            message: *message,
            offset: index as u64 * 100,
            piece: 0,
            kind: *kind,
            entrypoint: 0,
            meta: false,
            unread: false,
            at: 1000 * (1 + i64::try_from(index).unwrap()),
            length: 100,
            weight: 50,
        };
        ConversationRecords {
            links: rows.iter().enumerate().map(link).collect(),
            ..ConversationRecords::default()
        }
    }

    const LOST: u64 = 99;
    /// A turn with two parallel calls that a compaction preserves completely; the prompt is 1,
    /// the last answer 6.
    const KEPT: [Row; 9] = [
        (1, 0, 0, LinkedRecordKind::Prompt),
        (2, 1, 50, LinkedRecordKind::Assistant),
        (3, 2, 50, LinkedRecordKind::Assistant),
        (4, 2, 50, LinkedRecordKind::Result),
        (5, 3, 50, LinkedRecordKind::Result),
        (6, 5, 60, LinkedRecordKind::Assistant),
        (7, 0, 0, LinkedRecordKind::Boundary),
        (8, 7, 0, LinkedRecordKind::Prompt),
        (9, 6, 0, LinkedRecordKind::Prompt),
    ];

    #[test]
    fn a_link_is_repaired_only_if_the_client_sends_no_less_afterwards() {
        let with = |changes: &[(usize, Row)]| {
            let mut rows = KEPT;
            for (index, row) in changes {
                rows[*index] = *row;
            }
            rows
        };
        let one_call = with(&[
            (2, (3, 2, 0, LinkedRecordKind::Other)),
            (3, (4, 3, 0, LinkedRecordKind::Other)),
            (4, (5, 4, 50, LinkedRecordKind::Result)),
        ]);
        let broken = |mut rows: [Row; 9], index: usize| {
            rows[index].1 = LOST;
            rows
        };
        // Name, rows, whether a compaction preserves the turn, and the indices of the relinked records.
        for (what, rows, keeps, relinked) in [
            ("sound", KEPT, true, &[][..]),
            ("one call, its link", broken(one_call, 1), true, &[1]),
            ("two calls, the first one's link", broken(KEPT, 1), true, &[1, 3, 4]),
            ("two calls, the answer's link", broken(KEPT, 5), true, &[3, 4, 5]),
            ("two calls, behind the compaction", broken(KEPT, 8), true, &[8]),
            ("two calls, nothing is kept", broken(KEPT, 1), false, &[1]),
        ] {
            let mut talk = talk(&rows);
            if keeps {
                talk.preserved.push(PreservedRange { boundary: 6, head: 1, tail: 6, anchor: 8 });
            }
            let plan = plan(&talk, RepairScope::Joins, false);
            assert!(!plan.harms && plan.refused.is_empty(), "{what}");
            let changed: Vec<usize> = plan.relinks.iter().map(|relink| relink.index).collect();
            assert_eq!(changed, relinked, "{what}");
            let on_way: Vec<usize> = if keeps { (0..6).collect() } else { vec![] };
            if changed.len() > 1 {
                assert!(on_way.iter().all(|index| plan.sent.contains(index)), "{what}: {:?}", plan.sent);
            }
        }
    }

    #[test]
    fn a_fork_before_a_compaction_is_not_joined() {
        // Two clients took turns, followed by a compaction that preserves nothing.
        let rows = [
            (1, 0, 0, LinkedRecordKind::Prompt),
            (2, 1, 50, LinkedRecordKind::Assistant),
            (3, 2, 0, LinkedRecordKind::Prompt),
            (4, 3, 60, LinkedRecordKind::Assistant),
            (5, 2, 0, LinkedRecordKind::Prompt),
            (6, 5, 70, LinkedRecordKind::Assistant),
            (7, 4, 0, LinkedRecordKind::Prompt),
            (8, 7, 80, LinkedRecordKind::Assistant),
            (9, 6, 0, LinkedRecordKind::Prompt),
            (10, 9, 90, LinkedRecordKind::Assistant),
            (11, 0, 0, LinkedRecordKind::Boundary),
            (12, 11, 0, LinkedRecordKind::Prompt),
            (13, 12, 95, LinkedRecordKind::Assistant),
        ];
        for (count, joined) in [(10, true), (13, false)] {
            let plan = plan(&talk(&rows[..count]), RepairScope::Joins, false);
            let forks: Vec<_> =
                plan.forks.iter().map(|fork| (fork.index, fork.at_once, fork.joined)).collect();
            assert_eq!(forks, [(4, true, joined)], "{count}");
            assert_eq!(plan.leaf, None, "{count}");
        }
    }

    #[test]
    fn a_call_inserted_among_the_parts_of_a_message_belongs_to_the_message() {
        let rows = [
            (1, 0, 0, LinkedRecordKind::Prompt),
            (2, 1, 50, LinkedRecordKind::Assistant),
            (3, LOST, 0, LinkedRecordKind::Result),
            (4, 2, 50, LinkedRecordKind::Result),
            (5, 4, 60, LinkedRecordKind::Assistant),
        ];
        let mut talk = talk(&rows);
        talk.unpaired.results.push((2, "toolu_lost".into()));
        let plan = plan(&talk, RepairScope::Joins, false);
        assert_eq!(plan.inserts.len(), 1);
        assert_eq!(plan.inserts[0].message_of, Some(1), "the client sends it although it is not on its way");
    }

    #[test]
    fn a_copy_without_a_parent_follows_the_record_inserted_for_the_first_copy() {
        let rows = [
            (1, 0, 0, LinkedRecordKind::Prompt),
            (2, LOST, 0, LinkedRecordKind::Progress),
            (3, LOST, 0, LinkedRecordKind::Result),
            (4, 3, 60, LinkedRecordKind::Assistant),
            (2, 0, 0, LinkedRecordKind::Progress),
        ];
        let mut talk = talk(&rows);
        talk.unpaired.results.push((2, "toolu_lost".into()));
        let plan = plan(&talk, RepairScope::Joins, false);
        assert_eq!(plan.inserts.len(), 1);
        let copy = plan.relinks.iter().find(|relink| relink.index == 4);
        assert_eq!(copy.and_then(|copy| copy.parent.clone()), Some(RecordIdSource::LostParentOf(1)));
    }

    #[test]
    fn a_checkpoint_that_the_client_does_not_read_is_not_the_leaf() {
        let rows = [
            (1, 0, 0, LinkedRecordKind::Prompt),
            (2, 1, 50, LinkedRecordKind::Assistant),
            (3, 2, 0, LinkedRecordKind::Prompt),
            (4, 2, 0, LinkedRecordKind::Prompt),
            (5, 4, 60, LinkedRecordKind::Assistant),
        ];
        for (unread, leaf) in [(false, 4), (true, 2)] {
            let mut talk = talk(&rows);
            talk.checkpoint(3, false);
            talk.checkpoint(LOST, unread);
            let none = HashSet::new();
            assert_eq!(Chain::as_read(&talk, &none).sent().leaf, Some(leaf), "{unread}");
        }
    }

    #[test]
    fn a_branch_continues_after_a_record_whose_first_copy_precedes_its_parent() {
        let rows = [
            (1, 0, 0, LinkedRecordKind::Prompt),
            (3, 2, 50, LinkedRecordKind::Assistant),
            (2, 1, 40, LinkedRecordKind::Assistant),
            (3, 2, 50, LinkedRecordKind::Assistant),
            (4, 3, 0, LinkedRecordKind::Prompt),
            (5, 4, 60, LinkedRecordKind::Assistant),
        ];
        let mut talk = talk(&rows);
        talk.ends_elsewhere = true;
        assert_eq!(
            plan(&talk, RepairScope::Joins, false).leaf,
            Some(5),
            "the last record, not the one at the first copy"
        );
    }

    #[test]
    fn a_record_named_by_a_checkpoint_is_searched_before_the_checkpoint() {
        let rows = [
            (1, 0, 0, LinkedRecordKind::Prompt),
            (2, 1, 50, LinkedRecordKind::Assistant),
            (3, 4, 0, LinkedRecordKind::Prompt),
            (5, 3, 60, LinkedRecordKind::Assistant),
            (6, LOST, 0, LinkedRecordKind::Prompt),
            (7, 6, 70, LinkedRecordKind::Assistant),
        ];
        for (checkpoint, follows) in [(Some(2), 1), (None, 3)] {
            let mut talk = talk(&rows);
            talk.links[2].parent = 2;
            talk.checkpoints.extend(checkpoint.map(|place| (LOST, place)));
            let plan = plan(&talk, RepairScope::Joins, false);
            assert_eq!(plan.relinks.len(), 1);
            assert_eq!(plan.relinks[0].parent, Some(RecordIdSource::Of(follows)), "{checkpoint:?}");
            assert_eq!(plan.sent.contains(&3), follows == 3, "a turn that was left is not sent again");
        }
    }

    #[test]
    fn a_copy_at_the_end_does_not_become_the_leaf() {
        let rows = [
            (1, 0, 0, LinkedRecordKind::Prompt),
            (2, 1, 50, LinkedRecordKind::Assistant),
            (3, 2, 0, LinkedRecordKind::Prompt),
            (4, 3, 60, LinkedRecordKind::Assistant),
            (3, 2, 0, LinkedRecordKind::Prompt),
        ];
        // Without a checkpoint, the client continues from the copy to what follows it.
        for (checkpoint, leaf) in [(2, Some(3)), (0, None)] {
            let mut talk = talk(&rows);
            if checkpoint != 0 {
                talk.checkpoints.insert(checkpoint, 2);
                talk.leaf = checkpoint;
            }
            let plan = plan(&talk, RepairScope::Joins, false);
            assert_eq!(plan.leaf, leaf, "{checkpoint}");
            assert_eq!(plan.sent, [0, 1, 2, 3]);
        }
    }
}
