//! What the core of cards with pools asks, answered by the 82576's registers.
//!
//! Source: 82576 datasheet, chapters 7 (virtualization) and 8.

use std::sync::Arc;

use lockgate_drivers::device::DeviceId;
use lockgate_regs::igb::*;
use lockgate_regs::{Index, Register, TableWord, pci};

use super::access::{canonical, queue_register};
use super::extra_registers::*;
use super::{AUTO_READ, I82576, MAC, map};
use crate::counters::octets;
use crate::ethernet::Header;
use crate::registers::{Map, Registers};
use crate::rss::HashFields;
use crate::vmdq::{
    Compared, ControlFrames, Effect, Event, ExactFilter, MacFilter, Moment, PoolControl,
    PoolFilter, PoolTag, QueueRegister, RegisterMap, SpoofCheck, VlanFilter,
};

impl RegisterMap for I82576 {
    type RxQueue = RxQueue;
    type TxQueue = TxQueue;
    type Pool = Pool;

    fn id() -> DeviceId {
        let [device, ..] = DEVICE_IDS;
        DeviceId {
            vendor: pci::INTEL,
            device,
        }
    }

    fn registers() -> Arc<Map> {
        map::map()
    }

    fn new() -> Self {
        Self::at_power_on()
    }

    fn power_on(registers: &mut Registers) {
        map::power_on(registers);
    }

    /// The packet buffer sizes.
    fn kept_by_reset() -> Vec<u32> {
        vec![Rxpbs::BASE, Txpbs::BASE]
    }

    fn initialize(registers: &mut Registers) {
        map::initialize(registers, MAC);
    }

    fn reset(&mut self, _now: u64) {
        self.forget();
    }

    fn is_live_after_reset(queue: u32) -> bool {
        queue == 0
    }

    fn is_reset_over(since_reset: u64) -> bool {
        since_reset > AUTO_READ
    }

    /// EECD.Auto_RD.
    fn shows_end_of_reset(offset: u32, value: u32) -> bool {
        offset == Eecd::BASE && Eecd::from(value).auto_read_done()
    }

    fn canonical(offset: u32) -> u32 {
        canonical(offset)
    }

    fn queue_register(offset: u32) -> Option<QueueRegister<RxQueue, TxQueue>> {
        queue_register(offset)
    }

    fn read(&mut self, registers: &mut Registers, offset: u32, moment: Moment) -> u32 {
        self.read_register(registers, offset, moment)
    }

    fn cleared(&mut self, registers: &mut Registers, offset: u32) {
        self.was_cleared(registers, offset);
    }

    fn write_cleared(&mut self, registers: &mut Registers, offset: u32, value: u32) {
        self.write_causes(registers, offset, value);
    }

    fn written(&mut self, registers: &mut Registers, offset: u32, value: u32, now: u64) -> Effect {
        self.write_register(registers, offset, value, now)
    }

    fn plug(&mut self, cable: bool, now: u64) {
        self.phy.set_cable(cable, now);
    }

    /// The MAC follows the PHY only while CTRL.SLU is set.
    fn notice_link(&mut self, registers: &Registers, now: u64) -> bool {
        let up = registers.get::<Ctrl>(()).set_link_up() && self.phy.is_up(now);
        std::mem::replace(&mut self.link_up, up) != up
    }

    fn link_is_up(&self, _registers: &Registers) -> bool {
        self.link_up
    }

    fn raise(&mut self, registers: &mut Registers, event: Event<RxQueue, TxQueue>) {
        self.raise_event(registers, event);
    }

    fn take_interrupts(&mut self) -> u64 {
        std::mem::take(&mut self.messages)
    }

    fn tag_type(registers: &Registers) -> u16 {
        registers.get::<Vet>(()).get() as u16
    }

    fn control_frames(registers: &Registers) -> ControlFrames {
        let low = registers.get::<Fcal>(()).get();
        let high = registers.get::<Fcah>(()).get() as u16;
        ControlFrames {
            group: address(low, high),
            ethertype: registers.get::<Fct>(()).get() as u16,
            obeyed: registers.get::<Ctrl>(()).receive_flow_control(),
            passed: registers.get::<Rctl>(()).pass_mac_control(),
        }
    }

    /// One to the station does unless RCTL.DPF, one to the group only with RCTL.PMCF.
    fn passes_pause(registers: &Registers, header: &Header) -> bool {
        let rctl = registers.get::<Rctl>(());
        if header.is_group() {
            rctl.pass_mac_control()
        } else {
            !rctl.discard_pause()
        }
    }

    fn count_pause(registers: &mut Registers, stop: bool) {
        if stop {
            registers.count::<Xoffrxc>((), 1);
        } else {
            registers.count::<Xonrxc>((), 1);
        }
    }

    /// RCTL.LPE and RLPML.
    fn is_too_long(registers: &Registers, header: &Header, bytes: usize) -> bool {
        let long = registers.get::<Rctl>(()).long_packets();
        let limit = registers.get::<Rlpml>(()).get() as usize;
        header.is_longer(bytes, long.then_some(limit))
    }

    fn filters_vlans(registers: &Registers) -> bool {
        registers.get::<Rctl>(()).vlan_filter()
    }

    fn vlan_table(registers: &Registers, word: TableWord) -> u32 {
        registers.get::<Vfta>(word).get()
    }

