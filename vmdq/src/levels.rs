//! Levels over the whole graph of partitions and segments.
//!
//! A frame can step from one partition to another by a declared flow, or through a
//! segment that the first sends to and the second receives from. Whatever can be
//! reached by such steps counts as reached, whoever is in between: a partition
//! without a level stops nothing. A step is sanctioned, and leaves the graph, when
//! its pair has a flow with `downgrade`.
//!
//! Not here: what the flows then let pass (`verdict`).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use crate::error::{PolicyError, PolicyErrorKind as Kind};
use crate::frame::Segment;
use crate::partition::PartitionSet;
use crate::policy::{Place, Policy};

/// A flow between partitions by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) downgrade: bool,
    /// Where the flow is declared.
    pub(crate) place: Place,
}

/// Who is on which segment.
pub(crate) struct Segments(Vec<PartitionSet>);

impl Segments {
    /// The members of every segment of `policy`.
    pub(crate) fn new(policy: &Policy) -> Self {
        let mut members = vec![PartitionSet::EMPTY; 4096];
        for (p, partition) in policy.partitions.iter().enumerate() {
            for segment in &partition.vlans {
                members[usize::from(segment.vid())].insert(p);
            }
        }
        Self(members)
    }

    /// The first segment of partition `a` that `b` is on too.
    pub(crate) fn common(&self, policy: &Policy, a: usize, b: usize) -> Option<Segment> {
        let mut vlans = policy.partitions[a].vlans.iter();
        let shared = vlans.find(|segment| self.0[usize::from(segment.vid())].contains(b));
        shared.map(|segment| segment.value)
    }
}

/// How a frame gets from one partition to the next.
#[derive(Clone, Copy)]
enum Step {
    Flow(Place),
    Wire(Segment),
}

pub(crate) struct Graph<'p> {
    policy: &'p Policy,
    ranks: Vec<Option<usize>>,
    flows: Vec<Vec<Option<Edge>>>,
    segments: &'p Segments,
}

impl<'p> Graph<'p> {
    /// The graph of `policy`, whose flows are `edges`.
    ///
    /// # Errors
    /// A level that `levels.order` does not list.
    pub(crate) fn new(
        policy: &'p Policy,
        segments: &'p Segments,
        edges: &[Edge],
    ) -> Result<Self, PolicyError> {
        let count = policy.partitions.len();
        let mut flows = vec![vec![None; count]; count];
        for edge in edges {
            flows[edge.from][edge.to] = Some(*edge);
        }
        let ranks = policy.partitions.iter().map(|partition| {
            let Some(level) = &partition.level else {
                return Ok(None);
            };
            let rank = policy
                .levels
                .iter()
                .position(|known| known.value == level.value);
            let unknown = || {
                let (partition, level) = (partition.name.value.clone(), level.value.clone());
                Kind::UnknownLevel { partition, level }
            };
            rank.map(Some).ok_or_else(|| unknown().at(level.place))
        });
        let ranks = ranks.collect::<Result<_, _>>()?;
        Ok(Self {
            policy,
            ranks,
            flows,
            segments,
        })
    }

    /// Refuses different levels that meet on a segment without declared flows, and
    /// every way down that is not sanctioned.
    pub(crate) fn check(&self) -> Result<(), PolicyError> {
        let count = self.ranks.len();
        for from in 0..count {
            (0..count).try_for_each(|to| self.meeting(from, to))?;
        }
        (0..count).try_for_each(|from| self.downhill(from))
    }

    /// Outside, whatever `from` sends to a segment reaches all who receive there.
    fn wire(&self, from: usize, to: usize) -> Option<Segment> {
        let partitions = &self.policy.partitions;
        let open = from != to && partitions[from].wire.sends() && partitions[to].wire.receives();
        open.then(|| self.segments.common(self.policy, from, to))
            .flatten()
    }

    fn meeting(&self, from: usize, to: usize) -> Result<(), PolicyError> {
        let (Some(above), Some(below)) = (self.ranks[from], self.ranks[to]) else {
            return Ok(());
        };
        if above == below || self.flows[from][to].is_some() {
            return Ok(());
        }
        let Some(segment) = self.wire(from, to) else {
            return Ok(());
        };
        let place = |p: usize| {
            let partition = &self.policy.partitions[p];
            let vlan = partition.vlans.iter().find(|vlan| vlan.value == segment);
            vlan.map_or(partition.name.place, |vlan| vlan.place)
        };
        let kind = Kind::LevelsMeet {
            from: self.name(from),
            from_level: self.level(from),
            to: self.name(to),
            to_level: self.level(to),
            segment,
        };
        Err(kind.at(place(from.max(to))).and(place(from.min(to))))
    }

    fn step(&self, from: usize, to: usize) -> Option<Step> {
        match self.flows[from][to] {
            Some(flow) if flow.downgrade => None,
            Some(flow) => Some(Step::Flow(flow.place)),
            None => self.wire(from, to).map(Step::Wire),
        }
    }

    /// Searches breadth first from `from`, so that the path shown is a shortest one.
    fn downhill(&self, from: usize) -> Result<(), PolicyError> {
        let Some(top) = self.ranks[from] else {
            return Ok(());
        };
        let mut reached = vec![(from, None)];
        let mut at = 0;
        while let Some(&(here, _)) = reached.get(at) {
            for next in 0..self.ranks.len() {
                let seen = reached.iter().any(|(known, _)| *known == next);
                let Some(step) = (!seen).then(|| self.step(here, next)).flatten() else {
                    continue;
                };
                reached.push((next, Some((at, step))));
                if self.ranks[next].is_some_and(|rank| rank < top) {
                    return Err(self.refusal(&reached));
                }
            }
            at += 1;
        }
        Ok(())
    }

    /// The error about the way to the last partition reached. It points at the last
    /// flow of the way, or at the upper partition when there is none.
    fn refusal(&self, reached: &[(usize, Option<(usize, Step)>)]) -> PolicyError {
        let (from, to) = (reached[0].0, reached[reached.len() - 1].0);
        let (mut path, mut flow) = (format!("`{}`", self.name(to)), None);
        let mut at = reached.len() - 1;
        while let Some((before, step)) = reached[at].1 {
            let sender = self.name(reached[before].0);
            path = match step {
                Step::Flow(_) => format!("`{sender}` -> {path}"),
                Step::Wire(segment) => format!("`{sender}` -> {segment} -> {path}"),
            };
            if let Step::Flow(place) = step {
                flow = flow.or(Some(place));
            }
            at = before;
        }
        let kind = Kind::FlowDownhill {
            from: self.name(from),
            from_level: self.level(from),
            to: self.name(to),
            to_level: self.level(to),
            path,
        };
        let place = |p: usize| self.policy.partitions[p].name.place;
        kind.at(flow.unwrap_or(place(from))).and(place(to))
    }

    fn name(&self, p: usize) -> String {
        self.policy.partitions[p].name.to_string()
    }

    fn level(&self, p: usize) -> String {
        self.policy.partitions[p]
            .level
            .as_ref()
            .map_or_else(String::new, |level| level.to_string())
    }
}
