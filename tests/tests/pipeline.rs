//! The worker's stages against the plan, frame by frame: whatever comes in whatever order, each
//! frame goes where its verdict says, as it was when that was given.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use lockgate_dataplane::wiring::{PartitionLane, deal};
use lockgate_dataplane::{Epoch, Worker};
use lockgate_drivers::Nic;
use lockgate_lane::{CoreEnds, CoreMemory, Geometry, Header, Meta, PartitionEnds, PartitionMemory};
use lockgate_nicmodel::Model;
use lockgate_shm::Memory;
use lockgate_tests::cards;
use lockgate_tests::subject::Kind;
use lockgate_vmdq::{Plan, SendVerdict, WireVerdict};
use proptest::prelude::*;

/// Three partitions on VLAN 5, one of them on the untagged segment too; some flows.
const POLICY: &str = "[nic]\ndevice = \"model:82576\"\nworkers = [0]\n\
    [[partition]]\nname = \"a\"\nmacs = [\"02:00:00:00:00:01\"]\nvlans = [0, 5]\n\
    [[partition]]\nname = \"b\"\nmacs = [\"02:00:00:00:00:02\"]\nvlans = [5]\nqueues = 2\n\
    multicast = [\"03:00:00:00:00:09\"]\ntx = { rate = \"900Mbit/s\" }\n\
    [[partition]]\nname = \"c\"\nmacs = [\"02:00:00:00:00:03\"]\nvlans = [5]\nwire = \"out\"\n\
    [[flow]]\nfrom = \"a\"\nto = \"b\"\n[[flow]]\nfrom = \"a\"\nto = \"c\"\n\
    [[flow]]\nfrom = \"b\"\nto = \"c\"\n";

const GEOMETRY: Geometry = Geometry {
    rings: 1,
    slots: 256,
    frame_bytes: 1536,
};

/// Bytes before the metadata of the transmit ring, and of each slot's.
const META_AT: usize = 4096;
const META_BYTES: usize = 16;

/// A lane whose partition's region the test can write to as it likes.
struct Lane {
    ends: PartitionEnds,
    up: Arc<Memory>,
}

struct Rig {
    plan: Plan,
    model: Model,
    _nic: Nic,
    worker: Worker,
    lanes: Vec<Lane>,
    now_ns: u64,
}

impl Rig {
    fn new(kind: Kind) -> Self {
        let plan = kind.plan(POLICY);
        let model = match kind {
            Kind::Model82574 => Model::i82574(),
            _ => Model::i82576(),
        };
        let (mut nic, queues) = cards::started(model.card(), &plan, 512);
        cards::linked(&mut nic);
        let (near, lanes) = plan.partitions().iter().map(|p| lane(p.id)).unzip();
        let share = deal(&plan, queues, near).expect("lanes").remove(0);
        let epoch = Arc::new(Epoch::new(1, plan.clone()));
        let (worker, _) = Worker::new(epoch, Arc::default(), share).expect("its share");
        Self {
            plan,
            model,
            _nic: nic,
            worker,
            lanes,
            now_ns: 0,
        }
    }

    /// Passes until nothing moves any more, with time enough for every doorbell.
    fn settle(&mut self) {
        let mut quiet = 0;
        while quiet < 3 {
            self.now_ns += 1_000_000;
            quiet = match self.worker.pass(self.now_ns) {
                0 => quiet + 1,
                _ => 0,
            };
        }
    }

    /// What partition `p` was given since the last call.
    fn delivered(&mut self, p: usize) -> Vec<Vec<u8>> {
        let ring = &mut self.lanes[p].ends.rx[0];
        let mut frames = Vec::new();
        while let Some(frame) = ring.peek() {
            let mut bytes = [0; 1536];
            frames.push(frame.read(&mut bytes).expect("a frame").to_vec());
            ring.advance(1);
        }
        ring.release();
        frames
    }
}

fn lane(partition: lockgate_vmdq::PartitionId) -> (PartitionLane, Lane) {
    let down = Arc::new(Memory::zeroed(GEOMETRY.down_bytes()));
    let up = Arc::new(Memory::zeroed(GEOMETRY.up_bytes()));
    let header = Header {
        geometry: GEOMETRY,
        generation: 1,
    };
    let core = CoreMemory {
        down: Arc::clone(&down),
        up: Arc::new(up.read_only()),
    };
    let ends = CoreEnds::create(header, core).expect("a lane");
    let memory = PartitionMemory {
        down: Arc::new(down.read_only()),
        up: Arc::clone(&up),
    };
    let far = Lane {
        ends: PartitionEnds::attach(memory).expect("its far end"),
        up,
    };
    (PartitionLane { partition, ends }, far)
}

/// Frames that differ in little, with lengths around every bound.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let select = |of: &'static [u8]| prop::sample::select(of);
    let types = prop::sample::select(vec![[0x08, 0], [0x81, 0], [0x88, 0x08], [0x12, 0x34]]);
    let lengths = prop::sample::select(vec![
        14_usize, 17, 18, 31, 32, 33, 59, 60, 61, 64, 65, 100, 128, 200, 1514, 1515, 1518, 1519,
    ]);
    (
        (select(&[2, 2, 2, 3, 0xff]), select(&[1, 2, 3, 9])),
        select(&[1, 2, 3, 9]),
        (types.clone(), select(&[0, 5, 6]), types),
        (lengths, any::<u8>()),
    )
        .prop_map(|((group, dst), src, (outer, vid, inner), (len, fill))| {
            let mut bytes = vec![fill; len.max(18)];
            let to = if group == 0xff {
                [0xff; 6]
            } else {
                [group, 0, 0, 0, 0, dst]
            };
            bytes[..6].copy_from_slice(&to);
            bytes[6..12].copy_from_slice(&[2, 0, 0, 0, 0, src]);
            bytes[12..14].copy_from_slice(&outer);
            bytes[14..16].copy_from_slice(&[0, vid]);
            bytes[16..18].copy_from_slice(&inner);
            bytes.truncate(len);
            bytes
        })
}

