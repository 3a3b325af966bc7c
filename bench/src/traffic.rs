//! What travels in a scene: the frames of each receive queue and of each partition.
//!
//! Made frames are UDP packets that differ in length and address alone; recorded ones are
//! those of `examples/mils.toml`, in the order in which they were captured, steered as a card
//! would.
//!
//! Not here: when they travel ([`crate::path`]).

use std::path::PathBuf;

use lockgate::capture::replay::Replay;
use lockgate_regs::descriptor::{RssType, RxInfo};
use lockgate_rss::Toeplitz;
use lockgate_tests::machine;
use lockgate_vmdq::{PartitionPlan, Plan, SendVerdict, SteeringMode, WireVerdict};

use crate::card::Arrival;
use crate::path::{Scene, Way};

/// Which frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traffic {
    /// All of one length, each partition's to and from one station outside.
    Uniform,
    /// The same, no frame as long as the one before.
    Uneven,
    /// All of one length, to and from 64 stations by turns.
    Stations,
    /// Seven of 60 bytes, four of 594 and one of 1514, mixed, to and from 64 stations by turns.
    Imix,
    /// What was captured.
    Captured,
}

/// Stations outside.
const STATIONS: usize = 64;

/// Frames of the made mixtures: as many as a ring has slots.
const MIXED: usize = 512;

/// The simple Internet mix in an order that is none: each length as often as it should be.
const IMIX: [usize; 12] = [60, 594, 60, 60, 1514, 60, 594, 60, 594, 60, 60, 594];

/// The address of a partition.
fn mac(partition: usize) -> [u8; 6] {
    [0x02, 0x4c, 0x47, 0, 0x10, partition as u8]
}

/// The address of a station outside.
fn station(number: usize) -> [u8; 6] {
    [0x02, 0x4c, 0x47, 0xff, number as u8, 0xee]
}

/// A UDP packet of IPv4.
fn packet(dst: [u8; 6], src: [u8; 6], bytes: usize) -> Vec<u8> {
    let mut frame = [&dst[..], &src, &[8, 0, 0x45]].concat();
    frame.resize(bytes, 0x5a);
    frame[23] = 17;
    frame
}

impl Traffic {
    /// The policy that it needs, as a user would write it.
    pub fn policy(self, scene: &Scene) -> String {
        if self == Self::Captured {
            let path = examples().join("mils.toml");
            return std::fs::read_to_string(path).expect("the example's policy");
        }
        let mtu = scene.bytes.saturating_sub(14).max(1500);
        let mut text = format!("[nic]\ndevice = \"model:82576\"\nworkers = [0]\nmtu = {mtu}\n");
        for p in 0..scene.partitions {
            let mac = mac(p).map(|octet| format!("{octet:02x}")).join(":");
            text += &format!("[[partition]]\nname = \"p{p}\"\nmacs = [\"{mac}\"]\n");
            text += &format!("queues = {}\n", scene.queues);
        }
        for p in 0..scene.partitions {
            let next = (p + 1) % scene.partitions;
            if next != p {
                text += &format!("[[flow]]\nfrom = \"p{p}\"\nto = \"p{next}\"\n");
            }
        }
        text
    }

    /// What arrives in queue `queue` of pool `pool`, over and over.
    pub fn arriving(self, scene: &Scene, plan: &Plan, pool: usize, queue: u8) -> Vec<Arrival> {
        if self == Self::Captured {
            return captured_arrivals(plan, pool, queue);
        }
        let software = plan.steering() == SteeringMode::Software;
        let frame = |n: usize| {
            let to = if software { n % scene.partitions } else { pool };
            packet(mac(to), self.peer(n), self.length(scene, n))
        };
        let count = match self {
            Self::Uniform | Self::Uneven if !software => 2,
            _ => MIXED,
        };
        (0..count)
            .map(|n| Arrival {
                frame: frame(n),
                info: RxInfo::new()
                    .with_rss_type(RssType::UdpV4)
                    .with_hash((n as u32).wrapping_mul(0x9e37_79b9)),
            })
            .collect()
    }

