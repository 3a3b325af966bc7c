//! The other end of the card's cable: a TAP, a pair of datagram sockets, captures.
//!
//! One thread brings what arrives to the card and lets its time pass; what the card sends
//! leaves with whoever made it send. A TAP brings a frame when it comes, whether the card
//! has room or not; a socket's sender waits a second for room, a capture for ever. What
//! cannot leave at once (a socket: within a second) is lost, and counted.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use lockgate_drivers::device::Bar;
use lockgate_nicmodel::{Model, Receive};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tun_rs::{DeviceBuilder, Layer, SyncDevice};

use super::capture::{Capture, Recording};
use super::interrupts::Interrupts;
use super::socket::remove_stale;

/// How long the wire's thread waits for a frame before it looks at the card again.
const TICK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 2_000_000,
};

/// How long a full card or a full socket may hold up a frame of a socket pair.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long a card has had room before a replay begins: drivers switch reception on
/// before the queues that are to receive.
const SETTLED: Duration = Duration::from_millis(500);

/// How often a frame that waits for room is tried.
const RETRY: Duration = Duration::from_micros(200);

/// The most frames taken in a row before the card is looked at.
const BURST: usize = 64;

/// More than any frame that a card takes.
const LONGEST: usize = 16 << 10;

/// Where the cable leads, as the command line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// `tap:NAME`
    Tap(String),
    /// `dgram:LOCAL,REMOTE`
    Dgram(PathBuf, PathBuf),
    /// `pcap:IN` or `pcap:IN,OUT`
    Pcap(PathBuf, Option<PathBuf>),
}

impl std::str::FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        let parts: Vec<&str> = rest.split(',').collect();
        if parts.iter().all(|part| !part.is_empty()) {
            match (kind, &parts[..]) {
                ("tap", [name]) => return Ok(Self::Tap((*name).into())),
                ("dgram", [local, remote]) => return Ok(Self::Dgram(local.into(), remote.into())),
                ("pcap", [input]) => return Ok(Self::Pcap(input.into(), None)),
                ("pcap", [input, output]) => {
                    return Ok(Self::Pcap(input.into(), Some(output.into())));
                }
                _ => {}
            }
        }
        Err("write tap:NAME, dgram:LOCAL,REMOTE, pcap:IN or pcap:IN,OUT".into())
    }
}

enum Port {
    Nothing,
    Tap(SyncDevice),
    Dgram {
        socket: UnixDatagram,
        local: PathBuf,
        remote: PathBuf,
    },
    Pcap {
        input: Capture,
        output: Option<Recording>,
    },
}

/// The cable, and what has passed through it.
pub(crate) struct Wire {
    port: Port,
    sent: AtomicU64,
    lost: AtomicU64,
    arrived: AtomicU64,
    missed: AtomicU64,
}

impl Wire {
    /// Opens the other end; nothing is there without a place.
    ///
    /// # Errors
    /// What to say of the place: what is wrong with it and what to do.
    pub(crate) fn open(place: Option<&Place>) -> Result<Self, String> {
        let port = match place {
            None => Port::Nothing,
            Some(Place::Tap(name)) => Port::Tap(open_tap(name).map_err(|error| {
                format!("TAP {name}: {error}; run as root, and with no other user of it")
            })?),
            Some(Place::Dgram(local, remote)) => {
                let socket = open_dgram(local).map_err(|error| {
                    format!(
                        "{}: {error}; name a new file in a folder that is there",
                        local.display()
                    )
                })?;
                Port::Dgram {
                    socket,
                    local: local.clone(),
                    remote: remote.clone(),
                }
            }
            Some(Place::Pcap(input, output)) => {
                let output = output.as_deref().map(Recording::create).transpose()?;
                Port::Pcap {
                    input: Capture::read(input)?,
                    output,
                }
            }
        };
        let zero = || AtomicU64::new(0);
        Ok(Self {
            port,
            sent: zero(),
            lost: zero(),
            arrived: zero(),
            missed: zero(),
        })
    }

    /// Lets out what the card has sent, frames and messages.
    pub(crate) fn settle(&self, model: &Model, interrupts: &Interrupts) {
        for frame in model.transmitted() {
            let counter = if self.send(&frame) {
                &self.sent
            } else {
                &self.lost
            };
            counter.fetch_add(1, Relaxed);
        }
        interrupts.signal(model.take_interrupts());
    }

    /// Sends a frame; says whether it left.
    fn send(&self, frame: &[u8]) -> bool {
        match &self.port {
            // A partner that is silent, and looks at nothing.
            Port::Nothing | Port::Pcap { output: None, .. } => true,
            Port::Tap(device) => device.send(frame).is_ok(),
            Port::Dgram { socket, remote, .. } => socket.send_to(frame, remote).is_ok(),
            Port::Pcap {
                output: Some(recording),
                ..
            } => recording.write(frame),
        }
    }

    /// Brings frames to the card until `stop`.
    pub(crate) fn run(&self, model: &Model, interrupts: &Interrupts, stop: &AtomicBool) {
        let mut replay = match &self.port {
            Port::Pcap { input, .. } => input.frames(),
            _ => &[],
        }
        .iter();
        if let Some(first) = replay.as_slice().first() {
            self.await_driver(model, interrupts, first, stop);
        }
        let mut buffer = vec![0; LONGEST];
        while !stop.load(Relaxed) {
            self.wait();
            for _ in 0..BURST {
                let frame = match &self.port {
                    Port::Pcap { .. } => replay.next().map(Vec::as_slice),
                    _ => self.next(&mut buffer),
                };
                let Some(frame) = frame else {
                    break;
                };
                self.deliver(model, interrupts, frame, stop);
                self.settle(model, interrupts);
            }
            model.flush();
            self.settle(model, interrupts);
        }
    }

