//! The order and completeness of what a start writes, on a card that only remembers.
//!
//! Offsets are literals of the 82574 datasheet, chapter 10.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use lockgate_policy::Policy;
use lockgate_vmdq::{Capabilities, Machine};

use super::*;
use crate::device::Bar;
use crate::fake::{CTRL, FakeCard, MDIC};
use crate::nic::{Nic, open};

const DEVICE: u16 = 0x10D3;
const RCTL: u32 = 0x0100;
const TCTL: u32 = 0x0400;
const RDT: [u32; 2] = [0x2818, 0x2918];
const EXTCNF: u32 = 0x0F00;
const STATUS: u32 = 0x0008;

fn plan(nic: &str) -> Plan {
    let text = format!(
        r#"
        [nic]
        device = "model:82574"
        {nic}
        [[partition]]
        name = "a"
        macs = ["02:00:00:00:00:01"]
        vlans = [10]
        wire = "both"
        multicast = ["01:00:5e:00:00:fb"]
        [[partition]]
        name = "b"
        macs = ["02:00:00:00:00:02"]
        vlans = [0, 20]
        wire = "both"
        "#
    );
    let machine = Machine { cores: vec![0, 1] };
    let policy = Policy::parse(&text).unwrap();
    policy.check(&Capabilities::I82574, &machine).unwrap()
}

fn two_workers() -> Plan {
    plan("workers = [0, 1]")
}

fn started(plan: &Plan) -> (FakeCard, Nic, Queues) {
    let fake = FakeCard::new();
    let mut nic = open(fake.card(DEVICE)).unwrap();
    let queues = nic.start(plan, RingSizes { rx: 64, tx: 64 }).unwrap();
    (fake, nic, queues)
}

#[test]
fn a_card_with_two_workers_has_two_queues_each_way() {
    let (_, _, queues) = started(&two_workers());
    let rx: Vec<_> = queues
        .rx
        .iter()
        .map(|queue| (queue.pool(), queue.queue()))
        .collect();
    assert_eq!((rx, queues.tx.len()), (vec![(0, 0), (0, 1)], 2));
    let (_, _, queues) = started(&plan(""));
    assert_eq!((queues.rx.len(), queues.tx.len()), (1, 1));
}

#[test]
fn receiving_is_on_once_all_is_set_and_tails_come_after() {
    let (fake, _nic, _queues) = started(&two_workers());
    let on = fake.first(RCTL, 1 << 1);
    // RAH 0 and 15, MTA 127, VFTA 0, RSSRK 9, RETA 31, MRQC, RFCTL, RXCSUM, VET, RDLEN 0
    // and 1, RXDCTL 1.
    let before = [
        0x5404, 0x547C, 0x53FC, 0x5600, 0x5CA4, 0x5C7C, 0x5818, 0x5008, 0x5000, 0x0038, 0x2808,
        0x2908, 0x2928,
    ];
    assert!(before.iter().all(|&register| fake.last(register) < on));
    assert!(RDT.iter().all(|&tail| on < fake.first(tail, 63)));
    assert!(
        fake.last(0x5008) < on,
        "how frames are laid out is latched then"
    );
    assert!(fake.last(0x3908) < fake.first(TCTL, 1 << 1), "TDLEN 1");
}

#[test]
fn what_errata_ask_for_is_set() {
    let (fake, _nic, _queues) = started(&two_workers());
    assert_eq!(fake.read(0x0038), 0x8100, "VET");
    assert_eq!(fake.read(0x5B00) >> 22 & 1, 1, "GCR");
    assert_eq!(fake.read(0x5B64) & 1, 1, "GCR2");
    assert_eq!(fake.read(0x0018) >> 22 & 3, 1, "CTRL_EXT");
    for queue in [0, 0x100] {
        assert_eq!(fake.read(0x3828 + queue), 0x0141_0108, "TXDCTL");
        assert_eq!(fake.read(0x3840 + queue) >> 10 & 1, 1, "TARC.ENABLE");
    }
    assert_eq!(fake.read(0x3840) >> 26 & 0x1F, 1, "TARC0");
}

