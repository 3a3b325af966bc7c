//! Levels over the whole graph of partitions and segments.
//!
//! A frame can step from one partition to another by a declared flow, or through a
//! segment that the first sends to and the second receives from. Whatever such
//! steps lead to counts as reached, whoever is in between: a partition without a
//! level stops nothing. A step is sanctioned, and leaves the graph, when its pair
//! has a flow with `downgrade`.
//!
//! Not here: what the flows then let pass (`rules`).

use alloc::collections::{BTreeMap, VecDeque};

use super::Refusals;
use crate::prelude::*;
use crate::{
    FlowPart, Mac, PartitionId, PartitionPart, PartitionSpec, PlanErrorKind as Kind, PlanSpec,
    Segment, SpecPlace,
};

/// The partitions of a specification, by position, and the steps between them. There are no
/// more than a set has bits.
pub(super) struct Graph<'s> {
    spec: &'s PlanSpec,
    /// The flow of each pair of sender and receiver.
    flows: BTreeMap<(usize, usize), usize>,
    /// Who is on which segment, by VID.
    members: Vec<u64>,
}

/// Where a search is: a partition, how it came there, and the last flow on the way.
struct Visit {
    partition: usize,
    path: String,
    flow: Option<usize>,
}

impl<'s> Graph<'s> {
    pub(super) fn new(spec: &'s PlanSpec) -> Self {
        let mut members = vec![0_u64; 4096];
        for (p, partition) in spec.partitions.iter().enumerate() {
            for segment in &partition.segments {
                members[usize::from(segment.vid())] |= 1 << p;
            }
        }
        let position = |id: PartitionId| spec.partitions.iter().position(|p| p.id == id);
        let ends = |flow: &crate::FlowSpec| Some((position(flow.from)?, position(flow.to)?));
        let flows = spec.flows.iter().enumerate();
        let flows = flows.filter_map(|(number, flow)| Some((ends(flow)?, number)));
        Self {
            spec,
            flows: flows.collect(),
            members,
        }
    }

    /// Refuses two owners of one address on a segment, and different levels that meet on one
    /// without declared flows.
    pub(super) fn check_segments(&self, refusals: &mut Refusals) {
        let count = self.spec.partitions.len();
        for b in 0..count {
            for a in 0..b {
                self.check_owners(a, b, refusals);
            }
        }
        for to in 0..count {
            for from in 0..count {
                self.check_meeting(from, to, refusals);
            }
        }
    }

    /// Refuses every way down that is not sanctioned, one for each partition that it starts at.
    pub(super) fn check_ways_down(&self, refusals: &mut Refusals) {
        for top in 0..self.spec.partitions.len() {
            self.check_way_down(top, refusals);
        }
    }

