//! Queues: as many of the two as the plan wants, each way.
//!
//! The rule: rings are in place before receive and transmit are switched on, since the
//! queues have no switch of their own; tails of receive come when receiving is on.
//!
//! Source: 82574 datasheet, chapters 4 and 10; the bits against errata, Intel's Linux
//! driver.

use alloc::vec::Vec;

use lockgate_regs::descriptor::TxData;
use lockgate_regs::e1000e::{RxQueue as RxNumber, TxQueue as TxNumber, *};
use lockgate_regs::{Index, Register};
use lockgate_vmdq::{HardwarePlan, Plan, PoolPlan};

use super::card::E1000e;
use super::filter::{buffer_bytes, receiving};
use crate::error::Error;
use crate::ring::{Queues, RingLayout, RingSizes, Rings, RxPlace, RxQueue, TxPlace};

/// The one pool's number.
const WHOLE: u8 = 0;

impl E1000e {
    /// Makes the rings and points the card at them.
    pub(super) fn queues(&self, plan: &Plan, sizes: RingSizes) -> Result<Queues, Error> {
        let damaged = RxErrors::new()
            .with_crc(true)
            .with_symbol(true)
            .with_sequence(true);
        let rings = Rings {
            rx: RingLayout::new(sizes.rx, buffer_bytes(self.max_frame))?,
            tx: RingLayout::new(
                sizes.tx,
                buffer_bytes(plan.limits().longest_with_fcs() as u16),
            )?,
            fatal_errors: damaged.with_carrier(true).with_receive(true).into(),
            send,
        };
        let (rx, tx) = used(plan.hardware());
        let registers = &self.adapter.registers;
        let rxdctl = Rxdctl::new()
            .with_prefetch(8)
            .with_host(8)
            .with_write_back(1);
        rx.iter()
            .for_each(|&at| registers.write(at, rxdctl.with_count_descriptors(true)));
        // A larger write-back threshold would hold the report of a short burst back.
        let txdctl = Txdctl::new()
            .with_prefetch(8)
            .with_host(1)
            .with_write_back(1);
        let txdctl = txdctl.with_must_be_set(true).with_count_descriptors(true);
        for &at in &tx {
            registers.write(at, txdctl);
            registers.modify(at, |tarc: Tarc| tarc.with_enable(true))?;
        }
        let rx = rx.iter().map(|at| RxPlace {
            base: Rdbal::offset(*at),
            pool: WHOLE,
            queue: at.number() as u8,
        });
        let tx = tx.iter().map(|at| TxPlace {
            base: Tdbal::offset(*at),
            pool: WHOLE,
        });
        rings.build(
            &self.adapter,
            &rx.collect::<Vec<_>>(),
            &tx.collect::<Vec<_>>(),
        )
    }

    /// Starts everything: transmit, receive, then the doorbells of receive.
    pub(super) fn enable(&self, plan: &HardwarePlan, queues: &Queues) -> Result<(), Error> {
        let registers = &self.adapter.registers;
        if let Some(first) = TxNumber::new(0) {
            registers.modify(first, |tarc: Tarc| {
                tarc.with_must_be_set(true).with_must_be_clear(0)
            })?;
        }
        let pool = plan.pools.first().copied().unwrap_or_default();
        registers.write((), sending(&pool));
        registers.write((), receiving(&pool));
        self.adapter.card.bar.flush();
        queues.rx.iter().for_each(RxQueue::post_initial);
        Ok(())
    }
}

/// What the transmitter does for `pool`, which is the whole card.
pub(super) fn sending(pool: &PoolPlan) -> Tctl {
    let tctl = Tctl::new().with_enable(pool.transmit).with_pad_short(true);
    tctl.with_collision_threshold(15).with_retransmit_late(true)
}

/// The queues that `plan` makes use of. Every worker sends, and there are as many
/// receive queues as workers where anything is received.
pub(super) fn used(plan: &HardwarePlan) -> (Vec<RxNumber>, Vec<TxNumber>) {
    let pool = plan.pools.first().copied().unwrap_or_default();
    let senders = if plan.rss.is_some() { 2 } else { 1 };
    let senders = if pool.transmit { senders } else { 0 };
    (
        RxNumber::all().take(pool.queues.into()).collect(),
        TxNumber::all().take(senders).collect(),
    )
}

/// Sends `length` bytes: one frame in one buffer, its check sequence by the card.
fn send(length: u16) -> TxData {
    let data = TxData::new()
        .with_dtyp(DTYP_DATA)
        .with_extended(true)
        .with_end_of_packet(true);
    data.with_insert_fcs(true).with_length(length)
}
