//! Who gets which number: partitions and pools, from one policy to the next.
//!
//! The rule: a partition keeps its number and its pool for as long as it keeps its name, and no
//! number goes from one name to another in one step, so that while an old plan and a new one are
//! both in use a number means one partition. A pool may: the card has few, and is drained of the
//! old partition before it is told of the new one.
//!
//! Not here: whether what is given out fits the card (`check`).

use crate::prelude::*;
use crate::{MAX_PARTITIONS, PartitionId, Plan, PoolId, PoolLayout};

/// The numbers of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    /// Its own.
    pub id: PartitionId,
    /// Its pool's; `None` without pools.
    pub pool: Option<PoolId>,
}

/// Numbers for partitions of these `names` on a card cut by `layout`, in that order, where
/// `before` is the plan that they follow.
///
/// `None` if there are not enough: more than 64 names, more than the layout has pools, or so
/// many new ones that each number is still another's.
pub fn number_partitions(
    names: &[&str],
    layout: Option<PoolLayout>,
    before: Option<&Plan>,
) -> Option<Vec<Numbers>> {
    let kept = |name: &str| {
        let partitions = &before?.spec().partitions;
        partitions.iter().find(|partition| partition.name == name)
    };
    let ids = assign(
        names
            .iter()
            .map(|name| kept(name).map(|old| old.id.index())),
        MAX_PARTITIONS,
        taken(before, |old| Some(old.id.index())),
        Reuse::Never,
    )?;
    let pools = match layout {
        None => vec![None; names.len()],
        Some(layout) => assign(
            names.iter().map(|name| Some(kept(name)?.pool?.index())),
            layout.pools.into(),
            taken(before, |old| Some(old.pool?.index())),
            Reuse::IfNeeded,
        )?
        .into_iter()
        .map(|pool| Some(PoolId::new(pool as u8)))
        .collect(),
    };
    let numbers = ids.into_iter().zip(pools);
    numbers
        .map(|(id, pool)| {
            let id = PartitionId::new(id)?;
            Some(Numbers { id, pool })
        })
        .collect()
}

/// Whether a number may go to another name at once.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reuse {
    Never,
    IfNeeded,
}

/// The numbers of the plan before, as bits.
fn taken(before: Option<&Plan>, number: impl Fn(&crate::PartitionSpec) -> Option<usize>) -> u64 {
    let partitions = before.map_or(&[][..], |before| &before.spec().partitions);
    let numbers = partitions.iter().filter_map(number);
    numbers.fold(0, |taken, number| taken | 1 << number)
}

/// A number below `count` for each: the one that it `kept` if that is below `count`, else the
/// lowest that is free and not among `old`, else, if it may be, the lowest that is free.
fn assign(
    kept: impl Iterator<Item = Option<usize>> + Clone,
    count: usize,
    old: u64,
    reuse: Reuse,
) -> Option<Vec<usize>> {
    let count = count.min(MAX_PARTITIONS);
    let kept = kept.map(|number| number.filter(|number| *number < count));
    let mut used = kept.clone().flatten().fold(0_u64, |used, n| used | 1 << n);
    let mut given = Vec::new();
    for number in kept {
        let lowest = |avoid: u64| (0..count).find(|n| avoid >> n & 1 == 0);
        let fresh = || match reuse {
            Reuse::Never => lowest(used | old),
            Reuse::IfNeeded => lowest(used | old).or_else(|| lowest(used)),
        };
        let number = number.or_else(fresh)?;
        used |= 1 << number;
        given.push(number);
    }
    Some(given)
}
