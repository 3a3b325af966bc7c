//! A legal register program for an 82576, random.
//!
//! Offsets and bits: 82576 datasheet, chapter 8.

use crate::random::Random;

/// Receive queues.
pub(super) const QUEUES: u32 = 16;

/// Pools.
const POOLS: u32 = 8;

/// A register program: what decides who gets a frame, and what of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// MRQC mode: 0 off, 2 RSS, 3 pools.
    pub mode: u32,
    /// The kinds that are hashed, MRQC 31:16.
    pub kinds: u32,
    /// RCTL without EN.
    pub rctl: u32,
    /// RLPML.
    pub longest: u32,
    /// RFCTL.
    pub parser: u32,
    /// CTRL.VME: strips tags where there are no pools.
    pub strip: bool,
    /// Address filters: entry, address, pools.
    pub addresses: Vec<(u32, u64, u32)>,
    /// VLVF entries: entry, VID, pools.
    pub vlans: Vec<(u32, u32, u32)>,
    /// VIDs in VFTA.
    pub known_vlans: Vec<u32>,
    /// Bits of MTA.
    pub groups: Vec<u32>,
    /// VMOLR, by pool.
    pub pools: Vec<u32>,
    /// RPLOLR.
    pub replicated: u32,
    /// VFRE and VFTE.
    pub enabled: (u32, u32),
    /// VT_CTL.
    pub virtualization: u32,
    /// VMVIR, by pool.
    pub inserted: Vec<u32>,
    /// RSSRK.
    pub key: Vec<u32>,
    /// RETA.
    pub table: Vec<u32>,
    /// SRRCTL.BSIZEPACKET of each queue, in KiB.
    pub buffers: Vec<u32>,
}

/// Addresses that programs and frames have in common.
pub(super) const ADDRESSES: [u64; 8] = [
    0x0200_0000_0001,
    0x0200_0000_0002,
    0x0200_0000_0103,
    0x0600_0000_0001,
    0x0200_0100_0001,
    0x0A11_2233_4455,
    0x0200_0000_0010,
    0x02FF_FFFF_FFFE,
];

/// Groups that programs and frames have in common; some share a bit of MTA.
pub(super) const GROUPS: [u64; 6] = [
    0x0100_5E00_00FB,
    0x0100_5E7F_FFFB,
    0x3333_0000_0001,
    0x0180_C200_000E,
    0x0100_5E01_0203,
    0x3333_FF00_1FFB,
];

/// VIDs that programs and frames have in common.
pub(super) const VLANS: [u32; 6] = [0, 1, 10, 20, 2047, 4094];

impl Program {
    /// The next program of `random`.
    pub fn random(random: &mut Random) -> Self {
        let mode = random.among(&[0, 2, 2, 3, 3, 3]);
        // Of TCP over IPv6 QEMU knows the field for extension headers, cards the other: both
        // or none. Nothing about those headers, which no card is told to look at.
        let tcp_ipv6 = u32::from(random.once_in(2)) * 0b10_0100;
        let kinds = random.below(256) as u32 & 0b1101_0011 | tcp_ipv6;
        let flag = |random: &mut Random, bit: u32| u32::from(random.once_in(2)) << bit;
        // BAM, VFE, LPE, SECRC; UPE and MPE only where there are no pools.
        let mut rctl = flag(random, 15) | flag(random, 18) | flag(random, 5) | 1 << 26;
        if mode != 3 {
            rctl |= (u32::from(random.once_in(4)) << 3) | (u32::from(random.once_in(4)) << 4);
        }
        rctl |= (random.below(4) as u32) << 12;
        let offset = rctl >> 12 & 3;
        let pools = |random: &mut Random| random.below(256) as u32;
        Self {
            mode,
            kinds,
            rctl,
            longest: random.among(&[600, 1518, 1522, 2048, 9000, 9728]),
            parser: 1 << 16,
            strip: random.once_in(2),
            addresses: (0..random.below(7))
                .map(|n| {
                    (
                        3 * n as u32 + random.below(3) as u32,
                        random.among(&ADDRESSES),
                        pools(random),
                    )
                })
                .collect(),
            vlans: (0..random.below(6))
                .map(|n| {
                    (
                        5 * n as u32 + random.below(5) as u32,
                        random.among(&VLANS),
                        pools(random),
                    )
                })
                .collect(),
            known_vlans: VLANS.into_iter().filter(|_| random.once_in(2)).collect(),
            groups: (0..random.below(4))
                .map(|_| index(random.among(&GROUPS), offset))
                .collect(),
            pools: (0..POOLS).map(|_| pool(random)).collect(),
            replicated: 1 << 31 | u32::from(random.once_in(2)) << 30,
            enabled: (pools(random) | pools(random), pools(random) | pools(random)),
            virtualization: 1 << 30 | flag(random, 29) | (random.below(8) as u32) << 7,
            inserted: (0..POOLS).map(|_| tag(random)).collect(),
            key: (0..10).map(|_| random.word() as u32).collect(),
            table: (0..32)
                .map(|_| random.word() as u32 & 0x0F0F_0F0F)
                .collect(),
            buffers: (0..QUEUES)
                .map(|_| random.among(&[1, 2, 2, 3, 10]))
                .collect(),
        }
    }

