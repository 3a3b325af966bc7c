//! What plan the registers hold.
//!
//! The rule: what is read as a plan is turned into registers again, and a register
//! that then differs makes the result one that no card with pools has. So whatever
//! is in the registers and in no plan is found by comparing the result with a plan.
//! Only transmit limits come from the driver's memory: QEMU's card does not give
//! them back.
//!
//! Not here: what to do about a difference.

use lockgate_regs::Index;
use lockgate_regs::igb::*;
use lockgate_rss::Key;
use lockgate_vmdq::{HardwarePlan, PoolPlan, RssPlan, SteeringMode};

use super::filter::{hash_kinds, mac_filter, settings};
use super::{Igb, RECEIVING};
use crate::access::Setting;
use crate::error::Error;

impl Igb {
    pub(super) fn read_plan(&self) -> Result<HardwarePlan, Error> {
        let registers = &self.registers;
        let addresses = registers.read_all::<Ral>()?.into_iter().zip(registers.read_all::<Rah>()?);
        let vlans = registers.read_all::<Vlvf>()?.into_iter().filter(Vlvf::enable);
        let vlan = |vlvf: Vlvf| (vlvf.vid(), vlvf.pools().into());
        let mut plan = HardwarePlan {
            mode: SteeringMode::Pools,
            rss: self.read_rss()?,
            macs: addresses.filter(|(_, high)| high.valid()).map(mac_filter).collect(),
            vlans: vlans.map(vlan).collect(),
            multicast: Box::new([0; 128]),
            pools: self.read_pools()?,
        };
        for (word, mta) in plan.multicast.iter_mut().zip(registers.read_all::<Mta>()?) {
            *word = mta.get();
        }
        for setting in settings(&plan).iter().chain([&Setting::new((), RECEIVING)]) {
            if !registers.holds(setting)? {
                plan.mode = SteeringMode::Software;
            }
        }
        Ok(plan)
    }

    fn read_rss(&self) -> Result<Option<RssPlan>, Error> {
        let mrqc = self.registers.read::<Mrqc>(())?;
        if mrqc.mode() != MultipleQueues::VmdqRss {
            return Ok(None);
        }
        let mut key = [0; Key::BYTES];
        let words = self.registers.read_all::<Rssrk>()?;
        for (bytes, word) in key.as_chunks_mut().0.iter_mut().zip(words) {
            *bytes = word.get().to_le_bytes();
        }
        let entries = self.registers.read_all::<Reta>()?.into_iter().map(u32::from);
        let queues = entries.flat_map(u32::to_le_bytes).map(|entry| entry >> 3);
        let (kinds, table) = (hash_kinds(mrqc), queues.collect());
        Ok(Some(RssPlan { key: Key::new(key), kinds, table }))
    }

    fn read_pools(&self) -> Result<Vec<PoolPlan>, Error> {
        let registers = &self.registers;
        let receive = registers.read::<Vfre>(())?.get();
        let transmit = registers.read::<Vfte>(())?.get();
        let anti_spoof = registers.read::<Dtxswc>(())?.mac_anti_spoof();
        let mut pools = Vec::new();
        for (at, rate) in Pool::all().zip(self.rates) {
            let vmolr = registers.read::<Vmolr>(at)?;
            let [first, second] = at.rx_queues().map(|queue| registers.read::<Rxdctl>(queue));
            pools.push(PoolPlan {
                receive: receive & u32::from(at.bit()) != 0,
                transmit: transmit & u32::from(at.bit()) != 0,
                broadcast: vmolr.broadcast(),
                untagged: vmolr.untagged(),
                multicast: vmolr.multicast_hash(),
                rss: vmolr.rss(),
                queues: u8::from(first?.enable()) + u8::from(second?.enable()),
                anti_spoof: anti_spoof & at.bit() != 0,
                max_frame: vmolr.max_length(),
                rate,
            });
        }
        Ok(pools)
    }
}
