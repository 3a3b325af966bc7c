//! What the MAC counts.
//!
//! Source: datasheets of 82574, 82576 and 82599, chapters on statistics registers, which these
//! are alike in. Not here: what a family counts beside it, by pool.

use alloc::vec::Vec;

use lockgate_regs::common::*;

use crate::access::Registers;
use crate::error::Error;

/// What the MAC counted since the last time it was asked. Lengths include the
/// frame check sequence; a replicated frame may count once per copy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "named by the datasheet's words")]
pub struct Statistics {
    /// Good frames that passed the filters (GPRC).
    pub rx_good: u64,
    pub rx_octets: u64,
    /// Good frames that left (GPTC).
    pub tx_good: u64,
    pub tx_octets: u64,
    /// Lost in front of the packet buffer (MPC); on an 82599 with more receiving pools than
    /// the 16 that can be told apart, dropped for want of a descriptor too.
    pub rx_missed: u64,
    /// Dropped for want of a descriptor (RQDPC, QPRDC), by pool.
    pub rx_no_descriptor: Vec<u64>,
    pub rx_crc_errors: u64,
    /// Too short, or too short and damaged (RUC, RFC).
    pub rx_undersize: u64,
    /// Too long, or too long and damaged (ROC, RJC).
    pub rx_oversize: u64,
    /// Refused by the card's anti-spoof checks (SSVPC).
    pub tx_spoofed: u64,
}

/// What the MAC counted as a whole; what a family counts beside it is empty.
pub(crate) fn take_mac_statistics(registers: &mut Registers) -> Result<Statistics, Error> {
    // The low ral_rah first: reading a high one clears both.
    let received = u64::from(registers.read::<Gorcl>(())?.get());
    let sent = u64::from(registers.read::<Gotcl>(())?.get());
    Ok(Statistics {
        rx_good: registers.count::<Gprc>(())?,
        rx_octets: received | registers.count::<Gorch>(())? << 32,
        tx_good: registers.count::<Gptc>(())?,
        tx_octets: sent | registers.count::<Gotch>(())? << 32,
        rx_crc_errors: registers.count::<Crcerrs>(())?,
        rx_undersize: registers.count::<Ruc>(())? + registers.count::<Rfc>(())?,
        rx_oversize: registers.count::<Roc>(())? + registers.count::<Rjc>(())?,
        ..Statistics::default()
    })
}
