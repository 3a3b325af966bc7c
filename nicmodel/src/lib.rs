//! Intel controllers in software, at register level.
//!
//! A [`Model`] is a card behind the drivers' seam: registers, an IOMMU domain, a
//! PCI function. It does what the datasheet says of everything that a driver can
//! rely on, reaches no memory outside the mappings of its domain, and decides by
//! code of its own, never by the drivers' or the policy's, where a frame goes.
//! Nothing that a driver writes or a frame contains makes it panic or spin.
//!
//! It is deterministic: it has no thread, and no clock but what it is told
//! ([`Model::advance`]). Otherwise time passes by register reads, so whatever takes a card a
//! while takes the model a few reads.
//!
//! A frame on the wire of a modelled card reaches a queue of the card's driver:
//!
//! ```
//! use lockgate_drivers::RingSizes;
//! use lockgate_nicmodel::{Model, Receive};
//! use lockgate_vmdq::{
//!     Attachment, Capabilities, Mac, Multicast, PartitionId, PartitionSpec, Plan, PlanSpec, Poll,
//!     PoolId, Rss, Segment, Wire, WireSource,
//! };
//!
//! // One partition, with one address, on the untagged segment.
//! let own = Mac::new([2, 0, 0, 0, 0, 1]);
//! let spec = PlanSpec {
//!     policy_hash: [0; 32],
//!     device: "model:82576".into(),
//!     mtu: 1500,
//!     poll: Poll::Spin,
//!     workers: vec![0],
//!     levels: vec![],
//!     partitions: vec![PartitionSpec {
//!         id: PartitionId::new(0).unwrap(),
//!         pool: Some(PoolId::new(0)),
//!         name: "a".into(),
//!         level: None,
//!         cores: vec![1],
//!         queues: 1,
//!         macs: vec![own],
//!         segments: vec![Segment::UNTAGGED],
//!         wire: Wire::Both,
//!         broadcast: true,
//!         multicast: Multicast::default(),
//!         rss: Rss::default(),
//!         weight: 1,
//!         rate: None,
//!         attachment: Attachment::default(),
//!     }],
//!     flows: vec![],
//!     wire: WireSource::Nothing,
//! };
//! let plan = Plan::new(spec, &Capabilities::I82576).unwrap();
//!
//! let model = Model::by_name("82576").unwrap();
//! let mut nic = lockgate_drivers::open(model.card()).unwrap();
//! let mut queues = nic.start(&plan, RingSizes { rx: 64, tx: 64 }).unwrap();
//! while !nic.poll_link().unwrap().up {}
//!
//! let mut frame = [0x5A; 60];
//! frame[..6].copy_from_slice(&own.octets());
//! assert_eq!(model.receive(&frame), Receive::Stored { copies: 1, missed: 0 });
//!
//! let burst = queues.rx[0].burst(32);
//! let mut bytes = [0; 60];
//! assert_eq!(burst.get(0).unwrap().copy_to(&mut bytes), 60);
//! assert_eq!(bytes, frame);
//! burst.release(1);
//! ```
//!
//! Not here: captures and who reads them; the process that serves a model to a machine
//! (`lockgate-nicmodel serve`, the program of this package).
#![forbid(unsafe_code)]

mod chip;
mod clock;
mod counters;
mod e1000e;
mod ethernet;
mod fault;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod fuzz;
mod igb;
mod iommu;
mod ixgbe;
mod nvm;
mod offload;
mod packet;
mod phy;
mod registers;
mod registry;
mod ring;
mod rss;
mod switch;
mod vmdq;
mod wire;

use std::io;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lockgate_drivers::device::{Bar, BusError, Card, DmaMemory, Function, Iommu, Iova};
use lockgate_shm::Memory;

use chip::{Bus, Chip};
use clock::SkippingClock;
use iommu::Domain;
use wire::Wire;

pub use chip::Receive;
pub use fault::{DmaFault, Misuse};
pub use registry::{BarWidth, MODELS, ModelKind, PciLayout};

