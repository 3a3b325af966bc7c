//! Captures what a card sends to the wire, from the copies that a worker makes.

use lockgate_lane::{PartitionEnds, RxConsumer};

use super::{BURST, Port, Time, capture_failure};
use crate::capture::writer::CaptureWriter;
use crate::error::Failure;

/// The far end of the workers' mirror rings.
pub struct MirrorCapture {
    rings: Vec<RxConsumer>,
    /// Where a frame is copied to.
    buffer: Vec<u8>,
    capture: CaptureWriter,
    time: Time,
}

impl MirrorCapture {
    /// Writes the mirrored frames of `lane` into `capture`.
    pub fn new(lane: PartitionEnds, capture: CaptureWriter, time: Time) -> Self {
        Self {
            buffer: vec![0; lane.tx.frame_bytes()],
            rings: lane.rx,
            capture,
            time,
        }
    }

    /// The capture, to be finished.
    pub fn into_capture(self) -> CaptureWriter {
        self.capture
    }
}

impl Port for MirrorCapture {
    fn poll(&mut self, _now_ns: u64) -> Result<usize, Failure> {
        let mut taken = 0;
        for ring in &mut self.rings {
            for _ in 0..BURST {
                let Some(waiting) = ring.peek() else {
                    break;
                };
                let arrived = self.time.of_day(waiting.meta().stamp_ns);
                if let Some(frame) = waiting.read(&mut self.buffer) {
                    self.capture
                        .write(arrived, frame, None, None)
                        .map_err(capture_failure)?;
                }
                ring.advance(1);
                taken += 1;
            }
            ring.release();
        }
        Ok(taken)
    }
}
