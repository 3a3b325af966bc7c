//! `lockgate plan`: what the card is told, as a table, as JSON, as a graph.
//!
//! The table is for reading; the JSON is for programs and keeps its shape
//! (`json`); the graph shows who can reach whom (`dot`).

mod dot;
mod json;

use lockgate_vmdq::{
    HardwarePlan, Mac, Multicast, PartitionPlan, Plan, PoolId, PoolPlan, SteeringMode,
};

use super::{LoadedPolicy, describe, load, residual};
use crate::cli::{PlanArgs, PlanFormat};
use crate::error::Failure;
use crate::report::table::{Align, Table};

/// The plan in the format asked for.
///
/// # Errors
/// A usage failure: the first thing that is wrong with the policy.
pub fn plan(args: &PlanArgs) -> Result<String, Failure> {
    let loaded = load(&args.policy, args.device.as_deref())?;
    let plan = loaded.check()?;
    match args.format {
        PlanFormat::Table => table(&loaded, &plan),
        PlanFormat::Json => json::json(&loaded, &plan),
        PlanFormat::Dot => Ok(dot::dot(&plan)),
    }
}

fn table(loaded: &LoadedPolicy, plan: &Plan) -> Result<String, Failure> {
    let mut text = format!("plan of {}\n", loaded.path().display());
    let hardware = plan.hardware();
    let blocks = [
        ("", describe::facts(loaded, plan)?),
        ("partitions", partitions(plan)),
        ("flows", describe::flows(plan)),
        ("pools", pools(plan)),
        ("MAC filters", mac_filters(plan)),
        ("VLAN filters", vlan_filters(plan)),
        ("RSS", rss(hardware)),
        ("multicast", multicast(hardware)),
        (
            "residual channels",
            describe::list(&residual::channels(plan)),
        ),
        ("notes", describe::list(&residual::notes(loaded, plan))),
    ];
    for (heading, lines) in blocks {
        describe::push_block(&mut text, heading, &lines);
    }
    Ok(text)
}

fn partitions(plan: &Plan) -> Vec<String> {
    let heading = [
        "name",
        "level",
        "wire",
        "broadcast",
        "multicast",
        "weight",
        "rate",
        "attach",
        "queues on workers",
    ];
    let mut table = Table::new(&heading.map(|name| (name, Align::Left)));
    for (partition, spec) in plan.partitions().iter().zip(&plan.spec().partitions) {
        table.row([
            partition.name.clone(),
            partition.level.clone().unwrap_or("-".to_owned()),
            describe::wire(spec.wire).to_owned(),
            yes(spec.broadcast).to_owned(),
            multicast_words(&spec.multicast),
            partition.weight.to_string(),
            partition
                .rate
                .map_or("-".to_owned(), |rate| rate.to_string()),
            describe::attachment(&partition.attachment),
            queue_workers(plan, partition),
        ]);
    }
    table.lines()
}

fn multicast_words(multicast: &Multicast) -> String {
    match multicast {
        Multicast::All => "all".to_owned(),
        Multicast::List(macs) if macs.is_empty() => "none".to_owned(),
        Multicast::List(macs) => format!("{} listed", macs.len()),
    }
}

/// `0 and 1 on core 2` would be long for sixteen queues: queues by core.
fn queue_workers(plan: &Plan, partition: &PartitionPlan) -> String {
    let on_core = |(worker, core): (usize, &u16)| {
        let queues: Vec<_> = (0..partition.queue_workers.len())
            .filter(|&queue| partition.queue_workers.get(queue) == Some(&worker))
            .map(|queue| queue.to_string())
            .collect();
        (!queues.is_empty()).then(|| format!("{} on core {core}", queues.join(",")))
    };
    let words: Vec<_> = plan
        .workers()
        .iter()
        .enumerate()
        .filter_map(on_core)
        .collect();
    words.join("; ")
}

fn pools(plan: &Plan) -> Vec<String> {
    let heading = [
        "pool",
        "partition",
        "in",
        "out",
        "untagged",
        "broadcast",
        "multicast",
        "queues",
        "anti-spoof",
        "max frame",
    ];
    let mut table = Table::new(&heading.map(|name| (name, Align::Left)));
    for (number, pool) in (0..).map(PoolId::new).zip(&plan.hardware().pools) {
        // Partitions that are closed to the wire have a pool too, all off.
        if plan.partition_of(number).is_some() || *pool != PoolPlan::default() {
            table.row([
                number.to_string().as_str(),
                pool_name(plan, number),
                yes(pool.receive),
                yes(pool.transmit),
                yes(pool.untagged),
                yes(pool.broadcast),
                yes(pool.multicast),
                &pool.queues.to_string(),
                yes(pool.anti_spoof),
                &pool.max_frame.to_string(),
            ]);
        }
    }
    table.lines()
}

fn mac_filters(plan: &Plan) -> Vec<String> {
    let filters = &plan.hardware().macs;
    let line = |(mac, pools): (&Mac, &u64)| format!("  {mac}  {}", pool_names(plan, *pools));
    filters.iter().map(line).collect()
}

fn vlan_filters(plan: &Plan) -> Vec<String> {
    let filters = &plan.hardware().vlans;
    let line = |(vid, pools): (&u16, &u64)| {
        let note = if *vid == 0 { " (priority tags)" } else { "" };
        format!("  {vid:>4}  {}{note}", pool_names(plan, *pools))
    };
    filters.iter().map(line).collect()
}

fn rss(hardware: &HardwarePlan) -> Vec<String> {
    let Some(rss) = &hardware.rss else {
        return Vec::new();
    };
    let kinds: Vec<_> = rss.kinds.iter().map(|kind| kind.name()).collect();
    vec![
        format!("  key    {}", rss.key),
        format!("  hash   {}", kinds.join(" ")),
        format!("  table  {} entries", rss.table.len()),
    ]
}

fn multicast(hardware: &HardwarePlan) -> Vec<String> {
    match multicast_bits(hardware).count() {
        0 => Vec::new(),
        4096 => vec!["  every address passes the card; the worker decides".to_owned()],
        1 => vec!["  1 of 4,096 hash bits set; the worker decides by address".to_owned()],
        n => vec![format!(
            "  {n} of 4,096 hash bits set; the worker decides by address"
        )],
    }
}

/// The set bits of the multicast table.
fn multicast_bits(hardware: &HardwarePlan) -> impl Iterator<Item = usize> {
    let words = hardware.multicast.iter().enumerate();
    words.flat_map(|(n, word)| {
        (0..32)
            .filter(move |bit| word >> bit & 1 == 1)
            .map(move |bit| 32 * n + bit)
    })
}

/// The pools in a mask.
fn pools_of(mask: u64) -> impl Iterator<Item = PoolId> {
    let all = (0..64).map(PoolId::new);
    all.filter(move |pool| mask & pool.bit() != 0)
}

fn pool_names(plan: &Plan, mask: u64) -> String {
    let names: Vec<_> = pools_of(mask).map(|pool| pool_name(plan, pool)).collect();
    names.join(" ")
}

/// The name of a pool's partition; without pools there is one, which is the card.
fn pool_name(plan: &Plan, pool: PoolId) -> &str {
    match plan.steering() {
        SteeringMode::Software => "(the card)",
        SteeringMode::Pools => plan
            .partition_of(pool)
            .and_then(|id| plan.partition(id))
            .map_or("-", |partition| &partition.name),
    }
}

fn yes(flag: bool) -> &'static str {
    if flag { "yes" } else { "no" }
}
