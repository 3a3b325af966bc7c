//! Registers as such: which there are, what a reset, a read and a write do, and what the
//! card keeps beside them: link and interrupts.
//!
//! Not here: what they say of frames ([`super::filters`], [`super::queues`]).

use std::sync::Arc;

use lockgate_drivers::device::DeviceId;
use lockgate_regs::Index;

use crate::fault::Misuse;
use crate::registers::{Map, Registers};

/// What the silicon knows beside its registers when one is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Ticks since the last reset.
    pub(crate) since_reset: u64,
    /// The card may start DMA as far as the driver lets it.
    pub(crate) masters: bool,
    /// A pause frame has stopped transmission.
    pub(crate) paused: bool,
}

/// What a write sets off besides changing registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing.
    Nothing,
    /// The card resets.
    Reset,
    /// The driver allows or forbids DMA.
    Mastering { allowed: bool },
    /// The link may have changed.
    Settle,
    /// Queues that waited may go on, either way.
    Resume,
    /// Received frames that waited may go on.
    Drain,
    /// The datasheet forbids that.
    Misuse(Misuse),
}

/// What happened that a driver may want an interrupt for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event<Rx, Tx> {
    /// A frame is in the buffers of a queue.
    Received(Rx),
    /// A frame found no descriptor.
    NoDescriptor,
    /// A descriptor of a queue is done.
    Sent(Tx),
    /// The link came up or went down.
    LinkChanged,
}

/// Which register of a queue is at an offset, if the core acts on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QueueRegister<Rx, Tx> {
    /// RDT.
    ReceiveTail(Rx),
    /// SRRCTL.
    ReceiveControl(Rx),
    /// RXDCTL, which has the enable bit.
    ReceiveEnable(Rx),
    /// TDT.
    TransmitTail(Tx),
    /// TXDCTL, which has the enable bit.
    TransmitEnable(Tx),
}

/// A card's registers as such.
pub(crate) trait Access: Send + Sized + 'static {
    /// Numbers of receive queues, transmit queues and pools.
    type RxQueue: Index + Send;
    type TxQueue: Index + Send;
    type Pool: Index + Send;

    /// Which card it is.
    fn id() -> DeviceId;

    /// Which registers there are.
    fn registers() -> Arc<Map>;

    /// A map at power-on, whose registers have yet to be initialized.
    fn new() -> Self;

    /// Puts what power-on sets and a reset keeps.
    fn power_on(registers: &mut Registers);

    /// Offsets of the registers that a reset keeps.
    fn kept_by_reset() -> Vec<u32>;

    /// Puts the values after reset.
    fn initialize(registers: &mut Registers);

    /// Forgets what is not in registers, at tick `now`.
    fn reset(&mut self, now: u64);

    /// Whether a receive and a transmit queue of that number are live after a reset.
    fn is_live_after_reset(queue: u32) -> bool;

    /// Whether a reset is over that long after it began, though no read has shown it.
    fn is_reset_over(since_reset: u64) -> bool;

    /// Whether whoever read `value` at `offset` knows that the reset is over.
    fn shows_end_of_reset(offset: u32, value: u32) -> bool;

    /// The offset where the register at `offset` really is: some have an older place too.
    fn canonical(offset: u32) -> u32;

    /// Which register of a queue is at `offset`.
    fn queue_register(offset: u32) -> Option<QueueRegister<Self::RxQueue, Self::TxQueue>>;

    /// What reading `offset` gives.
    fn read(&mut self, registers: &mut Registers, offset: u32, moment: Moment) -> u32;

    /// A register that clears on read has been read, and holds 0 now.
    fn cleared(&mut self, registers: &mut Registers, offset: u32);

    /// A register that clears on read was written.
    fn write_cleared(&mut self, registers: &mut Registers, offset: u32, value: u32);

    /// A register was written `value`, of which it now holds what it can, at tick `now`.
    fn written(&mut self, registers: &mut Registers, offset: u32, value: u32, now: u64) -> Effect;

    /// Plugs the cable in or pulls it out.
    fn plug(&mut self, cable: bool, now: u64);

    /// Looks at the link; says whether it changed.
    fn notice_link(&mut self, registers: &Registers, now: u64) -> bool;

    fn link_is_up(&self, registers: &Registers) -> bool;

    /// Raises the causes of an event.
    fn raise(&mut self, registers: &mut Registers, event: Event<Self::RxQueue, Self::TxQueue>);

    /// The MSI-X vectors to be signalled since the last call, a bit each.
    fn take_interrupts(&mut self) -> u64;
}
