//! The igb family: 82576.
//!
//! The rule: a start is a reset and one pass from the outside in, with the
//! switches that let frames through last: filters, pools, queues, receive and
//! transmit, tails, link. Nothing is written that a plan does not say, and all
//! that a plan says is written.
//!
//! Source: 82576 datasheet, 4.5 (initialization) and chapter 8 (registers).

mod filter;
mod link;
mod queue;
mod readback;
mod reset;
mod stats;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use lockgate_regs::Index;
use lockgate_regs::igb::{Pool, RarIndex, RetaWord, VlvfIndex};
use lockgate_vmdq::{BitRate, Capabilities, HardwarePlan, Mode, Plan};

use crate::access::Registers;
use crate::device::Card;
use crate::error::Error;
use crate::nic::{Link, Nic, Statistics};
use crate::ring::{Lease, Queues, RingSizes};

/// An 82576.
pub(crate) struct Igb {
    card: Card,
    registers: Registers,
    /// Held by the queues of the last start as well.
    lease: Lease,
    /// Whether there may be anything to stop.
    started: bool,
    /// Rate limits by pool: the limiters do not read back everywhere.
    rates: [Option<BitRate>; Pool::COUNT as usize],
    /// The speed that the limiters are set for, in Mbit/s.
    limited_at: Option<u32>,
}

impl Igb {
    pub(crate) fn new(card: Card) -> Self {
        Self {
            registers: Registers::new(&card.bar),
            card,
            lease: Lease::default(),
            started: false,
            rates: Default::default(),
            limited_at: None,
        }
    }

    fn bring_up(&mut self, plan: &Plan, sizes: RingSizes) -> Result<Queues, Error> {
        let hardware = plan.hardware();
        self.reset()?;
        self.clear_filters();
        self.set_filters(hardware)?;
        self.set_pools(hardware)?;
        self.set_rss(hardware)?;
        let queues = self.queues(plan, sizes)?;
        self.discard_statistics()?;
        self.enable(hardware, &queues)?;
        self.start_link()?;
        Ok(queues)
    }
}

impl Nic for Igb {
    fn capabilities(&self) -> &'static Capabilities {
        &Capabilities::I82576
    }

    fn start(&mut self, plan: &Plan, sizes: RingSizes) -> Result<Queues, Error> {
        check(plan.hardware())?;
        self.stop()?;
        if Arc::strong_count(&self.lease) > 1 {
            return Err(Error::QueuesInUse);
        }
        self.started = true;
        let queues = self.bring_up(plan, sizes);
        if queues.is_err() {
            // The first error is the one that helps.
            let _ = self.stop();
        }
        queues
    }

    fn link(&mut self) -> Result<Link, Error> {
        self.read_link()
    }

    fn wait_link(&mut self, limit: Duration, stop: &AtomicBool) -> Result<Link, Error> {
        self.await_link(limit, stop)
    }

    fn statistics(&mut self) -> Result<Statistics, Error> {
        self.take_statistics()
    }

    fn read_back(&mut self) -> Result<HardwarePlan, Error> {
        self.read_plan()
    }

    fn stop(&mut self) -> Result<(), Error> {
        if !self.started {
            return Ok(());
        }
        let quiet = self.quiesce();
        let master = self.card.function.set_bus_master(false);
        self.started = master.is_err();
        quiet?;
        master.map_err(|source| Error::BusMaster { source })
    }
}

impl Drop for Igb {
    fn drop(&mut self) {
        // Nobody is left to tell; DMA memory is guarded by the IOMMU anyway.
        let _ = self.stop();
    }
}