/// One modelled card. Clones are handles on the same card.
#[derive(Clone)]
pub struct Model(Arc<Mutex<Slot>>);

/// A card in its slot.
struct Slot {
    chip: Box<dyn Chip>,
    bus: Bus,
    /// The card was pulled out: it reads all ones.
    gone: bool,
}

impl Model {
    /// The card called `name` (see [`MODELS`]) at power-on, with a cable in it that leads to
    /// a partner; `None` if no such card is modelled.
    pub fn by_name(name: &str) -> Option<Self> {
        ModelKind::by_name(name).map(ModelKind::model)
    }

    /// An 82574 at power-on.
    pub fn i82574() -> Self {
        Self::with(Box::new(e1000e::Nic::new()))
    }

    /// An 82576 at power-on.
    pub fn i82576() -> Self {
        Self::with(Box::new(igb::Nic::new()))
    }

    /// An 82599 at power-on.
    pub fn i82599() -> Self {
        Self::with(Box::new(ixgbe::Nic::new()))
    }

    fn with(chip: Box<dyn Chip>) -> Self {
        let bus = Bus {
            domain: Domain::new(),
            master: false,
            wire: Wire::default(),
        };
        Self(Arc::new(Mutex::new(Slot {
            chip,
            bus,
            gone: false,
        })))
    }

    /// The card as drivers take it.
    pub fn card(&self) -> Card {
        Card {
            id: self.slot().chip.id(),
            bar: Arc::new(self.clone()),
            iommu: Arc::new(self.clone()),
            function: Arc::new(self.clone()),
            clock: Arc::new(SkippingClock::default()),
        }
    }

    /// Puts a frame, without check sequence, on the wire to the card. A short one
    /// is padded with zeros to 60 bytes, as its sender's MAC would; under 14
    /// bytes it is counted as undersized.
    pub fn receive(&self, frame: &[u8]) -> Receive {
        let Slot { chip, bus, gone } = &mut *self.slot();
        if *gone {
            return Receive::NotReady;
        }
        chip.receive(bus, frame)
    }

    /// Whether [`Model::receive`] would lose no copy of `frame` now for want of
    /// room; false while the card does not receive.
    pub fn room(&self, frame: &[u8]) -> bool {
        let slot = self.slot();
        !slot.gone && slot.chip.room(&slot.bus, frame)
    }

    /// What left on the wire since the last call, in order, without check
    /// sequences.
    pub fn transmitted(&self) -> Vec<Vec<u8>> {
        self.slot().bus.wire.take()
    }

    /// Plugs the cable in or pulls it out.
    pub fn set_link(&self, up: bool) {
        let Slot { chip, bus, .. } = &mut *self.slot();
        chip.set_cable(bus, up);
    }

    /// Pulls the card out: registers read all ones, nothing moves any more.
    pub fn unplug(&self) {
        let mut slot = self.slot();
        slot.gone = true;
        slot.bus.master = false;
    }

    /// Lets time pass on the link. Until the first call a card sends at once and its
    /// limiters have no effect; from then on an 82599 sends only while time passes, at
    /// its line rate and as its arbiters allow. Other cards always send at once.
    pub fn advance(&self, time: Duration) {
        let Slot { chip, bus, .. } = &mut *self.slot();
        chip.advance(bus, time);
    }

    /// The MSI-X vectors that the card wants signalled since the last call, a bit each.
    pub fn take_interrupts(&self) -> u64 {
        self.slot().chip.take_interrupts()
    }

    /// Lets the card reach `memory` at an address that whoever owns its machine chose;
    /// to write them only if `writable`. Not to be mixed with [`Iommu::map`], which
    /// chooses itself.
    ///
    /// # Errors
    /// `AlreadyExists`, when something is mapped there; `InvalidInput`, when the address
    /// space ends before the memory does; `QuotaExceeded` beyond 16,384 mappings.
    pub fn map_at(&self, iova: Iova, memory: Arc<Memory>, writable: bool) -> io::Result<()> {
        self.slot().bus.domain.map_at(iova, memory, writable)
    }

