//! Captures, as the tests read them: frames with the queue and hash beside them.
//!
//! By a reader that shares nothing with the one in `lockgate`, so that neither
//! can hide the other's mistakes.

use std::fs;
use std::io;
use std::path::Path;

use pcap_file::pcap::PcapReader;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketOption;
use pcap_file::pcapng::{Block, PcapNgReader};

/// `epb_queue`, an option of the Enhanced Packet Block (pcapng draft, 4.3).
const EPB_QUEUE: u16 = 6;

/// What a pcapng file begins with: the Section Header Block's type.
const PCAPNG: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// One frame of a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its bytes, as many as were captured.
    pub bytes: Vec<u8>,
    /// The receive queue it came by (`epb_queue`).
    pub queue: Option<u32>,
    /// Its hash (`epb_hash`): an algorithm byte, then the value.
    pub hash: Option<Vec<u8>>,
}

/// Reads all frames of the pcap or pcapng file at `path`.
///
/// # Errors
/// When it cannot be read or is not a whole capture.
pub fn read(path: &Path) -> io::Result<Vec<Frame>> {
    let bytes = fs::read(path)?;
    let frames = if bytes.starts_with(&PCAPNG) {
        read_pcapng(&bytes)
    } else {
        read_pcap(&bytes)
    };
    frames.map_err(|error| {
        let reason = format!("{}: {error}", path.display());
        io::Error::new(io::ErrorKind::InvalidData, reason)
    })
}

fn read_pcap(bytes: &[u8]) -> Result<Vec<Frame>, pcap_file::PcapError> {
    let mut reader = PcapReader::new(bytes)?;
    let mut frames = Vec::new();
    // Raw: the reader takes no frame for sound that was cut to the snapshot length.
    while let Some(packet) = reader.next_raw_packet() {
        frames.push(Frame {
            bytes: packet?.data.into_owned(),
            queue: None,
            hash: None,
        });
    }
    Ok(frames)
}

fn read_pcapng(bytes: &[u8]) -> Result<Vec<Frame>, pcap_file::PcapError> {
    let mut reader = PcapNgReader::new(bytes)?;
    let mut frames = Vec::new();
    while let Some(block) = reader.next_block() {
        match block? {
            Block::EnhancedPacket(packet) => {
                let mut frame = Frame {
                    bytes: packet.data.into_owned(),
                    queue: None,
                    hash: None,
                };
                for option in packet.options {
                    note(&mut frame, option);
                }
                frames.push(frame);
            }
            Block::SimplePacket(packet) => {
                // The block pads to four bytes, and this reader leaves that to its caller.
                let mut bytes = packet.data.into_owned();
                bytes.truncate(packet.original_len as usize);
                frames.push(Frame {
                    bytes,
                    queue: None,
                    hash: None,
                });
            }
            _ => {}
        }
    }
    Ok(frames)
}

fn note(frame: &mut Frame, option: EnhancedPacketOption<'_>) {
    match option {
        EnhancedPacketOption::Hash(hash) => frame.hash = Some(hash.into_owned()),
        EnhancedPacketOption::Unknown(option) if option.code == EPB_QUEUE => {
            // The files at hand are written on this machine, little-endian.
            frame.queue = option
                .value
                .first_chunk()
                .map(|value| u32::from_le_bytes(*value));
        }
        _ => {}
    }
}
