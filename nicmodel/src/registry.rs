//! Which cards are modelled.
//!
//! One table, [`MODELS`], with an entry for each card type: whoever offers, serves or
//! tests models iterates over it. Names are the keys that the drivers' cards have as well,
//! and what follows `model:` on a command line.
//!
//! Not here: which driver a card has (`lockgate-drivers`), and what it can do
//! (`lockgate-vmdq`).

use lockgate_regs::{e1000e as regs_e1000e, igb as regs_igb, ixgbe as regs_ixgbe};

use crate::chip::Chip;
use crate::{Model, e1000e, igb, ixgbe};

/// One card type that is modelled.
#[derive(Debug)]
pub struct ModelKind {
    /// What it is called: `"82576"`.
    pub name: &'static str,
    /// The PCI device numbers of the cards that it stands for, the modelled one first; the
    /// vendor is Intel.
    pub device_ids: &'static [u16],
    /// What it shows on the PCI bus besides its registers.
    pub pci: PciLayout,
    /// Makes the chip at power-on.
    chip: fn() -> Box<dyn Chip>,
}

/// What a card shows on the PCI bus besides its registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PciLayout {
    /// Bytes of BAR 0, a power of two.
    pub register_bytes: u32,
    /// How wide BAR 0 and the BAR of the MSI-X table are.
    pub bars: BarWidth,
    /// The BAR of the MSI-X table.
    pub msix_bar: u8,
    /// MSI-X vectors, 64 at most.
    pub vectors: u8,
}

/// How wide a memory BAR is (PCI Local Bus Specification 3.0, 6.2.5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BarWidth {
    /// 32 bits: one register.
    Bits32,
    /// 64 bits: the next register has the upper half.
    Bits64,
}

/// A 1 GbE card: MSI-X is behind BAR 3, all BARs are 32 bits wide.
const fn gigabit(register_bytes: u32, vectors: u8) -> PciLayout {
    PciLayout {
        register_bytes,
        bars: BarWidth::Bits32,
        msix_bar: 3,
        vectors,
    }
}

/// Every card type that is modelled. A new one is added here.
pub static MODELS: [ModelKind; 3] = [
    ModelKind {
        name: "82574",
        device_ids: &regs_e1000e::DEVICE_IDS,
        pci: gigabit(regs_e1000e::BAR_BYTES, 5),
        chip: || Box::new(e1000e::Nic::new()),
    },
    ModelKind {
        name: "82576",
        device_ids: &regs_igb::DEVICE_IDS,
        pci: gigabit(regs_igb::BAR_BYTES, 10),
        chip: || Box::new(igb::Nic::new()),
    },
    ModelKind {
        name: "82599",
        device_ids: &regs_ixgbe::DEVICE_IDS,
        pci: PciLayout {
            register_bytes: regs_ixgbe::BAR_BYTES,
            bars: BarWidth::Bits64,
            msix_bar: 4,
            vectors: 64,
        },
        chip: || Box::new(ixgbe::Nic::new()),
    },
];

impl ModelKind {
    /// The entry of that name; `None` if no such card is modelled.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        MODELS.iter().find(|kind| kind.name == name)
    }

    /// A card of this type at power-on, with a cable in it that leads to a partner.
    pub fn model(&self) -> Model {
        Model::with((self.chip)())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_model_is_found_by_its_name_and_is_the_card_that_its_entry_says() {
        for kind in &MODELS {
            let id = Model::by_name(kind.name).unwrap().card().id;
            assert_eq!(id.vendor, 0x8086);
            assert_eq!(kind.device_ids.first(), Some(&id.device), "{}", kind.name);
            assert!(kind.pci.register_bytes.is_power_of_two());
        }
        assert!(Model::by_name("82575").is_none());
    }

    #[test]
    fn the_shorthands_are_the_entries_of_the_table() {
        let shorthands = [Model::i82574(), Model::i82576(), Model::i82599()];
        for (kind, model) in MODELS.iter().zip(shorthands) {
            assert_eq!(kind.device_ids.first(), Some(&model.card().id.device));
        }
    }
}
