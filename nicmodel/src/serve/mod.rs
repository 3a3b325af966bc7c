//! `serve`: a model as a device of a real machine.
//!
//! The vfio-user protocol lends a PCI device to a machine emulator over a socket. One
//! thread answers the client, another is the card's cable; they meet in the [`Model`].
//! It serves one client, and ends when that has gone or a signal asks for it; its socket is
//! gone then. Once it listens it says so in one line, `ready: …`, on standard output.
//!
//! Nothing that the client or a frame contains makes it panic or spin: a wrong request is
//! answered with an error, and a message that is none ends the connection.

mod capture;
mod config;
mod device;
mod interrupts;
mod memory;
mod message;
mod socket;
mod stop;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use clap::builder::PossibleValuesParser;
use lockgate_nicmodel::{MODELS, Misuse, Model, ModelKind};

use device::Device;
use interrupts::Interrupts;
use socket::Listener;
use stop::Stop;
use wire::{Place, Wire};

/// The command line of `serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// Which card.
    #[arg(long, value_parser = names())]
    card: String,
    /// Where the machine finds it: a UNIX socket that is made, in the place of one that
    /// nobody has any more.
    #[arg(long, value_name = "PATH")]
    socket: PathBuf,
    /// Where its cable leads: tap:NAME, dgram:LOCAL,REMOTE or pcap:IN[,OUT]; without it,
    /// to a partner that is silent.
    #[arg(long, value_name = "PLACE")]
    wire: Option<Place>,
}

/// The cards that can be served.
fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(MODELS.iter().map(|kind| kind.name))
}

/// Why serving ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// What the command line names cannot be used.
    #[error("{0}")]
    Usage(String),
    #[error("cannot catch signals: {0}")]
    Signals(io::Error),
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
    let path = arguments.socket.display();
    let kind = ModelKind::by_name(&arguments.card)
        .ok_or_else(|| Failure::Usage(format!("{}: no such card", arguments.card)))?;
    let stop = Stop::on_signals().map_err(Failure::Signals)?;
    let wire = Wire::open(arguments.wire.as_ref()).map_err(Failure::Usage)?;
    let listener = Listener::bind(&arguments.socket).map_err(|error| {
        Failure::Usage(format!(
            "{path}: {error}; name a new file in a folder that is there"
        ))
    })?;
    announce(&format!("ready: {} at {path}", kind.name));
    let accepted = stop.accept(listener.socket());
    // Nobody else can join.
    drop(listener);
    match accepted.map_err(Failure::Connection)? {
        Some(stream) => serve_client(kind, Arc::new(wire), &stream, &stop),
        None => Ok(()),
    }
}

/// Says on standard output that clients may come. Whoever closed it does not want to know.
fn announce(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Lends a card of `kind`, with `wire` at the end of its cable, to the client behind
/// `stream` until that goes or the end is asked for.
fn serve_client(
    kind: &'static ModelKind,
    wire: Arc<Wire>,
    stream: &UnixStream,
    stop: &Stop,
) -> Result<(), Failure> {
    let model = kind.model();
    let interrupts = Arc::new(Interrupts::new(kind.pci.vectors));
    let [over, asked] = [AtomicBool::new(false), AtomicBool::new(false)];
    let outcome = thread::scope(|scope| {
        scope.spawn(|| wire.run(&model, &interrupts, &over));
        scope.spawn(|| {
            stop.wait();
            if !over.load(Relaxed) {
                asked.store(true, Relaxed);
                // The conversation ends with the next message, which there is none of.
                let _ = stream.shutdown(Shutdown::Both);
            }
        });
        let device = Device::new(
            kind,
            model.clone(),
            Arc::clone(&interrupts),
            Arc::clone(&wire),
        );
        let outcome = converse(stream, device);
        over.store(true, Relaxed);
        stop.release();
        outcome
    });
    report(&model, &wire);
    if asked.into_inner() {
        return Ok(());
    }
    outcome
}

/// Answers a client of a card without a cable, of which nobody else has anything: what a
/// fuzz target drives.
#[cfg(feature = "fuzzing")]
pub(crate) fn converse_alone(kind: &'static ModelKind, stream: &UnixStream) -> Result<(), Failure> {
    let interrupts = Arc::new(Interrupts::new(kind.pci.vectors));
    let wire = Arc::new(Wire::open(None).map_err(Failure::Usage)?);
    converse(stream, Device::new(kind, kind.model(), interrupts, wire))
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
