//! The packet buffer, between filters and rings.
//!
//! A queue that finds no descriptors drops the frame if it may (SRRCTL.Drop_En or
//! PFQDE); if it may not, the frame stays and everything behind it waits, whichever
//! queue it is for.
//!
//! Not here: which queues a frame is for ([`super::steering`]) and how a ring
//! takes one ([`super::store`]).

use std::collections::VecDeque;

use lockgate_regs::Index;
use lockgate_regs::ixgbe::{self, Mpc, RxQueue, Srrctl};

use super::Nic;
use super::rss::Hash;
use super::undriven::Rxpbsize;
use crate::chip::{Bus, Receive};
use crate::counters::count_received;
use crate::ethernet::Header;

/// A frame in the packet buffer, and the queues that have yet to get it.
#[derive(Debug, Clone)]
pub(super) struct Parcel<'a> {
    pub(super) frame: &'a [u8],
    pub(super) header: Header,
    pub(super) hash: Option<Hash>,
    pub(super) queues: u128,
    pub(super) looped: bool,
}

/// A parcel that waits.
#[derive(Debug)]
struct Waiting {
    frame: Box<[u8]>,
    header: Header,
    hash: Option<Hash>,
    queues: u128,
    looped: bool,
}

/// Frames that wait for descriptors, oldest first.
#[derive(Debug, Default)]
pub(super) struct PacketBuffer {
    waiting: VecDeque<Waiting>,
    bytes: usize,
}

/// What became of a parcel's copies.
#[derive(Debug, Default)]
struct Outcome {
    copies: u8,
    missed: u8,
    /// Queues that are full and may not drop.
    blocked: u128,
}

impl Nic {
    /// Puts a frame into the packet buffer, and on into rings if nothing waits.
    pub(super) fn accept(&mut self, bus: &mut Bus, parcel: Parcel<'_>) -> Receive {
        if self.packet_buffer.bytes + parcel.frame.len() > self.buffer_size() {
            if let Some(first) = ixgbe::PacketBuffer::new(0) {
                self.registers.count::<Mpc>(first, 1);
            }
            return Receive::Stored { copies: 0, missed: parcel.queues.count_ones() as u8 };
        }
        if !parcel.looped {
            count_received(&mut self.registers, &parcel.header, parcel.frame.len());
        }
        let outcome = match self.packet_buffer.waiting.is_empty() {
            true => self.deliver(bus, &parcel),
            false => Outcome { blocked: parcel.queues, ..Outcome::default() },
        };
        if outcome.blocked == 0 {
            return Receive::Stored { copies: outcome.copies, missed: outcome.missed };
        }
        self.packet_buffer.bytes += parcel.frame.len();
        self.packet_buffer.waiting.push_back(Waiting {
            frame: parcel.frame.into(),
            header: parcel.header,
            hash: parcel.hash,
            queues: outcome.blocked,
            looped: parcel.looped,
        });
        Receive::Held
    }

    /// Bytes of packet buffer 0, which all frames go to without traffic classes.
    fn buffer_size(&self) -> usize {
        let first = ixgbe::PacketBuffer::new(0);
        first.map_or(0, |at| self.registers.get::<Rxpbsize>(at).get() as usize)
    }

    fn deliver(&mut self, bus: &mut Bus, parcel: &Parcel<'_>) -> Outcome {
        let mut outcome = Outcome::default();
        for queue in queues_of(parcel.queues) {
            if !self.rx_side(queue).live.is_on() {
                outcome.missed += 1;
            } else if self.store(bus, queue, parcel) {
                outcome.copies += 1;
            } else if self.may_drop(queue) {
                self.count_dropped(queue);
                outcome.missed += 1;
            } else {
                outcome.blocked |= 1 << queue.number();
            }
        }
        outcome
    }

    /// Moves what waits in the packet buffer, as far as rings have room.
    pub(super) fn drain(&mut self, bus: &mut Bus) {
        while self.masters(bus)
            && let Some(mut first) = self.packet_buffer.waiting.pop_front()
        {
            let parcel = Parcel {
                frame: &first.frame,
                header: first.header,
                hash: first.hash,
                queues: first.queues,
                looped: first.looped,
            };
            let blocked = self.deliver(bus, &parcel).blocked;
            if blocked != 0 {
                first.queues = blocked;
                self.packet_buffer.waiting.push_front(first);
                return;
            }
            self.packet_buffer.bytes -= first.frame.len();
        }
    }

    /// Whether a frame waits.
    pub(super) fn is_holding(&self) -> bool {
        !self.packet_buffer.waiting.is_empty()
    }

    fn may_drop(&self, queue: RxQueue) -> bool {
        let all = self.drops & 1 << queue.number() != 0;
        self.registers.get::<Srrctl>(queue).drop_enable() || all
    }
}

/// The queues of a bit map, in order.
pub(super) fn queues_of(bits: u128) -> impl Iterator<Item = RxQueue> {
    let mut left = bits;
    std::iter::from_fn(move || {
        let queue = RxQueue::new(left.trailing_zeros())?;
        left &= left - 1;
        Some(queue)
    })
}
