//! Statistics of the MAC. Every counter clears when read, so a reading is what
//! happened since the one before; this driver is the only reader.
//!
//! Source: 82576 datasheet, chapter 8 (statistics).

use lockgate_regs::Index;
use lockgate_regs::igb::{
    Crcerrs, Gorch, Gorcl, Gotch, Gotcl, Gprc, Gptc, Mpc, Pool, Rfc, Rjc, Roc, Rqdpc, Ruc, Ssvpc,
    Tpr,
};

use super::Igb;
use crate::error::Error;
use crate::nic::Statistics;

/// Valid bits of RQDPC.
const RQDPC_MASK: u32 = 0xFFF;

impl Igb {
    pub(super) fn take_statistics(&mut self) -> Result<Statistics, Error> {
        let registers = &mut self.registers;
        let mut rx_no_descriptor = Vec::new();
        for pool in Pool::all() {
            let mut dropped = 0;
            for queue in pool.rx_queues() {
                dropped += u64::from(registers.take::<Rqdpc>(queue)?.get() & RQDPC_MASK);
            }
            rx_no_descriptor.push(dropped);
        }
        // The low half first: reading the high one clears both.
        let received = registers.read::<Gorcl>(())?.get();
        let received_high = registers.take::<Gorch>(())?.get();
        let sent = registers.read::<Gotcl>(())?.get();
        let sent_high = registers.take::<Gotch>(())?.get();
        let undersize = registers.take::<Ruc>(())?.get();
        let oversize = registers.take::<Roc>(())?.get();
        Ok(Statistics {
            rx_total: registers.take::<Tpr>(())?.get().into(),
            rx_good: registers.take::<Gprc>(())?.get().into(),
            rx_octets: u64::from(received_high) << 32 | u64::from(received),
            tx_good: registers.take::<Gptc>(())?.get().into(),
            tx_octets: u64::from(sent_high) << 32 | u64::from(sent),
            rx_missed: registers.take::<Mpc>(())?.get().into(),
            rx_no_descriptor,
            rx_crc_errors: registers.take::<Crcerrs>(())?.get().into(),
            rx_undersize: u64::from(undersize) + u64::from(registers.take::<Rfc>(())?.get()),
            rx_oversize: u64::from(oversize) + u64::from(registers.take::<Rjc>(())?.get()),
            tx_spoofed: registers.take::<Ssvpc>(())?.get().into(),
        })
    }

    /// What was counted before the start is nobody's.
    pub(super) fn discard_statistics(&mut self) -> Result<(), Error> {
        self.take_statistics().map(drop)
    }
}
