//! Filters of the 82576: the MAC's and those of pools.
//!
//! Source: 82576 datasheet, chapters 7 (virtualization) and 8.

use lockgate_regs::igb::*;
use lockgate_regs::{Index, TableWord};

use super::I82576;
use super::extra_registers::*;
use crate::ethernet::Header;
use crate::registers::Registers;
use crate::rss::HashFields;
use crate::vmdq::{
    Compared, ControlFrames, ExactFilter, MacFilter, MacFilters, PoolControl, PoolFilter,
    PoolFilters, VlanFilter,
};

impl MacFilters for I82576 {
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
}

impl PoolFilters for I82576 {
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
}

/// The address whose octets two registers have, octet 0 in bits 47:40.
fn address(low: u32, high: u16) -> u64 {
    (u64::from(low.swap_bytes()) << 16) | u64::from(high.swap_bytes())
}
