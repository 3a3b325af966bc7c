//! The core of a card with pools (VMDq): what the 82576 and the 82599 do alike.
//!
//! Registers decide everything, and what they say is told by the card's [`RegisterMap`];
//! the little state beside them is what the silicon keeps to itself: which queues are live,
//! what is in the packet buffer, half a frame of a transmit queue. Each file is one stage of
//! a frame's way.
//!
//! Stricter than real cards, so that a driver's slip shows: a queue is live only after its
//! enable bit reads back; descriptors announced before that do not exist; writes during a
//! reset are lost.
//!
//! Not here: where registers are and what they hold (`igb`, `ixgbe`).

mod access;
mod buffer;
mod control;
mod map;
mod queue;
mod receive;
mod send;
mod steering;
mod store;
mod transmit;

use std::time::Duration;

use lockgate_drivers::device::DeviceId;
use lockgate_regs::Index;
use lockgate_regs::descriptor::ring;

use crate::chip::{Bus, Chip, Receive};
use crate::fault::{Log, Misuse};
use crate::registers::Registers;
use crate::switch::Switch;
use buffer::PacketBuffer;
use queue::{RxSide, TxSide};

pub(crate) use map::{
    Access, Compared, ControlFrames, Effect, Event, ExactFilter, MacFilter, MacFilters, Moment,
    PoolControl, PoolFilter, PoolFilters, PoolTag, QueueRegister, ReceiveQueues, RegisterMap,
    SpoofCheck, TransmitQueues, VlanFilter,
};

/// One card whose registers are those of `M`.
pub(crate) struct Nic<M> {
    /// What the card keeps beside the core and its registers.
    pub(crate) map: M,
    pub(crate) registers: Registers,
    /// Time, in register reads.
    now: u64,
    /// When the last reset was.
    reset_at: u64,
    /// A reset was asked for, a moment ago, and has not yet been seen to end.
    resetting: bool,
    /// The card may start DMA as far as the driver lets it (CTRL).
    master: Switch,
    /// Some queue has been asked to start or stop and has not yet.
    unsettled: bool,
    /// A pause frame has stopped transmission.
    paused: bool,
    rx: Vec<RxSide>,
    tx: Vec<TxSide>,
    packet_buffer: PacketBuffer,
    misuse: Log<Misuse>,
}

impl<M: RegisterMap> Nic<M> {
    /// A card at power-on.
    pub(crate) fn new() -> Self {
        let mut nic = Self {
            map: M::new(),
            registers: Registers::new(&M::registers()),
            now: 0,
            reset_at: 0,
            resetting: false,
            master: Switch::new(true),
            unsettled: false,
            paused: false,
            rx: Vec::new(),
            tx: Vec::new(),
            packet_buffer: PacketBuffer::default(),
            misuse: Log::default(),
        };
        nic.power_on();
        nic
    }

    fn power_on(&mut self) {
        M::power_on(&mut self.registers);
        self.software_reset();
        self.resetting = false;
    }

    /// CTRL.RST: everything but the registers that the map keeps.
    fn software_reset(&mut self) {
        let kept: Vec<_> = M::kept_by_reset()
            .into_iter()
            .map(|at| (at, self.registers.word(at)))
            .collect();
        self.registers.clear();
        M::initialize(&mut self.registers);
        for (at, value) in kept {
            self.registers.put(at, value);
        }
        self.map.reset(self.now);
        self.paused = false;
        self.master = Switch::new(true);
        self.rx = M::RxQueue::all().map(|_| RxSide::default()).collect();
        self.tx = M::TxQueue::all().map(|_| TxSide::default()).collect();
        for (queue, side) in (0..).zip(&mut self.rx) {
            side.live = Switch::new(M::is_live_after_reset(queue));
        }
        for (queue, side) in (0..).zip(&mut self.tx) {
            side.live = Switch::new(M::is_live_after_reset(queue));
        }
        self.packet_buffer = PacketBuffer::default();
        self.reset_at = self.now;
        self.resetting = true;
    }

    fn since_reset(&self) -> u64 {
        self.now.saturating_sub(self.reset_at)
    }

    /// Whether the card may start DMA now.
    fn masters(&self, bus: &Bus) -> bool {
        bus.master && self.master.is_on()
    }

    fn rx_side(&self, queue: M::RxQueue) -> &RxSide {
        &self.rx[queue.number() as usize]
    }

    fn rx_side_mut(&mut self, queue: M::RxQueue) -> &mut RxSide {
        &mut self.rx[queue.number() as usize]
    }

    fn tx_side(&self, queue: M::TxQueue) -> &TxSide {
        &self.tx[queue.number() as usize]
    }

    fn tx_side_mut(&mut self, queue: M::TxQueue) -> &mut TxSide {
        &mut self.tx[queue.number() as usize]
    }

    /// Brings everything up to the present.
    fn settle(&mut self, bus: &mut Bus) {
        self.resetting &= !M::is_reset_over(self.since_reset());
        let mut changed = self.master.settle(self.now);
        if self.unsettled {
            changed |= self.settle_queues();
        }
        if self.map.notice_link(&self.registers, self.now) {
            self.map.raise(&mut self.registers, Event::LinkChanged);
            changed = true;
        }
        if changed {
            self.resume(bus);
        }
    }

    /// Starts and stops the queues whose time has come; says whether one that sends did.
    fn settle_queues(&mut self) -> bool {
        let mut changed = false;
        self.unsettled = false;
        for (side, queue) in self.rx.iter_mut().zip(M::RxQueue::all()) {
            if side.live.settle(self.now) {
                let head = M::receive_ring(queue) + ring::HEAD;
                side.restart(self.registers.word(head));
            }
            self.unsettled |= side.live.is_moving();
        }
        let starts = M::starts_transmit_queues(&self.registers);
        for side in &mut self.tx {
            if (starts || side.live.is_on()) && side.live.settle(self.now) {
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
        for queue in M::TxQueue::all() {
            self.transmit(bus, queue);
        }
    }
}

impl<M: RegisterMap> Chip for Nic<M> {
    fn id(&self) -> DeviceId {
        M::id()
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
        self.map.plug(cable, self.now);
        self.settle(bus);
    }

    fn receive(&mut self, bus: &mut Bus, frame: &[u8]) -> Receive {
        self.receive_frame(bus, frame)
    }

    fn room(&self, bus: &Bus, frame: &[u8]) -> bool {
        self.has_room(bus, frame)
    }

    fn advance(&mut self, bus: &mut Bus, time: Duration) {
        M::advance(self, bus, time);
    }

    fn take_interrupts(&mut self) -> u64 {
        self.map.take_interrupts()
    }

    fn misuse(&self) -> &[Misuse] {
        self.misuse.first()
    }
}
