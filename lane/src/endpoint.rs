//! The partition's side of a lane.
//!
//! The process that attaches is unprivileged and trusts the core, but not that the
//! files are what they should be: seals, size and header are checked first. A new
//! endpoint goes on where the last one stopped.

use std::os::fd::OwnedFd;

use rustix::fs::{SealFlags, fcntl_get_seals, fstat};
use rustix::io::{Errno, pread};

use crate::Slots;
use crate::core::LaneFiles;
use crate::layout::{DOWN, EMPTIES, FILLS, Geometry, Header, UP};
use crate::memory::{self, DOWN_SEALS, UP_SEALS};
use crate::meta::Meta;
use crate::ring::{Closed, End};

/// Why two files are no lane.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message documents its variant")]
pub enum AttachError {
    #[error("cannot use the lane's files: pass both as the core made them")]
    Files(#[from] Errno),
    #[error("the lane's `{file}` is not sealed: take lanes from Lockgate's core only")]
    Unsealed { file: &'static str },
    #[error("the lane's `down` has no valid header: use core and endpoint of one version")]
    Header,
    #[error("the lane's `{file}` has {found} bytes, not {expected}: pass the files of one lane")]
    Size {
        file: &'static str,
        found: usize,
        expected: usize,
    },
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
        let (rings, up) = memory::attach(files, validate(files)?)?;
        let rings = rings.into_iter().map(End::new).collect::<Result<_, _>>()?;
        Ok(Self {
            rings,
            up: End::new(up)?,
        })
    }
}

impl Geometry {
    /// Reads what [`Geometry::header`] made; `None` if it is anything else.
    pub(crate) fn from_header(header: Header) -> Option<Self> {
        let [.., rings, slots, frame_bytes] = header.map(u32::from_ne_bytes);
        let geometry = Self {
            rings: rings.try_into().ok()?,
            slots,
            frame_bytes,
        };
        (geometry.header() == header && geometry.check().is_ok()).then_some(geometry)
    }
}

/// Checks seals first, since size and header mean nothing while they can change.
fn validate(files: &LaneFiles) -> Result<Geometry, AttachError> {
    let down = sealed_size("down", &files.down, DOWN_SEALS)?;
    let up = sealed_size("up", &files.up, UP_SEALS)?;
    // What a short file lacks stays zero, which no header is.
    let mut header = Header::default();
    pread(&files.down, header.as_flattened_mut(), 0)?;
    let geometry = Geometry::from_header(header).ok_or(AttachError::Header)?;
    let sizes = [
        ("down", down, geometry.down_bytes()),
        ("up", up, geometry.up_bytes()),
    ];
    match sizes
        .into_iter()
        .find(|(_, found, expected)| found != expected)
    {
        Some((file, found, expected)) => Err(AttachError::Size {
            file,
            found,
            expected,
        }),
        None => Ok(geometry),
    }
}

fn sealed_size(file: &'static str, fd: &OwnedFd, seals: SealFlags) -> Result<usize, AttachError> {
    // A file of a kind that takes no seals has none either.
    match fcntl_get_seals(fd).is_ok_and(|found| found.contains(seals)) {
        true => Ok(fstat(fd)?.st_size as usize),
        false => Err(AttachError::Unsealed { file }),
    }
}

/// Frame by frame; the core uses [`End::slots`].
impl<const FILE: bool> End<EMPTIES, FILE> {
    /// Length of the next frame in bytes, at most the lane's longest; `None` if none is
    /// known of ([`End::available`] looks). It stays the next one until [`End::consume`].
    #[inline(always)]
    pub fn head(&self) -> Option<usize> {
        self.ahead().head()
    }

    /// Copies the next frame: [`Slots::copy`](crate::Slots::copy).
    #[inline(always)]
    pub fn copy(&self, into: &mut [u8]) -> usize {
        self.ahead().copy(0, into)
    }

    /// Steps past the next frame, if there is one. Its slot is kept until [`End::release`].
    pub fn consume(&mut self) {
        self.slots(|slots| slots.advance(slots.left().min(1)));
    }
}

/// Empties one receive ring.
pub type DownReader = End<EMPTIES, DOWN>;

impl DownReader {
    /// The next frame, which stays the next one until [`End::consume`].
    #[expect(
        clippy::should_implement_trait,
        reason = "the frame is lent, which an iterator cannot do"
    )]
    pub fn next(&mut self) -> Option<(Meta, &[u8])> {
        if self.head().is_none() {
            self.available().ok()?;
        }
        self.ahead().lend()
    }
}

