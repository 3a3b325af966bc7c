//! What a stopped card looks like from outside, and a card that dies: over QEMU's.
//!
//! Not here: what started cards do (`conformance`).

use lockgate_drivers::{Error, open};
use lockgate_tests::cards;
use lockgate_tests::frames::Frames;
use lockgate_tests::qemu::Qemu;
use lockgate_tests::subject::Kind;

const POLICY: &str = r#"
[nic]
device = "model:82576"
[[partition]]
name = "red"
macs = ["02:00:00:00:00:01"]
vlans = [10]
wire = "both"
"#;

/// PCI COMMAND, bit 2: the card may start DMA.
const COMMAND: u8 = 4;
const BUS_MASTER: u32 = 1 << 2;

/// RCTL and TCTL, bit 1: receive and transmit are on (both datasheets).
const RCTL: u32 = 0x0100;
const TCTL: u32 = 0x0400;
const ENABLE: u32 = 1 << 1;

/// RXDCTL and TXDCTL of 16 queues, bit 25 (82576 datasheet, chapter 8).
const QUEUES: [u32; 2] = [0xC028, 0xE028];
const QUEUE_ENABLE: u32 = 1 << 25;

fn devices() -> [(Kind, Qemu); 2] {
    [
        (Kind::QemuIgb, Qemu::igb()),
        (Kind::QemuE1000e, Qemu::e1000e()),
    ]
}

#[test]
fn a_stopped_card_is_switched_off_and_may_not_start_dma() {
    for (kind, qemu) in devices() {
        let plan = kind.plan(POLICY);
        let (mut nic, _queues) = cards::started(qemu.card(), &plan, 64);
        cards::linked(&mut nic);
        assert_ne!(qemu.config(COMMAND).unwrap() & BUS_MASTER, 0);
        nic.stop().unwrap();
        assert_eq!(qemu.config(COMMAND).unwrap() & BUS_MASTER, 0);
        assert_eq!((qemu.read(RCTL) & ENABLE, qemu.read(TCTL) & ENABLE), (0, 0));
        if kind.has_pools() {
            for queue in QUEUES
                .into_iter()
                .flat_map(|first| (0..16).map(move |n| first + 0x40 * n))
            {
                assert_eq!(qemu.read(queue) & QUEUE_ENABLE, 0, "{queue:#x}");
            }
        }
    }
}

#[test]
fn dropping_the_driver_stops_the_card() {
    for (kind, qemu) in devices() {
        let (nic, _queues) = cards::started(qemu.card(), &kind.plan(POLICY), 64);
        drop(nic);
        assert_eq!(qemu.config(COMMAND).unwrap() & BUS_MASTER, 0);
    }
}

#[test]
fn negotiation_brings_no_pause_frames_back() {
    for (kind, qemu) in devices() {
        let (mut nic, _queues) = cards::started(qemu.card(), &kind.plan(POLICY), 64);
        cards::linked(&mut nic);
        // FCRTL and FCRTH; RFCE and TFCE of CTRL.
        assert_eq!((qemu.read(0x2160), qemu.read(0x2168)), (0, 0));
        assert_eq!(qemu.read(0) >> 27 & 3, 0);
    }
}

#[test]
fn a_card_that_dies_is_reported_as_gone_and_its_queues_are_harmless() {
    for (kind, qemu) in devices() {
        let (mut nic, mut queues) = cards::started(qemu.card(), &kind.plan(POLICY), 64);
        qemu.kill();
        assert!(matches!(nic.poll_link(), Err(Error::Gone)));
        assert!(matches!(nic.read_back(), Err(Error::Gone)));
        assert!(matches!(nic.stop(), Err(Error::Gone)));
        assert_eq!(queues.rx[0].frames(64, |_, _| true), 0);
        assert!(queues.tx[0].push(&[0; 60]));
        queues.tx[0].flush();
    }
}

#[test]
fn a_card_of_no_known_family_is_refused() {
    let qemu = Qemu::igb();
    let mut card = qemu.card();
    card.id.device = 0x10d4;
    assert!(matches!(open(card), Err(Error::Unsupported { .. })));
}
