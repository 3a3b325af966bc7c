//! Captures of what was delivered, as pcapng.
//!
//! One [`CaptureWriter`] is one section with one Ethernet interface and nanosecond
//! stamps; each frame carries the receive queue it went to and, where RSS hashed
//! it, the Toeplitz hash, so that Wireshark shows both. It is a [`AtomicFile`]: whole
//! under its name, or not there.
//!
//! Source: draft-ietf-opsawg-pcapng, sections 4.1 to 4.3. Not here: reading captures
//! ([`crate::capture::replay`]) and what is captured.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use crate::atomic_file::{AtomicFile, cannot_write};
use crate::error::Failure;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const ENHANCED_PACKET: u32 = 6;

const END_OF_OPTIONS: u16 = 0;
const SHB_USERAPPL: u16 = 4;
const IF_NAME: u16 = 2;
const IF_TSRESOL: u16 = 9;
const EPB_HASH: u16 = 3;
const EPB_QUEUE: u16 = 6;

const LINKTYPE_ETHERNET: u16 = 1;
/// Stamps count in 10^-9 s.
const NANOSECONDS: u8 = 9;
/// The number of Toeplitz in `epb_hash`.
const TOEPLITZ: u8 = 5;

/// Makes the folder for captures if it is not there.
///
/// # Errors
/// A usage failure when it cannot be made.
pub fn make_folder(folder: &Path) -> Result<(), Failure> {
    let name = folder.display();
    if folder.exists() && !folder.is_dir() {
        let help = "name a folder, or move the file away";
        return Err(Failure::usage(
            format!("{name} is a file, not a folder"),
            help,
        ));
    }
    fs::create_dir_all(folder).map_err(|error| {
        let help = "name a folder that you may write to";
        Failure::usage(format!("cannot make the folder {name}: {error}"), help)
    })
}

/// A pcapng file in the making.
#[derive(Debug)]
pub struct CaptureWriter {
    file: AtomicFile,
    /// The block being written; kept for its memory.
    block: Vec<u8>,
}

impl CaptureWriter {
    /// Begins `NAME.pcapng` in `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// A usage failure when the folder cannot be made or takes no new file.
    pub fn create(folder: &Path, name: &str) -> Result<Self, Failure> {
        make_folder(folder)?;
        let mut capture = Self {
            file: AtomicFile::create(&folder.join(format!("{name}.pcapng")))?,
            block: Vec::new(),
        };
        capture
            .write_header(name)
            .map_err(|error| cannot_write(capture.file.target(), &error))?;
        Ok(capture)
    }

    /// Adds one frame, seen at `stamp_ns` nanoseconds since 1970, that went to
    /// receive `queue` and has the Toeplitz `hash`.
    ///
    /// # Errors
    /// The operating system's, from writing; `InvalidInput` if the frame is longer
    /// than a block can say.
    pub fn write(
        &mut self,
        stamp_ns: u64,
        frame: &[u8],
        queue: Option<u32>,
        hash: Option<u32>,
    ) -> io::Result<()> {
        let length = u32::try_from(frame.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        self.write_block(ENHANCED_PACKET, |body| {
            let interface = 0;
            let (high, low) = ((stamp_ns >> 32) as u32, stamp_ns as u32);
            for word in [interface, high, low, length, length] {
                body.extend(word.to_le_bytes());
            }
            body.extend(frame);
            pad(body);
            if let Some(hash) = hash {
                let [a, b, c, d] = hash.to_be_bytes();
                push_option(body, EPB_HASH, &[TOEPLITZ, a, b, c, d]);
            }
            if let Some(queue) = queue {
                push_option(body, EPB_QUEUE, &queue.to_le_bytes());
            }
            if queue.is_some() || hash.is_some() {
                push_option(body, END_OF_OPTIONS, &[]);
            }
        })
    }

    /// Gives the capture its name, in place of an older one.
    ///
    /// # Errors
    /// A running failure when the disk does not take the rest; nothing is left then.
    pub fn finish(self) -> Result<(), Failure> {
        self.file.persist()
    }

    /// Brings everything to the disk, so that only the name is missing.
    ///
    /// # Errors
    /// A running failure when the disk does not take the rest.
    pub fn write_out(&mut self) -> Result<(), Failure> {
        self.file.write_out()
    }

    /// The name it will have.
    pub fn target(&self) -> &Path {
        self.file.target()
    }

    fn write_header(&mut self, interface: &str) -> io::Result<()> {
        self.write_block(SECTION_HEADER, |body| {
            let byte_order_magic: u32 = 0x1a2b_3c4d;
            let (major, minor): (u16, u16) = (1, 0);
            let length_unknown: i64 = -1;
            body.extend(byte_order_magic.to_le_bytes());
            body.extend(major.to_le_bytes());
            body.extend(minor.to_le_bytes());
            body.extend(length_unknown.to_le_bytes());
            let writer = concat!("lockgate ", env!("CARGO_PKG_VERSION"));
            push_option(body, SHB_USERAPPL, writer.as_bytes());
            push_option(body, END_OF_OPTIONS, &[]);
        })?;
        self.write_block(INTERFACE_DESCRIPTION, |body| {
            let reserved: u16 = 0;
            let no_snap_length: u32 = 0;
            body.extend(LINKTYPE_ETHERNET.to_le_bytes());
            body.extend(reserved.to_le_bytes());
            body.extend(no_snap_length.to_le_bytes());
            push_option(body, IF_NAME, interface.as_bytes());
            push_option(body, IF_TSRESOL, &[NANOSECONDS]);
            push_option(body, END_OF_OPTIONS, &[]);
        })
    }

    /// Writes one block: type, length, what `fill` appends, length again.
    fn write_block(&mut self, kind: u32, fill: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        self.block.clear();
        self.block.extend(kind.to_le_bytes());
        self.block.extend([0; 4]);
        fill(&mut self.block);
        let total = u32::try_from(self.block.len() + 4).map_err(|_| io::ErrorKind::InvalidInput)?;
        self.block[4..8].copy_from_slice(&total.to_le_bytes());
        self.block.extend(total.to_le_bytes());
        self.file.write_all(&self.block)
    }
}

/// Appends one option, padded; names longer than an option can say are cut.
fn push_option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    body.extend(code.to_le_bytes());
    body.extend(length.to_le_bytes());
    body.extend(&value[..usize::from(length)]);
    pad(body);
}

