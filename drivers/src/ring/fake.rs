//! A card that does nothing by itself: the test plays the NIC.

use std::io;
use std::sync::{Arc, Mutex};

use super::{Ring, layout};
use crate::device::{Bar, Card, DeviceId, Function, Iommu, Iova};
use crate::nic::Port;
use crate::sys::Pages;

/// A ring of `slots` with buffers of `buffer_bytes` that `fake` reaches.
pub(super) fn ring(fake: &Arc<Fake>, slots: u16, buffer_bytes: usize) -> Ring {
    let layout = layout(slots, buffer_bytes).unwrap();
    let ring = Ring::new(&Port::new(fake.card()), layout, 0xC000).unwrap();
    assert_eq!(fake.told(), registers(slots));
    ring
}

/// Remembers register writes and mapped pages.
#[derive(Default)]
pub(super) struct Fake {
    pub(super) writes: Mutex<Vec<(u32, u32)>>,
    pub(super) mapped: Mutex<Vec<Arc<Pages>>>,
}

impl Fake {
    /// Where the only region is seen by the NIC.
    pub(super) const IOVA: u64 = 0x10_0000;

    pub(super) fn card(self: &Arc<Self>) -> Card {
        let id = DeviceId {
            vendor: 0x8086,
            device: 0x10c9,
        };
        Card {
            id,
            bar: self.clone(),
            iommu: self.clone(),
            function: self.clone(),
        }
    }

    pub(super) fn pages(&self) -> Arc<Pages> {
        Arc::clone(&self.mapped.lock().unwrap()[0])
    }

    pub(super) fn doorbells(&self) -> Vec<u32> {
        self.told().into_iter().map(|(_, value)| value).collect()
    }

    fn told(&self) -> Vec<(u32, u32)> {
        std::mem::take(&mut *self.writes.lock().unwrap())
    }
}

/// Base, length, head and tail of an empty ring at 0xC000.
fn registers(slots: u16) -> Vec<(u32, u32)> {
    let base = Fake::IOVA;
    vec![
        (0xC000, base as u32),
        (0xC004, (base >> 32) as u32),
        (0xC008, 16 * u32::from(slots)),
        (0xC010, 0),
        (0xC018, 0),
    ]
}

impl Bar for Fake {
    fn read(&self, _: u32) -> u32 {
        0
    }

    fn write(&self, offset: u32, value: u32) {
        self.writes.lock().unwrap().push((offset, value));
    }

    fn flush(&self) {}
}

impl Iommu for Fake {
    fn map(&self, pages: &Arc<Pages>) -> io::Result<Iova> {
        self.mapped.lock().unwrap().push(Arc::clone(pages));
        Ok(Iova::new(Self::IOVA))
    }

    fn unmap(&self, _: Iova, _: usize) -> io::Result<()> {
        self.mapped.lock().unwrap().clear();
        Ok(())
    }
}

impl Function for Fake {
    fn reset(&self) -> io::Result<()> {
        Ok(())
    }

    fn set_bus_master(&self, _: bool) -> io::Result<()> {
        Ok(())
    }
}
