//! The endpoint of kind `reflect`: what is for the partition alone goes back to its sender.
//!
//! It shares the thread of the worker that serves the partition's sending side, and has
//! no more rights than any other endpoint: the worker judges what it sends.

use lockgate_lane::Endpoint;

use super::BURST;

/// The far end of a lane that sends back what comes.
pub struct Reflector {
    lane: Endpoint,
    frame: Vec<u8>,
}

impl Reflector {
    /// The one of `lane`.
    pub fn new(lane: Endpoint) -> Self {
        let frame = vec![0; lane.up.frame_bytes()];
        Self { lane, frame }
    }

    /// Sends back up to a burst from each ring; says how many frames it took. A frame waits
    /// where it is if there is no room; one to a group, or without two addresses, ends here.
    pub fn turn(&mut self) -> usize {
        let Self { lane, frame: copy } = self;
        let mut taken = 0;
        for ring in &mut lane.rings {
            for _ in 0..BURST {
                let Some((_, frame)) = ring.next() else {
                    break;
                };
                if let Some(copy) = copy.get_mut(..frame.len())
                    && frame.len() >= 12
                    && frame[0] & 1 == 0
                {
                    copy[..6].copy_from_slice(&frame[6..12]);
                    copy[6..12].copy_from_slice(&frame[..6]);
                    copy[12..].copy_from_slice(&frame[12..]);
                    if !lane.up.push(copy) {
                        break;
                    }
                }
                ring.consume();
                taken += 1;
            }
            ring.release();
        }
        lane.up.publish();
        taken
    }
}
