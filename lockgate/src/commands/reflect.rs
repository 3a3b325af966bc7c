//! What a partition that reflects cannot have.
//!
//! A frame that waits for its rate must hold up nobody else's, and no frame may go to and
//! fro for ever. These refusals are for the user's sake: the worker keeps the policy
//! without them.

use lockgate_vmdq::{PartitionPlan, Plan, SendVerdict, SteeringMode};

use crate::error::Failure;

/// Refuses the first partition of `plan` that could not reflect.
pub(super) fn check(plan: &Plan) -> Result<(), Failure> {
    let software = plan.steering() == SteeringMode::Software;
    let reflecting = || {
        plan.partitions()
            .iter()
            .enumerate()
            .filter(|(_, p)| p.reflects())
    };
    for (at, partition) in reflecting() {
        let refuse = |what: &str, help: &str| {
            Err(Failure::usage(
                format!("partition {} reflects {what}", partition.name),
                help,
            ))
        };
        if software && partition.rate.is_some() {
            let what = "at a rate, on a card without pools: what waits would hold up the others";
            return refuse(what, "remove `tx.rate`, or use a card with pools");
        }
        let ways = |a, b| may_send(plan, a, b) && may_send(plan, b, a);
        if let Some((_, other)) = reflecting().skip(at + 1).find(|&(b, _)| ways(at, b)) {
            let what = format!("what {} sends, and so does that: for ever", other.name);
            return refuse(
                &what,
                "remove a `[[flow]]` between the two, or reflect in one of them",
            );
        }
    }
    Ok(())
}

/// Whether some frame from an address of partition `a` to one of `b` reaches it.
fn may_send(plan: &Plan, a: usize, b: usize) -> bool {
    let partition = |p: usize| plan.partitions().get(p);
    let (Some(from), Some(to)) = (partition(a), partition(b)) else {
        return false;
    };
    frames(from, to).any(|frame| {
        let verdict = plan.from_partition(from.id, &frame, frame.len());
        matches!(verdict, SendVerdict::Send { to: takers, .. } if takers.contains(to.id))
    })
}

/// A frame from the first address of `from` to that of `to`, on each segment of `from`.
fn frames<'p>(from: &'p PartitionPlan, to: &'p PartitionPlan) -> impl Iterator<Item = Vec<u8>> {
    let addresses = from.macs.first().zip(to.macs.first());
    from.vlans.iter().filter_map(move |segment| {
        let (src, dst) = addresses?;
        let vid = segment.vid().to_be_bytes();
        let mut frame = [
            &dst.octets()[..],
            &src.octets(),
            &[0x81, 0],
            &vid,
            &[0x88, 0xb5],
        ]
        .concat();
        frame.resize(64, 0);
        Some(frame)
    })
}
