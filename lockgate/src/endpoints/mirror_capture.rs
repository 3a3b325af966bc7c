//! Captures what a card sends to the wire, from the copies that a worker makes.

use lockgate_lane::{DownReader, Endpoint};

use super::{BURST, Port, Time, capture_failure};
use crate::capture::writer::CaptureWriter;
use crate::error::Failure;

/// The far end of the workers' mirror rings.
pub struct MirrorCapture {
    rings: Vec<DownReader>,
    capture: CaptureWriter,
    time: Time,
}

impl MirrorCapture {
    /// Writes the mirrored frames of `lane` into `capture`.
    pub fn new(lane: Endpoint, capture: CaptureWriter, time: Time) -> Self {
        Self {
            rings: lane.rings,
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
                let Some((meta, frame)) = ring.next() else {
                    break;
                };
                self.capture
                    .write(self.time.of_day(meta.stamp_ns), frame, None, None)
                    .map_err(capture_failure)?;
                ring.consume();
                taken += 1;
            }
            ring.release();
        }
        Ok(taken)
    }
}
