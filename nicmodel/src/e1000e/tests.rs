//! The card by itself, by literals of the 82574 datasheet.

use lockgate_drivers::device::{Bar, DmaMemory, Function, Iommu};

use crate::{Misuse, Model, Receive};

const CTRL: u32 = 0x0000;
const STATUS: u32 = 0x0008;
const RCTL: u32 = 0x0100;

/// A card with memory: receive ring n at n KiB, transmit ring n at 2 + n KiB, each of eight
/// descriptors, their buffers of 2 KiB behind.
struct Fixture {
    model: Model,
    dma: DmaMemory,
    base: u64,
}

impl Fixture {
    fn new() -> Self {
        let model = Model::i82574();
        model.set_bus_master(true).unwrap();
        let dma = model.map(128 << 10).unwrap();
        let base = dma.iova.get();
        let fixture = Self { model, dma, base };
        fixture.set(CTRL, 0x40);
        fixture.set(0x0F00, 0x20);
        fixture.set(0x0020, 0x0420_1200);
        while fixture.get(STATUS) & 2 == 0 {}
        fixture.set(0x5008, 0x8000);
        for queue in 0..2 {
            (0..8).for_each(|slot| fixture.arm(queue, slot));
            for (ring, at) in [
                (queue, 0x2800 + 0x100 * queue),
                (2 + queue, 0x3800 + 0x100 * queue),
            ] {
                fixture.set(at, (base as u32) + 1024 * ring);
                fixture.set(at + 4, (base >> 32) as u32);
                fixture.set(at + 8, 128);
            }
        }
        fixture.set(0x0400, 2);
        fixture
    }

    fn set(&self, offset: u32, value: u32) {
        self.model.write(offset, value);
    }

    fn get(&self, offset: u32) -> u32 {
        self.model.read(offset)
    }

    fn place(queue: u32, slot: u32) -> (usize, usize) {
        let buffer = 8192 + 2048 * (8 * queue + slot);
        ((1024 * queue + 16 * slot) as usize, buffer as usize)
    }

    fn arm(&self, queue: u32, slot: u32) {
        let (descriptor, buffer) = Self::place(queue, slot);
        assert!(
            self.dma
                .memory
                .store_u64(descriptor, self.base + buffer as u64)
        );
        assert!(self.dma.memory.store_u64(descriptor + 8, 0));
    }

    /// Both halves of a descriptor.
    fn seen(&self, queue: u32, slot: u32) -> (u64, u64) {
        let (at, _) = Self::place(queue, slot);
        (
            self.dma.memory.load_u64(at).unwrap(),
            self.dma.memory.load_u64(at + 8).unwrap(),
        )
    }

    fn bytes(&self, queue: u32, slot: u32, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        assert!(self.dma.memory.read(Self::place(queue, slot).1, &mut bytes));
        bytes
    }

    /// Puts a transmit descriptor for `frame` into `slot` of queue 0 and announces it.
    fn send(&self, slot: u32, frame: &[u8], command: u64) {
        assert!(self.dma.memory.write(65536, frame));
        let at = 2048 + 16 * slot as usize;
        assert!(self.dma.memory.store_u64(at, self.base + 65536));
        assert!(
            self.dma
                .memory
                .store_u64(at + 8, command | frame.len() as u64)
        );
        self.set(0x3818, slot + 1);
    }
}

fn frame(to: [u8; 6], bytes: usize) -> Vec<u8> {
    let mut frame = [&to[..], &[2, 0, 0, 0, 0, 9, 0x88, 0xb5]].concat();
    frame.resize(bytes, 0x5a);
    frame
}

const MINE: [u8; 6] = [0x02, 0x4C, 0x47, 0xFF, 0x82, 0x74];
const ONE: Receive = Receive::Stored {
    copies: 1,
    missed: 0,
};

/// EN, BAM, SECRC.
const RECEIVING: u32 = 0x0400_8002;

#[test]
fn values_after_reset_are_the_datasheets() {
    let model = Model::i82574();
    assert_eq!(model.read(CTRL), 0x0014_0201);
    assert_eq!(model.read(0x0038), 0x8100, "VET");
    assert_eq!(model.read(0x1000), 0x0014_0014, "PBA");
    assert_eq!(
        (model.read(0x3840), model.read(0x3940)),
        (0x403, 0x403),
        "TARC"
    );
    assert_eq!(model.read(0x5400), 0xFF47_4C02, "RAL 0");
    assert_eq!(model.read(0x5404), 0x8000_7482, "RAH 0");
    assert_eq!(model.read(0x581C), 0, "there is no VT_CTL");
}

#[test]
fn a_frame_is_stored_by_an_extended_descriptor() {
    let fixture = Fixture::new();
    fixture.set(RCTL, RECEIVING);
    fixture.set(0x2818, 7);
    assert_eq!(fixture.model.receive(&frame(MINE, 100)), ONE);
    assert_eq!(fixture.seen(0, 0), (0, 100 << 32 | 3), "DD, EOP, length");
    assert_eq!(fixture.bytes(0, 0, 100), frame(MINE, 100));
    assert_eq!(
        (
            fixture.get(0x2810),
            fixture.get(0x4074),
            fixture.get(0x4088)
        ),
        (1, 1, 104)
    );
    assert_eq!(fixture.model.misuse(), []);
}

