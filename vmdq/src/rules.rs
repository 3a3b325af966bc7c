//! What each frame does.
//!
//! A verdict is a pure function of a frame's first 18 bytes and its length. It
//! allocates nothing, divides nothing and loops only over a handful of table
//! slots, because a worker asks for one per frame. Of all reasons that apply the
//! first in the order of the checks is given, so each drop counts once.
//!
//! Not here: padding, which the caller does, and room in a ring.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use crate::frame::{FrameHeader, HEADER, MAC_CONTROL, TAG};
use crate::mac::Mac;
use crate::partition::{MAX_PARTITIONS, Multicast, PartitionSet};
use crate::plan::PartitionPlan;
use crate::verdict::{Reason, SendVerdict, WireVerdict};

/// The tables behind the verdicts; sets of partitions are bit masks.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// Longest frame without a tag, in bytes.
    longest: usize,
    /// Who is on each segment, by VID. VID 4095 stays empty.
    members: Box<[u64; 4096]>,
    /// Who takes each address: owners of unicast, listeners of multicast.
    takers: AddressTable,
    broadcast: u64,
    all_multicast: u64,
    receives: u64,
    sends: u64,
    /// To whom each partition may send.
    flows: [u64; MAX_PARTITIONS],
}

impl Rules {
    /// The tables of `partitions`; `flows` are pairs (from, to) of their numbers.
    pub(crate) fn new(
        partitions: &[PartitionPlan],
        mtu: u16,
        flows: impl Iterator<Item = (usize, usize)>,
    ) -> Self {
        let mut rules = Self {
            longest: usize::from(mtu) + HEADER,
            members: Box::new([0; 4096]),
            takers: AddressTable::new(addresses(partitions)),
            broadcast: 0,
            all_multicast: 0,
            receives: 0,
            sends: 0,
            flows: [0; MAX_PARTITIONS],
        };
        for (p, partition) in partitions.iter().enumerate() {
            let when = |yes: bool| u64::from(yes) << p;
            rules.broadcast |= when(partition.broadcast);
            rules.all_multicast |= when(partition.multicast == Multicast::All);
            rules.receives |= when(partition.wire.receives());
            rules.sends |= when(partition.wire.sends());
            for segment in &partition.vlans {
                rules.members[usize::from(segment.vid())] |= when(true);
            }
        }
        for (from, to) in flows {
            rules.flows[from] |= 1 << to;
        }
        rules
    }

    /// What becomes of a frame from the wire.
    #[inline]
    pub(crate) fn arriving(&self, header: &[u8], len: usize) -> WireVerdict {
        let frame = match self.admit(header, len) {
            Ok(frame) => frame,
            Err(reason) => return WireVerdict::Drop(reason),
        };
        let members = self.members_of(&frame);
        if members == 0 {
            return WireVerdict::Drop(Reason::UnknownVlan);
        }
        let takers = members & self.takers_of(frame.dst);
        if takers == 0 {
            return WireVerdict::Drop(Reason::UnknownMac);
        }
        match takers & self.receives {
            0 => WireVerdict::Drop(Reason::NotPermitted),
            to => WireVerdict::Deliver(PartitionSet::from_bits(to)),
        }
    }

    /// Whether `partition` gets this frame from the wire.
    #[inline]
    pub(crate) fn accepts(&self, partition: usize, header: &[u8], len: usize) -> bool {
        self.admit(header, len).is_ok_and(|frame| {
            let to = self.receives & self.members_of(&frame) & self.takers_of(frame.dst);
            PartitionSet::from_bits(to).contains(partition)
        })
    }

    /// What becomes of a frame that partition `from` sends.
    #[inline]
    pub(crate) fn sent(&self, from: usize, header: &[u8], len: usize) -> SendVerdict {
        self.send(from, header, len).unwrap_or_else(SendVerdict::Refuse)
    }

    #[inline]
    fn send(&self, from: usize, header: &[u8], len: usize) -> Result<SendVerdict, Reason> {
        let frame = self.admit(header, len)?;
        let sender = |set: u64| PartitionSet::from_bits(set).contains(from);
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
        let to = takers & self.flows.get(from).copied().unwrap_or(0);
        let local = takers != 0 && !frame.dst.is_multicast();
        let wire = !local && sender(self.sends);
        if to == 0 && !wire {
            return Err(Reason::FlowDenied);
        }
        let to = PartitionSet::from_bits(to);
        Ok(SendVerdict::Send { to, wire })
    }

