//! Live changes under traffic: two workers in threads of their own on a model, whose mailboxes
//! this thread writes to while it plays the wire and the partitions.

use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use lockgate::clock::Clock;
use lockgate_dataplane::mailbox::{
    Command, Handover, LaneEnds, Reply, RxQueueId, Share, WorkerHandle,
};
use lockgate_dataplane::stats::WorkerStats;
use lockgate_dataplane::wiring::{PartitionLane, deal};
use lockgate_dataplane::{Epoch, Link, Sender, Worker};
use lockgate_drivers::{Nic, Queues};
use lockgate_lane::{CoreEnds, CoreMemory, Geometry, Header, Lane, Meta, PartitionEnds};
use lockgate_nicmodel::Model;
use lockgate_shm::Memory;
use lockgate_tests::cards;
use lockgate_vmdq::{PartitionId, Plan, PoolId, Reason};

const A: [u8; 6] = [2, 0, 0, 0, 0, 0xa];
const B: [u8; 6] = [2, 0, 0, 0, 0, 0xb];
const OUTSIDE: [u8; 6] = [2, 0, 0, 0, 0, 0xee];

/// Frames to one partition that nobody has taken yet: fewer than a ring of its lane holds.
const UNDER_WAY: u32 = 128;

/// How long anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// Two workers, one partition for each, on one segment; with `flows` besides.
fn plan(flows: &str) -> Plan {
    cards::plan(&format!(
        "[nic]\ndevice = \"model:82576\"\nworkers = [0, 1]\n\
         [[partition]]\nname = \"a\"\nmacs = [\"02:00:00:00:00:0a\"]\n\
         [[partition]]\nname = \"b\"\nmacs = [\"02:00:00:00:00:0b\"]\n{flows}"
    ))
}

const A_TO_B: &str = "[[flow]]\nfrom = \"a\"\nto = \"b\"\n";

fn frame(dst: [u8; 6], src: [u8; 6], number: u32) -> Vec<u8> {
    let mut bytes = [&dst[..], &src, &[0x12, 0x34], &number.to_be_bytes()].concat();
    bytes.resize(60, 0);
    bytes
}

fn number(frame: &[u8]) -> u32 {
    u32::from_be_bytes(frame[14..18].try_into().expect("a frame"))
}

fn lane(slots: u32) -> Lane {
    Lane::in_heap(Geometry {
        rings: 2,
        slots,
        frame_bytes: 1536,
    })
    .expect("a lane")
}

/// One worker as its supervisor knows it.
struct Running {
    mailbox: WorkerHandle,
    stats: Arc<WorkerStats>,
    thread: JoinHandle<Queues>,
}

/// Two workers at work, and everything around them.
struct Rig {
    plan: Plan,
    model: Model,
    nic: Nic,
    workers: Vec<Running>,
    stop: Arc<AtomicBool>,
    ends: Vec<PartitionEnds>,
    /// Numbers of the next frame to each partition from the wire.
    next: [u32; 2],
    /// How many of them each partition has taken.
    taken: [u32; 2],
}

impl Rig {
    fn new(plan: Plan) -> Self {
        let model = Model::i82576();
        let (mut nic, queues) = cards::started(model.card(), &plan, 512);
        cards::linked(&mut nic);
        let (mut lanes, mut ends) = (Vec::new(), Vec::new());
        for partition in plan.partitions() {
            let lane = lane(256);
            lanes.push(PartitionLane {
                partition: partition.id,
                ends: lane.core,
            });
            ends.push(lane.partition);
        }
        let epoch = Arc::new(Epoch::new(1, plan.clone()));
        let (stop, clock) = (Arc::new(AtomicBool::new(false)), Clock::start());
        let shares = deal(&plan, queues, lanes).expect("lanes of the plan");
        let start = |share| {
            let stats: Arc<WorkerStats> = Arc::default();
            let made = Worker::new(Arc::clone(&epoch), Arc::clone(&stats), share);
            let (worker, mailbox) = made.expect("its share");
            let stop = Arc::clone(&stop);
            Running {
                mailbox,
                stats,
                thread: thread::spawn(move || work(worker, clock, &stop)),
            }
        };
        Self {
            workers: shares.into_iter().map(start).collect(),
            plan,
            model,
            nic,
            stop,
            ends,
            next: [0; 2],
            taken: [0; 2],
        }
    }

