//! A card that `lockgate-nicmodel serve` lends to a guest.
//!
//! [`Served::plug`] starts the server and tells a guest's [`Spec`] of it; the guest is
//! then booted as any other. The card's cable leads to this process or to a TAP. The
//! server ends when its guest has gone, and says then what it saw; it is killed with this
//! value otherwise.
//!
//! Not here: the guest ([`crate::guest`]), and getting the QEMU that it needs
//! (`cargo xtask setup`).

use std::fs;
use std::io;
use std::net::Shutdown;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::emulator::Cable;
use crate::guest::{ADDRESS, Spec};
use crate::machine;

/// How long the server may take to be there.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longer than any frame of the cards at hand.
const LONGEST: usize = 16 << 10;

/// The memory of the guest, as QEMU takes it: as much as [`crate::guest`] asks for, in a
/// file that the server can map.
const MEMORY: [&str; 4] = [
    "-object",
    "memory-backend-memfd,id=ram,size=1024M,share=on",
    "-machine",
    "memory-backend=ram",
];

/// A running server.
pub struct Served {
    server: Child,
    wire: Option<Wire>,
    folder: TempDir,
}

/// This process's end of the cable. What the card sends is taken off at once: a server
/// that waits for this process would take nothing from it either.
struct Wire {
    socket: UnixDatagram,
    arrived: Mutex<Receiver<Vec<u8>>>,
}

impl Wire {
    fn bind(path: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::bind(path)?;
        let (sender, arrived) = mpsc::channel();
        let from = socket.try_clone()?;
        thread::spawn(move || {
            let mut frame = vec![0; LONGEST];
            // No frame is empty: that is the end.
            while let Ok(length @ 1..) = from.recv(&mut frame) {
                if sender.send(frame[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            socket,
            arrived: Mutex::new(arrived),
        })
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // The thread ends; it has nothing to lose if it does not.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

/// Why there is no served card, or no report of it.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message documents its variant")]
pub enum Error {
    #[error("a QEMU with vfio-user is not installed: run `cargo xtask setup`")]
    NoEmulator,
    #[error("cannot prepare for the server: {0}")]
    Prepare(#[from] io::Error),
    #[error("the server ended with {status}: {said}")]
    Ended { status: String, said: String },
    #[error("the server is not {wanted} in time: {said}")]
    Silent { wanted: &'static str, said: String },
}

impl Served {
    /// Serves `card`, by its name on the command line, with its cable where `cable` says,
    /// and puts it into the machine of `spec`.
    ///
    /// # Errors
    /// When something is missing, or the server is not there in time.
    pub fn plug(card: &str, spec: &mut Spec, cable: &Cable) -> Result<Self, Error> {
        let emulator = Some(machine::served_emulator()).filter(|start| start.is_file());
        let emulator = emulator.ok_or(Error::NoEmulator)?;
        let program = machine::build_nicmodel()?;
        let folder = tempfile::Builder::new().prefix("lockgate-").tempdir()?;
        let socket = folder.path().join("card");
        let (place, wire) = match cable {
            Cable::Elsewhere => (None, None),
            Cable::Tap { interface, .. } => (Some(format!("tap:{interface}")), None),
            Cable::Wire => {
                let [near, far] = ["near", "far"].map(|name| folder.path().join(name));
                let wire = Wire::bind(&near)?;
                (
                    Some(format!("dgram:{},{}", far.display(), near.display())),
                    Some(wire),
                )
            }
        };
        let mut command = match cable {
            Cable::Tap { namespace, .. } => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", namespace]).arg(program);
                command
            }
            _ => Command::new(program),
        };
        command
            .args(["serve", "--card", card, "--socket"])
            .arg(&socket);
        if let Some(place) = place {
            command.args(["--wire", &place]);
        }
        let said = fs::File::create(folder.path().join("said"))?;
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said);
        let mut served = Self {
            server: command.spawn()?,
            wire,
            folder,
        };
        served.wait_for(&socket)?;
        spec.device = device(&socket);
        spec.cable = Cable::Elsewhere;
        spec.emulator = emulator;
        spec.arguments.extend(MEMORY.map(str::to_owned));
        Ok(served)
    }

    /// Sends a frame to the card, waiting while the server takes none.
    ///
    /// # Errors
    /// When there is no cable to this process, the server has gone, or takes nothing until
    /// `deadline`.
    pub fn send(&self, frame: &[u8], deadline: Instant) -> io::Result<()> {
        let wire = &self.wire()?.socket;
        wire.set_write_timeout(Some(left(deadline)))?;
        wire.send_to(frame, self.folder.path().join("far"))
            .map(drop)
    }

    /// The next frame that the card sent, or `None` after `timeout`.
    ///
    /// # Errors
    /// When there is no cable to this process, or it is broken.
    pub fn receive(&self, timeout: Duration) -> io::Result<Option<Vec<u8>>> {
        let arrived = self.wire()?.arrived.lock();
        let arrived = arrived.unwrap_or_else(PoisonError::into_inner);
        match arrived.recv_timeout(timeout) {
            Ok(frame) => Ok(Some(frame)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// What the server says of the card, once its guest has gone.
    ///
    /// # Errors
    /// When it has not ended within `timeout`, or not as it should.
    pub fn report(mut self, timeout: Duration) -> Result<String, Error> {
        let deadline = Instant::now() + timeout;
        loop {
            match self.server.try_wait()? {
                Some(status) if status.success() => return Ok(self.said()),
                Some(status) => {
                    return Err(Error::Ended {
                        status: status.to_string(),
                        said: self.said(),
                    });
                }
                None if Instant::now() > deadline => {
                    return Err(Error::Silent {
                        wanted: "at its end",
                        said: self.said(),
                    });
                }
                None => thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    fn wait_for(&mut self, socket: &Path) -> Result<(), Error> {
        let deadline = Instant::now() + PATIENCE;
        while !socket.exists() {
            if let Some(status) = self.server.try_wait()? {
                return Err(Error::Ended {
                    status: status.to_string(),
                    said: self.said(),
                });
            }
            if Instant::now() > deadline {
                return Err(Error::Silent {
                    wanted: "there",
                    said: self.said(),
                });
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    fn wire(&self) -> io::Result<&Wire> {
        self.wire
            .as_ref()
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    fn said(&self) -> String {
        let bytes = fs::read(self.folder.path().join("said")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).trim().to_owned()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended already, which is as good.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The card, as `-device` takes it.
fn device(socket: &Path) -> String {
    // The slot and function of the address, without domain and bus.
    let address = ADDRESS.rsplit(':').next().unwrap_or(ADDRESS);
    serde_json::json!({
        "driver": "vfio-user-pci",
        "id": "card",
        "addr": address,
        "socket": { "type": "unix", "path": socket.to_string_lossy() },
    })
    .to_string()
}

/// What is left until `deadline`; a time limit of nothing would be none.
fn left(deadline: Instant) -> Duration {
    deadline
        .saturating_duration_since(Instant::now())
        .max(Duration::from_millis(1))
}
