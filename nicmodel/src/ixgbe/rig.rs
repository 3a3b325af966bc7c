//! What the tests of this card share: a model with memory, driven by registers.
//!
//! Each of the first 16 queues and the last can have a ring of eight descriptors and as
//! many 2 KiB buffers.

use lockgate_drivers::device::{Bar, DmaMemory, Function, Iommu, Iova};
use lockgate_regs::descriptor::{RxInfo, RxStatus, TxData, dtyp};

use crate::{Model, Receive};

pub(super) const DESCRIPTORS: u32 = 8;
const QUEUES: usize = 128;
const BUFFER: usize = 2048;
const RING: usize = 0x100;
const TX: usize = QUEUES * RING;
const BUFFERS: usize = 2 * TX;

/// One received buffer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Got {
    pub(super) bytes: Vec<u8>,
    pub(super) info: RxInfo,
    pub(super) status: RxStatus,
}

pub(super) struct Rig {
    pub(super) model: Model,
    pub(super) dma: DmaMemory,
    pub(super) base: Iova,
    next_rx: [u32; QUEUES],
    next_tx: [u32; QUEUES],
}

impl Rig {
    /// A card after reset that may master the bus.
    pub(super) fn bare() -> Self {
        let model = Model::i82599();
        let bytes = BUFFERS + 2 * QUEUES * DESCRIPTORS as usize * BUFFER;
        let dma = model.map(bytes).unwrap();
        let base = dma.iova;
        model.set_bus_master(true).unwrap();
        Self {
            model,
            dma,
            base,
            next_rx: [0; QUEUES],
            next_tx: [0; QUEUES],
        }
    }

    /// A card with link, that receives and strips check sequences; no pools, every
    /// address filter empty.
    pub(super) fn new() -> Self {
        let rig = Self::bare();
        while rig.get(0x42A4) & (1 << 30) == 0 {}
        rig.set(0xA204, 0);
        rig.set(0x2F00, 0x2);
        rig.set(0x4A80, 0x8100_0001);
        rig.set(0x3000, 1);
        rig
    }

    /// A card as `new` makes it, with 64 pools, replication, no default pool and MRQC as
    /// given (mode 8, 0xA or 0xB, and fields).
    pub(super) fn with_pools(mrqc: u32) -> Self {
        let rig = Self::new();
        rig.set(0x5818, mrqc);
        rig.set(0x51B0, 0x6000_0001);
        rig.set(0x4900, 0x40);
        rig.set(0x8120, if mrqc & 0xF == 0xA { 0xA } else { 0x6 });
        rig.set(0x4900, 0);
        rig
    }

    pub(super) fn set(&self, offset: u32, value: u32) {
        self.model.write(offset, value);
    }

    pub(super) fn get(&self, offset: u32) -> u32 {
        self.model.read(offset)
    }

    /// Writes exact filter `n` for the pools of a bitmap.
    pub(super) fn address(&self, n: u32, mac: [u8; 6], pools: u64) {
        self.set(
            0xA200 + 8 * n,
            u32::from_le_bytes([mac[0], mac[1], mac[2], mac[3]]),
        );
        let high = u32::from(mac[4]) | (u32::from(mac[5]) << 8);
        self.set(0xA204 + 8 * n, high | 1 << 31);
        self.set(0xA600 + 8 * n, pools as u32);
        self.set(0xA604 + 8 * n, (pools >> 32) as u32);
    }

    /// Puts the pools of a bitmap on VLAN filter `n`, and opens the table for it.
    pub(super) fn vlan(&self, n: u32, vid: u32, pools: u64) {
        self.set(0xF100 + 4 * n, 1 << 31 | vid);
        self.set(0xF200 + 8 * n, pools as u32);
        self.set(0xF204 + 8 * n, (pools >> 32) as u32);
        self.set(0xA000 + 4 * (vid / 32), 1 << (vid % 32));
    }

    fn rx_at(q: u32) -> u32 {
        if q < 64 {
            0x1000 + 0x40 * q
        } else {
            0xD000 + 0x40 * (q - 64)
        }
    }

    /// Starts receive queue `q` with `posted` descriptors and drop enabled.
    pub(super) fn rx(&mut self, q: u32, posted: u32) {
        self.rx_with(q, posted, 0x1200_0002);
    }

