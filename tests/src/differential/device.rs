//! One of the two devices: its rings, and what it was seen to do.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use lockgate_drivers::device::{Bar, Card, DmaMemory};

use super::known;
use super::program::{Program, QUEUES};
use crate::subject::{Kind, PATIENCE, Subject};

/// Descriptors of each ring.
const SLOTS: u32 = 128;

/// Bytes between two buffers: the largest that SRRCTL is given.
const BUFFER: u64 = 10 << 10;

/// Bytes of one queue: descriptors, then buffers.
const QUEUE: u64 = 4096 + SLOTS as u64 * BUFFER;

const CTRL: u32 = 0x0000;
const STATUS: u32 = 0x0008;
const MDIC: u32 = 0x0020;
const RCTL: u32 = 0x0100;
const TCTL: u32 = 0x0400;
const ENABLE: u32 = 1 << 25;

/// A device, up and with rings.
pub struct Device {
    subject: Subject,
    card: Card,
    dma: DmaMemory,
    /// The next slot of each queue that the device fills.
    next: [u32; QUEUES as usize],
    /// What the counters of pools said last.
    counted: [u32; 8 * known::POOL_COUNTERS.len()],
}

/// What was seen of a batch of frames: by queue, each descriptor and its bytes.
pub type Observed = BTreeMap<u32, Vec<(known::Descriptor, Vec<u8>)>>;

impl Device {
    /// The device of `kind`, its link up and its rings in place.
    ///
    /// # Panics
    /// When it is not to be had.
    pub fn new(kind: Kind) -> Self {
        let subject = Subject::new(kind);
        let card = subject.card();
        card.function.reset().expect("a reset");
        card.function.set_bus_master(true).expect("bus mastering");
        let bytes = usize::try_from(u64::from(QUEUES) * QUEUE).expect("a size");
        let dma = card.iommu.map(bytes).expect("memory");
        let counted = [0; 8 * known::POOL_COUNTERS.len()];
        let next = [0; QUEUES as usize];
        let device = Self {
            subject,
            card,
            dma,
            next,
            counted,
        };
        device.bar().write(CTRL, device.bar().read(CTRL) | 1 << 6);
        // Restart negotiation: register 0 of PHY 1.
        device.bar().write(MDIC, 0x1200 | 1 << 21 | 1 << 26);
        device.wait(STATUS, 2);
        device
    }

    fn bar(&self) -> &dyn Bar {
        self.card.bar.as_ref()
    }

    fn wait(&self, register: u32, bit: u32) {
        let deadline = Instant::now() + PATIENCE;
        while self.bar().read(register) & bit == 0 {
            assert!(
                Instant::now() < deadline,
                "{register:#x} never gets {bit:#x}"
            );
            thread::sleep(Duration::from_micros(100));
        }
    }

    /// Stops receiving, writes `program` over whatever was there, and receives again.
    pub fn load(&mut self, program: &Program) {
        let bar = self.bar();
        bar.write(RCTL, 0);
        // What a queue was not let send it would send once the gate opens.
        let controls = || (0..QUEUES).flat_map(|n| [0xC028 + 0x40 * n, 0xE028 + 0x40 * n]);
        controls().for_each(|control| bar.write(control, 0));
        for control in controls() {
            let deadline = Instant::now() + PATIENCE;
            while bar.read(control) & ENABLE != 0 {
                assert!(
                    Instant::now() < deadline,
                    "{control:#x}: the queue does not stop"
                );
            }
        }
        let strip = u32::from(program.strip && program.mode != 3) << 30;
        bar.write(CTRL, bar.read(CTRL) & !(1 << 30) | strip);
        for (register, value) in program.registers() {
            bar.write(register, value);
        }
        self.next = [0; QUEUES as usize];
        for queue in 0..QUEUES {
            self.start_queue(queue, program.buffers[queue as usize]);
        }
        // Receiving is on before tails are written: so no frame finds half of the queues.
        let bar = self.bar();
        bar.write(RCTL, program.rctl | 1 << 1);
        (0..QUEUES).for_each(|queue| bar.write(0xC018 + 0x40 * queue, SLOTS - 1));
        self.take_counters(program);
    }

    fn start_queue(&self, queue: u32, kib: u32) {
        let (bar, at) = (self.bar(), 0xC000 + 0x40 * queue);
        (0..SLOTS).for_each(|slot| self.arm(queue, slot));
        let base = self.dma.iova.get() + u64::from(queue) * QUEUE;
        bar.write(at, base as u32);
        bar.write(at + 0x04, (base >> 32) as u32);
        bar.write(at + 0x08, 16 * SLOTS);
        bar.write(at + 0x0C, kib | 1 << 25 | 1 << 31);
        bar.write(at + 0x10, 0);
        bar.write(at + 0x18, 0);
        bar.write(at + 0x28, ENABLE | 1 << 16);
        self.wait(at + 0x28, ENABLE);
    }

    /// Where descriptor and buffer of a slot are in memory.
    fn place(queue: u32, slot: u32) -> (usize, usize) {
        let queue = u64::from(queue) * QUEUE;
        let descriptor = queue + 16 * u64::from(slot);
        let buffer = queue + 4096 + u64::from(slot) * BUFFER;
        (descriptor as usize, buffer as usize)
    }

