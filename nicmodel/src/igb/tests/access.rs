//! Registers: what they hold, what a reset and a queue's enable bit do.

use lockgate_drivers::device::{Bar, Function};
use lockgate_regs::Register;
use lockgate_regs::igb::*;

use super::Fixture;
use crate::Misuse;
use crate::fixture::{BROADCAST, frame, mac};
use crate::igb::extra_registers::Rxpbs;

#[test]
fn outside_the_bar_reads_are_all_ones_and_an_unknown_register_reads_0() {
    let fixture = Fixture::new();
    assert_eq!(fixture.get(0x2_0000), u32::MAX);
    assert_eq!(fixture.get(2), u32::MAX);
    fixture.set(0x2_0000, 1);
    assert_eq!(fixture.model.misuse(), []);
    fixture.set(0x0F00, 1);
    assert_eq!(fixture.get(0x0F00), 0);
    assert_eq!(fixture.model.misuse(), [Misuse::UnknownRegister(0x0F00)]);
}

#[test]
fn registers_hold_the_bits_they_have() {
    let fixture = Fixture::new();
    for (offset, mask) in [
        (0xC3C0, 0xFFFF_FF80),
        (0xC008, 0x000F_FF80),
        (0x5818, 0x01FF_0007),
        (0x5D7C, 0x801F_FFFF),
        (0x0C8C, 0x0000_00FF),
        (0x551C, 0x83FF_FFFF),
    ] {
        fixture.set(offset, u32::MAX);
        assert_eq!(fixture.get(offset), mask, "{offset:#x}");
    }
}

#[test]
fn each_queue_has_a_rate_of_its_own_behind_one_register() {
    let fixture = Fixture::new();
    for queue in 0..16 {
        fixture.set(Rttdqsel::BASE, queue);
        fixture.set(Rttbcnrc::BASE, 0x8000_0000 | queue);
    }
    fixture.set(Rttdqsel::BASE, 3);
    assert_eq!(fixture.get(Rttbcnrc::BASE), 0x8000_0003);
}

#[test]
fn a_queue_is_live_only_when_its_enable_bit_says_so() {
    let mut fixture = Fixture::new();
    fixture.rx(1, 7);
    let at = 0xC068;
    fixture.set(at, 0);
    assert_ne!(fixture.get(at) & (1 << 25), 0);
    assert_eq!(fixture.get(at) & (1 << 25), 0);
    fixture.set(at, 1 << 25);
    assert_eq!(fixture.get(at) & (1 << 25), 0);
    assert_ne!(fixture.get(at) & (1 << 25), 0);
}

#[test]
fn a_reset_forgets_everything_but_the_buffer_split_and_takes_no_writes_meanwhile() {
    let mut fixture = Fixture::with_pools(3);
    fixture.rx(3, 7);
    fixture.set(Rxpbs::BASE, 0x30);
    fixture.set(Ctrl::BASE, 1 << 26);
    fixture.set(Rctl::BASE, 2);
    assert_eq!(fixture.model.misuse(), [Misuse::WriteDuringReset(0x100)]);
    assert_eq!(fixture.get(Eecd::BASE) & 0x200, 0);
    assert_ne!(fixture.get(Ctrl::BASE) & (1 << 26), 0);
    assert_eq!(fixture.get(Ctrl::BASE) & (1 << 26), 0);
    assert_ne!(fixture.get(Eecd::BASE) & 0x200, 0);
    let values = [
        0x100, 0x5818, 0xC0E8, 0x2404, 0x5400, 0x5404, 0x5AD0, 0xC028,
    ];
    let after = [
        0,
        0,
        0x0001_0000,
        0x30,
        0xFF47_4C02,
        0x8000_7682,
        0x8000_2600,
        0x0201_0000,
    ];
    assert_eq!(values.map(|at| fixture.get(at)), after);
}

#[test]
fn a_function_reset_ends_bus_mastering_and_a_master_disable_ends_dma() {
    let mut fixture = Fixture::new();
    fixture.tx(0);
    let sent = frame(BROADCAST, mac(1), 60);
    fixture.set(Ctrl::BASE, 0x45);
    assert_ne!(fixture.get(Status::BASE) & (1 << 19), 0);
    assert_eq!(fixture.get(Status::BASE) & (1 << 19), 0);
    fixture.send(0, &sent);
    assert!(fixture.model.transmitted().is_empty());
    fixture.set(Ctrl::BASE, 0x41);
    fixture.model.flush();
    fixture.model.flush();
    assert_eq!(fixture.model.transmitted().len(), 1);

    fixture.model.reset().unwrap();
    fixture.link_up();
    fixture.set(Tctl::BASE, 2);
    fixture.tx(0);
    fixture.send(0, &sent);
    assert!(fixture.model.transmitted().is_empty());
    fixture.model.set_bus_master(true).unwrap();
    assert_eq!(fixture.model.transmitted().len(), 1);
}

#[test]
fn a_card_that_was_pulled_out_reads_all_ones() {
    let mut fixture = Fixture::new();
    fixture.rx(0, 7);
    fixture.model.unplug();
    assert_eq!(fixture.get(Status::BASE), u32::MAX);
    fixture.set(Rctl::BASE, 0);
    assert!(fixture.model.reset().is_err());
    let sent = frame(BROADCAST, mac(1), 60);
    assert_eq!(fixture.model.receive(&sent), crate::Receive::NotReady);
}
