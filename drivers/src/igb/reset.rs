//! From any state to silence, and from there to a fresh card.
//!
//! Source: 82576 datasheet, chapter 4 (reset, initialization) and chapter 5 (master
//! disable).

use core::time::Duration;

use lockgate_regs::Index;
use lockgate_regs::igb::*;

use super::Igb;
use crate::error::Error;
use crate::family::Family;
use crate::gigabit;

/// How long a queue may take to start or stop; far beyond any seen.
pub(super) const QUEUE_LIMIT: Duration = Duration::from_millis(20);

/// How long the frames of a queue may take to leave.
const DRAIN_LIMIT: Duration = Duration::from_millis(50);

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
        self.stop_queues()?;
        let master = self.adapter.card.function.set_bus_master(true);
        master.map_err(|source| Error::BusMaster { source })
    }

    /// Waits until no enabled queue has anything left to send.
    pub(super) fn drain(&self) -> Result<(), Error> {
        for queue in TxQueue::all() {
            let tail = self.adapter.registers.read::<Tdt>(queue)?.get();
            if self.adapter.registers.read::<Txdctl>(queue)?.enable() {
                self.adapter
                    .registers
                    .wait(queue, DRAIN_LIMIT, |head: &Tdh| head.get() == tail)?;
            }
        }
        Ok(())
    }

    /// Disables every queue, and then waits until each says so.
    pub(super) fn stop_queues(&self) -> Result<(), Error> {
        let registers = &self.adapter.registers;
        let pairs = || RxQueue::all().zip(TxQueue::all());
        for (rx, tx) in pairs() {
            registers.modify(rx, |rxdctl: Rxdctl| rxdctl.with_enable(false))?;
            registers.modify(tx, |txdctl: Txdctl| txdctl.with_enable(false))?;
        }
        for (rx, tx) in pairs() {
            registers.wait(rx, QUEUE_LIMIT, |rxdctl: &Rxdctl| !rxdctl.enable())?;
            registers.wait(tx, QUEUE_LIMIT, |txdctl: &Txdctl| !txdctl.enable())?;
        }
        Ok(())
    }
}