impl DownReader {
    /// Copies the next frame until `into` is full, and steps past it; its length, at most the
    /// lane's longest. `None` if none is known of ([`End::available`] looks).
    pub fn take(&mut self, into: &mut [u8]) -> Option<usize> {
        let len = self.head()?;
        let fits = len.min(into.len());
        self.copy(&mut into[..fits]);
        self.consume();
        Some(len)
    }
}

/// Fills the transmit ring.
pub type UpWriter = End<FILLS, UP>;

impl UpWriter {
    /// The longest frame that can be sent, in bytes.
    pub fn frame_bytes(&self) -> usize {
        self.ahead().frame_bytes()
    }

    /// Puts `frame` into the next slot; false, and nothing done, if the ring is full
    /// or the frame is longer than [`UpWriter::frame_bytes`].
    pub fn push(&mut self, frame: &[u8]) -> bool {
        let meta = Meta {
            len: frame.len() as u32,
            ..Meta::default()
        }
        .pack();
        self.fill(|slots| slots.put(0, frame, meta))
    }

    /// Lets `put` write the next slot, which is the first of those it is lent; false, and
    /// nothing done, if the ring is full or it says so.
    ///
    /// # Panics
    /// When it says true where it was lent none.
    #[inline]
    pub fn fill(&mut self, put: impl Fn(&Slots<'_, FILLS, UP>) -> bool) -> bool {
        let once = |up: &mut Self| up.slots(|slots| slots.advance(put(slots).into())) > 0;
        once(self) || self.free().is_ok_and(|free| free > 0) && once(self)
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::{MemfdFlags, fcntl_add_seals, ftruncate, memfd_create};
    use rustix::io::pwrite;

    use super::*;
    use crate::Lane;

    const SMALL: Geometry = Geometry {
        rings: 2,
        slots: 8,
        frame_bytes: 192,
    };

    #[test]
    fn files_of_no_lane_or_of_two_are_refused() {
        let one = Lane::create("test", SMALL).unwrap();
        let wide = Geometry {
            frame_bytes: 8192,
            ..SMALL
        };
        let other = Lane::create("other", wide).unwrap();
        let attach = |down: &OwnedFd, up: &OwnedFd| {
            let files = LaneFiles {
                down: down.try_clone().unwrap(),
                up: up.try_clone().unwrap(),
            };
            Endpoint::attach(&files).expect_err("no lane")
        };
        let error = attach(&one.files.down, &other.files.up);
        assert!(
            matches!(error, AttachError::Size { file: "up", .. }),
            "{error}"
        );
        let error = attach(&one.files.up, &one.files.down);
        assert!(
            matches!(error, AttachError::Unsealed { file: "down" }),
            "{error}"
        );
        let null = std::fs::File::open("/dev/null").unwrap().into();
        let error = attach(&one.files.down, &null);
        assert!(
            matches!(error, AttachError::Unsealed { file: "up" }),
            "{error}"
        );
    }

    #[test]
    fn file_that_could_still_shrink_or_has_another_header_is_refused() {
        let one = Lane::create("test", SMALL).unwrap();
        let forge = |header: &[u8], size: u64, seals: SealFlags| {
            let flags = MemfdFlags::ALLOW_SEALING | MemfdFlags::CLOEXEC;
            let down = memfd_create("forged", flags).unwrap();
            pwrite(&down, header, 0).unwrap();
            ftruncate(&down, size).unwrap();
            fcntl_add_seals(&down, seals).unwrap();
            let up = one.files.up.try_clone().unwrap();
            Endpoint::attach(&LaneFiles { down, up })
        };
        let size = SMALL.down_bytes() as u64;
        let header = SMALL.header();
        let header = header.as_flattened();
        assert!(forge(header, size, DOWN_SEALS).is_ok());
        let shrinkable = DOWN_SEALS.difference(SealFlags::SHRINK);
        let error = forge(header, size, shrinkable).unwrap_err();
        assert!(
            matches!(error, AttachError::Unsealed { file: "down" }),
            "{error}"
        );
        let error = forge(header, size - 4096, DOWN_SEALS).unwrap_err();
        assert!(
            matches!(error, AttachError::Size { file: "down", .. }),
            "{error}"
        );
        for header in [&[0xff; 24][..], &[]] {
            let error = forge(header, size, DOWN_SEALS).unwrap_err();
            assert!(matches!(error, AttachError::Header), "{error}");
        }
        let error = forge(&header[..8], 8, DOWN_SEALS).unwrap_err();
        assert!(matches!(error, AttachError::Header), "{error}");
    }
}
