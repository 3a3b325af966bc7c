//! What should happen to a frame, read from the design once more.
//!
//! Slow, plain, and on purpose without a line from `vmdq` or `rss`: it is the
//! judge of both. [`Scene`] is a policy in the tests' own words, which it can
//! also write down as a policy file.

mod derive;
pub mod run;
mod scene;
mod toeplitz;

use std::collections::BTreeMap;

pub use derive::derive;
pub use scene::{Groups, KINDS, Scene, Tenant};

/// What becomes of one frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It goes nowhere, for this reason.
    Dropped(&'static str),
    /// It goes to these tenants, and to the wire if `wire`.
    Goes {
        /// Indices of tenants.
        to: Vec<usize>,
        /// Whether a copy leaves.
        wire: bool,
    },
}

/// A frame as its receiver gets it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Delivery {
    /// Receive queue.
    pub queue: u32,
    /// Toeplitz hash, if the frame has one.
    pub hash: Option<u32>,
    /// The bytes, padded to 60.
    pub bytes: Vec<u8>,
}

/// Everything that a run should have done.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// Frames that arrived on the wire.
    pub arrived: u64,
    /// What each tenant gets.
    pub deliveries: Vec<Vec<Delivery>>,
    /// What leaves on the wire.
    pub departures: Vec<Vec<u8>>,
    /// Frames from the wire for nobody, by reason.
    pub wire_drops: BTreeMap<&'static str, u64>,
    /// Frames refused from each tenant, by reason.
    pub tenant_drops: Vec<BTreeMap<&'static str, u64>>,
    /// Frames of each tenant that went somewhere.
    pub sent: Vec<u64>,
}

impl Expected {
    /// Nothing, for as many tenants as `scene` has.
    pub fn new(scene: &Scene) -> Self {
        let tenants = scene.tenants.len();
        Self {
            deliveries: vec![Vec::new(); tenants],
            tenant_drops: vec![BTreeMap::new(); tenants],
            sent: vec![0; tenants],
            ..Self::default()
        }
    }

    /// Adds a frame that arrives on the wire.
    pub fn arrive(&mut self, scene: &Scene, frame: &[u8]) {
        self.arrived += 1;
        match scene.from_wire(frame) {
            Fate::Dropped(reason) => *self.wire_drops.entry(reason).or_default() += 1,
            Fate::Goes { to, .. } => self.deliver(scene, &to, frame),
        }
    }

    /// Adds a frame that `tenant` sends.
    pub fn send(&mut self, scene: &Scene, tenant: usize, frame: &[u8]) {
        match scene.from_tenant(tenant, frame) {
            Fate::Dropped(reason) => {
                *self.tenant_drops[tenant].entry(reason).or_default() += 1;
            }
            Fate::Goes { to, wire } => {
                self.sent[tenant] += 1;
                self.deliver(scene, &to, frame);
                if wire {
                    self.departures.push(padded(frame));
                }
            }
        }
    }

    /// Adds what `tenant` sends back: all but what was for a group.
    fn reflect(&mut self, scene: &Scene, tenant: usize, frame: &[u8]) {
        if frame[0] & 1 == 0 {
            let answer = [&frame[6..12], &frame[..6], &frame[12..]].concat();
            self.send(scene, tenant, &padded(&answer));
        }
    }

    fn deliver(&mut self, scene: &Scene, to: &[usize], frame: &[u8]) {
        let bytes = padded(frame);
        for &tenant in to {
            let (queue, hash) = scene.tenants[tenant].queue(&bytes);
            self.deliveries[tenant].push(Delivery {
                queue,
                hash,
                bytes: bytes.clone(),
            });
            if scene.tenants[tenant].reflects {
                self.reflect(scene, tenant, frame);
            }
        }
    }
}

/// `frame` as it is on a wire: at least 60 bytes.
pub fn padded(frame: &[u8]) -> Vec<u8> {
    let mut bytes = frame.to_vec();
    bytes.resize(frame.len().max(60), 0);
    bytes
}
