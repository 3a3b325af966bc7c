//! The worker on a card of plain memory, with partitions that never tire.
//!
//! Not here: which frames travel ([`crate::traffic`]), what is counted and printed
//! (`benches/worker.rs`).

use std::sync::Arc;
use std::time::Instant;

use lockgate_dataplane::mailbox::WorkerHandle;
use lockgate_dataplane::stats::WorkerStats;
use lockgate_dataplane::wiring::{PartitionLane, deal};
use lockgate_dataplane::{Epoch, Worker};
use lockgate_drivers::{Nic, Queues, RxQueue, TxQueue};
use lockgate_lane::{Geometry, Lane, Meta, PartitionEnds};
use lockgate_nicmodel::Model;
use lockgate_tests::cards;
use lockgate_tests::subject::Kind;
use lockgate_vmdq::Plan;

use crate::card::{Plain, Ring};
use crate::traffic::Traffic;

/// Frames that the card, and each partition, hands over at a time.
pub const BURST: usize = 32;

/// A way through the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the card to every partition.
    WireToLane,
    /// From every partition to the card.
    LaneToWire,
    /// From every partition to the next.
    LaneToLane,
    /// From the card to every partition and, reflected there, back to the card.
    ThereAndBack,
}

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub struct Scene {
    /// Which card.
    pub kind: Kind,
    /// Which way.
    pub way: Way,
    /// Which frames.
    pub traffic: Traffic,
    /// How many of them a queue or a lane hands over at a time.
    pub burst: usize,
    /// How many partitions; the captured traffic has its own.
    pub partitions: usize,
    /// Receive queues of each; the same.
    pub queues: usize,
    /// Bytes of each frame, where the traffic does not say.
    pub bytes: usize,
    /// The driver without the worker.
    pub bare: bool,
    /// The card hands the first queue as much as its ring holds.
    pub flood: bool,
}

/// The card and the partitions.
pub struct Far {
    scene: Scene,
    rx: Vec<Ring>,
    tx: Vec<Ring>,
    partitions: Vec<Partition>,
}

/// A partition that takes everything and never runs dry.
struct Partition {
    ends: PartitionEnds,
    /// What it sends, over and over.
    frames: Vec<Vec<u8>>,
    /// How many it has sent.
    sent: usize,
}

impl Partition {
    /// Drains its lane and sends a burst.
    fn step(&mut self, burst: usize) {
        for ring in &mut self.ends.rx {
            let waiting = ring.waiting();
            ring.advance(waiting);
            ring.release();
        }
        let first = self.sent % self.frames.len().max(1);
        for frame in self.frames.iter().cycle().skip(first).take(burst) {
            if self.ends.tx.push(frame, Meta::default()).is_err() {
                break;
            }
            self.sent += 1;
        }
        self.ends.tx.publish();
    }
}

impl Far {
    /// Takes what came and hands over a burst by every queue and lane.
    pub fn step(&mut self) {
        for ring in &mut self.tx {
            ring.transmit();
        }
        for partition in &mut self.partitions {
            partition.step(self.scene.burst);
        }
        for (n, ring) in self.rx.iter_mut().enumerate() {
            let flooded = n == 0 && self.scene.flood;
            ring.receive(if flooded {
                usize::MAX
            } else {
                self.scene.burst
            });
        }
    }
}

/// A partition in the worker's thread that sends back what comes, its addresses swapped.
struct Echo(PartitionEnds);

impl Echo {
    /// Sends back all that waits.
    fn turn(&mut self) {
        let PartitionEnds { rx, tx, .. } = &mut self.0;
        for ring in rx {
            while let Some(frame) = ring.peek() {
                let mut bytes = [0; 1536];
                if let Some(frame) = frame.read(&mut bytes) {
                    let (dst, rest) = frame.split_at_mut(6);
                    dst.swap_with_slice(&mut rest[..6]);
                    let _ = tx.push(frame, Meta::default());
                }
                ring.advance(1);
            }
            ring.release();
        }
        tx.publish();
    }
}

/// Everything that is measured, and the far side of it.
pub struct Stage {
    /// What is measured.
    pub subject: Subject,
    /// The card and the partitions.
    pub far: Far,
    stats: Arc<WorkerStats>,
    /// Keeps the card.
    _nic: Nic,
}

