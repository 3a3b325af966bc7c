//! Whether a policy fits its card and its machine.
//!
//! There is no fall-back: what the card cannot hold or enforce is refused. A card
//! without pools has only the limits of its filters, since the worker does the rest.
//!
//! Not here: what does not depend on the card (`check`, `levels`).

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::capabilities::{Capabilities, Machine, PoolLayout};
use crate::check::pairs;
use crate::error::{PolicyError, PolicyErrorKind as Kind};
use crate::policy::{At, Partition, Policy};
use crate::rate::BitRate;

type Checked<T = ()> = Result<T, PolicyError>;

/// Checks the limits of `card`; returns the layout of its pools, `None` for
/// software steering.
pub(crate) fn card(policy: &Policy, card: &Capabilities) -> Checked<Option<PoolLayout>> {
    if policy.nic.mtu.value > card.max_mtu {
        let (mtu, limit) = (policy.nic.mtu.value, card.max_mtu);
        return Err(Kind::MtuTooLarge {
            mtu,
            card: card.card,
            limit,
        }
        .at(policy.nic.mtu.place));
    }
    let layout = layout(policy, card)?;
    if layout.is_some() && !card.rss_per_pool {
        shared_rss(policy, card)?;
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
    let partitions = policy.partitions.len();
    let most = policy
        .partitions
        .iter()
        .max_by_key(|partition| partition.queues.value);
    let fits = |layout: &&PoolLayout| usize::from(layout.pools) >= partitions;
    let limit = card
        .layouts
        .iter()
        .filter(fits)
        .map(|layout| layout.queues)
        .max();
    let (Some(most), Some(limit)) = (most, limit) else {
        return Ok(None);
    };
    let queues = most.queues.value;
    let enough = |layout: &&PoolLayout| fits(layout) && layout.queues >= queues;
    let found = card.layouts.iter().find(enough).copied();
    let refusal = || {
        let partition = most.name.value.clone();
        let kind = Kind::TooManyQueues {
            partition,
            queues,
            card: card.card,
            limit,
            partitions,
        };
        kind.at(most.queues.place)
    };
    found.map(Some).ok_or_else(refusal)
}

/// Pools that spread over queues must agree in what the card has once.
fn shared_rss(policy: &Policy, card: &Capabilities) -> Checked {
    let spreads = |p: &Partition| p.wire.receives() && p.queues.value > 1;
    pairs(policy, |a, b| {
        let (first, second) = (&policy.partitions[a], &policy.partitions[b]);
        if !spreads(first) || !spreads(second) {
            return Ok(());
        }
        let (few, many) = (
            first.queues.min(second.queues.value),
            first.queues.max(second.queues.value),
        );
        // The smaller pool reads the low bits of the larger one's table.
        let one_table = few == many || few.is_power_of_two() && many.is_multiple_of(few);
        let (what, one, two) = match () {
            () if first.rss.key != second.rss.key => {
                ("`rss.key`", first.rss.place, second.rss.place)
            }
            () if first.rss.hash != second.rss.hash => {
                ("`rss.hash`", first.rss.place, second.rss.place)
            }
            () if !one_table => ("`queues`", first.queues.place, second.queues.place),
            () => return Ok(()),
        };
        let (first, second) = (first.name.value.clone(), second.name.value.clone());
        let kind = Kind::SharedRss {
            first,
            second,
            what,
            card: card.card,
        };
        Err(kind.at(two).and(one))
    })
}

/// Address and VLAN filters; only pools that receive need any.
fn filters(policy: &Policy, card: &Capabilities) -> Checked {
    let receivers = || policy.partitions.iter().filter(|p| p.wire.receives());
    let macs = receivers().flat_map(|p| p.macs.iter().map(move |mac| (p, mac)));
    if let Some((partition, mac)) = beyond(macs, card.macs) {
        let (partition, limit) = (partition.name.value.clone(), card.macs);
        let kind = Kind::TooManyMacs {
            partition,
            mac: mac.value,
            card: card.card,
            limit,
        };
        return Err(kind.at(mac.place));
    }
    let vlans = receivers().flat_map(|p| p.vlans.iter().map(move |vlan| (p, vlan)));
    if let Some((partition, vlan)) = beyond(vlans, card.vlans) {
        let (partition, limit) = (partition.name.value.clone(), card.vlans);
        let kind = Kind::TooManyVlans {
            partition,
            segment: vlan.value,
            card: card.card,
            limit,
        };
        return Err(kind.at(vlan.place));
    }
    Ok(())
}

/// The first item that makes more than `limit` different values.
fn beyond<'p, T: Ord + Copy>(
    mut items: impl Iterator<Item = (&'p Partition, &'p At<T>)>,
    limit: u16,
) -> Option<(&'p Partition, &'p At<T>)> {
    let mut seen = BTreeSet::new();
    items.find(|(_, item)| seen.insert(item.value) && seen.len() > usize::from(limit))
}

fn rate(partition: &Partition, card: &Capabilities) -> Checked {
    let Some(rate) = partition.tx.rate else {
        return Ok(());
    };
    let (partition, place) = (partition.name.value.clone(), partition.tx.place);
    if let Some(limit) = card.min_rate.filter(|limit| rate < *limit) {
        return Err(Kind::RateTooSlow {
            partition,
            rate,
            card: card.card,
            limit,
        }
        .at(place));
    }
    let link = BitRate::new(u64::from(card.link_mbit) * 1_000_000);
    if let Some(limit) = link.filter(|link| rate > *link) {
        return Err(Kind::RateTooFast {
            partition,
            rate,
            card: card.card,
            limit,
        }
        .at(place));
    }
    Ok(())
}

/// Checks that every named core exists; returns the cores of the workers.
pub(crate) fn cores(policy: &Policy, machine: &Machine) -> Checked<Vec<u16>> {
    let exists = |user: &str, core: &At<u16>| {
        let usable = || spans(&machine.cores);
        let kind = || Kind::NoSuchCore {
            user: user.into(),
            core: core.value,
            usable: usable(),
        };
        let found = machine.cores.contains(&core.value);
        found
            .then_some(core.value)
            .ok_or_else(|| kind().at(core.place))
    };
    for partition in &policy.partitions {
        let user = format!("partition `{}`", partition.name.value);
        partition
            .cores
            .iter()
            .flatten()
            .try_for_each(|core| exists(&user, core).map(|_| ()))?;
    }
    let first = machine.cores.first().copied().unwrap_or(0);
    let default = At {
        value: first,
        place: policy.nic.device.place,
    };
    let workers = policy
        .nic
        .workers
        .as_deref()
        .unwrap_or(core::slice::from_ref(&default));
    workers
        .iter()
        .map(|core| exists("a worker", core))
        .collect()
}

/// Cores as text: "cores 0-3, 8".
pub(crate) fn spans(cores: &[u16]) -> String {
    let mut runs: Vec<(u16, u16)> = Vec::new();
    for core in cores.iter().copied() {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == core => *last = core,
            _ => runs.push((core, core)),
        }
    }
    let text = |(a, b): &(u16, u16)| {
        if a == b {
            a.to_string()
        } else {
            format!("{a}-{b}")
        }
    };
    let text: Vec<String> = runs.iter().map(text).collect();
    match cores.len() {
        0 => "no core".into(),
        1 => format!("core {}", text.join(", ")),
        _ => format!("cores {}", text.join(", ")),
    }
}
