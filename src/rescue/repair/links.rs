//! The links of a conversation: which record follows which, as a list that holds a few words a record, and what is broken
//! in it.
//!
//! The client walks from the newest record to the first along `parentUuid`; what is not on its way is not sent. A plan
//! here says how the fewest links are changed so that every record is on it that belongs there. It is a pure value.
//!
//! Measured on 2.1.329: a result without its call, and a call without its result in front of later turns, are left out of
//! the request; a parent that is not in the file is replaced by a guess that loses turns in some shapes; no parent in the
//! middle ends the conversation there. Calls that were made at once hang on each other, each with its result beside it.

use std::collections::{BTreeMap, HashMap, HashSet};

/// Forks that are looked at.
const FORKS: usize = 64;

/// What a record is in the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Something a person or the client said to the model.
    Prompt,
    /// Results of tool calls.
    Result,
    /// What the model said.
    Assistant,
    /// Where the conversation was compacted: it begins anew.
    Boundary,
    /// A note or an attachment.
    Other,
}

/// One record of the conversation, in the order of the file. Names are hashes; 0 is none.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    /// Its own id.
    pub id: u64,
    /// Of the record it follows.
    pub parent: u64,
    /// Of the message it is a part of; of a result, that its call is a part of.
    pub message: u64,
    /// Offset of its line.
    pub offset: u64,
    /// Which record of its line it is.
    pub piece: u16,
    /// What it is.
    pub kind: Kind,
    /// How the client was started that wrote it: clients of different kinds are different clients.
    pub entrypoint: u8,
}

/// What a record without a link is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// The id that the record at this index names as its parent, which is in no record.
    LostParentOf(usize),
    /// The id of the record at this index.
    Of(usize),
    /// The id of the insert with this number.
    OfInsert(usize),
    /// One that nothing has.
    New,
}

/// A record that is put in for one that is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Insert {
    /// In front of the record at this index.
    pub before: usize,
    /// What for.
    pub lost: Lost,
    /// Its id.
    pub id: Name,
    /// What it follows; `None`: nothing.
    pub parent: Option<Name>,
    /// The message it is a part of is that of the record at this index.
    pub message_of: Option<usize>,
}

/// What is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// The beginning of the conversation.
    Start,
    /// The call of these results, the first of which is at this index.
    Calls(usize, Vec<String>),
    /// The result of the call at this index.
    Result(usize, String),
}

/// Why a link is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// It names a record that is not there.
    Missing,
    /// It names none, in the middle.
    Absent,
    /// It names itself or one that follows it.
    Loop,
    /// The record has no id.
    Unnamed,
    /// It follows a record that is put in.
    Inserted,
    /// Its branch is put behind another.
    Joined,
}

/// A link that is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relink {
    /// Index of the record.
    pub index: usize,
    /// Why.
    pub why: Broken,
    /// What it follows from now on; `None`: what it did.
    pub parent: Option<Name>,
    /// Its new id.
    pub id: Option<Name>,
    /// Its results were given before: they become a text.
    pub as_text: bool,
}

/// A place from which two branches grow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fork {
    /// First record of the later branch.
    pub index: usize,
    /// Two clients wrote it at once, so that neither branch was given up; the later one is put behind the earlier.
    pub joined: bool,
}

/// What is to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Records that are put in, in the order of the file.
    pub inserts: Vec<Insert>,
    /// Links that are changed.
    pub relinks: Vec<Relink>,
    /// Forks.
    pub forks: Vec<Fork>,
    /// Calls without a result behind which nothing was said: the client itself tells the model.
    pub open_calls: Vec<usize>,
}

/// Calls and results that lack the other.
#[derive(Debug, Default)]
pub struct Unpaired {
    /// Calls without a result: index, id of the call.
    pub calls: Vec<(usize, String)>,
    /// Results without a call.
    pub results: Vec<(usize, String)>,
}

/// Plans for a conversation.
#[must_use]
pub fn plan(links: &[Link], unpaired: &Unpaired) -> Plan {
    if !links.iter().any(|link| link.kind == Kind::Assistant || link.kind == Kind::Prompt) {
        return Plan::default();
    }
    let mut chain = Chain::of(links);
    chain.name_the_unnamed();
    chain.begin();
    chain.restore_calls(&unpaired.results);
    chain.restore_results(&unpaired.calls);
    chain.relink();
    chain.join();
    let mut plan = chain.plan;
    plan.relinks.sort_by_key(|relink| relink.index);
    plan
}

