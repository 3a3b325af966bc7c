//! Lanes: the two rings shared between the core and one partition.
//!
//! A lane is two regions of memory. `down` is written by the core and only read by the
//! partition: the receive rings (one for each worker that delivers) with their producer
//! indices, and the consumer index of the transmit ring. `up` is written by the partition and
//! only read by the core: the transmit ring with its producer index, and the consumer indices
//! of the receive rings. Frames lie inside; each is copied in once and out once.
//! `docs/lane.md` draws the memory.
//!
//! The rule: nothing that the other side writes can do more than close the lane or spoil its
//! own frames. An index that moved further than it can have closes all ends of the lane, with
//! a reason and for good; lengths are clamped; there is no reference into the memory, only
//! copies. Each end counts its own pushes and steps, so that a slot that nobody wrote is never
//! shown.
//!
//! The core holds [`CoreEnds`], the partition [`PartitionEnds`]. One thread has each end, and
//! works in bursts: push or read some frames, then publish or release them with one store.
//!
//! Not here: whose memory it is ([`CoreMemory`] and [`PartitionMemory`] are told;
//! `lockgate-host` makes them of sealed files), who may send what to whom
//! (`lockgate-vmdq`), and how a sleeping reader is woken.
//!
//! ```
//! use lockgate_lane::{Geometry, Lane, Meta};
//!
//! let geometry = Geometry { rings: 1, slots: 8, frame_bytes: 1536 };
//! let Lane { mut core, mut partition } = Lane::in_heap(geometry).expect("a lawful geometry");
//!
//! // The core delivers to the partition ...
//! core.rx[0].push(b"a frame from the wire", Meta { queue: 3, ..Meta::default() }).expect("room");
//! core.rx[0].publish();
//! // ... which copies the frame out and sends it back.
//! let mut buffer = [0; 1536];
//! let frame = partition.rx[0].peek().expect("a frame waits");
//! assert_eq!(frame.meta().queue, 3);
//! let bytes = frame.read(&mut buffer).expect("no frame is longer than the lane's slots");
//! partition.tx.push(bytes, Meta::default()).expect("room");
//! partition.rx[0].advance(1);
//! partition.rx[0].release();
//! partition.tx.publish();
//!
//! // The core decides on a copy, for the partition may still write its slot.
//! let mut copy = [0; 1536];
//! assert_eq!(core.tx.waiting(), 1);
//! let frame = core.tx.frame(0).and_then(|frame| frame.read(&mut copy));
//! assert_eq!(frame.as_deref(), Some(&b"a frame from the wire"[..]));
//! core.tx.advance(1);
//! core.tx.release();
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod closed;
mod consumer;
mod cursor;
mod direction;
mod end;
mod ends;
mod geometry;
mod latch;
mod meta;
mod producer;

pub use closed::Closed;
pub use consumer::{Consumer, Frame, Frames};
pub use direction::{Direction, Ring, Rx, Tx};
pub use ends::{
    CoreEnds, CoreMemory, Lane, LaneError, PartitionEnds, PartitionMemory, RxConsumer, RxProducer,
    TxConsumer, TxProducer,
};
pub use geometry::{Geometry, GeometryError, HEADER_BYTES, Header};
pub use lockgate_shm::JudgedFrame;
pub use meta::{Meta, RxHash};
pub use producer::{Producer, PushError, Slots};
