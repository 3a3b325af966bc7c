//! What is compared, and where QEMU's 82576 is known to differ.
//!
//! Each difference that is evened out here, or that the generator keeps away from, has
//! its row in `docs/datasheet-notes.md`.

use super::program::{Program, index};

/// What a device wrote back of a received frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor {
    /// What was hashed.
    pub rss_type: u8,
    /// The hash.
    pub hash: u32,
    /// DD, EOP and VP.
    pub status: u32,
    /// Errors, bits 31:20 of the third word.
    pub errors: u32,
    /// Bytes in this buffer.
    pub length: u16,
    /// The tag that was taken out.
    pub vlan: u16,
}

/// DD, EOP, VP.
const STATUS: u64 = 1 | 1 << 1 | 1 << 3;

impl Descriptor {
    /// Reads the two halves of a write-back. Bits about checksums are left out: the model
    /// has no checksum offload. The tag counts only where one was taken out, and of a frame
    /// in several buffers QEMU fills in the last descriptor alone.
    pub fn new(info: u64, status: u64) -> Self {
        let stripped = status & 1 << 3 != 0;
        let last = status & 1 << 1 != 0;
        Self {
            rss_type: if last { (info & 0xF) as u8 } else { 0 },
            hash: if last && info & 0xF != 0 {
                (info >> 32) as u32
            } else {
                0
            },
            status: (status & if last { STATUS } else { 1 }) as u32,
            errors: (status >> 20 & 0x9FF) as u32,
            length: (status >> 32) as u16,
            vlan: if stripped && last {
                (status >> 48) as u16
            } else {
                0
            },
        }
    }
}

/// Whether a frame runs into a difference that can only be kept away from: without pools
/// QEMU asks the multicast table about unicast addresses too, and it differs about
/// packets whose headers are damaged, and about what is behind a service tag.
pub fn is_avoided(program: &Program, frame: &[u8]) -> bool {
    let Some(&[a, b, c, d, e, f]) = frame.first_chunk::<6>() else {
        return true;
    };
    let mac = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
    let hit = program.groups.contains(&index(mac, program.rctl >> 12 & 3));
    let hashed = program.mode == 2 && (is_cut_short(frame) || has_service_tag(frame));
    program.mode != 3 && a & 1 == 0 && hit || hashed
}

/// Whether a frame begins with a tag of IEEE 802.1ad, which QEMU looks through, with the one
/// behind it, for a packet to hash.
fn has_service_tag(frame: &[u8]) -> bool {
    frame.get(12..14) == Some(&[0x88, 0xa8])
}

/// Whether a packet, behind at most one tag, has a damaged IP header or ends inside its
/// TCP or UDP header.
fn is_cut_short(frame: &[u8]) -> bool {
    let behind = if frame.get(12..14) == Some(&[0x81, 0]) {
        16
    } else {
        12
    };
    let Some((kind, packet)) = frame
        .get(behind..)
        .and_then(|rest| rest.split_at_checked(2))
    else {
        return true;
    };
    let word = |at: usize| match packet.get(at..at + 2) {
        Some(&[high, low]) => usize::from(u16::from_be_bytes([high, low])),
        _ => 0,
    };
    let (header, total, protocol) = match (kind, packet) {
        ([8, 0], [version @ 0x45..=0x4F, ..]) => (usize::from(version & 0xF) * 4, word(2), 9),
        ([0x86, 0xdd], [0x60..=0x6F, ..]) if extensions_leave(packet) => return true,
        ([0x86, 0xdd], [0x60..=0x6F, ..]) => (40, 40 + word(4), 6),
        ([8, 0] | [0x86, 0xdd], _) => return true,
        _ => return false,
    };
    let least = match packet.get(protocol) {
        Some(6) => 20,
        Some(17) => 8,
        _ => 0,
    };
    total.min(packet.len()) < header + least
}

/// Whether the extension headers of an IPv6 packet go on where the frame has ended: QEMU walks
/// them before it hashes anything, addresses included.
fn extensions_leave(packet: &[u8]) -> bool {
    // RFC 8200, section 4: hop-by-hop, routing, fragment, ESP, AH, destination; and mobility.
    const EXTENSIONS: [u8; 7] = [0, 43, 44, 50, 51, 60, 135];
    let (mut kind, mut at) = (packet.get(6).copied(), 40);
    while kind.is_some_and(|kind| EXTENSIONS.contains(&kind)) {
        let Some(header) = packet.get(at..at + 8) else {
            return true;
        };
        kind = Some(header[0]);
        at += 8 * (usize::from(header[1]) + 1);
    }
    false
}

/// Counters that are compared where there are no pools (82576 datasheet, chapter 8). RUC
/// is not here, since QEMU counts what it pads itself; nor are TPR and TOR, where it does not
/// count what the filters refused, and ROC, where it leaves out what RLPML refuses.
pub const COUNTERS: [(&str, u32); 5] = [
    ("CRCERRS", 0x4000),
    ("MPC", 0x4010),
    ("GPRC", 0x4074),
    ("BPRC", 0x4078),
    ("MPRC", 0x407C),
];

/// Those that go by the length of a frame; not compared where tags are taken out, since
/// QEMU counts what is left then. The PRC by size are not here: QEMU leaves the check
/// sequence out of the size.
pub const LENGTHS: [(&str, u32); 2] = [("GORCL", 0x4088), ("GORCH", 0x408C)];

/// Counters of each pool, the first pool's; 0x100 to the next. With pools QEMU counts a
/// frame once for each copy in those above. PVFGORC is not here: QEMU counts a tag that is
/// taken out as never received.
pub const POOL_COUNTERS: [(&str, u32); 2] = [("PVFGPRC", 0x1_0010), ("PVFMPRC", 0x1_003C)];