struct Chain<'a> {
    links: &'a [Link],
    /// Index by id; the first of equal ones.
    by_id: HashMap<u64, u32>,
    /// Parents that are lost and are put in again.
    restored: HashMap<u64, usize>,
    /// Inserts by the record they stand in front of.
    before: BTreeMap<usize, Vec<usize>>,
    relinked: BTreeMap<usize, usize>,
    plan: Plan,
}

impl<'a> Chain<'a> {
    fn of(links: &'a [Link]) -> Self {
        let mut by_id = HashMap::with_capacity(links.len());
        for (index, link) in (0..).zip(links) {
            by_id.entry(link.id).or_insert(index);
        }
        by_id.remove(&0);
        Self {
            links,
            by_id,
            restored: HashMap::new(),
            before: BTreeMap::new(),
            relinked: BTreeMap::new(),
            plan: Plan::default(),
        }
    }

    fn index(&self, id: u64) -> Option<usize> {
        self.by_id.get(&id).map(|index| *index as usize)
    }

    /// The same record stands further in front.
    fn repeated(&self, index: usize) -> bool {
        self.links[index].id != 0 && self.index(self.links[index].id) != Some(index)
    }

    /// Its parent is named, and is neither in the file nor put in again.
    fn orphaned(&self, index: usize) -> bool {
        let parent = self.links[index].parent;
        parent != 0 && self.index(parent).is_none() && !self.restored.contains_key(&parent)
    }

    /// What stands in front of a record: the last that is put in there, else the record before.
    fn preceding(&self, index: usize) -> Option<Name> {
        if let Some(last) = self.before.get(&index).and_then(|all| all.last()) {
            return Some(Name::OfInsert(*last));
        }
        (0..index).rev().find(|before| !self.repeated(*before)).map(Name::Of)
    }

    fn insert(&mut self, insert: Insert) -> usize {
        let number = self.plan.inserts.len();
        self.before.entry(insert.before).or_default().push(number);
        self.plan.inserts.push(insert);
        number
    }

