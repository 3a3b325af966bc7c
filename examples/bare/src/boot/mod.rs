//! The bare machine: entry, memory, exceptions, ports, registers, time.
//!
//! The rule: what cannot be said in safe Rust is here and nowhere else, and what this module
//! gives to the rest of the image is sound whatever the rest does with it.
//!
//! Not here: what any device or register means.

mod exception;
mod heap;
mod libc;
mod mmio;
mod port;
mod start_info;
mod time;

use core::arch::global_asm;

pub(crate) use mmio::Registers;
pub(crate) use port::{BytePort, ConfigPorts, exit};
pub(crate) use time::Clock;

global_asm!(include_str!("entry.s"));

/// What the loader and the machine give to the image.
pub(crate) struct Machine {
    /// The first module that the loader put into memory, if there is one.
    pub(crate) module: Option<&'static [u8]>,
    /// The processor's clock.
    pub(crate) clock: Clock,
    /// The way to PCI configuration space; nobody else has it.
    pub(crate) config: ConfigPorts,
}

/// Where `entry.s` goes once there is a stack; `start_info` is the address that the loader
/// passed.
// SAFETY: no other function of the image has the name.
#[unsafe(no_mangle)]
extern "C" fn start(start_info: u32) -> ! {
    exception::catch();
    heap::begin();
    let module = start_info::first_module(start_info);
    let machine = Machine {
        module,
        clock: Clock::calibrate(),
        config: ConfigPorts::take(),
    };
    crate::main(machine)
}
