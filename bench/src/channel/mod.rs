//! Ways for frames from one core to another: the lane, and its peers.
//!
//! All carry the same frame of 60 bytes and copy it once on either side. The lane and
//! `rte_ring` have room for frames of any size; the other two hold the bytes
//! in their elements, and so only short ones, which is in their favour.

#[cfg(feature = "dpdk")]
mod dpdk;
mod lane;
mod others;

/// A frame, in a buffer that may be copied whole.
pub type Buffer = [u8; 64];

/// Bytes of the frame: the shortest that Ethernet has, without FCS.
pub const FRAME_BYTES: usize = 60;

/// Frames that a channel holds.
pub const SLOTS: u32 = 1024;

/// The end that sends.
pub trait Sender: Send {
    /// Sends up to `burst` copies of a frame and shows them to the other side at once;
    /// says how many.
    fn send(&mut self, frame: &Buffer, burst: usize) -> usize;
}

/// The end that receives.
pub trait Receiver: Send {
    /// Takes up to `burst` frames, each over the last one; says how many.
    fn receive(&mut self, into: &mut Buffer, burst: usize) -> usize;
}

/// Both ends.
pub type Ends = (Box<dyn Sender>, Box<dyn Receiver>);

/// One way to carry frames.
pub struct Channel {
    /// As the tables call it.
    pub name: &'static str,
    /// Makes one, empty; `None` if this machine does not have it.
    pub open: fn() -> Option<Ends>,
    /// Makes one for answers, which may be another kind.
    pub back: fn() -> Option<Ends>,
}

/// The peer that the others are compared with.
pub const YARDSTICK: &str = "`rte_ring`";

/// All of them, ours first.
pub static CHANNELS: [Channel; 5] = [
    Channel {
        name: "lane, to a partition",
        open: lane::down,
        back: lane::up,
    },
    Channel {
        name: "lane, from a partition",
        open: lane::up,
        back: lane::down,
    },
    channel(YARDSTICK, rte_ring),
    channel("crossbeam `ArrayQueue`", others::crossbeam),
    channel("`rtrb`", others::rtrb),
];

#[cfg(feature = "dpdk")]
use dpdk::rte_ring;

/// DPDK was not built in.
#[cfg(not(feature = "dpdk"))]
fn rte_ring() -> Option<Ends> {
    None
}

/// One that is alike in both directions.
const fn channel(name: &'static str, open: fn() -> Option<Ends>) -> Channel {
    Channel {
        name,
        open,
        back: open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_channel_carries_its_frames_and_no_more_than_it_holds() {
        for channel in &CHANNELS {
            let Some((mut sender, mut receiver)) = (channel.open)() else {
                continue;
            };
            let (frame, mut into) = ([0x5a; 64], [0; 64]);
            assert_eq!(receiver.receive(&mut into, 8), 0, "{}", channel.name);
            let sent: usize = (0..1000).map(|_| sender.send(&frame, 8)).sum();
            assert!((1016..=1024).contains(&sent), "{}: {sent}", channel.name);
            let received: usize = (0..1000).map(|_| receiver.receive(&mut into, 8)).sum();
            assert!(
                received <= sent && received >= 1016,
                "{}: {received}",
                channel.name
            );
            assert_eq!(
                into[..FRAME_BYTES],
                frame[..FRAME_BYTES],
                "{}",
                channel.name
            );
        }
    }
}
