//! Whether a policy fits its card and its machine.
//!
//! There is no fall-back: what the card cannot hold or enforce is refused. A card
//! without pools has only the limits of its filters, since the worker does the rest.
//!
//! Not here: what does not depend on the card (`check`, `levels`).

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::capabilities::{Capabilities, Machine, PoolLayout};
use crate::check::pairs;
use crate::error::{Checked, PolicyErrorKind as Kind};
use crate::policy::{At, Partition, Policy};
use crate::rate::BitRate;

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
        if layout.is_some() && !card.rss_per_pool {
            pairs(policy, |a, b| shared_rss(&all[a], &all[b], card))?;
        }
        filters(all, card)?;
        all.iter().try_for_each(|partition| rate(partition, card))?;
        let workers = cores(policy, machine)?;
        Ok(Self { card, machine, layout, workers })
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
    found.copied().map(Some).ok_or_else(|| kind().at(most.queues.at))
}

/// Pools that spread over queues must agree in what the card has once.
fn shared_rss(a: &Partition, b: &Partition, card: &Capabilities) -> Checked {
    if [a, b].iter().any(|p| *p.queues == 1 || !p.wire.receives()) {
        return Ok(());
    }
    let (few, many) = (a.queues.value.min(*b.queues), a.queues.value.max(*b.queues));
    let what = if a.rss.key != b.rss.key {
        "`rss.key`"
    } else if a.rss.hash != b.rss.hash {
        "`rss.hash`"
    // The smaller pool reads the low bits of the larger one's table.
    } else if few != many && !(few.is_power_of_two() && many.is_multiple_of(few)) {
        "`queues`"
    } else {
        return Ok(());
    };
    let kind = Kind::SharedRss(name(a), name(b), what, card.card);
    Err(kind.at(b.queues.at).and(a.queues.at))
}

/// Address and VLAN filters; only pools that receive need any.
fn filters(all: &[Partition], card: &Capabilities) -> Checked {
    let receivers = || all.iter().filter(|p| p.wire.receives());
    let macs = receivers().flat_map(|p| p.macs.iter().map(move |mac| (p, *mac)));
    if let Some((p, mac)) = beyond(macs, card.macs) {
        return Err(Kind::TooManyMacs(name(p), mac.value, card.card, card.macs).at(mac.at));
    }
    let vlans = receivers().flat_map(|p| p.segments().map(move |on| (p, on)));
    if let Some((p, on)) = beyond(vlans, card.vlans) {
        return Err(Kind::TooManyVlans(name(p), on.value, card.card, card.vlans).at(on.at));
    }
    Ok(())
}

/// The first item that makes more than `limit` different values.
fn beyond<'p, T: Ord + Copy>(
    mut items: impl Iterator<Item = (&'p Partition, At<T>)>,
    limit: u16,
) -> Option<(&'p Partition, At<T>)> {
    let mut seen = BTreeSet::new();
    items.find(|(_, item)| seen.insert(item.value) && seen.len() > usize::from(limit))
}

fn rate(partition: &Partition, card: &Capabilities) -> Checked {
    let Some(rate) = partition.tx.rate else {
        return Ok(());
    };
    let link = BitRate::new(u64::from(card.link_mbit) * 1_000_000);
    let (low, high) = (card.min_rate.filter(|low| *rate < *low), link.filter(|high| *rate > *high));
    let kind = match (low, high) {
        (Some(low), _) => Kind::RateTooSlow(name(partition), *rate, card.card, low),
        (_, Some(high)) => Kind::RateTooFast(name(partition), *rate, card.card, high),
        (None, None) => return Ok(()),
    };
    Err(kind.at(rate.at))
}

/// Checks that every named core exists; returns the cores of the workers.
fn cores(policy: &Policy, machine: &Machine) -> Checked<Vec<u16>> {
    let exists = |user: &str, core: &At<u16>| {
        let kind = || Kind::NoSuchCore(user.into(), **core, machine.cores.clone());
        let found = machine.cores.contains(core);
        found.then_some(**core).ok_or_else(|| kind().at(core.at))
    };
    for partition in &policy.partitions {
        let user = format!("partition `{}`", *partition.name);
        for core in partition.cores.iter().flat_map(|cores| cores.iter()) {
            exists(&user, core)?;
        }
    }
    let (value, at) = (machine.cores.first().copied().unwrap_or(0), policy.nic.device.at);
    let first = [At { value, at }];
    let named = policy.nic.workers.as_ref().map(|cores| cores.iter());
    let workers = named.unwrap_or(first.iter());
    workers.map(|core| exists("a worker", core)).collect()
}

fn name(partition: &Partition) -> String {
    partition.name.value.clone()
}
