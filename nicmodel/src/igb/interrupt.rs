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

use super::I82576;
use super::extra_registers::*;
use super::map::plain;
use crate::registers::Registers;
use crate::vmdq::Event;

/// ICR.TXDW, ICR.LSC, ICR.RXO and ICR.RXDW: a descriptor was written back, the link
/// changed, a frame found no descriptor, a frame was stored.
const SENT: u32 = 1 << 0;
const LINK_CHANGED: u32 = 1 << 2;
const OVERRUN: u32 = 1 << 6;
const STORED: u32 = 1 << 7;

/// The cause of the timer or of anything but queues, without MSI-X: EICR bit 31.
const OTHER: u32 = 1 << 31;

/// CTRL_EXT.IAME: reading ICR masks what IAM lists.
const AUTO_MASK: u32 = 1 << 27;

/// An IVAR entry: the vector, and whether it counts.
const VECTOR: u8 = 0x1F;
const VALID: u8 = 0x80;

/// Vectors that an entry can name.
const VECTORS: u8 = 25;

impl I82576 {
    /// Raises the causes of an event.
    pub(super) fn raise_event(
        &mut self,
        registers: &mut Registers,
        event: Event<RxQueue, TxQueue>,
    ) {
        match event {
            Event::Received(queue) => {
                self.raise(registers, STORED);
                self.raise_queue(registers, queue.number(), 0);
            }
            Event::NoDescriptor => self.raise(registers, OVERRUN),
            Event::Sent(queue) => {
                self.raise(registers, SENT);
                self.raise_queue(registers, queue.number(), 1);
            }
            Event::LinkChanged => self.raise(registers, LINK_CHANGED),
        }
    }

    /// Raises causes of ICR.
    fn raise(&mut self, registers: &mut Registers, causes: u32) {
        registers.put(Icr::BASE, registers.word(Icr::BASE) | causes);
        self.announce_other(registers, causes);
    }

    /// IVAR n: receive queue n, transmit queue n, then those of n + 8.
    fn raise_queue(&mut self, registers: &mut Registers, queue: u32, direction: usize) {
        let word = registers.word(plain::IVAR + 4 * (queue % 8)).to_le_bytes();
        let byte = if queue < 8 { direction } else { direction + 2 };
        self.raise_entry(registers, word.get(byte).copied().unwrap_or(0));
    }

    /// Raises what an IVAR entry names, if it names anything.
    fn raise_entry(&mut self, registers: &mut Registers, entry: u8) {
        let cause = entry & VECTOR;
        if entry & VALID != 0 && cause < VECTORS {
            self.raise_extended(registers, 1 << cause);
        }
    }

    fn raise_extended(&mut self, registers: &mut Registers, causes: u32) {
        registers.put(Eicr::BASE, registers.word(Eicr::BASE) | causes);
        self.signal(registers, causes);
    }

    /// Raises "other" for those of `causes` that ICR has and IMS lets pass.
    fn announce_other(&mut self, registers: &mut Registers, causes: u32) {
        if registers.word(Icr::BASE) & registers.get::<Ims>(()).get() & causes == 0 {
            return;
        }
        if registers.get::<Gpie>(()).multiple() {
            let [_, entry, ..] = registers.get::<IvarMisc>(()).get().to_le_bytes();
            self.raise_entry(registers, entry);
        } else {
            registers.put(Eicr::BASE, registers.word(Eicr::BASE) | OTHER);
            self.messages |= 1;
        }
    }

    /// Sends the messages of those of `causes` that are raised and not masked; they
    /// are cleared and masked as EIAC and EIAM say.
    fn signal(&mut self, registers: &mut Registers, causes: u32) {
        let allowed = registers.get::<Eims>(()).get();
        let raised = registers.word(Eicr::BASE);
        let due = raised & allowed & causes;
        if due == 0 {
            return;
        }
        let gpie = registers.get::<Gpie>(());
        if !gpie.multiple() {
            self.messages |= 1;
            return;
        }
        self.messages |= u64::from(due);
        let cleared = due & registers.get::<Eiac>(()).get();
        registers.put(Eicr::BASE, raised & !cleared);
        if gpie.auto_mask() {
            let masked = due & registers.get::<Eiam>(()).get();
            registers.put(Eims::BASE, allowed & !masked);
        }
    }

    /// A register of masks or causes was written.
    pub(super) fn written_interrupts(
        &mut self,
        registers: &mut Registers,
        offset: u32,
        value: u32,
    ) {
        match offset {
            Ics::BASE => self.raise(registers, value),
            Ims::BASE => {
                allow(registers, offset, value);
                self.announce_other(registers, value);
            }
            Imc::BASE => mask(registers, Ims::BASE, value),
            Eics::BASE => self.raise_extended(registers, value),
            Eims::BASE => {
                allow(registers, offset, value);
                self.signal(registers, value);
            }
            Eimc::BASE => mask(registers, Eims::BASE, value),
            _ => {}
        }
    }

    /// ICR was read: its bits are gone, and IAM masks if CTRL_EXT.IAME says so.
    pub(super) fn icr_was_read(&mut self, registers: &mut Registers) {
        if registers.word(CtrlExt::BASE) & AUTO_MASK != 0 {
            mask(registers, Ims::BASE, registers.get::<Iam>(()).get());
        }
    }
}

fn allow(registers: &mut Registers, set: u32, causes: u32) {
    registers.put(set, registers.word(set) | causes);
}

fn mask(registers: &mut Registers, set: u32, causes: u32) {
    registers.put(set, registers.word(set) & !causes);
}
