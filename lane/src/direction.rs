//! The two directions of a lane, as types and as a value.
//!
//! Both are named as the partition sees them. The core fills a receive ring, in `down`; the
//! partition fills the transmit ring, in `up`.

use core::fmt;

/// A ring's direction, as a value: for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ring {
    /// From the core to the partition.
    Receive,
    /// From the partition to the core.
    Transmit,
}

impl fmt::Display for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Receive => "receive",
            Self::Transmit => "transmit",
        })
    }
}

/// A ring's direction, as a type: [`Rx`] or [`Tx`].
pub trait Direction: fmt::Debug + Send + Sync + 'static + sealed::Sealed {
    /// The same as a value.
    const RING: Ring;
}

/// From the core to the partition; such rings lie in `down`.
#[derive(Debug)]
pub enum Rx {}

/// From the partition to the core; the ring lies in `up`.
#[derive(Debug)]
pub enum Tx {}

impl Direction for Rx {
    const RING: Ring = Ring::Receive;
}

impl Direction for Tx {
    const RING: Ring = Ring::Transmit;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Rx {}
    impl Sealed for super::Tx {}
}
