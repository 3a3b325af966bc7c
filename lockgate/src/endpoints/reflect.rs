//! The endpoint of kind `reflect`: what is for the partition alone goes back to its sender.
//!
//! It shares the thread of the worker that serves the partition's sending side, and has
//! no more rights than any other endpoint: the worker judges what it sends.

use lockgate_lane::{Endpoint, Meta, UpWriter};

use super::BURST;

/// What is written anew of a frame: the addresses, and as much behind them as makes the copy
/// one of whole registers.
const HEAD: usize = 32;

/// The far end of a lane that sends back what comes.
pub struct Reflector {
    lane: Endpoint,
}

impl Reflector {
    /// The one of `lane`.
    pub fn new(lane: Endpoint) -> Self {
        Self { lane }
    }

    /// Sends back up to a burst from each ring; says how many frames it took. A frame waits
    /// where it is if there is no room; one to a group ends here, as would one that is shorter
    /// than any that a lane carries.
    pub fn turn(&mut self) -> usize {
        let Endpoint { rings, up } = &mut self.lane;
        let mut taken = 0;
        for ring in rings {
            for _ in 0..BURST {
                let Some((_, frame)) = ring.next() else {
                    break;
                };
                if let Some(head) = frame.first_chunk().filter(|head| head[0] & 1 == 0)
                    && !send_back(up, frame, head)
                {
                    break;
                }
                ring.consume();
                taken += 1;
            }
            ring.release();
        }
        up.publish();
        taken
    }
}

/// Puts `frame`, which begins with `head`, into the transmit ring with its addresses swapped,
/// with one copy; false if there is no room.
fn send_back(up: &mut UpWriter, frame: &[u8], head: &[u8; HEAD]) -> bool {
    let meta = Meta {
        len: frame.len() as u32,
        ..Meta::default()
    }
    .pack();
    let mut swapped = *head;
    swapped[..6].copy_from_slice(&head[6..12]);
    swapped[6..12].copy_from_slice(&head[..6]);
    up.fill(|slots| slots.put(0, frame, meta) && slots.put(0, &swapped, meta))
}
