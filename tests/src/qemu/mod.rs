//! An emulated card, driven from this process register by register.
//!
//! QEMU emulates a machine whose processor is halted; its test socket (qtest)
//! carries register accesses, its memory is a file that this process maps
//! too, and its cable is a socket. [`Qemu::card`] is what a driver takes.
//!
//! Reset values and the order of start-up: `QEMU 10 hw/net/igb.c`, and the
//! datasheet of the card. There is no IOMMU in the way: an address of the NIC is
//! an address of guest memory.
//!
//! Not here: what a driver does with the card.

mod pci;
mod qtest;
mod ram;

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lockgate_drivers::device::{Bar, BusError, Card, DeviceId, Function};
use lockgate_host::MonotonicClock;

use crate::emulator::{Emulator, Error, Options, lock, server};
use pci::Config;
use qtest::Qtest;
use ram::Ram;

/// The slot of the card on the root bus.
const SLOT: u8 = 2;

/// Memory of the emulated machine; only what is touched costs anything.
const RAM_BYTES: u64 = 1 << 30;

/// The register that resets every Intel controller, and its bit.
const CTRL: u32 = 0x0000;
const CTRL_RST: u32 = 1 << 26;

/// What a register reads as once the card is gone.
const GONE: u32 = u32::MAX;

/// One card in a QEMU of its own.
pub struct Qemu {
    link: Arc<Link>,
    ram: Arc<Ram>,
    id: DeviceId,
}

/// The way to the card: QEMU, its test socket and where the registers are.
struct Link {
    emulator: Emulator,
    qtest: Mutex<Qtest>,
    slot: u8,
    /// Address and size of BAR 0, once assigned.
    registers: (u64, u32),
    /// The first thing that went wrong, said once.
    failed: Mutex<Option<String>>,
}

impl Qemu {
    /// An 82576.
    ///
    /// # Panics
    /// With the reason, when QEMU cannot be had: a test has nothing to go on with.
    pub fn igb() -> Self {
        Self::start(Options::new("igb", SLOT)).unwrap_or_else(|error| panic!("{error}"))
    }

    /// An 82574L.
    ///
    /// # Panics
    /// As [`Qemu::igb`].
    pub fn e1000e() -> Self {
        Self::start(Options::new("e1000e", SLOT)).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Any card that QEMU has; `options.slot` is where it sits.
    ///
    /// # Errors
    /// When QEMU is missing, ends or does not answer, or has no such card.
    pub fn start(options: Options) -> Result<Self, Error> {
        let prepare = |source| Error::Prepare { source };
        let folder = Emulator::folder()?;
        let ram = Arc::new(Ram::new(RAM_BYTES).map_err(prepare)?);
        let firmware = folder.path().join("halt.bin");
        fs::write(&firmware, halt()).map_err(prepare)?;
        let socket = folder.path().join("qtest");
        let slot = options.slot;
        let options = options
            .with(["-accel", "tcg", "-M", "q35,memory-backend=ram", "-object"])
            .with([ram.backend()])
            .with(["-m", &format!("{}M", RAM_BYTES >> 20), "-bios"])
            .with([firmware])
            .with(["-chardev", &server("qtest", &socket)])
            .with(["-qtest", "chardev:qtest", "-qtest-log", "none"]);
        let emulator = Emulator::start(&options, folder)?;
        let qtest = Qtest::new(emulator.connect(&socket)?);
        let mut link = Link {
            emulator,
            qtest: Mutex::new(qtest),
            slot,
            registers: (0, 0),
            failed: Mutex::new(None),
        };
        let config = Config::new(&link);
        let id = config.id()?;
        link.registers = config.assign()?;
        Ok(Self {
            link: Arc::new(link),
            ram,
            id,
        })
    }

    /// The card, as a driver takes it.
    pub fn card(&self) -> Card {
        Card {
            id: self.id,
            bar: self.link.clone(),
            iommu: self.ram.clone(),
            function: self.link.clone(),
            clock: Arc::new(MonotonicClock),
        }
    }

    /// Vendor and device, as configuration space has them.
    pub fn id(&self) -> DeviceId {
        self.id
    }

    /// Reads a register; all ones when the card is gone.
    pub fn read(&self, offset: u32) -> u32 {
        self.link.read(offset)
    }

    /// Writes a register.
    pub fn write(&self, offset: u32, value: u32) {
        self.link.write(offset, value);
    }

    /// Reads 32 bits of PCI configuration space.
    ///
    /// # Errors
    /// When QEMU is gone or silent.
    pub fn config(&self, register: u8) -> Result<u32, Error> {
        Config::new(&self.link).read(register)
    }

    /// Sends a frame to the card after all register writes so far, waiting while
    /// no receive queue has room.
    ///
    /// # Errors
    /// When the card takes no frame within [`Options::patience`] (link down, receive off,
    /// bus master off or no descriptor free), or QEMU is gone.
    pub fn send(&self, frame: &[u8]) -> Result<(), Error> {
        self.check()?;
        let emulator = &self.link.emulator;
        emulator.send(frame, emulator.deadline())
    }

    /// Returns the next frame that left the card, or `None` after `timeout`.
    ///
    /// # Errors
    /// When QEMU is gone.
    pub fn receive(&self, timeout: Duration) -> Result<Option<Vec<u8>>, Error> {
        self.link.flushed()?;
        self.link.emulator.receive(timeout)
    }

    /// Returns once the card is done with every frame sent so far: what is not in
    /// a queue by then has been dropped.
    ///
    /// # Errors
    /// As [`Qemu::send`].
    pub fn settle(&self) -> Result<(), Error> {
        let emulator = &self.link.emulator;
        let drained = emulator.wire().drain(emulator.deadline());
        drained.map_err(|error| emulator.explain("room for a frame", error))?;
        // QEMU finishes the frame it has read before it answers anything else.
        self.link.flushed()?;
        self.link.ask("readl 0x0").map(drop)
    }

    /// Plugs the cable in or pulls it. The link then comes up by itself half a
    /// second later, if negotiation was started.
    ///
    /// # Errors
    /// When QEMU is gone or silent.
    pub fn set_link(&self, up: bool) -> Result<(), Error> {
        self.link.flushed()?;
        self.link.emulator.set_link(up)
    }

    /// Whether QEMU still answers.
    ///
    /// # Errors
    /// With the reason when it does not.
    pub fn check(&self) -> Result<(), Error> {
        self.link.emulator.check()?;
        self.link.flushed()
    }

    /// Stops QEMU in its tracks, as a hang would.
    pub fn freeze(&self) {
        self.link.emulator.freeze();
    }

    /// Ends QEMU at once, as a crash would.
    pub fn kill(&self) {
        self.link.emulator.kill();
    }
}

impl Link {
    /// One test command and its answer.
    fn ask(&self, command: &str) -> Result<u64, Error> {
        let answer = lock(&self.qtest).ask(command, self.emulator.deadline());
        answer.map_err(|error| self.emulator.explain(command, error))
    }