fn padded(frame: &[u8]) -> Vec<u8> {
    let mut padded = frame.to_vec();
    padded.resize(frame.len().max(60), 0);
    padded
}

/// How often each frame is there.
fn count(frames: impl IntoIterator<Item = Vec<u8>>) -> BTreeMap<Vec<u8>, usize> {
    let mut counts = BTreeMap::new();
    for frame in frames {
        *counts.entry(frame).or_default() += 1;
    }
    counts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn every_frame_goes_where_its_verdict_says(
        software in any::<bool>(),
        bursts in prop::collection::vec(
            (prop::collection::vec(frame(), 0..40), prop::collection::vec((0..3_usize, frame()), 0..40)),
            1..4,
        ),
    ) {
        let kind = if software { Kind::Model82574 } else { Kind::Model82576 };
        let mut rig = Rig::new(kind);
        for (arriving, sent) in bursts {
            let mut expected = vec![Vec::new(); 3];
            let mut leaving = Vec::new();
            for bytes in &arriving {
                let bytes = padded(bytes);
                rig.model.receive(&bytes);
                if let WireVerdict::Deliver(to) = rig.plan.from_wire(&bytes, bytes.len()) {
                    to.iter().for_each(|p| expected[p.index()].push(bytes.clone()));
                }
            }
            for (p, bytes) in &sent {
                let pushed = rig.lanes[*p].ends.tx.push(bytes, Meta::default());
                prop_assert!(pushed.is_ok());
                rig.lanes[*p].ends.tx.publish();
                let from = rig.plan.partitions()[*p].id;
                if let SendVerdict::Send { to, wire } = rig.plan.from_partition(from, bytes, bytes.len()) {
                    to.iter().for_each(|p| expected[p.index()].push(padded(bytes)));
                    leaving.extend(wire.then(|| padded(bytes)));
                }
            }
            rig.settle();
            for (p, expected) in expected.into_iter().enumerate() {
                prop_assert_eq!(count(rig.delivered(p)), count(expected), "partition {}", p);
            }
            prop_assert_eq!(count(rig.model.transmitted()), count(leaving));
        }
    }
}

/// Whatever a partition claims and whenever it rewrites its slots, each frame that goes
/// anywhere begins with bytes that are allowed to go there.
#[test]
fn a_partition_that_rewrites_its_slots_and_lies_of_lengths_sends_nothing_that_is_not_its_own() {
    let mut rig = Rig::new(Kind::Model82574);
    let own = |dst: u8, src: u8| {
        let mut bytes = vec![0; 60];
        bytes[..18].copy_from_slice(&[
            2, 0, 0, 0, 0, dst, 2, 0, 0, 0, 0, src, 0x81, 0, 0, 5, 0x12, 0x34,
        ]);
        bytes
    };
    let stop = Arc::new(AtomicBool::new(false));
    let scribbler = {
        let (up, stop) = (Arc::clone(&rig.lanes[0].up), Arc::clone(&stop));
        // The destination flips between partitions and a station outside, the source between a
        // and b; a few slots, so that each changes about as often as it is looked at.
        let words = [own(3, 1), own(9, 1), own(9, 2), own(2, 1)].map(|bytes| {
            let (words, _) = bytes.as_chunks::<8>();
            [u64::from_ne_bytes(words[0]), u64::from_ne_bytes(words[1])]
        });
        let lengths = [60, 1518, 1519, 0xffff, 17, 13, 60];
        thread::spawn(move || {
            let mut turn = 0;
            while !stop.load(Relaxed) {
                for slot in 0..16 {
                    turn += 1;
                    let frame = META_AT + META_BYTES * 256 + slot * (1536 + 64);
                    let [first, second] = words[turn / 16 % words.len()];
                    up.store_u64(frame, first);
                    up.store_u64(frame + 8, second);
                    up.store_u64(META_AT + META_BYTES * slot, lengths[turn % lengths.len()]);
                }
            }
        })
    };
    let (a, b) = (rig.plan.partitions()[0].id, rig.plan.partitions()[1].id);
    let mut seen = 0;
    for round in 0..4000 {
        for _ in 0..64 {
            let _ = rig.lanes[0].ends.tx.push(&own(9, 1), Meta::default());
        }
        rig.lanes[0].ends.tx.publish();
        rig.now_ns += 1_000_000;
        rig.worker.pass(rig.now_ns);
        for bytes in rig.model.transmitted() {
            let verdict = rig.plan.from_partition(a, &bytes, bytes.len());
            let goes = matches!(verdict, SendVerdict::Send { wire: true, .. });
            assert!(goes, "round {round}: {:02x?} left", &bytes[..18]);
            seen += 1;
        }
        for p in 1..3 {
            let to = rig.plan.partitions()[p].id;
            for bytes in rig.delivered(p) {
                let verdict = rig.plan.from_partition(a, &bytes, bytes.len());
                let goes = matches!(verdict, SendVerdict::Send { to: all, .. } if all.contains(to));
                assert!(goes, "round {round}: {:02x?} to {p}", &bytes[..18]);
                seen += 1;
            }
        }
    }
    stop.store(true, Relaxed);
    scribbler.join().expect("it ends");
    assert!(seen > 1000, "{seen} frames went somewhere");
    assert_ne!(a, b);
}
