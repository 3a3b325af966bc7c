//! The QEMU harness itself: what it finds is QEMU's card, and a QEMU that is
//! missing or dies is one clear error within its deadline.

use std::time::{Duration, Instant};

use lockgate_drivers::device::DeviceId;
use lockgate_tests::emulator::{Error, Options};
use lockgate_tests::qemu::Qemu;

const CTRL: u32 = 0x0000;
const STATUS: u32 = 0x0008;
const MDIC: u32 = 0x0020;
const RAL0: u32 = 0x5400;
const VFTA: u32 = 0x5600;

/// STATUS: link up.
const LU: u32 = 1 << 1;

/// MDIC: write `data` to register `reg` of PHY 1 (82576 datasheet, 8.2.4).
fn mdic_write(reg: u32, data: u32) -> u32 {
    data | reg << 16 | 1 << 21 | 1 << 26
}

fn restart_negotiation(qemu: &Qemu) {
    qemu.write(MDIC, mdic_write(0, 0x1200));
}

fn wait_for_link(qemu: &Qemu, up: bool) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while (qemu.read(STATUS) & LU != 0) != up {
        assert!(Instant::now() < deadline, "link does not become {up}");
    }
}

#[test]
fn the_igb_is_an_82576_with_its_reset_values() {
    let qemu = Qemu::igb();
    let expected = DeviceId {
        vendor: 0x8086,
        device: 0x10c9,
    };
    assert_eq!(qemu.id(), expected);
    assert_eq!(qemu.read(CTRL), 0x0010_0209);
    assert_eq!(qemu.read(STATUS), 0x8008_0481);
    assert_eq!(qemu.read(RAL0), 0x0000_0002, "the station address given");
}

#[test]
fn the_e1000e_is_an_82574_with_its_reset_values() {
    let qemu = Qemu::e1000e();
    let expected = DeviceId {
        vendor: 0x8086,
        device: 0x10d3,
    };
    assert_eq!(qemu.id(), expected);
    assert_eq!(qemu.read(CTRL), 0x0014_0241);
    assert_eq!(qemu.read(STATUS) & LU, LU, "its link is up by itself");
}

#[test]
fn posted_writes_are_seen_by_the_next_read() {
    let qemu = Qemu::igb();
    for index in 0..128 {
        qemu.write(VFTA + 4 * index, 0x1234_0000 | index);
    }
    for index in 0..128 {
        assert_eq!(qemu.read(VFTA + 4 * index), 0x1234_0000 | index);
    }
}

#[test]
fn an_access_outside_the_registers_reads_all_ones() {
    let qemu = Qemu::igb();
    assert_eq!(qemu.read(128 << 10), u32::MAX);
    assert_eq!(qemu.read(u32::MAX - 3), u32::MAX);
    qemu.write(128 << 10, 0);
    qemu.check().unwrap();
}

#[test]
fn a_function_reset_restores_registers_and_keeps_addresses_and_command() {
    let qemu = Qemu::igb();
    let card = qemu.card();
    card.function.set_bus_master(true).unwrap();
    let before = qemu.config(4).unwrap();
    qemu.write(VFTA, 0xdead_beef);
    card.function.reset().unwrap();
    assert_eq!(qemu.read(VFTA), 0);
    assert_eq!(qemu.read(CTRL), 0x0010_0209);
    assert_eq!(qemu.config(4).unwrap() & 0xffff, before & 0xffff);
    assert_eq!(before & 0b110, 0b110, "memory space and bus master");
    card.function.set_bus_master(false).unwrap();
    assert_eq!(qemu.config(4).unwrap() & 0b110, 0b010);
}

#[test]
fn the_link_follows_negotiation_and_the_cable() {
    let qemu = Qemu::igb();
    assert_eq!(qemu.read(STATUS) & LU, 0);
    restart_negotiation(&qemu);
    wait_for_link(&qemu, true);
    qemu.set_link(false).unwrap();
    wait_for_link(&qemu, false);
    qemu.set_link(true).unwrap();
    wait_for_link(&qemu, true);
}

