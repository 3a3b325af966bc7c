//! The order and completeness of what a start writes, on a card that only remembers.
//!
//! Offsets are literals of the 82576 datasheet, chapter 8.

use alloc::vec;
use alloc::vec::Vec;
use std::sync::Arc;

use lockgate_policy::Policy;
use lockgate_vmdq::{Capabilities, Machine};

use super::*;
use crate::device::{Bar, Card};
use crate::fake::{CTRL, FLUSH, FakeCard, MDIC};
use crate::nic::{Nic, open};

const DEVICE: u16 = 0x10C9;
const RCTL: u32 = 0x0100;
const MRQC: u32 = 0x5818;

fn plan() -> Plan {
    let text = r#"
        nic = { device = "model:82576" }
        [[partition]]
        name = "a"
        macs = ["02:00:00:00:00:01"]
        vlans = [10]
        queues = 2
        wire = "both"
        [[partition]]
        name = "b"
        macs = ["02:00:00:00:00:02"]
        vlans = [20]
        wire = "both"
        tx = { rate = "200Mbit/s" }
    "#;
    let machine = Machine { cores: vec![0, 1] };
    let policy = Policy::parse(text).unwrap();
    policy.check(&Capabilities::I82576, &machine).unwrap()
}

fn driver(card: Card) -> Nic {
    open(card).unwrap()
}

fn started() -> (FakeCard, Nic, Queues) {
    let fake = FakeCard::new();
    let mut nic = driver(fake.card(DEVICE));
    let sizes = RingSizes { rx: 64, tx: 64 };
    let queues = nic.start(&plan(), sizes).unwrap();
    (fake, nic, queues)
}

#[test]
fn a_tail_is_written_only_once_its_queue_and_receiving_are_on() {
    let (fake, _nic, _queues) = started();
    for queue in [0, 8] {
        let enabled = fake.first(0xC028 + 0x40 * queue, 1 << 25);
        let tail = fake.first(0xC018 + 0x40 * queue, 63);
        assert!(fake.first(RCTL, 1 << 1) < enabled && enabled < tail);
    }
}

#[test]
fn receiving_is_on_only_once_every_filter_is_set() {
    let (fake, _nic, _queues) = started();
    let on = fake.first(RCTL, 1 << 1);
    // RAH 0, VLVF 0, VFTA 0, MTA 127, VMOLR 7, VT_CTL, DTXSWC, VFRE, QDE, RSSRK 9, RETA 31.
    let filters = [
        0x5404, 0x5D00, 0x5600, 0x53FC, 0x5AEC, 0x581C, 0x3500, 0x0C8C, 0x2408, 0x5CA4, 0x5C7C,
    ];
    assert!(filters.iter().all(|&filter| fake.last(filter) < on));
    let mode = fake.last(MRQC);
    assert!(fake.last(0x5CA4) < mode && fake.last(0x5C7C) < mode && mode < on);
}

#[test]
fn an_address_is_whole_before_it_counts() {
    let (fake, _nic, _queues) = started();
    let (low, valid) = (fake.last(0x5400), fake.first(0x5404, 1 << 31));
    let writes = fake.writes();
    assert!(
        writes[low..valid].contains(&(FLUSH, 0)),
        "or a bridge merges the two"
    );
}

#[test]
fn negotiation_starts_last_and_offers_no_pause_frames() {
    let (fake, _nic, _queues) = started();
    let restart = fake.first(MDIC, 0x0420_1200);
    assert!(restart > fake.last(0xC218), "after the tail of queue 8");
    let writes = fake.writes();
    let offers = |&&(to, value): &&(u32, u32)| to == MDIC && value >> 16 & 0x7FF == 0x424;
    assert_eq!(writes.iter().find(offers).unwrap().1 & 0x0C00, 0);
}

