//! Which frames the card takes, and which pools and queues they are for.
//!
//! Not here: in which order the filters are asked ([`crate::vmdq`]'s steering).

use lockgate_regs::TableWord;

use super::access::Access;
use crate::ethernet::Header;
use crate::registers::Registers;
use crate::rss::HashFields;

/// A valid exact filter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExactFilter {
    /// Octet 0 in bits 47:40.
    pub(crate) address: u64,
    pub(crate) compared: Compared,
    pub(crate) pools: u64,
}

/// Which address of a frame an exact filter is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compared {
    Destination,
    Source,
    Nothing,
}

/// A VLAN filter that is in force.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VlanFilter {
    pub(crate) vid: u16,
    pub(crate) pools: u64,
    /// Frames on this VLAN do not leave on the wire while the switch is on.
    pub(crate) local: bool,
}

/// What the MAC's own filters let in besides exact matches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MacFilter {
    pub(crate) broadcast: bool,
    pub(crate) unicast_promiscuous: bool,
    pub(crate) multicast_promiscuous: bool,
    /// Unicast addresses that hit the unicast table.
    pub(crate) unicast_hash: bool,
}

/// What a pool takes besides exact matches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PoolFilter {
    pub(crate) untagged: bool,
    pub(crate) broadcast: bool,
    pub(crate) unicast_promiscuous: bool,
    pub(crate) unicast_hash: bool,
    pub(crate) multicast_promiscuous: bool,
    pub(crate) multicast_hash: bool,
}

/// How frames are given to pools.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PoolControl {
    /// A frame may go to several pools.
    pub(crate) replicates: bool,
    /// Addresses are not looked at: the VLAN decides.
    pub(crate) ignores_addresses: bool,
}

/// What MAC control frames are, and what is done with them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ControlFrames {
    /// The group that they go to, octet 0 in bits 47:40.
    pub(crate) group: u64,
    pub(crate) ethertype: u16,
    /// Pause frames stop transmission.
    pub(crate) obeyed: bool,
    /// They go on to the filters (PMCF).
    pub(crate) passed: bool,
}

/// The filters of the MAC.
pub(crate) trait MacFilters: Access {
    /// The EtherType of VLAN tags that come.
    fn tag_type(registers: &Registers) -> u16;

    fn control_frames(registers: &Registers) -> ControlFrames;

    /// Whether a pause frame goes on to the filters.
    fn passes_pause(registers: &Registers, header: &Header) -> bool;

    /// Counts a pause frame that says stop, or go.
    fn count_pause(registers: &mut Registers, stop: bool);

    /// Whether a frame of `bytes` bytes, without check sequence, is longer than the card
    /// takes.
    fn is_too_long(registers: &Registers, header: &Header, bytes: usize) -> bool;

    /// Whether tagged frames must be of a VLAN in the table.
    fn filters_vlans(registers: &Registers) -> bool;

    /// A word of the table of VLANs.
    fn vlan_table(registers: &Registers, word: TableWord) -> u32;

    fn mac_filter(registers: &Registers) -> MacFilter;

    fn exact_filters(registers: &Registers) -> impl Iterator<Item = ExactFilter>;

    /// Which bits of an address index the hash tables (MO).
    fn table_window(registers: &Registers) -> u8;

    /// A word of the table of multicast addresses; 0 while it is off.
    fn multicast_table(registers: &Registers, word: TableWord) -> u32;

    /// A word of the table of unicast addresses.
    fn unicast_table(registers: &Registers, word: TableWord) -> u32;

    /// What RSS hashes; `None` while it is off.
    fn hash_fields(registers: &Registers) -> Option<HashFields>;
}

/// The filters and switches of pools.
pub(crate) trait PoolFilters: Access {
    /// Whether received frames are given to pools.
    fn has_pools(registers: &Registers) -> bool;

    fn pool_control(registers: &Registers) -> PoolControl;

    fn pool_filter(registers: &Registers, pool: Self::Pool) -> PoolFilter;

    /// Whether an address that exact filters for `pools` match is somebody's.
    fn is_claimed(pools: Option<u64>) -> bool;

    fn vlan_filters(registers: &Registers) -> impl Iterator<Item = VlanFilter>;

    /// The pool of frames that nobody asks for, if it gets this one; `passes` says whether
    /// the MAC's own filters let it in.
    fn default_pool(
        registers: &Registers,
        header: &Header,
        passes: impl Fn() -> bool,
    ) -> Option<u32>;

    /// The pools that may receive.
    fn receiving_pools(registers: &Registers) -> u64;

    /// The pools that may send.
    fn sending_pools(registers: &Registers) -> u64;

    /// The pools that hear their own frames through the switch.
    fn hears_itself(registers: &Registers) -> u64;

    /// Whether a frame is longer than a pool takes, though the card takes it.
    fn is_too_long_for(
        registers: &Registers,
        pool: Self::Pool,
        header: &Header,
        bytes: usize,
    ) -> bool;

    /// The receive queue of a pool that an entry of the indirection table picks; `None` if
    /// the pool has no queues.
    fn queue_of(registers: &Registers, pool: Self::Pool, entry: u8) -> Option<u32>;
}
