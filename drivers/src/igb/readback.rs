//! What plan the registers hold.
//!
//! The rule: whatever is in the registers and in no plan makes the result differ
//! from every plan, so that comparing the two finds it. Only transmit limits come
//! from the driver's memory: QEMU's card does not give them back.
//!
//! Not here: what to do about a difference.

use std::collections::BTreeMap;

use lockgate_regs::igb::{
    Dtxswc, HashKeyWord, Mrqc, Mta, MultipleQueues, Pool, Rah, Ral, RarIndex, Rctl, Reta, RetaWord,
    Rplolr, Rssrk, Rxdctl, Vfre, Vfta, Vfte, Vlvf, VlvfIndex, Vmolr, Vmvir, VtCtl,
};
use lockgate_regs::{Index, TableWord};
use lockgate_rss::{HashKinds, Key};
use lockgate_vmdq::{HardwarePlan, Mac, MacFilter, Mode, PoolPlan, RssPlan, VlanFilter};

use super::Igb;
use super::filter::{hash_kinds, reta_queue, vmolr};
use crate::error::Error;

impl Igb {
    pub(super) fn read_plan(&self) -> Result<HardwarePlan, Error> {
        let mut multicast = Box::new([0; 128]);
        for (word, bits) in TableWord::all().zip(multicast.iter_mut()) {
            *bits = self.registers.read::<Mta>(word)?.get();
        }
        Ok(HardwarePlan {
            mode: self.read_mode()?,
            rss: self.read_rss()?,
            macs: self.read_macs()?,
            vlans: self.read_vlans()?,
            multicast,
            pools: self.read_pools()?,
        })
    }

    /// Pools count only while every switch that keeps them apart is right.
    fn read_mode(&self) -> Result<Mode, Error> {
        let mrqc = self.registers.read::<Mrqc>(())?;
        let control = self.registers.read::<VtCtl>(())?;
        let rctl = self.registers.read::<Rctl>(())?;
        let spread = match mrqc.mode() {
            MultipleQueues::Vmdq | MultipleQueues::VmdqRss => hash_kinds(mrqc).is_some(),
            _ => false,
        };
        let apart = control.no_default_pool()
            && !control.ignore_mac()
            && !self.registers.read::<Dtxswc>(())?.loopback()
            && !self.registers.read::<Rplolr>(())?.strip_vlan();
        let filtered = rctl.vlan_filter()
            && !rctl.unicast_promiscuous()
            && !rctl.multicast_promiscuous()
            && !rctl.store_bad();
        match spread && apart && filtered {
            true => Ok(Mode::Pools),
            false => Ok(Mode::Software { queues: 0 }),
        }
    }

    fn read_rss(&self) -> Result<Option<RssPlan>, Error> {
        let mrqc = self.registers.read::<Mrqc>(())?;
        if mrqc.mode() != MultipleQueues::VmdqRss {
            return Ok(None);
        }
        let mut key = [0; Key::BYTES];
        for (word, bytes) in HashKeyWord::all().zip(key.as_chunks_mut::<4>().0) {
            *bytes = self.registers.read::<Rssrk>(word)?.get().to_le_bytes();
        }
        let mut table = Vec::with_capacity(4 * RetaWord::COUNT as usize);
        for word in RetaWord::all() {
            let entries = u32::from(self.registers.read::<Reta>(word)?).to_le_bytes();
            table.extend(entries.map(reta_queue));
        }
        Ok(Some(RssPlan {
            key: Key::new(key),
            kinds: hash_kinds(mrqc).unwrap_or(HashKinds::NONE),
            table,
        }))
    }

    fn read_macs(&self) -> Result<Vec<MacFilter>, Error> {
        let mut macs = Vec::new();
        for index in RarIndex::all() {
            let rah = self.registers.read::<Rah>(index)?;
            if rah.valid() {
                let [a, b, c, d] = self.registers.read::<Ral>(index)?.octets().to_le_bytes();
                let [e, f] = rah.octets().to_le_bytes();
                macs.push(MacFilter {
                    mac: Mac::new([a, b, c, d, e, f]),
                    pools: rah.pools().into(),
                });
            }
        }
        macs.sort_by_key(|filter| filter.mac);
        Ok(macs)
    }

    /// VLANs with pools that VFTA lets through, and those it lets through to none.
    fn read_vlans(&self) -> Result<Vec<VlanFilter>, Error> {
        let mut vlans = BTreeMap::new();
        for word in TableWord::all() {
            let bits = self.registers.read::<Vfta>(word)?.get();
            let set = (0..32).filter(|bit| bits >> bit & 1 == 1);
            vlans.extend(set.map(|bit| ((word.number() * 32 + bit) as u16, 0)));
        }
        for index in VlvfIndex::all() {
            let vlvf = self.registers.read::<Vlvf>(index)?;
            if vlvf.enable()
                && let Some(pools) = vlans.get_mut(&vlvf.vid())
            {
                *pools |= u64::from(vlvf.pools());
            }
        }
        let filters = vlans.into_iter();
        Ok(filters.map(|(vid, pools)| VlanFilter { vid, pools }).collect())
    }

    fn read_pools(&self) -> Result<Vec<PoolPlan>, Error> {
        let receive = self.registers.read::<Vfre>(())?.get();
        let transmit = self.registers.read::<Vfte>(())?.get();
        let switch = self.registers.read::<Dtxswc>(())?;
        let spoof = switch.mac_anti_spoof() & switch.vlan_anti_spoof();
        let mut pools = Vec::new();
        for (pool, rate) in Pool::all().zip(self.rates) {
            let registers = &self.registers;
            let filters = registers.read::<Vmolr>(pool)?;
            let mut queues = 0;
            for queue in pool.rx_queues() {
                queues += u8::from(registers.read::<Rxdctl>(queue)?.enable());
            }
            let bit = pool.bit();
            let mut plan = PoolPlan {
                receive: receive & u32::from(bit) != 0,
                transmit: transmit & u32::from(bit) != 0,
                broadcast: filters.broadcast(),
                untagged: filters.untagged(),
                multicast: filters.multicast_hash(),
                rss: filters.rss(),
                queues,
                anti_spoof: spoof & bit != 0,
                max_frame: filters.max_length(),
                rate,
            };
            let inserted = u32::from(registers.read::<Vmvir>(pool)?);
            if u32::from(vmolr(&plan)) != u32::from(filters) || inserted != 0 {
                // Promiscuous, for example. No plan has this limit.
                plan.max_frame = u16::MAX;
            }
            pools.push(plan);
        }
        Ok(pools)
    }
}
