//! The seam of the drivers on this machine: the card's registers, DMA memory, function, time.
//!
//! There is no IOMMU here: what the card sees is memory as it is, and it can reach all of it.
//! A separation kernel implements [`Iommu`] over the domain that it confines the card in, and
//! that is the one difference that counts.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::mem;
use core::time::Duration;

use lockgate_drivers::capabilities;
use lockgate_drivers::device::{Bar, BusError, Card, Clock, DmaMemory, Function, Iommu, Iova};
use lockgate_shm::Memory;

use crate::boot;
use crate::console::say;
use crate::pci::{self, PciFunction};

/// The first card on bus 0 that there is a driver for.
///
/// # Errors
/// None there, or registers that are out of reach.
pub(crate) fn find_card(ports: boot::ConfigPorts, clock: boot::Clock) -> Result<Card, pci::Error> {
    let (function, id) = PciFunction::find(ports, clock, |id| capabilities(id).is_some())?;
    say!("lockgate: card {id} at {function}");
    let registers = function.registers()?;
    Ok(Card {
        id,
        bar: Arc::new(Mmio(registers)),
        iommu: Arc::new(Identity),
        function: Arc::new(function),
        clock: Arc::new(TimeStampClock(clock)),
    })
}

/// Registers in the address space.
struct Mmio(boot::Registers);

impl Bar for Mmio {
    fn read(&self, offset: u32) -> u32 {
        self.0.read(offset)
    }

    fn write(&self, offset: u32, value: u32) {
        self.0.write(offset, value);
    }

    fn flush(&self) {
        // A read pushes posted writes ahead of it; reading CTRL, at 0, changes nothing.
        self.0.read(0);
    }
}

/// No domain: addresses of the card are addresses of memory, which the image has mapped one to
/// one.
struct Identity;

impl Iommu for Identity {
    fn map(&self, bytes: usize) -> Result<DmaMemory, BusError> {
        let memory = Arc::new(Memory::zeroed(bytes));
        // Nothing can take the card's reach away, so such memory is never freed.
        mem::forget(Arc::clone(&memory));
        Ok(DmaMemory {
            iova: Iova::new(memory.address() as u64),
            guard: Box::new(()),
            memory,
        })
    }
}

impl Function for PciFunction {
    fn reset(&self) -> Result<(), BusError> {
        match self.reset() {
            true => Ok(()),
            false => Err(BusError::Unsupported),
        }
    }

    fn set_bus_master(&self, on: bool) -> Result<(), BusError> {
        self.set_bus_master(on);
        Ok(())
    }
}

/// The processor's clock, as drivers want it.
struct TimeStampClock(boot::Clock);

impl Clock for TimeStampClock {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.now_ns())
    }

    fn sleep(&self, time: Duration) {
        let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.0.sleep_ns(ns);
    }
}
