//! `lockgate run`: from options to a [`Session`], and from its report to the reader.

use std::io;
use std::sync::Arc;

use lockgate_drivers::device::Card;
use lockgate_host::{Alarm, open_pci};
use lockgate_policy::Device;
use lockgate_vmdq::WireSource;

use super::console::Console;
use super::inputs::{open_sources, refuse_overwriting};
use super::{load, nic};
use crate::capture::writer;
use crate::cli::RunArgs;
use crate::error::Failure;
use crate::model::{self, Model};
use crate::pci::Bus;
use crate::report::Report;
use crate::report::summary;
use crate::supervisor::{Options, Session, StopRequest};
use crate::terminal;

/// Runs a policy to its end.
///
/// # Errors
/// Whatever is wrong with the policy, the captures, the folders or the card, the
/// first found; nothing is started before everything that can be checked is.
pub fn run(args: &RunArgs) -> Result<(), Failure> {
    let loaded = load(&args.policy, args.device.as_deref())?;
    let plan = loaded.check()?;
    let sources = open_sources(&loaded, &plan, args)?;
    refuse_overwriting(&loaded, &plan, args)?;
    // First the folder, which the report may go into as well.
    if let Some(folder) = &args.capture_dir {
        writer::make_folder(folder)?;
    }
    if let Some(path) = &args.report {
        Report::check_target(path)?;
    }
    let stop = StopRequest::on_signals()?;
    let device = loaded.device();
    let Opened { card, model, alarm } = Opened::open(device)?;
    let unused_wire = plan.spec().wire != WireSource::Nothing && model.is_none();
    let device = device.to_string();
    let plan = Arc::new(plan);
    let options = Options {
        device: device.clone(),
        model,
        alarm,
        sources,
        captures: args.capture_dir.clone(),
        duration: args.duration,
        stop,
    };
    let session = Session::start(Arc::clone(&plan), card, options)?;
    let names = plan.partitions().iter().map(|p| p.name.as_str()).collect();
    Console::new(&device, names, unused_wire).follow(&session);
    let report = session.wait()?.report()?;
    if let Some(path) = &args.report {
        report.write(path)?;
    }
    terminal::written(summary::print(&report, &mut io::stdout().lock()))
}

/// A card, and what stands behind it.
pub(super) struct Opened {
    pub(super) card: Card,
    pub(super) model: Option<Model>,
    pub(super) alarm: Option<Alarm>,
}

impl Opened {
    pub(super) fn open(device: &Device) -> Result<Self, Failure> {
        if let Some(model) = model::open(device)? {
            return Ok(Self {
                card: model.card(),
                model: Some(model),
                alarm: None,
            });
        }
        let Device::Pci(address) = device else {
            return Err(Failure::usage(
                format!("{device} is no card"),
                "name a PCI address (`lockgate nic list`)",
            ));
        };
        let (id, group) = nic::ready(&Bus::system(), *address)?;
        let (card, alarm) =
            open_pci(id, *address, group).map_err(|error| Failure::usage_of(&error))?;
        Ok(Self {
            card,
            model: None,
            alarm: Some(alarm),
        })
    }
}