/// Fills the block with zeros to a multiple of four bytes.
fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::replay::Replay;
    use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketOption;
    use pcap_file::pcapng::{Block, PcapNgReader};
    use std::fs::File;

    const STAMP: u64 = 1_700_000_000_123_456_789;

    fn capture(folder: &Path) -> CaptureWriter {
        let mut capture = CaptureWriter::create(folder, "secret").unwrap();
        capture
            .write(STAMP, b"frame", Some(3), Some(0x51cc_c178))
            .unwrap();
        capture.write(STAMP + 1, b"none", None, None).unwrap();
        capture
    }

    #[test]
    fn a_replay_reads_back_frames_and_stamps() {
        let folder = tempfile::tempdir().unwrap();
        capture(folder.path()).finish().unwrap();
        let mut replay = Replay::open(&folder.path().join("secret.pcapng")).unwrap();
        for (stamp, bytes) in [(STAMP, &b"frame"[..]), (STAMP + 1, b"none")] {
            let frame = replay.next().unwrap().unwrap();
            assert_eq!((frame.stamp_ns, frame.bytes), (stamp, bytes));
        }
        assert_eq!(replay.next(), Ok(None));
    }

    #[test]
    fn another_reader_finds_queue_and_hash() {
        let folder = tempfile::tempdir().unwrap();
        capture(folder.path()).finish().unwrap();
        let file = File::open(folder.path().join("secret.pcapng")).unwrap();
        let mut reader = PcapNgReader::new(file).unwrap();
        let mut options = Vec::new();
        while let Some(block) = reader.next_block() {
            if let Block::EnhancedPacket(packet) = block.unwrap() {
                options.push(packet.into_owned().options);
            }
        }
        let hash = EnhancedPacketOption::Hash(vec![5, 0x51, 0xcc, 0xc1, 0x78].into());
        let [first, second] = options.try_into().unwrap();
        assert!(first.contains(&hash), "{first:?}");
        assert_eq!(first.len(), 2);
        assert!(second.is_empty());
    }

    #[test]
    fn an_unfinished_capture_leaves_nothing_and_keeps_the_older_one() {
        let folder = tempfile::tempdir().unwrap();
        capture(folder.path()).finish().unwrap();
        let before = fs::read(folder.path().join("secret.pcapng")).unwrap();

        drop(CaptureWriter::create(folder.path(), "secret").unwrap());

        assert_eq!(
            fs::read(folder.path().join("secret.pcapng")).unwrap(),
            before
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_folder_is_made_with_its_parents_unless_a_file_is_in_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b");
        capture(&deep).finish().unwrap();
        let blocked = deep.join("secret.pcapng/c");
        assert_eq!(
            CaptureWriter::create(&blocked, "x").unwrap_err().status(),
            2
        );
    }
}
