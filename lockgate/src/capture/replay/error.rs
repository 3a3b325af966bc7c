//! What can be wrong with a capture, and what to do about it.
//!
//! Not here: finding it.

use std::io;
use std::path::Path;

use crate::error::Failure;

/// Why a file cannot be replayed.
#[derive(Debug)]
pub(super) enum CaptureError {
    /// The operating system does not open it.
    Open(io::Error),
    /// The operating system does not read it.
    Read(io::Error),
    /// A folder, pipe or device.
    NotAFile,
    /// No bytes at all.
    Empty,
    /// A compressed file, by its first bytes.
    Compressed,
    /// Neither pcap nor pcapng.
    NotACapture,
    /// A record begins at byte `at` and runs past the end, at byte `size`.
    Truncated { at: u64, size: u64 },
    /// The record at byte `at` contradicts the format.
    Damaged { at: u64, what: &'static str },
    /// Not Ethernet; the number is of the LINKTYPE registry.
    LinkType(u32),
}

impl CaptureError {
    /// What a file of `size` bytes is that begins with `magic` and is no capture.
    pub(super) fn of_unknown(magic: [u8; 4], size: u64) -> Self {
        match magic {
            _ if size == 0 => Self::Empty,
            [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd] | [0xfd, b'7', b'z', b'X'] => {
                Self::Compressed
            }
            _ => Self::NotACapture,
        }
    }

    /// In words for whoever named `path`, of which `frames` frames were whole.
    pub(super) fn refuse(self, path: &Path, frames: u64) -> Failure {
        let path = path.display();
        let (message, help) = match self {
            Self::Open(error) if error.kind() == io::ErrorKind::NotFound => (
                format!("there is no capture {path}"),
                "check the path; in a policy it is relative to the policy file".to_owned(),
            ),
            Self::Open(error) => (
                format!("cannot open {path}: {error}"),
                "name a capture that you may read".to_owned(),
            ),
            Self::Read(error) => (
                format!("cannot read {path}: {error}"),
                "copy the capture to a disk that can be read".to_owned(),
            ),
            Self::NotAFile => (
                format!("{path} is not a regular file"),
                "a capture is read twice: save it to a file first".to_owned(),
            ),
            Self::Empty => (
                format!("{path} is empty: it is not a capture"),
                "give a pcap or pcapng file, as tcpdump and Wireshark write them".to_owned(),
            ),
            Self::Compressed => (
                format!("{path} is compressed"),
                "decompress it first".to_owned(),
            ),
            Self::NotACapture => (
                format!("{path} is not a capture"),
                "give a pcap or pcapng file, as tcpdump and Wireshark write them".to_owned(),
            ),
            Self::Truncated { at, size } => (
                format!(
                    "{path} is truncated: after {}, what begins at byte {at} runs past \
                     the end at byte {size}",
                    whole_packets(frames)
                ),
                format!("capture it again, or keep its whole packets: editcap {path} whole.pcapng"),
            ),
            Self::Damaged { at, what } => (
                format!(
                    "{path} is damaged: after {}, there is {what} at byte {at}",
                    whole_packets(frames)
                ),
                "capture it again".to_owned(),
            ),
            Self::LinkType(link) => (
                format!(
                    "{path} is not an Ethernet capture: its link type is {}",
                    link_name(link)
                ),
                "capture on an Ethernet interface".to_owned(),
            ),
        };
        Failure::usage(message, help)
    }
}

fn whole_packets(frames: u64) -> String {
    match frames {
        1 => "1 whole packet".to_owned(),
        n => format!("{n} whole packets"),
    }
}

/// The link types that people meet, by the LINKTYPE registry of tcpdump.org.
fn link_name(link: u32) -> String {
    let name = match link {
        0 => "BSD loopback",
        6 => "Token Ring",
        9 => "PPP",
        10 => "FDDI",
        12 | 101 => "raw IP",
        105 => "802.11",
        108 => "OpenBSD loopback",
        113 => "Linux cooked",
        127 => "802.11 with radiotap",
        187 | 201 => "Bluetooth",
        189 | 220 | 249 => "USB",
        195 | 230 => "802.15.4",
        228 => "raw IPv4",
        229 => "raw IPv6",
        253 => "netlink",
        276 => "Linux cooked v2",
        _ => return link.to_string(),
    };
    format!("{link} ({name})")
}
