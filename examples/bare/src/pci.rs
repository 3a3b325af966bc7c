//! PCI configuration space: finding the card, its registers, its reset, its bus mastering.
//!
//! Addresses were given out by the firmware (SeaBIOS in QEMU); nothing is moved here. The rule:
//! a function that is to be driven neither decodes nor masters anything until it is asked to.
//!
//! Not here: what the registers mean (`lockgate-regs`).

use alloc::vec::Vec;
use core::fmt;

use lockgate_drivers::device::DeviceId;
use spinning_top::Spinlock;

use crate::boot::{Clock, ConfigPorts, Registers};

const ID: u8 = 0x00;
const COMMAND: u8 = 0x04;
const BAR_0: u8 = 0x10;
const BARS: u8 = 6;
const CAPABILITIES: u8 = 0x34;

/// COMMAND: answers to memory accesses, may start DMA.
const MEMORY_SPACE: u32 = 1 << 1;
const BUS_MASTER: u32 = 1 << 2;
/// COMMAND's upper half is status, which writing ones clears.
const COMMAND_BITS: u32 = 0xffff;

/// A memory BAR's flag bits (PCI 3.0, 6.2.5.1).
const BAR_FLAGS: u32 = 0xf;

/// The PCI Express capability (PCI Express 5.0, 7.5.3).
const PCI_EXPRESS: u32 = 0x10;
const DEVICE_CAPABILITIES: u8 = 4;
const DEVICE_CONTROL: u8 = 8;
const CAN_RESET: u32 = 1 << 28;
const RESET: u32 = 1 << 15;

/// How long a function may take to come back from a reset (PCI Express 5.0, 6.6.2).
const RESET_NS: u64 = 100_000_000;

/// More capabilities than the space has room for.
const MOST_CAPABILITIES: usize = 48;

/// Why a function cannot be used.
#[derive(Debug)]
pub(crate) enum Error {
    /// No function of bus 0 is wanted.
    NoCard,
    /// Its registers are not where the image has devices mapped.
    Registers { address: u32, bytes: u32 },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCard => f.write_str(
                "no card that there is a driver for on PCI bus 0: start QEMU with `-device igb`",
            ),
            Self::Registers { address, bytes } => write!(
                f,
                "the card's {bytes} bytes of registers are at {address:#x}, not between 2 and \
                 4 GiB: let the firmware place them there"
            ),
        }
    }
}

/// One function of bus 0, driven by whoever holds this.
pub(crate) struct PciFunction {
    ports: Spinlock<ConfigPorts>,
    /// Device and function number as port 0xcf8 takes them.
    place: u32,
    clock: Clock,
}

impl PciFunction {
    /// The first function of bus 0 that `is_wanted`.
    pub(crate) fn find(
        mut ports: ConfigPorts,
        clock: Clock,
        is_wanted: impl Fn(DeviceId) -> bool,
    ) -> Result<(Self, DeviceId), Error> {
        for number in 0..=u8::MAX {
            let place = u32::from(number) << 8;
            let id = device_id(ports.read(address(place, ID)));
            if is_wanted(id) {
                let ports = Spinlock::new(ports);
                return Ok((
                    Self {
                        ports,
                        place,
                        clock,
                    },
                    id,
                ));
            }
        }
        Err(Error::NoCard)
    }

    /// Its registers, BAR 0, switched on. DMA stays off.
    pub(crate) fn registers(&self) -> Result<Registers, Error> {
        let command = self.read(COMMAND) & COMMAND_BITS & !BUS_MASTER;
        // A BAR is sized by what it keeps of all ones; meanwhile it must answer to nothing.
        self.write(COMMAND, command & !MEMORY_SPACE);
        let address = self.read(BAR_0);
        self.write(BAR_0, u32::MAX);
        let bytes = (self.read(BAR_0) & !BAR_FLAGS).wrapping_neg();
        self.write(BAR_0, address);
        self.write(COMMAND, command | MEMORY_SPACE);
        let address = address & !BAR_FLAGS;
        Registers::at(address.into(), bytes).ok_or(Error::Registers { address, bytes })
    }

    /// Lets the function start DMA, or forbids it.
    pub(crate) fn set_bus_master(&self, on: bool) {
        let command = self.read(COMMAND) & COMMAND_BITS & !BUS_MASTER;
        self.write(COMMAND, if on { command | BUS_MASTER } else { command });
    }

    /// Resets the function and restores what a reset clears; `false` if it has no way to.
    pub(crate) fn reset(&self) -> bool {
        let Some(express) = self.capability(PCI_EXPRESS) else {
            return false;
        };
        if self.read(express + DEVICE_CAPABILITIES) & CAN_RESET == 0 {
            return false;
        }
        let command = self.read(COMMAND) & COMMAND_BITS;
        let bars: Vec<u32> = (0..BARS).map(|n| self.read(BAR_0 + 4 * n)).collect();
        let control = self.read(express + DEVICE_CONTROL) & 0xffff;
        self.write(express + DEVICE_CONTROL, control | RESET);
        self.clock.sleep_ns(RESET_NS);
        for (n, bar) in (0..BARS).zip(bars) {
            self.write(BAR_0 + 4 * n, bar);
        }
        self.write(COMMAND, command);
        true
    }

    /// Finds a capability by its number.
    fn capability(&self, number: u32) -> Option<u8> {
        let mut at = (self.read(CAPABILITIES) & 0xfc) as u8;
        for _ in 0..MOST_CAPABILITIES {
            if at == 0 {
                return None;
            }
            let header = self.read(at);
            if header & 0xff == number {
                return Some(at);
            }
            at = (header >> 8 & 0xfc) as u8;
        }
        None
    }

    fn read(&self, register: u8) -> u32 {
        self.ports.lock().read(address(self.place, register))
    }

    fn write(&self, register: u8, value: u32) {
        self.ports
            .lock()
            .write(address(self.place, register), value);
    }
}

impl fmt::Display for PciFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (device, function) = (self.place >> 11, self.place >> 8 & 7);
        write!(f, "0000:00:{device:02x}.{function}")
    }
}

/// What port 0xcf8 takes for a register of a function of bus 0.
fn address(place: u32, register: u8) -> u32 {
    1 << 31 | place | u32::from(register & 0xfc)
}

fn device_id(register: u32) -> DeviceId {
    DeviceId {
        vendor: register as u16,
        device: (register >> 16) as u16,
    }
}
