//! Queues of the 82576, and what it does to the frames of their pools.
//!
//! Source: 82576 datasheet, chapters 7 and 8.

use lockgate_regs::igb::*;
use lockgate_regs::{Index, Register};

use super::I82576;
use super::extra_registers::*;
use crate::counters::octets;
use crate::ethernet::Header;
use crate::registers::Registers;
use crate::vmdq::{MacFilters, PoolFilters, PoolTag, ReceiveQueues, SpoofCheck, TransmitQueues};

impl ReceiveQueues for I82576 {
    fn receives(registers: &Registers) -> bool {
        registers.get::<Rctl>(()).enable()
    }

    fn is_receive_paused(_registers: &Registers) -> bool {
        false
    }

    fn packet_buffer_bytes(registers: &Registers) -> usize {
        registers.get::<Rxpbs>(()).get() as usize * 1024
    }

    fn count_missed(registers: &mut Registers) {
        registers.count::<Mpc>((), 1);
    }

    fn receive_ring(queue: RxQueue) -> u32 {
        Rdbal::offset(queue)
    }

    fn descriptor_type(registers: &Registers, queue: RxQueue) -> DescriptorType {
        registers.get::<Srrctl>(queue).descriptor_type()
    }

    /// SRRCTL, or else RCTL.
    fn buffer_bytes(registers: &Registers, queue: RxQueue) -> usize {
        match registers.get::<Srrctl>(queue).packet_kib() {
            0 => 2048 >> registers.get::<Rctl>(()).buffer_size(),
            kib => usize::from(kib) * 1024,
        }
    }

    /// SRRCTL.DROP_EN or QDE says so.
    fn may_drop(&self, registers: &Registers, queue: RxQueue) -> bool {
        let all = registers.get::<Qde>(()).get();
        registers.get::<Srrctl>(queue).drop_enable() || all & 1 << queue.number() != 0
    }

    /// In 12 bits.
    fn count_dropped(registers: &mut Registers, queue: RxQueue) {
        let offset = Rqdpc::offset(queue);
        let old = registers.word(offset);
        registers.put(offset, (old + 1).min(0xFFF));
    }

    /// Counts for the pool.
    fn count_received(registers: &mut Registers, queue: RxQueue, header: &Header, bytes: usize) {
        if Self::has_pools(registers) {
            let pool = queue.pool();
            wrap::<Pvfgprc>(registers, pool, 1);
            wrap::<Pvfgorc>(registers, pool, octets(bytes) as u32);
            wrap::<Pvfmprc>(registers, pool, u32::from(header.is_multicast()));
        }
    }

    fn reports_hash(registers: &Registers, queue: RxQueue) -> bool {
        !Self::has_pools(registers) || registers.get::<Vmolr>(queue.pool()).rss()
    }

    /// It goes only if every switch that there is says so: RCTL's, and with pools RPLOLR's
    /// for multicast frames and VMOLR's for others.
    fn strips_crc(registers: &Registers, queue: RxQueue, header: &Header) -> bool {
        let all = registers.get::<Rctl>(()).strip_crc();
        if !Self::has_pools(registers) {
            return all;
        }
        let pool = if header.is_multicast() {
            registers.get::<Rplolr>(()).strip_crc()
        } else {
            registers.get::<Vmolr>(queue.pool()).strip_crc()
        };
        all && pool
    }

    /// Multicast frames follow RPLOLR, others VMOLR of the pool; without pools CTRL.
    fn strips_vlan(registers: &Registers, queue: RxQueue, header: &Header) -> bool {
        if !Self::has_pools(registers) {
            registers.get::<Ctrl>(()).vlan_mode()
        } else if header.is_multicast() {
            registers.get::<Rplolr>(()).strip_vlan()
        } else {
            registers.get::<Vmolr>(queue.pool()).strip_vlan()
        }
    }
}

impl TransmitQueues for I82576 {
    fn transmits(registers: &Registers) -> bool {
        registers.get::<Tctl>(()).enable()
    }

    fn starts_transmit_queues(_registers: &Registers) -> bool {
        true
    }

    fn transmit_ring(queue: TxQueue) -> u32 {
        Tdbal::offset(queue)
    }

    fn head_write_back(registers: &Registers, queue: TxQueue) -> Option<u64> {
        let low = registers.get::<Tdwbal>(queue);
        let high = registers.get::<Tdwbah>(queue).get();
        let address = (u64::from(high) << 32) | (u64::from(low.address()) << 2);
        low.enable().then_some(address)
    }

    fn sender(registers: &Registers, queue: TxQueue) -> Option<Pool> {
        Self::has_pools(registers).then(|| queue.pool())
    }

    fn inserts_crc(_registers: &Registers) -> bool {
        true
    }

    fn pads(registers: &Registers) -> bool {
        registers.get::<Tctl>(()).pad_short()
    }

    fn pool_tag(registers: &Registers, pool: Pool) -> PoolTag {
        let vmvir = registers.get::<Vmvir>(pool);
        match (vmvir.never(), vmvir.insert()) {
            (true, _) => PoolTag::Never,
            (false, true) => PoolTag::Insert(vmvir.tag()),
            (false, false) => PoolTag::ByDescriptor,
        }
    }

    fn inserted_tag_type(registers: &Registers) -> u16 {
        Self::tag_type(registers)
    }

    fn spoof_checks(registers: &Registers, pool: Pool) -> SpoofCheck {
        let checks = registers.get::<Dtxswc>(());
        SpoofCheck {
            mac: checks.mac_anti_spoof() & pool.bit() != 0,
            vlan: checks.vlan_anti_spoof() & pool.bit() != 0,
        }
    }

    /// The pool is named in WVBR.
    fn count_spoofed(registers: &mut Registers, pool: Pool, failed: SpoofCheck) {
        let blamed = |failed| if failed { pool.bit() } else { 0 };
        let old = registers.get::<Wvbr>(());
        let wvbr = old
            .with_mac(old.mac() | blamed(failed.mac))
            .with_vlan(old.vlan() | blamed(failed.vlan));
        registers.set::<Wvbr>((), wvbr);
        registers.count::<Ssvpc>((), 1);
    }

    fn switches(registers: &Registers) -> bool {
        registers.get::<Dtxswc>(()).loopback()
    }

    /// Counts for the pool.
    fn count_sent(registers: &mut Registers, queue: TxQueue, bytes: usize) {
        if let Some(pool) = Self::sender(registers, queue) {
            wrap::<Pvfgptc>(registers, pool, 1);
            wrap::<Pvfgotc>(registers, pool, octets(bytes) as u32);
        }
    }
}

/// Adds to a counter that wraps, as those of the pools do.
fn wrap<R: Register<Index = Pool>>(registers: &mut Registers, pool: Pool, by: u32) {
    let offset = R::offset(pool);
    registers.put(offset, registers.word(offset).wrapping_add(by));
}
