//! The commands, and what they share: a policy that has been read, the card it is
//! for, and the machine it runs on.
//!
//! Each command is a function from its arguments to what it prints or the
//! [`Failure`] it ends with. Not here: words into arguments ([`crate::cli`]).

pub mod bench;
pub mod check;
mod console;
mod describe;
mod inputs;
pub mod nic;
pub mod plan;
mod reflect;
mod residual;
pub mod rss;
pub mod run;

use std::path::Path;

use lockgate_vmdq::{Capabilities, Device, Machine, Plan, Policy};

use crate::cli::Command;
use crate::error::Failure;
use crate::pci::Bus;
use crate::source::Source;
use crate::terminal;
use lockgate_host::affinity;

/// Does what was asked for.
///
/// # Errors
/// Whatever the command ends with.
pub fn execute(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Run(args) => run::run(args),
        Command::Bench(command) => terminal::print(&bench::bench(command)?),
        Command::Check(args) => terminal::print(&check::check(args)?),
        Command::Plan(args) => terminal::print(&plan::plan(args)?),
        Command::Nic(command) => terminal::print(&nic::nic(command)?),
        Command::Rss(args) => terminal::print(&rss::rss(args)?),
    }
}

/// A policy that has been read, for the device that it or the command line names.
#[derive(Debug, Clone)]
pub struct LoadedPolicy {
    /// What it says.
    pub policy: Policy,
    source: Source,
}

/// Reads the policy at `path`, with `device` in place of its own if one is given.
///
/// # Errors
/// A usage failure: no such file, not a policy, not a device.
pub fn load(path: &Path, device: Option<&str>) -> Result<LoadedPolicy, Failure> {
    let device = device.map(parse_device).transpose()?;
    let source = Source::read(path)?;
    let mut policy = Policy::parse(source.text()).map_err(|error| source.refuse(&error))?;
    if let Some(device) = device {
        policy.nic.device.value = device;
    }
    Ok(LoadedPolicy { policy, source })
}

impl LoadedPolicy {
    /// Where it was read from.
    pub fn path(&self) -> &Path {
        self.source.path()
    }

    /// The folder that paths in the policy are relative to.
    pub fn folder(&self) -> &Path {
        self.source.path().parent().unwrap_or(Path::new(""))
    }

    /// What the policy's card can hold.
    ///
    /// # Errors
    /// A usage failure when it is not in this machine or not one that Lockgate knows.
    pub fn card(&self) -> Result<&'static Capabilities, Failure> {
        capabilities(&self.policy.nic.device)
    }

    /// Checks the policy against its card and this machine.
    ///
    /// # Errors
    /// A usage failure: the card is not there, or the policy's first refusal.
    pub fn check(&self) -> Result<Plan, Failure> {
        let machine = Machine {
            cores: affinity::usable(),
        };
        let plan = self.policy.check(self.card()?, &machine);
        let plan = plan.map_err(|error| self.source.refuse(&error))?;
        reflect::check(&plan)?;
        Ok(plan)
    }
}

fn parse_device(text: &str) -> Result<Device, Failure> {
    text.parse().map_err(|_| {
        Failure::usage(
            format!("`{text}` is not a device"),
            "write model:82576, or a PCI address such as 0000:03:00.0 (`lockgate nic list`)",
        )
    })
}

fn capabilities(device: &Device) -> Result<&'static Capabilities, Failure> {
    match device {
        Device::Model82574 => Ok(&Capabilities::I82574),
        Device::Model82576 => Ok(&Capabilities::I82576),
        Device::Model82599 => Ok(&Capabilities::I82599),
        Device::Pci(address) => {
            let id = nic::look_up(&Bus::system(), *address)?.id;
            lockgate_drivers::capabilities(id).ok_or_else(|| nic::unknown_card(*address, id))
        }
    }
}
