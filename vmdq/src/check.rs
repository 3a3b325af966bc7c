//! Whether a policy is consistent in itself, and its way to a [`Plan`].
//!
//! [`Policy::check`] is the only constructor of a plan. The order is fixed: what is
//! wrong in the policy itself is reported before what the card cannot hold.
//!
//! Not here: levels (`levels`), limits of card and machine (`fit`).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::capabilities::{Capabilities, Machine};
use crate::error::{PolicyError, PolicyErrorKind as Kind};
use crate::fit;
use crate::levels::{Edge, Graph, Segments};
use crate::partition::{Attach, MAX_PARTITIONS};
use crate::plan::Plan;
use crate::policy::{At, Partition, Place, Policy};

type Checked<T = ()> = Result<T, PolicyError>;

impl Policy {
    /// Checks the whole policy against `card` and `machine`.
    ///
    /// # Errors
    /// The first refusal found.
    pub fn check(&self, card: &Capabilities, machine: &Machine) -> Result<Plan, PolicyError> {
        partitions(self, card)?;
        let edges = edges(self)?;
        let segments = Segments::new(self);
        owners(self, &segments)?;
        Graph::new(self, &segments, &edges)?.check()?;
        let layout = fit::card(self, card)?;
        let workers = fit::cores(self, machine)?;
        Ok(Plan::new(
            self, card, machine, workers, layout, &edges, &segments,
        ))
    }
}

/// Calls `check` with every two partitions, the earlier one first.
pub(crate) fn pairs(policy: &Policy, mut check: impl FnMut(usize, usize) -> Checked) -> Checked {
    let count = policy.partitions.len();
    (0..count).try_for_each(|b| (0..b).try_for_each(|a| check(a, b)))
}

fn partitions(policy: &Policy, card: &Capabilities) -> Checked {
    if policy.partitions.is_empty() {
        return Err(Kind::NoPartition.at(Place { line: 1, column: 1 }));
    }
    let limit = match card.pools() {
        0 => MAX_PARTITIONS,
        pools => usize::from(pools).min(MAX_PARTITIONS),
    };
    if let Some(extra) = policy.partitions.get(limit) {
        let (partition, number) = (extra.name.value.clone(), limit + 1);
        let kind = Kind::TooManyPartitions {
            partition,
            number,
            card: card.card,
            limit,
        };
        return Err(kind.at(extra.name.place));
    }
    pairs(policy, |a, b| {
        let (first, second) = (&policy.partitions[a], &policy.partitions[b]);
        if first.name.value == second.name.value {
            let name = first.name.value.clone();
            let kind = Kind::DuplicatePartition { name };
            return Err(kind.at(second.name.place).and(first.name.place));
        }
        attachments(first, second)
    })
}

fn attachments(a: &Partition, b: &Partition) -> Checked {
    let target = match (&a.attach.value, &b.attach.value) {
        (
            Attach::Memif { socket: one } | Attach::VhostUser { socket: one },
            Attach::Memif { socket: two } | Attach::VhostUser { socket: two },
        ) if one == two => format!("the socket {one:?}"),
        (Attach::Tap { name: one }, Attach::Tap { name: two }) if one == two => {
            format!("the interface {one:?}")
        }
        _ => return Ok(()),
    };
    let (first, second) = (a.name.value.clone(), b.name.value.clone());
    let kind = Kind::SharedAttachment {
        first,
        second,
        target,
    };
    Err(kind.at(b.attach.place).and(a.attach.place))
}

/// The flows by number of partition.
fn edges(policy: &Policy) -> Checked<Vec<Edge>> {
    let find = |name: &At<String>| {
        let found = policy
            .partitions
            .iter()
            .position(|p| p.name.value == name.value);
        let unknown = || {
            Kind::UnknownPartition {
                name: name.value.clone(),
            }
            .at(name.place)
        };
        found.ok_or_else(unknown)
    };
    let mut edges: Vec<Edge> = Vec::new();
    for flow in &policy.flows {
        let (from, to) = (find(&flow.from)?, find(&flow.to)?);
        if let Some(first) = edges.iter().find(|edge| (edge.from, edge.to) == (from, to)) {
            let (from, to) = (flow.from.value.clone(), flow.to.value.clone());
            return Err(Kind::DuplicateFlow { from, to }
                .at(flow.from.place)
                .and(first.place));
        }
        let (downgrade, place) = (flow.downgrade.is_some(), flow.from.place);
        edges.push(Edge {
            from,
            to,
            downgrade,
            place,
        });
    }
    Ok(edges)
}

/// One owner per address and segment.
fn owners(policy: &Policy, segments: &Segments) -> Checked {
    pairs(policy, |a, b| {
        let Some(segment) = segments.common(policy, a, b) else {
            return Ok(());
        };
        let (first, second) = (&policy.partitions[a], &policy.partitions[b]);
        for mac in &second.macs {
            let Some(same) = first.macs.iter().find(|same| same.value == mac.value) else {
                continue;
            };
            let kind = Kind::DuplicateMac {
                first: first.name.value.clone(),
                second: second.name.value.clone(),
                mac: mac.value,
                segment,
            };
            return Err(kind.at(mac.place).and(same.place));
        }
        Ok(())
    })
}
