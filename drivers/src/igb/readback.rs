//! What plan the registers hold.
//!
//! The rule: what is read as a plan is turned into registers again, and a register
//! that then differs makes the result one that no card with pools has. So whatever
//! is in the registers and in no plan is found by comparing the result with a plan.
//! Only transmit limits come from the driver's memory: QEMU's card does not give
//! them back.
//!
//! Not here: what to do about a difference.

use alloc::vec::Vec;

use lockgate_regs::Index;
use lockgate_regs::igb::*;
use lockgate_vmdq::{HardwarePlan, PoolPlan, SteeringMode};

use super::filter::{QUEUE_BIT, hash_kinds, settings};
use super::{Igb, RECEIVING};
use crate::access::RegisterWrite;
use crate::error::Error;
use crate::filter::{mac, read_multicast};
use crate::rss::read_rss;

impl Igb {
    pub(super) fn read_back(&self) -> Result<HardwarePlan, Error> {
        let registers = &self.adapter.registers;
        let mrqc = registers.read::<Mrqc>(())?;
        let spreads = mrqc.mode() == MultipleQueues::VmdqRss;
        let rss = spreads.then(|| read_rss(registers, hash_kinds(mrqc), QUEUE_BIT));
        let addresses = registers
            .read_all::<Ral>()?
            .into_iter()
            .zip(registers.read_all::<Rah>()?);
        let address = |(low, high): (Ral, Rah)| {
            let pools = u64::from(high.pools());
            high.valid()
                .then(|| (mac(low.octets(), high.octets()), pools))
        };
        let vlans = registers
            .read_all::<Vlvf>()?
            .into_iter()
            .filter(Vlvf::enable);
        let vlan = |vlvf: Vlvf| (vlvf.vid(), vlvf.pools().into());
        let mut plan = HardwarePlan {
            mode: SteeringMode::Pools,
            rss: rss.transpose()?,
            macs: addresses.filter_map(address).collect(),
            vlans: vlans.map(vlan).collect(),
            multicast: read_multicast(registers)?,
            pools: self.read_pools()?,
        };
        for setting in settings(&plan)
            .iter()
            .chain([&RegisterWrite::new((), RECEIVING)])
        {
            if !registers.matches(setting)? {
                plan.mode = SteeringMode::Software;
            }
        }
        Ok(plan)
    }

    fn read_pools(&self) -> Result<Vec<PoolPlan>, Error> {
        let registers = &self.adapter.registers;
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
                queues: u8::from(first?.enable()) + u8::from(second?.enable()),
                anti_spoof: anti_spoof & at.bit() != 0,
                max_frame: vmolr.max_length(),
                rate,
                weight: 0,
            });
        }
        Ok(pools)
    }
}
