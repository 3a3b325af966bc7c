//! The worker on a card of plain memory, with partitions that never tire.
//!
//! Not here: what is counted and printed (`benches/worker.rs`).

use lockgate::clock::Clock;
use lockgate::endpoints::Reflector;
use lockgate_dataplane::stats::WorkerStats;
use lockgate_dataplane::{Assignment, Control, Overflow, Worker};
use lockgate_drivers::{Nic, RxQueue, TxQueue};
use lockgate_lane::{Geometry, Lane, Meta, PartitionEnds};
use lockgate_nicmodel::Model;
use lockgate_tests::cards;
use lockgate_tests::subject::Kind;
use lockgate_vmdq::Plan;

use crate::card::{Plain, Ring};

/// Frames that the card, and each partition, hands over at a time.
pub const BURST: usize = 32;

/// A way through the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the card to every partition.
    WireToLane,
    /// From every partition to the card.
    LaneToWire,
    /// From the card to every partition, no frame as long as the one before.
    WireToLaneUneven,
    /// From every partition to the card, no frame as long as the one before.
    LaneToWireUneven,
    /// From every partition to the card, no frame to the station of the one before.
    LaneToMany,
    /// From every partition to the next.
    LaneToLane,
    /// From the card to every partition and, reflected there, back to the card: one frame at
    /// a time.
    Reflected,
}

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub struct Scene {
    /// Which card.
    pub kind: Kind,
    /// Which way.
    pub way: Way,
    /// How many partitions.
    pub partitions: usize,
    /// Receive queues of each.
    pub queues: usize,
    /// Bytes of each frame.
    pub bytes: usize,
    /// The driver without the worker.
    pub bare: bool,
    /// The card hands the first queue as much as its ring holds.
    pub flood: bool,
}

fn mac(partition: usize) -> [u8; 6] {
    [0x02, 0x4c, 0x47, 0, 0x10, partition as u8]
}

const OUTSIDE: [u8; 6] = [0x02, 0x4c, 0x47, 0xff, 0xff, 0xee];

/// A UDP packet of IPv4.
fn frame(dst: [u8; 6], src: [u8; 6], bytes: usize) -> Vec<u8> {
    let mut frame = [&dst[..], &src, &[8, 0, 0x45]].concat();
    frame.resize(bytes, 0x5a);
    frame[23] = 17;
    frame
}

impl Scene {
    /// The policy, as a user would write it.
    pub fn policy(&self) -> String {
        let mtu = self.bytes.saturating_sub(14).max(1500);
        let mut text = format!("[nic]\ndevice = \"model:82576\"\nworkers = [0]\nmtu = {mtu}\n");
        for p in 0..self.partitions {
            let mac = mac(p).map(|octet| format!("{octet:02x}")).join(":");
            text += &format!("[[partition]]\nname = \"p{p}\"\nmacs = [\"{mac}\"]\n");
            text += &format!("queues = {}\n", self.queues);
        }
        for p in 0..self.partitions {
            let next = (p + 1) % self.partitions;
            if next != p {
                text += &format!("[[flow]]\nfrom = \"p{p}\"\nto = \"p{next}\"\n");
            }
        }
        text
    }

    /// How long frames are, in turn.
    fn lengths(&self) -> [usize; 2] {
        let uneven = matches!(self.way, Way::WireToLaneUneven | Way::LaneToWireUneven);
        [self.bytes, self.bytes + if uneven { 4 } else { 0 }]
    }

    /// The receive ring of queue `number` of `pool`: to whom its frames are.
    fn arriving(&self, pool: usize, slot: usize) -> Vec<u8> {
        let software = self.kind == Kind::Model82574;
        let to = if software {
            slot % self.partitions
        } else {
            pool
        };
        frame(mac(to), OUTSIDE, self.lengths()[1])
    }

    /// What partition `p` sends, in turn.
    fn leaving(&self, p: usize) -> Vec<Vec<u8>> {
        let frame = |dst: [u8; 6]| frame(dst, mac(p), self.bytes);
        let station = |n: u8| [0x02, 0x4c, 0x47, 0xff, n, 0xee];
        match self.way {
            Way::WireToLane | Way::WireToLaneUneven | Way::Reflected => Vec::new(),
            Way::LaneToWire => vec![frame(OUTSIDE)],
            Way::LaneToWireUneven => self
                .lengths()
                .map(|bytes| self::frame(OUTSIDE, mac(p), bytes))
                .into(),
            Way::LaneToMany => (0..64).map(|n| frame(station(n))).collect(),
            Way::LaneToLane => vec![frame(mac((p + 1) % self.partitions))],
        }
    }
}

/// The card and the partitions.
pub struct Far {
    scene: Scene,
    rx: Vec<Ring>,
    tx: Vec<Ring>,
    ends: Vec<(PartitionEnds, Vec<Vec<u8>>)>,
}

