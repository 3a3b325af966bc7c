//! The lane in both directions, used as the worker and an endpoint use it: the length
//! of a frame is not known to the compiler.

use std::hint::black_box;

use lockgate_lane::{DownReader, DownWriter, Endpoint, Geometry, Lane, Meta, UpReader, UpWriter};

use super::{Buffer, Ends, FRAME_BYTES, Receiver, SLOTS, Sender};

/// What a lane of `lockgate run` has room for.
pub(super) const LONGEST: u32 = 1536;

fn lane() -> Option<(Lane, Endpoint)> {
    let geometry = Geometry { rings: 1, slots: SLOTS, frame_bytes: LONGEST };
    let lane = Lane::create("bench", geometry).ok()?;
    let endpoint = Endpoint::attach(&lane.files).ok()?;
    Some((lane, endpoint))
}

/// From core to partition.
pub(super) fn down() -> Option<Ends> {
    let (lane, endpoint) = lane()?;
    let (writer, reader) = (lane.down.into_iter().next()?, endpoint.rings.into_iter().next()?);
    Some((Box::new(writer), Box::new(reader)))
}

/// From partition to core.
pub(super) fn up() -> Option<Ends> {
    let (lane, endpoint) = lane()?;
    Some((Box::new(endpoint.up), Box::new(lane.up)))
}

impl Sender for DownWriter {
    fn send(&mut self, frame: &Buffer, burst: usize) -> usize {
        let frame = &frame[..black_box(FRAME_BYTES)];
        let meta = Meta { len: frame.len() as u32, ..Meta::default() }.pack();
        let mut sent = 0;
        while sent < burst
            && (self.put(frame, meta) || self.free() != Ok(0) && self.put(frame, meta))
        {
            sent += 1;
        }
        self.publish();
        sent
    }
}

impl Sender for UpWriter {
    fn send(&mut self, frame: &Buffer, burst: usize) -> usize {
        let frame = &frame[..black_box(FRAME_BYTES)];
        let mut sent = 0;
        while sent < burst && self.push(frame) {
            sent += 1;
        }
        self.publish();
        sent
    }
}

impl Receiver for DownReader {
    fn receive(&mut self, into: &mut Buffer, burst: usize) -> usize {
        if self.head().is_none() {
            let _ = self.available();
        }
        let mut received = 0;
        while received < burst && self.take(into).is_some() {
            // Each copy is wanted, not only the last.
            black_box(&mut *into);
            received += 1;
        }
        self.release();
        received
    }
}

impl Receiver for UpReader {
    fn receive(&mut self, into: &mut Buffer, burst: usize) -> usize {
        if self.head().is_none() {
            let _ = self.available();
        }
        let mut received = 0;
        while received < burst
            && let Some(len) = self.head()
            && let Some(room) = into.get_mut(..len)
        {
            self.copy(room);
            self.consume();
            black_box(&mut *into);
            received += 1;
        }
        self.release();
        received
    }
}
