//! What stays open: channels between levels that no policy closes, and notes.
//!
//! Sentences for people. A residual channel is a resource that one level can load
//! and another can feel; frames do not cross by it, but bits can. Not here:
//! anything that decides.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::device::Device;
use crate::fit::Fit;
use crate::levels::{Edges, Segments};
use crate::plan::PartitionPlan;
use crate::policy::Policy;

/// Resources that partitions of different levels share.
pub(crate) fn channels(partitions: &[PartitionPlan], fit: &Fit) -> Vec<String> {
    let shared = |resource: String, uses: &dyn Fn(&PartitionPlan) -> bool| {
        let users = || partitions.iter().filter(|p| uses(p));
        let mut levels = users().filter_map(|p| p.level.as_ref());
        let first = levels.next()?;
        levels.find(|level| *level != first)?;
        let names = users().filter_map(|p| Some(format!("`{}` ({})", p.name, p.level.as_ref()?)));
        let names = names.collect::<Vec<_>>().join(", ");
        Some(format!("{resource}: {names} can feel each other's load"))
    };
    let by_worker = fit.workers.iter().enumerate().map(|(worker, core)| {
        let serves = |p: &PartitionPlan| fit.layout.is_none() || p.queue_workers.contains(&worker);
        shared(format!("one worker on core {core}"), &serves)
    });
    let levels = |p: &PartitionPlan, q: &PartitionPlan| q.level.is_some() && q.level != p.level;
    let meets = |p: &PartitionPlan, q: &PartitionPlan| p.cores.iter().any(|c| q.cores.contains(c));
    let crowded = |p: &PartitionPlan| partitions.iter().any(|q| levels(p, q) && meets(p, q));
    let rest = [
        shared("the card, its link and its packet buffers".into(), &|_| true),
        shared("cores that more than one endpoint may run on".into(), &crowded),
        shared("the machine's caches and memory".into(), &|_| true),
    ];
    by_worker.chain(rest).flatten().collect()
}

/// What is allowed and may still not be meant.
pub(crate) fn notes(
    policy: &Policy,
    partitions: &[PartitionPlan],
    Fit { workers, .. }: &Fit,
    edges: &Edges,
    segments: &Segments,
) -> Vec<String> {
    let mut notes = Vec::new();
    if policy.wire.replay.is_some() && matches!(*policy.nic.device, Device::Pci(_)) {
        notes.push("`wire.replay` is not used: the device is no model".into());
    }
    for (from, to) in edges.keys().copied() {
        if segments.common(policy, from, to).is_none() {
            let (from, to) = (&partitions[from].name, &partitions[to].name);
            notes.push(format!(
                "the flow from `{from}` to `{to}` carries nothing: no common segment"
            ));
        }
    }
    for partition in partitions {
        let name = &partition.name;
        if partition.macs.is_empty() {
            notes.push(format!("`{name}` owns no address: it can send nothing"));
        }
        if partition.cores.iter().any(|core| workers.contains(core)) {
            notes.push(format!("the endpoint of `{name}` may run on a worker's core"));
        }
    }
    for (worker, core) in workers.iter().enumerate() {
        if !partitions.iter().any(|p| p.queue_workers.contains(&worker)) {
            notes.push(format!("the worker on core {core} has no queue"));
        }
    }
    notes
}