impl Far {
    /// Takes what came and hands over a burst by every queue and lane.
    pub fn step(&mut self) {
        for ring in &mut self.tx {
            ring.transmit();
        }
        for (end, frames) in &mut self.ends {
            for ring in &mut end.rx {
                let waiting = ring.waiting();
                ring.advance(waiting);
                ring.release();
            }
            for frame in frames.iter().cycle().take(BURST) {
                if end.tx.push(frame, Meta::default()).is_err() {
                    break;
                }
            }
            end.tx.publish();
        }
        let burst = match self.scene.way {
            Way::WireToLane | Way::WireToLaneUneven => Some(BURST),
            Way::Reflected => Some(1),
            _ => None,
        };
        if let Some(burst) = burst {
            for (n, ring) in self.rx.iter_mut().enumerate() {
                let count = if n == 0 && self.scene.flood {
                    usize::MAX
                } else {
                    burst
                };
                ring.receive(count, self.scene.lengths().map(|bytes| bytes as u16));
            }
        }
    }
}

/// Everything that a worker needs, and the far side of it.
pub struct Stage {
    plan: Plan,
    stats: WorkerStats,
    control: Control,
    reflectors: Vec<Reflector>,
    /// Keeps the card.
    _nic: Nic,
}

impl Stage {
    /// Sets everything up.
    ///
    /// # Panics
    /// When the scene is none that the card can hold.
    pub fn new(scene: Scene) -> (Self, Assignment, Far) {
        let plan = scene.kind.plan(&scene.policy());
        let model = match scene.kind {
            Kind::Model82574 => Model::i82574(),
            Kind::Model82599 => Model::i82599(),
            _ => Model::i82576(),
        };
        let (plain, card) = Plain::new(&model);
        let (mut nic, queues) = cards::started(card, &plan, 512);
        cards::linked(&mut nic);
        let (rx, tx) = plain.go();
        assert_eq!(
            (rx.len(), tx.len()),
            (queues.rx.len(), queues.tx.len()),
            "all rings"
        );
        for (ring, queue) in rx.iter().zip(&queues.rx) {
            ring.fill(|slot| scene.arriving(queue.pool().into(), slot));
        }
        let slot = (scene.bytes as u32).next_multiple_of(64).max(1536);
        let geometry = Geometry {
            rings: 1,
            slots: 1024,
            frame_bytes: slot,
        };
        let (mut down, mut up, mut ends) = (vec![], vec![], vec![]);
        for p in 0..plan.partitions().len() {
            let lane = Lane::in_heap(geometry).expect("a lane");
            let own = queues
                .tx
                .iter()
                .position(|queue| usize::from(queue.pool()) == p);
            ends.push((lane.partition, scene.leaving(p)));
            down.extend(lane.core.rx);
            up.push((p, lane.core.tx, own.or(Some(0))));
        }
        let stats = WorkerStats::new(plan.partitions().iter().map(|p| p.queues.into()));
        let control = Control::new(plan.partitions().len());
        let share = Assignment {
            rx: queues.rx,
            tx: queues.tx,
            down,
            up,
            mirror: None,
        };
        let mut reflectors = Vec::new();
        if scene.way == Way::Reflected {
            reflectors.extend(ends.drain(..).map(|(end, _)| Reflector::new(end)));
        }
        let stage = Self {
            plan,
            stats,
            control,
            reflectors,
            _nic: nic,
        };
        (
            stage,
            share,
            Far {
                scene,
                rx,
                tx,
                ends,
            },
        )
    }

    /// Frames that each partition was given.
    pub fn delivered(&self) -> Vec<u64> {
        self.stats
            .partitions
            .iter()
            .map(|partition| partition.rx.frames.get())
            .collect()
    }

    /// What is measured, with its share.
    pub fn subject(&mut self, scene: Scene, share: Assignment) -> Subject<'_> {
        let Self {
            plan,
            stats,
            control,
            reflectors,
            ..
        } = self;
        match scene.bare {
            true => Subject::Bare(Box::new(share), scene, vec![0; scene.bytes]),
            false => {
                let worker = Worker::new(plan, stats, control, share, Overflow::Drop);
                Subject::Worker(Box::new(worker), Clock::start(), reflectors)
            }
        }
    }
}

/// What is measured.
pub enum Subject<'r> {
    /// The worker, with the partitions that share its thread.
    Worker(Box<Worker<'r>>, Clock, &'r mut [Reflector]),
    /// The driver alone: frames are taken and dropped, or sent as they are.
    Bare(Box<Assignment>, Scene, Vec<u8>),
}

impl Subject<'_> {
    /// One round; says how many frames moved.
    pub fn pass(&mut self) -> usize {
        match self {
            Self::Worker(worker, clock, reflectors) => {
                let mut moved = worker.pass(clock.now_ns());
                moved += reflectors.iter_mut().map(Reflector::reflect).sum::<usize>();
                // There, in the partition, and back.
                if reflectors.is_empty() {
                    moved
                } else {
                    moved / 3
                }
            }
            Self::Bare(share, scene, frame) => match scene.way {
                Way::WireToLane => share.rx.iter_mut().map(take).sum(),
                _ => share.tx.iter_mut().map(|queue| send(queue, frame)).sum(),
            },
        }
    }
}

/// Takes a burst and drops it; says how many frames it had.
fn take(queue: &mut RxQueue) -> usize {
    let burst = queue.burst(BURST);
    let count = burst.len();
    burst.release(count);
    count
}

/// Sends `frame` a burst of times; says how many there was room for.
fn send(queue: &mut TxQueue, frame: &[u8]) -> usize {
    queue.free();
    let mut sent = 0;
    while sent < BURST && queue.push(frame) {
        sent += 1;
    }
    queue.flush();
    sent
}
