//! From the lanes to the wire and to other lanes.
//!
//! The partition may rewrite its slot at any moment, so the header is copied
//! into core memory first, judged there, and it is that copy which travels on.
//! A frame that cannot move yet stays in the lane; the turn passes on.

use lockgate_lane::{HEAD_BYTES, UpFrame};
use lockgate_vmdq::{PartitionSet, SendVerdict};

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
            let Some(sender) = self.schedule.current() else {
                break;
            };
            let before = moved;
            self.exit.turn(sender, &mut moved);
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
    fn turn(&mut self, sender: &mut Sender, moved: &mut usize) {
        if self.control.shut(sender.partition).is_some() {
            return;
        }
        if let Some(bucket) = &mut sender.bucket {
            bucket.refill(self.now_ns);
        }
        let mut header = [0; HEAD_BYTES];
        let before = *moved;
        while *moved < BURST {
            let Some(frame) = sender.up.head(&mut header) else {
                self.control.note(sender.partition, sender.up.available().err());
                sender.deficit = 0;
                break;
            };
            // Refused frames use up the share too, or a flood of them would hold the turn.
            let price = frame.len().max(MIN_FRAME);
            if sender.deficit < price || !self.step(sender, &mut header, &frame) {
                break;
            }
            sender.deficit -= price;
            sender.up.consume();
            *moved += 1;
        }
        if *moved > before {
            sender.up.release();
        }
    }

    /// Judges one frame and moves it if it may and can; `false` leaves it in the lane.
    fn step(&mut self, sender: &mut Sender, header: &mut Header, frame: &UpFrame) -> bool {
        let len = frame.len();
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
                    || !sender.bucket.as_mut().is_none_or(|bucket| bucket.take(padded))
                {
                    return false;
                }
                if let Some(padding) = header.get_mut(len..padded) {
                    padding.fill(0);
                }
                self.depart(sender, header, frame, padded, to, wire);
                stats.tx.add(padded);
            }
        }
        true
    }

    fn depart(
        &mut self,
        sender: &Sender,
        header: &Header,
        frame: &UpFrame,
        len: usize,
        to: PartitionSet,
        wire: bool,
    ) {
        let head = header.get(..len).unwrap_or(header);
        let fill = |slot: &mut [u8]| {
            if let Some((start, rest)) = slot.split_at_mut_checked(head.len()) {
                start.copy_from_slice(head);
                sender.up.copy(frame, head.len(), rest);
            }
        };
        for p in to.iter() {
            self.deliver(p, len, head, None, fill);
        }
        if wire {
            self.put_on_wire(sender.tx, len, fill);
        }
    }
}