#[test]
fn a_card_that_never_disables_its_queues_is_reported_within_the_deadline() {
    /// A queue that stays on.
    struct Stuck(FakeCard);
    impl Bar for Stuck {
        fn read(&self, offset: u32) -> u32 {
            if offset == 0xC028 {
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
    let fake = FakeCard::new();
    let card = fake.card(DEVICE);
    let mut nic = driver(Card {
        bar: Arc::new(Stuck(fake)),
        ..card
    });
    let started = nic.start(&plan(), RingSizes { rx: 512, tx: 512 });
    let error = started.err().unwrap();
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
}

/// Whether the driver takes `plan`.
fn check(plan: &HardwarePlan) -> Result<(), Error> {
    Igb::new(FakeCard::new().card(DEVICE)).check(plan)
}

#[test]
fn a_plan_for_another_card_is_refused() {
    let mut hardware = plan().hardware().clone();
    assert!(check(&hardware).is_ok());
    hardware.macs.values_mut().for_each(|pools| *pools = 1 << 8);
    assert!(matches!(check(&hardware), Err(Error::Plan { .. })));
    let mut hardware = plan().hardware().clone();
    hardware.rss = None;
    assert!(check(&hardware).is_err(), "two queues need RSS");
    hardware.mode = SteeringMode::Software;
    assert!(check(&hardware).is_err());
}

#[test]
fn whatever_a_card_held_before_is_gone_after_the_start() {
    let fake = FakeCard::new();
    // FCRTL, FCRTH, RAL to RAH of both banks, MTA and VFTA, VMOLR, VLVF, VMVIR, UTA.
    let tables = [
        0x2160..0x216C,
        0x5400..0x5520,
        0x5200..0x5800,
        0x5AD0..0x5AF4,
        0x5D00..0x5D80,
        0x3700..0x3720,
        0xA000..0xA200,
    ];
    let stale = tables.into_iter().flatten().step_by(4);
    let stale = stale.map(|register| (register, 0xA5A5_A5A5));
    fake.set_all(stale);
    let mut nic = driver(fake.card(DEVICE));
    let _queues = nic.start(&plan(), RingSizes { rx: 512, tx: 512 }).unwrap();
    assert_eq!(&nic.read_back().unwrap(), plan().hardware());
    assert_eq!(
        (fake.read(0x2160), fake.read(0x2168)),
        (0, 0),
        "no pause frames"
    );
    assert!((0xA000..0xA200).step_by(4).all(|word| fake.read(word) == 0));
}

#[test]
fn every_queue_drops_instead_of_holding_up_others() {
    let (fake, _nic, queues) = started();
    assert_eq!(queues.rx.len(), 3);
    for queue in [0, 8, 1] {
        assert_eq!(fake.read(0xC00C + 0x40 * queue) >> 31, 1, "SRRCTL.DROP_EN");
    }
    assert_eq!(fake.read(0x2408), 0xFFFF, "QDE");
}

#[test]
fn limits_follow_the_speed_of_the_link_and_flow_control_stays_off() {
    let (fake, mut nic, _queues) = started();
    let limits = |nic: &mut Nic, status: u32| {
        fake.take_writes();
        // RFCE and TFCE, as negotiation sets them.
        fake.set_all([(8, status), (CTRL, 3 << 27)]);
        nic.poll_link().unwrap();
        assert_eq!(fake.read(CTRL) >> 27 & 3, 0);
        let writes = fake.writes();
        let selected = writes.iter().position(|&write| write == (0x3604, 1));
        selected.map(|at| writes[at + 1])
    };
    // Link up at 1000 and 100 Mbit/s: five times the rate, and below it.
    assert_eq!(limits(&mut nic, 2 | 2 << 6), Some((0x36B0, 0x8001_4000)));
    assert_eq!(limits(&mut nic, 2 | 2 << 6), None, "nothing to change");
    assert_eq!(limits(&mut nic, 2 | 1 << 6), Some((0x36B0, 0)));
}

#[test]
fn a_limited_pool_sends_by_one_queue_however_many_it_receives_by() {
    let mut hardware = plan().hardware().clone();
    let numbers = |plan: &HardwarePlan| {
        let used = queue::used(plan);
        let rx: Vec<_> = used.rx.iter().map(|queue| queue.at.number()).collect();
        let tx: Vec<_> = used.tx.iter().map(|queue| queue.at.number()).collect();
        (rx, tx)
    };
    assert_eq!(numbers(&hardware), (vec![0, 8, 1], vec![0, 8, 1]));
    hardware.pools[1].queues = 2;
    hardware.pools[0].transmit = false;
    assert_eq!(numbers(&hardware), (vec![0, 8, 1, 9], vec![1]));
}

#[test]
fn statistics_are_whole_and_each_from_its_counter() {
    let (fake, mut nic, _queues) = started();
    // GPRC, GORCL, GORCH, GPTC, GOTCL, GOTCH, MPC, CRCERRS, RUC, RFC, ROC, RJC, SSVPC;
    // RQDPC of queues 2 and 10.
    let counters = [
        0x4074, 0x4088, 0x408C, 0x4080, 0x4090, 0x4094, 0x4010, 0x4000, 0x40A4, 0x40A8, 0x40AC,
        0x40B0, 0x41A0, 0xC0B0, 0xC2B0,
    ];
    fake.set_all(counters.into_iter().zip(1..));
    let expected = Statistics {
        rx_good: 1,
        rx_octets: 3 << 32 | 2,
        tx_good: 4,
        tx_octets: 6 << 32 | 5,
        rx_missed: 7,
        rx_no_descriptor: vec![0, 0, 14 + 15, 0, 0, 0, 0, 0],
        rx_crc_errors: 8,
        rx_undersize: 9 + 10,
        rx_oversize: 11 + 12,
        tx_spoofed: 13,
    };
    assert_eq!(nic.statistics().unwrap(), expected);
}

#[test]
fn bus_mastering_ends_with_the_driver() {
    let (fake, nic, _queues) = started();
    assert_eq!(fake.bus_master(), [true]);
    drop(nic);
    assert_eq!(fake.bus_master(), [true, false]);
}
