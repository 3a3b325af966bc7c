//! When frames leave: the line rate, the limiters of queues, the weights of pools.
//!
//! Without a clock frames leave at once and limits have no effect. The first time that
//! passes ([`crate::Model::advance`]) starts the clock: from then on frames leave as
//! fast as the link lets them, and in the order that the arbiter gives.
//!
//! A frame takes its bytes and check sequence, preamble and gap on the link. A limiter
//! counts bytes and check sequence alone: a queue with factor F sends its next frame no
//! earlier than F times as long as those take. Pools take turns: in each round a pool
//! gets its credits (RTTDT1C, while RTTDCS.VMPAC) and sends while it has any; what it
//! overdraws is taken from the next round; what is left when it runs empty is lost.
//!
//! Source: 82599 datasheet, 7.2.1 (arbiters) and 8.2.3.10; which bytes a limiter counts
//! is this model's choice.

use std::time::Duration;

use lockgate_regs::Index;
use lockgate_regs::ixgbe::*;

use super::link::SPEED;
use super::{Layout, Nic};
use crate::chip::Bus;
use crate::registers::Registers;

/// Bytes of preamble, start delimiter and gap (IEEE 802.3, 4.4.2).
const OVERHEAD: u64 = 20;

/// Picoseconds that a bit takes.
const BIT: u64 = 1000 / SPEED;

/// Credits of a pool whose RTTDT1C is 0, or while pools have no weights, in 64 bytes.
const EQUAL: i64 = 24;

/// Bytes of a credit.
const CREDIT: i64 = 64;

/// Pools, or queues where there are none.
const POOLS: usize = 64;

/// How late a limited queue may be and still catch up, in picoseconds: with every pool
/// sending, its turn comes that late.
const SLACK: u64 = 200_000_000;

/// What the arbiter decides.
enum Choice {
    /// This queue sends a frame.
    Send(TxQueue),
    /// Nobody may before this time.
    Wait(u64),
    /// Nobody has anything.
    Nothing,
}

/// The state of the arbiter.
#[derive(Debug)]
pub(super) struct Arbiter {
    /// Picoseconds since the clock began; `None` without one.
    clock: Option<u64>,
    /// When the link is free again.
    free_at: u64,
    /// RTTBCNRC of each queue.
    limits: [Rttbcnrc; 128],
    /// When each queue may send again.
    next_at: [u64; 128],
    /// RTTDT1C of each pool.
    credits: [u32; 64],
    /// What each pool may still send in this round, in bytes.
    balance: [i64; 64],
    /// Whose turn it is.
    turn: usize,
    /// The queue of each pool that sends next.
    queue_turn: [u32; 64],
}

impl Default for Arbiter {
    fn default() -> Self {
        Self {
            clock: None,
            free_at: 0,
            limits: [Rttbcnrc::new(); 128],
            next_at: [0; 128],
            credits: [0; 64],
            balance: [0; 64],
            turn: 0,
            queue_turn: [0; 64],
        }
    }
}

impl Arbiter {
    pub(super) fn has_clock(&self) -> bool {
        self.clock.is_some()
    }

    /// Everything but the time.
    pub(super) fn reset(&mut self) {
        *self = Self {
            clock: self.clock,
            free_at: self.free_at,
            ..Self::default()
        };
    }

    /// What RTTBCNRC reads.
    pub(super) fn rate(&self, registers: &Registers) -> u32 {
        self.limits[selected(registers)].into()
    }

    /// RTTBCNRC was written.
    pub(super) fn set_rate(&mut self, registers: &Registers) {
        self.limits[selected(registers)] = registers.get::<Rttbcnrc>(());
    }

    /// What RTTDT1C reads.
    pub(super) fn credits(&self, registers: &Registers) -> u32 {
        self.credits[selected(registers) & 63]
    }

    /// RTTDT1C was written.
    pub(super) fn set_credits(&mut self, registers: &Registers) {
        self.credits[selected(registers) & 63] = registers.get::<Rttdt1c>(()).get();
    }
}

/// The queue or pool that RTTDQSEL selects.
fn selected(registers: &Registers) -> usize {
    (registers.get::<Rttdqsel>(()).get() & 0x7F) as usize
}

