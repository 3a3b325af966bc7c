//! The plan as JSON, schema 1.
//!
//! `{"schema": 1, "device", "card", "steering": "pools" | "software", "mtu",
//! "workers": [core], "levels": [name], "partitions": [{"name", "level", "cores":
//! [core], "queues": [{"worker", "core"}], "macs": [text], "vlans": [number, 0 is
//! untagged], "wire", "broadcast", "multicast": "all" | [text], "rss": {"key", "hash":
//! [kind]}, "tx": {"weight", "rate_bit_s"}, "attach": kind}], "flows": [{"from", "to", "downgrade"}],
//! "hardware": {"rss": {"key", "hash", "table": [queue]}, "macs": [{"mac", "pools":
//! [number]}], "vlans": [{"vid", "pools"}], "multicast": [table bit], "pools":
//! [{"receive", "transmit", "broadcast", "untagged", "multicast", "rss", "queues",
//! "anti_spoof", "max_frame", "rate_bit_s"}]}, "residual_channels": [text], "notes":
//! [text]}`. What there is not is null. Keys may be added; none goes or changes.
//!
//! Not here: the report of a run ([`crate::report`]).

use lockgate_rss::HashKinds;
use lockgate_vmdq::{
    BitRate, Flow, HardwarePlan, Multicast, Partition, PartitionPlan, Plan, PoolPlan, Segment,
    SteeringMode,
};
use serde_json::{Value, json};

use super::{multicast_bits, pool_numbers};
use crate::commands::{LoadedPolicy, describe, residual};
use crate::error::Failure;

/// The plan as JSON text.
pub(super) fn json(loaded: &LoadedPolicy, plan: &Plan) -> Result<String, Failure> {
    let policy = &loaded.policy;
    let both = plan.partitions().iter().zip(&policy.partitions);
    let value = json!({
        "schema": 1,
        "device": policy.nic.device.value.to_string(),
        "card": loaded.card()?.card,
        "steering": match plan.steering() {
            SteeringMode::Pools => "pools",
            SteeringMode::Software => "software",
        },
        "mtu": plan.mtu(),
        "workers": plan.workers(),
        "levels": policy.levels.order.iter().map(|at| at.value.as_str()).collect::<Value>(),
        "partitions": both.map(|(entry, policy)| partition(plan, entry, policy)).collect::<Value>(),
        "flows": policy.flows.iter().map(flow).collect::<Value>(),
        "hardware": hardware(plan.hardware()),
        "residual_channels": residual::channels(plan),
        "notes": residual::notes(policy, plan),
    });
    Ok(format!("{value:#}\n"))
}

fn partition(plan: &Plan, entry: &PartitionPlan, policy: &Partition) -> Value {
    let queue = |&worker: &usize| json!({ "worker": worker, "core": plan.workers().get(worker) });
    let listed = policy
        .multicast
        .listed()
        .iter()
        .map(|mac| mac.value.to_string());
    json!({
        "name": entry.name,
        "level": entry.level,
        "cores": entry.cores,
        "queues": entry.queue_workers.iter().map(queue).collect::<Value>(),
        "macs": entry.macs.iter().map(ToString::to_string).collect::<Value>(),
        "vlans": entry.vlans.iter().copied().map(Segment::vid).collect::<Value>(),
        "wire": describe::wire(policy.wire),
        "broadcast": policy.broadcast,
        "multicast": match &policy.multicast {
            Multicast::All => json!("all"),
            Multicast::List(_) => listed.collect(),
        },
        "rss": { "key": entry.rss.key.to_string(), "hash": kinds(entry.rss.hash) },
        "tx": { "weight": entry.weight, "rate_bit_s": rate(entry.rate) },
        "attach": describe::attach(&policy.attach),
    })
}

fn flow(flow: &Flow) -> Value {
    json!({
        "from": flow.from.value,
        "to": flow.to.value,
        "downgrade": flow.downgrade.as_ref().map(|reason| &reason.value),
    })
}

fn hardware(hardware: &HardwarePlan) -> Value {
    let pools = |mask: u64| pool_numbers(mask).collect::<Value>();
    let rss = hardware.rss.as_ref().map(
        |rss| json!({ "key": rss.key.to_string(), "hash": kinds(rss.kinds), "table": rss.table }),
    );
    let macs = hardware.macs.iter();
    let vlans = hardware.vlans.iter();
    json!({
        "rss": rss,
        "macs": macs
            .map(|(mac, mask)| json!({ "mac": mac.to_string(), "pools": pools(*mask) }))
            .collect::<Value>(),
        "vlans": vlans
            .map(|(vid, mask)| json!({ "vid": vid, "pools": pools(*mask) }))
            .collect::<Value>(),
        "multicast": multicast_bits(hardware).collect::<Value>(),
        "pools": hardware.pools.iter().map(pool).collect::<Value>(),
    })
}

fn pool(pool: &PoolPlan) -> Value {
    json!({
        "receive": pool.receive,
        "transmit": pool.transmit,
        "broadcast": pool.broadcast,
        "untagged": pool.untagged,
        "multicast": pool.multicast,
        "rss": pool.queues > 1,
        "queues": pool.queues,
        "anti_spoof": pool.anti_spoof,
        "max_frame": pool.max_frame,
        "rate_bit_s": rate(pool.rate),
    })
}

fn kinds(kinds: HashKinds) -> Value {
    kinds.iter().map(|kind| kind.name()).collect()
}

fn rate(rate: Option<BitRate>) -> Option<u64> {
    rate.map(BitRate::bits_per_second)
}
