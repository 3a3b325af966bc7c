//! The packet buffer: what waits, and what drops.

use lockgate_regs::Register;
use lockgate_regs::igb::*;

use super::Fixture;
use crate::Receive;
use crate::fixture::{MISSED, ONE, frame, mac};
use crate::igb::extra_registers::Rnbc;

#[test]
fn a_full_ring_drops_and_counts_if_it_may() {
    let mut fixture = Fixture::new();
    fixture.address(0, mac(1), 0);
    fixture.rx(0, 2);
    let sent = frame(mac(1), mac(9), 60);
    assert_eq!(
        [(); 3].map(|()| fixture.model.receive(&sent)),
        [ONE, ONE, MISSED]
    );
    assert!(!fixture.model.room(&sent));
    assert_eq!(fixture.get(Rqdpc::BASE), 1);
    assert_eq!(fixture.get(Rqdpc::BASE), 0);
    assert_eq!(fixture.get(Rnbc::BASE), 1);
    assert_eq!(fixture.get(Gprc::BASE), 3);

    fixture.set(Rdt::BASE, 3);
    assert!(fixture.model.room(&sent));
    assert_eq!(fixture.model.receive(&sent), ONE);
}

#[test]
fn a_full_ring_that_may_not_drop_holds_up_its_neighbours() {
    let mut fixture = Fixture::with_pools(3);
    fixture.address(0, mac(1), 1);
    fixture.address(1, mac(2), 2);
    fixture.rx_with(0, 1, 0x0200_0002);
    fixture.rx(1, 7);
    let (first, second) = (frame(mac(1), mac(9), 60), frame(mac(2), mac(9), 60));
    assert_eq!(fixture.model.receive(&first), ONE);
    assert_eq!(fixture.model.receive(&first), Receive::Held);
    assert_eq!(fixture.model.receive(&second), Receive::Held);
    assert_eq!(fixture.got(1), []);

    fixture.set(Rdt::BASE, 3);
    assert_eq!(fixture.got(0).len(), 2);
    assert_eq!(fixture.got(1).len(), 1);
}

#[test]
fn what_exceeds_the_packet_buffer_is_missed() {
    let mut fixture = Fixture::new();
    fixture.address(0, mac(1), 0);
    fixture.rx_with(0, 0, 0x0200_0002);
    let sent = frame(mac(1), mac(9), 1024);
    for _ in 0..64 {
        assert_eq!(fixture.model.receive(&sent), Receive::Held);
    }
    assert_eq!(fixture.model.receive(&sent), MISSED);
    assert_eq!(fixture.get(Mpc::BASE), 1);
    fixture.set(Qde::BASE, 1);
    assert_eq!(fixture.get(Rqdpc::BASE), 64);
}

#[test]
fn a_reset_empties_the_packet_buffer() {
    use lockgate_drivers::device::Function;
    let mut fixture = Fixture::new();
    fixture.address(0, mac(1), 0);
    fixture.rx_with(0, 0, 0x0200_0002);
    let old = frame(mac(1), mac(9), 60);
    assert_eq!(fixture.model.receive(&old), Receive::Held);
    fixture.model.reset().unwrap();
    fixture.model.set_bus_master(true).unwrap();
    fixture.link_up();
    fixture.set(Rctl::BASE, 0x0400_0002);
    fixture.address(0, mac(1), 0);
    fixture.rx_with(0, 7, 0x0200_0002);
    assert_eq!(fixture.got(0), []);
    assert!(fixture.model.room(&old));
}
