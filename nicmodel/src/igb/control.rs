//! MAC control frames: pause frames and their kind (IEEE 802.3, clause 31).
//!
//! A pause frame stops transmission if CTRL.RFCE is set; without a clock it does
//! so until the next one says go. None is ever sent.
//!
//! Not here: frames of that type for anybody else, which are ordinary frames.

use lockgate_regs::igb::*;

use super::Nic;
use super::undriven::{Fcah, Fcal, Fct, Xoffrxc, Xonrxc};
use crate::chip::Bus;
use crate::ethernet::Header;

/// A pause frame's opcode (IEEE 802.3, annex 31B).
const PAUSE: [u8; 2] = [0, 1];

impl Nic {
    /// Whether the frame is MAC control, for this station or the group of its kind.
    pub(super) fn is_control(&self, header: &Header) -> bool {
        let low = self.registers.get::<Fcal>(()).get();
        let high = self.registers.get::<Fcah>(()).get() as u16;
        let group = (u64::from(low.swap_bytes()) << 16) | u64::from(high.swap_bytes());
        let kind = self.registers.get::<Fct>(()).get();
        header.tag.is_none()
            && u32::from(header.ethertype) == kind
            && (header.destination == group || self.matching(header).next().is_some())
    }

    /// Obeys a control frame; says whether it goes on to the filters. A pause
    /// frame to the station does unless RCTL.DPF, others only with RCTL.PMCF.
    pub(super) fn passes_control(&mut self, bus: &mut Bus, header: &Header, frame: &[u8]) -> bool {
        let rctl = self.registers.get::<Rctl>(());
        let body = frame.get(header.payload..).unwrap_or_default();
        let [a, b, time @ ..] = body else {
            return rctl.pass_mac_control();
        };
        if [*a, *b] != PAUSE {
            return rctl.pass_mac_control();
        }
        let stop = time.first_chunk::<2>().is_some_and(|time| *time != [0; 2]);
        match stop {
            true => self.registers.count::<Xoffrxc>((), 1),
            false => self.registers.count::<Xonrxc>((), 1),
        }
        if self.registers.get::<Ctrl>(()).receive_flow_control() {
            self.paused = stop;
            self.resume(bus);
        }
        match header.is_group() {
            true => rctl.pass_mac_control(),
            false => !rctl.discard_pause(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Receive;
    use crate::igb::rig::{BROADCAST, ONE, Rig, frame, mac};
    use crate::igb::undriven::Xoffrxc;
    use lockgate_regs::Register;
    use lockgate_regs::igb::*;

    #[test]
    fn pause_frames_are_obeyed_only_with_rfce_and_never_passed_up() {
        let mut rig = Rig::new();
        rig.rx(0, 7);
        rig.tx(0);
        rig.set(Rctl::BASE, 0x0400_8012);
        let mut pause = frame([1, 0x80, 0xC2, 0, 0, 1], mac(9), 60);
        pause[12..18].copy_from_slice(&[0x88, 0x08, 0, 1, 0xFF, 0xFF]);
        assert_eq!(rig.model.receive(&pause), Receive::Filtered);
        assert_eq!(rig.get(Xoffrxc::BASE), 1);
        rig.send(0, &frame(BROADCAST, mac(1), 60));
        assert_eq!(rig.model.transmitted().len(), 1);

        rig.set(Ctrl::BASE, 0x0800_0041);
        rig.model.receive(&pause);
        rig.send(0, &frame(BROADCAST, mac(1), 60));
        assert_eq!(rig.model.transmitted().len(), 0);
        pause[16..18].copy_from_slice(&[0, 0]);
        rig.model.receive(&pause);
        assert_eq!(rig.model.transmitted().len(), 1);

        rig.set(Rctl::BASE, 0x0480_8012);
        assert_eq!(rig.model.receive(&pause), ONE);
    }
}
