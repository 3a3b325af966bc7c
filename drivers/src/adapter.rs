//! What every family holds of its card, and what it says of it.
//!
//! Not here: what a family does with it ([`crate::family`]).

use alloc::sync::Arc;

use crate::access::Registers;
use crate::device::Card;

/// The state of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Link {
    /// Whether frames can travel.
    pub up: bool,
    /// Speed in Mbit/s, 0 while down.
    pub mbit: u32,
}

/// Held by every queue of one start, so that a driver can tell whether any is left.
#[derive(Debug, Clone, Default)]
pub(crate) struct QueueGuard(Arc<()>);

impl QueueGuard {
    /// Whether anybody else holds it.
    pub(crate) fn is_held(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}

/// A card and the typed way to its registers.
pub(crate) struct Adapter {
    pub(crate) card: Card,
    pub(crate) registers: Registers,
    /// Held by the queues of the last start as well.
    pub(crate) queues: QueueGuard,
}

impl Adapter {
    pub(crate) fn new(card: Card) -> Self {
        Self {
            registers: Registers::new(Arc::clone(&card.bar), Arc::clone(&card.clock)),
            card,
            queues: QueueGuard::default(),
        }
    }
}
