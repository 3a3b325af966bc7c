//! MAC control frames: pause frames and their kind (IEEE 802.3, clause 31).
//!
//! A pause frame stops transmission if the driver wants it obeyed; without a clock it does
//! so until the next one says go. None is ever sent.
//!
//! Not here: frames of that type for anybody else, which are ordinary frames.

use super::{Nic, RegisterMap};
use crate::chip::Bus;
use crate::ethernet::Header;

/// A pause frame's opcode (IEEE 802.3, annex 31B).
const PAUSE: [u8; 2] = [0, 1];

impl<M: RegisterMap> Nic<M> {
    /// Whether the frame is MAC control, for this station or the group of its kind.
    pub(super) fn is_control(&self, header: &Header) -> bool {
        let control = M::control_frames(&self.registers);
        header.tag.is_none()
            && header.ethertype == control.ethertype
            && (header.destination == control.group || self.exact(header).is_some())
    }

    /// Obeys a control frame; says whether it goes on to the filters.
    pub(super) fn passes_control(&mut self, bus: &mut Bus, header: &Header, frame: &[u8]) -> bool {
        let control = M::control_frames(&self.registers);
        let body = frame.get(header.payload..).unwrap_or_default();
        let Some(time) = body.strip_prefix(&PAUSE) else {
            return control.passed;
        };
        let stop = time.first_chunk::<2>().is_some_and(|time| *time != [0; 2]);
        M::count_pause(&mut self.registers, stop);
        if control.obeyed {
            self.paused = stop;
            self.resume(bus);
        }
        M::passes_pause(&self.registers, header)
    }
}