    /// Everything but the rings, in the order in which it is written: offset and value.
    pub fn registers(&self) -> Vec<(u32, u32)> {
        let mut writes = vec![
            (0x5000, 1 << 13),
            (0x5008, self.parser | 3 << 6),
            (0x5004, self.longest),
            (0x5AF0, self.replicated),
            (0x0C8C, self.enabled.0),
            (0x0C90, self.enabled.1),
            (0x581C, self.virtualization),
            (0x3500, 0),
            (0x2408, 0xFFFF),
            (0x5818, self.mode | self.kinds << 16),
        ];
        for entry in 0..24 {
            let found = self.addresses.iter().find(|address| address.0 == entry);
            let (low, high) = found.map_or((0, 0), |&(_, mac, pools)| address(mac, pools));
            let at = if entry < 16 {
                0x5400 + 8 * entry
            } else {
                0x54E0 + 8 * (entry - 16)
            };
            writes.extend([(at, low), (at + 4, high)]);
        }
        for entry in 0..32 {
            let found = self.vlans.iter().find(|vlan| vlan.0 == entry);
            let value = found.map_or(0, |&(_, vid, pools)| 1 << 31 | pools << 12 | vid);
            writes.push((0x5D00 + 4 * entry, value));
        }
        writes.extend(table(0x5600, &self.known_vlans));
        writes.extend(table(0x5200, &self.groups));
        writes.extend(
            (0..)
                .step_by(4)
                .zip(&self.pools)
                .map(|(at, &word)| (0x5AD0 + at, word)),
        );
        writes.extend(
            (0..)
                .step_by(4)
                .zip(&self.inserted)
                .map(|(at, &word)| (0x3700 + at, word)),
        );
        writes.extend(
            (0..)
                .step_by(4)
                .zip(&self.key)
                .map(|(at, &word)| (0x5C80 + at, word)),
        );
        writes.extend(
            (0..)
                .step_by(4)
                .zip(&self.table)
                .map(|(at, &word)| (0x5C00 + at, word)),
        );
        writes
    }
}

/// VMOLR: AUPE, ROMPE, BAM, STRVLAN, LPE and RLPML, STRCRC.
fn pool(random: &mut Random) -> u32 {
    let bits = [24, 25, 27, 30, 16].map(|bit| u32::from(random.once_in(2)) << bit);
    bits.iter().sum::<u32>() | random.among(&[600, 1518, 1522, 9728]) | 1 << 31
}

/// VMVIR: nothing, or a tag that is always inserted.
fn tag(random: &mut Random) -> u32 {
    if random.once_in(3) {
        1 << 30 | random.among(&[0x0001, 0x600A, 0x0FFE])
    } else {
        0
    }
}

/// The two halves of an address filter, the address given as it is written.
fn address(mac: u64, pools: u32) -> (u32, u32) {
    let [_, _, a, b, c, d, e, f] = mac.to_be_bytes();
    let high = u32::from(u16::from_le_bytes([e, f]));
    (
        u32::from_le_bytes([a, b, c, d]),
        high | pools << 18 | 1 << 31,
    )
}

/// The bit of MTA for a group, by RCTL.MO: address bits 47:36, 46:35, 45:34 or 43:32.
pub(super) fn index(mac: u64, offset: u32) -> u32 {
    let [.., e, f] = mac.to_be_bytes();
    let bits = u32::from(u16::from_le_bytes([e, f]));
    bits >> [4, 3, 2, 0][offset as usize] & 0xFFF
}

/// A table of 4096 bits at `base`.
fn table(base: u32, bits: &[u32]) -> impl Iterator<Item = (u32, u32)> {
    (0..128).map(move |word| {
        let own = bits.iter().filter(|&&bit| bit >> 5 == word);
        (
            base + 4 * word,
            own.fold(0, |sum, bit| sum | 1 << (bit & 31)),
        )
    })
}