impl Stage {
    /// Sets everything up.
    ///
    /// # Panics
    /// When the scene is none that the card can hold.
    pub fn new(scene: Scene) -> Self {
        let plan = scene.kind.plan(&scene.traffic.policy(&scene));
        let (nic, queues, rx, tx) = start(&scene, &plan);
        let (lanes, mut partitions) = lanes(&scene, &plan);
        let stats = Arc::new(WorkerStats::default());
        let subject = if scene.bare {
            Subject::Bare(queues, scene)
        } else {
            let share = deal(&plan, queues, lanes)
                .expect("lanes of the plan")
                .remove(0);
            let epoch = Arc::new(Epoch::new(1, plan));
            let (worker, handle) = Worker::new(epoch, stats.clone(), share).expect("its share");
            let echoes = match scene.way {
                Way::ThereAndBack => partitions.drain(..).map(|far| Echo(far.ends)).collect(),
                _ => Vec::new(),
            };
            Subject::Worker(Box::new(Served {
                worker,
                begun: Instant::now(),
                echoes,
                _handle: handle,
            }))
        };
        let far = Far {
            scene,
            rx,
            tx,
            partitions,
        };
        Self {
            subject,
            far,
            stats,
            _nic: nic,
        }
    }

    /// Frames that each partition was given.
    pub fn delivered(&self) -> Vec<u64> {
        let partitions = self.stats.partitions.iter();
        partitions
            .map(|partition| partition.rx.frames.get())
            .collect()
    }
}

/// The started card, and its rings as the card sees them.
fn start(scene: &Scene, plan: &Plan) -> (Nic, Queues, Vec<Ring>, Vec<Ring>) {
    let model = match scene.kind {
        Kind::Model82574 => Model::i82574(),
        Kind::Model82599 => Model::i82599(),
        _ => Model::i82576(),
    };
    let (plain, card) = Plain::new(&model);
    let (mut nic, queues) = cards::started(card, plan, 512);
    cards::linked(&mut nic);
    let (mut rx, tx) = plain.go();
    let found = (rx.len(), tx.len());
    assert_eq!(found, (queues.rx.len(), queues.tx.len()), "all rings");
    if matches!(scene.way, Way::WireToLane | Way::ThereAndBack) {
        for (ring, queue) in rx.iter_mut().zip(&queues.rx) {
            let pool = queue.pool().into();
            ring.fill(scene.traffic.arriving(scene, plan, pool, queue.queue()));
        }
    }
    (nic, queues, rx, tx)
}

/// A lane for each partition, and the partitions.
fn lanes(scene: &Scene, plan: &Plan) -> (Vec<PartitionLane>, Vec<Partition>) {
    let geometry = Geometry {
        rings: 1,
        slots: 1024,
        frame_bytes: plan.limits().lane_slot_bytes(),
    };
    let lane = |(p, partition): (usize, &lockgate_vmdq::PartitionPlan)| {
        let lane = Lane::in_heap(geometry).expect("a lane");
        let near = PartitionLane {
            partition: partition.id,
            ends: lane.core,
        };
        let far = Partition {
            ends: lane.partition,
            frames: scene.traffic.leaving(scene, plan, p),
            sent: 0,
        };
        (near, far)
    };
    plan.partitions().iter().enumerate().map(lane).unzip()
}

/// What is measured.
pub enum Subject {
    /// The worker, with the partitions that share its thread.
    Worker(Box<Served>),
    /// The driver alone: frames are taken and dropped, or sent as they are.
    Bare(Queues, Scene),
}

/// A worker and what its thread does beside it.
pub struct Served {
    worker: Worker,
    begun: Instant,
    echoes: Vec<Echo>,
    _handle: WorkerHandle,
}

impl Served {
    fn pass(&mut self) -> usize {
        let moved = self.worker.pass(self.begun.elapsed().as_nanos() as u64);
        if self.echoes.is_empty() {
            return moved;
        }
        self.echoes.iter_mut().for_each(Echo::turn);
        let back = self.worker.pass(self.begun.elapsed().as_nanos() as u64);
        // There and back.
        (moved + back) / 2
    }
}

impl Subject {
    /// One round; says how many frames moved.
    pub fn pass(&mut self) -> usize {
        match self {
            Self::Worker(served) => served.pass(),
            Self::Bare(queues, scene) => match scene.way {
                Way::WireToLane => queues.rx.iter_mut().map(receive).sum(),
                _ => queues
                    .tx
                    .iter_mut()
                    .map(|queue| send(queue, scene.bytes))
                    .sum(),
            },
        }
    }
}

fn receive(queue: &mut RxQueue) -> usize {
    let burst = queue.burst(BURST);
    let frames = burst.iter().count();
    burst.release(frames);
    frames
}

/// What the driver alone sends.
static FRAME: [u8; 9018] = [0x5a; 9018];

fn send(queue: &mut TxQueue, bytes: usize) -> usize {
    queue.free();
    let mut sent = 0;
    while sent < BURST
        && let Some(mut slot) = queue.reserve()
    {
        slot.copy_from(&FRAME[..bytes]);
        slot.commit();
        sent += 1;
    }
    queue.flush();
    sent
}
