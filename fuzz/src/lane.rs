//! A lane whose other side writes anything at any time: the core's ends beside a hostile
//! partition, and a partition's ends beside a core that is out of order.

use std::sync::Arc;

use lockgate_lane::{
    Consumer, CoreEnds, CoreMemory, Direction, Geometry, Header, Meta, PartitionEnds,
    PartitionMemory, Producer,
};
use lockgate_shm::Memory;

use crate::bytes::Bytes;

const SMALL: Geometry = Geometry {
    rings: 2,
    slots: 8,
    frame_bytes: 192,
};

/// One side of a lane: the ends that are tested.
struct Side<Fills: Direction, Empties: Direction> {
    producers: Vec<Producer<Fills>>,
    consumers: Vec<Consumer<Empties>>,
}

/// Plays a lane as `data` says; the first byte chooses whose ends are tested.
///
/// # Panics
/// When an end goes on once it has found the other side out of order, or shows a frame
/// that is longer than a slot, or more frames than there are slots.
pub fn lane(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let down = Arc::new(Memory::zeroed(SMALL.down_bytes()));
    let up = Arc::new(Memory::zeroed(SMALL.up_bytes()));
    let header = Header {
        geometry: SMALL,
        generation: 1,
    };
    let memory = CoreMemory {
        down: Arc::clone(&down),
        up: Arc::new(up.read_only()),
    };
    let core = CoreEnds::create(header, memory).expect("a lawful geometry");
    if bytes.byte().is_multiple_of(2) {
        let side = Side {
            producers: core.rx,
            consumers: vec![core.tx],
        };
        return play(side, &up, &mut bytes);
    }
    // What the partition attaches to may be damaged before it does.
    forge(&down, &mut bytes);
    let memory = PartitionMemory {
        down: Arc::new(down.read_only()),
        up,
    };
    if let Ok(ends) = PartitionEnds::attach(memory) {
        let side = Side {
            producers: vec![ends.tx],
            consumers: ends.rx,
        };
        play(side, &down, &mut bytes);
    }
}

/// Uses the ends of `side` while `theirs` is overwritten.
fn play<F: Direction, E: Direction>(mut side: Side<F, E>, theirs: &Memory, bytes: &mut Bytes<'_>) {
    while !bytes.is_empty() {
        forge(theirs, bytes);
        let step = bytes.byte();
        for producer in &mut side.producers {
            produce(producer, step);
        }
        for consumer in &mut side.consumers {
            consume(consumer, step);
        }
    }
}

/// Writes a word where the data say, or nothing.
fn forge(memory: &Memory, bytes: &mut Bytes<'_>) {
    match bytes.byte() % 4 {
        0 => {}
        1 => {
            memory.store_u64(bytes.short() & !7, bytes.long());
        }
        // The indices and the first metadata are where something can go wrong.
        2 => {
            let place = [0, 128, 256, 384, 512, 4096][usize::from(bytes.byte()) % 6];
            memory.store_u64(place, u64::from(bytes.byte()));
        }
        _ => {
            let piece: [u8; 24] = bytes.array();
            memory.write(bytes.short(), &piece);
        }
    }
}

fn produce<D: Direction>(producer: &mut Producer<D>, step: u8) {
    let was_closed = producer.closed().is_some();
    let frame = [0xcc; 192];
    if step & 1 != 0 {
        // Slots that this end knows of it may fill in a closed lane too; nobody sees them.
        let _ = producer.push(&frame[..usize::from(step).min(192)], Meta::default());
    }
    if step & 2 != 0 {
        producer.publish();
    }
    if step & 4 != 0 {
        let looked = producer.look();
        assert!(!(was_closed && looked.is_ok()), "a closed lane opened");
        let pushed = producer.push(&frame[..64], Meta::default());
        assert!(
            looked.is_ok() || pushed.is_err(),
            "a frame went into a lane that was seen to be closed"
        );
    }
    assert!(producer.free(usize::from(step)) <= producer.slots());
}

fn consume<D: Direction>(consumer: &mut Consumer<D>, step: u8) {
    let was_closed = consumer.closed().is_some();
    if step & 8 != 0 {
        let looked = consumer.look();
        assert!(!(was_closed && looked.is_ok()), "a closed lane opened");
    }
    let waiting = consumer.waiting();
    assert!(waiting <= consumer.slots(), "{waiting} frames wait");
    let mut copy = [0xee; 256];
    for i in 0..=waiting {
        let Some(frame) = consumer.frame(i) else {
            continue;
        };
        assert!(i < waiting, "a frame that nobody wrote");
        let length = frame.len();
        assert!(length <= consumer.frame_bytes(), "{length} bytes");
        let read = frame.read(&mut copy).map(|bytes| bytes.len());
        assert_eq!(read, Some(length));
        assert!(
            copy[consumer.frame_bytes()..]
                .iter()
                .all(|&byte| byte == 0xee)
        );
        let _ = (frame.head(), frame.meta());
    }
    if step & 16 != 0 {
        consumer.advance(usize::from(step >> 5));
    }
    if step & 32 != 0 {
        consumer.release();
    }
}
