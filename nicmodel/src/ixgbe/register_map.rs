//! What the core of cards with pools asks, answered by the 82599's registers.
//!
//! Source: 82599 datasheet, 7.1, 7.2, 7.10 and chapter 8.

use std::sync::Arc;
use std::time::Duration;

use lockgate_drivers::device::DeviceId;
use lockgate_regs::ixgbe::*;
use lockgate_regs::{Index, Register, TableWord, pci};

use super::access::{canonical, queue_register};
use super::extra_registers::*;
use super::interrupt::{Direction, cause};
use super::{I82599, Layout, MAC, Nic, map, stats};
use crate::chip::Bus;
use crate::ethernet::Header;
use crate::registers::{Map, Registers};
use crate::rss::HashFields;
use crate::vmdq::{
    Compared, ControlFrames, Effect, Event, ExactFilter, MacFilter, Moment, PoolControl,
    PoolFilter, PoolTag, QueueRegister, RegisterMap, SpoofCheck, VlanFilter,
};

/// EtherType of MAC control, and the group that pause frames go to (IEEE 802.3, annex 31B).
const MAC_CONTROL: u16 = 0x8808;
const GROUP: u64 = 0x0180_C200_0001;

/// Where TDWBAH is from TDBAL on.
const WRITE_BACK_HIGH: u32 = 0x3C;

