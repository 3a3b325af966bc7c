//! Interrupts: causes, the vectors they are mapped to, masks.
//!
//! Each queue has a cause of its own, and all that is not about queues raises "other" as
//! well. IVAR gives these five causes their vectors; while it gives none, all share
//! vector 0. A message leaves at once (ITR and EITR throttle nothing); a cause that is
//! masked waits in ICR, and its message leaves when it is unmasked.
//!
//! Source: 82574 datasheet, chapters 7 (interrupts) and 10.

use lockgate_regs::e1000e::*;
use lockgate_regs::{Index, Register};

use super::Nic;
use super::map::{Eiac, Iam, Ics, Ims, Ivar};

/// ICR: receive queue 0, transmit queue 0, and what is none of a queue's.
const RECEIVED: u32 = 1 << 20;
const SENT: u32 = 1 << 22;
const OTHER: u32 = 1 << 24;

/// The causes that have vectors, lowest first, four bits of IVAR each.
const MAPPED: std::ops::Range<u32> = 20..25;

/// ICR: causes that are about queues: TXDW, TXQE, RXDMT0, RXDW.
const OF_QUEUES: u32 = 0x93;

/// An IVAR entry: the vector, and whether it counts.
const VECTOR: u32 = 0x7;
const VALID: u32 = 0x8;

/// CTRL_EXT.IAME: reading ICR masks what IAM lists.
const AUTO_MASK: u32 = 1 << 27;

impl Nic {
    /// Raises causes of ICR.
    pub(super) fn raise(&mut self, causes: u32) {
        let mapped = MAPPED.fold(0, |bits, cause| bits | 1 << cause);
        let other = if causes & !OF_QUEUES & !mapped != 0 {
            OTHER
        } else {
            0
        };
        let old = self.registers.word(Icr::BASE);
        self.registers.put(Icr::BASE, old | causes | other);
        self.signal(causes | other);
    }

    /// Raises the cause of a receive queue, beside `causes`.
    pub(super) fn raise_received(&mut self, queue: RxQueue, causes: u32) {
        self.raise(causes | RECEIVED << queue.number());
    }

    /// Raises the cause of a transmit queue, beside `causes`.
    pub(super) fn raise_sent(&mut self, queue: TxQueue, causes: u32) {
        self.raise(causes | SENT << queue.number());
    }

    /// A register of masks or causes was written.
    pub(super) fn written_interrupts(&mut self, offset: u32, value: u32) {
        let allowed = self.registers.get::<Ims>(()).get();
        match offset {
            Ics::BASE => self.raise(value),
            Ims::BASE => {
                self.registers.put(Ims::BASE, allowed | value);
                self.signal(value);
            }
            Imc::BASE => self.registers.put(Ims::BASE, allowed & !value),
            _ => {}
        }
    }

    /// ICR was read: its bits are gone, and IAM masks if CTRL_EXT.IAME says so.
    pub(super) fn icr_was_read(&mut self) {
        if self.registers.word(CtrlExt::BASE) & AUTO_MASK != 0 {
            let masked = self.registers.get::<Iam>(()).get();
            let allowed = self.registers.get::<Ims>(()).get();
            self.registers.put(Ims::BASE, allowed & !masked);
        }
    }

    /// Sends the messages of those of `causes` that are raised and not masked. EIAC
    /// lists the causes that are cleared and masked by that.
    fn signal(&mut self, causes: u32) {
        let allowed = self.registers.get::<Ims>(()).get();
        let due = self.registers.word(Icr::BASE) & allowed & causes;
        let ivar = self.registers.get::<Ivar>(()).get();
        let entry = |cause: u32| ivar >> (4 * (cause - MAPPED.start)) & 0xF;
        if due != 0 && MAPPED.into_iter().all(|cause| entry(cause) & VALID == 0) {
            self.messages |= 1;
            return;
        }
        let mut told = 0;
        for cause in MAPPED {
            if due >> cause & 1 != 0 && entry(cause) & VALID != 0 {
                self.messages |= 1 << (entry(cause) & VECTOR);
                told |= 1 << cause;
            }
        }
        let automatic = told & self.registers.get::<Eiac>(()).get();
        self.registers
            .put(Icr::BASE, self.registers.word(Icr::BASE) & !automatic);
        self.registers.put(Ims::BASE, allowed & !automatic);
    }
}
