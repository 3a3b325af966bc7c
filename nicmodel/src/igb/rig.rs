//! What the tests of this card share: a model with memory, driven by registers.
//!
//! Each queue has a ring of eight descriptors and as many 2 KiB buffers.

use lockgate_drivers::device::{Bar, DmaMemory, Function, Iommu, Iova};
use lockgate_regs::Register;
use lockgate_regs::descriptor::{RxInfo, RxStatus, TxData, dtyp};
use lockgate_regs::igb::*;

use crate::{Model, Receive};

pub(super) const DESCRIPTORS: u32 = 8;
const BUFFER: usize = 2048;
const TX: usize = 0x1_0000;
const BUFFERS: usize = 0x2_0000;
/// Where head write-back goes.
pub(super) const HEADS: usize = 0x1_F000;

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
    next_rx: [u32; 16],
    next_tx: [u32; 16],
}

impl Rig {
    /// A card with link, that receives and strips check sequences; no pools, no
    /// filter passes anything but the card's own address.
    pub(super) fn new() -> Self {
        let model = Model::i82576();
        let dma = model.map(BUFFERS + 32 * 8 * BUFFER).unwrap();
        let base = dma.iova;
        let rig = Self {
            model,
            dma,
            base,
            next_rx: [0; 16],
            next_tx: [0; 16],
        };
        rig.model.set_bus_master(true).unwrap();
        rig.link_up();
        rig.set(Rctl::BASE, 0x0400_0002);
        rig.set(Tctl::BASE, 0x0000_000A);
        rig
    }

    /// A card as `new` makes it, with pools on, every table empty, and `mrqc`.
    pub(super) fn with_pools(mrqc: u32) -> Self {
        let rig = Self::new();
        rig.set(Mrqc::BASE, mrqc);
        rig.set(VtCtl::BASE, 0x6000_0000);
        rig
    }

    pub(super) fn link_up(&self) {
        self.set(Ctrl::BASE, 0x41);
        self.set(Mdic::BASE, 0x0420_1200);
        for _ in 0..8 {
            if self.get(Status::BASE) & 2 != 0 {
                return;
            }
        }
        panic!("no link");
    }

    pub(super) fn set(&self, offset: u32, value: u32) {
        self.model.write(offset, value);
    }

    pub(super) fn get(&self, offset: u32) -> u32 {
        self.model.read(offset)
    }

    /// Writes exact filter `n`.
    pub(super) fn address(&self, n: u32, mac: [u8; 6], pools: u32) {
        let at = if n < 16 {
            0x5400 + 8 * n
        } else {
            0x54E0 + 8 * (n - 16)
        };
        self.set(at, u32::from_le_bytes([mac[0], mac[1], mac[2], mac[3]]));
        let high = u32::from(mac[4]) | (u32::from(mac[5]) << 8);
        self.set(at + 4, high | (pools << 18) | 1 << 31);
    }

    /// Starts receive queue `q` with `posted` descriptors and drop enabled.
    pub(super) fn rx(&mut self, q: u32, posted: u32) {
        self.rx_with(q, posted, 0x8200_0002);
    }

    pub(super) fn rx_with(&mut self, q: u32, posted: u32, srrctl: u32) {
        let at = 0xC000 + 0x40 * q;
        let ring = self.base.get() + 0x1000 * u64::from(q);
        for n in 0..DESCRIPTORS {
            self.arm(q, n);
        }
        self.set(at, ring as u32);
        self.set(at + 4, (ring >> 32) as u32);
        self.set(at + 8, DESCRIPTORS * 16);
        self.set(at + 0xC, srrctl);
        self.set(at + 0x10, 0);
        self.set(at + 0x18, 0);
        self.set(at + 0x28, 1 << 25);
        while self.get(at + 0x28) & (1 << 25) == 0 {}
        self.set(at + 0x18, posted);
        self.next_rx[q as usize] = 0;
    }

    fn arm(&self, q: u32, n: u32) {
        let at = 0x1000 * q as usize + 16 * n as usize;
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
            let at = 0x1000 * q as usize + 16 * n as usize;
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

    /// Whether queue `q` has received `frame`, padded, as its one new frame.
    pub(super) fn next(&mut self, q: u32, frame: &[u8]) -> bool {
        let got = self.got(q);
        assert!(
            got.len() <= 1,
            "one frame, {} times in queue {q}",
            got.len()
        );
        got.first().is_some_and(|got| {
            assert_eq!(got.bytes[..frame.len()], *frame);
            true
        })
    }

    /// Gives all but one descriptor back to queue `q`.
    pub(super) fn give_back(&mut self, q: u32) {
        let next = self.next_rx[q as usize];
        self.set(0xC018 + 0x40 * q, (next + DESCRIPTORS - 1) % DESCRIPTORS);
    }

    /// Starts transmit queue `q`.
    pub(super) fn tx(&mut self, q: u32) {
        let at = 0xE000 + 0x40 * q;
        let ring = self.base.get() + TX as u64 + 0x1000 * u64::from(q);
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
        TX + 0x1000 * q as usize + 16 * n as usize
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
        let buffer = Self::buffer(16 + q, n);
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
        self.set(0xE018 + 0x40 * q, self.next_tx[q as usize]);
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
