//! What the tests of cards with pools share: a model with memory, driven by registers.
//!
//! Every queue can have a ring of eight descriptors and as many 2 KiB buffers. What a card
//! has in a place of its own is in its [`Places`].

use std::marker::PhantomData;

use lockgate_drivers::device::{Bar, DmaMemory, Function, Iommu, Iova};
use lockgate_regs::descriptor::{RxInfo, RxStatus, TxData, dtyp, ring};

use crate::{Model, Receive};

/// Descriptors of a ring.
pub(crate) const DESCRIPTORS: u32 = 8;

/// Queues that have memory, in each direction.
const QUEUES: usize = 128;
const BUFFER: usize = 2048;
const RING: usize = 0x100;
const TX: usize = QUEUES * RING;
const BUFFERS: usize = 2 * TX;

/// Where head write-back goes.
pub(crate) const HEADS: usize = BUFFERS + 2 * QUEUES * DESCRIPTORS as usize * BUFFER;

/// RXDCTL and TXDCTL, from RDBAL and TDBAL on, and their enable bit.
const CONTROL: u32 = 0x28;
const ENABLE: u32 = 1 << 25;

/// A card with pools, and where it has what its tests use.
pub(crate) trait Places: Sized {
    /// SRRCTL, from RDBAL on.
    const SRRCTL: u32;

    /// What SRRCTL says for 2 KiB buffers, and that frames without descriptor drop.
    const DROPS: u32;

    /// The card at power-on.
    fn model() -> Model;

    /// RDBAL of a queue.
    fn rx_at(queue: u32) -> u32;

    /// TDBAL of a queue.
    fn tx_at(queue: u32) -> u32;

    /// Waits for the link.
    fn link_up(fixture: &Fixture<Self>);

    /// Receives and sends, strips check sequences; no filter passes anything but
    /// perhaps the card's own address.
    fn switch_on(fixture: &Fixture<Self>);

    /// Switches pools on, every table empty, with `mrqc`.
    fn pools_on(fixture: &Fixture<Self>, mrqc: u32);

    /// Writes exact filter `n` for the pools of a bitmap.
    fn address(fixture: &Fixture<Self>, n: u32, mac: [u8; 6], pools: u64);
}

/// One received buffer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Got {
    pub(crate) bytes: Vec<u8>,
    pub(crate) info: RxInfo,
    pub(crate) status: RxStatus,
}

/// A card with memory.
pub(crate) struct Fixture<P> {
    pub(crate) model: Model,
    pub(crate) dma: DmaMemory,
    pub(crate) base: Iova,
    next_rx: [u32; QUEUES],
    next_tx: [u32; QUEUES],
    places: PhantomData<P>,
}

impl<P: Places> Fixture<P> {
    /// A card after reset that may master the bus.
    pub(crate) fn bare() -> Self {
        let model = P::model();
        let dma = model.map(HEADS + 4096).unwrap();
        let base = dma.iova;
        model.set_bus_master(true).unwrap();
        Self {
            model,
            dma,
            base,
            next_rx: [0; QUEUES],
            next_tx: [0; QUEUES],
            places: PhantomData,
        }
    }

    /// A card with link that receives and sends; no pools.
    pub(crate) fn new() -> Self {
        let fixture = Self::bare();
        P::link_up(&fixture);
        P::switch_on(&fixture);
        fixture
    }

    /// A card as `new` makes it, with pools on, every table empty, and `mrqc`.
    pub(crate) fn with_pools(mrqc: u32) -> Self {
        let fixture = Self::new();
        P::pools_on(&fixture, mrqc);
        fixture
    }

    pub(crate) fn link_up(&self) {
        P::link_up(self);
    }

    pub(crate) fn set(&self, offset: u32, value: u32) {
        self.model.write(offset, value);
    }

    pub(crate) fn get(&self, offset: u32) -> u32 {
        self.model.read(offset)
    }

    /// Writes exact filter `n` for the pools of a bitmap.
    pub(crate) fn address(&self, n: u32, mac: [u8; 6], pools: u64) {
        P::address(self, n, mac, pools);
    }

    /// Starts receive queue `q` with `posted` descriptors and drop enabled.
    pub(crate) fn rx(&mut self, q: u32, posted: u32) {
        self.rx_with(q, posted, P::DROPS);
    }

    pub(crate) fn rx_with(&mut self, q: u32, posted: u32, srrctl: u32) {
        let at = P::rx_at(q);
        for n in 0..DESCRIPTORS {
            self.arm(q, n);
        }
        self.set(at + P::SRRCTL, srrctl);
        self.start(at, RING * q as usize);
        self.set(at + ring::TAIL, posted);
        self.next_rx[q as usize] = 0;
    }

    /// Starts transmit queue `q`.
    pub(crate) fn tx(&mut self, q: u32) {
        self.start(P::tx_at(q), TX + RING * q as usize);
        self.next_tx[q as usize] = 0;
    }

    /// Starts the queue whose registers begin at `at`, its ring `offset` bytes into the
    /// memory.
    fn start(&self, at: u32, offset: usize) {
        let address = self.base.get() + offset as u64;
        self.set(at, address as u32);
        self.set(at + ring::BASE_HIGH, (address >> 32) as u32);
        self.set(at + ring::LENGTH, DESCRIPTORS * 16);
        self.set(at + ring::HEAD, 0);
        self.set(at + ring::TAIL, 0);
        self.set(at + CONTROL, ENABLE);
        while self.get(at + CONTROL) & ENABLE == 0 {}
    }