#[test]
fn firmware_is_kept_off_the_phy_while_it_is_used_and_let_on_again() {
    let (fake, _nic, _queues) = started(&two_workers());
    let writes = fake.writes();
    let mut owned = false;
    for &(register, value) in writes.iter() {
        match register {
            EXTCNF => owned = value & 0x20 != 0,
            MDIC => assert!(owned),
            CTRL if value & 1 << 26 != 0 => assert!(owned),
            _ => {}
        }
    }
    assert!(!owned);
}

#[test]
fn the_registers_hold_the_plan_and_nothing_of_what_was_there_before() {
    for plan in [
        plan(""),
        two_workers(),
        plan("mtu = 9000"),
        plan("mtu = 4000"),
    ] {
        let fake = FakeCard::new();
        // RAL to RAH, MTA and VFTA, RETA and RSSRK: full of something else.
        let tables = [
            0x5400..0x5480,
            0x5200..0x5400,
            0x5600..0x5800,
            0x5C00..0x5CA8,
        ];
        let stale = tables.into_iter().flatten().step_by(4);
        let stale = stale.map(|register| (register, 0xA5A5_A5A5));
        fake.set_all(stale);
        let mut nic = open(fake.card(DEVICE)).unwrap();
        let _queues = nic.start(&plan, RingSizes { rx: 512, tx: 512 }).unwrap();
        assert_eq!(&nic.read_back().unwrap(), plan.hardware());
    }
}

#[test]
fn entries_of_the_indirection_table_pick_a_queue_by_bit_7() {
    let (fake, _nic, _queues) = started(&two_workers());
    assert!(
        (0x5C00..0x5C80)
            .step_by(4)
            .all(|word| fake.read(word) == 0x8000_8000)
    );
    assert_eq!(fake.read(0x5818), 0x0017_0001, "MRQC");
    assert_eq!(fake.read(0x5008) >> 15 & 1, 1, "RFCTL.EXSTEN");
    assert_eq!(fake.read(0x5000), 0x2000, "RXCSUM.PCSD");
}

#[test]
fn a_stop_ends_dma_before_it_ends_receiving() {
    let (fake, mut nic, _queues) = started(&two_workers());
    fake.take_writes();
    nic.stop().unwrap();
    assert!(fake.last(TCTL) < fake.first(CTRL, 1 << 2));
    assert!(fake.first(CTRL, 1 << 2) < fake.last(RCTL));
    assert_eq!((fake.read(RCTL) & 2, fake.read(TCTL) & 2), (0, 0));
    assert_eq!(fake.bus_master(), [true, false]);
}

/// Whether the driver takes `plan`.
fn check(plan: &HardwarePlan) -> Result<(), Error> {
    E1000e::new(FakeCard::new().card(DEVICE)).check(plan)
}

#[test]
fn a_plan_for_another_card_is_refused() {
    let plan = plan("");
    assert!(check(plan.hardware()).is_ok());
    let mut hardware = plan.hardware().clone();
    hardware.macs.values_mut().for_each(|pools| *pools = 2);
    assert!(matches!(check(&hardware), Err(Error::Plan { .. })));
    let mut hardware = two_workers().hardware().clone();
    let rss = hardware.rss.as_mut().unwrap();
    rss.kinds = HashKinds::ALL;
    assert!(check(&hardware).is_err(), "it hashes no UDP");
    let mut hardware = plan.hardware().clone();
    hardware.mode = SteeringMode::Pools;
    assert!(check(&hardware).is_err());
}

#[test]
fn a_link_that_is_up_has_its_speed() {
    let (fake, mut nic, _queues) = started(&plan(""));
    assert!(!nic.poll_link().unwrap().up);
    fake.set(STATUS, 2 | 2 << 6);
    assert_eq!(
        nic.poll_link().unwrap(),
        Link {
            up: true,
            mbit: 1000
        }
    );
}
