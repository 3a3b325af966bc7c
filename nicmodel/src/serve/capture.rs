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

fn pcap(file: impl Read) -> Result<Vec<Vec<u8>>, BadCapture> {
    let mut reader = PcapReader::new(file)?;
    is_ethernet(reader.header().datalink)?;
    let mut frames = Vec::new();
    while let Some(packet) = reader.next_packet() {
        frames.push(packet?.data.into_owned());
    }
    Ok(frames)
}

fn pcapng(file: impl Read) -> Result<Vec<Vec<u8>>, BadCapture> {
    let mut reader = PcapNgReader::new(file)?;
    let mut frames = Vec::new();
    while let Some(block) = reader.next_block() {
        match block? {
            Block::InterfaceDescription(interface) => is_ethernet(interface.linktype)?,
            Block::EnhancedPacket(packet) => frames.push(packet.data.into_owned()),
            Block::SimplePacket(packet) => frames.push(packet.data.into_owned()),
            _ => {}
        }
    }
    Ok(frames)
}

fn is_ethernet(link: DataLink) -> Result<(), BadCapture> {
    if link == DataLink::ETHERNET {
        Ok(())
    } else {
        Err(BadCapture::Link(link))
    }
}

/// Why a capture cannot be replayed.
#[derive(Debug, thiserror::Error)]
enum BadCapture {
    #[error(transparent)]
    Format(#[from] pcap_file::PcapError),
    #[error("it has frames of link type {0:?}")]
    Link(DataLink),
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A frame for each of these lengths.
    fn frames(lengths: &[usize]) -> Vec<Vec<u8>> {
        lengths
            .iter()
            .map(|&bytes| vec![bytes as u8; bytes])
            .collect()
    }

    fn file(folder: &tempfile::TempDir, bytes: &[u8]) -> PathBuf {
        let path = folder.path().join("capture");
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// A pcapng file with one interface of a link type and one frame of four bytes, in
    /// little-endian words.
    fn pcapng_of(link: u32) -> Vec<u8> {
        [
            [0x0A0D_0D0A, 28, 0x1A2B_3C4D, 1, u32::MAX, u32::MAX, 28].as_slice(),
            &[1, 20, link, 0, 20],
            &[6, 36, 0, 0, 0, 4, 4, 0x0403_0201, 36],
        ]
        .concat()
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect()
    }

    #[test]
    fn what_is_recorded_is_what_a_replay_gives() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let frames = frames(&[60, 1514, 14]);
        let recording = Recording::create(&path).unwrap();
        assert!(frames.iter().all(|frame| recording.write(frame)));
        drop(recording);
        assert_eq!(Capture::read(&path).unwrap().frames(), frames);
    }

    #[test]
    fn a_pcapng_file_is_known_by_its_first_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(&folder, &pcapng_of(1));
        assert_eq!(Capture::read(&path).unwrap().frames(), [[1, 2, 3, 4]]);
    }

    #[test]
    fn frames_that_are_not_of_ethernet_are_refused_with_a_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(&folder, &pcapng_of(113));
        let said = Capture::read(&path).err().unwrap();
        assert!(said.contains("link type"), "{said}");
        assert!(said.contains("of Ethernet frames"), "{said}");
    }

    #[test]
    fn a_file_cut_anywhere_gives_its_whole_frames_or_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let whole = pcapng_of(1);
        for end in 0..whole.len() {
            let path = file(&folder, &whole[..end]);
            if let Ok(capture) = Capture::read(&path) {
                assert!(capture.frames().is_empty(), "{end} bytes");
            }
        }
    }
}