    fn id(&self, p: usize) -> PartitionId {
        self.plan.partitions()[p].id
    }

    /// Hands the card a frame to each partition that has not too many under way: what is in
    /// neither the card nor a lane for want of room would be lost, and rightly.
    fn arrive(&mut self) {
        let counts = self.next.iter_mut().zip(self.taken);
        for ((next, taken), dst) in counts.zip([A, B]) {
            let bytes = frame(dst, OUTSIDE, *next);
            if *next - taken < UNDER_WAY && self.model.room(&bytes) {
                self.model.receive(&bytes);
                *next += 1;
            }
        }
    }

    /// The numbers of all frames that wait for partition `p`.
    fn take(&mut self, p: usize) -> Vec<u32> {
        let numbers = take(&mut self.ends[p]);
        self.taken[p] += numbers.len() as u32;
        numbers
    }

    /// Sends a command and waits for the reply, with `meanwhile` going on.
    fn ask(&mut self, w: usize, command: Command, mut meanwhile: impl FnMut(&mut Self)) -> Reply {
        let sent = self.workers[w].mailbox.send(command);
        assert!(sent.is_ok(), "there is room");
        let begun = Instant::now();
        loop {
            meanwhile(self);
            if let Some(reply) = self.workers[w].mailbox.poll_reply() {
                return reply;
            }
            assert!(begun.elapsed() < PATIENCE, "a reply");
            thread::yield_now();
        }
    }

    /// Ends everything; the counters of both workers.
    fn end(mut self) -> Vec<Arc<WorkerStats>> {
        self.stop.store(true, Relaxed);
        let workers: Vec<_> = self.workers.drain(..).collect();
        let mut stats = Vec::new();
        let mut queues = Vec::new();
        for worker in workers {
            queues.push(worker.thread.join().expect("it ends"));
            stats.push(worker.stats);
        }
        self.nic.stop().expect("it stops");
        drop(queues);
        stats
    }
}

fn work(mut worker: Worker, clock: Clock, stop: &AtomicBool) -> Queues {
    while !stop.load(Relaxed) {
        if worker.pass(clock.now_ns()) == 0 {
            thread::yield_now();
        }
    }
    worker.into_queues()
}

/// The numbers of all frames that wait, the ring of the worker that has just begun first.
fn take(ends: &mut PartitionEnds) -> Vec<u32> {
    let mut numbers = Vec::new();
    for ring in ends.rx.iter_mut().rev() {
        while let Some(frame) = ring.peek() {
            let mut bytes = [0; 1536];
            numbers.push(number(frame.read(&mut bytes).expect("a frame")));
            ring.advance(1);
        }
        ring.release();
    }
    numbers
}

/// Sends one frame, once there is room for it.
fn push(ends: &mut PartitionEnds, frame: &[u8]) {
    let begun = Instant::now();
    while ends.tx.push(frame, Meta::default()).is_err() {
        assert!(begun.elapsed() < PATIENCE, "room in the lane");
        thread::yield_now();
    }
    ends.tx.publish();
}

/// Takes what comes until `got` holds `count` numbers.
fn take_all(ends: &mut PartitionEnds, got: &mut Vec<u32>, count: u32) {
    let begun = Instant::now();
    while got.len() < count as usize {
        got.extend(take(ends));
        assert!(begun.elapsed() < PATIENCE, "{} of {count}", got.len());
        thread::yield_now();
    }
}

fn all(count: u32) -> Vec<u32> {
    (0..count).collect()
}

