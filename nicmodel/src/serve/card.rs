//! The cards that can be served, and what of each is its PCI side.

use clap::ValueEnum;
use lockgate_nicmodel::Model;

/// A card by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Card {
    /// Two queues, no pools.
    #[value(name = "82574")]
    I82574,
    /// Sixteen queues, eight pools.
    #[value(name = "82576")]
    I82576,
    /// 128 queues, 64 pools, 10 Gbit/s.
    #[value(name = "82599")]
    I82599,
}

/// What a card shows on the PCI bus besides its registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Bytes of BAR 0, a power of two.
    pub(crate) registers: u32,
    /// BARs 0 and 4 are 64 bits wide.
    pub(crate) wide: bool,
    /// The BAR of the MSI-X table.
    pub(crate) msix_bar: u8,
    /// MSI-X vectors, 64 at most.
    pub(crate) vectors: u8,
}

impl Card {
    /// The card at power-on. A new card is added here and in [`Card::layout`].
    pub(crate) fn model(self) -> Model {
        match self {
            Self::I82574 => Model::i82574(),
            Self::I82576 => Model::i82576(),
            Self::I82599 => Model::i82599(),
        }
    }

    pub(crate) fn layout(self) -> Layout {
        let gigabit = |vectors| Layout {
            registers: 0x2_0000,
            wide: false,
            msix_bar: 3,
            vectors,
        };
        match self {
            Self::I82574 => gigabit(5),
            Self::I82576 => gigabit(10),
            Self::I82599 => Layout {
                registers: 0x2_0000,
                wide: true,
                msix_bar: 4,
                vectors: 64,
            },
        }
    }
}
