//! What went wrong on a modelled card: DMA that the IOMMU refused, and uses of
//! the card that its datasheet forbids.
//!
//! Both are logged and never stop the model; the logs keep the first entries and
//! count the rest.
//!
//! Not here: deciding whether an access is allowed ([`crate::iommu`]).

use lockgate_drivers::device::Iova;

/// One DMA that reached memory outside every mapping; it moved no byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DmaFault {
    /// The first address of the access.
    pub iova: Iova,
    /// How many bytes it asked for.
    pub bytes: usize,
    /// Whether the card meant to write.
    pub write: bool,
}

/// One use of the card that its datasheet forbids or this model does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misuse {
    /// Byte offset of a write to no register of the card.
    UnknownRegister(u32),
    /// A register, by offset, was written while the card was resetting.
    WriteDuringReset(u32),
    /// The receive queue got a tail beyond the end of its ring.
    ReceiveTail(u8),
    /// The transmit queue got a tail beyond the end of its ring.
    TransmitTail(u8),
    /// The receive queue uses a descriptor type that the model lacks.
    DescriptorType(u8),
    /// The transmit queue asks for an offload that its frame cannot have; it did not
    /// leave.
    Offload(u8),
    /// The transmit queue's frame is under 17 bytes, over the card's limit or has
    /// another length than its descriptor says; it did not leave.
    FrameLength(u8),
    /// The layout of transmit queues was changed while the arbiter was on.
    QueueLayout,
    /// The PHY was accessed without asking firmware to keep off it.
    PhyNotOwned,
    /// The transmit queue sent a frame without a valid check sequence.
    CheckSequence(u8),
}

/// The first events of a kind, and how many there were.
#[derive(Debug, Clone)]
pub(crate) struct Log<T> {
    first: Vec<T>,
    total: u64,
}

impl<T: Copy> Log<T> {
    /// How many events are kept.
    const KEPT: usize = 256;

    pub(crate) fn push(&mut self, event: T) {
        if self.first.len() < Self::KEPT {
            self.first.push(event);
        }
        self.total = self.total.saturating_add(1);
    }

    /// The events kept, oldest first.
    pub(crate) fn first(&self) -> &[T] {
        &self.first
    }

    /// All events, the kept ones included.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }
}

impl<T> Default for Log<T> {
    fn default() -> Self {
        Self {
            first: Vec::new(),
            total: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Log;

    #[test]
    fn a_log_keeps_the_first_events_and_counts_all() {
        let mut log = Log::default();
        (0..1000).for_each(|n| log.push(n));
        assert_eq!(log.first().len(), 256);
        assert_eq!(log.first().last(), Some(&255));
        assert_eq!(log.total(), 1000);
    }
}
