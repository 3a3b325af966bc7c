//! The lane in both directions, used as the worker and an endpoint use it: the length
//! of a frame is not known to the compiler.

use std::hint::black_box;

use lockgate_lane::{DownReader, DownWriter, Endpoint, Geometry, Lane, Meta, UpReader, UpWriter};

use super::{Buffer, Ends, FRAME_BYTES, Receiver, SLOTS, Sender};

/// What a lane of `lockgate run` has room for.
pub(super) const LONGEST: u32 = 1536;

fn lane() -> Option<(Lane, Endpoint)> {
    let geometry = Geometry {
        rings: 1,
        slots: SLOTS,
        frame_bytes: LONGEST,
    };
    let lane = Lane::create("bench", geometry).ok()?;
    let endpoint = Endpoint::attach(&lane.files).ok()?;
    Some((lane, endpoint))
}

/// From core to partition.
pub(super) fn down() -> Option<Ends> {
    let (lane, endpoint) = lane()?;
    let (writer, reader) = (
        lane.down.into_iter().next()?,
        endpoint.rings.into_iter().next()?,
    );
    Some((Box::new(writer), Box::new(reader)))
}

/// From partition to core.
pub(super) fn up() -> Option<Ends> {
    let (lane, endpoint) = lane()?;
    Some((Box::new(endpoint.up), Box::new(lane.up)))
}

/// A burst from the slots in a row, and the rest after a look at the shared index.
macro_rules! ends {
    ($writer:ty, $reader:ty) => {
        impl Sender for $writer {
            fn send(&mut self, frame: &Buffer, burst: usize) -> usize {
                let frame = &frame[..black_box(FRAME_BYTES)];
                let meta = Meta {
                    len: frame.len() as u32,
                    ..Meta::default()
                }
                .pack();
                let mut sent = 0;
                loop {
                    sent += self.slots(|slots| {
                        let most = (burst - sent).min(slots.left());
                        let put = (0..most).take_while(|&i| slots.put(i, frame, meta)).count();
                        slots.advance(put);
                    });
                    if sent == burst || !self.free().is_ok_and(|free| free > 0) {
                        break;
                    }
                }
                self.publish();
                sent
            }
        }

        impl Receiver for $reader {
            fn receive(&mut self, into: &mut Buffer, burst: usize) -> usize {
                let mut received = 0;
                loop {
                    received += self.slots(|slots| {
                        let take = |&i: &usize| {
                            let room = slots.len(i).and_then(|len| into.get_mut(..len));
                            let taken = room.map(|room| slots.copy(i, room));
                            // Each copy is wanted, not only the last.
                            black_box(&mut *into);
                            taken.is_some()
                        };
                        let most = (burst - received).min(slots.left());
                        let taken = (0..most).take_while(take).count();
                        slots.advance(taken);
                    });
                    if received == burst || !self.available().is_ok_and(|waiting| waiting > 0) {
                        break;
                    }
                }
                self.release();
                received
            }
        }
    };
}

ends!(DownWriter, DownReader);
ends!(UpWriter, UpReader);
