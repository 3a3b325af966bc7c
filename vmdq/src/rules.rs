//! What each frame does.
//!
//! A verdict is a pure function of a frame's first 18 bytes and its length. It
//! allocates nothing, divides nothing and loops only over a handful of table
//! slots, because a worker asks for one per frame. Of all reasons that apply the
//! first in the order of the checks is given, so each drop counts once.
//!
//! Not here: padding, which the caller does, and room in a ring.

use crate::frame::MAC_CONTROL;
use crate::prelude::*;
use crate::{
    FrameHeader, FrameLimits, MAX_PARTITIONS, Mac, Multicast, PartitionId, PartitionSet,
    PartitionSpec, PlanSpec, Reason, SendVerdict,
};

/// What a frame gets, or why it gets nothing.
type Judged<T> = Result<T, Reason>;

/// The tables behind the verdicts; sets of partitions are bit masks.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    limits: FrameLimits,
    /// Who is on each segment, by VID. VID 4095 stays empty.
    members: Box<[u64; 4096]>,
    /// Who takes each address: owners of unicast, listeners of multicast, broadcast too.
    pub(crate) takers: AddressTable,
    all_multicast: u64,
    receives: u64,
    sends: u64,
    /// To whom each partition may send.
    flows: [u64; MAX_PARTITIONS],
}

impl Rules {
    /// The tables of a lawful specification.
    pub(crate) fn new(spec: &PlanSpec) -> Self {
        let addresses = |p: &PartitionSpec| p.macs.len() + p.multicast.listed().len();
        let mut rules = Self {
            limits: FrameLimits::new(spec.mtu),
            members: Box::new([0; 4096]),
            takers: AddressTable::new(1 + spec.partitions.iter().map(addresses).sum::<usize>()),
            all_multicast: 0,
            receives: 0,
            sends: 0,
            flows: [0; MAX_PARTITIONS],
        };
        for partition in &spec.partitions {
            rules.add(partition);
        }
        for flow in &spec.flows {
            rules.flows[flow.from.index()] |= PartitionSet::bit(flow.to);
        }
        rules
    }

    fn add(&mut self, partition: &PartitionSpec) {
        let own = PartitionSet::bit(partition.id);
        let when = |yes: bool| if yes { own } else { 0 };
        self.takers
            .insert(Mac::BROADCAST, when(partition.broadcast));
        self.all_multicast |= when(partition.multicast == Multicast::All);
        self.receives |= when(partition.wire.receives());
        self.sends |= when(partition.wire.sends());
        for segment in &partition.segments {
            self.members[usize::from(segment.vid())] |= own;
        }
        for mac in partition.macs.iter().chain(partition.multicast.listed()) {
            self.takers.insert(*mac, own);
        }
    }

    /// Who gets a frame from the wire.
    #[inline]
    pub(crate) fn arriving(&self, header: &[u8], len: usize) -> Judged<PartitionSet> {
        let frame = self.admit(header, len)?;
        let members = self.members_of(&frame);
        let takers = members & self.takers_of(frame.dst);
        match takers & self.receives {
            0 if members == 0 => Err(Reason::UnknownVlan),
            0 if takers == 0 => Err(Reason::UnknownMac),
            0 => Err(Reason::NotPermitted),
            to => Ok(PartitionSet(to)),
        }
    }

    /// Where a frame goes that partition `from` sends.
    #[inline]
    pub(crate) fn sent(&self, from: PartitionId, header: &[u8], len: usize) -> Judged<SendVerdict> {
        let frame = self.admit(header, len)?;
        let sender = |set: u64| PartitionSet(set).contains(from);
        if is_bridge_control(frame.dst) {
            return Err(Reason::ControlFrame);
        }
        // The table also knows multicast listeners, and nobody owns a group address.
        if frame.src.is_multicast() || !sender(self.takers.get(frame.src)) {
            return Err(Reason::SpoofedMac);
        }
        let members = self.members_of(&frame);
        if !sender(members) {
            return Err(Reason::ForeignVlan);
        }
        let takers = members & self.takers_of(frame.dst);
        let to = takers & self.flows[from.index()];
        let local = takers != 0 && !frame.dst.is_multicast();
        let wire = !local && sender(self.sends);
        let send = SendVerdict::Send {
            to: PartitionSet(to),
            wire,
        };
        (to != 0 || wire).then_some(send).ok_or(Reason::FlowDenied)
    }

