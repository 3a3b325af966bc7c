//! MAC control frames.

use lockgate_regs::Register;
use lockgate_regs::igb::*;

use super::Fixture;
use crate::Receive;
use crate::fixture::{BROADCAST, ONE, frame, mac};
use crate::igb::extra_registers::Xoffrxc;

#[test]
fn pause_frames_are_obeyed_only_with_rfce_and_never_passed_up() {
    let mut fixture = Fixture::new();
    fixture.rx(0, 7);
    fixture.tx(0);
    fixture.set(Rctl::BASE, 0x0400_8012);
    let mut pause = frame([1, 0x80, 0xC2, 0, 0, 1], mac(9), 60);
    pause[12..18].copy_from_slice(&[0x88, 0x08, 0, 1, 0xFF, 0xFF]);
    assert_eq!(fixture.model.receive(&pause), Receive::Filtered);
    assert_eq!(fixture.get(Xoffrxc::BASE), 1);
    fixture.send(0, &frame(BROADCAST, mac(1), 60));
    assert_eq!(fixture.model.transmitted().len(), 1);

    fixture.set(Ctrl::BASE, 0x0800_0041);
    fixture.model.receive(&pause);
    fixture.send(0, &frame(BROADCAST, mac(1), 60));
    assert_eq!(fixture.model.transmitted().len(), 0);
    pause[16..18].copy_from_slice(&[0, 0]);
    fixture.model.receive(&pause);
    assert_eq!(fixture.model.transmitted().len(), 1);

    fixture.set(Rctl::BASE, 0x0480_8012);
    assert_eq!(fixture.model.receive(&pause), ONE);
}
