//! Each value on its own, and what may stand only once.

use alloc::collections::BTreeMap;
use core::fmt::Display;

use super::{Refusals, attachment};
use crate::prelude::*;
use crate::{
    Capabilities, FlowPart, FrameLimits, Mac, PartitionPart, PartitionSpec, PlanErrorKind as Kind,
    PlanSpec, SpecPlace,
};

/// The most receive queues of a partition.
const MOST_QUEUES: u8 = 16;
/// The largest weight.
const LARGEST_WEIGHT: u16 = 1000;
/// The longest name of a partition, in bytes.
const LONGEST_NAME: usize = 64;

/// All that is wrong with the values of `spec`.
pub(super) fn check(spec: &PlanSpec, card: &Capabilities) -> Refusals {
    let mut refusals = Refusals::new();
    if let Some(refusal) = too_many(spec, card) {
        // What follows counts on partitions that are few.
        refusals.push(refusal);
        return refusals;
    }
    globals(spec, &mut refusals);
    numbers(spec, &mut refusals);
    for (at, partition) in spec.partitions.iter().enumerate() {
        check_partition(spec, at, partition, &mut refusals);
    }
    peers(spec, &mut refusals);
    flows(spec, &mut refusals);
    refusals
}

fn too_many(spec: &PlanSpec, card: &Capabilities) -> Option<crate::PlanError> {
    let limit = card.most_partitions();
    let extra = spec.partitions.get(limit)?;
    let kind = Kind::TooManyPartitions {
        name: extra.name.clone(),
        number: limit + 1,
        card: card.card,
        limit,
    };
    Some(kind.of(limit, PartitionPart::Name))
}

fn globals(spec: &PlanSpec, refusals: &mut Refusals) {
    let mtus = (FrameLimits::SMALLEST_MTU, FrameLimits::LARGEST_MTU);
    range(refusals, "`mtu`", spec.mtu, mtus, SpecPlace::Mtu);
    if spec.workers.is_empty() {
        refusals.push(
            Kind::Empty {
                what: "the list of cores",
            }
            .at(SpecPlace::Workers),
        );
    }
    once(refusals, "core", &spec.workers, SpecPlace::Worker);
    once(refusals, "level", &spec.levels, SpecPlace::Level);
    if spec.partitions.is_empty() {
        refusals.push(Kind::NoPartition.at(SpecPlace::Whole));
    }
    let names = spec.partitions.iter().map(|partition| &partition.name);
    once(refusals, "partition", names, |partition| {
        SpecPlace::Partition {
            partition,
            part: PartitionPart::Name,
        }
    });
}

/// No two partitions have one number or one pool.
fn numbers(spec: &PlanSpec, refusals: &mut Refusals) {
    let (mut ids, mut pools) = (BTreeMap::new(), BTreeMap::new());
    for (at, partition) in spec.partitions.iter().enumerate() {
        let earlier_id = ids.insert(partition.id, at);
        let earlier_pool = partition.pool.and_then(|pool| pools.insert(pool, at));
        for (earlier, part) in [
            (earlier_id, PartitionPart::Id),
            (earlier_pool, PartitionPart::Pool),
        ] {
            // Two of one name are refused for that.
            let earlier =
                earlier.filter(|earlier| spec.partitions[*earlier].name != partition.name);
            let Some(earlier) = earlier else { continue };
            let kind = Kind::SharedNumber {
                first: spec.partitions[earlier].name.clone(),
                second: partition.name.clone(),
                what: match (part, partition.pool) {
                    (PartitionPart::Pool, Some(pool)) => format!("pool {pool}"),
                    _ => format!("number {}", partition.id),
                },
            };
            let also = SpecPlace::Partition {
                partition: earlier,
                part,
            };
            refusals.push(kind.of(at, part).and(also));
        }
    }
}

fn check_partition(spec: &PlanSpec, at: usize, partition: &PartitionSpec, refusals: &mut Refusals) {
    let place = |part| SpecPlace::Partition {
        partition: at,
        part,
    };
    let name = &partition.name;
    if !is_name(name) {
        refusals.push(Kind::BadName { name: name.clone() }.of(at, PartitionPart::Name));
    }
    if let Some(level) = partition
        .level
        .filter(|level| usize::from(*level) >= spec.levels.len())
    {
        let (name, levels) = (name.clone(), spec.levels.len());
        let kind = Kind::NoSuchLevel {
            name,
            level,
            levels,
        };
        refusals.push(kind.of(at, PartitionPart::Level));
    }
    let queues = (1, MOST_QUEUES.into());
    range(
        refusals,
        "`queues`",
        partition.queues.into(),
        queues,
        place(PartitionPart::Queues),
    );
    range(
        refusals,
        "`weight`",
        partition.weight,
        (1, LARGEST_WEIGHT),
        place(PartitionPart::Weight),
    );
    for (what, empty, part) in [
        (
            "the list of cores",
            partition.cores.is_empty(),
            PartitionPart::Cores,
        ),
        (
            "the list of segments",
            partition.segments.is_empty(),
            PartitionPart::Segments,
        ),
    ] {
        if empty {
            refusals.push(Kind::Empty { what }.of(at, part));
        }
    }
    once(refusals, "core", &partition.cores, |i| {
        place(PartitionPart::Core(i))
    });
    once(refusals, "segment", &partition.segments, |i| {
        place(PartitionPart::Segment(i))
    });
    let own = |mac: &Mac| !mac.is_multicast() && mac.as_u64() != 0;
    addresses(refusals, "unicast", &partition.macs, own, |i| {
        place(PartitionPart::Mac(i))
    });
    let group = |mac: &Mac| mac.is_multicast() && !mac.is_broadcast();
    let listed = partition.multicast.listed();
    addresses(refusals, "multicast", listed, group, |i| {
        place(PartitionPart::Multicast(i))
    });
    if let Some(what) = attachment::flaw(&partition.attachment) {
        let kind = Kind::BadAttachment {
            name: name.clone(),
            what,
        };
        refusals.push(kind.of(at, PartitionPart::Attachment));
    }
}

