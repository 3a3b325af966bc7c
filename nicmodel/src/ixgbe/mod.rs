//! The 82599.
//!
//! Registers decide everything; the little state beside them is what the silicon
//! keeps to itself: which queues are live, what is in the packet buffer, half a
//! frame of a transmit queue, credits and limits of the arbiters. Each file is one part
//! of the card.
//!
//! Stricter than real cards, so that a driver's slip shows: a queue is live only
//! after its enable bit reads back; descriptors announced before that do not
//! exist; a transmit queue does not come up before DMATXCTL.TE; writes during a reset
//! are lost.
//!
//! Lacking: receive checksums, header split, joined segments (RSC), FCoE, IPsec, traffic
//! classes (DCB), filters by EtherType, 5-tuple or Flow Director (whose commands are
//! taken and match nothing), mirroring, virtual functions, moderation of interrupts.

#[cfg(test)]
mod abuse;
mod access;
mod buffer;
mod control;
mod interrupt;
mod link;
mod map;
mod receive;
#[cfg(test)]
mod rig;
mod rss;
mod schedule;
mod send;
mod sfp;
mod stats;
mod steering;
mod store;
#[cfg(test)]
mod tests;
mod transmit;
mod undriven;

use std::time::Duration;

use lockgate_drivers::device::DeviceId;
use lockgate_regs::ixgbe::*;
use lockgate_regs::{Index, Register, descriptor, pci};

use crate::buffer::{Buffered, PacketBuffer};
use crate::chip::{Bus, Chip, Receive};
use crate::fault::{Log, Misuse};
use crate::nvm::Nvm;
use crate::queue::{RxSide, TxSide};
use crate::registers::Registers;
use crate::switch::Switch;
use interrupt::Interrupts;
use link::Cable;
use schedule::Arbiter;
use sfp::Sfp;

/// The MAC address in the EEPROM: locally administered, so that it is nobody's.
const MAC: [u8; 6] = [0x02, 0x4C, 0x47, 0xFF, 0x82, 0x99];

/// Ticks from a reset until the EEPROM has been read and DMA is set up.
const AUTO_READ: u64 = 2;

/// How the card is cut into pools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Layout {
    /// Binary logarithm of the queues of a pool.
    shift: u32,
}

impl Layout {
    fn pool_of(self, queue: u32) -> Option<Pool> {
        Pool::new(queue >> self.shift)
    }

    fn first_queue(self, pool: Pool) -> u32 {
        pool.number() << self.shift
    }
}

/// One 82599.
pub(crate) struct Nic {
    registers: Registers,
    /// Time, in register reads.
    now: u64,
    /// When the last reset was.
    reset_at: u64,
    /// CTRL.RST or LNK_RST has been written and not yet been seen to clear.
    resetting: bool,
    /// The card may start DMA as far as the driver lets it (CTRL).
    master: Switch,
    /// Some queue has been asked to start or stop and has not yet.
    unsettled: bool,
    cable: Cable,
    sfp: Sfp,
    nvm: Nvm,
    interrupts: Interrupts,
    /// A pause frame has stopped transmission.
    paused: bool,
    rx: Vec<RxSide>,
    tx: Vec<TxSide>,
    packet_buffer: PacketBuffer,
    arbiter: Arbiter,
    /// PFQDE: receive queues that drop, a bit each.
    drops: u128,
    misuse: Log<Misuse>,
}

impl Nic {
    /// A card at power-on.
    pub(crate) fn new() -> Self {
        let mut nic = Self {
            registers: Registers::new(&map::map()),
            now: 0,
            reset_at: 0,
            resetting: false,
            master: Switch::new(true),
            unsettled: false,
            cable: Cable::new(),
            sfp: Sfp::default(),
            nvm: Nvm::with_sfp(MAC),
            interrupts: Interrupts::default(),
            paused: false,
            rx: Vec::new(),
            tx: Vec::new(),
            packet_buffer: PacketBuffer::default(),
            arbiter: Arbiter::default(),
            drops: 0,
            misuse: Log::default(),
        };
        nic.power_on();
        nic
    }

    fn power_on(&mut self) {
        for queue in TxQueue::all() {
            self.registers.set(queue, Tdwbal::new(0));
        }
        self.software_reset();
        self.resetting = false;
    }

