//! Whether a policy fits its card and its machine.
//!
//! There is no fall-back: what the card cannot hold or enforce is refused. A card
//! without pools has only the limits of its filters, since the worker does the rest.
//!
//! Not here: what does not depend on the card (`check`, `levels`), and filters, which
//! are counted where they are made (`hardware`).

use crate::error::Checked;
use crate::prelude::*;
use crate::{
    At, BitRate, Capabilities, Machine, Partition, Policy, PolicyErrorKind as Kind, PoolLayout,
};

/// A policy's place on a card and a machine that can hold it.
pub(crate) struct Fit<'a> {
    pub(crate) card: &'a Capabilities,
    pub(crate) machine: &'a Machine,
    /// How the card is cut into pools; `None`: software steering.
    pub(crate) layout: Option<PoolLayout>,
    /// Core of each worker, at least one.
    pub(crate) workers: Vec<u16>,
}

impl<'a> Fit<'a> {
    /// Checks every limit of `card` and `machine`.
    pub(crate) fn new(
        policy: &Policy,
        card: &'a Capabilities,
        machine: &'a Machine,
    ) -> Checked<Self> {
        let (mtu, all) = (policy.nic.mtu, &policy.partitions);
        if *mtu > card.max_mtu {
            return Err(Kind::MtuTooLarge(*mtu, card.card, card.max_mtu).at(mtu.at));
        }
        let layout = layout(all, card)?;
        if layout.is_some() {
            shared_rss(all, card)?;
        }
        all.iter().try_for_each(|partition| rate(partition, card))?;
        let mut workers = cores(policy, machine)?;
        if layout.is_none() {
            // One more would have no queue of the card to serve.
            workers.truncate(card.rx_queues.into());
        }
        Ok(Self {
            card,
            machine,
            layout,
            workers,
        })
    }

    /// The cores that the policy names, else those without a worker, else all.
    pub(crate) fn endpoint_cores(&self, partition: &Partition) -> Vec<u16> {
        if let Some(cores) = &partition.cores {
            return cores.iter().map(|core| core.value).collect();
        }
        let mut free = self.machine.cores.clone();
        free.retain(|core| !self.workers.contains(core));
        if free.is_empty() {
            self.machine.cores.clone()
        } else {
            free
        }
    }
}

/// The first layout with a pool per partition and enough queues in each.
fn layout(all: &[Partition], card: &Capabilities) -> Checked<Option<PoolLayout>> {
    let fits = |layout: &&PoolLayout| usize::from(layout.pools) >= all.len();
    let fitting = || card.layouts.iter().filter(fits);
    let most = all.iter().max_by_key(|partition| *partition.queues);
    let limit = fitting().map(|layout| layout.queues).max();
    let (Some(most), Some(limit)) = (most, limit) else {
        return Ok(None);
    };
    let found = fitting().find(|layout| layout.queues >= *most.queues);
    let kind = || Kind::TooManyQueues(name(most), *most.queues, card.card, all.len(), limit);
    found
        .copied()
        .map(Some)
        .ok_or_else(|| kind().at(most.queues.at))
}

/// Pools that spread over queues must agree in what the card has once.
fn shared_rss(all: &[Partition], card: &Capabilities) -> Checked {
    let spread = || all.iter().filter(|p| p.spreads());
    let Some(widest) = spread().max_by_key(|p| *p.queues) else {
        return Ok(());
    };
    for other in spread() {
        let (few, many) = (*other.queues, *widest.queues);
        // The smaller pool reads the low bits of the larger one's table.
        let fits = few == many || few.is_power_of_two() && many.is_multiple_of(few);
        let differs = [
            ("`rss.key`", other.rss.key != widest.rss.key),
            ("`rss.hash`", other.rss.hash != widest.rss.hash),
            ("`queues`", !fits),
        ];
        if let Some((what, _)) = differs.iter().find(|(_, differs)| *differs) {
            let earlier = other.queues.at < widest.queues.at;
            let (a, b) = if earlier {
                (other, widest)
            } else {
                (widest, other)
            };
            let kind = Kind::SharedRss(name(a), name(b), what, card.card);
            return Err(kind.at(b.queues.at).and(a.queues.at));
        }
    }
    Ok(())
}

fn rate(partition: &Partition, card: &Capabilities) -> Checked {
    let Some(rate) = partition.tx.rate else {
        return Ok(());
    };
    let link = BitRate::new(u64::from(card.link_mbit) * 1_000_000);
    if let Some(low) = card.min_rate.filter(|low| *rate < *low) {
        return Err(Kind::RateTooSlow(name(partition), *rate, card.card, low).at(rate.at));
    }
    if let Some(high) = link.filter(|high| *rate > *high) {
        return Err(Kind::RateTooFast(name(partition), *rate, card.card, high).at(rate.at));
    }
    Ok(())
}

/// Checks that every named core exists; returns the cores of the workers.
fn cores(policy: &Policy, machine: &Machine) -> Checked<Vec<u16>> {
    let value = machine.cores.first().copied().unwrap_or(0);
    let first = [At {
        value,
        at: policy.nic.device.at,
    }];
    let workers = policy
        .nic
        .workers
        .as_ref()
        .map_or(&first[..], |cores| &cores.value);
    let mut users = vec![(String::from("a worker"), workers)];
    for partition in &policy.partitions {
        let cores = partition.cores.iter().map(|cores| &cores.value[..]);
        users.extend(cores.map(|cores| (format!("partition `{}`", *partition.name), cores)));
    }
    for (user, cores) in users {
        if let Some(core) = cores.iter().find(|core| !machine.cores.contains(core)) {
            return Err(Kind::NoSuchCore(user, **core, machine.cores.clone()).at(core.at));
        }
    }
    Ok(workers.iter().map(|core| core.value).collect())
}

fn name(partition: &Partition) -> String {
    partition.name.value.clone()
}
