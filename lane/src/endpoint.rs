//! The partition's side of a lane.
//!
//! The process that attaches is unprivileged and trusts the core, but not that the
//! files are what they should be: seals, size and header are checked first. A new
//! endpoint goes on where the last one stopped.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{SealFlags, fcntl_get_seals, fstat};
use rustix::io::Errno;

use crate::core::LaneFiles;
use crate::layout::{Geometry, HEADER_BYTES};
use crate::memory::{DOWN_SEALS, Mapping, OpenSlots, OurIndex, Slots, TheirIndex};
use crate::memory::{TrustedSlots, UP_SEALS};
use crate::meta::Meta;
use crate::ring::{Closed, End};

/// Why two files are no lane.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message documents its variant")]
pub enum AttachError {
    #[error("cannot use the lane's `{file}`: pass both files as the core made them")]
    File { file: &'static str, source: io::Error },
    #[error("the lane's `{file}` is not sealed: take lanes from Lockgate's core only")]
    Unsealed { file: &'static str },
    #[error("the lane's `down` has no valid header: use core and endpoint of one version")]
    Header,
    #[error(
        "the lane's `{file}` has {found} bytes instead of {expected}: pass the files of one lane"
    )]
    Size { file: &'static str, found: u64, expected: u64 },
    #[error("the lane was left in disorder: restart the partition with a new one")]
    Disorder(#[from] Closed),
}

/// The partition's ends of a lane.
#[derive(Debug)]
pub struct Endpoint {
    /// The receive rings, one for each worker that delivers.
    pub rings: Vec<DownReader>,
    /// The transmit ring.
    pub up: UpWriter,
}

impl Endpoint {
    /// Maps the files of a lane. They may be closed afterwards, and at any time one
    /// endpoint at most should be attached.
    ///
    /// # Errors
    /// The files are not those of one lane, or cannot be mapped.
    pub fn attach(files: &LaneFiles) -> Result<Self, AttachError> {
        let geometry = validate(files)?;
        let [down_file, up_file] =
            ["down", "up"].map(|file| move |source: io::Error| AttachError::File { file, source });
        let down = Mapping::read_only(&files.down, geometry.down_bytes()).map_err(down_file)?;
        let up = Mapping::writable(&files.up, geometry.up_bytes()).map_err(up_file)?;
        let rings = (0..geometry.rings).map(|ring| {
            let ours = OurIndex::new(&up, Geometry::down_index(ring));
            let theirs = TheirIndex::new(&down, Geometry::down_index(ring));
            let slots = Slots::new(&down, geometry.ring(ring), geometry);
            Ok(DownReader {
                ring: End::emptying("receive", ours, theirs, geometry.slots)?,
                slots: TrustedSlots::new(slots),
            })
        });
        let rings = rings.collect::<Result<_, Closed>>()?;
        let ours = OurIndex::new(&up, Geometry::up_index());
        let theirs = TheirIndex::new(&down, Geometry::up_index());
        let up = UpWriter {
            ring: End::filling("transmit", ours, theirs, geometry.slots)?,
            slots: OpenSlots::new(Slots::new(&up, geometry.ring(0), geometry)),
        };
        Ok(Self { rings, up })
    }
}

/// Checks seals first, since size and header mean nothing while they can change.
fn validate(files: &LaneFiles) -> Result<Geometry, AttachError> {
    let down = sealed_size("down", &files.down, DOWN_SEALS)?;
    let up = sealed_size("up", &files.up, UP_SEALS)?;
    let mut header = [0; HEADER_BYTES];
    let geometry = match rustix::io::pread(&files.down, &mut header, 0) {
        Ok(HEADER_BYTES) => Geometry::from_header(&header).ok_or(AttachError::Header)?,
        _ => return Err(AttachError::Header),
    };
    expect_size("down", down, geometry.down_bytes() as u64)?;
    expect_size("up", up, geometry.up_bytes() as u64)?;
    Ok(geometry)
}

fn sealed_size(file: &'static str, handle: &OwnedFd, seals: SealFlags) -> Result<u64, AttachError> {
    let failed = |error: Errno| AttachError::File { file, source: error.into() };
    if !fcntl_get_seals(handle).map_err(failed)?.contains(seals) {
        return Err(AttachError::Unsealed { file });
    }
    Ok(fstat(handle).map_err(failed)?.st_size as u64)
}

fn expect_size(file: &'static str, found: u64, expected: u64) -> Result<(), AttachError> {
    match found == expected {
        true => Ok(()),
        false => Err(AttachError::Size { file, found, expected }),
    }
}

/// Empties one receive ring.
#[derive(Debug)]
pub struct DownReader {
    ring: End,
    slots: TrustedSlots,
}

impl DownReader {
    /// Frames that wait, after a look at how far the core has written.
    ///
    /// # Errors
    /// The core's index makes no sense.
    pub fn available(&mut self) -> Result<u32, Closed> {
        self.ring.refresh()
    }

    /// The next frame, which stays the next one until [`DownReader::consume`].
    #[inline]
    #[expect(
        clippy::should_implement_trait,
        reason = "the frame is lent, which an iterator cannot do"
    )]
    pub fn next(&mut self) -> Option<(Meta, &[u8])> {
        let slot = self.ring.slot()?;
        let meta = Meta::unpack(self.slots.meta(slot));
        Some((meta, self.slots.frame(slot, meta.len as usize)))
    }

