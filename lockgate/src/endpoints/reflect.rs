//! The endpoint of kind `reflect`: what is for the partition alone goes back to its sender.
//!
//! It shares the thread of the worker that serves the partition's sending side, and has
//! no more rights than any other endpoint: the worker judges what it sends.

use std::sync::Arc;

use lockgate_lane::{Frame, JudgedFrame, Meta, PartitionEnds, PushError, TxProducer};

use super::stats::PortStats;
use super::{BURST, Port, Round};
use crate::error::Failure;

/// The far end of a lane that sends back what comes.
pub struct Reflector {
    lane: PartitionEnds,
    stats: Arc<PortStats>,
}

impl Reflector {
    /// The one of `lane`.
    pub fn new(lane: PartitionEnds) -> Self {
        Self {
            lane,
            stats: Arc::default(),
        }
    }

    /// Sends back up to a burst from each ring; says how many frames it took. A frame waits
    /// where it is if there is no room; one to a group ends here.
    pub fn reflect(&mut self) -> usize {
        let PartitionEnds { rx, tx, .. } = &mut self.lane;
        let (mut taken, mut sent) = (0, 0);
        for ring in rx {
            for _ in 0..BURST {
                let Some(frame) = ring.peek() else {
                    break;
                };
                match send_back(tx, &frame) {
                    Sent::Back => sent += 1,
                    Sent::Nowhere => {}
                    Sent::NoRoom => break,
                }
                ring.advance(1);
                taken += 1;
            }
            ring.release();
        }
        // Counted before it is shown, and sent before taken: no frame is in neither count.
        self.stats.sent.add(sent);
        self.stats.taken.add(taken as u64);
        tx.publish();
        taken
    }
}

impl Port for Reflector {
    fn poll(&mut self, _round: &mut Round<'_>) -> Result<usize, Failure> {
        Ok(self.reflect())
    }

    fn stats(&self) -> &Arc<PortStats> {
        &self.stats
    }
}

/// What became of a frame that was to be sent back.
enum Sent {
    /// It is in the transmit ring.
    Back,
    /// It ends here: it was for a group, or is none that a lane takes.
    Nowhere,
    /// It must wait.
    NoRoom,
}

/// Pushes `frame` with its addresses swapped, with one copy; one to a group is left out.
fn send_back(tx: &mut TxProducer, frame: &Frame<'_>) -> Sent {
    let [first, second, third, fourth] = frame.head().map(u64::to_le);
    if first & 1 == 1 {
        return Sent::Nowhere;
    }
    // The destination is in bits 47:0 of the first word, the source begins above it and ends
    // with the lower half of the second word.
    let dst = first & 0xffff_ffff_ffff;
    let src = first >> 48 | (second & 0xffff_ffff) << 16;
    let head = [
        src | dst << 48,
        dst >> 16 | second >> 32 << 32,
        third,
        fourth,
    ];
    let swapped = JudgedFrame {
        head: head.map(u64::from_le),
        body: frame.block(),
        len: frame.len(),
        padded: frame.len(),
    };
    match tx.push_judged(swapped, Meta::default()) {
        Ok(()) => Sent::Back,
        Err(PushError::Full) => Sent::NoRoom,
        Err(_) => Sent::Nowhere,
    }
}
