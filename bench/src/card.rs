//! A card of plain memory: what the driver does is measured, and not what a card does.
//!
//! A model answers until the driver has set everything up. From then on a doorbell is one
//! store, and [`Far`] plays the card and the partitions: it hands frames over by
//! writing descriptors back, takes what was sent, and drains and fills the lanes.
//!
//! Not here: the worker and who calls it ([`crate::path`]).

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use lockgate_drivers::device::{Bar, Card, Iommu, Iova};
use lockgate_drivers::sys::Pages;
use lockgate_nicmodel::Model;
use lockgate_regs::descriptor::{RssType, RxInfo, RxStatus, TxData, ring};

/// Bytes of a descriptor.
const DESCRIPTOR: usize = 16;

/// The registers, and what the driver has mapped.
pub struct Plain {
    model: Arc<dyn Bar>,
    iommu: Arc<dyn Iommu>,
    regions: Mutex<Vec<(u64, Arc<Pages>)>>,
    writes: Mutex<Vec<(u32, u32)>>,
    /// By register, once the card is plain: its tail, if it is one.
    tails: OnceLock<Vec<Option<Arc<AtomicU32>>>>,
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
            tails: OnceLock::new(),
        });
        card.bar = plain.clone();
        card.iommu = plain.clone();
        (plain, card)
    }

    /// Leaves the model behind: the rings that were set up, receive rings first, each
    /// kind in the order of their setting up.
    ///
    /// # Panics
    /// When called twice, or before the card was started.
    pub fn go(&self) -> (Vec<Ring>, Vec<Ring>) {
        let writes = std::mem::take(&mut *self.writes.lock().expect("no panic"));
        let regions = std::mem::take(&mut *self.regions.lock().expect("no panic"));
        let mut tails = Vec::new();
        let (mut rx, mut tx) = (Vec::new(), Vec::new());
        for (base, ring) in rings(&writes, &regions) {
            let at = base + ring::TAIL;
            let last = writes.iter().rev().find(|(offset, _)| *offset == at);
            let value = last.map_or(0, |(_, value)| *value);
            ring.tail.store(value, Ordering::Relaxed);
            tails.push((at, ring.tail.clone()));
            // A receive ring is full of buffers when it begins, one to send is empty.
            if value > 0 { rx.push(ring) } else { tx.push(ring) }
        }
        let words = tails.iter().map(|(at, _)| at / 4 + 1).max().unwrap_or(0);
        let mut table = vec![None; words as usize];
        for (at, tail) in tails {
            table[at as usize / 4] = Some(tail);
        }
        assert!(self.tails.set(table).is_ok(), "once");
        (rx, tx)
    }
}

/// Where a base register was given the address of something mapped: the register, and the
/// ring, whose tail is not read yet.
fn rings(writes: &[(u32, u32)], regions: &[(u64, Arc<Pages>)]) -> Vec<(u32, Ring)> {
    let ring = |window: &[(u32, u32)]| {
        let [(base, low), (high_at, high), (length_at, length)] = window.try_into().ok()?;
        if [high_at, length_at] != [ring::BASE_HIGH, ring::LENGTH].map(|at| base + at) {
            return None;
        }
        let iova = u64::from(high) << 32 | u64::from(low);
        let (_, pages) = regions.iter().find(|(at, _)| *at == iova)?;
        let (pages, slots) = (Arc::clone(pages), length as usize / DESCRIPTOR);
        Some((base, Ring { pages, iova, slots, tail: Arc::default(), head: 0 }))
    };
    writes.windows(3).filter_map(ring).collect()
}

impl Bar for Plain {
    fn read(&self, offset: u32) -> u32 {
        self.model.read(offset)
    }

    fn write(&self, offset: u32, value: u32) {
        match self.tails.get() {
            Some(tails) => {
                if let Some(Some(tail)) = tails.get(offset as usize / 4) {
                    tail.store(value, Ordering::Release);
                }
            }
            None => {
                self.writes.lock().expect("no panic").push((offset, value));
                self.model.write(offset, value);
            }
        }
    }

    fn flush(&self) {
        self.model.flush();
    }
}

impl Iommu for Plain {
    fn map(&self, pages: &Arc<Pages>) -> io::Result<Iova> {
        let iova = self.iommu.map(pages)?;
        self.regions.lock().expect("no panic").push((iova.get(), Arc::clone(pages)));
        Ok(iova)
    }

    fn unmap(&self, iova: Iova, bytes: usize) -> io::Result<()> {
        self.iommu.unmap(iova, bytes)
    }
}

/// One ring as the card sees it.
pub struct Ring {
    pages: Arc<Pages>,
    iova: u64,
    slots: usize,
    tail: Arc<AtomicU32>,
    head: usize,
}

impl Ring {
    /// Writes `frame(slot)` into the buffer of every descriptor of a receive ring.
    ///
    /// # Panics
    /// When a buffer is too short.
    pub fn fill(&self, frame: impl Fn(usize) -> Vec<u8>) {
        for slot in 0..self.slots {
            let buffer = self.pages.load_u64(slot * DESCRIPTOR).expect("a descriptor");
            if buffer > 0 {
                let at = (buffer - self.iova) as usize;
                assert!(self.pages.write(at, &frame(slot)), "a buffer that holds it");
            }
        }
    }

    /// Hands up to `count` frames of `length` bytes over in a receive ring; says how many.
    pub fn receive(&mut self, count: usize, length: u16) -> usize {
        let status = RxStatus::new().with_done(true).with_end_of_packet(true).with_length(length);
        let status = u64::from(status);
        let tail = self.tail.load(Ordering::Acquire) as usize;
        let mut done = 0;
        while done < count && self.head != tail {
            let at = self.head * DESCRIPTOR;
            let hash = (self.head as u32).wrapping_mul(0x9e37_79b9);
            let info = RxInfo::new().with_rss_type(RssType::UdpV4).with_hash(hash);
            // A card writes both at once, and no driver looks at one without the other.
            self.pages.store_u64(at, info.into());
            self.pages.store_u64(at + 8, status);
            self.head = (self.head + 1) & (self.slots - 1);
            done += 1;
        }
        done
    }

    /// Reports everything in a transmit ring as sent; says how many frames that were.
    pub fn transmit(&mut self) -> usize {
        let tail = self.tail.load(Ordering::Acquire) as usize;
        let mut sent = 0;
        while self.head != tail {
            let at = self.head * DESCRIPTOR + 8;
            let data = TxData::from(self.pages.load_u64(at).unwrap_or(0));
            if data.report_status() {
                self.pages.store_u64(at, data.with_done(true).into());
            }
            self.head = (self.head + 1) & (self.slots - 1);
            sent += 1;
        }
        sent
    }
}