    /// Takes away everything mapped in a range of addresses; there may be nothing.
    ///
    /// # Errors
    /// `InvalidInput`, when the range cuts a mapping; nothing was taken away.
    pub fn unmap_all(&self, range: RangeInclusive<u64>) -> io::Result<()> {
        self.slot().bus.domain.unmap_all(range)
    }

    /// DMA that the IOMMU refused: the first 256, oldest first.
    pub fn faults(&self) -> Vec<DmaFault> {
        self.slot().bus.domain.faults().first().to_vec()
    }

    /// How many DMAs the IOMMU refused.
    pub fn fault_count(&self) -> u64 {
        self.slot().bus.domain.faults().total()
    }

    /// What the driver did that the datasheet forbids: the first 256, oldest
    /// first.
    pub fn misuse(&self) -> Vec<Misuse> {
        self.slot().chip.misuse().to_vec()
    }

    /// Writes `bytes` at `iova` as a card gone astray would.
    ///
    /// # Errors
    /// The fault, when the bytes are not all in one mapping; none was written.
    pub fn dma_write(&self, iova: Iova, bytes: &[u8]) -> Result<(), DmaFault> {
        self.slot().bus.domain.write(iova.get(), bytes)
    }

    /// Reads into `bytes` from `iova` as a card gone astray would.
    ///
    /// # Errors
    /// The fault, when the bytes are not all in one mapping; none was read.
    pub fn dma_read(&self, iova: Iova, bytes: &mut [u8]) -> Result<(), DmaFault> {
        self.slot().bus.domain.read(iova.get(), bytes)
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bar for Model {
    fn read(&self, offset: u32) -> u32 {
        let Slot { chip, bus, gone } = &mut *self.slot();
        if *gone {
            return u32::MAX;
        }
        chip.tick(bus);
        chip.read(bus, offset)
    }

    fn write(&self, offset: u32, value: u32) {
        let Slot { chip, bus, gone } = &mut *self.slot();
        if !*gone {
            chip.write(bus, offset, value);
        }
    }

    fn flush(&self) {
        let Slot { chip, bus, .. } = &mut *self.slot();
        chip.tick(bus);
    }
}

impl Iommu for Model {
    fn map(&self, bytes: usize) -> Result<DmaMemory, BusError> {
        let memory = Arc::new(Memory::zeroed(bytes));
        let iova = self.slot().bus.domain.map(&memory);
        let iova = iova.map_err(BusError::other)?;
        let guard = Reach {
            model: self.clone(),
            iova,
            bytes: memory.len(),
        };
        Ok(DmaMemory {
            iova,
            guard: Box::new(guard),
            memory,
        })
    }
}

/// The reach of a card into memory, from mapping until drop.
struct Reach {
    model: Model,
    iova: Iova,
    bytes: usize,
}

impl Drop for Reach {
    fn drop(&mut self) {
        // Whoever unmapped it by hand took the reach away already.
        let _ = self.model.slot().bus.domain.unmap(self.iova, self.bytes);
    }
}

impl Function for Model {
    fn reset(&self) -> Result<(), BusError> {
        let slot = &mut *self.slot();
        if slot.gone {
            return Err(BusError::other(io::Error::from(
                io::ErrorKind::NotConnected,
            )));
        }
        slot.chip.reset();
        slot.bus.master = false;
        Ok(())
    }

    fn set_bus_master(&self, on: bool) -> Result<(), BusError> {
        let slot = &mut *self.slot();
        if slot.gone {
            return Err(BusError::other(io::Error::from(
                io::ErrorKind::NotConnected,
            )));
        }
        slot.bus.master = on;
        slot.chip.bus_changed(&mut slot.bus);
        Ok(())
    }
}
