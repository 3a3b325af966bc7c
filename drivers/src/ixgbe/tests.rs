//! The order and completeness of what a start writes, on a card that only remembers.
//!
//! Offsets are literals of the 82599 datasheet, chapter 8.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use lockgate_policy::Policy;
use lockgate_vmdq::{Capabilities, Machine};

use super::*;
use crate::device::{Bar, Card};
use crate::fake::FakeCard;
use crate::nic::{Nic, open};

const DEVICE: u16 = 0x10FB;
const RXCTRL: u32 = 0x3000;
const MRQC: u32 = 0x5818;
const SELECT: u32 = 0x4904;

/// A card that remembers, with what the 82599 has besides: ready flags, and registers that
/// another one selects.
#[derive(Default)]
struct Selecting {
    fake: FakeCard,
    selected: Mutex<HashMap<(u32, u32), u32>>,
}

impl Selecting {
    fn card(self: &Arc<Self>) -> Card {
        let card = self.fake.card(DEVICE);
        Card {
            bar: self.clone(),
            ..card
        }
    }
}

impl Bar for Selecting {
    fn read(&self, offset: u32) -> u32 {
        let of = |register, which| {
            self.selected
                .lock()
                .unwrap()
                .get(&(register, which))
                .copied()
                .unwrap_or(0)
        };
        match offset {
            0x2F00 => self.fake.read(offset) | 8,
            0x8D04 => 1,
            0x4908 | 0x4984 => of(offset, self.fake.read(SELECT)),
            _ => self.fake.read(offset),
        }
    }

    fn write(&self, offset: u32, value: u32) {
        let selected = self.fake.read(SELECT);
        let mut all = self.selected.lock().unwrap();
        match offset {
            0x4908 | 0x4984 => {
                all.insert((offset, selected), value);
            }
            _ => {}
        }
        self.fake.write(offset, value);
    }

    fn flush(&self) {
        self.fake.flush();
    }
}

fn policy(queues: u8) -> String {
    format!(
        r#"
        nic = {{ device = "model:82599" }}
        [[partition]]
        name = "a"
        macs = ["02:00:00:00:00:01"]
        vlans = [10]
        queues = {queues}
        wire = "both"
        tx = {{ weight = 3 }}
        [[partition]]
        name = "b"
        macs = ["02:00:00:00:00:02"]
        vlans = [20]
        wire = "both"
        tx = {{ rate = "2Gbit/s" }}
    "#
    )
}

fn plan(queues: u8) -> Plan {
    let machine = Machine { cores: vec![0, 1] };
    Policy::parse(&policy(queues))
        .unwrap()
        .check(&Capabilities::I82599, &machine)
        .unwrap()
}

fn started(queues: u8) -> (Arc<Selecting>, Nic, Queues) {
    let card = Arc::new(Selecting::default());
    let mut nic = open(card.card()).unwrap();
    let queues = nic
        .start(&plan(queues), RingSizes { rx: 64, tx: 64 })
        .unwrap();
    (card, nic, queues)
}

#[test]
fn a_tail_is_written_only_once_its_queue_and_receiving_are_on() {
    let (card, _nic, queues) = started(2);
    assert_eq!((queues.rx.len(), queues.tx.len()), (3, 3));
    let fake = &card.fake;
    let receiving = fake.last(RXCTRL);
    for queue in [0, 1, 2] {
        let enabled = fake.first(0x1028 + 0x40 * queue, 1 << 25);
        let tail = fake.first(0x1018 + 0x40 * queue, 63);
        assert!(enabled < receiving && receiving < tail);
    }
}

#[test]
fn receiving_is_on_only_once_every_filter_is_set_and_the_path_stands_still() {
    let (card, _nic, _queues) = started(2);
    let fake = &card.fake;
    let on = fake.last(RXCTRL);
    // RAH 127, MPSAR 127, PFVLVF 63, PFVLVFB 63, VFTA 127, MTA 127, PFVML2FLT 63, PFVTCTL,
    // PFDTXGSWC, PFVFRE 1, PFVFSPOOF 7, RSSRK 9, RETA 31, GCR_EXT, GPIE.
    let filters = [
        0xA5FC, 0xA9FC, 0xF1FC, 0xF3FC, 0xA1FC, 0x53FC, 0xF0FC, 0x51B0, 0x8220, 0x51E4, 0x821C,
        0x5CA4, 0x5C7C, 0x1_1050, 0x0898,
    ];
    assert!(filters.iter().all(|&filter| fake.last(filter) < on));
    assert!(fake.last(0x5CA4) < fake.last(MRQC) && fake.last(MRQC) < on);
    let writes = fake.writes();
    assert_eq!(
        (writes[on - 1], writes[on].1, writes[on + 1]),
        ((0x8D00, 2), 1, (0x8D00, 0))
    );
}

