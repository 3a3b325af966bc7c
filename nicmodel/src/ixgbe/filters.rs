//! Filters of the 82599: the MAC's and those of pools.
//!
//! Source: 82599 datasheet, 7.1, 7.10 and chapter 8.

use lockgate_regs::ixgbe::*;
use lockgate_regs::{Index, TableWord};

use super::extra_registers::*;
use super::{I82599, Layout};
use crate::ethernet::Header;
use crate::registers::Registers;
use crate::rss::HashFields;
use crate::vmdq::{
    Compared, ControlFrames, ExactFilter, MacFilter, MacFilters, PoolControl, PoolFilter,
    PoolFilters, VlanFilter,
};

/// EtherType of MAC control, and the group that pause frames go to (IEEE 802.3, annex 31B).
const MAC_CONTROL: u16 = 0x8808;
const GROUP: u64 = 0x0180_C200_0001;

impl MacFilters for I82599 {
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
}

impl PoolFilters for I82599 {
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
}
