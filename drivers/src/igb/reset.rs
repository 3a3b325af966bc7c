//! From any state to silence, and from there to a fresh card.
//!
//! Source: 82576 datasheet, chapter 4 (reset, initialization) and chapter 5 (master
//! disable).

use std::io;
use std::thread;
use std::time::Duration;

use lockgate_regs::Index;
use lockgate_regs::igb::*;

use super::Igb;
use crate::access::or_go_on;
use crate::error::Error;

/// How long a queue may take to start or stop; far beyond any seen.
pub(super) const QUEUE_LIMIT: Duration = Duration::from_millis(20);

/// How long the frames of a queue may take to leave.
const DRAIN_LIMIT: Duration = Duration::from_millis(50);

/// How long DMA in progress may take; Intel's own drivers wait as long.
const MASTER_LIMIT: Duration = Duration::from_millis(80);

/// How long the card is left alone around a reset, as Intel's own drivers do.
const PAUSE: Duration = Duration::from_millis(10);

impl Igb {
    /// Silences the card, resets function and MAC, and lets it start DMA.
    pub(super) fn reset(&mut self) -> Result<(), Error> {
        self.quiesce()?;
        self.card.function.reset().or_else(|source| match source.kind() {
            // A card that cannot reset its function still resets its MAC, below.
            io::ErrorKind::Unsupported => Ok(()),
            _ => Err(Error::Reset { source }),
        })?;
        self.set_completion_timeout()?;
        let registers = &mut self.registers;
        registers.modify((), |ctrl: Ctrl| ctrl.with_reset(true))?;
        // The card must not be touched while it reads its configuration.
        thread::sleep(PAUSE);
        registers.wait((), PAUSE, |ctrl: &Ctrl| !ctrl.reset())?;
        // Without an EEPROM the flag never comes, and that is no failure.
        or_go_on(registers.wait((), PAUSE, Eecd::auto_read_done))?;
        // Nobody listens to interrupts here; none may be pending either.
        registers.write((), Imc::new(u32::MAX));
        registers.write((), Eimc::new(u32::MAX));
        registers.take::<Icr>(())?;
        registers.modify((), |ext: CtrlExt| ext.with_driver_loaded(true))?;
        // No partition may stop the sender of another one's frames.
        registers.write((), Fcrtl::new());
        registers.write((), Fcrth::new());
        let master = self.card.function.set_bus_master(true);
        master.map_err(|source| Error::BusMaster { source })
    }

    /// Stops receiving, lets what is being sent leave, stops the queues and then
    /// DMA as a whole.
    pub(super) fn quiesce(&self) -> Result<(), Error> {
        let registers = &self.registers;
        registers.modify((), |rctl: Rctl| rctl.with_enable(false))?;
        or_go_on(self.drain())?;
        registers.modify((), |tctl: Tctl| tctl.with_enable(false))?;
        self.card.bar.flush();
        thread::sleep(PAUSE);
        let queues = self.stop_queues();
        registers.modify((), |ext: CtrlExt| ext.with_driver_loaded(false))?;
        registers.modify((), |ctrl: Ctrl| ctrl.with_gio_master_disable(true))?;
        let idle = |status: &Status| !status.gio_master_enable();
        // A transaction may be stuck for good; the reset that follows ends it.
        or_go_on(registers.wait((), MASTER_LIMIT, idle))?;
        queues
    }

    /// Waits until no enabled queue has anything left to send.
    fn drain(&self) -> Result<(), Error> {
        for queue in TxQueue::all() {
            let tail = self.registers.read::<Tdt>(queue)?.get();
            if self.registers.read::<Txdctl>(queue)?.enable() {
                self.registers.wait(queue, DRAIN_LIMIT, |head: &Tdh| head.get() == tail)?;
            }
        }
        Ok(())
    }

    /// Disables every queue, and then waits until each says so.
    fn stop_queues(&self) -> Result<(), Error> {
        let registers = &self.registers;
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

    /// Gives completions 10 ms where the card, not PCIe configuration, holds the
    /// limit, and has it never ask twice: a late answer to the first request
    /// would be taken for that to the second.
    fn set_completion_timeout(&self) -> Result<(), Error> {
        self.registers.modify((), |gcr: Gcr| {
            let unset = gcr.completion_timeout() == 0 && !gcr.capability_v2();
            let timeout = if unset { 1 } else { gcr.completion_timeout() };
            gcr.with_completion_timeout(timeout).with_completion_resend(false)
        })
    }
}
