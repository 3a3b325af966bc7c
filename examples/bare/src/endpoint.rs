//! A partition of the demonstration: it empties its receive rings and sends what
//! [`crate::answer`] makes of each frame.
//!
//! Under a separation kernel this is a program in a partition of its own, with the lane's two
//! regions mapped as `PartitionEnds::attach` wants them; the calls are the same.

use alloc::vec;
use alloc::vec::Vec;

use lockgate_lane::{Meta, PartitionEnds, RxConsumer, TxProducer};
use lockgate_vmdq::PartitionPlan;

use crate::answer::answer;

/// Frames that are taken from one ring before the next has its turn.
const BURST: usize = 32;

/// One partition and its ends of a lane.
pub(crate) struct Endpoint {
    address: [u8; 6],
    /// Bytes that fit into an Ethernet frame beside its header.
    mtu: usize,
    ends: PartitionEnds,
    /// A frame is looked at here, where nobody else can write.
    buffer: Vec<u8>,
}

impl Endpoint {
    /// The partition `plan`, which sends by its first address; `None` if it has none.
    pub(crate) fn new(plan: &PartitionPlan, mtu: u16, ends: PartitionEnds) -> Option<Self> {
        let address = plan.macs.first()?.octets();
        let longest = ends.rx.iter().map(RxConsumer::frame_bytes).max()?;
        Some(Self {
            address,
            mtu: mtu.into(),
            ends,
            buffer: vec![0; longest],
        })
    }

    /// Answers what has come.
    pub(crate) fn serve(&mut self) {
        let Self {
            address,
            mtu,
            ends,
            buffer,
        } = self;
        for ring in &mut ends.rx {
            for _ in 0..BURST {
                let Some(frame) = ring.peek() else {
                    break;
                };
                if let Some(bytes) = frame.read(buffer) {
                    send(&mut ends.tx, answer(*address, bytes, *mtu).as_deref());
                }
                ring.advance(1);
            }
            ring.release();
        }
        ends.tx.publish();
    }
}

/// Puts a frame into the lane. What does not fit is lost, and it is the partition's own.
fn send(ring: &mut TxProducer, frame: Option<&[u8]>) {
    if let Some(frame) = frame {
        let _ = ring.push(frame, Meta::default());
    }
}
