//! From silence to a fresh card, and whose the PHY is meanwhile.
//!
//! Source: 82574 datasheet, chapters 4 and 5; the bits against errata, Intel's Linux
//! driver.

use core::time::Duration;

use lockgate_regs::Index;
use lockgate_regs::e1000e::*;

use super::card::E1000e;
use crate::access::tolerate_timeout;
use crate::error::Error;
use crate::family::Family;
use crate::gigabit;

/// How long the frames of a queue may take to leave.
const DRAIN_LIMIT: Duration = Duration::from_millis(50);

/// How long firmware may hold the PHY.
const OWNER_LIMIT: Duration = Duration::from_millis(10);

/// How long the PHY is configured after a reset, as Intel's own drivers wait.
const PHY_PAUSE: Duration = Duration::from_millis(25);

/// The type of a tag (IEEE 802.1Q, 9.4).
const TAG: u32 = 0x8100;

impl E1000e {
    /// Silences the card, resets it, and lets it start DMA.
    pub(super) fn reset(&mut self) -> Result<(), Error> {
        self.quiesce()?;
        self.owning_the_phy(|nic| gigabit::reset(&nic.adapter))?;
        let registers = &mut self.adapter.registers;
        registers.sleep(PHY_PAUSE);
        // Nobody listens to interrupts here; none may be pending either.
        registers.write((), Imc::new(u32::MAX));
        registers.count::<Icr>(())?;
        // A reset of QEMU's card forgets it, and no frame would count as tagged.
        registers.write((), Vet::new(TAG));
        registers.modify((), |gcr: Gcr| gcr.with_completion_fix(true))?;
        registers.modify((), |gcr: Gcr2| Gcr2::new(gcr.get() | 1))?;
        registers.modify((), |ext: CtrlExt| {
            ext.with_link_mode(1).with_driver_loaded(true)
        })?;
        let master = self.adapter.card.function.set_bus_master(true);
        master.map_err(|source| Error::BusMaster { source })
    }

    /// Starts autonegotiation; the link comes up some time later.
    pub(super) fn start_link(&self) -> Result<(), Error> {
        self.owning_the_phy(|nic| gigabit::start_link(&nic.adapter.registers))
    }

    /// Does `work` while firmware keeps its hands off the PHY.
    fn owning_the_phy(&self, work: impl FnOnce(&Self) -> Result<(), Error>) -> Result<(), Error> {
        let registers = &self.adapter.registers;
        registers.modify((), |extcnf: Extcnf| extcnf.with_software_owns(true))?;
        // Whoever does not let go in time has no right to.
        tolerate_timeout(registers.wait((), OWNER_LIMIT, Extcnf::software_owns))?;
        let done = work(self);
        registers.modify((), |extcnf: Extcnf| extcnf.with_software_owns(false))?;
        done
    }

    /// Waits until no queue that may send has anything left.
    pub(super) fn drain(&self) -> Result<(), Error> {
        let registers = &self.adapter.registers;
        if !registers.read::<Tctl>(())?.enable() || !registers.read::<Status>(())?.link_up() {
            return Ok(());
        }
        for queue in TxQueue::all() {
            let tail = registers.read::<Tdt>(queue)?.get();
            registers.wait(queue, DRAIN_LIMIT, |head: &Tdh| head.get() == tail)?;
        }
        Ok(())
    }
}