/// Names are file names of captures and keys of reports, where the replay source "wire" has
/// its own meaning.
fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    let length = (1..=LONGEST_NAME).contains(&name.len());
    length && name.bytes().all(plain) && !name.starts_with('.') && name != "wire"
}

fn addresses(
    refusals: &mut Refusals,
    kind: &'static str,
    macs: &[Mac],
    fits: fn(&Mac) -> bool,
    place: impl Fn(usize) -> SpecPlace + Copy,
) {
    for (i, mac) in macs.iter().enumerate().filter(|(_, mac)| !fits(mac)) {
        refusals.push(Kind::BadAddress { mac: *mac, kind }.at(place(i)));
    }
    once(refusals, "address", macs, place);
}

/// Two partitions with one interface or socket would be one.
fn peers(spec: &PlanSpec, refusals: &mut Refusals) {
    let mut seen = BTreeMap::new();
    for (at, partition) in spec.partitions.iter().enumerate() {
        let Some(peer) = partition.attachment.kind.exclusive() else {
            continue;
        };
        // An interface may have the name of a socket.
        let socket = partition.attachment.kind.socket().is_some();
        if let Some(earlier) = seen.insert((socket, peer), at) {
            let what = format!("attachment {peer}");
            let part = PartitionPart::Attachment;
            let also = SpecPlace::Partition {
                partition: earlier,
                part,
            };
            refusals.push(Kind::Repeated { what }.of(at, part).and(also));
        }
    }
}

fn flows(spec: &PlanSpec, refusals: &mut Refusals) {
    let mut seen = BTreeMap::new();
    for (flow, declared) in spec.flows.iter().enumerate() {
        let place = |part| SpecPlace::Flow { flow, part };
        let name = |id| spec.partitions.iter().find(|p| p.id == id).map(|p| &p.name);
        for (id, part) in [(declared.from, FlowPart::From), (declared.to, FlowPart::To)] {
            if name(id).is_none() {
                let number = id.index();
                refusals.push(Kind::FlowOfNobody { number }.at(place(part)));
            }
        }
        let reason = declared.downgrade.as_ref();
        if reason.is_some_and(|reason| reason.trim().is_empty()) {
            let what = "the reason for `downgrade`";
            refusals.push(Kind::Empty { what }.at(place(FlowPart::Downgrade)));
        }
        let Some(first) = seen.insert((declared.from, declared.to), flow) else {
            continue;
        };
        if let (Some(from), Some(to)) = (name(declared.from), name(declared.to)) {
            let what = format!("the flow from `{from}` to `{to}`");
            let also = SpecPlace::Flow {
                flow: first,
                part: FlowPart::From,
            };
            refusals.push(Kind::Repeated { what }.at(place(FlowPart::From)).and(also));
        }
    }
}

/// Refuses a number that is not between `bounds`, both of which are allowed.
fn range(
    refusals: &mut Refusals,
    what: &'static str,
    value: u16,
    bounds: (u16, u16),
    at: SpecPlace,
) {
    let (low, high) = bounds;
    if !(low..=high).contains(&value) {
        let (value, low, high) = (value.into(), low.into(), high.into());
        refusals.push(
            Kind::OutOfRange {
                what,
                value,
                low,
                high,
            }
            .at(at),
        );
    }
}

/// Refuses items that stand twice in one list.
fn once<'s, T: Ord + Display + 's>(
    refusals: &mut Refusals,
    what: &str,
    items: impl IntoIterator<Item = &'s T>,
    place: impl Fn(usize) -> SpecPlace,
) {
    let mut seen = BTreeMap::new();
    for (i, item) in items.into_iter().enumerate() {
        if let Some(first) = seen.insert(item, i) {
            let what = format!("{what} {item}");
            refusals.push(Kind::Repeated { what }.at(place(i)).and(place(first)));
        }
    }
}
