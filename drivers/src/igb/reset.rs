//! From any state to silence, and from there to a fresh card.
//!
//! Source: 82576 datasheet, chapter 4 (reset, initialization) and chapter 5 (master
//! disable).

use std::io;
use std::thread;
use std::time::Duration;

use lockgate_regs::Index;
use lockgate_regs::igb::{
    Ctrl, CtrlExt, Eecd, Eimc, Fcrth, Fcrtl, Fcttv, Gcr, Icr, Imc, Rctl, RxQueue, Rxdctl, Status,
    Tctl, Tdh, Tdt, TxQueue, Txdctl, Vfre, Vfte,
};

use super::Igb;
use crate::access::{or_go_on, wait};
use crate::error::Error;

/// How long a queue may take to start or stop; far beyond any seen.
pub(super) const QUEUE_LIMIT: Duration = Duration::from_millis(20);

/// How long frames on the way out may take.
const DRAIN_LIMIT: Duration = Duration::from_millis(50);

/// How long DMA in progress may take; Intel's own drivers wait as long.
const MASTER_LIMIT: Duration = Duration::from_millis(80);

/// How long the card is left alone around a reset, as Intel's own drivers do.
const PAUSE: Duration = Duration::from_millis(10);

impl Igb {
    /// Silences the card, resets function and MAC, and lets it start DMA.
    pub(super) fn reset(&mut self) -> Result<(), Error> {
        self.quiesce()?;
        match self.card.function.reset() {
            // A card that cannot reset its function still resets its MAC, below.
            Err(source) if source.kind() != io::ErrorKind::Unsupported => {
                return Err(Error::Reset { source });
            }
            _ => {}
        }
        self.set_completion_timeout()?;
        self.mask_interrupts()?;
        let registers = &self.registers;
        registers.modify::<Ctrl>((), |ctrl| ctrl.with_reset(true))?;
        // The card must not be touched while it reads its configuration.
        thread::sleep(PAUSE);
        let done = |ctrl: Ctrl| !ctrl.reset();
        registers.wait::<Ctrl>((), "CTRL.RST clear", PAUSE, done)?;
        // Without an EEPROM the flag never comes, and that is no failure.
        let read = Eecd::auto_read_done;
        or_go_on(registers.wait::<Eecd>((), "EECD.AUTO_RD", PAUSE, |eecd| read(&eecd)))?;
        self.mask_interrupts()?;
        self.registers.modify::<CtrlExt>((), |ext| ext.with_driver_loaded(true))?;
        self.forbid_pause_frames();
        let master = self.card.function.set_bus_master(true);
        master.map_err(|source| Error::BusMaster { source })
    }

    /// Stops receiving, lets what is being sent leave, stops the queues and then
    /// DMA as a whole.
    pub(super) fn quiesce(&mut self) -> Result<(), Error> {
        let registers = &self.registers;
        registers.modify::<Rctl>((), |rctl| rctl.with_enable(false))?;
        registers.write::<Vfre>((), Vfre::new(0));
        or_go_on(self.drain())?;
        registers.modify::<Tctl>((), |tctl| tctl.with_enable(false))?;
        registers.write::<Vfte>((), Vfte::new(0));
        registers.flush();
        thread::sleep(PAUSE);
        let queues = self.stop_queues();
        registers.modify::<CtrlExt>((), |ext| ext.with_driver_loaded(false))?;
        registers.modify::<Ctrl>((), |ctrl| ctrl.with_gio_master_disable(true))?;
        let idle = |status: Status| !status.gio_master_enable();
        let what = "STATUS.GIO_MASTER_ENABLE clear";
        // A transaction may be stuck for good; the reset that follows ends it.
        or_go_on(registers.wait::<Status>((), what, MASTER_LIMIT, idle))?;
        queues
    }

    /// Waits until no enabled queue has anything left to send.
    fn drain(&self) -> Result<(), Error> {
        let registers = &self.registers;
        wait("TDH to reach TDT", DRAIN_LIMIT, || {
            for queue in TxQueue::all() {
                let head = registers.read::<Tdh>(queue)?.get();
                let busy = head != registers.read::<Tdt>(queue)?.get();
                if busy && registers.read::<Txdctl>(queue)?.enable() {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    /// Disables every queue and waits until each says so. All are tried.
    fn stop_queues(&self) -> Result<(), Error> {
        let registers = &self.registers;
        let pairs = || RxQueue::all().zip(TxQueue::all());
        for (rx, tx) in pairs() {
            registers.modify::<Rxdctl>(rx, |rxdctl| rxdctl.with_enable(false))?;
            registers.modify::<Txdctl>(tx, |txdctl| txdctl.with_enable(false))?;
        }
        wait("RXDCTL.ENABLE and TXDCTL.ENABLE clear", QUEUE_LIMIT, || {
            for (rx, tx) in pairs() {
                let receives = registers.read::<Rxdctl>(rx)?.enable();
                if receives || registers.read::<Txdctl>(tx)?.enable() {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    /// Nobody listens to interrupts here; none may be pending either.
    fn mask_interrupts(&mut self) -> Result<(), Error> {
        self.registers.write::<Imc>((), Imc::new(u32::MAX));
        self.registers.write::<Eimc>((), Eimc::new(u32::MAX));
        self.registers.take::<Icr>(()).map(drop)
    }

    /// Gives completions 10 ms where the card, not PCIe configuration, holds the
    /// limit, and has it never ask twice: a late answer to the first request
    /// would be taken for that to the second.
    fn set_completion_timeout(&self) -> Result<(), Error> {
        self.registers.modify::<Gcr>((), |gcr| {
            let unset = gcr.completion_timeout() == 0 && !gcr.capability_v2();
            let timeout = if unset { 1 } else { gcr.completion_timeout() };
            gcr.with_completion_timeout(timeout).with_completion_resend(false)
        })
    }

    /// No partition may stop the sender of another one's frames.
    fn forbid_pause_frames(&self) {
        self.registers.write::<Fcrtl>((), Fcrtl::new());
        self.registers.write::<Fcrth>((), Fcrth::new());
        self.registers.write::<Fcttv>((), Fcttv::new(0));
    }
}
