//! The worker between lanes made by hand and the model's card: shares, rates, and
//! partitions that do not keep to the rules.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use lockgate::clock::Clock;
use lockgate::endpoints::Reflector;
use lockgate::supervisor::control::Control;
use lockgate::supervisor::worker_loop::{self, Passes};
use lockgate_dataplane::mailbox::{Reply, WorkerHandle};
use lockgate_dataplane::stats::WorkerStats;
use lockgate_dataplane::wiring::{PartitionLane, WiringError, WorkerResources, deal};
use lockgate_dataplane::{Epoch, Worker};
use lockgate_drivers::{Nic, Queues};
use lockgate_host::memfd::{self, LaneFiles};
use lockgate_lane::{Geometry, Header, Lane, Meta, PartitionEnds};
use lockgate_nicmodel::Model;
use lockgate_tests::cards;
use lockgate_tests::subject::Kind;
use lockgate_vmdq::{Plan, Reason};

const A: [u8; 6] = [2, 0, 0, 0, 0, 0xa];
const B: [u8; 6] = [2, 0, 0, 0, 0, 0xb];
const OUTSIDE: [u8; 6] = [2, 0, 0, 0, 0, 0xee];

/// Two partitions on VLANs of their own, with `a` and `b` added to each.
fn plan(a: &str, b: &str) -> Plan {
    cards::plan(&text(a, b))
}

fn text(a: &str, b: &str) -> String {
    format!(
        "[nic]\ndevice = \"model:82576\"\nworkers = [0]\n\
         [[partition]]\nname = \"a\"\nmacs = [\"02:00:00:00:00:0a\"]\nvlans = [10]\n{a}\n\
         [[partition]]\nname = \"b\"\nmacs = [\"02:00:00:00:00:0b\"]\nvlans = [20]\n{b}\n"
    )
}

/// A frame of `len` bytes from `src` on VLAN `vid` to a host outside.
fn frame(src: [u8; 6], vid: u8, len: usize) -> Vec<u8> {
    let mut bytes = [&OUTSIDE[..], &src, &[0x81, 0, 0, vid, 0x12, 0x34]].concat();
    bytes.resize(len, 0);
    bytes
}

/// One worker, its card, and the far ends of its lanes.
struct Rig {
    plan: Plan,
    model: Model,
    nic: Nic,
    share: WorkerResources,
    ends: Vec<PartitionEnds>,
    files: Vec<LaneFiles>,
}

impl Rig {
    fn new(plan: Plan) -> Self {
        Self::with(plan, Model::i82576())
    }

    fn with(plan: Plan, model: Model) -> Self {
        let (mut nic, queues) = cards::started(model.card(), &plan, 512);
        cards::linked(&mut nic);
        let geometry = Geometry {
            rings: 1,
            slots: 1024,
            frame_bytes: 1536,
        };
        let (mut lanes, mut ends, mut files) = (vec![], vec![], vec![]);
        for partition in plan.partitions() {
            let header = Header {
                geometry,
                generation: 1,
            };
            let lane = memfd::create(&partition.name, header).expect("a lane");
            files.push(lane.files.try_clone().expect("descriptors are left"));
            ends.push(memfd::attach(lane.files).expect("its far end").ends);
            lanes.push(PartitionLane {
                partition: partition.id,
                ends: lane.ends,
            });
        }
        let shares = deal(&plan, queues, lanes).expect("lanes of the plan");
        let share = shares.into_iter().next().expect("one worker");
        Self {
            plan,
            model,
            nic,
            share,
            ends,
            files,
        }
    }

    fn send(&mut self, p: usize, frame: &[u8], times: usize) {
        for _ in 0..times {
            let pushed = self.ends[p].tx.push(frame, Meta::default());
            pushed.expect("the lane has room");
        }
        self.ends[p].tx.publish();
    }

    /// The worker, its mailbox and its counters.
    fn worker(&self, share: WorkerResources) -> (Worker, WorkerHandle, Arc<WorkerStats>) {
        let (epoch, stats) = (Arc::new(Epoch::new(1, self.plan.clone())), Arc::default());
        let made = Worker::new(epoch, Arc::clone(&stats), share);
        let (worker, mailbox) = made.expect("its share");
        (worker, mailbox, stats)
    }

    /// Works until nothing is left; gives what left on the wire, and the counters.
    fn run(mut self) -> Done {
        let control = Control::new(self.plan.partitions().len());
        control.finish();
        let share = std::mem::take(&mut self.share);
        let (worker, mut mailbox, stats) = self.worker(share);
        let ends = self.ends.into_iter().zip(self.plan.partitions());
        let reflecting = ends.filter(|(_, partition)| partition.reflects());
        let mut beside: Vec<_> = reflecting.map(|(end, _)| Reflector::new(end)).collect();
        let queues = thread::scope(|scope| {
            let co_located = |_| beside.iter_mut().map(Reflector::reflect).sum();
            let (control, passes) = (&control, Passes::default());
            scope
                .spawn(move || {
                    worker_loop::run(worker, control, &passes, Clock::start(), co_located)
                })
                .join()
                .expect("it ends")
        });
        self.nic.stop().expect("it stops");
        drop(queues);
        let replies = std::iter::from_fn(|| mailbox.poll_reply());
        let closed = replies.filter_map(|reply| match reply {
            Reply::LaneClosed { partition, .. } => Some(partition.index()),
            _ => None,
        });
        Done {
            left: self.model.transmitted(),
            stats,
            closed: closed.collect(),
        }
    }
}

