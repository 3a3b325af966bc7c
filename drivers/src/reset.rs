//! Reset and master disable, as all families do them.
//!
//! Source: datasheets of 82574, 82576 and 82599, chapters on initialization and master disable.
//! Not here: in what order things are done, and what follows (the families).

use core::time::Duration;

use lockgate_regs::common::*;

use crate::access::{Registers, tolerate_timeout};
use crate::adapter::Adapter;
use crate::device::BusError;
use crate::error::Error;

/// How long the card is left alone around a reset, as Intel's own drivers do.
pub(crate) const RESET_DELAY: Duration = Duration::from_millis(10);

/// How long DMA in progress may take; Intel's own drivers wait as long.
const MASTER_LIMIT: Duration = Duration::from_millis(80);

/// Resets the PCI function.
pub(crate) fn reset_function(adapter: &Adapter) -> Result<(), Error> {
    adapter
        .card
        .function
        .reset()
        .or_else(|source| match source {
            // A card that cannot reset its function still resets its MAC.
            BusError::Unsupported => Ok(()),
            source => Err(Error::Reset { source }),
        })
}

/// Resets the MAC.
pub(crate) fn reset_mac(registers: &Registers) -> Result<(), Error> {
    registers.modify((), |ctrl: Ctrl| ctrl.with_reset(true))?;
    // The card must not be touched while it reads its configuration.
    registers.sleep(RESET_DELAY);
    registers
        .wait((), RESET_DELAY, |ctrl: &Ctrl| !ctrl.reset())
        .map(drop)
}

/// Stops DMA as a whole.
pub(crate) fn disable_master(registers: &Registers) -> Result<(), Error> {
    registers.modify((), |ctrl: Ctrl| ctrl.with_gio_master_disable(true))?;
    let idle = |status: &Status| !status.gio_master_enable();
    // A transaction may be stuck for good; the reset that follows ends it.
    tolerate_timeout(registers.wait((), MASTER_LIMIT, idle))
}
