//! Queues of the 82599, and what it does to the frames of their pools.
//!
//! Source: 82599 datasheet, 7.1, 7.2 and chapter 8.

use lockgate_regs::ixgbe::*;
use lockgate_regs::{Index, Register};

use super::extra_registers::*;
use super::{I82599, Layout, stats};
use crate::ethernet::Header;
use crate::registers::Registers;
use crate::vmdq::{PoolTag, ReceiveQueues, SpoofCheck, TransmitQueues};

/// Where TDWBAH is from TDBAL on.
const WRITE_BACK_HIGH: u32 = 0x3C;

impl ReceiveQueues for I82599 {
    fn receives(registers: &Registers) -> bool {
        registers.get::<Rxctrl>(()).enable()
    }

    fn is_receive_paused(registers: &Registers) -> bool {
        registers.get::<Secrxctrl>(()).pause()
    }

    /// Of packet buffer 0, which all frames go to without traffic classes.
    fn packet_buffer_bytes(registers: &Registers) -> usize {
        PacketBuffer::new(0).map_or(0, |first| registers.get::<Rxpbsize>(first).get() as usize)
    }

    fn count_missed(registers: &mut Registers) {
        if let Some(first) = PacketBuffer::new(0) {
            registers.count::<Mpc>(first, 1);
        }
    }

    fn receive_ring(queue: RxQueue) -> u32 {
        Rdbal::offset(queue)
    }

    fn descriptor_type(registers: &Registers, queue: RxQueue) -> DescriptorType {
        registers.get::<Srrctl>(queue).descriptor_type()
    }

    /// SRRCTL; without a size there it is the least.
    fn buffer_bytes(registers: &Registers, queue: RxQueue) -> usize {
        usize::from(registers.get::<Srrctl>(queue).packet_kib().max(1)) * 1024
    }

    /// SRRCTL.Drop_En or PFQDE says so.
    fn may_drop(&self, registers: &Registers, queue: RxQueue) -> bool {
        registers.get::<Srrctl>(queue).drop_enable() || self.drops & 1 << queue.number() != 0
    }

    fn count_dropped(registers: &mut Registers, queue: RxQueue) {
        stats::count_dropped(registers, queue);
    }

    /// Counts for the queue.
    fn count_received(registers: &mut Registers, queue: RxQueue, _header: &Header, bytes: usize) {
        stats::count_received(registers, queue, bytes);
    }

    fn reports_hash(_registers: &Registers, _queue: RxQueue) -> bool {
        true
    }

    /// Both switches must say so.
    fn strips_crc(registers: &Registers, _queue: RxQueue, _header: &Header) -> bool {
        registers.get::<Hlreg0>(()).strip_crc() && registers.get::<Rdrxctl>(()).strip_crc()
    }

    fn strips_vlan(registers: &Registers, queue: RxQueue, _header: &Header) -> bool {
        registers.get::<Rxdctl>(queue).strip_vlan()
    }
}

impl TransmitQueues for I82599 {
    fn transmits(registers: &Registers) -> bool {
        Self::starts_transmit_queues(registers) && !registers.get::<Rttdcs>(()).arbiter_off()
    }

    /// DMATXCTL.TE.
    fn starts_transmit_queues(registers: &Registers) -> bool {
        registers.get::<Dmatxctl>(()).enable()
    }

    fn transmit_ring(queue: TxQueue) -> u32 {
        Tdbal::offset(queue)
    }

    fn head_write_back(registers: &Registers, queue: TxQueue) -> Option<u64> {
        let low = HeadWriteBack::from(registers.get::<Tdwbal>(queue).get());
        let high = registers.word(Tdbal::offset(queue) + WRITE_BACK_HIGH);
        let address = u64::from(high) << 32 | u64::from(low.address()) << 2;
        low.enable().then_some(address)
    }

    fn sender(registers: &Registers, queue: TxQueue) -> Option<Pool> {
        Layout::of_transmit(registers)?.pool_of(queue.number())
    }

    fn inserts_crc(registers: &Registers) -> bool {
        registers.get::<Hlreg0>(()).insert_crc()
    }

    fn pads(registers: &Registers) -> bool {
        registers.get::<Hlreg0>(()).pad_short()
    }

    fn pool_tag(registers: &Registers, pool: Pool) -> PoolTag {
        let vmvir = DefaultTag::from(registers.get::<Pfvmvir>(pool).get());
        match (vmvir.never(), vmvir.insert()) {
            (true, _) => PoolTag::Never,
            (false, true) => PoolTag::Insert(vmvir.tag()),
            (false, false) => PoolTag::ByDescriptor,
        }
    }

    fn inserted_tag_type(registers: &Registers) -> u16 {
        registers.get::<Dmatxctl>(()).ethertype()
    }

    fn spoof_checks(registers: &Registers, pool: Pool) -> SpoofCheck {
        let checks = PoolGroup::new(pool.number() / 8)
            .map_or(Pfvfspoof::new(), |group| registers.get::<Pfvfspoof>(group));
        let bit = 1_u8 << (pool.number() % 8);
        SpoofCheck {
            mac: checks.mac() & bit != 0,
            vlan: checks.vlan() & bit != 0,
        }
    }

    fn count_spoofed(registers: &mut Registers, _pool: Pool, _failed: SpoofCheck) {
        registers.count::<Ssvpc>((), 1);
    }

    fn switches(registers: &Registers) -> bool {
        registers.get::<Pfdtxgswc>(()).loopback()
    }

    /// Counts for the queue.
    fn count_sent(registers: &mut Registers, queue: TxQueue, bytes: usize) {
        stats::count_sent(registers, queue, bytes);
    }
}
