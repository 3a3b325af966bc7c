//! What the chip core asks of a card's registers.
//!
//! A [`RegisterMap`] says where a card keeps its rings, what its filters and switches hold,
//! and what an access does to a register. It decides nothing about a frame: every rule that
//! follows from these answers is in the core, once for all cards. Sets of pools and queues
//! have a bit each. Functions that take `&Registers` read them and nothing else; others
//! say what they change.
//!
//! Not here: the maps themselves (`igb`, `ixgbe`).

mod access;
mod filters;
mod queues;

use std::time::Duration;

use super::Nic;
use crate::chip::Bus;

pub(crate) use access::{Access, Effect, Event, Moment, QueueRegister};
pub(crate) use filters::{
    Compared, ControlFrames, ExactFilter, MacFilter, MacFilters, PoolControl, PoolFilter,
    PoolFilters, VlanFilter,
};
pub(crate) use queues::{PoolTag, ReceiveQueues, SpoofCheck, TransmitQueues};

/// The registers of a card with pools, and how time passes on its link.
pub(crate) trait RegisterMap:
    Access + MacFilters + PoolFilters + ReceiveQueues + TransmitQueues
{
    /// Whether a clock says when frames leave, instead of the write that announces them.
    fn is_clocked(&self) -> bool {
        false
    }

    /// Lets time pass on the link.
    fn advance(nic: &mut Nic<Self>, bus: &mut Bus, time: Duration) {
        let _ = (nic, bus, time);
    }
}
