//! A card that only remembers: what it is told, in order, and answers that. The test plays the
//! hardware.
//!
//! Offsets are literals of the datasheets. Not here: what a card would do.

use std::collections::HashMap;
use std::sync::Mutex;
use std::vec::Vec;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::time::Duration;

use lockgate_shm::Memory;

use crate::device::{Bar, BusError, Card, Clock, DeviceId, DmaMemory, Function, Iommu, Iova};

pub(crate) const CTRL: u32 = 0x0000;
pub(crate) const MDIC: u32 = 0x0020;

/// Marks a flush among the writes.
pub(crate) const FLUSH: u32 = u32::MAX;

/// Registers, every write in order, and the memory that was mapped. Clones are the same card.
#[derive(Clone, Default)]
pub(crate) struct FakeCard(Arc<State>);

#[derive(Default)]
struct State {
    registers: Mutex<HashMap<u32, u32>>,
    /// What registers read that were never written.
    unwritten: Mutex<u32>,
    writes: Mutex<Vec<(u32, u32)>>,
    mapped: Mutex<Vec<Arc<Memory>>>,
    /// The most bytes that one mapping gets, if that is limited.
    map_at_most: Mutex<Option<usize>>,
    bus_master: Mutex<Vec<bool>>,
    /// The time, which passes by sleeping alone.
    now: Mutex<Duration>,
}

impl FakeCard {
    /// Where the card sees the first memory that was mapped; the next are as far apart.
    pub(crate) const IOVA: u64 = 1 << 32;

    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The card, as Intel's number `device`.
    pub(crate) fn card(&self, device: u16) -> Card {
        Card {
            id: DeviceId {
                vendor: 0x8086,
                device,
            },
            bar: Arc::new(self.clone()),
            iommu: Arc::new(self.clone()),
            function: Arc::new(self.clone()),
            clock: Arc::new(self.clone()),
        }
    }

    /// Has every register that was not written read `value`.
    pub(crate) fn answer(&self, value: u32) {
        *self.0.unwritten.lock().unwrap() = value;
    }

    /// Has mappings be of `bytes` at most, whatever is asked for.
    pub(crate) fn map_less(&self, bytes: usize) {
        *self.0.map_at_most.lock().unwrap() = Some(bytes);
    }

    /// The memory that was mapped first.
    pub(crate) fn memory(&self) -> Arc<Memory> {
        Arc::clone(&self.0.mapped.lock().unwrap()[0])
    }

    /// What was written since the last call: offset and value.
    pub(crate) fn take_writes(&self) -> Vec<(u32, u32)> {
        core::mem::take(&mut *self.0.writes.lock().unwrap())
    }

    /// The values of the same.
    pub(crate) fn doorbells(&self) -> Vec<u32> {
        self.take_writes().into_iter().map(|(_, v)| v).collect()
    }

    /// Every write so far.
    pub(crate) fn writes(&self) -> Vec<(u32, u32)> {
        self.0.writes.lock().unwrap().clone()
    }

    /// Every change of bus mastering so far.
    pub(crate) fn bus_master(&self) -> Vec<bool> {
        self.0.bus_master.lock().unwrap().clone()
    }

    /// Where in the order of writes `register` first got a value with all of `bits`.
    pub(crate) fn first(&self, register: u32, bits: u32) -> usize {
        let found = self
            .writes()
            .iter()
            .position(|&(to, value)| to == register && value & bits == bits);
        found.unwrap_or_else(|| panic!("{register:#x} never gets {bits:#x}"))
    }

    /// Where `register` was written last.
    pub(crate) fn last(&self, register: u32) -> usize {
        let writes = self.writes();
        writes.iter().rposition(|&(to, _)| to == register).unwrap()
    }

    /// Sets what registers read.
    pub(crate) fn set_all(&self, values: impl IntoIterator<Item = (u32, u32)>) {
        for (register, value) in values {
            self.set(register, value);
        }
    }

    /// Sets what a register reads.
    pub(crate) fn set(&self, register: u32, value: u32) {
        self.0.registers.lock().unwrap().insert(register, value);
    }
}

impl Bar for FakeCard {
    fn read(&self, offset: u32) -> u32 {
        let unwritten = *self.0.unwritten.lock().unwrap();
        let registers = self.0.registers.lock().unwrap();
        *registers.get(&offset).unwrap_or(&unwritten)
    }

    fn write(&self, offset: u32, value: u32) {
        self.0.writes.lock().unwrap().push((offset, value));
        let held = match offset {
            CTRL => value & !(1 << 26),
            MDIC => value | 1 << 28,
            _ => value,
        };
        self.set(offset, held);
    }

    fn flush(&self) {
        self.0.writes.lock().unwrap().push((FLUSH, 0));
    }
}

impl Iommu for FakeCard {
    fn map(&self, bytes: usize) -> Result<DmaMemory, BusError> {
        let at_most = *self.0.map_at_most.lock().unwrap();
        let memory = Arc::new(Memory::zeroed(bytes.min(at_most.unwrap_or(bytes))));
        let mut mapped = self.0.mapped.lock().unwrap();
        mapped.push(Arc::clone(&memory));
        Ok(DmaMemory {
            iova: Iova::new(Self::IOVA * mapped.len() as u64),
            guard: Box::new(()),
            memory,
        })
    }
}

impl Function for FakeCard {
    fn reset(&self) -> Result<(), BusError> {
        Err(BusError::Unsupported)
    }

    fn set_bus_master(&self, on: bool) -> Result<(), BusError> {
        self.0.bus_master.lock().unwrap().push(on);
        Ok(())
    }
}

impl Clock for FakeCard {
    fn now(&self) -> Duration {
        *self.0.now.lock().unwrap()
    }

    fn sleep(&self, time: Duration) {
        *self.0.now.lock().unwrap() += time;
    }
}