    /// Steps past the next frame. Its slot is kept until [`DownReader::release`].
    #[inline]
    pub fn consume(&mut self) {
        self.ring.advance();
    }

    /// Gives the slots of all consumed frames back to the core, with one store.
    #[inline]
    pub fn release(&mut self) {
        self.ring.publish();
    }
}

/// Fills the transmit ring.
#[derive(Debug)]
pub struct UpWriter {
    ring: End,
    slots: OpenSlots,
}

impl UpWriter {
    /// The longest frame that can be sent, in bytes.
    pub fn frame_bytes(&self) -> usize {
        self.slots.frame_bytes()
    }

    /// Free slots, after a look at how far the core has read.
    ///
    /// # Errors
    /// The core's index makes no sense.
    pub fn free(&mut self) -> Result<u32, Closed> {
        self.ring.refresh()
    }

    /// Puts `frame` into the next slot; false, and nothing done, if the ring is full
    /// or the frame is longer than [`UpWriter::frame_bytes`].
    #[inline]
    pub fn push(&mut self, frame: &[u8]) -> bool {
        if frame.len() > self.frame_bytes() {
            return false;
        }
        let Some(slot) = self.ring.slot() else {
            return false;
        };
        let meta = Meta { len: frame.len() as u32, ..Meta::default() };
        self.slots.fill(slot, frame, meta.pack());
        self.ring.advance();
        true
    }

    /// Shows the core every frame pushed so far, with one store.
    #[inline]
    pub fn publish(&mut self) {
        self.ring.publish();
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::{MemfdFlags, fcntl_add_seals, ftruncate, memfd_create};

    use super::*;
    use crate::Lane;

    const SMALL: Geometry = Geometry { rings: 2, slots: 8, frame_bytes: 192 };

    #[test]
    fn files_of_no_lane_or_of_two_are_refused() {
        let one = Lane::create("test", SMALL).unwrap();
        let wide = Geometry { frame_bytes: 8192, ..SMALL };
        let other = Lane::create("other", wide).unwrap();
        let attach = |down: &OwnedFd, up: &OwnedFd| {
            let files = LaneFiles { down: down.try_clone().unwrap(), up: up.try_clone().unwrap() };
            Endpoint::attach(&files).expect_err("no lane")
        };
        let error = attach(&one.files.down, &other.files.up);
        assert!(matches!(error, AttachError::Size { file: "up", .. }), "{error}");
        let error = attach(&one.files.up, &one.files.down);
        assert!(matches!(error, AttachError::Unsealed { file: "down" }), "{error}");
        let null = std::fs::File::open("/dev/null").unwrap().into();
        let error = attach(&one.files.down, &null);
        assert!(matches!(error, AttachError::File { file: "up", .. }), "{error}");
    }

    #[test]
    fn file_that_could_still_shrink_or_has_another_header_is_refused() {
        let one = Lane::create("test", SMALL).unwrap();
        let forge = |header: &[u8], size: u64, seals: SealFlags| {
            let flags = MemfdFlags::ALLOW_SEALING | MemfdFlags::CLOEXEC;
            let down = memfd_create("forged", flags).unwrap();
            rustix::io::pwrite(&down, header, 0).unwrap();
            ftruncate(&down, size).unwrap();
            fcntl_add_seals(&down, seals).unwrap();
            let up = one.files.up.try_clone().unwrap();
            Endpoint::attach(&LaneFiles { down, up })
        };
        let size = SMALL.down_bytes() as u64;
        let header = SMALL.header();
        assert!(forge(&header, size, DOWN_SEALS).is_ok());
        let shrinkable = DOWN_SEALS.difference(SealFlags::SHRINK);
        let error = forge(&header, size, shrinkable).unwrap_err();
        assert!(matches!(error, AttachError::Unsealed { file: "down" }), "{error}");
        let error = forge(&header, size - 4096, DOWN_SEALS).unwrap_err();
        assert!(matches!(error, AttachError::Size { file: "down", .. }), "{error}");
        for header in [&[0xff; 24][..], &[]] {
            let error = forge(header, size, DOWN_SEALS).unwrap_err();
            assert!(matches!(error, AttachError::Header), "{error}");
        }
        let error = forge(&header[..8], 8, DOWN_SEALS).unwrap_err();
        assert!(matches!(error, AttachError::Header), "{error}");
    }
}
