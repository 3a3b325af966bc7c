//! What the chip core asks of a card's registers.
//!
//! A [`RegisterMap`] says where a card keeps its rings, what its filters and switches hold,
//! and what an access does to a register. It decides nothing about a frame: every rule that
//! follows from these answers is in the core, once for all cards. Pools and queues are
//! numbers there, sets of pools a bit each.
//!
//! Not here: the maps themselves (`igb`, `ixgbe`).

use std::sync::Arc;
use std::time::Duration;

use lockgate_drivers::device::DeviceId;
use lockgate_regs::descriptor::DescriptorType;
use lockgate_regs::{Index, TableWord};

use super::Nic;
use crate::chip::Bus;
use crate::ethernet::Header;
use crate::fault::Misuse;
use crate::registers::{Map, Registers};
use crate::rss::HashFields;

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

/// A valid exact filter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExactFilter {
    /// Octet 0 in bits 47:40.
    pub(crate) address: u64,
    pub(crate) compared: Compared,
    pub(crate) pools: u64,
}

/// Which address of a frame an exact filter is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compared {
    Destination,
    Source,
    Nothing,
}

/// A VLAN filter that is in force.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VlanFilter {
    pub(crate) vid: u16,
    pub(crate) pools: u64,
    /// Frames on this VLAN do not leave on the wire while the switch is on.
    pub(crate) local: bool,
}

/// What the MAC's own filters let in besides exact matches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MacFilter {
    pub(crate) broadcast: bool,
    pub(crate) unicast_promiscuous: bool,
    pub(crate) multicast_promiscuous: bool,
    /// Unicast addresses that hit the unicast table.
    pub(crate) unicast_hash: bool,
}

/// What a pool takes besides exact matches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PoolFilter {
    pub(crate) untagged: bool,
    pub(crate) broadcast: bool,
    pub(crate) unicast_promiscuous: bool,
    pub(crate) unicast_hash: bool,
    pub(crate) multicast_promiscuous: bool,
    pub(crate) multicast_hash: bool,
}

/// How frames are given to pools.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PoolControl {
    /// A frame may go to several pools.
    pub(crate) replicates: bool,
    /// Addresses are not looked at: the VLAN decides.
    pub(crate) ignores_addresses: bool,
}

/// What MAC control frames are, and what is done with them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ControlFrames {
    /// The group that they go to, octet 0 in bits 47:40.
    pub(crate) group: u64,
    pub(crate) ethertype: u16,
    /// Pause frames stop transmission.
    pub(crate) obeyed: bool,
    /// They go on to the filters (PMCF).
    pub(crate) passed: bool,
}

/// Two answers about a frame that a pool sends: by its address, and by its VLAN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SpoofCheck {
    pub(crate) mac: bool,
    pub(crate) vlan: bool,
}

/// What is done about the tag of a frame that a pool sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PoolTag {
    /// What its descriptor says.
    ByDescriptor,
    /// The pool's own tag goes in.
    Insert(u16),
    /// None goes in.
    Never,
}