    /// The checks that both directions begin with.
    #[inline]
    fn admit(&self, header: &[u8], len: usize) -> Result<FrameHeader, Reason> {
        // Bytes past the frame's end may be stale, and padding counts as zeros.
        let own = header.get(..len).unwrap_or(header);
        let frame = FrameHeader::parse(own).ok_or(Reason::Runt)?;
        if len > self.longest + if frame.tagged { TAG } else { 0 } {
            return Err(Reason::Oversize);
        }
        if frame.ethertype == MAC_CONTROL {
            return Err(Reason::ControlFrame);
        }
        Ok(frame)
    }

    #[inline]
    fn members_of(&self, frame: &FrameHeader) -> u64 {
        self.members[usize::from(frame.vid & 0xfff)]
    }

    /// Who takes frames to `dst`, on any segment.
    #[inline]
    fn takers_of(&self, dst: Mac) -> u64 {
        if dst.is_broadcast() {
            return self.broadcast;
        }
        let all = if dst.is_multicast() { self.all_multicast } else { 0 };
        all | self.takers.get(dst)
    }
}

/// 01:80:c2:00:00:00 to 0f: addresses that no bridge forwards (IEEE 802.1Q, 8.6.3).
const fn is_bridge_control(dst: Mac) -> bool {
    dst.as_u64() >> 4 == 0x0180_c200_0000 >> 4
}

/// Every address that some partition takes by name, with the partition's number.
fn addresses(partitions: &[PartitionPlan]) -> Vec<(Mac, usize)> {
    let mut all = Vec::new();
    for (p, partition) in partitions.iter().enumerate() {
        let listed: &[Mac] = match &partition.multicast {
            Multicast::List(macs) => macs,
            Multicast::All => &[],
        };
        all.extend(partition.macs.iter().chain(listed).map(|mac| (*mac, p)));
    }
    all
}

/// Addresses to sets of partitions: open addressing, at most a quarter full.
#[derive(Debug, Clone)]
struct AddressTable {
    slots: Vec<(u64, u64)>,
    shift: u32,
}

/// Key of a free slot; no address has more than 48 bits.
const FREE: u64 = u64::MAX;

impl AddressTable {
    fn new(entries: Vec<(Mac, usize)>) -> Self {
        let size = (4 * entries.len()).next_power_of_two().max(4);
        let shift = u64::BITS - size.trailing_zeros();
        let mut table = Self { slots: vec![(FREE, 0); size], shift };
        for (mac, partition) in entries {
            let mut probe = table.probe(mac);
            let fits = |at: &usize| [FREE, mac.as_u64()].contains(&table.slots[*at].0);
            if let Some(at) = probe.find(fits) {
                table.slots[at] = (mac.as_u64(), table.slots[at].1 | 1 << partition);
            }
        }
        table
    }

    #[inline]
    fn get(&self, mac: Mac) -> u64 {
        for at in self.probe(mac) {
            match self.slots.get(at) {
                Some((key, set)) if *key == mac.as_u64() => return *set,
                Some((FREE, _)) | None => return 0,
                Some(_) => {}
            }
        }
        0
    }

    /// Every slot once, from the one that the address hashes to.
    #[inline]
    fn probe(&self, mac: Mac) -> impl Iterator<Item = usize> + use<> {
        let mask = self.slots.len() - 1;
        // 2^64 over the golden ratio: spreads addresses that count up in any octet.
        let start = (mac.as_u64().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize;
        (0..=mask).map(move |step| (start + step) & mask)
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
            let table = AddressTable::new(entries.iter().map(|(n, p)| (mac(*n), *p)).collect());
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
            let table = AddressTable::new((0..128).map(|n| (mac(n), 0)).collect());
            for n in 0..=255 {
                let used = |at: &usize| table.slots[*at].0 != FREE;
                assert!(table.probe(mac(n)).take_while(used).count() <= 8, "octet {octet}, {n}");
            }
        }
    }
}