    /// CTRL.RST: everything but where head write-back goes.
    fn software_reset(&mut self) {
        let kept: Vec<_> = TxQueue::all()
            .map(|queue| self.registers.get::<Tdwbal>(queue))
            .collect();
        self.registers.clear();
        map::initialize(&mut self.registers, MAC);
        for (queue, low) in TxQueue::all().zip(kept) {
            self.registers.set(queue, low);
        }
        self.cable.restart(self.now);
        self.interrupts = Interrupts::default();
        self.paused = false;
        self.master = Switch::new(true);
        self.rx = RxQueue::all().map(|_| RxSide::default()).collect();
        self.tx = TxQueue::all().map(|_| TxSide::default()).collect();
        self.packet_buffer = PacketBuffer::default();
        self.arbiter.reset();
        self.drops = 0;
        self.reset_at = self.now;
        self.resetting = true;
    }

    /// Whether the card may start DMA now.
    fn masters(&self, bus: &Bus) -> bool {
        bus.master && self.master.is_on()
    }

    /// How MRQC lays receive queues out; `None`: without pools.
    fn rx_layout(&self) -> Option<Layout> {
        match self.registers.get::<Mrqc>(()).mode() {
            MultipleQueues::Vmdq64 | MultipleQueues::Vmdq64Rss => Some(Layout { shift: 1 }),
            MultipleQueues::Vmdq32Rss => Some(Layout { shift: 2 }),
            _ => None,
        }
    }

    /// How MTQC lays transmit queues out; `None`: without pools.
    fn tx_layout(&self) -> Option<Layout> {
        match self.registers.get::<Mtqc>(()).layout() {
            TransmitLayout::Pools64 => Some(Layout { shift: 1 }),
            TransmitLayout::Pools32 => Some(Layout { shift: 2 }),
            _ => None,
        }
    }

    /// The pool that sends by `queue`, if there are pools.
    fn sender(&self, queue: TxQueue) -> Option<Pool> {
        self.tx_layout()?.pool_of(queue.number())
    }

    /// Brings everything up to the present.
    fn settle(&mut self, bus: &mut Bus) {
        let mut changed = self.master.settle(self.now);
        if self.unsettled {
            changed |= self.settle_queues();
        }
        if self.cable.notice(self.now) {
            self.raise(interrupt::cause::LINK);
            changed = true;
        }
        if changed {
            self.resume(bus);
        }
    }

    fn settle_queues(&mut self) -> bool {
        let mut changed = false;
        self.unsettled = false;
        for (side, queue) in self.rx.iter_mut().zip(RxQueue::all()) {
            if side.live.settle(self.now) {
                let head = Rdbal::offset(queue) + descriptor::ring::HEAD;
                side.restart(self.registers.word(head));
            }
            self.unsettled |= side.live.is_moving();
        }
        let on = self.registers.get::<Dmatxctl>(()).enable();
        for side in &mut self.tx {
            if (on || side.live.is_on()) && side.live.settle(self.now) {
                side.restart();
                changed = true;
            }
            self.unsettled |= side.live.is_moving();
        }
        changed
    }

    /// Goes on with whatever a change may have set free.
    fn resume(&mut self, bus: &mut Bus) {
        self.drain(bus);
        for queue in TxQueue::all() {
            self.transmit(bus, queue);
        }
    }
}

impl Chip for Nic {
    fn id(&self) -> DeviceId {
        let [device, ..] = DEVICE_IDS;
        DeviceId {
            vendor: pci::INTEL,
            device,
        }
    }

    fn read(&mut self, _bus: &mut Bus, offset: u32) -> u32 {
        self.read_register(offset)
    }

    fn write(&mut self, bus: &mut Bus, offset: u32, value: u32) {
        self.write_register(bus, offset, value);
    }

    fn tick(&mut self, bus: &mut Bus) {
        self.now = self.now.saturating_add(1);
        self.settle(bus);
    }

    fn reset(&mut self) {
        self.power_on();
    }

    fn bus_changed(&mut self, bus: &mut Bus) {
        self.resume(bus);
    }

    fn set_cable(&mut self, bus: &mut Bus, cable: bool) {
        self.cable.plug(cable, self.now);
        self.settle(bus);
    }

    fn receive(&mut self, bus: &mut Bus, frame: &[u8]) -> Receive {
        self.receive_frame(bus, frame)
    }

    fn room(&self, bus: &Bus, frame: &[u8]) -> bool {
        self.has_room(bus, frame)
    }

    fn advance(&mut self, bus: &mut Bus, time: Duration) {
        self.pass_time(bus, time);
    }

    fn take_interrupts(&mut self) -> u64 {
        self.interrupts.take()
    }

    fn misuse(&self) -> &[Misuse] {
        self.misuse.first()
    }
}