    fn change(&mut self, index: usize, why: Broken, parent: Option<Name>) -> &mut Relink {
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

    /// Records without an id: the next one says what it was.
    fn name_the_unnamed(&mut self) {
        for index in 0..self.links.len() {
            if self.links[index].id != 0 {
                continue;
            }
            let next = index + 1;
            let told = next < self.links.len() && self.orphaned(next);
            if told {
                let lost = self.links[next].parent;
                self.by_id.insert(lost, u32::try_from(index).unwrap_or(u32::MAX));
            }
            let name = if told { Name::LostParentOf(next) } else { Name::New };
            self.change(index, Broken::Unnamed, None).id = Some(name);
        }
    }

    /// A conversation that begins with an answer has lost its beginning, and a request may not begin so.
    fn begin(&mut self) {
        let talk = |kind| matches!(kind, Kind::Prompt | Kind::Result | Kind::Assistant | Kind::Boundary);
        let mut at = self.links.iter().position(|link| talk(link.kind));
        // What the first answer follows may stand behind it: batches of lines race.
        for _ in 0..self.links.len() {
            match at.map(|index| self.links[index]) {
                Some(link) if matches!(link.kind, Kind::Prompt | Kind::Boundary) => return,
                Some(link) => at = self.index(link.parent),
                None => break,
            }
        }
        let told = self.orphaned(0);
        let id = if told { Name::LostParentOf(0) } else { Name::New };
        let number = self.insert(Insert { before: 0, lost: Lost::Start, id, parent: None, message_of: None });
        if told {
            self.restored.insert(self.links[0].parent, number);
        } else {
            self.change(0, Broken::Inserted, Some(Name::OfInsert(number)));
        }
    }

    /// A result whose call is lost gets a call again, in the place and with the id of the lost one.
    fn restore_calls(&mut self, results: &[(usize, String)]) {
        let mut by_parent: Vec<(u64, usize, Vec<String>)> = Vec::new();
        for (index, tool) in results {
            let parent = self.links[*index].parent;
            match by_parent
                .iter_mut()
                .find(|(other, of, _)| of == index || (*other == parent && self.orphaned(*index)))
            {
                Some((.., tools)) => tools.push(tool.clone()),
                None => by_parent.push((parent, *index, vec![tool.clone()])),
            }
        }
        for (lost, result, tools) in by_parent {
            if self.repeated(result) {
                continue;
            }
            let told = self.orphaned(result);
            // Where the gap was closed, a call that was made at once follows the same record and comes before the result.
            let beside = self.links[..result]
                .iter()
                .position(|link| link.kind == Kind::Assistant && lost != 0 && link.parent == lost && !told);
            let first = self.links.iter().position(|link| told && link.parent == lost);
            let before = first.or(beside).unwrap_or(result);
            let known = if told { None } else { self.index(lost).map(Name::Of) };
            let parent = known.or_else(|| self.preceding(before));
            let of_message = before != result && self.links[before].kind == Kind::Assistant;
            let number = self.insert(Insert {
                before,
                lost: Lost::Calls(result, tools),
                id: if told { Name::LostParentOf(result) } else { Name::New },
                parent,
                message_of: of_message.then_some(before),
            });
            if told {
                self.restored.insert(lost, number);
            } else {
                self.change(result, Broken::Inserted, Some(Name::OfInsert(number)));
                if let Some(beside) = beside {
                    self.change(beside, Broken::Inserted, Some(Name::OfInsert(number)));
                }
            }
        }
    }

    /// A call whose result is lost gets one that says so, behind everything of its message.
    fn restore_results(&mut self, calls: &[(usize, String)]) {
        let said = |link: &Link| matches!(link.kind, Kind::Assistant | Kind::Prompt | Kind::Boundary);
        // A call that is put in again is said, too.
        let calls_again = self.plan.inserts.iter().filter(|insert| matches!(insert.lost, Lost::Calls(..)));
        let last_again = calls_again.map(|insert| insert.before).max();
        let last = self.links.iter().rposition(said).max(last_again).unwrap_or(0);
        for (place, (call, tool)) in calls.iter().enumerate() {
            let of_message = |link: &Link| {
                matches!(link.kind, Kind::Assistant | Kind::Result)
                    && link.message == self.links[*call].message
            };
            let end = (call + 1..self.links.len())
                .find(|index| !of_message(&self.links[*index]) && !self.repeated(*index));
            let Some(end) = end.filter(|end| *end <= last) else {
                self.plan.open_calls.push(*call);
                continue;
            };
            let (told, own) = (self.orphaned(end), self.links[end].parent == self.links[*call].id);
            // Of several calls that were made at once, the last one's result is what goes on.
            let more = calls[place + 1..]
                .iter()
                .any(|(other, _)| self.links[*other].message == self.links[*call].message);
            let id = if told && !more { Name::LostParentOf(end) } else { Name::New };
            let number = self.insert(Insert {
                before: end,
                lost: Lost::Result(*call, tool.clone()),
                id,
                parent: Some(Name::Of(*call)),
                message_of: None,
            });
            if told && !more {
                self.restored.insert(self.links[end].parent, number);
            } else if own {
                self.change(end, Broken::Inserted, Some(Name::OfInsert(number)));
            }
        }
    }

    /// Every other broken link leads to what stands in front.
    fn relink(&mut self) {
        let spoken = |link: &&Link| matches!(link.kind, Kind::Prompt | Kind::Result | Kind::Assistant);
        let (all, without) = self
            .links
            .iter()
            .filter(spoken)
            .fold((0, 0), |(all, without), link| (all + 1, without + usize::from(link.parent == 0)));
        // Most have no parent: then the file lost them, and it was nobody who went back to the beginning.
        let unlinked = all > 2 && without * 2 > all;
        let forward: HashSet<usize> = (0..self.links.len())
            .filter(|index| self.index(self.links[*index].parent).is_some_and(|parent| parent >= *index))
            .collect();
        for index in 1..self.links.len() {
            let link = &self.links[index];
            if self.repeated(index)
                || self.relinked.get(&index).is_some_and(|number| self.plan.relinks[*number].parent.is_some())
            {
                continue;
            }
            let why = match link.parent {
                0 if link.kind == Kind::Boundary => None,
                0 if unlinked || matches!(link.kind, Kind::Result | Kind::Assistant) => Some(Broken::Absent),
                0 => None,
                _ if self.orphaned(index) => Some(Broken::Missing),
                _ if forward.contains(&index) && self.loops(index) => Some(Broken::Loop),
                _ => None,
            };
            let Some(why) = why else { continue };
            let inserted = self.before.contains_key(&index);
            let parent = if inserted || forward.is_empty() {
                self.preceding(index)
            } else {
                self.preceding_ancestor(index)
            };
            self.change(index, why, parent);
        }
    }

    /// The parent a record has by now.
    fn parent(&self, index: usize) -> Option<usize> {
        let changed = self.relinked.get(&index).and_then(|number| self.plan.relinks[*number].parent.clone());
        let mut name = match changed {
            Some(name) => name,
            None => match self.restored.get(&self.links[index].parent) {
                Some(number) => Name::OfInsert(*number),
                None => return self.index(self.links[index].parent),
            },
        };
        loop {
            match name {
                Name::Of(index) => return Some(index),
                Name::OfInsert(number) => name = self.plan.inserts[number].parent.clone()?,
                Name::LostParentOf(_) | Name::New => return None,
            }
        }
    }

    /// Walking on from a record one comes back to it.
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
        // Another loop than its own.
        false
    }

