//! From any state to silence, and from there to a fresh card.
//!
//! Source: 82576 datasheet, chapter 4 (reset, initialization) and chapter 5 (master
//! disable).

use lockgate_regs::igb::*;

use super::card::Igb;
use crate::advanced::stop_queues;
use crate::error::Error;
use crate::family::Family;
use crate::gigabit;

impl Igb {
    /// Silences the card, resets function and MAC, and lets it start DMA.
    pub(super) fn reset(&mut self) -> Result<(), Error> {
        self.quiesce()?;
        gigabit::reset(&self.adapter)?;
        // A card that is wired for SerDes or SGMII has no copper PHY to talk to.
        if self.adapter.registers.read::<CtrlExt>(())?.link_mode() != 0 {
            return Err(Error::LinkMode);
        }
        let registers = &mut self.adapter.registers;
        // Nobody listens to interrupts here; none may be pending either.
        registers.write((), Imc::new(u32::MAX));
        registers.write((), Eimc::new(u32::MAX));
        registers.count::<Icr>(())?;
        registers.modify((), |ext: CtrlExt| ext.with_driver_loaded(true))?;
        // The first queues are on after a reset, and perhaps nobody's.
        stop_queues::<Rxdctl, Txdctl>(&self.adapter.registers)?;
        let master = self.adapter.card.function.set_bus_master(true);
        master.map_err(|source| Error::BusMaster { source })
    }
}
