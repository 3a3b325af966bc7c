//! What a card is to the model, and what surrounds it.
//!
//! Each card type implements [`Chip`]; a [`Bus`] stands for everything outside
//! the chip: memory behind the IOMMU, PCI command, the wire. A chip reaches
//! memory through the bus alone, so no card type can step around the IOMMU.

use std::time::Duration;

use lockgate_drivers::device::DeviceId;

use crate::fault::Misuse;
use crate::iommu::Domain;
use crate::wire::Wire;

/// What became of a frame that reached the card from the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receive {
    /// Some queue was to get it.
    Stored {
        /// Queues that hold it now.
        copies: u8,
        /// Queues that lost it, for want of descriptors or because they were off.
        missed: u8,
    },
    /// It waits in the card, behind a queue that is full and may not drop.
    Held,
    /// No queue wanted it.
    Filtered,
    /// The card does not receive: no link, or reception is off.
    NotReady,
}

/// Everything outside the chip.
#[derive(Debug)]
pub(crate) struct Bus {
    /// The memory the card reaches.
    pub(crate) domain: Domain,
    /// PCI COMMAND bit 2: the card may start DMA.
    pub(crate) master: bool,
    /// Where sent frames go.
    pub(crate) wire: Wire,
}

/// A card type.
pub(crate) trait Chip: Send {
    /// Which card it is.
    fn id(&self) -> DeviceId;

    /// Reads the BAR.
    fn read(&mut self, bus: &mut Bus, offset: u32) -> u32;

    /// Writes the BAR.
    fn write(&mut self, bus: &mut Bus, offset: u32, value: u32);

    /// Lets the time of one register read pass.
    fn tick(&mut self, bus: &mut Bus);

    /// Resets everything, as power does.
    fn reset(&mut self);

    /// Notices that the bus changed: mastering was allowed or forbidden.
    fn bus_changed(&mut self, bus: &mut Bus);

    /// Plugs the cable in or pulls it out.
    fn set_cable(&mut self, bus: &mut Bus, cable: bool);

    /// Takes a frame from the wire.
    fn receive(&mut self, bus: &mut Bus, frame: &[u8]) -> Receive;

    /// Whether every queue that would get the frame has room for it.
    fn room(&self, bus: &Bus, frame: &[u8]) -> bool;

    /// Lets time pass on the link, which starts the card's clock if it has one; a card
    /// without sends at once, always.
    fn advance(&mut self, _bus: &mut Bus, _time: Duration) {}

    /// The MSI-X vectors to be signalled since the last call, a bit each.
    fn take_interrupts(&mut self) -> u64 {
        0
    }

    /// What the driver did that the datasheet forbids: the first such events.
    fn misuse(&self) -> &[Misuse];
}
