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

/// Checks the limits of `card`; returns the layout of its pools, `None` for
/// software steering.
pub(crate) fn card(policy: &Policy, card: &Capabilities) -> Checked<Option<PoolLayout>> {
    let mtu = policy.nic.mtu;
    if mtu.value > card.max_mtu {
        return Err(Kind::MtuTooLarge(mtu.value, card.card, card.max_mtu).at(mtu.at));
    }
    let layout = layout(policy, card)?;
    if layout.is_some() && !card.rss_per_pool {
        pairs(policy, |a, b| {
            shared_rss(&policy.partitions[a], &policy.partitions[b], card)
        })?;
    }
    filters(policy, card)?;
    policy
        .partitions
        .iter()
        .try_for_each(|partition| rate(partition, card))?;
    Ok(layout)
}

/// The first layout with a pool per partition and enough queues in each.
fn layout(policy: &Policy, card: &Capabilities) -> Checked<Option<PoolLayout>> {
    let count = policy.partitions.len();
    let most = policy
        .partitions
        .iter()
        .max_by_key(|partition| *partition.queues);
    let fits = |layout: &&PoolLayout| usize::from(layout.pools) >= count;
    let limit = card
        .layouts
        .iter()
        .filter(fits)
        .map(|layout| layout.queues)
        .max();
    let (Some(most), Some(limit)) = (most, limit) else {
        return Ok(None);
    };
    let enough = |layout: &&PoolLayout| fits(layout) && layout.queues >= *most.queues;
    let found = card.layouts.iter().find(enough).copied();
    let kind = || Kind::TooManyQueues(name(most), *most.queues, card.card, count, limit);
    found.map(Some).ok_or_else(|| kind().at(most.queues.at))
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
    Err(Kind::SharedRss(name(a), name(b), what, card.card)
        .at(b.queues.at)
        .and(a.queues.at))
}

/// Address and VLAN filters; only pools that receive need any.
fn filters(policy: &Policy, card: &Capabilities) -> Checked {
    let receivers = || policy.partitions.iter().filter(|p| p.wire.receives());
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
    let kind = match (card.min_rate, link) {
        (Some(least), _) if *rate < least => {
            Kind::RateTooSlow(name(partition), *rate, card.card, least)
        }
        (_, Some(most)) if *rate > most => {
            Kind::RateTooFast(name(partition), *rate, card.card, most)
        }
        _ => return Ok(()),
    };
    Err(kind.at(rate.at))
}

/// Checks that every named core exists; returns the cores of the workers.
pub(crate) fn cores(policy: &Policy, machine: &Machine) -> Checked<Vec<u16>> {
    let exists = |user: &str, core: &At<u16>| match machine.cores.contains(core) {
        true => Ok(core.value),
        false => Err(Kind::NoSuchCore(user.into(), **core, machine.cores.clone()).at(core.at)),
    };
    for partition in &policy.partitions {
        let user = format!("partition `{}`", *partition.name);
        let mut cores = partition.cores.iter().flat_map(|cores| cores.iter());
        cores.try_for_each(|core| exists(&user, core).map(|_| ()))?;
    }
    let first = machine.cores.first().copied().unwrap_or(0);
    let default = [At {
        value: first,
        at: policy.nic.device.at,
    }];
    let workers = policy
        .nic
        .workers
        .as_ref()
        .map_or(&default[..], |cores| cores);
    workers
        .iter()
        .map(|core| exists("a worker", core))
        .collect()
}

fn name(partition: &Partition) -> String {
    partition.name.value.clone()
}
