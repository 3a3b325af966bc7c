//! A frame costs the worker no allocation and no system call.
//!
//! One thread does everything: whenever the worker rings a doorbell, the model takes what
//! was sent and fills the receive rings anew. What the worker then does depends on the
//! number of frames alone, and what the model does is not counted.

use std::collections::BTreeMap;
use std::env;
use std::ffi::CStr;
use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

use lockgate::clock::Clock;
use lockgate::supervisor::control::Control;
use lockgate::supervisor::worker_loop::{self, Passes};
use lockgate_dataplane::stats::WorkerStats;
use lockgate_dataplane::wiring::{PartitionLane, WorkerResources, deal};
use lockgate_dataplane::{Epoch, Worker};
use lockgate_drivers::device::Bar;
use lockgate_drivers::{Nic, Queues};
use lockgate_lane::{Geometry, Lane, Meta, PartitionEnds};
use lockgate_nicmodel::Model;
use lockgate_tests::cards;
use lockgate_tests::machine::find_program;
use lockgate_tests::subject::Kind;
use lockgate_vmdq::{PartitionPlan, Plan, Reason};
use rustix::thread::set_name;

/// Models of all families, by their kinds.
const MODELS: [(Kind, fn() -> Model); 3] = [
    (Kind::Model82574, Model::i82574),
    (Kind::Model82576, Model::i82576),
    (Kind::Model82599, Model::i82599),
];

/// What the worker's thread is called while it works, and afterwards: marks in the trace.
const BEGIN: &CStr = c"worker begins";
const END: &CStr = c"worker ends";
/// Tells the traced process how many frames to move.
const FRAMES: &str = "LOCKGATE_TEST_FRAMES";

const A: [u8; 6] = [2, 0, 0, 0, 0, 0xa];
const B: [u8; 6] = [2, 0, 0, 0, 0, 0xb];
const OUTSIDE: [u8; 6] = [2, 0, 0, 0, 0, 0xee];

/// Two partitions on one segment; `a` may talk to `b`.
fn plan(kind: Kind) -> Plan {
    kind.plan(
        "[nic]\ndevice = \"model:82576\"\nworkers = [0]\nmtu = 100\n\
         [[partition]]\nname = \"a\"\nmacs = [\"02:00:00:00:00:0a\"]\nvlans = [10]\n\
         [[partition]]\nname = \"b\"\nmacs = [\"02:00:00:00:00:0b\"]\nvlans = [10]\n\
         [[flow]]\nfrom = \"a\"\nto = \"b\"\n",
    )
}

/// A UDP packet of 60 bytes and a tag.
fn frame(dst: [u8; 6], src: [u8; 6]) -> Vec<u8> {
    let mut bytes = [&dst[..], &src, &[0x81, 0, 0, 10, 8, 0, 0x45]].concat();
    bytes.resize(64, 0);
    // UDP, from one private address to another.
    bytes[27] = 17;
    bytes[30..38].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
    bytes
}

/// The model's registers, and a wire that never runs dry until `left` frames came.
struct Fed {
    model: Model,
    frame: Vec<u8>,
    left: AtomicUsize,
    sent: AtomicUsize,
}

impl Fed {
    fn feed(&self) {
        while self.left.load(Relaxed) > 0 && self.model.room(&self.frame) {
            self.model.receive(&self.frame);
            self.left.fetch_sub(1, Relaxed);
        }
        // Or the model would keep all of them, and need memory for it.
        self.sent.fetch_add(self.model.transmitted().len(), Relaxed);
    }
}

impl Bar for Fed {
    fn read(&self, offset: u32) -> u32 {
        let mut value = 0;
        allocation_counter::opt_out(|| value = self.model.read(offset));
        value
    }

    fn write(&self, offset: u32, value: u32) {
        allocation_counter::opt_out(|| {
            self.model.write(offset, value);
            self.feed();
        });
    }

