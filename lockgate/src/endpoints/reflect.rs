//! The endpoint of kind `reflect`: what is for the partition alone goes back to its sender.
//!
//! It shares the thread of the worker that serves the partition's sending side, and has
//! no more rights than any other endpoint: the worker judges what it sends.

use lockgate_lane::{Frame, JudgedFrame, Meta, PartitionEnds, PushError, TxProducer};

use super::BURST;

/// The far end of a lane that sends back what comes.
pub struct Reflector {
    lane: PartitionEnds,
}

impl Reflector {
    /// The one of `lane`.
    pub fn new(lane: PartitionEnds) -> Self {
        Self { lane }
    }

    /// Sends back up to a burst from each ring; says how many frames it took. A frame waits
    /// where it is if there is no room; one to a group ends here.
    pub fn turn(&mut self) -> usize {
        let PartitionEnds { rx, tx, .. } = &mut self.lane;
        let mut taken = 0;
        for ring in rx {
            for _ in 0..BURST {
                let Some(frame) = ring.peek() else {
                    break;
                };
                if send_back(tx, &frame) == Err(PushError::Full) {
                    break;
                }
                ring.advance(1);
                taken += 1;
            }
            ring.release();
        }
        tx.publish();
        taken
    }
}

/// Pushes `frame` with its addresses swapped, with one copy; one to a group is left out.
fn send_back(tx: &mut TxProducer, frame: &Frame<'_>) -> Result<(), PushError> {
    let [first, second, third, fourth] = frame.head().map(u64::to_le);
    if first & 1 == 1 {
        return Ok(());
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
    tx.push_judged(swapped, Meta::default())
}
