//! PCI configuration space of a served card.
//!
//! A type 0 header, power management, MSI-X and PCI Express capabilities, at the places
//! where the cards have them. Only the bits of a mask can be written; what a write sets
//! off is returned as [`Effect`]s, so nothing here touches the card.
//!
//! Source: PCI Local Bus Specification 3.0 (6.1, 6.8.2), PCI Express Base
//! Specification 2.0 (7.8), datasheets of 82574 and 82576, chapter 9.

use lockgate_drivers::device::DeviceId;
use lockgate_nicmodel::{BarWidth, PciLayout};

/// Bytes of configuration space, extended capabilities included, of which there are none.
pub(crate) const BYTES: usize = 4096;

/// Bytes of the BAR that has table and pending bits of MSI-X, and where the latter begin.
pub(crate) const MSIX_BYTES: u32 = 0x4000;
pub(crate) const PENDING: u32 = 0x2000;

/// Byte offsets.
const COMMAND: usize = 0x04;
const POWER: usize = 0x40;
const MSIX: usize = 0x70;
const EXPRESS: usize = 0xA0;
const DEVICE_CONTROL: usize = EXPRESS + 8;

/// COMMAND: the card may start DMA.
const BUS_MASTER: u32 = 1 << 2;

/// Device control: resets the function, and reads 0.
const FUNCTION_RESET: u32 = 1 << 15;

/// What a write sets off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// DMA was allowed or forbidden.
    BusMaster(bool),
    /// The function is to be reset, this space included.
    Reset,
}

/// The space of one card.
#[derive(Debug)]
pub(crate) struct Config {
    id: DeviceId,
    layout: PciLayout,
    bytes: [u8; BYTES],
    writable: [u8; BYTES],
}

impl Config {
    /// The space after reset.
    pub(crate) fn new(id: DeviceId, layout: PciLayout) -> Self {
        let mut config = Self {
            id,
            layout,
            bytes: [0; BYTES],
            writable: [0; BYTES],
        };
        config.reset();
        config
    }

    /// Puts the values after reset.
    pub(crate) fn reset(&mut self) {
        self.bytes = [0; BYTES];
        self.writable = [0; BYTES];
        let id = u32::from(self.id.vendor) | u32::from(self.id.device) << 16;
        self.word(0x00, id, 0);
        // Memory, bus master, no INTx; there are capabilities.
        self.word(COMMAND, 1 << 20, 0x0000_0546);
        // An Ethernet controller, revision 1.
        self.word(0x08, 0x0200_0001, 0);
        self.word(0x0C, 0, 0xFF);
        self.word(0x2C, id, 0);
        self.word(0x34, POWER as u32, 0);
        // The interrupt line is the firmware's to remember; there is no pin.
        self.word(0x3C, 0, 0xFF);
        self.bar(0, self.layout.register_bytes);
        self.bar(usize::from(self.layout.msix_bar), MSIX_BYTES);
        self.capabilities();
    }

    fn bar(&mut self, number: usize, bytes: u32) {
        let at = 0x10 + 4 * number;
        match self.layout.bars {
            BarWidth::Bits32 => self.word(at, 0, !(bytes - 1)),
            BarWidth::Bits64 => {
                // Bit 2 says so.
                self.word(at, 0x4, !(bytes - 1));
                self.word(at + 4, 0, u32::MAX);
            }
        }
    }

    fn capabilities(&mut self) {
        // Power management 1.2; no reset between D3 and D0.
        self.word(POWER, 0x0003_0001 | (MSIX as u32) << 8, 0);
        self.word(POWER + 4, 0x8, 0x3);
        let last = u32::from(self.layout.vectors) - 1;
        let bar = u32::from(self.layout.msix_bar);
        self.word(MSIX, 0x11 | (EXPRESS as u32) << 8 | last << 16, 0xC000_0000);
        self.word(MSIX + 4, bar, 0);
        self.word(MSIX + 8, PENDING | bar, 0);
        // Version 2, an endpoint; payloads up to 512 bytes, function level reset.
        self.word(EXPRESS, 0x0002_0010, 0);
        self.word(EXPRESS + 4, 0x1000_8002, 0);
        self.word(DEVICE_CONTROL, 0x0000_2810, 0x0000_7FFF);
        // A link of four lanes at 2.5 GT/s, up.
        self.word(EXPRESS + 0xC, 0x0000_0041, 0);
        self.word(EXPRESS + 0x10, 0x0041_0000, 0x0000_00C3);
        // Completion timeouts in four ranges, which can be chosen and turned off.
        self.word(EXPRESS + 0x24, 0x1F, 0);
        self.word(EXPRESS + 0x28, 0, 0x1F);
    }

