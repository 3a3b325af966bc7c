//! A card under test with both ends in hand: what a driver takes, and the cable.
//!
//! QEMU's cards and the models look alike here, so one test runs over each that has
//! the feature.
//!
//! Not here: which card has which feature (`tests/conformance`).

use std::cell::RefCell;
use std::collections::VecDeque;
use std::thread;
use std::time::{Duration, Instant};

use lockgate_drivers::device::Card;
use lockgate_drivers::{Nic, Queues, RingSizes};
use lockgate_nicmodel::Model;
use lockgate_policy::Policy;
use lockgate_vmdq::{Capabilities, Machine, Plan};

use crate::cards;
use crate::frames::Frames;
use crate::qemu::Qemu;

/// How long whatever is waited for may take on a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A kind of device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// QEMU's 82576.
    QemuIgb,
    /// The model of an 82576.
    Model82576,
    /// QEMU's 82574L.
    QemuE1000e,
    /// The model of an 82574.
    Model82574,
    /// The model of an 82599.
    Model82599,
}

impl Kind {
    /// Every kind, those with pools first.
    pub const ALL: [Self; 5] = [
        Self::Model82599,
        Self::QemuIgb,
        Self::Model82576,
        Self::QemuE1000e,
        Self::Model82574,
    ];

    /// What tables call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::QemuIgb => "QEMU igb",
            Self::Model82576 => "model 82576",
            Self::QemuE1000e => "QEMU e1000e",
            Self::Model82574 => "model 82574",
            Self::Model82599 => "model 82599",
        }
    }

    /// What the card can hold.
    pub const fn capabilities(self) -> &'static Capabilities {
        match self {
            Self::QemuIgb | Self::Model82576 => &Capabilities::I82576,
            Self::QemuE1000e | Self::Model82574 => &Capabilities::I82574,
            Self::Model82599 => &Capabilities::I82599,
        }
    }

    /// Whether the card has pools.
    pub const fn has_pools(self) -> bool {
        !self.capabilities().layouts.is_empty()
    }

    /// The plan of `policy` on it, in a machine with four cores.
    ///
    /// # Panics
    /// When the policy is refused.
    pub fn plan(self, policy: &str) -> Plan {
        let machine = Machine {
            cores: vec![0, 1, 2, 3],
        };
        let policy = Policy::parse(policy).unwrap_or_else(|error| panic!("{error}:\n{policy}"));
        let plan = policy.check(self.capabilities(), &machine);
        plan.unwrap_or_else(|error| panic!("{error}"))
    }
}

/// One device.
pub struct Subject {
    /// What it is.
    pub kind: Kind,
    end: End,
}

enum End {
    Qemu(Qemu),
    Model(Model, RefCell<VecDeque<Vec<u8>>>),
}

impl Subject {
    /// A device of its own, at power-on, its cable plugged in.
    ///
    /// # Panics
    /// With the reason, when QEMU cannot be had.
    pub fn new(kind: Kind) -> Self {
        let model = |model| End::Model(model, RefCell::default());
        let end = match kind {
            Kind::QemuIgb => End::Qemu(Qemu::igb()),
            Kind::QemuE1000e => End::Qemu(Qemu::e1000e()),
            Kind::Model82576 => model(Model::i82576()),
            Kind::Model82574 => model(Model::i82574()),
            Kind::Model82599 => model(Model::i82599()),
        };
        Self { kind, end }
    }

    /// The card, as a driver takes it.
    pub fn card(&self) -> Card {
        match &self.end {
            End::Qemu(qemu) => qemu.card(),
            End::Model(model, _) => model.card(),
        }
    }

    /// The model behind the card, if it is one.
    pub fn model(&self) -> Option<&Model> {
        match &self.end {
            End::Qemu(_) => None,
            End::Model(model, _) => Some(model),
        }
    }

    /// Puts a frame on the wire to the card.
    ///
    /// # Panics
    /// When QEMU takes none.
    pub fn send(&self, frame: &[u8]) {
        match &self.end {
            End::Qemu(qemu) => qemu.send(frame).unwrap_or_else(|error| panic!("{error}")),
            End::Model(model, _) => {
                model.receive(frame);
            }
        }
    }

    /// Returns once the card is done with every frame sent so far.
    ///
    /// # Panics
    /// When QEMU is not.
    pub fn settle(&self) {
        if let End::Qemu(qemu) = &self.end {
            qemu.settle().unwrap_or_else(|error| panic!("{error}"));
        }
    }

    /// The next frame that left the card, or `None` after `timeout`.
    ///
    /// # Panics
    /// When QEMU is gone.
    pub fn left(&self, timeout: Duration) -> Option<Vec<u8>> {
        match &self.end {
            End::Qemu(qemu) => qemu
                .receive(timeout)
                .unwrap_or_else(|error| panic!("{error}")),
            End::Model(model, left) => {
                let mut left = left.borrow_mut();
                left.extend(model.transmitted());
                left.pop_front()
            }
        }
    }

    /// Plugs the cable in or pulls it.
    ///
    /// # Panics
    /// When QEMU does not answer.
    pub fn set_link(&self, up: bool) {
        match &self.end {
            End::Qemu(qemu) => qemu.set_link(up).unwrap_or_else(|error| panic!("{error}")),
            End::Model(model, _) => model.set_link(up),
        }
    }
}

/// A started card. There is no worker: what is seen here the hardware alone decided.
pub struct Bench {
    /// The device.
    pub subject: Subject,
    /// What it was started with.
    pub plan: Plan,
    /// Its driver.
    pub nic: Nic,
    /// Its queues.
    pub queues: Queues,
}

