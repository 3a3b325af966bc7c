//! Queues with advanced descriptors, as igb and ixgbe have them: which there are, their rings,
//! and how they fall silent.
//!
//! Source: 82576 datasheet, chapters 4 and 7; 82599 datasheet, 4.6.7, 4.6.8 and 7.2.3. Not here:
//! the registers of one queue and in what order queues are started (the families).

use alloc::vec::Vec;
use core::time::Duration;

use lockgate_regs::descriptor::{TxData, dtyp};
use lockgate_regs::{Index, Register, Stable};
use lockgate_vmdq::{HardwarePlan, Plan, PoolPlan};

use crate::access::Registers;
use crate::adapter::Adapter;
use crate::error::Error;
use crate::ring::{Queues, RingLayout, RingSizes, Rings, RxPlace, TxPlace};

/// How long a queue may take to start or stop; far beyond any seen.
pub(crate) const QUEUE_LIMIT: Duration = Duration::from_millis(20);

/// How long the frames of a queue may take to leave.
const DRAIN_LIMIT: Duration = Duration::from_millis(50);

/// Unit of a receive buffer's size (SRRCTL.BSIZEPACKET), in bytes.
const KIB: usize = 1024;

/// A hardware queue, and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UsedQueue<At> {
    pub(crate) at: At,
    pool: u8,
    /// Its number within the pool.
    queue: u8,
}

/// The queues that a plan makes use of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UsedQueues<Rx, Tx> {
    pub(crate) rx: Vec<UsedQueue<Rx>>,
    pub(crate) tx: Vec<UsedQueue<Tx>>,
}

impl<Rx: Index, Tx: Index> UsedQueues<Rx, Tx> {
    /// Those of `plan`; `number` says which hardware queue is which queue of a pool.
    pub(crate) fn of(plan: &HardwarePlan, number: impl Fn(u8, u8) -> u32) -> Self {
        let mut used = Self {
            rx: Vec::new(),
            tx: Vec::new(),
        };
        for (pool, wanted) in (0..).zip(&plan.pools) {
            let queue = |queue| (pool, queue, number(pool, queue));
            let receivers = (0..wanted.queues).map(queue);
            let senders = (0..senders(wanted)).map(queue);
            used.rx.extend(receivers.filter_map(UsedQueue::new));
            used.tx.extend(senders.filter_map(UsedQueue::new));
        }
        used
    }
}

impl<At: Index> UsedQueue<At> {
    fn new((pool, queue, number): (u8, u8, u32)) -> Option<Self> {
        At::new(number).map(|at| Self { at, pool, queue })
    }
}

/// How many queues a pool sends by: as many as it receives by, but the limiters are per queue, so
/// one with a rate sends by one.
fn senders(pool: &PoolPlan) -> u8 {
    if !pool.transmit {
        0
    } else if pool.rate.is_some() {
        1
    } else {
        pool.queues.max(1)
    }
}

/// The size of a receive buffer for `plan`, as SRRCTL takes it.
pub(crate) fn packet_kib(plan: &Plan) -> u8 {
    plan.limits().longest_with_fcs().div_ceil(KIB) as u8
}

/// Makes the rings of `used` and points the card at them. No queue is live yet. Frames with one of
/// `fatal_errors` are refused.
pub(crate) fn build<Rdbal: Register, Tdbal: Register>(
    adapter: &Adapter,
    plan: &Plan,
    sizes: RingSizes,
    fatal_errors: u16,
    used: &UsedQueues<Rdbal::Index, Tdbal::Index>,
) -> Result<Queues, Error> {
    let buffer_bytes = usize::from(packet_kib(plan)) * KIB;
    let rings = Rings {
        rx: RingLayout::new(sizes.rx, buffer_bytes)?,
        tx: RingLayout::new(sizes.tx, buffer_bytes)?,
        fatal_errors,
        send,
    };
    let rx = used.rx.iter().map(|used| RxPlace {
        base: Rdbal::offset(used.at),
        pool: used.pool,
        queue: used.queue,
    });
    let tx = used.tx.iter().map(|used| TxPlace {
        base: Tdbal::offset(used.at),
        pool: used.pool,
    });
    let (rx, tx): (Vec<_>, Vec<_>) = (rx.collect(), tx.collect());
    rings.build(adapter, &rx, &tx)
}

/// Sends `length` bytes: one frame in one buffer, its check sequence by the card. CC stays off: it
/// asks for a context, which a card needs only while its switch is on (82599 datasheet, 7.2.3.2.4).
fn send(length: u16) -> TxData {
    TxData::new()
        .with_dtyp(dtyp::DATA)
        .with_extended(true)
        .with_end_of_packet(true)
        .with_insert_fcs(true)
        .with_length(length)
        .with_payload_length(length.into())
}

/// RXDCTL or TXDCTL of a family.
pub(crate) trait QueueControl: Stable {
    /// Whether the queue is on.
    fn is_on(&self) -> bool;

    /// The same for a queue that is off.
    fn off(self) -> Self;
}

/// Waits until no transmit queue that is on has anything left to send.
///
/// # Errors
/// [`Error::Timeout`]; [`Error::Gone`].
pub(crate) fn drain<Txdctl, Head, Tail>(registers: &Registers) -> Result<(), Error>
where
    Txdctl: QueueControl,
    Head: Stable<Index = Txdctl::Index>,
    Tail: Stable<Index = Txdctl::Index>,
{
    for queue in Txdctl::Index::all() {
        if registers.read::<Txdctl>(queue)?.is_on() {
            let tail: u32 = registers.read::<Tail>(queue)?.into();
            let sent = |head: &Head| (*head).into() == tail;
            registers.wait(queue, DRAIN_LIMIT, sent)?;
        }
    }
    Ok(())
}

/// Disables every queue, and then waits until each says so.
///
/// # Errors
/// [`Error::Timeout`]; [`Error::Gone`].
pub(crate) fn stop_queues<Rxdctl, Txdctl>(registers: &Registers) -> Result<(), Error>
where
    Rxdctl: QueueControl,
    Txdctl: QueueControl,
{
    for at in Rxdctl::Index::all() {
        registers.modify(at, Rxdctl::off)?;
    }
    for at in Txdctl::Index::all() {
        registers.modify(at, Txdctl::off)?;
    }
    for at in Rxdctl::Index::all() {
        registers.wait(at, QUEUE_LIMIT, |control: &Rxdctl| !control.is_on())?;
    }
    for at in Txdctl::Index::all() {
        registers.wait(at, QUEUE_LIMIT, |control: &Txdctl| !control.is_on())?;
    }
    Ok(())
}
