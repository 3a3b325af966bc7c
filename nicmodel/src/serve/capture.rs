//! Captures at the end of the cable: one to replay, one that is written.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use pcap_file::DataLink;
use pcap_file::pcap::{PcapHeader, PcapPacket, PcapReader, PcapWriter};
use pcap_file::pcapng::{Block, PcapNgReader};

/// The first bytes of a pcapng file, whatever its byte order.
const PCAPNG: [u8; 4] = [0x0A, 0x0D, 0x0D, 0x0A];

/// The most bytes of a frame that is written.
const SNAPLEN: u32 = 1 << 16;

/// The frames of a capture, in order.
pub(crate) struct Capture(Vec<Vec<u8>>);

impl Capture {
    /// Reads a whole pcap or pcapng file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let wrong = |what: &dyn std::fmt::Display| {
            format!(
                "{}: {what}; give a pcap or pcapng file of Ethernet frames",
                path.display()
            )
        };
        let mut file = BufReader::new(File::open(path).map_err(|error| wrong(&error))?);
        let mut magic = [0; 4];
        file.read_exact(&mut magic).map_err(|error| wrong(&error))?;
        let file = magic.chain(file);
        let frames = if magic == PCAPNG {
            pcapng(file)
        } else {
            pcap(file)
        };
        frames.map(Self).map_err(|error| wrong(&error))
    }

    pub(crate) fn frames(&self) -> &[Vec<u8>] {
        &self.0
    }
}

fn pcap(file: impl Read) -> Result<Vec<Vec<u8>>, pcap_file::PcapError> {
    let mut reader = PcapReader::new(file)?;
    let mut frames = Vec::new();
    while let Some(packet) = reader.next_packet() {
        frames.push(packet?.data.into_owned());
    }
    Ok(frames)
}

fn pcapng(file: impl Read) -> Result<Vec<Vec<u8>>, pcap_file::PcapError> {
    let mut reader = PcapNgReader::new(file)?;
    let mut frames = Vec::new();
    while let Some(block) = reader.next_block() {
        match block? {
            Block::EnhancedPacket(packet) => frames.push(packet.data.into_owned()),
            Block::SimplePacket(packet) => frames.push(packet.data.into_owned()),
            _ => {}
        }
    }
    Ok(frames)
}

/// A pcap file that frames are written to as they leave.
pub(crate) struct Recording(Mutex<PcapWriter<File>>);

impl Recording {
    /// Begins the file, in the place of one that is there.
    ///
    /// # Errors
    /// What is wrong with the place.
    pub(crate) fn create(path: &Path) -> Result<Self, String> {
        let wrong = |what: &dyn std::fmt::Display| {
            format!(
                "{}: {what}; give a file that can be written",
                path.display()
            )
        };
        let file = File::create(path).map_err(|error| wrong(&error))?;
        let header = PcapHeader {
            datalink: DataLink::ETHERNET,
            snaplen: SNAPLEN,
            ..Default::default()
        };
        let writer = PcapWriter::with_header(file, header).map_err(|error| wrong(&error))?;
        Ok(Self(Mutex::new(writer)))
    }

    /// Writes a frame at the present; says whether it could be.
    pub(crate) fn write(&self, frame: &[u8]) -> bool {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let Ok(length) = u32::try_from(frame.len()) else {
            return false;
        };
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writer
            .write_packet(&PcapPacket::new(now, length, frame))
            .is_ok()
    }
}