#[test]
fn a_lane_is_replaced_and_nobody_loses_a_frame() {
    let mut rig = Rig::new(plan(""));
    let (mut got_a, mut got_b) = (Vec::new(), Vec::new());
    for generation in 2..8 {
        let fresh = lane(256);
        let CoreEnds { rx, tx, .. } = fresh.core;
        let mut sender = Some(Sender::new(rig.id(0), generation, tx));
        let mut given_back = Vec::new();
        for (w, rx) in rx.into_iter().enumerate() {
            let ends = LaneEnds {
                partition: rig.id(0),
                generation,
                rx: Some(rx),
                sender: sender.take_if(|_| w == rig.plan.partitions()[0].worker),
            };
            let reply = rig.ask(w, Command::AttachLane(ends), |rig| {
                rig.arrive();
                got_b.extend(rig.take(1));
            });
            match reply {
                Reply::LaneReplaced(old) => given_back.push(old),
                _ => panic!("another reply"),
            }
        }
        let before = if generation == 2 { 0 } else { generation - 1 };
        assert!(given_back.iter().all(|old| old.generation == before));
        assert!(given_back.iter().all(|old| old.rx.is_some()));
        let senders = given_back.iter().filter(|old| old.sender.is_some());
        assert_eq!(senders.count(), 1);
        let mut old = std::mem::replace(&mut rig.ends[0], fresh.partition);
        let last = take(&mut old);
        rig.taken[0] += last.len() as u32;
        got_a.extend(last);
        for _ in 0..200 {
            rig.arrive();
            got_a.extend(rig.take(0));
            got_b.extend(rig.take(1));
        }
        assert!(
            take(&mut old).is_empty(),
            "nothing more comes to the old lane"
        );
    }
    let [to_a, to_b] = rig.next;
    take_all(&mut rig.ends[0], &mut got_a, to_a);
    take_all(&mut rig.ends[1], &mut got_b, to_b);
    assert_eq!((got_a, got_b), (all(to_a), all(to_b)));
    rig.end();
}

#[test]
fn a_queue_moves_from_worker_to_worker_and_its_flow_keeps_its_order() {
    let mut rig = Rig::new(plan(""));
    let (mut got_a, mut got_b) = (Vec::new(), Vec::new());
    let id = RxQueueId {
        pool: PoolId::new(0),
        queue: 0,
    };
    for turn in 0..20 {
        let (from, to) = (turn % 2, (turn + 1) % 2);
        let mut waited = 0;
        let give_up = Command::GiveUp {
            share: Share::RxQueue(id),
            deadline_ns: u64::MAX,
        };
        let reply = rig.ask(from, give_up, |rig| {
            rig.arrive();
            got_b.extend(rig.take(1));
            waited += 1;
            // A partition that is in no hurry.
            if waited % 50 == 0 {
                got_a.extend(rig.take(0));
            }
        });
        let Reply::GaveUp(handover) = reply else {
            panic!("another reply");
        };
        assert!(matches!(handover, Handover::RxQueue(_)));
        let reply = rig.ask(to, Command::TakeOver(handover), Rig::arrive);
        assert!(matches!(reply, Reply::TookOver));
        for _ in 0..100 {
            rig.arrive();
            got_b.extend(rig.take(1));
        }
    }
    let [to_a, to_b] = rig.next;
    take_all(&mut rig.ends[0], &mut got_a, to_a);
    take_all(&mut rig.ends[1], &mut got_b, to_b);
    assert_eq!((got_a, got_b), (all(to_a), all(to_b)));
    rig.end();
}

#[test]
fn a_sending_side_moves_from_worker_to_worker_and_its_frames_leave_in_order() {
    let mut rig = Rig::new(plan(""));
    let (mut sent, mut left) = (0, Vec::new());
    let mut send = |rig: &mut Rig| {
        let pushed = rig.ends[0]
            .tx
            .push(&frame(OUTSIDE, A, sent), Meta::default());
        sent += u32::from(pushed.is_ok());
        rig.ends[0].tx.publish();
        left.extend(rig.model.transmitted().iter().map(|frame| number(frame)));
    };
    for turn in 0..20 {
        let (from, to) = (turn % 2, (turn + 1) % 2);
        for _ in 0..100 {
            send(&mut rig);
        }
        let give_up = Command::GiveUp {
            share: Share::Sender(rig.id(0)),
            deadline_ns: u64::MAX,
        };
        let Reply::GaveUp(handover) = rig.ask(from, give_up, &mut send) else {
            panic!("another reply");
        };
        let has_queue = matches!(&handover, Handover::Sender { queue: Some(_), .. });
        assert!(has_queue, "with the transmit queue of its pool");
        let reply = rig.ask(to, Command::TakeOver(handover), &mut send);
        assert!(matches!(reply, Reply::TookOver));
    }
    let begun = Instant::now();
    let model = rig.model.clone();
    while left.len() < sent as usize {
        left.extend(model.transmitted().iter().map(|frame| number(frame)));
        assert!(begun.elapsed() < PATIENCE, "{} of {sent}", left.len());
        thread::yield_now();
    }
    assert_eq!(left, all(sent));
    rig.end();
}

