//! Lockgate's trusted core on a machine without an operating system.
//!
//! The image boots by PVH, takes a plan from its loader, finds the card, and runs the worker
//! over it with partitions that are part of the image. That it links is the proof that the
//! trusted core gets by with `core` and `alloc`.
//!
//! Not here: the trusted core, which is the same crates that `lockgate` is made of.
#![no_std]
#![no_main]

extern crate alloc;

mod answer;
#[expect(unsafe_code, reason = "the machine")]
mod boot;
mod console;
mod endpoint;
mod failure;
mod pci;
mod platform;
mod report;
mod session;

use core::fmt::Arguments;
use core::panic::PanicInfo;

use lockgate_vmdq::Plan;

use console::say;
use failure::{CRASHED, DONE, Failure};

/// What the image does once there is a stack and a heap.
fn main(machine: boot::Machine) -> ! {
    match run(machine) {
        Ok(()) => boot::exit(DONE),
        Err(failure) => {
            say!("lockgate: {failure}");
            boot::exit(failure.code())
        }
    }
}

fn run(machine: boot::Machine) -> Result<(), Failure> {
    let module = machine.module.ok_or(Failure::NoPlan)?;
    let plan = Plan::decode(module)?;
    let found = platform::find_card(machine.config, machine.clock);
    let card = found.map_err(Failure::Card)?;
    session::run(plan, card, machine.clock)
}

/// Says what went wrong with the image itself, and ends.
fn fatal(what: Arguments<'_>) -> ! {
    say!("lockgate: {what}");
    boot::exit(CRASHED)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    fatal(format_args!("{info}"))
}