    fn flush(&self) {
        allocation_counter::opt_out(|| self.model.flush());
    }
}

/// A worker's share, with a backlog in every direction.
struct Rig {
    plan: Plan,
    nic: Nic,
    wire: Arc<Fed>,
    share: WorkerResources,
    ends: Vec<PartitionEnds>,
}

impl Rig {
    /// `frames` wait on the wire and, in four kinds, in the first partition's lane.
    fn new(kind: Kind, model: &Model, frames: usize) -> Self {
        let plan = plan(kind);
        let (frame_in, left) = (frame(A, OUTSIDE), AtomicUsize::new(0));
        let (model, sent) = (model.clone(), AtomicUsize::new(0));
        let mut card = model.card();
        let wire = Arc::new(Fed {
            model,
            frame: frame_in,
            left,
            sent,
        });
        card.bar = wire.clone();
        let (mut nic, queues) = cards::started(card, &plan, 512);
        cards::linked(&mut nic);
        let (share, mut ends) = lanes(&plan, queues);
        let kinds = [
            frame(OUTSIDE, A),
            frame(B, A),
            frame([0xff; 6], A),
            frame(OUTSIDE, B),
        ];
        for frame in kinds.iter().cycle().take(frames) {
            let pushed = ends[0].tx.push(frame, Meta::default());
            pushed.expect("the lane has room");
        }
        ends[0].tx.publish();
        wire.left.store(frames, Relaxed);
        wire.feed();
        Self {
            plan,
            nic,
            wire,
            share,
            ends,
        }
    }

    /// Works until nothing is left; gives the number of allocations.
    fn run(mut self, frames: usize) -> u64 {
        let control = Control::new(self.plan.partitions().len());
        let (epoch, stats) = (Arc::new(Epoch::new(1, self.plan)), Arc::default());
        control.finish();
        let stats: Arc<WorkerStats> = stats;
        let (info, queues) = thread::scope(|scope| {
            let made = Worker::new(epoch, Arc::clone(&stats), self.share);
            let (worker, _mailbox) = made.expect("its share");
            let work = || {
                let mut queues = None;
                set_name(BEGIN).expect("a name");
                let passes = Passes::default();
                let run = || {
                    let clock = Clock::start();
                    queues = Some(worker_loop::run(worker, &control, &passes, clock, |_| 0));
                };
                let info = allocation_counter::measure(run);
                set_name(END).expect("a name");
                (info, queues)
            };
            scope.spawn(work).join().expect("it ends")
        });
        self.nic.stop().expect("it stops");
        drop(queues);
        // A quarter left by unicast and a quarter by broadcast; the last was forged.
        assert_eq!(self.wire.left.load(Relaxed), 0, "all came");
        assert_eq!(self.wire.sent.load(Relaxed), frames / 2);
        assert_eq!(
            stats.partitions[0].drops.get(Reason::SpoofedMac),
            frames as u64 / 4
        );
        let received = self
            .ends
            .iter_mut()
            .map(|end| end.rx[0].look().expect("in order"));
        assert_eq!(received.collect::<Vec<_>>(), [frames, frames / 2]);
        info.count_total
    }
}

/// Lanes with room for everything, so that nobody has to drain them meanwhile.
fn lanes(plan: &Plan, queues: Queues) -> (WorkerResources, Vec<PartitionEnds>) {
    let geometry = Geometry {
        rings: 1,
        slots: 16384,
        frame_bytes: 128,
    };
    let lane = |partition: &PartitionPlan| {
        let lane = Lane::in_heap(geometry).expect("a lane");
        let near = PartitionLane {
            partition: partition.id,
            ends: lane.core,
        };
        (near, lane.partition)
    };
    let (lanes, ends) = plan.partitions().iter().map(lane).unzip();
    let shares = deal(plan, queues, lanes).expect("lanes of the plan");
    (shares.into_iter().next().expect("one worker"), ends)
}

