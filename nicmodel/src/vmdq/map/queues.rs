//! Receive and transmit queues: rings, offloads, what the card does to a queue's frames.
//!
//! Not here: descriptors (the core).

use lockgate_regs::descriptor::DescriptorType;

use super::access::Access;
use crate::ethernet::Header;
use crate::registers::Registers;

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

/// Receive queues, and the receiver that they hang on.
pub(crate) trait ReceiveQueues: Access {
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
}

/// Transmit queues, and the transmitter that they hang on.
pub(crate) trait TransmitQueues: Access {
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
}