#[test]
fn the_layout_is_set_while_the_arbiter_stands_still_and_before_any_queue() {
    let (card, _nic, _queues) = started(2);
    let fake = &card.fake;
    let layout = fake.first(0x8120, 0x6);
    assert_eq!(fake.writes()[layout - 1], (0x4900, 0x42));
    assert!(layout < fake.last(0x4900) && fake.last(0x4900) < fake.first(0x4A80, 1));
    assert!(fake.first(0x4A80, 1) < fake.first(0x6028, 1 << 25));
    let credits = |pool| card.selected.lock().unwrap()[&(0x4908, pool)];
    assert_eq!([0, 1, 2].map(credits), [48, 16, 0]);
}

#[test]
fn four_queues_make_32_pools_and_their_modes_agree() {
    let (card, nic, queues) = started(4);
    let numbers = queues.rx.iter().map(|queue| (queue.pool(), queue.queue()));
    assert_eq!(
        numbers.collect::<Vec<_>>(),
        [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0)]
    );
    let fake = &card.fake;
    assert_eq!((fake.read(MRQC) & 0xF, fake.read(0x8120)), (0xA, 0xA));
    assert_eq!(
        (fake.read(0x1_1050) & 3, fake.read(0x0898) >> 14 & 3),
        (2, 2)
    );
    assert_eq!(fake.read(0xEA00) >> 29, 2, "PSRTYPE.RQPL of pool 0");
    assert_eq!(fake.read(0xEA04) >> 29, 0);
    fake.first(0x1128, 1 << 25);
    drop(nic);
}

#[test]
fn every_queue_drops_instead_of_holding_up_others() {
    let (card, _nic, _queues) = started(2);
    for queue in [0, 1, 2] {
        assert_eq!(
            card.fake.read(0x1014 + 0x40 * queue) >> 28 & 1,
            1,
            "SRRCTL.Drop_En"
        );
    }
}

#[test]
fn whatever_a_card_held_before_is_gone_after_the_start() {
    let card = Arc::new(Selecting::default());
    // RAL to RAH, MPSAR, MTA, VFTA, PFUTA, PFVML2FLT, PFVLVF, PFVLVFB, PFVMVIR, PFVFSPOOF,
    // PSRTYPE.
    let tables = [
        0xA200..0xA600,
        0xA600..0xAA00,
        0x5200..0x5400,
        0xA000..0xA200,
        0xF400..0xF600,
        0xF000..0xF100,
        0xF100..0xF400,
        0x8000..0x8100,
        0x8200..0x8224,
        0xEA00..0xEB00,
    ];
    let stale = tables.into_iter().flatten().step_by(4);
    let stale = stale.map(|register| (register, 0xA5A5_A5A5));
    card.fake.set_all(stale);
    let mut nic = open(card.card()).unwrap();
    let _queues = nic.start(&plan(2), RingSizes { rx: 512, tx: 512 }).unwrap();
    assert_eq!(&nic.read_back().unwrap(), plan(2).hardware());
}

#[test]
fn a_register_that_changed_makes_the_plan_that_is_read_another() {
    let (card, mut nic, _queues) = started(2);
    card.fake.set(0x42A4, 1 << 30 | 3 << 28);
    nic.poll_link().unwrap();
    assert_eq!(&nic.read_back().unwrap(), plan(2).hardware());
    let selected = [(0x4908, 1, 32), (0x4984, 2, 0)];
    for (register, which, value) in selected {
        let old = card
            .selected
            .lock()
            .unwrap()
            .insert((register, which), value);
        assert_ne!(
            &nic.read_back().unwrap(),
            plan(2).hardware(),
            "{register:#x} of {which}"
        );
        card.selected
            .lock()
            .unwrap()
            .insert((register, which), old.unwrap());
    }
    for register in [0x1014, 0x8220, 0x4268, 0x4240, 0x1_1050, 0x8120, 0x5080] {
        let old = card.fake.read(register);
        card.fake.set(
            register,
            old ^ if register == 0x1014 { 1 << 28 } else { 1 << 16 },
        );
        assert_ne!(
            &nic.read_back().unwrap(),
            plan(2).hardware(),
            "{register:#x}"
        );
        card.fake.set(register, old);
    }
}

