//! Drivers for Intel 1 and 10 GbE controllers.
//!
//! A driver programs a checked [`lockgate_vmdq::Plan`] into a card and gives the
//! card's queues to the worker; it can read the registers back and say what plan
//! they hold. The rule: only the core's own memory is ever within the reach of a
//! card, and every wait for hardware has a deadline.
//!
//! Not here: how a card comes here (`lockgate-host`, `lockgate-nicmodel`), which frame may go where
//! (`lockgate-vmdq`), and what the registers mean (`lockgate-regs`).
//!
//! The layers, from the card up: [`device`] is the seam; a [`Nic`] starts, changes and stops a card
//! and reads it back; [`Queues`] move frames. Each buffer belongs to one descriptor for ever:
//!
//! ```
//! use lockgate_drivers::device::Card;
//! use lockgate_drivers::{Error, MAX_BURST, RingSizes, open};
//! use lockgate_vmdq::Plan;
//!
//! /// Sends what comes by the first queue back as it is, once.
//! fn reflect(card: Card, plan: &Plan) -> Result<usize, Error> {
//!     let mut nic = open(card)?;
//!     let mut queues = nic.start(plan, RingSizes { rx: 512, tx: 512 })?;
//!     let (rx, tx) = (&mut queues.rx[0], &mut queues.tx[0]);
//!     tx.free();
//!     let burst = rx.burst(MAX_BURST);
//!     let mut sent = 0;
//!     for frame in burst.iter() {
//!         // What is decided on is the copy: the card may write the buffer at any time.
//!         let Some(mut slot) = tx.reserve() else { break };
//!         let wanted = slot.copy_from_block(frame.buffer, frame.length);
//!         // A slot that is dropped and not committed sends nothing.
//!         if wanted && slot.commit() {
//!             sent += 1;
//!         }
//!     }
//!     burst.release(MAX_BURST);
//!     tx.flush();
//!     Ok(sent)
//! }
//! ```
//!
//! # What safe code cannot do
//!
//! Whoever has opened a card has it no more, so nobody else tells it where its rings are:
//!
//! ```compile_fail
//! # use lockgate_drivers::{Error, device::Card, open};
//! fn twice(card: Card) -> Result<(), Error> {
//!     let nic = open(card)?;
//!     card.bar.write(0xC000, 0);
//!     Ok(())
//! }
//! ```
//!
//! ```compile_fail
//! # use lockgate_drivers::device::Card;
//! fn copy(card: &Card) -> Card {
//!     card.clone()
//! }
//! ```
//!
//! No frame outlives the burst whose release gives its buffer back:
//!
//! ```compile_fail
//! # use lockgate_drivers::RxQueue;
//! fn keep(queue: &mut RxQueue) {
//!     let burst = queue.burst(1);
//!     let frame = burst.get(0);
//!     burst.release(1);
//!     assert!(frame.is_some());
//! }
//! ```
//!
//! Of bytes that a card may write there are copies and no references, whoever mapped them:
//!
//! ```compile_fail
//! # use lockgate_drivers::RxFrame;
//! fn lend<'b>(frame: &RxFrame<'b>) -> &'b [u8] {
//!     &frame.buffer[..frame.length]
//! }
//! ```
//!
//! ```compile_fail
//! # use lockgate_drivers::device::DmaMemory;
//! fn lend(dma: &DmaMemory) -> &[u8] {
//!     dma.memory.as_ref()
//! }
//! ```
//!
//! A queue sends what was committed to it, and takes nobody's word for a length or a number:
//!
//! ```compile_fail
//! # use lockgate_drivers::TxQueue;
//! fn claim(queue: &mut TxQueue) {
//!     if let Some(slot) = queue.reserve() {
//!         slot.commit(1500);
//!     }
//! }
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod access;
mod adapter;
mod advanced;
mod apply;
pub mod device;
mod e1000e;
mod error;
#[cfg(test)]
mod fake;
mod family;
mod filter;
mod gigabit;
mod igb;
mod ixgbe;
mod nic;
mod rate;
mod registry;
mod reset;
mod ring;
mod rss;
mod slots;
mod statistics;

pub use adapter::Link;
pub use error::Error;
pub use nic::{Nic, open};
pub use registry::{CARDS, SupportedCard, capabilities};
pub use ring::{
    BadDescriptors, MAX_BURST, Queues, RX_FREE_THRESH, RingSizes, RxBurst, RxFrame, RxFrames,
    RxHash, RxQueue, TxQueue, TxSlot, TxSlots,
};
pub use statistics::Statistics;

// Descriptors are kept in host order, and cards know only one; a `usize` holds any
// length that the kernel names.
const _: () = assert!(cfg!(all(
    target_endian = "little",
    target_pointer_width = "64"
)));
