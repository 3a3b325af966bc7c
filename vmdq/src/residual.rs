//! What stays open: channels between levels that no policy closes, and notes.
//!
//! Sentences for people. A residual channel is a resource that one level can load
//! and another can feel; frames do not cross by it, but bits can. Not here:
//! anything that decides.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::capabilities::Capabilities;
use crate::fit::spans;
use crate::levels::{Edge, Segments};
use crate::plan::PartitionPlan;
use crate::policy::{Device, Policy};

/// Resources that partitions of different levels share.
pub(crate) fn channels(
    partitions: &[PartitionPlan],
    workers: &[u16],
    card: &Capabilities,
) -> Vec<String> {
    let mut channels = Vec::new();
    let mut add = |users: Vec<&PartitionPlan>, resource: &str, signal: &str| {
        if levels_differ(&users) {
            channels.push(format!(
                "{resource} is shared by {}: {signal}",
                list(&users)
            ));
        }
    };
    let all = || partitions.iter().collect::<Vec<_>>();
    for (worker, core) in workers.iter().enumerate() {
        let pools = card.pools() > 0;
        let served = |p: &&PartitionPlan| !pools || p.queue_workers.contains(&worker);
        let users = partitions.iter().filter(served).collect();
        let resource = format!("the worker on core {core}");
        add(
            users,
            &resource,
            "the load of one shows in the latency and losses of another",
        );
    }
    let signal = "the traffic of one shows in the latency and losses of another";
    add(
        all(),
        &format!("the {} with its link and packet buffers", card.card),
        signal,
    );
    let neighbours = partitions
        .iter()
        .filter(|p| partitions.iter().any(|q| one_core(p, q)));
    let signal = "the load of one shows in the speed of another";
    add(neighbours.collect(), "a core of their endpoints", signal);
    add(all(), "the machine's caches and memory", signal);
    channels
}

fn one_core(p: &PartitionPlan, q: &PartitionPlan) -> bool {
    levels_differ(&[p, q]) && p.cores.iter().any(|core| q.cores.contains(core))
}

fn levels_differ(users: &[&PartitionPlan]) -> bool {
    let mut levels = users.iter().filter_map(|p| p.level.as_ref());
    levels
        .next()
        .is_some_and(|first| levels.any(|level| level != first))
}

fn list(users: &[&PartitionPlan]) -> String {
    let names = users
        .iter()
        .filter_map(|p| Some(format!("`{}` ({})", p.name, p.level.as_ref()?)));
    names.collect::<Vec<_>>().join(", ")
}

/// What is allowed and may still not be meant.
pub(crate) fn notes(
    policy: &Policy,
    card: &Capabilities,
    partitions: &[PartitionPlan],
    workers: &[u16],
    edges: &[Edge],
    segments: &Segments,
) -> Vec<String> {
    let mut notes = Vec::new();
    if card.pools() == 0 {
        notes.push(format!("software steering: the {} has no pools, so the worker looks up the partition of every frame", card.card));
    }
    if policy.wire.replay.is_some() && matches!(policy.nic.device.value, Device::Pci(_)) {
        notes.push(format!(
            "`wire.replay` is not used: {} is no model",
            policy.nic.device.value
        ));
    }
    for edge in edges {
        if segments.common(policy, edge.from, edge.to).is_none() {
            let (from, to) = (&partitions[edge.from].name, &partitions[edge.to].name);
            notes.push(format!("the flow from `{from}` to `{to}` carries nothing: the two have no segment in common"));
        }
    }
    for partition in partitions {
        let name = &partition.name;
        if partition.macs.is_empty() {
            notes.push(format!(
                "`{name}` owns no address: it can send nothing and receive no unicast"
            ));
        }
        let both: Vec<u16> = partition
            .cores
            .iter()
            .copied()
            .filter(|core| workers.contains(core))
            .collect();
        if !both.is_empty() {
            notes.push(format!(
                "the endpoint of `{name}` shares {} with a worker",
                spans(&both)
            ));
        }
    }
    for (worker, core) in workers.iter().enumerate() {
        if !partitions.iter().any(|p| p.queue_workers.contains(&worker)) {
            notes.push(format!(
                "the worker on core {core} has no queue: there are more workers than queues"
            ));
        }
    }
    notes
}
