//! The card as a driver meets it: steering, rings, switch, limits, interrupts.

mod interrupt;
mod receive;
mod schedule;
mod steering;
mod transmit;