#[test]
fn a_share_that_a_worker_does_not_have_is_not_given_up() {
    let mut rig = Rig::new(plan(""));
    let share = Share::Sender(rig.id(1));
    let give_up = Command::GiveUp {
        share,
        deadline_ns: 0,
    };
    let reply = rig.ask(0, give_up, |_| ());
    assert!(matches!(reply, Reply::NotGivenUp(other) if other == share));
    rig.end();
}

#[test]
fn a_mirror_that_nobody_drains_holds_up_no_frame_and_goes_back_when_asked() {
    let mut rig = Rig::new(plan(""));
    let mirror = lane(16);
    let mut mirrored = mirror.partition;
    let ring = mirror.core.rx.into_iter().next().expect("a ring");
    let reply = rig.ask(0, Command::Mirror(Some(ring)), |_| ());
    assert!(matches!(reply, Reply::MirrorReplaced(None)));
    let mut left = Vec::new();
    for n in 0..400 {
        push(&mut rig.ends[0], &frame(OUTSIDE, A, n));
        left.extend(rig.model.transmitted().iter().map(|frame| number(frame)));
    }
    let begun = Instant::now();
    while left.len() < 400 {
        left.extend(rig.model.transmitted().iter().map(|frame| number(frame)));
        assert!(begun.elapsed() < PATIENCE, "{} of 400 left", left.len());
        thread::yield_now();
    }
    assert_eq!(left, all(400), "all leave, in order");
    let Reply::MirrorReplaced(Some(_)) = rig.ask(0, Command::Mirror(None), |_| ()) else {
        panic!("another reply");
    };
    assert_eq!(
        take(&mut mirrored),
        all(16),
        "the first of them were captured"
    );
    let stats = rig.end();
    assert_eq!(stats[0].wire.uncaptured.get(), 400 - 16);
}

#[test]
fn frames_for_a_wire_whose_link_is_down_are_lost_and_hold_up_nobody() {
    let mut rig = Rig::new(plan(A_TO_B));
    let reply = rig.ask(0, Command::Link(Link::Down), |_| ());
    assert!(matches!(reply, Reply::Done));
    for n in 0..200 {
        for dst in [OUTSIDE, B] {
            push(&mut rig.ends[0], &frame(dst, A, n));
        }
    }
    let mut got = Vec::new();
    take_all(&mut rig.ends[1], &mut got, 200);
    assert_eq!(got, all(200));
    let reply = rig.ask(0, Command::Link(Link::Up), |_| ());
    assert!(matches!(reply, Reply::Done));
    assert_eq!(rig.model.transmitted().len(), 0, "nothing stale leaves");
    let stats = rig.end();
    let lost = stats[0].partitions[0].drops.get(Reason::LinkDown);
    assert_eq!(lost, 200);
}

