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

use crate::error::Checked;
use crate::prelude::*;
use crate::{At, Flow, Policy, PolicyErrorKind as Kind, Segment};

/// The flows by sender and receiver.
pub(crate) type Flows<'p> = BTreeMap<(usize, usize), &'p Flow>;

/// The partitions of a policy, their levels, and the steps between them.
pub(crate) struct Graph<'p> {
    policy: &'p Policy,
    flows: &'p Flows<'p>,
    /// Who is on which segment, by VID.
    members: Vec<u64>,
    ranks: Vec<Option<usize>>,
}

impl<'p> Graph<'p> {
    /// # Errors
    /// A level that `levels.order` does not list.
    pub(crate) fn new(policy: &'p Policy, flows: &'p Flows) -> Checked<Self> {
        let mut members = vec![0_u64; 4096];
        let mut ranks = Vec::new();
        for (p, partition) in policy.partitions.iter().enumerate() {
            partition
                .segments()
                .for_each(|on| members[usize::from(on.vid())] |= 1 << p);
            let rank = |level: &At<String>| {
                let found = policy
                    .levels
                    .order
                    .iter()
                    .position(|known| **known == **level);
                let (name, text) = (partition.name.value.clone(), level.value.clone());
                found.ok_or_else(|| Kind::UnknownLevel(name, text).at(level.at))
            };
            ranks.push(partition.level.as_ref().map(rank).transpose()?);
        }
        Ok(Self {
            policy,
            flows,
            members,
            ranks,
        })
    }

    /// Refuses two owners of one address on a segment, different levels that meet on one
    /// without declared flows, and every way down that is not sanctioned.
    pub(crate) fn check(&self) -> Checked {
        let all = 0..self.ranks.len();
        let pairs = || all.clone().flat_map(|b| all.clone().map(move |a| (a, b)));
        pairs()
            .filter(|(a, b)| a < b)
            .try_for_each(|(a, b)| self.owners(a, b))?;
        pairs().try_for_each(|(from, to)| self.meeting(from, to))?;
        all.clone().try_for_each(|top| self.downhill(top))
    }

    /// The first segment of partition `a` that `b` is on too, as `a` lists it.
    fn common(&self, a: usize, b: usize) -> Option<At<Segment>> {
        let shared = |on: &At<Segment>| self.members[usize::from(on.vid())] >> b & 1 == 1;
        self.policy.partitions[a].segments().find(shared)
    }

    /// One owner per address and segment.
    fn owners(&self, a: usize, b: usize) -> Checked {
        let Some(segment) = self.common(a, b) else {
            return Ok(());
        };
        let [first, second] = [a, b].map(|p| &self.policy.partitions[p]);
        for mac in &second.macs {
            if let Some(same) = first.macs.iter().find(|same| same.value == mac.value) {
                let (first, second) = (first.name.value.clone(), second.name.value.clone());
                let kind = Kind::DuplicateMac(first, second, mac.value, segment.value);
                return Err(kind.at(mac.at).and(same.at));
            }
        }
        Ok(())
    }

    /// Outside, whatever `from` sends to a segment reaches all who receive there.
    fn wire(&self, from: usize, to: usize) -> Option<At<Segment>> {
        let [sender, receiver] = [from, to].map(|p| &self.policy.partitions[p]);
        let open = from != to && sender.wire.sends() && receiver.wire.receives();
        open.then(|| self.common(from, to)).flatten()
    }

    fn meeting(&self, from: usize, to: usize) -> Checked {
        let [above, below] = [from, to].map(|p| self.ranks[p]);
        let differ = above.is_some() && below.is_some() && above != below;
        if !differ || self.flows.contains_key(&(from, to)) {
            return Ok(());
        }
        let Some(here) = self.wire(from, to) else {
            return Ok(());
        };
        let mut there = self.policy.partitions[to].segments();
        let there = there
            .find(|on| on.value == here.value)
            .map_or(here.at, |on| on.at);
        let kind = Kind::LevelsMeet(self.side(from), self.side(to), here.value);
        Err(kind.at(here.at.max(there)).and(here.at.min(there)))
    }

    /// The way from one partition to the next, as a path shows it, and the flow that
    /// it is.
    fn step(&self, from: usize, to: usize) -> Option<(String, Option<usize>)> {
        match self.flows.get(&(from, to)) {
            Some(flow) => flow
                .downgrade
                .is_none()
                .then(|| (String::new(), Some(flow.from.at))),
            None => self
                .wire(from, to)
                .map(|on| (format!("{} -> ", on.value), None)),
        }
    }

    /// Searches breadth first, so that the path shown is a shortest one. Points at the
    /// last flow of the way down, or at its upper end if it has none.
    fn downhill(&self, top: usize) -> Checked {
        let name = |p: usize| &self.policy.partitions[p].name;
        let mut seen = 1_u64 << top;
        let mut open = VecDeque::from([(top, format!("`{}`", **name(top)), name(top).at)]);
        while let Some((here, path, at)) = open.pop_front() {
            // Without the first half, "no level" would count as the lowest.
            if self.ranks[here].is_some() && self.ranks[here] < self.ranks[top] {
                let kind = Kind::FlowDownhill(self.side(top), self.side(here), path);
                return Err(kind.at(at).and(name(here).at));
            }
            for to in (0..self.ranks.len()).filter(move |to| seen >> to & 1 == 0) {
                if let Some((way, flow)) = self.step(here, to) {
                    seen |= 1 << to;
                    let path = format!("{path} -> {way}`{}`", **name(to));
                    open.push_back((to, path, flow.unwrap_or(at)));
                }
            }
        }
        Ok(())
    }

    /// A partition and its level, for a message.
    fn side(&self, p: usize) -> String {
        let partition = &self.policy.partitions[p];
        let level = partition
            .level
            .as_ref()
            .map_or("no level", |level| level.as_str());
        format!("`{}` ({level})", *partition.name)
    }
}
