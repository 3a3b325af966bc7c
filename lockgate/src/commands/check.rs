//! `lockgate check`: is this policy sound, and what does it mean?
//!
//! Not here: what the card is told ([`super::plan`]).

use lockgate_vmdq::{Attachment, PartitionPlan, Plan};

use super::{describe, load, residual};
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
    let what = if loaded.is_compiled() {
        "plan"
    } else {
        "policy"
    };
    let mut text = format!("{what} ok: {}\n", args.policy.display());
    let facts = describe::facts(&loaded, &plan)?;
    let blocks = [
        ("", facts),
        ("partitions", partitions(&plan)),
        ("attachments", attachments(&plan)),
        ("flows", describe::flows(&plan)),
        (
            "residual channels",
            describe::list(&residual::channels(&plan)),
        ),
        ("notes", describe::list(&residual::notes(&loaded, &plan))),
    ];
    for (heading, lines) in blocks {
        describe::push_block(&mut text, heading, &lines);
    }
    Ok(text)
}

fn partitions(plan: &Plan) -> Vec<String> {
    let heading = ["name", "level", "segments", "wire", "queues", "addresses"];
    let mut table = Table::new(&heading.map(|name| (name, Align::Left)));
    for (partition, spec) in plan.partitions().iter().zip(&plan.spec().partitions) {
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
            describe::wire(spec.wire),
            &partition.queues.to_string(),
            &addresses.join(" "),
        ]);
    }
    table.lines()
}

/// Those that are not the default, a line each.
fn attachments(plan: &Plan) -> Vec<String> {
    let attached = plan.partitions().iter();
    let attached = attached.filter(|partition| partition.attachment != Attachment::default());
    let line = |partition: &PartitionPlan| {
        let words = describe::attachment(&partition.attachment);
        format!("  {}  {words}", partition.name)
    };
    attached.map(line).collect()
}