#[test]
fn rss_picks_the_queue_by_bit_7_of_the_entry() {
    let fixture = Fixture::new();
    // Microsoft's key and a row of its suite: 0x51ccc178 ends in 0x78.
    let key = [
        0xda56_5a6d,
        0xc20e_5b25,
        0x3d25_6741,
        0xb08f_a343,
        0xcb2b_cad0,
        0xb430_7bae,
        0xa32d_cb77,
        0x0cf2_3080,
        0x3bb7_426a,
        0xfa01_acbe_u32,
    ];
    (0..10).for_each(|n| fixture.set(0x5C80 + 4 * n, key[n as usize]));
    fixture.set(0x5C00 + 0x78, 0x80);
    fixture.set(0x5000, 1 << 13);
    fixture.set(0x5818, 0x0017_0001);
    fixture.set(RCTL, RECEIVING);
    fixture.set(0x2818, 7);
    fixture.set(0x2918, 7);
    let mut packet = [&MINE[..], &[2, 0, 0, 0, 0, 9, 8, 0]].concat();
    packet.extend([0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0]);
    packet.extend([66, 9, 149, 187, 161, 142, 100, 80, 0x0A, 0xEA, 0x06, 0xE6]);
    packet.resize(60, 0);
    assert_eq!(fixture.model.receive(&packet), ONE);
    assert_eq!(
        fixture.seen(1, 0),
        (0x51cc_c178 << 32 | 1 << 8 | 1, 60 << 32 | 3)
    );
    // UDP is hashed by its addresses: 0x323e8fc2, entry 0x42, queue 0.
    packet[23] = 17;
    assert_eq!(fixture.model.receive(&packet), ONE);
    assert_eq!(fixture.seen(0, 0), (0x323e_8fc2 << 32 | 2, 60 << 32 | 3));
}

#[test]
fn a_full_queue_holds_frames_up_until_it_is_given_room() {
    let fixture = Fixture::new();
    fixture.set(RCTL, RECEIVING);
    fixture.set(0x2818, 1);
    assert!(fixture.model.room(&frame(MINE, 100)));
    assert_eq!(fixture.model.receive(&frame(MINE, 100)), ONE);
    assert!(!fixture.model.room(&frame(MINE, 100)));
    assert_eq!(fixture.model.receive(&frame(MINE, 101)), Receive::Held);
    assert_eq!(fixture.model.receive(&frame(MINE, 102)), Receive::Held);
    fixture.set(0x2818, 3);
    assert_eq!(fixture.seen(0, 1), (0, 101 << 32 | 3));
    assert_eq!(fixture.seen(0, 2), (0, 102 << 32 | 3));
    // 20 KiB of packet buffer, and no more.
    let held = (0..100).take_while(|_| fixture.model.receive(&frame(MINE, 1496)) == Receive::Held);
    assert_eq!(held.count(), 13);
    assert_ne!(fixture.get(0x4010), 0, "MPC");
}

#[test]
fn filters_let_pass_what_they_list() {
    let fixture = Fixture::new();
    let group = [0x01, 0, 0x5e, 0, 0, 0xfb];
    fixture.set(0x5200 + 4 * (0xfb0 >> 5), 1 << (0xfb0 & 31));
    fixture.set(0x5600, 1 << 10);
    // VFE as well.
    fixture.set(RCTL, RECEIVING | 1 << 18);
    fixture.set(0x2818, 7);
    let tagged = |vid: u8| {
        let mut frame = frame(MINE, 64);
        frame.splice(12..12, [0x81, 0, 0, vid]);
        frame
    };
    assert_eq!(fixture.model.receive(&frame(group, 60)), ONE);
    assert_eq!(fixture.model.receive(&frame([0xff; 6], 60)), ONE);
    assert_eq!(fixture.model.receive(&tagged(10)), ONE);
    assert_eq!(fixture.model.receive(&tagged(11)), Receive::Filtered);
    assert_eq!(
        fixture.model.receive(&frame([1, 0, 0x5e, 0, 0, 0xfc], 60)),
        Receive::Filtered
    );
    assert_eq!(
        fixture.model.receive(&frame([2, 0, 0, 0, 0, 1], 60)),
        Receive::Filtered
    );
    assert_eq!(fixture.model.receive(&frame(MINE, 1519)), Receive::Filtered);
    assert_eq!(fixture.get(0x40AC), 1, "ROC");
    assert_eq!(fixture.model.receive(&frame(MINE, 1518)), ONE);
}

