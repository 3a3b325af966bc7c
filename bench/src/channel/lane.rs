//! The lane in both directions, used as the worker and an endpoint use it: the length
//! of a frame is not known to the compiler.

use std::hint::black_box;

use lockgate_lane::{
    DownReader, DownWriter, Endpoint, Geometry, HEAD_BYTES, Lane, Meta, UpReader, UpWriter,
};

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
    Some((Box::new(endpoint.up), Box::new(Core { reader: lane.up, head: [0; HEAD_BYTES] })))
}

impl Sender for DownWriter {
    fn send(&mut self, frame: &Buffer, burst: usize) -> usize {
        let frame = &frame[..black_box(FRAME_BYTES)];
        let mut sent = 0;
        while sent < burst {
            let Some(room) = self.slot().and_then(|slot| slot.get_mut(..frame.len())) else {
                break;
            };
            room.copy_from_slice(frame);
            self.commit(Meta { len: frame.len() as u32, ..Meta::default() });
            sent += 1;
        }
        self.publish();
        sent
    }
}

impl Receiver for DownReader {
    fn receive(&mut self, into: &mut Buffer, burst: usize) -> usize {
        let mut received = 0;
        while received < burst {
            let Some((_, bytes)) = self.next() else {
                break;
            };
            let len = bytes.len().min(into.len());
            into[..len].copy_from_slice(&bytes[..len]);
            // Each copy is wanted, not only the last.
            black_box(&mut *into);
            self.consume();
            received += 1;
        }
        self.release();
        received
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

/// The core's end: a short frame is in the header that the worker copies out.
struct Core {
    reader: UpReader,
    head: [u8; HEAD_BYTES],
}

impl Receiver for Core {
    fn receive(&mut self, into: &mut Buffer, burst: usize) -> usize {
        let mut received = 0;
        while received < burst && self.reader.head(&mut self.head).is_some() {
            black_box(&mut self.head);
            self.reader.consume();
            received += 1;
        }
        self.reader.release();
        if received > 0 {
            into.copy_from_slice(&self.head[..64]);
        }
        received
    }
}
