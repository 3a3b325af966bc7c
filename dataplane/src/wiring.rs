//! Who holds what: queues and lane ends dealt out to workers as the plan says.
//!
//! The rule: this is the one place that pairs a lane with a partition, and a partition with its
//! transmit queue, from the plan and from what the queues say of themselves; a slip here would
//! be a frame in another's lane. It is checked again by each worker that gets a share.
//!
//! Not here: where lanes and queues come from.

use alloc::vec::Vec;
use core::fmt;

use lockgate_drivers::{Queues, RxQueue, TxQueue};
use lockgate_lane::CoreEnds;
use lockgate_vmdq::{FrameLimits, PartitionId, Plan, PoolId, SteeringMode};

use crate::mailbox::LaneEnds;
use crate::schedule::Sender;

/// What one worker holds.
#[derive(Default)]
pub struct WorkerResources {
    /// Receive queues to poll.
    pub rx: Vec<RxQueue>,
    /// Transmit queues to fill.
    pub tx: Vec<TxQueue>,
    /// Its ends of lanes, one of each partition at most.
    pub lanes: Vec<LaneEnds>,
}

/// The core's ends of one partition's lane.
pub struct PartitionLane {
    /// Whose it is.
    pub partition: PartitionId,
    /// With a receive ring for each worker.
    pub ends: CoreEnds,
}

/// Why resources do not fit the plan, or each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WiringError {
    /// A lane of a partition that the plan does not have.
    UnknownPartition(PartitionId),
    /// Two lanes of one partition.
    SecondLane(PartitionId),
    /// A lane has not one receive ring for each worker.
    Rings(PartitionId),
    /// A lane's slots are shorter than the longest frame.
    ShortSlots(PartitionId),
}

impl fmt::Display for WiringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (partition, what) = match self {
            Self::UnknownPartition(partition) => (partition, "is in no plan: make no lane for it"),
            Self::SecondLane(partition) => (partition, "has a lane already: give it one"),
            Self::Rings(partition) => (
                partition,
                "has a lane without a receive ring for each worker: make it with as many",
            ),
            Self::ShortSlots(partition) => (
                partition,
                "has a lane whose slots are shorter than the longest frame: make it with \
                 `FrameLimits::lane_slot_bytes`",
            ),
        };
        write!(f, "partition {partition} {what}")
    }
}

impl core::error::Error for WiringError {}

/// Deals queues and lane ends out to the workers of `plan`, one share each.
///
/// # Errors
/// [`WiringError`], and nothing is dealt out.
pub fn deal(
    plan: &Plan,
    queues: Queues,
    lanes: Vec<PartitionLane>,
) -> Result<Vec<WorkerResources>, WiringError> {
    let workers = plan.workers().len();
    let mut shares: Vec<_> = (0..workers).map(|_| WorkerResources::default()).collect();
    deal_queues(plan, queues, &mut shares);
    for PartitionLane { partition, ends } in lanes {
        let plan = plan
            .partition(partition)
            .ok_or(WiringError::UnknownPartition(partition))?;
        if ends.rx.len() != workers {
            return Err(WiringError::Rings(partition));
        }
        let mut sender = Some(Sender::new(partition, ends.generation, ends.tx));
        for (worker, (share, rx)) in shares.iter_mut().zip(ends.rx).enumerate() {
            share.lanes.push(LaneEnds {
                partition,
                generation: ends.generation,
                rx: Some(rx),
                sender: sender.take_if(|_| worker == plan.worker),
            });
        }
    }
    Ok(shares)
}

/// Gives each queue to the worker that the plan names; without pools the card's queues belong
/// to nobody and go round.
fn deal_queues(plan: &Plan, queues: Queues, shares: &mut [WorkerResources]) {
    let workers = shares.len().max(1);
    let owner = |pool| plan.partition(plan.partition_of(PoolId::new(pool))?);
    for queue in queues.rx {
        let number = usize::from(queue.queue());
        let worker = match (plan.steering(), owner(queue.pool())) {
            (SteeringMode::Pools, Some(own)) => own.queue_workers.get(number).copied(),
            _ => Some(number % workers),
        };
        if let Some(share) = worker.and_then(|worker| shares.get_mut(worker)) {
            share.rx.push(queue);
        }
    }
    for (number, queue) in queues.tx.into_iter().enumerate() {
        let worker = match (plan.steering(), owner(queue.pool())) {
            (SteeringMode::Pools, Some(own)) => own.worker,
            _ => number % workers,
        };
        if let Some(share) = shares.get_mut(worker) {
            share.tx.push(queue);
        }
    }
}

/// Refuses lanes that do not fit `plan`.
pub(crate) fn check(plan: &Plan, lanes: &[LaneEnds]) -> Result<(), WiringError> {
    for (number, lane) in lanes.iter().enumerate() {
        let partition = lane.partition;
        if plan.partition(partition).is_none() {
            return Err(WiringError::UnknownPartition(partition));
        }
        if lanes[..number]
            .iter()
            .any(|other| other.partition == partition)
        {
            return Err(WiringError::SecondLane(partition));
        }
        if !longest_fits(lane, plan.limits()) {
            return Err(WiringError::ShortSlots(partition));
        }
    }
    Ok(())
}

/// Whether the slots of a lane hold the longest frame that there can be: what is cut would be
/// judged by a length that it does not have.
pub(crate) fn longest_fits(lane: &LaneEnds, limits: FrameLimits) -> bool {
    let longest = limits.longest_tagged();
    let rx = lane
        .rx
        .as_ref()
        .is_none_or(|rx| rx.frame_bytes() >= longest);
    let sender = lane.sender.as_ref();
    rx && sender.is_none_or(|sender| {
        // A byte more, so that a frame which is longer than its slot is too long.
        sender.partition == lane.partition && sender.lane.frame_bytes() > longest
    })
}
