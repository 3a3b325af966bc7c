//! A plan in force, with what workers make of it once and not per frame.
//!
//! An epoch is made by the supervisor and shared by all workers; a worker goes from one to the
//! next between two passes and remembers nothing of the old one's verdicts. The supervisor
//! gets the old one back from each worker, so that no worker ever frees one.
//!
//! Not here: when workers change ([`crate::mailbox`]).

use alloc::boxed::Box;
use alloc::vec::Vec;

use lockgate_lane::RxHash;
use lockgate_rss::{HashKinds, Table, Toeplitz};
use lockgate_vmdq::{
    FrameLimits, MAX_PARTITIONS, PartitionId, PartitionPlan, Plan, PoolId, SteeringMode,
};

/// A plan in force.
pub struct Epoch {
    number: u64,
    plan: Plan,
    /// By partition number.
    spreads: Vec<Option<Spread>>,
}

impl Epoch {
    /// `plan`, in force from its number on: no two epochs of a run have the same one.
    pub fn new(number: u64, plan: Plan) -> Self {
        let spread = |id| plan.partition(id).map(|own| Spread::new(&plan, own));
        let spreads = PartitionId::all().map(spread).collect();
        Self {
            number,
            plan,
            spreads,
        }
    }

    /// Its number.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// What is allowed.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How frames of `partition` are spread over its queues; `None` if it has no such
    /// partition.
    #[inline]
    pub(crate) fn spread(&self, partition: PartitionId) -> Option<&Spread> {
        self.spreads.get(partition.index())?.as_ref()
    }

    /// Whose frames come in the queues of `pool`.
    pub(crate) fn owner(&self, pool: PoolId) -> Owner {
        match self.plan.steering() {
            SteeringMode::Software => Owner::Everybody,
            SteeringMode::Pools => match self.plan.partition_of(pool) {
                Some(partition) => Owner::Partition(partition),
                None => Owner::Nobody,
            },
        }
    }

    /// How long frames can be.
    pub(crate) fn limits(&self) -> FrameLimits {
        self.plan.limits()
    }
}

/// Whose a receive queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A partition's, by its pool.
    Partition(PartitionId),
    /// Everybody's: the card has no pools.
    Everybody,
    /// A pool's that no partition has: what comes there is given to nobody.
    Nobody,
}

/// Where in its lane a partition finds a frame: its queue, and the hash that chose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Steered {
    pub(crate) queue: u16,
    pub(crate) hash: Option<RxHash>,
}

/// How frames of one partition are spread over its queues.
pub(crate) struct Spread {
    kinds: HashKinds,
    table: Table,
    /// What hashes with its key; nothing of a partition with one queue, which needs no hash.
    toeplitz: Option<Box<Toeplitz>>,
    /// Whether the card hashes with this partition's key and kinds. What it makes of others'
    /// would tell of them.
    card_hashes: bool,
}

/// What a hash is made of lies within so many bytes: a tag, the longest IPv4 header, ports.
const HASHED_BYTES: usize = 128;

impl Spread {
    fn new(plan: &Plan, own: &PartitionPlan) -> Self {
        let pools = plan.steering() == SteeringMode::Pools;
        let card = plan.hardware().rss.as_ref().filter(|_| pools);
        Self {
            kinds: own.rss.hash,
            table: own.table.clone(),
            toeplitz: (own.queues > 1).then(|| Box::new(Toeplitz::new(&own.rss.key))),
            card_hashes: card
                .is_some_and(|card| card.key == own.rss.key && card.kinds == own.rss.hash),
        }
    }

    /// Where a frame goes that the card put into the partition's queue `queue` with `hash`;
    /// `None` if that has to be computed ([`Spread::compute`]).
    #[inline(always)]
    pub(crate) fn of_card(
        &self,
        queue: u16,
        hash: Option<lockgate_drivers::RxHash>,
    ) -> Option<Steered> {
        match hash.filter(|_| self.card_hashes) {
            Some(hash) => Some(Steered {
                queue,
                hash: Some(RxHash {
                    value: hash.value,
                    kind: hash.kind.code(),
                }),
            }),
            None => self.without_hash(),
        }
    }

    /// Whether the card's hashes are shown.
    #[inline(always)]
    pub(crate) fn shows_card_hash(&self) -> bool {
        self.card_hashes
    }

    /// Where a frame goes that nobody has hashed; `None` if that has to be computed.
    #[inline(always)]
    pub(crate) fn without_hash(&self) -> Option<Steered> {
        self.toeplitz.is_none().then_some(Steered {
            queue: 0,
            hash: None,
        })
    }

    /// Where a frame goes that begins as `copy` does, hashed here and now.
    pub(crate) fn compute(&self, copy: &[u8]) -> Steered {
        let input = lockgate_rss::input(copy, self.kinds);
        let (Some(input), Some(toeplitz)) = (input, &self.toeplitz) else {
            return Steered {
                queue: 0,
                hash: None,
            };
        };
        let hash = toeplitz.hash_of(&input);
        Steered {
            queue: self.table.queue(hash.value).into(),
            hash: Some(RxHash {
                value: hash.value,
                kind: hash.kind.code(),
            }),
        }
    }

    /// Bytes of a frame of `len` that [`Spread::compute`] needs at most.
    pub(crate) fn hashed_bytes(len: usize) -> usize {
        len.min(HASHED_BYTES)
    }

    /// Room for them.
    pub(crate) const SCRATCH: [u8; HASHED_BYTES] = [0; HASHED_BYTES];
}

const _: () = assert!(MAX_PARTITIONS <= 64);
