//! Interrupts: causes, what they are mapped to, masks.
//!
//! Queues raise extended causes, everything else raises ICR and through it the extended
//! cause "other". With GPIE.Multiple_MSIX an extended cause is a vector (IVAR); without
//! it there is one vector, 0, for all. A message leaves at once (EITR throttles
//! nothing); a cause that is masked waits in EICR, and its message leaves when it is
//! unmasked.
//!
//! Not here: what raises a cause, and who takes the messages
//! ([`crate::chip::Chip::take_interrupts`]).
//!
//! Source: 82576 datasheet, chapters 7 (interrupts) and 8.

use lockgate_regs::igb::*;
use lockgate_regs::{Index, Register};

use super::Nic;
use super::map::plain;
use super::undriven::*;

/// The cause of the timer or of anything but queues, without MSI-X: EICR bit 31.
const OTHER: u32 = 1 << 31;

/// CTRL_EXT.IAME: reading ICR masks what IAM lists.
const AUTO_MASK: u32 = 1 << 27;

/// An IVAR entry: the vector, and whether it counts.
const VECTOR: u8 = 0x1F;
const VALID: u8 = 0x80;

/// Vectors that an entry can name.
const VECTORS: u8 = 25;

impl Nic {
    /// Raises causes of ICR.
    pub(super) fn raise(&mut self, causes: u32) {
        let old = self.registers.word(Icr::BASE);
        self.registers.put(Icr::BASE, old | causes);
        self.announce_other(causes);
    }

    /// Raises the extended cause of a receive queue.
    pub(super) fn raise_received(&mut self, queue: RxQueue) {
        self.raise_queue(queue.number(), 0);
    }

    /// Raises the extended cause of a transmit queue.
    pub(super) fn raise_sent(&mut self, queue: TxQueue) {
        self.raise_queue(queue.number(), 1);
    }

    /// IVAR n: receive queue n, transmit queue n, then those of n + 8.
    fn raise_queue(&mut self, queue: u32, direction: usize) {
        let word = self
            .registers
            .word(plain::IVAR + 4 * (queue % 8))
            .to_le_bytes();
        let byte = if queue < 8 { direction } else { direction + 2 };
        self.raise_entry(word.get(byte).copied().unwrap_or(0));
    }

    /// Raises what an IVAR entry names, if it names anything.
    fn raise_entry(&mut self, entry: u8) {
        let cause = entry & VECTOR;
        if entry & VALID != 0 && cause < VECTORS {
            self.raise_extended(1 << cause);
        }
    }

    fn raise_extended(&mut self, causes: u32) {
        let old = self.registers.word(Eicr::BASE);
        self.registers.put(Eicr::BASE, old | causes);
        self.signal(causes);
    }

    /// Raises "other" for those of `causes` that ICR has and IMS lets pass.
    fn announce_other(&mut self, causes: u32) {
        if self.registers.word(Icr::BASE) & self.registers.get::<Ims>(()).get() & causes == 0 {
            return;
        }
        if self.registers.get::<Gpie>(()).multiple() {
            let [_, entry, ..] = self.registers.get::<IvarMisc>(()).get().to_le_bytes();
            self.raise_entry(entry);
        } else {
            let old = self.registers.word(Eicr::BASE);
            self.registers.put(Eicr::BASE, old | OTHER);
            self.messages |= 1;
        }
    }

    /// Sends the messages of those of `causes` that are raised and not masked; they
    /// are cleared and masked as EIAC and EIAM say.
    fn signal(&mut self, causes: u32) {
        let allowed = self.registers.get::<Eims>(()).get();
        let due = self.registers.word(Eicr::BASE) & allowed & causes;
        if due == 0 {
            return;
        }
        let gpie = self.registers.get::<Gpie>(());
        if !gpie.multiple() {
            self.messages |= 1;
            return;
        }
        self.messages |= u64::from(due);
        let cleared = due & self.registers.get::<Eiac>(()).get();
        self.registers
            .put(Eicr::BASE, self.registers.word(Eicr::BASE) & !cleared);
        if gpie.auto_mask() {
            let masked = due & self.registers.get::<Eiam>(()).get();
            self.registers.put(Eims::BASE, allowed & !masked);
        }
    }

    /// A register of masks or causes was written.
    pub(super) fn written_interrupts(&mut self, offset: u32, value: u32) {
        match offset {
            Ics::BASE => self.raise(value),
            Ims::BASE => {
                self.allow(offset, value);
                self.announce_other(value);
            }
            Imc::BASE => self.mask_interrupts(Ims::BASE, value),
            Eics::BASE => self.raise_extended(value),
            Eims::BASE => {
                self.allow(offset, value);
                self.signal(value);
            }
            Eimc::BASE => self.mask_interrupts(Eims::BASE, value),
            _ => {}
        }
    }

    fn allow(&mut self, set: u32, value: u32) {
        let allowed = self.registers.word(set);
        self.registers.put(set, allowed | value);
    }

    /// Clears the bits that were written to ICR or EICR.
    pub(super) fn clear_causes(&mut self, offset: u32, causes: u32) {
        let old = self.registers.word(offset);
        self.registers.put(offset, old & !causes);
    }

