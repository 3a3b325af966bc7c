//! The 82574.
//!
//! Two queues each way, no pools: the MAC's own filters, RSS over both queues. A queue
//! that is full holds its frame up, and all that come after, in the packet buffer.
//!
//! Stricter than real cards, so that a driver's slip shows: how frames are laid out is
//! latched when receiving is switched on, and writes during a reset are lost.
//!
//! Lacking: legacy and packet-split receive descriptors, receive checksums, interrupt
//! throttling.

mod access;
mod interrupt;
mod map;
mod receive;
#[cfg(test)]
mod tests;
mod transmit;

use std::collections::VecDeque;

use lockgate_drivers::device::DeviceId;
use lockgate_regs::e1000e::*;
use lockgate_regs::{Index, pci};

use crate::chip::{Bus, Chip, Receive};
use crate::fault::{Log, Misuse};
use crate::nvm::Nvm;
use crate::phy::{Id, Phy};
use crate::registers::Registers;
use crate::switch::Switch;
use transmit::TxSide;

/// The MAC address in the EEPROM: locally administered, so that it is nobody's.
const MAC: [u8; 6] = [0x02, 0x4C, 0x47, 0xFF, 0x82, 0x74];

/// How received frames are laid out, as latched when receiving was switched on.
#[derive(Debug, Clone, Copy, Default)]
struct Layout {
    /// Descriptors are extended ones.
    extended: bool,
    /// Bytes of each buffer.
    buffer: usize,
}

/// One 82574.
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
    layout: Layout,
    /// Frames that wait for a descriptor, in order.
    held: VecDeque<Vec<u8>>,
    /// A receive queue whose descriptors could not be read, until the next reset.
    stuck: [bool; 2],
    tx: [TxSide; 2],
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
            phy: Phy::new(Id::I82574, true),
            nvm: Nvm::new(MAC),
            link_up: false,
            layout: Layout::default(),
            held: VecDeque::new(),
            stuck: [false; 2],
            tx: Default::default(),
            messages: 0,
            misuse: Log::default(),
        };
        nic.software_reset();
        nic.resetting = false;
        nic
    }

    /// CTRL.RST.
    fn software_reset(&mut self) {
        self.registers.clear();
        map::initialize(&mut self.registers, MAC);
        self.phy.reset();
        self.link_up = false;
        self.master = Switch::new(true);
        self.layout = Layout::default();
        self.held.clear();
        self.stuck = [false; 2];
        self.tx = Default::default();
        self.messages = 0;
        self.reset_at = self.now;
        self.resetting = true;
    }

    /// Whether the card may start DMA now.
    fn masters(&self, bus: &Bus) -> bool {
        bus.master && self.master.is_on()
    }

    /// Brings everything up to the present.
    fn settle(&mut self, bus: &mut Bus) {
        self.resetting &= self.now <= self.reset_at.saturating_add(access::AUTO_READ);
        let mut changed = self.master.settle(self.now);
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

    /// The card has no reset of its function; its slot has one, of the bus.
    fn reset(&mut self) {
        self.software_reset();
        self.resetting = false;
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
