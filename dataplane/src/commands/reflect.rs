//! What a partition that reflects cannot have.
//!
//! Its worker sends back what it receives, so it has to receive where it may send, and
//! a frame that waits for the rate must hold up nobody else's. These refusals are for
//! the user's sake: the worker keeps the policy without them.

use lockgate_vmdq::{PartitionPlan, Plan, SteeringMode};

use crate::error::Failure;

/// Refuses the first partition of `plan` that could not reflect.
pub(super) fn check(plan: &Plan) -> Result<(), Failure> {
    plan.partitions().iter().filter(|p| p.reflects).try_for_each(|p| partition(plan, p))
}

fn partition(plan: &Plan, partition: &PartitionPlan) -> Result<(), Failure> {
    let refuse = |what: &str, help: &str| {
        Err(Failure::usage(format!("partition {} reflects {what}", partition.name), help))
    };
    let software = plan.steering() == SteeringMode::Software;
    if software && partition.rate.is_some() {
        let what = "at a rate, on a card without pools: what waits would hold up the others";
        return refuse(what, "remove `tx.rate`, or use a card with pools");
    }
    let apart = partition.queue_workers.iter().any(|worker| *worker != partition.worker);
    if !software && apart {
        let what = "over queues of several workers, and one of them sends for it";
        return refuse(what, "give it `queues = 1`");
    }
    Ok(())
}
