//! The worker between lanes made by hand and the model's card: shares, rates, and
//! partitions that do not keep to the rules.

use std::os::fd::OwnedFd;
use std::thread;
use std::time::{Duration, Instant};

use lockgate::clock::Clock;
use lockgate::endpoints::Reflector;
use lockgate::supervisor::worker_loop::{self, Passes};
use lockgate_dataplane::stats::WorkerStats;
use lockgate_dataplane::{Assignment, Control, Overflow, Worker};
use lockgate_drivers::Nic;
use lockgate_host::memfd::{self, LaneFiles};
use lockgate_lane::{Geometry, Header, Meta, PartitionEnds};
use lockgate_nicmodel::Model;
use lockgate_tests::cards;
use lockgate_vmdq::{Plan, Reason};

const A: [u8; 6] = [2, 0, 0, 0, 0, 0xa];
const B: [u8; 6] = [2, 0, 0, 0, 0, 0xb];
const OUTSIDE: [u8; 6] = [2, 0, 0, 0, 0, 0xee];

/// Two partitions on VLANs of their own, with `a` and `b` added to each.
fn plan(a: &str, b: &str) -> Plan {
    let text = format!(
        "[nic]\ndevice = \"model:82576\"\nworkers = [0]\n\
         [[partition]]\nname = \"a\"\nmacs = [\"02:00:00:00:00:0a\"]\nvlans = [10]\n{a}\n\
         [[partition]]\nname = \"b\"\nmacs = [\"02:00:00:00:00:0b\"]\nvlans = [20]\n{b}\n"
    );
    cards::plan(&text)
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
    share: Assignment,
    ends: Vec<PartitionEnds>,
    files: Vec<LaneFiles>,
}

impl Rig {
    fn new(plan: Plan) -> Self {
        let model = Model::i82576();
        let (mut nic, queues) = cards::started(model.card(), &plan, 512);
        cards::linked(&mut nic);
        let geometry = Geometry {
            rings: 1,
            slots: 1024,
            frame_bytes: 1536,
        };
        let (mut down, mut up, mut ends, mut files) = (vec![], vec![], vec![], vec![]);
        for (p, partition) in plan.partitions().iter().enumerate() {
            let header = Header {
                geometry,
                generation: 1,
            };
            let lane = memfd::create(&partition.name, header).expect("a lane");
            let tx = queues
                .tx
                .iter()
                .position(|queue| usize::from(queue.pool()) == p);
            files.push(lane.files.try_clone().expect("descriptors are left"));
            ends.push(memfd::attach(lane.files).expect("its far end").ends);
            down.extend(lane.ends.rx);
            up.push((p, lane.ends.tx, tx));
        }
        let share = Assignment {
            rx: queues.rx,
            tx: queues.tx,
            down,
            up,
            mirror: None,
        };
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

    /// Works until nothing is left; gives what left on the wire, and the counters.
    fn run(mut self) -> (Vec<Vec<u8>>, WorkerStats, Control) {
        let control = Control::new(self.plan.partitions().len());
        let stats = WorkerStats::new(self.plan.partitions().iter().map(|p| p.queues.into()));
        control.finish();
        let ends = self.ends.into_iter().zip(self.plan.partitions());
        let reflecting = ends.filter(|(_, partition)| partition.reflects());
        let mut beside: Vec<_> = reflecting.map(|(end, _)| Reflector::new(end)).collect();
        let queues = thread::scope(|scope| {
            let worker = Worker::new(&self.plan, &stats, &control, self.share, Overflow::Drop);
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
        (self.model.transmitted(), stats, control)
    }
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
    let (left, stats, _) = rig.run();
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
    let (left, ..) = rig.run();
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
    let (left, stats, _) = rig.run();
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
    let (left, stats, control) = rig.run();
    assert_eq!(left.len(), 50, "its neighbour's frames leave");
    assert!(control.shut(0).is_some(), "its lane is shut");
    assert!(control.shut(1).is_none());
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
    let (left, ..) = rig.run();
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
    let (left, stats, _) = rig.run();
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
    let (left, ..) = rig.run();
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
    let (control, stats) = (Control::new(1), WorkerStats::new([1].into_iter()));
    let mut reflector = Reflector::new(rig.ends.remove(0));
    let worker = Worker::new(&rig.plan, &stats, &control, rig.share, Overflow::Drop);
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