#[test]
fn a_frame_travels_through_shared_memory_both_ways() {
    let qemu = Qemu::igb();
    let card = qemu.card();
    card.function.set_bus_master(true).unwrap();
    let dma = card.iommu.map(16 << 10).unwrap();
    let (pages, base) = (&dma.memory, dma.iova.get());
    restart_negotiation(&qemu);
    wait_for_link(&qemu, true);

    // Receive queue 0: 8 descriptors at 0, one buffer of 2 KiB at 4096.
    // Promiscuous, no FCS in memory (RCTL.EN, UPE, MPE, BAM, SECRC).
    assert!(pages.store_u64(0, base + 4096));
    let set = |offset, value| qemu.write(offset, value);
    set(0xc000, u32::try_from(base).unwrap());
    set(0xc008, 128);
    set(0xc00c, 2 | 1 << 25);
    set(0xc028, 1 << 25);
    set(0x0100, 1 << 1 | 1 << 3 | 1 << 4 | 1 << 15 | 1 << 26);
    set(0xc018, 1);
    let frame: Vec<u8> = (0..100).collect();
    qemu.send(&frame).unwrap();
    qemu.settle().unwrap();
    let mut stored = [0; 100];
    assert!(pages.read(4096, &mut stored));
    assert_eq!(stored[..], frame);
    assert_eq!(pages.load_u32(8).unwrap() & 1, 1, "DD");

    // Transmit queue 0: one advanced data descriptor at 8192 for the same bytes
    // (DEXT, DTYP data, EOP, IFCS, RS).
    let command = 1 << 29 | 3 << 20 | 1 << 24 | 1 << 25 | 1 << 27 | 100u64;
    assert!(pages.store_u64(8192, base + 4096));
    assert!(pages.store_u64(8200, 100 << 46 | command));
    set(0xe000, u32::try_from(base).unwrap() + 8192);
    set(0xe008, 128);
    set(0xe028, 1 << 25);
    set(0x0400, 1 << 1);
    set(0xe018, 1);
    let sent = qemu.receive(Duration::from_secs(5)).unwrap();
    assert_eq!(sent.unwrap(), frame);
}

#[test]
fn a_card_that_cannot_receive_gives_an_error_and_no_hang() {
    let mut options = Options::new("igb", 2);
    options.patience = Duration::from_secs(1);
    let qemu = Qemu::start(options).unwrap();
    // Link down: QEMU takes as many frames as its socket holds, then none.
    let frame = [0; 60];
    let error = (0..2000).find_map(|_| qemu.send(&frame).err());
    let text = error.unwrap().to_string();
    assert!(text.contains("did not give"), "{text}");
}

#[test]
fn a_missing_qemu_is_named_with_the_remedy() {
    let mut options = Options::new("igb", 2);
    options.program = "qemu-system-none".into();
    let error = Qemu::start(options).err().unwrap();
    assert!(matches!(error, Error::Missing { .. }));
    let text = error.to_string();
    assert!(
        text.contains("qemu-system-none is not installed: run"),
        "{text}"
    );
}

#[test]
fn a_qemu_that_refuses_its_arguments_is_quoted() {
    let error = Qemu::start(Options::new("no-such-card", 2)).err().unwrap();
    let text = error.to_string();
    assert!(
        text.contains("'no-such-card' is not a valid device"),
        "{text}"
    );
}

#[test]
fn a_qemu_that_dies_reads_all_ones_and_says_so() {
    let qemu = Qemu::igb();
    qemu.kill();
    let before = Instant::now();
    assert_eq!(qemu.read(STATUS), u32::MAX);
    qemu.write(CTRL, 0);
    assert_eq!(qemu.read(CTRL), u32::MAX);
    let error = qemu.check().unwrap_err();
    assert!(matches!(error, Error::Ended { .. }), "{error}");
    assert!(qemu.send(&[0; 60]).is_err());
    assert!(qemu.receive(Duration::from_millis(10)).is_err());
    assert!(before.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_qemu_that_hangs_is_given_up() {
    let mut options = Options::new("igb", 2);
    options.patience = Duration::from_secs(1);
    let qemu = Qemu::start(options).unwrap();
    qemu.freeze();
    let before = Instant::now();
    assert_eq!(qemu.read(STATUS), u32::MAX);
    assert_eq!(qemu.read(CTRL), u32::MAX, "and is not waited for again");
    assert!(before.elapsed() < Duration::from_secs(3));
    let error = qemu.set_link(false).unwrap_err();
    assert!(matches!(error, Error::Silent { .. }), "{error}");
}