    /// Waits until the card has had room for a frame for a while.
    fn await_driver(
        &self,
        model: &Model,
        interrupts: &Interrupts,
        first: &[u8],
        stop: &AtomicBool,
    ) {
        let mut since = Instant::now();
        while since.elapsed() < SETTLED && !stop.load(Relaxed) {
            self.wait();
            model.flush();
            self.settle(model, interrupts);
            if !model.room(first) {
                since = Instant::now();
            }
        }
    }

    /// Waits for a frame, or for a while.
    fn wait(&self) {
        let descriptor: Option<BorrowedFd<'_>> = match &self.port {
            Port::Tap(device) => Some(device.as_fd()),
            Port::Dgram { socket, .. } => Some(socket.as_fd()),
            Port::Nothing | Port::Pcap { .. } => None,
        };
        let mut descriptors: Vec<_> = descriptor
            .iter()
            .map(|one| PollFd::new(one, PollFlags::IN))
            .collect();
        // Interrupted or not, the card is looked at next.
        let _ = poll(&mut descriptors, Some(&TICK));
        // A TAP that was removed is ready for ever, and has nothing.
        let gone = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
        if descriptors.iter().any(|one| one.revents().intersects(gone)) {
            thread::sleep(RETRY);
        }
    }

    /// The next frame that has come, if any has.
    fn next<'b>(&self, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
        let taken = match &self.port {
            Port::Tap(device) => device.recv(buffer),
            Port::Dgram { socket, .. } => receive(socket, buffer),
            Port::Nothing | Port::Pcap { .. } => return None,
        };
        buffer.get(..taken.ok()?)
    }

    /// Gives a frame to the card, once it has room or cannot wait any more.
    fn deliver(&self, model: &Model, interrupts: &Interrupts, frame: &[u8], stop: &AtomicBool) {
        let patience = match &self.port {
            Port::Nothing | Port::Tap(_) => Some(Duration::ZERO),
            Port::Dgram { .. } => Some(PATIENCE),
            Port::Pcap { .. } => None,
        };
        let begun = Instant::now();
        while !model.room(frame)
            && patience.is_none_or(|patience| begun.elapsed() < patience)
            && !stop.load(Relaxed)
        {
            model.flush();
            self.settle(model, interrupts);
            thread::sleep(RETRY);
        }
        self.arrived.fetch_add(1, Relaxed);
        let missed = match model.receive(frame) {
            Receive::Stored { missed, .. } => missed > 0,
            Receive::Held | Receive::Filtered => false,
            Receive::NotReady => true,
        };
        self.missed.fetch_add(missed.into(), Relaxed);
    }

    /// What has passed, in words.
    pub(crate) fn summary(&self) -> String {
        let [sent, lost, arrived, missed] =
            [&self.sent, &self.lost, &self.arrived, &self.missed].map(|n| n.load(Relaxed));
        format!(
            "{sent} frames sent and {lost} lost behind the card; {arrived} arrived, \
             {missed} of them missed by it"
        )
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if let Port::Dgram { local, .. } = &self.port {
            // Somebody may have removed it already.
            let _ = fs::remove_file(local);
        }
    }
}

fn open_tap(name: &str) -> io::Result<SyncDevice> {
    let device = DeviceBuilder::new()
        .name(name)
        .layer(Layer::L2)
        .enable(true)
        .build_sync()?;
    device.set_nonblocking(true)?;
    Ok(device)
}

fn open_dgram(local: &PathBuf) -> io::Result<UnixDatagram> {
    remove_stale(local)?;
    let socket = UnixDatagram::bind(local)?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(socket)
}

/// A datagram, if one is there.
fn receive(socket: &UnixDatagram, buffer: &mut [u8]) -> io::Result<usize> {
    use rustix::net::RecvFlags;
    let (_, bytes) = rustix::net::recv(socket, buffer, RecvFlags::DONTWAIT | RecvFlags::TRUNC)?;
    // A longer one than any card takes is none.
    if bytes > LONGEST {
        Err(ErrorKind::InvalidData.into())
    } else {
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_kind_and_what_it_needs() {
        let dgram = Place::Dgram("/a".into(), "/b".into());
        assert_eq!("dgram:/a,/b".parse(), Ok(dgram));
        assert_eq!("tap:lg0".parse(), Ok(Place::Tap("lg0".into())));
        assert_eq!("pcap:in".parse(), Ok(Place::Pcap("in".into(), None)));
        assert_eq!(
            "pcap:in,out".parse(),
            Ok(Place::Pcap("in".into(), Some("out".into())))
        );
        for wrong in [
            "", "tap", "tap:", "tap:a,b", "dgram:a", "dgram:a,", "pcap:,b", "x:y",
        ] {
            assert!(
                wrong
                    .parse::<Place>()
                    .unwrap_err()
                    .starts_with("write tap:NAME"),
                "{wrong}"
            );
        }
    }
}