    pub(super) fn rx_with(&mut self, q: u32, posted: u32, srrctl: u32) {
        let at = Self::rx_at(q);
        let ring = self.base.get() + RING as u64 * u64::from(q);
        for n in 0..DESCRIPTORS {
            self.arm(q, n);
        }
        self.set(at, ring as u32);
        self.set(at + 4, (ring >> 32) as u32);
        self.set(at + 8, DESCRIPTORS * 16);
        self.set(at + 0x14, srrctl);
        self.set(at + 0x10, 0);
        self.set(at + 0x18, 0);
        self.set(at + 0x28, 1 << 25);
        while self.get(at + 0x28) & (1 << 25) == 0 {}
        self.set(at + 0x18, posted);
        self.next_rx[q as usize] = 0;
    }

    fn arm(&self, q: u32, n: u32) {
        let at = RING * q as usize + 16 * n as usize;
        assert!(
            self.dma
                .memory
                .store_u64(at, self.base.get() + Self::buffer(q, n) as u64)
        );
        assert!(self.dma.memory.store_u64(at + 8, 0));
    }

    fn buffer(q: u32, n: u32) -> usize {
        BUFFERS + (q * DESCRIPTORS + n) as usize * BUFFER
    }

    /// Takes what queue `q` has received, and gives nothing back.
    pub(super) fn got(&mut self, q: u32) -> Vec<Got> {
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
    pub(super) fn give_back(&mut self, q: u32) {
        let next = self.next_rx[q as usize];
        self.set(
            Self::rx_at(q) + 0x18,
            (next + DESCRIPTORS - 1) % DESCRIPTORS,
        );
    }

    /// The queues that get the frame.
    pub(super) fn takers(&mut self, frame: &[u8]) -> Vec<u32> {
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

    /// Starts transmit queue `q`.
    pub(super) fn tx(&mut self, q: u32) {
        let at = 0x6000 + 0x40 * q;
        let ring = self.base.get() + (TX + RING * q as usize) as u64;
        self.set(at, ring as u32);
        self.set(at + 4, (ring >> 32) as u32);
        self.set(at + 8, DESCRIPTORS * 16);
        self.set(at + 0x10, 0);
        self.set(at + 0x18, 0);
        self.set(at + 0x28, 1 << 25);
        while self.get(at + 0x28) & (1 << 25) == 0 {}
        self.next_tx[q as usize] = 0;
    }

    /// The offset of transmit descriptor `n` of queue `q`.
    pub(super) fn tx_at(q: u32, n: u32) -> usize {
        TX + RING * q as usize + 16 * n as usize
    }

    /// A whole frame's descriptor, with check sequence and report.
    pub(super) fn data(bytes: usize) -> TxData {
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
    pub(super) fn push(&mut self, q: u32, frame: &[u8], command: TxData) {
        let n = self.next_tx[q as usize];
        let buffer = Self::buffer(QUEUES as u32 + q, n);
        assert!(self.dma.memory.write(buffer, frame));
        self.push_raw(q, self.base.get() + buffer as u64, command.into());
    }

    pub(super) fn push_raw(&mut self, q: u32, first: u64, second: u64) {
        let n = self.next_tx[q as usize];
        assert!(self.dma.memory.store_u64(Self::tx_at(q, n), first));
        assert!(self.dma.memory.store_u64(Self::tx_at(q, n) + 8, second));
        self.next_tx[q as usize] = (n + 1) % DESCRIPTORS;
    }

    pub(super) fn ring(&self, q: u32) {
        self.set(0x6018 + 0x40 * q, self.next_tx[q as usize]);
    }

    /// Sends one frame on queue `q`.
    pub(super) fn send(&mut self, q: u32, frame: &[u8]) {
        self.push(q, frame, Self::data(frame.len()));
        self.ring(q);
    }
}

pub(super) const ONE: Receive = Receive::Stored {
    copies: 1,
    missed: 0,
};

/// A frame of `bytes` bytes between two addresses.
pub(super) fn frame(to: [u8; 6], from: [u8; 6], bytes: usize) -> Vec<u8> {
    let mut frame = [&to[..], &from[..], &[0x88, 0xB5]].concat();
    frame.extend((frame.len()..bytes).map(|at| at as u8));
    frame
}

/// The frame with a tag in it.
pub(super) fn tagged(frame: &[u8], tag: u16) -> Vec<u8> {
    let (addresses, rest) = frame.split_at(12);
    let [high, low] = tag.to_be_bytes();
    [addresses, &[0x81, 0x00, high, low], rest].concat()
}

/// A unicast address that is nobody's.
pub(super) const fn mac(n: u8) -> [u8; 6] {
    [0x02, 0, 0, 0, 0, n]
}

pub(super) const BROADCAST: [u8; 6] = [0xFF; 6];