    /// One test command that is not waited for.
    fn post(&self, command: &str) -> Result<(), Error> {
        let posted = lock(&self.qtest).post(command, self.emulator.deadline());
        posted.map_err(|error| self.emulator.explain(command, error))
    }

    /// Returns once everything posted has been done.
    fn flushed(&self) -> Result<(), Error> {
        let done = lock(&self.qtest).drain(self.emulator.deadline());
        done.map_err(|error| self.emulator.explain("an answer", error))
    }

    /// Where a register is, if it is one.
    fn address(&self, offset: u32) -> Option<u64> {
        let (base, size) = self.registers;
        let inside = offset.checked_add(4).is_some_and(|end| end <= size);
        inside.then(|| base + u64::from(offset))
    }

    /// A driver only sees a card that is gone; the reason is for the reader.
    fn report(&self, error: &Error) {
        let mut failed = lock(&self.failed);
        if failed.is_none() {
            eprintln!("the emulated card is gone: {error}");
            *failed = Some(error.to_string());
        }
    }

    fn is_gone(&self) -> bool {
        lock(&self.failed).is_some()
    }
}

impl Bar for Link {
    fn read(&self, offset: u32) -> u32 {
        let Some(address) = self.address(offset).filter(|_| !self.is_gone()) else {
            return GONE;
        };
        match self.ask(&format!("readl {address:#x}")) {
            Ok(value) => u32::try_from(value).unwrap_or(GONE),
            Err(error) => {
                self.report(&error);
                GONE
            }
        }
    }

    fn write(&self, offset: u32, value: u32) {
        let Some(address) = self.address(offset).filter(|_| !self.is_gone()) else {
            return;
        };
        if let Err(error) = self.post(&format!("writel {address:#x} {value:#x}")) {
            self.report(&error);
        }
    }

    fn flush(&self) {
        if self.is_gone() {
            return;
        }
        if let Err(error) = self.flushed() {
            self.report(&error);
        }
    }
}

impl Function for Link {
    fn reset(&self) -> Result<(), BusError> {
        let config = Config::new(self);
        let reset = config.reset().map_err(BusError::other)?;
        if !reset {
            // The 82574L has no function-level reset (CTRL.RST, datasheet 10.2.2.1).
            self.write(CTRL, CTRL_RST);
        }
        self.flushed().map_err(BusError::other)
    }

    fn set_bus_master(&self, on: bool) -> Result<(), BusError> {
        let config = Config::new(self);
        config.set_bus_master(on).map_err(BusError::other)
    }
}

/// 64 KiB of ROM whose entry point halts the processor: cli; hlt; jmp hlt.
fn halt() -> Vec<u8> {
    let mut rom = vec![0; 64 << 10];
    rom[0xfff0..0xfff4].copy_from_slice(&[0xfa, 0xf4, 0xeb, 0xfd]);
    rom
}
