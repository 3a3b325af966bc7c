//! A policy or a compiled plan that has been read, for the device that it or the command line
//! names.
//!
//! The rule: whichever it was, a command gets a [`Plan`] that has passed the same checks, for
//! the card that is there and cores that this machine has.
//!
//! Not here: what a command does with it.

use std::path::{Path, PathBuf};

use lockgate_host::affinity;
use lockgate_policy::{Device, Policy};
use lockgate_vmdq::{Capabilities, Machine, Plan};

use super::{nic, reflect};
use crate::error::Failure;
use crate::pci::Bus;
use crate::source::{Content, Source};

/// A policy that has been read, as text or compiled.
#[derive(Debug, Clone)]
pub struct LoadedPolicy {
    path: PathBuf,
    device: Device,
    written: Written,
}

/// How it was written down.
#[derive(Debug, Clone)]
enum Written {
    Text { policy: Box<Policy>, source: Source },
    Compiled(Box<Plan>),
}

/// Reads the policy or plan at `path`, with `device` in place of its own if one is given.
///
/// # Errors
/// A usage failure: no such file, neither a policy nor a plan, not a device.
pub fn load(path: &Path, device: Option<&str>) -> Result<LoadedPolicy, Failure> {
    let device = device.map(parse_device).transpose()?;
    let (written, own) = match Content::read(path)? {
        Content::Text(source) => {
            let policy = Policy::parse(source.text()).map_err(|errors| source.refuse(&errors))?;
            let own = *policy.nic.device;
            let policy = Box::new(policy);
            (Written::Text { policy, source }, own)
        }
        Content::Compiled(bytes) => {
            let plan = Plan::decode(&bytes).map_err(|error| {
                Failure::usage(format!("{}: {error}", path.display()), error.help())
            })?;
            let own = parse_device(&plan.spec().device)?;
            (Written::Compiled(Box::new(plan)), own)
        }
    };
    let mut loaded = LoadedPolicy {
        path: path.to_owned(),
        device: device.unwrap_or(own),
        written,
    };
    if let Written::Text { policy, .. } = &mut loaded.written {
        policy.nic.device.value = loaded.device;
    }
    Ok(loaded)
}

impl LoadedPolicy {
    /// Where it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder that its paths are relative to.
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// The device that it is for.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Whether it is for a model.
    pub fn is_for_model(&self) -> bool {
        matches!(self.device, Device::Model(_))
    }

    /// Whether it was compiled before.
    pub fn is_compiled(&self) -> bool {
        matches!(self.written, Written::Compiled(_))
    }

    /// What its card can hold.
    ///
    /// # Errors
    /// A usage failure when it is not in this machine or not one that Lockgate knows.
    pub fn card(&self) -> Result<&'static Capabilities, Failure> {
        match &self.device {
            Device::Model(card) => Ok(card),
            Device::Pci(address) => {
                let id = nic::look_up(&Bus::system(), *address)?.id;
                lockgate_drivers::capabilities(id).ok_or_else(|| nic::unknown_card(*address, id))
            }
        }
    }

    /// Checks it against its card and this machine.
    ///
    /// # Errors
    /// A usage failure: the card is not there or is another than a plan was compiled for, or
    /// what the policy is refused for.
    pub fn check(&self) -> Result<Plan, Failure> {
        let machine = Machine {
            cores: affinity::usable(),
        };
        let card = self.card()?;
        let plan = match &self.written {
            Written::Text { policy, source } => {
                let plan = policy.check(card, &machine);
                plan.map_err(|errors| source.refuse(&errors))?
            }
            Written::Compiled(plan) => {
                self.check_compiled(plan, card, &machine)?;
                Plan::clone(plan)
            }
        };
        reflect::check(&plan)?;
        Ok(plan)
    }

    /// What a plan cannot know of where it is used.
    fn check_compiled(
        &self,
        plan: &Plan,
        card: &Capabilities,
        machine: &Machine,
    ) -> Result<(), Failure> {
        let path = self.path.display();
        if plan.card() != card {
            let made = plan.card().card;
            return Err(Failure::usage(
                format!(
                    "{path} was compiled for an {made}, and {} is an {}",
                    self.device, card.card
                ),
                format!(
                    "compile the policy for it: lockgate compile POLICY --device {} -o FILE",
                    self.device
                ),
            ));
        }
        let refused = plan.spec().check_machine(machine);
        let first = refused
            .err()
            .and_then(|refusals| refusals.into_iter().next());
        match first {
            None => Ok(()),
            Some(refusal) => Err(Failure::usage(
                format!("{path}: {refusal}"),
                "compile the policy on this machine",
            )),
        }
    }

    /// That this program cannot do what the policy says at the place that `at` finds in it.
    pub(super) fn refuse(
        &self,
        at: impl FnOnce(&Policy) -> usize,
        message: &str,
        help: &str,
    ) -> Failure {
        match &self.written {
            Written::Text { policy, source } => source.refuse_at(at(policy), message, help),
            Written::Compiled(_) => {
                Failure::usage(format!("{}: {message}", self.path.display()), help)
            }
        }
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