    fn mac_filter(registers: &Registers) -> MacFilter {
        let rctl = registers.get::<Rctl>(());
        MacFilter {
            broadcast: rctl.broadcast(),
            unicast_promiscuous: rctl.unicast_promiscuous(),
            multicast_promiscuous: rctl.multicast_promiscuous(),
            unicast_hash: false,
        }
    }

    fn exact_filters(registers: &Registers) -> impl Iterator<Item = ExactFilter> {
        RarIndex::all().filter_map(|index| {
            let high = registers.get::<Rah>(index);
            high.valid().then(|| ExactFilter {
                address: address(registers.get::<Ral>(index).octets(), high.octets()),
                compared: match high.select() {
                    0 => Compared::Destination,
                    1 => Compared::Source,
                    _ => Compared::Nothing,
                },
                pools: high.pools().into(),
            })
        })
    }

    fn table_window(registers: &Registers) -> u8 {
        registers.get::<Rctl>(()).multicast_offset()
    }

    fn multicast_table(registers: &Registers, word: TableWord) -> u32 {
        registers.get::<Mta>(word).get()
    }

    fn unicast_table(registers: &Registers, word: TableWord) -> u32 {
        registers.get::<Uta>(word).get()
    }

    fn hash_fields(registers: &Registers) -> Option<HashFields> {
        let mrqc = registers.get::<Mrqc>(());
        let on = matches!(mrqc.mode(), MultipleQueues::Rss | MultipleQueues::VmdqRss);
        let told = registers.get::<Rxcsum>(()).hash_in_descriptor();
        (on && told).then(|| HashFields {
            tcp_ipv4: mrqc.tcp_ipv4(),
            udp_ipv4: mrqc.udp_ipv4(),
            ipv4: mrqc.ipv4(),
            tcp_ipv6: mrqc.tcp_ipv6(),
            udp_ipv6: mrqc.udp_ipv6(),
            ipv6: mrqc.ipv6(),
            tcp_ipv6_ex: mrqc.tcp_ipv6_ex(),
            udp_ipv6_ex: mrqc.udp_ipv6_ex(),
            ipv6_ex: mrqc.ipv6_ex(),
        })
    }

    fn has_pools(registers: &Registers) -> bool {
        matches!(
            registers.get::<Mrqc>(()).mode(),
            MultipleQueues::Vmdq | MultipleQueues::VmdqRss
        )
    }

    fn pool_control(registers: &Registers) -> PoolControl {
        let control = registers.get::<VtCtl>(());
        PoolControl {
            replicates: control.replicate(),
            ignores_addresses: control.ignore_mac(),
        }
    }

    fn pool_filter(registers: &Registers, pool: Pool) -> PoolFilter {
        let vmolr = registers.get::<Vmolr>(pool);
        PoolFilter {
            untagged: vmolr.untagged(),
            broadcast: vmolr.broadcast(),
            unicast_promiscuous: vmolr.unicast_promiscuous(),
            unicast_hash: vmolr.unicast_hash(),
            multicast_promiscuous: vmolr.multicast_promiscuous(),
            multicast_hash: vmolr.multicast_hash(),
        }
    }

    /// A filter without pools is as none.
    fn is_claimed(pools: Option<u64>) -> bool {
        pools.is_some_and(|pools| pools != 0)
    }

    fn vlan_filters(registers: &Registers) -> impl Iterator<Item = VlanFilter> {
        VlvfIndex::all().filter_map(|index| {
            let entry = registers.get::<Vlvf>(index);
            entry.enable().then(|| VlanFilter {
                vid: entry.vid(),
                pools: entry.pools().into(),
                local: entry.local(),
            })
        })
    }

    /// Group frames go there while they are not replicated, others unless it is off.
    fn default_pool(
        registers: &Registers,
        header: &Header,
        _passes: impl Fn() -> bool,
    ) -> Option<u32> {
        let control = registers.get::<VtCtl>(());
        let takes = if header.is_group() {
            !control.replicate()
        } else {
            !control.no_default_pool()
        };
        takes.then(|| control.default_pool().into())
    }

    fn receiving_pools(registers: &Registers) -> u64 {
        registers.get::<Vfre>(()).get().into()
    }

    fn sending_pools(registers: &Registers) -> u64 {
        registers.get::<Vfte>(()).get().into()
    }

    fn hears_itself(registers: &Registers) -> u64 {
        registers.get::<Dtxswc>(()).local_loopback().into()
    }

    /// VMOLR.LPE and VMOLR.RLPML.
    fn is_too_long_for(registers: &Registers, pool: Pool, header: &Header, bytes: usize) -> bool {
        let vmolr = registers.get::<Vmolr>(pool);
        let limit = vmolr.long_packets().then(|| vmolr.max_length().into());
        header.is_longer(bytes, limit)
    }

    /// Bit 3 of the entry picks the second, if the pool has RSS.
    fn queue_of(registers: &Registers, pool: Pool, entry: u8) -> Option<u32> {
        let second = registers.get::<Vmolr>(pool).rss() && entry & 0x8 != 0;
        Some(pool.number() + if second { Pool::COUNT } else { 0 })
    }

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

/// The address whose octets two registers have, octet 0 in bits 47:40.
fn address(low: u32, high: u16) -> u64 {
    (u64::from(low.swap_bytes()) << 16) | u64::from(high.swap_bytes())
}

/// Adds to a counter that wraps, as those of the pools do.
fn wrap<R: Register<Index = Pool>>(registers: &mut Registers, pool: Pool, by: u32) {
    let offset = R::offset(pool);
    registers.put(offset, registers.word(offset).wrapping_add(by));
}
