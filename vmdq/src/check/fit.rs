//! Whether a specification fits its card.
//!
//! There is no fall-back: what the card cannot hold or enforce is refused. A card
//! without pools has only the limits of its filters, since the worker does the rest.
//!
//! Not here: what does not depend on the card (`lists`, `levels`), and filters, which
//! are counted where they are made (`hardware`).

use super::{Refusals, refuse_all};
use crate::prelude::*;
use crate::{
    BitRate, Capabilities, PartitionPart, PartitionSpec, PlanErrorKind as Kind, PlanSpec,
    PoolLayout, SpecPlace,
};

/// How a specification lies on its card.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fit {
    pub(crate) card: Capabilities,
    /// How the card is cut into pools; `None`: software steering.
    pub(crate) layout: Option<PoolLayout>,
}

impl Fit {
    /// Checks every limit of `card` but those of its filters.
    pub(super) fn new(spec: &PlanSpec, card: &Capabilities) -> Result<Self, Refusals> {
        let mut refusals = Refusals::new();
        if spec.mtu > card.max_mtu {
            let (mtu, limit) = (spec.mtu, card.max_mtu);
            let card = card.card;
            refusals.push(Kind::MtuTooLarge { mtu, card, limit }.at(SpecPlace::Mtu));
        }
        let layout = layout(spec, card, &mut refusals);
        if layout.is_some() {
            shared_rss(&spec.partitions, card, &mut refusals);
        }
        pools(spec, layout, card, &mut refusals);
        for (at, partition) in spec.partitions.iter().enumerate() {
            rate(at, partition, card, &mut refusals);
        }
        let queues = card.rx_queues;
        if card.layouts.is_empty() && spec.workers.len() > queues.into() {
            let (workers, card) = (spec.workers.len(), card.card);
            let kind = Kind::TooManyWorkers {
                workers,
                card,
                queues,
            };
            refusals.push(kind.at(SpecPlace::Worker(queues.into())));
        }
        refuse_all(refusals)?;
        Ok(Self {
            card: *card,
            layout,
        })
    }
}

/// The first layout with a pool per partition and enough queues in each.
fn layout(spec: &PlanSpec, card: &Capabilities, refusals: &mut Refusals) -> Option<PoolLayout> {
    let all = &spec.partitions;
    // Of several with as many the last, as a reader would look for it.
    let (at, most) = all
        .iter()
        .enumerate()
        .max_by_key(|(_, partition)| partition.queues)?;
    let found = card.layout_for(all.len(), most.queues);
    let limit = card.most_queues(all.len());
    if let (None, Some(limit)) = (found, limit) {
        let kind = Kind::TooManyQueues {
            name: most.name.clone(),
            queues: most.queues,
            card: card.card,
            partitions: all.len(),
            limit,
        };
        refusals.push(kind.of(at, PartitionPart::Queues));
    }
    found
}

/// Every partition has a pool that there is, or none has one.
fn pools(
    spec: &PlanSpec,
    layout: Option<PoolLayout>,
    card: &Capabilities,
    refusals: &mut Refusals,
) {
    if layout.is_none() && !card.layouts.is_empty() {
        // Said already: there is no layout to have a pool of.
        return;
    }
    let pools = layout.map_or(0, |layout| layout.pools);
    for (at, partition) in spec.partitions.iter().enumerate() {
        let fits = match partition.pool {
            Some(pool) => pool.index() < pools.into(),
            None => layout.is_none(),
        };
        if !fits {
            let pool = match partition.pool {
                Some(pool) => format!("pool {pool}"),
                None => "no pool".into(),
            };
            let kind = Kind::NoSuchPool {
                name: partition.name.clone(),
                pool,
                card: card.card,
                pools,
            };
            refusals.push(kind.of(at, PartitionPart::Pool));
        }
    }
}

/// Pools that spread over queues must agree in what the card has once.
fn shared_rss(all: &[PartitionSpec], card: &Capabilities, refusals: &mut Refusals) {
    let spread = || all.iter().enumerate().filter(|(_, p)| p.spreads());
    let Some((widest_at, widest)) = spread().max_by_key(|(_, p)| p.queues) else {
        return;
    };
    for (at, other) in spread() {
        let Some(what) = difference(other, widest) else {
            continue;
        };
        let (a, b) = (at.min(widest_at), at.max(widest_at));
        let kind = Kind::SharedRss {
            first: all[a].name.clone(),
            second: all[b].name.clone(),
            what,
            card: card.card,
        };
        let also = SpecPlace::Partition {
            partition: a,
            part: PartitionPart::Queues,
        };
        refusals.push(kind.of(b, PartitionPart::Queues).and(also));
    }
}

/// In what two pools differ that must not.
fn difference(other: &PartitionSpec, widest: &PartitionSpec) -> Option<&'static str> {
    let (few, many) = (other.queues, widest.queues);
    // The smaller pool reads the low bits of the larger one's table.
    let fits = few == many || few.is_power_of_two() && many.is_multiple_of(few);
    if other.rss.key != widest.rss.key {
        Some("`rss.key`")
    } else if other.rss.hash != widest.rss.hash {
        Some("`rss.hash`")
    } else if !fits {
        Some("`queues`")
    } else {
        None
    }
}

fn rate(at: usize, partition: &PartitionSpec, card: &Capabilities, refusals: &mut Refusals) {
    let Some(rate) = partition.rate else {
        return;
    };
    let (name, card_name) = (partition.name.clone(), card.card);
    let link = BitRate::new(u64::from(card.link_mbit) * 1_000_000);
    let kind = match (card.min_rate, link) {
        (Some(limit), _) if rate < limit => Kind::RateTooSlow {
            name,
            rate,
            card: card_name,
            limit,
        },
        (_, Some(limit)) if rate > limit => Kind::RateTooFast {
            name,
            rate,
            card: card_name,
            limit,
        },
        _ => return,
    };
    refusals.push(kind.of(at, PartitionPart::Rate));
}
