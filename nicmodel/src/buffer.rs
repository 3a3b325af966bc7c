//! The packet buffer of a card with pools, between filters and rings.
//!
//! A queue that finds no descriptors drops the frame if it may; if it may not, the frame
//! stays and everything behind it waits, whichever queue it is for.
//!
//! Not here: which queues a frame is for, whether one may drop, and how a ring takes a
//! frame (each card).

use std::collections::VecDeque;

use lockgate_regs::descriptor::RssType;

use crate::chip::{Bus, Receive};
use crate::counters::count_received;
use crate::ethernet::Header;
use crate::registers::Registers;

/// What was hashed, and the hash.
pub(crate) type Hash = (RssType, u32);

/// A frame in the packet buffer, and the queues that have yet to get it, a bit each.
#[derive(Debug, Clone)]
pub(crate) struct Parcel<'a> {
    pub(crate) frame: &'a [u8],
    pub(crate) header: Header,
    pub(crate) hash: Option<Hash>,
    pub(crate) queues: u128,
    pub(crate) looped: bool,
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
pub(crate) struct PacketBuffer {
    waiting: VecDeque<Waiting>,
    bytes: usize,
}

impl PacketBuffer {
    /// Whether a frame waits.
    pub(crate) fn is_holding(&self) -> bool {
        !self.waiting.is_empty()
    }
}

/// What a queue made of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placed {
    /// It is in the queue's buffers.
    Stored,
    /// It is lost.
    Missed,
    /// The queue is full and may not drop.
    Blocked,
}

/// What became of a parcel's copies.
#[derive(Debug, Default)]
struct Outcome {
    copies: u8,
    missed: u8,
    blocked: u128,
}

/// A card that has a packet buffer.
pub(crate) trait Buffered {
    fn packet_buffer(&mut self) -> &mut PacketBuffer;

    fn registers(&mut self) -> &mut Registers;

    /// Bytes that it holds.
    fn capacity(&self) -> usize;

    /// Counts a frame that found the buffer full.
    fn count_missed(&mut self);

    /// Whether frames may go on into rings.
    fn may_move(&self, bus: &Bus) -> bool;

    /// Puts a copy into a queue's buffers.
    fn place(&mut self, bus: &mut Bus, queue: u32, parcel: &Parcel<'_>) -> Placed;

    /// Puts a frame into the packet buffer, and on into rings if nothing waits.
    fn accept(&mut self, bus: &mut Bus, parcel: Parcel<'_>) -> Receive {
        if self.packet_buffer().bytes + parcel.frame.len() > self.capacity() {
            self.count_missed();
            return Receive::Stored {
                copies: 0,
                missed: parcel.queues.count_ones() as u8,
            };
        }
        if !parcel.looped {
            count_received(self.registers(), &parcel.header, parcel.frame.len());
        }
        let outcome = match self.packet_buffer().is_holding() {
            false => self.deliver(bus, &parcel),
            true => Outcome {
                blocked: parcel.queues,
                ..Outcome::default()
            },
        };
        if outcome.blocked == 0 {
            return Receive::Stored {
                copies: outcome.copies,
                missed: outcome.missed,
            };
        }
        let buffer = self.packet_buffer();
        buffer.bytes += parcel.frame.len();
        buffer.waiting.push_back(Waiting {
            frame: parcel.frame.into(),
            header: parcel.header,
            hash: parcel.hash,
            queues: outcome.blocked,
            looped: parcel.looped,
        });
        Receive::Held
    }

    /// Moves what waits, as far as rings have room.
    fn drain(&mut self, bus: &mut Bus) {
        while self.may_move(bus)
            && let Some(mut first) = self.packet_buffer().waiting.pop_front()
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
                self.packet_buffer().waiting.push_front(first);
                return;
            }
            self.packet_buffer().bytes -= first.frame.len();
        }
    }
}

trait Deliver: Buffered {
    fn deliver(&mut self, bus: &mut Bus, parcel: &Parcel<'_>) -> Outcome {
        let mut outcome = Outcome::default();
        for queue in numbers(parcel.queues) {
            match self.place(bus, queue, parcel) {
                Placed::Stored => outcome.copies += 1,
                Placed::Missed => outcome.missed += 1,
                Placed::Blocked => outcome.blocked |= 1 << queue,
            }
        }
        outcome
    }
}

impl<C: Buffered + ?Sized> Deliver for C {}

/// The numbers of the bits that are set, in order.
pub(crate) fn numbers(bits: u128) -> impl Iterator<Item = u32> {
    let mut left = bits;
    std::iter::from_fn(move || {
        let number = (left != 0).then(|| left.trailing_zeros())?;
        left &= left - 1;
        Some(number)
    })
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn every_bit_is_named_once_and_in_order() {
        assert_eq!(numbers(0).count(), 0);
        assert_eq!(numbers(1 << 127 | 0b101).collect::<Vec<_>>(), [0, 2, 127]);
    }
}
