//! A card that has gone mad: it writes anything into the descriptors and buffers that its
//! driver gave it, and its registers read as anything.
//!
//! The model brings the driver up as a card would. From then on the data say what is in
//! memory and in registers.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lockgate_drivers::device::{Bar, BusError, Card, Clock, DmaMemory, Iommu};
use lockgate_drivers::{Nic, Queues, RingSizes, RxQueue, TxQueue, capabilities, open};
use lockgate_nicmodel::MODELS;
use lockgate_shm::Memory;

use crate::bytes::Bytes;
use crate::policy::plan_for;

/// Drives each card in turn, by the first byte, as `data` say.
///
/// # Panics
/// When a driver shows more than a card can have meant: a frame without bytes or longer
/// than its buffer, more frames than were asked for.
pub fn descriptors(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let kind = &MODELS[usize::from(bytes.byte()) % MODELS.len()];
    let model = kind.model();
    let mad = Mad::new(model.card());
    let supported = capabilities(mad.card.id).expect("a driver for each model");
    let mut nic = open(mad.card()).expect("a card that answers");
    let sizes = RingSizes { rx: 128, tx: 128 };
    let mut queues = nic
        .start(&plan_for(supported), sizes)
        .expect("a card that answers");
    while !bytes.is_empty() {
        mad.disturb(&mut bytes);
        step(&mut nic, &mut queues, &mut bytes);
    }
    drop(queues);
    let _ = nic.stop();
}

/// What the data say that a driver is asked for.
fn step(nic: &mut Nic, queues: &mut Queues, bytes: &mut Bytes<'_>) {
    match bytes.byte() % 6 {
        0 => {
            let _ = nic.poll_link();
        }
        1 => {
            let _ = nic.statistics();
        }
        2 => {
            let _ = nic.read_back();
        }
        3 => {
            let length = bytes.short() % 2000;
            queues
                .tx
                .iter_mut()
                .for_each(|queue| transmit(queue, length));
        }
        _ => {
            let limit = usize::from(bytes.byte());
            queues.rx.iter_mut().for_each(|queue| receive(queue, limit));
        }
    }
}

fn receive(queue: &mut RxQueue, limit: usize) {
    let burst = queue.burst(limit);
    assert!(burst.len() <= limit, "{} frames", burst.len());
    let mut copy = [0; 32 * 1024];
    for frame in burst.iter() {
        assert!(
            frame.length > 0 && frame.length <= frame.buffer.len(),
            "{}",
            frame.length
        );
        assert_eq!(frame.copy_to(&mut copy), frame.length);
    }
    burst.release(limit / 2);
    let _ = queue.take_bad();
}

fn transmit(queue: &mut TxQueue, length: usize) {
    queue.push(&[0x5a; 2000][..length]);
    queue.flush();
    let _ = queue.free();
}

/// A card between the driver and the model.
struct Mad {
    card: Card,
    shared: Arc<Shared>,
}

/// What the data reach.
#[derive(Default)]
struct Shared {
    memory: Mutex<Vec<Arc<Memory>>>,
    /// What registers read as; 0 leaves them alone.
    register: AtomicU64,
    /// Nanoseconds; each look at the clock is a step, so that no wait is long.
    now: AtomicU64,
}

impl Mad {
    fn new(card: Card) -> Self {
        Self {
            card,
            shared: Arc::default(),
        }
    }

    /// The card that the driver gets.
    fn card(&self) -> Card {
        Card {
            id: self.card.id,
            bar: Arc::new(MadBar {
                inner: Arc::clone(&self.card.bar),
                shared: Arc::clone(&self.shared),
            }),
            iommu: Arc::new(MadIommu {
                inner: Arc::clone(&self.card.iommu),
                shared: Arc::clone(&self.shared),
            }),
            function: Arc::clone(&self.card.function),
            clock: Arc::clone(&self.shared) as Arc<dyn Clock>,
        }
    }

    /// Writes a descriptor, a buffer or a register.
    fn disturb(&self, bytes: &mut Bytes<'_>) {
        let memory = self.shared.memory.lock().expect("no panic holds it");
        let Some(region) = memory.get(usize::from(bytes.byte()) % memory.len().max(1)) else {
            return;
        };
        match bytes.byte() % 4 {
            // The whole of the first descriptors, as if done.
            0 => {
                let (word, count) = (bytes.long(), bytes.byte());
                for slot in 0..usize::from(count) {
                    region.store_u64(16 * slot + 8, word);
                }
            }
            1 => {
                region.store_u64(bytes.short() & !7, bytes.long());
            }
            2 => self
                .shared
                .register
                .store(1 << 32 | u64::from(bytes.word()), Relaxed),
            _ => self.shared.register.store(0, Relaxed),
        }
    }
}

struct MadBar {
    inner: Arc<dyn Bar>,
    shared: Arc<Shared>,
}

impl Bar for MadBar {
    fn read(&self, offset: u32) -> u32 {
        match self.shared.register.load(Relaxed) {
            0 => self.inner.read(offset),
            // Neighbours differ, and the same register does not always read the same.
            value => (value as u32).rotate_left(offset / 4),
        }
    }

    fn write(&self, offset: u32, value: u32) {
        self.inner.write(offset, value);
    }

    fn flush(&self) {
        self.inner.flush();
    }
}

struct MadIommu {
    inner: Arc<dyn Iommu>,
    shared: Arc<Shared>,
}

impl Iommu for MadIommu {
    fn map(&self, bytes: usize) -> Result<DmaMemory, BusError> {
        let mapped = self.inner.map(bytes)?;
        let mut memory = self.shared.memory.lock().expect("no panic holds it");
        memory.push(Arc::clone(&mapped.memory));
        Ok(mapped)
    }
}

impl Clock for Shared {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.now.fetch_add(1_000, Relaxed))
    }

    fn sleep(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX / 2);
        self.now.fetch_add(nanoseconds, Relaxed);
    }
}
