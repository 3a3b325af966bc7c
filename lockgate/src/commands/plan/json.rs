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
    BitRate, FlowSpec, HardwarePlan, Multicast, PartitionPlan, PartitionSpec, Plan, PoolId,
    PoolPlan, Segment, SteeringMode,
};
use serde_json::{Value, json};

use super::{multicast_bits, pools_of};
use crate::commands::{LoadedPolicy, describe, residual};
use crate::error::Failure;

/// The plan as JSON text.
pub(super) fn json(loaded: &LoadedPolicy, plan: &Plan) -> Result<String, Failure> {
    let spec = plan.spec();
    let both = plan.partitions().iter().zip(&spec.partitions);
    let value = json!({
        "schema": 1,
        "device": loaded.device().to_string(),
        "card": loaded.card()?.card,
        "steering": match plan.steering() {
            SteeringMode::Pools => "pools",
            SteeringMode::Software => "software",
        },
        "mtu": plan.mtu(),
        "workers": plan.workers(),
        "levels": spec.levels,
        "partitions": both.map(|(entry, spec)| partition(plan, entry, spec)).collect::<Value>(),
        "flows": spec.flows.iter().map(|entry| flow(plan, entry)).collect::<Value>(),
        "hardware": hardware(plan.hardware()),
        "residual_channels": residual::channels(plan),
        "notes": residual::notes(loaded, plan),
    });
    Ok(format!("{value:#}\n"))
}

fn partition(plan: &Plan, entry: &PartitionPlan, spec: &PartitionSpec) -> Value {
    let queue = |&worker: &usize| json!({ "worker": worker, "core": plan.workers().get(worker) });
    let listed = spec.multicast.listed().iter().map(ToString::to_string);
    json!({
        "name": entry.name,
        "level": entry.level,
        "cores": entry.cores,
        "queues": entry.queue_workers.iter().map(queue).collect::<Value>(),
        "macs": entry.macs.iter().map(ToString::to_string).collect::<Value>(),
        "vlans": entry.vlans.iter().copied().map(Segment::vid).collect::<Value>(),
        "wire": describe::wire(spec.wire),
        "broadcast": spec.broadcast,
        "multicast": match &spec.multicast {
            Multicast::All => json!("all"),
            Multicast::List(_) => listed.collect(),
        },
        "rss": { "key": entry.rss.key.to_string(), "hash": kinds(entry.rss.hash) },
        "tx": { "weight": entry.weight, "rate_bit_s": rate(entry.rate) },
        "attach": entry.attachment.kind.name(),
    })
}

fn flow(plan: &Plan, flow: &FlowSpec) -> Value {
    let (from, to) = describe::ends(plan, flow);
    json!({ "from": from, "to": to, "downgrade": flow.downgrade })
}

fn hardware(hardware: &HardwarePlan) -> Value {
    let pools = |mask: u64| pools_of(mask).map(PoolId::index).collect::<Value>();
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
