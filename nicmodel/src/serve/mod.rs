//! `serve`: a model as a device of a real machine.
//!
//! The vfio-user protocol lends a PCI device to a machine emulator over a socket. One
//! thread answers the client, another is the card's cable; they meet in the [`Model`].
//! It serves one client, and ends when that has gone.
//!
//! Nothing that the client or a frame contains makes it panic or spin: a wrong request is
//! answered with an error, and a message that is none ends the connection.

mod capture;
mod card;
mod config;
mod device;
mod interrupts;
mod memory;
mod message;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use lockgate_nicmodel::{Misuse, Model};

use card::Card;
use device::Device;
use interrupts::Interrupts;
use wire::{Place, Wire};

/// The command line of `serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// Which card.
    #[arg(long, value_enum)]
    card: Card,
    /// Where the machine finds it: a UNIX socket that is made.
    #[arg(long, value_name = "PATH")]
    socket: PathBuf,
    /// Where its cable leads: tap:NAME, dgram:LOCAL,REMOTE or pcap:IN[,OUT]; without it,
    /// to a partner that is silent.
    #[arg(long, value_name = "PLACE")]
    wire: Option<Place>,
}

/// Why serving ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// What the command line names cannot be used.
    #[error("{0}")]
    Usage(String),
    #[error("the client broke the protocol: {0}")]
    Protocol(io::Error),
    #[error("the connection to the client failed: {0}")]
    Connection(io::Error),
}

/// Serves one client.
///
/// # Errors
/// When a place cannot be opened, or the connection does not end as it should.
pub(crate) fn serve(arguments: &Serve) -> Result<(), Failure> {
    let path = &arguments.socket;
    let wire = Arc::new(Wire::open(arguments.wire.as_ref()).map_err(Failure::Usage)?);
    let listener = UnixListener::bind(path).map_err(|error| {
        Failure::Usage(format!(
            "{}: {error}; name a new file in a folder that is there",
            path.display()
        ))
    })?;
    let accepted = listener.accept();
    // Nobody else can join.
    let _ = std::fs::remove_file(path);
    let (stream, _) = accepted.map_err(Failure::Connection)?;
    let model = arguments.card.model();
    let interrupts = Arc::new(Interrupts::new(arguments.card.layout().vectors));
    let stop = AtomicBool::new(false);
    let outcome = thread::scope(|scope| {
        scope.spawn(|| wire.run(&model, &interrupts, &stop));
        let device = Device::new(
            arguments.card,
            model.clone(),
            Arc::clone(&interrupts),
            Arc::clone(&wire),
        );
        let outcome = converse(&stream, device);
        stop.store(true, Relaxed);
        outcome
    });
    report(&model, &wire);
    outcome
}

/// Answers a client until it goes.
fn converse(stream: &UnixStream, mut device: Device) -> Result<(), Failure> {
    loop {
        let outcome = message::receive(stream).and_then(|request| {
            let Some(mut request) = request else {
                return Ok(false);
            };
            let answer = device.answer(&mut request);
            message::reply(stream, &request, answer)?;
            Ok(true)
        });
        match outcome {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) => {
                return match error.kind() {
                    // It ended, and not in the middle of anything of ours.
                    ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => Ok(()),
                    ErrorKind::InvalidData | ErrorKind::UnexpectedEof => {
                        Err(Failure::Protocol(error))
                    }
                    _ => Err(Failure::Connection(error)),
                };
            }
        }
    }
}

/// Says what passed, and what the machine's driver should not have done.
fn report(model: &Model, wire: &Wire) {
    eprintln!(
        "lockgate-nicmodel: {}; {} DMA faults",
        wire.summary(),
        model.fault_count()
    );
    for fault in model.faults().iter().take(8) {
        let access = if fault.write { "write" } else { "read" };
        eprintln!(
            "  DMA {access} of {} bytes at {:#x}",
            fault.bytes,
            fault.iova.get()
        );
    }
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    for misuse in model.misuse() {
        let kind = match misuse {
            Misuse::UnknownRegister(offset) => format!("write to no register, at {offset:#x}"),
            Misuse::WriteDuringReset(offset) => format!("write during reset, at {offset:#x}"),
            other => format!("{other:?}"),
        };
        *kinds.entry(kind).or_default() += 1;
    }
    for (kind, count) in kinds {
        eprintln!("  misuse: {kind}: {count}");
    }
}
