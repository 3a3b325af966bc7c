//! A card of paper: it remembers what it is told, in order, and answers that.
//!
//! Offsets are literals of the datasheets. Not here: what a card would do.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};

use crate::device::{Bar, Card, DeviceId, Function, Iommu, Iova};
use crate::sys::Pages;

pub(crate) const CTRL: u32 = 0x0000;
pub(crate) const MDIC: u32 = 0x0020;

/// Marks a flush among the writes.
pub(crate) const FLUSH: u32 = u32::MAX;

/// A card that only remembers: registers, and every write in order.
#[derive(Default)]
pub(crate) struct Paper {
    pub(crate) registers: Mutex<HashMap<u32, u32>>,
    pub(crate) writes: Mutex<Vec<(u32, u32)>>,
    mapped: Mutex<u64>,
    pub(crate) master: Mutex<Vec<bool>>,
}

impl Paper {
    /// The card, as Intel's number `device`.
    pub(crate) fn card(self: &Arc<Self>, device: u16) -> Card {
        Card {
            id: DeviceId {
                vendor: 0x8086,
                device,
            },
            bar: self.clone(),
            iommu: self.clone(),
            function: self.clone(),
        }
    }

    /// Where in the order of writes `register` first got a value with all of `bits`.
    pub(crate) fn first(&self, register: u32, bits: u32) -> usize {
        let writes = self.writes.lock().unwrap();
        let found = writes
            .iter()
            .position(|&(to, value)| to == register && value & bits == bits);
        found.unwrap_or_else(|| panic!("{register:#x} never gets {bits:#x}"))
    }

    /// Where `register` was written last.
    pub(crate) fn last(&self, register: u32) -> usize {
        let writes = self.writes.lock().unwrap();
        writes.iter().rposition(|&(to, _)| to == register).unwrap()
    }
}

impl Bar for Paper {
    fn read(&self, offset: u32) -> u32 {
        *self.registers.lock().unwrap().get(&offset).unwrap_or(&0)
    }

    fn write(&self, offset: u32, value: u32) {
        self.writes.lock().unwrap().push((offset, value));
        let held = match offset {
            CTRL => value & !(1 << 26),
            MDIC => value | 1 << 28,
            _ => value,
        };
        self.registers.lock().unwrap().insert(offset, held);
    }

    fn flush(&self) {
        self.writes.lock().unwrap().push((FLUSH, 0));
    }
}

impl Iommu for Paper {
    fn map(&self, pages: &Arc<Pages>) -> io::Result<Iova> {
        let mut next = self.mapped.lock().unwrap();
        *next += 1 << 32;
        assert!(pages.len() < 1 << 32);
        Ok(Iova::new(*next))
    }

    fn unmap(&self, _: Iova, _: usize) -> io::Result<()> {
        Ok(())
    }
}

impl Function for Paper {
    fn reset(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn set_bus_master(&self, on: bool) -> io::Result<()> {
        self.master.lock().unwrap().push(on);
        Ok(())
    }
}