/// Refuses a plan that was not made for this card; `Policy::check` makes none.
fn check(plan: &HardwarePlan) -> Result<(), Error> {
    let all = |bits: u64| bits < 1 << Pool::COUNT;
    let fits = |why, fits: bool| fits.then_some(()).ok_or(Error::Plan { why });
    fits("it has no pools", plan.mode == Mode::Pools)?;
    fits("number of pools", plan.pools.len() == Pool::COUNT as usize)?;
    fits("MACs", plan.macs.len() <= RarIndex::COUNT as usize)?;
    fits("VLANs", plan.vlans.len() <= VlvfIndex::COUNT as usize)?;
    fits("pools of a MAC", plan.macs.iter().all(|mac| all(mac.pools)))?;
    fits("pools of a VLAN", plan.vlans.iter().all(|vlan| all(vlan.pools)))?;
    let entries = plan.rss.as_ref().map_or(0, |rss| rss.table.len());
    let table = 4 * RetaWord::COUNT as usize;
    fits("RSS table", plan.rss.is_none() || entries == table)?;
    let rss_needed = plan.pools.iter().any(|pool| pool.queues > 1);
    fits("RSS", plan.rss.is_some() || !rss_needed)?;
    fits("queues", plan.pools.iter().all(|pool| pool.queues <= 2))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::io;
    use std::sync::Mutex;

    use lockgate_vmdq::{Machine, Policy};

    use super::*;
    use crate::device::{Bar, DeviceId, Function, Iommu, Iova};
    use crate::sys::Pages;

    const CTRL: u32 = 0x0000;
    const MDIC: u32 = 0x0020;
    const RCTL: u32 = 0x0100;
    const MRQC: u32 = 0x5818;

    /// A card that only remembers: registers, and every write in order.
    #[derive(Default)]
    struct Paper {
        registers: Mutex<HashMap<u32, u32>>,
        writes: Mutex<Vec<(u32, u32)>>,
        mapped: Mutex<u64>,
    }

    impl Paper {
        fn nic(self: &Arc<Self>) -> Igb {
            Igb::new(Card {
                id: DeviceId { vendor: 0x8086, device: 0x10C9 },
                bar: self.clone(),
                iommu: self.clone(),
                function: self.clone(),
            })
        }

        /// Where in the order of writes `register` first got a value with all of `bits`.
        fn first(&self, register: u32, bits: u32) -> usize {
            let writes = self.writes.lock().unwrap();
            let found =
                writes.iter().position(|&(to, value)| to == register && value & bits == bits);
            found.unwrap_or_else(|| panic!("{register:#x} never gets {bits:#x}"))
        }

        /// Where `register` was written last.
        fn last(&self, register: u32) -> usize {
            let writes = self.writes.lock().unwrap();
            writes.iter().rposition(|&(to, _)| to == register).unwrap()
        }
    }

    impl Bar for Paper {
        fn read(&self, offset: u32) -> u32 {
            *self.registers.lock().unwrap().get(&offset).unwrap_or(&0)
        }

        fn write(&self, offset: u32, value: u32) {
            self.writes.lock().unwrap().push((offset, value));
            let held = match offset {
                CTRL => value & !(1 << 26),
                MDIC => value | 1 << 28,
                _ => value,
            };
            self.registers.lock().unwrap().insert(offset, held);
        }

        fn flush(&self) {}
    }

    impl Iommu for Paper {
        fn map(&self, pages: &Arc<Pages>) -> io::Result<Iova> {
            let mut next = self.mapped.lock().unwrap();
            *next += 1 << 32;
            assert!(pages.len() < 1 << 32);
            Ok(Iova::new(*next))
        }

        fn unmap(&self, _: Iova, _: usize) -> io::Result<()> {
            Ok(())
        }
    }

    impl Function for Paper {
        fn reset(&self) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn set_bus_master(&self, _: bool) -> io::Result<()> {
            Ok(())
        }
    }

    fn plan() -> Plan {
        let text = r#"
            nic = { device = "model:82576" }
            [[partition]]
            name = "a"
            macs = ["02:00:00:00:00:01"]
            vlans = [10]
            queues = 2
            wire = "both"
        "#;
        let machine = Machine { cores: vec![0, 1] };
        let policy = Policy::parse(text).unwrap();
        policy.check(&Capabilities::I82576, &machine).unwrap()
    }

    fn started() -> (Arc<Paper>, Igb, Queues) {
        let paper = Arc::new(Paper::default());
        let mut nic = paper.nic();
        let sizes = RingSizes { rx: 64, tx: 64 };
        let queues = nic.start(&plan(), sizes).unwrap();
        (paper, nic, queues)
    }

    #[test]
    fn a_tail_is_written_only_once_its_queue_and_receiving_are_on() {
        let (paper, _nic, _queues) = started();
        for queue in [0, 8] {
            let enabled = paper.first(0xC028 + 0x40 * queue, 1 << 25);
            let tail = paper.first(0xC018 + 0x40 * queue, 63);
            assert!(paper.first(RCTL, 1 << 1) < enabled && enabled < tail);
        }
    }

    #[test]
    fn receiving_is_on_only_once_every_filter_is_set() {
        let (paper, _nic, _queues) = started();
        let on = paper.first(RCTL, 1 << 1);
        // RAH 0, VLVF 0, VFTA 0, MTA 127, VMOLR 7, VT_CTL, DTXSWC, VFRE, QDE, RSSRK 9, RETA 31.
        let filters = [
            0x5404, 0x5D00, 0x5600, 0x53FC, 0x5AEC, 0x581C, 0x3500, 0x0C8C, 0x2408, 0x5CA4, 0x5C7C,
        ];
        assert!(filters.iter().all(|&filter| paper.last(filter) < on));
        let mode = paper.last(MRQC);
        assert!(paper.last(0x5CA4) < mode && paper.last(0x5C7C) < mode && mode < on);
    }

    #[test]
    fn an_address_is_whole_before_it_counts() {
        let (paper, _nic, _queues) = started();
        assert!(paper.last(0x5400) < paper.first(0x5404, 1 << 31));
    }

    #[test]
    fn negotiation_starts_last_and_offers_no_pause_frames() {
        let (paper, _nic, _queues) = started();
        let restart = paper.first(MDIC, 0x0420_1200);
        assert!(restart > paper.last(0xC218), "after the tail of queue 8");
        let writes = paper.writes.lock().unwrap();
        let offers = |&&(to, value): &&(u32, u32)| to == MDIC && value >> 16 & 0x7FF == 0x424;
        assert_eq!(writes.iter().find(offers).unwrap().1 & 0x0C00, 0);
    }

    #[test]
    fn a_card_that_never_disables_its_queues_is_reported_within_the_deadline() {
        /// A queue that stays on.
        struct Stuck(Arc<Paper>);
        impl Bar for Stuck {
            fn read(&self, offset: u32) -> u32 {
                if offset == 0xC028 { 1 << 25 } else { self.0.read(offset) }
            }
            fn write(&self, offset: u32, value: u32) {
                self.0.write(offset, value);
            }
            fn flush(&self) {}
        }
        let paper = Arc::new(Paper::default());
        let mut nic = paper.nic();
        nic.registers = Registers::new(&(Arc::new(Stuck(paper)) as Arc<dyn Bar>));
        let started = nic.start(&plan(), RingSizes::default());
        let error = started.unwrap_err();
        assert!(matches!(error, Error::Timeout { .. }), "{error}");
    }

    #[test]
    fn a_plan_for_another_card_is_refused() {
        let mut hardware = plan().hardware().clone();
        assert!(check(&hardware).is_ok());
        hardware.macs.iter_mut().for_each(|mac| mac.pools = 1 << 8);
        assert!(matches!(check(&hardware), Err(Error::Plan { .. })));
        let mut hardware = plan().hardware().clone();
        hardware.rss = None;
        assert!(check(&hardware).is_err(), "two queues need RSS");
        hardware.mode = Mode::Software { queues: 1 };
        assert!(check(&hardware).is_err());
    }
}
