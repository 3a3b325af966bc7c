//! From causes to vectors.

use lockgate_regs::Register;
use lockgate_regs::igb::*;

use super::Fixture;
use crate::fixture::{BROADCAST, frame, mac};

const EICS: u32 = 0x1520;
const EIMS: u32 = 0x1524;
const EIMC: u32 = 0x1528;
const EICR: u32 = 0x1580;

/// Receive queue 0 on vector 1, transmit queue 9 on 2, everything else on 0; all
/// causes are cleared and masked as they are signalled.
fn fixture() -> Fixture {
    let mut fixture = Fixture::new();
    fixture.set(0x1514, 0xC000_0011);
    fixture.set(0x1700, 0x0000_0081);
    fixture.set(0x1704, 0x8200_0000);
    fixture.set(0x1740, 0x0000_8000);
    fixture.set(0x152C, 0x7);
    fixture.set(0x1530, 0x7);
    fixture.set(EIMS, 0x7);
    fixture.get(Icr::BASE);
    fixture.set(Rctl::BASE, 0x0400_8002);
    fixture.rx(0, 7);
    fixture.tx(9);
    fixture.model.take_interrupts();
    fixture
}

#[test]
fn a_queue_signals_the_vector_that_ivar_gives_it() {
    let mut fixture = fixture();
    fixture.model.receive(&frame(BROADCAST, mac(9), 60));
    assert_eq!(fixture.model.take_interrupts(), 1 << 1);
    fixture.send(9, &frame(BROADCAST, mac(1), 60));
    assert_eq!(fixture.model.take_interrupts(), 1 << 2);
    assert_eq!(fixture.model.take_interrupts(), 0);
    assert_eq!(fixture.get(EICR), 0, "cleared by EIAC");
    assert_eq!(fixture.get(EIMS), 1, "masked by EIAM");
}

#[test]
fn a_cause_that_is_masked_waits_until_it_is_not() {
    let fixture = fixture();
    fixture.set(EIMC, 1 << 1);
    fixture.model.receive(&frame(BROADCAST, mac(9), 60));
    assert_eq!(fixture.model.take_interrupts(), 0);
    fixture.set(EIMS, 1 << 1);
    assert_eq!(fixture.model.take_interrupts(), 1 << 1);
    fixture.set(EIMS, 1 << 1);
    assert_eq!(fixture.model.take_interrupts(), 0);
}

#[test]
fn what_neither_eiac_nor_eiam_lists_stays_until_it_is_cleared() {
    let fixture = fixture();
    fixture.set(0x152C, 0);
    fixture.set(0x1530, 0);
    fixture.set(EICS, 0x3);
    assert_eq!(fixture.model.take_interrupts(), 0x3);
    assert_eq!(fixture.get(EIMS), 7);
    fixture.set(EICR, 1);
    assert_eq!([fixture.get(EICR), fixture.get(EICR)], [2, 0]);
}

#[test]
fn a_link_change_is_the_other_cause_if_ims_lets_it_pass() {
    let fixture = fixture();
    fixture.model.set_link(false);
    assert_eq!(fixture.model.take_interrupts(), 0);
    fixture.set(0x1508, 4);
    assert_eq!(fixture.model.take_interrupts(), 1, "it was waiting in ICR");
    assert_eq!(fixture.get(EIMS), 6);
    assert_eq!([fixture.get(Icr::BASE), fixture.get(Icr::BASE)], [4, 0]);
    fixture.set(0x1504, 4);
    assert_eq!(fixture.model.take_interrupts(), 0, "EIAM has masked it");
    fixture.set(EIMS, 1);
    assert_eq!(fixture.model.take_interrupts(), 1);
    fixture.set(Imc::BASE, 4);
    fixture.set(EIMS, 1);
    fixture.set(0x1504, 4);
    assert_eq!(fixture.model.take_interrupts(), 0);
}

#[test]
fn without_multiple_msix_all_causes_share_vector_0() {
    let fixture = fixture();
    fixture.set(0x1514, 0);
    fixture.model.receive(&frame(BROADCAST, mac(9), 60));
    assert_eq!(fixture.model.take_interrupts(), 1);
    fixture.set(0x1508, 0x4);
    fixture.model.set_link(false);
    assert_eq!(fixture.model.take_interrupts(), 1);
}

#[test]
fn a_queue_without_a_valid_entry_signals_nothing_and_a_reset_forgets() {
    let mut fixture = fixture();
    fixture.set(0x1700, 0x0000_009F);
    fixture.model.receive(&frame(BROADCAST, mac(9), 60));
    fixture.set(0x1700, 0x0000_0001);
    fixture.model.receive(&frame(BROADCAST, mac(9), 60));
    assert_eq!(fixture.model.take_interrupts(), 0);
    fixture.send(9, &frame(BROADCAST, mac(1), 60));
    fixture.set(Ctrl::BASE, 1 << 26);
    assert_eq!(fixture.model.take_interrupts(), 0);
}
