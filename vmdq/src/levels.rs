//! Levels over the whole graph of partitions and segments.
//!
//! A frame can step from one partition to another by a declared flow, or through a
//! segment that the first sends to and the second receives from. Whatever such
//! steps lead to counts as reached, whoever is in between: a partition without a
//! level stops nothing. A step is sanctioned, and leaves the graph, when its pair
//! has a flow with `downgrade`.
//!
//! Not here: what the flows then let pass (`verdict`).

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use crate::error::{Checked, PolicyErrorKind as Kind, Refusal};
use crate::frame::Segment;
use crate::partition::PartitionSet;
use crate::policy::{At, Policy};

/// A declared flow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Edge {
    pub(crate) downgrade: bool,
    /// Where it is declared.
    pub(crate) at: usize,
}

/// The flows by sender and receiver.
pub(crate) type Edges = BTreeMap<(usize, usize), Edge>;

/// Who is on which segment, by VID.
pub(crate) struct Segments(Vec<PartitionSet>);

impl Segments {
    /// The members of every segment of `policy`.
    pub(crate) fn new(policy: &Policy) -> Self {
        let mut members = vec![PartitionSet::EMPTY; 4096];
        for (p, partition) in policy.partitions.iter().enumerate() {
            partition.segments().for_each(|on| members[usize::from(on.vid())].insert(p));
        }
        Self(members)
    }

    /// The first segment of partition `a` that `b` is on too, as `a` lists it.
    pub(crate) fn common(&self, policy: &Policy, a: usize, b: usize) -> Option<At<Segment>> {
        let shared = |on: &At<Segment>| self.0[usize::from(on.vid())].contains(b);
        policy.partitions[a].segments().find(shared)
    }
}

/// How a frame gets from one partition to the next.
#[derive(Clone, Copy)]
enum Step {
    Flow(usize),
    Wire(Segment),
}

/// The partitions of a policy, their levels, and the steps between them.
pub(crate) struct Graph<'p> {
    policy: &'p Policy,
    segments: &'p Segments,
    edges: &'p Edges,
    ranks: Vec<Option<usize>>,
}

impl<'p> Graph<'p> {
    /// # Errors
    /// A level that `levels.order` does not list.
    pub(crate) fn new(
        policy: &'p Policy,
        segments: &'p Segments,
        edges: &'p Edges,
    ) -> Checked<Self> {
        let mut ranks = Vec::new();
        for partition in &policy.partitions {
            let rank = |level: &At<String>| {
                let found = policy.levels.iter().position(|known| **known == **level);
                let (name, text) = (partition.name.value.clone(), level.value.clone());
                found.ok_or_else(|| Kind::UnknownLevel(name, text).at(level.at))
            };
            ranks.push(partition.level.as_ref().map(rank).transpose()?);
        }
        Ok(Self { policy, segments, edges, ranks })
    }

    /// Refuses different levels that meet on a segment without declared flows, and
    /// every way down that is not sanctioned.
    pub(crate) fn check(&self) -> Checked {
        let count = self.ranks.len();
        (0..count).try_for_each(|from| (0..count).try_for_each(|to| self.meeting(from, to)))?;
        (0..count).try_for_each(|from| self.downhill(from))
    }

    /// Outside, whatever `from` sends to a segment reaches all who receive there.
    fn wire(&self, from: usize, to: usize) -> Option<At<Segment>> {
        let [sender, receiver] = [from, to].map(|p| &self.policy.partitions[p]);
        let open = from != to && sender.wire.sends() && receiver.wire.receives();
        open.then(|| self.segments.common(self.policy, from, to)).flatten()
    }

    fn meeting(&self, from: usize, to: usize) -> Checked {
        let same = self.ranks[from].is_none()
            || self.ranks[to].is_none()
            || self.ranks[from] == self.ranks[to];
        if same || self.edges.contains_key(&(from, to)) {
            return Ok(());
        }
        let Some(here) = self.wire(from, to) else {
            return Ok(());
        };
        let mut there = self.policy.partitions[to].segments();
        let there = there.find(|on| on.value == here.value).map_or(here.at, |on| on.at);
        let kind = Kind::LevelsMeet(self.side(from), self.side(to), here.value);
        Err(kind.at(here.at.max(there)).and(here.at.min(there)))
    }

    fn step(&self, from: usize, to: usize) -> Option<Step> {
        match self.edges.get(&(from, to)) {
            Some(flow) => (!flow.downgrade).then_some(Step::Flow(flow.at)),
            None => self.wire(from, to).map(|on| Step::Wire(on.value)),
        }
    }

    /// Searches breadth first, so that the path shown is a shortest one.
    fn downhill(&self, top: usize) -> Checked {
        let mut came: Vec<Option<(usize, Step)>> = vec![None; self.ranks.len()];
        let mut queue = vec![top];
        let mut next = 0;
        while let Some(&here) = queue.get(next) {
            for to in (0..came.len()).filter(|to| *to != top) {
                let Some(step) = self.step(here, to).filter(|_| came[to].is_none()) else {
                    continue;
                };
                came[to] = Some((here, step));
                queue.push(to);
                // Without the first half, "no level" would count as the lowest.
                if self.ranks[to].is_some() && self.ranks[to] < self.ranks[top] {
                    return Err(self.refusal(top, to, &came));
                }
            }
            next += 1;
        }
        Ok(())
    }

    /// Points at the last flow of the way down, or at its upper end if it has none.
    fn refusal(&self, top: usize, low: usize, came: &[Option<(usize, Step)>]) -> Refusal {
        let name = |p: usize| &self.policy.partitions[p].name;
        let (mut path, mut flow, mut here) = (format!("`{}`", **name(low)), None, low);
        while let Some((before, step)) = came[here] {
            let sender = &**name(before);
            path = match step {
                Step::Flow(_) => format!("`{sender}` -> {path}"),
                Step::Wire(on) => format!("`{sender}` -> {on} -> {path}"),
            };
            if let Step::Flow(at) = step {
                flow = flow.or(Some(at));
            }
            here = before;
        }
        let kind = Kind::FlowDownhill(self.side(top), self.side(low), path);
        kind.at(flow.unwrap_or(name(top).at)).and(name(low).at)
    }

    /// A partition and its level, for a message.
    fn side(&self, p: usize) -> String {
        let partition = &self.policy.partitions[p];
        let level = partition.level.as_ref().map_or("no level", |level| level.as_str());
        format!("`{}` ({level})", *partition.name)
    }
}