impl RegisterMap for I82599 {
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
        for queue in TxQueue::all() {
            registers.set(queue, Tdwbal::new(0));
        }
    }

    /// Where head write-back goes.
    fn kept_by_reset() -> Vec<u32> {
        TxQueue::all().map(Tdwbal::offset).collect()
    }

    fn initialize(registers: &mut Registers) {
        map::initialize(registers, MAC);
    }

    fn reset(&mut self, now: u64) {
        self.forget(now);
    }

    fn is_live_after_reset(_queue: u32) -> bool {
        false
    }

    /// Only CTRL shows it.
    fn is_reset_over(_since_reset: u64) -> bool {
        false
    }

    fn shows_end_of_reset(_offset: u32, _value: u32) -> bool {
        false
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
        Self::was_cleared(registers, offset);
    }

    /// Causes clear by writing ones too; counters ignore writes.
    fn write_cleared(&mut self, registers: &mut Registers, offset: u32, value: u32) {
        self.interrupts.write_mask(registers, offset, value);
    }

    fn written(&mut self, registers: &mut Registers, offset: u32, value: u32, now: u64) -> Effect {
        self.write_register(registers, offset, value, now)
    }

    fn plug(&mut self, cable: bool, now: u64) {
        self.cable.plug(cable, now);
    }

    fn notice_link(&mut self, _registers: &Registers, now: u64) -> bool {
        self.cable.notice(now)
    }

    fn link_is_up(&self, registers: &Registers) -> bool {
        self.has_link(registers)
    }

    fn raise(&mut self, registers: &mut Registers, event: Event<RxQueue, TxQueue>) {
        let interrupts = &mut self.interrupts;
        match event {
            Event::Received(queue) => {
                interrupts.raise_queue(registers, queue.number(), Direction::Receive);
            }
            Event::NoDescriptor => {}
            Event::Sent(queue) => {
                interrupts.raise_queue(registers, queue.number(), Direction::Transmit);
            }
            Event::LinkChanged => interrupts.raise(registers, cause::LINK),
        }
    }

    fn take_interrupts(&mut self) -> u64 {
        self.interrupts.take()
    }

    fn tag_type(registers: &Registers) -> u16 {
        registers.get::<Vlnctrl>(()).ethertype()
    }

    fn control_frames(registers: &Registers) -> ControlFrames {
        let mflcn = registers.get::<Mflcn>(());
        ControlFrames {
            group: GROUP,
            ethertype: MAC_CONTROL,
            obeyed: mflcn.obey_pause(),
            passed: mflcn.pass_mac_control(),
        }
    }

    /// With MFLCN.PMCF, unless MFLCN.DPF.
    fn passes_pause(registers: &Registers, _header: &Header) -> bool {
        let mflcn = registers.get::<Mflcn>(());
        mflcn.pass_mac_control() && !mflcn.discard_pause()
    }

    fn count_pause(registers: &mut Registers, stop: bool) {
        if stop {
            registers.count::<Lxoffrxcnt>((), 1);
        } else {
            registers.count::<Lxonrxcnt>((), 1);
        }
    }

    /// With HLREG0.JUMBOEN what MAXFRS says; a tag is on top of it.
    fn is_too_long(registers: &Registers, header: &Header, bytes: usize) -> bool {
        let jumbo = registers.get::<Hlreg0>(()).jumbo();
        let limit = usize::from(registers.get::<Maxfrs>(()).bytes()) + header.tag_bytes();
        header.is_longer(bytes, jumbo.then_some(limit))
    }

    fn filters_vlans(registers: &Registers) -> bool {
        registers.get::<Vlnctrl>(()).filter()
    }

    fn vlan_table(registers: &Registers, word: TableWord) -> u32 {
        registers.get::<Vfta>(word).get()
    }

    fn mac_filter(registers: &Registers) -> MacFilter {
        let fctrl = registers.get::<Fctrl>(());
        MacFilter {
            broadcast: fctrl.broadcast(),
            unicast_promiscuous: fctrl.unicast_promiscuous(),
            multicast_promiscuous: fctrl.multicast_promiscuous(),
            unicast_hash: true,
        }
    }

    fn exact_filters(registers: &Registers) -> impl Iterator<Item = ExactFilter> {
        RarIndex::all().filter_map(|index| {
            let high = registers.get::<Rah>(index);
            let low = registers.get::<Ral>(index);
            high.valid().then(|| ExactFilter {
                address: u64::from(low.octets().swap_bytes()) << 16
                    | u64::from(high.octets().swap_bytes()),
                compared: Compared::Destination,
                pools: registers.wide::<Mpsar>(index),
            })
        })
    }

    fn table_window(registers: &Registers) -> u8 {
        registers.get::<Mcstctrl>(()).offset()
    }

    fn multicast_table(registers: &Registers, word: TableWord) -> u32 {
        if registers.get::<Mcstctrl>(()).filter() {
            registers.get::<Mta>(word).get()
        } else {
            0
        }
    }

    fn unicast_table(registers: &Registers, word: TableWord) -> u32 {
        registers.get::<Pfuta>(word).get()
    }

    fn hash_fields(registers: &Registers) -> Option<HashFields> {
        let mrqc = registers.get::<Mrqc>(());
        let on = matches!(
            mrqc.mode(),
            MultipleQueues::Rss | MultipleQueues::Vmdq32Rss | MultipleQueues::Vmdq64Rss
        );
        let told = registers.get::<Rxcsum>(()).hash_in_descriptor();
        (on && told).then(|| HashFields {
            tcp_ipv4: mrqc.tcp_ipv4(),
            udp_ipv4: mrqc.udp_ipv4(),
            ipv4: mrqc.ipv4(),
            tcp_ipv6: mrqc.tcp_ipv6(),
            udp_ipv6: mrqc.udp_ipv6(),
            ipv6: mrqc.ipv6(),
            ..HashFields::default()
        })
    }

    fn has_pools(registers: &Registers) -> bool {
        registers.get::<Pfvtctl>(()).enable() && Layout::of_receive(registers).is_some()
    }

    fn pool_control(registers: &Registers) -> PoolControl {
        PoolControl {
            replicates: registers.get::<Pfvtctl>(()).replicate(),
            ignores_addresses: false,
        }
    }

    fn pool_filter(registers: &Registers, pool: Pool) -> PoolFilter {
        let filter = registers.get::<Pfvml2flt>(pool);
        PoolFilter {
            untagged: filter.untagged(),
            broadcast: filter.broadcast(),
            unicast_promiscuous: false,
            unicast_hash: filter.unicast_hash(),
            multicast_promiscuous: filter.multicast_promiscuous(),
            multicast_hash: filter.multicast_hash(),
        }
    }

    /// A filter without pools claims its address for nobody.
    fn is_claimed(pools: Option<u64>) -> bool {
        pools.is_some()
    }

    fn vlan_filters(registers: &Registers) -> impl Iterator<Item = VlanFilter> {
        VlvfIndex::all().filter_map(|index| {
            let entry = registers.get::<Pfvlvf>(index);
            entry.enable().then(|| VlanFilter {
                vid: entry.vid(),
                pools: registers.wide::<Pfvlvfb>(index),
                local: false,
            })
        })
    }

    /// What passes the MAC's filters goes there, and group frames, unless it is off.
    fn default_pool(
        registers: &Registers,
        header: &Header,
        passes: impl Fn() -> bool,
    ) -> Option<u32> {
        let control = registers.get::<Pfvtctl>(());
        let takes = !control.no_default_pool() && (header.is_group() || passes());
        takes.then(|| control.default_pool().into())
    }

    fn receiving_pools(registers: &Registers) -> u64 {
        registers.wide::<Pfvfre>(())
    }

    fn sending_pools(registers: &Registers) -> u64 {
        registers.wide::<Pfvfte>(())
    }

    fn hears_itself(registers: &Registers) -> u64 {
        registers.wide::<Pfvmtxsw>(())
    }

    fn is_too_long_for(
        _registers: &Registers,
        _pool: Pool,
        _header: &Header,
        _bytes: usize,
    ) -> bool {
        false
    }

    /// As far as the pool spreads (PSRTYPE.RQPL).
    fn queue_of(registers: &Registers, pool: Pool, entry: u8) -> Option<u32> {
        let layout = Layout::of_receive(registers)?;
        let spread = registers.get::<Psrtype>(pool).queues_log2();
        let mask = (1 << u32::from(spread).min(layout.shift)) - 1;
        Some(layout.first_queue(pool)? + (u32::from(entry) & mask))
    }

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

    fn is_clocked(&self) -> bool {
        self.arbiter.has_clock()
    }

    fn advance(nic: &mut Nic, bus: &mut Bus, time: Duration) {
        nic.pass_time(bus, time);
    }
}
