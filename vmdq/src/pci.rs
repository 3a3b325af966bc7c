//! Addresses of PCI functions.
//!
//! Not here: which cards there are, and opening one (`drivers`).

use crate::hex;
use crate::prelude::*;

/// Address of a PCI function, `0000:03:00.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PciAddress {
    /// PCI domain; more than 16 bits where a controller is remapped.
    pub domain: u32,
    /// Bus.
    pub bus: u8,
    /// Device, 0 to 31.
    pub device: u8,
    /// Function, 0 to 7.
    pub function: u8,
}

impl fmt::Display for PciAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            domain,
            bus,
            device,
            function,
        } = self;
        write!(f, "{domain:04x}:{bus:02x}:{device:02x}.{function:x}")
    }
}

/// The text is no address of a PCI function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a PCI address is a domain, a bus, a device and a function, as in 0000:03:00.0")]
pub struct NotAPciAddress;

impl FromStr for PciAddress {
    type Err = NotAPciAddress;

    /// Reads the form that it prints as, in digits of either case.
    fn from_str(text: &str) -> Result<Self, NotAPciAddress> {
        parse(text).ok_or(NotAPciAddress)
    }
}

fn parse(text: &str) -> Option<PciAddress> {
    let (rest, function) = text.split_once('.')?;
    let mut parts = rest.split(':');
    let (domain, bus, device) = (parts.next()?, parts.next()?, parts.next()?);
    // A domain has four digits, and more only where it needs them.
    let padded = domain.len() > 4 && domain.starts_with('0');
    if padded || parts.next().is_some() {
        return None;
    }
    let address = PciAddress {
        domain: hex::parse(domain, 4..=8)?,
        bus: hex::octet(bus)?,
        device: hex::octet(device)?,
        function: hex::parse(function, 1..=1)?.try_into().ok()?,
    };
    (address.device < 32 && address.function < 8).then_some(address)
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn addresses_print_as_they_are_written() {
        for text in ["0000:03:00.0", "10000:e1:1f.7", "ffffffff:ff:1f.7"] {
            assert_eq!(text.parse::<PciAddress>().unwrap().to_string(), text);
        }
        let upper: PciAddress = "0000:AF:00.1".parse().unwrap();
        assert_eq!(upper.to_string(), "0000:af:00.1");
    }

    #[test]
    fn what_lspci_would_not_print_is_no_address() {
        for text in [
            "",
            "03:00.0",
            "0000:03:20.0",
            "0000:03:00.8",
            "0:3:0.0",
            "0000:03:00",
            "0000:03:00.0:1",
            "0000:03:00:00.0",
            "0000:03.00:0",
            "00000:03:00.0",
            "eth0",
            "0000:+3:00.0",
            "123456789:00:00.0",
        ] {
            assert_eq!(text.parse::<PciAddress>(), Err(NotAPciAddress), "{text:?}");
        }
    }
}
