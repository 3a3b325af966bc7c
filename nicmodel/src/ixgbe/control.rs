//! MAC control frames: pause frames and their kind (IEEE 802.3, clause 31).
//!
//! A pause frame stops transmission if MFLCN.RFCE is set; without a clock it does
//! so until the next one says go. None is ever sent.

use lockgate_regs::ixgbe::*;

use super::Nic;
use super::undriven::{Lxoffrxcnt, Lxonrxcnt};
use crate::chip::Bus;
use crate::ethernet::Header;

/// EtherType of MAC control, and the group that pause frames go to (IEEE 802.3, annex 31B).
const MAC_CONTROL: u16 = 0x8808;
const GROUP: u64 = 0x0180_C200_0001;

/// A pause frame's opcode.
const PAUSE: [u8; 2] = [0, 1];

impl Nic {
    /// Whether the frame is MAC control, for this station or the group of its kind.
    pub(super) fn is_control(&self, header: &Header) -> bool {
        header.tag.is_none()
            && header.ethertype == MAC_CONTROL
            && (header.destination == GROUP || self.exact(header.destination).is_some())
    }

    /// Obeys a control frame; says whether it goes on to the filters: with MFLCN.PMCF,
    /// or a pause frame without MFLCN.DPF.
    pub(super) fn passes_control(&mut self, bus: &mut Bus, header: &Header, frame: &[u8]) -> bool {
        let mflcn = self.registers.get::<Mflcn>(());
        let body = frame.get(header.payload..).unwrap_or_default();
        let [a, b, time @ ..] = body else {
            return mflcn.pass_mac_control();
        };
        if [*a, *b] != PAUSE {
            return mflcn.pass_mac_control();
        }
        let stop = time.first_chunk::<2>().is_some_and(|time| *time != [0; 2]);
        match stop {
            true => self.registers.count::<Lxoffrxcnt>((), 1),
            false => self.registers.count::<Lxonrxcnt>((), 1),
        }
        if mflcn.obey_pause() {
            self.paused = stop;
            self.resume(bus);
        }
        mflcn.pass_mac_control() && !mflcn.discard_pause()
    }
}
