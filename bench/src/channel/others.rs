//! The peers whose elements hold the frame: crossbeam's queue and `rtrb`.

use std::hint::black_box;
use std::sync::Arc;

use crossbeam_queue::ArrayQueue;
use rtrb::chunks::ChunkError;
use rtrb::{Consumer, Producer, RingBuffer};

use super::{Buffer, Ends, FRAME_BYTES, Receiver, SLOTS, Sender};

/// What travels in the queues that carry values: a length, and the bytes.
type Element = (u32, Buffer);

pub(super) fn crossbeam() -> Option<Ends> {
    let queue = Arc::new(ArrayQueue::<Element>::new(SLOTS as usize));
    Some((Box::new(Arc::clone(&queue)), Box::new(queue)))
}

impl Sender for Arc<ArrayQueue<Element>> {
    fn send(&mut self, frame: &Buffer, burst: usize) -> usize {
        let mut sent = 0;
        while sent < burst && self.push((FRAME_BYTES as u32, *frame)).is_ok() {
            sent += 1;
        }
        sent
    }
}

impl Receiver for Arc<ArrayQueue<Element>> {
    fn receive(&mut self, into: &mut Buffer, burst: usize) -> usize {
        let mut received = 0;
        while received < burst {
            let Some((len, bytes)) = self.pop() else {
                break;
            };
            *into = bytes;
            black_box((len, &mut *into));
            received += 1;
        }
        received
    }
}

pub(super) fn rtrb() -> Option<Ends> {
    let (producer, consumer) = RingBuffer::<Element>::new(SLOTS as usize);
    Some((Box::new(producer), Box::new(consumer)))
}

impl Sender for Producer<Element> {
    fn send(&mut self, frame: &Buffer, burst: usize) -> usize {
        let room = match self.write_chunk_uninit(burst) {
            Ok(chunk) => return chunk.fill_from_iter(elements(frame, burst)),
            Err(ChunkError::TooFewSlots(room)) => room,
        };
        let chunk = self.write_chunk_uninit(room);
        chunk.map_or(0, |chunk| chunk.fill_from_iter(elements(frame, room)))
    }
}

fn elements(frame: &Buffer, n: usize) -> impl Iterator<Item = Element> {
    std::iter::repeat_n((FRAME_BYTES as u32, *frame), n)
}

impl Receiver for Consumer<Element> {
    fn receive(&mut self, into: &mut Buffer, burst: usize) -> usize {
        let there = match self.read_chunk(burst) {
            Ok(_) => burst,
            Err(ChunkError::TooFewSlots(there)) => there,
        };
        let Ok(chunk) = self.read_chunk(there) else {
            return 0;
        };
        for (len, bytes) in chunk {
            *into = bytes;
            black_box((len, &mut *into));
        }
        there
    }
}
