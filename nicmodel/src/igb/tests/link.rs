//! Link, PHY and EEPROM.

use lockgate_regs::Register;
use lockgate_regs::igb::*;

use super::Fixture;
use crate::igb::extra_registers::Eerd;

#[test]
fn the_link_needs_slu_and_negotiation() {
    let fixture = Fixture::new();
    fixture.set(Ctrl::BASE, 0x0400_0000);
    assert_eq!(fixture.get(Status::BASE) & 2, 0);
    while fixture.get(Ctrl::BASE) & 0x0400_0000 != 0 {}
    fixture.set(Mdic::BASE, 0x0420_1200);
    (0..20).for_each(|_| assert_eq!(fixture.get(Status::BASE) & 2, 0));
    fixture.set(Ctrl::BASE, 0x40);
    assert_eq!(fixture.get(Status::BASE) & 0xC3, 0x83);
    assert_eq!(fixture.get(Icr::BASE) & 4, 4);
    assert_eq!(fixture.get(Icr::BASE) & 4, 0);
}

#[test]
fn pulling_the_cable_takes_the_link_down_at_once() {
    let fixture = Fixture::new();
    fixture.model.set_link(false);
    assert_eq!(fixture.get(Status::BASE) & 2, 0);
    fixture.model.set_link(true);
    let up = (0..10).any(|_| fixture.get(Status::BASE) & 2 != 0);
    assert!(up);
}

#[test]
fn mdic_reads_the_phy_and_reports_one_that_is_not_there() {
    let fixture = Fixture::new();
    fixture.set(Mdic::BASE, 0x0821_0000);
    assert_eq!(fixture.get(Mdic::BASE), 0x1821_002C);
    fixture.set(Mdic::BASE, 0x0841_0000);
    assert_eq!(fixture.get(Mdic::BASE), 0x5841_0000);
}

#[test]
fn eerd_reads_a_word_of_the_address() {
    let fixture = Fixture::new();
    fixture.set(Eerd::BASE, (2 << 2) | 1);
    assert_eq!(fixture.get(Eerd::BASE), 0x7682_000A);
}