#[test]
fn frames_leave_by_extended_and_legacy_descriptors() {
    let fixture = Fixture::new();
    // EOP, IFCS, RS, DEXT, DTYP 1.
    fixture.send(0, &frame([0xff; 6], 200), 0x2B10_0000);
    assert_eq!(fixture.model.transmitted(), [frame([0xff; 6], 200)]);
    assert_eq!(
        fixture.dma.memory.load_u64(2048 + 8).unwrap() >> 32 & 1,
        1,
        "DD"
    );
    fixture.send(1, &frame([0xff; 6], 64), 0x0B00_0000);
    assert_eq!(fixture.model.transmitted(), [frame([0xff; 6], 64)]);
    // VLE and CTRL.VME: the tag of the descriptor.
    fixture.set(CTRL, 0x4000_0040);
    fixture.send(2, &frame([0xff; 6], 64), 0x600A << 48 | 0x6B10_0000);
    assert_eq!(
        fixture.model.transmitted()[0][12..16],
        [0x81, 0, 0x60, 0x0A]
    );
    assert_eq!((fixture.get(0x4080), fixture.model.misuse()), (3, vec![]));
}

#[test]
fn a_queue_that_is_gated_sends_once_the_gate_opens() {
    let fixture = Fixture::new();
    fixture.set(0x3840, 3);
    fixture.send(0, &frame([0xff; 6], 64), 0x2B10_0000);
    assert!(fixture.model.transmitted().is_empty());
    fixture.set(0x3840, 0x403);
    assert_eq!(fixture.model.transmitted().len(), 1);
}

#[test]
fn what_a_driver_must_not_do_is_noticed() {
    let fixture = Fixture::new();
    fixture.set(0x5008, 0);
    fixture.set(RCTL, RECEIVING);
    fixture.set(0x2818, 8);
    fixture.set(0x0F00, 0);
    fixture.set(0x0020, 0x0821_0000);
    let expected = [
        Misuse::DescriptorType(0),
        Misuse::ReceiveTail(0),
        Misuse::PhyNotOwned,
    ];
    assert_eq!(fixture.model.misuse(), expected);
}

#[test]
fn a_queue_signals_its_vector_and_waits_while_it_is_masked() {
    let fixture = Fixture::new();
    fixture.set(RCTL, RECEIVING);
    fixture.set(0x2818, 7);
    // Receive queue 0 on vector 1, transmit queue 0 on 2, others on 0; EIAC for queues.
    fixture.set(0x00E4, 0x8_0A09);
    fixture.set(0x00DC, 0x00F0_0000);
    fixture.get(0x00C0);
    fixture.set(0x00D0, 0x0150_0004);
    fixture.model.take_interrupts();
    fixture.model.receive(&frame([0xff; 6], 64));
    assert_eq!(fixture.model.take_interrupts(), 1 << 1);
    assert_eq!(fixture.get(0x00D0), 0x0140_0004, "masked by EIAC");
    fixture.model.receive(&frame([0xff; 6], 64));
    assert_eq!(fixture.model.take_interrupts(), 0);
    fixture.set(0x00D0, 1 << 20);
    assert_eq!(fixture.model.take_interrupts(), 1 << 1, "it waited");
    fixture.send(0, &frame([0xff; 6], 64), 0x2B10_0000);
    assert_eq!(fixture.model.take_interrupts(), 1 << 2);
    fixture.model.set_link(false);
    assert_eq!(fixture.model.take_interrupts(), 1 << 0);
    // IAME: reading ICR masks what IAM lists.
    fixture.set(0x0018, 1 << 27);
    fixture.set(0x00E0, 0x0100_0004);
    assert_eq!(fixture.get(0x00C0) & 0x0100_0004, 0x0100_0004);
    assert_eq!(fixture.get(0x00D0) & 0x0100_0004, 0);
}

#[test]
fn without_vectors_all_causes_share_the_first() {
    let fixture = Fixture::new();
    fixture.get(0x00C0);
    fixture.set(0x00D0, 4);
    fixture.model.take_interrupts();
    fixture.model.set_link(false);
    assert_eq!(fixture.model.take_interrupts(), 1);
    fixture.set(0x00D8, 4);
    fixture.set(0x00C8, 4);
    assert_eq!(fixture.model.take_interrupts(), 0);
}

#[test]
fn nothing_that_is_written_or_sent_makes_it_panic() {
    let mut random = fastrand::Rng::with_seed(1);
    let mut next = || random.u32(..);
    let fixture = Fixture::new();
    let blocks = [
        0x0, 0x100, 0x400, 0x1000, 0x2800, 0x2900, 0x3800, 0x3900, 0x5000, 0x5400, 0x5C00,
    ];
    for round in 0..200_000_u32 {
        let block = blocks[next() as usize % blocks.len()];
        let offset = block + (next() & 0x3C);
        match round % 5 {
            0 => {
                let mut frame = vec![0; next() as usize % 2000];
                frame.iter_mut().for_each(|byte| *byte = next() as u8);
                fixture.model.receive(&frame);
            }
            1 => drop(fixture.get(offset)),
            // Most values are small, so that rings and sizes make sense now and then.
            2 => fixture.set(offset, next() & 0xFF),
            _ => fixture.set(offset, next()),
        }
        if round % 1000 == 0 {
            fixture.set(0x3818, next() & 7);
            fixture.model.transmitted();
        }
    }
}
