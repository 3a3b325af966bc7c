//! Interrupts: from causes to MSI-X vectors.
//!
//! IVAR gives each queue a vector, IVAR_MISC one to everything else. A vector that is
//! masked is remembered until it is not; one that is signalled is forgotten where EIAC
//! says so, and masked where EIAM says so. Moderation (EITR) delays nothing here.
//!
//! Source: 82599 datasheet, 7.3 and 8.2.3.5.

use lockgate_regs::Register;
use lockgate_regs::ixgbe::*;

use super::extra_registers::plain;
use crate::registers::Registers;

/// Bits of EICR beyond the queues.
pub(super) mod cause {
    /// LSC: the link changed.
    pub(in crate::ixgbe) const LINK: u32 = 1 << 20;
    /// All of them.
    pub(in crate::ixgbe) const OTHERS: u32 = 0x7FFF_0000;
    /// Bits that stand for vectors.
    pub(in crate::ixgbe) const QUEUES: u32 = 0x0000_FFFF;
}

/// GPIE.EIAME: a vector that is signalled masks itself as EIAM says.
const AUTO_MASK: u32 = 1 << 30;

/// GPIE.Multiple_MSIX: each vector has causes of its own.
const MULTIPLE: u32 = 1 << 4;

/// The valid bit of an IVAR entry, and its vector.
const VALID: u8 = 0x80;
const VECTOR: u8 = 0x3F;

/// What is pending, masked and signalled.
#[derive(Debug, Default)]
pub(super) struct Interrupts {
    /// Vectors of queues with something to tell.
    pending: u64,
    /// Other causes, as EICR has them.
    others: u32,
    /// Vectors that may be signalled (EIMS_EX).
    enabled: u64,
    /// Other causes that may (EIMS).
    enabled_others: u32,
    /// Vectors that mask themselves (EIAM_EX).
    auto_mask: u64,
    /// Other causes already told.
    told: u32,
    signalled: u64,
}

/// Direction of a queue.
#[derive(Debug, Clone, Copy)]
pub(super) enum Direction {
    Receive,
    Transmit,
}

impl Interrupts {
    /// The vectors signalled since the last call.
    pub(super) fn take(&mut self) -> u64 {
        std::mem::take(&mut self.signalled)
    }

    /// A queue has something to tell.
    pub(super) fn raise_queue(&mut self, registers: &Registers, queue: u32, direction: Direction) {
        let word = registers.word(plain::IVAR + 4 * (queue / 2));
        let byte = 2 * (queue & 1) + matches!(direction, Direction::Transmit) as u32;
        let entry = (word >> (8 * byte)) as u8;
        if entry & VALID != 0 {
            self.pending |= 1 << (entry & VECTOR);
            self.signal(registers);
        }
    }

    /// Something else happened.
    pub(super) fn raise(&mut self, registers: &Registers, causes: u32) {
        self.others |= causes & cause::OTHERS;
        self.signal(registers);
    }

    /// Signals what is pending and may be.
    fn signal(&mut self, registers: &Registers) {
        let gpie = registers.word(Gpie::BASE);
        let Interrupts {
            pending, enabled, ..
        } = *self;
        let vectors = pending & enabled;
        if vectors != 0 {
            self.signalled |= vectors;
            let clears = match gpie & MULTIPLE {
                0 => 0,
                // Vectors beyond EIAC's sixteen clear by themselves.
                _ => u64::from(registers.word(plain::EIAC) & cause::QUEUES) | !0xFFFF,
            };
            self.pending &= !(vectors & clears);
            if gpie & AUTO_MASK != 0 {
                self.enabled &= !(vectors & self.auto_mask);
            }
        }
        self.signal_others(registers);
    }

    fn signal_others(&mut self, registers: &Registers) {
        let news = self.others & self.enabled_others & !self.told;
        let entry = (registers.word(plain::IVAR_MISC) >> 8) as u8;
        if news != 0 && entry & VALID != 0 {
            self.signalled |= 1 << (entry & VECTOR);
            self.told |= news;
        }
    }

    /// What EICR reads; reading clears it, unless EIAC leaves that to signalling.
    pub(super) fn read_eicr(&mut self) -> u32 {
        let value = self.others | (self.pending as u32 & cause::QUEUES);
        self.others = 0;
        self.told = 0;
        self.pending &= !u64::from(cause::QUEUES);
        value
    }

    /// What a mask register reads.
    pub(super) fn read_mask(&self, offset: u32) -> Option<u32> {
        let low = self.enabled as u32;
        match offset {
            plain::EIMS | Eimc::BASE => Some((low & cause::QUEUES) | self.enabled_others),
            plain::EIMS_EX | plain::EIMC_EX => Some(low),
            plain::EIMS_EX_1 | plain::EIMC_EX_1 => Some((self.enabled >> 32) as u32),
            _ => None,
        }
    }

    /// A register of the masks was written; says whether it was one.
    pub(super) fn write_mask(&mut self, registers: &Registers, offset: u32, value: u32) -> bool {
        let queues = u64::from(value & cause::QUEUES);
        let high = u64::from(value) << 32;
        match offset {
            plain::EIMS => {
                self.enabled |= queues;
                self.enabled_others |= value & cause::OTHERS;
            }
            Eimc::BASE => {
                self.enabled &= !queues;
                self.enabled_others &= !value;
            }
            plain::EIMS_EX => self.enabled |= u64::from(value),
            plain::EIMS_EX_1 => self.enabled |= high,
            plain::EIMC_EX => self.enabled &= !u64::from(value),
            plain::EIMC_EX_1 => self.enabled &= !high,
            plain::EIAM => self.auto_mask = (self.auto_mask & !0xFFFF) | queues,
            plain::EIAM_EX => {
                self.auto_mask = (self.auto_mask & !u64::from(u32::MAX)) | u64::from(value);
            }
            plain::EIAM_EX_1 => {
                self.auto_mask = (self.auto_mask & u64::from(u32::MAX)) | high;
            }
            plain::EICS => {
                self.pending |= queues;
                self.others |= value & cause::OTHERS;
            }
            plain::EICS_EX => self.pending |= u64::from(value),
            plain::EICS_EX_1 => self.pending |= high,
            Eicr::BASE => {
                self.others &= !value;
                self.told &= !value;
                self.pending &= !queues;
            }
            _ => return false,
        }
        self.signal(registers);
        true
    }
}
