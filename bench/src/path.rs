//! The worker on a card of plain memory, with partitions that never tire.
//!
//! Not here: what is counted and printed (`benches/worker.rs`).

use lockgate::worker::stats::WorkerStats;
use lockgate::worker::{Assignment, Control};
use lockgate_drivers::{Nic, RingSizes};
use lockgate_lane::{Endpoint, Geometry, Lane};
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
    /// From every partition to the next.
    LaneToLane,
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
            text += &format!(
                "[[partition]]\nname = \"p{p}\"\nmacs = [\"{mac}\"]\nqueues = {}\n",
                self.queues
            );
        }
        for p in 0..self.partitions {
            let next = (p + 1) % self.partitions;
            if next != p {
                text += &format!("[[flow]]\nfrom = \"p{p}\"\nto = \"p{next}\"\n");
            }
        }
        text
    }

    /// The receive ring of queue `number` of `pool`: to whom its frames are.
    fn arriving(&self, pool: usize, slot: usize) -> Vec<u8> {
        let software = self.kind == Kind::Model82574;
        let to = if software { slot % self.partitions } else { pool };
        frame(mac(to), OUTSIDE, self.bytes)
    }

    /// What partition `p` sends.
    fn leaving(&self, p: usize) -> Option<Vec<u8>> {
        match self.way {
            Way::WireToLane => None,
            Way::LaneToWire => Some(frame(OUTSIDE, mac(p), self.bytes)),
            Way::LaneToLane => Some(frame(mac((p + 1) % self.partitions), mac(p), self.bytes)),
        }
    }
}

/// The card and the partitions.
pub struct Far {
    scene: Scene,
    rx: Vec<Ring>,
    tx: Vec<Ring>,
    ends: Vec<(Endpoint, Option<Vec<u8>>)>,
}

impl Far {
    /// Takes what came and hands over a burst by every queue and lane.
    pub fn step(&mut self) {
        for ring in &mut self.tx {
            ring.transmit();
        }
        for (end, frame) in &mut self.ends {
            for ring in &mut end.rings {
                while ring.next().is_some() {
                    ring.consume();
                }
                ring.release();
            }
            if let Some(frame) = frame {
                for _ in 0..BURST {
                    if !end.up.push(frame) {
                        break;
                    }
                }
                end.up.publish();
            }
        }
        if self.scene.way == Way::WireToLane {
            for ring in &mut self.rx {
                ring.receive(BURST, self.scene.bytes as u16);
            }
        }
    }
}

/// Everything that a worker needs, and the far side of it.
pub struct Stage {
    /// What the worker acts on.
    pub plan: Plan,
    /// What it counts.
    pub stats: WorkerStats,
    /// How it is told to stop.
    pub control: Control,
    /// Keeps the card.
    pub nic: Nic,
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
        let sizes = RingSizes { rx: 512, tx: 512 };
        let mut nic = lockgate_drivers::open(card).expect("a driver");
        let queues = nic.start(&plan, sizes).expect("it starts");
        cards::linked(&mut nic);
        let (rx, tx) = plain.go();
        assert_eq!((rx.len(), tx.len()), (queues.rx.len(), queues.tx.len()), "all rings");
        for (ring, queue) in rx.iter().zip(&queues.rx) {
            ring.fill(|slot| scene.arriving(queue.pool().into(), slot));
        }
        let slot = (scene.bytes as u32).next_multiple_of(64).max(1536);
        let geometry = Geometry { rings: 1, slots: 1024, frame_bytes: slot };
        let (mut down, mut up, mut ends) = (vec![], vec![], vec![]);
        for (p, partition) in plan.partitions().iter().enumerate() {
            let lane = Lane::create(&partition.name, geometry).expect("a lane");
            let own = queues.tx.iter().position(|queue| usize::from(queue.pool()) == p);
            let end = Endpoint::attach(&lane.files).expect("its far end");
            ends.push((end, scene.leaving(p)));
            down.extend(lane.down);
            up.push((p, lane.up, own.or(Some(0))));
        }
        let stats = WorkerStats::new(plan.partitions().iter().map(|p| p.queues.into()));
        let control = Control::new(plan.partitions().len());
        let share = Assignment { rx: queues.rx, tx: queues.tx, down, up, mirror: None };
        (Self { plan, stats, control, nic }, share, Far { scene, rx, tx, ends })
    }
}