/// What a run came to.
struct Done {
    /// What left on the wire.
    left: Vec<Vec<u8>>,
    stats: Arc<WorkerStats>,
    /// The partitions whose lanes were closed, as the worker told.
    closed: Vec<usize>,
}

fn sent_by(frames: &[Vec<u8>], src: [u8; 6]) -> usize {
    frames
        .iter()
        .filter(|frame| frame[6..12] == src)
        .map(Vec::len)
        .sum()
}

#[test]
fn backlogged_partitions_share_the_wire_by_weight_and_bytes() {
    let mut rig = Rig::new(plan("tx = { weight = 3 }", "tx = { weight = 1 }"));
    rig.send(0, &frame(A, 10, 1500), 1000);
    // Small frames get no more of the wire than large ones.
    rig.send(1, &frame(B, 20, 300), 1000);
    let Done { left, stats, .. } = rig.run();
    assert_eq!(left.len(), 2000, "nothing is lost");
    let while_both_wait = &left[..1000];
    let (a, b) = (sent_by(while_both_wait, A), sent_by(while_both_wait, B));
    let share = a as f64 / b as f64;
    assert!(
        (2.8..3.2).contains(&share),
        "{a} bytes against {b}: a share of {share:.2}"
    );
    assert_eq!(stats.partitions[0].tx.frames.get(), 1000);
}