#[test]
fn limits_follow_the_speed_of_the_link() {
    let (card, mut nic, _queues) = started(2);
    let mut limit = |links: u32| {
        card.fake.set(0x42A4, links);
        let link = nic.poll_link().unwrap();
        (
            link.mbit,
            card.selected.lock().unwrap().get(&(0x4984, 2)).copied(),
        )
    };
    assert_eq!(limit(0), (0, None));
    // 10 Gbit/s is five times the rate, 1 Gbit/s below it.
    assert_eq!(limit(1 << 30 | 3 << 28), (10_000, Some(0x8001_4000)));
    assert_eq!(limit(1 << 30 | 2 << 28), (1_000, Some(0)));
}

#[test]
fn a_plan_for_another_card_is_refused() {
    let check = |plan: &HardwarePlan| Ixgbe::new(Arc::new(Selecting::default()).card()).check(plan);
    let mut hardware = plan(4).hardware().clone();
    assert!(check(&hardware).is_ok());
    hardware
        .macs
        .values_mut()
        .for_each(|pools| *pools = 1 << 32);
    assert!(
        matches!(check(&hardware), Err(Error::Plan { .. })),
        "one of 32 pools"
    );
    let mut hardware = plan(2).hardware().clone();
    hardware.pools[0].queues = 3;
    assert!(check(&hardware).is_err(), "three of two queues");
    hardware.pools.truncate(16);
    assert!(check(&hardware).is_err());
    hardware.pools.clear();
    assert!(check(&hardware).is_err());
}

#[test]
fn statistics_are_whole_and_each_from_its_counter() {
    let (card, mut nic, _queues) = started(2);
    // GPRC, GORCL, GORCH, GPTC, GOTCL, GOTCH, MPC 0 and 7, CRCERRS, RUC, RFC, ROC, RJC,
    // SSVPC; QPRDC of sets 1 and 15.
    let counters = [
        0x4074, 0x4088, 0x408C, 0x4080, 0x4090, 0x4094, 0x3FA0, 0x3FBC, 0x4000, 0x40A4, 0x40A8,
        0x40AC, 0x40B0, 0x8780, 0x1470, 0x17F0,
    ];
    card.fake.set_all(counters.into_iter().zip(1..));
    let counted = nic.statistics().unwrap();
    let expected = Statistics {
        rx_good: 1,
        rx_octets: 3 << 32 | 2,
        tx_good: 4,
        tx_octets: 6 << 32 | 5,
        rx_missed: 7 + 8,
        rx_no_descriptor: (0..64)
            .map(|pool| match pool {
                1 => 15,
                15 => 16,
                _ => 0,
            })
            .collect(),
        rx_crc_errors: 9,
        rx_undersize: 10 + 11,
        rx_oversize: 12 + 13,
        tx_spoofed: 14,
    };
    assert_eq!(counted, expected);
    // Both queues of pool 0 count in set 0, those of pools 1 and 17 in set 1.
    assert_eq!(
        [0x2300, 0x2320].map(|at| card.fake.read(at)),
        [0x0101_0000; 2]
    );
}

#[test]
fn a_card_that_never_disables_its_queues_is_reported_within_the_deadline() {
    /// A queue that stays on.
    struct Stuck(Arc<Selecting>);
    impl Bar for Stuck {
        fn read(&self, offset: u32) -> u32 {
            if offset == 0xDFE8 {
                1 << 25
            } else {
                self.0.read(offset)
            }
        }
        fn write(&self, offset: u32, value: u32) {
            self.0.write(offset, value);
        }
        fn flush(&self) {}
    }
    let card = Arc::new(Selecting::default());
    let stuck = Card {
        bar: Arc::new(Stuck(card.clone())),
        ..card.card()
    };
    let started = open(stuck)
        .unwrap()
        .start(&plan(2), RingSizes { rx: 512, tx: 512 });
    assert!(matches!(started, Err(Error::Timeout { .. })));
}
