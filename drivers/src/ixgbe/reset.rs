//! From any state to silence, and from there to a fresh card.
//!
//! Source: 82599 datasheet, 4.2 (reset), 4.6 (initialization) and 5.2.5.3.2 (master
//! disable); the pause of the receive path and the bits against errata, Intel's Linux
//! driver.

use core::time::Duration;

use lockgate_regs::ixgbe::*;

use super::card::Ixgbe;
use crate::access::tolerate_timeout;
use crate::advanced::stop_queues;
use crate::error::Error;
use crate::family::Family;
use crate::reset::{RESET_DELAY, reset_function, reset_mac};

/// How long the receive path may take to run empty.
const PAUSE_LIMIT: Duration = Duration::from_millis(40);

/// How long the card is left alone after a reset, as Intel's own drivers do.
const RESET_PAUSE: Duration = Duration::from_millis(50);

/// How long a queue that has stopped may still write to memory.
const WRITE_PAUSE: Duration = Duration::from_micros(100);

impl Ixgbe {
    /// Silences the card, resets function and MAC, and lets it start DMA.
    pub(super) fn reset(&mut self) -> Result<(), Error> {
        self.quiesce()?;
        reset_function(&self.adapter)?;
        let registers = &mut self.adapter.registers;
        // Requests may be stuck: only a second reset ends them for sure (5.2.5.3.2).
        let stuck = registers.read::<Status>(())?.gio_master_enable();
        for _ in 0..=u8::from(stuck) {
            reset_mac(registers)?;
            registers.sleep(RESET_PAUSE);
        }
        // Without an EEPROM the flag never comes, and that is no failure.
        tolerate_timeout(registers.wait((), RESET_DELAY, Eec::auto_read_done))?;
        registers.wait((), RESET_DELAY, Rdrxctl::dma_ready)?;
        // Nobody listens to interrupts here; none may be pending either.
        registers.write((), Eimc::new(u32::MAX));
        registers.count::<Eicr>(())?;
        registers.modify((), |ext: CtrlExt| {
            // A write in relaxed order may overtake the one that tells of it.
            let ext = ext
                .with_no_snoop_disable(true)
                .with_relaxed_order_disable(true);
            ext.with_driver_loaded(true)
        })?;
        let master = self.adapter.card.function.set_bus_master(true);
        master.map_err(|source| Error::BusMaster { source })
    }

    /// Lets the card receive, or stops it, while the path behind the MAC stands still: the
    /// receive DMA may hang otherwise.
    pub(super) fn set_receiving(&self, on: bool) -> Result<(), Error> {
        let registers = &self.adapter.registers;
        registers.modify((), |path: Secrxctrl| path.with_pause(true))?;
        // A path that does not run empty is reset later on.
        tolerate_timeout(registers.wait((), PAUSE_LIMIT, Secrxstat::ready))?;
        registers.write((), Rxctrl::new().with_enable(on));
        registers.modify((), |path: Secrxctrl| path.with_pause(false))
    }

    /// Disables every queue, and gives what they still write time to arrive.
    pub(super) fn stop_queues(&self) -> Result<(), Error> {
        let registers = &self.adapter.registers;
        stop_queues::<Rxdctl, Txdctl>(registers)?;
        registers.sleep(WRITE_PAUSE);
        Ok(())
    }
}
