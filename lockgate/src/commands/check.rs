//! `lockgate check`: is this policy sound, and what does it mean?
//!
//! Not here: what the card is told ([`super::plan`]).

use lockgate_vmdq::Plan;

use super::{LoadedPolicy, describe, load, residual};
use crate::cli::CheckArgs;
use crate::error::Failure;
use crate::report::table::{Align, Table};

/// What the policy means, if it is sound.
///
/// # Errors
/// A usage failure: the first thing that is wrong with it.
pub fn check(args: &CheckArgs) -> Result<String, Failure> {
    let loaded = load(&args.policy, args.device.as_deref())?;
    let plan = loaded.check()?;
    let mut text = format!("policy ok: {}\n", args.policy.display());
    let facts = describe::facts(&loaded, &plan)?;
    let blocks = [
        ("", facts),
        ("partitions", partitions(&loaded, &plan)),
        ("flows", describe::flows(&loaded.policy)),
        (
            "residual channels",
            describe::list(&residual::channels(&plan)),
        ),
        (
            "notes",
            describe::list(&residual::notes(&loaded.policy, &plan)),
        ),
    ];
    for (heading, lines) in blocks {
        describe::push_block(&mut text, heading, &lines);
    }
    Ok(text)
}

fn partitions(loaded: &LoadedPolicy, plan: &Plan) -> Vec<String> {
    let heading = ["name", "level", "segments", "wire", "queues", "addresses"];
    let mut table = Table::new(&heading.map(|name| (name, Align::Left)));
    for (partition, policy) in plan.partitions().iter().zip(&loaded.policy.partitions) {
        let segments: Vec<_> = partition
            .vlans
            .iter()
            .map(|segment| describe::segment(*segment))
            .collect();
        let addresses: Vec<_> = partition.macs.iter().map(ToString::to_string).collect();
        table.row([
            partition.name.as_str(),
            partition.level.as_deref().unwrap_or("-"),
            &segments.join(" "),
            describe::wire(policy.wire),
            &partition.queues.to_string(),
            &addresses.join(" "),
        ]);
    }
    table.lines()
}
