//! The lanes of a run, and who holds which end of them.

use lockgate_drivers::Queues;
use lockgate_host::memfd;
use lockgate_lane::{Geometry, Header, Lane, PartitionEnds, RxProducer, TxConsumer};
use lockgate_vmdq::{PartitionPlan, Plan, PoolId, SteeringMode};

use crate::endpoints::Reflector;
use crate::error::Failure;
use lockgate_dataplane::Assignment;

/// Slots per ring: what a partition may fall behind before it loses frames.
const SLOTS: u32 = 1024;

/// The same for each queue of a partition that reflects: it is emptied in every round, and
/// few slots stay in the cache.
const REFLECTOR_SLOTS: u32 = 256;

/// The far ends of the lanes.
pub struct PeerEnds {
    /// One for each partition, in the policy's order; none for one that reflects.
    pub lanes: Vec<Option<PartitionEnds>>,
    /// By worker: the ends of those that reflect.
    pub reflectors: Vec<Vec<Reflector>>,
    /// The workers' copies of what leaves, if somebody wants them.
    pub mirror: Option<PartitionEnds>,
}

/// All lanes, both ends still together.
pub struct Wiring {
    /// By partition: a ring for each worker.
    down: Vec<Vec<RxProducer>>,
    up: Vec<TxConsumer>,
    /// A ring for each worker.
    mirror: Vec<RxProducer>,
    ends: PeerEnds,
}

impl Wiring {
    /// Makes a lane for every partition of `plan`, and one more if what leaves is
    /// to be `mirrored`.
    ///
    /// # Errors
    /// A running failure when there is no memory for them.
    pub fn build(plan: &Plan, mirrored: bool) -> Result<Self, Failure> {
        let geometry = Geometry {
            rings: u16::try_from(plan.workers().len()).unwrap_or(u16::MAX),
            slots: SLOTS,
            frame_bytes: plan.limits().lane_slot_bytes(),
        };
        let mut wiring = Self {
            down: Vec::new(),
            up: Vec::new(),
            mirror: Vec::new(),
            ends: PeerEnds {
                lanes: Vec::new(),
                reflectors: plan.workers().iter().map(|_| Vec::new()).collect(),
                mirror: None,
            },
        };
        for partition in plan.partitions() {
            let few = REFLECTOR_SLOTS * u32::from(partition.queues).next_power_of_two();
            let slots = if partition.reflects { few } else { SLOTS };
            let lane = create(&partition.name, Geometry { slots, ..geometry })?;
            wiring.down.push(lane.core.rx);
            wiring.up.push(lane.core.tx);
            let ends = &mut wiring.ends;
            match ends
                .reflectors
                .get_mut(partition.worker)
                .filter(|_| partition.reflects)
            {
                Some(beside) => {
                    beside.push(Reflector::new(lane.partition));
                    ends.lanes.push(None);
                }
                None => ends.lanes.push(Some(lane.partition)),
            }
        }
        if mirrored {
            let lane = create("wire", geometry)?;
            wiring.mirror = lane.core.rx;
            wiring.ends.mirror = Some(lane.partition);
        }
        Ok(wiring)
    }

    /// Deals queues and near ends out to the workers as `plan` says.
    pub fn assign(self, plan: &Plan, queues: Queues) -> (Vec<Assignment>, PeerEnds) {
        let mut mirrors = self.mirror.into_iter();
        let mut workers: Vec<Assignment> = plan
            .workers()
            .iter()
            .map(|_| Assignment {
                rx: Vec::new(),
                tx: Vec::new(),
                down: Vec::new(),
                up: Vec::new(),
                mirror: mirrors.next(),
            })
            .collect();
        for rings in self.down {
            for (worker, ring) in workers.iter_mut().zip(rings) {
                worker.down.push(ring);
            }
        }
        deal_queues(plan, queues, &mut workers);
        for (p, (up, partition)) in self.up.into_iter().zip(plan.partitions()).enumerate() {
            if let Some(worker) = workers.get_mut(partition.worker) {
                let tx = departure_queue(plan, worker, p);
                worker.up.push((p, up, tx));
            }
        }
        (workers, self.ends)
    }
}

fn create(name: &str, geometry: Geometry) -> Result<Lane, Failure> {
    let help = "free some memory or lower nic.mtu; for open files raise `ulimit -n`";
    let header = Header {
        geometry,
        generation: 1,
    };
    let lane = memfd::create(name, header).map_err(|error| {
        Failure::running(format!("cannot make the lane of {name}: {error}"), help)
    })?;
    let attached = memfd::attach(lane.files).map_err(|error| {
        Failure::running(format!("cannot join the lane of {name}: {error}"), help)
    })?;
    Ok(Lane {
        core: lane.ends,
        partition: attached.ends,
    })
}

/// Gives each queue to the worker that the plan names; without pools the card's
/// queues belong to nobody and go round.
fn deal_queues(plan: &Plan, queues: Queues, workers: &mut [Assignment]) {
    let count = workers.len().max(1);
    for queue in queues.rx {
        let worker = match partition_of(plan, queue.pool()) {
            Some(partition) => partition
                .queue_workers
                .get(usize::from(queue.queue()))
                .copied()
                .unwrap_or(0),
            _ => usize::from(queue.queue()) % count,
        };
        if let Some(worker) = workers.get_mut(worker) {
            worker.rx.push(queue);
        }
    }
    for (n, queue) in queues.tx.into_iter().enumerate() {
        let worker = match partition_of(plan, queue.pool()) {
            Some(partition) => partition.worker,
            _ => n % count,
        };
        if let Some(worker) = workers.get_mut(worker) {
            worker.tx.push(queue);
        }
    }
}

/// Whose pool `pool` is.
fn partition_of(plan: &Plan, pool: u8) -> Option<&PartitionPlan> {
    plan.partition(plan.partition_of(PoolId::new(pool))?)
}

/// Which of `worker`'s transmit queues partition `p` leaves by: its pool's own, or
/// without pools the one that all share.
fn departure_queue(plan: &Plan, worker: &Assignment, p: usize) -> Option<usize> {
    match plan.steering() {
        SteeringMode::Pools => {
            let partition = plan.partitions().get(p)?;
            let pool = plan.pool_of(partition.id)?;
            let queues = &mut worker.tx.iter();
            queues.position(|queue| usize::from(queue.pool()) == pool.index())
        }
        SteeringMode::Software => (!worker.tx.is_empty()).then_some(0),
    }
}