#[test]
fn a_rate_is_not_exceeded_and_its_neighbour_does_not_wait_for_it() {
    let mut rig = Rig::new(plan("tx = { rate = \"8Mbit/s\" }", ""));
    rig.send(0, &frame(A, 10, 1000), 500);
    rig.send(1, &frame(B, 20, 1000), 500);
    let begun = Instant::now();
    let Done { left, .. } = rig.run();
    // 500,000 bytes at a million a second, less the first burst.
    assert!(
        begun.elapsed() > Duration::from_millis(450),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(left.len(), 1000);
    let last_of_b = left
        .iter()
        .rposition(|frame| frame[6..12] == B)
        .expect("b sent");
    assert!(last_of_b < 520, "b's last frame left as number {last_of_b}");
}

#[test]
fn a_flood_of_forged_frames_neither_leaves_nor_holds_up_the_neighbour() {
    let mut rig = Rig::new(plan("", ""));
    rig.send(0, &frame(B, 10, 60), 1000);
    rig.send(1, &frame(B, 20, 60), 100);
    let Done { left, stats, .. } = rig.run();
    assert_eq!(left, vec![frame(B, 20, 60); 100]);
    assert_eq!(stats.partitions[0].drops.get(Reason::SpoofedMac), 1000);
}

/// Writes `byte` all over the header words of a lane's `up`, as its partition may.
fn scribble(file: &OwnedFd, byte: u8) {
    rustix::io::pwrite(file, &[byte; 4096], 0).expect("a partition may write its own file");
}

#[test]
fn a_partition_that_breaks_its_ring_loses_its_lane_and_nobody_elses() {
    let mut rig = Rig::new(plan("", ""));
    rig.send(1, &frame(B, 20, 60), 50);
    scribble(&rig.files[0].up, 0xa5);
    let Done {
        left,
        stats,
        closed,
    } = rig.run();
    assert_eq!(left.len(), 50, "its neighbour's frames leave");
    assert_eq!(closed, [0], "its lane is closed, and that is told once");
    assert_eq!(stats.partitions[0].tx.frames.get(), 0);
}

#[test]
fn short_frames_leave_with_zeros_up_to_sixty_bytes_whatever_the_lane_holds_behind() {
    let mut rig = Rig::new(plan("", ""));
    let mut long = frame(A, 10, 200);
    long[18..].fill(0xee);
    // More than the transmit ring holds: the buffer that comes next is not clean.
    rig.send(0, &long, 600);
    let short = frame(A, 10, 20);
    rig.send(0, &short, 1);
    let Done { left, .. } = rig.run();
    let mut padded = short;
    padded.resize(60, 0);
    assert_eq!(left.last(), Some(&padded));
}

/// A frame from outside to partition a.
fn arriving(number: u32, len: usize) -> Vec<u8> {
    let mut bytes = frame(OUTSIDE, 10, len);
    bytes[..6].copy_from_slice(&A);
    bytes[18..22].copy_from_slice(&number.to_be_bytes());
    bytes
}

#[test]
fn what_is_reflected_is_the_frame_itself_with_its_addresses_swapped() {
    let rig = Rig::new(plan("attach = { kind = \"reflect\" }", ""));
    let lengths = [60, 64, 127, 128, 129, 1000, 1518];
    for (number, len) in (0..).zip(lengths) {
        rig.model.receive(&arriving(number, len));
    }
    let Done { left, stats, .. } = rig.run();
    let expected: Vec<_> = (0..)
        .zip(lengths)
        .map(|(number, len)| {
            let bytes = arriving(number, len);
            [&bytes[6..12], &bytes[..6], &bytes[12..]].concat()
        })
        .collect();
    assert_eq!(left, expected);
    assert_eq!(
        (
            stats.partitions[0].rx.frames.get(),
            stats.partitions[0].tx.frames.get()
        ),
        (7, 7)
    );
}

#[test]
fn what_is_reflected_keeps_to_the_rate_of_its_partition() {
    let rig = Rig::new(plan(
        "attach = { kind = \"reflect\" }\ntx = { rate = \"8Mbit/s\" }",
        "",
    ));
    for number in 0..300 {
        rig.model.receive(&arriving(number, 1000));
    }
    let begun = Instant::now();
    let Done { left, .. } = rig.run();
    // 300,000 bytes at a million a second, less the first burst.
    assert!(
        begun.elapsed() > Duration::from_millis(250),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(left.len(), 300, "what waits stays in its lane");
}

#[test]
fn what_is_reflected_leaves_in_the_round_after_that_in_which_it_came() {
    // Nobody else whose turn it might be.
    let alone = "[nic]\ndevice = \"model:82576\"\nworkers = [0]\n\
        [[partition]]\nname = \"a\"\nmacs = [\"02:00:00:00:00:0a\"]\nvlans = [10]\n\
        attach = { kind = \"reflect\" }\n";
    let mut rig = Rig::new(cards::plan(alone));
    let control = Control::new(1);
    let mut reflector = Reflector::new(rig.ends.remove(0));
    let share = std::mem::take(&mut rig.share);
    let (worker, _mailbox, _stats) = rig.worker(share);
    let (model, mut came, mut round) = (&rig.model, Vec::new(), 0);
    // One frame each hundred rounds, too rarely for any to wait for others for long.
    let co_located = |_| {
        let left = model.transmitted().len();
        came.extend((0..left).map(|_| round));
        round += 1;
        if round % 100 == 0 && round <= 10_000 {
            model.receive(&arriving(round, 60));
        }
        if round == 10_100 {
            control.finish();
        }
        reflector.reflect()
    };
    let passes = Passes::default();
    let queues = worker_loop::run(worker, &control, &passes, Clock::start(), co_located);
    drop(queues);
    // It comes in this closure, is taken and reflected in the next round, and sent and seen in
    // the one after that.
    let late = (1..)
        .zip(&came)
        .filter(|(n, round)| **round != 100 * n + 1)
        .count();
    assert_eq!(came.len(), 100);
    assert!(late <= 10, "{late} of 100 left later: {came:?}");
}

/// A partition that claims more than its slot holds would send what its neighbour's frames left
/// in the transmit buffer.
#[test]
fn a_worker_refuses_lanes_whose_slots_are_shorter_than_the_longest_frame() {
    for (frame_bytes, fits) in [(64, false), (1472, false), (1536, true)] {
        let plan = plan("", "");
        let short = Geometry {
            rings: 1,
            slots: 16,
            frame_bytes,
        };
        let a = plan.partitions()[0].id;
        let lane = PartitionLane {
            partition: a,
            ends: Lane::in_heap(short).expect("a lane").core,
        };
        let queues = Queues {
            rx: Vec::new(),
            tx: Vec::new(),
        };
        let share = deal(&plan, queues, vec![lane]).expect("a lane").remove(0);
        let made = Worker::new(Arc::new(Epoch::new(1, plan)), Arc::default(), share);
        assert_eq!(made.err(), (!fits).then_some(WiringError::ShortSlots(a)));
    }
}

/// The review's program: 200 frames of a neighbour's secret, then 60 own bytes that are said to
/// be 1000.
#[test]
fn no_byte_of_a_neighbours_frame_leaves_with_a_frame_that_is_said_to_be_longer_than_it_is() {
    // One transmit queue for both.
    let plan = Kind::Model82574.plan(&text("", ""));
    let mut rig = Rig::with(plan, Model::i82574());
    let mut secret = frame(B, 20, 1000);
    secret[18..].fill(0x5e);
    rig.send(1, &secret, 600);
    for _ in 0..8 {
        rig.send(0, &frame(A, 10, 60), 1);
    }
    // The length of each frame, in the metadata of the ring: 16 bytes a slot, behind a page.
    for slot in 0..8 {
        let said = rustix::io::pwrite(&rig.files[0].up, &1000_u64.to_ne_bytes(), 4096 + 16 * slot);
        said.expect("a partition may write its own file");
    }
    let Done { left, .. } = rig.run();
    let of_a: Vec<_> = left.iter().filter(|frame| frame[6..12] == A).collect();
    assert_eq!(of_a.len(), 8);
    assert!(of_a.iter().all(|frame| frame.len() == 1000));
    assert!(of_a.iter().all(|frame| !frame.contains(&0x5e)));
}