    /// ICR was read: its bits are gone, and IAM masks if CTRL_EXT.IAME says so.
    pub(super) fn icr_was_read(&mut self) {
        if self.registers.word(CtrlExt::BASE) & AUTO_MASK != 0 {
            self.mask_interrupts(Ims::BASE, self.registers.get::<Iam>(()).get());
        }
    }

    fn mask_interrupts(&mut self, set: u32, value: u32) {
        let allowed = self.registers.word(set);
        self.registers.put(set, allowed & !value);
    }
}

#[cfg(test)]
mod tests {
    use crate::igb::rig::{BROADCAST, Rig, frame, mac};
    use lockgate_regs::Register;
    use lockgate_regs::igb::*;

    const EICS: u32 = 0x1520;
    const EIMS: u32 = 0x1524;
    const EIMC: u32 = 0x1528;
    const EICR: u32 = 0x1580;

    /// Receive queue 0 on vector 1, transmit queue 9 on 2, everything else on 0; all
    /// causes are cleared and masked as they are signalled.
    fn rig() -> Rig {
        let mut rig = Rig::new();
        rig.set(0x1514, 0xC000_0011);
        rig.set(0x1700, 0x0000_0081);
        rig.set(0x1704, 0x8200_0000);
        rig.set(0x1740, 0x0000_8000);
        rig.set(0x152C, 0x7);
        rig.set(0x1530, 0x7);
        rig.set(EIMS, 0x7);
        rig.get(Icr::BASE);
        rig.set(Rctl::BASE, 0x0400_8002);
        rig.rx(0, 7);
        rig.tx(9);
        rig.model.take_interrupts();
        rig
    }

    #[test]
    fn a_queue_signals_the_vector_that_ivar_gives_it() {
        let mut rig = rig();
        rig.model.receive(&frame(BROADCAST, mac(9), 60));
        assert_eq!(rig.model.take_interrupts(), 1 << 1);
        rig.send(9, &frame(BROADCAST, mac(1), 60));
        assert_eq!(rig.model.take_interrupts(), 1 << 2);
        assert_eq!(rig.model.take_interrupts(), 0);
        assert_eq!(rig.get(EICR), 0, "cleared by EIAC");
        assert_eq!(rig.get(EIMS), 1, "masked by EIAM");
    }

    #[test]
    fn a_cause_that_is_masked_waits_until_it_is_not() {
        let rig = rig();
        rig.set(EIMC, 1 << 1);
        rig.model.receive(&frame(BROADCAST, mac(9), 60));
        assert_eq!(rig.model.take_interrupts(), 0);
        rig.set(EIMS, 1 << 1);
        assert_eq!(rig.model.take_interrupts(), 1 << 1);
        rig.set(EIMS, 1 << 1);
        assert_eq!(rig.model.take_interrupts(), 0);
    }

    #[test]
    fn what_neither_eiac_nor_eiam_lists_stays_until_it_is_cleared() {
        let rig = rig();
        rig.set(0x152C, 0);
        rig.set(0x1530, 0);
        rig.set(EICS, 0x3);
        assert_eq!(rig.model.take_interrupts(), 0x3);
        assert_eq!(rig.get(EIMS), 7);
        rig.set(EICR, 1);
        assert_eq!([rig.get(EICR), rig.get(EICR)], [2, 0]);
    }

    #[test]
    fn a_link_change_is_the_other_cause_if_ims_lets_it_pass() {
        let rig = rig();
        rig.model.set_link(false);
        assert_eq!(rig.model.take_interrupts(), 0);
        rig.set(0x1508, 4);
        assert_eq!(rig.model.take_interrupts(), 1, "it was waiting in ICR");
        assert_eq!(rig.get(EIMS), 6);
        assert_eq!([rig.get(Icr::BASE), rig.get(Icr::BASE)], [4, 0]);
        rig.set(0x1504, 4);
        assert_eq!(rig.model.take_interrupts(), 0, "EIAM has masked it");
        rig.set(EIMS, 1);
        assert_eq!(rig.model.take_interrupts(), 1);
        rig.set(Imc::BASE, 4);
        rig.set(EIMS, 1);
        rig.set(0x1504, 4);
        assert_eq!(rig.model.take_interrupts(), 0);
    }

    #[test]
    fn without_multiple_msix_all_causes_share_vector_0() {
        let rig = rig();
        rig.set(0x1514, 0);
        rig.model.receive(&frame(BROADCAST, mac(9), 60));
        assert_eq!(rig.model.take_interrupts(), 1);
        rig.set(0x1508, 0x4);
        rig.model.set_link(false);
        assert_eq!(rig.model.take_interrupts(), 1);
    }

    #[test]
    fn a_queue_without_a_valid_entry_signals_nothing_and_a_reset_forgets() {
        let mut rig = rig();
        rig.set(0x1700, 0x0000_009F);
        rig.model.receive(&frame(BROADCAST, mac(9), 60));
        rig.set(0x1700, 0x0000_0001);
        rig.model.receive(&frame(BROADCAST, mac(9), 60));
        assert_eq!(rig.model.take_interrupts(), 0);
        rig.send(9, &frame(BROADCAST, mac(1), 60));
        rig.set(Ctrl::BASE, 1 << 26);
        assert_eq!(rig.model.take_interrupts(), 0);
    }
}