    /// The checks that both directions begin with.
    #[inline]
    fn admit(&self, header: &[u8], len: usize) -> Judged<FrameHeader> {
        // Bytes past the frame's end may be stale, and padding counts as zeros.
        let own = header.get(..len).unwrap_or(header);
        let frame = FrameHeader::parse(own).ok_or(Reason::Runt)?;
        let longest = if frame.tagged {
            self.limits.longest_tagged()
        } else {
            self.limits.longest_untagged()
        };
        if len > longest {
            return Err(Reason::Oversize);
        }
        if frame.ethertype == MAC_CONTROL {
            return Err(Reason::ControlFrame);
        }
        Ok(frame)
    }

    fn members_of(&self, frame: &FrameHeader) -> u64 {
        self.members[usize::from(frame.vid & 0xfff)]
    }

    /// Who takes frames to `dst`, on any segment.
    #[inline]
    fn takers_of(&self, dst: Mac) -> u64 {
        let group = dst.is_multicast() && !dst.is_broadcast();
        let all = if group { self.all_multicast } else { 0 };
        all | self.takers.get(dst)
    }
}

/// 01:80:c2:00:00:00 to 0f: addresses that no bridge forwards (IEEE 802.1Q, 8.6.3).
const fn is_bridge_control(dst: Mac) -> bool {
    dst.as_u64() >> 4 == 0x0180_c200_0000 >> 4
}

/// Addresses to sets of partitions: open addressing, at most a quarter full.
#[derive(Debug, Clone)]
pub(crate) struct AddressTable {
    slots: Vec<(u64, u64)>,
    shift: u32,
}

/// Key of a free slot; no address has more than 48 bits.
const FREE: u64 = u64::MAX;

impl AddressTable {
    /// An empty table for up to `count` addresses.
    fn new(count: usize) -> Self {
        let size = (4 * count).next_power_of_two().max(4);
        Self {
            slots: vec![(FREE, 0); size],
            shift: u64::BITS - size.trailing_zeros(),
        }
    }

    /// Adds `partitions` to those of `mac`.
    fn insert(&mut self, mac: Mac, partitions: u64) {
        let mut at = self.start(mac);
        while ![FREE, mac.as_u64()].contains(&self.slots[at].0) {
            at = (at + 1) % self.slots.len();
        }
        self.slots[at] = (mac.as_u64(), self.slots[at].1 | partitions);
    }

    #[inline]
    pub(crate) fn get(&self, mac: Mac) -> u64 {
        let mut at = self.start(mac);
        // A free slot, of which there are many, ends the search.
        while let Some((key, set)) = self.slots.get(at) {
            match *key {
                key if key == mac.as_u64() => return *set,
                FREE => break,
                _ => at = (at + 1) & (self.slots.len() - 1),
            }
        }
        0
    }

    /// The slot that the address hashes to.
    fn start(&self, mac: Mac) -> usize {
        // 2^64 over the golden ratio: spreads addresses that count up in any octet.
        (mac.as_u64().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_table_holds_what_a_map_holds(
            entries in prop::collection::vec((0..400_u64, 0..MAX_PARTITIONS), 0..200),
            stride in prop::sample::select(alloc::vec![1_u64, 1 << 8, 1 << 24, 1 << 40]),
        ) {
            let mac = |n: u64| {
                let [_, _, octets @ ..] = (n * stride).to_be_bytes();
                Mac::new(octets)
            };
            let mut map = BTreeMap::new();
            for (n, partition) in &entries {
                *map.entry(mac(*n)).or_insert(0) |= 1_u64 << partition;
            }
            let mut table = AddressTable::new(entries.len());
            entries.iter().for_each(|(n, partition)| table.insert(mac(*n), 1 << partition));
            for n in 0..400 {
                prop_assert_eq!(table.get(mac(n)), map.get(&mac(n)).copied().unwrap_or(0));
            }
        }
    }

    #[test]
    fn addresses_in_a_row_are_found_within_a_few_slots() {
        for octet in 0..6 {
            let mac = |n: u8| {
                let mut octets = [2, 0, 0, 0, 0, 0];
                octets[octet] = n;
                Mac::new(octets)
            };
            let mut table = AddressTable::new(128);
            (0..128).for_each(|n| table.insert(mac(n), 1));
            for n in 0..=255 {
                let row = table.slots.iter().cycle().skip(table.start(mac(n)));
                let used = row.take_while(|(key, _)| *key != FREE).count();
                assert!(used <= 8, "octet {octet}, {n}: {used}");
            }
        }
    }
}
