//! The lanes of a session, and who holds which end of them.
//!
//! What decides whose lane is whose is here and nowhere else: a slip would let one partition
//! have another's frames. Each lane has an owner and a generation; a lane that was shut is
//! never used again, its successor has the next generation.
//!
//! Not here: the memory of a lane (`lockgate-lane`), and what is done at its ends.

use lockgate_drivers::Queues;
use lockgate_host::memfd::{self, Bells};
use lockgate_lane::{Geometry, Header, Lane, PartitionEnds, RxProducer, TxConsumer, TxProducer};
use lockgate_vmdq::{PartitionPlan, Plan, PoolId, SteeringMode};

use crate::endpoints::{Deliveries, Figures, Placement, Port, Reflector, placement_of};
use crate::error::Failure;
use lockgate_dataplane::Assignment;

/// Slots per ring: what a partition may fall behind before it loses frames.
const SLOTS: u32 = 1024;

/// The same for each queue of a partition that reflects: it is emptied in every round, and
/// few slots stay in the cache.
const REFLECTOR_SLOTS: u32 = 256;

/// The first lane of a partition.
const FIRST_GENERATION: u64 = 1;

/// A lane as the supervisor knows it: whose it is, and the core's ends of its doorbells.
///
/// Its files are with whoever has attached; where that is this process, nobody has them.
#[derive(Debug)]
pub struct LanePort {
    /// Index of the partition that it belongs to.
    pub owner: usize,
    /// How many lanes the partition had before, and one.
    pub generation: u64,
    /// The doorbells of both directions.
    pub bells: Bells,
}

/// The partition's end of a lane, attached in this process.
pub struct PeerEnd {
    ends: PartitionEnds,
    /// Of each ring.
    slots: u32,
}

impl PeerEnd {
    /// The sending and the receiving half.
    pub(crate) fn split(self) -> (TxProducer, Deliveries) {
        let PartitionEnds { rx, tx, .. } = self.ends;
        (tx, Deliveries::new(rx))
    }

    /// The receiving half alone.
    pub(crate) fn deliveries(self) -> Deliveries {
        self.split().1
    }
}

/// The far ends of the lanes.
pub struct PeerEnds {
    /// One for each partition, in the policy's order; none for one that reflects.
    pub lanes: Vec<Option<PeerEnd>>,
    /// By worker: those that reflect, each with its partition's index.
    pub reflectors: Vec<Vec<(usize, Reflector)>>,
    /// The workers' copies of what leaves, if somebody wants them.
    pub mirror: Option<PeerEnd>,
    fewest_slots: u32,
}

impl PeerEnds {
    fn new(plan: &Plan) -> Self {
        Self {
            lanes: Vec::new(),
            reflectors: plan.workers().iter().map(|_| Vec::new()).collect(),
            mirror: None,
            fewest_slots: SLOTS,
        }
    }

    /// Slots of the smallest ring.
    pub fn fewest_slots(&self) -> u32 {
        self.fewest_slots
    }

    /// Where the figures of the partitions that reflect are; the others have none yet.
    pub fn figures(&self) -> Figures {
        let mut figures = Figures {
            partitions: self.lanes.iter().map(|_| None).collect(),
            ..Figures::default()
        };
        for (p, reflector) in self.reflectors.iter().flatten() {
            figures.reflecting.push(*p);
            if let Some(stats) = figures.partitions.get_mut(*p) {
                *stats = Some(reflector.stats().clone());
            }
        }
        figures
    }

    fn add(&mut self, partition: &PartitionPlan, end: PeerEnd) {
        self.fewest_slots = self.fewest_slots.min(end.slots);
        let owner = self.lanes.len();
        let beside = self.reflectors.get_mut(partition.worker);
        match (placement_of(partition), beside) {
            (Placement::Worker, Some(beside)) => {
                beside.push((owner, Reflector::new(end.ends)));
                self.lanes.push(None);
            }
            _ => self.lanes.push(Some(end)),
        }
    }
}

/// All lanes, both ends still together.
pub struct Wiring {
    /// By partition: a ring for each worker.
    down: Vec<Vec<RxProducer>>,
    up: Vec<TxConsumer>,
    /// A ring for each worker.
    mirror: Vec<RxProducer>,
    ports: Vec<LanePort>,
    ends: PeerEnds,
}

/// Who gets what once the card's queues are there.
pub struct Wired {
    /// By worker, in the plan's order.
    pub workers: Vec<Assignment>,
    /// What endpoints in this process get.
    pub ends: PeerEnds,
    /// By partition: what a process of its own would get.
    pub ports: Vec<LanePort>,
}

impl Wiring {
    /// Makes a lane for every partition of `plan`, and one more if what leaves is
    /// to be `mirrored`.
    ///
    /// # Errors
    /// A running failure when there is no memory or no file for them.
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
            ports: Vec::new(),
            ends: PeerEnds::new(plan),
        };
        for partition in plan.partitions() {
            wiring.add_lane(partition, geometry)?;
        }
        if mirrored {
            let (lane, _) = create("wire", geometry)?;
            wiring.mirror = lane.core.rx;
            wiring.ends.mirror = Some(PeerEnd {
                ends: lane.partition,
                slots: geometry.slots,
            });
        }
        Ok(wiring)
    }

    fn add_lane(&mut self, partition: &PartitionPlan, geometry: Geometry) -> Result<(), Failure> {
        let slots = match placement_of(partition) {
            Placement::Worker => REFLECTOR_SLOTS * u32::from(partition.queues).next_power_of_two(),
            Placement::Supervisor => SLOTS,
        };
        let (lane, bells) = create(&partition.name, Geometry { slots, ..geometry })?;
        self.down.push(lane.core.rx);
        self.up.push(lane.core.tx);
        self.ports.push(LanePort {
            owner: self.ports.len(),
            generation: FIRST_GENERATION,
            bells,
        });
        let ends = lane.partition;
        self.ends.add(partition, PeerEnd { ends, slots });
        Ok(())
    }

    /// Deals queues and near ends out to the workers as `plan` says.
    pub fn assign(self, plan: &Plan, queues: Queues) -> Wired {
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
        Wired {
            workers,
            ends: self.ends,
            ports: self.ports,
        }
    }
}

/// Makes a lane and attaches its far end in this process.
fn create(name: &str, geometry: Geometry) -> Result<(Lane, Bells), Failure> {
    let help = "free some memory or lower nic.mtu; for open files raise `ulimit -n`";
    let header = Header {
        geometry,
        generation: FIRST_GENERATION,
    };
    let lane = memfd::create(name, header).map_err(|error| {
        Failure::running(format!("cannot make the lane of {name}: {error}"), help)
    })?;
    let attached = memfd::attach(lane.files).map_err(|error| {
        Failure::running(format!("cannot join the lane of {name}: {error}"), help)
    })?;
    let ends = Lane {
        core: lane.ends,
        partition: attached.ends,
    };
    Ok((ends, lane.bells))
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
