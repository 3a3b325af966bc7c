//! The endpoint of kind `reflect`: what is for the partition alone goes back to its sender.
//!
//! It shares the thread of the worker that serves the partition's sending side, and has
//! no more rights than any other endpoint: the worker judges what it sends.

use lockgate_lane::{Endpoint, Meta, UpWriter};

use super::BURST;

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
    /// where it is if there is no room; one to a group, or without two addresses, ends here.
    pub fn turn(&mut self) -> usize {
        let Endpoint { rings, up } = &mut self.lane;
        let mut taken = 0;
        for ring in rings {
            for _ in 0..BURST {
                let Some((_, frame)) = ring.next() else {
                    break;
                };
                let alone = frame.len() >= 12 && frame[0] & 1 == 0;
                if alone && !send_back(up, frame) {
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

/// Puts `frame` into the transmit ring with its addresses swapped, with one copy; false if
/// there is no room.
fn send_back(up: &mut UpWriter, frame: &[u8]) -> bool {
    let meta = Meta { len: frame.len() as u32, ..Meta::default() }.pack();
    let mut addresses = [0; 12];
    addresses[..6].copy_from_slice(&frame[6..12]);
    addresses[6..].copy_from_slice(&frame[..6]);
    up.fill(|slots| slots.put(0, frame, meta) && slots.put(0, &addresses, meta))
}