    fn partition(&self, p: usize) -> &'s PartitionSpec {
        &self.spec.partitions[p]
    }

    /// The first segment of partition `a` that `b` is on too, by its position in `a`'s list.
    fn common(&self, a: usize, b: usize) -> Option<usize> {
        let shared = |on: &Segment| self.members[usize::from(on.vid())] >> b & 1 == 1;
        self.partition(a).segments.iter().position(shared)
    }

    /// One owner per address and segment.
    fn check_owners(&self, a: usize, b: usize, refusals: &mut Refusals) {
        let Some(common) = self.common(a, b) else {
            return;
        };
        let (first, second) = (self.partition(a), self.partition(b));
        let own: BTreeMap<Mac, usize> = first.macs.iter().copied().zip(0..).collect();
        for (i, mac) in second.macs.iter().enumerate() {
            let Some(&same) = own.get(mac) else { continue };
            let kind = Kind::DuplicateMac {
                first: first.name.clone(),
                second: second.name.clone(),
                mac: *mac,
                segment: first.segments[common],
            };
            let also = SpecPlace::Partition {
                partition: a,
                part: PartitionPart::Mac(same),
            };
            refusals.push(kind.of(b, PartitionPart::Mac(i)).and(also));
        }
    }

    /// Outside, whatever `from` sends to a segment reaches all who receive there.
    fn wire(&self, from: usize, to: usize) -> Option<usize> {
        let open = self.partition(from).wire.sends() && self.partition(to).wire.receives();
        let between = from != to && open;
        if between { self.common(from, to) } else { None }
    }

    fn check_meeting(&self, from: usize, to: usize, refusals: &mut Refusals) {
        let (above, below) = (self.partition(from).level, self.partition(to).level);
        let differ = above.is_some() && below.is_some() && above != below;
        if !differ || self.flows.contains_key(&(from, to)) {
            return;
        }
        let Some(here) = self.wire(from, to) else {
            return;
        };
        let segment = self.partition(from).segments[here];
        let there = self.partition(to).segments.iter();
        let there = there.take_while(|on| **on != segment).count();
        let kind = Kind::LevelsMeet {
            from: self.side(from),
            to: self.side(to),
            segment,
        };
        let place = |partition, i| SpecPlace::Partition {
            partition,
            part: PartitionPart::Segment(i),
        };
        let (sender, receiver) = (place(from, here), place(to, there));
        refusals.push(if from > to {
            kind.at(sender).and(receiver)
        } else {
            kind.at(receiver).and(sender)
        });
    }

    /// The step from one partition to the next, if there is one.
    fn step(&self, visit: &Visit, to: usize) -> Option<Visit> {
        let (from, path) = (visit.partition, &visit.path);
        let name = &self.partition(to).name;
        let declared = self.flows.get(&(from, to)).copied();
        let (path, flow) = match declared {
            Some(flow) if self.spec.flows[flow].downgrade.is_some() => return None,
            Some(flow) => (format!("{path} -> `{name}`"), Some(flow)),
            None => {
                let segment = self.partition(from).segments[self.wire(from, to)?];
                (format!("{path} -> {segment} -> `{name}`"), visit.flow)
            }
        };
        Some(Visit {
            partition: to,
            path,
            flow,
        })
    }

    /// Searches breadth first, so that the path shown is a shortest one. Points at the
    /// last flow of the way down, or at its upper end if it has none.
    fn check_way_down(&self, top: usize, refusals: &mut Refusals) {
        let Some(level) = self.partition(top).level else {
            return;
        };
        let mut seen = 1_u64 << top;
        let mut open = VecDeque::from([Visit {
            partition: top,
            path: format!("`{}`", self.partition(top).name),
            flow: None,
        }]);
        while let Some(visit) = open.pop_front() {
            if self
                .partition(visit.partition)
                .level
                .is_some_and(|below| below < level)
            {
                refusals.push(self.way_down(top, visit));
                return;
            }
            for to in (0..self.spec.partitions.len()).filter(|to| seen >> to & 1 == 0) {
                if let Some(next) = self.step(&visit, to) {
                    open.push_back(next);
                }
            }
            seen = open
                .iter()
                .fold(seen, |seen, next| seen | 1 << next.partition);
        }
    }

    fn way_down(&self, top: usize, visit: Visit) -> crate::PlanError {
        let name = |partition| SpecPlace::Partition {
            partition,
            part: PartitionPart::Name,
        };
        let flow = visit.flow.map(|flow| SpecPlace::Flow {
            flow,
            part: FlowPart::From,
        });
        let kind = Kind::FlowDownhill {
            from: self.side(top),
            to: self.side(visit.partition),
            path: visit.path,
        };
        kind.at(flow.unwrap_or(name(top)))
            .and(name(visit.partition))
    }

    /// A partition and its level, for a message.
    fn side(&self, p: usize) -> String {
        let partition = self.partition(p);
        let level = partition
            .level
            .and_then(|level| self.spec.levels.get(usize::from(level)));
        let level = level.map_or("no level", String::as_str);
        format!("`{}` ({level})", partition.name)
    }
}
