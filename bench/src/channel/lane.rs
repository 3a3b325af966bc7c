//! The lane in both directions, used as the worker and an endpoint use it: the length
//! of a frame is not known to the compiler.

use std::hint::black_box;

use lockgate_lane::{Consumer, Direction, Geometry, Lane, Meta, Producer};

use super::{Buffer, Ends, FRAME_BYTES, Receiver, SLOTS, Sender};

/// What a lane of `lockgate run` has room for.
pub(super) const LONGEST: u32 = 1536;

fn lane() -> Option<Lane> {
    let geometry = Geometry {
        rings: 1,
        slots: SLOTS,
        frame_bytes: LONGEST,
    };
    Lane::in_heap(geometry).ok()
}

/// From core to partition.
pub(super) fn down() -> Option<Ends> {
    let Lane {
        mut core,
        mut partition,
    } = lane()?;
    let (producer, consumer) = (core.rx.pop()?, partition.rx.pop()?);
    Some((Box::new(producer), Box::new(consumer)))
}

/// From partition to core.
pub(super) fn up() -> Option<Ends> {
    let Lane { core, partition } = lane()?;
    Some((Box::new(partition.tx), Box::new(core.tx)))
}

impl<D: Direction> Sender for Producer<D> {
    fn send(&mut self, frame: &Buffer, burst: usize) -> usize {
        let frame = &frame[..black_box(FRAME_BYTES)];
        let sent = self.free(burst).min(burst);
        for _ in 0..sent {
            let pushed = self.push(frame, Meta::default());
            debug_assert!(pushed.is_ok());
        }
        self.publish();
        sent
    }
}

impl<D: Direction> Receiver for Consumer<D> {
    fn receive(&mut self, into: &mut Buffer, burst: usize) -> usize {
        let waiting = self.waiting().min(burst);
        let mut received = 0;
        while received < waiting
            && let Some(frame) = self.frame(received)
            && frame.read(into).is_some()
        {
            received += 1;
            // Each copy is wanted, not only the last.
            black_box(&mut *into);
        }
        self.advance(received);
        self.release();
        received
    }
}
