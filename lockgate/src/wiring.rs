//! The lanes of a session, and who holds which end of them.
//!
//! Which worker has which of the core's ends is dealt out by `lockgate_dataplane::wiring`; what
//! is here says whose lane is whose once, when it is made. Each lane has an owner and a generation; a lane that was shut is
//! never used again, its successor has the next generation.
//!
//! Not here: the memory of a lane (`lockgate-lane`), and what is done at its ends.

use lockgate_dataplane::wiring::{PartitionLane, WorkerResources, deal};
use lockgate_drivers::Queues;
use lockgate_host::memfd::{self, Bells};
use lockgate_lane::{Geometry, Header, Lane, PartitionEnds, RxProducer, TxProducer};
use lockgate_vmdq::{PartitionPlan, Plan};

use crate::endpoints::{Deliveries, Figures, Placement, Port, Reflector, placement_of};
use crate::error::Failure;

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
    /// The core's ends, each of one partition.
    lanes: Vec<PartitionLane>,
    /// A ring for each worker.
    mirror: Vec<RxProducer>,
    ports: Vec<LanePort>,
    ends: PeerEnds,
}

/// What one worker begins with.
pub struct WorkerShare {
    /// Queues and lane ends.
    pub resources: WorkerResources,
    /// A ring for copies of what it sends to the wire, if somebody wants them.
    pub mirror: Option<RxProducer>,
}

/// Who gets what once the card's queues are there.
pub struct Wired {
    /// By worker, in the plan's order.
    pub workers: Vec<WorkerShare>,
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
            lanes: Vec::new(),
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
        self.lanes.push(PartitionLane {
            partition: partition.id,
            ends: lane.core,
        });
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
    ///
    /// # Errors
    /// A running failure if they do not fit the plan, which is an error of ours.
    pub fn assign(self, plan: &Plan, queues: Queues) -> Result<Wired, Failure> {
        let resources = deal(plan, queues, self.lanes).map_err(|error| {
            Failure::running(
                format!("cannot wire the lanes: {error}"),
                "this is an error in Lockgate: report it with the policy",
            )
        })?;
        let mut mirrors = self.mirror.into_iter();
        let share = |resources| WorkerShare {
            resources,
            mirror: mirrors.next(),
        };
        Ok(Wired {
            workers: resources.into_iter().map(share).collect(),
            ends: self.ends,
            ports: self.ports,
        })
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
