//! Whether a policy is consistent, and its way to a [`Plan`].
//!
//! [`Policy::check`] is the only constructor of a plan. What is wrong in the policy
//! itself is reported before what the card or the machine cannot hold.
//!
//! Not here: what concerns pairs (`levels`), limits of card and machine (`fit`).

use alloc::collections::BTreeMap;
use core::fmt::Display;

use crate::error::Checked;
use crate::fit::Fit;
use crate::levels::{Flows, Graph};
use crate::prelude::*;
use crate::{
    At, Capabilities, Flow, MAX_PARTITIONS, Mac, Machine, Partition, Plan, Policy, PolicyError,
    PolicyErrorKind as Kind,
};

impl Policy {
    /// Checks the whole policy against `card` and `machine`.
    ///
    /// # Errors
    /// The first refusal found.
    pub fn check(&self, card: &Capabilities, machine: &Machine) -> Result<Plan, PolicyError> {
        lists(self)?;
        partitions(self, card)?;
        let flows = flows(self)?;
        Graph::new(self, &flows)?.check()?;
        let fit = Fit::new(self, card, machine)?;
        Plan::new(self, &fit, flows.into_keys())
    }
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
    once("level", &policy.levels.order)?;
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

fn partitions<'p>(policy: &'p Policy, card: &Capabilities) -> Checked {
    if policy.partitions.is_empty() {
        return Err(Kind::NoPartition.at(0));
    }
    let most = card.layouts.iter().map(|layout| layout.pools.into()).max();
    let limit = most.unwrap_or(MAX_PARTITIONS);
    if let Some(extra) = policy.partitions.get(limit) {
        let name = extra.name.value.clone();
        return Err(Kind::TooManyPartitions(name, limit + 1, card.card, limit).at(extra.name.at));
    }
    let peer = |p: &'p Partition| {
        Some(At {
            value: p.attach.peer()?,
            at: p.attach.at,
        })
    };
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
    let group = |mac: Mac| mac.is_multicast() && !mac.is_broadcast();
    addresses(partition.multicast.listed(), "multicast", group)
}

fn addresses(macs: &[At<Mac>], kind: &'static str, fits: fn(Mac) -> bool) -> Checked {
    if let Some(wrong) = macs.iter().find(|mac| !fits(mac.value)) {
        return Err(Kind::BadAddress(wrong.value, kind).at(wrong.at));
    }
    once("address", macs)
}

/// The flows by numbers of partitions.
fn flows(policy: &Policy) -> Checked<Flows<'_>> {
    let find = |name: &At<String>| {
        let found = policy.partitions.iter().position(|p| *p.name == **name);
        found.ok_or_else(|| Kind::UnknownPartition(name.value.clone()).at(name.at))
    };
    let mut flows = Flows::new();
    for flow in &policy.flows {
        let Flow {
            from,
            to,
            downgrade,
        } = flow;
        let ends = (find(from)?, find(to)?);
        if let Some(empty) = downgrade.iter().find(|reason| reason.trim().is_empty()) {
            return Err(Kind::Empty("the reason for `downgrade`").at(empty.at));
        }
        if let Some(first) = flows.insert(ends, flow) {
            let what = format!("the flow from `{}` to `{}`", **from, **to);
            return Err(Kind::Repeated(what).at(from.at).and(first.from.at));
        }
    }
    Ok(flows)
}
