//! From causes to vectors.

use crate::ixgbe::rig::{BROADCAST, Rig, frame, mac};

const GPIE: u32 = 0x0898;
const EIMS_EX: u32 = 0x0AA0;
const EIMC_EX: u32 = 0x0AB0;
const EIAM_EX: u32 = 0x0AD0;

/// Receive queue 0 on vector 3, transmit queue 1 on vector 40, the rest on vector 5.
fn rig() -> Rig {
    let mut rig = Rig::new();
    rig.address(0, mac(1), 0);
    rig.set(GPIE, 1 << 4 | 1 << 30);
    rig.set(0x0900, 0x83 | 0xA8 << 24);
    rig.set(0x0A00, 0x85 << 8);
    rig.set(0x0810, 0xFFFF);
    rig.rx(0, 7);
    rig.tx(1);
    rig.model.take_interrupts();
    rig
}

fn receive(rig: &Rig) {
    rig.model.receive(&frame(mac(1), mac(9), 60));
}

#[test]
fn a_queue_signals_its_vector_if_it_may() {
    let mut rig = rig();
    receive(&rig);
    assert_eq!(rig.model.take_interrupts(), 0);
    rig.set(EIMS_EX, 1 << 3);
    assert_eq!(
        rig.model.take_interrupts(),
        1 << 3,
        "what was masked comes late"
    );
    receive(&rig);
    assert_eq!(rig.model.take_interrupts(), 1 << 3);
    rig.set(EIMS_EX + 4, 1 << 8);
    rig.send(1, &frame(BROADCAST, mac(1), 60));
    assert_eq!(rig.model.take_interrupts(), 1 << 40);
    rig.set(EIMC_EX + 4, 1 << 8);
    rig.send(1, &frame(BROADCAST, mac(1), 60));
    assert_eq!(rig.model.take_interrupts(), 0);
}

#[test]
fn a_vector_masks_itself_where_eiam_says_so() {
    let rig = rig();
    rig.set(EIAM_EX, u32::MAX);
    rig.set(EIMS_EX, 1 << 3);
    receive(&rig);
    receive(&rig);
    assert_eq!(rig.model.take_interrupts(), 1 << 3);
    assert_eq!(rig.get(EIMS_EX), 0);
    receive(&rig);
    assert_eq!(rig.model.take_interrupts(), 0);
    rig.set(EIMS_EX, 1 << 3);
    assert_eq!(rig.model.take_interrupts(), 1 << 3);
}

#[test]
fn a_change_of_the_link_is_told_once_and_eicr_names_it() {
    let rig = rig();
    rig.get(0x0800);
    rig.set(0x0880, 1 << 20);
    rig.model.take_interrupts();
    rig.model.set_link(false);
    assert_eq!(rig.model.take_interrupts(), 1 << 5);
    rig.get(0x8);
    assert_eq!(rig.model.take_interrupts(), 0);
    assert_eq!(rig.get(0x0800), 1 << 20);
    assert_eq!(rig.get(0x0800), 0);
    rig.set(0x0808, 1 << 20);
    assert_eq!(rig.model.take_interrupts(), 1 << 5, "EICS");
}
