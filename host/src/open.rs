//! From a card that vfio-pci has to one that can be driven.
//!
//! The rule: a card that no IOMMU confines is never opened (there is no other way here), and each
//! failure has its own remedy.
//!
//! Not here: whether there is such a card, and who has it; whoever names the IOMMU group has
//! found out.

use std::sync::Arc;

use lockgate_drivers::device::{Card, DeviceId};
use lockgate_vmdq::PciAddress;

use crate::clock::MonotonicClock;
use crate::error::OpenError;
use crate::vfio::{Alarm, Opened, Vfio};

/// Opens the card at `pci`, which is `id` and in IOMMU group `group`; it can do nothing yet. The
/// second value tells when the card is in trouble.
///
/// # Errors
/// [`OpenError`].
pub fn open_pci(id: DeviceId, pci: PciAddress, group: u32) -> Result<(Card, Alarm), OpenError> {
    let Opened {
        vfio,
        registers,
        alarm,
    } = Vfio::open(pci, group)?;
    let vfio = Arc::new(vfio);
    let card = Card {
        id,
        bar: Arc::new(registers),
        iommu: vfio.clone(),
        function: vfio,
        clock: Arc::new(MonotonicClock),
    };
    Ok((card, alarm))
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;
    use crate::error::remedy;

    #[test]
    fn a_missing_group_file_names_the_module_to_load() {
        let id = DeviceId {
            vendor: 0x8086,
            device: 0x10c9,
        };
        let pci = "0000:03:00.0".parse().unwrap();
        let message = open_pci(id, pci, u32::MAX).err().unwrap().to_string();
        assert!(
            message.starts_with("cannot open /dev/vfio/4294967295: "),
            "{message}"
        );
        assert!(message.contains("modprobe vfio-pci"), "{message}");
    }

    #[test]
    fn a_group_that_another_process_holds_is_told_apart_from_a_forbidden_one() {
        assert!(remedy(ErrorKind::ResourceBusy).contains("another process"));
        assert!(remedy(ErrorKind::PermissionDenied).contains("root"));
    }
}
