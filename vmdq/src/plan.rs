//! A checked policy: everything workers and drivers act on.
//!
//! [`Plan::new`] is the only way to make a [`Plan`], and it passes nothing that the checks
//! refuse; a policy's check and [`Plan::decode`] both end in it. What the policy does not allow
//! is absent from a plan, and what follows from it (pools, filters, queues on workers, verdicts)
//! is derived here and stored nowhere.

use lockgate_rss::Table;

use crate::prelude::*;
use crate::rules::Rules;
use crate::{
    Attachment, AttachmentKind, BitRate, Capabilities, FrameLimits, HardwarePlan, MAX_PARTITIONS,
    Mac, PartitionId, PartitionSpec, PlanError, PlanSpec, PoolId, Rss, Segment, SendVerdict,
    SteeringMode, WireVerdict,
};

/// One partition of the plan.
#[derive(Debug, Clone)]
pub struct PartitionPlan {
    /// Its number.
    pub id: PartitionId,
    /// Its name.
    pub name: String,
    /// Its level, if it has one.
    pub level: Option<String>,
    /// Cores of its endpoint.
    pub cores: Vec<u16>,
    /// Receive queues.
    pub queues: u8,
    /// Worker (index into [`Plan::workers`]) of each receive queue.
    pub queue_workers: Vec<usize>,
    /// Worker of its transmit side, that of queue 0.
    pub worker: usize,
    /// Its own addresses.
    pub macs: Vec<Mac>,
    /// Its segments.
    pub vlans: Vec<Segment>,
    /// Key and kinds of its hash.
    pub rss: Rss,
    /// Hash to receive queue.
    pub table: Table,
    /// Weight on transmit.
    pub weight: u16,
    /// Limit on transmit.
    pub rate: Option<BitRate>,
    /// What its lane is joined to.
    pub attachment: Attachment,
}

impl PartitionPlan {
    /// `first` is the number of its queue 0 among the queues of all partitions.
    fn new(spec: &PlanSpec, partition: &PartitionSpec, card: &Capabilities, first: usize) -> Self {
        let queues = partition.queues;
        let worker = |queue| (first + usize::from(queue)) % spec.workers.len();
        let level = partition
            .level
            .and_then(|level| spec.levels.get(usize::from(level)));
        Self {
            id: partition.id,
            name: partition.name.clone(),
            level: level.cloned(),
            cores: partition.cores.clone(),
            queues,
            queue_workers: (0..queues).map(worker).collect(),
            worker: worker(0),
            macs: partition.macs.clone(),
            vlans: partition.segments.clone(),
            rss: partition.rss,
            table: Table::round_robin(card.reta.into(), queues),
            weight: partition.weight,
            rate: partition.rate,
            attachment: partition.attachment.clone(),
        }
    }

    /// Whether the worker sends its frames back; it has no endpoint then.
    pub fn reflects(&self) -> bool {
        self.attachment.kind == AttachmentKind::Reflect
    }
}

/// A checked policy on one card.
#[derive(Debug, Clone)]
pub struct Plan {
    spec: PlanSpec,
    card: Capabilities,
    partitions: Vec<PartitionPlan>,
    /// Position of each partition by its number; past the last for numbers without one.
    positions: [u8; MAX_PARTITIONS],
    /// Position of each pool's partition.
    owners: [u8; MAX_PARTITIONS],
    hardware: HardwarePlan,
    pub(crate) rules: Rules,
}

/// The position of no partition.
const NOWHERE: u8 = u8::MAX;

impl Plan {
    /// The plan of a specification on `card`, if it is lawful: each value by itself, one owner
    /// for each address on a segment, levels and flows, and the limits of the card.
    ///
    /// # Errors
    /// All that is wrong of the first kind that is found, at least one; see
    /// [`PlanErrorKind`](crate::PlanErrorKind).
    pub fn new(spec: PlanSpec, card: &Capabilities) -> Result<Self, Vec<PlanError>> {
        let fit = spec.check(card)?;
        let hardware = HardwarePlan::new(&spec, &fit)?;
        Ok(Self {
            partitions: partitions(&spec, card),
            positions: positions(&spec, |partition| Some(partition.id.index())),
            owners: positions(&spec, |partition| Some(partition.pool?.index())),
            card: *card,
            hardware,
            rules: Rules::new(&spec),
            spec,
        })
    }

