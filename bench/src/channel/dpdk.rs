//! DPDK's ring, with elements of 16 bytes that say where a frame is.

use super::lane::LONGEST;
use super::{Buffer, Ends, FRAME_BYTES, Receiver, SLOTS, Sender};
use crate::ffi::{Ring, RingReceiver, RingSender};

pub(super) fn rte_ring() -> Option<Ends> {
    // Buffers as far apart as the lane's frames, an odd number of lines.
    let (sender, receiver) = Ring::open(SLOTS, LONGEST + 64)?;
    Some((Box::new(sender), Box::new(receiver)))
}

impl Sender for RingSender {
    fn send(&mut self, frame: &Buffer, burst: usize) -> usize {
        Self::send(self, frame, FRAME_BYTES as u32, burst)
    }
}

impl Receiver for RingReceiver {
    fn receive(&mut self, into: &mut Buffer, burst: usize) -> usize {
        Self::receive(self, into, burst)
    }
}
