//! Statistics of the MAC. Every counter clears when read, so a reading is what
//! happened since the one before; this driver is the only reader.
//!
//! Source: 82576 datasheet, chapter 8 (statistics).

use lockgate_regs::igb::*;
use lockgate_regs::{ClearsOnRead, Index};

use super::Igb;
use crate::error::Error;
use crate::nic::Statistics;

/// Valid bits of RQDPC.
const RQDPC_MASK: u64 = 0xFFF;

impl Igb {
    pub(super) fn take_statistics(&mut self) -> Result<Statistics, Error> {
        let mut rx_no_descriptor = Vec::new();
        for [first, second] in Pool::all().map(Pool::rx_queues) {
            let dropped = self.count::<Rqdpc>(first)? & RQDPC_MASK;
            rx_no_descriptor.push(dropped + (self.count::<Rqdpc>(second)? & RQDPC_MASK));
        }
        // The low halves first: reading a high one clears both.
        let received = u64::from(self.registers.read::<Gorcl>(())?.get());
        let sent = u64::from(self.registers.read::<Gotcl>(())?.get());
        Ok(Statistics {
            rx_good: self.count::<Gprc>(())?,
            rx_octets: received | self.count::<Gorch>(())? << 32,
            tx_good: self.count::<Gptc>(())?,
            tx_octets: sent | self.count::<Gotch>(())? << 32,
            rx_missed: self.count::<Mpc>(())?,
            rx_no_descriptor,
            rx_crc_errors: self.count::<Crcerrs>(())?,
            rx_undersize: self.count::<Ruc>(())? + self.count::<Rfc>(())?,
            rx_oversize: self.count::<Roc>(())? + self.count::<Rjc>(())?,
            tx_spoofed: self.count::<Ssvpc>(())?,
        })
    }

    fn count<R: ClearsOnRead>(&mut self, at: R::Index) -> Result<u64, Error> {
        Ok(u64::from(self.registers.take::<R>(at)?.into()))
    }
}