    fn arm(&self, queue: u32, slot: u32) {
        let (descriptor, buffer) = Self::place(queue, slot);
        assert!(
            self.dma
                .memory
                .store_u64(descriptor, self.dma.iova.get() + buffer as u64)
        );
        assert!(self.dma.memory.store_u64(descriptor + 8, 0));
    }

    /// Gives the device a batch of frames, few enough for its rings, and says what came
    /// of them.
    pub fn receive(&mut self, frames: &[Vec<u8>]) -> Observed {
        frames.iter().for_each(|frame| self.subject.send(frame));
        self.subject.settle();
        let mut observed = Observed::new();
        for queue in 0..QUEUES {
            let mut seen = Vec::new();
            while let Some(one) = self.take(queue) {
                seen.push(one);
            }
            if !seen.is_empty() {
                let tail = (self.next[queue as usize] + SLOTS - 1) % SLOTS;
                self.bar().write(0xC018 + 0x40 * queue, tail);
                observed.insert(queue, seen);
            }
        }
        observed
    }

    /// The next descriptor of `queue` that is done, and what is in its buffer.
    fn take(&mut self, queue: u32) -> Option<(known::Descriptor, Vec<u8>)> {
        let slot = self.next[queue as usize];
        let (descriptor, buffer) = Self::place(queue, slot);
        let status = self.dma.memory.load_u64(descriptor + 8)?;
        if status & 1 == 0 {
            return None;
        }
        let descriptor = known::Descriptor::new(self.dma.memory.load_u64(descriptor)?, status);
        let mut bytes = vec![0; usize::from(descriptor.length).min(BUFFER as usize)];
        assert!(self.dma.memory.read(buffer, &mut bytes));
        self.arm(queue, slot);
        self.next[queue as usize] = (slot + 1) % SLOTS;
        Some((descriptor, bytes))
    }

    /// What every counter that is compared under `program` has counted since the last
    /// call, with its name. Those of pools go on when read.
    pub fn take_counters(&mut self, program: &Program) -> Vec<(String, u32)> {
        let pools = (0..8).flat_map(|pool| {
            known::POOL_COUNTERS.map(|(name, at)| (format!("{name} {pool}"), at + 0x100 * pool))
        });
        let bar = self.card.bar.as_ref();
        let read = |(name, at): (&str, u32)| (name.to_owned(), bar.read(at));
        let (whole, lengths) = (known::COUNTERS.map(read), known::LENGTHS.map(read));
        let mut pooled = Vec::new();
        for ((name, at), before) in pools.zip(&mut self.counted) {
            let now = bar.read(at);
            pooled.push((name, now.wrapping_sub(*before)));
            *before = now;
        }
        match program {
            Program { mode: 3, .. } => pooled,
            Program { strip: true, .. } => whole.into(),
            _ => whole.into_iter().chain(lengths).collect(),
        }
    }

    /// Sends frames from transmit queue `queue`, each cut into `pieces`, and says what
    /// leaves.
    pub fn transmit(&mut self, queue: u32, frames: &[Vec<u8>], pieces: usize) -> Vec<Vec<u8>> {
        let at = 0xE000 + 0x40 * queue;
        // The ring lies where receive queue 0 has its buffers; nothing is received now.
        let ring = 4096 + BUFFER as usize;
        let mut slots = 0;
        for (number, frame) in frames.iter().enumerate() {
            let buffer = ring + 4096 + number * BUFFER as usize;
            assert!(self.dma.memory.write(buffer, frame));
            let size = frame.len().div_ceil(pieces);
            for (piece, chunk) in frame.chunks(size).enumerate() {
                let last = (piece + 1) * size >= frame.len();
                let address = self.dma.iova.get() + (buffer + piece * size) as u64;
                let command = chunk.len() as u64 | 3 << 20 | 1 << 25 | 1 << 29;
                let command = command | u64::from(last) << 24 | u64::from(last) << 27;
                assert!(self.dma.memory.store_u64(ring + 16 * slots, address));
                let payload = (frame.len() as u64) << 46;
                assert!(
                    self.dma
                        .memory
                        .store_u64(ring + 16 * slots + 8, command | payload)
                );
                slots += 1;
            }
        }
        let bar = self.bar();
        bar.write(at + 0x28, 0);
        bar.write(TCTL, 1 << 1 | 1 << 3);
        let base = self.dma.iova.get() + ring as u64;
        let registers = [
            (0, base as u32),
            (4, (base >> 32) as u32),
            (8, 16 * 128),
            (0x10, 0),
            (0x18, 0),
        ];
        registers
            .iter()
            .for_each(|&(offset, value)| bar.write(at + offset, value));
        bar.write(at + 0x28, ENABLE);
        self.wait(at + 0x28, ENABLE);
        bar.write(at + 0x18, slots as u32);
        bar.flush();
        // Whatever leaves has left once the doorbell has been answered.
        let mut left = Vec::new();
        while let Some(frame) = self.subject.left(Duration::from_millis(2)) {
            left.push(frame);
        }
        left
    }
}
