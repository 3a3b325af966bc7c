//! What can go wrong with a card, and what to do about it.

use core::time::Duration;

use crate::device::{BusError, DeviceId};

/// Why a driver gave up.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message documents its variant")]
pub enum Error {
    #[error("the card stopped answering (its registers read all ones): check its slot and power")]
    Gone,
    #[error("no driver for {id}: use one of the cards that `lockgate nic list` names")]
    Unsupported { id: DeviceId },
    #[error("{register} did not confirm within {waited:?}: reset the card and start again")]
    Timeout {
        register: &'static str,
        waited: Duration,
    },
    #[error("cannot find {bytes} bytes of memory for DMA: free some, or use smaller rings")]
    NoMemory { bytes: usize, source: BusError },
    #[error("cannot pin {bytes} bytes for DMA: raise the locked-memory limit (`ulimit -l`)")]
    PinMemory { bytes: usize, source: BusError },
    #[error("cannot map {bytes} bytes for DMA: the kernel log may say why (`dmesg`)")]
    MapMemory { bytes: usize, source: BusError },
    #[error("a ring has {slots} slots: use a power of two from 64 to 4096")]
    RingSize { slots: u16 },
    #[error("the plan was made for another card ({why}): check the policy against this one")]
    Plan { why: &'static str },
    #[error("the card is wired for SerDes or SGMII: use one with copper ports")]
    LinkMode,
    #[error("the PHY of the card does not answer: power-cycle the machine")]
    Phy,
    #[error("queues of an earlier start are still in use: drop them before the next start")]
    QueuesInUse,
    #[error("a card that runs cannot change {what}: stop it and start it by the new plan")]
    NeedsReset { what: &'static str },
    #[error("the card is not started: start it by the plan")]
    NotStarted,
    #[error(
        "register {offset:#07x} does not hold what it was set to: stop the card and start it again"
    )]
    NotHeld { offset: u32 },
    #[error("cannot reset the PCI function: bind it to vfio-pci again")]
    Reset { source: BusError },
    #[error("cannot switch bus mastering: bind the card to vfio-pci again")]
    BusMaster { source: BusError },
}

impl Error {
    /// Why `bytes` bytes of DMA memory could not be had.
    pub(crate) fn of_memory(bytes: usize, source: BusError) -> Self {
        match source {
            BusError::NoMemory => Self::NoMemory { bytes, source },
            BusError::PinLimit => Self::PinMemory { bytes, source },
            _ => Self::MapMemory { bytes, source },
        }
    }
}
