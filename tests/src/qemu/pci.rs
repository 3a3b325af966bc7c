//! PCI configuration space by the two ports of the PC (PCI 3.0, 3.2.2.3.2).
//!
//! No firmware runs, so the registers get their addresses here.

use lockgate_drivers::device::DeviceId;

use super::Link;
use crate::emulator::Error;

const ADDRESS_PORT: u16 = 0xcf8;
const DATA_PORT: u16 = 0xcfc;

const ID: u8 = 0x00;
const COMMAND: u8 = 0x04;
const BAR0: u8 = 0x10;
const CAPABILITIES: u8 = 0x34;

/// COMMAND: answers to I/O, to memory, may start DMA.
const IO_SPACE: u32 = 1 << 0;
const MEMORY_SPACE: u32 = 1 << 1;
const BUS_MASTER: u32 = 1 << 2;

/// The PCI Express capability (PCI Express 5.0, 7.5.3).
const PCI_EXPRESS: u32 = 0x10;
const DEVICE_CAPABILITIES: u8 = 4;
const DEVICE_CONTROL: u8 = 8;
const CAN_RESET: u32 = 1 << 28;
const RESET: u32 = 1 << 15;

/// Where memory and I/O BARs are put: above the RAM, below the chip set's own.
const MEMORY_BASE: u32 = 0xe000_0000;
const IO_BASE: u32 = 0xc000;

/// The configuration space of the function in one slot of bus 0.
pub(super) struct Config<'l> {
    link: &'l Link,
}

impl<'l> Config<'l> {
    pub(super) fn new(link: &'l Link) -> Self {
        Self { link }
    }

    pub(super) fn read(&self, register: u8) -> Result<u32, Error> {
        self.select(register)?;
        let value = self.link.ask(&format!("inl {DATA_PORT:#x}"))?;
        Ok(u32::try_from(value).unwrap_or(u32::MAX))
    }

    fn write(&self, register: u8, value: u32) -> Result<(), Error> {
        self.select(register)?;
        self.link.ask(&format!("outl {DATA_PORT:#x} {value:#x}"))?;
        Ok(())
    }

    fn select(&self, register: u8) -> Result<(), Error> {
        let address = 1 << 31 | u32::from(self.link.slot) << 11 | u32::from(register & 0xfc);
        self.link
            .ask(&format!("outl {ADDRESS_PORT:#x} {address:#x}"))?;
        Ok(())
    }

    pub(super) fn id(&self) -> Result<DeviceId, Error> {
        let id = self.read(ID)?;
        if id == u32::MAX {
            return Err(Error::NoCard {
                slot: self.link.slot,
            });
        }
        Ok(DeviceId {
            vendor: (id & 0xffff) as u16,
            device: (id >> 16) as u16,
        })
    }

    /// Gives every BAR an address, switches them on, and returns address and
    /// size of BAR 0. Bus mastering stays off.
    pub(super) fn assign(&self) -> Result<(u64, u32), Error> {
        let mut memory = MEMORY_BASE;
        let mut io = IO_BASE;
        let mut registers = (0, 0);
        let mut index = 0;
        while index < 6 {
            let bar = BAR0 + 4 * index;
            self.write(bar, u32::MAX)?;
            let mask = self.read(bar)?;
            let is_io = mask & 1 != 0;
            let size = (mask & if is_io { !3 } else { !0xf }).wrapping_neg();
            let size = if is_io { size & 0xffff } else { size };
            let next = if is_io { &mut io } else { &mut memory };
            if size != 0 {
                let base = next.next_multiple_of(size);
                *next = base + size;
                self.write(bar, base)?;
                if index == 0 {
                    registers = (u64::from(base), size);
                }
            }
            let is_64_bit = !is_io && mask & 0b110 == 0b100;
            if is_64_bit {
                self.write(bar + 4, 0)?;
            }
            index += if is_64_bit { 2 } else { 1 };
        }
        self.write(COMMAND, IO_SPACE | MEMORY_SPACE)?;
        Ok(registers)
    }

    pub(super) fn set_bus_master(&self, on: bool) -> Result<(), Error> {
        // The upper half is status, cleared by writing ones.
        let command = self.read(COMMAND)? & 0xffff;
        let command = if on {
            command | BUS_MASTER
        } else {
            command & !BUS_MASTER
        };
        self.write(COMMAND, command)
    }

    /// Resets the function and restores what a reset clears, as an operating system
    /// does. `false`: the function cannot be reset.
    pub(super) fn reset(&self) -> Result<bool, Error> {
        let Some(express) = self.capability(PCI_EXPRESS)? else {
            return Ok(false);
        };
        if self.read(express + DEVICE_CAPABILITIES)? & CAN_RESET == 0 {
            return Ok(false);
        }
        let command = self.read(COMMAND)? & 0xffff;
        let bars: Vec<u32> = (0..6)
            .map(|index| self.read(BAR0 + 4 * index))
            .collect::<Result<_, _>>()?;
        let control = self.read(express + DEVICE_CONTROL)? & 0xffff;
        self.write(express + DEVICE_CONTROL, control | RESET)?;
        for (index, bar) in (0..6).zip(bars) {
            self.write(BAR0 + 4 * index, bar)?;
        }
        self.write(COMMAND, command)?;
        Ok(true)
    }

    /// Finds a capability by its number.
    fn capability(&self, number: u32) -> Result<Option<u8>, Error> {
        let mut at = (self.read(CAPABILITIES)? & 0xfc) as u8;
        // A list longer than the space it lies in would run in circles.
        for _ in 0..48 {
            if at == 0 {
                break;
            }
            let header = self.read(at)?;
            if header & 0xff == number {
                return Ok(Some(at));
            }
            at = (header >> 8 & 0xfc) as u8;
        }
        Ok(None)
    }
}