    /// What the plan was made from.
    pub fn spec(&self) -> &PlanSpec {
        &self.spec
    }

    /// The card that it is for.
    pub fn card(&self) -> &Capabilities {
        &self.card
    }

    /// The partitions, in the policy's order.
    pub fn partitions(&self) -> &[PartitionPlan] {
        &self.partitions
    }

    /// The partition with this number; `None` if the plan has none.
    pub fn partition(&self, id: PartitionId) -> Option<&PartitionPlan> {
        self.partitions.get(self.position(id)?)
    }

    /// The place of this partition in [`Plan::partitions`]; `None` if the plan has none.
    pub fn position(&self, id: PartitionId) -> Option<usize> {
        let position = usize::from(self.positions[id.index()]);
        (position < self.partitions.len()).then_some(position)
    }

    /// The pool that is this partition's; `None` without pools, and for a partition that the
    /// plan does not have.
    pub fn pool_of(&self, id: PartitionId) -> Option<PoolId> {
        self.spec.partitions.get(self.position(id)?)?.pool
    }

    /// The partition whose pool this is; `None` for a pool that is nobody's, and without
    /// pools.
    pub fn partition_of(&self, pool: PoolId) -> Option<PartitionId> {
        let position = *self.owners.get(pool.index())?;
        let owner = self.partitions.get(usize::from(position))?;
        Some(owner.id)
    }

    /// Core of each worker.
    pub fn workers(&self) -> &[u16] {
        &self.spec.workers
    }

    /// How long frames can be.
    pub fn limits(&self) -> FrameLimits {
        FrameLimits::new(self.spec.mtu)
    }

    /// Largest payload of a frame, in bytes.
    pub fn mtu(&self) -> u16 {
        self.spec.mtu
    }

    /// Who steers.
    pub fn steering(&self) -> SteeringMode {
        self.hardware.mode
    }

    /// What the card is told.
    pub fn hardware(&self) -> &HardwarePlan {
        &self.hardware
    }

    /// What becomes of a frame from the wire. `header` is its start, at least 18
    /// bytes if it has them; `len` its length before padding.
    pub fn from_wire(&self, header: &[u8], len: usize) -> WireVerdict {
        self.rules
            .arriving(header, len)
            .map_or_else(WireVerdict::Drop, WireVerdict::Deliver)
    }

    /// What becomes of a frame that partition `from` sends; arguments as for
    /// [`Plan::from_wire`]. A partition that the plan does not have owns no address:
    /// [`Reason::SpoofedMac`](crate::Reason::SpoofedMac).
    pub fn from_partition(&self, from: PartitionId, header: &[u8], len: usize) -> SendVerdict {
        self.rules
            .sent(from, header, len)
            .unwrap_or_else(SendVerdict::Refuse)
    }

    /// Whether `partition` gets this frame from the wire; arguments as for
    /// [`Plan::from_wire`].
    pub fn accepts(&self, partition: PartitionId, header: &[u8], len: usize) -> bool {
        self.rules
            .arriving(header, len)
            .is_ok_and(|to| to.contains(partition))
    }
}

/// The partitions, their queues going round the workers in the policy's order.
fn partitions(spec: &PlanSpec, card: &Capabilities) -> Vec<PartitionPlan> {
    let mut first = 0;
    let mut partitions = Vec::with_capacity(spec.partitions.len());
    for partition in &spec.partitions {
        partitions.push(PartitionPlan::new(spec, partition, card, first));
        first += usize::from(partition.queues);
    }
    partitions
}

/// The position of each partition by one of its numbers.
fn positions(
    spec: &PlanSpec,
    number: impl Fn(&PartitionSpec) -> Option<usize>,
) -> [u8; MAX_PARTITIONS] {
    let mut positions = [NOWHERE; MAX_PARTITIONS];
    for (position, partition) in (0_u8..).zip(&spec.partitions) {
        let place = number(partition).and_then(|number| positions.get_mut(number));
        if let Some(place) = place {
            *place = position;
        }
    }
    positions
}
