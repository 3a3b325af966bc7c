//! The ends of a lane, and the memory that they are made of.
//!
//! Each side writes one region and only reads the other; whose memory the regions are, is
//! told. Ends go on where the shared indices stand, so that a partition's ends can be made
//! anew over the memory of ends that are gone.
//!
//! Not here: that one thread at most has an end ([`Lane::in_heap`] and `lockgate-host` make
//! each once; two of one ring would spoil each other's frames and nothing else).

use alloc::sync::Arc;
use alloc::vec::Vec;

use lockgate_shm::{Memory, ReadOnly};

use crate::closed::Closed;
use crate::consumer::Consumer;
use crate::direction::{Rx, Tx};
use crate::end::Regions;
use crate::geometry::{Geometry, GeometryError, HEADER_BYTES, Header};
use crate::latch::Latch;
use crate::producer::Producer;

/// Fills one receive ring of a partition; a worker has it.
pub type RxProducer = Producer<Rx>;

/// Empties one receive ring; the partition has it.
pub type RxConsumer = Consumer<Rx>;

/// Fills the transmit ring; the partition has it.
pub type TxProducer = Producer<Tx>;

/// Empties the transmit ring of a partition; a worker has it.
pub type TxConsumer = Consumer<Tx>;

/// The regions of a lane as the core has them.
#[derive(Debug)]
pub struct CoreMemory {
    /// [`Geometry::down_bytes`] of zeros, which nobody else may write.
    pub down: Arc<Memory>,
    /// [`Geometry::up_bytes`] of zeros, which the partition may write at any time.
    pub up: Arc<Memory<ReadOnly>>,
}

/// The regions of a lane as the partition has them.
#[derive(Debug)]
pub struct PartitionMemory {
    /// What the core wrote a header to.
    pub down: Arc<Memory<ReadOnly>>,
    /// The other region of the same lane.
    pub up: Arc<Memory>,
}

/// Why there are no ends over some memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each message documents its variant")]
pub enum LaneError {
    #[error(transparent)]
    Geometry(#[from] GeometryError),
    #[error("the lane's `down` has no valid header: use core and endpoint of one version")]
    Header,
    #[error("the lane's regions are shorter than its rings: use the memory of one lane")]
    TooShort,
    #[error("the lane was left in disorder: restart the partition with a new one")]
    Disorder(#[source] Closed),
}

impl From<Closed> for LaneError {
    fn from(closed: Closed) -> Self {
        Self::Disorder(closed)
    }
}

/// The core's ends of a lane. Each may go to another thread; once one of them finds the other
/// side out of order, all are closed.
#[derive(Debug)]
pub struct CoreEnds {
    /// The receive rings, one for each worker that delivers to the partition.
    pub rx: Vec<RxProducer>,
    /// The transmit ring.
    pub tx: TxConsumer,
    /// Which of the partition's lanes this is.
    pub generation: u64,
}

impl CoreEnds {
    /// Makes a lane: writes its header to `down`, which makes it one. The partition can attach
    /// then.
    ///
    /// # Errors
    /// The geometry is none, the regions are too short, or are not zeros.
    pub fn create(header: Header, memory: CoreMemory) -> Result<Self, LaneError> {
        let Header {
            geometry,
            generation,
        } = header;
        geometry.check()?;
        let (regions, latch) = (
            Regions {
                ours: memory.down,
                theirs: memory.up,
            },
            Arc::new(Latch::new()),
        );
        let rx = (0..geometry.rings).map(|ring| {
            let end = Producer::new(geometry, ring, &regions, &latch);
            Ok(end.ok_or(LaneError::TooShort)??)
        });
        let rx = rx.collect::<Result<_, LaneError>>()?;
        let tx = Consumer::new(geometry, 0, &regions, &latch).ok_or(LaneError::TooShort)??;
        if !regions.ours.write(0, &header.encode()) {
            return Err(LaneError::TooShort);
        }
        Ok(Self { rx, tx, generation })
    }
}

/// The partition's ends of a lane.
#[derive(Debug)]
pub struct PartitionEnds {
    /// The receive rings, one for each worker that delivers.
    pub rx: Vec<RxConsumer>,
    /// The transmit ring.
    pub tx: TxProducer,
    /// Which of the partition's lanes this is.
    pub generation: u64,
}

impl PartitionEnds {
    /// The ends of the lane whose header is in `down`.
    ///
    /// # Errors
    /// The memory is not that of one lane, or the lane is out of order.
    pub fn attach(memory: PartitionMemory) -> Result<Self, LaneError> {
        let mut header = [0; HEADER_BYTES];
        if !memory.down.read(0, &mut header) {
            return Err(LaneError::Header);
        }
        let Header {
            geometry,
            generation,
        } = Header::decode(&header).ok_or(LaneError::Header)?;
        let (regions, latch) = (
            Regions {
                ours: memory.up,
                theirs: memory.down,
            },
            Arc::new(Latch::new()),
        );
        let rx = (0..geometry.rings).map(|ring| {
            let end = Consumer::new(geometry, ring, &regions, &latch);
            Ok(end.ok_or(LaneError::TooShort)??)
        });
        let rx = rx.collect::<Result<_, LaneError>>()?;
        let tx = Producer::new(geometry, 0, &regions, &latch).ok_or(LaneError::TooShort)??;
        Ok(Self { rx, tx, generation })
    }
}

/// Both sides of a lane in one address space: for tests, benches, and partitions that are
/// part of the core's own image.
#[derive(Debug)]
pub struct Lane {
    /// The core's ends.
    pub core: CoreEnds,
    /// The partition's.
    pub partition: PartitionEnds,
}

impl Lane {
    /// A lane in fresh memory of this process, of generation 0.
    ///
    /// # Errors
    /// The geometry is none that a lane has.
    ///
    /// # Panics
    /// When there is no such memory, as every allocation does.
    pub fn in_heap(geometry: Geometry) -> Result<Self, LaneError> {
        geometry.check()?;
        let down = Arc::new(Memory::zeroed(geometry.down_bytes()));
        let up = Arc::new(Memory::zeroed(geometry.up_bytes()));
        let header = Header {
            geometry,
            generation: 0,
        };
        let core = CoreEnds::create(
            header,
            CoreMemory {
                down: Arc::clone(&down),
                up: Arc::new(up.read_only()),
            },
        )?;
        let partition = PartitionEnds::attach(PartitionMemory {
            down: Arc::new(down.read_only()),
            up,
        })?;
        Ok(Self { core, partition })
    }
}
