//! What the partitions of the demonstration do with a frame, so that somebody on the wire can
//! see and steer them.
//!
//! A frame with the EtherType [`COMMAND`] carries another frame, which the partition sends as
//! its own, lawful or not: to judge it is the worker's business. Every other frame is shown: it
//! goes to the [`OBSERVER`], whole, in a frame with the EtherType [`SHOWN`]. The EtherTypes are
//! those of IEEE 802 for local experiments.
//!
//! Not here: lanes. This is from bytes to bytes.

use alloc::vec::Vec;

/// Carries a frame to send: 16 bits of length, most significant byte first, and the frame.
const COMMAND: [u8; 2] = [0x88, 0xb5];

/// Carries a frame that was received, in the same form. What is too long is cut off.
const SHOWN: [u8; 2] = [0x88, 0xb6];

/// Whoever looks on from the wire; no partition has the address.
const OBSERVER: [u8; 6] = [0x02, 0x4c, 0x47, 0xff, 0xff, 0xff];

const TAG: [u8; 2] = [0x81, 0x00];
const ADDRESSES: usize = 12;
const HEADER: usize = 14;

/// What the partition with address `own` sends because it has received `frame`; `None` for a
/// command that is cut off, and for a runt. `mtu` bytes fit behind a header.
pub(crate) fn answer(own: [u8; 6], frame: &[u8], mtu: usize) -> Option<Vec<u8>> {
    let behind = frame.get(ADDRESSES..)?;
    // The answer goes where the frame came from: to its segment.
    let (tag, typed) = match behind.starts_with(&TAG) {
        true => behind.split_at_checked(4)?,
        false => behind.split_at(0),
    };
    let (kind, carried) = typed.split_at_checked(2)?;
    if kind == COMMAND {
        return command(carried).map(Vec::from);
    }
    let length = u16::try_from(frame.len()).ok()?.to_be_bytes();
    let mut shown = [&OBSERVER, &own, tag, &SHOWN, &length, frame].concat();
    shown.truncate(HEADER + tag.len() + mtu);
    Some(shown)
}

/// The frame that a command carries.
fn command(carried: &[u8]) -> Option<&[u8]> {
    let (length, rest) = carried.split_first_chunk()?;
    rest.get(..u16::from_be_bytes(*length).into())
}
