//! Lockgate's trusted core on a machine without an operating system.
//!
//! The image boots by PVH, takes a plan from its loader and finds the card. Whatever of the
//! trusted core is in it gets by with `core` and `alloc`: linking is the proof.
//!
//! Not here: the trusted core, which is the same crates that `lockgate` is made of.
#![no_std]
#![no_main]

extern crate alloc;

#[expect(unsafe_code, reason = "the machine")]
mod boot;
mod console;
mod failure;
mod pci;

use alloc::string::ToString;
use alloc::vec;
use core::fmt::Arguments;
use core::panic::PanicInfo;

use lockgate_regs::common::{Ctrl, Status};
use lockgate_regs::{Register, igb};
use lockgate_vmdq::{Capabilities, Plan, Policy};

use boot::{Machine, Registers};
use console::{SerialLine, say};
use failure::{CRASHED, DONE, Failure};
use pci::PciFunction;

/// What the image does once there is a stack and a heap.
fn main(machine: Machine) -> ! {
    match run(machine) {
        Ok(()) => boot::exit(DONE),
        Err(failure) => {
            say!("lockgate: {failure}");
            boot::exit(failure.code())
        }
    }
}

fn run(machine: Machine) -> Result<(), Failure> {
    let module = machine.module.ok_or(Failure::NoPlan)?;
    let plan = read_plan(module)?;
    let wanted = |id: pci::DeviceId| {
        id.vendor == lockgate_regs::pci::INTEL && igb::DEVICE_IDS.contains(&id.device)
    };
    let found = PciFunction::find(machine.config, machine.clock, wanted);
    let (function, _) = found.map_err(Failure::Card)?;
    let registers = function.registers().map_err(Failure::Card)?;
    if !function.reset() {
        registers.write(Ctrl::offset(()), Ctrl::new().with_reset(true).into());
    }
    function.set_bus_master(false);
    say!(
        "lockgate: {} partitions, card {function}",
        plan.partitions().len()
    );
    say!("lockgate: {:?}", status(&registers));
    SerialLine::report().write_line(format_args!("{{\"event\":\"ready\"}}"));
    while !SerialLine::console().is_told_to_quit() {
        core::hint::spin_loop();
    }
    Ok(())
}

/// The plan of the policy that the loader passed.
fn read_plan(module: &[u8]) -> Result<Plan, Failure> {
    let refused = |why: &dyn ToString| Failure::PlanRefused(why.to_string());
    let text = core::str::from_utf8(module).map_err(|error| refused(&error))?;
    let policy = Policy::parse(text).map_err(|error| refused(&error))?;
    let machine = lockgate_vmdq::Machine { cores: vec![0, 1] };
    let plan = policy.check(&Capabilities::I82576, &machine);
    plan.map_err(|error| refused(&error))
}

fn status(registers: &Registers) -> Status {
    registers.read(Status::offset(())).into()
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
