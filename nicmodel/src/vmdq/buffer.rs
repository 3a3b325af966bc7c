//! The packet buffer of a card with pools, between filters and rings.
//!
//! A queue that finds no descriptors drops the frame if it may; if it may not, the frame
//! stays and everything behind it waits, whichever queue it is for.
//!
//! Not here: which queues a frame is for ([`super::steering`]), whether one may drop (each
//! card), and how a ring takes a frame ([`super::store`]).

use std::collections::VecDeque;

use lockgate_regs::Index;

use super::{Nic, RegisterMap};
use crate::chip::{Bus, Receive};
use crate::counters::count_received;
use crate::ethernet::Header;
use crate::rss::Hash;

/// A frame in the packet buffer, and the queues that have yet to get it, a bit each.
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

impl Waiting {
    fn parcel(&self) -> Parcel<'_> {
        Parcel {
            frame: &self.frame,
            header: self.header,
            hash: self.hash,
            queues: self.queues,
            looped: self.looped,
        }
    }
}

/// Frames that wait for descriptors, oldest first.
#[derive(Debug, Default)]
pub(super) struct PacketBuffer {
    waiting: VecDeque<Waiting>,
    bytes: usize,
}

impl PacketBuffer {
    /// Whether a frame waits.
    pub(super) fn is_holding(&self) -> bool {
        !self.waiting.is_empty()
    }
}

/// What a queue made of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placed {
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

impl<M: RegisterMap> Nic<M> {
    /// Puts a frame into the packet buffer, and on into rings if nothing waits.
    pub(super) fn accept(&mut self, bus: &mut Bus, parcel: Parcel<'_>) -> Receive {
        let room = M::packet_buffer_bytes(&self.registers);
        if self.packet_buffer.bytes + parcel.frame.len() > room {
            M::count_missed(&mut self.registers);
            return Receive::Stored {
                copies: 0,
                missed: parcel.queues.count_ones() as u8,
            };
        }
        if !parcel.looped {
            count_received(&mut self.registers, &parcel.header, parcel.frame.len());
        }
        let outcome = if self.packet_buffer.is_holding() {
            Outcome {
                blocked: parcel.queues,
                ..Outcome::default()
            }
        } else {
            self.deliver(bus, &parcel)
        };
        if outcome.blocked == 0 {
            return Receive::Stored {
                copies: outcome.copies,
                missed: outcome.missed,
            };
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

    /// Moves what waits, as far as rings have room.
    pub(super) fn drain(&mut self, bus: &mut Bus) {
        while self.masters(bus)
            && let Some(mut first) = self.packet_buffer.waiting.pop_front()
        {
            let blocked = self.deliver(bus, &first.parcel()).blocked;
            if blocked != 0 {
                first.queues = blocked;
                self.packet_buffer.waiting.push_front(first);
                return;
            }
            self.packet_buffer.bytes -= first.frame.len();
        }
    }

    /// Gives each queue that the parcel is for its copy.
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

    /// Puts a copy into a queue's buffers.
    fn place(&mut self, bus: &mut Bus, queue: u32, parcel: &Parcel<'_>) -> Placed {
        let live = |queue: &M::RxQueue| self.rx_side(*queue).live.is_on();
        let Some(queue) = M::RxQueue::new(queue).filter(live) else {
            return Placed::Missed;
        };
        if self.store(bus, queue, parcel) {
            return Placed::Stored;
        }
        if !self.map.may_drop(&self.registers, queue) {
            return Placed::Blocked;
        }
        M::count_dropped(&mut self.registers, queue);
        Placed::Missed
    }
}

/// The numbers of the bits that are set, in order.
pub(super) fn numbers(bits: u128) -> impl Iterator<Item = u32> {
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