fn work(kind: Kind, model: fn() -> Model, frames: usize) -> u64 {
    Rig::new(kind, &model(), frames).run(frames)
}

#[test]
fn the_worker_allocates_nothing_however_many_frames_there_are() {
    for (kind, model) in MODELS {
        for frames in [1_000, 10_000] {
            assert_eq!(
                work(kind, model, frames),
                0,
                "{} with {frames} frames",
                kind.name()
            );
        }
    }
}

#[test]
fn an_allocation_of_the_worker_would_be_counted_and_one_of_the_model_is_not() {
    let info = allocation_counter::measure(|| {
        allocation_counter::opt_out(|| drop(vec![1_u8; 100]));
        drop(std::hint::black_box(vec![1_u8; 100]));
    });
    assert_eq!(info.count_total, 1);
}

#[test]
#[ignore = "its neighbour runs it under strace"]
fn traced() {
    let frames = env::var(FRAMES)
        .expect("a number of frames")
        .parse()
        .expect("a number");
    for (kind, model) in MODELS {
        work(kind, model, frames);
    }
}

/// The system calls of the workers when `frames` are moved, by name.
fn system_calls(frames: usize) -> BTreeMap<String, usize> {
    let strace = find_program("strace").expect("strace: run `cargo xtask setup`");
    let folder = tempfile::tempdir().expect("a folder");
    let trace = folder.path().join("trace");
    let status = Command::new(strace)
        .args(["-f", "-qq", "-o"])
        .arg(&trace)
        .arg(env::current_exe().expect("this program"))
        .args(["--exact", "traced", "--ignored"])
        .env(FRAMES, frames.to_string())
        .stdout(Stdio::null())
        .status();
    assert!(
        status.expect("strace starts").success(),
        "the traced run went well"
    );
    count(&fs::read_to_string(&trace).expect("a trace"))
}

/// Counts the calls between the marks, in lines `ID call(…`; there is one worker at a time.
fn count(trace: &str) -> BTreeMap<String, usize> {
    let lines = trace.lines().filter_map(|line| line.split_once(' '));
    // What was interrupted goes on in a line of its own.
    let lines = lines.filter(|(_, call)| !call.trim_start().starts_with("<..."));
    let (mut worker, mut workers, mut calls) = (None, 0, BTreeMap::new());
    for (id, call) in lines.map(|(id, call)| (id, call.trim_start())) {
        let names = |mark: &CStr| {
            let mark = mark.to_str().expect("a plain name");
            call.starts_with(&format!("prctl(PR_SET_NAME, \"{mark}\""))
        };
        if names(BEGIN) {
            worker = Some(id);
            workers += 1;
        } else if names(END) {
            worker = None;
        } else if let Some((name, _)) = call.split_once('(').filter(|_| worker == Some(id)) {
            *calls.entry(name.to_owned()).or_default() += 1;
        }
    }
    assert_eq!(
        (worker, workers),
        (None, MODELS.len()),
        "each model's worker ends"
    );
    calls
}

#[test]
fn the_worker_makes_no_more_system_calls_for_more_frames() {
    let few = system_calls(1_000);
    // At its end a worker lets its lanes go.
    assert!(few.keys().all(|name| name == "munmap"), "{few:?}");
    assert_eq!(system_calls(10_000), few);
}

#[test]
fn system_calls_of_the_worker_are_told_from_those_before_after_and_of_others() {
    let one = "7 mmap(NULL, 1) = 1\n7 prctl(PR_SET_NAME, \"worker begins\") = 0\n\
        8 write(1) = 1\n7 futex(1 <unfinished ...>\n7 <... futex resumed>) = 0\n\
        7   read(3) = 0\n7 prctl(PR_SET_NAME, \"worker ends\") = 0\n7 exit(0) = ?\n";
    let counted = count(&one.repeat(MODELS.len()));
    assert_eq!(
        counted,
        [("futex".to_owned(), 3), ("read".to_owned(), 3)].into()
    );
}
