//! The 82576.
//!
//! Registers decide everything; the little state beside them is what the silicon
//! keeps to itself: which queues are live, what is in the packet buffer, half a
//! frame of a transmit queue. Each file is one part of the card.
//!
//! Stricter than real cards, so that a driver's slip shows: a queue is live only
//! after its enable bit reads back; descriptors announced before that do not
//! exist; writes during a reset are lost.
//!
//! Lacking: receive checksums, header split, interrupt throttling, rate limits in
//! effect, filters by EtherType or 5-tuple, mirroring, virtual functions.

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
mod send;
mod stats;
mod steering;
mod store;
mod transmit;
mod undriven;

use lockgate_drivers::device::DeviceId;
use lockgate_regs::igb::*;
use lockgate_regs::{Index, Register, pci};

use crate::buffer::{Buffered, PacketBuffer};
use crate::chip::{Bus, Chip, Receive};
use crate::fault::{Log, Misuse};
use crate::nvm::Nvm;
use crate::phy::{Id, Phy};
use crate::queue::{RxSide, TxSide};
use crate::registers::Registers;
use crate::switch::Switch;
use undriven::{Rxpbs, Txpbs};

/// The MAC address in the EEPROM: locally administered, so that it is nobody's.
const MAC: [u8; 6] = [0x02, 0x4C, 0x47, 0xFF, 0x82, 0x76];

/// Ticks from a reset until the EEPROM has been read.
const AUTO_READ: u64 = 2;

/// One 82576.
pub(crate) struct Nic {
    registers: Registers,
    /// Time, in register reads.
    now: u64,
    /// When the last reset was.
    reset_at: u64,
    /// CTRL.RST was written, a moment ago, and has not yet been seen to clear.
    resetting: bool,
    /// The card may start DMA as far as the driver lets it (CTRL).
    master: Switch,
    phy: Phy,
    nvm: Nvm,
    /// The link as of the last look.
    link_up: bool,
    /// A pause frame has stopped transmission.
    paused: bool,
    rx: [RxSide; 16],
    tx: [TxSide; 16],
    packet_buffer: PacketBuffer,
    /// RTTBCNRC of each transmit queue.
    rates: [u32; 16],
    /// The vectors to be signalled, a bit each.
    messages: u64,
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
            phy: Phy::new(Id::I82576, true),
            nvm: Nvm::new(MAC),
            link_up: false,
            paused: false,
            rx: Default::default(),
            tx: Default::default(),
            packet_buffer: PacketBuffer::default(),
            rates: [0; 16],
            messages: 0,
            misuse: Log::default(),
        };
        nic.power_on();
        nic
    }

    fn power_on(&mut self) {
        map::power_on(&mut self.registers);
        self.software_reset();
        self.resetting = false;
    }

    /// CTRL.RST: everything but the packet buffer sizes. Queue 0 of each
    /// direction comes up enabled.
    fn software_reset(&mut self) {
        let sizes = [Rxpbs::BASE, Txpbs::BASE].map(|at| (at, self.registers.word(at)));
        self.registers.clear();
        map::initialize(&mut self.registers, MAC);
        for (at, value) in sizes {
            self.registers.put(at, value);
        }
        self.phy.reset();
        self.link_up = false;
        self.paused = false;
        self.master = Switch::new(true);
        self.rx = Default::default();
        self.tx = Default::default();
        self.rx[0].live = Switch::new(true);
        self.tx[0].live = Switch::new(true);
        self.packet_buffer = PacketBuffer::default();
        self.rates = [0; 16];
        self.messages = 0;
        self.reset_at = self.now;
        self.resetting = true;
    }

    /// Whether the card may start DMA now.
    fn masters(&self, bus: &Bus) -> bool {
        bus.master && self.master.is_on()
    }

    /// Whether pools are on.
    fn has_pools(&self) -> bool {
        matches!(
            self.registers.get::<Mrqc>(()).mode(),
            MultipleQueues::Vmdq | MultipleQueues::VmdqRss
        )
    }

    /// Brings everything up to the present.
    fn settle(&mut self, bus: &mut Bus) {
        self.resetting &= self.now <= self.reset_at.saturating_add(AUTO_READ);
        let mut changed = self.master.settle(self.now);
        for (side, queue) in self.rx.iter_mut().zip(RxQueue::all()) {
            if side.live.settle(self.now) {
                side.restart(self.registers.get::<Rdh>(queue).get());
            }
        }
        for side in &mut self.tx {
            if side.live.settle(self.now) {
                side.restart();
                changed = true;
            }
        }
        changed |= self.notice_link();
        if changed {
            self.resume(bus);
        }
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
        self.phy.set_cable(cable, self.now);
        self.settle(bus);
    }

    fn receive(&mut self, bus: &mut Bus, frame: &[u8]) -> Receive {
        self.receive_frame(bus, frame)
    }

    fn room(&self, bus: &Bus, frame: &[u8]) -> bool {
        self.has_room(bus, frame)
    }

    fn take_interrupts(&mut self) -> u64 {
        std::mem::take(&mut self.messages)
    }

    fn misuse(&self) -> &[Misuse] {
        self.misuse.first()
    }
}