/// A model also says what its driver did that the datasheet forbids, and where it reached
/// outside its memory; neither may ever happen.
impl Drop for Bench {
    fn drop(&mut self) {
        if let Some(model) = self.subject.model().filter(|_| !thread::panicking()) {
            assert_eq!((model.misuse(), model.faults()), (Vec::new(), Vec::new()));
        }
    }
}

/// Where a frame came out, and what it was.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrival {
    /// Pool.
    pub pool: u8,
    /// Queue within the pool.
    pub queue: u8,
    /// Bytes from the destination address on.
    pub bytes: Vec<u8>,
    /// The hash that the card gave.
    pub hash: Option<u32>,
}

impl Bench {
    /// A new device of `kind`, started as `policy` says with rings of `slots`, its link up.
    ///
    /// # Panics
    /// When something of that fails.
    pub fn start(kind: Kind, policy: &str, slots: u16) -> Self {
        let plan = kind.plan(policy);
        let subject = Subject::new(kind);
        let (mut nic, queues) = cards::started(subject.card(), &plan, slots);
        cards::linked(&mut nic);
        Self {
            subject,
            plan,
            nic,
            queues,
        }
    }

    /// Stops the card and starts it again, with rings of `slots`.
    ///
    /// # Panics
    /// When it does not.
    pub fn restart(&mut self, slots: u16) {
        self.nic.stop().expect("it stops");
        self.queues = Queues {
            rx: Vec::new(),
            tx: Vec::new(),
        };
        let sizes = RingSizes {
            rx: slots,
            tx: slots,
        };
        self.queues = self.nic.start(&self.plan, sizes).expect("it starts again");
        cards::linked(&mut self.nic);
    }

    /// Sends frames to the card and returns what came of them.
    pub fn exchange<'f>(&mut self, frames: impl IntoIterator<Item = &'f Vec<u8>>) -> Vec<Arrival> {
        frames
            .into_iter()
            .for_each(|frame| self.subject.send(frame));
        self.subject.settle();
        self.arrivals()
    }

    /// What the queues hold, queue by queue, taken out.
    ///
    /// # Panics
    /// When a descriptor describes no whole frame.
    pub fn arrivals(&mut self) -> Vec<Arrival> {
        let mut arrivals = Vec::new();
        for queue in &mut self.queues.rx {
            let (pool, number) = (queue.pool(), queue.queue());
            queue.frames(usize::MAX, |frame, hash| {
                let (bytes, hash) = (frame.to_vec(), hash.map(|(value, _)| value));
                arrivals.push(Arrival {
                    pool,
                    queue: number,
                    bytes,
                    hash,
                });
                true
            });
            assert_eq!(
                queue.take_bad().total(),
                0,
                "every descriptor describes a whole frame"
            );
        }
        arrivals
    }

    /// The pools that a frame comes out of.
    pub fn pools_of(&mut self, frame: &Vec<u8>) -> Vec<u8> {
        let arrivals = self.exchange([frame]);
        assert!(
            arrivals.iter().all(|arrival| arrival.bytes == *frame),
            "copies are true"
        );
        let mut pools: Vec<u8> = arrivals.into_iter().map(|arrival| arrival.pool).collect();
        pools.sort_unstable();
        pools
    }

    /// Sends frames as one burst from the first transmit queue of `pool`, and waits until
    /// their buffers are back.
    ///
    /// # Panics
    /// When the ring is full, or they do not come back.
    pub fn transmit(&mut self, pool: u8, frames: &[Vec<u8>]) {
        let queue = self.queues.tx.iter_mut().find(|queue| queue.pool() == pool);
        let queue = queue.expect("a transmit queue");
        for frame in frames {
            assert!(queue.free() > 0, "room");
            let done = queue.push(frame);
            assert!(done, "a frame of {} bytes", frame.len());
        }
        queue.flush();
        let deadline = Instant::now() + PATIENCE;
        while queue.pending() > 0 {
            queue.free();
            assert!(
                Instant::now() < deadline,
                "{} frames are not sent",
                queue.pending()
            );
            thread::yield_now();
        }
    }

    /// The next `count` frames that leave, and a check that no more do.
    ///
    /// # Panics
    /// When fewer leave.
    pub fn leaving(&mut self, count: usize) -> Vec<Vec<u8>> {
        let left = (0..count).map(|n| {
            self.subject
                .left(PATIENCE)
                .unwrap_or_else(|| panic!("{n} of {count} frames left"))
        });
        left.collect()
    }
}

/// Ethernet to `dst` from station `src`, tagged if `tci` is given, `bytes` long.
pub fn frame(dst: [u8; 6], src: u8, tci: Option<u16>, bytes: usize) -> Vec<u8> {
    let mut frame = dst.to_vec();
    frame.extend([2, 0, 0, 0, 0, src]);
    if let Some(tci) = tci {
        frame.extend([0x81, 0, (tci >> 8) as u8, tci as u8]);
    }
    frame.extend([0x88, 0xb5]);
    let head = frame.len();
    frame.resize(bytes.max(head), 0);
    for (at, byte) in frame.iter_mut().enumerate().skip(head) {
        *byte = (at * 7 + bytes) as u8;
    }
    frame
}

/// The unicast address of station `n`.
pub const fn station(n: u8) -> [u8; 6] {
    [2, 0, 0, 0, 0, n]
}
