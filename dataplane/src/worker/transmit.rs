//! From the lanes to the wire and to other lanes.
//!
//! The partition may rewrite its slot at any moment, so the header is copied
//! into core memory first, judged there, and it is that copy which travels on.
//! A frame that cannot move yet stays in the lane; the turn passes on. What a partition
//! reflects is judged the same way, and stays in its receive queue until it can move.

use lockgate_lane::{HEAD_BYTES, UpReader};
use lockgate_vmdq::SendVerdict;

use super::exit::Exit;
use super::schedule::Sender;
use super::{BURST, MIN_FRAME, Worker};

/// The start of a frame in core memory: all that the policy and RSS look at (18 bytes
/// of Ethernet with a tag, 60 of IPv4 with options, 4 of ports), and some.
type Header = [u8; HEAD_BYTES];

impl Worker<'_> {
    /// Sends up to a burst in all, in the order of the schedule.
    pub(super) fn transmit(&mut self) -> usize {
        let (mut moved, mut barren) = (0, 0);
        while barren < self.schedule.len() {
            let Some((sender, up)) = self.schedule.current() else {
                break;
            };
            let before = moved;
            self.exit.turn(sender, up, &mut moved);
            if moved >= BURST {
                break;
            }
            barren = if moved == before { barren + 1 } else { 0 };
            self.schedule.advance();
        }
        moved
    }
}

impl Exit<'_> {
    /// Sends from one lane until the worker's burst is used up, which leaves it its turn,
    /// or it is empty, out of its share, or must wait.
    fn turn(&mut self, sender: &mut Sender, up: &mut UpReader, moved: &mut usize) {
        if self.control.shut(sender.partition).is_some() {
            return;
        }
        let mut header = [0; HEAD_BYTES];
        let before = *moved;
        while *moved < BURST {
            let Some(frame) = up.head(&mut header) else {
                self.control.note(sender.partition, up.available().err());
                sender.deficit = 0;
                break;
            };
            // Refused frames use up the share too, or a flood of them would hold the turn.
            let price = frame.len().max(MIN_FRAME);
            let rest = |slot: &mut [u8]| {
                up.copy(&frame, HEAD_BYTES, slot);
            };
            if sender.deficit < price || !self.step(sender, &mut header, frame.len(), rest) {
                break;
            }
            sender.deficit -= price;
            up.consume();
            *moved += 1;
        }
        if *moved > before {
            up.release();
        }
    }

    /// Sends a frame that partition `p` is given back to where it came from, as `p` itself
    /// would, if `p` reflects; `false` leaves it where it is. A frame to a group ends here.
    #[inline]
    pub(super) fn reflect(&mut self, p: usize, frame: &[u8]) -> bool {
        let Some(mut sender) = self.reflecting.get_mut(p).and_then(Option::take) else {
            return true;
        };
        let (head, tail) = frame.split_at(frame.len().min(HEAD_BYTES));
        let mut header = [0; HEAD_BYTES];
        header.iter_mut().zip(head).for_each(|(to, from)| *to = *from);
        header[..12].rotate_left(6);
        let rest = |slot: &mut [u8]| slot.copy_from_slice(tail);
        let group = header[6] & 1 == 1;
        let done = group || self.step(&mut sender, &mut header, frame.len(), rest);
        self.reflecting[p] = Some(sender);
        done
    }

    /// Judges one frame and moves it if it may and can; `false` leaves it where it is.
    /// `rest` copies what is behind the header.
    #[inline]
    fn step(
        &mut self,
        sender: &mut Sender,
        header: &mut Header,
        len: usize,
        rest: impl Fn(&mut [u8]),
    ) -> bool {
        let Some(stats) = self.stats.partitions.get(sender.partition) else {
            return true;
        };
        let seen = header.get(..len).unwrap_or(header);
        match self.plan.from_partition(sender.partition, seen, len) {
            SendVerdict::Refuse(reason) => stats.drops.add(reason),
            SendVerdict::Send { to, wire } => {
                let padded = len.max(MIN_FRAME);
                // Room first, then the rate, so that nothing is paid for a frame that stays.
                if self.must_wait(to)
                    || (wire && !self.room_on_wire(sender.tx))
                    || !sender.bucket.as_mut().is_none_or(|b| b.take(self.now_ns, padded))
                {
                    return false;
                }
                header.iter_mut().take(padded).skip(len).for_each(|padding| *padding = 0);
                let head = header.get(..padded).unwrap_or(header);
                let fill = |slot: &mut [u8]| {
                    if let Some((start, end)) = slot.split_at_mut_checked(head.len()) {
                        start.copy_from_slice(head);
                        rest(end);
                    }
                };
                to.iter().for_each(|p| self.deliver(p, padded, head, None, fill));
                if wire {
                    self.put_on_wire(sender.tx, padded, fill);
                }
                stats.tx.add(padded);
            }
        }
        true
    }
}