    /// Puts a 4-byte word, of which the bits of `writable` can be written.
    fn word(&mut self, at: usize, value: u32, writable: u32) {
        let both = [(&mut self.bytes, value), (&mut self.writable, writable)];
        for (bytes, word) in both {
            if let Some(place) = bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
                *place = word.to_le_bytes();
            }
        }
    }

    /// The `bytes` bytes at byte `at`; `None` when they are not all inside.
    pub(crate) fn read(&self, at: u64, bytes: usize) -> Option<&[u8]> {
        self.bytes.get(usize::try_from(at).ok()?..)?.get(..bytes)
    }

    /// Writes bytes at byte `at`; `None`, having written nothing, when they are not all
    /// inside.
    pub(crate) fn write(&mut self, at: u64, from: &[u8]) -> Option<Vec<Effect>> {
        let at = usize::try_from(at).ok()?;
        let before = self.get(COMMAND);
        let place = self.bytes.get_mut(at..)?.get_mut(..from.len())?;
        let masks = self.writable.get(at..)?;
        for ((byte, mask), from) in place.iter_mut().zip(masks).zip(from) {
            *byte = *byte & !mask | from & mask;
        }
        let asked = (DEVICE_CONTROL + 1)
            .checked_sub(at)
            .and_then(|index| from.get(index));
        if asked.is_some_and(|byte| u32::from(*byte) << 8 & FUNCTION_RESET != 0) {
            return Some(vec![Effect::Reset]);
        }
        let master = self.get(COMMAND) & BUS_MASTER != 0;
        let changed = master != (before & BUS_MASTER != 0);
        Some(if changed {
            vec![Effect::BusMaster(master)]
        } else {
            Vec::new()
        })
    }

    fn get(&self, at: usize) -> u32 {
        let bytes = self.bytes.get(at..).and_then(<[u8]>::first_chunk);
        bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockgate_nicmodel::ModelKind;

    fn layout() -> PciLayout {
        ModelKind::by_name("82576").unwrap().pci
    }

    fn config() -> Config {
        let id = DeviceId {
            vendor: 0x8086,
            device: 0x10C9,
        };
        Config::new(id, layout())
    }

    #[test]
    fn capabilities_are_found_from_the_header_on() {
        let config = config();
        assert_eq!(config.get(0), 0x10C9_8086);
        assert_eq!(config.get(4) >> 16 & 0x10, 0x10);
        let mut at = config.get(0x34) as usize & 0xFF;
        let mut found = Vec::new();
        while at != 0 {
            found.push(config.get(at) & 0xFF);
            at = (config.get(at) >> 8 & 0xFF) as usize;
        }
        assert_eq!(found, [0x01, 0x11, 0x10]);
        assert_eq!(config.get(MSIX) >> 16 & 0x7FF, 9, "ten vectors");
        assert_eq!((config.get(MSIX + 4), config.get(MSIX + 8)), (3, 0x2003));
        assert_eq!(config.get(EXPRESS + 4) >> 28, 1, "FLR");
    }

    #[test]
    fn a_bar_tells_its_size_to_whoever_writes_ones() {
        let mut config = config();
        config.write(0x10, &[0xFF; 24]).unwrap();
        let bars: Vec<u32> = (0..6).map(|n| config.get(0x10 + 4 * n)).collect();
        assert_eq!(bars, [0xFFFE_0000, 0, 0, 0xFFFF_C000, 0, 0]);
        let wide = PciLayout {
            bars: BarWidth::Bits64,
            msix_bar: 4,
            ..layout()
        };
        let mut config = Config::new(
            DeviceId {
                vendor: 1,
                device: 2,
            },
            wide,
        );
        config.write(0x10, &[0xFF; 24]).unwrap();
        let bars: Vec<u32> = (0..6).map(|n| config.get(0x10 + 4 * n)).collect();
        assert_eq!(bars, [0xFFFE_0004, u32::MAX, 0, 0, 0xFFFF_C004, u32::MAX]);
    }

    #[test]
    fn bus_mastering_and_resets_are_told_once() {
        let mut config = config();
        assert_eq!(
            config.write(4, &[6, 4]),
            Some(vec![Effect::BusMaster(true)])
        );
        assert_eq!(config.write(4, &[6]), Some(vec![]));
        assert_eq!(config.write(4, &[2]), Some(vec![Effect::BusMaster(false)]));
        assert_eq!(config.write(0xA9, &[0x80]), Some(vec![Effect::Reset]));
        assert_eq!(config.write(0xA8, &[0x10, 0xA8]), Some(vec![Effect::Reset]));
        assert_eq!(config.get(0xA8) & FUNCTION_RESET, 0);
    }

    #[test]
    fn nothing_else_can_be_written_and_nothing_outside_accessed() {
        let mut config = config();
        let before = config.read(0, 4).unwrap().to_vec();
        config.write(0, &[0; 4]).unwrap();
        assert_eq!(config.read(0, 4).unwrap(), before);
        assert!(config.read(4095, 1).is_some() && config.read(4095, 2).is_none());
        assert!(config.write(u64::MAX, &[1]).is_none() && config.write(4095, &[1; 2]).is_none());
        assert!(config.read(4096, 0).is_some() && config.read(4097, 0).is_none());
    }
}