/// The registers of a card with pools.
///
/// Functions that take `registers` read them and nothing else; those that take `&mut self`
/// or `&mut Registers` say what they change.
pub(crate) trait RegisterMap: Send + Sized + 'static {
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

    // --- Reset ---

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

    // --- Access ---

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

    // --- Link and interrupts ---

    /// Plugs the cable in or pulls it out.
    fn plug(&mut self, cable: bool, now: u64);

    /// Looks at the link; says whether it changed.
    fn notice_link(&mut self, registers: &Registers, now: u64) -> bool;

    fn link_is_up(&self, registers: &Registers) -> bool;

    /// Raises the causes of an event.
    fn raise(&mut self, registers: &mut Registers, event: Event<Self::RxQueue, Self::TxQueue>);

    /// The MSI-X vectors to be signalled since the last call, a bit each.
    fn take_interrupts(&mut self) -> u64;

    // --- The MAC's filters ---

    /// The EtherType of VLAN tags that come.
    fn tag_type(registers: &Registers) -> u16;

    fn control_frames(registers: &Registers) -> ControlFrames;

    /// Whether a pause frame goes on to the filters.
    fn passes_pause(registers: &Registers, header: &Header) -> bool;

    /// Counts a pause frame that says stop, or go.
    fn count_pause(registers: &mut Registers, stop: bool);

    /// Whether a frame of `bytes` bytes, without check sequence, is longer than the card
    /// takes.
    fn is_too_long(registers: &Registers, header: &Header, bytes: usize) -> bool;

    /// Whether tagged frames must be of a VLAN in the table.
    fn filters_vlans(registers: &Registers) -> bool;

    /// A word of the table of VLANs.
    fn vlan_table(registers: &Registers, word: TableWord) -> u32;

    fn mac_filter(registers: &Registers) -> MacFilter;

    fn exact_filters(registers: &Registers) -> impl Iterator<Item = ExactFilter>;

    /// Which bits of an address index the hash tables (MO).
    fn table_window(registers: &Registers) -> u8;

    /// A word of the table of multicast addresses; 0 while it is off.
    fn multicast_table(registers: &Registers, word: TableWord) -> u32;

    /// A word of the table of unicast addresses.
    fn unicast_table(registers: &Registers, word: TableWord) -> u32;

    /// What RSS hashes; `None` while it is off.
    fn hash_fields(registers: &Registers) -> Option<HashFields>;

    // --- Pools ---

    /// Whether received frames are given to pools.
    fn has_pools(registers: &Registers) -> bool;

    fn pool_control(registers: &Registers) -> PoolControl;

    fn pool_filter(registers: &Registers, pool: Self::Pool) -> PoolFilter;

    /// Whether an address that exact filters for `pools` match is somebody's.
    fn is_claimed(pools: Option<u64>) -> bool;

    fn vlan_filters(registers: &Registers) -> impl Iterator<Item = VlanFilter>;

    /// The pool of frames that nobody asks for, if it gets this one; `passes` says whether
    /// the MAC's own filters let it in.
    fn default_pool(
        registers: &Registers,
        header: &Header,
        passes: impl Fn() -> bool,
    ) -> Option<u32>;

    /// The pools that may receive.
    fn receiving_pools(registers: &Registers) -> u64;

    /// The pools that may send.
    fn sending_pools(registers: &Registers) -> u64;

    /// The pools that hear their own frames through the switch.
    fn hears_itself(registers: &Registers) -> u64;

    /// Whether a frame is longer than a pool takes, though the card takes it.
    fn is_too_long_for(
        registers: &Registers,
        pool: Self::Pool,
        header: &Header,
        bytes: usize,
    ) -> bool;

    /// The receive queue of a pool that an entry of the indirection table picks; `None` if
    /// the pool has no queues.
    fn queue_of(registers: &Registers, pool: Self::Pool, entry: u8) -> Option<u32>;

    // --- Receive queues ---

    /// Whether the receiver is on.
    fn receives(registers: &Registers) -> bool;

    /// Whether the path behind the receiver is held up.
    fn is_receive_paused(registers: &Registers) -> bool;

    /// Bytes of the packet buffer.
    fn packet_buffer_bytes(registers: &Registers) -> usize;

    /// Counts a frame that found the packet buffer full.
    fn count_missed(registers: &mut Registers);

    /// The offset of RDBAL.
    fn receive_ring(queue: Self::RxQueue) -> u32;

    fn descriptor_type(registers: &Registers, queue: Self::RxQueue) -> DescriptorType;

    /// Bytes of each buffer of a queue, at least 1.
    fn buffer_bytes(registers: &Registers, queue: Self::RxQueue) -> usize;

    /// Whether a queue drops frames that find no descriptor.
    fn may_drop(&self, registers: &Registers, queue: Self::RxQueue) -> bool;

    fn count_dropped(registers: &mut Registers, queue: Self::RxQueue);

    /// Counts a copy of a frame that is in a queue's buffers.
    fn count_received(
        registers: &mut Registers,
        queue: Self::RxQueue,
        header: &Header,
        bytes: usize,
    );

    /// Whether a queue's descriptors tell the hash.
    fn reports_hash(registers: &Registers, queue: Self::RxQueue) -> bool;

    /// Whether the check sequence goes before the frame is stored.
    fn strips_crc(registers: &Registers, queue: Self::RxQueue, header: &Header) -> bool;

    /// Whether the tag goes into the descriptor.
    fn strips_vlan(registers: &Registers, queue: Self::RxQueue, header: &Header) -> bool;

    // --- Transmit queues ---

    /// Whether the transmitter is on.
    fn transmits(registers: &Registers) -> bool;

    /// Whether transmit queues may come up.
    fn starts_transmit_queues(registers: &Registers) -> bool;

    /// The offset of TDBAL.
    fn transmit_ring(queue: Self::TxQueue) -> u32;

    /// Where the head is written instead of DD, if it is.
    fn head_write_back(registers: &Registers, queue: Self::TxQueue) -> Option<u64>;

    /// The pool that sends by a queue; `None` without pools.
    fn sender(registers: &Registers, queue: Self::TxQueue) -> Option<Self::Pool>;

    /// Whether the MAC appends the check sequences that descriptors ask for.
    fn inserts_crc(registers: &Registers) -> bool;

    /// Whether the MAC pads short frames.
    fn pads(registers: &Registers) -> bool;

    fn pool_tag(registers: &Registers, pool: Self::Pool) -> PoolTag;

    /// The EtherType of tags that the card inserts.
    fn inserted_tag_type(registers: &Registers) -> u16;

    /// What is checked of a pool's frames.
    fn spoof_checks(registers: &Registers, pool: Self::Pool) -> SpoofCheck;

    /// Counts a frame that failed these checks.
    fn count_spoofed(registers: &mut Registers, pool: Self::Pool, failed: SpoofCheck);

    /// Whether the switch gives frames of pools to other pools.
    fn switches(registers: &Registers) -> bool;

    /// Counts a frame that a queue was let send.
    fn count_sent(registers: &mut Registers, queue: Self::TxQueue, bytes: usize);

    // --- Time on the link ---

    /// Whether a clock says when frames leave, instead of the write that announces them.
    fn is_clocked(&self) -> bool {
        false
    }

    /// Lets time pass on the link.
    fn advance(nic: &mut Nic<Self>, bus: &mut Bus, time: Duration) {
        let _ = (nic, bus, time);
    }
}