#[test]
fn verdicts_are_those_of_the_old_epoch_until_the_worker_enters_the_new_one() {
    let mut rig = Rig::new(plan(A_TO_B));
    let (mut got, mut sent) = (Vec::new(), 0);
    let send = |rig: &mut Rig, sent: &mut u32, count: u32| {
        for _ in 0..count {
            push(&mut rig.ends[0], &frame(B, A, *sent));
            *sent += 1;
        }
    };
    let mut allowed = Vec::new();
    for number in 2..12 {
        let flows = number % 2 == 0;
        let before = sent;
        send(&mut rig, &mut sent, 100);
        wait_until_taken(&mut rig, 0);
        // Even numbers close the flow, odd ones open it again.
        allowed.extend((before..sent).filter(|_| flows));
        let next = plan(if flows { "" } else { A_TO_B });
        let epoch = Arc::new(Epoch::new(number, next));
        for w in 0..2 {
            let command = Command::Enter(Arc::clone(&epoch));
            let Reply::Entered(old) = rig.ask(w, command, |_| ()) else {
                panic!("another reply");
            };
            assert_eq!(old.number(), number - 1);
        }
        got.extend(rig.take(1));
    }
    let count = allowed.len() as u32;
    take_all(&mut rig.ends[1], &mut got, count);
    assert_eq!(got, allowed);
    let stats = rig.end();
    let denied = stats[0].partitions[0].drops.get(Reason::FlowDenied);
    assert_eq!(denied, u64::from(sent - count));
}

/// Waits until the worker has taken all that partition `p` sent.
fn wait_until_taken(rig: &mut Rig, p: usize) {
    let begun = Instant::now();
    let slots = rig.ends[p].tx.slots();
    while rig.ends[p].tx.look().expect("an open lane") < slots {
        assert!(begun.elapsed() < PATIENCE, "frames wait");
        thread::yield_now();
    }
}

/// A lane whose partition's region this thread can write to as it likes.
fn lane_to_break(generation: u64) -> (CoreEnds, Arc<Memory>) {
    let geometry = Geometry {
        rings: 2,
        slots: 16,
        frame_bytes: 1536,
    };
    let header = Header {
        geometry,
        generation,
    };
    let up = Arc::new(Memory::zeroed(geometry.up_bytes()));
    let memory = CoreMemory {
        down: Arc::new(Memory::zeroed(geometry.down_bytes())),
        up: Arc::new(up.read_only()),
    };
    let ends = CoreEnds::create(header, memory).expect("a lane");
    (ends, up)
}

impl Rig {
    /// Gives partition a another lane, with both workers' ends.
    fn attach(&mut self, ends: CoreEnds) {
        let (partition, generation) = (self.id(0), ends.generation);
        let mut sender = Some(Sender::new(partition, generation, ends.tx));
        for (w, rx) in ends.rx.into_iter().enumerate() {
            let ends = LaneEnds {
                partition,
                generation,
                rx: Some(rx),
                sender: sender.take(),
            };
            let reply = self.ask(w, Command::AttachLane(ends), |_| ());
            assert!(matches!(reply, Reply::LaneReplaced(_)));
        }
    }
}

#[test]
fn a_lane_that_is_closed_is_told_of_once_and_a_new_one_revives_its_partition() {
    let mut rig = Rig::new(plan(""));
    for generation in [5, 7] {
        let (ends, up) = lane_to_break(generation);
        rig.attach(ends);
        // The index of the transmit ring: more frames than there are slots.
        assert!(up.store_u64(128, 1 << 40));
        let begun = Instant::now();
        let told = iter::repeat_with(|| rig.workers[0].mailbox.poll_reply())
            .inspect(|_| assert!(begun.elapsed() < PATIENCE, "it is told"))
            .find_map(|reply| reply);
        let Some(Reply::LaneClosed {
            partition,
            generation: of,
            ..
        }) = told
        else {
            panic!("another reply");
        };
        assert_eq!((partition, of), (rig.id(0), generation));
        thread::sleep(Duration::from_millis(20));
        assert!(rig.workers[0].mailbox.poll_reply().is_none(), "once");
    }
    let fresh = lane(256);
    rig.attach(fresh.core);
    rig.ends[0] = fresh.partition;
    let pushed = rig.ends[0].tx.push(&frame(OUTSIDE, A, 7), Meta::default());
    pushed.expect("room");
    rig.ends[0].tx.publish();
    let begun = Instant::now();
    let left = iter::repeat_with(|| rig.model.transmitted())
        .inspect(|_| assert!(begun.elapsed() < PATIENCE, "it leaves"))
        .find(|left| !left.is_empty())
        .expect("it leaves");
    assert_eq!(left, [frame(OUTSIDE, A, 7)]);
    rig.end();
}