impl Nic {
    /// Lets time pass: sends whatever leaves in it.
    pub(super) fn pass_time(&mut self, bus: &mut Bus, time: Duration) {
        let begun = *self.map.arbiter.clock.get_or_insert(0);
        let passed = u64::try_from(time.as_nanos())
            .unwrap_or(u64::MAX)
            .saturating_mul(1000);
        let end = begun.saturating_add(passed);
        let mut at = self.map.arbiter.free_at.max(begun);
        while at < end {
            match self.choose(bus, at) {
                Choice::Send(queue) => {
                    let pool = self.map.arbiter.turn;
                    self.map.arbiter.queue_turn[pool] =
                        self.map.arbiter.queue_turn[pool].wrapping_add(1);
                    let bytes = self.send_one(bus, queue).unwrap_or(0) as u64;
                    self.account(pool, queue, at, bytes);
                    // A frame that went nowhere still takes its turn.
                    at = at.saturating_add((bytes + OVERHEAD) * 8 * BIT);
                    self.map.arbiter.free_at = at;
                }
                Choice::Wait(until) => at = until.max(at + 1),
                Choice::Nothing => break,
            }
        }
        self.map.arbiter.clock = Some(end);
    }

    fn account(&mut self, pool: usize, queue: TxQueue, at: u64, bytes: u64) {
        let number = queue.number() as usize;
        self.map.arbiter.balance[pool] -= bytes as i64;
        let limit = self.map.arbiter.limits[number];
        if limit.enable() {
            // The factor is in 1/16384.
            let gap = (u128::from(bytes * 8 * BIT) * u128::from(limit.factor())) >> 14;
            let due = self.map.arbiter.next_at[number].max(at.saturating_sub(SLACK));
            let gap = u64::try_from(gap).unwrap_or(u64::MAX);
            self.map.arbiter.next_at[number] = due.saturating_add(gap);
        }
    }

    /// Who sends at `at`: pools take turns until one has both a frame and credits.
    fn choose(&mut self, bus: &Bus, at: u64) -> Choice {
        let mut idle = 0;
        let mut until = None;
        while idle < POOLS {
            let pool = self.map.arbiter.turn;
            match self.next_of(bus, pool, at) {
                Choice::Send(queue) if self.map.arbiter.balance[pool] > 0 => {
                    return Choice::Send(queue);
                }
                Choice::Send(_) => idle = 0,
                nothing => {
                    if let Choice::Wait(due) = nothing {
                        until = Some(until.map_or(due, |other: u64| other.min(due)));
                    }
                    idle += 1;
                    self.map.arbiter.balance[pool] = self.map.arbiter.balance[pool].min(0);
                }
            }
            let next = (pool + 1) % POOLS;
            self.map.arbiter.turn = next;
            self.map.arbiter.balance[next] += self.quantum(next);
        }
        until.map_or(Choice::Nothing, Choice::Wait)
    }

    /// Which queue of a pool sends at `at`, or when one may. Without pools each of 64
    /// queues is like one.
    fn next_of(&self, bus: &Bus, pool: usize, at: u64) -> Choice {
        let shift = Layout::of_transmit(&self.registers).map_or(0, |layout| layout.shift);
        let queues = 1 << shift;
        let mut until = Choice::Nothing;
        for turn in 0..queues {
            let within = (self.map.arbiter.queue_turn[pool] + turn) % queues;
            let number = ((pool as u32) << shift) + within;
            let Some(queue) = TxQueue::new(number) else {
                continue;
            };
            if self.tx_ring(queue).owned() == 0 || !self.may_transmit(bus, queue) {
                continue;
            }
            let due = self.map.arbiter.next_at[number as usize];
            if due <= at {
                return Choice::Send(queue);
            }
            until = match until {
                Choice::Wait(other) => Choice::Wait(other.min(due)),
                _ => Choice::Wait(due),
            };
        }
        until
    }

    /// Bytes that a pool may send in a round.
    fn quantum(&self, pool: usize) -> i64 {
        let credits = match self.registers.get::<Rttdcs>(()).weigh_pools() {
            true => i64::from(self.map.arbiter.credits[pool]),
            false => 0,
        };
        CREDIT * if credits == 0 { EQUAL } else { credits }
    }
}
