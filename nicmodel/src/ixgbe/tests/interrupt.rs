//! From causes to vectors.

use super::Fixture;
use crate::fixture::{BROADCAST, frame, mac};

const GPIE: u32 = 0x0898;
const EIMS_EX: u32 = 0x0AA0;
const EIMC_EX: u32 = 0x0AB0;
const EIAM_EX: u32 = 0x0AD0;

/// Receive queue 0 on vector 3, transmit queue 1 on vector 40, the rest on vector 5.
fn fixture() -> Fixture {
    let mut fixture = Fixture::new();
    fixture.address(0, mac(1), 0);
    fixture.set(GPIE, 1 << 4 | 1 << 30);
    fixture.set(0x0900, 0x83 | 0xA8 << 24);
    fixture.set(0x0A00, 0x85 << 8);
    fixture.set(0x0810, 0xFFFF);
    fixture.rx(0, 7);
    fixture.tx(1);
    fixture.model.take_interrupts();
    fixture
}

fn receive(fixture: &Fixture) {
    fixture.model.receive(&frame(mac(1), mac(9), 60));
}

#[test]
fn a_queue_signals_its_vector_if_it_may() {
    let mut fixture = fixture();
    receive(&fixture);
    assert_eq!(fixture.model.take_interrupts(), 0);
    fixture.set(EIMS_EX, 1 << 3);
    assert_eq!(
        fixture.model.take_interrupts(),
        1 << 3,
        "what was masked comes late"
    );
    receive(&fixture);
    assert_eq!(fixture.model.take_interrupts(), 1 << 3);
    fixture.set(EIMS_EX + 4, 1 << 8);
    fixture.send(1, &frame(BROADCAST, mac(1), 60));
    assert_eq!(fixture.model.take_interrupts(), 1 << 40);
    fixture.set(EIMC_EX + 4, 1 << 8);
    fixture.send(1, &frame(BROADCAST, mac(1), 60));
    assert_eq!(fixture.model.take_interrupts(), 0);
}

#[test]
fn a_vector_masks_itself_where_eiam_says_so() {
    let fixture = fixture();
    fixture.set(EIAM_EX, u32::MAX);
    fixture.set(EIMS_EX, 1 << 3);
    receive(&fixture);
    receive(&fixture);
    assert_eq!(fixture.model.take_interrupts(), 1 << 3);
    assert_eq!(fixture.get(EIMS_EX), 0);
    receive(&fixture);
    assert_eq!(fixture.model.take_interrupts(), 0);
    fixture.set(EIMS_EX, 1 << 3);
    assert_eq!(fixture.model.take_interrupts(), 1 << 3);
}

#[test]
fn a_change_of_the_link_is_told_once_and_eicr_names_it() {
    let fixture = fixture();
    fixture.get(0x0800);
    fixture.set(0x0880, 1 << 20);
    fixture.model.take_interrupts();
    fixture.model.set_link(false);
    assert_eq!(fixture.model.take_interrupts(), 1 << 5);
    fixture.get(0x8);
    assert_eq!(fixture.model.take_interrupts(), 0);
    assert_eq!(fixture.get(0x0800), 1 << 20);
    assert_eq!(fixture.get(0x0800), 0);
    fixture.set(0x0808, 1 << 20);
    assert_eq!(fixture.model.take_interrupts(), 1 << 5, "EICS");
}
