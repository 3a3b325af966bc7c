//! A card of plain memory: what the driver does is measured, and not what a card does.
//!
//! A model answers until the driver has set everything up. From then on a doorbell is one
//! store, and [`Far`] plays the card and the partitions: it hands frames over by
//! writing descriptors back, takes what was sent, and drains and fills the lanes.
//!
//! Not here: the worker and who calls it ([`crate::path`]).

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use lockgate_drivers::device::{Bar, BusError, Card, DmaMemory, Iommu};
use lockgate_nicmodel::Model;
use lockgate_regs::descriptor::{RxInfo, RxStatus, TxData, ring};
use lockgate_shm::Memory;

/// Bytes of a descriptor.
const DESCRIPTOR: usize = 16;

/// The registers, and what the driver has mapped.
pub struct Plain {
    model: Arc<dyn Bar>,
    iommu: Arc<dyn Iommu>,
    regions: Mutex<Vec<(u64, Arc<Memory>)>>,
    writes: Mutex<Vec<(u32, u32)>>,
    /// By register, once the card is plain: what was last written.
    words: OnceLock<Arc<[AtomicU32]>>,
}

impl Plain {
    /// The card of `model`, which the driver can then start.
    pub fn new(model: &Model) -> (Arc<Self>, Card) {
        let mut card = model.card();
        let plain = Arc::new(Self {
            model: card.bar.clone(),
            iommu: card.iommu.clone(),
            regions: Mutex::default(),
            writes: Mutex::default(),
            words: OnceLock::new(),
        });
        card.bar = plain.clone();
        card.iommu = plain.clone();
        (plain, card)
    }

    /// A write while the model answers.
    #[cold]
    fn set_up(&self, offset: u32, value: u32) {
        self.writes.lock().expect("no panic").push((offset, value));
        self.model.write(offset, value);
    }

    /// Leaves the model behind: the rings that were set up, receive rings first, each
    /// kind in the order of their setting up.
    ///
    /// # Panics
    /// When called twice, or before the card was started.
    pub fn go(&self) -> (Vec<Ring>, Vec<Ring>) {
        let writes = std::mem::take(&mut *self.writes.lock().expect("no panic"));
        let regions = std::mem::take(&mut *self.regions.lock().expect("no panic"));
        let last = writes
            .iter()
            .map(|(offset, _)| offset / 4 + 1)
            .max()
            .unwrap_or(0);
        let words: Arc<[AtomicU32]> = (0..last).map(|_| AtomicU32::new(0)).collect();
        for (offset, value) in &writes {
            words[*offset as usize / 4].store(*value, Ordering::Relaxed);
        }
        let (mut rx, mut tx) = (Vec::new(), Vec::new());
        for ring in rings(&writes, &regions, &words) {
            // A receive ring is full of buffers when it begins, one to send is empty.
            if ring.tail() > 0 {
                rx.push(ring)
            } else {
                tx.push(ring)
            }
        }
        assert!(self.words.set(words).is_ok(), "once");
        (rx, tx)
    }
}

/// The rings whose base registers were given the address of something mapped.
fn rings(
    writes: &[(u32, u32)],
    regions: &[(u64, Arc<Memory>)],
    words: &Arc<[AtomicU32]>,
) -> Vec<Ring> {
    let ring = |window: &[(u32, u32)]| {
        let [(base, low), (high_at, high), (length_at, length)] = window.try_into().ok()?;
        if [high_at, length_at] != [ring::BASE_HIGH, ring::LENGTH].map(|at| base + at) {
            return None;
        }
        let iova = u64::from(high) << 32 | u64::from(low);
        let (_, memory) = regions.iter().find(|(at, _)| *at == iova)?;
        let (memory, slots) = (Arc::clone(memory), length as usize / DESCRIPTOR);
        let tail = (base + ring::TAIL) as usize / 4;
        Some(Ring {
            memory,
            iova,
            slots,
            words: words.clone(),
            tail,
            head: 0,
            arrivals: Vec::new(),
            filled: false,
            arrived: 0,
        })
    };
    writes.windows(3).filter_map(ring).collect()
}

