//! Whether a policy is consistent, and its way to a [`Plan`].
//!
//! [`Policy::check`] is the only constructor of a plan. What is wrong in the policy
//! itself is reported before what the card or the machine cannot hold.
//!
//! Not here: levels (`levels`), limits of card and machine (`fit`).

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Display;

use crate::capabilities::{Capabilities, Machine};
use crate::error::{Checked, PolicyError, PolicyErrorKind as Kind, Refusal};
use crate::fit::Fit;
use crate::levels::{Edge, Edges, Graph, Segments};
use crate::mac::Mac;
use crate::partition::{Attach, MAX_PARTITIONS, Multicast};
use crate::plan::Plan;
use crate::policy::{At, Partition, Policy};

impl Policy {
    /// Checks the whole policy against `card` and `machine`.
    ///
    /// # Errors
    /// The first refusal found.
    pub fn check(&self, card: &Capabilities, machine: &Machine) -> Result<Plan, PolicyError> {
        let plan = || {
            lists(self)?;
            partitions(self, card)?;
            let edges = edges(self)?;
            let segments = Segments::new(self);
            pairs(self, |a, b| owners(self, &segments, a, b))?;
            Graph::new(self, &segments, &edges)?.check()?;
            let fit = Fit::new(self, card, machine)?;
            Ok(Plan::new(self, &fit, &edges, &segments))
        };
        plan().map_err(|refusal: Refusal| refusal.in_text(&self.text))
    }
}

/// Calls `check` with every two partitions, the earlier one first.
pub(crate) fn pairs(policy: &Policy, check: impl Fn(usize, usize) -> Checked) -> Checked {
    let count = policy.partitions.len();
    (0..count).try_for_each(|b| (0..b).try_for_each(|a| check(a, b)))
}

/// Refuses an item that stands twice in one list.
fn once<'p, T: Ord + Display + 'p>(
    what: &str,
    items: impl IntoIterator<Item = &'p At<T>>,
) -> Checked {
    let mut seen = BTreeMap::new();
    for item in items {
        if let Some(first) = seen.insert(&item.value, item.at) {
            let kind = Kind::Repeated(format!("{what} {}", item.value));
            return Err(kind.at(item.at).and(first));
        }
    }
    Ok(())
}

fn lists(policy: &Policy) -> Checked {
    once("level", policy.levels.iter())?;
    once("partition", policy.partitions.iter().map(|p| &p.name))?;
    let workers = policy.nic.workers.iter();
    for cores in workers.chain(policy.partitions.iter().filter_map(|p| p.cores.as_ref())) {
        if cores.is_empty() {
            return Err(Kind::Empty("the list of cores").at(cores.at));
        }
        once("core", &cores.value)?;
    }
    Ok(())
}

fn partitions(policy: &Policy, card: &Capabilities) -> Checked {
    if policy.partitions.is_empty() {
        return Err(Kind::NoPartition.at(0));
    }
    let limit = match usize::from(card.pools()) {
        0 => MAX_PARTITIONS,
        pools => pools.min(MAX_PARTITIONS),
    };
    if let Some(extra) = policy.partitions.get(limit) {
        let name = extra.name.value.clone();
        return Err(Kind::TooManyPartitions(name, limit + 1, card.card, limit).at(extra.name.at));
    }
    let peers: Vec<_> = policy.partitions.iter().filter_map(peer).collect();
    once("attachment", &peers)?;
    policy.partitions.iter().try_for_each(partition)
}

fn partition(partition: &Partition) -> Checked {
    let name = &partition.name;
    // Names are file names of captures and keys of reports, where the replay source
    // "wire" has its own meaning.
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    let plain = name.bytes().all(plain);
    if !plain || !(1..=64).contains(&name.len()) || name.starts_with('.') || **name == "wire" {
        return Err(Kind::BadName(name.value.clone()).at(name.at));
    }
    once("segment", &partition.vlans)?;
    let own = |mac: Mac| !mac.is_multicast() && mac.as_u64() != 0;
    addresses(&partition.macs, "unicast", own)?;
    match &partition.multicast {
        Multicast::All => Ok(()),
        Multicast::List(macs) => {
            addresses(macs, "multicast", |mac| mac.is_multicast() && !mac.is_broadcast())
        }
    }
}

fn addresses(macs: &[At<Mac>], kind: &'static str, fits: fn(Mac) -> bool) -> Checked {
    if let Some(wrong) = macs.iter().find(|mac| !fits(mac.value)) {
        return Err(Kind::BadAddress(wrong.value, kind).at(wrong.at));
    }
    once("address", macs)
}

/// The peer that a partition attaches to; a second partition there would be the first.
fn peer(partition: &Partition) -> Option<At<String>> {
    let (Attach::Memif { socket: peer }
    | Attach::VhostUser { socket: peer }
    | Attach::Tap { name: peer }) = &partition.attach.value
    else {
        return None;
    };
    let (value, at) = (peer.clone(), partition.attach.at);
    Some(At { value, at })
}

/// The flows by numbers of partitions.
fn edges(policy: &Policy) -> Checked<Edges> {
    let find = |name: &At<String>| {
        let mut all = policy.partitions.iter();
        let found = all.position(|p| *p.name == **name);
        found.ok_or_else(|| Kind::UnknownPartition(name.value.clone()).at(name.at))
    };
    let mut edges = Edges::new();
    for flow in &policy.flows {
        let ends = (find(&flow.from)?, find(&flow.to)?);
        let (downgrade, at) = (flow.downgrade.is_some(), flow.from.at);
        let mut reason = flow.downgrade.iter();
        if let Some(empty) = reason.find(|reason| reason.trim().is_empty()) {
            return Err(Kind::Empty("the reason for `downgrade`").at(empty.at));
        }
        let edge = Edge { downgrade, at };
        if let Some(first) = edges.insert(ends, edge) {
            let what = format!("the flow from `{}` to `{}`", *flow.from, *flow.to);
            return Err(Kind::Repeated(what).at(edge.at).and(first.at));
        }
    }
    Ok(edges)
}

/// One owner per address and segment.
fn owners(policy: &Policy, segments: &Segments, a: usize, b: usize) -> Checked {
    let Some(segment) = segments.common(policy, a, b) else {
        return Ok(());
    };
    let (first, second) = (&policy.partitions[a], &policy.partitions[b]);
    for mac in &second.macs {
        if let Some(same) = first.macs.iter().find(|same| same.value == mac.value) {
            let (first, second) = (first.name.value.clone(), second.name.value.clone());
            let kind = Kind::DuplicateMac(first, second, mac.value, segment.value);
            return Err(kind.at(mac.at).and(same.at));
        }
    }
    Ok(())
}