    fn arm(&self, q: u32, n: u32) {
        let at = RING * q as usize + 16 * n as usize;
        let buffer = self.base.get() + Self::buffer(q, n) as u64;
        assert!(self.dma.memory.store_u64(at, buffer));
        assert!(self.dma.memory.store_u64(at + 8, 0));
    }

    /// The offset of the buffer of receive descriptor `n` of queue `q`.
    pub(crate) fn buffer(q: u32, n: u32) -> usize {
        BUFFERS + (q * DESCRIPTORS + n) as usize * BUFFER
    }

    /// Takes what queue `q` has received, and gives nothing back.
    pub(crate) fn got(&mut self, q: u32) -> Vec<Got> {
        let mut all = Vec::new();
        loop {
            let n = self.next_rx[q as usize];
            let at = RING * q as usize + 16 * n as usize;
            let status = RxStatus::from(self.dma.memory.load_u64(at + 8).unwrap());
            if !status.done() {
                return all;
            }
            let mut bytes = vec![0; status.length().into()];
            assert!(self.dma.memory.read(Self::buffer(q, n), &mut bytes));
            all.push(Got {
                bytes,
                info: RxInfo::from(self.dma.memory.load_u64(at).unwrap()),
                status,
            });
            self.arm(q, n);
            self.next_rx[q as usize] = (n + 1) % DESCRIPTORS;
        }
    }

    /// Gives all but one descriptor back to queue `q`.
    pub(crate) fn give_back(&mut self, q: u32) {
        let next = self.next_rx[q as usize];
        let tail = (next + DESCRIPTORS - 1) % DESCRIPTORS;
        self.set(P::rx_at(q) + ring::TAIL, tail);
    }

    /// The queues that get the frame.
    pub(crate) fn takers(&mut self, frame: &[u8]) -> Vec<u32> {
        let outcome = self.model.receive(frame);
        let mut takers = Vec::new();
        for q in 0..QUEUES as u32 {
            let got = self.got(q);
            assert!(
                got.len() <= 1,
                "one frame, {} times in queue {q}",
                got.len()
            );
            assert!(got.iter().all(|got| got.bytes[..frame.len()] == *frame));
            takers.extend(got.iter().map(|_| q));
        }
        takers.iter().for_each(|&q| self.give_back(q));
        let copies = takers.len() as u8;
        match outcome {
            Receive::Filtered => assert_eq!(copies, 0),
            stored => assert_eq!(stored, Receive::Stored { copies, missed: 0 }),
        }
        takers
    }

    /// The offset of transmit descriptor `n` of queue `q`.
    pub(crate) fn tx_at(q: u32, n: u32) -> usize {
        TX + RING * q as usize + 16 * n as usize
    }

    /// A whole frame's descriptor, with check sequence and report.
    pub(crate) fn data(bytes: usize) -> TxData {
        TxData::new()
            .with_extended(true)
            .with_dtyp(dtyp::DATA)
            .with_end_of_packet(true)
            .with_insert_fcs(true)
            .with_report_status(true)
            .with_length(bytes as u16)
            .with_payload_length(bytes as u32)
    }

    /// Puts a descriptor into queue `q`, not yet announced.
    pub(crate) fn push(&mut self, q: u32, frame: &[u8], command: TxData) {
        let n = self.next_tx[q as usize];
        let buffer = Self::buffer(QUEUES as u32 + q, n);
        assert!(self.dma.memory.write(buffer, frame));
        self.push_raw(q, self.base.get() + buffer as u64, command.into());
    }

    pub(crate) fn push_raw(&mut self, q: u32, first: u64, second: u64) {
        let n = self.next_tx[q as usize];
        assert!(self.dma.memory.store_u64(Self::tx_at(q, n), first));
        assert!(self.dma.memory.store_u64(Self::tx_at(q, n) + 8, second));
        self.next_tx[q as usize] = (n + 1) % DESCRIPTORS;
    }

    pub(crate) fn ring(&self, q: u32) {
        self.set(P::tx_at(q) + ring::TAIL, self.next_tx[q as usize]);
    }

    /// Sends one frame on queue `q`.
    pub(crate) fn send(&mut self, q: u32, frame: &[u8]) {
        self.push(q, frame, Self::data(frame.len()));
        self.ring(q);
    }
}

/// What becomes of a frame that one queue gets.
pub(crate) const ONE: Receive = Receive::Stored {
    copies: 1,
    missed: 0,
};

/// What becomes of a frame that one queue was to get and lost.
pub(crate) const MISSED: Receive = Receive::Stored {
    copies: 0,
    missed: 1,
};

/// A frame of `bytes` bytes between two addresses.
pub(crate) fn frame(to: [u8; 6], from: [u8; 6], bytes: usize) -> Vec<u8> {
    let mut frame = [&to[..], &from[..], &[0x88, 0xB5]].concat();
    frame.extend((frame.len()..bytes).map(|at| at as u8));
    frame
}

/// The frame with a tag in it.
pub(crate) fn tagged(frame: &[u8], tag: u16) -> Vec<u8> {
    let (addresses, rest) = frame.split_at(12);
    let [high, low] = tag.to_be_bytes();
    [addresses, &[0x81, 0x00, high, low], rest].concat()
}

/// A unicast address that is nobody's.
pub(crate) const fn mac(n: u8) -> [u8; 6] {
    [0x02, 0, 0, 0, 0, n]
}

pub(crate) const BROADCAST: [u8; 6] = [0xFF; 6];