impl Bar for Plain {
    fn read(&self, offset: u32) -> u32 {
        self.model.read(offset)
    }

    fn write(&self, offset: u32, value: u32) {
        match self.words.get() {
            Some(words) => {
                if let Some(word) = words.get(offset as usize / 4) {
                    word.store(value, Ordering::Release);
                }
            }
            None => self.set_up(offset, value),
        }
    }

    fn flush(&self) {
        self.model.flush();
    }
}

impl Iommu for Plain {
    fn map(&self, bytes: usize) -> Result<DmaMemory, BusError> {
        let dma = self.iommu.map(bytes)?;
        let region = (dma.iova.get(), Arc::clone(&dma.memory));
        self.regions.lock().expect("no panic").push(region);
        Ok(dma)
    }
}

/// One ring as the card sees it.
pub struct Ring {
    memory: Arc<Memory>,
    iova: u64,
    slots: usize,
    words: Arc<[AtomicU32]>,
    /// Which of them is its tail.
    tail: usize,
    head: usize,
    arrivals: Vec<Arrival>,
    /// Every slot holds the frame that comes next there, whenever it comes.
    filled: bool,
    /// How many arrived.
    arrived: usize,
}

/// A frame that comes from the wire, and what the card says of its hash.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Its bytes.
    pub frame: Vec<u8>,
    /// The first word of its descriptor when it is written back.
    pub info: RxInfo,
}

impl Ring {
    fn tail(&self) -> usize {
        self.words[self.tail].load(Ordering::Acquire) as usize
    }

    /// What arrives in a receive ring, over and over. Where each slot gets one frame only it is
    /// there from the beginning, so that a card that hands it over has little to do.
    ///
    /// # Panics
    /// When a frame is longer than a buffer.
    pub fn fill(&mut self, arrivals: Vec<Arrival>) {
        self.filled = !arrivals.is_empty() && self.slots.is_multiple_of(arrivals.len());
        self.arrivals = arrivals;
        for slot in 0..if self.filled { self.slots } else { 0 } {
            self.write_frame(slot, slot % self.arrivals.len());
        }
    }

    /// Writes arrival number `number` into the buffer of `slot`.
    fn write_frame(&self, slot: usize, number: usize) {
        let descriptor = self.memory.load_u64(slot * DESCRIPTOR);
        let at = (descriptor.expect("a descriptor") - self.iova) as usize;
        let frame = &self.arrivals[number].frame;
        assert!(self.memory.write(at, frame), "a buffer that holds it");
    }

    /// Hands up to `count` frames over in a receive ring; says how many.
    pub fn receive(&mut self, count: usize) -> usize {
        let tail = self.tail();
        let mut done = 0;
        while done < count && self.head != tail && !self.arrivals.is_empty() {
            let number = self.arrived % self.arrivals.len();
            if !self.filled {
                self.write_frame(self.head, number);
            }
            let Arrival { frame, info } = &self.arrivals[number];
            let status = RxStatus::new().with_done(true).with_end_of_packet(true);
            let status = status.with_length(frame.len() as u16);
            let at = self.head * DESCRIPTOR;
            // A card writes both at once, and no driver looks at one without the other.
            self.memory.store_u64(at, (*info).into());
            self.memory.store_u64(at + 8, status.into());
            self.head = (self.head + 1) & (self.slots - 1);
            self.arrived += 1;
            done += 1;
        }
        done
    }

    /// Reports everything in a transmit ring as sent; says how many frames that were.
    pub fn transmit(&mut self) -> usize {
        let tail = self.tail();
        let mut sent = 0;
        while self.head != tail {
            let at = self.head * DESCRIPTOR + 8;
            let data = TxData::from(self.memory.load_u64(at).unwrap_or(0));
            if data.report_status() {
                self.memory.store_u64(at, data.with_done(true).into());
            }
            self.head = (self.head + 1) & (self.slots - 1);
            sent += 1;
        }
        sent
    }
}