    /// The nearest record in front that does not follow this one.
    fn preceding_ancestor(&self, index: usize) -> Option<Name> {
        (0..index)
            .rev()
            .take(FORKS)
            .find(|before| !self.repeated(*before) && !self.leads_to(Some(*before), index))
            .map(Name::Of)
    }

    /// Finds forks, and puts the branches of clients that wrote at once behind each other.
    fn join(&mut self) {
        let parents: Vec<Option<usize>> = (0..self.links.len())
            .map(|index| if self.repeated(index) { None } else { self.parent(index) })
            .collect();
        let mut pairs: Vec<(u32, u32)> = (0..)
            .zip(&parents)
            .filter_map(|(index, parent)| Some((u32::try_from((*parent)?).ok()?, index)))
            .collect();
        drop(parents);
        pairs.sort_unstable();
        let tree = Tree { links: self.links, pairs };
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
                    forks.push(branches);
                }
            }
            at = end;
        }
        for branches in forks {
            let mut earlier = branches[0];
            let mut end = tree.end(earlier);
            for later in branches.into_iter().skip(1) {
                let joined = later < end || self.links[later].entrypoint != self.links[earlier].entrypoint;
                self.plan.forks.push(Fork { index: later, joined });
                if joined {
                    let as_text = self.links[later].kind == Kind::Result;
                    self.change(later, Broken::Joined, Some(Name::Of(end))).as_text = as_text;
                    end = tree.end(later);
                } else {
                    end = tree.end(later);
                }
                earlier = later;
            }
        }
    }
}

/// Children of records.
struct Tree<'a> {
    links: &'a [Link],
    /// Parent and child, sorted.
    pairs: Vec<(u32, u32)>,
}

impl Tree<'_> {
    fn children(&self, index: usize) -> impl Iterator<Item = usize> {
        let from = self.pairs.partition_point(|pair| (pair.0 as usize) < index);
        self.pairs[from..].iter().take_while(move |pair| pair.0 as usize == index).map(|pair| pair.1 as usize)
    }

    /// Something was said on this branch that is no part of the message it hangs on.
    fn goes_on(&self, from: usize, message: u64) -> bool {
        let mut left = vec![from];
        while let Some(index) = left.pop() {
            let link = &self.links[index];
            match link.kind {
                Kind::Prompt | Kind::Boundary => return true,
                Kind::Assistant if message == 0 || link.message != message => return true,
                _ => left.extend(self.children(index).filter(|child| *child > index)),
            }
        }
        false
    }

    /// The last record of a branch.
    fn end(&self, from: usize) -> usize {
        let mut last = from;
        let mut left = vec![from];
        while let Some(index) = left.pop() {
            last = last.max(index);
            left.extend(self.children(index).filter(|child| *child > index));
        }
        last
    }
}