    /// What partition `p` sends, over and over.
    pub fn leaving(self, scene: &Scene, plan: &Plan, p: usize) -> Vec<Vec<u8>> {
        if self == Self::Captured {
            return captured_departures(plan, p, scene.way);
        }
        let next = mac((p + 1) % scene.partitions);
        let to = |n: usize| match scene.way {
            Way::LaneToLane => next,
            _ => self.peer(n),
        };
        match scene.way {
            Way::WireToLane | Way::ThereAndBack => Vec::new(),
            Way::LaneToWire | Way::LaneToLane => (0..MIXED)
                .map(|n| packet(to(n), mac(p), self.length(scene, n)))
                .collect(),
        }
    }

    /// The station outside that frame number `n` is to or from.
    fn peer(self, n: usize) -> [u8; 6] {
        match self {
            Self::Stations | Self::Imix => station(n % STATIONS),
            _ => station(STATIONS),
        }
    }

    /// Bytes of frame number `n`.
    fn length(self, scene: &Scene, n: usize) -> usize {
        match self {
            Self::Uneven => scene.bytes + 4 * (n % 2),
            Self::Imix => IMIX[n % IMIX.len()],
            _ => scene.bytes,
        }
    }
}

fn examples() -> PathBuf {
    machine::workspace().join("examples")
}

/// The frames of the capture `name` of the example.
fn frames(name: &str) -> Vec<Vec<u8>> {
    let path = examples().join(format!("{name}.pcap"));
    let mut replay = Replay::open(&path).unwrap_or_else(|error| panic!("{error:?}"));
    let mut frames = Vec::new();
    while let Some(frame) = replay.next().expect("a capture that was checked") {
        frames.push(frame.bytes.to_vec());
    }
    frames
}

/// What a card puts into queue `queue` of pool `pool` of the captured wire: to a pool what its
/// partition gets, without pools everything.
fn captured_arrivals(plan: &Plan, pool: usize, queue: u8) -> Vec<Arrival> {
    let software = plan.steering() == SteeringMode::Software;
    let partition = &plan.partitions()[pool];
    let toeplitz = Toeplitz::new(&partition.rss.key);
    let arrival = |frame: Vec<u8>| {
        let takes = match plan.from_wire(&frame, frame.len()) {
            WireVerdict::Deliver(to) => to.contains(partition.id),
            WireVerdict::Drop(_) => false,
        };
        let (info, hashed) = hashed(partition, &toeplitz, &frame);
        (software || takes && hashed == queue).then_some(Arrival { frame, info })
    };
    frames("mils").into_iter().filter_map(arrival).collect()
}

/// What the descriptor says of a frame to `partition`, and the queue it is put into.
fn hashed(partition: &PartitionPlan, toeplitz: &Toeplitz, frame: &[u8]) -> (RxInfo, u8) {
    let Some(input) = lockgate_rss::input(frame, partition.rss.hash) else {
        return (RxInfo::new(), 0);
    };
    let hash = toeplitz.hash_of(&input);
    let info = RxInfo::new()
        .with_rss_type(RssType::from_bits(hash.kind.code()))
        .with_hash(hash.value);
    (info, partition.table.queue(hash.value))
}

/// What was captured of partition `p`: all that it sends, or what another gets of it.
fn captured_departures(plan: &Plan, p: usize, way: Way) -> Vec<Vec<u8>> {
    let partition = &plan.partitions()[p];
    let mut sent = frames(&partition.name);
    match way {
        Way::WireToLane | Way::ThereAndBack => sent.clear(),
        Way::LaneToWire => {}
        Way::LaneToLane => sent.retain(|frame| {
            let verdict = plan.from_partition(partition.id, frame, frame.len());
            matches!(verdict, SendVerdict::Send { to, .. } if !to.is_empty())
        }),
    }
    sent
}
